/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * input: see input.h.
 */
#include "client/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "spool/file.h"

int input_read(const char *path, size_t limit, struct buffer *out, struct error *error)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 ? -errno : file_read(fd, limit, out);

    if (!standard && fd >= 0) {
        close(fd);
    }
    if (result == -EFBIG) {
        error_set(error, ERROR_DATA, "%s: it has more bytes than the limit, which is %zu", name,
                  limit);
    } else if (result < 0) {
        error_set(error, ERROR_DATA, "%s cannot be read: %s", name, strerror(-result));
    }
    return result < 0 ? -1 : 0;
}
