#include "storage/chunk_space.h"

void chunk_space_init(struct chunk_space *s, struct heap *heap, uint64_t capacity_units)
{
    *s = (struct chunk_space){.heap = heap, .capacity = (uint32_t)MIN(capacity_units, (uint64_t)UINT32_MAX - 1024)};
}

bool chunk_space_taken(const struct chunk_space *s, uint32_t unit)
{
    return unit < s->mark && (s->words[unit / 64] >> (unit % 64) & 1);
}

static void set_bits(struct chunk_space *s, uint32_t first, uint32_t count, bool taken)
{
    for (uint32_t unit = first; unit < first + count;) {
        uint32_t bit = unit % 64, width = MIN(64 - bit, first + count - unit);
        uint64_t mask = (width == 64 ? ~UINT64_C(0) : (UINT64_C(1) << width) - 1) << bit;
        uint64_t *word = &s->words[unit / 64];
        ASSERT((*word & mask) == (taken ? 0 : mask)); /* never twice */
        *word ^= mask;
        unit += width;
    }
}

static err grow(struct chunk_space *s, uint32_t mark)
{
    size_t words = (mark + 63u) / 64u;
    if (words > s->word_count) {
        uint64_t *wider = heap_grow(s->heap, s->words, words * sizeof *wider);
        if (!wider)
            return ERR_FULL;
        for (size_t i = s->word_count; i < words; i++)
            wider[i] = 0;
        s->words = wider;
        s->word_count = words;
    }
    s->mark = MAX(s->mark, mark);
    return ERR_OK;
}

/* The length of the free run at `unit`, at most `most`. */
static uint32_t free_run(const struct chunk_space *s, uint32_t unit, uint32_t most)
{
    uint32_t n = 0;
    while (n < most && unit + n < s->mark) {
        uint32_t at = unit + n;
        uint64_t rest = s->words[at / 64] >> (at % 64);
        uint32_t zeros = rest ? (uint32_t)__builtin_ctzll(rest) : 64 - at % 64;
        n += zeros;
        if (rest)
            break;
    }
    return MIN(MIN(n, most), s->mark - unit);
}

static bool search(struct chunk_space *s, uint32_t from, uint32_t to, uint32_t count, uint32_t *first)
{
    for (uint32_t unit = from; unit < to;) {
        uint64_t rest = s->words[unit / 64] >> (unit % 64);
        if (rest & 1) { /* skip the taken bits of this word at once */
            uint64_t inverse = ~rest;
            unit += inverse ? MIN((uint32_t)__builtin_ctzll(inverse), 64 - unit % 64) : 64 - unit % 64;
            continue;
        }
        uint32_t run = free_run(s, unit, count);
        if (run == count) {
            *first = unit;
            return true;
        }
        unit += MAX(run, 1u);
    }
    return false;
}

err chunk_space_take(struct chunk_space *s, uint32_t count, uint32_t *first)
{
    ASSERT(count > 0);
    bool worth = s->mark - s->used >= count && (s->hopeless == 0 || count < s->hopeless);
    if (worth && !search(s, s->hint, s->mark, count, first) && !search(s, 0, s->hint, count, first)) {
        s->hopeless = count;
        worth = false;
    }
    if (!worth) {
        uint32_t at = s->mark;
        while (at > 0 && !chunk_space_taken(s, at - 1))
            at--; /* a free tail below the mark */
        if (s->capacity < count || at > s->capacity - count)
            return ERR_NO_SPACE;
        TRY(grow(s, at + count));
        *first = at;
    }
    set_bits(s, *first, count, true);
    s->used += count;
    s->hint = *first + count < s->mark ? *first + count : 0;
    return ERR_OK;
}

err chunk_space_mark(struct chunk_space *s, uint32_t first, uint32_t count)
{
    TRY(grow(s, first + count));
    for (uint32_t i = 0; i < count; i++)
        if (chunk_space_taken(s, first + i))
            return ERR_EXISTS;
    set_bits(s, first, count, true);
    s->used += count;
    return ERR_OK;
}

void chunk_space_give(struct chunk_space *s, uint32_t first, uint32_t count)
{
    ASSERT(first + count <= s->mark && s->used >= count);
    set_bits(s, first, count, false);
    s->used -= count;
    s->hint = MIN(s->hint, first);
    s->hopeless = 0;
}

bool chunk_space_check(const struct chunk_space *s)
{
    uint32_t used = 0;
    for (uint32_t unit = 0; unit < s->mark; unit++)
        used += chunk_space_taken(s, unit);
    return used == s->used && s->mark <= MAX(s->capacity, s->mark);
}
