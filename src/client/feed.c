/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed: see feed.h.
 */
#include "client/feed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "client/csv.h"
#include "client/reader.h"
#include "job/job.h"
#include "spool/file.h"

struct feed {
    const struct feed_plan *plan;
    struct feed_word only; /* stdin, where nothing was named */
    const struct feed_word *words;
    size_t count;
    size_t word;      /* that comes next */
    uint64_t number;  /* of records so far */
    struct tree *tree;
    struct reader reader;
    bool reading;      /* reader is open */
    char *path;        /* of what is read */
    bool begun;        /* the beginning of that file was looked at */
    struct csv_row row;
    char **names;      /* of the columns, from the file's first row */
    size_t name_count;
    struct buffer text; /* of a whole file */
    char name[NAME_LIMIT];
    json_t *columns;
    int kept;       /* a copy of stdin, or -1 */
    off_t start;    /* where stdin stood at first */
};

static bool is_standard(const struct feed_word *word, enum feed_format format)
{
    return (word->source != SOURCE_TEXT || format != FEED_WHOLE_FILES) &&
           word->source != SOURCE_TREE && strcmp(word->word, "-") == 0;
}

static size_t count_standard(const struct feed *feed)
{
    size_t count = 0;

    for (size_t i = 0; i < feed->count; i++) {
        count += is_standard(&feed->words[i], feed->plan->format);
    }
    return count;
}

struct feed *feed_open(const struct feed_plan *plan, struct error *error)
{
    struct feed *feed = xcalloc(1, sizeof *feed);

    feed->plan = plan;
    feed->only = (struct feed_word){SOURCE_FILE, "-"};
    feed->words = plan->count > 0 ? plan->words : &feed->only;
    feed->count = plan->count > 0 ? plan->count : 1;
    feed->kept = -1;
    feed->reader.fd = -1;
    feed->start = lseek(STDIN_FILENO, 0, SEEK_CUR);
    if (count_standard(feed) > 1) {
        error_set(error, ERROR_USAGE, "standard input can be read once only");
        feed_close(feed);
        return NULL;
    }
    return feed;
}

/* --- files ---------------------------------------------------------------------------------------
 */

static void names_free(struct feed *feed)
{
    for (size_t i = 0; i < feed->name_count; i++) {
        free(feed->names[i]);
    }
    free(feed->names);
    feed->names = NULL;
    feed->name_count = 0;
}

static void end_file(struct feed *feed)
{
    if (feed->reading) {
        reader_close(&feed->reader);
        names_free(feed);
    }
    feed->reading = false;
}

static int begin_file(struct feed *feed, const char *path, struct error *error)
{
    free(feed->path);
    feed->path = xstrdup(path);
    feed->begun = false;
    if (reader_open(&feed->reader, feed->path, error) < 0) {
        return -1;
    }
    if (feed->kept >= 0 && strcmp(path, "-") == 0) {
        feed->reader.fd = feed->kept; /* ours, and closed with the feed */
    }
    feed->reading = true;
    return 0;
}

/* A job's name from a path below a folder: slashes become dots. False where that is no name. */
static bool name_of(const char *below, char name[NAME_LIMIT])
{
    size_t length = strlen(below);

    if (length >= NAME_LIMIT) {
        return false;
    }
    memcpy(name, below, length + 1);
    for (char *slash = name; (slash = strchr(slash, '/')) != NULL;) {
        *slash = '.';
    }
    return layout_name_ok(name);
}

