/*
 * node/scenario.h - one file describes a constellation, its ground, its craft, its work and its faults; `noct up` and
 * `noct twin` read the same file. Format: docs/format/scenario.md.
 *
 * Story:   scenario_parse turns YAML text into a checked struct; unknown keys, wrong units, impossible orbits and
 *          duplicate names are errors with line and column. The rest derives from it: sites of the sky, each node's
 *          configuration, the genesis facts.
 * Owns:    malloc'd memory, given back by scenario_free. (Scenarios are read by hosts, never inside a machine.)
 */
#ifndef NOCT_NODE_SCENARIO_H
#define NOCT_NODE_SCENARIO_H

#include "core/object_api.h"
#include "core/port.h"
#include "craft/cloud.h"
#include "craft/member.h"
#include "base/text.h"
#include "orbit/element_file.h"
#include "orbit/oem.h"
#include "orbit/sky.h"
#include "orbit/plan_io.h"

struct scenario_error {
    int line, column; /* 1-based; 0 when not about a place */
    char text[240];   /* what is wrong and what would be right */
};

enum { SCENARIO_BUCKETS_MAX = 16, SCENARIO_EVENTS_MAX = 32, SCENARIO_FAULTS_MAX = 16 };

struct scenario_event { /* a modelled change on the ground, seen by cameras */
    enum { SCENE_BURN, SCENE_FLOOD } kind;
    double lat_deg, lon_deg, radius_km, growth_km_per_hour;
    tai_ns start;
};

struct scenario_bucket {
    char name[64];
    struct policy policy;
};

enum { SCENARIO_TASK_MILLIS = 1000, SCENARIO_TASK_MEMORY_MIB = 64 }; /* of a task of theirs */
struct scenario_workload { /* the twin's modelled customers, at the gateways */
    double puts_per_hour, gets_per_hour, deletes_per_hour, tasks_per_hour, copies_per_hour, cancels_per_hour;
    duration_ns task_deadline_ns; /* of every other task, after it was given; 0: none has one */
    uint64_t object_bytes_min, object_bytes_max;
};

enum fault_kind {
#define FAULT(name, word, key, target, mean_s, parameter, low, high, usual, choices, text) FAULT_##name,
#include "node/fault.def"
#undef FAULT
    FAULT_KIND_COUNT
};

struct scenario_faults { /* means of the twin's fault plan; docs/format/fault-plan.md */
    double per_day[FAULT_KIND_COUNT]; /* per node, link, plane or world, as the kind's target is */
    double swizzles_per_day;          /* per world: a random set of links is cut one by one and heals in another order */
    double frame_loss;                /* probability that a transfer is cut */
    double crash_down_mean_s, link_down_mean_s, gateway_down_mean_s;
    double replaced_share;            /* of lost nodes */
    bool swarm;     /* each seed leaves out a random half of the kinds and draws rates around those given */
    bool radiation; /* upsets by place: the radiation environment of the craft strikes disks, memory and the node itself */
};

/* What was found in a file of elements: sets that cannot be used at the scenario's epoch are left out, the rest flies. */
enum { SCENARIO_FILES_MAX = 32, SCENARIO_PROBLEMS_SHOWN = 5 };
struct scenario_elements {
    char file[200];
    struct element_summary summary;
    struct element_problem first[SCENARIO_PROBLEMS_SHOWN]; /* of all problems, those that came first */
    size_t shown;
};

enum { SCENARIO_JAMMERS_MAX = 8 };
struct scenario_jammer { /* on the ground */
    bool optical, announced; /* announced: the contact plan counts on it */
    double ecef_km[3], eirp_dbw;
    tai_ns start, end;
};

