/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_output: outputs in done/: whole, of the form of the schema, with their job, without gaps.
 */
#include "retain/check_topic.h"

#include <string.h>

#include "base/jsontext.h"
#include "job/record.h"
#include "retain/check_form.h"

enum { GAP_TRIES = 100000 }; /* versions below one that are looked for */

static bool look_at_content(struct check *check, const struct check_entry *entry,
                            const json_t *document)
{
    char why[200];

    switch (record_output_flaw(document, &entry->is.id, entry->is.version)) {
    case RECORD_OTHER:
        check_suspect(check, CHECK_OUTPUT_ID, "says another job or version than its name");
        return false;
    case RECORD_DIGEST:
        check_suspect(check, CHECK_OUTPUT_SHA256, "its sha256 is not that of its output");
        return false;
    default:
        break;
    }
    if (!form_fits(FORM_OUTPUT, document, why, sizeof why)) {
        check_suspect(check, CHECK_OUTPUT_SCHEMA, "%s", why);
    }
    return true;
}

/* Whether a lower version is there although the one just below is not. */
static void look_for_gap(struct check *check, const struct check_entry *entry)
{
    unsigned version = entry->is.version - 1;
    unsigned least = version > GAP_TRIES ? version - GAP_TRIES : 0;

    for (unsigned lower = version; lower > least; lower--) {
        if (check_there(check, FOLDER_DONE, ENTRY_OUTPUT, &entry->is.id, lower, NULL)) {
            if (lower < version) {
                check_suspect(check, CHECK_VERSION_GAP,
                              "is there, and so is version %u, but not %u", lower, version);
            }
            return;
        }
    }
}

/* Told of the lowest version: a finished job has a good one. */
static void look_for_good(struct check *check, const struct check_entry *entry, bool good)
{
    const struct id *id = &entry->is.id;
    unsigned version = entry->is.version;

    if (!good && !check_there(check, FOLDER_DONE, ENTRY_OUTPUT, id, version - 1, NULL) &&
        check_good_from(check, id, version) == 0) {
        check_suspect(check, CHECK_DONE_NO_GOOD,
                      "its job counts as done, and no version of it is completed");
    }
}

/* Whether any version is good, looked for from the lowest on. */
static bool has_good(const struct check *check, const struct check_entry *entry)
{
    const struct id *id = &entry->is.id;
    unsigned lowest = check_version_from(check, id, 1, entry->is.version);

    return check_good_from(check, id, lowest != 0 ? lowest : entry->is.version) != 0;
}

static void look_for_job(struct check *check, const struct check_entry *entry, bool good)
{
    const struct id *id = &entry->is.id;

    switch (check_job_place(check, id)) {
    case FOLDER_CUR:
        break;
    case FOLDER_DONE:
        look_for_good(check, entry, good);
        break;
    case FOLDER_FAILED: /* a good one is told of with the job */
        if (!good && !has_good(check, entry)) {
            check_suspect(check, CHECK_OUTPUT_ORPHAN, "its job is in failed/");
        }
        break;
    default:
        if (!check_there(check, FOLDER_DONE, ENTRY_GONE, id, 0, NULL)) {
            check_suspect(check, CHECK_OUTPUT_ORPHAN, "its job is nowhere");
        }
        break;
    }
}

void check_look_output(struct check *check, const struct check_entry *entry)
{
    struct buffer text = {0};
    struct error error;
    struct stat status;
    json_t *document = NULL;

    if (check_file(check, entry, &status) && check_read(check, entry, &text)) {
        document = jsontext_read_object(text.bytes, text.length, &error);
        if (document == NULL) {
            check_suspect(check, CHECK_OUTPUT_JSON, "%s", error.text);
        } else if (look_at_content(check, entry, document)) {
            look_for_job(check, entry,
                         strcmp(jsontext_get_text(document, "status", ""), "completed") == 0);
        }
        look_for_gap(check, entry);
    }
    json_decref(document);
    buffer_free(&text);
}
