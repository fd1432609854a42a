/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_feed: any bytes come through as they are, or are refused: lines, cells, files' names, templates. */
#include "unit.h"

#include "fresh.h"

#include <fcntl.h>
#include "base/random.h"
#include "base/xalloc.h"
#include "client/csv.h"
#include "client/feed.h"
#include "client/filling.h"

enum { SEED = 20261125, CASES = 10000 };

/* Pieces that random text is made of: what means something to one of the readers, and what is no UTF-8. */
static const char *const pieces[] = {
    "a",  "word ", "\"",   "\"\"",         ",",    ";",  "\t",   "\n",  "\r",
    "\r\n", "{",   "}",    "{{",           "}}",   "{n}", "\\",  "'",   " ",
    "é",  "日本",  "\xf0\x9f\x98\x80", "\xef\xbb\xbf", "\x01", "\x7f", "\xff", "\xc3", "\xed\xa0\x80",
};

static void add_random(struct random *random, struct buffer *out, size_t most, bool broken)
{
    size_t good = UNIT_COUNT(pieces) - 3;

    for (size_t count = (size_t)random_below(random, most + 1); count > 0; count--) {
        buffer_text(out, pieces[random_below(random, broken ? UNIT_COUNT(pieces) : good)]);
    }
}

static struct buffer random_text(struct random *random, size_t most, bool broken)
{
    struct buffer text = {0};

    buffer_reserve(&text, 1);
    add_random(random, &text, most, broken);
    return text;
}

/* --- cells --------------------------------------------------------------------------------------- */

/* As RFC 4180 writes a cell; quotes also where they are not needed. */
static void write_cell(struct buffer *out, const struct buffer *cell, char between, bool quoted)
{
    quoted = quoted || strpbrk(cell->bytes, "\"\r\n") != NULL || strchr(cell->bytes, between) != NULL;
    if (!quoted) {
        buffer_append(out, cell->bytes, cell->length);
        return;
    }
    buffer_byte(out, '"');
    for (size_t i = 0; i < cell->length; i++) {
        if (cell->bytes[i] == '"') {
            buffer_byte(out, '"');
        }
        buffer_byte(out, cell->bytes[i]);
    }
    buffer_byte(out, '"');
}

/* Reads a row that comes in two parts, as it may from a pipe. */
static ptrdiff_t read_in_parts(struct csv_row *row, const struct buffer *text, size_t cut,
                               char between)
{
    ptrdiff_t taken = csv_read(row, text->bytes, cut, between, false, NULL);

    return taken != 0 ? taken : csv_read(row, text->bytes, text->length, between, true, NULL);
}

static void cells_come_through(void **state)
{
    struct random random;
    struct csv_row row = {0};

    (void)state;
    random_init(&random, SEED);
    for (int i = 0; i < CASES; i++) {
        struct buffer cells[5], text = {0};
        size_t count = 1 + (size_t)random_below(&random, UNIT_COUNT(cells));
        char between = random_below(&random, 2) == 0 ? ',' : '\t';
        size_t length;

        for (size_t c = 0; c < count; c++) {
            cells[c] = random_text(&random, 6, true);
            buffer_text(&text, c == 0 ? "" : (char[]){between, '\0'});
            write_cell(&text, &cells[c], between, random_below(&random, 3) == 0);
        }
        buffer_text(&text, random_below(&random, 2) == 0 ? "\r\n" : "\n");
        length = text.length;
        buffer_text(&text, "next,row\n");
        assert_int_equal(read_in_parts(&row, &text, (size_t)random_below(&random, length + 1), between),
                         length);
        assert_int_equal(row.count, count);
        for (size_t c = 0; c < count; c++) {
            assert_int_equal(row.cells[c].length, cells[c].length);
            assert_memory_equal(csv_text(&row, c), cells[c].bytes, cells[c].length);
            buffer_free(&cells[c]);
        }
        buffer_free(&text);
    }
    csv_free(&row);
}

