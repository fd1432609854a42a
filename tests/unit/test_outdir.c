/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_outdir: files for answers, whatever their names are, never outside of their folder. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "client/outdir.h"

enum { CASES = 10000, LENGTH = 24, SEED = 20261125 };

struct place {
    char path[64];
    struct outdir *outdir;
};

static int begin(void **state)
{
    static struct place place;
    struct error error;

    snprintf(place.path, sizeof place.path, "/tmp/test_outdir.XXXXXX");
    assert_non_null(mkdtemp(place.path));
    place.outdir = outdir_open(place.path, &error);
    assert_non_null(place.outdir);
    *state = &place;
    return 0;
}

static int end(void **state)
{
    struct place *place = *state;
    char command[128];

    outdir_close(place->outdir);
    snprintf(command, sizeof command, "rm -rf %s", place->path);
    return system(command);
}

static void expect_path(struct outdir *outdir, const char *name, uint64_t number,
                        const char *expected)
{
    struct buffer path = {0};

    outdir_path(outdir, name, number, ".txt", &path);
    assert_string_equal(path.bytes, expected);
    buffer_free(&path);
}

static void names_become_paths(void **state)
{
    struct outdir *outdir = ((struct place *)*state)->outdir;

    expect_path(outdir, NULL, 1, "1.txt");
    expect_path(outdir, "", 2, "2.txt");
    expect_path(outdir, "report", 3, "report.txt");
    expect_path(outdir, "a/b.txt", 4, "a/b.txt");
    expect_path(outdir, "/etc//passwd", 5, "etc/passwd.txt");
    expect_path(outdir, "../../x", 6, "%2E%2E/%2E%2E/x.txt");
    expect_path(outdir, ".", 7, "%2E.txt");
    expect_path(outdir, "a\nb", 8, "a%0Ab.txt");
    expect_path(outdir, "report", 9, "report.9.txt");
}

/* No part of any name leads up, is too long, or is empty. */
static void no_name_leads_outside(void **state)
{
    static const char letters[] = "../ab\n\\~\xc3\xa9";
    struct outdir *outdir = ((struct place *)*state)->outdir;
    struct buffer path = {0};
    struct random random;
    char name[LENGTH + 1];

    random_init(&random, SEED);
    for (int i = 0; i < CASES; i++) {
        size_t length = random_below(&random, LENGTH);
        char *rest, *part;

        for (size_t j = 0; j < length; j++) {
            name[j] = letters[random_below(&random, sizeof letters - 1)];
        }
        name[length] = '\0';
        outdir_path(outdir, name, (uint64_t)i, ".txt", &path);
        rest = path.bytes;
        while ((part = strsep(&rest, "/")) != NULL) {
            assert_true(part[0] != '\0');
            assert_string_not_equal(part, ".");
            assert_string_not_equal(part, "..");
        }
    }
    buffer_free(&path);
}

static void a_long_name_is_cut_between_characters(void **state)
{
    struct outdir *outdir = ((struct place *)*state)->outdir;
    struct buffer path = {0};
    char name[512];

    for (size_t i = 0; i + 1 < sizeof name; i += 2) {
        memcpy(name + i, "\xc3\xa9", 2);
    }
    name[sizeof name - 2] = '\0';
    outdir_path(outdir, name + 1, 1, ".txt", &path);
    assert_true(path.length < 255);
    buffer_free(&path);
}

static void a_file_is_replaced_and_links_are_not_followed(void **state)
{
    struct place *place = *state;
    struct error error;
    char link[96], text[8] = "";
    int fd;

    assert_int_equal(outdir_put(place->outdir, "a/b.txt", "old", 3, &error), 0);
    assert_int_equal(outdir_put(place->outdir, "a/b.txt", "new", 3, &error), 0);
    snprintf(link, sizeof link, "%s/a/b.txt", place->path);
    fd = open(link, O_RDONLY);
    assert_int_equal(read(fd, text, sizeof text), 3);
    close(fd);
    assert_string_equal(text, "new");
    snprintf(link, sizeof link, "%s/away", place->path);
    assert_int_equal(symlink("/tmp", link), 0);
    assert_int_equal(outdir_put(place->outdir, "away/x.txt", "x", 1, &error), -1);
    assert_int_equal(error.kind, ERROR_SYSTEM);
}

#define PLACE_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(names_become_paths),
        PLACE_TEST(no_name_leads_outside),
        PLACE_TEST(a_long_name_is_cut_between_characters),
        PLACE_TEST(a_file_is_replaced_and_links_are_not_followed),
    };

    return UNIT_RUN(tests);
}
