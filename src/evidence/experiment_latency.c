/*
 * evidence/experiment_latency.c - twenty pairs of cities through the mesh, against fibre.
 */
#include <string.h>

#include "evidence/page.h"

enum { FAR_KM = 2000 };

static double number(const json_t *pair, const char *key)
{
    return json_number_value(json_object_get(pair, key));
}

static json_t *pairs_over(struct evidence *e, const char *name, const char *pairs)
{
    char scenario[512];
    evidence_scenario(e, scenario, sizeof scenario, name);
    const char *arguments[] = {"geometry", scenario, "--pairs", pairs, "--hours", e->options->quick ? "0.2" : "1.6", "--step", "10", "--json", NULL};
    return evidence_noct(e, name, arguments, NULL);
}

void experiment_latency(struct evidence *e)
{
    char pairs[512];
    snprintf(pairs, sizeof pairs, "%s/city-pairs.csv", e->options->scenarios);
    json_t *r = pairs_over(e, "two-shells", pairs), *alone = pairs_over(e, "shell-1", pairs);
    const json_t *list = json_object_get(r, "pairs"), *list_alone = json_object_get(alone, "pairs");
    size_t count = json_array_size(list), far = 0, far_beaten = 0, far_alone = 0, beaten = 0, straight = 0;
    FILE *data = page_data(e, "latency.csv");
    page_section(e->page, "latency", "Latency against fibre");
    page_paragraph(e->page, "Round-trip light time between cities, every ten seconds of an orbit, against light in glass along the great circle and along a cable 1.5 times as long (real "
                            "cables are longer than the great circle). No queues on either side. The mesh: 1,584 satellites at 550 km and 53 degrees with 351 in polar orbits at 1,015 km, "
                            "+Grid in each shell; beside it the first shell alone.");
    page_table(e->page, "from", "to", "great circle", "two shells, mean (least to most)", "hops", "one shell, mean", "fibre, straight", "fibre, x 1.5", NULL);
    for (size_t i = 0; i < count; i++) {
        const json_t *p = json_array_get(list, i);
        double km = number(p, "great_circle_km"), mean = number(p, "rtt_mean_ms"), fibre = number(p, "fibre_ms"), cable = number(p, "fibre_stretched_ms");
        double mean_alone = number(json_array_get(list_alone, i), "rtt_mean_ms");
        page_row(e->page, json_string_value(json_object_get(p, "from")), json_string_value(json_object_get(p, "to")), cell("%.0f km", km),
                 cell("%.1f ms (%.1f to %.1f)", mean, number(p, "rtt_least_ms"), number(p, "rtt_most_ms")), cell("%.0f to %.0f", number(p, "hops_least"), number(p, "hops_most")),
                 cell("%.1f ms", mean_alone), cell("%.1f ms", fibre), cell("%.1f ms", cable), NULL);
        beaten += mean < cable;
        straight += mean < fibre;
        far += km > FAR_KM;
        far_beaten += km > FAR_KM && mean < cable;
        far_alone += km > FAR_KM && mean_alone < cable;
        if (data)
            fprintf(data, "%.0f,%.3f,%.3f,%.3f,%.3f\n", km, mean, fibre, cable, mean_alone);
    }
    page_table_end(e->page);
    if (data)
        fclose(data);
    page_plot(e, "latency", "Round-trip time against distance: the mesh (points) and fibre (lines).",
              "set xlabel 'great circle, km'\nset ylabel 'round trip, ms'\nset key top left\nset yrange [0:*]\n"
              "plot 'latency.csv' using 1:2 with points pt 7 lc rgb '#1f5fa8' title 'two shells, mean', '' using 1:5 with points pt 6 lc rgb '#7fa8d0' title 'one shell, mean', "
              "'' using 1:3 smooth unique with lines lc rgb '#66707a' title 'fibre, straight', '' using 1:4 smooth unique with lines lc rgb '#c26a1b' title 'fibre, x 1.5'");
    page_paragraph(e->page, "Where one shell loses, the way is short, or it runs across the planes: +Grid goes around such routes in steps. Polar planes take these.");
    evidence_result(e, CLAIM_LATENCY, count == 0 ? EVIDENCE_OPEN : far_beaten == far ? EVIDENCE_SHOWN : 2 * far_beaten > far ? EVIDENCE_PARTLY : EVIDENCE_FAILED,
                    "two-shells.yaml, city-pairs.csv", "none: no chance in it", "noct geometry scenarios/two-shells.yaml --pairs scenarios/city-pairs.csv",
                    "of %zu pairs the mesh beats a cable of 1.5 great circles on %zu and light in straight glass on %zu; beyond 2,000 km on %zu of %zu (one shell alone: %zu)", count, beaten,
                    straight, far_beaten, far, far_alone);
    json_decref(r);
    json_decref(alone);
}
