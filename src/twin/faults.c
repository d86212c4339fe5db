/*
 * twin/faults.c - the plan of a run, and what each of its faults does when its instant comes.
 */
#include "twin/faults.h"

#include <stdio.h>
#include <stdlib.h>

#include "twin/fault_draw.h"
#include "twin/world.h"

static const enum disk_area areas[AREA_COUNT] = {AREA_CHUNKS, AREA_FACTS, AREA_SPOOL}; /* as fault.def orders them */

void faults_open(struct world *w)
{
    w->plan_remarks = text_new(NULL, 64 << 10);
    for (size_t i = 0; i < w->node_count; i++)
        w->nodes[i].faults.incarnation = 1;
    fault_dose_open(w);
    if (w->faults_on)
        fault_draw(w->scenario, w->sky, w->seed, w->duration, w->beyond, &w->plan, &w->plan_remarks);
}

void faults_close(struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++)
        fault_wires_free(&w->nodes[i]);
    fault_dose_close(w);
    fault_plan_free(&w->plan);
    text_free(&w->plan_remarks);
}

bool node_promised(const struct twin_node *n)
{
    return !n->faults.gone;
}

const struct twin_node *world_witness(const struct world *w)
{
    size_t i = 0;
    while (i + 1 < w->node_count && !node_promised(&w->nodes[i]))
        i++;
    return &w->nodes[i];
}

size_t faults_left(const struct world *w)
{
    size_t left = 0;
    for (size_t i = 0; i < w->scenario->satellite_count; i++)
        left += node_promised(&w->nodes[i]);
    return left;
}

/* ---- nodes go and come ------------------------------------------------------------------------------------------------- */

static void come_back(struct world *w, void *context, uint64_t number)
{
    struct twin_node *n = context;
    (void)number;
    if (!n->up && !n->faults.dead && !w->healing)
        node_boot(n);
}

static void crash(struct world *w, struct twin_node *n, const struct fault *f)
{
    if (!n->up)
        return;
    w->figures.crashes++;
    checks_crash(w, n);
    node_crash(n);
    world_serially(w, w->now + f->duration, come_back, n, 0);
}

/* An empty disk in its place, with a new key, admitted by the root under a new incarnation. */
static void replace(struct world *w, void *context, uint64_t number)
{
    struct twin_node *n = context;
    (void)number;
    if (w->healing || !node_replace(w, n))
        return;
    n->faults.dead = n->faults.gone = false;
    n->faults.dose_rad = 0;
    n->faults.dose_health = 0;
    node_boot(n);
}

static void lose(struct world *w, struct twin_node *n, const struct fault *f)
{
    if (n->up) {
        w->figures.crashes++;
        checks_crash(w, n);
        node_crash(n);
    }
    virtual_disk_wipe(&n->disk);
    n->faults.dead = n->faults.gone = true;
    if (f->value > 0)
        world_serially(w, w->now + f->value * NS_PER_S, replace, n, 0);
}

static void plane_lose(struct world *w, struct twin_node *n, const struct fault *f)
{
    (void)n;
    for (size_t i = 0; i < w->scenario->satellite_count; i++)
        if (w->scenario->sites[i].plane == f->node - 1)
            crash(w, &w->nodes[i], f);
}

/* ---- links ----------------------------------------------------------------------------------------------------------------- */

static void link_lose(struct world *w, struct twin_node *n, const struct fault *f)
{
    w->figures.link_losses++;
    link_cut(w, n->id, f->peer, w->now + f->duration);
}

static void station_close(struct world *w, struct twin_node *n, const struct fault *f)
{
    size_t count;
    const uint32_t *peers = sky_peers(w->sky, n->id, &count);
    for (size_t i = 0; i < count; i++)
        if (!scenario_is_gateway(w->scenario, peers[i]))
            link_cut(w, n->id, peers[i], w->now + f->duration);
}

static void wire_disturb(struct world *w, struct twin_node *n, const struct fault *f)
{
    fault_wire_add(n, f, w->now + f->duration);
}

/* ---- disks -------------------------------------------------------------------------------------------------------------------- */

enum { CLUSTER_MOST = 4 }; /* more bits than one particle flips lie anywhere */

