/* Rot in the log of facts: wrong bits are turned back; where that fails nothing else is lost, and no sequence is signed twice. */
#include "core/facts_private.h"
#include "facts_harness.h"

struct image {
    uint8_t *bytes;
    uint64_t used, starts[64];
    size_t count;
};

static struct image image_of(const struct sim_node *n)
{
    struct image i = {.bytes = malloc(SIM_DISK), .used = n->used};
    memcpy(i.bytes, n->current, SIM_DISK);
    struct heap none = {0};
    struct log_walk w;
    struct log_found f;
    log_walk_open(&w, &none, 0, n->used, 0, 0);
    while (log_walk_next(&w, span_of(i.bytes, n->used), 0, true, &f) == LOG_ITEM_RECORD)
        i.starts[i.count++] = f.offset;
    assert_true(w.at == n->used && i.count > 3);
    i.starts[i.count] = n->used;
    return i;
}

static void restart_from(struct sim *s, node_id id, const struct image *i)
{
    sim_kill(s, id);
    sim_disk_set(&s->nodes[id], i->bytes, i->used);
}

static bool held_back(const struct sim_node *n)
{
    return port_metric(&n->port, METRIC_PUBLISH_HELD) != 0;
}

static void assert_nobody_lied(const struct sim *s, node_id count)
{
    for (node_id id = 1; id <= count; id++)
        assert_int_equal(s->nodes[id].equivocations, 0);
}

/* Three nodes in a row; all facts of the first are everywhere, and both logs hold facts of both. */
static struct sim *row_of_three(void)
{
    struct sim *s = sim_new(3, 1);
    sim_link(s, 1, 2, true);
    sim_link(s, 2, 3, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sim_publish(s, 2, "theirs"), ERR_OK);
        pump(s);
        assert_int_equal(sim_publish(s, 1, "ours"), ERR_OK);
        pump(s);
    }
    sim_wait(s, 6 * NS_PER_S);
    return s;
}

static void a_wrong_bit_anywhere_is_turned_back(void **state)
{
    (void)state;
    struct sim *s = sim_new(1, 1);
    struct sim_node *n = &s->nodes[1];
    for (int i = 0; i < 3; i++)
        assert_int_equal(sim_publish(s, 1, "bits"), ERR_OK);
    pump(s);
    struct image whole = image_of(n);
    uint64_t digest = facts_digest(n->facts);
    for (uint64_t at = 0; at < whole.used; at++) {
        restart_from(s, 1, &whole);
        sim_bit_flip(n, 8 * at + at % 8);
        sim_start(s, 1);
        pump(s);
        assert_true(facts_digest(n->facts) == digest && facts_check(n->facts));
        assert_int_equal(sim_publish(s, 1, "at once"), ERR_OK);
        pump(s);
        sim_wait(s, 100 * NS_PER_MS);
        uint64_t padding = 0;
        for (size_t i = 0; i < whole.count; i++)
            padding += at < whole.starts[i + 1] && at >= whole.starts[i + 1] - 7;
        if (padding == 0 || port_metric(&n->port, METRIC_LOG_MENDED) > 0)
            assert_memory_equal(n->synced, whole.bytes, whole.used); /* and written back */
    }
    free(whole.bytes);
    sim_free(s);
}

