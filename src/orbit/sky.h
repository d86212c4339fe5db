/*
 * orbit/sky.h - the sky that every node knows: where each node is, who sees whom, and when.
 *
 * Story:   a `struct sky` is built from sites (satellites and ground stations) and link rules. It
 * answers two kinds of questions: the exact truth at an instant (position, range, light time,
 * visibility), computed from SGP4; and the contact plan, a list of windows per pair, which the
 * owner extends ahead of time and everybody reads. The plan is computed in fixed slices of absolute
 * time, so that it does not depend on how far or how often it was extended: equal sites, rules and
 * start give equal plans and equal digests. Owns:    everything it allocates (in `heap`, or by
 * malloc where heap is NULL). Borrows nothing. Units:   km, rad, TAI ns, bit/s. Contact edges are
 * whole milliseconds, rounded inwards (the link is up at both). Errors:  ERR_INVALID (site or rule
 * out of range, duplicate node), ERR_NO_MEMORY, ERR_DECAYED (no position). Limits:  SKY_SITES_MAX
 * sites; plan pairs only between candidates (rules), each at most SKY_CONTACTS_MAX windows.
 * Threads: the owner calls sky_init, sky_plan_extend, sky_plan_forget, sky_free between steps; all
 * const functions may be called from any thread meanwhile. Pointers to contacts hold until the next
 * extend or forget. Invariant: sky_check().
 */
#ifndef NOCT_ORBIT_SKY_H
#define NOCT_ORBIT_SKY_H

#include "base/heap.h"
#include "orbit/ephemeris.h"
#include "orbit/frames.h"

enum { SKY_SITES_MAX = 65536, SKY_NAME_SIZE = 32, SKY_CONTACTS_MAX = 1 << 20, SKY_MESH_DENSE_MAX = 512 };

enum site_kind { SITE_SATELLITE, SITE_GROUND };

struct site {
    uint32_t node;
    char name[SKY_NAME_SIZE];
    enum site_kind kind;
    struct elements elements; /* SATELLITE; of a formation: the chief's */
    struct trajectory trajectory; /* SATELLITE: how it moves (zeros: by its elements); its body: also GROUND */
    uint32_t plane, slot;     /* SATELLITE: place in the constellation, for STRING and GRID */
    uint32_t shell;           /* SATELLITE: GRID joins planes of one shell only */
    bool ground_only;         /* SATELLITE: nothing to link to other satellites with; the plan promises it no such link */
    double latitude_deg, longitude_deg, altitude_m; /* GROUND, WGS84 (other bodies: a sphere) */
};

enum link_topology {
    TOPOLOGY_MESH,   /* every pair of satellites may link; in large skies (link_rules.mesh_dense_max)
                        a pair exists from its first contact until the last is forgotten */
    TOPOLOGY_STRING, /* neighbours by (plane, slot) within a plane; first and last are not joined */
    TOPOLOGY_GRID,   /* +Grid: ring within each plane, same slot in the next plane (planes form a
                        ring) */
    TOPOLOGY_LIST,   /* the pairs of satellites that link_rules.list names */
};

struct contact_plan; /* orbit/plan_io.h */

struct sky_link_list {
    uint32_t (*pairs)[2]; /* nodes; no pair twice */
    size_t count;
};

/* Up to this range a link carries this much; ranges ascend, the last step holds beyond its range, too. */
struct rate_step {
    uint64_t range_m, rate_bps;
};
enum { SKY_LADDER_MAX = 24 };
struct rate_ladder {
    uint32_t count; /* 0: the rules' rate at every range */
    struct rate_step step[SKY_LADDER_MAX];
};
/* The rate at a range, never more than `most_bps`. */
uint64_t rate_ladder_at(const struct rate_ladder *l, uint64_t range_m, uint64_t most_bps);

