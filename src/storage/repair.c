/*
 * Repair: groups of runs with too few live holders. The first live holder of a group is responsible, so that nobody needs to agree; it
 * pushes the chunks to a new node, the most endangered group first, and says so in a COPY fact, which moves the run to another group.
 */
#include <string.h>

#include "base/mutation.h"
#include "storage/internal.h"

enum { RETRY_S = 3 };

struct condition { /* of a group, by the view of this node */
    uint8_t alive, satellites;
    bool short_of_policy, ours;
};

static struct condition group_condition(const struct storage *s, const struct index_group *g)
{
    struct condition c = {0};
    node_id first = NODE_NONE;
    for (uint8_t i = 0; i < g->node_count; i++) {
        if (!view_alive(s->port->view, g->nodes[i]))
            continue;
        if (first == NODE_NONE)
            first = g->nodes[i];
        c.alive++;
        c.satellites = (uint8_t)(c.satellites + (view_role(s->port->view, g->nodes[i]) == ROLE_SATELLITE));
    }
    c.short_of_policy = g->where == PLACE_ORBIT ? c.satellites < g->copies : c.alive < g->copies;
    c.ours = first == s->port->config->self;
    return c;
}

static struct span entry_key(uint8_t alive, const struct index_group *g, uint8_t out[1 + GROUP_KEY_MAX])
{
    out[0] = alive;
    memcpy(out + 1, g->key.data, g->key.size);
    return span_of(out, 1 + g->key.size);
}

static void entry_remove(struct storage *s, struct index_group *g)
{
    uint8_t key[1 + GROUP_KEY_MAX];
    if (g->queued)
        map_remove(&s->endangered, entry_key((uint8_t)(g->queued - 1), g, key));
    g->queued = 0;
}

static void group_look(struct storage *s, struct index_group *g)
{
    uint8_t key[1 + GROUP_KEY_MAX];
    struct condition c = group_condition(s, g);
    bool wanted = s->facts_ready && c.short_of_policy && c.ours && g->node_count < HOLDERS_MAX;
    if (wanted && g->queued == c.alive + 1)
        return;
    entry_remove(s, g);
    if (!wanted)
        return;
    struct repair_entry *e = map_put(&s->endangered, entry_key(c.alive, g, key), NULL);
    if (!e)
        return; /* no memory now; the next change of a member looks again */
    *e = (struct repair_entry){.group = g};
    g->queued = (uint8_t)(c.alive + 1);
    storage_tick_soon(s);
}

void repair_group_changed(void *context, struct index_group *g)
{
    group_look(context, g);
}

void repair_group_removed(void *context, struct index_group *g)
{
    entry_remove(context, g);
}

void repair_member(struct storage *s, node_id node)
{
    uint8_t key[4];
    struct writer w = writer_of(key, sizeof key);
    write_u32_be(&w, node);
    for (struct map_node *n = map_seek(&s->index.node_groups, writer_span(&w)); n; n = map_next(&s->index.node_groups, n)) {
        struct reader r = reader_of(map_key(n).data, map_key(n).size);
        if (read_u32_be(&r) != node)
            break;
        group_look(s, *(struct index_group **)map_value(n));
    }
    if (view_alive(s->port->view, node)) /* a path may have opened: do not wait */
        for (struct map_node *n = map_first(&s->endangered); n; n = map_next(&s->endangered, n))
            ((struct repair_entry *)map_value(n))->retry_at = 0;
}

void repair_all(struct storage *s)
{
    for (struct map_node *n = map_first(&s->index.groups); n; n = map_next(&s->index.groups, n))
        group_look(s, map_value(n));
}

/* ---- jobs --------------------------------------------------------------------------------------------------------- */

static struct uid run_uid(const struct index_run *r)
{
    struct part_record record;
    index_part_record(r->part, &record);
    return record.uid;
}

