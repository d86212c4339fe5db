/*
 * evidence/evidence.h - claim, evidence, state: an HTML report that says what was promised and shows what was measured.
 *
 * Story:   claim.def lists the claims with the experiment behind each. An experiment runs `noct` itself (twin runs, campaigns,
 *          geometry) in child processes, reads the figures they leave, draws plots, and fills one result per claim. Runs
 *          are kept in the folder under the hash of commit and command: a second call repeats only what changed.
 * Output:  FOLDER/index.html (self-contained: style and plots inside), FOLDER/evidence.json, FOLDER/runs/.
 * Page:    docs/operate/evidence.md.
 * Owns:    malloc'd memory; files in its folder; ends only children it started.
 */
#ifndef NOCT_EVIDENCE_EVIDENCE_H
#define NOCT_EVIDENCE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

struct pass_gap;

struct evidence_options {
    const char *folder, *scenarios; /* where scenario files are */
    const char *commit;
    const char *only; /* experiments, separated by commas; NULL: all */
    bool quick, quiet;
    /* The pass gaps of the scenario file in its first `days`, and its epoch as UTC text (pass_gaps.h). */
    size_t (*gaps)(const char *scenario, double days, struct pass_gap **out, char epoch[40]);
};

/* Runs the experiments and writes the report. 0: nothing failed; 1: a claim failed, or the report cannot be written. */
int evidence_run(const struct evidence_options *options, bool json);

#endif
