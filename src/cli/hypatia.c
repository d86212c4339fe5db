/*
 * cli/hypatia.c - noct hypatia: networks and routes in the files of Hypatia (satgenpy).
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "node/scenario_hypatia.h"
#include "orbit/hypatia.h"
#include "twin/folder.h"

static const char help[] =
    "usage: noct hypatia shell starlink|kuiper|telesat --stations FILE --out DIR\n"
    "       noct hypatia export SCENARIO --out DIR\n"
    "       noct hypatia import DIR --scenario FILE.yaml\n"
    "       noct hypatia check DIR\n"
    "       noct hypatia routes DIR [--seconds S] [--step-ms M] [--out DIR2]\n"
    "       noct hypatia rtt DIR --from STATION --to STATION [--seconds S] [--step-ms M] [--routes DIR2]\n"
    "\n"
    "Reads and writes tles.txt, isls.txt, ground_stations.txt, description.txt, gsl_interfaces_info.txt and fstate_NS.txt as\n"
    "Hypatia does (docs/format/hypatia.md).\n"
    "\n"
    "  shell     writes one of the published constellations, with the stations of FILE (5 or 8 columns)\n"
    "  export    writes a scenario's satellites (topology grid or list), with its gateways as stations\n"
    "  import    writes a scenario for noct twin, plan and geometry; its element sets and links stand beside it in FILE.tle and\n"
    "            FILE.isls\n"
    "  check     reads a network and refuses links that dip below 80 km or are too long (seam, phase)\n"
    "  routes    writes fstate and gsl_if_bandwidth files: shortest ways at each step, first whole, then changes\n"
    "            (default DIR/dynamic_state_Mms_for_Ss)\n"
    "  rtt       prints NANOSECONDS,RTT_NS per step, along the shortest way or along the fstate files of DIR2\n"
    "\n"
    "  --seconds S  default 200      --step-ms M  default 1000\n";

enum { FILE_BYTES_MAX = 256 << 20, ISLS_PER_SATELLITE_MAX = 4 };

struct arguments {
    const char *command, *what, *stations, *out, *routes, *scenario;
    uint64_t from, to, seconds, step_ms;
    bool both;
};

static bool path_make(struct text *path, const char *folder, const char *name)
{
    *path = text_new(NULL, 8192);
    text_printf(path, "%s/%s", folder, name);
    return text_ok(path);
}

typedef err reader_fn(struct hypatia *h, struct span text, struct parse_error *error);

static bool part_read(struct hypatia *h, const char *path, reader_fn *read)
{
    struct span text;
    struct parse_error wrong = {0};
    if (!cli_file_read(path, FILE_BYTES_MAX, &text))
        return false;
    err result = read(h, text, &wrong);
    free((void *)(uintptr_t)text.data);
    if (result != ERR_OK)
        cli_fail("%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text[0] ? wrong.text : err_text(result));
    return result == ERR_OK;
}

static bool network_read(const char *folder, struct hypatia *h)
{
    static const struct {
        const char *name;
        reader_fn *read;
    } parts[] = {{"tles.txt", hypatia_read_tles},
                 {"isls.txt", hypatia_read_isls},
                 {"ground_stations.txt", hypatia_read_stations},
                 {"description.txt", hypatia_read_description},
                 {"gsl_interfaces_info.txt", hypatia_read_interfaces}};
    *h = (struct hypatia){0};
    for (size_t k = 0; k < COUNT_OF(parts); k++) {
        struct text path;
        bool good = path_make(&path, folder, parts[k].name) && part_read(h, text_string(&path), parts[k].read);
        text_free(&path);
        if (!good) {
            hypatia_free(h);
            return false;
        }
    }
    return true;
}

static bool file_write(const char *folder, const char *name, struct text *text)
{
    struct text path;
    FILE *f = path_make(&path, folder, name) ? fopen(text_string(&path), "wb") : NULL;
    struct span s = text_span(text);
    bool good = f && text_ok(text) && fwrite(s.data, 1, s.size, f) == s.size;
    if (f && fclose(f) != 0)
        good = false;
    if (!good)
        cli_fail("%s/%s cannot be written: %s", folder, name, strerror(errno));
    text_free(&path);
    text_free(text);
    *text = text_new(NULL, 1u << 30);
    return good;
}

static int network_write(const char *folder, const struct hypatia *h)
{
    struct text t = text_new(NULL, 1u << 30);
    if (!folder_make(folder))
        return cli_fail("%s cannot be made: %s", folder, strerror(errno));
    if (hypatia_write_tles(h, &t) != ERR_OK) {
        text_free(&t);
        return cli_fail("an orbit does not fit into a TLE");
    }
    bool good = file_write(folder, "tles.txt", &t);
    hypatia_write_isls(h, &t);
    good = good && file_write(folder, "isls.txt", &t);
    hypatia_write_stations(h, &t);
    good = good && file_write(folder, "ground_stations.txt", &t);
    hypatia_write_description(h, &t);
    good = good && file_write(folder, "description.txt", &t);
    hypatia_write_interfaces(h, &t);
    good = good && file_write(folder, "gsl_interfaces_info.txt", &t);
    text_free(&t);
    return good ? CLI_OK : CLI_FAILED;
}

static int shell_write(const struct arguments *a)
{
    const struct hypatia_shell *shell = strcmp(a->what, "starlink") == 0  ? &hypatia_starlink_550
                                        : strcmp(a->what, "kuiper") == 0  ? &hypatia_kuiper_630
                                        : strcmp(a->what, "telesat") == 0 ? &hypatia_telesat_1015
                                                                          : NULL;
    struct hypatia h;
    if (!shell || !a->stations || !a->out)
        return cli_usage(help, "say: noct hypatia shell starlink|kuiper|telesat --stations FILE --out DIR");
    if (hypatia_make(&h, shell) != ERR_OK)
        return cli_fail("no memory");
    int code = part_read(&h, a->stations, hypatia_read_stations) ? network_write(a->out, &h) : CLI_FAILED;
    hypatia_free(&h);
    return code;
}

/* What Hypatia's files cannot say. */
static bool exportable(const struct scenario *s)
{
    if ((s->links.topology != TOPOLOGY_GRID && s->links.topology != TOPOLOGY_LIST) || s->links.plan)
        return cli_fail("Hypatia's links are fixed: the scenario must have links: {topology: grid} or list, and no plan") == CLI_OK;
    for (size_t k = 0; k < s->site_count; k++)
        if (s->sites[k].trajectory.kind != TRAJECTORY_ELEMENTS || s->sites[k].trajectory.body != BODY_EARTH)
            return cli_fail("Hypatia knows satellites with elements and stations of the Earth; %s is neither", s->sites[k].name) == CLI_OK;
    return true;
}

