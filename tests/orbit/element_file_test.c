#include <math.h>

#include "tables.h"

#include "base/text.h"
#include "orbit/element_file.h"

enum { KEPT = 600 };

struct seen {
    struct elements sets[KEPT];
    size_t count;
    struct element_problem problems[16];
    size_t problem_count;
};

static err keep(void *context, const struct elements *e)
{
    struct seen *s = context;
    if (s->count < KEPT)
        s->sets[s->count] = *e;
    s->count++;
    return ERR_OK;
}

static void note(void *context, const struct element_problem *p)
{
    struct seen *s = context;
    if (s->problem_count < COUNT_OF(s->problems))
        s->problems[s->problem_count] = *p;
    s->problem_count++;
}

static const char damaged[] =
    "GOOD\n"
    "1 44714U 19074B   26013.33334491  .00010762  00000+0  67042-3 0  9990\n"
    "2 44714  53.0657  75.1067 0002699  79.3766  82.4805 15.10066292  5798\n"
    "FLIPPED\n"
    "1 44714U 19074B   26013.33334491  .00010762  00000+0  67042-3 0  9990\n"
    "2 44714  53.0657  75.1067 0002699  79.3766  82.4805 15.10066292  5799\n"
    "GARBLED\n"
    "1 447x4U 19074B   26013.33334491  .00010762  00000+0  67042-3 0  9999\n"
    "2 44714  53.0657  75.1067 0002699  79.3766  82.4805 15.10066292  5798\n"
    "AGAIN GOOD\n"
    "1 44714U 19074B   26013.33334491  .00010762  00000+0  67042-3 0  9990\n"
    "2 44714  53.0657  75.1067 0002699  79.3766  82.4805 15.10066292  5798\n";

static void one_bad_set_does_not_cost_the_others(void **state)
{
    (void)state;
    static struct seen s;
    s.count = s.problem_count = 0;
    struct element_summary summary;
    struct element_rules rules = {.at = time_from_utc(2026, 1, 14, 0, 0, 0)};
    struct parse_error e = {0};
    assert_int_equal(element_file_read(span_text(damaged), &rules, keep, note, &s, &summary, &e),
                     ERR_OK);
    assert_true(summary.tle);
    assert_int_equal(summary.sets, 4);
    assert_int_equal(summary.used, 2);
    assert_string_equal(s.sets[1].name, "AGAIN GOOD");
    assert_int_equal(s.problem_count, 2);
    assert_int_equal(s.problems[0].kind, ELEMENT_CHECKSUM);
    assert_int_equal(s.problems[0].line, 6);
    assert_int_equal(s.problems[1].kind, ELEMENT_MALFORMED);
    assert_int_equal(s.problems[1].line, 8);
}

static void old_epochs_are_told_and_decayed_satellites_left_out(void **state)
{
    (void)state;
    static struct seen s;
    s.count = s.problem_count = 0;
    struct span text = file_read("tests/data/starlink_sample.tle");
    struct element_summary summary;
    struct element_rules rules = {.at = time_from_utc(2026, 3, 1, 0, 0, 0)}; /* 47 days later */
    assert_int_equal(element_file_read(text, &rules, keep, note, &s, &summary, NULL), ERR_OK);
    assert_int_equal(summary.sets, 468);
    assert_true(summary.problems[ELEMENT_OLD] > 400);
    assert_true(summary.problems[ELEMENT_DECAYED] > 0);
    assert_int_equal(summary.used + summary.problems[ELEMENT_DECAYED], 468);
    assert_true(s.problems[0].line > 0 && s.problems[0].catalog > 0 && s.problems[0].name[0]);
    /* On the day itself nothing is to be said. */
    s.count = s.problem_count = 0;
    rules.at = time_from_utc(2026, 1, 13, 12, 0, 0);
    assert_int_equal(element_file_read(text, &rules, keep, note, &s, &summary, NULL), ERR_OK);
    assert_int_equal(s.problem_count, 0);
    assert_int_equal(summary.used, 468);
    file_free(text);
}

