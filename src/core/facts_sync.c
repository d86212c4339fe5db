#include <string.h>

#include "base/expect.h"
#include "core/facts_private.h"

#define SYNC_INTERVAL_DEFAULT (5 * NS_PER_S)
#define GAP_PATIENCE (100 * NS_PER_MS)
#define SPREAD_DELAY (100 * NS_PER_MS)
#define EARLY_LIFETIME (10 * NS_PER_S)
#define UNKNOWN_PATIENCE (500 * NS_PER_MS)
enum { WANTED_KEY = 12, ENTRY_SIZE_MAX = 5 + 5 + 10 + 4, HELD_ENTRY = 16, HELD_BATCH = 256 };

static void arm(struct facts *s, mono_ns *timer, duration_ns delay)
{
    *timer = MIN(*timer, s->port->now.mono + delay);
    port_alarm(s->port, *timer);
}

static duration_ns sync_interval(const struct facts *s)
{
    return s->config.sync_interval_ns > 0 ? s->config.sync_interval_ns : SYNC_INTERVAL_DEFAULT;
}

void sync_open(struct facts *s)
{
    struct heap *heap = s->port->heap;
    map_init(&s->peers, heap, sizeof(struct peer));
    map_init(&s->early, heap, sizeof(struct early));
    map_init(&s->wanted, heap, sizeof(uint64_t));
    map_init(&s->watches, heap, sizeof(struct watch));
    s->fresh.heap = heap;
    s->sync_at = s->spread_at = s->gaps_at = s->watch_at = TIME_NEVER;
}

static void malformed(struct facts *s, node_id from, const char *what)
{
    port_count(s->port, METRIC_FACTS_REFUSED, 1);
    port_trace(s->port, TRACE_REFUSED, from, "facts: malformed %s", what);
}

/* ---- DIGEST ----------------------------------------------------------------------------------------------------- */

/* The bucket digests of what others may know: the own chain only as far as it is durable. */
static uint64_t bucket_tellable(const struct facts *s, size_t bucket)
{
    uint64_t digest = s->buckets[bucket];
    const struct chain *own = s->own;
    if (own && own->author % FACTS_BUCKETS == bucket && chain_tellable(s, own) != chain_valid(own))
        digest += chain_contribution(own, chain_tellable(s, own)) - own->contribution;
    return digest;
}

uint64_t facts_sum(const struct facts *s)
{
    const struct chain *own = s->own;
    bool ahead = own && chain_tellable(s, own) != chain_valid(own);
    return ahead ? s->sum + chain_contribution(own, chain_tellable(s, own)) - own->contribution : s->sum;
}

static void digest_send(struct facts *s, node_id to)
{
    uint8_t body[8 * FACTS_BUCKETS];
    struct writer w = writer_of(body, sizeof body);
    for (size_t i = 0; i < FACTS_BUCKETS; i++)
        write_u64(&w, bucket_tellable(s, i));
    facts_send(s, to, FACTS_DIGEST, writer_span(&w), (struct slice){0});
}

static void digest_spread(struct facts *s, node_id except)
{
    for (struct map_node *n = map_first(&s->peers); n; n = map_next(&s->peers, n))
        if (map_key_u64(n) != except)
            digest_send(s, (node_id)map_key_u64(n));
}

/* Each interval; to a far neighbour only when an answer to the last one could have come. */
static void digest_regular(struct facts *s)
{
    for (struct map_node *n = map_first(&s->peers); n; n = map_next(&s->peers, n)) {
        struct peer *p = map_value(n);
        const duration_ns way = facts_way(s, p->id);
        if (way > 0 && s->port->now.mono < p->told_at + way)
            continue;
        p->told_at = s->port->now.mono;
        digest_send(s, p->id);
    }
}

/* ---- VECTOR ----------------------------------------------------------------------------------------------------- */

static uint32_t hash_start(const uint8_t *hash)
{
    struct reader r = reader_of(hash, 4);
    return read_u32(&r);
}

static void entry_write(struct writer *w, const struct chain *c, uint64_t seq, node_id *previous)
{
    write_varint(w, c->author - *previous);
    write_varint(w, c->incarnation);
    write_varint(w, seq);
    write_u32(w, hash_start(chain_hash(c, seq)));
    *previous = c->author;
}

