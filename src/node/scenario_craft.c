/*
 * node/scenario_craft.c - the sections `craft`, `compute`, `storage` and `memory` of a scenario: what each member is.
 *
 * Model:   `craft` is the class of all members; a shell of the constellation may name its own. `compute` and `storage`, where
 *          they are given, count for every member, whatever its class says.
 */
#include "node/scenario_parse.h"

#include <stdlib.h>
#include <string.h>

struct members {
    double battery_start, cores, memory_mib, satellite_gib, gateway_gib, satellite_mib, gateway_mib;
};

static const struct yaml_field start_field = YAML_FIELD(struct members, battery_start, "battery_start", YAML_DOUBLE, 0.2, 1);
static const struct yaml_field compute_fields[] = {
    YAML_FIELD(struct members, cores, "cores", YAML_DOUBLE, 0, 1024),
    YAML_FIELD(struct members, memory_mib, "memory_mib", YAML_DOUBLE, 16, 1 << 20),
};
static const struct yaml_field storage_fields[] = {
    YAML_FIELD(struct members, satellite_gib, "satellite_gib", YAML_DOUBLE, 0.002, 1 << 20),
    YAML_FIELD(struct members, gateway_gib, "gateway_gib", YAML_DOUBLE, 0.002, 1 << 20),
};
static const struct yaml_field memory_fields[] = {
    YAML_FIELD(struct members, satellite_mib, "satellite_mib", YAML_DOUBLE, 1, 65536),
    YAML_FIELD(struct members, gateway_mib, "gateway_mib", YAML_DOUBLE, 8, 65536),
};

/* The first class, of all that have no other; then one per shell that names its own. */
static err classes_read(struct scenario_reader *p, const yaml_node_t *top, struct members *values)
{
    struct scenario *s = p->scenario;
    const yaml_node_t *n = yaml_child(&p->yaml, top, "craft");
    s->members = calloc(1 + p->fleet_count, sizeof *s->members);
    s->member_of = calloc(MAX(s->satellite_count, (size_t)1), sizeof *s->member_of);
    ASSERT(s->members != NULL && s->member_of != NULL);
    ASSERT(member_builtin("box-4kw", &s->members[0]));
    s->member_count = 1;
    if (n && n->type == YAML_MAPPING_NODE && yaml_has(&p->yaml, n, "battery_start")) {
        struct yaml_field only = start_field;
        TRY(yaml_fill_one(&p->yaml, n, &only, values));
    }
    if (n)
        TRY(scenario_read_member(p, n, &s->members[0]));
    for (size_t i = 0; i < p->fleet_count; i++) {
        const struct scenario_fleet *f = &p->fleets[i];
        struct member *m = &s->members[s->member_count];
        *m = s->members[0];
        TRY(scenario_read_member(p, f->craft, m));
        for (size_t k = f->first; k < f->end; k++)
            s->member_of[k] = (uint8_t)s->member_count;
        s->member_count++;
    }
    return ERR_OK;
}

/* `compute` and `storage` of the scenario stand above the classes. */
static void values_apply(struct scenario *s, const struct members *v)
{
    for (size_t i = 0; i < s->member_count; i++) {
        struct member *m = &s->members[i];
        double watts_per_core = (double)member_core_power_mw(m) / 1000.0, cores = member_cores(m), memory = member_lane_memory_mib(m);
        if (v->cores >= 0 || v->memory_mib >= 0) {
            struct member_lane lane = {DEVICE_CPU, v->cores >= 0 ? v->cores : cores, 0, v->memory_mib >= 0 ? v->memory_mib : memory};
            lane.watts = lane.cores * (cores > 0 ? watts_per_core : 15.0);
            m->lane_count = lane.cores > 0 ? 1 : 0;
            m->lanes[0] = lane;
        }
        if (v->satellite_gib >= 0)
            m->storage_gib = v->satellite_gib;
    }
}

/* Who has no laser meets no satellite, whatever the geometry says; a plan that others made must know that. */
static err lasers_apply(struct scenario_reader *p, const yaml_node_t *top)
{
    struct scenario *s = p->scenario;
    for (size_t i = 0; i < s->satellite_count; i++)
        s->sites[i].ground_only = s->members[s->member_of[i]].optical_count == 0;
    for (size_t i = 0; s->links.plan && i < s->plan.count; i++) {
        node_id a = s->plan.contacts[i].a, b = s->plan.contacts[i].b;
        if (a > s->satellite_count || b > s->satellite_count)
            continue;
        node_id bare = s->sites[a - 1].ground_only ? a : b;
        if (s->sites[bare - 1].ground_only)
            return yaml_fail(&p->yaml, yaml_child(&p->yaml, top, "links"),
                             "the plan has a contact of %s with %s, but %s (%s) has no laser: take the contact out, or give its class "
                             "`terminals: {optical: {count: 1}}`", scenario_name(s, a), scenario_name(s, b), scenario_name(s, bare),
                             scenario_member(s, bare)->name);
    }
    return ERR_OK;
}

err scenario_read_craft(struct scenario_reader *p, const yaml_node_t *top)
{
    struct members v = {.battery_start = 0.8, .cores = -1, .memory_mib = -1, .satellite_gib = -1,
                        .gateway_gib = 8, .satellite_mib = 64, .gateway_mib = 512};
    TRY(classes_read(p, top, &v));
    TRY(scenario_section(p, top, "compute", compute_fields, COUNT_OF(compute_fields), &v));
    TRY(scenario_section(p, top, "storage", storage_fields, COUNT_OF(storage_fields), &v));
    TRY(scenario_section(p, top, "memory", memory_fields, COUNT_OF(memory_fields), &v));
    struct scenario *s = p->scenario;
    values_apply(s, &v);
    TRY(lasers_apply(p, top));
    s->craft = s->members[0].craft;
    s->battery_start = v.battery_start;
    s->gateway_disk_bytes = (uint64_t)(v.gateway_gib * 1024) * SCENARIO_MIB;
    s->node_memory_bytes = (uint64_t)(v.satellite_mib * (double)SCENARIO_MIB);
    s->gateway_memory_bytes = (uint64_t)(v.gateway_mib * (double)SCENARIO_MIB);
    return scenario_check_power(p, top);
}

const struct member *scenario_member(const struct scenario *s, node_id id)
{
    ASSERT(id >= 1 && id <= s->site_count && s->member_count >= 1);
    return &s->members[id <= s->satellite_count ? s->member_of[id - 1] : 0];
}

void scenario_member_config(const struct scenario *s, node_id id, struct config *out)
{
    const struct member *m = scenario_member(s, id);
    out->lanes_millis = (uint32_t)(MIN(member_cores(m), 4e6) * 1000);
    out->lane_memory_bytes = (uint64_t)(member_lane_memory_mib(m) * (double)SCENARIO_MIB);
    out->lane_power_mw = member_core_power_mw(m);
    out->radio_power_mw = member_terminal_power_mw(m);
    double battery_mwh = m->craft.battery_wh * 1000;
    out->battery_floor_mwh = (uint64_t)(1000.0 * craft_battery_floor_wh(&m->craft));
    out->battery_economy_mwh = (uint64_t)(battery_mwh * (0.5 * m->craft.battery_floor_fraction + 0.3));
    out->core_limit_mk = (uint32_t)(m->craft.core_limit_k * 1000);
    out->base_power_mw = (uint64_t)(m->craft.base_load_w * 1000);
    out->acquire_ns = m->optical_count ? optical_acquisition_most_ns(&m->optical) : 0;
}