static void damaged_messages_are_left_out_in_each_notation(void **state)
{
    (void)state;
    const char *const texts[] = {
        "OBJECT_NAME,EPOCH,MEAN_MOTION,ECCENTRICITY,INCLINATION,RA_OF_ASC_NODE,ARG_OF_PERICENTER,"
        "MEAN_ANOMALY,NORAD_CAT_ID\n"
        "A,2026-11-20T00:00:00,15,0.001,53,10,20,30,100000001\n"
        "B,2026-11-20T00:00:00,15,0.001,53,10,20\n"
        "C,2026-11-20T00:00:00,15,2,53,10,20,30,7\n"
        "D,2026-11-20T00:00:00,15,0.001,53,10,20,30,1000000\n",
        "[{\"OBJECT_NAME\":\"A\",\"EPOCH\":\"2026-11-20T00:00:00\",\"MEAN_MOTION\":15,"
        "\"ECCENTRICITY\":0.001,\"INCLINATION\":53,"
        "\"RA_OF_ASC_NODE\":1,\"ARG_OF_PERICENTER\":2,\"MEAN_ANOMALY\":3},7,{\"EPOCH\":"
        "\"yesterday\"},"
        "{\"OBJECT_NAME\":\"D\",\"EPOCH\":\"2026-11-20T00:00:00\",\"MEAN_MOTION\":15,"
        "\"ECCENTRICITY\":0.001,\"INCLINATION\":53,"
        "\"RA_OF_ASC_NODE\":1,\"ARG_OF_PERICENTER\":2,\"MEAN_ANOMALY\":3,\"NORAD_CAT_ID\":1000000}"
        "]",
        "CCSDS_OMM_VERS = 2.0\nOBJECT_NAME = A\nEPOCH = 2026-11-20T00:00:00\nMEAN_MOTION = "
        "15\nECCENTRICITY = 0.001\n"
        "INCLINATION = 53\nRA_OF_ASC_NODE = 1\nARG_OF_PERICENTER = 2\nMEAN_ANOMALY = 3\n"
        "CCSDS_OMM_VERS = 2.0\nEPOCH = yesterday\nMEAN_MOTION = 15\n"
        "CCSDS_OMM_VERS = 2.0\nMEAN_MOTION = 15\n"
        "CCSDS_OMM_VERS = 2.0\nOBJECT_NAME = D\nEPOCH = 2026-11-20T00:00:00\nMEAN_MOTION = "
        "15\nECCENTRICITY = 0.001\n"
        "INCLINATION = 53\nRA_OF_ASC_NODE = 1\nARG_OF_PERICENTER = 2\nMEAN_ANOMALY = "
        "3\nNORAD_CAT_ID = 1000000\n",
        "<ndm><omm><OBJECT_NAME>A</OBJECT_NAME><EPOCH>2026-11-20T00:00:00</EPOCH><MEAN_MOTION>15</"
        "MEAN_MOTION>"
        "<ECCENTRICITY>0.001</ECCENTRICITY><INCLINATION>53</INCLINATION><RA_OF_ASC_NODE>1</"
        "RA_OF_ASC_NODE>"
        "<ARG_OF_PERICENTER>2</ARG_OF_PERICENTER><MEAN_ANOMALY>3</MEAN_ANOMALY></"
        "omm>\n<omm><EPOCH>x</EPOCH></omm>\n<omm/>\n"
        "<omm><OBJECT_NAME>D</OBJECT_NAME><EPOCH>2026-11-20T00:00:00</EPOCH><MEAN_MOTION>15</"
        "MEAN_MOTION>"
        "<ECCENTRICITY>0.001</ECCENTRICITY><INCLINATION>53</INCLINATION><RA_OF_ASC_NODE>1</"
        "RA_OF_ASC_NODE>"
        "<ARG_OF_PERICENTER>2</ARG_OF_PERICENTER><MEAN_ANOMALY>3</"
        "MEAN_ANOMALY><NORAD_CAT_ID>1000000</NORAD_CAT_ID></omm></ndm>",
    };
    for (size_t k = 0; k < COUNT_OF(texts); k++) {
        static struct seen s;
        s.count = s.problem_count = 0;
        struct element_summary summary;
        struct element_rules rules = {.at = time_from_utc(2026, 11, 21, 0, 0, 0)};
        struct parse_error e = {0};
        if (element_file_read(span_text(texts[k]), &rules, keep, note, &s, &summary, &e) != ERR_OK)
            fail_msg("text %zu: line %d: %s", k, e.line, e.text);
        if (summary.sets != 4 || summary.used != 2 || s.problem_count != 2)
            fail_msg("text %zu: %zu sets, %zu used, %zu problems (%s)", k, summary.sets,
                     summary.used, s.problem_count, s.problems[0].text);
        assert_string_equal(s.sets[0].name, "A");
        assert_int_equal(s.sets[1].catalog, 1000000); /* seven digits have no TLE */
    }
}

