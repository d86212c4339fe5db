/*
 * The rules: may a node that knows this say that? One function per kind of act; each verdict names its promise.
 *
 * Form (who may speak, whether the body decodes, whether epochs grow along the author's own chain) is judged always; what depends
 * on knowledge only when the knowledge cut was found to the last fact.
 */
#include "twin/audit_state.h"

#include <stdio.h>
#include <string.h>

static bool say(struct audit_state *s, enum audit_promise p, bool kept, const struct fact *f, const char *what)
{
    s->audit->judged(s->audit->context, p, kept, f, what);
    return kept;
}

/* An act that relies on `id`: a proven liar may not be relied on (I9), nor a node that is gone or none (I2). */
static void relies_on(struct audit_state *s, node_id id, const struct fact *f, const char *what)
{
    const struct audit_member *m = audit_member(s, id);
    say(s, AUDIT_I2, m && m->joined && !audit_member_left(m), f, what);
    say(s, AUDIT_I9, !m || !audit_member_lied(m), f, what);
}

/* ---- members ----------------------------------------------------------------------------------------------------------------- */

static void judge_suspect(struct audit_state *s, const struct fact *f)
{
    struct reader r = reader_of(f->body.data, f->body.size);
    node_id about = read_u32(&r);
    uint32_t life = read_u32(&r);
    const struct audit_member *m = audit_member(s, about);
    say(s, AUDIT_I2, m && m->joined && about != f->author && life == m->life, f, "a suspicion of a node or a life that it does not know");
}

static bool cited_stands(struct audit_state *s, const struct audit_convict *v, struct reader *at)
{
    node_id observer = read_u32(at);
    uint32_t chain = audit_chain_of(s->audit, observer, read_u32(at));
    uint64_t seq = read_u64(at);
    struct fact cited;
    if (!reader_ok(at) || chain == AUDIT_CHAIN_NONE || s->held[chain] < seq || !audit_member_alive(s, observer) ||
        !s->audit->fact(s->audit->context, chain, seq, &cited) || cited.type != FACT_SUSPECT)
        return false;
    struct reader r = reader_of(cited.body.data, cited.body.size);
    node_id about = read_u32(&r);
    uint32_t life = read_u32(&r);
    bool withdrawn = read_u8(&r) != 0;
    const struct audit_suspicion *latest = map_find_u64(&s->suspicions, (uint64_t)about << 32 | observer);
    return about == v->node && life == v->life && !withdrawn && latest && latest->seq == seq && latest->incarnation == cited.incarnation;
}

static void judge_convict(struct audit_state *s, const struct fact *f)
{
    struct audit_convict v;
    bool stands = audit_read_convict(f->body, &v) && v.node != f->author && v.cited > 0;
    for (uint8_t i = 0; stands && i < v.cited; i++)
        stands = cited_stands(s, &v, &v.at);
    say(s, AUDIT_I2, stands, f, "a conviction without the suspicions that it cites");
}

/* Lives grow along the author's own chain; which convictions it knew of, only exact knowledge tells. */
static void judge_return(struct audit_state *s, const struct fact *f, bool exact)
{
    struct reader r = reader_of(f->body.data, f->body.size);
    uint32_t boot = read_u32(&r), life = read_u32(&r);
    const struct audit_member *m = audit_member(s, f->author);
    say(s, AUDIT_I6, m && life > m->life && boot >= m->boot, f, "a return whose life or boot count does not grow");
    if (exact)
        say(s, AUDIT_I2, m && life >= m->convicted_lives, f, "a return that does not end the conviction it knows of");
}

/* ---- objects ----------------------------------------------------------------------------------------------------------------- */

static bool below(const struct audit_policy *p, uint8_t copies, uint8_t where)
{
    return p->copies < copies || p->where < where;
}

static void judge_policy(struct audit_state *s, struct span bucket, const struct audit_policy *p, const struct fact *f)
{
    const struct audit_bucket *b = map_find(&s->buckets, bucket);
    if (say(s, AUDIT_I2, b != NULL, f, "an object in a bucket that its author does not know"))
        say(s, AUDIT_I2, !below(p, b->copies, b->where), f, "a policy below that of its bucket");
}

