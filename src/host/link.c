#include "host/link.h"

#include <stdlib.h>
#include <string.h>

#include "host/link_session.h"

enum { TICK_MS = 100, BACKLOG = 64, SESSIONS_MAX = 256, RETRY_FIRST_MS = 50, RETRY_MOST_MS = 2000, PARK_MS = 5000 };

struct link {
    struct link_set *owner;
    node_id peer;
    bool pointed, up;
    struct link_session *session;
    mono_ns retry_at, parked_until; /* parked: identified, but our terminal is not on the peer yet */
    duration_ns backoff;
    tai_ns cut_until;
    uint64_t bytes_out, bytes_in; /* of sessions that ended */
};

struct link_set {
    struct link_set_config config;
    struct wire_identity identity;
    uv_tcp_t listener;
    uv_timer_t timer;
    struct link *items;
    size_t count, sessions;
    bool closing;
};

static struct link *find(const struct link_set *l, node_id peer)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].peer == peer)
            return &l->items[i];
    return NULL;
}

static mono_ns mono(void)
{
    return (mono_ns)uv_hrtime();
}

/* ---- what is true ---------------------------------------------------------------------------------------------------- */

static const struct contact *contact_of(const struct link *k, tai_ns wall)
{
    const struct link_set *l = k->owner;
    return wall < k->cut_until ? NULL : sky_contact_at(l->config.sky, l->config.self, k->peer, wall);
}

static void shape(struct link *k, const struct now *now)
{
    const struct link_set_config *c = &k->owner->config;
    if (!c->emulate || !k->session)
        return;
    duration_ns light = sky_light_time(c->sky, c->self, k->peer, now->wall);
    double rate = (double)sky_rate_bps(c->sky, c->self, k->peer) * now->wall_rate;
    link_session_shape(k->session, rate, MAX(light, 0) / (duration_ns)now->wall_rate);
}

/* ---- sessions -------------------------------------------------------------------------------------------------------------- */

static void say_link(struct link *k, bool up)
{
    if (k->up == up)
        return;
    k->up = up;
    const struct link_set_config *c = &k->owner->config;
    struct event e = {.kind = EVENT_LINK, .link = {k->peer, up, sky_rate_bps(c->sky, c->self, k->peer)}};
    c->event(c->context, &e);
}

static struct link *link_of(struct link_set *l, const struct link_session *s)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].session == s)
            return &l->items[i];
    return NULL;
}

static void let_go(struct link *k)
{
    struct link_session *s = k->session;
    if (!s)
        return;
    k->bytes_out += link_session_bytes_out(s);
    k->bytes_in += link_session_bytes_in(s);
    k->session = NULL;
    k->parked_until = 0;
    link_session_close(s);
    say_link(k, false);
}

static void on_identified(void *context, struct link_session *s, node_id peer)
{
    struct link_set *l = context;
    struct now now = clock_now(l->config.clock);
    struct link *k = find(l, peer);
    bool ours = k && k->session == s; /* we dialled it */
    if (l->closing || !k || !contact_of(k, now.wall) || (!ours && l->config.self < peer)) {
        link_session_close(s);
        return;
    }
    if (!ours) {
        let_go(k); /* the peer has started anew: its old connection is dead */
        k->session = s;
    }
    shape(k, &now);
    if (k->pointed)
        link_session_admit(s);
    else
        k->parked_until = now.mono + PARK_MS * NS_PER_MS;
}

static void on_established(void *context, struct link_session *s)
{
    struct link *k = link_of(context, s);
    if (!k)
        return;
    k->backoff = 0;
    say_link(k, true);
}

static void on_frame(void *context, struct link_session *s, uint64_t receipt, struct slice data)
{
    struct link_set *l = context;
    struct link *k = link_of(l, s);
    if (!k) {
        slice_drop(&data);
        return;
    }
    struct event e = {.kind = EVENT_FRAME, .frame = {k->peer, receipt, data}};
    l->config.event(l->config.context, &e);
}

static void say_sent(struct link_set *l, node_id peer, uint64_t transfer, err status)
{
    struct event e = {.kind = EVENT_SENT, .sent = {peer, transfer, status}};
    l->config.event(l->config.context, &e);
}

