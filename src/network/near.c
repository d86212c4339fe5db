/*
 * News of links that stays near (docs/adr/0011-news-stays-near.md): in a large mission a link that broke is told a few hops around, at
 * once; everybody learns by a fact only what lasts.
 *
 * Body of NEAR (little-endian):
 *   u8   hops that it may still go
 *   u32  author   u32  the peer at the other end of its link
 *   i64  version: TAI ns at which the author said so; the highest counts
 *   i64  TAI ns until which the link shall not be counted on; 0: it stands again
 */
#include "network/plane.h"

enum { NEAR_SIZE = 25, NEAR_WORDS_MAX = 256 };
#define VERSION_AHEAD_MAX NS_PER_HOUR

static uint64_t word_key(node_id author, node_id peer)
{
    return (uint64_t)author << 32 | peer;
}

tai_ns near_until(const struct network *n, node_id author, node_id peer)
{
    const struct near_word *w = n->near.count ? map_find_u64(&n->near, word_key(author, peer)) : NULL;
    return w && w->until > n->port->now.wall ? w->until : 0;
}

static void forget_old(struct network *n)
{
    for (struct map_node *i = map_first(&n->near), *next; i; i = next) {
        next = map_next(&n->near, i);
        if (((struct near_word *)map_value(i))->until <= n->port->now.wall)
            map_remove_u64(&n->near, map_key_u64(i));
    }
}

/* False: nothing new, or no room (then routes go by the plan). */
static bool keep(struct network *n, node_id author, node_id peer, const struct near_word *word)
{
    bool added = false;
    if (n->near.count >= NEAR_WORDS_MAX)
        forget_old(n);
    bool room = n->near.count < NEAR_WORDS_MAX || map_find_u64(&n->near, word_key(author, peer));
    struct near_word *kept = room ? map_put_u64(&n->near, word_key(author, peer), &added) : NULL;
    if (!kept || (!added && kept->version >= word->version))
        return false;
    *kept = *word;
    network_links_lost(n, author, peer);
    return true;
}

static void pass_on(struct network *n, uint8_t hops, node_id author, node_id peer, const struct near_word *word, node_id except)
{
    uint8_t body[NEAR_SIZE];
    struct writer w = writer_of(body, sizeof body);
    write_u8(&w, hops);
    write_u32(&w, author);
    write_u32(&w, peer);
    write_u64(&w, (uint64_t)word->version);
    write_u64(&w, (uint64_t)word->until);
    ASSERT(writer_ok(&w));
    for (struct map_node *i = map_first(&n->links); i; i = map_next(&n->links, i)) {
        const struct link *l = map_value(i);
        if (!l->up || l->peer == except)
            continue;
        err e = port_send(n->port, &(struct message){.to = l->peer, .type = NETWORK_NEAR, .body = writer_span(&w),
                                                     .link_only = true, .no_custody = true, .unanswered = true});
        (void)e; /* lost: that neighbour goes by the plan and is sent back */
    }
}

void near_tell(struct network *n, node_id peer, tai_ns until)
{
    node_id self = n->port->config->self;
    const struct near_word *before = map_find_u64(&n->near, word_key(self, peer));
    struct near_word word = {.version = n->port->now.wall, .until = until};
    if (before)
        word.version = MAX(word.version, before->version + 1);
    if (keep(n, self, peer, &word))
        pass_on(n, NEAR_HOPS - 1, self, peer, &word, NODE_NONE);
}

void near_take(struct network *n, const struct message *m)
{
    struct reader r = reader_of(m->body.data, m->body.size);
    uint8_t hops = read_u8(&r);
    node_id author = read_u32(&r), peer = read_u32(&r);
    struct near_word word = {.version = (tai_ns)read_u64(&r)};
    word.until = (tai_ns)read_u64(&r);
    tai_ns now = n->port->now.wall;
    if (m->type != NETWORK_NEAR || !reader_at_end(&r) || hops >= NEAR_HOPS || author == peer || word.until < 0 || word.version < 0 ||
        word.version > now + VERSION_AHEAD_MAX || !view_knows(n->port->view, author) || !view_knows(n->port->view, peer)) {
        port_trace(n->port, TRACE_REFUSED, m->from, "malformed news of a link");
        return;
    }
    word.until = MIN(word.until, now + NEAR_FOR_NS); /* whoever lies is believed for so long */
    if (author == n->port->config->self || !keep(n, author, peer, &word))
        return;
    if (hops > 0 && n->port->config->role == ROLE_SATELLITE) /* a gateway sees hundreds, and would join far regions */
        pass_on(n, (uint8_t)(hops - 1), author, peer, &word, m->from);
}
