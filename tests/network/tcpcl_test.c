#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"
#include "network/tcpcl.h"

enum { TRANSFERS = 40 };

/* One end of a session with its owner. */
struct end {
    struct tcpcl t;
    struct rng rng;
    bool no_room, hold, established, secure, closed, refuse_all;
    err why;
    uint32_t peer;
    uint8_t *room[TRANSFERS];
    size_t received, dropped, held_count;
    uint64_t sizes[TRANSFERS], held[TRANSFERS];
    size_t sent_ok, sent_bad;
    err last;
};

static void on_secure(void *c)
{
    ((struct end *)c)->secure = true;
}
static bool on_established(void *c, uint32_t peer, struct span name)
{
    struct end *e = c;
    (void)name;
    e->established = true;
    e->peer = peer;
    return peer != 13;
}
static uint8_t *on_room(void *c, uint64_t transfer, uint64_t size, uint64_t have)
{
    struct end *e = c;
    (void)have;
    assert_true(transfer < TRANSFERS);
    if (e->no_room)
        return NULL;
    return e->room[transfer] = realloc(e->room[transfer], size);
}
static void on_received(void *c, uint64_t transfer, uint64_t size)
{
    struct end *e = c;
    e->received++;
    e->sizes[transfer] = size;
    if (e->hold)
        e->held[e->held_count++] = transfer;
    else if (e->refuse_all)
        tcpcl_refuse(&e->t, transfer, TCPCL_REFUSE_NO_RESOURCES);
    else
        tcpcl_accept(&e->t, transfer);
}
static void on_dropped(void *c, uint64_t transfer)
{
    ((struct end *)c)->dropped += 1 + 0 * transfer;
}
static void on_sent(void *c, uint64_t cookie, err status)
{
    struct end *e = c;
    (void)cookie;
    e->last = status;
    if (status == ERR_OK)
        e->sent_ok++;
    else
        e->sent_bad++;
}
static void on_closed(void *c, err why)
{
    struct end *e = c;
    assert_false(e->closed);
    e->closed = true;
    e->why = why;
}

static void end_init(struct end *e, uint32_t node, bool passive, bool tls)
{
    memset(e, 0, sizeof *e);
    struct tcpcl_config config = {.node = node,
                                  .passive = passive,
                                  .tls_offered = tls,
                                  .keepalive_s = 15,
                                  .segment_mru = 300000,
                                  .transfer_mru = 4000000};
    struct tcpcl_handlers h = {e,           on_secure,  on_established, on_room,
                               on_received, on_dropped, on_sent,        on_closed};
    e->rng = rng_stream(node, 1);
    tcpcl_init(&e->t, &config, &h, 0);
}

static void end_free(struct end *e)
{
    for (size_t i = 0; i < TRANSFERS; i++)
        free(e->room[i]);
}

/* A pipe that delivers in pieces of random size. */
struct pipe {
    uint8_t data[1 << 16];
    size_t size;
};

static bool move(struct end *from, struct end *to, struct pipe *p, struct rng *rng, size_t chunk,
                 mono_ns now)
{
    bool moved = false;
    struct span pieces[TCPCL_PIECES_MAX];
    size_t count = tcpcl_output(&from->t, pieces), written = 0;
    for (size_t i = 0; i < count && p->size < sizeof p->data; i++) {
        size_t n = MIN(pieces[i].size, sizeof p->data - p->size);
        if (chunk) {
            size_t most = 1 + rng_below(rng, chunk);
            n = MIN(n, most);
        }
        memcpy(p->data + p->size, pieces[i].data, n);
        p->size += n;
        written += n;
        if (n < pieces[i].size)
            break;
    }
    tcpcl_written(&from->t, now, written);
    size_t most = chunk ? 1 + rng_below(rng, chunk) : p->size, consumed = 0;
    size_t offer = MIN(p->size, most);
    if (offer > 0 && !to->closed) {
        tcpcl_receive(&to->t, now, span_of(p->data, offer), &consumed);
        memmove(p->data, p->data + consumed, p->size - consumed);
        p->size -= consumed;
    }
    moved = written > 0 || consumed > 0;
    assert_true(tcpcl_check(&from->t) && tcpcl_check(&to->t));
    return moved;
}

static void run(struct end *a, struct end *b, struct pipe *ab, struct pipe *ba, struct rng *rng,
                size_t chunk)
{
    bool more = true;
    while (more) {
        more = move(a, b, ab, rng, chunk, 1);
        more = move(b, a, ba, rng, chunk, 1) || more;
        if (a->secure && b->secure && ab->size == 0 && ba->size == 0) {
            a->secure = b->secure = false;
            tcpcl_secured(&a->t, 1);
            tcpcl_secured(&b->t, 1);
            more = true;
        }
    }
}

