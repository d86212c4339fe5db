/* sky_plan.c - the contact plan: sweeps cells of absolute time over all candidate pairs. */
#include "orbit/sky_inner.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

#define CELL_NS (30 * NS_PER_S)
#define SLICE_NS (2 * CELL_NS)
/* Edges are rounded inwards to milliseconds; the roots' own tolerance must not turn that outwards.
 */
#define EDGE_GUARD_S 2e-7
#define FIBRE_INDEX 1.468

err sky_contact_add(struct sky *sky, struct sky_pair *p, const struct contact *c)
{
    if (p->count == p->capacity) {
        if (p->capacity >= SKY_CONTACTS_MAX)
            return ERR_FULL;
        uint32_t capacity = p->capacity ? p->capacity * 2 : 4;
        struct contact *grown = sky_alloc(sky, capacity * sizeof *grown);
        if (!grown)
            return ERR_NO_MEMORY;
        if (p->count)
            memcpy(grown, p->contacts, p->count * sizeof *grown);
        sky_release(sky, p->contacts);
        p->contacts = grown;
        p->capacity = capacity;
    }
    p->contacts[p->count++] = *c;
    return ERR_OK;
}

static err contact_open(struct sky *sky, struct sky_pair *p, tai_ns start)
{
    uint32_t a = sky->sites[p->site_a].site.node, b = sky->sites[p->site_b].site.node;
    const struct contact c = {
        .a = a, .b = b, .start = start, .end = start, .rate_bps = sky_rate_bps(sky, a, b), .kind = p->kind};
    TRY(sky_contact_add(sky, p, &c));
    p->open = true;
    p->delay_samples = 0;
    p->delay_sum_us = p->range_most_km = 0.0;
    return ERR_OK;
}

static void delay_add(struct sky_pair *p, double range_km)
{
    if (range_km < 0.0)
        return;
    p->range_most_km = fmax(p->range_most_km, range_km);
    double index = p->kind == LINK_FIBRE ? FIBRE_INDEX : 1.0;
    p->delay_sum_us += range_km * index / LIGHT_KM_S * 1e6;
    p->delay_samples++;
}

static void delay_write(struct sky_pair *p, struct contact *c)
{
    c->delay_us_mean = p->delay_samples ? (uint32_t)llround(p->delay_sum_us / p->delay_samples) : 0;
}

struct pair_context {
    const struct sky *sky;
    const struct sky_pair *pair;
    tai_ns base;
    size_t margin;
};

/* Links between satellites of the Earth need no Earth-fixed coordinates. */
static struct sky_motion motion_for(const struct sky *sky, const struct sky_pair *p, uint32_t site, tai_ns base, double t_s)
{
    const struct sky_site *s = &sky->sites[site];
    if (p->kind != LINK_ISL || sky_pair_is_far(sky, p))
        return sky_motion_of(s, base, t_s);
    struct sky_motion m = {.at = base + (tai_ns)llround(t_s * 1e9)};
    m.known = ephemeris_state(&s->ephemeris, base, t_s, m.teme.r, m.teme.v);
    return m;
}

static struct sample margin_signal(const void *context, double t_s)
{
    const struct pair_context *c = context;
    struct sky_motion a = motion_for(c->sky, c->pair, c->pair->site_a, c->base, t_s);
    struct sky_motion b = motion_for(c->sky, c->pair, c->pair->site_b, c->base, t_s);
    struct margin margins[SKY_MARGINS_MAX];
    size_t count = sky_margins(c->sky, c->pair, &a, &b, margins);
    if (c->margin >= count) /* a satellite without position has one margin only: never up */
        return (struct sample){t_s, -1.0, 0.0};
    return (struct sample){t_s, margins[c->margin].value, margins[c->margin].slope};
}

/* All margins' changes within a cell, in order of time. */
struct edge {
    double t_s;
    uint8_t margin;
};

static size_t edges_insert(struct edge *edges, size_t count, struct edge e)
{
    size_t k = count;
    for (; k > 0 && edges[k - 1].t_s > e.t_s; k--)
        edges[k] = edges[k - 1];
    edges[k] = e;
    return count + 1;
}

static double range_at(const struct sky *sky, const struct sky_pair *p, tai_ns t)
{
    struct sky_motion a = sky_motion_of(&sky->sites[p->site_a], t, 0.0);
    struct sky_motion b = sky_motion_of(&sky->sites[p->site_b], t, 0.0);
    return sky_pair_range_km(sky, p, &a, &b);
}

