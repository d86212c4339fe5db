/*
 * crypto/certificate.h - the mission's certificates: one authority, one certificate per node, as TCPCLv4 wants them.
 *
 * Story:    the mission root signs itself once; for each node it issues a certificate whose subject alternative name
 *           holds the bundle endpoint `ipn:NODE.0` and whose key usage allows bundle security. A peer that shows a
 *           certificate of this root is the node that the certificate names, and no other.
 * Owns:     nothing; X509 and EVP_PKEY objects that are returned belong to the caller (OpenSSL memory).
 * Errors:   ERR_CRYPTO from the library; ERR_INVALID when a certificate does not name exactly one node;
 *           ERR_SIGNATURE when it was not issued by the authority, ERR_EXPIRED outside its validity;
 *           ERR_DENIED when it must not be used for bundle security.
 * Source:   RFC 9174 §4.4 (id-on-bundleEID 1.3.6.1.5.5.7.8.11 as IA5String, id-kp-bundleSecurity 1.3.6.1.5.5.7.3.35),
 *           RFC 5280, RFC 8410 (Ed25519 in X.509). Pure: keys, times and serials are arguments.
 * Threads:  pure.
 */
#ifndef NOCT_CRYPTO_CERTIFICATE_H
#define NOCT_CRYPTO_CERTIFICATE_H

#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/time.h"

struct certificate_validity {
    tai_ns from, until;
};

EVP_PKEY *certificate_key(const uint8_t seed[32]); /* Ed25519; NULL when the library fails */
err certificate_authority_create(X509 **out, EVP_PKEY *root_key, const char *mission, uint64_t serial,
                                 struct certificate_validity validity) MUST_USE;
err certificate_node_issue(X509 **out, X509 *authority, EVP_PKEY *root_key, EVP_PKEY *node_key, uint32_t node,
                           const char *name, uint64_t serial, struct certificate_validity validity) MUST_USE;
err certificate_node_id(const X509 *certificate, uint32_t *node) MUST_USE; /* by its name alone: check it first */
/* Issued by `authority`, valid at `wall`, fit for bundle security; gives the node it names. */
err certificate_node_check(X509 *certificate, X509 *authority, tai_ns wall, uint32_t *node) MUST_USE;

/* DER for storage; *out is OPENSSL_malloc'ed by the library: free it with certificate_der_free. */
err certificate_der(const X509 *certificate, uint8_t **out, size_t *size) MUST_USE;
void certificate_der_free(uint8_t *der);
err certificate_parse(struct span der, X509 **out) MUST_USE;

#endif
