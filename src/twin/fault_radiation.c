/*
 * twin/fault_radiation.c - the radiation environment as faults of a plan: upsets by place, more of them in storms.
 *
 * Model:   docs/model/radiation.md. Storage hides single upsets behind its code: two and more bits of a hit become a `flip`.
 *          An uncorrectable memory error and a functional interrupt are a `reset`; a latch-up is off for its time, and rarely
 *          burns out, which is a `loss`. Dose adds up with each step of the craft, from what the age of the satellite says. At
 *          the derating dose the watchdog starts the node again, and its lanes find less memory at this and every later start;
 *          the deadly dose is a `loss`. Both instants stand in the plan, so that the atlas sees them and shrinking can leave them out.
 */
#include "craft/radiation.h"

#include <stdlib.h>

#include "twin/fault_draw.h"
#include "twin/world.h"

#define SAA_SHARE 0.75
#define RESET_NS (30 * NS_PER_S)
#define STORM_RAD 30.0
enum { LOG_SHARE = 8 };
#define NOTICED_NS (2 * NS_PER_MINUTE) /* after the dose that does it: craft steps are a minute apart */

struct strike {
    const struct scenario *s;
    const struct sky *sky;
    uint64_t seed;
    duration_ns duration;
    struct radiation_sky environment;
    struct radiation_params params;
    struct fault_plan *out;
};

/* The highest that a satellite comes within two hours, with margin for what it does later. */
static double altitude_bound_km(const struct strike *k, node_id node)
{
    double most = 0;
    for (int minute = 0; minute < 120; minute++) {
        struct state state;
        if (sky_position(k->sky, node, k->s->epoch + minute * NS_PER_MINUTE, &state) == ERR_OK)
            most = MAX(most, state.altitude_km);
    }
    return most + 50;
}

static void fault_of(const struct strike *k, enum radiation_process p, node_id node, const struct radiation_event *e)
{
    struct fault f = {.at = e->at - k->s->epoch, .node = node, .draw = e->draw};
    switch (p) {
    case RADIATION_STORAGE_UPSET:
        f.kind = FAULT_FLIP;
        f.value = e->severity == RADIATION_DOUBLE ? 2 : 4;
        f.choice = e->draw % LOG_SHARE == 0; /* chunks take up most of a disk, the log of facts a little */
        break;
    case RADIATION_LATCH_UP:
        f.kind = e->burn_out ? FAULT_LOSS : FAULT_LATCH_UP;
        f.duration = e->burn_out ? 0 : k->params.latch_up_off;
        break;
    case RADIATION_MEMORY_UNCORRECTABLE:
    case RADIATION_RESET:
        f.kind = FAULT_RESET;
        f.duration = RESET_NS;
        break;
    case RADIATION_MEMORY_UPSET: /* corrected by the memory's code */
    case RADIATION_PROCESS_COUNT:
        return;
    }
    if (k->out->count < FAULT_PLAN_MAX)
        fault_plan_add(k->out, &f);
}

static double dose_at_start_rad(const struct member *m)
{
    return m->craft.age_years * m->radiation.dose_rad_per_year;
}

static uint64_t mrad(double rad)
{
    return (uint64_t)(rad * 1000.0 + 0.5);
}

static void dose_strike(struct strike *k, node_id node, double altitude_km)
{
    double rad = dose_at_start_rad(scenario_member(k->s, node)), days = (double)k->duration / (double)NS_PER_DAY;
    enum radiation_health known = MIN(radiation_health(&k->params, mrad(rad)), RADIATION_DERATED);
    if (radiation_health(&k->params, mrad(rad + radiation_dose_bound(&k->environment, &k->params, altitude_km, days))) == known)
        return; /* whatever its way */
    for (duration_ns at = NS_PER_MINUTE; at < k->duration; at += NS_PER_MINUTE) {
        double r[3];
        if (!sky_place(k->sky, node, k->s->epoch + at, r))
            continue;
        rad += radiation_dose_rate(&k->environment, &k->params, r, k->s->epoch + at) * (double)NS_PER_MINUTE / (double)NS_PER_DAY;
        enum radiation_health health = radiation_health(&k->params, mrad(rad));
        if (health == known || k->out->count >= FAULT_PLAN_MAX)
            continue;
        known = health;
        bool dead = health == RADIATION_DEAD;
        fault_plan_add(k->out, &(struct fault){.at = at + NOTICED_NS, .node = node, .kind = dead ? FAULT_LOSS : FAULT_RESET,
                                               .duration = dead ? 0 : RESET_NS});
        if (dead)
            return;
    }
}

