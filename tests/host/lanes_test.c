#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "host/files.h"
#include "host/lanes.h"

struct world {
    uv_loop_t loop;
    struct lanes *lanes;
    char directory[64];
    enum lane_kind kinds[16];
    err status[16];
    size_t count;
    char data[64], output[256];
    uint64_t size;
    int exit_code;
};

static void on_event(void *context, const struct event_lane *e)
{
    struct world *w = context;
    assert_true(w->count < COUNT_OF(w->kinds));
    w->kinds[w->count] = e->kind;
    w->status[w->count++] = e->status;
    w->size = e->size;
    w->exit_code = e->usage.exit_code;
    text_copy(w->data, sizeof w->data, slice_span(e->data));
    text_copy(w->output, sizeof w->output, e->output);
}

static bool setup(struct world *w)
{
    memset(w, 0, sizeof *w);
    uv_loop_init(&w->loop);
    strcpy(w->directory, "/tmp/noct-lanes-XXXXXX");
    assert_non_null(mkdtemp(w->directory));
    struct lanes_config config = {&w->loop, w->directory, "test", w, on_event};
    return lanes_open(&w->lanes, &config) == ERR_OK;
}

static void teardown(struct world *w)
{
    lanes_close(w->lanes);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    directory_remove(w->directory);
}

static void stage(struct world *w, const char *path, const char *text)
{
    struct effect_lane e = {.lane = 1, .kind = LANE_FILE, .path = span_text(path), .size = strlen(text)};
    e.data = slice_borrowed(span_text(text));
    lanes_perform(w->lanes, &e);
}

static void read_back(struct world *w, const char *path)
{
    lanes_perform(w->lanes, &(struct effect_lane){.lane = 1, .kind = LANE_READ, .path = span_text(path), .size = 60});
}

static void start(struct world *w, const char *image, const struct span *arguments, size_t count)
{
    struct effect_lane e = {.lane = 1, .kind = LANE_START, .image = span_text(image), .arguments = arguments, .argument_count = count};
    e.limits = (struct lane_limits){.cpu_millis = 1000, .memory_bytes = 64 << 20, .wall_max_ns = 20 * NS_PER_S};
    lanes_perform(w->lanes, &e);
}

static void staged_files_read_back(void **state)
{
    (void)state;
    struct world w;
    if (!setup(&w))
        skip();
    stage(&w, "in/deep/a.txt", "hello");
    read_back(&w, "in/deep/a.txt");
    assert_int_equal(w.kinds[0], LANE_DATA);
    assert_int_equal(w.status[0], ERR_OK);
    assert_int_equal(w.size, 5);
    assert_string_equal(w.data, "hello");
    read_back(&w, "in/none");
    assert_int_equal(w.status[1], ERR_NOT_FOUND);
    lanes_perform(w.lanes, &(struct effect_lane){.lane = 1, .kind = LANE_REMOVE});
    read_back(&w, "in/deep/a.txt");
    assert_int_equal(w.status[2], ERR_NOT_FOUND);
    teardown(&w);
}

static void paths_that_lead_out_are_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/..", ""};
    struct world w;
    if (!setup(&w))
        skip();
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        stage(&w, paths[i], "evil");
        assert_int_equal(w.kinds[i], LANE_FAILED);
        assert_int_equal(w.status[i], ERR_INVALID);
    }
    teardown(&w);
}

static void an_unknown_image_fails_with_a_reason(void **state)
{
    (void)state;
    static const char *const images[] = {"app:no-such-thing", "app:../noct", "docker://x", "file:../../etc/passwd"};
    struct world w;
    if (!setup(&w))
        skip();
    for (size_t i = 0; i < COUNT_OF(images); i++) {
        start(&w, images[i], NULL, 0);
        assert_int_equal(w.kinds[i], LANE_FAILED);
    }
    teardown(&w);
}

static void a_bundled_application_runs_and_leaves_its_output(void **state)
{
    (void)state;
    struct world w;
    char path[PATH_SIZE];
    if (!program_file("app-checksum", path) || !program_file("app-lane-init", path))
        skip(); /* not built in this folder */
    if (!setup(&w))
        skip();
    stage(&w, "in.txt", "hello");
    struct span arguments[] = {SPAN_LITERAL("checksum"), SPAN_LITERAL("/work")};
    start(&w, "app:checksum", arguments, 2);
    if (w.kinds[0] == LANE_FAILED) {
        teardown(&w);
        skip(); /* no right to make sandboxes */
    }
    assert_int_equal(w.kinds[0], LANE_STARTED);
    while (w.count < 2)
        uv_run(&w.loop, UV_RUN_ONCE);
    assert_int_equal(w.kinds[1], LANE_EXITED);
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged_files_read_back),
        cmocka_unit_test(paths_that_lead_out_are_refused),
        cmocka_unit_test(an_unknown_image_fails_with_a_reason),
        cmocka_unit_test(a_bundled_application_runs_and_leaves_its_output),
    };
    return cmocka_run_group_tests_name("host/lanes", tests, NULL, NULL);
}
