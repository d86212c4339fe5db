#include "test.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "host/disk.h"

enum { OPS_MAX = 256, PAGE = 4096, SEGMENT = 64 * 1024 };

struct world {
    uv_loop_t loop;
    struct disk *disk;
    char directory[64];
    struct event_done done[OPS_MAX];
    uint64_t order[OPS_MAX]; /* ops in the order of their answers */
    size_t answered;
    _Atomic(const char *) fail_call; /* the preparer's thread asks too */
    atomic_int fail_errno, fail_after; /* the Nth matching call fails and all after it */
};

static int maybe_fail(void *context, const char *call)
{
    struct world *w = context;
    const char *wanted = w->fail_call;
    if (!wanted || strcmp(call, wanted) != 0)
        return 0;
    return atomic_fetch_sub(&w->fail_after, 1) > 0 ? 0 : w->fail_errno;
}

static void on_done(void *context, const struct event_done *done)
{
    struct world *w = context;
    assert_true(done->op < OPS_MAX);
    w->done[done->op] = *done;
    w->order[w->answered++] = done->op;
}

static void open_disk(struct world *w, uint64_t capacity)
{
    struct disk_config config = {.directory = w->directory, .prepare = true, .loop = &w->loop, .done = on_done,
                                 .context = w, .fail = maybe_fail, .fail_context = w};
    for (int i = 0; i < AREA_COUNT; i++) {
        config.capacity_bytes[i] = capacity;
        config.segment_bytes[i] = SEGMENT;
    }
    assert_int_equal(disk_open(&w->disk, &config), ERR_OK);
}

static void setup(struct world *w, uint64_t capacity)
{
    memset(w, 0, sizeof *w);
    uv_loop_init(&w->loop);
    strcpy(w->directory, "/tmp/noct-disk-XXXXXX");
    assert_non_null(mkdtemp(w->directory));
    open_disk(w, capacity);
}

static void settle(struct world *w)
{
    while (disk_pending(w->disk))
        uv_run(&w->loop, UV_RUN_ONCE);
}

static void close_disk(struct world *w)
{
    settle(w);
    disk_close(w->disk);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < OPS_MAX; i++)
        slice_drop(&w->done[i].data);
    memset(w->done, 0, sizeof w->done);
    w->answered = 0;
}

static void teardown(struct world *w)
{
    close_disk(w);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", w->directory);
    assert_int_equal(system(command), 0);
}

static void write_fill(struct world *w, uint64_t op, uint64_t offset, size_t size, uint8_t value)
{
    struct buf *b = buf_new_malloc(size);
    memset(b->data, value, size);
    struct effect_disk e = {.op = op, .kind = DISK_WRITE, .area = AREA_CHUNKS, .offset = offset, .size = size};
    e.parts[0] = slice_of(b, 0, size / 2);
    e.parts[1] = slice_of(buf_ref(b), size / 2, size - size / 2);
    disk_submit(w->disk, &e);
}

static void submit(struct world *w, uint64_t op, enum disk_kind kind, uint64_t offset, uint64_t size)
{
    struct effect_disk e = {.op = op, .kind = kind, .area = AREA_CHUNKS, .offset = offset, .size = size};
    disk_submit(w->disk, &e);
}

static bool filled(struct slice s, uint8_t value)
{
    for (size_t i = 0; i < s.size; i++)
        if (s.data[i] != value)
            return false;
    return true;
}

static void unwritten_space_reads_as_zeros(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 4 * SEGMENT);
    submit(&w, 1, DISK_READ, SEGMENT - 100, 200);
    settle(&w);
    assert_int_equal(w.done[1].status, ERR_OK);
    assert_int_equal(w.done[1].data.size, 200);
    assert_true(filled(w.done[1].data, 0));
    teardown(&w);
}

