/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listing: see listing.h. */
#include "httpd/listing.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/locate.h"
#include "client/standing.h"
#include "httpd/cursor.h"
#include "httpd/runowner.h"
#include "httpd/share.h"
#include "httpd/slab.h"
#include "retain/members.h"

enum {
    LIMIT_DEFAULT = 100,
    LIMIT_MAX = 1000,
    WAITING_MAX = 64,
    SLAB = 64 * 1024,        /* IDs that one look at a folder takes */
    BUDGET_MS = 500,         /* of one page */
};

/* Which jobs. Texts are the query's own. */
struct choice {
    char *state; /* words, with commas between them; NULL: any, as the others */
    char *model; /* a pattern of fnmatch(3) */
    char *user;
    bool own; /* … who may see no others' jobs and runs */
    char *run;
    char *name;
    int64_t since_ms; /* submitted from then on; 0: any */
    int64_t until_ms; /* … and before then; INT64_MAX: any */
    size_t limit;
    struct cursor cursor;
};

struct page {
    STAILQ_ENTRY(page) entry;
    struct listing *listing;
    struct request *request; /* NULL: it is gone */
    char token_id[TOKEN_ID_SIZE];
    struct choice choice;
    bool progress; /* how far the run is; no jobs */

    /* What the pool made of it. */
    struct buffer text;
    size_t count;
    bool more;
    struct mono begun;
    struct error error;
};

struct listing {
    struct jobs *jobs;
    uv_work_t work;
    STAILQ_HEAD(, page) waiting; /* the first is being made */
    size_t count;
    struct share *share;
    struct page *current;

    /* The pool's. */
    struct slab slab;
    struct reasons *reasons;
};

struct listing *listing_new(struct jobs *jobs)
{
    struct listing *listing = xcalloc(1, sizeof *listing);

    listing->jobs = jobs;
    listing->work.data = listing;
    listing->share = share_new(WAITING_MAX);
    listing->reasons = reasons_new(jobs->front->spool);
    STAILQ_INIT(&listing->waiting);
    return listing;
}

void listing_free(struct listing *listing)
{
    if (listing == NULL)
        return;
    share_free(listing->share);
    slab_free(&listing->slab);
    reasons_free(listing->reasons);
    free(listing);
}

static void page_free(struct page *page)
{
    free(page->choice.state);
    free(page->choice.model);
    free(page->choice.user);
    free(page->choice.run);
    free(page->choice.name);
    buffer_free(&page->text);
    free(page);
}

/* --- in the pool: which jobs --------------------------------------------------------------------- */

/* Whether a word is one of those with commas between them. */
static bool among(const char *words, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = words; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool span_fits(struct jsonspan span, const char *pattern)
{
    struct buffer text = {0};
    bool fits = span.text != NULL && jsonspan_string(span, &text) &&
                fnmatch(pattern, text.bytes != NULL ? text.bytes : "", 0) == 0;

    buffer_free(&text);
    return fits;
}

static bool fits(const struct choice *choice, const struct brief *brief)
{
    return (choice->state == NULL || among(choice->state, brief->state)) &&
           (choice->user == NULL || brief_is_of(brief, choice->user)) &&
           (choice->model == NULL || span_fits(brief->model, choice->model)) &&
           brief->submitted_ms >= choice->since_ms && brief->submitted_ms < choice->until_ms;
}

/* Whether a folder can have jobs of a wanted state. */
static bool folder_wanted(const struct choice *choice, enum folder folder)
{
    static const struct {
        enum folder folder;
        const char *state;
    } states[] = {
        {FOLDER_CUR, "waiting"},   {FOLDER_CUR, "delayed"},      {FOLDER_CUR, "held"},
        {FOLDER_CUR, "running"},   {FOLDER_FAILED, "failed"},    {FOLDER_FAILED, "cancelled"},
        {FOLDER_FAILED, "expired"}, {FOLDER_DONE, "completed"},
    };

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (states[i].folder == folder &&
            (choice->state == NULL || among(choice->state, states[i].state)))
            return true;
    }
    return false;
}

/* Adds a job where it is selected. */
static void try_job(struct page *page, const struct id *id)
{
    struct listing *listing = page->listing;
    struct brief brief;

    if (!brief_read(&brief, listing->jobs->front->spool, id, listing->reasons))
        return;
    if (fits(&page->choice, &brief)) {
        buffer_text(&page->text, page->count++ > 0 ? "," : "");
        brief_write(&brief, false, &page->text);
    }
    brief_clear(&brief);
}

static bool page_ends(const struct page *page)
{
    return page->count == page->choice.limit ||
           clock_mono(&clock_system).ms - page->begun.ms >= BUDGET_MS;
}

/* --- in the pool: where they are ----------------------------------------------------------------- */