static void rows_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"a,\"b", "cell 2 begins with a quote that is never closed"},
        {"\"a\"b,c\n", "cell 1 has something behind its closing quote"},
        {"\"a\" ,c\n", "cell 1 has something behind its closing quote"},
        {"\"a\"\r,c\n", "cell 1 has something behind its closing quote"},
    };
    struct csv_row row = {0};
    struct error error;

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        assert_int_equal(csv_read(&row, rows[i].text, strlen(rows[i].text), ',', true, &error), -1);
        assert_non_null(strstr(error.text, rows[i].words));
    }
    csv_free(&row);
}

/* --- files --------------------------------------------------------------------------------------- */

static void remove_file(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static void write_file(const char *path, const struct buffer *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text->bytes, text->length), text->length);
    assert_int_equal(close(fd), 0);
}

/* What splitting at the byte gives, by the simplest way. */
static void check_records(struct feed *feed, const struct buffer *text, char end)
{
    struct feed_record record;
    uint64_t number = 0;
    size_t at = 0;

    while (at < text->length) {
        const char *stop = memchr(text->bytes + at, end, text->length - at);
        size_t length = stop != NULL ? (size_t)(stop - text->bytes) - at : text->length - at;

        assert_int_equal(feed_next(feed, &record, NULL), 1);
        assert_int_equal(record.length, length);
        assert_memory_equal(record.text, text->bytes + at, length);
        assert_int_equal(record.number, ++number);
        assert_int_equal(record.line, number);
        at += length + 1;
    }
    assert_int_equal(feed_next(feed, &record, NULL), 0);
}

static void lines_come_through(void **state)
{
    const struct fresh *fresh = *state;
    char *path = xasprintf("%s/lines", fresh->folder);
    struct random random;

    random_init(&random, SEED + 1);
    for (int i = 0; i < CASES; i++) {
        bool nul = random_below(&random, 2) == 0;
        struct buffer text = random_text(&random, 12, true);
        struct feed_word word = {SOURCE_FILE, path};
        struct feed_plan plan = {.format = nul ? FEED_NUL : FEED_LINES, .words = &word, .count = 1};
        struct feed *feed;

        if (nul) {
            buffer_byte(&text, '\0');
            add_random(&random, &text, 5, true);
        }
        write_file(path, &text);
        feed = feed_open(&plan, NULL);
        assert_non_null(feed);
        check_records(feed, &text, nul ? '\0' : '\n');
        assert_true(feed_rewindable(feed));
        assert_int_equal(feed_rewind(feed, NULL), 0);
        check_records(feed, &text, nul ? '\0' : '\n');
        feed_close(feed);
        buffer_free(&text);
    }
    remove_file(path);
    free(path);
}

static void names_of_files_come_through(void **state)
{
    const struct fresh *fresh = *state;
    struct random random;

    random_init(&random, SEED + 2);
    for (int i = 0; i < CASES; i++) {
        struct feed_word word = {SOURCE_TREE, fresh->folder};
        struct feed_plan plan = {.words = &word, .count = 1};
        struct buffer name = random_text(&random, 8, true);
        struct feed_record record;
        char *path;
        struct feed *feed;

        buffer_byte(&name, 'x');
        if (name.bytes[0] == '.') {
            name.bytes[0] = '_';
        }
        path = xasprintf("%s/%s", fresh->folder, name.bytes);
        write_file(path, &name);
        feed = feed_open(&plan, NULL);
        assert_int_equal(feed_next(feed, &record, NULL), 1);
        assert_string_equal(record.file, path);
        assert_int_equal(record.length, name.length);
        assert_memory_equal(record.text, name.bytes, name.length);
        if (layout_name_ok(name.bytes)) {
            assert_string_equal(record.name, name.bytes);
        } else {
            assert_null(record.name);
        }
        assert_int_equal(feed_next(feed, &record, NULL), 0);
        feed_close(feed);
        remove_file(path);
        free(path);
        buffer_free(&name);
    }
}

