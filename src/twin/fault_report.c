/*
 * twin/fault_report.c - what the plan was and what it did: faults.txt, the summary, the JSON report.
 */
#include <stdio.h>

#include "twin/faults.h"
#include "twin/world.h"

void faults_write(const struct world *w, const char *folder)
{
    char path[512];
    if (!folder || !w->faults_on || (size_t)snprintf(path, sizeof path, "%s/faults.txt", folder) >= sizeof path)
        return;
    struct text t = text_new(NULL, 64 << 20);
    fault_plan_write(w->scenario, &w->plan, text_string(&w->plan_remarks), &t);
    FILE *f = fopen(path, "w");
    bool good = f && fwrite(text_string(&t), 1, t.size, f) == t.size;
    if ((f && fclose(f) != 0) || !good)
        fprintf(stderr, "twin: cannot write %s\n", path);
    text_free(&t);
}

struct count {
    const char *name;
    uint64_t value;
};
enum { COUNTS = 10 };

static void counts_of(const struct fault_figures *f, struct count out[COUNTS])
{
    const struct count counts[COUNTS] = {
        {"frames_damaged", f->frames_damaged},     {"frames_replayed", f->frames_replayed},
        {"frames_forged", f->frames_forged},       {"frames_doubled", f->frames_doubled},
        {"frames_late", f->frames_late},           {"frames_swallowed", f->frames_swallowed},
        {"statuses_forged", f->statuses_forged},   {"writes_refused", f->writes_refused},
        {"writes_lost", f->writes_lost},           {"writes_misdirected", f->writes_misdirected},
    };
    for (size_t i = 0; i < COUNTS; i++)
        out[i] = counts[i];
}

void faults_print(const struct world *w)
{
    struct count counts[COUNTS];
    const char *comma = "            ";
    counts_of(&w->figures.faults, counts);
    for (size_t k = 0; k < FAULT_KIND_COUNT; k++) {
        if (w->figures.faults.happened[k] == 0)
            continue;
        printf("%s%llu %s", comma, (unsigned long long)w->figures.faults.happened[k], fault_kind_info((enum fault_kind)k)->word);
        comma = ", ";
    }
    for (size_t i = 0; i < COUNTS; i++)
        if (counts[i].value)
            printf("%s%s %llu", comma, counts[i].name, (unsigned long long)counts[i].value), comma = ", ";
    if (comma[0] == ',')
        putchar('\n');
    if (w->radiation)
        printf("  dose      at most %.3f rad since launch; %llu satellites derated, %llu dead of it\n",
               (double)w->figures.faults.dose_max_mrad / 1000, (unsigned long long)w->figures.faults.derated,
               (unsigned long long)w->figures.faults.dead_by_dose);
    if (!w->beyond)
        return;
    printf("  beyond    %llu objects lost and reported so, %zu of %zu satellites left", (unsigned long long)w->figures.objects_lost,
           faults_left(w), w->scenario->satellite_count);
    for (size_t i = 0; i < PROMISE_COUNT; i++)
        if (checks_results(w)[i].excused)
            printf(", %s excused %llu times", checks_results(w)[i].id, (unsigned long long)checks_results(w)[i].excused);
    putchar('\n');
}

void faults_json(const struct world *w, struct text *t)
{
    struct count counts[COUNTS];
    counts_of(&w->figures.faults, counts);
    for (size_t i = 0; i < COUNTS; i++)
        json_uint(t, counts[i].name, counts[i].value);
    json_double(t, "dose_max_rad", (double)w->figures.faults.dose_max_mrad / 1000);
    json_uint(t, "satellites_derated", w->figures.faults.derated);
    json_uint(t, "satellites_dead_by_dose", w->figures.faults.dead_by_dose);
    json_bool(t, "beyond_policy", w->beyond);
    json_uint(t, "objects_lost", w->figures.objects_lost);
    json_uint(t, "satellites_left", faults_left(w));
    json_object(t, "faults_happened");
    for (size_t k = 0; k < FAULT_KIND_COUNT; k++)
        json_uint(t, fault_kind_info((enum fault_kind)k)->word, w->figures.faults.happened[k]);
    json_end(t);
}
