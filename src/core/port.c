#include "core/port.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/node_core.h"

enum { STEP_BLOCK = 32 * 1024, QUEUE_START = 16, EFFECTS_START = 32 };

struct step_block {
    struct step_block *next;
    size_t size, used;
    uint64_t unused; /* bytes[] starts 32 bytes in: 16-aligned like the block */
    uint8_t bytes[];
};

err node_core_init(struct node_core *c, struct heap *h)
{
    *c = (struct node_core){.heap = h, .alarm_next = TIME_NEVER, .queue_capacity = QUEUE_START, .effect_capacity = EFFECTS_START};
    c->queue = heap_alloc(h, QUEUE_START * sizeof *c->queue);
    c->effects = heap_alloc(h, EFFECTS_START * sizeof *c->effects);
    return c->queue && c->effects ? ERR_OK : ERR_NO_MEMORY;
}

static void *step_alloc(struct node_core *c, size_t size)
{
    size_t need = (size + 15) & ~(size_t)15;
    struct step_block *b = c->blocks;
    if (!b || b->size - b->used < need) {
        size_t room = MAX(need, (size_t)STEP_BLOCK - sizeof *b - 64);
        b = heap_alloc_unset(c->heap, sizeof *b + room);
        if (!b)
            return NULL;
        b->used = 0;
        b->size = room;
        b->next = c->blocks;
        c->blocks = b;
    }
    void *p = b->bytes + b->used;
    b->used += need;
    return p;
}

void *node_core_alloc(struct node_core *c, size_t size)
{
    void *p = step_alloc(c, size);
    if (p)
        memset(p, 0, size);
    return p;
}

void node_core_begin(struct node_core *c, const struct now *now)
{
    c->now = *now;
    c->effect_count = 0;
    for (size_t i = 0; i < c->kept_count; i++)
        buf_unref(c->kept[i]);
    c->kept_count = 0;
    /* The oldest block is kept for the next step; the others go back. */
    struct step_block *b = c->blocks;
    while (b && b->next) {
        struct step_block *next = b->next;
        heap_free(c->heap, b);
        b = next;
    }
    c->blocks = b;
    if (b)
        b->used = 0;
}

static struct span keep(struct node_core *c, struct span s)
{
    if (s.size == 0)
        return (struct span){s.data ? (const uint8_t *)"" : NULL, 0};
    uint8_t *copy = step_alloc(c, s.size + 1);
    if (!copy)
        return (struct span){0};
    memcpy(copy, s.data, s.size);
    copy[s.size] = 0;
    return span_of(copy, s.size);
}

/* Gives up a reference when the next step begins. */
static bool keep_until_next_step(struct node_core *c, struct buf *b)
{
    if (!b)
        return true;
    if (c->kept_count == c->kept_capacity) {
        size_t capacity = MAX((size_t)16, c->kept_capacity * 2);
        struct buf **wider = heap_grow(c->heap, c->kept, capacity * sizeof *wider);
        if (!wider)
            return false;
        c->kept = wider;
        c->kept_capacity = capacity;
    }
    c->kept[c->kept_count++] = buf_ref(b);
    return true;
}

static struct delivery *queue_add(struct node_core *c)
{
    if (c->queue_count == c->queue_capacity) {
        size_t capacity = c->queue_capacity * 2;
        struct delivery *wider = heap_alloc(c->heap, capacity * sizeof *wider);
        if (!wider)
            return NULL;
        for (size_t i = 0; i < c->queue_count; i++)
            wider[i] = c->queue[(c->queue_head + i) % c->queue_capacity];
        heap_free(c->heap, c->queue);
        c->queue = wider;
        c->queue_capacity = capacity;
        c->queue_head = 0;
    }
    return &c->queue[(c->queue_head + c->queue_count++) % c->queue_capacity];
}

