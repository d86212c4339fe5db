/*
 * orbit/sky_inner.h - what sky.c (truth and accessors) and sky_plan.c (windows) share; not for
 * other rooms.
 *
 * Invariant: `sites` is sorted by node, `pairs` by (a, b); a pair's contacts are disjoint and in
 * order of time; a pair is `open` exactly if its last contact reaches the plan's end.
 */
#ifndef NOCT_ORBIT_SKY_INNER_H
#define NOCT_ORBIT_SKY_INNER_H

#include "orbit/sky.h"
#include "orbit/visibility.h"

struct sky_site {
    struct site site;
    struct ephemeris ephemeris;    /* SATELLITE */
    struct station station;        /* GROUND, on the Earth */
    uint32_t peers_at, peer_count; /* slice of sky->peer_pairs and sky->peer_nodes */
};

struct sky_pair {
    uint32_t site_a, site_b; /* indices, a < b */
    uint8_t kind;            /* enum link_kind */
    bool cross_plane, open;
    uint32_t delay_samples; /* of the open window */
    double delay_sum_us;
    struct contact *contacts;
    uint32_t count, capacity;
    double range_most_km;             /* of the open window, where there is a ladder of rates */
    uint32_t planned_at, planned_end; /* of an imported plan: what is not in `contacts` yet */
    tai_ns rest_until;                /* the link stays as it is at least so long: nothing needs to be looked at */
};

/* A satellite's motion in both frames; false `known` when it has none. Stations on the Earth have
 * `ecef` only. */
struct sky_motion {
    bool known;
    tai_ns at;
    struct motion teme, ecef;
};

/* Memory from the heap, or malloc'd where the sky has none; zeroed. */
void *sky_alloc(const struct sky *sky, size_t size);
void sky_release(const struct sky *sky, void *block);

struct sky_motion sky_motion_of(const struct sky_site *s, tai_ns base, double t_s);
/* The margins that a pair's link needs, all positive while it stands; returns their number (1..10).
 */
enum { SKY_MARGINS_MAX = 10 };
size_t sky_margins(const struct sky *sky, const struct sky_pair *p, const struct sky_motion *a,
                   const struct sky_motion *b, struct margin out[SKY_MARGINS_MAX]);
/* For how long before and after the sample this margin surely keeps its sign, s; 0: nothing is known (sky_rest.c). */
double sky_margin_rest_s(const struct sky *sky, const struct sky_pair *p, size_t index, const struct sky_motion *a,
                         const struct sky_motion *b, struct margin m);
/* Pairs with a site of another body (sky_far.c): their margins, and where such a station is. */
bool sky_pair_is_far(const struct sky *sky, const struct sky_pair *p);
size_t sky_far_margins(const struct sky *sky, const struct sky_pair *p, const struct sky_motion *a,
                       const struct sky_motion *b, struct margin out[SKY_MARGINS_MAX]);
struct motion sky_far_ground_motion(const struct sky_site *s, tai_ns t);
double sky_pair_range_km(const struct sky *sky, const struct sky_pair *p,
                         const struct sky_motion *a, const struct sky_motion *b);
/* -1 where there is none. */
ptrdiff_t sky_site_index(const struct sky *sky, uint32_t node);
ptrdiff_t sky_pair_index(const struct sky *sky, uint32_t a, uint32_t b);

/* Heap sort; the order must be total (no ties), so that the result is one. Items of at most 2 KiB.
 */
void sky_sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *));

/* Fills pairs and peers from sites and rules. */
err sky_pairs_build(struct sky *sky) MUST_USE;
/* Peers from pairs, again. */
err sky_peers_build(struct sky *sky) MUST_USE;

/* A cell of the plan: all motions at both ends. */
struct cell {
    tai_ns base;
    double length_s;
    const struct sky_motion *left, *right; /* of each site, at both ends */
};
/* Windows of one pair in a cell: either all of it or, when memory runs out, nothing. */
err sky_pair_sweep(struct sky *sky, struct sky_pair *p, const struct cell *c) MUST_USE;
/* The same where the link is known to stand all along. */
err sky_pair_stand(struct sky *sky, struct sky_pair *p, const struct cell *c) MUST_USE;

/* Adds a contact behind the others. */
err sky_contact_add(struct sky *sky, struct sky_pair *p, const struct contact *c) MUST_USE;

/* Limits of terminals (sky_terminal.c): adds their margins, returns how many. */
bool sky_terminals_limit(const struct sky *sky);
size_t sky_terminal_margins(const struct sky *sky, const struct sky_motion *a, const struct sky_motion *b, struct margin *out);
/* Into how many parts a cell is cut, so that each holds one extremum of these margins at most. */
enum { SKY_PARTS_MAX = 64 };
size_t sky_terminal_parts(const struct sky_motion *a, const struct sky_motion *b, double length_s);

/* Imported plans (sky_import.c). ERR_INVALID: the plan names a node that the sky has not, or is not in order. */
err sky_import_pairs(const struct sky *sky, struct sky_pair *pairs, size_t *count) MUST_USE;
err sky_import_extend(struct sky *sky, tai_ns until) MUST_USE;
bool sky_import_stands(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t);

/* Large meshes (sky_mesh.c): which pairs come about by themselves, and one cell of all of them. */
bool sky_pair_is_sparse(const struct sky *sky, uint32_t site_a, uint32_t site_b);
err sky_mesh_sweep(struct sky *sky, const struct cell *c) MUST_USE;
/* Drops pairs without contacts. */
void sky_mesh_shrink(struct sky *sky);
/* Where the pair is, or would be, in `pairs`. */
size_t sky_pair_place(const struct sky *sky, uint32_t site_a, uint32_t site_b);
/* At most how strongly a site's path bends, km/s^2. */
double sky_site_acceleration(const struct sky_site *s);
/* The window a fibre has for ever. */
err sky_plan_begin(struct sky *sky) MUST_USE;

#endif
