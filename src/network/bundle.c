#include "network/bundle.h"

#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "network/cbor.h"

enum { BUNDLE_VERSION = 7, SCHEME_DTN = 1, SCHEME_IPN = 2 };
#define DTN_EPOCH_S 946684800LL /* 2000-01-01T00:00:00Z as a POSIX time */

uint16_t crc16_x25(uint16_t crc, const void *data, size_t size)
{
    static const uint16_t by_nibble[16] = {0x0000, 0x1081, 0x2102, 0x3183, 0x4204, 0x5285,
                                           0x6306, 0x7387, 0x8408, 0x9489, 0xa50a, 0xb58b,
                                           0xc60c, 0xd68d, 0xe70e, 0xf78f};
    const uint8_t *p = data;
    uint16_t state = (uint16_t)~crc;
    for (size_t i = 0; i < size; i++) {
        state = (uint16_t)(state >> 4 ^ by_nibble[(state ^ p[i]) & 15]);
        state = (uint16_t)(state >> 4 ^ by_nibble[(state ^ p[i] >> 4) & 15]);
    }
    return (uint16_t)~state;
}

struct eid eid_ipn(uint32_t node, uint64_t service)
{
    return (struct eid){.kind = EID_IPN, .node = node, .service = service};
}

bool eid_equal(struct eid a, struct eid b)
{
    return a.kind == b.kind && a.allocator == b.allocator && a.node == b.node &&
           a.service == b.service && span_equal(a.name, b.name);
}

/* RFC 9758: [node with the allocator in its upper half, service] or [allocator, node, service];
 * node 0 is nobody. */
static struct eid read_ipn(struct cbor *c)
{
    struct cbor_array list = cbor_array(c);
    uint64_t v[3] = {0};
    size_t count = 0;
    while (cbor_array_more(c, &list)) {
        if (count == 3) {
            cbor_fail(c);
            break;
        }
        v[count++] = cbor_uint(c);
    }
    if (count == 2) {
        v[2] = v[1];
        v[1] = v[0] & UINT32_MAX;
        v[0] >>= 32;
    }
    if (count < 2 || v[0] > UINT32_MAX || v[1] > UINT32_MAX)
        cbor_fail(c);
    if (!cbor_ok(c) || (v[0] == 0 && v[1] == 0))
        return (struct eid){.kind = EID_NULL};
    return (struct eid){
        .kind = EID_IPN, .allocator = (uint32_t)v[0], .node = (uint32_t)v[1], .service = v[2]};
}

static struct eid read_eid(struct cbor *c)
{
    struct eid e = {.kind = EID_NULL};
    struct cbor_array pair = cbor_array(c);
    if (!cbor_array_more(c, &pair))
        cbor_fail(c);
    uint64_t scheme = cbor_uint(c);
    if (!cbor_array_more(c, &pair))
        cbor_fail(c);
    if (scheme == SCHEME_IPN) {
        e = read_ipn(c);
    } else if (scheme == SCHEME_DTN && cbor_peek(c) == CBOR_UINT) {
        if (cbor_uint(c) != 0) /* dtn:none */
            cbor_fail(c);
    } else if (scheme == SCHEME_DTN) {
        e = (struct eid){.kind = EID_DTN, .name = cbor_text(c)};
    } else {
        cbor_fail(c);
    }
    cbor_array_end(c, &pair);
    return e;
}

static size_t crc_size(enum bundle_crc crc)
{
    return crc == CRC_16 ? 2 : crc == CRC_32C ? 4 : 0;
}

static enum bundle_crc read_crc_type(struct cbor *c)
{
    uint64_t type = cbor_uint(c);
    if (type > CRC_32C)
        cbor_fail(c);
    return cbor_ok(c) ? (enum bundle_crc)type : CRC_NONE;
}

/* Reads the last element of a block that has a checksum, ends the array, and compares: §4.2.2 takes
 * the sum over the whole block with the bytes of the sum as zeros. */
