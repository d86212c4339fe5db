#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orbit/omm.h"

/* The same satellite in four notations, written for this test. */
#define KVN                                                                                        \
    "CCSDS_OMM_VERS = 2.0\nCOMMENT made up\nCREATION_DATE = 2026-11-21T00:00:00\nORIGINATOR = "    \
    "NOCT\n"                                                                                       \
    "OBJECT_NAME = PEARL 1\nOBJECT_ID = 2026-123AB\nCENTER_NAME = EARTH\nREF_FRAME = "             \
    "TEME\nTIME_SYSTEM = UTC\n"                                                                    \
    "MEAN_ELEMENT_THEORY = SGP4\nEPOCH = 2026-11-20T12:34:56.789012\nMEAN_MOTION = 15.05 "         \
    "[rev/day]\n"                                                                                  \
    "ECCENTRICITY = .0001234\nINCLINATION = 53.05 [deg]\nRA_OF_ASC_NODE = "                        \
    "10.5\nARG_OF_PERICENTER = 20.25\n"                                                            \
    "MEAN_ANOMALY = 330.125\nEPHEMERIS_TYPE = 0\nCLASSIFICATION_TYPE = U\nNORAD_CAT_ID = "         \
    "799500123\n"                                                                                  \
    "ELEMENT_SET_NO = 999\nREV_AT_EPOCH = 12345\nBSTAR = 0.00012\nMEAN_MOTION_DOT = "              \
    "1.5E-6\nMEAN_MOTION_DDOT = 0\n"                                                               \
    "USER_DEFINED_X = whatever\n"

#define XML_BODY                                                                                   \
    "<omm id=\"CCSDS_OMM_VERS\" "                                                                  \
    "version=\"2.0\"><header><CREATION_DATE/></header><body><segment><metadata>\n"                 \
    "<OBJECT_NAME>PEARL "                                                                          \
    "1</OBJECT_NAME><OBJECT_ID>2026-123AB</OBJECT_ID><CENTER_NAME>EARTH</CENTER_NAME>\n"           \
    "<REF_FRAME>TEME</REF_FRAME><TIME_SYSTEM>UTC</TIME_SYSTEM>"                                    \
    "<MEAN_ELEMENT_THEORY>SGP4</MEAN_ELEMENT_THEORY></metadata><data><meanElements>\n"             \
    "<EPOCH>2026-11-20T12:34:56.789012</EPOCH><MEAN_MOTION "                                       \
    "units=\"rev/day\">15.05</MEAN_MOTION>\n"                                                      \
    "<ECCENTRICITY>.0001234</ECCENTRICITY><INCLINATION>53.05</INCLINATION><RA_OF_ASC_NODE>10.5</"  \
    "RA_OF_ASC_NODE>\n"                                                                            \
    "<ARG_OF_PERICENTER>20.25</ARG_OF_PERICENTER><MEAN_ANOMALY> "                                  \
    "330.125\n</MEAN_ANOMALY></meanElements>\n"                                                    \
    "<tleParameters><EPHEMERIS_TYPE>0</EPHEMERIS_TYPE><CLASSIFICATION_TYPE>U</"                    \
    "CLASSIFICATION_TYPE>\n"                                                                       \
    "<NORAD_CAT_ID>799500123</NORAD_CAT_ID><ELEMENT_SET_NO>999</"                                  \
    "ELEMENT_SET_NO><REV_AT_EPOCH>12345</REV_AT_EPOCH>\n"                                          \
    "<BSTAR>0.00012</BSTAR><MEAN_MOTION_DOT>1.5E-6</MEAN_MOTION_DOT><MEAN_MOTION_DDOT>0</"         \
    "MEAN_MOTION_DDOT>\n"                                                                          \
    "</tleParameters></data></segment></body></omm>"

#define JSON_BODY                                                                                  \
    "{\"OBJECT_NAME\":\"PEARL "                                                                    \
    "1\",\"OBJECT_ID\":\"2026-123AB\",\"EPOCH\":\"2026-11-20T12:34:56.789012\","                   \
    "\"MEAN_MOTION\":15.05,\"ECCENTRICITY\":0.0001234,\"INCLINATION\":53.05,\"RA_OF_ASC_NODE\":"   \
    "10.5,"                                                                                        \
    "\"ARG_OF_PERICENTER\":20.25,\"MEAN_ANOMALY\":\"330.125\",\"EPHEMERIS_TYPE\":0,"               \
    "\"CLASSIFICATION_TYPE\":\"U\","                                                               \
    "\"NORAD_CAT_ID\":799500123,\"ELEMENT_SET_NO\":999,\"REV_AT_EPOCH\":12345,\"BSTAR\":0.00012,"  \
    "\"MEAN_MOTION_DOT\":1.5e-6,\"MEAN_MOTION_DDOT\":0}"

