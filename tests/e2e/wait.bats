#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-wait: until jobs have ended, and how they did.

load spool

setup() {
    spool_start
    mock_start
}

teardown() {
    spool_stop
}

# A command of run_start has said this on stderr.
said() {
    grep -q "$2" "$BATS_TEST_TMPDIR/$1.err"
}

# What a command of run_start printed so far.
printed() {
    cat "$BATS_TEST_TMPDIR/$1.out"
}

state_says() {
    jq -e "$1" "$LLMSPOOL_DIR/state/status.json" >/dev/null 2>&1
}

# --- how it ends -----------------------------------------------------------------------------------

@test "it waits until a job has completed, and says so by its exit code alone" {
    daemon_start
    id=$(llmspool-submit 'hello[[mock:ok,latency=300ms]]')
    run --separate-stderr llmspool-wait "$id"
    [ "$status" -eq 0 ]
    [ "$output" = "" ]
    [ "$stderr" = "" ]
    [ "$(state_of "$id")" = done ]
}

@test "a job that had ended before the wait began ends it at once" {
    daemon_start
    id=$(llmspool-submit hello)
    llmspool-wait "$id"
    daemon_stop
    run --separate-stderr llmspool-wait --timeout 10s "$id"
    [ "$status" -eq 0 ]
    [ "$stderr" = "" ]
}

@test "a job that failed gives 1 and its reason" {
    daemon_start
    id=$(llmspool-submit '[[mock:400]] bad')
    run --separate-stderr llmspool-wait "$id"
    [ "$status" -eq 1 ]
    [ "$output" = "" ]
    [[ $stderr == "llmspool-wait: ${id:0:12}: failed: "* ]]
    run --separate-stderr llmspool-wait -q "$id"
    [ "$status" -eq 1 ]
    [ "$stderr" = "" ]
}

@test "of many jobs all are waited for, also after one has failed" {
    daemon_start
    llmspool-submit '[[mock:400]] bad' one two 'slow[[mock:ok,latency=300ms]]' >"$BATS_TEST_TMPDIR/ids"
    run --separate-stderr llmspool-wait - <"$BATS_TEST_TMPDIR/ids"
    [ "$status" -eq 1 ]
    while read -r id; do
        [[ $(state_of "$id") == @(done|failed) ]]
    done <"$BATS_TEST_TMPDIR/ids"
}

@test "with --any one is enough" {
    daemon_start
    slow=$(llmspool-submit 'slow[[mock:hang]]')
    quick=$(llmspool-submit quick)
    run llmspool-wait --any --verbose "$slow" "$quick"
    [ "$status" -eq 0 ]
    [ "$output" = "$quick completed" ]
}

@test "after --timeout it leaves with 75, and the job goes on" {
    daemon_start
    id=$(llmspool-submit 'slow[[mock:ok,latency=1s]]')
    run --separate-stderr llmspool-wait --timeout 100ms "$id"
    [ "$status" -eq 75 ]
    [[ $stderr == *"timed out; 1 of 1 "* ]]
    llmspool-wait "$id"
}

@test "interrupted, it leaves with 130" {
    id=$(llmspool-submit hello)
    run_start waiting llmspool-wait "$id"
    wait_until said waiting 'still waiting'
    kill -INT "${run_pids[waiting]}"
    run_end waiting
    [ "$status" -eq 130 ]
    [ "$(state_of "$id")" = new ]
}

@test "an expired job has not completed" {
    id=$(llmspool-submit --expires "$(date -u -d '+1 second' +%FT%TZ)" hello)
    sleep 2
    daemon_start
    run --separate-stderr llmspool-wait "$id"
    [ "$status" -eq 1 ]
    [[ $stderr == *": expired: "* ]]
}

# --- what it prints --------------------------------------------------------------------------------

@test "with --verbose, and on a terminal, each job that has ended is a line" {
    daemon_start
    id=$(llmspool-submit hello)
    run llmspool-wait --verbose "$id"
    [ "$output" = "$id completed" ]
    command -v script >/dev/null || skip "script is missing (Debian package: bsdutils)"
    run script -qec "llmspool-wait $id" /dev/null
    [ "${output%$'\r'}" = "${id:0:12} completed" ]
}

@test "with --json each is an object" {
    daemon_start
    good=$(llmspool-submit good)
    bad=$(llmspool-submit '[[mock:400]] bad')
    run --separate-stderr llmspool-wait --json "$good" "$bad"
    [ "$status" -eq 1 ]
    [ "$(jq -cs 'sort_by(.status) | map([.id, .status, .version, (.message | type)])' <<<"$output")" = \
        "[[\"$good\",\"completed\",1,\"null\"],[\"$bad\",\"failed\",null,\"string\"]]" ]
}

# --- what it waits for -----------------------------------------------------------------------------

