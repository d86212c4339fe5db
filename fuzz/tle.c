/* fuzz/tle.c - any bytes as a TLE file: no crash, and what is read can be written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "orbit/sgp4.h"
#include "orbit/tle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int flags = TLE_STRICT; flags <= TLE_IGNORE_CHECKSUM; flags++) {
        size_t at = 0;
        int line = 0;
        struct elements e, again;
        struct parse_error error = {0};
        for (;;) {
            size_t before = at;
            err result = tle_next(span_of(data, size), &at, &line, flags, &e, &error);
            if (result == ERR_NOT_FOUND || at == before)
                break;
            if (result != ERR_OK) {
                if (error.text[0] == 0 || error.line < 1)
                    abort();
                continue;
            }
            struct sgp4 s;
            double r[3], v[3];
            if (sgp4_init(&s, &e) != ERR_OK)
                abort();
            (void)!sgp4_propagate(&s, 100.0, r, v);
            char one[TLE_LINE_SIZE], two[TLE_LINE_SIZE];
            if (tle_write(&e, one, two) != ERR_OK)
                continue;
            if (tle_parse_lines(span_text(e.name), span_text(one), span_text(two), TLE_STRICT,
                                &again, &error) != ERR_OK)
                abort();
            if (again.catalog != e.catalog)
                abort();
        }
    }
    return 0;
}