static uint64_t metres(double range_km)
{
    return (uint64_t)(fmax(range_km, 0.0) * 1000.0);
}

/* What crosses in a contact is the mean rate times its length: to the ground rates differ a lot between horizon and zenith. */
static uint64_t rate_mean(const struct sky *sky, const struct sky_pair *p, const struct contact *c, const struct rate_ladder *l,
                          uint64_t most_bps)
{
    enum { PARTS = 16 };
    uint64_t sum = 0;
    for (int k = 0; k < PARTS; k++)
        sum += rate_ladder_at(l, metres(range_at(sky, p, c->start + (c->end - c->start) / (2 * PARTS) * (2 * k + 1))), most_bps) / PARTS;
    return MAX(sum, (uint64_t)1);
}

/* What the terminals make of a contact whose edges are known. */
static void forecast_write(const struct sky *sky, struct sky_pair *p, struct contact *c)
{
    const struct sky_terminals *t = sky->rules.terminals;
    struct rate_ladder ladder = {0};
    if (!t || p->kind == LINK_FIBRE)
        return;
    uint64_t most_bps = p->kind == LINK_ISL ? sky->rules.isl_rate_bps : sky->rules.ground_rate_bps;
    if (t->ladder)
        t->ladder(t->context, c->a, c->b, p->kind, &ladder);
    if (ladder.count > 0 && p->kind == LINK_ISL) {
        p->range_most_km = fmax(p->range_most_km, fmax(range_at(sky, p, c->start), range_at(sky, p, c->end)));
        c->rate_bps = rate_ladder_at(&ladder, metres(p->range_most_km), most_bps);
    } else if (ladder.count > 0) {
        c->rate_bps = rate_mean(sky, p, c, &ladder, most_bps);
    }
    if (t->doubt)
        c->doubt_permille = MIN(t->doubt(t->context, sky, c), (uint16_t)1000);
}

static tai_ns edge_time(const struct cell *c, double t_s, bool rising)
{
    double guarded = t_s + (rising ? EDGE_GUARD_S : -EDGE_GUARD_S);
    tai_ns ns = c->base + (tai_ns)llround(guarded * 1e9);
    tai_ns down = ns - ns % NS_PER_MS;
    tai_ns edge = rising && down < ns ? down + NS_PER_MS : down;
    return MIN(edge, c->base + (tai_ns)llround(c->length_s * 1e9));
}

static void contact_close(const struct sky *sky, struct sky_pair *p, tai_ns end)
{
    struct contact *c = &p->contacts[p->count - 1];
    p->open = false;
    if (end <= c->start) { /* shorter than the rounding: no contact */
        p->count--;
        return;
    }
    c->end = end;
    if (p->delay_samples == 0)
        delay_add(p, range_at(sky, p, c->start + (end - c->start) / 2));
    delay_write(p, c);
    forecast_write(sky, p, c);
}

/* Changes of one margin in a cell; those of terminals are looked for part by part. */
static size_t margin_edges(const struct pair_context *context, double length_s, size_t parts, struct margin left, struct margin right,
                           struct edge edges[], size_t count)
{
    struct sample from = {0.0, left.value, left.slope}, until = {length_s, right.value, right.slope};
    for (size_t part = 1; part <= parts; part++) {
        double roots[WINDOWS_ROOTS_PER_CELL];
        struct sample next = part == parts ? until : margin_signal(context, length_s * (double)part / (double)parts);
        size_t found = windows_cell_roots(margin_signal, context, from, next, roots);
        for (size_t i = 0; i < found; i++)
            count = edges_insert(edges, count, (struct edge){roots[i], (uint8_t)context->margin});
        from = next;
    }
    return count;
}

enum { TERMINAL_MARGINS = 6, EDGES_MAX = WINDOWS_ROOTS_PER_CELL * (SKY_MARGINS_MAX + TERMINAL_MARGINS * SKY_PARTS_MAX) };

/* Whether a margin of one sign at both ends of the cell cannot have another between them. */
static bool keeps_sign(const struct pair_context *x, const struct cell *c, struct margin left, struct margin right)
{
    const struct sky_pair *p = x->pair;
    if ((left.value > 0.0) != (right.value > 0.0))
        return false;
    double after = sky_margin_rest_s(x->sky, p, x->margin, &c->left[p->site_a], &c->left[p->site_b], left);
    double before = sky_margin_rest_s(x->sky, p, x->margin, &c->right[p->site_a], &c->right[p->site_b], right);
    return after + before > c->length_s;
}