static struct end A, B; /* large */
static struct pipe AB, BA;

static void start(bool tls)
{
    end_init(&A, 1, false, tls);
    end_init(&B, 2, true, tls);
    AB.size = BA.size = 0;
}

static void feed(struct end *e, const char *hex)
{
    uint8_t bytes[256];
    size_t size = strlen(hex) / 2, consumed;
    assert_int_equal(hex_decode(span_text(hex), bytes, size), ERR_OK);
    tcpcl_receive(&e->t, 1, span_of(bytes, size), &consumed);
    assert_true(tcpcl_check(&e->t));
}

static void expect_output(struct end *e, const char *hex)
{
    struct span pieces[TCPCL_PIECES_MAX];
    char got[1024] = "";
    size_t count = tcpcl_output(&e->t, pieces), total = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(total + pieces[i].size < 500);
        hex_encode(pieces[i].data, pieces[i].size, got + 2 * total);
        total += pieces[i].size;
    }
    assert_string_equal(got, hex);
    tcpcl_written(&e->t, 1, total);
}

static void speaks_the_bytes_of_rfc_9174(void **state)
{
    (void)state;
    start(false);
    expect_output(&A, "64746e210400");
    feed(&A, "64746e210400");
    expect_output(&A, "07000f00000000000493e000000000003d0900000769706e3a312e3000000000");
    feed(&A,
         "07012c00000000000004000000000000002800000568656c6c6f00000000"); /* keepalive 300, 1024,
                                                                             10240, "hello" */
    assert_true(A.established && A.peer == 0 && A.t.keepalive_s == 15);
    assert_true(A.t.peer_segment_mru == 1024 && A.t.peer_transfer_mru == 10240);
    const struct span parts[3] = {SPAN_LITERAL("he"), SPAN_LITERAL("ll"), SPAN_LITERAL("o")};
    assert_int_equal(tcpcl_send(&A.t, 9, parts, 1), ERR_OK);
    expect_output(&A, "0103"
                      "0000000000000000"
                      "00000000"
                      "0000000000000005"
                      "68656c6c6f");
    feed(&A, "0203"
             "0000000000000000"
             "0000000000000005");
    assert_int_equal(A.sent_ok, 1);
    feed(&A, "0103"
             "0000000000000003"
             "00000000"
             "0000000000000002"
             "4142");
    assert_int_equal(A.received, 1);
    assert_memory_equal(A.room[3], "AB", 2);
    expect_output(&A, "0203"
                      "0000000000000003"
                      "0000000000000002");
    feed(&A, "04");
    feed(&A, "050003");
    expect_output(&A, "050103");
    assert_true(A.closed && A.why == ERR_OK);
    end_free(&A);
}

static void refuses_a_critical_extension_it_does_not_know(void **state)
{
    (void)state;
    start(false);
    feed(&A, "64746e210401");
    feed(&A, "07012c00000000000004000000000000002800000568656c6c6f0000000a01fffe00056578746869");
    assert_true(A.closed && A.why == ERR_INVALID && !A.established);
}

static void accepts_the_largest_limits_and_an_empty_name(void **state)
{
    (void)state;
    start(false);
    feed(&A, "64746e210400");
    feed(&A, "070000ffffffffffffffffffffffffffffffff000000000000");
    assert_true(A.established && A.t.keepalive_s == 0);
    assert_true(tcpcl_deadline(&A.t) == TIME_NEVER);
}

