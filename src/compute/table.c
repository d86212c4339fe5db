#include "compute/table.h"

#include <string.h>

#include "base/hash.h"
#include "base/mutation.h"
#include "base/rng.h"

struct task_key compute_task_key(struct uid id)
{
    struct task_key key;
    for (size_t i = 0; i < sizeof key.bytes; i++)
        key.bytes[i] = (uint8_t)~id.bytes[i];
    return key;
}

void compute_table_init(struct task_table *t, struct heap *heap, size_t ended_max)
{
    *t = (struct task_table){.heap = heap, .ended_max = ended_max};
    map_init(&t->tasks, heap, sizeof(struct task));
    map_init(&t->forgotten, heap, 1);
    map_init(&t->ended, heap, 1);
}

struct task *compute_table_find(const struct task_table *t, struct uid id)
{
    struct task_key key = compute_task_key(id);
    return map_find(&t->tasks, span_of(key.bytes, sizeof key.bytes));
}

static err row_of(struct task_table *t, struct uid id, struct task **out)
{
    if (map_find(&t->forgotten, uid_span(&id)))
        return ERR_EXPIRED;
    struct task_key key = compute_task_key(id);
    bool added;
    *out = map_put(&t->tasks, span_of(key.bytes, sizeof key.bytes), &added);
    if (!*out)
        return ERR_NO_MEMORY;
    if (added) {
        (*out)->id = id;
        t->open_count++;
    }
    return ERR_OK;
}

/* ---- attempts ---- */

static int attempt_order(const struct attempt *a, uint32_t epoch, node_id node)
{
    if (a->epoch != epoch)
        return a->epoch < epoch ? -1 : 1;
    return a->node == node ? 0 : a->node < node ? -1 : 1;
}

struct attempt *compute_attempt_find(const struct task *t, uint32_t epoch, node_id node)
{
    for (size_t i = 0; i < t->attempt_count; i++)
        if (attempt_order(&t->attempts[i], epoch, node) == 0)
            return &t->attempts[i];
    return NULL;
}

struct attempt *compute_attempt_current(const struct task *t)
{
    return t->lease.epoch ? compute_attempt_find(t, t->lease.epoch, t->lease.owner) : NULL;
}

/* Finds or makes the row; `*out` stays NULL when it is older than the ones kept (and so does not count any more). */
static err attempt_of(struct task_table *t, struct task *task, uint32_t epoch, node_id node, struct attempt **out)
{
    *out = compute_attempt_find(task, epoch, node);
    if (*out)
        return ERR_OK;
    size_t at = 0;
    while (at < task->attempt_count && attempt_order(&task->attempts[at], epoch, node) < 0)
        at++;
    if (task->attempt_count == TASK_ATTEMPTS_MAX) {
        if (at == 0)
            return ERR_OK;
        at--; /* the oldest leaves */
        memmove(task->attempts, task->attempts + 1, at * sizeof *task->attempts);
    } else {
        struct attempt *wider = heap_grow(t->heap, task->attempts, (task->attempt_count + 1u) * sizeof *wider);
        if (!wider)
            return ERR_NO_MEMORY;
        task->attempts = wider;
        memmove(wider + at + 1, wider + at, (task->attempt_count - at) * sizeof *wider);
        task->attempt_count++;
    }
    task->attempts[at] = (struct attempt){.epoch = epoch, .node = node, .state = TASK_QUEUED};
    *out = &task->attempts[at];
    return ERR_OK;
}

/* ---- the fold, one function per type ---- */

static err fold_task(struct task_table *t, const struct fact *f, struct uid *touched)
{
    struct task_spec spec;
    struct task *task;
    TRY(compute_spec_read(f->body, touched, &spec));
    if (uid_node(*touched) != f->author)
        return ERR_DENIED;
    TRY(row_of(t, *touched, &task));
    if (task->body.size)
        return ERR_OK;
    task->body = f->body;
    task->incarnation = f->incarnation;
    task->body_hash = hash64(f->body.data, f->body.size);
    task->priority = spec.priority;
    task->cpu_millis = spec.cpu_millis;
    task->memory_bytes = spec.memory_bytes;
    task->deadline = spec.deadline;
    task->expected_ns = spec.expected_ns;
    return ERR_OK;
}

static bool lease_higher(const struct award *a, const struct fact *f, const struct lease *than)
{
    if (a->epoch != than->epoch)
        return a->epoch > than->epoch;
    return f->author != than->author ? f->author < than->author : f->incarnation < than->incarnation;
}

