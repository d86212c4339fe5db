#include "core/journal.h"

#include <string.h>

#include "base/hash.h"
#include "core/object_api.h"
#include "core/task_api.h"

#define NO_BYTES UINT32_MAX

enum { BLOB_MAX = JOURNAL_RECORD_MAX, FIXED_ROOM = 4096 };

/* ---- pieces ------------------------------------------------------------------------------------------------------------ */

static void put_blob(struct writer *w, struct span s)
{
    write_u32(w, s.data ? (uint32_t)s.size : NO_BYTES);
    write_bytes(w, s.data, s.data ? s.size : 0);
}

static struct span get_blob(struct reader *r)
{
    uint32_t size = read_u32(r);
    if (size == NO_BYTES)
        return (struct span){0};
    if (size > BLOB_MAX || size > reader_left(r)) {
        r->failed = true;
        return (struct span){0};
    }
    struct span s = read_span(r, size);
    return s.data ? s : span_of("", 0);
}

static void put_slice(struct writer *w, struct slice s)
{
    put_blob(w, slice_span(s));
}

static struct slice get_slice(struct reader *r)
{
    return slice_borrowed(get_blob(r));
}

/* A number of at most `most`; the reader fails above. */
static uint32_t get_count(struct reader *r, uint32_t most)
{
    uint32_t count = read_u32(r);
    if (count > most || count > reader_left(r))
        r->failed = true;
    return r->failed ? 0 : count;
}

static void get_text(struct reader *r, char *out, size_t size)
{
    read_bytes(r, out, size);
    out[size - 1] = 0;
}

/* ---- header and start ---------------------------------------------------------------------------------------------------- */

void journal_header_write(const struct journal_header *h, uint8_t out[JOURNAL_HEADER_SIZE])
{
    struct writer w = writer_of(out, JOURNAL_HEADER_SIZE);
    write_bytes(&w, JOURNAL_MAGIC, 8);
    write_u32(&w, h->boot);
    write_u32(&w, h->index);
    write_u32(&w, h->node);
    write_u64(&w, 0);
    write_u32(&w, crc32c(out, 28));
}

err journal_header_read(struct span segment, struct journal_header *out)
{
    struct reader r = reader_of(segment.data, segment.size);
    if (segment.size < JOURNAL_HEADER_SIZE)
        return ERR_TRUNCATED;
    if (memcmp(segment.data, JOURNAL_MAGIC, 8) != 0)
        return ERR_VERSION;
    (void)read_u64(&r);
    out->boot = read_u32(&r);
    out->index = read_u32(&r);
    out->node = read_u32(&r);
    (void)read_u64(&r);
    return read_u32(&r) == crc32c(segment.data, 28) ? ERR_OK : ERR_CORRUPT;
}

uint32_t journal_crc(uint64_t number, struct span kind_and_body)
{
    return crc32c_more(crc32c(&number, sizeof number), kind_and_body.data, kind_and_body.size);
}

void journal_start_write(struct writer *w, const struct journal_start *s)
{
    put_blob(w, s->commit);
    write_u32(w, s->node);
    write_u32(w, s->boot);
    write_u64(w, s->seed);
    for (int i = 0; i < AREA_COUNT; i++)
        write_u64(w, s->area_used_bytes[i]);
    write_u64(w, (uint64_t)s->plan_start);
    write_bytes(w, s->root_public_key, sizeof s->root_public_key);
    put_blob(w, s->genesis);
}

void journal_start_read(struct reader *r, struct journal_start *out)
{
    out->commit = get_blob(r);
    out->node = read_u32(r);
    out->boot = read_u32(r);
    out->seed = read_u64(r);
    for (int i = 0; i < AREA_COUNT; i++)
        out->area_used_bytes[i] = read_u64(r);
    out->plan_start = (tai_ns)read_u64(r);
    read_bytes(r, out->root_public_key, sizeof out->root_public_key);
    out->genesis = get_blob(r);
    if (out->boot == 0 || out->node == NODE_NONE)
        r->failed = true;
}

/* ---- requests of the region --------------------------------------------------------------------------------------------- */

