/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_code: what can be wrong with a spool: a table of codes with their severity, what each means
 * and what repairing does.
 *
 * Floor: retain. Used by the topics of check. The words are a contract: they stay within version 1.
 */
#ifndef RETAIN_CHECK_CODE_H
#define RETAIN_CHECK_CODE_H

#include <stdbool.h>

enum check_severity {
    CHECK_NOTE,    /* worth knowing; the spool is sound */
    CHECK_WARNING, /* wrong or risky, and nothing is lost */
    CHECK_ERROR,   /* damage */
};

enum check_code {
    CHECK_SPOOL_JSON,
    CHECK_FOLDER_MISSING,
    CHECK_FOLDER_TYPE,
    CHECK_FOLDER_DEVICE,
    CHECK_FOLDER_MODE,
    CHECK_FOLDER_OWNER,
    CHECK_NOT_LOOKED,
    CHECK_UNREADABLE,
    CHECK_UNKNOWN_FILE,
    CHECK_UNKNOWN_ENTRY,
    CHECK_MISPLACED,
    CHECK_ENTRY_TYPE,
    CHECK_FILE_MODE,
    CHECK_FILE_OWNER,
    CHECK_HARD_LINK,
    CHECK_JOB_JSON,
    CHECK_JOB_ID,
    CHECK_JOB_TWICE,
    CHECK_DONE_NO_OUTPUT,
    CHECK_DONE_NO_GOOD,
    CHECK_ANSWERED_FAILED,
    CHECK_FAILED_NO_ERROR,
    CHECK_STUCK_MARK,
    CHECK_UNFINISHED,
    CHECK_OUTPUT_JSON,
    CHECK_OUTPUT_ID,
    CHECK_OUTPUT_SHA256,
    CHECK_OUTPUT_SCHEMA,
    CHECK_OUTPUT_ORPHAN,
    CHECK_VERSION_GAP,
    CHECK_STATE_JSON,
    CHECK_STATE_ORPHAN,
    CHECK_ANSWER_ORPHAN,
    CHECK_PARTIAL_ORPHAN,
    CHECK_GONE_UNFINISHED,
    CHECK_GONE_BESIDE_JOB,
    CHECK_ERROR_JSON,
    CHECK_ERROR_ORPHAN,
    CHECK_REFUSED_NO_ERROR,
    CHECK_REFUSED_ORPHAN,
    CHECK_NAME_DANGLING,
    CHECK_NAME_OUTSIDE,
    CHECK_NAME_NO_LINK,
    CHECK_TMP_LEFT,
    CHECK_TMP_OLD,
    CHECK_NEW_IGNORED,
    CHECK_CTL_UNKNOWN,
    CHECK_RUN_MANIFEST,
    CHECK_RUN_BATCH,
    CHECK_RUN_ENTRY,
    CHECK_TEMPLATE_BAD,
    CHECK_FLOW_DAMAGED,
    CHECK_FLOW_ENTRY,
    CHECK_OUTBOX_JSON,
    CHECK_OUTBOX_FAILED,
    CHECK_EVENT_LINE,
    CHECK_EVENT_TORN,
    CHECK_MONEY_DAMAGED,
    CHECK_MONEY_LINE,
    CHECK_BLOB_DAMAGED,
    CHECK_BLOB_MISSING,
    CHECK_BLOB_UNMARKED,
    CHECK_ARCHIVE_VOLUME,
    CHECK_ARCHIVE_MISSING,
    CHECK_ARCHIVE_UNKNOWN,
    CHECK_ARCHIVE_IDS,
    CHECK_AUDIT_LOST,
    CHECK_AUDIT_JOB,
    CHECK_AUDIT_VERSION,
    CHECK_AUDIT_UNTOLD,
    CHECK_AUDIT_EVENTS,
    CHECK_FOLDER_FULL,
    CHECK_SPACE_LOW,
    CHECK_INODES_LOW,
    CHECK_READ_ONLY,
    CHECK_NO_NOREPLACE,
    CHECK_NO_LINK,
    CHECK_NO_LOCKS,
    CHECK_NO_BARRIER,
    CHECK_VOLATILE,
    CHECK_NETWORK,
    CHECK_INOTIFY_LIMIT,
    CHECK_PRUNE_IDLE,
    CHECK_PRUNE_NEVER,
    CHECK_CODE_COUNT
};

/* What is known of a code. */
struct check_row {
    const char *word; /* what --json, the manual page and tests call it */
    enum check_severity severity;
    bool paid;           /* an answer that was paid for is damaged or missing */
    const char *meaning; /* a heading for a person */
    const char *mend;    /* what --repair does; NULL: nothing */
    const char *advice;  /* what a person can do, where --repair does nothing; NULL: see mend */
};

const struct check_row *check_row(enum check_code code);

/* "note", "warning", "error". */
const char *check_severity_word(enum check_severity severity);

#endif