static bool satellites_take(const struct scenario *s, struct hypatia *h)
{
    h->satellites = calloc(s->satellite_count + 1, sizeof *h->satellites);
    h->isls = calloc(ISLS_PER_SATELLITE_MAX * s->satellite_count + 1, sizeof *h->isls);
    h->satellite_count = (uint32_t)s->satellite_count;
    for (size_t k = 0; h->satellites && k < s->satellite_count; k++) {
        h->satellites[k] = s->sites[k].elements;
        h->satellites[k].catalog = (uint32_t)k + 1;
        h->planes += k == 0 || s->sites[k].plane != s->sites[k - 1].plane;
    }
    h->per_plane = h->planes ? h->satellite_count / h->planes : 0;
    return h->satellites && h->isls;
}

static bool isls_take(const struct scenario *s, struct hypatia *h)
{
    struct sky *sky;
    if (scenario_sky(s, NULL, &sky) != ERR_OK)
        return false;
    for (size_t k = 0; k < s->satellite_count; k++) {
        size_t count;
        const uint32_t *peers = sky_peers(sky, s->sites[k].node, &count);
        for (size_t i = 0; i < count; i++)
            if (peers[i] > s->sites[k].node && peers[i] <= s->satellite_count && h->isl_count < ISLS_PER_SATELLITE_MAX * s->satellite_count)
                h->isls[h->isl_count++] = (struct snapshot_link){(uint32_t)k, peers[i] - 1, false};
    }
    sky_free(sky);
    free(sky);
    return true;
}

