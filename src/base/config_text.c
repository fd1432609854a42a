/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_text: a configuration's text, checked for what libconfuse passes over in silence.
 */
#include "base/config_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { DEPTH_MAX = 8 };

struct scan {
    char *at;
    int line;
    int depth;                  /* of sections */
    int opened_line[DEPTH_MAX]; /* where each was opened */
    struct error *error;
};

static int scan_problem(const struct scan *scan, const char *problem)
{
    error_set(scan->error, ERROR_DATA, "%s", problem);
    return -1;
}

static int take_line_comment(struct scan *scan)
{
    while (*scan->at != '\0' && *scan->at != '\n')
        *scan->at++ = ' ';
    return 0;
}

static int take_block_comment(struct scan *scan)
{
    char *end = strstr(scan->at + 2, "*/");
    if (end == NULL)
        return scan_problem(scan, "the comment that begins here has no end");
    for (end += 2; scan->at < end; scan->at++) {
        if (*scan->at == '\n')
            scan->line++;
        else
            *scan->at = ' ';
    }
    return 0;
}

/* libconfuse looks for the brace far beyond the string's end. */
static bool variable_ends(const char *at)
{
    return at[strcspn(at, "}\"\n")] == '}';
}

static int take_string(struct scan *scan)
{
    char quote = *scan->at++;
    for (; *scan->at != quote; scan->at++) {
        if (*scan->at == '\\' && scan->at[1] != '\n' && scan->at[1] != '\0')
            scan->at++;
        else if (*scan->at == '\0' || *scan->at == '\n')
            return scan_problem(scan, "the string has no closing quote on its line");
        else if (quote == '"' && strncmp(scan->at, "${", 2) == 0 && !variable_ends(scan->at))
            return scan_problem(scan, "${ in the string has no closing brace; write \\${ for the"
                                      " characters themselves");
    }
    scan->at++;
    return 0;
}

static int take_brace(struct scan *scan)
{
    if (*scan->at++ == '{') {
        if (scan->depth == DEPTH_MAX)
            return scan_problem(scan, "too many sections inside each other");
        scan->opened_line[scan->depth++] = scan->line;
    } else if (--scan->depth < 0) {
        return scan_problem(scan, "this closing brace closes nothing");
    }
    return 0;
}

static int take_other(struct scan *scan)
{
    unsigned char byte = (unsigned char)*scan->at++;
    if (byte == '\n')
        scan->line++;
    else if (strchr("*()", byte) != NULL || (byte == '+' && *scan->at != '='))
        return scan_problem(scan, "text with *, +, ( or ) has to stand in quotes");
    else if (byte == '$' && *scan->at == '{')
        return scan_problem(scan, "${NAME} has to stand in double quotes");
    else if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f)
        return scan_problem(scan, "there is a control character here");
    return 0;
}

/* An address such as http://host holds what would be a comment at the start of a word. */
static bool word_start(const char *text, const char *at)
{
    return at == text || strchr(" \t\r\n={},;", at[-1]) != NULL;
}

static int take_next(struct scan *scan, const char *text)
{
    const char *at = scan->at;
    if (*at == '#' || (strncmp(at, "//", 2) == 0 && word_start(text, at)))
        return take_line_comment(scan);
    if (strncmp(at, "/*", 2) == 0)
        return take_block_comment(scan);
    if (*at == '"' || *at == '\'')
        return take_string(scan);
    if (*at == '{' || *at == '}')
        return take_brace(scan);
    return take_other(scan);
}

int config_text_check(char *text, int *line, struct error *error)
{
    struct scan scan = {.at = text, .line = 1, .error = error};
    int failed = 0;
    while (failed == 0 && *scan.at != '\0')
        failed = take_next(&scan, text);
    if (failed == 0 && scan.depth > 0) {
        scan.line = scan.opened_line[scan.depth - 1];
        failed = scan_problem(&scan, "the brace that opens here is never closed");
    }
    *line = scan.line;
    return failed;
}
