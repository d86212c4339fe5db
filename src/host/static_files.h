/*
 * host/static_files.h - the console's files, read into memory once when a gateway starts.
 *
 * Story:    everything below the folder `console` that comes with the program, and the two modules of three.js
 *           (as vendor/three.module.js and vendor/three.core.js) where npm has put them. Without them the rest works.
 * Limits:   STATIC_FILES_MAX files of STATIC_FILE_MAX bytes; larger ones are left out.
 */
#ifndef NOCT_HOST_STATIC_FILES_H
#define NOCT_HOST_STATIC_FILES_H

#include "region/region.h"

enum { STATIC_FILES_MAX = 256, STATIC_FILE_MAX = 16 << 20 };

struct static_files {
    struct region_file items[STATIC_FILES_MAX];
    size_t count;
};

struct static_files *static_files_load(void); /* never NULL */
void static_files_free(struct static_files *f);

#endif
