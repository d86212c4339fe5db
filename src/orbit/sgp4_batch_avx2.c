/* sgp4_batch_avx2.c - the batch kernel, 4 satellites at once, for AVX2. */
#if defined(__x86_64__)
#include <immintrin.h> /* before the target changes, as it declares targets of its own */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define LANES 4
#define KERNEL sgp4_block_4
#include "orbit/sgp4_lanes.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
