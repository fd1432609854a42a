/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_index: lines of an archive's index, and the zstd frames below, none of which are trusted. */
#include "unit.h"

#include <sys/mman.h>
#include <zstd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "retain/index.h"
#include "retain/lines.h"

#define HEX                                                                                        \
    "00112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"
#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FILE_OF(name, size) "{\"name\":\"" name "\",\"size\":" size ",\"sha256\":\"" SHA "\"}"
#define JOB FILE_OF("done/" HEX ".json", "100")
#define FIRST FILE_OF("done/" HEX ".v1.json", "513")
#define LINE(id, state, version, length, files)                                                    \
    "{\"id\":\"" id "\",\"state\":\"" state "\",\"version\":" version                              \
    ",\"frame\":77,\"at\":512,\"length\":" length                                                  \
    ",\"finished\":\"2026-11-25T20:00:00.000Z\",\"files\":[" files "]}"

static int read_line(const char *text, struct index_unit *unit)
{
    struct error error = {0};
    json_t *line = jsontext_read_object(text, strlen(text), NULL);
    int result;

    assert_non_null(line);
    result = index_unit_read(line, unit, &error);
    json_decref(line);
    assert_true(result == 0 || (error.kind == ERROR_DATA && error.text[0] != '\0'));
    return result;
}

static void test_a_line_tells_where_a_job_is(void **state)
{
    struct index_unit unit = {0};

    (void)state;
    assert_int_equal(read_line(LINE(HEX, "completed", "1", "2560", JOB "," FIRST), &unit), 0);
    assert_int_equal(unit.folder, FOLDER_DONE);
    assert_int_equal(unit.version, 1);
    assert_int_equal(unit.frame, 77);
    assert_int_equal(unit.at, 512);
    assert_int_equal(unit.count, 2);
    assert_int_equal(unit.files[1].entry.version, 1);
    assert_string_equal(index_facts(&unit).state, "completed");
    index_unit_clear(&unit);
}

static void test_a_failed_job_has_its_error_file(void **state)
{
    struct index_unit unit = {0};

    (void)state;
    assert_int_equal(read_line(LINE(HEX, "expired", "null", "2048",
                                    FILE_OF("failed/" HEX ".json", "1") "," FILE_OF(
                                        "failed/" HEX ".error.json", "1")),
                               &unit),
                     0);
    assert_int_equal(unit.folder, FOLDER_FAILED);
    assert_int_equal(unit.version, 0);
    index_unit_clear(&unit);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    static const char *const lines[] = {
        LINE("00", "completed", "1", "2560", JOB "," FIRST),
        LINE(HEX, "waiting", "1", "2560", JOB "," FIRST),
        LINE(HEX, "failed", "1", "2560", JOB "," FIRST),
        LINE(HEX, "completed", "2", "2560", JOB "," FIRST),
        LINE(HEX, "completed", "1", "2559", JOB "," FIRST),
        LINE(HEX, "completed", "1", "-1", JOB "," FIRST),
        LINE(HEX, "completed", "1", "1024", JOB),
        LINE(HEX, "completed", "1", "2560", FIRST "," JOB),
        LINE(HEX, "completed", "1", "4096", JOB "," FIRST "," FIRST),
        LINE(HEX, "completed", "1", "2560", JOB "," FILE_OF("done/../" HEX ".v1.json", "513")),
        LINE(HEX, "completed", "1", "2560", JOB "," FILE_OF("/done/" HEX ".v1.json", "513")),
        LINE(HEX, "completed", "1", "2560", JOB "," FILE_OF("failed/" HEX ".error.json", "513")),
        LINE(HEX, "completed", "1", "2560", JOB "," FILE_OF("done/" HEX ".state.json", "513")),
        LINE(HEX, "completed", "1", "2560", JOB "," FILE_OF("done/" HEX ".v01.json", "513")),
        LINE(HEX, "completed", "1", "268436992", JOB "," FILE_OF("done/" HEX ".v1.json", "268435457")),
    };
    struct index_unit unit = {0};

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(lines); i++) {
        if (read_line(lines[i], &unit) == 0) {
            fail_msg("taken: %s", lines[i]);
        }
    }
    index_unit_clear(&unit);
}