static err fold_award(struct task_table *t, const struct fact *f, mono_ns now, struct uid *touched)
{
    struct award a;
    struct task *task;
    struct attempt *attempt;
    TRY(compute_award_read(f->body, &a));
    *touched = a.id;
    TRY(row_of(t, a.id, &task));
    TRY(attempt_of(t, task, a.epoch, a.owner, &attempt));
    if (attempt)
        attempt->awarded = true;
    if (lease_higher(&a, f, &task->lease)) {
        task->lease = (struct lease){.epoch = a.epoch,
                                     .author = f->author,
                                     .incarnation = f->incarnation,
                                     .owner = a.owner,
                                     .successors = {a.successors[0], a.successors[1]},
                                     .promised = a.promised,
                                     .duration = a.lease,
                                     .time = MUTATION(FOLD_LOCAL_TIME) ? (hlc)now : f->time};
        task->lease_seen = now;
    }
    return ERR_OK;
}

/* May this report change the attempt? A later incarnation of the node begins it anew. */
static bool reports(struct attempt *a, const struct fact *f)
{
    if (!a || f->incarnation < a->incarnation)
        return false;
    if (f->incarnation > a->incarnation)
        *a = (struct attempt){.epoch = a->epoch, .node = a->node, .awarded = a->awarded, .state = TASK_QUEUED, .incarnation = f->incarnation};
    return !a->ended; /* an author's first result stands */
}

static err fold_report(struct task_table *t, const struct fact *f, struct uid *touched)
{
    struct report p;
    struct task *task;
    struct attempt *attempt;
    TRY(compute_report_read(f->body, &p));
    *touched = p.id;
    TRY(row_of(t, p.id, &task));
    TRY(attempt_of(t, task, p.epoch, f->author, &attempt));
    if (!reports(attempt, f))
        return ERR_OK;
    attempt->state = (uint8_t)p.state;
    if (attempt->started == 0)
        attempt->started = p.wall;
    return ERR_OK;
}

static err fold_outcome(struct task_table *t, const struct fact *f, struct uid *touched)
{
    struct outcome o;
    struct task *task;
    struct attempt *attempt;
    TRY(compute_outcome_read(f->body, &o));
    *touched = o.id;
    TRY(row_of(t, o.id, &task));
    TRY(attempt_of(t, task, o.epoch, f->author, &attempt));
    if (!reports(attempt, f))
        return ERR_OK;
    attempt->ended = true;
    attempt->state = (uint8_t)o.state;
    attempt->result = f->body;
    attempt->result_hash = hash64(f->body.data, f->body.size);
    return ERR_OK;
}

static err fold_cancel(struct task_table *t, const struct fact *f, struct uid *touched)
{
    struct task *task;
    TRY(compute_cancel_read(f->body, touched));
    TRY(row_of(t, *touched, &task));
    task->cancelled = true;
    return ERR_OK;
}

static void forget(struct task_table *t, struct uid id)
{
    struct task *task = compute_table_find(t, id);
    ASSERT(task && task->receipts > 0);
    if (!map_put(&t->forgotten, uid_span(&id), NULL))
        return; /* no memory for the note: keep the row instead, the digest then tells */
    heap_free(t->heap, task->attempts);
    struct task_key key = compute_task_key(id);
    (void)map_remove(&t->tasks, span_of(key.bytes, sizeof key.bytes));
    (void)map_remove(&t->ended, uid_span(&id));
}

/* Before the one that counts so far? Own chains are ordered, those of others are not. */
static bool stands_before(const struct fact *f, const struct stand_in *than)
{
    if (than->node == NODE_NONE || f->author != than->node)
        return than->node == NODE_NONE || f->author < than->node;
    return f->incarnation != than->incarnation ? f->incarnation < than->incarnation : f->seq < than->seq;
}

/* True: this receipt is the one that counts now. */
static bool receipt_counts(struct task *t, const struct fact *f)
{
    if (f->author == compute_task_sink(t)) {
        if (t->sink_receipts > 0 && f->incarnation >= t->receipt_incarnation) {
            t->sink_receipts += f->incarnation == t->receipt_incarnation && t->sink_receipts < UINT32_MAX;
            return false;
        }
        t->sink_receipts = 1;
        t->receipt_incarnation = f->incarnation;
        return true;
    }
    if (!stands_before(f, &t->stand_in))
        return false;
    t->stand_in = (struct stand_in){f->author, f->incarnation, f->seq};
    return t->sink_receipts == 0;
}

static err fold_receipt(struct task_table *t, const struct fact *f, struct uid *touched)
{
    struct receipt p;
    struct task *task;
    TRY(compute_receipt_read(f->body, &p));
    *touched = p.id;
    TRY(row_of(t, p.id, &task));
    if (!map_put(&t->ended, uid_span(&p.id), NULL))
        return ERR_NO_MEMORY;
    t->open_count -= task->receipts == 0;
    bool counts = receipt_counts(task, f);
    task->receipts = MAX(task->sink_receipts, 1u);
    if (counts) {
        task->receipt_epoch = p.epoch;
        task->receipt_node = p.node;
        task->receipt_state = (uint8_t)p.state;
        task->receipt_reason = p.reason;
    }
    if (t->ended.count > t->ended_max) {
        struct uid oldest;
        memcpy(oldest.bytes, map_key(map_first(&t->ended)).data, sizeof oldest.bytes);
        forget(t, oldest);
    }
    return ERR_OK;
}

