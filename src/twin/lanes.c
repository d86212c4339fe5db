/*
 * twin/lanes.c - modelled lanes and cameras.
 *
 * Model:   a lane keeps its staged files in memory, runs for the time that the compute plane expects, and then answers by
 *          what the application is: `app:checksum` writes a digest of its inputs to out/checksums.txt; `app:change-detection`
 *          finds a change in one pair of pictures of eight (decided by the pictures' digest) and writes out/alert.json, else
 *          exits with 3; `app:spin` writes nothing. A picture is 4 KiB of bytes drawn from place, time and satellite,
 *          so that stores and links are exercised without megabytes of pixels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "twin/shard.h"

enum { PATH_MAX_SIZE = 256, PICTURE_BYTES = 4096, STDOUT_BYTES = 64 };
#define SHUTTER_NS (50 * NS_PER_MS)
#define START_NS (5 * NS_PER_MS)

struct lane_file {
    struct lane_file *next;
    char path[PATH_MAX_SIZE];
    uint8_t *data;
    size_t size;
};

struct lane_state {
    struct lane_state *next;
    uint64_t lane;
    struct lane_file *files;
    char image[PATH_MAX_SIZE];
    bool running;
    mono_ns started_at;
};

struct lane_outcome {
    uint64_t lane;
    enum lane_kind kind;
    char path[PATH_MAX_SIZE];
    uint64_t offset, size;
};

struct scene_outcome {
    uint64_t op, seed;
};

static struct lane_state *lane_of(struct twin_node *n, uint64_t lane, bool make)
{
    for (struct lane_state *l = n->lanes; l; l = l->next)
        if (l->lane == lane)
            return l;
    if (!make)
        return NULL;
    struct lane_state *l = calloc(1, sizeof *l);
    ASSERT(l != NULL);
    l->lane = lane;
    l->next = n->lanes;
    n->lanes = l;
    return l;
}

static struct lane_file *file_of(struct lane_state *l, const char *path, bool make)
{
    struct lane_file *f = l->files;
    while (f && strcmp(f->path, path) != 0)
        f = f->next;
    if (f || !make)
        return f;
    f = calloc(1, sizeof *f);
    ASSERT(f != NULL);
    text_copy(f->path, sizeof f->path, span_text(path));
    f->next = l->files;
    l->files = f;
    return f;
}

static void file_write(struct lane_file *f, uint64_t offset, struct span data)
{
    size_t end = offset + data.size;
    if (end > f->size) {
        f->data = realloc(f->data, MAX(end, (size_t)1));
        ASSERT(f->data != NULL);
        memset(f->data + f->size, 0, end - f->size);
        f->size = end;
    }
    if (data.size)
        memcpy(f->data + offset, data.data, data.size);
}

static void lane_free(struct lane_state *l)
{
    while (l->files) {
        struct lane_file *next = l->files->next;
        free(l->files->data);
        free(l->files);
        l->files = next;
    }
    free(l);
}

void lanes_drop(struct twin_node *n)
{
    while (n->lanes) {
        struct lane_state *next = n->lanes->next;
        lane_free(n->lanes);
        n->lanes = next;
    }
}

static void lane_remove(struct twin_node *n, uint64_t lane)
{
    for (struct lane_state **at = &n->lanes; *at; at = &(*at)->next) {
        if ((*at)->lane != lane)
            continue;
        struct lane_state *l = *at;
        *at = l->next;
        lane_free(l);
        return;
    }
}

static void outcome_queue(struct twin_node *n, duration_ns after, const struct lane_outcome *o)
{
    struct lane_outcome *copy = shard_alloc(n->shard, sizeof *copy);
    *copy = *o;
    node_later(n, node_now(n) + after, HAPPEN_LANE, n->boot, copy);
}

void lane_effect(struct twin_node *n, const struct effect_lane *e)
{
    struct lane_outcome o = {.lane = e->lane, .offset = e->offset, .size = e->size};
    struct lane_state *l = lane_of(n, e->lane, e->kind == LANE_FILE || e->kind == LANE_START);
    text_copy(o.path, sizeof o.path, e->path);
    switch (e->kind) {
    case LANE_FILE: {
        file_write(file_of(l, o.path, true), e->offset, slice_span(e->data));
        struct slice data = e->data;
        slice_drop(&data);
        break;
    }
    case LANE_START:
        text_copy(l->image, sizeof l->image, e->image);
        l->running = true;
        l->started_at = node_now(n);
        o.kind = LANE_STARTED;
        outcome_queue(n, START_NS, &o);
        o.kind = LANE_EXITED;
        outcome_queue(n, START_NS + MAX(e->modelled_ns, NS_PER_MS), &o);
        break;
    case LANE_STOP:
        if (l && l->running) {
            o.kind = LANE_STOP;
            outcome_queue(n, NS_PER_MS, &o);
        }
        break;
    case LANE_READ:
        o.kind = LANE_DATA;
        outcome_queue(n, NS_PER_MS, &o);
        break;
    case LANE_REMOVE:
        lane_remove(n, e->lane);
        break;
    case LANE_STARTED:
    case LANE_EXITED:
    case LANE_DATA:
    case LANE_FAILED:
        ASSERT(false && "an outcome is no effect");
    }
}

/* Order of staging must not matter: the digests of the files are combined by addition. */
static uint64_t files_digest(const struct lane_state *l)
{
    uint64_t sum = 0;
    for (const struct lane_file *f = l->files; f; f = f->next)
        sum += hash64_seeded(hash64(f->path, strlen(f->path)), f->data, f->size);
    return sum;
}

