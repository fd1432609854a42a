#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Jobs by HTTP. The scenarios are in jobs_http.py.

bats_require_minimum_version 1.5.0
load rig

@test "a job is posted, waited for, found by ID, name and prefix, and known when it is posted again" {
    scenario jobs_http.py one
}

@test "what the client has already is not sent again; versions are the files as they lie there" {
    scenario jobs_http.py tags
}

@test "what is no job is refused in the daemon's words, and no path of a request is opened" {
    scenario jobs_http.py wrong
}

@test "the ID that is answered is the daemon's, with templates, too" {
    scenario jobs_http.py templates
}

@test "without a daemon jobs wait and are told, over restarts of the server" {
    scenario jobs_http.py alone
}

@test "JSON Lines are taken whole or not at all, and make a run" {
    scenario jobs_http.py lines
}

@test "64 clients that post at once, also the same jobs" {
    scenario jobs_http.py together
}

@test "Idempotency-Key, over a restart" {
    scenario jobs_http.py keys
}

@test "a replay is answered with what was dropped, whatever became of templates" {
    scenario jobs_http.py replays
}

@test "a write of keys that failed spoils no other key" {
    scenario jobs_http.py unwritten
}

@test "what failed is tried again, and what is too old asked again" {
    scenario jobs_http.py again
}

@test "cancel, retry and rerun" {
    scenario jobs_http.py orders
}

@test "listings are selected and come in pages" {
    scenario jobs_http.py pages
}

@test "the jobs of a run come in its order" {
    scenario jobs_http.py runs
}

@test "a job that was refused at the door is found" {
    scenario jobs_http.py absent
}

@test "a token's user is the user of its jobs, and orders for these alone" {
    scenario jobs_http.py users
}

@test "a run is added to by its own user alone" {
    scenario jobs_http.py runs_of_others
}

@test "whoever may see jobs no more sees them no more, within seconds" {
    scenario jobs_http.py visibility
}

@test "an archived job is told with the command that gets it" {
    scenario jobs_http.py archived
}

@test "it stops while it looks for jobs that are gone" {
    scenario jobs_http.py drained
}

@test "above the limit, and without a spool, nothing is acknowledged" {
    scenario jobs_http.py bounded
}

@test "of too many lists at once some are told to come again" {
    scenario jobs_http.py crowd
}

@test "on a full disk nothing is acknowledged" {
    scenario jobs_http.py full
}

# bats test_tags=sweep
@test "what was acknowledged is there, whenever the server is killed" {
    scenario jobs_http.py killed
}