struct sky;
struct contact;
/* What terminals, weather and jammers make of a contact, as its owner forecasts it. Either may be NULL; both are pure. */
struct sky_terminals {
    const void *context;
    void (*ladder)(const void *context, uint32_t a, uint32_t b, uint8_t kind, struct rate_ladder *out); /* `out` is empty */
    uint16_t (*doubt)(const void *context, const struct sky *sky, const struct contact *c); /* 0..1000; who and when are known */
};

struct link_rules {
    enum link_topology topology;
    double min_elevation_rad;            /* at ground stations */
    double graze_min_km;                 /* lowest altitude of a ray between satellites */
    double range_max_km;                 /* between satellites */
    double ground_range_max_km;          /* to the ground, besides the elevation; 0: no limit */
    const struct sky_link_list *list;    /* LIST: borrowed */
    double cross_plane_latitude_max_deg; /* GRID: cross-plane links are off above it */
    uint64_t isl_rate_bps, ground_rate_bps, fibre_rate_bps;
    bool grid_seam; /* GRID: join the last plane to the first, shifted by what the phase steps of
                       all planes add up to (delta yes, star no) */
    uint32_t mesh_dense_max; /* MESH of more satellites: pairs are made when they first meet; 0: 512 */
    /* Terminals of satellites; 0: no limit. docs/model/visibility.md */
    double sun_exclusion_rad;   /* least angle between the line of sight and the Sun, at both ends */
    double field_of_regard_rad; /* most that the peer may be off the nearest of fore, aft, left and right */
    double slew_max_rad_s;      /* fastest turn of the line of sight in the satellite's own axes */
    const struct sky_terminals *terminals; /* borrowed; NULL: the rates above at every range, and all contacts are sure */
    const struct contact_plan *plan; /* borrowed; not NULL: who may link, and when, is said here and not by geometry */
};

/* MESH, 10 degrees, 80 km, 5,000 km, 70 degrees, 10 Gb/s, 1 Gb/s, 10 Gb/s, seam joined. */
struct link_rules link_rules_default(void);

enum link_kind { LINK_NONE, LINK_ISL, LINK_GROUND, LINK_FIBRE };

struct contact {
    uint32_t a, b;     /* nodes, a < b */
    tai_ns start, end; /* up while start <= t <= end; end is sky_plan_end() where the plan stops,
                          TIME_NEVER for fibre */
    uint64_t rate_bps; /* with a ladder: to the ground the mean over the window, between satellites that of the longest range */
    uint32_t delay_us_mean; /* one way, mean over the window */
    uint8_t kind;           /* enum link_kind */
    uint16_t doubt_permille; /* how probable it is that nothing comes of it, as forecast; 0: sure */
};

/* What a node knows of itself and of others at an instant. */
struct state {
    tai_ns time;
    double r_teme_km[3], v_teme_km_s[3];
    double r_ecef_km[3], v_ecef_km_s[3]; /* v relative to the turning Earth */
    double latitude_deg, longitude_deg, altitude_km;
    double sun_teme_km[3]; /* geocentric Sun */
    double sunlit;         /* visible fraction of the Sun; for ground sites 1 by day, 0 by night */
    double beta_rad;       /* angle between Sun and orbital plane; 0 for ground */
};

struct sky_site;
struct sky_pair;
struct sky {
    struct heap *heap;
    struct link_rules rules;
    struct sky_site *sites; /* sorted by node */
    size_t site_count;
    struct sky_pair *pairs; /* sorted by (a, b) */
    size_t pair_count;
    uint32_t *peer_pairs; /* for each site the indices of its pairs, sorted by peer */
    uint32_t *peer_nodes; /* the same order: the peer's node */
    tai_ns plan_start, plan_end;
    size_t swept_pairs; /* of the cell at the plan's end, when memory ran out within it */
    bool sparse;        /* MESH of many: pairs come and go (sky_mesh.c) */
    uint64_t swept_key; /* sparse: (site a, site b) up to which that cell is swept */
    struct sky_pair *fresh; /* sparse: pairs of that cell that were not there before */
    size_t fresh_count, fresh_capacity, pair_capacity;
    uint32_t generation; /* counts changes of the pairs */
    double sin_mask, sin_latitude_max; /* of the rules */
};