static int32_t application_run(struct lane_state *l)
{
    uint64_t digest = files_digest(l);
    char text[128];
    if (strcmp(l->image, "app:change-detection") == 0) {
        if (digest % 8 != 0)
            return 3;
        int n = snprintf(text, sizeof text, "{\"kind\":\"modelled\",\"digest\":\"%016llx\"}\n", (unsigned long long)digest);
        file_write(file_of(l, "out/alert.json", true), 0, span_of(text, (size_t)n));
    } else if (strcmp(l->image, "app:checksum") == 0) {
        int n = snprintf(text, sizeof text, "%016llx\n", (unsigned long long)digest);
        file_write(file_of(l, "out/checksums.txt", true), 0, span_of(text, (size_t)n));
    }
    return 0;
}

static void lane_exit(struct twin_node *n, struct lane_state *l, bool stopped)
{
    l->running = false;
    uint64_t wall_us = (uint64_t)((node_now(n) - l->started_at) / 1000);
    struct event e = {.kind = EVENT_LANE, .lane = {.lane = l->lane, .kind = LANE_EXITED}};
    e.lane.usage = (struct lane_usage){.exit_code = stopped ? -1 : application_run(l), .signal = stopped ? 15 : 0,
                                       .cpu_us = wall_us, .memory_peak_bytes = 8 << 20, .wall_us = wall_us};
    e.lane.output = SPAN_LITERAL("modelled run\n");
    node_event(n, &e);
}

static void lane_data(struct twin_node *n, struct lane_state *l, const struct lane_outcome *o)
{
    const struct lane_file *f = l ? file_of(l, o->path, false) : NULL;
    struct event e = {.kind = EVENT_LANE,
                      .lane = {.lane = o->lane, .kind = LANE_DATA, .path = span_text(o->path), .offset = o->offset,
                               .status = f ? ERR_OK : ERR_NOT_FOUND, .size = f ? f->size : 0}};
    struct buf *b = NULL;
    if (f && o->offset < f->size) {
        size_t size = MIN(o->size, f->size - o->offset);
        b = host_buf_new(n, size);
        memcpy(b->data, f->data + o->offset, size);
        e.lane.data = slice_of(b, 0, size);
    }
    node_event(n, &e);
    buf_unref(b);
}

void lane_happen(struct twin_node *n, uint32_t boot, void *data)
{
    struct lane_outcome *o = data;
    struct lane_state *l = n->boot == boot && n->node ? lane_of(n, o->lane, false) : NULL;
    struct event started = {.kind = EVENT_LANE, .lane = {.lane = o->lane, .kind = LANE_STARTED}};
    if (n->boot != boot || !n->node) {
        /* the node that asked is no more */
    } else if (o->kind == LANE_DATA) {
        lane_data(n, l, o);
    } else if (l && l->running && o->kind == LANE_STARTED) {
        node_event(n, &started);
    } else if (l && l->running) {
        lane_exit(n, l, o->kind == LANE_STOP);
    }
    shard_free(n->shard, o);
}

void scene_effect(struct twin_node *n, const struct effect_capture *e)
{
    struct scene_outcome *o = shard_alloc(n->shard, sizeof *o);
    *o = (struct scene_outcome){.op = e->op, .seed = hash_mix(hash64(e->tile, strlen(e->tile)), (uint64_t)e->wall ^ n->id)};
    node_later(n, node_now(n) + SHUTTER_NS, HAPPEN_SCENE, n->boot, o);
}

void scene_happen(struct twin_node *n, uint32_t boot, void *data)
{
    struct scene_outcome *o = data;
    if (n->boot == boot && n->node) {
        struct buf *b = host_buf_new(n, PICTURE_BYTES);
        struct rng r = rng_stream(n->world->seed, o->seed);
        for (size_t i = 0; i < PICTURE_BYTES; i += 8) {
            uint64_t v = rng_u64(&r);
            memcpy(b->data + i, &v, 8);
        }
        struct event e = {.kind = EVENT_SCENE, .scene = {.op = o->op, .data = slice_of(b, 0, PICTURE_BYTES)}};
        node_event(n, &e);
        buf_unref(b);
    }
    shard_free(n->shard, o);
}
