/*
 * twin/outputs.h - files for other people's tools, made from a run's track and its scenario.
 *
 * Story:    a run leaves a track (twin/track.h); everything here is a view of it, written when asked for: at the end of the run
 *           (noct twin run --outputs LIST) or later (noct twin export RUN). Bundles on a link are the exception: they are written while the
 *           run goes on (output_pcap.h). Formats, units and limits: docs/format/outputs.md.
 * Owns:     nothing. Errors: IO with a sentence on stderr that names the file.
 * Threads:  one.
 */
#ifndef NOCT_TWIN_OUTPUTS_H
#define NOCT_TWIN_OUTPUTS_H

#include <stdio.h>

#include "node/scenario.h"
#include "twin/track.h"

enum output_bit {
    OUTPUT_TRACK = 1, OUTPUT_CSV = 2, OUTPUT_CZML = 4, OUTPUT_OEM = 8, OUTPUT_PLAN = 16, OUTPUT_PCAP = 32, OUTPUT_SERIES = 64,
};
#define OUTPUT_DEFAULT ((unsigned)OUTPUT_SERIES | (unsigned)OUTPUT_TRACK)
enum { OUTPUT_TRACK_NODES_MAX = 2000 }; /* above, a track is written only when it is asked for */

/* "csv,czml,oem": the bits, or 0 and `wrong` names the word. "all" is all but pcap, which wants a link; "none" is SERIES alone. */
unsigned outputs_parse(const char *list, char wrong[32]);
extern const char outputs_help[]; /* a line per output, for --help */

struct output_context {
    const char *folder;
    const struct scenario *scenario;
    const struct track *track;
    struct sky *sky; /* positions at any instant; the plan reaches over the run where OUTPUT_PLAN_NODES_MAX allows */
    bool has_plan;
    size_t files;    /* written so far */
};
enum { OUTPUT_PLAN_NODES_MAX = 500 };

/* Writes what `bits` ask for into `folder`, from the track in it. */
err outputs_write(const char *folder, const struct scenario *s, unsigned bits) MUST_USE;

FILE *output_create(struct output_context *c, const char *name); /* NULL: said */
bool output_close(struct output_context *c, FILE *f, const char *name); /* false: said */
double output_seconds(const struct output_context *c, tai_ns t); /* since the epoch */

/* One file each. */
bool output_csv(struct output_context *c);
bool output_czml(struct output_context *c);
bool output_oem(struct output_context *c);
bool output_plan(struct output_context *c);

#endif
