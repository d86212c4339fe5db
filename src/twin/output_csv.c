/* Everything of a track as CSV: one file per kind of thing, a header line, units in the names of columns (RFC 4180). */
#include <stdlib.h>
#include <string.h>

#include "core/port.h"
#include "twin/outputs.h"

static void put_text(FILE *f, struct span s)
{
    fputc('"', f);
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] == '"')
            fputc('"', f);
        fputc(s.data[i], f);
    }
    fputc('"', f);
}

static void put_time(const struct output_context *c, FILE *f, tai_ns t)
{
    char when[40];
    time_utc_text(t, 3, when);
    fprintf(f, "%s,%.3f,", when, output_seconds(c, t));
}

static bool nodes(struct output_context *c)
{
    const struct track *t = c->track;
    FILE *f = output_create(c, "nodes.csv");
    if (!f)
        return false;
    fputs("time_utc,time_s,node,role,up,ready,links,battery_percent,core_kelvin,radiator_kelvin,generation_w,load_w,sunlit_share,"
          "heater_on,loads_shed,lanes_busy_cores,tasks,repairs_queued,objects,facts\n", f);
    for (size_t i = 0; i < t->sample_count; i++)
        for (size_t k = 0; k < t->node_count; k++) {
            struct track_row r = track_row_of(t, i, (node_id)(k + 1));
            put_time(c, f, t->samples[i].t);
            fprintf(f, "%s,%s,%d,%d,%u,", t->nodes[k].name, t->nodes[k].gateway ? "gateway" : "satellite", r.up, r.ready, r.links);
            if (t->nodes[k].gateway)
                fputs(",,,,,,,,", f);
            else
                fprintf(f, "%.1f,%.1f,%.1f,%.3f,%.3f,%.3f,%d,%d,", r.battery_permille / 10.0, r.core_k, r.radiator_k,
                        r.generation_mw / 1000.0, r.load_mw / 1000.0, r.sunlit_permille / 1000.0, r.heater, r.shedding);
            fprintf(f, "%.3f,%u,%u,%u,%u\n", r.lanes_busy_millis / 1000.0, r.tasks, r.repairs, r.objects, r.facts);
        }
    return output_close(c, f, "nodes.csv");
}

static const char *kind_name(enum link_kind k)
{
    switch (k) {
    case LINK_ISL: return "isl";
    case LINK_GROUND: return "ground";
    case LINK_FIBRE: return "fibre";
    case LINK_NONE: break;
    }
    return "none";
}

static void link_row(struct output_context *c, FILE *f, const struct track_link *up, const struct track_link *down)
{
    const struct track *t = c->track;
    char when[40];
    tai_ns end = down ? down->t : t->last;
    fprintf(f, "%s,%s,%s,", track_name(t, up->a), track_name(t, up->b), kind_name(sky_link_kind(c->sky, up->a, up->b)));
    put_time(c, f, up->t);
    if (down)
        time_utc_text(down->t, 3, when);
    fprintf(f, "%s,%.3f,%llu,", down ? when : "", (double)(end - up->t) / 1e9, (unsigned long long)sky_rate_bps(c->sky, up->a, up->b));
    const struct contact *window = c->has_plan ? sky_contact_at(c->sky, up->a, up->b, up->t) : NULL;
    if (window && window->kind != LINK_FIBRE)
        fprintf(f, "%.3f", (double)(up->t - MAX(window->start, t->epoch)) / 1e9);
    fputc('\n', f);
}

static int by_pair(const void *a, const void *b)
{
    const struct track_link *p = *(const struct track_link *const *)a, *q = *(const struct track_link *const *)b;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    if (p->b != q->b)
        return p->b < q->b ? -1 : 1;
    return p < q ? -1 : p > q;
}

