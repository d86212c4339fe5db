/*
 * orbit/sgp4_lanes.h - the near-Earth SGP4 of sgp4.c on vectors of LANES doubles; included once per
 * width by sgp4_batch_*.c, which define LANES and KERNEL and choose the instruction set.
 *
 * Invariant: only +, -, *, / and square root of IEEE 754, bit operations and comparisons, no fused
 * multiply-add (-ffp-contract=off); lanes do not mix. So each lane's bits do not depend on LANES.
 * Source:  as sgp4.c, which see for the equations; sine and cosine by Cody & Waite's reduction and
 * Taylor's series (errors below 2e-16).
 */
#include "orbit/sgp4_batch_inner.h"

#ifndef LANES /* so that the header compiles alone */
#define LANES 2
#define KERNEL sgp4_block_2
#endif

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef double real __attribute__((vector_size(8 * LANES)));
typedef int64_t mask __attribute__((vector_size(8 * LANES)));
typedef uint64_t bits __attribute__((vector_size(8 * LANES)));

#define LANE static inline __attribute__((always_inline))

LANE real load(const double *from)
{
    real v;
    memcpy(&v, from, sizeof v);
    return v;
}

LANE void store(double *to, real v)
{
    memcpy(to, &v, sizeof v);
}

LANE real both(double value)
{
    return (real){0} + value;
}

LANE real choose(mask m, real yes, real no)
{
    return (real)(((mask)yes & m) | ((mask)no & ~m));
}

LANE real absolute(real v)
{
    return (real)((mask)v & INT64_MAX);
}

LANE uint32_t lanes_of(mask m) /* a bit per lane */
{
#if defined(__x86_64__) && LANES == 8
    return _mm512_movepi64_mask((__m512i)m);
#elif defined(__x86_64__) && LANES == 4
    return (uint32_t)_mm256_movemask_pd((__m256d)m);
#elif defined(__x86_64__)
    return (uint32_t)_mm_movemask_pd((__m128d)m);
#else
    uint32_t out = 0;
    for (int k = 0; k < LANES; k++)
        out |= (uint32_t)(m[k] & 1) << k;
    return out;
#endif
}

LANE real root_of(real v) /* correctly rounded on all machines */
{
#if defined(__x86_64__) && LANES == 8
    return (real)_mm512_sqrt_pd((__m512d)v);
#elif defined(__x86_64__) && LANES == 4
    return (real)_mm256_sqrt_pd((__m256d)v);
#elif defined(__x86_64__)
    return (real)_mm_sqrt_pd((__m128d)v);
#else
    for (int k = 0; k < LANES; k++)
        v[k] = sqrt(v[k]);
    return v;
#endif
}

struct pair_of_lanes {
    real sin, cos;
};

/* |angle| <= SGP4_BATCH_ANGLE_MAX. Pi/2 in three parts: the products with the first two are exact.
 */
LANE struct pair_of_lanes sine_cosine(real angle)
{
    const double turn =
        0x1.8p52; /* adding it rounds to whole numbers and leaves them in the bits */
    real shifted = angle * 0x1.45f306dc9c883p-1 + turn;
    mask quadrant = (mask)shifted;
    real k = shifted - turn;
    real r = angle - k * 0x1.921fb544p0;
    r = r - k * 0x1.0b4611a4p-34;
    r = r - k * 0x1.13198a2e03707p-65;
    real r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
    real s = (-1.0 / 6 + r2 * (1.0 / 120)) + r4 * (-1.0 / 5040 + r2 * (1.0 / 362880)) +
             r8 * ((-1.0 / 39916800 + r2 * (1.0 / 6227020800)) + r4 * (-1.0 / 1307674368000));
    s = r + r * r2 * s;
    real c = (1.0 / 24 + r2 * (-1.0 / 720)) + r4 * (1.0 / 40320 + r2 * (-1.0 / 3628800)) +
             r8 * ((1.0 / 479001600 + r2 * (-1.0 / 87178291200)) + r4 * (1.0 / 20922789888000));
    c = 1.0 - 0.5 * r2 + r4 * c;
    mask odd = -(quadrant & 1);
    mask sign_s = (quadrant & 2) << 62, sign_c = ((quadrant + 1) & 2) << 62;
    return (struct pair_of_lanes){(real)((mask)choose(odd, c, s) ^ sign_s),
                                  (real)((mask)choose(odd, s, c) ^ sign_c)};
}

