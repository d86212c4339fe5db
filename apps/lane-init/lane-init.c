/*
 * lane-init - the first process of a sandbox: builds the root, drops every right, runs and watches
 * one workload.
 *
 * Story:    executed by host/launcher inside fresh pid, mount, net, ipc and uts namespaces; not for
 * use by hand. It waits for the go byte (the cgroups stand), builds a read-only root on a tmpfs,
 * pivots into it, gives up its user id and capabilities for good, starts the workload under
 * rlimits, Landlock and seccomp, copies its output up to the limit, enforces the wall limit,
 * forwards SIGTERM and SIGUSR1, reaps everybody, and writes one report. It is pid 1: when it dies,
 * the kernel kills everything inside. Usage:    lane-init PLAN_FD GO_FD REPORT_FD STDOUT_FD
 * STDERR_FD
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../src/host/launcher_plan.h"

static struct lane_plan plan;
static uint8_t *plan_bytes;
static struct sock_filter *filter;
static char *stage_dir, *work_host, *working_dir;
static char *arguments[LANE_TEXTS_MAX + 1], *environment[LANE_TEXTS_MAX + 1];
static struct {
    char *kind, *source, *target;
} mounts[LANE_MOUNTS_MAX];
static int report_fd = -1;

static void report_send(struct lane_report *report)
{
    report->magic = LANE_REPORT_MAGIC;
    ssize_t sent = write(report_fd, report, sizeof *report);
    _exit(sent == (ssize_t)sizeof *report ? 0 : 1);
}

static _Noreturn void fail(const char *stage, const char *detail)
{
    struct lane_report report = {.failed_errno = errno ? errno : EINVAL};
    snprintf(report.stage, sizeof report.stage, "%s%s%s", stage, *detail ? " " : "", detail);
    report_send(&report);
    _exit(1);
}

static void must(long result, const char *stage, const char *detail)
{
    if (result < 0)
        fail(stage, detail);
}

static uint64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- plan ---- */

static char *next_text(size_t *at)
{
    char *text = (char *)plan_bytes + *at;
    size_t left = plan.size_bytes - *at, size = strnlen(text, left);
    if (size == left) {
        errno = EINVAL;
        fail("read the plan", "text without end");
    }
    *at += size + 1;
    return text;
}

static void plan_read(int fd)
{
    struct stat st;
    must(fstat(fd, &st), "read the plan", "");
    must(pread(fd, &plan, sizeof plan, 0) == (ssize_t)sizeof plan ? 0 : -1, "read the plan", "");
    uint64_t texts = (uint64_t)plan.argument_count + plan.environment_count;
    uint64_t fixed = sizeof plan + (uint64_t)plan.bpf_count * sizeof(struct sock_filter);
    errno = EINVAL;
    if (plan.magic != LANE_PLAN_MAGIC || plan.size_bytes != (uint64_t)st.st_size ||
        plan.size_bytes > LANE_PLAN_BYTES_MAX || plan.bpf_count > BPF_MAXINSNS ||
        texts > LANE_TEXTS_MAX || plan.argument_count == 0 || plan.mount_count > LANE_MOUNTS_MAX ||
        fixed > plan.size_bytes)
        fail("read the plan", "bad header");
    plan_bytes = malloc(plan.size_bytes);
    must(plan_bytes ? 0 : -1, "read the plan", "");
    must(pread(fd, plan_bytes, plan.size_bytes, 0) == (ssize_t)plan.size_bytes ? 0 : -1,
         "read the plan", "");
    filter = (struct sock_filter *)(void *)(plan_bytes + sizeof plan);
    size_t at = (size_t)fixed;
    stage_dir = next_text(&at);
    work_host = next_text(&at);
    working_dir = next_text(&at);
    for (uint32_t i = 0; i < plan.argument_count; i++)
        arguments[i] = next_text(&at);
    for (uint32_t i = 0; i < plan.environment_count; i++)
        environment[i] = next_text(&at);
    for (uint32_t i = 0; i < plan.mount_count; i++) {
        mounts[i].kind = next_text(&at);
        mounts[i].source = next_text(&at);
        mounts[i].target = next_text(&at);
    }
}

/* ---- root ---- */

static void mount_attributes(const char *target, uint64_t set)
{
    struct mount_attr attributes = {.attr_set = set};
    must(mount_setattr(AT_FDCWD, target, AT_RECURSIVE, &attributes, sizeof attributes), "restrict",
         target);
}

static void bind(const char *source, const char *target, uint64_t set)
{
    must(mount(source, target, NULL, MS_BIND | MS_REC, NULL), "bind", source);
    mount_attributes(target, set);
}

static void touch(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    must(fd, "create", path);
    close(fd);
}

