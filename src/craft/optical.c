#include "craft/optical.h"

#include <math.h>

#include "craft/portable.h"

#define PLANCK_J_S 6.62607015e-34
#define LIGHT_M_S 299792458.0
#define BEAM_FACTOR 1.27 /* 1/e^2 full width of a diffraction-limited beam in units of wavelength / aperture */
#define CELL_NS NS_PER_HOUR
#define UNFOUND_MOST 1e-6
enum { SEARCHES_MAX = 64 };

struct optical_terminal optical_terminal_80mm(void)
{
    return (struct optical_terminal){
        .aperture_m = 0.080,
        .wavelength_m = 1550e-9,
        .power_w = 1.0,
        .loss_db = 4.0,
        .jitter_rad = 1e-6,
        .rungs = {{2500000000, 50.0}, {10000000000, 20.0}, {25000000000, 12.0}, {100000000000, 8.0}},
        .rung_count = 4,
        .slew_rad_s = 0.1,
        .settle_s = 1.0,
        .uncertainty_rad = 300e-6,
        .scan_rad2_s = 4.712389e-8, /* 12 s on the mean */
        .scan_sigmas = 3.5,
        .miss = 0.02,
        .reacquire_s = 2.0,
        .losses_per_hour = 0.05,
        .rejection_db = 60.0,
        .field_rad = 200e-6,
        .signal_to_jam_db = 10.0,
        .draw_w = 60.0,
        .mass_kg = 11.9,
    };
}

struct optical_terminal optical_terminal_small(void)
{
    struct optical_terminal t = optical_terminal_80mm();
    t.aperture_m = 0.030;
    t.power_w = 0.3;
    t.jitter_rad = 4e-6;
    t.rungs[0] = (struct optical_rung){100000000, 50.0};
    t.rungs[1] = (struct optical_rung){1000000000, 30.0};
    t.rungs[2] = (struct optical_rung){2500000000, 25.0};
    t.rung_count = 3;
    t.uncertainty_rad = 600e-6;
    t.scan_rad2_s = 4.0 * 4.712389e-8;
    t.draw_w = 12.0;
    t.mass_kg = 1.5;
    return t;
}

static bool between(double value, double least, double most)
{
    return value >= least && value <= most; /* false for NaN */
}

err optical_check(const struct optical_terminal *t)
{
    const struct {
        double value, least, most;
    } ranges[] = {
        {t->aperture_m, 1e-3, 10},      {t->wavelength_m, 1e-7, 2e-5},  {t->power_w, 1e-6, 1e4},      {t->loss_db, 0, 60},
        {t->bias_rad, 0, 0.1},          {t->jitter_rad, 0, 0.1},        {t->slew_rad_s, 1e-6, 100},   {t->settle_s, 0, 3600},
        {t->uncertainty_rad, 1e-9, 1},  {t->scan_rad2_s, 1e-15, 100},   {t->scan_sigmas, 0.5, 8},     {t->miss, 0, 0.9},
        {t->reacquire_s, 0, 3600},      {t->losses_per_hour, 0, 1000},  {t->rejection_db, 0, 200},    {t->field_rad, 1e-7, 1},
        {t->signal_to_jam_db, -30, 60}, {t->draw_w, 0, 1e5},            {t->mass_kg, 0, 1e5},
    };
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        if (!between(ranges[i].value, ranges[i].least, ranges[i].most))
            return ERR_RANGE;
    if (t->rung_count < 1 || t->rung_count > OPTICAL_RUNGS_MAX)
        return ERR_RANGE;
    for (uint32_t i = 0; i < t->rung_count; i++)
        if (t->rungs[i].rate_bps < 1000 || t->rungs[i].rate_bps > 100000000000000 || !between(t->rungs[i].photons_per_bit, 1e-3, 1e6) ||
            (i > 0 && t->rungs[i].rate_bps <= t->rungs[i - 1].rate_bps))
            return ERR_RANGE;
    double search = optical_search_mean_s(t); /* a search of a day is none, and endless repetition neither */
    return search <= 86400.0 && between(search, 1e-6, 86400.0) ? ERR_OK : ERR_RANGE;
}

/* ---- the budget --------------------------------------------------------------------------------------------------- */

static double gain_db(const struct optical_terminal *t)
{
    double k = M_PI * t->aperture_m / t->wavelength_m;
    return portable_decibel(k * k);
}

