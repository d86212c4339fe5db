/* tables.h - reads the reference tables of tests/data (the test programs run in the source root).
 */
#ifndef NOCT_TEST_TABLES_H
#define NOCT_TEST_TABLES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orbit/tle.h"
#include "test.h"

static inline struct span file_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    assert_true(size > 0);
    rewind(f);
    uint8_t *data = malloc((size_t)size);
    assert_non_null(data);
    assert_true(fread(data, 1, (size_t)size, f) == (size_t)size);
    fclose(f);
    return span_of(data, (size_t)size);
}

static inline void file_free(struct span s)
{
    union {
        const uint8_t *constant;
        void *data;
    } u = {.constant = s.data};
    free(u.data);
}

/* Splits the next CSV row into at most `most` cells (copied into `line`); false at the end of the
 * file. */
static inline bool row_next(FILE *f, char line[512], char *cells[], size_t most, size_t *count)
{
    if (!fgets(line, 512, f))
        return false;
    line[strcspn(line, "\r\n")] = 0;
    *count = 0;
    for (char *cell = line; cell && *count < most; (*count)++) {
        cells[*count] = cell;
        cell = strchr(cell, ',');
        if (cell)
            *cell++ = 0;
    }
    return true;
}

/* Opens a table and skips its header. */
static inline FILE *table_open(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char header[512];
    assert_non_null(fgets(header, sizeof header, f));
    return f;
}

enum { REFERENCE_SATELLITES = 10 };

/* The ten satellites of ref_sats.tle. */
static inline void reference_elements(struct elements out[REFERENCE_SATELLITES])
{
    struct span text = file_read("tests/data/ref_sats.tle");
    size_t at = 0;
    int line = 0;
    for (int k = 0; k < REFERENCE_SATELLITES; k++) {
        struct parse_error e;
        assert_int_equal(tle_next(text, &at, &line, TLE_STRICT, &out[k], &e), ERR_OK);
    }
    file_free(text);
}

static inline const struct elements *reference_find(const struct elements all[REFERENCE_SATELLITES],
                                                    const char *catalog)
{
    for (int k = 0; k < REFERENCE_SATELLITES; k++)
        if (all[k].catalog == (uint32_t)atoi(catalog))
            return &all[k];
    fail_msg("no reference satellite %s", catalog);
    return NULL;
}

#define REFERENCE_EPOCH time_from_utc(2025, 10, 4, 0, 0, 0.0)

#endif
