#include "crypto/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct digest {
    EVP_MD *method;
    EVP_MD_CTX *context;
    unsigned size;
};

static const char *method_name(enum digest_kind kind)
{
    return kind == DIGEST_MD5 ? "MD5" : "SHA256";
}

/* A digest over memory fails only when the library is broken: that is not an error one can act on. */
static void one_shot(const EVP_MD *method, struct span data, uint8_t *out)
{
    ASSERT(method);
    ASSERT(EVP_Digest(data.data, data.size, out, NULL, method, NULL) == 1);
}

void sha256(struct span data, uint8_t out[SHA256_SIZE])
{
    one_shot(EVP_sha256(), data, out);
}

void md5(struct span data, uint8_t out[MD5_SIZE])
{
    one_shot(EVP_md5(), data, out);
}

err digest_open(struct digest **out, enum digest_kind kind)
{
    struct digest *d = calloc(1, sizeof *d);
    if (!d)
        return ERR_NO_MEMORY;
    d->method = EVP_MD_fetch(NULL, method_name(kind), NULL);
    d->context = EVP_MD_CTX_new();
    if (!d->method || !d->context || EVP_DigestInit_ex2(d->context, d->method, NULL) != 1) {
        digest_close(d);
        return ERR_CRYPTO;
    }
    d->size = (unsigned)EVP_MD_get_size(d->method);
    *out = d;
    return ERR_OK;
}

void digest_close(struct digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->context);
    EVP_MD_free(d->method);
    free(d);
}

void digest_reset(struct digest *d)
{
    ASSERT(EVP_DigestInit_ex2(d->context, NULL, NULL) == 1);
}

void digest_more(struct digest *d, struct span data)
{
    if (data.size)
        ASSERT(EVP_DigestUpdate(d->context, data.data, data.size) == 1);
}

void digest_finish(struct digest *d, uint8_t *out)
{
    unsigned size = 0;
    ASSERT(EVP_DigestFinal_ex(d->context, out, &size) == 1 && size == d->size);
    digest_reset(d);
}

err digest_copy(struct digest **out, const struct digest *d)
{
    struct digest *copy = calloc(1, sizeof *copy);
    if (!copy)
        return ERR_NO_MEMORY;
    copy->size = d->size;
    copy->context = EVP_MD_CTX_new();
    if (!copy->context || EVP_MD_CTX_copy_ex(copy->context, d->context) != 1 || EVP_MD_up_ref(d->method) != 1) {
        digest_close(copy);
        return ERR_CRYPTO;
    }
    copy->method = d->method;
    *out = copy;
    return ERR_OK;
}
