/* test.h - what every cmocka test needs, in the order that cmocka wants it. */
#ifndef NOCT_TEST_H
#define NOCT_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#endif
