#include "orbit/lines.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct span trimmed(struct span s)
{
    while (s.size > 0 && is_blank(s.data[0])) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && is_blank(s.data[s.size - 1]))
        s.size--;
    return s;
}

size_t lines_split(struct span line, char separator, struct span *out, size_t capacity)
{
    size_t count = 0;
    line = trimmed(line);
    if (line.size == 0)
        return 0;
    for (size_t start = 0; start <= line.size; count++) {
        size_t end = start;
        while (end < line.size && (separator == ' ' ? !is_blank(line.data[end]) : line.data[end] != (uint8_t)separator))
            end++;
        if (count < capacity)
            out[count] = trimmed(span_of(line.data + start, end - start));
        start = end + 1;
        while (separator == ' ' && start < line.size && is_blank(line.data[start]))
            start++;
    }
    return count;
}
