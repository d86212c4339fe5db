/*
 * world.h - a few nodes with nothing but their compute planes, for step tests: facts flow between connected nodes, objects
 * lie in one shared shelf, lanes do what the test says. Everything is delivered by world_run, in a fixed order.
 */
#ifndef NOCT_TEST_WORLD_H
#define NOCT_TEST_WORLD_H

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "compute/compute.h"
#include "compute/wire.h"
#include "crypto/digest.h"
#include "core/node_core.h"

enum { NODES_MAX = 6, FACTS_MAX = 16384, MAIL_MAX = 512, SHELF_MAX = 32, LANES_MAX = 512, HEAP_BYTES = 8 << 20, TRACES_MAX = 2000 };

struct shelf_object {
    char bucket[64], key[256];
    uint8_t *data;
    size_t size;
    node_id holders[4];
    uint8_t holder_count;
};

struct lane {
    uint64_t lane;
    bool started, running, removed;
    size_t starts;
    char image[64];
    uint8_t files_digest; /* unused bytes of staged files, summed */
    size_t file_bytes, file_count;
    mono_ns exit_at;
};

struct fake_put {
    uint64_t tag;
    char bucket[64], key[256];
    uint8_t *data;
    size_t size, capacity;
    bool open;
};

struct watch {
    uint64_t tag;
    uint64_t seq;
    node_id nodes[4];
    size_t count;
    bool live;
    mono_ns published;
};

struct world_node {
    node_id id;
    bool up, was_open;
    void *memory;
    struct heap heap;
    struct view view;
    struct node_core core;
    struct port port;
    struct config config;
    struct compute *compute;
    uint64_t known[NODES_MAX + 1]; /* highest sequence folded, per author */
    uint32_t uid_count;
    struct lane lanes[LANES_MAX];
    size_t lane_count;
    struct fake_put puts[8];
    struct watch watches[256];
    size_t watch_count;
    uint32_t load_millis;
    /* what the lanes of this node do: */
    int32_t exit_code;
    bool output_exists;
    duration_ns run_time;
    struct task_reply reply; /* the last */
    struct task_view views[64];
    size_t reply_count;
};

struct stored_fact {
    struct fact fact;
    mono_ns published;
    uint8_t *body;
};

struct mail {
    node_id from, to;
    struct message m;
    uint8_t *body;
    mono_ns due;
};

struct world {
    struct world_node nodes[NODES_MAX + 1];
    size_t count;
    bool cut[NODES_MAX + 1][NODES_MAX + 1];
    struct stored_fact *facts;
    size_t fact_count;
    struct mail mail[MAIL_MAX];
    size_t mail_count;
    struct shelf_object shelf[SHELF_MAX];
    size_t shelf_count;
    uint64_t published[NODES_MAX + 1];
    struct now now;
    duration_ns step;                                /* of time: 10 ms */
    duration_ns way[NODES_MAX + 1][NODES_MAX + 1];   /* what messages and facts take; 0: nothing */
    const struct sky *sky;                           /* of the ports; NULL: none */
    size_t announced;                                /* messages ANNOUNCE that were sent */
    bool objects_fail, buckets_missing, mute_bids;
    err publish_fails;
    char traces[TRACES_MAX][200];
    size_t trace_count;
};

extern struct world *world;

struct world *world_new(size_t count); /* nodes 1..count-1 are satellites with two cores, the last is a gateway */
void world_free(struct world *w);
void world_boot(struct world_node *n);           /* (re)starts the plane and replays the facts it knows */
void world_kill(struct world_node *n);
void world_run(struct world *w, duration_ns mono); /* lets that much time pass in steps of 10 ms */
void world_settle(struct world *w);              /* delivers everything that is under way, without time passing */
void world_step(struct world_node *n);           /* begins a step of this node (recycles its step memory) */
void world_drain(struct world_node *n);          /* routes what this step queued */
void world_convict(struct world *w, node_id id); /* in everybody's view */
void world_return(struct world *w, node_id id);
void world_put(struct world *w, const char *bucket, const char *key, const char *text, node_id a, node_id b);
const struct shelf_object *world_find(struct world *w, const char *bucket, const char *key);
struct uid world_create(struct world_node *n, const struct task_spec *spec);
enum task_state world_state(struct world_node *n, struct uid id);
const struct task_view *world_get(struct world_node *n, struct uid id);
bool world_traced(const struct world *w, const char *text);
void world_check(struct world *w);               /* every node's invariants, and at most one receipt per task */
struct task_spec world_spec(void);               /* app:change-detection, two inputs, one output */

#endif
