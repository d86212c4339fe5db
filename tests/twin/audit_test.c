/* The auditor alone, over chains made by hand: what an actor knew decides whether its act was legal. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "twin/audit.h"

enum { NODES = 3, AGAIN = NODES + 1 /* node 3, replaced */, CHAINS, FACTS_MAX = 16 };

static const struct audit_chain chains[CHAINS] = {{0, 0}, {1, 1}, {2, 1}, {3, 1}, {3, 2}};

struct story {
    struct fact facts[CHAINS][FACTS_MAX];
    uint8_t bodies[CHAINS][FACTS_MAX][256];
    size_t count[CHAINS];
    size_t judged[AUDIT_PROMISES], broken[AUDIT_PROMISES];
    char what[160];
};

static bool fact_of(void *context, uint32_t chain, uint64_t seq, struct fact *out)
{
    const struct story *s = context;
    if (seq == 0 || seq > s->count[chain])
        return false;
    *out = s->facts[chain][seq - 1];
    return true;
}

static void judged(void *context, enum audit_promise p, bool kept, const struct fact *f, const char *what)
{
    struct story *s = context;
    (void)f;
    s->judged[p]++;
    if (!kept && s->broken[p]++ == 0)
        snprintf(s->what, sizeof s->what, "%s", what);
}

/* The digest of "chain 0 up to seq 0, chain 1 up to ..." by docs/format/fact.md. */
static uint64_t knows(struct story *s, const uint64_t until[CHAINS])
{
    struct audit a = {.context = s, .fact = fact_of, .judged = judged, .nodes = NODES, .chains = chains, .chain_count = CHAINS};
    return audit_digest(&a, until);
}

static void tell(struct story *s, uint32_t chain, uint16_t type, const struct writer *body, uint64_t cut)
{
    size_t at = s->count[chain]++;
    memcpy(s->bodies[chain][at], body->data, body->at);
    struct fact *f = &s->facts[chain][at];
    *f = (struct fact){.author = chains[chain].author, .incarnation = chains[chain].incarnation, .seq = at + 1,
                       .time = (hlc)(chain + 10 * at + 1) << 16, .cut = cut, .type = type, .body = span_of(s->bodies[chain][at], body->at)};
    uint64_t mark = hash64(f, offsetof(struct fact, body));
    memcpy(f->hash, &mark, sizeof mark);
}

static void admit_as(struct story *s, node_id node, uint32_t incarnation, bool satellite)
{
    uint8_t bytes[64];
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u8(&w, 1);
    write_u32(&w, node);
    write_u32(&w, incarnation);
    write_u8(&w, satellite ? 0 : 1);
    tell(s, NODE_ROOT, FACT_JOIN, &w, 0);
}

static void admit(struct story *s, node_id node, bool satellite)
{
    admit_as(s, node, 1, satellite);
}

static struct uid task_by(node_id sink)
{
    struct uid id = {{0}};
    struct writer w = writer_of(id.bytes, sizeof id.bytes);
    write_u64_be(&w, 77);
    write_u32_be(&w, sink);
    write_u32_be(&w, 1);
    return id;
}

static void task(struct story *s, node_id sink, uint64_t cut)
{
    uint8_t bytes[32];
    struct uid id = task_by(sink);
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u8(&w, 1);
    write_bytes(&w, id.bytes, sizeof id.bytes);
    tell(s, sink, FACT_TASK, &w, cut);
}

static void award(struct story *s, uint32_t chain, node_id sink, uint32_t epoch, node_id owner, uint64_t cut)
{
    uint8_t bytes[64];
    struct uid id = task_by(sink);
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u8(&w, 1);
    write_bytes(&w, id.bytes, sizeof id.bytes);
    write_u32(&w, epoch);
    write_u32(&w, owner);
    write_u32(&w, NODE_NONE);
    write_u32(&w, NODE_NONE);
    write_u64(&w, 0);
    write_u64(&w, (uint64_t)NS_PER_DAY);
    tell(s, chain, FACT_AWARD, &w, cut);
}

static void begin(struct story *s)
{
    memset(s, 0, sizeof *s);
    admit(s, 1, false);
    admit(s, 2, true);
    admit(s, 3, true);
}

static void replay(struct story *s, uint32_t actor, const struct audit_step *steps, size_t count, struct audit *a)
{
    *a = (struct audit){.context = s, .fact = fact_of, .judged = judged, .nodes = NODES, .chains = chains, .chain_count = CHAINS};
    audit_actor_replay(a, &(struct audit_actor){actor, steps, count});
}

