/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_templates: finding templates, and reading their files no oftener than needed. */
#include "unit.h"

#include "fresh.h"

#include <stdarg.h>

#include "job/templates.h"

static unsigned opened; /* calls of openat(2) */
static int64_t now_ms;  /* of the clock that is handed in */

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);

int __wrap_openat(int dir, const char *name, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    opened++;
    return __real_openat(dir, name, flags, mode);
}

static struct wall wall(void *context)
{
    (void)context;
    return (struct wall){now_ms};
}

static const struct clock later = {.wall = wall};

static void put(const struct fresh *fresh, const char *name, const char *text)
{
    int dir = fresh->spool->dir[FOLDER_TEMPLATES];
    assert_int_equal(
        file_replace(fresh->spool->dir[FOLDER_TMP], dir, name, 0600, text, strlen(text), false), 0);
}

/* An hour after all that the tests write. */
static struct templates *fresh_templates(const struct fresh *fresh)
{
    now_ms = clock_wall(&clock_system).ms + INT64_C(3600000);
    return templates_new(fresh->spool, &later);
}

static void assert_description(struct templates *templates, const char *name, const char *wanted)
{
    struct error error = {0};
    const struct template *template = templates_find(templates, name, &error);
    if (template == NULL) {
        fail_msg("%s: %s", name, error.text);
    }
    assert_string_equal(template->description, wanted);
}

static void a_file_is_read_once(void **state)
{
    struct fresh *fresh = *state;
    put(fresh, "mine.json", "{\"description\": \"first\"}");
    struct templates *templates = fresh_templates(fresh);
    assert_description(templates, "mine", "first");
    opened = 0;
    for (int i = 0; i < 100000; i++) {
        templates_look_again(templates);
        assert_description(templates, "mine", "first");
    }
    assert_int_equal(opened, 0);
    templates_free(templates);
}

static void an_edited_file_counts_from_the_next_look(void **state)
{
    struct fresh *fresh = *state;
    put(fresh, "mine.json", "{\"description\": \"first\"}");
    struct templates *templates = fresh_templates(fresh);
    assert_description(templates, "mine", "first");
    put(fresh, "mine.json", "{\"description\": \"other\"}");
    assert_description(templates, "mine", "first");
    templates_look_again(templates);
    assert_description(templates, "mine", "other");
    templates_free(templates);
}

/* Within one tick of the clock a change may leave no trace in the times of a file. */
static void a_young_file_is_read_again(void **state)
{
    struct fresh *fresh = *state;
    put(fresh, "mine.json", "{\"description\": \"first\"}");
    struct templates *templates = templates_new(fresh->spool, &clock_system);
    assert_description(templates, "mine", "first");
    opened = 0;
    templates_look_again(templates);
    assert_description(templates, "mine", "first");
    assert_int_equal(opened, 1);
    templates_free(templates);
}

static void a_file_wins_while_it_is_there(void **state)
{
    struct fresh *fresh = *state;
    struct templates *templates = fresh_templates(fresh);
    assert_description(templates, "summarize", "A summary of a text.");
    assert_true(templates_find(templates, "summarize", NULL)->built_in);
    put(fresh, "summarize.json", "{\"description\": \"mine\"}");
    templates_look_again(templates);
    assert_description(templates, "summarize", "mine");
    assert_false(templates_find(templates, "summarize", NULL)->built_in);
    assert_int_equal(unlinkat(fresh->spool->dir[FOLDER_TEMPLATES], "summarize.json", 0), 0);
    templates_look_again(templates);
    assert_description(templates, "summarize", "A summary of a text.");
    templates_free(templates);
}

static void assert_none(struct templates *templates, const char *name, enum error_kind kind,
                        const char *words)
{
    struct error error = {0};
    assert_null(templates_find(templates, name, &error));
    assert_int_equal(error.kind, kind);
    if (strstr(error.text, words) == NULL) {
        fail_msg("%s: %s", name, error.text);
    }
}

static void what_is_none_is_told(void **state)
{
    struct fresh *fresh = *state;
    int dir = fresh->spool->dir[FOLDER_TEMPLATES];
    put(fresh, "bad.json", "[");
    put(fresh, "mine.json", "{}");
    assert_int_equal(symlinkat("mine.json", dir, "link.json"), 0);
    assert_int_equal(mkdirat(dir, "folder.json", 0700), 0);
    struct templates *templates = fresh_templates(fresh);
    assert_none(templates, "clasify", ERROR_ABSENT,
                "there is no type \"clasify\" (did you mean \"classify\"?); there are bad, "
                "classify, extract, folder, link, mine, summarize, translate, chat");
    assert_none(templates, "../mine", ERROR_ABSENT, "there is no type");
    assert_none(templates, "", ERROR_ABSENT, "there is no type");
    assert_none(templates, "bad", ERROR_DATA, "templates/bad.json: line 1");
    assert_none(templates, "link", ERROR_DATA, "no regular file");
    assert_none(templates, "folder", ERROR_DATA, "no regular file");
    templates_free(templates);
}

static void only_the_owners_files_count(void **state)
{
    struct fresh *fresh = *state;
    if (geteuid() != 0) {
        skip();
    }
    put(fresh, "mine.json", "{}");
    assert_int_equal(fchownat(fresh->spool->dir[FOLDER_TEMPLATES], "mine.json", FRESH_NOBODY,
                              (gid_t)-1, 0),
                     0);
    struct templates *templates = fresh_templates(fresh);
    assert_none(templates, "mine", ERROR_DATA, "belongs to uid 65534");
    templates_free(templates);
}

/* Names that are none cost no memory for ever. */
static void ever_new_names_are_forgotten(void **state)
{
    struct fresh *fresh = *state;
    struct templates *templates = fresh_templates(fresh);
    for (int i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof name, "no-such-type-%d", i);
        assert_none(templates, name, ERROR_ABSENT, "there is no type");
    }
    assert_description(templates, "summarize", "A summary of a text.");
    templates_free(templates);
}

#define IN_SPOOL(test) cmocka_unit_test_setup_teardown(test, fresh_spool, fresh_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SPOOL(a_file_is_read_once),
        IN_SPOOL(an_edited_file_counts_from_the_next_look),
        IN_SPOOL(a_young_file_is_read_again),
        IN_SPOOL(a_file_wins_while_it_is_there),
        IN_SPOOL(what_is_none_is_told),
        IN_SPOOL(only_the_owners_files_count),
        IN_SPOOL(ever_new_names_are_forgotten),
    };

    return UNIT_RUN(tests);
}
