#include "host/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/launcher_cgroup.h"
#include "host/launcher_request.h"
#include "host/launcher_seccomp.h"

enum {
    FILTER_MAX = 4096,
    CHILD_STACK_BYTES = 64 * 1024,
    OPEN_FILES = 1024,
    STALE_MAX = LAUNCH_LANES_MAX,
    /* User ids that Debian and systemd leave free (above the container range, below 2^31). */
    USER_ID_FIRST = 1900000000,
    USER_IDS = 100000,
};

struct lane {
    bool used, killed;
    pid_t pid;
    int pidfd, report_fd;
    uint64_t serial;
    char limits_enforced[LAUNCH_LIMITS_TEXT];
};

struct launcher {
    char state_dir[PATH_MAX], stage_dir[PATH_MAX + 8];
    int init_fd;
    bool privileged;
    uint32_t landlock_abi;
    uint64_t serial;
    struct cgroups cgroups;
    struct launch_why why;
    uint32_t filter_count;
    struct sock_filter filter[FILTER_MAX];
    struct lane lanes[LAUNCH_LANES_MAX];
    uint64_t stale[STALE_MAX]; /* serials of groups that the kernel did not yet let go */
    size_t stale_count;
};

const char *launcher_why(const struct launcher *l)
{
    return l->why.text;
}

/* ---- opening ---- */

static int open_init(const char *init_path)
{
    char self[512], path[540];
    if (init_path)
        return open(init_path, O_RDONLY | O_CLOEXEC);
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0 || (size_t)size >= sizeof self - 1)
        return -1;
    self[size] = 0;
    char *slash = strrchr(self, '/');
    if (!slash)
        return -1;
    *slash = 0;
    snprintf(path, sizeof path, "%s/app-lane-init", self);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static uint32_t landlock_version(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi > 0 ? (uint32_t)abi : 0;
}

static bool instance_valid(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t size = strlen(text);
    return size > 0 && size < 48 && strspn(text, allowed) == size;
}

err launcher_open(struct launcher **out, const char *state_dir, const char *init_path,
                  const char *instance)
{
    struct launcher *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NO_MEMORY;
    err result = ERR_INVALID;
    l->init_fd = -1;
    char real[PATH_MAX];
    if (!instance_valid(instance) || !realpath(state_dir, real))
        goto failed;
    snprintf(l->state_dir, sizeof l->state_dir, "%s", real);
    result = ERR_IO;
    snprintf(l->stage_dir, sizeof l->stage_dir, "%s/stage", l->state_dir);
    if (mkdir(l->stage_dir, 0700) < 0 && errno != EEXIST)
        goto failed;
    result = ERR_NOT_FOUND;
    if ((l->init_fd = open_init(init_path)) < 0)
        goto failed;
    if ((result = launcher_seccomp_build(l->filter, FILTER_MAX, &l->filter_count)) != ERR_OK)
        goto failed;
    l->privileged = geteuid() == 0;
    l->landlock_abi = landlock_version();
    cgroups_open(&l->cgroups, instance);
    cgroups_clean(&l->cgroups);
    *out = l;
    return ERR_OK;
failed:
    if (l->init_fd >= 0)
        close(l->init_fd);
    free(l);
    return result;
}

static void stale_retry(struct launcher *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->stale_count; i++)
        if (!cgroups_remove(&l->cgroups, l->stale[i]))
            l->stale[kept++] = l->stale[i];
    l->stale_count = kept;
}

static void groups_release(struct launcher *l, uint64_t serial)
{
    stale_retry(l);
    if (!cgroups_remove(&l->cgroups, serial) && l->stale_count < STALE_MAX)
        l->stale[l->stale_count++] = serial;
}

void launcher_close(struct launcher *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < LAUNCH_LANES_MAX; i++) {
        struct launch_usage usage;
        if (!l->lanes[i].used)
            continue;
        pid_t pid = l->lanes[i].pid;
        if (launcher_signal(l, pid, SIGKILL) != ERR_OK ||
            launcher_wait(l, pid, 10000, &usage) != ERR_OK)
            continue; /* its groups are found and removed at the next start */
    }
    stale_retry(l);
    close(l->init_fd);
    rmdir(l->stage_dir);
    free(l);
}

