/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setting: one setting of the configuration as a row of a table.
 */
#include "daemon/setting.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/moneytext.h"
#include "base/sizetext.h"
#include "base/timetext.h"
#include "base/xalloc.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct unit {
    const char *name;
    uint64_t worth;
};

/* Largest first, so that the first one which divides a value is the shortest way to write it. */
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

static void write_in_units(const struct unit *units, size_t count, uint64_t value, FILE *out)
{
    size_t i = 0;
    while (i + 1 < count && (value == 0 || value % units[i].worth != 0))
        i++;
    fprintf(out, "%" PRIu64 "%s", value / units[i].worth, units[i].name);
}

static void write_duration(uint64_t ms, FILE *out)
{
    write_in_units(duration_units, COUNT(duration_units), ms, out);
}

static void write_size(uint64_t bytes, FILE *out)
{
    char text[SIZETEXT_SIZE];
    sizetext_write(bytes, text);
    fputs(text, out);
}

static void write_amount(uint64_t nano, FILE *out)
{
    char text[MONEYTEXT_SIZE];
    moneytext_write((int64_t)nano, text);
    fputs(text, out);
}

static void write_plain(uint64_t value, FILE *out)
{
    fprintf(out, "%" PRIu64, value);
}

/* Says what a bounded setting takes, in its own way of writing numbers. */
static int refuse(const struct setting *setting, const char *text, const char *what,
                  void (*write)(uint64_t, FILE *), struct error *error)
{
    char bounds[120] = "";
    FILE *out = fmemopen(bounds, sizeof bounds, "w");
    if (out != NULL) {
        write(setting->least, out);
        fputs(" to ", out);
        write(setting->most, out);
        (void)fclose(out);
    }
    error_set(error, ERROR_DATA, "%s = \"%s\" is not %s from %s", setting->name, text, what,
              bounds);
    return -1;
}

/* Reads digits; *end is what follows them. */
static bool read_digits(const char *text, uint64_t *value, char **end)
{
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, end, 10);
    return errno == 0;
}

static bool within(const struct setting *setting, uint64_t value)
{
    return value >= setting->least && value <= setting->most;
}

static int read_bounded(const struct setting *setting, const char *text, uint64_t *value,
                        struct error *error)
{
    char *end;
    if (read_digits(text, value, &end) && *end == '\0' && within(setting, *value))
        return 0;
    return refuse(setting, text, "a number", write_plain, error);
}

static int count_read(const struct setting *setting, const char *text, void *field,
                      struct error *error)
{
    uint64_t value;
    if (read_bounded(setting, text, &value, error) == -1)
        return -1;
    *(unsigned *)field = (unsigned)value;
    return 0;
}

static void count_write(const void *field, FILE *out)
{
    write_plain(*(const unsigned *)field, out);
}

static int number_read(const struct setting *setting, const char *text, void *field,
                       struct error *error)
{
    return read_bounded(setting, text, field, error);
}

static void number_write(const void *field, FILE *out)
{
    write_plain(*(const uint64_t *)field, out);
}

static int duration_read(const struct setting *setting, const char *text, void *field,
                         struct error *error)
{
    int64_t ms;
    if (timetext_read_duration(text, &ms) != 0 || !within(setting, (uint64_t)ms))
        return refuse(setting, text, "a duration such as 90s, 10m, 2h or 90d", write_duration,
                      error);
    *(int64_t *)field = ms;
    return 0;
}

static void duration_write(const void *field, FILE *out)
{
    write_duration((uint64_t) * (const int64_t *)field, out);
}

static int space_read(const struct setting *setting, const char *text, void *field,
                      struct error *error)
{
    uint64_t bytes;
    if (sizetext_read(text, &bytes) != 0 || !within(setting, bytes))
        return refuse(setting, text, "a size such as 500KiB, 64MiB or 2GiB", write_size, error);
    *(uint64_t *)field = bytes;
    return 0;
}

static void space_write(const void *field, FILE *out)
{
    write_size(*(const uint64_t *)field, out);
}

