#include "host/disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/segments.h"

enum { READERS = 2, SPARES_MOST_CHUNKS = 4, SPARES_MOST_LOG = 2 };

struct task { /* one effect on its way */
    struct task *next;
    struct effect_disk effect;
    struct buf *read; /* filled by a worker, made on the loop */
    err status;
};

struct queue {
    struct task *first, **last;
};

struct area {
    struct disk *disk;
    struct segments *segments;
    pthread_t thread;
    pthread_cond_t wake;
    struct queue waiting; /* guarded by disk->lock */
    struct task *writing; /* what is left of the batch in the writer's hands; guarded by disk->lock */
    uint64_t used_at_open;
};

struct disk {
    struct disk_config config;
    struct area areas[AREA_COUNT];
    pthread_t readers[READERS], preparer;
    pthread_mutex_t lock;
    pthread_cond_t read_wake, prepare_wake;
    struct queue reads, answered;
    bool stopping, prepare_asked;
    int threads_running; /* how far starting went */
    size_t pending;      /* loop thread only */
    uv_async_t async;
};

static const char *const area_names[AREA_COUNT] = {"facts", "chunks", "spool"};
static const uint64_t segment_defaults[AREA_COUNT] = {4u << 20, 64u << 20, 4u << 20};

static void queue_init(struct queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static void queue_push(struct queue *q, struct task *t)
{
    t->next = NULL;
    *q->last = t;
    q->last = &t->next;
}

static struct task *queue_pop(struct queue *q)
{
    struct task *t = q->first;
    if (t && !(q->first = t->next))
        q->last = &q->first;
    return t;
}

static struct task *queue_take_all(struct queue *q)
{
    struct task *t = q->first;
    queue_init(q);
    return t;
}

/* ---- worker side ------------------------------------------------------------------------------------------------ */

static void perform(struct area *a, struct task *t)
{
    const struct effect_disk *e = &t->effect;
    switch (e->kind) {
    case DISK_READ: t->status = segments_read(a->segments, e->offset, t->read->data, (size_t)e->size); break;
    case DISK_WRITE: {
        struct span parts[2] = {slice_span(e->parts[0]), slice_span(e->parts[1])};
        t->status = segments_write(a->segments, e->offset, parts, 2);
        break;
    }
    case DISK_SYNC: t->status = segments_sync(a->segments); break;
    case DISK_DISCARD: t->status = ERR_OK; break;
    }
}

/* Hands finished tasks to the loop. */
static void answer(struct disk *d, struct task *t)
{
    pthread_mutex_lock(&d->lock);
    queue_push(&d->answered, t);
    pthread_mutex_unlock(&d->lock);
    uv_async_send(&d->async);
}

/* Writes and reads in order at once; the syncs of the batch share one, after the last write. */
static void perform_batch(struct area *a, struct task *batch)
{
    struct disk *d = a->disk;
    struct queue syncs;
    queue_init(&syncs);
    err earlier = ERR_OK; /* a write that failed must fail the syncs behind it */
    for (struct task *t = batch, *next; t; t = next) {
        next = t->next;
        if (t->effect.kind != DISK_SYNC)
            perform(a, t);
        pthread_mutex_lock(&d->lock);
        a->writing = next; /* from here on nobody walks to t */
        pthread_mutex_unlock(&d->lock);
        if (t->effect.kind == DISK_SYNC) {
            t->status = earlier;
            queue_push(&syncs, t);
            continue;
        }
        if (t->effect.kind == DISK_WRITE && t->status == ERR_IO)
            earlier = ERR_IO;
        answer(d, t);
    }
    if (!syncs.first)
        return;
    err status = segments_sync(a->segments);
    for (struct task *t; (t = queue_pop(&syncs));) {
        t->status = t->status == ERR_OK ? status : t->status;
        answer(d, t);
    }
}

static void *writer_main(void *argument)
{
    struct area *a = argument;
    struct disk *d = a->disk;
    pthread_mutex_lock(&d->lock);
    for (;;) {
        while (!a->waiting.first && !d->stopping)
            pthread_cond_wait(&a->wake, &d->lock);
        struct task *batch = queue_take_all(&a->waiting);
        if (!batch)
            break;
        a->writing = batch;
        pthread_mutex_unlock(&d->lock);
        uint64_t used = segments_used_bytes(a->segments);
        perform_batch(a, batch);
        bool grew = segments_used_bytes(a->segments) != used;
        pthread_mutex_lock(&d->lock);
        if (grew) {
            d->prepare_asked = true;
            pthread_cond_signal(&d->prepare_wake);
        }
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void *reader_main(void *argument)
{
    struct disk *d = argument;
    pthread_mutex_lock(&d->lock);
    for (;;) {
        while (!d->reads.first && !d->stopping)
            pthread_cond_wait(&d->read_wake, &d->lock);
        struct task *t = queue_pop(&d->reads);
        if (!t)
            break;
        pthread_mutex_unlock(&d->lock);
        perform(&d->areas[t->effect.area], t);
        answer(d, t);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void *preparer_main(void *argument)
{
    struct disk *d = argument;
    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        bool worked = false;
        d->prepare_asked = false;
        pthread_mutex_unlock(&d->lock);
        for (int i = 0; i < AREA_COUNT; i++)
            worked |= segments_prepare(d->areas[i].segments);
        pthread_mutex_lock(&d->lock);
        while (!worked && !d->stopping && !d->prepare_asked)
            pthread_cond_wait(&d->prepare_wake, &d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* ---- loop side -------------------------------------------------------------------------------------------------- */

static bool overlaps(const struct task *t, uint64_t offset, uint64_t size)
{
    const struct effect_disk *e = &t->effect;
    return e->kind == DISK_WRITE && e->offset < offset + size && offset < e->offset + e->size;
}

/* With the lock held: does a queued or running write touch these bytes? */
static bool must_wait(const struct area *a, uint64_t offset, uint64_t size)
{
    for (const struct task *t = a->writing; t; t = t->next)
        if (overlaps(t, offset, size))
            return true;
    for (const struct task *t = a->waiting.first; t; t = t->next)
        if (overlaps(t, offset, size))
            return true;
    return false;
}

static void drop_parts(struct effect_disk *e)
{
    if (e->kind != DISK_WRITE)
        return;
    slice_drop(&e->parts[0]);
    slice_drop(&e->parts[1]);
}

static void finish(struct disk *d, struct task *t)
{
    struct event_done done = {.op = t->effect.op, .status = t->status};
    drop_parts(&t->effect);
    if (t->effect.kind == DISK_READ && t->status == ERR_OK)
        done.data = slice_of(t->read, 0, (size_t)t->effect.size);
    else
        buf_unref(t->read);
    free(t);
    d->pending--;
    d->config.done(d->config.context, &done);
}

static void drain(struct disk *d)
{
    pthread_mutex_lock(&d->lock);
    struct task *t = queue_take_all(&d->answered);
    pthread_mutex_unlock(&d->lock);
    for (struct task *next; t; t = next) {
        next = t->next;
        finish(d, t);
    }
}

static void on_async(uv_async_t *handle)
{
    drain(handle->data);
}

static void keep_part(struct slice *s)
{
    if (s->buf || s->size == 0)
        return;
    struct buf *copy = buf_new_malloc(s->size); /* borrowed bytes last only for the step */
    memcpy(copy->data, s->data, s->size);
    *s = slice_of(copy, 0, copy->size);
}

void disk_submit(struct disk *d, const struct effect_disk *effect)
{
    ASSERT((unsigned)effect->area < AREA_COUNT && !d->stopping);
    struct task *t = calloc(1, sizeof *t);
    ASSERT(t);
    t->effect = *effect;
    d->pending++;
    struct area *a = &d->areas[effect->area];
    if (effect->kind == DISK_WRITE) {
        ASSERT(effect->parts[0].size + effect->parts[1].size == effect->size);
        keep_part(&t->effect.parts[0]);
        keep_part(&t->effect.parts[1]);
    }
    pthread_mutex_lock(&d->lock);
    if (effect->kind == DISK_READ && effect->size > d->config.capacity_bytes[effect->area]) {
        t->status = ERR_RANGE;
        t->read = NULL;
        queue_push(&d->answered, t);
        uv_async_send(&d->async);
    } else if (effect->kind == DISK_READ) {
        t->read = buf_new_malloc((size_t)effect->size);
        bool wait = must_wait(a, effect->offset, effect->size);
        queue_push(wait ? &a->waiting : &d->reads, t);
        pthread_cond_signal(wait ? &a->wake : &d->read_wake);
    } else {
        queue_push(&a->waiting, t);
        pthread_cond_signal(&a->wake);
    }
    pthread_mutex_unlock(&d->lock);
}

size_t disk_pending(const struct disk *d)
{
    return d->pending;
}

uint64_t disk_used_bytes(const struct disk *d, enum disk_area area)
{
    return d->areas[area].used_at_open;
}

static err open_areas(struct disk *d, const struct disk_config *config)
{
    if (mkdir(config->directory, 0700) != 0 && errno != EEXIST)
        return ERR_IO;
    for (int i = 0; i < AREA_COUNT; i++) {
        struct area *a = &d->areas[i];
        char path[4096];
        if (snprintf(path, sizeof path, "%s/%s", config->directory, area_names[i]) >= (int)sizeof path)
            return ERR_TOO_LARGE;
        struct segments_config segments = {
            .directory = path,
            .segment_bytes = config->segment_bytes[i] ? config->segment_bytes[i] : segment_defaults[i],
            .capacity_bytes = config->capacity_bytes[i],
            .spares_most = !config->prepare ? 0 : i == AREA_CHUNKS ? SPARES_MOST_CHUNKS : SPARES_MOST_LOG,
            .fail = config->fail,
            .fail_context = config->fail_context,
        };
        a->disk = d;
        queue_init(&a->waiting);
        pthread_cond_init(&a->wake, NULL);
        TRY(segments_open(&a->segments, &segments));
        a->used_at_open = MIN(segments_used_bytes(a->segments), config->capacity_bytes[i]);
    }
    return ERR_OK;
}

static void start_threads(struct disk *d)
{
    for (int i = 0; i < AREA_COUNT; i++)
        ASSERT(pthread_create(&d->areas[i].thread, NULL, writer_main, &d->areas[i]) == 0);
    for (int i = 0; i < READERS; i++)
        ASSERT(pthread_create(&d->readers[i], NULL, reader_main, d) == 0);
    ASSERT(pthread_create(&d->preparer, NULL, preparer_main, d) == 0);
}

static void close_areas(struct disk *d)
{
    for (int i = 0; i < AREA_COUNT; i++)
        segments_close(d->areas[i].segments);
}

err disk_open(struct disk **out, const struct disk_config *config)
{
    struct disk *d = calloc(1, sizeof *d);
    ASSERT(d);
    d->config = *config;
    d->config.directory = NULL;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->read_wake, NULL);
    pthread_cond_init(&d->prepare_wake, NULL);
    queue_init(&d->reads);
    queue_init(&d->answered);
    err status = open_areas(d, config);
    if (status == ERR_OK && uv_async_init(config->loop, &d->async, on_async) != 0)
        status = ERR_IO;
    if (status != ERR_OK) {
        close_areas(d);
        free(d);
        return status;
    }
    d->async.data = d;
    start_threads(d);
    *out = d;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void disk_close(struct disk *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    for (int i = 0; i < AREA_COUNT; i++)
        pthread_cond_broadcast(&d->areas[i].wake);
    pthread_cond_broadcast(&d->read_wake);
    pthread_cond_broadcast(&d->prepare_wake);
    pthread_mutex_unlock(&d->lock);
    for (int i = 0; i < AREA_COUNT; i++)
        pthread_join(d->areas[i].thread, NULL);
    for (int i = 0; i < READERS; i++)
        pthread_join(d->readers[i], NULL);
    pthread_join(d->preparer, NULL);
    drain(d);
    close_areas(d);
    uv_close((uv_handle_t *)&d->async, on_closed);
}
