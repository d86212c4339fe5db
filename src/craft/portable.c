#include "craft/portable.h"

#include <string.h>

#include "base/rng.h"

#define LN2_HIGH 6.93147180369123816490e-01 /* 33 bits: products with exponents are exact */
#define LN2_LOW 1.90821492927058770002e-10
#define LN2_INVERSE 1.44269504088896338700
#define LN10 2.30258509299404568402
#define SQRT_TWO 1.41421356237309504880

static double power_of_two(int exponent)
{
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double portable_exp(double x)
{
    if (!(x > -700.0))
        return 0.0;
    if (x > 700.0)
        x = 700.0;
    int k = (int)(x * LN2_INVERSE + (x < 0.0 ? -0.5 : 0.5));
    double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    double sum = 1.0; /* Horner from the 17th term: |r| <= 0.3466 */
    for (int n = 17; n >= 1; n--)
        sum = 1.0 + sum * r / n;
    return sum * power_of_two(k);
}

double portable_log(double x)
{
    ASSERT(x > 0.0 && x < 1.7e308);
    int exponent = 0;
    if (x < 2.3e-308) { /* subnormal */
        x *= 0x1p54;
        exponent = -54;
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    exponent += (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > SQRT_TWO) {
        m *= 0.5;
        exponent++;
    }
    double s = (m - 1.0) / (m + 1.0), s2 = s * s, sum = 0.0; /* log m = 2 atanh s, |s| <= 0.1716 */
    for (int n = 23; n >= 1; n -= 2)
        sum = sum * s2 + 2.0 / n;
    return exponent * LN2_HIGH + (s * sum + exponent * LN2_LOW);
}

double portable_log1m(double x)
{
    ASSERT(x >= 0.0 && x < 1.0);
    double rest = 1.0 - x;
    if (rest == 1.0)
        return -x;
    return portable_log(rest) * (x / (1.0 - rest)); /* Kahan's correction of the rounded difference */
}

double portable_decibel(double ratio)
{
    return 10.0 * portable_log(ratio) / LN10;
}

double portable_ratio(double decibel)
{
    return portable_exp(decibel * LN10 / 10.0);
}

double portable_power(double x, double y)
{
    return portable_exp(y * portable_log(x));
}

uint64_t keyed_key(uint64_t seed, uint64_t node, uint64_t process)
{
    return hash_mix(hash_mix(seed, node), process);
}

uint64_t keyed_u64(uint64_t key, uint64_t index)
{
    return hash_mix(key, index);
}

double keyed_unit(uint64_t key, uint64_t index)
{
    return (double)(keyed_u64(key, index) >> 11) * 0x1p-53;
}

double keyed_exponential(uint64_t key, uint64_t index)
{
    return -portable_log1m(keyed_unit(key, index));
}
