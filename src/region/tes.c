#include "region/tes.h"

#include <stdlib.h>
#include <string.h>

#include "region/inside.h"

struct tes {
    struct span id_text;
    struct uid id;
    enum tes_detail detail;
    void (*go)(struct request *q);
};

/* ---- answers ------------------------------------------------------------------------------------------------------------ */

/* Takes over a text from malloc. */
static void respond_json(struct request *q, char *text)
{
    if (text)
        respond(q, 200, "application/json", span_text(text));
    else
        respond_json_error(q, 503, "out of memory");
    free(text);
}

static bool reply_ok(struct request *q, const struct task_reply *reply)
{
    const char *reason = reply->reason[0] ? reply->reason : err_text(reply->status);
    switch ((int)reply->status) {
    case ERR_OK:
        return true;
    case ERR_NOT_FOUND:
        respond_json_error(q, 404, reply->reason[0] ? reply->reason : "no such task");
        return false;
    case ERR_INVALID:
    case ERR_RANGE:
    case ERR_TOO_LARGE:
    case ERR_UNSUPPORTED:
        respond_json_error(q, 400, reason);
        return false;
    case ERR_FULL:
    case ERR_BUSY:
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT:
        respond_header_u64(q, "Retry-After", 1);
        respond_json_error(q, 503, reason);
        return false;
    default:
        respond_json_error(q, 500, reason);
        return false;
    }
}

/* ---- service-info ------------------------------------------------------------------------------------------------------- */

static void service_info(struct request *q)
{
    struct text *t = &q->out;
    struct text id = text_new(q->region->heap, 512);
    text_printf(&id, "org.noctilucent.%s", q->region->config.name);
    json_object(t, NULL);
    json_span(t, "id", text_span(&id));
    text_free(&id);
    json_string(t, "name", "Noctilucent orbital cloud");
    json_object(t, "type");
    json_string(t, "group", "org.ga4gh");
    json_string(t, "artifact", "tes");
    json_string(t, "version", "1.1.0");
    json_end(t);
    json_string(t, "description", "Tasks run on satellites, next to their data.");
    json_object(t, "organization");
    json_string(t, "name", "Noctilucent");
    struct text url = text_new(q->region->heap, 512);
    text_add(&url, "http://");
    text_add_span(&url, request_header(q, "host"));
    json_span(t, "url", text_span(&url));
    text_free(&url);
    json_end(t);
    json_string(t, "version", "0.1.0");
    json_array(t, "storage");
    json_string(t, NULL, "s3://");
    json_end(t);
    json_array(t, "tesResources_backend_parameters");
    json_string(t, NULL, "deadline");
    json_string(t, NULL, "priority");
    json_string(t, NULL, "replication");
    json_string(t, NULL, "expected_seconds");
    json_end(t);
    json_end(t);
    respond_out(q, 200, "application/json");
}

/* ---- create ------------------------------------------------------------------------------------------------------------- */

static void created(struct request *q, const struct task_reply *reply)
{
    char id[UID_TEXT_SIZE];
    if (!reply_ok(q, reply))
        return;
    uid_text(reply->id, id);
    json_object(&q->out, NULL);
    json_string(&q->out, "id", id);
    json_end(&q->out);
    respond_out(q, 200, "application/json");
}

static void create(struct request *q)
{
    struct tes_spec s;
    if (tes_spec_parse(text_span(&q->input), q->region->time.now.wall, &s) != ERR_OK) {
        respond_json_error(q, 400, s.message);
    } else {
        struct task_request t = {.op = TASK_CREATE, .spec = &s.spec};
        q->on_task = created;
        request_task(q, &t);
    }
    tes_spec_free(&s);
}

/* ---- get, list, cancel -------------------------------------------------------------------------------------------------- */

static bool detail_of(struct request *q, enum tes_detail *out)
{
    struct span view = request_query(q, "view");
    *out = TES_MINIMAL;
    if (!view.size || span_equal_text(view, "MINIMAL"))
        return true;
    *out = span_equal_text(view, "FULL") ? TES_FULL : TES_BASIC;
    return *out == TES_FULL || span_equal_text(view, "BASIC");
}

static void got(struct request *q, const struct task_reply *reply)
{
    const struct tes *s = q->state;
    if (!reply_ok(q, reply))
        return;
    if (reply->view_count == 0)
        respond_json_error(q, 404, "no such task");
    else
        respond_json(q, tes_task_text(&reply->views[0], q->region->view, s->detail));
}

static void get(struct request *q)
{
    const struct tes *s = q->state;
    struct task_request t = {.op = TASK_GET, .id = s->id};
    q->on_task = got;
    request_task(q, &t);
}

static void cancelled(struct request *q, const struct task_reply *reply)
{
    if (reply_ok(q, reply))
        respond(q, 200, "application/json", SPAN_LITERAL("{}"));
}

static void cancel(struct request *q)
{
    const struct tes *s = q->state;
    struct task_request t = {.op = TASK_CANCEL, .id = s->id};
    q->on_task = cancelled;
    request_task(q, &t);
}

