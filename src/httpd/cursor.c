/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cursor: see cursor.h. */
#include "httpd/cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    char letter;
    enum folder folder;
} letters[] = {{'c', FOLDER_CUR}, {'f', FOLDER_FAILED}, {'d', FOLDER_DONE}};

enum { LETTERS = sizeof letters / sizeof letters[0], POSITION_DIGITS = 15 };

void cursor_write(const struct cursor *cursor, char out[CURSOR_SIZE])
{
    char hex[ID_TEXT_SIZE] = "";

    if (cursor->in_run) {
        (void)snprintf(out, CURSOR_SIZE, "r%" PRIu64, cursor->position);
        return;
    }
    if (cursor->after)
        id_write(&cursor->id, hex);
    for (size_t i = 0; i < LETTERS; i++) {
        if (letters[i].folder == cursor->folder)
            (void)snprintf(out, CURSOR_SIZE, "%c%s", letters[i].letter, hex);
    }
}

static bool read_position(const char *text, struct cursor *cursor)
{
    size_t length = strlen(text);

    *cursor = (struct cursor){.in_run = true};
    if (length == 0 || length > POSITION_DIGITS || strspn(text, "0123456789") != length)
        return false;
    cursor->position = strtoull(text, NULL, 10);
    return true;
}

bool cursor_read(const char *text, struct cursor *cursor)
{
    if (text[0] == 'r')
        return read_position(text + 1, cursor);
    for (size_t i = 0; i < LETTERS; i++) {
        if (letters[i].letter == text[0]) {
            *cursor = (struct cursor){.folder = letters[i].folder, .after = text[1] != '\0'};
            return !cursor->after || id_read(text + 1, &cursor->id);
        }
    }
    return false;
}
