#include "region/inside.h"

#include <string.h>

/* ---- memory ---------------------------------------------------------------------------------------------------- */

enum { ARENA_BLOCK = 4096, ARENA_MAX = 8 << 20 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(16) uint8_t bytes[];
};

void *request_alloc(struct request *q, size_t size)
{
    struct arena_block *b = q->arena;
    size = (size + 15) & ~(size_t)15;
    if (!b || b->size - b->used < size) {
        size_t block_size = MAX(size, (size_t)ARENA_BLOCK);
        b = q->arena_bytes + block_size <= ARENA_MAX ? heap_alloc(q->region->heap, sizeof *b + block_size) : NULL;
        if (!b) {
            q->starved = true;
            return NULL;
        }
        q->arena_bytes += block_size;
        b->size = block_size;
        b->next = q->arena;
        q->arena = b;
    }
    void *at = b->bytes + b->used;
    b->used += size;
    return at;
}

struct span request_copy(struct request *q, struct span s)
{
    uint8_t *copy = request_alloc(q, s.size + 1);
    if (!copy)
        return (struct span){0};
    if (s.size)
        memcpy(copy, s.data, s.size);
    return span_of(copy, s.size);
}

const char *request_string(struct request *q, struct span s)
{
    struct span copy = request_copy(q, s);
    return copy.data ? (const char *)copy.data : "";
}

static void forget_tags(struct request *q)
{
    struct region *r = q->region;
    for (struct map_node *n = map_first(&r->tags), *next; n; n = next) {
        next = map_next(&r->tags, n);
        if (*(struct request **)map_value(n) == q)
            map_remove_u64(&r->tags, map_key_u64(n));
    }
}

void request_reset(struct request *q)
{
    struct region *r = q->region;
    struct connection *c = q->connection;
    if (q->on_drop)
        q->on_drop(q);
    q->on_drop = NULL;
    if (q->tags_live)
        forget_tags(q);
    payload_free(&q->payload);
    slice_drop(&q->raw);
    slice_drop(&q->lead);
    text_free(&q->head);
    text_free(&q->input);
    text_free(&q->fields);
    text_free(&q->out);
    while (q->arena) {
        struct arena_block *b = q->arena;
        q->arena = b->next;
        heap_free(r->heap, b);
    }
    memset(q, 0, sizeof *q);
    q->region = r;
    q->connection = c;
    q->head = text_new(r->heap, r->config.header_bytes_max);
    q->input = text_new(r->heap, r->config.xml_bytes_max);
    q->fields = text_new(r->heap, 64 * 1024);
    q->out = text_new(r->heap, 16u << 20);
}

/* ---- what was asked -------------------------------------------------------------------------------------------- */

struct span request_header_name(const struct request *q, size_t i)
{
    return span_of(q->head.data + q->headers[i].name_at, q->headers[i].name_size);
}

struct span request_header_value(const struct request *q, size_t i)
{
    return span_of(q->head.data + q->headers[i].value_at, q->headers[i].value_size);
}

struct span request_header(const struct request *q, const char *lower_name)
{
    for (size_t i = 0; i < q->header_count; i++)
        if (span_equal_text(request_header_name(q, i), lower_name))
            return request_header_value(q, i);
    return (struct span){0};
}

struct span request_query(const struct request *q, const char *name)
{
    return query_get(&q->query, name);
}

bool request_asks(const struct request *q, const char *query_name)
{
    return query_has(&q->query, query_name);
}

/* ---- the body -------------------------------------------------------------------------------------------------- */

void request_body(struct request *q, uint64_t credit)
{
    struct connection *c = q->connection;
    ASSERT(q->payload.begun && !q->body_open);
    q->body_open = true;
    q->body_credit = credit;
    if (!q->has_body) {
        request_body_message_end(q);
        return;
    }
    ASSERT(c->stage == STAGE_WAIT);
    c->stage = STAGE_BODY;
    if (q->expects_continue)
        respond_continue(q);
}

