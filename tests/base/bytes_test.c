#include "test.h"

#include <string.h>

#include "base/bytes.h"

static void reads_back_what_was_written(void **state)
{
    (void)state;
    uint8_t memory[64];
    struct writer w = writer_of(memory, sizeof memory);
    write_u8(&w, 0xab);
    write_u16(&w, 0x1234);
    write_u32_be(&w, 0xdeadbeef);
    write_u64(&w, 0x0123456789abcdefu);
    write_varint(&w, 300);
    write_blob(&w, SPAN_LITERAL("pearl"));
    assert_true(writer_ok(&w));
    struct reader r = reader_of(memory, writer_span(&w).size);
    assert_int_equal(read_u8(&r), 0xab);
    assert_int_equal(read_u16(&r), 0x1234);
    assert_int_equal(read_u32_be(&r), 0xdeadbeef);
    assert_true(read_u64(&r) == 0x0123456789abcdefu);
    assert_int_equal(read_varint(&r), 300);
    assert_true(span_equal_text(read_blob(&r, 100), "pearl"));
    assert_true(reader_at_end(&r));
}

static void a_failed_reader_stays_failed(void **state)
{
    (void)state;
    struct reader r = reader_of("ab", 2);
    assert_int_equal(read_u32(&r), 0);
    assert_false(reader_ok(&r));
    assert_int_equal(read_u8(&r), 0);
    assert_int_equal(reader_left(&r), 0);
}

static void a_full_writer_keeps_its_memory(void **state)
{
    (void)state;
    uint8_t memory[3] = {1, 2, 3};
    struct writer w = writer_of(memory, 2);
    write_u32(&w, 0xffffffff);
    assert_false(writer_ok(&w));
    assert_int_equal(memory[0], 1);
    assert_int_equal(writer_span(&w).size, 0);
}

static void rejects_padded_and_overlong_varints(void **state)
{
    (void)state;
    struct reader padded = reader_of("\x80\x00", 2);
    read_varint(&padded);
    assert_false(reader_ok(&padded));
    struct reader overlong = reader_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
    read_varint(&overlong);
    assert_false(reader_ok(&overlong));
}

static void a_blob_above_the_limit_fails(void **state)
{
    (void)state;
    struct reader r = reader_of("\x05\0\0\0hello", 9);
    assert_int_equal(read_blob(&r, 4).size, 0);
    assert_false(reader_ok(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_was_written),
        cmocka_unit_test(a_failed_reader_stays_failed),
        cmocka_unit_test(a_full_writer_keeps_its_memory),
        cmocka_unit_test(rejects_padded_and_overlong_varints),
        cmocka_unit_test(a_blob_above_the_limit_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
