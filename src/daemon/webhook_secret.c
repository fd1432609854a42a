/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook_secret: the secret of a spool whose configuration names none, and signing with secrets.
 */
#include "daemon/webhook_secret.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/sha256.h"
#include "daemon/config_sections.h"
#include "daemon/key.h"
#include "spool/file.h"

enum { SECRET_BYTES = 32, SECRET_FILE_LIMIT = 4096 };

static void wipe(struct buffer *buffer)
{
    if (buffer->bytes != NULL)
        explicit_bzero(buffer->bytes, buffer->length);
    buffer_free(buffer);
}

static char *secret_problem(const struct spool *spool, const char *problem, struct error *error)
{
    error_set(error, ERROR_SYSTEM, "%s/%s/%s %s", spool->path, folder_name(FOLDER_STATE),
              WEBHOOK_SECRET_NAME, problem);
    return NULL;
}

static char *secret_read(const struct spool *spool, const struct buffer *text,
                         const struct stat *status, struct error *error)
{
    const char *place = "state/" WEBHOOK_SECRET_NAME;
    if (status->st_uid != geteuid() || (status->st_mode & 077) != 0)
        return secret_problem(spool,
                              "is not the daemon's alone: remove it, and a new one is made at"
                              " the next start",
                              error);
    if (text->length == 0 || strlen(text->bytes) != text->length)
        return secret_problem(spool, "is no secret: remove it", error);
    char *secret = key_copy(text->bytes, place, error);
    if (secret != NULL && config_secret_check(secret, place, error) == 0)
        return secret;
    key_free(secret);
    return NULL;
}

static char *secret_make(const struct spool *spool, struct error *error)
{
    unsigned char bytes[SECRET_BYTES];
    struct buffer text = {0};
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return secret_problem(spool, "cannot be made: there are no random bytes", error);
    buffer_text(&text, CONFIG_SECRET_PREFIX);
    base64_encode(bytes, sizeof bytes, &text);
    explicit_bzero(bytes, sizeof bytes);
    char *secret = key_copy(text.bytes, WEBHOOK_SECRET_NAME, error);
    buffer_byte(&text, '\n');
    int result = file_replace(spool->dir[FOLDER_TMP], spool->dir[FOLDER_STATE], WEBHOOK_SECRET_NAME,
                              0600, text.bytes, text.length, true);
    wipe(&text);
    if (result == 0)
        return secret;
    key_free(secret);
    return secret_problem(spool, strerror(-result), error);
}

char *webhook_secret_own(const struct spool *spool, bool *made, struct error *error)
{
    struct buffer text = {0};
    struct stat status;
    int result = file_read_at(spool->dir[FOLDER_STATE], WEBHOOK_SECRET_NAME, SECRET_FILE_LIMIT,
                              &text, &status);
    *made = result == -ENOENT;
    char *secret = NULL;
    if (result == 0)
        secret = secret_read(spool, &text, &status, error);
    else if (*made)
        secret = secret_make(spool, error);
    else
        (void)secret_problem(spool, strerror(-result), error);
    if (secret == NULL)
        error->kind = ERROR_SYSTEM; /* no debt is to be given up for what is no secret, either */
    wipe(&text);
    return secret;
}

/* Signing. */

/* One signature of what is signed. */
static void sign(struct buffer *out, const char *secret, const struct buffer *content)
{
    const char *text = secret + strlen(CONFIG_SECRET_PREFIX);
    unsigned char mac[SHA256_SIZE];
    struct buffer key = {0};
    size_t length = 0;
    bool good = base64_decode(text, strlen(text), &key) &&
                EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.bytes, key.length,
                          (const unsigned char *)content->bytes, content->length, mac, sizeof mac,
                          &length) != NULL;
    wipe(&key);
    if (!good || length != sizeof mac) {
        fprintf(stderr, "%s: OpenSSL cannot compute HMAC-SHA256\n", program_invocation_short_name);
        exit(EX_OSERR);
    }
    buffer_text(out, "v1,");
    base64_encode(mac, sizeof mac, out);
}

void webhook_secret_sign(struct buffer *out, const char *const *secrets, size_t count,
                         const char *id, int64_t seconds, const struct buffer *body)
{
    struct buffer content = {0};
    buffer_printf(&content, "%s.%" PRId64 ".", id, seconds);
    buffer_append(&content, body->bytes, body->length);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_byte(out, ' ');
        sign(out, secrets[i], &content);
    }
    buffer_free(&content);
}
