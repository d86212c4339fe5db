#include "network/bundle.h"

#include "base/hash.h"
#include "network/cbor.h"

static void write_eid(struct writer *w, struct eid e)
{
    cbor_write_array(w, 2);
    if (e.kind == EID_NULL) {
        cbor_write_uint(w, 1);
        cbor_write_uint(w, 0);
    } else if (e.kind == EID_DTN) {
        cbor_write_uint(w, 1);
        cbor_write_head(w, CBOR_TEXT, e.name.size);
        write_bytes(w, e.name.data, e.name.size);
    } else { /* the two-element form, which every implementation reads */
        cbor_write_uint(w, 2);
        cbor_write_array(w, 2);
        cbor_write_uint(w, (uint64_t)e.allocator << 32 | e.node);
        cbor_write_uint(w, e.service);
    }
}

/* Appends a CRC-32C over everything since `from`. */
static void write_crc32c(struct writer *w, size_t from)
{
    cbor_write_bytes_head(w, 4);
    size_t at = write_hole(w, 4);
    if (!writer_ok(w))
        return;
    struct writer patch = writer_of(w->data + at, 4);
    write_u32_be(&patch, crc32c(w->data + from, w->at - from));
}

static void write_primary(struct writer *w, const struct bundle *b)
{
    size_t from = w->at;
    cbor_write_array(w, 9);
    cbor_write_uint(w, 7);
    cbor_write_uint(w, b->flags);
    cbor_write_uint(w, CRC_32C);
    write_eid(w, b->destination);
    write_eid(w, b->source);
    write_eid(w, b->report_to);
    cbor_write_array(w, 2);
    cbor_write_uint(w, b->creation_ms);
    cbor_write_uint(w, b->sequence);
    cbor_write_uint(w, b->lifetime_ms);
    write_crc32c(w, from);
}

/* An extension block without checksum whose data is at most 64 bytes. */
static void write_extension(struct writer *w, uint64_t type, uint64_t number, uint64_t flags,
                            struct span data)
{
    cbor_write_array(w, 5);
    cbor_write_uint(w, type);
    cbor_write_uint(w, number);
    cbor_write_uint(w, flags);
    cbor_write_uint(w, CRC_NONE);
    cbor_write_bytes(w, data);
}

static void write_previous(struct writer *w, uint64_t number, uint64_t flags, uint32_t self)
{
    uint8_t memory[32];
    struct writer data = writer_of(memory, sizeof memory);
    write_eid(&data, eid_ipn(self, 0));
    write_extension(w, BLOCK_PREVIOUS_NODE, number, flags, writer_span(&data));
}

static void write_pair(struct writer *w, uint64_t type, uint64_t number, uint64_t flags,
                       uint64_t first, uint64_t second)
{
    uint8_t memory[32];
    struct writer data = writer_of(memory, sizeof memory);
    cbor_write_array(&data, 2);
    cbor_write_uint(&data, first);
    cbor_write_uint(&data, second);
    write_extension(w, type, number, flags, writer_span(&data));
}

static void write_tail(struct writer *head, size_t from, struct span second, enum bundle_crc crc,
                       struct writer *tail)
{
    static const uint8_t zeros[4] = {0};
    if (crc == CRC_32C) {
        uint32_t sum =
            crc32c_more(crc32c(head->data + from, head->at - from), second.data, second.size);
        sum = crc32c_more(crc32c_more(sum, "\x44", 1), zeros, 4);
        cbor_write_bytes_head(tail, 4);
        write_u32_be(tail, sum);
    } else if (crc == CRC_16) {
        uint16_t sum =
            crc16_x25(crc16_x25(0, head->data + from, head->at - from), second.data, second.size);
        sum = crc16_x25(crc16_x25(sum, "\x42", 1), zeros, 2);
        cbor_write_bytes_head(tail, 2);
        write_u16_be(tail, sum);
    }
    write_u8(tail, CBOR_BREAK);
}

bool bundle_encode_front(const struct bundle *b, struct writer *front)
{
    write_u8(front, 0x9f);
    write_primary(front, b);
    write_previous(front, 2, 0, b->source.node);
    write_pair(front, BLOCK_HOP_COUNT, 3, 0, BUNDLE_HOPS_MAX, 0);
    write_pair(front, BLOCK_QUALITY, 4, 0, b->priority, b->no_custody ? 1 : 0);
    return writer_ok(front);
}

bool bundle_encode_block(struct span first, struct span second, struct writer *block)
{
    size_t from = block->at;
    cbor_write_array(block, 6);
    cbor_write_uint(block, BLOCK_PAYLOAD);
    cbor_write_uint(block, 1);
    cbor_write_uint(block, 0);
    cbor_write_uint(block, CRC_32C);
    cbor_write_bytes_head(block, (uint64_t)first.size + second.size);
    write_bytes(block, first.data, first.size);
    write_bytes(block, second.data, second.size);
    if (!writer_ok(block))
        return false;
    write_tail(block, from, (struct span){0}, CRC_32C, block);
    return writer_ok(block);
}

bool bundle_encode(const struct bundle *b, struct span first, struct span second,
                   enum bundle_crc payload_crc, struct writer *head, struct writer *tail)
{
    if (!bundle_encode_front(b, head))
        return false;
    size_t from = head->at;
    cbor_write_array(head, payload_crc == CRC_NONE ? 5 : 6);
    cbor_write_uint(head, BLOCK_PAYLOAD);
    cbor_write_uint(head, 1);
    cbor_write_uint(head, 0);
    cbor_write_uint(head, payload_crc);
    cbor_write_bytes_head(head, (uint64_t)first.size + second.size);
    write_bytes(head, first.data, first.size);
    if (!writer_ok(head))
        return false;
    write_tail(head, from, second, payload_crc, tail);
    return writer_ok(tail);
}

/* A number that no block of the bundle has. */
static uint64_t free_number(const struct bundle *b)
{
    uint64_t number = 2;
    for (size_t i = 0; i < b->block_count; i++)
        if (b->blocks[i].number == number) {
            number++;
            i = (size_t)-1;
        }
    return number;
}

static bool is_understood(uint64_t type)
{
    return type == BLOCK_INTEGRITY || type == BLOCK_CONFIDENTIALITY || type == BLOCK_QUALITY;
}

bool bundle_relay(const struct bundle *b, uint32_t self, uint64_t age_more_ms, struct writer *head)
{
    write_u8(head, 0x9f);
    write_bytes(head, b->primary.data, b->primary.size);
    if (!b->has_previous)
        write_previous(head, free_number(b), 0, self);
    for (size_t i = 0; i + 1 < b->block_count; i++) {
        const struct bundle_block *block = &b->blocks[i];
        uint8_t memory[16];
        struct writer data = writer_of(memory, sizeof memory);
        if (block->type == BLOCK_PREVIOUS_NODE) {
            write_previous(head, block->number, block->flags, self);
        } else if (block->type == BLOCK_HOP_COUNT) {
            write_pair(head, BLOCK_HOP_COUNT, block->number, block->flags, b->hop_limit,
                       b->hop_count + 1);
        } else if (block->type == BLOCK_AGE) {
            cbor_write_uint(&data, b->age_ms + age_more_ms < b->age_ms ? UINT64_MAX
                                                                       : b->age_ms + age_more_ms);
            write_extension(head, BLOCK_AGE, block->number, block->flags, writer_span(&data));
        } else if (!(block->flags & BLOCK_DISCARD) || is_understood(block->type)) {
            write_bytes(head, block->whole.data, block->whole.size);
        }
    }
    return writer_ok(head);
}
