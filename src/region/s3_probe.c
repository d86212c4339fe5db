/* Sub-resources that are not configured: the exact answers that clients and Terraform expect. */
#include "region/s3.h"

struct probe {
    const char *query;
    enum s3_error error;
    const char *root, *inner; /* inner NULL: the owner's grants */
};

static const struct probe bucket_probes[] = {
#define BUCKET_PROBE(query, error, root, inner) {query, error, root, inner},
#define OBJECT_PROBE(query, error, root, inner)
#include "region/s3_probe.def"
#undef BUCKET_PROBE
#undef OBJECT_PROBE
};

static const struct probe object_probes[] = {
#define BUCKET_PROBE(query, error, root, inner)
#define OBJECT_PROBE(query, error, root, inner) {query, error, root, inner},
#include "region/s3_probe.def"
#undef BUCKET_PROBE
#undef OBJECT_PROBE
};

static const struct probe *find(struct request *q)
{
    const struct probe *table = q->key.size ? object_probes : bucket_probes;
    size_t count = q->key.size ? COUNT_OF(object_probes) : COUNT_OF(bucket_probes);
    for (size_t i = 0; i < count; i++)
        if (request_asks(q, table[i].query))
            return &table[i];
    return NULL;
}

bool s3_probe_wanted(struct request *q)
{
    return find(q) != NULL;
}

static void respond_acl(struct request *q)
{
    s3_xml_begin(q, "AccessControlPolicy");
    s3_xml_owner(q, "Owner");
    text_add(&q->out, "<AccessControlList><Grant>");
    text_add(&q->out, "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>");
    text_add_xml(&q->out, span_text(q->region->config.access_key));
    text_add(&q->out, "</ID><DisplayName>noct</DisplayName></Grantee><Permission>FULL_CONTROL</Permission>");
    text_add(&q->out, "</Grant></AccessControlList></AccessControlPolicy>");
    respond_out(q, 200, "application/xml");
}

/* Reading tells what is (not) configured; taking away what is not there succeeds; setting is refused. */
static void exists(struct request *q, const struct object_reply *reply)
{
    const struct probe *p = find(q);
    if (!s3_reply_ok(q, reply))
        return;
    if (q->method == HTTP_DELETE) {
        respond_empty(q, 204);
    } else if (p->error != S3_OK) {
        respond_error(q, p->error, NULL);
    } else if (!p->inner) {
        respond_acl(q);
    } else {
        s3_xml_begin(q, p->root);
        text_add(&q->out, p->inner);
        text_printf(&q->out, "</%s>", p->root);
        respond_out(q, 200, "application/xml");
    }
}

void s3_probe(struct request *q)
{
    struct object_request o = s3_object_request(q, q->key.size ? OBJECT_HEAD : OBJECT_BUCKET_HEAD);
    if (q->method != HTTP_GET && q->method != HTTP_DELETE) {
        respond_error(q, S3_NOT_IMPLEMENTED, NULL);
        return;
    }
    q->on_object = exists;
    request_object(q, &o);
}
