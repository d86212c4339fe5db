#include "twin/twin.h"

#include <stdio.h>
#include <time.h>

#include "twin/report.h"

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sampled(void *report, struct world *w)
{
    report_sample(report, w);
}

int twin_run(const struct scenario *s, const struct twin_options *options)
{
    struct report report;
    struct world *w = NULL;
    if (report_open(&report, options) != ERR_OK) {
        fprintf(stderr, "twin: cannot write into %s\n", options->output);
        return 1;
    }
    double started = cpu_seconds();
    err e = world_open(&w, s, options->seed, (duration_ns)(options->days * 86400e9), !options->no_faults);
    if (e != ERR_OK) {
        fprintf(stderr, "twin: the scenario cannot be simulated: %s\n", err_text(e));
        report_close(&report);
        if (w)
            world_close(w);
        return 1;
    }
    if (options->plan)
        faults_give(w, options->plan, options->beyond);
    else if (options->beyond)
        faults_exceed(w);
    for (size_t i = 0; i < options->without_count; i++)
        faults_without(w, options->without[i]);
    faults_write(w, options->output);
    w->threads = options->threads;
    w->shards_wanted = options->shards;
    world_observe(w, &(struct observer){.context = &report, .on_trace = report_trace, .on_sample = sampled, .on_request = report_request,
                                        .on_progress = report_progress});
    world_run(w);
    uint64_t violations = checks_violations(w);
    report_print(&report, w, cpu_seconds() - started);
    report_plots(&report, w);
    report_close(&report);
    world_close(w);
    return violations ? 1 : 0;
}
