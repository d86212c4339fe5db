#include "tables.h"

#include <math.h>

#define ONE "1 25544U 98067A   08264.51782528 -.00002182  00000-0 -11606-4 0  2927"
#define TWO "2 25544  51.6416 247.4627 0006703 130.5360 325.0288 15.72125391563537"

static err parse(const char *one, const char *two, struct elements *e, struct parse_error *error)
{
    return tle_parse_lines(span_text("ISS (ZARYA)"), span_text(one), span_text(two), TLE_STRICT, e,
                           error);
}

static void reads_every_field(void **state)
{
    (void)state;
    struct elements e;
    struct parse_error error;
    assert_int_equal(parse(ONE, TWO, &e, &error), ERR_OK);
    assert_string_equal(e.name, "ISS (ZARYA)");
    assert_int_equal(e.catalog, 25544);
    assert_true(e.classification == 'U');
    assert_string_equal(e.designator, "98067A");
    assert_true(e.epoch == time_from_utc(2008, 9, 20, 0, 0, 0.0) + 51782528LL * 864000);
    assert_true(e.mean_motion_dot == -0.00002182 && e.mean_motion_ddot == 0.0 &&
                e.bstar == -0.11606e-4);
    assert_int_equal(e.element_set, 292);
    assert_true(e.inclination_deg == 51.6416 && e.raan_deg == 247.4627 &&
                e.eccentricity == 0.0006703);
    assert_true(e.argument_of_perigee_deg == 130.5360 && e.mean_anomaly_deg == 325.0288);
    assert_true(e.mean_motion_rev_day == 15.72125391);
    assert_int_equal(e.revolution, 56353);
}

static void writes_the_same_columns_that_it_read(void **state)
{
    (void)state;
    char one[TLE_LINE_SIZE], two[TLE_LINE_SIZE];
    struct elements e, again;
    assert_int_equal(parse(ONE, TWO, &e, NULL), ERR_OK);
    assert_int_equal(tle_write(&e, one, two), ERR_OK);
    assert_string_equal(one, ONE);
    assert_string_equal(two, TWO);
    struct span text = file_read("tests/data/ref_sats.tle");
    size_t at = 0, count = 0;
    int line = 0;
    struct parse_error error;
    while (tle_next(text, &at, &line, TLE_STRICT, &e, &error) == ERR_OK) {
        assert_int_equal(tle_write(&e, one, two), ERR_OK);
        assert_memory_equal(text.data + at - 140, one,
                            44); /* then zeros may be 00000-0 or 00000+0 */
        assert_memory_equal(text.data + at - 70, two, 69);
        assert_int_equal(tle_parse_lines(span_text(e.name), span_text(one), span_text(two),
                                         TLE_STRICT, &again, &error),
                         ERR_OK);
        assert_memory_equal(&again, &e, sizeof e);
        count++;
    }
    assert_int_equal(count, 10);
    file_free(text);
}

static void says_where_and_what_is_wrong(void **state)
{
    (void)state;
    struct elements e;
    struct parse_error error;
    char one[] = ONE, two[] = TWO;
    one[68] = '8';
    assert_int_equal(parse(one, TWO, &e, &error), ERR_CORRUPT);
    assert_int_equal(error.line, 1);
    assert_int_equal(error.column, 69);
    assert_non_null(strstr(error.text, "computed 7"));
    two[10] = 'x';
    two[68] = (char)('0' + tle_checksum(span_text(two)));
    assert_int_equal(parse(ONE, two, &e, &error), ERR_INVALID);
    assert_int_equal(error.line, 2);
    assert_int_equal(error.column, 9);
    assert_non_null(strstr(error.text, "inclination"));
    two[40] = 0;
    assert_int_equal(parse(ONE, two, &e, &error), ERR_TRUNCATED);
    assert_int_equal(error.column, 41);
    assert_int_equal(parse(TWO, ONE, &e, &error), ERR_INVALID);
    assert_int_equal(parse(ONE,
                           "2 25545  51.6416 247.4627 0006703 130.5360 325.0288 15.72125391563538",
                           &e, &error),
                     ERR_INVALID);
    assert_non_null(strstr(error.text, "25545 differs"));
}

