/*
 * node/scenario_craft.c - the sections `craft`, `compute`, `storage` and `memory` of a scenario: what each member is.
 */
#include "node/scenario_parse.h"

#include <string.h>

struct members {
    char craft_class[16];
    double battery_start, cores, memory_mib, satellite_gib, gateway_gib, satellite_mib, gateway_mib;
};

static const struct yaml_field craft_fields[] = {
    {.key = "class", .type = YAML_WORD, .offset = offsetof(struct members, craft_class), .size = 16, .words = "pod-100w box-4kw"},
    YAML_FIELD(struct members, battery_start, "battery_start", YAML_DOUBLE, 0.2, 1),
};
static const struct yaml_field compute_fields[] = {
    YAML_FIELD(struct members, cores, "cores", YAML_DOUBLE, 0, 1024),
    YAML_FIELD(struct members, memory_mib, "memory_mib", YAML_DOUBLE, 16, 1 << 20),
};
static const struct yaml_field storage_fields[] = {
    YAML_FIELD(struct members, satellite_gib, "satellite_gib", YAML_DOUBLE, 0.001, 1 << 20),
    YAML_FIELD(struct members, gateway_gib, "gateway_gib", YAML_DOUBLE, 0.001, 1 << 20),
};
static const struct yaml_field memory_fields[] = {
    YAML_FIELD(struct members, satellite_mib, "satellite_mib", YAML_DOUBLE, 1, 65536),
    YAML_FIELD(struct members, gateway_mib, "gateway_mib", YAML_DOUBLE, 1, 65536),
};

err scenario_read_craft(struct scenario_reader *p, const yaml_node_t *top)
{
    struct members m = {.craft_class = "box-4kw", .battery_start = 0.8, .cores = 2, .memory_mib = 512, .satellite_gib = 4,
                      .gateway_gib = 8, .satellite_mib = 64, .gateway_mib = 512};
    TRY(scenario_section(p, top, "craft", craft_fields, COUNT_OF(craft_fields), &m));
    TRY(scenario_section(p, top, "compute", compute_fields, COUNT_OF(compute_fields), &m));
    TRY(scenario_section(p, top, "storage", storage_fields, COUNT_OF(storage_fields), &m));
    TRY(scenario_section(p, top, "memory", memory_fields, COUNT_OF(memory_fields), &m));
    struct scenario *s = p->scenario;
    s->craft = strcmp(m.craft_class, "pod-100w") == 0 ? craft_params_pod() : craft_params_box();
    s->battery_start = m.battery_start;
    s->disk_bytes = (uint64_t)(m.satellite_gib * 1024) * SCENARIO_MIB;
    s->gateway_disk_bytes = (uint64_t)(m.gateway_gib * 1024) * SCENARIO_MIB;
    s->node_memory_bytes = (uint64_t)(m.satellite_mib * (double)SCENARIO_MIB);
    s->gateway_memory_bytes = (uint64_t)(m.gateway_mib * (double)SCENARIO_MIB);
    s->node.lanes_millis = (uint32_t)(m.cores * 1000);
    s->node.lane_memory_bytes = (uint64_t)(m.memory_mib * (double)SCENARIO_MIB);
    return ERR_OK;
}
