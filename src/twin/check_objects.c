/*
 * I1, the half about acknowledgement: when a customer hears "stored", as many copies as the policy wants are on disk and synced, in truth.
 * I10: no deletion of a whole chunk takes an object that lives below its policy. I12: after heal every object has its copies.
 *
 * Truth is the shelf (check_shelf.c). Whether an object lived at an instant follows from all facts of the run in order of time, read at
 * the end by the auditor's decoders.
 */
#include <stdlib.h>
#include <string.h>

#include "twin/audit_state.h"
#include "twin/check_inner.h"
#include "twin/check_shelf.h"
#include "twin/shard.h"

enum { KEY = 20 };

struct deletion { /* a whole chunk that was erased, and how many others held it then */
    uint8_t key[KEY];
    tai_ns at;
    node_id node;
    uint32_t others;
};
struct deletions {
    struct deletion *rows;
    size_t count, capacity;
};

void check_objects_open(struct world *w)
{
    struct checks *c = w->checks;
    c->shelves = calloc(w->node_count, sizeof *c->shelves);
    c->deletions = calloc(1, sizeof *c->deletions);
    ASSERT(c->shelves && c->deletions);
}

void check_objects_close(struct world *w)
{
    struct checks *c = w->checks;
    for (size_t i = 0; c->shelves && i < w->node_count; i++)
        if (c->shelves[i])
            shelf_close(c->shelves[i]);
    free(c->shelves);
    free(c->deletions ? c->deletions->rows : NULL);
    free(c->deletions);
}

/* ---- what this minute asks ------------------------------------------------------------------------------------------------------- */

struct inquiry { /* questions, and what each answer is for */
    struct shelf_question *questions;
    struct asked {
        struct twin_node *node; /* the gateway that acknowledged, the node that erased */
        struct span key;        /* the object's */
        tai_ns at;              /* of the erasing; 0: this is an acknowledgement */
        uint8_t wanted;
        bool crashed;
    } *rows;
    uint32_t *answers;
    size_t count, capacity;
};

static struct shelf_question *inquiry_add(struct inquiry *q, struct asked row)
{
    if (q->count == q->capacity) {
        q->capacity = MAX((size_t)64, 2 * q->capacity);
        q->questions = realloc(q->questions, q->capacity * sizeof *q->questions);
        q->rows = realloc(q->rows, q->capacity * sizeof *q->rows);
        q->answers = realloc(q->answers, q->capacity * sizeof *q->answers);
        ASSERT(q->questions && q->rows && q->answers);
    }
    q->rows[q->count] = row;
    q->questions[q->count] = (struct shelf_question){.but = NODE_NONE, .until = TIME_NEVER};
    return &q->questions[q->count++];
}

static void inquiry_free(struct inquiry *q)
{
    free(q->questions);
    free(q->rows);
    free(q->answers);
}

/* ---- acknowledged: durable ------------------------------------------------------------------------------------------------------ */

static bool object_of(struct twin_node *author, struct uid version, struct audit_object *o)
{
    struct facts *facts = node_facts(author->node);
    struct fact f;
    for (uint64_t seq = facts_seq_of(facts, author->id); seq > 0 && facts_get(facts, author->id, seq, &f); seq--)
        if (f.type == FACT_OBJECT && audit_read_object(f.body, o) && uid_equal(o->version, version))
            return true;
    return false;
}

static bool crashed_since(struct world *w, const struct audit_run *run, mono_ns at)
{
    for (uint8_t i = 0; i < run->nodes; i++) {
        const struct twin_node *n = world_node(w, run->node[i]);
        if (!n || !n->up || n->crashed_at >= at)
            return true;
    }
    return false;
}

static void acknowledged(struct world *w, struct inquiry *q, struct twin_node *gateway, const struct shelf_acked *a)
{
    struct audit_object o;
    struct audit_run run;
    if (!gateway->node || !node_ready(gateway->node) || !object_of(gateway, a->version, &o) || !o.inlined || o.size == 0)
        return;
    uint32_t index = 0;
    for (struct audit_record r = o.record; audit_run_next(&r, &run);) {
        struct asked row = {.node = gateway, .key = o.key, .wanted = r.policy.best_effort ? 1 : r.policy.copies,
                            .crashed = crashed_since(w, &run, a->at)};
        for (uint32_t end = index + run.chunks; index < end; index++) {
            struct shelf_question *one = inquiry_add(q, row);
            shelf_key(r.part, index, one->key);
            one->until = a->at;
            one->only_count = run.nodes;
            memcpy(one->only, run.node, run.nodes * sizeof *one->only);
        }
    }
}

static void acknowledged_judge(const struct asked *row, uint32_t durable)
{
    if (durable < row->wanted && row->crashed)
        return; /* a disk may have changed since */
    node_promise(row->node, PROMISE_I1, durable >= row->wanted, "%s acknowledged %.*s with %u of %u copies durable",
                 scenario_name(row->node->world->scenario, row->node->id), (int)row->key.size, (const char *)row->key.data, durable,
                 row->wanted);
}

/* ---- erased: how many others had it ------------------------------------------------------------------------------------------------ */

