/*
 * region/uri.h - percent-coding and query strings, strictly bounded.
 *
 * Source:  RFC 3986; `+` in a query means a blank, as S3 servers read it.
 * Errors:  INVALID: a bad escape. TOO_LARGE: more parameters than QUERY_MAX.
 */
#ifndef NOCT_REGION_URI_H
#define NOCT_REGION_URI_H

#include "base/text.h"

enum { QUERY_MAX = 64 };

struct pair {
    struct span name, value;
};
struct query {
    struct pair pairs[QUERY_MAX]; /* decoded, in order of arrival */
    size_t count;
};

/* Decodes into `out` (capacity >= s.size); the result is never longer than the input. */
err uri_decode(struct span s, bool plus_is_blank, uint8_t *out, size_t *size) MUST_USE;
/* Splits "a=b&c" and decodes names and values into `memory` (capacity >= s.size). */
err query_parse(struct span s, uint8_t *memory, struct query *out) MUST_USE;
bool query_has(const struct query *q, const char *name);
struct span query_get(const struct query *q, const char *name); /* data NULL: not there; the first one wins */

bool span_equal_nocase(struct span s, const char *text); /* ASCII */
bool span_starts(struct span s, const char *prefix);
bool span_ends(struct span s, const char *suffix);
struct span span_trim(struct span s); /* blanks and tabs at both ends */
struct span span_from(struct span s, size_t at);
/* Cuts the part before `separator` off the front of `*rest`; false when `*rest` is used up (data NULL). */
bool span_cut(struct span *rest, char separator, struct span *part);

#endif
