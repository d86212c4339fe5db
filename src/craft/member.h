/*
 * craft/member.h - a kind of member: what it weighs, draws, radiates, computes with, keeps, speaks through and withstands.
 *
 * Story:   a fleet is made of classes. A class says for each model of this room its parameters; member_budget works out
 *          what follows on a circular orbit at the worst Sun angle for power (beta 0): whether the array carries the
 *          load, how deep the battery goes in eclipse and how long it lasts, how warm the core gets, how far the terminals
 *          reach, how often radiation strikes. Files: docs/format/craft.md (node/member_file.c reads them).
 * Owns:    nothing; plain values. Errors: ERR_RANGE. Threads: pure.
 */
#ifndef NOCT_CRAFT_MEMBER_H
#define NOCT_CRAFT_MEMBER_H

#include "craft/craft.h"
#include "craft/optical.h"
#include "craft/radiation.h"
#include "craft/radio.h"

enum { MEMBER_LANES_MAX = 8, MEMBER_NAME_SIZE = 32 };

enum member_device { DEVICE_CPU, DEVICE_GPU, DEVICE_FPGA };
struct member_lane {
    enum member_device device;
    double cores, watts, memory_mib; /* all of it together, busy */
};

struct member {
    char name[MEMBER_NAME_SIZE];
    double mass_kg;
    struct craft_params craft;
    struct member_lane lanes[MEMBER_LANES_MAX];
    size_t lane_count;
    double storage_gib;
    uint32_t optical_count; /* terminals to other members; 0: none */
    struct optical_terminal optical;
    bool radio_present, ground_optical; /* to the ground: radio, or the optical terminal too */
    struct radio_terminal radio;
    struct radiation_params radiation;
};

/* "box-4kw" and "pod-100w" are built in; NULL: no such class. */
bool member_builtin(const char *name, struct member *out) MUST_USE;
extern const char *const member_builtin_names;
err member_check(const struct member *m) MUST_USE;

/* Of the CPU lanes, which tasks share. */
double member_cores(const struct member *m);
double member_lane_memory_mib(const struct member *m);
uint64_t member_core_power_mw(const struct member *m); /* of one busy core */
uint64_t member_terminal_power_mw(const struct member *m); /* of one link */

struct member_budget {
    double altitude_km, period_s, eclipse_s;
    double lanes_w, terminals_w, load_w;      /* everything on */
    double array_new_w, array_old_w;          /* full Sun, 1 AU; after `years` */
    double carried_w, carried_old_w;          /* load that the array can carry around the orbit */
    double eclipse_wh, depth, floor_margin_wh; /* of the battery, with everything on; above the floor */
    double battery_years;
    double radiator_needed_m2, radiator_m2;   /* at 318.15 K with Earth infrared, edge-on */
    double core_k, core_margin_k;             /* with everything on, in the light */
    double array_kg, battery_kg, radiator_kg, terminals_kg, rest_kg;
    struct optical_step ladder[OPTICAL_RUNGS_MAX];
    uint32_t ladder_count;
    uint64_t radio_rate_bps; /* to a station of 25 dB/K, 1,000 km away at 30 degrees */
    double upsets_per_day, uncorrectable_per_year, resets_per_year, latch_ups_per_year, derate_years;
};
struct member_budget member_budget_at(const struct member *m, double altitude_km, double years);

#endif
