/*
 * node/scenario_gateways.c - the section `gateways` of a scenario: sites on the ground.
 */
#include "node/scenario_parse.h"

struct gateway {
    char name[32], body[8];
    double latitude_deg, longitude_deg, altitude_m;
};

static const struct yaml_field gateway_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(struct gateway, name), .size = 32, .required = true},
    {.key = "latitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct gateway, latitude_deg), .low = -90, .high = 90,
     .required = true},
    {.key = "longitude_deg", .type = YAML_DOUBLE, .offset = offsetof(struct gateway, longitude_deg), .low = -180, .high = 360,
     .required = true},
    {.key = "body", .type = YAML_WORD, .offset = offsetof(struct gateway, body), .size = 8, .words = "earth moon mars"},
    YAML_FIELD(struct gateway, altitude_m, "altitude_m", YAML_DOUBLE, -500, 9000),
};

err scenario_read_gateways(struct scenario_reader *p, const yaml_node_t *top)
{
    const yaml_node_t *list = yaml_child(&p->yaml, top, "gateways");
    size_t count;
    TRY(yaml_sequence(&p->yaml, list, "gateways", SCENARIO_GATEWAYS_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *n = yaml_item(&p->yaml, list, i);
        struct gateway g = {.body = "earth"};
        TRY(yaml_fill(&p->yaml, n, "a gateway", gateway_fields, COUNT_OF(gateway_fields), &g));
        if (scenario_node(p->scenario, g.name) != NODE_NONE)
            return yaml_fail(&p->yaml, n, "the name `%s` is used twice", g.name);
        struct site *site = scenario_site_add(p);
        if (!site)
            return yaml_fail(&p->yaml, n, "more than %zu satellites and gateways", p->sites_max);
        site->kind = SITE_GROUND;
        TRY(body_parse(g.body, &site->trajectory.body));
        site->latitude_deg = g.latitude_deg;
        site->longitude_deg = g.longitude_deg;
        site->altitude_m = g.altitude_m;
        text_copy(site->name, sizeof site->name, span_text(g.name));
    }
    return count ? ERR_OK : yaml_fail(&p->yaml, list, "`gateways` is empty; customers need at least one");
}