bool node_core_next(struct node_core *c, struct delivery *out)
{
    if (c->queue_count == 0)
        return false;
    *out = c->queue[c->queue_head];
    c->queue_head = (c->queue_head + 1) % c->queue_capacity;
    c->queue_count--;
    return true;
}

void port_init(struct port *p, enum service service, struct node_core *c, const struct config *config, struct view *view,
               const struct sky *sky)
{
    *p = (struct port){.service = service, .core = c, .heap = c->heap, .config = config, .view = view, .sky = sky,
                       .rng = rng_stream(hash_mix(config->seed, config->self), (uint64_t)service << 32 | config->boot),
                       .alarm_at = TIME_NEVER};
}

err port_send(struct port *p, const struct message *m)
{
    ASSERT(m->body.size <= MESSAGE_BODY_MAX && m->payload.size <= MESSAGE_PAYLOAD_MAX);
    struct message copy = *m;
    copy.service = p->service;
    copy.from = p->config->self;
    if (m->body.size > 0) {
        copy.body = keep(p->core, m->body);
        if (!copy.body.data)
            return ERR_FULL;
    }
    TRY(slice_keep(&copy.payload, p->heap));
    struct delivery *d = queue_add(p->core);
    if (!d) {
        slice_drop(&copy.payload);
        return ERR_FULL;
    }
    *d = (struct delivery){.kind = DELIVER_MESSAGE, .message = copy};
    return ERR_OK;
}

uint64_t port_op(struct port *p)
{
    uint64_t boot = p->config->boot & 0xffffff;
    return (uint64_t)p->service << 56 | boot << 32 | (++p->op_count & 0xffffffff);
}

void port_effect(struct port *p, const struct effect *e)
{
    struct node_core *c = p->core;
    if (c->effect_count == c->effect_capacity) {
        struct effect *wider = heap_grow(c->heap, c->effects, 2 * c->effect_capacity * sizeof *wider);
        ASSERT(wider != NULL); /* the budget reserves room for a step's effects */
        c->effects = wider;
        c->effect_capacity *= 2;
    }
    c->effects[c->effect_count++] = *e;
}

struct span port_keep(struct port *p, struct span s)
{
    return keep(p->core, s);
}

uint64_t port_disk_write(struct port *p, enum disk_area area, uint64_t offset, struct slice first, struct slice second)
{
    if (slice_keep(&first, p->heap) != ERR_OK)
        return 0;
    if (slice_keep(&second, p->heap) != ERR_OK) {
        slice_drop(&first);
        return 0;
    }
    uint64_t op = port_op(p);
    port_effect(p, &(struct effect){.kind = EFFECT_DISK,
                                    .disk = {.op = op, .kind = DISK_WRITE, .area = area, .offset = offset,
                                             .size = first.size + second.size, .parts = {first, second}}});
    return op;
}

static uint64_t disk_plain(struct port *p, enum disk_kind kind, enum disk_area area, uint64_t offset, uint64_t size)
{
    uint64_t op = port_op(p);
    port_effect(p, &(struct effect){.kind = EFFECT_DISK,
                                    .disk = {.op = op, .kind = kind, .area = area, .offset = offset, .size = size}});
    return op;
}

uint64_t port_disk_read(struct port *p, enum disk_area area, uint64_t offset, uint64_t size)
{
    return disk_plain(p, DISK_READ, area, offset, size);
}

uint64_t port_disk_sync(struct port *p, enum disk_area area)
{
    return disk_plain(p, DISK_SYNC, area, 0, 0);
}

uint64_t port_disk_discard(struct port *p, enum disk_area area, uint64_t offset, uint64_t size)
{
    return disk_plain(p, DISK_DISCARD, area, offset, size);
}

void port_alarm(struct port *p, mono_ns at)
{
    p->alarm_at = MIN(p->alarm_at, at);
    p->core->alarm_next = MIN(p->core->alarm_next, at);
}

