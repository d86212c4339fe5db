#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/launcher.h"
#include "host/launcher_cgroup.h"

static char home[] = "/tmp/noct-lane-test-XXXXXX";
static char work[64], out_path[64], probe[512], init_program[512];
static struct launcher *launcher;
static char output[65536];

/* Applications are built beside the test programs. */
static void beside(char out[512], const char *name)
{
    char self[400];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = 0;
    *strrchr(self, '/') = 0;
    snprintf(out, 512, "%s/%s", self, name);
}

static void output_load(void)
{
    int fd = open(out_path, O_RDONLY);
    ssize_t size = fd < 0 ? 0 : read(fd, output, sizeof output - 1);
    output[size < 0 ? 0 : size] = 0;
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(home))
        return -1;
    snprintf(work, sizeof work, "%s/work", home);
    snprintf(out_path, sizeof out_path, "%s/out.txt", home);
    beside(probe, "app-lane-probe");
    beside(init_program, "app-lane-init");
    if (mkdir(work, 0700) < 0)
        return -1;
    err opened = launcher_open(&launcher, home, init_program, "test");
    return opened == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    launcher_close(launcher);
    snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command);
}

static struct launch_request request_of(const char *const *arguments)
{
    return (struct launch_request){.app_path = probe,
                                   .arguments = arguments,
                                   .work_dir_host = work,
                                   .memory_bytes = 32u << 20,
                                   .pids_max = 16,
                                   .wall_limit_ms = 60000,
                                   .stdout_path = out_path,
                                   .stderr_path = out_path};
}

static struct launch_usage run(const struct launch_request *request)
{
    struct launch_handle handle;
    struct launch_usage usage;
    err started = launcher_start(launcher, request, &handle);
    if (started != ERR_OK)
        fail_msg("%s: %s", err_name(started), launcher_why(launcher));
    assert_int_equal(launcher_wait(launcher, handle.pid, 60000, &usage), ERR_OK);
    output_load();
    return usage;
}

static struct launch_usage run_probe(const char *mode, const char *argument)
{
    const char *arguments[] = {"/app/lane-probe", mode, argument, NULL};
    struct launch_request request = request_of(arguments);
    struct launch_usage usage = run(&request);
    if (usage.failure[0])
        fail_msg("sandbox failed: %s", usage.failure);
    return usage;
}

static void assert_held(const char *mode, const char *argument)
{
    struct launch_usage usage = run_probe(mode, argument);
    if (usage.exit_code != 0)
        fail_msg("%s %s: %s", mode, argument, output);
}

static bool limited_by(const struct launch_usage *usage, const char *text)
{
    return strstr(usage->limits_enforced, text) != NULL;
}

static void gives_back_the_exit_code(void **state)
{
    (void)state;
    assert_int_equal(run_probe("exit", "7").exit_code, 7);
    assert_int_equal(run_probe("exit", "0").exit_code, 0);
}

static void says_when_the_workload_wrote_a_checkpoint(void **state)
{
    (void)state;
    struct launch_usage usage = run_probe("exit", "85");
    assert_true(usage.checkpointed);
    assert_false(run_probe("exit", "84").checkpointed);
    assert_non_null(strstr((run_probe("show", "ORB_CKPT_DIR"), output),
                           "ORB_CKPT_DIR=/work/checkpoint\ncwd=/work\n"));
}

static void gives_back_the_signal_that_ended_it(void **state)
{
    (void)state;
    struct launch_usage usage = run_probe("abort", "");
    assert_int_equal(usage.exit_code, -1);
    assert_int_equal(usage.signal, SIGABRT);
}

static void has_no_network(void **state)
{
    (void)state;
    /* A listener of the host that must not be reached. */
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
        listen(fd, 4);
    assert_held("socket", "");
    assert_held("interfaces", "");
    close(fd);
}

static void has_a_read_only_root(void **state)
{
    (void)state;
    assert_held("write", "/intruder");
    assert_held("write", "/app/intruder");
    assert_held("write", "/app/lane-probe");
    assert_held("write", "/dev/intruder");
    assert_int_equal(run_probe("writable", "/work/made").exit_code, 0);
    assert_int_equal(run_probe("writable", "/tmp/made").exit_code, 0);
    char made[96];
    snprintf(made, sizeof made, "%s/made", work);
    assert_int_equal(access(made, F_OK), 0);
}

