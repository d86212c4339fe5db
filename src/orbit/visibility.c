#include "orbit/visibility.h"

#include <math.h>

struct station station_at(double latitude_deg, double longitude_deg, double altitude_m)
{
    struct station s = {
        .place = {latitude_deg * DEGREE_RAD, longitude_deg * DEGREE_RAD, altitude_m / 1000.0}};
    frames_geodetic_to_ecef(&s.place, s.ecef);
    frames_up(&s.place, s.up);
    return s;
}

static void difference(const double a[3], const double b[3], double out[3])
{
    for (int k = 0; k < 3; k++)
        out[k] = a[k] - b[k];
}

double visibility_range_km(const double a[3], const double b[3])
{
    double d[3];
    difference(a, b, d);
    return vector_length(d);
}

double visibility_elevation_rad(const struct station *s, const double r_ecef[3])
{
    double d[3];
    difference(r_ecef, s->ecef, d);
    double length = vector_length(d);
    return length > 0.0 ? asin(fmax(-1.0, fmin(1.0, vector_dot(d, s->up) / length))) : M_PI / 2.0;
}

/* Fraction of the way from a to b at which the ray comes closest to the Earth's centre. */
static double closest_fraction(const double a[3], const double d[3])
{
    double d2 = vector_dot(d, d);
    return d2 > 0.0 ? fmax(0.0, fmin(1.0, -vector_dot(a, d) / d2)) : 0.0;
}

struct margin visibility_graze_margin(const struct motion *a, const struct motion *b,
                                      double least_km)
{
    double d[3], p[3], v[3];
    difference(b->r, a->r, d);
    double f = closest_fraction(a->r, d);
    for (int k = 0; k < 3; k++) {
        p[k] = a->r[k] + f * d[k];
        v[k] = (1.0 - f) * a->v[k] + f * b->v[k]; /* the fraction's own change is stationary */
    }
    double length = vector_length(p);
    double slope = length > 0.0 ? vector_dot(p, v) / length : 0.0;
    return (struct margin){length - WGS84_RADIUS_KM - least_km, slope};
}

double visibility_graze_km(const double a[3], const double b[3])
{
    struct motion one = {.r = {a[0], a[1], a[2]}}, two = {.r = {b[0], b[1], b[2]}};
    return visibility_graze_margin(&one, &two, 0.0).value;
}

struct margin visibility_elevation_margin(const struct station *s, double sin_mask,
                                          const struct motion *m)
{
    double d[3];
    difference(m->r, s->ecef, d);
    double length = vector_length(d);
    double closing = length > 0.0 ? vector_dot(d, m->v) / length : 0.0;
    return (struct margin){vector_dot(d, s->up) - sin_mask * length,
                           vector_dot(m->v, s->up) - sin_mask * closing};
}

struct margin visibility_range_margin(const struct motion *a, const struct motion *b,
                                      double most_km)
{
    /* (most^2 - d^2) / (2 most): kilometres near the edge, and smooth where the satellites meet. */
    double d[3], v[3];
    difference(b->r, a->r, d);
    difference(b->v, a->v, v);
    return (struct margin){(most_km * most_km - vector_dot(d, d)) / (2.0 * most_km),
                           -vector_dot(d, v) / most_km};
}

struct margin visibility_latitude_margin(const struct motion *m, double sin_limit)
{
    /* (sin^2 limit r^2 - z^2) / (2 r): smooth over the equator. */
    double r2 = vector_dot(m->r, m->r), r = sqrt(r2), rv = vector_dot(m->r, m->v);
    double s2 = sin_limit * sin_limit;
    double top = s2 * r2 - m->r[2] * m->r[2];
    if (!(r > 0.0))
        return (struct margin){-1.0, 0.0};
    double top_slope = 2.0 * (s2 * rv - m->r[2] * m->v[2]);
    return (struct margin){top / (2.0 * r), top_slope / (2.0 * r) - top * rv / (2.0 * r2 * r)};
}

bool visibility_motion(const struct sgp4 *s, tai_ns base, double t_s, struct motion *teme)
{
    int64_t since_ns;
    if (__builtin_sub_overflow(base, s->epoch, &since_ns))
        return false;
    double minutes = ((double)since_ns + t_s * 1e9) / 6e10;
    return sgp4_propagate(s, minutes, teme->r, teme->v) == SGP4_OK;
}

struct motion visibility_to_ecef(tai_ns t, const struct motion *teme)
{
    struct motion out;
    double gmst = frames_gmst(t);
    frames_teme_to_ecef(gmst, teme->r, out.r);
    frames_velocity_to_ecef(gmst, teme->v, out.r, out.v);
    return out;
}

static struct sample unseen(double t_s)
{
    return (struct sample){t_s, -1.0, 0.0};
}

static tai_ns time_at(tai_ns base, double t_s)
{
    return base + (tai_ns)llround(t_s * 1e9);
}

struct pass_context {
    const struct sgp4 *satellite;
    const struct station *station;
    double sin_mask;
    tai_ns base;
};

static struct sample pass_signal(const void *context, double t_s)
{
    const struct pass_context *c = context;
    struct motion m;
    if (!visibility_motion(c->satellite, c->base, t_s, &m))
        return unseen(t_s);
    m = visibility_to_ecef(time_at(c->base, t_s), &m);
    struct margin margin = visibility_elevation_margin(c->station, c->sin_mask, &m);
    return (struct sample){t_s, margin.value, margin.slope};
}

