#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

duration_ns time_wall_to_mono(const struct now *now, duration_ns wall)
{
    ASSERT(now->wall_rate > 0);
    return wall <= 0 ? 0 : (wall - 1) / now->wall_rate + 1;
}

duration_ns time_mono_to_wall(const struct now *now, duration_ns mono)
{
    ASSERT(now->wall_rate > 0);
    if (mono > INT64_MAX / now->wall_rate)
        return INT64_MAX;
    return mono * now->wall_rate;
}

/* Days since 1970-01-01 of a proleptic Gregorian date (Hinnant, days_from_civil). */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

tai_ns time_from_utc(int year, int month, int day, int hour, int minute, double second)
{
    int64_t whole = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + TAI_MINUS_UTC_S;
    return whole * NS_PER_S + (int64_t)(second * 1e9 + (second < 0 ? -0.5 : 0.5));
}

struct utc_fields time_utc_fields(tai_ns t)
{
    int64_t seconds = t / NS_PER_S, ns = t % NS_PER_S;
    if (ns < 0) {
        ns += NS_PER_S;
        seconds--;
    }
    seconds -= TAI_MINUS_UTC_S;
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    return (struct utc_fields){
        .year = (int)(year_of_era + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
        .weekday = (int)(((days % 7) + 11) % 7),
        .nanosecond = ns,
    };
}

void time_utc_text(tai_ns t, int digits, char out[40])
{
    struct utc_fields f = time_utc_fields(t);
    int n = snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d", f.year, f.month, f.day, f.hour,
                     f.minute, f.second);
    if (digits > 0 && n > 0 && n < 28) {
        char fraction[16];
        snprintf(fraction, sizeof fraction, "%09lld", (long long)f.nanosecond);
        n += snprintf(out + n, (size_t)(40 - n), ".%.*s", MIN(digits, 9), fraction);
    }
    snprintf(out + n, (size_t)(40 - n), "Z");
}

static bool digits_at(const char **text, int count, int *out)
{
    int v = 0;
    for (int i = 0; i < count; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    *text += count;
    *out = v;
    return true;
}

static bool mark_at(const char **text, char mark)
{
    if (**text != mark)
        return false;
    ++*text;
    return true;
}

static int days_in(int year, int month)
{
    return (int)(days_of(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) - days_of(year, month, 1));
}

err time_utc_parse(const char *text, tai_ns *out)
{
    int year, month, day, hour, minute, second;
    bool good = digits_at(&text, 4, &year) && mark_at(&text, '-') && digits_at(&text, 2, &month) &&
                mark_at(&text, '-') && digits_at(&text, 2, &day) && mark_at(&text, 'T') &&
                digits_at(&text, 2, &hour) && mark_at(&text, ':') && digits_at(&text, 2, &minute) &&
                mark_at(&text, ':') && digits_at(&text, 2, &second);
    if (!good)
        return ERR_INVALID;
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59)
        return ERR_RANGE;
    if (year < 1700 || year > 2250) /* 64 bits of nanoseconds reach from 1678 to 2261 */
        return ERR_RANGE;
    if (day > days_in(year, month))
        return ERR_RANGE;
    int64_t ns = 0, unit = NS_PER_S / 10;
    if (mark_at(&text, '.')) {
        if (*text < '0' || *text > '9')
            return ERR_INVALID;
        for (; *text >= '0' && *text <= '9'; text++, unit /= 10)
            ns += (*text - '0') * unit;
    }
    if (!mark_at(&text, 'Z') || *text)
        return ERR_INVALID;
    *out = time_from_utc(year, month, day, hour, minute, second) + ns;
    return ERR_OK;
}

err time_duration_parse(const char *text, duration_ns *out)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1},    {"us", 1e3},    {"ms", 1e6},     {"s", 1e9},
                 {"m", 60e9},  {"min", 60e9},  {"h", 3600e9},   {"d", 86400e9}};
    char *end;
    if ((*text < '0' || *text > '9') && *text != '.')
        return ERR_INVALID;
    double v = strtod(text, &end);
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (strcmp(end, units[i].unit) != 0)
            continue;
        if (!(v * units[i].ns < 9.2e18))
            return ERR_RANGE;
        *out = (duration_ns)(v * units[i].ns + 0.5);
        return ERR_OK;
    }
    return ERR_INVALID;
}

void time_duration_text(duration_ns d, char out[32])
{
    double s = (double)d / 1e9;
    if (s < 1e-3)
        snprintf(out, 32, "%.0f us", s * 1e6);
    else if (s < 1)
        snprintf(out, 32, "%.0f ms", s * 1e3);
    else if (s < 120)
        snprintf(out, 32, "%.1f s", s);
    else if (s < 7200)
        snprintf(out, 32, "%.1f min", s / 60);
    else if (s < 2 * 86400)
        snprintf(out, 32, "%.1f h", s / 3600);
    else
        snprintf(out, 32, "%.1f d", s / 86400);
}
