/* SPDX-License-Identifier: GPL-2.0-or-later */
/* places: see places.h. */
#include "httpd/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "client/pending.h"
#include "retain/members.h"
#include "spool/file.h"

enum { LIST_LIMIT = 256 * 1024 * 1024 };

struct search {
    struct submit_context submit;
    const struct places_range *range;
    places_visit *visit;
    void *context;
};

static bool wanted(const struct places_range *range, uint64_t position)
{
    return position >= range->first && position - range->first < range->count;
}

/* A line of a list; ours: its job is what we would make of it. */
static bool tell_line(const struct search *search, uint64_t position, const char *text,
                      size_t length, bool ours)
{
    struct submit_problem problem;
    struct job *job = ours ? submit_read(&search->submit, text, length, &problem) : NULL;
    bool more = search->visit(search->context, position, job != NULL ? &job->id : NULL);

    job_free(job);
    return more;
}

/* The lines behind the header. */
static bool tell_lines(const struct search *search, uint64_t position, const struct buffer *list,
                       bool ours)
{
    const char *line = memchr(list->bytes, '\n', list->length);
    const char *end = list->bytes + list->length;

    while (line != NULL && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((next != NULL ? next : end) - line);

        if (strspn(line, " \t\r") < length) {
            if (wanted(search->range, position) &&
                !tell_line(search, position, line, length, ours))
                return false;
            position++;
        }
        line = next;
    }
    return true;
}

/* pending_list. One that is gone by now is in the manifest. What replaces has no positions itself. */
static bool tell_list(void *context, const char *name, const json_t *header)
{
    const struct search *search = context;
    const struct spool *spool = search->submit.spool;
    json_int_t first = jsontext_get_int(header, "first", 0);
    struct buffer list = {0};
    struct stat status;
    bool more = true;
    int result;

    if (first < 0 || json_object_get(header, "replace") != NULL ||
        (uint64_t)first >= search->range->first + search->range->count)
        return true;
    result = file_read_at(spool->dir[FOLDER_NEW], name, LIST_LIMIT, &list, &status);
    if (result == 0 && list.length > 0)
        more = tell_lines(search, (uint64_t)first, &list,
                          status.st_uid == geteuid() && json_object_get(header, "job") == NULL);
    else if (result < 0 && result != -ENOENT)
        more = search->visit(search->context, search->range->first, NULL);
    buffer_free(&list);
    return more;
}

static void tell_manifest(const struct search *search)
{
    const struct places_range *range = search->range;
    struct member *members;
    size_t count;
    bool more = true;

    if (!members_known(search->submit.spool, range->run))
        return;
    members = members_read(search->submit.spool, range->run, &count, NULL);
    for (size_t i = 0; members != NULL && i < count && more; i++) {
        if (wanted(range, members[i].position))
            more = search->visit(search->context, members[i].position, &members[i].id);
    }
    free(members);
}

void places_each(const struct submit_context *submit, const struct places_range *range,
                 places_visit *visit, void *context)
{
    struct search search = {*submit, range, visit, context};

    search.submit.user = NULL;
    if (pending_lists(submit->spool, range->run, tell_list, &search))
        tell_manifest(&search);
}
