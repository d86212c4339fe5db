/*
 * node/member_file.c - reads what a member is: a class, a mapping of one's own over it, files put together.
 */
#include "node/scenario_parse.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 4, PARTS_MAX = 16, FILES_MAX = 48 };
#define MEMBER struct member
#define FIELD(member, key_text, low, high) YAML_FIELD(MEMBER, member, key_text, YAML_DOUBLE, low, high)

static const struct yaml_field member_fields[] = {
    {.key = "class", .type = YAML_SUB},
    {.key = "parts", .type = YAML_SUB},
    {.key = "battery_start", .type = YAML_SUB}, /* of the scenario's section `craft` */
    {.key = "name", .type = YAML_NAME, .offset = offsetof(MEMBER, name), .size = MEMBER_NAME_SIZE},
    FIELD(mass_kg, "mass_kg", 0.1, 1e6),
    FIELD(storage_gib, "storage_gib", 0.002, 1 << 20),
    {.key = "power", .type = YAML_SUB},
    {.key = "heat", .type = YAML_SUB},
    {.key = "lanes", .type = YAML_SUB},
    {.key = "terminals", .type = YAML_SUB},
    {.key = "radiation", .type = YAML_SUB},
};

static const struct yaml_field power_fields[] = {
    FIELD(craft.array_area_m2, "array_area_m2", 0, 1e8),
    FIELD(craft.cell_efficiency, "cell_efficiency", 0.001, 1),
    FIELD(craft.packing, "packing", 0.001, 1),
    FIELD(craft.degradation_per_year, "degradation_per_year", 0, 0.5),
    FIELD(craft.age_years, "age_years", 0, 100),
    FIELD(craft.temperature_coefficient, "temperature_coefficient", 0, 0.01),
    FIELD(craft.cell_temperature_k, "cell_temperature_k", 100, 500),
    YAML_FIELD(MEMBER, craft.array_tracks_sun, "tracks_sun", YAML_BOOL, 0, 0),
    FIELD(craft.battery_wh, "battery_wh", 0.001, 4e6),
    FIELD(craft.charge_efficiency, "charge_efficiency", 0.01, 1),
    FIELD(craft.discharge_efficiency, "discharge_efficiency", 0.01, 1),
    FIELD(craft.battery_floor_fraction, "floor", 0, 1),
    FIELD(craft.ageing.cycles, "battery_cycles", 1, 1e9),
    FIELD(craft.ageing.depth, "battery_cycle_depth", 0.001, 1),
    FIELD(craft.ageing.calendar_years, "battery_years", 0.01, 1e6),
    FIELD(craft.ageing.fade_at_end, "battery_fade_at_end", 0, 0.95),
    FIELD(craft.ageing.used_at_start, "battery_used", 0, 1),
    FIELD(craft.base_load_w, "base_load_w", 0, 1e6),
};

static const struct yaml_field heat_fields[] = {
    FIELD(craft.radiator_area_m2, "radiator_area_m2", 1e-6, 1e8),
    FIELD(craft.emissivity, "emissivity", 0.001, 1),
    FIELD(craft.absorptivity, "absorptivity", 0, 1),
    FIELD(craft.core_capacity_j_k, "core_capacity_j_k", 0.001, 1e12),
    FIELD(craft.radiator_capacity_j_k, "radiator_capacity_j_k", 0.001, 1e12),
    FIELD(craft.conductance_w_k, "conductance_w_k", 1e-6, 1e12),
    FIELD(craft.conductance_closed_w_k, "conductance_closed_w_k", 1e-6, 1e12),
    FIELD(craft.heater_w, "heater_w", 0, 1e6),
    FIELD(craft.heater_on_k, "heater_on_k", 0, 1000),
    FIELD(craft.core_limit_k, "core_limit_k", 1, 1000),
};

static const struct yaml_field terminals_fields[] = {
    {.key = "optical", .type = YAML_SUB},
    {.key = "radio", .type = YAML_SUB},
    YAML_FIELD(MEMBER, ground_optical, "ground_optical", YAML_BOOL, 0, 0),
};

