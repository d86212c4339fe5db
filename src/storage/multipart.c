/*
 * Multipart uploads as S3 knows them: parts in any order and any number of times, the last of a number counts; completing checks the client's
 * list and is one fact, in which the parts become the object.
 */
#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"
#include "storage/internal.h"

enum { PART_SIZE_MIN = 5 << 20 };

static void upload_create(struct storage *s, const struct object_request *r)
{
    const struct index_bucket_instance *b = index_bucket(&s->index, r->bucket);
    if (!b) {
        reply_error(s, r, ERR_NOT_FOUND, MISSING_BUCKET, "no such bucket");
        return;
    }
    struct policy policy = r->policy_given ? r->policy : b->policy;
    bool valid = policy.copies >= 1 && policy.copies <= OBJECT_COPIES_MAX && policy.where <= PLACE_ORBIT;
    if (!valid || r->key.size == 0 || r->key.size > OBJECT_KEY_MAX || r->metadata.size > OBJECT_METADATA_MAX) {
        reply_error(s, r, ERR_INVALID, MISSING_NOTHING, "the key, its metadata or the policy is out of range");
        return;
    }
    size_t most = 128 + r->bucket.size + r->key.size + r->metadata.size;
    uint8_t *body = heap_alloc(s->port->heap, most);
    if (!body) {
        reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "no memory");
        return;
    }
    struct upload_fact f = {facts_uid(s->port->facts), r->bucket, r->key, r->metadata, s->port->now.wall, policy};
    struct writer w = writer_of(body, most);
    upload_fact_encode(&w, &f);
    ASSERT(writer_ok(&w));
    struct object_reply reply = reply_to(r, ERR_OK);
    reply.bucket = reply.key = (struct span){0};
    reply.upload = f.uid;
    if (publish_near(s, FACT_UPLOAD, writer_span(&w), &reply) != ERR_OK)
        reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "the fact could not be written");
    heap_free(s->port->heap, body);
}

static void upload_abort(struct storage *s, const struct object_request *r)
{
    uint8_t body[32];
    struct writer w = writer_of(body, sizeof body);
    upload_end_encode(&w, r->upload);
    struct object_reply reply = reply_to(r, ERR_OK);
    reply.bucket = reply.key = (struct span){0};
    if (publish_near(s, FACT_UPLOAD_END, writer_span(&w), &reply) != ERR_OK)
        reply_error(s, r, ERR_BUSY, MISSING_NOTHING, "the fact could not be written");
}

/* ---- completing ------------------------------------------------------------------------------------------------- */

struct completion {
    uint64_t size;
    const char *wrong; /* the S3 error's name and why; NULL: the list is good */
    uint32_t wrong_part;
};

static bool etag_matches(const char *given, const char *etag)
{
    return strncmp(given, etag, 40) == 0;
}

static struct completion completion_check(const struct index_upload *u, const struct object_request *r)
{
    struct completion c = {0};
    if (r->part_count == 0 || r->part_count > OBJECT_PARTS_MAX)
        return (struct completion){.wrong = "InvalidPart: the list of parts is empty or too long"};
    for (size_t i = 0; i < r->part_count && !c.wrong; i++) {
        const struct index_upload_part *p = index_upload_part(u, r->parts[i].part);
        struct part_fact f;
        char etag[40] = "";
        if (p) {
            ASSERT(part_fact_decode(span_of(p->body, p->body_size), &f) == ERR_OK);
            etag_text(f.md5, 0, etag);
        }
        c.wrong_part = r->parts[i].part;
        if (i > 0 && r->parts[i].part <= r->parts[i - 1].part)
            c.wrong = "InvalidPartOrder: the parts are not in ascending order";
        else if (!p || !etag_matches(r->parts[i].etag, etag))
            c.wrong = "InvalidPart: no such part, or another ETag";
        else if (i + 1 < r->part_count && f.part.size < PART_SIZE_MIN)
            c.wrong = "EntityTooSmall: only the last part may be smaller than 5 MiB";
        else
            c.size += f.part.size;
    }
    return c;
}

static void references_encode(struct writer *w, const struct index_upload *u, const struct object_request *r, uint8_t *md5s)
{
    for (size_t i = 0; i < r->part_count; i++) {
        const struct index_upload_part *p = index_upload_part(u, r->parts[i].part);
        struct part_fact f;
        ASSERT(part_fact_decode(span_of(p->body, p->body_size), &f) == ERR_OK);
        object_part_encode(w, f.part.uid, f.part.size);
        memcpy(md5s + i * 16, f.md5, 16);
    }
}

