/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer: what is asked for, and who makes it. */
#include "mock/answer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "mock/label.h"
#include "mock/sample.h"
#include "mock/summary.h"
#include "mock/words.h"

/* The first word of text that begins with one of the stems, or NULL. */
static const char *find_stem(const char *text, const char *const *stems, size_t count)
{
    const char *end = text + strlen(text);
    struct word word;

    while (word_next(&text, end, &word)) {
        for (size_t i = 0; i < count; i++) {
            if (word_begins(&word, stems[i])) {
                return word.text;
            }
        }
    }
    return NULL;
}

static const char *find_summary(const char *text)
{
    static const char *const stems[] = {"summar", "tldr", "condense", "zusammenfass"};

    return find_stem(text, stems, sizeof stems / sizeof stems[0]);
}

static const char *find_classify(const char *text)
{
    static const char *const stems[] = {"classif", "categori", "label", "sentiment"};

    return find_stem(text, stems, sizeof stems / sizeof stems[0]);
}

/* What an instruction in the question is about: all after the first colon or line end behind it, or
 * the whole question when nothing is there. */
static const char *subject(const char *question, const char *instruction)
{
    const char *rest = instruction + strcspn(instruction, ":\n");

    rest += strspn(rest, ": \t\r\n");
    return *rest != '\0' ? rest : question;
}

/* "in two sentences", "in 2 sentences": 2; otherwise 0. */
static size_t sentence_count(const char *text)
{
    static const char *const numbers[] = {"one", "two", "three", "four", "five"};
    const char *end = text + strlen(text);
    struct word word, before = {0};

    while (word_next(&text, end, &word)) {
        if (!word_begins(&word, "sentence")) {
            before = word;
            continue;
        }
        for (size_t i = 0; before.text != NULL && i < sizeof numbers / sizeof numbers[0]; i++) {
            if (word_is(&before, numbers[i])) {
                return i + 1;
            }
        }
        if (before.text != NULL && isdigit((unsigned char)*before.text)) {
            return (size_t)strtoul(before.text, NULL, 10);
        }
    }
    return 0;
}

/* Whether the prompt asks for a summary; appends it if so. */
static bool summarise(const struct answer_prompt *prompt, struct buffer *out)
{
    const char *found = find_summary(prompt->question);
    const char *text = prompt->question;
    size_t count = sentence_count(prompt->system);

    if (found != NULL) {
        text = subject(prompt->question, found);
    } else if (find_summary(prompt->system) == NULL) {
        return false;
    }
    if (text != prompt->question) {
        char *instruction = xstrndup(prompt->question, (size_t)(text - prompt->question));
        size_t here = sentence_count(instruction);

        count = here > 0 ? here : count;
        free(instruction);
    }
    summary_write(text, count, out);
    return true;
}

/* Whether a text asks for one of several labels, and which. */
static bool names_labels(const char *text, struct label_list *list)
{
    return find_classify(text) != NULL && label_find(text, list);
}

/* Whether the prompt asks for one of several labels; appends it if so. */
static bool classify(const struct answer_prompt *prompt, struct buffer *out)
{
    const char *text = prompt->question;
    struct label_list list;
    bool asked = names_labels(prompt->question, &list);
    size_t best;

    if (!asked && !names_labels(prompt->system, &list)) {
        return false;
    }
    if (asked) {
        const char *rest = list.end + strspn(list.end, ".: \t\r\n)]}");

        text = *rest != '\0' ? rest : prompt->question;
    }
    best = label_choose(&list, text);
    buffer_append(out, list.labels[best].text, list.labels[best].length);
    return true;
}

static void write_text(const struct answer_prompt *prompt, struct buffer *out)
{
    if (prompt->echo || (!classify(prompt, out) && !summarise(prompt, out))) {
        buffer_text(out, prompt->question);
    }
}

static void write_sample(const json_t *schema, const struct answer_prompt *prompt,
                         struct buffer *out)
{
    struct buffer text = {0};
    json_t *value;

    write_text(prompt, &text);
    value = sample_make(schema, text.bytes != NULL ? text.bytes : "", prompt->question);
    jsontext_write(out, value);
    json_decref(value);
    buffer_free(&text);
}

void answer_write(const struct answer_prompt *prompt, struct buffer *out)
{
    struct buffer text = {0};

    switch (prompt->form) {
    case ANSWER_SCHEMA:
        write_sample(prompt->schema, prompt, out);
        break;
    case ANSWER_OBJECT:
        write_text(prompt, &text);
        buffer_text(out, "{\"answer\":");
        jsontext_write_string(out, text.bytes != NULL ? text.bytes : "", text.length);
        buffer_byte(out, '}');
        break;
    case ANSWER_TEXT:
        write_text(prompt, out);
        break;
    }
    buffer_free(&text);
}

void answer_set_form(struct answer_prompt *prompt, const json_t *format, const json_t *holder)
{
    const char *type = jsontext_get_text(format, "type", "text");

    prompt->form = ANSWER_TEXT;
    if (strcmp(type, "json_schema") == 0) {
        prompt->form = ANSWER_SCHEMA;
        prompt->schema = json_object_get(holder, "schema");
    } else if (strcmp(type, "json_object") == 0) {
        prompt->form = ANSWER_OBJECT;
    }
}

const json_t *answer_tool(const json_t *tools, const char *wrapper, const char *name)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const char *here;

        tool = wrapper != NULL ? json_object_get(tool, wrapper) : tool;
        here = jsontext_get_text(tool, "name", NULL);
        if (here != NULL && (name == NULL || strcmp(name, here) == 0)) {
            return tool;
        }
    }
    return NULL;
}

void answer_arguments(const struct answer_prompt *prompt, const json_t *schema, struct buffer *out)
{
    if (schema == NULL) {
        buffer_text(out, "{}");
    } else {
        write_sample(schema, prompt, out);
    }
}