static const struct yaml_field optical_fields[] = {
    YAML_FIELD(MEMBER, optical_count, "count", YAML_U32, 0, 64),
    FIELD(optical.aperture_m, "aperture_m", 0.001, 10),
    FIELD(optical.wavelength_m, "wavelength_m", 1e-7, 2e-5),
    FIELD(optical.power_w, "power_w", 1e-6, 1e4),
    FIELD(optical.loss_db, "loss_db", 0, 60),
    FIELD(optical.bias_rad, "bias_rad", 0, 0.1),
    FIELD(optical.jitter_rad, "jitter_rad", 0, 0.1),
    FIELD(optical.slew_rad_s, "slew_rad_s", 1e-6, 100),
    FIELD(optical.settle_s, "settle_s", 0, 3600),
    FIELD(optical.uncertainty_rad, "uncertainty_rad", 1e-9, 1),
    FIELD(optical.scan_rad2_s, "scan_rad2_s", 1e-15, 100),
    FIELD(optical.scan_sigmas, "scan_sigmas", 0.5, 8),
    FIELD(optical.miss, "miss", 0, 0.9),
    FIELD(optical.reacquire_s, "reacquire_s", 0, 3600),
    FIELD(optical.losses_per_hour, "losses_per_hour", 0, 1000),
    FIELD(optical.rejection_db, "rejection_db", 0, 200),
    FIELD(optical.field_rad, "field_rad", 1e-7, 1),
    FIELD(optical.signal_to_jam_db, "signal_to_jam_db", -30, 60),
    FIELD(optical.draw_w, "draw_w", 0, 1e5),
    FIELD(optical.mass_kg, "mass_kg", 0, 1e5),
    {.key = "rates", .type = YAML_SUB},
};

struct rate {
    double gbps, photons_per_bit;
};
static const struct yaml_field rate_fields[] = {
    {.key = "gbps", .type = YAML_DOUBLE, .offset = offsetof(struct rate, gbps), .low = 1e-6, .high = 1e5, .required = true},
    {.key = "photons_per_bit", .type = YAML_DOUBLE, .offset = offsetof(struct rate, photons_per_bit), .low = 0.001, .high = 1e6,
     .required = true},
};

static const struct yaml_field radio_fields[] = {
    YAML_FIELD(MEMBER, radio_present, "present", YAML_BOOL, 0, 0),
    FIELD(radio.frequency_hz, "frequency_hz", 1e8, 3e11),
    FIELD(radio.symbols_s, "symbols_s", 1e3, 1e11),
    FIELD(radio.eirp_dbw, "eirp_dbw", -50, 120),
    FIELD(radio.gain_over_temperature_db_k, "gain_over_temperature_db_k", -60, 80),
    FIELD(radio.loss_db, "loss_db", 0, 60),
    FIELD(radio.margin_db, "margin_db", 0, 60),
    FIELD(radio.rain_db, "rain_db", 0, 100),
    FIELD(radio.zenith_loss_db, "zenith_loss_db", 0, 30),
    YAML_FIELD(MEMBER, radio.mode_highest, "mode_highest", YAML_U32, 0, RADIO_MODES - 1),
    FIELD(radio.draw_w, "draw_w", 0, 1e5),
    FIELD(radio.mass_kg, "mass_kg", 0, 1e5),
};

static const struct yaml_field radiation_fields[] = {
    FIELD(radiation.memory_bits, "memory_bits", 0, 1e18),
    FIELD(radiation.storage_bits, "storage_bits", 0, 1e18),
    FIELD(radiation.memory_upsets_per_bit_day, "memory_upsets_per_bit_day", 0, 1),
    FIELD(radiation.storage_upsets_per_bit_day, "storage_upsets_per_bit_day", 0, 1),
    FIELD(radiation.dose_rad_per_year, "dose_rad_per_year", 0, 1e7),
    FIELD(radiation.rad_per_uncorrectable, "rad_per_uncorrectable", 0.001, 1e9),
    FIELD(radiation.memory_chips, "memory_chips", 0, 1e6),
    FIELD(radiation.resets_per_year, "resets_per_year", 0, 1e5),
    FIELD(radiation.latch_ups_per_year, "latch_ups_per_year", 0, 1e5),
    FIELD(radiation.burn_out_share, "burn_out_share", 0, 1),
    YAML_FIELD(MEMBER, radiation.latch_up_off, "latch_up_off", YAML_DURATION, 0, 86400),
    FIELD(radiation.derate_rad, "derate_rad", 0.001, 1e9),
    FIELD(radiation.death_rad, "death_rad", 0.001, 1e9),
};

struct lane_raw {
    char device[8];
    struct member_lane lane;
};
static const struct yaml_field lane_fields[] = {
    {.key = "device", .type = YAML_WORD, .offset = offsetof(struct lane_raw, device), .size = 8, .words = "cpu gpu fpga", .required = true},
    {.key = "cores", .type = YAML_DOUBLE, .offset = offsetof(struct lane_raw, lane.cores), .low = 0.001, .high = 1e6, .required = true},
    {.key = "watts", .type = YAML_DOUBLE, .offset = offsetof(struct lane_raw, lane.watts), .low = 0, .high = 1e6, .required = true},
    {.key = "memory_mib", .type = YAML_DOUBLE, .offset = offsetof(struct lane_raw, lane.memory_mib), .low = 0, .high = 1e9},
};