LANE struct pair_of_lanes turn_small(struct pair_of_lanes p, real delta) /* |delta| <= 0.05 */
{
    real d2 = delta * delta;
    real s = delta * (1.0 + d2 * (-1.0 / 6 + d2 * (1.0 / 120 + d2 * (-1.0 / 5040 + d2 / 362880))));
    real c1 = d2 * (-0.5 + d2 * (1.0 / 24 + d2 * (-1.0 / 720 + d2 / 40320)));
    return (struct pair_of_lanes){p.sin + (p.sin * c1 + p.cos * s),
                                  p.cos + (p.cos * c1 - p.sin * s)};
}

LANE struct pair_of_lanes turn_any(struct pair_of_lanes p, real delta)
{
    struct pair_of_lanes out = turn_small(p, delta);
    mask large = absolute(delta) > 0.05;
    if (lanes_of(large)) {
        struct pair_of_lanes d = sine_cosine(delta);
        out.sin = choose(large, p.sin * d.cos + p.cos * d.sin, out.sin);
        out.cos = choose(large, p.cos * d.cos - p.sin * d.sin, out.cos);
    }
    return out;
}

/* Kepler's equation; a lane that has converged is not touched again. */
LANE struct pair_of_lanes kepler_lanes(real u, real axn, real ayn)
{
    struct pair_of_lanes p = sine_cosine(u);
    real x = {0};
    mask active = (mask){0} - 1;
    for (int k = 0; k < 10 && lanes_of(active); k++) {
        real step = (axn * p.sin - ayn * p.cos - x) / (1.0 - p.cos * axn - p.sin * ayn);
        real bound = (real)((mask)both(0.95) | ((mask)step & INT64_MIN));
        step = choose(absolute(step) < 0.95, step, bound);
        x = choose(active, x + step, x);
        struct pair_of_lanes next = turn_small(p, step);
        mask large = absolute(step) > 0.05;
        if (lanes_of(large & active)) {
            struct pair_of_lanes full = sine_cosine(u + x);
            next.sin = choose(large, full.sin, next.sin);
            next.cos = choose(large, full.cos, next.cos);
        }
        p.sin = choose(active, next.sin, p.sin);
        p.cos = choose(active, next.cos, p.cos);
        active &= absolute(step) >= 1e-7;
    }
    return p;
}

struct mean_lanes {
    real e, argp, node, m, a;
    mask wild; /* angles beyond what sine_cosine takes, or not numbers */
};

LANE mask wild_angle(real angle)
{
    return ~(absolute(angle) <= SGP4_BATCH_ANGLE_MAX);
}

/* Secular gravity and drag. */
LANE struct mean_lanes mean_of(const struct sgp4_block *b, int at, real t)
{
    real t2 = t * t, t3 = t2 * t, t4 = t3 * t;
    real m_plain = load(b->m + at) + load(b->m_dot + at) * t;
    struct mean_lanes mean;
    mean.node = load(b->node + at) + load(b->node_dot + at) * t + load(b->node_cf + at) * t2;
    struct pair_of_lanes m = sine_cosine(m_plain);
    real root = 1.0 + load(b->eta + at) * m.cos;
    real shift = load(b->argp_cf + at) * t +
                 load(b->m_cf + at) * (root * root * root - load(b->delta_m + at));
    mean.argp = load(b->argp + at) + load(b->argp_dot + at) * t - shift;
    real e_drop = load(b->bcc4 + at) * t +
                  load(b->bcc5 + at) * (turn_any(m, shift).sin - load(b->sin_m + at));
    real l_gain = load(b->t2 + at) * t2 +
                  (load(b->t3 + at) * t3 + t4 * (load(b->t4 + at) + t * load(b->t5 + at)));
    real factor = 1.0 - load(b->cc1 + at) * t - load(b->d2 + at) * t2 - load(b->d3 + at) * t3 -
                  load(b->d4 + at) * t4;
    mean.a = load(b->a + at) * factor * factor;
    mean.e = load(b->e + at) - e_drop;
    mean.m = m_plain + shift + load(b->n + at) * l_gain;
    mean.wild = wild_angle(m_plain) | wild_angle(shift) | wild_angle(mean.node);
    return mean;
}

