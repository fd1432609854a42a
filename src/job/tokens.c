/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tokens: see tokens.h. A text is cut as tokenizers of the GPT family cut it before they merge
 * bytes: words with what stands before them, up to three digits, runs of signs, white space. What
 * such pieces come to on the average depends on script and length; the averages are in
 * tokens_weight.h, fitted to o200k_base over texts in many languages.
 */
#include "job/tokens.h"

#include <stdbool.h>
#include <string.h>

#include "job/tokens_weight.h"

enum { SPACES_A_TOKEN = 64, LINES_A_TOKEN = 8 };

/* What a byte below 0x80 is. */
enum byte_class { BYTE_SIGN, BYTE_LOWER, BYTE_UPPER, BYTE_DIGIT, BYTE_SPACE, BYTE_LINE, BYTE_HIGH };

static enum byte_class classify(unsigned char byte)
{
    if (byte >= 0x80) {
        return BYTE_HIGH;
    }
    if (byte >= 'a' && byte <= 'z') {
        return BYTE_LOWER;
    }
    if (byte >= 'A' && byte <= 'Z') {
        return BYTE_UPPER;
    }
    if (byte >= '0' && byte <= '9') {
        return BYTE_DIGIT;
    }
    if (byte == '\n' || byte == '\r') {
        return BYTE_LINE;
    }
    return byte == ' ' || byte == '\t' || byte == '\v' || byte == '\f' ? BYTE_SPACE : BYTE_SIGN;
}

/* Scripts by ranges of code points; what is in none is SCRIPT_SIGN. Letters of a script stand in
 * words, but for those that are counted one by one. */
static const struct {
    uint32_t first, last;
    enum script script;
} ranges[] = {
    {0x00AA, 0x00AA, SCRIPT_LATIN},      {0x00B5, 0x00B5, SCRIPT_LATIN},
    {0x00BA, 0x00BA, SCRIPT_LATIN},      {0x00C0, 0x00D6, SCRIPT_LATIN},
    {0x00D8, 0x00F6, SCRIPT_LATIN},      {0x00F8, 0x02AF, SCRIPT_LATIN},
    {0x0300, 0x036F, SCRIPT_LATIN},      {0x0370, 0x03FF, SCRIPT_GREEK},
    {0x0400, 0x052F, SCRIPT_CYRILLIC},   {0x0530, 0x058F, SCRIPT_OTHER},
    {0x0590, 0x05FF, SCRIPT_HEBREW},     {0x0600, 0x077F, SCRIPT_ARABIC},
    {0x0780, 0x08FF, SCRIPT_OTHER},      {0x0900, 0x0DFF, SCRIPT_INDIC},
    {0x0E00, 0x0EFF, SCRIPT_THAI},       {0x0F00, 0x10FF, SCRIPT_OTHER},
    {0x1100, 0x11FF, SCRIPT_HANGUL},     {0x1200, 0x1DFF, SCRIPT_OTHER},
    {0x1E00, 0x1EFF, SCRIPT_VIETNAMESE}, {0x1F00, 0x1FFF, SCRIPT_GREEK},
    {0x2C00, 0x2DFF, SCRIPT_OTHER},      {0x3040, 0x30FF, SCRIPT_KANA},
    {0x3130, 0x318F, SCRIPT_HANGUL},     {0x31F0, 0x31FF, SCRIPT_KANA},
    {0x3400, 0x4DBF, SCRIPT_RARE_HAN},   {0x4E00, 0x9FFF, SCRIPT_HAN},
    {0xA000, 0xABFF, SCRIPT_OTHER},      {0xAC00, 0xD7AF, SCRIPT_HANGUL},
    {0xF900, 0xFAFF, SCRIPT_RARE_HAN},   {0x1F000, 0x1FAFF, SCRIPT_EMOJI},
    {0x20000, 0x3FFFF, SCRIPT_RARE_HAN},
};

static enum script script_of(uint32_t point)
{
    size_t low = 0;
    size_t high = sizeof ranges / sizeof ranges[0];

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (point > ranges[middle].last) {
            low = middle + 1;
        } else if (point < ranges[middle].first) {
            high = middle;
        } else {
            return ranges[middle].script;
        }
    }
    return point >= 0x10000 ? SCRIPT_OTHER : SCRIPT_SIGN;
}

/* What a word may take with it in front. */
enum before { BEFORE_NOTHING, BEFORE_SPACE, BEFORE_SIGN };

