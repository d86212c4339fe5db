/* What the console asks, answered from a track. docs/protocol/region-api.md has the shapes, docs/protocol/twin-console.md what differs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/twin_console_inner.h"
#include "core/port.h"
#include "orbit/frames.h"
#include "orbit/sky.h"

enum { EVENTS_GIVEN = 500, LIST_MOST = 200, TASKS_MOST = 100, FAULTS_SHOWN = 12, NAME_SIZE = 1100 };

void twin_console_query(struct span query, const char *name, char *out, size_t size)
{
    size_t length = strlen(name), used = 0;
    out[0] = 0;
    for (size_t at = 0; at < query.size;) {
        const uint8_t *end = memchr(query.data + at, '&', query.size - at);
        size_t stop = end ? (size_t)(end - query.data) : query.size;
        if (stop - at > length && memcmp(query.data + at, name, length) == 0 && query.data[at + length] == '=') {
            for (size_t i = at + length + 1; i < stop && used + 1 < size; i++) {
                uint8_t byte = query.data[i] == '+' ? ' ' : query.data[i];
                if (byte == '%' && i + 2 < stop && hex_decode(span_of(query.data + i + 1, 2), &byte, 1) == ERR_OK)
                    i += 2;
                out[used++] = (char)byte;
            }
            out[used] = 0;
            return;
        }
        at = stop + 1;
    }
}

/* ---- state --------------------------------------------------------------------------------------------------------------------- */

static double unix_ms(tai_ns t)
{
    return (double)(t / NS_PER_MS) - TAI_MINUS_UTC_S * 1000.0;
}

static void vector_json(struct text *t, const char *key, const double v[3])
{
    json_array(t, key);
    for (int i = 0; i < 3; i++)
        json_double(t, NULL, v[i]);
    json_end(t);
}

static void position_json(struct twin_console *c, struct text *t, node_id id, tai_ns now)
{
    struct state s;
    if (sky_position(c->sky, id, now, &s) != ERR_OK)
        return;
    json_double(t, "lat_deg", s.latitude_deg);
    json_double(t, "lon_deg", s.longitude_deg);
    json_double(t, "alt_km", s.altitude_km);
    vector_json(t, "r_teme_km", s.r_teme_km);
    vector_json(t, "v_teme_km_s", s.v_teme_km_s);
    json_double(t, "sunlit", s.sunlit);
}

struct link_list {
    struct pair { node_id a, b; } *pairs;
    size_t count, capacity;
};

static void link_found(void *context, node_id a, node_id b, tai_ns since)
{
    struct link_list *l = context;
    (void)since;
    if (l->count == l->capacity) {
        l->capacity = 2 * l->capacity + 64;
        l->pairs = realloc(l->pairs, l->capacity * sizeof *l->pairs);
        ASSERT(l->pairs);
    }
    l->pairs[l->count++] = (struct pair){a, b};
}

static void row_json(const struct twin_console *c, struct text *t, const struct track_node *n, const struct track_row *r, tai_ns when)
{
    char text[40];
    time_utc_text(when, 0, text);
    double capacity_mwh = scenario_member(c->options.scenario, n->id)->craft.battery_wh * 1000;
    json_string(t, "status_time", text);
    json_string(t, "health", r->shedding ? "survival" : "nominal");
    if (!n->gateway) {
        json_uint(t, "battery_mwh", (uint64_t)(capacity_mwh * r->battery_permille / 1000));
        json_uint(t, "battery_capacity_mwh", (uint64_t)capacity_mwh);
        json_uint(t, "generation_mw", r->generation_mw);
        json_uint(t, "load_mw", r->load_mw);
        json_double(t, "core_celsius", r->core_k - 273.15);
        json_double(t, "radiator_celsius", r->radiator_k - 273.15);
        json_uint(t, "sunlit_permille", r->sunlit_permille);
    }
    json_uint(t, "lanes_millis", c->options.scenario->node.lanes_millis);
    json_uint(t, "lanes_busy_millis", r->lanes_busy_millis);
    json_uint(t, "tasks_running", r->tasks);
    json_uint(t, "repairs_queued", r->repairs);
}

