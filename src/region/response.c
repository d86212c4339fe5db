#include "region/inside.h"

#include <string.h>

enum { COALESCE_MAX = 64 * 1024 };

static const struct {
    const char *code;
    unsigned status;
    const char *message;
} errors[S3_ERROR_COUNT] = {
#define S3_ERROR(name, code, status, message) [S3_##name] = {code, status, message},
#include "region/s3_error.def"
#undef S3_ERROR
};

const char *s3_error_code(enum s3_error e)
{
    return errors[e].code;
}

unsigned s3_error_status(enum s3_error e)
{
    return errors[e].status;
}

const char *http_status_text(unsigned status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 416: return "Range Not Satisfiable";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return status < 500 ? "Error" : "Internal Server Error";
    }
}

/* ---- header lines ------------------------------------------------------------------------------------------------- */

void respond_header(struct request *q, const char *name, struct span value)
{
    text_add(&q->fields, name);
    text_add(&q->fields, ": ");
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] >= ' ' && value.data[i] != 0x7f)
            text_add_char(&q->fields, (char)value.data[i]);
    text_add(&q->fields, "\r\n");
}

void respond_header_text(struct request *q, const char *name, const char *value)
{
    respond_header(q, name, span_text(value));
}

void respond_header_u64(struct request *q, const char *name, uint64_t value)
{
    text_printf(&q->fields, "%s: %llu\r\n", name, (unsigned long long)value);
}

static void add_date(struct text *t, const char *name, tai_ns when)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct utc_fields f = time_utc_fields(when);
    text_printf(t, "%s: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", name, days[f.weekday % 7], f.day,
                months[(f.month + 11) % 12], f.year, f.hour, f.minute, f.second);
}

void respond_header_date(struct request *q, const char *name, tai_ns t)
{
    add_date(&q->fields, name, t);
}

/* ---- head and body ------------------------------------------------------------------------------------------------ */

/* A client that waits for 100 Continue, or has very much left to send, gets its answer on a connection that closes. */
static void decide_keep_alive(struct request *q)
{
    if (!q->has_body || q->body_ended)
        return;
    if ((q->expects_continue && !q->body_open) ||
        (q->content_length != UINT64_MAX && q->content_length > BODY_DISCARD_MAX + q->body_bytes))
        q->keep_alive = false;
}

static bool has_length(unsigned status)
{
    return status != 204 && status != 304 && status >= 200;
}

static void compose(struct request *q, unsigned status, uint64_t size, struct text *t)
{
    struct region *r = q->region;
    decide_keep_alive(q);
    q->status = status;
    q->responded = true;
    text_printf(t, "HTTP/1.1 %u %s\r\nServer: noct\r\nx-amz-request-id: %016llX\r\n", status, http_status_text(status),
                (unsigned long long)q->number);
    add_date(t, "Date", (r->time.utc_s + TAI_MINUS_UTC_S) * NS_PER_S);
    text_add_span(t, text_span(&q->fields));
    if (size == UINT64_MAX)
        q->keep_alive = false;
    else if (has_length(status))
        text_printf(t, "Content-Length: %llu\r\n", (unsigned long long)size);
    if (!q->keep_alive)
        text_add(t, "Connection: close\r\n");
    text_add(t, "\r\n");
}

/* When even the response does not fit into the memory left, the client is cut off. */
static void give_up(struct request *q)
{
    q->response_ended = true;
    q->keep_alive = false;
    connection_close(q->connection, false);
}

static struct slice text_to_slice(struct request *q, const struct text *t, struct span tail)
{
    struct buf *b = text_ok(t) ? buf_new_heap(q->region->heap, t->size + tail.size) : NULL;
    if (!b)
        return (struct slice){0};
    memcpy(b->data, t->data, t->size);
    if (tail.size)
        memcpy(b->data + t->size, tail.data, tail.size);
    return slice_of(b, 0, t->size + tail.size);
}

