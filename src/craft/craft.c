#include "craft/craft.h"

#include <math.h>

#include "craft/portable.h"
#include "orbit/sun.h"

#define STEFAN_BOLTZMANN 5.670374419e-8
#define SPACE_K 2.7
#define CELL_REFERENCE_K 301.15
#define PIECE_S 30.0
#define HEATER_HYSTERESIS_K 3.0
#define FORECAST_MAX NS_PER_DAY
#define SECONDS_PER_YEAR (365.25 * 86400.0)

struct craft_params craft_params_box(void)
{
    return (struct craft_params){
        .array_area_m2 = 20.0,
        .cell_efficiency = 0.30,
        .packing = 0.90,
        .degradation_per_year = 0.01,
        .temperature_coefficient = 0.0020,
        .cell_temperature_k = 333.15,
        .array_tracks_sun = true,
        .battery_wh = 8000.0,
        .charge_efficiency = 0.95,
        .discharge_efficiency = 0.95,
        .ageing = battery_ageing_lithium(),
        .battery_floor_fraction = 0.30,
        .core_capacity_j_k = 150e3,
        .radiator_capacity_j_k = 20e3,
        .conductance_w_k = 300.0,
        .conductance_closed_w_k = 3.0,
        .pipe_closed_k = 278.15,
        .pipe_open_k = 288.15,
        .radiator_area_m2 = 5.2,
        .emissivity = 0.86,
        .absorptivity = 0.15,
        .earth_infrared_w_m2 = 237.0,
        .albedo = 0.30,
        .heater_w = 200.0,
        .heater_on_k = 268.15,
        .core_limit_k = 343.15,
        .base_load_w = 400.0,
    };
}

struct craft_params craft_params_pod(void)
{
    struct craft_params p = craft_params_box();
    p.array_area_m2 = 0.60;
    p.battery_wh = 200.0;
    p.core_capacity_j_k = 12e3;
    p.radiator_capacity_j_k = 500.0;
    p.conductance_w_k = 10.0;
    p.conductance_closed_w_k = 0.1;
    p.radiator_area_m2 = 0.14;
    p.heater_w = 10.0;
    p.base_load_w = 15.0;
    return p;
}

static bool between(double value, double least, double most)
{
    return value >= least && value <= most; /* false for NaN */
}

err craft_params_check(const struct craft_params *p)
{
    const struct {
        double value, least, most;
    } ranges[] = {
        {p->array_area_m2, 0.0, 1e8},
        {p->cell_efficiency, 0.0, 1.0},
        {p->packing, 0.0, 1.0},
        {p->degradation_per_year, 0.0, 0.5},
        {p->age_years, 0.0, 100.0},
        {p->temperature_coefficient, 0.0, 0.01},
        {p->cell_temperature_k, 100.0, 500.0},
        {p->battery_wh, 1e-3, 4e6},
        {p->charge_efficiency, 0.01, 1.0},
        {p->discharge_efficiency, 0.01, 1.0},
        {p->battery_floor_fraction, 0.0, 1.0},
        {p->core_capacity_j_k, 1e-3, 1e12},
        {p->radiator_capacity_j_k, 1e-3, 1e12},
        {p->conductance_w_k, 1e-6, 1e12},
        {p->conductance_closed_w_k, 1e-6, 1e12},
        {p->pipe_closed_k, 1.0, 1000.0},
        {p->pipe_open_k, 1.0, 1000.0},
        {p->radiator_area_m2, 1e-6, 1e8},
        {p->emissivity, 1e-3, 1.0},
        {p->absorptivity, 0.0, 1.0},
        {p->earth_infrared_w_m2, 0.0, 1000.0},
        {p->albedo, 0.0, 1.0},
        {p->heater_w, 0.0, 1e6},
        {p->heater_on_k, 0.0, 1000.0},
        {p->core_limit_k, 1.0, 1000.0},
        {p->base_load_w, 0.0, 1e6},
    };
    for (size_t k = 0; k < COUNT_OF(ranges); k++)
        if (!between(ranges[k].value, ranges[k].least, ranges[k].most))
            return ERR_RANGE;
    TRY(battery_ageing_check(&p->ageing));
    return p->pipe_closed_k < p->pipe_open_k ? ERR_OK : ERR_RANGE;
}

/* W/m^2 at the satellite's distance from the Sun. */
static double solar_flux_w_m2(const struct state *sky)
{
    double d[3];
    for (int k = 0; k < 3; k++)
        d[k] = sky->sun_teme_km[k] - sky->r_teme_km[k];
    double ratio = ASTRONOMICAL_UNIT_KM / vector_length(d);
    return SOLAR_CONSTANT_W_M2 * ratio * ratio;
}

