/*
 * cli/twin_campaign.c - noct twin campaign: many seeds of a scenario, some at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "cli/twin_command.h"
#include "twin/campaign.h"

static const char help[] =
    "usage: noct twin campaign SCENARIO --seeds FIRST..LAST [--days D] [--jobs N] [--out DIR] [...]\n"
    "       noct twin campaign --summary DIR [--json]\n"
    "\n"
    "Runs the twin once per seed, each in a process of its own, and sums up: promises, figures, rare paths, and for each\n"
    "failure the one command that repeats it. Interrupted, the same command goes on where it stopped.\n"
    "\n"
    "  --seeds A..B     the seeds, both included (or a number: that many from 1)\n"
    "  --days D         days of virtual time per seed (default 0.25)\n"
    "  --jobs N         runs at a time (default: one per processor)\n"
    "  --out DIR        the folder (default .noct/campaign/NAME)\n"
    "  --repeat SHARE   share of the seeds that run twice and must give the same digest (default 0.05)\n"
    "  --timeout S      end a run after S seconds of clock time (default 600; 0: never)\n"
    "  --no-faults      leave the fault plans out\n"
    "  --part P/N       only the part P (from 0) of N; Slurm arrays, srun and Open MPI ranks are recognised by themselves\n"
    "  --restart        empty the folder first\n"
    "  --summary DIR    only sum up what is there, all parts together\n"
    "  --require-probes every rare branch of core/probe.def must be taken in some seed\n"
    "  --json           the summary as JSON\n"
    "  --quiet          no progress\n"
    "\n"
    "Many machines, one shared folder:  mpirun -n 64 noct twin campaign S.yaml --seeds 1..100000 --jobs 1 --out DIR\n"
    "                                   sbatch --array=0-63 --wrap 'noct twin campaign S.yaml --seeds 1..100000 --out DIR'\n"
    "\n"
    "Exit codes: 0 every seed kept every promise, 1 failures, a branch never taken, or interrupted, 2 usage. Files: docs/format/campaign.md.\n";

static bool seeds_parse(const char *text, struct campaign_options *o)
{
    const char *dots = strstr(text, "..");
    char first[32];
    if (!dots) {
        o->first = 1;
        return cli_parse_number(text, 1, 100000000, &o->last);
    }
    if ((size_t)(dots - text) >= sizeof first)
        return false;
    snprintf(first, sizeof first, "%.*s", (int)(dots - text), text);
    return cli_parse_number(first, 0, INT64_MAX - 1, &o->first) && cli_parse_number(dots + 2, o->first, INT64_MAX - 1, &o->last) &&
           o->last - o->first < 100000000;
}

static bool part_parse(const char *text, struct campaign_options *o)
{
    const char *slash = strchr(text, '/');
    char part[16];
    uint64_t p, n;
    if (!slash || (size_t)(slash - text) >= sizeof part)
        return false;
    snprintf(part, sizeof part, "%.*s", (int)(slash - text), text);
    if (!cli_parse_number(part, 0, 1000000, &p) || !cli_parse_number(slash + 1, p + 1, 1000000, &n))
        return false;
    o->part = (uint32_t)p;
    o->parts = (uint32_t)n;
    return true;
}

static bool hash_file(const char *path, uint64_t *out)
{
    struct span text;
    if (!cli_file_read(path, 1 << 20, &text))
        return false;
    *out = hash64(text.data, text.size);
    cli_file_free(text);
    return true;
}

struct texts {
    const char *seeds, *days, *jobs, *out, *repeat, *timeout, *part, *summary;
};

static int options_check(const struct texts *t, struct campaign_options *o)
{
    uint64_t jobs = (uint64_t)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L), timeout;
    if (!t->seeds || !seeds_parse(t->seeds, o))
        return cli_usage(help, "--seeds must be FIRST..LAST, at most a hundred million seeds");
    if (parse_double(span_text(t->days), &o->days) != ERR_OK || o->days <= 0 || o->days > 3660)
        return cli_usage(help, "--days must be a number above 0 and at most 3660");
    if (t->jobs && !cli_parse_number(t->jobs, 1, 256, &jobs))
        return cli_usage(help, "--jobs must be a number between 1 and 256");
    if (parse_double(span_text(t->repeat), &o->repeat_share) != ERR_OK || o->repeat_share < 0 || o->repeat_share > 1)
        return cli_usage(help, "--repeat must be a share between 0 and 1");
    if (!cli_parse_number(t->timeout, 0, 1000000, &timeout))
        return cli_usage(help, "--timeout must be a number of seconds");
    if (t->part && !part_parse(t->part, o))
        return cli_usage(help, "--part must be P/N with P from 0 to N-1");
    o->jobs = (uint32_t)MIN(jobs, (uint64_t)256);
    o->timeout_s = (uint32_t)timeout;
    return CLI_OK;
}

int twin_command_campaign(int argc, char **argv)
{
    struct texts t = {.days = "0.25", .repeat = "0.05", .timeout = "600"};
    struct campaign_options o = {.commit = cli_commit(), .parts = 1};
    bool json = false, require = false;
    const struct cli_option options[] = {
        {"seeds", &t.seeds, NULL},   {"days", &t.days, NULL},       {"jobs", &t.jobs, NULL}, {"out", &t.out, NULL},
        {"repeat", &t.repeat, NULL}, {"timeout", &t.timeout, NULL}, {"part", &t.part, NULL}, {"summary", &t.summary, NULL},
        {"no-faults", NULL, &o.no_faults}, {"restart", NULL, &o.restart}, {"json", NULL, &json}, {"quiet", NULL, &o.quiet},
        {"require-probes", NULL, &require},
    };
    struct cli_arguments arguments;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (t.summary)
        return campaign_summary(t.summary, json, require);
    if (arguments.count != 1)
        return cli_usage(help, "say: noct twin campaign SCENARIO --seeds FIRST..LAST");
    campaign_part_of_launcher(&o.part, &o.parts);
    code = options_check(&t, &o);
    if (code != CLI_OK)
        return code;
    o.scenario_path = arguments.items[0];
    struct scenario *s = cli_scenario_read(o.scenario_path);
    if (!s || !hash_file(o.scenario_path, &o.scenario_hash))
        return CLI_USAGE;
    if (!cli_scenario_fits(s)) {
        scenario_free(s);
        return CLI_FAILED;
    }
    o.scenario_hash = hash64_seeded(o.scenario_hash, &s->files_digest, s->files_digest ? sizeof s->files_digest : 0);
    char folder[256];
    snprintf(folder, sizeof folder, "%s/campaign/%s", CLI_STATE_DEFAULT, s->name);
    o.output = t.out ? t.out : folder;
    code = campaign_run(s, &o);
    scenario_free(s);
    int summed = o.parts == 1 ? campaign_summary(o.output, json, require) : CLI_OK;
    return code ? code : summed;
}
