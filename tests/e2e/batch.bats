#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# OpenAI Batch files dropped into a spool. The scenarios are in batch.py.

bats_require_minimum_version 1.5.0
load rig
load node

@test "OpenAI's documented example file works as it is" {
    scenario batch.py documented_example
}

@test "chats, completions, embeddings and responses are answered in their own forms" {
    scenario batch.py endpoints
}

@test "a line and the same question dropped natively are one job" {
    scenario batch.py same_job
}

@test "whoever answers, the body has the form of the line's endpoint" {
    scenario batch.py any_provider
}

@test "OpenAI's client reads the results as it reads its own" {
    node_packages
    install -D -m 644 "$LLMSPOOL_SOURCE/tests/e2e/batch.mjs" "$node_folder/run/batch.mjs"
    export NODE_FOLDER=$node_folder
    scenario batch.py official_client
}

@test "without stored responses the bodies are made of the outputs" {
    scenario batch.py not_stored
}

@test "a file that OpenAI's validation would fail is refused as a whole, with line and reason" {
    scenario batch.py refused_files
}

@test "a body that is no job costs its own line alone" {
    scenario batch.py refused_lines
}

@test "a run keeps its file: the same again is answered, another refused" {
    scenario batch.py other_file_of_that_name
}

@test "a batch that is still being written is not judged" {
    scenario batch.py written_in_place
}

@test "cancelled lines are told with batch_cancelled" {
    scenario batch.py cancelled
}

@test "expired lines are told with batch_expired" {
    scenario batch.py expired
}

@test "a retry has the results of all batches that share the job written again" {
    scenario batch.py retried
}

@test "what was told of pruned jobs stays when the results are written again" {
    scenario batch.py kept_when_pruned
}

@test "an answer that an open batch owes is not pruned" {
    scenario batch.py kept_while_open
}

@test "archived answers are in the results" {
    scenario batch.py archived
}

@test "of a forgotten job nothing stays in the files of its runs" {
    scenario batch.py forgotten
}

@test "llmspool-submit --batch hands a file over, llmspool-status tells how it stands" {
    scenario batch.py submitted
}

# bats test_tags=sweep
@test "killed at any system call, no line is lost, doubled or paid again" {
    scenario batch.py killed_at_calls
}

# bats test_tags=sweep
@test "killed at any system call of a retry, no results stay out of date" {
    scenario batch.py killed_while_retried
}
