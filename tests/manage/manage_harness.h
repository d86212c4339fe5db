/*
 * manage_harness.h - a few nodes of facts and manage alone, joined by links that tests cut, under a sky that tests draw.
 *
 * Time jumps to the next alarm. Disks answer at once and keep their bytes over restarts. The sky is a table of windows.
 */
#ifndef NOCT_MANAGE_HARNESS_H
#define NOCT_MANAGE_HARNESS_H

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"
#include "core/node_core.h"
#include "crypto/digest.h"
#include "manage/manage.h"
#include "orbit/sky.h"

enum { WORLD_NODES = 6, WORLD_DISK = 4 << 20, WORLD_HEAP = 24 << 20, WINDOWS_MAX = 64 };

struct letter {
    struct letter *next;
    struct message m;
    uint8_t bytes[];
};

struct station {
    node_id id;
    bool running;
    void *memory;
    struct heap heap;
    struct node_core core;
    struct config config;
    struct view view;
    struct port facts_port, manage_port;
    struct facts *facts;
    struct manage *manage;
    uint8_t *disk;
    uint64_t disk_used;
    size_t suspicions, convictions, returns, healths; /* traced */
    mono_ns convicted_at[WORLD_NODES + 1];            /* when this node's view first said so */
};

struct world {
    struct station stations[WORLD_NODES + 1];
    bool link[WORLD_NODES + 1][WORLD_NODES + 1];
    struct letter *letters, **letters_tail;
    struct now now;
    struct rng rng;
    uint8_t genesis[8192];
    size_t genesis_size;
    double heartbeat_loss;
    bool large; /* nodes start as those of a large mission */
};

/* ---- the sky ------------------------------------------------------------------------------------------------------ */

static struct contact windows[WINDOWS_MAX];
static size_t window_count;
static struct sky drawn_sky;
static uint32_t everybody[WORLD_NODES] = {1, 2, 3, 4, 5, 6};

const struct contact *sky_contact_at(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    (void)sky;
    for (size_t i = 0; i < window_count; i++) {
        const struct contact *c = &windows[i];
        if (((c->a == a && c->b == b) || (c->a == b && c->b == a)) && c->start <= t && t <= c->end)
            return c;
    }
    return NULL;
}

const struct contact *sky_contact_next(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    const struct contact *next = NULL;
    (void)sky;
    for (size_t i = 0; i < window_count; i++) {
        const struct contact *c = &windows[i];
        if (((c->a == a && c->b == b) || (c->a == b && c->b == a)) && c->start > t && (!next || c->start < next->start))
            next = c;
    }
    return next;
}

const uint32_t *sky_peers(const struct sky *sky, uint32_t node, size_t *count)
{
    (void)sky;
    (void)node;
    *count = WORLD_NODES;
    return everybody;
}

tai_ns sky_plan_end(const struct sky *sky)
{
    (void)sky;
    return TIME_NEVER;
}

static void window(uint32_t a, uint32_t b, tai_ns start, tai_ns end)
{
    assert_true(window_count < WINDOWS_MAX);
    windows[window_count++] = (struct contact){.a = a, .b = b, .start = start, .end = end};
}

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

static err world_sign(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    uint8_t hash[32];
    sha256(message, hash);
    for (size_t i = 0; i < 64; i++)
        signature[i] = hash[i % 32] ^ ((const uint8_t *)context)[i % 32] ^ (uint8_t)i;
    return ERR_OK;
}

static bool world_verify(void *context, const uint8_t public_key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    (void)context;
    uint8_t want[64];
    union { const uint8_t *in; void *out; } key = {public_key};
    return world_sign(key.out, message, want) == ERR_OK && memcmp(want, signature, 64) == 0;
}

static uint8_t world_keys[WORLD_NODES + 1][32];

static void on_fact(void *context, const struct fact *f)
{
    struct station *n = context;
    if (fact_owner(f->type) == SERVICE_MANAGE)
        manage_fact(n->manage, f);
}
static void on_held(void *context, enum service owner, uint64_t tag, node_id node)
{
    (void)context;
    (void)owner;
    (void)tag;
    (void)node;
}
static void on_equivocation(void *context, node_id author, struct span a, struct span b)
{
    manage_equivocation(((struct station *)context)->manage, author, a, b);
}
static void on_ready(void *context)
{
    manage_ready(((struct station *)context)->manage);
}

static void begin(struct world *w, struct station *n)
{
    node_core_begin(&n->core, &w->now);
    n->facts_port.now = n->manage_port.now = w->now;
}