static void flip(struct world *w, struct twin_node *n, const struct fault *f)
{
    struct rng r = rng_stream(f->draw, 0x666c6970);
    (void)w;
    if (areas[f->choice] == AREA_FACTS && f->value <= CLUSTER_MOST) {
        node_figures(n)->bit_flips += virtual_disk_flip_cluster(&n->disk, AREA_FACTS, (uint64_t)f->value, &r);
        return;
    }
    for (int64_t i = 0; i < f->value; i++)
        node_figures(n)->bit_flips += virtual_disk_flip(&n->disk, areas[f->choice], &r);
}

static void disk_fill(struct world *w, struct twin_node *n, const struct fault *f)
{
    n->faults.full_until = w->now + f->duration;
}

static void disk_slow(struct world *w, struct twin_node *n, const struct fault *f)
{
    n->faults.slow_until = w->now + f->duration;
    n->faults.slow_factor = (uint32_t)f->value;
}

static void writes_lose(struct world *w, struct twin_node *n, const struct fault *f)
{
    (void)w;
    n->faults.lost_writes[areas[f->choice]] += (uint32_t)f->value;
}

static void writes_misdirect(struct world *w, struct twin_node *n, const struct fault *f)
{
    (void)w;
    n->faults.misdirected_writes[areas[f->choice]] += (uint32_t)f->value;
    n->faults.write_rng = rng_stream(f->draw, 0x6d697373);
}

/* ---- craft -------------------------------------------------------------------------------------------------------------------- */

static void panel_lose(struct world *w, struct twin_node *n, const struct fault *f)
{
    n->faults.panel_until = w->now + f->duration;
    n->faults.panel_percent = (uint32_t)f->value;
}

static void heat_add(struct world *w, struct twin_node *n, const struct fault *f)
{
    n->faults.heat_until = w->now + f->duration;
    n->faults.heat_w = (uint32_t)f->value;
}

void fault_craft_params(const struct twin_node *n, struct craft_params *p)
{
    if (node_now(n) < n->faults.panel_until)
        p->array_area_m2 *= (double)(100 - n->faults.panel_percent) / 100;
}

void fault_craft_heat(const struct twin_node *n, struct craft *c, const struct craft_params *p, duration_ns dt)
{
    if (node_now(n) < n->faults.heat_until)
        c->core_k += (double)n->faults.heat_w * ((double)dt / 1e9) / p->core_capacity_j_k;
}

/* ---- clocks ------------------------------------------------------------------------------------------------------------------- */

static void clock_disturb(struct world *w, struct twin_node *n, const struct fault *f)
{
    n->faults.clock_from = w->now;
    n->faults.clock_until = w->now + f->duration;
    n->faults.drift_ppm = f->kind == FAULT_DRIFT ? f->value : 0;
    n->faults.step_ns = f->kind == FAULT_STEP ? f->value * NS_PER_MS : 0;
}

/* The node knows how well its clock is kept: without its reference it widens the interval that holds true time. */
void fault_clock(const struct twin_node *n, struct now *now)
{
    const struct node_faults *f = &n->faults;
    if (now->mono >= f->clock_until)
        return;
    int64_t off = f->step_ns + (now->mono - f->clock_from) / 1000000 * f->drift_ppm;
    now->wall += off;
    now->wall_error_ns += (uint64_t)(off < 0 ? -off : off);
}

/* ---- all of them -------------------------------------------------------------------------------------------------------------- */

static void lie_begin(struct world *w, struct twin_node *n, const struct fault *f)
{
    n->faults.lie_until = w->now + f->duration;
}

static void drop_begin(struct world *w, struct twin_node *n, const struct fault *f)
{
    n->faults.drop_until = w->now + f->duration;
}

/* What a storm does stands in the plan: flips, resets, latch-ups. */
static void storm_pass(struct world *w, struct twin_node *n, const struct fault *f)
{
    (void)w;
    (void)n;
    (void)f;
}

