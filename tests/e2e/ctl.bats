#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-ctl: each order against a real daemon and a mock.

load live

setup() {
    live_setup
}

teardown() {
    live_teardown
}

@test "a waiting job is cancelled and never sent" {
    live
    llmspool-ctl pause
    drop one '{"prompt": "never asked"}'
    until_state one waiting
    run --separate-stderr llmspool-ctl cancel one
    [ "$status" -eq 0 ]
    [ "$output" = "$(id_of one): waiting, will be cancelled" ]
    [ "$stderr" = "" ]
    until_state one cancelled
    llmspool-ctl resume
    eventually no_orders
    [ "$(asked "never asked")" = 0 ]
    run --separate-stderr llmspool-result one
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"cancelled: Cancelled by an order before it was sent."* ]]
}

@test "a running job is broken off and cancelled, and what it may have cost is recorded" {
    live
    drop one '{"prompt": "[[mock:hang]] slow"}'
    until_state one running
    run llmspool-ctl cancel one
    [ "$output" = "$(id_of one): running, will be broken off and cancelled" ]
    until_state one cancelled
    [ "$(llmspool-status --json one | jq -c '[.attempts[].outcome]')" = '["cancelled"]' ]
}

@test "a finished job is not cancelled, and nothing is written" {
    live
    drop one '{"prompt": "quick"}'
    until_state one completed
    run --separate-stderr llmspool-ctl cancel one
    [ "$status" -eq 1 ]
    [ "$output" = "" ]
    [[ "$stderr" == *"is completed: it has its answer, there is nothing to cancel" ]]
    [ -z "$(ls "$spool/ctl")" ]
}

@test "an order to cancel that meets a finished job is obeyed by doing nothing" {
    live
    drop one '{"prompt": "quick"}'
    until_state one completed
    id_of one >"$spool/tmp/order"
    mv "$spool/tmp/order" "$spool/ctl/cancel.late"
    eventually no_orders
    state_is one completed
    [ "$(llmspool-result one)" = quick ]
}

@test "a failed job is tried again when the server is well, and its attempts stay known" {
    live
    tell_mock '{"fault": {"400": 1}}'
    drop one '{"prompt": "a question"}'
    until_state one failed
    tell_mock '{"fault": {"400": 0}}'
    run llmspool-ctl retry one
    [ "$status" -eq 0 ]
    [ "$output" = "$(id_of one): failed, will be tried again" ]
    until_state one completed
    [ "$(llmspool-status --json one | jq -c '[.attempts[].outcome]')" = '["job","ok"]' ]
    [ "$(events_of one retried)" = 1 ]
    [ "$(asked "a question")" = 2 ]
}

@test "a rerun publishes version 2, and version 1 stays as it was" {
    live
    drop one '{"prompt": "again"}'
    until_state one completed
    id=$(id_of one)
    before=$(sha256sum "$spool/done/$id.v1.json")
    run --separate-stderr llmspool-ctl rerun one
    [ "$status" -eq 0 ]
    [ "$output" = "$id@v2" ]
    eventually llmspool-result "$id@v2"
    until_state one completed
    [ "$(sha256sum "$spool/done/$id.v1.json")" = "$before" ]
    [ "$(llmspool-result --json one | jq .version)" = 2 ]
    [ "$(readlink "$spool/by-name/one")" = "../done/$id.v2.json" ]
    [ "$(asked again)" = 2 ]
}

@test "a rerun that fails publishes its version as failed, and the latest answer stays" {
    live
    drop one '{"prompt": "again"}'
    until_state one completed
    id=$(id_of one)
    tell_mock '{"fault": {"400": 1}}'
    [ "$(llmspool-ctl rerun one)" = "$id@v2" ]
    eventually has_versions one 2
    until_state one completed
    [ "$(jq -r .status "$spool/done/$id.v2.json")" = failed ]
    [ "$(llmspool-result --json one | jq .version)" = 1 ]
    [ "$(readlink "$spool/by-name/one")" = "../done/$id.v1.json" ]
    run --separate-stderr llmspool-result one@v2
    [ "$status" -eq 1 ]
    [ "$output" = "" ]
    [[ "$stderr" == *"failed: "* ]]
}

