#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-status: the spool at a glance and the story of a job.

load live

setup() {
    live_setup
}

teardown() {
    live_teardown
}

overview() {
    llmspool-status --json | jq -c "$1"
}

overview_is() {
    [ "$(overview "$1")" = "$2" ]
}

fits_80_columns() {
    local line
    while IFS= read -r line; do
        [ "${#line}" -le 80 ] || { echo "$line"; return 1; }
    done
}

@test "the first line says that no daemon runs, and how to start one" {
    llmspool-init "$spool"
    run llmspool-status
    [ "$status" -eq 0 ]
    [[ "$output" == "no daemon runs on $spool"* ]]
    [[ "$(tr '\n' ' ' <<<"$output")" == *"(start it: llmspoold -s $spool)"* ]]
    overview_is .daemon_up false
}

@test "the first line tells the daemon's process and since when it runs" {
    live
    run llmspool-status
    [[ "$(tr '\n' ' ' <<<"$output")" == "llmspoold "*" runs on $spool: pid $daemon_pid, since "* ]]
    overview_is '[.daemon_up, .pid]' "[true,$daemon_pid]"
    stop_daemon
    overview_is .daemon_up false
    [[ "$(llmspool-status)" == "no daemon runs on "* ]]
}

@test "jobs are counted by state" {
    live
    drop good '{"prompt": "good"}'
    drop bad '{"prompt": "[[mock:400]] bad"}'
    drop later '{"prompt": "later", "delay": "1d"}'
    drop slow '{"prompt": "[[mock:hang]] slow"}'
    drop held '{"prompt": "held", "delay": "1d"}'
    echo '{"promt": "no job"}' >"$spool/new/none.json"
    until_state held delayed
    llmspool-ctl -q hold held
    until_state slow running
    until_state good completed
    until_state bad failed
    eventually overview_is '[.counts.delayed, .counts.held, .counts.running]' '[1,1,1]'
    eventually overview_is '[.folders.cur, .folders.running, .folders.done, .folders.failed, .folders.refused]' \
        '[3,1,1,1,1]'
    run env COLUMNS=80 llmspool-status
    [[ "$output" == *"active     0 waiting, 1 delayed, 1 held, 1 running"* ]]
    [[ "$output" == *"ended      1 completed, 1 failed, 1 refused"* ]]
    fits_80_columns <<<"$output"
}

@test "a hold and its end are counted where nothing else happens" {
    live
    drop later '{"prompt": "later", "delay": "1d"}'
    eventually overview_is '[.counts.delayed, .counts.held]' '[1,0]'
    sleep 1.5 # what else is to be told of the job is told
    llmspool-ctl -q hold later
    eventually overview_is '[.counts.delayed, .counts.held]' '[0,1]'
    sleep 1.5
    llmspool-ctl -q release later
    eventually overview_is '[.counts.delayed, .counts.held]' '[1,0]'
}

@test "without a daemon jobs are counted as the folders show them" {
    live
    drop later '{"prompt": "later", "delay": "1d"}'
    until_state later delayed
    stop_daemon
    drop new '{"prompt": "new"}'
    run llmspool-status
    [[ "$output" == *"active     1 in cur/, 1 dropped in new/"* ]]
    overview_is '[.folders.new, .folders.cur, .counts]' '[1,1,null]'
}

@test "answers of the mock are told in the overview and with the job" {
    live
    drop one '{"prompt": "x"}'
    until_state one completed
    eventually overview_is .mock true
    [ "$(llmspool-status | sed -n '/^!/{p;q}')" = "! answers come from llmspool-mock, not from a model" ]
    [[ "$(llmspool-status one)" == *"completed (mock)"* ]]
}

@test "a wrong key, a missing provider and a pause are told loudly, with what to do" {
    live --key other
    drop one '{"prompt": "x"}'
    drop two '{"prompt": "y", "provider": "nobody"}'
    eventually overview_is '.gates[0].loud' true
    until_state two waiting
    llmspool-ctl -q pause
    run env COLUMNS=80 llmspool-status
    text=$(tr -s '\n ' ' ' <<<"$output")
    [[ "$text" == *"! paused: nothing is sent (llmspool-ctl resume)"* ]]
    [[ "$text" == *"! openai/gpt-4o-mini is closed: key refused (401); 1 job waits. When it is mended: llmspool-ctl release openai/gpt-4o-mini"* ]]
    [[ "$text" == *"! no provider nobody; 1 job waits."* ]]
    fits_80_columns <<<"$output"
}

