/* fold_test.c - the task table: whatever the order between authors, equal facts give equal tables. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "compute/table.h"

enum { AUTHORS = 5, PER_AUTHOR_MAX = 400, MEMORY = 8 << 20 };

static uint8_t *memory;
static struct heap heap;

struct chain {
    struct fact facts[PER_AUTHOR_MAX];
    size_t count;
};
static struct chain chains[AUTHORS + 1];

static struct uid id_of(node_id node, uint32_t counter)
{
    struct uid id;
    struct writer w = writer_of(id.bytes, sizeof id.bytes);
    write_u64_be(&w, (uint64_t)(1000 + counter) << 16);
    write_u32_be(&w, node);
    write_u32_be(&w, counter);
    return id;
}

static void say(node_id author, enum fact_type type, const struct writer *w)
{
    struct chain *c = &chains[author];
    uint8_t *body = malloc(w->at);
    memcpy(body, w->data, w->at);
    c->facts[c->count] = (struct fact){.author = author, .seq = c->count + 1, .type = (uint16_t)type, .time = c->count + 1, .body = span_of(body, w->at)};
    c->count++;
}

static void say_task(node_id author, struct uid id)
{
    uint8_t bytes[2000];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct task_spec s = {.name = span_text("t"), .executor_count = 1, .cpu_millis = 1000, .memory_bytes = 1, .expected_ns = NS_PER_S};
    s.executors[0].image = span_text("app:x");
    compute_spec_write(&w, id, &s);
    say(author, FACT_TASK, &w);
}

static void say_award(node_id author, struct uid id, uint32_t epoch, node_id owner)
{
    uint8_t bytes[200];
    struct writer w = writer_of(bytes, sizeof bytes);
    compute_award_write(&w, &(struct award){.id = id, .epoch = epoch, .owner = owner, .promised = 1, .lease = 1});
    say(author, FACT_AWARD, &w);
}

static void say_state(node_id author, struct uid id, uint32_t epoch, tai_ns wall)
{
    uint8_t bytes[200];
    struct writer w = writer_of(bytes, sizeof bytes);
    compute_report_write(&w, &(struct report){.id = id, .epoch = epoch, .state = TASK_RUNNING, .wall = wall});
    say(author, FACT_TASK_STATE, &w);
}

static void say_result(node_id author, struct uid id, uint32_t epoch, enum task_state state)
{
    uint8_t bytes[400];
    struct writer w = writer_of(bytes, sizeof bytes);
    compute_outcome_write(&w, &(struct outcome){.id = id, .epoch = epoch, .state = state, .ended = 5, .reason = span_text("r")});
    say(author, FACT_TASK_RESULT, &w);
}

static void say_cancel(node_id author, struct uid id)
{
    uint8_t bytes[40];
    struct writer w = writer_of(bytes, sizeof bytes);
    compute_cancel_write(&w, id);
    say(author, FACT_TASK_CANCEL, &w);
}

static void say_receipt(node_id author, struct uid id, uint32_t epoch, node_id node)
{
    uint8_t bytes[200];
    struct writer w = writer_of(bytes, sizeof bytes);
    compute_receipt_write(&w, &(struct receipt){.id = id, .epoch = epoch, .node = node, .state = TASK_COMPLETE});
    say(author, FACT_TASK_RECEIPT, &w);
}

/* Many tasks of two sinks, with rival awards, twins of results, cancels, more attempts than are kept, and receipts. */
static void history(uint64_t seed, size_t tasks)
{
    struct rng r = rng_stream(seed, 1);
    memset(chains, 0, sizeof chains);
    for (uint32_t i = 1; i <= tasks; i++) {
        node_id sink = 1 + i % 2;
        struct uid id = id_of(sink, i);
        say_task(sink, id);
        size_t epochs = 1 + rng_below(&r, 12);
        for (uint32_t e = 1; e <= epochs; e++) {
            node_id owner = 3 + (node_id)rng_below(&r, 3);
            say_award(1 + (node_id)rng_below(&r, AUTHORS), id, e, owner);
            if (rng_chance(&r, 0.2))
                say_award(1 + (node_id)rng_below(&r, AUTHORS), id, e, 3 + (node_id)rng_below(&r, 3));
            say_state(owner, id, e, 100 + e);
            if (rng_chance(&r, 0.6))
                say_result(owner, id, e, rng_chance(&r, 0.5) ? TASK_COMPLETE : TASK_SYSTEM_ERROR);
        }
        if (rng_chance(&r, 0.2))
            say_cancel(1 + (node_id)rng_below(&r, AUTHORS), id);
        if (rng_chance(&r, 0.7))
            say_receipt(sink, id, 1, 3);
    }
}

