#include "host/launcher_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { CPU_PERIOD_US = 100000, TEXT_MAX = 65536 };

static const char *const controller_names[CGROUP_CONTROLLERS] = {"memory", "pids", "cpu",
                                                                 "cpuacct"};

/* ---- small files ---- */

static bool file_read(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t at = 0;
    ssize_t got;
    while (at < size - 1 && (got = read(fd, out + at, size - 1 - at)) > 0)
        at += (size_t)got;
    out[at] = 0;
    close(fd);
    return true;
}

static bool file_write(const char *directory, const char *name, const char *value)
{
    char path[CGROUP_PATH_MAX + 320];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    close(fd);
    return done;
}

static bool file_write_number(const char *directory, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return file_write(directory, name, text);
}

/* Is `word` one of the words of `list`, separated by any of `separators`? */
static bool has_word(const char *list, const char *word, const char *separators)
{
    size_t size = strlen(word);
    for (const char *at = list; *at;) {
        size_t run = strcspn(at, separators);
        if (run == size && memcmp(at, word, size) == 0)
            return true;
        at += run;
        at += strspn(at, separators);
    }
    return false;
}

/* The number behind `key ` at the start of a line; 0 if absent. */
static uint64_t keyed_number(const char *text, const char *key)
{
    size_t size = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, size) == 0 && line[size] == ' ')
            return strtoull(line + size + 1, NULL, 10);
    return 0;
}

/* ---- where the hierarchies are ---- */

/* The path of this process in the hierarchy whose controller list has `controller` (NULL: unified).
 */
static bool self_path(const char *self, const char *controller, char *out, size_t size)
{
    char copy[TEXT_MAX], *save = NULL;
    snprintf(copy, sizeof copy, "%s", self);
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        list++;
        if (controller ? has_word(list, controller, ",") : *list == 0) {
            snprintf(out, size, "%s", path);
            return true;
        }
    }
    return false;
}

struct mount_line {
    char root[CGROUP_PATH_MAX], point[CGROUP_PATH_MAX], type[32], options[256];
};

/* proc(5): "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static bool mount_line_parse(const char *line, struct mount_line *m)
{
    const char *tail = strstr(line, " - ");
    return tail && sscanf(line, "%*s %*s %*s %511s %511s", m->root, m->point) == 2 &&
           sscanf(tail, " - %31s %*s %255s", m->type, m->options) == 2;
}

/* Joins a mount point and the process's path, seen from the mount's root. */
static void place_set(struct cgroup_place *place, int version, const struct mount_line *m,
                      const char *path)
{
    size_t root = strlen(m->root);
    if (strcmp(m->root, "/") != 0 && strncmp(path, m->root, root) == 0)
        path += root;
    place->version = version;
    snprintf(place->base, sizeof place->base, "%.300s%.200s", m->point,
             strcmp(path, "/") == 0 ? "" : path);
}

static bool v2_offers(const char *directory, const char *controller)
{
    char path[CGROUP_PATH_MAX + 32], list[512];
    snprintf(path, sizeof path, "%s/cgroup.controllers", directory);
    return file_read(path, list, sizeof list) && has_word(list, controller, " \n");
}

/* Climbs from the process's own group to the first one that can pass `controller` on to children.
 */
static void v2_place(struct cgroup_place *place, const struct mount_line *m, const char *path,
                     const char *controller)
{
    struct cgroup_place here;
    char command[32];
    place_set(&here, 2, m, path);
    snprintf(command, sizeof command, "+%s", controller);
    for (;;) {
        if (v2_offers(here.base, controller) &&
            file_write(here.base, "cgroup.subtree_control", command)) {
            *place = here;
            return;
        }
        char *slash = strrchr(here.base, '/');
        if (!slash || strlen(here.base) <= strlen(m->point))
            return;
        *slash = 0;
    }
}

static void find_in_line(struct cgroups *c, const struct mount_line *m, const char *self)
{
    char path[CGROUP_PATH_MAX];
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        struct cgroup_place *place = &c->places[i];
        if (strcmp(m->type, "cgroup") == 0 && has_word(m->options, controller_names[i], ",") &&
            self_path(self, controller_names[i], path, sizeof path))
            place_set(place, 1, m, path);
        else if (strcmp(m->type, "cgroup2") == 0 && place->version == 0 && i != CGROUP_CPUACCT &&
                 self_path(self, NULL, path, sizeof path))
            v2_place(place, m, path, controller_names[i]);
    }
}

