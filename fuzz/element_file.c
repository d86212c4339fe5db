/* fuzz/element_file.c - any bytes as a catalogue: no crash; each set is used or told; what is used
 * can be written and read. */
#include <stdlib.h>

#include "base/text.h"
#include "orbit/element_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err take(void *context, const struct elements *e)
{
    struct text *t = context;
    omm_write_one(t, OMM_KVN, e, t->size == 0);
    return ERR_OK;
}

static void told(void *context, const struct element_problem *p)
{
    (void)context;
    if (p->text[0] == 0)
        abort();
}

static err count(void *context, const struct elements *e)
{
    (void)e;
    ++*(size_t *)context;
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text t = text_new(NULL, 1 << 24);
    struct element_summary s;
    struct parse_error error = {0};
    const struct element_rules rules = {.at = 1800000000 * NS_PER_S};
    err e = element_file_read(span_of(data, size), &rules, take, told, &t, &s, &error);
    if (e != ERR_OK && error.text[0] == 0)
        abort();
    if (s.used + s.problems[ELEMENT_MALFORMED] + s.problems[ELEMENT_CHECKSUM] +
            s.problems[ELEMENT_DECAYED] !=
        s.sets)
        abort();
    size_t again = 0;
    if (e == ERR_OK && s.used > 0 && text_ok(&t) &&
        (omm_read(text_span(&t), OMM_KVN, count, &again, &error) != ERR_OK || again != s.used))
        abort();
    text_free(&t);
    return 0;
}