static void erased(struct inquiry *q, struct twin_node *n, const struct shelf_erased *e)
{
    struct shelf_question *one = inquiry_add(q, (struct asked){.node = n, .at = e->at});
    memcpy(one->key, e->key, KEY);
    one->but = n->id;
}

static void deletion_add(struct deletions *d, const struct asked *row, const uint8_t key[KEY], uint32_t others)
{
    if (d->count == d->capacity) {
        d->capacity = MAX((size_t)64, 2 * d->capacity);
        d->rows = realloc(d->rows, d->capacity * sizeof *d->rows);
        ASSERT(d->rows != NULL);
    }
    struct deletion *it = &d->rows[d->count++];
    *it = (struct deletion){.at = row->at, .node = row->node->id, .others = others};
    memcpy(it->key, key, KEY);
}

void check_objects_sample(struct world *w)
{
    struct inquiry q = {0};
    for (size_t i = 0; i < w->node_count; i++) {
        struct shelf *s = w->checks->shelves[i];
        for (size_t k = 0; s && k < s->acked_count; k++)
            acknowledged(w, &q, &w->nodes[i], &s->acked[k]);
        for (size_t k = 0; s && k < s->erased_count; k++)
            erased(&q, &w->nodes[i], &s->erased[k]);
        if (s)
            s->acked_count = s->erased_count = 0;
    }
    shelf_ask(w, q.questions, q.count, q.answers);
    for (size_t i = 0; i < q.count; i++) {
        if (q.rows[i].at)
            deletion_add(w->checks->deletions, &q.rows[i], q.questions[i].key, q.answers[i]);
        else
            acknowledged_judge(&q.rows[i], q.answers[i]);
    }
    inquiry_free(&q);
}

/* ---- the end: all facts in order of time -------------------------------------------------------------------------------------------- */

struct life { /* of a part: objects that refer to it now */
    uint32_t references;
    uint8_t copies;
    bool best_effort;
};
struct current { /* of a name */
    struct uid version, grave;
    bool exists;
    struct span body; /* of its OBJECT fact */
};
struct story {
    struct heap heap;
    void *memory;
    struct map parts, names;
};
struct moment { /* a fact or a deletion */
    hlc time;
    struct fact fact; /* type 0: the deletion */
    const struct deletion *deletion;
};

static void refer(struct story *s, struct span body, int change)
{
    struct audit_object o;
    if (!audit_read_object(body, &o) || o.size == 0)
        return;
    struct uid part = o.record.part;
    for (uint32_t i = 0; i < (o.inlined ? 1u : o.parts); i++) {
        if (!o.inlined) {
            read_bytes(&o.references, part.bytes, sizeof part.bytes);
            read_u64(&o.references);
        }
        struct life *l = map_put(&s->parts, uid_span(&part), NULL);
        ASSERT(l != NULL);
        l->references = (uint32_t)((int)l->references + change);
        if (change > 0 && o.policy.copies > l->copies) {
            l->copies = o.policy.copies;
            l->best_effort = o.policy.best_effort;
        }
    }
}

static struct current *name_of(struct story *s, struct span bucket, struct span key)
{
    uint8_t name[64 + 1 + 1100];
    struct writer w = writer_of(name, sizeof name);
    write_bytes(&w, bucket.data, bucket.size);
    write_u8(&w, 0);
    write_bytes(&w, key.data, key.size);
    return writer_ok(&w) ? map_put(&s->names, writer_span(&w), NULL) : NULL;
}

static void object_told(struct story *s, const struct fact *f)
{
    struct audit_object o;
    struct current *c = audit_read_object(f->body, &o) ? name_of(s, o.bucket, o.key) : NULL;
    if (!c || uid_compare(o.version, c->grave) <= 0 || (c->exists && uid_compare(o.version, c->version) <= 0))
        return;
    refer(s, f->body, +1);
    if (c->exists)
        refer(s, c->body, -1);
    c->version = o.version;
    c->body = f->body;
    c->exists = true;
}

static void deletion_told(struct story *s, const struct fact *f)
{
    struct span bucket, key;
    struct uid upto;
    struct current *c = audit_read_name_end(f->body, &bucket, &key, &upto) ? name_of(s, bucket, key) : NULL;
    if (!c)
        return;
    if (uid_compare(upto, c->grave) > 0)
        c->grave = upto;
    if (c->exists && uid_compare(c->version, c->grave) <= 0) {
        refer(s, c->body, -1);
        c->exists = false;
    }
}

static void deletion_judge(struct world *w, const struct story *s, const struct deletion *d)
{
    struct uid part;
    memcpy(part.bytes, d->key, sizeof part.bytes);
    const struct life *l = map_find(&s->parts, uid_span(&part));
    if (!l)
        return; /* no object ever named it */
    bool lives = l->references > 0;
    uint32_t wanted = l->best_effort ? 1 : l->copies;
    node_promise(world_node(w, d->node), PROMISE_I10, !lives || d->others >= wanted, "%s erased a whole chunk of a living object; %u of %u copies are left",
                 scenario_name(w->scenario, d->node), d->others, wanted);
}