static bool is_regular(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* The file at hand as one record. */
static int whole_file(struct feed *feed, const char *below, struct feed_record *record,
                      struct error *error)
{
    bool named = is_regular(feed->reader.fd) && strcmp(feed->path, "-") != 0 &&
                 name_of(below, feed->name);
    int result;

    buffer_clear(&feed->text);
    result = file_read(feed->reader.fd, JOB_SIZE_LIMIT, &feed->text);
    if (result == -EFBIG) {
        error_set(error, ERROR_DATA, "%s: it has more bytes than the limit, which is %d",
                  feed->reader.label, JOB_SIZE_LIMIT);
    } else if (result < 0) {
        error_set(error, ERROR_DATA, "%s cannot be read: %s", feed->reader.label,
                  strerror(-result));
    }
    end_file(feed);
    record->text = feed->text.bytes != NULL ? feed->text.bytes : "";
    record->length = feed->text.length;
    record->name = named ? feed->name : NULL;
    return result < 0 ? -1 : 1;
}

/* --- lines ---------------------------------------------------------------------------------------
 */

static char line_end(const struct feed *feed)
{
    return feed->plan->format == FEED_NUL ? '\0' : '\n';
}

/* Passes over the mark that some programs put before text in UTF-8. */
static int skip_mark(struct feed *feed, struct error *error)
{
    static const char mark[] = "\xef\xbb\xbf";

    while (reader_length(&feed->reader) < sizeof mark - 1) {
        int result = reader_more(&feed->reader, JOB_SIZE_LIMIT, error);

        if (result <= 0) {
            return result;
        }
    }
    if (memcmp(reader_text(&feed->reader), mark, sizeof mark - 1) == 0) {
        reader_take(&feed->reader, sizeof mark - 1);
    }
    return 0;
}

static int next_line(struct feed *feed, struct feed_record *record, struct error *error)
{
    record->line = feed->reader.line;
    return reader_until(&feed->reader, line_end(feed), JOB_SIZE_LIMIT, &record->text,
                        &record->length, error);
}

static bool is_blank(const char *text, size_t length)
{
    return strspn(text, " \t\r\n") >= length;
}

static int next_object(struct feed *feed, struct feed_record *record, struct error *error)
{
    int result;

    do {
        result = next_line(feed, record, error);
    } while (result > 0 && is_blank(record->text, record->length));
    if (result <= 0) {
        return result;
    }
    record->job = true;
    feed->columns = jsontext_read(record->text, record->length, error);
    if (feed->columns == NULL || !json_is_object(feed->columns)) {
        if (feed->columns != NULL) {
            error_set(error, ERROR_DATA, "it is no JSON object");
        }
        feed_where(record, error);
        return -1;
    }
    record->columns = feed->columns;
    return 1;
}

/* --- rows ----------------------------------------------------------------------------------------
 */

/* The next row; record has its place and its bytes. */
static int read_row(struct feed *feed, struct feed_record *record, struct error *error)
{
    char between = feed->plan->format == FEED_TSV ? '\t' : ',';
    struct reader *reader = &feed->reader;

    record->line = reader->line;
    for (;;) {
        ptrdiff_t taken = csv_read(&feed->row, reader_text(reader), reader_length(reader), between,
                                   reader->ended, error);
        int result;

        if (taken < 0) {
            feed_where(record, error);
            return -1;
        }
        if (taken > 0) {
            record->text = reader_text(reader);
            record->length = (size_t)taken;
            reader_take(reader, (size_t)taken);
            reader->line += feed->row.lines;
            return 1;
        }
        result = reader_more(reader, JOB_SIZE_LIMIT, error);
        if (result < 0 || (result == 0 && reader_length(reader) == 0)) {
            return result;
        }
    }
}

/* The cell as a JSON string, or NULL with an error. */
static json_t *cell_json(struct feed *feed, size_t cell, const struct feed_record *record,
                         struct error *error)
{
    const char *text = csv_text(&feed->row, cell);
    size_t length = feed->row.cells[cell].length;

    if (!utf8_valid(text, length) || memchr(text, '\0', length) != NULL) {
        error_set(error, ERROR_DATA, "cell %zu is not text in UTF-8", cell + 1);
        feed_where(record, error);
        return NULL;
    }
    return json_stringn(text, length);
}

/* The names of the columns, from the first row of a file. */
static int read_names(struct feed *feed, struct error *error)
{
    struct feed_record record = {.file = feed->path};
    int result = skip_mark(feed, error) < 0 ? -1 : read_row(feed, &record, error);

    for (size_t i = 0; result > 0 && i < feed->row.count; i++) {
        json_t *name = cell_json(feed, i, &record, error);

        if (name == NULL) {
            return -1;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(feed->names[j], json_string_value(name)) == 0) {
                error_set(error, ERROR_DATA, "two columns have the name %s", feed->names[j]);
                feed_where(&record, error);
                json_decref(name);
                return -1;
            }
        }
        feed->names = xrealloc(feed->names, (i + 1) * sizeof *feed->names);
        feed->names[i] = xstrdup(json_string_value(name));
        feed->name_count = i + 1;
        json_decref(name);
    }
    return result;
}

