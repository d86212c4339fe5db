#include "node/scenario.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/yaml_table.h"
#include "orbit/omm.h"
#include "orbit/tle.h"
#include "orbit/walker.h"

enum { SITES_MAX = 20000, SHELLS_MAX = 32, GATEWAYS_MAX = 64 };
#define MIB (1024ull * 1024)
#define RADIANS(degrees) ((degrees) * 3.14159265358979323846 / 180)

struct shell {
    char kind[16], prefix[24], file[200];
    uint32_t count, planes, phasing;
    double altitude_km, inclination_deg, raan_deg, ltan_h, spacing_deg, anomaly_deg;
};

static const struct yaml_field shell_fields[] = {
    {.key = "kind", .type = YAML_WORD, .offset = offsetof(struct shell, kind), .size = 16, .required = true,
     .words = "string walker-delta walker-star tle omm"},
    {.key = "prefix", .type = YAML_NAME, .offset = offsetof(struct shell, prefix), .size = 24},
    YAML_FIELD(struct shell, file, "file", YAML_WORD, 0, 0),
    YAML_FIELD(struct shell, count, "count", YAML_U32, 1, SITES_MAX),
    YAML_FIELD(struct shell, planes, "planes", YAML_U32, 1, SITES_MAX),
    YAML_FIELD(struct shell, phasing, "phasing", YAML_U32, 0, SITES_MAX),
    YAML_FIELD(struct shell, altitude_km, "altitude_km", YAML_DOUBLE, 200, 60000),
    YAML_FIELD(struct shell, inclination_deg, "inclination_deg", YAML_DOUBLE, 0, 180),
    YAML_FIELD(struct shell, raan_deg, "raan_deg", YAML_DOUBLE, 0, 360),
    YAML_FIELD(struct shell, ltan_h, "ltan_h", YAML_DOUBLE, 0, 24),
    YAML_FIELD(struct shell, spacing_deg, "spacing_deg", YAML_DOUBLE, 0.01, 180),
    YAML_FIELD(struct shell, anomaly_deg, "anomaly_deg", YAML_DOUBLE, 0, 360),
};

struct gateway {
    char name[32];
    double latitude_deg, longitude_deg, altitude_m;
};

static const struct yaml_field gateway_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(struct gateway, name), .size = 32, .required = true},
    {.key = "latitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct gateway, latitude_deg), .low = -90, .high = 90,
     .required = true},
    {.key = "longitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct gateway, longitude_deg), .low = -180, .high = 360,
     .required = true},
    YAML_FIELD(struct gateway, altitude_m, "altitude_m", YAML_DOUBLE, -500, 9000),
};

struct links {
    char topology[16];
    double elevation_min_deg, range_max_km, graze_min_km, cross_plane_latitude_max_deg;
    double isl_rate_gbps, ground_rate_gbps, fibre_rate_gbps;
};

static const struct yaml_field link_fields[] = {
    {.key = "topology", .type = YAML_WORD, .offset = offsetof(struct links, topology), .size = 16, .words = "mesh string grid"},
    YAML_FIELD(struct links, elevation_min_deg, "elevation_min_deg", YAML_DOUBLE, 0, 89),
    YAML_FIELD(struct links, range_max_km, "range_max_km", YAML_DOUBLE, 1, 1e6),
    YAML_FIELD(struct links, graze_min_km, "graze_min_km", YAML_DOUBLE, 0, 1000),
    YAML_FIELD(struct links, cross_plane_latitude_max_deg, "cross_plane_latitude_max_deg", YAML_DOUBLE, 0, 90),
    YAML_FIELD(struct links, isl_rate_gbps, "isl_rate_gbps", YAML_DOUBLE, 1e-6, 1e4),
    YAML_FIELD(struct links, ground_rate_gbps, "ground_rate_gbps", YAML_DOUBLE, 1e-6, 1e4),
    YAML_FIELD(struct links, fibre_rate_gbps, "fibre_rate_gbps", YAML_DOUBLE, 1e-6, 1e4),
};

struct means { /* the small sections */
    char craft_class[16];
    double battery_start, cores, memory_mib, satellite_gib, gateway_gib, satellite_mib, gateway_mib;
    duration_ns crash_down_mean, link_down_mean, gateway_down_mean;
    double object_kib_min, object_kib_max;
};

