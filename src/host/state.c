#include "host/state.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/mac.h"
#include "host/json_read.h"

enum { SCENARIO_MAX = 4 << 20, GENESIS_MAX = 64 << 20, SMALL_FILE_MAX = 64 * 1024 };
#define CERTIFICATE_YEARS_NS (50 * 365 * NS_PER_DAY)

static err fail(char why[STATE_WHY], err status, const char *what, const char *path)
{
    snprintf(why, STATE_WHY, "%s %.300s: %s", what, path, err_text(status));
    return status;
}

/* ---- scenario files ------------------------------------------------------------------------------------------------------ */

struct loading {
    char directory[PATH_SIZE]; /* where named files are */
    const char *copy_to;       /* NULL: do not copy */
    uint8_t *loaded[64];
    size_t loaded_count;
};

static err load_named(void *context, const char *path, struct span *out)
{
    struct loading *l = context;
    char full[PATH_SIZE], copy[PATH_SIZE], name[PATH_SIZE];
    size_t size;
    if (l->loaded_count == COUNT_OF(l->loaded))
        return ERR_FULL;
    snprintf(name, sizeof name, "%s", path);
    const char *base = basename(name);
    if (path[0] == '/')
        snprintf(full, sizeof full, "%s", path);
    else if (!path_join(full, l->directory, path))
        return ERR_TOO_LARGE;
    uint8_t **data = &l->loaded[l->loaded_count];
    err status = file_read(full, SCENARIO_MAX, data, &size);
    if (status == ERR_NOT_FOUND && path_join(full, l->directory, "files") && path_join(copy, full, base))
        status = file_read(copy, SCENARIO_MAX, data, &size);
    TRY(status);
    l->loaded_count++;
    *out = span_of(*data, size);
    if (l->copy_to && path_join(full, l->copy_to, "files") && path_join(copy, full, base)) {
        TRY(directory_make(full));
        TRY(file_write(copy, *out, 0600));
    }
    return ERR_OK;
}

static err read_scenario(const char *path, const char *copy_to, struct scenario **out, char why[STATE_WHY])
{
    uint8_t *text;
    size_t size;
    char where[PATH_SIZE];
    struct scenario_error error = {0};
    struct loading loading = {.copy_to = copy_to};
    err status = file_read(path, SCENARIO_MAX, &text, &size);
    if (status != ERR_OK)
        return fail(why, status, "cannot read the scenario", path);
    snprintf(where, sizeof where, "%s", path);
    snprintf(loading.directory, sizeof loading.directory, "%s", dirname(where));
    status = scenario_parse(span_of(text, size), load_named, &loading, out, &error);
    if (status != ERR_OK && error.line > 0)
        snprintf(why, STATE_WHY, "%.120s:%d:%d: %s", path, error.line, error.column, error.text);
    else if (status != ERR_OK)
        snprintf(why, STATE_WHY, "%.120s: %s", path, error.text[0] ? error.text : err_text(status));
    for (size_t i = 0; i < loading.loaded_count; i++)
        free(loading.loaded[i]);
    free(text);
    if (status == ERR_OK && (*out)->site_count > STATE_NODES_MAX) {
        snprintf(why, STATE_WHY, "%.120s: %zu nodes; on one machine at most %d run as processes (use `noct twin`)", path,
                 (*out)->site_count, STATE_NODES_MAX);
        scenario_free(*out);
        return ERR_TOO_LARGE;
    }
    return status;
}

err scenario_file_read(const char *path, struct scenario **out, char why[STATE_WHY])
{
    return read_scenario(path, NULL, out, why);
}

/* ---- making ------------------------------------------------------------------------------------------------------------------ */

static err write_in(const char *directory, const char *name, struct span data, mode_t mode)
{
    char path[PATH_SIZE];
    return path_join(path, directory, name) ? file_write(path, data, mode) : ERR_TOO_LARGE;
}

static err write_certificate(const char *directory, const X509 *certificate)
{
    uint8_t *der;
    size_t size;
    TRY(certificate_der(certificate, &der, &size));
    err status = write_in(directory, "certificate.der", span_of(der, size), 0644);
    certificate_der_free(der);
    return status;
}

struct making {
    const char *directory;
    const struct scenario *scenario;
    uint8_t root_seed[32];
    EVP_PKEY *root_key;
    X509 *authority;
    struct certificate_validity validity;
    uint8_t (*public_keys)[32];
};

