#include "orbit/omm_record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

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

/* Text from outside, made printable for a message. */
static const char *shown(struct span s, char out[40])
{
    size_t n = MIN(s.size, (size_t)36);
    for (size_t k = 0; k < n; k++)
        out[k] = s.data[k] >= ' ' && s.data[k] < 127 ? (char)s.data[k] : '?';
    memcpy(out + n, s.size > n ? "..." : "", s.size > n ? 4 : 1);
    return out;
}

enum field_kind {
    FIELD_TEXT,
    FIELD_NUMBER,
    FIELD_COUNT,
    FIELD_DIGIT,
    FIELD_EPOCH,
    FIELD_CLASS,
    FIELD_MUST_BE
};

/* One table: key, what it must look like, where it goes, whether a record needs it. */
struct field {
    const char *key;
    enum field_kind kind;
    size_t offset, size; /* TEXT: size of the array; COUNT, DIGIT: largest value */
    const char *must_be; /* MUST_BE: allowed values between bars */
    bool required;
};

#define AT(member) offsetof(struct elements, member)
static const struct field fields[] = {
    {"OBJECT_NAME", FIELD_TEXT, AT(name), ELEMENTS_NAME_SIZE, NULL, false},
    {"OBJECT_ID", FIELD_TEXT, AT(designator), ELEMENTS_DESIGNATOR_SIZE, NULL, false},
    {"EPOCH", FIELD_EPOCH, AT(epoch), 0, NULL, true},
    {"MEAN_MOTION", FIELD_NUMBER, AT(mean_motion_rev_day), 0, NULL, true},
    {"ECCENTRICITY", FIELD_NUMBER, AT(eccentricity), 0, NULL, true},
    {"INCLINATION", FIELD_NUMBER, AT(inclination_deg), 0, NULL, true},
    {"RA_OF_ASC_NODE", FIELD_NUMBER, AT(raan_deg), 0, NULL, true},
    {"ARG_OF_PERICENTER", FIELD_NUMBER, AT(argument_of_perigee_deg), 0, NULL, true},
    {"MEAN_ANOMALY", FIELD_NUMBER, AT(mean_anomaly_deg), 0, NULL, true},
    {"EPHEMERIS_TYPE", FIELD_DIGIT, AT(ephemeris_type), 9, NULL, false},
    {"CLASSIFICATION_TYPE", FIELD_CLASS, AT(classification), 0, NULL, false},
    {"NORAD_CAT_ID", FIELD_COUNT, AT(catalog), ELEMENTS_CATALOG_MAX, NULL, false},
    {"ELEMENT_SET_NO", FIELD_COUNT, AT(element_set), 999999, NULL, false},
    {"REV_AT_EPOCH", FIELD_COUNT, AT(revolution), 9999999, NULL, false},
    {"BSTAR", FIELD_NUMBER, AT(bstar), 0, NULL, false},
    {"MEAN_MOTION_DOT", FIELD_NUMBER, AT(mean_motion_dot), 0, NULL, false},
    {"MEAN_MOTION_DDOT", FIELD_NUMBER, AT(mean_motion_ddot), 0, NULL, false},
    {"CENTER_NAME", FIELD_MUST_BE, 0, 0, "|EARTH|", false},
    {"REF_FRAME", FIELD_MUST_BE, 0, 0, "|TEME|", false},
    {"TIME_SYSTEM", FIELD_MUST_BE, 0, 0, "|UTC|", false},
    {"MEAN_ELEMENT_THEORY", FIELD_MUST_BE, 0, 0, "|SGP4|SGP/SGP4|SGP4/SDP4|", false},
};
_Static_assert(COUNT_OF(fields) <= 32, "a bit per field");

static err refuse(struct omm_record *r, const struct field *f, struct span value, int line,
                  int column, const char *why)
{
    char text[40];
    return parse_fail(r->error, ERR_INVALID, line, column, "%s: '%s' %s", f->key,
                      shown(value, text), why);
}

static bool digits_of(struct span s, size_t at, size_t count, int *out)
{
    *out = 0;
    if (at + count > s.size)
        return false;
    for (size_t k = at; k < at + count; k++) {
        if (s.data[k] < '0' || s.data[k] > '9')
            return false;
        *out = *out * 10 + (s.data[k] - '0');
    }
    return true;
}

/* "2025-10-04T12:34:56.123456" or "2025-277T12:34:56.5", Z optional (CCSDS ASCII time codes A and
 * B). */
