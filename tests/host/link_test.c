#include "test.h"

#include <signal.h>
#include <string.h>
#include <stdlib.h>

#include "crypto/certificate.h"
#include "host/link.h"
#include "host/link_shaper.h"

enum { BUNDLES_MAX = 256 };
#define EPOCH (1800000000 * NS_PER_S)

struct host { /* one node's links */
    struct world *world;
    node_id self;
    struct link_set *links;
    X509 *certificate;
    EVP_PKEY *key;
    bool up;
    int ups, downs;
    size_t frames;
    uint64_t frame_sum;
    err sent[BUNDLES_MAX];
    size_t sent_count;
    bool accept; /* answer frames at once */
};

struct world {
    uv_loop_t loop;
    struct sky sky;
    struct clock clock;
    X509 *authority, *other_authority;
    EVP_PKEY *root, *other_root;
    struct host a, b; /* nodes 5 and 6 */
    uint16_t port_a, port_b;
    node_id refused; /* `allowed` says no to it */
};

static uint16_t port_of(void *context, node_id peer)
{
    struct host *h = context;
    return peer == 5 ? h->world->port_a : h->world->port_b;
}

static bool allowed(void *context, node_id peer)
{
    return ((struct host *)context)->world->refused != peer;
}

static uint64_t sum_of(struct slice s)
{
    uint64_t sum = s.size;
    for (size_t i = 0; i < s.size; i++)
        sum += (uint64_t)s.data[i] * (i % 251 + 1);
    return sum;
}

static void on_event(void *context, const struct event *e)
{
    struct host *h = context;
    if (e->kind == EVENT_LINK) {
        h->up = e->link.up;
        *(e->link.up ? &h->ups : &h->downs) += 1;
    } else if (e->kind == EVENT_SENT) {
        assert_true(e->sent.transfer < BUNDLES_MAX);
        h->sent[e->sent.transfer] = e->sent.status;
        h->sent_count++;
    } else if (e->kind == EVENT_FRAME) {
        h->frames++;
        h->frame_sum += sum_of(e->frame.data);
        struct slice data = e->frame.data;
        slice_drop(&data);
        struct effect_accept answer = {e->frame.peer, e->frame.receipt, h->accept ? ERR_OK : ERR_FULL};
        link_set_accept(h->links, &answer);
    }
}

