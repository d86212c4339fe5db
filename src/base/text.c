#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text text_new(struct heap *heap, size_t most)
{
    return (struct text){.heap = heap, .most = most};
}

void text_free(struct text *t)
{
    if (t->heap)
        heap_free(t->heap, t->data);
    else
        free(t->data);
    *t = text_new(t->heap, t->most);
}

bool text_ok(const struct text *t)
{
    return !t->failed;
}

struct span text_span(const struct text *t)
{
    return (struct span){(const uint8_t *)t->data, t->size};
}

const char *text_string(const struct text *t)
{
    return t->data ? t->data : "";
}

static bool reserve(struct text *t, size_t more)
{
    if (t->failed || more > t->most - MIN(t->most, t->size)) {
        t->failed = true;
        return false;
    }
    size_t need = t->size + more + 1;
    if (need <= t->capacity)
        return true;
    size_t capacity = MAX(need, MAX((size_t)64, t->capacity * 2));
    char *data = t->heap ? heap_grow(t->heap, t->data, capacity) : realloc(t->data, capacity);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = t->heap ? heap_block_size(data) : capacity;
    return true;
}

void text_add_span(struct text *t, struct span s)
{
    if (s.size == 0 || !reserve(t, s.size))
        return;
    memcpy(t->data + t->size, s.data, s.size);
    t->size += s.size;
    t->data[t->size] = 0;
}

void text_add(struct text *t, const char *s)
{
    text_add_span(t, span_text(s));
}

void text_add_char(struct text *t, char c)
{
    text_add_span(t, span_of(&c, 1));
}

void text_printf(struct text *t, const char *format, ...)
{
    char small[256];
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int n = vsnprintf(small, sizeof small, format, list);
    va_end(list);
    if (n < 0) {
        t->failed = true;
    } else if ((size_t)n < sizeof small) {
        text_add_span(t, span_of(small, (size_t)n));
    } else if (reserve(t, (size_t)n)) {
        vsnprintf(t->data + t->size, (size_t)n + 1, format, again);
        t->size += (size_t)n;
    }
    va_end(again);
}

void text_add_xml(struct text *t, struct span s)
{
    for (size_t i = 0; i < s.size; i++) {
        char c = (char)s.data[i];
        switch (c) {
        case '&':
            text_add(t, "&amp;");
            break;
        case '<':
            text_add(t, "&lt;");
            break;
        case '>':
            text_add(t, "&gt;");
            break;
        case '"':
            text_add(t, "&quot;");
            break;
        case '\'':
            text_add(t, "&apos;");
            break;
        default:
            if ((unsigned char)c < 0x20)
                text_printf(t, "&#x%x;", (unsigned)c);
            else
                text_add_char(t, c);
        }
    }
}

static bool url_unreserved(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void text_add_url(struct text *t, struct span s, bool keep_slash)
{
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        if (url_unreserved(c) || (keep_slash && c == '/'))
            text_add_char(t, (char)c);
        else
            text_printf(t, "%%%02X", c);
    }
}

/* Length of the valid UTF-8 sequence at `s`, 0 if there is none (RFC 3629, no surrogates). */
static size_t utf8_length(struct span s)
{
    if (s.size == 0)
        return 0;
    uint8_t c = s.data[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (n == 0 || s.size < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s.data[i] & 0xc0) != 0x80)
            return 0;
    uint8_t d = s.data[1];
    if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) ||
        (c == 0xf4 && d > 0x8f))
        return 0;
    return n;
}

bool utf8_valid(struct span s)
{
    while (s.size > 0) {
        size_t n = utf8_length(s);
        if (n == 0)
            return false;
        s.data += n;
        s.size -= n;
    }
    return true;
}