static int size_read(const struct setting *setting, const char *text, void *field,
                     struct error *error)
{
    uint64_t bytes;
    if (space_read(setting, text, &bytes, error) == -1)
        return -1;
    *(size_t *)field = (size_t)bytes;
    return 0;
}

static void size_write(const void *field, FILE *out)
{
    write_size(*(const size_t *)field, out);
}


static int halt_read(const struct setting *setting, const char *text, void *field,
                     struct error *error)
{
    if (strcmp(text, "never") == 0) {
        *(unsigned *)field = 0;
        return 0;
    }
    if (count_read(setting, text, field, NULL) == 0)
        return 0;
    return refuse(setting, text, "never or a number", write_plain, error);
}

static void halt_write(const void *field, FILE *out)
{
    if (*(const unsigned *)field == 0)
        fputs("never", out);
    else
        count_write(field, out);
}

static int read_word(const struct setting *setting, const char *text, const char *no,
                     const char *yes, bool *value, struct error *error)
{
    if (strcmp(text, yes) != 0 && strcmp(text, no) != 0) {
        error_set(error, ERROR_DATA, "%s = \"%s\" is neither %s nor %s", setting->name, text, yes,
                  no);
        return -1;
    }
    *value = strcmp(text, yes) == 0;
    return 0;
}

static int yes_read(const struct setting *setting, const char *text, void *field,
                    struct error *error)
{
    return read_word(setting, text, "no", "yes", field, error);
}

static void yes_write(const void *field, FILE *out)
{
    fputs(*(const bool *)field ? "yes" : "no", out);
}

static int doubt_read(const struct setting *setting, const char *text, void *field,
                      struct error *error)
{
    return read_word(setting, text, "retry", "hold", field, error);
}

static void doubt_write(const void *field, FILE *out)
{
    fputs(*(const bool *)field ? "hold" : "retry", out);
}

static int visibility_read(const struct setting *setting, const char *text, void *field,
                           struct error *error)
{
    return read_word(setting, text, "group", "owner", field, error);
}

static void visibility_write(const void *field, FILE *out)
{
    fputs(*(const bool *)field ? "owner" : "group", out);
}

static int amount_read(const struct setting *setting, const char *text, void *field,
                       struct error *error)
{
    int64_t nano;
    if (moneytext_read(text, &nano) != 0 || !within(setting, (uint64_t)nano))
        return refuse(setting, text, "an amount of money such as 5 or 0.50", write_amount, error);
    *(int64_t *)field = nano;
    return 0;
}

static void amount_write(const void *field, FILE *out)
{
    write_amount((uint64_t) * (const int64_t *)field, out);
}

static int text_check(const struct setting *setting, const char *text, struct error *error)
{
    if (*text == '\0') {
        error_set(error, ERROR_DATA, "%s is empty", setting->name);
        return -1;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            error_set(error, ERROR_DATA, "%s holds a control character", setting->name);
            return -1;
        }
    }
    return 0;
}

static int text_read(const struct setting *setting, const char *text, void *field,
                     struct error *error)
{
    if (text_check(setting, text, error) == -1)
        return -1;
    char **owned = field;
    free(*owned);
    *owned = xstrdup(text);
    return 0;
}

static void text_write(const void *field, FILE *out)
{
    setting_print_text(*(char *const *)field, out);
}

static int file_read_setting(const struct setting *setting, const char *text, void *field,
                             struct error *error)
{
    if (text_read(setting, text, field, error) == -1)
        return -1;
    if (access(text, R_OK) == -1) {
        error_set(error, ERROR_DATA, "%s %s cannot be read: %s", setting->name, text,
                  strerror(errno));
        return -1;
    }
    return 0;
}

static int list_read(const struct setting *setting, const char *text, void *field,
                     struct error *error)
{
    if (text_check(setting, text, error) == -1)
        return -1;
    char ***owned = field;
    size_t count = 0;
    for (; *owned != NULL && (*owned)[count] != NULL; count++) {
        if (strcmp((*owned)[count], text) == 0) {
            error_set(error, ERROR_DATA, "%s holds \"%s\" twice", setting->name, text);
            return -1;
        }
    }
    if (count >= setting->most) {
        error_set(error, ERROR_DATA, "%s holds more than %" PRIu64 " values", setting->name,
                  setting->most);
        return -1;
    }
    *owned = xrealloc(*owned, (count + 2) * sizeof **owned);
    (*owned)[count] = xstrdup(text);
    (*owned)[count + 1] = NULL;
    return 0;
}

