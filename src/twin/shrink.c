#include "twin/shrink.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "twin/faults.h"
#include "twin/world.h"

const char *const shrink_work_names[WORK_KINDS] = {"puts", "gets", "deletes", "tasks"};

/* ---- delta debugging ---------------------------------------------------------------------------------------------------- */

/* `plan` without its faults [from, to). */
static struct fault_plan complement(const struct fault_plan *plan, size_t from, size_t to)
{
    struct fault_plan out = {0};
    for (size_t i = 0; i < plan->count; i++)
        if (i < from || i >= to)
            fault_plan_add(&out, &plan->faults[i]);
    return out;
}

/* Tries to leave out one of `parts` pieces; true: that was possible. */
static bool leave_out(struct fault_plan *plan, size_t parts, shrink_fails *fails, void *context)
{
    for (size_t i = 0; i < parts; i++) {
        struct fault_plan rest = complement(plan, i * plan->count / parts, (i + 1) * plan->count / parts);
        if (rest.count < plan->count && fails(context, &rest)) {
            fault_plan_free(plan);
            *plan = rest;
            return true;
        }
        fault_plan_free(&rest);
    }
    return false;
}

void fault_plan_minimise(struct fault_plan *plan, shrink_fails *fails, void *context)
{
    for (size_t parts = 1; plan->count > 0;) { /* one part: does it fail without any fault? */
        if (leave_out(plan, parts, fails, context))
            parts = MAX(MIN(parts - 1, plan->count), (size_t)2);
        else if (parts >= plan->count)
            return;
        else
            parts = MIN(2 * parts, plan->count);
    }
}

/* ---- one attempt, in a child --------------------------------------------------------------------------------------------- */

struct outcome {
    uint64_t broken; /* a bit per promise; ASSERTED: the run ended early */
    char first[PROMISE_COUNT][240], id[PROMISE_COUNT][8];
};
#define ASSERTED (1ull << 63)

struct shrinker {
    struct shrink_run *run;
    struct shrink_result *result;
    uint64_t target; /* the bit that must break */
    char shape[240]; /* how: its first case without instants, names and numbers */
    bool quiet;
    double slowest_s;
};

static double clock_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct scenario shrink_scenario(const struct shrink_run *run)
{
    struct scenario s = *run->scenario;
    double *rates[WORK_KINDS] = {&s.workload.puts_per_hour, &s.workload.gets_per_hour, &s.workload.deletes_per_hour,
                                 &s.workload.tasks_per_hour};
    for (size_t i = 0; i < WORK_KINDS; i++)
        if (run->idle[i])
            *rates[i] = 0;
    return s;
}

static void child(const struct shrink_run *run, const struct fault_plan *plan, int to)
{
    struct rlimit none = {0};
    struct outcome o = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &none);
    if (!freopen("/dev/null", "w", stderr))
        _exit(3);
    struct scenario s = shrink_scenario(run);
    struct world *w;
    if (world_open(&w, &s, run->seed, run->duration, true) != ERR_OK)
        _exit(3);
    faults_give(w, plan, run->beyond);
    for (size_t i = 0; i < run->without_count; i++)
        faults_without(w, run->without[i]);
    world_run(w);
    for (size_t i = 0; i < PROMISE_COUNT; i++) {
        const struct promise_result *r = &checks_results(w)[i];
        o.broken |= (uint64_t)(r->violations > 0) << i;
        memcpy(o.first[i], r->first, sizeof o.first[i]);
        snprintf(o.id[i], sizeof o.id[i], "%s", r->id);
    }
    _exit(write(to, &o, sizeof o) == (ssize_t)sizeof o ? 0 : 3);
}

static bool outcome_read(int from, struct outcome *out)
{
    size_t at = 0;
    for (ssize_t n; at < sizeof *out && (n = read(from, (char *)out + at, sizeof *out - at)) > 0;)
        at += (size_t)n;
    return at == sizeof *out;
}

static struct outcome attempt(struct shrinker *k, const struct fault_plan *plan)
{
    struct outcome o = {0};
    int ends[2], status = 0;
    double began = clock_s();
    k->result->attempts++;
    fflush(NULL);
    if (pipe(ends) != 0)
        return o;
    pid_t pid = fork();
    if (pid == 0)
        child(k->run, plan, ends[1]);
    close(ends[1]);
    bool whole = pid > 0 && outcome_read(ends[0], &o);
    close(ends[0]);
    if (pid > 0 && waitpid(pid, &status, 0) == pid && !whole && WIFSIGNALED(status))
        o = (struct outcome){.broken = ASSERTED};
    k->slowest_s = MAX(k->slowest_s, clock_s() - began);
    return o;
}

/* ---- what may be left out -------------------------------------------------------------------------------------------------- */

static void tell(const struct shrinker *k, size_t faults)
{
    if (k->quiet)
        return;
    fprintf(stderr, "\rshrink: %s, attempt %zu, %zu of %zu faults, %.3f days, %zu nodes less, at most %.1f s each   ",
            k->result->broke, k->result->attempts, faults, k->result->faults_before, (double)k->run->duration / 86400e9,
            k->run->without_count, k->slowest_s);
    fflush(stderr);
}

