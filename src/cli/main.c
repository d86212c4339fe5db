/* main.c - finds the command and runs it. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
    "usage: noct COMMAND [ARGUMENTS]     (noct COMMAND --help says more)\n"
    "\n"
    "  up SCENARIO        start a region on this machine: one process per satellite and gateway\n"
    "  down               stop it; its state stays\n"
    "  status             what runs, links, endpoint, credentials (--json for programs)\n"
    "  drill              kill or revive a node, cut or heal a link\n"
    "\n"
    "  ls, mb, rm         list buckets and objects, make a bucket, remove an object or an empty bucket\n"
    "  put, get           store and fetch an object\n"
    "  object show        where an object is, why, and what it survives\n"
    "  task               create, watch and cancel jobs (GA4GH TES)\n"
    "\n"
    "  twin               run the same nodes in virtual time, with faults and checkers\n"
    "  orbit              check files of orbits (TLE, OMM, OEM), turn one into another\n"
    "  craft              what a class of members carries, draws and withstands\n"
    "  plan               who can link to whom, and when: CSV, ION, HDTN\n"
    "  geometry           latency between cities over a constellation, against fibre\n"
    "  hypatia            read and write Hypatia's network files and routes\n"
    "  evidence           claim, evidence, state: a report of what was measured\n"
    "\n"
    "  node               run one node (what `up` starts)\n"
    "  version            the version of this program\n"
    "  help               this text\n";

static int command_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs(help, stdout);
    return CLI_OK;
}

static int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("noct %s (%s)\n", CLI_VERSION, cli_commit());
    return CLI_OK;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"up", command_up},         {"down", command_down},       {"status", command_status}, {"node", command_node},
    {"drill", command_drill},   {"object", command_object},   {"task", command_task},     {"put", command_put},
    {"get", command_get},       {"ls", command_ls},           {"mb", command_mb},         {"rm", command_rm},
    {"version", command_version}, {"--version", command_version}, {"help", command_help}, {"--help", command_help},
    {"-h", command_help},
    {"twin", command_twin},     {"plan", command_plan},       {"geometry", command_geometry}, {"hypatia", command_hypatia},
    {"evidence", command_evidence},
    {"orbit", command_orbit},
    {"craft", command_craft},
};

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(help, stderr);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return cli_usage(help, "there is no command \"%s\"", argv[1]);
}
