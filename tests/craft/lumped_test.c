/*
 * The published end state of another simulator: PASEOS, constellation example (4 planes of 4, 550 km above 6,371 km, 10 degrees
 * to the ecliptic, 2023-01-04T20:00:00Z, 8 hours). Each member charges with 50 W in sunlight, holds 100 kJ, processes with 100 W while its
 * charge is above 0.2 and its temperature below 330 K (looked at every 10 s, decided anew every 600 s), else draws 2 W;
 * one node of 50 kJ/K, 2 m^2 towards the Sun, 2 m^2 towards the Earth, 4 m^2 emitting, all black; half of the load is heat.
 */
#include "craft/craft.h"

#include <math.h>

#include "orbit/sun.h"
#include "test.h"

enum { PLANES = 4, SLOTS = 4, MEMBERS = PLANES * SLOTS };
#define BODY_KM 6378.137
#define ORBIT_KM 6921.0
#define MU 398600.4418

/* numpy.random.seed(1); rand(16): the state of charge at the start is 0.1 + 0.9 of it. */
static const double drawn[MEMBERS] = {
    0.417022004702574,   0.7203244934421581, 0.00011437481734488664, 0.30233257263183977, 0.14675589081711304, 0.0923385947687978,
    0.1862602113776709,  0.34556072704304774, 0.39676747423066994,   0.538816734003357,   0.4191945144032948,  0.6852195003967595,
    0.20445224973151743, 0.8781174363909454, 0.027387593197926163,   0.6704675101784022};

struct member {
    struct craft craft;
    double node, anomaly;
};

static struct craft_params lump(void)
{
    struct craft_params p = craft_params_box();
    p.battery_wh = 100000.0 / 3600.0;
    p.charge_efficiency = p.discharge_efficiency = 1.0;
    p.ageing.fade_at_end = 0.0;
    p.battery_floor_fraction = 0.0;
    p.heater_w = p.base_load_w = 0.0;
    p.core_capacity_j_k = 1.0; /* one node: the core is nothing, the pipe a short circuit */
    p.radiator_capacity_j_k = 49999.0;
    p.conductance_w_k = p.conductance_closed_w_k = 1e6;
    p.radiator_area_m2 = 2.0; /* both faces: 4 m^2 */
    p.emissivity = 1.0;
    return p;
}

static double sun_longitude(double t)
{
    double s[3];
    tai_ns start = time_from_utc(2023, 1, 4, 20, 0, 0.0);
    sun_position(start + (tai_ns)(t * 1e9), s);
    double slope = 23.4393 * DEGREE_RAD;
    return atan2(s[1] * cos(slope) + s[2] * sin(slope), s[0]);
}

static bool eclipsed(const struct member *m, double t)
{
    double u = M_PI * DEGREE_RAD + m->anomaly + sqrt(MU / (ORBIT_KM * ORBIT_KM * ORBIT_KM)) * t, tilt = 10.0 * DEGREE_RAD;
    double x = ORBIT_KM * (cos(m->node) * cos(u) - sin(m->node) * sin(u) * cos(tilt));
    double y = ORBIT_KM * (sin(m->node) * cos(u) + cos(m->node) * sin(u) * cos(tilt));
    double longitude = sun_longitude(t), along = x * cos(longitude) + y * sin(longitude);
    return along < 0.0 && ORBIT_KM * ORBIT_KM - along * along < BODY_KM * BODY_KM;
}

static bool may_process(const struct member *m)
{
    return m->craft.battery_j / 1e5 > 0.2 && m->craft.radiator_k < 330.0;
}

/* Ten seconds: eclipses as they are at the start, charging only if the end is lit too; half of the load stays outside as heat. */
static void member_step(struct member *m, const struct craft_params *p, double t, double load_w)
{
    bool dark = eclipsed(m, t), ends_dark = eclipsed(m, t + 10.0);
    double infrared = 0.6 * 2.0 * 5.670374419e-8 * pow(288.0, 4.0) * pow(BODY_KM / ORBIT_KM, 2.0);
    double sun = 2.0 * 1360.0, albedo = 0.5 * 2.0 * 0.3 * 1360.0, generation = dark || ends_dark ? 0.0 : 50.0;
    double battery_heat = 0.0; /* efficiencies are 1 */
    struct craft_surroundings around = {generation, infrared + (dark ? 0.0 : sun + albedo) - 0.5 * load_w + battery_heat, !dark};
    craft_advance(&m->craft, p, &around, load_w, 10.0);
}

static void sixteen_members_end_as_paseos_says(void **state)
{
    (void)state;
    struct craft_params p = lump();
    assert_int_equal(craft_params_check(&p), ERR_OK);
    struct member members[MEMBERS];
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = (struct member){.node = M_PI / 2.0 * (i / SLOTS), .anomaly = M_PI / 2.0 * (i % SLOTS)};
        craft_init(&members[i].craft, &p, 0.1 + 0.9 * drawn[i], 273.15);
    }
    int processing = 0;
    for (int decision = 0; decision < 48; decision++) {
        processing = 0;
        for (int i = 0; i < MEMBERS; i++) {
            bool busy = may_process(&members[i]);
            processing += busy;
            for (int k = 0; k < 60; k++) {
                busy = busy && may_process(&members[i]);
                member_step(&members[i], &p, 600.0 * decision + 10.0 * k, busy ? 100.0 : 2.0);
            }
        }
    }
    double charge = 0.0, kelvin = 0.0;
    for (int i = 0; i < MEMBERS; i++) {
        charge += members[i].craft.battery_j / 1e5 / MEMBERS;
        kelvin += members[i].craft.radiator_k / MEMBERS;
        assert_true(members[i].craft.energy_residual < 1e-9);
    }
    print_message("mean charge %.4f, mean temperature %.2f K, %d of 16 processing\n", charge, kelvin, processing);
    assert_true(fabs(charge / 0.541 - 1.0) < 0.01);
    assert_true(fabs(kelvin - 317.82) < 1.0);
    assert_int_equal(processing, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_members_end_as_paseos_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
