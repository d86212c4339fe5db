/*
 * region/payload.h - from the bytes of a request body to the bytes of the object: aws-chunked, digests, trailers.
 *
 * Story:    a payload is told by the request's headers how the body is coded and what must hold of it. It takes raw
 *           bytes in any cuts, gives out decoded pieces (parts of the input: no copy), and at the end says whether
 *           everything that the client promised is true.
 * Source:   AWS "Transferring payload in multiple chunks (chunked upload)", and trailing checksums.
 * Errors:   INVALID: bad framing. SIGNATURE: a chunk's signature. TRUNCATED: fewer bytes than declared. TOO_LARGE: more.
 *           See payload_end for the verdicts.
 * Owns:     OpenSSL contexts until payload_free.
 */
#ifndef NOCT_REGION_PAYLOAD_H
#define NOCT_REGION_PAYLOAD_H

#include "region/checksum.h"
#include "region/sigv4.h"

enum { PAYLOAD_LINE_MAX = 1024, PAYLOAD_TRAILER_MAX = 4096 };

enum payload_mode { PAYLOAD_PLAIN, PAYLOAD_HEX, PAYLOAD_SIGNED_CHUNKS, PAYLOAD_UNSIGNED_CHUNKS };
enum payload_verdict { PAYLOAD_OK, PAYLOAD_BAD_FRAMING, PAYLOAD_BAD_SIGNATURE, PAYLOAD_INCOMPLETE, PAYLOAD_BAD_SHA256, PAYLOAD_BAD_DIGEST, PAYLOAD_BAD_TRAILER };

struct payload {
    enum payload_mode mode;
    bool trailer;                /* trailer lines follow the last chunk */
    uint64_t size;               /* decoded size declared, UINT64_MAX: unknown */
    uint64_t seen;
    char sha256_hex[65];         /* PAYLOAD_HEX */
    bool md5_given, md5_wanted, checksum_given;
    uint8_t md5_expected[16], md5[16];
    enum checksum checksum;      /* of the header, or announced in x-amz-trailer */
    uint8_t checksum_expected[CHECKSUM_BYTES_MAX], checksum_value[CHECKSUM_BYTES_MAX];
    struct digest md5_digest, sha256_digest, checksum_digest;
    struct sigv4 *sign;          /* chunk signatures */
    /* the decoder of aws-chunked */
    enum { CHUNK_HEADER, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER, CHUNK_END } state;
    uint64_t chunk_left;
    char chunk_signature[65];
    char line[PAYLOAD_LINE_MAX];
    size_t line_size;
    char trailer_text[PAYLOAD_TRAILER_MAX]; /* canonical: "name:value\n" */
    size_t trailer_size;
    char trailer_signature[65];
    bool begun, failed;
    enum payload_verdict verdict;
};

/* Starts the digests that the fields above ask for. */
err payload_begin(struct payload *p) MUST_USE; /* CRYPTO */
/* Takes bytes from `in` (advancing it) and yields at most `most` decoded bytes in `piece`, which may be empty while
 * framing is consumed. Returns false when nothing more can be done with this input (used up, ended, or failed). */
bool payload_next(struct payload *p, struct span *in, uint64_t most, struct span *piece);
enum payload_verdict payload_end(struct payload *p); /* the body is complete: is it what was promised? fills md5, checksum_value */
void payload_free(struct payload *p);

#endif
