/*
 * PUT: data is cut into chunks, each leaves for its holders as soon as it is full; a holder that fails is replaced in the same walk; when all
 * chunks are durable on enough nodes the condition is checked once more, the fact is signed, and its durability is waited for.
 */
#include <stdio.h>
#include <string.h>

#include "base/mutation.h"
#include "storage/internal.h"

static void decide_when_landed(struct storage *s, struct stream *st);

static struct stream *stream_find(const struct storage *s, enum service client, uint64_t tag)
{
    struct stream *st = s->streams;
    while (st && (st->client != client || st->tag != tag))
        st = st->next;
    return st;
}

static void flight_clear(struct storage *s, struct put_flight *f)
{
    for (size_t i = 0; i < OBJECT_COPIES_MAX; i++)
        if (f->copies[i].state == COPY_SENT)
            request_end(s, f->copies[i].request);
    slice_drop(&f->data);
    *f = (struct put_flight){0};
}

static void stream_free(struct storage *s, struct stream *st)
{
    struct stream **at = &s->streams;
    while (*at != st)
        at = &(*at)->next;
    *at = st->next;
    s->stream_count--;
    for (size_t i = 0; i < COUNT_OF(st->flights); i++)
        flight_clear(s, &st->flights[i]);
    publish_forget(s, st->watch);
    buf_unref(st->fill);
    heap_free(s->port->heap, st->digests);
    heap_free(s->port->heap, st->holders);
    heap_free(s->port->heap, st->names);
    heap_free(s->port->heap, st);
}

/* Nobody will ever name the part: whoever got chunks of it may forget them. */
static void stream_abandon(struct storage *s, struct stream *st)
{
    port_probe(s->port, PROBE_PUT_ABANDONED);
    if (st->chunk_count > 0 && !st->deciding)
        for (uint8_t i = 0; i < st->places.count; i++)
            transfer_drop(s, st->places.nodes[i], st->part);
    stream_free(s, st);
}

static struct object_reply stream_reply(const struct stream *st, enum object_op op, err status)
{
    return (struct object_reply){.op = op, .client = st->client, .tag = st->tag, .status = status, .bucket = st->bucket, .key = st->key};
}

static void stream_fail(struct storage *s, struct stream *st, err status, const char *reason, tai_ns retry_at)
{
    port_probe(s->port, st->deciding ? PROBE_PUT_DECIDING_FAILED : PROBE_PUT_BEGUN_FAILED);
    struct object_reply reply = stream_reply(st, st->ended ? OBJECT_PUT_END : OBJECT_PUT_DATA, status);
    reply.final = true;
    reply.retry_at = retry_at;
    snprintf(reply.reason, sizeof reply.reason, "%s", reason);
    storage_reply(s, &reply);
    stream_abandon(s, st);
}

/* ---- beginning ------------------------------------------------------------------------------------------------ */

static bool policy_valid(struct policy p)
{
    return p.copies >= 1 && p.copies <= OBJECT_COPIES_MAX && p.where <= PLACE_ORBIT;
}

static err names_copy(struct storage *s, struct stream *st, const struct object_request *r)
{
    st->names = heap_alloc(s->port->heap, r->bucket.size + r->key.size + r->metadata.size + 1);
    if (!st->names)
        return ERR_NO_MEMORY;
    struct writer w = writer_of(st->names, r->bucket.size + r->key.size + r->metadata.size);
    write_bytes(&w, r->bucket.data, r->bucket.size);
    write_bytes(&w, r->key.data, r->key.size);
    write_bytes(&w, r->metadata.data, r->metadata.size);
    st->bucket = span_of(st->names, r->bucket.size);
    st->key = span_of(st->names + r->bucket.size, r->key.size);
    st->metadata = span_of(st->names + r->bucket.size + r->key.size, r->metadata.size);
    return ERR_OK;
}

struct begin { /* why a PUT may not begin */
    err status;
    enum object_missing missing;
    const char *reason;
    struct policy policy;
};

