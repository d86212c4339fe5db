#include "orbit/tle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char alpha5[] = "ABCDEFGHJKLMNPQRSTUVWXYZ"; /* without I and O */

struct line {
    struct span text;
    int number;
    struct parse_error *error;
};

/* Column numbers are those of the format's description: 1-based, inclusive. */
static struct span columns(const struct line *l, int first, int last)
{
    return span_of(l->text.data + first - 1, (size_t)(last - first + 1));
}

static struct span trimmed(struct span s)
{
    while (s.size && s.data[0] == ' ') {
        s.data++;
        s.size--;
    }
    while (s.size && s.data[s.size - 1] == ' ')
        s.size--;
    return s;
}

static err bad_field(const struct line *l, int first, int last, const char *what)
{
    struct span s = columns(l, first, last);
    char shown[72];
    size_t n = MIN(s.size, sizeof shown - 1);
    for (size_t k = 0; k < n; k++)
        shown[k] = s.data[k] >= ' ' && s.data[k] < 127 ? (char)s.data[k] : '?';
    shown[n] = 0;
    return parse_fail(l->error, ERR_INVALID, l->number, first, "%s: '%s' is not a valid value",
                      what, shown);
}

/* Digits with at most one point and an optional sign; blanks inside are refused. */
static bool number_of(struct span s, double *out)
{
    char text[32];
    s = trimmed(s);
    if (s.size == 0 || s.size >= sizeof text)
        return false;
    bool digit = false, point = false;
    for (size_t k = 0; k < s.size; k++) {
        char c = (char)s.data[k];
        if (c >= '0' && c <= '9')
            digit = true;
        else if (c == '.' && !point)
            point = true;
        else if (!(k == 0 && (c == '-' || c == '+')))
            return false;
        text[k] = c;
    }
    text[s.size] = 0;
    *out = strtod(text, NULL);
    return digit;
}

static err number_field(const struct line *l, int first, int last, const char *what, double *out)
{
    if (!number_of(columns(l, first, last), out))
        return bad_field(l, first, last, what);
    return ERR_OK;
}

static err count_field(const struct line *l, int first, int last, const char *what, uint32_t *out)
{
    struct span s = trimmed(columns(l, first, last));
    *out = 0;
    for (size_t k = 0; k < s.size; k++) {
        if (s.data[k] < '0' || s.data[k] > '9')
            return bad_field(l, first, last, what);
        *out = *out * 10 + (uint32_t)(s.data[k] - '0');
    }
    return ERR_OK;
}

/* "-11606-4" is -0.11606e-4: an assumed point before five digits, then the exponent. */
static err assumed_point_field(const struct line *l, int first, int last, const char *what,
                               double *out)
{
    struct span s = columns(l, first, last);
    *out = 0.0;
    if (trimmed(s).size == 0)
        return ERR_OK; /* old sets leave the field blank */
    char sign = (char)s.data[0];
    if (sign != ' ' && sign != '-' && sign != '+')
        return bad_field(l, first, last, what);
    char text[16] = {sign == '-' ? '-' : '+', '0', '.'};
    for (size_t k = 1; k <= 5; k++) {
        char c = (char)s.data[k];
        if (c == ' ')
            c = '0';
        if (c < '0' || c > '9')
            return bad_field(l, first, last, what);
        text[2 + k] = c;
    }
    char exponent_sign = (char)s.data[6], exponent = (char)s.data[7];
    if ((exponent_sign != '-' && exponent_sign != '+' && exponent_sign != ' ') || exponent < '0' ||
        exponent > '9')
        return bad_field(l, first, last, what);
    text[8] = 'e';
    text[9] = exponent_sign == '-' ? '-' : '+';
    text[10] = exponent;
    *out = strtod(text, NULL);
    return ERR_OK;
}

err tle_catalog_parse(struct span field, uint32_t *out)
{
    struct span s = trimmed(field);
    if (s.size == 0 || s.size > 5)
        return ERR_INVALID;
    uint32_t value = 0;
    const char *letter = s.size == 5 && s.data[0] ? strchr(alpha5, s.data[0]) : NULL;
    for (size_t k = 0; k < s.size; k++) {
        if (k == 0 && letter)
            value = (uint32_t)(letter - alpha5) + 10;
        else if (s.data[k] >= '0' && s.data[k] <= '9')
            value = value * 10 + (uint32_t)(s.data[k] - '0');
        else
            return ERR_INVALID;
    }
    *out = value;
    return ERR_OK;
}

