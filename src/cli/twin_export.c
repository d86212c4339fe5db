/*
 * cli/twin_export.c - noct twin export: files for other tools, from the track of a finished run.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "cli/twin_command.h"
#include "twin/outputs.h"

static void print_help(FILE *to)
{
    fputs("usage: noct twin export RUN --outputs LIST\n"
          "\n"
          "Writes more files into the folder RUN of a run that left a track (noct twin run, by default up to 2,000 nodes). LIST, separated by commas:\n",
          to);
    fputs(outputs_help, to);
    fputs("  all      all but pcap\n\nFormats, units, limits: docs/format/outputs.md\n", to);
}

int twin_command_export(int argc, char **argv)
{
    const char *list = NULL;
    char wrong[32], path[PATH_MAX];
    const struct cli_option options[] = {{"outputs", &list, NULL}};
    struct cli_arguments arguments;
    int code;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(stdout);
            return CLI_OK;
        }
    if (!cli_parse(argc, argv, "usage: noct twin export RUN --outputs LIST\n", options, COUNT_OF(options), &arguments, &code))
        return code;
    unsigned bits = list ? outputs_parse(list, wrong) : 0;
    if (arguments.count != 1 || !bits || (bits & OUTPUT_PCAP)) {
        print_help(stderr);
        return list && bits & OUTPUT_PCAP ? cli_fail("bundles are not kept: say --pcap A:B when the run begins") : CLI_USAGE;
    }
    snprintf(path, sizeof path, "%s/scenario.yaml", arguments.items[0]);
    struct scenario *s = cli_scenario_read(path);
    if (!s)
        return CLI_FAILED;
    err status = outputs_write(arguments.items[0], s, bits);
    scenario_free(s);
    return status == ERR_OK ? CLI_OK : CLI_FAILED;
}