/* The longest link to the ground: as said, or at the least elevation from the height of the first satellite. */
static double slant_m(const struct scenario *s)
{
    if (s->links.ground_range_max_km > 0.0)
        return 1000.0 * s->links.ground_range_max_km;
    double r = elements_semi_major_axis_km(&s->sites[0].elements), re = SGP4_EARTH_RADIUS_KM, e = s->links.min_elevation_rad;
    return 1000.0 * (sqrt(r * r - re * re * cos(e) * cos(e)) - re * sin(e));
}

static int scenario_export(const struct scenario *s, const char *folder)
{
    if (!exportable(s))
        return CLI_FAILED;
    struct hypatia h = {.ground_max_m = slant_m(s), .isl_max_m = 1000.0 * s->links.range_max_km};
    struct text stations = text_new(NULL, 1 << 20);
    struct parse_error wrong = {0};
    int code = CLI_FAILED;
    text_copy(h.name, sizeof h.name, span_text(s->name));
    for (size_t k = s->satellite_count; k < s->site_count; k++)
        text_printf(&stations, "%zu,%s,%.6f,%.6f,%.3f\n", k - s->satellite_count, s->sites[k].name, s->sites[k].latitude_deg,
                    s->sites[k].longitude_deg, s->sites[k].altitude_m);
    if (!satellites_take(s, &h) || !isls_take(s, &h))
        cli_fail("no memory");
    else if (h.per_plane * h.planes != h.satellite_count)
        cli_fail("Hypatia's planes have equally many satellites; here are %u satellites in %u planes", h.satellite_count, h.planes);
    else if (hypatia_read_stations(&h, text_span(&stations), &wrong) != ERR_OK)
        cli_fail("gateways: %s", wrong.text);
    else
        code = network_write(folder, &h);
    text_free(&stations);
    hypatia_free(&h);
    return code;
}

/* Writes a text to a path with another ending, which is one file name. */
static bool beside_write(const char *folder, const char *stem, const char *ending, struct text *text)
{
    struct text name = text_new(NULL, 4096);
    text_printf(&name, "%s%s", stem, ending);
    bool good = text_ok(&name) && file_write(folder, text_string(&name), text);
    text_free(&name);
    return good;
}

static int import_write(const struct hypatia *h, const char *folder, const char *stem)
{
    struct text t = text_new(NULL, 1u << 30), tles = text_new(NULL, 4096), isls = text_new(NULL, 4096);
    struct parse_error wrong = {0};
    text_printf(&tles, "%s.tle", stem);
    text_printf(&isls, "%s.isls", stem);
    int code = CLI_FAILED;
    if (hypatia_scenario_write(h, text_string(&tles), text_string(&isls), &t, &wrong) != ERR_OK)
        cli_fail("%s", wrong.text[0] ? wrong.text : "no memory");
    else if (beside_write(folder, stem, ".yaml", &t) && hypatia_scenario_tles(h, &t) == ERR_OK && beside_write(folder, stem, ".tle", &t)) {
        hypatia_write_isls(h, &t);
        code = beside_write(folder, stem, ".isls", &t) ? CLI_OK : CLI_FAILED;
    }
    text_free(&t);
    text_free(&tles);
    text_free(&isls);
    return code;
}

/* What is written is read back: the scenario must be one. */
static int network_import(const struct arguments *a)
{
    struct hypatia h;
    size_t length = a->scenario ? strlen(a->scenario) : 0;
    if (length < 6 || strcmp(a->scenario + length - 5, ".yaml") != 0)
        return cli_usage(help, "say: noct hypatia import DIR --scenario FILE.yaml");
    if (!network_read(a->what, &h))
        return CLI_FAILED;
    const char *slash = strrchr(a->scenario, '/'), *file = slash ? slash + 1 : a->scenario;
    struct text folder = text_new(NULL, 8192), stem = text_new(NULL, 4096);
    text_add_span(&folder, slash ? span_of(a->scenario, (size_t)(slash - a->scenario)) : span_text("."));
    text_add_span(&stem, span_of(file, strlen(file) - 5));
    int code = text_ok(&folder) && text_ok(&stem) ? import_write(&h, slash == a->scenario ? "/" : text_string(&folder), text_string(&stem)) : CLI_FAILED;
    text_free(&folder);
    text_free(&stem);
    hypatia_free(&h);
    struct scenario *s = code == CLI_OK ? cli_scenario_read(a->scenario) : NULL;
    if (s)
        printf("%s: %zu satellites, %zu gateways\n", a->scenario, s->satellite_count, s->site_count - s->satellite_count);
    else if (code == CLI_OK)
        code = CLI_FAILED;
    scenario_free(s);
    return code;
}

