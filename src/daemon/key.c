/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * key: secrets from where they are kept: a file, an environment variable, a systemd credential.
 */
#include "daemon/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

enum { MASK_LEAST = 12 }; /* a shorter key would be given away by five of its characters */

static char *key_problem(struct error *error, const char *place, const char *problem)
{
    error_set(error, ERROR_DATA, "the key in %s cannot be used: %s", place, problem);
    return NULL;
}

char *key_copy(const char *key, const char *place, struct error *error)
{
    size_t length = strlen(key);
    if (length > 0 && key[length - 1] == '\n')
        length--;
    if (length > 0 && key[length - 1] == '\r')
        length--;
    if (length == 0)
        return key_problem(error, place, "it is empty");
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)key[i] < 0x20 || key[i] == 0x7f)
            return key_problem(error, place,
                               "it holds control characters; it should be one line of text");
    }
    return xstrndup(key, length);
}

/* Reads into text, which has KEY_LIMIT + 1 bytes. */
static int key_read(int fd, char *text, const char *path, struct error *error)
{
    size_t length = 0;
    ssize_t got;
    while ((got = read(fd, text + length, KEY_LIMIT - length)) != 0) {
        if (got == -1 && errno == EINTR)
            continue;
        if (got == -1) {
            error_set(error, ERROR_DATA, "the key in %s cannot be read: %s", path, strerror(errno));
            return -1;
        }
        length += (size_t)got;
        if (length == KEY_LIMIT) {
            (void)key_problem(error, path, "it is far too long");
            return -1;
        }
    }
    text[length] = '\0';
    if (strlen(text) != length) {
        (void)key_problem(error, path,
                          "it holds control characters; it should be one line of text");
        return -1;
    }
    return 0;
}

static int key_check_file(int fd, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) == -1) {
        error_set(error, ERROR_DATA, "the key in %s cannot be read: %s", path, strerror(errno));
        return -1;
    }
    if (!S_ISREG(status.st_mode)) {
        (void)key_problem(error, path, "it is no regular file");
        return -1;
    }
    if (status.st_mode & (S_IROTH | S_IWOTH)) {
        error_set(error, ERROR_DATA,
                  "the key in %s is open to every user of this machine: chmod 600 %s", path, path);
        return -1;
    }
    return 0;
}

char *key_from_file(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd == -1) {
        error_set(error, ERROR_DATA, "the key in %s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    char *key = NULL;
    char text[KEY_LIMIT + 1];
    if (key_check_file(fd, path, error) == 0 && key_read(fd, text, path, error) == 0)
        key = key_copy(text, path, error);
    explicit_bzero(text, sizeof text);
    (void)close(fd); /* was only read */
    return key;
}

char *key_from_environment(const char *name, struct error *error)
{
    const char *key = getenv(name);
    if (key == NULL) {
        error_set(error, ERROR_DATA, "the environment variable %s for the key is not set", name);
        return NULL;
    }
    return key_copy(key, name, error);
}

char *key_from_credential(const char *name, struct error *error)
{
    if (*name == '\0' || *name == '.' || strchr(name, '/') != NULL) {
        error_set(error, ERROR_DATA, "\"%s\" is no name of a credential", name);
        return NULL;
    }
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL || *folder == '\0') {
        error_set(error, ERROR_DATA,
                  "there is no credential %s: systemd hands it over when the unit has"
                  " LoadCredential=%s:PATH",
                  name, name);
        return NULL;
    }
    char *path = xasprintf("%s/%s", folder, name);
    char *key = key_from_file(path, error);
    free(path);
    return key;
}

void key_free(char *key)
{
    if (key == NULL)
        return;
    explicit_bzero(key, strlen(key));
    free(key);
}

const char *key_mask(const char *key, char out[KEY_MASK_SIZE])
{
    size_t length = strlen(key);

    if (length < MASK_LEAST)
        (void)snprintf(out, KEY_MASK_SIZE, "***");
    else
        (void)snprintf(out, KEY_MASK_SIZE, "%.3s***%s", key, key + length - 2);
    return out;
}
