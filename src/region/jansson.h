/*
 * region/jansson.h - jansson beside base/text.h, which share four names: in files that include this one first, the four
 * writers of base/text.h are called text_json_*. (base/text.h gives them link names of their own.)
 */
#ifndef NOCT_REGION_JANSSON_H
#define NOCT_REGION_JANSSON_H

#define json_object text_json_object
#define json_array text_json_array
#define json_string text_json_string
#define json_null text_json_null
#include "base/text.h"
#undef json_object
#undef json_array
#undef json_string
#undef json_null
#include <jansson.h>

#endif