/* The holders of the parts: who has the bytes shall know what they are. */
static uint8_t part_nodes(const struct storage *s, const struct index_upload *u, node_id nodes[PLACEMENT_MAX])
{
    uint8_t count = 1;
    nodes[0] = s->port->config->self;
    for (uint32_t i = 0; i < MIN(u->count, 64u); i++) {
        const struct index_part *p = index_part(&s->index, u->parts[i].part);
        for (const struct index_run *run = p ? p->runs : NULL; run; run = run->next)
            for (uint8_t k = 0; run->group && k < run->group->node_count; k++) {
                node_id node = run->group->nodes[k];
                bool known = !view_reachable(s->port->view, node, (duration_ns)PLACEMENT_REACH_S * NS_PER_S);
                for (uint8_t n = 0; n < count; n++)
                    known = known || nodes[n] == node;
                if (!known && count < PLACEMENT_MAX)
                    nodes[count++] = node;
            }
    }
    return count;
}

static void complete_publish(struct storage *s, const struct object_request *r, const struct index_upload *u, uint64_t size)
{
    struct upload_fact up;
    ASSERT(upload_fact_decode(span_of(u->body, u->body_size), &up) == ERR_OK);
    size_t most = 256 + up.bucket.size + up.key.size + up.metadata.size + r->part_count * 24;
    uint8_t *body = heap_alloc(s->port->heap, most), *md5s = heap_alloc(s->port->heap, r->part_count * 16);
    err e = ERR_NO_MEMORY;
    if (body && md5s) {
        struct writer refs = writer_of(body, most), w = writer_of(body, most);
        struct object_fact f = {.bucket = up.bucket, .key = up.key, .metadata = up.metadata, .version = facts_uid(s->port->facts),
                                .upload = up.uid, .modified = s->port->now.wall, .size = size, .etag_parts = (uint32_t)r->part_count,
                                .policy = up.policy, .part_count = (uint32_t)r->part_count};
        object_fact_encode_head(&refs, &f); /* only to find where the references go */
        references_encode(&refs, u, r, md5s);
        md5(span_of(md5s, r->part_count * 16), f.md5);
        object_fact_encode_head(&w, &f);
        ASSERT(writer_ok(&refs) && writer_ok(&w));
        struct object_reply reply = reply_to(r, ERR_OK);
        reply.bucket = reply.key = (struct span){0};
        reply.info = (struct object_info){.size = size, .modified = f.modified, .version = f.version, .policy = f.policy, .part_count = f.etag_parts};
        etag_text(f.md5, f.etag_parts, reply.info.etag);
        node_id nodes[PLACEMENT_MAX];
        uint8_t count = part_nodes(s, u, nodes);
        e = publish_watched(s, FACT_OBJECT, writer_span(&refs), nodes, count, MIN(up.policy.copies, count), NULL, &reply);
    }
    heap_free(s->port->heap, body);
    heap_free(s->port->heap, md5s);
    if (e != ERR_OK)
        reply_error(s, r, e == ERR_TOO_LARGE ? e : ERR_BUSY, MISSING_NOTHING, "the fact could not be written");
}

static void upload_complete(struct storage *s, const struct object_request *r, const struct index_upload *u)
{
    struct completion c = completion_check(u, r);
    if (c.wrong) {
        char reason[120];
        snprintf(reason, sizeof reason, "%s (part %u)", c.wrong, c.wrong_part);
        reply_error(s, r, ERR_INVALID, MISSING_NOTHING, reason);
        return;
    }
    if (condition_check(index_object(&s->index, r->bucket, r->key), &r->condition) != ERR_OK) {
        reply_error(s, r, ERR_CONFLICT, MISSING_NOTHING, "the condition does not hold");
        return;
    }
    complete_publish(s, r, u, c.size);
}

static bool upload_is_of(const struct index_upload *u, const struct object_request *r)
{
    struct upload_fact f;
    ASSERT(upload_fact_decode(span_of(u->body, u->body_size), &f) == ERR_OK);
    return span_equal(f.bucket, r->bucket) && span_equal(f.key, r->key);
}

void request_multipart(struct storage *s, const struct object_request *r)
{
    if (r->op == OBJECT_UPLOAD_CREATE) {
        upload_create(s, r);
        return;
    }
    const struct index_upload *u = index_upload(&s->index, r->upload);
    if (!u || !upload_is_of(u, r))
        reply_error(s, r, ERR_NOT_FOUND, MISSING_UPLOAD, "no such upload");
    else if (r->op == OBJECT_UPLOAD_ABORT)
        upload_abort(s, r);
    else
        upload_complete(s, r, u);
}
