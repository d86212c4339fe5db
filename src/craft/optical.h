/*
 * craft/optical.h - an optical terminal: how much light arrives, which rate it carries, how long pointing takes, when it is lost.
 *
 * Story:   two terminals see each other. The link budget says how many photons per bit arrive at a rate over a distance;
 *          the ladder's highest rate with enough of them is the link's. Before that the telescope slews and searches in a
 *          spiral until the beams meet: the time is exponential, because the squared pointing error is; a search may
 *          pass the peer by (miss) and start again. Afterwards tracking is lost now and then, as a rate. A jammer needs
 *          to be louder than the signal allows, in the direction the telescope looks.
 * Units:   m, W, rad, km, dB, s as named. Budget and times are computed with portable functions; times leave in whole
 *          nanoseconds, ranges in whole metres: what leaves may decide.
 * Random:  keyed by the caller's key and the attempt, so order cannot matter.
 * Source:  docs/model/optical.md. Errors: ERR_RANGE for parameters without meaning. Threads: pure.
 */
#ifndef NOCT_CRAFT_OPTICAL_H
#define NOCT_CRAFT_OPTICAL_H

#include "base/time.h"

enum { OPTICAL_RUNGS_MAX = 8 };

struct optical_rung {
    uint64_t rate_bps;
    double photons_per_bit; /* needed at the detector, with margin */
};

struct optical_terminal {
    double aperture_m, wavelength_m, power_w;
    double loss_db;               /* optics of this end, both ways counted once per end */
    double bias_rad, jitter_rad;  /* pointing error while tracking: constant, and rms per axis */
    struct optical_rung rungs[OPTICAL_RUNGS_MAX]; /* rising rates */
    uint32_t rung_count;
    double slew_rad_s, settle_s;  /* turning the telescope */
    double uncertainty_rad;       /* rms per axis of where the peer is when the search starts */
    double scan_rad2_s;           /* area searched per second */
    double scan_sigmas;           /* radius of one search; then again from the middle */
    double miss;                  /* probability that a search passes the peer unseen */
    double reacquire_s;           /* mean, after a loss of tracking: the error is small then */
    double losses_per_hour;       /* of tracking */
    double rejection_db;          /* of light from outside the field of view */
    double field_rad;             /* diameter of the receiver's field of view (1/e^2) */
    double signal_to_jam_db;      /* needed */
    double draw_w, mass_kg;
};

struct optical_terminal optical_terminal_80mm(void); /* 2.5 to 100 Gb/s, 80 mm, 1 W, 1550 nm */
struct optical_terminal optical_terminal_small(void); /* 0.1 to 2.5 Gb/s, 30 mm, 0.3 W */
err optical_check(const struct optical_terminal *t) MUST_USE;

struct optical_budget {
    double gain_sent_db, gain_received_db, space_loss_db, pointing_loss_db, other_loss_db;
    double received_dbm;
};
/* From a to b; `extra_loss_db` is the atmosphere's, 0 between satellites. */
struct optical_budget optical_budget_of(const struct optical_terminal *a, const struct optical_terminal *b, double range_km,
                                        double extra_loss_db);
double optical_photons_per_bit(const struct optical_budget *budget, double wavelength_m, uint64_t rate_bps);
double optical_pointing_loss_db(const struct optical_terminal *t, double bias_rad, double jitter_rad);

/* The rate both directions carry; 0: none. A rung counts when both ends have it. */
uint64_t optical_rate_bps(const struct optical_terminal *a, const struct optical_terminal *b, double range_km, double extra_loss_db);
/* The farthest range at which a rate stands, whole metres; 0: never (no such rung). */
uint64_t optical_range_m(const struct optical_terminal *a, const struct optical_terminal *b, uint64_t rate_bps, double extra_loss_db);
/* Rates and the ranges they reach, fastest first. Returns how many. */
struct optical_step {
    uint64_t rate_bps, range_m;
};
uint32_t optical_ladder(const struct optical_terminal *a, const struct optical_terminal *b, double extra_loss_db,
                        struct optical_step out[OPTICAL_RUNGS_MAX]);

/* A jammer of `power_w` into an antenna of `gain_db`, `range_km` away and `off_axis_rad` from the peer. Positive: the link stands. */
double optical_jam_margin_db(const struct optical_budget *signal, const struct optical_terminal *receiver, double power_w,
                             double gain_db, double range_km, double off_axis_rad);

/* Time to point: turning by an angle, then searching. */
duration_ns optical_slew_ns(const struct optical_terminal *t, double angle_rad);
double optical_search_mean_s(const struct optical_terminal *t);      /* one endless search: 2 pi sigma^2 / rate */
double optical_acquisition_mean_s(const struct optical_terminal *t); /* with misses and repeated searches */
/* Turning half around and as many searches as leave one peer in a million unfound; whole seconds. */
duration_ns optical_acquisition_most_ns(const struct optical_terminal *t);
struct optical_acquisition {
    duration_ns duration;
    uint32_t searches; /* 1: found at the first */
};
struct optical_acquisition optical_acquire(const struct optical_terminal *t, uint64_t key, uint64_t attempt);
duration_ns optical_reacquire_ns(const struct optical_terminal *t, uint64_t key, uint64_t attempt);
/* The first loss of tracking with from < at < until; TIME_NEVER: none. */
int64_t optical_loss_next(const struct optical_terminal *t, uint64_t key, int64_t from, int64_t until);
/* Share of the time that a link stands when it must be acquired so often. */
double optical_availability(const struct optical_terminal *t, double acquisitions_per_day);

#endif