static uint16_t free_port(uv_loop_t *loop)
{
    uv_tcp_t tcp;
    struct sockaddr_in address;
    int size = sizeof address;
    uv_tcp_init(loop, &tcp);
    uv_ip4_addr("127.0.0.1", 0, &address);
    assert_int_equal(uv_tcp_bind(&tcp, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_tcp_getsockname(&tcp, (struct sockaddr *)&address, &size), 0);
    uv_close((uv_handle_t *)&tcp, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    return ntohs(address.sin_port);
}

static void make_root(X509 **authority, EVP_PKEY **key, uint8_t fill)
{
    uint8_t seed[32];
    memset(seed, fill, sizeof seed);
    *key = certificate_key(seed);
    struct certificate_validity validity = {EPOCH - NS_PER_DAY, EPOCH + 365 * NS_PER_DAY};
    assert_int_equal(certificate_authority_create(authority, *key, "test", 1, validity), ERR_OK);
}

static void make_host(struct world *w, struct host *h, node_id self, node_id named, bool trusted)
{
    uint8_t seed[32];
    memset(seed, (int)(self + 10 * named), sizeof seed);
    struct certificate_validity validity = {EPOCH - NS_PER_DAY, EPOCH + 365 * NS_PER_DAY};
    *h = (struct host){.world = w, .self = self, .key = certificate_key(seed), .accept = true};
    assert_int_equal(certificate_node_issue(&h->certificate, trusted ? w->authority : w->other_authority,
                                            trusted ? w->root : w->other_root, h->key, named, "node", 2, validity),
                     ERR_OK);
}

static void open_links(struct host *h, bool emulate)
{
    struct world *w = h->world;
    struct link_set_config config = {.loop = &w->loop, .self = h->self, .port = h->self == 5 ? w->port_a : w->port_b,
                                  .port_of = port_of, .allowed = allowed, .event = on_event, .context = h,
                                  .authority = w->authority, .certificate = h->certificate, .key = h->key,
                                  .sky = &w->sky, .clock = &w->clock, .emulate = emulate};
    assert_int_equal(link_set_open(&h->links, &config), ERR_OK);
}

static void setup_sky(struct world *w)
{
    struct site sites[2] = {{.node = 5, .name = "gw-1", .kind = SITE_GROUND, .latitude_deg = 47, .longitude_deg = 8},
                            {.node = 6, .name = "gw-2", .kind = SITE_GROUND, .latitude_deg = -33, .longitude_deg = 151}};
    struct link_rules rules = link_rules_default();
    assert_int_equal(sky_init(&w->sky, NULL, sites, 2, &rules, EPOCH), ERR_OK);
    assert_int_equal(sky_plan_extend(&w->sky, EPOCH + NS_PER_DAY), ERR_OK);
}

/* A world whose node 6 shows a certificate for `named`, of our root or of another. */
static void setup(struct world *w, node_id named, bool trusted, bool emulate)
{
    memset(w, 0, sizeof *w);
    uv_loop_init(&w->loop);
    setup_sky(w);
    w->clock = (struct clock){clock_mono(), EPOCH + NS_PER_HOUR, 60};
    make_root(&w->authority, &w->root, 1);
    make_root(&w->other_authority, &w->other_root, 2);
    w->port_a = free_port(&w->loop);
    w->port_b = free_port(&w->loop);
    make_host(w, &w->a, 5, 5, true);
    make_host(w, &w->b, 6, named, trusted);
    open_links(&w->a, emulate);
    open_links(&w->b, emulate);
}

static void teardown(struct world *w)
{
    link_set_close(w->a.links);
    link_set_close(w->b.links);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    link_set_free(w->a.links);
    link_set_free(w->b.links);
    sky_free(&w->sky);
    X509 *certificates[] = {w->authority, w->other_authority, w->a.certificate, w->b.certificate};
    EVP_PKEY *keys[] = {w->root, w->other_root, w->a.key, w->b.key};
    for (size_t i = 0; i < 4; i++) {
        X509_free(certificates[i]);
        EVP_PKEY_free(keys[i]);
    }
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

static void wake(uv_timer_t *timer)
{
    (void)timer;
}

static void run_ms(struct world *w, uint64_t ms)
{
    uv_timer_t timer;
    uv_timer_init(&w->loop, &timer);
    uv_timer_start(&timer, wake, 5, 5);
    for (uint64_t end = uv_hrtime() + ms * 1000000; uv_hrtime() < end;)
        uv_run(&w->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&w->loop, UV_RUN_NOWAIT);
}

#define RUN_UNTIL(w, condition)                                                                                        \
    do {                                                                                                               \
        for (int turn_ = 0; turn_ < 4000 && !(condition); turn_++)                                                     \
            run_ms(w, 5);                                                                                              \
        assert_true(condition);                                                                                        \
    } while (0)

static void point(struct host *h, bool on)
{
    struct effect_point e = {.peer = h->self == 5 ? 6 : 5, .on = on};
    link_set_point(h->links, &e);
}

static uint64_t send_bundle(struct host *h, uint64_t transfer, size_t size)
{
    struct buf *b = buf_new_malloc(size);
    for (size_t i = 0; i < size; i++)
        b->data[i] = (uint8_t)(i * 7 + transfer);
    uint64_t sum = sum_of(slice_of(b, 0, size));
    struct effect_send e = {.peer = h->self == 5 ? 6 : 5, .transfer = transfer, .priority = (uint8_t)(transfer % 3)};
    size_t first = size / 3;
    e.parts[0] = slice_of(b, 0, first);
    e.parts[1] = slice_of(buf_ref(b), first, size - first);
    link_set_send(h->links, &e);
    return sum;
}

static void bundles_cross_in_both_directions(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 6, true, false);
    point(&w.a, true);
    point(&w.b, true);
    RUN_UNTIL(&w, w.a.up && w.b.up);
    uint64_t sum_a = 0, sum_b = 0;
    for (uint64_t i = 0; i < 200; i++) { /* more than the protocol holds at once, some of many segments */
        sum_a += send_bundle(&w.a, i, i % 50 == 0 ? 2000000 : 1 + i * 97);
        sum_b += send_bundle(&w.b, i, 1 + i * 31);
    }
    RUN_UNTIL(&w, w.a.sent_count == 200 && w.b.sent_count == 200);
    assert_int_equal(w.a.frames, 200);
    assert_int_equal(w.b.frames, 200);
    assert_true(w.a.frame_sum == sum_b && w.b.frame_sum == sum_a);
    for (size_t i = 0; i < 200; i++)
        assert_true(w.a.sent[i] == ERR_OK && w.b.sent[i] == ERR_OK);
    teardown(&w);
}

static void a_refused_bundle_comes_back_as_busy(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 6, true, false);
    point(&w.a, true);
    point(&w.b, true);
    w.b.accept = false;
    RUN_UNTIL(&w, w.a.up && w.b.up);
    send_bundle(&w.a, 1, 5000);
    RUN_UNTIL(&w, w.a.sent_count == 1);
    assert_int_equal(w.a.sent[1], ERR_BUSY);
    teardown(&w);
}

static void no_link_without_both_terminals(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 6, true, false);
    point(&w.a, true);
    run_ms(&w, 400);
    assert_false(w.a.up || w.b.up);
    point(&w.b, true); /* the parked session goes on at once */
    RUN_UNTIL(&w, w.a.up && w.b.up);
    point(&w.b, false);
    RUN_UNTIL(&w, !w.a.up && !w.b.up);
    send_bundle(&w.a, 3, 10);
    RUN_UNTIL(&w, w.a.sent_count == 1);
    assert_int_equal(w.a.sent[3], ERR_UNREACHABLE);
    teardown(&w);
}

