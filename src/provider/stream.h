/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream: an answer that arrives as a stream of events.
 *
 * Floor: provider. The events are sse's, what they mean is the provider's stream_kind (fold.h), and
 * what the answer that they make is worth is the provider's read. A stream that was cut is never a
 * success.
 */
#ifndef PROVIDER_STREAM_H
#define PROVIDER_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "job/job.h"
#include "job/record.h"
#include "provider/provider.h"

/* The code of an answer whose stream ended too early: OUTCOME_TRANSIENT. */
#define STREAM_CUT "stream_cut"

enum { STREAM_EVENT_LIMIT = 32 * 1024 * 1024 }; /* bytes of one event: a last one may hold all */

struct stream;

/* A stream that has not begun. The provider must have a stream_kind. */
struct stream *stream_new(const struct provider *provider);

/* Takes more bytes of the body. false: it is no stream of events that we can read, or an event is
 * too large; the rest is of no use. */
bool stream_feed(struct stream *stream, const char *bytes, size_t length);

/* The text so far, of the first choice: whole UTF-8 characters only, growing by stream_feed.
 * Borrowed. */
const struct buffer *stream_text(const struct stream *stream);

/* At the end of the body, called once: what it means. Folds all events into the document that the
 * same protocol answers without a stream, and reads it by provider->read. An error event has the
 * class of that error. An end without the protocol's own end is OUTCOME_TRANSIENT with the code
 * STREAM_CUT; what cannot be read is OUTCOME_UNUSABLE. OUTCOME_OK fills *answer, every other
 * outcome leaves it empty. reply has the status, the headers and the body as it came: where that is
 * one document and no stream, it is read as such. */
struct verdict stream_end(struct stream *stream, const struct job *job,
                          const struct provider_reply *reply, struct wall now,
                          struct answer *answer);

/* Frees a stream; NULL is allowed. */
void stream_free(struct stream *stream);

/* Whether a reply is a stream of events by its Content-Type; else it is an error or a plain answer,
 * for provider->read. */
bool stream_is(const struct provider_reply *reply);

#endif
