/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer_text: see answer_text.h. */
#include "httpd/answer_text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "client/records.h"

enum { PIECE = 32 * 1024 };

/* FNV-1a of 64 bits. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

struct answer_text {
    const struct spool *spool;
    struct id id;
    uint64_t at;          /* bytes that were told */
    uint64_t hash;        /* of them */
    bool hashed;          /* false: the client says that he has them */
    bool doubt;           /* they may be of another text than what is there */
    struct buffer output; /* once the job is completed */
    bool complete;
};

struct answer_text *answer_text_open(const struct spool *spool, const struct id *id,
                                     uint64_t offset)
{
    struct answer_text *text = xcalloc(1, sizeof *text);

    text->spool = spool;
    text->id = *id;
    text->at = offset;
    text->hash = HASH_START;
    text->hashed = offset == 0;
    return text;
}

void answer_text_doubt(struct answer_text *text)
{
    text->doubt = true;
}

void answer_text_close(struct answer_text *text)
{
    if (text == NULL)
        return;
    buffer_free(&text->output);
    free(text);
}

static uint64_t hash_on(uint64_t hash, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * HASH_PRIME;
    return hash;
}

static void start_again(struct answer_text *text)
{
    text->at = 0;
    text->hash = HASH_START;
    text->hashed = true;
    text->doubt = false;
}

/* Whole characters at the beginning of bytes; a byte that is none is passed over. */
static size_t whole(const char *bytes, size_t length)
{
    size_t end = 0, size;

    while (end < length && (size = utf8_sequence(bytes + end, length - end)) > 0)
        end += size;
    return end;
}

/* Takes the next piece from bytes that lie where the told ones end. */
static bool take(struct answer_text *text, const char *bytes, size_t length, struct buffer *out,
                 uint64_t *offset)
{
    size_t size = whole(bytes, length);

    if (size == 0 && length >= 4) { /* no character at all */
        text->hash = hash_on(text->hash, bytes, 1);
        text->at++;
        return take(text, bytes + 1, length - 1, out, offset);
    }
    if (size == 0)
        return false;
    *offset = text->at;
    buffer_append(out, bytes, size);
    text->hash = hash_on(text->hash, bytes, size);
    text->at += size;
    return true;
}

/* --- the file --- */

static ssize_t read_at(int fd, char *bytes, size_t length, uint64_t at)
{
    ssize_t got;

    do {
        got = pread(fd, bytes, length, (off_t)at);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* The hash of what the file has before the place. */
static bool hash_file(const struct answer_text *text, int fd, uint64_t *hash)
{
    char piece[PIECE];
    uint64_t at = 0;

    *hash = HASH_START;
    while (at < text->at) {
        size_t length = text->at - at < PIECE ? (size_t)(text->at - at) : PIECE;
        ssize_t got = read_at(fd, piece, length, at);

        if (got <= 0)
            return false;
        *hash = hash_on(*hash, piece, (size_t)got);
        at += (uint64_t)got;
    }
    return true;
}

/* Whether what was told is what the file begins with. */
static bool file_fits(struct answer_text *text, int fd)
{
    struct stat status;
    uint64_t hash;

    if (fstat(fd, &status) < 0 || (uint64_t)status.st_size < text->at)
        return false;
    if (text->hashed && !text->doubt)
        return true;
    if (!hash_file(text, fd, &hash) || (text->hashed && hash != text->hash))
        return false;
    text->hash = hash;
    text->hashed = true;
    return true;
}

bool answer_text_next(struct answer_text *text, struct buffer *out, uint64_t *offset)
{
    char name[ENTRY_NAME_SIZE], piece[PIECE];
    ssize_t got;
    int fd;

    entry_write(ENTRY_PARTIAL, &text->id, 0, name);
    fd = openat(text->spool->dir[FOLDER_CUR], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (!file_fits(text, fd))
        start_again(text);
    got = read_at(fd, piece, sizeof piece, text->at);
    (void)close(fd); /* was only read */
    return got > 0 && take(text, piece, (size_t)got, out, offset);
}

/* --- the output --- */

static void load_output(struct answer_text *text)
{
    json_t *record = records_output(text->spool, &text->id, 0, NULL, NULL);
    const json_t *output = json_object_get(record, "output");

    text->complete = true;
    if (json_is_string(output))
        buffer_append(&text->output, json_string_value(output), json_string_length(output));
    else if (output != NULL && !json_is_null(output))
        jsontext_write(&text->output, output);
    json_decref(record);
    if (text->output.length < text->at ||
        (text->hashed && hash_on(HASH_START, text->output.bytes, (size_t)text->at) != text->hash))
        start_again(text);
}

bool answer_text_rest(struct answer_text *text, struct buffer *out, uint64_t *offset)
{
    size_t left;

    if (!text->complete)
        load_output(text);
    left = text->output.length - (size_t)text->at;
    return left > 0 &&
           take(text, text->output.bytes + text->at, left < PIECE ? left : PIECE, out, offset);
}
