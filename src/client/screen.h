/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen: text for a person: no wider than the terminal, free of control characters, coloured where
 * that is wanted.
 *
 * Floor: client. What others wrote (messages of a server, names) is shown, never obeyed: no byte of
 * it reaches a terminal as an escape sequence.
 */
#ifndef CLIENT_SCREEN_H
#define CLIENT_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"

enum { SCREEN_UNBOUND = 1000000 }; /* columns: more than any line has */

struct screen {
    FILE *out;
    int width;   /* columns; SCREEN_UNBOUND: nothing is cut or broken */
    int height;  /* lines that are to be seen at once, or 0: any number */
    bool colour; /* a terminal, and NO_COLOR is not set (no-color.org) */
};

/* As wide and high as the terminal (its last line is left to the prompt), else as the environment's COLUMNS, else unbound: what reads a pipe wants
 * the whole. */
struct screen screen_open(FILE *out);

/* A page: lines that are collected to be counted before they are shown. */
struct screen_page {
    struct screen screen; /* to print on, like the one that it is for */
    char *text;
    size_t length;
    int lines; /* of text, when the page has ended */
};

/* Begins a page, which stays where it is; ends it (its text and lines are known then); prints no more
 * of it than the screen is high and frees it, or frees it only. */
void screen_page_begin(struct screen_page *page, const struct screen *screen);
void screen_page_end(struct screen_page *page);
void screen_page_put(struct screen_page *page, const struct screen *screen);
void screen_page_free(struct screen_page *page);

enum tone { TONE_PLAIN, TONE_STRONG, TONE_FAINT, TONE_GOOD, TONE_BAD };

/* The tone of a job's state, and of a gate's. */
enum tone screen_tone(const char *state);

/* What switches a terminal to a tone, or "" where there is no colour; "\033[0m" ends it. */
const char *screen_tone_on(const struct screen *screen, enum tone tone);

/* Prints one line, cut to the width. */
void screen_line(const struct screen *screen, enum tone tone, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints text as one line or more under each other, broken between words, each behind indent
 * columns; the first line begins with label instead. */
void screen_paragraph(const struct screen *screen, enum tone tone, const char *label, int indent,
                      const char *text);

/* Appends text as it may be shown: a control character, line end or broken byte becomes a space,
 * and what is wider than columns is cut and ends in "...". Returns the columns used. */
int screen_fit(struct buffer *out, const char *text, int columns);

/* Columns of text as screen_fit shows it. */
int screen_columns(const char *text);

/* "s" behind a noun, but where there is one of it. */
const char *screen_plural(uint64_t number);

/* A size in bytes for a person: "81.2 GB". */
enum { SCREEN_SIZE_SIZE = 24 };
const char *screen_bytes(int64_t bytes, char text[SCREEN_SIZE_SIZE]);

#endif
