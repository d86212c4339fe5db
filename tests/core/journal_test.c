#include "test.h"

#include <string.h>

#include "core/journal.h"
#include "core/object_api.h"
#include "core/task_api.h"

enum { SCRATCH = 1 << 20 };
static uint8_t scratch[SCRATCH] __attribute__((aligned(16)));
static uint8_t bytes[1 << 20];

static struct now when(void)
{
    return (struct now){.mono = 17 * NS_PER_S, .wall = 1800000000 * NS_PER_S, .wall_error_ns = 1000, .wall_rate = 60};
}

/* Writes and reads one event; what comes back is written again and must be the same bytes. */
static struct event round_trip(const struct event *e)
{
    static uint8_t second[sizeof bytes];
    struct heap heap;
    struct event out;
    heap_init(&heap, scratch, sizeof scratch);
    struct writer w = writer_of(bytes, MIN(journal_event_room(e), sizeof bytes));
    journal_event_write(&w, e);
    assert_true(writer_ok(&w));
    struct reader r = reader_of(bytes, w.at);
    journal_event_read(&r, &heap, &out);
    assert_true(reader_at_end(&r));
    assert_int_equal(out.kind, e->kind);
    assert_int_equal(out.now.mono, e->now.mono);
    assert_int_equal(out.now.wall_rate, e->now.wall_rate);
    struct writer v = writer_of(second, sizeof second);
    journal_event_write(&v, &out);
    assert_int_equal(v.at, w.at);
    assert_memory_equal(second, bytes, w.at);
    for (size_t cut = 0; cut < w.at; cut += 1 + w.at / 200) { /* no prefix of an event is an event */
        r = reader_of(bytes, cut);
        heap_init(&heap, scratch, sizeof scratch);
        struct event broken;
        journal_event_read(&r, &heap, &broken);
        assert_false(reader_ok(&r));
    }
    heap_init(&heap, scratch, sizeof scratch);
    r = reader_of(bytes, w.at);
    journal_event_read(&r, &heap, &out);
    return out;
}

static void brings_back_plain_events(void **state)
{
    (void)state;
    struct event e = {.kind = EVENT_LINK, .now = when(), .link = {.peer = 3, .up = true, .rate_bps = 10000000000}};
    struct event out = round_trip(&e);
    assert_int_equal(out.link.peer, 3);
    assert_int_equal(out.link.rate_bps, 10000000000);
    e = (struct event){.kind = EVENT_FRAME, .now = when(), .frame = {.peer = 2, .receipt = 9, .data = slice_borrowed(SPAN_LITERAL("bundle"))}};
    out = round_trip(&e);
    assert_true(span_equal_text(slice_span(out.frame.data), "bundle"));
    e = (struct event){.kind = EVENT_CRAFT, .now = when(), .craft = {.battery_mwh = 5, .core_mk = 290000, .upset_count = 2}};
    assert_int_equal(round_trip(&e).craft.upset_count, 2);
    e = (struct event){.kind = EVENT_LANE, .now = when(), .lane = {.lane = 7, .kind = LANE_EXITED, .usage = {.exit_code = -1, .signal = 9},
                       .output = SPAN_LITERAL("said"), .reason = SPAN_LITERAL("")}};
    out = round_trip(&e);
    assert_int_equal(out.lane.usage.exit_code, -1);
    assert_true(span_equal_text(out.lane.output, "said"));
    for (enum event_kind k = EVENT_START; k <= EVENT_STOP; k++)
        assert_int_equal(round_trip(&(struct event){.kind = k, .now = when()}).kind, k);
}