static err part(struct scenario_reader *p, const yaml_node_t *n, const char *key, const struct yaml_field *fields, size_t count,
                struct member *m)
{
    const yaml_node_t *child = yaml_child(&p->yaml, n, key);
    char what[32];
    snprintf(what, sizeof what, "`%s`", key);
    return child ? yaml_fill(&p->yaml, child, what, fields, count, m) : ERR_OK;
}

static err lanes_read(struct scenario_reader *p, const yaml_node_t *n, struct member *m)
{
    const yaml_node_t *list = yaml_child(&p->yaml, n, "lanes");
    if (!list)
        return ERR_OK;
    TRY(yaml_sequence(&p->yaml, list, "lanes", MEMBER_LANES_MAX, &m->lane_count));
    for (size_t i = 0; i < m->lane_count; i++) {
        struct lane_raw raw = {.lane = {.memory_mib = 512}};
        TRY(yaml_fill(&p->yaml, yaml_item(&p->yaml, list, i), "a lane", lane_fields, COUNT_OF(lane_fields), &raw));
        m->lanes[i] = raw.lane;
        m->lanes[i].device = raw.device[0] == 'g' ? DEVICE_GPU : raw.device[0] == 'f' ? DEVICE_FPGA : DEVICE_CPU;
    }
    return ERR_OK;
}

static err rates_read(struct scenario_reader *p, const yaml_node_t *optical, struct member *m)
{
    const yaml_node_t *list = yaml_child(&p->yaml, optical, "rates");
    size_t count;
    if (!list)
        return ERR_OK;
    TRY(yaml_sequence(&p->yaml, list, "rates", OPTICAL_RUNGS_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        struct rate raw = {0};
        const yaml_node_t *at = yaml_item(&p->yaml, list, i);
        TRY(yaml_fill(&p->yaml, at, "a rate", rate_fields, COUNT_OF(rate_fields), &raw));
        m->optical.rungs[i] = (struct optical_rung){(uint64_t)(raw.gbps * 1e9 + 0.5), raw.photons_per_bit};
        if (i > 0 && m->optical.rungs[i].rate_bps <= m->optical.rungs[i - 1].rate_bps)
            return yaml_fail(&p->yaml, at, "`rates` must rise: the slowest first");
    }
    m->optical.rung_count = (uint32_t)count;
    return count ? ERR_OK : yaml_fail(&p->yaml, list, "`rates` is empty; an optical terminal has at least one");
}

static err own_keys(struct scenario_reader *p, const yaml_node_t *n, struct member *m)
{
    TRY(yaml_fill(&p->yaml, n, "a class of craft", member_fields, COUNT_OF(member_fields), m));
    TRY(part(p, n, "power", power_fields, COUNT_OF(power_fields), m));
    TRY(part(p, n, "heat", heat_fields, COUNT_OF(heat_fields), m));
    TRY(part(p, n, "radiation", radiation_fields, COUNT_OF(radiation_fields), m));
    TRY(lanes_read(p, n, m));
    TRY(part(p, n, "terminals", terminals_fields, COUNT_OF(terminals_fields), m));
    const yaml_node_t *terminals = yaml_child(&p->yaml, n, "terminals");
    TRY(part(p, terminals, "optical", optical_fields, COUNT_OF(optical_fields), m));
    const yaml_node_t *radio = yaml_child(&p->yaml, terminals, "radio");
    if (radio)
        m->radio_present = true; /* unless it says otherwise */
    TRY(part(p, terminals, "radio", radio_fields, COUNT_OF(radio_fields), m));
    TRY(rates_read(p, yaml_child(&p->yaml, terminals, "optical"), m));
    if (member_check(m) != ERR_OK)
        return yaml_fail(&p->yaml, n, "this craft makes no sense as a whole: heat pipe, battery, terminals (a search of at most a day) or doses");
    return ERR_OK;
}

static err node_read(struct scenario_reader *p, const yaml_node_t *n, int depth, struct member *m);

/* A file of its own: its errors name it, at the place that named the file. */
static err text_read(struct scenario_reader *p, const yaml_node_t *at, const char *name, struct span text, int depth, struct member *m)
{
    yaml_document_t document;
    struct scenario_error wrong = {0};
    if (yaml_load(text, &document, &wrong) != ERR_OK)
        return yaml_fail(&p->yaml, at, "%s:%d: %s", name, wrong.line, wrong.text);
    struct scenario_reader inner = *p;
    inner.yaml = (struct yaml_reader){&document, &wrong};
    const yaml_node_t *top = yaml_document_get_root_node(&document);
    err e = top ? node_read(&inner, top, depth, m) : yaml_fail(&inner.yaml, NULL, "the file is empty");
    yaml_document_delete(&document);
    if (e == ERR_INVALID)
        return yaml_fail(&p->yaml, at, "%s:%d:%d: %s", name, wrong.line, wrong.column, wrong.text);
    return e;
}

/* ERR_INVALID (said) when there are too many files, or too deep. */
static err nesting_check(struct scenario_reader *p, const yaml_node_t *at, const char *name, int depth)
{
    if (depth < DEPTH_MAX && ++*p->files <= FILES_MAX)
        return ERR_OK;
    return yaml_fail(&p->yaml, at, "`%s` is built on itself, or classes on each other more than %d deep or from more than %d files", name,
                     DEPTH_MAX, FILES_MAX);
}

static err file_read(struct scenario_reader *p, const yaml_node_t *at, const char *name, int depth, struct member *m)
{
    struct span text;
    TRY(nesting_check(p, at, name, depth));
    if (scenario_file(p, name, &text) != ERR_OK)
        return yaml_fail(&p->yaml, at, "the file `%s` cannot be read", name);
    return text_read(p, at, name, text, depth + 1, m);
}

/* A name is a built-in class or craft/NAME.yaml; anything with a slash or a suffix is a file. */
static err class_read(struct scenario_reader *p, const yaml_node_t *at, int depth, struct member *m)
{
    char name[200], path[224];
    struct span text;
    if (at->type != YAML_SCALAR_NODE || !text_copy(name, sizeof name, span_of(at->data.scalar.value, at->data.scalar.length)) || !name[0])
        return yaml_fail(&p->yaml, at, "a class of craft is a name (%s, or a file craft/NAME.yaml) or the path of a file", member_builtin_names);
    if (member_builtin(name, m))
        return ERR_OK;
    size_t length = strlen(name);
    if (strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".yaml") == 0))
        return file_read(p, at, name, depth, m);
    snprintf(path, sizeof path, "craft/%s.yaml", name);
    TRY(nesting_check(p, at, name, depth));
    if (scenario_file(p, path, &text) == ERR_OK)
        return text_read(p, at, path, text, depth + 1, m);
    return yaml_fail(&p->yaml, at, "there is no class `%s`: built in are %s, and the file `%s` cannot be read", name, member_builtin_names, path);
}

