#include "base/map.h"

#include <string.h>

#include "base/expect.h"
#include "base/hash.h"

struct map_node {
    struct map_node *left, *right, *parent;
    uint64_t priority;
    uint32_t key_size;
    uint32_t value_at; /* offset of the value behind the header */
    uint8_t bytes[];   /* key, padding, value */
};

void map_init(struct map *m, struct heap *heap, size_t value_size)
{
    *m = (struct map){.heap = heap, .value_size = value_size};
}

static struct map_node *leftmost(struct map_node *n)
{
    while (n && n->left)
        n = n->left;
    return n;
}

void map_clear(struct map *m)
{
    struct map_node *n = m->root;
    while (n) { /* free leaves upward: no recursion */
        if (n->left) {
            n = n->left;
        } else if (n->right) {
            n = n->right;
        } else {
            struct map_node *parent = n->parent;
            if (parent && parent->left == n)
                parent->left = NULL;
            else if (parent)
                parent->right = NULL;
            heap_free(m->heap, n);
            n = parent;
        }
    }
    m->root = NULL;
    m->count = 0;
    heap_free(m->heap, m->few);
    m->few = NULL;
}

struct span map_key(const struct map_node *n)
{
    return (struct span){n->bytes, n->key_size};
}

void *map_value(const struct map_node *n)
{
    return (uint8_t *)(uintptr_t)n->bytes + n->value_at;
}

