#include "test.h"

#include "base/hash.h"

static void crc32c_has_the_published_check_value(void **state)
{
    (void)state;
    assert_true(crc32c("123456789", 9) == 0xe3069283u); /* RFC 3720, appendix B.4 */
}

/* Short inputs take another way than long ones; both must agree, wherever the input is cut. */
static void a_crc_does_not_depend_on_the_pieces(void **state)
{
    (void)state;
    uint8_t bytes[700];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 + 7);
    uint32_t whole = crc32c(bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++)
        assert_true(crc32c_more(crc32c(bytes, cut), bytes + cut, sizeof bytes - cut) == whole);
    uint32_t by_bytes = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        by_bytes = crc32c_more(by_bytes, bytes + i, 1);
    assert_true(by_bytes == whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_has_the_published_check_value),
        cmocka_unit_test(a_crc_does_not_depend_on_the_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