/* Until when a pair without edges in this cell stays as it is: all margins must keep up, or one that is down be down. */
static tai_ns rest_until(const struct sky *sky, const struct sky_pair *p, const struct cell *c, bool standing,
                         const struct margin right[], size_t margins)
{
    double up_s = margins ? HUGE_VAL : 0.0, down_s = 0.0;
    for (size_t k = 0; k < margins; k++) {
        double rest = sky_margin_rest_s(sky, p, k, &c->right[p->site_a], &c->right[p->site_b], right[k]);
        up_s = fmin(up_s, rest);
        down_s = right[k].value > 0.0 ? down_s : fmax(down_s, rest);
    }
    return c->base + (tai_ns)((c->length_s + (standing ? up_s : down_s)) * 1e9);
}

/* Finds the changes of each margin; returns the number of edges, or says that the pair is down all
 * along. Leaves the margins at the right end. */
static size_t cell_edges(const struct sky *sky, const struct sky_pair *p, const struct cell *c,
                         bool up[], size_t *margins, struct edge edges[], struct margin right[])
{
    struct margin left[SKY_MARGINS_MAX];
    size_t count_left = sky_margins(sky, p, &c->left[p->site_a], &c->left[p->site_b], left);
    size_t count_right = sky_margins(sky, p, &c->right[p->site_a], &c->right[p->site_b], right);
    size_t terminals_at = p->cross_plane ? 4 : 2, edge_count = 0;
    *margins = MAX(count_left, count_right);
    for (size_t k = count_right; k < *margins; k++)
        right[k] = (struct margin){-1.0, 0.0};
    for (size_t k = 0; k < *margins; k++) {
        struct margin none = {-1.0, 0.0};
        struct margin l = k < count_left ? left[k] : none, r = right[k];
        struct pair_context context = {sky, p, c->base, k};
        bool of_terminals = p->kind == LINK_ISL && k >= terminals_at && sky_terminals_limit(sky);
        size_t parts = of_terminals ? sky_terminal_parts(&c->left[p->site_a], &c->left[p->site_b], c->length_s) : 1;
        size_t before = edge_count;
        up[k] = l.value > 0.0;
        if (!keeps_sign(&context, c, l, r))
            edge_count = margin_edges(&context, c->length_s, parts, l, r, edges, edge_count);
        if (edge_count == before && !up[k]) /* this margin keeps the link down; the others do not matter */
            return 0;
    }
    return edge_count;
}

static bool all_up(const bool up[], size_t margins)
{
    for (size_t k = 0; k < margins; k++)
        if (!up[k])
            return false;
    return true;
}

static err pair_sweep(struct sky *sky, struct sky_pair *p, const struct cell *c)
{
    bool up[SKY_MARGINS_MAX] = {false};
    struct edge edges[EDGES_MAX];
    struct margin right[SKY_MARGINS_MAX];
    size_t margins;
    size_t count = cell_edges(sky, p, c, up, &margins, edges, right);
    bool standing = all_up(up, margins);
    if (standing && !p->open) { /* at the plan's start, or exactly on a cell's edge */
        TRY(contact_open(sky, p, c->base));
    } else if (!standing && p->open) {
        contact_close(sky, p, c->base);
    }
    if (standing)
        delay_add(p, sky_pair_range_km(sky, p, &c->left[p->site_a], &c->left[p->site_b]));
    for (size_t k = 0; k < count; k++) {
        up[edges[k].margin] = !up[edges[k].margin];
        bool now = all_up(up, margins);
        if (now && !p->open)
            TRY(contact_open(sky, p, edge_time(c, edges[k].t_s, true)));
        else if (!now && p->open)
            contact_close(sky, p, edge_time(c, edges[k].t_s, false));
    }
    if (count == 0)
        p->rest_until = rest_until(sky, p, c, standing, right, margins);
    return ERR_OK;
}

