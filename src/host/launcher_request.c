#include "host/launcher_request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TREE_DEPTH_MAX = 32, TREE_FILES_MAX = 100000 };

void launch_why_set(struct launch_why *why, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(why->text, sizeof why->text, format, list);
    va_end(list);
}

/* ---- checks ---- */

static err check_directory(const char *path, const char *what, struct launch_why *why)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return ERR_OK;
    launch_why_set(why, "%s %s is not a directory", what, path);
    return ERR_INVALID;
}

static err check_program(const struct launch_request *r, struct launch_why *why)
{
    struct stat st;
    if (!r->root_dir == !r->app_path) {
        launch_why_set(why, "exactly one of root_dir and app_path must be given");
        return ERR_INVALID;
    }
    if (r->root_dir && (!r->arguments || !r->arguments[0])) {
        launch_why_set(why, "a root directory needs arguments: which program shall run?");
        return ERR_INVALID;
    }
    if (r->root_dir)
        return check_directory(r->root_dir, "root directory", why);
    if (stat(r->app_path, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111)) {
        launch_why_set(why, "application %s is not an executable file", r->app_path);
        return ERR_INVALID;
    }
    return ERR_OK;
}

err launch_request_check(const struct launch_request *r, struct launch_limits *limits,
                         struct launch_why *why)
{
    *limits = (struct launch_limits){
        .memory_bytes = r->memory_bytes ? r->memory_bytes : 256u << 20,
        .grace_ms = r->grace_ms ? r->grace_ms : 2000,
        .output_limit_bytes = r->output_limit_bytes ? r->output_limit_bytes : 1u << 20,
        .pids_max = r->pids_max ? r->pids_max : 64,
    };
    limits->tmp_bytes = r->tmp_bytes ? r->tmp_bytes : limits->memory_bytes / 4;
    TRY(check_program(r, why));
    if (r->work_dir_host)
        TRY(check_directory(r->work_dir_host, "work directory", why));
    if (r->working_dir && r->working_dir[0] != '/') {
        launch_why_set(why, "working directory %s is not absolute", r->working_dir);
        return ERR_INVALID;
    }
    if (limits->memory_bytes < 1u << 20 || limits->memory_bytes > 1ull << 46 ||
        r->cpu_millis > 1024 * 1000 || limits->pids_max > 1 << 20 || limits->grace_ms > 86400000 ||
        r->wall_limit_ms > 1ull << 40) {
        launch_why_set(
            why, "a limit is out of range: memory >= 1 MiB, cpu <= 1024 cores, grace <= 1 day");
        return ERR_RANGE;
    }
    return ERR_OK;
}

/* ---- the work directory's owner ---- */