@test "gates are a table of states and one of limits, or a line of JSON each" {
    live --tpm 100000
    drop one '{"prompt": "x"}'
    drop two '{"prompt": "x", "model": "gpt-4o"}'
    until_state one completed
    until_state two completed
    eventually overview_is '[.gates[].succeeded]' '[1,1]'
    run llmspool-status --gates
    [[ "${lines[0]}" == "GATE "*"KEY "*"IN FLIGHT  WAITING "*"STATE" ]]
    [[ "$output" =~ openai/gpt-4o-mini\ +\*\*\*\ +0/[0-9]+/64\ +0\ +1\ +0\ +0\ +open ]]
    [[ "$output" =~ openai/gpt-4o-mini\ +requests\ +1\ +none\ +-\ +- ]]
    [[ "$output" =~ openai/gpt-4o-mini\ +tokens\ +[0-9]+\ +100000\ a\ minute\ +[0-9]+\ +told ]]
    [ "$(llmspool-status --gates --json | jq -r .gate | sort | tr '\n' ' ')" = "openai/gpt-4o openai/gpt-4o-mini " ]
    llmspool-status --gates --json | jq -es 'all(.window > 0 and .used_requests == 1 and .key == "***"
        and any(.limits[]; .of == "tokens" and .from == "told" and .limit == 100000))'
}

@test "a gate that is closed tells since when, and limits of the configuration are told as such" {
    settings='provider "openai" {
        url = "http://127.0.0.1:9/v1"
        rpm = 30
    }'
    live
    drop one '{"prompt": "x"}'
    eventually overview_is '.gates[0].state' '"closed"'
    run llmspool-status --gates
    text=$(tr -s '\n ' ' ' <<<"$output")
    [[ "$text" =~ "openai/gpt-4o-mini - 0/"[0-9]+"/64 1 0 1 0 closed: " ]]
    [[ "$text" =~ " requests "[0-9]+" 30 a minute "[0-9]+" configured" ]]
}

@test "a budget that is used up is told first, with the job that it holds, and to whoever waits" {
    settings='model "*" {
        output_price = 1000
        input_price = 0
    }
    user "alice" {
        budget {
            day = 0.0155
        }
    }'
    live
    drop paid '{"prompt": "one", "user": "alice", "params": {"max_tokens": 15}}'
    until_state paid completed
    drop held '{"prompt": "two", "user": "alice", "params": {"max_tokens": 15}}'
    drop other '{"prompt": "three", "user": "bob", "params": {"max_tokens": 15}}'
    until_state other completed
    eventually overview_is '[.money.budgets[] | select(.used_up) | .scope]' '["user alice"]'
    text=$(llmspool-status | tr -s '\n ' ' ')
    [[ "$text" =~ "! budget a day for user alice used up: "0\.0[0-9]+" of 0.0155 USD; what it does not pay for waits until " ]]
    [[ "$(llmspool-status --json held | jq -r .reason)" == "budget: 0.0155 USD a day for user alice used up until "* ]]
    [[ "$(llmspool-status held | tr -s '\n ' ' ')" == *" budget: 0.0155 USD a day for user alice used up until "* ]]
    run llmspool-wait --timeout 4s held
    [ "$status" -eq 75 ]
    [[ "$output" == *"budget: 0.0155 USD a day for user alice used up"* ]]
}

@test "jobs of a type that their provider does not speak are told loudly, and to whoever waits" {
    settings='provider "claude" {
        protocol = "anthropic"
        url = "http://127.0.0.1:9"
    }'
    live
    drop vector '{"type": "embed", "input": "x"}'
    eventually overview_is '.models[0].waiting' 1
    [[ "$(llmspool-status | tr -s '\n ' ' ')" == *"! provider claude does not speak embed; 1 job waits."* ]]
    [[ "$(llmspool-status --json vector | jq -r .reason)" == "provider claude does not speak embed" ]]
    run llmspool-wait --timeout 4s vector
    [[ "$output" == *"provider claude does not speak embed"* ]]
}