@test "a job is found by the first digits of its ID and by its name" {
    daemon_start
    id=$(llmspool-submit --name report hello)
    llmspool-wait "${id:0:8}"
    llmspool-wait report
}

@test "a name that was just dropped is the new job's, not an older one's" {
    daemon_start
    llmspool-wait "$(llmspool-submit --name report old)"
    daemon_stop
    id=$(llmspool-submit --name report new)
    run_start waiting llmspool-wait --verbose report
    wait_until said waiting 'still waiting'
    daemon_start
    run_end waiting
    [ "$output" = "$id completed" ]
}

@test "what can be no job is a usage error, what is none is absent" {
    run llmspool-wait
    [ "$status" -eq 64 ]
    run llmspool-wait 'a b'
    [ "$status" -eq 64 ]
    run llmspool-wait --timeout soon abcdef
    [ "$status" -eq 64 ]
    run llmspool-wait no-such-name
    [ "$status" -eq 69 ]
    run llmspool-wait abcdef
    [ "$status" -eq 69 ]
}

@test "an ID that is in no folder is told, and is no endless wait" {
    daemon_start
    run --separate-stderr timeout 20 llmspool-wait "$(llmspool-submit --print-id never)"
    [ "$status" -eq 1 ]
    [[ $stderr == *"no such job in this spool"* ]]
}