/* Either the whole cell or, when memory runs out, nothing of it. */
err sky_pair_sweep(struct sky *sky, struct sky_pair *p, const struct cell *c)
{
    const struct sky_pair before = *p;
    struct contact last = {0};
    if (p->count > 0)
        last = p->contacts[p->count - 1];
    err result = pair_sweep(sky, p, c);
    if (result == ERR_OK)
        return ERR_OK;
    p->open = before.open;
    p->count = before.count;
    p->delay_samples = before.delay_samples;
    p->delay_sum_us = before.delay_sum_us;
    p->range_most_km = before.range_most_km;
    if (p->count > 0)
        p->contacts[p->count - 1] = last;
    return result;
}

err sky_pair_stand(struct sky *sky, struct sky_pair *p, const struct cell *c)
{
    if (!p->open)
        TRY(contact_open(sky, p, c->base));
    delay_add(p, sky_pair_range_km(sky, p, &c->left[p->site_a], &c->left[p->site_b]));
    return ERR_OK;
}

static void motions_fill(const struct sky *sky, tai_ns t, struct sky_motion *out)
{
    for (size_t k = 0; k < sky->site_count; k++)
        out[k] = sky_motion_of(&sky->sites[k], t, 0.0);
}

static void open_contacts_extend(struct sky *sky)
{
    for (size_t k = 0; k < sky->pair_count; k++) {
        struct sky_pair *p = &sky->pairs[k];
        if (!p->open || p->kind == LINK_FIBRE)
            continue;
        struct contact *c = &p->contacts[p->count - 1];
        c->end = MAX(sky->plan_end, c->start);
        if (p->delay_samples == 0)
            c->delay_us_mean =
                (uint32_t)llround(fmax(0.0, range_at(sky, p, c->end)) / LIGHT_KM_S * 1e6);
        else
            delay_write(p, c);
        forecast_write(sky, p, c);
    }
}

/* Fibre stands for ever; pairs of a large mesh are swept on their own. */
static bool is_standing_or_sparse(const struct sky *sky, const struct sky_pair *p)
{
    return p->kind == LINK_FIBRE || (p->kind == LINK_ISL && sky_pair_is_sparse(sky, p->site_a, p->site_b));
}

static bool rests(const struct sky_pair *p, const struct cell *c, tai_ns end)
{
    return p->rest_until >= end && c->left[p->site_a].known && c->left[p->site_b].known && c->right[p->site_a].known &&
           c->right[p->site_b].known;
}

static err sweep(struct sky *sky, tai_ns until, struct sky_motion *left, struct sky_motion *right)
{
    motions_fill(sky, sky->plan_end, left);
    while (sky->plan_end < until) {
        tai_ns next = sky->plan_end - sky->plan_end % CELL_NS + CELL_NS;
        struct cell c = {sky->plan_end, (double)(next - sky->plan_end) / 1e9, left, right};
        motions_fill(sky, next, right);
        for (; sky->swept_pairs < sky->pair_count; sky->swept_pairs++) {
            struct sky_pair *p = &sky->pairs[sky->swept_pairs];
            if (is_standing_or_sparse(sky, p))
                continue;
            if (!rests(p, &c, next))
                TRY(sky_pair_sweep(sky, p, &c));
            else if (p->open)
                TRY(sky_pair_stand(sky, p, &c));
        }
        if (sky->sparse)
            TRY(sky_mesh_sweep(sky, &c));
        sky->swept_pairs = 0;
        sky->plan_end = next;
        struct sky_motion *old = left;
        left = right;
        right = old;
    }
    return ERR_OK;
}

err sky_plan_extend(struct sky *sky, tai_ns until)
{
    if (until <= sky->plan_end)
        return ERR_OK;
    if (until > INT64_MAX / 2)
        return ERR_INVALID;
    until += (SLICE_NS - until % SLICE_NS) % SLICE_NS;
    if (sky->rules.plan)
        return sky_import_extend(sky, until);
    size_t size = (sky->site_count + 1) * sizeof(struct sky_motion);
    struct sky_motion *left = sky_alloc(sky, size), *right = sky_alloc(sky, size);
    err result = left && right ? sweep(sky, until, left, right) : ERR_NO_MEMORY;
    sky_release(sky, left);
    sky_release(sky, right);
    open_contacts_extend(sky);
    if (sky->sparse && sky->peer_pairs == NULL) { /* pairs came: so did peers */
        err peers = sky_peers_build(sky);
        result = result == ERR_OK ? peers : result;
    }
    return result;
}