static void sees_nothing_of_the_host(void **state)
{
    (void)state;
    char path[96];
    assert_held("see", "/etc/passwd");
    assert_held("see", "/usr");
    assert_held("see", "/proc/sys/kernel/hostname");
    snprintf(path, sizeof path, "/proc/%d", (int)getpid());
    if (getpid() > 20) /* small numbers exist inside too */
        assert_held("see", path);
    run_probe("list", "/");
    static const char *const expected[] = {"app\n", "dev\n", "proc\n", "tmp\n", "work\n"};
    size_t lines = 0;
    for (const char *at = output; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, COUNT_OF(expected) + 2); /* and . and .. */
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_non_null(strstr(output, expected[i]));
}

static void holds_no_rights(void **state)
{
    (void)state;
    run_probe("rights", "");
    assert_non_null(strstr(output, "CapPrm:\t0000000000000000\n"));
    assert_non_null(strstr(output, "CapEff:\t0000000000000000\n"));
    assert_non_null(strstr(output, "CapBnd:\t0000000000000000\n"));
    assert_non_null(strstr(output, "NoNewPrivs:\t1\n"));
    assert_non_null(strstr(output, "Seccomp:\t2\n"));
    assert_non_null(strstr(output, "pid 2\n"));
    if (geteuid() == 0)
        assert_null(strstr(output, "Uid:\t0\t"));
}

static void dies_when_it_tries_to_mount(void **state)
{
    (void)state;
    assert_int_equal(run_probe("mount", "").signal, SIGSYS);
    assert_held("namespace", "");
}

static void a_memory_hog_is_killed_and_reported(void **state)
{
    (void)state;
    struct launch_usage usage = run_probe("hog", "200");
    if (limited_by(&usage, "by cgroup") &&
        strstr(usage.limits_enforced, "memory 33554432 bytes by cgroup")) {
        assert_true(usage.oom_killed);
        assert_int_equal(usage.signal, SIGKILL);
        assert_in_range(usage.memory_peak_bytes, 16u << 20, 33u << 20);
    } else
        assert_int_equal(usage.exit_code, 3); /* refused by RLIMIT_AS */
    usage = run_probe("hog", "8");
    assert_int_equal(usage.exit_code, 0);
    assert_false(usage.oom_killed);
}

static void a_fork_bomb_is_bounded_and_leaves_nobody(void **state)
{
    (void)state;
    struct launch_usage usage = run_probe("forks", "200");
    assert_int_equal(usage.exit_code, 0);
    int made = -1;
    assert_int_equal(sscanf(output, "forks %d", &made), 1);
    assert_int_equal(made, 15); /* itself is the sixteenth */
    assert_true(usage.wall_ms < 20000);
}

static void a_share_of_the_processor_is_a_share(void **state)
{
    (void)state;
    const char *arguments[] = {"/app/lane-probe", "burn", "2", NULL};
    struct launch_request request = request_of(arguments);
    request.cpu_millis = 200;
    struct launch_usage usage = run(&request);
    assert_int_equal(usage.exit_code, 0);
    uint64_t cpu_us = usage.cpu_user_us + usage.cpu_system_us;
    if (limited_by(&usage, "200/1000 core by cgroup"))
        assert_in_range(cpu_us, 1000, 650000); /* 2 s at 20 %, and one period more */
    else
        assert_true(limited_by(&usage, "share is not limited"));
}

static void the_wall_limit_ends_it(void **state)
{
    (void)state;
    const char *arguments[] = {"/app/lane-probe", "sleep", "60", NULL};
    struct launch_request request = request_of(arguments);
    request.wall_limit_ms = 200;
    struct launch_usage usage = run(&request);
    assert_true(usage.timed_out);
    assert_int_equal(usage.signal, SIGTERM);
    assert_true(usage.wall_ms >= 200);
}

static void grace_ends_for_who_ignores_the_signal(void **state)
{
    (void)state;
    const char *arguments[] = {"/app/lane-probe", "deaf", "60", NULL};
    struct launch_request request = request_of(arguments);
    request.wall_limit_ms = 100;
    request.grace_ms = 100;
    struct launch_usage usage = run(&request);
    assert_true(usage.timed_out);
    assert_true(usage.killed);
    assert_int_equal(usage.signal, SIGKILL);
}

static void output_is_captured_and_bounded(void **state)
{
    (void)state;
    const char *arguments[] = {"/app/lane-probe", "output", "500000", NULL};
    struct launch_request request = request_of(arguments);
    request.output_limit_bytes = 1000;
    struct launch_usage usage = run(&request);
    struct stat st;
    assert_int_equal(usage.exit_code, 0);
    assert_true(usage.output_truncated);
    assert_int_equal(usage.output_bytes, 1000);
    assert_int_equal(stat(out_path, &st), 0);
    assert_int_equal(st.st_size, 1000);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(run_probe("output", "1000").output_truncated);
}

