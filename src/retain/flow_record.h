/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_record: the record of a flow in flows/NAME/: its steps in flow.jsonl, and in progress.jsonl what
 * became of them.
 *
 * Floor: retain. The daemon alone writes; the formats are in spool-layout/README.
 */
#ifndef RETAIN_FLOW_RECORD_H
#define RETAIN_FLOW_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/sha256.h"
#include "spool/spool.h"

#define FLOW_STEPS_FILE    "flow.jsonl"
#define FLOW_PROGRESS_FILE "progress.jsonl"

/* How a flow of one job that has no name calls it. */
#define FLOW_NAMELESS "."

/* What is known of a step. */
struct flow_entry {
    char *name;
    size_t at;     /* of its line in flow.jsonl */
    size_t length; /* of that line, without its newline */
    char **after;  /* the words of its `after` */
    size_t after_count;
    bool runs_on_failure;
    char *user;           /* whose job it is, in a shared spool; or NULL */
    struct id unresolved; /* ID of the job as it waits */
    struct id id;         /* of the job that it became */
    bool noted;           /* id is known */
    char *status;         /* completed, failed, cancelled, expired; NULL: it has not ended */
    char *reason;         /* or NULL */
    int64_t ended;        /* wall ms, 0: not yet */
};

/* A flow as it was read. Plain data; made by flow_record_read, freed by flow_record_free. */
struct flow_record {
    char *name;
    char sha256[SHA256_HEX_SIZE]; /* of the canonical form of what was dropped */
    int64_t submitted;            /* wall ms */
    char *user;                   /* whose it is, in a shared spool; or NULL */
    struct flow_entry *steps;
    size_t count;
    json_t *names;     /* of the steps: their numbers */
    int64_t ended;     /* wall ms, 0: not yet */
    bool begun;        /* progress.jsonl is there and of this flow */
    size_t progressed; /* bytes of progress.jsonl that are whole lines */
    bool torn;         /* there are more */
};

/* Reads flows/NAME. NULL with an error: ERROR_ABSENT when there is no flow.jsonl, ERROR_DATA naming the
 * line when it is damaged. */
struct flow_record *flow_record_read(const struct spool *spool, const char *name,
                                     struct error *error);

/* Calls visit with each flow of the spool that can be read, until it returns not 0; the others are
 * llmspool-check's to tell of. Returns what visit did, 0 at the end, or -1 with an error when flows/
 * cannot be listed. */
int flow_record_each(const struct spool *spool,
                     int (*visit)(void *context, struct flow_record *record), void *context,
                     struct error *error);
void flow_record_free(struct flow_record *record);

/* Reads the line of a step: the document of its job, unresolved. NULL with an error. */
json_t *flow_record_step(const struct spool *spool, const char *name,
                         const struct flow_entry *entry, struct error *error);

/* Appends the first line of flow.jsonl. */
void flow_record_head(struct buffer *out, const char *name, const char *sha256, int64_t submitted,
                      const char *user);

/* Makes flows/NAME with this flow.jsonl and an empty progress.jsonl, durably, in place of a flow that
 * ended. Returns 0; 1 when this very drop (sha256 and submitted) is there already, and nothing is changed;
 * -EPERM when the one that is there is another user's; or another -errno. */
int flow_record_make(const struct spool *spool, const char *name, const char *sha256,
                     int64_t submitted, const char *user, const struct buffer *text);

/* Begins progress.jsonl anew, or cuts what is torn. Returns 0 or -errno. */
int flow_record_mend(const struct spool *spool, const struct flow_record *record);

/* Appends lines to progress.jsonl, durably. Returns 0 or -errno. */
int flow_record_append(const struct spool *spool, const char *name, const char *text,
                       size_t length);

/* Removes flows/NAME. Returns 0 or -errno; -EAGAIN while another hand makes it, and with only_ended -EBUSY
 * where the flow that is there has not ended. */
int flow_record_remove(const struct spool *spool, const char *name, bool only_ended);

/* The number of the step of this name, or -1. */
long flow_record_find(const struct flow_record *record, const char *name);

#endif