int tle_checksum(struct span line)
{
    int sum = 0;
    for (size_t k = 0; k < 68 && k < line.size; k++) {
        if (line.data[k] >= '0' && line.data[k] <= '9')
            sum += line.data[k] - '0';
        else if (line.data[k] == '-')
            sum++;
    }
    return sum % 10;
}

static err line_check(const struct line *l, char digit, int flags)
{
    if (l->text.size < 1 || l->text.data[0] != digit)
        return parse_fail(l->error, ERR_INVALID, l->number, 1,
                          "line %c of a set must start with '%c'", digit, digit);
    if (l->text.size > 256)
        return parse_fail(l->error, ERR_INVALID, l->number, 257,
                          "the line is longer than 256 characters");
    /* Test sets may lack the last column; operational ones must have it. */
    size_t least = flags & TLE_IGNORE_CHECKSUM ? 68 : 69;
    if (l->text.size < least)
        return parse_fail(l->error, ERR_TRUNCATED, l->number, (int)l->text.size + 1,
                          "the line ends after %zu of 69 columns", l->text.size);
    if (flags & TLE_IGNORE_CHECKSUM)
        return ERR_OK;
    int sum = tle_checksum(l->text);
    if (l->text.data[68] != '0' + sum)
        return parse_fail(
            l->error, ERR_CORRUPT, l->number, 69, "checksum is '%c', computed %d",
            l->text.data[68] >= ' ' && l->text.data[68] < 127 ? l->text.data[68] : '?', sum);
    return ERR_OK;
}

/* Columns 19-32: two-digit year (57..99 are 19xx), day of year from 1 with a fraction; exact in
 * nanoseconds. */
static err epoch_field(const struct line *l, tai_ns *out)
{
    uint32_t year, day = 0;
    TRY(count_field(l, 19, 20, "epoch year", &year));
    TRY(count_field(l, 21, 23, "epoch day", &day));
    struct span fraction = columns(l, 24, 32);
    if (fraction.data[0] != '.' || day < 1 || day > 366)
        return bad_field(l, 19, 32, "epoch");
    int64_t units = 0; /* of 1e-8 day = 864,000 ns */
    for (size_t k = 1; k < fraction.size; k++) {
        uint8_t c = fraction.data[k] == ' ' ? '0' : fraction.data[k];
        if (c < '0' || c > '9')
            return bad_field(l, 24, 32, "epoch fraction of day");
        units = units * 10 + (c - '0');
    }
    tai_ns january = time_from_utc((int)(year < 57 ? 2000 + year : 1900 + year), 1, 1, 0, 0, 0.0);
    *out = january + (int64_t)(day - 1) * NS_PER_DAY + units * 864000;
    return ERR_OK;
}

static err line1_parse(const struct line *l, struct elements *e)
{
    if (tle_catalog_parse(columns(l, 3, 7), &e->catalog) != ERR_OK)
        return bad_field(l, 3, 7, "catalogue number");
    char class = (char)l->text.data[7];
    e->classification = class == ' ' ? 'U' : class;
    if (e->classification < 'A' || e->classification > 'Z')
        return bad_field(l, 8, 8, "classification");
    struct span designator = trimmed(columns(l, 10, 17));
    for (size_t k = 0; k < designator.size; k++)
        if (designator.data[k] <= ' ' || designator.data[k] > 126)
            return bad_field(l, 10, 17, "international designator");
    memcpy(e->designator, designator.data, designator.size);
    TRY(epoch_field(l, &e->epoch));
    struct span dot = trimmed(columns(l, 34, 43));
    if (dot.size)
        TRY(number_field(l, 34, 43, "first derivative of mean motion", &e->mean_motion_dot));
    TRY(assumed_point_field(l, 45, 52, "second derivative of mean motion", &e->mean_motion_ddot));
    TRY(assumed_point_field(l, 54, 61, "BSTAR", &e->bstar));
    uint32_t type;
    TRY(count_field(l, 63, 63, "ephemeris type", &type));
    e->ephemeris_type = (uint8_t)type;
    return count_field(l, 65, 68, "element set number", &e->element_set);
}

static err eccentricity_field(const struct line *l, double *out)
{
    char text[16] = "0.";
    for (int k = 0; k < 7; k++) {
        uint8_t c = l->text.data[26 + k];
        if (c == ' ')
            c = '0';
        if (c < '0' || c > '9')
            return bad_field(l, 27, 33, "eccentricity");
        text[2 + k] = (char)c;
    }
    *out = strtod(text, NULL);
    return ERR_OK;
}

