/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_file: see metrics_file.h. */
#include "daemon/metrics_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/file.h"

enum { MODE = 0644 };

static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? xstrdup(".")
                   : slash == path ? xstrdup("/")
                                   : xstrndup(path, (size_t)(slash - path));
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = dir < 0 ? -errno : dir;

    free(folder);
    return result;
}

int metrics_file_write(const char *path, const void *bytes, size_t length)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char *temp = xasprintf("%s.new", name);
    int dir = open_folder(path);
    int result = dir;

    if (dir >= 0) {
        (void)unlinkat(dir, temp, 0); /* of a daemon that died while it wrote */
        result = file_make(dir, temp, MODE, bytes, length, false);
        if (result == 0 && renameat(dir, temp, dir, name) < 0) {
            result = -errno;
            (void)unlinkat(dir, temp, 0);
        }
        close(dir);
    }
    free(temp);
    return result;
}
