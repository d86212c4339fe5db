#include "orbit/sgp4_batch_inner.h"

#include <stdlib.h>

static void lane_fill(struct sgp4_block *b, int k, const struct sgp4 *s)
{
    const double drag = s->simple ? 0.0 : 1.0;
    b->epoch[k] = s->epoch;
    b->e[k] = s->e;
    b->node[k] = s->node;
    b->argp[k] = s->argp;
    b->m[k] = s->m;
    b->n[k] = s->n;
    b->a[k] = s->a;
    b->m_dot[k] = s->m_dot;
    b->argp_dot[k] = s->argp_dot;
    b->node_dot[k] = s->node_dot;
    b->node_cf[k] = s->node_cf;
    b->cc1[k] = s->cc1;
    b->bcc4[k] = s->bstar * s->cc4;
    b->bcc5[k] = drag * (s->bstar * s->cc5);
    b->d2[k] = drag * s->d2;
    b->d3[k] = drag * s->d3;
    b->d4[k] = drag * s->d4;
    b->t2[k] = s->t2;
    b->t3[k] = drag * s->t3;
    b->t4[k] = drag * s->t4;
    b->t5[k] = drag * s->t5;
    b->argp_cf[k] = drag * s->argp_cf;
    b->m_cf[k] = drag * s->m_cf;
    b->eta[k] = s->eta;
    b->delta_m[k] = s->delta_m;
    b->sin_m[k] = s->sin_m;
    b->sin_i[k] = s->sin_i;
    b->cos_i[k] = s->cos_i;
    b->xl_cf[k] = s->xl_cf;
    b->ay_cf[k] = s->ay_cf;
    b->scalar |= (uint32_t)s->deep_space << k;
}

enum sgp4_width sgp4_batch_widest(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return SGP4_WIDTH_8;
    if (__builtin_cpu_supports("avx2"))
        return SGP4_WIDTH_4;
#endif
    return SGP4_WIDTH_2;
}

err sgp4_batch_init(struct sgp4_batch *b, struct heap *heap, const struct sgp4 *const *satellites,
                    size_t count)
{
    *b = (struct sgp4_batch){.heap = heap,
                             .satellites = satellites,
                             .count = count,
                             .block_count = sgp4_batch_room(count) / SGP4_BLOCK,
                             .width = sgp4_batch_widest()};
    size_t size = (b->block_count + 1) * sizeof *b->blocks;
    b->blocks = heap ? heap_alloc(heap, size) : calloc(1, size);
    if (!b->blocks)
        return ERR_NO_MEMORY;
    for (size_t k = 0; k < b->block_count * SGP4_BLOCK;
         k++) { /* the last one fills the last block */
        struct sgp4_block *block = &b->blocks[k / SGP4_BLOCK];
        if (k % SGP4_BLOCK == 0)
            *block = (struct sgp4_block){0};
        lane_fill(block, (int)(k % SGP4_BLOCK), satellites[MIN(k, count - 1)]);
    }
    return ERR_OK;
}

void sgp4_batch_free(struct sgp4_batch *b)
{
    if (b->heap)
        heap_free(b->heap, b->blocks);
    else
        free(b->blocks);
    b->blocks = NULL;
    b->count = b->block_count = 0;
}

/* Satellites that the vectors cannot take. */
static void scalar_fill(const struct sgp4_batch *b, tai_ns t, size_t at, uint32_t which,
                        const struct sgp4_states *out)
{
    for (size_t k = 0; k < SGP4_BLOCK; k++) {
        if (!(which >> k & 1))
            continue;
        double r[3], v[3];
        size_t to = at + k;
        enum sgp4_status status = sgp4_at(b->satellites[MIN(to, b->count - 1)], t, r, v);
        bool known = status == SGP4_OK;
        out->x[to] = known ? r[0] : 0.0;
        out->y[to] = known ? r[1] : 0.0;
        out->z[to] = known ? r[2] : 0.0;
        out->vx[to] = known ? v[0] : 0.0;
        out->vy[to] = known ? v[1] : 0.0;
        out->vz[to] = known ? v[2] : 0.0;
        out->status[to] = (uint8_t)status;
    }
}

static sgp4_kernel *kernel_of(enum sgp4_width width)
{
#if defined(__x86_64__)
    if (width == SGP4_WIDTH_8)
        return sgp4_block_8;
    if (width == SGP4_WIDTH_4)
        return sgp4_block_4;
#endif
    (void)width;
    return sgp4_block_2;
}

void sgp4_batch_at(const struct sgp4_batch *b, tai_ns t, size_t from, size_t count,
                   const struct sgp4_states *out)
{
    ASSERT(from <= b->block_count && count <= b->block_count - from);
    sgp4_kernel *kernel = kernel_of(b->width);
    const uint32_t all = (UINT32_C(1) << SGP4_BLOCK) - 1;
    for (size_t k = from; k < from + count; k++) {
        const struct sgp4_block *block = &b->blocks[k];
        uint32_t scalar = block->scalar;
        if (scalar != all)
            scalar |= kernel(block, t, k * SGP4_BLOCK, out);
        if (scalar)
            scalar_fill(b, t, k * SGP4_BLOCK, scalar, out);
    }
}