@test "the last failures are grouped by reason" {
    live
    for n in 1 2 3; do
        drop bad$n "{\"prompt\": \"[[mock:400]] $n\"}"
    done
    drop other '{"prompt": "[[mock:422]] 4"}'
    for job in bad1 bad2 bad3 other; do
        until_state $job failed
    done
    [ "$(overview '[.failures[] | [.jobs, .status, .reason]]')" = \
        '[[3,"failed","context_length_exceeded"],[1,"failed","'"$(jq -r .reason "$spool/failed/$(id_of other).error.json")"'"]]' ]
    [[ "$(llmspool-status)" == *"   3  failed    context_length_exceeded  "* ]]
}

@test "figures of throughput, latency, publishing and disk are shown" {
    live
    drop one '{"prompt": "x"}'
    until_state one completed
    eventually overview_is '.latency_ms != null' true
    run llmspool-status
    for label in pace latency publish disk; do
        [[ "$output" == *$'\n'"$label "* ]]
    done
    [ "$(overview '[.publish.commits > 0, .disk.free_bytes > 0, .rates.per_minute >= 0]')" = '[true,true,true]' ]
}

@test "what goes into a pipe is not cut, but where COLUMNS says how wide" {
    local name=a-name-that-is-far-longer-than-the-forty-columns-that-a-table-would-grant-it
    live --key other
    drop "$name" "$(jq -nc '{prompt: ("word " * 60)}')"
    eventually overview_is '.gates[0].loud' true
    run llmspool-status
    grep -qE '^! openai/gpt-4o-mini is closed: .* llmspool-ctl release openai/gpt-4o-mini$' <<<"$output"
    run llmspool-status --json
    [[ "$output" != *"..."* ]]
    run llmspool-status "$name"
    [[ "$output" == *"$name"* && "$output" != *"..."* ]]
    run env COLUMNS=50 llmspool-status
    while IFS= read -r line; do
        [ "${#line}" -le 50 ] || { echo "$line"; return 1; }
    done < <(tail -n +2 <<<"$output")
    run env COLUMNS=none llmspool-status
    grep -qE '^! openai/gpt-4o-mini is closed: .* llmspool-ctl release openai/gpt-4o-mini$' <<<"$output"
}

@test "a completed job's story has its times, attempts, versions, names, files and events" {
    live
    drop one '{"prompt": "[[mock:500,times=1]] told", "metadata": {"secret": 1}}'
    until_state one completed
    run env COLUMNS=80 llmspool-status one
    [ "$status" -eq 0 ]
    fits_80_columns < <(tail -n +2 <<<"$output")
    for part in "state      completed" "name       one" "model      gpt-4o-mini" "times      submitted " \
        "attempts" "transient" "outputs" "events" "accepted" "retry" "done/"; do
        [[ "$output" == *"$part"* ]] || { echo "$part"; return 1; }
    done
    story=$(llmspool-status --json one)
    id=$(id_of one)
    [ "$(jq -c '[.state, .reason, .names, .run]' <<<"$story")" = '["completed",null,["one"],1]' ]
    [ "$(jq -c '[.attempts[].outcome]' <<<"$story")" = '["transient","ok"]' ]
    [ "$(jq -c '[.events[].event]' <<<"$story")" = '["accepted","started","retry","started","completed"]' ]
    [ "$(jq -c .files <<<"$story")" = "[\"done/$id.json\",\"done/$id.v1.json\"]" ]
    [ "$(jq -c '[.times.submitted, .times.accepted, .times.started, .times.finished] == ([.times.submitted, .times.accepted, .times.started, .times.finished] | sort)' <<<"$story")" = true ]
}

@test "no text of a prompt or an answer is in a story" {
    live
    drop one '{"prompt": "PRIVATE matter", "system": "PRIVATE rule", "params": {"stop": "PRIVATE"}}'
    until_state one completed
    [[ "$(llmspool-status one; llmspool-status --json one; llmspool-status --json)" != *PRIVATE* ]]
}

@test "a failed job tells why, and what to do" {
    live
    drop one '{"prompt": "[[mock:400]] x"}'
    until_state one failed
    run llmspool-status one
    [[ "$output" == *"state      failed: This model's maximum context length"* ]]
    [ "$(llmspool-status --json one | jq -r .error.reason)" = context_length_exceeded ]
}

