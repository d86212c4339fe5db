/*
 * node/scenario_hypatia.h - a network of Hypatia as a scenario.
 *
 * Story:   Hypatia's file set (orbit/hypatia.h) has element sets, fixed links between satellites, stations and the longest links; a
 *          scenario has the same as a `tle` shell, a list of links, gateways and rules. What Hypatia does not say (craft,
 *          memory, work) is what a large mesh of the twin needs. The text names two files that the caller writes beside it.
 * Errors:  ERR_INVALID and what is wrong: more stations than gateways, one too high or too low, no satellite.
 */
#ifndef NOCT_NODE_SCENARIO_HYPATIA_H
#define NOCT_NODE_SCENARIO_HYPATIA_H

#include "base/text.h"
#include "orbit/hypatia.h"

/* The scenario's text; `tles` and `isls` are the names of the files for hypatia_scenario_tles and hypatia_write_isls. */
err hypatia_scenario_write(const struct hypatia *h, const char *tles, const char *isls, struct text *out, struct parse_error *error) MUST_USE;
/* The element sets, three lines each. */
err hypatia_scenario_tles(const struct hypatia *h, struct text *out) MUST_USE;

#endif
