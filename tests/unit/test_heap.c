/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_heap: a binary heap whose elements know their place. */
#include "unit.h"

#include "base/heap.h"
#include "base/random.h"

struct item {
    uint64_t key;
    size_t position;
};

static bool item_less(const void *a, const void *b)
{
    return ((const struct item *)a)->key < ((const struct item *)b)->key;
}

static void item_place(void *element, size_t position)
{
    ((struct item *)element)->position = position;
}

/* No element comes before its parent, and each knows where it is. */
static void check(const struct heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        assert_int_equal(((struct item *)heap->slots[i])->position, i);
        assert_true(i == 0 || !item_less(heap->slots[i], heap->slots[(i - 1) / 2]));
    }
}

static void an_empty_heap_has_no_first(void **state)
{
    (void)state;
    struct heap heap;
    heap_init(&heap, item_less, item_place);
    assert_null(heap_first(&heap));
    heap_free(&heap);
}

static void elements_leave_in_order(void **state)
{
    (void)state;
    struct heap heap;
    struct random random;
    struct item items[500];
    uint64_t last = 0;
    random_init(&random, 1);
    heap_init(&heap, item_less, item_place);
    for (size_t i = 0; i < UNIT_COUNT(items); i++) {
        items[i].key = random_below(&random, 200);
        heap_insert(&heap, &items[i]);
        check(&heap);
    }
    for (size_t i = 0; i < UNIT_COUNT(items); i++) {
        struct item *first = heap_first(&heap);
        assert_ptr_equal(heap_remove(&heap, 0), first);
        assert_int_equal(first->position, HEAP_NOWHERE);
        assert_true(first->key >= last);
        last = first->key;
        check(&heap);
    }
    assert_int_equal(heap.count, 0);
    heap_free(&heap);
}

static void any_element_can_be_removed(void **state)
{
    (void)state;
    struct heap heap;
    struct random random;
    struct item items[300];
    random_init(&random, 2);
    heap_init(&heap, item_less, item_place);
    for (size_t i = 0; i < UNIT_COUNT(items); i++) {
        items[i].key = random_below(&random, 1000);
        heap_insert(&heap, &items[i]);
    }
    for (size_t i = 0; i < UNIT_COUNT(items); i++) {
        size_t position = items[i].position;
        assert_ptr_equal(heap_remove(&heap, position), &items[i]);
        assert_int_equal(items[i].position, HEAP_NOWHERE);
        assert_int_equal(heap.count, UNIT_COUNT(items) - 1 - i);
        check(&heap);
    }
    heap_free(&heap);
}

static void an_element_moves_when_its_key_changes_either_way(void **state)
{
    (void)state;
    struct heap heap;
    struct random random;
    struct item items[100];
    random_init(&random, 3);
    heap_init(&heap, item_less, item_place);
    for (size_t i = 0; i < UNIT_COUNT(items); i++) {
        items[i].key = random_below(&random, 1000);
        heap_insert(&heap, &items[i]);
    }
    for (int i = 0; i < 2000; i++) {
        struct item *item = &items[random_below(&random, UNIT_COUNT(items))];
        item->key = random_below(&random, 1000);
        heap_update(&heap, item->position);
        check(&heap);
    }
    items[7].key = 0;
    heap_update(&heap, items[7].position);
    assert_int_equal(((struct item *)heap_first(&heap))->key, 0);
    heap_free(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_has_no_first),
        cmocka_unit_test(elements_leave_in_order),
        cmocka_unit_test(any_element_can_be_removed),
        cmocka_unit_test(an_element_moves_when_its_key_changes_either_way),
    };
    return UNIT_RUN(tests);
}
