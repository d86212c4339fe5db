/*
 * craft/radio.h - a radio terminal: carrier to noise, and the fastest mode that it carries.
 *
 * Story:   effective radiated power, the receiver's gain over temperature, distance and weather give Es/N0; the highest
 *          mode of the DVB-S2 ladder whose need is met, with a margin, is the rate.
 * Units:   dBW, dB/K, Hz, km, dB. Source: ETSI EN 302 307-1, table 13 (quasi error free, 64,800 bit frames); docs/model/radio.md.
 * Errors:  ERR_RANGE for parameters without meaning. Threads: pure.
 */
#ifndef NOCT_CRAFT_RADIO_H
#define NOCT_CRAFT_RADIO_H

#include "base/err.h"

struct radio_terminal {
    double frequency_hz, symbols_s;     /* carrier, symbol rate */
    double eirp_dbw, gain_over_temperature_db_k;
    double loss_db, margin_db;          /* pointing, polarisation, implementation; kept in hand */
    double rain_db, zenith_loss_db;     /* attenuation at the zenith: rain as it is now, and clear air */
    uint32_t mode_highest;              /* index of the last mode that the modem knows */
    double draw_w, mass_kg;
};

struct radio_mode {
    const char *name;
    double bits_per_symbol, es_n0_db;
};
enum { RADIO_MODES = 28 };
const struct radio_mode *radio_mode_at(uint32_t index); /* rising need; index < RADIO_MODES */

struct radio_terminal radio_terminal_ka(void); /* 20 GHz, 1 Gb/s class to a gateway of 25 dB/K */
struct radio_terminal radio_terminal_v(void);  /* 40 GHz */
struct radio_terminal radio_terminal_x(void);  /* 8.2 GHz, a CubeSat's */
err radio_check(const struct radio_terminal *t) MUST_USE;

double radio_space_loss_db(double range_km, double frequency_hz);
/* Energy per symbol over noise density at the receiver; `elevation_rad` lengthens the way through the weather (0 < e). */
double radio_es_n0_db(const struct radio_terminal *sender, double receiver_gain_over_temperature_db_k, double range_km,
                      double elevation_rad);
double radio_eb_n0_needed_db(const struct radio_mode *mode); /* Es/N0 less the bits per symbol */
const struct radio_mode *radio_mode_for(const struct radio_terminal *sender, double es_n0_db); /* NULL: none closes */
uint64_t radio_rate_bps(const struct radio_terminal *sender, double receiver_gain_over_temperature_db_k, double range_km,
                        double elevation_rad); /* 0: none */
/* How much louder the signal is than a jammer of `eirp_dbw` at `range_km`, seen `sidelobe_db` below the main beam, than needed. */
double radio_jam_margin_db(const struct radio_terminal *sender, const struct radio_mode *mode, double signal_range_km,
                           double jammer_eirp_dbw, double jammer_range_km, double sidelobe_db);

#endif