/* Goes through the folder of the cursor, which follows. Returns whether all of it was seen. */
static bool walk_folder(struct page *page)
{
    struct listing *listing = page->listing;
    const struct spool *spool = listing->jobs->front->spool;
    struct cursor *cursor = &page->choice.cursor;
    struct slab *slab = &listing->slab;
    int64_t at = slab_seek(slab, spool, cursor, SLAB, clock_mono(&clock_system));

    if (at < 0) {
        error_system(&page->error, (int)-at, "%s/%s cannot be listed", spool->path,
                     folder_name(cursor->folder));
        return false;
    }
    for (; (size_t)at < slab->count; at++) {
        if (page_ends(page))
            return false;
        try_job(page, &slab->ids[at]);
        cursor->id = slab->ids[at];
        cursor->after = true;
    }
    return slab->last;
}

/* From cur/ on, so that what moves on meanwhile is met twice and not missed. */
static void walk(struct page *page)
{
    static const enum folder order[] = {FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE};
    struct cursor *cursor = &page->choice.cursor;
    size_t i = 0;

    while (order[i] != cursor->folder)
        i++;
    while (i < sizeof order / sizeof order[0]) {
        bool through = !folder_wanted(&page->choice, order[i]) || walk_folder(page);

        if (page->error.kind != ERROR_NONE)
            return;
        if (through)
            i++;
        if (through && i < sizeof order / sizeof order[0])
            *cursor = (struct cursor){.folder = order[i]};
        if (!through && page_ends(page)) {
            page->more = true;
            return;
        }
    }
}

/* A run's jobs come in the order of its input. */
static void walk_run(struct page *page)
{
    struct choice *choice = &page->choice;
    uint64_t next = choice->cursor.in_run ? choice->cursor.position : 0;
    size_t count = 0;
    struct member *members =
        members_read(page->listing->jobs->front->spool, choice->run, &count, &page->error);

    choice->cursor = (struct cursor){.in_run = true};
    for (size_t i = 0; members != NULL && i < count; i++) {
        if (members[i].position < next || members[i].refused)
            continue;
        if (page_ends(page)) {
            choice->cursor.position = members[i].position;
            page->more = true;
            break;
        }
        try_job(page, &members[i].id);
    }
    free(members);
}

static void find_name(struct page *page)
{
    struct reference reference;

    if (layout_name_ok(page->choice.name) &&
        locate_reference(page->listing->jobs->front->spool, page->choice.name, &reference, NULL) ==
            0)
        try_job(page, &reference.id);
}

static void make_jobs(struct page *page)
{
    char next[CURSOR_SIZE];

    buffer_text(&page->text, "{\"jobs\":[");
    if (page->choice.name != NULL)
        find_name(page);
    else if (page->choice.run != NULL)
        walk_run(page);
    else
        walk(page);
    cursor_write(&page->choice.cursor, next);
    if (page->more)
        buffer_printf(&page->text, "],\"next\":\"%s\"}\n", next);
    else
        buffer_text(&page->text, "],\"next\":null}\n");
}

static void make_progress(struct page *page)
{
    const struct spool *spool = page->listing->jobs->front->spool;
    struct wall now = clock_wall(&clock_system);
    struct standing standing;
    json_t *failures = NULL, *told;

    if (standing_read(spool, page->choice.run, now, &standing, &failures, &page->error) == 0) {
        told = standing_json(page->choice.run, &standing, failures, NULL, now);
        jsontext_write(&page->text, told);
        buffer_byte(&page->text, '\n');
        json_decref(told);
    }
    json_decref(failures);
}

static void make(uv_work_t *work)
{
    struct listing *listing = work->data;
    struct page *page = listing->current;

    page->begun = clock_mono(&clock_system);
    if (page->choice.own && page->choice.run != NULL &&
        runowner_check(listing->jobs->front->spool, page->choice.run, page->choice.user,
                       &page->error) < 0)
        return;
    if (page->progress)
        make_progress(page);
    else
        make_jobs(page);
}

/* --- on the loop --------------------------------------------------------------------------------- */

static void start(struct listing *listing);

static void answer(struct page *page)
{
    struct request *request = page->request;

    if (request == NULL)
        return;
    if (page->error.kind == ERROR_ABSENT || page->error.kind == ERROR_USAGE)
        request_problem(request, MHD_HTTP_NOT_FOUND, "not-found", "%s", page->error.text);
    else if (page->error.kind != ERROR_NONE)
        jobs_unavailable(request, "%s", page->error.text);
    else
        request_reply(request, MHD_HTTP_OK, "application/json", &page->text);
}

static void made(uv_work_t *work, int status)
{
    struct listing *listing = work->data;
    struct page *page = listing->current;

    (void)status;
    STAILQ_REMOVE_HEAD(&listing->waiting, entry);
    listing->count--;
    share_give(listing->share, page->token_id);
    listing->jobs->busy--;
    if (!STAILQ_EMPTY(&listing->waiting))
        start(listing);
    answer(page);
    page_free(page);
}

static void start(struct listing *listing)
{
    listing->current = STAILQ_FIRST(&listing->waiting);
    listing->jobs->busy++;
    (void)uv_queue_work(listing->jobs->front->loop, &listing->work, make, made);
}

/* request_gone */
static void gone(void *state)
{
    ((struct page *)state)->request = NULL;
}