static bool links(struct output_context *c)
{
    const struct track *t = c->track;
    FILE *f = output_create(c, "links.csv");
    const struct track_link **rows = malloc((t->link_count + 1) * sizeof *rows);
    ASSERT(rows != NULL);
    for (size_t i = 0; i < t->link_count; i++)
        rows[i] = &t->links[i];
    qsort(rows, t->link_count, sizeof *rows, by_pair);
    if (f)
        fputs("a,b,kind,up_utc,up_s,down_utc,duration_s,rate_bps,acquired_after_window_opened_s\n", f);
    for (size_t i = 0; f && i < t->link_count; i++) {
        bool closed = i + 1 < t->link_count && rows[i + 1]->a == rows[i]->a && rows[i + 1]->b == rows[i]->b && !rows[i + 1]->up;
        if (rows[i]->up)
            link_row(c, f, rows[i], closed ? rows[i + 1] : NULL);
    }
    free(rows);
    return f && output_close(c, f, "links.csv");
}

static bool traffic(struct output_context *c)
{
    const struct track *t = c->track;
    FILE *f = output_create(c, "traffic.csv");
    if (!f)
        return false;
    fputs("time_utc,time_s,from,to,bytes,bundles,bundles_lost\n", f);
    for (size_t i = 0; i < t->traffic_count; i++) {
        const struct track_traffic *x = &t->traffic[i];
        put_time(c, f, x->t);
        fprintf(f, "%s,%s,%llu,%u,%u\n", track_name(t, x->from), track_name(t, x->to), (unsigned long long)x->bytes, x->bundles, x->lost);
    }
    return output_close(c, f, "traffic.csv");
}

static bool about_objects(enum trace_id id)
{
    return id == TRACE_OBJECT_PUT || id == TRACE_OBJECT_DELETE || id == TRACE_REPAIR_QUEUED || id == TRACE_REPAIR_DONE ||
           id == TRACE_CHUNK_CORRUPT || id == TRACE_DISK_FULL || id == TRACE_CAPTURE || id == TRACE_PICTURE_DROPPED;
}

static bool about_tasks(enum trace_id id)
{
    return strncmp(trace_name(id), "TASK_", 5) == 0;
}

static bool about_anything(enum trace_id id)
{
    return trace_level(id) != 'D';
}

static bool events(struct output_context *c, const char *name, bool (*wanted)(enum trace_id id))
{
    const struct track *t = c->track;
    FILE *f = output_create(c, name);
    if (!f)
        return false;
    fputs("time_utc,time_s,node,event,level,about,text\n", f);
    for (size_t i = 0; i < t->event_count; i++) {
        const struct track_event *e = &t->events[i];
        enum trace_id id = (enum trace_id)e->id;
        if (!wanted(id))
            continue;
        put_time(c, f, e->t);
        fprintf(f, "%s,%s,%c,%s,", track_name(t, e->node), trace_name(id), trace_level(id), e->about ? track_name(t, e->about) : "");
        put_text(f, track_event_text(t, e));
        fputc('\n', f);
    }
    return output_close(c, f, name);
}

static bool promises(struct output_context *c)
{
    const struct track *t = c->track;
    FILE *f = output_create(c, "promises.csv");
    if (!f)
        return false;
    fputs("time_utc,time_s,promise,evaluated,violations\n", f);
    for (size_t i = 0; i < t->promises_count; i++)
        for (size_t k = 0; k < t->promise_count; k++) {
            put_time(c, f, t->promises[i].t);
            fprintf(f, "%s,%llu,%llu\n", t->promise_id[k], (unsigned long long)t->promises[i].evaluated[k],
                    (unsigned long long)t->promises[i].violations[k]);
        }
    return output_close(c, f, "promises.csv");
}

static bool faults(struct output_context *c)
{
    const struct track *t = c->track;
    FILE *f = output_create(c, "faults.csv");
    if (!f)
        return false;
    fputs("time_utc,time_s,duration_s,fault\n", f);
    for (size_t i = 0; i < t->fault_count; i++) {
        put_time(c, f, t->faults[i].t);
        fprintf(f, "%.3f,", (double)t->faults[i].duration / 1e9);
        put_text(f, span_text(t->faults[i].line));
        fputc('\n', f);
    }
    return output_close(c, f, "faults.csv");
}

bool output_csv(struct output_context *c)
{
    return nodes(c) && links(c) && traffic(c) && events(c, "objects.csv", about_objects) && events(c, "tasks.csv", about_tasks) &&
           events(c, "events.csv", about_anything) && promises(c) && faults(c);
}
