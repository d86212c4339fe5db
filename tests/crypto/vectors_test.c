/* The published vectors of FIPS 180-4, RFC 1321, 4231, 5869, 7748, 8032 and NIST SP 800-38D and 800-90A (CAVP). */
#include "test.h"

#include <string.h>

#include "base/text.h"
#include "crypto/aead.h"
#include "crypto/digest.h"
#include "crypto/drbg.h"
#include "crypto/mac.h"
#include "crypto/signature.h"

/* Decodes a vector into `out` and returns it as a span. */
static struct span hex(const char *text, uint8_t *out)
{
    size_t size = strlen(text) / 2;
    assert_int_equal(hex_decode(span_text(text), out, size), ERR_OK);
    return span_of(out, size);
}

static void assert_hex(const uint8_t *got, const char *want)
{
    uint8_t bytes[256];
    struct span s = hex(want, bytes);
    assert_memory_equal(got, s.data, s.size);
}

static void digests_match_the_standards(void **state)
{
    (void)state;
    uint8_t out[32];
    sha256(SPAN_LITERAL("abc"), out);
    assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256((struct span){0}, out);
    assert_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    md5(SPAN_LITERAL("message digest"), out);
    assert_hex(out, "f96b697d7cb7938d525a2f31aaf161d0");
}

static void a_stream_gives_the_digest_of_the_whole(void **state)
{
    (void)state;
    for (int kind = DIGEST_SHA256; kind <= DIGEST_MD5; kind++) {
        struct digest *d, *copy;
        uint8_t streamed[32], copied[32], whole[32];
        assert_int_equal(digest_open(&d, (enum digest_kind)kind), ERR_OK);
        for (int round = 0; round < 2; round++) { /* reuse gives the same */
            digest_more(d, SPAN_LITERAL("string of "));
            assert_int_equal(digest_copy(&copy, d), ERR_OK);
            digest_more(d, SPAN_LITERAL("pearls"));
            digest_more(copy, SPAN_LITERAL("pearls"));
            digest_finish(d, streamed);
            digest_finish(copy, copied);
            digest_close(copy);
            (kind == DIGEST_MD5 ? md5 : sha256)(SPAN_LITERAL("string of pearls"), whole);
            assert_memory_equal(streamed, whole, kind == DIGEST_MD5 ? 16 : 32);
            assert_memory_equal(copied, whole, kind == DIGEST_MD5 ? 16 : 32);
        }
        digest_close(d);
    }
}

static void hmac_matches_rfc_4231(void **state)
{
    (void)state;
    uint8_t out[32], key[131];
    hmac_sha256(SPAN_LITERAL("Jefe"), SPAN_LITERAL("what do ya want for nothing?"), out);
    assert_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key); /* case 6: a key above the block size */
    hmac_sha256(span_of(key, sizeof key), SPAN_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    assert_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hkdf_matches_rfc_5869(void **state)
{
    (void)state;
    uint8_t key[22], salt[16], info[16], out[42];
    memset(key, 0x0b, sizeof key);
    assert_int_equal(hkdf_sha256(span_of(key, 22), hex("000102030405060708090a0b0c", salt),
                                 hex("f0f1f2f3f4f5f6f7f8f9", info), out, sizeof out), ERR_OK);
    assert_hex(out, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_int_equal(hkdf_sha256(span_of(key, 22), (struct span){0}, (struct span){0}, out, sizeof out), ERR_OK);
    assert_hex(out, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    assert_int_equal(hkdf_sha256(span_of(key, 22), (struct span){0}, (struct span){0}, out, 255 * 32 + 1), ERR_RANGE);
}

static void gcm_matches_nist_and_refuses_any_flipped_bit(void **state)
{
    (void)state;
    uint8_t key[32], nonce[12], additional[20], plain[60], sealed[60], back[60], tag[16];
    hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key);
    hex("cafebabefacedbaddecaf888", nonce);
    struct span a = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", additional);
    struct span p = hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
                        "b525b16aedf5aa0de657ba637b39", plain);
    struct aead *x;
    assert_int_equal(aead_open(&x), ERR_OK);
    for (int round = 0; round < 2; round++) { /* the second round reuses the key schedule */
        assert_int_equal(aead_seal(x, key, nonce, a, p, sealed, tag), ERR_OK);
        assert_hex(sealed, "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682"
                           "8838c5f61e6393ba7a0abcc9f662");
        assert_hex(tag, "76fc6ece0f4e1768cddf8853bb2d551b");
        assert_int_equal(aead_unseal(x, key, nonce, a, span_of(sealed, 60), tag, back), ERR_OK);
        assert_memory_equal(back, plain, 60);
    }
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit += 7) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(aead_unseal(x, key, nonce, a, span_of(sealed, 60), tag, back), ERR_SIGNATURE);
        assert_int_equal(back[0], 0);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    tag[15] ^= 1;
    assert_int_equal(aead_unseal(x, key, nonce, a, span_of(sealed, 60), tag, back), ERR_SIGNATURE);
    aead_close(x);
}

