#include "host/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static err err_of(int error)
{
    switch (error) {
    case ENOENT: return ERR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT: return ERR_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_DENIED;
    default: return ERR_IO;
    }
}

bool path_join(char out[PATH_SIZE], const char *directory, const char *name)
{
    int n = snprintf(out, PATH_SIZE, "%s/%s", directory, name);
    if (n < 0 || n >= PATH_SIZE)
        out[0] = 0;
    return out[0] != 0;
}

err file_read(const char *path, size_t most, uint8_t **data, size_t *size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return err_of(errno);
    struct stat info;
    err status = fstat(file, &info) != 0 ? ERR_IO : info.st_size < 0 || (uint64_t)info.st_size > most ? ERR_TOO_LARGE : ERR_OK;
    if (status != ERR_OK) {
        close(file);
        return status;
    }
    size_t whole = (size_t)info.st_size, at = 0;
    uint8_t *bytes = malloc(whole + 1);
    ASSERT(bytes);
    while (at < whole) {
        ssize_t n = read(file, bytes + at, whole - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    close(file);
    bytes[at] = 0;
    if (at != whole) {
        free(bytes);
        return ERR_IO;
    }
    *data = bytes;
    *size = at;
    return ERR_OK;
}

static err write_all(int file, struct span data)
{
    while (data.size > 0) {
        ssize_t n = write(file, data.data, data.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? err_of(errno) : ERR_IO;
        data = (struct span){data.data + n, data.size - (size_t)n};
    }
    return fsync(file) == 0 ? ERR_OK : ERR_IO;
}

static err sync_directory_of(const char *path)
{
    char directory[PATH_SIZE];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash)
        *slash = 0;
    int file = open(!slash ? "." : *directory ? directory : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return ERR_IO;
    err status = fsync(file) == 0 ? ERR_OK : ERR_IO;
    close(file);
    return status;
}

err file_write(const char *path, struct span data, mode_t mode)
{
    char working[PATH_SIZE + 8];
    snprintf(working, sizeof working, "%s.tmp", path);
    int file = open(working, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (file < 0)
        return err_of(errno);
    err status = fchmod(file, mode) == 0 ? write_all(file, data) : ERR_IO;
    close(file);
    if (status == ERR_OK && rename(working, path) != 0)
        status = err_of(errno);
    if (status != ERR_OK) {
        unlink(working);
        return status;
    }
    return sync_directory_of(path);
}

err directory_make(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? ERR_OK : err_of(errno);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    (void)remove(path);
    return 0;
}

void directory_remove(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

bool program_file(const char *name, char out[PATH_SIZE])
{
    static const char *const places[] = {"", "../", "../share/noctilucent/", "../lib/noctilucent/"};
    char program[PATH_SIZE];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return false;
    program[n] = 0;
    *strrchr(program, '/') = 0;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        int size = snprintf(out, PATH_SIZE, "%s/%s%s", program, places[i], name);
        if (size > 0 && size < PATH_SIZE && access(out, R_OK) == 0)
            return true;
    }
    out[0] = 0;
    return false;
}

void random_bytes(void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        ssize_t n = getrandom(at, MIN(size, (size_t)256), 0);
        ASSERT(n > 0 || errno == EINTR);
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
}

int64_t random_u63(void)
{
    uint64_t value;
    random_bytes(&value, sizeof value);
    return (int64_t)(value >> 1);
}
