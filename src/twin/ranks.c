#include "twin/ranks.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "compute/compute.h"
#include "twin/check.h"
#include "twin/shard.h"

struct letter { /* an entry for a node elsewhere; a frame's bytes follow */
    mono_ns at;
    uint64_t order, value; /* value: what `data` is when it is no pointer */
    uint32_t number, kind, serial, epoch, size, pad;
};

struct parcel { /* bytes for one rank */
    uint8_t *bytes;
    size_t size, capacity;
};

struct ranks_state {
    struct parcel to[SHARDS_MAX];
    struct parcel all; /* back to back */
    struct node_summary *summaries;
};

static struct ranks_state *state_of(struct world *w)
{
    if (!w->engine->ranks_state) {
        w->engine->ranks_state = calloc(1, sizeof(struct ranks_state));
        ASSERT(w->engine->ranks_state != NULL);
    }
    return w->engine->ranks_state;
}

void ranks_free(struct world *w)
{
    struct ranks_state *s = w->engine->ranks_state;
    for (size_t i = 0; s && i < SHARDS_MAX; i++)
        free(s->to[i].bytes);
    if (s) {
        free(s->all.bytes);
        free(s->summaries);
    }
    free(s);
}

static void parcel_add(struct parcel *p, const void *bytes, size_t size)
{
    if (p->size + size > p->capacity) {
        p->capacity = MAX(2 * p->capacity, p->size + size + 4096);
        p->bytes = realloc(p->bytes, p->capacity);
        ASSERT(p->bytes != NULL);
    }
    if (size)
        memcpy(p->bytes + p->size, bytes, size);
    p->size += size;
}

void ranks_least(struct world *w, mono_ns *next, mono_ns *serial, duration_ns *ahead)
{
    int64_t v[3] = {*next, *serial, *ahead};
    if (!w->ranks)
        return;
    w->ranks->least(w->ranks->context, v, 3);
    *next = v[0];
    *serial = v[1];
    *ahead = v[2];
}

bool ranks_agree(struct world *w, bool mine)
{
    int64_t v = mine;
    if (w->ranks)
        w->ranks->least(w->ranks->context, &v, 1);
    return v != 0;
}

int64_t ranks_most(struct world *w, int64_t mine)
{
    int64_t v = -mine;
    if (w->ranks)
        w->ranks->least(w->ranks->context, &v, 1);
    return -v;
}

/* ---- letters ---------------------------------------------------------------------------------------------------------- */

static void letter_write(struct parcel *p, struct shard *from, const struct queue_entry *e)
{
    struct letter l = {.at = e->at, .order = e->order, .number = e->number, .kind = e->kind};
    struct host_buf *frame = e->kind == HAPPEN_FRAME ? e->data : NULL;
    ASSERT(e->kind == HAPPEN_FRAME || e->kind == HAPPEN_ACCEPTED || e->data == NULL);
    if (frame) {
        l.serial = frame->serial;
        l.epoch = frame->epoch;
        l.size = (uint32_t)frame->buf.size;
    } else {
        l.value = (uint64_t)(uintptr_t)e->data;
    }
    parcel_add(p, &l, sizeof l);
    if (frame)
        parcel_add(p, frame->buf.data, frame->buf.size);
    shard_free(from, frame);
}

static size_t letter_read(struct world *w, const uint8_t *bytes)
{
    struct letter l;
    memcpy(&l, bytes, sizeof l);
    struct twin_node *to = world_node(w, queue_order_to(l.order));
    ASSERT(to && to->shard->here);
    struct queue_entry e = {.at = l.at, .order = l.order, .number = l.number, .kind = (uint16_t)l.kind, .data = (void *)(uintptr_t)l.value};
    if (l.kind == HAPPEN_FRAME) {
        struct host_buf *frame = host_buf_frame(to, l.size);
        memcpy(frame->buf.data, bytes + sizeof l, l.size);
        frame->serial = l.serial;
        frame->epoch = l.epoch;
        e.data = frame;
    }
    queue_add(&to->shard->queue, &e);
    return sizeof l + l.size;
}

/* Everything that waits in outboxes for shards that are elsewhere. */
static void letters_collect(struct world *w, struct ranks_state *state)
{
    for (size_t i = 0; i < w->shard_count; i++)
        for (unsigned p = 0; p < 2 && w->shards[i].here; p++)
            for (size_t k = 0; k < w->shard_count; k++) {
                struct outbox *o = &w->shards[i].outboxes[p][k];
                if (w->shards[k].here || o->count == 0)
                    continue;
                for (size_t j = 0; j < o->count; j++)
                    letter_write(&state->to[w->shards[k].rank], &w->shards[i], &o->entries[j]);
                o->count = 0;
                w->shards[i].posted_to[p] &= ~(1ull << k);
            }
}