static err end_block(struct cbor *c, struct cbor_array *list, size_t from, enum bundle_crc crc,
                     bool trusted)
{
    struct span sum = {0};
    if (crc != CRC_NONE) {
        if (!cbor_array_more(c, list))
            return ERR_INVALID;
        sum = cbor_bytes(c);
        if (!cbor_ok(c) || sum.size != crc_size(crc))
            return ERR_INVALID;
    }
    cbor_array_end(c, list);
    if (!cbor_ok(c))
        return ERR_INVALID;
    if (crc == CRC_NONE || trusted)
        return ERR_OK;
    const uint8_t *start = c->data + from, zeros[4] = {0};
    size_t before = (size_t)(sum.data - start), after = c->at - from - before - sum.size;
    const uint8_t *rest = sum.data + sum.size;
    struct reader r = reader_of(sum.data, sum.size);
    if (crc == CRC_16) {
        uint16_t sum16 = crc16_x25(crc16_x25(crc16_x25(0, start, before), zeros, 2), rest, after);
        return sum16 == read_u16_be(&r) ? ERR_OK : ERR_CORRUPT;
    }
    uint32_t sum32 = crc32c_more(crc32c_more(crc32c(start, before), zeros, 4), rest, after);
    return sum32 == read_u32_be(&r) ? ERR_OK : ERR_CORRUPT;
}

static err read_primary(struct cbor *c, bool trusted, struct bundle *out)
{
    size_t from = c->at;
    struct cbor_array list = cbor_array(c);
    uint64_t count = list.left;
#define NEXT() (cbor_array_more(c, &list) ? (void)0 : cbor_fail(c))
    NEXT();
    uint64_t version = cbor_uint(c);
    if (!cbor_ok(c))
        return ERR_INVALID;
    if (version != BUNDLE_VERSION)
        return ERR_VERSION;
    NEXT();
    out->flags = cbor_uint(c);
    NEXT();
    out->crc = read_crc_type(c);
    NEXT();
    out->destination = read_eid(c);
    NEXT();
    out->source = read_eid(c);
    NEXT();
    out->report_to = read_eid(c);
    NEXT();
    struct cbor_array time = cbor_array(c);
    if (!cbor_array_more(c, &time))
        cbor_fail(c);
    out->creation_ms = cbor_uint(c);
    if (!cbor_array_more(c, &time))
        cbor_fail(c);
    out->sequence = cbor_uint(c);
    cbor_array_end(c, &time);
    NEXT();
    out->lifetime_ms = cbor_uint(c);
    bool fragment = out->flags & BUNDLE_IS_FRAGMENT;
    if (fragment) {
        NEXT();
        out->fragment_offset = cbor_uint(c);
        NEXT();
        out->total_size = cbor_uint(c);
    }
#undef NEXT
    uint64_t expected = 8 + (fragment ? 2u : 0u) + (out->crc != CRC_NONE ? 1u : 0u);
    if (!cbor_ok(c) || (count != CBOR_INDEFINITE && count != expected))
        return ERR_INVALID;
    TRY(end_block(c, &list, from, out->crc, trusted));
    out->primary = span_of(c->data + from, c->at - from);
    return ERR_OK;
}

static bool block_seen(const struct bundle *b, uint64_t number)
{
    for (size_t i = 0; i < b->block_count; i++)
        if (b->blocks[i].number == number)
            return true;
    return false;
}

static err read_block(struct cbor *c, bool trusted, struct bundle *out)
{
    if (out->block_count == BUNDLE_BLOCKS_MAX)
        return ERR_TOO_LARGE;
    size_t from = c->at;
    struct bundle_block b = {0};
    struct cbor_array list = cbor_array(c);
    uint64_t count = list.left;
    uint64_t *const fields[] = {&b.type, &b.number, &b.flags};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (!cbor_array_more(c, &list))
            cbor_fail(c);
        *fields[i] = cbor_uint(c);
    }
    if (!cbor_array_more(c, &list))
        cbor_fail(c);
    b.crc = read_crc_type(c);
    if (!cbor_array_more(c, &list))
        cbor_fail(c);
    b.data = cbor_bytes(c);
    uint64_t expected = b.crc == CRC_NONE ? 5 : 6;
    if (!cbor_ok(c) || (count != CBOR_INDEFINITE && count != expected))
        return ERR_INVALID;
    TRY(end_block(c, &list, from, b.crc, trusted));
    b.whole = span_of(c->data + from, c->at - from);
    /* §4.1, §4.3.1: number 0 is the primary block, 1 the payload's, each number once. */
    if (b.type == 0 || b.number == 0 || (b.type == BLOCK_PAYLOAD) != (b.number == 1) ||
        block_seen(out, b.number))
        return ERR_INVALID;
    out->blocks[out->block_count++] = b;
    return ERR_OK;
}