static void nodes_json(struct twin_console *c, struct text *t, tai_ns now, size_t sample, const struct link_list *links)
{
    json_array(t, "nodes");
    for (size_t i = 0; i < c->track.node_count; i++) {
        const struct track_node *n = &c->track.nodes[i];
        struct track_row r = c->track.sample_count ? track_row_of(&c->track, sample, n->id) : (struct track_row){.up = true, .ready = true};
        json_object(t, NULL);
        json_uint(t, "id", n->id);
        json_string(t, "name", n->name);
        json_string(t, "role", n->gateway ? "gateway" : "satellite");
        json_string(t, "state", r.up ? "alive" : "convicted");
        json_bool(t, "self", false);
        json_uint(t, "plane", n->plane);
        position_json(c, t, n->id, now);
        if (c->track.sample_count)
            row_json(c, t, n, &r, c->track.samples[sample].t);
        json_array(t, "links");
        for (size_t k = 0; k < links->count; k++)
            if (links->pairs[k].a == n->id || links->pairs[k].b == n->id)
                json_uint(t, NULL, links->pairs[k].a == n->id ? links->pairs[k].b : links->pairs[k].a);
        json_end(t);
        json_end(t);
    }
    json_end(t);
}

static void counts_json(const struct twin_console *c, struct text *t, size_t sample)
{
    uint64_t objects = 0, facts = 0, repairs = 0, tasks = 0;
    for (size_t i = 0; i < c->track.node_count && c->track.sample_count; i++) {
        struct track_row r = track_row_of(&c->track, sample, (node_id)(i + 1));
        objects = MAX(objects, (uint64_t)r.objects);
        facts = MAX(facts, (uint64_t)r.facts);
        repairs += r.repairs;
        tasks += r.tasks;
    }
    json_object(t, "counts");
    json_uint(t, "objects", objects);
    json_uint(t, "facts", facts);
    json_uint(t, "repairs_queued", repairs);
    json_uint(t, "tasks_running", tasks);
    json_end(t);
}

static void promises_json(const struct twin_console *c, struct text *t, tai_ns now)
{
    const struct track_promises *last = NULL;
    for (size_t i = 0; i < c->track.promises_count && c->track.promises[i].t <= now; i++)
        last = &c->track.promises[i];
    json_array(t, "promises");
    for (size_t i = 0; last && i < c->track.promise_count; i++) {
        json_object(t, NULL);
        json_string(t, "id", c->track.promise_id[i]);
        json_string(t, "text", c->track.promise_text[i]);
        json_uint(t, "evaluated", last->evaluated[i]);
        json_uint(t, "violations", last->violations[i]);
        json_end(t);
    }
    json_end(t);
}

/* The faults that act now, and the last ones that did. */
static void faults_json(const struct twin_console *c, struct text *t, tai_ns now)
{
    size_t past = 0;
    while (past < c->track.fault_count && c->track.faults[past].t <= now)
        past++;
    json_uint(t, "faults_past", past);
    json_uint(t, "faults_planned", c->track.fault_count);
    json_array(t, "faults");
    for (size_t i = past > FAULTS_SHOWN ? past - FAULTS_SHOWN : 0; i < past; i++) {
        const struct track_fault *f = &c->track.faults[i];
        const char *space = strchr(f->line, ' '); /* the line begins with its instant in seconds */
        json_object(t, NULL);
        json_double(t, "at_ms", unix_ms(f->t));
        json_double(t, "duration_s", (double)f->duration / 1e9);
        json_bool(t, "active", f->duration > 0 && now < f->t + f->duration);
        json_string(t, "text", space ? space + 1 : f->line);
        json_end(t);
    }
    json_end(t);
}

static void twin_json(struct twin_console *c, struct text *t, const char *key, tai_ns now)
{
    json_object(t, key);
    json_string(t, "mode", c->options.live ? "watch" : "replay");
    json_string(t, "scenario", c->options.scenario->name);
    json_uint(t, "seed", c->track.seed);
    json_double(t, "start_ms", unix_ms(c->track.epoch));
    json_double(t, "end_ms", unix_ms(twin_console_end(c)));
    json_double(t, "at_ms", unix_ms(now));
    json_bool(t, "playing", c->playing);
    json_double(t, "speed", c->speed);
    json_bool(t, "growing", c->options.live ? !atomic_load(&c->options.live->done) : c->options.follow && !c->track.ended);
    json_bool(t, "at_edge", c->at_edge);
    promises_json(c, t, now);
    faults_json(c, t, now);
    json_end(t);
}

static void state_json(struct twin_console *c, struct text *t)
{
    tai_ns now = twin_console_now(c);
    size_t sample = track_sample_at(&c->track, now);
    struct link_list links = {0};
    struct state any;
    char when[40];
    track_links_at(&c->track, now, link_found, &links);
    time_utc_text(now, 3, when);
    json_object(t, NULL);
    json_string(t, "region", c->options.scenario->region);
    json_string(t, "time", when);
    json_double(t, "unix_ms", unix_ms(now));
    json_double(t, "speed", c->playing ? c->speed : 0);
    json_double(t, "gmst_rad", frames_gmst(now));
    if (sky_position(c->sky, 1, now, &any) == ERR_OK)
        vector_json(t, "sun_teme_km", any.sun_teme_km);
    json_string(t, "gateway", "the twin");
    nodes_json(c, t, now, sample, &links);
    json_array(t, "links");
    for (size_t i = 0; i < links.count; i++) {
        json_array(t, NULL);
        json_uint(t, NULL, links.pairs[i].a);
        json_uint(t, NULL, links.pairs[i].b);
        json_end(t);
    }
    json_end(t);
    counts_json(c, t, sample);
    json_uint(t, "event_last", twin_console_events_until(c, now));
    twin_json(c, t, "twin", now);
    json_end(t);
    free(links.pairs);
}

