/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outbox_core: what the parts of outbox share.
 *
 * Floor: daemon. For outbox, outbox_read, outbox_settle, outbox_tell and redeliver alone.
 */
#ifndef DAEMON_OUTBOX_CORE_H
#define DAEMON_OUTBOX_CORE_H

#include <dirent.h>
#include <time.h>

#include "daemon/deliver.h"
#include "daemon/hooks.h"
#include "daemon/outbox.h"
#include "daemon/receivers.h"

#define OUTBOX_FAILED "failed" /* in outbox/ */

enum { OUTBOX_DEBT_LIMIT = 1 << 20 /* bytes of a debt's file, as in retain/owed.c */ };

struct outbox {
    struct core *core;
    struct deliver *deliver;
    struct receivers receivers;
    struct schedule schedule;
    DIR *look;               /* a look through outbox/ that is under way, or NULL */
    bool look_again;         /* … and another one is to follow */
    struct timespec changed; /* of outbox/, before the last look */
    struct mono looked;      /* when it began */
    bool look_failed;        /* the last one: the next minute looks again */
    size_t handed;           /* to hooks and not called back */
    size_t writing;          /* publications that have not ended */
    size_t given_up;         /* files of outbox/failed/ */
    size_t unreadable;       /* debts that cannot be read and are kept */
    bool stopped;
    bool told_write;         /* that counters cannot be written; until they can */
    struct redelivery *redelivery; /* under way, or NULL */
};

/* --- outbox_read --- */

/* The document of a debt's file in outbox/ or (of given up ones) outbox/failed/, NULL with -errno in
 * *result: -EINVAL for one that is none. */
json_t *outbox_document(const struct outbox *outbox, int dir, const char *name, int *result);

/* What is remembered of a debt, and its receiver's key (to be freed). */
char *outbox_remember(const struct outbox *outbox, const struct id *hash, const json_t *document,
                      struct debt *debt);

/* The key of the receiver of a debt now, to be freed. */
char *outbox_key(const struct core *core, const json_t *document);

/* Reads some more of outbox/. Returns whether there is more. */
bool outbox_read_on(struct outbox *outbox);

/* Opens outbox/failed/, making it where make says so: a descriptor or -errno. */
int outbox_open_failed(const struct outbox *outbox, bool make);

/* A debt that cannot be read is kept, told once and left alone. */
void outbox_unreadable(struct outbox *outbox, const struct id *hash, const char *name, int result);

/* --- outbox_settle: what becomes of a debt after a try --- */

void outbox_paid(struct outbox *outbox, struct debt *debt, const json_t *document,
                 const struct delivery *delivery);
void outbox_later(struct outbox *outbox, struct debt *debt, json_t *document,
                  const struct delivery *delivery);
void outbox_give_up(struct outbox *outbox, struct debt *debt, json_t *document, const char *words);

/* --- redeliver --- */

/* Goes on with an order that is under way. Returns whether there is more at once. */
bool redeliver_work(struct outbox *outbox);

/* In how many ms it goes on with a folder that could not be listed; -1: that is not what it waits for. */
int64_t redeliver_wake_ms(const struct outbox *outbox);

void redeliver_close(struct outbox *outbox);

#endif
