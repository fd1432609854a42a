/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_reading: see config_reading.h. */
#include "base/config_reading.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/xalloc.h"

enum { OPTIONS_MAX = 40 }; /* of one section */

static const char reading_name[] = "\001reading";

static int on_call(cfg_t *section, cfg_opt_t *option, int count, const char **arguments)
{
    (void)section, (void)option, (void)count, (void)arguments;
    return -1;
}

cfg_opt_t config_reading_option(struct config_section *section)
{
    cfg_opt_t option = CFG_FUNC(reading_name, on_call);

    option.simple_value.ptr = (void **)(void *)section;
    return option;
}

struct config_section *config_reading_section(cfg_t *section)
{
    assert(strcmp(section->opts[0].name, reading_name) == 0);
    return (struct config_section *)(void *)section->opts[0].simple_value.ptr;
}

int config_reading_fail(struct config_reading *reading, int line, const struct error *problem)
{
    if (!reading->failed)
        error_set(reading->error, problem->kind, "%s:%d: %s", reading->path, line, problem->text);
    reading->failed = true;
    return -1;
}

static void describe_unknown(cfg_t *section, const char *name, struct error *problem)
{
    const char *where = strcmp(section->name, "root") == 0 ? "" : " in this section";
    const char *page = config_reading_section(section)->reading->page;
    const char *known[OPTIONS_MAX];
    const char *nearest;
    size_t count = 0;

    for (const cfg_opt_t *option = section->opts + 1; option->name != NULL; option++) {
        assert(count < OPTIONS_MAX);
        known[count++] = option->name;
    }
    nearest = nearest_word(name, known, count);
    if (nearest != NULL)
        error_set(problem, ERROR_DATA, "there is no setting \"%s\"%s; did you mean \"%s\"?", name,
                  where, nearest);
    else
        error_set(problem, ERROR_DATA, "there is no setting \"%s\"%s; see %s for those that exist",
                  name, where, page);
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *section, const char *format,
                                                           va_list arguments)
{
    static const char unknown[] = "no such option '";
    struct error problem = {.kind = ERROR_DATA};

    (void)vsnprintf(problem.text, sizeof problem.text, format, arguments);
    if (strncmp(problem.text, unknown, strlen(unknown)) == 0) {
        char *name = xstrdup(problem.text + strlen(unknown));

        name[strcspn(name, "'")] = '\0';
        describe_unknown(section, name, &problem);
        free(name);
    }
    (void)config_reading_fail(config_reading_section(section)->reading, section->line, &problem);
}

void config_reading_errors(cfg_t *parser)
{
    (void)cfg_set_error_function(parser, on_error);
}
