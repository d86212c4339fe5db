/*
 * twin/faults.h - the fault plan in action: what each fault does to its node, link or frame.
 *
 * Story:   faults_open draws the plan (or takes one that was read) and asks for serial code at each instant. A fault sets a state
 *          of its node: until when, how much. The models of disks, clocks, craft and links ask for that state through the hooks
 *          below, so that the node's code meets real damage: torn and lost bytes, foreign frames, a clock that is off.
 * Owns:    struct node_faults of each node. Hooks run in the node's own shard and read and write nothing else.
 * Random:  each fault draws from a stream of its own `draw`, so that it does the same when others are left out.
 */
#ifndef NOCT_TWIN_FAULTS_H
#define NOCT_TWIN_FAULTS_H

#include "base/rng.h"
#include "core/machine.h"
#include "craft/craft.h"
#include "twin/fault_plan.h"

enum { WIRE_FAULTS_MAX = 16, OLD_FRAMES_MAX = 32, OLD_FRAME_BYTES_MAX = 65536 };

struct wire_fault { /* what happens to frames from this node to a peer */
    node_id peer;
    enum fault_kind kind;
    mono_ns until;
    uint32_t permille;
    struct rng rng;
};

struct old_frame { /* remembered while a replay is on */
    node_id peer;
    size_t size;
    uint8_t *bytes;
};

struct node_faults {
    bool gone;            /* lost for ever or proven Byzantine: no promise speaks of it any more */
    bool dead;            /* will not boot */
    uint32_t incarnation; /* 1; grows with each replacement */
    mono_ns full_until, slow_until, clock_until, panel_until, heat_until, lie_until, drop_until;
    uint32_t slow_factor, panel_percent, heat_w;
    mono_ns clock_from;
    int64_t drift_ppm, step_ns;
    uint32_t lost_writes[AREA_COUNT], misdirected_writes[AREA_COUNT]; /* still to come */
    struct rng write_rng;
    struct wire_fault wires[WIRE_FAULTS_MAX];
    size_t wire_count;
    struct old_frame old[OLD_FRAMES_MAX]; /* a ring */
    size_t old_next;
    double dose_rad;     /* of its electronics since launch; where the scenario has `radiation: true` */
    uint8_t dose_health; /* enum radiation_health that was counted */
};

struct fault_figures { /* part of struct figures: what faults did */
    uint64_t happened[FAULT_KIND_COUNT];
    uint64_t frames_damaged, frames_replayed, frames_forged, frames_doubled, frames_late, frames_swallowed, statuses_forged;
    uint64_t writes_refused, writes_lost, writes_misdirected;
    uint64_t dose_max_mrad, derated, dead_by_dose; /* of all satellites; how many took more than either limit */
};

void fault_figures_fold(struct fault_figures *into, const struct fault_figures *from); /* sums */

struct state;
struct world;
struct twin_node;
struct host_buf;

void faults_open(struct world *w);                  /* draws the plan */
void faults_give(struct world *w, const struct fault_plan *plan, bool beyond); /* before world_run: this plan instead (copied) */
void faults_exceed(struct world *w); /* before world_run: draws the plan again, beyond the policy */
void faults_without(struct world *w, node_id node); /* before world_run: this node never boots */
void faults_schedule(struct world *w);              /* asks for serial code at each instant of the plan */
bool faults_fit_ranks(const struct world *w);       /* false, and a sentence on stderr: some need one process */
void faults_heal(struct world *w);                  /* serial: the end of the safety phase; nothing lasts beyond it */
void faults_close(struct world *w);
const struct twin_node *world_witness(const struct world *w); /* the first node that the promises speak of */
size_t faults_left(const struct world *w); /* satellites that the promises speak of */
bool node_promised(const struct twin_node *n);      /* do the promises still speak of it? */

/* fault_report.c */
void faults_write(const struct world *w, const char *folder); /* faults.txt; NULL: no folder */
void faults_print(const struct world *w);
void faults_json(const struct world *w, struct text *t);     /* members of the object that is open */

/* Hooks of the models. */
void fault_clock(const struct twin_node *n, struct now *now);
err fault_disk_write(struct twin_node *n, const struct effect_disk *e) MUST_USE;
duration_ns fault_disk_latency(const struct twin_node *n, duration_ns latency);
void fault_craft_params(const struct twin_node *n, struct craft_params *p);
void fault_craft_heat(const struct twin_node *n, struct craft *c, const struct craft_params *p, duration_ns dt);

/* fault_radiation.c: dose, where the scenario has `radiation: true`; otherwise nothing happens. */
void fault_dose_open(struct world *w);  /* every satellite has taken what its age says */
void fault_dose_begin(struct world *w); /* the environment, with the storms of the plan */
void fault_dose_close(struct world *w);
void fault_dose(struct twin_node *n, const struct state *place, duration_ns dt);
uint32_t fault_memory_permille(const struct twin_node *n); /* what the lanes of a node that starts now can still use */

/* fault_wire.c: a bundle leaves for `peer` and arrives at `arrives`; returns when it does now. May damage it and send others. */
mono_ns fault_frame(struct twin_node *n, struct twin_node *peer, uint32_t epoch, struct host_buf **frame, mono_ns arrives);
void fault_wire_add(struct twin_node *n, const struct fault *f, mono_ns until);
void fault_wires_free(struct twin_node *n);

/* byzantine.c */
bool byzantine_swallows(struct twin_node *n, const struct host_buf *frame); /* custody is accepted, and the bundle forgotten */
void byzantine_equivocate(struct world *w, struct twin_node *n, const struct fault *f); /* serial */
struct host_buf *byzantine_lie(struct twin_node *n, struct host_buf *frame); /* a heartbeat that tells of a better node; frees `frame` */

#endif
