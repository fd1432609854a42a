/* SPDX-License-Identifier: GPL-2.0-or-later */
/* roll: see roll.h. */
#include "retain/roll.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "base/xalloc.h"

/* --- which places were called ------------------------------------------------------------------
 */

enum { CHUNK_BITS = 4096 };

/* Positions are dense as a rule; where they are not, a chunk costs what a line does. */
struct chunk {
    uint64_t number; /* of its first position, in chunks */
    UT_hash_handle hh;
    unsigned char bits[CHUNK_BITS / 8];
};

struct called {
    struct chunk *chunks; /* uthash by number */
    struct chunk *last;
};

static struct chunk *chunk_of(struct called *called, uint64_t number)
{
    struct chunk *chunk = called->last;

    if (chunk != NULL && chunk->number == number) {
        return chunk;
    }
    HASH_FIND(hh, called->chunks, &number, sizeof number, chunk);
    if (chunk == NULL) {
        chunk = xcalloc(1, sizeof *chunk);
        chunk->number = number;
        HASH_ADD(hh, called->chunks, number, sizeof chunk->number, chunk);
    }
    called->last = chunk;
    return chunk;
}

/* Whether this is the first time. */
static bool call(struct called *called, uint64_t position)
{
    struct chunk *chunk = chunk_of(called, position / CHUNK_BITS);
    unsigned char *byte = &chunk->bits[position % CHUNK_BITS / 8];
    unsigned char bit = (unsigned char)(1u << position % 8);
    bool first = (*byte & bit) == 0;

    *byte |= bit;
    return first;
}

static void called_free(struct called *called)
{
    struct chunk *chunk, *next;

    HASH_ITER(hh, called->chunks, chunk, next)
    {
        HASH_DELETE(hh, called->chunks, chunk);
        free(chunk);
    }
}

/* --- calling ------------------------------------------------------------------------------------
 */

/* From the end, so that the line of a place that counts is the first that is met. */
int roll_text(const char *text, size_t length,
              int (*visit)(void *context, const struct member *member), void *context)
{
    const char *end = memrchr(text, '\n', length);
    struct called called = {0};
    int result = 0;

    while (end != NULL && result == 0) {
        const char *before = memrchr(text, '\n', (size_t)(end - text));
        const char *line = before != NULL ? before + 1 : text;
        struct member member;

        if (member_read(line, (size_t)(end - line), &member) && call(&called, member.position)) {
            member.at = line - text;
            result = visit(context, &member);
        }
        end = before;
    }
    called_free(&called);
    return result;
}

int roll_call(const struct spool *spool, const char *run,
              int (*visit)(void *context, const struct member *member), void *context,
              struct error *error)
{
    size_t length;
    char *text;
    int result;

    if (members_map(spool, run, &text, &length, error) < 0) {
        return -1;
    }
    result = text != NULL ? roll_text(text, length, visit, context) : 0;
    members_unmap(text, length);
    return result;
}

int64_t roll_begun_ms(const struct spool *spool, const char *run)
{
    struct stat status;

    /* Its folder is changed when the manifest is made in it, and not by what is appended. */
    if (fstatat(spool->dir[FOLDER_RUNS], run, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return 0;
    }
    return clock_ms(status.st_mtim);
}