static void ed25519_matches_rfc_8032(void **state)
{
    (void)state;
    uint8_t seed[32], public_key[32], signature[64], message = 0x72;
    hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed);
    assert_int_equal(ed25519_public_key(seed, public_key), ERR_OK);
    assert_hex(public_key, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    struct signer *s;
    assert_int_equal(signer_open(&s, seed), ERR_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(signer_sign(s, span_of(&message, 1), signature), ERR_OK);
        assert_hex(signature, "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
                              "0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    }
    assert_memory_equal(signer_public_key(s), public_key, 32);
    signer_close(s);
    assert_true(ed25519_verify(public_key, span_of(&message, 1), signature));
    message ^= 1;
    assert_false(ed25519_verify(public_key, span_of(&message, 1), signature));
    hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed);
    assert_int_equal(ed25519_sign(seed, (struct span){0}, signature), ERR_OK);
    assert_hex(signature, "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                          "d25bf5f0595bbe24655141438e7a100b");
}

static void x25519_matches_rfc_7748_and_refuses_low_order_keys(void **state)
{
    (void)state;
    uint8_t a[32], b[32], out[32], a_public[32], b_public[32], other[32];
    hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", a);
    hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", b);
    assert_int_equal(x25519_shared(a, b, out), ERR_OK);
    assert_hex(out, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    assert_int_equal(x25519_public_key(a, a_public), ERR_OK);
    assert_int_equal(x25519_public_key(b, b_public), ERR_OK);
    assert_int_equal(x25519_shared(a, b_public, out), ERR_OK);
    assert_int_equal(x25519_shared(b, a_public, other), ERR_OK);
    assert_memory_equal(out, other, 32);
    memset(b, 0, sizeof b);
    assert_int_equal(x25519_shared(a, b, out), ERR_INVALID);
}

static void drbg_matches_the_nist_vector(void **state)
{
    (void)state;
    uint8_t seed[48], out[128];
    struct drbg d = drbg_of(hex("ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488"
                                "659ba96c601dc69fc902940805ec0ca8", seed));
    drbg_bytes(&d, out, sizeof out);
    drbg_bytes(&d, out, sizeof out); /* CAVP reports the second draw */
    assert_hex(out, "e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89d54fbb978a15b5c443c9ec21036d2460"
                    "b6f73ebad0dc2aba6e624abf07745bc107694bb7547bb0995f70de25d6b29e2d3011bb19d27676c07162c8b5ccde0668"
                    "961df86803482cb37ed6d5c0bb8d50cf1f50d476aa0458bdaba806f48be9dcb8");
}

static void compares_in_constant_time_and_erases(void **state)
{
    (void)state;
    uint8_t secret[4] = {1, 2, 3, 4};
    assert_true(bytes_equal_constant_time(secret, "\1\2\3\4", 4));
    assert_false(bytes_equal_constant_time(secret, "\1\2\3\5", 4));
    bytes_erase(secret, sizeof secret);
    assert_memory_equal(secret, "\0\0\0\0", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_match_the_standards),
        cmocka_unit_test(a_stream_gives_the_digest_of_the_whole),
        cmocka_unit_test(hmac_matches_rfc_4231),
        cmocka_unit_test(hkdf_matches_rfc_5869),
        cmocka_unit_test(gcm_matches_nist_and_refuses_any_flipped_bit),
        cmocka_unit_test(ed25519_matches_rfc_8032),
        cmocka_unit_test(x25519_matches_rfc_7748_and_refuses_low_order_keys),
        cmocka_unit_test(drbg_matches_the_nist_vector),
        cmocka_unit_test(compares_in_constant_time_and_erases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
