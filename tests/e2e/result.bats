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

@test "the exact bytes hash to the sha256 of the record" {
    live
    drop one '{"prompt": "no newline"}'
    until_state one completed
    [ "$(llmspool-result --exact one | sha256sum | cut -d' ' -f1)" = \
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

@test "--raw prints the whole answer of the provider" {
    live
    drop one '{"prompt": "as it came"}'
    until_state one completed
    [ "$(llmspool-result --raw one | jq -r '.choices[0].message.content')" = "as it came" ]
    [ "$(llmspool-result --raw one | jq -cS .)" = \
        "$(llmspool-result --json one | jq -cS .response)" ]
    run --separate-stderr llmspool-result --raw --json one
    [ "${#lines[@]}" -eq 1 ]
}

@test "--raw says so when the provider's answer was not kept" {
    settings='store_response = no'
    live
    drop one '{"prompt": "short"}'
    until_state one completed
    run --separate-stderr llmspool-result --raw one
    [ "$status" -eq 1 ]
    [ "$output" = "" ]
    [[ "$stderr" == *": the provider's whole answer was not kept (store_response = no)" ]]
}

@test "--field prints a text as it is and any other value as JSON" {
    live
    drop one '{"prompt": "two words", "metadata": {"a.b": [1, "x"]}}'
    drop two '{"prompt": "[[mock:400]] bad"}'
    until_state one completed
    until_state two failed
    [ "$(llmspool-result --field output one)" = "two words" ]
    [ "$(llmspool-result --field output one --json)" = '"two words"' ]
    [ "$(llmspool-result --field version one)" = 1 ]
    [ "$(llmspool-result --field attempts.0.outcome one)" = ok ]
    [ "$(llmspool-result --field /metadata/a.b one)" = '[1,"x"]' ]
    run --separate-stderr llmspool-result --field usage.nothing one
    [ "$status" -eq 1 ]
    [ "$output" = "" ]
    [[ "$stderr" == *": its record has no field usage.nothing" ]]
    run --separate-stderr llmspool-result --field reason two one
    [ "$status" -eq 1 ]
    [ "$output" = context_length_exceeded ]
}

# Two versions of the job "one": the first answer of the mock and the second.
two_versions() {
    drop one "$1"
    until_state one completed
    llmspool-ctl -q rerun one
    eventually has_versions one 2
    until_state one completed
}

# An output of the job "one" is made anew: $1 version, $2 the answer as JSON.
rewrite() {
    local file
    file=$spool/done/$(id_of one).v$1.json
    jq -c --argjson output "$2" '.output = $output' "$file" >"$spool/tmp/rewritten"
    mv "$spool/tmp/rewritten" "$file"
}

@test "--diff of two texts prints what diff -u prints" {
    live
    two_versions '{"prompt": "x"}'
    rewrite 1 "$(seq 30 | jq -Rs .)"
    rewrite 2 "$( (seq 3; echo new; seq 5 19; seq 21 30; printf last) | jq -Rs .)"
    id=$(id_of one)
    llmspool-result --exact one@v1 >"$BATS_TEST_TMPDIR/1"
    llmspool-result --exact one@v2 >"$BATS_TEST_TMPDIR/2"
    run --separate-stderr llmspool-result one --diff 1 2
    [ "$status" -eq 0 ]
    [ "$stderr" = "" ]
    [ "${lines[0]}" = "--- $id@v1" ]
    [ "${lines[1]}" = "+++ $id@v2" ]
    [ "$(tail -n +3 <<<"$output" | grep -v '^\\')" = \
        "$(diff -u "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/2" | tail -n +3 | grep -v '^\\')" ]
    [ "$(llmspool-result --diff one@v1 one@v2)" = "$output" ]
    [ "$(llmspool-result --diff 1 2 one)" = "$output" ]
    [ "$(llmspool-result --diff one@v1 one)" = "$output" ]
    [ "$(llmspool-result --diff --json 1 2 one | jq -c '[.change, .line, .text]')" = \
        $'["removed",4,"4"]\n["added",4,"new"]\n["removed",20,"20"]\n["added",30,"last"]' ]
    [ "$(llmspool-result --diff 2 2 one)" = "" ]
}

@test "--diff of two values prints their paths" {
    live
    two_versions '{"prompt": "x"}'
    rewrite 1 '{"same": [1, 2], "gone": true, "list": [1, {"a": "b"}], "n": 1.0}'
    rewrite 2 '"{\"same\": [1, 2], \"come\": null, \"list\": [1, {\"a\": \"c\"}, 3], \"n\": 1}"'
    run llmspool-result --diff 1 2 one
    [ "$status" -eq 0 ]
    [ "$(tail -n +3 <<<"$output")" = $'- gone: true\n~ list.1.a: "b" -> "c"\n+ list.2: 3\n+ come: null' ]
    [ "$(llmspool-result --diff --json 1 2 one | jq -c .)" = \
        '{"change":"removed","path":"gone","old":true}
{"change":"changed","path":"list.1.a","old":"b","new":"c"}
{"change":"added","path":"list.2","new":3}
{"change":"added","path":"come","new":null}' ]
}

@test "--diff has colour on a terminal, but not with NO_COLOR, and obeys no control character" {
    command -v script >/dev/null || skip "script is missing (Debian package: bsdutils)"
    live
    two_versions '{"prompt": "x"}'
    rewrite 1 '"a\nred \u001b[31m"'
    rewrite 2 '"a\nb"'
    script -qec "llmspool-result --diff 1 2 one" /dev/null </dev/null >"$BATS_TEST_TMPDIR/seen"
    grep -qF $'\e[1;31m-red \xef\xbf\xbd[31m\e[0m' "$BATS_TEST_TMPDIR/seen"
    grep -qF $'\e[32m+b\e[0m' "$BATS_TEST_TMPDIR/seen"
    NO_COLOR=1 script -qec "llmspool-result --diff 1 2 one" /dev/null </dev/null >"$BATS_TEST_TMPDIR/seen"
    ! grep -qF $'\e' "$BATS_TEST_TMPDIR/seen"
    ! llmspool-result --diff 1 2 one | grep -qF $'\e[32m'
}

@test "--diff of what has no answer says why" {
    live
    drop one '{"prompt": "fine"}'
    drop bad '{"prompt": "[[mock:400]] bad"}'
    drop later '{"prompt": "later", "delay": "1d"}'
    until_state one completed
    until_state bad failed
    until_state later delayed
    run --separate-stderr llmspool-result --diff one bad
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"maximum context length"* ]]
    run --separate-stderr llmspool-result --diff one later --json
    [ "$status" -eq 75 ]
    [ "$output" = "" ]
    run llmspool-result --diff 1 2 one
    [ "$status" -eq 69 ]
    for words in one "one two three" "1 2" "1 2 one more" "--run R one two" "--version 1 one one"; do
        run llmspool-result --diff $words
        [ "$status" -eq 64 ] || [ "$words" = "1 2" ]
    done
}

# A run of six lines: the third is no job, the fifth is the first again, the last is not finished.
drop_run() {
    printf '%s\n' '{"run": "R"}' '{"prompt": "one", "name": "one"}' \
        '{"prompt": "[[mock:400]] two", "name": "two"}' '{"promt": 1}' \
        '{"prompt": "four words and more", "name": "four", "user": "eve", "params": {"max_tokens": 1}}' \
        '{"prompt": "one"}' '{"prompt": "six", "name": "six", "delay": "1d"}' >"$spool/tmp/run"
    mv "$spool/tmp/run" "$spool/new/run.jsonl"
    until_state one completed
    until_state two failed
    until_state four completed
    until_state six delayed
}

@test "a run is printed in the order of its input, with what has no answer" {
    live
    drop_run
    run --separate-stderr llmspool-result --run R
    [ "$status" -eq 75 ]
    [ "$output" = $'one\nfour\none' ]
    [[ "${stderr_lines[0]}" == *": failed: This model's maximum context length"* ]]
    [ "${stderr_lines[1]}" = "llmspool-result: position 2 of run R was refused" ]
    [[ "${stderr_lines[2]}" == *" is not finished: delayed: not before "* ]]
    run --separate-stderr llmspool-result --run R --json
    [ "$(jq -c '[.position, .status, .output]' <<<"$output")" = '[null,"completed","one"]
[null,"failed",null]
[2,"refused",null]
[null,"completed","four"]
[null,"completed","one"]' ]
    run llmspool-result --run no-such-run
    [ "$status" -eq 69 ]
    [[ "$output" == *"there is no run no-such-run in $spool" ]]
}

@test "options select what is printed, of a run, of named jobs, or of all" {
    live
    drop_run
    [ "$(llmspool-result --user eve)" = four ]
    [ "$(llmspool-result --run R --state completed)" = $'one\nfour\none' ]
    [ "$(llmspool-result --run R --where name=one --where 'usage.output_tokens>=1')" = $'one\none' ]
    [ "$(llmspool-result --truncated --json one two four | jq -r .user)" = eve ]
    run --separate-stderr llmspool-result --failed --field reason
    [ "$status" -eq 1 ]
    [ "$output" = context_length_exceeded ]
    [ "$(printf 'one\ntwo\n' | llmspool-result --user eve -)" = "" ]
    [ "$(llmspool-result --older-than 1h)" = "" ]
    [ "$(llmspool-result --newer-than 1h --type chat | sort)" = $'four\none' ]
    run llmspool-result --where nonsense
    [ "$status" -eq 64 ]
    [[ "$output" == *"--where wants FIELD=VALUE"* ]]
}

# archive/ids as spool-layout/README specifies it: $1 is archived in the volume $2.
write_ids() {
    python3 - "$1" "$2" >"$spool/archive/ids" <<'PYTHON'
import hashlib, json, struct, sys
table = json.dumps({"volume": sys.argv[2], "size": 1, "sha256": "0" * 64,
                    "index_sha256": "0" * 64}).encode() + b"\n"
record = bytes.fromhex(sys.argv[1]) + struct.pack("<IIQII", 0, 1, 0, 0, 512) + bytes(8)
head = b"llmspool-ids 1\n\0" + struct.pack("<QIIQQ", 1, 1, 64, 64 + len(record), len(table))
data = head + bytes(64 - len(head)) + record + table
sys.stdout.buffer.write(data + hashlib.sha256(data).digest())
PYTHON
}

@test "a job that was archived is told from one that never was" {
    live
    drop one '{"prompt": "put away"}'
    until_state one completed
    id=$(id_of one)
    write_ids "$id" 2026/11/llmspool-host-20261101-20261130-1.tar.zst
    [ "$(llmspool-result one)" = "put away" ]
    rm "$spool/done/$id".*
    run --separate-stderr llmspool-result "$id" "$(printf '%064d' 0)"
    [ "$status" -eq 69 ]
    [ "${stderr_lines[0]}" = "llmspool-result: $id is archived in archive/2026/11/llmspool-host-20261101-20261130-1.tar.zst: llmspool-archive get $id prints it" ]
    [[ "${stderr_lines[1]}" == *"there is no job 000000000000"* ]]
    run llmspool-result one
    [[ "$output" == *"one is archived in archive/2026/11/"* ]]
    printf damaged >"$spool/archive/ids"
    run llmspool-result "$id"
    [ "$status" -ne 0 ]
    [[ "$output" == *"there is no job $id in $spool, and what is archived is not known: "* ]]
}

@test "--version alone is that of the program, and nothing named is a usage error" {
    run llmspool-result --version
    [ "$status" -eq 0 ]
    [[ "$output" =~ ^llmspool-result\ [0-9.]+$ ]]
    run llmspool-result --version 2
    [ "$status" -eq 64 ]
    run llmspool-result --json --exact x
    [ "$status" -eq 64 ]
}
