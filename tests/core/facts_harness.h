/*
 * facts_harness.h - a few fact stores on their own disks, joined by a network that tests cut, delay and crash.
 *
 * Time stands still unless a test moves it. Messages and disk operations wait in queues; `pump` runs them until all is
 * quiet. A disk has two images: what is synced, and what a process sees. A power cut keeps any subset of unsynced sectors.
 */
#ifndef NOCT_FACTS_HARNESS_H
#define NOCT_FACTS_HARNESS_H

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/fact_codec.h"
#include "core/node_core.h"
#include "crypto/digest.h"

enum { SIM_NODES = 6, SIM_DISK = 1 << 20, SIM_HEAP = 24 << 20, SIM_HELD = 4096 };

struct sim_op {
    struct sim_op *next;
    struct effect_disk disk;
};
struct sim_message {
    struct sim_message *next;
    struct message m;
    uint8_t bytes[];
};

struct sim_held {
    uint64_t tag;
    node_id node;
};

struct sim_node {
    node_id id;
    bool running, ready, refuse_writes, hold_syncs, restart_asked;
    void *memory;
    struct heap heap;
    struct node_core core;
    struct config config;
    struct view view;
    struct port port;
    struct facts *facts;
    uint8_t *current, *synced;
    uint64_t used;
    struct sim_op *ops, **ops_tail;
    uint64_t fold; /* commutes */
    uint64_t fold_count;
    struct sim_held held[SIM_HELD];
    size_t held_count, equivocations;
    uint8_t proof[2][1024];
    size_t proof_size[2];
};

struct sim {
    struct sim_node nodes[SIM_NODES + 1]; /* by id, from 1 */
    bool link[SIM_NODES + 1][SIM_NODES + 1];
    struct sim_message *messages, **messages_tail;
    struct now now;
    struct rng rng;
    uint8_t genesis[8192];
    size_t genesis_size;
    uint64_t sent, ops_done, ops_cut_at; /* power cut of node 1 once so many of its disk operations were done */
    double loss;
    duration_ns scrub_interval;
    bool route_all; /* messages that are not link_only reach anybody */
    struct fact_crypto crypto[SIM_NODES + 1];
};

/* A stand-in for Ed25519 that is quick and, for these tests, as good: a keyed hash. */
static err sim_sign(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    const uint8_t *key = context;
    uint8_t hash[32];
    sha256(message, hash);
    for (size_t i = 0; i < 64; i++)
        signature[i] = hash[i % 32] ^ key[i % 32] ^ (uint8_t)i;
    return ERR_OK;
}

static bool sim_verify(void *context, const uint8_t public_key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    (void)context;
    uint8_t want[64];
    union { const uint8_t *in; void *out; } key = {public_key};
    return sim_sign(key.out, message, want) == ERR_OK && memcmp(want, signature, 64) == 0;
}

static uint8_t sim_keys[SIM_NODES + 1][32];

static void sim_accepted(void *context, const struct fact *f)
{
    struct sim_node *n = context;
    uint8_t head[24];
    struct writer w = writer_of(head, sizeof head);
    write_u32(&w, f->author);
    write_u32(&w, f->type);
    write_u64(&w, f->seq);
    n->fold += hash64_seeded(hash64(head, 16), f->body.data, f->body.size);
    n->fold_count++;
    if (f->type == FACT_JOIN) {
        struct reader r = reader_of(f->body.data, f->body.size);
        node_id id = read_u32(&r);
        uint32_t incarnation = read_u32(&r);
        facts_key_add(n->facts, id, incarnation, read_span(&r, 32).data);
    }
    if (f->type == FACT_PROOF) {
        struct reader r = reader_of(f->body.data, f->body.size);
        struct span a = read_blob(&r, FACT_ENCODED_MAX), b = read_blob(&r, FACT_ENCODED_MAX);
        node_id author;
        err e = facts_proof(n->facts, a, b, &author);
        (void)e;
    }
}

static void sim_held(void *context, enum service owner, uint64_t tag, node_id node)
{
    struct sim_node *n = context;
    assert_int_equal(owner, SERVICE_STORAGE);
    assert_true(n->held_count < SIM_HELD);
    n->held[n->held_count++] = (struct sim_held){tag, node};
}

static void sim_equivocation(void *context, node_id author, struct span a, struct span b)
{
    struct sim_node *n = context;
    (void)author;
    n->equivocations++;
    assert_true(a.size <= 1024 && b.size <= 1024);
    memcpy(n->proof[0], a.data, n->proof_size[0] = a.size);
    memcpy(n->proof[1], b.data, n->proof_size[1] = b.size);
}

