/*
 * The auditor's own fold: the least that the rules need, from bodies that it decoded itself.
 */
#include "twin/audit_state.h"

#include <string.h>

struct audit_member *audit_member(const struct audit_state *s, node_id id)
{
    return id != NODE_NONE && id <= s->audit->nodes ? &s->members[id] : NULL;
}

bool audit_member_alive(const struct audit_state *s, node_id id)
{
    const struct audit_member *m = audit_member(s, id);
    return m && m->joined && !audit_member_left(m) && !audit_member_lied(m) && m->convicted_lives <= m->life;
}

/* What was said of an incarnation does not hold for the next one (docs/protocol/membership.md). */
bool audit_member_left(const struct audit_member *m)
{
    return m->left >= m->joined && m->left > 0;
}

bool audit_member_lied(const struct audit_member *m)
{
    return m->lied >= m->joined && m->lied > 0;
}

struct audit_attempt *audit_attempt(struct audit_state *s, struct uid id, uint32_t epoch, node_id node, bool make)
{
    uint8_t key[24];
    struct writer w = writer_of(key, sizeof key);
    write_bytes(&w, id.bytes, sizeof id.bytes);
    write_u32_be(&w, epoch);
    write_u32_be(&w, node);
    return make ? map_put(&s->attempts, writer_span(&w), NULL) : map_find(&s->attempts, writer_span(&w));
}

static void fold_join(struct audit_state *s, const struct fact *f)
{
    struct reader r = reader_of(f->body.data, f->body.size);
    read_u8(&r);
    struct audit_member *m = audit_member(s, read_u32(&r));
    uint32_t incarnation = read_u32(&r);
    uint8_t role = read_u8(&r);
    if (!m || !reader_ok(&r) || f->author != NODE_ROOT || incarnation < m->joined)
        return;
    m->joined = incarnation;
    m->satellite = role == 0;
}

static void fold_leave(struct audit_state *s, const struct fact *f)
{
    struct reader r = reader_of(f->body.data, f->body.size);
    struct audit_member *m = audit_member(s, read_u32(&r));
    uint32_t incarnation = read_u32(&r);
    if (m && reader_ok(&r) && f->author == NODE_ROOT)
        m->left = MAX(m->left, incarnation);
}

static void fold_suspect(struct audit_state *s, const struct fact *f)
{
    struct reader r = reader_of(f->body.data, f->body.size);
    node_id about = read_u32(&r);
    uint32_t life = read_u32(&r);
    bool withdrawn = read_u8(&r) != 0;
    struct audit_suspicion *v = reader_ok(&r) ? map_put_u64(&s->suspicions, (uint64_t)about << 32 | f->author, NULL) : NULL;
    if (v && (f->incarnation > v->incarnation || (f->incarnation == v->incarnation && f->seq > v->seq)))
        *v = (struct audit_suspicion){f->seq, f->incarnation, life, withdrawn};
}

static void fold_convict(struct audit_state *s, const struct fact *f)
{
    struct audit_convict v;
    struct audit_member *m = audit_read_convict(f->body, &v) ? audit_member(s, v.node) : NULL;
    if (!m || v.node == f->author)
        return;
    if (v.life + 1 > m->convicted_lives)
        m->convicted_at = hlc_time(f->time);
    if (v.life + 1 == m->convicted_lives)
        m->convicted_at = MIN(m->convicted_at, hlc_time(f->time));
    m->convicted_lives = MAX(m->convicted_lives, v.life + 1);
}

static void fold_return(struct audit_state *s, const struct fact *f)
{
    struct reader r = reader_of(f->body.data, f->body.size);
    uint32_t boot = read_u32(&r), life = read_u32(&r);
    struct audit_member *m = audit_member(s, f->author);
    if (!m || !reader_ok(&r))
        return;
    m->life = MAX(m->life, life);
    m->boot = MAX(m->boot, boot);
}

static void fold_proof(struct audit_state *s, const struct fact *f)
{
    uint32_t chain;
    uint64_t twice;
    if (!audit_proof(s->audit, f, &chain, &twice))
        return;
    struct audit_member *m = audit_member(s, s->audit->chains[chain].author);
    if (m)
        m->lied = MAX(m->lied, s->audit->chains[chain].incarnation);
    audit_chain_limit(s, chain, twice - 1);
}