static void on_sent(void *context, struct link_session *s, uint64_t transfer, err status)
{
    struct link_set *l = context;
    say_sent(l, link_session_peer(s), transfer, status);
}

static void on_gone(void *context, struct link_session *s, err why)
{
    struct link_set *l = context;
    struct link *k = link_of(l, s);
    l->sessions--;
    if (!k)
        return;
    k->bytes_out += link_session_bytes_out(s);
    k->bytes_in += link_session_bytes_in(s);
    k->session = NULL;
    k->parked_until = 0;
    duration_ns most = why == ERR_DENIED ? 10 * RETRY_MOST_MS : RETRY_MOST_MS;
    k->backoff = MIN(MAX(2 * k->backoff, RETRY_FIRST_MS * NS_PER_MS), most * NS_PER_MS);
    k->retry_at = mono() + k->backoff;
    say_link(k, false);
}

static struct link_session_handlers handlers_of(struct link_set *l)
{
    return (struct link_session_handlers){l, on_identified, on_established, on_frame, on_sent, on_gone};
}

static void dial(struct link *k)
{
    struct link_set *l = k->owner;
    uint16_t port = l->config.port_of(l->config.context, k->peer);
    if (port == 0 || l->sessions >= SESSIONS_MAX)
        return;
    struct link_session_handlers handlers = handlers_of(l);
    k->session = link_session_dial(l->config.loop, port, l->config.self, k->peer, &l->identity, &handlers);
    l->sessions++;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct link_set *l = listener->data;
    struct link_session_handlers handlers = handlers_of(l);
    if (status < 0 || l->closing)
        return;
    struct link_session *s = link_session_accept(l->config.loop, listener, l->config.self, &l->identity, &handlers);
    if (!s)
        return;
    if (l->sessions++ >= SESSIONS_MAX)
        link_session_close(s);
}

/* ---- time ------------------------------------------------------------------------------------------------------------------ */

static void look(struct link *k, const struct now *now, tai_ns *edge)
{
    const struct contact *contact = contact_of(k, now->wall);
    if (contact && contact->end < *edge)
        *edge = contact->end + NS_PER_MS;
    if (!contact || (k->parked_until && now->mono >= k->parked_until)) {
        let_go(k);
        return;
    }
    if (k->session)
        shape(k, now);
    else if (k->pointed && k->owner->config.self < k->peer && now->mono >= k->retry_at)
        dial(k);
}

static void tick(struct link_set *l);

static void on_timer(uv_timer_t *timer)
{
    tick(timer->data);
}

static void tick(struct link_set *l)
{
    if (l->closing)
        return;
    struct now now = clock_now(l->config.clock);
    tai_ns edge = now.wall + TICK_MS * NS_PER_MS * (int64_t)now.wall_rate;
    for (size_t i = 0; i < l->count; i++)
        look(&l->items[i], &now, &edge);
    duration_ns wait = (edge - now.wall) / (int64_t)now.wall_rate;
    uv_timer_start(&l->timer, on_timer, (uint64_t)MAX(wait / NS_PER_MS, 1), 0);
}

/* ---- the node's side ---------------------------------------------------------------------------------------------------------- */

void link_set_point(struct link_set *l, const struct effect_point *effect)
{
    struct link *k = find(l, effect->peer);
    if (!k || l->closing || k->pointed == effect->on)
        return;
    k->pointed = effect->on;
    if (!k->pointed && k->session) {
        link_session_end(k->session);
    } else if (k->pointed) {
        k->backoff = 0;
        k->retry_at = 0;
        if (k->session && k->parked_until) {
            k->parked_until = 0;
            link_session_admit(k->session);
        }
        uv_timer_start(&l->timer, on_timer, 0, 0); /* from the loop, not from within an effect */
    }
}

void link_set_send(struct link_set *l, const struct effect_send *effect)
{
    struct link *k = find(l, effect->peer);
    if (k && k->session && k->up) {
        link_session_send(k->session, effect);
        return;
    }
    struct effect_send copy = *effect;
    for (size_t i = 0; i < COUNT_OF(copy.parts); i++)
        slice_drop(&copy.parts[i]);
    say_sent(l, effect->peer, effect->transfer, ERR_UNREACHABLE);
}