/* A process is in one group of the unified hierarchy only: controllers found elsewhere in it do not
 * count. */
static void v2_one_base(struct cgroups *c)
{
    const char *base = NULL;
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        struct cgroup_place *place = &c->places[i];
        if (place->version == 2 && !base)
            base = place->base;
        else if (place->version == 2 && strcmp(place->base, base) != 0)
            place->version = 0;
    }
}

void cgroups_find(struct cgroups *c, const char *instance, const char *mountinfo, const char *self)
{
    *c = (struct cgroups){0};
    snprintf(c->instance, sizeof c->instance, "%s", instance);
    for (const char *line = mountinfo; line && *line;) {
        struct mount_line m;
        const char *end = strchr(line, '\n');
        char copy[2048];
        snprintf(copy, sizeof copy, "%.*s", end ? (int)MIN(end - line, 2000) : 2000, line);
        if (mount_line_parse(copy, &m))
            find_in_line(c, &m, self);
        line = end ? end + 1 : NULL;
    }
    v2_one_base(c);
}

void cgroups_open(struct cgroups *c, const char *instance)
{
    char *mountinfo = calloc(2, TEXT_MAX);
    ASSERT(mountinfo);
    char *self = mountinfo + TEXT_MAX;
    if (!file_read("/proc/self/mountinfo", mountinfo, TEXT_MAX) ||
        !file_read("/proc/self/cgroup", self, TEXT_MAX))
        mountinfo[0] = 0;
    cgroups_find(c, instance, mountinfo, self);
    free(mountinfo);
}

/* ---- groups of one sandbox ---- */

static void group_path(const struct cgroups *c, int controller, uint64_t serial,
                       char out[CGROUP_PATH_MAX + 128])
{
    snprintf(out, CGROUP_PATH_MAX + 128, "%s/noct-lane.%s.%llu", c->places[controller].base,
             c->instance, (unsigned long long)serial);
}

static bool limit_memory(const char *group, int version, uint64_t bytes)
{
    if (version == 1) {
        bool held = file_write_number(group, "memory.limit_in_bytes", bytes);
        file_write_number(group, "memory.memsw.limit_in_bytes",
                          bytes); /* absent without swap accounting */
        return held;
    }
    bool held = file_write_number(group, "memory.max", bytes);
    file_write(group, "memory.swap.max", "0");
    file_write(group, "memory.oom.group", "0");
    return held;
}

static bool limit_cpu(const char *group, int version, uint32_t millis)
{
    char text[48];
    uint64_t quota_us = MAX((uint64_t)millis * CPU_PERIOD_US / 1000, 1000u);
    if (millis == 0)
        return false;
    if (version == 1)
        return file_write_number(group, "cpu.cfs_period_us", CPU_PERIOD_US) &&
               file_write_number(group, "cpu.cfs_quota_us", quota_us);
    snprintf(text, sizeof text, "%llu %d", (unsigned long long)quota_us, (int)CPU_PERIOD_US);
    return file_write(group, "cpu.max", text);
}

static bool limit_set(const char *group, int controller, int version,
                      const struct cgroup_limits *limits)
{
    switch ((enum cgroup_controller)controller) {
    case CGROUP_MEMORY:
        return limit_memory(group, version, limits->memory_bytes);
    case CGROUP_PIDS:
        return file_write_number(group, "pids.max", limits->processes_max);
    case CGROUP_CPU:
        return limit_cpu(group, version, limits->cpu_millis);
    case CGROUP_CPUACCT:
        return true;
    case CGROUP_CONTROLLERS:
        break;
    }
    return false;
}

unsigned cgroups_enter(const struct cgroups *c, uint64_t serial, const struct cgroup_limits *limits,
                       pid_t pid)
{
    unsigned enforced = 0;
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        char group[CGROUP_PATH_MAX + 128];
        if (c->places[i].version == 0)
            continue;
        group_path(c, i, serial, group);
        if (mkdir(group, 0755) < 0 && errno != EEXIST)
            continue;
        if (limit_set(group, i, c->places[i].version, limits) &&
            file_write_number(group, "cgroup.procs", (uint64_t)pid))
            enforced |= 1u << i;
    }
    return enforced;
}

