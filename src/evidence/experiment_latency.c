/*
 * evidence/experiment_latency.c - twenty pairs of cities through the mesh, against fibre.
 */
#include <string.h>

#include "evidence/page.h"

static double number(const json_t *pair, const char *key)
{
    return json_number_value(json_object_get(pair, key));
}

void experiment_latency(struct evidence *e)
{
    char scenario[512], pairs[512];
    evidence_scenario(e, scenario, sizeof scenario, "shell-1");
    snprintf(pairs, sizeof pairs, "%s/city-pairs.csv", e->options->scenarios);
    const char *arguments[] = {"geometry", scenario, "--pairs", pairs, "--hours", e->options->quick ? "0.2" : "1.6", "--step", "10", "--json", NULL};
    json_t *r = evidence_noct(e, "latency", arguments, NULL);
    const json_t *list = json_object_get(r, "pairs");
    size_t count = json_array_size(list), far = 0, far_beaten = 0, beaten = 0, straight = 0;
    FILE *data = page_data(e, "latency.csv");
    page_section(e->page, "latency", "Latency against fibre");
    page_paragraph(e->page, "Round-trip light time between cities over a shell of 1,584 satellites (550 km, 53 degrees, +Grid), every ten seconds of an orbit, against light in glass along the great "
                            "circle and along a cable 1.5 times as long (real cables are longer than the great circle). No queues on either side.");
    page_table(e->page, "from", "to", "great circle", "mesh, mean (least to most)", "hops", "fibre, straight", "fibre, x 1.5", NULL);
    for (size_t i = 0; i < count; i++) {
        const json_t *p = json_array_get(list, i);
        double km = number(p, "great_circle_km"), mean = number(p, "rtt_mean_ms"), fibre = number(p, "fibre_ms"), cable = number(p, "fibre_stretched_ms");
        page_row(e->page, json_string_value(json_object_get(p, "from")), json_string_value(json_object_get(p, "to")), cell("%.0f km", km),
                 cell("%.1f ms (%.1f to %.1f)", mean, number(p, "rtt_least_ms"), number(p, "rtt_most_ms")), cell("%.0f to %.0f", number(p, "hops_least"), number(p, "hops_most")),
                 cell("%.1f ms", fibre), cell("%.1f ms", cable), NULL);
        beaten += mean < cable;
        straight += mean < fibre;
        far += km > 2000;
        far_beaten += km > 2000 && mean < cable;
        if (data)
            fprintf(data, "%.0f,%.3f,%.3f,%.3f\n", km, mean, fibre, cable);
    }
    page_table_end(e->page);
    if (data)
        fclose(data);
    page_plot(e, "latency", "Round-trip time against distance: the mesh (points) and fibre (lines).",
              "set xlabel 'great circle, km'\nset ylabel 'round trip, ms'\nset key top left\nset yrange [0:*]\n"
              "plot 'latency.csv' using 1:2 with points pt 7 lc rgb '#1f5fa8' title 'mesh, mean', '' using 1:3 smooth unique with lines lc rgb '#66707a' title 'fibre, straight', "
              "'' using 1:4 smooth unique with lines lc rgb '#c26a1b' title 'fibre, x 1.5'");
    page_paragraph(e->page, "Where the mesh loses, the way is short, or it runs across the planes of the shell: +Grid goes around such routes in steps.");
    evidence_result(e, CLAIM_LATENCY, count == 0 ? EVIDENCE_OPEN : far_beaten == far ? EVIDENCE_SHOWN : 2 * far_beaten > far ? EVIDENCE_PARTLY : EVIDENCE_FAILED,
                    "shell-1.yaml, city-pairs.csv", "none: no chance in it", "noct geometry scenarios/shell-1.yaml --pairs scenarios/city-pairs.csv",
                    "of %zu pairs the mesh beats a cable of 1.5 great circles on %zu and light in straight glass on %zu; beyond 2,000 km on %zu of %zu", count, beaten, straight, far_beaten, far);
    json_decref(r);
}
