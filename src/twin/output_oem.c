/* An Orbit Ephemeris Message per satellite: CCSDS 502.0-B-3, KVN, TEME, UTC, a state every minute. */
#include <sys/stat.h>

#include "twin/outputs.h"

enum { STEP_S = 60, STATES_MAX = 100000 };

static void oem_header(const struct output_context *c, FILE *f, const struct track_node *n, tai_ns end)
{
    char start_text[40], end_text[40];
    time_utc_text(c->track->epoch, 3, start_text);
    time_utc_text(end, 3, end_text);
    start_text[23] = end_text[23] = 0; /* CCSDS time codes carry no Z here */
    fprintf(f, "CCSDS_OEM_VERS = 2.0\nCREATION_DATE = %s\nORIGINATOR = NOCTILUCENT\n\n", start_text);
    fprintf(f, "META_START\nOBJECT_NAME = %s\nOBJECT_ID = %s\nCENTER_NAME = EARTH\nREF_FRAME = TEME\nTIME_SYSTEM = UTC\n", n->name, n->name);
    fprintf(f, "START_TIME = %s\nSTOP_TIME = %s\nINTERPOLATION = LAGRANGE\nINTERPOLATION_DEGREE = 7\nMETA_STOP\n\n", start_text, end_text);
}

static bool oem_one(struct output_context *c, const struct track_node *n)
{
    char name[64], when[40];
    struct state s;
    snprintf(name, sizeof name, "oem/%s.oem", n->name);
    for (char *p = name + 4; *p; p++)
        if (*p == '/')
            *p = '_';
    FILE *f = output_create(c, name);
    if (!f)
        return false;
    tai_ns epoch = c->track->epoch;
    int64_t count = MIN((c->track->last - epoch) / (STEP_S * NS_PER_S) + 1, (int64_t)STATES_MAX);
    oem_header(c, f, n, epoch + count * STEP_S * NS_PER_S);
    for (int64_t i = 0; i <= count; i++) {
        tai_ns t = epoch + i * STEP_S * NS_PER_S;
        if (sky_position(c->sky, n->id, t, &s) != ERR_OK)
            break;
        time_utc_text(t, 3, when);
        when[23] = 0;
        fprintf(f, "%s %.6f %.6f %.6f %.9f %.9f %.9f\n", when, s.r_teme_km[0], s.r_teme_km[1], s.r_teme_km[2], s.v_teme_km_s[0],
                s.v_teme_km_s[1], s.v_teme_km_s[2]);
    }
    return output_close(c, f, name);
}

bool output_oem(struct output_context *c)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/oem", c->folder);
    (void)mkdir(path, 0755); /* a real failure shows at the first file */
    for (size_t i = 0; i < c->track->node_count; i++)
        if (!c->track->nodes[i].gateway && !oem_one(c, &c->track->nodes[i]))
            return false;
    return true;
}
