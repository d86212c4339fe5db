#include "twin/report.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "twin/folder.h"
#include "twin/terminals.h"

enum { EVENTS_MAX = 200000, PATH_SIZE = 512 };

extern char **environ;

static FILE *create(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return NULL;
    return fopen(path, "w");
}

err report_open(struct report *r, const struct twin_options *options)
{
    *r = (struct report){.options = options, .progress_permille = -1};
    if (!options->output)
        return ERR_OK;
    if (!folder_make(options->output))
        return ERR_IO;
    r->series = create(options->output, "series.csv");
    r->events = create(options->output, "events.log");
    r->requests = create(options->output, "requests.csv");
    if (!r->series || !r->events || !r->requests)
        return ERR_IO;
    fputs("time_h,gateway,request,status,latency_ms\n", r->requests);
    fputs("time_h,nodes_up,links_up,objects,repairs_queued,tasks_running,facts,battery_min_share,core_max_k,sunlit_nodes,"
          "chunk_mib\n",
          r->series);
    return ERR_OK;
}

static void finish(struct report *r, FILE *f, const char *name)
{
    if (!f)
        return;
    bool good = !ferror(f);
    good = fclose(f) == 0 && good;
    if (!good)
        fprintf(stderr, "twin: %s/%s is not whole: is the disk full?\n", r->options->output, name);
    r->broken |= !good;
}

bool report_close(struct report *r)
{
    finish(r, r->series, "series.csv");
    finish(r, r->events, "events.log");
    finish(r, r->requests, "requests.csv");
    return !r->broken;
}

void report_trace(void *report, const struct twin_node *n, const struct effect_trace *t)
{
    struct report *r = report;
    if (!r->events || trace_level((enum trace_id)t->id) == 'D' || r->event_count++ >= EVENTS_MAX)
        return;
    char when[40];
    time_utc_text(world_wall(n->world), 3, when);
    fprintf(r->events, "%s %s %s %.*s\n", when, scenario_name(n->world->scenario, n->id), trace_name((enum trace_id)t->id),
            (int)t->text.size, (const char *)t->text.data);
}

/* Requests of the customers while they work; the final reading after heal is not among them. */
void report_request(void *report, struct world *w, const struct request_told *told)
{
    static const char *const kinds[] = {[REQUEST_PUT] = "put", [REQUEST_GET] = "get", [REQUEST_DELETE] = "delete"};
    struct report *r = report;
    if (r->requests && !told->verifying)
        fprintf(r->requests, "%.5f,%s,%s,%s,%.3f\n", (double)(world_wall(w) - w->scenario->epoch) / 3.6e12,
                scenario_name(w->scenario, told->gateway), kinds[told->kind], err_name(told->status), (double)told->latency / 1e6);
}

void report_progress(void *report, double share)
{
    struct report *r = report;
    int permille = (int)(MIN(share, 1.0) * 1000);
    if (r->options->quiet || !isatty(2) || permille == r->progress_permille)
        return;
    r->progress_permille = permille;
    fprintf(stderr, "\r  %5.1f %% of virtual time", permille / 10.0);
}

void report_sample(struct report *r, struct world *w)
{
    if (!r->series)
        return;
    uint64_t up = 0, links = 0, repairs = 0, tasks = 0, chunk_bytes = 0, objects = 0, facts = 0, sunlit = 0;
    double battery = 1, core = 0;
    for (size_t i = 0; i < w->node_count; i++) {
        struct twin_node *n = &w->nodes[i];
        if (!scenario_is_gateway(w->scenario, n->id)) {
            struct craft_state c = craft_state_of(&n->craft, &scenario_member(w->scenario, n->id)->craft);
            battery = MIN(battery, (double)c.battery_mwh / (double)MAX(c.battery_capacity_mwh, 1u));
            core = MAX(core, c.core_mk / 1000.0);
            sunlit += c.sunlit >= 500;
        }
        if (!n->node || !node_ready(n->node))
            continue;
        const uint64_t *m = node_metrics(n->node);
        const struct view *v = node_view(n->node);
        up++;
        for (size_t j = 0; j < v->count; j++)
            links += v->members[j].link_up;
        repairs += m[METRIC_REPAIRS_QUEUED];
        tasks += m[METRIC_TASKS_RUNNING];
        chunk_bytes += m[METRIC_CHUNK_BYTES];
        objects = MAX(objects, m[METRIC_OBJECTS]);
        facts = MAX(facts, m[METRIC_FACTS]);
    }
    fprintf(r->series, "%.4f,%llu,%.1f,%llu,%llu,%llu,%llu,%.4f,%.2f,%llu,%.1f\n",
            (double)(world_wall(w) - w->scenario->epoch) / 3.6e12, (unsigned long long)up, (double)links / 2,
            (unsigned long long)objects, (unsigned long long)repairs, (unsigned long long)tasks, (unsigned long long)facts,
            battery, core, (unsigned long long)sunlit, (double)chunk_bytes / 1048576);
}

