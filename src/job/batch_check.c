/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch_check: is a file of batch lines one that OpenAI's validation would let through. */
#include "job/batch_check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/xalloc.h"

/* A custom_id by its digest: a million of them need little memory. */
struct seen {
    unsigned char digest[SHA256_SIZE];
    uint32_t line;
};

struct batch_check {
    struct seen *seen;
    size_t count;
    size_t capacity;
    const struct batch_endpoint *endpoint;
    char *model;
    size_t model_line;
    const char *reason; /* of the first bad line; NULL: none so far */
    struct error error;
    size_t bad_line;
    size_t bad; /* bad lines */
};

struct batch_check *batch_check_new(void)
{
    return xcalloc(1, sizeof(struct batch_check));
}

void batch_check_free(struct batch_check *check)
{
    if (check != NULL) {
        free(check->seen);
        free(check->model);
        free(check);
    }
}

/* Notes a bad line; the first is told. Lines come in order, duplicates at the end. */
static bool fault(struct batch_check *check, size_t number, const struct refusal *refusal)
{
    check->bad++;
    if (check->reason == NULL || number < check->bad_line) {
        check->reason = refusal->reason;
        check->bad_line = number;
        check->error = *refusal->error;
    }
    return false;
}

static void remember(struct batch_check *check, const char *custom_id, size_t number)
{
    struct seen *seen;
    if (check->count == check->capacity) {
        check->capacity = 2 * check->capacity + 64;
        check->seen = xrealloc(check->seen, check->capacity * sizeof *check->seen);
    }
    seen = &check->seen[check->count++];
    sha256_digest(custom_id, strlen(custom_id), seen->digest);
    seen->line = (uint32_t)number;
}

/* A file has one endpoint and one model: those of its first line. */
static int check_same(struct batch_check *check, size_t number, const struct batch_line *line,
                      struct refusal *refusal)
{
    char shown[REFUSAL_QUOTE_SIZE], first[REFUSAL_QUOTE_SIZE];
    if (check->endpoint == NULL) {
        check->endpoint = line->endpoint;
        check->model = xstrdup(line->model);
        check->model_line = number;
    }
    if (line->endpoint != check->endpoint) {
        return refuse(refusal, "url_mismatch",
                      "\"url\" is %s, and %s in the first line: a batch has one endpoint",
                      line->endpoint->url, check->endpoint->url);
    }
    const char *model = line->model != NULL ? line->model : "";
    const char *wanted = check->model != NULL ? check->model : "";
    if (strcmp(model, wanted) != 0) {
        return refuse(refusal, "model_mismatch",
                      "the model is \"%s\", and \"%s\" in line %zu: a batch has one model; put the "
                      "lines of another into a file of their own",
                      refusal_quote(model, shown), refusal_quote(wanted, first), check->model_line);
    }
    return 0;
}

bool batch_check_line(struct batch_check *check, size_t number, const char *text, size_t length,
                      struct batch_line *line, json_t **document)
{
    struct error error;
    struct refusal refusal = {"invalid_json_line", &error};
    *document = jsontext_read(text, length, &error);
    if (*document == NULL) {
        return fault(check, number, &refusal);
    }
    if (batch_line_read(*document, line, &refusal) == 0 &&
        check_same(check, number, line, &refusal) == 0) {
        remember(check, line->custom_id, number);
        return true;
    }
    json_decref(*document);
    *document = NULL;
    return fault(check, number, &refusal);
}

static int compare_seen(const void *a, const void *b)
{
    const struct seen *left = a;
    const struct seen *right = b;
    int order = memcmp(left->digest, right->digest, SHA256_SIZE);
    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static void find_duplicates(struct batch_check *check)
{
    struct error error;
    struct refusal refusal = {NULL, &error};
    if (check->count > 1) {
        qsort(check->seen, check->count, sizeof *check->seen, compare_seen);
    }
    for (size_t i = 1; i < check->count; i++) {
        const struct seen *before = &check->seen[i - 1];
        if (memcmp(before->digest, check->seen[i].digest, SHA256_SIZE) == 0) {
            refuse(&refusal, "duplicate_custom_id", "its custom_id is that of line %lu, too",
                   (unsigned long)before->line);
            fault(check, check->seen[i].line, &refusal);
        }
    }
}

int batch_check_end(struct batch_check *check, struct refusal *refusal)
{
    find_duplicates(check);
    if (check->bad == 0 && check->count == 0) {
        return refuse(refusal, "empty_file", "it has no lines");
    }
    if (check->count > BATCH_LINES_LIMIT) {
        return refuse(refusal, "too_many_tasks", "it has %zu lines, and the limit is %d",
                      check->count, BATCH_LINES_LIMIT);
    }
    if (check->bad == 0) {
        return 0;
    }
    if (check->bad == 1) {
        return refuse(refusal, check->reason, "line %zu: %s", check->bad_line, check->error.text);
    }
    return refuse(refusal, check->reason, "line %zu: %s; %zu more line%s wrong", check->bad_line,
                  check->error.text, check->bad - 1, check->bad == 2 ? " is" : "s are");
}

const struct batch_endpoint *batch_check_endpoint(const struct batch_check *check)
{
    return check->endpoint;
}

const char *batch_check_model(const struct batch_check *check)
{
    return check->model;
}
