#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-result: what it prints of answers, failures, versions and requests.

load live

setup() {
    live_setup
}

teardown() {
    live_teardown
}

@test "an answer is printed and nothing else" {
    live
    drop one '{"prompt": "plain words"}'
    until_state one completed
    run --separate-stderr llmspool-result one
    [ "$status" -eq 0 ]
    [ "$output" = "plain words" ]
    [ "$stderr" = "" ]
    [ "$(llmspool-result one | od -An -c | tr -d ' \n')" = 'plainwords\n' ]
}

@test "several answers come in the order in which they are asked for" {
    live
    drop one '{"prompt": "first"}'
    drop two '{"prompt": "second"}'
    until_state one completed
    until_state two completed
    [ "$(llmspool-result two one two)" = $'second\nfirst\nsecond' ]
    [ "$(printf '%s\n' "$(id_of one)" two | llmspool-result -)" = $'first\nsecond' ]
    id=$(id_of one)
    [ "$(llmspool-result "${id:0:12}")" = first ]
}

@test "parsed values are printed as JSON on one line" {
    live
    drop one '{"prompt": "As JSON: value", "params": {"response_format": {"type": "json_object"}}}'
    until_state one completed
    [ "$(llmspool-result one)" = '{"answer":"As JSON: value"}' ]
}

@test "raw bytes hash to the sha256 of the record" {
    live
    drop one '{"prompt": "no newline"}'
    until_state one completed
    [ "$(llmspool-result --raw one | sha256sum | cut -d' ' -f1)" = \
        "$(llmspool-result --json one | jq -r .sha256)" ]
}

@test "--json prints the whole record on one line" {
    live
    drop one '{"prompt": "record", "metadata": {"row": 7}}'
    until_state one completed
    run llmspool-result --json one
    [ "${#lines[@]}" -eq 1 ]
    [ "$(jq -S . <<<"$output")" = "$(jq -S . "$spool/done/$(id_of one).v1.json")" ]
    [ "$(jq -c '[.output, .metadata.row, .mock]' <<<"$output")" = '["record",7,true]' ]
}

@test "a failed job tells its reason on stderr and exits 1" {
    live
    drop good '{"prompt": "good"}'
    drop bad '{"prompt": "[[mock:400]] bad"}'
    until_state good completed
    until_state bad failed
    run --separate-stderr llmspool-result bad good
    [ "$status" -eq 1 ]
    [ "$output" = good ]
    [[ "$stderr" == "llmspool-result: "*": failed: This model's maximum context length"* ]]
    run --separate-stderr llmspool-result --json bad
    [ "$status" -eq 1 ]
    [ "$(jq -r .status <<<"$output")" = failed ]
}

@test "a job that is not finished says its state and why, and exits 75" {
    live
    drop later '{"prompt": "later", "delay": "1d"}'
    drop bad '{"prompt": "[[mock:400]] bad"}'
    until_state later delayed
    until_state bad failed
    run --separate-stderr llmspool-result later bad
    [ "$status" -eq 75 ]
    [ "$output" = "" ]
    [[ "$stderr" == *" is not finished: delayed: not before "* ]]
    llmspool-ctl hold later
    run --separate-stderr llmspool-result later
    [[ "$stderr" == *" is not finished: held: held by a person" ]]
    stop_daemon
    drop new '{"prompt": "not taken"}'
    llmspool-ctl pause
    run --separate-stderr llmspool-result --json later
    [ "$status" -eq 75 ]
    [ "$output" = "" ]
}

@test "a job that waits without a daemon says so" {
    live
    llmspool-ctl pause
    drop one '{"prompt": "x"}'
    until_state one waiting
    stop_daemon
    run --separate-stderr llmspool-result one
    [ "$status" -eq 75 ]
    [[ "$stderr" == *"is not finished: waiting: no daemon runs on this spool (start it: llmspoold -s $spool)" ]]
}

@test "an unknown job exits 69, whatever the others do" {
    live
    drop one '{"prompt": "x"}'
    drop later '{"prompt": "y", "delay": "1d"}'
    until_state one completed
    until_state later delayed
    run --separate-stderr llmspool-result no-such-name later one
    [ "$status" -eq 69 ]
    [ "$output" = x ]
    [[ "$stderr" == *"no job is named no-such-name"* ]]
    run llmspool-result "$(printf '%064d' 0)"
    [ "$status" -eq 69 ]
    [[ "$output" == *"there is no job 000000000000"* ]]
}