static double mean_ms(duration_ns sum, uint64_t count)
{
    return count ? (double)sum / 1e6 / (double)count : 0;
}

static double peak_rss_mib(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss / 1024 : 0;
}

static void figures_json(struct text *t, const struct world *w, struct effort effort)
{
    const struct figures *f = &w->figures;
    double virtual_s = (double)w->duration / 1e9;
    json_object(t, "figures");
    json_double(t, "cpu_s", effort.cpu_s);
    json_double(t, "wall_s", effort.wall_s);
    json_double(t, "virtual_s", virtual_s);
    json_double(t, "times_real_time", effort.wall_s > 0 ? virtual_s / effort.wall_s : 0);
    json_uint(t, "steps", f->steps);
    json_uint(t, "bundles", f->frames);
    json_uint(t, "bundles_lost", f->frames_lost);
    json_uint(t, "facts", f->facts);
    json_uint(t, "puts_acknowledged", f->puts_acked);
    json_uint(t, "puts_refused", f->puts_refused);
    json_double(t, "put_latency_mean_ms", mean_ms(f->put_latency_sum, f->puts_acked));
    json_double(t, "put_latency_max_ms", (double)f->put_latency_max / 1e6);
    json_uint(t, "gets_answered", f->gets_ok);
    json_uint(t, "gets_refused", f->gets_refused);
    json_double(t, "get_latency_mean_ms", mean_ms(f->get_latency_sum, f->gets_ok));
    json_double(t, "get_latency_max_ms", (double)f->get_latency_max / 1e6);
    json_uint(t, "deletes_acknowledged", f->deletes_acked);
    json_uint(t, "tasks_created", f->tasks_created);
    json_uint(t, "tasks_ended", f->tasks_ended);
    json_uint(t, "pictures", f->trace_counts[TRACE_CAPTURE]);
    json_uint(t, "crashes", f->crashes);
    json_uint(t, "link_losses", f->link_losses);
    json_uint(t, "bit_flips", f->bit_flips);
    json_uint(t, "chunks_found_damaged", f->trace_counts[TRACE_CHUNK_CORRUPT]);
    json_uint(t, "repairs_done", f->trace_counts[TRACE_REPAIR_DONE]);
    json_uint(t, "takeovers", f->trace_counts[TRACE_TASK_TAKEOVER]);
    json_uint(t, "convictions_measured", f->convictions_measured);
    json_double(t, "conviction_mean_s", mean_ms(f->conviction_sum, f->convictions_measured) / 1000);
    json_double(t, "conviction_max_s", (double)f->conviction_max / 1e9);
    json_double(t, "converge_after_heal_s", (double)f->converge_ns / 1e9);
    json_double(t, "heal_bound_s", (double)f->heal_bound_ns / 1e9);
    check_audit_json(t, w);
    json_uint(t, "restarts_measured", f->restarts_measured);
    json_double(t, "restart_mean_s", mean_ms(f->restart_sum, f->restarts_measured) / 1000);
    json_double(t, "restart_max_s", (double)f->restart_max / 1e9);
    json_uint(t, "repairs_measured", f->repairs_measured);
    json_double(t, "repair_mean_s", mean_ms(f->repair_sum, f->repairs_measured) / 1000);
    json_double(t, "repair_max_s", (double)f->repair_max / 1e9);
    json_double(t, "peak_rss_mib", peak_rss_mib());
    faults_json(w, t);
    terminals_json(t, w);
    json_double(t, "battery_min_wh", (double)f->battery_min_mwh / 1000);
    json_double(t, "core_max_k", (double)f->core_max_mk / 1000);
    json_end(t);
}

