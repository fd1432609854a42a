/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pattern: regular expressions of JSON Schema, as far as POSIX's can say the same. */
#include "provider/pattern.h"

#include <ctype.h>
#include <locale.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum {
    LENGTH_LIMIT = 1000, /* bytes of a pattern */
    DEPTH_LIMIT = 16,    /* of groups */
    COUNT_LIMIT = 1000,  /* of one repetition */
    STATES_LIMIT = 20000 /* of the whole: the C library writes repetitions out */
};

/* A pattern half rewritten. The sizes are in states; one that follows nothing has size 0. */
struct translation {
    const char *at;
    struct buffer *out;
    size_t sizes[DEPTH_LIMIT]; /* of each open group, so far */
    size_t depth;
    size_t last; /* of what a quantifier would repeat; 0: nothing */
};

static const struct class {
    char letter;
    const char *alone;  /* as an expression */
    const char *inside; /* between brackets; NULL: cannot be said there */
} classes[] = {
    {'d', "[0-9]", "0-9"},
    {'D', "[^0-9]", NULL},
    {'w', "[A-Za-z0-9_]", "A-Za-z0-9_"},
    {'W', "[^A-Za-z0-9_]", NULL},
    {'s', "[[:space:]]", "[:space:]"},
    {'S', "[^[:space:]]", NULL},
};

static const struct class *find_class(char letter)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (classes[i].letter == letter) {
            return &classes[i];
        }
    }
    return NULL;
}

/* The character that a backslash and this letter stand for; NUL: something else. */
static char escaped(char letter)
{
    static const char letters[] = "tnrfv";
    static const char meanings[] = "\t\n\r\f\v";
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    if (found != NULL) {
        return meanings[found - letters];
    }
    return ispunct((unsigned char)letter) ? letter : '\0';
}

static bool add_state(struct translation *translation, size_t size)
{
    translation->sizes[translation->depth] += size;
    translation->last = size;
    return translation->sizes[translation->depth] <= STATES_LIMIT;
}

static bool take_literal(struct translation *translation, const char *text, size_t length)
{
    if (length == 1 && strchr(".[(*+?{|^$\\", *text) != NULL) {
        buffer_byte(translation->out, '\\');
    }
    buffer_append(translation->out, text, length);
    return add_state(translation, 1);
}

static bool take_escape(struct translation *translation)
{
    char letter = *translation->at++;
    const struct class *class = find_class(letter);
    char literal = escaped(letter);
    if (class != NULL) {
        buffer_text(translation->out, class->alone);
        return add_state(translation, 1);
    }
    return literal != '\0' && take_literal(translation, &literal, 1);
}

/* Between brackets: POSIX knows no escapes there, so what is special is kept for its place. */
struct bracket {
    struct buffer body;
    bool closing, opening, caret, dash;
};

/* Reads one character between brackets. Returns its length in *text; 0: it is none. */
static size_t read_member(struct translation *translation, char *storage, const char **text)
{
    size_t length = utf8_sequence(translation->at, strlen(translation->at));
    *text = translation->at;
    if (*translation->at != '\\') {
        translation->at += length;
        return length;
    }
    *storage = escaped(translation->at[1]);
    *text = storage;
    translation->at += *storage == '\0' ? 1 : 2;
    return *storage != '\0';
}

static bool is_special(const char *text, size_t length)
{
    return length == 1 && strchr("][^-", *text) != NULL;
}

static bool take_range(struct translation *translation, struct bracket *bracket, const char *first,
                       size_t length)
{
    char storage;
    const char *last;
    translation->at++;
    size_t last_length = read_member(translation, &storage, &last);
    if (last_length == 0 || is_special(first, length) || is_special(last, last_length)) {
        return false;
    }
    buffer_append(&bracket->body, first, length);
    buffer_byte(&bracket->body, '-');
    buffer_append(&bracket->body, last, last_length);
    return true;
}

static bool take_member(struct translation *translation, struct bracket *bracket)
{
    const struct class *class = *translation->at == '\\' ? find_class(translation->at[1]) : NULL;
    char storage;
    const char *text;
    if (class != NULL) {
        translation->at += 2;
        buffer_text(&bracket->body, class->inside == NULL ? "" : class->inside);
        return class->inside != NULL;
    }
    size_t length = read_member(translation, &storage, &text);
    if (length == 0) {
        return false;
    }
    if (*translation->at == '-' && translation->at[1] != ']') {
        return take_range(translation, bracket, text, length);
    }
    bracket->closing = bracket->closing || *text == ']';
    bracket->opening = bracket->opening || *text == '[';
    bracket->caret = bracket->caret || *text == '^';
    bracket->dash = bracket->dash || *text == '-';
    if (!is_special(text, length)) {
        buffer_append(&bracket->body, text, length);
    }
    return true;
}

/* Writes what stands between brackets in the order that POSIX wants: ] first, - last, ^ not first.
 * Returns whether there is anything. */
static bool write_bracket(struct buffer *out, const struct bracket *bracket, bool negated)
{
    bool begun = negated || bracket->closing || bracket->body.length > 0 || bracket->opening;
    if (!begun && bracket->caret && !bracket->dash) {
        buffer_text(out, "\\^");
        return true;
    }
    buffer_text(out, negated ? "[^" : "[");
    buffer_text(out, bracket->closing ? "]" : "");
    buffer_append(out, bracket->body.bytes, bracket->body.length);
    buffer_text(out, bracket->opening ? "[" : "");
    buffer_text(out, !begun && bracket->dash ? "-" : "");
    buffer_text(out, bracket->caret ? "^" : "");
    buffer_text(out, begun && bracket->dash ? "-" : "");
    buffer_byte(out, ']');
    return bracket->closing || bracket->body.length > 0 || bracket->opening || bracket->caret ||
           bracket->dash;
}

