#include "network/cbor.h"

#include "base/text.h"

struct cbor cbor_of(struct span s)
{
    return (struct cbor){.data = s.data, .size = s.size};
}

bool cbor_ok(const struct cbor *c)
{
    return !c->failed;
}

void cbor_fail(struct cbor *c)
{
    c->failed = true;
}

int cbor_peek(const struct cbor *c)
{
    return c->failed || c->at >= c->size ? -1 : c->data[c->at] >> 5;
}

/* Reads the initial byte and its argument; shortest forms only (RFC 8949 §4.2.1). */
static uint64_t head(struct cbor *c, enum cbor_major major, bool indefinite_allowed)
{
    if (cbor_peek(c) != (int)major) {
        c->failed = true;
        return 0;
    }
    uint8_t info = c->data[c->at] & 31;
    if (info == 31 && indefinite_allowed) {
        c->at++;
        return CBOR_INDEFINITE;
    }
    if (info < 24) {
        c->at++;
        return info;
    }
    size_t width = (size_t)1 << (info - 24);
    if (info > 27 || c->size - c->at - 1 < width) {
        c->failed = true;
        return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v = v << 8 | c->data[c->at + 1 + i];
    static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000};
    /* 2^64-1 is our mark for indefinite; as a number it is fine, as a length impossible. */
    if (v < least[info - 24] || (v == CBOR_INDEFINITE && major != CBOR_UINT)) {
        c->failed = true;
        return 0;
    }
    c->at += 1 + width;
    return v;
}

uint64_t cbor_uint(struct cbor *c)
{
    return head(c, CBOR_UINT, false);
}

static struct span string(struct cbor *c, enum cbor_major major)
{
    uint64_t size = head(c, major, false);
    if (c->failed || size > c->size - c->at) {
        c->failed = true;
        return (struct span){0};
    }
    struct span s = {c->data + c->at, (size_t)size};
    c->at += (size_t)size;
    return s;
}

struct span cbor_bytes(struct cbor *c)
{
    return string(c, CBOR_BYTES);
}

struct span cbor_text(struct cbor *c)
{
    struct span s = string(c, CBOR_TEXT);
    if (!utf8_valid(s))
        c->failed = true;
    return c->failed ? (struct span){0} : s;
}

struct cbor_array cbor_array(struct cbor *c)
{
    return (struct cbor_array){head(c, CBOR_ARRAY, true)};
}

bool cbor_break(struct cbor *c)
{
    if (c->failed || c->at >= c->size || c->data[c->at] != CBOR_BREAK)
        return false;
    c->at++;
    return true;
}

bool cbor_array_more(struct cbor *c, struct cbor_array *a)
{
    if (c->failed)
        return false;
    if (a->left == CBOR_INDEFINITE) {
        if (c->at < c->size && c->data[c->at] != CBOR_BREAK)
            return true;
        if (!cbor_break(c))
            c->failed = true;
        a->left = 0;
        return false;
    }
    if (a->left == 0)
        return false;
    a->left--;
    return true;
}

void cbor_array_end(struct cbor *c, struct cbor_array *a)
{
    if (cbor_array_more(c, a))
        c->failed = true;
}

static void skip(struct cbor *c, int depth);

static void skip_many(struct cbor *c, uint64_t count, int depth)
{
    if (count == CBOR_INDEFINITE) {
        while (!c->failed && !cbor_break(c))
            skip(c, depth);
        return;
    }
    /* Each element takes a byte at least: an absurd count fails before it costs anything. */
    if (count > c->size - c->at)
        c->failed = true;
    for (uint64_t i = 0; i < count && !c->failed; i++)
        skip(c, depth);
}

static void skip(struct cbor *c, int depth)
{
    int major = cbor_peek(c);
    if (major < 0 || depth == 0) {
        c->failed = true;
        return;
    }
    switch ((enum cbor_major)major) {
    case CBOR_UINT:
    case CBOR_NEGATIVE:
        (void)head(c, (enum cbor_major)major, false);
        break;
    case CBOR_BYTES:
    case CBOR_TEXT:
        (void)string(c, (enum cbor_major)major);
        break;
    case CBOR_ARRAY:
        skip_many(c, head(c, CBOR_ARRAY, true), depth - 1);
        break;
    case CBOR_MAP: {
        uint64_t pairs = head(c, CBOR_MAP, true);
        if (pairs != CBOR_INDEFINITE && pairs > c->size / 2)
            c->failed = true;
        else
            skip_many(c, pairs == CBOR_INDEFINITE ? pairs : pairs * 2, depth - 1);
        break;
    }
    case CBOR_TAG:
        (void)head(c, CBOR_TAG, false);
        skip(c, depth - 1);
        break;
    case CBOR_SIMPLE: {
        uint8_t info = c->data[c->at] & 31;
        size_t size = info < 24    ? 1
                      : info == 24 ? 2
                      : info == 25 ? 3
                      : info == 26 ? 5
                      : info == 27 ? 9
                                   : 0;
        if (size == 0 || size > c->size - c->at)
            c->failed = true;
        else
            c->at += size;
        break;
    }
    }
}

struct span cbor_skip(struct cbor *c)
{
    size_t from = c->at;
    skip(c, CBOR_DEPTH_MAX);
    return c->failed ? (struct span){0} : (struct span){c->data + from, c->at - from};
}

void cbor_write_head(struct writer *w, enum cbor_major major, uint64_t v)
{
    uint8_t top = (uint8_t)(major << 5);
    if (v < 24) {
        write_u8(w, (uint8_t)(top | v));
    } else if (v < 0x100) {
        write_u8(w, top | 24);
        write_u8(w, (uint8_t)v);
    } else if (v < 0x10000) {
        write_u8(w, top | 25);
        write_u16_be(w, (uint16_t)v);
    } else if (v < 0x100000000) {
        write_u8(w, top | 26);
        write_u32_be(w, (uint32_t)v);
    } else {
        write_u8(w, top | 27);
        write_u64_be(w, v);
    }
}

size_t cbor_head_size(uint64_t v)
{
    return v < 24 ? 1 : v < 0x100 ? 2 : v < 0x10000 ? 3 : v < 0x100000000 ? 5 : 9;
}

void cbor_write_uint(struct writer *w, uint64_t v)
{
    cbor_write_head(w, CBOR_UINT, v);
}

void cbor_write_bytes_head(struct writer *w, uint64_t size)
{
    cbor_write_head(w, CBOR_BYTES, size);
}

void cbor_write_bytes(struct writer *w, struct span s)
{
    cbor_write_bytes_head(w, s.size);
    write_bytes(w, s.data, s.size);
}

void cbor_write_array(struct writer *w, uint64_t count)
{
    cbor_write_head(w, CBOR_ARRAY, count);
}