static void vector_send(struct facts *s, node_id to, uint8_t flags, uint16_t mask)
{
    size_t count = 0, most = MIN(s->chains.count, (size_t)(MESSAGE_BODY_MAX - 16) / ENTRY_SIZE_MAX);
    uint8_t *body = heap_alloc(s->port->heap, 16 + most * ENTRY_SIZE_MAX);
    if (!body)
        return;
    struct map_node *n;
    for (n = map_first(&s->chains); n; n = map_next(&s->chains, n)) {
        const struct chain *c = map_value(n);
        count += (mask >> c->author % FACTS_BUCKETS & 1) && chain_tellable(s, c) > 0;
    }
    count = MIN(count, most);
    struct writer w = writer_of(body, 16 + most * ENTRY_SIZE_MAX);
    write_u8(&w, flags);
    write_u16(&w, mask);
    write_varint(&w, count);
    node_id previous = 0;
    for (n = map_first(&s->chains); n && count > 0; n = map_next(&s->chains, n)) {
        const struct chain *c = map_value(n);
        uint64_t seq = chain_tellable(s, c);
        if (!(mask >> c->author % FACTS_BUCKETS & 1) || seq == 0)
            continue;
        entry_write(&w, c, seq, &previous);
        count--;
    }
    ASSERT(writer_ok(&w));
    facts_send(s, to, FACTS_VECTOR, writer_span(&w), (struct slice){0});
    heap_free(s->port->heap, body);
}

void sync_ask_own(struct facts *s, node_id peer)
{
    vector_send(s, peer, VECTOR_SHOW, (uint16_t)(1u << s->own->author % FACTS_BUCKETS));
}

/* "I hold this chain up to seq": asks for the rest of one chain. */
static void ask(struct facts *s, node_id to, struct chain *c, uint64_t seq)
{
    uint8_t body[16 + ENTRY_SIZE_MAX];
    struct writer w = writer_of(body, sizeof body);
    node_id previous = 0;
    write_u8(&w, VECTOR_PARTIAL);
    write_u16(&w, 0);
    write_varint(&w, 1);
    entry_write(&w, c, seq, &previous);
    facts_send(s, to, FACTS_VECTOR, writer_span(&w), (struct slice){0});
    c->gap_at = s->port->now.mono + GAP_PATIENCE + facts_way(s, to);
}

struct entry {
    node_id author;
    uint32_t incarnation;
    uint64_t seq;
    uint32_t hash;
};

struct entries { /* a bounded, strictly ascending walk over the entries of a VECTOR */
    struct reader reader;
    uint64_t left;
    bool first, bad, valid; /* valid: `now` holds an entry */
    struct entry now;
};

static void entries_next(struct entries *e)
{
    struct entry before = e->now;
    e->valid = false;
    if (e->left == 0)
        return;
    uint64_t author = before.author + read_varint(&e->reader), incarnation = read_varint(&e->reader);
    uint64_t seq = read_varint(&e->reader);
    e->now = (struct entry){(node_id)author, (uint32_t)incarnation, seq, read_u32(&e->reader)};
    bool rises = e->first || chain_key(e->now.author, e->now.incarnation) > chain_key(before.author, before.incarnation);
    e->bad = !reader_ok(&e->reader) || author > UINT32_MAX || incarnation > UINT32_MAX || !rises;
    e->first = false;
    e->left--;
    e->valid = !e->bad;
    if (e->bad)
        e->left = 0;
}

struct serving {
    struct facts *facts;
    node_id to;
    size_t budget; /* bytes that may still go out in answer to this VECTOR */
    bool cut, lacking;
    struct batch batch;
};

static void serve_chain(struct serving *v, const struct chain *c, uint64_t first)
{
    for (uint64_t seq = first; seq <= chain_tellable(v->facts, c); seq++) {
        struct span encoded = chain_encoded(c, seq);
        if (encoded.size + 4 > v->budget) {
            v->cut = true;
            return;
        }
        if (v->batch.size > 0 && v->batch.size + 4 + encoded.size > FACTS_BATCH_MAX) {
            batch_send(v->facts, &v->batch, FACTS_SERVED, v->to);
            v->batch.size = 0;
        }
        batch_add(&v->batch, encoded);
        v->budget -= encoded.size + 4;
    }
}

