#include "craft/battery.h"

#include <math.h>

#include "craft/portable.h"

#define SECONDS_PER_YEAR (365.25 * 86400.0)
#define SMALLEST_SWING 1e-5 /* below it a turn is rounding */

struct battery_ageing battery_ageing_lithium(void)
{
    return (struct battery_ageing){
        .cycles = 30000.0, .depth = 0.30, .exponent = 1.5, .calendar_years = 15.0, .fade_at_end = 0.20};
}

err battery_ageing_check(const struct battery_ageing *a)
{
    const struct {
        double value, least, most;
    } ranges[] = {
        {a->cycles, 1, 1e9},           {a->depth, 0.001, 1},     {a->exponent, 0, 10},
        {a->calendar_years, 0.01, 1e6}, {a->fade_at_end, 0, 0.95}, {a->used_at_start, 0, 1},
    };
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        if (!(ranges[i].value >= ranges[i].least && ranges[i].value <= ranges[i].most))
            return ERR_RANGE;
    return ERR_OK;
}

double battery_cycle_life(const struct battery_ageing *a, double depth)
{
    return a->cycles * portable_power(a->depth / fmax(depth, 1e-9), a->exponent);
}

static double damage_of(const struct battery_ageing *a, double from, double to)
{
    double depth = fabs(to - from);
    return depth < SMALLEST_SWING ? 0.0 : 1.0 / battery_cycle_life(a, depth);
}

void battery_wear_init(struct battery_wear *w, double charge_share)
{
    *w = (struct battery_wear){.turns = {charge_share}, .turn_count = 1, .last = charge_share};
}

static void turns_drop(struct battery_wear *w, uint32_t at, uint32_t count)
{
    for (uint32_t i = at; i + count < w->turn_count; i++)
        w->turns[i] = w->turns[i + count];
    w->turn_count -= count;
}

/* Folds while the last range is at least as large as the one before it. */
static void turns_fold(struct battery_wear *w, const struct battery_ageing *a)
{
    while (w->turn_count >= 3) {
        uint32_t n = w->turn_count;
        double last = fabs(w->turns[n - 1] - w->turns[n - 2]), before = fabs(w->turns[n - 2] - w->turns[n - 3]);
        if (last < before)
            break;
        bool first = n == 3; /* the range before contains the start: half a cycle */
        w->damage += (first ? 0.5 : 1.0) * damage_of(a, w->turns[n - 3], w->turns[n - 2]);
        w->cycles += first ? 0.5 : 1.0;
        turns_drop(w, first ? 0 : n - 3, first ? 1 : 2);
    }
}

static void turn_add(struct battery_wear *w, const struct battery_ageing *a, double charge_share)
{
    if (w->turn_count == BATTERY_TURNS_MAX) {
        w->damage += 0.5 * damage_of(a, w->turns[0], w->turns[1]);
        w->cycles += 0.5;
        turns_drop(w, 0, 1);
    }
    w->turns[w->turn_count++] = charge_share;
    turns_fold(w, a);
    w->open_damage = 0.0;
    for (uint32_t i = 1; i < w->turn_count; i++)
        w->open_damage += 0.5 * damage_of(a, w->turns[i - 1], w->turns[i]);
}

void battery_wear_note(struct battery_wear *w, const struct battery_ageing *a, double charge_share, double seconds)
{
    double top = w->turns[w->turn_count - 1], so_far = w->last - top, step = charge_share - w->last;
    if (fabs(so_far) >= SMALLEST_SWING && so_far * step < 0.0 && fabs(step) > 0.0)
        turn_add(w, a, w->last); /* it went one way and now goes the other */
    w->last = charge_share;
    w->seconds += seconds;
}

double battery_life_used(const struct battery_wear *w, const struct battery_ageing *a)
{
    return a->used_at_start + w->damage + w->open_damage + w->seconds / (a->calendar_years * SECONDS_PER_YEAR);
}

double battery_capacity_share(const struct battery_wear *w, const struct battery_ageing *a)
{
    return fmax(0.05, 1.0 - a->fade_at_end * battery_life_used(w, a));
}