/* Has a page made; it is taken over. */
static void add(struct page *page)
{
    struct listing *listing = page->listing;

    if (listing->count >= WAITING_MAX) {
        jobs_unavailable(page->request, "too many listings are being made");
        page_free(page);
        return;
    }
    if (!share_room(listing->share, page->token_id)) {
        jobs_crowded(page->request, "listings that are being made");
        page_free(page);
        return;
    }
    share_take(listing->share, page->token_id);
    request_wait(page->request, gone, page);
    STAILQ_INSERT_TAIL(&listing->waiting, page, entry);
    if (listing->count++ == 0)
        start(listing);
}

static struct page *page_new(struct request *request)
{
    struct page *page = xcalloc(1, sizeof *page);

    page->listing = request->front->jobs->listing;
    page->request = request;
    memcpy(page->token_id, request->token_id, sizeof page->token_id);
    return page;
}

/* --- queries --------------------------------------------------------------------------------------- */

/* A time, or how long ago. */
static bool read_time(const struct request *request, const char *name, int64_t *ms)
{
    const char *text = request_query(request, name);
    struct wall time;
    int64_t ago;

    if (text == NULL)
        return true;
    if (timetext_read(text, &time) == 0) {
        *ms = time.ms;
        return true;
    }
    if (timetext_read_duration(text, &ago) < 0)
        return false;
    *ms = clock_wall(request->front->clock).ms - ago;
    return true;
}

static bool read_limit(const struct request *request, size_t *limit)
{
    const char *text = request_query(request, "limit");
    char *end;
    unsigned long number;

    *limit = LIMIT_DEFAULT;
    if (text == NULL)
        return true;
    number = strtoul(text, &end, 10);
    *limit = number < LIMIT_MAX ? number : LIMIT_MAX;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number > 0;
}

static bool read_cursor(const struct request *request, struct choice *choice)
{
    const char *text = request_query(request, "cursor");

    choice->cursor = (struct cursor){.folder = FOLDER_CUR, .in_run = choice->run != NULL};
    return text == NULL || (cursor_read(text, &choice->cursor) &&
                            choice->cursor.in_run == (choice->run != NULL));
}

/* Words that are no states would select nothing, without a word. */
static bool read_states(struct choice *choice)
{
    static const char *const states[] = {"waiting",   "delayed", "held",      "running",
                                         "completed", "failed",  "cancelled", "expired"};
    size_t known = 0;

    if (choice->state == NULL)
        return true;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        known += among(choice->state, states[i]);
    for (const char *comma = strchr(choice->state, ','); comma != NULL;
         comma = strchr(comma + 1, ','))
        known--;
    return known == 1;
}

/* What of the query is wrong, or NULL. */
static const char *read_choice(const struct request *request, struct choice *choice)
{
    choice->until_ms = INT64_MAX;
    choice->state = xstrdup(request_query(request, "state"));
    choice->model = xstrdup(request_query(request, "model"));
    choice->user = xstrdup(request_query(request, "user"));
    choice->run = xstrdup(request_query(request, "run"));
    choice->name = xstrdup(request_query(request, "name"));
    if (!read_states(choice))
        return "state is one or more, with commas between them, of waiting, delayed, held, running, "
               "completed, failed, cancelled, expired";
    if (!read_time(request, "since", &choice->since_ms))
        return "since is a time (RFC 3339) or how long ago (such as 2h)";
    if (!read_time(request, "until", &choice->until_ms))
        return "until is a time (RFC 3339) or how long ago (such as 2h)";
    if (!read_limit(request, &choice->limit))
        return "limit is a number from 1 to 1000";
    if (!read_cursor(request, choice))
        return "cursor is what next said, for the same query";
    return NULL;
}

/* Who may see his own jobs only sees those. */
static bool restrict_user(const struct request *request, struct choice *choice)
{
    choice->own = jobs_restricted(request);
    if (choice->own && choice->user == NULL)
        choice->user = xstrdup(request->caller.user);
    return !choice->own || strcmp(choice->user, request->caller.user) == 0;
}

static void get_jobs(struct request *request)
{
    struct page *page = page_new(request);
    const char *flaw = read_choice(request, &page->choice);

    if (flaw != NULL) {
        request_problem(request, MHD_HTTP_BAD_REQUEST, "bad-request", "%s", flaw);
        page_free(page);
    } else if (!restrict_user(request, &page->choice)) {
        request_problem(request, MHD_HTTP_FORBIDDEN, "forbidden",
                        "these are another user's jobs");
        page_free(page);
    } else {
        add(page);
    }
}

static void get_run(struct request *request)
{
    struct page *page = page_new(request);

    page->progress = true;
    page->choice.run = xstrdup(request->params[0]);
    (void)restrict_user(request, &page->choice);
    add(page);
}

const struct route listing_routes[] = {
    {"GET", "/v1/jobs", SCOPE_READ, 0, get_jobs},
    {"GET", "/v1/runs/{run}", SCOPE_READ, 0, get_run},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