static int next_row(struct feed *feed, struct feed_record *record, struct error *error)
{
    int result;

    if (!feed->begun && (result = read_names(feed, error)) <= 0) {
        return result;
    }
    feed->begun = true;
    do {
        result = read_row(feed, record, error);
    } while (result > 0 && csv_blank(&feed->row) && feed->name_count > 1);
    if (result <= 0) {
        return result;
    }
    if (feed->row.count != feed->name_count) {
        error_set(error, ERROR_DATA, "it has %zu cells, and the first row has %zu",
                  feed->row.count, feed->name_count);
        feed_where(record, error);
        return -1;
    }
    feed->columns = json_object();
    for (size_t i = 0; i < feed->name_count; i++) {
        json_t *cell = cell_json(feed, i, record, error);

        if (cell == NULL) {
            return -1;
        }
        json_object_set_new(feed->columns, feed->names[i], cell);
    }
    record->columns = feed->columns;
    return 1;
}

/* --- records -------------------------------------------------------------------------------------
 */

static int next_piece(struct feed *feed, struct feed_record *record, struct error *error)
{
    switch (feed->plan->format) {
    case FEED_JSONL:
        if (!feed->begun && skip_mark(feed, error) < 0) {
            return -1;
        }
        feed->begun = true;
        return next_object(feed, record, error);
    case FEED_CSV:
    case FEED_TSV:
        return next_row(feed, record, error);
    default:
        return next_line(feed, record, error);
    }
}

/* The base name of a path. */
static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* A file was found: all of it is the record, or its first piece will be. Returns 0 for the latter. */
static int found_file(struct feed *feed, const char *path, const char *below,
                      struct feed_record *record, struct error *error)
{
    if (begin_file(feed, path, error) < 0) {
        return -1;
    }
    record->file = feed->path;
    return feed->plan->format == FEED_WHOLE_FILES || record->job
               ? whole_file(feed, below, record, error)
               : 0;
}

/* Takes the next word or file of a folder. Returns 1 with a record, 0 when there is more to look at, -1 with an
 * error, or 2 at the end. */
static int next_word(struct feed *feed, struct feed_record *record, struct error *error)
{
    const struct feed_word *word;
    const char *path, *below;
    int result;

    if (feed->tree != NULL) {
        result = tree_next(feed->tree, &path, &below, error);
        if (result > 0) {
            return found_file(feed, path, below, record, error);
        }
        tree_close(feed->tree);
        feed->tree = NULL;
        return result;
    }
    if (feed->word == feed->count) {
        return 2;
    }
    word = &feed->words[feed->word++];
    if (word->source == SOURCE_TREE) {
        feed->tree = tree_open(word->word, &feed->plan->filter, error);
        return feed->tree != NULL ? 0 : -1;
    }
    if (word->source == SOURCE_TEXT && feed->plan->format == FEED_WHOLE_FILES) {
        record->text = word->word;
        record->length = strlen(word->word);
        return 1;
    }
    record->job = word->source == SOURCE_JOB;
    return found_file(feed, word->word, base_of(word->word), record, error);
}

static int find_next(struct feed *feed, struct feed_record *record, struct error *error)
{
    for (;;) {
        int result;

        *record = (struct feed_record){.file = feed->reading ? feed->path : ""};
        if (feed->reading) {
            result = next_piece(feed, record, error);
            if (result != 0) {
                return result;
            }
            end_file(feed);
            continue;
        }
        result = next_word(feed, record, error);
        if (result != 0) {
            return result == 2 ? 0 : result;
        }
    }
}

