/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal: the ledger file: one line for each request received, written before it is answered, so
 * that what was asked is known even when the mock is killed.
 *
 * Floor: mock.
 */
#ifndef MOCK_JOURNAL_H
#define MOCK_JOURNAL_H

#include <stdint.h>

#include "base/error.h"
#include "mock/ledger.h"

/* Opens the file for appending, making it if it is missing. Returns the descriptor, or -1 with
 * *error. */
int journal_open(const char *path, struct error *error);

/* Appends the line {"key", "prompt", "model", "files" where there are some, "nth", "ms"}, with one
 * write(2); key is null where
 * the request had no prompt. Does nothing when fd is -1. A line that cannot be written ends the
 * program: a ledger with gaps would be believed. */
void journal_write(int fd, const struct ledger_receipt *receipt, const char *model, uint64_t nth);

#endif