static void directory_make(const char *path)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        fail("create", path);
}

static void root_entries(void)
{
    const uint64_t read_only = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    for (uint32_t i = 0; i < plan.mount_count; i++) {
        const char *target =
            mounts[i].target + 1; /* relative to the stage, which is the current directory */
        switch (mounts[i].kind[0]) {
        case 'd':
            directory_make(target);
            bind(mounts[i].source, target, read_only);
            break;
        case 'f':
            if (strncmp(target, "app/", 4) == 0)
                directory_make("app");
            touch(target);
            bind(mounts[i].source, target, read_only);
            break;
        case 'l':
            must(symlink(mounts[i].source, target), "link", target);
            break;
        default:
            errno = EINVAL;
            fail("read the plan", "mount kind");
        }
    }
}

static void root_devices(void)
{
    static const char *const devices[] = {"null", "zero", "full", "random", "urandom"};
    directory_make("dev");
    must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,nr_inodes=32,mode=755"),
         "mount", "/dev");
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        char source[32], target[32];
        snprintf(source, sizeof source, "/dev/%s", devices[i]);
        snprintf(target, sizeof target, "dev/%s", devices[i]);
        touch(target);
        must(mount(source, target, NULL, MS_BIND, NULL), "bind", source);
    }
    must(symlink("/proc/self/fd", "dev/fd"), "link", "/dev/fd");
    must(symlink("/proc/self/fd/0", "dev/stdin"), "link", "/dev/stdin");
    must(symlink("/proc/self/fd/1", "dev/stdout"), "link", "/dev/stdout");
    must(symlink("/proc/self/fd/2", "dev/stderr"), "link", "/dev/stderr");
    must(symlink("/tmp", "dev/shm"), "link", "/dev/shm");
}

static void root_process_table(void)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    directory_make("proc");
    /* subset=pid (Linux 5.8) leaves out everything about the host but the sandbox's own processes.
     */
    if (mount("proc", "proc", "proc", flags, "subset=pid") < 0)
        must(mount("proc", "proc", "proc", flags, NULL), "mount", "/proc");
}

static void root_enter(void)
{
    char options[64];
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make mounts private", "");
    must(mount("tmpfs", stage_dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=512,mode=755"),
         "mount", "root");
    must(chdir(stage_dir), "enter", stage_dir);
    root_entries();
    root_devices();
    root_process_table();
    directory_make("tmp");
    snprintf(options, sizeof options, "size=%llu,nr_inodes=16384,mode=1777",
             (unsigned long long)plan.tmp_bytes);
    must(mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, options), "mount", "/tmp");
    directory_make("work");
    if (*work_host)
        bind(work_host, "work", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    must(syscall(SYS_pivot_root, ".", "."), "pivot", "");
    must(umount2(".", MNT_DETACH), "leave the host's root", "");
    must(chdir("/"), "enter", "/");
    must(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL),
         "seal", "/");
}

/* ---- rights ---- */

static void rights_drop(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "forbid new privileges", "");
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned long cap = 0; cap < 64; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
            fail("drop", "bounding capabilities");
    if (!plan.user_namespace) {
        must(setgroups(0, NULL), "drop", "groups");
        must(setresgid(plan.group_id, plan.group_id, plan.group_id), "drop", "group id");
        must(setresuid(plan.user_id, plan.user_id, plan.user_id), "drop", "user id");
    }
    must(syscall(SYS_capset, &header, none), "drop", "capabilities");
    /* A change of ids clears the parent-death signal, so it is set again. */
    must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "tie to the host", "");
}

static void limit(int which, uint64_t value, const char *name)
{
    struct rlimit current;
    must(getrlimit((__rlimit_resource_t)which, &current), "limit", name);
    rlim_t most = current.rlim_max < value ? current.rlim_max : value;
    struct rlimit wanted = {most, most};
    must(setrlimit((__rlimit_resource_t)which, &wanted), "limit", name);
}

static void limits_apply(void)
{
    limit(RLIMIT_CORE, 0, "core");
    limit(RLIMIT_NOFILE, plan.open_files, "open files");
    limit(RLIMIT_NPROC, plan.processes, "processes");
    limit(RLIMIT_MEMLOCK, 65536, "locked memory");
    limit(RLIMIT_MSGQUEUE, 0, "message queues");
    if (plan.file_bytes)
        limit(RLIMIT_FSIZE, plan.file_bytes, "file size");
    if (plan.address_space_bytes)
        limit(RLIMIT_AS, plan.address_space_bytes, "address space");
    if (plan.cpu_seconds)
        limit(RLIMIT_CPU, plan.cpu_seconds, "cpu time");
}

