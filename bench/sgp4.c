/* bench/sgp4.c - propagations per CPU second and core: near-Earth and deep space, one by one and in
 * batches of each width, and set-up from elements. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "orbit/element_file.h"
#include "orbit/sgp4_batch.h"

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

/* All satellites at each time, at every width that this CPU has; prints the ratio to the scalar
 * path. */
static void bench_batch(const char *name, const struct sgp4 *s, double scalar_rate)
{
    static const struct sgp4 *list[SATELLITES];
    static double numbers[6][SATELLITES];
    static uint8_t status[SATELLITES];
    static const char *const widths[] = {"2", "4", "8"};
    const struct sgp4_states states = {numbers[0], numbers[1], numbers[2], numbers[3],
                                       numbers[4], numbers[5], status};
    struct sgp4_batch b;
    for (int k = 0; k < SATELLITES; k++)
        list[k] = &s[k];
    if (sgp4_batch_init(&b, NULL, list, SATELLITES) != ERR_OK)
        return;
    for (int w = SGP4_WIDTH_2; w <= (int)sgp4_batch_widest(); w++) {
        double sum = 0.0, start = cpu_seconds();
        b.width = (enum sgp4_width)w;
        for (int round = 0; round < ROUNDS; round++) {
            sgp4_batch_at(&b, (tai_ns)round * 86400 * NS_PER_MS, 0, b.block_count, &states);
            sum += numbers[0][round] + numbers[5][round];
        }
        double rate = (double)SATELLITES * ROUNDS / (cpu_seconds() - start);
        char label[64];
        snprintf(label, sizeof label, "sgp4_batch_%s_width_%s", name, widths[w]);
        if (sum != 0.0)
            print_rate(label, (double)SATELLITES * ROUNDS, (double)SATELLITES * ROUNDS / rate);
        printf("{\"name\":\"%s_ratio\",\"unit\":\"1\",\"value\":%.2f,\"n\":1,\"command\":\"./dev "
               "bench sgp4\"}\n",
               label, rate / scalar_rate);
    }
    sgp4_batch_free(&b);
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
    bench_batch(name, s, (double)SATELLITES * ROUNDS / seconds);
}

static err take(void *context, const struct elements *e)
{
    static struct sgp4 s;
    ++*(size_t *)context;
    return sgp4_init(&s, e);
}

/* A catalogue from text to prepared satellites: all Starlinks where the reference data lie beside
 * the clone, else the sample repeated. */
static void bench_catalogue(void)
{
    enum { MOST = 4 << 20 };
    static char text[MOST];
    const char *whole = "../shared/data/starlink_20260113.tle",
               *sample = "tests/data/starlink_sample.tle";
    FILE *f = fopen(whole, "rb");
    int times = f ? 1 : 20;
    f = f ? f : fopen(sample, "rb");
    if (!f)
        return;
    size_t size = fread(text, 1, MOST, f), count = 0;
    fclose(f);
    const struct element_rules rules = {0};
    struct element_summary summary;
    double start = cpu_seconds();
    for (int k = 0; k < times; k++)
        if (element_file_read(span_of(text, size), &rules, take, NULL, &count, &summary, NULL) !=
            ERR_OK)
            return;
    printf("{\"name\":\"catalogue_read_and_init\",\"unit\":\"s\",\"value\":%.4f,\"n\":%zu,"
           "\"command\":\"./dev bench "
           "sgp4\"}\n",
           cpu_seconds() - start, count);
}

int main(void)
{
    bench_catalogue();
    bench("near_earth", 15.05);
    bench("deep_space", 2.6);
    return 0;
}
