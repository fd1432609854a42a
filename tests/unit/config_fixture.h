/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_fixture: for tests of llmspoold.conf: a folder with a configuration and a key file, and an
 * environment without keys. */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "provider/provider.h"
#include "daemon/config.h"

#define KEY "sk-canary-0123456789"

/* A folder of its own for each test, and an environment without keys. */
struct fixture {
    char folder[64];
    char path[100]; /* of the configuration */
    char key[100];  /* of a file for a key or another secret */
    char list[100]; /* of a file for URLs */
};

static inline void clear_environment(void)
{
    static const char *const names[] = {
        "OPENAI_API_KEY",     "OPENAI_BASE_URL",       "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL", "CREDENTIALS_DIRECTORY", "TEST_KEY",
    };
    for (size_t i = 0; i < UNIT_COUNT(names); i++)
        assert_int_equal(unsetenv(names[i]), 0);
}

static inline int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    (void)strcpy(fixture->folder, "/tmp/test_config.XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/llmspoold.conf", fixture->folder);
    (void)snprintf(fixture->key, sizeof fixture->key, "%s/key", fixture->folder);
    (void)snprintf(fixture->list, sizeof fixture->list, "%s/urls", fixture->folder);
    clear_environment();
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->path);
    (void)unlink(fixture->key);
    (void)unlink(fixture->list);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static inline void put(const char *path, mode_t mode, const void *bytes, size_t length)
{
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static inline void put_text(const char *path, mode_t mode, const char *text)
{
    put(path, mode, text, strlen(text));
}

static inline struct config *read_path(const char *path, struct error *error)
{
    const struct config_options options = {.path = path};
    return config_read(&options, error);
}

/* The configuration of a text that is good. */
static inline struct config *accept(const struct fixture *fixture, const char *text)
{
    struct error error = {0};
    put_text(fixture->path, 0600, text);
    struct config *config = read_path(fixture->path, &error);
    assert_string_equal(error.text, "");
    assert_non_null(config);
    return config;
}

/* A refusal begins with file and line (0: without a line) and holds the words. */
static inline void refuse(const struct fixture *fixture, mode_t mode, const char *text, int line,
                          const char *words)
{
    struct error error = {0};
    char where[120];
    put_text(fixture->path, mode, text);
    assert_null(read_path(fixture->path, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    (void)snprintf(where, sizeof where, "%s:%d: ", fixture->path, line);
    if (line == 0)
        where[strlen(fixture->path)] = '\0';
    if (strncmp(error.text, where, strlen(where)) != 0 || strstr(error.text, words) == NULL)
        fail_msg("\"%s\" does not begin with \"%s\" and hold \"%s\"", error.text, where, words);
    assert_null(strstr(error.text, KEY));
}

/* config_print as a string that the caller frees. */
static inline char *printed(const struct config *config)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    config_print(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* What text is refused, at which line (0: of no line), with which words. */
struct refusal {
    const char *text;
    int line;
    const char *words;
};

static inline void refuse_each(const struct fixture *fixture, const struct refusal *cases,
                               size_t count)
{
    for (size_t i = 0; i < count; i++)
        refuse(fixture, 0600, cases[i].text, cases[i].line, cases[i].words);
}

/* Whether this build speaks a protocol. */
static inline bool speaks(const char *protocol)
{
    for (const char *const *name = provider_protocols(); *name != NULL; name++) {
        if (strcmp(*name, protocol) == 0)
            return true;
    }
    return false;
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