static void brings_back_requests_of_the_region(void **state)
{
    (void)state;
    struct object_part_name parts[2] = {{1, "abc"}, {2, "def"}};
    struct object_request o = {.op = OBJECT_UPLOAD_COMPLETE, .client = SERVICE_REGION, .tag = 77, .bucket = SPAN_LITERAL("b"),
                               .key = SPAN_LITERAL("k"), .parts = parts, .part_count = 2, .metadata = SPAN_LITERAL("")};
    struct event e = {.kind = EVENT_OBJECT, .now = when(), .object = &o};
    struct event out = round_trip(&e);
    assert_int_equal(out.object->part_count, 2);
    assert_string_equal(out.object->parts[1].etag, "def");
    assert_non_null(out.object->metadata.data); /* empty and absent differ for the storage plane */
    o.metadata = (struct span){0};
    assert_null(round_trip(&e).object->metadata.data);

    static struct task_spec spec;
    spec = (struct task_spec){.document = SPAN_LITERAL("{}"), .name = SPAN_LITERAL("t"), .executor_count = 1, .input_count = 1,
                              .cpu_millis = 1000, .mode = TASK_VOTE3};
    spec.executors[0] = (struct task_executor){.image = SPAN_LITERAL("app:x"), .argument_count = 2,
                                               .arguments = {SPAN_LITERAL("one"), SPAN_LITERAL("two")}};
    spec.inputs[0] = (struct task_file){.bucket = SPAN_LITERAL("b"), .key = SPAN_LITERAL("k"), .path = SPAN_LITERAL("/work/in")};
    struct task_request t = {.op = TASK_CREATE, .client = SERVICE_REGION, .tag = 5, .spec = &spec};
    e = (struct event){.kind = EVENT_TASK, .now = when(), .task = &t};
    out = round_trip(&e);
    assert_true(span_equal_text(out.task->spec->executors[0].arguments[1], "two"));
    assert_int_equal(out.task->spec->mode, TASK_VOTE3);
}

static void refuses_what_is_no_event(void **state)
{
    (void)state;
    struct heap heap;
    struct event out;
    struct event e = {.kind = EVENT_ALARM, .now = when()};
    for (int what = 0; what < 4; what++) {
        struct writer w = writer_of(bytes, 64);
        struct now now = when();
        now.mono = what == 0 ? -1 : now.mono;
        now.wall = what == 1 ? INT64_MAX : now.wall;
        now.wall_rate = what == 2 ? 0 : now.wall_rate;
        e.now = now;
        journal_event_write(&w, &e);
        if (what == 3)
            bytes[28] = EVENT_COUNT;
        heap_init(&heap, scratch, sizeof scratch);
        struct reader r = reader_of(bytes, w.at);
        journal_event_read(&r, &heap, &out);
        assert_false(reader_ok(&r));
    }
}

static void tells_any_two_effects_apart(void **state)
{
    (void)state;
    struct effect one[2] = {{.kind = EFFECT_ALARM, .alarm = 5}, {.kind = EFFECT_TRACE, .trace = {.id = 1, .about = 2, .text = SPAN_LITERAL("a")}}};
    struct effects e = {.items = one, .count = 2};
    uint64_t first = journal_effects_digest(&e);
    assert_true(first == journal_effects_digest(&e));
    one[0].alarm = 6;
    assert_true(first != journal_effects_digest(&e));
    one[0].alarm = 5;
    one[1].trace.text = SPAN_LITERAL("b");
    assert_true(first != journal_effects_digest(&e));
    one[1] = (struct effect){.kind = EFFECT_SEND, .send = {.peer = 1, .transfer = 2, .parts = {slice_borrowed(SPAN_LITERAL("ab")), slice_borrowed(SPAN_LITERAL("c"))}}};
    uint64_t sent = journal_effects_digest(&e);
    one[1].send.parts[2] = slice_borrowed(SPAN_LITERAL("d"));
    assert_true(sent != journal_effects_digest(&e));
    e.count = 1;
    assert_true(first != journal_effects_digest(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_back_plain_events),
        cmocka_unit_test(brings_back_requests_of_the_region),
        cmocka_unit_test(refuses_what_is_no_event),
        cmocka_unit_test(tells_any_two_effects_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