/* ---- starting ---- */

struct child {
    int init_fd;
    int fds[5]; /* plan, go, report, stdout, stderr */
    char texts[5][12];
    char *argv[7];
    bool map_ids;
    char uid_map[32], gid_map[32];
};

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t ignored = write(fd, text, strlen(text));
        (void)ignored;
        close(fd);
    }
}

/* Runs on its own stack in the host's memory (as after vfork): only plain system calls until exec.
 */
__attribute__((no_sanitize("address", "undefined"))) static int child_main(void *argument)
{
    struct child *child = argument;
    char *environment[] = {NULL};
    if (child->map_ids) { /* before exec: an unmapped user would lose its capabilities there */
        put_file("/proc/self/setgroups", "deny");
        put_file("/proc/self/uid_map", child->uid_map);
        put_file("/proc/self/gid_map", child->gid_map);
    }
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    for (int i = 0; i < 5; i++)
        fcntl(child->fds[i], F_SETFD, 0);
    syscall(SYS_execveat, child->init_fd, "", child->argv, environment, AT_EMPTY_PATH);
    _exit(127);
}

static void child_prepare(struct child *child, const struct launcher *l)
{
    static char name[] = "lane-init";
    child->init_fd = l->init_fd;
    child->argv[0] = name;
    for (int i = 0; i < 5; i++) {
        snprintf(child->texts[i], sizeof child->texts[i], "%d", child->fds[i]);
        child->argv[i + 1] = child->texts[i];
    }
    child->argv[6] = NULL;
    child->map_ids = !l->privileged;
    snprintf(child->uid_map, sizeof child->uid_map, "0 %u 1", (unsigned)geteuid());
    snprintf(child->gid_map, sizeof child->gid_map, "0 %u 1", (unsigned)getegid());
}

static pid_t child_clone(struct child *child, int *pidfd)
{
    int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |
                CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD | (child->map_ids ? CLONE_NEWUSER : 0);
    char *stack = mmap(NULL, CHILD_STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -1;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of the host may run in the child */
    pid_t pid = clone(child_main, stack + CHILD_STACK_BYTES, flags, child, pidfd);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(stack, CHILD_STACK_BYTES);
    errno = saved;
    return pid;
}

static int output_file(const char *path)
{
    return path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)
                : open("/dev/null", O_WRONLY | O_CLOEXEC);
}

struct start {
    const struct launch_request *request;
    struct launch_limits limits;
    struct lane_plan header;
    struct plan_builder plan;
    struct child child;
    int go_write, report_read;
};

static void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static err start_files(struct launcher *l, struct start *s)
{
    int go[2], report[2];
    if (s->request->stdout_path)
        unlink(s->request->stdout_path);
    if (s->request->stderr_path)
        unlink(s->request->stderr_path);
    s->child.fds[3] = output_file(s->request->stdout_path);
    s->child.fds[4] = output_file(s->request->stderr_path);
    if (s->child.fds[3] < 0 || s->child.fds[4] < 0) {
        launch_why_set(&l->why, "cannot make output file %s: %s",
                       s->child.fds[3] < 0 ? s->request->stdout_path : s->request->stderr_path,
                       strerror(errno));
        return ERR_IO;
    }
    if (pipe2(go, O_CLOEXEC) == 0) {
        s->child.fds[1] = go[0];
        s->go_write = go[1];
    }
    if (pipe2(report, O_CLOEXEC) == 0) {
        s->report_read = report[0];
        s->child.fds[2] = report[1];
    }
    s->child.fds[0] = memfd_create("lane-plan", MFD_CLOEXEC);
    if (s->go_write < 0 || s->report_read < 0 || s->child.fds[0] < 0 ||
        fcntl(s->report_read, F_SETFL, O_NONBLOCK) < 0) {
        launch_why_set(&l->why, "cannot make pipes: %s", strerror(errno));
        return ERR_IO;
    }
    return ERR_OK;
}

