/*
 * node/scenario_links.c - the section `links` of a scenario: who may link to whom, and at which rate.
 */
#include "node/scenario_parse.h"

#include <stdlib.h>
#include <string.h>

#include "orbit/hypatia.h"
#include "orbit/visibility.h"

#define RADIANS(degrees) ((degrees) * 3.14159265358979323846 / 180)

struct links {
    char topology[16], plan[200], isls[200];
    double elevation_min_deg, range_max_km, ground_range_max_km, graze_min_km, cross_plane_latitude_max_deg;
    double isl_rate_gbps, ground_rate_gbps, fibre_rate_gbps;
    double sun_exclusion_deg, field_of_regard_deg, slew_max_deg_per_s;
};

static const struct yaml_field link_fields[] = {
    YAML_FIELD(struct links, plan, "plan", YAML_WORD, 0, 0),
    {.key = "topology", .type = YAML_WORD, .offset = offsetof(struct links, topology), .size = 16, .words = "mesh string grid list"},
    YAML_FIELD(struct links, isls, "isls", YAML_WORD, 0, 0),
    YAML_FIELD(struct links, elevation_min_deg, "elevation_min_deg", YAML_DOUBLE, 0, 89),
    YAML_FIELD(struct links, range_max_km, "range_max_km", YAML_DOUBLE, 1, 1e9),
    YAML_FIELD(struct links, ground_range_max_km, "ground_range_max_km", YAML_DOUBLE, 1, 1e9),
    YAML_FIELD(struct links, graze_min_km, "graze_min_km", YAML_DOUBLE, 0, 1000),
    YAML_FIELD(struct links, cross_plane_latitude_max_deg, "cross_plane_latitude_max_deg", YAML_DOUBLE, 0, 90),
    YAML_FIELD(struct links, sun_exclusion_deg, "sun_exclusion_deg", YAML_DOUBLE, 0, 90),
    YAML_FIELD(struct links, field_of_regard_deg, "field_of_regard_deg", YAML_DOUBLE, 1, 90),
    YAML_FIELD(struct links, slew_max_deg_per_s, "slew_max_deg_per_s", YAML_DOUBLE, 0.001, 360),
    YAML_FIELD(struct links, isl_rate_gbps, "isl_rate_gbps", YAML_DOUBLE, 1e-6, 1e4),
    YAML_FIELD(struct links, ground_rate_gbps, "ground_rate_gbps", YAML_DOUBLE, 1e-6, 1e4),
    YAML_FIELD(struct links, fibre_rate_gbps, "fibre_rate_gbps", YAML_DOUBLE, 1e-6, 1e4),
};

/* Names of nodes in order, so that millions of rows find theirs. */
struct names {
    const struct scenario *scenario;
    uint32_t *order; /* indices of sites by name */
};

static bool names_sort(struct names *n)
{
    const struct scenario *s = n->scenario;
    uint32_t *spare = malloc((s->site_count + 1) * sizeof *spare);
    n->order = malloc((s->site_count + 1) * sizeof *n->order);
    if (!spare || !n->order) {
        free(spare);
        free(n->order);
        n->order = NULL;
        return false;
    }
    for (uint32_t k = 0; k < s->site_count; k++)
        n->order[k] = k;
    for (size_t width = 1; width < s->site_count; width *= 2) {
        for (size_t low = 0; low < s->site_count; low += 2 * width) {
            size_t middle = MIN(low + width, s->site_count), high = MIN(low + 2 * width, s->site_count), i = low, j = middle;
            for (size_t k = low; k < high; k++) {
                bool left = i < middle && (j >= high || strcmp(s->sites[n->order[i]].name, s->sites[n->order[j]].name) <= 0);
                spare[k] = left ? n->order[i++] : n->order[j++];
            }
        }
        memcpy(n->order, spare, s->site_count * sizeof *spare);
    }
    free(spare);
    return true;
}

/* A name, or a node's number. */
static uint32_t node_of(const void *context, struct span name)
{
    const struct names *n = context;
    const struct scenario *s = n->scenario;
    size_t low = 0, high = s->site_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(span_text(s->sites[n->order[middle]].name), name);
        if (order == 0)
            return s->sites[n->order[middle]].node;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    uint64_t number;
    return parse_u64(name, s->site_count, &number) == ERR_OK ? (uint32_t)number : 0;
}

