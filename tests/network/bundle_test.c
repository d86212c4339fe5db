#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "network/bundle.h"
#include "network/cbor.h"

struct bytes {
    uint8_t data[1024];
    size_t size;
};

static struct bytes from_hex(const char *hex)
{
    struct bytes b = {.size = strlen(hex) / 2};
    assert_true(b.size <= sizeof b.data);
    assert_int_equal(hex_decode(span_text(hex), b.data, b.size), ERR_OK);
    return b;
}

/* The decoder sees an exact-sized heap copy, so that a read beyond its end is caught. */
static err decode(const char *hex, bool primary_unprotected, struct bundle *out, uint8_t **memory)
{
    struct bytes b = from_hex(hex);
    *memory = malloc(b.size);
    memcpy(*memory, b.data, b.size);
    struct bundle_policy policy = {.primary_unprotected = primary_unprotected};
    return bundle_decode(span_of(*memory, b.size), policy, out);
}

static err verdict(const char *hex, bool primary_unprotected)
{
    struct bundle b;
    uint8_t *memory;
    err e = decode(hex, primary_unprotected, &b, &memory);
    free(memory);
    return e;
}

static void checksums_give_their_check_values(void **state)
{
    (void)state;
    assert_int_equal(crc16_x25(0, "123456789", 9), 0x906e);
    assert_int_equal(crc16_x25(crc16_x25(0, "1234", 4), "56789", 5), 0x906e);
    assert_true(crc32c("123456789", 9) == 0xe3069283);
}

/* Accept and reject lists: tests/data/README.md, "bundles". */
static void accepts_what_the_standard_allows(void **state)
{
    (void)state;
    /* unknown block type without the delete flag; no primary checksum */
    const char *unknown = "9f88070000820282030182028201018202820100821b000000bb0e20b4ea001a000927c0"
                          "8508020100410086010100014d4865"
                          "6c6c6f2c20576f726c64214254b3ff";
    assert_int_equal(verdict(unknown, true), ERR_OK);
    assert_int_equal(verdict(unknown, false), ERR_DENIED);
    /* reserved block flags are ignored */
    assert_int_equal(verdict("9f89071844018202820301820100820100821b000000b5998c982b011a000493e042c"
                             "9f6850602100045820282020085"
                             "0704010042183485010118f9004454455354ff",
                             false),
                     ERR_OK);
    /* report-to ipn:0.1 is nobody */
    const char *null_report = "9f88070000820282020182028201018202820001821b00ff00bb0e20b4ea001a0009"
                              "27c085070201004100850101"
                              "00004d48656c6f2c20576f726c642142ff";
    struct bundle b;
    uint8_t *memory;
    assert_int_equal(decode(null_report, true, &b, &memory), ERR_OK);
    assert_int_equal(b.report_to.kind, EID_NULL);
    free(memory);
    /* no clock: creation time 0 with an age block, whose number is 166 */
    const char *no_clock = "9f890718440182028203018201008201008200011a000493e042a221850602100045820"
                           "2820200850718a60100421834850101"
                           "01004454455354ff";
    assert_int_equal(decode(no_clock, false, &b, &memory), ERR_OK);
    assert_true(b.has_age && b.age_ms == 0x34 && b.blocks[1].number == 166);
    assert_int_equal(b.source.kind, EID_NULL);
    assert_true(span_equal_text(b.payload, "TEST"));
    assert_true(b.has_previous && eid_equal(b.previous, eid_ipn(2, 0)));
    free(memory);
}