static int by_time(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if ((x->deletion != NULL) != (y->deletion != NULL))
        return x->deletion ? 1 : -1;
    if (x->deletion)
        return x->deletion < y->deletion ? -1 : 1;
    return x->fact.author != y->fact.author ? (x->fact.author < y->fact.author ? -1 : 1) : x->fact.seq < y->fact.seq ? -1 : 1;
}

/* All facts about objects, and all deletions two seconds later than they were: clocks differ, and nothing is erased so soon. */
static struct moment *moments_gather(struct world *w, size_t *count)
{
    const struct deletions *d = w->checks->deletions;
    size_t capacity = d->count + 1024;
    struct moment *rows = malloc(capacity * sizeof *rows);
    ASSERT(rows != NULL);
    *count = 0;
    for (size_t i = 0; i < d->count; i++)
        rows[(*count)++] = (struct moment){.time = hlc_next(0, d->rows[i].at + 2 * NS_PER_S), .deletion = &d->rows[i]};
    struct fact f;
    for (uint32_t chain = 1; chain < w->checks->chain_count; chain++)
        for (uint64_t seq = 1; check_fact_of(w, chain, seq, &f); seq++) {
            if (f.type != FACT_OBJECT && f.type != FACT_OBJECT_DELETE)
                continue;
            if (*count == capacity) {
                capacity *= 2;
                rows = realloc(rows, capacity * sizeof *rows);
                ASSERT(rows != NULL);
            }
            rows[(*count)++] = (struct moment){.time = f.time, .fact = f};
        }
    qsort(rows, *count, sizeof *rows, by_time);
    return rows;
}

/* Every object that lives has its copies on disks, in truth; by then repairs have nothing left to do. Asked by the witness's rank. */
static void copies_after_heal(struct world *w, const struct story *s)
{
    struct twin_node *witness = world_node(w, world_witness(w)->id);
    struct inquiry q = {0};
    for (struct map_node *n = witness->shard->here ? map_first(&s->names) : NULL; n; n = map_next(&s->names, n)) {
        const struct current *c = map_value(n);
        struct audit_object o;
        struct audit_run run;
        if (!c->exists || !audit_read_object(c->body, &o) || !o.inlined || o.size == 0)
            continue;
        struct asked row = {.node = witness, .key = o.key, .wanted = o.policy.best_effort ? 1 : o.policy.copies};
        uint32_t index = 0;
        for (struct audit_record r = o.record; audit_run_next(&r, &run);)
            for (uint32_t end = index + run.chunks; index < end; index++)
                shelf_key(o.record.part, index, inquiry_add(&q, row)->key);
    }
    shelf_ask(w, q.questions, q.count, q.answers);
    for (size_t i = 0; i < q.count; i++) {
        const struct asked *row = &q.rows[i];
        node_promise(witness, PROMISE_I12, q.answers[i] >= row->wanted, "after heal %.*s has %u of %u copies", (int)row->key.size,
                     (const char *)row->key.data, q.answers[i], row->wanted);
    }
    inquiry_free(&q);
}

/* ---- beyond the policy: what is left of one object ------------------------------------------------------------------------------------ */

static bool whole_on_disks(struct world *w, struct audit_record record)
{
    struct audit_run run;
    uint32_t index = 0;
    for (struct uid part = record.part; audit_run_next(&record, &run);)
        for (uint32_t end = index + run.chunks; index < end; index++) {
            struct shelf_question q = {.but = NODE_NONE, .until = TIME_NEVER};
            uint32_t held;
            shelf_key(part, index, q.key);
            shelf_ask(w, &q, 1, &held);
            if (held == 0)
                return false;
        }
    return true;
}

bool check_object_held(struct world *w, struct span key)
{
    struct fact f;
    struct audit_object o, newest = {.size = 0};
    bool found = false;
    for (uint32_t chain = 1; check_deep(w) && chain < w->checks->chain_count; chain++)
        for (uint64_t seq = 1; check_fact_of(w, chain, seq, &f); seq++)
            if (f.type == FACT_OBJECT && audit_read_object(f.body, &o) && span_equal(o.key, key) &&
                (!found || uid_compare(o.version, newest.version) > 0)) {
                newest = o;
                found = true;
            }
    return found && (!newest.inlined || newest.size == 0 || whole_on_disks(w, newest.record));
}

void check_objects_final(struct world *w)
{
    check_objects_sample(w);
    struct story s = {.memory = malloc(256u << 20)};
    ASSERT(s.memory != NULL);
    heap_init(&s.heap, s.memory, 256u << 20);
    map_init(&s.parts, &s.heap, sizeof(struct life));
    map_init(&s.names, &s.heap, sizeof(struct current));
    size_t count;
    struct moment *rows = moments_gather(w, &count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].deletion)
            deletion_judge(w, &s, rows[i].deletion);
        else if (rows[i].fact.type == FACT_OBJECT)
            object_told(&s, &rows[i].fact);
        else
            deletion_told(&s, &rows[i].fact);
    }
    copies_after_heal(w, &s);
    free(rows);
    free(s.memory);
}
