/*
 * evidence/experiment_gaps.c - what the mesh does by itself between ground contacts, and what the auditor says of it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evidence/page.h"
#include "evidence/pass_gaps.h"

/* Actions of satellites that the events of a run name; the rest of the events is not a decision. */
static const struct action {
    const char *event, *what;
} actions[] = {
    {"CAPTURE", "pictures taken and stored"}, {"TASK_AWARDED", "tasks awarded"}, {"TASK_STARTED", "tasks started"},
    {"TASK_ENDED", "tasks ended"},            {"TASK_TAKEOVER", "takeovers"},    {"TASK_DEFERRED", "tasks deferred for power or heat"},
    {"REPAIR_DONE", "repairs done"},          {"CONVICT", "convictions"},        {"RETURN", "returns"},
};
enum { ACTIONS = sizeof actions / sizeof actions[0] };

static double hours_of(const char *utc, double epoch_s)
{
    struct tm t = {0};
    double second;
    if (sscanf(utc, "%d-%d-%dT%d:%d:%lf", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min, &second) != 6)
        return (double)NAN;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    return ((double)timegm(&t) + second - epoch_s) / 3600;
}

static long gap_of(const struct pass_gap *gaps, size_t count, double hour)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (gaps[middle].to_h <= hour)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && gaps[low].from_h <= hour ? (long)low : -1;
}

/* Counts actions of satellites in gaps: per kind, and per gap. */
static void events_count(const char *path, double epoch_s, const struct pass_gap *gaps, size_t count, unsigned long by_kind[ACTIONS],
                         unsigned long *by_gap)
{
    FILE *f = fopen(path, "r");
    char line[1024];
    while (f && fgets(line, sizeof line, f)) {
        char when[40], node[40], event[40];
        if (sscanf(line, "%39s %39s %39s", when, node, event) != 3 || strncmp(node, "gw", 2) == 0)
            continue;
        long gap = gap_of(gaps, count, hours_of(when, epoch_s));
        for (size_t i = 0; gap >= 0 && i < ACTIONS; i++) {
            if (strcmp(event, actions[i].event) == 0) {
                by_kind[i]++;
                by_gap[gap]++;
            }
        }
    }
    if (f)
        fclose(f);
}

static const json_t *check(const json_t *report, const char *promise)
{
    const json_t *checks = json_object_get(report, "checks");
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *c = json_array_get(checks, i);
        const char *id = json_string_value(json_object_get(c, "promise"));
        if (id && strcmp(id, promise) == 0)
            return c;
    }
    return NULL;
}

void experiment_gaps(struct evidence *e)
{
    char scenario[512], out[512], events[600];
    const char *days = e->options->quick ? "0.25" : "2";
    evidence_scenario(e, scenario, sizeof scenario, "first-mesh");
    evidence_path(e, out, sizeof out, "runs/gaps");
    const char *arguments[] = {"twin", "run", scenario, "--days", days, "--quiet", "--json", "--out", out, NULL};
    json_t *r = evidence_noct(e, "gaps", arguments, NULL);
    struct pass_gap *gaps = NULL;
    char epoch[40];
    size_t count = e->options->gaps(scenario, strtod(days, NULL), &gaps, epoch);
    double epoch_s = hours_of(epoch, 0) * 3600;
    unsigned long by_kind[ACTIONS] = {0}, all = 0, *by_gap = calloc(count + 1, sizeof *by_gap);
    if (!by_gap)
        return;
    snprintf(events, sizeof events, "%s/events.log", out);
    events_count(events, epoch_s, gaps, count, by_kind, by_gap);
    double dark = 0, longest = 0;
    FILE *data = page_data(e, "gaps.csv");
    for (size_t i = 0; i < count; i++) {
        dark += gaps[i].to_h - gaps[i].from_h;
        longest = fmax(longest, gaps[i].to_h - gaps[i].from_h);
        if (data)
            fprintf(data, "%.4f,%.4f,%lu\n", gaps[i].from_h, (gaps[i].to_h - gaps[i].from_h) * 60, by_gap[i]);
    }
    if (data)
        fclose(data);
    page_section(e->page, "gaps", "Policy through pass gaps");
    page_paragraph(e->page, "%s days of the first mesh under faults. In %zu pass gaps, %.1f hours in all and %.0f minutes at the longest, no satellite could reach the ground. What the "
                            "satellites decided meanwhile:", days, count, dark, longest * 60);
    page_table(e->page, "decision in a gap", "count", NULL);
    for (size_t i = 0; i < ACTIONS; i++) {
        page_row(e->page, actions[i].what, cell("%lu", by_kind[i]), NULL);
        all += by_kind[i];
    }
    page_table_end(e->page);
    page_plot(e, "gaps", "Pass gaps (length of the bar) and decisions taken in each (dots).",
              "set xlabel 'hours'\nset ylabel 'gap, minutes'\nset y2label 'decisions'\nset y2tics\nset ytics nomirror\nset yrange [0:*]\nset y2range [0:*]\nset key top left\n"
              "plot 'gaps.csv' using 1:2 with impulses lw 3 lc rgb '#9bb7d4' title 'gap', '' using 1:3 axes x1y2 with points pt 7 ps .6 lc rgb '#b3261e' title 'decisions'");
    const json_t *audit = check(r, "I2");
    long long judged = (long long)json_integer_value(json_object_get(audit, "evaluated")),
              illegal = (long long)json_integer_value(json_object_get(audit, "violations"));
    page_paragraph(e->page, "The auditor reads the facts that the nodes signed and nothing else; it judges every placement, award and deletion against the policies in force and "
                            "what its author could know. It judged %lld decisions and found %lld illegal.", judged, illegal);
    evidence_result(e, CLAIM_POLICY, !audit || judged == 0 ? EVIDENCE_OPEN : illegal ? EVIDENCE_FAILED : EVIDENCE_SHOWN, "first-mesh.yaml", "1",
                    "noct evidence --only gaps", "%lu decisions by satellites in %zu pass gaps (%.1f h); the auditor judged %lld decisions of the run from the facts alone: %lld illegal",
                    all, count, dark, judged, illegal);
    free(by_gap);
    free(gaps);
    json_decref(r);
}
