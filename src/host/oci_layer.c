#include "host/oci_layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void oci_why_set(struct oci_why *why, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(why->text, sizeof why->text, format, list);
    va_end(list);
}

static err from_errno(void)
{
    switch (errno) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EXDEV:
    case ELOOP:
        return ERR_DENIED;
    case ENAMETOOLONG:
        return ERR_TOO_LARGE;
    case ENOTDIR:
    case EEXIST:
        return ERR_INVALID;
    case ENOENT:
        return ERR_NOT_FOUND;
    default:
        return ERR_IO;
    }
}

/* ---- removing ---- */

static err remove_below(int parent_fd, const char *name, int depth)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd >= 0 && depth > 0 ? fdopendir(fd) : NULL;
    err result = directory ? ERR_OK : ERR_IO;
    if (!directory && fd >= 0)
        close(fd);
    for (struct dirent *entry; directory && result == ERR_OK && (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(directory), entry->d_name, 0) < 0)
            result = errno == EISDIR || errno == EPERM
                         ? remove_below(dirfd(directory), entry->d_name, depth - 1)
                         : ERR_IO;
    }
    if (directory)
        closedir(directory);
    if (result == ERR_OK && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
        result = ERR_IO;
    return result;
}

err oci_tree_remove(int parent_fd, const char *name)
{
    if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
        return ERR_OK;
    return remove_below(parent_fd, name, OCI_DEPTH_MAX + 8);
}

static err children_remove(int directory_fd)
{
    int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    err result = directory ? ERR_OK : ERR_IO;
    for (struct dirent *entry; directory && result == ERR_OK && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = oci_tree_remove(dirfd(directory), entry->d_name);
    if (directory)
        closedir(directory);
    else if (fd >= 0)
        close(fd);
    return result;
}

/* ---- resolving inside the root ---- */

static int open_inside(int root_fd, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

/* How deep a directory really lies below the root, links resolved. */
static bool too_deep(int root_fd, int fd)
{
    char name[48], root[4096], path[8192];
    snprintf(name, sizeof name, "/proc/self/fd/%d", root_fd);
    ssize_t root_size = readlink(name, root, sizeof root);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(name, path, sizeof path);
    int depth = 0;
    for (ssize_t i = root_size; i < size; i++)
        depth += path[i] == '/';
    return root_size <= 0 || size <= 0 || size >= 4000 || depth > OCI_DEPTH_MAX;
}

/* Opens the directory `path`, making what is missing (one level at a time, so that links on the way
 * are resolved). */
static err directory_open(int root_fd, const char *path, bool make, int *out)
{
    int fd = open_inside(root_fd, path);
    if (fd < 0 && errno == ENOENT && make && strcmp(path, ".") != 0) {
        char parent[TAR_PATH_MAX];
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        int above;
        snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1,
                 slash ? path : ".");
        TRY(directory_open(root_fd, parent, true, &above));
        if (mkdirat(above, name, 0755) < 0) {
            err e = from_errno();
            close(above);
            return e;
        }
        close(above);
        fd = open_inside(root_fd, path);
    }
    if (fd < 0)
        return from_errno();
    if (too_deep(root_fd, fd)) {
        close(fd);
        return ERR_TOO_LARGE;
    }
    *out = fd;
    return ERR_OK;
}

/* The directory that holds `path`, and the last part of it. */
static err parent_open(int root_fd, const char *path, bool make, int *fd, const char **name)
{
    char parent[TAR_PATH_MAX];
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return directory_open(root_fd, parent, make, fd);
}

/* ---- creating ---- */

static err write_all(int fd, const uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = write(fd, bytes + done, size - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return from_errno();
        done += (size_t)put;
    }
    return ERR_OK;
}

static err create_file(struct tar_reader *t, int parent, const char *name,
                       const struct tar_entry *entry)
{
    static const mode_t readable = 0444;
    mode_t mode = (entry->mode & 0755) | readable | (entry->mode & 0111 ? 0111u : 0u);
    TRY(oci_tree_remove(parent, name));
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return from_errno();
    uint8_t bytes[32768];
    err result = ERR_OK;
    for (size_t got = 1; result == ERR_OK && got > 0;) {
        result = tar_body(t, bytes, sizeof bytes, &got);
        if (result == ERR_OK)
            result = write_all(fd, bytes, got);
    }
    if (result == ERR_OK && fchmod(fd, mode) < 0)
        result = from_errno();
    if (close(fd) < 0 && result == ERR_OK)
        result = from_errno();
    return result;
}

static err create_directory(int parent, const char *name, const struct tar_entry *entry)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
        TRY(oci_tree_remove(parent, name));
    if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
        return from_errno();
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return from_errno();
    err result = fchmod(fd, (entry->mode & 0755) | 0755) < 0 ? from_errno() : ERR_OK;
    close(fd);
    return result;
}

