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

/* The end of the first cell of acquisition.csv (from_s,to_s,count,share_beyond) beyond which at most `share` lies; NaN: none. */
static double share_beyond(const char *folder, double share)
{
    char path[600], line[128];
    double to, beyond, found = (double)NAN;
    snprintf(path, sizeof path, "%s/acquisition.csv", folder);
    FILE *f = fopen(path, "r");
    while (f && isnan(found) && fgets(line, sizeof line, f))
        if (sscanf(line, "%*f,%lf,%*d,%lf", &to, &beyond) == 2 && beyond <= share)
            found = to;
    if (f)
        fclose(f);
    return found;
}

void experiment_links(struct evidence *e)
{
    char scenario[512];
    struct optical_terminal t = optical_terminal_80mm();
    char out[512];
    evidence_scenario(e, scenario, sizeof scenario, "mixed-fleet");
    evidence_path(e, out, sizeof out, "runs/links");
    const char *arguments[] = {"twin", "run", scenario, "--days", e->options->quick ? "0.2" : "1", "--quiet", "--json", "--out", out, NULL};
    json_t *r = evidence_noct(e, "links", arguments, NULL);
    page_section(e->page, "links", "Optical links");
    page_paragraph(e->page, "The terminal of docs/model/optical.md: %.0f mm, %.1f W, %.0f nm at both ends, jitter %.2g microradian per axis. Its ladder of rates over range and pointing error:",
                   t.aperture_m * 1000, t.power_w, t.wavelength_m * 1e9, t.jitter_rad / MICRO);
    envelope_table(e->page);
    envelope_data(e);
    page_plot(e, "envelope", "Rate over constant pointing error, for ranges from 1,000 to 8,000 km.",
              "set xlabel 'pointing error, microradian'\nset ylabel 'Gb/s'\nset logscale y\nset yrange [1:200]\nset key outside right\n"
              "plot for [i=1:8] 'envelope.csv' using 1:(column(i+1) > 0 ? column(i+1) : NaN) with steps lw 2 title sprintf('%%d km', 1000*i)");
    double acquisitions = json_figure(r, "acquisitions"), mean = json_figure(r, "acquisition_mean_s"), p99 = share_beyond(out, 0.01),
           lost = json_figure(r, "tracking_losses");
    if (acquisitions > 0) {
        page_paragraph(e->page, "%s of two generations of such satellites in the twin, with clouds, a jammer and lost tracking: %.0f acquisitions (%.0f searches), %.1f s on average after "
                                "%.1f s of turning, 99 %% within %.0f s (the SDA standard allows 100 s); %.0f losses of tracking.", e->options->quick ? "Five hours" : "A day", acquisitions,
                       json_figure(r, "acquisition_searches"), mean, json_figure(r, "slew_mean_s"), p99, lost);
        page_plot(e, "acquisition", "Share of acquisitions that took longer: the run, and an exponential with the same mean.",
                  "set xlabel 'seconds'\nset ylabel 'share that took longer'\nset logscale y\nset yrange [0.001:1]\nset xrange [0:120]\n"
                  "plot 'links/acquisition.csv' every ::1 using 2:4 with points pt 7 ps .6 lc rgb '#1f5fa8' title 'run', exp(-x/%g) with lines lc rgb '#c26a1b' title 'exponential'", mean);
    }
    double envelope = envelope_urad(5000);
    bool holds = envelope >= 0 && acquisitions > 0 && json_violations(r) == 0;
    char twin[200] = "no acquisitions in the twin yet";
    if (acquisitions > 0)
        snprintf(twin, sizeof twin, "%.0f acquisitions in the twin, mean %.1f s, 99 %% within %.0f s, %.0f losses of tracking", acquisitions, mean, p99, lost);
    evidence_result(e, CLAIM_LINK, holds ? EVIDENCE_SHOWN : envelope >= 0 ? EVIDENCE_PARTLY : EVIDENCE_FAILED, "mixed-fleet.yaml and docs/model/optical.md", "1",
                    "noct evidence --only links", "10 Gb/s at 5,000 km up to %.1f microradian of pointing error; %s", envelope, twin);
    json_decref(r);
}
