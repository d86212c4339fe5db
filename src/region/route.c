/* Which room of the house a request goes to: splits the target, then S3, TES, metrics, console, admin. */
#include <string.h>

#include "region/inside.h"

static struct span target_of(struct request *q)
{
    struct span url = span_of(q->head.data, q->url_size);
    if (span_starts(url, "http://") || span_starts(url, "https://")) { /* absolute form, RFC 9112 §3.2.2 */
        struct span rest = span_from(url, url.data[4] == 's' ? 8 : 7), authority;
        span_cut(&rest, '/', &authority);
        return rest.data ? span_of(rest.data - 1, rest.size + 1) : SPAN_LITERAL("/");
    }
    return url;
}

static bool split_target(struct request *q)
{
    struct span rest = target_of(q), path;
    size_t size;
    span_cut(&rest, '?', &path);
    uint8_t *memory = request_alloc(q, path.size + rest.size + 1);
    if (!memory || path.size == 0 || path.data[0] != '/' || uri_decode(path, false, memory, &size) != ERR_OK)
        return false;
    q->path = span_of(memory, size);
    q->raw_query = rest;
    return !memchr(memory, 0, size) && utf8_valid(q->path) && query_parse(rest, memory + path.size, &q->query) == ERR_OK;
}

static bool below(struct span path, const char *prefix, struct span *rest)
{
    size_t n = strlen(prefix);
    if (!span_starts(path, prefix) || (path.size > n && path.data[n] != '/'))
        return false;
    *rest = span_from(path, n);
    return true;
}

static void health(struct request *q)
{
    q->op = OP_HEALTH;
    respond(q, 200, "text/plain; charset=utf-8", SPAN_LITERAL("ok\n"));
}

/* "bucket.suffix:port" names a bucket; "suffix" and anything unknown do not. */
static struct span bucket_of_host(const struct request *q)
{
    struct span host = request_header(q, "host"), rest = host;
    span_cut(&rest, ':', &host);
    for (size_t i = 0; i < q->region->config.host_suffix_count; i++) {
        const char *suffix = q->region->config.host_suffixes[i];
        size_t n = strlen(suffix);
        if (host.size > n + 1 && host.data[host.size - n - 1] == '.' &&
            span_equal_nocase(span_from(host, host.size - n), suffix))
            return span_of(host.data, host.size - n - 1);
    }
    return (struct span){0};
}

static void split_bucket(struct request *q, struct span virtual_bucket)
{
    struct span rest = span_from(q->path, 1);
    q->bucket = virtual_bucket;
    if (!virtual_bucket.data)
        span_cut(&rest, '/', &q->bucket);
    q->key = rest.data ? rest : (struct span){0};
}

void route_request(struct request *q)
{
    struct span rest, virtual_bucket = bucket_of_host(q);
    if (!request_header(q, "host").data || !split_target(q)) {
        respond_error(q, S3_INVALID_URI, NULL);
        return;
    }
    if (!virtual_bucket.data && below(q->path, "/healthz", &rest))
        health(q);
    else if (!virtual_bucket.data && below(q->path, "/metrics", &rest))
        metrics_serve(q);
    else if (!virtual_bucket.data && below(q->path, "/console", &rest))
        console_serve(q, rest);
    else if (!virtual_bucket.data && below(q->path, "/ga4gh/tes/v1", &rest))
        tes_route(q, rest);
    else if (!virtual_bucket.data && below(q->path, "/noct/v1", &rest))
        admin_route(q, rest);
    else {
        split_bucket(q, virtual_bucket);
        s3_route(q);
    }
}
