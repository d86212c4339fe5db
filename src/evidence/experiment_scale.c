/*
 * evidence/experiment_scale.c - from four satellites to ten thousand, other bodies, one history whatever the threads.
 */
#include <math.h>
#include <string.h>

#include "evidence/page.h"

struct scale_case {
    const char *scenario, *days, *quick_days;
    const char *what;
    bool far;      /* another body: for the claim of distance */
    bool slow;     /* left out of a quick report */
};

static const struct scale_case cases[] = {
    {"first-mesh", "1", "0.1", "string of pearls, two gateways; real signatures", false, false},
    {"twenty-five", "0.25", "0.05", "three planes; real signatures", false, false},
    {"shell-1", "0.01", "0.002", "72 x 22 +Grid", false, true},
    {"ten-thousand", "0.002", "0.001", "100 x 100 +Grid", false, true},
    {"lunar", "0.5", "0.1", "the Moon's orbiters and the Earth", true, false},
    {"mars", "0.5", "0.2", "light-minutes", true, false},
};

static json_t *run(struct evidence *e, const struct scale_case *c, const char *threads)
{
    char scenario[512], name[64];
    evidence_scenario(e, scenario, sizeof scenario, c->scenario);
    snprintf(name, sizeof name, "%s-t%s", c->scenario, threads);
    const char *arguments[] = {"twin",    "run",     scenario,    "--days", e->options->quick ? c->quick_days : c->days, "--threads", threads,
                               "--quiet", "--json",  "--out",     "-",      NULL};
    return evidence_noct(e, name, arguments, NULL);
}

static const char *digest_of(const json_t *report)
{
    const char *d = json_string_value(json_object_get(report, "digest"));
    return d ? d : "no report";
}

void experiment_scale(struct evidence *e)
{
    size_t ran = 0, kept = 0, equal = 0, far = 0, far_kept = 0;
    double most = 0, least = HUGE_VAL, far_seconds = 0;
    page_section(e->page, "scale", "Scale, distance, repeatability");
    page_paragraph(e->page, "Each row is the node's own code, a fresh run on one thread and one on two: promises, speed against real time, memory, and whether both "
                            "threads' digests are equal.");
    page_table(e->page, "scenario", "nodes", "virtual time", "times real time (2 threads)", "memory per node", "violations", "digest on 1 thread", "on 2", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct scale_case *c = &cases[i];
        if (e->options->quick && c->slow)
            continue;
        json_t *one = run(e, c, "1"), *two = run(e, c, "2");
        double nodes = json_number_value(json_object_get(one, "nodes")), rss = json_figure(two, "peak_rss_mib");
        bool same = one && two && strcmp(digest_of(one), digest_of(two)) == 0, good = json_violations(one) == 0 && json_violations(two) == 0;
        double speed = json_figure(two, "times_real_time");
        page_row(e->page, cell("%s: %s", c->scenario, c->what), cell("%.0f", nodes), cell("%.0f s", json_figure(one, "virtual_s")), cell("%.1f", speed),
                 cell("%.2f MiB", rss / fmax(nodes, 1)), cell("%ld", json_violations(two)), digest_of(one), digest_of(two), NULL);
        ran++;
        kept += good;
        equal += same;
        if (c->far) {
            far++;
            far_kept += good;
            far_seconds += json_figure(one, "virtual_s");
        } else if (nodes > 0) {
            most = fmax(most, nodes);
            least = fmin(least, nodes);
        }
        json_decref(one);
        json_decref(two);
    }
    page_table_end(e->page);
    evidence_result(e, CLAIM_SCALE, kept < ran ? EVIDENCE_FAILED : most >= 10000 ? EVIDENCE_SHOWN : EVIDENCE_PARTLY, "see the table", "1", "noct evidence --only scale",
                    "%.0f to %.0f nodes without a violation in %zu of %zu scenarios", least, most, kept, ran);
    evidence_result(e, CLAIM_DISTANCE, far_kept < far ? EVIDENCE_FAILED : far ? EVIDENCE_SHOWN : EVIDENCE_OPEN, "lunar.yaml, mars.yaml", "1",
                    "noct twin run scenarios/mars.yaml", "%zu of %zu far scenarios without a violation, %.0f s of virtual time", far_kept, far, far_seconds);
    evidence_result(e, CLAIM_REPEAT, equal < ran ? EVIDENCE_FAILED : EVIDENCE_SHOWN, "all of the table", "1", "noct twin run SCENARIO --threads 1 (and 2)",
                    "%zu of %zu scenarios gave the same digest on one thread and on two", equal, ran);
}
