/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flows_core: what the parts of flows share.
 *
 * Floor: daemon. For flows, flow_group, flow_end and flow_take alone.
 */
#ifndef DAEMON_FLOWS_CORE_H
#define DAEMON_FLOWS_CORE_H

#include <sys/queue.h>
#include <uthash.h>

#include "daemon/flows.h"
#include "retain/flow_record.h"

TAILQ_HEAD(step_line, step);
TAILQ_HEAD(flow_notes, flow);
TAILQ_HEAD(makings, making);

/* How far a step is. */
enum step_phase {
    STEP_WAITING, /* for parents */
    STEP_READY,   /* its parents have ended, or it can only fail: in the line */
    STEP_GROUP,   /* being resolved and noted in the pool */
    STEP_ADMITTED, /* on its way into cur/, or its error file is being written */
    STEP_JOB,     /* a job of the spool that has not ended */
    STEP_ENDED,
};

/* A step that has not ended, or did in a flow that has not. */
struct step {
    struct flow *flow;
    struct flow_entry *entry;
    enum step_phase phase;
    size_t pending;             /* parents that have not ended */
    const char *reason;         /* why it is not asked, a word; NULL: it is */
    char *message;              /* the sentence of it */
    TAILQ_ENTRY(step) link;     /* in the line */
    struct step *next_of_job;   /* that became the same job */

    /* While in the group and after it. */
    struct job *job;            /* resolved, or unresolved where it is not asked */
    struct id gone;             /* a parent whose output is not in done/ … */
    bool is_gone;
    const char *foreign;        /* a parent that is another user's job, or NULL */
    bool kept;                  /* in its flow's line of the kept */
    bool left;                  /* nothing was done: the group was large enough */
    struct note *note;          /* where its ID is noted */

    /* While a new job is looked at that may close a ring. */
    struct step *from;       /* what it waits for, on the way from the new one; NULL: that itself */
    struct step *next_found;
    uint64_t search;         /* the last one that found it */
};

/* Steps that became one job. */
struct job_steps {
    struct id id;
    struct step *first;
    UT_hash_handle hh;
};

/* One step's waiting for a parent outside its flow. */
struct waiter {
    struct step *step;
    struct waiter *next;
};

/* All that wait for a name or ID. */
struct waiters {
    char *word;
    struct waiter *first;
    UT_hash_handle hh;
};

/* A flow that has not ended. */
struct flow {
    struct flows *flows;
    struct flow_record *record;
    struct step *steps;
    size_t left;         /* steps that have not ended */
    size_t *child_start; /* of each step: where its children begin, and one more */
    size_t *children;    /* numbers of steps, each as often as it is a child */
    struct buffer notes; /* lines for progress.jsonl */
    bool noting;         /* in `noted` */
    bool writing;        /* its notes are in the pool's hands */
    bool closing;        /* its last line is among the notes */
    struct note *note;   /* while writing: the group's */
    struct step_line kept; /* ready, and the flow is held */
    bool held;           /* in `held` of flows */
    TAILQ_ENTRY(flow) held_link;
    size_t hands;        /* steps in the group or admitted: it must stay */
    TAILQ_ENTRY(flow) note_link;
    UT_hash_handle hh;
};

/* A flow on its way into flows/. */
struct making {
    TAILQ_ENTRY(making) link;
    char *name;
    char sha256[SHA256_HEX_SIZE];
    int64_t submitted;
    char *user;
    struct buffer text;
    struct drop *drop;
    struct flow_record *record; /* as it was read back */
    struct error error;         /* why it was not */
    int result;
};

/* Lines of one flow for the pool. */
struct note {
    struct flow *flow;
    char *name;
    struct buffer text;
    int result;
};

/* What the pool thread has in hand; the loop looks at none of it meanwhile. */
struct flow_group {
    struct step **steps;
    size_t step_count;
    struct note *notes;
    size_t note_count;
    struct makings makings;
};

struct flows {
    struct core *core;
    struct flow *all;            /* hash by name */
    struct job_steps *jobs;      /* hash by ID */
    struct waiters *waiters;     /* hash by word */
    struct step_line ready;
    struct step_line later;      /* again in a second */
    struct flow_notes noted;
    struct flow_notes held;      /* flows that keep steps */
    struct makings makings;
    struct flow_group group;
    bool working;
    size_t waiting;              /* steps in the phases before STEP_JOB */
    size_t admitted;
    uv_timer_t timer;
    uv_work_t work;
    size_t job_limit;
    bool owner_only;             /* as the spool's was when the group began */
    uint64_t searches;
};

/* --- flows.c */

/* Adds a flow that was read; takes the record over. */
void flow_add(struct flows *flows, struct flow_record *record);

/* Forgets it: its record is whole on disk. */
void flow_leave(struct flow *flow);

/* Finds who is whose child: counts, then fills child_start and children. */
void flow_connect(struct flow *flow);

/* Adds a line to what is to be written for a flow; takes it over. */
void flow_note(struct flow *flow, json_t *line);

/* A step whose parents had all ended waits for one of them again: it is another user's job. */
void step_waits_again(struct step *step, const char *word);

/* One of a step's parents has ended. */
void step_parent_ended(struct step *step, const char *parent, bool failed);

/* A step ended: its children go on, and so does its flow's end. status is a word of a state. */
void step_ended(struct step *step, const char *status, const char *reason);

/* --- flow_index.c */

/* Where a job is. */
enum job_place { JOB_NOWHERE, JOB_ALIVE, JOB_DONE, JOB_FAILED, JOB_UNSURE };
enum job_place flows_find_job(struct core *core, const struct id *id);

/* The ID that by-name/NAME leads to, or false. */
bool flows_by_name(const struct spool *spool, const char *name, struct id *id);

/* The job that a word means which is no step of the flow, for a step of this user (or NULL). With
 * visibility = owner another user's is none: its output is for nobody else. */
bool flows_find_own(const struct spool *spool, const char *word, const char *user, struct id *id);

/* Where that job is. */
enum job_place flows_find_outside(struct core *core, const char *word, const char *user);

/* The document of a job that is in the spool; NULL where it cannot be read, or is in an archive. */
json_t *flows_read_job(const struct spool *spool, const struct id *id);

/* Whether a document of a job or an output (or NULL: no) says another user than this (or NULL). */
bool flows_is_foreign(const json_t *document, const char *user);

/* A step is a job of the spool now, in cur/ or finished. */
void step_is_job(struct step *step);

/* A step waits for a job outside its flow; for none of its parents any more. */
void step_waits_for(struct step *step, const char *word);
void step_waits_no_more(struct step *step);

/* --- flow_line.c */

/* Puts a step into another phase. */
void step_go(struct step *step, enum step_phase phase);

/* Puts a step into the line; in a second. */
void step_ready(struct step *step);
void step_later(struct step *step);

/* A step is being admitted or kept: its flow stays meanwhile. */
void step_holding(struct step *step);

/* A hold ends with its flow: it is not meant for the next one of that name. */
void flow_remove_hold(const struct flow *flow);

/* --- flow_take.c */

/* A flow was made, or could not be. */
void making_back(struct flows *flows, struct making *making);

/* --- flow_group.c */

/* The file work of a group, in the pool. */
void flow_group_work(struct flows *flows);

/* --- flow_end.c */

/* Ends a step that is not asked: its unresolved job and why go to failed/. step->job is its job. */
void step_fail(struct step *step);

#endif
