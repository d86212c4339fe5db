/*
 * orbit/oem.h - orbit ephemeris messages (CCSDS 502.0-B-3): tables of states, read from KVN and
 * XML, interpolated, and written.
 *
 * Story:   where a table of positions exists (a flight dynamics team's, another program's), it is
 * taken instead of a model. A file has segments, each of one object over a span of time with its
 * own way of interpolation. States are turned into geocentric TEME and TAI when they are read, so
 * that oem_state only interpolates. Owns:    segments and states (malloc); free with oem_free.
 * Format: docs/format/oem.md. Frames:  TEME; EME2000, ICRF, GCRF (precession and the four largest
 * terms of nutation: 10 m in low orbit); ITRF (all versions; UT1 = UTC and no polar motion, as
 * frames.h). Centres: EARTH; MOON and MARS by body.h. Times: UTC, TAI, TT, GPS. Errors: ERR_INVALID
 * with line, column and reason; ERR_TOO_LARGE; ERR_NO_MEMORY; what the limits below refuse.
 * Threads: a read message is constant: oem_state is pure.
 */
#ifndef NOCT_ORBIT_OEM_H
#define NOCT_ORBIT_OEM_H

#include "base/text.h"
#include "orbit/body.h"
#include "orbit/elements.h"

enum {
    OEM_TEXT_MAX = 64 << 20,
    OEM_STATES_MAX = 1 << 20,
    OEM_SEGMENTS_MAX = 4096,
    OEM_DEGREE_MAX = 15
};

enum oem_interpolation { OEM_LAGRANGE, OEM_HERMITE, OEM_LINEAR };

struct oem_point {
    tai_ns t;
    double r_km[3], v_km_s[3];
};

struct oem_segment {
    char name[ELEMENTS_NAME_SIZE], designator[ELEMENTS_DESIGNATOR_SIZE];
    enum oem_interpolation interpolation;
    int degree;
    enum body center;    /* about which it was given; the states here are geocentric */
    tai_ns start, stop;  /* where the table may be used */
    size_t first, count; /* of the message's points; ascending in time */
};

struct oem {
    struct oem_point *points;
    size_t point_count, point_room;
    struct oem_segment *segments;
    size_t segment_count, segment_room;
};

/* Notation by the first character: '<' XML, else KVN. */
err oem_read(struct span text, struct oem *out, struct parse_error *error) MUST_USE;
void oem_free(struct oem *o);

/* State of the object of segment `index` at t: geocentric TEME. Other segments of the same object
 * that follow are used where this one ends. False outside the table. */
bool oem_state(const struct oem *o, size_t index, tai_ns t, double r_km[3], double v_km_s[3]);

/* Writes one message: oem_write_begin, then for each object oem_write_object, then oem_write_end.
 * Points are geocentric TEME, UTC, Lagrange of degree 9 (SGP4 velocities are not quite the rates of
 * its positions: Hermite would lose half a metre); at least two per object. */
enum oem_notation { OEM_KVN, OEM_XML };
void oem_write_begin(struct text *out, enum oem_notation notation, tai_ns created);
void oem_write_object(struct text *out, enum oem_notation notation, const char *name,
                      const char *designator, const struct oem_point *points, size_t count);
void oem_write_end(struct text *out, enum oem_notation notation);

#endif
