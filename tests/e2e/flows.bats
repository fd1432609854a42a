#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Flows: jobs that wait for others, resolved and asked when these have ended.

load rig

flows() {
    scenario flows.py "$@"
}

@test "a diamond is asked in order, and the same flow again asks nothing" { flows diamond; }
@test "rings, missing parents and places of nobody are refused with the way" { flows refused; }
@test "a job that would close a ring of jobs is refused with the way" { flows ring_of_lone_jobs; }
@test "a step fails with its parent or runs without it, and a retry tries again" { flows failure_policies; }
@test "a flow is cancelled with all that waits in it" { flows cancelled; }
@test "a held flow resolves nothing until it is released" { flows held; }
@test "a job waits for names, IDs and archived jobs outside" { flows parents_outside; }
@test "what is put into a text is not looked at again" { flows texts_go_in_as_they_are; }
@test "a daemon killed while steps wait goes on" { flows restart_while_waiting; }
@test "a daemon killed at any call loses no step and asks none twice" { flows killed_at_calls; }
@test "a rerun with --cascade asks what depends on it where the answer changed" { flows rerun_cascades; }
@test "very many steps after one, and one after very many" { flows wide; }
@test "submit --flow judges and waits, status --flow draws" { flows commands; }
@test "to forget a step removes the record of its flow" { flows forgotten; }
@test "the record of a flow is pruned long after its end, and never before" { flows pruned; }