err sky_plan_begin(struct sky *sky)
{
    if (sky->rules.plan) /* an imported plan says all */
        return ERR_OK;
    for (size_t k = 0; k < sky->pair_count; k++) {
        struct sky_pair *p = &sky->pairs[k];
        if (p->kind != LINK_FIBRE)
            continue;
        TRY(contact_open(sky, p, sky->plan_start));
        delay_add(p, range_at(sky, p, sky->plan_start));
        delay_write(p, &p->contacts[0]);
        p->contacts[0].end = TIME_NEVER;
    }
    return ERR_OK;
}

void sky_plan_forget(struct sky *sky, tai_ns before)
{
    for (size_t k = 0; k < sky->pair_count; k++) {
        struct sky_pair *p = &sky->pairs[k];
        uint32_t keep = 0;
        while (keep < p->count && p->contacts[keep].end < before &&
               !(p->open && keep + 1 == p->count))
            keep++;
        if (keep == 0)
            continue;
        memmove(p->contacts, p->contacts + keep, (p->count - keep) * sizeof *p->contacts);
        p->count -= keep;
    }
    if (before > sky->plan_start)
        sky->plan_start = MIN(before, sky->plan_end);
    if (sky->sparse)
        sky_mesh_shrink(sky);
}

tai_ns sky_plan_start(const struct sky *sky)
{
    return sky->plan_start;
}

tai_ns sky_plan_end(const struct sky *sky)
{
    return sky->plan_end;
}

size_t sky_pair_count(const struct sky *sky)
{
    return sky->pair_count;
}

const struct contact *sky_pair_contacts(const struct sky *sky, size_t index, size_t *count)
{
    ASSERT(index < sky->pair_count);
    *count = sky->pairs[index].count;
    return *count ? sky->pairs[index].contacts : NULL;
}

const struct contact *sky_contacts(const struct sky *sky, uint32_t a, uint32_t b, size_t *count)
{
    *count = 0;
    ptrdiff_t index = sky_pair_index(sky, a, b);
    return index < 0 ? NULL : sky_pair_contacts(sky, (size_t)index, count);
}

/* First contact that starts after t. */
static size_t contacts_after(const struct contact *list, size_t count, tai_ns t)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle].start <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct contact *sky_contact_at(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    size_t count;
    const struct contact *list = sky_contacts(sky, a, b, &count);
    size_t after = contacts_after(list, count, t);
    return after > 0 && t <= list[after - 1].end ? &list[after - 1] : NULL;
}

const struct contact *sky_contact_next(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    size_t count;
    const struct contact *list = sky_contacts(sky, a, b, &count);
    size_t after = contacts_after(list, count, t);
    return after < count ? &list[after] : NULL;
}

/* Nothing for what moves by its elements about the Earth, or stands on it. */
static void trajectory_digest(struct writer *w, const struct site *s)
{
    const struct trajectory *t = &s->trajectory;
    if (t->kind == TRAJECTORY_ELEMENTS && t->body == BODY_EARTH)
        return;
    write_u8(w, (uint8_t)t->kind);
    write_u8(w, (uint8_t)t->body);
    write_u8(w, t->formation.j2);
    write_u64(w, (uint64_t)t->orbiter.epoch);
    const double numbers[] = {t->formation.da_m,      t->formation.dl_m, t->formation.ex_m,
                              t->formation.ey_m,      t->formation.ix_m, t->formation.iy_m,
                              t->orbiter.altitude_km, t->orbiter.inclination_deg,
                              t->orbiter.raan_deg,    t->orbiter.phase_deg};
    for (size_t k = 0; k < COUNT_OF(numbers); k++)
        write_f64(w, numbers[k]);
    if (t->kind == TRAJECTORY_TABLE) {
        const struct oem_segment *segment = &t->table->segments[t->segment];
        write_u64(w, hash64(t->table->points + segment->first, segment->count * sizeof *t->table->points));
    }
}

static uint64_t site_digest(uint64_t seed, const struct site *s)
{
    uint8_t memory[512];
    struct writer w = writer_of(memory, sizeof memory);
    const struct elements *e = &s->elements;
    write_u32(&w, s->node);
    write_u8(&w, (uint8_t)s->kind);
    write_blob(&w, span_text(s->name));
    if (s->kind == SITE_SATELLITE) {
        write_u32(&w, s->plane);
        write_u32(&w, s->slot);
        write_u64(&w, (uint64_t)e->epoch);
        const double numbers[] = {e->mean_motion_rev_day,
                                  e->eccentricity,
                                  e->inclination_deg,
                                  e->raan_deg,
                                  e->argument_of_perigee_deg,
                                  e->mean_anomaly_deg,
                                  e->bstar};
        for (size_t k = 0; k < COUNT_OF(numbers); k++)
            write_f64(&w, numbers[k]);
        if (s->ground_only)
            write_u8(&w, 1);
        write_u32(&w, s->shell);
    } else {
        write_f64(&w, s->latitude_deg);
        write_f64(&w, s->longitude_deg);
        write_f64(&w, s->altitude_m);
    }
    trajectory_digest(&w, s);
    ASSERT(writer_ok(&w));
    return hash64_seeded(seed, memory, writer_span(&w).size);
}

