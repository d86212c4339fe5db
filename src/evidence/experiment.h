/*
 * evidence/experiment.h - what an experiment has at hand: runs of noct, results of claims, the page.
 *
 * Story:   see evidence.h. (Apart from it, because jansson's names and those of base/text.h do not go together.)
 */
#ifndef NOCT_EVIDENCE_EXPERIMENT_H
#define NOCT_EVIDENCE_EXPERIMENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "evidence/evidence.h"

enum evidence_state {
    EVIDENCE_OPEN,   /* no experiment shows it yet */
    EVIDENCE_SHOWN,  /* measured, and it holds */
    EVIDENCE_FAILED, /* measured, and it does not hold */
    EVIDENCE_PARTLY, /* holds as far as it was measured; the figure says what is missing */
    EVIDENCE_STATES
};

enum claim {
#define CLAIM(id, rows, text, by) CLAIM_##id,
#include "evidence/claim.def"
#undef CLAIM
    CLAIM_COUNT
};

extern const struct claim_text {
    const char *id, *rows, *text, *by; /* by: the experiment that speaks to it */
} claims[CLAIM_COUNT];

struct evidence_result {
    enum evidence_state state;
    char figure[800];   /* one or two sentences with numbers and units */
    char scenario[160]; /* file, or the model that was asked */
    char seeds[80];
    char command[400];  /* repeats it */
};

struct evidence {
    const struct evidence_options *options;
    struct evidence_result results[CLAIM_COUNT];
    FILE *page; /* the experiments' sections go here, in order */
    const char *experiment; /* which one runs now */
};

const char *evidence_state_name(enum evidence_state s);

/* ---- for experiments --------------------------------------------------------------------------------------------------- */

/* Fills a claim's result. The text is formatted into `figure`. */
void evidence_result(struct evidence *e, enum claim c, enum evidence_state state, const char *scenario, const char *seeds, const char *command,
                     const char *format, ...) __attribute__((format(printf, 7, 8)));

/*
 * Runs `noct ARGUMENTS...` (NULL-terminated) and gives its standard output as JSON; NULL when there is none. `name` names the run's
 * files. Kept: a run with equal arguments, scenario text and commit is read back instead. `exit_code` may be NULL.
 */
json_t *evidence_noct(struct evidence *e, const char *name, const char *const *arguments, int *exit_code);
/* Runs a program (NULL: noct itself) with this argument line to its end; false: it could not be run. `out` and `log` may be one file. */
bool evidence_program(const char *program, const char *const *line, const char *out, const char *log, int *exit_code);
void evidence_path(const struct evidence *e, char *out, size_t size, const char *format, ...) __attribute__((format(printf, 4, 5)));
void evidence_scenario(const struct evidence *e, char *out, size_t size, const char *name); /* path of a shipped scenario */

double json_figure(const json_t *report, const char *name); /* report.figures.NAME; NaN: absent */
/* Sum of violations over all promises of a run's report; -1: no report. */
long json_violations(const json_t *report);

/* experiments, a file each */
void experiment_region(struct evidence *e);
void experiment_links(struct evidence *e);
void experiment_gaps(struct evidence *e);
void experiment_loss(struct evidence *e);
void experiment_latency(struct evidence *e);
void experiment_degradation(struct evidence *e);
void experiment_campaign(struct evidence *e);
void experiment_scale(struct evidence *e);

#endif
