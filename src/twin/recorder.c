/* The writer of tracks: an observer of the world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "twin/folder.h"
#include "twin/track.h"
#include "twin/world.h"

enum { RECORD_MAX = 4 << 20, PAIRS_FIRST = 1 << 10, LIVE_NODES_MAX = 100, LIVE_SAMPLE_S = 10 };
#define TRACK_BYTES_MAX (2ull << 30)

struct pair { /* key 0: the slot is free */
    uint64_t key;
    bool up[2]; /* as the lower end and as the higher one say */
    bool told;
    uint64_t bytes[2];
    uint32_t bundles[2], lost[2];
};

struct recorder {
    FILE *file;
    uint64_t written, events;
    struct pair *pairs;
    size_t pair_count, pair_capacity;
    uint32_t sample_s, minutes;
    bool ended;
    uint8_t *buffer;
};

/* ---- records ---------------------------------------------------------------------------------------------------------------- */

static struct writer begin(struct recorder *r, uint8_t kind)
{
    struct writer w = writer_of(r->buffer + 8, RECORD_MAX);
    write_u8(&w, kind);
    return w;
}

static void finish(struct recorder *r, struct writer *w)
{
    if (r->ended || !writer_ok(w))
        return;
    struct writer head = writer_of(r->buffer, 8);
    write_u32(&head, (uint32_t)w->at);
    write_u32(&head, crc32c(w->data, w->at));
    if (r->written + 8 + w->at > TRACK_BYTES_MAX || fwrite(r->buffer, 1, 8 + w->at, r->file) != 8 + w->at) {
        r->ended = true;
        fprintf(stderr, "twin: the track ends here: 2 GiB, or the disk is full; the run goes on\n");
        return;
    }
    r->written += 8 + w->at;
}

static void write_header(struct recorder *r, const struct world *w)
{
    uint8_t bytes[48];
    struct writer h = writer_of(bytes, sizeof bytes);
    write_bytes(&h, "NOCTTRK1", 8);
    write_u64(&h, w->seed);
    write_u64(&h, (uint64_t)w->scenario->epoch);
    write_u64(&h, (uint64_t)w->duration);
    write_u32(&h, (uint32_t)w->node_count);
    write_u32(&h, r->sample_s);
    write_u32(&h, MIN((uint32_t)PROMISE_COUNT, (uint32_t)TRACK_PROMISES_MAX));
    write_u32(&h, crc32c(bytes, 44));
    r->ended = fwrite(bytes, 1, sizeof bytes, r->file) != sizeof bytes;
    r->written = sizeof bytes;
}

static void write_text(struct writer *w, struct span s)
{
    write_blob(w, span_of(s.data, MIN(s.size, (size_t)TRACK_TEXT_MAX)));
}

static void write_names(struct recorder *r, const struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++) {
        const struct site *site = &w->scenario->sites[i];
        struct writer b = begin(r, 1);
        write_u32(&b, (uint32_t)(i + 1));
        write_u8(&b, scenario_is_gateway(w->scenario, (node_id)(i + 1)));
        write_u32(&b, site->plane);
        write_text(&b, span_text(site->name));
        finish(r, &b);
    }
    for (size_t i = 0; i < PROMISE_COUNT && i < TRACK_PROMISES_MAX; i++) {
        struct writer b = begin(r, 8);
        write_u8(&b, (uint8_t)i);
        write_text(&b, span_text(checks_results(w)[i].id));
        write_text(&b, span_text(checks_results(w)[i].text));
        finish(r, &b);
    }
    for (size_t i = 0; i < w->plan.count; i++) {
        const struct fault *f = &w->plan.faults[i];
        char line[FAULT_LINE_MAX];
        fault_line(w->scenario, f, line);
        struct writer b = begin(r, 7);
        write_u64(&b, (uint64_t)(w->scenario->epoch + f->at));
        write_u64(&b, (uint64_t)f->duration);
        write_u32(&b, f->node);
        write_u32(&b, f->peer);
        write_text(&b, span_text(line));
        finish(r, &b);
    }
}

/* ---- links ------------------------------------------------------------------------------------------------------------------- */

static struct pair *pair_slot(struct pair *pairs, size_t capacity, uint64_t key)
{
    size_t at = (size_t)hash64(&key, sizeof key) & (capacity - 1);
    while (pairs[at].key != 0 && pairs[at].key != key)
        at = (at + 1) & (capacity - 1);
    return &pairs[at];
}