static void report_json(struct text *t, struct world *w, const struct twin_options *o, struct effort effort)
{
    char digest[17];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)world_end_digest(w));
    json_object(t, NULL);
    json_string(t, "scenario", w->scenario->name);
    json_uint(t, "seed", w->seed);
    json_double(t, "days", o->days);
    json_string(t, "commit", o->commit);
    json_string(t, "digest", digest);
    json_uint(t, "nodes", w->node_count);
    json_bool(t, "faults", w->faults_on);
    json_string(t, "fact_security", w->scenario->fact_security);
    json_array(t, "checks");
    for (size_t i = 0; i < PROMISE_COUNT; i++) {
        const struct promise_result *p = &checks_results(w)[i];
        json_object(t, NULL);
        json_string(t, "promise", p->id);
        json_string(t, "text", p->text);
        json_uint(t, "evaluated", p->evaluated);
        json_uint(t, "violations", p->violations);
        if (p->not_checked)
            json_string(t, "not_checked", p->not_checked);
        if (p->sampled[0])
            json_string(t, "sampled", p->sampled);
        if (p->violations)
            json_string(t, "first", p->first);
        json_end(t);
    }
    json_end(t);
    check_probes_json(t, w);
    figures_json(t, w, effort);
    json_end(t);
    text_add(t, "\n");
}

static void report_people(const struct world *w, const struct twin_options *o, struct effort effort, uint64_t digest)
{
    const struct figures *f = &w->figures;
    printf("%s, seed %llu, %.3g days of virtual time, %zu nodes, commit %s\n\n", w->scenario->name, (unsigned long long)w->seed,
           o->days, w->node_count, o->commit);
    printf("  promise  evaluated  violations\n");
    for (size_t i = 0; i < PROMISE_COUNT; i++) {
        const struct promise_result *p = &checks_results(w)[i];
        if (p->not_checked && p->evaluated == 0)
            printf("  %-7s not checked: %s  (%s)\n", p->id, p->not_checked, p->text);
        else
            printf("  %-7s %10llu %11llu  %s\n", p->id, (unsigned long long)p->evaluated, (unsigned long long)p->violations, p->text);
        if (p->sampled[0])
            printf("          sampled: %s\n", p->sampled);
        if (p->violations)
            printf("          first: %s\n", p->first);
    }
    printf("\n  objects   %llu puts acknowledged (mean %.0f ms), %llu refused; %llu reads answered (mean %.0f ms), %llu refused\n",
           (unsigned long long)f->puts_acked, mean_ms(f->put_latency_sum, f->puts_acked), (unsigned long long)f->puts_refused,
           (unsigned long long)f->gets_ok, mean_ms(f->get_latency_sum, f->gets_ok), (unsigned long long)f->gets_refused);
    printf("  work      %llu pictures, %llu tasks by customers, %llu tasks ended, %llu takeovers\n",
           (unsigned long long)f->trace_counts[TRACE_CAPTURE], (unsigned long long)f->tasks_created,
           (unsigned long long)f->tasks_ended, (unsigned long long)f->trace_counts[TRACE_TASK_TAKEOVER]);
    printf("  faults    %llu crashes, %llu links lost, %llu bits flipped (%llu chunks found damaged), %llu bundles lost\n",
           (unsigned long long)f->crashes, (unsigned long long)f->link_losses, (unsigned long long)f->bit_flips,
           (unsigned long long)f->trace_counts[TRACE_CHUNK_CORRUPT], (unsigned long long)f->frames_lost);
    faults_print(w);
    printf("  recovery  conviction %.2f s mean, %.2f s worst (%llu measured); converged %.0f s after heal\n",
           mean_ms(f->conviction_sum, f->convictions_measured) / 1000, (double)f->conviction_max / 1e9,
           (unsigned long long)f->convictions_measured, (double)f->converge_ns / 1e9);
    printf("            task restarted %.2f s after conviction, %.2f s worst (%llu); copies back after %.1f s, %.1f s worst (%llu)\n",
           mean_ms(f->restart_sum, f->restarts_measured) / 1000, (double)f->restart_max / 1e9,
           (unsigned long long)f->restarts_measured, mean_ms(f->repair_sum, f->repairs_measured) / 1000,
           (double)f->repair_max / 1e9, (unsigned long long)f->repairs_measured);
    terminals_print(w);
    printf("  craft     battery at least %.1f Wh, core at most %.1f K\n", (double)f->battery_min_mwh / 1000,
           (double)f->core_max_mk / 1000);
    printf("  effort    %llu steps, %.1f s of processor time, %.1f s in all: %.0f times real time, %.0f MiB at most\n",
           (unsigned long long)f->steps, effort.cpu_s, effort.wall_s, effort.wall_s > 0 ? (double)w->duration / 1e9 / effort.wall_s : 0, peak_rss_mib());
    printf("  digest    %016llx\n", (unsigned long long)digest);
    if (o->output)
        printf("  files     %s/{report.json,series.csv,events.log,*.svg}\n", o->output);
    printf("\nRepeat with: noct twin run SCENARIO --days %g --seed %llu%s\n", o->days, (unsigned long long)w->seed,
           o->arguments ? o->arguments : "");
}