static void judge_record(struct audit_state *s, struct audit_record *record, const struct fact *f)
{
    struct audit_run run;
    while (audit_run_next(record, &run)) {
        uint8_t alive = 0;
        for (uint8_t i = 0; i < run.nodes; i++) {
            relies_on(s, run.node[i], f, "a copy on a node that is none, has left, or is proven to lie");
            alive = (uint8_t)(alive + (run.node[i] == f->author || audit_member_alive(s, run.node[i])));
            for (uint8_t k = 0; k < i; k++)
                say(s, AUDIT_I2, run.node[k] != run.node[i], f, "two copies on one node");
        }
        bool enough = record->policy.best_effort ? run.nodes > 0 : alive >= record->policy.copies;
        say(s, AUDIT_I2, enough, f, "fewer live holders than the policy wants");
    }
}

static void judge_object(struct audit_state *s, const struct fact *f)
{
    struct audit_object o;
    if (!say(s, AUDIT_I2, audit_read_object(f->body, &o), f, "a malformed OBJECT"))
        return;
    judge_policy(s, o.bucket, &o.policy, f);
    if (o.inlined && o.size > 0)
        judge_record(s, &o.record, f);
    struct uid part;
    for (uint32_t i = 0; !o.inlined && i < o.parts; i++) {
        read_bytes(&o.references, part.bytes, sizeof part.bytes);
        read_u64(&o.references);
        say(s, AUDIT_I2, map_find(&s->parts, uid_span(&part)) != NULL, f, "an object of parts that its author does not know");
    }
}

static void judge_part(struct audit_state *s, const struct fact *f)
{
    struct audit_record record;
    struct uid upload;
    if (say(s, AUDIT_I2, audit_read_part(f->body, &upload, &record), f, "a malformed PART"))
        judge_record(s, &record, f);
}

static void judge_copy(struct audit_state *s, const struct fact *f)
{
    struct uid part;
    node_id node;
    bool added;
    if (!say(s, AUDIT_I2, audit_read_copy(f->body, &part, &node, &added), f, "a malformed COPY"))
        return;
    say(s, AUDIT_I2, map_find(&s->parts, uid_span(&part)) != NULL, f, "a copy of a part that its author does not know");
    if (added)
        relies_on(s, node, f, "a new copy on a node that is none, has left, or is proven to lie");
    else
        say(s, AUDIT_I2, node == f->author, f, "a copy taken back by another node than its holder");
}

/* ---- tasks -------------------------------------------------------------------------------------------------------------------- */

static bool lease_is_dead(struct audit_state *s, struct uid id, const struct audit_lease *l, const struct fact *f)
{
    const struct audit_attempt *a = audit_attempt(s, id, l->epoch, l->owner, false);
    if (a && a->ended) /* SYSTEM_ERROR or PREEMPTED: the next epoch may come (docs/format/task.md) */
        return a->state == 7 || a->state == 9;
    return !audit_member_alive(s, l->owner) || hlc_time(f->time) - hlc_time(l->time) > l->duration;
}

static void judge_award(struct audit_state *s, const struct fact *f)
{
    struct audit_award a;
    if (!say(s, AUDIT_I2, audit_read_award(f->body, &a), f, "a malformed AWARD"))
        return;
    const struct audit_task *t = map_find(&s->tasks, uid_span(&a.id));
    if (!say(s, AUDIT_I2, t && t->known && t->receipts == 0 && !t->stood_in && !t->cancelled, f, "an award of a task that is unknown, ended or cancelled"))
        return;
    const struct audit_lease *l = &t->lease;
    node_id sink = uid_node(a.id);
    say(s, AUDIT_I6, a.epoch == l->epoch + 1, f, "an award whose epoch is not the next after the one it knows");
    say(s, AUDIT_I2, l->epoch == 0 || lease_is_dead(s, a.id, l, f), f, "an award while the lease it knows stands");
    bool manages = f->author == sink || !audit_member_alive(s, sink);
    bool succeeds = a.owner == f->author && (l->successors[0] == f->author || l->successors[1] == f->author);
    say(s, AUDIT_I4, manages || succeeds, f, "an award by a node that is neither manager nor named successor");
    relies_on(s, a.owner, f, "an award to a node that is none, has left, or is proven to lie");
    const struct audit_member *owner = audit_member(s, a.owner);
    say(s, AUDIT_I2, owner && owner->satellite && (a.owner == f->author || audit_member_alive(s, a.owner)), f,
        "an award to a node that cannot run it, or that it knows to be dead");
}

static void judge_report(struct audit_state *s, const struct fact *f)
{
    struct audit_report p;
    if (!say(s, AUDIT_I2, audit_read_report(f->body, &p), f, "a malformed TASK_STATE or TASK_RESULT"))
        return;
    const struct audit_attempt *a = audit_attempt(s, p.id, p.epoch, f->author, false);
    say(s, AUDIT_I2, a && a->awarded, f, "a report of an attempt that nobody awarded to it");
}