static void history_free(void)
{
    for (size_t a = 1; a <= AUTHORS; a++)
        for (size_t i = 0; i < chains[a].count; i++)
            free((void *)(uintptr_t)chains[a].facts[i].body.data);
}

/* Folds all chains, each in order, in a random order among each other. */
static uint64_t fold_shuffled(uint64_t seed, size_t ended_max)
{
    struct rng r = rng_stream(seed, 2);
    size_t at[AUTHORS + 1] = {0}, left = 0;
    struct task_table table;
    heap_init(&heap, memory, MEMORY);
    compute_table_init(&table, &heap, ended_max);
    for (size_t a = 1; a <= AUTHORS; a++)
        left += chains[a].count;
    while (left > 0) {
        size_t a = 1 + rng_below(&r, AUTHORS);
        for (size_t run = 1 + rng_below(&r, 9); run > 0 && at[a] < chains[a].count; run--, left--) {
            struct uid touched;
            err e = compute_table_fold(&table, &chains[a].facts[at[a]++], (mono_ns)left, &touched);
            assert_true(e == ERR_OK || e == ERR_EXPIRED);
        }
    }
    assert_true(compute_table_check(&table));
    return compute_table_digest(&table);
}

static void the_fold_commutes_between_authors(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        history(seed, 12);
        uint64_t digest = fold_shuffled(1, 100);
        for (uint64_t order = 2; order <= 12; order++)
            assert_true(fold_shuffled(order, 100) == digest);
        history_free();
    }
}

/* What chain `from` says is said by `node` in its next life with an empty disk. */
static void said_by(size_t from, node_id node, uint32_t incarnation)
{
    for (size_t i = 0; i < chains[from].count; i++) {
        chains[from].facts[i].author = node;
        chains[from].facts[i].incarnation = incarnation;
    }
}

static void the_fold_commutes_between_incarnations_of_replaced_nodes(void **state)
{
    (void)state;
    memset(chains, 0, sizeof chains);
    for (uint32_t i = 1; i <= 60; i++) {
        struct uid id = id_of(1, i);
        say_task(1, id);
        say_award(1, id, 1, 3);
        say_state(3, id, 1, 100);
        if (i % 2)
            say_result(3, id, 1, TASK_COMPLETE);
        if (i % 3)
            say_receipt(1, id, 1, 3);
        say_award(2, id, 1, 4); /* the second incarnation of the sink does not know the first award */
        say_receipt(2, id, 1, 4);
        say_state(4, id, 1, 200); /* nor does that of the owner know that it reported */
        if (i % 5)
            say_result(4, id, 1, i % 7 ? TASK_COMPLETE : TASK_SYSTEM_ERROR);
    }
    said_by(1, 1, 1);
    said_by(2, 1, 2);
    said_by(3, 3, 1);
    said_by(4, 3, 2);
    uint64_t first = fold_shuffled(1, 1000);
    for (uint64_t order = 2; order <= 40; order++)
        assert_int_equal(fold_shuffled(order, 1000), first);
    history_free();
}

static void forgetting_ended_tasks_commutes_too(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        history(seed, 20);
        uint64_t digest = fold_shuffled(1, 4);
        assert_true(fold_shuffled(1, 100) != digest);
        for (uint64_t order = 2; order <= 12; order++)
            assert_true(fold_shuffled(order, 4) == digest);
        history_free();
    }
}

static void only_the_sink_may_submit(void **state)
{
    (void)state;
    memset(chains, 0, sizeof chains);
    struct uid id = id_of(2, 1), touched;
    struct task_table t;
    heap_init(&heap, memory, MEMORY);
    compute_table_init(&t, &heap, 10);
    say_task(3, id);
    assert_int_equal(compute_table_fold(&t, &chains[3].facts[0], 0, &touched), ERR_DENIED);
    assert_null(compute_table_find(&t, id));
    history_free();
}