/* ---- events ---------------------------------------------------------------------------------------------------------------------- */

void twin_console_event(const struct twin_console *c, size_t index, struct text *out)
{
    const struct track_event *e = &c->track.events[index];
    const char level[2] = {trace_level((enum trace_id)e->id), 0};
    char when[40];
    time_utc_text(e->t, 3, when);
    json_object(out, NULL);
    json_uint(out, "n", index + 1);
    json_string(out, "time", when);
    json_string(out, "event", trace_name((enum trace_id)e->id));
    json_string(out, "level", level);
    json_string(out, "node", track_name(&c->track, e->node));
    json_span(out, "text", track_event_text(&c->track, e));
    json_end(out);
}

static void events_json(struct twin_console *c, struct span query, struct text *out)
{
    char since_text[32];
    uint64_t since = 0;
    size_t last = twin_console_events_until(c, twin_console_now(c));
    twin_console_query(query, "since", since_text, sizeof since_text);
    if (parse_u64(span_text(since_text), UINT64_MAX - 1, &since) != ERR_OK || since > last)
        since = last;
    json_object(out, NULL);
    json_uint(out, "last", last);
    json_array(out, "events");
    for (size_t i = MAX((size_t)since, last > EVENTS_GIVEN ? last - EVENTS_GIVEN : 0); i < last; i++)
        twin_console_event(c, i, out);
    json_end(out);
    json_end(out);
}

/* ---- objects and tasks, as far as the track tells of them ---------------------------------------------------------------------------- */

struct listed {
    struct span name; /* BUCKET/KEY */
    tai_ns t;
    size_t order;
    uint64_t size;
    bool there;
};

static int listed_compare(const void *a, const void *b)
{
    const struct listed *p = a, *q = b;
    int c = span_compare(p->name, q->name);
    return c ? c : p->order < q->order ? -1 : 1;
}

/* "BUCKET/KEY, 17 bytes" */
static uint64_t size_told(struct span text, const uint8_t *comma)
{
    uint64_t size = 0;
    const uint8_t *end = comma ? memchr(comma, 'b', text.size - (size_t)(comma - text.data)) : NULL;
    if (end && end - comma > 3 && parse_u64(span_of(comma + 2, (size_t)(end - comma) - 3), UINT64_MAX - 1, &size) != ERR_OK)
        return 0;
    return size;
}

/* What was put and deleted until now, by name, each with its last event. Free the result. */
static struct listed *objects_at(const struct twin_console *c, size_t last, size_t *count)
{
    struct listed *rows = malloc((last + 1) * sizeof *rows);
    size_t n = 0, kept = 0;
    ASSERT(rows);
    for (size_t i = 0; i < last; i++) {
        const struct track_event *e = &c->track.events[i];
        struct span text = track_event_text(&c->track, e);
        const uint8_t *comma = text.size ? memchr(text.data, ',', text.size) : NULL;
        if (e->id == TRACE_OBJECT_PUT || e->id == TRACE_OBJECT_DELETE)
            rows[n++] = (struct listed){comma ? span_of(text.data, (size_t)(comma - text.data)) : text, e->t, i, size_told(text, comma),
                                        e->id == TRACE_OBJECT_PUT};
    }
    qsort(rows, n, sizeof *rows, listed_compare);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || !span_equal(rows[i].name, rows[i + 1].name))
            rows[kept++] = rows[i];
    *count = kept;
    return rows;
}

static void entry_json(struct text *out, struct span name, bool prefix, const struct listed *l)
{
    char when[40];
    json_object(out, NULL);
    json_span(out, "name", name);
    if (prefix) {
        json_bool(out, "prefix", true);
    } else {
        time_utc_text(l->t, 3, when);
        json_string(out, "modified", when);
        json_uint(out, "size", l->size);
    }
    json_end(out);
}

static void bucket_json(struct text *out, const struct scenario_bucket *b, tai_ns epoch)
{
    char when[40];
    time_utc_text(epoch, 3, when);
    json_object(out, NULL);
    json_string(out, "name", b->name);
    json_string(out, "modified", when);
    json_uint(out, "copies", b->policy.copies);
    json_string(out, "place", b->policy.where == PLACE_ORBIT ? "orbit" : "any");
    json_end(out);
}

