/*
 * orbit/windows.h - when is a smooth signal positive? Roots that are never missed while a cell
 * holds one bump.
 *
 * Story:   visibility is "margin > 0" for smooth margins (elevation, graze height, range, shadow).
 * The time line is cut into cells; at each end value and slope are known. A change of sign gives
 * one root; equal signs with slopes that point at each other hide a bump or a dip, whose top is
 * found by bisection of the slope and whose two roots are then polished. Cells must be short enough
 * for one extremum (30 s in orbit is). Units:   seconds after a base that the signal's context
 * knows. Threads: pure.
 */
#ifndef NOCT_ORBIT_WINDOWS_H
#define NOCT_ORBIT_WINDOWS_H

#include "base/err.h"

struct sample {
    double t_s, value, slope;
};

typedef struct sample signal_fn(const void *context, double t_s);

struct interval {
    double start_s, end_s;
};

enum { WINDOWS_ROOTS_PER_CELL = 2 };

/* Roots inside a cell in order of time; each within 1e-7 s. Returns how many (0..2). */
size_t windows_cell_roots(signal_fn *signal, const void *context, struct sample left,
                          struct sample right, double roots[WINDOWS_ROOTS_PER_CELL]);

/* All intervals of [from, until] where the signal is positive. ERR_FULL when more than `capacity`
 * exist. */
err windows_find(signal_fn *signal, const void *context, double from_s, double until_s,
                 double step_s, struct interval *out, size_t capacity, size_t *count) MUST_USE;

/* Time of the largest value in an interval with one maximum. */
double windows_peak(signal_fn *signal, const void *context, double from_s, double until_s);

#endif
