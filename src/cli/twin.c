/*
 * cli/twin.c - noct twin run: a scenario in virtual time.
 */
#include "cli/cli.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twin/twin.h"

static const char help[] =
    "usage: noct twin run SCENARIO [--days D] [--seed N] [--out DIR] [--json] [--no-faults] [--quiet]\n"
    "\n"
    "Runs the node code of every satellite and gateway of SCENARIO in virtual time, with orbits, links, power, heat and\n"
    "faults, checks the promises after steps, heals, and reports what was promised and what was measured.\n"
    "\n"
    "  --days D      days of virtual time (default 1; fractions are fine)\n"
    "  --seed N      everything that is drawn comes from it (default: the scenario's)\n"
    "  --out DIR     report.json, series.csv, events.log and plots (default .noct/twin/NAME-SEED; \"-\" for none)\n"
    "  --json        the report as JSON on stdout: seed, commit, digest, checks, figures\n"
    "  --no-faults   leave the fault plan out\n"
    "  --quiet       no progress\n"
    "\n"
    "Exit codes: 0 all promises kept, 1 a violation, 2 usage or a scenario that is wrong.\n"
    "The same scenario and seed give the same closing digest in every build.\n";

enum { SCENARIO_BYTES_MAX = 1 << 20, FILE_BYTES_MAX = 64 << 20 };

struct loader { /* files named by the scenario, relative to it */
    char directory[PATH_MAX];
    void *loaded[64];
    size_t count;
};

static bool file_read(const char *path, size_t most, struct span *out)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(most + 1);
    if (!f || !data) {
        free(data);
        if (f)
            fclose(f);
        return false;
    }
    size_t size = fread(data, 1, most + 1, f);
    bool good = !ferror(f) && size <= most;
    fclose(f);
    if (!good) {
        free(data);
        return false;
    }
    *out = span_of(data, size);
    return true;
}

static err load(void *context, const char *name, struct span *out)
{
    struct loader *l = context;
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : l->directory, name[0] == '/' ? "" : "/", name);
    if (l->count == COUNT_OF(l->loaded))
        return ERR_FULL;
    if (!file_read(path, FILE_BYTES_MAX, out))
        return ERR_IO;
    l->loaded[l->count++] = (void *)(uintptr_t)out->data;
    return ERR_OK;
}

/* Reads and checks a scenario; says what is wrong with file, line and column. NULL: said. */
static struct scenario *scenario_read(const char *path)
{
    struct span text;
    struct loader l = {.count = 0};
    if (!file_read(path, SCENARIO_BYTES_MAX, &text)) {
        cli_fail("%s cannot be read (or is larger than a mebibyte)", path);
        return NULL;
    }
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    snprintf(l.directory, sizeof l.directory, "%s", dirname(copy));
    struct scenario *s = NULL;
    struct scenario_error wrong;
    if (scenario_parse(text, load, &l, &s, &wrong) != ERR_OK)
        cli_fail("%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text);
    for (size_t i = 0; i < l.count; i++)
        free(l.loaded[i]);
    free((void *)(uintptr_t)text.data);
    return s;
}

const char *cli_commit(void)
{
#ifdef NOCT_COMMIT
    return NOCT_COMMIT;
#else
    return "unknown";
#endif
}

int command_twin(int argc, char **argv)
{
    const char *days = "1", *seed = NULL, *out = NULL;
    struct twin_options o = {.commit = cli_commit()};
    const struct cli_option options[] = {
        {"days", &days, NULL},         {"seed", &seed, NULL},    {"out", &out, NULL},
        {"json", NULL, &o.json},       {"no-faults", NULL, &o.no_faults}, {"quiet", NULL, &o.quiet},
    };
    struct cli_arguments arguments;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 2 || strcmp(arguments.items[0], "run") != 0)
        return cli_usage(help, "say: noct twin run SCENARIO");
    if (parse_double(span_text(days), &o.days) != ERR_OK || o.days <= 0 || o.days > 3660)
        return cli_usage(help, "--days must be a number above 0 and at most 3660");
    struct scenario *s = scenario_read(arguments.items[1]);
    if (!s)
        return CLI_USAGE;
    o.seed = s->seed;
    if (seed && !cli_parse_number(seed, 0, UINT64_MAX, &o.seed)) {
        scenario_free(s);
        return cli_usage(help, "--seed must be a whole number");
    }
    char folder[256];
    snprintf(folder, sizeof folder, "%s/twin/%s-%llu", CLI_STATE_DEFAULT, s->name, (unsigned long long)o.seed);
    o.output = !out ? folder : strcmp(out, "-") == 0 ? NULL : out;
    code = twin_run(s, &o);
    scenario_free(s);
    return code;
}