/* Landlock's user interface (Documentation/userspace-api/landlock.rst); newer than Debian 12's
 * headers. */
struct landlock_rules {
    uint64_t files, network, scope;
};
struct landlock_beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));
enum {
    LL_EXECUTE = 1 << 0,
    LL_WRITE_FILE = 1 << 1,
    LL_READ_FILE = 1 << 2,
    LL_READ_DIR = 1 << 3,
    LL_ABI1_ALL = (1 << 13) - 1,
    LL_REFER = 1 << 13,
    LL_TRUNCATE = 1 << 14,
    LL_NET_ALL = 3,
    LL_SCOPE_ALL = 3,
};

static void landlock_allow(int rules, const char *path, uint64_t allowed)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    must(fd, "landlock", path);
    struct landlock_beneath beneath = {allowed, fd};
    must(syscall(SYS_landlock_add_rule, rules, 1, &beneath, 0), "landlock", path);
    close(fd);
}

static void landlock_apply(void)
{
    uint32_t abi = plan.landlock_abi;
    if (abi == 0)
        return;
    struct landlock_rules rules = {.files = LL_ABI1_ALL};
    size_t size = sizeof rules.files;
    if (abi >= 2)
        rules.files |= LL_REFER;
    if (abi >= 3)
        rules.files |= LL_TRUNCATE;
    if (abi >= 4) {
        rules.network = LL_NET_ALL; /* and no rule: no TCP bind or connect at all */
        size = 2 * sizeof rules.files;
    }
    if (abi >= 6) {
        rules.scope = LL_SCOPE_ALL;
        size = sizeof rules;
    }
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    must(fd, "landlock", "ruleset");
    landlock_allow(fd, "/", LL_EXECUTE | LL_READ_FILE | LL_READ_DIR);
    landlock_allow(fd, "/work", rules.files);
    landlock_allow(fd, "/tmp", rules.files);
    landlock_allow(fd, "/dev",
                   LL_READ_FILE | LL_READ_DIR | LL_WRITE_FILE | (rules.files & LL_TRUNCATE));
    must(syscall(SYS_landlock_restrict_self, fd, 0), "landlock", "restrict");
    close(fd);
}

/* ---- workload ---- */

static void oom_prefer(void)
{
    /* The workload, not its guardian, is what the kernel's memory killer shall choose. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t ignored = write(fd, "1000", 4);
        (void)ignored;
        close(fd);
    }
}

static _Noreturn void workload_run(int out, int err)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    must(null, "open", "/dev/null");
    must(dup2(null, 0), "connect", "stdin");
    must(dup2(out, 1), "connect", "stdout");
    must(dup2(err, 2), "connect", "stderr");
    must(setsid(), "start", "session");
    oom_prefer();
    limits_apply();
    landlock_apply();
    must(chdir(working_dir), "enter", working_dir);
    sigset_t none;
    sigemptyset(&none);
    must(sigprocmask(SIG_SETMASK, &none, NULL), "unblock", "signals");
    struct sock_fprog program = {.len = (unsigned short)plan.bpf_count, .filter = filter};
    if (plan.bpf_count)
        must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), "install",
             "seccomp filter");
    environ = environment; /* so that PATH is the workload's */
    execvp(arguments[0], arguments);
    fail("execute", arguments[0]);
}

struct stream {
    int from, to;
};

static struct {
    pid_t main_pid;
    bool main_gone, kill_due;
    uint64_t started_ms, deadline_ms, kill_at_ms;
    struct stream streams[2];
    struct lane_report report;
} lane;

static void stream_close(struct stream *s)
{
    if (s->from >= 0)
        close(s->from);
    s->from = -1;
}

/* Copies what there is, up to the limit; what is above it is read and dropped, so that nobody
 * blocks. */
static void stream_copy(struct stream *s)
{
    char bytes[16384];
    ssize_t got = read(s->from, bytes, sizeof bytes);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        stream_close(s);
    if (got <= 0)
        return;
    uint64_t left = plan.output_limit_bytes - lane.report.output_bytes;
    size_t keep = (uint64_t)got < left ? (size_t)got : (size_t)left;
    if (keep < (size_t)got)
        lane.report.flags |= LANE_OUTPUT_TRUNCATED;
    for (size_t done = 0; done < keep;) {
        ssize_t put = write(s->to, bytes + done, keep - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) { /* a full disk: the log ends here, the workload goes on */
            lane.report.flags |= LANE_OUTPUT_TRUNCATED;
            break;
        }
        done += (size_t)put;
    }
    lane.report.output_bytes += keep;
}

