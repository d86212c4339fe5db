#include "manage/member_wire.h"

#include <string.h>

enum { VERSION = 1 };

static err whole(const struct reader *r, bool sound)
{
    return reader_at_end(r) && sound ? ERR_OK : ERR_INVALID;
}

err manage_join_encode(const struct manage_join *join, uint8_t *out, size_t capacity, struct span *body)
{
    size_t name_size = strnlen(join->name, sizeof join->name);
    if (name_size == 0 || name_size == sizeof join->name || join->blob.size > JOIN_BLOB_MAX || join->node == NODE_NONE ||
        join->incarnation == 0)
        return ERR_INVALID;
    struct writer w = writer_of(out, capacity);
    write_u8(&w, VERSION);
    write_u32(&w, join->node);
    write_u32(&w, join->incarnation);
    write_u8(&w, (uint8_t)join->role);
    write_u16(&w, join->plane);
    write_u16(&w, join->batch);
    write_bytes(&w, join->public_key, sizeof join->public_key);
    write_u8(&w, (uint8_t)name_size);
    write_bytes(&w, join->name, name_size);
    write_blob(&w, join->blob);
    *body = writer_span(&w);
    return writer_ok(&w) ? ERR_OK : ERR_FULL;
}

static bool name_is_plain(const char *name)
{
    for (; *name; name++)
        if ((uint8_t)*name < 0x21 || (uint8_t)*name > 0x7e || *name == '"' || *name == '\\')
            return false;
    return true;
}

err manage_join_decode(struct span body, struct manage_join *out)
{
    struct reader r = reader_of(body.data, body.size);
    *out = (struct manage_join){0};
    uint8_t version = read_u8(&r);
    out->node = read_u32(&r);
    out->incarnation = read_u32(&r);
    uint8_t role = read_u8(&r);
    out->role = role == ROLE_GATEWAY ? ROLE_GATEWAY : ROLE_SATELLITE;
    out->plane = read_u16(&r);
    out->batch = read_u16(&r);
    read_bytes(&r, out->public_key, sizeof out->public_key);
    uint8_t name_size = read_u8(&r);
    if (name_size == 0 || name_size >= sizeof out->name)
        return ERR_INVALID;
    read_bytes(&r, out->name, name_size);
    out->blob = read_blob(&r, JOIN_BLOB_MAX);
    return whole(&r, version == VERSION && role <= ROLE_GATEWAY && out->node != NODE_NONE && out->incarnation > 0 &&
                         strlen(out->name) == name_size && name_is_plain(out->name));
}

void leave_write(struct writer *w, const struct leave *v)
{
    write_u32(w, v->node);
    write_u32(w, v->incarnation);
}

err leave_read(struct span body, struct leave *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->node = read_u32(&r);
    out->incarnation = read_u32(&r);
    return whole(&r, out->node != NODE_NONE);
}

void suspect_write(struct writer *w, const struct suspect *v)
{
    write_u32(w, v->node);
    write_u32(w, v->life);
    write_u8(w, v->withdrawn);
    write_u64(w, (uint64_t)v->wall);
}

err suspect_read(struct span body, struct suspect *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->node = read_u32(&r);
    out->life = read_u32(&r);
    uint8_t withdrawn = read_u8(&r);
    out->withdrawn = withdrawn == 1;
    out->wall = (tai_ns)read_u64(&r);
    return whole(&r, out->node != NODE_NONE && withdrawn <= 1);
}

void convict_write(struct writer *w, const struct convict *v)
{
    ASSERT(v->count <= CONVICT_CITED_MAX);
    write_u32(w, v->node);
    write_u32(w, v->life);
    write_u8(w, (uint8_t)v->count);
    for (size_t i = 0; i < v->count; i++) {
        write_u32(w, v->cited[i].observer);
        write_u32(w, v->cited[i].incarnation);
        write_u64(w, v->cited[i].seq);
    }
}

