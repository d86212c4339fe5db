/*
 * cli/twin_console_inner.h - the inside of the twin's console, shared by twin_console.c (sockets, playback) and twin_console_api.c (JSON).
 */
#ifndef NOCT_CLI_TWIN_CONSOLE_INNER_H
#define NOCT_CLI_TWIN_CONSOLE_INNER_H

#include "base/text.h"
#include "cli/twin_console.h"
#include "twin/track.h"

struct twin_console {
    struct twin_console_options options;
    struct track track;
    struct sky *sky;
    tai_ns at;            /* the instant shown, as of `at_real` */
    mono_ns at_real;
    double speed;
    bool playing, at_edge; /* at_edge: stays at the newest instant */
};

tai_ns twin_console_end(const struct twin_console *c);  /* the newest instant there is */
tai_ns twin_console_now(struct twin_console *c);        /* the instant shown */
size_t twin_console_events_until(const struct twin_console *c, tai_ns t); /* how many events are not after it */

/* JSON bodies of /console/api/WHAT. False: no such resource. */
bool twin_console_answer(struct twin_console *c, struct span what, struct span query, struct text *out);
void twin_console_event(const struct twin_console *c, size_t index, struct text *out); /* one event */
/* The value of a name in a query, decoded; "" when it is not there. */
void twin_console_query(struct span query, const char *name, char *out, size_t size);

#endif
