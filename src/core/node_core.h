/*
 * core/node_core.h - the node's side of the ports: queued deliveries, effects, step memory. For src/node and test
 * harnesses only; planes see core/port.h.
 *
 * Story:   planes queue; the node drains. Whatever a step lends to the host (effect spans, copied bodies, replies) lives in
 *          step memory, which is recycled when the next step begins.
 */
#ifndef NOCT_CORE_NODE_CORE_H
#define NOCT_CORE_NODE_CORE_H

#include "core/object_api.h"
#include "core/port.h"
#include "core/task_api.h"

enum delivery_kind { DELIVER_MESSAGE, DELIVER_OBJECT, DELIVER_TASK, DELIVER_TASK_REPLY, DELIVER_MEMBER };
struct delivery {
    enum delivery_kind kind;
    union {
        struct message message;        /* payload holds a reference */
        struct object_request *object; /* in step memory; its data slice holds a reference */
        struct task_request *task;
        struct task_reply *task_reply;
        node_id member;
    };
};

struct step_block;
struct node_core {
    struct heap *heap;
    struct now now;
    mono_ns alarm_next; /* the earliest of all ports */
    struct effect *effects;
    size_t effect_count, effect_capacity;
    struct delivery *queue; /* a ring */
    size_t queue_head, queue_count, queue_capacity;
    struct step_block *blocks;
    struct buf **kept; /* references given up at the next step */
    size_t kept_count, kept_capacity;
    /* Replies go straight to their plane: the storage plane's caller is never on the stack then. */
    void *context;
    void (*object_reply)(void *context, const struct object_reply *r);
    /* What most steps do not touch comes last. */
    uint64_t metrics[METRIC_COUNT];
    uint32_t probes[PROBE_COUNT]; /* saturating */
};

err node_core_init(struct node_core *c, struct heap *h) MUST_USE;
void node_core_begin(struct node_core *c, const struct now *now); /* recycles step memory, empties the effects */
bool node_core_next(struct node_core *c, struct delivery *out);   /* false: nothing queued; the taker drops references */
void *node_core_alloc(struct node_core *c, size_t size);          /* step memory, zeroed; NULL when full */
/* Copies into step memory for lending to the host; references are dropped at the next step. NULL when full. */
struct object_reply *node_core_copy_object_reply(struct node_core *c, const struct object_reply *r);
struct task_reply *node_core_copy_task_reply(struct node_core *c, const struct task_reply *r);
void port_init(struct port *p, enum service service, struct node_core *c, const struct config *config, struct view *view,
               const struct sky *sky);

#endif
