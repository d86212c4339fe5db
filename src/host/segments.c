#include "host/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PREWRITE_PIECE = 1 << 20, EARLY_WRITEBACK = 256 * 1024 };

struct segments {
    struct segments_config config;
    int directory;
    uint32_t segment_count; /* length of the tables */
    pthread_mutex_t lock;   /* guards descriptors, used, spares */
    int *descriptors;       /* -1: not open (or not there) */
    uint64_t used_bytes;
    uint32_t spare_first, spare_next; /* spares are named by growing numbers: [first, next) */
    unsigned spares_wanted;
    /* the writer's own: */
    bool *dirty;
    bool directory_dirty;
    bool failed; /* a sync failed: the page cache may have dropped data */
};

static int failing(const struct segments *s, const char *call)
{
    return s->config.fail ? s->config.fail(s->config.fail_context, call) : 0;
}

static err err_of(int error)
{
    return error == ENOSPC || error == EDQUOT ? ERR_NO_SPACE : ERR_IO;
}

static void segment_name(char out[32], uint32_t index)
{
    snprintf(out, 32, "%08u.seg", index);
}

static void spare_name(char out[32], uint32_t number, const char *ending)
{
    snprintf(out, 32, "spare-%u.%s", number, ending);
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

/* A gap in the numbers is harmless: taking a spare that is not there fails and the segment is allocated instead. */
static void adopt_spare(struct segments *s, uint32_t number)
{
    bool first = s->spare_first == s->spare_next;
    s->spare_first = first ? number : MIN(s->spare_first, number);
    s->spare_next = first ? number + 1 : MAX(s->spare_next, number + 1);
}

static err adopt_file(struct segments *s, const char *name)
{
    uint32_t number = 0;
    int end = 0;
    struct stat info;
    if (sscanf(name, "%8u.seg%n", &number, &end) == 1 && end > 0 && name[end] == 0) {
        if (fstatat(s->directory, name, &info, 0) != 0 || number >= s->segment_count)
            return ERR_IO;
        if ((uint64_t)info.st_size > s->config.segment_bytes)
            return ERR_VERSION;
        s->used_bytes = MAX(s->used_bytes, (uint64_t)(number + 1) * s->config.segment_bytes);
    } else if (sscanf(name, "spare-%8u.seg%n", &number, &end) == 1 && end > 0 && name[end] == 0) {
        adopt_spare(s, number); /* it got this name after it was synced */
    } else if (strncmp(name, "spare-", 6) == 0) {
        (void)unlinkat(s->directory, name, 0); /* cut short by a crash */
    }
    return ERR_OK;
}

static err adopt_files(struct segments *s)
{
    DIR *listing = fdopendir(dup(s->directory));
    if (!listing)
        return ERR_IO;
    err status = ERR_OK;
    for (struct dirent *entry; status == ERR_OK && (entry = readdir(listing));)
        status = adopt_file(s, entry->d_name);
    closedir(listing);
    return status;
}

err segments_open(struct segments **out, const struct segments_config *config)
{
    ASSERT(config->segment_bytes > 0 && config->segment_bytes % 4096 == 0);
    struct segments *s = calloc(1, sizeof *s);
    ASSERT(s);
    s->config = *config;
    s->config.directory = NULL;
    s->spares_wanted = MIN(config->spares_most, 1u);
    s->segment_count = (uint32_t)((config->capacity_bytes + config->segment_bytes - 1) / config->segment_bytes);
    s->descriptors = malloc((s->segment_count + 1) * sizeof *s->descriptors);
    s->dirty = calloc(s->segment_count + 1, sizeof *s->dirty);
    ASSERT(s->descriptors && s->dirty);
    for (uint32_t i = 0; i < s->segment_count; i++)
        s->descriptors[i] = -1;
    pthread_mutex_init(&s->lock, NULL);
    s->directory = -1;
    err status = ERR_OK;
    if (mkdir(config->directory, 0700) != 0 && errno != EEXIST)
        status = err_of(errno);
    if (status == ERR_OK && (s->directory = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        status = ERR_IO;
    if (status == ERR_OK)
        status = adopt_files(s);
    if (status != ERR_OK) {
        segments_close(s);
        return status;
    }
    *out = s;
    return ERR_OK;
}

void segments_close(struct segments *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->descriptors[i] >= 0)
            close(s->descriptors[i]);
    if (s->directory >= 0)
        close(s->directory);
    pthread_mutex_destroy(&s->lock);
    free(s->descriptors);
    free(s->dirty);
    free(s);
}

uint64_t segments_used_bytes(const struct segments *s)
{
    return s->used_bytes;
}

/* ---- making segments ------------------------------------------------------------------------------------------ */

static int write_zeros(int file, uint64_t size)
{
    void *zeros = NULL;
    if (posix_memalign(&zeros, 4096, PREWRITE_PIECE) != 0)
        return ENOMEM;
    memset(zeros, 0, PREWRITE_PIECE);
    int error = 0;
    for (uint64_t at = 0; at < size && error == 0;) {
        size_t piece = (size_t)MIN((uint64_t)PREWRITE_PIECE, size - at);
        ssize_t n = pwrite(file, zeros, piece, (off_t)at);
        if (n < 0 && errno != EINTR)
            error = errno;
        else if (n == 0)
            error = EIO;
        else if (n > 0)
            at += (uint64_t)n;
    }
    free(zeros);
    return error;
}

static int make_spare(struct segments *s, uint32_t number)
{
    char working[32], ready[32];
    spare_name(working, number, "tmp");
    spare_name(ready, number, "seg");
    /* Direct writes keep gigabytes of zeros out of the page cache; where that is not supported, ordinary ones do. */
    int file = openat(s->directory, working, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_DIRECT, 0600);
    if (file < 0)
        file = openat(s->directory, working, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return errno;
    int error = failing(s, "prepare");
    if (!error)
        error = posix_fallocate(file, 0, (off_t)s->config.segment_bytes);
    if (!error)
        error = write_zeros(file, s->config.segment_bytes);
    if (!error && fsync(file) != 0)
        error = errno;
    close(file);
    if (!error && renameat(s->directory, working, s->directory, ready) != 0)
        error = errno;
    if (error)
        unlinkat(s->directory, working, 0);
    return error;
}

bool segments_prepare(struct segments *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t made = s->used_bytes / s->config.segment_bytes;
    bool wanted = s->spare_next - s->spare_first < s->spares_wanted &&
                  made + (s->spare_next - s->spare_first) < s->segment_count;
    uint32_t number = s->spare_next;
    pthread_mutex_unlock(&s->lock);
    if (!wanted || make_spare(s, number) != 0)
        return false;
    pthread_mutex_lock(&s->lock);
    s->spare_next = number + 1;
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* Takes a spare as segment `index`; false when none is ready. Called with the lock held. */
static bool take_spare(struct segments *s, uint32_t index)
{
    if (s->spare_first == s->spare_next) {
        s->spares_wanted = MIN(s->config.spares_most, MAX(1u, s->spares_wanted * 2));
        return false;
    }
    char from[32], to[32];
    spare_name(from, s->spare_first++, "seg");
    segment_name(to, index);
    return renameat(s->directory, from, s->directory, to) == 0;
}

static int open_segment(const struct segments *s, uint32_t index)
{
    char name[32];
    segment_name(name, index);
    return openat(s->directory, name, O_RDWR | O_CLOEXEC);
}

static err create_segment(struct segments *s, uint32_t index, int *out)
{
    int error = failing(s, "create");
    if (error)
        return err_of(error);
    s->directory_dirty = true;
    int file = take_spare(s, index) ? open_segment(s, index) : -1;
    if (file < 0) {
        char name[32];
        segment_name(name, index);
        file = openat(s->directory, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0)
            return err_of(errno);
        error = posix_fallocate(file, 0, (off_t)s->config.segment_bytes);
        if (error) {
            close(file);
            unlinkat(s->directory, name, 0); /* empty: nothing was written to it yet */
            return err_of(error);
        }
        s->dirty[index] = true; /* its size must be durable too */
    }
    s->used_bytes = MAX(s->used_bytes, (uint64_t)(index + 1) * s->config.segment_bytes);
    *out = file;
    return ERR_OK;
}

/* The descriptor of a segment; -1 in `out` when it does not exist and `create` is false. */
static err segment_file(struct segments *s, uint32_t index, bool create, int *out)
{
    pthread_mutex_lock(&s->lock);
    err status = ERR_OK;
    int file = s->descriptors[index];
    if (file < 0) {
        file = open_segment(s, index);
        if (file < 0 && errno != ENOENT)
            status = ERR_IO;
        else if (file < 0 && create)
            status = create_segment(s, index, &file);
        if (status == ERR_OK)
            s->descriptors[index] = file;
    }
    pthread_mutex_unlock(&s->lock);
    *out = file;
    return status;
}

/* ---- reading and writing ---------------------------------------------------------------------------------------- */

static bool in_range(const struct segments *s, uint64_t offset, uint64_t size)
{
    return offset <= s->config.capacity_bytes && size <= s->config.capacity_bytes - offset;
}

static err write_piece(const struct segments *s, int file, uint64_t at, const uint8_t *data, size_t size)
{
    while (size > 0) {
        int error = failing(s, "write");
        ssize_t n = error ? -1 : pwrite(file, data, size, (off_t)at);
        if (n < 0 && !error)
            error = errno;
        if (n < 0 && error == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? ERR_IO : err_of(error);
        data += n;
        size -= (size_t)n;
        at += (uint64_t)n;
    }
    return ERR_OK;
}

static err write_part(struct segments *s, uint64_t offset, struct span part)
{
    while (part.size > 0) {
        uint32_t index = (uint32_t)(offset / s->config.segment_bytes);
        uint64_t at = offset % s->config.segment_bytes;
        size_t piece = (size_t)MIN((uint64_t)part.size, s->config.segment_bytes - at);
        int file;
        TRY(segment_file(s, index, true, &file));
        s->dirty[index] = true;
        TRY(write_piece(s, file, at, part.data, piece));
        if (piece >= EARLY_WRITEBACK) /* let the medium work while we go on; the sync will wait for it */
            (void)sync_file_range(file, (off_t)at, (off_t)piece, SYNC_FILE_RANGE_WRITE);
        offset += piece;
        part = (struct span){part.data + piece, part.size - piece};
    }
    return ERR_OK;
}

err segments_write(struct segments *s, uint64_t offset, const struct span *parts, size_t part_count)
{
    uint64_t size = 0;
    for (size_t i = 0; i < part_count; i++)
        size += parts[i].size;
    if (!in_range(s, offset, size))
        return ERR_NO_SPACE;
    if (s->failed)
        return ERR_IO;
    for (size_t i = 0; i < part_count; i++) {
        TRY(write_part(s, offset, parts[i]));
        offset += parts[i].size;
    }
    return ERR_OK;
}

err segments_sync(struct segments *s)
{
    for (uint32_t i = 0; i < s->segment_count && !s->failed; i++) {
        if (!s->dirty[i])
            continue;
        int error = failing(s, "sync");
        if (error || fdatasync(s->descriptors[i]) != 0)
            s->failed = true;
        s->dirty[i] = false;
    }
    pthread_mutex_lock(&s->lock);
    bool directory_dirty = s->directory_dirty;
    s->directory_dirty = false;
    pthread_mutex_unlock(&s->lock);
    if (!s->failed && directory_dirty && fsync(s->directory) != 0)
        s->failed = true;
    return s->failed ? ERR_IO : ERR_OK;
}

static err read_piece(const struct segments *s, int file, uint64_t at, uint8_t *out, size_t size)
{
    while (size > 0) {
        int error = failing(s, "read");
        ssize_t n = error ? -1 : pread(file, out, size, (off_t)at);
        if (n < 0 && !error)
            error = errno;
        if (n < 0 && error == EINTR)
            continue;
        if (n < 0)
            return error == EIO ? ERR_CORRUPT : ERR_IO;
        if (n == 0) { /* a file that a crash left short */
            memset(out, 0, size);
            return ERR_OK;
        }
        out += n;
        size -= (size_t)n;
        at += (uint64_t)n;
    }
    return ERR_OK;
}

err segments_read(struct segments *s, uint64_t offset, uint8_t *out, size_t size)
{
    if (!in_range(s, offset, size))
        return ERR_RANGE;
    while (size > 0) {
        uint32_t index = (uint32_t)(offset / s->config.segment_bytes);
        uint64_t at = offset % s->config.segment_bytes;
        size_t piece = (size_t)MIN((uint64_t)size, s->config.segment_bytes - at);
        int file;
        TRY(segment_file(s, index, false, &file));
        if (file < 0)
            memset(out, 0, piece);
        else
            TRY(read_piece(s, file, at, out, piece));
        out += piece;
        offset += piece;
        size -= piece;
    }
    return ERR_OK;
}
