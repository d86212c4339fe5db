#include "crypto/signature.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "crypto/mac.h"

struct signer {
    EVP_PKEY *key;
    EVP_MD_CTX *context;
    uint8_t public_key[ED25519_PUBLIC_SIZE];
};

static err key_public(EVP_PKEY *key, uint8_t out[32])
{
    size_t size = 32;
    return key && EVP_PKEY_get_raw_public_key(key, out, &size) == 1 && size == 32 ? ERR_OK : ERR_CRYPTO;
}

err signer_open(struct signer **out, const uint8_t seed[ED25519_SEED_SIZE])
{
    struct signer *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NO_MEMORY;
    s->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED_SIZE);
    s->context = EVP_MD_CTX_new();
    if (!s->context || key_public(s->key, s->public_key) != ERR_OK) {
        signer_close(s);
        return ERR_CRYPTO;
    }
    *out = s;
    return ERR_OK;
}

void signer_close(struct signer *s)
{
    if (!s)
        return;
    EVP_MD_CTX_free(s->context);
    EVP_PKEY_free(s->key);
    free(s);
}

const uint8_t *signer_public_key(const struct signer *s)
{
    return s->public_key;
}

err signer_sign(struct signer *s, struct span message, uint8_t out[ED25519_SIGNATURE_SIZE])
{
    size_t size = ED25519_SIGNATURE_SIZE;
    bool good = EVP_MD_CTX_reset(s->context) == 1 && EVP_DigestSignInit(s->context, NULL, NULL, NULL, s->key) == 1 &&
                EVP_DigestSign(s->context, out, &size, message.data, message.size) == 1;
    return good && size == ED25519_SIGNATURE_SIZE ? ERR_OK : ERR_CRYPTO;
}

err ed25519_public_key(const uint8_t seed[ED25519_SEED_SIZE], uint8_t out[ED25519_PUBLIC_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED_SIZE);
    err e = key_public(key, out);
    EVP_PKEY_free(key);
    return e;
}

err ed25519_sign(const uint8_t seed[ED25519_SEED_SIZE], struct span message, uint8_t out[ED25519_SIGNATURE_SIZE])
{
    struct signer *s;
    TRY(signer_open(&s, seed));
    err e = signer_sign(s, message, out);
    signer_close(s);
    return e;
}

bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_SIZE], struct span message,
                    const uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, ED25519_PUBLIC_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, ED25519_SIGNATURE_SIZE, message.data, message.size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}

err x25519_public_key(const uint8_t private_key[X25519_SIZE], uint8_t out[X25519_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, X25519_SIZE);
    err e = key_public(key, out);
    EVP_PKEY_free(key);
    return e;
}

err x25519_shared(const uint8_t private_key[X25519_SIZE], const uint8_t peer[X25519_SIZE], uint8_t out[X25519_SIZE])
{
    static const uint8_t zero[X25519_SIZE];
    size_t size = X25519_SIZE;
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, X25519_SIZE);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, X25519_SIZE);
    EVP_PKEY_CTX *context = ours ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
    bool ready = theirs && context && EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, theirs) == 1;
    /* The library itself refuses low-order points; a zero result is checked again all the same (RFC 7748 §6.1). */
    bool good = ready && EVP_PKEY_derive(context, out, &size) == 1 && size == X25519_SIZE &&
                !bytes_equal_constant_time(out, zero, X25519_SIZE);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(ours);
    if (good)
        return ERR_OK;
    bytes_erase(out, X25519_SIZE);
    return ready ? ERR_INVALID : ERR_CRYPTO;
}