struct state_lanes {
    real r[3], v[3];
    mask semi_latus, decayed;
};

/* What is left of the state once radius and angles are known. */
LANE void axes_of(struct pair_of_lanes su, struct pair_of_lanes node, struct pair_of_lanes inc,
                  real r, real r_dot, real rv_dot, struct state_lanes *s)
{
    const double xke = 60.0 / sqrt(SGP4_EARTH_RADIUS_KM * SGP4_EARTH_RADIUS_KM *
                                   SGP4_EARTH_RADIUS_KM / SGP4_MU_KM3_S2);
    const double speed = SGP4_EARTH_RADIUS_KM * xke / 60.0;
    real mx = -node.sin * inc.cos, my = node.cos * inc.cos;
    real ux = mx * su.sin + node.cos * su.cos, vx = mx * su.cos - node.cos * su.sin;
    real uy = my * su.sin + node.sin * su.cos, vy = my * su.cos - node.sin * su.sin;
    real uz = inc.sin * su.sin, vz = inc.sin * su.cos;
    real length = r * SGP4_EARTH_RADIUS_KM;
    s->r[0] = length * ux;
    s->r[1] = length * uy;
    s->r[2] = length * uz;
    s->v[0] = (r_dot * ux + rv_dot * vx) * speed;
    s->v[1] = (r_dot * uy + rv_dot * vy) * speed;
    s->v[2] = (r_dot * uz + rv_dot * vz) * speed;
}

/* Long-period and short-period terms. */
LANE struct state_lanes state_of_lanes(const struct sgp4_block *b, int at, struct mean_lanes *mean)
{
    const double j2 = 0.001082616;
    real a = mean->a, sin_i = load(b->sin_i + at), cos_i = load(b->cos_i + at), c2 = cos_i * cos_i;
    real con41 = 3.0 * c2 - 1.0, x1mth2 = 1.0 - c2, x7thm1 = 7.0 * c2 - 1.0;
    struct pair_of_lanes argp = sine_cosine(mean->argp);
    real k = 1.0 / (a * (1.0 - mean->e * mean->e));
    real axn = mean->e * argp.cos;
    real ayn = mean->e * argp.sin + k * load(b->ay_cf + at);
    real u = mean->m + mean->argp + k * load(b->xl_cf + at) * axn;
    mean->wild |= wild_angle(u) | wild_angle(mean->argp);
    struct pair_of_lanes big_e = kepler_lanes(u, axn, ayn);

    struct state_lanes s;
    real e_cos = axn * big_e.cos + ayn * big_e.sin, e_sin = axn * big_e.sin - ayn * big_e.cos;
    real el2 = axn * axn + ayn * ayn, pl = a * (1.0 - el2);
    s.semi_latus = ~(pl >= 0.0);
    real rl = a * (1.0 - e_cos), sqrt_a = root_of(a), inverse = 1.0 / rl;
    real beta = root_of(1.0 - el2), w = e_sin / (1.0 + beta), a_rl = a * inverse;
    struct pair_of_lanes along = {a_rl * (big_e.sin - ayn - axn * w),
                                  a_rl * (big_e.cos - axn + ayn * w)};
    real sin_2u = (along.cos + along.cos) * along.sin, cos_2u = 1.0 - 2.0 * along.sin * along.sin;
    real q = 1.0 / pl, k1 = 0.5 * j2 * q, k2 = k1 * q;
    real n_k1 = k1 / (a * sqrt_a); /* mean motion over xke, times k1 */
    real r = rl * (1.0 - 1.5 * k2 * beta * con41) + 0.5 * k1 * x1mth2 * cos_2u;
    real r_dot = sqrt_a * e_sin * inverse - n_k1 * x1mth2 * sin_2u;
    real rv_dot = root_of(pl) * inverse + n_k1 * (x1mth2 * cos_2u + 1.5 * con41);
    struct pair_of_lanes su = turn_any(along, -0.25 * k2 * x7thm1 * sin_2u);
    real node = mean->node + 1.5 * k2 * cos_i * sin_2u;
    struct pair_of_lanes i = {sin_i, cos_i};
    axes_of(su, sine_cosine(node), turn_any(i, 1.5 * k2 * cos_i * sin_i * cos_2u), r, r_dot, rv_dot,
            &s);
    s.decayed = r < 1.0;
    return s;
}

