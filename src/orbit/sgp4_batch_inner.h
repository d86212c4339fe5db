/*
 * orbit/sgp4_batch_inner.h - the coefficients of eight satellites side by side, and the kernels
 * that evaluate them; for sgp4_batch*.c only.
 */
#ifndef NOCT_ORBIT_SGP4_BATCH_INNER_H
#define NOCT_ORBIT_SGP4_BATCH_INNER_H

#include "orbit/sgp4_batch.h"

/* Names as in struct sgp4. Satellites whose drag is simple have zeros in the terms they lack. */
struct sgp4_block {
    int64_t epoch[SGP4_BLOCK];
    double e[SGP4_BLOCK], node[SGP4_BLOCK], argp[SGP4_BLOCK], m[SGP4_BLOCK], n[SGP4_BLOCK];
    double a[SGP4_BLOCK], m_dot[SGP4_BLOCK], argp_dot[SGP4_BLOCK], node_dot[SGP4_BLOCK];
    double node_cf[SGP4_BLOCK], cc1[SGP4_BLOCK], bcc4[SGP4_BLOCK], bcc5[SGP4_BLOCK];
    double d2[SGP4_BLOCK], d3[SGP4_BLOCK], d4[SGP4_BLOCK];
    double t2[SGP4_BLOCK], t3[SGP4_BLOCK], t4[SGP4_BLOCK], t5[SGP4_BLOCK];
    double argp_cf[SGP4_BLOCK], m_cf[SGP4_BLOCK], eta[SGP4_BLOCK], delta_m[SGP4_BLOCK];
    double sin_m[SGP4_BLOCK], sin_i[SGP4_BLOCK], cos_i[SGP4_BLOCK];
    double xl_cf[SGP4_BLOCK], ay_cf[SGP4_BLOCK];
    uint32_t scalar; /* bit k: satellite k is deep space */
};

/* Evaluates a block at t into entries [at, at + 8). Returns a bit for each satellite whose angles
 * are beyond SGP4_BATCH_ANGLE_MAX, and whose entries mean nothing. */
typedef uint32_t sgp4_kernel(const struct sgp4_block *b, tai_ns t, size_t at,
                             const struct sgp4_states *out);
sgp4_kernel sgp4_block_2, sgp4_block_4, sgp4_block_8;

#endif
