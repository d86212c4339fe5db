/*
 * compute/power.c - the forecast of battery and temperature: what this node may take on, and what it must stop.
 *
 * Model:   from now on the lanes draw what was asked for until the work is done, everything else draws on as it does now. Beyond the
 *          work the walk goes on until the battery is full, or a whole darkness has passed and it charges again: no task may leave
 *          less than that takes. Light comes from the sky that every node knows, else by the worst pattern of a low orbit. In the
 *          light the array gives what it gave when it was last lit (so a broken panel counts).
 * Errs:    on the side of refusing: lanes are taken as busy until all work is done, cells and battery as worse than any class's default.
 */
#include "compute/internal.h"

#include "base/mutation.h"
#include "orbit/sky.h"

/* Without a sky: a revolution, of which so much is dark; the darkness begins when the work ends. */
#define ORBIT_S 5700
#define DARK_S 2160
#define STEP_S 60
#define STEPS_MAX 2000              /* longer work is looked at in longer steps */
#define AFTER_S (4 * 3600)          /* beyond the work, at most: the first darkness and the light behind it */
#define NO_LIGHT_S (6 * 3600)       /* who could do without any light for so long need not look at the sky */
#define RESERVE_PERMILLE 30         /* of the capacity, above the floor */
#define RESERVE_RUNNING_PERMILLE 10 /* what already runs goes on down to this */
#define DRAIN_PERCENT 108           /* what leaves the battery for a load of 100; what reaches it of a surplus of 100 */
#define CHARGE_PERCENT 90
/* Heat: how much a busy core warms the electronics per watt, and the margin below the limit. */
#define RISE_MK_PER_W 250
#define MARGIN_MK 2000

struct walk {
    int64_t work_s;            /* until the lanes are idle */
    int64_t lanes_mw, idle_mw; /* until then; always */
    int64_t lit_mw;            /* of the array in full light */
};

static int64_t lanes_power_mw(const struct compute *c, uint64_t cpu_millis)
{
    return (int64_t)(MIN(c->port->config->lane_power_mw, 1ull << 30) * MIN(cpu_millis, (uint64_t)1 << 24) / 1000);
}

void compute_power_note(struct compute *c, const struct event_craft *e)
{
    const struct config *config = c->port->config;
    int64_t lanes_mw = lanes_power_mw(c, c->load_told_millis);
    uint64_t least = config->base_power_mw + config->radio_power_mw * MAX(c->load_told_radios, 1u);
    c->idle_mw = MAX((uint64_t)MAX((int64_t)MIN(e->load_mw, 1ull << 40) - lanes_mw, (int64_t)0), least);
    if (e->sunlit_permille >= 500)
        c->generation_lit_mw = MIN(e->generation_mw, 1ull << 40) * 1000 / e->sunlit_permille;
}

static uint16_t light_find(const struct compute *c, int64_t minute)
{
    struct state place;
    const struct port *p = c->port;
    tai_ns at = minute * NS_PER_MINUTE + NS_PER_MINUTE / 2;
    return sky_position(p->sky, p->config->self, at, &place) == ERR_OK ? (uint16_t)(place.sunlit * 1000.0) : 0; /* lost: call it dark */
}

/* Thousandths of full light in a minute of wall time; those to come are worked out once. */
static int64_t light_in(struct light_ahead *l, const struct compute *c, int64_t minute)
{
    int64_t now = c->port->now.wall / NS_PER_MINUTE;
    if (minute < now || minute >= now + LIGHT_MINUTES)
        return light_find(c, minute);
    if (l->to < now || l->from > now) /* the clock went far, or back */
        l->from = l->to = now;
    l->from = MAX(l->from, now);
    for (; l->to <= minute; l->to++)
        l->permille[l->to % LIGHT_MINUTES] = light_find(c, l->to);
    return l->permille[minute % LIGHT_MINUTES];
}

