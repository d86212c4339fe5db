#include "test.h"

#include <string.h>

#include "base/time.h"

static void utc_text_goes_both_ways(void **state)
{
    (void)state;
    tai_ns t;
    char text[40];
    assert_int_equal(time_utc_parse("2026-11-21T05:22:31.250Z", &t), ERR_OK);
    assert_true(t == time_from_utc(2026, 11, 21, 5, 22, 31.25));
    time_utc_text(t, 3, text);
    assert_string_equal(text, "2026-11-21T05:22:31.250Z");
}

static void years_beyond_64_bits_of_nanoseconds_are_refused(void **state)
{
    (void)state;
    tai_ns t;
    assert_int_equal(time_utc_parse("9999-01-01T00:00:00Z", &t), ERR_RANGE);
    assert_int_equal(time_utc_parse("2026-02-29T00:00:00Z", &t), ERR_RANGE);
    assert_int_equal(time_utc_parse("2028-02-29T00:00:00Z", &t), ERR_OK);
    assert_int_equal(time_utc_parse("2026-12-31T00:00:00Z", &t), ERR_OK);
    assert_int_equal(time_utc_parse("0001-01-01T00:00:00Z", &t), ERR_RANGE);
    assert_int_equal(time_utc_parse("2250-12-31T23:59:59.999999999Z", &t), ERR_OK);
    assert_int_equal(time_utc_parse("1700-01-01T00:00:00Z", &t), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utc_text_goes_both_ways),
        cmocka_unit_test(years_beyond_64_bits_of_nanoseconds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
