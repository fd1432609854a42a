/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clientfile: what llmspool.conf says to the commands. */
#include "spool/clientfile.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "spool/file.h"

#define CLIENT_FILE "llmspool/llmspool.conf"

enum { CLIENT_FILE_LIMIT = 1024 * 1024 };

char *clientfile_home(void)
{
    const char *value = getenv("HOME");
    /* Empty counts as unset (XDG Base Directory Specification). */
    if (value != NULL && value[0] != '\0') {
        return xstrdup(value);
    }
    const struct passwd *user = getpwuid(geteuid());
    return user != NULL ? xstrdup(user->pw_dir) : NULL;
}

/* libconfuse would print to stderr; the caller says it in one sentence. */
static void stay_silent(cfg_t *config, const char *format, va_list arguments)
{
    (void)config;
    (void)format;
    (void)arguments;
}

/* Finds a key in the file's text: 1 with *value of the caller, 0 when it is not set, or -1. */
static int parse(const char *path, const char *text, const char *key, char **value,
                 struct error *error)
{
    cfg_opt_t options[] = {
        CFG_STR(key, NULL, CFGF_NODEFAULT),
        CFG_STR("__unknown", NULL, CFGF_NODEFAULT),
        CFG_END(),
    };
    cfg_t *config = cfg_init(options, CFGF_IGNORE_UNKNOWN);
    if (config == NULL) {
        error_system(error, errno, "cannot read %s", path);
        return -1;
    }
    cfg_set_error_function(config, stay_silent);
    int result = 0;
    if (cfg_parse_buf(config, text) != CFG_SUCCESS) {
        error_set(error, ERROR_DATA, "%s, line %d: expected lines such as: spool = \"/path\"", path,
                  config->line);
        result = -1;
    } else if (cfg_getstr(config, key) != NULL) {
        *value = xstrdup(cfg_getstr(config, key));
        result = 1;
    }
    cfg_free(config);
    return result;
}

/* Reads a file that a person keeps, through symbolic links, but only a regular one. Whose HOME is that of
 * somebody else, as sudo -u leaves it, has none there. */
static int read_client_file(const char *path, struct buffer *text)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == EACCES) {
        return stat(path, &status) < 0 && errno == EACCES ? -ENOENT : -EACCES;
    }
    if (fd < 0) {
        return -errno;
    }
    int result = fstat(fd, &status) != 0 ? -errno : 0;
    if (result == 0 && !S_ISREG(status.st_mode)) {
        result = -EINVAL;
    }
    if (result == 0) {
        result = file_read(fd, CLIENT_FILE_LIMIT, text);
    }
    (void)close(fd);
    return result;
}

/* As parse, for a file that need not be there. */
static int from_file(const char *path, const char *key, char **value, struct error *error)
{
    struct buffer text = {0};
    int result = read_client_file(path, &text);
    if (result == 0) {
        buffer_byte(&text, '\n');
        result = parse(path, text.bytes, key, value, error);
    } else if (result == -ENOENT || result == -ENOTDIR) {
        result = 0;
    } else {
        error_system(error, -result, "cannot read %s", path);
        result = -1;
    }
    buffer_free(&text);
    return result;
}

int clientfile_get(const char *key, char **value, char **path, struct error *error)
{
    char *home_path = clientfile_home();
    int result = 0;
    *path = NULL;
    if (home_path != NULL) {
        *path = xasprintf("%s/.config/" CLIENT_FILE, home_path);
        result = from_file(*path, key, value, error);
    }
    if (result == 0) {
        free(*path);
        *path = xstrdup(SYSCONFDIR "/" CLIENT_FILE);
        result = from_file(*path, key, value, error);
    }
    if (result <= 0) {
        free(*path);
        *path = NULL;
    }
    free(home_path);
    return result;
}
