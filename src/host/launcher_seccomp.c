#include "host/launcher_seccomp.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Names are looked up at run time: a call that this architecture lacks is passed over. */
static const char *const allowed[] = {
    /* memory */
    "brk", "mmap", "mmap2", "munmap", "mprotect", "mremap", "madvise", "msync", "mincore", "mlock",
    "mlock2", "munlock", "membarrier", "memfd_create", "pkey_alloc", "pkey_free", "pkey_mprotect",
    "get_mempolicy", "set_mempolicy", "mbind",
    /* files */
    "access", "faccessat", "faccessat2", "chdir", "fchdir", "chmod", "fchmod", "fchmodat", "chown",
    "fchown", "fchownat", "lchown", "close", "close_range", "copy_file_range", "creat", "dup",
    "dup2", "dup3", "fadvise64", "fallocate", "fcntl", "fcntl64", "fdatasync", "flock", "fsync",
    "fstat", "fstat64", "fstatat64", "newfstatat", "fstatfs", "fstatfs64", "ftruncate",
    "ftruncate64", "futimesat", "getcwd", "getdents", "getdents64", "getxattr", "fgetxattr",
    "lgetxattr", "listxattr", "flistxattr", "llistxattr", "link", "linkat", "lseek", "_llseek",
    "lstat", "lstat64", "mkdir", "mkdirat", "mknod", "mknodat", "open", "openat", "openat2", "pipe",
    "pipe2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
    "readlink", "readlinkat", "readv", "rename", "renameat", "renameat2", "rmdir", "sendfile",
    "sendfile64", "splice", "stat", "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat",
    "sync", "sync_file_range", "syncfs", "tee", "truncate", "truncate64", "umask", "unlink",
    "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write", "writev", "inotify_init",
    "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
    /* waiting */
    "poll", "ppoll", "select", "pselect6", "_newselect", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "signalfd",
    "signalfd4", "timerfd_create", "timerfd_gettime", "timerfd_settime", "futex", "futex_waitv",
    "futex_wait", "futex_wake", "futex_requeue", "nanosleep", "clock_nanosleep", "pause",
    "restart_syscall", "rseq",
    /* local sockets (socket itself is filtered by family below) */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
    "recv", "recvfrom", "recvmsg", "recvmmsg", "send", "sendmsg", "sendmmsg", "sendto",
    "setsockopt", "shutdown",
    /* processes and signals */
    "execve", "execveat", "exit", "exit_group", "fork", "vfork", "wait4", "waitid", "waitpid",
    "kill", "tkill", "tgkill", "pidfd_open", "pidfd_send_signal", "rt_sigaction", "rt_sigpending",
    "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_tgsigqueueinfo", "sigaltstack", "sigreturn", "alarm", "getitimer", "setitimer",
    "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
    "arch_prctl", "prctl", "set_robust_list", "get_robust_list", "set_tid_address",
    "set_thread_area", "get_thread_area", "sched_yield", "sched_getaffinity", "sched_setaffinity",
    "sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getattr", "sched_rr_get_interval", "getpriority", "setpriority", "getrlimit",
    "ugetrlimit", "setrlimit", "prlimit64", "getrusage", "times",
    /* identity and machine */
    "getpid", "getppid", "gettid", "getpgid", "getpgrp", "setpgid", "getsid", "setsid", "getuid",
    "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid", "setuid", "setgid",
    "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "capget", "capset",
    "uname", "sysinfo", "getcpu", "getrandom", "gettimeofday", "time", "clock_gettime",
    "clock_gettime64", "clock_getres", "landlock_create_ruleset", "landlock_add_rule",
    "landlock_restrict_self", "seccomp",
    /* shared memory inside the private ipc namespace */
    "shmget", "shmat", "shmdt", "shmctl", "semget", "semop", "semctl", "semtimedop", "msgget",
    "msgsnd", "msgrcv", "msgctl"};

