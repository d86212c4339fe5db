/*
 * node/scenario_constellation.c - the section `constellation` of a scenario: shells of satellites about the Earth, the Moon or Mars,
 * clusters, and files of elements.
 */
#include "node/scenario_parse.h"

#include <stdlib.h>
#include <string.h>

#include "orbit/walker.h"

struct shell {
    char kind[16], prefix[24], file[200], body_name[8], shape[8];
    uint32_t count, planes, phasing;
    double altitude_km, inclination_deg, raan_deg, ltan_h, spacing_deg, anomaly_deg;
    double spacing_m, radius_m;
    bool drift;
    enum body body;
};

static const struct yaml_field shell_fields[] = {
    {.key = "kind", .type = YAML_WORD, .offset = offsetof(struct shell, kind), .size = 16, .required = true,
     .words = "string walker-delta walker-star formation tle omm oem"},
    {.key = "prefix", .type = YAML_NAME, .offset = offsetof(struct shell, prefix), .size = 24},
    YAML_FIELD(struct shell, file, "file", YAML_WORD, 0, 0),
    YAML_FIELD(struct shell, count, "count", YAML_U32, 1, SCENARIO_SITES_MAX),
    YAML_FIELD(struct shell, planes, "planes", YAML_U32, 1, SCENARIO_SITES_MAX),
    YAML_FIELD(struct shell, phasing, "phasing", YAML_U32, 0, SCENARIO_SITES_MAX),
    {.key = "body", .type = YAML_WORD, .offset = offsetof(struct shell, body_name), .size = 8, .words = "earth moon mars"},
    {.key = "shape", .type = YAML_WORD, .offset = offsetof(struct shell, shape), .size = 8, .words = "lattice ring"},
    YAML_FIELD(struct shell, spacing_m, "spacing_m", YAML_DOUBLE, 1, 10000),
    YAML_FIELD(struct shell, radius_m, "radius_m", YAML_DOUBLE, 1, 50000),
    YAML_FIELD(struct shell, drift, "drift", YAML_BOOL, 0, 0),
    YAML_FIELD(struct shell, altitude_km, "altitude_km", YAML_DOUBLE, 20, 60000),
    YAML_FIELD(struct shell, inclination_deg, "inclination_deg", YAML_DOUBLE, 0, 180),
    YAML_FIELD(struct shell, raan_deg, "raan_deg", YAML_DOUBLE, 0, 360),
    YAML_FIELD(struct shell, ltan_h, "ltan_h", YAML_DOUBLE, 0, 24),
    YAML_FIELD(struct shell, spacing_deg, "spacing_deg", YAML_DOUBLE, 0.01, 180),
    YAML_FIELD(struct shell, anomaly_deg, "anomaly_deg", YAML_DOUBLE, 0, 360),
    {.key = "craft", .type = YAML_SUB},
};

/* Numbers planes so that no two shells share one. */
static uint32_t plane_base(const struct scenario_reader *p)
{
    return 1000 * (uint32_t)p->scenario->satellite_count;
}

static err satellite_add(struct scenario_reader *p, const yaml_node_t *at, const char *prefix, const struct elements *elements, uint32_t plane,
                         uint32_t slot)
{
    struct site *site = scenario_site_add(p);
    if (!site)
        return yaml_fail(&p->yaml, at, "more than %zu satellites and gateways", p->sites_max);
    site->kind = SITE_SATELLITE;
    site->elements = *elements;
    site->plane = plane;
    site->slot = slot;
    snprintf(site->name, sizeof site->name, "%s-%zu", prefix, p->scenario->site_count); /* numbers differ, so names do */
    p->scenario->satellite_count++;
    return ERR_OK;
}

/* A circular orbit about the shell's body: the generators' angles, with its own altitude. About the Earth the elements stay. */
static err orbit_add(struct scenario_reader *p, const yaml_node_t *at, const struct shell *sh, const struct elements *e, uint32_t plane,
                     uint32_t slot)
{
    TRY(satellite_add(p, at, sh->prefix, e, plane, slot));
    if (sh->body == BODY_EARTH)
        return ERR_OK;
    struct site *site = &p->scenario->sites[p->scenario->site_count - 1];
    site->trajectory = (struct trajectory){
        .kind = TRAJECTORY_ORBITER, .body = sh->body,
        .orbiter = {.altitude_km = sh->altitude_km, .inclination_deg = e->inclination_deg, .raan_deg = e->raan_deg,
                    .phase_deg = e->mean_anomaly_deg, .epoch = e->epoch}};
    site->elements = (struct elements){.epoch = e->epoch};
    return ERR_OK;
}