static void post(struct world *w, struct message *m)
{
    bool heartbeat = m->service == SERVICE_MANAGE;
    if (!w->link[m->from][m->to] || (heartbeat && rng_chance(&w->rng, w->heartbeat_loss)))
        return;
    struct letter *copy = calloc(1, sizeof *copy + m->body.size + m->payload.size + 1);
    copy->m = *m;
    if (m->body.size)
        memcpy(copy->bytes, m->body.data, m->body.size);
    if (m->payload.size)
        memcpy(copy->bytes + m->body.size, m->payload.data, m->payload.size);
    copy->m.body = span_of(copy->bytes, m->body.size);
    copy->m.payload = slice_borrowed(span_of(copy->bytes + m->body.size, m->payload.size));
    *w->letters_tail = copy;
    w->letters_tail = &copy->next;
}

static void count_traces(struct station *n)
{
    for (size_t i = 0; i < n->core.effect_count; i++) {
        const struct effect *e = &n->core.effects[i];
        if (e->kind != EFFECT_TRACE)
            continue;
        n->suspicions += e->trace.id == TRACE_SUSPECT;
        n->convictions += e->trace.id == TRACE_CONVICT;
        n->returns += e->trace.id == TRACE_RETURN;
        n->healths += e->trace.id == TRACE_HEALTH;
    }
}

/* After each step: messages go out, the disk answers (each answer is a step of its own). */
static void finish(struct world *w, struct station *n)
{
    struct effect_disk ops[64];
    size_t count;
    do {
        struct delivery d;
        while (node_core_next(&n->core, &d)) {
            if (d.kind == DELIVER_MESSAGE) {
                post(w, &d.message);
                slice_drop(&d.message.payload);
            }
        }
        count_traces(n);
        count = 0;
        for (size_t i = 0; i < n->core.effect_count; i++)
            if (n->core.effects[i].kind == EFFECT_DISK) {
                assert_true(count < 64);
                ops[count++] = n->core.effects[i].disk;
            }
        for (size_t i = 0; i < count; i++) {
            struct event_done done = {.op = ops[i].op};
            assert_int_equal(count, 1); /* the log has one operation in flight */
            if (ops[i].kind == DISK_WRITE) {
                memcpy(n->disk + ops[i].offset, ops[i].parts[0].data, ops[i].parts[0].size);
                n->disk_used = MAX(n->disk_used, ops[i].offset + ops[i].size);
                slice_drop(&ops[i].parts[0]);
            } else if (ops[i].kind == DISK_READ) {
                struct buf *b = buf_new_malloc(ops[i].size);
                memcpy(b->data, n->disk + ops[i].offset, ops[i].size);
                done.data = slice_of(b, 0, ops[i].size);
            }
            begin(w, n);
            facts_done(n->facts, &done);
            buf_unref(done.data.buf);
        }
    } while (count > 0);
    for (node_id id = 1; id <= WORLD_NODES; id++) {
        const struct view_member *row = view_find(&n->view, id);
        if (row && row->state == MEMBER_CONVICTED && n->convicted_at[id] == 0)
            n->convicted_at[id] = w->now.mono;
    }
}

static void deliver_all(struct world *w)
{
    while (w->letters) {
        struct letter *first = w->letters;
        w->letters = first->next;
        if (!w->letters)
            w->letters_tail = &w->letters;
        struct station *n = &w->stations[first->m.to];
        if (n->running) {
            begin(w, n);
            if (first->m.service == SERVICE_FACTS)
                facts_message(n->facts, &first->m);
            else
                manage_message(n->manage, &first->m);
            finish(w, n);
        }
        free(first);
    }
}

static void link_tell(struct world *w, node_id at, node_id peer, bool up)
{
    struct station *n = &w->stations[at];
    if (!n->running)
        return;
    begin(w, n);
    facts_link(n->facts, peer, up);
    manage_link(n->manage, peer, up);
    finish(w, n);
}

static void link_set(struct world *w, node_id a, node_id b, bool up)
{
    if (w->link[a][b] == up)
        return;
    w->link[a][b] = w->link[b][a] = up;
    link_tell(w, a, b, up);
    link_tell(w, b, a, up);
    deliver_all(w);
}

static void start(struct world *w, node_id id)
{
    struct station *n = &w->stations[id];
    n->running = true;
    n->config.boot++;
    n->config.area_used_bytes[AREA_FACTS] = n->disk_used;
    memset(n->convicted_at, 0, sizeof n->convicted_at);
    heap_init(&n->heap, n->memory, WORLD_HEAP);
    assert_int_equal(node_core_init(&n->core, &n->heap), ERR_OK);
    assert_int_equal(view_init(&n->view, &n->heap, 16, id), ERR_OK);
    port_init(&n->facts_port, SERVICE_FACTS, &n->core, &n->config, &n->view, &drawn_sky);
    port_init(&n->manage_port, SERVICE_MANAGE, &n->core, &n->config, &n->view, &drawn_sky);
    begin(w, n);
    n->view.large = w->large;
    struct facts_config c = {.self = id, .incarnation = 1, .crypto = {world_keys[id], world_sign, world_verify},
                             .casts = w->large, .sync_interval_ns = w->large ? NS_PER_HOUR : 0,
                             .genesis = span_of(w->genesis, w->genesis_size)};
    memcpy(c.root_public_key, world_keys[0], 32);
    assert_int_equal(manage_open(&n->manage, &n->manage_port), ERR_OK);
    assert_int_equal(facts_open(&n->facts, &n->facts_port, &c,
                                &(struct facts_handlers){n, on_fact, on_held, on_equivocation, on_ready, NULL}), ERR_OK);
    n->facts_port.facts = n->manage_port.facts = n->facts;
    finish(w, n);
}

