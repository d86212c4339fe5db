/*
 * craft/radiation.h - upsets, resets, latch-ups and dose, where and when they come.
 *
 * Story:   particles hit a satellite at a rate that depends on where it is: a background of cosmic rays that the
 *          Earth's field keeps from low latitudes, and the South Atlantic Anomaly, two bumps on the globe; storms
 *          multiply both. `radiation_next` finds the next hit of one process of one member by thinning: candidates come
 *          at a constant bound per hour, each is kept with probability rate / bound. Every number is a hash of
 *          (seed, node, process, hour, index), so nothing is remembered between calls and the order of asking cannot matter.
 *          The position is asked for candidates only, and rounded to 100 m before it decides anything.
 * Use:     radiation_sky_init once (a millisecond); per member and process a radiation_source from radiation_source_of;
 *          then from = e.at + 1 again and again:
 *              while (radiation_next(&sky, &source, radiation_where_sky, &place, from, until, &e)) { ...; from = e.at + 1; }
 *          Dose: add radiation_dose_rate() * days at each craft step, look at radiation_health().
 * Cost:    about (bound / mean, 10 to 40) candidates with one position each per hit kept, and one hash per empty hour.
 * Units:   days are 86,400 s; rad(Si); bits; positions Earth-fixed in km. Model and sources: docs/model/radiation.md.
 * Errors:  ERR_RANGE for parameters without meaning; ERR_FULL for too many storms.
 * Threads: pure.
 */
#ifndef NOCT_CRAFT_RADIATION_H
#define NOCT_CRAFT_RADIATION_H

#include "orbit/sky.h"

enum { RADIATION_STORMS_MAX = 64 };

enum radiation_process {
    RADIATION_MEMORY_UPSET,         /* bits of working memory turn */
    RADIATION_STORAGE_UPSET,        /* bits at rest turn */
    RADIATION_MEMORY_UNCORRECTABLE, /* an error that the memory's own code cannot correct: the node crashes or restarts a job */
    RADIATION_RESET,                /* functional interrupt: the processor starts again, without a power cycle */
    RADIATION_LATCH_UP,             /* needs a power cycle: off for `latch_up_off`, then boots; rarely it burns out */
    RADIATION_PROCESS_COUNT
};
const char *radiation_process_name(enum radiation_process p);

/* How many bits a hit turns: 98.6, 1.22 and 0.18 per cent (Alsat-1). A correcting code repairs the first, detects the second. */
enum radiation_severity { RADIATION_SINGLE, RADIATION_DOUBLE, RADIATION_MULTIPLE, RADIATION_SEVERITIES };

struct radiation_storm {
    tai_ns start, end;
    double factor;   /* of every rate, >= 1 */
    double dose_rad; /* on top, spread evenly over the storm */
};

/* The environment, shared by all. */
struct radiation_sky {
    double saa_share; /* of the upsets of the reference orbit that come within the Anomaly */
    struct radiation_storm storms[RADIATION_STORMS_MAX]; /* sorted, disjoint */
    size_t storm_count;
    double background_scale, anomaly_scale; /* make the means over the reference orbit 1 - saa_share and saa_share */
    double bump[2][3][3];                   /* east, north and up at the peak of each bump, Earth-fixed */
};
err radiation_sky_init(struct radiation_sky *s, double saa_share) MUST_USE;
err radiation_storm_add(struct radiation_sky *s, const struct radiation_storm *storm) MUST_USE; /* ERR_CONFLICT: overlap */
/* Storms drawn from the seed: `per_year` Poisson, each of 1 to 3 days, factor 2 to 20, 30 rad. Keyed by day. */
err radiation_storms_draw(struct radiation_sky *s, uint64_t seed, double per_year, tai_ns from, tai_ns until) MUST_USE;
double radiation_storm_factor(const struct radiation_sky *s, tai_ns t);

/* Rate at a place over the mean of the reference orbit (686 km, sun-synchronous), without storms. */
struct radiation_field {
    double background, anomaly;
};
struct radiation_field radiation_field_at(const struct radiation_sky *s, const double r_ecef_km[3]);

/* What a member is made of. */
struct radiation_params {
    double memory_bits, storage_bits;
    double memory_upsets_per_bit_day, storage_upsets_per_bit_day; /* on the reference orbit */
    double dose_rad_per_year; /* behind its shield, on the reference orbit */
    double rad_per_uncorrectable, memory_chips;
    double resets_per_year, latch_ups_per_year;
    double burn_out_share;    /* of the latch-ups */
    duration_ns latch_up_off;
    double derate_rad, death_rad;
};
struct radiation_params radiation_params_cots(void);     /* 4.04e-7 upsets per bit and day */
struct radiation_params radiation_params_tolerant(void); /* 3.5e-9, latch-up immune */
err radiation_params_check(const struct radiation_params *p) MUST_USE;

/* One process of one member. */
struct radiation_source {
    uint64_t seed;
    uint32_t node;
    enum radiation_process process;
    double per_day;         /* on the reference orbit, of the severities that count */
    double altitude_max_km; /* bound of the orbit's height above 6378.137 km; higher places count as this one */
    enum radiation_severity severity_least; /* smaller ones are not drawn (they are corrected unseen) */
    double burn_out_share;                  /* LATCH_UP */
};
struct radiation_source radiation_source_of(const struct radiation_params *p, enum radiation_process process, uint64_t seed,
                                            uint32_t node, double altitude_max_km, enum radiation_severity severity_least);

struct radiation_event {
    tai_ns at;
    enum radiation_severity severity; /* of upsets; SINGLE otherwise */
    bool anomaly, storm;              /* where it came from */
    bool burn_out;                    /* LATCH_UP: the member does not come back */
    uint64_t draw;                    /* uniform: which bit, which byte, which job */
};

/* Where the member is; false: no position (nothing hits it). */
typedef bool radiation_where(void *context, tai_ns t, double r_ecef_km[3]);
struct radiation_place { /* a ready one, over a sky */
    const struct sky *sky;
    uint32_t node;
};
bool radiation_where_sky(void *place, tai_ns t, double r_ecef_km[3]);

/* The first event with from <= at < until; false: none. */
bool radiation_next(const struct radiation_sky *s, const struct radiation_source *source, radiation_where *where, void *context,
                    tai_ns from, tai_ns until, struct radiation_event *out) MUST_USE;

/* Dose. */
double radiation_dose_rate(const struct radiation_sky *s, const struct radiation_params *p, const double r_ecef_km[3],
                           tai_ns t); /* rad per day */
/* No orbit up to this height takes more in so many days, all storms included: rad. */
double radiation_dose_bound(const struct radiation_sky *s, const struct radiation_params *p, double altitude_max_km, double days);
enum radiation_health { RADIATION_WELL, RADIATION_DERATED, RADIATION_DEAD };
enum radiation_health radiation_health(const struct radiation_params *p, uint64_t dose_mrad);
/* Share of the memory that can still be used, permille: 1000 to the derating dose, 500 at the deadly one, 0 beyond. */
uint32_t radiation_memory_permille(const struct radiation_params *p, uint64_t dose_mrad);

#endif
