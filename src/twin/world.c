#include "twin/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"

#define WORLD_HEAP_BYTES (4ull << 30)
#define CRAFT_INTERVAL (60 * NS_PER_S)
#define SAMPLE_INTERVAL (60 * NS_PER_S)
#define PLAN_INTERVAL (30 * NS_PER_MINUTE)
#define PLAN_AHEAD (6 * NS_PER_HOUR)
#define START_AT (10 * NS_PER_S) /* monotonic time at the epoch: never zero */

struct twin_node *world_node(struct world *w, node_id id)
{
    return id >= 1 && id <= w->node_count ? &w->nodes[id - 1] : NULL;
}

tai_ns world_wall(const struct world *w)
{
    return w->scenario->epoch + (w->now - START_AT);
}

void world_digest_add(struct world *w, uint64_t value)
{
    w->digest = hash_mix(w->digest, value);
}

/* ---- buffers lent to nodes ------------------------------------------------------------------------------------ */

struct host_buf {
    struct buf buf;
    struct host_buf *next, *previous;
    struct twin_node *node; /* NULL: orphaned by a crash, freed already elsewhere */
};

static void host_buf_release(struct buf *b, void *owner)
{
    struct host_buf *h = owner;
    (void)b;
    if (h->previous)
        h->previous->next = h->next;
    else
        h->node->bufs = h->next;
    if (h->next)
        h->next->previous = h->previous;
    free(h);
}

struct buf *host_buf_new(struct twin_node *n, size_t size)
{
    struct host_buf *h = malloc(sizeof *h + size);
    ASSERT(h != NULL);
    *h = (struct host_buf){.next = n->bufs, .node = n};
    h->buf = (struct buf){.data = (uint8_t *)(h + 1), .size = size, .refs = 1, .release = host_buf_release, .owner = h};
    if (n->bufs)
        n->bufs->previous = h;
    n->bufs = h;
    return &h->buf;
}

static void host_bufs_drop(struct twin_node *n)
{
    while (n->bufs) {
        struct host_buf *next = n->bufs->next;
        free(n->bufs);
        n->bufs = next;
    }
}

/* ---- signatures: real ones, or modelled with the same sizes ------------------------------------------------------ */

static void modelled_signature(const uint8_t key[32], struct span message, uint8_t out[FACT_SIGNATURE_SIZE])
{
    uint64_t seed = hash64(key, 32);
    for (uint64_t i = 0; i < 4; i++) {
        struct digest128 d = hash128(message.data, message.size);
        uint64_t parts[2] = {hash_mix(d.low ^ i, seed), hash_mix(d.high ^ i, seed)};
        memcpy(out + 16 * i, parts, 16);
    }
}

static bool modelled(const struct world *w)
{
    return strcmp(w->scenario->fact_security, "modelled") == 0;
}

static err sign_with(struct world *w, struct signer *signer, const uint8_t public_key[32], struct span message,
                     uint8_t signature[FACT_SIGNATURE_SIZE])
{
    if (!modelled(w))
        return signer_sign(signer, message, signature);
    modelled_signature(public_key, message, signature);
    return ERR_OK;
}

static err sign_node(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct twin_node *n = context;
    return sign_with(n->world, n->signer, n->public_key, message, signature);
}

static err sign_root(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct world *w = context;
    return sign_with(w, w->root_signer, w->root_public, message, signature);
}

/* Checking is a pure function: each distinct (key, message, signature) is computed once per run. */
static bool verify_memo(struct world *w, const uint8_t key[32], struct span message, const uint8_t signature[64])
{
    if (modelled(w)) {
        uint8_t expected[FACT_SIGNATURE_SIZE];
        modelled_signature(key, message, expected);
        return memcmp(expected, signature, sizeof expected) == 0;
    }
    struct digest128 parts[3] = {hash128(message.data, message.size), hash128(signature, 64), hash128(key, 32)};
    struct digest128 memo_key = hash128(parts, sizeof parts);
    bool added;
    uint8_t *verdict = map_put(&w->verified, span_of(&memo_key, sizeof memo_key), &added);
    if (!verdict)
        return ed25519_verify(key, message, signature);
    if (added)
        *verdict = ed25519_verify(key, message, signature);
    return *verdict != 0;
}

static bool verify_node(void *context, const uint8_t key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct twin_node *n = context;
    return verify_memo(n->world, key, message, signature);
}

