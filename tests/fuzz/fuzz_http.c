/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_http: libFuzzer target: what llmspool-httpd reads of a request. A head is taken apart in
 * place as libmicrohttpd 0.9.75 does it, with all that it lets pass; what head then calls good has
 * to be good for a plain look at its bytes, too. Its lines are also read as targets, hosts,
 * origins, credentials, cookies, lines of a tokens file, and the whole as a configuration.
 *
 * Built by hand, in the build folder:
 *     clang -std=gnu17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -I$SOURCE/src -I. \
 *         -DSYSCONFDIR='"/etc"' -DLOCALSTATEDIR='"/var"' $SOURCE/tests/fuzz/fuzz_http.c \
 *         $SOURCE/src/httpd/{head,origin,token,options,optionfile}.c
 * $SOURCE/src/spool/{file,visible,layout}.c \ $SOURCE/src/base/[a-z]*.c -ljansson -lcrypto
 * -lconfuse -lacl -lm -o fuzz_http mkdir corpus && ./fuzz_http -max_len=2048 -timeout=5
 * -dict=$SOURCE/tests/fuzz/http.dict corpus
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "httpd/head.h"
#include "httpd/optionfile.h"
#include "httpd/origin.h"
#include "httpd/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* --- the library's way --- */

struct reader {
    char *next, *end;
};

/* get_next_header_line(): up to CRLF or a bare LF, which become NULs. */
static char *read_line(struct reader *reader)
{
    char *line = reader->next;

    for (char *at = line; at < reader->end; at++) {
        bool both = at[0] == '\r' && at + 1 < reader->end && at[1] == '\n';

        if (!both && *at != '\n')
            continue;
        at[0] = '\0';
        if (both)
            at[1] = '\0';
        reader->next = at + 1 + both;
        return line;
    }
    return NULL;
}

/* parse_initial_message_line(), for what head_start is given; false where the library answers
 * itself. */
static bool start(struct head *head, char *line, size_t length)
{
    char *target = memchr(line, ' ', length);
    char *version = line + length - 1;

    if (target == NULL)
        return false;
    *target++ = '\0';
    while (*target == ' ' && target < line + length)
        target++;
    if (target == line + length)
        return false;
    while (*version == ' ' && version > target)
        version--;
    while (*version != ' ' && version > target)
        version--;
    if (version == target)
        return false;
    *version++ = '\0';
    if (line + length - version != 8 || strncmp(version, "HTTP/1.", 7) != 0)
        return false;
    if (head_target_problem(target) != NULL)
        return false;
    head_start(head, line, target, strlen(target), version, true);
    return true;
}

/* process_header_line() and process_broken_line(): what is folded is appended to the name,
 * elsewhere. */
static bool read_fields(struct head *head, struct reader *reader, char **folded)
{
    char *name = NULL, *value = NULL, *line;

    while ((line = read_line(reader)) != NULL) {
        char *colon;

        if (name != NULL && (line[0] == ' ' || line[0] == '\t')) {
            char *longer = xasprintf("%s%s", name, line + strspn(line, " \t"));

            free(*folded);
            name = *folded = longer;
            continue;
        }
        if (name != NULL)
            head_field(head, name, strlen(name), value, strlen(value));
        if (line[0] == '\0')
            return true;
        colon = strchr(line, ':');
        if (colon == NULL)
            return false;
        *colon = '\0';
        name = line;
        value = colon + 1 + strspn(colon + 1, " \t");
    }
    return false;
}

/* --- a plain look --- */

/* A NUL before a bare LF leaves what CRLF leaves: two NULs. Nothing else of the kind may pass. */
static void must_be_plain(const char *raw, size_t length)
{
    size_t spaces = 0;

    for (size_t i = 0; i < length; i++) {
        assert(raw[i] != '\0' || (i + 1 < length && raw[i + 1] == '\n'));
        assert(raw[i] != '\n' || (i > 0 && (raw[i - 1] == '\r' || raw[i - 1] == '\0')));
        assert(raw[i] != '\r' || (i + 1 < length && raw[i + 1] == '\n'));
        assert(i == 0 || raw[i - 1] != '\n' || (raw[i] != ' ' && raw[i] != '\t'));
    }
    for (const char *at = raw; *at != '\r'; at++)
        spaces += *at == ' ';
    assert(spaces == 2);
}

static void fuzz_head(const char *bytes, size_t length)
{
    char *copy = xmalloc(length + 1);
    struct reader reader = {copy, copy + length};
    struct head head;
    char *folded = NULL;
    char *line;

    memcpy(copy, bytes, length);
    copy[length] = '\0';
    line = read_line(&reader);
    if (line != NULL && line[0] != '\0') {
        const char *lf = memchr(bytes, '\n', length);
        size_t size = (size_t)(lf - bytes);

        if (size > 0 && bytes[size - 1] == '\r')
            size--;
        if (start(&head, line, size) && read_fields(&head, &reader, &folded) &&
            head_end(&head, reader.next))
            must_be_plain(bytes, (size_t)(reader.next - copy));
    }
    free(folded);
    free(copy);
}

/* --- values --- */

static void fuzz_values(const char *text)
{
    static char *hosts[] = {"spool.example", "other.example:8443", NULL};
    struct origins *origins =
        origins_open("http://127.0.0.1:8090", false, "https://pub.example", hosts, NULL, NULL);
    const struct origin_claim claim = {
        .host = text, .origin = text, .site = text, .mode = text, .changes = true};
    struct error error = {.kind = ERROR_NONE};
    struct token token;
    size_t size;

    if (head_target_problem(text) == NULL)
        assert(text[0] == '/' && strstr(text, "/../") == NULL && strstr(text, "%00") == NULL);
    if (head_bearer(text) != NULL)
        assert(strcspn(head_bearer(text), " ,\"\t\r\n") == strlen(head_bearer(text)));
    if (head_cookie(text, "s", &size) != NULL)
        assert(size < strlen(text));
    if (origins_own_host(origins, text, NULL))
        assert(strpbrk(text, "@/ \\?#\t") == NULL);
    (void)origins_problem(origins, &claim);
    if (token_read(&token, text, &error) == 0)
        assert(token_user_ok(token.user) && token.scopes != 0);
    else
        assert(error.kind == ERROR_DATA);
    origins_close(origins);
}

static void fuzz_configuration(char *text)
{
    struct front_options options;
    struct error error = {.kind = ERROR_NONE};

    options_init(&options);
    if (optionfile_parse(&options, "conf", text, &error) != 0)
        assert(strncmp(error.text, "conf", 4) == 0);
    options_free(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *text = xstrndup((const char *)bytes, length);

    fuzz_head((const char *)bytes, length);
    fuzz_values(text);
    fuzz_configuration(text);
    free(text);
    return 0;
}
