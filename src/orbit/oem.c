#include "orbit/oem_build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct span trimmed(struct span s)
{
    while (s.size && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.size--;
    }
    while (s.size &&
           (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t' || s.data[s.size - 1] == '\r'))
        s.size--;
    return s;
}

static bool starts_with(struct span s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.size >= n && memcmp(s.data, prefix, n) == 0;
}

/* The next word of a data line. */
static struct span word_next(struct span *rest)
{
    *rest = trimmed(*rest);
    size_t n = 0;
    while (n < rest->size && rest->data[n] != ' ' && rest->data[n] != '\t')
        n++;
    struct span word = span_of(rest->data, n);
    *rest = span_of(rest->data + n, rest->size - n);
    return word;
}

static err data_line(struct oem_builder *b, struct span line, int number)
{
    struct span epoch = word_next(&line);
    double state[6];
    for (int k = 0; k < 6; k++) {
        struct span word = word_next(&line);
        if (word.size == 0 || parse_double(word, &state[k]) != ERR_OK)
            return parse_fail(
                b->error, ERR_INVALID, number, 1,
                "number %d of the state is missing or malformed; a line is: time x y z vx vy vz",
                k + 1);
    }
    return oem_point_add(b, epoch, state, number); /* accelerations may follow: not needed */
}

struct kvn {
    bool meta, covariance, seen_version;
};

static err kvn_line(struct oem_builder *b, struct kvn *k, struct span raw, int number)
{
    struct span line = trimmed(raw);
    if (line.size == 0 || starts_with(line, "COMMENT"))
        return ERR_OK;
    if (span_equal_text(line, "META_START")) {
        k->meta = true;
        return oem_segment_begin(b, number);
    }
    if (span_equal_text(line, "META_STOP")) {
        k->meta = false;
        return ERR_OK;
    }
    if (span_equal_text(line, "COVARIANCE_START") || span_equal_text(line, "COVARIANCE_STOP")) {
        k->covariance = span_equal_text(line, "COVARIANCE_START");
        return ERR_OK;
    }
    if (k->covariance)
        return ERR_OK;
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (!equals) {
        if (k->meta)
            return parse_fail(b->error, ERR_INVALID, number, 1,
                              "expected KEY = VALUE between META_START and META_STOP");
        return data_line(b, line, number);
    }
    struct span key = trimmed(span_of(line.data, (size_t)(equals - line.data)));
    struct span value = trimmed(span_of(equals + 1, line.size - (size_t)(equals + 1 - line.data)));
    if (span_equal_text(key, "CCSDS_OEM_VERS"))
        k->seen_version = true;
    return oem_key_set(b, key, value, number, (int)(value.data - raw.data) + 1);
}

static err read_kvn(struct span text, struct oem_builder *b)
{
    struct kvn k = {0};
    int number = 0;
    for (size_t at = 0; at < text.size;) {
        const uint8_t *start = text.data + at, *end = memchr(start, '\n', text.size - at);
        size_t size = end ? (size_t)(end - start) : text.size - at;
        at += size + 1;
        TRY(kvn_line(b, &k, span_of(start, size), ++number));
        if (!k.seen_version && b->oem->segment_count + b->in_segment > 0)
            return parse_fail(b->error, ERR_INVALID, number, 1,
                              "the file does not begin with CCSDS_OEM_VERS");
    }
    if (!b->in_segment)
        return parse_fail(b->error, ERR_INVALID, number, 1,
                          "no segment: expected CCSDS_OEM_VERS and META_START");
    return oem_segment_end(b, number);
}

err oem_read(struct span text, struct oem *out, struct parse_error *error)
{
    *out = (struct oem){0};
    if (text.size > OEM_TEXT_MAX)
        return parse_fail(error, ERR_TOO_LARGE, 0, 0, "the text is larger than %d bytes",
                          OEM_TEXT_MAX);
    struct oem_builder b = {.oem = out, .error = error};
    if (text_is_utf16(text))
        return parse_fail(error, ERR_INVALID, 1, 1, "the text is UTF-16; save it as UTF-8");
    text = text_without_mark(text);
    size_t at = 0;
    while (at < text.size && (text.data[at] == ' ' || text.data[at] == '\n' ||
                              text.data[at] == '\r' || text.data[at] == '\t'))
        at++;
    if (at == text.size)
        return parse_fail(error, ERR_INVALID, 1, 1, "the text is empty");
    err result = text.data[at] == '<' ? oem_read_xml(text, &b) : read_kvn(text, &b);
    if (result != ERR_OK)
        oem_free(out);
    return result;
}

void oem_free(struct oem *o)
{
    free(o->points);
    free(o->segments);
    *o = (struct oem){0};
}

/* ---- interpolation ------------------------------------------------------------------------------
 */

/* First of `want` points around t: as many before as after where the table allows. */
static size_t points_around(const struct oem_point *p, size_t count, tai_ns t, size_t want)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p[middle].t <= t)
            low = middle + 1;
        else
            high = middle;
    }
    size_t half = want / 2, first = low > half ? low - half : 0;
    return MIN(first, count - want);
}