static struct begin begin_check(struct storage *s, const struct object_request *r)
{
    const struct index_bucket_instance *b = index_bucket(&s->index, r->bucket);
    const struct index_upload *u = r->part ? index_upload(&s->index, r->upload) : NULL;
    if (!b)
        return (struct begin){ERR_NOT_FOUND, MISSING_BUCKET, "no such bucket", {0}};
    if (r->part && !u)
        return (struct begin){ERR_NOT_FOUND, MISSING_UPLOAD, "no such upload", {0}};
    if (r->part > OBJECT_PARTS_MAX)
        return (struct begin){ERR_INVALID, MISSING_NOTHING, "a part number is 1 to 10000", {0}};
    if (r->key.size == 0 || r->key.size > OBJECT_KEY_MAX || r->metadata.size > OBJECT_METADATA_MAX)
        return (struct begin){ERR_INVALID, MISSING_NOTHING, "the key or its metadata is too long", {0}};
    if (r->size != UINT64_MAX && r->size > (uint64_t)PART_CHUNKS_MAX * CHUNK_DATA_MAX)
        return (struct begin){ERR_TOO_LARGE, MISSING_NOTHING, "too large for one upload; use a multipart upload", {0}};
    if (s->stream_count >= MAX(s->port->config->limits.streams_max, 1u) || !storage_idle_memory(s))
        return (struct begin){ERR_BUSY, MISSING_NOTHING, "too many streams; try again", {0}};
    struct policy policy = r->policy_given ? r->policy : b->policy;
    if (MUTATION(POLICY_LOWERED))
        policy.copies = 1;
    if (u) {
        struct upload_fact f;
        ASSERT(upload_fact_decode(span_of(u->body, u->body_size), &f) == ERR_OK);
        policy = f.policy;
    }
    if (!policy_valid(policy))
        return (struct begin){ERR_INVALID, MISSING_NOTHING, "copies must be 1 to 8", {0}};
    if (!r->part && condition_check(index_object(&s->index, r->bucket, r->key), &r->condition) != ERR_OK)
        return (struct begin){ERR_CONFLICT, MISSING_NOTHING, "the condition does not hold", {0}};
    return (struct begin){.policy = policy};
}

static err places_choose(struct storage *s, struct stream *st)
{
    uint64_t bytes = st->expected == UINT64_MAX ? CHUNK_DATA_MAX : st->expected;
    struct placement_query q = {.part = st->part, .policy = st->policy, .bytes = bytes,
                                .self_has_room = s->chunks_ready && chunk_store_has_room(&s->chunks, bytes)};
    return placement_choose(s->port, &q, st->policy.best_effort ? 1 : st->policy.copies, &st->places);
}

static void refuse_placement(struct storage *s, const struct object_request *r, const struct stream *st, err status)
{
    struct object_reply reply = reply_to(r, status);
    port_probe(s->port, PROBE_PUT_REFUSED_PLACES);
    reply.retry_at = st->places.retry_at;
    snprintf(reply.reason, sizeof reply.reason,
             status == ERR_NO_SPACE ? "only %u of %u nodes in reach have room for a copy" : "only %u of %u nodes for copies are in reach now",
             st->places.count, st->policy.copies);
    storage_reply(s, &reply);
}

static struct stream *stream_new(struct storage *s, const struct object_request *r, struct policy policy)
{
    struct stream *st = heap_alloc(s->port->heap, sizeof *st);
    if (!st)
        return NULL;
    st->tag = r->tag;
    st->client = r->client;
    st->policy = policy;
    st->condition = r->condition;
    st->part_number = r->part;
    st->upload = r->part ? r->upload : (struct uid){{0}};
    st->expected = r->size;
    st->part = facts_uid(s->port->facts);
    if (names_copy(s, st, r) != ERR_OK) {
        heap_free(s->port->heap, st);
        return NULL;
    }
    uint8_t name[OBJECT_NAME_MAX];
    struct span n = index_name(st->bucket, st->key, name);
    st->name_hash = hash64(n.data, n.size);
    st->next = s->streams;
    s->streams = st;
    s->stream_count++;
    return st;
}