@test "each waiting job says what it waits for" {
    live
    llmspool-ctl -q pause
    drop first '{"prompt": "1"}'
    until_state first waiting
    drop second '{"prompt": "2"}'
    until_state second waiting
    drop later '{"prompt": "3", "not_before": "2999-01-01T00:00:00Z"}'
    until_state later delayed
    [ "$(llmspool-status --json first | jq -r .reason)" = "paused (llmspool-ctl resume)" ]
    [[ "$(llmspool-status --json later | jq -r .reason)" == "not before 2999-01-01 "* ]]
    llmspool-ctl -q hold first
    until_state first held
    [ "$(llmspool-status --json first | jq -r .reason)" = "held by a person" ]
    stop_daemon
    [[ "$(llmspool-status --json second | jq -r .reason)" == "no daemon runs on this spool"* ]]
    llmspool-ctl -q drain
    drop new '{"prompt": "4"}'
    start_daemon
    run llmspool-status
    [[ "$output" == *"! draining: nothing is taken from new/"* ]]
}

@test "a job behind others says how many" {
    live
    stop_daemon
    start_daemon -j 1
    drop slow '{"prompt": "[[mock:hang]] slow"}'
    until_state slow running
    drop a '{"prompt": "a"}'
    until_state a waiting
    drop b '{"prompt": "b"}'
    until_state b waiting
    eventually reason_is a "next to be sent"
    eventually reason_is b "behind 1 job"
}

reason_is() {
    [ "$(llmspool-status --json "$1" | jq -r .reason)" = "$2" ]
}

@test "a running job of a daemon that died is in doubt" {
    live
    drop one '{"prompt": "[[mock:hang]] x"}'
    until_state one running
    kill -KILL "$daemon_pid"
    wait "$daemon_pid" || true
    daemon_pid=
    run llmspool-status one
    [[ "$output" == *"state      running: in doubt: no daemon runs"* ]]
}

@test "several jobs are told one after the other, unknown ones make it exit 69" {
    live
    drop one '{"prompt": "1"}'
    drop two '{"prompt": "2"}'
    until_state one completed
    until_state two completed
    [ "$(llmspool-status --json one two - <<<one | jq -r '.names[0]' | tr '\n' ' ')" = "one two one " ]
    run --separate-stderr llmspool-status one nothing
    [ "$status" -eq 69 ]
    [[ "$output" == *"completed"* ]]
    [[ "$stderr" == *"no job is named nothing" ]]
}

@test "colour is for terminals, and not with NO_COLOR" {
    command -v script >/dev/null || skip "script is missing (Debian package: bsdutils)"
    llmspool-init "$spool"
    export TERM=xterm
    script -qec llmspool-status /dev/null </dev/null >"$BATS_TEST_TMPDIR/coloured"
    grep -q $'\e\\[' "$BATS_TEST_TMPDIR/coloured"
    NO_COLOR=1 script -qec llmspool-status /dev/null </dev/null >"$BATS_TEST_TMPDIR/plain"
    ! grep -q $'\e' "$BATS_TEST_TMPDIR/plain"
    [[ "$(llmspool-status)" != *$'\e'* ]]
}

@test "a server's words cannot command the terminal" {
    live
    drop one '{"prompt": "[[mock:400]] x"}'
    until_state one failed
    error=$spool/failed/$(id_of one).error.json
    jq -c '.message = "evil \u001b[2J \u009b31m \u202e"' "$error" >"$spool/tmp/error"
    mv "$spool/tmp/error" "$error"
    text=$(llmspool-status; llmspool-status one)
    [[ "$text" == *"evil "* ]]
    [[ "$text" != *$'\e'* && "$text" != *$'\xc2\x9b'* && "$text" != *$'\xe2\x80\xae'* ]]
}

