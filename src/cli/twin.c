/*
 * cli/twin.c - noct twin: finds the subcommand and runs it.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/twin_command.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"run", twin_command_run, "one seed of a scenario: checks, figures, files"},
    {"watch", twin_command_watch, "a running simulation in the console"},
    {"replay", twin_command_replay, "a finished run in the console, with a slider"},
    {"export", twin_command_export, "more files from a finished run: CSV, CZML, OEM, contact plan"},
    {"incident", twin_command_incident, "the journal of a real node, replayed step by step"},
    {"campaign", twin_command_campaign, "many seeds, some at a time, in parts over machines: promises, figures, failures"},
    {"shrink", twin_command_shrink, "a smaller run that breaks the same promise"},
};

static void print_help(FILE *to)
{
    fputs("usage: noct twin COMMAND [ARGUMENTS]     (noct twin COMMAND --help says more)\n"
          "\n"
          "The mesh twin runs the node code of every satellite and gateway of a scenario in virtual time.\n"
          "\n",
          to);
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].what);
}

int command_twin(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return CLI_OK;
    }
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "noct: there is no command \"twin %s\"\n\n", argv[1]);
    print_help(stderr);
    return CLI_USAGE;
}