static bool verify_root(void *context, const uint8_t key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    return verify_memo(context, key, message, signature);
}

/* ---- effects -------------------------------------------------------------------------------------------------------- */

struct disk_outcome {
    struct event_done done;
    uint64_t sync_until;
    enum disk_area area;
    bool is_sync;
};

static void disk_effect(struct world *w, struct twin_node *n, const struct effect_disk *e)
{
    struct disk_outcome *o = calloc(1, sizeof *o);
    ASSERT(o != NULL);
    *o = (struct disk_outcome){.done = {.op = e->op}, .area = e->area, .is_sync = e->kind == DISK_SYNC,
                               .sync_until = n->disk.sequence};
    if (e->kind == DISK_WRITE) {
        o->done.status = virtual_disk_write(&n->disk, e);
        for (size_t i = 0; i < COUNT_OF(e->parts); i++) {
            struct slice part = e->parts[i];
            slice_drop(&part);
        }
    }
    if (e->kind == DISK_READ) {
        struct buf *b = host_buf_new(n, e->size);
        virtual_disk_read_into(&n->disk, e->area, e->offset, b->data, e->size);
        o->done.data = slice_of(b, 0, e->size);
    }
    duration_ns latency = virtual_disk_latency(e->kind, e->size);
    queue_add(&w->queue, w->now + latency, HAPPEN_DISK, n->id, n->boot, o);
}

static void disk_happen(struct world *w, struct twin_node *n, uint64_t boot, struct disk_outcome *o)
{
    if (n->node && n->boot == boot) {
        if (o->is_sync)
            virtual_disk_sync(&n->disk, o->area, o->sync_until);
        struct event e = {.kind = EVENT_DONE, .done = o->done};
        world_step(w, n, &e);
        buf_unref(o->done.data.buf);
    }
    free(o);
}

static void trace_effect(struct world *w, struct twin_node *n, const struct effect_trace *t)
{
    w->figures.trace_counts[t->id]++;
    checks_trace(w, n, t);
    if (w->on_trace)
        w->on_trace(w->trace_context, n, t);
}

static void perform(struct world *w, struct twin_node *n, const struct effect *e)
{
    switch (e->kind) {
    case EFFECT_ALARM:
        n->alarm_version++;
        n->alarm_at = e->alarm;
        if (e->alarm != TIME_NEVER)
            queue_add(&w->queue, MAX(e->alarm, w->now), HAPPEN_ALARM, n->id, n->alarm_version, NULL);
        break;
    case EFFECT_DISK:
        disk_effect(w, n, &e->disk);
        break;
    case EFFECT_POINT:
        link_point(w, n, &e->point);
        break;
    case EFFECT_SEND:
        link_send(w, n, &e->send);
        break;
    case EFFECT_ACCEPT:
        link_accept(w, n, &e->accept);
        break;
    case EFFECT_LANE:
        lane_effect(w, n, &e->lane);
        break;
    case EFFECT_CAPTURE:
        scene_effect(w, n, &e->capture);
        break;
    case EFFECT_LOAD:
        n->lanes_busy_millis = e->load.lanes_busy_millis;
        n->radios_on = e->load.radios_on;
        break;
    case EFFECT_WORK:
        e->work.run(e->work.argument);
        break;
    case EFFECT_TRACE:
        trace_effect(w, n, &e->trace);
        break;
    case EFFECT_OBJECT_REPLY:
        customer_object(w, n, e->object_reply);
        break;
    case EFFECT_TASK_REPLY:
        customer_task(w, n, e->task_reply);
        break;
    case EFFECT_COUNT:
        break;
    }
}

void world_step(struct world *w, struct twin_node *n, struct event *e)
{
    if (!n->node)
        return;
    e->now = (struct now){.mono = w->now, .wall = world_wall(w), .wall_error_ns = 1000, .wall_rate = 1};
    struct effects effects;
    bool was_ready = node_ready(n->node);
    node_step(n->node, e, &effects);
    w->figures.steps++;
    world_digest_add(w, (uint64_t)w->now ^ (uint64_t)n->id << 48 ^ (uint64_t)e->kind << 40 ^ effects.count);
    for (size_t i = 0; i < effects.count; i++)
        perform(w, n, &effects.items[i]);
    if (n->node && !was_ready && node_ready(n->node))
        customers_gateway_ready(w, n);
}

/* ---- nodes come and go -------------------------------------------------------------------------------------------- */