static bool epoch_of(struct span s, tai_ns *out)
{
    int year, day_of_year;
    if (s.size > 36 || !digits_of(s, 0, 4, &year) || year < 1957 || year > 2199)
        return false;
    char text[48];
    tai_ns shift = 0;
    size_t n = s.size && s.data[s.size - 1] == 'Z' ? s.size - 1 : s.size;
    if (s.size > 9 && s.data[4] == '-' && s.data[8] == 'T') {
        if (!digits_of(s, 5, 3, &day_of_year) || day_of_year < 1 || day_of_year > 366)
            return false;
        snprintf(text, sizeof text, "%04d-01-01%.*sZ", year, (int)(n - 8),
                 (const char *)s.data + 8);
        shift = (tai_ns)(day_of_year - 1) * NS_PER_DAY;
    } else {
        snprintf(text, sizeof text, "%.*sZ", (int)n, (const char *)s.data);
    }
    if (time_utc_parse(text, out) != ERR_OK)
        return false;
    *out += shift;
    return true;
}

static err text_set(struct omm_record *r, const struct field *f, struct span value, int line,
                    int column)
{
    char *out = (char *)&r->elements + f->offset;
    for (size_t k = 0; k < value.size; k++)
        if (value.data[k] < ' ' || value.data[k] > 126)
            return refuse(r, f, value, line, column, "holds a character outside printable ASCII");
    size_t n = MIN(value.size, f->size - 1); /* long names are cut */
    memcpy(out, value.data, n);
    memset(out + n, 0, f->size - n);
    return ERR_OK;
}

static err count_set(struct omm_record *r, const struct field *f, struct span value, int line,
                     int column)
{
    uint64_t count;
    if (parse_u64(value, f->size, &count) != ERR_OK)
        return refuse(r, f, value, line, column, "is not a whole number in its range");
    uint32_t number = (uint32_t)count;
    uint8_t digit = (uint8_t)count;
    char *at = (char *)&r->elements + f->offset;
    if (f->kind == FIELD_DIGIT)
        memcpy(at, &digit, sizeof digit);
    else
        memcpy(at, &number, sizeof number);
    return ERR_OK;
}

static err must_be(struct omm_record *r, const struct field *f, struct span value, int line,
                   int column)
{
    char wanted[OMM_VALUE_SIZE + 3];
    if (value.size < OMM_VALUE_SIZE) {
        snprintf(wanted, sizeof wanted, "|%.*s|", (int)value.size, (const char *)value.data);
        if (strstr(f->must_be, wanted))
            return ERR_OK;
    }
    return refuse(r, f, value, line, column, "is not supported (TEME, UTC, EARTH, SGP4 only)");
}

static err field_set(struct omm_record *r, const struct field *f, struct span value, int line,
                     int column)
{
    void *at = (char *)&r->elements + f->offset;
    double number;
    tai_ns epoch;
    switch (f->kind) {
    case FIELD_TEXT:
        return text_set(r, f, value, line, column);
    case FIELD_NUMBER:
        if (parse_double(value, &number) != ERR_OK)
            return refuse(r, f, value, line, column, "is not a number");
        memcpy(at, &number, sizeof number);
        return ERR_OK;
    case FIELD_COUNT:
    case FIELD_DIGIT:
        return count_set(r, f, value, line, column);
    case FIELD_EPOCH:
        if (!epoch_of(value, &epoch))
            return refuse(r, f, value, line, column,
                          "is not a UTC time like 2025-10-04T12:34:56.789");
        memcpy(at, &epoch, sizeof epoch);
        return ERR_OK;
    case FIELD_CLASS:
        if (value.size != 1 || value.data[0] < 'A' || value.data[0] > 'Z')
            return refuse(r, f, value, line, column, "is not one capital letter");
        r->elements.classification = (char)value.data[0];
        return ERR_OK;
    case FIELD_MUST_BE:
        return must_be(r, f, value, line, column);
    }
    return ERR_INVALID;
}

err omm_record_wrong(struct omm_record *r, err code)
{
    if (!r->problem || code == ERR_OK)
        return code;
    r->bad = true;
    if (r->number && r->error && strncmp(r->error->text, "record ", 7) != 0) {
        char why[sizeof r->error->text];
        memcpy(why, r->error->text, sizeof why);
        (void)parse_fail(r->error, code, 0, 0, "record %zu: %.130s", r->number, why);
    }
    r->problem(r->context, r->error);
    return ERR_OK;
}