@test "when llmspool-prune has not run for three days, status says so" {
    llmspool-init --model m
    start_mock
    start_daemon
    llmspool-submit --wait ping
    stop_daemon
    run -0 llmspool-status
    [[ $output != *upkeep* ]]
    touch -d '4 days ago' "$LLMSPOOL_DIR/spool.json"
    run -0 llmspool-status
    [[ $output == *"upkeep     llmspool-prune has never run on this spool, which is 4d old"* ]]
    llmspool-prune -q
    run -0 llmspool-status
    [[ $output != *upkeep* ]]
    jq -c '.finished = "2026-01-01T00:00:00Z"' "$LLMSPOOL_DIR/state/prune.json" >"$BATS_TEST_TMPDIR/p"
    mv "$BATS_TEST_TMPDIR/p" "$LLMSPOOL_DIR/state/prune.json"
    run -0 llmspool-status
    [[ $output == *"llmspool-prune ran last "*" ago"* ]]
    [ "$(llmspool-status --json | jq -c .upkeep)" = '{"since":"2026-01-01T00:00:00.000Z","never":false}' ]
}

# Drops 12 jobs as a run; the second is refused by the provider, the third is no job.
drop_run() {
    {
        echo "{\"run\": \"$1\", \"first\": 1}"
        for n in $(seq 12); do
            case $n in
            2) echo '{"prompt": "[[mock:400]] bad"}' ;;
            3) echo '{"promt": "no job"}' ;;
            *) echo "{\"prompt\": \"$1 number $n\"}" ;;
            esac
        done
    } >"$spool/tmp/run"
    mv "$spool/tmp/run" "$spool/new/$1.jsonl"
}

run_is() {
    [ "$(llmspool-status --json "$1" | jq -c "$2")" = "$3" ]
}

paused_is_told() {
    [[ "$(llmspool-status "$1")" == *"nothing moves: paused (llmspool-ctl resume)"* ]]
}

@test "a run tells how far it is, what it cost, and why some of it failed" {
    live
    drop_run reviews
    eventually run_is reviews '[.jobs, .completed, .failed, .refused, .waiting, .running]' '[12,10,1,1,0,0]'
    run_is reviews '[.run, .last_minute, .answered_before, .gone, .ends]' '["reviews",11,0,0,null]'
    run_is reviews '[.failures[] | [.jobs, .reason]]' '[[1,"context_length_exceeded"]]'
    eventually run_is reviews '.money.requests > 0' true
    run env COLUMNS=80 llmspool-status reviews
    [[ "${lines[0]}" == "run reviews, begun "* ]]
    [[ "$output" == *"jobs       12: 10 completed, 1 failed, 1 refused"* ]]
    [[ "$output" == *"pace       all have ended"* ]]
    [[ "$(tr -s '\n ' ' ' <<<"$output")" == *"llmspool-ctl retry --state failed --reason context_length_exceeded --run reviews"* ]]
    fits_80_columns <<<"$output"
    llmspool-ctl -q pause
    { echo '{"run": "later", "first": 1}'; echo '{"prompt": "reviews number 5"}'; echo '{"prompt": "new"}'; } >"$spool/tmp/run"
    mv "$spool/tmp/run" "$spool/new/later.jsonl"
    eventually run_is later '[.jobs, .completed, .waiting, .answered_before]' '[2,1,1,1]'
    eventually paused_is_told later
    [ "$(llmspool-status --runs --json | jq -r .run | tr '\n' ' ')" = "later reviews " ]
    [[ "$(llmspool-status --runs)" =~ reviews\ +[0-9:\ -]+\ 12\ +10\ +2\ +0\ +ended ]]
    run llmspool-status no-such-run
    [ "$status" -eq 69 ]
    [[ "$output" == *"no job is named no-such-run" ]]
}

@test "a job's name is the job's, and --run tells of a run of that name" {
    live
    drop_run both
    drop both '{"prompt": "a job"}'
    until_state both completed
    [ "$(llmspool-status --json both | jq -r .state)" = completed ]
    [ "$(llmspool-status --json --run both | jq -r .jobs)" = 12 ]
    run llmspool-status --run ../etc
    [ "$status" -eq 64 ]
}

@test "what was archived of a run is still counted" {
    live
    drop_run old
    eventually run_is old '[.completed, .failed, .refused]' '[10,1,1]'
    llmspool-archive create --older-than 0s
    eventually run_is old '[.jobs, .archived, .gone]' '[12,10,0]'
}

