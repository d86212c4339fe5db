/*
 * base/time.h - time as an argument: monotonic instants, TAI wall time, UTC text.
 *
 * Story:   two clocks. `mono` counts nanoseconds of the machine since some start and paces protocols
 *          (heartbeats, retries). `wall` is TAI nanoseconds since 1970-01-01T00:00:00 TAI and says
 *          where the satellites are. A scenario run at ×60 has a wall clock that goes 60 times faster
 *          than mono; `wall_rate` says how much. In the twin the two go at the same pace.
 * Units:   nanoseconds. UTC = TAI - 37 s (valid since 2017; no leap second is scheduled).
 */
#ifndef NOCT_BASE_TIME_H
#define NOCT_BASE_TIME_H

#include "base/err.h"

typedef int64_t tai_ns;     /* wall time */
typedef int64_t mono_ns;    /* monotonic time */
typedef int64_t duration_ns;

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL
#define NS_PER_MINUTE (60 * NS_PER_S)
#define NS_PER_HOUR (3600 * NS_PER_S)
#define NS_PER_DAY (86400 * NS_PER_S)
#define TIME_NEVER INT64_MAX
#define TAI_MINUS_UTC_S 37

struct now {
    mono_ns mono;
    tai_ns wall;
    uint64_t wall_error_ns; /* half width of the interval that holds true time */
    uint32_t wall_rate;     /* wall nanoseconds per mono nanosecond: 1 in the twin, the speed in a demo */
};

/* A wall duration as a mono duration, rounded up, and the reverse. */
duration_ns time_wall_to_mono(const struct now *now, duration_ns wall);
duration_ns time_mono_to_wall(const struct now *now, duration_ns mono);

tai_ns time_from_utc(int year, int month, int day, int hour, int minute, double second);
/* "2026-11-21T05:22:31.250Z"; digits = decimals of the second, 0..9. `out` holds 40 bytes. */
void time_utc_text(tai_ns t, int digits, char out[40]);
/* Parses the form above (fraction optional, Z required). */
err time_utc_parse(const char *text, tai_ns *out) MUST_USE;
/* Calendar fields of a TAI instant in UTC; weekday 0 = Sunday. */
struct utc_fields {
    int year, month, day, hour, minute, second, weekday;
    int64_t nanosecond;
};
struct utc_fields time_utc_fields(tai_ns t);
/* "10m", "1.5h", "90s", "250ms", "2d": a duration for people. */
err time_duration_parse(const char *text, duration_ns *out) MUST_USE;
void time_duration_text(duration_ns d, char out[32]);

#endif
