/*
 * sky_mesh.c - contact plans of all pairs among thousands of satellites.
 *
 * Who can meet within a cell of time is found by a spatial index on the places in the cell's middle, with a radius that covers
 * the longest link and what the fastest pair can close within half a cell. Each pair found is then bounded by straight
 * flight around the middle, less what gravity can bend: most are surely apart or surely linked all along; the others go
 * through the same root finding as in small skies, so that both give the same contacts. Pairs exist from their first contact
 * on, sorted among the others.
 */
#include "orbit/sky_inner.h"

#include <math.h>
#include <string.h>

#include "orbit/cells.h"

/* What cubic interpolation of half a minute of an orbit may be wrong by, many times over (2 cm at 550 km). */
#define MIDDLE_SLACK_KM 0.1

enum presence { ABSENT, ODD, PRESENT }; /* no position; one at one end only (decay within the cell); at both */

struct middle {
    enum presence presence;
    double r[3], v[3];
    double acceleration, radius_least; /* over the whole cell */
};

struct mesh {
    struct sky *sky;
    const struct cell *cell;
    double half_s;
    struct middle *middles; /* by site */
    struct cells cells;
    uint32_t *found; /* candidates of one site */
    size_t found_count, odd_count;
    uint32_t a;
    double radius_km;
};

bool sky_pair_is_sparse(const struct sky *sky, uint32_t site_a, uint32_t site_b)
{
    const struct site *a = &sky->sites[site_a].site, *b = &sky->sites[site_b].site;
    return sky->sparse && site_a != site_b && a->kind == SITE_SATELLITE && b->kind == SITE_SATELLITE &&
           !a->ground_only && !b->ground_only && a->trajectory.body == BODY_EARTH && b->trajectory.body == BODY_EARTH;
}

