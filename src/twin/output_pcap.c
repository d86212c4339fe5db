#include "twin/output_pcap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twin/folder.h"
#include "twin/world.h"

enum {
    PORT_LISTEN = 4556, PORT_CONNECT = 49152, PORTS = 16000, SEGMENT_DATA_MAX = 60000, PACKET_MAX = 65535, IP_SIZE = 20, TCP_SIZE = 20,
    TCP_FIN = 1, TCP_SYN = 2, TCP_PUSH = 8, TCP_ACK = 16, XFER_SEGMENT = 1, SESS_INIT = 7, XFER_END = 1, XFER_START = 2,
    LINKTYPE_RAW = 101, OPTION_COMMENT = 1, OPTION_RESOLUTION = 9,
};
#define FILE_BYTES_MAX (2ull << 30)

struct capture {
    node_id ends[2]; /* ascending; the lower one listens */
    FILE *file;
    bool session;
    uint16_t sessions;    /* so far: each has its own port, so that dissectors see a new connection */
    uint32_t sequence[2]; /* of the next byte from each end */
    uint64_t transfers[2], written;
    bool full;
};

struct pcap {
    struct capture links[PCAP_LINKS_MAX];
    size_t count;
    uint8_t *packet;
};

/* ---- pcapng blocks: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng -------------------------------------------------- */

static void put_block(struct capture *c, const uint8_t *bytes, size_t size)
{
    if (c->full || c->written + size > FILE_BYTES_MAX || fwrite(bytes, 1, size, c->file) != size) {
        if (!c->full)
            fprintf(stderr, "twin: a pcapng file ends early: 2 GiB, or the disk is full\n");
        c->full = true;
        return;
    }
    c->written += size;
}

static void put_option(struct writer *w, uint16_t code, const void *value, size_t size)
{
    static const uint8_t zeros[4];
    write_u16(w, code);
    write_u16(w, (uint16_t)size);
    write_bytes(w, value, size);
    write_bytes(w, zeros, (4 - size % 4) % 4);
}

static void finish_block(struct capture *c, struct writer *w)
{
    write_u32(w, (uint32_t)w->at + 4);
    writer_patch_u32(w, 4, (uint32_t)w->at);
    ASSERT(writer_ok(w));
    put_block(c, w->data, w->at);
}

static void file_header(struct capture *c, const char *comment)
{
    uint8_t bytes[700];
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u32(&w, 0x0a0d0d0a); /* section header */
    write_u32(&w, 0);
    write_u32(&w, 0x1a2b3c4d);
    write_u16(&w, 1);
    write_u16(&w, 0);
    write_u64(&w, UINT64_MAX);
    put_option(&w, OPTION_COMMENT, comment, strlen(comment));
    write_u32(&w, 0);
    finish_block(c, &w);
    w = writer_of(bytes, sizeof bytes);
    write_u32(&w, 1); /* interface */
    write_u32(&w, 0);
    write_u16(&w, LINKTYPE_RAW);
    write_u16(&w, 0);
    write_u32(&w, 0);
    put_option(&w, OPTION_RESOLUTION, (const uint8_t[]){9}, 1);
    write_u32(&w, 0);
    finish_block(c, &w);
}

/* One packet at `unix_ns`; `remark` NULL: none. */
static void put_packet(struct capture *c, const uint8_t *packet, size_t size, uint64_t unix_ns, const char *remark)
{
    static uint8_t block[PACKET_MAX + 256];
    struct writer w = writer_of(block, sizeof block);
    write_u32(&w, 6); /* enhanced packet */
    write_u32(&w, 0);
    write_u32(&w, 0);
    write_u32(&w, (uint32_t)(unix_ns >> 32));
    write_u32(&w, (uint32_t)unix_ns);
    write_u32(&w, (uint32_t)size);
    write_u32(&w, (uint32_t)size);
    write_bytes(&w, packet, size);
    write_bytes(&w, (const uint8_t[3]){0}, (4 - size % 4) % 4);
    if (remark) {
        put_option(&w, OPTION_COMMENT, remark, strlen(remark));
        write_u32(&w, 0);
    }
    finish_block(c, &w);
}