static void header_fill(const struct launcher *l, struct start *s)
{
    uint32_t user = USER_ID_FIRST + (uint32_t)(l->serial % USER_IDS);
    s->header = (struct lane_plan){
        .bpf_count = l->filter_count,
        .user_namespace = !l->privileged,
        .user_id = user,
        .group_id = user,
        .landlock_abi = l->landlock_abi,
        .tmp_bytes = s->limits.tmp_bytes,
        .file_bytes = s->request->file_limit_bytes,
        .processes = s->limits.pids_max + 1, /* and the guardian */
        .open_files = OPEN_FILES,
        .wall_limit_ms = s->request->wall_limit_ms,
        .grace_ms = s->limits.grace_ms,
        .output_limit_bytes = s->limits.output_limit_bytes,
    };
}

static const char *held_by(const struct launcher *l, unsigned enforced, int controller,
                           const char *otherwise)
{
    if (!(enforced & 1u << controller))
        return otherwise;
    return l->cgroups.places[controller].version == 1 ? "cgroup v1" : "cgroup v2";
}

/* Chooses what replaces missing cgroups, and puts the truth about all limits into words. */
static void limits_settle(const struct launcher *l, struct start *s, unsigned enforced,
                          char text[LAUNCH_LIMITS_TEXT])
{
    const struct launch_request *r = s->request;
    char cpu[96] = "not limited", landlock[32] = "no Landlock";
    if (!(enforced & 1u << CGROUP_MEMORY))
        s->header.address_space_bytes = s->limits.memory_bytes;
    if (r->cpu_millis && enforced & 1u << CGROUP_CPU)
        snprintf(cpu, sizeof cpu, "%u/1000 core by %s", r->cpu_millis,
                 held_by(l, enforced, CGROUP_CPU, ""));
    else if (r->cpu_millis && r->wall_limit_ms) {
        s->header.cpu_seconds = MAX(r->wall_limit_ms * r->cpu_millis / 1000000, 1u);
        snprintf(cpu, sizeof cpu, "%llu s for each process by rlimit, the share is not limited",
                 (unsigned long long)s->header.cpu_seconds);
    } else if (r->cpu_millis)
        snprintf(cpu, sizeof cpu, "NOT limited (no cpu cgroup)");
    if (l->landlock_abi)
        snprintf(landlock, sizeof landlock, "Landlock ABI %u", l->landlock_abi);
    snprintf(text, LAUNCH_LIMITS_TEXT,
             "memory %llu bytes by %s; pids %u by %s; cpu %s; wall %llu ms%s; output %llu bytes; "
             "no network; "
             "read-only root; seccomp allow-list; %s; %s; total size of /work not limited",
             (unsigned long long)s->limits.memory_bytes,
             held_by(l, enforced, CGROUP_MEMORY, "rlimit (address space of each process)"),
             s->limits.pids_max,
             held_by(l, enforced, CGROUP_PIDS, "rlimit (processes of its user)"), cpu,
             (unsigned long long)r->wall_limit_ms, r->wall_limit_ms ? "" : " (none)",
             (unsigned long long)s->limits.output_limit_bytes, landlock,
             l->privileged ? "own user id" : "user namespace");
}

static err plan_send(struct launcher *l, struct start *s)
{
    memcpy(s->plan.bytes, &s->header, sizeof s->header);
    if (pwrite(s->child.fds[0], s->plan.bytes, s->plan.size, 0) == (ssize_t)s->plan.size &&
        write(s->go_write, "g", 1) == 1)
        return ERR_OK;
    launch_why_set(&l->why, "cannot hand the plan to lane-init: %s", strerror(errno));
    return ERR_IO;
}