@test "a rerun of a job that has not ended is answered by the run under way" {
    live
    llmspool-ctl pause
    drop one '{"prompt": "once"}'
    until_state one waiting
    [ "$(llmspool-ctl rerun one)" = "$(id_of one)@v1" ]
    [ -z "$(ls "$spool/ctl" | grep rerun)" ]
    llmspool-ctl resume
    until_state one completed
    [ "$(asked once)" = 1 ]
}

@test "retry and rerun name each other where the other is meant" {
    live
    drop good '{"prompt": "fine"}'
    drop bad '{"prompt": "[[mock:400]] not fine"}'
    until_state good completed
    until_state bad failed
    run llmspool-ctl retry good
    [ "$status" -eq 1 ]
    [[ "$output" == *"rerun asks again" ]]
    run llmspool-ctl rerun bad
    [ "$status" -eq 1 ]
    [[ "$output" == *"retry tries again" ]]
}

@test "a held job is not sent until it is released" {
    live
    llmspool-ctl pause
    drop one '{"prompt": "held"}'
    until_state one waiting
    run llmspool-ctl hold one
    [ "$output" = "$(id_of one): waiting, will be held" ]
    llmspool-ctl resume
    until_state one held
    drop other '{"prompt": "not held"}'
    until_state other completed
    state_is one held
    [ "$(asked held)" = 0 ]
    run llmspool-ctl release one
    [ "$output" = "$(id_of one): held, will be let go" ]
    until_state one completed
    run llmspool-ctl release one
    [ "$status" -eq 0 ]
    [[ "$output" == *"it is not held" ]]
}

@test "a job is held before it is there" {
    live
    drop one '{"prompt": "first life"}'
    until_state one completed
    id=$(id_of one)
    stop_daemon
    rm -r "$spool"
    llmspool-init --model gpt-4o-mini "$spool"
    start_daemon
    run llmspool-ctl hold "$id"
    [ "$status" -eq 0 ]
    [ "$output" = "$id: not there yet, will be held when it comes" ]
    drop one '{"prompt": "first life"}'
    until_state "$id" held
    llmspool-ctl release "$id"
    until_state "$id" completed
}

@test "a gate that closed for its key is tried at once when it is released" {
    live --key other
    drop one '{"prompt": "let me in"}'
    eventually gate_is closed
    [[ "$(llmspool-status)" == *"openai/gpt-4o-mini is closed: key refused (401)"* ]]
    state_is one waiting
    tell_mock '{"key": "good"}'
    run llmspool-ctl release openai/gpt-4o-mini
    [ "$status" -eq 0 ]
    [ "$output" = "openai/gpt-4o-mini: will be tried at once" ]
    until_state one completed
    eventually gate_is open
}

gate_is() {
    [ "$(llmspool-status --gates --json | jq -r .state)" = "$1" ]
}

@test "an unknown gate is refused with the names of those there are" {
    live
    drop one '{"prompt": "x"}'
    until_state one completed
    eventually gate_is open
    run llmspool-ctl release openai/gpt-5
    [ "$status" -eq 69 ]
    [[ "$output" == *"no gate openai/gpt-5; its gates are: openai/gpt-4o-mini" ]]
    [ -z "$(ls "$spool/ctl")" ]
}

@test "paused nothing is sent, resumed all is" {
    live
    [ "$(llmspool-ctl pause)" = "paused: nothing is sent" ]
    [ "$(llmspool-ctl pause)" = "was paused already" ]
    drop one '{"prompt": "patient"}'
    until_state one waiting
    [[ "$(llmspool-status one)" == *"waiting: paused"* ]]
    [ "$(llmspool-ctl resume)" = "resumed" ]
    until_state one completed
    [ "$(llmspool-ctl resume)" = "was not paused" ]
}

@test "draining finishes what is in cur and leaves new alone until undrained" {
    live
    drop slow '{"prompt": "[[mock:ok,times=1,latency=2s]] slow"}'
    until_state slow running
    llmspool-ctl drain
    eventually daemon_drains
    drop late '{"prompt": "late"}'
    until_state slow completed
    [ "$(llmspool-status --json | jq .folders.new)" = 1 ]
    run llmspool-ctl undrain
    [ "$output" = "the drain has ended" ]
    until_state late completed
}

