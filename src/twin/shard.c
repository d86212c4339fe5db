#include "twin/shard.h"

#include <stdlib.h>
#include <string.h>

#include "base/expect.h"
#include "twin/pool.h"

enum { STEPS_WORTH_THREADS = 16 }; /* in a window: fewer are done sooner than others are told of them… */
enum { STEPS_ASKED_FOR = 2 };      /* …but who asked for threads gets them */
enum { NODES_WORTH_FETCHING = 100 }; /* fewer stay in the caches */

/* ---- clocks and figures ------------------------------------------------------------------------------------------- */

mono_ns node_now(const struct twin_node *n)
{
    return n->shard->now;
}

tai_ns node_wall(const struct twin_node *n)
{
    return n->world->scenario->epoch + (n->shard->now - WORLD_START_NS);
}

struct figures *node_figures(struct twin_node *n)
{
    return &n->shard->figures;
}

void figures_fold(struct figures *into, struct figures *from)
{
    into->puts_acked += from->puts_acked;
    into->puts_refused += from->puts_refused;
    into->gets_ok += from->gets_ok;
    into->gets_refused += from->gets_refused;
    into->deletes_acked += from->deletes_acked;
    into->tasks_created += from->tasks_created;
    into->bit_flips += from->bit_flips;
    into->frames += from->frames;
    into->frames_lost += from->frames_lost;
    into->steps += from->steps;
    into->put_latency_sum += from->put_latency_sum;
    into->put_latency_max = MAX(into->put_latency_max, from->put_latency_max);
    into->get_latency_sum += from->get_latency_sum;
    into->get_latency_max = MAX(into->get_latency_max, from->get_latency_max);
    into->battery_min_mwh = MIN(into->battery_min_mwh, from->battery_min_mwh);
    into->core_max_mk = MAX(into->core_max_mk, from->core_max_mk);
    into->acquisitions += from->acquisitions;
    into->acquisition_searches += from->acquisition_searches;
    into->tracking_losses += from->tracking_losses;
    into->acquisition_sum += from->acquisition_sum;
    into->slew_sum += from->slew_sum;
    into->acquisition_max = MAX(into->acquisition_max, from->acquisition_max);
    for (size_t i = 0; i < ACQUISITION_CELLS; i++)
        into->acquisition_cells[i] += from->acquisition_cells[i];
    fault_figures_fold(&into->faults, &from->faults);
    *from = (struct figures){.battery_min_mwh = UINT64_MAX};
}

