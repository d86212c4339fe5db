#include "facts_harness.h"

static void sets_become_equal_after_a_partition(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    char text[32];
    for (int i = 0; i < 700; i++) {
        snprintf(text, sizeof text, "fact %d", i);
        assert_int_equal(sim_publish(s, 1 + (node_id)(i % 3 == 0), text), ERR_OK);
    }
    pump(s);
    assert_true(facts_digest(s->nodes[1].facts) != facts_digest(s->nodes[2].facts));
    sim_link(s, 1, 2, true);
    pump(s);
    assert_same(s, 1, 2);
    assert_int_equal(s->nodes[2].fold_count, 700 + SIM_NODES);
    sim_free(s);
}

static void a_large_backlog_comes_in_several_rounds(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    char *text = malloc(60001);
    memset(text, 'x', 60000);
    text[60000] = 0;
    for (int i = 0; i < 15; i++)
        assert_int_equal(sim_publish(s, 1, text), ERR_OK);
    pump(s);
    sim_link(s, 1, 2, true);
    pump(s);
    assert_same(s, 1, 2);
    free(text);
    sim_free(s);
}

static void fresh_facts_flood_at_once(void **state)
{
    (void)state;
    struct sim *s = sim_new(4, 1);
    sim_link(s, 1, 2, true);
    sim_link(s, 2, 3, true);
    sim_link(s, 3, 4, true);
    sim_link(s, 4, 1, true);
    pump(s);
    uint64_t before = s->sent;
    assert_int_equal(sim_publish(s, 1, "hello"), ERR_OK);
    pump(s); /* no time passes */
    for (node_id id = 2; id <= 4; id++)
        assert_same(s, 1, id);
    assert_in_range(s->sent - before, 3, 6);
    sim_free(s);
}

static void equal_nodes_exchange_only_digests(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    sim_link(s, 1, 2, true);
    for (int i = 0; i < 10; i++)
        assert_int_equal(sim_publish(s, 1, "x"), ERR_OK);
    sim_wait(s, 6 * NS_PER_S);
    uint64_t before = s->sent;
    sim_wait(s, 50 * NS_PER_S);
    assert_in_range(s->sent - before, 18, 22); /* one per node and 5 s */
    sim_free(s);
}

static void a_restart_brings_everything_back_once(void **state)
{
    (void)state;
    struct sim *s = sim_new(1, 1);
    for (int i = 0; i < 50; i++)
        assert_int_equal(sim_publish(s, 1, "kept"), ERR_OK);
    pump(s);
    uint64_t digest = facts_digest(s->nodes[1].facts), fold = s->nodes[1].fold;
    sim_kill(s, 1);
    sim_start(s, 1);
    assert_int_equal(sim_publish(s, 1, "too soon"), ERR_BUSY);
    pump(s);
    assert_true(s->nodes[1].ready);
    assert_true(facts_digest(s->nodes[1].facts) == digest && s->nodes[1].fold == fold);
    assert_true(facts_check(s->nodes[1].facts));
    sim_free(s);
}

static void facts_with_bad_signatures_are_refused(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    struct fact f = {.author = 1, .incarnation = 1, .seq = 1, .type = FACT_OBJECT, .body = SPAN_LITERAL("forged")};
    uint8_t zero[32] = {0}, bytes[4 + FACT_OVERHEAD + 6];
    assert_int_equal(fact_encode(&f, zero, &s->crypto[2], bytes + 4), ERR_OK); /* signed by another key */
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u32(&w, sizeof bytes - 4);
    struct message m = {.from = 1, .to = 2, .type = 3, .payload = slice_borrowed(span_of(bytes, sizeof bytes))};
    sim_begin(s, &s->nodes[2]);
    facts_message(s->nodes[2].facts, &m);
    sim_collect(s, &s->nodes[2]);
    assert_int_equal(facts_seq_of(s->nodes[2].facts, 1), 0);
    assert_int_equal(port_metric(&s->nodes[2].port, METRIC_FACTS_REFUSED), 1);
    sim_free(s);
}

