/* /noct/v1/: what operators and the noct program ask. Signed with SigV4, or Basic. */
#include "region/console.h"

static bool authenticated(struct request *q)
{
    const char *detail = NULL;
    struct span hash = request_header(q, "x-amz-content-sha256");
    char empty[65];
    if (auth_basic(q))
        return true;
    sha256_hex((struct span){0}, empty);
    if (!hash.data)
        hash = request_header(q, "authorization").data ? span_text(empty) : SPAN_LITERAL("UNSIGNED-PAYLOAD");
    enum s3_error e = auth_check(q, hash, &detail);
    if (e == S3_ACCESS_DENIED && !request_header(q, "authorization").data)
        respond_json_error(q, 401, "credentials are needed");
    else if (e != S3_OK)
        respond_error(q, e, detail);
    return e == S3_OK;
}

/* Copies that can be lost before a chunk is: of the chunk that has the fewest. */
static uint32_t survives(const struct object_reply *reply)
{
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < reply->holder_count; i++)
        least = MIN(least, (uint32_t)reply->holders[i].alive_count);
    if (least == UINT32_MAX)
        least = reply->info.copies_now;
    return least ? least - 1 : 0;
}

static void holders_json(struct text *t, const struct request *q, const struct object_reply *reply)
{
    json_array(t, "holders");
    for (size_t i = 0; i < reply->holder_count; i++) {
        const struct object_holder *h = &reply->holders[i];
        json_object(t, NULL);
        json_uint(t, "chunk_first", h->chunk_first);
        json_uint(t, "chunk_count", h->chunk_count);
        json_array(t, "nodes");
        for (size_t k = 0; k < h->node_count && k < OBJECT_COPIES_MAX; k++)
            json_string(t, NULL, view_name(q->region->view, h->nodes[k]));
        json_end(t);
        json_uint(t, "alive", h->alive_count);
        json_bool(t, "bridging", h->bridging);
        json_end(t);
    }
    json_end(t);
}

static void shown(struct request *q, const struct object_reply *reply)
{
    struct text *t = &q->out;
    if (reply->status != ERR_OK) {
        respond_object_error(q, reply);
        return;
    }
    json_object(t, NULL);
    json_span(t, "bucket", request_query(q, "bucket"));
    json_span(t, "key", request_query(q, "key"));
    object_info_json(t, &reply->info);
    json_bool(t, "best_effort", reply->info.policy.best_effort);
    json_uint(t, "part_count", reply->info.part_count);
    json_uint(t, "survives", survives(reply));
    json_string(t, "why", reply->reason);
    holders_json(t, q, reply);
    json_end(t);
    respond_out(q, 200, "application/json");
}

void admin_object_show(struct request *q)
{
    struct object_request o = {.op = OBJECT_SHOW, .bucket = request_query(q, "bucket"), .key = request_query(q, "key")};
    q->on_object = shown;
    if (!o.bucket.size || !o.key.size || o.key.size > OBJECT_KEY_MAX)
        respond_json_error(q, 400, "bucket and key are needed");
    else
        request_object(q, &o);
}

void admin_route(struct request *q, struct span rest)
{
    q->op = OP_ADMIN;
    q->flavour = FLAVOUR_JSON;
    if (q->method != HTTP_GET)
        respond_json_error(q, 405, "method not allowed");
    else if (!authenticated(q))
        return;
    else if (span_equal_text(rest, "/object"))
        admin_object_show(q);
    else if (span_equal_text(rest, "/status"))
        console_api(q, SPAN_LITERAL("state"));
    else
        respond_json_error(q, 404, "no such resource");
}
