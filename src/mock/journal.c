/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal: lines appended to a file. */
#include "mock/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"

int journal_open(const char *path, struct error *error)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        error_system(error, errno, "cannot open the ledger file %s", path);
    }
    return fd;
}

void journal_write(int fd, const struct ledger_receipt *receipt, const char *model, uint64_t nth)
{
    struct buffer line = {0};
    char hex[SHA256_HEX_SIZE];
    size_t length;

    if (fd < 0) {
        return;
    }
    if (receipt->digest != NULL) {
        hex_write(receipt->digest, SHA256_SIZE, hex);
        buffer_printf(&line, "{\"key\":\"%s\",\"prompt\":", hex);
    } else {
        buffer_text(&line, "{\"key\":null,\"prompt\":");
    }
    length = ledger_prompt_length(receipt->prompt, receipt->prompt_length);
    jsontext_write_string(&line, receipt->prompt != NULL ? receipt->prompt : "", length);
    buffer_text(&line, ",\"model\":");
    jsontext_write_string(&line, model != NULL ? model : "", model != NULL ? strlen(model) : 0);
    buffer_printf(&line, ",\"endpoint\":\"%s\"", ledger_endpoint_name(receipt->endpoint));
    if (receipt->files != NULL) {
        buffer_printf(&line, ",\"files\":%s", receipt->files);
    }
    buffer_printf(&line, ",\"nth\":%llu,\"ms\":%lld.%03lld}\n", (unsigned long long)nth,
                  (long long)(receipt->arrived_us / 1000), (long long)(receipt->arrived_us % 1000));
    if (write(fd, line.bytes, line.length) != (ssize_t)line.length) {
        (void)fprintf(stderr, "llmspool-mock: cannot write to the ledger file: %s\n",
                      strerror(errno));
        _exit(71);
    }
    buffer_free(&line);
}
