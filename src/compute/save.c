/*
 * compute/save.c - outputs out of the lane: one after another, read in pieces and put as an object.
 *
 * Story:    a read of no bytes tells the size; PUT_BEGIN opens the stream; then one LANE_READ at a time within the
 *           stream's credit; PUT_END with the MD5. Storage answers when policy holds, so what the result names is safe.
 */
#include "compute/internal.h"

#include <stdio.h>
#include <string.h>

enum { METADATA_MAX = 512 };

static const struct task_file *output_at(const struct task_spec *spec, const struct run *r)
{
    return r->item < spec->output_count ? &spec->outputs[r->item] : NULL;
}

static void read_piece(struct compute *c, struct run *r, struct span path, uint64_t size)
{
    r->reading = true;
    compute_lane_effect(c, &(struct effect_lane){.lane = r->lane,
                                                 .kind = LANE_READ,
                                                 .path = compute_spec_relative(path),
                                                 .offset = r->offset,
                                                 .size = size});
}

void compute_save_next(struct compute *c, struct run *r)
{
    struct task_spec spec;
    if (!compute_run_spec(c, r, &spec)) {
        compute_run_end(c, r, TASK_SYSTEM_ERROR, "the specification is gone");
        return;
    }
    const struct task_file *f = output_at(&spec, r);
    if (!f) {
        compute_run_end(c, r, TASK_COMPLETE, "%s", r->nothing ? "nothing to report (exit code 3)" : "");
        return;
    }
    r->offset = r->size = r->credit = 0;
    read_piece(c, r, f->path, 0);
}

static const char *content_type_of(struct span key)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".json", "application/json"}, {".txt", "text/plain"}, {".ppm", "image/x-portable-pixmap"},
                 {".png", "image/png"}, {".csv", "text/csv"}};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        size_t size = strlen(types[i].ending);
        if (key.size > size && memcmp(key.data + key.size - size, types[i].ending, size) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static void metadata_add(struct writer *w, const char *name, const char *value)
{
    write_blob(w, span_text(name));
    write_blob(w, span_text(value));
}

static void put_begin(struct compute *c, struct run *r, const struct task_file *f)
{
    if (digest_open(&r->md5, DIGEST_MD5) != ERR_OK || compute_stream_tag(c, r) == 0) {
        digest_close(r->md5);
        r->md5 = NULL;
        if (!compute_stream_retry(c, r, ERR_NO_MEMORY, 0))
            compute_run_end(c, r, TASK_SYSTEM_ERROR, "output: no memory");
        return;
    }
    r->stream_is_put = true;
    uint8_t memory[METADATA_MAX];
    struct writer w = writer_of(memory, sizeof memory);
    char text[UID_TEXT_SIZE];
    uid_text(r->id, text);
    write_u16(&w, 2);
    metadata_add(&w, "content-type", content_type_of(f->key));
    metadata_add(&w, "x-amz-meta-task", text);
    ASSERT(writer_ok(&w));
    port_object(c->port, &(struct object_request){.op = OBJECT_PUT_BEGIN,
                                                  .client = SERVICE_COMPUTE,
                                                  .tag = r->object_tag,
                                                  .bucket = f->bucket,
                                                  .key = f->key,
                                                  .metadata = writer_span(&w),
                                                  .size = r->size});
}

static void put_more(struct compute *c, struct run *r, const struct task_file *f)
{
    if (r->reading || r->ending)
        return;
    if (r->offset < r->size) {
        uint64_t piece = MIN(MIN(r->credit, (uint64_t)PIECE_BYTES), r->size - r->offset);
        if (piece > 0)
            read_piece(c, r, f->path, piece);
        return;
    }
    struct object_request q = {.op = OBJECT_PUT_END, .client = SERVICE_COMPUTE, .tag = r->object_tag};
    digest_finish(r->md5, q.md5);
    r->ending = true;
    port_object(c->port, &q);
}

static void save_failed(struct compute *c, struct run *r, const struct task_file *f, const struct object_reply *o)
{
    bool no_bucket = o->status == ERR_NOT_FOUND;
    if (!no_bucket && compute_stream_retry(c, r, o->status, o->retry_at))
        return;
    compute_run_end(c, r, no_bucket ? TASK_EXECUTOR_ERROR : TASK_SYSTEM_ERROR, "output s3://%.*s/%.*s: %s",
                    (int)f->bucket.size, (const char *)f->bucket.data, (int)MIN(f->key.size, (size_t)80),
                    (const char *)f->key.data, no_bucket ? "the bucket does not exist" : err_text(o->status));
}

void compute_save_object(struct compute *c, struct run *r, const struct object_reply *o)
{
    struct task_spec spec;
    const struct task_file *f = compute_run_spec(c, r, &spec) ? output_at(&spec, r) : NULL;
    if (!f) {
        compute_run_end(c, r, TASK_SYSTEM_ERROR, "the specification is gone");
        return;
    }
    if (o->status != ERR_OK) {
        save_failed(c, r, f, o);
        return;
    }
    if (!(o->op == OBJECT_PUT_END && o->final)) {
        r->credit += MIN(o->credit, 1ull << 40);
        put_more(c, r, f);
        return;
    }
    if (!r->ending) { /* an end that nobody asked for */
        save_failed(c, r, f, &(struct object_reply){.status = ERR_BUSY});
        return;
    }
    compute_stream_close(c, r);
    r->output_saved[r->item] = true;
    r->output_size[r->item] = r->size;
    r->retries = 0;
    r->item++;
    compute_save_next(c, r);
}

void compute_save_data(struct compute *c, struct run *r, const struct event_lane *e)
{
    struct task_spec spec;
    const struct task_file *f = compute_run_spec(c, r, &spec) ? output_at(&spec, r) : NULL;
    bool mine = f && r->reading && span_equal(e->path, compute_spec_relative(f->path)) && e->offset == r->offset;
    if (!mine)
        return; /* of a stream that was given up */
    r->reading = false;
    if (e->status == ERR_NOT_FOUND && r->nothing) {
        r->item++;
        compute_save_next(c, r);
        return;
    }
    if (e->status != ERR_OK) {
        compute_run_end(c, r, e->status == ERR_NOT_FOUND ? TASK_EXECUTOR_ERROR : TASK_SYSTEM_ERROR, "output %.*s: %s",
                        (int)MIN(f->path.size, (size_t)100), (const char *)f->path.data,
                        e->status == ERR_NOT_FOUND ? "was not written" : err_text(e->status));
        return;
    }
    if (r->object_tag == 0) { /* the look at its size */
        r->size = e->size;
        put_begin(c, r, f);
        return;
    }
    if (e->data.size == 0 || e->data.size > MIN(r->credit, r->size - r->offset)) {
        compute_run_end(c, r, TASK_SYSTEM_ERROR, "output %.*s: changed while it was read", (int)MIN(f->path.size, (size_t)100),
                        (const char *)f->path.data);
        return;
    }
    digest_more(r->md5, slice_span(e->data));
    r->offset += e->data.size;
    r->credit -= e->data.size;
    port_object(c->port, &(struct object_request){
                             .op = OBJECT_PUT_DATA, .client = SERVICE_COMPUTE, .tag = r->object_tag, .data = e->data});
    put_more(c, r, f);
}
