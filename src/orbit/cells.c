#include "orbit/cells.h"

#include <math.h>
#include <string.h>

#include "orbit/memory.h"

#define CUBES_PER_BUCKET_MAX 8.0

err cells_init(struct cells *c, struct heap *heap, size_t capacity, double edge_km)
{
    ASSERT(edge_km > 0.0);
    *c = (struct cells){.heap = heap, .edge_km = edge_km, .capacity = capacity};
    if (capacity > CELLS_POINTS_MAX)
        return ERR_NO_MEMORY;
    uint32_t buckets = 64;
    while (buckets < 2 * capacity)
        buckets *= 2;
    c->mask = buckets - 1;
    c->first = memory_take(heap, (buckets + 1) * sizeof *c->first);
    c->items = memory_take(heap, (capacity + 1) * sizeof *c->items);
    c->bucket_of = memory_take(heap, (capacity + 1) * sizeof *c->bucket_of);
    if (c->first && c->items && c->bucket_of)
        return ERR_OK;
    cells_free(c);
    return ERR_NO_MEMORY;
}

void cells_free(struct cells *c)
{
    memory_give(c->heap, c->first);
    memory_give(c->heap, c->items);
    memory_give(c->heap, c->bucket_of);
    *c = (struct cells){.heap = c->heap};
}

static int32_t cube_of(const struct cells *c, double coordinate)
{
    double cube = floor(coordinate / c->edge_km);
    return (int32_t)fmax(-2e9, fmin(2e9, cube));
}

static uint32_t bucket_of(const struct cells *c, int32_t x, int32_t y, int32_t z)
{
    uint64_t h = (uint64_t)(uint32_t)x * 0x9e3779b97f4a7c15u;
    h ^= (uint64_t)(uint32_t)y * 0xc2b2ae3d27d4eb4fu;
    h ^= (uint64_t)(uint32_t)z * 0x165667b19e3779f9u;
    h ^= h >> 32;
    return (uint32_t)(h * 0x9e3779b97f4a7c15u >> 40) & c->mask;
}

void cells_build(struct cells *c, size_t count, cells_position *position, const void *context)
{
    ASSERT(count <= c->capacity);
    memset(c->first, 0, (c->mask + 2) * sizeof *c->first);
    c->count = 0;
    for (uint32_t point = 0; point < count; point++) {
        const double *r = position(context, point);
        if (!r) {
            c->bucket_of[point] = UINT32_MAX;
            continue;
        }
        c->bucket_of[point] = bucket_of(c, cube_of(c, r[0]), cube_of(c, r[1]), cube_of(c, r[2]));
        c->first[c->bucket_of[point] + 1]++;
        c->count++;
    }
    for (uint32_t bucket = 0; bucket <= c->mask; bucket++)
        c->first[bucket + 1] += c->first[bucket];
    /* Counting sort from behind: `first` ends as the start of each bucket, points ascend within it. */
    for (uint32_t point = (uint32_t)count; point-- > 0;) {
        if (c->bucket_of[point] == UINT32_MAX)
            continue;
        const double *r = position(context, point);
        uint32_t place = --c->first[c->bucket_of[point] + 1];
        c->items[place] = (struct cells_item){cube_of(c, r[0]), cube_of(c, r[1]), cube_of(c, r[2]), point};
    }
    memmove(c->first, c->first + 1, (c->mask + 1) * sizeof *c->first);
    c->first[c->mask + 1] = (uint32_t)c->count;
}

struct box { /* of cubes, both ends in it */
    int32_t low[3], high[3];
};

static bool box_holds(const struct box *b, const struct cells_item *i)
{
    return i->x >= b->low[0] && i->x <= b->high[0] && i->y >= b->low[1] && i->y <= b->high[1] && i->z >= b->low[2] && i->z <= b->high[2];
}

static double box_cubes(const struct box *b)
{
    double cubes = 1.0;
    for (int k = 0; k < 3; k++)
        cubes *= (double)b->high[k] - (double)b->low[k] + 1.0;
    return cubes;
}

void cells_near(const struct cells *c, const double centre[3], double radius_km, uint32_t from, cells_visit *visit, void *context)
{
    struct box b;
    for (int k = 0; k < 3; k++) {
        b.low[k] = cube_of(c, centre[k] - radius_km);
        b.high[k] = cube_of(c, centre[k] + radius_km);
    }
    if (box_cubes(&b) > CUBES_PER_BUCKET_MAX * ((double)c->mask + 1.0)) { /* looking at every point is less than at every cube */
        for (size_t k = 0; k < c->count; k++)
            if (c->items[k].point >= from && box_holds(&b, &c->items[k]))
                visit(context, c->items[k].point);
        return;
    }
    for (int32_t x = b.low[0]; x <= b.high[0]; x++)
        for (int32_t y = b.low[1]; y <= b.high[1]; y++)
            for (int32_t z = b.low[2]; z <= b.high[2]; z++) {
                uint32_t bucket = bucket_of(c, x, y, z);
                for (uint32_t k = c->first[bucket]; k < c->first[bucket + 1]; k++) {
                    const struct cells_item *i = &c->items[k];
                    if (i->point >= from && i->x == x && i->y == y && i->z == z)
                        visit(context, i->point);
                }
            }
}