/* --- templates ----------------------------------------------------------------------------------- */

/* A template of random text, places among it, and what it must become. */
struct sample {
    struct buffer text, wanted;
};

static void add_literal(struct sample *sample, struct random *random)
{
    struct buffer literal = random_text(random, 4, true);

    for (size_t i = 0; i < literal.length; i++) {
        if (literal.bytes[i] == '{' || literal.bytes[i] == '}') {
            buffer_byte(&sample->text, literal.bytes[i]);
        }
        buffer_byte(&sample->text, literal.bytes[i]);
    }
    buffer_append(&sample->wanted, literal.bytes, literal.length);
    buffer_free(&literal);
}

static void templates_come_through(void **state)
{
    struct random random;

    (void)state;
    random_init(&random, SEED + 3);
    for (int i = 0; i < CASES; i++) {
        struct buffer cell = random_text(&random, 6, false), line = random_text(&random, 6, true);
        struct feed_record record = {
            .text = line.bytes,
            .length = line.length,
            .file = "f",
            .number = 7,
            .columns = json_pack("{s:s, s:s#}", "one", "1", "two", cell.bytes, (int)cell.length),
        };
        static const char *const places[] = {"{two}", "{2}", "{n}", "{file}"};
        struct sample sample = {{0}, {0}};
        struct buffer filled = {0};
        struct stencil *stencil;

        buffer_reserve(&sample.text, 1);
        for (uint64_t parts = random_below(&random, 4); parts > 0; parts--) {
            size_t place = (size_t)random_below(&random, UNIT_COUNT(places));

            add_literal(&sample, &random);
            buffer_text(&sample.text, places[place]);
            if (place < 2) {
                buffer_append(&sample.wanted, cell.bytes, cell.length);
            } else {
                buffer_text(&sample.wanted, place == 2 ? "7" : "f");
            }
        }
        add_literal(&sample, &random);
        stencil = filling_read(sample.text.bytes, NULL);
        assert_non_null(stencil);
        assert_int_equal(filling_fill(stencil, &record, &filled, NULL), 0);
        assert_int_equal(filled.length, sample.wanted.length);
        if (filled.length > 0) {
            assert_memory_equal(filled.bytes, sample.wanted.bytes, filled.length);
        }
        stencil_free(stencil);
        json_decref(record.columns);
        buffer_free(&sample.text);
        buffer_free(&sample.wanted);
        buffer_free(&filled);
        buffer_free(&cell);
        buffer_free(&line);
    }
}

static void a_place_with_nothing_for_it_is_an_error(void **state)
{
    static const char *const texts[] = {"{three}", "{3}", "{0}", "{null}", "{file}"};
    struct feed_record record = {.text = "x\ty", .length = 3, .file = ""};
    struct buffer out = {0};
    struct error error;

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct stencil *stencil = filling_read(texts[i], NULL);

        assert_int_equal(filling_fill(stencil, &record, &out, &error), -1);
        assert_non_null(strstr(error.text, texts[i]));
        record.columns = json_pack("{s:s, s:n}", "one", "1", "null");
        assert_int_equal(filling_fill(stencil, &record, &out, &error), -1);
        assert_non_null(strstr(error.text, "; it has one, null"));
        json_decref(record.columns);
        record.columns = NULL;
        stencil_free(stencil);
    }
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_come_through),
        cmocka_unit_test(rows_that_are_none_are_refused),
        cmocka_unit_test_setup_teardown(lines_come_through, fresh_folder, fresh_end),
        cmocka_unit_test_setup_teardown(names_of_files_come_through, fresh_folder,
                                        fresh_end),
        cmocka_unit_test(templates_come_through),
        cmocka_unit_test(a_place_with_nothing_for_it_is_an_error),
    };
    xalloc_jansson();
    return UNIT_RUN(tests);
}
