/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_lines: files of JSON and JSON Lines beside the jobs: manifests of runs, flows, money,
 * notifications, when pruning ran last. */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "job/ledger.h"
#include "retain/batch.h"
#include "retain/check_form.h"
#include "retain/flow_record.h"
#include "spool/file.h"

#define PRUNE_NAME "prune.json"
#define MANIFEST   "manifest.jsonl"

enum { PRUNE_IDLE_MS = 3 * 24 * 60 * 60 * 1000 };

/* What a file of lines is like. */
struct tally {
    uint64_t count;
    uint64_t bad;
    uint64_t first_bad; /* its number, from 1 */
    bool torn;          /* the last has no newline */
};

/* Reads a stream line by line; fits judges each. */
static int read_lines(FILE *file, bool (*fits)(const json_t *line), struct tally *tally)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int result;

    *tally = (struct tally){0};
    errno = 0;
    while ((length = getline(&line, &size, file)) > 0) {
        json_t *value;

        tally->count++;
        tally->torn = line[length - 1] != '\n';
        value = tally->torn ? NULL : jsontext_read_object(line, (size_t)length, NULL);
        if (!tally->torn && (value == NULL || !fits(value)) && tally->bad++ == 0) {
            tally->first_bad = tally->count;
        }
        json_decref(value);
    }
    result = ferror(file) != 0 ? -errno : 0;
    free(line);
    return result;
}

static int read_lines_at(int dir, const char *name, bool (*fits)(const json_t *line),
                         struct tally *tally)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    int result;

    if (file == NULL) {
        result = -errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return result;
    }
    result = read_lines(file, fits, tally);
    (void)fclose(file);
    return result;
}

/* --- runs --- */

static bool is_position(const json_t *line)
{
    const json_t *id = json_object_get(line, "id");
    struct id read;

    return jsontext_get_int(line, "position", -1) >= 0 &&
           (json_is_null(id) || (json_is_string(id) && id_read(json_string_value(id), &read)));
}

