/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exposition: see exposition.h. */
#include "client/exposition.h"

#include <stdlib.h>
#include <string.h>

#include "base/promtext.h"
#include "spool/file.h"

enum { METRICS_LIMIT = 8 * 1024 * 1024 };

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool exposition_sound(const struct buffer *text)
{
    const char *line = text->bytes;

    if (text->length == 0 || text->bytes[text->length - 1] != '\n' ||
        memchr(text->bytes, '\0', text->length) != NULL)
        return false;
    while (*line != '\0') {
        if (!begins(line, "llmspool_") && !begins(line, "# HELP llmspool_") &&
            !begins(line, "# TYPE llmspool_"))
            return false;
        line = strchr(line, '\n') + 1;
    }
    return true;
}

/* The whole seconds of the first sample of a name; -1: there is none. */
static int64_t sample_seconds(const struct buffer *text, const char *name)
{
    const char *line = text->bytes;
    size_t length = strlen(name);

    while (line != NULL && *line != '\0') {
        if (strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == '{')) {
            const char *end = strchr(line, '\n');
            const char *number = memrchr(line, ' ', (size_t)(end - line));

            return number != NULL ? strtoll(number + 1, NULL, 10) : -1;
        }
        line = strchr(line, '\n') + 1;
    }
    return -1;
}

static void write_age(struct buffer *out, const struct buffer *text, const char *name,
                      const char *of, const char *help, struct wall now)
{
    int64_t since = sample_seconds(text, of);
    int64_t age = now.ms / 1000 - since;

    promtext_family(out, name, PROMTEXT_GAUGE, help);
    if (since >= 0)
        promtext_sample(out, name, NULL, age > 0 ? (double)age : 0);
}

static void write_flag(struct buffer *out, const char *name, const char *help, bool flag)
{
    promtext_family(out, name, PROMTEXT_GAUGE, help);
    promtext_sample(out, name, NULL, flag);
}

void exposition_write(struct buffer *out, const struct spool *spool, struct wall now)
{
    struct buffer text = {0};
    bool readable =
        file_read_at(spool->dir[FOLDER_STATE], "metrics.prom", METRICS_LIMIT, &text, NULL) == 0 &&
        exposition_sound(&text);

    if (!readable)
        buffer_free(&text);
    buffer_append(out, text.bytes, text.length);
    write_flag(out, "llmspool_up", "1 when a daemon owns the spool.", spool_owned(spool));
    write_flag(out, "llmspool_metrics_readable",
               "1 when the daemon's metrics could be read and passed on.", readable);
    write_age(out, &text, "llmspool_metrics_age_seconds", "llmspool_last_write_timestamp_seconds",
              "How old the daemon's metrics are.", now);
    write_age(out, &text, "llmspool_oldest_waiting_age_seconds",
              "llmspool_oldest_waiting_timestamp_seconds",
              "How long the longest-waiting of the jobs that may be sent has waited; absent while "
              "none waits.",
              now);
    buffer_free(&text);
}
