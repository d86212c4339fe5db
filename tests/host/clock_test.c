#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/files.h"

#define EPOCH (1800000000 * NS_PER_S)

struct place {
    char directory[64], path[PATH_SIZE];
};

static void setup(struct place *p)
{
    strcpy(p->directory, "/tmp/noct-clock-XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    assert_true(path_join(p->path, p->directory, "clock.json"));
}

static void the_first_start_begins_at_the_epoch(void **state)
{
    (void)state;
    struct place p;
    struct clock c;
    setup(&p);
    assert_int_equal(clock_start(&c, p.path, EPOCH, 60), ERR_OK);
    struct now now = clock_now(&c);
    assert_true(now.wall >= EPOCH && now.wall < EPOCH + 60 * 60 * NS_PER_S);
    assert_int_equal(now.wall_rate, 60);
    directory_remove(p.directory);
}

static void wall_runs_at_the_speed(void **state)
{
    (void)state;
    struct clock c = {clock_mono(), EPOCH, 600};
    struct now a = clock_now(&c), b;
    usleep(20000);
    b = clock_now(&c);
    assert_true(b.wall - a.wall == 600 * (b.mono - a.mono));
}

static void a_restart_goes_on_and_never_back(void **state)
{
    (void)state;
    struct place p;
    struct clock first, second, other;
    setup(&p);
    assert_int_equal(clock_start(&first, p.path, EPOCH, 600), ERR_OK);
    usleep(30000);
    assert_int_equal(clock_save(&first, p.path), ERR_OK);
    tai_ns reached = clock_now(&first).wall;
    assert_int_equal(clock_start(&second, p.path, EPOCH, 1), ERR_OK);
    assert_true(clock_now(&second).wall > reached - NS_PER_S);
    assert_true(clock_now(&second).wall >= second.anchor_wall);
    assert_int_equal(clock_load(&other, p.path), ERR_OK); /* another process sees the same */
    assert_true(other.anchor_wall == second.anchor_wall && other.anchor_mono == second.anchor_mono && other.speed == 1);
    directory_remove(p.directory);
}

static void a_broken_clock_file_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "[]", "{\"anchor_mono_ns\":1,\"anchor_wall_ns\":2,\"wall_ns\":1,\"speed\":60}",
                                        "{\"anchor_mono_ns\":1,\"anchor_wall_ns\":2,\"wall_ns\":3,\"speed\":0}",
                                        "{\"anchor_mono_ns\":1,\"anchor_wall_ns\":2,\"wall_ns\":3,\"speed\":601}"};
    struct place p;
    struct clock c;
    setup(&p);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(file_write(p.path, span_text(texts[i]), 0600), ERR_OK);
        assert_int_equal(clock_load(&c, p.path), ERR_INVALID);
        assert_int_equal(clock_start(&c, p.path, EPOCH, 60), ERR_INVALID);
    }
    directory_remove(p.directory);
}

static void files_are_whole_and_private(void **state)
{
    (void)state;
    struct place p;
    struct stat info;
    uint8_t *data;
    size_t size;
    setup(&p);
    assert_int_equal(file_read(p.path, 100, &data, &size), ERR_NOT_FOUND);
    assert_int_equal(file_write(p.path, SPAN_LITERAL("old"), 0644), ERR_OK);
    assert_int_equal(file_write(p.path, SPAN_LITERAL("secret"), 0600), ERR_OK);
    assert_int_equal(stat(p.path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(file_read(p.path, 5, &data, &size), ERR_TOO_LARGE);
    assert_int_equal(file_read(p.path, 6, &data, &size), ERR_OK);
    assert_string_equal((char *)data, "secret");
    free(data);
    directory_remove(p.directory);
    assert_int_equal(access(p.directory, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_start_begins_at_the_epoch),
        cmocka_unit_test(wall_runs_at_the_speed),
        cmocka_unit_test(a_restart_goes_on_and_never_back),
        cmocka_unit_test(a_broken_clock_file_is_refused),
        cmocka_unit_test(files_are_whole_and_private),
    };
    return cmocka_run_group_tests_name("host/clock", tests, NULL, NULL);
}