static void garbage_messages_change_nothing(void **state)
{
    (void)state;
    struct sim *s = sim_new(1, 1);
    struct rng rng = rng_stream(3, 3);
    uint64_t digest = facts_digest(s->nodes[1].facts);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[64];
        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = (uint8_t)(rng_chance(&rng, 0.5) ? 0 : rng_u64(&rng));
        size_t size = rng_below(&rng, sizeof bytes);
        struct message m = {.from = 2, .to = 1, .type = (uint16_t)rng_below(&rng, 9), .body = span_of(bytes, size),
                            .payload = slice_borrowed(span_of(bytes, size))};
        sim_begin(s, &s->nodes[1]);
        facts_message(s->nodes[1].facts, &m);
        sim_collect(s, &s->nodes[1]);
    }
    assert_true(facts_digest(s->nodes[1].facts) == digest);
    assert_true(facts_check(s->nodes[1].facts));
    sim_free(s);
}

/* One message with the facts first..last of an author, in the order asked for. */
static void hand_over(struct sim *s, node_id to, node_id author, const uint64_t *seqs, size_t count, struct sim_node *source)
{
    static uint8_t bytes[65536];
    struct writer w = writer_of(bytes, sizeof bytes);
    for (size_t i = 0; i < count; i++) {
        struct fact f;
        assert_true(facts_get(source->facts, author, seqs[i], &f));
        write_blob(&w, span_of(f.body.data - FACT_HEADER_SIZE, f.body.size + FACT_OVERHEAD));
    }
    assert_true(writer_ok(&w));
    struct message m = {.from = source->id, .to = to, .type = 4, .payload = slice_borrowed(writer_span(&w))};
    sim_begin(s, &s->nodes[to]);
    facts_message(s->nodes[to].facts, &m);
    sim_collect(s, &s->nodes[to]);
}

static void facts_out_of_order_wait_for_their_predecessors(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(sim_publish(s, 1, "ordered"), ERR_OK);
    pump(s);
    hand_over(s, 2, 1, (uint64_t[]){3, 5, 2, 4}, 4, &s->nodes[1]);
    assert_int_equal(facts_seq_of(s->nodes[2].facts, 1), 0);
    hand_over(s, 2, 1, (uint64_t[]){1}, 1, &s->nodes[1]);
    assert_int_equal(facts_seq_of(s->nodes[2].facts, 1), 5);
    pump(s);
    assert_same(s, 1, 2);
    sim_free(s);
}

static void a_gap_is_asked_for(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(sim_publish(s, 1, "ordered"), ERR_OK);
    pump(s);
    s->route_all = true; /* not neighbours: no digest would help */
    hand_over(s, 2, 1, (uint64_t[]){5}, 1, &s->nodes[1]);
    sim_wait(s, NS_PER_S);
    assert_int_equal(facts_seq_of(s->nodes[2].facts, 1), 5);
    sim_free(s);
}

/* Node 1 is away and answers nothing: how often is it asked in an hour? */
static uint64_t asked_of_the_absent(duration_ns light)
{
    struct sim *s = sim_new(2, 1);
    sim_light = light;
    for (int i = 0; i < 5; i++)
        assert_int_equal(sim_publish(s, 1, "ordered"), ERR_OK);
    pump(s);
    s->route_all = true;
    hand_over(s, 2, 1, (uint64_t[]){5}, 1, &s->nodes[1]);
    sim_kill(s, 1);
    uint64_t before = s->sent;
    sim_wait(s, NS_PER_HOUR);
    uint64_t asked = s->sent - before;
    sim_light = 0;
    sim_free(s);
    return asked;
}

static void a_far_gap_is_asked_for_as_often_as_an_answer_could_come(void **state)
{
    (void)state;
    uint64_t near = asked_of_the_absent(0), far = asked_of_the_absent(6 * NS_PER_MINUTE);
    assert_true(near >= 50 && near <= 100); /* each 100 ms while the fact waits, 10 s */
    assert_true(far >= 2 && far <= 3);      /* each 12 minutes while the fact waits, 24 minutes */
}

