/*
 * twin/faults.c - the fault plan: drawn from the seed as data, fair by construction, then executed.
 *
 * Fair:    with two copies the region promises to survive the loss of one node at a time. So a new crash begins only after the
 *          last victim was back for REST; cut links and flipped bits come at any time, but bits flip only while
 *          nobody is down and on one node per REST (so that a flip never meets the loss of the other copy).
 */
#include <math.h>
#include <stdlib.h>

#include "twin/world.h"

#define REST (20 * NS_PER_MINUTE)
#define FIRST (10 * NS_PER_MINUTE)

static double exponential(struct rng *r, double mean)
{
    return -log1p(-rng_unit(r)) * mean;
}

static void fault_add(struct world *w, struct fault f)
{
    w->faults = realloc(w->faults, (w->fault_count + 1) * sizeof *w->faults);
    ASSERT(w->faults != NULL);
    w->faults[w->fault_count++] = f;
}

/* One process of exclusive faults (crashes and flips), so that no two of them overlap. */
static void plan_exclusive(struct world *w, struct rng *r)
{
    const struct scenario_faults *f = &w->scenario->faults;
    size_t satellites = w->scenario->satellite_count, gateways = w->scenario->site_count - satellites;
    double rates[3] = {f->crashes_per_day * (double)satellites, f->gateway_outages_per_day * (double)gateways,
                       f->bit_flips_per_day * (double)satellites};
    double all = rates[0] + rates[1] + rates[2];
    if (all <= 0)
        return;
    double at = (double)FIRST / 1e9;
    for (;;) {
        at += exponential(r, 86400 / all);
        double pick = rng_unit(r) * all;
        bool gateway = pick >= rates[0] && pick < rates[0] + rates[1], flip = pick >= rates[0] + rates[1];
        double down = flip ? 0 : 5 + exponential(r, gateway ? f->gateway_down_mean_s : f->crash_down_mean_s);
        if (at + down > (double)w->duration / 1e9 - (double)REST / 1e9)
            return;
        node_id node = (node_id)(gateway ? satellites + 1 + rng_below(r, gateways) : 1 + rng_below(r, satellites));
        fault_add(w, (struct fault){.at = (mono_ns)(at * 1e9), .duration = (duration_ns)(down * 1e9), .node = node,
                                    .kind = flip ? FAULT_BIT_FLIP : FAULT_CRASH});
        at += down + (double)REST / 1e9;
    }
}

static void plan_links(struct world *w, struct rng *r)
{
    const struct scenario_faults *f = &w->scenario->faults;
    size_t pairs = sky_pair_count(w->sky);
    double all = f->link_losses_per_day * (double)pairs;
    if (all <= 0 || pairs == 0)
        return;
    for (double at = (double)FIRST / 1e9 + exponential(r, 86400 / all);
         at < (double)w->duration / 1e9 - (double)REST / 1e9; at += exponential(r, 86400 / all)) {
        node_id a = (node_id)(1 + rng_below(r, w->node_count));
        size_t peers;
        const uint32_t *peer = sky_peers(w->sky, a, &peers);
        if (peers == 0)
            continue;
        node_id b = peer[rng_below(r, peers)];
        fault_add(w, (struct fault){.at = (mono_ns)(at * 1e9), .node = a, .peer = b, .kind = FAULT_LINK_LOSS,
                                    .duration = (duration_ns)(1e9 * (1 + exponential(r, f->link_down_mean_s)))});
    }
}

void faults_plan(struct world *w)
{
    struct rng r = rng_stream(w->seed, 0x6661756c74);
    if (!w->faults_on)
        return;
    plan_exclusive(w, &r);
    plan_links(w, &r);
}

void fault_happen(struct world *w, const struct fault *f)
{
    struct twin_node *n = world_node(w, f->node);
    switch (f->kind) {
    case FAULT_CRASH:
        if (!n->node)
            return;
        w->figures.crashes++;
        checks_crash(w, n);
        node_crash(w, n);
        queue_add(&w->queue, w->now + f->duration, HAPPEN_BOOT, n->id, 0, NULL);
        break;
    case FAULT_LINK_LOSS:
        w->figures.link_losses++;
        link_cut(w, f->node, f->peer, w->now + f->duration);
        break;
    case FAULT_BIT_FLIP:
        if (virtual_disk_flip(&n->disk, AREA_CHUNKS, &w->disk_rng))
            w->figures.bit_flips++;
        break;
    }
}
