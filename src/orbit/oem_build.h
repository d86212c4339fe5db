/*
 * orbit/oem_build.h - an OEM in the making: metadata by key, states by seven numbers; for oem*.c
 * only.
 */
#ifndef NOCT_ORBIT_OEM_BUILD_H
#define NOCT_ORBIT_OEM_BUILD_H

#include "orbit/oem.h"

enum oem_frame { FRAME_TEME, FRAME_EME2000, FRAME_ITRF };

struct oem_builder {
    struct oem *oem;
    struct parse_error *error;
    struct oem_segment segment; /* open while in_segment */
    bool in_segment, has_name, has_frame, has_time, has_center, has_start, has_stop;
    bool usable_start, usable_stop;
    enum oem_frame frame;
    enum body center;
    int64_t to_tai_ns; /* of the time system */
    char start[64], stop[64], usable_from[64], usable_until[64];
};

err oem_segment_begin(struct oem_builder *b, int line) MUST_USE;
err oem_key_set(struct oem_builder *b, struct span key, struct span value, int line,
                int column) MUST_USE;
err oem_point_add(struct oem_builder *b, struct span epoch, const double state[6],
                  int line) MUST_USE;
err oem_segment_end(struct oem_builder *b, int line) MUST_USE;
err oem_time_parse(const struct oem_builder *b, struct span text, tai_ns *out) MUST_USE;

err oem_read_xml(struct span text, struct oem_builder *b) MUST_USE;

#endif