static double array_power_w(const struct craft_params *p, const struct state *sky, double age_years)
{
    double cosine = p->array_tracks_sun ? 1.0 : cos(sky->beta_rad);
    double aged = portable_power(1.0 - p->degradation_per_year, age_years);
    double warm = 1.0 - p->temperature_coefficient * (p->cell_temperature_k - CELL_REFERENCE_K);
    double power = solar_flux_w_m2(sky) * p->array_area_m2 * p->cell_efficiency * p->packing *
                   aged * cosine * sky->sunlit * warm;
    return fmax(0.0, power);
}

double craft_array_power_w(const struct craft_params *p, const struct state *sky)
{
    return array_power_w(p, sky, p->age_years);
}

double craft_radiator_area_m2(double heat_w, double kelvin, double emissivity, double environment_w_m2)
{
    double t2 = kelvin * kelvin, s2 = SPACE_K * SPACE_K;
    return heat_w / (2.0 * emissivity * STEFAN_BOLTZMANN * (t2 * t2 - s2 * s2) - environment_w_m2);
}

double craft_earth_view_factor(double altitude_km, double gamma_rad)
{
    /* Howell C-41: small plate at distance H Earth radii, normal tilted gamma from nadir. */
    const double h = 1.0 + fmax(altitude_km, 1e-6) / WGS84_RADIUS_KM;
    const double full =
        acos(1.0 / h); /* below this tilt the whole Earth is in front of the plate */
    if (gamma_rad <= full)
        return cos(gamma_rad) / (h * h);
    if (gamma_rad >= M_PI - full)
        return 0.0;
    const double s = sin(gamma_rad), c = cos(gamma_rad), q = sqrt(h * h - 1.0);
    double first = 0.5 - asin(fmin(1.0, q / (h * s))) / M_PI;
    double limb = acos(fmax(-1.0, fmin(1.0, -q * c / s)));
    double second = c * limb - q * sqrt(fmax(0.0, 1.0 - h * h * c * c));
    return first + second / (M_PI * h * h);
}

double craft_environment_w(const struct craft_params *p, const struct state *sky)
{
    /* Both faces are edge-on to the Earth; the one on the Sun's side of the orbit plane sees the
     * Sun. */
    double view = craft_earth_view_factor(sky->altitude_km, M_PI / 2.0);
    double solar = solar_flux_w_m2(sky);
    double zenith = vector_dot(sky->r_teme_km, sky->sun_teme_km) /
                    (vector_length(sky->r_teme_km) * vector_length(sky->sun_teme_km));
    double per_face = p->emissivity * p->earth_infrared_w_m2 * view +
                      p->absorptivity * p->albedo * solar * view * fmax(0.0, zenith);
    double direct = p->absorptivity * solar * fabs(sin(sky->beta_rad)) * sky->sunlit;
    return p->radiator_area_m2 * (2.0 * per_face + direct);
}

double craft_battery_capacity_wh(const struct craft *c, const struct craft_params *p)
{
    return p->battery_wh * battery_capacity_share(&c->wear, &p->ageing);
}

double craft_battery_floor_wh(const struct craft_params *p)
{
    return p->battery_floor_fraction * p->battery_wh * (1.0 - p->ageing.fade_at_end * p->ageing.used_at_start);
}

static double battery_capacity_j(const struct craft *c, const struct craft_params *p)
{
    return craft_battery_capacity_wh(c, p) * 3600.0;
}

void craft_init(struct craft *c, const struct craft_params *p, double battery_fraction,
                double kelvin)
{
    ASSERT(craft_params_check(p) == ERR_OK);
    ASSERT(between(battery_fraction, 0.0, 1.0) && between(kelvin, SPACE_K, 1000.0));
    *c = (struct craft){.core_k = kelvin, .radiator_k = kelvin, .sunlit = 1.0};
    battery_wear_init(&c->wear, battery_fraction);
    c->battery_j = battery_fraction * battery_capacity_j(c, p);
}

static void residual_note(struct craft *c, double error, double scale)
{
    if (scale > 0.0)
        c->energy_residual = fmax(c->energy_residual, fabs(error) / scale);
}

/* What the loads get and what the battery loses as heat, both in watts. */
struct power {
    double served, loss;
};

