#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Archives read, verified, searched and brought back.

load rig

restore() {
    scenario restore.py "$@"
}

@test "what was archived comes back byte by byte" { restore round_trip; }
@test "what was put away and brought back is the same tree" { restore away_and_back; }
@test "get, list, search and cat agree with what was archived" { restore finding; }
@test "what lies in the spool is never replaced" { restore never_over; }
@test "what was forgotten does not come back" { restore forgotten; }
@test "each flipped bit and each cut is found" { restore flipped; }
@test "what is damaged is refused, the rest is delivered" { restore rest_is_delivered; }
@test "a damaged manifest keeps nothing back" { restore manifest; }
@test "why a job cannot be read is told" { restore told; }
@test "hostile archives are refused, and nothing is written outside" { restore hostile; }
@test "killed at a system call, the next run finishes" { restore killed; }
@test "a call that fails is told, and nothing is half" { restore faults; }
@test "each step of restoring is durable before the next" { restore synced; }
@test "where syncing many together fails, none of them counts" { restore many_fail; }
@test "a job that is dropped again is answered from the archive" { restore answered; }
@test "what is not answered from the archive is asked for the next version" { restore asked_again; }
@test "while nobody knows what is archived new jobs wait" { restore unknown; }
@test "a job that is dropped while it is being restored is in one place" { restore met; }
@test "a job that is restored while it is being accepted is in one place" { restore met_on_its_way; }
@test "restoring beside the daemon and dropped duplicates" { restore together; }
