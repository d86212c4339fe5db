/*
 * region/s3.h - the S3 operations of this room, one file per family; what they share.
 *
 * Story:   s3_route authenticates, prepares the payload and picks an operation; the operation asks the storage plane
 *          and answers. Every operation answers exactly once, in the same call or when a reply comes.
 */
#ifndef NOCT_REGION_S3_H
#define NOCT_REGION_S3_H

#include "region/inside.h"

#define S3_NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"
enum { UPLOAD_PART_MIN = 5 << 20, DELETE_OBJECTS_MAX = 1000, USER_METADATA_MAX = 2048 };
#define PUT_SIZE_MAX (5ull << 30)

/* ---- shared (s3_common.c) ---- */
void s3_xml_begin(struct request *q, const char *root);
void s3_xml_text(struct request *q, const char *name, struct span value);
void s3_xml_u64(struct request *q, const char *name, uint64_t value);
void s3_xml_bool(struct request *q, const char *name, bool value);
void s3_xml_time(struct request *q, const char *name, tai_ns t);
void s3_xml_etag(struct request *q, const char *etag);
void s3_xml_owner(struct request *q, const char *element);
void s3_header_etag(struct request *q, const char *etag);
bool s3_reply_ok(struct request *q, const struct object_reply *reply); /* answers with the error otherwise */
bool s3_bucket_name_ok(struct span name, bool creating); /* customers may not create names of 1 or 2 characters */
/* Reads x-noct-copies, x-noct-place, x-noct-best-effort; *given tells whether any was there. */
enum s3_error s3_policy(struct request *q, struct policy *out, bool *given, const char **detail);
enum s3_error s3_unsupported_headers(struct request *q, const char **detail);
/* If-Match and the like, with a prefix ("" or "x-amz-copy-source-"); S3 precedence (RFC 9110 §13.2.2). */
enum s3_error s3_conditions(struct request *q, const char *prefix, const struct object_info *info);
bool s3_has_conditions(struct request *q, const char *prefix);
enum s3_error s3_write_condition(struct request *q, struct object_condition *out, const char **detail);
bool s3_etag_listed(struct span list, const char *etag); /* "a", "b" or * */
/* x-amz-copy-source: "/bucket/key" percent-encoded. */
enum s3_error s3_copy_source(struct request *q, struct span *bucket, struct span *key);
struct object_request s3_object_request(const struct request *q, enum object_op op); /* with bucket and key */
enum s3_error s3_upload_id(struct request *q, struct uid *out);

/* ---- metadata.c: the block of object_request.metadata ---- */
enum s3_error metadata_from_request(struct request *q, struct span *out);
struct span metadata_with(struct request *q, struct span block, const char *name, struct span value);
bool metadata_next(struct reader *r, struct span *name, struct span *value); /* after metadata_open */
struct reader metadata_open(struct span block, uint16_t *count);
void metadata_respond(struct request *q, struct span block, bool with_checksums);
struct span metadata_find(struct span block, const char *name);

/* ---- xml.c: XML in ---- */
struct xml_handler {
    void *context;
    bool (*open)(void *context, unsigned depth, const char *name);                      /* depth 1: the root */
    bool (*close)(void *context, unsigned depth, const char *name, struct span text);   /* text of a leaf */
};
/* INVALID: not well-formed, a document type, too deep, or a handler said no. TOO_LARGE: a text above 8 KiB. */
err xml_parse(struct span document, const struct xml_handler *handler) MUST_USE;

/* ---- operations ---- */
void s3_list_buckets(struct request *q);
void s3_create_bucket(struct request *q);
void s3_delete_bucket(struct request *q);
void s3_head_bucket(struct request *q);
void s3_location(struct request *q);
bool s3_probe_wanted(struct request *q); /* the query names a sub-resource that is not ours to keep */
void s3_probe(struct request *q);
void s3_list_objects(struct request *q);
void s3_list_versions(struct request *q);
void s3_get_object(struct request *q); /* and HEAD */
void s3_object_attributes(struct request *q);
void s3_put_object(struct request *q); /* and UploadPart */
void s3_copy_object(struct request *q);
void s3_copy_part(struct request *q);
void s3_delete_object(struct request *q);
void s3_delete_objects(struct request *q);
void s3_create_upload(struct request *q);
void s3_complete_upload(struct request *q);
void s3_abort_upload(struct request *q);
void s3_list_parts(struct request *q);
void s3_list_uploads(struct request *q);

#endif
