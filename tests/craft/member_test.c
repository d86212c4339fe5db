#include "craft/member.h"

#include <math.h>
#include <string.h>

#include "test.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

static struct member builtin(const char *name)
{
    struct member m;
    assert_true(member_builtin(name, &m));
    assert_int_equal(member_check(&m), ERR_OK);
    return m;
}

static void the_classes_of_before_are_what_they_were(void **state)
{
    (void)state;
    struct member box = builtin("box-4kw"), pod = builtin("pod-100w"), none;
    struct craft_params box_params = craft_params_box(), pod_params = craft_params_pod();
    assert_memory_equal(&box.craft, &box_params, sizeof box_params);
    assert_memory_equal(&pod.craft, &pod_params, sizeof pod_params);
    assert_true(member_cores(&box) == 2.0 && member_core_power_mw(&box) == 15000 && member_lane_memory_mib(&box) == 512.0);
    assert_true(member_terminal_power_mw(&box) == 8000 && box.storage_gib == 4.0);
    assert_false(member_builtin("box-5kw", &none));
    /* Their links stand at 10 Gb/s as far as the usual plan reaches. */
    assert_true(optical_rate_bps(&box.optical, &box.optical, 5000.0, 0.0) >= 10000000000);
    assert_true(optical_rate_bps(&pod.optical, &pod.optical, 5000.0, 0.0) == 10000000000);
}

/* physics.md 7.5 and 7.6: 4 kW, 550 km, beta 0, round trip 0.9, battery at 30 per cent, radiator edge-on. */
static void the_budget_repeats_the_known_sizes(void **state)
{
    (void)state;
    struct member m = builtin("box-4kw");
    m.craft.base_load_w = 4000.0 - 30.0 - 4 * 8.0 - m.radio.draw_w;
    m.craft.charge_efficiency = 0.9;
    m.craft.discharge_efficiency = 1.0;
    m.craft.battery_wh = 7910.0;
    m.craft.ageing.calendar_years = 1e6;
    m.craft.temperature_coefficient = m.craft.degradation_per_year = 0.0;
    m.craft.array_area_m2 = 6636.0 / (SOLAR_CONSTANT_W_M2 * m.craft.cell_efficiency * m.craft.packing);
    m.craft.radiator_area_m2 = 4.474;
    struct member_budget b = member_budget_at(&m, 550.0, 5.0);
    NEAR(b.load_w, 4000.0, 1e-9);
    NEAR(b.eclipse_s, 2136.7, 0.1);
    NEAR(b.period_s, 5739.0, 0.1);
    NEAR(b.eclipse_wh, 2374.0, 1.0);
    NEAR(b.depth, 0.300, 0.0005);
    NEAR(b.battery_kg, 79.1, 0.1);
    NEAR(b.carried_w, 4000.0, 2.0);
    NEAR(b.battery_years, 5.46, 0.02);
    NEAR(b.radiator_needed_m2, 4.474, 0.001);
}

static void a_loop_of_the_model_agrees_with_the_budget(void **state)
{
    (void)state;
    struct member m = builtin("pod-100w");
    m.craft.base_load_w = 60.0;
    m.craft.heater_w = 0.0;
    struct member_budget b = member_budget_at(&m, 550.0, 0.0);
    struct craft c;
    craft_init(&c, &m.craft, 1.0, 300.0);
    struct craft_surroundings dark = {0.0, 0.0, 0.0};
    craft_advance(&c, &m.craft, &dark, b.load_w - 60.0, b.eclipse_s);
    NEAR(m.craft.battery_wh - c.battery_j / 3600.0, b.eclipse_wh, 0.05);
}

static void older_members_carry_less(void **state)
{
    (void)state;
    struct member m = builtin("box-4kw");
    struct member_budget b = member_budget_at(&m, 550.0, 10.0), high = member_budget_at(&m, 1200.0, 10.0);
    NEAR(b.array_old_w / b.array_new_w, pow(0.99, 10.0), 1e-9);
    assert_true(b.carried_old_w < b.carried_w && high.carried_w > b.carried_w); /* a shorter share in eclipse */
    assert_true(b.core_margin_k > 0.0 && b.floor_margin_wh > 0.0 && b.rest_kg > 0.0);
    NEAR(b.uncorrectable_per_year, 3.0, 1e-9);
    NEAR(b.upsets_per_day, 4.04e-7 * 8.0 * 512 * 1048576, 0.01);
}

static void refuses_members_without_meaning(void **state)
{
    (void)state;
    struct member m = builtin("box-4kw");
    m.lanes[0].cores = (double)NAN;
    assert_int_equal(member_check(&m), ERR_RANGE);
    m = builtin("box-4kw");
    m.lane_count = MEMBER_LANES_MAX + 1;
    assert_int_equal(member_check(&m), ERR_RANGE);
    m = builtin("pod-100w");
    m.optical.rung_count = 0;
    assert_int_equal(member_check(&m), ERR_RANGE);
    m.optical_count = 0; /* without a terminal its parameters do not matter */
    assert_int_equal(member_check(&m), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_classes_of_before_are_what_they_were),
        cmocka_unit_test(the_budget_repeats_the_known_sizes),
        cmocka_unit_test(a_loop_of_the_model_agrees_with_the_budget),
        cmocka_unit_test(older_members_carry_less),
        cmocka_unit_test(refuses_members_without_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
