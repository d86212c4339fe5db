#include "cli/cli.h"
#include "host/clock.h"
#include "host/journal.h"
#include "host/supervisor.h"

static const char help[] =
    "usage: noct up SCENARIO [--state DIR] [--port N] [--speed X] [--detach] [--no-emulation] [--journal MIB]\n"
    "\n"
    "Starts the scenario on this machine, one process per satellite and gateway, and keeps it running.\n"
    "The first run makes keys and state in DIR; later runs go on where the last one stopped.\n"
    "\n"
    "  --state DIR      where everything is kept (default .noct)\n"
    "  --port N         port of the first gateway; further gateways take the next ones (default 9000)\n"
    "  --speed X        seconds of the scenario per second, 1 to 600 (default: the scenario's)\n"
    "  --detach         return once everything serves; `noct down` stops it\n"
    "  --no-emulation   links open and close as the orbits say, but without light time and rate limits\n"
    "  --journal MIB    each node records what it is told, at most MIB (64 or more) each, for `noct twin incident`\n"
    "  --journal-nodes NAME,NAME   only these nodes\n"
    "\n"
    "Ctrl-C stops everything; nothing acknowledged is lost.\n";

int command_up(int argc, char **argv)
{
    const char *state = CLI_STATE_DEFAULT, *port = "9000", *speed = NULL, *journal = NULL, *journal_nodes = NULL;
    bool detach = false, no_emulation = false;
    const struct cli_option options[] = {{"state", &state, NULL},
                                         {"port", &port, NULL},
                                         {"speed", &speed, NULL},
                                         {"detach", NULL, &detach},
                                         {"no-emulation", NULL, &no_emulation},
                                         {"journal", &journal, NULL},
                                         {"journal-nodes", &journal_nodes, NULL}};
    struct cli_arguments arguments;
    uint64_t port_number = 0, speed_number = 0, journal_mib = 0;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 1)
        return cli_usage(help, "give one scenario file, such as scenarios/first-mesh.yaml");
    if (!cli_parse_number(port, 1, 65535, &port_number))
        return cli_usage(help, "--port must be 1 to 65535, not \"%s\"", port);
    if (speed && !cli_parse_number(speed, 1, CLOCK_SPEED_MAX, &speed_number))
        return cli_usage(help, "--speed must be a whole number from 1 to %d, not \"%s\"", CLOCK_SPEED_MAX, speed);
    if (journal && !cli_parse_number(journal, JOURNAL_LIMIT_LEAST_MIB, JOURNAL_LIMIT_MOST_MIB, &journal_mib))
        return cli_usage(help, "--journal must be a whole number of MiB from %d to %d", JOURNAL_LIMIT_LEAST_MIB, JOURNAL_LIMIT_MOST_MIB);
    if (journal_nodes && !journal)
        return cli_usage(help, "--journal-nodes says which nodes; say --journal MIB as well");
    struct supervisor_options up = {arguments.items[0], state, (uint16_t)port_number, (uint32_t)speed_number, detach,
                                    no_emulation, (uint32_t)journal_mib, journal_nodes};
    return supervisor_main(&up);
}