static err tree_own(int directory, uid_t uid, gid_t gid, int depth, unsigned *left)
{
    DIR *list = fdopendir(directory);
    err result = list ? ERR_OK : ERR_IO;
    if (!list)
        close(directory);
    for (struct dirent *entry; result == ERR_OK && (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if ((*left)-- == 0 || depth == 0) {
            result = ERR_TOO_LARGE;
            break;
        }
        if (fchownat(dirfd(list), entry->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
            result = ERR_IO;
        int below =
            openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (result == ERR_OK && below >= 0)
            result = tree_own(below, uid, gid, depth - 1, left);
        else if (below >= 0)
            close(below);
    }
    if (list)
        closedir(list);
    return result;
}

err launch_work_prepare(const char *work_dir, uid_t uid, gid_t gid, struct launch_why *why)
{
    unsigned left = TREE_FILES_MAX;
    int fd = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err result = ERR_IO;
    if (fd >= 0 && (mkdirat(fd, "checkpoint", 0700) == 0 || errno == EEXIST)) {
        if (geteuid() != 0) { /* unprivileged: the files are the sandbox's already */
            close(fd);
            return ERR_OK;
        }
        if (fchown(fd, uid, gid) == 0)
            return tree_own(fd, uid, gid, TREE_DEPTH_MAX, &left) == ERR_OK
                       ? ERR_OK
                       : (launch_why_set(why,
                                         "cannot hand over %s: too many or too deep files, or %s",
                                         work_dir, strerror(errno)),
                          ERR_TOO_LARGE);
    }
    launch_why_set(why, "cannot prepare work directory %s: %s", work_dir, strerror(errno));
    if (fd >= 0)
        close(fd);
    return result;
}

/* ---- plan ---- */

static void plan_bytes(struct plan_builder *b, const void *data, size_t size)
{
    if (size > LANE_PLAN_BYTES_MAX - b->size)
        b->failed = true;
    if (b->failed)
        return;
    memcpy(b->bytes + b->size, data, size);
    b->size += size;
}

static void plan_text(struct plan_builder *b, const char *text)
{
    plan_bytes(b, text, strlen(text) + 1);
}

static void plan_mount(struct plan_builder *b, struct lane_plan *header, const char *kind,
                       const char *source, const char *target)
{
    plan_text(b, kind);
    plan_text(b, source);
    plan_text(b, target);
    if (++header->mount_count > LANE_MOUNTS_MAX)
        b->failed = true;
}

static bool entry_is_ours(const char *name)
{
    static const char *const ours[] = {".", "..", "proc", "sys", "dev", "tmp", "work"};
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        if (strcmp(name, ours[i]) == 0)
            return true;
    return false;
}

static void plan_root_entry(struct plan_builder *b, struct lane_plan *header, const char *root,
                            const char *name)
{
    char source[PATH_MAX + 300], target[300], link[PATH_MAX];
    struct stat st;
    snprintf(source, sizeof source, "%s/%s", root, name);
    snprintf(target, sizeof target, "/%s", name);
    if (lstat(source, &st) < 0)
        return;
    if (S_ISDIR(st.st_mode))
        plan_mount(b, header, "d", source, target);
    else if (S_ISREG(st.st_mode))
        plan_mount(b, header, "f", source, target);
    else if (S_ISLNK(st.st_mode)) {
        ssize_t size = readlink(source, link, sizeof link - 1);
        if (size > 0) {
            link[size] = 0;
            plan_mount(b, header, "l", link, target);
        }
    }
}

static err plan_root(struct plan_builder *b, struct lane_plan *header, const char *root_dir,
                     struct launch_why *why)
{
    char root[PATH_MAX];
    DIR *directory = realpath(root_dir, root) ? opendir(root) : NULL;
    if (!directory) {
        launch_why_set(why, "cannot read root directory %s: %s", root_dir, strerror(errno));
        return ERR_IO;
    }
    for (struct dirent *entry; (entry = readdir(directory));)
        if (!entry_is_ours(entry->d_name))
            plan_root_entry(b, header, root, entry->d_name);
    closedir(directory);
    return ERR_OK;
}

static const char *app_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return strncmp(name, "app-", 4) == 0 ? name + 4 : name;
}

static err plan_app(struct plan_builder *b, struct lane_plan *header, const char *app_path,
                    struct launch_why *why)
{
    char real[PATH_MAX], target[300];
    if (!realpath(app_path, real)) {
        launch_why_set(why, "cannot find application %s: %s", app_path, strerror(errno));
        return ERR_IO;
    }
    snprintf(target, sizeof target, "/app/%.200s", app_name(app_path));
    plan_mount(b, header, "f", real, target);
    return ERR_OK;
}

static void plan_arguments(struct plan_builder *b, struct lane_plan *header,
                           const struct launch_request *r)
{
    char program[300];
    if (!r->arguments || !r->arguments[0]) {
        snprintf(program, sizeof program, "/app/%.200s", app_name(r->app_path));
        plan_text(b, program);
        header->argument_count = 1;
        return;
    }
    for (size_t i = 0; r->arguments[i] && i <= LANE_TEXTS_MAX; i++, header->argument_count++)
        plan_text(b, r->arguments[i]);
}

static void plan_environment(struct plan_builder *b, struct lane_plan *header,
                             const struct launch_request *r)
{
    static const char *const defaults[] = {"PATH=/usr/local/bin:/usr/bin:/bin:/app", "HOME=/tmp",
                                           "ORB_CKPT_DIR=/work/checkpoint"};
    const char *const *given = r->environment;
    for (size_t i = 0; given && given[i] && i <= LANE_TEXTS_MAX; i++, header->environment_count++)
        plan_text(b, given[i]);
    for (size_t d = 0; d < COUNT_OF(defaults); d++) {
        size_t name = (size_t)(strchr(defaults[d], '=') - defaults[d]) + 1;
        bool set = false;
        for (size_t i = 0; given && given[i]; i++)
            set |= strncmp(given[i], defaults[d], name) == 0;
        if (!set) {
            plan_text(b, defaults[d]);
            header->environment_count++;
        }
    }
}

err launch_plan_build(struct plan_builder *b, const struct launch_request *r,
                      struct lane_plan *header, const struct sock_filter *bpf,
                      const char *stage_dir, struct launch_why *why)
{
    char work[PATH_MAX] = "";
    *b = (struct plan_builder){.bytes = malloc(LANE_PLAN_BYTES_MAX), .size = sizeof *header};
    if (!b->bytes)
        return ERR_NO_MEMORY;
    if (r->work_dir_host && !realpath(r->work_dir_host, work)) {
        launch_why_set(why, "cannot find work directory %s: %s", r->work_dir_host, strerror(errno));
        return ERR_IO;
    }
    plan_bytes(b, bpf, header->bpf_count * sizeof *bpf);
    plan_text(b, stage_dir);
    plan_text(b, work);
    plan_text(b, r->working_dir ? r->working_dir : "/work");
    plan_arguments(b, header, r);
    plan_environment(b, header, r);
    TRY(r->root_dir ? plan_root(b, header, r->root_dir, why)
                    : plan_app(b, header, r->app_path, why));
    if (b->failed || header->argument_count + header->environment_count > LANE_TEXTS_MAX) {
        launch_why_set(
            why, "arguments, environment or root entries exceed %d texts, %d entries or %d bytes",
            LANE_TEXTS_MAX, LANE_MOUNTS_MAX, LANE_PLAN_BYTES_MAX);
        return ERR_TOO_LARGE;
    }
    header->magic = LANE_PLAN_MAGIC;
    header->size_bytes = (uint32_t)b->size;
    memcpy(b->bytes, header, sizeof *header);
    return ERR_OK;
}
