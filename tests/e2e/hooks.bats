#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands that are told what happened. The scenarios are in hooks.py.

bats_require_minimum_version 1.5.0
load rig

@test "the end of a run is told once, with its counts, and again when more of it has ended" {
    scenario hooks.py run_finished
}

@test "many failures make few notices" {
    scenario hooks.py failed
}

@test "a gate that a person must open is told of once" {
    scenario hooks.py gate
}

@test "a budget that is used up is told of once" {
    scenario hooks.py budget
}

@test "a command gets no key and nothing else of the daemon's" {
    scenario hooks.py keyless
}

@test "a command that fails is run again with the same id, and given up some time" {
    scenario hooks.py failing
}

@test "a debt that could not be read at first is told as any other" {
    scenario hooks.py not_read_at_first
}

@test "what is owed at a run's end and cannot be written is written later" {
    scenario hooks.py not_written_at_first
}

@test "a command that hangs or floods harms nothing else" {
    scenario hooks.py hanging
}

@test "a command that is not there is refused, or waited for" {
    scenario hooks.py missing
}

@test "a daemon that is killed runs commands again with the same id" {
    scenario hooks.py killed
}

@test "a daemon that is stopped runs no command twice" {
    scenario hooks.py once
}

@test "mail is sent at the end of jobs and runs, or when they fail" {
    scenario hooks.py mail
}

@test "a run that is submitted piece by piece ends once" {
    scenario hooks.py mail_stream
}

@test "mail that nobody would send and addresses that are none are refused at once" {
    scenario hooks.py mail_refused
}

@test "mails are readable, and strangers' texts stay in their lines" {
    scenario hooks.py letters
}
