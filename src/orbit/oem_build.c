/* oem_build.c - the parts of an OEM that both notations share: metadata, states, frames, times. */
#include "orbit/oem_build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static err fail(struct oem_builder *b, int line, int column, const char *what, struct span value)
{
    char shown[40];
    size_t n = MIN(value.size, sizeof shown - 1);
    for (size_t k = 0; k < n; k++)
        shown[k] = value.data[k] >= ' ' && value.data[k] < 127 ? (char)value.data[k] : '?';
    shown[n] = 0;
    return parse_fail(b->error, ERR_INVALID, line, column, "%s: '%s'", what, shown);
}

static bool one_of(struct span value, const char *const names[], size_t count, size_t *index)
{
    for (size_t k = 0; k < count; k++)
        if (span_equal_text(value, names[k])) {
            *index = k;
            return true;
        }
    return false;
}

static void text_keep(char *out, size_t size, struct span value)
{
    size_t n = MIN(value.size, size - 1);
    for (size_t k = 0; k < n; k++)
        out[k] = value.data[k] >= ' ' && value.data[k] < 127 ? (char)value.data[k] : '?';
    memset(out + n, 0, size - n);
}

err oem_segment_begin(struct oem_builder *b, int line)
{
    if (b->in_segment)
        TRY(oem_segment_end(b, line));
    struct oem *oem = b->oem;
    struct parse_error *error = b->error;
    *b = (struct oem_builder){.oem = oem, .error = error, .in_segment = true};
    b->segment =
        (struct oem_segment){.interpolation = OEM_HERMITE, .degree = 7, .first = oem->point_count};
    return ERR_OK;
}

static err frame_set(struct oem_builder *b, struct span value, int line, int column)
{
    static const char *const names[] = {"TEME", "EME2000", "J2000", "ICRF", "GCRF"};
    size_t k;
    b->has_frame = true;
    if (one_of(value, names, COUNT_OF(names), &k))
        b->frame = k == 0 ? FRAME_TEME : FRAME_EME2000;
    else if (value.size >= 4 && value.size <= 8 && memcmp(value.data, "ITRF", 4) == 0)
        b->frame = FRAME_ITRF;
    else
        return fail(b, line, column, "REF_FRAME must be TEME, EME2000, ICRF, GCRF or ITRF", value);
    return ERR_OK;
}

static err time_system_set(struct oem_builder *b, struct span value, int line, int column)
{
    static const char *const names[] = {"UTC", "TAI", "TT", "GPS"};
    static const int64_t to_tai_ms[] = {0, -37000, -69184, -18000}; /* after reading as UTC */
    size_t k;
    if (!one_of(value, names, COUNT_OF(names), &k))
        return fail(b, line, column, "TIME_SYSTEM must be UTC, TAI, TT or GPS", value);
    b->has_time = true;
    b->to_tai_ns = to_tai_ms[k] * NS_PER_MS;
    return ERR_OK;
}

static err center_set(struct oem_builder *b, struct span value, int line, int column)
{
    static const char *const names[] = {"EARTH", "MOON", "MARS"};
    size_t k;
    if (!one_of(value, names, COUNT_OF(names), &k))
        return fail(b, line, column, "CENTER_NAME must be EARTH, MOON or MARS", value);
    b->has_center = true;
    b->center = (enum body)k;
    return ERR_OK;
}

static err interpolation_set(struct oem_builder *b, struct span value, int line, int column)
{
    static const char *const names[] = {"LAGRANGE", "HERMITE", "LINEAR"};
    size_t k;
    if (!one_of(value, names, COUNT_OF(names), &k))
        return fail(b, line, column, "INTERPOLATION must be LAGRANGE, HERMITE or LINEAR", value);
    b->segment.interpolation = (enum oem_interpolation)k;
    return ERR_OK;
}

static err degree_set(struct oem_builder *b, struct span value, int line, int column)
{
    uint64_t degree;
    if (parse_u64(value, OEM_DEGREE_MAX, &degree) != ERR_OK || degree == 0)
        return fail(b, line, column, "INTERPOLATION_DEGREE must be 1 to 15", value);
    b->segment.degree = (int)degree;
    return ERR_OK;
}

