/* The auditor alone, over chains made by hand: what an actor knew decides whether its act was legal. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "twin/audit.h"

enum { NODES = 3, FACTS_MAX = 16 };

struct story {
    struct fact facts[NODES + 1][FACTS_MAX];
    uint8_t bodies[NODES + 1][FACTS_MAX][128];
    size_t count[NODES + 1];
    size_t judged[AUDIT_PROMISES], broken[AUDIT_PROMISES];
    char what[160];
};

static bool fact_of(void *context, node_id author, uint64_t seq, struct fact *out)
{
    const struct story *s = context;
    if (seq == 0 || seq > s->count[author])
        return false;
    *out = s->facts[author][seq - 1];
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

/* The digest of "author 0 up to seq 0, author 1 up to ..." by docs/format/fact.md. */
static uint64_t knows(struct story *s, const uint64_t until[NODES + 1])
{
    struct audit a = {.context = s, .fact = fact_of, .judged = judged, .nodes = NODES};
    return audit_digest(&a, until);
}

static void tell(struct story *s, node_id author, uint16_t type, const struct writer *body, uint64_t cut)
{
    size_t at = s->count[author]++;
    memcpy(s->bodies[author][at], body->data, body->at);
    struct fact *f = &s->facts[author][at];
    *f = (struct fact){.author = author, .incarnation = author ? 1 : 0, .seq = at + 1, .time = (hlc)(author + 10 * at + 1) << 16, .cut = cut,
                       .type = type, .body = span_of(s->bodies[author][at], body->at)};
    uint64_t mark = hash64(f, offsetof(struct fact, body));
    memcpy(f->hash, &mark, sizeof mark);
}

static void admit(struct story *s, node_id node, bool satellite)
{
    uint8_t bytes[64];
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u8(&w, 1);
    write_u32(&w, node);
    write_u32(&w, 1);
    write_u8(&w, satellite ? 0 : 1);
    tell(s, NODE_ROOT, FACT_JOIN, &w, 0);
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

static void award(struct story *s, node_id author, node_id sink, uint32_t epoch, node_id owner, uint64_t cut)
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
    tell(s, author, FACT_AWARD, &w, cut);
}

static void begin(struct story *s)
{
    memset(s, 0, sizeof *s);
    admit(s, 1, false);
    admit(s, 2, true);
    admit(s, 3, true);
}

static void replay(struct story *s, node_id actor, const struct audit_step *steps, size_t count, struct audit *a)
{
    *a = (struct audit){.context = s, .fact = fact_of, .judged = judged, .nodes = NODES};
    audit_actor_replay(a, &(struct audit_actor){actor, steps, count});
}

static void a_sink_may_award_once_and_not_again_while_the_lease_stands(void **state)
{
    static struct story s;
    struct audit a;
    (void)state;
    begin(&s);
    task(&s, 1, knows(&s, (uint64_t[]){3, 0, 0, 0}));
    award(&s, 1, 1, 1, 2, knows(&s, (uint64_t[]){3, 1, 0, 0}));
    const struct audit_step steps[] = {{0, 3, 1}, {1, 2, 2}, {1, 3, 3}};
    replay(&s, 1, steps, 2, &a);
    assert_int_equal(a.facts, 2);
    assert_int_equal(a.cuts_exact, 2);
    assert_int_equal(s.broken[AUDIT_I2] + s.broken[AUDIT_I4] + s.broken[AUDIT_I6], 0);
    assert_true(s.judged[AUDIT_I2] > 0 && s.judged[AUDIT_I4] > 0 && s.judged[AUDIT_I6] > 0);
    award(&s, 1, 1, 2, 3, knows(&s, (uint64_t[]){3, 2, 0, 0}));
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
    task(&s, 1, knows(&s, (uint64_t[]){3, 0, 0, 0}));
    write_u32(&w, 2); /* the root retires node 2 */
    write_u32(&w, 1);
    tell(&s, NODE_ROOT, FACT_LEAVE, &w, 0);
    award(&s, 1, 1, 1, 2, knows(&s, (uint64_t[]){3, 1, 0, 0})); /* signed without knowing it */
    const struct audit_step late[] = {{0, 3, 1}, {1, 1, 2}, {0, 4, 3}, {1, 2, 3}};
    replay(&s, 1, late, 4, &a);
    assert_int_equal(a.cuts_exact, 2); /* the order within a step is found by the cut */
    assert_int_equal(s.broken[AUDIT_I2], 0);
    s.count[1] = 1;
    award(&s, 1, 1, 1, 2, knows(&s, (uint64_t[]){4, 1, 0, 0})); /* knowing it */
    replay(&s, 1, late, 4, &a);
    assert_true(s.broken[AUDIT_I2] > 0);
}

static void an_epoch_that_stands_and_a_stranger_are_found(void **state)
{
    static struct story s;
    struct audit a;
    (void)state;
    begin(&s);
    task(&s, 1, knows(&s, (uint64_t[]){3, 0, 0, 0}));
    award(&s, 3, 1, 2, 3, knows(&s, (uint64_t[]){3, 1, 0, 0})); /* epoch 2 without an epoch 1, by neither sink nor successor */
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
    convict_and_return(&s, 1, knows(&s, (uint64_t[]){3, 0, 0, 0})); /* did not know it */
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
        s.facts[2][0].cut = knows(&s, (uint64_t[]){3, 0, 0, 1}); /* knew it */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sink_may_award_once_and_not_again_while_the_lease_stands),
        cmocka_unit_test(what_the_actor_could_not_know_is_no_violation),
        cmocka_unit_test(an_epoch_that_stands_and_a_stranger_are_found),
        cmocka_unit_test(a_return_must_end_the_conviction_that_its_author_surely_knew),
        cmocka_unit_test(an_unknown_cut_is_judged_by_form_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
