#include "craft/optical.h"

#include <math.h>
#include <stdlib.h>

#include "craft/portable.h"
#include "test.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

/* 80 mm at both ends, 1 W, 1550 nm, 8 dB of losses, pointed perfectly (physics.md 7.7). */
static struct optical_terminal reference(void)
{
    struct optical_terminal t = optical_terminal_80mm();
    t.jitter_rad = t.bias_rad = 0.0;
    t.loss_db = 4.0;
    return t;
}

static void the_link_budget_gives_the_known_numbers(void **state)
{
    (void)state;
    struct optical_terminal t = reference();
    struct optical_budget b = optical_budget_of(&t, &t, 5000.0, 0.0);
    NEAR(b.gain_sent_db, 104.20, 0.005);
    NEAR(b.gain_received_db, 104.20, 0.005);
    NEAR(b.space_loss_db, 272.16, 0.005);
    NEAR(b.received_dbm + 8.0, -33.76, 0.005);
    NEAR(optical_photons_per_bit(&b, t.wavelength_m, 10000000000), 52.0, 0.5);
    b = optical_budget_of(&t, &t, 8000.0, 0.0);
    NEAR(optical_photons_per_bit(&b, t.wavelength_m, 10000000000), 20.3, 0.5);
    b = optical_budget_of(&t, &t, 5400.0, 0.0);
    NEAR(optical_photons_per_bit(&b, t.wavelength_m, 100000000000), 4.5, 0.05);
}

static void pointing_errors_cost_what_the_beam_says(void **state)
{
    (void)state;
    struct optical_terminal t = reference();
    double w = 1.27 * t.wavelength_m / t.aperture_m; /* 24.6 microradians */
    NEAR(w, 24.6e-6, 0.1e-6);
    NEAR(optical_pointing_loss_db(&t, 0.0, 0.0), 0.0, 1e-12);
    NEAR(optical_pointing_loss_db(&t, w / 2.0, 0.0), 10.0 * log10(exp(2.0)), 1e-9); /* 1/e^2 at half the width */
    /* Against an average over many draws. */
    double bias = 3e-6, jitter = 5e-6, sum = 0.0;
    enum { DRAWS = 200000 };
    for (uint64_t k = 0; k < DRAWS; k++) {
        double radius = jitter * sqrt(2.0 * keyed_exponential(1, k)), angle = 2.0 * M_PI * keyed_unit(2, k);
        double x = bias + radius * cos(angle), y = radius * sin(angle);
        sum += exp(-8.0 * (x * x + y * y) / (w * w));
    }
    NEAR(optical_pointing_loss_db(&t, bias, jitter), -10.0 * log10(sum / DRAWS), 0.02);
}

static void the_rate_is_the_highest_rung_with_enough_photons(void **state)
{
    (void)state;
    struct optical_terminal t = reference();
    struct optical_step steps[OPTICAL_RUNGS_MAX];
    uint32_t count = optical_ladder(&t, &t, 0.0, steps);
    assert_int_equal(count, 4);
    for (uint32_t i = 0; i < count; i++) {
        double range = (double)steps[i].range_m / 1000.0;
        struct optical_budget b = optical_budget_of(&t, &t, range, 0.0);
        NEAR(optical_photons_per_bit(&b, t.wavelength_m, steps[i].rate_bps), t.rungs[count - 1 - i].photons_per_bit, 1e-3);
        assert_int_equal(optical_rate_bps(&t, &t, range - 0.01, 0.0), steps[i].rate_bps);
        assert_true(optical_rate_bps(&t, &t, range + 0.01, 0.0) == (i + 1 < count ? steps[i + 1].rate_bps : 0));
    }
    assert_true(steps[1].rate_bps == 25000000000 && steps[2].rate_bps == 10000000000);
    assert_true(steps[2].range_m > 8000000 && steps[2].range_m < 8200000); /* 10 Gb/s to 8,000 km, as SCOT80 */
    assert_true(optical_rate_bps(&t, &t, 5000.0, 3.0) < optical_rate_bps(&t, &t, 5000.0, 0.0)); /* 3 dB of haze */
}

static void unequal_terminals_use_what_both_have(void **state)
{
    (void)state;
    struct optical_terminal big = optical_terminal_80mm(), small = optical_terminal_small();
    assert_int_equal(optical_range_m(&big, &small, 10000000000, 0.0), 0);
    assert_true(optical_rate_bps(&big, &small, 500.0, 0.0) == 2500000000);
    assert_true(optical_range_m(&big, &small, 2500000000, 0.0) == optical_range_m(&small, &big, 2500000000, 0.0));
}