/* --- frames and lines ----------------------------------------------------------------------------- */

static void add_frame(int fd, const char *text, int checksum)
{
    char out[4096];
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t length;

    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
    length = ZSTD_compress2(context, out, sizeof out, text, strlen(text));
    ZSTD_freeCCtx(context);
    assert_false(ZSTD_isError(length));
    assert_int_equal(write(fd, out, length), length);
}

static void expect_lines(int fd, const char *const *expected, int result)
{
    struct lines lines;
    struct error error = {0};
    const char *text;
    size_t length;
    int found;

    lines_begin(&lines, frames_open(fd, 0, 0, FRAMES_ALL, true));
    while ((found = lines_next(&lines, &text, &length, &error)) == 1) {
        assert_non_null(*expected);
        assert_int_equal(length, strlen(*expected));
        assert_memory_equal(text, *expected++, length);
    }
    assert_int_equal(found, result);
    assert_null(*expected);
    assert_true(found == 0 || error.text[0] != '\0');
    lines_end(&lines);
    close(fd);
}

static int file(void)
{
    int fd = memfd_create("frames", 0);

    assert_true(fd >= 0);
    return fd;
}

static void test_lines_go_over_frames(void **state)
{
    static const char *const expected[] = {"one", "two", "three", NULL};
    int fd = file();

    (void)state;
    add_frame(fd, "one\nt", 1);
    add_frame(fd, "wo\nthree\n", 1);
    expect_lines(fd, expected, 0);
}

static void test_a_line_without_its_end_and_an_empty_one_are_refused(void **state)
{
    static const char *const one[] = {"one", NULL};
    int fd = file();

    (void)state;
    add_frame(fd, "one\ntw", 1);
    expect_lines(fd, one, -1);
    fd = file();
    add_frame(fd, "one\n\ntwo\n", 1);
    expect_lines(fd, one, -1);
}

static void test_frames_without_checksum_and_what_is_behind_are_refused(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const one[] = {"one", NULL};
    int fd = file();

    (void)state;
    add_frame(fd, "one\n", 0);
    expect_lines(fd, none, -1);
    fd = file();
    add_frame(fd, "one\n", 1);
    assert_int_equal(write(fd, "x", 1), 1);
    expect_lines(fd, one, -1);
}

static void test_a_window_is_read_and_its_place_found(void **state)
{
    int fd = file();
    struct error error;
    struct frames_place place;
    const void *bytes;
    off_t second;

    (void)state;
    add_frame(fd, "0123456789", 1);
    second = lseek(fd, 0, SEEK_CUR);
    add_frame(fd, "abcdef", 1);
    struct frames *frames = frames_open(fd, 0, 4, 8, true);
    assert_int_equal(frames_next(frames, &bytes, &error), 6);
    assert_memory_equal(bytes, "456789", 6);
    assert_int_equal(frames_next(frames, &bytes, &error), 2);
    assert_memory_equal(bytes, "ab", 2);
    assert_int_equal(frames_next(frames, &bytes, &error), 0);
    assert_int_equal(frames_finish(frames, &error), 0);
    assert_true(frames_find(frames, 12, &place));
    assert_int_equal(place.frame, second);
    assert_int_equal(place.at, 2);
    assert_int_equal(place.left, 4);
    assert_false(frames_find(frames, 16, &place));
    frames_close(frames);
    frames = frames_open(fd, (uint64_t)second, 0, 7, true);
    assert_int_equal(frames_next(frames, &bytes, &error), 6);
    assert_int_equal(frames_next(frames, &bytes, &error), -1);
    frames_close(frames);
    close(fd);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_tells_where_a_job_is),
        cmocka_unit_test(test_a_failed_job_has_its_error_file),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_lines_go_over_frames),
        cmocka_unit_test(test_a_line_without_its_end_and_an_empty_one_are_refused),
        cmocka_unit_test(test_frames_without_checksum_and_what_is_behind_are_refused),
        cmocka_unit_test(test_a_window_is_read_and_its_place_found),
    };
    xalloc_jansson();
    return UNIT_RUN(tests);
}
