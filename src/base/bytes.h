/*
 * base/bytes.h - byte spans, and sticky little-endian cursors over them.
 *
 * Story:   a reader or a writer walks over memory that somebody else owns. The first step that does
 *          not fit marks the cursor as failed; later steps do nothing; ask `ok` once at the end.
 * Units:   bytes. All our own formats are little-endian; the _be forms serve foreign ones.
 * Errors:  none are returned; a failed reader yields zeros and empty spans.
 */
#ifndef NOCT_BASE_BYTES_H
#define NOCT_BASE_BYTES_H

#include "base/err.h"

struct span {
    const uint8_t *data;
    size_t size;
};

#define SPAN_LITERAL(text) ((struct span){(const uint8_t *)(text), sizeof(text) - 1})
struct span span_of(const void *data, size_t size);
struct span span_text(const char *text); /* without the final zero; NULL gives an empty span */
bool span_equal(struct span a, struct span b);
int span_compare(struct span a, struct span b); /* bytewise, shorter first: memcmp order */
bool span_equal_text(struct span a, const char *text);

struct reader {
    const uint8_t *data;
    size_t size, at;
    bool failed;
};

struct reader reader_of(const void *data, size_t size);
bool reader_ok(const struct reader *r);     /* nothing failed so far */
bool reader_at_end(const struct reader *r); /* ok and everything was read */
size_t reader_left(const struct reader *r);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
uint16_t read_u16_be(struct reader *r);
uint32_t read_u32_be(struct reader *r);
uint64_t read_u64_be(struct reader *r);
double read_f64(struct reader *r);                     /* IEEE 754 bits, little-endian */
uint64_t read_varint(struct reader *r);                /* LEB128, at most 10 bytes, shortest form only */
struct span read_span(struct reader *r, size_t size);  /* borrowed from the input */
struct span read_blob(struct reader *r, size_t most);  /* u32 length, then bytes; fails above `most` */
void read_bytes(struct reader *r, void *out, size_t size); /* zero-fills `out` on failure */

struct writer {
    uint8_t *data;
    size_t capacity, at;
    bool failed;
};

struct writer writer_of(void *data, size_t capacity);
bool writer_ok(const struct writer *w);
struct span writer_span(const struct writer *w); /* what was written so far */
void write_u8(struct writer *w, uint8_t v);
void write_u16(struct writer *w, uint16_t v);
void write_u32(struct writer *w, uint32_t v);
void write_u64(struct writer *w, uint64_t v);
void write_u16_be(struct writer *w, uint16_t v);
void write_u32_be(struct writer *w, uint32_t v);
void write_u64_be(struct writer *w, uint64_t v);
void write_f64(struct writer *w, double v);
void write_varint(struct writer *w, uint64_t v);
void write_bytes(struct writer *w, const void *data, size_t size);
void write_blob(struct writer *w, struct span s);      /* u32 length, then bytes */
size_t write_hole(struct writer *w, size_t size);      /* zeros to be patched; returns the offset */
void writer_patch_u32(struct writer *w, size_t at, uint32_t v);

#endif