static void usage_memory(const char *group, int version, struct cgroup_usage *usage)
{
    char path[CGROUP_PATH_MAX + 192], text[1024];
    snprintf(path, sizeof path, "%s/%s", group,
             version == 1 ? "memory.oom_control" : "memory.events");
    if (file_read(path, text, sizeof text))
        usage->oom_killed = keyed_number(text, "oom_kill") > 0;
    snprintf(path, sizeof path, "%s/%s", group,
             version == 1 ? "memory.max_usage_in_bytes" : "memory.peak");
    if (file_read(path, text, sizeof text))
        usage->memory_peak_bytes = strtoull(text, NULL, 10);
}

static void usage_cpu_v1(const char *group, struct cgroup_usage *usage)
{
    char path[CGROUP_PATH_MAX + 192], user[64], all[64];
    snprintf(path, sizeof path, "%s/cpuacct.usage_user", group);
    bool known = file_read(path, user, sizeof user);
    snprintf(path, sizeof path, "%s/cpuacct.usage", group);
    if (!known || !file_read(path, all, sizeof all))
        return;
    uint64_t total_us = strtoull(all, NULL, 10) / 1000, user_us = strtoull(user, NULL, 10) / 1000;
    usage->cpu_known = true;
    usage->cpu_user_us = MIN(user_us, total_us);
    usage->cpu_system_us = total_us - usage->cpu_user_us;
}

static void usage_cpu_v2(const char *group, struct cgroup_usage *usage)
{
    char path[CGROUP_PATH_MAX + 192], text[2048];
    snprintf(path, sizeof path, "%s/cpu.stat", group);
    if (!file_read(path, text, sizeof text))
        return;
    usage->cpu_known = true;
    usage->cpu_user_us = keyed_number(text, "user_usec");
    usage->cpu_system_us = keyed_number(text, "system_usec");
}

void cgroups_usage(const struct cgroups *c, uint64_t serial, struct cgroup_usage *usage)
{
    char group[CGROUP_PATH_MAX + 128];
    *usage = (struct cgroup_usage){0};
    if (c->places[CGROUP_MEMORY].version) {
        group_path(c, CGROUP_MEMORY, serial, group);
        usage_memory(group, c->places[CGROUP_MEMORY].version, usage);
    }
    if (c->places[CGROUP_CPUACCT].version == 1) {
        group_path(c, CGROUP_CPUACCT, serial, group);
        usage_cpu_v1(group, usage);
    } else if (c->places[CGROUP_CPU].version == 2) {
        group_path(c, CGROUP_CPU, serial, group);
        usage_cpu_v2(group, usage);
    }
}

bool cgroups_remove(const struct cgroups *c, uint64_t serial)
{
    bool gone = true;
    for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
        char group[CGROUP_PATH_MAX + 128];
        if (c->places[i].version == 0)
            continue;
        group_path(c, i, serial, group);
        if (rmdir(group) < 0 && errno != ENOENT)
            gone = false;
    }
    return gone;
}

/* ---- groups of an earlier life ---- */

static void group_kill(const char *group)
{
    char path[CGROUP_PATH_MAX + 320], text[TEXT_MAX / 8], *save = NULL;
    snprintf(path, sizeof path, "%s/cgroup.procs", group);
    if (!file_read(path, text, sizeof text))
        return;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        uint64_t pid;
        if (parse_u64(span_text(line), 1u << 30, &pid) == ERR_OK && pid > 1)
            kill((pid_t)pid, SIGKILL);
    }
}

static unsigned clean_place(const struct cgroup_place *place, const char *prefix)
{
    unsigned removed = 0;
    DIR *directory = opendir(place->base);
    if (!directory)
        return 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char group[CGROUP_PATH_MAX + 260];
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        snprintf(group, sizeof group, "%s/%s", place->base, entry->d_name);
        for (int attempt = 0; attempt < 50 && rmdir(group) < 0 && errno == EBUSY; attempt++) {
            group_kill(group);
            usleep(2000);
        }
        if (access(group, F_OK) < 0)
            removed++;
    }
    closedir(directory);
    return removed;
}

unsigned cgroups_clean(const struct cgroups *c)
{
    unsigned removed = 0;
    char prefix[96];
    snprintf(prefix, sizeof prefix, "noct-lane.%s.", c->instance);
    for (int i = 0; i < CGROUP_CONTROLLERS; i++)
        if (c->places[i].version)
            removed += clean_place(&c->places[i], prefix);
    return removed;
}
