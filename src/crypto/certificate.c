#include "crypto/certificate.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BUNDLE_EID_OID "1.3.6.1.5.5.7.8.11"
#define BUNDLE_SECURITY_OID "1.3.6.1.5.5.7.3.35"

EVP_PKEY *certificate_key(const uint8_t seed[32])
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
}

static time_t unix_seconds(tai_ns t)
{
    return (time_t)(t / NS_PER_S - TAI_MINUS_UTC_S);
}

static bool subject_set(X509 *x, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(x);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1;
}

/* Version 3, serial, validity, subject and key: what both kinds of certificate share. */
static X509 *certificate_begin(EVP_PKEY *key, const char *name, uint64_t serial, struct certificate_validity validity)
{
    X509 *x = X509_new();
    bool good = x && X509_set_version(x, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial) == 1 &&
                ASN1_TIME_set(X509_getm_notBefore(x), unix_seconds(validity.from)) &&
                ASN1_TIME_set(X509_getm_notAfter(x), unix_seconds(validity.until)) && subject_set(x, name) &&
                X509_set_pubkey(x, key) == 1;
    if (good)
        return x;
    X509_free(x);
    return NULL;
}

static bool extension_add(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good = extension && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

err certificate_authority_create(X509 **out, EVP_PKEY *root_key, const char *mission, uint64_t serial,
                                 struct certificate_validity validity)
{
    X509 *x = certificate_begin(root_key, mission, serial, validity);
    bool good = x && X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
                extension_add(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                extension_add(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                extension_add(x, x, NID_subject_key_identifier, "hash") && X509_sign(x, root_key, NULL) > 0;
    if (!good) {
        X509_free(x);
        return ERR_CRYPTO;
    }
    *out = x;
    return ERR_OK;
}

static bool key_usage_add(X509 *x)
{
    return extension_add(x, x, NID_basic_constraints, "critical,CA:FALSE") &&
           extension_add(x, x, NID_key_usage, "critical,digitalSignature") &&
           extension_add(x, x, NID_ext_key_usage, BUNDLE_SECURITY_OID ",serverAuth,clientAuth");
}

err certificate_node_issue(X509 **out, X509 *authority, EVP_PKEY *root_key, EVP_PKEY *node_key, uint32_t node,
                           const char *name, uint64_t serial, struct certificate_validity validity)
{
    char names[80];
    snprintf(names, sizeof names, "otherName:" BUNDLE_EID_OID ";IA5STRING:ipn:%u.0", node);
    X509 *x = certificate_begin(node_key, name, serial, validity);
    bool good = x && X509_set_issuer_name(x, X509_get_subject_name(authority)) == 1 && key_usage_add(x) &&
                extension_add(x, authority, NID_subject_alt_name, names) &&
                extension_add(x, authority, NID_authority_key_identifier, "keyid") && X509_sign(x, root_key, NULL) > 0;
    if (!good) {
        X509_free(x);
        return ERR_CRYPTO;
    }
    *out = x;
    return ERR_OK;
}

/* "ipn:NODE.0", nothing before, between or behind; no leading zero. */
static err endpoint_node(struct span text, uint32_t *node)
{
    if (text.size < 7 || memcmp(text.data, "ipn:", 4) != 0 || memcmp(text.data + text.size - 2, ".0", 2) != 0)
        return ERR_INVALID;
    uint64_t value = 0;
    for (size_t i = 4; i < text.size - 2; i++) {
        uint8_t c = text.data[i];
        if (c < '0' || c > '9' || (c == '0' && value == 0) || value > UINT32_MAX / 10)
            return ERR_INVALID;
        value = value * 10 + (uint64_t)(c - '0');
    }
    if (value == 0 || value > UINT32_MAX)
        return ERR_INVALID;
    *node = (uint32_t)value;
    return ERR_OK;
}

static bool is_bundle_endpoint(const GENERAL_NAME *name)
{
    char oid[64];
    return name->type == GEN_OTHERNAME && OBJ_obj2txt(oid, sizeof oid, name->d.otherName->type_id, 1) > 0 &&
           strcmp(oid, BUNDLE_EID_OID) == 0 && name->d.otherName->value->type == V_ASN1_IA5STRING;
}

err certificate_node_id(const X509 *certificate, uint32_t *node)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    err e = ERR_INVALID;
    int found = 0;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (!is_bundle_endpoint(name))
            continue;
        const ASN1_STRING *text = name->d.otherName->value->value.ia5string;
        e = endpoint_node(span_of(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)), node);
        found++;
    }
    GENERAL_NAMES_free(names);
    return found == 1 ? e : ERR_INVALID;
}

static bool allows_bundle_security(const X509 *certificate)
{
    EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    bool found = false;
    for (int i = 0; usage && i < sk_ASN1_OBJECT_num(usage) && !found; i++) {
        char oid[64];
        found = OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(usage, i), 1) > 0 && strcmp(oid, BUNDLE_SECURITY_OID) == 0;
    }
    sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
    return found;
}

err certificate_node_check(X509 *certificate, X509 *authority, tai_ns wall, uint32_t *node)
{
    time_t at = unix_seconds(wall);
    EVP_PKEY *root_key = X509_get0_pubkey(authority);
    if (!root_key || X509_check_issued(authority, certificate) != X509_V_OK || X509_verify(certificate, root_key) != 1)
        return ERR_SIGNATURE;
    /* X509_cmp_time gives -1 (earlier or equal), 1 (later) or 0 (malformed). */
    if (X509_cmp_time(X509_get0_notBefore(certificate), &at) != -1 || X509_cmp_time(X509_get0_notAfter(certificate), &at) != 1)
        return ERR_EXPIRED;
    if (X509_check_ca(certificate) != 0 || !allows_bundle_security(certificate))
        return ERR_DENIED;
    return certificate_node_id(certificate, node);
}

err certificate_der(const X509 *certificate, uint8_t **out, size_t *size)
{
    *out = NULL;
    int made = i2d_X509(certificate, out);
    if (made <= 0)
        return ERR_CRYPTO;
    *size = (size_t)made;
    return ERR_OK;
}

void certificate_der_free(uint8_t *der)
{
    OPENSSL_free(der);
}

err certificate_parse(struct span der, X509 **out)
{
    const uint8_t *at = der.data;
    if (der.size > 65536)
        return ERR_TOO_LARGE;
    *out = d2i_X509(NULL, &at, (long)der.size);
    if (*out && at == der.data + der.size)
        return ERR_OK;
    X509_free(*out);
    *out = NULL;
    return ERR_INVALID;
}
