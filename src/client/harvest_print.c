/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harvest_print: a line of the input, printed: its answer, or why there is none.
 */
#include "client/harvest_inner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "client/records.h"
#include "client/show.h"

/* --- what is known of it ---------------------------------------------------------------------- */

/* The record of the end of a line's job. A new reference, NULL where there is none. */
static json_t *record_of(struct harvest *harvest, const struct spill_line *line)
{
    const struct spool *spool = harvest->spool;
    bool output = line->state == AWAITED_COMPLETED || line->found > 0;
    json_t *record;

    if (harvest->record != NULL && id_equal(&harvest->record_id, &line->id)) {
        return json_incref(harvest->record);
    }
    if (line->state != AWAITED_COMPLETED && line->state != AWAITED_FAILED) {
        return NULL;
    }
    record = output ? records_output(spool, &line->id, line->found, NULL, NULL)
                    : records_error(spool, &line->id, NULL);
    return record != NULL ? record : shelf_record(harvest->shelf, &line->id, line->found, NULL);
}

/* A kept text as an object, or NULL where nothing was kept. */
static int read_kept(struct harvest *harvest, uint64_t at, size_t length, json_t **object,
                     struct error *error)
{
    *object = NULL;
    buffer_clear(&harvest->text);
    if (length == 0) {
        return 0;
    }
    if (spill_read(harvest->spill, at, length, &harvest->text, error) < 0) {
        return -1;
    }
    *object = jsontext_read_object(harvest->text.bytes, length, error);
    return *object != NULL ? 0 : -1;
}

/* Whether an answer was there before this command asked for it: then it is of an earlier version
 * than the one that would have been made. */
static void note_before(struct harvest *harvest, const struct spill_line *line,
                        const json_t *record)
{
    json_int_t version = jsontext_get_int(record, "version", 0);
    int64_t finished = records_time(json_object_get(record, "times"), "finished");

    if (line->answered_before || (line->run > 0 && version > 0 && version < line->run)) {
        harvest->before++;
        if (finished > 0 && (harvest->oldest_ms == 0 || finished < harvest->oldest_ms)) {
            harvest->oldest_ms = finished;
        }
    }
}

/* --- where it goes ---------------------------------------------------------------------------- */

static int write_file(struct harvest *harvest, const struct row *row, const char *name,
                      struct error *error)
{
    bool text = harvest->plan.style.format == ROW_TEXT;
    struct row_sheet alone = {.style = harvest->plan.style};
    struct buffer path = {0};
    int result;

    if (row->answer == NULL && text) {
        return 0;
    }
    if (alone.style.format == ROW_JSON) {
        alone.style.format = ROW_JSONL; /* an object, and no array of one */
    }
    buffer_clear(&harvest->row);
    if (text) {
        row_value(&harvest->row, row->answer);
    } else {
        row_write(&harvest->row, &alone, row);
    }
    outdir_path(harvest->outdir, name, row->position + 1, text ? ".txt" : ".json", &path);
    result = outdir_put(harvest->outdir, path.bytes,
                        harvest->row.length > 0 ? harvest->row.bytes : "", harvest->row.length,
                        error);
    row_sheet_free(&alone);
    buffer_free(&path);
    return result;
}

static bool is_shown(const struct harvest *harvest)
{
    return harvest->sheet.style.escape != ROW_NUL && isatty(STDOUT_FILENO) == 1;
}

/* On a terminal nothing of an answer is obeyed. */
static void write_out(struct harvest *harvest, const struct buffer *bytes)
{
    struct buffer visible = {0};

    if (bytes->length == 0) {
        return;
    }
    harvest_hide(harvest);
    if (is_shown(harvest)) {
        show_visible(&visible, bytes->bytes, bytes->length);
        fwrite(visible.bytes, 1, visible.length, stdout);
        buffer_free(&visible);
    } else {
        fwrite(bytes->bytes, 1, bytes->length, stdout);
    }
}

