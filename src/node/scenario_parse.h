/*
 * node/scenario_parse.h - the parts of a scenario file: one reader per section, each in a file of its own.
 *
 * Story:   scenario_parse (scenario.c) reads the top level and calls each section's reader in the order below. A reader fills
 *          its part of the scenario from the YAML mapping of that section, with the section's own defaults, and reports
 *          what is wrong by yaml_fail (line, column, and what would be right).
 */
#ifndef NOCT_NODE_SCENARIO_PARSE_H
#define NOCT_NODE_SCENARIO_PARSE_H

#include "node/yaml_table.h"

#define SCENARIO_MIB (1024ull * 1024)

enum { SCENARIO_SHELLS_MAX = 32, SCENARIO_GATEWAYS_MAX = 256 };

struct scenario_fleet { /* satellites of a shell that names its own class */
    size_t first, end;   /* indices of sites */
    const yaml_node_t *craft;
};

struct scenario_reader {
    struct yaml_reader yaml;
    struct scenario *scenario;
    scenario_load *load; /* may be NULL: no files */
    void *context;
    struct scenario_fleet fleets[SCENARIO_SHELLS_MAX];
    size_t fleet_count;
    uint32_t *files; /* read so far for one class of craft */
    size_t sites_max, sites_room;
};

/* Fills `out` from the section `key` of `top`; leaves it as it is where the section is absent. */
err scenario_section(struct scenario_reader *p, const yaml_node_t *top, const char *key, const struct yaml_field *fields, size_t count,
                     void *out) MUST_USE;

err scenario_read_constellation(struct scenario_reader *p, const yaml_node_t *top) MUST_USE;
err scenario_read_gateways(struct scenario_reader *p, const yaml_node_t *top) MUST_USE; /* after the constellation */
err scenario_read_links(struct scenario_reader *p, const yaml_node_t *top) MUST_USE;
err scenario_read_craft(struct scenario_reader *p, const yaml_node_t *top) MUST_USE; /* craft, compute, storage, memory */
/* A class by name, or a mapping over one (member_file.c); `m` holds what is not said. */
err scenario_read_member(struct scenario_reader *p, const yaml_node_t *n, struct member *m) MUST_USE;
/* Every satellite feeds itself on its orbit, or it is an error (scenario_power.c); after the classes are complete. */
err scenario_check_power(struct scenario_reader *p, const yaml_node_t *top) MUST_USE;
/* What of a node's configuration its class decides. */
void scenario_member_config(const struct scenario *s, node_id id, struct config *out);
err scenario_read_terminals(struct scenario_reader *p, const yaml_node_t *top) MUST_USE; /* after links and craft */
/* After craft: refuses what nobody could plan, before anybody tries. */
err scenario_check_size(struct scenario_reader *p, const yaml_node_t *top) MUST_USE;
err scenario_read_sensor(struct scenario_reader *p, const yaml_node_t *top) MUST_USE; /* sensor, events */
err scenario_read_work(struct scenario_reader *p, const yaml_node_t *top) MUST_USE; /* buckets, workload */
err scenario_read_faults(struct scenario_reader *p, const yaml_node_t *top) MUST_USE;

/* Gives the sky's rules what terminals, weather and jammers make of contacts; after all of them were read. */
void scenario_forecast(struct scenario *s);

/* The next site, with its node id set; NULL: there are too many. Pointers to earlier ones may be stale then. */
struct site *scenario_site_add(struct scenario_reader *p);
/* A file that the scenario names; its bytes count in the scenario's files_digest. */
err scenario_file(struct scenario_reader *p, const char *name, struct span *out) MUST_USE;

#endif
