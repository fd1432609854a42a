/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_reading: the way from libconfuse's callbacks to whoever reads a file with it, and its
 * errors in our words, with file and line.
 *
 * Floor: base. libconfuse gives its callbacks no argument of ours, so the first option of each
 * section leads to one: a function, which libconfuse gives no value, and which no file can call,
 * because config_text lets no parenthesis through.
 */
#ifndef BASE_CONFIG_READING_H
#define BASE_CONFIG_READING_H

#include <confuse.h>
#include <stdbool.h>

#include "base/error.h"

/* The reading of one file: the first member of what its reader remembers. */
struct config_reading {
    const char *path;
    const char *page; /* that tells its settings, such as "llmspoold.conf(5)" */
    bool failed;      /* error is filled: what follows is only its echo */
    struct error *error;
};

/* What callbacks of a section get: the first member of what its reader remembers of it. */
struct config_section {
    struct config_reading *reading;
};

/* The first option of a section, which leads to it. It must outlive the parser. */
cfg_opt_t config_reading_option(struct config_section *section);

/* What the first option of a section leads to. */
struct config_section *config_reading_section(cfg_t *section);

/* Keeps the first of what goes wrong, with file and line before it. Returns -1. */
int config_reading_fail(struct config_reading *reading, int line, const struct error *problem);

/* Has the parser's own errors kept in the same way; a setting or section that is not known is told
 * with the one that was perhaps meant, or else the page. */
void config_reading_errors(cfg_t *parser);

#endif
