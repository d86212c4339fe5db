#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "twin/pool.h"
#include "twin/shard.h"

#define SAMPLE_INTERVAL (60 * NS_PER_S)
#define PLAN_INTERVAL (30 * NS_PER_MINUTE)
#define PLAN_AHEAD (6 * NS_PER_HOUR)
#define PLAN_AHEAD_LARGE (2 * NS_PER_HOUR) /* tens of thousands of pairs: their plan is most of a start */

enum { LARGE_NODES = 2000, NODES_WORTH_THREADS = 500, SHARDS_PER_THREAD = 4 };

struct twin_node *world_node(struct world *w, node_id id)
{
    return id >= 1 && id <= w->node_count ? &w->nodes[id - 1] : NULL;
}

tai_ns world_wall(const struct world *w)
{
    return w->scenario->epoch + (w->now - WORLD_START_NS);
}

struct rng node_stream(const struct twin_node *n, uint64_t purpose)
{
    return rng_stream(hash_mix(n->world->seed, n->id), purpose);
}

/* ---- serial code ------------------------------------------------------------------------------------------------------ */

struct serial_call {
    void (*run)(struct world *w, void *context, uint64_t number);
    void *context;
    uint64_t number;
};

void world_serially(struct world *w, mono_ns at, void (*run)(struct world *w, void *context, uint64_t number), void *context,
                    uint64_t number)
{
    struct engine *engine = w->engine;
    struct serial_call *call = malloc(sizeof *call);
    ASSERT(call != NULL);
    ASSERT(at >= w->now);
    for (size_t i = 0; i < w->shard_count; i++)
        ASSERT(at >= w->shards[i].now); /* no shard is there yet */
    *call = (struct serial_call){run, context, number};
    queue_add(&engine->serial, &(struct queue_entry){.at = at, .order = engine->serial_sequence++, .data = call});
}

static void sample(struct world *w, void *context, uint64_t number)
{
    (void)context;
    (void)number;
    checks_sample(w);
    for (size_t i = 0; i < w->observer_count; i++)
        if (w->observers[i].on_sample)
            w->observers[i].on_sample(w->observers[i].context, w);
    world_serially(w, w->now + SAMPLE_INTERVAL, sample, NULL, 0);
}

static void plan(struct world *w, void *context, uint64_t number)
{
    (void)context;
    (void)number;
    err e = sky_plan_extend(w->sky, world_wall(w) + (w->node_count > LARGE_NODES ? PLAN_AHEAD_LARGE : PLAN_AHEAD));
    ASSERT(e == ERR_OK);
    sky_plan_forget(w->sky, world_wall(w) - NS_PER_HOUR);
    world_serially(w, w->now + PLAN_INTERVAL, plan, NULL, 0);
}

static void boot(struct world *w, void *context, uint64_t number)
{
    (void)context;
    if (!w->nodes[number].up && !w->nodes[number].faults.dead)
        node_boot(&w->nodes[number]);
}

void world_observe(struct world *w, const struct observer *o)
{
    ASSERT(w->observer_count < OBSERVERS_MAX);
    w->observers[w->observer_count++] = *o;
    w->engine->tell_frames |= o->on_frame != NULL;
}

/* ---- opening and running ---------------------------------------------------------------------------------------------- */

static void *map_memory(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT(p != MAP_FAILED);
    return p;
}

err signer_from(uint64_t seed, uint64_t stream, struct signer **out, uint8_t public_key[32])
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
    struct fact_crypto root = root_crypto(w);
    w->genesis = text_new(NULL, 64u << 20);
    if (e == ERR_OK)
        e = scenario_genesis(w->scenario, (const uint8_t(*)[32])keys, &root, &w->genesis);
    free(keys);
    if (e == ERR_OK)
        e = roster_make(text_span(&w->genesis), w->root_public, &root, &w->roster);
    return e;
}

static void node_prepare(struct world *w, size_t i)
{
    const struct scenario *s = w->scenario;
    struct twin_node *n = &w->nodes[i];
    n->id = (node_id)(i + 1);
    n->world = w;
    n->shard = &w->shards[0];
    n->alarm_at = n->alarm_entry_at = TIME_NEVER;
    n->disk_rng = node_stream(n, 0x6469736b);
    bool gateway = scenario_is_gateway(s, n->id);
    n->memory_size = gateway ? s->gateway_memory_bytes : s->node_memory_bytes;
    n->memory = map_memory(n->memory_size);
    struct config c;
    scenario_config(s, n->id, 1, &c);
    virtual_disk_init(&n->disk, c.area_capacity_bytes);
    craft_init(&n->craft, &scenario_member(s, n->id)->craft, s->battery_start, 290);
    n->craft_at = s->epoch;
}