static void rejects_what_the_standard_forbids(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *why;
        err expected;
    } list[] = {
        {"9f89071844018202820301820100820100821b000000b5998c982b011a000493e042c9f685060210004582028"
         "202008507040100421834850118"
         "2101004454455354ff",
         "payload block number 33", ERR_INVALID},
        {"9f89071844018202820301820100820100821b000000b5998c982b011a000493e042c9f685060210004582028"
         "20200850702010042183485010101"
         "004454455354ff",
         "block number 2 twice", ERR_INVALID},
        {"9f89071844018202820301820100820100821b000000b5998c982b011a000493e042c9f685060210004582028"
         "20200850101010044544553548507"
         "040100421834ff",
         "payload is not last", ERR_INVALID},
        {"9f89071844018202820301820100820100821b000000b5998c982b011a000493e042c9f685060210004582028"
         "20200850704010042183485010101"
         "18194454455354ff",
         "checksum type 25", ERR_INVALID},
        {"9f89071844018202820301820100820100821b000000b5998c982b011a000493e042c9f685060218270045820"
         "28202008507040100421834850101"
         "01004454455354ff",
         "anonymous source asks for a block report", ERR_INVALID},
        {"9f88070000820282020182028201018202820100821b000000bb0e20b4ea001a000927c085070201004100860"
         "10100016d48656c6c6f2c20576f72"
         "6c64214254b3ff",
         "payload is a text string", ERR_INVALID},
        {"9f88071844008202820301820100820100821b000000b5998c982b011a000493e085060210004582028202008"
         "50704010042183485010101004454"
         "455354ff",
         "no checksum and no integrity block for the primary block", ERR_DENIED},
        {"9f88070f00820282020182028201018202820100821b000000bb0e20b4ea001a000927c085070201004100860"
         "10100014d48656c6c6f2c20576f72"
         "6c64214254b3ff",
         "a fragment with eight items", ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        err e = verdict(list[i].hex, false);
        if (e != list[i].expected)
            fail_msg("%s: %s", list[i].why, err_name(e));
    }
    /* the same but the policy stays rejected */
    for (size_t i = 0; i < COUNT_OF(list); i++)
        if (list[i].expected != ERR_DENIED)
            assert_int_not_equal(verdict(list[i].hex, true), ERR_OK);
}

#define PRIMARY_9173 "88070000820282010282028202018202820201820018281a000f4240"

static void reads_the_example_bundles_of_rfc_9173(void **state)
{
    (void)state;
    struct bundle b;
    const char *original =
        "9f" PRIMARY_9173
        "85010100005823526561647920746f2067656e657261746520612033322d62797465207061796c6f6164ff";
    struct bytes in = from_hex(original);
    struct bundle_policy policy = {.primary_unprotected = true};
    /* Creation time 0 without an age block is against RFC 9171: the example needs both leniencies.
     */
    assert_int_equal(bundle_decode(span_of(in.data, in.size), policy, &b), ERR_INVALID);
    policy.ageless = true;
    assert_int_equal(bundle_decode(span_of(in.data, in.size), policy, &b), ERR_OK);
    assert_true(span_equal_text(b.payload, "Ready to generate a 32-byte payload"));
    assert_true(eid_equal(b.destination, eid_ipn(1, 2)));
    assert_true(eid_equal(b.source, eid_ipn(2, 1)));
    assert_true(b.creation_ms == 0 && b.sequence == 40 && b.lifetime_ms == 1000000);
}

static void an_integrity_block_protects_a_primary_block_without_checksum(void **state)
{
    (void)state;
    /* RFC 9173 A.3: targets 0 and 2; creation time 0 with an age block in the clear. */
    const char *a3 = "9f" PRIMARY_9173 "850b030000585c820002010182028203008282010582030082818201582"
                                       "0cac6ce8e4c5dae57988b757e49a6dd1431dc04763541b2845098265bc8"
                     "17241b81820158203ed614c0d97f49b3633627779aa18a338d212bf3c92b97759d9739cd50725"
                     "596850c040100583481010201820282020183820"
                     "14c5477656c76653132313231328202018204008181820150efa4b5ac0108e3816c5606479801"
                     "bc0485070200004319012c850101000058233a0"
                     "9c1e63fe23a7f66a59c7303837241e070b02619fc59c5214a22f08cd70795e73e9aff";
    struct bundle b;
    uint8_t *memory;
    assert_int_equal(decode(a3, false, &b, &memory), ERR_OK);
    assert_true(b.has_age && b.age_ms == 300);
    assert_int_equal(b.block_count, 4);
    free(memory);
}

