/*
 * evidence/experiment_loss.c - availability through the loss of members and their replacement.
 */
#include <string.h>

#include "evidence/page.h"

enum { BINS = 96 };
#define DAYS "1"

static void plan_write(struct evidence *e, char *path, size_t size)
{
    evidence_path(e, path, size, "runs/replace.txt");
    FILE *f = fopen(path, "w");
    if (!f)
        return;
    fputs("noct-faults 1\n# one member lost for ever every two hours and a half, replaced by an empty one after an hour\n", f);
    for (unsigned i = 0; i < 8; i++)
        fprintf(f, "%u loss sat-%u replace_s=3600\n", 5400 + 9000 * i, 1 + 11 * i % 40);
    fclose(f);
}

void experiment_loss(struct evidence *e)
{
    char scenario[512], plan[512], out[512], path[600], line[256];
    evidence_scenario(e, scenario, sizeof scenario, "evidence/forty");
    plan_write(e, plan, sizeof plan);
    evidence_path(e, out, sizeof out, "runs/replace");
    const char *arguments[] = {"twin", "run", scenario, "--days", DAYS, "--fault-plan", plan, "--quiet", "--json", "--out", out, NULL};
    json_t *r = evidence_noct(e, "replace", arguments, NULL);
    unsigned asked[BINS] = {0}, answered[BINS] = {0}, all = 0, good_all = 0;
    snprintf(path, sizeof path, "%s/requests.csv", out);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        char status[32];
        double at;
        if (sscanf(line, "%lf,%*[^,],%*[^,],%31[^,]", &at, status) != 2 || at < 0 || at >= 24)
            continue;
        bool good = strcmp(status, "OK") == 0 || strcmp(status, "NOT_FOUND") == 0;
        asked[(unsigned)(at * 4)]++;
        answered[(unsigned)(at * 4)] += good;
        all++;
        good_all += good;
    }
    if (f)
        fclose(f);
    FILE *data = page_data(e, "availability.csv");
    for (unsigned i = 0; data && i < BINS; i++)
        if (asked[i])
            fprintf(data, "%.3f,%.2f\n", (i + 0.5) / 4, 100.0 * answered[i] / asked[i]);
    if (data)
        fclose(data);
    page_section(e->page, "loss", "Availability through loss and replacement");
    page_paragraph(e->page, "Forty satellites and four gateways for a day. Every two and a half hours a satellite is lost for ever with its disk; an empty one takes its place an hour later, is "
                            "admitted and filled. Customers read, write and delete all the time. Repairs: %.0f measured, %.0f s on average, %.0f s at worst.",
                   json_figure(r, "repairs_measured"), json_figure(r, "repair_mean_s"), json_figure(r, "repair_max_s"));
    page_plot(e, "availability", "Share of requests answered, per quarter of an hour; vertical lines: a member is lost.",
              "set xlabel 'hours'\nset ylabel 'percent answered'\nset yrange [0:105]\nset xrange [0:24]\nset key off\n"
              "do for [i=0:7] { x = (5400 + 9000.0*i)/3600; set arrow from x,0 to x,105 nohead lc rgb '#b3261e' dt 3 }\n"
              "plot 'availability.csv' using 1:2 with steps lw 2 lc rgb '#1f5fa8'");
    long violations = json_violations(r);
    evidence_result(e, CLAIM_AVAILABILITY, violations != 0 ? EVIDENCE_FAILED : all ? EVIDENCE_SHOWN : EVIDENCE_OPEN, "evidence/forty.yaml", "1",
                    "noct evidence --only loss", "%.3f %% of %u requests answered over a day with 8 members lost and replaced; %ld promises broken",
                    all ? 100.0 * good_all / all : 0, all, violations);
    json_decref(r);
}