/* Ten bytes of noise over every place of the log: what cannot be mended comes from the neighbours. */
static void noise_anywhere_loses_nothing_and_makes_no_liar(void **state)
{
    (void)state;
    struct sim *s = row_of_three();
    struct sim_node *n = &s->nodes[1];
    struct image whole = image_of(n);
    for (uint64_t at = 0; at < whole.used; at += 5) {
        sim_link(s, 1, 2, false);
        uint64_t digest = facts_digest(s->nodes[2].facts), seq = facts_seq_of(s->nodes[2].facts, 1);
        restart_from(s, 1, &whole);
        for (uint64_t i = 0; i < 10 && at + i < whole.used; i++)
            n->current[at + i] = n->synced[at + i] = (uint8_t)(0xa5 ^ whole.bytes[at + i] ^ i);
        sim_start(s, 1);
        pump(s);
        assert_true(facts_check(n->facts));
        assert_int_equal(sim_publish(s, 1, "too early"), held_back(n) ? ERR_BUSY : ERR_OK);
        assert_true(held_back(n)); /* ten bytes always hit more than padding */
        sim_link(s, 1, 2, true);
        sim_wait(s, 200 * NS_PER_MS);
        if (facts_digest(n->facts) != digest || !facts_check(n->facts))
            fail_msg("noise at %llu: %llu facts, of ours %llu", (unsigned long long)at, (unsigned long long)facts_count(n->facts), (unsigned long long)facts_seq_of(n->facts, 1));
        assert_int_equal(facts_seq_of(n->facts, 1), seq);
        assert_false(held_back(n));
        sim_wait(s, NS_PER_S);
        assert_int_equal(n->core.probes[PROBE_LOG_HEALED], 1);
        /* Everything is in the log again: the next start needs nobody. */
        sim_link(s, 1, 2, false);
        sim_power_cut(s, 1);
        sim_start(s, 1);
        pump(s);
        assert_false(held_back(n));
        if (facts_digest(n->facts) != digest || !facts_check(n->facts))
            fail_msg("after noise at %llu: %llu facts, of ours %llu, of 2 %llu", (unsigned long long)at, (unsigned long long)facts_count(n->facts), (unsigned long long)facts_seq_of(n->facts, 1), (unsigned long long)facts_seq_of(n->facts, 2));
        assert_int_equal(port_metric(&n->port, METRIC_LOG_HOLES), 0);
        assert_nobody_lied(s, 3);
    }
    free(whole.bytes);
    sim_free(s);
}

static void what_lies_behind_a_hole_is_kept(void **state)
{
    (void)state;
    struct sim *s = row_of_three();
    struct sim_node *n = &s->nodes[1];
    struct image whole = image_of(n);
    size_t victim = whole.count - 6; /* the first fact of node 2 */
    sim_link(s, 1, 2, false);
    restart_from(s, 1, &whole);
    sim_bit_flip(n, 8 * whole.starts[victim] + 300);
    sim_bit_flip(n, 8 * whole.starts[victim] + 700);
    sim_start(s, 1);
    pump(s);
    assert_int_equal(facts_seq_of(n->facts, 2), 0);
    assert_int_equal(facts_seq_of(n->facts, 1), 3); /* our own chain does not need it */
    struct fact f;
    assert_true(facts_get(s->nodes[2].facts, 2, 1, &f));
    union { const uint8_t *in; void *out; } body = {f.body.data};
    struct span encoded = span_of((const uint8_t *)body.out - FACT_HEADER_SIZE, f.body.size + FACT_OVERHEAD);
    uint8_t payload[1024];
    struct writer w = writer_of(payload, sizeof payload);
    write_blob(&w, encoded); /* only the one that is missing */
    struct message m = {.from = 2, .to = 1, .type = FACTS_PUSH, .payload = slice_borrowed(writer_span(&w))};
    sim_begin(s, n);
    facts_message(n->facts, &m);
    sim_collect(s, n);
    pump(s);
    assert_int_equal(facts_seq_of(n->facts, 2), 3);
    assert_true(facts_check(n->facts));
    free(whole.bytes);
    sim_free(s);
}

