#include "crypto/aead.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/mac.h"

enum { INPUT_MAX = 1 << 30 };

struct direction {
    EVP_CIPHER_CTX *context;
    uint8_t key[AEAD_KEY_SIZE];
    bool keyed;
};
struct aead {
    EVP_CIPHER *method;
    struct direction seal, unseal;
};

err aead_open(struct aead **out)
{
    struct aead *a = calloc(1, sizeof *a);
    if (!a)
        return ERR_NO_MEMORY;
    a->method = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    a->seal.context = EVP_CIPHER_CTX_new();
    a->unseal.context = EVP_CIPHER_CTX_new();
    if (!a->method || !a->seal.context || !a->unseal.context) {
        aead_close(a);
        return ERR_CRYPTO;
    }
    *out = a;
    return ERR_OK;
}

void aead_close(struct aead *a)
{
    if (!a)
        return;
    EVP_CIPHER_CTX_free(a->seal.context);
    EVP_CIPHER_CTX_free(a->unseal.context);
    EVP_CIPHER_free(a->method);
    bytes_erase(a, sizeof *a);
    free(a);
}

/* Sets key and nonce; an unchanged key keeps its schedule. */
static bool begin(struct aead *a, struct direction *d, const uint8_t *key, const uint8_t *nonce, int encrypt)
{
    if (d->keyed && bytes_equal_constant_time(d->key, key, AEAD_KEY_SIZE))
        return EVP_CipherInit_ex2(d->context, NULL, NULL, nonce, encrypt, NULL) == 1;
    d->keyed = EVP_CipherInit_ex2(d->context, a->method, key, nonce, encrypt, NULL) == 1;
    memcpy(d->key, key, AEAD_KEY_SIZE);
    return d->keyed;
}

static bool feed(struct direction *d, struct span additional, struct span in, uint8_t *out)
{
    int done = 0;
    if (additional.size && EVP_CipherUpdate(d->context, NULL, &done, additional.data, (int)additional.size) != 1)
        return false;
    return in.size == 0 || (EVP_CipherUpdate(d->context, out, &done, in.data, (int)in.size) == 1 && done == (int)in.size);
}

err aead_seal(struct aead *a, const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_NONCE_SIZE],
              struct span additional, struct span plain, uint8_t *out, uint8_t tag[AEAD_TAG_SIZE])
{
    struct direction *d = &a->seal;
    uint8_t rest[16];
    int rest_size = 0;
    if (additional.size > INPUT_MAX || plain.size > INPUT_MAX)
        return ERR_TOO_LARGE;
    bool good = begin(a, d, key, nonce, 1) && feed(d, additional, plain, out) &&
                EVP_CipherFinal_ex(d->context, rest, &rest_size) == 1 && rest_size == 0 &&
                EVP_CIPHER_CTX_ctrl(d->context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, tag) == 1;
    return good ? ERR_OK : ERR_CRYPTO;
}

err aead_unseal(struct aead *a, const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_NONCE_SIZE],
                struct span additional, struct span sealed, const uint8_t tag[AEAD_TAG_SIZE], uint8_t *out)
{
    struct direction *d = &a->unseal;
    uint8_t rest[16], tag_copy[AEAD_TAG_SIZE];
    int rest_size = 0;
    if (additional.size > INPUT_MAX || sealed.size > INPUT_MAX)
        return ERR_TOO_LARGE;
    memcpy(tag_copy, tag, sizeof tag_copy);
    if (!begin(a, d, key, nonce, 0) || !feed(d, additional, sealed, out) ||
        EVP_CIPHER_CTX_ctrl(d->context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE, tag_copy) != 1)
        return ERR_CRYPTO;
    if (EVP_CipherFinal_ex(d->context, rest, &rest_size) == 1)
        return ERR_OK;
    if (sealed.size)
        bytes_erase(out, sealed.size);
    return ERR_SIGNATURE;
}
