#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/region_of.h"
#include "host/json_read.h"

static const char help[] =
    "usage: noct drill kill NODE | revive NODE | cut NODE NODE [--for 10m] | heal [NODE NODE]   [--state DIR]\n"
    "\n"
    "  kill NODE          SIGKILL to its process: a satellite is lost, without warning\n"
    "  revive NODE        starts it again, with what its disk holds\n"
    "  cut A B            no link between A and B, for a duration of scenario time (--for) or until healed\n"
    "  heal [A B]         ends that cut, or all of them\n"
    "\n"
    "In every drill nothing acknowledged is lost and no wrong byte is read. See docs/operate/.\n";

static int ask(const char *state, struct text *request, const char *done)
{
    json_end(request);
    struct json_value *root = cli_ask(state, text_string(request));
    text_free(request);
    if (!root)
        return CLI_FAILED;
    const char *until = json_text_of(root, "until", NULL);
    printf("%s%s%s\n", done, until ? " until " : "", until ? until : "");
    json_close(root);
    return CLI_OK;
}

int command_drill(int argc, char **argv)
{
    const char *state = CLI_STATE_DEFAULT, *length = NULL;
    const struct cli_option options[] = {{"state", &state, NULL}, {"for", &length, NULL}};
    struct cli_arguments a;
    char done[200];
    duration_ns for_ns = 0;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &a, &code))
        return code;
    if (a.count == 0)
        return cli_usage(help, "say which drill");
    if (length && (time_duration_parse(length, &for_ns) != ERR_OK || for_ns <= 0))
        return cli_usage(help, "--for takes a duration such as 90s or 10m, not \"%s\"", length);
    const char *drill = a.items[0];
    bool one = strcmp(drill, "kill") == 0 || strcmp(drill, "revive") == 0;
    bool pair = strcmp(drill, "cut") == 0 || (strcmp(drill, "heal") == 0 && a.count > 1);
    if (!one && !pair && strcmp(drill, "heal") != 0)
        return cli_usage(help, "there is no drill \"%s\"", drill);
    if (a.count != (one ? 2u : pair ? 3u : 1u))
        return cli_usage(help, "%s takes %s", drill, one ? "one node" : "two nodes");
    struct text request = text_new(NULL, 4096);
    json_object(&request, NULL);
    json_string(&request, "command", drill);
    if (one)
        json_string(&request, "node", a.items[1]);
    if (pair) {
        json_string(&request, "a", a.items[1]);
        json_string(&request, "b", a.items[2]);
    }
    if (for_ns > 0)
        json_int(&request, "for_ns", for_ns);
    snprintf(done, sizeof done, "%s %.60s%s%.60s", drill, one || pair ? a.items[1] : "all cuts", pair ? " " : "", pair ? a.items[2] : "");
    return ask(state, &request, done);
}
