/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heap: a binary heap of pointers whose elements know their place. */
#include "base/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"

enum { CAPACITY_LEAST = 16 };

static size_t parent(size_t position)
{
    return (position - 1) / 2;
}

static void set(struct heap *heap, size_t position, void *element)
{
    heap->slots[position] = element;
    heap->place(element, position);
}

static void swap(struct heap *heap, size_t a, size_t b)
{
    void *element = heap->slots[a];
    set(heap, a, heap->slots[b]);
    set(heap, b, element);
}

static bool less(const struct heap *heap, size_t a, size_t b)
{
    return heap->less(heap->slots[a], heap->slots[b]);
}

static size_t smallest(const struct heap *heap, size_t position)
{
    size_t left = 2 * position + 1;
    size_t right = left + 1;
    size_t first = position;
    if (left < heap->count && less(heap, left, first)) {
        first = left;
    }
    if (right < heap->count && less(heap, right, first)) {
        first = right;
    }
    return first;
}

static void sift_down(struct heap *heap, size_t position)
{
    size_t first;
    while ((first = smallest(heap, position)) != position) {
        swap(heap, position, first);
        position = first;
    }
}

static void sift_up(struct heap *heap, size_t position)
{
    while (position > 0 && less(heap, position, parent(position))) {
        swap(heap, position, parent(position));
        position = parent(position);
    }
}

static void grow(struct heap *heap)
{
    heap->capacity = heap->capacity == 0 ? CAPACITY_LEAST : 2 * heap->capacity;
    heap->slots = xrealloc(heap->slots, heap->capacity * sizeof *heap->slots);
}

void heap_init(struct heap *heap, bool (*order)(const void *, const void *),
               void (*place)(void *, size_t))
{
    *heap = (struct heap){.less = order, .place = place};
}

void heap_insert(struct heap *heap, void *element)
{
    if (heap->count == heap->capacity) {
        grow(heap);
    }
    set(heap, heap->count, element);
    heap->count++;
    sift_up(heap, heap->count - 1);
}

void *heap_first(const struct heap *heap)
{
    return heap->count == 0 ? NULL : heap->slots[0];
}

void *heap_remove(struct heap *heap, size_t position)
{
    assert(position < heap->count);
    void *element = heap->slots[position];
    heap->count--;
    if (position < heap->count) {
        set(heap, position, heap->slots[heap->count]);
        heap_update(heap, position);
    }
    heap->place(element, HEAP_NOWHERE);
    return element;
}

void heap_update(struct heap *heap, size_t position)
{
    assert(position < heap->count);
    sift_down(heap, position);
    sift_up(heap, position);
}

void heap_free(struct heap *heap)
{
    free(heap->slots);
    heap->slots = NULL;
    heap->count = 0;
    heap->capacity = 0;
}