static err start_child(struct launcher *l, struct start *s, struct lane *lane)
{
    lane->pidfd = -1;
    child_prepare(&s->child, l);
    lane->pid = child_clone(&s->child, &lane->pidfd);
    if (lane->pid < 0) {
        launch_why_set(&l->why, "cannot make namespaces: %s%s", strerror(errno),
                       l->privileged ? "" : " (are unprivileged user namespaces allowed?)");
        return errno == EPERM || errno == ENOSPC || errno == EUSERS ? ERR_DENIED : ERR_IO;
    }
    struct cgroup_limits limits = {s->limits.memory_bytes, s->request->cpu_millis,
                                   s->limits.pids_max + 1};
    unsigned enforced = cgroups_enter(&l->cgroups, lane->serial, &limits, lane->pid);
    limits_settle(l, s, enforced, lane->limits_enforced);
    err result = plan_send(l, s);
    if (result != ERR_OK) { /* the closed go pipe ends the child */
        fd_close(&s->go_write);
        kill(lane->pid, SIGKILL);
        waitpid(lane->pid, NULL, 0);
        fd_close(&lane->pidfd);
        groups_release(l, lane->serial);
    }
    return result;
}

static struct lane *lane_free(struct launcher *l)
{
    for (size_t i = 0; i < LAUNCH_LANES_MAX; i++)
        if (!l->lanes[i].used)
            return &l->lanes[i];
    launch_why_set(&l->why, "all %d lanes are in use", LAUNCH_LANES_MAX);
    return NULL;
}

static err start_steps(struct launcher *l, struct start *s, struct lane *lane)
{
    TRY(launch_request_check(s->request, &s->limits, &l->why));
    header_fill(l, s);
    if (s->request->work_dir_host)
        TRY(launch_work_prepare(s->request->work_dir_host, s->header.user_id, s->header.group_id,
                                &l->why));
    TRY(launch_plan_build(&s->plan, s->request, &s->header, l->filter, l->stage_dir, &l->why));
    TRY(start_files(l, s));
    return start_child(l, s, lane);
}

err launcher_start(struct launcher *l, const struct launch_request *request,
                   struct launch_handle *handle)
{
    struct start s = {
        .request = request, .go_write = -1, .report_read = -1, .child.fds = {-1, -1, -1, -1, -1}};
    struct lane *lane = lane_free(l);
    if (!lane)
        return ERR_FULL;
    *lane = (struct lane){.serial = ++l->serial, .pidfd = -1, .report_fd = -1};
    err result = start_steps(l, &s, lane);
    for (int i = 0; i < 5; i++)
        fd_close(&s.child.fds[i]);
    fd_close(&s.go_write);
    free(s.plan.bytes);
    if (result != ERR_OK) {
        fd_close(&s.report_read);
        return result;
    }
    lane->used = true;
    lane->report_fd = s.report_read;
    *handle = (struct launch_handle){.pid = lane->pid, .pidfd = lane->pidfd};
    memcpy(handle->limits_enforced, lane->limits_enforced, sizeof handle->limits_enforced);
    return ERR_OK;
}

/* ---- running and ending ---- */

static struct lane *lane_of(struct launcher *l, pid_t pid)
{
    for (size_t i = 0; i < LAUNCH_LANES_MAX; i++)
        if (l->lanes[i].used && l->lanes[i].pid == pid)
            return &l->lanes[i];
    launch_why_set(&l->why, "process %d is not a sandbox of this launcher", (int)pid);
    return NULL;
}

err launcher_signal(struct launcher *l, pid_t pid, int signal_number)
{
    struct lane *lane = lane_of(l, pid);
    if (!lane)
        return ERR_NOT_FOUND;
    /* Our child stays a zombie until we reap it, so the pid cannot belong to somebody else. */
    if (kill(pid, signal_number) < 0) {
        launch_why_set(&l->why, "cannot signal %d: %s", (int)pid, strerror(errno));
        return ERR_IO;
    }
    lane->killed |= signal_number == SIGKILL;
    return ERR_OK;
}

