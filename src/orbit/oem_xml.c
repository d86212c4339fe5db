/* oem_xml.c - OEM as XML (NDM/XML): metadata and stateVector elements inside segment. */
#include "orbit/oem_build.h"

#include <expat.h>
#include <string.h>

enum { XML_DEPTH_MAX = 16, VALUE_MAX = 128 };

struct xml {
    XML_Parser parser;
    struct oem_builder *builder;
    err result;
    int depth, line, column;
    bool in_oem, in_metadata, in_state;
    char value[VALUE_MAX], epoch[VALUE_MAX];
    size_t value_size, epoch_size;
    double state[6];
    unsigned seen; /* a bit per number of the state */
};

static void stop(struct xml *x, err code)
{
    if (code == ERR_OK || x->result != ERR_OK)
        return;
    x->result = code;
    XML_StopParser(x->parser, XML_FALSE);
}

static void stop_because(struct xml *x, const char *why)
{
    stop(x, parse_fail(x->builder->error, ERR_INVALID, (int)XML_GetCurrentLineNumber(x->parser),
                       (int)XML_GetCurrentColumnNumber(x->parser) + 1, "%s", why));
}

/* Document types can define entities; an OEM needs none. */
static void on_doctype(void *user, const char *name, const char *system, const char *public,
                       int internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    stop_because(user, "a document type declaration is not allowed");
}

static void on_start(void *user, const char *name, const char **attributes)
{
    struct xml *x = user;
    (void)attributes;
    if (x->result != ERR_OK)
        return;
    if (++x->depth > XML_DEPTH_MAX) {
        stop_because(x, "elements are nested too deeply");
        return;
    }
    x->value_size = 0;
    x->line = (int)XML_GetCurrentLineNumber(x->parser);
    x->column = (int)XML_GetCurrentColumnNumber(x->parser) + 1;
    if (strcmp(name, "oem") == 0)
        x->in_oem = true;
    if (!x->in_oem)
        return;
    if (strcmp(name, "segment") == 0)
        stop(x, oem_segment_begin(x->builder, x->line));
    else if (strcmp(name, "metadata") == 0)
        x->in_metadata = true;
    else if (strcmp(name, "stateVector") == 0) {
        x->in_state = true;
        x->seen = 0;
        x->epoch_size = 0;
    }
}

static void on_text(void *user, const char *text, int size)
{
    struct xml *x = user;
    size_t n = MIN((size_t)size, sizeof x->value - x->value_size);
    memcpy(x->value + x->value_size, text, n);
    x->value_size += n;
}

static struct span value_of(const struct xml *x)
{
    struct span s = span_of(x->value, x->value_size);
    while (s.size &&
           (s.data[0] == ' ' || s.data[0] == '\n' || s.data[0] == '\r' || s.data[0] == '\t')) {
        s.data++;
        s.size--;
    }
    while (s.size && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\n' ||
                      s.data[s.size - 1] == '\r' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

static void state_value(struct xml *x, const char *name)
{
    static const char *const names[] = {"X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT"};
    struct span value = value_of(x);
    if (strcmp(name, "EPOCH") == 0) {
        x->epoch_size = value.size;
        memcpy(x->epoch, value.data, value.size);
        return;
    }
    for (size_t k = 0; k < COUNT_OF(names); k++)
        if (strcmp(name, names[k]) == 0) {
            if (parse_double(value, &x->state[k]) != ERR_OK)
                stop_because(x, "a number of a stateVector is malformed");
            x->seen |= 1u << k;
        }
}

static void on_end(void *user, const char *name)
{
    struct xml *x = user;
    if (x->result != ERR_OK)
        return;
    x->depth--;
    if (strcmp(name, "segment") == 0 && x->builder->in_segment) {
        stop(x, oem_segment_end(x->builder, (int)XML_GetCurrentLineNumber(x->parser)));
    } else if (strcmp(name, "metadata") == 0) {
        x->in_metadata = false;
    } else if (strcmp(name, "stateVector") == 0) {
        x->in_state = false;
        if (x->seen != 63)
            stop_because(x, "a stateVector needs EPOCH, X, Y, Z, X_DOT, Y_DOT and Z_DOT");
        else
            stop(x, oem_point_add(x->builder, span_of(x->epoch, x->epoch_size), x->state, x->line));
    } else if (x->in_state) {
        state_value(x, name);
    } else if (x->in_metadata) {
        stop(x, oem_key_set(x->builder, span_text(name), value_of(x), x->line, x->column));
    }
    x->value_size = 0;
}

err oem_read_xml(struct span text, struct oem_builder *b)
{
    struct xml x = {.builder = b, .parser = XML_ParserCreate(NULL)};
    if (!x.parser)
        return parse_fail(b->error, ERR_NO_MEMORY, 0, 0, "no memory for the XML parser");
    XML_SetHashSalt(x.parser, 0x6e6f6374UL); /* else expat reads the system's entropy */
    XML_SetUserData(x.parser, &x);
    XML_SetElementHandler(x.parser, on_start, on_end);
    XML_SetCharacterDataHandler(x.parser, on_text);
    XML_SetStartDoctypeDeclHandler(x.parser, on_doctype);
    enum XML_Status status = XML_Parse(x.parser, (const char *)text.data, (int)text.size, XML_TRUE);
    err result = x.result;
    int line = (int)XML_GetCurrentLineNumber(x.parser);
    if (status == XML_STATUS_ERROR && result == ERR_OK)
        result =
            parse_fail(b->error, ERR_INVALID, line, (int)XML_GetCurrentColumnNumber(x.parser) + 1,
                       "XML: %s", XML_ErrorString(XML_GetErrorCode(x.parser)));
    XML_ParserFree(x.parser);
    if (result == ERR_OK && b->oem->segment_count == 0)
        result = parse_fail(b->error, ERR_INVALID, line, 0, "no segment inside <oem>");
    return result;
}