static void put_begin(struct storage *s, const struct object_request *r)
{
    struct begin b = begin_check(s, r);
    if (b.status != ERR_OK) {
        reply_error(s, r, b.status, b.missing, b.reason);
        return;
    }
    struct stream *st = stream_find(s, r->client, r->tag) ? NULL : stream_new(s, r, b.policy);
    if (!st) {
        reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "no memory for another stream");
        return;
    }
    err e = places_choose(s, st);
    if (e != ERR_OK) {
        if (e == ERR_NO_SPACE)
            port_trace(s->port, TRACE_DISK_FULL, NODE_NONE, "a PUT was refused: too few nodes have room");
        refuse_placement(s, r, st, e);
        stream_free(s, st);
        return;
    }
    struct object_reply reply = stream_reply(st, OBJECT_PUT_BEGIN, ERR_OK);
    reply.credit = st->granted = MIN(st->expected, storage_window_bytes(s));
    storage_reply(s, &reply);
}

/* ---- flights -------------------------------------------------------------------------------------------------- */

static uint8_t copies_needed(const struct stream *st)
{
    if (MUTATION(ACK_BEFORE_COPIES))
        return 1;
    return st->policy.best_effort ? MIN(st->policy.copies, st->places.count) : st->policy.copies;
}

static bool flight_has(const struct put_flight *f, node_id node)
{
    for (size_t i = 0; i < OBJECT_COPIES_MAX; i++)
        if (f->copies[i].state != COPY_NONE && f->copies[i].node == node)
            return true;
    return false;
}

static uint8_t flight_count(const struct put_flight *f, bool done_only)
{
    uint8_t n = 0;
    for (size_t i = 0; i < OBJECT_COPIES_MAX; i++)
        n = (uint8_t)(n + (f->copies[i].state == COPY_DONE || (!done_only && f->copies[i].state == COPY_SENT)));
    return n;
}

static void place_bad(struct stream *st, node_id node, err reason)
{
    for (uint8_t i = 0; i < st->places.count; i++)
        if (st->places.nodes[i] == node)
            st->bad[i] = true;
    if (st->bad_reason != ERR_NO_SPACE)
        st->bad_reason = reason;
}

static err copy_send(struct storage *s, struct stream *st, uint32_t slot, struct put_copy *c, node_id node)
{
    struct put_flight *f = &st->flights[slot];
    struct request *q = request_new(s, REQUEST_PUT, st, slot, node, &c->request);
    if (!q)
        return ERR_FULL;
    struct wire_store m = {.key = {st->part, f->chunk}, .digest = f->digest, .name_hash = st->name_hash};
    err e = transfer_store(s, q, c->request, &m, f->data);
    if (e != ERR_OK) {
        request_end(s, c->request);
        return e;
    }
    const struct view_member *holder = view_find(s->port->view, node);
    if (holder && holder->role != ROLE_SATELLITE && st->policy.where == PLACE_ORBIT)
        port_probe(s->port, PROBE_PUT_BRIDGED);
    c->node = node;
    c->state = COPY_SENT;
    return ERR_OK;
}

/* Sends the chunk to the best nodes that have not failed, until enough copies are done or on their way. */
static void flight_send(struct storage *s, struct stream *st, uint32_t slot)
{
    struct put_flight *f = &st->flights[slot];
    for (uint8_t i = 0; i < st->places.count && flight_count(f, false) < copies_needed(st); i++) {
        node_id node = st->places.nodes[i];
        if (st->bad[i] || flight_has(f, node))
            continue;
        struct put_copy *c = f->copies;
        while (c->state != COPY_NONE)
            c++;
        ASSERT(c < f->copies + OBJECT_COPIES_MAX);
        err e = copy_send(s, st, slot, c, node);
        if (e != ERR_OK)
            place_bad(st, node, e);
    }
}

/* By members: a struct's padding may differ from copy to copy. */
static bool same_holders(const struct part_run *a, const struct part_run *b)
{
    return a->node_count == b->node_count && memcmp(a->nodes, b->nodes, a->node_count * sizeof a->nodes[0]) == 0;
}