static void fold_bucket(struct audit_state *s, const struct fact *f)
{
    struct span name;
    struct audit_policy p;
    struct audit_bucket *b = audit_read_bucket(f->body, &name, &p) ? map_put(&s->buckets, name, NULL) : NULL;
    if (!b)
        return;
    b->copies = b->instances ? MIN(b->copies, p.copies) : p.copies;
    b->where = b->instances ? MIN(b->where, p.where) : p.where;
    b->instances++;
}

static void part_know(struct audit_state *s, struct uid part)
{
    (void)map_put(&s->parts, uid_span(&part), NULL);
}

static void fold_award(struct audit_state *s, const struct fact *f)
{
    struct audit_award a;
    struct audit_task *t = audit_read_award(f->body, &a) ? map_put(&s->tasks, uid_span(&a.id), NULL) : NULL;
    if (!t)
        return;
    audit_attempt(s, a.id, a.epoch, a.owner, true)->awarded = true;
    if (a.epoch > t->lease.epoch || (a.epoch == t->lease.epoch && f->author < t->lease.author))
        t->lease = (struct audit_lease){a.epoch, f->author, a.owner, {a.successors[0], a.successors[1]}, a.lease, f->time};
}

static void fold_report(struct audit_state *s, const struct fact *f)
{
    struct audit_report p;
    struct audit_task *t = audit_read_report(f->body, &p) ? map_put(&s->tasks, uid_span(&p.id), NULL) : NULL;
    struct audit_attempt *a = t ? audit_attempt(s, p.id, p.epoch, f->author, true) : NULL;
    if (!a || a->ended)
        return;
    a->reported = true;
    a->ended = f->type == FACT_TASK_RESULT;
    a->state = p.state;
    if (f->author == s->self.author && f->incarnation == s->self.incarnation)
        t->reported_epoch = MAX(t->reported_epoch, p.epoch);
}

static void fold_task(struct audit_state *s, const struct fact *f)
{
    struct uid id;
    struct audit_task *t = audit_read_uid(f->body, &id) ? map_put(&s->tasks, uid_span(&id), NULL) : NULL;
    if (!t)
        return;
    t->known = t->known || f->type == FACT_TASK;
    t->cancelled = t->cancelled || f->type == FACT_TASK_CANCEL;
    t->receipts += f->type == FACT_TASK_RECEIPT && f->author == uid_node(id);
    t->stood_in = t->stood_in || (f->type == FACT_TASK_RECEIPT && f->author != uid_node(id));
}

static void fold_object(struct audit_state *s, const struct fact *f)
{
    struct audit_object o;
    struct audit_record record;
    struct uid upload;
    if (f->type == FACT_OBJECT && audit_read_object(f->body, &o) && o.inlined)
        part_know(s, o.record.part);
    if (f->type == FACT_PART && audit_read_part(f->body, &upload, &record))
        part_know(s, record.part);
}

void audit_fold(struct audit_state *s, const struct fact *f)
{
    switch (f->type) {
    case FACT_JOIN:
        fold_join(s, f);
        break;
    case FACT_LEAVE:
        fold_leave(s, f);
        break;
    case FACT_SUSPECT:
        fold_suspect(s, f);
        break;
    case FACT_CONVICT:
        fold_convict(s, f);
        break;
    case FACT_RETURN:
        fold_return(s, f);
        break;
    case FACT_PROOF:
        fold_proof(s, f);
        break;
    case FACT_BUCKET:
        fold_bucket(s, f);
        break;
    case FACT_OBJECT:
    case FACT_PART:
        fold_object(s, f);
        break;
    case FACT_AWARD:
        fold_award(s, f);
        break;
    case FACT_TASK_STATE:
    case FACT_TASK_RESULT:
        fold_report(s, f);
        break;
    case FACT_TASK:
    case FACT_TASK_CANCEL:
    case FACT_TASK_RECEIPT:
        fold_task(s, f);
        break;
    default: /* deletions and links bear on no rule here */
        break;
    }
}