err convict_read(struct span body, struct convict *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->node = read_u32(&r);
    out->life = read_u32(&r);
    out->count = read_u8(&r);
    if (out->count > CONVICT_CITED_MAX)
        return ERR_INVALID;
    for (size_t i = 0; i < out->count; i++) {
        out->cited[i].observer = read_u32(&r);
        out->cited[i].incarnation = read_u32(&r);
        out->cited[i].seq = read_u64(&r);
    }
    return whole(&r, out->node != NODE_NONE && out->life < UINT32_MAX);
}

void comeback_write(struct writer *w, const struct comeback *v)
{
    write_u32(w, v->boot);
    write_u32(w, v->life);
}

err comeback_read(struct span body, struct comeback *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->boot = read_u32(&r);
    out->life = read_u32(&r);
    return whole(&r, true);
}

/* ---- status ---------------------------------------------------------------------------------------------------- */

void status_write(struct writer *w, const struct status *s)
{
    write_varint(w, s->boot);
    write_varint(w, s->seq);
    write_u64(w, (uint64_t)s->wall);
    const uint64_t amounts[] = {s->disk_free_bytes, s->disk_capacity_bytes, s->battery_mwh, s->battery_capacity_mwh,
                                s->generation_mw,   s->load_mw,             s->core_mk,     s->radiator_mk,
                                s->sunlit_permille, s->lanes_millis,        s->lanes_busy_millis, s->tasks_running,
                                s->objects_held,    s->repairs_queued};
    for (size_t i = 0; i < COUNT_OF(amounts); i++)
        write_varint(w, amounts[i]);
    write_u8(w, s->health);
    write_u8(w, s->radios_on);
    write_u8(w, s->link_count);
    for (size_t i = 0; i < s->link_count; i++)
        write_varint(w, s->links[i]);
}

static uint32_t read_varint32(struct reader *r)
{
    uint64_t v = read_varint(r);
    if (v > UINT32_MAX)
        r->failed = true;
    return (uint32_t)v;
}

bool status_read(struct reader *r, struct status *out)
{
    *out = (struct status){.boot = read_varint32(r)};
    out->seq = read_varint(r);
    out->wall = (tai_ns)read_u64(r);
    uint64_t *const wide[] = {&out->disk_free_bytes, &out->disk_capacity_bytes, &out->battery_mwh,
                              &out->battery_capacity_mwh, &out->generation_mw, &out->load_mw};
    for (size_t i = 0; i < COUNT_OF(wide); i++)
        *wide[i] = read_varint(r);
    out->core_mk = read_varint32(r);
    out->radiator_mk = read_varint32(r);
    uint32_t sunlit = read_varint32(r);
    out->sunlit_permille = (uint16_t)MIN(sunlit, 1000u);
    uint32_t *const narrow[] = {&out->lanes_millis, &out->lanes_busy_millis, &out->tasks_running, &out->objects_held,
                                &out->repairs_queued};
    for (size_t i = 0; i < COUNT_OF(narrow); i++)
        *narrow[i] = read_varint32(r);
    out->health = read_u8(r);
    out->radios_on = read_u8(r);
    out->link_count = read_u8(r);
    if (out->link_count > STATUS_LINKS_MAX || out->health > HEALTH_SURVIVAL || sunlit > 1000)
        return false;
    for (size_t i = 0; i < out->link_count; i++)
        out->links[i] = read_varint32(r);
    return reader_ok(r);
}

/* ---- large missions ---------------------------------------------------------------------------------------------- */

void pulse_write(struct writer *w, const struct pulse *v)
{
    write_u8(w, v->full);
    write_varint(w, v->boot);
    write_varint(w, v->seq);
    write_u64(w, v->facts);
}

bool pulse_read(struct reader *r, struct pulse *out)
{
    uint8_t full = read_u8(r);
    *out = (struct pulse){.boot = read_varint32(r), .full = full == 1};
    out->seq = read_varint(r);
    out->facts = read_u64(r);
    return full <= 1 && reader_ok(r);
}

void heard_write(struct writer *w, const struct heard *v)
{
    write_u32(w, v->node);
    write_varint(w, v->boot);
    write_varint(w, v->seq);
}

err heard_read(struct span body, struct heard *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->node = read_u32(&r);
    out->boot = read_varint32(&r);
    out->seq = read_varint(&r);
    return whole(&r, out->node != NODE_NONE);
}
