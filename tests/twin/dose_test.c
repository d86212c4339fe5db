/* Satellites of an accelerated class take the dose of decades in hours: they derate, and die of it, as one history. */
#include "test.h"

#include "craft/radiation.h"
#include "twin/world.h"

/* Only dose: nothing else of the environment strikes. 1e7 rad a year are 19 a minute on the reference orbit. */
#define SCENARIO(faults) \
    "name: t\nepoch: 2026-11-21T06:00:00Z\nfact_security: modelled\nmemory: {satellite_mib: 8, gateway_mib: 32}\n" \
    "constellation:\n" \
    "  - {kind: string, prefix: a, count: 5, altitude_km: 550, inclination_deg: 97.6, ltan_h: 10.5, spacing_deg: 12}\n" \
    "  - {kind: string, prefix: b, count: 1, altitude_km: 560, inclination_deg: 97.6, ltan_h: 10.5, anomaly_deg: 60, spacing_deg: 12,\n" \
    "     craft: {class: box-4kw, radiation: {dose_rad_per_year: 1e7, rad_per_uncorrectable: 1e9, memory_chips: 0, resets_per_year: 0,\n" \
    "       latch_ups_per_year: 0, derate_rad: 300, death_rad: 900}}}\n" \
    "  - {kind: string, prefix: c, count: 1, altitude_km: 560, inclination_deg: 97.6, ltan_h: 10.5, anomaly_deg: 72, spacing_deg: 12,\n" \
    "     craft: {class: box-4kw, power: {age_years: 43.333333333333336}}}\n" \
    "gateways:\n  - {name: gw-a, latitude_deg: 78.2, longitude_deg: 15.4}\n  - {name: gw-b, latitude_deg: -72.0, longitude_deg: 2.5}\n" \
    "faults: {radiation: " faults "}\n"

enum { FAST = 6, OLD = 7 };

struct ran {
    struct figures figures;
    double dose_rad[OLD + 1];
    uint32_t old_permille;
    bool up[OLD + 1];
    uint64_t digest, violations;
};

static struct ran run(const char *text, duration_ns duration, unsigned threads, size_t shards)
{
    struct scenario *s;
    struct scenario_error wrong;
    struct world *w;
    if (scenario_parse(span_text(text), NULL, NULL, &s, &wrong) != ERR_OK)
        fail_msg("line %d: %s", wrong.line, wrong.text);
    assert_int_equal(world_open(&w, s, 3, duration, true), ERR_OK);
    w->threads = threads;
    w->shards_wanted = shards;
    world_run(w);
    struct ran out = {.figures = w->figures, .old_permille = fault_memory_permille(&w->nodes[OLD - 1]), .digest = world_end_digest(w)};
    for (node_id id = 1; id <= OLD; id++) {
        out.dose_rad[id] = w->nodes[id - 1].faults.dose_rad;
        out.up[id] = w->nodes[id - 1].up;
    }
    for (size_t i = 0; i < PROMISE_COUNT; i++)
        out.violations += checks_results(w)[i].violations;
    world_close(w);
    scenario_free(s);
    return out;
}

static void dose_derates_and_kills_by_class_and_place(void **state)
{
    (void)state;
    const duration_ns duration = 4 * NS_PER_HOUR;
    struct ran r = run(SCENARIO("true"), duration, 1, 1);
    const struct fault_figures *f = &r.figures.faults;
    assert_int_equal(f->derated, 2); /* the fast one on its way, the old one from the start: 43.3 years of 150 rad are 6.5 krad */
    assert_int_equal(f->dead_by_dose, 1);
    assert_int_equal(f->happened[FAULT_RESET], 1);
    assert_int_equal(f->happened[FAULT_LOSS], 1);
    assert_int_equal(r.figures.crashes, 2);
    assert_false(r.up[FAST]);
    assert_true(r.dose_rad[FAST] >= 900 && r.dose_rad[FAST] < 1300); /* the dead count no more */
    assert_true(r.up[OLD] && r.dose_rad[OLD] > 6500 && r.dose_rad[OLD] < 6501);
    assert_int_equal(r.old_permille, 826); /* 1 - 0.5 (6.5 - 2) / 13 krad */
    for (node_id id = 1; id < FAST; id++)
        assert_true(r.up[id] && r.dose_rad[id] > 0.004 && r.dose_rad[id] < 0.4); /* 0.068 on the reference orbit */
    assert_int_equal(f->dose_max_mrad, (uint64_t)(r.dose_rad[OLD] * 1000 + 0.5));
    assert_int_equal(r.violations, 0);
    struct ran other = run(SCENARIO("true"), duration, 2, 3);
    assert_true(other.digest == r.digest && other.figures.faults.dose_max_mrad == f->dose_max_mrad && other.figures.faults.derated == 2);
    assert_true(other.dose_rad[FAST] == r.dose_rad[FAST]);
}

static void without_radiation_no_dose_is_taken(void **state)
{
    (void)state;
    struct ran r = run(SCENARIO("false"), 40 * NS_PER_MINUTE, 1, 1);
    assert_true(r.dose_rad[FAST] == 0 && r.dose_rad[OLD] == 0 && r.old_permille == 1000 && r.figures.faults.dose_max_mrad == 0);
}

/* What bounds the search for the instants of a plan is a bound, and not a loose one. */
static void no_way_takes_more_dose_than_the_bound(void **state)
{
    (void)state;
    struct radiation_sky sky;
    struct radiation_params p = radiation_params_cots();
    assert_int_equal(radiation_sky_init(&sky, 0.75), ERR_OK);
    double bound = radiation_dose_bound(&sky, &p, 700, 1), most = 0;
    for (int latitude = -90; latitude <= 90; latitude += 2)
        for (int longitude = -180; longitude < 180; longitude += 4) {
            double r[3];
            frames_geodetic_to_ecef(&(struct geodetic){latitude * DEGREE_RAD, longitude * DEGREE_RAD, 690}, r);
            most = MAX(most, radiation_dose_rate(&sky, &p, r, 0));
        }
    assert_true(most <= bound && most > 0.5 * bound);
    assert_int_equal(radiation_storm_add(&sky, &(struct radiation_storm){0, NS_PER_DAY, 5, 30}), ERR_OK);
    assert_true(radiation_dose_bound(&sky, &p, 700, 1) == bound + 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dose_derates_and_kills_by_class_and_place),
        cmocka_unit_test(without_radiation_no_dose_is_taken),
        cmocka_unit_test(no_way_takes_more_dose_than_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