static int network_check(const char *folder)
{
    struct hypatia h;
    struct parse_error wrong = {0};
    if (!network_read(folder, &h))
        return CLI_FAILED;
    int code = CLI_OK;
    if (hypatia_check(&h, h.satellites[0].epoch, 80.0, &wrong) != ERR_OK)
        code = cli_fail("%s/isls.txt:%d:%d: %s", folder, wrong.line, wrong.column, wrong.text);
    else
        printf("%u satellites in %u planes, %zu links, %u stations: well\n", h.satellite_count, h.planes, h.isl_count, h.station_count);
    hypatia_free(&h);
    return code;
}

static bool bandwidth_write(const char *folder, uint64_t ns, const struct hypatia *h)
{
    struct text t = text_new(NULL, 1u << 30);
    uint32_t *links = calloc((size_t)h->satellite_count + 1, sizeof *links);
    char name[64];
    for (size_t k = 0; links && k < h->isl_count; k++) {
        links[h->isls[k].a]++;
        links[h->isls[k].b]++;
    }
    for (uint32_t k = 0; ns == 0 && links && k < h->satellite_count + h->station_count; k++)
        text_printf(&t, "%u,%u,%f\n", k, k < h->satellite_count ? links[k] : 0, h->interfaces ? h->interfaces[k].bandwidth : 1.0);
    snprintf(name, sizeof name, "gsl_if_bandwidth_%llu.txt", (unsigned long long)ns);
    bool good = links && file_write(folder, name, &t);
    free(links);
    text_free(&t);
    return good;
}

static bool fstate_write(const char *folder, uint64_t ns, const struct hypatia_routes *now, const struct hypatia_routes *before)
{
    struct text t = text_new(NULL, 1u << 30);
    char name[64];
    hypatia_write_fstate(now, before, &t);
    snprintf(name, sizeof name, "fstate_%llu.txt", (unsigned long long)ns);
    bool good = file_write(folder, name, &t);
    text_free(&t);
    return good;
}

static int routes_write(const struct arguments *a, const struct hypatia *h, struct snapshot *s)
{
    struct hypatia_routes now = {0}, before = {0};
    struct text folder = text_new(NULL, 8192);
    if (a->out)
        text_add(&folder, a->out);
    else
        text_printf(&folder, "%s/dynamic_state_%llums_for_%llus", a->what, (unsigned long long)a->step_ms, (unsigned long long)a->seconds);
    bool good = text_ok(&folder) && folder_make(text_string(&folder)) && hypatia_routes_init(&now, h) == ERR_OK &&
                hypatia_routes_init(&before, h) == ERR_OK;
    for (uint64_t ms = 0; good && ms < 1000 * a->seconds; ms += a->step_ms) {
        good = snapshot_at(s, h->satellites[0].epoch + (tai_ns)ms * NS_PER_MS) == ERR_OK;
        good = good && hypatia_routes_fill(&now, h, s) == ERR_OK;
        good = good && fstate_write(text_string(&folder), ms * 1000000, &now, ms ? &before : NULL) &&
               bandwidth_write(text_string(&folder), ms * 1000000, h);
        struct hypatia_routes swap = before;
        before = now;
        now = swap;
    }
    hypatia_routes_free(&now);
    hypatia_routes_free(&before);
    int code = good ? CLI_OK : cli_fail("the routes cannot be written into %s", text_string(&folder));
    text_free(&folder);
    return code;
}

static bool fstate_apply(const char *folder, uint64_t ns, struct hypatia_routes *routes)
{
    struct text path;
    struct span text;
    struct parse_error wrong = {0};
    char name[64];
    snprintf(name, sizeof name, "fstate_%llu.txt", (unsigned long long)ns);
    bool good = path_make(&path, folder, name) && cli_file_read(text_string(&path), FILE_BYTES_MAX, &text);
    if (good) {
        good = hypatia_read_fstate(routes, text, &wrong) == ERR_OK;
        free((void *)(uintptr_t)text.data);
        if (!good)
            cli_fail("%s:%d:%d: %s", text_string(&path), wrong.line, wrong.column, wrong.text);
    }
    text_free(&path);
    return good;
}

