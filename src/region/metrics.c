/* /metrics: Prometheus text format 0.0.4. Node metrics, members' status, and rate, errors, duration per operation. */
#include <string.h>

#include "region/inside.h"

static const struct {
    const char *name, *kind, *help;
} node_metrics[METRIC_COUNT] = {
#define COUNTER "counter"
#define GAUGE "gauge"
#define METRIC(id, kind, name, help) [METRIC_##id] = {name, kind, help},
#include "core/metric.def"
#undef METRIC
#undef COUNTER
#undef GAUGE
};

static void head(struct text *t, const char *name, const char *kind, const char *help)
{
    text_printf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void node_part(struct text *t, const struct region *r)
{
    const char *self = view_name(r->view, r->view->self);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        head(t, node_metrics[i].name, node_metrics[i].kind, node_metrics[i].help);
        text_printf(t, "%s{node=\"%s\"} %llu\n", node_metrics[i].name, self, (unsigned long long)r->metrics[i]);
    }
}

static double battery_ratio(const struct status *s)
{
    return s->battery_capacity_mwh ? (double)s->battery_mwh / (double)s->battery_capacity_mwh : 0;
}
static double core_kelvin(const struct status *s) { return s->core_mk / 1000.0; }
static double sunlit(const struct status *s) { return s->sunlit_permille / 1000.0; }
static double load_watts(const struct status *s) { return (double)s->load_mw / 1000; }
static double generation_watts(const struct status *s) { return (double)s->generation_mw / 1000; }
static double disk_free(const struct status *s) { return (double)s->disk_free_bytes; }
static double disk_capacity(const struct status *s) { return (double)s->disk_capacity_bytes; }
static double tasks(const struct status *s) { return s->tasks_running; }
static double repairs(const struct status *s) { return s->repairs_queued; }
static double links(const struct status *s) { return s->link_count; }

static void members_part(struct text *t, const struct region *r)
{
    static const struct {
        const char *name, *help;
        double (*value)(const struct status *s);
    } gauges[] = {
        {"noct_member_battery_ratio", "Charge of a member's battery, as last reported.", battery_ratio},
        {"noct_member_core_kelvin", "Temperature of a member's electronics.", core_kelvin},
        {"noct_member_sunlit_ratio", "Visible fraction of the Sun.", sunlit},
        {"noct_member_load_watts", "Power that a member draws.", load_watts},
        {"noct_member_generation_watts", "Power that a member's arrays give.", generation_watts},
        {"noct_member_disk_free_bytes", "Chunk space left on a member.", disk_free},
        {"noct_member_disk_capacity_bytes", "Chunk space of a member.", disk_capacity},
        {"noct_member_tasks_running", "Tasks that a member runs.", tasks},
        {"noct_member_repairs_queued", "Repairs that a member has queued.", repairs},
        {"noct_member_links", "Links of a member that are up.", links},
    };
    head(t, "noct_member_up", "gauge", "1 when the member is not convicted, quarantined or gone.");
    for (size_t i = 0; i < r->view->count; i++)
        text_printf(t, "noct_member_up{node=\"%s\",state=\"%s\"} %d\n", r->view->members[i].name,
                    member_state_name(r->view->members[i].state), view_alive(r->view, r->view->members[i].id));
    for (size_t g = 0; g < COUNT_OF(gauges); g++) {
        head(t, gauges[g].name, "gauge", gauges[g].help);
        for (size_t i = 0; i < r->view->count; i++)
            if (r->view->members[i].status_known)
                text_printf(t, "%s{node=\"%s\"} %.6g\n", gauges[g].name, r->view->members[i].name,
                            gauges[g].value(&r->view->members[i].status));
    }
}

static uint64_t requests_of(const struct op_stats *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= LATENCY_BUCKETS; i++)
        n += s->latency[i];
    return n;
}

static void duration_of(struct text *t, const struct region *r, enum op op)
{
    const struct op_stats *s = &r->stats[op];
    uint64_t sum = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        sum += s->latency[i];
        text_printf(t, "noct_http_request_seconds_bucket{op=\"%s\",le=\"%g\"} %llu\n", op_name(op),
                    stats_bounds_ms[i] / 1000.0, (unsigned long long)sum);
    }
    text_printf(t, "noct_http_request_seconds_bucket{op=\"%s\",le=\"+Inf\"} %llu\n", op_name(op),
                (unsigned long long)requests_of(s));
    text_printf(t, "noct_http_request_seconds_sum{op=\"%s\"} %.6f\n", op_name(op), (double)s->latency_us_sum / 1e6);
    text_printf(t, "noct_http_request_seconds_count{op=\"%s\"} %llu\n", op_name(op), (unsigned long long)requests_of(s));
}

static void http_part(struct text *t, const struct region *r)
{
    head(t, "noct_http_requests_total", "counter", "Requests answered, by operation and class of status.");
    for (int op = 0; op < OP_COUNT; op++)
        for (unsigned c = 1; c < 6; c++)
            if (r->stats[op].by_class[c])
                text_printf(t, "noct_http_requests_total{op=\"%s\",service=\"%s\",code=\"%uxx\"} %llu\n", op_name((enum op)op),
                            op_service((enum op)op), c, (unsigned long long)r->stats[op].by_class[c]);
    head(t, "noct_http_request_seconds", "histogram", "Time from the request's head to the end of its response.");
    for (int op = 0; op < OP_COUNT; op++)
        if (requests_of(&r->stats[op]))
            duration_of(t, r, (enum op)op);
    head(t, "noct_http_connections", "gauge", "Open connections.");
    text_printf(t, "noct_http_connections %zu\n", r->connections.count);
    head(t, "noct_http_connections_refused_total", "counter", "Connections refused: too many.");
    text_printf(t, "noct_http_connections_refused_total %llu\n", (unsigned long long)r->refused_connections);
    head(t, "noct_http_received_bytes_total", "counter", "Bytes received from clients.");
    text_printf(t, "noct_http_received_bytes_total %llu\n", (unsigned long long)r->bytes_in);
    head(t, "noct_http_sent_bytes_total", "counter", "Bytes sent to clients.");
    text_printf(t, "noct_http_sent_bytes_total %llu\n", (unsigned long long)r->bytes_out);
}

void metrics_serve(struct request *q)
{
    q->op = OP_METRICS;
    if (q->method != HTTP_GET && q->method != HTTP_HEAD) {
        respond_error(q, S3_METHOD_NOT_ALLOWED, NULL);
        return;
    }
    node_part(&q->out, q->region);
    members_part(&q->out, q->region);
    http_part(&q->out, q->region);
    respond_out(q, 200, "text/plain; version=0.0.4; charset=utf-8");
}