void link_set_accept(struct link_set *l, const struct effect_accept *effect)
{
    struct link *k = find(l, effect->peer);
    if (k && k->session)
        link_session_answer(k->session, effect->receipt, effect->status);
}

void link_set_cut(struct link_set *l, node_id peer, tai_ns until)
{
    struct link *k = find(l, peer);
    if (!k || l->closing)
        return;
    k->cut_until = until;
    k->retry_at = 0;
    uv_timer_start(&l->timer, on_timer, 0, 0);
}

size_t link_set_count(const struct link_set *l)
{
    return l->count;
}

void link_set_info(const struct link_set *l, size_t index, struct link_info *out)
{
    ASSERT(index < l->count);
    const struct link *k = &l->items[index];
    tai_ns wall = clock_now(l->config.clock).wall;
    const struct contact *contact = sky_contact_at(l->config.sky, l->config.self, k->peer, wall);
    *out = (struct link_info){
        .peer = k->peer,
        .pointed = k->pointed,
        .up = k->up,
        .cut = wall < k->cut_until,
        .contact = contact != NULL,
        .rate_bps = sky_rate_bps(l->config.sky, l->config.self, k->peer),
        .bytes_out = k->bytes_out + (k->session ? link_session_bytes_out(k->session) : 0),
        .bytes_in = k->bytes_in + (k->session ? link_session_bytes_in(k->session) : 0),
        .light_time = sky_light_time(l->config.sky, l->config.self, k->peer, wall),
        .until = contact ? contact->end : 0,
    };
}

static tai_ns identity_wall(void *context)
{
    struct link_set *l = context;
    return clock_now(l->config.clock).wall;
}

static bool identity_allowed(void *context, node_id peer)
{
    struct link_set *l = context;
    return find(l, peer) != NULL && l->config.allowed(l->config.context, peer);
}

static err listen_on(struct link_set *l)
{
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", l->config.port, &address);
    if (uv_tcp_bind(&l->listener, (const struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&l->listener, BACKLOG, on_connection) != 0)
        return ERR_BUSY;
    return ERR_OK;
}

static void on_listener_closed(uv_handle_t *handle)
{
    (void)handle;
}

/* Whoever may ever be a peer: in large meshes the plan knows only who meets soon. */
static void links_fill(struct link_set *l)
{
    const struct sky *sky = l->config.sky;
    size_t sites = sky_site_count(sky);
    l->items = calloc(sites + 1, sizeof *l->items);
    ASSERT(l->items);
    for (size_t i = 0; i < sites; i++) {
        node_id peer = sky_site_at(sky, i)->node;
        if (sky_link_kind(sky, l->config.self, peer) != LINK_NONE)
            l->items[l->count++] = (struct link){.owner = l, .peer = peer};
    }
}

err link_set_open(struct link_set **out, const struct link_set_config *config)
{
    struct link_set *l = calloc(1, sizeof *l);
    ASSERT(l);
    l->config = *config;
    links_fill(l);
    l->identity.context = l;
    l->identity.wall = identity_wall;
    l->identity.allowed = identity_allowed;
    err status = wire_identity_open(&l->identity, config->authority, config->certificate, config->key);
    if (status != ERR_OK) {
        link_set_free(l);
        return status;
    }
    ASSERT(uv_tcp_init(config->loop, &l->listener) == 0 && uv_timer_init(config->loop, &l->timer) == 0);
    l->listener.data = l->timer.data = l;
    *out = l;
    status = listen_on(l);
    if (status == ERR_OK)
        uv_timer_start(&l->timer, on_timer, 1, 0);
    return status;
}

void link_set_close(struct link_set *l)
{
    for (size_t i = 0; i < l->count; i++)
        let_go(&l->items[i]);
    l->closing = true;
    uv_close((uv_handle_t *)&l->listener, on_listener_closed);
    uv_close((uv_handle_t *)&l->timer, on_listener_closed);
}

void link_set_free(struct link_set *l)
{
    if (!l)
        return;
    ASSERT(l->sessions == 0);
    wire_identity_close(&l->identity);
    free(l->items);
    free(l);
}
