#include "host/oci_archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/text.h"

/* ---- parts ---- */

static err file_read(struct oci_part *p, void *out, size_t size, size_t *got)
{
    ssize_t count;
    *got = 0;
    do
        count = pread(p->fd, out, (size_t)MIN(p->left, (uint64_t)size), (off_t)p->offset);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return ERR_IO;
    if (count == 0 && p->left > 0)
        return ERR_TRUNCATED;
    p->offset += (uint64_t)count;
    p->left -= (uint64_t)count;
    *got = (size_t)count;
    return ERR_OK;
}

/* One call of inflate; a gzip file may hold several members one behind the other. */
static err inflate_some(struct oci_part *p)
{
    if (p->inflater.avail_in == 0) {
        size_t got;
        TRY(file_read(p, p->input, sizeof p->input, &got));
        p->inflater.next_in = p->input;
        p->inflater.avail_in = (uInt)got;
    }
    if (p->finished) {
        if (p->inflater.avail_in == 0)
            return ERR_OK;
        if (inflateReset(&p->inflater) != Z_OK)
            return ERR_CORRUPT;
        p->finished = false;
    }
    if (p->inflater.avail_in == 0)
        return ERR_TRUNCATED;
    int code = inflate(&p->inflater, Z_NO_FLUSH);
    if (code == Z_STREAM_END)
        p->finished = true;
    else if (code != Z_OK && code != Z_BUF_ERROR)
        return code == Z_MEM_ERROR ? ERR_NO_MEMORY : ERR_CORRUPT;
    return ERR_OK;
}

static err part_read(void *context, void *out, size_t size, size_t *got)
{
    struct oci_part *p = context;
    if (!p->gzip) {
        TRY(file_read(p, out, size, got));
    } else {
        p->inflater.next_out = out;
        p->inflater.avail_out = (uInt)MIN(size, 1u << 30);
        uInt room = p->inflater.avail_out;
        while (p->inflater.avail_out == room) {
            TRY(inflate_some(p));
            if (p->finished && p->left == 0 && p->inflater.avail_in == 0)
                break;
        }
        *got = room - p->inflater.avail_out;
    }
    if (*got > p->bytes_left)
        return ERR_TOO_LARGE;
    p->bytes_left -= *got;
    return ERR_OK;
}

