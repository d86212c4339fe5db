/*
 * host/state.h - the state directory of a region on this machine: what `noct up` makes once and every run resumes.
 *
 * Layout:   scenario.yaml, files/ (what the scenario names), root/{seed,certificate.der}, genesis, credentials, env,
 *           clock.json, nodes.json (ports and process ids of this run), lock, control.sock, supervisor.log,
 *           NODE/{seed,certificate.der,boot,craft,log,panic.txt,facts/,chunks/,spool/,lanes/}.
 * Secrets:  root/seed, NODE/seed, credentials and env have mode 0600; directories 0700. None is ever logged.
 * Story:    state_create runs once; it is written so that `created` appears last: without it the directory is taken for
 *           half-made and made again. Everything else is read by state_open.
 * Owns:     malloc'ed memory and OpenSSL objects, given back by state_close.
 * Errors:   each function that fails fills `why` with a sentence that says what to do.
 */
#ifndef NOCT_HOST_STATE_H
#define NOCT_HOST_STATE_H

#include <openssl/x509.h>

#include "core/facts.h"
#include "crypto/signature.h"
#include "host/files.h"
#include "node/scenario.h"

enum { STATE_WHY = 400, STATE_NODES_MAX = 64, ACCESS_KEY_SIZE = 21, SECRET_KEY_SIZE = 41 };

struct state_node { /* of this run, from nodes.json */
    uint16_t link_port, http_port; /* http_port 0: not a gateway */
};

struct host_state {
    char directory[PATH_SIZE];
    struct scenario *scenario;
    uint8_t *genesis;
    size_t genesis_size;
    X509 *authority;
    uint8_t root_public_key[32];
    char access_key[ACCESS_KEY_SIZE], secret_key[SECRET_KEY_SIZE];
    struct state_node nodes[STATE_NODES_MAX]; /* in order of scenario->sites */
};

struct node_identity {
    struct signer *signer;
    X509 *certificate;
    EVP_PKEY *key;
};

bool state_exists(const char *directory);
/* `scenario_path` as the user gave it. */
err state_create(const char *directory, const char *scenario_path, char why[STATE_WHY]) MUST_USE;
err state_open(struct host_state *s, const char *directory, char why[STATE_WHY]) MUST_USE;
void state_close(struct host_state *s);
/* Whether the file is the scenario that this state was made from. */
bool state_same_scenario(const char *directory, const char *scenario_path);
err state_ports_save(const struct host_state *s) MUST_USE; /* nodes.json */
err state_ports_load(struct host_state *s) MUST_USE;
err state_env_save(const struct host_state *s, const char *endpoint) MUST_USE; /* env */
err node_identity_load(struct node_identity *out, const struct host_state *s, const char *name, char why[STATE_WHY]) MUST_USE;
void node_identity_close(struct node_identity *id);
/* Signing by a signer, checking by Ed25519. The context is the signer (NULL: only checking). */
struct fact_crypto state_fact_crypto(struct signer *signer);
/* The boot count: read, raised, durable before it is returned. */
err node_boot_next(const char *node_directory, uint32_t *boot) MUST_USE;
/* Parses a scenario file with the files beside it; `why` gets FILE:LINE:COLUMN: text. */
err scenario_file_read(const char *path, struct scenario **out, char why[STATE_WHY]) MUST_USE;

#endif