void node_boot(struct world *w, struct twin_node *n)
{
    ASSERT(!n->node);
    n->boot++;
    struct start start = {
        .sky = w->sky,
        .crypto = {.context = n, .sign = sign_node, .verify = verify_node},
        .genesis = text_span(&w->genesis),
    };
    memcpy(start.root_public_key, w->root_public, 32);
    scenario_config(w->scenario, n->id, n->boot, &start.config);
    start.config.seed = w->seed;
    memcpy(start.config.area_used_bytes, n->disk.used_bytes, sizeof n->disk.used_bytes);
    err e = node_open(&n->node, n->memory, n->memory_size, &start);
    if (e != ERR_OK) {
        fprintf(stderr, "twin: node %s cannot start: %s\n", scenario_name(w->scenario, n->id), err_text(e));
        abort();
    }
    n->alarm_at = TIME_NEVER;
    world_step(w, n, &(struct event){.kind = EVENT_START});
    link_node_changed(w, n);
}

void node_crash(struct world *w, struct twin_node *n)
{
    ASSERT(n->node);
    n->node = NULL; /* whatever it held in memory is gone */
    n->alarm_version++;
    n->lanes_busy_millis = 0;
    n->radios_on = 0;
    n->crashed_at = w->now;
    link_node_changed(w, n);
    lanes_drop(n);
    host_bufs_drop(n);
    virtual_disk_crash(&n->disk, &w->disk_rng);
    customers_gateway_down(w, n);
}

static void craft_happen(struct world *w, struct twin_node *n)
{
    const struct scenario *s = w->scenario;
    tai_ns wall = world_wall(w);
    struct state state;
    if (sky_position(w->sky, n->id, wall, &state) == ERR_OK) {
        struct config c;
        scenario_config(s, n->id, 1, &c);
        uint64_t load = c.lane_power_mw * n->lanes_busy_millis / 1000 + c.radio_power_mw * n->radios_on;
        if (wall > n->craft_at)
            craft_step(&n->craft, &s->craft, &state, (uint32_t)load, wall - n->craft_at);
        n->craft_at = wall;
        struct craft_state cs = craft_state_of(&n->craft, &s->craft);
        w->figures.battery_min_mwh = MIN(w->figures.battery_min_mwh, (uint64_t)cs.battery_mwh);
        w->figures.core_max_mk = MAX(w->figures.core_max_mk, cs.core_mk);
        checks_count(w, PROMISE_I7, cs.battery_mwh >= c.battery_floor_mwh, "%s: battery %u mWh below its floor %llu mWh",
                     c.name, cs.battery_mwh, (unsigned long long)c.battery_floor_mwh);
        checks_count(w, PROMISE_I7, cs.core_mk <= c.core_limit_mk, "%s: core at %u mK above its limit %u mK", c.name,
                     cs.core_mk, c.core_limit_mk);
        struct event e = {.kind = EVENT_CRAFT,
                          .craft = {.battery_mwh = cs.battery_mwh, .battery_capacity_mwh = cs.battery_capacity_mwh,
                                    .battery_floor_mwh = c.battery_floor_mwh, .generation_mw = cs.generation_mw,
                                    .load_mw = cs.load_mw, .core_mk = cs.core_mk, .radiator_mk = cs.radiator_mk,
                                    .core_limit_mk = c.core_limit_mk, .sunlit_permille = cs.sunlit}};
        world_step(w, n, &e);
    }
    queue_add(&w->queue, w->now + CRAFT_INTERVAL, HAPPEN_CRAFT, n->id, 0, NULL);
}

static void plan_happen(struct world *w)
{
    err e = sky_plan_extend(w->sky, world_wall(w) + PLAN_AHEAD);
    ASSERT(e == ERR_OK);
    sky_plan_forget(w->sky, world_wall(w) - NS_PER_HOUR);
    queue_add(&w->queue, w->now + PLAN_INTERVAL, HAPPEN_PLAN, 0, 0, NULL);
}

/* ---- opening and running ---------------------------------------------------------------------------------------------- */

static void *map_memory(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT(p != MAP_FAILED);
    return p;
}

static err signer_from(uint64_t seed, uint64_t stream, struct signer **out, uint8_t public_key[32])
{
    struct rng r = rng_stream(seed, stream);
    uint8_t key[ED25519_SEED_SIZE];
    for (size_t i = 0; i < 4; i++) {
        uint64_t v = rng_u64(&r);
        memcpy(key + 8 * i, &v, 8);
    }
    TRY(signer_open(out, key));
    memcpy(public_key, signer_public_key(*out), 32);
    return ERR_OK;
}

