/*
 * cli/twin_run.c - noct twin run: a scenario in virtual time.
 */
#include <stdio.h>
#include <string.h>

#include "base/mutation.h"
#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "cli/twin_command.h"
#include "cli/twin_faults.h"
#include "node/scenario.h"
#include "twin/output_pcap.h"
#include "twin/outputs.h"
#include "twin/ranks.h"
#include "twin/twin.h"

static const char help[] =
    "usage: noct twin run SCENARIO [--days D] [--seed N] [--out DIR] [--json] [--no-faults] [--quiet]\n"
    "                      [--fault-plan FILE] [--beyond] [--without NODE,...] [--no-work KIND,...] [--threads N] [--shards N]\n"
    "                      [--outputs LIST] [--pcap A:B,C:D]\n"
    "\n"
    "Runs the node code of every satellite and gateway of SCENARIO in virtual time, with orbits, links, power, heat and\n"
    "faults, checks the promises after steps, heals, and reports what was promised and what was measured.\n"
    "\n"
    "  --days D      days of virtual time (default 1; fractions are fine)\n"
    "  --seed N      everything that is drawn comes from it (default: the scenario's)\n"
    "  --out DIR     report.json, series.csv, events.log and plots (default .noct/twin/NAME-SEED; \"-\" for none)\n"
    "  --json        the report as JSON on stdout: seed, commit, digest, checks, figures\n"
    "  --no-faults   leave the fault plan out\n"
    "  --fault-plan FILE    execute this plan (docs/format/fault-plan.md) instead of one drawn from the seed\n"
    "  --beyond             draw more than the policy promises to survive; then only honest detection is demanded\n"
    "  --without NODE,...   these never boot\n"
    "  --no-work KIND,...   leave out puts, gets, deletes or tasks\n"
    "  --quiet       no progress\n"
    "  --threads N   work on N parts of the constellation at once (default: what the machine has, for large ones)\n"
    "  --shards N    cut it into N parts (default: by threads; at most 64)\n"
    "  --outputs LIST  more files in DIR, separated by commas: series (always), track (default up to 2,000 nodes: for replay and export),\n"
    "                csv (nodes, links, traffic, objects, tasks, events, promises, faults), czml (Cesium), oem (CCSDS), plan (contacts),\n"
    "                all of these, or none but series; docs/format/outputs.md\n"
    "  --pcap A:B,C:D  bundles on these links as DIR/pcap/A-B.pcapng for Wireshark (BPv7 over TCPCLv4)\n"
    "\n"
    "Exit codes: 0 all promises kept, 1 a violation, 2 usage or a scenario that is wrong.\n"
    "The same scenario and seed give the same closing digest in every build and with any number of threads and shards.\n";

/* Runs it with the faults and the work that were asked for. */
static int run_asked(const struct scenario *s, const char *scenario_path, const struct twin_fault_options *faults, struct twin_options *o)
{
    struct shrink_run run = {.scenario = s, .seed = o->seed, .duration = (duration_ns)(o->days * 86400e9), .beyond = o->beyond};
    if (!cli_twin_faults_read(faults, &run))
        return CLI_USAGE;
    struct text arguments = text_new(NULL, 64 << 10);
    struct scenario asked = shrink_scenario(&run);
    cli_twin_faults_arguments(&run, faults->plan_path, &arguments);
    o->plan = faults->plan_path ? &run.plan : NULL;
    o->without = run.without;
    o->without_count = run.without_count;
    o->arguments = text_string(&arguments);
    if (o->output)
        cli_twin_run_note(o->output, scenario_path, &run); /* before: a run that crashes is the one to shrink */
    int code = twin_run(&asked, o);
    fault_plan_free(&run.plan);
    text_free(&arguments);
    return code;
}

int twin_command_run(int argc, char **argv)
{
    return twin_command_run_on(NULL, argc, argv);
}

int twin_command_run_on(const struct ranks *ranks, int argc, char **argv)
{
    const char *days = "1", *seed = NULL, *out = NULL, *threads = "0", *shards = "0", *outputs = NULL;
    char wrong[32];
    uint64_t thread_count, shard_count;
    struct twin_fault_options faults = {0};
#ifdef NOCT_MUTATIONS
    const char *mutation = "NONE";
#endif
    struct twin_options o = {.commit = cli_commit()};
    const struct cli_option options[] = {
        {"days", &days, NULL},         {"seed", &seed, NULL},    {"out", &out, NULL},
        {"outputs", &outputs, NULL},   {"pcap", &o.pcap, NULL},
        {"json", NULL, &o.json},       {"no-faults", NULL, &o.no_faults}, {"quiet", NULL, &o.quiet},
        {"fault-plan", &faults.plan_path, NULL}, {"beyond", NULL, &o.beyond},
        {"without", &faults.without, NULL}, {"no-work", &faults.idle, NULL},
        {"threads", &threads, NULL},   {"shards", &shards, NULL},
#ifdef NOCT_MUTATIONS
        {"mutation", &mutation, NULL}, /* seeded bugs: src/base/mutation.def */
#endif
    };
    struct cli_arguments arguments;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 1)
        return cli_usage(help, "say: noct twin run SCENARIO");
#ifdef NOCT_MUTATIONS
    if (!mutation_choose(mutation))
        return cli_usage(help, "--mutation must be a name of src/base/mutation.def");
#endif
    if (parse_double(span_text(days), &o.days) != ERR_OK || o.days <= 0 || o.days > 3660)
        return cli_usage(help, "--days must be a number above 0 and at most 3660");
    if (!cli_parse_number(threads, 0, 64, &thread_count) || !cli_parse_number(shards, 0, 64, &shard_count))
        return cli_usage(help, "--threads and --shards must be whole numbers of at most 64");
    o.threads = (unsigned)thread_count;
    o.shards = shard_count;
    if (outputs && !(o.outputs = outputs_parse(outputs, wrong)))
        return cli_usage(help, "--outputs: \"%s\" is none of series, track, csv, czml, oem, plan, all, none", wrong);
    struct scenario *s = cli_scenario_read(arguments.items[0]);
    if (!s)
        return CLI_USAGE;
    if (!ranks && !cli_scenario_fits(s)) {
        scenario_free(s);
        return CLI_FAILED;
    }
    o.seed = s->seed;
    if (seed && !cli_parse_number(seed, 0, UINT64_MAX, &o.seed)) {
        scenario_free(s);
        return cli_usage(help, "--seed must be a whole number");
    }
    char folder[256];
    snprintf(folder, sizeof folder, "%s/twin/%s-%llu", CLI_STATE_DEFAULT, s->name, (unsigned long long)o.seed);
    o.output = !out ? folder : strcmp(out, "-") == 0 ? NULL : out;
    if (ranks) { /* no files; one of them speaks */
        o.ranks = ranks;
        o.output = NULL;
        o.quiet |= ranks->rank > 0;
    }
    char why[PCAP_WHY];
    if (o.pcap && (!o.output || pcap_check(s, o.pcap, why) != ERR_OK)) {
        code = cli_usage(help, "%s", o.output ? why : "--pcap writes into the folder of --out; \"-\" is none");
        scenario_free(s);
        return code;
    }
    if (o.output && !cli_scenario_keep(arguments.items[0], o.output)) {
        scenario_free(s);
        return CLI_FAILED;
    }
    code = run_asked(s, arguments.items[0], &faults, &o);
    scenario_free(s);
    return code;
}