static struct pair *pair_of(struct recorder *r, node_id a, node_id b)
{
    uint64_t key = (uint64_t)MIN(a, b) << 32 | MAX(a, b);
    if (2 * (r->pair_count + 1) > r->pair_capacity) {
        size_t capacity = r->pair_capacity ? 2 * r->pair_capacity : PAIRS_FIRST;
        struct pair *pairs = calloc(capacity, sizeof *pairs);
        ASSERT(pairs != NULL);
        for (size_t i = 0; i < r->pair_capacity; i++)
            if (r->pairs[i].key != 0)
                *pair_slot(pairs, capacity, r->pairs[i].key) = r->pairs[i];
        free(r->pairs);
        r->pairs = pairs;
        r->pair_capacity = capacity;
    }
    struct pair *p = pair_slot(r->pairs, r->pair_capacity, key);
    r->pair_count += p->key == 0;
    p->key = key;
    return p;
}

static void pair_tell(struct recorder *r, struct pair *p, tai_ns t)
{
    bool up = p->up[0] && p->up[1];
    if (up == p->told)
        return;
    p->told = up;
    struct writer b = begin(r, 3);
    write_u64(&b, (uint64_t)t);
    write_u32(&b, (uint32_t)(p->key >> 32));
    write_u32(&b, (uint32_t)p->key);
    write_u8(&b, up);
    finish(r, &b);
}

static void end_changed(struct recorder *r, node_id self, node_id peer, bool up, tai_ns t)
{
    struct pair *p = pair_of(r, self, peer);
    p->up[self > peer] = up;
    pair_tell(r, p, t);
}

/* A node that begins anew has no link yet, whatever it said before its crash. */
static void node_began(struct recorder *r, node_id self, tai_ns t)
{
    for (size_t i = 0; i < r->pair_capacity; i++) {
        struct pair *p = &r->pairs[i];
        node_id low = (node_id)(p->key >> 32), high = (node_id)p->key;
        if (p->key != 0 && (low == self || high == self)) {
            p->up[self == high] = false;
            pair_tell(r, p, t);
        }
    }
}

/* ---- what the world tells ------------------------------------------------------------------------------------------------------ */

static bool worth_keeping(enum trace_id id)
{
    return trace_level(id) != 'D' || id == TRACE_OBJECT_PUT || id == TRACE_OBJECT_DELETE;
}

static void on_trace(void *context, const struct twin_node *n, const struct effect_trace *t)
{
    struct recorder *r = context;
    enum trace_id id = (enum trace_id)t->id;
    tai_ns now = world_wall(n->world);
    if (id == TRACE_LINK_UP || id == TRACE_LINK_DOWN || id == TRACE_LINK_LOST)
        end_changed(r, n->id, t->about, id == TRACE_LINK_UP, now);
    else if (id == TRACE_BOOT)
        node_began(r, n->id, now);
    if (!worth_keeping(id) || r->events++ >= TRACK_EVENTS_MAX)
        return;
    struct writer b = begin(r, 4);
    write_u64(&b, (uint64_t)now);
    write_u32(&b, n->id);
    write_u32(&b, t->about);
    write_u16(&b, t->id);
    write_text(&b, t->text);
    finish(r, &b);
}

static void on_frame(void *context, struct world *w, node_id from, node_id to, mono_ns at, const void *bytes, size_t size, bool lost)
{
    struct pair *p = pair_of(context, from, to);
    (void)w;
    (void)at;
    (void)bytes;
    p->bytes[from > to] += size;
    p->bundles[from > to]++;
    p->lost[from > to] += lost;
}

static void write_traffic(struct recorder *r, tai_ns t)
{
    struct writer b = begin(r, 5);
    uint32_t count = 0;
    write_u64(&b, (uint64_t)t);
    size_t at = write_hole(&b, 4);
    for (size_t i = 0; i < r->pair_capacity; i++) {
        struct pair *p = &r->pairs[i];
        for (int k = 0; k < 2 && p->key != 0; k++) {
            if (p->bundles[k] == 0)
                continue;
            node_id low = (node_id)(p->key >> 32), high = (node_id)p->key;
            write_u32(&b, k ? high : low);
            write_u32(&b, k ? low : high);
            write_u64(&b, p->bytes[k]);
            write_u32(&b, p->bundles[k]);
            write_u32(&b, p->lost[k]);
            p->bytes[k] = p->bundles[k] = p->lost[k] = 0;
            count++;
        }
    }
    writer_patch_u32(&b, at, count);
    if (count > 0)
        finish(r, &b);
}

