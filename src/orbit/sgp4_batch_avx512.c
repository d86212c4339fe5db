/* sgp4_batch_avx512.c - the batch kernel, 8 satellites at once, for AVX-512. */
#if defined(__x86_64__)
#include <immintrin.h> /* before the target changes, as it declares targets of its own */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl"))),                 \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl")
#endif
#define LANES 8
#define KERNEL sgp4_block_8
#include "orbit/sgp4_lanes.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
