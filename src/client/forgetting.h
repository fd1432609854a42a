/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forgetting: llmspool-ctl forget: which jobs are meant, whether that is meant, and what became of it.
 *
 * Floor: client. retain/forget.h does it.
 */
#ifndef CLIENT_FORGETTING_H
#define CLIENT_FORGETTING_H

#include <stdbool.h>

#include "job/selection.h"

struct forget_wish {
    const char *program;
    const char *spool; /* given with -s, or NULL */
    struct selection *selection;
    bool dry_run;
    bool quiet;
    bool json;
    bool yes; /* do not ask */
};

/* Forgets the jobs that words name, or those that the selection has. Returns the exit code. */
int forgetting_run(const struct forget_wish *wish, char **words);

#endif
