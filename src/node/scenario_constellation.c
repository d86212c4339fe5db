/*
 * node/scenario_constellation.c - the section `constellation` of a scenario: shells of satellites.
 */
#include "node/scenario_parse.h"

#include <string.h>

#include "orbit/omm.h"
#include "orbit/tle.h"
#include "orbit/walker.h"

struct shell {
    char kind[16], prefix[24], file[200];
    uint32_t count, planes, phasing;
    double altitude_km, inclination_deg, raan_deg, ltan_h, spacing_deg, anomaly_deg;
};

static const struct yaml_field shell_fields[] = {
    {.key = "kind", .type = YAML_WORD, .offset = offsetof(struct shell, kind), .size = 16, .required = true,
     .words = "string walker-delta walker-star tle omm"},
    {.key = "prefix", .type = YAML_NAME, .offset = offsetof(struct shell, prefix), .size = 24},
    YAML_FIELD(struct shell, file, "file", YAML_WORD, 0, 0),
    YAML_FIELD(struct shell, count, "count", YAML_U32, 1, SCENARIO_SITES_MAX),
    YAML_FIELD(struct shell, planes, "planes", YAML_U32, 1, SCENARIO_SITES_MAX),
    YAML_FIELD(struct shell, phasing, "phasing", YAML_U32, 0, SCENARIO_SITES_MAX),
    YAML_FIELD(struct shell, altitude_km, "altitude_km", YAML_DOUBLE, 200, 60000),
    YAML_FIELD(struct shell, inclination_deg, "inclination_deg", YAML_DOUBLE, 0, 180),
    YAML_FIELD(struct shell, raan_deg, "raan_deg", YAML_DOUBLE, 0, 360),
    YAML_FIELD(struct shell, ltan_h, "ltan_h", YAML_DOUBLE, 0, 24),
    YAML_FIELD(struct shell, spacing_deg, "spacing_deg", YAML_DOUBLE, 0.01, 180),
    YAML_FIELD(struct shell, anomaly_deg, "anomaly_deg", YAML_DOUBLE, 0, 360),
};

static err satellite_add(struct scenario_reader *p, const yaml_node_t *at, const char *prefix, const struct elements *elements, uint32_t plane,
                         uint32_t slot)
{
    struct site *site = scenario_site_add(p);
    if (!site)
        return yaml_fail(&p->yaml, at, "more than %d nodes", SCENARIO_SITES_MAX);
    site->kind = SITE_SATELLITE;
    site->elements = *elements;
    site->plane = plane;
    site->slot = slot;
    snprintf(site->name, sizeof site->name, "%s-%zu", prefix, p->scenario->site_count);
    p->scenario->satellite_count++;
    return ERR_OK;
}

static err shell_string(struct scenario_reader *p, const yaml_node_t *n, const struct shell *sh)
{
    struct pearls pearls = {
        .altitude_km = sh->altitude_km, .inclination_deg = sh->inclination_deg, .raan_deg = sh->raan_deg,
        .use_local_time = yaml_has(&p->yaml, n, "ltan_h"), .local_time_h = sh->ltan_h, .spacing_deg = sh->spacing_deg,
        .phase_deg = sh->anomaly_deg, .count = sh->count, .epoch = p->scenario->epoch,
    };
    for (uint32_t i = 0; i < sh->count; i++) {
        struct elements e;
        if (pearls_elements(&pearls, i, &e) != ERR_OK)
            return yaml_fail(&p->yaml, n, "this string of pearls is no possible orbit: check altitude, inclination, count and spacing");
        TRY(satellite_add(p, n, sh->prefix, &e, 0, i));
    }
    return ERR_OK;
}