static err line2_parse(const struct line *l, struct elements *e)
{
    uint32_t catalog;
    if (tle_catalog_parse(columns(l, 3, 7), &catalog) != ERR_OK)
        return bad_field(l, 3, 7, "catalogue number");
    if (catalog != e->catalog)
        return parse_fail(l->error, ERR_INVALID, l->number, 3,
                          "catalogue number %u differs from line 1 (%u)", catalog, e->catalog);
    TRY(number_field(l, 9, 16, "inclination", &e->inclination_deg));
    TRY(number_field(l, 18, 25, "right ascension of the ascending node", &e->raan_deg));
    TRY(eccentricity_field(l, &e->eccentricity));
    TRY(number_field(l, 35, 42, "argument of perigee", &e->argument_of_perigee_deg));
    TRY(number_field(l, 44, 51, "mean anomaly", &e->mean_anomaly_deg));
    TRY(number_field(l, 53, 63, "mean motion", &e->mean_motion_rev_day));
    return count_field(l, 64, 68, "revolution number", &e->revolution);
}

static void name_set(struct elements *e, struct span name)
{
    name = trimmed(name);
    if (name.size >= 2 && name.data[0] == '0' &&
        name.data[1] == ' ') /* "0 NAME" of three-line sets */
        name = trimmed(span_of(name.data + 2, name.size - 2));
    size_t n = MIN(name.size, sizeof e->name - 1);
    for (size_t k = 0; k < n; k++)
        e->name[k] = name.data[k] >= ' ' && name.data[k] < 127 ? (char)name.data[k] : '?';
}

static err parse_at(struct span name, struct span line1, struct span line2, int number, int flags,
                    struct elements *out, struct parse_error *error)
{
    struct line one = {line1, number, error}, two = {line2, number + 1, error};
    struct elements e = {0};
    TRY(line_check(&one, '1', flags));
    TRY(line_check(&two, '2', flags));
    name_set(&e, name);
    TRY(line1_parse(&one, &e));
    TRY(line2_parse(&two, &e));
    struct parse_error why = {0};
    if (elements_check(&e, &why) != ERR_OK)
        return parse_fail(error, ERR_INVALID, number, 0, "%.150s", why.text);
    *out = e;
    return ERR_OK;
}

err tle_parse_lines(struct span name, struct span line1, struct span line2, int flags,
                    struct elements *out, struct parse_error *error)
{
    return parse_at(name, line1, line2, 1, flags, out, error);
}

/* The next line without its end; false when the text is used up. */
static bool line_next(struct span text, size_t *at, int *line, struct span *out)
{
    if (*at >= text.size)
        return false;
    const uint8_t *start = text.data + *at;
    size_t left = text.size - *at;
    const uint8_t *end = memchr(start, '\n', left);
    size_t size = end ? (size_t)(end - start) : left;
    *at += size + (end ? 1 : 0);
    (*line)++;
    if (size && start[size - 1] == '\r')
        size--;
    *out = span_of(start, size);
    return true;
}

static bool starts(struct span s, char digit)
{
    return s.size >= 2 && s.data[0] == (uint8_t)digit && s.data[1] == ' ';
}

err tle_next(struct span text, size_t *at, int *line, int flags, struct elements *out,
             struct parse_error *error)
{
    struct span name = {0}, one;
    for (;;) {
        if (!line_next(text, at, line, &one)) {
            if (name.size)
                return parse_fail(error, ERR_TRUNCATED, *line, 1,
                                  "a name without its two element lines");
            return parse_fail(error, ERR_NOT_FOUND, *line, 0, "end of text");
        }
        if (trimmed(one).size == 0 || one.data[0] == '#')
            continue;
        if (starts(one, '1'))
            break;
        if (name.size)
            return parse_fail(error, ERR_INVALID, *line, 1,
                              "expected line 1 of an element set after the name");
        if (one.size > 256)
            return parse_fail(error, ERR_INVALID, *line, 257,
                              "the line is longer than 256 characters");
        name = one;
    }
    int number = *line;
    struct span two;
    if (!line_next(text, at, line, &two))
        return parse_fail(error, ERR_TRUNCATED, number + 1, 1,
                          "line 2 of the element set is missing");
    return parse_at(name, one, two, number, flags, out, error);
}

