/*
 * compute/report.c - tasks as their customers see them: GET and LIST.
 *
 * LIST goes newest first; a page ends at `most` tasks (then `more` is set); logs and documents are
 * only in GET.
 */
#include "compute/internal.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_VIEWS = 64 };

const char *task_state_name(enum task_state s)
{
    static const char *const names[TASK_STATE_COUNT] = {
        "UNKNOWN",        "QUEUED",       "INITIALIZING", "RUNNING",   "PAUSED",   "COMPLETE",
        "EXECUTOR_ERROR", "SYSTEM_ERROR", "CANCELED",     "PREEMPTED", "CANCELING"};
    return (unsigned)s < TASK_STATE_COUNT ? names[s] : "UNKNOWN";
}

static void view_attempt(const struct attempt *a, struct task_attempt *out, bool logs)
{
    *out = (struct task_attempt){.node = a->node, .epoch = a->epoch, .state = (enum task_state)a->state, .started = a->started};
    struct outcome o;
    if (!a->ended || compute_outcome_read(a->result, &o) != ERR_OK)
        return;
    out->started = o.started ? o.started : a->started;
    out->ended = o.ended;
    out->exit_code = o.exit_code;
    out->cpu_us = o.cpu_us;
    out->memory_peak_bytes = o.memory_peak_bytes;
    out->reason = o.reason;
    if (logs) {
        out->output = o.output;
        out->error_output = o.error_output;
    }
}

/* Attempts in order; the one that decides comes last. */
static void view_attempts(const struct task *t, struct task_view *v, bool logs)
{
    uint32_t epoch = t->receipts ? t->receipt_epoch : t->lease.epoch;
    node_id node = t->receipts ? t->receipt_node : t->lease.owner;
    const struct attempt *last = compute_attempt_find(t, epoch, node);
    for (size_t i = 0; i < t->attempt_count; i++)
        if (t->attempts[i].awarded && &t->attempts[i] != last)
            view_attempt(&t->attempts[i], &v->attempts[v->attempt_count++], logs);
    if (last)
        view_attempt(last, &v->attempts[v->attempt_count++], logs);
    if (t->receipts && t->receipt_reason.size && v->attempt_count > 0 && !v->attempts[v->attempt_count - 1].reason.size)
        v->attempts[v->attempt_count - 1].reason = t->receipt_reason;
}

static void view_outputs(const struct task *t, const struct task_spec *spec, struct task_view *v)
{
    const struct attempt *a = t->receipts ? compute_attempt_find(t, t->receipt_epoch, t->receipt_node) : NULL;
    struct outcome o;
    if (!a || !a->ended || compute_outcome_read(a->result, &o) != ERR_OK)
        return;
    for (size_t i = 0; i < o.output_count; i++) {
        if (o.outputs[i].index >= spec->output_count)
            continue;
        const struct task_file *f = &spec->outputs[o.outputs[i].index];
        v->outputs[v->output_count].bucket = f->bucket;
        v->outputs[v->output_count].key = f->key;
        v->outputs[v->output_count].path = f->path;
        v->outputs[v->output_count++].size = o.outputs[i].size;
    }
}

static bool view_of(const struct task *t, struct task_view *v, bool whole)
{
    struct task_spec spec;
    struct uid id;
    if (!t->body.size || compute_spec_read(t->body, &id, &spec) != ERR_OK)
        return false;
    *v = (struct task_view){.id = t->id,
                            .state = compute_task_state(t),
                            .created = hlc_time(uid_hlc(t->id)),
                            .name = spec.name,
                            .owner = t->lease.owner,
                            .successors = {t->lease.successors[0], t->lease.successors[1]},
                            .epoch = t->lease.epoch,
                            .promised = t->lease.promised};
    if (whole)
        v->document = spec.document;
    view_attempts(t, v, whole);
    view_outputs(t, &spec, v);
    return true;
}

static void answer_get(struct compute *c, const struct task_request *r)
{
    struct task_reply reply = {.op = r->op, .client = r->client, .tag = r->tag, .id = r->id};
    const struct task *t = compute_table_find(&c->table, r->id);
    struct task_view *v = heap_alloc(c->heap, sizeof *v);
    if (!v) {
        reply.status = ERR_FULL;
    } else if (t && view_of(t, v, true)) {
        reply.views = v;
        reply.view_count = 1;
    } else {
        reply.status = ERR_NOT_FOUND;
        snprintf(reply.reason, sizeof reply.reason, "no such task");
    }
    port_task_reply(c->port, &reply);
    heap_free(c->heap, v);
}

static bool starts_with(struct span s, struct span prefix)
{
    return s.size >= prefix.size && (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

static void answer_list(struct compute *c, const struct task_request *r)
{
    struct task_reply reply = {.op = r->op, .client = r->client, .tag = r->tag, .id = r->id};
    size_t most = MIN(r->most ? r->most : PAGE_VIEWS, (uint32_t)PAGE_VIEWS);
    struct task_view *views = heap_alloc(c->heap, most * sizeof *views);
    if (!views) {
        reply.status = ERR_FULL;
        port_task_reply(c->port, &reply);
        return;
    }
    struct task_key after = compute_task_key(r->after);
    bool resumes = !uid_is_zero(r->after);
    struct map_node *n = resumes ? map_after(&c->table.tasks, span_of(after.bytes, sizeof after.bytes))
                                 : map_first(&c->table.tasks);
    for (; n && !reply.more; n = map_next(&c->table.tasks, n)) {
        const struct task *t = map_value(n);
        if (r->state_filter != TASK_UNKNOWN && compute_task_state(t) != r->state_filter)
            continue;
        struct task_view v;
        if (!view_of(t, &v, false) || !starts_with(v.name, r->name_prefix))
            continue;
        if (reply.view_count == most)
            reply.more = true;
        else
            views[reply.view_count++] = v;
    }
    reply.views = views;
    port_task_reply(c->port, &reply);
    heap_free(c->heap, views);
}

void compute_answer(struct compute *c, const struct task_request *r)
{
    if (r->op == TASK_GET)
        answer_get(c, r);
    else
        answer_list(c, r);
}