err oem_key_set(struct oem_builder *b, struct span key, struct span value, int line, int column)
{
    if (!b->in_segment || value.size == 0)
        return ERR_OK;
    if (value.size > 63)
        return fail(b, line, column, "a value is longer than 63 characters", value);
    const struct {
        const char *key;
        err (*set)(struct oem_builder *, struct span, int, int);
    } setters[] = {{"REF_FRAME", frame_set},
                   {"TIME_SYSTEM", time_system_set},
                   {"CENTER_NAME", center_set},
                   {"INTERPOLATION", interpolation_set},
                   {"INTERPOLATION_DEGREE", degree_set}};
    for (size_t k = 0; k < COUNT_OF(setters); k++)
        if (span_equal_text(key, setters[k].key))
            return setters[k].set(b, value, line, column);
    const struct {
        const char *key;
        char *out;
        size_t size;
        bool *seen;
    } texts[] = {{"OBJECT_NAME", b->segment.name, sizeof b->segment.name, &b->has_name},
                 {"OBJECT_ID", b->segment.designator, sizeof b->segment.designator, NULL},
                 {"START_TIME", b->start, sizeof b->start, &b->has_start},
                 {"STOP_TIME", b->stop, sizeof b->stop, &b->has_stop},
                 {"USEABLE_START_TIME", b->usable_from, sizeof b->usable_from, &b->usable_start},
                 {"USEABLE_STOP_TIME", b->usable_until, sizeof b->usable_until, &b->usable_stop}};
    for (size_t k = 0; k < COUNT_OF(texts); k++)
        if (span_equal_text(key, texts[k].key)) {
            text_keep(texts[k].out, texts[k].size, value);
            if (texts[k].seen)
                *texts[k].seen = true;
        }
    return ERR_OK;
}

static bool digits(struct span s, size_t at, size_t count, int *out)
{
    *out = 0;
    for (size_t k = at; k < at + count; k++) {
        if (k >= s.size || s.data[k] < '0' || s.data[k] > '9')
            return false;
        *out = *out * 10 + (s.data[k] - '0');
    }
    return true;
}

err oem_time_parse(const struct oem_builder *b, struct span s, tai_ns *out)
{
    int year, day;
    char text[48];
    tai_ns shift = 0;
    size_t n = s.size && s.data[s.size - 1] == 'Z' ? s.size - 1 : s.size;
    if (s.size > 36 || !digits(s, 0, 4, &year) || year < 1957 || year > 2199)
        return ERR_INVALID;
    if (s.size > 9 && s.data[4] == '-' && s.data[8] == 'T') { /* day of year */
        if (!digits(s, 5, 3, &day) || day < 1 || day > 366)
            return ERR_INVALID;
        snprintf(text, sizeof text, "%04d-01-01%.*sZ", year, (int)(n - 8),
                 (const char *)s.data + 8);
        shift = (tai_ns)(day - 1) * NS_PER_DAY;
    } else {
        snprintf(text, sizeof text, "%.*sZ", (int)n, (const char *)s.data);
    }
    TRY(time_utc_parse(text, out));
    *out += shift + b->to_tai_ns;
    return ERR_OK;
}

static void to_geocentric_teme(const struct oem_builder *b, struct oem_point *p)
{
    if (b->frame == FRAME_ITRF) {
        double gmst = frames_gmst(p->t), v[3];
        v[0] = p->v_km_s[0] - EARTH_RATE_RAD_S * p->r_km[1];
        v[1] = p->v_km_s[1] + EARTH_RATE_RAD_S * p->r_km[0];
        v[2] = p->v_km_s[2];
        frames_ecef_to_teme(gmst, p->r_km, p->r_km);
        frames_ecef_to_teme(gmst, v, p->v_km_s);
    } else if (b->frame == FRAME_EME2000) {
        frames_j2000_to_teme(p->t, p->r_km, p->r_km);
        frames_j2000_to_teme(p->t, p->v_km_s, p->v_km_s);
    }
    if (b->center == BODY_EARTH)
        return;
    double r[3], v[3];
    body_state(b->center, p->t, r, v);
    for (int k = 0; k < 3; k++) {
        p->r_km[k] += r[k];
        p->v_km_s[k] += v[k];
    }
}