static bool take_bracket(struct translation *translation)
{
    struct bracket bracket = {.closing = false};
    bool negated = *translation->at == '^';
    bool good = true;
    translation->at += negated;
    while (good && *translation->at != ']') {
        good = *translation->at != '\0' && take_member(translation, &bracket);
    }
    if (good) {
        translation->at++;
        good = write_bracket(translation->out, &bracket, negated) && add_state(translation, 1);
    }
    buffer_free(&bracket.body);
    return good;
}

static bool open_group(struct translation *translation)
{
    if (*translation->at == '?') {
        if (translation->at[1] != ':') {
            return false;
        }
        translation->at += 2;
    }
    if (translation->depth + 1 == DEPTH_LIMIT) {
        return false;
    }
    translation->sizes[++translation->depth] = 0;
    translation->last = 0;
    buffer_byte(translation->out, '(');
    return true;
}

static bool close_group(struct translation *translation)
{
    if (translation->depth == 0) {
        return false;
    }
    size_t size = translation->sizes[translation->depth--];
    buffer_byte(translation->out, ')');
    return add_state(translation, size + 1);
}

/* Adds what a repetition adds to what is there once. */
static bool repeat(struct translation *translation, size_t times)
{
    size_t last = translation->last;
    if (last == 0 || times > COUNT_LIMIT) {
        return false;
    }
    translation->at += *translation->at == '?'; /* whether anything is found is the same */
    bool good = add_state(translation, last * times);
    translation->last = 0;
    return good;
}

static bool take_count(struct translation *translation)
{
    size_t digits = strspn(translation->at, "0123456789");
    const char *comma = translation->at + digits;
    size_t more = *comma == ',' ? strspn(comma + 1, "0123456789") : 0;
    const char *end = *comma == ',' ? comma + 1 + more : comma;
    if (digits == 0 || digits > 4 || more > 4 || *end != '}') {
        return false;
    }
    size_t times = strtoul(more > 0 ? comma + 1 : translation->at, NULL, 10);
    buffer_byte(translation->out, '{');
    buffer_append(translation->out, translation->at, (size_t)(end + 1 - translation->at));
    translation->at = end + 1;
    return repeat(translation, times + 1);
}

static bool take_quantifier(struct translation *translation, char sign)
{
    if (sign == '{') {
        return take_count(translation);
    }
    buffer_byte(translation->out, sign);
    return repeat(translation, 1);
}

/* |, ^ and $ are what they are; nothing repeats them. */
static bool take_mark(struct translation *translation, char sign)
{
    buffer_byte(translation->out, sign);
    bool good = add_state(translation, 1);
    translation->last = 0;
    return good;
}

static bool take_any(struct translation *translation)
{
    buffer_text(translation->out, "[^\n\r]");
    return add_state(translation, 1);
}

static bool take_one(struct translation *translation)
{
    const char *text = translation->at;
    size_t length = utf8_sequence(text, strlen(text));
    translation->at += length;
    switch (*text) {
    case '\\':
        return take_escape(translation);
    case '[':
        return take_bracket(translation);
    case '(':
        return open_group(translation);
    case ')':
        return close_group(translation);
    case '.':
        return take_any(translation);
    case '|':
    case '^':
    case '$':
        return take_mark(translation, *text);
    case '*':
    case '+':
    case '?':
    case '{':
        return take_quantifier(translation, *text);
    default:
        return length > 0 && take_literal(translation, text, length);
    }
}

size_t pattern_translate(const char *pattern, struct buffer *out)
{
    struct translation translation = {.at = pattern, .out = out};
    bool good = strlen(pattern) <= LENGTH_LIMIT;
    while (good && *translation.at != '\0') {
        good = take_one(&translation);
    }
    return good && translation.depth == 0 ? translation.sizes[0] + 1 : 0;
}

static enum pattern_match search(const char *expression, const char *text)
{
    regex_t regex;
    if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB) != 0) {
        return PATTERN_UNKNOWN;
    }
    int result = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    return result == 0             ? PATTERN_MATCHED
           : result == REG_NOMATCH ? PATTERN_UNMATCHED
                                   : PATTERN_UNKNOWN;
}

/* Characters are those of UTF-8, whatever the program's own locale is. */
static enum pattern_match search_utf8(const char *expression, const char *text)
{
    locale_t locale = newlocale(LC_CTYPE_MASK | LC_COLLATE_MASK, "C.UTF-8", (locale_t)0);
    if (locale == (locale_t)0) {
        return PATTERN_UNKNOWN;
    }
    locale_t before = uselocale(locale);
    enum pattern_match match = search(expression, text);
    uselocale(before);
    freelocale(locale);
    return match;
}

enum pattern_match pattern_search(const char *pattern, const char *text, size_t *work)
{
    struct buffer expression = {0};
    enum pattern_match match = PATTERN_UNKNOWN;
    size_t states = pattern_translate(pattern, &expression);
    size_t length = strlen(text) + 1;
    if (states > 0 && length <= *work / states) {
        *work -= length * states;
        match = search_utf8(expression.bytes == NULL ? "" : expression.bytes, text);
    }
    buffer_free(&expression);
    return match;
}
