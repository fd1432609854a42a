/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * owners: see owners.h.
 */
#include "daemon/owners.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"

#define ADMIN_GROUP "llmspool-admin"

char *owners_name(uid_t uid)
{
    const struct passwd *entry = getpwuid(uid);

    return entry != NULL ? xstrdup(entry->pw_name) : xasprintf("%u", (unsigned)uid);
}

bool owners_trusted(const struct core *core, uid_t uid, const char *name)
{
    char **trusted = core->config->trusted_droppers;
    char number[24];

    snprintf(number, sizeof number, "%u", (unsigned)uid);
    for (size_t i = 0; trusted != NULL && trusted[i] != NULL; i++)
        if (strcmp(trusted[i], name) == 0 || strcmp(trusted[i], number) == 0)
            return true;
    return false;
}

static bool is_admin(const char *name)
{
    const struct group *group = getgrnam(ADMIN_GROUP);

    for (char **member = group != NULL ? group->gr_mem : NULL; member != NULL && *member != NULL;
         member++)
        if (strcmp(*member, name) == 0)
            return true;
    return false;
}

bool owners_may_order(const struct core *core, uid_t uid, const char *name)
{
    if (!core->spool->shared || uid == 0 || uid == geteuid() || uid == core->spool->owner)
        return true;
    return owners_trusted(core, uid, name) || is_admin(name);
}
