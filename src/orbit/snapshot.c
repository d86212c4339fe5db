#include "orbit/snapshot.h"

#include <math.h>
#include <string.h>

#include "orbit/memory.h"
#include "orbit/sky_inner.h"
#include "orbit/visibility.h"

#define STATION_LOWEST_KM 6344.0 /* twelve kilometres below a pole */

static err tables_take(struct snapshot *s)
{
    size_t satellites = (size_t)s->satellite_count + 1, stations = (size_t)s->station_count + 1;
    s->satellites = memory_take(s->heap, satellites * sizeof *s->satellites);
    s->motions = memory_take(s->heap, satellites * sizeof *s->motions);
    s->known = memory_take(s->heap, satellites);
    s->ground_only = memory_take(s->heap, satellites);
    s->station_ecef = memory_take(s->heap, stations * sizeof *s->station_ecef);
    s->station_up = memory_take(s->heap, stations * sizeof *s->station_up);
    if (!s->satellites || !s->motions || !s->known || !s->ground_only || !s->station_ecef || !s->station_up)
        return ERR_NO_MEMORY;
    double edge = fmax(100.0, s->rules.mesh ? fmin(s->rules.isl_max_km, 3000.0) : 1200.0);
    TRY(cells_init(&s->cells, s->heap, s->satellite_count, edge));
    return paths_init(&s->paths, s->heap, s->satellite_count + s->station_count, 4 * satellites + 16 * stations);
}

static err fill(struct snapshot *s, const struct elements *satellites, const double (*ecef)[3], const double (*up)[3])
{
    TRY(tables_take(s));
    const struct trajectory by_elements = {.kind = TRAJECTORY_ELEMENTS};
    for (uint32_t k = 0; satellites && k < s->satellite_count; k++)
        TRY(ephemeris_init(&s->satellites[k], &satellites[k], &by_elements));
    if (s->station_count) {
        memcpy(s->station_ecef, ecef, s->station_count * sizeof *ecef);
        memcpy(s->station_up, up, s->station_count * sizeof *up);
    }
    return ERR_OK;
}

err snapshot_init(struct snapshot *s, struct heap *heap, const struct elements *satellites, uint32_t satellite_count,
                  const double (*station_ecef)[3], const double (*station_up)[3], uint32_t station_count,
                  const struct snapshot_rules *rules)
{
    *s = (struct snapshot){.heap = heap,
                           .rules = *rules,
                           .satellite_count = satellite_count,
                           .station_count = station_count,
                           .least_isl_km = HUGE_VAL};
    err result = fill(s, satellites, station_ecef, station_up);
    if (result != ERR_OK)
        snapshot_free(s);
    return result;
}

void snapshot_free(struct snapshot *s)
{
    void *const blocks[] = {s->satellites, s->motions, s->known, s->ground_only, s->station_ecef, s->station_up, s->links};
    for (size_t k = 0; k < COUNT_OF(blocks); k++)
        memory_give(s->heap, blocks[k]);
    cells_free(&s->cells);
    paths_free(&s->paths);
    *s = (struct snapshot){.heap = s->heap};
}

err snapshot_add_link(struct snapshot *s, uint32_t a, uint32_t b, bool cross_plane)
{
    if (a >= s->satellite_count || b >= s->satellite_count || a == b)
        return ERR_INVALID;
    if (s->link_count == s->link_capacity) {
        size_t capacity = s->link_capacity ? 2 * s->link_capacity : 256;
        struct snapshot_link *grown = memory_take(s->heap, capacity * sizeof *grown);
        if (!grown)
            return ERR_NO_MEMORY;
        if (s->link_count)
            memcpy(grown, s->links, s->link_count * sizeof *grown);
        memory_give(s->heap, s->links);
        s->links = grown;
        s->link_capacity = capacity;
    }
    s->links[s->link_count++] = (struct snapshot_link){a, b, cross_plane};
    return ERR_OK;
}