static void end_begin(int signal_number)
{
    if (lane.main_gone)
        return;
    kill(lane.main_pid, signal_number);
    if (!lane.kill_due) {
        lane.kill_due = true;
        lane.kill_at_ms = clock_ms() + plan.grace_ms;
    }
}

static void children_reap(void)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return;
        if (pid == lane.main_pid) {
            lane.main_gone = true;
            lane.report.wait_status = status;
        }
    }
}

static void signals_take(int fd)
{
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            children_reap();
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            end_begin(SIGTERM);
        else if (info.ssi_signo == SIGUSR1 && !lane.main_gone)
            kill(lane.main_pid, SIGUSR1);
    }
}

static int timers_run(void)
{
    uint64_t now = clock_ms(), next = now + 60000;
    if (lane.deadline_ms && now >= lane.deadline_ms) {
        lane.report.flags |= LANE_TIMED_OUT;
        lane.deadline_ms = 0;
        end_begin(SIGTERM);
    }
    if (lane.kill_due && now >= lane.kill_at_ms) {
        lane.report.flags |= LANE_KILLED_AFTER_GRACE;
        kill(-1, SIGKILL); /* everybody inside but this process */
        lane.kill_at_ms = now + 1000;
    }
    if (lane.deadline_ms && lane.deadline_ms < next)
        next = lane.deadline_ms;
    if (lane.kill_due && lane.kill_at_ms < next)
        next = lane.kill_at_ms;
    return (int)(next - now) + 1;
}

static void watch(int signal_fd)
{
    while (!lane.main_gone) {
        struct pollfd fds[3] = {{signal_fd, POLLIN, 0},
                                {lane.streams[0].from, POLLIN, 0},
                                {lane.streams[1].from, POLLIN, 0}};
        int wait_ms = timers_run();
        if (poll(fds, 3, wait_ms) < 0)
            continue;
        for (int i = 0; i < 2; i++)
            if (lane.streams[i].from >= 0 && fds[i + 1].revents)
                stream_copy(&lane.streams[i]);
        if (fds[0].revents)
            signals_take(signal_fd);
    }
}

static void finish(void)
{
    /* A fork bomb may still be running: repeat until nobody is left. */
    for (;;) {
        kill(-1, SIGKILL);
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
            break;
    }
    for (int i = 0; i < 2; i++)
        while (lane.streams[i].from >= 0)
            stream_copy(&lane.streams[i]);
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    lane.report.cpu_user_us =
        (uint64_t)used.ru_utime.tv_sec * 1000000 + (uint64_t)used.ru_utime.tv_usec;
    lane.report.cpu_system_us =
        (uint64_t)used.ru_stime.tv_sec * 1000000 + (uint64_t)used.ru_stime.tv_usec;
    lane.report.resident_peak_bytes = (uint64_t)used.ru_maxrss * 1024;
    lane.report.wall_ms = clock_ms() - lane.started_ms;
    report_send(&lane.report);
}

static void run(int out_file, int err_file)
{
    int out[2], err[2];
    must(pipe2(out, O_CLOEXEC), "make", "pipe");
    must(pipe2(err, O_CLOEXEC), "make", "pipe");
    sigset_t all;
    sigfillset(&all);
    must(sigprocmask(SIG_SETMASK, &all, NULL), "block", "signals");
    int signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    must(signal_fd, "make", "signal descriptor");
    lane.started_ms = clock_ms();
    lane.deadline_ms = plan.wall_limit_ms ? lane.started_ms + plan.wall_limit_ms : 0;
    lane.main_pid = fork();
    must(lane.main_pid, "start", "process");
    if (lane.main_pid == 0)
        workload_run(out[1], err[1]);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    close(out[1]);
    close(err[1]);
    lane.streams[0] = (struct stream){out[0], out_file};
    lane.streams[1] = (struct stream){err[0], err_file};
    watch(signal_fd);
    finish();
}

static int descriptor(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 3 || value > 1 << 20 || fcntl((int)value, F_SETFD, FD_CLOEXEC) < 0)
        exit(2);
    return (int)value;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fputs("lane-init: started by the launcher of noct, not by hand\n", stderr);
        return 2;
    }
    int plan_fd = descriptor(argv[1]), go_fd = descriptor(argv[2]);
    report_fd = descriptor(argv[3]);
    int out_fd = descriptor(argv[4]), err_fd = descriptor(argv[5]);
    must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "tie to the host", "");
    char go;
    if (read(go_fd, &go, 1) != 1)
        return 1; /* the host died or gave up before the limits stood */
    close(go_fd);
    plan_read(plan_fd);
    close(plan_fd);
    must(sethostname("lane", 4), "name", "host");
    root_enter();
    rights_drop();
    run(out_fd, err_fd);
    return 0;
}
