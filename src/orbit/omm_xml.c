/* omm_xml.c - OMM as XML (NDM/XML): elements named like the keys, inside <omm>; several <omm>
 * inside <ndm>. */
#include "orbit/omm_record.h"

#include <expat.h>
#include <string.h>

enum { XML_DEPTH_MAX = 16 };

struct xml {
    XML_Parser parser;
    struct omm_record *record;
    err result;
    int depth;
    bool in_omm, leaf;
    char key[64], value[OMM_VALUE_SIZE];
    size_t value_size;
    int line, column;
};

static int line_of(const struct xml *x)
{
    return (int)XML_GetCurrentLineNumber(x->parser);
}

static void stop(struct xml *x, err code)
{
    if (code == ERR_OK || x->result != ERR_OK)
        return;
    x->result = code;
    XML_StopParser(x->parser, XML_FALSE);
}

static void stop_because(struct xml *x, const char *why)
{
    stop(x, parse_fail(x->record->error, ERR_INVALID, line_of(x),
                       (int)XML_GetCurrentColumnNumber(x->parser) + 1, "%s", why));
}

/* Document types can define entities; an OMM needs none. */
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
    if (strcmp(name, "omm") == 0) {
        if (x->in_omm) {
            stop_because(x, "an omm inside an omm");
            return;
        }
        x->in_omm = true;
        omm_record_begin(x->record, line_of(x));
    }
    x->leaf = strlen(name) < sizeof x->key;
    if (x->leaf)
        memcpy(x->key, name, strlen(name) + 1);
    x->value_size = 0;
    x->line = line_of(x);
    x->column = (int)XML_GetCurrentColumnNumber(x->parser) + 1;
}

static void on_text(void *user, const char *text, int size)
{
    struct xml *x = user;
    if (!x->in_omm || !x->leaf || x->result != ERR_OK)
        return;
    size_t n = (size_t)size;
    if (n > sizeof x->value -
                x->value_size) { /* only comments are that long; known fields are refused below */
        n = sizeof x->value - x->value_size;
    }
    memcpy(x->value + x->value_size, text, n);
    x->value_size += n;
}

static struct span without_blanks(struct span s)
{
    while (s.size &&
           (s.data[0] == '\n' || s.data[0] == '\r' || s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.size--;
    }
    while (s.size && (s.data[s.size - 1] == '\n' || s.data[s.size - 1] == '\r' ||
                      s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

static void on_end(void *user, const char *name)
{
    struct xml *x = user;
    if (x->result != ERR_OK)
        return;
    x->depth--;
    if (x->in_omm && x->leaf)
        stop(x,
             omm_record_set(x->record, span_text(name),
                            without_blanks(span_of(x->value, x->value_size)), x->line, x->column));
    x->leaf = false;
    if (x->result == ERR_OK && strcmp(name, "omm") == 0) {
        x->in_omm = false;
        stop(x, omm_record_end(x->record));
    }
}

err omm_read_xml(struct span text, struct omm_record *r)
{
    struct xml x = {.record = r, .parser = XML_ParserCreate(NULL)};
    if (!x.parser)
        return parse_fail(r->error, ERR_NO_MEMORY, 0, 0, "no memory for the XML parser");
    XML_SetHashSalt(
        x.parser,
        0x6e6f6374UL); /* else expat reads the system's entropy; names are few and bounded here */
    XML_SetUserData(x.parser, &x);
    XML_SetElementHandler(x.parser, on_start, on_end);
    XML_SetCharacterDataHandler(x.parser, on_text);
    XML_SetStartDoctypeDeclHandler(x.parser, on_doctype);
    enum XML_Status status = XML_Parse(x.parser, (const char *)text.data, (int)text.size, XML_TRUE);
    err result = x.result;
    if (status == XML_STATUS_ERROR && result == ERR_OK)
        result = parse_fail(r->error, ERR_INVALID, line_of(&x),
                            (int)XML_GetCurrentColumnNumber(x.parser) + 1, "XML: %s",
                            XML_ErrorString(XML_GetErrorCode(x.parser)));
    XML_ParserFree(x.parser);
    return result;
}
