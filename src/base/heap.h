/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heap: a binary heap of pointers, smallest first by the caller's order. Elements may be removed
 * and re-ordered from anywhere because each knows its place.
 *
 * Floor: base. The heap owns its array, never the elements.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct heap {
    void **slots;
    size_t count;
    size_t capacity;
    bool (*less)(const void *a, const void *b);  /* a comes strictly before b */
    void (*place)(void *element, size_t position); /* tells an element where it is now */
};

#define HEAP_NOWHERE ((size_t)-1)

/* Empty heap with its two functions. */
void heap_init(struct heap *heap, bool (*less)(const void *, const void *),
               void (*place)(void *, size_t));

void heap_insert(struct heap *heap, void *element);

/* The first element, or NULL; it stays. */
void *heap_first(const struct heap *heap);

/* Takes out the element at position and tells it HEAP_NOWHERE. */
void *heap_remove(struct heap *heap, size_t position);

/* Puts the element at position back in order after its key changed. */
void heap_update(struct heap *heap, size_t position);

/* Frees the array. */
void heap_free(struct heap *heap);

#endif