static struct sample elevation_signal(const void *context, double t_s)
{
    const struct pass_context *c = context;
    struct motion m;
    if (!visibility_motion(c->satellite, c->base, t_s, &m))
        return unseen(t_s);
    m = visibility_to_ecef(time_at(c->base, t_s), &m);
    return (struct sample){t_s, visibility_elevation_rad(c->station, m.r), 0.0};
}

static void pass_fill(const struct pass_context *c, struct interval w, struct pass *out)
{
    double peak = windows_peak(elevation_signal, c, w.start_s, w.end_s);
    *out = (struct pass){time_at(c->base, w.start_s), time_at(c->base, w.end_s),
                         time_at(c->base, peak), 0.0, 0.0};
    struct motion m;
    if (visibility_motion(c->satellite, c->base, peak, &m)) {
        m = visibility_to_ecef(out->peak, &m);
        out->max_elevation_rad = visibility_elevation_rad(c->station, m.r);
        out->range_at_peak_km = visibility_range_km(m.r, c->station->ecef);
    }
}

/* Windows are searched in blocks, so that the stack holds few of them; windows over a block's edge
 * are joined. */
enum { BLOCK_WINDOWS = 64 };
#define BLOCK_S 21600.0

typedef void window_sink(void *context, struct interval w);

static err windows_in_blocks(signal_fn *signal, const void *context, double span_s,
                             window_sink *sink, void *sink_context, size_t capacity, size_t *count)
{
    struct interval found[BLOCK_WINDOWS], pending = {0};
    bool have = false;
    *count = 0;
    for (double from = 0.0; from < span_s; from += BLOCK_S) {
        size_t n;
        TRY(windows_find(signal, context, from, fmin(from + BLOCK_S, span_s), VISIBILITY_STEP_S,
                         found, BLOCK_WINDOWS, &n));
        for (size_t k = 0; k < n; k++) {
            if (have && found[k].start_s <= pending.end_s) {
                pending.end_s = found[k].end_s;
                continue;
            }
            if (have)
                sink(sink_context, pending);
            if ((*count)++ == capacity)
                return ERR_FULL;
            pending = found[k];
            have = true;
        }
    }
    if (have)
        sink(sink_context, pending);
    return ERR_OK;
}

struct pass_sink {
    const struct pass_context *context;
    struct pass *next;
};

static void pass_sink_add(void *context, struct interval w)
{
    struct pass_sink *s = context;
    pass_fill(s->context, w, s->next++);
}

err visibility_passes(const struct sgp4 *satellite, const struct station *station, double mask_rad,
                      tai_ns from, tai_ns until, struct pass *out, size_t capacity, size_t *count)
{
    struct pass_context c = {satellite, station, sin(mask_rad), from};
    struct pass_sink sink = {&c, out};
    return windows_in_blocks(pass_signal, &c, (double)(until - from) / 1e9, pass_sink_add, &sink,
                             capacity, count);
}

struct sight_sink {
    tai_ns base;
    struct sight *next;
};

static void sight_sink_add(void *context, struct interval w)
{
    struct sight_sink *s = context;
    *s->next++ = (struct sight){time_at(s->base, w.start_s), time_at(s->base, w.end_s)};
}

struct sight_context {
    const struct sgp4 *a, *b;
    double graze_min_km;
    tai_ns base;
};

static struct sample sight_signal(const void *context, double t_s)
{
    const struct sight_context *c = context;
    struct motion a, b;
    if (!visibility_motion(c->a, c->base, t_s, &a) || !visibility_motion(c->b, c->base, t_s, &b))
        return unseen(t_s);
    struct margin margin = visibility_graze_margin(&a, &b, c->graze_min_km);
    return (struct sample){t_s, margin.value, margin.slope};
}

err visibility_sights(const struct sgp4 *a, const struct sgp4 *b, double graze_min_km, tai_ns from,
                      tai_ns until, struct sight *out, size_t capacity, size_t *count)
{
    struct sight_context c = {a, b, graze_min_km, from};
    struct sight_sink sink = {from, out};
    return windows_in_blocks(sight_signal, &c, (double)(until - from) / 1e9, sight_sink_add, &sink,
                             capacity, count);
}

struct shadow_context {
    const struct sgp4 *satellite;
    enum shadow_model model;
    bool umbra;
    tai_ns base;
};

static double shadow_depth(const struct shadow_context *c, double t_s)
{
    struct motion m;
    double sun[3];
    if (!visibility_motion(c->satellite, c->base, t_s, &m))
        return -1.0;
    sun_position(time_at(c->base, t_s), sun);
    struct shadow_margin margin = sun_shadow_margin(c->model, m.r, sun);
    return -(c->umbra ? margin.umbra : margin.penumbra);
}

static struct sample shadow_signal(const void *context, double t_s)
{
    const struct shadow_context *c = context;
    const double h = 0.05;
    double slope = (shadow_depth(c, t_s + h) - shadow_depth(c, t_s - h)) / (2.0 * h);
    return (struct sample){t_s, shadow_depth(c, t_s), slope};
}

err visibility_eclipses(const struct sgp4 *satellite, enum shadow_model model, bool umbra,
                        tai_ns from, tai_ns until, struct sight *out, size_t capacity,
                        size_t *count)
{
    struct shadow_context c = {satellite, model, umbra, from};
    struct sight_sink sink = {from, out};
    return windows_in_blocks(shadow_signal, &c, (double)(until - from) / 1e9, sight_sink_add, &sink,
                             capacity, count);
}