#define CSV_HEAD                                                                                   \
    "OBJECT_NAME,OBJECT_ID,EPOCH,MEAN_MOTION,ECCENTRICITY,INCLINATION,RA_OF_ASC_NODE,ARG_OF_"      \
    "PERICENTER,MEAN_ANOMALY,"                                                                     \
    "EPHEMERIS_TYPE,CLASSIFICATION_TYPE,NORAD_CAT_ID,ELEMENT_SET_NO,REV_AT_EPOCH,BSTAR,MEAN_"      \
    "MOTION_DOT,"                                                                                  \
    "MEAN_MOTION_DDOT\r\n"
#define CSV_ROW                                                                                    \
    "\"PEARL "                                                                                     \
    "1\",2026-123AB,2026-11-20T12:34:56.789012,15.05,.0001234,53.05,10.5,20.25,330.125,0,U,"       \
    "799500123,999,"                                                                               \
    "12345,.00012,.0000015,0\r\n"

struct collected {
    struct elements list[8];
    size_t count;
};

static err collect(void *context, const struct elements *e)
{
    struct collected *c = context;
    if (c->count == COUNT_OF(c->list))
        return ERR_FULL;
    c->list[c->count++] = *e;
    return ERR_OK;
}

static err read_text(const char *text, enum omm_notation notation, struct collected *c,
                     struct parse_error *error)
{
    *c = (struct collected){0};
    *error = (struct parse_error){0};
    return omm_read(span_text(text), notation, collect, c, error);
}

static void all_notations_give_the_same_elements(void **state)
{
    (void)state;
    const struct {
        const char *text;
        enum omm_notation notation;
    } inputs[] = {
        {KVN, OMM_KVN}, {XML_BODY, OMM_XML}, {JSON_BODY, OMM_JSON}, {CSV_HEAD CSV_ROW, OMM_CSV}};
    struct collected first, other;
    struct parse_error error;
    assert_int_equal(read_text(KVN, OMM_AUTO, &first, &error), ERR_OK);
    const struct elements *e = &first.list[0];
    assert_int_equal(first.count, 1);
    assert_int_equal(e->catalog, 799500123); /* nine digits */
    assert_string_equal(e->name, "PEARL 1");
    assert_string_equal(e->designator, "2026-123AB");
    assert_true(e->epoch == time_from_utc(2026, 11, 20, 12, 34, 56.0) + 789012000);
    assert_true(e->mean_motion_rev_day == 15.05 && e->eccentricity == 0.0001234 &&
                e->bstar == 0.00012);
    assert_true(e->revolution == 12345 && e->element_set == 999 && e->mean_motion_dot == 1.5e-6);
    for (size_t k = 0; k < COUNT_OF(inputs); k++)
        for (int automatic = 0; automatic < 2; automatic++) {
            err result = read_text(inputs[k].text, automatic ? OMM_AUTO : inputs[k].notation,
                                   &other, &error);
            if (result != ERR_OK)
                fail_msg("notation %d: line %d column %d: %s", (int)inputs[k].notation, error.line,
                         error.column, error.text);
            assert_int_equal(other.count, 1);
            assert_memory_equal(&other.list[0], e, sizeof *e);
        }
}

static void several_records_come_in_order(void **state)
{
    (void)state;
    struct collected c;
    struct parse_error error;
    assert_int_equal(read_text(KVN "\n" KVN, OMM_AUTO, &c, &error), ERR_OK);
    assert_int_equal(c.count, 2);
    assert_int_equal(read_text("<?xml version=\"1.0\"?><ndm>" XML_BODY XML_BODY XML_BODY "</ndm>",
                               OMM_AUTO, &c, &error),
                     ERR_OK);
    assert_int_equal(c.count, 3);
    assert_int_equal(read_text("[" JSON_BODY "," JSON_BODY "]", OMM_AUTO, &c, &error), ERR_OK);
    assert_int_equal(c.count, 2);
    assert_int_equal(read_text(CSV_HEAD CSV_ROW CSV_ROW, OMM_AUTO, &c, &error), ERR_OK);
    assert_int_equal(c.count, 2);
    assert_int_equal(
        read_text(CSV_HEAD CSV_ROW CSV_ROW CSV_ROW CSV_ROW CSV_ROW CSV_ROW CSV_ROW CSV_ROW CSV_ROW,
                  OMM_CSV, &c, &error),
        ERR_FULL);
}

static void reads_epochs_by_day_of_year(void **state)
{
    (void)state;
    struct collected c;
    struct parse_error error;
    char text[] = JSON_BODY;
    memcpy(strstr(text, "2026-11-20T12:34:56.789012"), "2026-324T12:34:56.789012Z ", 26);
    assert_int_equal(read_text(text, OMM_JSON, &c, &error), ERR_OK);
    assert_true(c.list[0].epoch == time_from_utc(2026, 11, 20, 12, 34, 56.0) + 789012000);
}

/* Replaces `what` by `with` in a copy of `text`, reads it, and returns the error. */
static err read_changed(const char *text, const char *what, const char *with,
                        struct parse_error *error)
{
    char changed[8192];
    const char *at = strstr(text, what);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
    struct collected c;
    err result = read_text(changed, OMM_AUTO, &c, error);
    assert_true(result == ERR_OK || c.count == 0);
    return result;
}