static int64_t light_at(const struct compute *c, const struct walk *w, int64_t t_s)
{
    const struct port *p = c->port;
    if (p->sky)
        return light_in(c->light, c, (p->now.wall + t_s * NS_PER_S) / NS_PER_MINUTE);
    int64_t dark_from = c->craft.sunlit_permille >= 500 ? MIN(w->work_s, (int64_t)(ORBIT_S - DARK_S)) : 0;
    return t_s < dark_from || (t_s - dark_from) % ORBIT_S >= DARK_S ? 1000 : 0;
}

static int64_t drain_mwh(int64_t milliwatts, int64_t seconds)
{
    return milliwatts * seconds / 3600 * DRAIN_PERCENT / 100;
}

/* Lowest energy until the work is done and the battery has been through the darkness behind it. */
static int64_t battery_low_mwh(const struct compute *c, const struct walk *w)
{
    int64_t energy = (int64_t)c->craft.battery_mwh, full = (int64_t)c->craft.battery_capacity_mwh, low = energy;
    int64_t step_s = MAX((int64_t)STEP_S, w->work_s / STEPS_MAX);
    bool was_dark = false;
    for (int64_t t = 0; t < w->work_s + AFTER_S; t += step_s) {
        int64_t part = t < w->work_s ? MIN(step_s, w->work_s - t) : step_s;
        int64_t light = light_at(c, w, t + part / 2);
        int64_t surplus = w->lit_mw * light / 1000 - w->idle_mw - (t < w->work_s ? w->lanes_mw : 0);
        energy += surplus < 0 ? -drain_mwh(-surplus, part) : surplus * part / 3600 * CHARGE_PERCENT / 100;
        energy = MIN(energy, full);
        low = MIN(low, energy);
        if (t >= w->work_s && surplus >= 0 && (was_dark || energy == full))
            break;
        was_dark = was_dark || (t >= w->work_s && surplus < 0);
        t -= step_s - part; /* a step ends where the work does */
    }
    return low;
}

static bool battery_lasts(const struct compute *c, uint64_t lanes_millis, duration_ns lasts, uint32_t reserve_permille)
{
    const struct event_craft *e = &c->craft;
    struct walk w = {.work_s = MIN((lasts + NS_PER_S - 1) / NS_PER_S, COMPUTE_EXPECTED_MAX / NS_PER_S),
                     .lanes_mw = lanes_power_mw(c, lanes_millis), .idle_mw = (int64_t)c->idle_mw, .lit_mw = (int64_t)c->generation_lit_mw};
    if (c->generation_lit_mw == 0)
        w.lit_mw = w.idle_mw; /* not seen in the light yet: at least what never stops is carried there */
    int64_t least = (int64_t)e->battery_floor_mwh + (int64_t)(e->battery_capacity_mwh * reserve_permille / 1000);
    int64_t energy = (int64_t)e->battery_mwh;
    if (energy - drain_mwh(w.lanes_mw + w.idle_mw, w.work_s) - drain_mwh(w.idle_mw, NO_LIGHT_S) >= least)
        return true;
    return battery_low_mwh(c, &w) >= least;
}

enum compute_verdict compute_power_verdict(const struct compute *c, uint64_t lanes_millis, duration_ns lasts)
{
    const struct event_craft *e = &c->craft;
    if (!c->craft_known)
        return VERDICT_YES;
    if (!MUTATION(BATTERY_UNSEEN) && !battery_lasts(c, lanes_millis, lasts, RESERVE_PERMILLE))
        return VERDICT_POWER;
    int64_t warm = (int64_t)e->core_mk + lanes_power_mw(c, lanes_millis) * RISE_MK_PER_W / 1000 + MARGIN_MK;
    return e->core_limit_mk != 0 && warm > (int64_t)e->core_limit_mk ? VERDICT_HEAT : VERDICT_YES;
}

/* Work takes longer than it said, panels break: does the battery still last if the lanes stop now? */
bool compute_power_thin(const struct compute *c)
{
    return c->craft_known && c->craft.battery_capacity_mwh > 0 && !MUTATION(BATTERY_UNSEEN) && !battery_lasts(c, 0, 0, RESERVE_RUNNING_PERMILLE);
}