/* The generators know the Earth's altitudes; for other bodies they give the angles only. */
static double generator_altitude_km(const struct shell *sh)
{
    return sh->body == BODY_EARTH ? sh->altitude_km : 1000;
}

static err shell_string(struct scenario_reader *p, const yaml_node_t *n, const struct shell *sh)
{
    struct pearls pearls = {
        .altitude_km = generator_altitude_km(sh), .inclination_deg = sh->inclination_deg, .raan_deg = sh->raan_deg,
        .use_local_time = yaml_has(&p->yaml, n, "ltan_h"), .local_time_h = sh->ltan_h, .spacing_deg = sh->spacing_deg,
        .phase_deg = sh->anomaly_deg, .count = sh->count, .epoch = p->scenario->epoch,
    };
    uint32_t plane = plane_base(p);
    for (uint32_t i = 0; i < sh->count; i++) {
        struct elements e;
        if (pearls_elements(&pearls, i, &e) != ERR_OK)
            return yaml_fail(&p->yaml, n, "this string of pearls is no possible orbit: check altitude, inclination, count and spacing");
        TRY(orbit_add(p, n, sh, &e, plane, i));
    }
    return ERR_OK;
}

/* A cluster around a chief that is not there: its offsets are from an orbit with elements. */
static err shell_formation(struct scenario_reader *p, const yaml_node_t *n, const struct shell *sh)
{
    struct pearls chief = {
        .altitude_km = sh->altitude_km, .inclination_deg = sh->inclination_deg, .raan_deg = sh->raan_deg,
        .use_local_time = yaml_has(&p->yaml, n, "ltan_h"), .local_time_h = sh->ltan_h, .spacing_deg = 1, .phase_deg = sh->anomaly_deg,
        .count = 1, .epoch = p->scenario->epoch,
    };
    bool ring = strcmp(sh->shape, "ring") == 0;
    struct elements e;
    if (sh->body != BODY_EARTH)
        return yaml_fail(&p->yaml, n, "a formation flies about the Earth; `body` must be `earth` here");
    if (sh->count > FORMATION_LATTICE_MAX)
        return yaml_fail(&p->yaml, n, "a formation has at most %d satellites", FORMATION_LATTICE_MAX);
    if (chief.use_local_time && !yaml_has(&p->yaml, n, "inclination_deg") &&
        sun_synchronous_inclination_deg(sh->altitude_km, &chief.inclination_deg) != ERR_OK)
        return yaml_fail(&p->yaml, n, "no orbit is sun-synchronous at this altitude; give `inclination_deg`");
    if (pearls_elements(&chief, 0, &e) != ERR_OK)
        return yaml_fail(&p->yaml, n, "the chief of this formation has no possible orbit: check altitude and inclination");
    uint32_t plane = plane_base(p);
    for (uint32_t i = 0; i < sh->count; i++) {
        TRY(satellite_add(p, n, sh->prefix, &e, plane, i));
        struct trajectory *t = &p->scenario->sites[p->scenario->site_count - 1].trajectory;
        t->kind = TRAJECTORY_FORMATION;
        t->formation = ring ? formation_ring(sh->count, sh->radius_m, i, sh->drift) : formation_lattice(sh->spacing_m, i, sh->drift);
    }
    return ERR_OK;
}

