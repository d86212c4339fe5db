/*
 * twin/faults.c - executes the fault plan.
 */
#include "twin/fault_draw.h"
#include "twin/world.h"

void faults_plan(struct world *w)
{
    w->plan_remarks = text_new(NULL, 64 << 10);
    if (w->faults_on)
        fault_draw(w->scenario, w->sky, w->seed, w->duration, false, &w->plan, &w->plan_remarks);
}

void faults_close(struct world *w)
{
    fault_plan_free(&w->plan);
    text_free(&w->plan_remarks);
}

static void come_back(struct world *w, void *context, uint64_t number)
{
    (void)context;
    struct twin_node *n = world_node(w, (node_id)number);
    if (!n->node)
        node_boot(n);
}

static void crash(struct world *w, struct twin_node *n, const struct fault *f)
{
    if (!n->node)
        return;
    w->figures.crashes++;
    checks_crash(w, n);
    node_crash(n);
    world_serially(w, w->now + f->duration, come_back, NULL, n->id);
}

void fault_happen(struct world *w, const struct fault *f)
{
    struct twin_node *n = world_node(w, f->node);
    if (f->kind == FAULT_CRASH || f->kind == FAULT_GATEWAY_CRASH) {
        crash(w, n, f);
    } else if (f->kind == FAULT_CUT) {
        w->figures.link_losses++;
        link_cut(w, f->node, f->peer, w->now + f->duration);
    } else if (f->kind == FAULT_FLIP) {
        struct rng r = rng_stream(f->draw, w->seed);
        if (virtual_disk_flip(&n->disk, AREA_CHUNKS, &r))
            w->figures.bit_flips++;
    }
}
