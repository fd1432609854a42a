/* SPDX-License-Identifier: GPL-2.0-or-later */
/* label: finding lists of labels, and choosing by keywords. */
#include "mock/label.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "mock/words.h"

enum { LABEL_BYTES_MAX = 40, LABEL_WORDS_MAX = 4, MENTION = 10 };

static const char quoting[] = " \t\"'`([{*-";
static const char ending[] = ".:?\n)]}";

/* Words that speak for a label whose name begins with the stem. */
static const struct {
    const char *stem;
    const char *words[16];
} lexicon[] = {
    {"pos",
     {"love", "great", "excellent", "good", "amazing", "happy", "wonderful", "best", "perfect",
      "thank", "enjoy", "fantastic", "pleas", "recommend"}},
    {"neg",
     {"hate", "bad", "terrible", "awful", "poor", "broke", "worst", "angry", "disappoint", "slow",
      "refund", "useless", "horrible", "never"}},
    {"spam",
     {"free", "winner", "prize", "click", "offer", "congratulat", "lottery", "cash", "urgent"}},
    {"urgent", {"asap", "immediate", "now", "outage", "down", "emergency", "critical"}},
    {"bug", {"crash", "error", "broke", "fail", "exception", "wrong", "stack", "hang"}},
    {"feature", {"add", "wish", "support", "could", "request", "improve", "option"}},
    {"question", {"how", "what", "why", "when", "where", "who", "which"}},
    {"bill", {"invoice", "payment", "charge", "refund", "price", "paid", "card"}},
    {"tech", {"install", "server", "crash", "error", "login", "software", "network"}},
};

/* The length of an item of a list, and of what separates it from the next (0 at the list's end). */
static size_t item_length(const char *text, size_t *separator)
{
    static const char *const words[] = {" or ", " and "};
    size_t i;

    *separator = 0;
    for (i = 0; text[i] != '\0' && strchr(ending, text[i]) == NULL; i++) {
        if (strchr(",/|;", text[i]) != NULL) {
            *separator = 1;
            return i;
        }
        for (size_t k = 0; k < 2; k++) {
            if (strncasecmp(text + i, words[k], strlen(words[k])) == 0) {
                *separator = strlen(words[k]);
                return i;
            }
        }
    }
    /* A list with an item a line goes on where the next line is another item. */
    if (text[i] == '\n' && (text[i + 1] == '-' || text[i + 1] == '*')) {
        *separator = 2;
    }
    return i;
}

static size_t trim(const char **text, size_t length)
{
    static const char *const words[] = {"or ", "and ", "one of ", "either "};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        while (length > 0 && strchr(quoting, **text) != NULL) {
            (*text)++;
            length--;
        }
        if (length > strlen(words[i]) && strncasecmp(*text, words[i], strlen(words[i])) == 0) {
            *text += strlen(words[i]);
            length -= strlen(words[i]);
        }
    }
    while (length > 0 && strchr(" \t\"'`)]}*", (*text)[length - 1]) != NULL) {
        length--;
    }
    return length;
}

static size_t count_words(const char *text, size_t length)
{
    const char *at = text;
    struct word word;
    size_t count = 0;

    while (word_next(&at, text + length, &word)) {
        count++;
    }
    return count;
}

/* Reads a list at text. Returns whether it is one: two short items at least. */
static bool read_list(const char *text, struct label_list *list)
{
    size_t separator = 1;

    list->count = 0;
    text += strspn(text, ": \t\n([{\"'`-*");
    while (separator > 0 && list->count < LABEL_MAX) {
        size_t length = item_length(text, &separator);
        const char *item = text;
        size_t kept = trim(&item, length);

        if (kept > LABEL_BYTES_MAX || count_words(item, kept) > LABEL_WORDS_MAX) {
            return false;
        }
        if (kept > 0) {
            list->labels[list->count].text = item;
            list->labels[list->count].length = kept;
            list->count++;
        }
        text += length + separator;
    }
    list->end = text;
    return list->count >= 2;
}

bool label_find(const char *instruction, struct label_list *list)
{
    static const char *const anchors[] = {"labels",   "categories", "classes", "one of", "either",
                                          "which of", " into ",     " as ",    "label"};

    for (size_t i = 0; i < sizeof anchors / sizeof anchors[0]; i++) {
        const char *at = instruction;

        while ((at = strcasestr(at, anchors[i])) != NULL) {
            at += strlen(anchors[i]);
            if (read_list(at, list)) {
                return true;
            }
        }
    }
    return false;
}

/* How often text has a word that begins with stem. */
static unsigned count_stem(const char *text, const char *stem)
{
    const char *end = text + strlen(text);
    struct word word;
    unsigned count = 0;

    while (word_next(&text, end, &word)) {
        count += word_begins(&word, stem);
    }
    return count;
}

static unsigned score(const char *label, const char *text)
{
    unsigned sum = strcasestr(text, label) != NULL ? MENTION : 0;

    for (size_t i = 0; i < sizeof lexicon / sizeof lexicon[0]; i++) {
        if (strncasecmp(label, lexicon[i].stem, strlen(lexicon[i].stem)) != 0) {
            continue;
        }
        for (size_t k = 0; k < 16 && lexicon[i].words[k] != NULL; k++) {
            sum += count_stem(text, lexicon[i].words[k]);
        }
    }
    return sum;
}

static bool is_fallback(const char *label)
{
    static const char *const names[] = {"neutral", "other", "none", "unknown", "mixed"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(label, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

size_t label_choose(const struct label_list *list, const char *text)
{
    size_t best = 0;
    unsigned most = 0;
    bool fallback = false;

    for (size_t i = 0; i < list->count; i++) {
        char label[LABEL_BYTES_MAX + 1] = {0};
        size_t length = list->labels[i].length;
        unsigned sum;

        memcpy(label, list->labels[i].text, length < LABEL_BYTES_MAX ? length : LABEL_BYTES_MAX);
        sum = score(label, text);
        if (sum > most) {
            best = i;
            most = sum;
        } else if (most == 0 && !fallback && is_fallback(label)) {
            best = i;
            fallback = true;
        }
    }
    return best;
}
