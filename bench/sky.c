/* bench/sky.c - contact plan of 1,000 satellites (+Grid) and 2 gateways for 100 minutes; cost of
 * questions. */
#include <stdio.h>
#include <time.h>

#include "orbit/sky.h"
#include "orbit/walker.h"

enum { SATELLITES = 1000, SITES = SATELLITES + 2 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print(const char *name, const char *unit, double value, double n)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"n\":%.0f,\"command\":\"./dev bench "
           "sky\"}\n",
           name, unit, value, n);
}

static bool sites_fill(struct site *sites, tai_ns epoch)
{
    struct walker w = {.inclination_deg = 53,
                       .total = SATELLITES,
                       .planes = 25,
                       .phasing = 1,
                       .altitude_km = 550,
                       .epoch = epoch};
    for (uint32_t k = 0; k < SATELLITES; k++) {
        sites[k] =
            (struct site){.node = 10 + k, .kind = SITE_SATELLITE, .plane = k / 40, .slot = k % 40};
        if (walker_elements(&w, k, &sites[k].elements) != ERR_OK)
            return false;
    }
    sites[SATELLITES] =
        (struct site){.node = 1, .kind = SITE_GROUND, .latitude_deg = 48, .longitude_deg = 11};
    sites[SATELLITES + 1] =
        (struct site){.node = 2, .kind = SITE_GROUND, .latitude_deg = -33, .longitude_deg = 151};
    return true;
}

int main(void)
{
    static struct site sites[SITES];
    tai_ns start = time_from_utc(2026, 11, 21, 6, 0, 0.0);
    struct link_rules rules = link_rules_default();
    rules.topology = TOPOLOGY_GRID;
    struct sky sky;
    if (!sites_fill(sites, start) || sky_init(&sky, NULL, sites, SITES, &rules, start) != ERR_OK)
        return 1;
    double before = cpu_seconds();
    if (sky_plan_extend(&sky, start + 100 * NS_PER_MINUTE) != ERR_OK)
        return 1;
    double seconds = cpu_seconds() - before;
    size_t contacts = 0, count;
    for (size_t k = 0; k < sky_pair_count(&sky); k++) {
        sky_pair_contacts(&sky, k, &count);
        contacts += count;
    }
    print("sky_plan_1000_satellites_100_minutes", "s", seconds, (double)contacts);

    before = cpu_seconds();
    uint64_t sum = 0;
    const int rounds = 1000000;
    for (int k = 0; k < rounds; k++)
        sum +=
            sky_contact_at(&sky, 1, 10 + (uint32_t)k % SATELLITES, start + k * 5000000LL) != NULL;
    print("sky_contact_at", "ns", (cpu_seconds() - before) / rounds * 1e9, rounds);

    before = cpu_seconds();
    struct state s;
    const int places = 200000;
    for (int k = 0; k < places; k++)
        if (sky_position(&sky, 10 + (uint32_t)k % SATELLITES, start + k * 5000000LL, &s) != ERR_OK)
            return 1;
    print("sky_position", "ns", (cpu_seconds() - before) / places * 1e9, places);
    sky_free(&sky);
    return sum == 0; /* some contact must have been seen */
}
