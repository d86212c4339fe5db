/* What the console shows, as JSON. Positions are TEME with the sidereal angle, so that the browser can go on by itself. */
#include <stdlib.h>
#include <string.h>

#include "orbit/frames.h"
#include "orbit/sky.h"
#include "region/console.h"
#include "region/tes.h"

static void json_vector(struct text *t, const char *key, const double v[3])
{
    json_array(t, key);
    for (int i = 0; i < 3; i++)
        json_double(t, NULL, v[i]);
    json_end(t);
}

static void position_json(struct text *t, const struct region *r, node_id node)
{
    struct state s;
    if (!r->sky || sky_position(r->sky, node, r->time.now.wall, &s) != ERR_OK)
        return;
    json_double(t, "lat_deg", s.latitude_deg);
    json_double(t, "lon_deg", s.longitude_deg);
    json_double(t, "alt_km", s.altitude_km);
    json_vector(t, "r_teme_km", s.r_teme_km);
    json_vector(t, "v_teme_km_s", s.v_teme_km_s);
    json_double(t, "sunlit", s.sunlit);
}

static void status_json(struct text *t, const struct view *view, const struct status *s)
{
    char when[40];
    time_utc_text(s->wall, 0, when);
    json_string(t, "status_time", when);
    json_string(t, "health", health_name((enum health)s->health));
    json_uint(t, "battery_mwh", s->battery_mwh);
    json_uint(t, "battery_capacity_mwh", s->battery_capacity_mwh);
    json_uint(t, "generation_mw", s->generation_mw);
    json_uint(t, "load_mw", s->load_mw);
    json_double(t, "core_celsius", s->core_mk / 1000.0 - 273.15);
    json_double(t, "radiator_celsius", s->radiator_mk / 1000.0 - 273.15);
    json_uint(t, "sunlit_permille", s->sunlit_permille);
    json_uint(t, "disk_free_bytes", s->disk_free_bytes);
    json_uint(t, "disk_capacity_bytes", s->disk_capacity_bytes);
    json_uint(t, "lanes_millis", s->lanes_millis);
    json_uint(t, "lanes_busy_millis", s->lanes_busy_millis);
    json_uint(t, "tasks_running", s->tasks_running);
    json_uint(t, "objects_held", s->objects_held);
    json_uint(t, "repairs_queued", s->repairs_queued);
    json_array(t, "links");
    for (size_t i = 0; i < s->link_count && i < STATUS_LINKS_MAX; i++)
        if (view_find(view, s->links[i]))
            json_uint(t, NULL, s->links[i]);
    json_end(t);
}

static void node_json(struct text *t, const struct region *r, const struct view_member *m)
{
    json_object(t, NULL);
    json_uint(t, "id", m->id);
    json_string(t, "name", m->name);
    json_string(t, "role", m->role == ROLE_GATEWAY ? "gateway" : "satellite");
    json_string(t, "state", member_state_name(m->state));
    json_bool(t, "self", m->id == r->view->self);
    json_uint(t, "plane", m->plane);
    if (m->reach_ns != TIME_NEVER)
        json_double(t, "reach_s", (double)m->reach_ns / 1e9);
    position_json(t, r, m->id);
    if (m->status_known)
        status_json(t, r->view, &m->status);
    json_end(t);
}

static bool told(const struct view_member *m, node_id peer)
{
    for (size_t i = 0; m->status_known && i < m->status.link_count && i < STATUS_LINKS_MAX; i++)
        if (m->status.links[i] == peer)
            return true;
    return false;
}

/* The end whose status is newer knows better; and no link stands without sight, however old the word of it is. */
static bool link_stands(const struct region *r, const struct view_member *a, const struct view_member *b)
{
    const struct view_member *newer = !b->status_known || (a->status_known && a->status.wall >= b->status.wall) ? a : b;
    if (!told(newer, newer == a ? b->id : a->id))
        return false;
    return !r->sky || sky_visible(r->sky, a->id, b->id, r->time.now.wall);
}

/* Each link once: from the lower end, or from the higher one where the lower says nothing of it. */
static void links_json(struct text *t, const struct region *r)
{
    json_array(t, "links");
    for (size_t i = 0; i < r->view->count; i++) {
        const struct view_member *m = &r->view->members[i];
        for (size_t k = 0; m->status_known && k < m->status.link_count && k < STATUS_LINKS_MAX; k++) {
            const struct view_member *peer = view_find(r->view, m->status.links[k]);
            if (!peer || peer == m || (peer->id < m->id && told(peer, m->id)) || !link_stands(r, m, peer))
                continue;
            json_array(t, NULL);
            json_uint(t, NULL, MIN(m->id, peer->id));
            json_uint(t, NULL, MAX(m->id, peer->id));
            json_end(t);
        }
    }
    json_end(t);
}

static double speed_of(const struct region *r)
{
    return r->config.speed > 0 ? r->config.speed : r->time.now.wall_rate;
}

