/* SPDX-License-Identifier: GPL-2.0-or-later */
/* find: which spool is meant. */
#include "spool/spool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "spool/clientfile.h"

/* The variable's value; empty counts as unset (XDG Base Directory Specification). */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
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

/* The spool that a client file names. */
static int from_files(char **spool, struct error *error)
{
    char *path = NULL;
    int result = clientfile_get("spool", spool, &path, error);
    if (result > 0 && **spool != '/') {
        error_set(error, ERROR_DATA, "%s: spool = \"%s\" is no absolute path", path, *spool);
        free(*spool);
        *spool = NULL;
        result = -1;
    }
    free(path);
    return result;
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
    char *home_path = clientfile_home();
    char *spool = NULL;
    if (from_files(&spool, error) == 0) {
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