static void put_object(struct writer *w, const struct object_request *o)
{
    write_u8(w, (uint8_t)o->op);
    write_u8(w, (uint8_t)o->client);
    write_u64(w, o->tag);
    put_blob(w, o->bucket);
    put_blob(w, o->key);
    write_u8(w, o->policy.copies);
    write_u8(w, o->policy.where);
    write_u8(w, o->policy.best_effort);
    write_u8(w, o->policy_given);
    put_blob(w, o->metadata);
    write_u8(w, o->condition.if_absent);
    write_u8(w, o->condition.if_match);
    write_bytes(w, o->condition.etag, sizeof o->condition.etag);
    write_u64(w, o->offset);
    write_u64(w, o->size);
    write_u64(w, o->credit);
    put_slice(w, o->data);
    write_bytes(w, o->md5, sizeof o->md5);
    write_bytes(w, o->upload.bytes, sizeof o->upload.bytes);
    write_u32(w, o->part);
    write_u32(w, (uint32_t)o->part_count);
    for (size_t i = 0; i < o->part_count; i++) {
        write_u32(w, o->parts[i].part);
        write_bytes(w, o->parts[i].etag, sizeof o->parts[i].etag);
    }
    put_blob(w, o->source_bucket);
    put_blob(w, o->source_key);
    put_blob(w, o->prefix);
    put_blob(w, o->delimiter);
    put_blob(w, o->after);
    write_u32(w, o->most);
}

static void get_parts(struct reader *r, struct heap *heap, struct object_request *o)
{
    o->part_count = get_count(r, OBJECT_PARTS_MAX);
    struct object_part_name *parts = o->part_count ? heap_alloc(heap, o->part_count * sizeof *parts) : NULL;
    if (o->part_count && !parts) {
        r->failed = true;
        o->part_count = 0;
    }
    for (size_t i = 0; i < o->part_count; i++) {
        parts[i].part = read_u32(r);
        get_text(r, parts[i].etag, sizeof parts[i].etag);
    }
    o->parts = parts;
}

static const struct object_request *get_object(struct reader *r, struct heap *heap)
{
    struct object_request *o = heap_alloc(heap, sizeof *o);
    if (!o) {
        r->failed = true;
        return NULL;
    }
    uint8_t op = read_u8(r), client = read_u8(r);
    if (op >= OBJECT_OP_COUNT || client >= SERVICE_COUNT)
        r->failed = true;
    o->op = (enum object_op)op;
    o->client = (enum service)client;
    o->tag = read_u64(r);
    o->bucket = get_blob(r);
    o->key = get_blob(r);
    o->policy.copies = read_u8(r);
    o->policy.where = read_u8(r);
    o->policy.best_effort = read_u8(r) != 0;
    o->policy_given = read_u8(r) != 0;
    o->metadata = get_blob(r);
    o->condition.if_absent = read_u8(r) != 0;
    o->condition.if_match = read_u8(r) != 0;
    get_text(r, o->condition.etag, sizeof o->condition.etag);
    o->offset = read_u64(r);
    o->size = read_u64(r);
    o->credit = read_u64(r);
    o->data = get_slice(r);
    read_bytes(r, o->md5, sizeof o->md5);
    read_bytes(r, o->upload.bytes, sizeof o->upload.bytes);
    o->part = read_u32(r);
    get_parts(r, heap, o);
    o->source_bucket = get_blob(r);
    o->source_key = get_blob(r);
    o->prefix = get_blob(r);
    o->delimiter = get_blob(r);
    o->after = get_blob(r);
    o->most = read_u32(r);
    return o;
}

static void put_executor(struct writer *w, const struct task_executor *x)
{
    put_blob(w, x->image);
    write_u32(w, (uint32_t)x->argument_count);
    for (size_t i = 0; i < x->argument_count; i++)
        put_blob(w, x->arguments[i]);
    write_u32(w, (uint32_t)x->environment_count);
    for (size_t i = 0; i < x->environment_count; i++)
        put_blob(w, x->environment[i]);
    put_blob(w, x->workdir);
    put_blob(w, x->stdout_path);
    put_blob(w, x->stderr_path);
    write_u8(w, x->ignore_error);
}

static void get_executor(struct reader *r, struct task_executor *x)
{
    x->image = get_blob(r);
    x->argument_count = get_count(r, TASK_ARGUMENTS_MAX);
    for (size_t i = 0; i < x->argument_count; i++)
        x->arguments[i] = get_blob(r);
    x->environment_count = get_count(r, TASK_ENVIRONMENT_MAX);
    for (size_t i = 0; i < x->environment_count; i++)
        x->environment[i] = get_blob(r);
    x->workdir = get_blob(r);
    x->stdout_path = get_blob(r);
    x->stderr_path = get_blob(r);
    x->ignore_error = read_u8(r) != 0;
}

