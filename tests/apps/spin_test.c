#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/launcher.h"

static char home[] = "/tmp/noct-spin-test-XXXXXX";
static char work[80], spin[512], init_program[512];
static struct launcher *launcher;

static void beside(char out[512], const char *name)
{
    char self[400];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = 0;
    *strrchr(self, '/') = 0;
    snprintf(out, 512, "%s/%s", self, name);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(home))
        return -1;
    snprintf(work, sizeof work, "%s/work", home);
    beside(spin, "app-spin");
    beside(init_program, "app-lane-init");
    return mkdir(work, 0700) == 0 &&
                   launcher_open(&launcher, home, init_program, "spin-test") == ERR_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    launcher_close(launcher);
    snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command);
}

static err start(struct launcher *by, const char *seconds, struct launch_handle *handle)
{
    const char *arguments[] = {"/app/spin", seconds, NULL};
    struct launch_request request = {.app_path = spin,
                                     .arguments = arguments,
                                     .work_dir_host = work,
                                     .memory_bytes = 16u << 20,
                                     .pids_max = 2,
                                     .wall_limit_ms = 60000};
    return launcher_start(by, &request, handle);
}

static bool output_text(const char *path, char *out, size_t size)
{
    int fd;
    if (launcher_output_open(work, path, &fd) != ERR_OK)
        return false;
    ssize_t got = read(fd, out, size - 1);
    out[got > 0 ? got : 0] = 0;
    close(fd);
    return got > 0;
}

static void a_task_leaves_with_a_checkpoint_and_goes_on_elsewhere(void **state)
{
    (void)state;
    struct launch_handle handle;
    struct launch_usage usage;
    char text[200];
    unsigned long long steps_saved, steps_done, restarts;
    assert_int_equal(start(launcher, "1.0", &handle), ERR_OK);
    usleep(500000);
    assert_int_equal(launcher_signal(launcher, handle.pid, SIGTERM), ERR_OK);
    assert_int_equal(launcher_wait(launcher, handle.pid, 30000, &usage), ERR_OK);
    assert_true(usage.checkpointed);
    assert_int_equal(usage.exit_code, 85);
    assert_false(output_text("out/spin.txt", text, sizeof text));
    assert_true(output_text("checkpoint/spin.state", text, sizeof text));
    assert_int_equal(sscanf(text, "spin-1 %*f %*u %llu", &steps_saved), 1);
    assert_int_equal(start(launcher, "1.0", &handle), ERR_OK);
    assert_int_equal(launcher_wait(launcher, handle.pid, 30000, &usage), ERR_OK);
    assert_int_equal(usage.exit_code, 0);
    assert_true(output_text("out/spin.txt", text, sizeof text));
    assert_int_equal(
        sscanf(text, "seconds %*f steps %llu value %*x restarts %llu", &steps_done, &restarts), 2);
    assert_int_equal(restarts, 1);
    assert_true(steps_saved > 0 && steps_done > steps_saved);
}

/* The process id of the sandbox as its starter reported it; the starter is killed and must take the
 * sandbox along. */
static void a_sandbox_dies_with_its_host(void **state)
{
    (void)state;
    int report[2], status;
    pid_t guardian = 0;
    assert_int_equal(pipe(report), 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0,
          0); /* so that the orphan becomes ours, to be seen and reaped */
    pid_t host = fork();
    if (host == 0) {
        struct launcher *own;
        struct launch_handle handle = {.pid = -1};
        if (launcher_open(&own, home, init_program, "spin-host") != ERR_OK ||
            start(own, "60", &handle) != ERR_OK)
            handle.pid = -1;
        ssize_t ignored = write(report[1], &handle.pid, sizeof handle.pid);
        (void)ignored;
        pause();
        _exit(0);
    }
    assert_int_equal(read(report[0], &guardian, sizeof guardian), sizeof guardian);
    assert_true(guardian > 0);
    usleep(300000);
    assert_int_equal(kill(guardian, 0), 0);
    assert_int_equal(kill(host, SIGKILL), 0);
    assert_int_equal(waitpid(host, &status, 0), host);
    assert_int_equal(waitpid(guardian, &status, 0),
                     guardian); /* would hang for a minute if it lived on */
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct launcher *next;
    assert_int_equal(launcher_open(&next, home, init_program, "spin-host"),
                     ERR_OK); /* cleans the groups it left */
    launcher_close(next);
    close(report[0]);
    close(report[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_leaves_with_a_checkpoint_and_goes_on_elsewhere),
        cmocka_unit_test(a_sandbox_dies_with_its_host),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
