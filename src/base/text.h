/*
 * base/text.h - growing text with a sticky failure flag, JSON writing, strict number parsing, hex, base64.
 *
 * Story:   a `text` grows in a heap (machines) or by malloc (heap NULL: hosts, tools). Append until done, then ask
 *          text_ok once. The JSON writer escapes everything and keeps commas right by itself.
 */
#ifndef NOCT_BASE_TEXT_H
#define NOCT_BASE_TEXT_H

#include "base/bytes.h"
#include "base/heap.h"

struct text {
    struct heap *heap; /* NULL: malloc */
    char *data;        /* zero-terminated once anything was added */
    size_t size, capacity, most;
    bool failed;
    uint8_t json_depth;
    bool json_comma[64]; /* first half: a comma is due; second half: the level is an array */
};

struct text text_new(struct heap *heap, size_t most); /* `most` bounds the size in bytes */
void text_free(struct text *t);
bool text_ok(const struct text *t);
struct span text_span(const struct text *t);
const char *text_string(const struct text *t); /* "" when empty */
void text_add(struct text *t, const char *s);
void text_add_span(struct text *t, struct span s);
void text_add_char(struct text *t, char c);
void text_printf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void text_add_xml(struct text *t, struct span s); /* escapes & < > " ' and control characters */
void text_add_url(struct text *t, struct span s, bool keep_slash); /* RFC 3986 unreserved stay */

/* JSON: key NULL inside arrays and at the top. Four names are jansson's too: other symbols keep its library whole. */
void json_object(struct text *t, const char *key) __asm__("noct_json_object");
void json_array(struct text *t, const char *key) __asm__("noct_json_array");
void json_end(struct text *t); /* closes the innermost object or array */
void json_string(struct text *t, const char *key, const char *value) __asm__("noct_json_string"); /* NULL writes null */
void json_span(struct text *t, const char *key, struct span value);   /* invalid UTF-8 becomes U+FFFD */
void json_int(struct text *t, const char *key, int64_t value);
void json_uint(struct text *t, const char *key, uint64_t value);
void json_double(struct text *t, const char *key, double value); /* shortest form that reads back; NaN → null */
void json_bool(struct text *t, const char *key, bool value);
void json_null(struct text *t, const char *key) __asm__("noct_json_null");

/* Whole input must be a decimal number without sign or blanks. */
err parse_u64(struct span s, uint64_t most, uint64_t *out) MUST_USE;
err parse_double(struct span s, double *out) MUST_USE; /* finite, whole input */

void hex_encode(const void *data, size_t size, char *out); /* out holds 2*size+1 */
err hex_decode(struct span s, void *out, size_t out_size) MUST_USE; /* exact length */
size_t base64_encode(const void *data, size_t size, char *out); /* out holds 4*((size+2)/3)+1 */
err base64_decode(struct span s, void *out, size_t capacity, size_t *size) MUST_USE; /* strict padding */
bool utf8_valid(struct span s);
struct span text_without_mark(struct span s); /* without the UTF-8 byte order mark that some editors write first */
bool text_is_utf16(struct span s);            /* by its byte order mark */
/* Copies at most out_size-1 bytes and terminates; returns false if it did not fit. */
bool text_copy(char *out, size_t out_size, struct span s);

#endif