static void a_write_across_segments_reads_back(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 4 * SEGMENT);
    write_fill(&w, 1, SEGMENT - 1000, SEGMENT + 2000, 0xab);
    submit(&w, 2, DISK_READ, SEGMENT - 1001, SEGMENT + 2002); /* queued behind the write it overlaps */
    settle(&w);
    assert_int_equal(w.done[1].status, ERR_OK);
    assert_int_equal(w.done[2].status, ERR_OK);
    struct slice data = w.done[2].data;
    assert_int_equal(data.data[0], 0);
    assert_int_equal(data.data[data.size - 1], 0);
    assert_true(filled(slice_part(data, 1, SEGMENT + 2000), 0xab));
    teardown(&w);
}

static void a_sync_is_answered_after_every_write_queued_before_it(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 16 * SEGMENT);
    for (uint64_t i = 0; i < 100; i++)
        if (i % 10 == 9)
            submit(&w, i, DISK_SYNC, 0, 0);
        else
            write_fill(&w, i, i * PAGE, PAGE, (uint8_t)i);
    settle(&w);
    bool seen[100] = {false};
    assert_int_equal(w.answered, 100);
    for (size_t k = 0; k < 100; k++) {
        uint64_t op = w.order[k];
        assert_int_equal(w.done[op].status, ERR_OK);
        for (uint64_t i = 0; op % 10 == 9 && i < op; i++)
            assert_true(seen[i] || i % 10 == 9);
        seen[op] = true;
    }
    teardown(&w);
}

static void content_and_extent_survive_a_restart(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 8 * SEGMENT);
    assert_int_equal(disk_used_bytes(w.disk, AREA_CHUNKS), 0);
    write_fill(&w, 1, 2 * SEGMENT + 10, 50, 7);
    submit(&w, 2, DISK_SYNC, 0, 0);
    close_disk(&w);
    open_disk(&w, 8 * SEGMENT);
    assert_int_equal(disk_used_bytes(w.disk, AREA_CHUNKS), 3 * SEGMENT);
    assert_int_equal(disk_used_bytes(w.disk, AREA_FACTS), 0);
    submit(&w, 3, DISK_READ, 2 * SEGMENT + 10, 50);
    settle(&w);
    assert_true(filled(w.done[3].data, 7));
    teardown(&w);
}

static void writes_outside_the_capacity_are_refused(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 2 * SEGMENT);
    write_fill(&w, 1, 2 * SEGMENT - 10, 20, 1);
    submit(&w, 2, DISK_READ, 2 * SEGMENT - 10, 20);
    write_fill(&w, 3, UINT64_MAX - 5, 20, 1);
    submit(&w, 4, DISK_READ, 0, UINT64_MAX);
    write_fill(&w, 5, 2 * SEGMENT - 20, 20, 1);
    settle(&w);
    assert_int_equal(w.done[1].status, ERR_NO_SPACE);
    assert_int_equal(w.done[2].status, ERR_RANGE);
    assert_int_equal(w.done[3].status, ERR_NO_SPACE);
    assert_int_equal(w.done[4].status, ERR_RANGE);
    assert_int_equal(w.done[5].status, ERR_OK);
    teardown(&w);
}

static void a_full_file_system_refuses_and_recovers(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 8 * SEGMENT);
    write_fill(&w, 1, 0, 100, 1);
    settle(&w);
    w.fail_call = "create";
    w.fail_errno = ENOSPC;
    write_fill(&w, 2, SEGMENT, 100, 2);
    submit(&w, 3, DISK_SYNC, 0, 0);
    settle(&w);
    assert_int_equal(w.done[2].status, ERR_NO_SPACE);
    assert_int_equal(w.done[3].status, ERR_OK); /* what was accepted before is still made durable */
    w.fail_call = NULL;
    write_fill(&w, 4, SEGMENT, 100, 2);
    settle(&w);
    assert_int_equal(w.done[4].status, ERR_OK);
    teardown(&w);
}