static struct power charge(struct craft *c, const struct craft_params *p, double surplus_w,
                           double load_w, double dt)
{
    double room = fmax(0.0, battery_capacity_j(c, p) - c->battery_j);
    double offered = surplus_w * dt;
    double taken = fmin(offered, room / p->charge_efficiency);
    double before = c->battery_j;
    c->battery_j = fmin(battery_capacity_j(c, p), before + taken * p->charge_efficiency);
    c->spilled_j += offered - taken;
    c->shedding = false;
    double loss = taken * (1.0 - p->charge_efficiency);
    residual_note(c, c->battery_j - before + loss - taken, battery_capacity_j(c, p) + taken);
    return (struct power){load_w, loss / dt};
}

/* Lanes and radios may draw the battery down to its floor, base load and heater to the last joule.
 */
static struct power discharge(struct craft *c, const struct craft_params *p, double generation_w,
                              double vital_w, double load_w, double dt)
{
    double floor_j = 3600.0 * craft_battery_floor_wh(p);
    double above_floor = fmax(0.0, c->battery_j - floor_j) * p->discharge_efficiency;
    double all = c->battery_j * p->discharge_efficiency;
    double wanted = (load_w - generation_w) * dt;
    double vital = fmax(0.0, (vital_w - generation_w) * dt);
    double given = fmin(wanted, fmax(above_floor, fmin(vital, all)));
    double before = c->battery_j;
    c->battery_j = fmax(0.0, before - given / p->discharge_efficiency);
    c->shed_j += wanted - given;
    c->shedding = wanted - given > 1e-9 * wanted;
    double loss = given / p->discharge_efficiency - given;
    residual_note(c, before - c->battery_j - given - loss, battery_capacity_j(c, p) + given);
    return (struct power){generation_w + given / dt, loss / dt};
}

/* The heat pipe's state at the start of a step. */
static double conductance_w_k(const struct craft_params *p, double core_k)
{
    double opening = (core_k - p->pipe_closed_k) / (p->pipe_open_k - p->pipe_closed_k);
    opening = fmax(0.0, fmin(1.0, opening));
    return p->conductance_closed_w_k + opening * (p->conductance_w_k - p->conductance_closed_w_k);
}

/* Implicit midpoint: both nodes at the middle of the step; the core is eliminated, Newton finds the
 * radiator. */
static void heat_step(struct craft *c, const struct craft_params *p, double core_w,
                      double environment_w, double dt)
{
    const double half = 0.5 * dt, g = conductance_w_k(p, c->core_k);
    const double radiance = p->emissivity * STEFAN_BOLTZMANN * 2.0 * p->radiator_area_m2;
    const double sky = SPACE_K * SPACE_K * SPACE_K * SPACE_K;
    const double cc = p->core_capacity_j_k, cr = p->radiator_capacity_j_k;
    const double share = cc + half * g; /* core = (cc Tc + half (P + G Tr)) / share */
    double r = c->radiator_k, core = c->core_k;
    for (int k = 0; k < 50; k++) {
        core = (cc * c->core_k + half * (core_w + g * r)) / share;
        double r3 = r * r * r;
        double f = cr * (r - c->radiator_k) -
                   half * (g * (core - r) + environment_w - radiance * (r3 * r - sky));
        double slope = cr + half * (g - g * half * g / share + 4.0 * radiance * r3);
        double step = f / slope;
        r = fmax(SPACE_K, r - step);
        if (fabs(step) <= 1e-13 * r)
            break;
    }
    core = (cc * c->core_k + half * (core_w + g * r)) / share;
    double radiated = radiance * (r * r * r * r - sky);
    double core_new = 2.0 * core - c->core_k, radiator_new = 2.0 * r - c->radiator_k;
    double stored = cc * (core_new - c->core_k) + cr * (radiator_new - c->radiator_k);
    residual_note(c, stored - dt * (core_w + environment_w - radiated),
                  cc * core_new + cr * radiator_new +
                      dt * (core_w + environment_w + fabs(radiated)));
    c->core_k = fmax(SPACE_K, core_new);
    c->radiator_k = fmax(SPACE_K, radiator_new);
}

static void piece(struct craft *c, const struct craft_params *p, const struct craft_surroundings *around, double payload_w, double dt)
{
    double heater_off_k = p->heater_on_k + HEATER_HYSTERESIS_K, generation_w = around->generation_w;
    c->heater_on = c->core_k < (c->heater_on ? heater_off_k : p->heater_on_k);
    double vital = p->base_load_w + (c->heater_on ? p->heater_w : 0.0);
    double load = vital + payload_w;
    struct power power = generation_w >= load ? charge(c, p, generation_w - load, load, dt)
                                              : discharge(c, p, generation_w, vital, load, dt);
    c->generation_w = generation_w;
    c->load_w = power.served;
    battery_wear_note(&c->wear, &p->ageing, c->battery_j / battery_capacity_j(c, p), dt);
    c->battery_j = fmin(c->battery_j, battery_capacity_j(c, p)); /* a little may go with the fading capacity */
    heat_step(c, p, power.served + power.loss, around->environment_w, dt);
}