static err make_root(struct making *m)
{
    char root[PATH_SIZE];
    if (!path_join(root, m->directory, "root"))
        return ERR_TOO_LARGE;
    TRY(directory_make(root));
    random_bytes(m->root_seed, sizeof m->root_seed);
    TRY(write_in(root, "seed", span_of(m->root_seed, sizeof m->root_seed), 0600));
    if (!(m->root_key = certificate_key(m->root_seed)))
        return ERR_CRYPTO;
    TRY(certificate_authority_create(&m->authority, m->root_key, m->scenario->name, 1, m->validity));
    return write_certificate(root, m->authority);
}

static err make_node(struct making *m, size_t index)
{
    const struct site *site = &m->scenario->sites[index];
    char directory[PATH_SIZE];
    uint8_t seed[32];
    X509 *certificate = NULL;
    if (!path_join(directory, m->directory, site->name))
        return ERR_TOO_LARGE;
    TRY(directory_make(directory));
    random_bytes(seed, sizeof seed);
    err status = write_in(directory, "seed", span_of(seed, sizeof seed), 0600);
    EVP_PKEY *key = status == ERR_OK ? certificate_key(seed) : NULL;
    if (status == ERR_OK && !key)
        status = ERR_CRYPTO;
    if (status == ERR_OK)
        status = ed25519_public_key(seed, m->public_keys[index]);
    if (status == ERR_OK)
        status = certificate_node_issue(&certificate, m->authority, m->root_key, key, site->node, site->name,
                                        (uint64_t)random_u63(), m->validity);
    if (status == ERR_OK)
        status = write_certificate(directory, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
    bytes_erase(seed, sizeof seed);
    return status;
}

static err make_genesis(const struct making *m)
{
    struct signer *signer;
    TRY(signer_open(&signer, m->root_seed));
    struct fact_crypto crypto = state_fact_crypto(signer);
    struct text genesis = text_new(NULL, GENESIS_MAX);
    err status = scenario_genesis(m->scenario, (const uint8_t(*)[32])m->public_keys, &crypto, &genesis);
    if (status == ERR_OK && !text_ok(&genesis))
        status = ERR_NO_MEMORY;
    if (status == ERR_OK)
        status = write_in(m->directory, "genesis", text_span(&genesis), 0644);
    text_free(&genesis);
    signer_close(signer);
    return status;
}

static void random_letters(char *out, size_t count, const char *alphabet, size_t letters)
{
    for (size_t i = 0; i < count; i++)
        out[i] = alphabet[(uint64_t)random_u63() % letters]; /* 63 bits: the bias is beyond measure */
    out[count] = 0;
}

static err make_credentials(const char *directory)
{
    char access[ACCESS_KEY_SIZE] = "NOCT", secret[SECRET_KEY_SIZE];
    random_letters(access + 4, ACCESS_KEY_SIZE - 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32);
    random_letters(secret, SECRET_KEY_SIZE - 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 62);
    struct text t = text_new(NULL, SMALL_FILE_MAX);
    json_object(&t, NULL);
    json_string(&t, "access_key", access);
    json_string(&t, "secret_key", secret);
    json_end(&t);
    text_add_char(&t, '\n');
    err status = write_in(directory, "credentials", text_span(&t), 0600);
    bytes_erase(t.data, t.size);
    text_free(&t);
    bytes_erase(secret, sizeof secret);
    return status;
}

static err make_all(struct making *m, const char *scenario_path)
{
    uint8_t *text;
    size_t size;
    TRY(make_root(m));
    for (size_t i = 0; i < m->scenario->site_count; i++)
        TRY(make_node(m, i));
    TRY(make_genesis(m));
    TRY(make_credentials(m->directory));
    TRY(file_read(scenario_path, SCENARIO_MAX, &text, &size));
    err status = write_in(m->directory, "scenario.yaml", span_of(text, size), 0644);
    free(text);
    TRY(status);
    return write_in(m->directory, "created", SPAN_LITERAL("1\n"), 0644);
}

err state_create(const char *directory, const char *scenario_path, char why[STATE_WHY])
{
    struct scenario *scenario;
    err status = directory_make(directory);
    if (status != ERR_OK)
        return fail(why, status, "cannot make the state directory", directory);
    TRY(read_scenario(scenario_path, directory, &scenario, why));
    struct making m = {.directory = directory, .scenario = scenario};
    m.validity = (struct certificate_validity){scenario->epoch - NS_PER_DAY, scenario->epoch + CERTIFICATE_YEARS_NS};
    m.public_keys = calloc(scenario->site_count, sizeof *m.public_keys);
    ASSERT(m.public_keys);
    status = make_all(&m, scenario_path);
    if (status != ERR_OK)
        fail(why, status, "cannot fill the state directory", directory);
    bytes_erase(m.root_seed, sizeof m.root_seed);
    X509_free(m.authority);
    EVP_PKEY_free(m.root_key);
    free(m.public_keys);
    scenario_free(scenario);
    return status;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------ */

static err read_in(const char *directory, const char *name, size_t most, uint8_t **data, size_t *size)
{
    char path[PATH_SIZE];
    return path_join(path, directory, name) ? file_read(path, most, data, size) : ERR_TOO_LARGE;
}

bool state_exists(const char *directory)
{
    char path[PATH_SIZE];
    return path_join(path, directory, "created") && access(path, F_OK) == 0;
}

bool state_same_scenario(const char *directory, const char *scenario_path)
{
    uint8_t *ours = NULL, *theirs = NULL;
    size_t our_size = 0, their_size = 0;
    bool same = read_in(directory, "scenario.yaml", SCENARIO_MAX, &ours, &our_size) == ERR_OK &&
                file_read(scenario_path, SCENARIO_MAX, &theirs, &their_size) == ERR_OK &&
                span_equal(span_of(ours, our_size), span_of(theirs, their_size));
    free(ours);
    free(theirs);
    return same;
}

static err load_credentials(struct host_state *s)
{
    uint8_t *data;
    size_t size;
    TRY(read_in(s->directory, "credentials", SMALL_FILE_MAX, &data, &size));
    struct json_value *root = json_read(span_of(data, size), NULL);
    bytes_erase(data, size);
    free(data);
    bool good = text_copy(s->access_key, sizeof s->access_key, span_text(json_text_of(root, "access_key", ""))) &&
                text_copy(s->secret_key, sizeof s->secret_key, span_text(json_text_of(root, "secret_key", "")));
    json_close(root);
    return good && s->access_key[0] && s->secret_key[0] ? ERR_OK : ERR_INVALID;
}

static err load_certificate(const char *directory, X509 **out)
{
    uint8_t *der;
    size_t size;
    TRY(read_in(directory, "certificate.der", SMALL_FILE_MAX, &der, &size));
    err status = certificate_parse(span_of(der, size), out);
    free(der);
    return status;
}

err state_open(struct host_state *s, const char *directory, char why[STATE_WHY])
{
    char path[PATH_SIZE];
    *s = (struct host_state){0};
    if (!realpath(directory, path) || !state_exists(path)) {
        snprintf(why, STATE_WHY, "%.200s holds no region; `noct up SCENARIO --state %.100s` makes one", directory, directory);
        return ERR_NOT_FOUND;
    }
    snprintf(s->directory, sizeof s->directory, "%s", path);
    if (!path_join(path, s->directory, "scenario.yaml"))
        return ERR_TOO_LARGE;
    TRY(read_scenario(path, NULL, &s->scenario, why));
    err status = read_in(s->directory, "genesis", GENESIS_MAX, &s->genesis, &s->genesis_size);
    if (status == ERR_OK)
        status = load_credentials(s);
    if (status == ERR_OK)
        status = path_join(path, s->directory, "root") ? load_certificate(path, &s->authority) : ERR_TOO_LARGE;
    size_t key_size = sizeof s->root_public_key;
    if (status == ERR_OK && EVP_PKEY_get_raw_public_key(X509_get0_pubkey(s->authority), s->root_public_key, &key_size) != 1)
        status = ERR_CRYPTO;
    if (status != ERR_OK) {
        state_close(s);
        return fail(why, status, "cannot read the state in", directory);
    }
    return ERR_OK;
}

void state_close(struct host_state *s)
{
    scenario_free(s->scenario);
    free(s->genesis);
    X509_free(s->authority);
    bytes_erase(s->secret_key, sizeof s->secret_key);
    *s = (struct host_state){0};
}

err state_ports_save(const struct host_state *s)
{
    struct text t = text_new(NULL, SMALL_FILE_MAX);
    json_object(&t, NULL);
    json_array(&t, "nodes");
    for (size_t i = 0; i < s->scenario->site_count; i++) {
        json_object(&t, NULL);
        json_uint(&t, "id", s->scenario->sites[i].node);
        json_string(&t, "name", s->scenario->sites[i].name);
        json_uint(&t, "link_port", s->nodes[i].link_port);
        json_uint(&t, "http_port", s->nodes[i].http_port);
        json_end(&t);
    }
    json_end(&t);
    json_end(&t);
    text_add_char(&t, '\n');
    err status = text_ok(&t) ? write_in(s->directory, "nodes.json", text_span(&t), 0600) : ERR_NO_MEMORY;
    text_free(&t);
    return status;
}

err state_ports_load(struct host_state *s)
{
    uint8_t *data;
    size_t size;
    TRY(read_in(s->directory, "nodes.json", SMALL_FILE_MAX, &data, &size));
    struct json_value *root = json_read(span_of(data, size), NULL);
    free(data);
    const struct json_value *nodes = json_member(root, "nodes");
    bool good = json_count(nodes) == s->scenario->site_count;
    for (size_t i = 0; good && i < s->scenario->site_count; i++) {
        int64_t link = json_int_of(json_item(nodes, i), "link_port", 0);
        int64_t http = json_int_of(json_item(nodes, i), "http_port", 0);
        good = link > 0 && link < 65536 && http >= 0 && http < 65536;
        s->nodes[i] = (struct state_node){(uint16_t)link, (uint16_t)http};
    }
    json_close(root);
    return good ? ERR_OK : ERR_INVALID;
}

err state_env_save(const struct host_state *s, const char *endpoint)
{
    struct text t = text_new(NULL, SMALL_FILE_MAX);
    text_printf(&t, "# Source this file: . %s/env\n", s->directory);
    text_printf(&t, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n", s->access_key, s->secret_key);
    text_printf(&t, "export AWS_DEFAULT_REGION=%s\nexport AWS_REGION=%s\n", s->scenario->region, s->scenario->region);
    text_printf(&t, "export AWS_ENDPOINT_URL=%s\nexport NOCT_ENDPOINT=%s\n", endpoint, endpoint);
    err status = text_ok(&t) ? write_in(s->directory, "env", text_span(&t), 0600) : ERR_NO_MEMORY;
    bytes_erase(t.data, t.size);
    text_free(&t);
    return status;
}

/* ---- a node's own ---------------------------------------------------------------------------------------------------------------- */

err node_identity_load(struct node_identity *out, const struct host_state *s, const char *name, char why[STATE_WHY])
{
    char directory[PATH_SIZE];
    uint8_t *seed = NULL;
    size_t size = 0;
    *out = (struct node_identity){0};
    if (!path_join(directory, s->directory, name))
        return ERR_TOO_LARGE;
    err status = read_in(directory, "seed", 32, &seed, &size);
    if (status == ERR_OK && size != 32)
        status = ERR_INVALID;
    if (status == ERR_OK)
        status = signer_open(&out->signer, seed);
    if (status == ERR_OK && !(out->key = certificate_key(seed)))
        status = ERR_CRYPTO;
    if (seed)
        bytes_erase(seed, size);
    free(seed);
    if (status == ERR_OK)
        status = load_certificate(directory, &out->certificate);
    if (status != ERR_OK) {
        node_identity_close(out);
        return fail(why, status, "cannot read the keys in", directory);
    }
    return ERR_OK;
}

void node_identity_close(struct node_identity *id)
{
    signer_close(id->signer);
    X509_free(id->certificate);
    EVP_PKEY_free(id->key);
    *id = (struct node_identity){0};
}

static err fact_sign(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    return context ? signer_sign(context, message, signature) : ERR_DENIED;
}

static bool fact_verify(void *context, const uint8_t public_key[32], struct span message,
                        const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    (void)context;
    return ed25519_verify(public_key, message, signature);
}

struct fact_crypto state_fact_crypto(struct signer *signer)
{
    return (struct fact_crypto){signer, fact_sign, fact_verify};
}

err node_boot_next(const char *node_directory, uint32_t *boot)
{
    uint8_t *data;
    size_t size;
    uint64_t last = 0;
    err status = read_in(node_directory, "boot", 32, &data, &size);
    if (status == ERR_OK) {
        while (size > 0 && data[size - 1] == '\n')
            size--;
        status = parse_u64(span_of(data, size), UINT32_MAX - 1, &last);
        free(data);
    } else if (status == ERR_NOT_FOUND) {
        status = ERR_OK;
    }
    TRY(status);
    char text[32];
    int n = snprintf(text, sizeof text, "%llu\n", (unsigned long long)(last + 1));
    TRY(write_in(node_directory, "boot", span_of(text, (size_t)n), 0600));
    *boot = (uint32_t)(last + 1);
    return ERR_OK;
}