/* Which set of holders this chunk has; the same sets repeat, so a byte per chunk is enough. */
static bool holders_record(struct stream *st, const struct put_flight *f)
{
    struct part_run set = {.count = 1};
    for (size_t i = 0; i < OBJECT_COPIES_MAX; i++) {
        if (f->copies[i].state != COPY_DONE)
            continue;
        uint8_t at = set.node_count++;
        while (at > 0 && set.nodes[at - 1] > f->copies[i].node) {
            set.nodes[at] = set.nodes[at - 1];
            at--;
        }
        set.nodes[at] = f->copies[i].node;
    }
    uint8_t k = 0;
    while (k < st->set_count && !same_holders(&st->sets[k], &set))
        k++;
    if (k == COUNT_OF(st->sets))
        return false;
    if (k == st->set_count)
        st->sets[st->set_count++] = set;
    st->holders[f->chunk] = k;
    return true;
}

static void credit_grant(struct storage *s, struct stream *st)
{
    uint64_t allowed = MIN(st->landed + storage_window_bytes(s), st->expected);
    bool last = allowed == st->expected && allowed > st->granted; /* the tail may be shorter than is worth a reply */
    if (st->ended || (!last && allowed < st->granted + CHUNK_DATA_MAX / 2))
        return;
    struct object_reply reply = stream_reply(st, OBJECT_PUT_DATA, ERR_OK);
    reply.credit = allowed - st->granted;
    st->granted = allowed;
    storage_reply(s, &reply);
}

static void stream_fail_places(struct storage *s, struct stream *st)
{
    if (st->bad_reason == ERR_NO_SPACE) {
        stream_fail(s, st, ERR_NO_SPACE, "too few nodes have room for the copies", 0);
        return;
    }
    char reason[100];
    snprintf(reason, sizeof reason, "too few nodes took a copy (%s)", err_text(st->bad_reason));
    err e = places_choose(s, st); /* only for the time when it can work */
    stream_fail(s, st, ERR_UNREACHABLE, reason, e == ERR_OK ? s->port->now.wall + NS_PER_S : st->places.retry_at);
}

/* After a change: lands the chunk, or sends more copies, or gives up. Returns false when the stream is gone. */
static bool flight_advance(struct storage *s, struct stream *st, uint32_t slot)
{
    struct put_flight *f = &st->flights[slot];
    flight_send(s, st, slot);
    uint8_t done = flight_count(f, true), all = flight_count(f, false), need = copies_needed(st);
    if (done < all)
        return true; /* wait for the others */
    if (done < need && !(st->policy.best_effort && done > 0)) {
        stream_fail_places(s, st);
        return false;
    }
    if (!holders_record(st, f)) {
        stream_fail(s, st, ERR_UNREACHABLE, "holders changed too often", 0);
        return false;
    }
    st->landed += f->data.size;
    flight_clear(s, f);
    return true;
}

void put_stored(struct storage *s, struct stream *st, uint32_t slot, node_id node, err status)
{
    struct put_flight *f = &st->flights[slot];
    for (size_t i = 0; i < OBJECT_COPIES_MAX; i++)
        if (f->copies[i].state == COPY_SENT && f->copies[i].node == node)
            f->copies[i].state = status == ERR_OK ? COPY_DONE : COPY_NONE;
    if (status != ERR_OK) {
        port_probe(s->port, status == ERR_TIMEOUT ? PROBE_PUT_HOLDER_TIMEOUT : PROBE_PUT_HOLDER_REPLACED);
        place_bad(st, node, status);
    }
    if (!flight_advance(s, st, slot))
        return;
    credit_grant(s, st);
    decide_when_landed(s, st);
}

/* ---- data ------------------------------------------------------------------------------------------------------- */

static err chunk_tables_grow(struct storage *s, struct stream *st)
{
    if (st->chunk_count < st->chunk_capacity)
        return ERR_OK;
    if (st->chunk_count == PART_CHUNKS_MAX)
        return ERR_TOO_LARGE;
    uint32_t known = st->expected == UINT64_MAX ? 8 : part_chunk_count(st->expected);
    uint32_t capacity = MAX(known, st->chunk_capacity * 2);
    uint64_t *digests = heap_grow(s->port->heap, st->digests, capacity * sizeof *digests);
    if (!digests)
        return ERR_NO_MEMORY;
    st->digests = digests;
    uint8_t *holders = heap_grow(s->port->heap, st->holders, capacity);
    if (!holders)
        return ERR_NO_MEMORY;
    st->holders = holders;
    st->chunk_capacity = capacity;
    return ERR_OK;
}

