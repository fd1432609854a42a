/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_xalloc: allocation that cannot fail. */
#include "unit.h"

#include <jansson.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"

/* The address sanitizer ends the program by itself otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

enum { TOO_MUCH_SHIFT = 62 }; /* 2^62 bytes: more than any address space */

static void take_malloc(void)
{
    free(xmalloc((size_t)1 << TOO_MUCH_SHIFT));
}

static void take_calloc(void)
{
    free(xcalloc((size_t)1 << (TOO_MUCH_SHIFT / 2), (size_t)1 << (TOO_MUCH_SHIFT / 2)));
}

/* The product is 2^64 and would be 0. */
static void take_calloc_overflow(void)
{
    volatile size_t half = (size_t)1 << 32;
    free(xcalloc(half, half));
}

static void take_realloc(void)
{
    free(xrealloc(NULL, (size_t)1 << TOO_MUCH_SHIFT));
}

/* Lets a child run out of memory and gives its exit code and what it said. */
static int run(void (*take)(void), char *said, size_t size)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        take();
        _exit(0);
    }
    close(ends[1]);
    ssize_t length, total = 0;
    while ((length = read(ends[0], said + total, size - 1 - (size_t)total)) > 0) {
        total += length;
    }
    said[total] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void without_memory_the_process_says_so_and_leaves_with_71(void **state)
{
    (void)state;
    void (*const ways[])(void) = {take_malloc, take_calloc, take_calloc_overflow, take_realloc};
    char said[4096];
    for (size_t i = 0; i < UNIT_COUNT(ways); i++) {
        assert_int_equal(run(ways[i], said, sizeof said), 71);
        assert_non_null(strstr(said, "test_xalloc: out of memory\n"));
    }
}

static void memory_can_be_used(void **state)
{
    (void)state;
    char *bytes = xmalloc(10);
    memset(bytes, 'a', 10);
    bytes = xrealloc(bytes, 1000);
    assert_memory_equal(bytes, "aaaaaaaaaa", 10);
    free(bytes);
    int *zeros = xcalloc(100, sizeof *zeros);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(zeros[i], 0);
    }
    free(zeros);
}

static void copies_are_their_own(void **state)
{
    (void)state;
    char text[] = "text";
    char *whole = xstrdup(text);
    char *start = xstrndup(text, 2);
    char *more = xstrndup(text, 100);
    char *bytes = xmemdup("a\0b", 3);
    char *nothing = xmemdup(NULL, 0);
    text[0] = 'n';
    assert_string_equal(whole, "text");
    assert_string_equal(start, "te");
    assert_string_equal(more, "text");
    assert_memory_equal(bytes, "a\0b", 3);
    assert_non_null(nothing);
    assert_null(xstrdup(NULL));
    free(whole);
    free(start);
    free(more);
    free(bytes);
    free(nothing);
}

static void formatted_strings_have_any_length(void **state)
{
    (void)state;
    char *text = xasprintf("%s-%05d", "job", 7);
    assert_string_equal(text, "job-00007");
    free(text);
    text = xasprintf("%*s", 5000, "end");
    assert_int_equal(strlen(text), 5000);
    free(text);
}

static void jansson_allocates_through_us(void **state)
{
    (void)state;
    json_malloc_t before_malloc, now_malloc;
    json_free_t before_free, now_free;
    json_get_alloc_funcs(&before_malloc, &before_free);
    xalloc_jansson();
    json_get_alloc_funcs(&now_malloc, &now_free);
    assert_true(now_malloc == xmalloc);
    json_t *value = json_pack("{s:[i,s]}", "key", 1, "text");
    assert_non_null(value);
    json_decref(value);
    json_set_alloc_funcs(before_malloc, before_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_the_process_says_so_and_leaves_with_71),
        cmocka_unit_test(memory_can_be_used),
        cmocka_unit_test(copies_are_their_own),
        cmocka_unit_test(formatted_strings_have_any_length),
        cmocka_unit_test(jansson_allocates_through_us),
    };
    return UNIT_RUN(tests);
}