static uint64_t rules_digest(uint64_t seed, const struct link_rules *r)
{
    uint8_t memory[320];
    struct writer w = writer_of(memory, sizeof memory);
    write_u8(&w, (uint8_t)r->topology);
    write_u8(&w, r->grid_seam);
    write_f64(&w, r->min_elevation_rad);
    write_f64(&w, r->graze_min_km);
    write_f64(&w, r->range_max_km);
    write_f64(&w, r->cross_plane_latitude_max_deg);
    write_u64(&w, r->isl_rate_bps);
    write_u64(&w, r->ground_rate_bps);
    write_u64(&w, r->fibre_rate_bps);
    if (r->sun_exclusion_rad > 0.0 || r->field_of_regard_rad > 0.0 || r->slew_max_rad_s > 0.0) {
        write_f64(&w, r->sun_exclusion_rad);
        write_f64(&w, r->field_of_regard_rad);
        write_f64(&w, r->slew_max_rad_s);
    }
    if (r->ground_range_max_km > 0.0)
        write_f64(&w, r->ground_range_max_km);
    ASSERT(writer_ok(&w));
    uint64_t digest = hash64_seeded(seed, memory, writer_span(&w).size);
    return r->topology == TOPOLOGY_LIST ? hash64_seeded(digest, r->list->pairs, r->list->count * sizeof *r->list->pairs) : digest;
}

static uint64_t contact_digest(uint64_t seed, const struct contact *c)
{
    uint8_t memory[64];
    struct writer w = writer_of(memory, sizeof memory);
    write_u32(&w, c->a);
    write_u32(&w, c->b);
    write_u64(&w, (uint64_t)c->start);
    write_u64(&w, (uint64_t)c->end);
    write_u64(&w, c->rate_bps);
    write_u32(&w, c->delay_us_mean);
    if (c->doubt_permille)
        write_u16(&w, c->doubt_permille);
    ASSERT(writer_ok(&w));
    return hash64_seeded(seed, memory, writer_span(&w).size);
}

uint64_t sky_digest(const struct sky *sky)
{
    uint64_t digest = rules_digest(0, &sky->rules);
    for (size_t k = 0; k < sky->site_count; k++)
        digest = site_digest(digest, &sky->sites[k].site);
    for (size_t k = 0; k < sky->pair_count; k++)
        for (size_t i = 0; i < sky->pairs[k].count; i++)
            digest = contact_digest(digest, &sky->pairs[k].contacts[i]);
    const uint64_t span[2] = {(uint64_t)sky->plan_start, (uint64_t)sky->plan_end};
    return hash64_seeded(digest, span, sizeof span);
}

void sky_check(const struct sky *sky)
{
    ASSERT(sky->plan_start <= sky->plan_end);
    for (size_t k = 1; k < sky->site_count; k++)
        ASSERT(sky->sites[k - 1].site.node < sky->sites[k].site.node);
    for (size_t k = 0; k < sky->pair_count; k++) {
        const struct sky_pair *p = &sky->pairs[k];
        ASSERT(p->site_a < p->site_b && p->count <= p->capacity);
        for (size_t i = 0; i < p->count; i++) {
            const struct contact *c = &p->contacts[i];
            ASSERT(c->a < c->b && c->start <= c->end);
            ASSERT(i == 0 || p->contacts[i - 1].end < c->start);
            ASSERT(c->end <= sky->plan_end + (sky->swept_pairs || sky->swept_key ? CELL_NS : 0) ||
                   p->kind == LINK_FIBRE);
        }
        ASSERT(!p->open || p->count > 0);
        ASSERT(k == 0 || sky->pairs[k - 1].site_a < p->site_a || (sky->pairs[k - 1].site_a == p->site_a && sky->pairs[k - 1].site_b < p->site_b));
    }
}