static uint64_t eight_be(const uint8_t *p)
{
    return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 | (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 |
           (uint64_t)p[5] << 16 | (uint64_t)p[6] << 8 | (uint64_t)p[7]; /* one load and a swap */
}

/* ---- few entries -------------------------------------------------------------------------------------------------------- */

/* Where the key is in the list, or would be. */
static inline size_t few_place(const struct map *m, uint64_t key)
{
    size_t at = 0;
    while (at < m->count && m->few->keys[at] < key)
        at++;
    return at;
}

/* Before the new entry is counted. A map that was empty begins with a list; one that grows too large does without from then on. */
static void few_add(struct map *m, struct span key, struct map_node *n)
{
    if (m->count == 0 && key.size == 8 && !m->few)
        m->few = heap_alloc_unset(m->heap, sizeof *m->few);
    if (!m->few)
        return;
    if (m->count == MAP_FEW || key.size != 8) {
        heap_free(m->heap, m->few);
        m->few = NULL;
        return;
    }
    uint64_t number = eight_be(key.data);
    size_t at = few_place(m, number);
    for (size_t i = m->count; i > at; i--) {
        m->few->keys[i] = m->few->keys[i - 1];
        m->few->nodes[i] = m->few->nodes[i - 1];
    }
    m->few->keys[at] = number;
    m->few->nodes[at] = n;
}

/* Before the entry is counted out. */
static void few_remove(struct map *m, const struct map_node *n)
{
    if (!m->few)
        return;
    for (size_t i = few_place(m, eight_be(n->bytes)); i + 1 < m->count; i++) {
        m->few->keys[i] = m->few->keys[i + 1];
        m->few->nodes[i] = m->few->nodes[i + 1];
    }
}

/* ---- the tree ----------------------------------------------------------------------------------------------------------- */

/* Like span_compare; keys of eight bytes, which most are, without a call. */
static inline int compare(struct span key, const struct map_node *n)
{
    if (key.size != 8 || n->key_size != 8)
        return span_compare(key, map_key(n));
    uint64_t a = eight_be(key.data), b = eight_be(n->bytes);
    return a < b ? -1 : a > b;
}

static struct map_node *node_find(const struct map *m, struct span key)
{
    struct map_node *n = m->root;
    if (m->few) {
        uint64_t number = key.size == 8 ? eight_be(key.data) : 0;
        size_t at = few_place(m, number);
        return key.size == 8 && at < m->count && m->few->keys[at] == number ? m->few->nodes[at] : NULL;
    }
    while (n) {
        int order = compare(key, n);
        if (order == 0)
            return n;
        n = order < 0 ? n->left : n->right;
    }
    return NULL;
}

void *map_find(const struct map *m, struct span key)
{
    struct map_node *n = node_find(m, key);
    return n ? map_value(n) : NULL;
}

static void child_replace(struct map *m, struct map_node *old, struct map_node *fresh)
{
    struct map_node *parent = old->parent;
    if (!parent)
        m->root = fresh;
    else if (parent->left == old)
        parent->left = fresh;
    else
        parent->right = fresh;
    if (fresh)
        fresh->parent = parent;
}

static void rotate_up(struct map *m, struct map_node *n)
{
    struct map_node *parent = n->parent;
    child_replace(m, parent, n);
    if (parent->left == n) {
        parent->left = n->right;
        if (n->right)
            n->right->parent = parent;
        n->right = parent;
    } else {
        parent->right = n->left;
        if (n->left)
            n->left->parent = parent;
        n->left = parent;
    }
    parent->parent = n;
}

void *map_put(struct map *m, struct span key, bool *added)
{
    struct map_node *found = m->few ? node_find(m, key) : NULL;
    if (found) {
        if (added)
            *added = false;
        return map_value(found);
    }
    struct map_node *parent = NULL, **link = &m->root;
    while (*link) {
        parent = *link;
        int order = compare(key, parent);
        if (order == 0) {
            if (added)
                *added = false;
            return map_value(parent);
        }
        link = order < 0 ? &parent->left : &parent->right;
    }
    ASSERT(key.size < UINT32_MAX / 2);
    size_t value_at = (key.size + 15) & ~(size_t)15;
    struct map_node *n = heap_alloc(m->heap, sizeof *n + value_at + m->value_size);
    if (!n)
        return NULL;
    n->parent = parent;
    n->priority = hash64_seeded(0x6d6170, key.data, key.size);
    n->key_size = (uint32_t)key.size;
    n->value_at = (uint32_t)value_at;
    if (key.size)
        memcpy(n->bytes, key.data, key.size);
    *link = n;
    few_add(m, key, n);
    m->count++;
    while (n->parent && n->parent->priority < n->priority)
        rotate_up(m, n);
    if (added)
        *added = true;
    return map_value(n);
}

bool map_remove(struct map *m, struct span key)
{
    struct map_node *n = node_find(m, key);
    if (!n)
        return false;
    while (n->left && n->right)
        rotate_up(m, n->left->priority > n->right->priority ? n->left : n->right);
    child_replace(m, n, n->left ? n->left : n->right);
    few_remove(m, n);
    m->count--;
    heap_free(m->heap, n);
    return true;
}

struct map_node *map_first(const struct map *m)
{
    return leftmost(m->root);
}

struct map_node *map_last(const struct map *m)
{
    struct map_node *n = m->root;
    while (n && n->right)
        n = n->right;
    return n;
}

static struct map_node *seek(const struct map *m, struct span key, bool strictly)
{
    struct map_node *n = m->root, *best = NULL;
    while (n) {
        int order = compare(key, n);
        if (order < 0 || (order == 0 && !strictly)) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

struct map_node *map_seek(const struct map *m, struct span at_or_after)
{
    return seek(m, at_or_after, false);
}

struct map_node *map_after(const struct map *m, struct span key)
{
    return seek(m, key, true);
}

struct map_node *map_next(const struct map *m, const struct map_node *n)
{
    (void)m;
    if (n->right)
        return leftmost(n->right);
    while (n->parent && n->parent->right == n)
        n = n->parent;
    return n->parent;
}

static struct span key_u64(uint64_t key, uint8_t out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(key >> (8 * (7 - i)));
    return (struct span){out, 8};
}

void *map_find_u64(const struct map *m, uint64_t key)
{
    uint8_t bytes[8];
    return map_find(m, key_u64(key, bytes));
}

void *map_put_u64(struct map *m, uint64_t key, bool *added)
{
    uint8_t bytes[8];
    return map_put(m, key_u64(key, bytes), added);
}

bool map_remove_u64(struct map *m, uint64_t key)
{
    uint8_t bytes[8];
    return map_remove(m, key_u64(key, bytes));
}

/* ---- ahead of a look ------------------------------------------------------------------------------------------------------ */

void map_expect(const struct map *m)
{
    if (m->few)
        expect(m->few, sizeof *m->few);
    else if (m->root)
        expect(m->root, sizeof *m->root + 16);
}

void map_expect_u64(const struct map *m, uint64_t key)
{
    for (size_t i = 0; m->few && i < m->count; i++)
        if (m->few->keys[i] == key)
            expect(m->few->nodes[i], sizeof(struct map_node) + 16 + m->value_size);
}

void map_expect_all(const struct map *m)
{
    for (size_t i = 0; m->few && i < m->count; i++)
        expect(m->few->nodes[i], sizeof(struct map_node) + 16 + m->value_size);
}

uint64_t map_key_u64(const struct map_node *n)
{
    struct reader r = reader_of(n->bytes, n->key_size);
    return read_u64_be(&r);
}