/* Writes sign, five digits, exponent into eight columns. */
static bool assumed_point_text(double value, char out[9])
{
    int exponent = 0;
    long digits = 0;
    if (value != 0.0) {
        exponent = (int)floor(log10(fabs(value))) + 1;
        digits = lround(fabs(value) * pow(10.0, 5 - exponent));
        if (digits >= 100000) {
            digits = (digits + 5) / 10;
            exponent++;
        }
        if (exponent < -9) { /* below the format's reach: written as zero */
            digits = 0;
            exponent = 0;
        }
    }
    if (exponent > 9 || digits < 0 || digits > 99999)
        return false;
    snprintf(out, 9, "%c%05d%c%d", value < 0.0 ? '-' : ' ', (int)digits, exponent <= 0 ? '-' : '+',
             exponent < 0 ? -exponent : exponent);
    return true;
}

static double turn_deg(double angle)
{
    double a = fmod(angle, 360.0);
    if (a < 0.0)
        a += 360.0;
    return a >= 359.99995 ? 0.0 : a; /* would round to 360.0000 */
}

static void catalog_text(uint32_t catalog, char out[6])
{
    if (catalog < 100000)
        snprintf(out, 6, "%05u", catalog % 100000u);
    else
        snprintf(out, 6, "%c%04u", alpha5[(catalog / 10000 - 10) % 24], catalog % 10000u);
}

/* "1998-067A" of an OMM is "98067A" in a TLE; other forms stay. */
static void designator_text(const char *in, char out[ELEMENTS_DESIGNATOR_SIZE])
{
    size_t n = strnlen(in, ELEMENTS_DESIGNATOR_SIZE - 1);
    if (n >= 8 && in[4] == '-' && strspn(in, "0123456789") == 4)
        snprintf(out, ELEMENTS_DESIGNATOR_SIZE, "%.2s%.8s", in + 2, in + 5);
    else
        snprintf(out, ELEMENTS_DESIGNATOR_SIZE, "%.*s", (int)n, in);
}

/* Year and units of 1e-8 day since its start, rounded before the year is taken. */
static int epoch_round(tai_ns epoch, int64_t *units)
{
    int year = time_utc_fields(epoch).year;
    tai_ns january = time_from_utc(year, 1, 1, 0, 0, 0.0);
    *units = (epoch - january + 432000) / 864000;
    int rounded = time_utc_fields(january + *units * 864000).year;
    if (rounded != year)
        *units = 0;
    return rounded;
}

/* Copies 68 columns and appends their checksum. */
static void line_finish(const char *text, char line[TLE_LINE_SIZE])
{
    ASSERT(strlen(text) == 68);
    memcpy(line, text, 68);
    line[68] = (char)('0' + tle_checksum(span_text(text)));
    line[69] = 0;
}

err tle_write(const struct elements *e, char line1[TLE_LINE_SIZE], char line2[TLE_LINE_SIZE])
{
    TRY(elements_check(e, NULL));
    char ddot[9], bstar[9], catalog[6], dot[16], designator[ELEMENTS_DESIGNATOR_SIZE];
    int64_t units;
    int year = epoch_round(e->epoch, &units);
    if (e->catalog > TLE_CATALOG_MAX || year < 1957 || year > 2056 ||
        fabs(e->mean_motion_dot) >= 0.999999995 || !assumed_point_text(e->mean_motion_ddot, ddot) ||
        !assumed_point_text(e->bstar, bstar))
        return ERR_RANGE;
    catalog_text(e->catalog, catalog);
    designator_text(e->designator, designator);
    snprintf(dot, sizeof dot, "%.8f",
             fabs(e->mean_motion_dot)); /* "0.00001234": the zero is dropped */
    char text[128];
    snprintf(text, sizeof text, "1 %s%c %-8.8s %02d%03lld.%08lld %c%s %s %s %d %4u", catalog,
             e->classification ? e->classification : 'U', designator, year % 100,
             (long long)(units / 100000000 + 1), (long long)(units % 100000000),
             e->mean_motion_dot < 0.0 ? '-' : ' ', dot + 1, ddot, bstar, e->ephemeris_type % 10,
             e->element_set % 10000u);
    line_finish(text, line1);
    snprintf(text, sizeof text, "2 %s %8.4f %8.4f %07ld %8.4f %8.4f %11.8f%5u", catalog,
             e->inclination_deg, turn_deg(e->raan_deg),
             MIN(lround(e->eccentricity * 1e7), 9999999L), turn_deg(e->argument_of_perigee_deg),
             turn_deg(e->mean_anomaly_deg), e->mean_motion_rev_day, e->revolution % 100000u);
    line_finish(text, line2);
    return ERR_OK;
}