err oci_part_open(struct oci_part *p, int fd, uint64_t offset, uint64_t size, uint64_t bytes_max)
{
    uint8_t magic[2];
    *p = (struct oci_part){.fd = fd, .offset = offset, .left = size, .bytes_left = bytes_max};
    p->gzip = size >= 18 && pread(fd, magic, 2, (off_t)offset) == 2 && magic[0] == 0x1f &&
              magic[1] == 0x8b;
    if (p->gzip && inflateInit2(&p->inflater, 16 + MAX_WBITS) != Z_OK)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

void oci_part_close(struct oci_part *p)
{
    if (p->gzip)
        inflateEnd(&p->inflater);
}

struct tar_source oci_part_source(struct oci_part *p)
{
    return (struct tar_source){p, part_read};
}

/* ---- members ---- */

static err members_list(struct oci_archive *a, struct tar_reader *t, struct oci_why *why)
{
    struct tar_entry entry;
    for (;;) {
        err result = tar_next(t, &entry);
        if (result == ERR_NOT_FOUND)
            return ERR_OK;
        if (result != ERR_OK) {
            oci_why_set(why, "not a readable tar at byte %llu: %s", (unsigned long long)t->offset,
                        err_text(result));
            return result;
        }
        bool wanted = entry.kind == TAR_FILE && strlen(entry.path) < sizeof a->members[0].path;
        if (!wanted || a->member_count == OCI_BLOBS_MAX)
            continue; /* a plain root file system has more files than this, and needs none of them
                         listed */
        struct oci_member *m = &a->members[a->member_count++];
        memcpy(m->path, entry.path, strlen(entry.path) + 1);
        m->offset = entry.body_offset;
        m->size = entry.size_bytes;
    }
}

/* The outer tar is walked by its headers only: contents are jumped over. */
static err walk_read(void *context, void *out, size_t size, size_t *got)
{
    return file_read(context, out, size, got);
}

err oci_archive_open(struct oci_archive *a, const char *path, struct oci_why *why)
{
    struct stat st;
    a->member_count = 0;
    a->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (a->fd < 0 || fstat(a->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        oci_why_set(why, "cannot read image %.200s: %s", path,
                    a->fd < 0 ? strerror(errno) : "not a regular file");
        oci_archive_close(a);
        return ERR_NOT_FOUND;
    }
    a->size = (uint64_t)st.st_size;
    struct tar_reader *t = malloc(sizeof *t);
    struct oci_part *p = malloc(sizeof *p);
    err result = t && p ? oci_part_open(p, a->fd, 0, a->size, UINT64_MAX) : ERR_NO_MEMORY;
    if (result == ERR_OK && !p->gzip) { /* a gzipped file can only be a plain root */
        tar_init(t, (struct tar_source){p, walk_read});
        result = members_list(a, t, why);
    }
    if (result == ERR_OK)
        oci_part_close(p);
    free(t);
    free(p);
    if (result != ERR_OK)
        oci_archive_close(a);
    return result;
}

void oci_archive_close(struct oci_archive *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

const struct oci_member *oci_archive_find(const struct oci_archive *a, const char *path)
{
    for (size_t i = 0; i < a->member_count; i++)
        if (strcmp(a->members[i].path, path) == 0)
            return &a->members[i];
    return NULL;
}

static err digest_of(const struct oci_archive *a, const struct oci_member *m, uint8_t out[32])
{
    uint8_t *bytes = malloc(1 << 18);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    err result = bytes && context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1
                     ? ERR_OK
                     : ERR_CRYPTO;
    for (uint64_t done = 0; result == ERR_OK && done < m->size;) {
        ssize_t got =
            pread(a->fd, bytes, (size_t)MIN(m->size - done, 1u << 18), (off_t)(m->offset + done));
        if (got <= 0)
            result = got < 0 ? ERR_IO : ERR_TRUNCATED;
        else if (EVP_DigestUpdate(context, bytes, (size_t)got) != 1)
            result = ERR_CRYPTO;
        else
            done += (uint64_t)got;
    }
    if (result == ERR_OK && EVP_DigestFinal_ex(context, out, NULL) != 1)
        result = ERR_CRYPTO;
    EVP_MD_CTX_free(context);
    free(bytes);
    return result;
}

err oci_archive_blob(const struct oci_archive *a, const char *digest, uint64_t size,
                     const struct oci_member **out, struct oci_why *why)
{
    char path[96];
    uint8_t wanted[32], found[32];
    if (strncmp(digest, "sha256:", 7) != 0 ||
        hex_decode(span_text(digest + 7), wanted, sizeof wanted) != ERR_OK) {
        oci_why_set(why, "digest '%.80s' is not sha256 and 64 hexadecimal digits", digest);
        return ERR_INVALID;
    }
    snprintf(path, sizeof path, "blobs/sha256/%.64s", digest + 7);
    const struct oci_member *m = oci_archive_find(a, path);
    if (!m) {
        oci_why_set(why, "the archive lacks blob %s", path);
        return ERR_INVALID;
    }
    if (size != UINT64_MAX && m->size != size) {
        oci_why_set(why, "%s has %llu bytes, its descriptor says %llu", path,
                    (unsigned long long)m->size, (unsigned long long)size);
        return ERR_CORRUPT;
    }
    err result = digest_of(a, m, found);
    if (result == ERR_OK && memcmp(wanted, found, sizeof wanted) != 0)
        result = ERR_CORRUPT;
    if (result != ERR_OK)
        oci_why_set(why, "%s: %s", path,
                    result == ERR_CORRUPT ? "content does not match its digest" : err_text(result));
    *out = m;
    return result;
}
