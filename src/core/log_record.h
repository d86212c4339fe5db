/*
 * core/log_record.h - one record of a log: its bytes, whether they hold, and which bit to turn back when they don't.
 *
 * Story:    a header and a payload, each under its own CRC32C. A CRC32C names the place of a single wrong bit: such a bit is
 *           found and turned back without anybody's help. The digest of the payload, which lies in the header, says that the
 *           payload is really the one that was written.
 * Units:    bytes; bits are counted from the start of the record, the least significant of each byte first.
 * Source:   docs/format/log.md. CRC32C keeps a distance of 4 over these lengths (Koopman 2002): one bit is mended, two are noticed.
 */
#ifndef NOCT_CORE_LOG_RECORD_H
#define NOCT_CORE_LOG_RECORD_H

#include "base/bytes.h"

enum {
    LOG_VERSION = 2,
    LOG_HEADER_SIZE = 36,
    LOG_RECORD_LEAST = 40,
    LOG_PAYLOAD_MAX = 1048000,
    LOG_FILLER = 0,       /* the type of a record that covers a healed hole */
    LOG_GROUP_FIRST = 1,  /* flag: everything in front of this record was durable before it was written */
};

struct log_header {
    uint32_t payload_crc;
    uint64_t payload_digest;
    uint32_t size; /* of the payload */
    uint16_t type;
    uint8_t version, flags;
    uint32_t epoch;
    uint64_t index;
};

enum log_look {
    LOOK_WHOLE,
    LOOK_MENDED,  /* it holds once `wrong` bits are turned back */
    LOOK_SHORT,   /* the bytes end before the record does */
    LOOK_DAMAGED, /* the header holds (maybe mended), the payload does not */
    LOOK_NONE,    /* no record begins here */
};

struct log_mend { /* at most one bit in each part */
    size_t count;
    uint64_t bits[2];
};

size_t log_record_size(size_t payload_size); /* with header and padding */
/* Writes a record and its padding; `out` holds log_record_size bytes. Fills in the checksums of `h`. */
void log_record_write(uint8_t *out, uint64_t offset, struct log_header *h, struct span payload);
/* Looks at the record that may begin `bytes`, which lie at `offset` of the log. */
enum log_look log_record_look(struct span bytes, uint64_t offset, struct log_header *h, struct log_mend *mend);
void log_record_mend(uint8_t *record, const struct log_mend *mend);
/* Does a log of version 1 begin so? */
bool log_record_is_old(struct span bytes);

#endif
