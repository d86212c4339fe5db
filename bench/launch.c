/* bench-launch: time from launcher_start to the reaped end of a sandbox that does nothing, beside
 * plain fork and exec. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/launcher.h"

enum { RUNS = 200 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, double *samples_ms)
{
    qsort(samples_ms, RUNS, sizeof *samples_ms, by_value);
    printf("{\"name\": \"%s_min\", \"unit\": \"ms\", \"value\": %.3f, \"n\": %d}\n", name,
           samples_ms[0], RUNS);
    printf("{\"name\": \"%s_p50\", \"unit\": \"ms\", \"value\": %.3f, \"n\": %d}\n", name,
           samples_ms[RUNS / 2], RUNS);
}

static void fork_and_exec(const char *program)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl(program, program, "exit", "0", (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

int main(void)
{
    static double plain[RUNS], start[RUNS], whole[RUNS];
    char home[] = "/tmp/noct-bench-launch-XXXXXX", probe[512];
    ssize_t size = readlink("/proc/self/exe", probe, sizeof probe - 32);
    struct launcher *launcher;
    if (size <= 0 || !mkdtemp(home) || launcher_open(&launcher, home, NULL, "bench") != ERR_OK)
        return 1;
    probe[size] = 0;
    strcpy(strrchr(probe, '/') + 1, "app-lane-probe");
    const char *arguments[] = {"/app/lane-probe", "exit", "0", NULL};
    struct launch_request request = {
        .app_path = probe, .arguments = arguments, .memory_bytes = 32u << 20, .cpu_millis = 1000};
    for (int i = 0; i < RUNS; i++) {
        struct launch_handle handle;
        struct launch_usage usage;
        double t0 = now_ms();
        fork_and_exec(probe);
        double t1 = now_ms();
        if (launcher_start(launcher, &request, &handle) != ERR_OK)
            return 1;
        double t2 = now_ms();
        if (launcher_wait(launcher, handle.pid, 10000, &usage) != ERR_OK || usage.exit_code != 0)
            return 1;
        double t3 = now_ms();
        plain[i] = t1 - t0;
        start[i] = t2 - t1;
        whole[i] = t3 - t1;
    }
    launcher_close(launcher);
    rmdir(home);
    print("plain_vfork_exec_exit", plain);
    print("launcher_start_call", start);
    print("launcher_start_to_reaped", whole);
    return 0;
}
