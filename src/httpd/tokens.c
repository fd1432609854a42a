/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tokens: see tokens.h. */
#include "httpd/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/file.h"

struct tokens {
    char *path;
    bool asked; /* for good, once there was a file */
    struct token *list;
    size_t count;
};

/* --- reading --- */

static int read_lines(char *text, const char *path, struct token **list, size_t *count,
                      struct error *error)
{
    char *rest = text;
    char *line;

    *list = NULL;
    *count = 0;
    for (unsigned number = 1; (line = strsep(&rest, "\n")) != NULL; number++) {
        if (line[0] == '\0' || line[0] == '#')
            continue;
        *list = xrealloc(*list, (*count + 1) * sizeof **list);
        if (token_read(&(*list)[*count], line, error) != 0) {
            error_prefix(error, "%s:%u: ", path, number);
            free(*list);
            return -1;
        }
        ++*count;
    }
    return 0;
}

static int check_file(const char *path, const struct stat *status, struct error *error)
{
    if ((status->st_mode & 077) == 0)
        return 0;
    error_set(error, ERROR_DATA, "the tokens file %s can be used by others: chmod 600 %s", path,
              path);
    return -1;
}

int tokens_read_list(int dir, const char *name, const char *path, struct token **list,
                     size_t *count, struct error *error)
{
    struct buffer text = {0};
    struct stat status;
    int result = file_read_at(dir, name, TOKENS_FILE_LIMIT, &text, &status);

    if (result < 0) {
        error_system(error, -result, "the tokens file %s cannot be read", path);
        if (result == -ENOENT && error != NULL)
            error->kind = ERROR_ABSENT;
        return -1;
    }
    buffer_byte(&text, '\n');
    result = check_file(path, &status, error);
    if (result == 0 && strlen(text.bytes) != text.length) {
        error_set(error, ERROR_DATA, "the tokens file %s is no text", path);
        result = -1;
    }
    if (result == 0)
        result = read_lines(text.bytes, path, list, count, error);
    buffer_free(&text);
    return result;
}

struct tokens *tokens_open(const char *path, struct error *error)
{
    struct tokens *tokens = xcalloc(1, sizeof *tokens);

    tokens->path = xstrdup(path != NULL ? path : TOKENS_PLACE);
    tokens->asked = path != NULL;
    if (tokens_reread(tokens, error) < 0) {
        if (path == NULL)
            error_prefix(error, "without --tokens FILE");
        tokens_close(tokens);
        return NULL;
    }
    return tokens;
}

static void set_list(struct tokens *tokens, struct token *list, size_t count)
{
    free(tokens->list);
    tokens->list = list;
    tokens->count = count;
}

int tokens_reread(struct tokens *tokens, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    struct token *list;
    size_t count;

    if (tokens_read_list(AT_FDCWD, tokens->path, tokens->path, &list, &count, &why) == 0) {
        set_list(tokens, list, count);
        tokens->asked = true;
        return 1;
    }
    if (why.kind == ERROR_ABSENT && !tokens->asked)
        return 0;
    /* Whoever takes the file away takes the tokens; one that cannot be read gives nobody more. */
    if (why.kind == ERROR_ABSENT)
        set_list(tokens, NULL, 0);
    tokens->asked = true;
    if (error != NULL)
        *error = why;
    return -1;
}

void tokens_close(struct tokens *tokens)
{
    if (tokens == NULL)
        return;
    free(tokens->list);
    free(tokens->path);
    free(tokens);
}

/* --- looking up --- */

bool tokens_asked(const struct tokens *tokens)
{
    return tokens->asked;
}

size_t tokens_count(const struct tokens *tokens)
{
    return tokens->count;
}

const char *tokens_path(const struct tokens *tokens)
{
    return tokens->path;
}

static bool is_good(const struct token *token, struct wall now)
{
    return token->expires.ms == 0 || token->expires.ms > now.ms;
}

const struct token *tokens_find(const struct tokens *tokens, const char *text, struct wall now)
{
    unsigned char digest[SHA256_SIZE];
    const struct token *found = NULL;

    sha256_digest(text, strlen(text), digest);
    for (size_t i = 0; i < tokens->count; i++)
        if (CRYPTO_memcmp(tokens->list[i].digest, digest, sizeof digest) == 0)
            found = &tokens->list[i];
    return found != NULL && is_good(found, now) ? found : NULL;
}

const struct token *tokens_by_id(const struct tokens *tokens, const char *id, struct wall now)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (strcmp(tokens->list[i].id, id) == 0)
            return is_good(&tokens->list[i], now) ? &tokens->list[i] : NULL;
    return NULL;
}
