#include "craft/portable.h"

#include <math.h>

#include "test.h"

static void agrees_with_the_mathematical_library(void **state)
{
    (void)state;
    double worst_exp = 0.0, worst_log = 0.0, worst_log1m = 0.0;
    for (int k = 0; k < 200000; k++) {
        double x = -699.0 + 1398.0 * keyed_unit(1, (uint64_t)k), u = keyed_unit(2, (uint64_t)k);
        double y = exp(-690.0 + 1380.0 * u), tiny = exp(-40.0 * u);
        worst_exp = fmax(worst_exp, fabs(portable_exp(x) / exp(x) - 1.0));
        if (fabs(log(y)) > 1e-3)
            worst_log = fmax(worst_log, fabs(portable_log(y) / log(y) - 1.0));
        if (tiny < 1.0)
            worst_log1m = fmax(worst_log1m, fabs(portable_log1m(tiny) / log1p(-tiny) - 1.0));
    }
    assert_true(worst_exp < 1e-15 && worst_log < 1e-15 && worst_log1m < 1e-15);
}

static void the_edges_are_defined(void **state)
{
    (void)state;
    assert_true(portable_exp(0.0) == 1.0 && portable_exp(-1e9) == 0.0 && portable_exp((double)NAN) == 0.0);
    assert_true(isfinite(portable_exp(1e9)));
    assert_true(portable_log(1.0) == 0.0 && portable_log1m(0.0) == 0.0);
    assert_true(fabs(portable_log(4.9e-324) + 744.4400719213812) < 1e-9);
    assert_true(fabs(portable_decibel(1000.0) - 30.0) < 1e-13 && fabs(portable_ratio(-30.0) - 1e-3) < 1e-17);
    assert_true(fabs(portable_power(2.0, 0.5) - sqrt(2.0)) < 1e-15);
}

static void keyed_numbers_are_uniform_and_independent_of_order(void **state)
{
    (void)state;
    enum { CELLS = 50, DRAWS = 100000 };
    uint64_t key = keyed_key(7, 3, 1);
    int count[CELLS] = {0};
    double sum = 0.0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        count[(int)(keyed_unit(key, DRAWS - 1 - i) * CELLS)]++;
        sum += keyed_exponential(key, i);
    }
    double chi = 0.0, expected = (double)DRAWS / CELLS;
    for (int c = 0; c < CELLS; c++)
        chi += (count[c] - expected) * (count[c] - expected) / expected;
    assert_true(chi < 85.4); /* 49 degrees of freedom, 0.1 per cent */
    assert_true(fabs(sum / DRAWS - 1.0) < 4.0 / sqrt(DRAWS));
    assert_true(keyed_u64(key, 5) == keyed_u64(key, 5) && keyed_u64(key, 5) != keyed_u64(keyed_key(7, 4, 1), 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_mathematical_library),
        cmocka_unit_test(the_edges_are_defined),
        cmocka_unit_test(keyed_numbers_are_uniform_and_independent_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