static bool format_of(const char *file, enum contact_plan_format *out)
{
    const char *dot = strrchr(file, '.');
    if (!dot)
        return false;
    return contact_plan_format_parse(strcmp(dot, ".json") == 0 ? "hdtn" : strcmp(dot, ".rc") == 0 ? "ionrc" : dot + 1, out) == ERR_OK;
}

/* A plan that somebody else made takes the place of geometry. */
static err plan_import(struct scenario_reader *p, const yaml_node_t *at, const char *file)
{
    struct names names = {.scenario = p->scenario};
    struct contact_plan_source reader = {.reference = p->scenario->epoch, .node_of = node_of, .context = &names};
    struct parse_error bad = {0};
    struct span text;
    if (!format_of(file, &reader.format))
        return yaml_fail(&p->yaml, at, "a plan is a file .csv, .ionrc (or .rc) or .json (HDTN)");
    if (scenario_file(p, file, &text) != ERR_OK)
        return yaml_fail(&p->yaml, at, "the file `%s` cannot be read", file);
    err result = names_sort(&names) ? contact_plan_read(&reader, text, &p->scenario->plan, &bad) : ERR_NO_MEMORY;
    free(names.order);
    if (result == ERR_INVALID)
        return yaml_fail(&p->yaml, at, "%s:%d: %s", file, bad.line, bad.text);
    TRY(result);
    p->scenario->links.plan = &p->scenario->plan;
    return ERR_OK;
}

/* Fixed links between satellites, in the lines of Hypatia's isls.txt: two numbers from 0, in the order of the constellation. */
static err list_read(struct scenario_reader *p, const yaml_node_t *n, const char *file)
{
    struct scenario *s = p->scenario;
    const yaml_node_t *at = yaml_child(&p->yaml, n, "isls");
    struct hypatia h = {.satellite_count = (uint32_t)s->satellite_count};
    struct parse_error bad = {0};
    struct span text;
    if (!at)
        return yaml_fail(&p->yaml, n, "topology list needs `isls`: a file with a line `SATELLITE SATELLITE` per link, numbers from 0");
    if (!p->load || p->load(p->context, file, &text) != ERR_OK)
        return yaml_fail(&p->yaml, at, "the file `%s` cannot be read", file);
    err result = hypatia_read_isls(&h, text, &bad);
    s->list.pairs = result == ERR_OK ? calloc(h.isl_count + 1, sizeof *s->list.pairs) : NULL;
    for (size_t k = 0; s->list.pairs && k < h.isl_count; k++) {
        s->list.pairs[k][0] = h.isls[k].a + 1;
        s->list.pairs[k][1] = h.isls[k].b + 1;
    }
    s->list.count = h.isl_count;
    hypatia_free(&h);
    if (result == ERR_INVALID)
        return yaml_fail(&p->yaml, at, "%s:%d: %s", file, bad.line, bad.text);
    if (result == ERR_OK && !s->list.pairs)
        result = ERR_NO_MEMORY;
    s->links.list = &s->list;
    return result;
}

/* The best that a pair of neighbours does over an orbit: how high its ray stays, in range. */
static double graze_best_km(const struct sky *sky, uint32_t a, uint32_t b)
{
    enum { SAMPLES = 12 };
    const struct site *site = sky_site_of(sky, a);
    double period_s = 86400.0 / (site->elements.mean_motion_rev_day > 0.0 ? site->elements.mean_motion_rev_day : 15.0);
    double best = -1e9;
    for (int k = 0; k < SAMPLES && best < sky->rules.graze_min_km; k++) {
        struct state x, y;
        tai_ns t = sky->plan_start + (tai_ns)(period_s * k / SAMPLES * 1e9);
        if (sky_position(sky, a, t, &x) != ERR_OK || sky_position(sky, b, t, &y) != ERR_OK)
            return sky->rules.graze_min_km; /* decayed: said elsewhere */
        if (visibility_range_km(x.r_teme_km, y.r_teme_km) <= sky->rules.range_max_km)
            best = MAX(best, visibility_graze_km(x.r_teme_km, y.r_teme_km));
    }
    return best;
}

/* Cross-plane neighbours of a grid, and the first that never see each other. */
struct grid_census {
    size_t across, never;
    uint32_t a, b;
    double best_km;
};