static void buckets_json(const struct twin_console *c, struct text *out)
{
    json_object(out, NULL);
    json_bool(out, "truncated", false);
    json_array(out, "buckets");
    for (size_t i = 0; i < c->options.scenario->bucket_count; i++)
        bucket_json(out, &c->options.scenario->buckets[i], c->track.epoch);
    json_end(out);
    json_end(out);
}

static void objects_json(struct twin_console *c, struct span query, struct text *out)
{
    char bucket[80], prefix[NAME_SIZE], after[NAME_SIZE], whole[NAME_SIZE + 80];
    size_t count, given = 0;
    twin_console_query(query, "bucket", bucket, sizeof bucket);
    if (!bucket[0]) {
        buckets_json(c, out);
        return;
    }
    twin_console_query(query, "prefix", prefix, sizeof prefix);
    twin_console_query(query, "after", after, sizeof after);
    snprintf(whole, sizeof whole, "%s/%s", bucket, prefix);
    struct listed *rows = objects_at(c, twin_console_events_until(c, twin_console_now(c)), &count);
    struct span start = span_text(whole), last = {0};
    json_object(out, NULL);
    json_array(out, "objects");
    for (size_t i = 0; i < count && given < LIST_MOST; i++) {
        if (!rows[i].there || rows[i].name.size <= start.size || memcmp(rows[i].name.data, start.data, start.size) != 0)
            continue;
        struct span key = span_of(rows[i].name.data + strlen(bucket) + 1, rows[i].name.size - strlen(bucket) - 1);
        const uint8_t *slash = memchr(key.data + strlen(prefix), '/', key.size - strlen(prefix));
        struct span name = slash ? span_of(key.data, (size_t)(slash - key.data) + 1) : key;
        if (span_equal(name, last) || (after[0] && span_compare(name, span_text(after)) <= 0))
            continue;
        entry_json(out, name, slash != NULL, &rows[i]);
        last = name;
        given++;
    }
    json_end(out);
    json_bool(out, "truncated", given == LIST_MOST);
    json_end(out);
    free(rows);
}

static const char *task_state_of(enum trace_id id, struct span text)
{
    if (id == TRACE_TASK_STARTED || id == TRACE_TASK_TAKEOVER)
        return "RUNNING";
    if (id != TRACE_TASK_ENDED)
        return "QUEUED";
    for (size_t i = 0; i + 8 <= text.size; i++)
        if (memcmp(text.data + i, "COMPLETE", 8) == 0)
            return "COMPLETE";
    return "EXECUTOR_ERROR";
}

/* "task 0123...: ..." */
static bool task_id(struct span text, struct span *id)
{
    if (text.size < 37 || memcmp(text.data, "task ", 5) != 0)
        return false;
    *id = span_of(text.data + 5, 32);
    return true;
}

/* The newest tasks first, each by the last event that tells of it. */
static void tasks_json(struct twin_console *c, struct text *out)
{
    struct span seen[TASKS_MOST], id;
    size_t count = 0;
    char when[40];
    json_object(out, NULL);
    json_array(out, "tasks");
    for (size_t i = twin_console_events_until(c, twin_console_now(c)); i-- > 0 && count < TASKS_MOST;) {
        const struct track_event *e = &c->track.events[i];
        struct span text = track_event_text(&c->track, e);
        bool known = strncmp(trace_name((enum trace_id)e->id), "TASK_", 5) != 0 || !task_id(text, &id);
        for (size_t k = 0; k < count && !known; k++)
            known = span_equal(seen[k], id);
        if (known)
            continue;
        seen[count++] = id;
        time_utc_text(e->t, 3, when);
        json_object(out, NULL);
        json_span(out, "id", id);
        json_span(out, "name", span_of(id.data + 20, 12));
        json_string(out, "state", task_state_of((enum trace_id)e->id, text));
        json_string(out, "creation_time", when);
        json_object(out, "tags");
        json_string(out, "noct.owner", e->about ? track_name(&c->track, e->about) : track_name(&c->track, e->node));
        json_end(out);
        json_end(out);
    }
    json_end(out);
    json_end(out);
}

bool twin_console_answer(struct twin_console *c, struct span what, struct span query, struct text *out)
{
    track_refresh(&c->track);
    if (span_equal_text(what, "state"))
        state_json(c, out);
    else if (span_equal_text(what, "twin"))
        twin_json(c, out, NULL, twin_console_now(c));
    else if (span_equal_text(what, "events"))
        events_json(c, query, out);
    else if (span_equal_text(what, "objects"))
        objects_json(c, query, out);
    else if (span_equal_text(what, "tasks"))
        tasks_json(c, out);
    else
        return false;
    return text_ok(out);
}
