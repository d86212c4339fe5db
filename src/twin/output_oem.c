/* An Orbit Ephemeris Message per satellite (docs/format/oem.md): a state every minute, written by orbit/oem.h. */
#include <stdlib.h>
#include <sys/stat.h>

#include "orbit/oem.h"
#include "twin/outputs.h"

enum { STEP_S = 60, STATES_MAX = 100000, TEXT_MOST = 64 << 20 };

static bool oem_one(struct output_context *c, const struct track_node *n)
{
    char name[64];
    struct state s;
    struct oem_point *points = malloc(STATES_MAX * sizeof *points);
    size_t count = 0;
    ASSERT(points != NULL);
    for (tai_ns t = c->track->epoch; count < STATES_MAX && t < c->track->last + STEP_S * NS_PER_S; t += STEP_S * NS_PER_S) {
        if (sky_position(c->sky, n->id, t, &s) != ERR_OK)
            break;
        struct oem_point *p = &points[count++];
        p->t = t;
        for (int i = 0; i < 3; i++) {
            p->r_km[i] = s.r_teme_km[i];
            p->v_km_s[i] = s.v_teme_km_s[i];
        }
    }
    struct text t = text_new(NULL, TEXT_MOST);
    snprintf(name, sizeof name, "oem/%s.oem", n->name);
    for (char *p = name + 4; *p; p++)
        if (*p == '/')
            *p = '_';
    FILE *f = count >= 2 ? output_create(c, name) : NULL;
    if (f) {
        oem_write_begin(&t, OEM_KVN, c->track->epoch);
        oem_write_object(&t, OEM_KVN, n->name, n->name, points, count);
        oem_write_end(&t, OEM_KVN);
        fputs(text_string(&t), f);
    }
    text_free(&t);
    free(points);
    return count < 2 || (f && output_close(c, f, name));
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