static void far_neighbours_are_told_digests_as_often_as_they_could_answer(void **state)
{
    (void)state;
    uint64_t sent[2];
    for (int k = 0; k < 2; k++) {
        struct sim *s = sim_new(2, 1);
        sim_light = k == 0 ? 0 : 6 * NS_PER_MINUTE;
        sim_link(s, 1, 2, true);
        pump(s);
        uint64_t before = s->sent;
        sim_wait(s, NS_PER_HOUR);
        sent[k] = s->sent - before;
        sim_light = 0;
        sim_free(s);
    }
    assert_true(sent[0] > 1000);
    assert_true(sent[1] >= 8 && sent[1] <= 10);
}

static void held_comes_only_after_the_sync_there(void **state)
{
    (void)state;
    struct sim *s = sim_new(3, 1);
    sim_link(s, 1, 2, true);
    s->route_all = true; /* node 3 is reached by route */
    pump(s);
    s->nodes[2].hold_syncs = true;
    assert_int_equal(sim_watched(s, 1, "watched", (node_id[]){2, 3}, 2, 99), ERR_OK);
    assert_int_equal(s->nodes[1].held_count, 0); /* not even here yet */
    pump(s);
    assert_true(sim_is_held(&s->nodes[1], 99, 1));
    assert_true(sim_is_held(&s->nodes[1], 99, 3));
    assert_false(sim_is_held(&s->nodes[1], 99, 2));
    assert_int_equal(facts_seq_of(s->nodes[2].facts, 1), 1); /* it has it, but not safely */
    sim_wait(s, 5 * NS_PER_S);
    assert_false(sim_is_held(&s->nodes[1], 99, 2));
    s->nodes[2].hold_syncs = false;
    pump(s);
    assert_true(sim_is_held(&s->nodes[1], 99, 2));
    assert_int_equal(s->nodes[1].held_count, 3); /* each once */
    sim_free(s);
}

static void a_watched_fact_is_pushed_again_until_it_is_held(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    assert_int_equal(sim_watched(s, 1, "watched", (node_id[]){2}, 1, 5), ERR_OK);
    assert_int_equal(sim_watched(s, 1, "forgotten", (node_id[]){2}, 1, 6), ERR_OK);
    pump(s);
    sim_begin(s, &s->nodes[1]);
    facts_unwatch(s->nodes[1].facts, SERVICE_STORAGE, 6);
    sim_wait(s, 20 * NS_PER_S);
    assert_false(sim_is_held(&s->nodes[1], 5, 2));
    s->route_all = true;
    sim_wait(s, 17 * NS_PER_S);
    assert_true(sim_is_held(&s->nodes[1], 5, 2));
    assert_false(sim_is_held(&s->nodes[1], 6, 2));
    sim_free(s);
}

static void nothing_of_ours_leaves_before_it_is_durable(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    sim_link(s, 1, 2, true);
    pump(s);
    s->nodes[1].hold_syncs = true;
    assert_int_equal(sim_publish(s, 1, "secret for now"), ERR_OK);
    sim_wait(s, 20 * NS_PER_S); /* digests and vectors pass meanwhile */
    assert_int_equal(facts_seq_of(s->nodes[2].facts, 1), 0);
    s->nodes[1].hold_syncs = false;
    pump(s);
    assert_int_equal(facts_seq_of(s->nodes[2].facts, 1), 1);
    sim_free(s);
}