daemon_drains() {
    jq -e .draining "$spool/state/status.json"
}

@test "resume ends a drain, too" {
    live
    llmspool-ctl drain
    llmspool-ctl pause
    drop one '{"prompt": "x"}'
    llmspool-ctl resume
    [ -z "$(ls "$spool/ctl")" ]
    until_state one completed
}

@test "flush forgets a backoff" {
    live
    drop one '{"prompt": "[[mock:500,times=1,retry-after=3600]] soon"}'
    until_state one delayed
    [[ "$(llmspool-status one)" == *"delayed: tries again at "* ]]
    run llmspool-ctl flush one
    [ "$output" = "$(id_of one): delayed, will be tried at once" ]
    until_state one completed
}

@test "flush leaves a not_before alone and says so" {
    live
    drop one '{"prompt": "tomorrow", "delay": "1d"}'
    until_state one delayed
    run llmspool-ctl flush one
    [ "$status" -eq 1 ]
    [[ "$output" == *"waits for its not_before"* ]]
    state_is one delayed
}

@test "orders given without a daemon are told to wait, and obeyed once when it starts" {
    live
    drop done '{"prompt": "answered"}'
    drop bad '{"prompt": "[[mock:400,times=1]] failed once"}'
    drop later '{"prompt": "never", "delay": "1d"}'
    until_state done completed
    until_state bad failed
    until_state later delayed
    stop_daemon
    for order in "rerun done" "retry bad" "cancel later"; do
        run --separate-stderr llmspool-ctl $order
        [ "$status" -eq 0 ]
        [[ "$stderr" == *"no daemon runs on $spool; the order is obeyed when one starts" ]]
    done
    start_daemon
    until_state later cancelled
    until_state bad completed
    eventually has_versions done 2
    eventually no_orders
    stop_daemon
    start_daemon
    until_state done completed
    has_versions done 2
    [ "$(asked answered)" = 2 ]
    [ "$(events_of done rerun)" = 1 ]
}

@test "the same order twice starts one run" {
    live
    drop one '{"prompt": "twice"}'
    until_state one completed
    stop_daemon
    id=$(id_of one)
    for name in a b; do
        echo "$id" >"$spool/tmp/$name"
        mv "$spool/tmp/$name" "$spool/ctl/rerun.$name"
    done
    start_daemon
    eventually no_orders
    until_state one completed
    has_versions one 2
    [ "$(asked twice)" = 2 ]
}

@test "an order that cannot be read is refused and kept with its reason" {
    live
    printf 'nonsense\n' >"$spool/tmp/order"
    mv "$spool/tmp/order" "$spool/ctl/cancel.nonsense"
    eventually no_orders
    [ "$(jq -r '.status + " " + .reason + " " + .name' "$spool/failed/"*.error.json)" = \
        "refused bad_order cancel.nonsense" ]
    [ "$(cat "$(ls "$spool/failed/"* | grep -v 'error\.json$')")" = nonsense ]
}

@test "ALL cancels, retries, reruns, holds and releases every job" {
    live
    drop good '{"prompt": "good"}'
    drop bad '{"prompt": "[[mock:400,times=1]] bad"}'
    until_state good completed
    until_state bad failed
    [ "$(llmspool-ctl retry ALL)" = "1 job will be tried again" ]
    until_state bad completed
    [ "$(llmspool-ctl rerun ALL | sort)" = "$(printf '%s@v2\n' "$(id_of good)" "$(id_of bad)" | sort)" ]
    eventually has_versions good 2
    eventually has_versions bad 2
    drop later '{"prompt": "later", "delay": "1d"}'
    until_state later delayed
    llmspool-ctl hold ALL
    until_state later held
    [ "$(llmspool-ctl release ALL)" = "all holds will be ended, all gates tried at once" ]
    until_state later delayed
    [ "$(llmspool-ctl cancel ALL)" = "1 job will be cancelled" ]
    until_state later cancelled
    state_is good completed
}

@test "all in small letters is refused with an explanation" {
    llmspool-init "$spool"
    run llmspool-ctl cancel all
    [ "$status" -eq 64 ]
    [ "$output" = "llmspool-ctl: for every job write ALL, in capitals" ]
    [ -z "$(ls "$spool/ctl")" ]
}

