/*
 * node/scenario.c - scenario files: the top level, and what derives from a scenario.
 */
#include "node/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "node/scenario_parse.h"

#define TOP struct scenario
static const struct yaml_field top_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(TOP, name), .size = 64, .required = true},
    {.key = "region", .type = YAML_NAME, .offset = offsetof(TOP, region), .size = 32},
    {.key = "epoch", .type = YAML_UTC, .offset = offsetof(TOP, epoch), .required = true},
    YAML_FIELD(TOP, seed, "seed", YAML_U64, 0, 0),
    YAML_FIELD(TOP, speed, "speed", YAML_U32, 1, 600),
    {.key = "heartbeat", .type = YAML_DURATION, .offset = offsetof(TOP, node.heartbeat_ns), .low = 0.05, .high = 60},
    {.key = "scrub_interval", .type = YAML_DURATION, .offset = offsetof(TOP, node.scrub_interval_ns), .low = 60, .high = 1e8},
    YAML_FIELD(TOP, spool_mib, "spool_mib", YAML_U32, 1, 1 << 20),
    {.key = "fact_security", .type = YAML_WORD, .offset = offsetof(TOP, fact_security), .size = 16, .words = "ed25519 modelled"},
    {.key = "constellation", .type = YAML_SUB, .required = true},
    {.key = "gateways", .type = YAML_SUB, .required = true},
    {.key = "links", .type = YAML_SUB},
    {.key = "craft", .type = YAML_SUB},
    {.key = "terminals", .type = YAML_SUB},
    {.key = "compute", .type = YAML_SUB},
    {.key = "storage", .type = YAML_SUB},
    {.key = "memory", .type = YAML_SUB},
    {.key = "sensor", .type = YAML_SUB},
    {.key = "events", .type = YAML_SUB},
    {.key = "buckets", .type = YAML_SUB},
    {.key = "workload", .type = YAML_SUB},
    {.key = "faults", .type = YAML_SUB},
};

struct site *scenario_site_add(struct scenario_reader *p)
{
    struct scenario *s = p->scenario;
    if (s->site_count >= p->sites_max)
        return NULL;
    if (s->site_count == p->sites_room) {
        p->sites_room = p->sites_room ? 2 * p->sites_room : 64;
        s->sites = realloc(s->sites, p->sites_room * sizeof *s->sites);
        ASSERT(s->sites != NULL);
    }
    struct site *site = &s->sites[s->site_count++];
    *site = (struct site){.node = (uint32_t)s->site_count};
    return site;
}

err scenario_file(struct scenario_reader *p, const char *name, struct span *out)
{
    if (!p->load)
        return ERR_NOT_FOUND;
    TRY(p->load(p->context, name, out));
    if (p->scenario) { /* by name and bytes: who asks for another file, or the same with other bytes, has another scenario */
        uint64_t digest = hash64_seeded(p->scenario->files_digest, name, strlen(name) + 1);
        p->scenario->files_digest = hash64_seeded(digest, out->data, out->size);
    }
    return ERR_OK;
}

err scenario_section(struct scenario_reader *p, const yaml_node_t *top, const char *key, const struct yaml_field *fields, size_t count,
                     void *out)
{
    const yaml_node_t *n = yaml_child(&p->yaml, top, key);
    return n ? yaml_fill(&p->yaml, n, key, fields, count, out) : ERR_OK;
}

static err top_parse(struct scenario_reader *p, const yaml_node_t *top)
{
    struct scenario *s = p->scenario;
    TRY(yaml_fill(&p->yaml, top, "the scenario", top_fields, COUNT_OF(top_fields), s));
    if (s->epoch < time_from_utc(1970, 1, 1, 0, 0, 0) || s->epoch >= time_from_utc(2100, 1, 1, 0, 0, 0))
        return yaml_fail(&p->yaml, yaml_child(&p->yaml, top, "epoch"), "`epoch` must lie between 1970 and 2099");
    TRY(scenario_read_constellation(p, top));
    TRY(scenario_read_gateways(p, top));
    TRY(scenario_read_links(p, top));
    TRY(scenario_read_craft(p, top));
    TRY(scenario_check_size(p, top));
    TRY(scenario_read_terminals(p, top));
    TRY(scenario_read_sensor(p, top));
    TRY(scenario_read_work(p, top));
    return scenario_read_faults(p, top);
}

static void defaults(struct scenario *s)
{
    *s = (struct scenario){.region = "noct-1", .seed = 1, .speed = 60, .fact_security = "ed25519"};
    s->node = (struct config){
        .heartbeat_ns = NS_PER_S,
        .heartbeats_missed = 3,
        .scrub_interval_ns = 7 * NS_PER_DAY,
    };
}

err scenario_parse(struct span yaml, scenario_load *load, void *context, struct scenario **out, struct scenario_error *error)
{
    return scenario_parse_within(SCENARIO_SITES_MAX, yaml, load, context, out, error);
}

err scenario_parse_within(uint32_t sites_max, struct span yaml, scenario_load *load, void *context, struct scenario **out,
                          struct scenario_error *error)
{
    yaml_document_t document;
    *error = (struct scenario_error){0};
    TRY(yaml_load(yaml, &document, error));
    struct scenario *s = malloc(sizeof *s);
    ASSERT(s != NULL);
    defaults(s);
    struct scenario_reader p = {.yaml = {&document, error}, .scenario = s, .load = load, .context = context, .sites_max = sites_max};
    const yaml_node_t *top = yaml_document_get_root_node(&document);
    err e = top ? top_parse(&p, top) : yaml_fail(&p.yaml, NULL, "the file is empty");
    yaml_document_delete(&document);
    if (e != ERR_OK) {
        if (!error->text[0])
            snprintf(error->text, sizeof error->text, "this scenario cannot be used: %s", err_text(e));
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
    for (size_t i = 0; i < s->table_count; i++) {
        oem_free(s->tables[i]);
        free(s->tables[i]);
    }
    free(s->files);
    contact_plan_free(&s->plan);
    free(s->sites);
    free(s->members);
    free(s->member_of);
    free(s->clouds);
    free(s->list.pairs);
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
    uint64_t mib = MAX(memory_bytes / SCENARIO_MIB, (uint64_t)1);
    return (struct limits){
        .members_max = (uint32_t)MIN(members + 16, 256 * mib), /* rows of the view: its scope (docs/adr/0010-scope.md) */
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
    uint64_t least_mib = MAX(MIN(s->gateway_memory_bytes, s->node_memory_bytes) / SCENARIO_MIB, (uint64_t)1);
    out->limits.tasks_max = (uint32_t)MIN(64 + 16 * least_mib, (uint64_t)16384);
    uint64_t disk = gateway ? s->gateway_disk_bytes : (uint64_t)(scenario_member(s, id)->storage_gib * 1024) * SCENARIO_MIB;
    out->area_capacity_bytes[AREA_CHUNKS] = disk;
    out->area_capacity_bytes[AREA_FACTS] = MAX(disk / 8, 16 * SCENARIO_MIB);
    out->area_capacity_bytes[AREA_SPOOL] = s->spool_mib ? s->spool_mib * SCENARIO_MIB : MAX(disk / 8, 16 * SCENARIO_MIB);
    scenario_member_config(s, id, out);
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