static err genesis_make(struct world *w)
{
    uint8_t(*keys)[32] = calloc(w->node_count, 32);
    ASSERT(keys != NULL);
    err e = signer_from(w->seed, 0x726f6f74, &w->root_signer, w->root_public);
    for (size_t i = 0; i < w->node_count && e == ERR_OK; i++) {
        e = signer_from(w->seed, 0x6e6f6465000000 + i, &w->nodes[i].signer, w->nodes[i].public_key);
        memcpy(keys[i], w->nodes[i].public_key, 32);
    }
    struct fact_crypto root = {.context = w, .sign = sign_root, .verify = verify_root};
    w->genesis = text_new(NULL, 64u << 20);
    if (e == ERR_OK)
        e = scenario_genesis(w->scenario, (const uint8_t(*)[32])keys, &root, &w->genesis);
    free(keys);
    return e;
}

static void node_prepare(struct world *w, size_t i)
{
    const struct scenario *s = w->scenario;
    struct twin_node *n = &w->nodes[i];
    n->id = (node_id)(i + 1);
    n->world = w;
    bool gateway = scenario_is_gateway(s, n->id);
    n->memory_size = gateway ? s->gateway_memory_bytes : s->node_memory_bytes;
    n->memory = map_memory(n->memory_size);
    struct config c;
    scenario_config(s, n->id, 1, &c);
    virtual_disk_init(&n->disk, c.area_capacity_bytes);
    craft_init(&n->craft, &s->craft, s->battery_start, 290);
    n->craft_at = s->epoch;
}

err world_open(struct world **out, const struct scenario *s, uint64_t seed, duration_ns duration, bool faults_on)
{
    struct world *w = calloc(1, sizeof *w);
    ASSERT(w != NULL);
    w->scenario = s;
    w->seed = seed;
    w->duration = duration;
    w->faults_on = faults_on;
    w->now = START_AT;
    w->figures.battery_min_mwh = UINT64_MAX;
    heap_init(&w->heap, map_memory(WORLD_HEAP_BYTES), WORLD_HEAP_BYTES);
    map_init(&w->links, &w->heap, sizeof(void *));
    map_init(&w->verified, &w->heap, 1);
    w->link_rng = rng_stream(seed, 1);
    w->disk_rng = rng_stream(seed, 2);
    w->loss_rng = rng_stream(seed, 3);
    w->node_count = s->site_count;
    w->nodes = calloc(w->node_count, sizeof *w->nodes);
    ASSERT(w->nodes != NULL);
    for (size_t i = 0; i < w->node_count; i++)
        node_prepare(w, i);
    *out = w;
    TRY(genesis_make(w));
    TRY(scenario_sky(s, NULL, &w->sky));
    checks_open(w);
    customers_open(w);
    faults_plan(w);
    return ERR_OK;
}

void world_close(struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++) {
        struct twin_node *n = &w->nodes[i];
        lanes_drop(n);
        host_bufs_drop(n);
        virtual_disk_free(&n->disk);
        munmap(n->memory, n->memory_size);
        free(n->links);
        signer_close(n->signer);
    }
    signer_close(w->root_signer);
    links_free(w);
    struct queue_entry q;
    while (queue_take(&w->queue, &q))
        if (q.kind == HAPPEN_DISK || q.kind == HAPPEN_LANE || q.kind == HAPPEN_SCENE)
            free(q.data);
    queue_free(&w->queue);
    customers_close(w);
    checks_close(w);
    if (w->sky) {
        sky_free(w->sky);
        free(w->sky);
    }
    text_free(&w->genesis);
    faults_close(w);
    munmap(w->heap.memory, WORLD_HEAP_BYTES);
    free(w->nodes);
    free(w);
}

