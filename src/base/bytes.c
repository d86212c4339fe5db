#include "base/bytes.h"

#include <string.h>

struct span span_of(const void *data, size_t size)
{
    return (struct span){data, size};
}

struct span span_text(const char *text)
{
    return (struct span){(const uint8_t *)text, text ? strlen(text) : 0};
}

bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int span_compare(struct span a, struct span b)
{
    size_t common = MIN(a.size, b.size);
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order < 0 ? -1 : 1;
    return a.size == b.size ? 0 : (a.size < b.size ? -1 : 1);
}

bool span_equal_text(struct span a, const char *text)
{
    return span_equal(a, span_text(text));
}

struct reader reader_of(const void *data, size_t size)
{
    return (struct reader){.data = data, .size = size};
}

bool reader_ok(const struct reader *r)
{
    return !r->failed;
}

bool reader_at_end(const struct reader *r)
{
    return !r->failed && r->at == r->size;
}

size_t reader_left(const struct reader *r)
{
    return r->failed ? 0 : r->size - r->at;
}

static inline const uint8_t *take(struct reader *r, size_t size)
{
    if (r->failed || size > r->size - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->data + r->at;
    r->at += size;
    return p;
}

static inline uint64_t take_le(struct reader *r, size_t size)
{
    const uint8_t *p = take(r, size);
    uint64_t v = 0;
    if (p && size == 8)
        return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
               (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56; /* one load */
    for (size_t i = 0; p && i < size; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static uint64_t take_be(struct reader *r, size_t size)
{
    const uint8_t *p = take(r, size);
    uint64_t v = 0;
    for (size_t i = 0; p && i < size; i++)
        v = v << 8 | p[i];
    return v;
}

uint8_t read_u8(struct reader *r)
{
    return (uint8_t)take_le(r, 1);
}

uint16_t read_u16(struct reader *r)
{
    return (uint16_t)take_le(r, 2);
}

uint32_t read_u32(struct reader *r)
{
    return (uint32_t)take_le(r, 4);
}

uint64_t read_u64(struct reader *r)
{
    return take_le(r, 8);
}

uint16_t read_u16_be(struct reader *r)
{
    return (uint16_t)take_be(r, 2);
}

uint32_t read_u32_be(struct reader *r)
{
    return (uint32_t)take_be(r, 4);
}

uint64_t read_u64_be(struct reader *r)
{
    return take_be(r, 8);
}

double read_f64(struct reader *r)
{
    uint64_t bits = take_le(r, 8);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

uint64_t read_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const uint8_t *p = take(r, 1);
        if (!p)
            return 0;
        bool overflows = shift == 63 && *p > 1;
        bool padded = *p == 0 && shift != 0;
        if (overflows || padded)
            break;
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (*p < 0x80)
            return v;
    }
    r->failed = true;
    return 0;
}

struct span read_span(struct reader *r, size_t size)
{
    const uint8_t *p = take(r, size);
    return (struct span){p, p ? size : 0};
}

struct span read_blob(struct reader *r, size_t most)
{
    size_t size = read_u32(r);
    if (size > most)
        r->failed = true;
    return read_span(r, size);
}

void read_bytes(struct reader *r, void *out, size_t size)
{
    const uint8_t *p = take(r, size);
    if (p && size)
        memcpy(out, p, size);
    else if (size)
        memset(out, 0, size);
}

struct writer writer_of(void *data, size_t capacity)
{
    return (struct writer){.data = data, .capacity = capacity};
}

bool writer_ok(const struct writer *w)
{
    return !w->failed;
}

struct span writer_span(const struct writer *w)
{
    return (struct span){w->data, w->failed ? 0 : w->at};
}

static inline uint8_t *room(struct writer *w, size_t size)
{
    if (w->failed || size > w->capacity - w->at) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->data + w->at;
    w->at += size;
    return p;
}

static inline void put_le(struct writer *w, uint64_t v, size_t size)
{
    uint8_t *p = room(w, size);
    for (size_t i = 0; p && i < size; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void put_be(struct writer *w, uint64_t v, size_t size)
{
    uint8_t *p = room(w, size);
    for (size_t i = 0; p && i < size; i++)
        p[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
}

void write_u8(struct writer *w, uint8_t v)
{
    put_le(w, v, 1);
}

void write_u16(struct writer *w, uint16_t v)
{
    put_le(w, v, 2);
}

void write_u32(struct writer *w, uint32_t v)
{
    put_le(w, v, 4);
}

void write_u64(struct writer *w, uint64_t v)
{
    put_le(w, v, 8);
}

void write_u16_be(struct writer *w, uint16_t v)
{
    put_be(w, v, 2);
}

void write_u32_be(struct writer *w, uint32_t v)
{
    put_be(w, v, 4);
}

void write_u64_be(struct writer *w, uint64_t v)
{
    put_be(w, v, 8);
}

void write_f64(struct writer *w, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_le(w, bits, 8);
}

void write_varint(struct writer *w, uint64_t v)
{
    while (v >= 0x80) {
        put_le(w, (v & 0x7f) | 0x80, 1);
        v >>= 7;
    }
    put_le(w, v, 1);
}

void write_bytes(struct writer *w, const void *data, size_t size)
{
    uint8_t *p = room(w, size);
    if (p && size)
        memcpy(p, data, size);
}

void write_blob(struct writer *w, struct span s)
{
    if (s.size > UINT32_MAX)
        w->failed = true;
    write_u32(w, (uint32_t)s.size);
    write_bytes(w, s.data, s.size);
}

size_t write_hole(struct writer *w, size_t size)
{
    size_t at = w->at;
    uint8_t *p = room(w, size);
    if (p && size)
        memset(p, 0, size);
    return at;
}

void writer_patch_u32(struct writer *w, size_t at, uint32_t v)
{
    if (w->failed)
        return;
    ASSERT(at + 4 <= w->at);
    for (size_t i = 0; i < 4; i++)
        w->data[at + i] = (uint8_t)(v >> (8 * i));
}