static const struct yaml_field craft_fields[] = {
    {.key = "class", .type = YAML_WORD, .offset = offsetof(struct means, craft_class), .size = 16, .words = "pod-100w box-4kw"},
    YAML_FIELD(struct means, battery_start, "battery_start", YAML_DOUBLE, 0.2, 1),
};
static const struct yaml_field compute_fields[] = {
    YAML_FIELD(struct means, cores, "cores", YAML_DOUBLE, 0, 1024),
    YAML_FIELD(struct means, memory_mib, "memory_mib", YAML_DOUBLE, 16, 1 << 20),
};
static const struct yaml_field storage_fields[] = {
    YAML_FIELD(struct means, satellite_gib, "satellite_gib", YAML_DOUBLE, 0.001, 1 << 20),
    YAML_FIELD(struct means, gateway_gib, "gateway_gib", YAML_DOUBLE, 0.001, 1 << 20),
};
static const struct yaml_field memory_fields[] = {
    YAML_FIELD(struct means, satellite_mib, "satellite_mib", YAML_DOUBLE, 1, 65536),
    YAML_FIELD(struct means, gateway_mib, "gateway_mib", YAML_DOUBLE, 1, 65536),
};

#define SENSOR struct sensor_config
static const struct yaml_field sensor_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(SENSOR, name), .size = 24, .required = true},
    {.key = "bucket", .type = YAML_NAME, .offset = offsetof(SENSOR, bucket), .size = 64, .required = true},
    {.key = "alert_bucket", .type = YAML_NAME, .offset = offsetof(SENSOR, alert_bucket), .size = 64},
    YAML_FIELD(SENSOR, half_width_km, "half_width_km", YAML_DOUBLE, 1, 2000),
    YAML_FIELD(SENSOR, pixels, "pixels", YAML_U32, 16, 2048),
    YAML_FIELD(SENSOR, interval_ns, "interval", YAML_DURATION, 1, 864000),
    YAML_FIELD(SENSOR, off_nadir_max_km, "off_nadir_max_km", YAML_DOUBLE, 1, 3000),
    YAML_FIELD(SENSOR, sample_track, "sample_track", YAML_BOOL, 0, 0),
    YAML_FIELD(SENSOR, detect_changes, "detect_changes", YAML_BOOL, 0, 0),
    {.key = "targets", .type = YAML_SUB},
    {.key = "cloud_fraction", .type = YAML_SUB},
};
static const struct yaml_field target_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(struct sensor_target, name), .size = 32, .required = true},
    {.key = "latitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct sensor_target, lat_deg), .low = -90, .high = 90,
     .required = true},
    {.key = "longitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct sensor_target, lon_deg), .low = -180, .high = 360,
     .required = true},
};

struct event_raw {
    char kind[8];
    struct scenario_event event;
    duration_ns start;
};
static const struct yaml_field event_fields[] = {
    {.key = "kind", .type = YAML_WORD, .offset = offsetof(struct event_raw, kind), .size = 8, .words = "burn flood", .required = true},
    {.key = "latitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct event_raw, event.lat_deg), .low = -90, .high = 90,
     .required = true},
    {.key = "longitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct event_raw, event.lon_deg), .low = -180, .high = 360,
     .required = true},
    {.key = "radius_km", .type = YAML_DOUBLE, .offset = offsetof(struct event_raw, event.radius_km), .low = 0.1, .high = 2000},
    {.key = "growth_km_per_hour", .type = YAML_DOUBLE, .offset = offsetof(struct event_raw, event.growth_km_per_hour), .low = 0,
     .high = 500},
    {.key = "start", .type = YAML_DURATION, .offset = offsetof(struct event_raw, start)},
};

struct bucket_raw {
    char name[64], place[8];
    uint32_t copies;
    bool best_effort;
};
static const struct yaml_field bucket_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(struct bucket_raw, name), .size = 64, .required = true},
    {.key = "place", .type = YAML_WORD, .offset = offsetof(struct bucket_raw, place), .size = 8, .words = "orbit any"},
    YAML_FIELD(struct bucket_raw, copies, "copies", YAML_U32, 1, OBJECT_COPIES_MAX),
    YAML_FIELD(struct bucket_raw, best_effort, "best_effort", YAML_BOOL, 0, 0),
};

