/*
 * cli/twin_watch.c - noct twin watch: a running simulation in the console; noct twin replay: a finished one.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/scenario_file.h"
#include "cli/twin_command.h"
#include "cli/twin_console.h"
#include "host/clock.h"
#include "twin/outputs.h"
#include "twin/twin.h"

static const char watch_help[] =
    "usage: noct twin watch SCENARIO [--days D] [--seed N] [--speed X] [--port N] [--out DIR] [--no-faults]\n"
    "       noct twin watch RUN [--port N]\n"
    "\n"
    "Runs SCENARIO in virtual time and shows it in the console while it runs: satellites, links, battery, objects, jobs, events,\n"
    "faults as they come, promises so far. Or shows the run in the folder RUN, which another process is writing.\n"
    "\n"
    "  --speed X     seconds of the scenario per second, 1 to 100000 (default 60; the page changes it, pauses, goes back)\n"
    "  --port N      on 127.0.0.1 (default 9100)\n"
    "  --days D      days of virtual time (default 1)\n"
    "  --seed N      default: the scenario's\n"
    "  --out DIR     where the run is kept (default .noct/twin/NAME-SEED)\n"
    "  --no-faults   leave the fault plan out\n"
    "\n"
    "When the simulation ends its report is printed and the console goes on as a replay. Ctrl-C ends it.\n";

static const char replay_help[] =
    "usage: noct twin replay RUN [--speed X] [--port N] [--at UTC]\n"
    "\n"
    "Shows a finished run in the console, with a slider over its time. RUN is the folder of noct twin run (--out), with its track.\n"
    "\n"
    "  --speed X     seconds of the scenario per second, 1 to 100000 (default 60)\n"
    "  --port N      on 127.0.0.1 (default 9100)\n"
    "  --at UTC      where to begin: 2026-11-21T10:00:00Z\n";

/* ---- pacing ----------------------------------------------------------------------------------------------------------------------- */

struct paced {
    struct twin_live *live;
    int64_t last_wall;
    mono_ns due; /* when the present instant should be, in real time */
};

/* In the simulation's thread: waits until the wall clock of this machine has caught up with the speed, or while paused. */
static void wait_for_turn(void *context, int64_t wall)
{
    struct paced *p = context;
    atomic_store(&p->live->wall, wall);
    int64_t virtual_ns = p->last_wall ? wall - p->last_wall : 0;
    p->last_wall = wall;
    mono_ns now = clock_mono();
    p->due = MAX(p->due, now - NS_PER_S) + virtual_ns / (int64_t)MAX(atomic_load(&p->live->speed), 1u);
    while (atomic_load(&p->live->paused) || clock_mono() < p->due) {
        mono_ns left = p->due - clock_mono();
        struct timespec nap = {0, (long)MAX(MIN(left, 20 * NS_PER_MS), NS_PER_MS)};
        nanosleep(&nap, NULL);
        if (atomic_load(&p->live->paused))
            p->due = clock_mono();
    }
}

struct simulation {
    const struct scenario *scenario;
    struct twin_options options;
    struct twin_live live;
    struct paced paced;
    struct twin_pace pace;
};

static void *simulate(void *argument)
{
    struct simulation *s = argument;
    (void)twin_run(s->scenario, &s->options);
    fflush(stdout);
    atomic_store(&s->live.done, true);
    return NULL;
}

/* The console needs the head of the track: a moment after the simulation has begun. */
static bool track_begun(const char *folder)
{
    char path[PATH_MAX];
    struct stat about;
    snprintf(path, sizeof path, "%s/%s", folder, TRACK_FILE);
    for (int i = 0; i < 600; i++) {
        if (stat(path, &about) == 0 && about.st_size > 0)
            return true;
        usleep(100000);
    }
    return false;
}

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* ---- commands ------------------------------------------------------------------------------------------------------------------------ */

static struct scenario *scenario_of_run(const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/scenario.yaml", folder);
    return cli_scenario_read(path);
}

static int show_run(const char *folder, double speed, uint16_t port, tai_ns at, bool follow)
{
    struct scenario *s = scenario_of_run(folder);
    if (!s)
        return CLI_FAILED;
    int code = twin_console_serve(&(struct twin_console_options){.folder = folder, .scenario = s, .port = port, .speed = speed, .at = at,
                                                                 .follow = follow});
    scenario_free(s);
    return code;
}

