#include <string.h>

#include "region/s3.h"

/* ---- DeleteObject ----------------------------------------------------------------------------------------------------- */

static void deleted(struct request *q, const struct object_reply *reply)
{
    bool absent = reply->status == ERR_NOT_FOUND && reply->missing != MISSING_BUCKET;
    if (absent && !request_header(q, "if-match").data)
        respond_empty(q, 204); /* deleting what is not there succeeds */
    else if (s3_reply_ok(q, reply))
        respond_empty(q, 204);
}

void s3_delete_object(struct request *q)
{
    struct object_request o = s3_object_request(q, OBJECT_DELETE);
    const char *detail = NULL;
    enum s3_error e = s3_write_condition(q, &o.condition, &detail);
    q->on_object = deleted;
    if (e != S3_OK)
        respond_error(q, e, detail);
    else
        request_object(q, &o);
}

/* ---- DeleteObjects ---------------------------------------------------------------------------------------------------- */

enum { WINDOW = 32 }; /* deletes in flight */

struct victim {
    struct span key, version;
    struct object_condition condition;
    uint64_t tag;
    bool done;
    enum s3_error error;
};

struct purge {
    struct request *q;
    struct victim *victims;
    size_t count, next, done;
    bool quiet, in_object, bad;
};

static bool on_open(void *context, unsigned depth, const char *name)
{
    struct purge *p = context;
    if (depth == 1)
        return strcmp(name, "Delete") == 0;
    if (depth == 2 && strcmp(name, "Object") == 0) {
        if (p->count == DELETE_OBJECTS_MAX)
            return false;
        p->victims[p->count++] = (struct victim){.error = S3_OK};
    }
    return true;
}

static bool on_close(void *context, unsigned depth, const char *name, struct span text)
{
    struct purge *p = context;
    struct victim *v = p->count ? &p->victims[p->count - 1] : NULL;
    if (depth == 2 && strcmp(name, "Quiet") == 0)
        p->quiet = span_equal_nocase(text, "true");
    else if (depth == 2 && strcmp(name, "Object") == 0)
        return v->key.size > 0;
    else if (depth == 3 && v && strcmp(name, "Key") == 0)
        v->key = request_copy(p->q, text);
    else if (depth == 3 && v && strcmp(name, "VersionId") == 0)
        v->version = request_copy(p->q, text);
    else if (depth == 3 && v && strcmp(name, "ETag") == 0) {
        v->condition.if_match = true;
        if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
            text = span_of(text.data + 1, text.size - 2);
        return text_copy(v->condition.etag, sizeof v->condition.etag, text);
    }
    return true;
}

static void respond_purge(struct request *q)
{
    struct purge *p = q->state;
    s3_xml_begin(q, "DeleteResult");
    for (size_t i = 0; i < p->count; i++) {
        struct victim *v = &p->victims[i];
        if (v->error == S3_OK && p->quiet)
            continue;
        text_add(&q->out, v->error == S3_OK ? "<Deleted>" : "<Error>");
        s3_xml_text(q, "Key", v->key);
        if (v->version.size)
            s3_xml_text(q, "VersionId", v->version);
        if (v->error != S3_OK)
            s3_xml_text(q, "Code", span_text(s3_error_code(v->error)));
        text_add(&q->out, v->error == S3_OK ? "</Deleted>" : "</Error>");
    }
    text_add(&q->out, "</DeleteResult>");
    respond_out(q, 200, "application/xml");
}

static void go_on(struct request *q)
{
    struct purge *p = q->state;
    while (p->next < p->count && p->next - p->done < WINDOW && !q->responded) {
        struct victim *v = &p->victims[p->next++];
        struct object_request o = {.op = OBJECT_DELETE, .bucket = q->bucket, .key = v->key, .condition = v->condition};
        if (v->key.size > OBJECT_KEY_MAX || (v->version.size && !span_equal_text(v->version, "null"))) {
            v->error = v->key.size > OBJECT_KEY_MAX ? S3_KEY_TOO_LONG : S3_NO_SUCH_VERSION;
            v->done = true;
            p->done++;
        } else {
            v->tag = request_object(q, &o);
        }
    }
    if (p->done == p->count && !q->responded)
        respond_purge(q);
}

static enum s3_error victim_error(const struct object_reply *reply)
{
    switch ((int)reply->status) {
    case ERR_OK:
    case ERR_NOT_FOUND:
        return S3_OK;
    case ERR_CONFLICT:
        return S3_PRECONDITION_FAILED;
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT:
        return S3_SERVICE_UNAVAILABLE;
    case ERR_NO_SPACE:
        return S3_INSUFFICIENT_STORAGE;
    case ERR_BUSY:
    case ERR_FULL:
        return S3_SLOW_DOWN;
    default:
        return S3_INTERNAL;
    }
}

static void one_gone(struct request *q, const struct object_reply *reply)
{
    struct purge *p = q->state;
    if (reply->status == ERR_NOT_FOUND && reply->missing == MISSING_BUCKET) {
        respond_object_error(q, reply);
        return;
    }
    for (size_t i = 0; i < p->next; i++) {
        struct victim *v = &p->victims[i];
        if (v->tag != reply->tag || v->done)
            continue;
        v->done = true;
        v->error = victim_error(reply);
        p->done++;
        break;
    }
    go_on(q);
}

static void parse_list(struct request *q)
{
    struct purge *p = q->state = request_alloc(q, sizeof *p);
    struct victim *victims = request_alloc(q, DELETE_OBJECTS_MAX * sizeof *victims);
    if (!p || !victims) {
        respond_error(q, S3_SLOW_DOWN, NULL);
        return;
    }
    p->q = q;
    p->victims = victims;
    const struct xml_handler handler = {.context = p, .open = on_open, .close = on_close};
    if (q->input.size == 0)
        respond_error(q, S3_MISSING_REQUEST_BODY, NULL);
    else if (xml_parse(text_span(&q->input), &handler) != ERR_OK || p->count == 0)
        respond_error(q, S3_MALFORMED_XML, NULL);
    else if (q->starved)
        respond_error(q, S3_SLOW_DOWN, NULL);
    else {
        q->on_object = one_gone;
        go_on(q);
    }
}

void s3_delete_objects(struct request *q)
{
    request_body_collect(q, q->region->config.xml_bytes_max, parse_list);
}
