#include "region/payload.h"

#include <string.h>

err payload_begin(struct payload *p)
{
    bool chunks = p->mode == PAYLOAD_SIGNED_CHUNKS || p->mode == PAYLOAD_UNSIGNED_CHUNKS;
    p->begun = true;
    p->state = chunks ? CHUNK_HEADER : CHUNK_DATA;
    if (p->md5_wanted || p->md5_given)
        TRY(digest_begin(&p->md5_digest, CHECKSUM_MD5));
    if (p->mode == PAYLOAD_HEX || p->mode == PAYLOAD_SIGNED_CHUNKS)
        TRY(digest_begin(&p->sha256_digest, CHECKSUM_SHA256));
    /* SHA-256 of the whole is computed once, also when the client asks for it as a checksum. */
    if (p->checksum != CHECKSUM_NONE && !(p->checksum == CHECKSUM_SHA256 && p->mode == PAYLOAD_HEX))
        TRY(digest_begin(&p->checksum_digest, p->checksum));
    return ERR_OK;
}

void payload_free(struct payload *p)
{
    digest_free(&p->md5_digest);
    digest_free(&p->sha256_digest);
    digest_free(&p->checksum_digest);
}

static void fail(struct payload *p, enum payload_verdict verdict)
{
    p->failed = true;
    p->verdict = verdict;
}

/* Reads up to and with LF into p->line, without CR LF. Returns true when a line is complete. */
static bool take_line(struct payload *p, struct span *in)
{
    while (in->size) {
        char c = (char)in->data[0];
        *in = span_from(*in, 1);
        if (c == '\n') {
            if (p->line_size && p->line[p->line_size - 1] == '\r')
                p->line_size--;
            return true;
        }
        if (p->line_size == sizeof p->line) {
            fail(p, PAYLOAD_BAD_FRAMING);
            return false;
        }
        p->line[p->line_size++] = c;
    }
    return false;
}

static bool parse_hex(struct span s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.size == 0 || s.size > 15)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        unsigned digit = c >= '0' && c <= '9'   ? c - '0' + 0u
                         : c >= 'a' && c <= 'f' ? c - 'a' + 10u
                         : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                                : 16u;
        if (digit == 16)
            return false;
        v = v << 4 | digit;
    }
    *out = v;
    return true;
}

/* The chunk whose data has just ended (or the empty last one): its signature must continue the chain. */
static void check_chunk(struct payload *p)
{
    uint8_t hash[CHECKSUM_BYTES_MAX];
    char expected[65];
    if (p->mode != PAYLOAD_SIGNED_CHUNKS)
        return;
    digest_end(&p->sha256_digest, hash);
    sigv4_chunk_signature(p->sign, hash, expected);
    if (!sigv4_equal(span_text(p->chunk_signature), expected))
        fail(p, PAYLOAD_BAD_SIGNATURE);
    else if (digest_begin(&p->sha256_digest, CHECKSUM_SHA256) != ERR_OK)
        fail(p, PAYLOAD_BAD_FRAMING);
}

/* "1000;chunk-signature=HEX" */
static void chunk_header(struct payload *p)
{
    struct span line = span_of(p->line, p->line_size), size, rest = line, part;
    p->line_size = 0;
    span_cut(&rest, ';', &size);
    p->chunk_signature[0] = 0;
    while (span_cut(&rest, ';', &part)) {
        part = span_trim(part);
        if (span_starts(part, "chunk-signature=") && !text_copy(p->chunk_signature, 65, span_from(part, 16)))
            fail(p, PAYLOAD_BAD_FRAMING);
    }
    if (!parse_hex(span_trim(size), &p->chunk_left)) {
        fail(p, PAYLOAD_BAD_FRAMING);
    } else if (p->size != UINT64_MAX && p->chunk_left > p->size - p->seen) {
        fail(p, PAYLOAD_INCOMPLETE);
    } else if (p->chunk_left > 0) {
        p->state = CHUNK_DATA;
    } else {
        check_chunk(p);
        p->state = CHUNK_TRAILER; /* without trailers: one empty line, or nothing */
    }
}

static void trailer_checksum(struct payload *p, struct span name, struct span value)
{
    size_t size = 0;
    if (!span_starts(name, "x-amz-checksum-"))
        return;
    enum checksum kind = checksum_from_name(span_from(name, 15));
    if (kind == CHECKSUM_NONE || kind != p->checksum ||
        base64_decode(value, p->checksum_expected, sizeof p->checksum_expected, &size) != ERR_OK || size != checksum_size(kind))
        fail(p, PAYLOAD_BAD_TRAILER);
    else
        p->checksum_given = true;
}

static void trailer_line(struct payload *p)
{
    struct span value = span_of(p->line, p->line_size), name;
    p->line_size = 0;
    if (value.size == 0)
        return; /* the end of the trailer, or the separator before its signature */
    span_cut(&value, ':', &name);
    if (!p->trailer || !value.data) {
        fail(p, PAYLOAD_BAD_FRAMING);
        return;
    }
    value = span_trim(value);
    char lower[64];
    if (!text_copy(lower, sizeof lower, span_trim(name))) {
        fail(p, PAYLOAD_BAD_FRAMING);
        return;
    }
    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    if (strcmp(lower, "x-amz-trailer-signature") == 0) {
        if (!text_copy(p->trailer_signature, 65, value))
            fail(p, PAYLOAD_BAD_SIGNATURE);
        return;
    }
    size_t name_size = strlen(lower);
    if (name_size + value.size + 2 > sizeof p->trailer_text - p->trailer_size) {
        fail(p, PAYLOAD_BAD_FRAMING);
        return;
    }
    char *at = p->trailer_text + p->trailer_size;
    memcpy(at, lower, name_size);
    at[name_size] = ':';
    memcpy(at + name_size + 1, value.data, value.size);
    at[name_size + 1 + value.size] = '\n';
    p->trailer_size += name_size + value.size + 2;
    trailer_checksum(p, span_text(lower), value);
}