static err shell_walker(struct scenario_reader *p, const yaml_node_t *n, const struct shell *sh)
{
    struct walker w = {
        .star = strcmp(sh->kind, "walker-star") == 0, .inclination_deg = sh->inclination_deg, .total = sh->count,
        .planes = sh->planes, .phasing = sh->phasing, .altitude_km = sh->altitude_km, .raan_deg = sh->raan_deg,
        .phase_deg = sh->anomaly_deg, .epoch = p->scenario->epoch,
    };
    if (walker_check(&w) != ERR_OK)
        return yaml_fail(&p->yaml, n, "this is no Walker constellation: `count` must be a multiple of `planes`, `phasing` below `planes`");
    uint32_t per_plane = sh->count / sh->planes, plane_base = 1000 * (uint32_t)p->scenario->satellite_count;
    for (uint32_t i = 0; i < sh->count; i++) {
        struct elements e;
        if (walker_elements(&w, i, &e) != ERR_OK)
            return yaml_fail(&p->yaml, n, "satellite %u of this constellation has no possible orbit", i + 1);
        TRY(satellite_add(p, n, sh->prefix, &e, plane_base + i / per_plane, i % per_plane));
    }
    return ERR_OK;
}

struct file_shell { /* a file of element sets on its way into sites */
    struct scenario_reader *p;
    const yaml_node_t *at;
    const char *prefix;
    uint32_t count;
};

static err element_add(void *context, const struct elements *e)
{
    struct file_shell *f = context;
    return satellite_add(f->p, f->at, f->prefix, e, f->count++, 0);
}

static err tle_read(struct span text, struct file_shell *f, struct parse_error *wrong)
{
    size_t at = 0;
    int line = 0;
    for (;;) {
        struct elements e;
        err status = tle_next(text, &at, &line, TLE_STRICT, &e, wrong);
        if (status == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(status);
        TRY(element_add(f, &e));
    }
}

static err shell_file(struct scenario_reader *p, const yaml_node_t *n, const struct shell *sh)
{
    struct span text;
    struct parse_error wrong = {0};
    const yaml_node_t *name = yaml_child(&p->yaml, n, "file");
    struct file_shell f = {.p = p, .at = n, .prefix = sh->prefix};
    if (!name)
        return yaml_fail(&p->yaml, n, "a shell of kind `%s` needs `file`", sh->kind);
    if (!p->load || p->load(p->context, sh->file, &text) != ERR_OK)
        return yaml_fail(&p->yaml, name, "the file `%s` cannot be read", sh->file);
    bool omm = strcmp(sh->kind, "omm") == 0;
    err e = omm ? omm_read(text, OMM_AUTO, element_add, &f, &wrong) : tle_read(text, &f, &wrong);
    if (e != ERR_OK && wrong.text[0])
        return yaml_fail(&p->yaml, name, "%s:%d:%d: %s", sh->file, wrong.line, wrong.column, wrong.text);
    if (e != ERR_OK)
        return e; /* said already */
    return f.count ? ERR_OK : yaml_fail(&p->yaml, name, "the file `%s` holds no element set", sh->file);
}

static err shell_parse(struct scenario_reader *p, const yaml_node_t *n)
{
    struct shell sh = {.prefix = "sat", .planes = 1, .count = 1, .altitude_km = 550, .inclination_deg = 53, .spacing_deg = 10};
    TRY(yaml_fill(&p->yaml, n, "a shell of `constellation`", shell_fields, COUNT_OF(shell_fields), &sh));
    if (strcmp(sh.kind, "string") == 0)
        return shell_string(p, n, &sh);
    if (strncmp(sh.kind, "walker", 6) == 0)
        return shell_walker(p, n, &sh);
    return shell_file(p, n, &sh);
}

err scenario_read_constellation(struct scenario_reader *p, const yaml_node_t *top)
{
    const yaml_node_t *list = yaml_child(&p->yaml, top, "constellation");
    size_t count;
    TRY(yaml_sequence(&p->yaml, list, "constellation", SCENARIO_SHELLS_MAX, &count));
    for (size_t i = 0; i < count; i++)
        TRY(shell_parse(p, yaml_item(&p->yaml, list, i)));
    return count ? ERR_OK : yaml_fail(&p->yaml, list, "`constellation` is empty; at least one shell is needed");
}
