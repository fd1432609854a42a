/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cursor: where a listing of jobs goes on, as text that a client hands back.
 *
 * Floor: httpd. It says a folder and the ID after which to go on, so it stays good whatever comes and goes;
 * of a run, the position.
 */
#ifndef HTTPD_CURSOR_H
#define HTTPD_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/layout.h"

struct cursor {
    bool in_run;
    uint64_t position;  /* in the run, of the next job */
    enum folder folder; /* cur/, failed/ or done/ */
    bool after;         /* behind id; else from the folder's beginning */
    struct id id;
};

enum { CURSOR_SIZE = 2 + ID_TEXT_SIZE };

void cursor_write(const struct cursor *cursor, char out[CURSOR_SIZE]);

/* False when text is no cursor. */
bool cursor_read(const char *text, struct cursor *cursor);

#endif