static void json_escaped(struct text *t, struct span s)
{
    text_add_char(t, '"');
    while (s.size > 0) {
        size_t n = utf8_length(s);
        uint8_t c = s.data[0];
        if (n == 0)
            text_add(t, "\\ufffd");
        else if (c == '"' || c == '\\')
            text_printf(t, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            text_printf(t, "\\u%04x", c);
        else
            text_add_span(t, span_of(s.data, n));
        n = n ? n : 1;
        s.data += n;
        s.size -= n;
    }
    text_add_char(t, '"');
}

static void json_lead(struct text *t, const char *key)
{
    if (t->json_depth > 0 && t->json_comma[t->json_depth - 1])
        text_add_char(t, ',');
    if (t->json_depth > 0)
        t->json_comma[t->json_depth - 1] = true;
    if (key) {
        json_escaped(t, span_text(key));
        text_add_char(t, ':');
    }
}

/* The second half of json_comma remembers which levels are arrays. */
static void json_open(struct text *t, const char *key, char open)
{
    json_lead(t, key);
    ASSERT(t->json_depth < COUNT_OF(t->json_comma) / 2);
    t->json_comma[t->json_depth + COUNT_OF(t->json_comma) / 2] = open == '[';
    t->json_comma[t->json_depth++] = false;
    text_add_char(t, open);
}

void json_object(struct text *t, const char *key)
{
    json_open(t, key, '{');
}

void json_array(struct text *t, const char *key)
{
    json_open(t, key, '[');
}

void json_end(struct text *t)
{
    ASSERT(t->json_depth > 0);
    t->json_depth--;
    text_add_char(t, t->json_comma[t->json_depth + COUNT_OF(t->json_comma) / 2] ? ']' : '}');
}

void json_span(struct text *t, const char *key, struct span value)
{
    json_lead(t, key);
    json_escaped(t, value);
}

void json_string(struct text *t, const char *key, const char *value)
{
    if (value)
        json_span(t, key, span_text(value));
    else
        json_null(t, key);
}

void json_int(struct text *t, const char *key, int64_t value)
{
    json_lead(t, key);
    text_printf(t, "%lld", (long long)value);
}

void json_uint(struct text *t, const char *key, uint64_t value)
{
    json_lead(t, key);
    text_printf(t, "%llu", (unsigned long long)value);
}

void json_double(struct text *t, const char *key, double value)
{
    if (!isfinite(value)) {
        json_null(t, key);
        return;
    }
    char out[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, sizeof out, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    json_lead(t, key);
    text_add(t, out);
}

void json_bool(struct text *t, const char *key, bool value)
{
    json_lead(t, key);
    text_add(t, value ? "true" : "false");
}

void json_null(struct text *t, const char *key)
{
    json_lead(t, key);
    text_add(t, "null");
}

err parse_u64(struct span s, uint64_t most, uint64_t *out)
{
    if (s.size == 0)
        return ERR_INVALID;
    uint64_t v = 0;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        if (c < '0' || c > '9')
            return ERR_INVALID;
        uint64_t digit = (uint64_t)(c - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return ERR_RANGE;
        v = v * 10 + digit;
    }
    if (v > most)
        return ERR_RANGE;
    *out = v;
    return ERR_OK;
}

err parse_double(struct span s, double *out)
{
    char copy[64], *end;
    if (s.size == 0 || s.size >= sizeof copy || memchr(s.data, 0, s.size))
        return ERR_INVALID;
    memcpy(copy, s.data, s.size);
    copy[s.size] = 0;
    if (strspn(copy, "+-.0123456789eE") != s.size)
        return ERR_INVALID;
    double v = strtod(copy, &end);
    if (*end || !isfinite(v))
        return ERR_INVALID;
    *out = v;
    return ERR_OK;
}

void hex_encode(const void *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * size] = 0;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

err hex_decode(struct span s, void *out, size_t out_size)
{
    if (s.size != 2 * out_size)
        return ERR_INVALID;
    for (size_t i = 0; i < out_size; i++) {
        int high = hex_digit(s.data[2 * i]), low = hex_digit(s.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return ERR_INVALID;
        ((uint8_t *)out)[i] = (uint8_t)(high << 4 | low);
    }
    return ERR_OK;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(const void *data, size_t size, char *out)
{
    const uint8_t *p = data;
    size_t n = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0u);
        out[n++] = base64_digits[v >> 18];
        out[n++] = base64_digits[v >> 12 & 63];
        out[n++] = left > 1 ? base64_digits[v >> 6 & 63] : '=';
        out[n++] = left > 2 ? base64_digits[v & 63] : '=';
    }
    out[n] = 0;
    return n;
}

err base64_decode(struct span s, void *out, size_t capacity, size_t *size)
{
    uint8_t *p = out;
    size_t n = 0;
    if (s.size % 4 != 0)
        return ERR_INVALID;
    for (size_t i = 0; i < s.size; i += 4) {
        uint32_t v = 0;
        int padding = 0;
        for (size_t j = 0; j < 4; j++) {
            uint8_t c = s.data[i + j];
            const char *at = c ? memchr(base64_digits, c, 64) : NULL;
            bool may_pad = i + 4 == s.size && j >= 2;
            if (c == '=' && may_pad)
                padding++;
            else if (!at || padding)
                return ERR_INVALID;
            v = v << 6 | (at ? (uint32_t)(at - base64_digits) : 0);
        }
        for (int j = 0; j < 3 - padding; j++) {
            if (n >= capacity)
                return ERR_TOO_LARGE;
            p[n++] = (uint8_t)(v >> (16 - 8 * j));
        }
    }
    *size = n;
    return ERR_OK;
}

bool text_copy(char *out, size_t out_size, struct span s)
{
    ASSERT(out_size > 0);
    size_t n = MIN(s.size, out_size - 1);
    if (n)
        memcpy(out, s.data, n);
    out[n] = 0;
    return n == s.size;
}

struct span text_without_mark(struct span s)
{
    bool marked = s.size >= 3 && s.data[0] == 0xef && s.data[1] == 0xbb && s.data[2] == 0xbf;
    return marked ? span_of(s.data + 3, s.size - 3) : s;
}

bool text_is_utf16(struct span s)
{
    return s.size >= 2 && ((s.data[0] == 0xff && s.data[1] == 0xfe) || (s.data[0] == 0xfe && s.data[1] == 0xff));
}
