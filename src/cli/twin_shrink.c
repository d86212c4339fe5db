/*
 * cli/twin_shrink.c - noct twin shrink: a smaller run that still breaks the same promise.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mutation.h"
#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "cli/twin_command.h"
#include "cli/twin_faults.h"
#include "host/json_read.h"

static const char help[] =
    "usage: noct twin shrink RUN [--out FILE] [--quiet]\n"
    "       noct twin shrink SCENARIO --fault-plan FILE [--seed N] [--days D] [--beyond] [--out FILE] [--quiet]\n"
    "\n"
    "Looks for a smaller run that still breaks the promise that broke first: fewer faults (delta debugging), less time, fewer\n"
    "nodes, less work, shorter faults. RUN is the folder that noct twin run left. Writes the smaller plan and prints the one\n"
    "command that repeats it.\n"
    "\n"
    "  --promise ID       keep what breaks this one, I5 for instance (default: the first that breaks)\n"
    "  --out FILE         the smaller plan (default: RUN/shrunk.txt, or FILE.shrunk beside the given plan)\n"
    "  --fault-plan FILE  of the run that fails\n"
    "  --seed N, --days D, --beyond, --without NODE,..., --no-work KIND,...   as they were given to noct twin run\n"
    "  --quiet            no progress\n"
    "\n"
    "Exit codes: 0 a run that fails was found, 1 the run does not fail, 2 usage or a file that is wrong.\n";

struct asked {
    char scenario_path[PATH_MAX], plan_path[PATH_MAX], out_path[PATH_MAX];
    char without[4096], idle[64];
    const char *days, *seed, *out, *plan, *promise, *without_given, *idle_given;
    bool beyond, quiet;
};

/* run.json of a run's folder. */
static bool folder_read(const char *folder, struct asked *a, struct shrink_run *run)
{
    char path[PATH_MAX], why[160] = "it cannot be read";
    static char text[65536];
    snprintf(path, sizeof path, "%s/run.json", folder);
    FILE *f = cli_file_open(path);
    size_t size = f ? fread(text, 1, sizeof text, f) : 0;
    if (f)
        fclose(f);
    struct json_value *top = size > 0 ? json_read(span_of(text, size), why) : NULL;
    uint64_t seed;
    const char *scenario = json_text_of(top, "scenario", NULL);
    const char *without = json_text_of(top, "without", ""), *idle = json_text_of(top, "no_work", "");
    run->duration = json_int_of(top, "duration_ns", 0);
    bool good = scenario && run->duration > 0 && run->duration <= 3660 * NS_PER_DAY && cli_parse_number(json_text_of(top, "seed", ""), 0, UINT64_MAX, &seed);
    if (good) {
        snprintf(a->scenario_path, sizeof a->scenario_path, "%s", scenario);
        snprintf(a->without, sizeof a->without, "%s", without);
        snprintf(a->idle, sizeof a->idle, "%s", idle);
        snprintf(a->plan_path, sizeof a->plan_path, "%s/faults.txt", folder);
        snprintf(a->out_path, sizeof a->out_path, "%s/shrunk.txt", folder);
        run->seed = seed;
        run->beyond = json_bool_of(top, "beyond", false);
    } else {
        cli_fail("%s is not what noct twin run leaves in its folder: %s", path, top ? "scenario, seed or duration_ns (at most 3660 days) is missing or wrong" : why);
    }
    json_close(top);
    return good;
}

static bool given_read(const char *scenario, struct asked *a, struct shrink_run *run)
{
    double days;
    if (!a->plan) {
        cli_usage(help, "say which plan fails: --fault-plan FILE (or give the folder of a run)");
        return false;
    }
    if (parse_double(span_text(a->days), &days) != ERR_OK || days <= 0 || days > 3660 ||
        (a->seed && !cli_parse_number(a->seed, 0, UINT64_MAX, &run->seed))) {
        cli_usage(help, "--days must be a number above 0 and at most 3660, --seed a whole number");
        return false;
    }
    snprintf(a->scenario_path, sizeof a->scenario_path, "%s", scenario);
    snprintf(a->plan_path, sizeof a->plan_path, "%s", a->plan);
    snprintf(a->out_path, sizeof a->out_path, "%s.shrunk", a->plan);
    snprintf(a->without, sizeof a->without, "%s", a->without_given ? a->without_given : "");
    snprintf(a->idle, sizeof a->idle, "%s", a->idle_given ? a->idle_given : "");
    run->duration = (duration_ns)(days * 86400e9);
    run->beyond = a->beyond;
    return true;
}

