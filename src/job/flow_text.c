/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_text: the places {{outputs.PARENT.FIELD}} of one text. */
#include "job/flow_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "job/refusal.h"

static const char begin[] = "outputs.";

/* The next place in text: its "{{", and behind it what is between the braces. Braces with anything but
 * outputs. behind them are text. */
static const char *find_place(const char *text, const char *end, const char **inside)
{
    const char *at = text;

    while ((at = memmem(at, (size_t)(end - at), "{{", 2)) != NULL) {
        *inside = at + 2;
        while (*inside < end && **inside == ' ')
            (*inside)++;
        if ((size_t)(end - *inside) >= sizeof begin - 1 &&
            memcmp(*inside, begin, sizeof begin - 1) == 0)
            return at;
        at++;
    }
    return NULL;
}

/* Parts a reference into parent and path: names may have dots, so the longest parent is meant. */
static bool part_reference(const char *text, size_t length, json_t *parents,
                           struct flow_place *place)
{
    char *word = xstrndup(text, length);
    size_t cut = length;

    place->parent = NULL;
    place->path = NULL;
    while (cut > 0) {
        char kept = word[cut];

        word[cut] = '\0';
        void *found = json_object_iter_at(parents, word);
        word[cut] = kept;
        if (found != NULL) {
            place->parent = json_object_iter_key(found);
            if (cut < length)
                place->path = xstrdup(word + cut + (word[cut] == '.'));
            break;
        }
        for (cut--; cut > 0 && word[cut] != '.' && word[cut] != '/'; cut--)
            ;
    }
    free(word);
    return place->parent != NULL;
}

static int place_unknown(const char *text, size_t length, struct error *error)
{
    char shown[REFUSAL_QUOTE_SIZE];
    char *reference = xstrndup(text, length);

    error_set(error, ERROR_DATA,
              "a text has {{outputs.%s}}, which begins with no name or ID that \"after\" has",
              refusal_quote(reference, shown));
    free(reference);
    return -1;
}

static int visit_place(const char *text, size_t length, json_t *parents, flow_visit *visit,
                       void *context, struct buffer *out, struct error *error)
{
    struct flow_place place;

    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (!part_reference(text, length, parents, &place))
        return place_unknown(text, length, error);
    int result = visit(context, &place, out, error);
    free(place.path);
    return result;
}

int flow_text(const char *text, size_t length, json_t *parents, flow_visit *visit,
              void *context, struct buffer *out, struct error *error)
{
    const char *end = text + length;
    const char *inside, *at;

    while ((at = find_place(text, end, &inside)) != NULL) {
        const char *reference = inside + sizeof begin - 1;
        const char *close = memmem(reference, (size_t)(end - reference), "}}", 2);

        if (close == NULL) {
            error_set(error, ERROR_DATA, "a text has {{outputs. without its }}");
            return -1;
        }
        buffer_append(out, text, (size_t)(at - text));
        if (visit_place(reference, (size_t)(close - reference), parents, visit, context, out,
                        error) < 0)
            return -1;
        text = close + 2;
    }
    buffer_append(out, text, (size_t)(end - text));
    return 0;
}