static bool in_work(const struct storage *s, struct uid part, uint32_t first)
{
    for (size_t i = 0; i < REPAIR_JOBS; i++)
        if (s->jobs[i].active && uid_equal(s->jobs[i].part, part) && s->jobs[i].first == first)
            return true;
    return false;
}

/* What a copy of the run takes: all chunks of a part are full, but its last one, which is on this node's disk. */
static uint64_t run_bytes(const struct storage *s, struct uid part, const struct index_run *r)
{
    const struct chunk_record *last = chunk_store_find(&s->chunks, (struct chunk_key){part, r->first + r->count - 1});
    return (uint64_t)(r->count - 1) * CHUNK_DATA_MAX + (last ? last->size : CHUNK_DATA_MAX);
}

static node_id target_for(const struct storage *s, const struct index_group *g, struct uid part, uint64_t bytes)
{
    struct condition c = group_condition(s, g);
    struct policy policy = {.copies = MAX(g->copies, (uint8_t)2), .where = g->where};
    struct placement_query q = {.part = part, .policy = policy, .bytes = bytes, .exclude = g->nodes,
                                .exclude_count = g->node_count, .no_bridges = c.alive >= g->copies};
    struct places p;
    return placement_choose(s->port, &q, 1, &p) == ERR_OK ? p.nodes[0] : NODE_NONE;
}

static void job_end(struct storage *s, struct repair_job *j, bool good)
{
    j->active = false;
    j->generation++;
    if (!good)
        port_probe(s->port, PROBE_REPAIR_FAILED);
    if (good) {
        port_count(s->port, METRIC_REPAIRS_DONE, 1);
        publish_copy(s, j->part, j->first, j->count, j->target, true);
        return;
    }
    for (struct map_node *n = map_first(&s->endangered); n; n = map_next(&s->endangered, n)) {
        struct repair_entry *e = map_value(n);
        if (e->group == j->group)
            e->retry_at = s->port->now.mono + RETRY_S * NS_PER_S;
    }
}

static bool job_read(struct storage *s, struct repair_job *j)
{
    uint64_t id;
    struct chunk_key key = {j->part, j->first + j->next};
    struct request *q = request_new(s, REQUEST_REPAIR_READ, j, key.index, s->port->config->self, &id);
    if (!q)
        return false;
    q->generation = j->generation;
    err e = transfer_fetch(s, q, id, key);
    if (e == ERR_OK) {
        j->next++;
        j->in_flight++;
        return true;
    }
    request_end(s, id);
    if (e == ERR_NOT_FOUND)
        port_probe(s->port, PROBE_REPAIR_SOURCE_LACKS);
    if (e == ERR_NOT_FOUND) /* the facts say we hold it, the disk says no */
        publish_copy(s, j->part, key.index, 1, s->port->config->self, false);
    return false;
}

static void job_advance(struct storage *s, struct repair_job *j)
{
    while (j->active && j->next < j->count && j->in_flight < REPAIR_WINDOW)
        if (!job_read(s, j)) {
            job_end(s, j, false);
            return;
        }
    if (j->active && j->landed == j->count)
        job_end(s, j, true);
}

void repair_loaded(struct storage *s, struct repair_job *j, uint32_t generation, uint32_t chunk, err status, struct slice data)
{
    if (!j->active || j->generation != generation)
        return;
    uint64_t id = 0;
    struct request *q = status == ERR_OK ? request_new(s, REQUEST_REPAIR_STORE, j, chunk, j->target, &id) : NULL;
    struct wire_store m = {.key = {j->part, chunk}, .digest = q ? hash128(data.data, data.size) : (struct digest128){0}, .urgent = true};
    if (q)
        q->generation = generation;
    if (!q || transfer_store(s, q, id, &m, data) != ERR_OK) {
        request_end(s, id);
        job_end(s, j, false);
    }
}

void repair_stored(struct storage *s, struct repair_job *j, uint32_t generation, err status)
{
    if (!j->active || j->generation != generation)
        return;
    j->in_flight--;
    if (status != ERR_OK) {
        job_end(s, j, false);
        return;
    }
    j->landed++;
    job_advance(s, j);
}

