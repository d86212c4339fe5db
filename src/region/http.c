#include "region/http.h"

#include <string.h>

#include "region/inside.h"

/* ---- llhttp callbacks: collecting the head ---------------------------------------------------------------------- */

static struct connection *of(llhttp_t *p)
{
    return p->data;
}

static int refuse_head(struct connection *c, unsigned status)
{
    c->head_status = status;
    return HPE_USER;
}

static int on_begin(llhttp_t *p)
{
    struct connection *c = of(p);
    c->busy = true;
    c->in_name = false;
    c->head_status = 0;
    c->head_since = c->region->time.now.mono;
    return HPE_OK;
}

static int add_head(struct connection *c, const char *at, size_t size)
{
    text_add_span(&c->request.head, span_of(at, size));
    return text_ok(&c->request.head) ? HPE_OK : refuse_head(c, 431);
}

static int on_url(llhttp_t *p, const char *at, size_t size)
{
    struct connection *c = of(p);
    if (c->request.head.size + size > URL_MAX)
        return refuse_head(c, 414);
    return add_head(c, at, size);
}

static int on_url_complete(llhttp_t *p)
{
    of(p)->request.url_size = of(p)->request.head.size;
    return HPE_OK;
}

static int on_field(llhttp_t *p, const char *at, size_t size)
{
    struct connection *c = of(p);
    struct request *q = &c->request;
    if (!c->in_name) {
        if (q->header_count == HEADERS_MAX)
            return refuse_head(c, 431);
        q->headers[q->header_count++] = (struct header){.name_at = (uint32_t)q->head.size};
        c->in_name = true;
    }
    size_t from = q->head.size;
    int status = add_head(c, at, size);
    if (status == HPE_OK)
        for (char *b = q->head.data + from; b < q->head.data + q->head.size; b++)
            if (*b >= 'A' && *b <= 'Z')
                *b = (char)(*b + 32);
    return status;
}

/* RFC 9110 §5.6.2; llhttp lets blanks through. */
static bool is_token(struct span s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.size; i++) {
        uint8_t b = s.data[i];
        if (!(b >= 'a' && b <= 'z') && !(b >= '0' && b <= '9') && (b == 0 || !strchr(others, b)))
            return false;
    }
    return s.size > 0;
}

static int on_field_complete(llhttp_t *p)
{
    struct request *q = &of(p)->request;
    struct header *h = &q->headers[q->header_count - 1];
    h->name_size = (uint32_t)q->head.size - h->name_at;
    if (!is_token(request_header_name(q, q->header_count - 1)))
        return refuse_head(of(p), 400);
    h->value_at = (uint32_t)q->head.size;
    of(p)->in_name = false;
    return HPE_OK;
}

static int on_value(llhttp_t *p, const char *at, size_t size)
{
    return add_head(of(p), at, size);
}

static int on_value_complete(llhttp_t *p)
{
    struct request *q = &of(p)->request;
    struct header *h = &q->headers[q->header_count - 1];
    h->value_size = (uint32_t)q->head.size - h->value_at;
    struct span value = span_trim(request_header_value(q, q->header_count - 1));
    h->value_size = (uint32_t)value.size; /* llhttp has already skipped leading blanks */
    return HPE_OK;
}

static int on_headers_complete(llhttp_t *p)
{
    struct connection *c = of(p);
    struct request *q = &c->request;
    bool chunked = (p->flags & F_CHUNKED) != 0;
    p->upgrade = 0; /* an offer to upgrade is ignored, as RFC 9110 §7.8 allows */
    if (p->method == HTTP_CONNECT)
        return refuse_head(c, 501);
    struct span te = request_header(q, "transfer-encoding");
    if (te.data && (!chunked || !span_equal_nocase(te, "chunked")))
        return refuse_head(c, 501);
    q->method = p->method;
    q->keep_alive = llhttp_should_keep_alive(p) != 0;
    q->content_length = chunked ? UINT64_MAX : (p->flags & F_CONTENT_LENGTH) ? p->content_length : 0;
    q->has_body = q->content_length != 0;
    q->expects_continue = q->has_body && p->http_minor > 0 && span_equal_nocase(request_header(q, "expect"), "100-continue");
    q->started = c->region->time.now.mono;
    q->number = ++c->region->request_last;
    if (!q->has_body)
        return HPE_OK;
    c->stage = STAGE_WAIT;
    route_request(q);
    return HPE_PAUSED;
}

