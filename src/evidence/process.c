/*
 * evidence/process.c - runs of this very program in child processes, kept by what decides them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "evidence/experiment.h"

extern char **environ;

enum { PATH_SIZE = 1024, FILE_MAX = 1 << 20, ARGUMENTS_MAX = 62 };

void evidence_path(const struct evidence *e, char *out, size_t size, const char *format, ...)
{
    va_list list;
    int n = snprintf(out, size, "%s/", e->options->folder);
    va_start(list, format);
    if (n >= 0 && (size_t)n < size)
        vsnprintf(out + n, size - (size_t)n, format, list);
    va_end(list);
}

void evidence_scenario(const struct evidence *e, char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s/%s.yaml", e->options->scenarios, name);
}

static uint64_t hash_of_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(FILE_MAX);
    size_t n = f && data ? fread(data, 1, FILE_MAX, f) : 0;
    uint64_t h = n ? hash64(data, n) : 0;
    if (f)
        fclose(f);
    free(data);
    return h;
}

/* Commit, arguments, and the text of every argument that names a file. */
static uint64_t key_of(const struct evidence *e, const char *const *arguments)
{
    uint64_t key = hash64(e->options->commit, strlen(e->options->commit));
    for (size_t i = 0; arguments[i]; i++) {
        uint64_t parts[3] = {key, hash64(arguments[i], strlen(arguments[i])), 0};
        if (strchr(arguments[i], '.'))
            parts[2] = hash_of_file(arguments[i]);
        key = hash64(parts, sizeof parts);
    }
    return key;
}

static bool wait_for(pid_t pid, int *code)
{
    int status;
    while (waitpid(pid, &status, 0) != pid)
        if (errno != EINTR)
            return false;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

bool evidence_program(const char *program, const char *const *line, const char *out, const char *log, int *code)
{
    char self[PATH_SIZE];
    ssize_t n = program ? snprintf(self, sizeof self, "%s", program) : readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0 || (size_t)n >= sizeof self)
        return false;
    self[n] = 0;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (strcmp(out, log) == 0)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    pid_t pid;
    char **argv = (char **)(uintptr_t)line;
    bool good = posix_spawn(&pid, self, &actions, NULL, argv, environ) == 0 && wait_for(pid, code);
    posix_spawn_file_actions_destroy(&actions);
    return good;
}

static bool run(const char *const *arguments, const char *out, const char *log, int *code)
{
    const char *line[ARGUMENTS_MAX + 2] = {"noct"};
    for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i]; i++)
        line[i + 1] = arguments[i];
    return evidence_program(NULL, line, out, log, code);
}

json_t *evidence_noct(struct evidence *e, const char *name, const char *const *arguments, int *exit_code)
{
    char out[PATH_SIZE], log[PATH_SIZE], done[PATH_SIZE];
    int code = -1;
    json_error_t wrong;
    evidence_path(e, out, sizeof out, "runs/%s.json", name);
    evidence_path(e, log, sizeof log, "runs/%s.log", name);
    evidence_path(e, done, sizeof done, "runs/%s.done", name);
    uint64_t key = key_of(e, arguments), had = 0;
    FILE *f = fopen(done, "r");
    bool kept = f && fscanf(f, "%" SCNx64 " %d", &had, &code) == 2 && had == key;
    if (f)
        fclose(f);
    if (!kept) {
        if (!e->options->quiet)
            fprintf(stderr, "  %-14s %s\n", e->experiment, name);
        if (!run(arguments, out, log, &code)) {
            fprintf(stderr, "noct: cannot run %s: %s\n", name, strerror(errno));
            return NULL;
        }
        f = fopen(done, "w");
        if (f) {
            fprintf(f, "%" PRIx64 " %d\n", key, code);
            fclose(f);
        }
    }
    if (exit_code)
        *exit_code = code;
    return json_load_file(out, 0, &wrong);
}

double json_figure(const json_t *report, const char *name)
{
    const json_t *v = json_object_get(json_object_get(report, "figures"), name);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

long json_violations(const json_t *report)
{
    const json_t *checks = json_object_get(report, "checks");
    if (!json_is_array(checks))
        return -1;
    long sum = 0;
    for (size_t i = 0; i < json_array_size(checks); i++)
        sum += (long)json_integer_value(json_object_get(json_array_get(checks, i), "violations"));
    return sum;
}