static duration_ns sim_light; /* one way, between any two */

static duration_ns sim_light_to(void *context, node_id node)
{
    (void)context;
    (void)node;
    return sim_light;
}

static void sim_ready(void *context)
{
    struct sim_node *n = context;
    n->ready = true;
}

static inline bool sim_is_held(const struct sim_node *n, uint64_t tag, node_id node)
{
    for (size_t i = 0; i < n->held_count; i++)
        if (n->held[i].tag == tag && n->held[i].node == node)
            return true;
    return false;
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

static void sim_begin(struct sim *s, struct sim_node *n)
{
    node_core_begin(&n->core, &s->now);
    n->port.now = s->now;
}

/* Takes what a step left: messages to the network, operations to the disk. */
static void sim_collect(struct sim *s, struct sim_node *n)
{
    struct delivery d;
    while (node_core_next(&n->core, &d)) {
        assert_int_equal(d.kind, DELIVER_MESSAGE);
        struct message *m = &d.message;
        bool linked = s->link[n->id][m->to];
        assert_true(m->to != n->id);
        if ((linked || (!m->link_only && s->route_all)) && !(s->loss > 0 && rng_chance(&s->rng, s->loss))) {
            struct sim_message *copy = calloc(1, sizeof *copy + m->body.size + m->payload.size);
            copy->m = *m;
            if (m->body.size)
                memcpy(copy->bytes, m->body.data, m->body.size);
            if (m->payload.size)
                memcpy(copy->bytes + m->body.size, m->payload.data, m->payload.size);
            copy->m.body = span_of(copy->bytes, m->body.size);
            copy->m.payload = slice_borrowed(span_of(copy->bytes + m->body.size, m->payload.size));
            *s->messages_tail = copy;
            s->messages_tail = &copy->next;
            s->sent++;
        }
        slice_drop(&m->payload);
    }
    for (size_t i = 0; i < n->core.effect_count; i++) {
        const struct effect *e = &n->core.effects[i];
        n->restart_asked = n->restart_asked || e->kind == EFFECT_RESTART;
        if (e->kind != EFFECT_DISK)
            continue;
        struct sim_op *op = calloc(1, sizeof *op);
        op->disk = e->disk;
        *n->ops_tail = op;
        n->ops_tail = &op->next;
    }
}

static void sim_op_free(struct sim_op *op)
{
    slice_drop(&op->disk.parts[0]);
    slice_drop(&op->disk.parts[1]);
    free(op);
}

static void sim_drop_ops(struct sim_node *n)
{
    while (n->ops) {
        struct sim_op *op = n->ops;
        n->ops = op->next;
        sim_op_free(op);
    }
    n->ops_tail = &n->ops;
}

static void sim_start(struct sim *s, node_id id)
{
    struct sim_node *n = &s->nodes[id];
    n->running = true;
    n->ready = n->restart_asked = false;
    n->fold = n->fold_count = n->held_count = 0;
    heap_init(&n->heap, n->memory, SIM_HEAP);
    n->config = (struct config){.self = id, .boot = n->config.boot + 1, .incarnation = 1, .seed = 7};
    n->config.area_capacity_bytes[AREA_FACTS] = SIM_DISK;
    n->config.area_used_bytes[AREA_FACTS] = n->used;
    n->config.scrub_interval_ns = s->scrub_interval;
    n->ops_tail = &n->ops;
    assert_int_equal(node_core_init(&n->core, &n->heap), ERR_OK);
    assert_int_equal(view_init(&n->view, &n->heap, 16, id), ERR_OK);
    port_init(&n->port, SERVICE_FACTS, &n->core, &n->config, &n->view, NULL);
    sim_begin(s, n);
    struct facts_config c = {.self = id, .incarnation = 1, .crypto = s->crypto[id], .genesis = span_of(s->genesis, s->genesis_size)};
    memcpy(c.root_public_key, sim_keys[0], 32);
    assert_int_equal(facts_open(&n->facts, &n->port, &c, &(struct facts_handlers){n, sim_accepted, sim_held, sim_equivocation, sim_ready, sim_light_to}), ERR_OK);
    n->port.facts = n->facts;
    for (node_id peer = 1; peer <= SIM_NODES; peer++)
        if (s->link[id][peer])
            facts_link(n->facts, peer, true);
    sim_collect(s, n);
}

/* Both images of a disk, as they were kept by a test. */
static inline void sim_disk_set(struct sim_node *n, const uint8_t *image, uint64_t used)
{
    memcpy(n->current, image, SIM_DISK);
    memcpy(n->synced, image, SIM_DISK);
    n->used = used;
}

static inline void sim_bit_flip(struct sim_node *n, uint64_t bit)
{
    n->current[bit / 8] ^= (uint8_t)(1u << bit % 8);
    n->synced[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* The process is gone: memory and queued operations are lost; what was written stays as it is seen. */
static void sim_kill(struct sim *s, node_id id)
{
    (void)s;
    sim_drop_ops(&s->nodes[id]);
    s->nodes[id].running = false;
}

/* The power went: of every unsynced sector either version stays. */
static inline void sim_power_cut(struct sim *s, node_id id)
{
    struct sim_node *n = &s->nodes[id];
    while (n->ops) { /* writes that were under way may have reached the medium in part */
        struct sim_op *op = n->ops;
        n->ops = op->next;
        if (op->disk.kind == DISK_WRITE && !n->refuse_writes && op->disk.offset + op->disk.size <= SIM_DISK) {
            memcpy(n->current + op->disk.offset, op->disk.parts[0].data, op->disk.parts[0].size);
            n->used = MAX(n->used, op->disk.offset + op->disk.size);
        }
        sim_op_free(op);
    }
    sim_kill(s, id);
    for (size_t at = 0; at < SIM_DISK; at += DISK_SECTOR)
        if (memcmp(n->current + at, n->synced + at, DISK_SECTOR) != 0 && rng_chance(&s->rng, 0.5))
            memcpy(n->current + at, n->synced + at, DISK_SECTOR);
    memcpy(n->synced, n->current, SIM_DISK);
}

static void sim_op_run(struct sim *s, struct sim_node *n, struct sim_op *op)
{
    struct effect_disk *d = &op->disk;
    struct event_done done = {.op = d->op, .status = ERR_OK};
    sim_begin(s, n);
    if (d->kind == DISK_WRITE && (n->refuse_writes || d->offset + d->size > SIM_DISK)) {
        done.status = ERR_NO_SPACE;
    } else if (d->kind == DISK_WRITE) {
        assert_int_equal(d->size, d->parts[0].size + d->parts[1].size);
        memcpy(n->current + d->offset, d->parts[0].data, d->parts[0].size);
        assert_int_equal(d->parts[1].size, 0); /* the log writes groups in one piece */
        n->used = MAX(n->used, d->offset + d->size);
    } else if (d->kind == DISK_SYNC) {
        memcpy(n->synced, n->current, SIM_DISK);
    } else {
        assert_int_equal(d->kind, DISK_READ);
        struct buf *b = buf_new_malloc(d->size);
        memcpy(b->data, n->current + d->offset, d->size);
        done.data = slice_of(b, 0, d->size);
    }
    facts_done(n->facts, &done);
    sim_collect(s, n);
    buf_unref(done.data.buf);
    sim_op_free(op);
    s->ops_done += n->id == 1;
}

static bool sim_run_op(struct sim *s, struct sim_node *n)
{
    struct sim_op *op = n->running ? n->ops : NULL;
    if (!op || (n->hold_syncs && op->disk.kind == DISK_SYNC))
        return false;
    if (n->id == 1 && s->ops_cut_at > 0 && s->ops_done + 1 >= s->ops_cut_at) {
        s->ops_cut_at = 0;
        sim_power_cut(s, 1);
        return true;
    }
    n->ops = op->next;
    if (!n->ops)
        n->ops_tail = &n->ops;
    sim_op_run(s, n, op);
    return true;
}

static bool sim_deliver(struct sim *s)
{
    struct sim_message *first = s->messages;
    if (!first)
        return false;
    s->messages = first->next;
    if (!s->messages)
        s->messages_tail = &s->messages;
    struct sim_node *n = &s->nodes[first->m.to];
    if (n->running) {
        sim_begin(s, n);
        facts_message(n->facts, &first->m);
        sim_collect(s, n);
    }
    free(first);
    return true;
}

static void pump(struct sim *s)
{
    bool busy = true;
    for (int i = 0; busy; i++) {
        assert_true(i < 200000); /* it must become quiet */
        busy = sim_deliver(s);
        for (node_id id = 1; id <= SIM_NODES; id++)
            busy = sim_run_op(s, &s->nodes[id]) || busy;
    }
}

static void sim_wait(struct sim *s, duration_ns time)
{
    mono_ns until = s->now.mono + time;
    while (s->now.mono < until) {
        s->now.mono += 50 * NS_PER_MS;
        s->now.wall += 50 * NS_PER_MS;
        for (node_id id = 1; id <= SIM_NODES; id++) {
            struct sim_node *n = &s->nodes[id];
            if (!n->running || n->port.alarm_at > s->now.mono)
                continue;
            sim_begin(s, n);
            n->port.alarm_at = TIME_NEVER;
            facts_alarm(n->facts);
            sim_collect(s, n);
        }
        pump(s);
    }
}

static void sim_link(struct sim *s, node_id a, node_id b, bool up)
{
    node_id ends[] = {a, b};
    s->link[a][b] = s->link[b][a] = up;
    for (int i = 0; i < 2; i++) {
        struct sim_node *n = &s->nodes[ends[i]];
        if (!n->running)
            continue;
        sim_begin(s, n);
        facts_link(n->facts, ends[1 - i], up);
        sim_collect(s, n);
    }
}

static err sim_publish(struct sim *s, node_id id, const char *text)
{
    struct sim_node *n = &s->nodes[id];
    sim_begin(s, n);
    err e = facts_publish(n->facts, FACT_OBJECT, span_text(text), NULL);
    sim_collect(s, n);
    return e;
}

static inline err sim_watched(struct sim *s, node_id id, const char *text, const node_id *nodes, size_t count, uint64_t tag)
{
    struct sim_node *n = &s->nodes[id];
    sim_begin(s, n);
    err e = facts_publish_watched(n->facts, FACT_OBJECT, span_text(text), nodes, count, SERVICE_STORAGE, tag);
    sim_collect(s, n);
    return e;
}

/* `count` stores, no links yet; the genesis admits the first `joined` of them. */
static struct sim *sim_new(node_id count, uint64_t seed)
{
    struct sim *s = calloc(1, sizeof *s);
    s->messages_tail = &s->messages;
    s->rng = rng_stream(seed, 1);
    s->now = (struct now){.mono = NS_PER_S, .wall = time_from_utc(2026, 11, 21, 0, 0, 0), .wall_rate = 1, .wall_error_ns = 50};
    for (node_id id = 0; id <= SIM_NODES; id++) {
        memset(sim_keys[id], 0x40 + (int)id, 32);
        s->crypto[id] = (struct fact_crypto){sim_keys[id], sim_sign, sim_verify};
    }
    struct genesis g = genesis_of(s->genesis, sizeof s->genesis, &s->crypto[0]);
    for (node_id id = 1; id <= SIM_NODES; id++) {
        uint8_t body[40];
        struct writer w = writer_of(body, sizeof body);
        write_u32(&w, id);
        write_u32(&w, 1);
        write_bytes(&w, sim_keys[id], 32);
        assert_int_equal(genesis_add(&g, FACT_JOIN, 1, writer_span(&w)), ERR_OK);
    }
    s->genesis_size = g.writer.at;
    for (node_id id = 1; id <= count; id++) {
        struct sim_node *n = &s->nodes[id];
        n->id = id;
        n->memory = aligned_alloc(16, SIM_HEAP);
        n->current = calloc(1, SIM_DISK);
        n->synced = calloc(1, SIM_DISK);
        n->ops_tail = &n->ops;
        sim_start(s, id);
    }
    pump(s);
    return s;
}

static void sim_free(struct sim *s)
{
    while (s->messages) {
        struct sim_message *first = s->messages;
        s->messages = first->next;
        free(first);
    }
    for (node_id id = 1; id <= SIM_NODES; id++) {
        struct sim_node *n = &s->nodes[id];
        if (n->memory)
            sim_drop_ops(n);
        free(n->memory);
        free(n->current);
        free(n->synced);
    }
    free(s);
}

static void assert_same(const struct sim *s, node_id a, node_id b)
{
    const struct sim_node *x = &s->nodes[a], *y = &s->nodes[b];
    assert_int_equal(facts_count(x->facts), facts_count(y->facts));
    assert_true(facts_digest(x->facts) == facts_digest(y->facts));
    assert_true(x->fold == y->fold && x->fold_count == y->fold_count);
    assert_true(facts_check(x->facts) && facts_check(y->facts));
}

#endif
