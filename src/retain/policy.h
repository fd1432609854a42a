/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy: how long finished work is kept: the rules, and what they say of one unit.
 *
 * Floor: retain. Knows no files; llmspoold.conf(5) has the rules as settings.
 */
#ifndef RETAIN_POLICY_H
#define RETAIN_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "retain/finished.h"

/* Free space that is wanted: bytes, or percent of the file system; both 0: not said. */
struct policy_room {
    uint64_t bytes;
    unsigned percent;
};

/* How long outputs of some model or user are kept. */
struct policy_rule {
    char *name; /* of a user ("*": of all that have no rule), or a pattern of models as in fnmatch(3) */
    int64_t keep_ms;
};

/* Plain data. Ages in ms. */
struct policy {
    int64_t outputs_ms; /* of done/ */
    int64_t failed_ms;  /* of failed/ */
    int64_t events_ms;
    int64_t attachments_ms; /* of blobs/, since nobody refers to them */
    unsigned versions;  /* newest versions of a job that are kept; 0: all */
    uint64_t count;     /* finished jobs that are kept; 0: any number */
    uint64_t bytes;     /* that finished jobs may take; 0: any number */
    struct policy_room free_space;
    bool archive_first;       /* archive_before_prune */
    int64_t archive_after_ms; /* when llmspool-archive takes jobs that no option selects by age */
    struct policy_rule *models; /* the first that fits counts */
    size_t model_count;
    struct policy_rule *users;
    size_t user_count;
};

/* When a unit may go, wall ms: what the job's own `keep` says, else the rule of its user, else that
 * of its model, else that of its folder. INT64_MAX when its record cannot be read: then a person
 * decides. */
int64_t policy_due(const struct policy *policy, const struct finished *finished);

/* The shortest age at which a unit of the folder may be due that has no `keep` of its own. */
int64_t policy_shortest(const struct policy *policy, enum folder folder);

/* The versions of a unit of done/ that are too many: those below the returned number; its lowest
 * when none is. The newest good one is never among them. */
unsigned policy_first_kept(const struct policy *policy, const struct finished *finished);

/* Frees the rules. */
void policy_clear(struct policy *policy);

/* Reads "10%" or a size such as 5GiB. Returns 0, or -EINVAL. */
int policy_room_read(const char *text, struct policy_room *room);

#endif
