/*
 * node/scenario_size.c - what a constellation's links will cost, before anybody makes their plan.
 *
 * Model:   in a mesh each satellite may link to every other in range with a clear ray. Some satellites, spread over the
 *          constellation, are asked at the epoch and a minute later whom they see: how many see each other, and how many
 *          come into view in a minute, scaled to all. Grids and strings have a few links per satellite.
 */
#include "node/scenario_parse.h"

#include <stdlib.h>

#include "orbit/visibility.h"

enum { SAMPLES_MOST = 48, PLAN_BYTES_PER_PAIR = 320, LATER_S = 60 };

struct places {
    size_t count;
    double (*r_km)[3]; /* at the epoch, then a minute later: 2 * count */
    bool *known;
};

static bool places_find(const struct scenario *s, struct places *p)
{
    struct sky sky;
    size_t n = s->satellite_count;
    *p = (struct places){.count = n, .r_km = calloc(2 * n, sizeof *p->r_km), .known = calloc(2 * n, sizeof *p->known)};
    if (!p->r_km || !p->known || sky_init(&sky, NULL, s->sites, n, &s->links, s->epoch) != ERR_OK)
        return false;
    for (size_t k = 0; k < 2 * n; k++)
        p->known[k] = !s->sites[k % n].ground_only &&
                      sky_place(&sky, s->sites[k % n].node, s->epoch + (tai_ns)(k / n) * LATER_S * NS_PER_S, p->r_km[k]);
    sky_free(&sky);
    return true;
}

static bool in_reach(const struct scenario *s, const struct places *p, size_t a, size_t b)
{
    return p->known[a] && p->known[b] && visibility_range_km(p->r_km[a], p->r_km[b]) <= s->links.range_max_km &&
           visibility_graze_km(p->r_km[a], p->r_km[b]) >= s->links.graze_min_km;
}

static void mesh_sample(const struct scenario *s, const struct places *p, struct scenario_size *out)
{
    size_t n = p->count, step = MAX(n / SAMPLES_MOST, (size_t)1), samples = 0;
    uint64_t standing = 0, begun = 0;
    for (size_t a = 0; a < n; a += step, samples++)
        for (size_t b = 0; b < n; b++) {
            bool now = a != b && in_reach(s, p, a, b), later = a != b && in_reach(s, p, n + a, n + b);
            standing += now;
            begun += later && !now;
        }
    double scale = (double)n / (2.0 * (double)samples);
    out->links = (double)standing * scale;
    out->contacts_per_hour = (double)begun * scale * 3600.0 / LATER_S;
}

struct scenario_size scenario_size(const struct scenario *s)
{
    struct places places = {0};
    size_t n = s->satellite_count;
    double ground = (double)n * (double)(s->site_count - n);
    bool list = s->links.topology == TOPOLOGY_LIST;
    struct scenario_size size = {.links = list ? (double)s->list.count : (s->links.topology == TOPOLOGY_GRID ? 2.0 : 1.0) * (double)n};
    if (s->links.plan)
        size.links = (double)s->links.plan->count;
    else if (s->links.topology == TOPOLOGY_MESH && places_find(s, &places))
        mesh_sample(s, &places, &size);
    free(places.r_km);
    free(places.known);
    double met = MIN(size.links + 3.0 * size.contacts_per_hour, (double)n * (double)n / 2.0); /* two hours ahead, one behind */
    size.plan_bytes = (uint64_t)((met + ground) * PLAN_BYTES_PER_PAIR);
    return size;
}

err scenario_check_size(struct scenario_reader *p, const yaml_node_t *top)
{
    const struct scenario *s = p->scenario;
    const yaml_node_t *links = yaml_child(&p->yaml, top, "links");
    size_t far = 0;
    if (s->links.topology != TOPOLOGY_MESH || s->links.plan || s->satellite_count <= SKY_MESH_DENSE_MAX)
        return ERR_OK;
    for (size_t k = 0; k < s->satellite_count; k++)
        far += s->sites[k].trajectory.body != BODY_EARTH;
    if (far * s->satellite_count > SCENARIO_FAR_PAIRS_MAX)
        return yaml_fail(&p->yaml, links ? links : top,
                         "a mesh of %zu satellites, %zu of them not at the Earth, has too many pairs to watch (at most %u): use topology grid",
                         s->satellite_count, far, SCENARIO_FAR_PAIRS_MAX);
    struct scenario_size size = scenario_size(s);
    if (size.links <= SCENARIO_LINKS_MAX && size.contacts_per_hour <= SCENARIO_CONTACTS_PER_HOUR_MAX)
        return ERR_OK;
    return yaml_fail(&p->yaml, links ? links : top,
                     "in this mesh %.1f million links would stand at a time and %.1f million begin an hour (at most %u and %u): lower "
                     "`range_max_km` (%g now), or use topology grid",
                     size.links / 1e6, size.contacts_per_hour / 1e6, SCENARIO_LINKS_MAX / 1000000, SCENARIO_CONTACTS_PER_HOUR_MAX / 1000000,
                     s->links.range_max_km);
}
