/*
 * region/console.h - the parts of the console's server: static files, state, events. Internal to the room.
 */
#ifndef NOCT_REGION_CONSOLE_H
#define NOCT_REGION_CONSOLE_H

#include "region/inside.h"

void console_api(struct request *q, struct span what); /* behind /console/api/ */
void console_events_json(struct request *q);
void console_events_stream(struct request *q);
void admin_object_show(struct request *q); /* ?bucket=&key=: what an object is, where it lies, what it survives */
void object_info_json(struct text *t, const struct object_info *info);

#endif