@test "--shape counts what waits by model and age, with a daemon and without" {
    live
    llmspool-ctl -q pause
    drop one '{"prompt": "1"}'
    drop two '{"prompt": "2"}'
    drop three '{"prompt": "3", "model": "other", "delay": "1d"}'
    until_state three delayed
    until_state two waiting
    until_state one waiting
    wanted='[["gpt-4o-mini",2,[2,0,0,0,0,0,0,0,0,0]],["other",1,[1,0,0,0,0,0,0,0,0,0]]]'
    eventually shape_is "$wanted"
    stop_daemon
    shape_is "$wanted"
    touch -d '50 minutes ago' "$spool/cur/$(id_of one).json"
    shape_is '[["gpt-4o-mini",2,[1,0,0,0,1,0,0,0,0,0]],["other",1,[1,0,0,0,0,0,0,0,0,0]]]'
    start_daemon
    eventually shape_is '[["gpt-4o-mini",2,[1,0,0,0,1,0,0,0,0,0]],["other",1,[1,0,0,0,0,0,0,0,0,0]]]'
    [[ "$(llmspool-status --shape)" =~ MINUTES.*TOTAL\ +3\ +2\ +0\ +0\ +0\ +1\ .*gpt-4o-mini\ +2\ +1 ]]
}

shape_is() {
    [ "$(llmspool-status --shape --json | jq -c '[.models[] | [.model, .jobs, .ages]]')" = "$1" ]
}

@test "--failed groups all failures with one of each and what to do" {
    live
    [ "$(llmspool-status --failed)" = "nothing has failed" ]
    drop bad1 '{"prompt": "[[mock:400]] 1"}'
    drop bad2 '{"prompt": "[[mock:400]] 2"}'
    until_state bad1 failed
    until_state bad2 failed
    echo '{"promt": "no job"}' >"$spool/new/none.json"
    eventually overview_is .folders.refused 1
    run llmspool-status --failed
    [[ "${lines[0]}" == "2 failed: context_length_exceeded" ]]
    [[ "$output" == *"again: llmspool-ctl retry --state failed --reason context_length_exceeded"* ]]
    [[ "$output" == *"1 refused: unknown_key"* && "$output" == *"mend it and drop it anew"* ]]
    [ "$(llmspool-status --failed --json | jq -r '[.jobs, .status] | join(" ")' | tr '\n' ' ')" = "2 failed 1 refused " ]
}

@test "--follow prints what happens as it happens, with --since what happened before" {
    live
    drop before '{"prompt": "before"}'
    until_state before completed
    llmspool-status --follow --json >"$BATS_TEST_TMPDIR/now" 3>&- &
    now=$!
    llmspool-status --follow --since 1h --event completed >"$BATS_TEST_TMPDIR/since" 3>&- &
    since=$!
    LLMSPOOL_NO_INOTIFY=1 llmspool-status --follow --json after >"$BATS_TEST_TMPDIR/polled" 3>&- &
    polled=$!
    eventually grep -q before "$BATS_TEST_TMPDIR/since"
    sleep 1
    drop after '{"prompt": "after"}'
    until_state after completed
    eventually grep -q after "$BATS_TEST_TMPDIR/since"
    eventually grep -q '"completed"' "$BATS_TEST_TMPDIR/now"
    eventually grep -q '"completed"' "$BATS_TEST_TMPDIR/polled"
    kill "$now" "$since" "$polled"
    ! grep -q '"name":"before"' "$BATS_TEST_TMPDIR/now"
    [ "$(grep -c completed "$BATS_TEST_TMPDIR/since")" = 2 ]
    [ "$(jq -r 'select(.name == "after") | .event' "$BATS_TEST_TMPDIR/now" | tr '\n' ' ')" = "accepted started completed " ]
}

@test "options of pages that do not go together are refused" {
    llmspool-init "$spool"
    for options in "--shape --users" "--watch --json" "--watch=0 --gates" "--watch=x" "--shape job" \
        "--follow --until 1h" "--user x" "--run r job"; do
        # shellcheck disable=SC2086
        run llmspool-status $options
        [ "$status" -eq 64 ] || { echo "$options: $output"; return 1; }
    done
    run llmspool-status --watch
    [ "$status" -eq 64 ]
    [[ "$output" == *"--watch wants a terminal"* ]]
}