void omm_record_begin(struct omm_record *r, int line)
{
    r->bad = false;
    r->elements = (struct elements){.classification = 'U'};
    r->seen = 0;
    r->line = line;
}

static err record_set(struct omm_record *r, struct span key, struct span value, int line,
                      int column)
{
    value = trimmed(value);
    for (size_t k = 0; k < COUNT_OF(fields); k++) {
        if (!span_equal_text(key, fields[k].key))
            continue;
        if (value.size == 0 && !fields[k].required) /* an empty optional value says nothing */
            return ERR_OK;
        if (value.size >= OMM_VALUE_SIZE)
            return refuse(r, &fields[k], value, line, column, "is too long");
        if (r->seen & (UINT32_C(1) << k))
            return refuse(r, &fields[k], value, line, column, "is given twice in one record");
        TRY(field_set(r, &fields[k], value, line, column));
        r->seen |= UINT32_C(1) << k;
        return ERR_OK;
    }
    return ERR_OK;
}

bool omm_record_needs_value(struct span key)
{
    for (size_t k = 0; k < COUNT_OF(fields); k++)
        if (span_equal_text(key, fields[k].key))
            return fields[k].kind != FIELD_TEXT && fields[k].kind != FIELD_CLASS;
    return false;
}

err omm_record_set(struct omm_record *r, struct span key, struct span value, int line, int column)
{
    return r->bad ? ERR_OK : omm_record_wrong(r, record_set(r, key, value, line, column));
}

static err record_check(struct omm_record *r)
{
    for (size_t k = 0; k < COUNT_OF(fields); k++)
        if (fields[k].required && !(r->seen & (UINT32_C(1) << k)))
            return parse_fail(r->error, ERR_INVALID, r->line, 0, "the record has no %s",
                              fields[k].key);
    struct parse_error why = {0};
    if (elements_check(&r->elements, &why) != ERR_OK)
        return parse_fail(r->error, ERR_INVALID, r->line, 0, "%.150s", why.text);
    return ERR_OK;
}

err omm_record_end(struct omm_record *r)
{
    if (r->bad)
        return ERR_OK;
    TRY(omm_record_wrong(r, record_check(r)));
    if (r->bad)
        return ERR_OK;
    if (r->line_out)
        *r->line_out = r->line;
    return r->sink(r->context, &r->elements);
}

struct lines {
    struct span text;
    size_t at;
    int line;
};

static bool line_next(struct lines *l, struct span *out)
{
    if (l->at >= l->text.size)
        return false;
    const uint8_t *start = l->text.data + l->at;
    size_t left = l->text.size - l->at;
    const uint8_t *end = memchr(start, '\n', left);
    size_t size = end ? (size_t)(end - start) : left;
    l->at += size + (end ? 1 : 0);
    l->line++;
    if (size && start[size - 1] == '\r')
        size--;
    *out = span_of(start, size);
    return true;
}

static bool starts_with(struct span s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.size >= n && memcmp(s.data, prefix, n) == 0;
}

/* "15.5 [rev/day]": the unit in brackets goes. */
static struct span without_unit(struct span value)
{
    if (value.size && value.data[value.size - 1] == ']')
        for (size_t k = value.size; k-- > 0;)
            if (value.data[k] == '[')
                return trimmed(span_of(value.data, k));
    return value;
}

static err kvn_line(struct omm_record *r, struct span line, int number)
{
    struct span text = trimmed(line);
    if (text.size == 0 || starts_with(text, "COMMENT"))
        return ERR_OK;
    const uint8_t *equals = memchr(text.data, '=', text.size);
    if (!equals)
        return r->bad ? ERR_OK
                      : omm_record_wrong(r, parse_fail(r->error, ERR_INVALID, number, 1,
                                                       "expected KEY = VALUE"));
    struct span key = trimmed(span_of(text.data, (size_t)(equals - text.data)));
    struct span value = trimmed(span_of(equals + 1, text.size - (size_t)(equals + 1 - text.data)));
    if (span_equal_text(key, "CCSDS_OMM_VERS")) {
        if (!omm_record_empty(r) || r->bad)
            TRY(omm_record_end(r));
        omm_record_begin(r, number);
        return ERR_OK;
    }
    return omm_record_set(r, key, without_unit(value), number, (int)(value.data - line.data) + 1);
}