static void never_up(node_id named, bool trusted)
{
    struct world w;
    setup(&w, named, trusted, false);
    point(&w.a, true);
    point(&w.b, true);
    run_ms(&w, 500);
    assert_int_equal(w.a.ups, 0);
    assert_int_equal(w.b.ups, 0);
    teardown(&w);
}

static void a_certificate_of_another_root_is_refused(void **state)
{
    (void)state;
    never_up(6, false);
}

static void a_certificate_of_another_node_is_refused(void **state)
{
    (void)state;
    never_up(7, true);
}

static void a_revoked_node_is_refused(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 6, true, false);
    w.refused = 6;
    point(&w.a, true);
    point(&w.b, true);
    run_ms(&w, 400);
    assert_int_equal(w.a.ups + w.b.ups, 0);
    teardown(&w);
}

static void a_cut_ends_the_link_and_healing_brings_it_back(void **state)
{
    (void)state;
    struct world w;
    setup(&w, 6, true, true);
    point(&w.a, true);
    point(&w.b, true);
    RUN_UNTIL(&w, w.a.up && w.b.up);
    for (uint64_t i = 0; i < 50; i++)
        send_bundle(&w.a, i, 1000000);
    link_set_cut(w.a.links, 6, TIME_NEVER);
    RUN_UNTIL(&w, !w.a.up && !w.b.up && w.a.sent_count == 50);
    run_ms(&w, 300);
    assert_int_equal(w.a.ups, 1);
    link_set_cut(w.a.links, 6, 0);
    RUN_UNTIL(&w, w.a.up && w.b.up);
    assert_int_equal(w.a.ups, 2);
    teardown(&w);
}

static void the_shaper_keeps_rate_delay_and_order(void **state)
{
    (void)state;
    struct link_shaper s;
    uint8_t bytes[1000] = {0};
    struct slice out;
    link_shaper_init(&s);
    link_shaper_set(&s, 8e6, 5 * NS_PER_MS); /* a byte per microsecond */
    link_shaper_push(&s, 0, slice_borrowed(span_of(bytes, 1000)));
    link_shaper_push(&s, 0, slice_borrowed(span_of(bytes, 500)));
    assert_int_equal(link_shaper_next(&s), 6 * NS_PER_MS);
    assert_false(link_shaper_pop(&s, 6 * NS_PER_MS - 1, &out));
    assert_true(link_shaper_pop(&s, 6 * NS_PER_MS, &out));
    assert_int_equal(out.size, 1000);
    link_shaper_set(&s, 8e6, 0); /* the peer came near: no overtaking */
    link_shaper_push(&s, 0, slice_borrowed(span_of(bytes, 1)));
    assert_int_equal(link_shaper_next(&s), 6500 * NS_PER_US);
    assert_true(link_shaper_pop(&s, 6500 * NS_PER_US, &out));
    assert_int_equal(out.size, 500);
    assert_true(link_shaper_pop(&s, 6500 * NS_PER_US, &out));
    assert_int_equal(link_shaper_next(&s), TIME_NEVER);
    link_shaper_clear(&s);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shaper_keeps_rate_delay_and_order),
        cmocka_unit_test(bundles_cross_in_both_directions),
        cmocka_unit_test(a_refused_bundle_comes_back_as_busy),
        cmocka_unit_test(no_link_without_both_terminals),
        cmocka_unit_test(a_certificate_of_another_root_is_refused),
        cmocka_unit_test(a_certificate_of_another_node_is_refused),
        cmocka_unit_test(a_revoked_node_is_refused),
        cmocka_unit_test(a_cut_ends_the_link_and_healing_brings_it_back),
    };
    return cmocka_run_group_tests_name("host/link", tests, NULL, NULL);
}
