#include "craft/radio.h"

#include <math.h>

#include "craft/portable.h"

#define BOLTZMANN_DBW_K_HZ (-228.5991672)
#define LIGHT_M_S 299792458.0
#define ELEVATION_LEAST_RAD 0.0524 /* 3 degrees: below it a flat layer of weather is no model */

static const struct radio_mode modes[RADIO_MODES] = {
    {"QPSK 1/4", 0.490243, -2.35},   {"QPSK 1/3", 0.656448, -1.24},   {"QPSK 2/5", 0.789412, -0.30},
    {"QPSK 1/2", 0.988858, 1.00},    {"QPSK 3/5", 1.188304, 2.23},    {"QPSK 2/3", 1.322253, 3.10},
    {"QPSK 3/4", 1.487473, 4.03},    {"QPSK 4/5", 1.587196, 4.68},    {"QPSK 5/6", 1.654663, 5.18},
    {"8PSK 3/5", 1.779991, 5.50},    {"QPSK 8/9", 1.766451, 6.20},    {"QPSK 9/10", 1.788612, 6.42},
    {"8PSK 2/3", 1.980636, 6.62},    {"8PSK 3/4", 2.228124, 7.91},    {"16APSK 2/3", 2.637201, 8.97},
    {"8PSK 5/6", 2.478562, 9.35},    {"16APSK 3/4", 2.966728, 10.21}, {"8PSK 8/9", 2.646012, 10.69},
    {"8PSK 9/10", 2.679207, 10.98},  {"16APSK 4/5", 3.165623, 11.03}, {"16APSK 5/6", 3.300184, 11.61},
    {"32APSK 3/4", 3.703295, 12.73}, {"16APSK 8/9", 3.523143, 12.89}, {"16APSK 9/10", 3.567342, 13.13},
    {"32APSK 4/5", 3.951571, 13.64}, {"32APSK 5/6", 4.119540, 14.28}, {"32APSK 8/9", 4.397854, 15.69},
    {"32APSK 9/10", 4.453027, 16.05},
};

const struct radio_mode *radio_mode_at(uint32_t index)
{
    ASSERT(index < RADIO_MODES);
    return &modes[index];
}

struct radio_terminal radio_terminal_ka(void)
{
    return (struct radio_terminal){
        .frequency_hz = 20e9,
        .symbols_s = 400e6,
        .eirp_dbw = 30.0,
        .gain_over_temperature_db_k = 5.0,
        .loss_db = 2.0,
        .margin_db = 2.0,
        .zenith_loss_db = 0.5,
        .mode_highest = RADIO_MODES - 1,
        .draw_w = 60.0,
        .mass_kg = 6.0,
    };
}

struct radio_terminal radio_terminal_v(void)
{
    struct radio_terminal t = radio_terminal_ka();
    t.frequency_hz = 40e9;
    t.symbols_s = 1e9;
    t.eirp_dbw = 38.0;
    t.zenith_loss_db = 1.0;
    t.draw_w = 90.0;
    return t;
}

struct radio_terminal radio_terminal_x(void)
{
    struct radio_terminal t = radio_terminal_ka();
    t.frequency_hz = 8.2e9;
    t.symbols_s = 50e6;
    t.eirp_dbw = 12.0;
    t.gain_over_temperature_db_k = -15.0;
    t.zenith_loss_db = 0.1;
    t.mode_highest = 20;
    t.draw_w = 12.0;
    t.mass_kg = 0.4;
    return t;
}

err radio_check(const struct radio_terminal *t)
{
    const struct {
        double value, least, most;
    } ranges[] = {
        {t->frequency_hz, 1e8, 3e11}, {t->symbols_s, 1e3, 1e11},  {t->eirp_dbw, -50, 120},       {t->gain_over_temperature_db_k, -60, 80},
        {t->loss_db, 0, 60},          {t->margin_db, 0, 60},      {t->rain_db, 0, 100},          {t->zenith_loss_db, 0, 30},
        {t->draw_w, 0, 1e5},          {t->mass_kg, 0, 1e5},
    };
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        if (!(ranges[i].value >= ranges[i].least && ranges[i].value <= ranges[i].most))
            return ERR_RANGE;
    return t->mode_highest < RADIO_MODES ? ERR_OK : ERR_RANGE;
}

double radio_space_loss_db(double range_km, double frequency_hz)
{
    double ratio = 4.0 * M_PI * fmax(range_km, 1e-3) * 1000.0 * frequency_hz / LIGHT_M_S;
    return portable_decibel(ratio * ratio);
}

double radio_es_n0_db(const struct radio_terminal *sender, double receiver_gain_over_temperature_db_k, double range_km,
                      double elevation_rad)
{
    double weather_db = (sender->rain_db + sender->zenith_loss_db) / sin(fmax(elevation_rad, ELEVATION_LEAST_RAD));
    double c_n0_db = sender->eirp_dbw + receiver_gain_over_temperature_db_k - radio_space_loss_db(range_km, sender->frequency_hz) -
                     sender->loss_db - weather_db - BOLTZMANN_DBW_K_HZ;
    double es_n0_db = c_n0_db - portable_decibel(sender->symbols_s);
    return floor(es_n0_db * 1000.0 + 0.5) / 1000.0; /* decides the mode: whole millibels */
}

double radio_eb_n0_needed_db(const struct radio_mode *mode)
{
    return mode->es_n0_db - portable_decibel(mode->bits_per_symbol);
}

const struct radio_mode *radio_mode_for(const struct radio_terminal *sender, double es_n0_db)
{
    const struct radio_mode *best = NULL;
    for (uint32_t i = 0; i <= sender->mode_highest; i++)
        if (es_n0_db >= modes[i].es_n0_db + sender->margin_db && (!best || modes[i].bits_per_symbol > best->bits_per_symbol))
            best = &modes[i];
    return best;
}

uint64_t radio_rate_bps(const struct radio_terminal *sender, double receiver_gain_over_temperature_db_k, double range_km,
                        double elevation_rad)
{
    const struct radio_mode *m =
        radio_mode_for(sender, radio_es_n0_db(sender, receiver_gain_over_temperature_db_k, range_km, elevation_rad));
    return m ? (uint64_t)(m->bits_per_symbol * sender->symbols_s) : 0;
}

double radio_jam_margin_db(const struct radio_terminal *sender, const struct radio_mode *mode, double signal_range_km,
                           double jammer_eirp_dbw, double jammer_range_km, double sidelobe_db)
{
    double signal = sender->eirp_dbw - radio_space_loss_db(signal_range_km, sender->frequency_hz);
    double jam = jammer_eirp_dbw - radio_space_loss_db(jammer_range_km, sender->frequency_hz) - sidelobe_db;
    return signal - jam - mode->es_n0_db; /* noise-like jamming over the whole band */
}