static err shell_walker(struct scenario_reader *p, const yaml_node_t *n, const struct shell *sh)
{
    struct walker w = {
        .star = strcmp(sh->kind, "walker-star") == 0, .inclination_deg = sh->inclination_deg, .total = sh->count,
        .planes = sh->planes, .phasing = sh->phasing, .altitude_km = generator_altitude_km(sh), .raan_deg = sh->raan_deg,
        .phase_deg = sh->anomaly_deg, .epoch = p->scenario->epoch,
    };
    if (walker_check(&w) != ERR_OK)
        return yaml_fail(&p->yaml, n, "this is no Walker constellation: `count` must be a multiple of `planes`, `phasing` below `planes`");
    uint32_t per_plane = sh->count / sh->planes, base = plane_base(p);
    size_t first = p->scenario->site_count;
    for (uint32_t i = 0; i < sh->count; i++) {
        struct elements e;
        if (walker_elements(&w, i, &e) != ERR_OK)
            return yaml_fail(&p->yaml, n, "satellite %u of this constellation has no possible orbit", i + 1);
        TRY(orbit_add(p, n, sh, &e, base + i / per_plane, i % per_plane));
    }
    for (size_t k = first; k < p->scenario->site_count; k++) /* a grid of its own; planes given one by one share shell 0 */
        p->scenario->sites[k].shell = 1 + (uint32_t)first;
    return ERR_OK;
}

struct file_shell { /* a file of element sets on its way into sites */
    struct scenario_reader *p;
    const yaml_node_t *at;
    const char *prefix;
    uint32_t count, base;
    struct scenario_elements *report;
};

static err element_add(void *context, const struct elements *e)
{
    struct file_shell *f = context;
    return satellite_add(f->p, f->at, f->prefix, e, f->base + f->count++, 0);
}

static void problem_note(void *context, const struct element_problem *problem)
{
    struct file_shell *f = context;
    if (f->report->shown < SCENARIO_PROBLEMS_SHOWN)
        f->report->first[f->report->shown++] = *problem;
}

static err file_load(struct scenario_reader *p, const yaml_node_t *n, const struct shell *sh, const yaml_node_t **name, struct span *text)
{
    *name = yaml_child(&p->yaml, n, "file");
    if (!*name)
        return yaml_fail(&p->yaml, n, "a shell of kind `%s` needs `file`", sh->kind);
    if (scenario_file(p, sh->file, text) != ERR_OK)
        return yaml_fail(&p->yaml, *name, "the file `%s` cannot be read", sh->file);
    return ERR_OK;
}

/* A shell of which nothing is left is an error, with the first reason. */
static err nothing_left(struct scenario_reader *p, const yaml_node_t *name, const struct shell *sh, const struct scenario_elements *report)
{
    if (report->shown == 0)
        return yaml_fail(&p->yaml, name, "the file `%s` holds no element set", sh->file);
    const struct element_problem *first = &report->first[0];
    return yaml_fail(&p->yaml, name, "%s:%d:%d: %s", sh->file, first->line, first->column, first->text);
}

/* A file's sets in planes, as many in each, in the order of the file. */
static err planes_seat(struct scenario_reader *p, const yaml_node_t *n, uint32_t planes, size_t first)
{
    struct scenario *s = p->scenario;
    uint32_t count = (uint32_t)(s->site_count - first), base = s->sites[first].plane, per_plane = count / planes;
    if (count % planes != 0)
        return yaml_fail(&p->yaml, n, "%u satellites are not equally many in %u planes", count, planes);
    for (uint32_t k = 0; k < count; k++) {
        s->sites[first + k].plane = base + k / per_plane;
        s->sites[first + k].slot = k % per_plane;
    }
    return ERR_OK;
}

static err shell_file(struct scenario_reader *p, const yaml_node_t *n, const struct shell *sh)
{
    struct span text;
    struct parse_error wrong = {0};
    const yaml_node_t *name;
    struct scenario *s = p->scenario;
    TRY(file_load(p, n, sh, &name, &text));
    if (s->file_count == SCENARIO_FILES_MAX)
        return yaml_fail(&p->yaml, name, "more than %d files", SCENARIO_FILES_MAX);
    if (!s->files)
        s->files = calloc(SCENARIO_FILES_MAX, sizeof *s->files);
    ASSERT(s->files != NULL);
    struct file_shell f = {.p = p, .at = n, .prefix = sh->prefix, .base = plane_base(p), .report = &s->files[s->file_count++]};
    text_copy(f.report->file, sizeof f.report->file, span_text(sh->file));
    const struct element_rules rules = {.at = s->epoch, .once = true};
    size_t first = s->site_count;
    err e = element_file_read(text, &rules, element_add, problem_note, &f, &f.report->summary, &wrong);
    if (e != ERR_OK && wrong.text[0] && !p->yaml.error->text[0])
        return yaml_fail(&p->yaml, name, "%s:%d:%d: %s", sh->file, wrong.line, wrong.column, wrong.text);
    if (e != ERR_OK)
        return e; /* said already */
    if (f.count == 0)
        return nothing_left(p, name, sh, f.report);
    return sh->planes > 1 ? planes_seat(p, n, sh->planes, first) : ERR_OK;
}