static bool block_is_processed(uint64_t type)
{
    return type == BLOCK_PAYLOAD || type == BLOCK_PREVIOUS_NODE || type == BLOCK_AGE ||
           type == BLOCK_HOP_COUNT || type == BLOCK_INTEGRITY || type == BLOCK_CONFIDENTIALITY ||
           type == BLOCK_QUALITY;
}

static bool once(bool *seen)
{
    bool first = !*seen;
    *seen = true;
    return first;
}

/* Takes the meaning out of one extension block. */
static err read_extension(const struct bundle_block *b, struct bundle *out)
{
    struct cbor c = cbor_of(b->data);
    switch (b->type) {
    case BLOCK_PREVIOUS_NODE:
        if (!once(&out->has_previous))
            return ERR_INVALID;
        out->previous = read_eid(&c);
        break;
    case BLOCK_AGE:
        if (!once(&out->has_age))
            return ERR_INVALID;
        out->age_ms = cbor_uint(&c);
        break;
    case BLOCK_HOP_COUNT: {
        if (!once(&out->has_hops))
            return ERR_INVALID;
        struct cbor_array pair = cbor_array(&c);
        out->hop_limit = cbor_array_more(&c, &pair) ? cbor_uint(&c) : 0;
        if (!cbor_array_more(&c, &pair))
            cbor_fail(&c);
        out->hop_count = cbor_uint(&c);
        cbor_array_end(&c, &pair);
        if (cbor_ok(&c) && (out->hop_limit < 1 || out->hop_limit > 255))
            return ERR_RANGE; /* §4.4.3 */
        break;
    }
    case BLOCK_QUALITY: {
        if (!once(&out->has_quality))
            return ERR_INVALID;
        struct cbor_array pair = cbor_array(&c);
        uint64_t priority = cbor_array_more(&c, &pair) ? cbor_uint(&c) : 9;
        uint64_t no_custody = cbor_array_more(&c, &pair) ? cbor_uint(&c) : 9;
        cbor_array_end(&c, &pair);
        if (cbor_ok(&c) && (priority > 2 || no_custody > 1))
            return ERR_RANGE;
        out->priority = (uint8_t)priority;
        out->no_custody = no_custody == 1;
        break;
    }
    default:
        return !block_is_processed(b->type) && (b->flags & BLOCK_DELETE_BUNDLE) ? ERR_UNSUPPORTED
                                                                                : ERR_OK;
    }
    return cbor_ok(&c) && c.at == c.size ? ERR_OK : ERR_INVALID;
}

/* Does an integrity block protect the primary block? (RFC 9172 §3.6: the targets come first.) */
static bool primary_has_integrity(const struct bundle *b)
{
    for (size_t i = 0; i < b->block_count; i++) {
        if (b->blocks[i].type != BLOCK_INTEGRITY)
            continue;
        struct cbor c = cbor_of(b->blocks[i].data);
        struct cbor_array targets = cbor_array(&c);
        while (cbor_array_more(&c, &targets))
            if (cbor_uint(&c) == 0 && cbor_ok(&c))
                return true;
    }
    return false;
}

