/*
 * storage/index_internal.h - what the files of the index share.
 */
#ifndef NOCT_STORAGE_INDEX_INTERNAL_H
#define NOCT_STORAGE_INDEX_INTERNAL_H

#include "storage/index.h"

struct index_part *index_part_get(struct index *x, struct uid part); /* makes an empty one when there is none */
void index_part_define(struct index *x, const struct part_record *record);
void index_part_want(struct index *x, struct uid part, struct policy policy);
void index_part_ref(struct index *x, struct uid part);
void index_part_unref(struct index *x, struct uid part);
void index_copy_fold(struct index *x, const struct copy_fact *f);
struct span index_upload_name(struct span bucket, struct span key, struct uid upload, uint8_t *out);

#endif