/* Node 1 tells node 2 one history and node 3 another (its disk was set back). */
static struct sim *forked_world(const char *second_for_2)
{
    struct sim *s = sim_new(3, 1);
    assert_int_equal(sim_publish(s, 1, "common"), ERR_OK);
    pump(s);
    uint8_t *image = malloc(SIM_DISK);
    memcpy(image, s->nodes[1].current, SIM_DISK);
    uint64_t used = s->nodes[1].used;
    sim_link(s, 1, 2, true);
    assert_int_equal(sim_publish(s, 1, "one story"), ERR_OK);
    if (second_for_2)
        assert_int_equal(sim_publish(s, 1, second_for_2), ERR_OK);
    pump(s);
    sim_link(s, 1, 2, false);
    sim_kill(s, 1);
    memcpy(s->nodes[1].current, image, SIM_DISK);
    memcpy(s->nodes[1].synced, image, SIM_DISK);
    s->nodes[1].used = used;
    free(image);
    sim_start(s, 1);
    pump(s);
    sim_link(s, 1, 3, true);
    assert_int_equal(sim_publish(s, 1, "another story"), ERR_OK);
    pump(s);
    sim_link(s, 1, 3, false);
    return s;
}

/* Node 3 hears how the other history goes on before it hears where it differs: nothing is taken, the fact before is asked for and proves it. */
static void a_fact_that_does_not_continue_the_chain_is_not_taken(void **state)
{
    (void)state;
    struct sim *s = forked_world("and more");
    struct sim_node *n = &s->nodes[3];
    uint64_t third = 3, digest = facts_digest(n->facts);
    assert_int_equal(facts_seq_of(n->facts, 1), 2);
    sim_kill(s, 1);
    hand_over(s, 3, 1, &third, 1, &s->nodes[2]);
    assert_int_equal(n->core.probes[PROBE_FACT_FORK], 1);
    assert_int_equal(n->core.probes[PROBE_FACT_EQUIVOCATION], 0);
    assert_int_equal(facts_seq_of(n->facts, 1), 2);
    assert_true(facts_digest(n->facts) == digest && facts_check(n->facts));
    sim_link(s, 2, 3, true);
    sim_wait(s, 12 * NS_PER_S);
    assert_true(n->equivocations > 0);
    sim_free(s);
}

static void equivocation_is_proven_and_stops_the_chain_everywhere(void **state)
{
    (void)state;
    for (int longer = 0; longer < 2; longer++) {
        struct sim *s = forked_world(longer ? "and more" : NULL);
        sim_kill(s, 1);
        sim_link(s, 2, 3, true);
        sim_wait(s, 12 * NS_PER_S);
        assert_true(s->nodes[2].equivocations + s->nodes[3].equivocations > 0);
        struct sim_node *witness = &s->nodes[s->nodes[2].equivocations > 0 ? 2 : 3];
        uint8_t body[2100];
        struct writer w = writer_of(body, sizeof body);
        write_blob(&w, span_of(witness->proof[0], witness->proof_size[0]));
        write_blob(&w, span_of(witness->proof[1], witness->proof_size[1]));
        sim_begin(s, witness);
        assert_int_equal(facts_publish(witness->facts, FACT_PROOF, writer_span(&w), NULL), ERR_OK);
        sim_collect(s, witness);
        sim_wait(s, 12 * NS_PER_S);
        assert_true(facts_digest(s->nodes[2].facts) == facts_digest(s->nodes[3].facts));
        uint64_t before = s->sent;
        sim_wait(s, 20 * NS_PER_S);
        assert_in_range(s->sent - before, 6, 10); /* digests only: they agree */
        node_id author = 0;
        assert_int_equal(facts_proof(s->nodes[3].facts, span_of(witness->proof[0], witness->proof_size[0]),
                                     span_of(witness->proof[0], witness->proof_size[0]), &author), ERR_INVALID);
        sim_free(s);
    }
}

static void prove(struct sim *s, struct sim_node *witness)
{
    uint8_t body[2100];
    struct writer w = writer_of(body, sizeof body);
    write_blob(&w, span_of(witness->proof[0], witness->proof_size[0]));
    write_blob(&w, span_of(witness->proof[1], witness->proof_size[1]));
    sim_begin(s, witness);
    assert_int_equal(facts_publish(witness->facts, FACT_PROOF, writer_span(&w), NULL), ERR_OK);
    sim_collect(s, witness);
}

