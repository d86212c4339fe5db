/*
 * craft/battery.h - how a battery ages: cycles by their depth, and years.
 *
 * Story:   the state of charge goes up and down; the turning points are folded into cycles by the rainflow rule (a small
 *          cycle within a big one counts for itself). A cycle of depth D uses 1 / N(D) of the life, N(D) = cycles (depth / D)^exponent,
 *          half a cycle half of it; the shares add up (Miner), and the years add theirs. At the end of life a known
 *          share of the capacity is gone; until then it goes in proportion.
 * Units:   state of charge and depth as shares of the capacity, seconds, years of 365.25 days.
 * Limits:  BATTERY_TURNS_MAX open turning points; the oldest is closed as a half cycle when there are more.
 * Source:  ASTM E1049-85 section 5.4.4 (rainflow); Miner 1945; docs/model/power.md. Errors: ERR_RANGE. Threads: pure.
 */
#ifndef NOCT_CRAFT_BATTERY_H
#define NOCT_CRAFT_BATTERY_H

#include "base/err.h"

enum { BATTERY_TURNS_MAX = 24 };

struct battery_ageing {
    double cycles, depth, exponent; /* so many cycles of this depth are a life */
    double calendar_years;          /* a life without any cycle */
    double fade_at_end;             /* share of the capacity that is gone at the end of life */
    double used_at_start;           /* share of the life that is used when the run begins */
};

struct battery_wear {
    double turns[BATTERY_TURNS_MAX]; /* open turning points, oldest first */
    uint32_t turn_count;
    double last;            /* state of charge at the last note */
    double damage;          /* life used by closed cycles */
    double open_damage;     /* by the open half cycles */
    double seconds, cycles; /* age of the run; cycles closed, halves as 0.5 */
};

struct battery_ageing battery_ageing_lithium(void); /* 30,000 cycles of 30 %, exponent 1.5, 15 years, 20 % */
err battery_ageing_check(const struct battery_ageing *a) MUST_USE;
void battery_wear_init(struct battery_wear *w, double charge_share);
void battery_wear_note(struct battery_wear *w, const struct battery_ageing *a, double charge_share, double seconds);
double battery_cycle_life(const struct battery_ageing *a, double depth); /* N(D) */
double battery_life_used(const struct battery_wear *w, const struct battery_ageing *a); /* 1: the end */
double battery_capacity_share(const struct battery_wear *w, const struct battery_ageing *a);

#endif