/* What the fields must be to each other, RFC 9171 §4.2.3, §4.2.4, §4.3.1, §4.4.2. */
static err check_consistency(const struct bundle *b, struct bundle_policy policy)
{
    bool anonymous = b->source.kind == EID_NULL;
    if (anonymous && !(b->flags & BUNDLE_NO_FRAGMENT))
        return ERR_INVALID;
    if ((anonymous || (b->flags & BUNDLE_IS_ADMIN)) && (b->flags & BUNDLE_REPORTS))
        return ERR_INVALID;
    for (size_t i = 0; i < b->block_count; i++)
        if ((anonymous || (b->flags & BUNDLE_IS_ADMIN)) && (b->blocks[i].flags & BLOCK_REPORT))
            return ERR_INVALID;
    if (b->creation_ms == 0 && !b->has_age && !policy.ageless)
        return ERR_INVALID;
    if ((b->flags & BUNDLE_IS_FRAGMENT) && (b->fragment_offset > b->total_size ||
                                            b->payload.size > b->total_size - b->fragment_offset))
        return ERR_RANGE;
    if (b->crc == CRC_NONE && !policy.primary_unprotected && !primary_has_integrity(b))
        return ERR_DENIED;
    return ERR_OK;
}

err bundle_primary_decode(struct span in, struct bundle_policy policy, struct bundle *out,
                          size_t *used)
{
    *out = (struct bundle){0};
    struct cbor c = cbor_of(in);
    TRY(read_primary(&c, policy.trusted, out));
    *used = c.at;
    return ERR_OK;
}

err bundle_decode(struct span in, struct bundle_policy policy, struct bundle *out)
{
    *out = (struct bundle){.priority = 1};
    if (in.size == 0 || in.data[0] != 0x9f) /* §4.1: an indefinite-length array */
        return ERR_INVALID;
    struct cbor c = cbor_of(in);
    c.at = 1;
    TRY(read_primary(&c, policy.trusted, out));
    while (!cbor_break(&c)) {
        if (out->block_count > 0 && out->blocks[out->block_count - 1].type == BLOCK_PAYLOAD)
            return ERR_INVALID; /* the payload block is the last */
        TRY(read_block(&c, policy.trusted, out));
    }
    if (c.at != c.size || out->block_count == 0 ||
        out->blocks[out->block_count - 1].type != BLOCK_PAYLOAD)
        return ERR_INVALID;
    out->payload = out->blocks[out->block_count - 1].data;
    for (size_t i = 0; i < out->block_count; i++)
        TRY(read_extension(&out->blocks[i], out));
    return check_consistency(out, policy);
}

uint64_t bundle_dtn_time_ms(tai_ns wall)
{
    int64_t ms = wall / NS_PER_MS - (TAI_MINUS_UTC_S + DTN_EPOCH_S) * 1000;
    return ms < 0 ? 0 : (uint64_t)ms;
}

tai_ns bundle_expiry(const struct bundle *b, tai_ns now)
{
    const uint64_t most = (uint64_t)INT64_MAX / (uint64_t)NS_PER_MS;
    uint64_t lifetime = b->lifetime_ms;
    if (b->creation_ms == 0) {
        lifetime = lifetime > b->age_ms ? lifetime - b->age_ms : 0;
        uint64_t room = now >= INT64_MAX
                            ? 0
                            : ((uint64_t)INT64_MAX - (uint64_t)MAX(now, 0)) / (uint64_t)NS_PER_MS;
        return lifetime > room ? TIME_NEVER : now + (int64_t)lifetime * NS_PER_MS;
    }
    uint64_t start = b->creation_ms + (uint64_t)(TAI_MINUS_UTC_S + DTN_EPOCH_S) * 1000;
    if (start < b->creation_ms || start > most || lifetime > most - start)
        return TIME_NEVER;
    return (int64_t)(start + lifetime) * NS_PER_MS;
}

uint64_t bundle_key(const struct bundle *b, uint64_t seed)
{
    uint8_t memory[64];
    struct writer w = writer_of(memory, sizeof memory);
    write_u8(&w, (uint8_t)b->source.kind);
    write_u32(&w, b->source.allocator);
    write_u32(&w, b->source.node);
    write_u64(&w, b->source.service);
    write_u64(&w, b->creation_ms);
    write_u64(&w, b->sequence);
    write_u64(&w, b->fragment_offset);
    write_u64(&w, b->total_size);
    write_u64(&w, b->flags & BUNDLE_IS_FRAGMENT);
    ASSERT(writer_ok(&w));
    struct span s = writer_span(&w);
    uint64_t name =
        b->source.name.size ? hash64_seeded(seed, b->source.name.data, b->source.name.size) : 0;
    return hash64_seeded(seed ^ name, s.data, s.size);
}