void port_trace(struct port *p, enum trace_id id, node_id about, const char *format, ...)
{
    char line[400];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    struct span text = keep(p->core, span_of(line, n < 0 ? 0 : MIN((size_t)n, sizeof line - 1)));
    port_effect(p, &(struct effect){.kind = EFFECT_TRACE, .trace = {.id = (uint16_t)id, .about = about, .text = text}});
}

void port_count(struct port *p, enum metric_id id, uint64_t more)
{
    p->core->metrics[id] += more;
}

void port_gauge(struct port *p, enum metric_id id, uint64_t value)
{
    p->core->metrics[id] = value;
}

void port_probe(struct port *p, enum probe_id id)
{
    uint32_t *count = &p->core->probes[id];
    *count += *count < UINT32_MAX;
}

uint64_t port_metric(const struct port *p, enum metric_id id)
{
    return p->core->metrics[id];
}

void port_object(struct port *p, const struct object_request *r)
{
    struct node_core *c = p->core;
    struct object_request *copy = node_core_alloc(c, sizeof *copy);
    ASSERT(copy != NULL);
    *copy = *r;
    struct span *spans[] = {&copy->bucket, &copy->key,   &copy->metadata,  &copy->source_bucket, &copy->source_key,
                            &copy->prefix, &copy->after, &copy->delimiter};
    for (size_t i = 0; i < COUNT_OF(spans); i++)
        *spans[i] = keep(c, *spans[i]);
    if (r->part_count > 0) {
        struct object_part_name *parts = node_core_alloc(c, r->part_count * sizeof *parts);
        ASSERT(parts != NULL);
        memcpy(parts, r->parts, r->part_count * sizeof *parts);
        copy->parts = parts;
    }
    err kept = slice_keep(&copy->data, c->heap);
    struct delivery *d = queue_add(c);
    ASSERT(kept == ERR_OK && d != NULL);
    *d = (struct delivery){.kind = DELIVER_OBJECT, .object = copy};
}

void port_object_reply(struct port *p, const struct object_reply *r)
{
    struct node_core *c = p->core;
    ASSERT(p->service == SERVICE_STORAGE);
    if (r->client != SERVICE_REGION) {
        c->object_reply(c->context, r);
        return;
    }
    const struct object_reply *copy = node_core_copy_object_reply(c, r);
    ASSERT(copy != NULL);
    port_effect(p, &(struct effect){.kind = EFFECT_OBJECT_REPLY, .object_reply = copy});
}