static struct sim_node *sim_witness(struct sim *s)
{
    return &s->nodes[s->nodes[2].equivocations > 0 ? 2 : 3];
}

/* Nodes 2 and 3 folded different facts of the liar. */
static void a_proof_undoes_what_was_folded_behind_the_fork(void **state)
{
    (void)state;
    for (int longer = 0; longer < 2; longer++) {
        struct sim *s = forked_world(longer ? "and more" : NULL);
        sim_kill(s, 1);
        sim_link(s, 2, 3, true);
        sim_wait(s, 12 * NS_PER_S);
        assert_true(s->nodes[2].fold != s->nodes[3].fold);
        prove(s, sim_witness(s));
        sim_witness(s)->hold_syncs = true;
        sim_wait(s, 2 * NS_PER_S);
        assert_false(sim_witness(s)->restart_asked); /* it would come back without the proof */
        sim_witness(s)->hold_syncs = false;
        sim_wait(s, 12 * NS_PER_S);
        for (node_id id = 2; id <= 3; id++) {
            assert_true(s->nodes[id].restart_asked && facts_refolding(s->nodes[id].facts));
            sim_kill(s, id);
            sim_start(s, id);
        }
        sim_wait(s, 12 * NS_PER_S);
        assert_same(s, 2, 3);
        for (node_id id = 2; id <= 3; id++) {
            assert_false(s->nodes[id].restart_asked); /* once is enough */
            assert_int_equal(facts_seq_of(s->nodes[id].facts, 1), 1);
            assert_true(facts_check(s->nodes[id].facts));
        }
        sim_free(s);
    }
}

/* Liar 1 is proven by a second liar, whose own chain then ends before that proof. */
static void a_proof_in_a_chain_that_is_cut_is_told_by_who_held_it(void **state)
{
    (void)state;
    struct sim *s = forked_world(NULL);
    sim_kill(s, 1);
    sim_link(s, 2, 3, true);
    sim_wait(s, 12 * NS_PER_S);
    struct sim_node *witness = sim_witness(s), *other = &s->nodes[witness->id == 2 ? 3 : 2];
    prove(s, witness); /* this proof is its fact 1: the fork of the witness is there, too */
    pump(s);
    sim_link(s, 2, 3, false);
    sim_wait(s, 6 * NS_PER_S);
    uint8_t first[2200], second[600], body[3000];
    struct fact have, fork;
    struct fact_parts parts;
    assert_true(facts_get(witness->facts, witness->id, 1, &have));
    size_t first_size = fact_encoded_size(have.body.data - FACT_HEADER_SIZE);
    memcpy(first, have.body.data - FACT_HEADER_SIZE, first_size);
    assert_int_equal(fact_decode(span_of(first, first_size), &fork, &parts), ERR_OK);
    fork.body = SPAN_LITERAL("something else");
    fork.type = FACT_OBJECT;
    assert_int_equal(fact_encode(&fork, parts.previous, &s->crypto[witness->id], second), ERR_OK);
    struct writer w = writer_of(body, sizeof body);
    write_blob(&w, span_of(first, first_size));
    write_blob(&w, span_of(second, fact_encoded_size(second)));
    sim_begin(s, other);
    assert_int_equal(facts_publish(other->facts, FACT_PROOF, writer_span(&w), NULL), ERR_OK);
    sim_collect(s, other);
    sim_wait(s, 6 * NS_PER_S);
    bool held = facts_seq_of(other->facts, witness->id) == 1;
    sim_kill(s, other->id);
    other->equivocations = 0;
    sim_start(s, other->id);
    pump(s);
    assert_int_equal(facts_seq_of(other->facts, witness->id), 0);
    assert_int_equal(facts_seq_of(other->facts, 1), 1);
    assert_true(held && other->equivocations == 1);
    sim_free(s);
}