static void (*const strikes[FAULT_KIND_COUNT])(struct world *w, struct twin_node *n, const struct fault *f) = {
    [FAULT_CRASH] = crash,
    [FAULT_GATEWAY_CRASH] = crash,
    [FAULT_RESET] = crash,
    [FAULT_LATCH_UP] = crash,
    [FAULT_LOSS] = lose,
    [FAULT_PLANE_LOSS] = plane_lose,
    [FAULT_FLIP] = flip,
    [FAULT_DISK_FULL] = disk_fill,
    [FAULT_DISK_SLOW] = disk_slow,
    [FAULT_WRITE_LOST] = writes_lose,
    [FAULT_WRITE_MISDIRECTED] = writes_misdirect,
    [FAULT_CUT] = link_lose,
    [FAULT_POINTING] = link_lose,
    [FAULT_CORRUPT] = wire_disturb,
    [FAULT_REPLAY] = wire_disturb,
    [FAULT_FORGE] = wire_disturb,
    [FAULT_DUPLICATE] = wire_disturb,
    [FAULT_REORDER] = wire_disturb,
    [FAULT_DRIFT] = clock_disturb,
    [FAULT_STEP] = clock_disturb,
    [FAULT_STORM] = storm_pass,
    [FAULT_PANEL] = panel_lose,
    [FAULT_HEAT] = heat_add,
    [FAULT_STATION] = station_close,
    [FAULT_EQUIVOCATE] = byzantine_equivocate,
    [FAULT_LIE] = lie_begin,
    [FAULT_DROP_CUSTODY] = drop_begin,
};

static void happen(struct world *w, void *context, uint64_t number)
{
    const struct fault *f = &w->plan.faults[number];
    (void)context;
    if (w->healing)
        return;
    w->figures.faults.happened[f->kind]++;
    strikes[f->kind](w, world_node(w, f->node), f);
}

void faults_schedule(struct world *w)
{
    fault_dose_begin(w);
    for (size_t i = 0; i < w->plan.count; i++)
        world_serially(w, WORLD_START_NS + w->plan.faults[i].at, happen, NULL, i);
}

/* Replacement and equivocation read one node's facts and let all others know: its memory would have to be everywhere. */
bool faults_fit_ranks(const struct world *w)
{
    for (size_t i = 0; i < w->plan.count; i++) {
        const struct fault *f = &w->plan.faults[i];
        if (f->kind == FAULT_EQUIVOCATE || (f->kind == FAULT_LOSS && f->value > 0)) {
            fprintf(stderr, "twin: replaced and equivocating nodes need a run in one process: leave them out of the fault plan\n");
            return false;
        }
    }
    return true;
}

void faults_heal(struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++) {
        struct node_faults *s = &w->nodes[i].faults;
        s->full_until = s->slow_until = s->clock_until = s->panel_until = s->heat_until = s->lie_until = s->drop_until = 0;
        for (size_t a = 0; a < AREA_COUNT; a++)
            s->lost_writes[a] = s->misdirected_writes[a] = 0;
        s->wire_count = 0;
    }
}

void faults_give(struct world *w, const struct fault_plan *plan, bool beyond)
{
    fault_plan_free(&w->plan);
    for (size_t i = 0; i < plan->count; i++)
        fault_plan_add(&w->plan, &plan->faults[i]);
    text_free(&w->plan_remarks);
    w->plan_remarks = text_new(NULL, 64 << 10);
    text_add(&w->plan_remarks, "given, not drawn\n");
    w->beyond = beyond;
}

void faults_exceed(struct world *w)
{
    fault_plan_free(&w->plan);
    text_free(&w->plan_remarks);
    w->plan_remarks = text_new(NULL, 64 << 10);
    w->beyond = true;
    fault_draw(w->scenario, w->sky, w->seed, w->duration, true, &w->plan, &w->plan_remarks);
}

void faults_without(struct world *w, node_id node)
{
    struct twin_node *n = world_node(w, node);
    ASSERT(n != NULL && w->now == WORLD_START_NS);
    n->faults.dead = n->faults.gone = true;
}

void fault_figures_fold(struct fault_figures *into, const struct fault_figures *from)
{
    for (size_t i = 0; i < FAULT_KIND_COUNT; i++)
        into->happened[i] += from->happened[i];
    into->frames_damaged += from->frames_damaged;
    into->frames_replayed += from->frames_replayed;
    into->frames_forged += from->frames_forged;
    into->frames_doubled += from->frames_doubled;
    into->frames_late += from->frames_late;
    into->frames_swallowed += from->frames_swallowed;
    into->statuses_forged += from->statuses_forged;
    into->writes_refused += from->writes_refused;
    into->writes_lost += from->writes_lost;
    into->writes_misdirected += from->writes_misdirected;
    into->dose_max_mrad = MAX(into->dose_max_mrad, from->dose_max_mrad);
    into->derated += from->derated;
    into->dead_by_dose += from->dead_by_dose;
}
