/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tokenfile: see tokenfile.h. */
#include "httpd/tokenfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "httpd/tokens.h"
#include "spool/file.h"

/* A file in its folder, which is locked, and what is in it. */
struct tokenfile {
    const char *path;
    char *copy; /* of path; name points into it */
    const char *name;
    int dir;
    struct token *list;
    size_t count;
    uid_t owner;
    gid_t group;
};

static void tokenfile_close(struct tokenfile *file)
{
    if (file->dir >= 0)
        (void)close(file->dir); /* the lock goes with it */
    free(file->list);
    free(file->copy);
}

static int open_folder(struct tokenfile *file, struct error *error)
{
    char *copy = xstrdup(file->path);
    struct stat status;

    file->dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->dir < 0 || fstat(file->dir, &status) != 0 || flock(file->dir, LOCK_EX) != 0) {
        error_system(error, errno, "the folder of the tokens file %s cannot be locked", file->path);
        free(copy);
        return -1;
    }
    file->owner = status.st_uid;
    file->group = status.st_gid;
    free(copy);
    return 0;
}

static int tokenfile_open(struct tokenfile *file, const char *path, struct error *error)
{
    struct stat status;

    *file = (struct tokenfile){.path = path, .copy = xstrdup(path), .dir = -1};
    file->name = basename(file->copy);
    if (open_folder(file, error) < 0)
        return -1;
    if (fstatat(file->dir, file->name, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return 0;
    if (tokens_read_list(file->dir, file->name, path, &file->list, &file->count, error) < 0)
        return -1;
    file->owner = status.st_uid;
    file->group = status.st_gid;
    return 0;
}

/* --- replacing --- */

static int give_away(const struct tokenfile *file, const char *name)
{
    if (geteuid() != 0)
        return 0;
    return fchownat(file->dir, name, file->owner, file->group, AT_SYMLINK_NOFOLLOW) == 0 ? 0
                                                                                         : -errno;
}

static int replace(const struct tokenfile *file, const struct buffer *text)
{
    char name[RANDOM_NAME_SIZE];
    int result = file_make_temp(file->dir, name, 0600, text->bytes, text->length, true);

    if (result < 0)
        return result;
    result = give_away(file, name);
    if (result == 0 && renameat(file->dir, name, file->dir, file->name) != 0)
        result = -errno;
    if (result < 0) {
        (void)unlinkat(file->dir, name, 0);
        return result;
    }
    return file_sync_dir(file->dir);
}

static int tokenfile_write(const struct tokenfile *file, struct error *error)
{
    struct buffer text = {0};
    int result;

    buffer_text(&text, "# Tokens of llmspool-httpd: ID SHA-256 USER SCOPES CREATED EXPIRES\n");
    for (size_t i = 0; i < file->count; i++)
        token_write(&text, &file->list[i]);
    result = replace(file, &text);
    buffer_free(&text);
    if (result < 0) {
        error_system(error, -result, "the tokens file %s cannot be written", file->path);
        return -1;
    }
    return 0;
}

/* --- what a person wants --- */

int tokenfile_add(const char *path, struct token *token, char text[TOKEN_TEXT_SIZE],
                  struct error *error)
{
    struct tokenfile file;
    int result = tokenfile_open(&file, path, error);

    if (result == 0) {
        token_make(token, text);
        token->created = clock_wall(&clock_system);
        file.list = xrealloc(file.list, (file.count + 1) * sizeof *file.list);
        file.list[file.count++] = *token;
        result = tokenfile_write(&file, error);
    }
    tokenfile_close(&file);
    return result;
}

static void print_time(FILE *out, struct wall time, const char *never)
{
    char text[TIMETEXT_SIZE];

    if (time.ms != 0)
        timetext_write(time, text);
    fprintf(out, "  %-24s", time.ms != 0 ? text : never);
}

int tokenfile_list(const char *path, FILE *out, struct error *error)
{
    struct tokenfile file;
    int result = tokenfile_open(&file, path, error);

    if (result == 0 && file.count > 0)
        fprintf(out, "ID        %-20s  %-17s  %-24s  %s\n", "USER", "SCOPES", "CREATED", "EXPIRES");
    for (size_t i = 0; result == 0 && i < file.count; i++) {
        struct buffer scopes = {0};

        token_write_scopes(&scopes, file.list[i].scopes);
        fprintf(out, "%s  %-20s  %-17s", file.list[i].id, file.list[i].user, scopes.bytes);
        print_time(out, file.list[i].created, "-");
        print_time(out, file.list[i].expires, "never");
        fprintf(out, "\n");
        buffer_free(&scopes);
    }
    tokenfile_close(&file);
    return result;
}

int tokenfile_revoke(const char *path, const char *id, struct error *error)
{
    struct tokenfile file;
    int result = tokenfile_open(&file, path, error);
    size_t kept = 0;

    for (size_t i = 0; result == 0 && i < file.count; i++)
        if (strcmp(file.list[i].id, id) != 0)
            file.list[kept++] = file.list[i];
    if (result == 0 && kept == file.count) {
        error_set(error, ERROR_ABSENT, "there is no token %s in %s", id, path);
        result = -1;
    }
    if (result == 0) {
        file.count = kept;
        result = tokenfile_write(&file, error);
    }
    tokenfile_close(&file);
    return result;
}
