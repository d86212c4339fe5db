#include "orbit/windows.h"

#include <math.h>

#define TOLERANCE_S 1e-7

/* A root between samples of opposite sign: Newton steps, kept inside the bracket, else bisection.
 */
static double root_between(signal_fn *signal, const void *context, struct sample left,
                           struct sample right)
{
    struct sample at = fabs(left.value) < fabs(right.value) ? left : right;
    for (int k = 0; k < 80 && right.t_s - left.t_s > TOLERANCE_S; k++) {
        double middle = 0.5 * (left.t_s + right.t_s);
        double guess = at.slope != 0.0 ? at.t_s - at.value / at.slope : middle;
        /* Step over the root by half the tolerance, so that both ends of the bracket move. */
        guess += guess > at.t_s ? 0.4 * TOLERANCE_S : -0.4 * TOLERANCE_S;
        if (!(guess > left.t_s && guess < right.t_s) || k % 8 == 7)
            guess = middle;
        at = signal(context, guess);
        if ((at.value > 0.0) == (left.value > 0.0))
            left = at;
        else
            right = at;
    }
    return 0.5 * (left.t_s + right.t_s);
}

/* The extremum of a bump (sign +1) or dip (-1); stops early once it is known to cross zero. */
static bool extremum_crosses(signal_fn *signal, const void *context, double sign,
                             struct sample left, struct sample right, struct sample *top)
{
    while (right.t_s - left.t_s > TOLERANCE_S) {
        *top = signal(context, 0.5 * (left.t_s + right.t_s));
        if (sign * top->value > 0.0)
            return true;
        if (sign * top->slope > 0.0)
            left = *top;
        else
            right = *top;
    }
    return false;
}

size_t windows_cell_roots(signal_fn *signal, const void *context, struct sample left,
                          struct sample right, double roots[WINDOWS_ROOTS_PER_CELL])
{
    bool up_left = left.value > 0.0, up_right = right.value > 0.0;
    if (up_left != up_right) {
        roots[0] = root_between(signal, context, left, right);
        return 1;
    }
    double sign = up_left ? -1.0 : 1.0; /* looking for a dip or for a bump */
    if (!(sign * left.slope > 0.0 && sign * right.slope < 0.0))
        return 0;
    struct sample top;
    if (!extremum_crosses(signal, context, sign, left, right, &top))
        return 0;
    roots[0] = root_between(signal, context, left, top);
    roots[1] = root_between(signal, context, top, right);
    return 2;
}

err windows_find(signal_fn *signal, const void *context, double from_s, double until_s,
                 double step_s, struct interval *out, size_t capacity, size_t *count)
{
    ASSERT(step_s > 0.0);
    *count = 0;
    struct sample left = signal(context, from_s);
    bool open = left.value > 0.0;
    double start = from_s;
    for (size_t k = 1; left.t_s < until_s; k++) {
        struct sample right = signal(context, fmin(from_s + (double)k * step_s, until_s));
        double roots[WINDOWS_ROOTS_PER_CELL];
        size_t found = windows_cell_roots(signal, context, left, right, roots);
        for (size_t i = 0; i < found; i++) {
            open = !open;
            if (open) {
                start = roots[i];
                continue;
            }
            if (*count == capacity)
                return ERR_FULL;
            out[(*count)++] = (struct interval){start, roots[i]};
        }
        left = right;
    }
    if (!open)
        return ERR_OK;
    if (*count == capacity)
        return ERR_FULL;
    out[(*count)++] = (struct interval){start, until_s};
    return ERR_OK;
}

double windows_peak(signal_fn *signal, const void *context, double from_s, double until_s)
{
    const double golden = 0.38196601125010515;
    double a = from_s, b = until_s;
    double x = a + golden * (b - a), y = b - golden * (b - a);
    double fx = signal(context, x).value, fy = signal(context, y).value;
    while (b - a > 1e-4) {
        if (fx < fy) {
            a = x;
            x = y;
            fx = fy;
            y = b - golden * (b - a);
            fy = signal(context, y).value;
        } else {
            b = y;
            y = x;
            fy = fx;
            x = a + golden * (b - a);
            fx = signal(context, x).value;
        }
    }
    return 0.5 * (a + b);
}