static void list_write(const void *field, FILE *out)
{
    char *const *list = *(char **const *)field;
    bool one = *list != NULL && list[1] == NULL;
    fputs(one ? "" : "{", out);
    for (char *const *text = list; *text != NULL; text++) {
        if (text != list)
            fputs(", ", out);
        setting_print_text(*text, out);
    }
    fputs(one ? "" : "}", out);
}

/* What was not said: text and lists that are not there, durations and amounts below 0, counts below
 * their least. */

static bool pointer_said(const struct setting *setting, const void *field)
{
    (void)setting;
    return *(void *const *)field != NULL;
}

static bool signed_said(const struct setting *setting, const void *field)
{
    (void)setting;
    return *(const int64_t *)field >= 0;
}

static bool count_said(const struct setting *setting, const void *field)
{
    return *(const unsigned *)field >= setting->least;
}

static bool number_said(const struct setting *setting, const void *field)
{
    return *(const uint64_t *)field >= setting->least;
}

const struct setting_kind setting_count = {count_read, count_write, count_said, false};
const struct setting_kind setting_number = {number_read, number_write, number_said, false};
const struct setting_kind setting_duration = {duration_read, duration_write, signed_said, false};
const struct setting_kind setting_size = {size_read, size_write, NULL, false};
const struct setting_kind setting_space = {space_read, space_write, NULL, false};
const struct setting_kind setting_money = {amount_read, amount_write, signed_said, false};
const struct setting_kind setting_halt = {halt_read, halt_write, NULL, false};
const struct setting_kind setting_yes = {yes_read, yes_write, NULL, false};
const struct setting_kind setting_doubt = {doubt_read, doubt_write, NULL, false};
const struct setting_kind setting_visibility = {visibility_read, visibility_write, NULL, false};
const struct setting_kind setting_text = {text_read, text_write, pointer_said, false};
const struct setting_kind setting_file = {file_read_setting, text_write, pointer_said, false};
const struct setting_kind setting_list = {list_read, list_write, pointer_said, true};

int setting_read(const struct setting *setting, const char *text, void *object, struct error *error)
{
    return setting->kind->read(setting, text, (char *)object + setting->offset, error);
}

void setting_empty_list(const struct setting *setting, void *object)
{
    char ***owned = (void *)((char *)object + setting->offset);
    for (char **text = *owned; text != NULL && *text != NULL; text++)
        free(*text);
    free(*owned);
    *owned = xcalloc(1, sizeof **owned);
}

void setting_defaults(const struct setting *table, void *object)
{
    for (const struct setting *setting = table; setting->name != NULL; setting++) {
        if (setting->initial == NULL)
            continue;
        int failed = setting_read(setting, setting->initial, object, NULL);
        assert(failed == 0); /* the table contradicts itself */
    }
}

static bool is_said(const struct setting *setting, const void *object)
{
    return setting->kind->said == NULL ||
           setting->kind->said(setting, (const char *)object + setting->offset);
}

bool setting_any(const struct setting *table, const void *object)
{
    for (const struct setting *setting = table; setting->name != NULL; setting++) {
        if (is_said(setting, object))
            return true;
    }
    return false;
}

void setting_print(const struct setting *table, const void *object, const char *indent, FILE *out)
{
    for (const struct setting *setting = table; setting->name != NULL; setting++) {
        if (!is_said(setting, object))
            continue;
        fprintf(out, "%s%s = ", indent, setting->name);
        setting->kind->write((const char *)object + setting->offset, out);
        fputc('\n', out);
    }
}

const struct setting *setting_find(const struct setting *table, const char *name)
{
    for (const struct setting *setting = table; setting->name != NULL; setting++) {
        if (strcmp(setting->name, name) == 0)
            return setting;
    }
    return NULL;
}

void setting_print_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (strchr("\"\\$", *text) != NULL) /* ${NAME} would be replaced */
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}
