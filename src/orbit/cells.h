/*
 * orbit/cells.h - a spatial index: points in cubes, so that neighbours are found without looking at everybody.
 *
 * Story:   space is cut into cubes; each point is noted in its cube's bucket (a hash of the cube's three numbers). Who
 *          asks for everybody within a radius looks at the cubes that the sphere touches. With cubes about as wide as the
 *          radius this costs 27 buckets, whatever the number of points; the answer is complete and in a fixed order. A radius
 *          of very many cubes costs one look at each point.
 * Owns:    its tables (in `heap`, or malloc where NULL).   Units: kilometres (any one length).
 * Errors:  ERR_NO_MEMORY.   Limits: CELLS_POINTS_MAX points; coordinates must be finite.
 * Threads: single owner while building; queries are pure.
 */
#ifndef NOCT_ORBIT_CELLS_H
#define NOCT_ORBIT_CELLS_H

#include "base/heap.h"

enum { CELLS_POINTS_MAX = 1 << 24 };

struct cells_item {
    int32_t x, y, z; /* the cube */
    uint32_t point;
};

struct cells {
    struct heap *heap;
    double edge_km;
    size_t capacity, count;
    uint32_t mask;            /* buckets less one; a power of two */
    uint32_t *first;          /* by bucket, and one more */
    struct cells_item *items; /* by bucket, then by point */
    uint32_t *bucket_of;      /* scratch of cells_build, by point */
};

err cells_init(struct cells *c, struct heap *heap, size_t capacity, double edge_km) MUST_USE;
void cells_free(struct cells *c);
/* Indexes points 0..count-1. `position` gives three coordinates of a point; NULL leaves the point out. */
typedef const double *cells_position(const void *context, uint32_t point);
void cells_build(struct cells *c, size_t count, cells_position *position, const void *context);

/* Calls `visit` for every point whose cube the sphere touches (a superset of those within the radius), at least `from`. */
typedef void cells_visit(void *context, uint32_t point);
void cells_near(const struct cells *c, const double centre[3], double radius_km, uint32_t from, cells_visit *visit, void *context);

#endif
