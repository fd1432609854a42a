/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xalloc: allocation that cannot fail. Without memory the process says so and leaves with 71;
 * everything on disk is crash-safe, so a supervisor's restart loses nothing.
 *
 * Floor: base. The caller owns what is returned and frees it with free(3).
 */
#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

#include <stddef.h>

/* As malloc, calloc (refusing count * size that overflows), realloc; size 0 is an error of the
 * program. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));

/* Copies of a string (NULL gives NULL), of its first length bytes (terminated), of any bytes. */
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length) __attribute__((returns_nonnull));
void *xmemdup(const void *bytes, size_t length) __attribute__((returns_nonnull));

/* A formatted string of the caller's own. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Makes jansson allocate through xmalloc, so that its constructors cannot return NULL for want of
 * memory. Called once, first thing in main. */
void xalloc_jansson(void);

#endif
