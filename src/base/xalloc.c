/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xalloc: allocation that cannot fail. */
#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* dprintf and _exit, because stdio streams and handlers of atexit may want memory too. */
static _Noreturn void memory_out(void)
{
    dprintf(STDERR_FILENO, "%s: out of memory\n", program_invocation_short_name);
    _exit(EX_OSERR);
}

void *xmalloc(size_t size)
{
    assert(size > 0);
    void *memory = malloc(size);
    if (memory == NULL) {
        memory_out();
    }
    return memory;
}

void *xcalloc(size_t count, size_t size)
{
    assert(count > 0 && size > 0);
    void *memory = calloc(count, size);
    if (memory == NULL) {
        memory_out();
    }
    return memory;
}

void *xrealloc(void *old, size_t size)
{
    assert(size > 0);
    void *memory = realloc(old, size);
    if (memory == NULL) {
        memory_out();
    }
    return memory;
}

char *xstrdup(const char *text)
{
    return text == NULL ? NULL : xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t length)
{
    length = strnlen(text, length);
    char *copy = xmalloc(length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

/* One byte more than asked, so that a copy of nothing is still somewhere. */
void *xmemdup(const void *bytes, size_t length)
{
    char *copy = xmalloc(length + 1);
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    copy[length] = '\0';
    return copy;
}

char *xasprintf(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        memory_out();
    }
    return text;
}

void xalloc_jansson(void)
{
    json_set_alloc_funcs(xmalloc, free);
}