/* Compares one chain; `theirs` NULL when the peer does not list it. */
static void serve(struct serving *v, const struct chain *c, const struct entry *theirs)
{
    uint64_t mine = c ? chain_tellable(v->facts, c) : 0, seq = theirs ? theirs->seq : 0;
    if (c && c == v->facts->own)
        rot_shown(v->facts, v->to, seq);
    if (seq > mine) {
        v->lacking = v->lacking || !c || seq <= c->limit;
        return;
    }
    if (!c || mine == 0)
        return;
    bool forked = seq > 0 && hash_start(chain_hash(c, seq)) != theirs->hash;
    serve_chain(v, c, forked ? seq : seq + 1);
}

static void serve_listed(struct serving *v, struct entries *e)
{
    for (; e->valid; entries_next(e))
        serve(v, facts_chain(v->facts, e->now.author, e->now.incarnation), &e->now);
}

/* Both sides in key order, in step: chains that only we have are served from the start. */
static void serve_all(struct serving *v, struct entries *e, uint16_t mask)
{
    struct facts *s = v->facts;
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n)) {
        const struct chain *c = map_value(n);
        if (!(mask >> c->author % FACTS_BUCKETS & 1))
            continue;
        uint64_t key = chain_key(c->author, c->incarnation);
        for (; e->valid && chain_key(e->now.author, e->now.incarnation) < key; entries_next(e))
            serve(v, NULL, &e->now);
        bool listed = e->valid && chain_key(e->now.author, e->now.incarnation) == key;
        serve(v, c, listed ? &e->now : NULL);
        if (listed)
            entries_next(e);
    }
    for (; e->valid; entries_next(e))
        serve(v, NULL, &e->now);
}

static void take_vector(struct facts *s, const struct message *m)
{
    struct entries e = {.reader = reader_of(m->body.data, m->body.size), .first = true};
    uint8_t flags = read_u8(&e.reader);
    uint16_t mask = read_u16(&e.reader);
    e.left = read_varint(&e.reader);
    if (!reader_ok(&e.reader) || flags > (VECTOR_ANSWER | VECTOR_PARTIAL | VECTOR_SHOW) || e.left > m->body.size) {
        malformed(s, m->from, "VECTOR");
        return;
    }
    struct serving v = {.facts = s, .to = m->from, .budget = FACTS_SERVED_MAX, .batch = {.heap = s->port->heap}};
    entries_next(&e);
    if (flags & VECTOR_PARTIAL)
        serve_listed(&v, &e);
    else
        serve_all(&v, &e, mask);
    batch_send(s, &v.batch, FACTS_SERVED, m->from);
    batch_clear(&v.batch);
    if (e.bad)
        malformed(s, m->from, "VECTOR");
    else if ((flags & VECTOR_SHOW) || (v.lacking && (flags & VECTOR_ANSWER)))
        vector_send(s, m->from, 0, mask);
    if (v.cut) {
        port_probe(s->port, PROBE_FACT_SERVED_CUT);
        digest_send(s, m->from);
    }
}

static void take_digest(struct facts *s, const struct message *m)
{
    struct reader r = reader_of(m->body.data, m->body.size);
    uint16_t mask = 0;
    for (size_t i = 0; i < FACTS_BUCKETS; i++)
        mask = (uint16_t)(mask | (read_u64(&r) != bucket_tellable(s, i)) << i);
    if (!reader_at_end(&r))
        malformed(s, m->from, "DIGEST");
    else if (mask != 0) {
        port_probe(s->port, PROBE_FACT_RESYNC);
        vector_send(s, m->from, VECTOR_ANSWER, mask);
    }
}

/* ---- facts that come early ----------------------------------------------------------------------------------------- */

struct span early_key(node_id author, uint32_t incarnation, uint64_t seq, uint8_t out[EARLY_KEY])
{
    struct writer w = writer_of(out, EARLY_KEY);
    write_u32_be(&w, author);
    write_u32_be(&w, incarnation);
    write_u64_be(&w, seq);
    return writer_span(&w);
}

static void early_drop(struct facts *s, struct span key, struct early *e)
{
    heap_free(s->port->heap, e->encoded);
    s->early_bytes -= e->size;
    map_remove(&s->early, key);
}