static err create_symlink(int parent, const char *name, const struct tar_entry *entry)
{
    TRY(oci_tree_remove(parent, name));
    return symlinkat(entry->link, parent, name) < 0 ? from_errno() : ERR_OK;
}

static err create_hardlink(int root_fd, int parent, const char *name, const struct tar_entry *entry)
{
    int from;
    const char *from_name;
    struct stat source, here;
    TRY(parent_open(root_fd, entry->link, false, &from, &from_name));
    err result = ERR_OK;
    if (fstatat(from, from_name, &source, AT_SYMLINK_NOFOLLOW) < 0)
        result = from_errno();
    else if (S_ISDIR(source.st_mode))
        result = ERR_INVALID;
    else if (fstatat(parent, name, &here, AT_SYMLINK_NOFOLLOW) < 0 ||
             here.st_ino != source.st_ino) {
        result = oci_tree_remove(parent, name);
        if (result == ERR_OK && linkat(from, from_name, parent, name, 0) < 0)
            result = from_errno();
    }
    close(from);
    return result;
}

static err create(struct tar_reader *t, int root_fd, const struct tar_entry *entry,
                  struct oci_budget *budget)
{
    int parent;
    const char *name;
    if (strcmp(entry->path, ".") == 0)
        return ERR_OK;
    TRY(parent_open(root_fd, entry->path, true, &parent, &name));
    err result = ERR_OK;
    switch (entry->kind) {
    case TAR_FILE:
        result = create_file(t, parent, name, entry);
        break;
    case TAR_DIRECTORY:
        result = create_directory(parent, name, entry);
        break;
    case TAR_SYMLINK:
        result = create_symlink(parent, name, entry);
        break;
    case TAR_HARDLINK:
        result = create_hardlink(root_fd, parent, name, entry);
        break;
    case TAR_DEVICE:
    case TAR_OTHER:
        budget->passed_over++;
        break;
    }
    close(parent);
    return result;
}

/* ---- whiteouts (OCI image specification, layer.md) ---- */

static const char *whiteout_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return strncmp(name, ".wh.", 4) == 0 ? name + 4 : NULL;
}

static err whiteout_apply(int root_fd, const char *path, const char *victim)
{
    int parent;
    const char *name;
    err result = parent_open(root_fd, path, false, &parent, &name);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(result);
    if (strcmp(victim, ".wh..opq") == 0)
        result = children_remove(parent);
    else if (victim[0] && strcmp(victim, ".") != 0 && strcmp(victim, "..") != 0)
        result = oci_tree_remove(parent, victim);
    else
        result = ERR_INVALID;
    close(parent);
    return result;
}

/* ---- the stream ---- */

static err budget_take(struct oci_budget *budget, const struct tar_entry *entry,
                       struct oci_why *why)
{
    if (budget->entries_left == 0 || entry->size_bytes > budget->bytes_left) {
        oci_why_set(why, "the image has too many %s at %.200s",
                    budget->entries_left ? "bytes" : "entries", entry->path);
        return ERR_TOO_LARGE;
    }
    budget->entries_left--;
    budget->bytes_left -= entry->size_bytes;
    return ERR_OK;
}

static err unpack_all(struct tar_reader *t, int root_fd, bool whiteouts, struct oci_budget *budget,
                      struct oci_why *why)
{
    for (;;) {
        struct tar_entry entry;
        err result = tar_next(t, &entry);
        if (result == ERR_NOT_FOUND)
            return ERR_OK;
        if (result == ERR_OK) {
            const char *victim = whiteout_of(entry.path);
            TRY(budget_take(budget, &entry, why));
            if (victim && whiteouts)
                result = whiteout_apply(root_fd, entry.path, victim);
            else if (!victim && !whiteouts)
                result = create(t, root_fd, &entry, budget);
        }
        if (result != ERR_OK) {
            oci_why_set(why, "tar entry '%.160s' at byte %llu: %s", entry.path,
                        (unsigned long long)t->offset, err_text(result));
            return result == ERR_NOT_FOUND ? ERR_INVALID : result;
        }
    }
}

err oci_layer_unpack(int root_fd, struct tar_source source, bool whiteouts,
                     struct oci_budget *budget, struct oci_why *why)
{
    struct tar_reader *t = malloc(sizeof *t);
    if (!t)
        return ERR_NO_MEMORY;
    tar_init(t, source);
    /* The first pass reads as much as the second, so it is bounded too, but charged only once. */
    struct oci_budget trial = *budget;
    err result = unpack_all(t, root_fd, whiteouts, whiteouts ? &trial : budget, why);
    free(t);
    return result;
}
