#include "test.h"

#include <string.h>

#include "region/payload.h"

static void digest_text(enum checksum kind, struct span s, char out[CHECKSUM_TEXT_MAX])
{
    struct digest d = {0};
    uint8_t bytes[CHECKSUM_BYTES_MAX];
    assert_int_equal(digest_begin(&d, kind), ERR_OK);
    digest_add(&d, span_of(s.data, s.size / 2));
    digest_add(&d, span_of(s.data + s.size / 2, s.size - s.size / 2));
    digest_end(&d, bytes);
    base64_encode(bytes, checksum_size(kind), out);
}

static void checksums_match_their_check_values(void **state)
{
    (void)state;
    static const struct {
        enum checksum kind;
        const char *expected;
    } cases[] = { /* of "123456789", as base64 */
        {CHECKSUM_CRC32, "y/Q5Jg=="}, {CHECKSUM_CRC32C, "4waSgw=="}, {CHECKSUM_CRC64NVME, "rosUhgp5mIg="},
        {CHECKSUM_SHA1, "98O8HYCOBHMq32eZZczDTKeuNEE="}, {CHECKSUM_SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
        {CHECKSUM_MD5, "JfnnlDI7RTiF9RgfG2JNCw=="}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[CHECKSUM_TEXT_MAX];
        digest_text(cases[i].kind, SPAN_LITERAL("123456789"), out);
        assert_string_equal(out, cases[i].expected);
    }
}

static void a_folded_crc64_equals_the_plain_one(void **state)
{
    (void)state;
    static uint8_t data[4096];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 131 + i / 7);
    for (size_t size = 0; size < 700; size++) {
        uint64_t by_byte = 0;
        for (size_t i = 0; i < size; i++)
            by_byte = crc64nvme_more(by_byte, data + i, 1);
        assert_true(crc64nvme_more(0, data, size) == by_byte);
    }
}

/* Feeds a body in pieces of `step` bytes and collects what comes out. */
static enum payload_verdict decode(struct payload *p, const char *body, size_t step, char *out, size_t *out_size)
{
    struct span rest = span_text(body);
    *out_size = 0;
    assert_int_equal(payload_begin(p), ERR_OK);
    while (rest.size) {
        struct span in = span_of(rest.data, MIN(step, rest.size)), piece;
        rest = span_from(rest, in.size);
        while (payload_next(p, &in, 3, &piece)) {
            if (piece.size)
                memcpy(out + *out_size, piece.data, piece.size);
            *out_size += piece.size;
        }
        if (p->failed)
            break;
    }
    enum payload_verdict v = payload_end(p);
    payload_free(p);
    return v;
}

static struct payload trailer_payload(uint64_t size)
{
    return (struct payload){.mode = PAYLOAD_UNSIGNED_CHUNKS, .trailer = true, .size = size, .checksum = CHECKSUM_CRC32};
}

static void an_unsigned_trailer_is_verified_in_any_cuts(void **state)
{
    (void)state;
    for (size_t step = 1; step < 60; step++) {
        struct payload p = trailer_payload(9);
        char out[64];
        size_t n;
        assert_int_equal(decode(&p, "5\r\n12345\r\n4\r\n6789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", step, out, &n), PAYLOAD_OK);
        assert_int_equal(n, 9);
        assert_memory_equal(out, "123456789", 9);
    }
}

static void a_wrong_or_missing_trailer_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum payload_verdict verdict;
    } cases[] = {
        {"9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", PAYLOAD_BAD_DIGEST},
        {"9\r\n123456789\r\n0\r\n\r\n", PAYLOAD_BAD_TRAILER},
        {"9\r\n123456789\r\n0\r\nx-amz-checksum-sha1:AAAAAA==\r\n\r\n", PAYLOAD_BAD_TRAILER},
        {"9\r\n123456789\r\n", PAYLOAD_INCOMPLETE},
        {"9\r\n12345", PAYLOAD_INCOMPLETE},
        {"a\r\n123456789a\r\n0\r\n\r\n", PAYLOAD_INCOMPLETE},
        {"z\r\n", PAYLOAD_BAD_FRAMING},
        {"9\r\n123456789x\r\n", PAYLOAD_BAD_FRAMING},
        {"ffffffffffffffffff\r\n", PAYLOAD_BAD_FRAMING},
        {"8\r\n12345678\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", PAYLOAD_INCOMPLETE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct payload p = trailer_payload(9);
        char out[64];
        size_t n;
        assert_int_equal(decode(&p, cases[i].body, 7, out, &n), cases[i].verdict);
    }
}

static void a_hex_digest_is_verified(void **state)
{
    (void)state;
    struct payload p = {.mode = PAYLOAD_HEX, .size = 3};
    char out[16];
    size_t n;
    sha256_hex(SPAN_LITERAL("abc"), p.sha256_hex);
    struct payload again = p;
    assert_int_equal(decode(&p, "abc", 2, out, &n), PAYLOAD_OK);
    assert_int_equal(decode(&again, "abd", 2, out, &n), PAYLOAD_BAD_SHA256);
}

static void a_wrong_md5_is_refused(void **state)
{
    (void)state;
    struct payload p = {.mode = PAYLOAD_PLAIN, .size = 3, .md5_given = true};
    char out[16];
    size_t n;
    assert_int_equal(decode(&p, "abc", 2, out, &n), PAYLOAD_BAD_DIGEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_match_their_check_values),
        cmocka_unit_test(a_folded_crc64_equals_the_plain_one),
        cmocka_unit_test(an_unsigned_trailer_is_verified_in_any_cuts),
        cmocka_unit_test(a_wrong_or_missing_trailer_is_refused),
        cmocka_unit_test(a_hex_digest_is_verified),
        cmocka_unit_test(a_wrong_md5_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