static void kill_ends_the_whole_sandbox(void **state)
{
    (void)state;
    const char *arguments[] = {"/app/lane-probe", "deaf", "60", NULL};
    struct launch_request request = request_of(arguments);
    struct launch_handle handle;
    struct launch_usage usage;
    assert_int_equal(launcher_start(launcher, &request, &handle), ERR_OK);
    assert_int_equal(launcher_reap(launcher, handle.pid, &usage), ERR_BUSY);
    assert_int_equal(launcher_signal(launcher, handle.pid, SIGKILL), ERR_OK);
    assert_int_equal(launcher_wait(launcher, handle.pid, 10000, &usage), ERR_OK);
    assert_true(usage.killed);
    assert_int_equal(usage.signal, SIGKILL);
    assert_int_equal(launcher_reap(launcher, handle.pid, &usage), ERR_NOT_FOUND);
    assert_int_equal(launcher_signal(launcher, handle.pid, SIGKILL), ERR_NOT_FOUND);
}

static void a_missing_program_is_named(void **state)
{
    (void)state;
    const char *arguments[] = {"/app/nothing", NULL};
    struct launch_request request = request_of(arguments);
    struct launch_usage usage = run(&request);
    assert_int_equal(usage.exit_code, 127);
    assert_string_equal(usage.failure, "execute /app/nothing: No such file or directory");
}

static void a_bad_request_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct launch_handle handle;
    struct launch_request request = request_of(NULL);
    request.app_path = "/dev/null";
    assert_int_equal(launcher_start(launcher, &request, &handle), ERR_INVALID);
    assert_string_equal(launcher_why(launcher), "application /dev/null is not an executable file");
    request = request_of(NULL);
    request.root_dir = "/";
    assert_int_equal(launcher_start(launcher, &request, &handle), ERR_INVALID);
    request = request_of(NULL);
    request.work_dir_host = "/nonexistent";
    assert_int_equal(launcher_start(launcher, &request, &handle), ERR_INVALID);
    request = request_of(NULL);
    request.memory_bytes = 1000;
    assert_int_equal(launcher_start(launcher, &request, &handle), ERR_RANGE);
}

static void a_root_directory_is_shown_read_only(void **state)
{
    (void)state;
    char command[1400], root[96];
    snprintf(root, sizeof root, "%s/root", home);
    snprintf(command, sizeof command,
             "mkdir -p %s/usr/bin %s/etc && cp %s %s/usr/bin/probe && ln -s usr/bin %s/bin && "
             "echo inside >%s/etc/name",
             root, root, probe, root, root, root);
    assert_int_equal(system(command), 0);
    const char *show[] = {"probe", "list", "/etc", NULL},
               *write[] = {"/bin/probe", "write", "/etc/name", NULL};
    struct launch_request request = request_of(show);
    request.app_path = NULL;
    request.root_dir = root;
    struct launch_usage usage = run(&request);
    assert_string_equal(usage.failure, "");
    assert_non_null(strstr(output, "name\n"));
    request.arguments = write;
    assert_int_equal(run(&request).exit_code, 0);
}

static void leaves_no_groups_behind(void **state)
{
    (void)state;
    struct cgroups groups;
    run_probe("forks", "5");
    cgroups_open(&groups, "test");
    assert_int_equal(cgroups_clean(&groups), 0);
}

static void groups_of_an_earlier_life_are_cleaned(void **state)
{
    (void)state;
    struct cgroups groups;
    struct cgroup_limits limits = {64u << 20, 0, 10};
    cgroups_open(&groups, "orphan");
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    unsigned enforced = cgroups_enter(&groups, 1, &limits, pid);
    if (enforced == 0) { /* cgroups are not writable here: nothing to clean */
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return;
    }
    signal(SIGCHLD, SIG_IGN); /* nobody waits for an orphan but init */
    assert_true(cgroups_clean(&groups) > 0);
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(cgroups_clean(&groups), 0);
    assert_int_equal(kill(pid, 0), -1);
}

static void make_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void read_text(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t got = fread(out, 1, size - 1, file);
    out[got] = 0;
    fclose(file);
}

/* This machine has version 1; version 2's file names and formats are checked against a directory
 * that looks like it. */
