/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runname: see runname.h.
 */
#include "client/runname.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"

enum { INPUT_SIZE = 48, RANDOM_DIGITS = 6 };

/* The letters of a file's name that a run's name may have; what others there are become a hyphen. */
static void write_input(const char *input, char out[INPUT_SIZE])
{
    const char *slash = strrchr(input, '/');
    size_t length = 0;

    input = slash != NULL ? slash + 1 : input;
    for (; *input != '\0' && length < INPUT_SIZE - 1; input++) {
        bool fits = isascii((unsigned char)*input) &&
                    (isalnum((unsigned char)*input) || strchr("._-", *input) != NULL);

        if (fits || (length > 0 && out[length - 1] != '-')) {
            out[length++] = fits ? *input : '-';
        }
    }
    out[length] = '\0';
}

void runname_make(const struct spool *spool, const char *input, struct wall now,
                  char name[NAME_LIMIT])
{
    time_t seconds = (time_t)(now.ms / 1000);
    char date[16], stem[INPUT_SIZE] = "", unique[RANDOM_NAME_SIZE];
    struct tm local;

    localtime_r(&seconds, &local);
    strftime(date, sizeof date, "%Y-%m-%d", &local);
    if (input != NULL) {
        write_input(strcmp(input, "-") == 0 ? "stdin" : input, stem);
    }
    do {
        random_name(unique);
        snprintf(name, NAME_LIMIT, "%s-%s%s%.*s", date, stem, stem[0] != '\0' ? "-" : "",
                 RANDOM_DIGITS, unique);
    } while (faccessat(spool->dir[FOLDER_RUNS], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}
