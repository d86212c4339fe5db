/* Signatures and chunked payloads: "query\nname: value\n...\n\npayload", in cuts of the first byte's size. */
#include <string.h>

#include "region/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(struct span body, struct sigv4 *sign, size_t step, bool chunks_signed)
{
    struct payload p = {.mode = chunks_signed ? PAYLOAD_SIGNED_CHUNKS : PAYLOAD_UNSIGNED_CHUNKS, .trailer = step % 2, .size = body.size / 2,
                        .checksum = CHECKSUM_CRC32C, .md5_wanted = true, .sign = sign};
    uint64_t out = 0;
    ASSERT(payload_begin(&p) == ERR_OK);
    while (body.size && !p.failed) {
        struct span in = span_of(body.data, MIN(step, body.size)), piece;
        body = span_from(body, in.size);
        while (payload_next(&p, &in, 5, &piece))
            out += piece.size;
        ASSERT(in.size == 0 || p.failed);
    }
    enum payload_verdict v = payload_end(&p);
    ASSERT(out <= p.seen && (v != PAYLOAD_OK || out == p.size));
    payload_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sigv4_key_cache cache;
    struct sigv4_header headers[16];
    struct query query;
    struct sigv4 s;
    if (size < 2 || size > 65536)
        return 0;
    struct span rest = span_of(data + 1, size - 1), line;
    uint8_t memory[65536];
    span_cut(&rest, '\n', &line);
    if (query_parse(line, memory, &query) != ERR_OK)
        return 0;
    struct sigv4_request r = {.method = "GET", .path = SPAN_LITERAL("/a"), .query = &query, .headers = headers,
                              .payload_hash = SPAN_LITERAL("UNSIGNED-PAYLOAD")};
    while (r.header_count < COUNT_OF(headers) && span_cut(&rest, '\n', &line) && line.size) {
        struct span name;
        span_cut(&line, ':', &name);
        headers[r.header_count++] = (struct sigv4_header){name, span_trim(line)};
    }
    if (sigv4_parse(&r, &s) == ERR_OK)
        ASSERT(sigv4_verify(&s, &r, "AKIDEXAMPLE", "secret", 1795240800, &cache) != ERR_OK);
    decode(rest, &s, data[0] ? data[0] : 1, data[0] & 2);
    return 0;
}