static void kill_node(struct world *w, node_id id)
{
    w->stations[id].running = false;
    for (node_id peer = 1; peer <= WORLD_NODES; peer++)
        link_set(w, id, peer, false);
}

/* Runs until `time` from now. */
static void run(struct world *w, duration_ns time)
{
    mono_ns until = w->now.mono + time;
    for (;;) {
        mono_ns next = until;
        for (node_id id = 1; id <= WORLD_NODES; id++) {
            const struct station *n = &w->stations[id];
            if (n->running)
                next = MIN(next, MIN(n->facts_port.alarm_at, n->manage_port.alarm_at));
        }
        next = MAX(next, w->now.mono);
        w->now.wall += (next - w->now.mono) * w->now.wall_rate;
        w->now.mono = next;
        if (next >= until)
            return;
        for (node_id id = 1; id <= WORLD_NODES; id++) {
            struct station *n = &w->stations[id];
            if (n->running && n->facts_port.alarm_at <= next) {
                begin(w, n);
                n->facts_port.alarm_at = TIME_NEVER;
                facts_alarm(n->facts);
                finish(w, n);
            }
            if (n->running && n->manage_port.alarm_at <= next) {
                begin(w, n);
                n->manage_port.alarm_at = TIME_NEVER;
                manage_alarm(n->manage);
                finish(w, n);
            }
        }
        deliver_all(w);
    }
}

static enum member_state seen(const struct world *w, node_id by, node_id about)
{
    return view_find(&w->stations[by].view, about)->state;
}

static struct world *world_open(node_id count, uint64_t seed, bool large)
{
    struct world *w = calloc(1, sizeof *w);
    w->large = large;
    window_count = 0;
    w->letters_tail = &w->letters;
    w->rng = rng_stream(seed, 9);
    w->now = (struct now){.mono = NS_PER_S, .wall = time_from_utc(2026, 11, 21, 0, 0, 0), .wall_rate = 1};
    for (node_id id = 0; id <= WORLD_NODES; id++)
        memset(world_keys[id], 0x40 + (int)id, 32);
    struct fact_crypto root = {world_keys[0], world_sign, world_verify};
    struct genesis g = genesis_of(w->genesis, sizeof w->genesis, &root);
    for (node_id id = 1; id <= WORLD_NODES; id++) {
        struct manage_join join = {.node = id, .incarnation = 1, .role = id > 4 ? ROLE_GATEWAY : ROLE_SATELLITE, .plane = 1};
        uint8_t memory[JOIN_SIZE_MAX];
        struct span body;
        snprintf(join.name, sizeof join.name, "node-%u", id);
        memset(join.public_key, 0x40 + (int)id, 32);
        assert_int_equal(manage_join_encode(&join, memory, sizeof memory, &body), ERR_OK);
        assert_int_equal(genesis_add(&g, FACT_JOIN, 1, body), ERR_OK);
    }
    w->genesis_size = g.writer.at;
    for (node_id id = 1; id <= count; id++) {
        struct station *n = &w->stations[id];
        n->id = id;
        n->memory = aligned_alloc(16, WORLD_HEAP);
        n->disk = calloc(1, WORLD_DISK);
        n->config = (struct config){.self = id, .incarnation = 1, .seed = seed, .heartbeat_ns = NS_PER_S, .heartbeats_missed = 3};
        n->config.area_capacity_bytes[AREA_FACTS] = WORLD_DISK;
        start(w, id);
    }
    return w;
}

static struct world *world_new(node_id count, uint64_t seed)
{
    return world_open(count, seed, false);
}

static void world_free(struct world *w)
{
    for (node_id id = 1; id <= WORLD_NODES; id++) {
        struct station *n = &w->stations[id];
        if (n->running)
            assert_true(manage_check(n->manage) && facts_check(n->facts));
        free(n->memory);
        free(n->disk);
    }
    while (w->letters) {
        struct letter *first = w->letters;
        w->letters = first->next;
        free(first);
    }
    free(w);
}

/* Everybody in contact with everybody for good, all links up. */
static struct world *world_mesh(struct world *w, node_id count)
{
    for (node_id a = 1; a <= count; a++)
        for (node_id b = a + 1; b <= count; b++) {
            window(a, b, 0, TIME_NEVER);
            link_set(w, a, b, true);
        }
    run(w, 10 * NS_PER_S);
    return w;
}

static struct world *world_meshed(node_id count, uint64_t seed)
{
    return world_mesh(world_new(count, seed), count);
}

#endif
