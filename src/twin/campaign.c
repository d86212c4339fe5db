#include "twin/campaign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/rng.h"
#include "twin/folder.h"
#include "twin/twin.h"

enum { JOBS_MAX = 256, PATH_SIZE = PATH_MAX + 64 };

struct job { /* a seed on its way */
    pid_t pid;
    uint64_t seed;
    bool second; /* of a repeated seed */
    bool killed; /* for taking too long */
    double started_s;
    char digest[32]; /* of the first run */
    json_t *report;  /* of the first run */
    double cpu_s;
};

struct campaign {
    const struct scenario *scenario;
    const struct campaign_options *o;
    struct job jobs[JOBS_MAX];
    uint8_t *done; /* a byte per seed of the range */
    uint64_t next, total, finished, failed, started_with;
    int results;
    double started_s, shown_s;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static double clock_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool campaign_repeats(uint64_t seed, double share)
{
    return (double)(hash_mix(seed, 0x7265706561747321) % 1000) < share * 1000;
}

static bool number_of(const char *name, uint32_t *out)
{
    const char *text = getenv(name);
    char *end;
    unsigned long v = text && text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : ULONG_MAX;
    if (v > UINT32_MAX || *end)
        return false;
    *out = (uint32_t)v;
    return true;
}

bool campaign_part_of_launcher(uint32_t *part, uint32_t *parts)
{
    static const char *const names[][2] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}, {"PMI_RANK", "PMI_SIZE"},
                                           {"SLURM_PROCID", "SLURM_NTASKS"}};
    uint32_t id, least = 0, count;
    if (number_of("SLURM_ARRAY_TASK_ID", &id) && number_of("SLURM_ARRAY_TASK_COUNT", &count)) {
        number_of("SLURM_ARRAY_TASK_MIN", &least);
        if (id < least || id - least >= count)
            return false;
        *part = id - least;
        *parts = count;
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (number_of(names[i][0], &id) && number_of(names[i][1], &count) && id < count) {
            *part = id;
            *parts = count;
            return true;
        }
    return false;
}

/* ---- the folder ------------------------------------------------------------------------------------------------------ */

static void path_of(const struct campaign *c, char out[PATH_SIZE], const char *folder, const char *suffix, uint64_t seed)
{
    snprintf(out, PATH_SIZE, "%s/%s/%llu%s", c->o->output, folder, (unsigned long long)seed, suffix);
}

static json_t *settings_json(const struct campaign_options *o)
{
    return json_pack("{s:s, s:s, s:f, s:I, s:I, s:f, s:i, s:b, s:s}", "scenario", o->scenario_path, "scenario_hash", "", "days", o->days,
                     "first", (json_int_t)o->first, "last", (json_int_t)o->last, "repeat_share", o->repeat_share, "timeout_s",
                     (int)o->timeout_s, "no_faults", o->no_faults ? 1 : 0, "commit", o->commit);
}

/* Writes campaign.json, or compares it with what is there: results of different programs do not add up. */
static bool settings_agree(const struct campaign_options *o)
{
    char path[PATH_SIZE], hash[17];
    json_error_t wrong;
    snprintf(path, sizeof path, "%s/campaign.json", o->output);
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)o->scenario_hash);
    json_t *mine = settings_json(o), *theirs = json_load_file(path, 0, &wrong);
    bool good = mine != NULL;
    if (!theirs && access(path, F_OK) == 0) {
        fprintf(stderr, "noct: %s is damaged (%s); take another --out, or --restart to empty the folder\n", path, wrong.text);
        json_decref(mine);
        return false;
    }
    if (mine)
        json_object_set_new(mine, "scenario_hash", json_string(hash));
    if (good && !theirs) {
        char working[PATH_SIZE]; /* a crash leaves the whole file or none */
        snprintf(working, sizeof working, "%s/.campaign.json.%ld", o->output, (long)getpid());
        good = json_dump_file(mine, working, JSON_INDENT(1)) == 0 && rename(working, path) == 0;
        if (!good)
            fprintf(stderr, "noct: cannot write %s: %s\n", path, strerror(errno));
    } else if (good) {
        static const char *const keys[] = {"scenario_hash", "days", "no_faults", "commit"};
        for (size_t i = 0; i < COUNT_OF(keys); i++)
            if (good && !json_equal(json_object_get(mine, keys[i]), json_object_get(theirs, keys[i]))) {
                fprintf(stderr, "noct: %s holds a campaign with another `%s`; take another --out, or --restart to empty it\n", o->output,
                        keys[i]);
                good = false;
            }
    }
    json_decref(mine);
    json_decref(theirs);
    return good;
}

