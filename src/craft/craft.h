/*
 * craft/craft.h - what a satellite is: arrays, a battery, and two temperatures.
 *
 * Story:   sunlight on the arrays feeds the loads; what is left charges the battery, what is
 * missing drains it. The loads become heat in the core, which flows to a radiator that looks at
 * space, Earth and Sun. craft_step moves this state over a duration; craft_forecast does the same
 * ahead of time for a planned load and says how low the battery and how warm the core will get, so
 * that jobs can be refused or deferred in time. Owns:    nothing; plain values. What leaves is
 * quantised (mWh, mW, mK, permille), so that decisions are made on integers. Units:   W, m^2, K,
 * J/K, mWh as named. Source:  Stefan-Boltzmann with Earth's infrared and albedo, plate view factor
 * in closed form (Howell C-41), implicit midpoint rule for both nodes with Newton's method. Errors:
 * ERR_RANGE for parameters without physical meaning; ERR_DECAYED and ERR_NOT_FOUND from the sky.
 * Threads: pure.
 */
#ifndef NOCT_CRAFT_CRAFT_H
#define NOCT_CRAFT_CRAFT_H

#include "craft/battery.h"
#include "orbit/sky.h"

#define SOLAR_CONSTANT_W_M2 1361.6 /* TSIS-1, at 1 AU */

struct craft_params {
    /* Power. The array is a plate that turns around its wing axis unless `array_tracks_sun`. */
    double array_area_m2, cell_efficiency, packing, degradation_per_year, age_years;
    double temperature_coefficient; /* 1/K above 28 C */
    double cell_temperature_k;      /* in sunlight */
    bool array_tracks_sun; /* else cos(theta) = cos(beta): one-axis, wing along the orbit normal */
    double battery_wh, charge_efficiency, discharge_efficiency; /* capacity when new */
    struct battery_ageing ageing;
    double
        battery_floor_fraction; /* below it lanes and radios are shed; base load and heater go on */
    /* Heat. The radiator is a flat panel, both faces used, edge-on to the Earth (normal along the
     * orbit normal). */
    double core_capacity_j_k, radiator_capacity_j_k;
    /* Variable-conductance heat pipe between core and radiator: closes as the core cools, linear
     * between the two. */
    double conductance_w_k, conductance_closed_w_k, pipe_closed_k, pipe_open_k;
    double radiator_area_m2; /* of the panel; it radiates from both faces */
    double emissivity, absorptivity;
    double earth_infrared_w_m2, albedo;
    double heater_w, heater_on_k; /* heater of the core: on below this temperature */
    double core_limit_k;          /* never above it */
    /* Loads always on; lanes and radios come on top through `load_mw`. */
    double base_load_w;
};

struct craft_params craft_params_box(void); /* 4 kW class member */
struct craft_params craft_params_pod(void); /* 100 W class member */
err craft_params_check(const struct craft_params *p) MUST_USE;

/* What comes in from outside, for models of one's own (craft_step works it out from the sky). */
struct craft_surroundings {
    double generation_w;  /* of the array */
    double environment_w; /* absorbed by the radiator */
    double sunlit;
};

/* The exact inner state; kept in doubles, moved only by craft_step and craft_advance. */
struct craft {
    double battery_j, core_k, radiator_k;
    double generation_w, load_w; /* of the last step */
    double sunlit;
    struct battery_wear wear;
    double shed_j;          /* energy that loads asked for and did not get, since the start */
    double spilled_j;       /* generation that found the battery full */
    double energy_residual; /* worst relative error of the energy books of one step; stays below
                               1e-9 */
    bool heater_on, shedding;
};

/* What others see. */
struct craft_state {
    uint32_t battery_mwh, battery_capacity_mwh;
    uint32_t generation_mw, load_mw; /* load served, with base load and heater */
    uint32_t core_mk, radiator_mk;
    uint16_t sunlit; /* permille */
    bool heater_on, shedding;
};

/* Starts with the given battery fraction (0..1) and both temperatures at `kelvin`. */
void craft_init(struct craft *c, const struct craft_params *p, double battery_fraction,
                double kelvin);

/* Moves by `dt` (0 < dt; long steps are cut into 30 s pieces) under one sky state and one load
 * (above base load). */
void craft_step(struct craft *c, const struct craft_params *p, const struct state *sky,
                uint32_t load_mw, duration_ns dt);

/* The same with given surroundings and a load in watts. */
void craft_advance(struct craft *c, const struct craft_params *p, const struct craft_surroundings *around, double load_w, double seconds);
/* As it is now, aged; the array ages with the run too. The floor stays where it was when the run began. */
double craft_battery_capacity_wh(const struct craft *c, const struct craft_params *p);
double craft_battery_floor_wh(const struct craft_params *p);

struct craft_state craft_state_of(const struct craft *c, const struct craft_params *p);

struct craft_forecast {
    uint32_t battery_min_mwh, battery_end_mwh;
    uint32_t core_max_mk, core_end_mk;
    tai_ns battery_min_at, core_max_at;
    uint32_t sunlit_permille;    /* mean over the interval */
    bool floor_kept, limit_kept; /* battery stays above its floor, core below its limit */
};

/* From `from` to `until` (at most a day) with a constant planned load above base load. */
err craft_forecast(const struct craft *c, const struct craft_params *p, const struct sky *sky,
                   uint32_t node, tai_ns from, tai_ns until, uint32_t planned_load_mw,
                   struct craft_forecast *out) MUST_USE;

/* Pieces, exposed for sizing and tests. */
double craft_array_power_w(const struct craft_params *p, const struct state *sky); /* at age_years */
/* Area of a panel (both faces radiate) that gives off `heat_w` at a temperature, absorbing `environment_w_m2` per area of panel. */
double craft_radiator_area_m2(double heat_w, double kelvin, double emissivity, double environment_w_m2);
/* View factor from a small plate to the Earth; gamma = angle between its normal and nadir. */
double craft_earth_view_factor(double altitude_km, double gamma_rad);
double craft_environment_w(const struct craft_params *p,
                           const struct state *sky); /* absorbed by both faces */

#endif