err compute_table_fold(struct task_table *t, const struct fact *f, mono_ns now, struct uid *touched)
{
    switch (f->type) {
    case FACT_TASK:
        return fold_task(t, f, touched);
    case FACT_AWARD:
        return fold_award(t, f, now, touched);
    case FACT_TASK_STATE:
        return fold_report(t, f, touched);
    case FACT_TASK_RESULT:
        return fold_outcome(t, f, touched);
    case FACT_TASK_CANCEL:
        return fold_cancel(t, f, touched);
    case FACT_TASK_RECEIPT:
        return fold_receipt(t, f, touched);
    default:
        return ERR_INVALID;
    }
}

/* ---- what the facts amount to ---- */

node_id compute_task_sink(const struct task *t)
{
    return uid_node(t->id);
}

enum task_state compute_task_state(const struct task *t)
{
    if (t->receipts)
        return (enum task_state)t->receipt_state;
    const struct attempt *a = compute_attempt_current(t);
    if (t->cancelled)
        return !a || a->ended || a->state == TASK_CANCELED ? TASK_CANCELED : TASK_CANCELING;
    if (!a)
        return TASK_QUEUED;
    if (!a->ended)
        return (enum task_state)a->state;
    if (a->state == TASK_SYSTEM_ERROR || a->state == TASK_PREEMPTED)
        return TASK_QUEUED;  /* the next epoch takes it */
    return TASK_RUNNING; /* its result waits for the sink */
}

size_t compute_task_failures(const struct task *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->attempt_count; i++)
        count += t->attempts[i].awarded && t->attempts[i].ended && t->attempts[i].state == TASK_SYSTEM_ERROR;
    return count;
}

bool compute_task_failed_on(const struct task *t, node_id node)
{
    for (size_t i = 0; i < t->attempt_count; i++)
        if (t->attempts[i].node == node && t->attempts[i].ended && t->attempts[i].state == TASK_SYSTEM_ERROR)
            return true;
    return false;
}

/* ---- digest and check: values only ---- */

static void task_digest(const struct task *t, uint64_t *digest)
{
    const struct lease *l = &t->lease;
    const uint64_t words[] = {hash64(t->id.bytes, sizeof t->id.bytes),
                              t->body_hash,
                              l->epoch,
                              l->author,
                              l->owner,
                              l->successors[0],
                              l->successors[1],
                              (uint64_t)l->promised,
                              (uint64_t)l->duration,
                              l->time,
                              t->cancelled,
                              t->receipts,
                              t->stand_in.node,
                              t->receipt_epoch,
                              t->receipt_node,
                              t->receipt_state};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        *digest = hash_mix(*digest, words[i]);
    for (size_t i = 0; i < t->attempt_count; i++) {
        const struct attempt *a = &t->attempts[i];
        const uint64_t row[] = {a->epoch,
                                a->node,
                                (uint64_t)a->awarded << 16 | (uint64_t)a->ended << 8 | a->state,
                                (uint64_t)a->started,
                                a->result_hash};
        for (size_t j = 0; j < COUNT_OF(row); j++)
            *digest = hash_mix(*digest, row[j]);
    }
}

uint64_t compute_table_digest(const struct task_table *t)
{
    uint64_t digest = 0x7461736b73u;
    for (struct map_node *n = map_first(&t->tasks); n; n = map_next(&t->tasks, n))
        task_digest(map_value(n), &digest);
    for (struct map_node *n = map_first(&t->forgotten); n; n = map_next(&t->forgotten, n))
        digest = hash_mix(digest, hash64(map_key(n).data, map_key(n).size));
    return digest;
}

static bool attempts_sound(const struct task *t)
{
    for (size_t i = 1; i < t->attempt_count; i++)
        if (attempt_order(&t->attempts[i - 1], t->attempts[i].epoch, t->attempts[i].node) >= 0)
            return false;
    for (size_t i = 0; i < t->attempt_count; i++)
        if (t->attempts[i].ended != (t->attempts[i].result.size > 0))
            return false;
    return t->attempt_count <= TASK_ATTEMPTS_MAX;
}

bool compute_table_check(const struct task_table *t)
{
    size_t open = 0, ended = 0;
    for (struct map_node *n = map_first(&t->tasks); n; n = map_next(&t->tasks, n)) {
        const struct task *task = map_value(n);
        struct task_key key = compute_task_key(task->id);
        if (!span_equal(map_key(n), span_of(key.bytes, sizeof key.bytes)) || !attempts_sound(task))
            return false;
        if (task->receipts > 1) /* I3 */
            return false;
        if ((task->receipts > 0) != (map_find(&t->ended, uid_span(&task->id)) != NULL))
            return false;
        if (map_find(&t->forgotten, uid_span(&task->id)))
            return false;
        open += task->receipts == 0;
        ended += task->receipts > 0;
    }
    return open == t->open_count && ended == t->ended.count && ended <= t->ended_max;
}
