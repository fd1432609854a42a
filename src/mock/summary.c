/* SPDX-License-Identifier: GPL-2.0-or-later */
/* summary: sentences scored by how common their words are in the whole text. */
#include "mock/summary.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "mock/words.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

enum { SENTENCES_MAX = 2000, WORD_MAX = 32, USUAL_MOST = 3 };

struct sentence {
    const char *text;
    size_t length;
    double score;
    size_t order;
};

struct frequency {
    UT_hash_handle hh;
    unsigned count;
    char word[WORD_MAX];
};

static bool is_common(const struct word *word)
{
    static const char *const common[] = {
        "about", "after", "also",  "been",  "but",   "could", "from",   "have",  "into", "its",
        "more",  "most",  "not",   "only",  "other", "over",  "should", "some",  "such", "than",
        "that",  "the",   "their", "them",  "then",  "there", "these",  "they",  "this", "was",
        "were",  "what",  "when",  "which", "while", "will",  "with",   "would", "you",  "your",
        "and",   "are",   "for",   "had",   "has",   "his",   "her",    "can",   "all",  "any",
    };

    if (word->length < 3) {
        return true;
    }
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        if (word_is(word, common[i])) {
            return true;
        }
    }
    return false;
}

/* The table's row for a word; made if `make`. */
static struct frequency *find_word(struct frequency **table, const struct word *word, bool make)
{
    char lower[WORD_MAX] = {0};
    struct frequency *row;

    for (size_t i = 0; i < word->length && i < sizeof lower - 1; i++) {
        lower[i] = (char)tolower((unsigned char)word->text[i]);
    }
    HASH_FIND_STR(*table, lower, row);
    if (row == NULL && make) {
        row = xcalloc(1, sizeof *row);
        memcpy(row->word, lower, sizeof lower);
        HASH_ADD_STR(*table, word, row);
    }
    return row;
}

static struct frequency *count_words(const char *text)
{
    struct frequency *table = NULL;
    const char *end = text + strlen(text);
    struct word word;

    while (word_next(&text, end, &word)) {
        if (!is_common(&word)) {
            find_word(&table, &word, true)->count++;
        }
    }
    return table;
}

static void free_table(struct frequency *table)
{
    struct frequency *row, *next;

    HASH_ITER(hh, table, row, next)
    {
        HASH_DEL(table, row);
        free(row);
    }
}

static double score(struct frequency *table, const struct sentence *sentence)
{
    const char *at = sentence->text;
    struct word word;
    double sum = 0;
    size_t words = 0;

    while (word_next(&at, sentence->text + sentence->length, &word)) {
        const struct frequency *row = find_word(&table, &word, false);

        sum += row != NULL ? row->count : 0;
        words++;
    }
    /* Between the sum, which favours long sentences, and the mean, which favours short ones. */
    return words > 0 ? sum / sqrt((double)words) : 0;
}

static bool ends_sentence(const char *at)
{
    return *at == '\n' ||
           (strchr(".!?", *at) != NULL && (at[1] == '\0' || isspace((unsigned char)at[1])));
}

static size_t split(const char *text, struct sentence *sentences)
{
    size_t count = 0;

    while (count < SENTENCES_MAX) {
        const char *end;

        while (isspace((unsigned char)*text)) {
            text++;
        }
        if (*text == '\0') {
            break;
        }
        for (end = text; *end != '\0' && !ends_sentence(end); end++) {
        }
        end += *end != '\0' && *end != '\n' ? 1 : 0;
        sentences[count] = (struct sentence){text, (size_t)(end - text), 0, count};
        count++;
        text = end;
    }
    return count;
}

static int by_score(const void *a, const void *b)
{
    const struct sentence *left = a, *right = b;

    if (left->score != right->score) {
        return left->score > right->score ? -1 : 1;
    }
    return left->order < right->order ? -1 : 1;
}

static int by_order(const void *a, const void *b)
{
    return ((const struct sentence *)a)->order < ((const struct sentence *)b)->order ? -1 : 1;
}

void summary_write(const char *text, size_t wanted, struct buffer *out)
{
    struct sentence *sentences = xcalloc(SENTENCES_MAX, sizeof *sentences);
    struct frequency *table = count_words(text);
    size_t count = split(text, sentences);

    if (wanted == 0) {
        wanted = (count + 3) / 4 < USUAL_MOST ? (count + 3) / 4 : (size_t)USUAL_MOST;
    }
    for (size_t i = 0; i < count; i++) {
        sentences[i].score = score(table, &sentences[i]);
    }
    qsort(sentences, count, sizeof *sentences, by_score);
    count = count < wanted ? count : wanted;
    qsort(sentences, count, sizeof *sentences, by_order);
    for (size_t i = 0; i < count; i++) {
        buffer_text(out, i > 0 ? " " : "");
        buffer_append(out, sentences[i].text, sentences[i].length);
    }
    free_table(table);
    free(sentences);
}