static void a_sink_may_award_once_and_not_again_while_the_lease_stands(void **state)
{
    static struct story s;
    struct audit a;
    (void)state;
    begin(&s);
    task(&s, 1, knows(&s, (uint64_t[CHAINS]){3, 0, 0, 0}));
    award(&s, 1, 1, 1, 2, knows(&s, (uint64_t[CHAINS]){3, 1, 0, 0}));
    const struct audit_step steps[] = {{0, 3, 1}, {1, 2, 2}, {1, 3, 3}};
    replay(&s, 1, steps, 2, &a);
    assert_int_equal(a.facts, 2);
    assert_int_equal(a.cuts_exact, 2);
    assert_int_equal(s.broken[AUDIT_I2] + s.broken[AUDIT_I4] + s.broken[AUDIT_I6], 0);
    assert_true(s.judged[AUDIT_I2] > 0 && s.judged[AUDIT_I4] > 0 && s.judged[AUDIT_I6] > 0);
    award(&s, 1, 1, 2, 3, knows(&s, (uint64_t[CHAINS]){3, 2, 0, 0}));
    replay(&s, 1, steps, 3, &a);
    assert_int_equal(s.broken[AUDIT_I2], 1);
    assert_non_null(strstr(s.what, "lease it knows stands"));
}

static void what_the_actor_could_not_know_is_no_violation(void **state)
{
    static struct story s;
    struct audit a;
    (void)state;
    begin(&s);
    uint8_t bytes[16];
    struct writer w = writer_of(bytes, sizeof bytes);
    task(&s, 1, knows(&s, (uint64_t[CHAINS]){3, 0, 0, 0}));
    write_u32(&w, 2); /* the root retires node 2 */
    write_u32(&w, 1);
    tell(&s, NODE_ROOT, FACT_LEAVE, &w, 0);
    award(&s, 1, 1, 1, 2, knows(&s, (uint64_t[CHAINS]){3, 1, 0, 0})); /* signed without knowing it */
    const struct audit_step late[] = {{0, 3, 1}, {1, 1, 2}, {0, 4, 3}, {1, 2, 3}};
    replay(&s, 1, late, 4, &a);
    assert_int_equal(a.cuts_exact, 2); /* the order within a step is found by the cut */
    assert_int_equal(s.broken[AUDIT_I2], 0);
    s.count[1] = 1;
    award(&s, 1, 1, 1, 2, knows(&s, (uint64_t[CHAINS]){4, 1, 0, 0})); /* knowing it */
    replay(&s, 1, late, 4, &a);
    assert_true(s.broken[AUDIT_I2] > 0);
}

static void an_epoch_that_stands_and_a_stranger_are_found(void **state)
{
    static struct story s;
    struct audit a;
    (void)state;
    begin(&s);
    task(&s, 1, knows(&s, (uint64_t[CHAINS]){3, 0, 0, 0}));
    award(&s, 3, 1, 2, 3, knows(&s, (uint64_t[CHAINS]){3, 1, 0, 0})); /* epoch 2 without an epoch 1, by neither sink nor successor */
    const struct audit_step steps[] = {{0, 3, 1}, {1, 1, 2}, {3, 1, 3}};
    replay(&s, 3, steps, 3, &a);
    assert_int_equal(s.broken[AUDIT_I6], 1);
    assert_int_equal(s.broken[AUDIT_I4], 1);
}

static void convict_and_return(struct story *s, uint32_t life, uint64_t cut)
{
    uint8_t bytes[32];
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u32(&w, 2); /* node 3 convicts life 4 of node 2: the next that counts is 5 */
    write_u32(&w, 4);
    write_u8(&w, 0);
    tell(s, 3, FACT_CONVICT, &w, 12345);
    w = writer_of(bytes, sizeof bytes);
    write_u32(&w, 2);
    write_u32(&w, life);
    tell(s, 2, FACT_RETURN, &w, cut);
}

static void a_return_must_end_the_conviction_that_its_author_surely_knew(void **state)
{
    static struct story s;
    struct audit a;
    (void)state;
    const struct audit_step steps[] = {{0, 3, 1}, {3, 1, 2}, {2, 1, 2}};
    begin(&s);
    convict_and_return(&s, 1, knows(&s, (uint64_t[CHAINS]){3, 0, 0, 0})); /* did not know it */
    replay(&s, 2, steps, 3, &a);
    assert_int_equal(a.cuts_exact, 1);
    assert_int_equal(s.broken[AUDIT_I2], 0);
    begin(&s);
    convict_and_return(&s, 1, 67890); /* nobody can tell: a chain that it held is gone with a lost node */
    replay(&s, 2, steps, 3, &a);
    assert_int_equal(a.cuts_exact, 0);
    assert_int_equal(s.broken[AUDIT_I2], 0);
    for (uint32_t life = 4; life <= 5; life++) {
        begin(&s);
        convict_and_return(&s, life, 0);
        s.facts[2][0].cut = knows(&s, (uint64_t[CHAINS]){3, 0, 0, 1}); /* knew it */
        replay(&s, 2, steps, 3, &a);
        assert_int_equal(a.cuts_exact, 1);
        assert_int_equal(s.broken[AUDIT_I2], life == 4);
    }
}

