/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * letter: a hook's notice as a mail (RFC 5322) that a person reads.
 *
 * Floor: client. Pure. Whatever texts a notice holds, headers are printable ASCII on one line each, and the body has no
 * control characters and no line that is too long for a mail.
 */
#ifndef CLIENT_LETTER_H
#define CLIENT_LETTER_H

#include <jansson.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"

/* Whom and whence. Addresses are mail_address_good. */
struct letter {
    const char *from; /* NULL: what sends it says */
    const char *const *to;
    size_t to_count;
    const char *host; /* of this machine, for the Message-ID */
    struct wall now;
};

/* Appends the whole message, lines ended by a newline. Its Message-ID is made of the notice's id: the same notice
 * told again is the same mail. -1 with an error: it is no notice. */
int letter_write(struct buffer *out, json_t *notice, const struct letter *letter,
                 struct error *error);

#endif
