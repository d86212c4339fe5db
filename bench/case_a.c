/* bench/case_a.c - the standard case of LEO network simulators: 72 x 22 satellites, 550 km, 53 degrees, +Grid, the 100 largest
 * cities, shortest ways between all pairs, 60 steps of 60 s. Hypatia needs 891 CPU seconds for it, Celestial 520. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "orbit/hypatia.h"

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct span file_read(const char *path)
{
    static uint8_t data[1 << 16];
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(data, 1, sizeof data, f) : 0;
    if (f)
        fclose(f);
    return span_of(data, size);
}

static void print(const char *name, const char *unit, double value, double n)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.8g,\"n\":%.0f,\"command\":\"./dev bench case_a\"}\n", name, unit, value, n);
}

/* One case: the time of all steps, and the mean way between stations. */
static bool run(const char *name, const struct hypatia_shell *shell)
{
    struct hypatia h;
    struct snapshot s;
    double before = cpu_seconds(), moving = 0.0, sum = 0.0;
    size_t pairs = 0, unreachable = 0;
    if (hypatia_make(&h, shell) != ERR_OK || hypatia_read_stations(&h, file_read("tests/data/cities_100.csv"), NULL) != ERR_OK ||
        hypatia_snapshot(&h, NULL, &s) != ERR_OK)
        return false;
    for (int step = 0; step < 60; step++) {
        double start = cpu_seconds();
        if (snapshot_at(&s, h.satellites[0].epoch + step * NS_PER_MINUTE) != ERR_OK)
            return false;
        moving += cpu_seconds() - start;
        for (uint32_t from = 0; from < h.station_count; from += PATHS_LANES) {
            uint32_t roots[PATHS_LANES], lanes = MIN(h.station_count - from, (uint32_t)PATHS_LANES);
            for (uint32_t lane = 0; lane < lanes; lane++)
                roots[lane] = snapshot_station(&s, from + lane);
            if (paths_from_each(&s.paths, roots, lanes) != ERR_OK)
                return false;
            for (uint32_t to = 0; to < h.station_count; to++)
                for (uint32_t lane = 0; lane < lanes; lane++) {
                    double km = s.paths.lanes_km[snapshot_station(&s, to)][lane];
                    if (to == from + lane)
                        continue;
                    pairs++;
                    unreachable += isinf(km) != 0;
                    sum += isinf(km) ? 0.0 : km;
                }
        }
    }
    double seconds = cpu_seconds() - before;
    char label[64];
    snprintf(label, sizeof label, "%s_cpu", name);
    print(label, "s", seconds, 60);
    snprintf(label, sizeof label, "%s_positions_and_graph", name);
    print(label, "s", moving, 60);
    snprintf(label, sizeof label, "%s_mean_way", name);
    print(label, "km", sum / (double)(pairs - unreachable), (double)pairs);
    snprintf(label, sizeof label, "%s_unreachable", name);
    print(label, "pairs", (double)unreachable, (double)pairs);
    snapshot_free(&s);
    hypatia_free(&h);
    return true;
}

int main(void)
{
    static const struct hypatia_shell large = {"Shell-10000", 100, 100, 53.0, 15.19, 550.0, 1089.6864181956203};
    return run("case_a", &hypatia_starlink_550) && run("case_a_10000_satellites", &large) ? EXIT_SUCCESS : EXIT_FAILURE;
}
