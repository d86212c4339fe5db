/* paths_many.c - distances from many roots side by side, by sweeps over all nodes. */
#include <math.h>
#include <string.h>

#include "orbit/memory.h"
#include "orbit/paths.h"

err paths_set_order(struct paths *p, const uint32_t *order)
{
    if (!p->second_order)
        p->second_order = memory_take(p->heap, ((size_t)p->node_count + 1) * sizeof *p->second_order);
    if (!p->second_order)
        return ERR_NO_MEMORY;
    memcpy(p->second_order, order, p->node_count * sizeof *order);
    return ERR_OK;
}

/* A node takes the best of its neighbours; says whether that was better than what it had, in any lane. */
static bool pull(struct paths *p, uint32_t node)
{
    double best[PATHS_LANES];
    double *own = p->lanes_km[node];
    double changed = 0.0;
    memcpy(best, own, sizeof best);
    for (uint32_t k = p->first[node]; k < p->first[node + 1]; k++) {
        const double *from = p->lanes_km[p->edges[k].target], km = p->edges[k].km;
        for (int lane = 0; lane < PATHS_LANES; lane++) {
            double longer = from[lane] + km;
            best[lane] = longer < best[lane] ? longer : best[lane];
        }
    }
    for (int lane = 0; lane < PATHS_LANES; lane++) {
        changed += best[lane] < own[lane] ? 1.0 : 0.0;
        own[lane] = best[lane];
    }
    return changed > 0.0;
}

/* Sweep 0 and 1 run up and down the numbers, 2 and 3 up and down the second order. */
static bool sweep(struct paths *p, unsigned which)
{
    const uint32_t *order = which >= 2 ? p->second_order : NULL;
    bool changed = false;
    for (uint32_t k = 0; k < p->node_count; k++) {
        uint32_t at = which % 2 ? p->node_count - 1 - k : k, node = order ? order[at] : at;
        if (p->relay[node])
            changed |= pull(p, node);
    }
    return changed;
}

static void lane_start(struct paths *p, int lane, uint32_t root)
{
    p->lanes_km[root][lane] = 0.0;
    if (p->relay[root])
        return;
    for (uint32_t k = p->first[root]; k < p->first[root + 1]; k++) {
        double *known = &p->lanes_km[p->edges[k].target][lane];
        *known = fmin(*known, p->edges[k].km);
    }
}

/* Ways end here: over a relay, or straight from the root. */
static void end_finish(struct paths *p, uint32_t node, const uint32_t *roots, size_t count)
{
    for (uint32_t k = p->first[node]; k < p->first[node + 1]; k++) {
        uint32_t from = p->edges[k].target;
        for (size_t lane = 0; lane < count; lane++)
            if (p->relay[from] || from == roots[lane])
                p->lanes_km[node][lane] = fmin(p->lanes_km[node][lane], p->lanes_km[from][lane] + p->edges[k].km);
    }
}

err paths_from_each(struct paths *p, const uint32_t *roots, size_t count)
{
    ASSERT(count <= PATHS_LANES);
    paths_build(p);
    if (!p->lanes_km)
        p->lanes_km = memory_take(p->heap, ((size_t)p->node_count + 1) * sizeof *p->lanes_km);
    if (!p->lanes_km)
        return ERR_NO_MEMORY;
    for (uint32_t n = 0; n < p->node_count; n++)
        for (int lane = 0; lane < PATHS_LANES; lane++)
            p->lanes_km[n][lane] = HUGE_VAL;
    for (size_t lane = 0; lane < count; lane++) {
        ASSERT(roots[lane] < p->node_count);
        lane_start(p, (int)lane, roots[lane]);
    }
    unsigned orders = p->second_order ? 4 : 2;
    for (unsigned k = 0; sweep(p, k % orders); k++)
        ;
    for (uint32_t n = 0; n < p->node_count; n++)
        if (!p->relay[n])
            end_finish(p, n, roots, count);
    return ERR_OK;
}
