/*
 * node/scenario_links.c - the section `links` of a scenario: who may link to whom, and at which rate.
 */
#include "node/scenario_parse.h"

#include <string.h>

#define RADIANS(degrees) ((degrees) * 3.14159265358979323846 / 180)

struct links {
    char topology[16];
    double elevation_min_deg, range_max_km, graze_min_km, cross_plane_latitude_max_deg;
    double isl_rate_gbps, ground_rate_gbps, fibre_rate_gbps;
};

static const struct yaml_field link_fields[] = {
    {.key = "topology", .type = YAML_WORD, .offset = offsetof(struct links, topology), .size = 16, .words = "mesh string grid"},
    YAML_FIELD(struct links, elevation_min_deg, "elevation_min_deg", YAML_DOUBLE, 0, 89),
    YAML_FIELD(struct links, range_max_km, "range_max_km", YAML_DOUBLE, 1, 1e9),
    YAML_FIELD(struct links, graze_min_km, "graze_min_km", YAML_DOUBLE, 0, 1000),
    YAML_FIELD(struct links, cross_plane_latitude_max_deg, "cross_plane_latitude_max_deg", YAML_DOUBLE, 0, 90),
    YAML_FIELD(struct links, isl_rate_gbps, "isl_rate_gbps", YAML_DOUBLE, 1e-6, 1e4),
    YAML_FIELD(struct links, ground_rate_gbps, "ground_rate_gbps", YAML_DOUBLE, 1e-6, 1e4),
    YAML_FIELD(struct links, fibre_rate_gbps, "fibre_rate_gbps", YAML_DOUBLE, 1e-6, 1e4),
};

err scenario_read_links(struct scenario_reader *p, const yaml_node_t *top)
{
    struct links l = {"mesh", 5, 5000, 80, 70, 10, 1, 10};
    const yaml_node_t *n = yaml_child(&p->yaml, top, "links");
    if (n)
        TRY(yaml_fill(&p->yaml, n, "`links`", link_fields, COUNT_OF(link_fields), &l));
    struct link_rules *rules = &p->scenario->links;
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