static bool plan_write(const char *path, const struct shrink_run *run, const struct shrink_result *result)
{
    struct text remarks = text_new(NULL, 4096), t = text_new(NULL, 64 << 20);
    text_printf(&remarks, "shrunk from %zu faults in %zu attempts; breaks %s\n%s", result->faults_before, result->attempts,
                result->broke, result->first);
    fault_plan_write(run->scenario, &run->plan, text_string(&remarks), &t);
    FILE *f = fopen(path, "w");
    bool good = f && fwrite(text_string(&t), 1, t.size, f) == t.size;
    good = f && fclose(f) == 0 && good;
    if (!good)
        cli_fail("%s cannot be written", path);
    text_free(&remarks);
    text_free(&t);
    return good;
}

static int shrunk_tell(const struct asked *a, const struct shrink_run *run, const struct shrink_result *result)
{
    const char *out = a->out ? a->out : a->out_path;
    if (!plan_write(out, run, result))
        return CLI_FAILED;
    printf("%s breaks with %zu of %zu faults, %.6g days, %zu of %zu nodes (%zu attempts)\n", result->broke, run->plan.count,
           result->faults_before, (double)run->duration / 86400e9, run->scenario->site_count - run->without_count,
           run->scenario->site_count, result->attempts);
    if (result->first[0])
        printf("  %s\n", result->first);
    for (size_t i = 0; i < run->plan.count && i < 10; i++) {
        char line[FAULT_LINE_MAX];
        fault_line(run->scenario, &run->plan.faults[i], line);
        printf("  %s\n", line);
    }
    struct text arguments = text_new(NULL, 64 << 10);
    cli_twin_faults_arguments(run, out, &arguments);
#ifdef NOCT_MUTATIONS
    if (mutation_now != MUTATION_NONE)
        text_printf(&arguments, " --mutation %s", mutation_name(mutation_now));
#endif
    printf("Repeat with: noct twin run %s --days %.9g --seed %llu%s\n", a->scenario_path, (double)run->duration / 86400e9,
           (unsigned long long)run->seed, text_string(&arguments));
    text_free(&arguments);
    return CLI_OK;
}

static int shrink(struct asked *a, struct shrink_run *run)
{
    struct twin_fault_options faults = {.plan_path = a->plan_path, .without = a->without, .idle = a->idle};
    struct shrink_result result;
    if (!cli_twin_faults_read(&faults, run))
        return CLI_USAGE;
    if (shrink_run(run, a->promise, a->quiet, &result) != ERR_OK)
        return cli_fail("the run keeps %s with this plan: there is nothing to shrink", a->promise ? a->promise : "every promise");
    return shrunk_tell(a, run, &result);
}

int twin_command_shrink(int argc, char **argv)
{
    static struct asked a; /* large, and used once */
    a = (struct asked){.days = "1"};
#ifdef NOCT_MUTATIONS
    const char *mutation = "NONE";
#endif
    const struct cli_option options[] = {
        {"days", &a.days, NULL}, {"seed", &a.seed, NULL}, {"out", &a.out, NULL}, {"fault-plan", &a.plan, NULL},
        {"without", &a.without_given, NULL}, {"no-work", &a.idle_given, NULL},
        {"promise", &a.promise, NULL}, {"beyond", NULL, &a.beyond}, {"quiet", NULL, &a.quiet},
#ifdef NOCT_MUTATIONS
        {"mutation", &mutation, NULL},
#endif
    };
    struct cli_arguments arguments;
    struct stat status;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 1)
        return cli_usage(help, "say: noct twin shrink RUN");
#ifdef NOCT_MUTATIONS
    if (!mutation_choose(mutation))
        return cli_usage(help, "--mutation must be a name of src/base/mutation.def");
#endif
    struct shrink_run run = {.seed = 1};
    bool folder = stat(arguments.items[0], &status) == 0 && S_ISDIR(status.st_mode);
    if (!(folder ? folder_read(arguments.items[0], &a, &run) : given_read(arguments.items[0], &a, &run)))
        return CLI_USAGE;
    struct scenario *s = cli_scenario_read(a.scenario_path);
    if (!s)
        return CLI_USAGE;
    run.scenario = s;
    if (!folder && !a.seed)
        run.seed = s->seed;
    code = shrink(&a, &run);
    fault_plan_free(&run.plan);
    scenario_free(s);
    return code;
}
