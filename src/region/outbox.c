/*
 * Requests to the planes wait here, each with copies of all that it points to, until region_flush: so that a host may
 * step its node from inside the callback and feed the replies straight back.
 */
#include "region/inside.h"

#include <string.h>

struct outgoing {
    struct outgoing *next;
    bool is_task;
    struct object_request object;
    struct task_request task;
    struct task_spec spec;
    uint8_t *memory;
};

static size_t span_total(const struct span *const *spans, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += spans[i]->size;
    return total;
}

/* Copies the bytes of every span behind each other and points the spans there. Empty spans with data stay non-NULL. */
static void copy_spans(struct span **spans, size_t count, uint8_t *memory)
{
    for (size_t i = 0; i < count; i++) {
        if (!spans[i]->data)
            continue;
        if (spans[i]->size)
            memcpy(memory, spans[i]->data, spans[i]->size);
        spans[i]->data = memory;
        memory += spans[i]->size;
    }
}

static void append(struct region *r, struct outgoing *o)
{
    if (r->outbox_tail)
        r->outbox_tail->next = o;
    else
        r->outbox_head = o;
    r->outbox_tail = o;
}

static void outgoing_free(struct region *r, struct outgoing *o)
{
    slice_drop(&o->object.data);
    heap_free(r->heap, o->memory);
    heap_free(r->heap, o);
}

err outbox_object(struct region *r, const struct object_request *request)
{
    struct outgoing *o = heap_alloc(r->heap, sizeof *o);
    if (!o)
        return ERR_FULL;
    o->object = *request;
    o->object.data = (struct slice){0};
    struct object_request *c = &o->object;
    struct span *spans[] = {&c->bucket,     &c->key,    &c->metadata,  &c->source_bucket,
                            &c->source_key, &c->prefix, &c->delimiter, &c->after};
    size_t parts_size = request->part_count * sizeof *request->parts;
    size_t size = span_total((const struct span *const *)spans, COUNT_OF(spans)) + parts_size;
    o->memory = heap_alloc(r->heap, MAX(size, 1));
    struct slice data = request->data;
    if (!o->memory || slice_keep(&data, r->heap) != ERR_OK) {
        outgoing_free(r, o);
        return ERR_FULL;
    }
    c->data = data;
    if (parts_size)
        memcpy(o->memory, request->parts, parts_size);
    c->parts = (const struct object_part_name *)(const void *)o->memory;
    copy_spans(spans, COUNT_OF(spans), o->memory + parts_size);
    append(r, o);
    return ERR_OK;
}

enum { SPEC_SPANS_MAX = 8 + TASK_EXECUTORS_MAX * (5 + TASK_ARGUMENTS_MAX + TASK_ENVIRONMENT_MAX) + 8 * TASK_FILES_MAX };

static size_t file_spans(struct task_file *files, size_t count, struct span **spans)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        spans[n++] = &files[i].bucket;
        spans[n++] = &files[i].key;
        spans[n++] = &files[i].path;
        spans[n++] = &files[i].content;
    }
    return n;
}

static size_t executor_spans(struct task_executor *e, struct span **spans)
{
    size_t n = 0;
    spans[n++] = &e->image;
    spans[n++] = &e->workdir;
    spans[n++] = &e->stdout_path;
    spans[n++] = &e->stderr_path;
    for (size_t i = 0; i < e->argument_count; i++)
        spans[n++] = &e->arguments[i];
    for (size_t i = 0; i < e->environment_count; i++)
        spans[n++] = &e->environment[i];
    return n;
}

static size_t task_spans(struct outgoing *o, struct span **spans)
{
    size_t n = 0;
    spans[n++] = &o->task.name_prefix;
    if (!o->task.spec)
        return n;
    spans[n++] = &o->spec.document;
    spans[n++] = &o->spec.name;
    for (size_t i = 0; i < o->spec.executor_count; i++)
        n += executor_spans(&o->spec.executors[i], spans + n);
    n += file_spans(o->spec.inputs, o->spec.input_count, spans + n);
    n += file_spans(o->spec.outputs, o->spec.output_count, spans + n);
    return n;
}

err outbox_task(struct region *r, const struct task_request *request)
{
    struct span *spans[SPEC_SPANS_MAX];
    struct outgoing *o = heap_alloc(r->heap, sizeof *o);
    if (!o)
        return ERR_FULL;
    o->is_task = true;
    o->task = *request;
    if (request->spec) {
        o->spec = *request->spec;
        o->task.spec = &o->spec;
    }
    size_t count = task_spans(o, spans);
    o->memory = heap_alloc(r->heap, MAX(span_total((const struct span *const *)spans, count), 1));
    if (!o->memory) {
        outgoing_free(r, o);
        return ERR_FULL;
    }
    copy_spans(spans, count, o->memory);
    append(r, o);
    return ERR_OK;
}

static struct outgoing *take(struct region *r)
{
    struct outgoing *o = r->outbox_head;
    if (o) {
        r->outbox_head = o->next;
        if (!r->outbox_head)
            r->outbox_tail = NULL;
    }
    return o;
}

void outbox_flush(struct region *r)
{
    struct outgoing *o;
    if (r->flushing)
        return; /* a host called back from inside object or task: the loop below goes on */
    r->flushing = true;
    while ((o = take(r)) != NULL) {
        if (o->is_task)
            r->host.task(r->host.context, &o->task);
        else
            r->host.object(r->host.context, &o->object);
        outgoing_free(r, o);
    }
    r->flushing = false;
}

void outbox_clear(struct region *r)
{
    struct outgoing *o;
    while ((o = take(r)) != NULL)
        outgoing_free(r, o);
}