/* One campaign at a time writes these results: a second one would run the same seeds and count them twice. */
static bool results_lock(const struct campaign *c, const char *path)
{
    if (flock(c->results, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return true; /* or the file system knows no locks */
    fprintf(stderr, "noct: another campaign is writing %s; wait for it, take another --out, or other parts with --part\n", path);
    return false;
}

/* Marks the seeds of this part that have a line. Gives the size of the whole lines: a crash may have cut the last one. */
static off_t lines_read(struct campaign *c, FILE *f)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    off_t good = 0;
    while ((n = getline(&line, &size, f)) > 0 && line[n - 1] == '\n') {
        json_error_t wrong;
        json_t *j = json_loadb(line, (size_t)n, 0, &wrong), *number = json_object_get(j, "seed");
        uint64_t seed = (uint64_t)json_integer_value(number);
        const char *outcome = json_string_value(json_object_get(j, "outcome"));
        good += n;
        bool ours = json_is_integer(number) && outcome && seed >= c->o->first && seed <= c->o->last &&
                    (seed - c->o->first) % c->o->parts == c->o->part;
        if (ours && !c->done[seed - c->o->first]) {
            c->done[seed - c->o->first] = 1;
            c->finished++;
            c->failed += strcmp(outcome, "kept") != 0;
        }
        json_decref(j);
    }
    free(line);
    return good;
}

/* Files of results: ours, and those of other parts, which may have had other borders. With `remove` they go instead. */
static void results_others(struct campaign *c, bool remove)
{
    char own[64], path[PATH_SIZE];
    struct dirent **names;
    snprintf(own, sizeof own, "results-%u.jsonl", c->o->part);
    int count = scandir(c->o->output, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (strncmp(names[i]->d_name, "results-", 8) == 0 && strcmp(names[i]->d_name, own) != 0 &&
            snprintf(path, sizeof path, "%s/%s", c->o->output, names[i]->d_name) < (int)sizeof path) {
            FILE *f = remove ? NULL : fopen(path, "r");
            if (f) {
                (void)lines_read(c, f);
                fclose(f);
            } else if (remove) {
                unlink(path);
            }
        }
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

static bool results_open(struct campaign *c)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/results-%u.jsonl", c->o->output, c->o->part);
    c->results = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (c->results >= 0 && !results_lock(c, path))
        return false;
    bool emptied = c->results >= 0 && (!c->o->restart || ftruncate(c->results, 0) == 0);
    FILE *f = emptied ? fopen(path, "r") : NULL;
    if (!f) {
        fprintf(stderr, "noct: cannot open %s: %s\n", path, strerror(errno));
        return false;
    }
    off_t good = lines_read(c, f);
    fclose(f);
    return ftruncate(c->results, good) == 0 && lseek(c->results, 0, SEEK_END) >= 0;
}

static bool folder_open(struct campaign *c)
{
    static const char *const folders[] = {"", "/running", "/failures"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        snprintf(path, sizeof path, "%s%s", c->o->output, folders[i]);
        if (!folder_make(path)) {
            fprintf(stderr, "noct: cannot make the folder %s: %s\n", path, strerror(errno));
            return false;
        }
    }
    if (!results_open(c)) /* first: it is the lock */
        return false;
    if (c->o->restart) {
        snprintf(path, sizeof path, "%s/campaign.json", c->o->output);
        unlink(path);
    }
    if (!settings_agree(c->o))
        return false;
    results_others(c, c->o->restart && c->o->parts == 1);
    c->started_with = c->finished;
    return true;
}

/* ---- children ---------------------------------------------------------------------------------------------------------- */

static bool redirect(const char *path, int to)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return fd >= 0 && dup2(fd, to) == to;
}

static void child(const struct campaign *c, uint64_t seed)
{
    char report[PATH_SIZE], log[PATH_SIZE];
    path_of(c, report, "running", ".json", seed);
    path_of(c, log, "running", ".log", seed);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would collect it */
    close(c->results); /* the lock is the parent's alone */
    signal(SIGINT, SIG_IGN); /* the parent decides */
    signal(SIGTERM, SIG_DFL);
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    if (!redirect(report, STDOUT_FILENO) || !redirect(log, STDERR_FILENO))
        _exit(3);
    struct twin_options o = {.days = c->o->days, .seed = seed, .json = true, .quiet = true, .no_faults = c->o->no_faults,
                             .commit = c->o->commit};
    int code = twin_run(c->scenario, &o);
    fflush(NULL);
    _exit(code);
}

static bool job_start(struct campaign *c, struct job *j)
{
    j->started_s = clock_s();
    j->killed = false;
    fflush(NULL);
    j->pid = fork();
    if (j->pid == 0)
        child(c, j->seed);
    return j->pid > 0;
}

static bool next_seed(struct campaign *c, uint64_t *seed)
{
    for (; c->next < c->o->last - c->o->first + 1; c->next++) {
        if (c->done[c->next] || c->next % c->o->parts != c->o->part)
            continue;
        *seed = c->o->first + c->next++;
        return true;
    }
    return false;
}

static void files_settle(const struct campaign *c, uint64_t seed, bool keep)
{
    static const char *const suffixes[] = {".json", ".log"};
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        char from[PATH_SIZE], to[PATH_SIZE];
        path_of(c, from, "running", suffixes[i], seed);
        path_of(c, to, "failures", suffixes[i], seed);
        if (!keep || rename(from, to) != 0)
            unlink(from);
    }
}

