/*
 * evidence/experiment_campaign.c - many seeds under faults: promises, detection, rot.
 */
#include <math.h>
#include <string.h>

#include "evidence/page.h"

static json_t *check_of(const json_t *summary, const char *promise)
{
    const json_t *checks = json_object_get(summary, "checks");
    for (size_t i = 0; i < json_array_size(checks); i++) {
        json_t *c = json_array_get(checks, i);
        const char *id = json_string_value(json_object_get(c, "promise"));
        if (id && strcmp(id, promise) == 0)
            return c;
    }
    return NULL;
}

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static double spread(const json_t *summary, const char *figure, const char *key)
{
    return json_number_value(json_object_get(json_object_get(json_object_get(summary, "figures"), figure), key));
}

static long long summed(const json_t *summary, const char *figure, long long seeds)
{
    return (long long)llround(spread(summary, figure, "mean") * (double)seeds);
}

static void promises_table(FILE *page, const json_t *summary)
{
    const json_t *checks = json_object_get(summary, "checks");
    page_table(page, "promise", "what", "evaluated", "violations", NULL);
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *c = json_array_get(checks, i);
        page_row(page, json_string_value(json_object_get(c, "promise")), json_string_value(json_object_get(c, "text")),
                 cell("%lld", number(c, "evaluated")), cell("%lld", number(c, "violations")), NULL);
    }
    page_table_end(page);
}

static void probes_paragraph(FILE *page, const json_t *summary)
{
    json_t *probes = json_object_get(summary, "probes"), *v;
    const char *name;
    char never[2048] = "";
    size_t hit = 0;
    json_object_foreach(probes, name, v) {
        if (number(v, "hits") > 0)
            hit++;
        else if (strlen(never) + strlen(name) + 3 < sizeof never)
            snprintf(never + strlen(never), sizeof never - strlen(never), "%s%s", never[0] ? ", " : "", name);
    }
    if (json_object_size(probes) > 0)
        page_paragraph(page, "Rare paths and edges of state machines: %zu of %zu were taken.%s%s", hit, json_object_size(probes),
                       never[0] ? " Never taken: " : "", never);
}

static void failures_table(FILE *page, const json_t *summary)
{
    const json_t *failures = json_object_get(summary, "failures");
    if (json_array_size(failures) == 0)
        return;
    page_table(page, "seed", "outcome", "detail", "repeat with", NULL);
    for (size_t i = 0; i < json_array_size(failures) && i < 20; i++) {
        const json_t *f = json_array_get(failures, i);
        const char *detail = json_string_value(json_object_get(f, "detail"));
        page_row(page, cell("%lld", number(f, "seed")), json_string_value(json_object_get(f, "outcome")), detail ? detail : "",
                 json_string_value(json_object_get(f, "command")), NULL);
    }
    page_table_end(page);
}

void experiment_campaign(struct evidence *e)
{
    char scenario[512], folder[512], range[32], command[400];
    unsigned seeds = e->options->quick ? 12 : 400;
    evidence_scenario(e, scenario, sizeof scenario, "twenty-five");
    evidence_path(e, folder, sizeof folder, "runs/campaign");
    snprintf(range, sizeof range, "1..%u", seeds);
    snprintf(command, sizeof command, "noct twin campaign scenarios/twenty-five.yaml --seeds %s --days 0.1", range);
    const char *arguments[] = {"twin", "campaign", scenario, "--seeds", range, "--days", "0.1", "--restart", "--quiet", "--json", "--out", folder, NULL};
    json_t *s = evidence_noct(e, "campaign", arguments, NULL);
    page_section(e->page, "campaign", "Faults: many seeds");
    if (!s) {
        page_paragraph(e->page, "The campaign left no summary; see runs/campaign.log.");
        return;
    }
    const json_t *outcomes = json_object_get(s, "outcomes");
    long long kept = number(outcomes, "kept"), failed = (long long)json_array_size(json_object_get(s, "failures")), all = kept + failed;
    page_paragraph(e->page, "%lld seeds of 25 nodes, a tenth of a day each, with crashes, lost links, rot and lost bundles drawn from each seed; %lld seeds ran twice and "
                            "gave equal digests. %lld kept every promise.", all, number(s, "repeated"), kept);
    promises_table(e->page, s);
    probes_paragraph(e->page, s);
    failures_table(e->page, s);
    evidence_result(e, CLAIM_FAULTS, failed ? EVIDENCE_FAILED : EVIDENCE_SHOWN, "twenty-five.yaml", range, command,
                    "%lld of %lld seeds kept every promise; %lld repeated with equal digests", kept, all, number(s, "repeated"));
    json_t *i12 = check_of(s, "I12"), *i1 = check_of(s, "I1");
    long long measured = summed(s, "convictions_measured", all);
    evidence_result(e, CLAIM_DETECTION, number(i12, "violations") ? EVIDENCE_FAILED : measured ? EVIDENCE_SHOWN : EVIDENCE_OPEN, "twenty-five.yaml",
                    range, command, "a crash was known to the connected nodes within %.2f s at worst (%lld measured, heartbeat 1 s); %lld violations of the bounds",
                    spread(s, "conviction_max_s", "most"), measured, number(i12, "violations"));
    long long flips = summed(s, "bit_flips", all), found = summed(s, "chunks_found_damaged", all);
    evidence_result(e, CLAIM_ROT, number(i1, "violations") ? EVIDENCE_FAILED : flips ? EVIDENCE_SHOWN : EVIDENCE_OPEN, "twenty-five.yaml", range,
                    command, "%lld bits flipped in stored chunks, %lld damaged chunks found; %lld reads checked byte by byte, %lld wrong", flips, found,
                    number(i1, "evaluated"), number(i1, "violations"));
    json_decref(s);
}