@test "a job that disappears is told" {
    id=$(llmspool-submit hello)
    run_start waiting llmspool-wait "$id"
    wait_until said waiting 'still waiting'
    rm "$LLMSPOOL_DIR"/new/*.json
    run_end waiting
    [ "$status" -eq 1 ]
    [[ $stderr == *"no such job in this spool"* ]]
}

@test "a job in a file of new/ that does not name it is waited for" {
    id=$(llmspool-submit --print-id hello)
    drop anything '{"prompt": "hello"}'
    run_start waiting llmspool-wait "$id"
    wait_until said waiting 'no daemon'
    daemon_start
    run_end waiting
    [ "$status" -eq 0 ]
}

@test "a job that was dropped again is waited for again" {
    daemon_start
    id=$(llmspool-submit hello)
    llmspool-wait "$id"
    daemon_stop
    llmspool-submit --fresh hello
    run_start waiting llmspool-wait --json "$id"
    wait_until said waiting 'no daemon'
    [ "$(printed waiting)" = "" ]
    daemon_start
    run_end waiting
    [ "$(jq .version <<<"$output")" = 2 ]
}

@test "a job that was ordered to run again is waited for again" {
    daemon_start
    id=$(llmspool-submit hello)
    llmspool-wait "$id"
    daemon_stop
    echo "$id" >"$LLMSPOOL_DIR/tmp/order"
    mv "$LLMSPOOL_DIR/tmp/order" "$LLMSPOOL_DIR/ctl/rerun.1"
    run_start waiting llmspool-wait --json "$id"
    wait_until said waiting 'no daemon'
    [ "$(printed waiting)" = "" ]
    daemon_start
    run_end waiting
    [ "$status" -eq 0 ]
    [ "$(jq .version <<<"$output")" = 2 ]
}

@test "a version is waited for by its number" {
    daemon_start
    id=$(llmspool-submit hello)
    llmspool-wait "$id@v1"
    run --separate-stderr llmspool-wait "$id@v2"
    [ "$status" -eq 1 ]
    [[ $stderr == *"no version 2"* ]]
    daemon_stop
    llmspool-submit --fresh hello
    run_start waiting llmspool-wait --json "$id@v1" "$id@v2"
    wait_until said waiting 'no daemon'
    daemon_start
    run_end waiting
    [ "$status" -eq 0 ]
    [ "$(jq -cs 'map(.version)' <<<"$output")" = '[1,2]' ]
}

@test "a failed run of a job with an older answer is a failure for who waited for it" {
    daemon_start
    id=$(llmspool-submit hello)
    llmspool-wait "$id"
    curl -sS -d '{"fault": {"422": 1}}' "$MOCK_URL/mock/config"
    daemon_stop
    llmspool-submit --fresh hello
    run_start waiting llmspool-wait "$id"
    wait_until said waiting 'no daemon'
    daemon_start
    run_end waiting
    [ "$status" -eq 1 ]
    [[ $stderr == *": failed: "* ]]
    llmspool-wait "$id"
}

# --- why it waits ----------------------------------------------------------------------------------

@test "without a daemon it says so, once, and ends when there is one" {
    id=$(llmspool-submit hello)
    run_start waiting llmspool-wait "$id"
    wait_until said waiting 'no daemon runs'
    sleep 1.5
    daemon_start
    run_end waiting
    [ "$status" -eq 0 ]
    [ "$(grep -c . <<<"$stderr")" -eq 1 ]
}

@test "a daemon that is killed meanwhile is told, too" {
    daemon_start
    id=$(llmspool-submit '[[mock:hang,times=1]] hello')
    run_start waiting llmspool-wait "$id"
    wait_until mock_got 1
    [ "$(cat "$BATS_TEST_TMPDIR/waiting.err")" = "" ]
    daemon_stop KILL || true
    wait_until said waiting 'no daemon runs'
    daemon_start
    run_end waiting
    [ "$status" -eq 0 ]
}

@test "a wrong key is told with the model that waits for it" {
    curl -sS -d '{"key": "right"}' "$MOCK_URL/mock/config"
    daemon_start
    id=$(llmspool-submit hello)
    run_start waiting llmspool-wait "$id"
    wait_until said waiting 'still waiting: test-model: gate: '
    curl -sS -d '{"key": null}' "$MOCK_URL/mock/config"
    llmspool-ctl release openai/test-model
    run_end waiting
    [ "$status" -eq 0 ]
}

@test "a model without a provider is told, and --fail-fast leaves" {
    MOCK_URL=
    daemon_start
    id=$(llmspool-submit -m nobody hello)
    run --separate-stderr timeout 20 llmspool-wait --fail-fast "$id"
    [ "$status" -eq 69 ]
    [[ $stderr == *"no provider for nobody"* ]]
}

@test "a pause is told" {
    touch "$LLMSPOOL_DIR/ctl/pause"
    daemon_start
    id=$(llmspool-submit hello)
    run_start waiting llmspool-wait "$id"
    wait_until said waiting 'still waiting: paused'
    rm "$LLMSPOOL_DIR/ctl/pause"
    run_end waiting
    [ "$status" -eq 0 ]
}

@test "a drain is told for what lies in new/" {
    touch "$LLMSPOOL_DIR/ctl/drain"
    daemon_start
    id=$(llmspool-submit hello)
    run_start waiting llmspool-wait "$id"
    wait_until said waiting 'still waiting: draining'
    rm "$LLMSPOOL_DIR/ctl/drain"
    run_end waiting
    [ "$status" -eq 0 ]
}

@test "a hold is told with the way to end it" {
    id=$(llmspool-submit --print-id hello)
    touch "$LLMSPOOL_DIR/ctl/hold.$id"
    daemon_start
    llmspool-submit hello
    run_start waiting llmspool-wait "$id"
    wait_until said waiting "${id:0:12} is held: user (llmspool-ctl release"
    rm "$LLMSPOOL_DIR/ctl/hold.$id"
    run_end waiting
    [ "$status" -eq 0 ]
}

@test "a delay is told with its end, and is no reason to leave" {
    daemon_start
    id=$(llmspool-submit --delay 1h hello)
    run --separate-stderr llmspool-wait --fail-fast --timeout 4s "$id"
    [ "$status" -eq 75 ]
    [[ $stderr == *"${id:0:12} is delayed until "* ]]
}

@test "a spool that is taken away ends the wait" {
    id=$(llmspool-submit hello)
    run_start waiting llmspool-wait "$id"
    wait_until said waiting 'still waiting'
    rm -r "$LLMSPOOL_DIR"
    run_end waiting
    [ "$status" -eq 69 ]
    [[ $stderr == *"$LLMSPOOL_DIR"* ]]
}

# --- however it is told ----------------------------------------------------------------------------

@test "without inotify it looks by itself" {
    export LLMSPOOL_NO_INOTIFY=1
    daemon_start
    llmspool-submit one two '[[mock:400]] bad' 'slow[[mock:ok,latency=700ms]]' >"$BATS_TEST_TMPDIR/ids"
    run llmspool-wait - <"$BATS_TEST_TMPDIR/ids"
    [ "$status" -eq 1 ]
    [ "$(llmspool-submit --wait three)" = three ]
}

@test "it does not look at all jobs for each that ends" {
    command -v strace >/dev/null || skip "strace is missing (Debian package: strace)"
    daemon_start
    for i in {1..50}; do echo "hello $i"; done >"$BATS_TEST_TMPDIR/prompts"
    touch "$LLMSPOOL_DIR/ctl/pause"
    mapfile -t prompts <"$BATS_TEST_TMPDIR/prompts"
    llmspool-submit "${prompts[@]}" >"$BATS_TEST_TMPDIR/ids"
    wait_until state_says '.counts.waiting == 50'
    run_start waiting env ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=faccessat,faccessat2 -o "$BATS_TEST_TMPDIR/trace" llmspool-wait - <"$BATS_TEST_TMPDIR/ids"
    wait_until said waiting 'still waiting: paused'
    before=$(wc -l <"$BATS_TEST_TMPDIR/trace")
    rm "$LLMSPOOL_DIR/ctl/pause"
    run_end waiting
    [ "$status" -eq 0 ]
    [ $(($(wc -l <"$BATS_TEST_TMPDIR/trace") - before)) -lt 1500 ]
}