static bool result_write(struct campaign *c, const struct job *j, const char *outcome, const char *detail, bool repeated, json_t *report)
{
    json_t *line = json_pack("{s:I, s:s, s:s, s:b, s:f, s:O?}", "seed", (json_int_t)j->seed, "outcome", outcome, "detail", detail,
                             "repeated", repeated ? 1 : 0, "cpu_s", j->cpu_s, "report", report);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (!text)
        return false;
    size_t size = strlen(text);
    text[size] = '\n'; /* over the terminator: one write makes one line */
    ssize_t written = write(c->results, text, size + 1);
    if (written >= 0 && written != (ssize_t)size + 1)
        errno = ENOSPC; /* a part of a line: left out when the campaign goes on */
    bool good = written == (ssize_t)size + 1 && fdatasync(c->results) == 0;
    free(text);
    c->finished++;
    c->failed += strcmp(outcome, "kept") != 0;
    return good;
}

static const char *first_violation(json_t *report)
{
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(report, "checks"), i, check)
        if (json_integer_value(json_object_get(check, "violations")) > 0) {
            const char *first = json_string_value(json_object_get(check, "first"));
            return first ? first : "a promise";
        }
    return "exit code 1";
}

/* A child ended: judges it, starts the second run of a repeated seed, or writes its line. False: the folder failed. */
static bool job_end(struct campaign *c, struct job *j, int status, double cpu_s)
{
    char path[PATH_SIZE], detail[512] = "";
    json_error_t wrong;
    path_of(c, path, "running", ".json", j->seed);
    json_t *report = json_load_file(path, 0, &wrong);
    const char *digest = json_string_value(json_object_get(report, "digest")), *outcome = "kept";
    j->cpu_s += cpu_s;
    j->pid = 0;
    if (j->killed) {
        outcome = "timeout";
        snprintf(detail, sizeof detail, "no end within %u s", c->o->timeout_s);
    } else if (WIFSIGNALED(status)) {
        outcome = "crash";
        snprintf(detail, sizeof detail, "%s", strsignal(WTERMSIG(status)));
    } else if (!digest) {
        outcome = "no-report";
        snprintf(detail, sizeof detail, "exit code %d without a report", WEXITSTATUS(status));
    } else if (WEXITSTATUS(status) != 0) {
        outcome = "violation";
        snprintf(detail, sizeof detail, "%s", first_violation(report));
    } else if (j->second && strcmp(digest, j->digest) != 0) {
        outcome = "unequal";
        snprintf(detail, sizeof detail, "digests %s and %s", j->digest, digest);
    }
    bool again = !j->second && strcmp(outcome, "kept") == 0 && campaign_repeats(j->seed, c->o->repeat_share);
    bool good = true;
    if (again) {
        snprintf(j->digest, sizeof j->digest, "%s", digest);
        j->second = true;
        j->report = report;
        return job_start(c, j);
    }
    good = result_write(c, j, outcome, detail, j->second, j->second && j->report ? j->report : report);
    files_settle(c, j->seed, strcmp(outcome, "kept") != 0);
    if (!c->o->quiet && strcmp(outcome, "kept") != 0)
        fprintf(stderr, "%sseed %llu: %s: %s\n    noct twin run %s --days %g --seed %llu%s\n", isatty(2) ? "\r\033[K" : "",
                (unsigned long long)j->seed, outcome, detail, c->o->scenario_path, c->o->days, (unsigned long long)j->seed,
                c->o->no_faults ? " --no-faults" : "");
    json_decref(report);
    json_decref(j->report);
    *j = (struct job){0};
    return good;
}

