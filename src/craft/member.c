#include "craft/member.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MU_KM3_S2 398600.4418
#define SECONDS_PER_YEAR (365.25 * 86400.0)
#define STEFAN_BOLTZMANN 5.670374419e-8
/* Masses: iROSA as measured; batteries at pack level; radiators between the ISS' 2.75 and 5 kg/m^2 (physics.md 5.2). */
#define ARRAY_W_KG 75.3
#define BATTERY_WH_KG 100.0
#define RADIATOR_KG_M2 4.0

const char *const member_builtin_names = "box-4kw pod-100w";

static struct member box(void)
{
    struct member m = {
        .name = "box-4kw",
        .mass_kg = 320.0,
        .craft = craft_params_box(),
        .lanes = {{DEVICE_CPU, 2.0, 30.0, 512.0}},
        .lane_count = 1,
        .storage_gib = 4.0,
        .optical_count = 4,
        .optical = optical_terminal_80mm(),
        .radio_present = true,
        .radio = radio_terminal_ka(),
        .radiation = radiation_params_cots(),
    };
    m.optical.draw_w = 8.0; /* what one link draws more when it stands; standby is in the base load */
    return m;
}

bool member_builtin(const char *name, struct member *out)
{
    if (strcmp(name, "box-4kw") != 0 && strcmp(name, "pod-100w") != 0)
        return false;
    *out = box();
    if (strcmp(name, "pod-100w") == 0) {
        snprintf(out->name, sizeof out->name, "pod-100w");
        out->mass_kg = 30.0;
        out->craft = craft_params_pod();
        out->optical_count = 2;
        out->optical = optical_terminal_small();
        out->optical.rungs[out->optical.rung_count++] = (struct optical_rung){10000000000, 20.0};
        out->optical.aperture_m = 0.080; /* so that the reference links of 10 Gb/s stand */
        out->optical.power_w = 1.0;
        out->optical.draw_w = 8.0;
        out->optical.mass_kg = 6.0;
    }
    return true;
}

err member_check(const struct member *m)
{
    TRY(craft_params_check(&m->craft));
    TRY(radiation_params_check(&m->radiation));
    if (m->optical_count > 0 || m->ground_optical)
        TRY(optical_check(&m->optical));
    if (m->radio_present)
        TRY(radio_check(&m->radio));
    if (!(m->mass_kg > 0.0 && m->mass_kg < 1e7) || !(m->storage_gib >= 0.001 && m->storage_gib <= 1 << 20) ||
        m->lane_count > MEMBER_LANES_MAX || m->optical_count > 64)
        return ERR_RANGE;
    for (size_t i = 0; i < m->lane_count; i++)
        if (!(m->lanes[i].cores > 0.0 && m->lanes[i].cores <= 1e6) || !(m->lanes[i].watts >= 0.0 && m->lanes[i].watts <= 1e6) ||
            !(m->lanes[i].memory_mib >= 0.0 && m->lanes[i].memory_mib <= 1e9))
            return ERR_RANGE;
    return ERR_OK;
}

static double cpu_sum(const struct member *m, size_t offset)
{
    double sum = 0.0;
    for (size_t i = 0; i < m->lane_count; i++)
        if (m->lanes[i].device == DEVICE_CPU)
            sum += *(const double *)(const void *)((const uint8_t *)&m->lanes[i] + offset);
    return sum;
}

double member_cores(const struct member *m)
{
    return cpu_sum(m, offsetof(struct member_lane, cores));
}

double member_lane_memory_mib(const struct member *m)
{
    return cpu_sum(m, offsetof(struct member_lane, memory_mib));
}

uint64_t member_core_power_mw(const struct member *m)
{
    double cores = member_cores(m);
    return cores > 0.0 ? (uint64_t)(1000.0 * cpu_sum(m, offsetof(struct member_lane, watts)) / cores + 0.5) : 0;
}

uint64_t member_terminal_power_mw(const struct member *m)
{
    double draw_w = m->optical_count > 0 ? m->optical.draw_w : m->radio_present ? m->radio.draw_w : 0.0;
    return (uint64_t)(1000.0 * draw_w + 0.5);
}

/* ---- the budget --------------------------------------------------------------------------------------------------- */

/* A sky as it is over the day side: full Sun at 1 AU along the orbit plane, or the night side. */
static struct state place(double altitude_km, bool lit)
{
    struct state s = {.altitude_km = altitude_km, .sunlit = lit ? 1.0 : 0.0};
    double r = WGS84_RADIUS_KM + altitude_km;
    s.r_teme_km[0] = lit ? r : -r;
    s.sun_teme_km[0] = 149597870.7 + (lit ? r : -r); /* one AU from the member, not from the Earth */
    return s;
}

