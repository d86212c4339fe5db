/* wire_test.c - bodies read back as written; cut, stretched and flipped ones are refused or read as something sound. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "compute/wire.h"

static struct uid some_id(void)
{
    struct uid id;
    memset(id.bytes, 7, sizeof id.bytes);
    return id;
}

static struct task_spec some_spec(void)
{
    struct task_spec s = {.name = span_text("name"), .document = span_text("{}"), .executor_count = 2, .input_count = 2, .output_count = 1,
                          .cpu_millis = 500, .memory_bytes = 1 << 20, .disk_bytes = 5, .deadline = 77, .priority = 9, .expected_ns = NS_PER_S};
    s.executors[0] = (struct task_executor){.image = span_text("app:x-1"), .arguments = {span_text("a"), span_text("")}, .argument_count = 2,
                                            .environment = {span_text("A=b")}, .environment_count = 1, .workdir = span_text("/work/in"),
                                            .stdout_path = span_text("/work/out/log"), .ignore_error = true};
    s.executors[1].image = span_text("s3://images/some/image.tar");
    s.inputs[0] = (struct task_file){.path = span_text("/work/in/a"), .content = span_text("c")};
    s.inputs[1] = (struct task_file){.bucket = span_text("b"), .key = span_text("k/k"), .path = span_text("/work/in/b")};
    s.outputs[0] = (struct task_file){.bucket = span_text("b"), .key = span_text("o"), .path = span_text("/work/out/o")};
    return s;
}

static void a_specification_reads_back_as_written(void **state)
{
    (void)state;
    uint8_t bytes[4096], again[4096];
    struct writer w = writer_of(bytes, sizeof bytes), w2 = writer_of(again, sizeof again);
    struct task_spec in = some_spec(), out;
    struct uid id;
    compute_spec_write(&w, some_id(), &in);
    assert_true(writer_ok(&w));
    assert_int_equal(compute_spec_read(writer_span(&w), &id, &out), ERR_OK);
    assert_true(uid_equal(id, some_id()));
    assert_true(span_equal_text(out.executors[1].image, "s3://images/some/image.tar"));
    assert_true(out.executors[0].ignore_error);
    assert_int_equal(out.priority, 9);
    compute_spec_write(&w2, id, &out);
    assert_true(span_equal(writer_span(&w), writer_span(&w2)));
}

static void every_cut_and_every_stretch_of_a_specification_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[4096];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct task_spec in = some_spec(), out;
    struct uid id;
    compute_spec_write(&w, some_id(), &in);
    for (size_t size = 0; size < w.at; size++)
        assert_int_equal(compute_spec_read(span_of(bytes, size), &id, &out), ERR_INVALID);
    bytes[w.at] = 0;
    assert_int_equal(compute_spec_read(span_of(bytes, w.at + 1), &id, &out), ERR_INVALID);
}

static void flipped_bits_are_refused_or_still_obey_the_rules(void **state)
{
    (void)state;
    uint8_t bytes[4096];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct task_spec in = some_spec(), out;
    struct uid id;
    char reason[160];
    compute_spec_write(&w, some_id(), &in);
    for (size_t bit = 0; bit < w.at * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (compute_spec_read(writer_span(&w), &id, &out) == ERR_OK)
            assert_int_equal(compute_spec_check(&out, reason), ERR_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static err path_check(const char *path)
{
    struct task_spec s = some_spec();
    char reason[160];
    s.outputs[0].path = span_text(path);
    return compute_spec_check(&s, reason);
}

#define W "/work"

static void paths_must_lie_below_work(void **state)
{
    (void)state;
    assert_int_equal(path_check(W "/a/b.c"), ERR_OK);
    static const char *const bad[] = {"",      W,        W "/",         "work/a",    W "/../a",     W "/a/..",   W "//a",       W "/a/",
                                      W "shop/a", W "/./a", "/etc/passwd", W "/a\nb", W "/.noct", W "/.noct/x", W "/\xff\xfe"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(path_check(bad[i]), ERR_INVALID);
}

static err image_check(const char *image)
{
    struct task_spec s = some_spec();
    char reason[160];
    s.executors[0].image = span_text(image);
    return compute_spec_check(&s, reason);
}

static void images_are_bundled_or_objects(void **state)
{
    (void)state;
    assert_int_equal(image_check("app:a"), ERR_OK);
    assert_int_equal(image_check("s3://b/k"), ERR_OK);
    static const char *const bad[] = {"", "app:", "app:-a", "app:../x", "app:A", "s3://", "s3://b", "s3://b/", "s3:///k", "s3://B_/k", "alpine:3"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(image_check(bad[i]), ERR_INVALID);
}

static void small_bodies_read_back_and_refuse_every_cut(void **state)
{
    (void)state;
    uint8_t bytes[7][COMPUTE_SMALL_MAX];
    struct writer w[7];
    for (size_t i = 0; i < 7; i++)
        w[i] = writer_of(bytes[i], sizeof bytes[i]);
    compute_award_write(&w[0], &(struct award){.id = some_id(), .epoch = 3, .owner = 2, .successors = {4, 0}, .promised = 9, .lease = 8});
    compute_report_write(&w[1], &(struct report){.id = some_id(), .epoch = 1, .state = TASK_RUNNING, .wall = 4});
    compute_outcome_write(&w[2], &(struct outcome){.id = some_id(), .epoch = 1, .state = TASK_COMPLETE, .exit_code = -1, .output = span_text("o"),
                                                   .reason = span_text("why"), .output_count = 2, .outputs = {{0, 5}, {3, 6}}});
    compute_cancel_write(&w[3], some_id());
    compute_receipt_write(&w[4], &(struct receipt){.id = some_id(), .epoch = 2, .node = 3, .state = TASK_COMPLETE});
    compute_announce_write(&w[5], &(struct announce){.id = some_id(), .cpu_millis = 1, .expected = 1, .input_bytes = 9, .held_bytes = 9});
    compute_bid_write(&w[6], &(struct bid){.id = some_id(), .verdict = VERDICT_HEAT, .finish = 1, .energy_mwh = 2});
    for (size_t i = 0; i < 7; i++) {
        assert_true(writer_ok(&w[i]));
        for (size_t size = 0; size <= w[i].at; size++) {
            struct span s = {bytes[i], size};
            struct award award;
            struct report report;
            struct outcome outcome;
            struct uid id;
            struct receipt receipt;
            struct announce announce;
            struct bid bid;
            err e = i == 0   ? compute_award_read(s, &award)
                    : i == 1 ? compute_report_read(s, &report)
                    : i == 2 ? compute_outcome_read(s, &outcome)
                    : i == 3 ? compute_cancel_read(s, &id)
                    : i == 4 ? compute_receipt_read(s, &receipt)
                    : i == 5 ? compute_announce_read(s, &announce)
                             : compute_bid_read(s, &bid);
            assert_int_equal(e, size == w[i].at ? ERR_OK : ERR_INVALID);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_specification_reads_back_as_written),
        cmocka_unit_test(every_cut_and_every_stretch_of_a_specification_is_refused),
        cmocka_unit_test(flipped_bits_are_refused_or_still_obey_the_rules),
        cmocka_unit_test(paths_must_lie_below_work),
        cmocka_unit_test(images_are_bundled_or_objects),
        cmocka_unit_test(small_bodies_read_back_and_refuse_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
