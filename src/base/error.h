/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * error: how a call says why it failed, to a person.
 *
 * Floor: base. A call that can fail for a reason a person must hear takes `struct error *` last
 * and returns -1 or NULL after filling it; on success it leaves it alone. The text is one
 * finished sentence without a final newline: which file or job, what was tried, what to do.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* What sort of failure it was; commands turn it into their exit code with error_exit(). */
enum error_kind {
    ERROR_NONE = 0,
    ERROR_USAGE,  /* the words on the command line are wrong */
    ERROR_DATA,   /* the input is wrong: bad JSON, unknown key, value out of range */
    ERROR_ABSENT, /* what is needed is not there: spool, daemon, job */
    ERROR_CREATE, /* an output file cannot be made */
    ERROR_SYSTEM, /* the environment failed: I/O, memory, permission */
    ERROR_LATER,  /* not now, try again: still being written, busy, timed out */
};

struct error {
    enum error_kind kind;
    char text[800];
};

/* Fills *error; a text that is too long is cut. error may be NULL (nobody wants to know). */
void error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set with kind ERROR_SYSTEM, and ": " and the text of the errno value appended. */
void error_system(struct error *error, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts text and ": " before the sentence that is there, to say where it happened. */
void error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The exit code of sysexits(3) for a kind: 64 usage, 65 data, 69 absent, 73 create, 75 later,
 * 71 system. */
int error_exit(enum error_kind kind);

#endif
