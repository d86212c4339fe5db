/*
 * cli/twin_faults.h - the options of noct twin run that say which faults and which work a run has; noct twin shrink prints them.
 */
#ifndef NOCT_CLI_TWIN_FAULTS_H
#define NOCT_CLI_TWIN_FAULTS_H

#include "twin/shrink.h"
#include "twin/twin.h"

struct twin_fault_options { /* as given; NULL: not given */
    const char *plan_path, *without, *idle;
};

/* Fills the run from the options and says what is wrong (then false). `run->scenario` is set. The plan is read if there is a path. */
bool cli_twin_faults_read(const struct twin_fault_options *o, struct shrink_run *run);
/* The same as arguments of a command, with a blank before each; `plan_path` may be NULL. */
void cli_twin_faults_arguments(const struct shrink_run *run, const char *plan_path, struct text *out);

/* run.json in the folder of a run: what noct twin shrink needs to repeat it. */
void cli_twin_run_note(const char *folder, const char *scenario_path, const struct shrink_run *run);

#endif
