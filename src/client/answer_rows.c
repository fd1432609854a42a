/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer_rows: see answer_rows.h.
 */
#include "client/answer_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "client/cli.h"
#include "client/locate.h"
#include "client/records.h"
#include "client/show.h"

/* The record of a job's end and the word of its state. NULL with a word for what has not ended, or is
 * nowhere. */
static json_t *find(const struct answer_rows *rows, const struct id *id, unsigned version,
                    const char **state)
{
    json_t *record = NULL;

    *state = locate_state(rows->spool, id);
    if (version > 0) {
        record = records_output(rows->spool, id, version, NULL, NULL);
    } else if (*state != NULL && strcmp(*state, "completed") == 0) {
        record = records_output(rows->spool, id, 0, NULL, NULL);
    } else if (*state != NULL) {
        record = records_error(rows->spool, id, NULL);
    }
    if (record == NULL && (*state == NULL || version > 0)) {
        record = shelf_record(rows->shelf, id, version, NULL);
    }
    if (record != NULL) {
        *state = jsontext_get_text(record, "status", "failed");
    }
    return record;
}

static void tell(const struct answer_rows *rows, uint64_t position, const char *state,
                 const char *message)
{
    struct buffer visible = {0};

    show_visible(&visible, message, strlen(message));
    fflush(stdout);
    fprintf(stderr, "%s: %" PRIu64 ": %s: %s\n", rows->program, position + 1, state,
            visible.bytes);
    buffer_free(&visible);
}

static void print_row(struct answer_rows *rows, const struct row *row)
{
    struct buffer visible = {0};

    buffer_clear(&rows->row);
    row_write(&rows->row, &rows->sheet, row);
    if (rows->sheet.style.escape != ROW_NUL && isatty(STDOUT_FILENO) == 1) {
        show_visible(&visible, rows->row.bytes, rows->row.length);
        fwrite(visible.bytes, 1, visible.length, stdout);
        buffer_free(&visible);
    } else if (rows->row.length > 0) {
        fwrite(rows->row.bytes, 1, rows->row.length, stdout);
    }
}

/* Why a job has no answer, noted for the exit code. */
static const char *reason_of(struct answer_rows *rows, const json_t *record, const char *state)
{
    if (record != NULL) {
        rows->failed++;
        return jsontext_get_text(record, "message", "its record does not say why");
    }
    if (state == NULL) {
        rows->failed++;
        return "no such job in this spool: deleted";
    }
    if (strcmp(state, "refused") == 0) {
        rows->failed++;
        return "its line was no job";
    }
    if (strcmp(state, "completed") == 0 || strcmp(state, "failed") == 0) {
        rows->failed++;
        return "its record cannot be read";
    }
    rows->unfinished++;
    return "it has not ended";
}

void answer_rows_put(struct answer_rows *rows, uint64_t position, const struct id *id,
                     const json_t *columns, unsigned version)
{
    const char *state = "refused";
    json_t *record = id != NULL ? find(rows, id, version, &state) : NULL;
    bool good = record != NULL && strcmp(state, "completed") == 0;
    struct row row = {.position = position, .id = id, .columns = columns, .record = record};

    if (good) {
        row.answer = show_find(record);
    } else {
        row.message = reason_of(rows, record, state);
    }
    row.status = state != NULL ? state : "unknown";
    if (!good) {
        tell(rows, position, row.status, row.message);
    }
    print_row(rows, &row);
    json_decref(record);
}

int answer_rows_end(struct answer_rows *rows)
{
    buffer_clear(&rows->row);
    row_end(&rows->row, &rows->sheet);
    if (rows->row.length > 0) {
        fwrite(rows->row.bytes, 1, rows->row.length, stdout);
    }
    row_sheet_free(&rows->sheet);
    buffer_free(&rows->row);
    return rows->unfinished > 0 ? EXIT_LATER : rows->failed > 0 ? EXIT_SOME_FAILED : EXIT_DONE;
}
