/*
 * cli/geometry.c - noct geometry: latency between cities over a scenario's constellation, against fibre.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "orbit/latency.h"
#include "twin/folder.h"

static const char help[] =
    "usage: noct geometry SCENARIO --pairs FILE.csv [--hours H] [--step SECONDS] [--out DIR] [--json]\n"
    "\n"
    "The shortest way between pairs of cities over the satellites of SCENARIO, step by step: round-trip light time, hops,\n"
    "changes of the way; beside it what fibre needs along the great circle, and with a cable 1.5 times as long.\n"
    "No queues, no processing; links by the scenario's rules (elevation, range, grazing height).\n"
    "\n"
    "  --pairs FILE    from,from_latitude_deg,from_longitude_deg,to,to_latitude_deg,to_longitude_deg\n"
    "                  (scenarios/city-pairs.csv has twenty)\n"
    "  --hours H       default 1.6 (an orbit)\n"
    "  --step SECONDS  default 10\n"
    "  --out DIR       latency.csv (every sample), summary.csv, latency.svg and pairs.svg (if gnuplot is there)\n"
    "  --json          the summary as JSON on stdout\n";

enum { PAIRS_BYTES_MAX = 1 << 20 };

extern char **environ;

struct run {
    struct latency_pair pairs[LATENCY_PAIRS_MAX];
    struct latency_summary summaries[LATENCY_PAIRS_MAX];
    size_t count;
    tai_ns start;
    FILE *samples;
    const char *folder;
};

static bool pairs_read(const char *path, struct run *r)
{
    struct parse_error wrong = {0};
    struct span text;
    if (!cli_file_read(path, PAIRS_BYTES_MAX, &text))
        return false;
    bool good = latency_pairs_read(text, r->pairs, LATENCY_PAIRS_MAX, &r->count, &wrong) == ERR_OK;
    cli_file_free(text);
    if (!good)
        cli_fail("%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text);
    return good;
}

static FILE *create(const struct run *r, const char *name)
{
    struct text path = text_new(NULL, 8192);
    text_printf(&path, "%s/%s", r->folder, name);
    FILE *f = text_ok(&path) ? fopen(text_string(&path), "w") : NULL;
    text_free(&path);
    return f;
}

static void sample_write(void *context, const struct latency_sample *s)
{
    const struct run *r = context;
    const struct latency_pair *p = &r->pairs[s->pair];
    if (s->hops)
        fprintf(r->samples, "%.3f,%zu,%s,%s,%.6f,%u,%d\n", (double)(s->time - r->start) / 1e9, s->pair, p->from.name, p->to.name,
                s->rtt_ms, s->hops, s->changed);
    else
        fprintf(r->samples, "%.3f,%zu,%s,%s,,,\n", (double)(s->time - r->start) / 1e9, s->pair, p->from.name, p->to.name);
}

static bool summary_write(const struct run *r)
{
    FILE *f = create(r, "summary.csv");
    if (!f)
        return false;
    fputs("pair,from,to,great_circle_km,fibre_ms,fibre_stretched_ms,samples,reachable,rtt_least_ms,rtt_mean_ms,rtt_most_ms,"
          "hops_least,hops_most,changes,faster_share\n",
          f);
    for (size_t k = 0; k < r->count; k++) {
        const struct latency_summary *s = &r->summaries[k];
        fprintf(f, "%zu,%s,%s,%.3f,%.4f,%.4f,%u,%u,", k, r->pairs[k].from.name, r->pairs[k].to.name, s->great_circle_km, s->fibre_ms,
                s->fibre_stretched_ms, s->samples, s->reachable);
        if (s->reachable)
            fprintf(f, "%.4f,%.4f,%.4f,%u,%u,%u,%.4f\n", s->rtt_least_ms, latency_mean_ms(s), s->rtt_most_ms, s->hops_least,
                    s->hops_most, s->changes, (double)s->faster_samples / s->reachable);
        else
            fputs(",,,,,,\n", f);
    }
    return fclose(f) == 0;
}

/* Inside single quotes gnuplot knows one special character: the quote, which stands twice for itself. */
static void quoted_write(FILE *f, const char *name)
{
    for (const char *c = name; *c; c++)
        fputs(*c == '\'' ? "''" : (char[]){*c, 0}, f);
}