static void satellite_strike(struct strike *k, node_id node)
{
    k->params = scenario_member(k->s, node)->radiation;
    struct radiation_place place = {.sky = k->sky, .node = node};
    double altitude_km = altitude_bound_km(k, node);
    for (enum radiation_process p = 0; p < RADIATION_PROCESS_COUNT; p++) {
        if (p == RADIATION_MEMORY_UPSET)
            continue;
        struct radiation_source source = radiation_source_of(&k->params, p, k->seed, node, altitude_km, RADIATION_DOUBLE);
        struct radiation_event e;
        for (tai_ns from = k->s->epoch; radiation_next(&k->environment, &source, radiation_where_sky, &place, from,
                                                       k->s->epoch + k->duration, &e);
             from = e.at + 1)
            fault_of(k, p, node, &e);
    }
    dose_strike(k, node, altitude_km);
}

static void environment_of(const struct scenario *s, const struct fault_plan *plan, struct radiation_sky *out)
{
    err e = radiation_sky_init(out, SAA_SHARE);
    ASSERT(e == ERR_OK);
    for (size_t i = 0; i < plan->count; i++) {
        const struct fault *f = &plan->faults[i];
        struct radiation_storm storm = {.start = s->epoch + f->at, .end = s->epoch + f->at + f->duration, .factor = (double)f->value,
                                        .dose_rad = STORM_RAD};
        if (f->kind == FAULT_STORM)
            (void)!radiation_storm_add(out, &storm); /* storms that overlap are one: the first */
    }
}

void fault_radiation_draw(const struct scenario *s, const struct sky *sky, uint64_t seed, duration_ns duration,
                          struct fault_plan *plan)
{
    struct strike k = {.s = s, .sky = sky, .seed = seed, .duration = duration, .out = plan};
    environment_of(s, plan, &k.environment);
    for (size_t i = 0; i < s->satellite_count; i++)
        satellite_strike(&k, (node_id)(i + 1));
}

/* ---- dose in the run -------------------------------------------------------------------------------------------------------- */

static bool has_radiation(const struct world *w)
{
    return w->faults_on && w->scenario->faults.radiation;
}

void fault_dose_open(struct world *w)
{
    for (size_t i = 0; has_radiation(w) && i < w->scenario->satellite_count; i++)
        w->nodes[i].faults.dose_rad = dose_at_start_rad(scenario_member(w->scenario, (node_id)(i + 1)));
}

void fault_dose_begin(struct world *w)
{
    if (!has_radiation(w))
        return;
    w->radiation = malloc(sizeof *w->radiation);
    ASSERT(w->radiation != NULL);
    environment_of(w->scenario, &w->plan, w->radiation);
}

void fault_dose_close(struct world *w)
{
    free(w->radiation);
    w->radiation = NULL;
}

void fault_dose(struct twin_node *n, const struct state *place, duration_ns dt)
{
    const struct world *w = n->world;
    if (!w->radiation || n->faults.dead)
        return;
    const struct radiation_params *p = &scenario_member(w->scenario, n->id)->radiation;
    struct fault_figures *f = &node_figures(n)->faults;
    n->faults.dose_rad += radiation_dose_rate(w->radiation, p, place->r_ecef_km, place->time) * (double)dt / (double)NS_PER_DAY;
    enum radiation_health before = (enum radiation_health)n->faults.dose_health, after = radiation_health(p, mrad(n->faults.dose_rad));
    f->dose_max_mrad = MAX(f->dose_max_mrad, mrad(n->faults.dose_rad));
    f->derated += before == RADIATION_WELL && after != RADIATION_WELL;
    f->dead_by_dose += before != RADIATION_DEAD && after == RADIATION_DEAD;
    n->faults.dose_health = (uint8_t)after;
}

uint32_t fault_memory_permille(const struct twin_node *n)
{
    const struct world *w = n->world;
    if (!has_radiation(w) || n->id > w->scenario->satellite_count)
        return 1000;
    return radiation_memory_permille(&scenario_member(w->scenario, n->id)->radiation, mrad(n->faults.dose_rad));
}
