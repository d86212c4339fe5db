/*
 * core/view.h - what this node knows about every member: the table that planes share.
 *
 * Story:  the manage plane writes membership, liveness and status; the network plane writes reach and links; everybody
 *         reads. The table is sorted by node id; rows move when a member joins, so keep ids, not pointers.
 * Owns:   the rows (in the node's heap). Limits: `capacity` rows, fixed at start.
 */
#ifndef NOCT_CORE_VIEW_H
#define NOCT_CORE_VIEW_H

#include "base/heap.h"
#include "core/ids.h"

enum member_role { ROLE_SATELLITE, ROLE_GATEWAY };
enum member_state {
    MEMBER_ALIVE,       /* heard of, or no reason to doubt */
    MEMBER_SUSPECT,     /* one observer misses scheduled heartbeats */
    MEMBER_CONVICTED,   /* two observers (or all that have contact): treated as dead until it returns */
    MEMBER_QUARANTINED, /* proven misbehaviour: never comes back under this key */
    MEMBER_LEFT
};
enum health { HEALTH_NOMINAL, HEALTH_ECONOMY, HEALTH_SAFE, HEALTH_SURVIVAL };
const char *member_state_name(enum member_state s);
const char *health_name(enum health h);

enum { STATUS_LINKS_MAX = 16 };
struct status { /* gossiped single-writer register: highest (boot, seq) wins */
    uint32_t boot;
    uint64_t seq;
    tai_ns wall;
    uint64_t disk_free_bytes, disk_capacity_bytes;
    uint64_t battery_mwh, battery_capacity_mwh, generation_mw, load_mw;
    uint32_t core_mk, radiator_mk;
    uint16_t sunlit_permille;
    uint8_t health; /* enum health */
    uint8_t radios_on;
    uint32_t lanes_millis, lanes_busy_millis; /* capacity and use of compute, 1000 = one core */
    uint32_t tasks_running, objects_held, repairs_queued;
    uint8_t link_count;
    node_id links[STATUS_LINKS_MAX]; /* peers whose link is up */
};

struct view_member {
    node_id id;
    char name[32];
    enum member_role role;
    enum member_state state;
    uint32_t incarnation;
    uint8_t public_key[32];
    uint16_t plane, batch; /* failure domains beside the satellite itself */
    bool status_known;
    struct status status;
    /* written by the network plane: */
    bool link_up;           /* a direct link stands now */
    duration_ns reach_ns;   /* mono time until a small message could arrive, by the plan; TIME_NEVER: no path in the horizon */
    tai_ns reach_wall;      /* the same as a wall instant of arrival; TIME_NEVER likewise */
};

struct view {
    struct view_member *members;
    size_t count, capacity;
    node_id self;
};

err view_init(struct view *v, struct heap *h, size_t capacity, node_id self) MUST_USE;
struct view_member *view_find(const struct view *v, node_id id); /* NULL: not a member */
err view_add(struct view *v, node_id id, struct view_member **out) MUST_USE; /* EXISTS, FULL; keeps order */
bool view_alive(const struct view *v, node_id id); /* ALIVE or SUSPECT */
bool view_reachable(const struct view *v, node_id id, duration_ns within_mono_ns); /* alive and reach_ns <= within */
const char *view_name(const struct view *v, node_id id); /* "sat-2"; "?" when unknown */

#endif
