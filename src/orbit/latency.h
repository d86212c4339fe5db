/*
 * orbit/latency.h - how long from city to city over a constellation, against fibre.
 *
 * Story:   pairs of cities, a constellation (a sky's satellites and link rules), a span of time: at each step the shortest way
 *          (least light time; no queues, no processing) between the two cities of each pair, over satellites only. Beside it
 *          what fibre would need: along the great circle at 1.468 / c, and with the cable 1.5 times as long.
 * Units:   milliseconds there and back, kilometres; TAI ns.   Errors: ERR_INVALID with line; ERR_NO_MEMORY.
 * Limits:  LATENCY_PAIRS_MAX pairs, LATENCY_HOPS_MAX nodes on a way.   Threads: single owner.
 */
#ifndef NOCT_ORBIT_LATENCY_H
#define NOCT_ORBIT_LATENCY_H

#include "base/text.h"
#include "orbit/snapshot.h"

enum { LATENCY_PAIRS_MAX = 1000, LATENCY_HOPS_MAX = 512 };

struct latency_city {
    char name[64];
    double latitude_deg, longitude_deg;
};

struct latency_pair {
    struct latency_city from, to;
};

struct latency_sample {
    size_t pair;
    tai_ns time;
    double rtt_ms; /* negative: no way */
    uint32_t hops; /* links on the way; 0: no way */
    bool changed;  /* not the way of the step before */
};

struct latency_summary {
    double great_circle_km, fibre_ms, fibre_stretched_ms; /* there and back */
    uint32_t samples, reachable, changes, hops_least, hops_most;
    double rtt_least_ms, rtt_most_ms, rtt_sum_ms;
    uint32_t faster_samples; /* of those reachable: faster than the stretched fibre */
    uint64_t way_digest;     /* of the last way, to notice changes */
};

/* from,from_latitude_deg,from_longitude_deg,to,to_latitude_deg,to_longitude_deg under such a header. */
err latency_pairs_read(struct span csv, struct latency_pair *out, size_t capacity, size_t *count, struct parse_error *error) MUST_USE;

/* A snapshot of the sky's satellites whose stations are the cities: pair k has stations 2 k and 2 k + 1. */
err latency_snapshot(const struct sky *sky, const struct latency_pair *pairs, size_t count, struct snapshot *out) MUST_USE;

struct latency_summary latency_summary_of(const struct latency_pair *pair);
typedef void latency_sink(void *context, const struct latency_sample *sample);
/* One step: moves the snapshot, tells each pair's sample (sink may be NULL), adds it to its summary. */
err latency_step(struct snapshot *s, size_t count, tai_ns t, struct latency_summary *summaries, latency_sink *sink,
                 void *context) MUST_USE;
double latency_mean_ms(const struct latency_summary *s); /* negative: never reachable */

#endif