static int rtt_print(const struct arguments *a, const struct hypatia *h, struct snapshot *s)
{
    struct hypatia_routes routes = {0};
    uint32_t from = (uint32_t)a->from, to = (uint32_t)a->to;
    if (!a->both || from >= h->station_count || to >= h->station_count || from == to)
        return cli_fail("--from and --to are two stations below %u", h->station_count);
    bool good = !a->routes || hypatia_routes_init(&routes, h) == ERR_OK;
    for (uint64_t ms = 0; good && ms < 1000 * a->seconds; ms += a->step_ms) {
        double there, back;
        good = snapshot_at(s, h->satellites[0].epoch + (tai_ns)ms * NS_PER_MS) == ERR_OK;
        if (good && a->routes) {
            good = fstate_apply(a->routes, ms * 1000000, &routes);
            there = hypatia_route_km(&routes, s, from, to);
            back = hypatia_route_km(&routes, s, to, from);
        } else {
            paths_from(&s->paths, snapshot_station(s, to));
            there = back = s->paths.distance_km[snapshot_station(s, from)];
        }
        bool reachable = there >= 0.0 && back >= 0.0 && !isinf(there) && !isinf(back);
        if (good) /* no way: 0, as Hypatia writes it */
            printf("%llu,%.10f\n", (unsigned long long)ms * 1000000, reachable ? (there + back) / LIGHT_KM_S * 1e9 : 0.0);
    }
    hypatia_routes_free(&routes);
    return good ? CLI_OK : CLI_FAILED;
}

static int network_do(const struct arguments *a, int (*what)(const struct arguments *, const struct hypatia *, struct snapshot *))
{
    struct hypatia h;
    struct snapshot s;
    if (!network_read(a->what, &h))
        return CLI_FAILED;
    int code = hypatia_snapshot(&h, NULL, &s) == ERR_OK ? what(a, &h, &s) : cli_fail("no memory for %s", a->what);
    snapshot_free(&s);
    hypatia_free(&h);
    return code;
}

static int command_do(const struct arguments *a)
{
    if (strcmp(a->command, "shell") == 0)
        return shell_write(a);
    if (strcmp(a->command, "import") == 0)
        return network_import(a);
    if (strcmp(a->command, "check") == 0)
        return network_check(a->what);
    if (strcmp(a->command, "routes") == 0)
        return network_do(a, routes_write);
    if (strcmp(a->command, "rtt") == 0)
        return network_do(a, rtt_print);
    if (strcmp(a->command, "export") != 0 || !a->out)
        return cli_usage(help, "say: noct hypatia shell, export (with --out), import, check, routes or rtt");
    struct scenario *s = cli_scenario_read(a->what);
    int code = s ? scenario_export(s, a->out) : CLI_USAGE;
    scenario_free(s);
    return code;
}

int command_hypatia(int argc, char **argv)
{
    struct arguments a = {.seconds = 200, .step_ms = 1000};
    const char *from = NULL, *to = NULL, *seconds = NULL, *step = NULL;
    const struct cli_option options[] = {{"stations", &a.stations, NULL}, {"out", &a.out, NULL}, {"routes", &a.routes, NULL}, {"scenario", &a.scenario, NULL},
                                         {"from", &from, NULL},           {"to", &to, NULL},     {"seconds", &seconds, NULL},
                                         {"step-ms", &step, NULL}};
    struct cli_arguments given;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &given, &code))
        return code;
    if (given.count != 2)
        return cli_usage(help, "say: noct hypatia COMMAND WHAT");
    a.command = given.items[0];
    a.what = given.items[1];
    a.both = from && to;
    if ((from && !cli_parse_number(from, 0, HYPATIA_STATIONS_MAX, &a.from)) || (to && !cli_parse_number(to, 0, HYPATIA_STATIONS_MAX, &a.to)) ||
        (seconds && !cli_parse_number(seconds, 1, 864000, &a.seconds)) || (step && !cli_parse_number(step, 1, 86400000, &a.step_ms)))
        return cli_usage(help, "--from, --to, --seconds and --step-ms are whole numbers (1 second to ten days; steps from 1 ms)");
    return command_do(&a);
}
