/* SPDX-License-Identifier: GPL-2.0-or-later */
/* schema_rule: what the rules of a JSON Schema have in common. */
#include "provider/schema_rule.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/utf8.h"

enum { PATH_SHOWN = 200 }; /* bytes of a path in an error */

bool schema_spend(struct check *check, size_t work)
{
    bool enough = check->work >= work;
    check->work = enough ? check->work - work : 0;
    return enough;
}

int schema_shown(const char *text, size_t limit)
{
    size_t length = strlen(text);
    size_t at = 0;
    for (size_t size; at < length; at += size) {
        size = utf8_sequence(text + at, length - at);
        if (size == 0 || at + size > limit) {
            break;
        }
    }
    return (int)at;
}

enum fit schema_fail(struct check *check, const char *rule, const char *format, ...)
{
    char reason[400];
    va_list arguments;
    if (check->quiet > 0) {
        return UNFIT;
    }
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    const char *path = check->path.bytes == NULL ? "" : check->path.bytes;
    int shown = schema_shown(path, PATH_SHOWN);
    error_set(check->error, ERROR_DATA, "$%.*s%s does not fit \"%s\": %s", shown, path,
              path[shown] == '\0' ? "" : "\xe2\x80\xa6", rule, reason);
    return UNFIT;
}

static bool is_plain(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
                                  "0123456789";
    return *name != '\0' && name[strspn(name, letters)] == '\0' && (*name < '0' || *name > '9');
}

void schema_path_cut(struct check *check, size_t length)
{
    if (check->path.bytes != NULL) {
        check->path.length = length;
        check->path.bytes[length] = '\0';
    }
}

size_t schema_path_member(struct check *check, const char *name)
{
    size_t before = check->path.length;
    if (before > PATH_SHOWN) {
        return before;
    }
    if (is_plain(name)) {
        buffer_byte(&check->path, '.');
        buffer_text(&check->path, name);
    } else {
        buffer_byte(&check->path, '[');
        jsontext_write_string(&check->path, name, (size_t)schema_shown(name, PATH_SHOWN));
        buffer_byte(&check->path, ']');
    }
    return before;
}

size_t schema_path_item(struct check *check, size_t index)
{
    size_t before = check->path.length;
    if (before <= PATH_SHOWN) {
        buffer_printf(&check->path, "[%zu]", index);
    }
    return before;
}
