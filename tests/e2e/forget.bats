#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Jobs that are removed for good.

load rig

forget() {
    scenario forget.py "$@"
}

@test "everything of a forgotten job goes, everything of the others stays" { forget whole; }
@test "all finished jobs of a user are forgotten, found by name and first digits, too" { forget selected; }
@test "what waits, what is unclear and what nobody said yes to is refused" { forget refused; }
@test "another program in archive/ is respected, a damaged volume is told" { forget another_at_work; }
# bats test_tags=sweep
@test "killed anywhere, the next forgetting finishes" { forget killed; }
@test "a call that fails is told, and the next forgetting finishes" { forget faults; }
@test "the daemon appends to a manifest that is being rewritten" { forget beside_the_daemon; }