static void put_files(struct writer *w, const struct task_file *files, size_t count)
{
    write_u32(w, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_blob(w, files[i].bucket);
        put_blob(w, files[i].key);
        put_blob(w, files[i].path);
        put_blob(w, files[i].content);
    }
}

static size_t get_files(struct reader *r, struct task_file *files)
{
    size_t count = get_count(r, TASK_FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        files[i].bucket = get_blob(r);
        files[i].key = get_blob(r);
        files[i].path = get_blob(r);
        files[i].content = get_blob(r);
    }
    return count;
}

static void put_spec(struct writer *w, const struct task_spec *s)
{
    put_blob(w, s->document);
    put_blob(w, s->name);
    write_u32(w, (uint32_t)s->executor_count);
    for (size_t i = 0; i < s->executor_count; i++)
        put_executor(w, &s->executors[i]);
    put_files(w, s->inputs, s->input_count);
    put_files(w, s->outputs, s->output_count);
    write_u32(w, s->cpu_millis);
    write_u64(w, s->memory_bytes);
    write_u64(w, s->disk_bytes);
    write_u64(w, (uint64_t)s->deadline);
    write_u8(w, s->priority);
    write_u8(w, (uint8_t)s->mode);
    write_u64(w, (uint64_t)s->expected_ns);
}

static const struct task_spec *get_spec(struct reader *r, struct heap *heap)
{
    struct task_spec *s = heap_alloc(heap, sizeof *s);
    if (!s) {
        r->failed = true;
        return NULL;
    }
    s->document = get_blob(r);
    s->name = get_blob(r);
    s->executor_count = get_count(r, TASK_EXECUTORS_MAX);
    for (size_t i = 0; i < s->executor_count; i++)
        get_executor(r, &s->executors[i]);
    s->input_count = get_files(r, s->inputs);
    s->output_count = get_files(r, s->outputs);
    s->cpu_millis = read_u32(r);
    s->memory_bytes = read_u64(r);
    s->disk_bytes = read_u64(r);
    s->deadline = (tai_ns)read_u64(r);
    s->priority = read_u8(r);
    uint8_t mode = read_u8(r);
    if (mode > TASK_VOTE3)
        r->failed = true;
    s->mode = (enum task_mode)mode;
    s->expected_ns = (duration_ns)read_u64(r);
    return s;
}

static void put_task(struct writer *w, const struct task_request *t)
{
    write_u8(w, (uint8_t)t->op);
    write_u8(w, (uint8_t)t->client);
    write_u64(w, t->tag);
    write_u8(w, t->spec != NULL);
    if (t->spec)
        put_spec(w, t->spec);
    write_bytes(w, t->id.bytes, sizeof t->id.bytes);
    put_blob(w, t->name_prefix);
    write_u8(w, (uint8_t)t->state_filter);
    write_bytes(w, t->after.bytes, sizeof t->after.bytes);
    write_u32(w, t->most);
}

static const struct task_request *get_task(struct reader *r, struct heap *heap)
{
    struct task_request *t = heap_alloc(heap, sizeof *t);
    if (!t) {
        r->failed = true;
        return NULL;
    }
    uint8_t op = read_u8(r), client = read_u8(r);
    t->tag = read_u64(r);
    t->spec = read_u8(r) ? get_spec(r, heap) : NULL;
    read_bytes(r, t->id.bytes, sizeof t->id.bytes);
    t->name_prefix = get_blob(r);
    uint8_t filter = read_u8(r);
    read_bytes(r, t->after.bytes, sizeof t->after.bytes);
    t->most = read_u32(r);
    if (op > TASK_CANCEL || client >= SERVICE_COUNT || filter >= TASK_STATE_COUNT || (op == TASK_CREATE && !t->spec))
        r->failed = true;
    t->op = (enum task_op)op;
    t->client = (enum service)client;
    t->state_filter = (enum task_state)filter;
    return t;
}

/* ---- events ------------------------------------------------------------------------------------------------------------------ */