static void reads_primary_blocks_of_another_implementation(void **state)
{
    (void)state;
    static const char *const list[] = {"890700018201634753328201008201008200001a00015180427123",
                                       "890700028201634753328201008201008200001a0001518044"
                                       "9542defd"};
    for (size_t i = 0; i < 2; i++) {
        struct bytes in = from_hex(list[i]);
        struct bundle b;
        size_t used = 0;
        assert_int_equal(
            bundle_primary_decode(span_of(in.data, in.size), (struct bundle_policy){0}, &b, &used),
            ERR_OK);
        assert_int_equal(used, in.size);
        assert_true(b.destination.kind == EID_DTN && span_equal_text(b.destination.name, "GS2"));
        for (size_t bit = 0; bit < in.size * 8;
             bit++) { /* one flipped bit is noticed wherever it is */
            in.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(bundle_primary_decode(span_of(in.data, in.size),
                                                       (struct bundle_policy){0}, &b, &used),
                                 ERR_OK);
            in.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static struct bundle example(void)
{
    return (struct bundle){.flags = BUNDLE_NO_FRAGMENT,
                           .destination = eid_ipn(4, 3),
                           .source = eid_ipn(1, 3),
                           .report_to = {.kind = EID_NULL},
                           .creation_ms = 847000000000,
                           .sequence = (uint64_t)7 << 32 | 9,
                           .lifetime_ms = 86400000,
                           .priority = 2,
                           .no_custody = true};
}

static size_t assemble(const struct bundle *b, struct span first, struct span second,
                       enum bundle_crc crc, uint8_t *out, size_t capacity)
{
    uint8_t head_memory[512], tail_memory[BUNDLE_TAIL_MAX];
    struct writer head = writer_of(head_memory, sizeof head_memory),
                  tail = writer_of(tail_memory, sizeof tail_memory);
    assert_true(bundle_encode(b, first, second, crc, &head, &tail));
    struct writer all = writer_of(out, capacity);
    write_bytes(&all, head_memory, head.at);
    write_bytes(&all, second.data, second.size);
    write_bytes(&all, tail_memory, tail.at);
    assert_true(writer_ok(&all));
    return all.at;
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    for (int crc = CRC_NONE; crc <= CRC_32C; crc++) {
        uint8_t memory[1024];
        struct bundle in = example(), out;
        size_t size = assemble(&in, SPAN_LITERAL("head "), SPAN_LITERAL("and payload"),
                               (enum bundle_crc)crc, memory, sizeof memory);
        assert_int_equal(bundle_decode(span_of(memory, size), (struct bundle_policy){0}, &out),
                         ERR_OK);
        assert_true(span_equal_text(out.payload, "head and payload"));
        assert_true(eid_equal(out.source, in.source) && eid_equal(out.destination, in.destination));
        assert_true(out.creation_ms == in.creation_ms && out.sequence == in.sequence &&
                    out.lifetime_ms == in.lifetime_ms);
        assert_true(out.has_previous && eid_equal(out.previous, eid_ipn(1, 0)));
        assert_true(out.has_hops && out.hop_limit == BUNDLE_HOPS_MAX && out.hop_count == 0);
        assert_true(out.priority == 2 && out.no_custody);
        assert_true(bundle_key(&out, 5) == bundle_key(&in, 5) &&
                    bundle_key(&out, 5) != bundle_key(&in, 6));
        for (size_t cut = 0; cut < size; cut++) /* no prefix is a bundle */
            assert_int_not_equal(
                bundle_decode(span_of(memory, cut), (struct bundle_policy){0}, &out), ERR_OK);
        memory[size] = 0;
        assert_int_not_equal(
            bundle_decode(span_of(memory, size + 1), (struct bundle_policy){0}, &out), ERR_OK);
    }
}

static void a_flipped_payload_bit_is_noticed(void **state)
{
    (void)state;
    uint8_t memory[1024];
    struct bundle in = example(), out;
    size_t size =
        assemble(&in, SPAN_LITERAL("x"), SPAN_LITERAL("payload"), CRC_32C, memory, sizeof memory);
    memory[size - 8] ^= 4;
    assert_int_equal(bundle_decode(span_of(memory, size), (struct bundle_policy){0}, &out),
                     ERR_CORRUPT);
    assert_int_equal(
        bundle_decode(span_of(memory, size), (struct bundle_policy){.trusted = true}, &out),
        ERR_OK);
}

static void a_relay_renews_the_previous_node_and_counts_the_hop(void **state)
{
    (void)state;
    uint8_t memory[1024], head_memory[BUNDLE_HEAD_MAX], again[2048];
    struct bundle in = example(), first, second;
    size_t size =
        assemble(&in, SPAN_LITERAL("x"), SPAN_LITERAL("payload"), CRC_32C, memory, sizeof memory);
    assert_int_equal(bundle_decode(span_of(memory, size), (struct bundle_policy){0}, &first),
                     ERR_OK);
    struct writer head = writer_of(head_memory, sizeof head_memory);
    assert_true(bundle_relay(&first, 77, 0, &head));
    struct writer all = writer_of(again, sizeof again);
    struct span payload = first.blocks[first.block_count - 1].whole;
    write_bytes(&all, head_memory, head.at);
    write_bytes(&all, payload.data, payload.size);
    write_bytes(&all, BUNDLE_BREAK.data, 1);
    assert_int_equal(bundle_decode(writer_span(&all), (struct bundle_policy){0}, &second), ERR_OK);
    assert_true(eid_equal(second.previous, eid_ipn(77, 0)));
    assert_true(second.hop_count == 1 && second.hop_limit == BUNDLE_HOPS_MAX);
    assert_true(span_equal(second.payload, first.payload) &&
                span_equal(second.primary, first.primary));
    assert_true(second.priority == 2 && second.no_custody);
    assert_true(bundle_key(&second, 1) == bundle_key(&first, 1));
}

static void a_relay_ages_a_bundle_keeps_unknown_blocks_and_adds_a_previous_node(void **state)
{
    (void)state;
    /* unknown type 8 (kept), unknown type 9 with the discard flag 0x10 (dropped), age 52, no
     * previous node */
    const char *hex = "9f88070000820282030182028201018202820100821b000000bb0e20b4ea001a000927c0"
                      "85080200004100"
                      "850909100041aa"
                      "850703000042"
                      "1834"
                      "85010100004161ff";
    struct bundle first, second;
    uint8_t *memory, head_memory[BUNDLE_HEAD_MAX];
    assert_int_equal(decode(hex, true, &first, &memory), ERR_OK);
    struct writer head = writer_of(head_memory, sizeof head_memory);
    assert_true(bundle_relay(&first, 5, 1000, &head));
    struct span payload = first.blocks[first.block_count - 1].whole;
    write_bytes(&head, payload.data, payload.size);
    write_u8(&head, CBOR_BREAK);
    assert_int_equal(bundle_decode(writer_span(&head),
                                   (struct bundle_policy){.primary_unprotected = true}, &second),
                     ERR_OK);
    assert_true(second.has_previous && eid_equal(second.previous, eid_ipn(5, 0)));
    assert_true(second.age_ms == 1052);
    assert_int_equal(second.block_count, 4);
    free(memory);
}

static void an_unknown_block_may_ask_for_the_deletion_of_its_bundle(void **state)
{
    (void)state;
    assert_int_equal(
        verdict("9f88070000820282030182028201018202820100821b000000bb0e20b4ea001a000927c0"
                "85080204004100"
                "85010100004161ff",
                true),
        ERR_UNSUPPORTED);
}

static void a_hop_limit_is_between_1_and_255(void **state)
{
    (void)state;
#define WITH_HOPS(data)                                                                            \
    "9f88070000820282030182028201018202820100821b000000bb0e20b4ea001a000927c0"                     \
    "850a020000" data "85010100004161ff"
    assert_int_equal(verdict(WITH_HOPS("43820100"), true), ERR_OK);
    assert_int_equal(verdict(WITH_HOPS("449f0100ff"), true),
                     ERR_OK); /* indefinite lengths are not prohibited */
    assert_int_equal(verdict(WITH_HOPS("43820000"), true), ERR_RANGE);
    assert_int_equal(verdict(WITH_HOPS("458219010000"), true), ERR_RANGE);
    assert_int_equal(verdict(WITH_HOPS("44821801"
                                       "00"),
                             true),
                     ERR_INVALID); /* 1 in two bytes */
    assert_int_equal(verdict(WITH_HOPS("44820100"
                                       "00"),
                             true),
                     ERR_INVALID); /* something after it */
}

static void reads_ipn_names_with_two_and_three_elements(void **state)
{
    (void)state;
    struct bundle b;
    uint8_t *memory;
    /* destination [977000, 100, 1], source [977000 << 32 | 100, 1] (RFC 9758) */
    assert_int_equal(decode("9f88070000"
                            "820283"
                            "1a000ee868"
                            "1864"
                            "01"
                            "820282"
                            "1b000ee86800000064"
                            "01"
                            "820100"
                            "821b000000bb0e20b4ea001a000927c0"
                            "85010100004161ff",
                            true, &b, &memory),
                     ERR_OK);
    assert_true(eid_equal(b.destination, b.source));
    assert_true(b.source.allocator == 977000 && b.source.node == 100 && b.source.service == 1);
    free(memory);
    assert_int_equal(verdict("9f88070000"
                             "820283"
                             "1b0000000100000000"
                             "1864"
                             "01"
                             "820282"
                             "0101"
                             "820100"
                             "821b000000bb0e20b4ea001a000927c0"
                             "85010100004161ff",
                             true),
                     ERR_INVALID);
}

static void a_fragment_lies_within_its_whole(void **state)
{
    (void)state;
#define FRAGMENT(offset, total)                                                                    \
    "9f8a070100820282030182028201018202820100821b000000bb0e20b4ea001a000927c0" offset total        \
    "85010100004161ff"
    struct bundle b;
    uint8_t *memory;
    assert_int_equal(decode(FRAGMENT("04", "05"), true, &b, &memory), ERR_OK);
    assert_true(b.fragment_offset == 4 && b.total_size == 5);
    free(memory);
    assert_int_equal(verdict(FRAGMENT("05", "05"), true), ERR_RANGE);
    assert_int_equal(verdict(FRAGMENT("1bffffffffffffffff", "1bffffffffffffffff"), true),
                     ERR_RANGE);
}

static void life_ends_at_creation_plus_lifetime(void **state)
{
    (void)state;
    tai_ns created = time_from_utc(2026, 11, 21, 12, 0, 0);
    struct bundle b = {.creation_ms = bundle_dtn_time_ms(created), .lifetime_ms = 1500};
    assert_true(b.creation_ms == 848577600000);
    assert_true(bundle_expiry(&b, 0) == created + 1500 * NS_PER_MS);
    b.lifetime_ms = UINT64_MAX;
    assert_true(bundle_expiry(&b, 0) == TIME_NEVER);
    b = (struct bundle){.lifetime_ms = 1500, .age_ms = 500};
    assert_true(bundle_expiry(&b, created) == created + NS_PER_S);
    b.age_ms = 2000;
    assert_true(bundle_expiry(&b, created) == created);
}

static void skips_only_well_formed_items(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool good;
    } list[] = {{"00", true},
                {"1817", false},
                {"1818", true},
                {"5f4101ff", false},
                {"9f01ff", true},
                {"9f01", false},
                {"a10102", true},
                {"bf0102ff", true},
                {"c100", true},
                {"f5", true},
                {"fb3ff0000000000000", true},
                {"fb3ff0", false},
                {"1c", false},
                {"9bffffffffffffffff", false},
                {"8181818181818181"
                 "00",
                 false},
                {"81818181"
                 "00",
                 true},
                {"ff", false},
                {"bbffffffffffffffff", false},
                {"61ff", true}};
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        struct bytes b = from_hex(list[i].hex);
        struct cbor c = cbor_of(span_of(b.data, b.size));
        struct span s = cbor_skip(&c);
        if (cbor_ok(&c) != list[i].good || (list[i].good && s.size != b.size))
            fail_msg("%s", list[i].hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_give_their_check_values),
        cmocka_unit_test(accepts_what_the_standard_allows),
        cmocka_unit_test(rejects_what_the_standard_forbids),
        cmocka_unit_test(reads_the_example_bundles_of_rfc_9173),
        cmocka_unit_test(an_integrity_block_protects_a_primary_block_without_checksum),
        cmocka_unit_test(reads_primary_blocks_of_another_implementation),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(a_flipped_payload_bit_is_noticed),
        cmocka_unit_test(a_relay_renews_the_previous_node_and_counts_the_hop),
        cmocka_unit_test(a_relay_ages_a_bundle_keeps_unknown_blocks_and_adds_a_previous_node),
        cmocka_unit_test(an_unknown_block_may_ask_for_the_deletion_of_its_bundle),
        cmocka_unit_test(a_hop_limit_is_between_1_and_255),
        cmocka_unit_test(reads_ipn_names_with_two_and_three_elements),
        cmocka_unit_test(a_fragment_lies_within_its_whole),
        cmocka_unit_test(life_ends_at_creation_plus_lifetime),
        cmocka_unit_test(skips_only_well_formed_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