/* A whole chunk of data: the slice's reference is taken over. */
static err chunk_begin(struct storage *s, struct stream *st, struct slice data, uint32_t *slot)
{
    err e = chunk_tables_grow(s, st);
    uint32_t free_slot = 0;
    while (free_slot < COUNT_OF(st->flights) && st->flights[free_slot].used)
        free_slot++;
    if (e != ERR_OK || free_slot == COUNT_OF(st->flights)) {
        slice_drop(&data);
        return e != ERR_OK ? e : ERR_BUSY;
    }
    struct digest128 digest = hash128(data.data, data.size);
    st->flights[free_slot] = (struct put_flight){.data = data, .digest = digest, .chunk = st->chunk_count, .used = true};
    st->digests[st->chunk_count++] = digest.low;
    *slot = free_slot;
    return ERR_OK;
}

static void stream_fail_data(struct storage *s, struct stream *st, err e)
{
    stream_fail(s, st, e == ERR_TOO_LARGE ? e : ERR_BUSY, e == ERR_TOO_LARGE ? "too large for one upload; use a multipart upload" : "no memory for the data", 0);
}

/* Returns false when the stream is gone. */
static bool chunk_launch(struct storage *s, struct stream *st, struct slice data)
{
    uint32_t slot;
    err e = chunk_begin(s, st, data, &slot);
    if (e != ERR_OK) {
        stream_fail_data(s, st, e);
        return false;
    }
    return flight_advance(s, st, slot);
}

static bool fill_flush(struct storage *s, struct stream *st)
{
    struct slice data = slice_of(st->fill, 0, st->filled);
    st->fill = NULL; /* the slice has the reference now */
    st->filled = 0;
    return chunk_launch(s, st, data);
}

/* Takes up to one chunk of `data` and returns how much; 0 when the stream is gone. */
static size_t data_take(struct storage *s, struct stream *st, struct slice data)
{
    uint64_t rest = st->expected == UINT64_MAX ? CHUNK_DATA_MAX : st->expected - st->received;
    size_t want = (size_t)MIN(rest, (uint64_t)CHUNK_DATA_MAX);
    if (!st->fill && data.buf && data.size >= want) {
        buf_ref(data.buf);
        st->received += want;
        return chunk_launch(s, st, slice_part(data, 0, want)) ? want : 0;
    }
    if (!st->fill)
        st->fill = buf_new_heap_unset(s->port->heap, want);
    if (!st->fill) {
        stream_fail_data(s, st, ERR_NO_MEMORY);
        return 0;
    }
    size_t piece = MIN(data.size, st->fill->size - st->filled);
    memcpy(st->fill->data + st->filled, data.data, piece);
    st->filled += (uint32_t)piece;
    st->received += piece;
    return st->filled == st->fill->size && !fill_flush(s, st) ? 0 : piece;
}

static void put_data(struct storage *s, struct stream *st, struct slice data)
{
    if (st->ended || data.size > st->granted - st->received) {
        stream_fail(s, st, ERR_INVALID, "more data than the credit or the announced size allows", 0);
        return;
    }
    while (data.size > 0) {
        size_t took = data_take(s, st, data);
        if (took == 0)
            return;
        data = slice_part(data, took, data.size - took);
    }
}

/* ---- the decision ------------------------------------------------------------------------------------------------- */

static uint16_t runs_of(const struct stream *st, struct part_run *runs, size_t most)
{
    size_t count = 0;
    for (uint32_t i = 0; i < st->chunk_count; i++) {
        if (i > 0 && st->holders[i] == st->holders[i - 1]) {
            runs[count - 1].count++;
            continue;
        }
        if (count == most)
            return 0;
        runs[count++] = st->sets[st->holders[i]];
    }
    return (uint16_t)count;
}