void report_print(struct report *r, struct world *w, struct effort effort)
{
    struct text t = text_new(NULL, 1 << 20);
    report_json(&t, w, r->options, effort);
    if (isatty(2) && !r->options->quiet)
        fprintf(stderr, "\r                                        \r");
    if (r->options->json)
        fputs(text_string(&t), stdout);
    else
        report_people(w, r->options, effort, world_end_digest(w));
    if (r->options->output) {
        FILE *file = create(r->options->output, "report.json"), *acquisition = create(r->options->output, "acquisition.csv");
        r->broken |= !file || !acquisition;
        if (file)
            fputs(text_string(&t), file);
        if (acquisition)
            terminals_csv(w, acquisition);
        finish(r, file, "report.json");
        finish(r, acquisition, "acquisition.csv");
    }
    text_free(&t);
}

/* ---- plots ------------------------------------------------------------------------------------------------------------ */

static const struct plot {
    const char *name, *title, *label;
    int column;
} plots[] = {
    {"battery", "Lowest battery of the constellation", "share of capacity", 8},
    {"temperature", "Warmest electronics", "K", 9},
    {"links", "Links that stand", "links", 3},
    {"objects", "Objects and facts", "objects", 4},
    {"repairs", "Copies below policy, waiting for repair", "runs of chunks", 5},
};

void report_plots(const struct report *r, const struct world *w)
{
    if (!r->options->output)
        return;
    FILE *script = create(r->options->output, "plots.gnuplot");
    if (!script)
        return;
    fprintf(script, "set terminal svg size 900,320 font 'sans,12' background '#ffffff'\nset datafile separator ','\n"
                    "set key off\nset grid\nset xlabel 'hours after the epoch'\n");
    for (size_t i = 0; i < COUNT_OF(plots); i++)
        fprintf(script, "set output '%s.svg'\nset title '%s: %s, seed %llu'\nset ylabel '%s'\n"
                        "plot 'series.csv' every ::1 using 1:%d with lines lw 1.5 lc rgb '#1f5fa8'\n",
                plots[i].name, w->scenario->name, plots[i].title, (unsigned long long)w->seed, plots[i].label, plots[i].column);
    fclose(script);
    fflush(r->series);
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char[]){"gnuplot"}, (char[]){"plots.gnuplot"}, NULL};
    pid_t pid;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, r->options->output);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
    if (posix_spawnp(&pid, "gnuplot", &actions, NULL, arguments, environ) == 0)
        waitpid(pid, NULL, 0);
    else
        fprintf(stderr, "twin: gnuplot is not installed; run it later on %s/plots.gnuplot\n", r->options->output);
    posix_spawn_file_actions_destroy(&actions);
}
