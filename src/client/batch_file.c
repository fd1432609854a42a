/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_file: see batch_file.h.
 */
#include "client/batch_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "client/drop.h"
#include "client/input.h"
#include "job/batch_check.h"
#include "retain/batch.h"

/* --- judging --------------------------------------------------------------------------------------------- */

static void judge_lines(struct batch_check *check, const struct buffer *text, size_t *requests)
{
    const char *at = text->bytes, *end = text->bytes + text->length;

    for (size_t number = 1; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop != NULL ? stop : end) - at);
        struct batch_line line;
        json_t *document;

        if (strspn(at, " \t\r") < length) {
            ++*requests;
            if (batch_check_line(check, number, at, length, &line, &document)) {
                json_decref(document);
            }
        }
        at += length + 1;
    }
}

static int judge(const char *path, const struct buffer *text, size_t *requests, struct error *error)
{
    struct batch_check *check = batch_check_new();
    struct refusal refusal = {NULL, error};
    int result;

    *requests = 0;
    judge_lines(check, text, requests);
    result = batch_check_end(check, &refusal);
    if (result < 0) {
        error_prefix(error, "%s is no batch (%s)", path, refusal.reason);
    }
    batch_check_free(check);
    return result;
}

/* --- its run ---------------------------------------------------------------------------------------------- */

static int name_run(const char *path, const char *run, char name[NAME_LIMIT], struct error *error)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t length = strlen(base), end = strlen(".jsonl");

    if (length > end && strcmp(base + length - end, ".jsonl") == 0) {
        length -= end;
    }
    if (run != NULL) {
        snprintf(name, NAME_LIMIT, "%s", run);
    } else {
        snprintf(name, NAME_LIMIT, "%.*s", (int)length, base);
    }
    if (layout_name_ok(name)) {
        return 0;
    }
    error_set(error, ERROR_USAGE,
              "%s is no name of a run: give one by --run, 1 to 100 of A-Z a-z 0-9 . _ -, no leading "
              "dot, not 6 to 64 hex digits",
              name);
    return -1;
}

/* A run keeps its file: another one is told here, and not only by what the daemon refuses. */
static int check_run(const struct spool *spool, const char *name, const struct buffer *text,
                     struct error *error)
{
    char hex[SHA256_HEX_SIZE];
    int dir = batch_open_run(spool, name);
    struct batch batch;
    int same;

    if (dir < 0) {
        return 0;
    }
    sha256_hex(text->bytes, text->length, hex);
    same = batch_read(dir, &batch) == 0 && strcmp(batch.sha256, hex) == 0;
    batch_clear(&batch);
    close(dir);
    if (!same) {
        error_set(error, ERROR_DATA, "there is a run %s already, of other work: say another --run",
                  name);
    }
    return same ? 0 : -1;
}

/* --- handing it over --------------------------------------------------------------------------------------- */

/* A line of ours before the batch's own, where flags say something of all its jobs. */
static int add_header(const struct draft *draft, const char *name, json_t *mail,
                      struct buffer *text, struct error *error)
{
    json_t *changes = draft_changes(draft);
    const char *foreign = batch_foreign_key(changes);
    struct buffer whole = {0};
    json_t *header;

    if (foreign != NULL) {
        error_set(error, ERROR_USAGE,
                  "--batch does not go with what sets \"%s\": the lines say what is asked", foreign);
        return -1;
    }
    if (json_object_size(changes) == 0 && mail == NULL) {
        return 0;
    }
    if (draft_check_webhook(draft, jsontext_get_text(changes, "webhook", NULL), error) < 0) {
        return -1;
    }
    header = json_pack("{s:s, s:O*, s:O*}", "run", name, "job",
                       json_object_size(changes) > 0 ? changes : NULL, "mail", mail);
    jsontext_write(&whole, header);
    buffer_byte(&whole, '\n');
    buffer_append(&whole, text->bytes, text->length);
    json_decref(header);
    buffer_free(text);
    *text = whole;
    return 0;
}

int batch_file_drop(const struct spool *spool, const struct draft *draft, const char *path,
                    const char *run, json_t *mail, char name[NAME_LIMIT], size_t *requests, struct error *error)
{
    struct buffer text = {0};
    int result = name_run(path, run, name, error);

    buffer_reserve(&text, 1);
    if (result == 0) {
        result = input_read(path, LIST_SIZE_LIMIT, &text, error);
    }
    if (result == 0) {
        result = judge(path, &text, requests, error);
    }
    if (result == 0) {
        result = check_run(spool, name, &text, error);
    }
    if (result == 0) {
        result = add_header(draft, name, mail, &text, error);
    }
    if (result == 0) {
        result = drop_batch(spool, name, text.bytes, text.length, error);
    }
    buffer_free(&text);
    return result;
}
