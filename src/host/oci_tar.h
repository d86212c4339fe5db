/*
 * host/oci_tar.h - a bounded reader of tar archives: POSIX ustar, pax records, GNU long names.
 *
 * Story:    bytes are pulled from a source; tar_next steps to an entry, tar_body reads its content.
 * Whatever the archive says, memory is bounded by this struct and nothing outside the caller's
 * hands is touched. Source:   POSIX.1-2017 pax (ustar interchange format, extended header records);
 * GNU tar manual, "Basic Tar Format". Paths:    cleaned: no leading slash or "./", no empty or "."
 * parts; ".." anywhere is ERR_DENIED, except in the text of symbolic links, which is not a path of
 * ours (whoever creates it must resolve inside the root). Errors:   ERR_NOT_FOUND at the archive's
 * end; ERR_TRUNCATED, ERR_INVALID (bad header or number), ERR_CORRUPT (header checksum),
 * ERR_TOO_LARGE (a name or an extended header), ERR_UNSUPPORTED (sparse files), ERR_DENIED; and
 * what the source returned.
 */
#ifndef NOCT_HOST_OCI_TAR_H
#define NOCT_HOST_OCI_TAR_H

#include "base/bytes.h"

enum { TAR_PATH_MAX = 1024, TAR_RECORDS_MAX = 65536, TAR_BLOCK = 512 };

enum tar_kind { TAR_FILE, TAR_DIRECTORY, TAR_SYMLINK, TAR_HARDLINK, TAR_DEVICE, TAR_OTHER };

/* Fills `out` with up to `size` bytes; *got 0 means the end. */
struct tar_source {
    void *context;
    err (*read)(void *context, void *out, size_t size, size_t *got);
};

struct tar_entry {
    enum tar_kind kind;
    char path[TAR_PATH_MAX]; /* "." for the root itself */
    char link[TAR_PATH_MAX]; /* symbolic links: the text; hard links: a cleaned path */
    uint64_t size_bytes, body_offset;
    uint32_t mode; /* permission bits only */
};

struct tar_reader {
    struct tar_source source;
    uint64_t offset;              /* bytes taken from the source */
    uint64_t body_left, pad_left; /* of the current entry */
    char long_path[TAR_PATH_MAX], long_link[TAR_PATH_MAX];
    bool has_long_path, has_long_link, has_long_size;
    uint64_t long_size;
    bool ended;
    uint8_t records[TAR_RECORDS_MAX];
};

void tar_init(struct tar_reader *t, struct tar_source source);
err tar_next(struct tar_reader *t, struct tar_entry *entry) MUST_USE;
/* Reads from the current entry's content; *got 0 at its end. */
err tar_body(struct tar_reader *t, void *out, size_t size, size_t *got) MUST_USE;
/* Cleans a path as above; out holds TAR_PATH_MAX. */
err tar_path_clean(const char *path, char *out) MUST_USE;

#endif