/* Each object of an ephemeris message becomes a satellite; its later segments follow by name. */
static err shell_table(struct scenario_reader *p, const yaml_node_t *n, const struct shell *sh)
{
    struct span text;
    struct parse_error wrong = {0};
    const yaml_node_t *name;
    struct scenario *s = p->scenario;
    TRY(file_load(p, n, sh, &name, &text));
    if (s->table_count == SCENARIO_FILES_MAX)
        return yaml_fail(&p->yaml, name, "more than %d files", SCENARIO_FILES_MAX);
    struct oem *table = calloc(1, sizeof *table);
    ASSERT(table != NULL);
    s->tables[s->table_count++] = table;
    if (oem_read(text, table, &wrong) != ERR_OK)
        return yaml_fail(&p->yaml, name, "%s:%d:%d: %s", sh->file, wrong.line, wrong.column, wrong.text);
    uint32_t base = plane_base(p);
    const struct elements none = {.epoch = s->epoch};
    for (uint32_t i = 0; i < table->segment_count; i++) {
        const struct oem_segment *segment = &table->segments[i];
        if (i > 0 && strcmp(segment->name, table->segments[i - 1].name) == 0)
            continue;
        if (s->epoch < segment->start)
            return yaml_fail(&p->yaml, name, "%s: the table of %s begins after the scenario's `epoch`", sh->file, segment->name);
        TRY(satellite_add(p, n, sh->prefix, &none, base + i, 0));
        s->sites[s->site_count - 1].trajectory =
            (struct trajectory){.kind = TRAJECTORY_TABLE, .body = segment->center, .table = table, .segment = i};
    }
    return ERR_OK;
}

static err shell_parse(struct scenario_reader *p, const yaml_node_t *n)
{
    struct shell sh = {.prefix = "sat", .body_name = "earth", .shape = "lattice", .planes = 1, .count = 1, .altitude_km = 550,
                       .inclination_deg = 53, .spacing_deg = 10, .spacing_m = 100, .radius_m = 1000, .drift = true};
    TRY(yaml_fill(&p->yaml, n, "a shell of `constellation`", shell_fields, COUNT_OF(shell_fields), &sh));
    TRY(body_parse(sh.body_name, &sh.body));
    if (sh.body == BODY_EARTH && sh.altitude_km < 200)
        return yaml_fail(&p->yaml, n, "`altitude_km` must be at least 200 about the Earth (it is %g): air brakes what is lower", sh.altitude_km);
    if (strcmp(sh.kind, "formation") == 0)
        return shell_formation(p, n, &sh);
    if (strcmp(sh.kind, "string") == 0)
        return shell_string(p, n, &sh);
    if (strncmp(sh.kind, "walker", 6) == 0)
        return shell_walker(p, n, &sh);
    return strcmp(sh.kind, "oem") == 0 ? shell_table(p, n, &sh) : shell_file(p, n, &sh);
}

err scenario_read_constellation(struct scenario_reader *p, const yaml_node_t *top)
{
    const yaml_node_t *list = yaml_child(&p->yaml, top, "constellation");
    size_t count;
    TRY(yaml_sequence(&p->yaml, list, "constellation", SCENARIO_SHELLS_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *shell = yaml_item(&p->yaml, list, i), *craft = yaml_child(&p->yaml, shell, "craft");
        size_t first = p->scenario->site_count;
        TRY(shell_parse(p, shell));
        if (craft)
            p->fleets[p->fleet_count++] = (struct scenario_fleet){first, p->scenario->site_count, craft};
    }
    return count ? ERR_OK : yaml_fail(&p->yaml, list, "`constellation` is empty; at least one shell is needed");
}
