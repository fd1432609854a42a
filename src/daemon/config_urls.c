/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_urls: the base URLs of providers: checked, made uniform, read from a file.
 */
#include "daemon/config_urls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "spool/file.h"
#include "upstream/easy.h"
#include "daemon/config.h"

enum {
    URL_FILE_LIMIT = 256 * 1024, /* bytes */
    URLS_MAX = 256,              /* of one file */
};

static int url_problem(struct error *error, const char *problem)
{
    error_set(error, ERROR_DATA, "the URL cannot be used: %s", problem);
    return -1;
}

/* All that is not unreserved (RFC 3986, 2.3); a name of dots alone would climb up the path. */
static void append_encoded(struct buffer *url, const char *name)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~.";
    bool dots = name[strspn(name, ".")] == '\0';
    for (const char *at = name; *at != '\0'; at++) {
        if (!dots && strchr(unreserved, *at) != NULL)
            buffer_byte(url, *at);
        else
            buffer_printf(url, "%%%02X", (unsigned char)*at);
    }
}

char *config_url_make(const char *base, const char *model, const char *path, const char *query)
{
    static const char place[] = "{model}";
    struct buffer url = {0};
    const char *found;
    for (; (found = strstr(base, place)) != NULL; base = found + strlen(place)) {
        buffer_append(&url, base, (size_t)(found - base));
        append_encoded(&url, model);
    }
    buffer_printf(&url, "%s%s", base, path);
    if (query != NULL)
        buffer_printf(&url, "?%s", query);
    return buffer_take(&url);
}

/* A model's name, which comes with a job, must not choose the server that gets the key. */
static bool braces_before_path(const char *url)
{
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    return url[strcspn(url, "{}")] != '\0' && strcspn(host, "{}") < strcspn(host, "/?#");
}

int config_url_check(const char *url, struct error *error)
{
    if (braces_before_path(url))
        return url_problem(error, "{model} may stand in its path only");
    if (strpbrk(url, "?#") != NULL)
        return url_problem(error, "it holds a query or a fragment; query is a setting of its own");
    char *filled = config_url_make(url, "model", "", NULL);
    int failed = strpbrk(filled, "{}") != NULL
                     ? url_problem(error, "it holds a brace, and not as {model}")
                     : easy_check_url(filled, NULL, error);
    free(filled);
    return failed;
}

void config_url_trim(const char *protocol, char *url)
{
    static const char version[] = "/v1";
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    if (strcmp(protocol, "anthropic") == 0 && length > strlen(version) &&
        strncmp(url + length - strlen(version), version, strlen(version)) == 0)
        length -= strlen(version);
    url[length] = '\0';
}

const char *config_default_url(const char *protocol)
{
    static const struct {
        const char *protocol;
        const char *url;
    } urls[] = {
        {"openai", "https://api.openai.com/v1"},
        {"openai-responses", "https://api.openai.com/v1"},
        {"anthropic", "https://api.anthropic.com"},
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        if (strcmp(urls[i].protocol, protocol) == 0)
            return urls[i].url;
    }
    return NULL;
}

/* A file of URLs. */

static int read_text(const char *path, struct buffer *text, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int failed = fd == -1 ? -errno : file_read(fd, URL_FILE_LIMIT, text);
    if (fd != -1)
        (void)close(fd); /* was only read */
    if (failed == 0 && text->length > 0 && strlen(text->bytes) != text->length)
        failed = -EILSEQ;
    if (failed == 0)
        return 0;
    error_set(error, ERROR_DATA, "the URLs in %s cannot be read: %s", path, strerror(-failed));
    return -1;
}

/* The line without blanks around it. */
static char *trimmed(char *line)
{
    line += strspn(line, " \t\r");
    size_t length = strlen(line);
    while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL)
        length--;
    line[length] = '\0';
    return line;
}

static bool is_there(char *const *urls, size_t count, const char *url)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(urls[i], url) == 0)
            return true;
    }
    return false;
}

/* Takes one line; urls has room for URLS_MAX and a NULL. */
static int take_line(const char *protocol, char *line, char **urls, size_t *count,
                     struct error *error)
{
    char *url = trimmed(line);
    if (*url == '\0' || *url == '#')
        return 0;
    if (config_url_check(url, error) == -1)
        return -1;
    config_url_trim(protocol, url);
    if (is_there(urls, *count, url))
        return 0;
    if (*count == URLS_MAX)
        return url_problem(error, "there are too many");
    urls[(*count)++] = xstrdup(url);
    return 0;
}

static int take_lines(const struct config_provider *provider, char *text, char **urls,
                      size_t *count, struct error *error)
{
    int number = 1;
    for (char *line; (line = strsep(&text, "\n")) != NULL; number++) {
        if (take_line(provider->protocol, line, urls, count, error) == -1) {
            error_prefix(error, "%s:%d", provider->url_file, number);
            return -1;
        }
    }
    if (*count > 0)
        return 0;
    error_set(error, ERROR_DATA, "%s names no URL", provider->url_file);
    return -1;
}

char **config_read_urls(const struct config_provider *provider, size_t *count, struct error *error)
{
    struct buffer text = {0};
    char **urls = xcalloc(URLS_MAX + 1, sizeof *urls);
    *count = 0;
    int failed = read_text(provider->url_file, &text, error);
    if (failed == 0) {
        buffer_byte(&text, '\n');
        failed = take_lines(provider, text.bytes, urls, count, error);
    }
    buffer_free(&text);
    if (failed == 0)
        return urls;
    config_list_free(urls);
    return NULL;
}