size_t sky_pair_place(const struct sky *sky, uint32_t site_a, uint32_t site_b)
{
    uint64_t key = (uint64_t)site_a << 32 | site_b;
    size_t low = 0, high = sky->pair_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct sky_pair *p = &sky->pairs[middle];
        if (((uint64_t)p->site_a << 32 | p->site_b) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- the middle of a cell ---- */

static void middle_of(const struct sky_site *s, const struct sky_motion *l, const struct sky_motion *r, double length_s,
                      struct middle *out)
{
    *out = (struct middle){.presence = l->known && r->known ? PRESENT : l->known || r->known ? ODD : ABSENT};
    if (out->presence != PRESENT)
        return;
    for (int k = 0; k < 3; k++) { /* the cubic through both ends and their slopes */
        out->r[k] = 0.5 * (l->teme.r[k] + r->teme.r[k]) + 0.125 * length_s * (l->teme.v[k] - r->teme.v[k]);
        out->v[k] = 1.5 * (r->teme.r[k] - l->teme.r[k]) / length_s - 0.25 * (l->teme.v[k] + r->teme.v[k]);
    }
    double half = 0.5 * length_s, radius = vector_length(out->r);
    out->acceleration = sky_site_acceleration(s);
    double climb = radius > 0.0 ? fabs(vector_dot(out->r, out->v)) / radius : 0.0;
    out->radius_least = radius - climb * half - 0.5 * out->acceleration * half * half - MIDDLE_SLACK_KM;
}

static const double *middle_place(const void *context, uint32_t site)
{
    const struct middle *m = &((const struct mesh *)context)->middles[site];
    return m->presence == PRESENT ? m->r : NULL;
}

static err mesh_prepare(struct mesh *m)
{
    struct sky *sky = m->sky;
    m->middles = sky_alloc(sky, (sky->site_count + 1) * sizeof *m->middles);
    m->found = sky_alloc(sky, (sky->site_count + 1) * sizeof *m->found);
    if (!m->middles || !m->found)
        return ERR_NO_MEMORY;
    double fastest = 0.0, bend = 0.0;
    for (uint32_t k = 0; k < sky->site_count; k++) {
        const struct sky_site *s = &sky->sites[k];
        if (s->site.kind != SITE_SATELLITE || s->site.ground_only || s->site.trajectory.body != BODY_EARTH)
            continue;
        struct middle *one = &m->middles[k];
        middle_of(s, &m->cell->left[k], &m->cell->right[k], m->cell->length_s, one);
        m->odd_count += one->presence == ODD;
        if (one->presence != PRESENT)
            continue;
        fastest = fmax(fastest, vector_length(one->v));
        bend = fmax(bend, one->acceleration);
    }
    m->radius_km = sky->rules.range_max_km + 2.0 * (fastest * m->half_s + 0.5 * bend * m->half_s * m->half_s) + MIDDLE_SLACK_KM;
    TRY(cells_init(&m->cells, sky->heap, sky->site_count, fmax(50.0, fmin(0.5 * m->radius_km, 2000.0))));
    cells_build(&m->cells, sky->site_count, middle_place, m);
    return ERR_OK;
}

static void mesh_release(struct mesh *m)
{
    cells_free(&m->cells);
    sky_release(m->sky, m->middles);
    sky_release(m->sky, m->found);
}

/* ---- one pair ---- */

enum fate { APART, LINKED, UNSURE };

static double straight_distance(const double d[3], const double v[3], double t)
{
    double p[3];
    for (int k = 0; k < 3; k++)
        p[k] = d[k] + t * v[k];
    return vector_length(p);
}

/* Whether the pair is out of range, or linked, at every instant of the cell. */
static enum fate fate_of(const struct mesh *m, const struct middle *a, const struct middle *b)
{
    const struct link_rules *rules = &m->sky->rules;
    if (a->presence != PRESENT || b->presence != PRESENT)
        return UNSURE;
    double d[3], v[3], h = m->half_s;
    for (int k = 0; k < 3; k++) {
        d[k] = b->r[k] - a->r[k];
        v[k] = b->v[k] - a->v[k];
    }
    double v2 = vector_dot(v, v), slack = 0.5 * (a->acceleration + b->acceleration) * h * h + 2.0 * MIDDLE_SLACK_KM;
    double t = v2 > 0.0 ? fmax(-h, fmin(h, -vector_dot(d, v) / v2)) : 0.0;
    if (straight_distance(d, v, t) - slack > rules->range_max_km)
        return APART;
    double most = fmax(straight_distance(d, v, -h), straight_distance(d, v, h)) + slack;
    if (most >= rules->range_max_km || sky_terminals_limit(m->sky))
        return UNSURE;
    /* A chord of length D between points no lower than r comes no closer to the centre than sqrt(r^2 - D^2/4). */
    double r = fmin(a->radius_least, b->radius_least), low = r * r - 0.25 * most * most;
    return r > 0.0 && low > 0.0 && sqrt(low) - WGS84_RADIUS_KM > rules->graze_min_km ? LINKED : UNSURE;
}

static err fresh_add(struct sky *sky, const struct sky_pair *p)
{
    if (sky->fresh_count == sky->fresh_capacity) {
        size_t capacity = sky->fresh_capacity ? 2 * sky->fresh_capacity : 256;
        struct sky_pair *grown = sky_alloc(sky, capacity * sizeof *grown);
        if (!grown)
            return ERR_NO_MEMORY;
        if (sky->fresh_count)
            memcpy(grown, sky->fresh, sky->fresh_count * sizeof *grown);
        sky_release(sky, sky->fresh);
        sky->fresh = grown;
        sky->fresh_capacity = capacity;
    }
    sky->fresh[sky->fresh_count++] = *p;
    return ERR_OK;
}

static err pair_do(struct mesh *m, struct sky_pair *p, enum fate fate)
{
    return fate == LINKED ? sky_pair_stand(m->sky, p, m->cell) : sky_pair_sweep(m->sky, p, m->cell);
}

/* `at`: where the pair is among all, or would be. */
static err pair_visit(struct mesh *m, size_t at, uint32_t b)
{
    struct sky *sky = m->sky;
    enum fate fate = fate_of(m, &m->middles[m->a], &m->middles[b]);
    if (fate == APART)
        return ERR_OK;
    if (at < sky->pair_count && sky->pairs[at].site_a == m->a && sky->pairs[at].site_b == b)
        return pair_do(m, &sky->pairs[at], fate);
    struct sky_pair p = {.site_a = m->a, .site_b = b, .kind = LINK_ISL};
    err result = pair_do(m, &p, fate);
    if (result == ERR_OK && p.count > 0)
        result = fresh_add(sky, &p);
    if (result != ERR_OK || p.count == 0)
        sky_release(sky, p.contacts);
    return result;
}

/* ---- all pairs of one site ---- */

static void candidate_found(void *context, uint32_t b)
{
    struct mesh *m = context;
    if (b > m->a)
        m->found[m->found_count++] = b;
}

/* Shell sort; numbers differ. */
static void numbers_sort(uint32_t *numbers, size_t count)
{
    for (size_t gap = count > 16 ? 13 : 1; gap > 0; gap = gap == 13 ? 4 : gap == 4 ? 1 : 0)
        for (size_t k = gap; k < count; k++) {
            uint32_t value = numbers[k];
            size_t i = k;
            for (; i >= gap && numbers[i - gap] > value; i -= gap)
                numbers[i] = numbers[i - gap];
            numbers[i] = value;
        }
}

/* Candidates with higher numbers, ascending. */
static void candidates_find(struct mesh *m, uint32_t a)
{
    const struct sky *sky = m->sky;
    m->a = a;
    m->found_count = 0;
    if (m->middles[a].presence == PRESENT)
        cells_near(&m->cells, m->middles[a].r, m->radius_km, a + 1, candidate_found, m);
    else
        for (uint32_t b = a + 1; b < sky->site_count; b++)
            if (m->middles[b].presence != ABSENT)
                m->found[m->found_count++] = b;
    for (uint32_t b = a + 1; m->odd_count && m->middles[a].presence == PRESENT && b < sky->site_count; b++)
        if (m->middles[b].presence == ODD)
            m->found[m->found_count++] = b;
    numbers_sort(m->found, m->found_count);
}

static err site_sweep(struct mesh *m, uint32_t a)
{
    struct sky *sky = m->sky;
    if (m->middles[a].presence == ABSENT)
        return ERR_OK;
    candidates_find(m, a);
    size_t at = sky_pair_place(sky, a, 0);
    for (size_t k = 0; k < m->found_count; k++) {
        uint32_t b = m->found[k];
        uint64_t key = (uint64_t)a << 32 | b;
        while (at < sky->pair_count && ((uint64_t)sky->pairs[at].site_a << 32 | sky->pairs[at].site_b) < key)
            at++;
        if (key < sky->swept_key)
            continue;
        TRY(pair_visit(m, at, b));
        sky->swept_key = key + 1;
    }
    return ERR_OK;
}

/* ---- the table of pairs ---- */

/* Puts the cell's new pairs (which are in order) among the others, from behind. */
static err fresh_merge(struct sky *sky)
{
    if (sky->fresh_count == 0)
        return ERR_OK;
    size_t total = sky->pair_count + sky->fresh_count;
    if (total > sky->pair_capacity) {
        size_t capacity = total + total / 4;
        struct sky_pair *grown = sky_alloc(sky, capacity * sizeof *grown);
        if (!grown)
            return ERR_NO_MEMORY;
        memcpy(grown, sky->pairs, sky->pair_count * sizeof *grown);
        sky_release(sky, sky->pairs);
        sky->pairs = grown;
        sky->pair_capacity = capacity;
    }
    size_t old = sky->pair_count, fresh = sky->fresh_count;
    for (size_t to = total; fresh > 0; to--) {
        const struct sky_pair *f = &sky->fresh[fresh - 1], *o = old > 0 ? &sky->pairs[old - 1] : NULL;
        bool take_old = o && (o->site_a != f->site_a ? o->site_a > f->site_a : o->site_b > f->site_b);
        sky->pairs[to - 1] = take_old ? *o : *f;
        old -= take_old;
        fresh -= !take_old;
    }
    sky->pair_count = total;
    sky->fresh_count = 0;
    sky->generation++;
    sky_release(sky, sky->peer_pairs); /* made anew when the extension is over */
    sky_release(sky, sky->peer_nodes);
    sky->peer_pairs = sky->peer_nodes = NULL;
    for (size_t k = 0; k < sky->site_count; k++)
        sky->sites[k].peer_count = 0;
    return ERR_OK;
}

err sky_mesh_sweep(struct sky *sky, const struct cell *c)
{
    struct mesh m = {.sky = sky, .cell = c, .half_s = 0.5 * c->length_s};
    err result = mesh_prepare(&m);
    for (uint32_t a = (uint32_t)(sky->swept_key >> 32); a < sky->site_count && result == ERR_OK; a++)
        result = site_sweep(&m, a);
    mesh_release(&m);
    if (result == ERR_OK)
        result = fresh_merge(sky);
    if (result == ERR_OK)
        sky->swept_key = 0;
    else if (sky->swept_key == 0)
        sky->swept_key = 1; /* the cell has begun */
    return result;
}

void sky_mesh_shrink(struct sky *sky)
{
    size_t kept = 0;
    if (sky->swept_pairs || sky->swept_key) /* memory ran out within a cell: places are remembered */
        return;
    for (size_t k = 0; k < sky->pair_count; k++) {
        struct sky_pair *p = &sky->pairs[k];
        if (p->kind == LINK_ISL && p->count == 0 && sky_pair_is_sparse(sky, p->site_a, p->site_b))
            sky_release(sky, p->contacts);
        else
            sky->pairs[kept++] = *p;
    }
    if (kept == sky->pair_count)
        return;
    sky->pair_count = kept;
    if (sky_peers_build(sky) != ERR_OK) /* the next extension tries again */
        for (size_t k = 0; k < sky->site_count; k++)
            sky->sites[k].peer_count = 0;
}