static void version_two_limits_are_written_in_its_formats(void **state)
{
    (void)state;
    char path[256], mountinfo[512], text[128];
    struct cgroups groups;
    struct cgroup_limits limits = {64u << 20, 1500, 10};
    struct cgroup_usage usage;
    snprintf(path, sizeof path, "mkdir -p %s/v2/noct-lane.two.9", home);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/v2/cgroup.controllers", home);
    make_file(path, "cpuset cpu io memory pids\n");
    snprintf(path, sizeof path, "%s/v2/cgroup.subtree_control", home);
    make_file(path, "");
    static const char *const files[] = {"memory.max", "memory.swap.max", "pids.max", "cpu.max",
                                        "cgroup.procs"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/v2/noct-lane.two.9/%s", home, files[i]);
        make_file(path, "");
    }
    snprintf(mountinfo, sizeof mountinfo,
             "30 23 0:26 / %s/v2 rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n", home);
    cgroups_find(&groups, "two", mountinfo, "0::/\n");
    assert_int_equal(groups.places[CGROUP_MEMORY].version, 2);
    assert_int_equal(cgroups_enter(&groups, 9, &limits, 4242),
                     1 << CGROUP_MEMORY | 1 << CGROUP_PIDS | 1 << CGROUP_CPU);
    snprintf(path, sizeof path, "%s/v2/noct-lane.two.9/cpu.max", home);
    read_text(path, text, sizeof text);
    assert_string_equal(text, "150000 100000");
    snprintf(path, sizeof path, "%s/v2/noct-lane.two.9/memory.max", home);
    read_text(path, text, sizeof text);
    assert_string_equal(text, "67108864");
    snprintf(path, sizeof path, "%s/v2/noct-lane.two.9/memory.events", home);
    make_file(path, "low 0\nhigh 0\nmax 12\noom 3\noom_kill 1\n");
    snprintf(path, sizeof path, "%s/v2/noct-lane.two.9/cpu.stat", home);
    make_file(path, "usage_usec 700\nuser_usec 500\nsystem_usec 200\n");
    cgroups_usage(&groups, 9, &usage);
    assert_true(usage.oom_killed && usage.cpu_known);
    assert_int_equal(usage.cpu_user_us, 500);
    assert_int_equal(usage.cpu_system_us, 200);
}

static void outputs_are_opened_without_following_links(void **state)
{
    (void)state;
    char path[128];
    int fd = -1;
    snprintf(path, sizeof path, "%s/link", work);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(launcher_output_open(work, "link", &fd), ERR_DENIED);
    assert_int_equal(launcher_output_open(work, "../out.txt", &fd), ERR_DENIED);
    assert_int_equal(launcher_output_open(work, "/etc/passwd", &fd), ERR_DENIED);
    assert_int_equal(launcher_output_open(work, ".", &fd), ERR_DENIED);
    assert_int_equal(launcher_output_open(work, "nothing", &fd), ERR_NOT_FOUND);
    snprintf(path, sizeof path, "%s/true", work);
    make_file(path, "ok");
    assert_int_equal(launcher_output_open(work, "true", &fd), ERR_OK);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_the_exit_code),
        cmocka_unit_test(says_when_the_workload_wrote_a_checkpoint),
        cmocka_unit_test(gives_back_the_signal_that_ended_it),
        cmocka_unit_test(has_no_network),
        cmocka_unit_test(has_a_read_only_root),
        cmocka_unit_test(sees_nothing_of_the_host),
        cmocka_unit_test(holds_no_rights),
        cmocka_unit_test(dies_when_it_tries_to_mount),
        cmocka_unit_test(a_memory_hog_is_killed_and_reported),
        cmocka_unit_test(a_fork_bomb_is_bounded_and_leaves_nobody),
        cmocka_unit_test(a_share_of_the_processor_is_a_share),
        cmocka_unit_test(the_wall_limit_ends_it),
        cmocka_unit_test(grace_ends_for_who_ignores_the_signal),
        cmocka_unit_test(output_is_captured_and_bounded),
        cmocka_unit_test(kill_ends_the_whole_sandbox),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(a_bad_request_is_refused_with_the_reason),
        cmocka_unit_test(a_root_directory_is_shown_read_only),
        cmocka_unit_test(leaves_no_groups_behind),
        cmocka_unit_test(groups_of_an_earlier_life_are_cleaned),
        cmocka_unit_test(version_two_limits_are_written_in_its_formats),
        cmocka_unit_test(outputs_are_opened_without_following_links),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