static err read_kvn(struct span text, struct omm_record *r)
{
    struct lines l = {text, 0, 0};
    struct span line;
    while (line_next(&l, &line))
        TRY(kvn_line(r, line, l.line));
    return omm_record_end(r);
}

/* Splits a CSV row in place: quotes may surround a cell, not appear in it. Returns the number of
 * cells, or -1. */
static int csv_split(struct span row, struct span cells[OMM_COLUMNS_MAX])
{
    int count = 0;
    for (size_t at = 0; at <= row.size; at++) {
        if (count == OMM_COLUMNS_MAX)
            return -1;
        size_t start = at, end;
        if (at < row.size && row.data[at] == '"') {
            for (start = ++at; at < row.size && row.data[at] != '"'; at++) {
            }
            if (at == row.size)
                return -1;
            end = at++;
            if (at < row.size && row.data[at] != ',')
                return -1;
        } else {
            while (at < row.size && row.data[at] != ',')
                at++;
            end = at;
        }
        cells[count++] = trimmed(span_of(row.data + start, end - start));
    }
    return count;
}

static err read_csv(struct span text, struct omm_record *r)
{
    struct lines l = {text, 0, 0};
    struct span row, header[OMM_COLUMNS_MAX], cells[OMM_COLUMNS_MAX];
    if (!line_next(&l, &row))
        return parse_fail(r->error, ERR_INVALID, 1, 1, "the text is empty");
    int columns = csv_split(row, header);
    if (columns < 0)
        return parse_fail(r->error, ERR_INVALID, 1, 1,
                          "the header is malformed or has more than %d columns", OMM_COLUMNS_MAX);
    while (line_next(&l, &row)) {
        if (trimmed(row).size == 0)
            continue;
        int count = csv_split(row, cells);
        omm_record_begin(r, l.line);
        if (count != columns) {
            TRY(omm_record_wrong(r,
                                 parse_fail(r->error, ERR_INVALID, l.line, 1,
                                            "the row has %d cells, the header %d (-1: malformed)",
                                            count, columns)));
            continue;
        }
        for (int k = 0; k < count; k++)
            TRY(omm_record_set(r, header[k], cells[k], l.line,
                               (int)(cells[k].data - row.data) + 1));
        TRY(omm_record_end(r));
    }
    return ERR_OK;
}

enum omm_notation omm_notation_of(struct span text)
{
    size_t at = 0;
    text = text_without_mark(text);
    while (at < text.size && (text.data[at] == ' ' || text.data[at] == '\n' ||
                              text.data[at] == '\r' || text.data[at] == '\t'))
        at++;
    if (at == text.size)
        return OMM_KVN;
    if (text.data[at] == '<')
        return OMM_XML;
    if (text.data[at] == '[' || text.data[at] == '{')
        return OMM_JSON;
    struct lines l = {text, at, 0};
    struct span first;
    if (line_next(&l, &first) && memchr(first.data, ',', first.size) &&
        !memchr(first.data, '=', first.size))
        return OMM_CSV;
    return OMM_KVN;
}

err omm_read(struct span text, enum omm_notation notation, omm_sink *sink, void *context,
             struct parse_error *error)
{
    return omm_read_each(text, notation, sink, NULL, context, NULL, error);
}

err omm_read_each(struct span text, enum omm_notation notation, omm_sink *sink,
                  omm_problem *problem, void *context, int *line, struct parse_error *error)
{
    if (text.size > OMM_TEXT_MAX)
        return parse_fail(error, ERR_TOO_LARGE, 0, 0, "the text is larger than %d bytes",
                          OMM_TEXT_MAX);
    text = text_without_mark(text);
    if (text.size == 0)
        return parse_fail(error, ERR_INVALID, 1, 1, "the text is empty");
    if (text_is_utf16(text))
        return parse_fail(error, ERR_INVALID, 1, 1, "the text is UTF-16; save it as UTF-8");
    struct omm_record r = {
        .sink = sink, .context = context, .error = error, .problem = problem, .line_out = line};
    omm_record_begin(&r, 1);
    switch (notation == OMM_AUTO ? omm_notation_of(text) : notation) {
    case OMM_XML:
        return omm_read_xml(text, &r);
    case OMM_JSON:
        return omm_read_json(text, &r);
    case OMM_CSV:
        return read_csv(text, &r);
    case OMM_KVN:
    case OMM_AUTO:
        break;
    }
    return read_kvn(text, &r);
}