/* Minutes from the epochs; more than a century where the difference overflows. */
LANE real minutes_of(const int64_t *epoch, tai_ns t)
{
    bits e, now = (bits){0} + (uint64_t)t;
    memcpy(&e, epoch, sizeof e);
    bits since = now - e;
    mask overflow = (mask)((now ^ e) & (now ^ since)) < 0;
    since = (bits)(((mask)since & ~overflow) | (overflow & INT64_MAX));
    return __builtin_convertvector((mask)since, real) / 6e10;
}

LANE void status_write(const struct mean_lanes *mean, const struct state_lanes *s, real t,
                       uint8_t *status)
{
    uint32_t range = lanes_of(~(absolute(t) <= SGP4_MINUTES_MAX));
    uint32_t eccentric = lanes_of(~((mean->e < 1.0) & (mean->e >= -0.001)));
    uint32_t semi = lanes_of(s->semi_latus), decayed = lanes_of(s->decayed);
    memset(status, SGP4_OK, LANES);
    if (!(range | eccentric | semi | decayed))
        return;
    for (int k = 0; k < LANES; k++) {
        uint32_t bit = UINT32_C(1) << k;
        status[k] = range & bit       ? SGP4_OUT_OF_RANGE
                    : eccentric & bit ? SGP4_ECCENTRICITY
                    : semi & bit      ? SGP4_SEMI_LATUS_RECTUM
                    : decayed & bit   ? SGP4_DECAYED
                                      : SGP4_OK;
    }
}

LANE uint32_t lanes_step(const struct sgp4_block *b, int at, tai_ns t, size_t to,
                         const struct sgp4_states *out)
{
    real minutes = minutes_of(b->epoch + at, t);
    mask in_range = absolute(minutes) <= SGP4_MINUTES_MAX;
    struct mean_lanes mean = mean_of(b, at, choose(in_range, minutes, both(0.0)));
    struct mean_lanes plain = mean;
    mean.e = choose(mean.e < 1.0e-6, both(1.0e-6), mean.e);
    struct state_lanes s = state_of_lanes(b, at, &mean);
    status_write(&plain, &s, minutes, out->status + to);
    mask valid = in_range & (plain.e < 1.0) & (plain.e >= -0.001) & ~s.semi_latus & ~s.decayed;
    double *const r[3] = {out->x, out->y, out->z}, *const v[3] = {out->vx, out->vy, out->vz};
    for (int k = 0; k < 3; k++) {
        store(r[k] + to, (real)((mask)s.r[k] & valid));
        store(v[k] + to, (real)((mask)s.v[k] & valid));
    }
    return lanes_of(mean.wild & in_range);
}

uint32_t KERNEL(const struct sgp4_block *b, tai_ns t, size_t at, const struct sgp4_states *out)
{
    uint32_t wild = 0;
    for (int k = 0; k < SGP4_BLOCK; k += LANES)
        wild |= lanes_step(b, k, t, at + (size_t)k, out) << k;
    return wild;
}
