#include "crypto/signature.h"

#include <openssl/evp.h>
#include <sodium/crypto_sign.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/mac.h"

/* libsodium is never initialised: its Ed25519 is plain C without dispatch, and nothing here draws entropy. */
struct signer {
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES]; /* seed, then public key */
    uint8_t public_key[ED25519_PUBLIC_SIZE];
};

_Static_assert(ED25519_SEED_SIZE == crypto_sign_SEEDBYTES && ED25519_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES &&
                   ED25519_SIGNATURE_SIZE == crypto_sign_BYTES,
               "sizes of RFC 8032");

err signer_open(struct signer **out, const uint8_t seed[ED25519_SEED_SIZE])
{
    struct signer *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NO_MEMORY;
    if (crypto_sign_seed_keypair(s->public_key, s->secret_key, seed) != 0) {
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
    bytes_erase(s->secret_key, sizeof s->secret_key);
    free(s);
}

const uint8_t *signer_public_key(const struct signer *s)
{
    return s->public_key;
}

err signer_sign(struct signer *s, struct span message, uint8_t out[ED25519_SIGNATURE_SIZE])
{
    return crypto_sign_detached(out, NULL, message.data, message.size, s->secret_key) == 0 ? ERR_OK : ERR_CRYPTO;
}

err ed25519_public_key(const uint8_t seed[ED25519_SEED_SIZE], uint8_t out[ED25519_PUBLIC_SIZE])
{
    struct signer *s;
    TRY(signer_open(&s, seed));
    memcpy(out, s->public_key, ED25519_PUBLIC_SIZE);
    signer_close(s);
    return ERR_OK;
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
    return crypto_sign_verify_detached(signature, message.data, message.size, public_key) == 0;
}

static err key_public(EVP_PKEY *key, uint8_t out[X25519_SIZE])
{
    size_t size = X25519_SIZE;
    return key && EVP_PKEY_get_raw_public_key(key, out, &size) == 1 && size == X25519_SIZE ? ERR_OK : ERR_CRYPTO;
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