struct object_reply *node_core_copy_object_reply(struct node_core *c, const struct object_reply *r)
{
    struct object_reply *copy = node_core_alloc(c, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *r;
    copy->bucket = keep(c, r->bucket);
    copy->key = keep(c, r->key);
    copy->next = keep(c, r->next);
    copy->info.metadata = keep(c, r->info.metadata);
    if (r->data.buf)
        keep_until_next_step(c, r->data.buf);
    else if (r->data.size > 0)
        copy->data = slice_borrowed(keep(c, slice_span(r->data)));
    if (r->entry_count > 0) {
        struct object_entry *entries = node_core_alloc(c, r->entry_count * sizeof *entries);
        if (!entries)
            return NULL;
        for (size_t i = 0; i < r->entry_count; i++) {
            entries[i] = r->entries[i];
            entries[i].name = keep(c, r->entries[i].name);
            entries[i].info.metadata = keep(c, r->entries[i].info.metadata);
        }
        copy->entries = entries;
    }
    if (r->holder_count > 0) {
        struct object_holder *holders = node_core_alloc(c, r->holder_count * sizeof *holders);
        if (!holders)
            return NULL;
        memcpy(holders, r->holders, r->holder_count * sizeof *holders);
        copy->holders = holders;
    }
    return copy;
}

/* A copy of a task specification with all its spans in step memory; NULL when full. */
static struct task_spec *spec_copy(struct node_core *c, const struct task_spec *spec)
{
    struct task_spec *copy = node_core_alloc(c, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *spec;
    copy->document = keep(c, spec->document);
    copy->name = keep(c, spec->name);
    for (size_t i = 0; i < spec->executor_count; i++) {
        struct task_executor *e = &copy->executors[i];
        e->image = keep(c, e->image);
        e->workdir = keep(c, e->workdir);
        e->stdout_path = keep(c, e->stdout_path);
        e->stderr_path = keep(c, e->stderr_path);
        for (size_t j = 0; j < e->argument_count; j++)
            e->arguments[j] = keep(c, e->arguments[j]);
        for (size_t j = 0; j < e->environment_count; j++)
            e->environment[j] = keep(c, e->environment[j]);
    }
    struct task_file *lists[] = {copy->inputs, copy->outputs};
    size_t counts[] = {spec->input_count, spec->output_count};
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; i < counts[l]; i++) {
            struct task_file *f = &lists[l][i];
            f->bucket = keep(c, f->bucket);
            f->key = keep(c, f->key);
            f->path = keep(c, f->path);
            f->content = keep(c, f->content);
        }
    return copy;
}

void port_task(struct port *p, const struct task_request *r)
{
    struct node_core *c = p->core;
    struct task_request *copy = node_core_alloc(c, sizeof *copy);
    ASSERT(copy != NULL);
    *copy = *r;
    copy->name_prefix = keep(c, r->name_prefix);
    if (r->spec)
        copy->spec = spec_copy(c, r->spec);
    struct delivery *d = queue_add(c);
    ASSERT(d != NULL);
    *d = (struct delivery){.kind = DELIVER_TASK, .task = copy};
}

struct task_reply *node_core_copy_task_reply(struct node_core *c, const struct task_reply *r)
{
    struct task_reply *copy = node_core_alloc(c, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *r;
    if (r->view_count == 0)
        return copy;
    struct task_view *views = node_core_alloc(c, r->view_count * sizeof *views);
    if (!views)
        return NULL;
    for (size_t i = 0; i < r->view_count; i++) {
        struct task_view *v = &views[i];
        *v = r->views[i];
        v->name = keep(c, v->name);
        v->document = keep(c, v->document);
        for (size_t j = 0; j < v->attempt_count; j++) {
            v->attempts[j].output = keep(c, v->attempts[j].output);
            v->attempts[j].error_output = keep(c, v->attempts[j].error_output);
            v->attempts[j].reason = keep(c, v->attempts[j].reason);
        }
        for (size_t j = 0; j < v->output_count; j++) {
            v->outputs[j].bucket = keep(c, v->outputs[j].bucket);
            v->outputs[j].key = keep(c, v->outputs[j].key);
            v->outputs[j].path = keep(c, v->outputs[j].path);
        }
    }
    copy->views = views;
    return copy;
}

void port_task_reply(struct port *p, const struct task_reply *r)
{
    struct node_core *c = p->core;
    ASSERT(p->service == SERVICE_COMPUTE);
    struct task_reply *copy = node_core_copy_task_reply(c, r);
    ASSERT(copy != NULL);
    if (r->client == SERVICE_REGION) {
        port_effect(p, &(struct effect){.kind = EFFECT_TASK_REPLY, .task_reply = copy});
        return;
    }
    struct delivery *d = queue_add(c);
    ASSERT(d != NULL);
    *d = (struct delivery){.kind = DELIVER_TASK_REPLY, .task_reply = copy};
}

void port_member_changed(struct port *p, node_id member)
{
    struct node_core *c = p->core;
    for (size_t i = 0; i < c->queue_count; i++) {
        const struct delivery *d = &c->queue[(c->queue_head + i) % c->queue_capacity];
        if (d->kind == DELIVER_MEMBER && d->member == member)
            return;
    }
    struct delivery *d = queue_add(c);
    ASSERT(d != NULL);
    *d = (struct delivery){.kind = DELIVER_MEMBER, .member = member};
}
