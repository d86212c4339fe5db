/*
 * evidence/experiment_links.c - the rate of an optical link over the pointing envelope, and how acquisitions went in a run.
 */
#include <math.h>
#include <string.h>

#include "craft/optical.h"
#include "evidence/page.h"

#define MICRO 1e-6
#define CONTRACT_BPS 10000000000ull /* 10 Gb/s class */

static uint64_t rate_at(double bias_rad, double range_km)
{
    struct optical_terminal t = optical_terminal_80mm();
    t.bias_rad = bias_rad;
    return optical_rate_bps(&t, &t, range_km, 0);
}

/* The greatest pointing error in whole tenths of a microradian at which the contract holds; -1: not even without error. */
static double envelope_urad(double range_km)
{
    double best = -1;
    for (int tenth = 0; tenth <= 400 && rate_at(tenth * 0.1 * MICRO, range_km) >= CONTRACT_BPS; tenth++)
        best = tenth * 0.1;
    return best;
}

static void envelope_data(struct evidence *e)
{
    FILE *data = page_data(e, "envelope.csv");
    if (!data)
        return;
    for (int bias = 0; bias <= 24; bias++) {
        fprintf(data, "%d", bias);
        for (int range = 1000; range <= 8000; range += 1000)
            fprintf(data, ",%.4g", (double)rate_at(bias * MICRO, range) / 1e9);
        fputc('\n', data);
    }
    fclose(data);
}

static void envelope_table(FILE *page)
{
    page_table(page, "range", "rate without pointing error", "10 Gb/s up to a pointing error of", NULL);
    for (int range = 1000; range <= 8000; range += 1000) {
        double most = envelope_urad(range);
        page_row(page, cell("%d km", range), cell("%.4g Gb/s", (double)rate_at(0, range) / 1e9), most < 0 ? "not at all" : cell("%.1f microradian", most), NULL);
    }
    page_table_end(page);
}

void experiment_links(struct evidence *e)
{
    char scenario[512];
    struct optical_terminal t = optical_terminal_80mm();
    evidence_scenario(e, scenario, sizeof scenario, "evidence/optical");
    const char *arguments[] = {"twin", "run", scenario, "--days", e->options->quick ? "0.2" : "1", "--quiet", "--json", "--out", "-", NULL};
    json_t *r = evidence_noct(e, "links", arguments, NULL);
    page_section(e->page, "links", "Optical links");
    page_paragraph(e->page, "The terminal of docs/model/optical.md: %.0f mm, %.1f W, %.0f nm at both ends, jitter %.2g microradian per axis. Its ladder of rates over range and pointing error:",
                   t.aperture_m * 1000, t.power_w, t.wavelength_m * 1e9, t.jitter_rad / MICRO);
    envelope_table(e->page);
    envelope_data(e);
    page_plot(e, "envelope", "Rate over constant pointing error, for ranges from 1,000 to 8,000 km.",
              "set xlabel 'pointing error, microradian'\nset ylabel 'Gb/s'\nset logscale y\nset yrange [1:200]\nset key outside right\n"
              "plot for [i=1:8] 'envelope.csv' using 1:(column(i+1) > 0 ? column(i+1) : NaN) with steps lw 2 title sprintf('%%d km', 1000*i)");
    double acquisitions = json_figure(r, "acquisitions"), mean = json_figure(r, "acquisition_mean_s"), p99 = json_figure(r, "acquisition_p99_s"),
           up = json_figure(r, "link_up_share");
    if (acquisitions > 0)
        page_paragraph(e->page, "A day of a mesh with this terminal in the twin: %.0f acquisitions, %.1f s on average with the slew, 99 %% within %.1f s; links stood %.2f %% of the time in which "
                                "both ends wanted them.", acquisitions, mean, p99, 100 * up);
    double envelope = envelope_urad(5000);
    bool holds = envelope >= 0 && acquisitions > 0 && json_violations(r) == 0;
    char twin[200] = "no acquisitions in the twin yet";
    if (acquisitions > 0)
        snprintf(twin, sizeof twin, "%.0f acquisitions in the twin, mean %.1f s, 99 %% within %.1f s, links up %.2f %%", acquisitions, mean, p99, 100 * up);
    evidence_result(e, CLAIM_LINK, holds ? EVIDENCE_SHOWN : envelope >= 0 ? EVIDENCE_PARTLY : EVIDENCE_FAILED, "evidence/optical.yaml and docs/model/optical.md", "1",
                    "noct evidence --only links", "10 Gb/s at 5,000 km up to %.1f microradian of pointing error; %s", envelope, twin);
    json_decref(r);
}
