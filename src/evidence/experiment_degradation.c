/*
 * evidence/experiment_degradation.c - what is left takes over: 1, 10, 50 percent of the satellites lost, and all but one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/page.h"

enum { SATELLITES = 40 };
#define LOSS_AT_S 7200
#define DAYS "0.25"

/* Satellites 1..40 in an order that spreads over planes and is fixed: steps of 7, which has no factor in common with 40. */
static unsigned victim(unsigned i)
{
    return 1 + 7 * i % SATELLITES;
}

static void plan_write(struct evidence *e, unsigned lost, char *path, size_t size)
{
    evidence_path(e, path, size, "runs/lose-%u.txt", lost);
    FILE *f = fopen(path, "w");
    if (!f)
        return;
    fputs("noct-faults 1\n", f);
    for (unsigned i = 0; i < lost; i++)
        fprintf(f, "%d loss sat-%u replace_s=0\n", LOSS_AT_S, victim(i));
    fclose(f);
}

static json_t *run(struct evidence *e, unsigned lost)
{
    char scenario[512], plan[512], name[32], out[512];
    evidence_scenario(e, scenario, sizeof scenario, "evidence/forty");
    plan_write(e, lost, plan, sizeof plan);
    snprintf(name, sizeof name, "lose-%u", lost);
    evidence_path(e, out, sizeof out, "runs/lose-%u", lost);
    const char *arguments[] = {"twin", "run", scenario, "--days", DAYS, "--fault-plan", plan, "--beyond", "--quiet", "--json", "--out", out, NULL};
    return evidence_noct(e, name, arguments, NULL);
}

/* Requests of the customers after the loss, from requests.csv: time_h,gateway,request,status,latency_ms. */
struct served {
    unsigned asked, answered, puts, puts_done;
    double latency_sum_ms;
};

static struct served served_after(struct evidence *e, unsigned lost, double from_h)
{
    char path[512], line[256];
    struct served s = {0};
    evidence_path(e, path, sizeof path, "runs/lose-%u/requests.csv", lost);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        char request[16], status[32];
        double at, latency;
        if (sscanf(line, "%lf,%*[^,],%15[^,],%31[^,],%lf", &at, request, status, &latency) != 4 || at < from_h)
            continue;
        bool good = strcmp(status, "OK") == 0 || strcmp(status, "NOT_FOUND") == 0;
        s.asked++;
        s.answered += good;
        s.latency_sum_ms += good ? latency : 0;
        if (strcmp(request, "put") == 0) {
            s.puts++;
            s.puts_done += good;
        }
    }
    if (f)
        fclose(f);
    return s;
}

void experiment_degradation(struct evidence *e)
{
    static const unsigned losses[] = {0, 1, 4, 20, 39}; /* of 40: none, the least one, 10 %, 50 %, all but one */
    unsigned kept = 0, count = sizeof losses / sizeof losses[0];
    bool one_serves = false;
    FILE *data = page_data(e, "degradation.csv");
    page_section(e->page, "degradation", "Degradation");
    page_paragraph(e->page, "Forty satellites in five planes and four gateways; two hours into the run satellites are lost for ever at one instant, up to all but one. Customers go "
                            "on asking. Objects have two copies in orbit: when more than one holder is lost at once, some objects are lost, and the region must say so.");
    page_table(e->page, "satellites lost", "requests after the loss", "answered", "puts done", "mean latency", "objects lost", "wrong bytes or broken promises", NULL);
    for (unsigned i = 0; i < count; i++) {
        json_t *r = run(e, losses[i]);
        struct served s = served_after(e, losses[i], LOSS_AT_S / 3600.0);
        long violations = json_violations(r);
        double share = s.asked ? 100.0 * s.answered / s.asked : 0, puts = s.puts ? 100.0 * s.puts_done / s.puts : 0;
        double lost = json_figure(r, "objects_lost");
        page_row(e->page, cell("%u of %d (%.0f %%)", losses[i], SATELLITES, 100.0 * losses[i] / SATELLITES), cell("%u", s.asked), cell("%.1f %%", share),
                 cell("%.1f %%", puts), cell("%.0f ms", s.answered ? s.latency_sum_ms / s.answered : 0), isnan(lost) ? "-" : cell("%.0f", lost),
                 cell("%ld", violations), NULL);
        if (data)
            fprintf(data, "%.1f,%.2f,%.2f\n", 100.0 * losses[i] / SATELLITES, share, puts);
        kept += r && violations == 0;
        if (losses[i] == SATELLITES - 1)
            one_serves = s.answered > 0 && s.puts_done > 0;
        json_decref(r);
    }
    page_table_end(e->page);
    if (data)
        fclose(data);
    page_plot(e, "degradation", "Share of requests answered after the loss, and of writes done, against the share of satellites lost.",
              "set xlabel 'satellites lost, percent'\nset ylabel 'percent'\nset yrange [0:105]\nset xrange [-2:100]\nset key bottom left\n"
              "plot 'degradation.csv' using 1:2 with linespoints lw 2 pt 7 lc rgb '#1f5fa8' title 'requests answered', "
              "'' using 1:3 with linespoints lw 2 pt 5 lc rgb '#c26a1b' title 'writes done'");
    evidence_result(e, CLAIM_DEGRADATION, kept < count ? EVIDENCE_FAILED : one_serves ? EVIDENCE_SHOWN : EVIDENCE_PARTLY, "evidence/forty.yaml", "1",
                    "noct evidence --only degradation", "%u of %u losses without a wrong byte or a silent loss; with all but one lost the last satellite %s", kept, count,
                    one_serves ? "still reads and writes" : "does not serve writes");
}
