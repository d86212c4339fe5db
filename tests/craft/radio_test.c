#include "craft/radio.h"

#include <math.h>

#include "test.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

static void free_space_takes_the_known_loss(void **state)
{
    (void)state;
    /* 92.45 + 20 log10(GHz) + 20 log10(km) */
    NEAR(radio_space_loss_db(550.0, 20e9), 173.28, 0.01);
    NEAR(radio_space_loss_db(1000.0, 1e9), 152.45, 0.01);
    NEAR(radio_space_loss_db(2000.0, 40e9) - radio_space_loss_db(1000.0, 20e9), 12.04, 0.01);
}

static void carrier_to_noise_adds_up(void **state)
{
    (void)state;
    struct radio_terminal t = radio_terminal_ka();
    /* 30 dBW + 25 dB/K - FSL(1000 km) 178.47 - 2 - 0.5/sin(30) + 228.60 - 86.02 dB(400 MHz) = 16.11 dB */
    NEAR(radio_es_n0_db(&t, 25.0, 1000.0, M_PI / 6.0), 16.11, 0.01);
    t.rain_db = 5.0;
    NEAR(radio_es_n0_db(&t, 25.0, 1000.0, M_PI / 6.0), 6.11, 0.01);
    NEAR(radio_es_n0_db(&t, 25.0, 1000.0, M_PI / 2.0), 11.61, 0.01);
}

static void the_ladder_takes_the_fastest_mode_that_closes(void **state)
{
    (void)state;
    struct radio_terminal t = radio_terminal_ka();
    t.margin_db = 0.0;
    const struct {
        double es_n0_db;
        const char *name;
    } expected[] = {{-2.35, "QPSK 1/4"}, {1.0, "QPSK 1/2"}, {6.3, "8PSK 3/5"}, {9.5, "16APSK 2/3"}, {20.0, "32APSK 9/10"}};
    assert_null(radio_mode_for(&t, -2.36));
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_string_equal(radio_mode_for(&t, expected[i].es_n0_db)->name, expected[i].name);
    t.margin_db = 3.0;
    assert_string_equal(radio_mode_for(&t, 4.0)->name, "QPSK 1/2");
    t.mode_highest = 3;
    assert_string_equal(radio_mode_for(&t, 20.0)->name, "QPSK 1/2");
    NEAR(radio_eb_n0_needed_db(radio_mode_at(3)), 1.05, 0.005);  /* QPSK 1/2 */
    NEAR(radio_eb_n0_needed_db(radio_mode_at(0)), 0.75, 0.01); /* QPSK 1/4 */
    for (uint32_t i = 1; i < RADIO_MODES; i++)
        assert_true(radio_mode_at(i)->es_n0_db > radio_mode_at(i - 1)->es_n0_db);
}

static void rain_and_distance_lower_the_rate(void **state)
{
    (void)state;
    struct radio_terminal t = radio_terminal_ka();
    uint64_t near = radio_rate_bps(&t, 25.0, 600.0, 1.2), far = radio_rate_bps(&t, 25.0, 1800.0, 0.2);
    assert_true(near > 1500000000 && far < near && far > 500000000);
    t.rain_db = 12.0;
    assert_true(radio_rate_bps(&t, 25.0, 1800.0, 0.2) == 0);
    struct radio_terminal v = radio_terminal_v(), x = radio_terminal_x();
    assert_true(radio_rate_bps(&v, 30.0, 600.0, 1.2) > near);
    assert_true(radio_rate_bps(&x, 30.0, 1500.0, 0.4) > 40000000 && radio_rate_bps(&x, 30.0, 1500.0, 0.4) < 250000000);
}

static void a_jammer_is_judged_against_the_mode(void **state)
{
    (void)state;
    struct radio_terminal t = radio_terminal_ka();
    const struct radio_mode *robust = radio_mode_at(0), *fast = radio_mode_at(27);
    NEAR(radio_jam_margin_db(&t, robust, 1000.0, 30.0, 1000.0, 0.0), 2.35, 1e-9);
    NEAR(radio_jam_margin_db(&t, fast, 1000.0, 30.0, 1000.0, 30.0), 30.0 - 16.05, 1e-9);
    NEAR(radio_jam_margin_db(&t, robust, 1000.0, 30.0, 100.0, 0.0), 2.35 - 20.0, 1e-9);
}

static void refuses_terminals_without_meaning(void **state)
{
    (void)state;
    struct radio_terminal t = radio_terminal_v();
    assert_int_equal(radio_check(&t), ERR_OK);
    t.frequency_hz = (double)NAN;
    assert_int_equal(radio_check(&t), ERR_RANGE);
    t = radio_terminal_x();
    assert_int_equal(radio_check(&t), ERR_OK);
    t.mode_highest = RADIO_MODES;
    assert_int_equal(radio_check(&t), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_space_takes_the_known_loss),
        cmocka_unit_test(carrier_to_noise_adds_up),
        cmocka_unit_test(the_ladder_takes_the_fastest_mode_that_closes),
        cmocka_unit_test(rain_and_distance_lower_the_rate),
        cmocka_unit_test(a_jammer_is_judged_against_the_mode),
        cmocka_unit_test(refuses_terminals_without_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