struct sky_numbers { /* the number of each site among the satellites or the stations */
    double (*ecef)[3], (*up)[3];
    uint32_t *number, satellites, stations;
};

static bool sky_numbers_take(struct sky_numbers *n, struct heap *heap, const struct sky *sky)
{
    size_t count = sky->site_count + 1;
    n->ecef = memory_take(heap, count * sizeof *n->ecef);
    n->up = memory_take(heap, count * sizeof *n->up);
    n->number = memory_take(heap, count * sizeof *n->number);
    if (!n->ecef || !n->up || !n->number)
        return false;
    for (size_t k = 0; k < sky->site_count; k++) {
        const struct sky_site *site = &sky->sites[k];
        if (site->site.kind == SITE_SATELLITE) {
            n->number[k] = n->satellites++;
            continue;
        }
        n->number[k] = n->stations;
        memcpy(n->ecef[n->stations], site->station.ecef, sizeof *n->ecef);
        memcpy(n->up[n->stations++], site->station.up, sizeof *n->up);
    }
    return true;
}

static err links_of_sky(struct snapshot *s, const struct sky *sky, const uint32_t *number)
{
    for (size_t k = 0; k < sky->site_count; k++)
        if (sky->sites[k].site.kind == SITE_SATELLITE) {
            s->satellites[number[k]] = sky->sites[k].ephemeris;
            s->ground_only[number[k]] = sky->sites[k].site.ground_only;
        }
    for (size_t k = 0; k < sky->pair_count && !s->rules.mesh; k++) {
        const struct sky_pair *p = &sky->pairs[k];
        if (p->kind == LINK_ISL)
            TRY(snapshot_add_link(s, number[p->site_a], number[p->site_b], p->cross_plane));
    }
    return ERR_OK;
}

err snapshot_of_sky(struct snapshot *s, struct heap *heap, const struct sky *sky)
{
    struct sky_numbers n = {0};
    const struct link_rules *r = &sky->rules;
    struct snapshot_rules rules = {.isl_max_km = r->range_max_km,
                                   .ground_max_km = r->ground_range_max_km > 0.0 ? r->ground_range_max_km : HUGE_VAL,
                                   .graze_min_km = r->graze_min_km,
                                   .sin_mask = sky->sin_mask,
                                   .sin_latitude_max = sky->sin_latitude_max,
                                   .mesh = r->topology == TOPOLOGY_MESH};
    err result = sky_numbers_take(&n, heap, sky) ? ERR_OK : ERR_NO_MEMORY;
    if (result == ERR_OK)
        result = snapshot_init(s, heap, NULL, n.satellites, (const double(*)[3])n.ecef, (const double(*)[3])n.up, n.stations,
                               &rules);
    if (result == ERR_OK) {
        result = links_of_sky(s, sky, n.number);
        if (result != ERR_OK)
            snapshot_free(s);
    }
    memory_give(heap, n.ecef);
    memory_give(heap, n.up);
    memory_give(heap, n.number);
    return result;
}

static const double *position(const void *context, uint32_t k)
{
    const struct snapshot *s = context;
    return s->known[k] ? s->motions[k].r : NULL;
}

struct joining { /* links found while the graph is made */
    struct snapshot *s;
    uint32_t from;
    err result;
};

static void join(struct joining *j, uint32_t a, uint32_t b, double km)
{
    err result = paths_link(&j->s->paths, a, b, km);
    if (j->result == ERR_OK)
        j->result = result;
}

static bool low_enough(const struct snapshot *s, const struct motion *m)
{
    double limit = s->rules.sin_latitude_max;
    return m->r[2] * m->r[2] < limit * limit * vector_dot(m->r, m->r);
}