/* Room for one more item of `size`; the array doubles. */
static err grow(void **items, size_t count, size_t *room, size_t size, size_t most)
{
    if (count < *room)
        return ERR_OK;
    if (count >= most)
        return ERR_TOO_LARGE;
    size_t wider = *room ? 2 * *room : 64;
    void *grown = realloc(*items, wider * size);
    if (!grown)
        return ERR_NO_MEMORY;
    *items = grown;
    *room = wider;
    return ERR_OK;
}

err oem_point_add(struct oem_builder *b, struct span epoch, const double state[6], int line)
{
    struct oem *o = b->oem;
    struct oem_point p = {0};
    if (!b->in_segment || !b->has_frame || !b->has_time || !b->has_center || !b->has_name)
        return parse_fail(
            b->error, ERR_INVALID, line, 1,
            "a state before OBJECT_NAME, CENTER_NAME, REF_FRAME and TIME_SYSTEM are known");
    if (oem_time_parse(b, epoch, &p.t) != ERR_OK)
        return fail(b, line, 1, "not a time like 2026-11-21T12:34:56.789", epoch);
    if (b->segment.count > 0 && p.t <= o->points[o->point_count - 1].t)
        return fail(b, line, 1, "times must rise within a segment", epoch);
    for (int k = 0; k < 3; k++) {
        p.r_km[k] = state[k];
        p.v_km_s[k] = state[k + 3];
        if (!(fabs(state[k]) < 1e10) || !(fabs(state[k + 3]) < 1e6))
            return parse_fail(b->error, ERR_INVALID, line, 1, "a state beyond 1e10 km or 1e6 km/s");
    }
    to_geocentric_teme(b, &p);
    err room = grow((void **)&o->points, o->point_count, &o->point_room, sizeof *o->points,
                    OEM_STATES_MAX);
    if (room != ERR_OK)
        return parse_fail(b->error, room, line, 1, "more than %d states, or no memory",
                          OEM_STATES_MAX);
    o->points[o->point_count++] = p;
    b->segment.count++;
    return ERR_OK;
}

static err bound_set(struct oem_builder *b, const char *text, bool given, tai_ns *bound, int line)
{
    tai_ns t;
    if (!given)
        return ERR_OK;
    if (oem_time_parse(b, span_text(text), &t) != ERR_OK)
        return fail(b, line, 0, "a start or stop time of the segment is malformed",
                    span_text(text));
    *bound = t;
    return ERR_OK;
}

err oem_segment_end(struct oem_builder *b, int line)
{
    struct oem *o = b->oem;
    b->in_segment = false;
    if (b->segment.count < 2)
        return parse_fail(b->error, ERR_INVALID, line, 0,
                          "a segment needs at least two states, this one has %zu",
                          b->segment.count);
    tai_ns first = o->points[b->segment.first].t, last = o->points[o->point_count - 1].t;
    b->segment.center = b->center;
    b->segment.start = first;
    b->segment.stop = last;
    TRY(bound_set(b, b->usable_from, b->usable_start, &b->segment.start, line));
    TRY(bound_set(b, b->usable_until, b->usable_stop, &b->segment.stop, line));
    b->segment.start = MAX(b->segment.start, first);
    b->segment.stop = MIN(b->segment.stop, last);
    if (b->segment.start > b->segment.stop)
        return parse_fail(b->error, ERR_INVALID, line, 0,
                          "the usable span of the segment holds no state");
    err room = grow((void **)&o->segments, o->segment_count, &o->segment_room, sizeof *o->segments,
                    OEM_SEGMENTS_MAX);
    if (room != ERR_OK)
        return parse_fail(b->error, room, line, 0, "more than %d segments, or no memory",
                          OEM_SEGMENTS_MAX);
    o->segments[o->segment_count++] = b->segment;
    return ERR_OK;
}
