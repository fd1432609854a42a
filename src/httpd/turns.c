/* SPDX-License-Identifier: GPL-2.0-or-later */
/* turns: see turns.h. */
#include "httpd/turns.h"

#include <stddef.h>
#include <string.h>

static struct turn *first_of(struct turns *turns, const char *name)
{
    struct turn *turn;

    TAILQ_FOREACH(turn, turns, entry)
    {
        if (strcmp(turn->name, name) == 0)
            return turn;
    }
    return NULL;
}

void turns_take(struct turns *turns, struct turn *turn, const char *name,
                void (*begin)(void *context), void *context)
{
    turn->name = name;
    turn->begin = begin;
    turn->context = context;
    TAILQ_INSERT_TAIL(turns, turn, entry);
    if (first_of(turns, name) == turn)
        begin(context);
}

void turns_end(struct turns *turns, struct turn *turn)
{
    const char *name = turn->name;
    struct turn *next;

    if (name == NULL)
        return;
    TAILQ_REMOVE(turns, turn, entry);
    turn->name = NULL;
    next = first_of(turns, name);
    if (next != NULL)
        next->begin(next->context);
}
