/*
 * node/scenario_faults.c - the section `faults` of a scenario: the means of the twin's fault plan.
 */
#include "node/scenario_parse.h"

struct faults_raw {
    struct scenario_faults faults;
    duration_ns crash_down_mean, link_down_mean, gateway_down_mean;
};
#define FAULTS struct faults_raw
static const struct yaml_field fault_fields[] = {
#define FAULT(name, word, key, target, mean_s, parameter, low, high, usual, choices, text) \
    YAML_FIELD(FAULTS, faults.per_day[FAULT_##name], key, YAML_DOUBLE, 0, 1e6),
#include "node/fault.def"
#undef FAULT
    YAML_FIELD(FAULTS, faults.swizzles_per_day, "swizzles_per_day", YAML_DOUBLE, 0, 1000),
    YAML_FIELD(FAULTS, faults.frame_loss, "frame_loss", YAML_DOUBLE, 0, 0.5),
    YAML_FIELD(FAULTS, faults.replaced_share, "replaced_share", YAML_DOUBLE, 0, 1),
    YAML_FIELD(FAULTS, faults.swarm, "swarm", YAML_BOOL, 0, 0),
    YAML_FIELD(FAULTS, faults.radiation, "radiation", YAML_BOOL, 0, 0),
    YAML_FIELD(FAULTS, crash_down_mean, "crash_down_mean", YAML_DURATION, 1, 86400),
    YAML_FIELD(FAULTS, link_down_mean, "link_down_mean", YAML_DURATION, 1, 86400),
    YAML_FIELD(FAULTS, gateway_down_mean, "gateway_down_mean", YAML_DURATION, 1, 86400),
};

err scenario_read_faults(struct scenario_reader *p, const yaml_node_t *top)
{
    struct faults_raw raw = {.crash_down_mean = 10 * NS_PER_MINUTE, .link_down_mean = 5 * NS_PER_MINUTE,
                             .gateway_down_mean = 20 * NS_PER_MINUTE};
    TRY(scenario_section(p, top, "faults", fault_fields, COUNT_OF(fault_fields), &raw));
    raw.faults.crash_down_mean_s = (double)raw.crash_down_mean / 1e9;
    raw.faults.link_down_mean_s = (double)raw.link_down_mean / 1e9;
    raw.faults.gateway_down_mean_s = (double)raw.gateway_down_mean / 1e9;
    p->scenario->faults = raw.faults;
    return ERR_OK;
}
