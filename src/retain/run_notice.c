/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_notice: who is to be told when a run has ended. */
#include "retain/run_notice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/random.h"
#include "job/mail.h"
#include "spool/file.h"

enum { NOTICE_LIMIT = 1 << 20, MAILS_MOST = 100 };

static bool is_good(const json_t *notice)
{
    const json_t *mails = json_object_get(notice, "mails");
    const json_t *mail;
    size_t i;

    if (json_string_value(json_object_get(notice, "since")) == NULL || !json_is_array(mails)) {
        return false;
    }
    json_array_foreach(mails, i, mail) {
        if (mail_check(mail, NULL) != 0) {
            return false;
        }
    }
    return true;
}

json_t *run_notice_read(int dir)
{
    struct buffer text = {0};
    json_t *notice = NULL;

    if (file_read_at(dir, RUN_NOTICE, NOTICE_LIMIT, &text, NULL) == 0 && text.length > 0) {
        notice = jsontext_read_object(text.bytes, text.length, NULL);
    }
    buffer_free(&text);
    if (notice != NULL && !is_good(notice)) {
        json_decref(notice);
        notice = NULL;
    }
    return notice;
}

static void add_mail(json_t *mails, const json_t *mail)
{
    const json_t *old;
    size_t i;

    json_array_foreach(mails, i, old) {
        if (json_equal(old, mail)) {
            return;
        }
    }
    if (json_array_size(mails) < MAILS_MOST) {
        json_array_append_new(mails, json_deep_copy(mail));
    }
}

int run_notice_add(const struct spool *spool, int dir, const json_t *mail)
{
    json_t *notice = run_notice_read(dir);
    struct buffer text = {0};
    char since[RANDOM_NAME_SIZE];
    int result;

    if (notice == NULL) {
        notice = json_pack("{s:s, s:[]}", "since", "", "mails");
    }
    random_name(since);
    json_object_set_new(notice, "since", json_string(since));
    if (mail != NULL) {
        add_mail(json_object_get(notice, "mails"), mail);
    }
    jsontext_write(&text, notice);
    buffer_byte(&text, '\n');
    json_decref(notice);
    result = file_replace(spool->dir[FOLDER_TMP], dir, RUN_NOTICE, 0600, text.bytes, text.length,
                          true);
    buffer_free(&text);
    return result;
}

int run_notice_remove(int dir, const char *since)
{
    json_t *notice = run_notice_read(dir);
    bool same = notice != NULL &&
                strcmp(jsontext_get_text(notice, "since", ""), since) == 0;

    json_decref(notice);
    if (!same) {
        return faccessat(dir, RUN_NOTICE, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
    }
    if (unlinkat(dir, RUN_NOTICE, 0) < 0 && errno != ENOENT) {
        return -errno;
    }
    return 1;
}

bool run_notice_is_there(const struct spool *spool, const char *run)
{
    char path[NAME_LIMIT + sizeof RUN_NOTICE];

    snprintf(path, sizeof path, "%s/" RUN_NOTICE, run);
    return faccessat(spool->dir[FOLDER_RUNS], path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
