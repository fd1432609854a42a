/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * consent: see consent.h.
 */
#include "client/consent.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/moneytext.h"
#include "spool/clientfile.h"

int consent_limit(int64_t *nano, struct error *error)
{
    char *text = NULL, *path = NULL;
    int result = clientfile_get("confirm_above", &text, &path, error);

    *nano = 5 * AMOUNT_UNIT;
    if (result > 0 && strcmp(text, "never") == 0) {
        *nano = CONSENT_NEVER;
    } else if (result > 0 && moneytext_read(text, nano) < 0) {
        error_set(error, ERROR_DATA,
                  "%s: confirm_above = %s is neither a sum such as 5.00 nor never", path, text);
        result = -1;
    }
    free(text);
    free(path);
    return result < 0 ? -1 : 0;
}

int consent_ask(const char *question)
{
    int fd = isatty(STDERR_FILENO) == 1 ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
    FILE *terminal = fd >= 0 ? fdopen(fd, "r+") : NULL;
    char answer[16] = "";

    if (terminal == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    fprintf(terminal, "%s [y/N] ", question);
    fflush(terminal);
    if (fgets(answer, sizeof answer, terminal) == NULL) {
        answer[0] = '\0';
    }
    fclose(terminal);
    return answer[0] == 'y' || answer[0] == 'Y';
}
