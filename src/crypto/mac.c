#include "crypto/mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "crypto/digest.h"

enum { BLOCK_SIZE = 64 };

/* RFC 2104 over the plain digest: EVP_MAC would fetch and allocate three objects for each call. */
void hmac_sha256_parts(struct span key, struct span first, struct span second, struct span third,
                       uint8_t out[HMAC_SHA256_SIZE])
{
    uint8_t block[BLOCK_SIZE] = {0}, pad[BLOCK_SIZE], inner[SHA256_SIZE];
    if (key.size > BLOCK_SIZE)
        sha256(key, block);
    else if (key.size)
        memcpy(block, key.data, key.size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ASSERT(context);
    for (size_t i = 0; i < BLOCK_SIZE; i++)
        pad[i] = block[i] ^ 0x36;
    bool good = EVP_DigestInit_ex2(context, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(context, pad, sizeof pad) == 1 &&
                EVP_DigestUpdate(context, first.data, first.size) == 1 &&
                EVP_DigestUpdate(context, second.data, second.size) == 1 &&
                EVP_DigestUpdate(context, third.data, third.size) == 1 &&
                EVP_DigestFinal_ex(context, inner, NULL) == 1;
    for (size_t i = 0; i < BLOCK_SIZE; i++)
        pad[i] = block[i] ^ 0x5c;
    good = good && EVP_DigestInit_ex2(context, EVP_sha256(), NULL) == 1 &&
           EVP_DigestUpdate(context, pad, sizeof pad) == 1 && EVP_DigestUpdate(context, inner, sizeof inner) == 1 &&
           EVP_DigestFinal_ex(context, out, NULL) == 1;
    ASSERT(good);
    EVP_MD_CTX_free(context);
    bytes_erase(block, sizeof block);
    bytes_erase(pad, sizeof pad);
}

void hmac_sha256(struct span key, struct span data, uint8_t out[HMAC_SHA256_SIZE])
{
    hmac_sha256_parts(key, data, (struct span){0}, (struct span){0}, out);
}

err hkdf_sha256(struct span key, struct span salt, struct span info, uint8_t *out, size_t size)
{
    if (size > 255 * (size_t)HMAC_SHA256_SIZE)
        return ERR_RANGE;
    uint8_t secret[HMAC_SHA256_SIZE], piece[HMAC_SHA256_SIZE];
    struct span previous = {0};
    hmac_sha256(salt, key, secret); /* RFC 5869 §2.2; an empty salt equals 32 zero bytes */
    for (uint8_t count = 1; size > 0; count++) { /* §2.3 */
        hmac_sha256_parts(span_of(secret, sizeof secret), previous, info, span_of(&count, 1), piece);
        size_t take = MIN(size, sizeof piece);
        memcpy(out, piece, take);
        out += take;
        size -= take;
        previous = span_of(piece, sizeof piece);
    }
    bytes_erase(secret, sizeof secret);
    bytes_erase(piece, sizeof piece);
    return ERR_OK;
}

bool bytes_equal_constant_time(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

void bytes_erase(void *data, size_t size)
{
    OPENSSL_cleanse(data, size);
}