static bool script_write(const struct run *r)
{
    FILE *f = create(r, "latency.gnuplot");
    if (!f)
        return false;
    fputs("set datafile separator ','\nset terminal svg size 900,520 font 'sans,12'\nset grid\n"
          "set output 'latency.svg'\nset xlabel 'seconds'\nset ylabel 'round trip, ms'\nset key outside right\nplot",
          f);
    for (size_t k = 0; k < r->count && k < 20; k++) {
        fprintf(f, "%s 'latency.csv' every ::1 using ($2==%zu?$1:NaN):5 with lines title '", k ? "," : "", k);
        quoted_write(f, r->pairs[k].from.name);
        fputs(" - ", f);
        quoted_write(f, r->pairs[k].to.name);
        fputs("' noenhanced", f);
    }
    fputs("\nset output 'pairs.svg'\nunset key\nset key top left\nset xlabel 'great circle, km'\nset ylabel 'round trip, ms'\n"
          "set logscale xy\nplot 'summary.csv' every ::1 using 4:10:9:11 with yerrorbars title 'over satellites: mean, least, most',"
          " '' every ::1 using 4:5 with points pt 2 title 'fibre, great circle',"
          " '' every ::1 using 4:6 with points pt 1 title 'fibre, 1.5 times as long'\n",
          f);
    return fclose(f) == 0;
}

/* A plot is a gift: without gnuplot the script stays for later. */
static void plot(const struct run *r)
{
    pid_t pid;
    int status;
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char[]){"gnuplot"}, (char[]){"latency.gnuplot"}, NULL};
    if (posix_spawn_file_actions_init(&actions) != 0)
        return;
    bool good = posix_spawn_file_actions_addchdir_np(&actions, r->folder) == 0 &&
                posix_spawnp(&pid, "gnuplot", &actions, NULL, arguments, environ) == 0 && waitpid(pid, &status, 0) == pid && status == 0;
    posix_spawn_file_actions_destroy(&actions);
    if (!good)
        fprintf(stderr, "noct: no plots: run gnuplot latency.gnuplot in %s\n", r->folder);
}

static void print_json(const struct scenario *scenario, const struct run *r, double hours, double step_s)
{
    struct text t = text_new(NULL, 4 << 20);
    json_object(&t, NULL);
    json_string(&t, "scenario", scenario->name);
    json_string(&t, "commit", cli_commit());
    json_double(&t, "hours", hours);
    json_double(&t, "step_s", step_s);
    json_uint(&t, "satellites", scenario->satellite_count);
    json_array(&t, "pairs");
    for (size_t k = 0; k < r->count; k++) {
        const struct latency_summary *s = &r->summaries[k];
        json_object(&t, NULL);
        json_string(&t, "from", r->pairs[k].from.name);
        json_string(&t, "to", r->pairs[k].to.name);
        json_double(&t, "great_circle_km", s->great_circle_km);
        json_double(&t, "fibre_ms", s->fibre_ms);
        json_double(&t, "fibre_stretched_ms", s->fibre_stretched_ms);
        json_uint(&t, "samples", s->samples);
        json_uint(&t, "reachable", s->reachable);
        if (s->reachable) {
            json_double(&t, "rtt_least_ms", s->rtt_least_ms);
            json_double(&t, "rtt_mean_ms", latency_mean_ms(s));
            json_double(&t, "rtt_most_ms", s->rtt_most_ms);
            json_uint(&t, "hops_least", s->hops_least);
            json_uint(&t, "hops_most", s->hops_most);
            json_uint(&t, "changes", s->changes);
            json_double(&t, "faster_share", (double)s->faster_samples / s->reachable);
        }
        json_end(&t);
    }
    json_end(&t);
    json_end(&t);
    puts(text_string(&t));
    text_free(&t);
}