/* Where a scan is, and what it has counted. */
struct scan {
    const unsigned char *at, *end;
    int64_t counts[FEATURE_COUNT];
    enum before before;
};

/* The code point at at and its bytes; 0 bytes when there is none. Overlong forms and surrogates,
 * which are rare, count as what they stand for. */
static size_t decode(const unsigned char *at, const unsigned char *end, uint32_t *point)
{
    size_t size = *at >= 0xF0 ? 4 : *at >= 0xE0 ? 3 : 2;
    uint32_t value = *at & (0xFFU >> (size + 1));

    if (*at < 0xC2 || *at > 0xF4 || (size_t)(end - at) < size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (at[i] & 0x3F);
    }
    *point = value;
    return size;
}

/* The script and size of the letter at at; SCRIPT_SIGN where there is no letter. */
static enum script letter_at(const struct scan *scan, const unsigned char *at, size_t *size)
{
    uint32_t point;
    enum byte_class class;

    if (at == scan->end) {
        return SCRIPT_SIGN;
    }
    class = classify(*at);
    *size = 1;
    if (class != BYTE_HIGH) {
        return class == BYTE_LOWER || class == BYTE_UPPER ? SCRIPT_LATIN : SCRIPT_SIGN;
    }
    *size = decode(at, scan->end, &point);
    return *size > 0 ? script_of(point) : SCRIPT_SIGN;
}

static size_t at_most(size_t number, size_t bound)
{
    return number < bound ? number : bound;
}

/* A word of ASCII letters: capitals, then small letters, which is where camelCase is cut. */
static void count_ascii(struct scan *scan, size_t capitals, size_t letters)
{
    if (capitals > 1) {
        scan->counts[FEATURE_CAPITAL_WORDS]++;
        scan->counts[FEATURE_CAPITALS] += (int64_t)letters;
        return;
    }
    if (scan->before == BEFORE_SPACE) {
        size_t head = at_most(letters, WORD_LENGTHS);

        scan->counts[FEATURE_SPACED + head - 1]++;
        letters -= head;
    }
    /* What is too long for a word is one after the other. */
    for (; letters > WORD_LENGTHS; letters -= WORD_LENGTHS) {
        scan->counts[FEATURE_BARE + WORD_LENGTHS - 1]++;
    }
    if (letters > 0) {
        scan->counts[FEATURE_BARE + letters - 1]++;
    }
}

/* A word with other letters than ASCII's: all letters of its script. */
static void count_letters(struct scan *scan, enum script script, size_t foreign)
{
    size_t letters = 0, size = 0;

    while (letter_at(scan, scan->at, &size) == script ||
           (script == SCRIPT_VIETNAMESE && letter_at(scan, scan->at, &size) == SCRIPT_LATIN)) {
        foreign += size > 1;
        letters++;
        scan->at += size;
    }
    scan->counts[FEATURE_SCRIPT_WORDS + script]++;
    scan->counts[FEATURE_SCRIPT_LETTERS + script] += (int64_t)letters;
    if (script == SCRIPT_LATIN) {
        scan->counts[FEATURE_ACCENTS] += (int64_t)foreign;
    }
}

/* Starts at a letter. */
static void scan_word(struct scan *scan)
{
    const unsigned char *start = scan->at;
    size_t capitals, size = 0;
    enum script script = letter_at(scan, start, &size);

    if (size > 1) {
        count_letters(scan, script, 0);
        return;
    }
    while (scan->at < scan->end && classify(*scan->at) == BYTE_UPPER) {
        scan->at++;
    }
    capitals = (size_t)(scan->at - start);
    while (scan->at < scan->end && classify(*scan->at) == BYTE_LOWER) {
        scan->at++;
    }
    script = letter_at(scan, scan->at, &size);
    if (size > 1 && (script == SCRIPT_LATIN || script == SCRIPT_VIETNAMESE)) {
        scan->at = start;
        count_letters(scan, script == SCRIPT_LATIN ? SCRIPT_LATIN : SCRIPT_VIETNAMESE, 0);
        return;
    }
    count_ascii(scan, capitals, (size_t)(scan->at - start));
}

static void scan_digits(struct scan *scan)
{
    const unsigned char *start = scan->at;

    while (scan->at < scan->end && classify(*scan->at) == BYTE_DIGIT) {
        scan->at++;
    }
    scan->counts[FEATURE_DIGITS] += (scan->at - start + 2) / 3;
    scan->counts[FEATURE_LONE_SPACES] += scan->before == BEFORE_SPACE;
}