@test "nothing is written when one of the jobs cannot be found" {
    live
    llmspool-ctl pause
    drop one '{"prompt": "stays"}'
    until_state one waiting
    run llmspool-ctl cancel one no-such-job
    [ "$status" -eq 69 ]
    [ "$output" = "llmspool-ctl: no job is named no-such-job" ]
    [ "$(ls "$spool/ctl")" = pause ]
    state_is one waiting
}

@test "a dry run says what would be done and does nothing" {
    live
    drop one '{"prompt": "later", "delay": "1d"}'
    until_state one delayed
    run llmspool-ctl --dry-run cancel one
    [ "$output" = "$(id_of one): delayed, would be cancelled" ]
    run llmspool-ctl -n hold one
    [ "$output" = "$(id_of one): delayed, would be held" ]
    llmspool-ctl -n pause
    [ -z "$(ls "$spool/ctl")" ]
    state_is one delayed
}

@test "jobs are read from stdin, and told as JSON when asked" {
    live
    drop one '{"prompt": "1", "delay": "1d"}'
    drop two '{"prompt": "2", "delay": "1d"}'
    until_state one delayed
    until_state two delayed
    run --separate-stderr llmspool-ctl --json cancel - <<<$'one\n\ntwo'
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.order, .state, .effect, .dry_run]' <<<"$output")" = \
        $'["cancel","delayed","act",false]\n["cancel","delayed","act",false]' ]
    until_state one cancelled
    until_state two cancelled
}

@test "-q says nothing of what is done" {
    live
    drop one '{"prompt": "1", "delay": "1d"}'
    until_state one delayed
    run llmspool-ctl -q cancel one
    [ "$status" -eq 0 ]
    [ "$output" = "" ]
    until_state one cancelled
}

@test "wrong orders are usage errors that help" {
    llmspool-init "$spool"
    run llmspool-ctl
    [ "$status" -eq 64 ]
    run llmspool-ctl cancle x
    [ "$status" -eq 64 ]
    [[ "$output" == *"did you mean cancel?"* ]]
    run llmspool-ctl cancel
    [ "$status" -eq 64 ]
    [[ "$output" == *"Name them, select them, or write ALL"* ]]
    run llmspool-ctl pause some-job
    [ "$status" -eq 64 ]
    [[ "$output" == *"for jobs there is hold"* ]]
}

# A run: one answered twice over, one that fails once, one that always fails, one answered and cut.
drop_run() {
    printf '%s\n' "{\"run\": \"${1:-R}\"}" '{"prompt": "good", "name": "good"}' \
        '{"prompt": "[[mock:422,times=1]] bad", "name": "bad", "metadata": {"row": 1}}' \
        '{"prompt": "[[mock:400]] long", "name": "long"}' \
        '{"prompt": "cut after one", "name": "cut", "user": "eve", "params": {"max_tokens": 1}}' \
        '{"prompt": "good"}' >"$spool/tmp/run"
    mv "$spool/tmp/run" "$spool/new/run-${1:-R}.jsonl"
    until_state good completed
    until_state cut completed
    until_state bad failed
    until_state long failed
    eventually nothing_is_new
}

nothing_is_new() {
    [ -z "$(ls "$spool/new")" ]
}

@test "retry and rerun take what options select, before or behind the order" {
    live
    drop_run
    drop alone '{"prompt": "alone", "user": "bob"}'
    until_state alone completed
    run llmspool-ctl -n retry --run R --reason context_length_exceeded
    [ "$output" = "$(id_of long): failed, would be tried again" ]
    run llmspool-ctl -n --failed retry
    [ "$(sort <<<"$output")" = "$(printf '%s: failed, would be tried again\n' "$(id_of bad)" "$(id_of long)" | sort)" ]
    run llmspool-ctl -n --run R rerun
    [ "$output" = "$(printf '%s@v2\n' "$(id_of good)" "$(id_of cut)")" ]
    [ "$(llmspool-ctl -n rerun --truncated)" = "$(id_of cut)@v2" ]
    [ "$(llmspool-ctl -n rerun --user bob --model 'gpt-*')" = "$(id_of alone)@v2" ]
    [ "$(llmspool-ctl -n rerun --where user=eve ALL)" = "$(id_of cut)@v2" ]
    [ "$(llmspool-ctl -n rerun --type chat --older-than 0 | wc -l)" = 3 ]
    [ "$(llmspool-ctl -n rerun --user eve good cut)" = "$(id_of cut)@v2" ]
    [ "$(printf 'good\ncut\n' | llmspool-ctl -n --truncated rerun -)" = "$(id_of cut)@v2" ]
    [ -z "$(ls "$spool/ctl")" ]
    llmspool-ctl -q retry --reason invalid_request_error
    until_state bad completed
    state_is long failed
    [ "$(events_of long retried)" = 0 ]
}

