/*
 * spin - burns processor time for N seconds and survives being moved; the workload of drills.
 *
 * Usage:  spin SECONDS. Counts its own processor time in steps of about 10 ms. On SIGTERM or
 * SIGUSR1 it writes $ORB_CKPT_DIR/spin.state (to a temporary name, synced, then renamed) and on
 * SIGTERM leaves with code 85; started again with that file present it goes on from there. It also
 * writes the state every five seconds, so that a SIGKILL costs at most that much. At the end
 * /work/out/spin.txt (if /work exists) holds what was done. Exit:   0 done, 2 usage, 7 cannot write
 * the result, 85 checkpoint written.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t leave, save_soon;

struct state {
    double done_s;
    uint64_t value; /* what the loop computes: shows that nothing was lost or done twice */
    uint64_t steps, restarts;
};

static void on_signal(int number)
{
    if (number == SIGTERM)
        leave = 1;
    else
        save_soon = 1;
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int state_path(char *out, size_t size, const char *suffix)
{
    const char *directory = getenv("ORB_CKPT_DIR");
    if (!directory || !*directory)
        return -1;
    return snprintf(out, size, "%s/spin.state%s", directory, suffix) < (int)size ? 0 : -1;
}

static int state_save(const struct state *s)
{
    char temporary[512], path[512];
    if (state_path(temporary, sizeof temporary, ".new") < 0 ||
        state_path(path, sizeof path, "") < 0)
        return -1;
    FILE *file = fopen(temporary, "w");
    if (!file)
        return -1;
    fprintf(file, "spin-1 %.6f %llu %llu %llu\n", s->done_s, (unsigned long long)s->value,
            (unsigned long long)s->steps, (unsigned long long)s->restarts);
    int failed = fflush(file) != 0 || fsync(fileno(file)) != 0;
    failed |= fclose(file) != 0;
    return failed || rename(temporary, path) < 0 ? -1 : 0;
}

static void state_load(struct state *s)
{
    char path[512];
    unsigned long long value, steps, restarts;
    double done;
    FILE *file = state_path(path, sizeof path, "") == 0 ? fopen(path, "r") : NULL;
    if (!file)
        return;
    if (fscanf(file, "spin-1 %lf %llu %llu %llu", &done, &value, &steps, &restarts) == 4 &&
        done >= 0 && done < 1e9) {
        *s = (struct state){done, value, steps, restarts + 1};
        printf("going on at %.2f s after %llu steps\n", done, steps);
    }
    fclose(file);
}

static void step(struct state *s)
{
    uint64_t v = s->value;
    for (int i = 0; i < 10000000; i++)
        v = v * 6364136223846793005u + 1442695040888963407u;
    s->value = v;
    s->steps++;
}

static int result_write(const struct state *s, double seconds)
{
    struct stat st;
    if (stat("/work", &st) < 0)
        return 0;
    mkdir("/work/out", 0755);
    FILE *file = fopen("/work/out/spin.txt", "w");
    if (!file)
        return -1;
    fprintf(file, "seconds %.3f steps %llu value %016llx restarts %llu\n", seconds,
            (unsigned long long)s->steps, (unsigned long long)s->value,
            (unsigned long long)s->restarts);
    return fclose(file);
}

int main(int argc, char **argv)
{
    struct state s = {.value = 1};
    char *end = NULL;
    double seconds = argc == 2 ? strtod(argv[1], &end) : -1;
    if (argc != 2 || *end || !(seconds >= 0 && seconds < 1e9)) {
        fprintf(stderr, "usage: spin SECONDS\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGTERM, on_signal);
    signal(SIGUSR1, on_signal);
    state_load(&s);
    double base_s = s.done_s, saved_s = s.done_s;
    while (s.done_s < seconds) {
        step(&s);
        s.done_s = base_s + cpu_s();
        if (leave || save_soon || s.done_s - saved_s > 5) {
            int saved = state_save(&s);
            printf("checkpoint at %.2f s%s\n", s.done_s, saved < 0 ? " could not be written" : "");
            if (leave)
                return saved < 0 ? 128 + SIGTERM : 85;
            save_soon = 0;
            saved_s = s.done_s;
        }
    }
    printf("done: %.2f s, %llu steps, value %016llx\n", s.done_s, (unsigned long long)s.steps,
           (unsigned long long)s.value);
    return result_write(&s, s.done_s) < 0 ? 7 : 0;
}