/* The last sign before a word goes with the word, the last space too. */
static bool letter_follows(const struct scan *scan)
{
    size_t size;

    return letter_at(scan, scan->at, &size) != SCRIPT_SIGN;
}

static void scan_signs(struct scan *scan)
{
    const unsigned char *start = scan->at;
    size_t length;

    while (scan->at < scan->end && classify(*scan->at) == BYTE_SIGN) {
        scan->at++;
    }
    length = (size_t)(scan->at - start);
    scan->before = BEFORE_NOTHING;
    if (letter_follows(scan)) {
        scan->counts[FEATURE_PREFIXES]++;
        scan->before = BEFORE_SIGN;
        length--;
    }
    if (length > 0) {
        scan->counts[FEATURE_SIGN_RUNS]++;
        scan->counts[FEATURE_SIGNS] += (int64_t)length - 1;
    }
}

static void scan_spaces(struct scan *scan)
{
    const unsigned char *start = scan->at;

    while (scan->at < scan->end && classify(*scan->at) == BYTE_SPACE) {
        scan->at++;
    }
    if (scan->at - start > 1) {
        scan->counts[FEATURE_SPACE_RUNS] += 1 + (scan->at - start) / SPACES_A_TOKEN;
    }
    scan->before = BEFORE_SPACE;
}

static void scan_lines(struct scan *scan)
{
    const unsigned char *start = scan->at;

    while (scan->at < scan->end && classify(*scan->at) == BYTE_LINE) {
        scan->at++;
    }
    scan->counts[FEATURE_LINES] += 1 + (scan->at - start) / LINES_A_TOKEN;
}

/* A sign beyond ASCII, a letter that is counted by itself, or a byte that is no character. */
static void scan_high(struct scan *scan)
{
    uint32_t point;
    size_t size = decode(scan->at, scan->end, &point);

    if (size == 0) {
        scan->counts[FEATURE_INVALID]++;
        scan->at++;
    } else if (script_of(point) == SCRIPT_SIGN) {
        scan->counts[FEATURE_SCRIPT_LETTERS + SCRIPT_SIGN]++;
        scan->at += size;
    } else {
        scan_word(scan);
    }
}

/* Takes the piece at at, which leaves in before what the next word may take with it. */
static void scan_piece(struct scan *scan, enum byte_class class)
{
    switch (class) {
    case BYTE_LOWER:
    case BYTE_UPPER:
        scan_word(scan);
        break;
    case BYTE_DIGIT:
        scan_digits(scan);
        break;
    case BYTE_SIGN:
        scan_signs(scan);
        return;
    case BYTE_SPACE:
        scan_spaces(scan);
        return;
    case BYTE_LINE:
        scan_lines(scan);
        break;
    case BYTE_HIGH:
        scan_high(scan);
        break;
    }
    scan->before = BEFORE_NOTHING;
}

static void scan_text(struct scan *scan)
{
    while (scan->at < scan->end) {
        scan_piece(scan, classify(*scan->at));
    }
}

/* In a text with many accents the words without them are of the same language, and longer in tokens
 * than English ones: how many of them, and their letters beyond the first three. */
static void count_foreign(int64_t counts[FEATURE_COUNT])
{
    int64_t words = 0, tails = 0, accented;

    for (int64_t length = 1; length <= WORD_LENGTHS; length++) {
        int64_t number = counts[FEATURE_SPACED + length - 1] + counts[FEATURE_BARE + length - 1];

        words += number;
        tails += number * (length > 3 ? length - 3 : 0);
    }
    accented = counts[FEATURE_SCRIPT_WORDS + SCRIPT_LATIN];
    if (words == 0) {
        return;
    }
    /* One in FOREIGN_SHARE is a language with accents through and through. */
    accented = accented * FOREIGN_SHARE < words ? accented * FOREIGN_SHARE : words;
    counts[FEATURE_FOREIGN_WORDS] = accented;
    counts[FEATURE_FOREIGN_TAILS] = (int64_t)((double)tails * (double)accented / (double)words);
}

int64_t tokens_estimate(const char *text, size_t length)
{
    struct scan scan = {.at = (const unsigned char *)text, .before = BEFORE_SPACE};
    double sum = 0;

    if (length == 0) {
        return 0;
    }
    scan.end = scan.at + length;
    scan_text(&scan);
    count_foreign(scan.counts);
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        sum += (double)scan.counts[i] * tokens_weight[i];
    }
    return sum < 1 ? 1 : (int64_t)(sum + 0.5);
}
