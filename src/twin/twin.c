#include "twin/twin.h"

#include <stdio.h>
#include <time.h>

#include "twin/output_pcap.h"
#include "twin/outputs.h"
#include "twin/report.h"

static struct effort effort_since(struct effort start)
{
    struct timespec cpu, wall;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    clock_gettime(CLOCK_MONOTONIC, &wall);
    return (struct effort){.cpu_s = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9 - start.cpu_s,
                           .wall_s = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9 - start.wall_s};
}

static void sampled(void *report, struct world *w)
{
    report_sample(report, w);
}

struct files { /* beside the report */
    unsigned bits;
    const struct twin_pace *pace;
    struct recorder *recorder;
    struct pcap *pcap;
};

static void pace(struct world *w, void *context, uint64_t number)
{
    struct files *f = context;
    recorder_flush(f->recorder);
    f->pace->wait(f->pace->context, world_wall(w));
    world_serially(w, w->now + NS_PER_S, pace, context, number);
}

static bool files_open(struct files *f, struct world *w, const struct twin_options *o)
{
    char why[PCAP_WHY];
    bool large = w->node_count > OUTPUT_TRACK_NODES_MAX;
    *f = (struct files){.pace = o->pace, .bits = o->outputs ? o->outputs : large ? (unsigned)OUTPUT_SERIES : OUTPUT_DEFAULT};
    if (!o->output)
        return true;
    if ((f->bits & OUTPUT_TRACK) && recorder_open(&f->recorder, w, o->output, f->bits & OUTPUT_CSV, o->pace != NULL) != ERR_OK) {
        fprintf(stderr, "twin: cannot write into %s\n", o->output);
        return false;
    }
    if (o->pcap && pcap_open(&f->pcap, w, o->output, o->pcap, why) != ERR_OK) {
        fprintf(stderr, "twin: %s\n", why);
        return false;
    }
    if (o->pace)
        world_serially(w, w->now, pace, f, 0);
    return true;
}

static bool files_close(struct files *f, struct world *w, const struct twin_options *o)
{
    pcap_close(f->pcap);
    recorder_close(f->recorder, w);
    unsigned views = f->bits & (OUTPUT_CSV | OUTPUT_CZML | OUTPUT_OEM | OUTPUT_PLAN);
    return !o->output || !views || outputs_write(o->output, w->scenario, views) == ERR_OK;
}

int twin_run(const struct scenario *s, const struct twin_options *options)
{
    struct report report;
    struct world *w = NULL;
    if (report_open(&report, options) != ERR_OK) {
        fprintf(stderr, "twin: cannot write into %s\n", options->output);
        return 1;
    }
    struct effort started = effort_since((struct effort){0});
    err e = world_open_on(&w, s, options->seed, (duration_ns)(options->days * 86400e9), !options->no_faults, options->ranks);
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
    if (w->ranks && !faults_fit_ranks(w)) {
        report_close(&report);
        world_close(w);
        return 1;
    }
    faults_write(w, options->output);
    w->threads = options->threads;
    w->shards_wanted = options->shards;
    world_observe(w, &(struct observer){.context = &report, .on_trace = report_trace, .on_sample = sampled, .on_request = report_request,
                                        .on_progress = report_progress});
    struct files files;
    if (!files_open(&files, w, options)) {
        files_close(&files, w, &(struct twin_options){0});
        report_close(&report);
        world_close(w);
        return 1;
    }
    world_run(w);
    bool written = files_close(&files, w, options);
    uint64_t violations = checks_violations(w);
    if (!w->ranks || w->ranks->rank == 0)
        report_print(&report, w, effort_since(started));
    report_plots(&report, w);
    written = report_close(&report) && written;
    world_close(w);
    return violations || !written ? 1 : 0;
}
