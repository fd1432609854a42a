/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_text: a configuration's text, checked for what libconfuse passes over in silence.
 *
 * Floor: base. libconfuse 3.3 takes a file whose last section or comment is never closed, drops
 * characters that fit nowhere (so model gpt-* would become gpt-), counts a line too many after some
 * comments, looks for the end of a ${ on later lines, and a string that is never closed stays open
 * in the next file that it reads.
 */
#ifndef BASE_CONFIG_TEXT_H
#define BASE_CONFIG_TEXT_H

#include "base/error.h"

/* Blanks the comments of text (# and // to the end of the line, and those of C) and checks that
 * strings end on their line, that sections and comments end at all, and that nothing stands outside
 * of strings that has no meaning there. Returns 0, or -1 with an error, and in *line where it is.
 */
int config_text_check(char *text, int *line, struct error *error);

#endif
