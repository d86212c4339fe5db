/* The digest of a step's effects: every field in order, every byte that leaves the node. */
#include "base/hash.h"
#include "base/rng.h"
#include "core/journal.h"
#include "core/object_api.h"
#include "core/task_api.h"

static uint64_t of_span(uint64_t h, struct span s)
{
    return hash_mix(h, hash64_seeded(s.size, s.data, s.size));
}

static uint64_t of_slice(uint64_t h, struct slice s)
{
    return of_span(h, slice_span(s));
}

static uint64_t of_text(uint64_t h, const char *s)
{
    return of_span(h, span_text(s));
}

static uint64_t of_real(uint64_t h, double d)
{
    return hash_mix(h, hash64(&d, sizeof d));
}

static uint64_t of_disk(uint64_t h, const struct effect_disk *e)
{
    h = hash_mix(hash_mix(h, e->op), (uint64_t)e->kind << 8 | (uint64_t)e->area);
    h = hash_mix(hash_mix(h, e->offset), e->size);
    return of_slice(of_slice(h, e->parts[0]), e->parts[1]);
}

static uint64_t of_send(uint64_t h, const struct effect_send *e)
{
    h = hash_mix(hash_mix(h, e->transfer), (uint64_t)e->peer << 8 | e->priority);
    for (size_t i = 0; i < COUNT_OF(e->parts); i++)
        h = of_slice(h, e->parts[i]);
    return h;
}

static uint64_t of_lane(uint64_t h, const struct effect_lane *e)
{
    h = hash_mix(hash_mix(h, e->lane), (uint64_t)e->kind);
    h = hash_mix(hash_mix(of_span(h, e->path), e->offset), e->size);
    h = of_span(of_slice(h, e->data), e->image);
    for (size_t i = 0; i < e->argument_count; i++)
        h = of_span(h, e->arguments[i]);
    for (size_t i = 0; i < e->environment_count; i++)
        h = of_span(h, e->environment[i]);
    h = of_span(h, e->working_directory);
    h = hash_mix(hash_mix(h, e->limits.cpu_millis), e->limits.memory_bytes);
    h = hash_mix(hash_mix(h, e->limits.disk_bytes), e->limits.output_bytes);
    return hash_mix(hash_mix(h, (uint64_t)e->limits.wall_max_ns), (uint64_t)e->modelled_ns);
}

static uint64_t of_capture(uint64_t h, const struct effect_capture *e)
{
    h = of_real(of_real(of_real(hash_mix(h, e->op), e->center_lat_deg), e->center_lon_deg), e->half_width_km);
    h = hash_mix(hash_mix(h, e->pixels), (uint64_t)e->wall);
    return of_text(of_text(h, e->tile), e->sensor);
}

static uint64_t of_info(uint64_t h, const struct object_info *i)
{
    h = hash_mix(hash_mix(h, i->size), (uint64_t)i->modified);
    h = of_span(of_text(h, i->etag), i->metadata);
    h = of_span(h, uid_span(&i->version));
    return hash_mix(h, (uint64_t)i->part_count << 8 | i->copies_now);
}

static uint64_t of_object_reply(uint64_t h, const struct object_reply *r)
{
    h = hash_mix(hash_mix(h, r->tag), (uint64_t)r->op << 32 | (uint64_t)r->status << 16 | (uint64_t)r->missing << 8 | r->final);
    h = of_text(h, r->reason);
    h = hash_mix(of_info(h, &r->info), (uint64_t)r->retry_at);
    h = hash_mix(hash_mix(h, r->credit), r->offset);
    h = of_span(of_slice(h, r->data), uid_span(&r->upload));
    for (size_t i = 0; i < r->entry_count; i++)
        h = of_info(of_span(h, r->entries[i].name), &r->entries[i].info);
    for (size_t i = 0; i < r->holder_count; i++) {
        const struct object_holder *o = &r->holders[i];
        h = hash_mix(h, (uint64_t)o->chunk_first << 32 | o->chunk_count);
        for (size_t k = 0; k < o->node_count && k < COUNT_OF(o->nodes); k++)
            h = hash_mix(h, o->nodes[k]);
    }
    return of_span(hash_mix(h, r->truncated), r->next);
}

static uint64_t of_task_reply(uint64_t h, const struct task_reply *r)
{
    h = hash_mix(hash_mix(h, r->tag), (uint64_t)r->op << 32 | (uint64_t)r->status << 16 | r->more);
    h = of_span(of_text(h, r->reason), uid_span(&r->id));
    for (size_t i = 0; i < r->view_count; i++) {
        const struct task_view *v = &r->views[i];
        h = hash_mix(of_span(h, uid_span(&v->id)), (uint64_t)v->state << 32 | v->owner);
        h = hash_mix(hash_mix(h, (uint64_t)v->created), (uint64_t)v->promised << 8 | v->epoch);
        h = of_span(of_span(h, v->name), v->document);
        for (size_t k = 0; k < v->attempt_count && k < COUNT_OF(v->attempts); k++)
            h = hash_mix(h, (uint64_t)v->attempts[k].node << 32 | (uint64_t)v->attempts[k].state);
    }
    return h;
}

static uint64_t of_effect(uint64_t h, const struct effect *e)
{
    h = hash_mix(h, (uint64_t)e->kind);
    switch (e->kind) {
    case EFFECT_ALARM: return hash_mix(h, (uint64_t)e->alarm);
    case EFFECT_DISK: return of_disk(h, &e->disk);
    case EFFECT_POINT: return hash_mix(hash_mix(h, (uint64_t)e->point.peer << 1 | e->point.on), e->point.rate_bps);
    case EFFECT_SEND: return of_send(h, &e->send);
    case EFFECT_ACCEPT: return hash_mix(hash_mix(h, e->accept.receipt), (uint64_t)e->accept.peer << 8 | (uint64_t)e->accept.status);
    case EFFECT_LANE: return of_lane(h, &e->lane);
    case EFFECT_CAPTURE: return of_capture(h, &e->capture);
    case EFFECT_LOAD:
        return hash_mix(h, (uint64_t)e->load.lanes_busy_millis << 16 | (uint64_t)e->load.radios_on << 8 | e->load.heater_on);
    case EFFECT_WORK: return hash_mix(h, e->work.op);
    case EFFECT_TRACE: return of_span(hash_mix(h, (uint64_t)e->trace.id << 32 | e->trace.about), e->trace.text);
    case EFFECT_OBJECT_REPLY: return of_object_reply(h, e->object_reply);
    case EFFECT_TASK_REPLY: return of_task_reply(h, e->task_reply);
    case EFFECT_RESTART:
    case EFFECT_COUNT: break;
    }
    return h;
}

uint64_t journal_effects_digest(const struct effects *e)
{
    uint64_t h = e->count;
    for (size_t i = 0; i < e->count; i++)
        h = of_effect(h, &e->items[i]);
    return h;
}

const char *journal_event_name(enum event_kind k)
{
    static const char *const names[EVENT_COUNT] = {"START", "ALARM", "STOP", "LINK", "FRAME", "SENT", "DONE",
                                                   "WORKED", "LANE", "CRAFT", "SCENE", "OBJECT", "TASK"};
    return k < EVENT_COUNT ? names[k] : "?";
}

const char *journal_effect_name(enum effect_kind k)
{
    static const char *const names[EFFECT_COUNT] = {"ALARM", "DISK", "POINT", "SEND", "ACCEPT", "LANE", "CAPTURE",
                                                    "LOAD", "WORK", "TRACE", "OBJECT_REPLY", "TASK_REPLY", "RESTART"};
    return k < EFFECT_COUNT ? names[k] : "?";
}