static void a_torn_tail_and_rot_are_told_apart(void **state)
{
    (void)state;
    struct sim *s = row_of_three();
    struct sim_node *n = &s->nodes[1];
    uint64_t durable = n->used;
    sim_link(s, 1, 2, false);
    char text[600];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    n->hold_syncs = true;
    assert_int_equal(sim_publish(s, 1, text), ERR_OK); /* two sectors at least, told to nobody */
    pump(s);
    n->hold_syncs = false;
    uint64_t boundary = (n->used - 1) / DISK_SECTOR * DISK_SECTOR, used = n->used;
    assert_true(boundary > durable);
    struct image torn = {.bytes = malloc(SIM_DISK), .used = used};
    memcpy(torn.bytes, n->current, SIM_DISK);
    memset(torn.bytes + boundary, 0, used - boundary);
    for (int rot = 0; rot < 2; rot++) {
        restart_from(s, 1, &torn);
        if (rot) {
            sim_bit_flip(n, 8 * (durable - 100)); /* our last fact, which others have */
            sim_bit_flip(n, 8 * (durable - 90));
        }
        sim_start(s, 1);
        pump(s);
        assert_int_equal(n->core.probes[PROBE_LOG_TORN_TAIL], 1);
        assert_int_equal(facts_seq_of(n->facts, 1), rot ? 2 : 3);
        assert_int_equal(held_back(n), rot);
        assert_int_equal(sim_publish(s, 1, "now"), rot ? ERR_BUSY : ERR_OK);
        if (!rot)
            continue;
        sim_link(s, 1, 2, true);
        sim_wait(s, NS_PER_S);
        assert_int_equal(facts_seq_of(n->facts, 1), 3);
        assert_int_equal(sim_publish(s, 1, "now"), ERR_OK);
        sim_wait(s, 6 * NS_PER_S);
        assert_same(s, 1, 3);
        assert_nobody_lied(s, 3);
    }
    free(torn.bytes);
    sim_free(s);
}

static void rot_under_a_running_node_heals_without_neighbours(void **state)
{
    (void)state;
    struct sim *s = row_of_three();
    struct sim_node *n = &s->nodes[1];
    sim_link(s, 1, 2, false);
    s->scrub_interval = NS_PER_MINUTE;
    sim_kill(s, 1);
    sim_start(s, 1);
    pump(s);
    struct image whole = image_of(n);
    for (uint64_t i = 0; i < whole.count; i += 2)
        for (uint64_t at = whole.starts[i] + 2; at < whole.starts[i] + 90; at += 11)
            n->current[at] = n->synced[at] ^= 0x42;
    sim_wait(s, 2 * NS_PER_MINUTE);
    assert_int_equal(n->core.probes[PROBE_LOG_HEALED], 1);
    uint64_t digest = facts_digest(n->facts);
    sim_power_cut(s, 1);
    sim_start(s, 1);
    pump(s);
    assert_false(held_back(n));
    assert_true(facts_digest(n->facts) == digest && facts_check(n->facts));
    free(whole.bytes);
    sim_free(s);
}

/* A power cut after any operation of the healing: the next start goes on with it. */
static void healing_survives_a_power_cut_at_any_operation(void **state)
{
    (void)state;
    struct sim *s = row_of_three();
    struct sim_node *n = &s->nodes[1];
    struct image whole = image_of(n);
    for (uint64_t cut = 1; cut < 24; cut++) {
        sim_link(s, 1, 2, true);
        restart_from(s, 1, &whole);
        for (uint64_t i = 3; i < whole.count; i += 3)
            for (uint64_t at = whole.starts[i] + 40; at < whole.starts[i] + 60; at++)
                n->current[at] = n->synced[at] ^= 0x21;
        s->ops_cut_at = s->ops_done + cut;
        sim_start(s, 1);
        sim_wait(s, NS_PER_S);
        s->ops_cut_at = 0;
        for (int again = 0; again < 2; again++) {
            if (n->running)
                sim_power_cut(s, 1);
            sim_start(s, 1);
            sim_wait(s, 6 * NS_PER_S);
            assert_same(s, 1, 2);
            assert_false(held_back(n));
        }
        assert_int_equal(port_metric(&n->port, METRIC_LOG_HOLES), 0);
        assert_int_equal(sim_publish(s, 1, "on and on"), ERR_OK);
        sim_wait(s, 6 * NS_PER_S);
        assert_nobody_lied(s, 3);
        assert_same(s, 1, 3);
        sim_kill(s, 1);
        struct image again = image_of(n); /* the next round begins with all that it published */
        free(whole.bytes);
        whole = again;
        if (whole.count > 40)
            break;
    }
    free(whole.bytes);
    sim_free(s);
}

