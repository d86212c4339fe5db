/* oem_write.c - OEM as KVN and XML, from states in TEME. */
#include "orbit/oem.h"

static void time_text(tai_ns t, char out[40])
{
    time_utc_text(t, 9, out);
    for (char *c = out; *c; c++)
        if (*c == 'Z')
            *c = 0;
}

void oem_write_begin(struct text *out, enum oem_notation notation, tai_ns created)
{
    char time[40];
    time_utc_text(created, 0, time);
    if (notation == OEM_XML)
        text_printf(out,
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<oem id=\"CCSDS_OEM_VERS\" "
                    "version=\"2.0\">\n"
                    "<header><CREATION_DATE>%s</CREATION_DATE><ORIGINATOR>NOCT</ORIGINATOR></"
                    "header>\n<body>\n",
                    time);
    else
        text_printf(out, "CCSDS_OEM_VERS = 2.0\nCREATION_DATE = %s\nORIGINATOR = NOCT\n", time);
}

static void key_write(struct text *out, enum oem_notation notation, const char *key,
                      const char *value)
{
    if (notation == OEM_KVN) {
        text_printf(out, "%s = %s\n", key, value);
        return;
    }
    text_printf(out, "<%s>", key);
    text_add_xml(out, span_text(value));
    text_printf(out, "</%s>", key);
}

static void point_write(struct text *out, enum oem_notation notation, const struct oem_point *p)
{
    char time[40];
    time_text(p->t, time);
    const char *form =
        notation == OEM_KVN
            ? "%s %.9f %.9f %.9f %.12f %.12f %.12f\n"
            : "<stateVector><EPOCH>%s</EPOCH><X>%.9f</X><Y>%.9f</Y><Z>%.9f</Z><X_DOT>%.12f</X_DOT>"
              "<Y_DOT>%.12f</Y_DOT><Z_DOT>%.12f</Z_DOT></stateVector>\n";
    text_printf(out, form, time, p->r_km[0], p->r_km[1], p->r_km[2], p->v_km_s[0], p->v_km_s[1],
                p->v_km_s[2]);
}

void oem_write_object(struct text *out, enum oem_notation notation, const char *name,
                      const char *designator, const struct oem_point *points, size_t count)
{
    ASSERT(count >= 2);
    char start[40], stop[40];
    time_text(points[0].t, start);
    time_text(points[count - 1].t, stop);
    const char *const pairs[][2] = {
        {"OBJECT_NAME", name},        {"OBJECT_ID", designator[0] ? designator : "UNKNOWN"},
        {"CENTER_NAME", "EARTH"},     {"REF_FRAME", "TEME"},
        {"TIME_SYSTEM", "UTC"},       {"START_TIME", start},
        {"STOP_TIME", stop},          {"INTERPOLATION", "LAGRANGE"},
        {"INTERPOLATION_DEGREE", "9"}};
    text_add(out, notation == OEM_KVN ? "\nMETA_START\n" : "<segment><metadata>");
    for (size_t k = 0; k < COUNT_OF(pairs); k++)
        key_write(out, notation, pairs[k][0], pairs[k][1]);
    text_add(out, notation == OEM_KVN ? "META_STOP\n\n" : "</metadata><data>\n");
    for (size_t k = 0; k < count; k++)
        point_write(out, notation, &points[k]);
    if (notation == OEM_XML)
        text_add(out, "</data></segment>\n");
}

void oem_write_end(struct text *out, enum oem_notation notation)
{
    if (notation == OEM_XML)
        text_add(out, "</body>\n</oem>\n");
}
