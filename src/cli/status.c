#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/region_of.h"
#include "host/json_read.h"

static const char help[] = "usage: noct status [--state DIR] [--json]\n"
                           "\n"
                           "Shows what runs in DIR (default .noct): nodes, links, endpoint and credentials.\n"
                           "--json prints everything as one JSON object: docs/protocol/control.md.\n";

static void print_node(const struct json_value *n)
{
    char craft[64] = "";
    int64_t capacity = json_int_of(n, "battery_capacity_mwh", 0);
    if (capacity > 0)
        snprintf(craft, sizeof craft, "battery %3.0f %%  %s  %5.1f C", 100.0 * (double)json_int_of(n, "battery_mwh", 0) / (double)capacity,
                 json_int_of(n, "sunlit_permille", 0) > 500 ? "sunlit " : "eclipse", (double)json_int_of(n, "core_mk", 0) / 1000 - 273.15);
    else
        snprintf(craft, sizeof craft, "%s", json_text_of(n, "endpoint", ""));
    printf("  %-14s %-9s %-9s pid %-7lld facts %-6lld objects %-5lld %s\n", json_text_of(n, "name", "?"),
           json_text_of(n, "role", "?"), json_text_of(n, "state", "?"), (long long)json_int_of(n, "pid", 0),
           (long long)json_int_of(n, "facts", 0), (long long)json_int_of(n, "objects", 0), craft);
}

static void print_link(const struct json_value *l)
{
    const char *state = json_bool_of(l, "up", false) ? "up" : json_bool_of(l, "cut", false) ? "cut" : "down";
    char sent[32], received[32];
    cli_bytes_text((uint64_t)json_int_of(l, "bytes_out", 0), sent);
    cli_bytes_text((uint64_t)json_int_of(l, "bytes_in", 0), received);
    printf("  %-14s %-14s %-5s %6.1f Gbit/s %7.2f ms  out %-10s in %-10s %s%s\n", json_text_of(l, "a", "?"),
           json_text_of(l, "b", "?"), state, (double)json_int_of(l, "rate_bps", 0) / 1e9, json_number_of(l, "light_time_ms", 0),
           sent, received, json_member(l, "until") ? "until " : "", json_text_of(l, "until", ""));
}

static void print_status(const struct json_value *s)
{
    const struct json_value *nodes = json_member(s, "nodes"), *links = json_member(s, "links");
    const struct json_value *cuts = json_member(s, "cuts");
    printf("region %s  scenario %s  time %s  speed x%lld%s\n", json_text_of(s, "region", "?"), json_text_of(s, "scenario", "?"),
           json_text_of(s, "time", "?"), (long long)json_int_of(s, "speed", 0), json_bool_of(s, "ready", false) ? "" : "  (starting)");
    printf("endpoint %s  console %s\naccess key %s  secret key %s\n", json_text_of(s, "endpoint", "?"),
           json_text_of(s, "console", "?"), json_text_of(s, "access_key", "?"), json_text_of(s, "secret_key", "?"));
    puts("nodes");
    for (size_t i = 0; i < json_count(nodes); i++)
        print_node(json_item(nodes, i));
    puts("links in contact");
    for (size_t i = 0; i < json_count(links); i++)
        print_link(json_item(links, i));
    for (size_t i = 0; i < json_count(cuts); i++)
        printf("  cut: %s and %s until %s\n", json_text_of(json_item(cuts, i), "a", "?"),
               json_text_of(json_item(cuts, i), "b", "?"), json_text_of(json_item(cuts, i), "until", "?"));
}

int command_status(int argc, char **argv)
{
    const char *state = CLI_STATE_DEFAULT;
    bool as_json = false;
    const struct cli_option options[] = {{"state", &state, NULL}, {"json", NULL, &as_json}};
    struct cli_arguments arguments;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 0)
        return cli_usage(help, "status takes no arguments");
    struct json_value *root = cli_ask(state, "{\"command\":\"status\"}");
    if (!root)
        return CLI_FAILED;
    if (as_json) {
        char *text = json_pretty(root);
        puts(text);
        free(text);
    } else {
        print_status(root);
    }
    json_close(root);
    return CLI_OK;
}