static void transfers_arrive_whole_however_the_stream_is_cut(void **state)
{
    (void)state;
    static uint8_t big[1000000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 2654435761u >> 13);
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct rng rng = rng_stream(seed, 7);
        start(seed & 1);
        run(&A, &B, &AB, &BA, &rng, seed < 6 ? 40 : 0);
        assert_true(A.established && B.established && A.peer == 2 && B.peer == 1);
        size_t count = 1 + rng_below(&rng, 20);
        uint64_t from[TRANSFERS], size[TRANSFERS];
        for (size_t i = 0; i < count; i++) {
            size[i] = 3 + (i % 4 == 0 ? rng_below(&rng, sizeof big - 3) : rng_below(&rng, 3000));
            from[i] = rng_below(&rng, sizeof big - size[i] + 1);
            uint64_t cut = rng_below(&rng, size[i]);
            const struct span parts[3] = {span_of(big + from[i], cut),
                                          span_of(big + from[i] + cut, size[i] - cut - 1),
                                          span_of(big + from[i] + size[i] - 1, 1)};
            assert_int_equal(tcpcl_send(&A.t, i, parts, 1), ERR_OK);
            assert_int_equal(tcpcl_send(&B.t, i, parts, 1), ERR_OK);
        }
        run(&A, &B, &AB, &BA, &rng, seed < 6 ? 30000 : 0);
        assert_int_equal(A.sent_ok, count);
        assert_int_equal(B.sent_ok, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(B.sizes[i], size[i]);
            assert_memory_equal(B.room[i], big + from[i], size[i]);
            assert_memory_equal(A.room[i], big + from[i], size[i]);
        }
        tcpcl_end(&A.t, TCPCL_END_UNKNOWN);
        run(&A, &B, &AB, &BA, &rng, 0);
        assert_true(A.closed && B.closed && A.why == ERR_OK && B.why == ERR_OK);
        end_free(&A);
        end_free(&B);
    }
}

static void connect_both(void)
{
    struct rng rng = rng_stream(1, 1);
    start(false);
    run(&A, &B, &AB, &BA, &rng, 0);
    assert_true(A.established && B.established);
}

static void send_text(struct end *e, const char *text, uint8_t priority)
{
    const struct span parts[3] = {span_text(text), {0}, {0}};
    assert_int_equal(tcpcl_send(&e->t, 0, parts, priority), ERR_OK);
}

static void custody_moves_only_when_the_owner_accepts(void **state)
{
    (void)state;
    struct rng rng = rng_stream(1, 2);
    connect_both();
    B.hold = true;
    send_text(&A, "keep me", 1);
    send_text(&A, "and me", 1);
    run(&A, &B, &AB, &BA, &rng, 0);
    assert_true(B.received == 2 && A.sent_ok == 0);
    tcpcl_accept(&B.t, B.held[1]); /* in any order */
    run(&A, &B, &AB, &BA, &rng, 0);
    assert_int_equal(A.sent_ok, 1);
    tcpcl_refuse(&B.t, B.held[0], TCPCL_REFUSE_NO_RESOURCES);
    run(&A, &B, &AB, &BA, &rng, 0);
    assert_true(A.sent_bad == 1 && A.last == ERR_BUSY);
    tcpcl_accept(&B.t, B.held[0]); /* nothing is left to say */
    expect_output(&B, "");
    end_free(&B);
}

static void an_orderly_end_waits_for_what_is_under_way(void **state)
{
    (void)state;
    struct rng rng = rng_stream(1, 3);
    connect_both();
    B.hold = true;
    send_text(&A, "last words", 1);
    run(&A, &B, &AB, &BA, &rng, 0);
    tcpcl_end(&A.t, TCPCL_END_UNKNOWN);
    assert_int_equal(tcpcl_send(&A.t, 1, (const struct span[3]){SPAN_LITERAL("x")}, 1),
                     ERR_UNREACHABLE);
    run(&A, &B, &AB, &BA, &rng, 0);
    assert_false(A.closed || B.closed);
    tcpcl_accept(&B.t, B.held[0]);
    run(&A, &B, &AB, &BA, &rng, 0);
    assert_true(A.closed && B.closed && A.sent_ok == 1 && A.why == ERR_OK);
    end_free(&B);
}

static void a_lost_connection_answers_everything(void **state)
{
    (void)state;
    struct rng rng = rng_stream(1, 4);
    connect_both();
    B.hold = true;
    send_text(&A, "one", 1);
    run(&A, &B, &AB, &BA, &rng, 0);
    send_text(&A, "two", 1);
    tcpcl_abort(&A.t, ERR_UNREACHABLE);
    tcpcl_abort(&B.t, ERR_UNREACHABLE);
    assert_true(A.sent_bad == 2 && A.last == ERR_UNREACHABLE && B.dropped == 1);
    tcpcl_accept(&B.t, B.held[0]);
    assert_true(tcpcl_check(&A.t) && tcpcl_check(&B.t));
    end_free(&B);
}

