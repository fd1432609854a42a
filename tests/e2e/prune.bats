#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What llmspool-prune deletes, and what it leaves. The scenarios are in prune.py.

bats_require_minimum_version 1.5.0
load rig

@test "jobs go by age, each folder by its own, whole and told" {
    scenario prune.py by_age
}

@test "the oldest go when there are too many, or they take too much" {
    scenario prune.py by_number_and_bytes
}

@test "old versions go, never the latest good one" {
    scenario prune.py old_versions
}

@test "what a job, its user and its model say comes before the age of the folder" {
    scenario prune.py what_the_job_says
}

@test "the configuration is read without its keys, and refused in the daemon's words" {
    scenario prune.py configuration
}

@test "what is owed, held or not archived stays" {
    scenario prune.py what_is_owed
}

@test "refused files, temporary files, notifications, events and runs go in time" {
    scenario prune.py what_is_no_job
}

@test "two prunes and a daemon at once harm nothing" {
    scenario prune.py beside_others
}

# bats test_tags=sweep
@test "killed before and after each call, a unit is whole or gone, and the next run finishes" {
    scenario prune.py killed_at_calls
}

@test "each call failing once is told, and the next run finishes" {
    scenario prune.py failing_at_calls
}
