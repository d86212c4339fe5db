/*
 * orbit/tle.h - two-line element sets: strict reading, exact writing.
 *
 * Story:   a TLE is two lines of 69 columns, each with a checksum, optionally under a name line.
 * The format is described in docs/format/elements.md. Catalogue numbers above 99999 use alpha-5
 * (A0000 = 100000, no I, no O). Errors:  ERR_INVALID for a malformed field, ERR_CORRUPT for a wrong
 * checksum, ERR_TRUNCATED for a missing line, ERR_RANGE when writing a value that has no place in
 * the format; `error` says line, column and why. Limits:  input of any size; lines longer than 256
 * characters are refused. Threads: pure.
 */
#ifndef NOCT_ORBIT_TLE_H
#define NOCT_ORBIT_TLE_H

#include "base/bytes.h"
#include "orbit/elements.h"

enum tle_flags {
    TLE_STRICT = 0,
    TLE_IGNORE_CHECKSUM = 1, /* for published test sets with deliberate faults */
};

/* Parses one set from two lines (without line ends; text after column 69 is ignored) and an
 * optional name line. */
err tle_parse_lines(struct span name, struct span line1, struct span line2, int flags,
                    struct elements *out, struct parse_error *error) MUST_USE;

/* Reads the next set of a file: advances `*at` (a byte offset, start at 0) and `*line` (start at 0)
 * past it. Blank lines and lines that start with '#' are skipped. ERR_NOT_FOUND at the end of the
 * text. */
err tle_next(struct span text, size_t *at, int *line, int flags, struct elements *out,
             struct parse_error *error) MUST_USE;

enum { TLE_LINE_SIZE = 70 }; /* 69 columns and the final zero */

/* Writes the two lines. ERR_RANGE when a value does not fit (catalogue above 339999, |bstar| >= 10,
 * ...). */
err tle_write(const struct elements *e, char line1[TLE_LINE_SIZE],
              char line2[TLE_LINE_SIZE]) MUST_USE;

/* The number of a five-character field, alpha-5 or decimal with leading blanks or zeros. */
err tle_catalog_parse(struct span field, uint32_t *out) MUST_USE;

/* Modulo-10 checksum of the first 68 columns: digits count as themselves, '-' as one. */
int tle_checksum(struct span line);

#endif