static void write_row(struct harvest *harvest, const struct row *row)
{
    bool plain = harvest->sheet.style.format == ROW_TEXT &&
                 harvest->sheet.style.escape == ROW_PLAIN;

    if (plain && row->answer != NULL && is_shown(harvest)) {
        harvest_hide(harvest);
        show_value(stdout, row->answer); /* a value over several lines */
        return;
    }
    buffer_clear(&harvest->row);
    row_write(&harvest->row, &harvest->sheet, row);
    write_out(harvest, &harvest->row);
}

static void write_error_line(struct harvest *harvest, const struct row *row, const json_t *kept,
                             const json_t *reason)
{
    char hex[ID_TEXT_SIZE];
    json_t *line;

    id_write(row->id, hex);
    line = json_pack("{s:I, s:O*, s:s, s:s, s:O*, s:s, s:O*}", "position",
                     (json_int_t)row->position, "name", json_object_get(kept, "name"), "id", hex,
                     "status", row->status, "reason", json_object_get(reason, "reason"),
                     "message",
                     row->message, "columns", json_object_get(kept, "columns"));
    if (row->sample > 0) {
        json_object_set_new(line, "sample", json_integer((json_int_t)row->sample));
    }
    show_json(harvest->errors, line);
    json_decref(line);
}

/* --- a line ----------------------------------------------------------------------------------- */

static int put_row(struct harvest *harvest, const struct row *row, const json_t *kept,
                   const json_t *reason, struct error *error)
{
    if (row->message != NULL && harvest->errors != NULL) {
        write_error_line(harvest, row, kept, reason);
    }
    if (harvest->outdir != NULL) {
        return write_file(harvest, row, jsontext_get_text(kept, "name", NULL), error);
    }
    write_row(harvest, row);
    return 0;
}

/* An answer that is gone, or cannot be read, is none. */
static void miss_answer(struct harvest *harvest, struct row *row)
{
    char shown[ID_SHORT_SIZE];
    struct error told;

    id_write_short(row->id, shown);
    error_set(&told, ERROR_DATA, "%s: its output cannot be read", shown);
    harvest_tell_failure(harvest, told.text);
    harvest->failed++;
    row->status = "unknown";
    row->message = "its output cannot be read";
}

int harvest_print(struct harvest *harvest, uint64_t number, struct spill_line *line,
                  struct error *error)
{
    bool completed = line->state == AWAITED_COMPLETED;
    json_t *kept, *reason = NULL, *record = NULL;
    struct row row = {.position = line->position, .sample = line->sample, .id = &line->id};
    int result;

    (void)number;
    if (read_kept(harvest, line->text_at, line->text_length, &kept, error) < 0) {
        return -1;
    }
    result = read_kept(harvest, line->reason_at, line->reason_length, &reason, error);
    if (result == 0) {
        if (completed || harvest->plan.style.format == ROW_RECORD) {
            record = record_of(harvest, line);
        }
        row.columns = json_object_get(kept, "columns");
        row.record = record;
        row.status = completed ? "completed" : jsontext_get_text(reason, "status", "failed");
        row.message = jsontext_get_text(reason, "message", NULL);
        if (completed && record == NULL) {
            miss_answer(harvest, &row);
        } else if (completed) {
            row.answer = show_find(record);
            note_before(harvest, line, record);
        }
        result = put_row(harvest, &row, kept, reason, error);
    }
    line->printed = true;
    json_decref(kept);
    json_decref(reason);
    json_decref(record);
    return result;
}

int harvest_print_end(struct harvest *harvest, struct error *error)
{
    if (harvest->outdir == NULL) {
        buffer_clear(&harvest->row);
        row_end(&harvest->row, &harvest->sheet);
        write_out(harvest, &harvest->row);
    }
    return harvest_flush(harvest, error);
}

int harvest_flush(struct harvest *harvest, struct error *error)
{
    int problem;

    if (harvest->errors != NULL && fflush(harvest->errors) != 0) {
        error_system(error, errno, "--errors %s cannot be written", harvest->plan.errors);
        return -1;
    }
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return 0;
    }
    problem = errno != 0 ? errno : harvest->closed ? EPIPE : EIO;
    if (problem == EPIPE) {
        harvest->closed = true;
        return 1;
    }
    error_set(error, ERROR_CREATE, "the output cannot be written: %s", strerror(problem));
    return -1;
}