err world_open_on(struct world **out, const struct scenario *s, uint64_t seed, duration_ns duration, bool faults_on,
                  const struct ranks *ranks)
{
    struct world *w = calloc(1, sizeof *w);
    ASSERT(w != NULL);
    w->scenario = s;
    w->seed = seed;
    w->duration = duration;
    w->ranks = ranks && ranks->count > 1 ? ranks : NULL;
    w->faults_on = faults_on;
    w->now = WORLD_START_NS;
    w->figures.battery_min_mwh = UINT64_MAX;
    w->engine = calloc(1, sizeof *w->engine);
    ASSERT(w->engine != NULL);
    w->engine->own_figures.battery_min_mwh = UINT64_MAX;
    w->engine->modelled = strcmp(s->fact_security, "modelled") == 0;
    shards_open(w);
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
    faults_open(w);
    return ERR_OK;
}

err world_open(struct world **out, const struct scenario *s, uint64_t seed, duration_ns duration, bool faults_on)
{
    return world_open_on(out, s, seed, duration, faults_on, NULL);
}

void world_close(struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++) {
        struct twin_node *n = &w->nodes[i];
        lanes_drop(n);
        host_bufs_drop(n);
        virtual_disk_free(&n->disk);
        munmap(n->memory, n->memory_size);
        links_free(n);
        signer_close(n->signer);
    }
    signer_close(w->root_signer);
    struct queue_entry q;
    while (queue_take(&w->engine->serial, &q))
        free(q.data);
    queue_free(&w->engine->serial);
    pool_close(w->engine->pool);
    lights_close(w);
    memos_free(w);
    ranks_free(w);
    shards_close(w);
    customers_close(w);
    checks_close(w);
    if (w->sky) {
        sky_free(w->sky);
        free(w->sky);
    }
    roster_free(w->roster);
    text_free(&w->genesis);
    for (size_t i = 0; i < w->genesis_old_count; i++) {
        roster_free(w->genesis_old[i].roster);
        text_free(&w->genesis_old[i].genesis);
    }
    free(w->genesis_old);
    faults_close(w);
    free(w->engine);
    free(w->nodes);
    free(w);
}

/* Everything at instant w->now that is serial. Whatever it adds for the same instant runs, too. */
static void serial_run(struct world *w)
{
    struct queue_entry q;
    while (queue_next(&w->engine->serial) == w->now && queue_take(&w->engine->serial, &q)) {
        struct serial_call call = *(struct serial_call *)q.data;
        free(q.data);
        call.run(w, call.context, call.number);
    }
}

static void progress(struct world *w)
{
    for (size_t i = 0; i < w->observer_count; i++)
        if (w->observers[i].on_progress)
            w->observers[i].on_progress(w->observers[i].context, (double)(w->now - WORLD_START_NS) / (double)w->duration);
}

/* Runs until virtual time `until` (what happens then included), or until `done`, asked every second, says so: then true. */
static bool run_until(struct world *w, mono_ns until, bool (*done)(struct world *w))
{
    mono_ns ask_at = done ? w->now + NS_PER_S : TIME_NEVER;
    for (;;) {
        mono_ns next = shards_next(w), serial = queue_next(&w->engine->serial);
        duration_ns ahead = shards_lookahead(w);
        ranks_least(w, &next, &serial, &ahead);
        mono_ns first = MIN(next, serial);
        if (first > until)
            break;
        if (first >= ask_at) {
            shards_stand_at(w, ask_at);
            if (ranks_agree(w, done(w)))
                return true;
            ranks_flush(w);
            ask_at += NS_PER_S;
            continue;
        }
        if (serial <= next) {
            shards_stand_at(w, serial);
            serial_run(w);
            ranks_flush(w);
            progress(w);
            continue;
        }
        mono_ns end = ahead >= TIME_NEVER - next ? TIME_NEVER : next + ahead;
        shards_window(w, MIN(MIN(end, serial), MIN(ask_at, until + 1)));
    }
    shards_stand_at(w, until);
    return done ? ranks_agree(w, done(w)) : false;
}