static void put_lane(struct writer *w, const struct event_lane *l)
{
    write_u64(w, l->lane);
    write_u8(w, (uint8_t)l->kind);
    write_u8(w, (uint8_t)l->status);
    write_u32(w, (uint32_t)l->usage.exit_code);
    write_u32(w, (uint32_t)l->usage.signal);
    write_u8(w, l->usage.out_of_memory);
    write_u8(w, l->usage.timed_out);
    write_u64(w, l->usage.cpu_us);
    write_u64(w, l->usage.memory_peak_bytes);
    write_u64(w, l->usage.wall_us);
    put_blob(w, l->output);
    put_blob(w, l->error_output);
    put_blob(w, l->reason);
    put_blob(w, l->path);
    write_u64(w, l->offset);
    write_u64(w, l->size);
    put_slice(w, l->data);
}

static err get_err(struct reader *r)
{
    uint8_t e = read_u8(r);
    if (e > ERR_CRYPTO)
        r->failed = true;
    return (err)e;
}

static void get_lane(struct reader *r, struct event_lane *l)
{
    l->lane = read_u64(r);
    uint8_t kind = read_u8(r);
    if (kind > LANE_FAILED)
        r->failed = true;
    l->kind = (enum lane_kind)kind;
    l->status = get_err(r);
    l->usage.exit_code = (int32_t)read_u32(r);
    l->usage.signal = (int32_t)read_u32(r);
    l->usage.out_of_memory = read_u8(r) != 0;
    l->usage.timed_out = read_u8(r) != 0;
    l->usage.cpu_us = read_u64(r);
    l->usage.memory_peak_bytes = read_u64(r);
    l->usage.wall_us = read_u64(r);
    l->output = get_blob(r);
    l->error_output = get_blob(r);
    l->reason = get_blob(r);
    l->path = get_blob(r);
    l->offset = read_u64(r);
    l->size = read_u64(r);
    l->data = get_slice(r);
}

static void put_craft(struct writer *w, const struct event_craft *c)
{
    write_u64(w, c->battery_mwh);
    write_u64(w, c->battery_capacity_mwh);
    write_u64(w, c->battery_floor_mwh);
    write_u64(w, c->generation_mw);
    write_u64(w, c->load_mw);
    write_u32(w, c->core_mk);
    write_u32(w, c->radiator_mk);
    write_u32(w, c->core_limit_mk);
    write_u16(w, c->sunlit_permille);
    write_u32(w, c->upset_count);
}

static void get_craft(struct reader *r, struct event_craft *c)
{
    c->battery_mwh = read_u64(r);
    c->battery_capacity_mwh = read_u64(r);
    c->battery_floor_mwh = read_u64(r);
    c->generation_mw = read_u64(r);
    c->load_mw = read_u64(r);
    c->core_mk = read_u32(r);
    c->radiator_mk = read_u32(r);
    c->core_limit_mk = read_u32(r);
    c->sunlit_permille = read_u16(r);
    c->upset_count = read_u32(r);
}

static size_t spec_room(const struct task_spec *s)
{
    size_t room = FIXED_ROOM + s->document.size + s->name.size;
    for (size_t i = 0; i < s->executor_count; i++) {
        const struct task_executor *x = &s->executors[i];
        room += FIXED_ROOM + x->image.size + x->workdir.size + x->stdout_path.size + x->stderr_path.size;
        for (size_t k = 0; k < x->argument_count; k++)
            room += 4 + x->arguments[k].size;
        for (size_t k = 0; k < x->environment_count; k++)
            room += 4 + x->environment[k].size;
    }
    for (size_t i = 0; i < s->input_count; i++)
        room += 16 + s->inputs[i].bucket.size + s->inputs[i].key.size + s->inputs[i].path.size + s->inputs[i].content.size;
    for (size_t i = 0; i < s->output_count; i++)
        room += 16 + s->outputs[i].bucket.size + s->outputs[i].key.size + s->outputs[i].path.size + s->outputs[i].content.size;
    return room;
}

static size_t object_room(const struct object_request *o)
{
    return o->bucket.size + o->key.size + o->metadata.size + o->data.size + o->part_count * (sizeof *o->parts + 4) +
           o->source_bucket.size + o->source_key.size + o->prefix.size + o->delimiter.size + o->after.size;
}

size_t journal_event_room(const struct event *e)
{
    size_t room = FIXED_ROOM;
    if (e->kind == EVENT_FRAME)
        room += e->frame.data.size;
    else if (e->kind == EVENT_DONE)
        room += e->done.data.size;
    else if (e->kind == EVENT_SCENE)
        room += e->scene.data.size;
    else if (e->kind == EVENT_LANE)
        room += e->lane.output.size + e->lane.error_output.size + e->lane.reason.size + e->lane.path.size + e->lane.data.size;
    else if (e->kind == EVENT_OBJECT)
        room += object_room(e->object);
    else if (e->kind == EVENT_TASK)
        room += e->task->name_prefix.size + (e->task->spec ? spec_room(e->task->spec) : 0);
    return room;
}

