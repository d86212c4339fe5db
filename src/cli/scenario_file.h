/*
 * cli/scenario_file.h - reads a scenario file and the files it names, relative to it.
 */
#ifndef NOCT_CLI_SCENARIO_FILE_H
#define NOCT_CLI_SCENARIO_FILE_H

#include "node/scenario.h"

/* NULL: what is wrong has been said, with file, line and column. Free with scenario_free. */
struct scenario *cli_scenario_read(const char *path);
/* A class of craft by its name (built in, or DIRECTORY/craft/NAME.yaml) or path; its parts are looked for in the directory. False: said why. */
bool cli_member_read(const char *directory, const char *name, struct member *out);

/* Whether this machine has the memory for its twin, about. False: said. */
bool cli_scenario_fits(const struct scenario *s);

/* Copies the scenario into `folder` as scenario.yaml, what it names into folder/files/; cli_scenario_read finds them there. False: said. */
bool cli_scenario_keep(const char *path, const char *folder);

#endif
