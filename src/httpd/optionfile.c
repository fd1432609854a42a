/* SPDX-License-Identifier: GPL-2.0-or-later */
/* optionfile: see optionfile.h. */
#include "httpd/optionfile.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/config_reading.h"
#include "base/config_text.h"
#include "base/sizetext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "spool/file.h"

enum { ROWS_MAX = 20, LIST_MAX = 64 };

enum kind { KIND_TEXT, KIND_SWITCH, KIND_COUNT, KIND_SIZE, KIND_TIME, KIND_LEVEL, KIND_LIST };

struct row {
    const char *name;
    enum kind kind;
    size_t field; /* of struct front_options */
    int64_t least, most;
};

#define FIELD(name) offsetof(struct front_options, name)

static const struct row root_rows[] = {
    {"spool", KIND_TEXT, FIELD(spool), 0, 0},
    {"listen", KIND_TEXT, FIELD(listen), 0, 0},
    {"allow_remote", KIND_SWITCH, FIELD(allow_remote), 0, 0},
    {"insecure", KIND_SWITCH, FIELD(insecure), 0, 0},
    {"public_url", KIND_TEXT, FIELD(public_url), 0, 0},
    {"hosts", KIND_LIST, FIELD(hosts), 0, 0},
    {"tokens", KIND_TEXT, FIELD(tokens), 0, 0},
    {"tls_certificate", KIND_TEXT, FIELD(tls_certificate), 0, 0},
    {"tls_key", KIND_TEXT, FIELD(tls_key), 0, 0},
    {"cors_origins", KIND_LIST, FIELD(cors_origins), 0, 0},
    {"log_level", KIND_LEVEL, FIELD(level), 0, 0},
    {NULL, KIND_TEXT, 0, 0, 0},
};

static const struct row limit_rows[] = {
    {"connections", KIND_COUNT, FIELD(limits.connections), 1, 1000000},
    {"per_address", KIND_COUNT, FIELD(limits.per_address), 0, 1000000},
    {"body", KIND_SIZE, FIELD(limits.body), 1024, (int64_t)1 << 40},
    {"bodies", KIND_SIZE, FIELD(limits.bodies), 1024, (int64_t)1 << 40},
    {"max_waiting", KIND_COUNT, FIELD(limits.waiting), 0, 1000000000},
    {"rate", KIND_COUNT, FIELD(limits.rate), 0, 1000000},
    {"burst", KIND_COUNT, FIELD(limits.burst), 1, 1000000},
    {"head_timeout", KIND_TIME, FIELD(limits.head_ms), 100, 3600000},
    {"body_timeout", KIND_TIME, FIELD(limits.body_ms), 100, 86400000},
    {"answer_timeout", KIND_TIME, FIELD(limits.answer_ms), 100, 86400000},
    {"idle_timeout", KIND_TIME, FIELD(limits.idle_ms), 1000, 86400000},
    {"limit_loopback", KIND_SWITCH, FIELD(limits.limit_loopback), 0, 0},
    {NULL, KIND_TEXT, 0, 0, 0},
};

/* What libconfuse's callbacks share. */
struct reading {
    struct config_reading base;
    struct section {
        struct config_section base;
        const struct row *rows;
    } root, limits;
    struct front_options *options;
};

static const struct section *section_of(cfg_t *section)
{
    return (const struct section *)(void *)config_reading_section(section);
}

static struct front_options *options_of(const struct section *section)
{
    return ((struct reading *)(void *)section->base.reading)->options;
}

/* --- values --- */

static int read_switch(const char *value, bool *place)
{
    *place = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
    return *place || strcmp(value, "no") == 0 || strcmp(value, "false") == 0 ? 0 : -1;
}

static int read_count(const char *value, int64_t *place)
{
    char *end;

    errno = 0;
    *place = strtoll(value, &end, 10);
    return errno == 0 && end != value && *end == '\0' ? 0 : -1;
}

static int read_size(const char *value, int64_t *place)
{
    uint64_t size;

    if (sizetext_read(value, &size) != 0 || size > INT64_MAX)
        return -1;
    *place = (int64_t)size;
    return 0;
}

static int fail(const struct row *row, const char *value, const char *wanted, struct error *error)
{
    error_set(error, ERROR_DATA, "%s = %s: %s", row->name, value, wanted);
    return -1;
}

static int check_range(const struct row *row, const char *value, int64_t number,
                       struct error *error)
{
    if (number >= row->least && number <= row->most)
        return 0;
    error_set(error, ERROR_DATA, "%s = %s: it is at least %lld%s and at most %lld%s", row->name,
              value, (long long)row->least, row->kind == KIND_TIME ? "ms" : "",
              (long long)row->most, row->kind == KIND_TIME ? "ms" : "");
    return -1;
}

static int set_text(const struct row *row, const char *value, char **place, struct error *error)
{
    if (value[0] == '\0')
        return fail(row, "\"\"", "it is empty", error);
    options_set(place, value);
    return 0;
}

static int set_value(const struct row *row, const char *value, struct front_options *options,
                     struct error *error)
{
    void *place = (char *)options + row->field;

