#include "craft/radiation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "craft/portable.h"
#include "orbit/frames.h"
#include "orbit/walker.h"
#include "test.h"

#define START (1764547200LL * NS_PER_S) /* 2025-12-01 */
enum { EVENTS_MAX = 40000 };

struct orbit {
    struct sgp4 sgp4;
    uint64_t asked;
};

static bool orbit_where(void *context, tai_ns t, double r_ecef_km[3])
{
    struct orbit *o = context;
    double r[3], v[3];
    o->asked++;
    if (sgp4_at(&o->sgp4, t, r, v) != SGP4_OK)
        return false;
    frames_teme_to_ecef(frames_gmst(t), r, r_ecef_km);
    return true;
}

static struct orbit orbit_at(double altitude_km, double inclination_deg)
{
    struct pearls pearls = {.altitude_km = altitude_km, .inclination_deg = inclination_deg, .spacing_deg = 10, .count = 1,
                            .epoch = START};
    struct elements e;
    struct orbit o = {0};
    assert_int_equal(pearls_elements(&pearls, 0, &e), ERR_OK);
    assert_int_equal(sgp4_init(&o.sgp4, &e), ERR_OK);
    return o;
}

static struct radiation_sky sky_with(double share)
{
    struct radiation_sky s;
    assert_int_equal(radiation_sky_init(&s, share), ERR_OK);
    return s;
}

static struct radiation_source gigabit(uint32_t node, enum radiation_severity least)
{
    struct radiation_params p = radiation_params_cots();
    p.memory_bits = 1e9;
    return radiation_source_of(&p, RADIATION_MEMORY_UPSET, 11, node, 720.0, least);
}

static size_t collect(const struct radiation_sky *s, const struct radiation_source *source, struct orbit *o, tai_ns until,
                      struct radiation_event *out)
{
    size_t count = 0;
    for (tai_ns from = START; radiation_next(s, source, orbit_where, o, from, until, &out[count]); from = out[count++].at + 1)
        assert_true(count + 1 < EVENTS_MAX && out[count].at >= from);
    return count;
}

static void thirty_days_at_686_km_give_the_measured_rate(void **state)
{
    (void)state;
    struct radiation_sky s = sky_with(0.75);
    struct orbit o = orbit_at(686.0, 98.16);
    struct radiation_source source = gigabit(1, RADIATION_SINGLE);
    struct radiation_event *e = calloc(EVENTS_MAX, sizeof *e);
    size_t count = collect(&s, &source, &o, START + 30 * NS_PER_DAY, e);
    double expected = 4.04e-7 * 1e9 * 30.0, sampling = sqrt(expected), anomaly = 0.0, severity[3] = {0};
    assert_true(fabs((double)count - expected) < 3.0 * sampling);
    for (size_t i = 0; i < count; i++) {
        anomaly += e[i].anomaly;
        severity[e[i].severity]++;
        assert_false(e[i].storm);
    }
    double n = (double)count;
    assert_true(fabs(anomaly / n - 0.75) < 3.0 * sqrt(0.75 * 0.25 / n));
    assert_true(fabs(severity[0] / n - 0.986) < 3.0 * sqrt(0.986 * 0.014 / n));
    assert_true(fabs(severity[1] / n - 0.0122) < 3.0 * sqrt(0.0122 / n));
    assert_true(fabs(severity[2] / n - 0.0018) < 3.0 * sqrt(0.0018 / n));
    assert_true(o.asked < 60 * count); /* thinning looks at a few tens of places per upset */
    free(e);
}

static void the_share_of_the_anomaly_is_the_parameter(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        double share = k ? 0.6 : 0.9, anomaly = 0.0;
        struct radiation_sky s = sky_with(share);
        struct orbit o = orbit_at(686.0, 98.16);
        struct radiation_source source = gigabit(2, RADIATION_SINGLE);
        struct radiation_event *e = calloc(EVENTS_MAX, sizeof *e);
        size_t count = collect(&s, &source, &o, START + 10 * NS_PER_DAY, e);
        for (size_t i = 0; i < count; i++)
            anomaly += e[i].anomaly;
        assert_true(fabs(anomaly / (double)count - share) < 3.0 * sqrt(share * (1.0 - share) / (double)count));
        free(e);
    }
}

/* Integral of the rate (upsets) over each step of ten seconds, by the midpoint rule. */
static double *rate_integral(const struct radiation_sky *s, double per_day, struct orbit *o, size_t steps)
{
    double *sum = calloc(steps + 1, sizeof *sum), r[3];
    for (size_t i = 0; i < steps; i++) {
        tai_ns t = START + (tai_ns)i * 10 * NS_PER_S + 5 * NS_PER_S;
        assert_true(orbit_where(o, t, r));
        struct radiation_field f = radiation_field_at(s, r);
        sum[i + 1] = sum[i] + (f.background + f.anomaly) * radiation_storm_factor(s, t) * per_day / 8640.0;
    }
    return sum;
}

