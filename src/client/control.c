/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control: see control.h.
 */
#include "client/control.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/drop.h"
#include "client/records.h"
#include "spool/file.h"

#define HOLD "hold."

/* --- switches ------------------------------------------------------------------------------------
 */

bool control_on(const struct spool *spool, const char *name)
{
    return faccessat(spool->dir[FOLDER_CTL], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void hold_name(const struct id *id, char name[ENTRY_NAME_SIZE])
{
    strcpy(name, HOLD);
    id_write(id, name + strlen(HOLD));
}

bool control_held(const struct spool *spool, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    hold_name(id, name);
    return control_on(spool, name);
}

size_t control_switches(enum verb_kind kind, struct control_switch switches[CONTROL_SWITCHES])
{
    static const struct {
        enum verb_kind verb;
        struct control_switch turned;
    } known[] = {
        {VERB_PAUSE, {"pause", true, "paused: nothing is sent", "was paused already"}},
        {VERB_RESUME, {"pause", false, "resumed", "was not paused"}},
        {VERB_RESUME, {"drain", false, "the drain has ended", "was not draining"}},
        {VERB_DRAIN,
         {"drain", true, "draining: nothing is taken from new/", "was draining already"}},
        {VERB_UNDRAIN, {"drain", false, "the drain has ended", "was not draining"}},
    };
    size_t count = 0;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].verb == kind) {
            switches[count++] = known[i].turned;
        }
    }
    return count;
}

static int turn_switches(const struct plan *plan, struct error *error)
{
    struct control_switch switches[CONTROL_SWITCHES];
    size_t count = control_switches(plan->verb->kind, switches);
    int changed = 0;

    for (size_t i = 0; i < count; i++) {
        int result = drop_switch(plan->spool, switches[i].name, switches[i].on, error);

        if (result < 0) {
            return -1;
        }
        changed |= result;
    }
    return changed;
}

static int turn_hold(const struct plan *plan, const struct id *id, bool on, struct error *error)
{
    char name[ENTRY_NAME_SIZE];

    hold_name(id, name);
    return drop_switch(plan->spool, name, on, error);
}

static int remove_holds(const struct plan *plan, struct error *error)
{
    DIR *list = file_list(plan->spool->dir[FOLDER_CTL]);
    const struct dirent *entry;
    int changed = 0, result = 0;

    while (list != NULL && result >= 0 && file_list_next(list, &entry) == 0 && entry != NULL) {
        if (strncmp(entry->d_name, HOLD, strlen(HOLD)) == 0) {
            result = drop_switch(plan->spool, entry->d_name, false, error);
            changed |= result;
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    return result < 0 ? -1 : changed;
}

/* --- orders --------------------------------------------------------------------------------------
 */

/* The lines of an order; several are written where they are too many for one. */
struct lines {
    const struct plan *plan;
    struct buffer text;
    bool written;
};

static int lines_write(struct lines *lines, struct error *error)
{
    int result = 0;

    if (lines->text.length > 0) {
        result = drop_order(lines->plan->spool, lines->plan->verb->word, lines->text.bytes,
                            lines->text.length, error);
        lines->written = true;
    }
    buffer_clear(&lines->text);
    return result;
}

static int add_line(struct lines *lines, const char *text, struct error *error)
{
    if (lines->text.length + strlen(text) + 1 > ORDER_SIZE_LIMIT && lines_write(lines, error) < 0) {
        return -1;
    }
    buffer_text(&lines->text, text);
    buffer_byte(&lines->text, '\n');
    return 0;
}

static int add_id_line(struct lines *lines, const struct id *id, struct error *error)
{
    char text[ID_TEXT_SIZE];

    id_write(id, text);
    return add_line(lines, text, error);
}

/* Holds are switches; a doubt or poison is let go by an order. */
static int do_job(const struct plan *plan, const struct target *target, struct lines *lines,
                  struct error *error)
{
    json_t *memory;
    int result = 0;

    if (plan->verb->kind == VERB_HOLD) {
        return turn_hold(plan, &target->id, true, error);
    }
    if (plan->verb->kind != VERB_RELEASE) {
        return add_id_line(lines, &target->id, error);
    }
    memory = records_state(plan->spool, &target->id);
    if (jsontext_get_text(memory, "hold", NULL) != NULL) {
        result = add_id_line(lines, &target->id, error);
    }
    json_decref(memory);
    return result < 0 ? -1 : turn_hold(plan, &target->id, false, error);
}

/* What ALL means where the daemon finds the jobs itself. */
static int do_all(const struct plan *plan, struct lines *lines, struct error *error)
{
    int changed = plan->verb->kind == VERB_RELEASE ? remove_holds(plan, error) : 0;

    return changed < 0 || add_line(lines, "ALL", error) < 0 ? -1 : changed;
}

/* Turns the holds and gathers the lines. Returns as control_do. */
static int do_jobs(const struct plan *plan, struct lines *lines, struct error *error)
{
    int changed = plan_leaves_all(plan) ? do_all(plan, lines, error) : 0;

    for (size_t i = 0; i < plan->target_count && changed >= 0; i++) {
        int result = 0;

        if (plan->targets[i].ruling.effect == EFFECT_ACT) {
            result = do_job(plan, &plan->targets[i], lines, error);
        }
        changed = result < 0 ? result : changed | result;
    }
    for (size_t i = 0; i < plan->gate_count && changed >= 0; i++) {
        changed = add_line(lines, plan->gates[i], error) < 0 ? -1 : changed;
    }
    return changed;
}

int control_do(const struct plan *plan, struct error *error)
{
    struct lines lines = {.plan = plan};
    int changed;

    if (!plan->verb->jobs) {
        return turn_switches(plan, error);
    }
    changed = do_jobs(plan, &lines, error);
    if (changed >= 0 && lines_write(&lines, error) < 0) {
        changed = -1;
    }
    buffer_free(&lines.text);
    return changed < 0 ? -1 : changed | lines.written;
}
