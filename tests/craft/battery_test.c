#include "craft/battery.h"

#include <math.h>

#include "test.h"

/* Only cycles age it. */
static struct battery_ageing cycles_only(void)
{
    struct battery_ageing a = battery_ageing_lithium();
    a.calendar_years = 1e6;
    return a;
}

static void thirty_thousand_cycles_of_thirty_per_cent_are_a_life(void **state)
{
    (void)state;
    struct battery_ageing a = cycles_only();
    struct battery_wear w;
    battery_wear_init(&w, 1.0);
    for (int k = 0; k < 30000; k++) {
        battery_wear_note(&w, &a, 0.85, 0.0);
        battery_wear_note(&w, &a, 0.70, 0.0);
        battery_wear_note(&w, &a, 1.0, 0.0);
    }
    assert_true(fabs(battery_life_used(&w, &a) - 1.0) < 1e-4);
    assert_true(fabs(battery_capacity_share(&w, &a) - 0.80) < 1e-4);
    /* 550 km: 5,499 eclipses a year (physics.md 7.5). */
    double per_year = 365.25 * 86400.0 / 5739.0;
    assert_true(fabs(per_year - 5499.0) < 1.0);
    assert_true(fabs(30000.0 / per_year - 5.46) < 0.01);
}

static void deeper_cycles_cost_more(void **state)
{
    (void)state;
    struct battery_ageing a = battery_ageing_lithium();
    assert_true(fabs(battery_cycle_life(&a, 0.30) - 30000.0) < 1e-6);
    assert_true(fabs(battery_cycle_life(&a, 0.60) - 30000.0 / pow(2.0, 1.5)) < 1e-6);
    assert_true(battery_cycle_life(&a, 0.10) > 150000.0);
}

/* The example of ASTM E1049-85, figure 6: -2 1 -3 5 -1 3 -4 4 -2; ranges 3: 0.5, 4: 1.5, 6: 0.5, 8: 1, 9: 0.5. */
static void rainflow_agrees_with_the_standard(void **state)
{
    (void)state;
    const double history[] = {-2, 1, -3, 5, -1, 3, -4, 4, -2};
    const double scale = 0.1;
    struct battery_ageing a = cycles_only();
    struct battery_wear w;
    battery_wear_init(&w, 0.5 + scale * history[0]);
    for (size_t k = 1; k < COUNT_OF(history); k++)
        for (int part = 1; part <= 7; part++) /* small steps between the turns change nothing */
            battery_wear_note(&w, &a, 0.5 + scale * (history[k - 1] + (history[k] - history[k - 1]) * part / 7.0), 0.0);
    battery_wear_note(&w, &a, 0.5 + scale * -1.99, 0.0); /* shows the last turn */
    const double ranges[5][2] = {{3, 0.5}, {4, 1.5}, {6, 0.5}, {8, 1.0}, {9, 0.5}};
    double expected = 0.0;
    for (int k = 0; k < 5; k++)
        expected += ranges[k][1] / battery_cycle_life(&a, scale * ranges[k][0]);
    assert_true(fabs((w.damage + w.open_damage) / expected - 1.0) < 1e-6);
    assert_true(w.cycles == 2.5); /* closed: halves of 3, 4 and 8, and the inner 4 */
}

static void years_and_use_before_count(void **state)
{
    (void)state;
    struct battery_ageing a = battery_ageing_lithium();
    a.used_at_start = 0.25;
    struct battery_wear w;
    battery_wear_init(&w, 1.0);
    for (int day = 0; day < 5479; day++)
        battery_wear_note(&w, &a, 1.0, 86400.0);
    assert_true(fabs(battery_life_used(&w, &a) - 1.25) < 1e-3);
    assert_true(fabs(battery_capacity_share(&w, &a) - 0.75) < 1e-3);
}

static void a_growing_swing_never_overflows(void **state)
{
    (void)state;
    struct battery_ageing a = cycles_only();
    struct battery_wear w;
    battery_wear_init(&w, 0.5);
    for (int k = 1; k < 400; k++) { /* shrinking ranges stay open, all of them */
        battery_wear_note(&w, &a, 0.5 + (k % 2 ? 0.5 : -0.5) * (1.0 - k / 400.0), 1.0);
        assert_true(w.turn_count >= 1 && w.turn_count <= BATTERY_TURNS_MAX);
    }
    assert_true(w.damage > 0.0 && battery_life_used(&w, &a) < 0.1);
}

static void refuses_ageing_without_meaning(void **state)
{
    (void)state;
    struct battery_ageing a = battery_ageing_lithium();
    assert_int_equal(battery_ageing_check(&a), ERR_OK);
    a.cycles = 0.0;
    assert_int_equal(battery_ageing_check(&a), ERR_RANGE);
    a = battery_ageing_lithium();
    a.exponent = (double)NAN;
    assert_int_equal(battery_ageing_check(&a), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_thousand_cycles_of_thirty_per_cent_are_a_life),
        cmocka_unit_test(deeper_cycles_cost_more),
        cmocka_unit_test(rainflow_agrees_with_the_standard),
        cmocka_unit_test(years_and_use_before_count),
        cmocka_unit_test(a_growing_swing_never_overflows),
        cmocka_unit_test(refuses_ageing_without_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