static int on_body(llhttp_t *p, const char *at, size_t size)
{
    struct connection *c = of(p);
    struct request *q = &c->request;
    if (c->stage != STAGE_BODY || q->responded) {
        q->discarded += size;
        return HPE_OK;
    }
    ASSERT(q->raw.size == 0);
    size_t offset = (size_t)((const uint8_t *)at - c->current.data);
    q->raw = slice_part(c->current, offset, size);
    if (slice_keep(&q->raw, c->region->heap) != ERR_OK)
        return HPE_USER;
    request_body_run(q);
    return q->raw.size ? HPE_PAUSED : HPE_OK;
}

static int on_message_complete(llhttp_t *p)
{
    struct connection *c = of(p);
    struct request *q = &c->request;
    c->stage = STAGE_READ;
    if (!q->has_body)
        route_request(q);
    else
        request_body_message_end(q);
    return HPE_PAUSED;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

err connection_open(struct connection *c, struct region *r, uint64_t id)
{
    c->region = r;
    c->id = id;
    c->request.region = r;
    c->request.connection = c;
    c->last_input = c->last_output = r->time.now.mono;
    c->linger_until = TIME_NEVER;
    request_reset(&c->request);
    llhttp_settings_init(&c->settings);
    c->settings.on_message_begin = on_begin;
    c->settings.on_url = on_url;
    c->settings.on_url_complete = on_url_complete;
    c->settings.on_header_field = on_field;
    c->settings.on_header_field_complete = on_field_complete;
    c->settings.on_header_value = on_value;
    c->settings.on_header_value_complete = on_value_complete;
    c->settings.on_headers_complete = on_headers_complete;
    c->settings.on_body = on_body;
    c->settings.on_message_complete = on_message_complete;
    llhttp_init(&c->parser, HTTP_REQUEST, &c->settings);
    c->parser.data = c;
    return ERR_OK;
}

static void drop_pending(struct connection *c)
{
    for (size_t i = 0; i < c->pending_count; i++)
        slice_drop(&c->pending[i]);
    c->pending_count = 0;
    c->pending_bytes = 0;
}

void connection_free(struct connection *c)
{
    c->dead = true;
    request_reset(&c->request);
    drop_pending(c);
}

void connection_close(struct connection *c, bool after_flush)
{
    if (c->closing || c->dead)
        return;
    c->closing = true;
    c->region->host.close(c->region->host.context, c->id, after_flush);
}

void connection_send(struct connection *c, struct slice data)
{
    if (c->closing || c->dead || data.size == 0) {
        slice_drop(&data);
        return;
    }
    if (c->unsent == 0)
        c->last_output = c->region->time.now.mono;
    c->unsent += data.size;
    c->region->bytes_out += data.size;
    c->region->host.send(c->region->host.context, c->id, data);
}

/* ---- parsing on --------------------------------------------------------------------------------------------------- */

static void refuse(struct connection *c)
{
    struct request *q = &c->request;
    unsigned status = c->head_status ? c->head_status : 400;
    q->keep_alive = false;
    if (!q->responded)
        respond(q, status, "text/plain", span_text(http_status_text(status)));
    stats_count(c->region, OP_NONE, status, 0);
    drop_pending(c);
    connection_close(c, true);
}

/* A request is over when its response is and its body was read. */
static bool finish_request(struct connection *c)
{
    struct request *q = &c->request;
    if (!q->response_ended)
        return false;
    if (q->on_drop) {
        void (*drop)(struct request *) = q->on_drop;
        q->on_drop = NULL;
        drop(q);
    }
    if (c->stage == STAGE_WAIT || c->stage == STAGE_BODY) {
        slice_drop(&q->raw);
        c->stage = STAGE_DISCARD;
        if (!q->keep_alive) /* read on for a while, so that a reset does not overtake the response */
            c->linger_until = c->region->time.now.mono + 2 * NS_PER_S;
    }
    if (c->stage != STAGE_READ)
        return false;
    stats_count(c->region, q->op, q->status, c->region->time.now.mono - q->started);
    bool keep = q->keep_alive;
    request_reset(q);
    c->stage = STAGE_HEAD;
    c->busy = false;
    if (!keep) {
        drop_pending(c);
        connection_close(c, true);
    }
    return keep;
}

static bool held(const struct connection *c)
{
    return c->stage == STAGE_WAIT || c->stage == STAGE_READ || (c->stage == STAGE_BODY && c->request.raw.size > 0);
}

static void pop_pending(struct connection *c, size_t used)
{
    struct slice *first = &c->pending[0];
    c->pending_bytes -= used;
    if (used < first->size) {
        first->data += used;
        first->size -= used;
        return;
    }
    slice_drop(first);
    memmove(c->pending, c->pending + 1, (--c->pending_count) * sizeof *first);
}

/* Feeds the parser once; false: nothing more can be done now. */
static bool parse_some(struct connection *c)
{
    bool was_paused = llhttp_get_errno(&c->parser) == HPE_PAUSED;
    if (c->pending_count == 0 && !was_paused)
        return false;
    if (was_paused)
        llhttp_resume(&c->parser);
    c->current = c->pending_count ? c->pending[0] : slice_borrowed(SPAN_LITERAL(""));
    enum llhttp_errno e = llhttp_execute(&c->parser, (const char *)c->current.data, c->current.size);
    size_t used = c->current.size;
    if (e == HPE_PAUSED)
        used = (size_t)((const uint8_t *)llhttp_get_error_pos(&c->parser) - c->current.data);
    c->current = (struct slice){0};
    if (e != HPE_OK && e != HPE_PAUSED) {
        refuse(c);
        return false;
    }
    if (c->pending_count)
        pop_pending(c, used);
    return true;
}

void connection_run(struct connection *c)
{
    if (c->running || c->dead)
        return;
    c->running = true;
    for (;;) {
        if (c->closing || c->dead)
            break;
        if (finish_request(c))
            continue;
        if (c->closing || c->dead || held(c) || !parse_some(c))
            break;
    }
    if (c->closing)
        drop_pending(c);
    bool pause = c->pending_bytes > 0;
    if (!c->dead && !c->closing && pause != c->paused) {
        c->paused = pause;
        c->region->host.read_pause(c->region->host.context, c->id, pause);
    }
    c->running = false;
}

void connection_input(struct connection *c, struct slice data)
{
    if (c->closing || c->dead || data.size == 0)
        return;
    c->last_input = c->region->time.now.mono;
    c->region->bytes_in += data.size;
    if (c->pending_count == PENDING_MAX || slice_keep(&data, c->region->heap) != ERR_OK) {
        connection_close(c, false); /* the host reads on although it was asked to pause, or memory is used up */
        return;
    }
    c->pending[c->pending_count++] = data;
    c->pending_bytes += data.size;
    connection_run(c);
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

static bool plane_late(const struct connection *c)
{
    const struct request *q = &c->request;
    return q->tags_live && !q->stream_open && !q->responded && (c->stage == STAGE_WAIT || c->stage == STAGE_READ) &&
           c->region->time.now.mono - q->plane_since > c->region->config.request_timeout_ns;
}

void connection_tick(struct connection *c)
{
    struct request *q = &c->request;
    mono_ns now = c->region->time.now.mono;
    duration_ns idle = c->region->config.idle_timeout_ns;
    if (c->closing || c->dead)
        return;
    if (plane_late(c)) {
        respond_error(q, S3_SERVICE_UNAVAILABLE, "no answer in time");
        connection_run(c);
    } else if (now >= c->linger_until || (c->unsent && now - c->last_output > idle)) {
        connection_close(c, c->unsent == 0 || now >= c->linger_until);
    } else if (c->stage == STAGE_HEAD && c->busy && now - c->head_since > idle / 2) {
        c->head_status = 408; /* drip-fed headers */
        refuse(c);
    } else if (c->stage == STAGE_HEAD && now - MAX(c->last_input, c->last_output) > 2 * idle) {
        connection_close(c, true);
    } else if (c->stage == STAGE_BODY && q->raw.size == 0 && now - c->last_input > idle) {
        q->keep_alive = false;
        respond_error(q, S3_REQUEST_TIMEOUT, NULL);
        connection_run(c);
    } else if (c->stage == STAGE_DISCARD && now - c->last_input > idle) {
        connection_close(c, true);
    }
}