static void power_budget(const struct member *m, double years, struct member_budget *b)
{
    const struct craft_params *p = &m->craft;
    struct craft_params old = *p;
    struct state lit = place(b->altitude_km, true);
    old.age_years += years;
    b->array_new_w = craft_array_power_w(p, &lit);
    b->array_old_w = craft_array_power_w(&old, &lit);
    double light = b->period_s - b->eclipse_s, round_trip = p->charge_efficiency * p->discharge_efficiency;
    b->carried_w = b->array_new_w * light / (light + b->eclipse_s / round_trip);
    b->carried_old_w = b->array_old_w * light / (light + b->eclipse_s / round_trip);
    b->eclipse_wh = b->load_w * b->eclipse_s / 3600.0 / p->discharge_efficiency;
    b->depth = b->eclipse_wh / p->battery_wh;
    b->floor_margin_wh = p->battery_wh * (1.0 - p->battery_floor_fraction) - b->eclipse_wh;
    double life_per_year = SECONDS_PER_YEAR / b->period_s / battery_cycle_life(&p->ageing, b->depth) + 1.0 / p->ageing.calendar_years;
    b->battery_years = (1.0 - p->ageing.used_at_start) / life_per_year;
}

static void heat_budget(const struct member *m, struct member_budget *b)
{
    struct craft_params one = m->craft;
    one.radiator_area_m2 = 1.0;
    struct state lit = place(b->altitude_km, true), dark = place(b->altitude_km, false);
    b->radiator_m2 = m->craft.radiator_area_m2;
    b->radiator_needed_m2 = craft_radiator_area_m2(b->load_w, 318.15, one.emissivity, craft_environment_w(&one, &dark));
    double absorbed = craft_environment_w(&m->craft, &lit);
    double radiator_k = sqrt(sqrt((b->load_w + absorbed) / (2.0 * one.emissivity * STEFAN_BOLTZMANN * b->radiator_m2)));
    b->core_k = radiator_k + b->load_w / m->craft.conductance_w_k;
    b->core_margin_k = m->craft.core_limit_k - b->core_k;
}

static void mass_budget(const struct member *m, struct member_budget *b)
{
    b->array_kg = b->array_new_w / ARRAY_W_KG;
    b->battery_kg = m->craft.battery_wh / BATTERY_WH_KG;
    b->radiator_kg = b->radiator_m2 * RADIATOR_KG_M2;
    b->terminals_kg = m->optical_count * m->optical.mass_kg + (m->radio_present ? m->radio.mass_kg : 0.0);
    b->rest_kg = m->mass_kg - b->array_kg - b->battery_kg - b->radiator_kg - b->terminals_kg;
}

static void radiation_budget(const struct member *m, struct member_budget *b)
{
    const struct radiation_params *r = &m->radiation;
    b->upsets_per_day = radiation_source_of(r, RADIATION_MEMORY_UPSET, 0, 1, b->altitude_km, RADIATION_SINGLE).per_day;
    b->uncorrectable_per_year = 365.25 * radiation_source_of(r, RADIATION_MEMORY_UNCORRECTABLE, 0, 1, b->altitude_km, RADIATION_SINGLE).per_day;
    b->resets_per_year = r->resets_per_year;
    b->latch_ups_per_year = r->latch_ups_per_year;
    b->derate_years = r->dose_rad_per_year > 0.0 ? r->derate_rad / r->dose_rad_per_year : 1e9;
}

struct member_budget member_budget_at(const struct member *m, double altitude_km, double years)
{
    ASSERT(member_check(m) == ERR_OK && altitude_km > 100.0 && altitude_km < 1e6);
    double r = WGS84_RADIUS_KM + altitude_km;
    struct member_budget b = {.altitude_km = altitude_km, .period_s = 2.0 * M_PI * sqrt(r * r * r / MU_KM3_S2)};
    b.eclipse_s = b.period_s * asin(WGS84_RADIUS_KM / r) / M_PI; /* cylinder, beta 0 */
    for (size_t i = 0; i < m->lane_count; i++)
        b.lanes_w += m->lanes[i].watts;
    b.terminals_w = m->optical_count * m->optical.draw_w + (m->radio_present ? m->radio.draw_w : 0.0);
    b.load_w = m->craft.base_load_w + b.lanes_w + b.terminals_w;
    power_budget(m, years, &b);
    heat_budget(m, &b);
    mass_budget(m, &b);
    if (m->optical_count > 0)
        b.ladder_count = optical_ladder(&m->optical, &m->optical, 0.0, b.ladder);
    if (m->radio_present)
        b.radio_rate_bps = radio_rate_bps(&m->radio, 25.0, 1000.0, M_PI / 6.0);
    radiation_budget(m, &b);
    return b;
}
