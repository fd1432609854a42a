/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fold: the events of a stream put together to the document that the same question is answered with
 * when no stream is asked for.
 *
 * Floor: provider. What every protocol's own folding is made of. Texts arrive in thousands of
 * pieces: they are kept in buffers beside the document and put into it once, by fold_settle.
 */
#ifndef PROVIDER_FOLD_H
#define PROVIDER_FOLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "job/job.h"

enum { FOLD_TEXT_LIMIT = 4096 }; /* texts that one document may be made of */

/* A text that grows: a member of an object within the document. */
struct fold_text {
    json_t *owner;   /* a reference: servers may overwrite what it is a member of */
    const char *key; /* of the owner's member; static */
    struct buffer text;
};

/* A document that is being put together. A zeroed struct is an empty one. */
struct fold {
    json_t *document;   /* so far; NULL until the protocol makes it */
    struct buffer text; /* of the first choice, for whoever watches */
    bool last_word;     /* "[DONE]" came, which servers and proxies of any protocol may send */
    bool done;          /* the protocol's own end came, says take; what follows is ignored */
    struct fold_text *texts;
    size_t count;
};

/* What a protocol's events mean. */
struct stream_kind {
    /* Takes the JSON of one event that is no error; name is what its `event` line said, "message"
     * where it has none. false: the protocol does not allow it, and the stream cannot be read. */
    bool (*take)(struct fold *fold, const char *name, json_t *data);

    /* The body has ended, and the texts are in the document: completes it. Whether all of the
     * answer came, by the rules of the protocol. Not called without a document. */
    bool (*complete)(struct fold *fold, const struct job *job);
};

/* Appends a piece to the text that is the owner's member key. A piece that is no string is none.
 * false: the document has too many texts. */
bool fold_append(struct fold *fold, json_t *owner, const char *key, const json_t *piece);

/* The text so far of the owner's member key, or NULL when none came. Borrowed, until the next
 * piece.
 */
const struct buffer *fold_look(const struct fold *fold, const json_t *owner, const char *key);

/* Appends a piece to what is shown of the first choice. */
void fold_show(struct fold *fold, const json_t *piece);

/* Puts all texts into their owners. */
void fold_settle(struct fold *fold);

void fold_clear(struct fold *fold);

#endif