void journal_now_write(struct writer *w, const struct now *now)
{
    write_u64(w, (uint64_t)now->mono);
    write_u64(w, (uint64_t)now->wall);
    write_u64(w, now->wall_error_ns);
    write_u32(w, now->wall_rate);
}

void journal_event_write(struct writer *w, const struct event *e)
{
    journal_now_write(w, &e->now);
    write_u8(w, (uint8_t)e->kind);
    switch (e->kind) {
    case EVENT_START:
    case EVENT_ALARM:
    case EVENT_STOP:
    case EVENT_COUNT: break;
    case EVENT_LINK:
        write_u32(w, e->link.peer);
        write_u8(w, e->link.up);
        write_u64(w, e->link.rate_bps);
        break;
    case EVENT_FRAME:
        write_u32(w, e->frame.peer);
        write_u64(w, e->frame.receipt);
        put_slice(w, e->frame.data);
        break;
    case EVENT_SENT:
        write_u32(w, e->sent.peer);
        write_u64(w, e->sent.transfer);
        write_u8(w, (uint8_t)e->sent.status);
        break;
    case EVENT_DONE:
        write_u64(w, e->done.op);
        write_u8(w, (uint8_t)e->done.status);
        put_slice(w, e->done.data);
        break;
    case EVENT_WORKED: write_u64(w, e->worked); break;
    case EVENT_LANE: put_lane(w, &e->lane); break;
    case EVENT_CRAFT: put_craft(w, &e->craft); break;
    case EVENT_SCENE:
        write_u64(w, e->scene.op);
        write_u8(w, (uint8_t)e->scene.status);
        put_slice(w, e->scene.data);
        break;
    case EVENT_OBJECT: put_object(w, e->object); break;
    case EVENT_TASK: put_task(w, e->task); break;
    }
}

void journal_now_read(struct reader *r, struct now *now)
{
    now->mono = (mono_ns)read_u64(r);
    now->wall = (tai_ns)read_u64(r);
    now->wall_error_ns = read_u64(r);
    now->wall_rate = read_u32(r);
    /* Sums of instants must not overflow: three hundred years are enough for anybody. */
    if (now->mono < 0 || now->wall < 0 || now->mono > INT64_MAX / 2 || now->wall > INT64_MAX / 2 || now->wall_rate == 0 ||
        now->wall_rate > 1000000)
        r->failed = true;
}

void journal_event_read(struct reader *r, struct heap *heap, struct event *out)
{
    *out = (struct event){0};
    journal_now_read(r, &out->now);
    uint8_t kind = read_u8(r);
    if (kind >= EVENT_COUNT)
        r->failed = true;
    out->kind = r->failed ? EVENT_ALARM : (enum event_kind)kind;
    switch (out->kind) {
    case EVENT_START:
    case EVENT_ALARM:
    case EVENT_STOP:
    case EVENT_COUNT: break;
    case EVENT_LINK: {
        node_id peer = read_u32(r);
        bool up = read_u8(r) != 0;
        out->link = (struct event_link){.peer = peer, .up = up, .rate_bps = read_u64(r)};
        break;
    }
    case EVENT_FRAME:
        out->frame.peer = read_u32(r);
        out->frame.receipt = read_u64(r);
        out->frame.data = get_slice(r);
        break;
    case EVENT_SENT:
        out->sent.peer = read_u32(r);
        out->sent.transfer = read_u64(r);
        out->sent.status = get_err(r);
        break;
    case EVENT_DONE:
        out->done.op = read_u64(r);
        out->done.status = get_err(r);
        out->done.data = get_slice(r);
        break;
    case EVENT_WORKED: out->worked = read_u64(r); break;
    case EVENT_LANE: get_lane(r, &out->lane); break;
    case EVENT_CRAFT: get_craft(r, &out->craft); break;
    case EVENT_SCENE:
        out->scene.op = read_u64(r);
        out->scene.status = get_err(r);
        out->scene.data = get_slice(r);
        break;
    case EVENT_OBJECT: out->object = get_object(r, heap); break;
    case EVENT_TASK: out->task = get_task(r, heap); break;
    }
    if (!reader_at_end(r))
        r->failed = true;
}
