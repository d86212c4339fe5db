/*
 * host/oci_image.h - turns an image file into a root directory for the launcher.
 *
 * Story:    an image is a tar file: either an OCI archive (oci-layout, index.json, blobs; as skopeo
 * and buildah write it) or a plain root file system, both also gzipped where the format allows.
 * Every blob of an OCI archive is checked against its SHA-256 before a byte of it is used.
 * Unpacking goes to TARGET.partial, which is renamed at the end: TARGET either does not exist or is
 * whole. Source:   OCI image specification 1.0/1.1 (layout, index, manifest, config, layer).
 * Chosen:   the first manifest for linux and this machine's architecture (one without a platform
 * fits all). Errors:   ERR_NOT_FOUND (file), ERR_INVALID, ERR_TRUNCATED, ERR_CORRUPT (a digest),
 * ERR_TOO_LARGE (limits), ERR_DENIED (a path that leads out), ERR_UNSUPPORTED (zstd layers, docker
 * archives, other machines), ERR_EXISTS (target), ERR_IO, ERR_NO_SPACE, ERR_NO_MEMORY; `why` says
 * what and where. Threads:  pure but for the files it is told; call from a worker, it reads and
 * writes whole images.
 */
#ifndef NOCT_HOST_OCI_IMAGE_H
#define NOCT_HOST_OCI_IMAGE_H

#include "host/oci_layer.h"

enum {
    OCI_TEXTS_MAX = 256,
    OCI_TEXT_BYTES_MAX = 65536,
    OCI_BLOBS_MAX = 1024,
    OCI_LAYERS_MAX = 128,
    OCI_JSON_MAX = 1 << 20
};

struct oci_limits {
    uint64_t bytes, entries; /* after unpacking; 0: 4 GiB and 200,000 */
};

/* Texts live in `memory`; the lists end with NULL. */
struct oci_config {
    const char *entrypoint[OCI_TEXTS_MAX + 1], *command[OCI_TEXTS_MAX + 1],
        *environment[OCI_TEXTS_MAX + 1];
    const char *working_dir; /* "" if not given */
    uint64_t unpacked_bytes, entries, passed_over;
    char memory[OCI_TEXT_BYTES_MAX];
    size_t used;
};

/* `config` gets empty lists from a plain root file system. */
err oci_image_unpack(const char *archive_path, const char *target_dir,
                     const struct oci_limits *limits, struct oci_config *config,
                     struct oci_why *why) MUST_USE;
/* entrypoint followed by `arguments` (or the image's command when NULL); ERR_INVALID when that is
 * nothing. `out` holds 2 * OCI_TEXTS_MAX + 1 pointers, borrowed from config and arguments. */
err oci_image_arguments(const struct oci_config *config, const char *const *arguments,
                        const char **out) MUST_USE;

#endif
