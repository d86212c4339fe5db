/*
 * twin/fault_draw.h - draws a fault plan from scenario and seed.
 *
 * Story:   each kind is a Poisson process with its own random stream, so that a rate changes nothing in other kinds. A seed of
 *          a swarm leaves out a random half of the kinds and scales the rates of the rest. What the atlas does not admit is
 *          left out and counted. All options that were drawn are returned as remarks and written into faults.txt.
 */
#ifndef NOCT_TWIN_FAULT_DRAW_H
#define NOCT_TWIN_FAULT_DRAW_H

#include "twin/fault_plan.h"

void fault_draw(const struct scenario *s, const struct sky *sky, uint64_t seed, duration_ns duration, bool beyond,
                struct fault_plan *out, struct text *remarks);

/* fault_radiation.c: adds what the radiation environment does, storms of the plan included. */
void fault_radiation_draw(const struct scenario *s, const struct sky *sky, uint64_t seed, duration_ns duration,
                          struct fault_plan *plan);

#endif
