/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shape: see shape.h. */
#include "client/shape.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsonscan.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "client/table.h"
#include "spool/file.h"

enum { MINUTE_MS = 60 * 1000, FIRST_MINUTES = 5 };

static const size_t job_limit = 32 * 1024 * 1024;

size_t shape_column(int64_t age_ms)
{
    int64_t limit = (int64_t)FIRST_MINUTES * MINUTE_MS;
    size_t column = 0;

    while (column + 1 < SHAPE_COLUMNS && age_ms >= limit) {
        column++;
        limit *= 2;
    }
    return column;
}

/* --- counting
 * ------------------------------------------------------------------------------------- */

/* models: an object of arrays of counts by model. */
static json_t *ages_of(json_t *models, const char *model)
{
    json_t *ages = json_object_get(models, model);

    if (ages == NULL) {
        ages = json_array();
        for (size_t i = 0; i < SHAPE_COLUMNS; i++) {
            json_array_append_new(ages, json_integer(0));
        }
        json_object_set_new(models, model, ages);
    }
    return ages;
}

static void count(json_t *models, const char *model, size_t column, json_int_t jobs)
{
    json_t *cell = json_array_get(ages_of(models, model), column);

    json_integer_set(cell, json_integer_value(cell) + jobs);
}

/* By the daemon's word, which counts by lane: several may ask one model. */
static void count_told(json_t *models, const json_t *told)
{
    json_t *model, *cell;
    size_t i, column;

    json_array_foreach (told, i, model) {
        const char *name = jsontext_get_text(model, "model", NULL);

        json_array_foreach (json_object_get(model, "ages"), column, cell) {
            if (name != NULL && column < SHAPE_COLUMNS && json_integer_value(cell) > 0) {
                count(models, name, column, json_integer_value(cell));
            }
        }
    }
}

static void count_file(const struct spool *spool, const char *name, struct wall now, json_t *models,
                       struct buffer *text, struct buffer *model)
{
    static const struct jsonspan keys[] = {JSONSPAN("model")};
    struct jsonspan values[1];
    struct stat status;

    buffer_clear(text);
    buffer_clear(model);
    if (file_read_at(spool->dir[FOLDER_CUR], name, job_limit, text, &status) < 0 ||
        !jsonscan_find((struct jsonspan){text->bytes, text->length}, keys, values, 1) ||
        values[0].text == NULL || !jsonspan_string(values[0], model) || model->length == 0) {
        return; /* it was moved meanwhile, or llmspool-check tells of it */
    }
    count(models, model->bytes, shape_column(now.ms - clock_ms(status.st_mtim)), 1);
}

static int count_files(const struct spool *spool, struct wall now, json_t *models,
                       struct error *error)
{
    DIR *list = file_list(spool->dir[FOLDER_CUR]);
    const struct dirent *entry;
    struct buffer text = {0}, model = {0};
    int result = list != NULL ? 0 : -errno;

    while (list != NULL && (result = file_list_next(list, &entry)) == 0 && entry != NULL) {
        if (entry_read(entry->d_name).kind == ENTRY_JOB) {
            count_file(spool, entry->d_name, now, models, &text, &model);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    buffer_free(&text);
    buffer_free(&model);
    if (result < 0) {
        error_system(error, -result, "%s/cur cannot be read", spool->path);
    }
    return result < 0 ? -1 : 0;
}

/* --- as JSON
 * -------------------------------------------------------------------------------------- */

static json_int_t sum_of(const json_t *ages)
{
    json_int_t sum = 0;

    for (size_t i = 0; i < json_array_size(ages); i++) {
        sum += json_integer_value(json_array_get(ages, i));
    }
    return sum;
}

static int most_first(const void *a, const void *b)
{
    json_int_t left = jsontext_get_int(*(json_t *const *)a, "jobs", 0);
    json_int_t right = jsontext_get_int(*(json_t *const *)b, "jobs", 0);

    return (left < right) - (left > right);
}

static json_t *rows_of(json_t *models)
{
    json_t **rows = xcalloc(json_object_size(models) + 1, sizeof *rows);
    json_t *sorted = json_array(), *ages;
    const char *model;
    size_t found = 0;

    json_object_foreach (models, model, ages) {
        rows[found++] =
            json_pack("{s:s, s:I, s:O}", "model", model, "jobs", sum_of(ages), "ages", ages);
    }
    if (found > 1) {
        qsort(rows, found, sizeof *rows, most_first);
    }
    for (size_t i = 0; i < found; i++) {
        json_array_append_new(sorted, rows[i]);
    }
    free(rows);
    return sorted;
}

static json_t *columns_json(void)
{
    json_t *columns = json_array();

    for (int minutes = FIRST_MINUTES; json_array_size(columns) + 1 < SHAPE_COLUMNS; minutes *= 2) {
        json_array_append_new(columns, json_integer(minutes));
    }
    json_array_append_new(columns, json_null());
    return columns;
}

json_t *shape_read(const struct spool *spool, struct wall now, struct error *error)
{
    json_t *status = spool_owned(spool) ? records_status(spool) : NULL;
    json_t *models = json_object();
    json_t *shape = NULL;
    int result = 0;

    if (status != NULL) {
        count_told(models, json_object_get(status, "models"));
    } else {
        result = count_files(spool, now, models, error);
    }
    if (result == 0) {
        shape = json_pack("{s:o, s:o}", "columns", columns_json(), "models", rows_of(models));
    }
    json_decref(models);
    json_decref(status);
    return shape;
}

/* --- for a person
 * ----------------------------------------------------------------------------------- */

static void put_row(struct table *table, const char *name, const json_int_t *cells)
{
    json_int_t sum = 0;

    for (size_t i = 0; i < SHAPE_COLUMNS; i++) {
        sum += cells[i];
    }
    table_cell(table, "%s", name);
    table_cell(table, "%lld", (long long)sum);
    for (size_t i = 0; i < SHAPE_COLUMNS; i++) {
        table_cell(table, "%lld", (long long)cells[i]);
    }
}

void shape_print(const struct screen *screen, const json_t *shape)
{
    static const char *const headings[] = {"MINUTES", "T",   "5",   "10",   "20",    "40", "80",
                                           "160",     "320", "640", "1280", "1280+", NULL};
    const json_t *models = json_object_get(shape, "models");
    struct table table = table_start(headings);
    json_int_t total[SHAPE_COLUMNS] = {0}, cells[SHAPE_COLUMNS];
    json_t *model;
    size_t i;

    if (json_array_size(models) == 0) {
        screen_line(screen, TONE_PLAIN, "no job waits");
    }
    json_array_foreach (models, i, model) {
        for (size_t column = 0; column < SHAPE_COLUMNS; column++) {
            total[column] +=
                json_integer_value(json_array_get(json_object_get(model, "ages"), column));
        }
    }
    if (json_array_size(models) > 0) {
        put_row(&table, "TOTAL", total);
    }
    json_array_foreach (models, i, model) {
        for (size_t column = 0; column < SHAPE_COLUMNS; column++) {
            cells[column] =
                json_integer_value(json_array_get(json_object_get(model, "ages"), column));
        }
        put_row(&table, jsontext_get_text(model, "model", ""), cells);
    }
    table_end(&table, screen, 0);
}
