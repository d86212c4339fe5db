/*
 * cli/craft.c - `noct craft show CLASS`: the budget of a class of members. Models: docs/model; files: docs/format/craft.md.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "craft/supply.h"

static const char help[] =
    "usage: noct craft show CLASS [--altitude KM] [--years Y] [--body B] [--beta DEG] [--stations N] [--in DIRECTORY] [--json]\n"
    "\n"
    "  CLASS              box-4kw, pod-100w (built in), or the name of DIRECTORY/craft/NAME.yaml, or the path of such a file\n"
    "  --altitude KM      of a circular orbit, at the Sun angle with the longest eclipse (550)\n"
    "  --years Y          age at which the array must still carry everything (5)\n"
    "  --body B           earth, moon or mars, for what never stops (earth)\n"
    "  --beta DEG         angle of the Sun above the orbit's plane, for arrays that turn about one axis (0)\n"
    "  --stations N       gateways on the ground that its radio meets, above 10 degrees (2)\n"
    "  --in DIRECTORY     where craft/ is: the folder of the scenario (scenarios)\n"
    "\n"
    "Power, battery, heat, mass, links and radiation with every lane and terminal on. What never stops (base load, heater, terminals) must be\n"
    "carried around the orbit and through the longest darkness, or a scenario with this class there is refused. See docs/format/craft.md.\n";

struct line { /* one figure: the same in the table and in JSON */
    const char *key, *text, *unit;
    double value;
    int digits;
};

struct budget {
    struct member_budget whole; /* everything on */
    struct supply supply;       /* what never stops */
};

static size_t lines_of(const struct member *m, const struct budget *both, struct line out[48])
{
    const struct member_budget *b = &both->whole;
    const struct supply *u = &both->supply;
    const struct line lines[] = {
        {"altitude_km", "altitude", "km", b->altitude_km, 0},
        {"period_s", "period", "s", b->period_s, 1},
        {"eclipse_s", "eclipse", "s", b->eclipse_s, 1},
        {"load_w", "everything on", "W", b->load_w, 1},
        {"lanes_w", "  lanes", "W", b->lanes_w, 1},
        {"terminals_w", "  terminals", "W", b->terminals_w, 1},
        {"array_new_w", "array, new", "W", b->array_new_w, 1},
        {"array_old_w", "array, old", "W", b->array_old_w, 1},
        {"carried_w", "carried around the orbit, new", "W", b->carried_w, 1},
        {"carried_old_w", "carried around the orbit, old", "W", b->carried_old_w, 1},
        {"battery_wh", "battery", "Wh", m->craft.battery_wh, 1},
        {"eclipse_wh", "taken by an eclipse", "Wh", b->eclipse_wh, 1},
        {"depth", "depth of discharge", "", b->depth, 3},
        {"floor_margin_wh", "margin above the floor", "Wh", b->floor_margin_wh, 1},
        {"vital_w", "what never stops, around the orbit", "W", u->need_w, 1},
        {"vital_heater_w", "  heater", "W", u->heater_w, 1},
        {"vital_terminals_w", "  terminals", "W", u->terminals_w, 1},
        {"vital_carried_w", "  carried, Sun at its farthest, a year old", "W", u->have_w, 1},
        {"vital_dark_s", "  longest darkness", "s", u->dark_s, 1},
        {"vital_dark_wh", "  taken by it", "Wh", u->dark_wh, 1},
        {"vital_margin_wh", "  above the floor, a year old", "Wh", u->margin_wh, 1},
        {"battery_years", "battery lasts", "years", b->battery_years, 2},
        {"radiator_m2", "radiator", "m2", b->radiator_m2, 3},
        {"radiator_needed_m2", "radiator needed at 45 C", "m2", b->radiator_needed_m2, 3},
        {"core_k", "core, everything on", "K", b->core_k, 2},
        {"core_margin_k", "margin below its limit", "K", b->core_margin_k, 2},
        {"mass_kg", "mass", "kg", m->mass_kg, 1},
        {"array_kg", "  array", "kg", b->array_kg, 1},
        {"battery_kg", "  battery", "kg", b->battery_kg, 1},
        {"radiator_kg", "  radiator", "kg", b->radiator_kg, 1},
        {"terminals_kg", "  terminals", "kg", b->terminals_kg, 1},
        {"rest_kg", "  structure, computers, the rest", "kg", b->rest_kg, 1},
        {"cores", "cores of CPU lanes", "", member_cores(m), 1},
        {"storage_gib", "storage", "GiB", m->storage_gib, 2},
        {"radio_gbps", "radio to the ground, 1,000 km at 30 degrees", "Gb/s", (double)b->radio_rate_bps / 1e9, 3},
        {"upsets_per_day", "upsets of memory", "/day", b->upsets_per_day, 1},
        {"uncorrectable_per_year", "uncorrectable", "/year", b->uncorrectable_per_year, 1},
        {"resets_per_year", "resets", "/year", b->resets_per_year, 2},
        {"latch_ups_per_year", "latch-ups", "/year", b->latch_ups_per_year, 2},
        {"derate_years", "memory derates after", "years", b->derate_years, 1},
    };
    memcpy(out, lines, sizeof lines);
    return COUNT_OF(lines);
}

