/* /console/: the static files that the host gave, with an ETag, and a policy that keeps everything on this origin. */
#include "region/console.h"

#include "base/hash.h"

static const struct region_file *find(const struct region_config *c, struct span path)
{
    for (size_t i = 0; i < c->file_count; i++)
        if (span_equal_text(path, c->files[i].path))
            return &c->files[i];
    return NULL;
}

static void serve_file(struct request *q, const struct region_file *f)
{
    char etag[40];
    struct digest128 d = hash128(f->bytes.data, f->bytes.size);
    hex_encode(&d, sizeof d, etag);
    text_printf(&q->fields, "ETag: \"%s\"\r\n", etag);
    respond_header_text(q, "Cache-Control", "no-cache");
    respond_header_text(q, "Content-Security-Policy", "default-src 'self'");
    respond_header_text(q, "X-Content-Type-Options", "nosniff");
    respond_header_text(q, "Referrer-Policy", "no-referrer");
    struct span none = span_trim(request_header(q, "if-none-match"));
    if (none.size == 34 && span_equal_text(span_of(none.data + 1, 32), etag))
        respond_empty(q, 304);
    else
        respond(q, 200, f->content_type, f->bytes);
}

void console_serve(struct request *q, struct span rest)
{
    q->op = OP_CONSOLE;
    q->flavour = FLAVOUR_JSON;
    if (q->method != HTTP_GET && q->method != HTTP_HEAD) {
        respond_json_error(q, 405, "method not allowed");
    } else if (rest.size == 0) {
        respond_header_text(q, "Location", "/console/");
        respond_empty(q, 301);
    } else if (span_starts(rest, "/api/")) {
        q->op = OP_CONSOLE_API;
        if (q->region->config.console_open || auth_basic(q))
            console_api(q, span_from(rest, 5));
        else
            respond_json_error(q, 401, "credentials are needed: Basic ACCESS:SECRET");
    } else {
        const struct region_file *f = find(&q->region->config, rest.size == 1 ? SPAN_LITERAL("index.html") : span_from(rest, 1));
        if (f)
            serve_file(q, f);
        else
            respond_json_error(q, 404, "no such file");
    }
}