static void alpha_five_numbers_go_both_ways(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint32_t number;
    } good[] = {{"A0000", 100000}, {"E8493", 148493}, {"H9999", 179999},
                {"J0000", 180000}, {"P4018", 234018}, {"Z9999", 339999},
                {"25544", 25544},  {"    5", 5},      {"00005", 5}};
    uint32_t n;
    for (size_t k = 0; k < COUNT_OF(good); k++) {
        assert_int_equal(tle_catalog_parse(span_text(good[k].text), &n), ERR_OK);
        assert_int_equal(n, good[k].number);
    }
    const char *bad[] = {"I0000", "O0000", "a0000", "", "1234x", "A000", "-1234", "AA000"};
    for (size_t k = 0; k < COUNT_OF(bad); k++)
        assert_int_equal(tle_catalog_parse(span_text(bad[k]), &n), ERR_INVALID);
    struct elements e;
    char one[TLE_LINE_SIZE], two[TLE_LINE_SIZE];
    assert_int_equal(parse(ONE, TWO, &e, NULL), ERR_OK);
    e.catalog = 339999;
    assert_int_equal(tle_write(&e, one, two), ERR_OK);
    assert_memory_equal(one + 2, "Z9999", 5);
    assert_int_equal(parse(one, two, &e, NULL), ERR_OK);
    assert_int_equal(e.catalog, 339999);
    e.catalog = 340000;
    assert_int_equal(tle_write(&e, one, two), ERR_RANGE);
}

static void reads_files_with_names_blank_lines_and_carriage_returns(void **state)
{
    (void)state;
    const char *text = "# comment\r\n\r\n0 ISS (ZARYA)\r\n" ONE "\r\n" TWO "\r\n" ONE "\n" TWO;
    size_t at = 0;
    int line = 0;
    struct elements e;
    struct parse_error error;
    assert_int_equal(tle_next(span_text(text), &at, &line, TLE_STRICT, &e, &error), ERR_OK);
    assert_string_equal(e.name, "ISS (ZARYA)");
    assert_int_equal(tle_next(span_text(text), &at, &line, TLE_STRICT, &e, &error), ERR_OK);
    assert_string_equal(e.name, "");
    assert_int_equal(line, 7);
    assert_int_equal(tle_next(span_text(text), &at, &line, TLE_STRICT, &e, &error), ERR_NOT_FOUND);
    at = 0;
    line = 0;
    assert_int_equal(tle_next(span_text("NAME\n"), &at, &line, TLE_STRICT, &e, &error),
                     ERR_TRUNCATED);
    at = 0;
    line = 0;
    assert_int_equal(tle_next(span_text(ONE "\n"), &at, &line, TLE_STRICT, &e, &error),
                     ERR_TRUNCATED);
    assert_int_equal(error.line, 2);
}

static void an_epoch_rounded_up_at_new_year_stays_a_date(void **state)
{
    (void)state;
    struct elements e, again;
    char one[TLE_LINE_SIZE], two[TLE_LINE_SIZE];
    assert_int_equal(parse(ONE, TWO, &e, NULL), ERR_OK);
    e.epoch = time_from_utc(2025, 1, 1, 0, 0, 0.0) - 1000;
    assert_int_equal(tle_write(&e, one, two), ERR_OK);
    assert_int_equal(parse(one, two, &again, NULL), ERR_OK);
    assert_true(again.epoch == time_from_utc(2025, 1, 1, 0, 0, 0.0));
}

static void designators_of_messages_become_those_of_lines(void **state)
{
    (void)state;
    struct elements e;
    char one[TLE_LINE_SIZE], two[TLE_LINE_SIZE];
    assert_int_equal(parse(ONE, TWO, &e, NULL), ERR_OK);
    strcpy(e.designator, "1998-067A");
    assert_int_equal(tle_write(&e, one, two), ERR_OK);
    assert_string_equal(one, ONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(writes_the_same_columns_that_it_read),
        cmocka_unit_test(says_where_and_what_is_wrong),
        cmocka_unit_test(alpha_five_numbers_go_both_ways),
        cmocka_unit_test(reads_files_with_names_blank_lines_and_carriage_returns),
        cmocka_unit_test(an_epoch_rounded_up_at_new_year_stays_a_date),
        cmocka_unit_test(designators_of_messages_become_those_of_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