static void early_add(struct facts *s, const struct fact *f, struct span encoded, node_id from)
{
    uint8_t key[EARLY_KEY];
    struct span k = early_key(f->author, f->incarnation, f->seq, key);
    if (map_find(&s->early, k) || s->early.count >= FACTS_EARLY_MAX || s->early_bytes + encoded.size > FACTS_EARLY_BYTES_MAX)
        return;
    uint8_t *copy = heap_alloc(s->port->heap, encoded.size);
    struct early *e = copy ? map_put(&s->early, k, NULL) : NULL;
    if (!e) {
        heap_free(s->port->heap, copy);
        return;
    }
    port_probe(s->port, PROBE_FACT_EARLY);
    memcpy(copy, encoded.data, encoded.size);
    *e = (struct early){copy, encoded.size, from, s->port->now.mono + EARLY_LIFETIME + 2 * facts_way(s, from)};
    s->early_bytes += encoded.size;
}

/* A gap is given some patience, since the missing fact may come another way; then its rest is asked for. */
static void gap_note(struct facts *s, struct chain *c, node_id from)
{
    if (c) {
        if (c->gap_from == NODE_NONE || (c->gap_from != from && facts_way(s, from) < facts_way(s, c->gap_from)))
            c->gap_at = MIN(c->gap_from == NODE_NONE ? TIME_NEVER : c->gap_at, s->port->now.mono + GAP_PATIENCE);
        c->gap_from = from;
        arm(s, &s->gaps_at, GAP_PATIENCE);
        return;
    }
    struct peer *p = map_find_u64(&s->peers, from); /* unknown author: its JOIN is in what we lack */
    if (p && s->port->now.mono >= p->asked_at + UNKNOWN_PATIENCE + facts_way(s, from)) {
        p->asked_at = s->port->now.mono;
        digest_send(s, from);
    }
}

static bool early_waits(const struct facts *s, const struct chain *c)
{
    uint8_t key[EARLY_KEY];
    struct map_node *n = map_seek(&s->early, early_key(c->author, c->incarnation, c->seq + 1, key));
    return n && memcmp(map_key(n).data, key, 8) == 0;
}

static void gaps_check(struct facts *s)
{
    s->gaps_at = TIME_NEVER;
    for (struct map_node *n = map_first(&s->early), *next; n; n = next) {
        struct early *e = map_value(n);
        next = map_next(&s->early, n);
        if (e->until <= s->port->now.mono)
            early_drop(s, map_key(n), e);
    }
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n)) {
        struct chain *c = map_value(n);
        if (c->gap_from == NODE_NONE)
            continue;
        if (c->gap_at <= s->port->now.mono) {
            if (early_waits(s, c)) {
                port_probe(s->port, PROBE_FACT_GAP_ASKED);
                ask(s, c->gap_from, c, c->seq);
            } else {
                c->gap_from = NODE_NONE;
            }
        }
        if (c->gap_from != NODE_NONE)
            s->gaps_at = MIN(s->gaps_at, c->gap_at);
    }
    if (s->gaps_at == TIME_NEVER && s->early.count > 0)
        s->gaps_at = s->port->now.mono + NS_PER_S; /* to let the rest expire */
}

void sync_drain(struct facts *s, struct chain *c)
{
    uint8_t key[EARLY_KEY];
    if (!s->ready)
        return;
    for (;;) {
        struct span k = early_key(c->author, c->incarnation, c->seq + 1, key);
        struct early *e = map_find(&s->early, k);
        if (!e && rot_stray_take(s, c))
            continue;
        if (!e)
            return;
        struct early now = *e;
        struct fact f;
        struct chain *taken;
        map_remove(&s->early, k);
        enum take result = facts_take(s, span_of(now.encoded, now.size), &f, &taken);
        if (result == TAKE_ACCEPTED) {
            port_probe(s->port, PROBE_FACT_EARLY_USED);
            batch_add(&s->fresh, span_of(now.encoded, now.size));
        }
        heap_free(s->port->heap, now.encoded);
        s->early_bytes -= now.size;
        if (result != TAKE_ACCEPTED)
            return;
    }
}

/* ---- HELD ---------------------------------------------------------------------------------------------------------- */

