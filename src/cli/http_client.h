/*
 * cli/http_client.h - HTTP requests to the region, signed with SigV4, by libcurl.
 *
 * Story:   one request at a time. The body comes from memory or a file; the answer goes to memory or a file. Bodies from
 *          files are not hashed first (UNSIGNED-PAYLOAD): the endpoint is on this machine or behind TLS.
 * Source:  AWS Signature Version 4, headers form.
 */
#ifndef NOCT_CLI_HTTP_CLIENT_H
#define NOCT_CLI_HTTP_CLIENT_H

#include <stdio.h>

#include "cli/region_of.h"

enum { HTTP_PAIRS_MAX = 8, HTTP_ANSWER_MAX = 64 << 20 };

struct http_request {
    const char *method;
    const char *path; /* decoded; begins with "/" */
    struct {
        const char *name, *value;
    } query[HTTP_PAIRS_MAX]; /* decoded, sorted by name by the caller */
    size_t query_count;
    struct span body;        /* used when `upload` is NULL */
    FILE *upload;
    uint64_t upload_size;
    const char *content_type; /* may be NULL */
    FILE *download;           /* NULL: into answer; used for 2xx only */
    bool progress;            /* on a terminal */
};

struct http_answer {
    long status;
    struct text body; /* of errors always */
    uint64_t bytes;
    char request_error[256]; /* libcurl's, when status is 0 */
};

void http_call(const struct region_of *region, const struct http_request *request, struct http_answer *answer);
void http_answer_free(struct http_answer *answer);
/* Says what went wrong (S3 XML and JSON errors too); CLI_FAILED. */
int http_fail(const struct http_answer *answer, const char *what);
/* The text of the first <tag> in XML; false when there is none. `*at` moves behind it. */
bool xml_next(const char **at, const char *tag, struct text *out);

#endif