/* Along the author's own chain the epochs of a task that it works on never fall: what fences its lanes. */
static void judge_report_epoch(struct audit_state *s, const struct fact *f)
{
    struct audit_report p;
    const struct audit_task *t = audit_read_report(f->body, &p) ? map_find(&s->tasks, uid_span(&p.id)) : NULL;
    bool falls = t && p.epoch < t->reported_epoch && f->type == FACT_TASK_STATE && p.state != 8; /* CANCELED of an old one may be late */
    say(s, AUDIT_I6, !falls, f, "work under an older epoch than it worked under before");
}

/* docs/protocol/compute.md: proven to lie, gone, or convicted for an hour by what the author knew (a minute for its clock). */
static bool may_stand_in(const struct audit_state *s, node_id sink, const struct fact *f)
{
    const struct audit_member *m = audit_member(s, sink);
    bool convicted = m && m->convicted_lives > m->life;
    return m && (audit_member_lied(m) || audit_member_left(m) || (convicted && hlc_time(f->time) - m->convicted_at >= 59 * NS_PER_MINUTE));
}

static void judge_receipt(struct audit_state *s, const struct fact *f, bool exact)
{
    struct audit_report p;
    if (!say(s, AUDIT_I2, audit_read_receipt(f->body, &p), f, "a malformed TASK_RECEIPT"))
        return;
    node_id sink = uid_node(p.id);
    if (sink == f->author || exact)
        say(s, AUDIT_I4, sink == f->author || may_stand_in(s, sink, f), f, "a result accepted by a node that is not the sink, while that is not gone");
    const struct audit_task *t = map_find(&s->tasks, uid_span(&p.id));
    say(s, AUDIT_I3, !t || t->receipts == 0 || uid_node(p.id) != f->author, f, "a second receipt of one task");
    if (!exact)
        return;
    const struct audit_attempt *a = audit_attempt(s, p.id, p.epoch, p.node, false);
    bool founded = p.state == 8   ? t && t->cancelled                                   /* CANCELED */
                   : p.state == 5 ? a && a->awarded && a->ended && a->state == 5        /* COMPLETE */
                   : p.state == 6 ? a && a->ended && a->state == 6                      /* EXECUTOR_ERROR */
                                  : p.state == 7;                                       /* SYSTEM_ERROR: given up */
    const struct audit_member *liar = audit_member(s, sink);
    bool cut_off = p.state == 7 && liar && (audit_member_lied(liar) || audit_member_left(liar)); /* its specification, with a liar's chain */
    say(s, AUDIT_I3, !t || (!t->stood_in && t->receipts == 0), f, "a receipt of a task that has ended, as its author knew");
    say(s, AUDIT_I2, t && (t->known || cut_off) && founded, f, "a receipt that no result it knows of founds");
    if (p.state == 5 && a) {
        const struct audit_member *m = audit_member(s, p.node);
        say(s, AUDIT_I9, m && (!audit_member_lied(m) || a->ended), f, "a result of a proven liar that was not witnessed before");
    }
}

/* ---- all ----------------------------------------------------------------------------------------------------------------------- */

static void judge_known(struct audit_state *s, const struct fact *f)
{
    switch (f->type) {
    case FACT_SUSPECT:
        judge_suspect(s, f);
        break;
    case FACT_CONVICT:
        judge_convict(s, f);
        break;
    case FACT_OBJECT:
        judge_object(s, f);
        break;
    case FACT_PART:
        judge_part(s, f);
        break;
    case FACT_COPY:
        judge_copy(s, f);
        break;
    case FACT_AWARD:
        judge_award(s, f);
        break;
    case FACT_TASK_STATE:
    case FACT_TASK_RESULT:
        judge_report(s, f);
        break;
    default:
        break;
    }
}

void audit_judge(struct audit_state *s, const struct fact *f, bool exact)
{
    if (f->type == FACT_JOIN || f->type == FACT_LEAVE)
        say(s, AUDIT_I2, f->author == NODE_ROOT, f, "an admission or a retirement by a node that is not the root");
    if (f->type == FACT_RETURN)
        judge_return(s, f, exact);
    if (f->type == FACT_TASK_STATE)
        judge_report_epoch(s, f);
    if (f->type == FACT_TASK_RECEIPT)
        judge_receipt(s, f, exact);
    if (exact)
        judge_known(s, f);
}