int feed_next(struct feed *feed, struct feed_record *record, struct error *error)
{
    int result;

    json_decref(feed->columns);
    feed->columns = NULL;
    if (feed->plan->limit > 0 && feed->number == feed->plan->limit) {
        return 0;
    }
    result = find_next(feed, record, error);
    if (result > 0) {
        record->number = ++feed->number;
    }
    return result;
}

void feed_where(const struct feed_record *record, struct error *error)
{
    const char *file = strcmp(record->file, "-") == 0 ? "standard input" : record->file;

    if (record->line > 0) {
        error_prefix(error, "%s, line %ju", file, (uintmax_t)record->line);
    } else if (file[0] != '\0') {
        error_prefix(error, "%s", file);
    }
}

bool feed_ready(struct feed *feed, int timeout_ms)
{
    return !feed->reading || reader_ready(&feed->reader, line_end(feed), timeout_ms);
}

int feed_input(const struct feed *feed)
{
    return feed->reading ? feed->reader.fd : -1;
}

/* --- again ---------------------------------------------------------------------------------------
 */

bool feed_rewindable(const struct feed *feed)
{
    for (size_t i = 0; i < feed->count; i++) {
        const struct feed_word *word = &feed->words[i];
        struct stat status;
        bool standard = is_standard(word, feed->plan->format);

        if (standard && feed->kept < 0 && (feed->start < 0 || !is_regular(STDIN_FILENO))) {
            return false;
        }
        if (!standard && word->source != SOURCE_TREE &&
            (word->source != SOURCE_TEXT || feed->plan->format != FEED_WHOLE_FILES) &&
            (stat(word->word, &status) < 0 || !S_ISREG(status.st_mode))) {
            return false;
        }
    }
    return true;
}

static int copy_standard(FILE *copy, struct error *error)
{
    struct reader reader;
    int result = reader_open(&reader, "-", error);

    while (result == 0 && reader_more(&reader, SIZE_MAX, error) > 0) {
        if (fwrite(reader_text(&reader), 1, reader_length(&reader), copy) !=
            reader_length(&reader)) {
            error_system(error, errno, "standard input cannot be kept in a temporary file");
            result = -1;
        }
        reader_take(&reader, reader_length(&reader));
    }
    result = result == 0 && reader.ended ? 0 : -1;
    reader_close(&reader);
    return result;
}

int feed_keep(struct feed *feed, struct error *error)
{
    FILE *copy;
    int result;

    assert(!feed->reading && feed->word == 0);
    if (feed_rewindable(feed) || count_standard(feed) == 0) {
        return 0;
    }
    copy = tmpfile();
    if (copy == NULL) {
        error_system(error, errno, "a temporary file for standard input cannot be made");
        return -1;
    }
    result = copy_standard(copy, error);
    if (result == 0 && fflush(copy) != 0) {
        error_system(error, errno, "standard input cannot be kept in a temporary file");
        result = -1;
    }
    feed->kept = result == 0 ? dup(fileno(copy)) : -1;
    fclose(copy);
    if (result < 0) {
        return -1;
    }
    return feed_rewind(feed, error);
}

int feed_rewind(struct feed *feed, struct error *error)
{
    int fd = feed->kept >= 0 ? feed->kept : STDIN_FILENO;

    end_file(feed);
    tree_close(feed->tree);
    feed->tree = NULL;
    feed->word = 0;
    feed->number = 0;
    if (count_standard(feed) > 0 &&
        lseek(fd, feed->kept >= 0 ? 0 : feed->start, SEEK_SET) < 0) {
        error_system(error, errno, "standard input cannot be read again");
        return -1;
    }
    return 0;
}

void feed_close(struct feed *feed)
{
    if (feed == NULL) {
        return;
    }
    end_file(feed);
    tree_close(feed->tree);
    csv_free(&feed->row);
    buffer_free(&feed->text);
    json_decref(feed->columns);
    free(feed->path);
    if (feed->kept >= 0) {
        close(feed->kept);
    }
    free(feed);
}
