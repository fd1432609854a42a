/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order: see order.h.
 */
#include "daemon/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static const char *const order_words[] = {
    [ORDER_CANCEL] = "cancel",   [ORDER_RETRY] = "retry", [ORDER_RERUN] = "rerun",
    [ORDER_RELEASE] = "release", [ORDER_FLUSH] = "flush", [ORDER_CASCADE] = "cascade",
    [ORDER_REDELIVER] = "redeliver",
};

enum { ORDER_KINDS = sizeof order_words / sizeof order_words[0] };

const char *order_word(enum order_kind kind)
{
    return order_words[kind];
}

bool order_kind_read(const char *name, enum order_kind *kind)
{
    size_t length = strcspn(name, ".");

    if (name[length] != '.' || name[length + 1] == '\0')
        return false;
    for (size_t i = 0; i < ORDER_KINDS; i++)
        if (strlen(order_words[i]) == length && strncmp(order_words[i], name, length) == 0) {
            *kind = (enum order_kind)i;
            return true;
        }
    return false;
}

void order_add(struct order *order, const struct id *id)
{
    if (order->id_count == order->id_capacity) {
        order->id_capacity = 2 * order->id_capacity + 16;
        order->ids = xrealloc(order->ids, order->id_capacity * sizeof *order->ids);
    }
    order->ids[order->id_count++] = *id;
}

static void order_add_word(struct order *order, const char *word)
{
    order->words = xrealloc(order->words, (order->word_count + 1) * sizeof *order->words);
    order->words[order->word_count++] = xstrdup(word);
}

/* One line without its newline. Returns whether it says something that this kind of order knows. */
static bool order_line(struct order *order, const char *line)
{
    bool gates = order->kind == ORDER_RELEASE || order->kind == ORDER_FLUSH;
    bool flows = order->kind == ORDER_CANCEL || order->kind == ORDER_CASCADE;
    struct id id;

    if (line[0] == '\0')
        return true;
    if (strcmp(line, "ALL") == 0 && order->kind != ORDER_CASCADE)
        order->all = true;
    else if (id_read(line, &id))
        order_add(order, &id);
    else if (flows && strncmp(line, ORDER_FLOW, strlen(ORDER_FLOW)) == 0 &&
             layout_name_ok(line + strlen(ORDER_FLOW)))
        order_add_word(order, line);
    else if (gates && strchr(line, '/') != NULL)
        order_add_word(order, line);
    else
        return false;
    return true;
}

struct order *order_read(const char *name, enum order_kind kind, const char *text, size_t length,
                         struct error *error)
{
    struct order *order = xcalloc(1, sizeof *order);
    char *copy = xstrndup(text, length);
    char *rest = copy;
    size_t number = 0;
    char *line;

    order->name = xstrdup(name);
    order->kind = kind;
    while ((line = strsep(&rest, "\n")) != NULL) {
        number++;
        if (order_line(order, line))
            continue;
        error_set(error, ERROR_DATA, "line %zu is neither a full ID of 64 hex digits nor ALL%s",
                  number,
                  kind == ORDER_RELEASE || kind == ORDER_FLUSH ? " nor a gate (PROVIDER/MODEL)"
                                                               : "");
        order_free(order);
        order = NULL;
        break;
    }
    free(copy);
    if (order != NULL && kind == ORDER_CASCADE && order->id_count > 0) {
        order->named = xmemdup(order->ids, order->id_count * sizeof *order->ids);
        order->named_count = order->id_count;
    }
    return order;
}

void order_free(struct order *order)
{
    if (order == NULL)
        return;
    for (size_t i = 0; i < order->word_count; i++)
        free(order->words[i]);
    free(order->words);
    free(order->named);
    free(order->ids);
    free(order->owner);
    free(order->name);
    free(order);
}
