/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_topic: what the topics of check share: the check under way, an entry that is looked at, and
 * telling that something about it is wrong.
 *
 * Floor: retain. Beneath check.
 */
#ifndef RETAIN_CHECK_TOPIC_H
#define RETAIN_CHECK_TOPIC_H

#include <jansson.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "retain/check.h"
#include "spool/spool.h"

struct check;

/* An entry under a topic's eyes. */
struct check_entry {
    enum folder folder; /* FOLDER_COUNT: none; the spool itself */
    const char *name;   /* in the folder, or what else is looked at */
    struct entry is;    /* its name taken apart */
};

struct check_topic {
    const char *word;
    const char *what;   /* what is looked at, for -v */
    enum folder folder; /* whose entries; FOLDER_COUNT: look is called once, with no name */
    void (*look)(struct check *check, const struct check_entry *entry);
    void (*end)(struct check *check); /* after the last entry; or NULL */
};

/* Something that is wrong and waits for the second look. */
struct suspicion {
    const struct check_topic *topic;
    enum check_code code;
    enum folder folder;
    char *name;
    char *message;
    ino_t inode; /* of the entry when it was seen; 0: there is none */
    struct timespec changed;
};

struct suspicions {
    struct suspicion *all;
    size_t count;
    size_t capacity;
};

struct check {
    const struct check_options *options;
    const struct check_listener *listener;
    struct check_totals *totals;
    struct error *error;
    const char *path;
    int root;
    struct spool *spool; /* NULL while only the layout is looked at */
    bool owned;          /* a daemon runs */
    int64_t now_ms;      /* when the look began */
    const struct check_topic *topic;
    const struct check_entry *entry;
    struct suspicions *into; /* where suspicions go */
    struct suspicions first;
    struct suspicions second;
    struct id *lost; /* finished jobs of whom no version was seen yet */
    size_t lost_count;
    size_t lost_capacity;
    bool again;      /* this is a second look */
    bool holding;    /* under a unit lock of our own */
    uint64_t mended; /* in this pass */
    bool quiet;      /* this pass tells only what it mends */
    struct events *events; /* what mending takes away is told there; NULL while nothing is mended */
    int lock;        /* spool.json with the owner's lock, while the layout is mended, or -1 */
};

/* Suspects something of the entry that is looked at; the message is a phrase that follows the
 * file's name. */
void check_suspect(struct check *check, enum check_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Suspects it of another name than the entry's, in no folder. */
void check_suspect_name(struct check *check, enum check_code code, const char *name,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Looks for the attachments of a job that is looked at. */
struct job;
void check_look_attachments(struct check *check, const struct job *job);

/* The message when something cannot be read: suspects CHECK_UNREADABLE unless it is gone. */
void check_unreadable(struct check *check, int errnum);

/* Whether a folder has an entry; *status is filled when it is there, unless NULL. */
bool check_there(const struct check *check, enum folder folder, enum entry_kind kind,
                 const struct id *id, unsigned version, struct stat *status);

/* Where a job is: FOLDER_CUR, FOLDER_FAILED or FOLDER_DONE, or FOLDER_COUNT. Looks twice before it
 * says nowhere. */
enum folder check_job_place(const struct check *check, const struct id *id);

/* The first version, from the one given on and below limit, that is in done/; 0: none. */
unsigned check_version_from(const struct check *check, const struct id *id, unsigned version,
                            unsigned limit);

/* A good version from the given one on, without a gap; 0: none. */
unsigned check_good_from(const struct check *check, const struct id *id, unsigned version);

/* Whether the entry is a regular file; looks at its mode and owner, too. *status is filled when it
 * is there. */
bool check_file(struct check *check, const struct check_entry *entry, struct stat *status);

/* Reads the entry; false when it cannot be, which is told. */
bool check_read(struct check *check, const struct check_entry *entry, struct buffer *text);

/* Reads a JSON object of the spool; NULL when it is gone or none. */
json_t *check_document(const struct check *check, enum folder folder, enum entry_kind kind,
                       const struct id *id, unsigned version);

/* The topics, in the order in which they are looked at. The first looks at the layout, before the
 * spool can be opened. */
extern const struct check_topic check_layout_topic;
extern const struct check_topic check_topics[];
extern const size_t check_topic_count;

void check_look_layout(struct check *check, const struct check_entry *entry);
void check_look_cur(struct check *check, const struct check_entry *entry);
void check_look_done(struct check *check, const struct check_entry *entry);
void check_look_failed(struct check *check, const struct check_entry *entry);
void check_look_name(struct check *check, const struct check_entry *entry);
void check_look_new(struct check *check, const struct check_entry *entry);
void check_look_tmp(struct check *check, const struct check_entry *entry);
void check_look_ctl(struct check *check, const struct check_entry *entry);
void check_look_blob(struct check *check, const struct check_entry *entry);
void check_look_run(struct check *check, const struct check_entry *entry);
void check_look_template(struct check *check, const struct check_entry *entry);
void check_look_flow(struct check *check, const struct check_entry *entry);
void check_look_debt(struct check *check, const struct check_entry *entry);
void check_look_events(struct check *check, const struct check_entry *entry);
void check_look_state(struct check *check, const struct check_entry *entry);
void check_end_state(struct check *check);
void check_look_archive(struct check *check, const struct check_entry *entry);
void check_look_system(struct check *check, const struct check_entry *entry);

/* Parts of looking at cur/, done/ and failed/. */
void check_look_job(struct check *check, const struct check_entry *entry);
void check_look_output(struct check *check, const struct check_entry *entry);
void check_look_error(struct check *check, const struct check_entry *entry);
void check_look_refused(struct check *check, const struct check_entry *entry);
void check_look_gone(struct check *check, const struct check_entry *entry);
void check_end_done(struct check *check);

/* Looks again at the entry of a suspicion, into check->second. */
void check_look_again(struct check *check, const struct suspicion *suspicion);

/* Whether that look saw the same of the same inode. */
bool check_is_confirmed(const struct check *check, const struct suspicion *suspicion);

/* Whether the spool is one that a group shares, by the mode of its own folder. */
bool check_layout_shared(int root);

/* Whether the outcome of the request that a mark stands for is in the state file. */
bool check_mark_recorded(const struct check *check, const struct id *id, mode_t mode);

/* Takes the target of a link in by-name/ apart; false when it leads to nothing that a name may lead
 * to. */
bool check_name_target(const char *target, enum folder *folder, struct entry *is);

/* Adds to a list, which then owns the texts. */
struct suspicion *suspicions_add(struct suspicions *list, const struct suspicion *suspicion);
void suspicions_clear(struct suspicions *list);

#endif
