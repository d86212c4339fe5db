#include "region/uri.h"

#include <string.h>

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

err uri_decode(struct span s, bool plus_is_blank, uint8_t *out, size_t *size)
{
    size_t n = 0;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        if (c == '%') {
            int high = i + 2 < s.size ? hex_value(s.data[i + 1]) : -1;
            int low = i + 2 < s.size ? hex_value(s.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return ERR_INVALID;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        out[n++] = c;
    }
    *size = n;
    return ERR_OK;
}

err query_parse(struct span s, uint8_t *memory, struct query *out)
{
    struct span rest = s, part;
    out->count = 0;
    while (span_cut(&rest, '&', &part)) {
        if (part.size == 0)
            continue;
        if (out->count == QUERY_MAX)
            return ERR_TOO_LARGE;
        struct span value = part, name = {0};
        span_cut(&value, '=', &name);
        size_t name_size, value_size;
        TRY(uri_decode(name, true, memory, &name_size));
        TRY(uri_decode(value, true, memory + name_size, &value_size));
        out->pairs[out->count++] = (struct pair){span_of(memory, name_size), span_of(memory + name_size, value_size)};
        memory += name_size + value_size;
    }
    return ERR_OK;
}

struct span query_get(const struct query *q, const char *name)
{
    for (size_t i = 0; i < q->count; i++)
        if (span_equal_text(q->pairs[i].name, name))
            return q->pairs[i].value;
    return (struct span){0};
}

bool query_has(const struct query *q, const char *name)
{
    for (size_t i = 0; i < q->count; i++)
        if (span_equal_text(q->pairs[i].name, name))
            return true;
    return false;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool span_equal_nocase(struct span s, const char *text)
{
    if (strlen(text) != s.size)
        return false;
    for (size_t i = 0; i < s.size; i++)
        if (lower(s.data[i]) != lower((uint8_t)text[i]))
            return false;
    return true;
}

bool span_starts(struct span s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.size >= n && memcmp(s.data, prefix, n) == 0;
}

bool span_ends(struct span s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.size >= n && memcmp(s.data + s.size - n, suffix, n) == 0;
}

struct span span_trim(struct span s)
{
    while (s.size && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.size--;
    }
    while (s.size && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

struct span span_from(struct span s, size_t at)
{
    ASSERT(at <= s.size);
    return (struct span){s.data ? s.data + at : NULL, s.size - at};
}

bool span_cut(struct span *rest, char separator, struct span *part)
{
    if (!rest->data)
        return false;
    const uint8_t *at = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
    if (!at) {
        *part = *rest;
        /* An empty remainder keeps a non-null mark out: the next cut ends. */
        *rest = (struct span){0};
        return true;
    }
    size_t n = (size_t)(at - rest->data);
    *part = (struct span){rest->data, n};
    *rest = (struct span){rest->data + n + 1, rest->size - n - 1};
    return true;
}
