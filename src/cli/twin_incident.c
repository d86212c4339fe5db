/*
 * cli/twin_incident.c - noct twin incident: the journal of a real node, replayed in virtual time.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/twin_command.h"
#include "twin/incident.h"

static const char help[] =
    "usage: noct twin incident JOURNAL [--boot N] [--print STEP] [--stop STEP] [--json]\n"
    "\n"
    "Feeds a fresh node with everything that a real node was told (noct up --journal MIB; JOURNAL is STATE/NODE/journal) and\n"
    "compares what it does, step by step: every byte sent or written, and the whole state every 1,024 steps.\n"
    "\n"
    "  --boot N      of the node (default: the newest in the journal)\n"
    "  --print STEP  show the event and the effects of this step\n"
    "  --stop STEP   end there\n"
    "  --json        the outcome as JSON\n"
    "\n"
    "Exit codes: 0 the same in every step, 1 it differs (the first difference is told) or cannot be replayed, 2 usage.\n"
    "A step without a recorded result at the end is the one the node died in; when an assertion failed, it fails here too.\n";

static void print_json(const struct incident_result *r, double cpu_s)
{
    struct text t = text_new(NULL, 1 << 16);
    char first[40], last[40], state[17];
    time_utc_text(r->first_wall, 6, first);
    time_utc_text(r->last_wall, 6, last);
    snprintf(state, sizeof state, "%016llx", (unsigned long long)r->end_state);
    json_object(&t, NULL);
    json_bool(&t, "equal", r->good);
    json_bool(&t, "diverged", r->diverged);
    json_bool(&t, "died", r->died);
    json_string(&t, "node", r->node);
    json_uint(&t, "boot", r->boot);
    json_string(&t, "commit", r->commit);
    json_uint(&t, "steps", r->steps);
    json_uint(&t, "states_compared", r->states);
    json_uint(&t, "signatures", r->signatures);
    json_uint(&t, "bytes_in", r->bytes_in);
    json_string(&t, "first", first);
    json_string(&t, "last", last);
    json_double(&t, "machine_s", (double)(r->last_mono - r->first_mono) / 1e9);
    json_double(&t, "cpu_s", cpu_s);
    json_string(&t, "state", state);
    json_string(&t, "why", r->why);
    json_end(&t);
    text_add(&t, "\n");
    fputs(text_string(&t), stdout);
    text_free(&t);
}

static void print_people(const struct incident_result *r, double cpu_s)
{
    char first[40], last[40];
    if (r->steps > 0) {
        time_utc_text(r->first_wall, 3, first);
        time_utc_text(r->last_wall, 3, last);
        printf("%s, boot %u, recorded by commit %s (this is %s)\n", r->node, r->boot, r->commit, cli_commit());
        printf("  %llu steps from %s to %s (%.1f s of its machine) in %.2f s\n", (unsigned long long)r->steps, first, last,
               (double)(r->last_mono - r->first_mono) / 1e9, cpu_s);
    }
    if (r->good)
        printf("  the same effects in every step; %llu states and %llu signatures compared; state %016llx\n",
               (unsigned long long)r->states, (unsigned long long)r->signatures, (unsigned long long)r->end_state);
    if (r->good && r->died)
        printf("  the last step has no recorded result: the node ended in it, or was killed around it\n");
    if (r->good && r->why[0])
        printf("  the journal ends there: %s\n", r->why);
    if (!r->good)
        printf("%s: %s\n", r->diverged ? "FIRST DIFFERENCE" : "cannot be replayed", r->why);
    if (r->diverged && strcmp(r->commit, cli_commit()) != 0)
        printf("  another commit wrote this journal: the difference may be a change that somebody made on purpose\n");
}

int twin_command_incident(int argc, char **argv)
{
    const char *boot = NULL, *print = NULL, *stop = NULL;
    bool json = false;
    const struct cli_option options[] = {{"boot", &boot, NULL}, {"print", &print, NULL}, {"stop", &stop, NULL}, {"json", NULL, &json}};
    struct cli_arguments arguments;
    uint64_t boot_number = JOURNAL_BOOT_NEWEST;
    struct incident_options o = {0};
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 1)
        return cli_usage(help, "say: noct twin incident STATE/NODE/journal");
    if ((boot && !cli_parse_number(boot, 1, UINT32_MAX, &boot_number)) || (print && !cli_parse_number(print, 1, UINT64_MAX, &o.print_step)) ||
        (stop && !cli_parse_number(stop, 1, UINT64_MAX, &o.stop_step)))
        return cli_usage(help, "--boot, --print and --stop take whole numbers from 1");
    struct journal_reader reader;
    if (journal_reader_open(&reader, arguments.items[0], (uint32_t)boot_number) != ERR_OK)
        return cli_fail("%s", reader.why);
    struct incident_result result;
    clock_t started = clock();
    o.out = json ? stderr : stdout;
    incident_replay(&reader, &o, &result);
    double cpu_s = (double)(clock() - started) / CLOCKS_PER_SEC;
    journal_reader_close(&reader);
    if (json)
        print_json(&result, cpu_s);
    else
        print_people(&result, cpu_s);
    return result.good ? CLI_OK : CLI_FAILED;
}