static bool quiet(struct world *w)
{
    return ranks_agree(w, customers_idle(w)) && checks_converged(w);
}

/* Links are lost and told of while objects are read: what is still under way arrives before the last comparison. */
static bool verified(struct world *w)
{
    return ranks_agree(w, customers_verify_done(w)) && checks_facts_equal(w);
}

/* Small worlds have less to do in a window than it takes to share it out. */
static unsigned threads_of(const struct world *w)
{
    cpu_set_t cores;
    if (w->threads)
        return MIN(w->threads, (unsigned)SHARDS_MAX);
    if (w->node_count < NODES_WORTH_THREADS || sched_getaffinity(0, sizeof cores, &cores) != 0)
        return 1;
    return MIN((unsigned)CPU_COUNT(&cores), (unsigned)SHARDS_MAX);
}

static void start(struct world *w)
{
    unsigned threads = threads_of(w);
    size_t shards = w->shards_wanted ? w->shards_wanted : threads == 1 ? 1 : SHARDS_PER_THREAD * threads;
    if (w->ranks && !w->shards_wanted)
        shards *= w->ranks->count;
    if (w->ranks)
        shards = MAX(shards, (size_t)w->ranks->count);
    shards_partition(w, MIN(shards, (size_t)SHARDS_MAX));
    if (threads > 1)
        w->engine->pool = pool_open(threads);
    plan(w, NULL, 0);
    lights_open(w);
    for (size_t i = 0; i < w->node_count; i++) {
        mono_ns at = w->now + (mono_ns)i * NS_PER_MS;
        world_serially(w, at, boot, NULL, i);
        if (!scenario_is_gateway(w->scenario, (node_id)(i + 1)))
            node_later(&w->nodes[i], at + NS_PER_S, HAPPEN_CRAFT, 0, NULL);
    }
    faults_schedule(w);
    world_serially(w, w->now + SAMPLE_INTERVAL, sample, NULL, 0);
}

/* Folded over nodes in order, so that it does not depend on how their steps lay between each other. */
static uint64_t digest_of(struct world *w)
{
    const struct node_summary *all = world_summaries(w, true);
    uint64_t d = w->seed;
    for (size_t i = 0; i < w->node_count; i++) {
        d = hash_mix(d, all[i].steps_digest);
        if (w->nodes[i].up)
            d = hash_mix(d, all[i].state_digest ^ all[i].facts_digest);
    }
    return hash_mix(d, w->figures.steps);
}

/* The safety phase with faults, then heal, then convergence within a bound, then every acknowledged object is read back. */
void world_run(struct world *w)
{
    start(w);
    run_until(w, WORLD_START_NS + w->duration, NULL);

    w->healing = true;
    faults_heal(w);
    for (size_t i = 0; i < w->node_count; i++)
        if (!w->nodes[i].up && !w->nodes[i].faults.dead)
            node_boot(&w->nodes[i]);
    ranks_flush(w);
    mono_ns healed_at = w->now;
    duration_ns bound = ranks_most(w, check_heal_bound(w));
    w->figures.heal_bound_ns = bound;
    bool converged = run_until(w, w->now + bound, quiet);
    w->figures.converge_ns = w->now - healed_at;
    checks_count(w, PROMISE_I12, converged, "no convergence within %lld s after heal", (long long)(bound / NS_PER_S));
    customers_verify_begin(w);
    ranks_flush(w);
    if (w->node_count <= CHECK_NODES_MAX) /* a gateway may have to wait for its next contact, from now */
        bound = MAX(bound, ranks_most(w, check_heal_bound(w)));
    run_until(w, w->now + bound, verified);
    customers_verify_end(w);
    if (!quiet(w)) /* reading back found something to repair: those facts are still under way, minutes where light is slow */
        run_until(w, w->now + bound, quiet);
    if (w->beyond && faults_left(w) >= 2) {
        customers_serve_begin(w);
        run_until(w, w->now + bound, customers_serve_done);
        customers_serve_end(w);
    }
    checks_final(w);
    ranks_flush(w);
    shards_stand_at(w, w->now);
    ranks_total(w);
    w->engine->end_digest = digest_of(w);
}

/* As world_run left it; while a run goes on, of what is here. */
uint64_t world_end_digest(struct world *w)
{
    return w->engine->end_digest ? w->engine->end_digest : digest_of(w);
}
