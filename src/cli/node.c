#include "cli/cli.h"
#include "host/journal.h"
#include "host/node_process.h"

static const char help[] =
    "usage: noct node --state DIR --name NAME [--no-emulation] [--follow-parent] [--journal MIB]\n"
    "\n"
    "Runs one node of a region whose state directory exists. `noct up` starts one for each; running one by hand is\n"
    "for looking closely. Status lines go to standard output, commands come by standard input: docs/protocol/control.md.\n"
    "\n"
    "  --journal MIB   record everything the node is told, at most MIB on disk, for `noct twin incident`\n";

int command_node(int argc, char **argv)
{
    struct node_process_options node = {.state_directory = CLI_STATE_DEFAULT};
    const char *journal = NULL;
    uint64_t journal_mib = 0;
    const struct cli_option options[] = {{"state", &node.state_directory, NULL},
                                         {"name", &node.name, NULL},
                                         {"no-emulation", NULL, &node.no_emulation},
                                         {"follow-parent", NULL, &node.follow_parent},
                                         {"journal", &journal, NULL}};
    struct cli_arguments arguments;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (!node.name || arguments.count != 0)
        return cli_usage(help, "give --name NAME");
    if (journal && !cli_parse_number(journal, JOURNAL_LIMIT_LEAST_MIB, JOURNAL_LIMIT_MOST_MIB, &journal_mib))
        return cli_usage(help, "--journal must be a whole number of MiB from %d to %d", JOURNAL_LIMIT_LEAST_MIB, JOURNAL_LIMIT_MOST_MIB);
    node.journal_mib = (uint32_t)journal_mib;
    node.commit = cli_commit();
    return node_process_main(&node);
}
