#include <expat.h>
#include <string.h>

#include "region/s3.h"

enum { DEPTH_MAX = 8, TEXT_MAX = 8192, NAME_MAX_BYTES = 64 };

struct parse {
    XML_Parser parser;
    const struct xml_handler *handler;
    unsigned depth;
    char names[DEPTH_MAX + 1][NAME_MAX_BYTES];
    char text[TEXT_MAX];
    size_t text_size;
    err status;
};

static void stop(struct parse *p, err e)
{
    if (p->status == ERR_OK)
        p->status = e;
    XML_StopParser(p->parser, XML_FALSE);
}

/* Clients differ in prefixes and namespaces: only the local name counts. */
static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static void XMLCALL on_open(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct parse *p = context;
    (void)attributes;
    p->text_size = 0;
    if (p->status != ERR_OK)
        return;
    if (++p->depth > DEPTH_MAX || !local_name(name)[0] ||
        !text_copy(p->names[p->depth], NAME_MAX_BYTES, span_text(local_name(name))))
        stop(p, ERR_INVALID);
    else if (p->handler->open && !p->handler->open(p->handler->context, p->depth, p->names[p->depth]))
        stop(p, ERR_INVALID);
}

static void XMLCALL on_close(void *context, const XML_Char *name)
{
    struct parse *p = context;
    (void)name;
    if (p->status != ERR_OK)
        return;
    if (p->handler->close &&
        !p->handler->close(p->handler->context, p->depth, p->names[p->depth], span_of(p->text, p->text_size)))
        stop(p, ERR_INVALID);
    p->text_size = 0;
    p->depth--;
}

static void XMLCALL on_text(void *context, const XML_Char *data, int size)
{
    struct parse *p = context;
    if (p->status != ERR_OK)
        return;
    if ((size_t)size > sizeof p->text - p->text_size) {
        stop(p, ERR_TOO_LARGE);
        return;
    }
    memcpy(p->text + p->text_size, data, (size_t)size);
    p->text_size += (size_t)size;
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    stop(context, ERR_INVALID);
}

static void XMLCALL on_entity(void *context, const XML_Char *name, int parameter, const XML_Char *value, int size,
                              const XML_Char *base, const XML_Char *system, const XML_Char *public, const XML_Char *notation)
{
    (void)name, (void)parameter, (void)value, (void)size, (void)base, (void)system, (void)public, (void)notation;
    stop(context, ERR_INVALID);
}

err xml_parse(struct span document, const struct xml_handler *handler)
{
    struct parse p = {.handler = handler, .status = ERR_OK};
    p.parser = XML_ParserCreate(NULL);
    if (!p.parser)
        return ERR_NO_MEMORY;
    XML_SetUserData(p.parser, &p);
    XML_SetElementHandler(p.parser, on_open, on_close);
    XML_SetCharacterDataHandler(p.parser, on_text);
    XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
    XML_SetEntityDeclHandler(p.parser, on_entity);
    if (document.size > INT32_MAX ||
        XML_Parse(p.parser, (const char *)document.data, (int)document.size, 1) != XML_STATUS_OK)
        p.status = p.status == ERR_OK ? ERR_INVALID : p.status;
    XML_ParserFree(p.parser);
    return p.status;
}