/* A batch's record, where there is one; and what it says is there. */
static void look_at_batch(struct check *check, int dir)
{
    static const char *const files[] = {BATCH_INPUT, BATCH_OUTPUT, BATCH_ERRORS};
    struct batch batch;
    int result = batch_read(dir, &batch);

    if (result == -EINVAL) {
        check_suspect(check, CHECK_RUN_BATCH, "its " BATCH_RECORD " cannot be understood");
    } else if (result < 0 && result != -ENOENT) {
        check_suspect(check, CHECK_RUN_BATCH, "its " BATCH_RECORD " cannot be read: %s",
                      strerror(-result));
    }
    for (size_t i = 0; result == 0 && i < (batch_has_ended(&batch) ? 3 : 1); i++) {
        if (faccessat(dir, files[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
            check_suspect(check, CHECK_RUN_BATCH, "its %s is gone", files[i]);
        }
    }
    batch_clear(&batch);
}

void check_look_run(struct check *check, const struct check_entry *entry)
{
    struct tally tally = {0};
    int dir = openat(check->spool->dir[FOLDER_RUNS], entry->name,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int result;

    if (dir < 0 || !layout_name_ok(entry->name)) {
        if (dir >= 0) {
            (void)close(dir);
        }
        check_suspect(check, CHECK_RUN_ENTRY, "is no run's folder");
        return;
    }
    result = read_lines_at(dir, MANIFEST, is_position, &tally);
    look_at_batch(check, dir);
    (void)close(dir);
    if (result == -ENOENT) {
        check_suspect(check, CHECK_UNFINISHED, "has no " MANIFEST " yet");
    } else if (result < 0) {
        check_suspect(check, CHECK_RUN_MANIFEST, "its " MANIFEST " cannot be read: %s",
                      strerror(-result));
    } else if (tally.bad > 0) {
        check_suspect(check, CHECK_RUN_MANIFEST,
                      "%llu of %llu lines of its " MANIFEST " are none, line %llu first",
                      (unsigned long long)tally.bad, (unsigned long long)tally.count,
                      (unsigned long long)tally.first_bad);
    }
}

/* --- flows --- */

void check_look_flow(struct check *check, const struct check_entry *entry)
{
    struct flow_record *record;
    struct error error;

    if (!layout_name_ok(entry->name)) {
        check_suspect(check, CHECK_FLOW_ENTRY, "is no flow's folder");
        return;
    }
    record = flow_record_read(check->spool, entry->name, &error);
    if (record == NULL && error.kind == ERROR_DATA) {
        check_suspect(check, CHECK_FLOW_DAMAGED, "%s", error.text);
    } else if (record == NULL && error.kind == ERROR_ABSENT) {
        check_suspect(check, CHECK_UNFINISHED, "has no " FLOW_STEPS_FILE " yet");
    } else if (record == NULL) {
        check_suspect(check, CHECK_FLOW_ENTRY, "is no flow's folder");
    } else if (!record->begun || record->torn) {
        check_suspect(check, CHECK_UNFINISHED, "its " FLOW_PROGRESS_FILE " was cut short");
    }
    flow_record_free(record);
}

/* --- outbox --- */

/* A file of outbox/ or outbox/failed/, shown by this name. */
static void look_at_debt(struct check *check, int dir, const char *name, bool given_up)
{
    struct buffer text = {0};
    struct error error;
    char why[200];
    json_t *document;
    int result = file_read_at(dir, name, SIZE_MAX, &text, NULL);
    enum check_code code = given_up ? CHECK_OUTBOX_FAILED : CHECK_OUTBOX_JSON;

    if (result < 0 && result != -EISDIR && result != -ELOOP && result != -EINVAL) {
        if (result != -ENOENT) { /* else it was brought back or pruned meanwhile */
            check_unreadable(check, -result);
        }
    } else if (result < 0) {
        check_suspect(check, code, "%.80s is no regular file", name);
    } else {
        document = jsontext_read_object(text.bytes != NULL ? text.bytes : "", text.length, &error);
        if (document == NULL) {
            check_suspect(check, code, "%.80s: %s", name, error.text);
        } else if (!form_fits(jsontext_get_text(document, "hook", NULL) != NULL ? FORM_HOOK_DEBT
                                                                                : FORM_DEBT,
                              document, why, sizeof why)) {
            check_suspect(check, code, "%.80s: %s", name, why);
        } else if (entry_read(name).kind != ENTRY_JOB) {
            check_suspect(check, code, "%.80s is not called by a hash: it is never tried", name);
        }
        json_decref(document);
    }
    buffer_free(&text);
}

void check_look_debt(struct check *check, const struct check_entry *entry)
{
    int outbox = check->spool->dir[FOLDER_OUTBOX];
    const struct dirent *found;
    DIR *list;
    int failed;

    if (strcmp(entry->name, "failed") != 0) {
        look_at_debt(check, outbox, entry->name, false);
        return;
    }
    failed = openat(outbox, "failed", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    list = failed >= 0 ? file_list(failed) : NULL;
    if (list == NULL) {
        check_unreadable(check, errno);
    }
    while (list != NULL && file_list_next(list, &found) == 0 && found != NULL) {
        look_at_debt(check, failed, found->d_name, true);
    }
    if (list != NULL) {
        closedir(list);
    }
    if (failed >= 0) {
        close(failed);
    }
}

/* --- state --- */

static void look_at_money(struct check *check, const struct check_entry *entry)
{
    struct buffer text = {0};
    struct error error;
    struct ledger *ledger = NULL;

    if (check_read(check, entry, &text)) {
        ledger = ledger_read(text.bytes, text.length, &error);
        if (ledger == NULL) {
            check_suspect(check, CHECK_MONEY_DAMAGED, "%s", error.text);
        } else if (ledger_damaged(ledger) > 0) {
            check_suspect(check, CHECK_MONEY_LINE, "%zu lines cannot be read",
                          ledger_damaged(ledger));
        }
    }
    ledger_free(ledger);
    buffer_free(&text);
}

/* When llmspool-prune ran last. */
static void look_at_prune(struct check *check, const struct check_entry *entry)
{
    struct buffer text = {0};
    struct wall ran;
    json_t *document = NULL;
    char idle[TIMETEXT_SIZE];

    if (check_read(check, entry, &text)) {
        document = jsontext_read_object(text.bytes, text.length, NULL);
        if (timetext_read(jsontext_get_text(document, "finished", ""), &ran) == 0 &&
            check->now_ms - ran.ms > PRUNE_IDLE_MS) {
            timetext_write_duration(check->now_ms - ran.ms, idle);
            check_suspect(check, CHECK_PRUNE_IDLE, "llmspool-prune ran last %s ago", idle);
        }
    }
    json_decref(document);
    buffer_free(&text);
}

/* The second look has the name that is told. */
static void look_for_prune(struct check *check)
{
    if (faccessat(check->spool->dir[FOLDER_STATE], PRUNE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
        errno == ENOENT) {
        check_suspect_name(check, CHECK_PRUNE_NEVER, "state/" PRUNE_NAME,
                           "is not there: llmspool-prune has never run");
    }
}

void check_look_state(struct check *check, const struct check_entry *entry)
{
    if (entry->folder == FOLDER_COUNT) {
        look_for_prune(check);
    } else if (strcmp(entry->name, "money") == 0) {
        look_at_money(check, entry);
    } else if (strcmp(entry->name, PRUNE_NAME) == 0) {
        look_at_prune(check, entry);
    }
}

void check_end_state(struct check *check)
{
    look_for_prune(check);
}
