/*
 * base/map.h - ordered maps with byte-string keys (a treap whose priorities come from the key's hash), so that
 * iteration order comes from the values and never from addresses.
 *
 * Story:   one container for every table of a machine: insert, find, remove, walk in key order, seek to the first
 *          key at or after another. Expected O(log n). While a map has few entries (a node's links, its neighbours), and keys of
 *          eight bytes, a list beside the tree finds them in one look at memory instead of one per level.
 * Owns:    its nodes (in the heap), each with a copy of the key and `value_size` zeroed bytes.
 * Errors:  map_put returns NULL when the heap is full.
 * Note:    pointers to values stay valid until that key is removed.
 */
#ifndef NOCT_BASE_MAP_H
#define NOCT_BASE_MAP_H

#include "base/bytes.h"
#include "base/heap.h"

struct map_node;
enum { MAP_FEW = 8 };
struct map_few { /* all entries, in order of keys */
    uint64_t keys[MAP_FEW];
    struct map_node *nodes[MAP_FEW];
};
struct map {
    struct heap *heap;
    struct map_node *root;
    struct map_few *few; /* NULL: too many for it, or other keys, or no memory */
    size_t count, value_size;
};

void map_init(struct map *m, struct heap *heap, size_t value_size);
void map_clear(struct map *m);
void *map_find(const struct map *m, struct span key);            /* NULL: not there */
void *map_put(struct map *m, struct span key, bool *added);      /* finds or inserts; `added` may be NULL */
bool map_remove(struct map *m, struct span key);                 /* false: was not there */

/* Walk: for (struct map_node *n = map_first(m); n; n = map_next(m, n)). Removing the current key while walking:
 * take map_next first. */
struct map_node *map_first(const struct map *m);
struct map_node *map_last(const struct map *m);
struct map_node *map_seek(const struct map *m, struct span at_or_after);
struct map_node *map_after(const struct map *m, struct span key); /* first key strictly greater */
struct map_node *map_next(const struct map *m, const struct map_node *n);
struct span map_key(const struct map_node *n);
void *map_value(const struct map_node *n);

/* Shorthands for integer keys (stored big-endian, so that order is numeric). */
void *map_find_u64(const struct map *m, uint64_t key);
void *map_put_u64(struct map *m, uint64_t key, bool *added);
bool map_remove_u64(struct map *m, uint64_t key);
uint64_t map_key_u64(const struct map_node *n);

/* Asks the processor for what a look into the map will touch; changes nothing. Hosts of thousands of machines, whose caches hold few
 * of them, do this ahead. Each function wants the memory before it: the list, one entry, all of a small map. */
void map_expect(const struct map *m);
void map_expect_u64(const struct map *m, uint64_t key);
void map_expect_all(const struct map *m);

#endif