static void listed(struct request *q, const struct task_reply *reply)
{
    const struct tes *s = q->state;
    if (reply_ok(q, reply))
        respond_json(q, tes_page_text(reply->views, reply->view_count, reply->more, q->region->view, s->detail));
}

static void list(struct request *q)
{
    struct span size = request_query(q, "page_size"), token = request_query(q, "page_token"), state = request_query(q, "state");
    struct task_request t = {.op = TASK_LIST, .name_prefix = request_query(q, "name_prefix"), .most = TASK_LIST_MAX};
    uint64_t most = TASK_LIST_MAX;
    if (size.size && (parse_u64(size, 1u << 20, &most) != ERR_OK || most == 0)) {
        respond_json_error(q, 400, "page_size must be a positive number");
        return;
    }
    if (token.size && uid_parse(token, &t.after) != ERR_OK) {
        respond_json_error(q, 400, "page_token is not one of ours");
        return;
    }
    if (state.size && (t.state_filter = tes_state_parse(state)) == TASK_STATE_COUNT) {
        respond_json_error(q, 400, "state is not a TES state");
        return;
    }
    t.most = (uint32_t)MIN(most, (uint64_t)TASK_LIST_MAX);
    q->on_task = listed;
    request_task(q, &t);
}

/* ---- who asks ------------------------------------------------------------------------------------------------------------- */

static void refuse(struct request *q, enum s3_error e, const char *detail)
{
    if (e == S3_ACCESS_DENIED && !request_header(q, "authorization").data)
        respond_json_error(q, 401, "credentials are needed: SigV4, Basic ACCESS:SECRET or Bearer SECRET");
    else
        respond_error(q, e, detail);
}

/* Without x-amz-content-sha256 the signature covers the hash of the body, known only now. */
static void collected(struct request *q)
{
    struct tes *s = q->state;
    const char *detail = NULL;
    char hash[65];
    if (!q->authenticated) {
        sha256_hex(text_span(&q->input), hash);
        enum s3_error e = auth_check(q, span_text(hash), &detail);
        if (e != S3_OK) {
            refuse(q, e, detail);
            return;
        }
    }
    s->go(q);
}

static void authenticate(struct request *q, void (*go)(struct request *q))
{
    struct tes *s = q->state;
    struct span hash = request_header(q, "x-amz-content-sha256");
    const char *detail = NULL;
    bool late = !hash.data && span_starts(request_header(q, "authorization"), "AWS4-HMAC-SHA256");
    s->go = go;
    if (!late && !auth_basic(q)) {
        enum s3_error e = auth_check(q, hash.data ? hash : SPAN_LITERAL("UNSIGNED-PAYLOAD"), &detail);
        if (e != S3_OK) {
            refuse(q, e, detail);
            return;
        }
    }
    enum s3_error e = payload_prepare(q, &detail);
    if (e == S3_OK && payload_begin(&q->payload) != ERR_OK)
        e = S3_INTERNAL;
    if (e != S3_OK)
        refuse(q, e, detail);
    else
        request_body_collect(q, q->region->config.json_bytes_max, collected);
}

/* ---- routing --------------------------------------------------------------------------------------------------------------- */

static void route_task(struct request *q, struct span id)
{
    struct tes *s = q->state;
    bool cancels = q->method == HTTP_POST && span_ends(id, ":cancel");
    if (cancels)
        id.size -= 7;
    q->op = cancels ? OP_TES_CANCEL : OP_TES_GET;
    if (!cancels && q->method != HTTP_GET)
        respond_json_error(q, 405, "method not allowed");
    else if (!detail_of(q, &s->detail))
        respond_json_error(q, 400, "view must be MINIMAL, BASIC or FULL");
    else if (uid_parse(id, &s->id) != ERR_OK)
        respond_json_error(q, 404, "no such task");
    else
        authenticate(q, cancels ? cancel : get);
}

static void route_tasks(struct request *q)
{
    struct tes *s = q->state;
    q->op = q->method == HTTP_POST ? OP_TES_CREATE : OP_TES_LIST;
    if (q->method != HTTP_GET && q->method != HTTP_POST)
        respond_json_error(q, 405, "method not allowed");
    else if (!detail_of(q, &s->detail))
        respond_json_error(q, 400, "view must be MINIMAL, BASIC or FULL");
    else
        authenticate(q, q->method == HTTP_POST ? create : list);
}

void tes_route(struct request *q, struct span rest)
{
    q->flavour = FLAVOUR_JSON;
    q->state = request_alloc(q, sizeof(struct tes));
    if (!q->state)
        respond_json_error(q, 503, "out of memory");
    else if (span_equal_text(rest, "/service-info")) {
        q->op = OP_TES_INFO;
        service_info(q);
    } else if (span_equal_text(rest, "/tasks"))
        route_tasks(q);
    else if (span_starts(rest, "/tasks/"))
        route_task(q, span_from(rest, 7));
    else
        respond_json_error(q, 404, "no such resource");
}
