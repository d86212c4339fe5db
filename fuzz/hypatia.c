/* fuzz/hypatia.c - any bytes as one of Hypatia's files: no crash, an error that says what is wrong, and tables within bounds. */
#include <stdlib.h>

#include "orbit/hypatia.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(err result, const struct parse_error *error)
{
    if (result == ERR_INVALID && (error->text[0] == 0 || error->line < 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hypatia_shell shell = {"Small", 3, 4, 53.0, 15.19, 550.0, 1100.0};
    static const char stations[] = "0,Here,10,20,0\n1,There,30,40,0\n";
    struct hypatia h, other = {0};
    struct hypatia_routes routes;
    struct parse_error error = {0};
    struct span text = span_of(data, size);
    if (size > 1 << 16 || hypatia_make(&h, &shell) != ERR_OK)
        return 0;
    if (hypatia_read_stations(&h, span_text(stations), &error) != ERR_OK || hypatia_routes_init(&routes, &h) != ERR_OK)
        abort();
    expect(hypatia_read_fstate(&routes, text, &error), &error);
    expect(hypatia_read_tles(&other, text, &error), &error);
    expect(hypatia_read_isls(&h, text, &error), &error);
    expect(hypatia_read_stations(&h, text, &error), &error);
    expect(hypatia_read_interfaces(&h, text, &error), &error);
    expect(hypatia_read_description(&h, text, &error), &error);
    for (size_t k = 0; k < h.isl_count; k++)
        if (h.isls[k].a >= h.isls[k].b || h.isls[k].b >= h.satellite_count)
            abort();
    hypatia_routes_free(&routes);
    hypatia_free(&h);
    hypatia_free(&other);
    return 0;
}
