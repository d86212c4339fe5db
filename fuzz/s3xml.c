/* XML of customers: whatever comes, handlers see a well-nested tree within the bounds. */
#include "region/s3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct walk {
    unsigned depth;
    size_t elements;
};

static bool on_open(void *context, unsigned depth, const char *name)
{
    struct walk *w = context;
    ASSERT(depth == w->depth + 1 && depth <= 8 && name[0]);
    w->depth = depth;
    return ++w->elements < 5000;
}

static bool on_close(void *context, unsigned depth, const char *name, struct span text)
{
    struct walk *w = context;
    ASSERT(depth == w->depth && name[0] && text.size <= 8192);
    w->depth--;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct walk w = {0};
    const struct xml_handler handler = {&w, on_open, on_close};
    if (xml_parse(span_of(data, size), &handler) == ERR_OK)
        ASSERT(w.depth == 0 && w.elements > 0);
    return 0;
}