static void print_table(const struct run *r)
{
    printf("%-18s %-18s %8s %9s %9s %9s %6s %7s %9s %9s\n", "from", "to", "km", "least ms", "mean ms", "most ms", "hops", "changes",
           "fibre ms", "x1.5 ms");
    for (size_t k = 0; k < r->count; k++) {
        const struct latency_summary *s = &r->summaries[k];
        printf("%-18.18s %-18.18s %8.0f ", r->pairs[k].from.name, r->pairs[k].to.name, s->great_circle_km);
        if (s->reachable)
            printf("%9.3f %9.3f %9.3f %2u..%-2u %7u ", s->rtt_least_ms, latency_mean_ms(s), s->rtt_most_ms, s->hops_least, s->hops_most,
                   s->changes);
        else
            printf("%9s %9s %9s %6s %7s ", "-", "-", "-", "-", "-");
        printf("%9.3f %9.3f", s->fibre_ms, s->fibre_stretched_ms);
        if (s->reachable < s->samples)
            printf("  no way %.1f %% of the time", 100.0 * (s->samples - s->reachable) / s->samples);
        putchar('\n');
    }
}

static int steps_run(const struct scenario *scenario, struct run *r, double hours, double step_s)
{
    struct sky *sky;
    struct snapshot snapshot;
    if (scenario_sky(scenario, NULL, &sky) != ERR_OK)
        return cli_fail("no memory for the sky of %s", scenario->name);
    err result = latency_snapshot(sky, r->pairs, r->count, &snapshot);
    sky_free(sky);
    free(sky);
    if (result != ERR_OK)
        return cli_fail("the constellation of %s cannot be moved: %s", scenario->name, err_text(result));
    r->start = scenario->epoch;
    for (size_t k = 0; k < r->count; k++)
        r->summaries[k] = latency_summary_of(&r->pairs[k]);
    uint64_t steps = (uint64_t)(hours * 3600.0 / step_s + 0.5);
    for (uint64_t k = 0; k < MAX(steps, (uint64_t)1) && result == ERR_OK; k++)
        result = latency_step(&snapshot, r->count, r->start + (tai_ns)((double)k * step_s * 1e9), r->summaries,
                              r->samples ? sample_write : NULL, r);
    snapshot_free(&snapshot);
    return result == ERR_OK ? CLI_OK : cli_fail("stopped: %s", err_text(result));
}

static int run_all(const struct scenario *scenario, struct run *r, double hours, double step_s, bool json)
{
    if (r->folder) {
        if (!folder_make(r->folder) || !(r->samples = create(r, "latency.csv")))
            return cli_fail("%s cannot be written: %s", r->folder, strerror(errno));
        fputs("seconds,pair,from,to,rtt_ms,hops,changed\n", r->samples);
    }
    int code = steps_run(scenario, r, hours, step_s);
    if (r->samples && fclose(r->samples) != 0 && code == CLI_OK)
        code = cli_fail("%s/latency.csv cannot be written: is the disk full?", r->folder);
    if (code != CLI_OK)
        return code;
    if (r->folder && (!summary_write(r) || !script_write(r)))
        return cli_fail("%s cannot be written: is the disk full?", r->folder);
    if (r->folder)
        plot(r);
    if (json)
        print_json(scenario, r, hours, step_s);
    else
        print_table(r);
    return CLI_OK;
}

int command_geometry(int argc, char **argv)
{
    const char *pairs = NULL, *hours_text = "1.6", *step_text = "10", *out = NULL;
    bool json = false;
    const struct cli_option options[] = {
        {"pairs", &pairs, NULL}, {"hours", &hours_text, NULL}, {"step", &step_text, NULL}, {"out", &out, NULL}, {"json", NULL, &json}};
    struct cli_arguments arguments;
    double hours, step_s;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 1 || !pairs)
        return cli_usage(help, "say: noct geometry SCENARIO --pairs FILE.csv");
    if (parse_double(span_text(hours_text), &hours) != ERR_OK || hours <= 0 || hours > 87840)
        return cli_usage(help, "--hours must be a number above 0 and at most 87840");
    if (parse_double(span_text(step_text), &step_s) != ERR_OK || step_s < 0.001 || step_s > 86400)
        return cli_usage(help, "--step must be 0.001 to 86400 seconds");
    struct run *r = calloc(1, sizeof *r);
    struct scenario *s = r && pairs_read(pairs, r) ? cli_scenario_read(arguments.items[0]) : NULL;
    code = CLI_USAGE;
    if (s) {
        r->folder = out;
        code = run_all(s, r, hours, step_s, json);
    }
    scenario_free(s);
    free(r);
    return code;
}