static void without_room_a_transfer_is_refused_and_the_session_goes_on(void **state)
{
    (void)state;
    static uint8_t big[700000];
    struct rng rng = rng_stream(1, 5);
    connect_both();
    B.no_room = true;
    const struct span parts[3] = {span_of(big, sizeof big), {0}, {0}};
    assert_int_equal(tcpcl_send(&A.t, 0, parts, 1), ERR_OK);
    run(&A, &B, &AB, &BA, &rng, 0);
    assert_true(A.sent_bad == 1 && A.last == ERR_BUSY && !A.closed && !B.closed);
    B.no_room = false;
    send_text(&A, "small", 1);
    run(&A, &B, &AB, &BA, &rng, 0);
    assert_int_equal(A.sent_ok, 1);
    assert_int_equal(tcpcl_send(&A.t, 0, (const struct span[3]){{big, 4000001}}, 1), ERR_TOO_LARGE);
    end_free(&B);
}

static void stops_reading_when_too_many_transfers_wait(void **state)
{
    (void)state;
    connect_both();
    B.hold = true;
    static const uint8_t one[] = {1, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0,  0,
                                  0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'x'};
    uint8_t stream[100 * sizeof one];
    for (size_t i = 0; i < 100; i++)
        memcpy(stream + i * sizeof one, one, sizeof one);
    size_t consumed;
    B.held_count = 0;
    /* `held` has room for TRANSFERS: remember none beyond */
    B.hold = false;
    B.refuse_all = true;
    tcpcl_receive(&B.t, 1, span_of(stream, 100 * sizeof one), &consumed);
    assert_true(consumed == 100 * sizeof one && B.received == 100);
    assert_true(tcpcl_check(&B.t));
    /* Nobody takes our answers: input stops before they pile up. */
    for (int i = 0; i < 10; i++)
        tcpcl_receive(&B.t, 1, span_of(stream, 100 * sizeof one), &consumed);
    assert_true(consumed < 100 * sizeof one && B.t.blocked && tcpcl_check(&B.t));
    tcpcl_tick(&B.t, 100 * NS_PER_S); /* silence is our own doing: no timeout */
    assert_false(B.closed);
    end_free(&B);
}

static void control_goes_before_bulk(void **state)
{
    (void)state;
    struct rng rng = rng_stream(1, 6);
    connect_both();
    B.hold = true;
    send_text(&A, "bulk 1", 2);
    send_text(&A, "bulk 2", 2);
    send_text(&A, "control", 0);
    run(&A, &B, &AB, &BA, &rng, 0);
    assert_memory_equal(B.room[0], "control", 7);
    assert_memory_equal(B.room[1], "bulk 1", 6);
    end_free(&B);
}

static void silence_ends_a_session_and_keepalives_prevent_it(void **state)
{
    (void)state;
    struct rng rng = rng_stream(1, 7);
    connect_both();
    assert_true(tcpcl_deadline(&A.t) == 1 + 15 * NS_PER_S);
    for (mono_ns now = 15 * NS_PER_S + 1; now < 200 * NS_PER_S; now += 15 * NS_PER_S) {
        tcpcl_tick(&A.t, now);
        tcpcl_tick(&B.t, now);
        while (move(&A, &B, &AB, &rng, 0, now) || move(&B, &A, &BA, &rng, 0, now))
            ;
        assert_false(A.closed || B.closed);
    }
    tcpcl_tick(&A.t, 300 * NS_PER_S);
    assert_true(A.closed && A.why == ERR_TIMEOUT);
}

static void an_unfinished_handshake_times_out(void **state)
{
    (void)state;
    start(false);
    tcpcl_tick(&B.t, 9 * NS_PER_S);
    assert_false(B.closed);
    tcpcl_tick(&B.t, tcpcl_deadline(&B.t));
    assert_true(B.closed && B.why == ERR_TIMEOUT);
}