static err node_read(struct scenario_reader *p, const yaml_node_t *n, int depth, struct member *m)
{
    if (n->type == YAML_SCALAR_NODE)
        return class_read(p, n, depth, m);
    const yaml_node_t *base = yaml_child(&p->yaml, n, "class"), *parts = yaml_child(&p->yaml, n, "parts");
    size_t count = 0;
    if (base)
        TRY(class_read(p, base, depth, m));
    if (parts)
        TRY(yaml_sequence(&p->yaml, parts, "parts", PARTS_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *at = yaml_item(&p->yaml, parts, i);
        char name[200];
        if (at->type != YAML_SCALAR_NODE || !text_copy(name, sizeof name, span_of(at->data.scalar.value, at->data.scalar.length)))
            return yaml_fail(&p->yaml, at, "a part is the path of a file");
        TRY(file_read(p, at, name, depth, m));
    }
    return own_keys(p, n, m);
}

err scenario_read_member(struct scenario_reader *p, const yaml_node_t *n, struct member *m)
{
    uint32_t files = 0;
    p->files = &files;
    err e = node_read(p, n, 0, m);
    p->files = NULL;
    return e;
}

err scenario_member_parse(const char *name, scenario_load *load, void *context, struct member *out, struct scenario_error *error)
{
    yaml_document_t none;
    yaml_node_t at = {.type = YAML_SCALAR_NODE};
    *error = (struct scenario_error){0};
    at.data.scalar.value = (yaml_char_t *)(uintptr_t)name;
    at.data.scalar.length = strlen(name);
    memset(&none, 0, sizeof none);
    uint32_t files = 0;
    struct scenario_reader p = {.yaml = {&none, error}, .load = load, .context = context, .files = &files};
    ASSERT(member_builtin("box-4kw", out));
    return class_read(&p, &at, 0, out);
}
