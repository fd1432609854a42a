#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Files that jobs attach. The scenarios are in attach.py.

bats_require_minimum_version 1.5.0
load rig

@test "each protocol gets the bytes of attached files as they are, in its own form" {
    scenario attach.py each_protocol
}

@test "a file is stored once, and the same file elsewhere is the same job" {
    scenario attach.py one_job
}

@test "what no model takes is told before anything is dropped" {
    scenario attach.py not_attached
}

@test "a wrong digest and what is too large are refused, kept, with the limit named" {
    scenario attach.py refused
}

@test "an estimate counts what is attached" {
    scenario attach.py estimated
}

@test "jobs and lines that come before their attachments wait for them and say so" {
    scenario attach.py blob_after_job
}

@test "files go to what the template of a typed job asks" {
    scenario attach.py typed
}

@test "what a waiting step attaches is kept, and sent when it is the step's turn" {
    scenario attach.py steps
}

@test "a job or step whose attachment does not come is refused in time and kept" {
    scenario attach.py blob_never
}

@test "an attachment that is lost or damaged is not sent, and a new drop mends it" {
    scenario attach.py damaged_before_sending
}

# bats test_tags=sweep
@test "killed before and after each call of taking an attachment, no job is lost" {
    scenario attach.py taking_killed
}

@test "an attachment stays while a job refers to it, and goes when it is old and none does" {
    scenario attach.py kept_while_referred
}

@test "forgetting a job removes what only it had attached" {
    scenario attach.py gone_with_the_job
}

@test "a submission never loses its attachment to a prune beside it" {
    scenario attach.py beside_submissions
}

# bats test_tags=sweep
@test "killed before and after each call, prune keeps what is referred to and the next run ends it" {
    scenario attach.py removing_killed
}

@test "what a killed prune had moved aside comes back when a job needs it" {
    scenario attach.py back_from_a_kill
}

@test "attachments of other users are copied" {
    scenario attach.py of_others
}

@test "large attachments in flight are bounded" {
    scenario attach.py memory
}
