/* bench/sgp4.c - propagations per CPU second and core: near-Earth, deep space, and set-up from
 * elements. */
#include <stdio.h>
#include <time.h>

#include "orbit/sgp4.h"

enum { SATELLITES = 1000, ROUNDS = 1000 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_rate(const char *name, double count, double seconds)
{
    printf("{\"name\":\"%s\",\"unit\":\"1/s\",\"value\":%.0f,\"n\":%.0f,\"command\":\"./dev bench "
           "sgp4\"}\n",
           name, count / seconds, count);
}

static struct elements element_set(int k, double mean_motion)
{
    return (struct elements){
        .mean_motion_rev_day = mean_motion,
        .eccentricity = 1e-4 + 1e-6 * k,
        .inclination_deg = 43.0 + 0.05 * k,
        .raan_deg = 0.36 * k,
        .argument_of_perigee_deg = 0.3 * k,
        .mean_anomaly_deg = 0.1 * k,
        .bstar = 1e-4,
    };
}

static void bench(const char *name, double mean_motion)
{
    static struct sgp4 s[SATELLITES];
    double start = cpu_seconds();
    for (int k = 0; k < SATELLITES; k++) {
        struct elements e = element_set(k, mean_motion);
        if (sgp4_init(&s[k], &e) != ERR_OK)
            return;
    }
    char label[64];
    snprintf(label, sizeof label, "sgp4_init_%s", name);
    print_rate(label, SATELLITES, cpu_seconds() - start);
    double sum = 0.0;
    start = cpu_seconds();
    for (int round = 0; round < ROUNDS; round++)
        for (int k = 0; k < SATELLITES; k++) {
            double r[3], v[3];
            if (sgp4_propagate(&s[k], 1.44 * round, r, v) != SGP4_OK)
                return;
            sum += r[0] + v[2];
        }
    double seconds = cpu_seconds() - start;
    snprintf(label, sizeof label, "sgp4_propagate_%s", name);
    if (sum != 0.0) /* keeps the work */
        print_rate(label, (double)SATELLITES * ROUNDS, seconds);
}

int main(void)
{
    bench("near_earth", 15.05);
    bench("deep_space", 2.6);
    return 0;
}