void craft_advance(struct craft *c, const struct craft_params *p, const struct craft_surroundings *around, double load_w, double seconds)
{
    ASSERT(seconds > 0.0 && between(seconds, 0.0, 1e9));
    c->sunlit = around->sunlit;
    uint64_t pieces = (uint64_t)ceil(seconds / PIECE_S);
    double size = seconds / (double)pieces;
    for (uint64_t k = 0; k < pieces; k++)
        piece(c, p, around, load_w, size);
    ASSERT(between(c->battery_j, 0.0, battery_capacity_j(c, p)));
}

void craft_step(struct craft *c, const struct craft_params *p, const struct state *sky,
                uint32_t load_mw, duration_ns dt)
{
    ASSERT(dt > 0);
    struct craft_surroundings around = {
        .generation_w = array_power_w(p, sky, p->age_years + c->wear.seconds / SECONDS_PER_YEAR),
        .environment_w = craft_environment_w(p, sky),
        .sunlit = sky->sunlit,
    };
    craft_advance(c, p, &around, load_mw / 1000.0, (double)dt / 1e9);
}

static uint32_t quantise(double value)
{
    return value <= 0.0 ? 0 : value >= 4294967295.0 ? UINT32_MAX : (uint32_t)(value + 0.5);
}

struct craft_state craft_state_of(const struct craft *c, const struct craft_params *p)
{
    return (struct craft_state){
        .battery_mwh = quantise(c->battery_j / 3.6),
        .battery_capacity_mwh = quantise(craft_battery_capacity_wh(c, p) * 1000.0),
        .generation_mw = quantise(c->generation_w * 1000.0),
        .load_mw = quantise(c->load_w * 1000.0),
        .core_mk = quantise(c->core_k * 1000.0),
        .radiator_mk = quantise(c->radiator_k * 1000.0),
        .sunlit = (uint16_t)quantise(fmin(1.0, c->sunlit) * 1000.0),
        .heater_on = c->heater_on,
        .shedding = c->shedding,
    };
}

static void forecast_note(struct craft_forecast *f, const struct craft_state *s, tai_ns t)
{
    if (s->battery_mwh < f->battery_min_mwh) {
        f->battery_min_mwh = s->battery_mwh;
        f->battery_min_at = t;
    }
    if (s->core_mk > f->core_max_mk) {
        f->core_max_mk = s->core_mk;
        f->core_max_at = t;
    }
    f->floor_kept = f->floor_kept && !s->shedding;
}

err craft_forecast(const struct craft *c, const struct craft_params *p, const struct sky *sky,
                   uint32_t node, tai_ns from, tai_ns until, uint32_t planned_load_mw,
                   struct craft_forecast *out)
{
    duration_ns span;
    if (__builtin_sub_overflow(until, from, &span) || span < 0 || span > FORECAST_MAX)
        return ERR_RANGE;
    struct craft ahead = *c;
    struct craft_state s = craft_state_of(&ahead, p);
    *out = (struct craft_forecast){.battery_min_mwh = s.battery_mwh,
                                   .core_max_mk = s.core_mk,
                                   .battery_min_at = from,
                                   .core_max_at = from,
                                   .floor_kept = true};
    double lit_s = 0.0;
    for (tai_ns t = from; t < until;) {
        duration_ns step = MIN(until - t, (duration_ns)PIECE_S * NS_PER_S);
        struct state place;
        TRY(sky_position(sky, node, t + step / 2, &place));
        craft_step(&ahead, p, &place, planned_load_mw, step);
        lit_s += place.sunlit * (double)step / 1e9;
        t += step;
        s = craft_state_of(&ahead, p);
        forecast_note(out, &s, t);
    }
    out->battery_end_mwh = s.battery_mwh;
    out->core_end_mk = s.core_mk;
    out->sunlit_permille = span > 0 ? quantise(1e12 * lit_s / (double)span) : s.sunlit;
    out->floor_kept =
        out->floor_kept &&
        out->battery_min_mwh >= (uint32_t)(1000.0 * craft_battery_floor_wh(p));
    out->limit_kept = out->core_max_mk <= quantise(p->core_limit_k * 1000.0);
    return ERR_OK;
}
