/* SPDX-License-Identifier: GPL-2.0-or-later */
/* promtext: see promtext.h. */
#include "base/promtext.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/utf8.h"

enum { NAME_SIZE = 128 };

static void add_escaped(struct buffer *out, const char *text, bool quoted)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t length = utf8_sequence(text, left);

        if (length == 0)
            buffer_text(out, "\xEF\xBF\xBD");
        else if (*text == '\n')
            buffer_text(out, "\\n");
        else if (*text == '\\' || (quoted && *text == '"'))
            buffer_printf(out, "\\%c", *text);
        else
            buffer_append(out, text, length);
        length = length > 0 ? length : 1;
        text += length;
        left -= length;
    }
}

static void add_number(struct buffer *out, double value)
{
    char text[JSONTEXT_NUMBER_SIZE];

    if (isnan(value))
        buffer_text(out, "NaN");
    else if (isinf(value))
        buffer_text(out, value > 0 ? "+Inf" : "-Inf");
    else
        buffer_append(out, text, jsontext_number(value, text));
}

void promtext_family(struct buffer *out, const char *name, enum promtext_kind kind,
                     const char *help)
{
    static const char *const words[] = {[PROMTEXT_COUNTER] = "counter",
                                        [PROMTEXT_GAUGE] = "gauge",
                                        [PROMTEXT_HISTOGRAM] = "histogram"};

    buffer_printf(out, "# HELP %s ", name);
    add_escaped(out, help, false);
    buffer_printf(out, "\n# TYPE %s %s\n", name, words[kind]);
}

void promtext_sample(struct buffer *out, const char *name, const struct promtext_label *labels,
                     double value)
{
    const char *before = "{";

    buffer_text(out, name);
    for (; labels != NULL && labels->name != NULL; labels++) {
        buffer_text(out, before);
        buffer_text(out, labels->name);
        buffer_text(out, "=\"");
        add_escaped(out, labels->value, true);
        buffer_byte(out, '"');
        before = ",";
    }
    buffer_text(out, before[0] == ',' ? "} " : " ");
    add_number(out, value);
    buffer_byte(out, '\n');
}

/* A copy of labels with room for one more behind them. Returns the place of that one. */
static size_t copy_labels(struct promtext_label copy[PROMTEXT_LABELS + 1],
                          const struct promtext_label *labels)
{
    size_t count = 0;

    for (; labels != NULL && labels[count].name != NULL; count++) {
        assert(count < PROMTEXT_LABELS - 1);
        copy[count] = labels[count];
    }
    copy[count + 1] = (struct promtext_label){NULL, NULL};
    return count;
}

void promtext_histogram(struct buffer *out, const char *name, const struct promtext_label *labels,
                        const struct buckets_scale *scale, const struct buckets *buckets)
{
    struct promtext_label all[PROMTEXT_LABELS + 1];
    size_t place = copy_labels(all, labels);
    char suffixed[NAME_SIZE + sizeof "_bucket"];
    struct buffer bound = {0};
    uint64_t total = 0;

    assert(strlen(name) < NAME_SIZE);
    strcpy(stpcpy(suffixed, name), "_bucket");
    for (size_t i = 0; i <= scale->count; i++) {
        buffer_clear(&bound);
        add_number(&bound,
                   i < scale->count ? (double)scale->bounds[i] / scale->per_unit : INFINITY);
        all[place] = (struct promtext_label){"le", bound.bytes};
        total += buckets->counts[i];
        promtext_sample(out, suffixed, all, (double)total);
    }
    buffer_free(&bound);
    strcpy(stpcpy(suffixed, name), "_sum");
    promtext_sample(out, suffixed, labels, (double)buckets->sum / scale->per_unit);
    strcpy(stpcpy(suffixed, name), "_count");
    promtext_sample(out, suffixed, labels, (double)total);
}

/* Copies a line, with label as the first of its labels. */
static void label_line(struct buffer *out, const char *line, size_t length, const char *label)
{
    size_t name = strcspn(line, "{ ");

    buffer_append(out, line, name);
    buffer_byte(out, '{');
    buffer_text(out, label);
    buffer_byte(out, line[name] == '{' ? ',' : '}');
    if (line[name] == '{')
        name++;
    buffer_append(out, line + name, length - name);
}

void promtext_label_all(struct buffer *out, const struct buffer *text, const char *name,
                        const char *value)
{
    struct buffer label = {0};
    size_t at = 0;

    buffer_printf(&label, "%s=\"", name);
    add_escaped(&label, value, true);
    buffer_byte(&label, '"');
    while (at < text->length) {
        const char *line = text->bytes + at;
        size_t length = strcspn(line, "\n") + 1;

        if (line[0] == '#')
            buffer_append(out, line, length);
        else
            label_line(out, line, length, label.bytes);
        at += length;
    }
    buffer_free(&label);
}