static void messages_that_are_written_read_back_the_same(void **state)
{
    (void)state;
    static struct seen from, back;
    struct span text = file_read("tests/data/active_sample.tle");
    struct element_summary summary;
    const struct element_rules rules = {0};
    from.count = 0;
    assert_int_equal(element_file_read(text, &rules, keep, NULL, &from, &summary, NULL), ERR_OK);
    assert_true(from.count > 200);
    file_free(text);
    from.sets[3].catalog = 999999999;
    for (int notation = OMM_KVN; notation <= OMM_CSV; notation++) {
        struct text t = text_new(NULL, 4 << 20);
        omm_write_begin(&t, (enum omm_notation)notation);
        for (size_t k = 0; k < from.count; k++)
            omm_write_one(&t, (enum omm_notation)notation, &from.sets[k], k == 0);
        omm_write_end(&t, (enum omm_notation)notation);
        assert_true(text_ok(&t));
        struct parse_error e = {0};
        back.count = back.problem_count = 0;
        if (element_file_read(text_span(&t), &rules, keep, note, &back, &summary, &e) != ERR_OK)
            fail_msg("notation %d, line %d: %s", notation, e.line, e.text);
        assert_int_equal(back.count, from.count);
        for (size_t k = 0; k < from.count; k++) {
            assert_int_equal(back.sets[k].epoch, from.sets[k].epoch);
            assert_true(back.sets[k].mean_motion_rev_day == from.sets[k].mean_motion_rev_day);
            assert_true(back.sets[k].bstar == from.sets[k].bstar);
            assert_true(back.sets[k].mean_anomaly_deg == from.sets[k].mean_anomaly_deg);
            assert_int_equal(back.sets[k].catalog, from.sets[k].catalog);
            assert_int_equal(back.sets[k].revolution, from.sets[k].revolution);
            assert_string_equal(back.sets[k].designator, from.sets[k].designator);
        }
        text_free(&t);
    }
}

static void the_whole_starlink_file_is_read(void **state)
{
    (void)state;
    FILE *there = fopen("../shared/data/starlink_20260113.tle", "r");
    if (!there) {
        print_message("../shared/data is not here: skipped\n");
        return;
    }
    fclose(there);
    static struct seen s;
    s.count = s.problem_count = 0;
    struct span text = file_read("../shared/data/starlink_20260113.tle");
    struct element_summary summary;
    struct element_rules rules = {.at = time_from_utc(2026, 1, 13, 12, 0, 0)};
    assert_int_equal(element_file_read(text, &rules, keep, note, &s, &summary, NULL), ERR_OK);
    print_message("%zu sets, %zu used\n", summary.sets, summary.used);
    assert_int_equal(summary.sets, 9341);
    assert_true(summary.used > 9300);
    file_free(text);
}

static void a_satellite_that_is_there_twice_flies_once(void **state)
{
    (void)state;
    static struct seen s;
    s.count = s.problem_count = 0;
    struct element_summary summary;
    struct element_rules rules = {.at = time_from_utc(2026, 1, 14, 0, 0, 0), .once = true};
    assert_int_equal(element_file_read(span_text(damaged), &rules, keep, note, &s, &summary, NULL), ERR_OK);
    assert_int_equal(summary.used, 1); /* both good sets are of 44714 */
    assert_int_equal(summary.problems[ELEMENT_TWICE], 1);
    struct text doubled = text_new(NULL, 1 << 20);
    struct span once = file_read("tests/data/ref_sats.tle");
    text_add_span(&doubled, once);
    text_add_span(&doubled, once);
    s.count = s.problem_count = 0;
    rules.at = time_from_utc(2025, 10, 4, 0, 0, 0);
    assert_int_equal(element_file_read(text_span(&doubled), &rules, keep, note, &s, &summary, NULL), ERR_OK);
    assert_int_equal(summary.sets, 20);
    assert_int_equal(summary.used, 10);
    assert_int_equal(summary.problems[ELEMENT_TWICE], 10);
    assert_non_null(strstr(s.problems[s.problem_count - 1].text, "is there twice, first at line "));
    rules.once = false; /* a history of one satellite is a file, too */
    s.count = s.problem_count = 0;
    assert_int_equal(element_file_read(text_span(&doubled), &rules, keep, note, &s, &summary, NULL), ERR_OK);
    assert_int_equal(summary.used, 20);
    text_free(&doubled);
    file_free(once);
}