static void held_want(struct facts *s, node_id peer, const struct fact *f)
{
    uint8_t key[WANTED_KEY];
    struct writer w = writer_of(key, sizeof key);
    write_u32_be(&w, peer);
    write_u32_be(&w, f->author);
    write_u32_be(&w, f->incarnation);
    if (s->wanted.count >= FACTS_HELD_MAX && !map_find(&s->wanted, writer_span(&w)))
        return; /* the watcher will ask again */
    uint64_t *seq = map_put(&s->wanted, writer_span(&w), NULL);
    if (seq)
        *seq = MAX(*seq, f->seq);
}

struct held_message {
    node_id to;
    uint16_t count;
    uint8_t body[2 + HELD_BATCH * HELD_ENTRY];
};

static void held_send(struct facts *s, struct held_message *h)
{
    struct writer w = writer_of(h->body, 2);
    write_u16(&w, h->count);
    if (h->count > 0)
        facts_send(s, h->to, FACTS_HELD, span_of(h->body, 2 + (size_t)h->count * HELD_ENTRY), (struct slice){0});
    h->count = 0;
}

/* Tells everybody who asked what has become durable here. */
static void held_flush(struct facts *s)
{
    struct held_message h = {0};
    for (struct map_node *n = map_first(&s->wanted), *next; n; n = next) {
        next = map_next(&s->wanted, n);
        uint64_t wanted = *(uint64_t *)map_value(n);
        struct reader r = reader_of(map_key(n).data, WANTED_KEY);
        node_id peer = read_u32_be(&r), author = read_u32_be(&r);
        uint32_t incarnation = read_u32_be(&r);
        const struct chain *c = facts_chain(s, author, incarnation);
        bool hopeless = c && wanted > c->limit;
        if (!hopeless && (!c || c->durable < wanted))
            continue;
        map_remove(&s->wanted, map_key(n));
        if (hopeless)
            continue;
        if (h.to != peer || h.count == HELD_BATCH)
            held_send(s, &h);
        h.to = peer;
        struct writer w = writer_of(h.body + 2 + (size_t)h.count++ * HELD_ENTRY, HELD_ENTRY);
        write_u32(&w, author);
        write_u32(&w, incarnation);
        write_u64(&w, c->durable);
    }
    held_send(s, &h);
}

static void take_held(struct facts *s, const struct message *m)
{
    struct reader r = reader_of(m->body.data, m->body.size);
    uint16_t count = read_u16(&r);
    for (uint16_t i = 0; i < count && reader_ok(&r); i++) {
        node_id author = read_u32(&r);
        uint32_t incarnation = read_u32(&r);
        uint64_t seq = read_u64(&r);
        if (reader_ok(&r) && author == s->config.self && incarnation == s->config.incarnation && s->own && seq <= s->own->durable)
            watch_held(s, m->from, seq);
    }
    if (!reader_at_end(&r))
        malformed(s, m->from, "HELD");
}

/* ---- facts ---------------------------------------------------------------------------------------------------------- */

static void fresh_flush(struct facts *s)
{
    if (s->fresh.size > 0)
        for (struct map_node *n = map_first(&s->peers); n; n = map_next(&s->peers, n))
            if (map_key_u64(n) != s->fresh_from)
                batch_send(s, &s->fresh, FACTS_PUSH, (node_id)map_key_u64(n));
    batch_clear(&s->fresh);
}

static bool take_one(struct facts *s, const struct message *m, struct span encoded)
{
    struct fact f;
    struct chain *c;
    enum take result = facts_take(s, encoded, &f, &c);
    if (result == TAKE_ACCEPTED && m->type != FACTS_SERVED)
        batch_add(&s->fresh, encoded);
    if (result == TAKE_ACCEPTED)
        sync_drain(s, c);
    if (result == TAKE_EARLY) {
        early_add(s, &f, encoded, m->from);
        gap_note(s, c, m->from);
    }
    if (result == TAKE_FORKED)
        port_probe(s->port, PROBE_FACT_FORK);
    if (result == TAKE_FORKED && c->gap_at <= s->port->now.mono)
        ask(s, m->from, c, c->seq - 1); /* their fact of our last sequence will be the proof */
    if (m->type == FACTS_WATCHED && (result == TAKE_ACCEPTED || result == TAKE_KNOWN || result == TAKE_EARLY))
        held_want(s, m->from, &f);
    return result == TAKE_ACCEPTED;
}

