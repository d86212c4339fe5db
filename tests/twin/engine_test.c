/* One history, however it is computed: shards, threads, observers; and the parts that make it so. */
#include "test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "twin/pool.h"
#include "twin/shard.h"

static struct scenario *scenario_load_file(const char *path)
{
    static char text[16384];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    struct scenario *s = NULL;
    struct scenario_error error;
    assert_int_equal(scenario_parse(span_of(text, size), NULL, NULL, &s, &error), ERR_OK);
    return s;
}

struct heard { /* what an observer was told, in the order it was told */
    uint64_t frames, traces, bytes, digest;
    mono_ns last;
    bool ordered;
};

static void hear_frame(void *context, struct world *w, node_id from, node_id to, mono_ns at, const void *bytes, size_t size, bool lost)
{
    struct heard *h = context;
    h->ordered &= at >= h->last && w->now == at;
    h->last = at;
    h->frames++;
    h->bytes += size;
    h->digest = hash_mix(h->digest, hash64(bytes, size) ^ (uint64_t)at ^ (uint64_t)from << 40 ^ (uint64_t)to << 20 ^ lost);
}

static void hear_trace(void *context, const struct twin_node *n, const struct effect_trace *t)
{
    struct heard *h = context;
    h->ordered &= n->world->now >= h->last;
    h->last = n->world->now;
    h->traces++;
    h->digest = hash_mix(h->digest, hash64(t->text.data, t->text.size) ^ (uint64_t)n->world->now ^ (uint64_t)n->id << 40 ^ t->id);
}

struct outcome {
    uint64_t digest, windows;
    struct heard heard;
    struct figures figures;
};

static struct outcome run(const char *path, unsigned threads, size_t shards)
{
    struct scenario *s = scenario_load_file(path);
    struct world *w = NULL;
    struct outcome o = {.heard.ordered = true};
    assert_int_equal(world_open(&w, s, 5, 4 * NS_PER_MINUTE, true), ERR_OK);
    world_observe(w, &(struct observer){.context = &o.heard, .on_frame = hear_frame, .on_trace = hear_trace});
    w->threads = threads;
    w->shards_wanted = shards;
    world_run(w);
    o.digest = world_end_digest(w);
    o.figures = w->figures;
    o.windows = w->engine->windows;
    if (threads > 1)
        assert_true(w->engine->crowded_windows > 10);
    world_close(w);
    scenario_free(s);
    return o;
}

static void the_history_does_not_depend_on_shards_and_threads(void **state)
{
    (void)state;
    const struct outcome one = run("tests/twin/walker.yaml", 1, 1);
    assert_true(one.heard.frames > 1000 && one.heard.traces > 100 && one.heard.ordered);
    static const struct {
        unsigned threads;
        size_t shards;
    } ways[] = {{1, 2}, {1, 7}, {2, 6}, {3, 38}};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        const struct outcome other = run("tests/twin/walker.yaml", ways[i].threads, ways[i].shards);
        assert_int_equal(other.digest, one.digest);
        assert_int_equal(other.heard.digest, one.heard.digest);
        assert_int_equal(other.heard.frames, one.heard.frames);
        assert_true(other.heard.ordered);
        assert_memory_equal(&other.figures, &one.figures, sizeof one.figures);
    }
}

static void another_node_shifts_nobodys_draws(void **state)
{
    (void)state;
    struct scenario *s = scenario_load_file("scenarios/first-mesh.yaml");
    struct world *w = NULL;
    assert_int_equal(world_open(&w, s, 5, NS_PER_MINUTE, false), ERR_OK);
    struct rng a = node_stream(&w->nodes[0], 7), again = node_stream(&w->nodes[0], 7), b = node_stream(&w->nodes[1], 7),
               other = node_stream(&w->nodes[0], 8);
    uint64_t first = rng_u64(&a);
    assert_int_equal(first, rng_u64(&again));
    assert_true(first != rng_u64(&b) && first != rng_u64(&other));
    world_close(w);
    scenario_free(s);
}

/* ---- serial code --------------------------------------------------------------------------------------------------- */

struct calls {
    uint64_t order[4];
    size_t count;
    mono_ns at[4];
};

static void note(struct world *w, void *context, uint64_t number)
{
    struct calls *c = context;
    for (size_t i = 0; i < w->node_count; i++)
        assert_int_equal(node_now(&w->nodes[i]), w->now); /* everybody stands at this instant */
    c->at[c->count] = w->now;
    c->order[c->count++] = number;
    if (number == 1)
        world_serially(w, w->now, note, c, 9);
}

static void serial_code_runs_alone_at_its_instant_in_order_of_asking(void **state)
{
    (void)state;
    struct scenario *s = scenario_load_file("scenarios/first-mesh.yaml");
    struct world *w = NULL;
    struct calls c = {0};
    assert_int_equal(world_open(&w, s, 5, NS_PER_MINUTE, false), ERR_OK);
    w->shards_wanted = 3;
    world_serially(w, w->now + 20 * NS_PER_S + 7, note, &c, 1);
    world_serially(w, w->now + 20 * NS_PER_S + 7, note, &c, 2);
    world_serially(w, w->now + 10 * NS_PER_S, note, &c, 3);
    world_run(w);
    assert_int_equal(c.count, 4);
    assert_int_equal(c.order[0], 3);
    assert_int_equal(c.order[1], 1);
    assert_int_equal(c.order[2], 2);
    assert_int_equal(c.order[3], 9);
    assert_int_equal(c.at[3], WORLD_START_NS + 20 * NS_PER_S + 7);
    world_close(w);
    scenario_free(s);
}

/* ---- the pool ------------------------------------------------------------------------------------------------------- */

struct tally {
    _Atomic unsigned done[64];
};

static void job(void *context, size_t index)
{
    struct tally *t = context;
    atomic_fetch_add(&t->done[index], 1);
}

static void every_job_of_every_round_is_done_once(void **state)
{
    (void)state;
    struct pool *p = pool_open(4);
    assert_non_null(p);
    static struct tally t;
    for (unsigned round = 1; round <= 2000; round++) {
        size_t count = round % 64 + 1;
        t = (struct tally){0};
        pool_run(p, job, &t, count);
        for (size_t i = 0; i < 64; i++)
            assert_int_equal(atomic_load(&t.done[i]), i < count);
    }
    pool_close(p);
}

static void one_thread_needs_no_pool(void **state)
{
    (void)state;
    assert_null(pool_open(1));
    pool_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_history_does_not_depend_on_shards_and_threads),
        cmocka_unit_test(another_node_shifts_nobodys_draws),
        cmocka_unit_test(serial_code_runs_alone_at_its_instant_in_order_of_asking),
        cmocka_unit_test(every_job_of_every_round_is_done_once),
        cmocka_unit_test(one_thread_needs_no_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
