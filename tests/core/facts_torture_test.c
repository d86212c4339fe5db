/* Crashes: torn tails at every byte, a power cut at every disk operation, stale records, and random worlds that must heal. */
#include "facts_harness.h"

/* Of the last group, any sectors may be missing: whole records before the first of them stay, and nothing else. */
static void a_group_torn_in_any_sectors_keeps_what_is_in_front(void **state)
{
    (void)state;
    struct sim *s = sim_new(1, 1);
    struct sim_node *n = &s->nodes[1];
    char text[400];
    memset(text, 't', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(sim_publish(s, 1, "told"), ERR_OK);
    pump(s);
    uint64_t begin = n->used, first = begin / DISK_SECTOR;
    assert_int_equal(sim_publish(s, 1, "begins a group alone"), ERR_OK); /* the others gather behind it */
    for (int i = 0; i < 4; i++)
        assert_int_equal(sim_publish(s, 1, text), ERR_OK);
    sim_run_op(s, n);
    sim_run_op(s, n);
    begin = n->used;
    first = begin / DISK_SECTOR;
    pump(s);
    uint8_t *image = malloc(SIM_DISK);
    memcpy(image, n->current, SIM_DISK);
    uint64_t used = n->used, sectors = (used - 1) / DISK_SECTOR - first + 1;
    assert_in_range(sectors, 4, 8);
    for (uint64_t lost = 1; lost < (uint64_t)1 << sectors; lost++) {
        sim_kill(s, 1);
        sim_disk_set(n, image, used);
        uint64_t whole = 4;
        for (uint64_t i = sectors; i-- > 0;)
            if (lost >> i & 1) {
                uint64_t from = MAX(begin, (first + i) * DISK_SECTOR), to = MIN(used, (first + i + 1) * DISK_SECTOR);
                memset(n->current + from, 0, to - from);
                whole = (from - begin) / ((used - begin) / 4);
            }
        memcpy(n->synced, n->current, SIM_DISK);
        sim_start(s, 1);
        pump(s);
        assert_int_equal(facts_seq_of(n->facts, 1), 2 + whole);
        assert_int_equal(sim_publish(s, 1, "after"), ERR_OK); /* at once: nobody was told of what is gone */
        assert_int_equal(sim_publish(s, 1, "after that"), ERR_OK);
        pump(s);
        uint64_t digest = facts_digest(n->facts);
        sim_kill(s, 1);
        sim_start(s, 1);
        pump(s);
        assert_int_equal(facts_seq_of(n->facts, 1), 4 + whole);
        assert_true(facts_digest(n->facts) == digest && facts_check(n->facts));
        assert_int_equal(sim_publish(s, 1, "nothing stale came back"), ERR_OK);
        pump(s);
    }
    free(image);
    sim_free(s);
}

/* What node 2 holds of node 1 must be a prefix of what node 1 holds: it never signs a sequence twice. */
static void assert_no_amnesia(struct sim *s)
{
    assert_true(facts_seq_of(s->nodes[2].facts, 1) <= facts_seq_of(s->nodes[1].facts, 1));
    for (node_id id = 1; id <= 3; id++)
        assert_int_equal(s->nodes[id].equivocations, 0);
}

static void a_power_cut_at_any_disk_operation_loses_nothing_told(void **state)
{
    (void)state;
    for (uint64_t cut = 1; cut < 60; cut++) {
        struct sim *s = sim_new(3, cut);
        struct sim_node *n = &s->nodes[1];
        sim_link(s, 1, 2, true);
        sim_link(s, 2, 3, true);
        pump(s);
        bool told[64] = {false};
        char text[32];
        s->ops_cut_at = s->ops_done + cut;
        for (uint64_t i = 0; i < 24 && n->running; i++) {
            snprintf(text, sizeof text, "fact %llu", (unsigned long long)i);
            assert_int_equal(sim_watched(s, 1, text, (node_id[]){2, 3}, 2, i), ERR_OK);
            if (i % 5 != 0)
                pump(s);
        }
        pump(s);
        for (uint64_t i = 0; i < 24; i++)
            told[i] = sim_is_held(n, i, 1);
        if (n->running)
            sim_power_cut(s, 1);
        sim_start(s, 1);
        pump(s);
        if (!n->running) { /* this time the cut came during recovery */
            sim_start(s, 1);
            pump(s);
        }
        s->ops_cut_at = 0;
        for (uint64_t i = 0; i < 24; i++)
            if (told[i] && facts_seq_of(n->facts, 1) < i + 1)
                fail_msg("cut %llu: fact %llu was told, only %llu are left", (unsigned long long)cut, (unsigned long long)i + 1,
                         (unsigned long long)facts_seq_of(n->facts, 1));
        assert_no_amnesia(s);
        assert_int_equal(sim_publish(s, 1, "life goes on"), ERR_OK);
        sim_wait(s, 6 * NS_PER_S);
        assert_no_amnesia(s);
        assert_same(s, 1, 2);
        assert_same(s, 1, 3);
        sim_free(s);
    }
}

static void random_step(struct sim *s, node_id count, uint64_t *tag, bool *acknowledged)
{
    node_id a = 1 + (node_id)rng_below(&s->rng, count), b = 1 + (node_id)rng_below(&s->rng, count);
    char text[40];
    switch (rng_below(&s->rng, 8)) {
    case 0:
        if (a != b)
            sim_link(s, a, b, !s->link[a][b]);
        break;
    case 1:
        if (s->nodes[a].running && rng_chance(&s->rng, 0.3)) {
            if (rng_chance(&s->rng, 0.5))
                sim_power_cut(s, a);
            else
                sim_kill(s, a);
        }
        break;
    case 2:
        if (!s->nodes[a].running)
            sim_start(s, a);
        break;
    case 3:
        sim_wait(s, (duration_ns)rng_below(&s->rng, 3000) * NS_PER_MS);
        break;
    default:
        snprintf(text, sizeof text, "%llu", (unsigned long long)*tag);
        if (s->nodes[a].running && s->nodes[a].ready && *tag < 4000 &&
            sim_watched(s, a, text, (node_id[]){b}, 1, *tag) == ERR_OK)
            (*tag)++;
        if (rng_chance(&s->rng, 0.7))
            pump(s);
    }
    for (node_id id = 1; id <= count; id++) {
        for (size_t i = 0; i < s->nodes[id].held_count; i++)
            acknowledged[s->nodes[id].held[i].tag] = true;
        s->nodes[id].held_count = 0;
    }
}

static void assert_acknowledged_exist(struct sim *s, uint64_t tags, const bool *acknowledged)
{
    bool *found = calloc(tags + 1, sizeof *found);
    struct fact f;
    for (node_id author = 1; author <= SIM_NODES; author++)
        for (uint64_t seq = 1; facts_get(s->nodes[1].facts, author, seq, &f); seq++) {
            char text[24] = {0};
            memcpy(text, f.body.data, MIN(f.body.size, sizeof text - 1));
            found[strtoull(text, NULL, 10)] = true;
        }
    for (uint64_t tag = 0; tag < tags; tag++)
        assert_true(found[tag] || !acknowledged[tag]);
    free(found);
}

static void any_world_heals_and_keeps_what_it_acknowledged(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 25; seed++) {
        struct sim *s = sim_new(5, seed);
        bool acknowledged[4096] = {false};
        uint64_t tag = 0;
        s->loss = 0.1;
        s->route_all = seed % 2;
        for (int i = 0; i < 250; i++)
            random_step(s, 5, &tag, acknowledged);
        s->loss = 0;
        for (node_id id = 1; id <= 5; id++)
            if (!s->nodes[id].running)
                sim_start(s, id);
        for (node_id id = 1; id < 5; id++)
            sim_link(s, id, id + 1, true);
        sim_wait(s, 40 * NS_PER_S);
        for (node_id id = 1; id <= 5; id++) {
            assert_int_equal(s->nodes[id].equivocations, 0);
            assert_same(s, 1, id);
        }
        assert_acknowledged_exist(s, tag, acknowledged);
        sim_free(s);
    }
}

static void out_of_memory_refuses_and_recovers(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    sim_link(s, 1, 2, true);
    pump(s);
    /* The heap of node 2 gives nothing new: it takes in what fits, and nothing breaks. */
    struct heap *heap = &s->nodes[2].heap;
    size_t capacity = heap->capacity;
    heap->capacity = heap->used_bump;
    char much[2001];
    memset(much, 'm', 2000);
    much[2000] = 0;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(sim_publish(s, 1, much), ERR_OK);
        pump(s);
    }
    assert_true(facts_check(s->nodes[2].facts));
    assert_true(facts_count(s->nodes[2].facts) < facts_count(s->nodes[1].facts));
    heap->capacity = capacity;
    sim_wait(s, 12 * NS_PER_S);
    assert_same(s, 1, 2);
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_torn_in_any_sectors_keeps_what_is_in_front),
        cmocka_unit_test(a_power_cut_at_any_disk_operation_loses_nothing_told),
        cmocka_unit_test(any_world_heals_and_keeps_what_it_acknowledged),
        cmocka_unit_test(out_of_memory_refuses_and_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
