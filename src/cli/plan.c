/*
 * cli/plan.c - noct plan: the contact plan of a scenario as a file for other people's nodes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "orbit/plan_io.h"

static const char help[] =
    "usage: noct plan SCENARIO [--hours H] [--format csv|ionrc|hdtn] [--out FILE] [--json]\n"
    "\n"
    "Writes who can link to whom, and when, from the scenario's epoch on: by geometry and the scenario's link rules, for every\n"
    "pair. Large meshes (thousands of satellites) are swept with a spatial index, in little memory.\n"
    "\n"
    "  --hours H     how long (default 24; fractions are fine)\n"
    "  --format F    csv (default), ionrc (ION: a contact, a range) or hdtn (JSON); docs/format/contact-plan.md\n"
    "  --out FILE    default: stdout\n"
    "  --json        how many contacts were written, as JSON on stdout (with --out)\n"
    "\n"
    "A scenario takes such a plan in place of geometry: links: {plan: FILE.csv}.\n";

#define STEP (5 * NS_PER_MINUTE)

struct output {
    FILE *file;
    struct text text;
    struct contact_plan_writer writer;
    bool failed;
};

static void flush(struct output *o)
{
    struct span s = text_span(&o->text);
    o->failed |= !text_ok(&o->text) || fwrite(s.data, 1, s.size, o->file) != s.size;
    text_free(&o->text);
    o->text = text_new(NULL, 1u << 30);
}

/* Contacts that are over before `until`; at the end (`all`) also those that go on. */
static void pairs_write(struct output *o, const struct sky *sky, tai_ns until, bool all)
{
    for (size_t k = 0; k < sky_pair_count(sky); k++) {
        size_t count;
        const struct contact *c = sky_pair_contacts(sky, k, &count);
        for (size_t i = 0; i < count; i++) {
            struct contact clipped = c[i];
            clipped.end = MIN(clipped.end, until);
            if ((all || c[i].end < until) && clipped.start < clipped.end)
                contact_plan_write_contact(&o->writer, &clipped);
        }
        if (o->text.size > 1 << 20)
            flush(o);
    }
}

static int plan_write(struct sky *sky, struct output *o, duration_ns length)
{
    tai_ns start = sky_plan_start(sky), until = start + length;
    contact_plan_write_begin(&o->writer);
    while (sky_plan_end(sky) < until) {
        tai_ns next = MIN(sky_plan_end(sky) + STEP, until);
        if (sky_plan_extend(sky, next) != ERR_OK)
            return cli_fail("no memory for the contact plan");
        bool last = sky_plan_end(sky) >= until;
        pairs_write(o, sky, last ? until : sky_plan_end(sky), last);
        sky_plan_forget(sky, sky_plan_end(sky));
    }
    contact_plan_write_end(&o->writer);
    flush(o);
    return o->failed ? cli_fail("the plan cannot be written: is the disk full?") : CLI_OK;
}

static void print_json(const struct scenario *s, const struct output *o, double hours, const char *path)
{
    struct text t = text_new(NULL, 1 << 20);
    json_object(&t, NULL);
    json_string(&t, "scenario", s->name);
    json_uint(&t, "contacts", o->writer.written);
    json_double(&t, "hours", hours);
    json_string(&t, "file", path);
    json_end(&t);
    puts(text_string(&t));
    text_free(&t);
}

static int plan_of(const struct scenario *s, const char *path, enum contact_plan_format format, double hours, bool json)
{
    struct sky *sky;
    if (scenario_sky(s, NULL, &sky) != ERR_OK)
        return cli_fail("no memory for the sky of %s", s->name);
    struct output o = {.file = path ? fopen(path, "wb") : stdout, .text = text_new(NULL, 1u << 30)};
    o.writer = (struct contact_plan_writer){.format = format, .reference = s->epoch, .sky = sky, .out = &o.text};
    int code = o.file ? plan_write(sky, &o, (duration_ns)(hours * 3600e9)) : cli_fail("%s cannot be written: %s", path, strerror(errno));
    if (path && o.file && fclose(o.file) != 0 && code == CLI_OK)
        code = cli_fail("%s cannot be written: is the disk full?", path);
    if (code == CLI_OK && path && json)
        print_json(s, &o, hours, path);
    else if (code == CLI_OK && path)
        printf("%llu contacts of %g hours in %s\n", (unsigned long long)o.writer.written, hours, path);
    text_free(&o.text);
    sky_free(sky);
    free(sky);
    return code;
}

int command_plan(int argc, char **argv)
{
    const char *hours_text = "24", *format_text = "csv", *out = NULL;
    bool json = false;
    const struct cli_option options[] = {
        {"hours", &hours_text, NULL}, {"format", &format_text, NULL}, {"out", &out, NULL}, {"json", NULL, &json}};
    struct cli_arguments arguments;
    enum contact_plan_format format;
    double hours;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 1)
        return cli_usage(help, "say: noct plan SCENARIO");
    if (parse_double(span_text(hours_text), &hours) != ERR_OK || hours <= 0 || hours > 87840)
        return cli_usage(help, "--hours must be a number above 0 and at most 87840 (ten years)");
    if (contact_plan_format_parse(format_text, &format) != ERR_OK)
        return cli_usage(help, "--format is csv, ionrc or hdtn");
    struct scenario *s = cli_scenario_read(arguments.items[0]);
    if (!s)
        return CLI_USAGE;
    code = plan_of(s, out, format, hours, json);
    scenario_free(s);
    return code;
}