static int by_size(const void *a, const void *b)
{
    const duration_ns *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void a_spiral_search_takes_an_exponential_time(void **state)
{
    (void)state;
    enum { DRAWS = 100000, CELLS = 20 };
    struct optical_terminal t = reference();
    t.miss = 0.0;
    t.scan_sigmas = 8.0; /* as good as endless */
    NEAR(optical_search_mean_s(&t), 12.0, 1e-4);
    duration_ns *times = calloc(DRAWS, sizeof *times);
    double sum = 0.0, late = 0.0, chi = 0.0;
    int cell[CELLS] = {0};
    for (uint64_t k = 0; k < DRAWS; k++) {
        times[k] = optical_acquire(&t, 3, k).duration;
        double s = (double)times[k] / 1e9;
        sum += s;
        late += s > 100.0;
        cell[(int)((1.0 - exp(-s / 12.0)) * CELLS)]++;
    }
    for (int c = 0; c < CELLS; c++)
        chi += pow(cell[c] - DRAWS / CELLS, 2) / (DRAWS / CELLS);
    qsort(times, DRAWS, sizeof *times, by_size);
    NEAR(sum / DRAWS, 12.0, 4.0 * 12.0 / sqrt(DRAWS));
    NEAR(late / DRAWS, 2.4e-4, 1.6e-4);                         /* three sampling errors */
    NEAR((double)times[DRAWS * 99 / 100] / 1e9, 55.3, 1.2);
    assert_true(chi < 43.8); /* 19 degrees of freedom, 0.1 per cent */
    NEAR(optical_availability(&t, 29.6), 0.9959, 1e-4);
    free(times);
}

static void misses_start_the_search_again(void **state)
{
    (void)state;
    enum { DRAWS = 100000 };
    struct optical_terminal t = reference();
    t.miss = 0.2;
    t.scan_sigmas = 2.0; /* 13.5 per cent lie outside */
    double sum = 0.0, again = 0.0;
    for (uint64_t k = 0; k < DRAWS; k++) {
        struct optical_acquisition a = optical_acquire(&t, 4, k);
        sum += (double)a.duration / 1e9;
        again += a.searches > 1;
    }
    NEAR(again / DRAWS, 1.0 - 0.8 * (1.0 - exp(-2.0)), 0.006);
    NEAR(sum / DRAWS / optical_acquisition_mean_s(&t), 1.0, 0.015);
    assert_true(optical_acquisition_mean_s(&t) > optical_search_mean_s(&t));
}

static void tracking_is_lost_at_its_rate_whoever_asks(void **state)
{
    (void)state;
    struct optical_terminal t = reference();
    t.losses_per_hour = 3.0;
    int64_t until = 1000 * NS_PER_HOUR, at = 0;
    int count = 0;
    for (;; count++) {
        int64_t next = optical_loss_next(&t, 5, at, until);
        if (next == TIME_NEVER)
            break;
        assert_true(next > at && next < until);
        assert_true(optical_loss_next(&t, 5, at + (next - at) / 2, next + 1) == next);
        at = next;
    }
    NEAR(count, 3000.0, 4.0 * sqrt(3000.0));
    t.losses_per_hour = 0.0;
    assert_true(optical_loss_next(&t, 5, 0, until) == TIME_NEVER);
    double sum = 0.0;
    for (uint64_t k = 0; k < 20000; k++)
        sum += (double)optical_reacquire_ns(&t, 6, k) / 1e9;
    NEAR(sum / 20000.0, t.reacquire_s, 0.06);
}

static void a_jammer_must_shine_into_the_field_of_view(void **state)
{
    (void)state;
    struct optical_terminal t = reference();
    struct optical_budget b = optical_budget_of(&t, &t, 5000.0, 0.0);
    /* A jammer like the peer itself, just as far: signal and jam are equal, the margin is minus what is needed. */
    double gain = b.gain_sent_db - t.loss_db, alike = optical_jam_margin_db(&b, &t, t.power_w, gain, 5000.0, 0.0);
    NEAR(alike, -t.signal_to_jam_db, 1e-9);
    NEAR(optical_jam_margin_db(&b, &t, t.power_w, gain, 5000.0, 0.01), 60.0 - t.signal_to_jam_db, 1e-9);
    NEAR(optical_jam_margin_db(&b, &t, t.power_w / 10.0, gain, 5000.0, 0.0), alike + 10.0, 1e-9);
    NEAR(optical_jam_margin_db(&b, &t, t.power_w, gain, 50000.0, 0.0), alike + 20.0, 1e-9);
}

static void slewing_takes_its_time(void **state)
{
    (void)state;
    struct optical_terminal t = reference();
    assert_int_equal(optical_slew_ns(&t, 0.0), NS_PER_S);
    NEAR((double)optical_slew_ns(&t, M_PI / 2.0) / 1e9, 1.0 + M_PI / 2.0 / 0.1, 1e-6);
}

static void refuses_terminals_without_meaning(void **state)
{
    (void)state;
    struct optical_terminal t = optical_terminal_small();
    assert_int_equal(optical_check(&t), ERR_OK);
    t.aperture_m = (double)NAN;
    assert_int_equal(optical_check(&t), ERR_RANGE);
    t = optical_terminal_80mm();
    assert_int_equal(optical_check(&t), ERR_OK);
    t.rungs[1].rate_bps = t.rungs[0].rate_bps;
    assert_int_equal(optical_check(&t), ERR_RANGE);
    t = optical_terminal_80mm();
    t.scan_rad2_s = 1e-14; /* a search of years */
    assert_int_equal(optical_check(&t), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_link_budget_gives_the_known_numbers),
        cmocka_unit_test(pointing_errors_cost_what_the_beam_says),
        cmocka_unit_test(the_rate_is_the_highest_rung_with_enough_photons),
        cmocka_unit_test(unequal_terminals_use_what_both_have),
        cmocka_unit_test(a_spiral_search_takes_an_exponential_time),
        cmocka_unit_test(misses_start_the_search_again),
        cmocka_unit_test(tracking_is_lost_at_its_rate_whoever_asks),
        cmocka_unit_test(a_jammer_must_shine_into_the_field_of_view),
        cmocka_unit_test(slewing_takes_its_time),
        cmocka_unit_test(refuses_terminals_without_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
