#include <time.h>

#include "cli/region_of.h"
#include "host/control.h"
#include "host/json_read.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] = "usage: noct down [--state DIR]\n"
                           "\n"
                           "Stops the region that runs in DIR (default .noct). Its state stays; `noct up` goes on from there.\n";

enum { WAIT_STEPS = 300 };

int command_down(int argc, char **argv)
{
    const char *state = CLI_STATE_DEFAULT;
    const struct cli_option options[] = {{"state", &state, NULL}};
    struct cli_arguments arguments;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 0)
        return cli_usage(help, "down takes no arguments");
    struct json_value *root = cli_ask(state, "{\"command\":\"down\"}");
    if (!root)
        return CLI_FAILED;
    json_close(root);
    for (int i = 0; i < WAIT_STEPS; i++) {
        char *answer = NULL;
        const struct timespec pause = {0, 100000000};
        err status = control_call(state, "{\"command\":\"status\"}", &answer);
        free(answer);
        if (status == ERR_NOT_FOUND) {
            puts("stopped");
            return CLI_OK;
        }
        nanosleep(&pause, NULL);
    }
    return cli_fail("it was told to stop but has not yet; see %s/supervisor.log", state);
}