static void neighbour_count(struct grid_census *g, const struct sky *sky, uint32_t node, uint32_t peer)
{
    double best = graze_best_km(sky, node, peer);
    g->across++;
    if (best >= sky->rules.graze_min_km)
        return;
    if (g->never++ == 0) {
        g->a = node;
        g->b = peer;
        g->best_km = best;
    }
}

/*
 * Where most planes of a grid reach their neighbours but some never do, planes, phasing or seam are not what was meant. (In
 * a grid of few planes none may reach another; that is a choice.)
 */
static err grid_check(struct scenario_reader *p, const yaml_node_t *at)
{
    const struct scenario *s = p->scenario;
    struct sky sky;
    if (s->links.topology != TOPOLOGY_GRID)
        return ERR_OK;
    TRY(sky_init(&sky, NULL, s->sites, s->satellite_count, &s->links, s->epoch));
    struct grid_census g = {0};
    for (size_t k = 0; k < s->satellite_count; k++) {
        size_t count;
        const uint32_t *peers = sky_peers(&sky, s->sites[k].node, &count);
        for (size_t i = 0; i < count && s->sites[k].trajectory.kind == TRAJECTORY_ELEMENTS; i++)
            if (peers[i] > s->sites[k].node && s->sites[k].plane != sky_site_of(&sky, peers[i])->plane)
                neighbour_count(&g, &sky, s->sites[k].node, peers[i]);
    }
    sky_free(&sky);
    if (g.never == 0 || 4 * g.never > g.across)
        return ERR_OK;
    return yaml_fail(&p->yaml, at,
                     "`%s` and `%s` are neighbours in the grid but never link within an orbit, %s; check `planes` and `phasing` "
                     "(the seam), or use topology mesh",
                     scenario_name(s, g.a), scenario_name(s, g.b),
                     g.best_km < -1e8 ? "being out of range" : "as their ray dips below graze_min_km");
}

err scenario_read_links(struct scenario_reader *p, const yaml_node_t *top)
{
    struct links l = {.topology = "mesh", .elevation_min_deg = 5, .range_max_km = 5000, .graze_min_km = 80,
                      .cross_plane_latitude_max_deg = 70, .isl_rate_gbps = 10, .ground_rate_gbps = 1, .fibre_rate_gbps = 10};
    const yaml_node_t *n = yaml_child(&p->yaml, top, "links");
    if (n)
        TRY(yaml_fill(&p->yaml, n, "`links`", link_fields, COUNT_OF(link_fields), &l));
    struct link_rules *rules = &p->scenario->links;
    *rules = link_rules_default();
    rules->topology = strcmp(l.topology, "grid") == 0     ? TOPOLOGY_GRID
                      : strcmp(l.topology, "string") == 0 ? TOPOLOGY_STRING
                      : strcmp(l.topology, "list") == 0   ? TOPOLOGY_LIST
                                                          : TOPOLOGY_MESH;
    rules->min_elevation_rad = RADIANS(l.elevation_min_deg);
    rules->range_max_km = l.range_max_km;
    rules->ground_range_max_km = l.ground_range_max_km;
    rules->graze_min_km = l.graze_min_km;
    rules->cross_plane_latitude_max_deg = l.cross_plane_latitude_max_deg;
    rules->isl_rate_bps = (uint64_t)(l.isl_rate_gbps * 1e9);
    rules->ground_rate_bps = (uint64_t)(l.ground_rate_gbps * 1e9);
    rules->fibre_rate_bps = (uint64_t)(l.fibre_rate_gbps * 1e9);
    rules->sun_exclusion_rad = RADIANS(l.sun_exclusion_deg);
    rules->field_of_regard_rad = RADIANS(l.field_of_regard_deg);
    rules->slew_max_rad_s = RADIANS(l.slew_max_deg_per_s);
    if (rules->topology == TOPOLOGY_LIST)
        TRY(list_read(p, n, l.isls));
    else if (l.isls[0])
        return yaml_fail(&p->yaml, yaml_child(&p->yaml, n, "isls"), "`isls` goes with topology list");
    return l.plan[0] ? plan_import(p, yaml_child(&p->yaml, n, "plan"), l.plan) : grid_check(p, n ? n : top);
}