static void progress(struct campaign *c, bool last)
{
    double now = clock_s(), least = isatty(2) ? 0.5 : 30;
    if (c->o->quiet || (!last && now - c->shown_s < least))
        return;
    c->shown_s = now;
    uint64_t here = c->finished - c->started_with;
    double rate = (double)here / MAX(now - c->started_s, 1e-3);
    double left = rate > 0 ? (double)(c->total - c->finished) / rate : 0;
    fprintf(stderr, "%s%llu of %llu seeds, %llu failed, %.1f per minute, %.0f min left%s", isatty(2) ? "\r\033[K" : "",
            (unsigned long long)c->finished, (unsigned long long)c->total, (unsigned long long)c->failed, 60 * rate, left / 60,
            isatty(2) && !last ? "" : "\n");
}

static void overdue(struct campaign *c)
{
    for (size_t i = 0; i < c->o->jobs; i++) {
        struct job *j = &c->jobs[i];
        if (j->pid > 0 && c->o->timeout_s && clock_s() - j->started_s > c->o->timeout_s && !j->killed) {
            j->killed = true;
            kill(j->pid, SIGKILL);
        }
    }
}

static struct job *job_of(struct campaign *c, pid_t pid)
{
    for (size_t i = 0; i < c->o->jobs; i++)
        if (c->jobs[i].pid == pid)
            return &c->jobs[i];
    return NULL;
}

/* Keeps `jobs` children at work until no seed is left. */
static bool work(struct campaign *c)
{
    size_t busy = 0;
    for (bool more = true; more || busy > 0;) {
        for (size_t i = 0; more && i < c->o->jobs && !interrupted; i++) {
            struct job *j = &c->jobs[i];
            if (j->pid)
                continue;
            more = next_seed(c, &j->seed);
            if (more && !job_start(c, j)) {
                fprintf(stderr, "noct: cannot start a process: %s\n", strerror(errno));
                return false;
            }
            busy += more;
        }
        if (interrupted)
            return true;
        progress(c, false);
        overdue(c);
        int status;
        struct rusage usage;
        pid_t pid = wait4(-1, &status, WNOHANG, &usage);
        if (pid == 0) {
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
            continue;
        }
        struct job *j = pid > 0 ? job_of(c, pid) : NULL;
        if (!j)
            continue;
        double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        if (!job_end(c, j, status, cpu_s)) {
            fprintf(stderr, "noct: a result cannot be written into %s: %s\n", c->o->output, strerror(errno));
            return false;
        }
        busy -= j->pid == 0;
    }
    return true;
}

static void children_end(struct campaign *c)
{
    for (size_t i = 0; i < c->o->jobs; i++) {
        if (c->jobs[i].pid <= 0)
            continue;
        kill(c->jobs[i].pid, SIGKILL);
        waitpid(c->jobs[i].pid, NULL, 0);
        files_settle(c, c->jobs[i].seed, false);
        json_decref(c->jobs[i].report);
    }
}

int campaign_run(const struct scenario *s, const struct campaign_options *options)
{
    struct campaign *c = calloc(1, sizeof *c);
    ASSERT(c != NULL && options->jobs >= 1 && options->jobs <= JOBS_MAX && options->parts >= 1);
    *c = (struct campaign){.scenario = s, .o = options, .started_s = clock_s(), .results = -1};
    uint64_t range = options->last - options->first + 1;
    c->total = (range + options->parts - 1 - options->part) / options->parts;
    c->done = calloc(range, 1);
    ASSERT(c->done != NULL);
    struct sigaction action = {.sa_handler = on_signal}, before[2];
    sigaction(SIGINT, &action, &before[0]);
    sigaction(SIGTERM, &action, &before[1]);
    bool good = folder_open(c) && work(c);
    children_end(c);
    sigaction(SIGINT, &before[0], NULL);
    sigaction(SIGTERM, &before[1], NULL);
    if (good)
        progress(c, true);
    if (good && interrupted)
        fprintf(stderr, "noct: interrupted; the same command goes on with the %llu seeds that are left\n",
                (unsigned long long)(c->total - c->finished));
    int code = good && !interrupted && c->failed == 0 ? 0 : 1;
    if (c->results >= 0)
        close(c->results);
    free(c->done);
    free(c);
    return code;
}