static int watch_scenario(const char *path, struct simulation *x, const char *out, double speed, uint16_t port)
{
    char folder[PATH_MAX], track[PATH_MAX + 32];
    pthread_t thread;
    snprintf(folder, sizeof folder, "%s/twin/%s-%llu", CLI_STATE_DEFAULT, x->scenario->name, (unsigned long long)x->options.seed);
    x->options.output = out ? out : folder;
    if (!cli_scenario_keep(path, x->options.output))
        return CLI_FAILED;
    snprintf(track, sizeof track, "%s/%s", x->options.output, TRACK_FILE);
    (void)unlink(track); /* of an earlier run */
    x->options.outputs = OUTPUT_DEFAULT;
    x->options.quiet = true;
    x->paced = (struct paced){.live = &x->live, .due = clock_mono()};
    x->pace = (struct twin_pace){&x->paced, wait_for_turn};
    x->options.pace = &x->pace;
    atomic_store(&x->live.wall, (long long)x->scenario->epoch);
    atomic_store(&x->live.speed, (unsigned)speed);
    if (pthread_create(&thread, NULL, simulate, x) != 0)
        return cli_fail("no thread for the simulation");
    if (!track_begun(x->options.output))
        return cli_fail("the simulation did not begin");
    int code = twin_console_serve(&(struct twin_console_options){.folder = x->options.output, .scenario = x->scenario, .port = port,
                                                                 .speed = speed, .live = &x->live});
    fflush(stdout);
    _exit(code); /* the simulation's thread ends with the process */
}

static bool numbers(const char *speed_text, const char *port_text, double *speed, uint64_t *port)
{
    return parse_double(span_text(speed_text), speed) == ERR_OK && *speed >= 1 && *speed <= TWIN_SPEED_MOST &&
           cli_parse_number(port_text, 1, 65535, port);
}

int twin_command_watch(int argc, char **argv)
{
    static struct simulation x;
    const char *speed_text = "60", *port_text = "9100", *days = "1", *seed = NULL, *out = NULL;
    x.options = (struct twin_options){.commit = cli_commit()};
    const struct cli_option options[] = {{"speed", &speed_text, NULL}, {"port", &port_text, NULL}, {"days", &days, NULL},
                                         {"seed", &seed, NULL}, {"out", &out, NULL}, {"no-faults", NULL, &x.options.no_faults}};
    struct cli_arguments arguments;
    double speed;
    uint64_t port;
    int code;
    if (!cli_parse(argc, argv, watch_help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 1 || !numbers(speed_text, port_text, &speed, &port))
        return cli_usage(watch_help, "give a scenario or a run; --speed is 1 to %d, --port 1 to 65535", TWIN_SPEED_MOST);
    if (parse_double(span_text(days), &x.options.days) != ERR_OK || x.options.days <= 0 || x.options.days > 3660)
        return cli_usage(watch_help, "--days must be a number above 0 and at most 3660");
    if (is_folder(arguments.items[0]))
        return show_run(arguments.items[0], speed, (uint16_t)port, 0, true);
    struct scenario *s = cli_scenario_read(arguments.items[0]);
    if (!s)
        return CLI_USAGE;
    if (!cli_scenario_fits(s)) {
        scenario_free(s);
        return CLI_FAILED;
    }
    x.scenario = s;
    x.options.seed = s->seed;
    if (seed && !cli_parse_number(seed, 0, UINT64_MAX, &x.options.seed)) {
        scenario_free(s);
        return cli_usage(watch_help, "--seed must be a whole number");
    }
    code = watch_scenario(arguments.items[0], &x, out, speed, (uint16_t)port);
    scenario_free(s);
    return code;
}

int twin_command_replay(int argc, char **argv)
{
    const char *speed_text = "60", *port_text = "9100", *at_text = NULL;
    const struct cli_option options[] = {{"speed", &speed_text, NULL}, {"port", &port_text, NULL}, {"at", &at_text, NULL}};
    struct cli_arguments arguments;
    double speed;
    uint64_t port;
    tai_ns at = 0;
    int code;
    if (!cli_parse(argc, argv, replay_help, options, COUNT_OF(options), &arguments, &code))
        return code;
    if (arguments.count != 1 || !numbers(speed_text, port_text, &speed, &port))
        return cli_usage(replay_help, "give the folder of a run; --speed is 1 to %d, --port 1 to 65535", TWIN_SPEED_MOST);
    if (at_text && time_utc_parse(at_text, &at) != ERR_OK)
        return cli_usage(replay_help, "--at must look like 2026-11-21T10:00:00Z");
    return show_run(arguments.items[0], speed, (uint16_t)port, at, false);
}