static void fact_encode(struct stream *st, struct writer *w, const struct part_run *runs, uint16_t run_count)
{
    if (st->part_number) {
        struct part_fact f = {.upload = st->upload, .number = st->part_number, .modified = st->modified};
        memcpy(f.md5, st->md5, sizeof f.md5);
        part_fact_encode_head(w, &f);
    } else {
        struct object_fact f = {.bucket = st->bucket, .key = st->key, .metadata = st->metadata, .version = st->version,
                                .modified = st->modified, .size = st->received, .etag_parts = st->etag_parts, .policy = st->policy,
                                .part_count = st->received > 0, .inline_part = st->received > 0};
        memcpy(f.md5, st->md5, sizeof f.md5);
        object_fact_encode_head(w, &f);
    }
    if (st->received > 0)
        part_record_encode(w, st->part, st->received, st->policy, runs, run_count, st->digests);
}

static uint8_t node_add(node_id *nodes, uint8_t count, node_id node)
{
    for (uint8_t i = 0; i < count; i++)
        if (nodes[i] == node)
            return count;
    if (count < PLACEMENT_MAX)
        nodes[count++] = node;
    return count;
}

/* The holders first, then this node, then the next best: whoever is fastest makes the index entry durable. */
static uint8_t index_nodes(const struct storage *s, const struct stream *st, node_id nodes[PLACEMENT_MAX])
{
    uint8_t count = 0;
    for (uint8_t i = 0; i < st->set_count; i++)
        for (uint8_t k = 0; k < st->sets[i].node_count; k++)
            count = node_add(nodes, count, st->sets[i].nodes[k]);
    count = node_add(nodes, MIN(count, (uint8_t)(PLACEMENT_MAX - 1)), s->port->config->self);
    for (uint8_t i = 0; i < st->places.count && count < st->policy.copies + 2; i++)
        if (!st->bad[i])
            count = node_add(nodes, count, st->places.nodes[i]);
    return count;
}

static err fact_publish(struct storage *s, struct stream *st)
{
    enum { RUNS_MOST = 2048 };
    size_t most = 512 + st->bucket.size + st->key.size + st->metadata.size + (size_t)st->chunk_count * 8;
    struct part_run *runs = heap_alloc(s->port->heap, MIN(st->chunk_count, (uint32_t)RUNS_MOST) * sizeof *runs + 1);
    uint16_t run_count = runs ? runs_of(st, runs, RUNS_MOST) : 0;
    if (!runs || (run_count == 0 && st->chunk_count > 0)) {
        heap_free(s->port->heap, runs);
        return runs ? ERR_TOO_LARGE : ERR_NO_MEMORY;
    }
    most += run_count * (5u + 4u * OBJECT_COPIES_MAX);
    uint8_t *bytes = heap_alloc(s->port->heap, most);
    if (!bytes) {
        heap_free(s->port->heap, runs);
        return ERR_NO_MEMORY;
    }
    struct writer w = writer_of(bytes, most);
    st->version = facts_uid(s->port->facts);
    st->modified = s->port->now.wall;
    fact_encode(st, &w, runs, run_count);
    ASSERT(writer_ok(&w));
    node_id nodes[PLACEMENT_MAX];
    uint8_t count = index_nodes(s, st, nodes), need = MIN(copies_needed(st), count);
    port_probe(s->port, PROBE_PUT_BEGUN_DECIDING);
    st->deciding = true;
    err e = publish_watched(s, st->part_number ? FACT_PART : FACT_OBJECT, writer_span(&w), nodes, count, need, st, NULL);
    heap_free(s->port->heap, bytes);
    heap_free(s->port->heap, runs);
    return e;
}

/* A holder may have been convicted since it took its copy: then the promise would be empty. */
static bool holders_alive(const struct storage *s, const struct stream *st)
{
    for (uint8_t i = 0; i < st->set_count && !st->policy.best_effort && !MUTATION(ACK_BEFORE_COPIES); i++) {
        uint8_t alive = 0;
        for (uint8_t k = 0; k < st->sets[i].node_count; k++)
            alive = (uint8_t)(alive + (st->sets[i].nodes[k] == s->port->config->self || view_alive(s->port->view, st->sets[i].nodes[k])));
        if (alive < st->policy.copies)
            return false;
    }
    return true;
}

