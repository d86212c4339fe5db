/*
 * compute/stage.c - inputs and images into the lane: literal contents at once, objects as streams with credit.
 */
#include "compute/internal.h"

#include <stdio.h>

#define RETRY_FIRST (250 * NS_PER_MS)
#define RETRY_MAX (30 * NS_PER_S)
#define NOT_FOUND_TRIES 4u
#define RETRY_MAX_WALL (10 * NS_PER_MINUTE) /* or this, if longer: gaps between contacts last an orbit */

uint64_t compute_stream_tag(struct compute *c, struct run *r)
{
    uint64_t tag = compute_tag(c);
    struct waiter *w = map_put_u64(&c->waiters, tag, NULL);
    if (!w)
        return 0;
    *w = (struct waiter){.kind = WAITER_STREAM, .id = r->id};
    r->object_tag = tag;
    return tag;
}

void compute_stream_close(struct compute *c, struct run *r)
{
    if (r->object_tag == 0)
        return;
    if (map_remove_u64(&c->waiters, r->object_tag)) { /* no final reply came yet */
        struct object_request q = {.op = r->stream_is_put ? OBJECT_PUT_ABORT : OBJECT_GET_CANCEL,
                                   .client = SERVICE_COMPUTE,
                                   .tag = r->object_tag};
        port_object(c->port, &q);
    }
    digest_close(r->md5);
    r->md5 = NULL;
    r->object_tag = 0;
    r->reading = r->ending = r->stream_is_put = false;
}

/*
 * Not found may mean not yet known here: a few quick tries. Far from the sink, what it knew may have been lost on the way: a
 * last try when a digest, the answer and the facts could have crossed.
 */
static duration_ns not_found_wait(const struct compute *c, const struct run *r)
{
    const struct task *t = compute_table_find(&c->table, r->id);
    duration_ns far = t && t->body.size ? compute_far_light(c, compute_task_sink(t)) : 0;
    if (r->retries <= NOT_FOUND_TRIES)
        return RETRY_FIRST << (r->retries - 1);
    return r->retries == NOT_FOUND_TRIES + 1 && far > 0 ? 2 * far : -1;
}

bool compute_stream_retry(struct compute *c, struct run *r, err status, tai_ns retry_at)
{
    compute_stream_close(c, r);
    if (err_remedy_of(status) != REMEDY_LATER && status != ERR_CORRUPT && status != ERR_NOT_FOUND)
        return false;
    if (++r->retries > RETRIES_MAX)
        return false;
    const struct now *now = &c->port->now;
    duration_ns most = MAX(time_wall_to_mono(now, RETRY_MAX_WALL), RETRY_MAX);
    duration_ns wait = status == ERR_NOT_FOUND ? not_found_wait(c, r) : MIN(RETRY_FIRST << MIN(r->retries - 1, 12u), most);
    if (wait < 0)
        return false;
    if (retry_at > now->wall && retry_at - now->wall < NS_PER_DAY)
        wait = MAX(wait, time_wall_to_mono(now, retry_at - now->wall));
    r->wake_at = now->mono + wait;
    port_alarm(c->port, r->wake_at);
    return true;
}

/* A piece of the current item into the lane. */
static bool lane_file(struct compute *c, struct run *r, struct span path, struct slice data)
{
    if (slice_keep(&data, c->heap) != ERR_OK)
        return false;
    compute_lane_effect(c, &(struct effect_lane){
                               .lane = r->lane, .kind = LANE_FILE, .path = path, .offset = r->offset, .size = data.size, .data = data});
    r->offset += data.size;
    return true;
}

/* Where the current item comes from and goes to; false when there are no more. */
struct item {
    struct span bucket, key, path, content;
};

static bool item_at(struct compute *c, const struct task_spec *spec, size_t index, struct item *out)
{
    *out = (struct item){0};
    if (index < spec->input_count) {
        const struct task_file *f = &spec->inputs[index];
        *out = (struct item){f->bucket, f->key, compute_spec_relative(f->path), f->content};
        return true;
    }
    size_t executor = index - spec->input_count;
    if (executor >= spec->executor_count)
        return false;
    if (compute_spec_s3(spec->executors[executor].image, &out->bucket, &out->key)) {
        char path[40];
        int n = snprintf(path, sizeof path, ".noct/image-%zu", executor);
        out->path = port_keep(c->port, span_of(path, (size_t)n));
    }
    return true;
}

void compute_stage_next(struct compute *c, struct run *r)
{
    struct task_spec spec;
    struct item item;
    if (!compute_run_spec(c, r, &spec)) {
        compute_run_end(c, r, TASK_SYSTEM_ERROR, "the specification is gone");
        return;
    }
    for (; item_at(c, &spec, r->item, &item); r->item++) {
        r->offset = r->size = 0;
        if (item.bucket.size) {
            uint64_t tag = compute_stream_tag(c, r);
            if (tag == 0) {
                if (!compute_stream_retry(c, r, ERR_NO_MEMORY, 0))
                    compute_run_end(c, r, TASK_SYSTEM_ERROR, "staging: no memory");
                return;
            }
            port_object(c->port, &(struct object_request){.op = OBJECT_GET,
                                                          .client = SERVICE_COMPUTE,
                                                          .tag = tag,
                                                          .bucket = item.bucket,
                                                          .key = item.key,
                                                          .credit = STREAM_CREDIT});
            return;
        }
        if (item.path.size && !lane_file(c, r, item.path, slice_borrowed(item.content))) {
            compute_run_end(c, r, TASK_SYSTEM_ERROR, "staging: no memory");
            return;
        }
    }
    r->executor = 0;
    r->retries = 0;
    compute_run_execute(c, r);
}

static void stage_failed(struct compute *c, struct run *r, const struct item *item, err status, tai_ns retry_at)
{
    if (compute_stream_retry(c, r, status, retry_at))
        return;
    compute_run_end(c, r, TASK_SYSTEM_ERROR, "staging s3://%.*s/%.*s: %s", (int)item->bucket.size,
                    (const char *)item->bucket.data, (int)MIN(item->key.size, (size_t)80), (const char *)item->key.data,
                    err_text(status));
}

void compute_stage_object(struct compute *c, struct run *r, const struct object_reply *o)
{
    struct task_spec spec;
    struct item item;
    if (!compute_run_spec(c, r, &spec) || !item_at(c, &spec, r->item, &item)) {
        compute_run_end(c, r, TASK_SYSTEM_ERROR, "the specification is gone");
        return;
    }
    if (o->status != ERR_OK) {
        stage_failed(c, r, &item, o->status, o->retry_at);
        return;
    }
    if (o->op == OBJECT_GET)
        r->size = o->info.size;
    if (o->op == OBJECT_GET_DATA && o->data.size > 0) {
        if (o->data.size > r->size - MIN(r->offset, r->size) || !lane_file(c, r, item.path, o->data)) {
            stage_failed(c, r, &item, ERR_BUSY, 0);
            return;
        }
        if (!o->final)
            port_object(c->port, &(struct object_request){.op = OBJECT_GET_CREDIT,
                                                          .client = SERVICE_COMPUTE,
                                                          .tag = r->object_tag,
                                                          .credit = o->data.size});
    }
    if (!o->final)
        return;
    if (r->offset != r->size) {
        stage_failed(c, r, &item, ERR_CORRUPT, 0);
        return;
    }
    if (r->size == 0) /* an empty file is a file */
        (void)lane_file(c, r, item.path, (struct slice){0});
    compute_stream_close(c, r);
    r->retries = 0;
    r->item++;
    compute_stage_next(c, r);
}