static void usage_status(struct launch_usage *usage, int status)
{
    usage->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    usage->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    usage->checkpointed = usage->exit_code == LAUNCH_EXIT_CHECKPOINTED;
}

/* What the guardian said; a workload that could not be executed speaks before it. */
static void usage_report(const struct lane *lane, int guardian_status, struct launch_usage *usage)
{
    struct lane_report report;
    if (read(lane->report_fd, &report, sizeof report) != (ssize_t)sizeof report ||
        report.magic != LANE_REPORT_MAGIC) {
        usage_status(usage, guardian_status);
        if (!lane->killed)
            snprintf(usage->failure, sizeof usage->failure,
                     "the sandbox's guardian died without a report");
        return;
    }
    if (report.failed_errno) {
        report.stage[sizeof report.stage - 1] = 0;
        snprintf(usage->failure, sizeof usage->failure, "%s: %s", report.stage,
                 strerror(report.failed_errno));
        usage->exit_code = 127;
        return;
    }
    usage_status(usage, report.wait_status);
    usage->timed_out = report.flags & LANE_TIMED_OUT;
    usage->output_truncated = report.flags & LANE_OUTPUT_TRUNCATED;
    usage->killed |= (report.flags & LANE_KILLED_AFTER_GRACE) != 0;
    usage->cpu_user_us = report.cpu_user_us;
    usage->cpu_system_us = report.cpu_system_us;
    usage->memory_peak_bytes = report.resident_peak_bytes;
    usage->wall_ms = report.wall_ms;
    usage->output_bytes = report.output_bytes;
}

static void usage_groups(const struct launcher *l, const struct lane *lane,
                         struct launch_usage *usage)
{
    struct cgroup_usage groups;
    cgroups_usage(&l->cgroups, lane->serial, &groups);
    usage->oom_killed = groups.oom_killed;
    if (groups.memory_peak_bytes)
        usage->memory_peak_bytes = groups.memory_peak_bytes;
    if (groups.cpu_known) {
        usage->cpu_user_us = groups.cpu_user_us;
        usage->cpu_system_us = groups.cpu_system_us;
    }
}

err launcher_reap(struct launcher *l, pid_t pid, struct launch_usage *usage)
{
    struct lane *lane = lane_of(l, pid);
    if (!lane)
        return ERR_NOT_FOUND;
    int status = 0;
    pid_t gone = waitpid(pid, &status, WNOHANG);
    if (gone == 0)
        return ERR_BUSY;
    *usage = (struct launch_usage){.exit_code = -1, .killed = lane->killed};
    usage_report(lane, status, usage);
    usage_groups(l, lane, usage);
    memcpy(usage->limits_enforced, lane->limits_enforced, sizeof usage->limits_enforced);
    groups_release(l, lane->serial);
    fd_close(&lane->report_fd);
    fd_close(&lane->pidfd);
    lane->used = false;
    return ERR_OK;
}

err launcher_wait(struct launcher *l, pid_t pid, uint64_t timeout_ms, struct launch_usage *usage)
{
    struct lane *lane = lane_of(l, pid);
    if (!lane)
        return ERR_NOT_FOUND;
    struct pollfd ready = {.fd = lane->pidfd, .events = POLLIN};
    for (uint64_t step_ms; lane->pidfd >= 0 && timeout_ms > 0; timeout_ms -= step_ms) {
        step_ms = MIN(timeout_ms, 1000u);
        if (poll(&ready, 1, (int)step_ms) > 0)
            break;
    }
    err result = launcher_reap(l, pid, usage);
    return result == ERR_BUSY ? ERR_TIMEOUT : result;
}

err launcher_output_open(const char *work_dir, const char *path, int *fd)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    struct stat st;
    int directory = open(work_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return ERR_NOT_FOUND;
    int opened = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
    err result = opened >= 0 ? ERR_OK : errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED;
    close(directory);
    if (result == ERR_OK && (fstat(opened, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(opened);
        result = ERR_DENIED;
    }
    if (result == ERR_OK)
        *fd = opened;
    return result;
}
