/* fuzz/tcpcl.c - a TCPCL session under an arbitrary peer: never out of bounds, every transfer
 * answered once. */
#include <stdlib.h>

#include "network/tcpcl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct owner {
    struct tcpcl t;
    uint8_t *room;
    uint64_t room_for, sent, answered;
    bool closed;
};

static void on_secure(void *c)
{
    tcpcl_secured(&((struct owner *)c)->t, 1);
}
static bool on_established(void *c, uint32_t peer, struct span name)
{
    struct owner *o = c;
    const struct span parts[3] = {SPAN_LITERAL("abc"), SPAN_LITERAL("defghijk"), SPAN_LITERAL("z")};
    for (int i = 0; i < 3; i++)
        if (tcpcl_send(&o->t, (uint64_t)i, parts, (uint8_t)i) == ERR_OK)
            o->sent++;
    return peer != 9 || name.size > 9;
}
static uint8_t *on_room(void *c, uint64_t transfer, uint64_t size, uint64_t have)
{
    struct owner *o = c;
    (void)have;
    if (transfer % 5 == 4)
        return NULL;
    if (size > o->room_for)
        o->room = realloc(o->room, size);
    o->room_for = size > o->room_for ? size : o->room_for;
    return o->room;
}
static void on_received(void *c, uint64_t transfer, uint64_t size)
{
    struct owner *o = c;
    (void)size;
    if (transfer % 3 == 0)
        tcpcl_accept(&o->t, transfer);
    else if (transfer % 3 == 1)
        tcpcl_refuse(&o->t, transfer, TCPCL_REFUSE_NOT_ACCEPTABLE);
}
static void on_dropped(void *c, uint64_t transfer)
{
    (void)c, (void)transfer;
}
static void on_sent(void *c, uint64_t cookie, err status)
{
    (void)cookie, (void)status, ((struct owner *)c)->answered++;
}
static void on_closed(void *c, err why)
{
    (void)why, ((struct owner *)c)->closed = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    static struct owner o;
    o = (struct owner){0};
    struct tcpcl_config config = {.node = 3,
                                  .passive = data[0] & 1,
                                  .tls_offered = data[0] & 2,
                                  .keepalive_s = 5,
                                  .segment_mru = 4096,
                                  .transfer_mru = 8192};
    struct tcpcl_handlers h = {&o,          on_secure,  on_established, on_room,
                               on_received, on_dropped, on_sent,        on_closed};
    tcpcl_init(&o.t, &config, &h, 0);
    size_t step = data[1] + 1u, at = 2;
    mono_ns now = 0;
    while (at < size && !o.closed) {
        size_t n = size - at < step ? size - at : step, consumed = 0;
        tcpcl_receive(&o.t, now, span_of(data + at, n), &consumed);
        ASSERT(consumed <= n && tcpcl_check(&o.t));
        struct span pieces[TCPCL_PIECES_MAX];
        size_t count = tcpcl_output(&o.t, pieces), total = 0;
        for (size_t i = 0; i < count; i++)
            total += pieces[i].size;
        tcpcl_written(&o.t, now, data[0] & 4 ? total : total / 2);
        ASSERT(tcpcl_check(&o.t));
        if (consumed == 0 && total == 0)
            break;
        at += consumed;
        now += NS_PER_MS;
        if (data[0] & 8)
            tcpcl_tick(&o.t, now);
    }
    if (data[0] & 16)
        tcpcl_end(&o.t, TCPCL_END_IDLE);
    tcpcl_abort(&o.t, ERR_UNREACHABLE);
    ASSERT(o.sent == o.answered && tcpcl_check(&o.t));
    free(o.room);
    return 0;
}
