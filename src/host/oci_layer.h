/*
 * host/oci_layer.h - unpacks one tar stream into a directory without ever leaving it.
 *
 * Story:    every path is resolved by the kernel inside the root (openat2, RESOLVE_IN_ROOT), so
 * links that earlier entries planted lead nowhere else; the last part of a path is never followed.
 * Whiteouts of a layer
 *           (".wh.NAME", ".wh..wh..opq") take effect before its files, as the OCI layer
 * specification wants. Changed:  owner is the caller; set-id and sticky bits are dropped;
 * everything becomes readable (the sandbox runs as a user of its own); devices, FIFOs and sockets
 * are passed over and counted. Errors:   those of oci_tar.h; ERR_TOO_LARGE (limits), ERR_DENIED (a
 * way out), ERR_IO, ERR_NO_SPACE.
 */
#ifndef NOCT_HOST_OCI_LAYER_H
#define NOCT_HOST_OCI_LAYER_H

#include "host/oci_tar.h"

enum { OCI_DEPTH_MAX = 100, OCI_WHY = 320 };

struct oci_budget {
    uint64_t bytes_left, entries_left;
    uint64_t passed_over; /* devices and the like */
};

struct oci_why {
    char text[OCI_WHY];
};

/* `whiteouts` true: only removes what the layer removes; false: only creates. Call with true first.
 */
err oci_layer_unpack(int root_fd, struct tar_source source, bool whiteouts,
                     struct oci_budget *budget, struct oci_why *why) MUST_USE;
/* Removes what `name` in `parent_fd` is, whole trees too; never follows links. ERR_OK when it is
 * not there. */
err oci_tree_remove(int parent_fd, const char *name) MUST_USE;
void oci_why_set(struct oci_why *why, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