static bool is_name(const struct scenario *s, struct span word)
{
    for (size_t i = 0; i < s->site_count; i++)
        if (span_equal_text(word, s->sites[i].name))
            return true;
    return false;
}

/* The words that stay when the same thing goes wrong elsewhere: no digits, no names of nodes. */
void shrink_shape(const struct scenario *s, const char *text, char out[240])
{
    struct writer w = writer_of(out, 239);
    while (*text) {
        size_t n = strcspn(text, " ,:()");
        struct span word = span_of(text, n);
        bool digit = false;
        for (size_t i = 0; i < n; i++)
            digit |= text[i] >= '0' && text[i] <= '9';
        if (n > 0 && !digit && !is_name(s, word)) {
            write_bytes(&w, word.data, word.size);
            write_u8(&w, ' ');
        }
        text += n + (text[n] != 0);
    }
    out[MIN(w.at, (size_t)239)] = 0;
}

/* In the same way: the promise, and what is said of its first case. Another way to break it is another bug. */
static bool fails_with(void *context, const struct fault_plan *plan)
{
    struct shrinker *k = context;
    tell(k, plan->count);
    struct outcome o = attempt(k, plan);
    if (!(o.broken & k->target) || k->target == ASSERTED)
        return o.broken & k->target;
    char shape[240];
    shrink_shape(k->run->scenario, o.first[__builtin_ctzll(k->target)], shape);
    return strcmp(shape, k->shape) == 0;
}

static bool fails(struct shrinker *k)
{
    return fails_with(k, &k->run->plan);
}

/* The shortest of some durations that fails. */
static void shorten(struct shrinker *k)
{
    duration_ns least = 30 * NS_PER_MINUTE;
    for (size_t i = 0; i < k->run->plan.count; i++)
        least = MAX(least, k->run->plan.faults[i].at + NS_PER_MINUTE);
    for (duration_ns step = (k->run->duration - least) / 2; step > NS_PER_MINUTE; step /= 2) {
        k->run->duration -= step;
        if (!fails(k))
            k->run->duration += step;
    }
}

static bool mentioned(const struct fault_plan *plan, node_id node)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->faults[i].kind != FAULT_PLANE_LOSS && (plan->faults[i].node == node || plan->faults[i].peer == node))
            return true;
    return false;
}

/* A mesh that lacks a node may break the promise by itself, in the same words: then the faults say nothing any more. */
static bool only_by_faults(struct shrinker *k)
{
    const struct fault_plan none = {0};
    return k->run->plan.count == 0 || !fails_with(k, &none);
}

static void nodes_leave_out(struct shrinker *k)
{
    struct shrink_run *r = k->run;
    for (node_id id = (node_id)r->scenario->site_count; id >= 1 && r->without_count < SHRINK_WITHOUT_MAX; id--) {
        if (mentioned(&r->plan, id))
            continue;
        r->without[r->without_count++] = id;
        if (!fails(k) || !only_by_faults(k))
            r->without_count--;
    }
}

static void work_leave_out(struct shrinker *k)
{
    for (size_t i = 0; i < WORK_KINDS; i++) {
        k->run->idle[i] = true;
        k->run->idle[i] = fails(k);
    }
}

static void faults_shorten(struct shrinker *k)
{
    for (size_t i = 0; i < k->run->plan.count; i++) {
        struct fault *f = &k->run->plan.faults[i];
        for (int times = 0; times < 4 && f->duration > 2 * NS_PER_S; times++) {
            duration_ns was = f->duration;
            f->duration /= 2;
            if (!fails(k)) {
                f->duration = was;
                break;
            }
        }
    }
}

/* `promise`, or the first that broke. */
static err target_choose(struct shrinker *k, const char *promise)
{
    struct outcome o = attempt(k, &k->run->plan);
    if (o.broken == ASSERTED) {
        k->target = ASSERTED;
        snprintf(k->result->broke, sizeof k->result->broke, "ASSERT");
        return ERR_OK;
    }
    for (size_t i = 0; i < PROMISE_COUNT && k->target == 0; i++) {
        if (!(o.broken >> i & 1) || (promise && strcmp(promise, o.id[i]) != 0))
            continue;
        k->target = 1ull << i;
        snprintf(k->result->broke, sizeof k->result->broke, "%s", o.id[i]);
        shrink_shape(k->run->scenario, o.first[i], k->shape);
    }
    return k->target ? ERR_OK : ERR_NOT_FOUND;
}

err shrink_run(struct shrink_run *run, const char *promise, bool quiet, struct shrink_result *out)
{
    struct shrinker k = {.run = run, .result = out, .quiet = quiet};
    *out = (struct shrink_result){.faults_before = run->plan.count};
    TRY(target_choose(&k, promise));
    fault_plan_minimise(&run->plan, fails_with, &k);
    shorten(&k);
    nodes_leave_out(&k);
    work_leave_out(&k);
    faults_shorten(&k);
    fault_plan_minimise(&run->plan, fails_with, &k);
    struct outcome o = attempt(&k, &run->plan);
    if (k.target != ASSERTED)
        memcpy(out->first, o.first[__builtin_ctzll(k.target)], sizeof out->first);
    tell(&k, run->plan.count);
    if (!quiet)
        fputc('\n', stderr);
    return ERR_OK;
}
