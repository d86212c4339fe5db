/*
 * host/oci_archive.h - finds and checks the blobs of an OCI archive file, and reads (possibly
 * gzipped) parts of it.
 *
 * Story:   one walk over the outer tar notes where every member lies; blobs are then read in place.
 * A part starts with the gzip magic or is plain; inflating is bounded by `bytes_max`. Errors:  as
 * oci_image.h.
 */
#ifndef NOCT_HOST_OCI_ARCHIVE_H
#define NOCT_HOST_OCI_ARCHIVE_H

#include <zlib.h>

#include "host/oci_image.h"

struct oci_member {
    char path[200];
    uint64_t offset, size;
};

struct oci_archive {
    int fd;
    uint64_t size;
    size_t member_count;
    struct oci_member members[OCI_BLOBS_MAX];
};

/* Part of a file as a tar source, inflated when it is gzip. */
struct oci_part {
    int fd;
    uint64_t offset, left, bytes_left;
    bool gzip, finished;
    z_stream inflater;
    uint8_t input[65536];
};

err oci_archive_open(struct oci_archive *a, const char *path, struct oci_why *why) MUST_USE;
void oci_archive_close(struct oci_archive *a);
const struct oci_member *oci_archive_find(const struct oci_archive *a, const char *path);
/* The member for "sha256:HEX", its content verified against size (if not UINT64_MAX) and digest. */
err oci_archive_blob(const struct oci_archive *a, const char *digest, uint64_t size,
                     const struct oci_member **out, struct oci_why *why) MUST_USE;

err oci_part_open(struct oci_part *p, int fd, uint64_t offset, uint64_t size,
                  uint64_t bytes_max) MUST_USE;
void oci_part_close(struct oci_part *p);
struct tar_source oci_part_source(struct oci_part *p);

#endif
