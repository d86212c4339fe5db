/*
 * core/view.h - what this node knows about every member: the table that planes share.
 *
 * Story:  the manage plane writes membership, liveness and status; the network plane writes reach and links; everybody
 *         reads. The table is sorted by node id; rows move when a member joins, so keep ids, not pointers.
 *         A mission may have more members than a small node has rows for: then the rows are its scope (neighbours, ground, the
 *         nearest by hops; docs/adr/0010-scope.md). Of the others it knows who they are (roster), their state, and how to
 *         reach them when asked, but no status. The functions below answer for both.
 * Owns:   the rows, and the states of others that are not plain ALIVE (in the node's heap). Limits: `capacity` rows.
 */
#ifndef NOCT_CORE_VIEW_H
#define NOCT_CORE_VIEW_H

#include "base/map.h"
#include "core/roster.h"

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

enum { STATUS_LINKS_MAX = 16, MISSION_LARGE = 128 /* more members than this: docs/adr/0011-news-stays-near.md */ };
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
    enum member_state state;
    bool status_known;
    bool neighbour;         /* the manage plane watches it */
    uint32_t forwarded_boot; /* of the status that the manage plane passed on last */
    uint64_t forwarded_seq;
    struct status status;
    /* written by the network plane: */
    uint8_t reach_class;    /* its own */
    bool link_up;           /* a direct link stands now */
    duration_ns reach_ns;   /* mono time until a small message could arrive, by the plan; TIME_NEVER: no path in the horizon */
    tai_ns reach_wall;      /* the same as a wall instant of arrival; TIME_NEVER likewise */
    /* who it is: a heartbeat does not touch it */
    uint16_t plane, batch; /* failure domains beside the satellite itself */
    enum member_role role;
    uint32_t incarnation;
    char name[32];
    uint8_t public_key[32];
};

struct view_index { /* rows by id, when ids do not count from 1: an open table, laid out anew when rows moved */
    size_t rows, mask; /* rows when it was laid out; places - 1 */
    struct view_place {
        node_id id; /* NODE_NONE: empty */
        uint32_t row;
    } places[];
};

struct view {
    struct view_index *index;
    struct view_member *members;
    size_t count, capacity;
    node_id self;
    const struct roster *roster; /* NULL: everybody has a row */
    bool large;                  /* a mission of more than MISSION_LARGE members: what passes is told nearby only */
    struct map others;           /* members without a row whose state is not ALIVE: node -> uint8_t */
    /* Set by the network plane: brings reach_ns and reach_wall of the rows up to date; reach of a member without a row. */
    void (*reach_fresh)(void *context);
    void (*reach_find)(void *context, node_id id, duration_ns *reach_ns, tai_ns *reach_wall);
    void *reach_context;
};

err view_init(struct view *v, struct heap *h, size_t capacity, node_id self) MUST_USE;
struct view_member *view_find(const struct view *v, node_id id); /* NULL: not a member, or beyond the scope */
bool view_knows(const struct view *v, node_id id);               /* a member, with a row or without */
enum member_state view_state(const struct view *v, node_id id);  /* MEMBER_LEFT for who is no member */
enum member_role view_role(const struct view *v, node_id id);
void view_set_state(struct view *v, node_id id, enum member_state state); /* manage plane only */
void view_refresh(const struct view *v); /* before reading reach_ns or reach_wall of rows */
void view_reach(const struct view *v, node_id id, duration_ns *reach_ns, tai_ns *reach_wall); /* TIME_NEVER: no path */
err view_add_roster(struct view *v, const struct roster *r, node_id id) MUST_USE; /* a row for a member of the roster */
err view_add(struct view *v, node_id id, struct view_member **out) MUST_USE; /* EXISTS, FULL; keeps order */
bool view_alive(const struct view *v, node_id id); /* ALIVE or SUSPECT */
node_id view_first_alive(const struct view *v); /* the lowest id, with a row or without; NODE_NONE: nobody */
bool view_reachable(const struct view *v, node_id id, duration_ns within_mono_ns); /* alive and reach_ns <= within */
void view_expect(const struct view *v, node_id id, unsigned stage); /* base/expect.h: index, place, row in stages 2 to 4 */
const char *view_name(const struct view *v, node_id id); /* "sat-2"; "?" when unknown */

#endif