static void a_neighbour_that_only_claims_delays_but_does_not_stop(void **state)
{
    (void)state;
    struct sim *s = row_of_three();
    struct sim_node *n = &s->nodes[1];
    struct image whole = image_of(n);
    restart_from(s, 1, &whole);
    sim_bit_flip(n, 8 * whole.starts[whole.count - 2] + 500);
    sim_bit_flip(n, 8 * whole.starts[whole.count - 2] + 501);
    sim_link(s, 1, 3, true);
    sim_kill(s, 2); /* it is linked, and never answers */
    sim_start(s, 1);
    sim_wait(s, 20 * NS_PER_S);
    assert_true(held_back(n));
    assert_int_equal(facts_seq_of(n->facts, 1), 3);
    sim_wait(s, 20 * NS_PER_S);
    assert_false(held_back(n));
    free(whole.bytes);
    sim_free(s);
}

static void the_only_member_need_not_wait_for_anybody(void **state)
{
    (void)state;
    struct sim *s = sim_new(1, 1);
    struct sim_node *n = &s->nodes[1];
    uint8_t body[40], nothing[SIM_DISK / 64] = {0};
    struct genesis g = genesis_of(s->genesis, sizeof s->genesis, &s->crypto[0]);
    struct writer w = writer_of(body, sizeof body);
    write_u32(&w, 1);
    write_u32(&w, 1);
    write_bytes(&w, sim_keys[1], 32);
    assert_int_equal(genesis_add(&g, FACT_JOIN, 1, writer_span(&w)), ERR_OK);
    s->genesis_size = g.writer.at;
    sim_kill(s, 1);
    memset(n->current, 0, SIM_DISK);
    memset(n->synced, 0, SIM_DISK);
    n->used = 0;
    sim_start(s, 1);
    pump(s);
    (void)nothing;
    for (int i = 0; i < 3; i++)
        assert_int_equal(sim_publish(s, 1, "alone"), ERR_OK);
    pump(s);
    sim_kill(s, 1);
    n->current[n->used - 40] ^= 3;
    n->synced[n->used - 40] ^= 3;
    sim_start(s, 1);
    pump(s);
    assert_int_equal(facts_seq_of(n->facts, 1), 2);
    assert_int_equal(sim_publish(s, 1, "goes on"), ERR_OK);
    sim_free(s);
}

/* What only looks like a record, inside the body of a fact whose own record is destroyed, is not believed. */
static void a_record_within_a_record_is_not_believed(void **state)
{
    (void)state;
    struct sim *s = row_of_three();
    struct sim_node *n = &s->nodes[1];
    uint8_t forged[512], body[512];
    struct fact f = {.author = 3, .incarnation = 1, .seq = 1, .time = 1, .type = FACT_OBJECT, .body = span_text("forged")};
    const uint8_t previous[32] = {0};
    struct fact_crypto wrong = {sim_keys[2], sim_sign, sim_verify};
    assert_int_equal(fact_encode(&f, previous, &wrong, forged), ERR_OK);
    size_t size = fact_encoded_size(forged);
    uint64_t outer = n->used, inner = (outer + LOG_HEADER_SIZE + FACT_HEADER_SIZE + 7) & ~(uint64_t)7;
    size_t lead = (size_t)(inner - outer - LOG_HEADER_SIZE - FACT_HEADER_SIZE);
    memset(body, 0xcc, sizeof body);
    struct log_header h = {.type = RECORD_FACT, .epoch = 1, .index = n->facts->log.index + 2};
    log_record_write(body + lead, inner, &h, span_of(forged, size));
    sim_begin(s, n);
    assert_int_equal(facts_publish(n->facts, FACT_OBJECT, span_of(body, lead + log_record_size(size)), NULL), ERR_OK);
    sim_collect(s, n);
    pump(s);
    sim_link(s, 1, 2, false);
    sim_kill(s, 1);
    memset(n->current + outer, 0x77, 30);
    memset(n->synced + outer, 0x77, 30);
    sim_start(s, 1);
    pump(s);
    assert_int_equal(facts_seq_of(n->facts, 3), 0);
    sim_link(s, 1, 2, true);
    sim_wait(s, 6 * NS_PER_S);
    assert_int_equal(sim_publish(s, 3, "the true one"), ERR_OK);
    sim_wait(s, 6 * NS_PER_S);
    assert_same(s, 1, 3);
    assert_nobody_lied(s, 3);
    sim_free(s);
}

