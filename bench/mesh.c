/* bench/mesh.c - contact plan of all pairs within 1,000 km: a file of element sets (the argument; else a made shell of 4,000)
 * for an hour, extended and forgotten in steps of five minutes. Says also what a scan over all pairs would cost, from a sample. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "orbit/sky.h"
#include "orbit/tle.h"
#include "orbit/walker.h"

enum { SATELLITES_MAX = 12000, MADE = 4000, SCANNED = 400 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print(const char *name, const char *unit, double value, double n)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"n\":%.0f,\"command\":\"./dev bench mesh\"}\n", name, unit, value, n);
}

static size_t sites_read(const char *path, struct site *sites)
{
    static uint8_t data[4 << 20];
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(data, 1, sizeof data, f) : 0, at = 0, count = 0;
    if (f)
        fclose(f);
    int line = 0;
    struct elements e;
    while (count < SATELLITES_MAX && tle_next(span_of(data, size), &at, &line, TLE_STRICT, &e, NULL) == ERR_OK) {
        sites[count] = (struct site){.node = (uint32_t)count + 1, .kind = SITE_SATELLITE, .elements = e};
        count++;
    }
    return count;
}

static size_t sites_make(struct site *sites)
{
    struct walker w = {.inclination_deg = 53, .total = MADE, .planes = 80, .phasing = 13, .altitude_km = 550,
                       .epoch = time_from_utc(2026, 1, 13, 12, 0, 0.0)};
    for (uint32_t k = 0; k < MADE; k++) {
        sites[k] = (struct site){.node = k + 1, .kind = SITE_SATELLITE};
        if (walker_elements(&w, k, &sites[k].elements) != ERR_OK)
            return 0;
    }
    return MADE;
}

/* Counts contacts that start within [from, until). */
static size_t contacts_started(const struct sky *sky, tai_ns from, tai_ns until)
{
    size_t total = 0, count;
    for (size_t k = 0; k < sky_pair_count(sky); k++) {
        const struct contact *c = sky_pair_contacts(sky, k, &count);
        for (size_t i = 0; i < count; i++)
            total += c[i].start >= from && c[i].start < until;
    }
    return total;
}

int main(int argc, char **argv)
{
    static struct site sites[SATELLITES_MAX];
    size_t count = argc > 1 ? sites_read(argv[1], sites) : sites_make(sites), pairs_most = 0, contacts = 0;
    tai_ns start = time_from_utc(2026, 1, 13, 12, 0, 0.0);
    struct link_rules rules = link_rules_default();
    rules.range_max_km = 1000;
    struct sky sky;
    double before = cpu_seconds();
    if (count == 0 || sky_init(&sky, NULL, sites, count, &rules, start) != ERR_OK)
        return EXIT_FAILURE;
    for (int step = 1; step <= 12; step++) {
        tai_ns from = sky_plan_end(&sky), until = start + step * 5 * NS_PER_MINUTE;
        if (sky_plan_extend(&sky, until) != ERR_OK)
            return EXIT_FAILURE;
        contacts += contacts_started(&sky, from, until);
        pairs_most = MAX(pairs_most, sky_pair_count(&sky));
        sky_plan_forget(&sky, until);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    print("mesh_all_pairs_1000_km_1_h", "s", cpu_seconds() - before, (double)count);
    print("mesh_contacts", "contacts", (double)contacts, (double)count);
    print("mesh_pairs_at_once", "pairs", (double)pairs_most, (double)count);
    print("mesh_memory", "MiB", (double)usage.ru_maxrss / 1024.0, (double)count);
    sky_free(&sky);

    rules.mesh_dense_max = SATELLITES_MAX; /* the plain way, for five minutes of some */
    size_t some = MIN(count, (size_t)SCANNED);
    before = cpu_seconds();
    if (sky_init(&sky, NULL, sites, some, &rules, start) != ERR_OK || sky_plan_extend(&sky, start + 5 * NS_PER_MINUTE) != ERR_OK)
        return EXIT_FAILURE;
    double share = (double)some * (double)(some - 1) / ((double)count * (double)(count - 1));
    print("mesh_scan_over_all_pairs_expected", "s", (cpu_seconds() - before) * 12.0 / share, (double)count);
    sky_free(&sky);
    return EXIT_SUCCESS;
}