/* Starts a job for the first run of the group that is not in work. Returns false when none could be started. */
static bool job_start(struct storage *s, struct repair_job *j, struct index_group *g)
{
    const struct index_run *r = g->first;
    for (size_t looked = 0; r && looked <= REPAIR_JOBS && in_work(s, run_uid(r), r->first); looked++)
        r = r->group_next;
    if (!r || in_work(s, run_uid(r), r->first))
        return false;
    struct uid part = run_uid(r);
    node_id target = target_for(s, g, part, run_bytes(s, part, r));
    if (target == NODE_NONE || MUTATION(REPAIR_NEVER)) {
        port_probe(s->port, PROBE_REPAIR_NO_TARGET);
        return false;
    }
    port_probe(s->port, PROBE_REPAIR_STARTED);
    uint32_t generation = j->generation;
    *j = (struct repair_job){.part = part, .first = r->first, .count = r->count, .target = target, .generation = generation,
                             .active = true, .group = g};
    job_advance(s, j);
    return j->active || j->landed > 0;
}

static struct repair_job *job_free(struct storage *s)
{
    for (size_t i = 0; i < REPAIR_JOBS; i++)
        if (!s->jobs[i].active)
            return &s->jobs[i];
    return NULL;
}

static void jobs_start(struct storage *s)
{
    struct map_node *n = map_first(&s->endangered);
    struct repair_job *j = job_free(s);
    while (n && j) {
        uint8_t key[1 + GROUP_KEY_MAX];
        struct repair_entry *e = map_value(n);
        struct span k = map_key(n);
        memcpy(key, k.data, k.size);
        k = span_of(key, k.size);
        if (e->retry_at <= s->port->now.mono) {
            bool started = job_start(s, j, e->group);
            struct repair_entry *still = map_find(&s->endangered, k); /* the job may have changed the table */
            if (!started && still)
                still->retry_at = MAX(still->retry_at, s->port->now.mono + NS_PER_S);
            if (started && (j = job_free(s)) != NULL) {
                n = map_seek(&s->endangered, k);
                continue;
            }
        }
        n = map_after(&s->endangered, k);
    }
}

/* A job whose run is not what it was (another repair, a deletion) is dropped. */
static void jobs_review(struct storage *s)
{
    for (size_t i = 0; i < REPAIR_JOBS; i++) {
        struct repair_job *j = &s->jobs[i];
        const struct index_part *p = j->active ? index_part(&s->index, j->part) : NULL;
        const struct index_run *r = p ? index_run_of(p, j->first) : NULL;
        bool stands = r && r->group && r->group->queued && r->first == j->first && r->count == j->count;
        if (j->active && !stands) {
            port_probe(s->port, PROBE_REPAIR_OVERTAKEN);
            job_end(s, j, false);
        }
    }
}

static uint64_t runs_queued(const struct storage *s)
{
    uint64_t runs = 0;
    for (struct map_node *n = map_first(&s->endangered); n; n = map_next(&s->endangered, n))
        runs += ((const struct repair_entry *)map_value(n))->group->run_count;
    return runs;
}

void repair_tick(struct storage *s)
{
    jobs_review(s);
    jobs_start(s);
    uint64_t before = s->repairs;
    s->repairs = runs_queued(s);
    port_gauge(s->port, METRIC_REPAIRS_QUEUED, s->repairs);
    if (s->repairs > before && !s->repairs_told) {
        port_trace(s->port, TRACE_REPAIR_QUEUED, NODE_NONE, "%llu runs of chunks are below their policy; this node copies them",
                   (unsigned long long)s->repairs);
        s->repairs_told = true;
    } else if (s->repairs == 0 && s->repairs_told) {
        port_trace(s->port, TRACE_REPAIR_DONE, NODE_NONE, "all that this node had to copy is back at its policy");
        s->repairs_told = false;
    }
}
