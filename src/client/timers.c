/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timers: see timers.h. The units and the crontab lines are in spool-layout/. */
#include "client/timers.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/xalloc.h"

#define NAMES "llmspool-archive.timer llmspool-prune.timer llmspool-check.timer"
#define FRAGMENT PKGDATADIR "/spool-layout/cron/llmspool.crontab"
#define CONFIG "~/.config/llmspool"
#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+,@%"

/* As sd_booted(3) does, without libsystemd. */
static bool has_systemd(void)
{
    return access("/run/systemd/system", F_OK) == 0;
}

enum timers timers_here(const char *place)
{
    if (!has_systemd()) {
        return TIMERS_CRON;
    }
    if (strcmp(place, LOCALSTATEDIR "/spool/llmspool") == 0) {
        return TIMERS_SYSTEM;
    }
    /* root's own systemd is started at a login only, and the system's units may write nowhere else. */
    return geteuid() == 0 ? TIMERS_CRON : TIMERS_USER;
}

/* LLMSPOOL_DIR=PLACE as one word of a shell. */
static char *assignment(const char *place)
{
    struct buffer word = {0};

    if (strspn(place, PLAIN) == strlen(place)) {
        return xasprintf("LLMSPOOL_DIR=%s", place);
    }
    buffer_text(&word, "'LLMSPOOL_DIR=");
    for (const char *at = place; *at != '\0'; at++) {
        if (*at == '\'') {
            buffer_text(&word, "'\\''");
        } else {
            buffer_byte(&word, *at);
        }
    }
    buffer_byte(&word, '\'');
    return buffer_take(&word);
}

char *timers_command(enum timers timers, const char *place, bool usual)
{
    char *assigned, *command;

    if (timers == TIMERS_SYSTEM) {
        return xstrdup("systemctl enable --now " NAMES);
    }
    if (timers == TIMERS_USER && usual) {
        return xstrdup("systemctl --user enable --now " NAMES);
    }
    assigned = assignment(place);
    if (timers == TIMERS_USER) {
        command = xasprintf("mkdir -p " CONFIG " && echo %s >>" CONFIG "/environment && "
                            "systemctl --user enable --now " NAMES,
                            assigned);
    } else {
        command = xasprintf("{ crontab -l; echo %s; cat " FRAGMENT "; } | crontab -", assigned);
    }
    free(assigned);
    return command;
}