static void says_where_and_what_is_wrong(void **state)
{
    (void)state;
    struct parse_error error;
    assert_int_equal(read_changed(KVN, "53.05", "53,05", &error), ERR_INVALID);
    assert_int_equal(error.line, 14);
    assert_int_equal(error.column, 15);
    assert_string_equal(error.text, "INCLINATION: '53,05' is not a number");
    assert_int_equal(read_changed(KVN, "MEAN_MOTION = 15.05 [rev/day]\n", "", &error), ERR_INVALID);
    assert_string_equal(error.text, "the record has no MEAN_MOTION");
    assert_int_equal(read_changed(KVN, "REF_FRAME = TEME", "REF_FRAME = GCRF", &error),
                     ERR_INVALID);
    assert_non_null(strstr(error.text, "TEME"));
    assert_int_equal(read_changed(KVN, "MEAN_ELEMENT_THEORY = SGP4\n",
                                  "MEAN_ELEMENT_THEORY = SGP4-XP\n", &error),
                     ERR_INVALID);
    assert_int_equal(
        read_changed(KVN, "NORAD_CAT_ID = 799500123", "NORAD_CAT_ID = 1799500123", &error),
        ERR_INVALID);
    assert_int_equal(read_changed(KVN, "BSTAR = 0.00012\n", "BSTAR = 1\nBSTAR = 2\n", &error),
                     ERR_INVALID);
    assert_non_null(strstr(error.text, "twice"));
    assert_int_equal(read_changed(KVN, "= .0001234", "= 1.5", &error), ERR_INVALID);
    assert_non_null(strstr(error.text, "eccentricity"));
    assert_int_equal(read_changed(KVN, "2026-11-20T", "9026-11-20T", &error), ERR_INVALID);
    assert_int_equal(read_changed(KVN, "INCLINATION = ", "INCLINATION ", &error), ERR_INVALID);
    assert_int_equal(error.line, 14);

    assert_int_equal(read_changed(XML_BODY, "<INCLINATION>53.05", "<INCLINATION>north", &error),
                     ERR_INVALID);
    assert_int_equal(error.line, 5);
    assert_string_equal(error.text, "INCLINATION: 'north' is not a number");
    assert_int_equal(read_changed(XML_BODY, "</INCLINATION>", "</INKLINATION>", &error),
                     ERR_INVALID);
    assert_int_equal(error.line, 5);

    assert_int_equal(read_changed("[" JSON_BODY "]", "53.05", "\"x\"", &error), ERR_INVALID);
    assert_string_equal(error.text, "record 1: INCLINATION: 'x' is not a number");
    assert_int_equal(read_changed(JSON_BODY, "53.05,", "53.05", &error), ERR_INVALID);
    assert_true(error.line == 1 && error.column > 100);

    assert_int_equal(read_changed(CSV_HEAD CSV_ROW, ",53.05,", ",53.05,7,", &error), ERR_INVALID);
    assert_int_equal(error.line, 2);
    assert_int_equal(read_changed(CSV_HEAD CSV_ROW, "53.05", "nan", &error), ERR_INVALID);
    assert_int_equal(error.line, 2);
    assert_int_equal(error.column, 64);
}

static void hostile_xml_is_refused(void **state)
{
    (void)state;
    struct parse_error error;
    struct collected c;
    assert_int_equal(
        read_text("<!DOCTYPE a [<!ENTITY x \"y\">]><ndm>" XML_BODY "</ndm>", OMM_XML, &c, &error),
        ERR_INVALID);
    assert_non_null(strstr(error.text, "document type"));
    assert_int_equal(c.count, 0);
    char deep[400] = "";
    for (int k = 0; k < 100; k++)
        strcat(deep, "<a>");
    assert_int_equal(read_text(deep, OMM_XML, &c, &error), ERR_INVALID);
    assert_non_null(strstr(error.text, "deeply"));
}

static void an_empty_or_cut_text_is_an_error(void **state)
{
    (void)state;
    struct parse_error error;
    struct collected c;
    assert_int_equal(read_text("", OMM_AUTO, &c, &error), ERR_INVALID);
    assert_int_equal(read_text("   \n", OMM_AUTO, &c, &error), ERR_INVALID);
    const char *texts[] = {KVN, XML_BODY, "[" JSON_BODY "]"};
    for (size_t k = 0; k < COUNT_OF(texts); k++)
        for (size_t cut = 1; cut + 1 < strlen(texts[k]) - 200; cut += 7) {
            c = (struct collected){0};
            assert_true(omm_read(span_of(texts[k], cut), OMM_AUTO, collect, &c, &error) != ERR_OK ||
                        c.count == 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_notations_give_the_same_elements),
        cmocka_unit_test(several_records_come_in_order),
        cmocka_unit_test(reads_epochs_by_day_of_year),
        cmocka_unit_test(says_where_and_what_is_wrong),
        cmocka_unit_test(hostile_xml_is_refused),
        cmocka_unit_test(an_empty_or_cut_text_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
