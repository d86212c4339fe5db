/* omm_write.c - element sets as OMM in each notation, with all digits that reading needs. */
#include "base/text.h"
#include "orbit/omm.h"

#include <stdio.h>
#include <string.h>

enum { KEYS = 21, SHOWN = 64 };
static const char *const keys[KEYS] = {
    "OBJECT_NAME",  "OBJECT_ID",       "CENTER_NAME",
    "REF_FRAME",    "TIME_SYSTEM",     "MEAN_ELEMENT_THEORY",
    "EPOCH",        "MEAN_MOTION",     "ECCENTRICITY",
    "INCLINATION",  "RA_OF_ASC_NODE",  "ARG_OF_PERICENTER",
    "MEAN_ANOMALY", "EPHEMERIS_TYPE",  "CLASSIFICATION_TYPE",
    "NORAD_CAT_ID", "ELEMENT_SET_NO",  "REV_AT_EPOCH",
    "BSTAR",        "MEAN_MOTION_DOT", "MEAN_MOTION_DDOT",
};
static const bool is_number[KEYS] = {
    [7] = true,  [8] = true,  [9] = true,  [10] = true, [11] = true, [12] = true, [13] = true,
    [15] = true, [16] = true, [17] = true, [18] = true, [19] = true, [20] = true};

static void number_text(double value, char out[SHOWN])
{
    for (int digits = 9; digits <= 17; digits++) { /* the shortest that reads back */
        double back;
        snprintf(out, SHOWN, "%.*g", digits, value);
        if (parse_double(span_text(out), &back) == ERR_OK && back == value)
            return;
    }
}

static void values_of(const struct elements *e, char values[KEYS][SHOWN])
{
    const char *const fixed[] = {"EARTH", "TEME", "UTC", "SGP4"};
    const double numbers[] = {e->mean_motion_rev_day,     e->eccentricity,
                              e->inclination_deg,         e->raan_deg,
                              e->argument_of_perigee_deg, e->mean_anomaly_deg};
    const double drag[] = {e->bstar, e->mean_motion_dot, e->mean_motion_ddot};
    snprintf(values[0], SHOWN, "%s", e->name[0] ? e->name : "UNKNOWN");
    snprintf(values[1], SHOWN, "%s", e->designator);
    for (size_t k = 0; k < COUNT_OF(fixed); k++)
        snprintf(values[2 + k], SHOWN, "%s", fixed[k]);
    char epoch[40];
    time_utc_text(e->epoch, 9, epoch);
    snprintf(values[6], SHOWN, "%.*s", (int)strcspn(epoch, "Z"), epoch);
    for (size_t k = 0; k < COUNT_OF(numbers); k++)
        number_text(numbers[k], values[7 + k]);
    snprintf(values[13], SHOWN, "%u", e->ephemeris_type);
    snprintf(values[14], SHOWN, "%c", e->classification ? e->classification : 'U');
    snprintf(values[15], SHOWN, "%u", e->catalog);
    snprintf(values[16], SHOWN, "%u", e->element_set);
    snprintf(values[17], SHOWN, "%u", e->revolution);
    for (size_t k = 0; k < COUNT_OF(drag); k++)
        number_text(drag[k], values[18 + k]);
}

void omm_write_begin(struct text *out, enum omm_notation notation)
{
    if (notation == OMM_XML)
        text_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ndm>\n");
    else if (notation == OMM_JSON)
        text_add(out, "[");
    else if (notation == OMM_CSV)
        for (size_t k = 0; k < KEYS; k++)
            text_printf(out, "%s%s", keys[k], k + 1 < KEYS ? "," : "\n");
}

static void kvn_write(struct text *out, char values[KEYS][SHOWN], bool first)
{
    text_printf(out, "%sCCSDS_OMM_VERS = 2.0\n", first ? "" : "\n");
    for (size_t k = 0; k < KEYS; k++)
        if (values[k][0])
            text_printf(out, "%s = %s\n", keys[k], values[k]);
}

static void xml_write(struct text *out, char values[KEYS][SHOWN])
{
    text_add(out, "<omm id=\"CCSDS_OMM_VERS\" version=\"2.0\"><body><segment><metadata>\n");
    for (size_t k = 0; k < KEYS; k++) {
        if (k == 6)
            text_add(out, "</metadata><data><meanElements>\n");
        if (k == 13)
            text_add(out, "</meanElements><tleParameters>\n");
        if (!values[k][0])
            continue;
        text_printf(out, "<%s>", keys[k]);
        text_add_xml(out, span_text(values[k]));
        text_printf(out, "</%s>\n", keys[k]);
    }
    text_add(out, "</tleParameters></data></segment></body></omm>\n");
}

static void json_write(struct text *out, char values[KEYS][SHOWN], bool first)
{
    text_add(out, first ? "\n{" : ",\n{");
    for (size_t k = 0; k < KEYS; k++) {
        text_printf(out, "%s\"%s\":", k ? "," : "", keys[k]);
        if (is_number[k]) {
            text_add(out, values[k]);
            continue;
        }
        text_add_char(out, '"');
        for (const char *c = values[k]; *c; c++) { /* printable ASCII only gets here */
            if (*c == '"' || *c == '\\')
                text_add_char(out, '\\');
            text_add_char(out, *c);
        }
        text_add_char(out, '"');
    }
    text_add_char(out, '}');
}

/* Cells with a comma are quoted; a quote inside has no place in what we read, and becomes an
 * apostrophe. */
static void csv_write(struct text *out, char values[KEYS][SHOWN])
{
    for (size_t k = 0; k < KEYS; k++) {
        bool quoted = strpbrk(values[k], ",\"") != NULL;
        for (char *c = values[k]; *c; c++)
            if (*c == '"')
                *c = '\'';
        text_printf(out, quoted ? "\"%s\"%s" : "%s%s", values[k], k + 1 < KEYS ? "," : "\n");
    }
}

void omm_write_one(struct text *out, enum omm_notation notation, const struct elements *e,
                   bool first)
{
    char values[KEYS][SHOWN];
    values_of(e, values);
    switch (notation) {
    case OMM_XML:
        xml_write(out, values);
        return;
    case OMM_JSON:
        json_write(out, values, first);
        return;
    case OMM_CSV:
        csv_write(out, values);
        return;
    case OMM_KVN:
    case OMM_AUTO:
        break;
    }
    kvn_write(out, values, first);
}

void omm_write_end(struct text *out, enum omm_notation notation)
{
    if (notation == OMM_XML)
        text_add(out, "</ndm>\n");
    else if (notation == OMM_JSON)
        text_add(out, "\n]\n");
}
