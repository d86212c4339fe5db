#include "region/checksum.h"

#include <immintrin.h>
#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/hash.h"
#include "region/uri.h"

static const struct {
    const char *name, *field;
    size_t size;
} kinds[CHECKSUM_COUNT] = {
    [CHECKSUM_NONE] = {"", "", 0},
    [CHECKSUM_CRC32] = {"crc32", "ChecksumCRC32", 4},
    [CHECKSUM_CRC32C] = {"crc32c", "ChecksumCRC32C", 4},
    [CHECKSUM_CRC64NVME] = {"crc64nvme", "ChecksumCRC64NVME", 8},
    [CHECKSUM_SHA1] = {"sha1", "ChecksumSHA1", 20},
    [CHECKSUM_SHA256] = {"sha256", "ChecksumSHA256", 32},
    [CHECKSUM_MD5] = {"md5", "", 16},
};

const char *checksum_name(enum checksum c)
{
    return kinds[c].name;
}

const char *checksum_field(enum checksum c)
{
    return kinds[c].field;
}

size_t checksum_size(enum checksum c)
{
    return kinds[c].size;
}

enum checksum checksum_from_name(struct span s)
{
    for (int c = CHECKSUM_CRC32; c < CHECKSUM_MD5; c++)
        if (span_equal_nocase(s, kinds[c].name))
            return (enum checksum)c;
    return CHECKSUM_NONE;
}

/* ---- CRC64NVME: bit-reflected, four bits at a time, or folded by carry-less products -------------------------- */

static uint64_t crc64_small(uint64_t crc, const uint8_t *p, size_t size)
{
    static const uint64_t nibble[16] = {
        0x0000000000000000, 0x78e0ff3b88be6f81, 0xf1c1fe77117cdf02, 0x8921014c99c2b083,
        0xd75adabd7a6e2d6f, 0xafba2586f2d042ee, 0x269b24ca6b12f26d, 0x5e7bdbf1e3ac9dec,
        0x9a6c9329ac4bc9b5, 0xe28c6c1224f5a634, 0x6bad6d5ebd3716b7, 0x134d926535897936,
        0x4d364994d625e4da, 0x35d6b6af5e9b8b5b, 0xbcf7b7e3c7593bd8, 0xc41748d84fe75459};
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return crc;
}

/* Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ" (Intel, 2009): x^575 and x^511, then
 * x^191 and x^127 modulo the polynomial, reflected. What is left (16 bytes and a tail) goes through the table. */
__attribute__((target("pclmul,sse2"))) static __m128i fold(__m128i a, __m128i keys, __m128i data)
{
    __m128i low = _mm_clmulepi64_si128(a, keys, 0x00), high = _mm_clmulepi64_si128(a, keys, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), data);
}

__attribute__((target("pclmul,sse2"))) static uint64_t crc64_folded(uint64_t crc, const uint8_t *p, size_t size)
{
    const __m128i by_512 = _mm_set_epi64x(0x62242240ace5045a, 0x0c32cdb31e18a84a);
    const __m128i by_128 = _mm_set_epi64x(0x21e9761e252621ac, (long long)0xeadc41fd2ba3d420);
    __m128i lane[4];
    for (int i = 0; i < 4; i++)
        lane[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
    lane[0] = _mm_xor_si128(lane[0], _mm_set_epi64x(0, (long long)crc));
    p += 64;
    size -= 64;
    for (; size >= 64; p += 64, size -= 64)
        for (int i = 0; i < 4; i++)
            lane[i] = fold(lane[i], by_512, _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)));
    __m128i all = lane[0];
    for (int i = 1; i < 4; i++)
        all = fold(all, by_128, lane[i]);
    uint8_t rest[16];
    _mm_storeu_si128((__m128i *)(void *)rest, all);
    return crc64_small(crc64_small(0, rest, sizeof rest), p, size);
}

uint64_t crc64nvme_more(uint64_t crc, const void *data, size_t size)
{
    crc = ~crc;
    if (size >= 128 && __builtin_cpu_supports("pclmul"))
        crc = crc64_folded(crc, data, size);
    else
        crc = crc64_small(crc, data, size);
    return ~crc;
}

/* ---- running digests ------------------------------------------------------------------------------------------ */

static const EVP_MD *method_of(enum checksum c)
{
    return c == CHECKSUM_MD5 ? EVP_md5() : c == CHECKSUM_SHA1 ? EVP_sha1() : c == CHECKSUM_SHA256 ? EVP_sha256() : NULL;
}

err digest_begin(struct digest *d, enum checksum kind)
{
    const EVP_MD *method = method_of(kind);
    ASSERT(kind != CHECKSUM_NONE);
    if (!d->context || d->kind != kind) {
        digest_free(d);
        d->context = method ? EVP_MD_CTX_new() : NULL;
    }
    d->kind = kind;
    d->crc = 0;
    if (method && (!d->context || EVP_DigestInit_ex(d->context, method, NULL) != 1)) {
        digest_free(d);
        return ERR_CRYPTO;
    }
    return ERR_OK;
}

bool digest_running(const struct digest *d)
{
    return d->kind != CHECKSUM_NONE;
}

void digest_add(struct digest *d, struct span s)
{
    const uint8_t *p = s.data;
    size_t left = s.size;
    if (left == 0)
        return;
    if (d->kind == CHECKSUM_CRC32C) {
        d->crc = crc32c_more((uint32_t)d->crc, p, left);
    } else if (d->kind == CHECKSUM_CRC64NVME) {
        d->crc = crc64nvme_more(d->crc, p, left);
    } else if (d->kind == CHECKSUM_CRC32) {
        d->crc = crc32_gzip_refl((uint32_t)d->crc, p, left);
    } else {
        ASSERT(d->context && EVP_DigestUpdate(d->context, p, left) == 1);
    }
}

void digest_end(struct digest *d, uint8_t out[CHECKSUM_BYTES_MAX])
{
    struct writer w = writer_of(out, CHECKSUM_BYTES_MAX);
    unsigned size = 0;
    if (d->kind == CHECKSUM_CRC64NVME)
        write_u64_be(&w, d->crc);
    else if (d->kind == CHECKSUM_CRC32 || d->kind == CHECKSUM_CRC32C)
        write_u32_be(&w, (uint32_t)d->crc);
    else
        ASSERT(d->context && EVP_DigestFinal_ex(d->context, out, &size) == 1);
    digest_free(d);
}

void digest_free(struct digest *d)
{
    EVP_MD_CTX_free(d->context);
    *d = (struct digest){0};
}
