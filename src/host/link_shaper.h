/*
 * host/link_shaper.h - makes a loopback connection as slow and as far as the link it stands for.
 *
 * Story:    bytes enter in order; each piece leaves when the link's rate has had time to send it and light has had time
 *           to cross. A line that sends back to back: departure = max(now, previous departure) + size / rate, arrival =
 *           departure + delay. Arrivals never overtake each other, also when the delay shrinks. Rate and delay are in
 *           machine time: the owner has multiplied the rate by the speed and divided the light time by it.
 * Owns:     the queue; slices pushed hold references that go to whoever pops them (or are dropped by clear).
 * Units:    bytes, bit/s, ns (mono).
 * Threads:  single owner. Pure but for malloc.
 */
#ifndef NOCT_HOST_LINK_SHAPER_H
#define NOCT_HOST_LINK_SHAPER_H

#include "base/buf.h"
#include "base/time.h"

struct shaper_piece;

struct link_shaper {
    double rate_bps; /* 0: not limited */
    duration_ns delay;
    mono_ns departure, arrival; /* of the last piece */
    struct shaper_piece *first, **last;
    size_t queued_bytes;
};

void link_shaper_init(struct link_shaper *s);
void link_shaper_set(struct link_shaper *s, double rate_bps, duration_ns delay); /* for what is pushed from now on */
void link_shaper_push(struct link_shaper *s, mono_ns now, struct slice data);     /* takes the reference */
bool link_shaper_pop(struct link_shaper *s, mono_ns now, struct slice *out);      /* false: nothing has arrived yet */
mono_ns link_shaper_next(const struct link_shaper *s);                            /* TIME_NEVER when empty */
/* How much may be queued so that the line never idles: the bytes in flight and a little more. */
size_t link_shaper_window(const struct link_shaper *s);
void link_shaper_clear(struct link_shaper *s);

#endif