/* exp(-8 theta^2 / w^2) averaged over a Gaussian jitter of the two axes around a bias. */
double optical_pointing_loss_db(const struct optical_terminal *t, double bias_rad, double jitter_rad)
{
    double w = BEAM_FACTOR * t->wavelength_m / t->aperture_m, spread = w * w + 16.0 * jitter_rad * jitter_rad;
    return portable_decibel(spread / (w * w)) + 8.0 * bias_rad * bias_rad / spread * 4.34294481903251828;
}

static double space_loss_db(double range_km, double wavelength_m)
{
    double ratio = 4.0 * M_PI * range_km * 1000.0 / wavelength_m;
    return portable_decibel(ratio * ratio);
}

struct optical_budget optical_budget_of(const struct optical_terminal *a, const struct optical_terminal *b, double range_km,
                                        double extra_loss_db)
{
    struct optical_budget o = {
        .gain_sent_db = gain_db(a),
        .gain_received_db = gain_db(b),
        .space_loss_db = space_loss_db(fmax(range_km, 1e-3), a->wavelength_m),
        .pointing_loss_db = optical_pointing_loss_db(a, a->bias_rad, a->jitter_rad),
        .other_loss_db = a->loss_db + b->loss_db + extra_loss_db,
    };
    o.received_dbm = portable_decibel(a->power_w) + 30.0 + o.gain_sent_db + o.gain_received_db - o.space_loss_db -
                     o.pointing_loss_db - o.other_loss_db;
    return o;
}

double optical_photons_per_bit(const struct optical_budget *budget, double wavelength_m, uint64_t rate_bps)
{
    double watts = portable_ratio(budget->received_dbm - 30.0), photon_j = PLANCK_J_S * LIGHT_M_S / wavelength_m;
    return watts / (photon_j * (double)rate_bps);
}

static const struct optical_rung *rung_of(const struct optical_terminal *t, uint64_t rate_bps)
{
    for (uint32_t i = 0; i < t->rung_count; i++)
        if (t->rungs[i].rate_bps == rate_bps)
            return &t->rungs[i];
    return NULL;
}

/* Light falls with the square of the distance, so the budget at one kilometre gives the range. */
static double range_one_way_m(const struct optical_terminal *from, const struct optical_terminal *to, const struct optical_rung *rung,
                              double extra_loss_db)
{
    struct optical_budget near = optical_budget_of(from, to, 1.0, extra_loss_db);
    return 1000.0 * sqrt(optical_photons_per_bit(&near, from->wavelength_m, rung->rate_bps) / rung->photons_per_bit);
}

uint64_t optical_range_m(const struct optical_terminal *a, const struct optical_terminal *b, uint64_t rate_bps, double extra_loss_db)
{
    const struct optical_rung *at_a = rung_of(a, rate_bps), *at_b = rung_of(b, rate_bps);
    if (!at_a || !at_b)
        return 0;
    double range = fmin(range_one_way_m(a, b, at_b, extra_loss_db), range_one_way_m(b, a, at_a, extra_loss_db));
    return (uint64_t)fmin(range, 1e15);
}

uint32_t optical_ladder(const struct optical_terminal *a, const struct optical_terminal *b, double extra_loss_db,
                        struct optical_step out[OPTICAL_RUNGS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = a->rung_count; i-- > 0;) {
        struct optical_step step = {a->rungs[i].rate_bps, optical_range_m(a, b, a->rungs[i].rate_bps, extra_loss_db)};
        if (step.range_m > 0 && (count == 0 || step.range_m > out[count - 1].range_m)) /* else a faster one reaches as far */
            out[count++] = step;
    }
    return count;
}

uint64_t optical_rate_bps(const struct optical_terminal *a, const struct optical_terminal *b, double range_km, double extra_loss_db)
{
    struct optical_step steps[OPTICAL_RUNGS_MAX];
    uint32_t count = optical_ladder(a, b, extra_loss_db, steps);
    for (uint32_t i = 0; i < count; i++)
        if (range_km * 1000.0 <= (double)steps[i].range_m)
            return steps[i].rate_bps;
    return 0;
}