#define WORK struct scenario_workload
static const struct yaml_field workload_fields[] = {
    YAML_FIELD(WORK, puts_per_hour, "puts_per_hour", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(WORK, gets_per_hour, "gets_per_hour", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(WORK, deletes_per_hour, "deletes_per_hour", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(WORK, tasks_per_hour, "tasks_per_hour", YAML_DOUBLE, 0, 1e6),
    {.key = "object_kib_min", .type = YAML_SUB},
    {.key = "object_kib_max", .type = YAML_SUB},
};

#define FAULTS struct scenario_faults
static const struct yaml_field fault_fields[] = {
    YAML_FIELD(FAULTS, crashes_per_day, "crashes_per_day", YAML_DOUBLE, 0, 1000),
    YAML_FIELD(FAULTS, link_losses_per_day, "link_losses_per_day", YAML_DOUBLE, 0, 1000),
    YAML_FIELD(FAULTS, bit_flips_per_day, "bit_flips_per_day", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(FAULTS, frame_loss, "frame_loss", YAML_DOUBLE, 0, 0.5),
    YAML_FIELD(FAULTS, gateway_outages_per_day, "gateway_outages_per_day", YAML_DOUBLE, 0, 100),
    {.key = "crash_down_mean", .type = YAML_SUB},
    {.key = "link_down_mean", .type = YAML_SUB},
    {.key = "gateway_down_mean", .type = YAML_SUB},
};

#define TOP struct scenario
static const struct yaml_field top_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(TOP, name), .size = 64, .required = true},
    {.key = "region", .type = YAML_NAME, .offset = offsetof(TOP, region), .size = 32},
    {.key = "epoch", .type = YAML_UTC, .offset = offsetof(TOP, epoch), .required = true},
    YAML_FIELD(TOP, seed, "seed", YAML_U64, 0, 0),
    YAML_FIELD(TOP, speed, "speed", YAML_U32, 1, 600),
    {.key = "heartbeat", .type = YAML_DURATION, .offset = offsetof(TOP, node.heartbeat_ns), .low = 0.05, .high = 60},
    {.key = "scrub_interval", .type = YAML_DURATION, .offset = offsetof(TOP, node.scrub_interval_ns), .low = 60, .high = 1e8},
    {.key = "fact_security", .type = YAML_WORD, .offset = offsetof(TOP, fact_security), .size = 16, .words = "ed25519 modelled"},
    {.key = "constellation", .type = YAML_SUB, .required = true},
    {.key = "gateways", .type = YAML_SUB, .required = true},
    {.key = "links", .type = YAML_SUB},
    {.key = "craft", .type = YAML_SUB},
    {.key = "compute", .type = YAML_SUB},
    {.key = "storage", .type = YAML_SUB},
    {.key = "memory", .type = YAML_SUB},
    {.key = "sensor", .type = YAML_SUB},
    {.key = "events", .type = YAML_SUB},
    {.key = "buckets", .type = YAML_SUB},
    {.key = "workload", .type = YAML_SUB},
    {.key = "faults", .type = YAML_SUB},
};

struct parse {
    struct yaml_reader r;
    struct scenario *s;
    scenario_load *load;
    void *context;
};

static struct site *site_add(struct parse *p)
{
    struct scenario *s = p->s;
    if (s->site_count == SITES_MAX)
        return NULL;
    struct site *site = &s->sites[s->site_count++];
    *site = (struct site){.node = (uint32_t)s->site_count};
    return site;
}

static err satellite_add(struct parse *p, const yaml_node_t *at, const char *prefix, const struct elements *elements, uint32_t plane,
                         uint32_t slot)
{
    struct site *site = site_add(p);
    if (!site)
        return yaml_fail(&p->r, at, "more than %d nodes", SITES_MAX);
    site->kind = SITE_SATELLITE;
    site->elements = *elements;
    site->plane = plane;
    site->slot = slot;
    snprintf(site->name, sizeof site->name, "%s-%zu", prefix, p->s->site_count);
    p->s->satellite_count++;
    return ERR_OK;
}

static err shell_string(struct parse *p, const yaml_node_t *n, const struct shell *sh)
{
    struct pearls pearls = {
        .altitude_km = sh->altitude_km, .inclination_deg = sh->inclination_deg, .raan_deg = sh->raan_deg,
        .use_local_time = yaml_has(&p->r, n, "ltan_h"), .local_time_h = sh->ltan_h, .spacing_deg = sh->spacing_deg,
        .phase_deg = sh->anomaly_deg, .count = sh->count, .epoch = p->s->epoch,
    };
    for (uint32_t i = 0; i < sh->count; i++) {
        struct elements e;
        if (pearls_elements(&pearls, i, &e) != ERR_OK)
            return yaml_fail(&p->r, n, "this string of pearls is no possible orbit: check altitude, inclination, count and spacing");
        TRY(satellite_add(p, n, sh->prefix, &e, 0, i));
    }
    return ERR_OK;
}

static err shell_walker(struct parse *p, const yaml_node_t *n, const struct shell *sh)
{
    struct walker w = {
        .star = strcmp(sh->kind, "walker-star") == 0, .inclination_deg = sh->inclination_deg, .total = sh->count,
        .planes = sh->planes, .phasing = sh->phasing, .altitude_km = sh->altitude_km, .raan_deg = sh->raan_deg,
        .phase_deg = sh->anomaly_deg, .epoch = p->s->epoch,
    };
    if (walker_check(&w) != ERR_OK)
        return yaml_fail(&p->r, n, "this is no Walker constellation: `count` must be a multiple of `planes`, `phasing` below `planes`");
    uint32_t per_plane = sh->count / sh->planes, plane_base = 1000 * (uint32_t)p->s->satellite_count;
    for (uint32_t i = 0; i < sh->count; i++) {
        struct elements e;
        if (walker_elements(&w, i, &e) != ERR_OK)
            return yaml_fail(&p->r, n, "satellite %u of this constellation has no possible orbit", i + 1);
        TRY(satellite_add(p, n, sh->prefix, &e, plane_base + i / per_plane, i % per_plane));
    }
    return ERR_OK;
}

struct file_shell { /* a file of element sets on its way into sites */
    struct parse *p;
    const yaml_node_t *at;
    const char *prefix;
    uint32_t count;
};

static err element_add(void *context, const struct elements *e)
{
    struct file_shell *f = context;
    return satellite_add(f->p, f->at, f->prefix, e, f->count++, 0);
}

static err tle_read(struct span text, struct file_shell *f, struct parse_error *wrong)
{
    size_t at = 0;
    int line = 0;
    for (;;) {
        struct elements e;
        err status = tle_next(text, &at, &line, TLE_STRICT, &e, wrong);
        if (status == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(status);
        TRY(element_add(f, &e));
    }
}

static err shell_file(struct parse *p, const yaml_node_t *n, const struct shell *sh)
{
    struct span text;
    struct parse_error wrong = {0};
    const yaml_node_t *name = yaml_child(&p->r, n, "file");
    struct file_shell f = {.p = p, .at = n, .prefix = sh->prefix};
    if (!name)
        return yaml_fail(&p->r, n, "a shell of kind `%s` needs `file`", sh->kind);
    if (!p->load || p->load(p->context, sh->file, &text) != ERR_OK)
        return yaml_fail(&p->r, name, "the file `%s` cannot be read", sh->file);
    bool omm = strcmp(sh->kind, "omm") == 0;
    err e = omm ? omm_read(text, OMM_AUTO, element_add, &f, &wrong) : tle_read(text, &f, &wrong);
    if (e != ERR_OK && wrong.text[0])
        return yaml_fail(&p->r, name, "%s:%d:%d: %s", sh->file, wrong.line, wrong.column, wrong.text);
    if (e != ERR_OK)
        return e; /* said already */
    return f.count ? ERR_OK : yaml_fail(&p->r, name, "the file `%s` holds no element set", sh->file);
}

static err shell_parse(struct parse *p, const yaml_node_t *n)
{
    struct shell sh = {.prefix = "sat", .planes = 1, .count = 1, .altitude_km = 550, .inclination_deg = 53, .spacing_deg = 10};
    TRY(yaml_fill(&p->r, n, "a shell of `constellation`", shell_fields, COUNT_OF(shell_fields), &sh));
    if (strcmp(sh.kind, "string") == 0)
        return shell_string(p, n, &sh);
    if (strncmp(sh.kind, "walker", 6) == 0)
        return shell_walker(p, n, &sh);
    return shell_file(p, n, &sh);
}

static err constellation_parse(struct parse *p, const yaml_node_t *top)
{
    const yaml_node_t *list = yaml_child(&p->r, top, "constellation");
    size_t count;
    TRY(yaml_sequence(&p->r, list, "constellation", SHELLS_MAX, &count));
    for (size_t i = 0; i < count; i++)
        TRY(shell_parse(p, yaml_item(&p->r, list, i)));
    return count ? ERR_OK : yaml_fail(&p->r, list, "`constellation` is empty; at least one shell is needed");
}

static err gateways_parse(struct parse *p, const yaml_node_t *top)
{
    const yaml_node_t *list = yaml_child(&p->r, top, "gateways");
    size_t count;
    TRY(yaml_sequence(&p->r, list, "gateways", GATEWAYS_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *n = yaml_item(&p->r, list, i);
        struct gateway g = {0};
        TRY(yaml_fill(&p->r, n, "a gateway", gateway_fields, COUNT_OF(gateway_fields), &g));
        if (scenario_node(p->s, g.name) != NODE_NONE)
            return yaml_fail(&p->r, n, "the name `%s` is used twice", g.name);
        struct site *site = site_add(p);
        if (!site)
            return yaml_fail(&p->r, n, "more than %d nodes", SITES_MAX);
        site->kind = SITE_GROUND;
        site->latitude_deg = g.latitude_deg;
        site->longitude_deg = g.longitude_deg;
        site->altitude_m = g.altitude_m;
        text_copy(site->name, sizeof site->name, span_text(g.name));
    }
    return count ? ERR_OK : yaml_fail(&p->r, list, "`gateways` is empty; customers need at least one");
}

static err links_parse(struct parse *p, const yaml_node_t *top)
{
    struct links l = {"mesh", 5, 5000, 80, 70, 10, 1, 10};
    const yaml_node_t *n = yaml_child(&p->r, top, "links");
    if (n)
        TRY(yaml_fill(&p->r, n, "`links`", link_fields, COUNT_OF(link_fields), &l));
    struct link_rules *rules = &p->s->links;
    *rules = link_rules_default();
    rules->topology = strcmp(l.topology, "grid") == 0     ? TOPOLOGY_GRID
                      : strcmp(l.topology, "string") == 0 ? TOPOLOGY_STRING
                                                          : TOPOLOGY_MESH;
    rules->min_elevation_rad = RADIANS(l.elevation_min_deg);
    rules->range_max_km = l.range_max_km;
    rules->graze_min_km = l.graze_min_km;
    rules->cross_plane_latitude_max_deg = l.cross_plane_latitude_max_deg;
    rules->isl_rate_bps = (uint64_t)(l.isl_rate_gbps * 1e9);
    rules->ground_rate_bps = (uint64_t)(l.ground_rate_gbps * 1e9);
    rules->fibre_rate_bps = (uint64_t)(l.fibre_rate_gbps * 1e9);
    return ERR_OK;
}

static err section(struct parse *p, const yaml_node_t *top, const char *key, const struct yaml_field *fields, size_t count, void *out)
{
    const yaml_node_t *n = yaml_child(&p->r, top, key);
    return n ? yaml_fill(&p->r, n, key, fields, count, out) : ERR_OK;
}

static err members_parse(struct parse *p, const yaml_node_t *top)
{
    struct means m = {.craft_class = "box-4kw", .battery_start = 0.8, .cores = 2, .memory_mib = 512, .satellite_gib = 4,
                      .gateway_gib = 8, .satellite_mib = 64, .gateway_mib = 512};
    TRY(section(p, top, "craft", craft_fields, COUNT_OF(craft_fields), &m));
    TRY(section(p, top, "compute", compute_fields, COUNT_OF(compute_fields), &m));
    TRY(section(p, top, "storage", storage_fields, COUNT_OF(storage_fields), &m));
    TRY(section(p, top, "memory", memory_fields, COUNT_OF(memory_fields), &m));
    struct scenario *s = p->s;
    s->craft = strcmp(m.craft_class, "pod-100w") == 0 ? craft_params_pod() : craft_params_box();
    s->battery_start = m.battery_start;
    s->disk_bytes = (uint64_t)(m.satellite_gib * 1024) * MIB;
    s->gateway_disk_bytes = (uint64_t)(m.gateway_gib * 1024) * MIB;
    s->node_memory_bytes = (uint64_t)(m.satellite_mib * (double)MIB);
    s->gateway_memory_bytes = (uint64_t)(m.gateway_mib * (double)MIB);
    s->node.lanes_millis = (uint32_t)(m.cores * 1000);
    s->node.lane_memory_bytes = (uint64_t)(m.memory_mib * (double)MIB);
    return ERR_OK;
}

static err sensor_parse(struct parse *p, const yaml_node_t *top)
{
    const yaml_node_t *n = yaml_child(&p->r, top, "sensor");
    if (!n)
        return ERR_OK;
    struct sensor_config *c = &p->s->node.sensor;
    *c = (struct sensor_config){.present = true, .half_width_km = 250, .pixels = 256, .interval_ns = 120 * NS_PER_S,
                                .off_nadir_max_km = 600};
    TRY(yaml_fill(&p->r, n, "`sensor`", sensor_fields, COUNT_OF(sensor_fields), c));
    struct yaml_field cloud = {.key = "cloud_fraction", .type = YAML_DOUBLE, .low = 0, .high = 1};
    if (yaml_has(&p->r, n, "cloud_fraction")) {
        struct { double value; } holder = {0};
        const yaml_node_t *v = yaml_child(&p->r, n, "cloud_fraction");
        if (v->type != YAML_SCALAR_NODE ||
            parse_double(span_of(v->data.scalar.value, v->data.scalar.length), &holder.value) != ERR_OK ||
            holder.value < cloud.low || holder.value > cloud.high)
            return yaml_fail(&p->r, v, "`cloud_fraction` must be a number between 0 and 1");
        p->s->cloud_fraction = holder.value;
    }
    const yaml_node_t *list = yaml_child(&p->r, n, "targets");
    size_t count = 0;
    if (list)
        TRY(yaml_sequence(&p->r, list, "targets", COUNT_OF(c->targets), &count));
    for (size_t i = 0; i < count; i++)
        TRY(yaml_fill(&p->r, yaml_item(&p->r, list, i), "a target", target_fields, COUNT_OF(target_fields), &c->targets[i]));
    c->target_count = (uint32_t)count;
    return ERR_OK;
}

static err events_parse(struct parse *p, const yaml_node_t *top)
{
    const yaml_node_t *list = yaml_child(&p->r, top, "events");
    if (!list)
        return ERR_OK;
    TRY(yaml_sequence(&p->r, list, "events", SCENARIO_EVENTS_MAX, &p->s->event_count));
    for (size_t i = 0; i < p->s->event_count; i++) {
        struct event_raw raw = {.event = {.radius_km = 20}};
        TRY(yaml_fill(&p->r, yaml_item(&p->r, list, i), "an event", event_fields, COUNT_OF(event_fields), &raw));
        raw.event.kind = strcmp(raw.kind, "flood") == 0 ? SCENE_FLOOD : SCENE_BURN;
        raw.event.start = p->s->epoch + raw.start;
        p->s->events[i] = raw.event;
    }
    return ERR_OK;
}

static err buckets_parse(struct parse *p, const yaml_node_t *top)
{
    const yaml_node_t *list = yaml_child(&p->r, top, "buckets");
    if (!list)
        return ERR_OK;
    TRY(yaml_sequence(&p->r, list, "buckets", SCENARIO_BUCKETS_MAX, &p->s->bucket_count));
    for (size_t i = 0; i < p->s->bucket_count; i++) {
        const yaml_node_t *n = yaml_item(&p->r, list, i);
        struct bucket_raw raw = {.place = "orbit", .copies = 2};
        TRY(yaml_fill(&p->r, n, "a bucket", bucket_fields, COUNT_OF(bucket_fields), &raw));
        for (size_t j = 0; j < i; j++)
            if (strcmp(p->s->buckets[j].name, raw.name) == 0)
                return yaml_fail(&p->r, n, "the bucket `%s` appears twice", raw.name);
        struct scenario_bucket *b = &p->s->buckets[i];
        memcpy(b->name, raw.name, sizeof b->name);
        b->policy = (struct policy){.copies = (uint8_t)raw.copies, .best_effort = raw.best_effort,
                                    .where = strcmp(raw.place, "any") == 0 ? PLACE_ANY : PLACE_ORBIT};
    }
    return ERR_OK;
}

static err workload_parse(struct parse *p, const yaml_node_t *top)
{
    struct scenario_workload *w = &p->s->workload;
    struct means m = {.object_kib_min = 4, .object_kib_max = 64};
    static const struct yaml_field sizes[] = {
        YAML_FIELD(struct means, object_kib_min, "object_kib_min", YAML_DOUBLE, 0, 1 << 20),
        YAML_FIELD(struct means, object_kib_max, "object_kib_max", YAML_DOUBLE, 0, 1 << 20),
        {.key = "puts_per_hour", .type = YAML_SUB},
        {.key = "gets_per_hour", .type = YAML_SUB},
        {.key = "deletes_per_hour", .type = YAML_SUB},
        {.key = "tasks_per_hour", .type = YAML_SUB},
    };
    TRY(section(p, top, "workload", workload_fields, COUNT_OF(workload_fields), w));
    TRY(section(p, top, "workload", sizes, COUNT_OF(sizes), &m));
    if (m.object_kib_min > m.object_kib_max)
        return yaml_fail(&p->r, yaml_child(&p->r, top, "workload"), "`object_kib_min` is above `object_kib_max`");
    w->object_bytes_min = (uint64_t)(m.object_kib_min * 1024);
    w->object_bytes_max = (uint64_t)(m.object_kib_max * 1024);
    return ERR_OK;
}

static err faults_parse(struct parse *p, const yaml_node_t *top)
{
    struct scenario_faults *f = &p->s->faults;
    struct means m = {.crash_down_mean = 10 * NS_PER_MINUTE, .link_down_mean = 5 * NS_PER_MINUTE,
                      .gateway_down_mean = 20 * NS_PER_MINUTE};
    static const struct yaml_field durations[] = {
        YAML_FIELD(struct means, crash_down_mean, "crash_down_mean", YAML_DURATION, 1, 86400),
        YAML_FIELD(struct means, link_down_mean, "link_down_mean", YAML_DURATION, 1, 86400),
        YAML_FIELD(struct means, gateway_down_mean, "gateway_down_mean", YAML_DURATION, 1, 86400),
        {.key = "crashes_per_day", .type = YAML_SUB},
        {.key = "link_losses_per_day", .type = YAML_SUB},
        {.key = "bit_flips_per_day", .type = YAML_SUB},
        {.key = "frame_loss", .type = YAML_SUB},
        {.key = "gateway_outages_per_day", .type = YAML_SUB},
    };
    TRY(section(p, top, "faults", fault_fields, COUNT_OF(fault_fields), f));
    TRY(section(p, top, "faults", durations, COUNT_OF(durations), &m));
    f->crash_down_mean_s = (double)m.crash_down_mean / 1e9;
    f->link_down_mean_s = (double)m.link_down_mean / 1e9;
    f->gateway_down_mean_s = (double)m.gateway_down_mean / 1e9;
    return ERR_OK;
}

static err names_check(struct parse *p, const yaml_node_t *top)
{
    const struct scenario *s = p->s;
    for (size_t i = 0; i < s->satellite_count && s->satellite_count < 5000; i++)
        if (scenario_node(s, s->sites[i].name) != s->sites[i].node)
            return yaml_fail(&p->r, top, "two nodes are called `%s`; give the shells different prefixes", s->sites[i].name);
    return ERR_OK;
}

static err top_parse(struct parse *p, const yaml_node_t *top)
{
    struct scenario *s = p->s;
    TRY(yaml_fill(&p->r, top, "the scenario", top_fields, COUNT_OF(top_fields), s));
    TRY(constellation_parse(p, top));
    TRY(gateways_parse(p, top));
    TRY(names_check(p, top));
    TRY(links_parse(p, top));
    TRY(members_parse(p, top));
    TRY(sensor_parse(p, top));
    TRY(events_parse(p, top));
    TRY(buckets_parse(p, top));
    TRY(workload_parse(p, top));
    return faults_parse(p, top);
}

static void defaults(struct scenario *s)
{
    *s = (struct scenario){.region = "noct-1", .seed = 1, .speed = 60, .fact_security = "ed25519"};
    s->node = (struct config){
        .heartbeat_ns = NS_PER_S,
        .heartbeats_missed = 3,
        .lane_power_mw = 15000,
        .radio_power_mw = 8000,
        .scrub_interval_ns = 7 * NS_PER_DAY,
    };
}

err scenario_parse(struct span yaml, scenario_load *load, void *context, struct scenario **out, struct scenario_error *error)
{
    yaml_parser_t parser;
    yaml_document_t document;
    *error = (struct scenario_error){0};
    if (!yaml_parser_initialize(&parser))
        return ERR_NO_MEMORY;
    yaml_parser_set_input_string(&parser, yaml.data, yaml.size);
    if (!yaml_parser_load(&parser, &document)) {
        snprintf(error->text, sizeof error->text, "not YAML: %s", parser.problem ? parser.problem : "unreadable");
        error->line = (int)parser.problem_mark.line + 1;
        error->column = (int)parser.problem_mark.column + 1;
        yaml_parser_delete(&parser);
        return ERR_INVALID;
    }
    struct scenario *s = malloc(sizeof *s);
    ASSERT(s != NULL);
    defaults(s);
    s->sites = calloc(SITES_MAX, sizeof *s->sites);
    ASSERT(s->sites != NULL);
    struct parse p = {.r = {&document, error}, .s = s, .load = load, .context = context};
    const yaml_node_t *top = yaml_document_get_root_node(&document);
    err e = top ? top_parse(&p, top) : yaml_fail(&p.r, NULL, "the file is empty");
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    if (e != ERR_OK) {
        scenario_free(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

void scenario_free(struct scenario *s)
{
    if (!s)
        return;
    free(s->sites);
    free(s);
}

/* ---- what derives from a scenario -------------------------------------------------------------------------------- */

node_id scenario_node(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->site_count; i++)
        if (strcmp(s->sites[i].name, name) == 0)
            return s->sites[i].node;
    return NODE_NONE;
}

const char *scenario_name(const struct scenario *s, node_id id)
{
    return id >= 1 && id <= s->site_count ? s->sites[id - 1].name : "?";
}

bool scenario_is_gateway(const struct scenario *s, node_id id)
{
    return id > s->satellite_count && id <= s->site_count;
}

/* Limits follow the memory budget: a satellite of 4 MiB and a gateway of a gigabyte run the same code. */
static struct limits limits_for(uint64_t memory_bytes, size_t members)
{
    uint64_t mib = MAX(memory_bytes / MIB, (uint64_t)1);
    return (struct limits){
        .members_max = (uint32_t)members + 16,
        .links_max = (uint32_t)MIN(members + 8, (size_t)256),
        .bundles_max = (uint32_t)MIN(256 + 16 * mib, (uint64_t)65536),
        .streams_max = (uint32_t)MIN(8 + mib / 2, (uint64_t)512),
        .chunks_max = (uint32_t)MIN(2048 * mib, (uint64_t)(1 << 24)),
        .lanes_max = 16,
        .bundle_bytes_max = memory_bytes / 4,
        .fact_bytes_max = memory_bytes / 3,
    };
}

void scenario_config(const struct scenario *s, node_id id, uint32_t boot, struct config *out)
{
    ASSERT(id >= 1 && id <= s->site_count);
    bool gateway = scenario_is_gateway(s, id);
    *out = s->node;
    out->self = id;
    out->boot = boot;
    out->incarnation = 1;
    out->seed = s->seed;
    out->role = gateway ? ROLE_GATEWAY : ROLE_SATELLITE;
    memcpy(out->name, s->sites[id - 1].name, sizeof out->name);
    out->limits = limits_for(gateway ? s->gateway_memory_bytes : s->node_memory_bytes, s->site_count);
    /* How many ended tasks are remembered is part of the folded state: it must be the same on every node. */
    uint64_t least_mib = MAX(MIN(s->gateway_memory_bytes, s->node_memory_bytes) / MIB, (uint64_t)1);
    out->limits.tasks_max = (uint32_t)MIN(64 + 16 * least_mib, (uint64_t)16384);
    uint64_t disk = gateway ? s->gateway_disk_bytes : s->disk_bytes;
    out->area_capacity_bytes[AREA_CHUNKS] = disk;
    out->area_capacity_bytes[AREA_FACTS] = MAX(disk / 8, 16 * MIB);
    out->area_capacity_bytes[AREA_SPOOL] = MAX(disk / 8, 16 * MIB);
    double battery_mwh = s->craft.battery_wh * 1000;
    out->battery_floor_mwh = (uint64_t)(battery_mwh * s->craft.battery_floor_fraction);
    out->battery_economy_mwh = (uint64_t)(battery_mwh * (0.5 * s->craft.battery_floor_fraction + 0.3));
    out->core_limit_mk = (uint32_t)(s->craft.core_limit_k * 1000);
    out->base_power_mw = (uint64_t)(s->craft.base_load_w * 1000);
    if (gateway) {
        out->lanes_millis = 0;
        out->sensor.present = false;
        out->battery_floor_mwh = out->battery_economy_mwh = 0;
    }
}

err scenario_sky(const struct scenario *s, struct heap *heap, struct sky **out)
{
    struct sky *sky = heap ? heap_alloc(heap, sizeof *sky) : calloc(1, sizeof *sky);
    if (!sky)
        return ERR_NO_MEMORY;
    TRY(sky_init(sky, heap, s->sites, s->site_count, &s->links, s->epoch));
    *out = sky;
    return ERR_OK;
}
