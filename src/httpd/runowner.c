/* SPDX-License-Identifier: GPL-2.0-or-later */
/* runowner: see runowner.h. */
#include "httpd/runowner.h"

#include <stdlib.h>

#include "httpd/brief.h"
#include "retain/members.h"

enum { LOOKS = 100 /* at jobs: the first may have been archived or forgotten */ };

enum run_owner runowner_of(const struct spool *spool, const char *run, const char *user,
                           struct id *first)
{
    struct error error = {.kind = ERROR_NONE};
    size_t count = 0, looks = 0;
    struct member *members = members_read(spool, run, &count, &error);
    bool none = members != NULL ? count == 0 : error.kind == ERROR_ABSENT;
    enum run_owner owner = none ? RUN_NONE : RUN_FOREIGN;
    struct brief brief;

    for (size_t i = 0; members != NULL && i < count && looks < LOOKS; i++) {
        if (members[i].refused)
            continue;
        if (looks++ == 0)
            *first = members[i].id;
        owner = RUN_UNTAKEN;
        if (!brief_read(&brief, spool, &members[i].id, NULL))
            continue;
        owner = brief_is_of(&brief, user) ? RUN_OWN : RUN_FOREIGN;
        brief_clear(&brief);
        break;
    }
    free(members);
    return owner;
}

int runowner_check(const struct spool *spool, const char *run, const char *user,
                   struct error *error)
{
    struct id first;

    if (runowner_of(spool, run, user, &first) == RUN_OWN)
        return 0;
    error_set(error, ERROR_ABSENT, "there is no run %s in %s", run, spool->path);
    return -1;
}