@test "a selection of nothing is told and is no error" {
    live
    drop_run
    for order in "rerun --older-than 1h" "retry --user nobody" "rerun --failed" "cancel --run R"; do
        run --separate-stderr llmspool-ctl $order
        [ "$status" -eq 0 ]
        [ "$output" = "" ]
        [ "$stderr" = "llmspool-ctl: no job is selected" ]
    done
    [ -z "$(ls "$spool/ctl")" ]
    run llmspool-ctl retry --run no-such-run
    [ "$status" -eq 69 ]
    [[ "$output" == *"there is no run no-such-run"* ]]
}

@test "what has not ended is cancelled, held and released by its job's fields" {
    live
    printf '%s\n' '{"run": "later"}' '{"prompt": "1", "delay": "1d", "user": "eve", "name": "one"}' \
        '{"prompt": "2", "delay": "1d", "user": "bob", "name": "two"}' >"$spool/tmp/run"
    mv "$spool/tmp/run" "$spool/new/run.jsonl"
    drop three '{"prompt": "3", "delay": "1d", "user": "eve"}'
    until_state one delayed
    until_state two delayed
    until_state three delayed
    llmspool-ctl -q hold --user eve --where 'prompt<2'
    until_state one held
    state_is three delayed
    [ "$(llmspool-ctl -n release --run later)" = "$(id_of one): held, would be let go
$(id_of two): delayed, it is not held" ]
    [ "$(llmspool-ctl -n cancel --newer-than 1h | wc -l)" = 3 ]
    [ "$(llmspool-ctl -n cancel --older-than 1h)" = "" ]
    llmspool-ctl -q cancel --run later
    until_state one cancelled
    until_state two cancelled
    state_is three delayed
    run llmspool-ctl cancel --failed
    [ "$status" -eq 64 ]
    [[ "$output" == *"cancel is for jobs that have not ended"* ]]
    run llmspool-ctl pause --user eve
    [ "$status" -eq 64 ]
}

@test "what rerun prints is waited for and printed" {
    live
    drop_run
    llmspool-ctl rerun --run R >"$BATS_TEST_TMPDIR/versions"
    [ "$(cut -d@ -f2 "$BATS_TEST_TMPDIR/versions")" = $'v2\nv2' ]
    llmspool-wait - <"$BATS_TEST_TMPDIR/versions"
    [ "$(llmspool-result --field version - <"$BATS_TEST_TMPDIR/versions")" = $'2\n2' ]
    llmspool-ctl pause
    llmspool-ctl rerun good >"$BATS_TEST_TMPDIR/versions"
    run llmspool-wait --timeout 1s - <"$BATS_TEST_TMPDIR/versions"
    [ "$status" -eq 75 ]
    llmspool-ctl resume
    llmspool-wait - <"$BATS_TEST_TMPDIR/versions"
    [ "$(llmspool-result --json good@v3 | jq .version)" = 3 ]
}

# The jobs of a run, by their prompts.
prompts_of() {
    llmspool-result --run "$1" --field output 2>/dev/null || true
}

@test "--set makes new jobs in the places of the old ones" {
    live
    drop_run
    old=$(id_of bad)
    run --separate-stderr llmspool-ctl --dry-run retry bad --set params.seed=1
    [ "$status" -eq 0 ]
    [ "$stderr" = "llmspool-ctl: 1 new job would be made, in the place of the old one in run R" ]
    new=$output
    [ -z "$(ls "$spool/new")" ]
    run --separate-stderr llmspool-ctl retry --set params.seed=1 --set priority=2 --run R bad
    [ "$status" -eq 0 ]
    [ "$output" = "$new" ]
    [ "$stderr" = "llmspool-ctl: 1 new job, in the place of the old one in run R" ]
    llmspool-wait "$new" >/dev/null
    [ "$(llmspool-result --request "$new" | jq -cS .)" = \
        "{\"metadata\":{\"derived_from\":\"$old\",\"row\":1},\"model\":\"gpt-4o-mini\",\"name\":\"bad\",\"params\":{\"seed\":1},\"priority\":2,\"prompt\":\"[[mock:422,times=1]] bad\"}" ]
    [ "$(id_of bad)" = "$new" ]
    state_is "$old" failed
    [ "$(llmspool-result "$new" --field in_run)" = R ]
    [ "$(llmspool-result "$new" --field metadata.derived_from)" = "$old" ]
    run llmspool-result --run R --json
    [ "$(jq -r .id <<<"$output")" = \
        "$(printf '%s\n' "$(id_of good)" "$new" "$(id_of long)" "$(id_of cut)" "$(id_of good)")" ]
    [ "$(llmspool-ctl -n --failed --run R retry)" = "$(id_of long): failed, would be tried again" ]
}

@test "--set gives the places in each run, and tells both IDs as JSON" {
    live
    drop_run R
    drop_run S
    drop free '{"prompt": "in no run at all"}'
    until_state free completed
    good=$(id_of good) free=$(id_of free)
    run --separate-stderr llmspool-ctl --json rerun good free --set model=gpt-4o
    [ "$status" -eq 0 ]
    [ "$stderr" = "" ]
    [ "$(jq -c '[.derived_from, (.runs | sort), .order, .effect, .dry_run]' <<<"$output")" = \
        "[\"$good\",[\"R\",\"S\"],\"rerun\",\"act\",false]
[\"$free\",[],\"rerun\",\"act\",false]" ]
    jq -r .id <<<"$output" | llmspool-wait - >/dev/null
    new=$(jq -r .id <<<"$output" | head -1)
    for run in R S; do
        [ "$(llmspool-result --run $run --where model.asked=gpt-4o --json | jq -r .id)" = $"$new
$new" ]
    done
    run --separate-stderr llmspool-ctl rerun free --set model=gpt-4.1
    [ "$stderr" = "llmspool-ctl: 1 new job, in no run" ]
}

@test "--set that makes no new job is an error with advice" {
    live
    drop_run
    run llmspool-ctl rerun good --set priority=1
    [ "$status" -eq 64 ]
    [[ "$output" == *"--set changes nothing of what decides an answer"*"without it rerun asks again"* ]]
    run --separate-stderr llmspool-ctl rerun --run R --set params.max_tokens=1
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"$(id_of cut | cut -c-12): --set changes nothing of what decides its answer"* ]]
    [[ "$stderr" == *"1 new job, in the place of the old one in run R"* ]]
    run --separate-stderr llmspool-ctl rerun cut --set params.max_tokens=1
    [ "$status" -eq 65 ]
    [ "$output" = "" ]
    run --separate-stderr llmspool-ctl rerun cut --set params.max_tokens=many
    [ "$status" -eq 65 ]
    [[ "$stderr" == *"\"max_tokens\" in \"params\" must be an integer"* ]]
    run llmspool-ctl rerun cut --set max_tokens=1
    [ "$status" -eq 64 ]
    [[ "$output" == *'did you mean "max_tokens" inside "params"?'* ]]
    run llmspool-ctl cancel cut --set model=m
    [ "$status" -eq 64 ]
    run --separate-stderr llmspool-ctl retry good --set model=m
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"is completed: it has its answer; rerun asks again"* ]]
}

@test "of the old job --set leaves out an end that has passed" {
    live
    llmspool-ctl pause
    drop one '{"prompt": "too late", "expires": "2026-01-01T00:00:00Z"}'
    until_state one expired
    llmspool-ctl resume
    new=$(llmspool-ctl retry one --set params.seed=1 2>/dev/null)
    llmspool-wait "$new"
    [ "$(llmspool-result "$new")" = "too late" ]
    [ "$(llmspool-result --request "$new" | jq 'has("expires")')" = false ]
}