@test "each version can be had, by option or behind an @" {
    live
    drop one '{"prompt": "[[mock:ok,times=1]] [[mock:400,times=1]] twice"}'
    until_state one completed
    llmspool-ctl -q rerun one
    eventually has_versions one 2
    until_state one completed
    llmspool-ctl -q rerun one
    eventually has_versions one 3
    until_state one completed
    for version in 1 3; do
        [ "$(llmspool-result --json --version $version one | jq .version)" = $version ]
        [ "$(llmspool-result --json one@v$version | jq .version)" = $version ]
    done
    [ "$(llmspool-result --json --latest one | jq .version)" = 3 ]
    run --separate-stderr llmspool-result one@v2
    [ "$status" -eq 1 ]
    run --separate-stderr llmspool-result one@v4
    [ "$status" -eq 69 ]
    [[ "$stderr" == *"has no version 4"* ]]
    run llmspool-result --version 0 one
    [ "$status" -eq 64 ]
}

@test "the history has a line for each version" {
    live
    drop one '{"prompt": "[[mock:ok,times=1]] [[mock:400,times=1]] words of the answer"}'
    until_state one completed
    llmspool-ctl -q rerun one
    eventually has_versions one 2
    until_state one completed
    run env COLUMNS=80 llmspool-result --history one
    [ "${#lines[@]}" -eq 3 ]
    [[ "${lines[0]}" == "VERSION  STATUS "* ]]
    [[ "${lines[1]}" == *"1  completed (mock) "*"gpt-4o-mini"*"words of the answer" ]]
    [[ "${lines[2]}" == *"2  failed "* ]]
    for line in "${lines[@]}"; do
        [ "${#line}" -le 80 ]
    done
    [ "$(llmspool-result --history --json one | jq -c '[.version, .status, .words]')" = \
        $'[1,"completed","words of the answer"]\n[2,"failed",null]' ]
}

@test "while a rerun is under way the latest answer is printed with a word about it" {
    live
    drop one '{"prompt": "[[mock:ok,times=1]] [[mock:hang,times=1]] early"}'
    until_state one completed
    llmspool-ctl -q rerun one
    until_state one running
    run --separate-stderr llmspool-result one
    [ "$status" -eq 0 ]
    [ "$output" = early ]
    [[ "$stderr" == *": this is version 1; version 2 is running" ]]
    run --separate-stderr llmspool-result one@v2
    [ "$status" -eq 75 ]
    [[ "$(llmspool-result --history one)" == *"2  running"* ]]
}

@test "--request prints the job as it was asked" {
    live
    drop one '{"prompt": "the question", "params": {"temperature": 0.2}}'
    until_state one completed
    [ "$(llmspool-result --request one | jq -cS .)" = \
        '{"model":"gpt-4o-mini","name":"one","params":{"temperature":0.2},"prompt":"the question"}' ]
    run llmspool-result --request --json one
    [ "${#lines[@]}" -eq 1 ]
}

@test "no control character of an answer reaches a terminal" {
    command -v script >/dev/null || skip "script is missing (Debian package: bsdutils)"
    live
    drop one '{"prompt": "red \u001b[31m alert"}'
    until_state one completed
    script -qec "llmspool-result one" /dev/null </dev/null >"$BATS_TEST_TMPDIR/seen"
    [[ "$(tr -d '\r' <"$BATS_TEST_TMPDIR/seen")" == $'red \xef\xbf\xbd[31m alert' ]]
    [[ "$(llmspool-result one)" == $'red \e[31m alert' ]]
}

@test "--version alone is that of the program, and nothing named is a usage error" {
    run llmspool-result --version
    [ "$status" -eq 0 ]
    [[ "$output" =~ ^llmspool-result\ [0-9.]+$ ]]
    run llmspool-result --version 2
    [ "$status" -eq 64 ]
    run llmspool-result --json --raw x
    [ "$status" -eq 64 ]
}