    switch (row->kind) {
    case KIND_TEXT:
        return set_text(row, value, place, error);
    case KIND_SWITCH:
        return read_switch(value, place) == 0 ? 0 : fail(row, value, "yes or no", error);
    case KIND_COUNT:
        if (read_count(value, place) != 0)
            return fail(row, value, "a whole number is wanted", error);
        return check_range(row, value, *(int64_t *)place, error);
    case KIND_SIZE:
        if (read_size(value, place) != 0)
            return fail(row, value, "a size such as 64MiB is wanted", error);
        return check_range(row, value, *(int64_t *)place, error);
    case KIND_TIME:
        if (timetext_read_duration(value, place) != 0)
            return fail(row, value, "a duration such as 10s is wanted", error);
        return check_range(row, value, *(int64_t *)place, error);
    case KIND_LEVEL:
        return log_level_read(value, place)
                   ? 0
                   : fail(row, value, "error, warning, info or debug", error);
    case KIND_LIST:
        break;
    }
    return -1;
}

static const struct row *find_row(const struct section *section, const char *name)
{
    const struct row *row = section->rows;

    while (strcmp(row->name, name) != 0)
        row++;
    return row;
}

static int on_setting(cfg_t *parser, cfg_opt_t *option)
{
    const struct section *section = section_of(parser);
    struct error problem = {0};

    if (set_value(find_row(section, option->name), option->values[0]->string,
                  options_of(section), &problem) == 0)
        return 0;
    return config_reading_fail(section->base.reading, parser->line, &problem);
}

/* Called for each element of a list, and once more at its end: the list is made anew each time. */
static int on_list(cfg_t *parser, cfg_opt_t *option)
{
    const struct section *section = section_of(parser);
    const struct row *row = find_row(section, option->name);
    char ***place = (char ***)(void *)((char *)options_of(section) + row->field);
    unsigned count = cfg_opt_size(option);
    struct error problem = {0};

    if (count > LIST_MAX) {
        error_set(&problem, ERROR_DATA, "%s: at most %d are allowed", row->name, LIST_MAX);
        return config_reading_fail(section->base.reading, parser->line, &problem);
    }
    for (size_t i = 0; *place != NULL && (*place)[i] != NULL; i++)
        free((*place)[i]);
    free(*place);
    *place = xcalloc(count + 1, sizeof **place);
    for (unsigned i = 0; i < count; i++)
        (*place)[i] = xstrdup(cfg_opt_getnstr(option, i));
    return 0;
}

/* --- the parser --- */

static void fill_options(cfg_opt_t *list, struct section *section)
{
    size_t count = 0;

    list[count++] = config_reading_option(&section->base);
    for (const struct row *row = section->rows; row->name != NULL; row++) {
        assert(count + 2 < ROWS_MAX);
        if (row->kind == KIND_LIST)
            list[count] = (cfg_opt_t)CFG_STR_LIST(row->name, NULL, CFGF_NODEFAULT);
        else
            list[count] = (cfg_opt_t)CFG_STR(row->name, NULL, CFGF_NODEFAULT);
        list[count++].validcb = row->kind == KIND_LIST ? on_list : on_setting;
    }
}

static cfg_t *open_parser(struct reading *reading)
{
    cfg_opt_t root[ROWS_MAX] = {0}; /* CFGT_NONE ends it */
    cfg_opt_t limits[ROWS_MAX] = {0};
    size_t count = 0;

    reading->root = (struct section){{&reading->base}, root_rows};
    reading->limits = (struct section){{&reading->base}, limit_rows};
    fill_options(limits, &reading->limits);
    fill_options(root, &reading->root);
    while (root[count].type != CFGT_NONE)
        count++;
    root[count] = (cfg_opt_t)CFG_SEC("limits", limits, CFGF_NONE);
    return cfg_init(root, CFGF_NONE); /* copies them all */
}

int optionfile_parse(struct front_options *options, const char *path, char *text,
                     struct error *error)
{
    struct reading reading = {
        .base = {.path = path, .page = "llmspool-httpd(8)", .error = error}, .options = options};
    struct error problem = {0};
    cfg_t *parser;
    int line;
    int result;

    if (config_text_check(text, &line, &problem) == -1)
        return config_reading_fail(&reading.base, line, &problem);
    parser = open_parser(&reading);
    if (parser == NULL) {
        error_system(error, errno, "cannot read %s", path);
        return -1;
    }
    config_reading_errors(parser);
    result = cfg_parse_buf(parser, text);
    (void)cfg_free(parser);
    if (result != CFG_SUCCESS && !reading.base.failed)
        error_set(error, ERROR_DATA, "%s cannot be read", path);
    return result == CFG_SUCCESS && !reading.base.failed ? 0 : -1;
}

int optionfile_read(struct front_options *options, const char *path, struct error *error)
{
    static const char common[] = SYSCONFDIR "/llmspool/llmspool-httpd.conf";
    struct buffer text = {0};
    int fd = open(path != NULL ? path : common, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int failed;

    if (fd < 0 && path == NULL && errno == ENOENT)
        return 0;
    if (path == NULL)
        path = common;
    failed = fd < 0 ? -errno : file_read(fd, OPTIONFILE_LIMIT, &text);
    if (fd >= 0)
        (void)close(fd); /* was only read */
    if (failed != 0) {
        error_system(error, -failed, "the configuration %s cannot be read", path);
        if (failed == -ENOENT && error != NULL)
            error->kind = ERROR_ABSENT;
    } else if (text.length > 0 && strlen(text.bytes) != text.length) {
        error_set(error, ERROR_DATA, "the configuration %s is no text", path);
        failed = -1;
    } else {
        buffer_byte(&text, '\n'); /* libconfuse reads no empty text */
        failed = optionfile_parse(options, path, text.bytes, error);
    }
    buffer_free(&text);
    return failed == 0 ? 0 : -1;
}
