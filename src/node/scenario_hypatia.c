#include "node/scenario_hypatia.h"

#include <string.h>

#include "node/scenario_parse.h"
#include "orbit/tle.h"

enum { GATEWAY_NAME_SIZE = 32, MIDDLING = 100 /* members from which nodes get little memory and modelled signatures */ };

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Letters, digits, dashes; "station" where nothing of it is left. */
static void name_clean(const char *from, char out[GATEWAY_NAME_SIZE])
{
    size_t count = 0;
    for (; *from && count < GATEWAY_NAME_SIZE - 1; from++)
        if (letter(*from) || (*from == ' ' && count > 0))
            out[count++] = *from == ' ' ? '-' : *from;
    out[count] = 0;
    if (count == 0)
        memcpy(out, "station", 8);
}

/* Names of stations may be alike, or become so: those that come later get their number. */
static void gateway_name(const struct hypatia *h, uint32_t station, struct text *out)
{
    char own[GATEWAY_NAME_SIZE], other[GATEWAY_NAME_SIZE];
    bool taken = false;
    name_clean(h->stations[station].name, own);
    for (uint32_t k = 0; k < station && !taken; k++) {
        name_clean(h->stations[k].name, other);
        taken = strcmp(own, other) == 0;
    }
    if (taken || strncmp(own, "sat-", 4) == 0 || strncmp(own, "station-", 8) == 0)
        text_printf(out, "station-%u", station);
    else
        text_add(out, own);
}

static err gateways_write(const struct hypatia *h, struct text *out, struct parse_error *error)
{
    text_add(out, "gateways:\n");
    for (uint32_t k = 0; k < h->station_count; k++) {
        const struct hypatia_station *s = &h->stations[k];
        if (s->altitude_m < -500.0 || s->altitude_m > 9000.0)
            return parse_fail(error, ERR_INVALID, (int)k + 1, 1, "a gateway stands at -500 to 9000 m; `%s` is at %.0f m", s->name, s->altitude_m);
        text_add(out, "  - {name: ");
        gateway_name(h, k, out);
        text_printf(out, ", latitude_deg: %.6f, longitude_deg: %.6f, altitude_m: %.3f}\n", s->latitude_deg,
                    s->longitude_deg < -180.0 ? s->longitude_deg + 360.0 : s->longitude_deg, s->altitude_m);
    }
    return ERR_OK;
}

err hypatia_scenario_write(const struct hypatia *h, const char *tles, const char *isls, struct text *out, struct parse_error *error)
{
    char name[GATEWAY_NAME_SIZE], utc[40];
    if (h->satellite_count == 0 || h->satellite_count + h->station_count > SCENARIO_SITES_MAX)
        return parse_fail(error, ERR_INVALID, 1, 1, "a scenario has 1 to %d nodes; here are %u satellites and %u stations", SCENARIO_SITES_MAX,
                          h->satellite_count, h->station_count);
    if (h->station_count == 0 || h->station_count > SCENARIO_GATEWAYS_MAX)
        return parse_fail(error, ERR_INVALID, 1, 1, "a scenario has 1 to %d gateways; here are %u stations", SCENARIO_GATEWAYS_MAX, h->station_count);
    name_clean(h->name[0] ? h->name : "hypatia", name);
    time_utc_text(h->satellites[0].epoch, 9, utc);
    text_printf(out, "# %u satellites in %u planes, %zu links and %u stations from Hypatia's files.\nname: %s\nepoch: %s\nseed: 1\n",
                h->satellite_count, h->planes, h->isl_count, h->station_count, name, utc);
    text_printf(out, "constellation:\n  - {kind: tle, prefix: sat, file: %s, planes: %u}\n", tles, MAX(h->planes, 1u));
    TRY(gateways_write(h, out, error));
    text_printf(out,
                "links:\n  topology: list\n  isls: %s\n  range_max_km: %.10f\n  ground_range_max_km: %.10f\n"
                "  elevation_min_deg: 0 # Hypatia asks for the distance only\n  graze_min_km: 0\n",
                isls, h->isl_max_m / 1000.0, h->ground_max_m / 1000.0);
    if (h->satellite_count + h->station_count > MIDDLING)
        text_add(out, "fact_security: modelled # sizes as real, without the curve's arithmetic\nmemory: {satellite_mib: 1, gateway_mib: 64}\n"
                      "storage: {satellite_gib: 1, gateway_gib: 4}\n");
    text_add(out, "workload: {puts_per_hour: 2, gets_per_hour: 4, tasks_per_hour: 0.2, object_kib_min: 1, object_kib_max: 48}\n");
    return text_ok(out) ? ERR_OK : ERR_NO_MEMORY;
}

err hypatia_scenario_tles(const struct hypatia *h, struct text *out)
{
    for (uint32_t k = 0; k < h->satellite_count; k++) {
        char one[TLE_LINE_SIZE], two[TLE_LINE_SIZE];
        TRY(tle_write(&h->satellites[k], one, two));
        text_printf(out, "%s %u\n%s\n%s\n", h->name[0] ? h->name : "Satellite", k, one, two);
    }
    return text_ok(out) ? ERR_OK : ERR_NO_MEMORY;
}
