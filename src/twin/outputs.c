#include "twin/outputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char outputs_help[] =
    "  series   series.csv, events.log, plots (always)\n"
    "  track    track.noct: for noct twin replay, watch and export (by default up to 2,000 nodes)\n"
    "  csv      nodes, links, traffic, objects, tasks, events, promises and faults as CSV, units in the column names\n"
    "  czml     satellites, ground stations and links for Cesium, at most 1,000 entities a file\n"
    "  oem      an OEM (CCSDS 502.0) per satellite\n"
    "  plan     the contact plan: CSV, ION ionrc, HDTN JSON\n"
    "  pcap     pcapng of the links of --pcap A:B\n";

static const struct {
    const char *word;
    unsigned bits;
} words[] = {
    {"series", OUTPUT_SERIES}, {"track", OUTPUT_TRACK}, {"csv", OUTPUT_CSV},   {"czml", OUTPUT_CZML},
    {"oem", OUTPUT_OEM},       {"plan", OUTPUT_PLAN},   {"pcap", OUTPUT_PCAP}, {"none", OUTPUT_SERIES},
    {"all", OUTPUT_SERIES | OUTPUT_TRACK | OUTPUT_CSV | OUTPUT_CZML | OUTPUT_OEM | OUTPUT_PLAN},
};

unsigned outputs_parse(const char *list, char wrong[32])
{
    unsigned bits = OUTPUT_SERIES;
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, ","), i = 0;
        while (i < COUNT_OF(words) && (strlen(words[i].word) != size || memcmp(words[i].word, at, size) != 0))
            i++;
        if (i == COUNT_OF(words)) {
            snprintf(wrong, 32, "%.*s", (int)MIN(size, (size_t)31), at);
            return 0;
        }
        bits |= words[i].bits;
        at += size + (at[size] == ',');
    }
    if (bits & ~(unsigned)(OUTPUT_SERIES | OUTPUT_PCAP))
        bits |= OUTPUT_TRACK; /* the others are made from it */
    return bits;
}

FILE *output_create(struct output_context *c, const char *name)
{
    char path[1024];
    FILE *f = (size_t)snprintf(path, sizeof path, "%s/%s", c->folder, name) < sizeof path ? fopen(path, "w") : NULL;
    if (!f)
        fprintf(stderr, "twin: %s/%s cannot be written: %s\n", c->folder, name, strerror(errno));
    return f;
}

bool output_close(struct output_context *c, FILE *f, const char *name)
{
    bool good = !ferror(f);
    good = fclose(f) == 0 && good;
    if (!good)
        fprintf(stderr, "twin: %s/%s is not whole: %s\n", c->folder, name, strerror(errno));
    c->files += good;
    return good;
}

double output_seconds(const struct output_context *c, tai_ns t)
{
    return (double)(t - c->track->epoch) / 1e9;
}

static err open_sky(struct output_context *c, unsigned bits)
{
    TRY(scenario_sky(c->scenario, NULL, &c->sky));
    c->has_plan = (bits & OUTPUT_PLAN) || ((bits & OUTPUT_CSV) && c->scenario->site_count <= OUTPUT_PLAN_NODES_MAX);
    return c->has_plan ? sky_plan_extend(c->sky, c->track->last) : ERR_OK;
}

err outputs_write(const char *folder, const struct scenario *s, unsigned bits)
{
    struct track track;
    struct output_context c = {.folder = folder, .scenario = s, .track = &track};
    err status = track_open(&track, folder);
    if (status == ERR_OK && track.node_count != s->site_count) {
        snprintf(track.why, sizeof track.why, "the track has %zu nodes, the scenario %zu", track.node_count, s->site_count);
        status = ERR_CONFLICT;
    }
    if (status == ERR_OK && track.nodes_read != track.node_count) {
        snprintf(track.why, sizeof track.why, "the track ends before the names of its nodes");
        status = ERR_CORRUPT;
    }
    if (status != ERR_OK) {
        fprintf(stderr, "twin: %s: %s\n", folder, track.why);
        track_close(&track);
        return status;
    }
    if (!track.ended) {
        char last[40];
        time_utc_text(track.last, 0, last);
        fprintf(stderr, "twin: %s: the run did not end, or is not at its end yet: the files reach to %s\n", folder, last);
    }
    status = open_sky(&c, bits);
    bool good = status == ERR_OK;
    if (good && (bits & OUTPUT_CSV))
        good = output_csv(&c);
    if (good && (bits & OUTPUT_CZML))
        good = output_czml(&c);
    if (good && (bits & OUTPUT_OEM))
        good = output_oem(&c);
    if (good && (bits & OUTPUT_PLAN))
        good = output_plan(&c);
    if (c.sky) {
        sky_free(c.sky);
        free(c.sky);
    }
    track_close(&track);
    return status != ERR_OK ? status : good ? ERR_OK : ERR_IO;
}