static const char *const deadly[] = {"ptrace",
                                     "process_vm_readv",
                                     "process_vm_writev",
                                     "kcmp",
                                     "mount",
                                     "umount",
                                     "umount2",
                                     "pivot_root",
                                     "chroot",
                                     "move_mount",
                                     "open_tree",
                                     "fsopen",
                                     "fsconfig",
                                     "fsmount",
                                     "fspick",
                                     "mount_setattr",
                                     "setns",
                                     "unshare",
                                     "init_module",
                                     "finit_module",
                                     "delete_module",
                                     "kexec_load",
                                     "kexec_file_load",
                                     "bpf",
                                     "perf_event_open",
                                     "userfaultfd",
                                     "add_key",
                                     "request_key",
                                     "keyctl",
                                     "open_by_handle_at",
                                     "reboot",
                                     "swapon",
                                     "swapoff",
                                     "acct",
                                     "settimeofday",
                                     "clock_settime",
                                     "adjtimex",
                                     "clock_adjtime",
                                     "iopl",
                                     "ioperm",
                                     "quotactl",
                                     "lookup_dcookie",
                                     "modify_ldt",
                                     "vhangup",
                                     "syslog"};

/* CLONE_NEW* of sched.h, including the time namespace. */
static const uint64_t namespace_flags[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                           CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                           CLONE_NEWNET};

static int add_names(scmp_filter_ctx context, uint32_t action, const char *const *names,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        if (number == __NR_SCMP_ERROR || number < 0)
            continue;
        int failed = seccomp_rule_add(context, action, number, 0);
        if (failed)
            return failed;
    }
    return 0;
}

static int add_checked(scmp_filter_ctx context)
{
    uint64_t mask = 0;
    int failed = 0;
    for (size_t i = 0; i < COUNT_OF(namespace_flags); i++)
        mask |= namespace_flags[i];
    failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, mask, 0));
    failed |= seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                               SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
                               SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    /* Terminal injection is the classic escape through an ioctl; none of the sandbox's files is a
     * terminal. */
    failed |=
        seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, TCGETS));
    failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                               SCMP_A1(SCMP_CMP_EQ, FIONREAD));
    failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                               SCMP_A1(SCMP_CMP_EQ, FIONBIO));
    failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                               SCMP_A1(SCMP_CMP_EQ, FIOCLEX));
    failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                               SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ));
    failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
                               SCMP_A0(SCMP_CMP_EQ, 0));
    failed |= seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
                               SCMP_A0(SCMP_CMP_EQ, 0xffffffff));
    return failed;
}

/* libseccomp writes to a descriptor; a memory file gives the bytes back. */
static err export_program(scmp_filter_ctx context, struct sock_filter *program, uint32_t most,
                          uint32_t *count)
{
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    err result = ERR_IO;
    if (seccomp_export_bpf(context, fd) == 0) {
        off_t size = lseek(fd, 0, SEEK_END);
        if (size > (off_t)(most * sizeof *program))
            result = ERR_TOO_LARGE;
        else if (size > 0 && pread(fd, program, (size_t)size, 0) == (ssize_t)size) {
            *count = (uint32_t)((size_t)size / sizeof *program);
            result = ERR_OK;
        }
    }
    close(fd);
    return result;
}

err launcher_seccomp_build(struct sock_filter *program, uint32_t most, uint32_t *count)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!context)
        return ERR_NO_MEMORY;
    /* A binary tree instead of a list: a dozen comparisons per call instead of hundreds. */
    int failed = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (!failed)
        failed = add_names(context, SCMP_ACT_ALLOW, allowed, COUNT_OF(allowed));
    if (!failed)
        failed = add_names(context, SCMP_ACT_KILL_PROCESS, deadly, COUNT_OF(deadly));
    if (!failed)
        failed = add_checked(context);
    err result = failed ? ERR_UNSUPPORTED : export_program(context, program, most, count);
    seccomp_release(context);
    return result;
}
