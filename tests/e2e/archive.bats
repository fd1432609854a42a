#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Finished jobs are put away.

load rig

archive() {
    scenario archive.py "$@"
}

@test "the same jobs give the same bytes, which tar and sha256sum read" { archive same_bytes; }
@test "a job is found by its frame, and entries are in order" { archive in_order; }
@test "a volume becomes about as large as was said" { archive sizes; }
@test "a selection says which jobs" { archive selections; }
@test "without one, those that finished more than 30 days ago" { archive default_age; }
@test "what is owed or held stays" { archive owed_and_held; }
@test "what was run again meanwhile stays" { archive rerun_between; }
@test "one archiving at a time" { archive locked; }
@test "a filter gets each archive, and has the last word" { archive filtered; }
@test "damaged jobs are told and stay" { archive damaged_jobs; }
@test "nothing is deleted for an archive that is not whole" { archive damaged_archives; }
# bats test_tags=sweep
@test "killed at each system call that changes something, nothing is lost" { archive killed; }
@test "each call that fails is survived" { archive faults; }