static void decide_when_landed(struct storage *s, struct stream *st)
{
    if (!st->ended || st->deciding || st->landed < st->received)
        return;
    if (!index_bucket(&s->index, st->bucket)) {
        stream_fail(s, st, ERR_NOT_FOUND, "the bucket was removed meanwhile", 0);
    } else if (st->part_number && !index_upload(&s->index, st->upload)) {
        stream_fail(s, st, ERR_NOT_FOUND, "the upload ended meanwhile", 0);
    } else if (!st->part_number && condition_check(index_object(&s->index, st->bucket, st->key), &st->condition) != ERR_OK) {
        stream_fail(s, st, ERR_CONFLICT, "the condition does not hold any more", 0);
    } else if (!holders_alive(s, st)) {
        port_probe(s->port, PROBE_PUT_HOLDER_DIED);
        stream_fail(s, st, ERR_UNREACHABLE, "a holder was lost while the object was written", s->port->now.wall + NS_PER_S);
    } else {
        err e = fact_publish(s, st);
        if (e != ERR_OK) {
            st->deciding = false;
            stream_fail(s, st, e, "the index entry could not be written", 0);
        }
    }
}

void put_published(struct storage *s, struct stream *st, err status)
{
    st->watch = 0;
    if (status != ERR_OK) {
        port_probe(s->port, PROBE_PUT_INDEX_TIMEOUT);
        stream_fail(s, st, status, "the index entry is not yet durable on enough nodes", 0);
        return;
    }
    port_probe(s->port, PROBE_PUT_DECIDING_ACKNOWLEDGED);
    struct object_reply reply = stream_reply(st, OBJECT_PUT_END, ERR_OK);
    reply.final = true;
    reply.info = (struct object_info){.size = st->received, .modified = st->modified, .version = st->version, .metadata = st->metadata,
                                      .policy = st->policy, .copies_now = copies_needed(st)};
    etag_text(st->md5, st->etag_parts, reply.info.etag);
    reply.upload = st->upload;
    port_trace(s->port, TRACE_OBJECT_PUT, NODE_NONE, "%.*s/%.*s, %llu bytes", (int)st->bucket.size, (const char *)st->bucket.data,
               (int)MIN(st->key.size, (size_t)200), (const char *)st->key.data, (unsigned long long)st->received);
    storage_reply(s, &reply);
    stream_free(s, st);
}

static void put_end(struct storage *s, struct stream *st, const struct object_request *r)
{
    if (st->ended)
        return;
    st->ended = true;
    memcpy(st->md5, r->md5, sizeof st->md5);
    st->etag_parts = r->client == SERVICE_STORAGE ? r->part : 0; /* an inner copy keeps the source's ETag */
    if (st->expected != UINT64_MAX && st->received != st->expected) {
        stream_fail(s, st, ERR_INVALID, "less data came than was announced", 0);
        return;
    }
    if (st->part_number && st->received == 0) {
        stream_fail(s, st, ERR_INVALID, "a part cannot be empty", 0);
        return;
    }
    if (st->fill && !fill_flush(s, st))
        return;
    decide_when_landed(s, st);
}

void put_request(struct storage *s, const struct object_request *r)
{
    if (r->op == OBJECT_PUT_BEGIN) {
        put_begin(s, r);
        return;
    }
    struct stream *st = stream_find(s, r->client, r->tag);
    if (!st)
        return; /* it failed, and its final reply is on the way */
    if (r->op == OBJECT_PUT_DATA)
        put_data(s, st, r->data);
    else if (r->op == OBJECT_PUT_END)
        put_end(s, st, r);
    else
        stream_abandon(s, st);
}

bool put_check(const struct storage *s)
{
    uint32_t count = 0;
    for (const struct stream *st = s->streams; st; st = st->next, count++) {
        uint64_t flying = 0;
        for (size_t i = 0; i < COUNT_OF(st->flights); i++)
            flying += st->flights[i].used ? st->flights[i].data.size : 0;
        if (st->received > st->granted || st->landed + flying + st->filled != st->received)
            return false;
    }
    for (const struct get *g = s->gets; g; g = g->next) /* reads share the limit of streams */
        count++;
    return count == s->stream_count;
}