#define RECORD "\"OBJECT_NAME\":\"A\",\"EPOCH\":\"2026-11-20T00:00:00\",\"MEAN_MOTION\":15,\"ECCENTRICITY\":1e-3,\"INCLINATION\":53,"\
               "\"RA_OF_ASC_NODE\":1,\"ARG_OF_PERICENTER\":2,\"MEAN_ANOMALY\":3"

static void numbers_without_a_value_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why; /* NULL: it is fine */
    } cases[] = {
        {"[{" RECORD "}]", NULL},
        {"[{" RECORD ",\"OBJECT_ID\":null,\"DECAY_DATE\":null,\"ELEMENT_SET_NO\":999}]", NULL},
        {"[{" RECORD ",\"NORAD_CAT_ID\":null}]", "NORAD_CAT_ID has no value"},
        {"[{" RECORD ",\"NORAD_CAT_ID\":true}]", "NORAD_CAT_ID has no value"},
        {"[{" RECORD ",\"NORAD_CAT_ID\":1e5}]", "'100000.0' is not a whole number"},
        {"[{" RECORD ",\"NORAD_CAT_ID\":25544.5}]", "is not a whole number"},
        {"[{" RECORD ",\"NORAD_CAT_ID\":-1}]", "is not a whole number"},
        {"[{" RECORD ",\"NORAD_CAT_ID\":1234567890}]", "is not a whole number in its range"},
        {"[{" RECORD ",\"BSTAR\":null}]", "BSTAR has no value"},
        {"[{" RECORD ",\"BSTAR\":{}}]", "is not a plain value"},
    };
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        static struct seen s;
        s.count = s.problem_count = 0;
        struct element_summary summary;
        struct element_rules rules = {.at = time_from_utc(2026, 11, 21, 0, 0, 0)};
        struct parse_error e = {0};
        assert_int_equal(element_file_read(span_text(cases[k].text), &rules, keep, note, &s, &summary, &e), ERR_OK);
        assert_int_equal(summary.used, cases[k].why == NULL);
        if (cases[k].why && !strstr(s.problems[0].text, cases[k].why))
            fail_msg("case %zu: %s", k, s.problems[0].text);
    }
}

static void a_mark_of_byte_order_is_no_matter_and_utf16_is_named(void **state)
{
    (void)state;
    static struct seen s;
    struct element_summary summary;
    struct element_rules rules = {.at = time_from_utc(2026, 11, 21, 0, 0, 0)};
    struct span tle = file_read("tests/data/ref_sats.tle"), csv = file_read("tests/data/two.omm.csv");
    const struct span files[] = {tle, csv, SPAN_LITERAL("{" RECORD "}")};
    const size_t used[] = {10, 2, 1};
    for (size_t k = 0; k < COUNT_OF(files); k++) {
        struct text marked = text_new(NULL, 1 << 20);
        text_add(&marked, "\xef\xbb\xbf");
        text_add_span(&marked, files[k]);
        s.count = s.problem_count = 0;
        assert_int_equal(element_file_read(text_span(&marked), &rules, keep, note, &s, &summary, NULL), ERR_OK);
        assert_int_equal(summary.used, used[k]);
        text_free(&marked);
    }
    struct parse_error e = {0};
    assert_int_equal(element_file_read(SPAN_LITERAL("\xff\xfeO\0B\0"), &rules, keep, note, &s, &summary, &e), ERR_INVALID);
    assert_non_null(strstr(e.text, "UTF-16"));
    file_free(tle);
    file_free(csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bad_set_does_not_cost_the_others),
        cmocka_unit_test(old_epochs_are_told_and_decayed_satellites_left_out),
        cmocka_unit_test(damaged_messages_are_left_out_in_each_notation),
        cmocka_unit_test(messages_that_are_written_read_back_the_same),
        cmocka_unit_test(the_whole_starlink_file_is_read),
        cmocka_unit_test(a_satellite_that_is_there_twice_flies_once),
        cmocka_unit_test(numbers_without_a_value_are_refused),
        cmocka_unit_test(a_mark_of_byte_order_is_no_matter_and_utf16_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