/* A parcel: u64 size of the letters, letters; then the sender's records, shard by shard: u64 shard, u64 size, bytes. */
void ranks_flush(struct world *w)
{
    const struct ranks *r = w->ranks;
    if (!r)
        return;
    struct ranks_state *state = state_of(w);
    uint64_t sizes[SHARDS_MAX] = {0};
    letters_collect(w, state);
    state->all.size = 0;
    for (unsigned k = 0; k < r->count; k++) {
        size_t before = state->all.size;
        uint64_t letters = state->to[k].size;
        parcel_add(&state->all, &letters, sizeof letters);
        parcel_add(&state->all, state->to[k].bytes, state->to[k].size);
        state->to[k].size = 0;
        for (size_t i = 0; i < w->shard_count && k != r->rank; i++)
            if (w->shards[i].here && w->shards[i].records_size > 0) {
                const uint64_t head[2] = {i, w->shards[i].records_size};
                parcel_add(&state->all, head, sizeof head);
                parcel_add(&state->all, w->shards[i].records, w->shards[i].records_size);
            }
        sizes[k] = state->all.size - before;
    }
    const uint8_t *came = r->exchange(r->context, state->all.bytes, sizes);
    for (unsigned k = 0; k < r->count; k++) {
        const uint8_t *end = came + sizes[k];
        uint64_t letters, head[2];
        memcpy(&letters, came, sizeof letters);
        came += sizeof letters;
        for (const uint8_t *stop = came + letters; came < stop;)
            came += letter_read(w, came);
        while (came < end) {
            memcpy(head, came, sizeof head);
            ASSERT(head[0] < w->shard_count && !w->shards[head[0]].here);
            records_give(&w->shards[head[0]], came + sizeof head, head[1]);
            came += sizeof head + head[1];
        }
    }
    records_tell(w);
}

/* ---- what all know of all ------------------------------------------------------------------------------------------------ */

static void summarise(const struct twin_node *n, bool with_state, struct node_summary *out)
{
    *out = (struct node_summary){.steps_digest = n->digest};
    if (!n->node)
        return;
    struct compute_counts counts = compute_counts_of(node_compute(n->node));
    out->ready = node_ready(n->node) && !facts_refolding(node_facts(n->node));
    out->facts_digest = node_facts_digest(n->node);
    out->state_digest = with_state ? node_digest(n->node) : 0;
    out->facts = facts_count(node_facts(n->node));
    out->tasks_open = counts.tasks_open;
    out->tasks_ended = counts.tasks_ended;
    out->repairs_queued = (uint32_t)node_metrics(n->node)[METRIC_REPAIRS_QUEUED];
}

const uint8_t *ranks_share(struct world *w, const void *bytes, size_t size, uint64_t *sizes)
{
    struct ranks_state *state = state_of(w);
    state->all.size = 0;
    for (unsigned k = 0; k < w->ranks->count; k++) {
        parcel_add(&state->all, bytes, size);
        sizes[k] = size;
    }
    return w->ranks->exchange(w->ranks->context, state->all.bytes, sizes);
}

const struct node_summary *world_summaries(struct world *w, bool with_state)
{
    struct ranks_state *state = state_of(w);
    if (!state->summaries)
        state->summaries = calloc(w->node_count, sizeof *state->summaries);
    ASSERT(state->summaries != NULL);
    memset(state->summaries, 0, w->node_count * sizeof *state->summaries);
    for (size_t i = 0; i < w->node_count; i++)
        if (w->nodes[i].shard->here)
            summarise(&w->nodes[i], with_state, &state->summaries[i]);
    if (!w->ranks)
        return state->summaries;
    uint64_t sizes[SHARDS_MAX];
    size_t size = w->node_count * sizeof *state->summaries;
    const uint8_t *came = ranks_share(w, state->summaries, size, sizes);
    for (size_t i = 0; i < w->node_count; i++) {
        ASSERT(sizes[w->nodes[i].shard->rank] == size);
        memcpy(&state->summaries[i], came + w->nodes[i].shard->rank * size + i * sizeof *state->summaries, sizeof *state->summaries);
    }
    return state->summaries;
}

struct own { /* what a rank alone has counted */
    struct figures figures;
    uint64_t kept[PROMISE_COUNT], probes[PROBE_COUNT], audit[2];
};

void ranks_total(struct world *w)
{
    if (!w->ranks)
        return;
    struct own *own = calloc(1, sizeof *own);
    uint64_t sizes[SHARDS_MAX];
    ASSERT(own != NULL);
    own->figures = w->engine->own_figures;
    memcpy(own->kept, w->engine->own_kept, sizeof own->kept);
    memcpy(own->probes, check_probes(w), sizeof own->probes);
    check_audit_counts(w, own->audit);
    const uint8_t *came = ranks_share(w, own, sizeof *own, sizes);
    for (unsigned k = 0; k < w->ranks->count; k++) {
        memcpy(own, came + k * sizeof *own, sizeof *own);
        if (k == w->ranks->rank)
            continue;
        figures_fold(&w->figures, &own->figures);
        for (size_t p = 0; p < PROMISE_COUNT; p++)
            checks_kept(w, (enum promise)p, own->kept[p]);
        check_probes_add(w, own->probes);
        check_audit_add(w, own->audit);
    }
    free(own);
}
