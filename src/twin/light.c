/*
 * twin/light.c - light time between nodes, cheap enough to ask for each frame.
 *
 * Model:   every 4 s of virtual time (a slice) each node's position at the slice's end is computed once, from the
 *          propagated orbits; light time is taken at both ends of the slice and linearly between: within 1 us of the
 *          truth (range accelerates by at most 0.11 km/s^2 at a station's zenith, so a t^2 / 8 < 0.25 km).
 * Threads: tables change in serial code only; reading them is free.
 */
#include <math.h>
#include <stdlib.h>

#include "orbit/frames.h"
#include "twin/shard.h"

#define SLICE_NS (4 * NS_PER_S)

struct place {
    double r_ecef_km[3];
    bool known;
};

struct lights {
    struct place *begin, *end; /* index = id - 1 */
    uint64_t slice;
    mono_ns began_at;
};

static void places_compute(struct world *w, struct place *places, tai_ns wall)
{
    for (size_t i = 0; i < w->node_count; i++)
        places[i].known = sky_place(w->sky, (node_id)(i + 1), wall, places[i].r_ecef_km);
}

static void slice_next(struct world *w, void *context, uint64_t number)
{
    (void)context;
    struct lights *l = w->engine->lights;
    struct place *old = l->begin;
    l->begin = l->end;
    l->end = old;
    l->slice = number;
    l->began_at = w->now;
    places_compute(w, l->end, world_wall(w) + SLICE_NS);
    world_serially(w, w->now + SLICE_NS, slice_next, NULL, number + 1);
    for (size_t s = 0; s < w->shard_count; s++)
        w->shards[s].light_min = TIME_NEVER;
    for (size_t i = 0; i < w->node_count && w->shard_count > 1; i++) {
        struct twin_node *n = &w->nodes[i];
        n->shard->light_min = MIN(n->shard->light_min, links_light_min(n));
    }
}

void lights_open(struct world *w)
{
    struct lights *l = calloc(1, sizeof *l);
    ASSERT(l != NULL);
    l->begin = calloc(w->node_count, sizeof *l->begin);
    l->end = calloc(w->node_count, sizeof *l->end);
    ASSERT(l->begin != NULL && l->end != NULL);
    w->engine->lights = l;
    places_compute(w, l->end, world_wall(w));
    slice_next(w, NULL, 1);
}

void lights_close(struct world *w)
{
    if (!w->engine->lights)
        return;
    free(w->engine->lights->begin);
    free(w->engine->lights->end);
    free(w->engine->lights);
}

uint64_t light_slice(const struct world *w)
{
    return w->engine->lights->slice;
}

static duration_ns light_of(const struct place *a, const struct place *b)
{
    if (!a->known || !b->known)
        return 1; /* no position: the link is about to end */
    double d[3] = {a->r_ecef_km[0] - b->r_ecef_km[0], a->r_ecef_km[1] - b->r_ecef_km[1], a->r_ecef_km[2] - b->r_ecef_km[2]};
    double km = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    return MAX((duration_ns)llround(km / LIGHT_KM_S * 1e9), 1);
}

void light_pair(const struct world *w, node_id a, node_id b, duration_ns ends[2])
{
    const struct lights *l = w->engine->lights;
    if (scenario_is_gateway(w->scenario, a) && scenario_is_gateway(w->scenario, b)) {
        ends[0] = ends[1] = MAX(sky_light_time(w->sky, a, b, w->scenario->epoch), 1); /* a cable does not change */
        return;
    }
    ends[0] = light_of(&l->begin[a - 1], &l->begin[b - 1]);
    ends[1] = light_of(&l->end[a - 1], &l->end[b - 1]);
}

duration_ns light_between(const struct world *w, const duration_ns ends[2], mono_ns now)
{
    duration_ns into = (now - w->engine->lights->began_at) / NS_PER_US;
    return ends[0] + (ends[1] - ends[0]) * into / (SLICE_NS / NS_PER_US);
}