static void after_a_change_of_time_the_waits_are_exponential(void **state)
{
    (void)state;
    enum { CELLS = 20, DAYS = 8 };
    struct radiation_sky s = sky_with(0.75);
    struct radiation_storm storm = {START + 3 * NS_PER_DAY, START + 4 * NS_PER_DAY, 5.0, 30.0};
    assert_int_equal(radiation_storm_add(&s, &storm), ERR_OK);
    struct orbit o = orbit_at(686.0, 98.16);
    struct radiation_source source = gigabit(3, RADIATION_SINGLE);
    struct radiation_event *e = calloc(EVENTS_MAX, sizeof *e);
    size_t count = collect(&s, &source, &o, START + DAYS * NS_PER_DAY, e);
    double *sum = rate_integral(&s, source.per_day, &o, DAYS * 8640), before = 0.0, chi = 0.0;
    int cell[CELLS] = {0};
    for (size_t i = 0; i < count; i++) {
        double at = (double)(e[i].at - START) / 1e10;
        size_t step = (size_t)at;
        double passed = sum[step] + (at - (double)step) * (sum[step + 1] - sum[step]);
        cell[(int)((1.0 - exp(-(passed - before))) * CELLS)]++;
        before = passed;
        assert_int_equal(e[i].storm, e[i].at >= storm.start && e[i].at < storm.end);
    }
    double expected = (double)count / CELLS;
    for (int c = 0; c < CELLS; c++)
        chi += (cell[c] - expected) * (cell[c] - expected) / expected;
    assert_true(count > 3000);
    assert_true(chi < 43.8); /* 19 degrees of freedom, 0.1 per cent */
    free(sum);
    free(e);
}

static void what_comes_next_does_not_depend_on_who_asked_before(void **state)
{
    (void)state;
    struct radiation_sky s = sky_with(0.75);
    struct orbit o = orbit_at(550.0, 53.0);
    struct radiation_source source = gigabit(4, RADIATION_DOUBLE);
    struct radiation_event *e = calloc(EVENTS_MAX, sizeof *e), again;
    size_t count = collect(&s, &source, &o, START + 2 * NS_PER_DAY, e);
    assert_true(count > 2);
    for (size_t i = count; i-- > 1;) { /* backwards, from between the events */
        tai_ns from = e[i - 1].at + (e[i].at - e[i - 1].at) / 2 + 1;
        assert_true(radiation_next(&s, &source, orbit_where, &o, from, START + 2 * NS_PER_DAY, &again));
        assert_memory_equal(&again, &e[i], sizeof again);
        assert_true(again.severity >= RADIATION_DOUBLE);
        assert_false(radiation_next(&s, &source, orbit_where, &o, from, e[i].at, &again));
    }
    free(e);
}

static void higher_orbits_are_hit_more_as_published(void **state)
{
    (void)state;
    /* Satellites between 1,050 and 1,425 km: 7.63e-7 upsets per bit and day (twin.md 5.3). */
    struct radiation_sky s = sky_with(0.75);
    struct orbit o = orbit_at(1237.0, 88.0), low = orbit_at(400.0, 51.6);
    size_t steps = 10 * 8640;
    double *high_sum = rate_integral(&s, 4.04e-7, &o, steps), *low_sum = rate_integral(&s, 4.04e-7, &low, steps);
    assert_true(fabs(high_sum[steps] / 10.0 / 7.63e-7 - 1.0) < 0.10);
    assert_true(low_sum[steps] < 0.5 * 4.04e-7 * 10.0);
    free(high_sum);
    free(low_sum);
}

static void the_anomaly_lies_where_the_map_says(void **state)
{
    (void)state;
    struct radiation_sky s = sky_with(0.75);
    const struct {
        double latitude_deg, longitude_deg, low, high;
    } places[] = {{-26, -49, 5, 100}, {-30, -20, 1, 20}, {30, 100, -1, 0.01}, {26, 131, -1, 1e-9}, {-26, 60, -1, 0.2}, {80, 0, -1, 0.01}};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct geodetic g = {places[i].latitude_deg * DEGREE_RAD, places[i].longitude_deg * DEGREE_RAD, 686.0};
        double r[3];
        frames_geodetic_to_ecef(&g, r);
        struct radiation_field f = radiation_field_at(&s, r);
        assert_true(f.anomaly >= places[i].low && f.anomaly <= places[i].high);
        assert_true(f.background > 0.0 && f.background < 1.0);
    }
}

static void dose_adds_up_derates_and_kills(void **state)
{
    (void)state;
    struct radiation_sky s = sky_with(0.75);
    struct radiation_params p = radiation_params_cots();
    struct orbit o = orbit_at(686.0, 98.16);
    struct radiation_storm storm = {START + 12 * NS_PER_DAY, START + 14 * NS_PER_DAY, 10.0, 30.0};
    assert_int_equal(radiation_storm_add(&s, &storm), ERR_OK);
    double rad = 0.0, r[3];
    for (int i = 0; i < 30 * 1440; i++) {
        tai_ns t = START + i * NS_PER_MINUTE;
        assert_true(orbit_where(&o, t, r));
        rad += radiation_dose_rate(&s, &p, r, t) / 1440.0;
    }
    assert_true(fabs(rad - (30.0 + 150.0 * 30.0 / 365.25)) < 0.02 * rad);
    assert_int_equal(radiation_health(&p, 1999999), RADIATION_WELL);
    assert_int_equal(radiation_health(&p, 2000000), RADIATION_DERATED);
    assert_int_equal(radiation_health(&p, 14999999), RADIATION_DERATED);
    assert_int_equal(radiation_health(&p, 15000000), RADIATION_DEAD);
    assert_int_equal(radiation_memory_permille(&p, 2000000), 1000);
    assert_int_equal(radiation_memory_permille(&p, 8500000), 750);
    assert_int_equal(radiation_memory_permille(&p, 15000000), 0);
}

