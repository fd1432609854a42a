/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * turns: works on the same name, one after the other.
 *
 * Floor: httpd. For few at a time: whoever takes turns bounds their number.
 */
#ifndef HTTPD_TURNS_H
#define HTTPD_TURNS_H

#include <sys/queue.h>

/* A work; its maker's. A zeroed one has no turn. */
struct turn {
    TAILQ_ENTRY(turn) entry;
    const char *name; /* outlives it; NULL: none */
    void (*begin)(void *context);
    void *context;
};

TAILQ_HEAD(turns, turn); /* in the order in which they came; TAILQ_INIT it */

/* Calls begin(context) when all that came before with this name have ended, maybe at once. */
void turns_take(struct turns *turns, struct turn *turn, const char *name,
                void (*begin)(void *context), void *context);

/* The work that has begun has ended, and the next of its name begins. No turn is allowed. */
void turns_end(struct turns *turns, struct turn *turn);

#endif
