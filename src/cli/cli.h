/*
 * cli/cli.h - the program `noct`: one file per command, shared helpers here.
 *
 * Exit:    CLI_OK, CLI_FAILED (a sentence on stderr says what to do), CLI_USAGE.
 */
#ifndef NOCT_CLI_CLI_H
#define NOCT_CLI_CLI_H

#include <stdio.h>

#include "base/text.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_ARGUMENTS_MAX = 64 };
#define CLI_STATE_DEFAULT ".noct"
#define CLI_VERSION "0.1.0"

/* One option: --name VALUE, --name=VALUE, or a flag. */
struct cli_option {
    const char *name;
    const char **value; /* NULL: a flag */
    bool *flag;
};

struct cli_arguments { /* what is not an option, in order */
    const char *items[CLI_ARGUMENTS_MAX];
    size_t count;
    const char *const *rest; /* after "--"; NULL-terminated; NULL when there is no "--" */
};

/* Fills options; prints `help` for --help (then returns false with *code = CLI_OK) and says what is wrong (CLI_USAGE). */
bool cli_parse(int argc, char **argv, const char *help, const struct cli_option *options, size_t option_count,
               struct cli_arguments *out, int *code);
int cli_usage(const char *help, const char *format, ...) PRINTF_LIKE(2, 3); /* says it, shows the help; CLI_USAGE */
int cli_fail(const char *format, ...) PRINTF_LIKE(1, 2);                   /* says it; CLI_FAILED */
bool cli_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out);
void cli_bytes_text(uint64_t bytes, char out[32]); /* "1.5 MiB" */
/* To read; NULL unless it is an ordinary file: a pipe that nobody writes would hold us, and what is read twice must be the same. */
FILE *cli_file_open(const char *path);
/* A whole ordinary file of at most `most` bytes; false: errno says why (EFBIG: larger). Free out->data. */
bool cli_file_load(const char *path, size_t most, struct span *out);
bool cli_file_read(const char *path, size_t most, struct span *out); /* the same, and says what is wrong */
void cli_file_free(struct span s);

int command_up(int argc, char **argv);
int command_down(int argc, char **argv);
int command_status(int argc, char **argv);
int command_node(int argc, char **argv);
int command_drill(int argc, char **argv);
int command_object(int argc, char **argv);
int command_task(int argc, char **argv);
int command_put(int argc, char **argv);
int command_get(int argc, char **argv);
int command_ls(int argc, char **argv);
int command_mb(int argc, char **argv);
int command_rm(int argc, char **argv);
int command_twin(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_geometry(int argc, char **argv);
int command_hypatia(int argc, char **argv);
int command_evidence(int argc, char **argv);
int command_orbit(int argc, char **argv);
int command_craft(int argc, char **argv);

const char *cli_commit(void); /* of this build; "unknown" outside a clone */

#endif