struct scenario {
    char name[64], region[32];
    tai_ns epoch;
    uint64_t seed;
    uint32_t speed;
    struct site *sites; /* satellites first (node ids 1..), then gateways */
    size_t site_count, satellite_count;
    struct scenario_elements *files; /* of TLE and OMM shells */
    size_t file_count;
    struct oem *tables[SCENARIO_FILES_MAX]; /* of OEM shells; sites point into them */
    size_t table_count;
    struct link_rules links;
    struct member *members; /* classes: the scenario's, then those of shells that name their own */
    size_t member_count;
    uint8_t *member_of;        /* class of each satellite */
    struct craft_params craft; /* of the first class */
    struct contact_plan plan; /* imported (links.plan); `links` points here then */
    struct sky_link_list list; /* links.isls; `links` points here then */
    struct sky_terminals forecast; /* of this scenario: `links` points here where terminals, weather or jammers have a say */
    bool rates_by_terminals, clouds_on; /* terminals: rates of the ladder instead of the plan's; weather over optical stations */
    double gateway_gain_over_temperature_db_k, gateway_eirp_dbw;
    struct cloud_site *clouds; /* per gateway */
    struct scenario_jammer jammers[SCENARIO_JAMMERS_MAX];
    size_t jammer_count;
    double battery_start; /* share of the capacity */
    struct config node;   /* what all nodes have in common: lanes, limits, heartbeats, sensor */
    uint64_t node_memory_bytes, gateway_memory_bytes;
    uint64_t gateway_disk_bytes; /* of satellites: their class */
    double cloud_fraction;
    struct scenario_event events[SCENARIO_EVENTS_MAX];
    size_t event_count;
    struct scenario_bucket buckets[SCENARIO_BUCKETS_MAX];
    size_t bucket_count;
    uint32_t spool_mib; /* disk for waiting bundles, of each node; 0: an eighth of its storage, at least 16 MiB */
    struct scenario_workload workload;
    struct scenario_faults faults;
    uint64_t files_digest;  /* names and bytes of the files that the scenario names; 0: none */
    char fact_security[16]; /* "ed25519" (real) or "modelled" (the twin only, for thousands of nodes) */
};

/* `directory` resolves relative TLE and OMM file names; files are read through `load` (may be NULL: no files). */
typedef err scenario_load(void *context, const char *path, struct span *out);
err scenario_parse(struct span yaml, scenario_load *load, void *context, struct scenario **out,
                   struct scenario_error *error) MUST_USE;
/* The same for at most so many satellites and gateways: the work is bounded before it is done. */
enum { SCENARIO_SITES_MAX = 20000 };
err scenario_parse_within(uint32_t sites_max, struct span yaml, scenario_load *load, void *context, struct scenario **out,
                          struct scenario_error *error) MUST_USE;
void scenario_free(struct scenario *s);

node_id scenario_node(const struct scenario *s, const char *name); /* NODE_NONE: no such node */
const char *scenario_name(const struct scenario *s, node_id id);   /* "?" */
/* What links will cost, estimated from the constellation at its epoch; limits beyond which a mesh is refused. */
enum { SCENARIO_LINKS_MAX = 4000000, SCENARIO_CONTACTS_PER_HOUR_MAX = 40000000, SCENARIO_FAR_PAIRS_MAX = 4000000 };
struct scenario_size {
    double links;             /* between satellites, standing at a time; of an imported plan: its contacts */
    double contacts_per_hour; /* that begin */
    uint64_t plan_bytes;      /* memory of the plan over the three hours that a large twin keeps */
};
struct scenario_size scenario_size(const struct scenario *s);
const struct member *scenario_member(const struct scenario *s, node_id id); /* what it is; for a gateway the first class */
/* One class by its name or file, as a scenario's `craft` would find it. */
err scenario_member_parse(const char *name, scenario_load *load, void *context, struct member *out, struct scenario_error *error) MUST_USE;
double scenario_altitude_km(const struct scenario *s, node_id satellite); /* mean, above 6,378 km */
double scenario_slant_km(double altitude_km, double elevation_rad);

/* What terminals carry by distance: empty where the plan's rate counts. The contact plan and the twin's links both ask here. */
void scenario_ladder(const struct scenario *s, node_id a, node_id b, enum link_kind kind, struct rate_ladder *out);
bool scenario_link_is_optical(const struct scenario *s, node_id a, node_id b, enum link_kind kind);
bool scenario_link_is_clouded(const struct scenario *s, node_id a, node_id b, enum link_kind kind); /* clouds may stop it */
const struct cloud_site *scenario_cloud(const struct scenario *s, node_id a, node_id b); /* of the gateway of a ground link */
/* Whether the jammer, while it is on, is louder at a satellite's receiver than its peer. */
bool scenario_drowned(const struct scenario *s, const struct scenario_jammer *j, const struct sky *sky, node_id a, node_id b, tai_ns wall);
bool scenario_is_gateway(const struct scenario *s, node_id id);
/* The configuration of one node at one boot (area_used_bytes is the host's to fill). */
void scenario_config(const struct scenario *s, node_id id, uint32_t boot, struct config *out);
err scenario_sky(const struct scenario *s, struct heap *heap, struct sky **out) MUST_USE;

/*
 * The genesis: the root's facts that admit every node and make the scenario's buckets. `public_keys` holds 32 bytes per site in
 * order; `sign` signs as the mission root. Writes u32 size + fact, back to back, into `out`.
 */
err scenario_genesis(const struct scenario *s, const uint8_t (*public_keys)[32], const struct fact_crypto *root,
                     struct text *out) MUST_USE;

#endif
