/* SPDX-License-Identifier: GPL-2.0-or-later */
/* error: how a call says why it failed, to a person. */
#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

typedef char error_text[sizeof(((struct error *)0)->text)];

/* Takes away what is left of a UTF-8 sequence that was cut at the end of a full text. */
static void trim_sequence(error_text text)
{
    size_t length = strlen(text);
    if (length + 1 < sizeof(error_text)) {
        return;
    }
    size_t start = length;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    unsigned char lead = start > 0 ? (unsigned char)text[start - 1] : 0;
    size_t wanted = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (length - start < wanted) {
        text[start - 1] = '\0';
    }
}

/* Texts are made here first, because an argument may point into the error that is to be filled. */
__attribute__((format(printf, 2, 0))) static void make_text(error_text text, const char *format,
                                                            va_list arguments)
{
    if (vsnprintf(text, sizeof(error_text), format, arguments) < 0) {
        snprintf(text, sizeof(error_text), "%s", format);
    }
    trim_sequence(text);
}

__attribute__((format(printf, 2, 3))) static void print_text(error_text text, const char *format,
                                                             ...)
{
    va_list arguments;
    va_start(arguments, format);
    make_text(text, format, arguments);
    va_end(arguments);
}

/* Puts both texts into error with ": " in between. */
static void join(struct error *error, const char *first, const char *second)
{
    error_text text;
    print_text(text, "%s: %s", first, second);
    memcpy(error->text, text, sizeof text);
}

void error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    if (error == NULL) {
        return;
    }
    error_text text;
    va_list arguments;
    va_start(arguments, format);
    make_text(text, format, arguments);
    va_end(arguments);
    error->kind = kind;
    memcpy(error->text, text, sizeof text);
}

void error_system(struct error *error, int errnum, const char *format, ...)
{
    if (error == NULL) {
        return;
    }
    error_text text;
    error_text buffer;
    va_list arguments;
    va_start(arguments, format);
    make_text(text, format, arguments);
    va_end(arguments);
    error->kind = ERROR_SYSTEM;
    join(error, text, strerror_r(errnum, buffer, sizeof buffer));
}

void error_prefix(struct error *error, const char *format, ...)
{
    if (error == NULL) {
        return;
    }
    error_text text;
    va_list arguments;
    va_start(arguments, format);
    make_text(text, format, arguments);
    va_end(arguments);
    join(error, text, error->text);
}

int error_exit(enum error_kind kind)
{
    switch (kind) {
    case ERROR_NONE:
        return EX_OK;
    case ERROR_USAGE:
        return EX_USAGE;
    case ERROR_DATA:
        return EX_DATAERR;
    case ERROR_ABSENT:
        return EX_UNAVAILABLE;
    case ERROR_CREATE:
        return EX_CANTCREAT;
    case ERROR_LATER:
        return EX_TEMPFAIL;
    case ERROR_SYSTEM:
        break;
    }
    return EX_OSERR;
}