static void a_full_disk_refuses_and_loses_nothing(void **state)
{
    (void)state;
    struct sim *s = sim_new(1, 1);
    struct sim_node *n = &s->nodes[1];
    char *text = malloc(20001);
    memset(text, 'y', 20000);
    text[20000] = 0;
    size_t published = 0;
    err e;
    while ((e = sim_publish(s, 1, text)) == ERR_OK && published < 1000)
        published++;
    assert_int_equal(e, ERR_NO_SPACE); /* the area is used up */
    pump(s);
    assert_int_equal(facts_seq_of(n->facts, 1), published);
    sim_kill(s, 1);
    sim_start(s, 1);
    pump(s);
    assert_int_equal(facts_seq_of(n->facts, 1), published);
    assert_true(facts_check(n->facts));
    free(text);
    sim_free(s);
}

static void a_disk_that_refuses_for_a_while_catches_up(void **state)
{
    (void)state;
    struct sim *s = sim_new(2, 1);
    struct sim_node *n = &s->nodes[1];
    sim_link(s, 1, 2, true);
    pump(s);
    n->refuse_writes = true;
    assert_int_equal(sim_watched(s, 1, "late", (node_id[]){2}, 1, 1), ERR_OK); /* the disk's answer is not known yet */
    pump(s);
    assert_int_equal(sim_publish(s, 1, "refused"), ERR_NO_SPACE);
    sim_wait(s, 3 * NS_PER_S);
    assert_int_equal(n->held_count, 0);
    assert_int_equal(facts_seq_of(s->nodes[2].facts, 1), 0);
    n->refuse_writes = false;
    sim_wait(s, 11 * NS_PER_S);
    assert_true(sim_is_held(n, 1, 1) && sim_is_held(n, 1, 2));
    assert_int_equal(sim_publish(s, 1, "accepted"), ERR_OK);
    pump(s);
    assert_same(s, 1, 2);
    sim_free(s);
}

static void clock_and_ids_only_grow(void **state)
{
    (void)state;
    struct sim *s = sim_new(1, 1);
    struct sim_node *n = &s->nodes[1];
    struct uid last = {{0}};
    for (int i = 0; i < 1000; i++) {
        if (i == 500) { /* a restart at the same instant */
            pump(s);
            sim_kill(s, 1);
            sim_start(s, 1);
            pump(s);
        }
        struct uid next = facts_uid(n->facts);
        assert_int_not_equal(uid_compare(next, last), 0);
        assert_true(i == 500 || uid_compare(next, last) > 0);
        assert_int_equal(uid_node(next), 1);
        last = next;
    }
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_become_equal_after_a_partition),
        cmocka_unit_test(a_large_backlog_comes_in_several_rounds),
        cmocka_unit_test(fresh_facts_flood_at_once),
        cmocka_unit_test(equal_nodes_exchange_only_digests),
        cmocka_unit_test(a_restart_brings_everything_back_once),
        cmocka_unit_test(facts_with_bad_signatures_are_refused),
        cmocka_unit_test(garbage_messages_change_nothing),
        cmocka_unit_test(facts_out_of_order_wait_for_their_predecessors),
        cmocka_unit_test(a_gap_is_asked_for),
        cmocka_unit_test(a_far_gap_is_asked_for_as_often_as_an_answer_could_come),
        cmocka_unit_test(far_neighbours_are_told_digests_as_often_as_they_could_answer),
        cmocka_unit_test(held_comes_only_after_the_sync_there),
        cmocka_unit_test(a_watched_fact_is_pushed_again_until_it_is_held),
        cmocka_unit_test(nothing_of_ours_leaves_before_it_is_durable),
        cmocka_unit_test(a_fact_that_does_not_continue_the_chain_is_not_taken),
        cmocka_unit_test(equivocation_is_proven_and_stops_the_chain_everywhere),
        cmocka_unit_test(a_proof_undoes_what_was_folded_behind_the_fork),
        cmocka_unit_test(a_proof_in_a_chain_that_is_cut_is_told_by_who_held_it),
        cmocka_unit_test(a_full_disk_refuses_and_loses_nothing),
        cmocka_unit_test(a_disk_that_refuses_for_a_while_catches_up),
        cmocka_unit_test(clock_and_ids_only_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