static void acquisition_lines(const struct member *m)
{
    struct optical_terminal t = m->optical;
    printf("%-46s %12.1f s (29.6 a day: %.4f of the time there)\n", "acquisition, mean with misses", optical_acquisition_mean_s(&t),
           optical_availability(&t, 29.6));
}

static void table_print(const struct member *m, const struct budget *both)
{
    const struct member_budget *b = &both->whole;
    const struct supply *u = &both->supply;
    struct line lines[48];
    size_t count = lines_of(m, both, lines);
    printf("%s\n", m->name);
    for (size_t i = 0; i < count; i++)
        printf("%-46s %12.*f %s\n", lines[i].text, lines[i].digits, lines[i].value, lines[i].unit);
    for (uint32_t i = 0; i < b->ladder_count; i++)
        printf("laser, %6.1f Gb/s to its like%17s %12.0f km\n", (double)b->ladder[i].rate_bps / 1e9, "", (double)b->ladder[i].range_m / 1000.0);
    if (m->optical_count > 0)
        acquisition_lines(m);
    if (!u->array_enough)
        printf("! it cannot feed itself here: `array_area_m2` of %.3g would do, it is %.3g\n", 1.005 * u->array_m2, m->craft.array_area_m2);
    if (!u->battery_enough && u->battery_wh > 0)
        printf("! it cannot feed itself here: `battery_wh` of %.4g would do, it is %.4g\n", 1.0005 * u->battery_wh, m->craft.battery_wh);
    if (!u->battery_enough && u->battery_wh <= 0)
        printf("! it cannot feed itself anywhere: above its `floor` the battery holds nothing\n");
    if (b->carried_old_w < b->load_w)
        printf("! the old array carries %.0f W of %.0f: lanes wait, or are shed at the floor\n", b->carried_old_w, b->load_w);
    if (b->floor_margin_wh < 0)
        printf("! an eclipse with everything on goes below the floor of the battery\n");
    if (b->core_margin_k < 0)
        printf("! the core gets %.1f K too warm with everything on\n", -b->core_margin_k);
    if (b->rest_kg < 0)
        printf("! the parts weigh %.1f kg more than the whole\n", -b->rest_kg);
}

static void json_print(const struct member *m, const struct budget *both)
{
    const struct member_budget *b = &both->whole;
    struct line lines[48];
    size_t count = lines_of(m, both, lines);
    struct text t = text_new(NULL, 1 << 16);
    json_object(&t, NULL);
    json_string(&t, "name", m->name);
    for (size_t i = 0; i < count; i++)
        if (isfinite(lines[i].value))
            json_double(&t, lines[i].key, lines[i].value);
    json_bool(&t, "feeds_itself", both->supply.array_enough && both->supply.battery_enough);
    json_array(&t, "laser");
    for (uint32_t i = 0; i < b->ladder_count; i++) {
        json_object(&t, NULL);
        json_uint(&t, "rate_bps", b->ladder[i].rate_bps);
        json_uint(&t, "range_m", b->ladder[i].range_m);
        json_end(&t);
    }
    json_end(&t);
    if (m->optical_count > 0)
        json_double(&t, "acquisition_mean_s", optical_acquisition_mean_s(&m->optical));
    json_end(&t);
    puts(text_string(&t));
    text_free(&t);
}

