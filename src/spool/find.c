/* SPDX-License-Identifier: GPL-2.0-or-later */
/* find: which spool is meant. */
#include "spool/spool.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "spool/file.h"

#define CLIENT_FILE "llmspool/llmspool.conf"

enum { CLIENT_FILE_LIMIT = 1024 * 1024 };

/* The variable's value; empty counts as unset (XDG Base Directory Specification). */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static char *home(void)
{
    const char *value = environment("HOME");
    if (value != NULL) {
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

/* Reads the client file's text: 1 with *spool of the caller, 0 when it does not set one, or -1. */
static int parse(const char *path, const char *text, char **spool, struct error *error)
{
    cfg_opt_t options[] = {
        CFG_STR("spool", NULL, CFGF_NODEFAULT),
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
    } else {
        const char *value = cfg_getstr(config, "spool");
        if (value != NULL && value[0] != '/') {
            error_set(error, ERROR_DATA, "%s: spool = \"%s\" is no absolute path", path, value);
            result = -1;
        } else if (value != NULL) {
            *spool = xstrdup(value);
            result = 1;
        }
    }
    cfg_free(config);
    return result;
}

/* Reads a file that a person keeps, through symbolic links, but only a regular one. */
static int read_client_file(const char *path, struct buffer *text)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
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
static int from_file(const char *path, char **spool, struct error *error)
{
    struct buffer text = {0};
    int result = read_client_file(path, &text);
    if (result == 0) {
        buffer_byte(&text, '\n');
        result = parse(path, text.bytes, spool, error);
    } else if (result == -ENOENT || result == -ENOTDIR) {
        result = 0;
    } else {
        error_system(error, -result, "cannot read %s", path);
        result = -1;
    }
    buffer_free(&text);
    return result;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* $XDG_STATE_HOME/llmspool or its default; NULL when nobody can tell. A relative path is ignored,
 * as the XDG Base Directory Specification says. */
static char *state_path(const char *home_path)
{
    const char *state = environment("XDG_STATE_HOME");
    if (state != NULL && state[0] == '/') {
        return xasprintf("%s/llmspool", state);
    }
    return home_path != NULL ? xasprintf("%s/.local/state/llmspool", home_path) : NULL;
}

static int from_files(const char *home_path, char **spool, struct error *error)
{
    int result = 0;
    if (home_path != NULL) {
        char *path = xasprintf("%s/.config/" CLIENT_FILE, home_path);
        result = from_file(path, spool, error);
        free(path);
    }
    return result != 0 ? result : from_file(SYSCONFDIR "/" CLIENT_FILE, spool, error);
}

/* The usual places, where there is something. */
static char *from_places(const char *home_path, struct error *error)
{
    static const char common[] = LOCALSTATEDIR "/spool/llmspool";
    char *state = state_path(home_path);
    if (state != NULL && is_folder(state)) {
        return state;
    }
    if (is_folder(common)) {
        free(state);
        return xstrdup(common);
    }
    error_set(error, ERROR_ABSENT,
              "no spool is given (-s DIR or LLMSPOOL_DIR) and none is in the usual places; make "
              "one with: llmspool-init %s",
              state != NULL ? state : common);
    free(state);
    return NULL;
}

/* Where a spool is made when none is there: in the user's state folder, or for all where there is no
 * home. */
static char *new_place(const char *home_path, struct error *error)
{
    char *state = state_path(home_path);
    (void)error;
    return state != NULL ? state : xstrdup(LOCALSTATEDIR "/spool/llmspool");
}

/* What was said, in the order of preference; what nobody said is up to last. */
static char *find(const char *given, char *(*last)(const char *, struct error *),
                  struct error *error)
{
    const char *chosen = given != NULL ? given : environment("LLMSPOOL_DIR");
    if (chosen != NULL && chosen[0] == '\0') {
        error_set(error, ERROR_USAGE, "the spool's path is empty");
        return NULL;
    }
    if (chosen != NULL) {
        return xstrdup(chosen);
    }
    char *home_path = home();
    char *spool = NULL;
    if (from_files(home_path, &spool, error) == 0) {
        spool = last(home_path, error);
    }
    free(home_path);
    return spool;
}

char *spool_find(const char *given, struct error *error)
{
    return find(given, from_places, error);
}

char *spool_place(const char *given, struct error *error)
{
    return find(given, new_place, error);
}