double optical_jam_margin_db(const struct optical_budget *signal, const struct optical_terminal *receiver, double power_w,
                             double gain_jammer_db, double range_km, double off_axis_rad)
{
    double x = off_axis_rad / receiver->field_rad, off_axis_db = 8.0 * x * x * 4.34294481903251828;
    double jam_dbm = portable_decibel(fmax(power_w, 1e-30)) + 30.0 + gain_jammer_db + gain_db(receiver) -
                     space_loss_db(fmax(range_km, 1e-3), receiver->wavelength_m) - receiver->loss_db -
                     fmin(off_axis_db, receiver->rejection_db);
    return signal->received_dbm - jam_dbm - receiver->signal_to_jam_db;
}

/* ---- pointing, acquisition, tracking ------------------------------------------------------------------------------ */

static duration_ns nanoseconds(double seconds)
{
    return (duration_ns)(fmin(seconds, 1e9) * 1e9 + 0.5);
}

duration_ns optical_slew_ns(const struct optical_terminal *t, double angle_rad)
{
    return nanoseconds(t->settle_s + fabs(angle_rad) / t->slew_rad_s);
}

double optical_search_mean_s(const struct optical_terminal *t)
{
    return 2.0 * M_PI * t->uncertainty_rad * t->uncertainty_rad / t->scan_rad2_s;
}

/* A whole search covers scan_sigmas; the squared error beyond it has probability exp(-sigmas^2 / 2). */
static double search_whole_s(const struct optical_terminal *t)
{
    return optical_search_mean_s(t) * t->scan_sigmas * t->scan_sigmas / 2.0;
}

double optical_acquisition_mean_s(const struct optical_terminal *t)
{
    double mean = optical_search_mean_s(t), whole = search_whole_s(t), outside = portable_exp(-whole / mean);
    double success = (1.0 - outside) * (1.0 - t->miss);
    return whole * (1.0 - success) / success + mean - whole * outside / (1.0 - outside);
}

duration_ns optical_acquisition_most_ns(const struct optical_terminal *t)
{
    double whole = search_whole_s(t), outside = portable_exp(-whole / optical_search_mean_s(t)), unfound = 1.0, spent = 0.0;
    for (uint32_t search = 0; unfound > UNFOUND_MOST && search < SEARCHES_MAX; search++) {
        unfound *= 1.0 - (1.0 - outside) * (1.0 - t->miss);
        spent += whole;
    }
    return (optical_slew_ns(t, M_PI) + nanoseconds(spent)) / NS_PER_S * NS_PER_S + NS_PER_S;
}

struct optical_acquisition optical_acquire(const struct optical_terminal *t, uint64_t key, uint64_t attempt)
{
    double mean = optical_search_mean_s(t), whole = search_whole_s(t), spent = 0.0;
    for (uint32_t search = 1;; search++) {
        uint64_t index = attempt * 2 * SEARCHES_MAX + 2 * search;
        double found = mean * keyed_exponential(key, index);
        bool missed = found > whole || keyed_unit(key, index + 1) < t->miss;
        if (!missed || search == SEARCHES_MAX - 1)
            return (struct optical_acquisition){nanoseconds(spent + fmin(found, whole)), search};
        spent += whole;
    }
}

duration_ns optical_reacquire_ns(const struct optical_terminal *t, uint64_t key, uint64_t attempt)
{
    return nanoseconds(t->reacquire_s * keyed_exponential(key ^ 0x9e3779b97f4a7c15u, attempt));
}

int64_t optical_loss_next(const struct optical_terminal *t, uint64_t key, int64_t from, int64_t until)
{
    if (t->losses_per_hour <= 0.0)
        return TIME_NEVER;
    for (int64_t cell = MAX(from, (int64_t)0) / CELL_NS; cell * CELL_NS < until; cell++) {
        double into = 0.0;
        for (uint64_t k = 0;; k++) {
            into += keyed_exponential(keyed_key(key, (uint64_t)cell, 1), k) / t->losses_per_hour;
            if (into >= 1.0)
                break;
            int64_t at = cell * CELL_NS + (int64_t)(into * (double)CELL_NS);
            if (at >= until)
                return TIME_NEVER;
            if (at > from)
                return at;
        }
    }
    return TIME_NEVER;
}

double optical_availability(const struct optical_terminal *t, double acquisitions_per_day)
{
    return fmax(0.0, 1.0 - acquisitions_per_day * optical_acquisition_mean_s(t) / 86400.0);
}
