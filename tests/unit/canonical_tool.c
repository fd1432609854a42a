/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * canonical_tool: for tests; JSON Lines on standard input, the canonical form of each on standard
 * output. A line that is refused becomes "refused: REASON".
 */
#include <err.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/xalloc.h"

static void answer(const char *line, size_t length, struct buffer *out)
{
    struct error error;
    json_t *value = jsontext_read(line, length, &error);
    buffer_clear(out);
    if (value == NULL) {
        buffer_printf(out, "refused: %s", error.text);
    } else {
        jsontext_write_canonical(out, value);
        json_decref(value);
    }
    buffer_byte(out, '\n');
    fwrite(out->bytes, 1, out->length, stdout);
}

int main(void)
{
    struct buffer out = {0};
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    xalloc_jansson();
    /* Whatever the locale, the result must be the same. */
    if (setlocale(LC_ALL, "") == NULL) {
        warnx("the locale is not there; going on in C");
    }
    while ((length = getline(&line, &size, stdin)) > 0) {
        answer(line, (size_t)length, &out);
    }
    free(line);
    buffer_free(&out);
    if (ferror(stdin) || fflush(stdout) != 0 || ferror(stdout)) {
        err(EX_IOERR, "cannot copy standard input to standard output");
    }
    return 0;
}
