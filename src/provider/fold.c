/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fold: the events of a stream put together to one document. */
#include "provider/fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* The text of a member, or NULL. New ones are most often asked for again: the search begins with
 * them. */
static struct fold_text *find_text(const struct fold *fold, const json_t *owner, const char *key)
{
    for (size_t i = fold->count; i > 0; i--) {
        struct fold_text *text = &fold->texts[i - 1];
        if (text->owner == owner && strcmp(text->key, key) == 0) {
            return text;
        }
    }
    return NULL;
}

/* A new text; NULL: there are too many. */
static struct fold_text *add_text(struct fold *fold, json_t *owner, const char *key)
{
    if (fold->count == FOLD_TEXT_LIMIT) {
        return NULL;
    }
    if ((fold->count & (fold->count - 1)) == 0) {
        size_t room = fold->count == 0 ? 1 : 2 * fold->count;
        fold->texts = xrealloc(fold->texts, room * sizeof *fold->texts);
    }
    fold->texts[fold->count] = (struct fold_text){.owner = json_incref(owner), .key = key};
    return &fold->texts[fold->count++];
}

bool fold_append(struct fold *fold, json_t *owner, const char *key, const json_t *piece)
{
    if (!json_is_string(piece)) {
        return true;
    }
    struct fold_text *text = find_text(fold, owner, key);
    text = text != NULL ? text : add_text(fold, owner, key);
    if (text == NULL) {
        return false;
    }
    buffer_append(&text->text, json_string_value(piece), json_string_length(piece));
    return true;
}

const struct buffer *fold_look(const struct fold *fold, const json_t *owner, const char *key)
{
    const struct fold_text *text = find_text(fold, owner, key);
    return text == NULL ? NULL : &text->text;
}

void fold_show(struct fold *fold, const json_t *piece)
{
    if (json_is_string(piece)) {
        buffer_append(&fold->text, json_string_value(piece), json_string_length(piece));
    }
}

void fold_settle(struct fold *fold)
{
    for (size_t i = 0; i < fold->count; i++) {
        struct fold_text *text = &fold->texts[i];
        const char *bytes = text->text.bytes != NULL ? text->text.bytes : "";
        json_object_set_new(text->owner, text->key, json_stringn(bytes, text->text.length));
        buffer_free(&text->text);
        json_decref(text->owner);
    }
    fold->count = 0;
}

void fold_clear(struct fold *fold)
{
    for (size_t i = 0; i < fold->count; i++) {
        buffer_free(&fold->texts[i].text);
        json_decref(fold->texts[i].owner);
    }
    free(fold->texts);
    buffer_free(&fold->text);
    json_decref(fold->document);
    *fold = (struct fold){.document = NULL};
}