static void take_facts(struct facts *s, const struct message *m)
{
    bool cast = m->type == FACTS_PUSH && m->payload.size == 0;
    struct reader r = cast ? reader_of(m->body.data, m->body.size) : reader_of(m->payload.data, m->payload.size);
    bool any = false;
    s->fresh_from = m->from;
    while (reader_left(&r) > 0 && reader_ok(&r)) {
        struct span encoded = read_blob(&r, FACT_ENCODED_MAX);
        if (reader_ok(&r))
            any = take_one(s, m, encoded) || any;
        if (s->fresh.size > FACTS_BATCH_MAX)
            fresh_flush(s);
    }
    fresh_flush(s);
    s->fresh_from = NODE_NONE;
    if (!reader_ok(&r))
        malformed(s, m->from, "facts");
    if (m->type == FACTS_WATCHED)
        held_flush(s);
    if (any && m->type == FACTS_SERVED)
        arm(s, &s->spread_at, SPREAD_DELAY);
}

void sync_message(struct facts *s, const struct message *m)
{
    if (m->from == s->config.self)
        return;
    switch (m->type) {
    case FACTS_DIGEST:
        take_digest(s, m);
        break;
    case FACTS_VECTOR:
        take_vector(s, m);
        break;
    case FACTS_PUSH:
    case FACTS_WATCHED:
    case FACTS_SERVED:
        take_facts(s, m);
        break;
    case FACTS_HELD:
        take_held(s, m);
        break;
    default:
        malformed(s, m->from, "message type");
    }
}

/* ---- when ------------------------------------------------------------------------------------------------------------ */

/* A digest comes or goes. */
void facts_expect(const struct facts *s, unsigned stage, node_id peer)
{
    if (stage == 1) {
        expect(s, 64);
        expect(&s->own, sizeof s->own);
        expect(&s->sum, sizeof s->sum);
        if (peer == NODE_NONE)
            expect(&s->buckets, sizeof *s - offsetof(struct facts, buckets));
    }
    if (stage == 2 && s->own)
        expect(s->own, sizeof *s->own);
    if (stage == 2 && peer == NODE_NONE)
        map_expect(&s->peers);
    if (stage == 3 && peer == NODE_NONE)
        map_expect_all(&s->peers);
}

void sync_begin(struct facts *s)
{
    fresh_flush(s);
    digest_spread(s, NODE_NONE);
    /* Not all nodes at the same instant. */
    arm(s, &s->sync_at, (duration_ns)rng_below(&s->port->rng, (uint64_t)sync_interval(s)) + 1);
}

void sync_durable(struct facts *s)
{
    if (s->own)
        watch_durable(s);
    held_flush(s);
}

void facts_link(struct facts *s, node_id peer, bool up)
{
    if (!up) {
        map_remove_u64(&s->peers, peer);
        return;
    }
    bool added;
    struct peer *p = map_put_u64(&s->peers, peer, &added);
    if (!p || !added)
        return;
    *p = (struct peer){.id = peer, .asked_at = s->port->now.mono - UNKNOWN_PATIENCE - facts_way(s, peer), .told_at = s->port->now.mono, .up_at = s->port->now.mono};
    if (s->ready) {
        digest_send(s, peer);
        rot_link_up(s, peer);
    }
}

void facts_compare(struct facts *s, node_id peer)
{
    if (s->ready && facts_linked(s, peer))
        digest_send(s, peer);
}

void sync_alarm(struct facts *s)
{
    mono_ns now = s->port->now.mono;
    if (now >= s->sync_at) {
        s->sync_at = now + sync_interval(s);
        s->spread_at = TIME_NEVER;
        digest_regular(s);
        rot_alarm(s);
    }
    if (now >= s->spread_at) {
        s->spread_at = TIME_NEVER;
        digest_spread(s, NODE_NONE);
    }
    if (now >= s->gaps_at)
        gaps_check(s);
    watch_alarm(s);
    fresh_flush(s);
    port_alarm(s->port, MIN(s->sync_at, MIN(s->spread_at, s->gaps_at)));
}
