/*
 * Upkeep in small steps: the sweep frees chunks that no living part needs, the audit looks for chunks that the facts say this node has and its disk has not,
 * and the scrub reads every chunk once per interval.
 */
#include <string.h>

#include "base/mutation.h"
#include "storage/internal.h"

enum { SWEEP_STEP = 256, AUDIT_STEP = 64, GRACE_MINUTES = 10, ORPHAN_HOURS = 24, AUDIT_MINUTES = 60, REPLACED_HOURS = 2 };

/* ---- sweep ------------------------------------------------------------------------------------------------------ */

static bool chunk_needed(const struct storage *s, struct chunk_key key, const struct chunk_record *r)
{
    tai_ns now = s->port->now.wall;
    const struct index_part *p = index_part(&s->index, key.part);
    bool young = now - r->written < ORPHAN_HOURS * NS_PER_HOUR;
    if (MUTATION(SWEEP_BLIND))
        return now - r->written < GRACE_MINUTES * NS_PER_MINUTE;
    if (!p || !p->record)
        return young; /* its fact may still come */
    if (p->refs == 0)
        return now - p->dead_since < GRACE_MINUTES * NS_PER_MINUTE; /* readers end, late references arrive */
    const struct index_run *run = index_run_of(p, key.index);
    return young || (run && run->group && index_group_holds(run->group, s->port->config->self));
}

static void sweep(struct storage *s)
{
    struct map_node *n = map_after(&s->chunks.table, span_of(s->upkeep.sweep, CHUNK_KEY_SIZE));
    for (int i = 0; n && i < SWEEP_STEP; i++) {
        const struct chunk_record *r = map_value(n);
        struct chunk_key key = chunk_key_decode(map_key(n));
        memcpy(s->upkeep.sweep, map_key(n).data, CHUNK_KEY_SIZE);
        n = map_next(&s->chunks.table, n);
        if (r->state == CHUNK_DURABLE && !chunk_needed(s, key, r)) {
            port_probe(s->port, PROBE_SWEEP_FREED);
            chunk_store_erase(&s->chunks, key);
        }
    }
    s->upkeep.sweeping = n != NULL;
    if (!n) {
        bool tight = chunk_store_free_bytes(&s->chunks) < chunk_store_capacity_bytes(&s->chunks) / 8;
        s->upkeep.sweep_at = s->port->now.wall + (tight ? NS_PER_MINUTE : GRACE_MINUTES * NS_PER_MINUTE);
        memset(s->upkeep.sweep, 0, sizeof s->upkeep.sweep);
    }
}

/* ---- audit ------------------------------------------------------------------------------------------------------ */

static bool missing_range(const struct storage *s, const struct index_part *p, struct uid uid, uint32_t *first, uint32_t *count)
{
    *count = 0;
    for (const struct index_run *r = p->runs; r && *count == 0; r = r->next) {
        if (!r->group || !index_group_holds(r->group, s->port->config->self))
            continue;
        for (uint32_t i = r->first; i < r->first + r->count; i++) {
            bool there = chunk_store_find(&s->chunks, (struct chunk_key){uid, i}) != NULL;
            if (!there && *count == 0)
                *first = i;
            if (!there)
                ++*count;
            else if (*count > 0)
                break;
        }
    }
    return *count > 0;
}

static void part_audit(struct storage *s, struct uid uid)
{
    const struct index_part *p = index_part(&s->index, uid);
    uint32_t first = 0, count, last = UINT32_MAX;
    while (p && missing_range(s, p, uid, &first, &count) && first != last) {
        port_probe(s->port, PROBE_AUDIT_MISSING);
        publish_copy(s, uid, first, count, s->port->config->self, false);
        last = first; /* when the fact could not be written the next audit tries again */
    }
}

static void audit(struct storage *s)
{
    struct map_node *n = map_after(&s->index.parts, span_of(s->upkeep.audit, sizeof s->upkeep.audit));
    for (int i = 0; n && i < AUDIT_STEP; i++) {
        struct uid uid;
        memcpy(uid.bytes, map_key(n).data, sizeof uid.bytes);
        memcpy(s->upkeep.audit, uid.bytes, sizeof uid.bytes);
        part_audit(s, uid); /* parts are never removed from the map: the walk stands */
        n = map_next(&s->index.parts, n);
    }
    s->upkeep.auditing = n != NULL;
    if (!n) {
        memset(s->upkeep.audit, 0, sizeof s->upkeep.audit);
        bool often = s->port->now.wall < s->upkeep.audit_often_until;
        s->upkeep.audit_at = s->port->now.wall + (often ? 1 : AUDIT_MINUTES) * NS_PER_MINUTE;
    }
}

/* A node that took another's place has an empty disk, and hears only by and by which copies the facts still list here. */
void upkeep_audit_soon(struct storage *s)
{
    s->upkeep.audit_at = 0;
    if (s->port->config->incarnation > ROSTER_INCARNATION)
        s->upkeep.audit_often_until = s->port->now.wall + REPLACED_HOURS * NS_PER_HOUR;
}

void upkeep_corrupt(void *context, struct chunk_key key)
{
    struct storage *s = context;
    const struct index_part *p = s->facts_ready ? index_part(&s->index, key.part) : NULL;
    const struct index_run *r = p ? index_run_of(p, key.index) : NULL;
    if (r && r->group && index_group_holds(r->group, s->port->config->self))
        publish_copy(s, key.part, key.index, 1, s->port->config->self, false);
}

/* ---- scrub ------------------------------------------------------------------------------------------------------ */

static duration_ns scrub_pace(const struct storage *s)
{
    duration_ns interval = s->port->config->scrub_interval_ns;
    if (interval <= 0)
        interval = 7 * NS_PER_DAY;
    return MAX(interval / (duration_ns)MAX(s->chunks.table.count, (size_t)1), NS_PER_MS);
}

static void scrub_next(struct storage *s)
{
    if (s->upkeep.scrub_request || s->port->now.wall < s->upkeep.scrub_at || s->chunks.table.count == 0)
        return;
    struct map_node *n = map_after(&s->chunks.table, span_of(s->upkeep.scrub, CHUNK_KEY_SIZE));
    if (!n)
        n = map_first(&s->chunks.table);
    memcpy(s->upkeep.scrub, map_key(n).data, CHUNK_KEY_SIZE);
    duration_ns pace = scrub_pace(s);
    duration_ns behind = MIN(pace, INT64_MAX / 4000) * 1000; /* a pace of years must not overflow */
    s->upkeep.scrub_at = MAX(s->upkeep.scrub_at, s->port->now.wall - behind) + pace;
    uint64_t id;
    struct request *q = request_new(s, REQUEST_SCRUB, NULL, 0, s->port->config->self, &id);
    if (q && transfer_fetch(s, q, id, chunk_key_decode(map_key(n))) == ERR_OK)
        s->upkeep.scrub_request = id;
    else if (q)
        request_end(s, id);
}

void upkeep_scrubbed(struct storage *s, err status)
{
    s->upkeep.scrub_request = 0;
    if (status == ERR_OK)
        port_count(s->port, METRIC_CHUNKS_SCRUBBED, 1);
    scrub_next(s);
}

void upkeep_tick(struct storage *s)
{
    tai_ns now = s->port->now.wall;
    if (s->upkeep.sweeping || now >= s->upkeep.sweep_at) {
        sweep(s);
        release_walk(s);
    }
    if (s->upkeep.auditing || now >= s->upkeep.audit_at)
        audit(s);
    scrub_next(s);
}
