/*
 * orbit/sgp4_batch.h - SGP4 for many satellites at one time, several per instruction.
 *
 * Story:   a batch rearranges the coefficients of prepared satellites so that a vector unit
 * evaluates 2, 4 or 8 of them at once (baseline, AVX2, AVX-512: chosen by the CPU). It has sine and
 * cosine of its own and no fused operations, and no lane sees another lane; so the result of a
 * satellite is the same to the last bit whatever the width, the compiler, the number of threads and
 * the company it is in. It is within 1 mm (in fact some micrometres) of sgp4_propagate. Deep-space
 * satellites, and angles beyond SGP4_BATCH_ANGLE_MAX, go through sgp4_propagate itself.
 * Owns:    the blocks (heap, or malloc where heap is NULL). Borrows: the satellites, until freed.
 * Units:   kilometres, kilometres per second, TEME.
 * Errors:  ERR_NO_MEMORY; each satellite has a status of its own, the same as sgp4_propagate's.
 * Threads: sgp4_batch_at is pure: threads may share a batch and split its blocks.
 *
 *     const struct sgp4 *list[] = {...};
 *     TRY(sgp4_batch_init(&batch, heap, list, count));
 *     struct sgp4_states states = {x, y, z, vx, vy, vz, status};  // sgp4_batch_room(count) each
 *     sgp4_batch_at(&batch, t, 0, batch.block_count, &states);    // list[k] is at x[k], y[k], ...
 */
#ifndef NOCT_ORBIT_SGP4_BATCH_H
#define NOCT_ORBIT_SGP4_BATCH_H

#include "base/heap.h"
#include "orbit/sgp4.h"

enum { SGP4_BLOCK = 8 };           /* satellites per block */
#define SGP4_BATCH_ANGLE_MAX 4.0e6 /* radians that the vector sine reduces exactly */

enum sgp4_width { SGP4_WIDTH_2, SGP4_WIDTH_4, SGP4_WIDTH_8 }; /* lanes per instruction */

struct sgp4_block;
struct sgp4_batch {
    struct heap *heap;
    const struct sgp4 *const *satellites;
    size_t count, block_count;
    struct sgp4_block *blocks;
    enum sgp4_width width;
};

/* Arrays of the caller, each with room for sgp4_batch_room(count) entries. Where status is not
 * SGP4_OK the numbers are zeros. */
struct sgp4_states {
    double *x, *y, *z, *vx, *vy, *vz;
    uint8_t *status; /* enum sgp4_status */
};
static inline size_t sgp4_batch_room(size_t count)
{
    return (count + SGP4_BLOCK - 1) / SGP4_BLOCK * SGP4_BLOCK;
}

/* `satellites` (the array and what it points to) must stay where it is. */
err sgp4_batch_init(struct sgp4_batch *b, struct heap *heap, const struct sgp4 *const *satellites,
                    size_t count) MUST_USE;
void sgp4_batch_free(struct sgp4_batch *b);

/* Satellites of blocks [from, from + count) at time t; fills entries from 8 * from on. */
void sgp4_batch_at(const struct sgp4_batch *b, tai_ns t, size_t from, size_t count,
                   const struct sgp4_states *out);

/* What this CPU can do at most. Tests and benchmarks may set `width` lower after init. */
enum sgp4_width sgp4_batch_widest(void);

#endif
