#include "test.h"

#include "crypto/certificate.h"

enum { ROOT_SEED = 1, NODE_SEED = 2, OTHER_SEED = 3 };

struct pki {
    EVP_PKEY *root_key, *node_key;
    X509 *authority, *node;
    struct certificate_validity validity;
};

static EVP_PKEY *key_of(uint8_t first)
{
    uint8_t seed[32] = {first};
    return certificate_key(seed);
}

static struct pki pki_make(void)
{
    struct pki p = {.root_key = key_of(ROOT_SEED), .node_key = key_of(NODE_SEED)};
    p.validity.from = time_from_utc(2026, 11, 21, 0, 0, 0);
    p.validity.until = p.validity.from + 30 * NS_PER_DAY;
    assert_int_equal(certificate_authority_create(&p.authority, p.root_key, "noctilucent test mission", 1, p.validity), ERR_OK);
    assert_int_equal(certificate_node_issue(&p.node, p.authority, p.root_key, p.node_key, 3, "sat-3", 77, p.validity), ERR_OK);
    return p;
}

static void pki_free(struct pki *p)
{
    X509_free(p->node);
    X509_free(p->authority);
    EVP_PKEY_free(p->node_key);
    EVP_PKEY_free(p->root_key);
}

static void a_node_certificate_names_its_node(void **state)
{
    (void)state;
    struct pki p = pki_make();
    uint32_t node = 0;
    assert_int_equal(certificate_node_id(p.node, &node), ERR_OK);
    assert_int_equal(node, 3);
    node = 0;
    assert_int_equal(certificate_node_check(p.node, p.authority, p.validity.from + NS_PER_DAY, &node), ERR_OK);
    assert_int_equal(node, 3);
    assert_int_equal(certificate_node_id(p.authority, &node), ERR_INVALID);
    pki_free(&p);
}

static void the_largest_node_number_survives(void **state)
{
    (void)state;
    struct pki p = pki_make();
    uint32_t node = 0;
    X509 *x;
    assert_int_equal(certificate_node_issue(&x, p.authority, p.root_key, p.node_key, UINT32_MAX, "far", 78, p.validity), ERR_OK);
    assert_int_equal(certificate_node_id(x, &node), ERR_OK);
    assert_true(node == UINT32_MAX);
    X509_free(x);
    pki_free(&p);
}

static void openssl_accepts_the_chain(void **state)
{
    (void)state;
    struct pki p = pki_make();
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, p.authority);
    X509_STORE_CTX_init(context, store, p.node, NULL);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), (time_t)(p.validity.from / NS_PER_S) + 3600);
    assert_int_equal(X509_verify_cert(context), 1);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    pki_free(&p);
}

static void refuses_another_root_and_the_wrong_time(void **state)
{
    (void)state;
    struct pki p = pki_make();
    uint32_t node;
    EVP_PKEY *other_key = key_of(OTHER_SEED);
    X509 *other;
    assert_int_equal(certificate_authority_create(&other, other_key, "noctilucent test mission", 1, p.validity), ERR_OK);
    assert_int_equal(certificate_node_check(p.node, other, p.validity.from + NS_PER_DAY, &node), ERR_SIGNATURE);
    assert_int_equal(certificate_node_check(p.node, p.authority, p.validity.from - NS_PER_S, &node), ERR_EXPIRED);
    assert_int_equal(certificate_node_check(p.node, p.authority, p.validity.until + NS_PER_S, &node), ERR_EXPIRED);
    assert_int_equal(certificate_node_check(p.authority, p.authority, p.validity.from + NS_PER_DAY, &node), ERR_DENIED);
    X509_free(other);
    EVP_PKEY_free(other_key);
    pki_free(&p);
}

static void der_reads_back_and_rejects_damage(void **state)
{
    (void)state;
    struct pki p = pki_make();
    uint8_t *der;
    size_t size;
    X509 *back;
    uint32_t node;
    assert_int_equal(certificate_der(p.node, &der, &size), ERR_OK);
    assert_int_equal(certificate_parse(span_of(der, size), &back), ERR_OK);
    assert_int_equal(certificate_node_check(back, p.authority, p.validity.from + NS_PER_DAY, &node), ERR_OK);
    X509_free(back);
    assert_int_equal(certificate_parse(span_of(der, size - 1), &back), ERR_INVALID);
    assert_int_equal(certificate_parse((struct span){0}, &back), ERR_INVALID);
    for (size_t at = 0; at < size; at++) { /* no damaged byte yields a certificate that passes */
        der[at] ^= 0x20;
        if (certificate_parse(span_of(der, size), &back) == ERR_OK) {
            assert_int_not_equal(certificate_node_check(back, p.authority, p.validity.from + NS_PER_DAY, &node), ERR_OK);
            X509_free(back);
        }
        der[at] ^= 0x20;
    }
    certificate_der_free(der);
    pki_free(&p);
}

static void equal_arguments_give_equal_certificates(void **state)
{
    (void)state;
    struct pki a = pki_make(), b = pki_make();
    assert_int_equal(X509_cmp(a.node, b.node), 0);
    pki_free(&a);
    pki_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_certificate_names_its_node),
        cmocka_unit_test(the_largest_node_number_survives),
        cmocka_unit_test(openssl_accepts_the_chain),
        cmocka_unit_test(refuses_another_root_and_the_wrong_time),
        cmocka_unit_test(der_reads_back_and_rejects_damage),
        cmocka_unit_test(equal_arguments_give_equal_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