void shards_stand_at(struct world *w, mono_ns at)
{
    w->now = at;
    for (size_t i = 0; i < w->shard_count; i++) {
        struct shard *s = &w->shards[i];
        s->now = at;
        if (w->ranks) {
            struct figures copy = s->figures;
            figures_fold(&w->engine->own_figures, &copy);
        }
        figures_fold(&w->figures, &s->figures);
        for (size_t p = 0; p < PROMISE_COUNT; p++)
            if (s->kept[p]) {
                checks_kept(w, (enum promise)p, s->kept[p]);
                w->engine->own_kept[p] += s->kept[p];
            }
        memset(s->kept, 0, sizeof s->kept);
    }
    memos_share(w);
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

struct block { /* before each block; 16 bytes keep what follows aligned */
    size_t class;
    struct block *next;
};

enum { BLOCK_LEAST = 128 };

void *shard_alloc(struct shard *s, size_t size)
{
    size_t class = 0;
    while (class < BLOCK_CLASSES && ((size_t)BLOCK_LEAST << class) < size + sizeof(struct block))
        class++;
    struct block *b = class < BLOCK_CLASSES ? s->blocks[class] : NULL;
    if (b) {
        s->blocks[class] = b->next;
        return b + 1;
    }
    b = malloc(class < BLOCK_CLASSES ? (size_t)BLOCK_LEAST << class : size + sizeof(struct block));
    ASSERT(b != NULL);
    b->class = class;
    return b + 1;
}

void shard_free(struct shard *s, void *block)
{
    struct block *b = block ? (struct block *)block - 1 : NULL;
    if (!b)
        return;
    if (b->class >= BLOCK_CLASSES) {
        free(b);
        return;
    }
    b->next = s->blocks[b->class];
    s->blocks[b->class] = b;
}

static void blocks_free(struct shard *s)
{
    for (size_t i = 0; i < BLOCK_CLASSES; i++)
        for (struct block *b = s->blocks[i], *next; b; b = next) {
            next = b->next;
            free(b);
        }
}

/* ---- buffers lent to nodes ------------------------------------------------------------------------------------------ */

static void host_buf_release(struct buf *b, void *owner)
{
    struct host_buf *h = owner;
    (void)b;
    *(h->previous ? &h->previous->next : &h->node->bufs) = h->next;
    if (h->next)
        h->next->previous = h->previous;
    shard_free(h->node->shard, h);
}

struct host_buf *host_buf_frame(struct twin_node *from, size_t size)
{
    struct host_buf *h = shard_alloc(from->shard, sizeof *h + size);
    *h = (struct host_buf){.buf = {.data = (uint8_t *)(h + 1), .size = size, .refs = 1, .release = host_buf_release, .owner = h}};
    return h;
}

void host_buf_lend(struct host_buf *h, struct twin_node *n)
{
    h->node = n;
    h->next = n->bufs;
    if (n->bufs)
        n->bufs->previous = h;
    n->bufs = h;
}

struct buf *host_buf_new(struct twin_node *n, size_t size)
{
    struct host_buf *h = host_buf_frame(n, size);
    host_buf_lend(h, n);
    return &h->buf;
}

void host_bufs_drop(struct twin_node *n)
{
    while (n->bufs) {
        struct host_buf *next = n->bufs->next;
        shard_free(n->shard, n->bufs);
        n->bufs = next;
    }
}

/* ---- queues and outboxes -------------------------------------------------------------------------------------------- */

void node_later(struct twin_node *n, mono_ns at, enum happening kind, uint32_t number, void *data)
{
    if (!n->shard->here) {
        ASSERT(data == NULL); /* serial code that all ranks run */
        return;
    }
    queue_add(&n->shard->queue, &(struct queue_entry){.at = at, .order = queue_order(n->id, n->id, n->sequence++), .kind = (uint16_t)kind,
                                                      .number = number, .data = data});
}

static void outbox_add(struct outbox *o, const struct queue_entry *e)
{
    if (o->count == o->capacity) {
        o->capacity = MAX((size_t)64, o->capacity * 2);
        o->entries = realloc(o->entries, o->capacity * sizeof *o->entries);
        ASSERT(o->entries != NULL);
    }
    o->entries[o->count++] = *e;
}

void node_post(struct twin_node *from, struct twin_node *to, mono_ns at, enum happening kind, uint32_t number, void *data)
{
    const struct engine *engine = from->world->engine;
    struct shard *s = from->shard, *t = to->shard;
    const struct queue_entry e = {.at = at, .order = queue_order(to->id, from->id, from->sequence++), .kind = (uint16_t)kind,
                                  .number = number, .data = data};
    if (s == t || (!engine->in_window && t->here)) {
        queue_add(&t->queue, &e);
        return;
    }
    ASSERT(s->here && (at >= s->window_end || !engine->in_window)); /* nothing reaches another shard within the window */
    outbox_add(&s->outboxes[engine->parity][t->index], &e);
    s->posted_to[engine->parity] |= 1ull << t->index;
    s->posted_first = MIN(s->posted_first, at);
}

/* What others put into their outboxes for this shard in the last window. */
static void inbox_take(struct shard *s)
{
    const struct world *w = s->world;
    unsigned parity = w->engine->parity ^ 1;
    for (size_t i = 0; i < w->shard_count; i++) {
        const struct shard *from = &w->shards[i];
        if (!(from->posted_to[parity] >> s->index & 1))
            continue;
        struct outbox *o = &from->outboxes[parity][s->index];
        for (size_t k = 0; k < o->count; k++)
            queue_add(&s->queue, &o->entries[k]);
        o->count = 0;
    }
}

mono_ns shards_next(const struct world *w)
{
    mono_ns next = TIME_NEVER;
    for (size_t i = 0; i < w->shard_count; i++)
        next = MIN(next, MIN(queue_next(&w->shards[i].queue), w->shards[i].posted_first));
    return next;
}

duration_ns shards_lookahead(const struct world *w)
{
    if (w->shard_count == 1)
        return TIME_NEVER;
    duration_ns light = TIME_NEVER;
    for (size_t i = 0; i < w->shard_count; i++)
        light = MIN(light, w->shards[i].light_min);
    return light >= WINDOW_MAX_NS - FRAMING_NS ? WINDOW_MAX_NS : FRAMING_NS + light;
}

/* ---- a window of one shard ------------------------------------------------------------------------------------------------
 *
 * Steps of thousands of nodes mostly wait for memory. The front of the queue says whose steps come soon, also in the next window:
 * with each step, each of these entries asks for another part of what it will touch (base/expect.h), first of the twin's part of the
 * node, then of the node's.
 */

static void expect_frame(const struct queue_entry *e)
{
    const struct host_buf *frame = e->data;
    expect(frame->buf.data, MIN(frame->buf.size, (size_t)640));
}

static void expect_entry(const struct world *w, const struct queue_entry *e, unsigned stage)
{
    const struct twin_node *n = &w->nodes[queue_order_to(e->order) - 1];
    bool frame = e->kind == HAPPEN_FRAME;
    node_id peer = frame ? queue_order_from(e->order) : NODE_NONE;
    if (stage == 0) {
        expect(n, offsetof(struct twin_node, faults) + 128);
        if (frame)
            expect(e->data, sizeof(struct host_buf));
        return;
    }
    if (stage == 1) {
        link_expect(n, peer, false);
        if (frame)
            expect_frame(e);
    } else if (stage == 2 && frame) {
        link_expect(n, peer, true);
    }
    if (n->node)
        node_expect(n->node, stage - 1, peer);
}

static void expect_front(struct shard *s)
{
    for (size_t i = 0; i < s->queue.front_count; i++) {
        struct queue_entry *e = &s->queue.front[i];
        if (e->told <= EXPECT_STAGES)
            expect_entry(s->world, e, e->told++);
    }
}

/* Also ends early when serial code was asked for meanwhile (one shard only: then it is told at once). */
static void shard_run(struct shard *s)
{
    const struct queue *serial = &s->world->engine->serial;
    bool alone = s->world->shard_count == 1, many = s->world->node_count >= NODES_WORTH_FETCHING;
    struct queue_entry q;
    inbox_take(s);
    while (queue_next(&s->queue) < s->window_end && !(alone && queue_next(serial) <= queue_next(&s->queue))) {
        queue_take(&s->queue, &q);
        if (many)
            expect_front(s);
        s->now = q.at;
        node_happen(world_node(s->world, queue_order_to(q.order)), &q);
    }
}

static void shard_job(void *world, size_t index)
{
    struct world *w = world;
    if (w->shards[index].here)
        shard_run(&w->shards[index]);
}

static uint64_t steps_so_far(const struct world *w)
{
    uint64_t steps = 0;
    for (size_t i = 0; i < w->shard_count; i++)
        steps += w->shards[i].figures.steps;
    return steps;
}

void shards_window(struct world *w, mono_ns end)
{
    struct engine *engine = w->engine;
    engine->parity ^= 1;
    engine->windows++;
    for (size_t i = 0; i < w->shard_count; i++) {
        w->shards[i].window_end = end;
        w->shards[i].posted_to[engine->parity] = 0;
        w->shards[i].posted_first = TIME_NEVER;
    }
    uint64_t before = engine->pool ? steps_so_far(w) : 0;
    engine->in_window = true;
    if (engine->pool && engine->steps_expected >= (w->threads ? STEPS_ASKED_FOR : STEPS_WORTH_THREADS)) {
        pool_run(engine->pool, shard_job, w, w->shard_count);
        engine->crowded_windows++;
    } else {
        for (size_t i = 0; i < w->shard_count; i++)
            shard_job(w, i);
    }
    engine->in_window = false;
    if (engine->pool) /* the last windows tell how full the next one will be */
        engine->steps_expected = (7 * engine->steps_expected + (steps_so_far(w) - before) + 7) / 8;
    if (w->ranks)
        ranks_flush(w);
    else if (w->shard_count > 1)
        records_tell(w);
}

/* ---- which node lives where ------------------------------------------------------------------------------------------- */

static void shard_open(struct world *w, uint32_t index)
{
    struct shard *s = &w->shards[index];
    *s = (struct shard){.world = w, .index = index, .here = true, .now = w->now, .posted_first = TIME_NEVER, .light_min = TIME_NEVER,
                        .figures.battery_min_mwh = UINT64_MAX};
    for (int p = 0; p < 2; p++) {
        s->outboxes[p] = calloc(SHARDS_MAX, sizeof *s->outboxes[p]);
        ASSERT(s->outboxes[p] != NULL);
    }
}

void shards_open(struct world *w)
{
    w->shards = calloc(SHARDS_MAX, sizeof *w->shards);
    ASSERT(w->shards != NULL);
    w->shard_count = 1;
    shard_open(w, 0);
}

static int by_place(const void *a, const void *b)
{
    const struct site *x = *(const struct site *const *)a, *y = *(const struct site *const *)b;
    if (x->plane != y->plane)
        return x->plane < y->plane ? -1 : 1;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

void shards_partition(struct world *w, size_t count)
{
    const struct scenario *s = w->scenario;
    ASSERT(w->shard_count == 1 && count >= 1 && count <= SHARDS_MAX);
    while (w->shard_count < count)
        shard_open(w, (uint32_t)w->shard_count++);
    for (size_t i = 0; i < count && w->ranks; i++) {
        w->shards[i].rank = (unsigned)(i * w->ranks->count / count);
        w->shards[i].here = w->shards[i].rank == w->ranks->rank;
    }
    const struct site **order = calloc(MAX(s->satellite_count, (size_t)1), sizeof(struct site *));
    ASSERT(order != NULL);
    for (size_t i = 0; i < s->satellite_count; i++)
        order[i] = &s->sites[i];
    qsort(order, s->satellite_count, sizeof(struct site *), by_place);
    for (size_t i = 0; i < s->satellite_count; i++)
        world_node(w, order[i]->node)->shard = &w->shards[i * count / s->satellite_count];
    free(order);
    struct queue all = w->shards[0].queue;
    w->shards[0].queue = (struct queue){0};
    struct queue_entry q;
    while (queue_take(&all, &q)) {
        struct shard *home = world_node(w, queue_order_to(q.order))->shard;
        if (home->here)
            queue_add(&home->queue, &q);
        else
            entry_drop(world_node(w, queue_order_to(q.order)), &q);
    }
    queue_free(&all);
}

void shards_close(struct world *w)
{
    for (size_t i = 0; i < w->shard_count; i++) {
        struct shard *s = &w->shards[i];
        struct queue_entry q;
        w->engine->parity ^= 1;
        inbox_take(s);
        w->engine->parity ^= 1;
        inbox_take(s);
        while (queue_take(&s->queue, &q))
            entry_drop(world_node(w, queue_order_to(q.order)), &q);
        queue_free(&s->queue);
    }
    for (size_t i = 0; i < w->shard_count; i++) {
        struct shard *s = &w->shards[i];
        for (int p = 0; p < 2; p++) {
            for (size_t k = 0; k < SHARDS_MAX; k++)
                free(s->outboxes[p][k].entries);
            free(s->outboxes[p]);
        }
        blocks_free(s);
        free(s->records);
    }
    free(w->shards);
}
