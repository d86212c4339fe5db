/* fuzz/bundle.c - the bundle decoder under arbitrary bytes; what it accepts must survive being
 * relayed. */
#include <string.h>

#include "network/bundle.h"
#include "network/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle_policy policy = {.primary_unprotected = true, .ageless = true};
    struct bundle b, again;
    if (size == 0)
        return 0;
    policy.trusted = data[0] & 1; /* lets the fuzzer past the checksums */
    if (bundle_decode(span_of(data + 1, size - 1), policy, &b) != ERR_OK)
        return 0;
    static uint8_t memory[1 << 20];
    struct writer w = writer_of(memory, BUNDLE_HEAD_MAX);
    if (!bundle_relay(&b, 7, 1000, &w) || w.at + size > sizeof memory)
        return 0;
    w.capacity = sizeof memory;
    struct span payload = b.blocks[b.block_count - 1].whole;
    write_bytes(&w, payload.data, payload.size);
    write_u8(&w, CBOR_BREAK);
    err e = bundle_decode(writer_span(&w), policy, &again);
    /* A previous node block that had to be added may be one block too many. */
    ASSERT(e == ERR_OK || (e == ERR_TOO_LARGE && b.block_count == BUNDLE_BLOCKS_MAX));
    ASSERT(e != ERR_OK ||
           (span_equal(again.payload, b.payload) && bundle_key(&again, 1) == bundle_key(&b, 1)));
    return 0;
}
