/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layout: every name in a spool: its folders, the names of entries in them, and job IDs as text.
 *
 * Floor: spool. Pure text, no file is touched. No other module writes or takes apart an entry's
 * name. The protocol is in spool-layout/README.
 */
#ifndef SPOOL_LAYOUT_H
#define SPOOL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { LAYOUT_VERSION = 1 };

/* Bytes of a list (*.jsonl in new/) and of an order (VERB.UNIQUE in ctl/). */
enum { LIST_SIZE_LIMIT = 256 * 1024 * 1024, ORDER_SIZE_LIMIT = 256 * 1024 * 1024 };

/* The folders of a spool, in the order in which a job may pass through them. */
enum folder {
    FOLDER_TMP,
    FOLDER_NEW,
    FOLDER_CUR,
    FOLDER_DONE,
    FOLDER_FAILED,
    FOLDER_BY_NAME,
    FOLDER_RUNS,
    FOLDER_FLOWS,
    FOLDER_TEMPLATES,
    FOLDER_BLOBS,
    FOLDER_OUTBOX,
    FOLDER_CTL,
    FOLDER_EVENTS,
    FOLDER_ARCHIVE,
    FOLDER_STATE,
    FOLDER_COUNT
};

/* The folder's name: "tmp", "new", … "by-name" … */
const char *folder_name(enum folder folder);

/* The folder's mode, in a private spool or in one that a group shares; FOLDER_COUNT: of the spool's
 * own folder. */
mode_t layout_folder_mode(enum folder folder, bool shared);

enum { ID_SIZE = 32, ID_TEXT_SIZE = 65, ID_SHORT_SIZE = 13, ID_PREFIX_MIN = 6 };

/* A job's identity: a SHA-256. */
struct id {
    unsigned char bytes[ID_SIZE];
};

/* Reads exactly 64 lower-case hex digits; false for anything else. */
bool id_read(const char *text, struct id *id);

/* Writes 64 hex digits, or the 12 that a person sees. */
void id_write(const struct id *id, char out[ID_TEXT_SIZE]);
void id_write_short(const struct id *id, char out[ID_SHORT_SIZE]);

bool id_equal(const struct id *a, const struct id *b);

/* What an entry of cur/, done/ or failed/ is. */
enum entry_kind {
    ENTRY_OTHER,   /* none of ours */
    ENTRY_JOB,     /* ID.json */
    ENTRY_STATE,   /* ID.state.json */
    ENTRY_ANSWER,  /* ID.out.vN: an output being written */
    ENTRY_PARTIAL, /* ID.partial */
    ENTRY_GONE,    /* ID.gone */
    ENTRY_OUTPUT,  /* ID.vN.json */
    ENTRY_ERROR,   /* ID.error.json */
};

enum { ENTRY_NAME_SIZE = 96, NAME_LIMIT = 256 }; /* NAME_LIMIT: NAME_MAX and a NUL */

struct entry {
    enum entry_kind kind;
    struct id id;
    unsigned version; /* of ENTRY_ANSWER and ENTRY_OUTPUT: 1 …, else 0 */
};

/* Writes an entry's file name; kind is not ENTRY_OTHER. */
void entry_write(enum entry_kind kind, const struct id *id, unsigned version,
                 char out[ENTRY_NAME_SIZE]);

/* Writes the name in failed/ under which a refused line of a list is kept: refused-H.json, H the SHA-256 of list
 * name, line number (from 1) and line. */
void refused_line_name(const char *list, size_t number, const char *line, size_t length,
                       char out[ENTRY_NAME_SIZE]);

/* Takes a file name apart; what is none of ours, or has a version with a leading zero or above
 * 999,999,999, is ENTRY_OTHER. */
struct entry entry_read(const char *name);

/* Whether a job may carry this `name`: [A-Za-z0-9._-]{1,100}, not beginning with a dot and not 6 to
 * 64 hex digits (it would be taken for an ID). */
bool layout_name_ok(const char *name);

/* The file in templates/ of a type of jobs, NAME.json; false for what no template may be called: other
 * than 1 to 100 of [A-Za-z0-9._-], or with a leading dot. */
bool template_name_write(const char *name, char out[NAME_LIMIT]);

/* Takes such a file name apart; false when it is none. */
bool template_name_read(const char *file, char name[NAME_LIMIT]);

/* What a file name in new/ says of its content. */
enum drop_kind {
    DROP_NONE, /* begins with a dot or ends otherwise: left alone */
    DROP_JOB,  /* *.json */
    DROP_LIST, /* *.jsonl */
    DROP_BLOB, /* SHA256.blob: an attachment */
};
enum drop_kind drop_read(const char *name);

enum { BLOB_NAME_SIZE = 160 };

/* What an entry of blobs/ is: an attachment under its SHA-256, or the empty file that says which job
 * uses it; either may be on its way out. */
enum blob_kind {
    BLOB_OTHER, /* none of ours */
    BLOB_FILE,  /* SHA256 */
    BLOB_USE,   /* SHA256.ID */
    BLOB_LOCK,  /* "lock", of who removes attachments */
};

struct blob_entry {
    enum blob_kind kind;
    struct id blob;
    struct id job; /* of BLOB_USE */
    bool gone;     /* with ".gone" behind it: being removed */
};

/* Writes such a name; kind is BLOB_FILE or BLOB_USE. */
void blob_entry_write(const struct blob_entry *entry, char out[BLOB_NAME_SIZE]);

/* Takes a file name of blobs/ apart. */
struct blob_entry blob_entry_read(const char *name);

/* The name under which an attachment is dropped into new/: SHA256.blob. */
void blob_drop_write(const struct id *blob, char out[BLOB_NAME_SIZE]);

/* The attachment that a name of that kind (DROP_BLOB) stands for. */
void blob_drop_read(const char *name, struct id *blob);

enum { TEMP_NAME_SIZE = 10 + 24 + 1 }; /* "llmspoold.", 24 hex digits and a NUL */

/* Before the name of a flow, in ctl/: while that file is there its steps are not resolved. */
#define HOLD_FLOW "hold.flows."

/* A fresh name for a file that the spool's owner makes in tmp/. What a crash leaves under such a
 * name is nobody's, as the spool has one owner: the next one removes it. */
void temp_name_write(char out[TEMP_NAME_SIZE]);

/* Whether a name is one of those. */
bool temp_name_is(const char *name);

#endif
