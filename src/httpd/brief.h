/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * brief: one job as HTTP tells it: what the spool holds of it, read once and written as JSON.
 *
 * Floor: httpd. Reads only. The spool's documents go into answers as they lie there: they are checked
 * (base/jsonscan) and not built, because states are read by the ten thousand each second.
 */
#ifndef HTTPD_BRIEF_H
#define HTTPD_BRIEF_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/jsonscan.h"
#include "httpd/reasons.h"
#include "spool/spool.h"

/* Plain data; made by brief_read, freed by brief_clear. Spans are of these texts. */
struct brief {
    struct id id;
    enum folder folder; /* where it lies: cur/, done/, failed/; new/ for one that was only dropped */
    const char *state;
    char *reason;       /* why it waits, or did not end well; or NULL */
    struct stat status; /* of the job's file */
    struct buffer job;
    struct buffer result; /* the newest good output, or the newest where none is good; of done/ */
    struct buffer error;  /* the error file; of failed/ */
    struct buffer memory; /* the state file; of cur/ */
    struct jsonspan name, user, model;
    int64_t submitted_ms; /* wall; 0: not known */
    int64_t finished_ms;  /* of the result or the error; wall; 0: not known */
    unsigned lowest;      /* versions that are there; both 0 for none */
    unsigned highest;
};

/* Reads what cur/, failed/ and done/ hold of a job. reasons may be NULL: why a job waits for its turn is
 * not told then. False when it is in none of them. */
bool brief_read(struct brief *brief, const struct spool *spool, const struct id *id,
                struct reasons *reasons);

/* One that was dropped and not taken: job is its text (taken over; it may be empty where it is not known). */
void brief_dropped(struct brief *brief, const struct id *id, struct buffer *job);

/* One that was refused at the door, with the text of its error file; both are taken over. */
void brief_refused(struct brief *brief, const struct id *id, struct buffer *job,
                   struct buffer *error);

/* The job is asked for again, and nobody has taken that yet: it has not ended. */
void brief_again(struct brief *brief);

/* Whether it has ended: nothing about it changes unless somebody asks for it again. */
bool brief_ended(const struct brief *brief);

/* Whether it is a job of this user. */
bool brief_is_of(const struct brief *brief, const char *user);

/* A name for what brief_write writes of a job that has ended (an ETag without its quotes). */
enum { BRIEF_TAG_SIZE = 96 };
void brief_tag(const struct brief *brief, char tag[BRIEF_TAG_SIZE]);

/* Appends it as an object; whole: with the documents and the versions. */
void brief_write(const struct brief *brief, bool whole, struct buffer *out);

void brief_clear(struct brief *brief);

/* Appends a document of the spool as it lies there, without its newline; null where it is no JSON. */
void brief_embed(const struct buffer *document, struct buffer *out);

#endif