/* ---- TCP over IPv4 ---------------------------------------------------------------------------------------------------------------- */

static uint32_t sum_words(uint32_t sum, const uint8_t *p, size_t size)
{
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    return size % 2 ? sum + ((uint32_t)p[size - 1] << 8) : sum;
}

static uint16_t checksum(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_u16_be_at(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void send_tcp(struct pcap *p, struct capture *c, int from, uint8_t flags, struct span payload, uint64_t unix_ns, const char *remark)
{
    size_t size = IP_SIZE + TCP_SIZE + payload.size;
    struct writer w = writer_of(p->packet, PACKET_MAX);
    write_u8(&w, 0x45);
    write_u8(&w, 0);
    write_u16_be(&w, (uint16_t)size);
    write_u32_be(&w, 0x00004000); /* do not fragment */
    write_u16_be(&w, 0x4006);     /* 64 hops, TCP */
    write_u16_be(&w, 0);
    write_u32_be(&w, 0x0a000000u + c->ends[from]);
    write_u32_be(&w, 0x0a000000u + c->ends[!from]);
    uint16_t connecting = (uint16_t)(PORT_CONNECT + c->sessions % PORTS);
    write_u16_be(&w, from == 0 ? PORT_LISTEN : connecting);
    write_u16_be(&w, from == 0 ? connecting : PORT_LISTEN);
    write_u32_be(&w, c->sequence[from]);
    write_u32_be(&w, flags & TCP_ACK ? c->sequence[!from] : 0);
    write_u8(&w, 0x50);
    write_u8(&w, flags);
    write_u16_be(&w, 0xffff);
    write_u32_be(&w, 0);
    write_bytes(&w, payload.data, payload.size);
    ASSERT(writer_ok(&w));
    put_u16_be_at(p->packet + 10, checksum(sum_words(0, p->packet, IP_SIZE)));
    uint32_t sum = sum_words(6 + (uint32_t)(size - IP_SIZE), p->packet + 12, 8); /* pseudo header */
    put_u16_be_at(p->packet + IP_SIZE + 16, checksum(sum_words(sum, p->packet + IP_SIZE, size - IP_SIZE)));
    put_packet(c, p->packet, size, unix_ns, remark);
    c->sequence[from] += (uint32_t)payload.size + ((flags & (TCP_SYN | TCP_FIN)) != 0);
}

/* ---- TCPCLv4 (RFC 9174) -------------------------------------------------------------------------------------------------------------- */

static void session_init(struct pcap *p, struct capture *c, int from, uint64_t unix_ns)
{
    uint8_t bytes[96];
    char name[32];
    send_tcp(p, c, from, TCP_PUSH | TCP_ACK, SPAN_LITERAL("dtn!\x04\x00"), unix_ns, NULL);
    int size = snprintf(name, sizeof name, "ipn:%u.0", c->ends[from]);
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u8(&w, SESS_INIT);
    write_u16_be(&w, 0);
    write_u64_be(&w, SEGMENT_DATA_MAX);
    write_u64_be(&w, 1u << 30);
    write_u16_be(&w, (uint16_t)size);
    write_bytes(&w, name, (size_t)size);
    write_u32_be(&w, 0);
    send_tcp(p, c, from, TCP_PUSH | TCP_ACK, writer_span(&w), unix_ns, NULL);
}

static void session_begin(struct pcap *p, struct capture *c, uint64_t unix_ns)
{
    c->session = true;
    c->sessions++;
    c->sequence[0] = c->sequence[1] = 1;
    c->transfers[0] = c->transfers[1] = 0;
    send_tcp(p, c, 1, TCP_SYN, (struct span){0}, unix_ns, NULL);
    send_tcp(p, c, 0, TCP_SYN | TCP_ACK, (struct span){0}, unix_ns, NULL);
    send_tcp(p, c, 1, TCP_ACK, (struct span){0}, unix_ns, NULL);
    session_init(p, c, 1, unix_ns);
    session_init(p, c, 0, unix_ns);
}

static void session_end(struct pcap *p, struct capture *c, uint64_t unix_ns)
{
    if (!c->session)
        return;
    send_tcp(p, c, 1, TCP_FIN | TCP_ACK, (struct span){0}, unix_ns, NULL);
    send_tcp(p, c, 0, TCP_FIN | TCP_ACK, (struct span){0}, unix_ns, NULL);
    send_tcp(p, c, 1, TCP_ACK, (struct span){0}, unix_ns, NULL);
    c->session = false;
}

static void send_bundle(struct pcap *p, struct capture *c, int from, struct span bundle, uint64_t unix_ns, bool lost)
{
    static uint8_t segment[SEGMENT_DATA_MAX + 32];
    uint64_t transfer = c->transfers[from]++;
    size_t at = 0;
    do {
        size_t size = MIN(bundle.size - at, (size_t)SEGMENT_DATA_MAX);
        struct writer w = writer_of(segment, sizeof segment);
        write_u8(&w, XFER_SEGMENT);
        write_u8(&w, (uint8_t)((at == 0 ? XFER_START : 0) | (at + size == bundle.size ? XFER_END : 0)));
        write_u64_be(&w, transfer);
        if (at == 0)
            write_u32_be(&w, 0); /* no extensions */
        write_u64_be(&w, size);
        write_bytes(&w, bundle.data + at, size);
        send_tcp(p, c, from, TCP_PUSH | TCP_ACK, writer_span(&w), unix_ns, lost ? "lost on the link: it never arrives" : NULL);
        at += size;
    } while (at < bundle.size);
}

/* ---- observing ------------------------------------------------------------------------------------------------------------------------ */

static uint64_t unix_ns_of(tai_ns t)
{
    return (uint64_t)(t - TAI_MINUS_UTC_S * NS_PER_S);
}

static void on_frame(void *context, struct world *w, node_id from, node_id to, mono_ns at, const void *bytes, size_t size, bool lost)
{
    struct pcap *p = context;
    for (size_t i = 0; i < p->count; i++) {
        struct capture *c = &p->links[i];
        if (c->ends[0] != MIN(from, to) || c->ends[1] != MAX(from, to))
            continue;
        uint64_t when = unix_ns_of(w->scenario->epoch + (at - WORLD_START_NS));
        if (!c->session)
            session_begin(p, c, when);
        send_bundle(p, c, from == c->ends[1], span_of(bytes, size), when, lost);
    }
}

static void on_trace(void *context, const struct twin_node *n, const struct effect_trace *t)
{
    struct pcap *p = context;
    bool gone = t->id == TRACE_LINK_DOWN || t->id == TRACE_LINK_LOST;
    for (size_t i = 0; i < p->count && (gone || t->id == TRACE_BOOT); i++) {
        struct capture *c = &p->links[i];
        bool ours = n->id == c->ends[0] || n->id == c->ends[1];
        if (ours && (!gone || t->about == c->ends[n->id == c->ends[0]]))
            session_end(p, c, unix_ns_of(world_wall(n->world)));
    }
}

/* ---- life -------------------------------------------------------------------------------------------------------------------------------- */

/* "A:B" of this scenario: their numbers. */
static err pair_parse(const struct scenario *s, struct span pair, node_id ends[2], char why[PCAP_WHY])
{
    char names[80];
    char *colon = text_copy(names, sizeof names, pair) ? strchr(names, ':') : NULL;
    if (!colon) {
        snprintf(why, PCAP_WHY, "--pcap takes NAME:NAME, several separated by commas, not \"%.*s\"", (int)MIN(pair.size, (size_t)80),
                 (const char *)pair.data);
        return ERR_INVALID;
    }
    *colon = 0;
    for (int k = 0; k < 2; k++) {
        const char *name = k ? colon + 1 : names;
        ends[k] = scenario_node(s, name);
        if (ends[k] == NODE_NONE) {
            snprintf(why, PCAP_WHY, "--pcap: the scenario has no node \"%.40s\"; its nodes are %s to %s", name, s->sites[0].name,
                     s->sites[s->site_count - 1].name);
            return ERR_INVALID;
        }
    }
    if (ends[0] == ends[1])
        snprintf(why, PCAP_WHY, "--pcap: a link is between two different nodes, not %.40s and itself", names);
    return ends[0] == ends[1] ? ERR_INVALID : ERR_OK;
}

err pcap_check(const struct scenario *s, const char *links, char why[PCAP_WHY])
{
    node_id seen[PCAP_LINKS_MAX][2];
    size_t count = 0;
    for (const char *at = links; *at || count == 0; count++) {
        size_t size = strcspn(at, ",");
        node_id ends[2];
        if (count == PCAP_LINKS_MAX) {
            snprintf(why, PCAP_WHY, "--pcap takes at most %d links", PCAP_LINKS_MAX);
            return ERR_INVALID;
        }
        TRY(pair_parse(s, span_of(at, size), ends, why));
        seen[count][0] = MIN(ends[0], ends[1]);
        seen[count][1] = MAX(ends[0], ends[1]);
        for (size_t k = 0; k < count; k++)
            if (memcmp(seen[k], seen[count], sizeof seen[k]) == 0) {
                snprintf(why, PCAP_WHY, "--pcap: the link %.*s is given twice", (int)MIN(size, (size_t)80), at);
                return ERR_INVALID;
            }
        at += size + (at[size] == ',');
    }
    return ERR_OK;
}

static err open_link(struct pcap *p, struct world *w, const char *folder, struct span pair, char why[PCAP_WHY])
{
    char path[1024], comment[400];
    struct capture *c = &p->links[p->count];
    node_id ends[2];
    TRY(pair_parse(w->scenario, pair, ends, why));
    const char *first = scenario_name(w->scenario, ends[0]), *second = scenario_name(w->scenario, ends[1]);
    c->ends[0] = MIN(ends[0], ends[1]);
    c->ends[1] = MAX(ends[0], ends[1]);
    snprintf(path, sizeof path, "%s/pcap", folder);
    bool made = folder_make(path);
    snprintf(path, sizeof path, "%s/pcap/%s-%s.pcapng", folder, first, second);
    c->file = made ? fopen(path, "wb") : NULL;
    if (!c->file) {
        snprintf(why, PCAP_WHY, "%.150s cannot be written", path);
        return ERR_IO;
    }
    snprintf(comment, sizeof comment, "bundles between 10.0.0.0+%u (%s) and 10.0.0.0+%u (%s), scenario %s, seed %llu; TCP and TCPCLv4 framing are synthetic",
             ends[0], first, ends[1], second, w->scenario->name, (unsigned long long)w->seed);
    file_header(c, comment);
    p->count++;
    return ERR_OK;
}

err pcap_open(struct pcap **out, struct world *w, const char *folder, const char *links, char why[PCAP_WHY])
{
    TRY(pcap_check(w->scenario, links, why));
    struct pcap *p = calloc(1, sizeof *p);
    ASSERT(p != NULL);
    p->packet = malloc(PACKET_MAX);
    ASSERT(p->packet != NULL);
    for (const char *at = links; *at;) {
        size_t size = strcspn(at, ",");
        err status = open_link(p, w, folder, span_of(at, size), why);
        if (status != ERR_OK) {
            pcap_close(p);
            return status;
        }
        at += size + (at[size] == ',');
    }
    world_observe(w, &(struct observer){.context = p, .on_trace = on_trace, .on_frame = on_frame});
    *out = p;
    return ERR_OK;
}

void pcap_close(struct pcap *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        if (fclose(p->links[i].file) != 0)
            fprintf(stderr, "twin: a file of --pcap is not whole: is the disk full?\n");
    free(p->packet);
    free(p);
}
