#include "host/link_shaper.h"

#include <stdlib.h>

enum { WINDOW_LEAST = 1 << 20, WINDOW_MOST = 64 << 20 };

struct shaper_piece {
    struct shaper_piece *next;
    struct slice data;
    mono_ns due;
};

void link_shaper_init(struct link_shaper *s)
{
    *s = (struct link_shaper){0};
    s->last = &s->first;
}

void link_shaper_set(struct link_shaper *s, double rate_bps, duration_ns delay)
{
    ASSERT(rate_bps >= 0 && delay >= 0);
    s->rate_bps = rate_bps;
    s->delay = delay;
}

void link_shaper_push(struct link_shaper *s, mono_ns now, struct slice data)
{
    struct shaper_piece *piece = malloc(sizeof *piece);
    ASSERT(piece);
    duration_ns sending = s->rate_bps > 0 ? (duration_ns)((double)data.size * 8e9 / s->rate_bps) : 0;
    s->departure = MAX(now, s->departure) + sending;
    s->arrival = MAX(s->arrival, s->departure + s->delay);
    *piece = (struct shaper_piece){NULL, data, s->arrival};
    *s->last = piece;
    s->last = &piece->next;
    s->queued_bytes += data.size;
}

bool link_shaper_pop(struct link_shaper *s, mono_ns now, struct slice *out)
{
    struct shaper_piece *piece = s->first;
    if (!piece || piece->due > now)
        return false;
    *out = piece->data;
    s->queued_bytes -= piece->data.size;
    if (!(s->first = piece->next))
        s->last = &s->first;
    free(piece);
    return true;
}

mono_ns link_shaper_next(const struct link_shaper *s)
{
    return s->first ? s->first->due : TIME_NEVER;
}

size_t link_shaper_window(const struct link_shaper *s)
{
    double in_flight = s->rate_bps > 0 ? s->rate_bps / 8e9 * (double)s->delay : 0;
    return WINDOW_LEAST + (size_t)MIN(in_flight, (double)(WINDOW_MOST - WINDOW_LEAST));
}

void link_shaper_clear(struct link_shaper *s)
{
    struct slice data;
    while (link_shaper_pop(s, TIME_NEVER, &data))
        slice_drop(&data);
    link_shaper_init(s);
}
