/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tokens_weight: what each piece of a text comes to in tokens on the average.
 *
 * Floor: job. Beneath tokens, which alone uses it.
 */
#ifndef JOB_TOKENS_WEIGHT_H
#define JOB_TOKENS_WEIGHT_H

enum {
    WORD_LENGTHS = 16,  /* longer words count as of this length */
    FOREIGN_SHARE = 16, /* words for each one with accents, in a language that has them */
};

enum script {
    SCRIPT_SIGN, /* no letter */
    SCRIPT_LATIN,
    SCRIPT_VIETNAMESE,
    SCRIPT_GREEK,
    SCRIPT_CYRILLIC,
    SCRIPT_HEBREW,
    SCRIPT_ARABIC,
    SCRIPT_INDIC,
    SCRIPT_THAI,
    SCRIPT_KANA,
    SCRIPT_HANGUL,
    SCRIPT_HAN,
    SCRIPT_RARE_HAN,
    SCRIPT_EMOJI,
    SCRIPT_OTHER,
    SCRIPT_COUNT
};

/* What is counted. */
enum feature {
    FEATURE_SPACED,                               /* ASCII words behind a space, by length from 1 */
    FEATURE_BARE = FEATURE_SPACED + WORD_LENGTHS, /* and without one */
    FEATURE_CAPITAL_WORDS = FEATURE_BARE + WORD_LENGTHS,
    FEATURE_CAPITALS, /* letters of words that begin with two capitals */
    FEATURE_FOREIGN_WORDS,
    FEATURE_FOREIGN_TAILS,
    FEATURE_ACCENTS,
    FEATURE_DIGITS, /* groups of three */
    FEATURE_LONE_SPACES,
    FEATURE_SPACE_RUNS, /* of two or more */
    FEATURE_LINES,
    FEATURE_PREFIXES, /* signs right before a word */
    FEATURE_SIGN_RUNS,
    FEATURE_SIGNS, /* in runs, but the first of each */
    FEATURE_INVALID,
    FEATURE_SCRIPT_WORDS,
    FEATURE_SCRIPT_LETTERS = FEATURE_SCRIPT_WORDS + SCRIPT_COUNT,
    FEATURE_COUNT = FEATURE_SCRIPT_LETTERS + SCRIPT_COUNT
};

extern const double tokens_weight[FEATURE_COUNT];

#endif