void respond(struct request *q, unsigned status, const char *content_type, struct span body)
{
    if (q->responded || q->connection->dead)
        return;
    if (content_type && (body.size || q->method == HTTP_HEAD) && has_length(status))
        respond_header_text(q, "Content-Type", content_type);
    struct text head = text_new(q->region->heap, 96 * 1024);
    compose(q, status, body.size, &head);
    bool silent = q->method == HTTP_HEAD || !has_length(status);
    struct slice all = text_ok(&q->fields) ? text_to_slice(q, &head, silent ? (struct span){0} : body) : (struct slice){0};
    text_free(&head);
    if (!all.size) {
        give_up(q);
        return;
    }
    q->response_ended = true;
    connection_send(q->connection, all);
}

void respond_out(struct request *q, unsigned status, const char *content_type)
{
    if (!text_ok(&q->out))
        respond_error(q, S3_SLOW_DOWN, NULL);
    else
        respond(q, status, content_type, text_span(&q->out));
}

void respond_empty(struct request *q, unsigned status)
{
    respond(q, status, NULL, (struct span){0});
}

void respond_continue(struct request *q)
{
    struct buf *b = buf_new_heap(q->region->heap, 32);
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!b)
        return;
    memcpy(b->data, line, sizeof line - 1);
    connection_send(q->connection, slice_of(b, 0, sizeof line - 1));
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

void respond_stream(struct request *q, unsigned status, uint64_t size)
{
    if (q->responded || q->connection->dead)
        return;
    struct text head = text_new(q->region->heap, 96 * 1024);
    compose(q, status, size, &head);
    q->lead = text_ok(&q->fields) ? text_to_slice(q, &head, (struct span){0}) : (struct slice){0};
    text_free(&head);
    if (!q->lead.size) {
        give_up(q);
        return;
    }
    q->stream_left = size;
    q->stream_open = true;
    if (q->method == HTTP_HEAD || size == 0 || size == UINT64_MAX) {
        connection_send(q->connection, q->lead);
        q->lead = (struct slice){0};
        q->stream_open = size == UINT64_MAX && q->method != HTTP_HEAD;
        q->response_ended = !q->stream_open;
    }
}

/* The head travels with the first piece when that is small. */
static bool send_lead_with(struct request *q, struct slice data)
{
    struct slice lead = q->lead;
    struct buf *b = NULL;
    q->lead = (struct slice){0};
    if (lead.size && data.size <= COALESCE_MAX)
        b = buf_new_heap(q->region->heap, lead.size + data.size);
    if (!b) {
        connection_send(q->connection, lead);
        return false;
    }
    memcpy(b->data, lead.data, lead.size);
    memcpy(b->data + lead.size, data.data, data.size);
    slice_drop(&lead);
    connection_send(q->connection, slice_of(b, 0, b->size));
    return true;
}

void respond_data(struct request *q, struct slice data)
{
    if (!q->stream_open || data.size == 0)
        return;
    data.size = (size_t)MIN((uint64_t)data.size, q->stream_left);
    if (q->stream_left != UINT64_MAX)
        q->stream_left -= data.size;
    if (!q->lead.size || !send_lead_with(q, data)) {
        if (slice_keep(&data, q->region->heap) != ERR_OK) {
            give_up(q);
            return;
        }
        connection_send(q->connection, data);
    }
    if (q->stream_left == 0) {
        q->stream_open = false;
        q->response_ended = true;
    }
}

void respond_stream_end(struct request *q)
{
    if (!q->stream_open)
        return;
    bool whole = q->stream_left == 0 || q->stream_left == UINT64_MAX;
    q->stream_open = false;
    q->response_ended = true;
    q->keep_alive = false;
    slice_drop(&q->lead);
    connection_close(q->connection, whole);
}

/* ---- errors ------------------------------------------------------------------------------------------------------- */

void respond_json_error(struct request *q, unsigned status, const char *message)
{
    text_free(&q->out);
    q->out = text_new(q->region->heap, 64 * 1024);
    json_object(&q->out, NULL);
    json_uint(&q->out, "status_code", status);
    json_string(&q->out, "msg", message);
    json_end(&q->out);
    if (status == 401)
        respond_header_text(q, "WWW-Authenticate", "Basic realm=\"noct\", charset=\"UTF-8\"");
    if (text_ok(&q->out))
        respond(q, status, "application/json", text_span(&q->out));
    else
        respond_empty(q, status);
}

