/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fresh: a temporary folder, or a spool in one, for one test each.
 *
 * As setup and teardown of a cmocka test: *state is the struct fresh. A test may change its
 * effective user; setup and teardown go back to the real one.
 */
#ifndef FRESH_H
#define FRESH_H

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "spool/file.h"
#include "spool/spool.h"

enum { FRESH_NOBODY = 65534 };

struct fresh {
    char folder[200];    /* the temporary folder */
    char path[220];      /* of the spool in it */
    int dir;             /* the temporary folder, opened */
    struct spool *spool; /* or NULL */
};

static inline int fresh_remove(const char *path, const struct stat *status, int type,
                               struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

/* A folder and no spool. */
static inline int fresh_folder(void **state)
{
    if (geteuid() != getuid()) {
        assert_int_equal(seteuid(getuid()), 0);
    }
    struct fresh *fresh = calloc(1, sizeof *fresh);
    assert_non_null(fresh);
    const char *base = getenv("TMPDIR");
    snprintf(fresh->folder, sizeof fresh->folder, "%s/llmspool-unit-XXXXXX",
             base != NULL && base[0] == '/' ? base : "/tmp");
    assert_non_null(mkdtemp(fresh->folder));
    snprintf(fresh->path, sizeof fresh->path, "%s/spool", fresh->folder);
    fresh->dir = open(fresh->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fresh->dir >= 0);
    *state = fresh;
    return 0;
}

/* Makes and opens a private spool of the effective user. */
static inline void fresh_make(struct fresh *fresh)
{
    struct spool_plan plan = {.path = fresh->path};
    struct error error;
    bool made;
    if (spool_make(&plan, &made, &error) != 0) {
        fail_msg("%s", error.text);
    }
    fresh->spool = spool_open(fresh->path, &error);
    if (fresh->spool == NULL) {
        fail_msg("%s", error.text);
    }
}

static inline int fresh_spool(void **state)
{
    fresh_folder(state);
    fresh_make(*state);
    return 0;
}

static inline int fresh_end(void **state)
{
    struct fresh *fresh = *state;
    if (geteuid() != getuid()) {
        assert_int_equal(seteuid(getuid()), 0);
    }
    spool_close(fresh->spool);
    assert_int_equal(close(fresh->dir), 0);
    assert_int_equal(nftw(fresh->folder, fresh_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(fresh);
    return 0;
}

/* Becomes an ordinary user, who owns the temporary folder, when root runs the tests. */
static inline void fresh_drop_root(struct fresh *fresh)
{
    if (geteuid() == 0) {
        assert_int_equal(fchown(fresh->dir, FRESH_NOBODY, (gid_t)-1), 0);
        assert_int_equal(seteuid(FRESH_NOBODY), 0);
    }
}

static inline void fresh_write(int dir, const char *name, const char *text)
{
    assert_int_equal(file_make(dir, name, 0600, text, strlen(text), false), 0);
}

static inline bool fresh_exists(int dir, const char *name)
{
    struct stat status;
    return fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void fresh_expect(int dir, const char *name, const char *text)
{
    struct buffer found = {0};
    int result = file_read_at(dir, name, 1 << 20, &found, NULL);
    if (result != 0) {
        fail_msg("%s: %s", name, strerror(-result));
    }
    assert_string_equal(found.bytes, text);
    buffer_free(&found);
}

/* How many entries a folder has, without . and .. */
static inline int fresh_count(int dir)
{
    int count = 0;
    const struct dirent *entry;
    DIR *list = file_list(dir);
    assert_non_null(list);
    while (assert_int_equal(file_list_next(list, &entry), 0), entry != NULL) {
        count++;
    }
    assert_int_equal(closedir(list), 0);
    return count;
}

#endif
