/*
 * base/expect.h - hints to the processor: what will be touched soon. Changes nothing but time.
 *
 * Story:   a process that hosts thousands of machines mostly waits for memory, since its caches hold few of them. It knows which
 *          steps come next, so each room that many steps touch has an X_expect: it asks for its part, stage by stage, one step of the
 *          host apart, because the address of the next thing stands in the one before. What is not there yet when its turn comes
 *          only costs the wait.
 */
#ifndef NOCT_BASE_EXPECT_H
#define NOCT_BASE_EXPECT_H

#include <stddef.h>

enum { EXPECT_STAGES = 5 };

static inline void expect(const void *from, size_t size)
{
    for (size_t at = 0; at < size; at += 64)
        __builtin_prefetch((const char *)from + at);
    if (size)
        __builtin_prefetch((const char *)from + size - 1);
}

#endif