static void join_satellites(struct joining *j, uint32_t a, uint32_t b, bool cross_plane)
{
    struct snapshot *s = j->s;
    if (!s->known[a] || !s->known[b])
        return;
    const struct motion *x = &s->motions[a], *y = &s->motions[b];
    double km = visibility_range_km(x->r, y->r);
    if (!(km < s->rules.isl_max_km))
        return;
    if (s->rules.graze_min_km >= 0.0 && !(visibility_graze_km(x->r, y->r) > s->rules.graze_min_km))
        return;
    if (cross_plane && s->rules.sin_latitude_max < 1.0 && (!low_enough(s, x) || !low_enough(s, y)))
        return;
    s->least_isl_km = fmin(s->least_isl_km, km);
    s->most_isl_km = fmax(s->most_isl_km, km);
    join(j, a, b, km);
}

static void mesh_found(void *context, uint32_t other)
{
    struct joining *j = context;
    if (other > j->from && !j->s->ground_only[other])
        join_satellites(j, j->from, other, false);
}

static void ground_found(void *context, uint32_t satellite)
{
    struct joining *j = context;
    struct snapshot *s = j->s;
    const double *ecef = s->station_ecef[j->from], *up = s->station_up[j->from], *r = s->motions[satellite].r;
    double d[3] = {r[0] - ecef[0], r[1] - ecef[1], r[2] - ecef[2]};
    double km = sqrt(vector_dot(d, d));
    if (km <= s->rules.ground_max_km && (s->rules.sin_mask <= -1.0 || vector_dot(d, up) > s->rules.sin_mask * km))
        join(j, snapshot_station(s, j->from), satellite, km);
}

/* How far a station may see: given, or to the highest satellite at the least elevation. */
static double ground_reach_km(const struct snapshot *s)
{
    double highest = 0.0, low = STATION_LOWEST_KM;
    for (uint32_t k = 0; k < s->satellite_count; k++)
        if (s->known[k])
            highest = fmax(highest, vector_dot(s->motions[k].r, s->motions[k].r));
    double sine = fmax(s->rules.sin_mask, -1.0) - 0.004; /* local up is not quite radial */
    double slant = -low * sine + sqrt(fmax(0.0, highest - low * low * (1.0 - sine * sine)));
    return fmin(s->rules.ground_max_km, slant);
}

static err graph_build(struct snapshot *s)
{
    struct joining j = {.s = s};
    paths_clear(&s->paths);
    for (size_t k = 0; k < s->link_count; k++)
        join_satellites(&j, s->links[k].a, s->links[k].b, s->links[k].cross_plane);
    cells_build(&s->cells, s->satellite_count, position, s);
    for (j.from = 0; s->rules.mesh && j.from < s->satellite_count && j.result == ERR_OK; j.from++)
        if (s->known[j.from] && !s->ground_only[j.from])
            cells_near(&s->cells, s->motions[j.from].r, s->rules.isl_max_km, j.from, mesh_found, &j);
    double reach = ground_reach_km(s);
    for (j.from = 0; j.from < s->station_count && j.result == ERR_OK; j.from++)
        cells_near(&s->cells, s->station_ecef[j.from], reach, 0, ground_found, &j);
    return j.result;
}

err snapshot_at(struct snapshot *s, tai_ns t)
{
    double gmst = frames_gmst(t);
    s->time = t;
    for (uint32_t k = 0; k < s->satellite_count; k++) {
        struct motion teme;
        s->known[k] = ephemeris_state(&s->satellites[k], t, 0.0, teme.r, teme.v);
        if (!s->known[k])
            continue;
        frames_teme_to_ecef(gmst, teme.r, s->motions[k].r);
        frames_velocity_to_ecef(gmst, teme.v, s->motions[k].r, s->motions[k].v);
    }
    err result;
    while ((result = graph_build(s)) == ERR_FULL) {
        size_t capacity = 2 * s->paths.link_capacity;
        uint32_t *order = s->paths.second_order;
        s->paths.second_order = NULL;
        paths_free(&s->paths);
        result = paths_init(&s->paths, s->heap, s->satellite_count + s->station_count, capacity);
        s->paths.second_order = order;
        TRY(result);
    }
    for (uint32_t k = 0; k < s->station_count; k++)
        paths_set_relay(&s->paths, snapshot_station(s, k), false);
    return result;
}