static void collect(struct request *q, struct slice data)
{
    text_add_span(&q->input, slice_span(data));
    if (!text_ok(&q->input))
        respond_error(q, q->input.size + data.size > q->input.most ? S3_MAX_MESSAGE : S3_SLOW_DOWN, NULL);
}

void request_body_collect(struct request *q, size_t most, void (*then)(struct request *q))
{
    q->input.most = most;
    if (q->content_length != UINT64_MAX && q->content_length > most * 2) {
        if (q->flavour == FLAVOUR_JSON)
            respond_json_error(q, 413, "the request body is too large");
        else
            respond_error(q, S3_MAX_MESSAGE, NULL);
        return;
    }
    q->on_data = collect;
    q->on_end = then;
    request_body(q, UINT64_MAX / 2);
}

void request_credit(struct request *q, uint64_t more)
{
    q->body_credit += more;
    if (q->raw.size)
        request_body_run(q);
}

static void body_failed(struct request *q)
{
    respond_error(q, payload_error(q->payload.verdict), NULL);
}

void request_body_run(struct request *q)
{
    struct span in = slice_span(q->raw), piece;
    while (!q->responded && payload_next(&q->payload, &in, q->body_credit, &piece)) {
        if (piece.size == 0)
            continue;
        struct slice data = {q->raw.buf, piece.data, piece.size};
        q->body_credit -= piece.size;
        q->body_bytes += piece.size;
        q->on_data(q, data);
    }
    if (q->responded) {
        slice_drop(&q->raw);
    } else if (q->payload.failed) {
        slice_drop(&q->raw);
        body_failed(q);
    } else if (in.size == 0) {
        slice_drop(&q->raw);
    } else {
        q->raw.data = in.data;
        q->raw.size = in.size;
    }
}

void request_body_message_end(struct request *q)
{
    ASSERT(!q->body_ended);
    q->body_ended = true;
    if (q->responded)
        return;
    enum payload_verdict v = payload_end(&q->payload);
    if (v != PAYLOAD_OK)
        body_failed(q);
    else if (q->on_end)
        q->on_end(q);
}

/* ---- to the planes --------------------------------------------------------------------------------------------- */

static uint64_t tag_new(struct request *q)
{
    struct region *r = q->region;
    struct request **owner = map_put_u64(&r->tags, ++r->tag_last, NULL);
    if (!owner) {
        q->starved = true;
        return 0;
    }
    *owner = q;
    q->tags_live++;
    q->plane_since = r->time.now.mono;
    return q->tag = r->tag_last;
}

/* Replies that will never come are made here: out of memory is told as an error response. */
static void starve(struct request *q)
{
    q->starved = true;
    if (!q->responded)
        respond_error(q, S3_SLOW_DOWN, NULL);
}

uint64_t request_object(struct request *q, struct object_request *o)
{
    o->client = SERVICE_REGION;
    o->tag = q->starved ? 0 : tag_new(q);
    if (o->tag && outbox_object(q->region, o) == ERR_OK)
        return o->tag;
    if (o->tag)
        request_forget(q, o->tag);
    starve(q);
    return 0;
}

void request_object_more(struct request *q, uint64_t tag, struct object_request *o)
{
    o->client = SERVICE_REGION;
    o->tag = tag;
    q->plane_since = q->region->time.now.mono;
    if (outbox_object(q->region, o) != ERR_OK)
        starve(q);
}

uint64_t request_task(struct request *q, struct task_request *t)
{
    t->client = SERVICE_REGION;
    t->tag = q->starved ? 0 : tag_new(q);
    if (t->tag && outbox_task(q->region, t) == ERR_OK)
        return t->tag;
    if (t->tag)
        request_forget(q, t->tag);
    starve(q);
    return 0;
}

void request_forget(struct request *q, uint64_t tag)
{
    if (map_remove_u64(&q->region->tags, tag))
        q->tags_live--;
}