/* Newton's form through values (LAGRANGE), or values and slopes (HERMITE: each node twice). Gives
 * value and derivative at x = 0; nodes in seconds from there. */
static void newton(const double *nodes, const double *values, const double *slopes, size_t count,
                   double *value, double *slope)
{
    double c[OEM_DEGREE_MAX + 1];
    size_t n = slopes ? 2 * count : count;
    double z[OEM_DEGREE_MAX + 1];
    for (size_t k = 0; k < n; k++) {
        z[k] = nodes[slopes ? k / 2 : k];
        c[k] = values[slopes ? k / 2 : k];
    }
    for (size_t order = 1; order < n; order++)
        for (size_t k = n - 1; k >= order; k--) {
            bool same = order == 1 && slopes && k % 2 == 1;
            c[k] = same ? slopes[k / 2] : (c[k] - c[k - 1]) / (z[k] - z[k - order]);
        }
    *value = c[n - 1];
    *slope = 0.0;
    for (size_t k = n - 1; k-- > 0;) {
        *slope = *slope * (0.0 - z[k]) + *value;
        *value = *value * (0.0 - z[k]) + c[k];
    }
}

static void interpolate(const struct oem *o, const struct oem_segment *s, tai_ns t, double r[3],
                        double v[3])
{
    bool hermite = s->interpolation == OEM_HERMITE;
    size_t degree = s->interpolation == OEM_LINEAR ? 1 : (size_t)s->degree;
    size_t want = hermite ? (degree + 1) / 2 : degree + 1;
    want = MIN(MAX(want, hermite ? (size_t)1 : (size_t)2), s->count);
    const struct oem_point *p = o->points + s->first;
    p += points_around(p, s->count, t, want);
    double nodes[OEM_DEGREE_MAX + 1], values[OEM_DEGREE_MAX + 1], slopes[OEM_DEGREE_MAX + 1],
        unused;
    for (size_t k = 0; k < want; k++)
        nodes[k] = (double)(p[k].t - t) / 1e9;
    for (int axis = 0; axis < 3; axis++) {
        for (size_t k = 0; k < want; k++) {
            values[k] = p[k].r_km[axis];
            slopes[k] = p[k].v_km_s[axis];
        }
        newton(nodes, values, hermite ? slopes : NULL, want, &r[axis], &v[axis]);
        if (!hermite)
            newton(nodes, slopes, NULL, want, &v[axis], &unused);
    }
}

bool oem_state(const struct oem *o, size_t index, tai_ns t, double r_km[3], double v_km_s[3])
{
    ASSERT(index < o->segment_count);
    for (size_t k = index;
         k < o->segment_count && strcmp(o->segments[k].name, o->segments[index].name) == 0; k++)
        if (t >= o->segments[k].start && t <= o->segments[k].stop) {
            interpolate(o, &o->segments[k], t, r_km, v_km_s);
            return true;
        }
    return false;
}