static void happen(struct world *w, const struct queue_entry *q)
{
    struct twin_node *n = world_node(w, q->subject);
    switch ((enum happening)q->kind) {
    case HAPPEN_ALARM:
        if (n->alarm_version == q->number) {
            n->alarm_at = TIME_NEVER;
            world_step(w, n, &(struct event){.kind = EVENT_ALARM});
        }
        break;
    case HAPPEN_LINK_EDGE:
        link_edge(w, q->data);
        break;
    case HAPPEN_LINK_UP:
        link_up(w, q->data, q->number);
        break;
    case HAPPEN_LINK_EVENT:
        link_event(w, q->data, q->subject, q->number);
        break;
    case HAPPEN_FRAME:
        link_frame(w, q->data);
        break;
    case HAPPEN_SENT:
        link_sent(w, q->data);
        break;
    case HAPPEN_DISK:
        disk_happen(w, n, q->number, q->data);
        break;
    case HAPPEN_LANE:
        lane_happen(w, n, q->number, q->data);
        break;
    case HAPPEN_SCENE:
        scene_happen(w, n, q->number, q->data);
        break;
    case HAPPEN_CRAFT:
        craft_happen(w, n);
        break;
    case HAPPEN_FAULT:
        fault_happen(w, &w->plan.faults[q->number]);
        break;
    case HAPPEN_BOOT:
        if (!n->node)
            node_boot(w, n);
        break;
    case HAPPEN_CUSTOMER:
        customer_happen(w, q->subject);
        break;
    case HAPPEN_SAMPLE:
        checks_sample(w);
        if (w->on_sample)
            w->on_sample(w->sample_context, w);
        queue_add(&w->queue, w->now + SAMPLE_INTERVAL, HAPPEN_SAMPLE, 0, 0, NULL);
        break;
    case HAPPEN_PLAN:
        plan_happen(w);
        break;
    case HAPPEN_PHASE:
    case HAPPEN_COUNT:
        break;
    }
}

/* Runs until virtual time `until`, or until `done` says so. Returns false when it stopped by time. */
static bool run_until(struct world *w, mono_ns until, bool (*done)(struct world *w))
{
    struct queue_entry q;
    mono_ns asked = w->now;
    uint64_t taken = 0;
    while (queue_take(&w->queue, &q)) {
        if (q.at > until) {
            queue_add(&w->queue, q.at, q.kind, q.subject, q.number, q.data);
            w->now = until;
            break;
        }
        w->now = q.at;
        happen(w, &q);
        if (w->on_progress && (++taken & 0x3ffff) == 0)
            w->on_progress(w->progress_context, (double)(w->now - START_AT) / (double)w->duration);
        if (done && w->now - asked >= NS_PER_S) {
            asked = w->now;
            if (done(w))
                return true;
        }
    }
    return done ? done(w) : false;
}

static bool quiet(struct world *w)
{
    return customers_idle(w) && checks_converged(w);
}

static bool verified(struct world *w)
{
    return customers_verify_done(w);
}

/* The safety phase with faults, then heal, then convergence within a bound, then every acknowledged object is read back. */
void world_run(struct world *w)
{
    const struct scenario *s = w->scenario;
    queue_add(&w->queue, w->now, HAPPEN_PLAN, 0, 0, NULL);
    run_until(w, w->now, NULL);
    for (size_t i = 0; i < w->node_count; i++) {
        queue_add(&w->queue, w->now + (mono_ns)i * NS_PER_MS, HAPPEN_BOOT, (uint32_t)(i + 1), 0, NULL);
        if (!scenario_is_gateway(s, (node_id)(i + 1)))
            queue_add(&w->queue, w->now + (mono_ns)i * NS_PER_MS + NS_PER_S, HAPPEN_CRAFT, (uint32_t)(i + 1), 0, NULL);
    }
    for (size_t i = 0; i < w->plan.count; i++)
        queue_add(&w->queue, w->plan.faults[i].at, HAPPEN_FAULT, 0, i, NULL);
    queue_add(&w->queue, w->now + SAMPLE_INTERVAL, HAPPEN_SAMPLE, 0, 0, NULL);
    run_until(w, START_AT + w->duration, NULL);

    w->healing = true;
    for (size_t i = 0; i < w->node_count; i++)
        if (!w->nodes[i].node)
            node_boot(w, &w->nodes[i]);
    mono_ns healed_at = w->now;
    /* The bound: every pair of islands has met twice by then (two orbits), plus what the exchange itself takes. */
    duration_ns bound = 4 * NS_PER_HOUR;
    bool converged = run_until(w, w->now + bound, quiet);
    w->figures.converge_ns = w->now - healed_at;
    checks_count(w, PROMISE_I12, converged, "no convergence within %lld s after heal", (long long)(bound / NS_PER_S));
    customers_verify_begin(w);
    run_until(w, w->now + bound, verified);
    customers_verify_end(w);
    checks_final(w);
}
