/*
 * twin/fault_radiation.c - the radiation environment as faults of a plan: upsets by place, more of them in storms.
 *
 * Model:   docs/model/radiation.md. Storage hides single upsets behind its code: two and more bits of a hit become a `flip`.
 *          An uncorrectable memory error and a functional interrupt are a `reset`; a latch-up is off for its time, and rarely
 *          burns out, which is a `loss`. Dose is not drawn: within the days of a run it changes nothing.
 */
#include "craft/radiation.h"
#include "twin/fault_draw.h"

#define SAA_SHARE 0.75
#define RESET_NS (30 * NS_PER_S)

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
}

void fault_radiation_draw(const struct scenario *s, const struct sky *sky, uint64_t seed, duration_ns duration,
                          struct fault_plan *plan)
{
    struct strike k = {.s = s, .sky = sky, .seed = seed, .duration = duration, .out = plan};
    err e = radiation_sky_init(&k.environment, SAA_SHARE);
    ASSERT(e == ERR_OK);
    for (size_t i = 0; i < plan->count; i++) {
        const struct fault *f = &plan->faults[i];
        struct radiation_storm storm = {.start = s->epoch + f->at, .end = s->epoch + f->at + f->duration, .factor = (double)f->value};
        if (f->kind == FAULT_STORM)
            (void)!radiation_storm_add(&k.environment, &storm); /* storms that overlap are one: the first */
    }
    for (size_t i = 0; i < s->satellite_count; i++)
        satellite_strike(&k, (node_id)(i + 1));
}
