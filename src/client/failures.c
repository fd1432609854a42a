/* SPDX-License-Identifier: GPL-2.0-or-later */
/* failures: see failures.h. */
#include "client/failures.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"

enum { INDENT = 4 };

static void put(const struct screen *screen, const char *label, int indent, const char *text)
{
    if (text != NULL) {
        screen_paragraph(screen, TONE_PLAIN, label, indent, text);
    }
}

/* What was refused at the door has no ID and is dropped anew when it is mended. */
static char *command(const json_t *group, const char *run)
{
    if (strcmp(jsontext_get_text(group, "status", ""), "refused") == 0) {
        return xstrdup("mend it and drop it anew");
    }
    return xasprintf("llmspool-ctl retry --state %s --reason %s%s%s",
                     jsontext_get_text(group, "status", "failed"),
                     jsontext_get_text(group, "reason", ""), run != NULL ? " --run " : "",
                     run != NULL ? run : "");
}

static void print_group(const struct screen *screen, const json_t *group, const char *run)
{
    const char *sample = jsontext_get_text(group, "id", jsontext_get_text(group, "name", "one"));
    long jobs = (long)jsontext_get_int(group, "jobs", 0);
    char *label = xasprintf("    %.12s: ", sample);
    char *again = command(group, run);

    screen_line(screen, TONE_BAD, "%ld %s: %s", jobs, jsontext_get_text(group, "status", ""),
                jsontext_get_text(group, "reason", ""));
    put(screen, label, (int)strlen(label), jsontext_get_text(group, "message", NULL));
    put(screen, "    what to do: ", INDENT + 12, jsontext_get_text(group, "advice", NULL));
    put(screen, "    again: ", INDENT + 7, again);
    free(label);
    free(again);
}

void failures_print(const struct screen *screen, const json_t *groups, size_t most,
                    const char *run)
{
    size_t count = json_array_size(groups);

    for (size_t i = 0; i < count && i < most; i++) {
        print_group(screen, json_array_get(groups, i), run);
    }
    if (count > most) {
        screen_line(screen, TONE_FAINT, "and %zu other reasons (--json)", count - most);
    }
}