static void resets_latch_ups_and_uncorrectable_errors_come_at_their_rates(void **state)
{
    (void)state;
    struct radiation_sky s = sky_with(0.75);
    struct radiation_params p = radiation_params_cots();
    struct radiation_event e;
    double expected[RADIATION_PROCESS_COUNT] = {[RADIATION_MEMORY_UNCORRECTABLE] = 3.0, [RADIATION_RESET] = 4.0,
                                                [RADIATION_LATCH_UP] = 0.5};
    struct orbit o = orbit_at(686.0, 98.16);
    for (int process = RADIATION_MEMORY_UNCORRECTABLE; process < RADIATION_PROCESS_COUNT; process++) {
        int count = 0, burnt = 0;
        for (uint32_t node = 1; node <= 300; node++) { /* 300 members for a month: 25 member years */
            struct radiation_source source = radiation_source_of(&p, (enum radiation_process)process, 5, node, 720.0, RADIATION_MULTIPLE);
            tai_ns until = START + (tai_ns)(30.4375 * 86400) * NS_PER_S;
            for (tai_ns from = START; radiation_next(&s, &source, orbit_where, &o, from, until, &e); from = e.at + 1) {
                count++;
                burnt += e.burn_out;
            }
        }
        assert_true(fabs(count - 25.0 * expected[process]) < 3.5 * sqrt(25.0 * expected[process]));
        assert_true(process == RADIATION_LATCH_UP || burnt == 0);
    }
    assert_string_equal(radiation_process_name(RADIATION_LATCH_UP), "latch-up");
}

static void storms_are_drawn_by_day_and_never_overlap(void **state)
{
    (void)state;
    struct radiation_sky s = sky_with(0.75), part = s;
    assert_int_equal(radiation_storms_draw(&s, 9, 4.0, START, START + 3650 * NS_PER_DAY), ERR_OK);
    assert_true(s.storm_count > 20 && s.storm_count < 60);
    for (size_t i = 0; i < s.storm_count; i++) {
        assert_true(s.storms[i].factor >= 2.0 && s.storms[i].factor <= 20.0 && s.storms[i].end > s.storms[i].start);
        assert_true(i == 0 || s.storms[i].start >= s.storms[i - 1].end);
        assert_true(radiation_storm_factor(&s, s.storms[i].start) == s.storms[i].factor);
    }
    assert_int_equal(radiation_storms_draw(&part, 9, 4.0, START, START + 365 * NS_PER_DAY), ERR_OK);
    assert_true(part.storm_count <= s.storm_count);
    for (size_t i = 0; i < part.storm_count; i++)
        assert_true(part.storms[i].start == s.storms[i].start);
    struct radiation_storm over = {s.storms[0].start + 1, s.storms[0].end + 1, 2.0, 0.0}, none = {5, 5, 2.0, 0.0};
    assert_int_equal(radiation_storm_add(&s, &over), ERR_CONFLICT);
    assert_int_equal(radiation_storm_add(&s, &none), ERR_RANGE);
}

static void refuses_parameters_without_meaning(void **state)
{
    (void)state;
    struct radiation_sky s;
    assert_int_equal(radiation_sky_init(&s, 1.5), ERR_RANGE);
    assert_int_equal(radiation_sky_init(&s, (double)NAN), ERR_RANGE);
    struct radiation_params p = radiation_params_tolerant();
    assert_int_equal(radiation_params_check(&p), ERR_OK);
    p.death_rad = p.derate_rad / 2;
    assert_int_equal(radiation_params_check(&p), ERR_RANGE);
    p = radiation_params_cots();
    p.memory_bits = (double)NAN;
    assert_int_equal(radiation_params_check(&p), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_days_at_686_km_give_the_measured_rate),
        cmocka_unit_test(the_share_of_the_anomaly_is_the_parameter),
        cmocka_unit_test(after_a_change_of_time_the_waits_are_exponential),
        cmocka_unit_test(what_comes_next_does_not_depend_on_who_asked_before),
        cmocka_unit_test(higher_orbits_are_hit_more_as_published),
        cmocka_unit_test(the_anomaly_lies_where_the_map_says),
        cmocka_unit_test(dose_adds_up_derates_and_kills),
        cmocka_unit_test(resets_latch_ups_and_uncorrectable_errors_come_at_their_rates),
        cmocka_unit_test(storms_are_drawn_by_day_and_never_overlap),
        cmocka_unit_test(refuses_parameters_without_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