static void answers_broken_peers_by_ending(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        err why;
    } list[] = {
        {"474554202f20", ERR_INVALID}, /* "GET / " */
        {"64746e210300", ERR_VERSION},
        {"64746e210400"
         "ff",
         ERR_INVALID}, /* unknown type */
        {"64746e210400"
         "04",
         ERR_INVALID}, /* keepalive before SESS_INIT */
        {"64746e210400"
         "0700000000000000000001ffffffffffffffff000000000000",
         ERR_INVALID}, /* segments of one byte */
        {"64746e210400"
         "070000ffffffffffffffffffffffffffffffffffff",
         ERR_INVALID}, /* a name of 65,535 bytes */
        {"64746e210400"
         "070000ffffffffffffffffffffffffffffffff000076543210",
         ERR_INVALID}, /* a list of 2 GB */
        {"64746e210400"
         "070000ffffffffffffffffffffffffffffffff00086970"
         "6e3a31332e30"
         "00000000",
         ERR_DENIED}, /* ipn:13.0 */
    };
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        start(false);
        feed(&B, list[i].hex);
        if (!B.closed || B.why != list[i].why)
            fail_msg("%zu: closed %d, %s", i, B.closed, err_name(B.why));
    }
    static const struct {
        const char *hex;
        err why;
    } later[] = {
        {"0203"
         "0000000000000009"
         "0000000000000001",
         ERR_OK}, /* an acknowledgement of nothing is rejected */
        {"0202"
         "0000000000000000"
         "0000000000000001",
         ERR_INVALID}, /* of what was not sent */
        {"0102"
         "0000000000000001"
         "00000000"
         "00000000ffffffff",
         ERR_INVALID}, /* above the segment limit */
        {"0102"
         "0000000000000001"
         "00000000"
         "0000000000000001"
         "00"
         "0102"
         "0000000000000002"
         "00000000"
         "0000000000000001",
         ERR_INVALID},
        {"070000ffffffffffffffffffffffffffffffff000000000000", ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(later); i++) {
        connect_both();
        send_text(&B, "queued", 1);
        struct span pieces[TCPCL_PIECES_MAX];
        if (i == 1) { /* staged, but acknowledge more than the six bytes */
            (void)tcpcl_output(&B.t, pieces);
            feed(&B, "0202"
                     "0000000000000000"
                     "0000000000000007");
        } else {
            feed(&B, later[i].hex);
        }
        if (B.closed != (later[i].why != ERR_OK) || B.why != later[i].why)
            fail_msg("later %zu: closed %d, %s", i, B.closed, err_name(B.why));
        end_free(&B);
    }
}

static void a_length_that_lies_is_refused(void **state)
{
    (void)state;
    connect_both();
    /* announces 4 bytes, sends 2 + 1 with END */
    feed(&B, "0102"
             "0000000000000001"
             "0000000d"
             "01000100080000000000000004"
             "0000000000000002"
             "4142"
             "0101"
             "0000000000000001"
             "0000000000000001"
             "43");
    assert_true(B.received == 0 && B.dropped == 1 && !B.closed);
    expect_output(&B, "0202"
                      "0000000000000001"
                      "0000000000000002"
                      "03"
                      "04"
                      "0000000000000001");
    /* announces 2, sends 3 */
    feed(&B, "0102"
             "0000000000000002"
             "0000000d"
             "01000100080000000000000002"
             "0000000000000003"
             "414243");
    assert_true(B.received == 0 && !B.closed);
    expect_output(&B, "03"
                      "04"
                      "0000000000000002");
    /* announces nothing */
    feed(&B, "0102"
             "0000000000000003"
             "00000000"
             "0000000000000002"
             "4142"
             "0101"
             "0000000000000003"
             "0000000000000001"
             "43");
    assert_true(B.received == 1);
    assert_memory_equal(B.room[3], "ABC", 3);
    end_free(&B);
}

static void tls_that_is_required_must_be_offered(void **state)
{
    (void)state;
    start(true);
    A.t.config.tls_required = true;
    feed(&A, "64746e210400");
    assert_true(A.closed && A.why == ERR_DENIED);
    start(true);
    feed(&A, "64746e210401");
    assert_true(A.secure && A.t.state == TCPCL_SECURING);
    size_t consumed = 9;
    tcpcl_receive(&A.t, 1, SPAN_LITERAL("tls"), &consumed);
    assert_int_equal(consumed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_the_bytes_of_rfc_9174),
        cmocka_unit_test(refuses_a_critical_extension_it_does_not_know),
        cmocka_unit_test(accepts_the_largest_limits_and_an_empty_name),
        cmocka_unit_test(transfers_arrive_whole_however_the_stream_is_cut),
        cmocka_unit_test(custody_moves_only_when_the_owner_accepts),
        cmocka_unit_test(an_orderly_end_waits_for_what_is_under_way),
        cmocka_unit_test(a_lost_connection_answers_everything),
        cmocka_unit_test(without_room_a_transfer_is_refused_and_the_session_goes_on),
        cmocka_unit_test(stops_reading_when_too_many_transfers_wait),
        cmocka_unit_test(control_goes_before_bulk),
        cmocka_unit_test(silence_ends_a_session_and_keepalives_prevent_it),
        cmocka_unit_test(an_unfinished_handshake_times_out),
        cmocka_unit_test(answers_broken_peers_by_ending),
        cmocka_unit_test(a_length_that_lies_is_refused),
        cmocka_unit_test(tls_that_is_required_must_be_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
