/*
 * twin/folder.h - makes folders for what a run leaves behind.
 */
#ifndef NOCT_TWIN_FOLDER_H
#define NOCT_TWIN_FOLDER_H

#include <stdbool.h>

bool folder_make(const char *path); /* with its parents; true where it exists already. False: errno says why */

#endif