/* Copies sites and rules. The plan starts at `plan_start` and is empty. `heap` NULL: malloc. */
err sky_init(struct sky *sky, struct heap *heap, const struct site *sites, size_t count,
             const struct link_rules *rules, tai_ns plan_start) MUST_USE;
void sky_free(struct sky *sky);

/* Truth at an instant. ERR_NOT_FOUND: unknown node; ERR_DECAYED: SGP4 gives no position. */
err sky_position(const struct sky *sky, uint32_t node, tai_ns t, struct state *out) MUST_USE;
/* The position alone (ECEF), for those who ask often. False: unknown, or no position. */
bool sky_place(const struct sky *sky, uint32_t node, tai_ns t, double r_ecef_km[3]);
/* Distance along the link: straight between satellites and to ground; cable length for ground
 * pairs. Negative if either is unknown or has no position. */
double sky_range_km(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t);
/* One way delay, whole ns; fibre: great circle * 1.5 * 1.468 / c. Negative where sky_range_km is.
 */
duration_ns sky_light_time(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t);
/* The same where whoever waits must count it: beyond half a second, whole ms (every machine waits
 * alike); 0 for all nearer pairs, at the price of a glance at their bodies. */
duration_ns sky_far_light(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t);
/* Whether the link stands by the rules, exactly. False for pairs that are no candidates. */
bool sky_visible(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t);
enum link_kind sky_link_kind(const struct sky *sky, uint32_t a,
                             uint32_t b); /* LINK_NONE: never by the rules */
uint64_t sky_rate_bps(const struct sky *sky, uint32_t a, uint32_t b); /* 0 for LINK_NONE */
const struct site *sky_site_of(const struct sky *sky, uint32_t node); /* NULL: unknown */
size_t sky_site_count(const struct sky *sky);
const struct site *sky_site_at(const struct sky *sky, size_t index); /* in order of node */

/* The plan. Extends it to at least `until` (whole slices of one minute). Never shrinks.
 * ERR_NO_MEMORY: extended as far as memory went; a later call goes on from there and ends at the
 * same plan. */
err sky_plan_extend(struct sky *sky, tai_ns until) MUST_USE;
/* Drops windows that ended before `before` (not the one still open). */
void sky_plan_forget(struct sky *sky, tai_ns before);
tai_ns sky_plan_start(const struct sky *sky);
tai_ns sky_plan_end(const struct sky *sky);

/* Windows of a pair in order of start; NULL and 0 where there are none. The order of a and b does
 * not matter. */
const struct contact *sky_contacts(const struct sky *sky, uint32_t a, uint32_t b, size_t *count);
/* Candidate peers of a node (ascending), whether or not they ever meet. */
const uint32_t *sky_peers(const struct sky *sky, uint32_t node, size_t *count);
/* Changes whenever peers or pairs do (in large meshes: by extend and forget); who keeps indices of
 * them looks again. */
uint32_t sky_generation(const struct sky *sky);
const struct contact *sky_contact_at(const struct sky *sky, uint32_t a, uint32_t b,
                                     tai_ns t); /* NULL: down */
const struct contact *sky_contact_next(const struct sky *sky, uint32_t a, uint32_t b,
                                       tai_ns t); /* start > t */
/* All pairs, for walking the whole plan: contacts of pair `index` < sky_pair_count(). */
size_t sky_pair_count(const struct sky *sky);
const struct contact *sky_pair_contacts(const struct sky *sky, size_t index, size_t *count);

uint64_t
sky_digest(const struct sky *sky);     /* sites, rules and plan; equal inputs give equal digests */
void sky_check(const struct sky *sky); /* asserts: sorted, disjoint, inside the plan */

#endif