/* Facts of sink 2 and of 3 and 4, who stood in for it, in all orders. */
static void the_sinks_receipt_counts_before_the_lowest_that_stood_in(void **state)
{
    (void)state;
    static const node_id orders[][3] = {{2, 3, 4}, {2, 4, 3}, {3, 2, 4}, {3, 4, 2}, {4, 2, 3}, {4, 3, 2}};
    for (size_t facts = 2; facts <= 3; facts++) { /* without the sink's, with it */
        uint64_t digest = 0;
        for (size_t i = 0; i < COUNT_OF(orders); i++) {
            memset(chains, 0, sizeof chains);
            struct uid id = id_of(2, 1), touched;
            struct task_table t;
            heap_init(&heap, memory, MEMORY);
            compute_table_init(&t, &heap, 10);
            say_receipt(2, id, 1, 3);
            say_receipt(3, id, 2, 4);
            say_receipt(4, id, 3, 5);
            for (size_t k = 0; k < 3; k++)
                if (facts == 3 || orders[i][k] != 2)
                    assert_int_equal(compute_table_fold(&t, &chains[orders[i][k]].facts[0], 0, &touched), ERR_OK);
            const struct task *task = compute_table_find(&t, id);
            assert_int_equal(task->receipts, 1);
            assert_int_equal(task->receipt_epoch, facts == 3 ? 1 : 2);
            assert_int_equal(t.open_count, 0);
            assert_true(compute_table_check(&t));
            if (i > 0)
                assert_true(compute_table_digest(&t) == digest);
            digest = compute_table_digest(&t);
            history_free();
        }
    }
}

static void the_first_receipt_counts_and_a_second_is_an_alarm(void **state)
{
    (void)state;
    memset(chains, 0, sizeof chains);
    struct uid id = id_of(2, 1), touched;
    struct task_table t;
    heap_init(&heap, memory, MEMORY);
    compute_table_init(&t, &heap, 10);
    say_receipt(2, id, 1, 3);
    say_receipt(2, id, 2, 4);
    assert_int_equal(compute_table_fold(&t, &chains[2].facts[0], 0, &touched), ERR_OK);
    assert_true(compute_table_check(&t));
    assert_int_equal(compute_table_fold(&t, &chains[2].facts[1], 0, &touched), ERR_OK);
    assert_int_equal(compute_table_find(&t, id)->receipt_epoch, 1);
    assert_false(compute_table_check(&t)); /* I3 */
    history_free();
}

static void a_result_without_an_award_does_not_count(void **state)
{
    (void)state;
    memset(chains, 0, sizeof chains);
    struct uid id = id_of(2, 1), touched;
    struct task_table t;
    heap_init(&heap, memory, MEMORY);
    compute_table_init(&t, &heap, 10);
    say_result(4, id, 7, TASK_SYSTEM_ERROR);
    assert_int_equal(compute_table_fold(&t, &chains[4].facts[0], 0, &touched), ERR_OK);
    const struct task *task = compute_table_find(&t, id);
    assert_int_equal(compute_task_failures(task), 0);
    assert_int_equal(compute_task_state(task), TASK_QUEUED);
    history_free();
}

static void running_out_of_memory_is_an_error_not_a_crash(void **state)
{
    (void)state;
    history(3, 20);
    for (size_t size = 1024; size < 40000; size += 512) { /* the Nth allocation fails, for every N */
        struct task_table t;
        heap_init(&heap, memory, size);
        compute_table_init(&t, &heap, 4);
        for (size_t a = 1; a <= AUTHORS; a++)
            for (size_t i = 0; i < chains[a].count; i++) {
                struct uid touched;
                err e = compute_table_fold(&t, &chains[a].facts[i], 0, &touched);
                assert_true(e == ERR_OK || e == ERR_NO_MEMORY || e == ERR_EXPIRED);
            }
        (void)compute_table_digest(&t);
    }
    history_free();
}

int main(void)
{
    memory = aligned_alloc(64, MEMORY);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fold_commutes_between_authors),
        cmocka_unit_test(the_fold_commutes_between_incarnations_of_replaced_nodes),
        cmocka_unit_test(forgetting_ended_tasks_commutes_too),
        cmocka_unit_test(only_the_sink_may_submit),
        cmocka_unit_test(the_sinks_receipt_counts_before_the_lowest_that_stood_in),
        cmocka_unit_test(the_first_receipt_counts_and_a_second_is_an_alarm),
        cmocka_unit_test(a_result_without_an_award_does_not_count),
        cmocka_unit_test(running_out_of_memory_is_an_error_not_a_crash),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(memory);
    return failed;
}
