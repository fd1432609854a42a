#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A spool of a group: three accounts, who may read, order and speak for whom.

load rig

@test "with visibility = owner a job's files are its user's alone, and commands say so" {
    scenario shared.py owner_alone
}

@test "so are jobs that wait, are refused, lines of lists, and runs" {
    scenario shared.py owner_waiting
}

@test "so is the answer so far" {
    scenario shared.py owner_streaming
}

@test "so is what comes back from an archive" {
    scenario shared.py owner_archived
}

@test "so are batches and flows" {
    scenario shared.py owner_runs
}

@test "and so is what others would have of them by being after them" {
    scenario shared.py owner_parents
}

@test "visibility is taken up at a start and by SIGHUP, for what comes then" {
    scenario shared.py owner_and_back
}

@test "over HTTP a token's jobs are its user's, and so are its orders" {
    scenario shared.py over_http
}

@test "nobody speaks for another, but a trusted dropper" {
    scenario shared.py nobody_is_spoofed
}

@test "orders for another's jobs are not obeyed" {
    scenario shared.py no_foreign_order
}

@test "a flow is not cancelled or replaced by another" {
    scenario shared.py no_foreign_flow
}

@test "what was given up is not brought back for another" {
    scenario shared.py no_foreign_redelivery
}

@test "a drop that cannot be read waits with its reason" {
    scenario shared.py unreadable_drop
}

@test "mail is sent to whoever submits, and to others where somebody in charge says so" {
    scenario shared.py mail_to_strangers
}