static void an_unknown_cut_is_judged_by_form_alone(void **state)
{
    static struct story s;
    struct audit a;
    (void)state;
    begin(&s);
    task(&s, 1, 12345);
    award(&s, 1, 1, 9, 2, 67890);
    const struct audit_step steps[] = {{0, 3, 1}, {1, 2, 2}};
    replay(&s, 1, steps, 2, &a);
    assert_int_equal(a.facts, 2);
    assert_int_equal(a.cuts_exact, 0);
    assert_int_equal(s.broken[AUDIT_I2] + s.broken[AUDIT_I4] + s.broken[AUDIT_I6], 0);
}

/* Node 3 was lost and replaced: what its second incarnation holds of the first one's chain is part of what it knows. */
static void a_replaced_member_is_judged_by_all_that_it_knows(void **state)
{
    static struct story s;
    struct audit a;
    (void)state;
    begin(&s);
    task(&s, 3, knows(&s, (uint64_t[CHAINS]){3}));
    admit_as(&s, 3, 2, true);
    award(&s, AGAIN, 3, 1, 2, knows(&s, (uint64_t[CHAINS]){4, 0, 0, 1}));
    const struct audit_step steps[] = {{0, 4, 1}, {3, 1, 2}, {AGAIN, 1, 3}, {AGAIN, 2, 4}};
    replay(&s, AGAIN, steps, 3, &a);
    assert_int_equal(a.cuts_exact, 1);
    assert_int_equal(s.broken[AUDIT_I2] + s.broken[AUDIT_I4] + s.broken[AUDIT_I6] + s.broken[AUDIT_I9], 0);
    award(&s, AGAIN, 3, 2, 2, knows(&s, (uint64_t[CHAINS]){4, 0, 0, 1, 1}));
    replay(&s, AGAIN, steps, 4, &a);
    assert_int_equal(a.cuts_exact, 2);
    assert_int_equal(s.broken[AUDIT_I2], 1); /* the lease stands */
}

static void prove(struct story *s, uint32_t chain, node_id liar, uint32_t incarnation, uint64_t twice, uint64_t cut)
{
    uint8_t bytes[128];
    struct writer w = writer_of(bytes, sizeof bytes);
    for (uint32_t version = 0; version < 2; version++) {
        write_u32(&w, 32);
        write_u32(&w, 0x10146); /* F, version 1, type */
        write_u32(&w, liar);
        write_u32(&w, incarnation);
        write_u32(&w, 0);
        write_u64(&w, twice);
        write_u64(&w, version);
    }
    tell(s, chain, FACT_PROOF, &w, cut);
}

/* A proof is about an incarnation: the member that took its place may be relied on. And it cuts what counts of the liar's chain. */
static void a_proof_speaks_of_one_incarnation_and_cuts_its_chain(void **state)
{
    static struct story s;
    struct audit a;
    (void)state;
    const struct audit_step steps[] = {{0, 3, 1}, {3, 2, 2}, {1, 4, 3}};
    const struct audit_step after[] = {{0, 3, 1}, {3, 2, 2}, {1, 2, 3}, {0, 4, 4}, {1, 4, 5}};
    for (int replaced = 0; replaced < 2; replaced++) {
        begin(&s);
        task(&s, 3, 0);
        task(&s, 3, 0);
        task(&s, 1, knows(&s, (uint64_t[CHAINS]){3, 0, 0, 2}));
        prove(&s, 1, 3, 1, 2, knows(&s, (uint64_t[CHAINS]){3, 1, 0, 1}));
        if (replaced)
            admit_as(&s, 3, 2, true);
        award(&s, 1, 1, 1, 3, knows(&s, (uint64_t[CHAINS]){replaced ? 4 : 3, 2, 0, 1}));
        task(&s, 1, knows(&s, (uint64_t[CHAINS]){replaced ? 4 : 3, 3, 0, 1}));
        replay(&s, 1, replaced ? after : steps, replaced ? 5 : 3, &a);
        assert_int_equal(a.facts, 4);
        assert_int_equal(a.cuts_exact, 4);
        assert_int_equal(s.broken[AUDIT_I9], !replaced);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sink_may_award_once_and_not_again_while_the_lease_stands),
        cmocka_unit_test(what_the_actor_could_not_know_is_no_violation),
        cmocka_unit_test(an_epoch_that_stands_and_a_stranger_are_found),
        cmocka_unit_test(a_return_must_end_the_conviction_that_its_author_surely_knew),
        cmocka_unit_test(a_replaced_member_is_judged_by_all_that_it_knows),
        cmocka_unit_test(a_proof_speaks_of_one_incarnation_and_cuts_its_chain),
        cmocka_unit_test(an_unknown_cut_is_judged_by_form_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
