#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIDE = 32, BODY = SIDE * SIDE * 3 };

static char home[] = "/tmp/noct-change-test-XXXXXX";
static char log_text[4096];

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(home) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command);
}

static void write_file(const char *name, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", home, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

/* A grey picture whose header is the good one with `from` replaced by `to`. */
static void write_picture(const char *name, const char *time, const char *from, const char *to,
                          size_t body)
{
    static unsigned char bytes[1024 + 2 * BODY];
    char header[900], changed[1024];
    snprintf(header, sizeof header,
             "P6\n# tile=T-1\n# time=%s\n# north=10.5\n# south=10.0\n# west=20.0\n# east=20.5\n# "
             "sun_elevation_deg=60\n"
             "# sensor=eye\n# satellite=sat-1\n%d %d\n255\n",
             time, SIDE, SIDE);
    char *at = *from ? strstr(header, from) : NULL;
    if (at)
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - header), header, to,
                 at + strlen(from));
    else
        snprintf(changed, sizeof changed, "%s", header);
    size_t used = strlen(changed);
    memcpy(bytes, changed, used);
    memset(bytes + used, 60, body);
    write_file(name, bytes, used + body);
}

/* Runs the program on a.ppm and b.ppm; returns its exit code and leaves what it said in log_text.
 */
static int run(const char *arguments)
{
    char self[400], command[1024];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = 0;
    *strrchr(self, '/') = 0;
    snprintf(command, sizeof command, "cd %s && %s/app-change-detection --out %s/out %s 2>&1", home,
             self, home, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t got = fread(log_text, 1, sizeof log_text - 1, pipe);
    log_text[got] = 0;
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run_with(const char *from, const char *to, size_t body)
{
    write_picture("a.ppm", "2026-11-21T10:00:00Z", "", "", BODY);
    write_picture("b.ppm", "2026-11-21T12:00:00Z", from, to, body);
    return run("a.ppm b.ppm");
}

static void assert_said(const char *text)
{
    if (!strstr(log_text, text))
        fail_msg("wanted '%s', got: %s", text, log_text);
}

static void equal_pictures_give_no_alert(void **state)
{
    (void)state;
    assert_int_equal(run_with("", "", BODY), 0);
    assert_said("no alert");
}

static void rejects_malformed_pictures_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *said;
    } cases[] = {{"P6", "P5", "not a binary PPM"},
                 {"32 32", "99999 99999", "wanted 16..4096"},
                 {"32 32", "-1 32", "not a number"},
                 {"32 32", "32 3200000000", "not a number"},
                 {"\n255\n", "\n65535\n", "with maximum 65535"},
                 {"# tile=T-1\n", "", "the header lacks"},
                 {"tile=T-1", "tile=\"x\"", "strange characters"},
                 {"north=10.5", "north=nan", "not a number in -90..90"},
                 {"north=10.5", "north=1e999", "not a number in -90..90"},
                 {"north=10.5", "north=9.5", "do not span an area"},
                 {"# sensor=eye", "# sensor=eye\n# sensor=eye", "occurs twice"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(run_with(cases[i].from, cases[i].to, BODY), 4);
        assert_said(cases[i].said);
        assert_said("b.ppm");
    }
}

static void rejects_short_long_and_empty_files(void **state)
{
    (void)state;
    assert_int_equal(run_with("", "", BODY - 1), 4);
    assert_said("the file ends after 3071 of 3072 bytes");
    assert_int_equal(run_with("", "", BODY + 1), 4);
    assert_said("more bytes after 3072");
    write_file("b.ppm", "", 0);
    assert_int_equal(run("a.ppm b.ppm"), 4);
    write_file("b.ppm", "P6\n#", 4);
    assert_int_equal(run("a.ppm b.ppm"), 4);
}

static void rejects_an_endless_header(void **state)
{
    (void)state;
    static char bytes[20000];
    memset(bytes, '\n', sizeof bytes);
    memcpy(bytes, "P6", 2);
    write_picture("a.ppm", "2026-11-21T10:00:00Z", "", "", BODY);
    write_file("b.ppm", bytes, sizeof bytes);
    assert_int_equal(run("a.ppm b.ppm"), 4);
    assert_said("too many bytes in the header");
}

static void rejects_pictures_that_do_not_match(void **state)
{
    (void)state;
    assert_int_equal(run_with("tile=T-1", "tile=T-2", BODY), 5);
    assert_said("different tiles: T-1 and T-2");
    assert_int_equal(run_with("east=20.5", "east=20.6", BODY), 5);
    assert_int_equal(run("a.ppm a.ppm"), 5);
    assert_said("both pictures are of");
}

static void says_when_it_is_too_dark(void **state)
{
    (void)state;
    assert_int_equal(run_with("sun_elevation_deg=60", "sun_elevation_deg=-5", BODY), 6);
    assert_said("too dark");
}

static void says_when_inputs_are_missing(void **state)
{
    (void)state;
    char directory[128];
    assert_int_equal(run("a.ppm nothing.ppm"), 8);
    snprintf(directory, sizeof directory, "--in %s/empty", home);
    assert_int_equal(run(directory), 8);
    assert_int_equal(mkdir(directory + 5, 0700), 0);
    assert_int_equal(run(directory), 8);
    assert_said("holds 0 pictures");
    assert_int_equal(run("--threshold abc a.ppm b.ppm"), 2);
    assert_int_equal(run("a.ppm"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_pictures_give_no_alert),
        cmocka_unit_test(rejects_malformed_pictures_with_the_reason),
        cmocka_unit_test(rejects_short_long_and_empty_files),
        cmocka_unit_test(rejects_an_endless_header),
        cmocka_unit_test(rejects_pictures_that_do_not_match),
        cmocka_unit_test(says_when_it_is_too_dark),
        cmocka_unit_test(says_when_inputs_are_missing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
