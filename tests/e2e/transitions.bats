#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Each transition of the protocol (spool-layout/README), against the daemon and the mock.

load rig

way() {
    scenario transitions.py "$@"
}

@test "a dropped file itself becomes the job, with the spool's mode and the time of its drop" { way as_it_is; }
@test "what is missing is completed, and the job written anew" { way completed; }
@test "names in new/ that are no drops are left alone" { way left_alone; }
@test "a file written straight into new/ is taken when it is whole" { way written_in_place; }
@test "a job dropped by link is taken once" { way linked; }
@test "a list becomes jobs and a run's manifest; a bad line is refused alone" { way list_of_jobs; }
@test "a list that comes again adds nothing to its run's manifest" { way manifest_twice; }
@test "jobs take the places of others in a run, each of them once" { way places_taken; }
@test "a job that may not come in takes nobody's place in a run" { way places_kept; }
@test "a list whose first line is no good is refused whole" { way bad_run_headers; }
@test "a job that took a place is its run's after a start, too" { way places_after_a_restart; }
@test "a duplicate widens the job that waits, and is told what was ignored" { way widened; }
@test "a duplicate of finished work is answered at once and not paid again" { way answered_from_done; }
@test "an answer older than max_age is asked afresh, as the next version" { way asked_afresh; }
@test "a failed job that is dropped again is tried again, its history kept" { way failed_then_dropped; }
@test "a failure answers the duplicates that were dropped before it" { way failure_answers_what_was_dropped_before; }
@test "a delayed job is not sent before its time" { way delayed; }
@test "a job that expired while it waited fails unpaid" { way expired; }
@test "of the jobs that wait the one with the smallest priority goes first" { way priority; }
@test "the output says what was answered, by whom, when, and for whom" { way output_says_all; }
@test "a job that the server refuses fails at once" { way fails_at_once; }
@test "a job that meets server trouble is tried again, max_attempts times" { way tried_again; }
@test "a throttled job waits as long as the server says and uses no attempt" { way throttled; }
@test "answers that cannot be read count, are tried again, and are kept" { way unreadable_answers; }
@test "a job for a server that is away waits, and goes on by itself" { way nobody_listens; }
@test "a job that asks for streaming is answered" { way streamed_is_answered; }
@test "a job changed in cur/ ends, and what it was changed to goes through the door" { way changed_in_cur; }
@test "a job removed from cur/ leaves an error file, which a new drop takes up" { way vanished_from_cur; }
@test "an output whose number is taken gets the next one" { way number_taken; }
@test "a job put into cur/ by hand is found when it is dropped" { way put_into_cur; }
@test "the key is in no file, no log and no argument" { way key_stays_secret; }
