/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * afford: jobs that wait for money: which, since when, and why.
 *
 * Floor: daemon. Nothing of it is on disk: a new daemon asks for their money again. A task that is
 * held here rests as held (queue_place sees task->money_until) until that time, or until it is let
 * go.
 */
#ifndef DAEMON_AFFORD_H
#define DAEMON_AFFORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct afford;
struct task;

/* Tasks that are held for one reason. */
struct afford_reason {
    struct afford_reason *next;
    struct afford *afford;
    char *text;
    size_t jobs;
};

struct afford *afford_open(void);

/* No task may be held any more. */
void afford_close(struct afford *afford);

/* Holds a task until a time (wall ms; 0: until it is let go). passing: what it waits for is only
 * reserved by others under way. The caller calls queue_place. */
void afford_hold(struct afford *afford, struct task *task, const char *reason, int64_t until_ms,
                 bool passing);

/* Whether a task was held for this reason, lately at least. */
bool afford_knows(const struct afford *afford, const char *reason);

/* The task waits for no money any more; one that did not is left alone. */
void afford_forget(struct task *task);

/* Lets the task go that was held longest ago and returns it for queue_place, or NULL. */
struct task *afford_let_go(struct afford *afford);

/* How many are held, and how many of them for a passing reason. */
size_t afford_count(const struct afford *afford);
size_t afford_passing(const struct afford *afford);

/* The first reason; others follow by next. Some may have no jobs. */
const struct afford_reason *afford_reasons(const struct afford *afford);

#endif