static void account(struct payload *p, struct span piece)
{
    p->seen += piece.size;
    if (digest_running(&p->md5_digest))
        digest_add(&p->md5_digest, piece);
    if (digest_running(&p->sha256_digest))
        digest_add(&p->sha256_digest, piece);
    if (digest_running(&p->checksum_digest))
        digest_add(&p->checksum_digest, piece);
}

/* Takes at most `most` bytes of data off the input. */
static struct span take_data(struct payload *p, struct span *in, uint64_t most)
{
    struct span piece = {in->data, (size_t)MIN((uint64_t)in->size, most)};
    *in = span_from(*in, piece.size);
    account(p, piece);
    return piece;
}

static bool plain_next(struct payload *p, struct span *in, uint64_t most, struct span *piece)
{
    if (in->size == 0 || most == 0)
        return false;
    if (p->size != UINT64_MAX && in->size > p->size - p->seen) {
        fail(p, PAYLOAD_INCOMPLETE);
        return false;
    }
    *piece = take_data(p, in, most);
    return true;
}

bool payload_next(struct payload *p, struct span *in, uint64_t most, struct span *piece)
{
    *piece = (struct span){0};
    ASSERT(p->begun);
    if (p->failed || in->size == 0)
        return false;
    if (p->mode == PAYLOAD_PLAIN || p->mode == PAYLOAD_HEX)
        return plain_next(p, in, most, piece);
    switch (p->state) {
    case CHUNK_HEADER:
        if (take_line(p, in))
            chunk_header(p);
        return !p->failed;
    case CHUNK_DATA:
        if (most == 0)
            return false;
        *piece = take_data(p, in, MIN(most, p->chunk_left));
        p->chunk_left -= piece->size;
        if (p->chunk_left == 0) {
            check_chunk(p);
            p->state = CHUNK_DATA_END;
        }
        return !p->failed;
    case CHUNK_DATA_END:
        if (take_line(p, in)) {
            if (p->line_size)
                fail(p, PAYLOAD_BAD_FRAMING);
            p->state = CHUNK_HEADER;
        }
        return !p->failed;
    case CHUNK_TRAILER:
        if (take_line(p, in))
            trailer_line(p);
        return !p->failed;
    case CHUNK_END:
        break;
    }
    return false;
}

static void check_trailer_signature(struct payload *p)
{
    char expected[65];
    uint8_t hash[CHECKSUM_BYTES_MAX];
    struct digest d = {0};
    if (p->mode != PAYLOAD_SIGNED_CHUNKS || !p->trailer)
        return;
    if (digest_begin(&d, CHECKSUM_SHA256) != ERR_OK) {
        fail(p, PAYLOAD_BAD_SIGNATURE);
        return;
    }
    digest_add(&d, span_of(p->trailer_text, p->trailer_size));
    digest_end(&d, hash);
    sigv4_trailer_signature(p->sign, hash, expected);
    if (!sigv4_equal(span_text(p->trailer_signature), expected))
        fail(p, PAYLOAD_BAD_SIGNATURE);
}

static void end_digests(struct payload *p)
{
    uint8_t sha256[CHECKSUM_BYTES_MAX] = {0}, md5[CHECKSUM_BYTES_MAX];
    char hex[65];
    bool whole_sha256 = p->mode == PAYLOAD_HEX;
    if (digest_running(&p->sha256_digest))
        digest_end(&p->sha256_digest, sha256);
    if (digest_running(&p->md5_digest)) {
        digest_end(&p->md5_digest, md5);
        memcpy(p->md5, md5, sizeof p->md5);
    }
    if (digest_running(&p->checksum_digest))
        digest_end(&p->checksum_digest, p->checksum_value);
    else if (p->checksum == CHECKSUM_SHA256 && whole_sha256)
        memcpy(p->checksum_value, sha256, sizeof sha256);
    hex_encode(sha256, 32, hex);
    if (whole_sha256 && memcmp(hex, p->sha256_hex, 64) != 0)
        fail(p, PAYLOAD_BAD_SHA256);
    else if (p->md5_given && memcmp(p->md5, p->md5_expected, 16) != 0)
        fail(p, PAYLOAD_BAD_DIGEST);
    else if (p->checksum_given && memcmp(p->checksum_value, p->checksum_expected, checksum_size(p->checksum)) != 0)
        fail(p, PAYLOAD_BAD_DIGEST);
}

enum payload_verdict payload_end(struct payload *p)
{
    bool chunks = p->mode == PAYLOAD_SIGNED_CHUNKS || p->mode == PAYLOAD_UNSIGNED_CHUNKS;
    if (p->failed)
        return p->verdict;
    if (chunks && p->line_size) /* the last trailer line may come without its line end */
        p->state == CHUNK_TRAILER ? trailer_line(p) : fail(p, PAYLOAD_BAD_FRAMING);
    if (!p->failed && ((chunks && p->state != CHUNK_TRAILER) || (p->size != UINT64_MAX && p->seen != p->size)))
        fail(p, PAYLOAD_INCOMPLETE);
    if (!p->failed)
        check_trailer_signature(p);
    if (!p->failed && p->trailer && p->checksum != CHECKSUM_NONE && !p->checksum_given)
        fail(p, PAYLOAD_BAD_TRAILER);
    if (!p->failed)
        end_digests(p);
    p->state = CHUNK_END;
    return p->failed ? p->verdict : PAYLOAD_OK;
}
