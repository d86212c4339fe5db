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
    if (!check_deep(w)) {
        c->results[PROMISE_I10].not_checked = "the content of disks is recorded up to 100 nodes, in one process";
        return;
    }
    c->shelves = calloc(w->node_count, sizeof *c->shelves);
    c->deletions = calloc(1, sizeof *c->deletions);
    ASSERT(c->shelves && c->deletions);
    for (size_t i = 0; i < w->node_count; i++)
        c->shelves[i] = shelf_open();
}

void check_objects_close(struct world *w)
{
    struct checks *c = w->checks;
    for (size_t i = 0; c->shelves && i < w->node_count; i++)
        shelf_close(c->shelves[i]);
    free(c->shelves);
    free(c->deletions ? c->deletions->rows : NULL);
    free(c->deletions);
}

/* ---- acknowledged: durable ------------------------------------------------------------------------------------------------------ */

static bool object_of(struct world *w, struct twin_node *author, struct uid version, struct fact *f, struct audit_object *o)
{
    struct facts *facts = node_facts(author->node);
    (void)w;
    for (uint64_t seq = facts_seq_of(facts, author->id); seq > 0 && facts_get(facts, author->id, seq, f); seq--)
        if (f->type == FACT_OBJECT && audit_read_object(f->body, o) && uid_equal(o->version, version))
            return true;
    return false;
}

static bool crashed_since(struct world *w, const struct audit_run *run, mono_ns at)
{
    for (uint8_t i = 0; i < run->nodes; i++) {
        const struct twin_node *n = world_node(w, run->node[i]);
        if (!n || !n->node || n->crashed_at >= at)
            return true;
    }
    return false;
}

static void acknowledged(struct world *w, struct twin_node *gateway, const struct shelf_acked *a)
{
    struct fact f;
    struct audit_object o;
    struct audit_run run;
    if (!gateway->node || !node_ready(gateway->node) || !object_of(w, gateway, a->version, &f, &o) || !o.inlined || o.size == 0)
        return;
    uint32_t index = 0;
    for (struct audit_record r = o.record; audit_run_next(&r, &run);) {
        for (uint32_t end = index + run.chunks; index < end; index++) {
            uint8_t durable = 0;
            for (uint8_t i = 0; i < run.nodes; i++) {
                const struct shelved *c = run.node[i] <= w->node_count ? shelf_find(w->checks->shelves[run.node[i] - 1], r.part, index) : NULL;
                durable = (uint8_t)(durable + (c && c->synced_at != 0 && c->synced_at <= a->at));
            }
            uint8_t wanted = r.policy.best_effort ? 1 : r.policy.copies;
            if (durable < wanted && crashed_since(w, &run, a->at))
                continue; /* a disk may have changed since */
            checks_count(w, PROMISE_I1, durable >= wanted, "%s acknowledged %.*s with %u of %u copies durable",
                         scenario_name(w->scenario, gateway->id), (int)o.key.size, (const char *)o.key.data, durable, wanted);
        }
    }
}

/* ---- erased: how many others had it ------------------------------------------------------------------------------------------------ */

static uint32_t held_by_others(const struct world *w, node_id but, const uint8_t key[KEY])
{
    uint32_t count = 0;
    for (size_t i = 0; i < w->node_count; i++) {
        bool counts = i + 1 != but && !w->nodes[i].faults.dead;
        const struct shelved *c = !counts ? NULL : map_find(&w->checks->shelves[i]->chunks, span_of(key, KEY));
        count += c && c->synced_at != 0;
    }
    return count;
}

static void erased(struct world *w, node_id node, const struct shelf_erased *e)
{
    struct deletions *d = w->checks->deletions;
    if (d->count == d->capacity) {
        d->capacity = MAX((size_t)64, 2 * d->capacity);
        d->rows = realloc(d->rows, d->capacity * sizeof *d->rows);
        ASSERT(d->rows != NULL);
    }
    struct deletion *row = &d->rows[d->count++];
    *row = (struct deletion){.at = e->at, .node = node, .others = held_by_others(w, node, e->key)};
    memcpy(row->key, e->key, KEY);
}

void check_objects_sample(struct world *w)
{
    for (size_t i = 0; w->checks->shelves && i < w->node_count; i++) {
        struct shelf *s = w->checks->shelves[i];
        for (size_t k = 0; k < s->acked_count; k++)
            acknowledged(w, &w->nodes[i], &s->acked[k]);
        for (size_t k = 0; k < s->erased_count; k++)
            erased(w, (node_id)(i + 1), &s->erased[k]);
        s->acked_count = s->erased_count = 0;
    }
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
    checks_count(w, PROMISE_I10, !lives || d->others >= wanted, "%s erased a whole chunk of a living object; %u of %u copies are left",
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
    for (node_id author = 1; author <= w->node_count; author++)
        for (uint64_t seq = 1; check_fact_of(w, author, seq, &f); seq++) {
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

/* Every object that lives has its copies on disks, in truth; by then repairs have nothing left to do. */
static void copies_after_heal(struct world *w, const struct story *s)
{
    for (struct map_node *n = map_first(&s->names); n; n = map_next(&s->names, n)) {
        const struct current *c = map_value(n);
        struct audit_object o;
        struct audit_run run;
        if (!c->exists || !audit_read_object(c->body, &o) || !o.inlined || o.size == 0)
            continue;
        uint32_t index = 0, least = UINT32_MAX;
        for (struct audit_record r = o.record; audit_run_next(&r, &run);)
            for (uint32_t end = index + run.chunks; index < end; index++) {
                uint8_t key[KEY];
                shelf_key(o.record.part, index, key);
                least = MIN(least, held_by_others(w, NODE_NONE, key));
            }
        uint32_t wanted = o.policy.best_effort ? 1 : o.policy.copies;
        checks_count(w, PROMISE_I12, least >= wanted, "after heal %.*s has %u of %u copies", (int)o.key.size, (const char *)o.key.data,
                     least, wanted);
    }
}

/* ---- beyond the policy: what is left of one object ------------------------------------------------------------------------------------ */

static bool whole_on_disks(const struct world *w, struct audit_record record)
{
    struct audit_run run;
    uint32_t index = 0;
    for (struct uid part = record.part; audit_run_next(&record, &run);)
        for (uint32_t end = index + run.chunks; index < end; index++) {
            uint8_t key[KEY];
            shelf_key(part, index, key);
            if (held_by_others(w, NODE_NONE, key) == 0)
                return false;
        }
    return true;
}

bool check_object_held(struct world *w, struct span key)
{
    struct fact f;
    struct audit_object o, newest = {.size = 0};
    bool found = false;
    for (node_id author = 1; w->checks->shelves && author <= w->node_count; author++)
        for (uint64_t seq = 1; check_fact_of(w, author, seq, &f); seq++)
            if (f.type == FACT_OBJECT && audit_read_object(f.body, &o) && span_equal(o.key, key) &&
                (!found || uid_compare(o.version, newest.version) > 0)) {
                newest = o;
                found = true;
            }
    return found && (!newest.inlined || newest.size == 0 || whole_on_disks(w, newest.record));
}

void check_objects_final(struct world *w)
{
    if (!w->checks->shelves)
        return;
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