static void xml_error(struct request *q, enum s3_error e, const char *message)
{
    struct text *t = &q->out;
    text_free(t);
    *t = text_new(q->region->heap, 64 * 1024);
    text_printf(t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>", errors[e].code);
    text_add_xml(t, span_text(message));
    text_add(t, "</Message>");
    if (q->bucket.size) {
        text_add(t, "<BucketName>");
        text_add_xml(t, q->bucket);
        text_add(t, "</BucketName>");
    }
    if (q->key.size) {
        text_add(t, "<Key>");
        text_add_xml(t, q->key);
        text_add(t, "</Key>");
    }
    text_add(t, "<Resource>");
    text_add_xml(t, q->path);
    text_printf(t, "</Resource><RequestId>%016llX</RequestId><HostId>%s</HostId></Error>", (unsigned long long)q->number,
                q->region->config.name);
}

void respond_error(struct request *q, enum s3_error e, const char *detail)
{
    if (q->responded || q->connection->dead)
        return;
    const char *message = detail ? detail : errors[e].message;
    ASSERT(e < S3_ERROR_COUNT);
    if (q->flavour == FLAVOUR_JSON) {
        respond_json_error(q, errors[e].status, message);
        return;
    }
    xml_error(q, e, message);
    if (text_ok(&q->out))
        respond(q, errors[e].status, "application/xml", text_span(&q->out));
    else
        respond_empty(q, errors[e].status);
}

/* Scenario seconds until `retry_at` are shorter real seconds when the scenario runs fast. */
static void add_retry_after(struct request *q, tai_ns retry_at)
{
    const struct now *now = &q->region->time.now;
    uint64_t seconds = 1;
    if (retry_at > now->wall) {
        duration_ns mono = time_wall_to_mono(now, retry_at - now->wall);
        seconds = MIN((uint64_t)(mono / NS_PER_S) + 1, 86400u);
    }
    respond_header_u64(q, "Retry-After", seconds);
}

static enum s3_error missing_error(const struct object_reply *reply)
{
    switch (reply->missing) {
    case MISSING_BUCKET:
        return S3_NO_SUCH_BUCKET;
    case MISSING_UPLOAD:
        return S3_NO_SUCH_UPLOAD;
    case MISSING_KEY:
    case MISSING_NOTHING:
        break;
    }
    return S3_NO_SUCH_KEY;
}

static enum s3_error error_of(const struct object_reply *reply)
{
    switch ((int)reply->status) {
    case ERR_NOT_FOUND:
        return missing_error(reply);
    case ERR_CONFLICT:
        return S3_PRECONDITION_FAILED;
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT:
        return S3_SERVICE_UNAVAILABLE;
    case ERR_BUSY:
    case ERR_FULL:
    case ERR_NO_MEMORY:
        return S3_SLOW_DOWN;
    case ERR_NO_SPACE:
        return S3_INSUFFICIENT_STORAGE;
    case ERR_TOO_LARGE:
        return S3_ENTITY_TOO_LARGE;
    case ERR_INVALID:
    case ERR_RANGE:
        return S3_INVALID_ARGUMENT;
    case ERR_EXISTS:
        return S3_CONDITIONAL_CONFLICT;
    case ERR_UNSUPPORTED:
        return S3_NOT_IMPLEMENTED;
    default:
        return S3_INTERNAL;
    }
}

void respond_object_error(struct request *q, const struct object_reply *reply)
{
    enum s3_error e = error_of(reply);
    char detail[400];
    struct text t = text_new(q->region->heap, sizeof detail - 1);
    text_add(&t, errors[e].message);
    if (reply->reason[0]) {
        text_add(&t, " (");
        text_add(&t, reply->reason);
        text_add(&t, ")");
    }
    text_copy(detail, sizeof detail, text_span(&t));
    text_free(&t);
    if (errors[e].status == 503)
        add_retry_after(q, reply->retry_at);
    respond_error(q, e, detail);
}