static void a_full_tmpfs_refuses_with_no_space(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 64 * SEGMENT);
    close_disk(&w);
    if (mount("tmpfs", w.directory, "tmpfs", 0, "size=512k") != 0) {
        open_disk(&w, 64 * SEGMENT);
        teardown(&w);
        skip(); /* needs the right to mount */
    }
    open_disk(&w, 64 * SEGMENT);
    bool refused = false;
    for (uint64_t i = 0; i < 16; i++)
        write_fill(&w, i, i * SEGMENT, SEGMENT, (uint8_t)(i + 1));
    settle(&w);
    for (uint64_t i = 0; i < 16; i++)
        refused |= w.done[i].status == ERR_NO_SPACE;
    assert_true(refused);
    assert_int_equal(w.done[0].status, ERR_OK);
    submit(&w, 20, DISK_READ, 0, SEGMENT);
    settle(&w);
    assert_true(filled(w.done[20].data, 1));
    close_disk(&w);
    assert_int_equal(umount(w.directory), 0);
    open_disk(&w, 64 * SEGMENT);
    teardown(&w);
}

static void a_failed_sync_is_never_forgotten(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 8 * SEGMENT);
    write_fill(&w, 1, 0, 100, 1);
    w.fail_call = "sync";
    w.fail_errno = EIO;
    submit(&w, 2, DISK_SYNC, 0, 0);
    settle(&w);
    assert_int_equal(w.done[2].status, ERR_IO);
    w.fail_call = NULL;
    submit(&w, 3, DISK_SYNC, 0, 0);
    write_fill(&w, 4, 0, 100, 1);
    settle(&w);
    assert_int_equal(w.done[3].status, ERR_IO);
    assert_int_equal(w.done[4].status, ERR_IO);
    teardown(&w);
}

static void every_failing_write_or_read_is_reported(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        int error;
        err expected;
    } cases[] = {{"write", EIO, ERR_IO}, {"write", ENOSPC, ERR_NO_SPACE}, {"read", EIO, ERR_CORRUPT}, {"read", EBADF, ERR_IO}};
    for (size_t c = 0; c < COUNT_OF(cases); c++)
        for (int n = 0; n < 4; n++) {
            struct world w;
            setup(&w, 8 * SEGMENT);
            write_fill(&w, 0, 0, PAGE, 1);
            settle(&w);
            w.fail_after = n;
            w.fail_errno = cases[c].error;
            w.fail_call = cases[c].call;
            bool reading = strcmp(cases[c].call, "read") == 0;
            for (uint64_t i = 1; i <= 4; i++) {
                if (reading)
                    submit(&w, i, DISK_READ, 0, PAGE);
                else
                    write_fill(&w, i, i * PAGE, 1, 1); /* one piece each: the empty half makes no call */
                settle(&w);
            }
            for (int i = 1; i <= 4; i++)
                assert_int_equal(w.done[i].status, i <= n ? ERR_OK : cases[c].expected);
            w.fail_call = NULL;
            teardown(&w);
        }
}

static void closing_answers_what_was_queued(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 8 * SEGMENT);
    for (uint64_t i = 0; i < 50; i++)
        write_fill(&w, i, i * PAGE, PAGE, 3);
    submit(&w, 50, DISK_SYNC, 0, 0);
    submit(&w, 51, DISK_READ, 0, PAGE);
    disk_close(w.disk);
    assert_int_equal(w.answered, 52);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    slice_drop(&w.done[51].data);
    w.answered = 0;
    open_disk(&w, 8 * SEGMENT);
    submit(&w, 60, DISK_READ, 49 * PAGE, PAGE);
    settle(&w);
    assert_true(filled(w.done[60].data, 3));
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unwritten_space_reads_as_zeros),
        cmocka_unit_test(a_write_across_segments_reads_back),
        cmocka_unit_test(a_sync_is_answered_after_every_write_queued_before_it),
        cmocka_unit_test(content_and_extent_survive_a_restart),
        cmocka_unit_test(writes_outside_the_capacity_are_refused),
        cmocka_unit_test(a_full_file_system_refuses_and_recovers),
        cmocka_unit_test(a_full_tmpfs_refuses_with_no_space),
        cmocka_unit_test(a_failed_sync_is_never_forgotten),
        cmocka_unit_test(every_failing_write_or_read_is_reported),
        cmocka_unit_test(closing_answers_what_was_queued),
    };
    return cmocka_run_group_tests_name("host/disk", tests, NULL, NULL);
}
