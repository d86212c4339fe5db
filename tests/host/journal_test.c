#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/files.h"
#include "host/journal.h"
#include "twin/journal_reader.h"

static char folder[64];

static int folder_new(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/noct-journal-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_gone(void **state)
{
    (void)state;
    directory_remove(folder);
    return 0;
}

static struct now at(int64_t s)
{
    return (struct now){.mono = s * NS_PER_S, .wall = s * NS_PER_S, .wall_error_ns = 1, .wall_rate = 1};
}

static struct journal *open_boot(uint32_t boot, uint64_t mib)
{
    struct journal *j = NULL;
    assert_int_equal(journal_open(&j, folder, 1, boot, mib << 20), ERR_OK);
    return j;
}

static void open_reader(struct journal_reader *r, uint32_t boot)
{
    char path[PATH_SIZE];
    assert_true(path_join(path, folder, "journal"));
    assert_int_equal(journal_reader_open(r, path, boot), ERR_OK);
}

static size_t segments_of(uint32_t boot)
{
    char path[PATH_SIZE], wanted[16];
    size_t count = 0;
    snprintf(wanted, sizeof wanted, "%08u-", boot);
    assert_true(path_join(path, folder, "journal"));
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        count += strncmp(e->d_name, wanted, 9) == 0;
    closedir(d);
    return count;
}

/* Frames of a mebibyte until `mib` are written or the recording ends. */
static void fill(struct journal *j, size_t mib)
{
    uint8_t *bulk = calloc(1, 1 << 20);
    struct effects none = {0};
    for (size_t i = 0; i < mib; i++) {
        memcpy(bulk, &i, sizeof i);
        journal_event(j, &(struct event){.kind = EVENT_FRAME, .now = at((int64_t)i), .frame = {.peer = 2, .receipt = i, .data = slice_borrowed(span_of(bulk, 1 << 20))}});
        journal_result(j, &none, NULL);
    }
    free(bulk);
}

static void hands_back_records_in_order_over_segments(void **state)
{
    (void)state;
    struct journal *j = open_boot(1, 64);
    struct journal_reader r;
    struct journal_record record;
    enum journal_end why;
    fill(j, 40);
    assert_false(journal_ended(j, &why));
    journal_close(j);
    assert_int_equal(segments_of(1), 3);
    open_reader(&r, JOURNAL_BOOT_NEWEST);
    for (size_t i = 0; i < 80; i++) {
        assert_true(journal_reader_next(&r, &record));
        assert_int_equal(record.kind, i % 2 ? JOURNAL_RESULT : JOURNAL_EVENT);
    }
    assert_true(journal_reader_next(&r, &record));
    assert_int_equal(record.kind, JOURNAL_END);
    assert_false(journal_reader_next(&r, &record));
    assert_string_equal(r.why, "");
    journal_reader_close(&r);
}

static void gives_up_older_boots_but_never_the_head_of_its_own(void **state)
{
    (void)state;
    struct journal_reader r;
    struct journal_record record, last = {0};
    enum journal_end why;
    struct journal *j = open_boot(1, 64);
    fill(j, 20);
    journal_close(j);
    j = open_boot(2, 64);
    fill(j, 20);
    assert_int_equal(segments_of(1), 2);
    fill(j, 20);
    assert_int_equal(segments_of(1), 0);
    assert_false(journal_ended(j, &why));
    fill(j, 40);
    assert_true(journal_ended(j, &why));
    assert_int_equal(why, JOURNAL_END_FULL);
    assert_int_equal(segments_of(2), 4);
    journal_close(j);
    open_reader(&r, 2);
    while (journal_reader_next(&r, &record))
        last = record;
    assert_int_equal(last.kind, JOURNAL_END);
    assert_int_equal(last.body.data[0], JOURNAL_END_FULL);
    journal_reader_close(&r);
}

static void records_what_the_disk_says_twice_only_once(void **state)
{
    (void)state;
    enum { SIZE = 3 * JOURNAL_PAGE + 100 };
    uint8_t data[SIZE];
    struct journal_reader r;
    struct journal_record record;
    struct event e;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i / 7 + i / JOURNAL_PAGE);
    struct journal *j = open_boot(1, 64);
    uint64_t sizes[3];
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t before = journal_bytes(j);
        if (i == 2)
            data[JOURNAL_PAGE + 5] ^= 1; /* a bit flipped on the medium: that page must be recorded anew */
        journal_event(j, &(struct event){.kind = EVENT_DONE, .now = at(1), .done = {.op = i, .data = slice_borrowed(span_of(data, SIZE))}});
        sizes[i] = journal_bytes(j) - before;
    }
    journal_close(j);
    assert_true(sizes[0] > SIZE && sizes[1] < 300 && sizes[2] > JOURNAL_PAGE && sizes[2] < JOURNAL_PAGE + 300);
    open_reader(&r, 1);
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(journal_reader_next(&r, &record));
        assert_true(journal_reader_disk(&r, &record, &e));
        assert_int_equal(e.done.op, i);
        assert_int_equal(e.done.data.size, SIZE);
        data[JOURNAL_PAGE + 5] ^= i < 2; /* the flip, undone for the first two */
        assert_memory_equal(e.done.data.data, data, SIZE);
        data[JOURNAL_PAGE + 5] ^= i < 2;
        buf_unref(e.done.data.buf);
    }
    journal_reader_close(&r);
}

static void says_which_boots_there_are(void **state)
{
    (void)state;
    struct journal_reader r;
    char path[PATH_SIZE];
    assert_true(path_join(path, folder, "journal"));
    assert_int_equal(journal_reader_open(&r, path, 1), ERR_NOT_FOUND);
    assert_non_null(strstr(r.why, "no folder"));
    journal_close(open_boot(5, 64));
    assert_int_equal(journal_reader_open(&r, path, 4), ERR_NOT_FOUND);
    assert_non_null(strstr(r.why, "the newest is 5"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_new, folder_gone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hands_back_records_in_order_over_segments),
        TEST(gives_up_older_boots_but_never_the_head_of_its_own),
        TEST(records_what_the_disk_says_twice_only_once),
        TEST(says_which_boots_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