static void write_row(struct writer *b, const struct world *w, const struct twin_node *n)
{
    struct craft_state c = craft_state_of(&n->craft, &scenario_member(w->scenario, n->id)->craft);
    bool satellite = !scenario_is_gateway(w->scenario, n->id), ready = n->node && node_ready(n->node);
    const uint64_t *m = ready ? node_metrics(n->node) : NULL;
    unsigned links = 0;
    for (size_t i = 0; ready && i < node_view(n->node)->count; i++)
        links += node_view(n->node)->members[i].link_up;
    unsigned flags = (n->node ? 1u : 0u) | (ready ? 2u : 0u) | (satellite && c.heater_on ? 4u : 0u) | (satellite && c.shedding ? 8u : 0u);
    write_u8(b, (uint8_t)flags);
    write_u8(b, (uint8_t)MIN(links, 255u));
    write_u16(b, (uint16_t)(satellite ? (uint64_t)c.battery_mwh * 1000 / MAX(c.battery_capacity_mwh, 1u) : 0));
    write_u16(b, (uint16_t)(satellite ? c.core_mk / 100 : 0));
    write_u16(b, (uint16_t)(satellite ? c.radiator_mk / 100 : 0));
    write_u32(b, satellite ? c.generation_mw : 0);
    write_u32(b, satellite ? c.load_mw : 0);
    write_u16(b, (uint16_t)(satellite ? c.sunlit : 0));
    write_u16(b, (uint16_t)(m ? MIN(m[METRIC_REPAIRS_QUEUED], (uint64_t)UINT16_MAX) : 0));
    write_u16(b, (uint16_t)(m ? MIN(m[METRIC_TASKS_RUNNING], (uint64_t)UINT16_MAX) : 0));
    write_u16(b, (uint16_t)MIN(n->lanes_busy_millis, (uint32_t)UINT16_MAX));
    write_u32(b, m ? (uint32_t)m[METRIC_OBJECTS] : 0);
    write_u32(b, m ? (uint32_t)m[METRIC_FACTS] : 0);
}

static void sample(struct recorder *r, struct world *w)
{
    tai_ns t = world_wall(w);
    struct writer b = begin(r, 2);
    write_u64(&b, (uint64_t)t);
    for (size_t i = 0; i < w->node_count; i++)
        write_row(&b, w, &w->nodes[i]);
    finish(r, &b);
    b = begin(r, 6);
    write_u64(&b, (uint64_t)t);
    for (size_t i = 0; i < PROMISE_COUNT && i < TRACK_PROMISES_MAX; i++) {
        write_u64(&b, checks_results(w)[i].evaluated);
        write_u64(&b, checks_results(w)[i].violations);
    }
    finish(r, &b);
    write_traffic(r, t);
}

static void on_sample(void *context, struct world *w)
{
    struct recorder *r = context;
    if (++r->minutes % MAX(r->sample_s / 60, 1u) == 0 && !r->ended)
        sample(r, w);
}

static void sample_live(struct world *w, void *context, uint64_t number)
{
    sample(context, w);
    world_serially(w, w->now + LIVE_SAMPLE_S * NS_PER_S, sample_live, context, number);
}

void recorder_flush(struct recorder *r)
{
    if (r)
        fflush(r->file);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------ */

err recorder_open(struct recorder **out, struct world *w, const char *folder, bool traffic, bool live)
{
    char path[1024];
    struct recorder *r = calloc(1, sizeof *r);
    ASSERT(r != NULL);
    r->buffer = malloc(RECORD_MAX + 8);
    ASSERT(r->buffer != NULL);
    bool often = live && w->node_count <= LIVE_NODES_MAX;
    r->sample_s = often ? LIVE_SAMPLE_S : w->node_count <= 500 ? 60 : w->node_count <= 3000 ? 300 : 900;
    snprintf(path, sizeof path, "%s/%s", folder, TRACK_FILE);
    (void)unlink(path); /* somebody may still watch an earlier run: its file stays whole under the map */
    r->file = folder_make(folder) ? fopen(path, "wb") : NULL;
    if (!r->file) {
        free(r->buffer);
        free(r);
        return ERR_IO;
    }
    write_header(r, w);
    write_names(r, w);
    fflush(r->file);
    world_observe(w, &(struct observer){.context = r, .on_trace = on_trace, .on_sample = often ? NULL : on_sample,
                                        .on_frame = traffic ? on_frame : NULL});
    if (often)
        world_serially(w, w->now + NS_PER_S, sample_live, r, 0);
    *out = r;
    return ERR_OK;
}

void recorder_close(struct recorder *r, struct world *w)
{
    if (!r)
        return;
    struct writer b = begin(r, 9);
    write_u64(&b, (uint64_t)world_wall(w));
    write_u64(&b, world_end_digest(w));
    finish(r, &b);
    if (fclose(r->file) != 0 && !r->ended)
        fprintf(stderr, "twin: the track is not whole: is the disk full?\n");
    free(r->pairs);
    free(r->buffer);
    free(r);
}