static void sun_json(struct text *t, const struct region *r)
{
    struct state s;
    const struct site *any = r->sky && sky_site_count(r->sky) ? sky_site_at(r->sky, 0) : NULL;
    if (any && sky_position(r->sky, any->node, r->time.now.wall, &s) == ERR_OK)
        json_vector(t, "sun_teme_km", s.sun_teme_km);
}

static void state(struct request *q)
{
    const struct region *r = q->region;
    struct text *t = &q->out;
    char when[40];
    time_utc_text(r->time.now.wall, 3, when);
    json_object(t, NULL);
    json_string(t, "region", r->config.name);
    json_string(t, "time", when);
    json_double(t, "unix_ms", (double)(r->time.now.wall / NS_PER_MS) - TAI_MINUS_UTC_S * 1000.0);
    json_double(t, "speed", speed_of(r));
    json_double(t, "gmst_rad", frames_gmst(r->time.now.wall));
    sun_json(t, r);
    json_string(t, "gateway", view_name(r->view, r->view->self));
    json_array(t, "nodes");
    for (size_t i = 0; i < r->view->count; i++)
        node_json(t, r, &r->view->members[i]);
    json_end(t);
    links_json(t, r);
    json_object(t, "counts");
    json_uint(t, "objects", r->metrics[METRIC_OBJECTS]);
    json_uint(t, "facts", r->metrics[METRIC_FACTS]);
    json_uint(t, "repairs_queued", r->metrics[METRIC_REPAIRS_QUEUED]);
    json_uint(t, "tasks_running", r->metrics[METRIC_TASKS_RUNNING]);
    json_end(t);
    json_uint(t, "event_last", r->event_last);
    json_end(t);
    respond_out(q, 200, "application/json");
}

/* ---- objects and tasks ---------------------------------------------------------------------------------------------------- */

static bool plane_ok(struct request *q, err status, const char *reason)
{
    if (status == ERR_OK)
        return true;
    respond_json_error(q, status == ERR_NOT_FOUND ? 404 : 503, reason[0] ? reason : err_text(status));
    return false;
}

void object_info_json(struct text *t, const struct object_info *info)
{
    char when[40];
    time_utc_text(info->modified, 3, when);
    json_uint(t, "size", info->size);
    json_string(t, "modified", when);
    json_string(t, "etag", info->etag);
    json_uint(t, "copies", info->policy.copies);
    json_uint(t, "copies_now", info->copies_now);
    json_string(t, "place", info->policy.where == PLACE_ORBIT ? "orbit" : "any");
}

static void objects_listed(struct request *q, const struct object_reply *reply)
{
    struct text *t = &q->out;
    if (!plane_ok(q, reply->status, reply->reason))
        return;
    json_object(t, NULL);
    json_bool(t, "truncated", reply->truncated);
    json_array(t, reply->op == OBJECT_BUCKET_LIST ? "buckets" : "objects");
    for (size_t i = 0; i < reply->entry_count; i++) {
        const struct object_entry *e = &reply->entries[i];
        json_object(t, NULL);
        json_span(t, "name", e->name);
        if (e->is_prefix)
            json_bool(t, "prefix", true);
        else
            object_info_json(t, &e->info);
        json_end(t);
    }
    json_end(t);
    json_end(t);
    respond_out(q, 200, "application/json");
}

static void objects(struct request *q)
{
    struct object_request o = {.op = OBJECT_BUCKET_LIST, .most = OBJECT_LIST_MAX};
    struct span bucket = request_query(q, "bucket");
    if (bucket.size) {
        o = (struct object_request){.op = OBJECT_LIST, .bucket = bucket, .prefix = request_query(q, "prefix"),
                                    .delimiter = request_query(q, "delimiter"), .after = request_query(q, "after"),
                                    .most = 200};
    }
    q->on_object = objects_listed;
    request_object(q, &o);
}

static void tasks_listed(struct request *q, const struct task_reply *reply)
{
    if (!plane_ok(q, reply->status, reply->reason))
        return;
    char *text = tes_page_text(reply->views, reply->view_count, reply->more, q->region->view, TES_BASIC);
    if (text)
        respond(q, 200, "application/json", span_text(text));
    else
        respond_json_error(q, 503, "out of memory");
    free(text);
}

static void tasks(struct request *q)
{
    struct task_request t = {.op = TASK_LIST, .most = 100};
    q->on_task = tasks_listed;
    request_task(q, &t);
}

void console_api(struct request *q, struct span what)
{
    respond_header_text(q, "Cache-Control", "no-store");
    if (span_equal_text(what, "state"))
        state(q);
    else if (span_equal_text(what, "objects"))
        objects(q);
    else if (span_equal_text(what, "object"))
        admin_object_show(q);
    else if (span_equal_text(what, "tasks"))
        tasks(q);
    else if (span_equal_text(what, "events") && request_asks(q, "since"))
        console_events_json(q);
    else if (span_equal_text(what, "events"))
        console_events_stream(q);
    else
        respond_json_error(q, 404, "no such resource");
}