static void a_log_of_version_1_is_refused(void **state)
{
    (void)state;
    struct sim *s = sim_new(1, 1);
    struct sim_node *n = &s->nodes[1];
    uint8_t old[64] = {0};
    struct writer w = writer_of(old, sizeof old);
    write_hole(&w, 4);
    write_u32(&w, 8);
    write_u16(&w, 1);
    write_u16(&w, 0);
    write_u32(&w, 1);
    write_u64(&w, 1);
    write_bytes(&w, "12345678", 8);
    writer_patch_u32(&w, 0, crc32c_more(0x6e6f6374u, old + 4, w.at - 4));
    sim_kill(s, 1);
    uint8_t *image = calloc(1, SIM_DISK);
    memcpy(image, old, w.at);
    sim_disk_set(n, image, 64);
    sim_start(s, 1);
    pump(s);
    sim_wait(s, NS_PER_MINUTE);
    assert_false(n->ready);
    assert_memory_equal(n->current, image, SIM_DISK); /* and left as it was */
    assert_int_equal(sim_publish(s, 1, "no"), ERR_BUSY);
    free(image);
    sim_free(s);
}

/* No bit of the log is wrong, in any record. */
static bool log_is_clean(const struct sim_node *n)
{
    struct heap none = {0};
    struct log_walk w;
    struct log_found f;
    enum log_item item;
    log_walk_open(&w, &none, 0, n->used, 0, 0);
    do
        item = log_walk_next(&w, span_of(n->current, n->used), 0, true, &f);
    while (item == LOG_ITEM_RECORD);
    return item == LOG_ITEM_END || (f.last && !f.noisy);
}

/* Nodes crash, links come and go, and a bit flips in some log wherever the last one was mended. */
static void worlds_with_flipping_bits_heal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim *s = sim_new(4, seed);
        s->scrub_interval = 10 * NS_PER_S;
        for (int i = 0; i < 250; i++) {
            node_id a = 1 + (node_id)rng_below(&s->rng, 4), b = 1 + (node_id)rng_below(&s->rng, 4);
            struct sim_node *n = &s->nodes[a];
            uint64_t what = rng_below(&s->rng, 8);
            if (what == 0 && a != b)
                sim_link(s, a, b, !s->link[a][b]);
            else if (what == 1 && n->running && rng_chance(&s->rng, 0.5))
                rng_chance(&s->rng, 0.5) ? sim_power_cut(s, a) : sim_kill(s, a);
            else if (what == 2 && !n->running)
                sim_start(s, a);
            else if (what == 3)
                sim_wait(s, (duration_ns)rng_below(&s->rng, 20000) * NS_PER_MS);
            else if (what == 4 && n->used > 0 && log_is_clean(n))
                sim_bit_flip(n, rng_below(&s->rng, 8 * n->used));
            else if (n->running && n->ready)
                (void)!sim_publish(s, a, "news");
            if (rng_chance(&s->rng, 0.8))
                pump(s);
        }
        for (node_id id = 1; id <= 4; id++)
            if (!s->nodes[id].running)
                sim_start(s, id);
        for (node_id id = 1; id < 4; id++)
            sim_link(s, id, id + 1, true);
        sim_wait(s, 60 * NS_PER_S);
        for (node_id id = 1; id <= 4; id++) {
            assert_same(s, 1, id);
            assert_false(held_back(&s->nodes[id]));
        }
        assert_nobody_lied(s, 4);
        sim_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_bit_anywhere_is_turned_back),
        cmocka_unit_test(noise_anywhere_loses_nothing_and_makes_no_liar),
        cmocka_unit_test(what_lies_behind_a_hole_is_kept),
        cmocka_unit_test(a_torn_tail_and_rot_are_told_apart),
        cmocka_unit_test(rot_under_a_running_node_heals_without_neighbours),
        cmocka_unit_test(healing_survives_a_power_cut_at_any_operation),
        cmocka_unit_test(a_neighbour_that_only_claims_delays_but_does_not_stop),
        cmocka_unit_test(the_only_member_need_not_wait_for_anybody),
        cmocka_unit_test(a_record_within_a_record_is_not_believed),
        cmocka_unit_test(a_log_of_version_1_is_refused),
        cmocka_unit_test(worlds_with_flipping_bits_heal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