/* "some/where/craft/name.yaml" is found in "some/where". */
static const char *split(const char *name, char directory[PATH_MAX])
{
    const char *craft = NULL;
    for (const char *at = strstr(name, "craft/"); at; at = strstr(at + 1, "craft/"))
        if (at == name || at[-1] == '/')
            craft = at;
    if (!strchr(name, '/'))
        return name;
    if (!craft) {
        const char *slash = strrchr(name, '/');
        snprintf(directory, PATH_MAX, "%.*s", (int)(slash - name), name);
        return slash + 1;
    }
    snprintf(directory, PATH_MAX, "%.*s", craft == name ? 1 : (int)(craft - name - 1), craft == name ? "." : name);
    return craft;
}

/* The orbit for what never stops; false: said what is wrong. */
static bool orbit_of(const char *body_name, const char *beta, const char *stations, double altitude_km, struct supply_orbit *out)
{
    enum body body;
    double degrees;
    uint64_t count;
    if (body_parse(body_name, &body) != ERR_OK)
        return !cli_usage(help, "--body takes earth, moon or mars, not \"%s\"", body_name);
    if (parse_double(span_text(beta), &degrees) != ERR_OK || degrees < 0 || degrees > 90)
        return !cli_usage(help, "--beta takes degrees between 0 and 90, not \"%s\"", beta);
    if (parse_u64(span_text(stations), 1000, &count) != ERR_OK)
        return !cli_usage(help, "--stations takes a number up to 1000, not \"%s\"", stations);
    *out = supply_orbit_of(body, body_constants(body)->radius_km + altitude_km, 0.0, (size_t)count, 10.0 * DEGREE_RAD);
    out->beta_rad = degrees * DEGREE_RAD;
    return true;
}

int command_craft(int argc, char **argv)
{
    const char *altitude = "550", *years = "5", *in = "scenarios", *body = "earth", *beta = "0", *stations = "2";
    bool json = false;
    const struct cli_option options[] = {{"altitude", &altitude, NULL}, {"years", &years, NULL}, {"body", &body, NULL}, {"beta", &beta, NULL},
                                         {"stations", &stations, NULL}, {"in", &in, NULL}, {"json", NULL, &json}};
    struct supply_orbit orbit;
    struct cli_arguments a;
    struct member m;
    double altitude_km, age;
    char directory[PATH_MAX];
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &a, &code))
        return code;
    if (a.count != 2 || strcmp(a.items[0], "show") != 0)
        return cli_usage(help, "say: craft show CLASS");
    if (parse_double(span_text(altitude), &altitude_km) != ERR_OK || altitude_km < 150 || altitude_km > 60000)
        return cli_usage(help, "--altitude takes kilometres between 150 and 60000, not \"%s\"", altitude);
    if (parse_double(span_text(years), &age) != ERR_OK || age < 0 || age > 50)
        return cli_usage(help, "--years takes a number between 0 and 50, not \"%s\"", years);
    if (!orbit_of(body, beta, stations, altitude_km, &orbit))
        return CLI_USAGE;
    snprintf(directory, sizeof directory, "%s", in);
    const char *name = split(a.items[1], directory);
    if (!cli_member_read(directory, name, &m))
        return CLI_FAILED;
    struct budget b = {member_budget_at(&m, altitude_km, age), supply_of(&m, &orbit)};
    if (json)
        json_print(&m, &b);
    else
        table_print(&m, &b);
    return CLI_OK;
}
