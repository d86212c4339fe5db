/*
 * cli/evidence.c - noct evidence: claim, evidence, state, as a page.
 */
#include "evidence/evidence.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "evidence/pass_gaps.h"

static const char help[] =
    "usage: noct evidence [--out DIR] [--only LIST] [--quick] [--json] [--quiet]\n"
    "\n"
    "Runs the experiments behind the claims of the mission and writes DIR/index.html, a page that stands alone: claim,\n"
    "scenario, seeds, commit, figure, state. Runs are kept in DIR/runs: a second call repeats only what changed.\n"
    "\n"
    "  --out DIR        the folder (default .noct/evidence)\n"
    "  --only LIST      region, links, gaps, loss, latency, degradation, campaign, scale (separated by commas)\n"
    "  --quick          shorter runs and fewer seeds: minutes instead of an hour\n"
    "  --scenarios DIR  where the scenario files are (default scenarios)\n"
    "  --json           the table of claims as JSON\n"
    "  --quiet          no progress\n"
    "\n"
    "Exit codes: 0 no claim failed, 1 a claim failed or the report cannot be written, 2 usage. See docs/operate/evidence.md.\n";

static size_t gaps_of(const char *path, double days, struct pass_gap **out, char epoch[40])
{
    struct scenario *s = cli_scenario_read(path);
    size_t count = s ? pass_gaps(s, days, out) : 0;
    epoch[0] = 0;
    if (s)
        time_utc_text(s->epoch, 0, epoch);
    scenario_free(s);
    return count;
}

int command_evidence(int argc, char **argv)
{
    struct evidence_options o = {.folder = CLI_STATE_DEFAULT "/evidence", .scenarios = "scenarios", .commit = cli_commit(), .gaps = gaps_of};
    bool json = false;
    const struct cli_option options[] = {
        {"out", &o.folder, NULL},     {"only", &o.only, NULL}, {"scenarios", &o.scenarios, NULL},
        {"quick", NULL, &o.quick},    {"json", NULL, &json},   {"quiet", NULL, &o.quiet},
    };
    struct cli_arguments arguments;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count > 0)
        return cli_usage(help, "noct evidence takes options only");
    char probe[512];
    snprintf(probe, sizeof probe, "%s/first-mesh.yaml", o.scenarios);
    if (access(probe, R_OK) != 0)
        return cli_usage(help, "%s is not there: say --scenarios DIR", probe);
    return evidence_run(&o, json);
}
