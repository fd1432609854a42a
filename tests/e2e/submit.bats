#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-submit: jobs from the command line, their IDs, their answers.

load spool

setup() {
    spool_start
}

teardown() {
    spool_stop
}

# The one job in new/, as JSON.
dropped() {
    cat "$LLMSPOOL_DIR"/new/*.json
}

# run, with stdin from a text.
run_with() {
    run --separate-stderr "${@:2}" <<<"$1"
}

count_new() {
    find "$LLMSPOOL_DIR/new" -type f | wc -l
}

# --- what becomes a job -------------------------------------------------------------------------

@test "a text is dropped as a job's prompt, and its ID alone is printed" {
    run --separate-stderr llmspool-submit 'Name three primary colours.'
    [ "$status" -eq 0 ]
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    [ "$stderr" = "" ]
    [ "$(dropped | jq -cS .)" = '{"model":"test-model","prompt":"Name three primary colours."}' ]
    [ "$(count_new)" -eq 1 ]
    [[ $(ls "$LLMSPOOL_DIR/new") == "$output".*.json ]]
    [ "$(ls "$LLMSPOOL_DIR/tmp")" = "" ]
}

@test "a dropped file is for its owner alone" {
    llmspool-submit hello
    [ "$(stat -c %a "$LLMSPOOL_DIR"/new/*.json)" = 600 ]
}

@test "each text, file and job is one job, in the order of the command line" {
    printf 'from a file' >"$BATS_TEST_TMPDIR/a file"
    echo '{"prompt": "whole"}' >"$BATS_TEST_TMPDIR/job.json"
    run llmspool-submit --dry-run one -f "$BATS_TEST_TMPDIR/a file" --job "$BATS_TEST_TMPDIR/job.json" two -- --three
    [ "$status" -eq 0 ]
    [ "$(jq -cs 'map(.prompt)' <<<"$output")" = '["one","from a file","whole","two","--three"]' ]
    [ "$(count_new)" -eq 0 ]
}

@test "standard input and files are prompts byte for byte" {
    printf 'two\nlines\n' >"$BATS_TEST_TMPDIR/prompt"
    run_with 'a line' llmspool-submit --dry-run - -f "$BATS_TEST_TMPDIR/prompt"
    [ "$(jq -cs 'map(.prompt)' <<<"$output")" = '["a line\n","two\nlines\n"]' ]
}

@test "a whole job may come from standard input, too" {
    run_with '{"prompt": "p", "priority": 2}' llmspool-submit --dry-run --job -
    [ "$(jq -c .priority <<<"$output")" = 2 ]
}

@test "standard input cannot be two jobs" {
    run_with x llmspool-submit - -f -
    [ "$status" -eq 64 ]
    [ "$(count_new)" -eq 0 ]
}

@test "every key of a job has its flag" {
    echo '{"type": "object", "title": "colours"}' >"$BATS_TEST_TMPDIR/schema.json"
    run llmspool-submit --dry-run hello \
        --model big --system 'Be brief.' --param temperature=0.5 --param 'stop=["a"]' \
        --param effort=high --priority 0 --not-before 2026-12-01T03:00:00Z \
        --expires 2027-12-01T03:00:00Z --timeout 90s --max-attempts 7 --max-age 30d --keep 90d \
        --stream --webhook https://example.org/hook?a=b --user alice --provider openai --sample 2 \
        --meta sheet=7 --meta note='a = b' --name report-7 --on-doubt hold --type chat \
        --fallback small --fallback claude-haiku \
        --schema "$BATS_TEST_TMPDIR/schema.json"
    [ "$status" -eq 0 ]
    [ "$(jq -S . <<<"$output")" = "$(jq -S . <<'JSON'
{"prompt": "hello", "model": "big", "system": "Be brief.",
 "params": {"temperature": 0.5, "stop": ["a"], "effort": "high",
            "response_format": {"type": "json_schema", "json_schema":
                {"name": "colours", "schema": {"type": "object", "title": "colours"}}}},
 "priority": 0, "not_before": "2026-12-01T03:00:00Z", "expires": "2027-12-01T03:00:00Z",
 "timeout": "90s", "max_attempts": 7, "max_age": "30d", "keep": "90d", "stream": true,
 "webhook": "https://example.org/hook?a=b", "user": "alice", "provider": "openai", "sample": 2,
 "metadata": {"sheet": "7", "note": "a = b"}, "name": "report-7", "on_doubt": "hold",
 "fallback": ["small", "claude-haiku"]}
JSON
)" ]
}

@test "a text, a file and standard input are what to embed with --type embed" {
    printf 'from a file' >"$BATS_TEST_TMPDIR/text"
    run_with stdin llmspool-submit --dry-run --type embed one -f "$BATS_TEST_TMPDIR/text" -
    [ "$status" -eq 0 ]
    [ "$(jq -cs 'map([.type, .input, .prompt])' <<<"$output")" = \
        '[["embed","one",null],["embed","from a file",null],["embed","stdin\n",null]]' ]
}

@test "with --type completion a text is a prompt that is no chat" {
    [ "$(llmspool-submit --dry-run --type completion once | jq -cS .)" = \
        '{"model":"test-model","prompt":"once","type":"completion"}' ]
}

@test "--fresh accepts no older answer" {
    [ "$(llmspool-submit --dry-run --fresh hello | jq -r .max_age)" = 0 ]
}

@test "--delay counts from now" {
    before=$(date +%s)
    not_before=$(llmspool-submit --dry-run --delay 1h hello | jq -r .not_before)
    [ "$(date -d "$not_before" +%s)" -ge $((before + 3600)) ]
    [ "$(date -d "$not_before" +%s)" -le $(($(date +%s) + 3600)) ]
}

@test "flags win over what a whole job says, members one by one" {
    job='{"prompt": "p", "model": "a", "params": {"x": 1, "y": 1}, "metadata": {"k": "v"}, "not_before": "2026-12-01T03:00:00Z"}'
    run_with "$job" llmspool-submit --dry-run --job - --model b --param y=2 --meta l=w --delay 1s
    [ "$status" -eq 0 ]
    [ "$(jq -cS '[.model, .params, .metadata]' <<<"$output")" = '["b",{"x":1,"y":2},{"k":"v","l":"w"}]' ]
    [ "$(jq -r .not_before <<<"$output")" != 2026-12-01T03:00:00Z ]
}

# --- what is refused -----------------------------------------------------------------------------

@test "a job that the daemon would refuse is refused at once, and nothing of the command is dropped" {
    run --separate-stderr llmspool-submit good --job <(echo '{"promt": "typo"}')
    [ "$status" -eq 65 ]
    [ "$output" = "" ]
    [[ $stderr == *'unknown key "promt" (did you mean "prompt"?)'* ]]
    [ "$(count_new)" -eq 0 ]
}

@test "it is refused in the words of the daemon" {
    llmspool-submit ok
    drop refused '{"prompt": "p", "priority": 11}'
    mock_start
    daemon_start
    wait_until [ -e "$LLMSPOOL_DIR/failed/refused.json.error.json" ]
    run --separate-stderr llmspool-submit --priority 11 p
    [ "$status" -eq 65 ]
    [ "$stderr" = "llmspool-submit: $(jq -r .message "$LLMSPOOL_DIR/failed/refused.json.error.json")" ]
}

@test "wrong values are bad input, with a sentence that names them" {
    for flags in '--priority high' '--timeout soon' '--name ../x' '--max-attempts 0' '--expires never' '--webhook ftp://x' '--type poem'; do
        # shellcheck disable=SC2086
        run --separate-stderr llmspool-submit $flags p
        [ "$status" -eq 65 ]
        [ "$output" = "" ]
        key=${flags%% *}
        key=${key#--}
        [[ $stderr == *"${key//-/_}"* ]]
    done
    [ "$(count_new)" -eq 0 ]
}

@test "errors in a job file are told with file, line and column" {
    printf '{"prompt":\n  nonsense}' >"$BATS_TEST_TMPDIR/job.json"
    run --separate-stderr llmspool-submit --job "$BATS_TEST_TMPDIR/job.json"
    [ "$status" -eq 65 ]
    [[ $stderr == *"$BATS_TEST_TMPDIR/job.json: line 2, column "* ]]
}

@test "prompts that are no text are refused with the byte" {
    printf 'ab\xff' >"$BATS_TEST_TMPDIR/latin"
    run --separate-stderr llmspool-submit -f "$BATS_TEST_TMPDIR/latin"
    [ "$status" -eq 65 ]
    [[ $stderr == *"byte 3"* ]]
    printf 'a\0b' >"$BATS_TEST_TMPDIR/binary"
    run --separate-stderr llmspool-submit -f "$BATS_TEST_TMPDIR/binary"
    [ "$status" -eq 65 ]
    [[ $stderr == *"byte 2 is NUL"* ]]
}

@test "an integer that JSON cannot carry is refused, not rounded" {
    run --separate-stderr llmspool-submit --param seed=12345678901234567890 p
    [ "$status" -eq 65 ]
    [[ $stderr == *"--param: "*"write it as a string"* ]]
    [ "$(llmspool-submit --dry-run --param 'seed="12345678901234567890"' p | jq -r .params.seed)" = 12345678901234567890 ]
}

@test "usage errors leave with 64" {
    run llmspool-submit
    [ "$status" -eq 64 ]
    run llmspool-submit --no-such-option p
    [ "$status" -eq 64 ]
    run llmspool-submit --param temperature p
    [ "$status" -eq 64 ]
    run llmspool-submit --wait-timeout soon p
    [ "$status" -eq 64 ]
    [ "$(count_new)" -eq 0 ]
}

@test "without a spool it says how to make one" {
    LLMSPOOL_DIR=$BATS_TEST_TMPDIR/none run --separate-stderr llmspool-submit p
    [ "$status" -eq 69 ]
    [[ $stderr == *llmspool-init* ]]
}

@test "a model is needed where the spool has no default" {
    llmspool-init "$BATS_TEST_TMPDIR/plain"
    run --separate-stderr llmspool-submit -s "$BATS_TEST_TMPDIR/plain" p
    [ "$status" -eq 65 ]
    [[ $stderr == *'"model" is missing'* ]]
    llmspool-submit -s "$BATS_TEST_TMPDIR/plain" -m any p
}

@test "a spool that cannot be written to is told, with no ID" {
    [ "$(id -u)" -ne 0 ] || skip "root may write everywhere"
    chmod 500 "$LLMSPOOL_DIR/tmp"
    run --separate-stderr llmspool-submit p
    chmod 700 "$LLMSPOOL_DIR/tmp"
    [ "$status" -eq 71 ]
    [ "$output" = "" ]
    [[ $stderr == *"$LLMSPOOL_DIR/tmp"* ]]
}

# --- IDs -----------------------------------------------------------------------------------------

@test "--print-id prints the ID that the job gets, and submits nothing" {
    id=$(llmspool-submit --print-id --param temperature=0.20 hello)
    [ "$(count_new)" -eq 0 ]
    [ "$id" = "$(printf %s '{"model":"test-model","params":{"temperature":0.2},"prompt":"hello","type":"chat"}' | sha256sum | cut -d' ' -f1)" ]
    [ "$(llmspool-submit --param temperature=0.20 hello)" = "$id" ]
    mock_start
    daemon_start
    wait_until is_in done "$id"
}

@test "--json prints a line for each job" {
    run llmspool-submit --json --name first one
    [ "$(jq -c '[(.id | length), .model, .name]' <<<"${lines[0]}")" = '[64,"test-model","first"]' ]
}

@test "on a terminal an ID has 12 digits" {
    command -v script >/dev/null || skip "script is missing (Debian package: bsdutils)"
    run script -qec "llmspool-submit hello" /dev/null
    [[ ${output%$'\r'} =~ ^[0-9a-f]{12}$ ]]
}

# --- answers -------------------------------------------------------------------------------------

@test "--wait prints the answer" {
    mock_start
    daemon_start
    run --separate-stderr llmspool-submit --wait 'Say this.'
    [ "$status" -eq 0 ]
    [ "$output" = 'Say this.' ]
    [ "$stderr" = "" ]
}

@test "answers come in the order of the jobs, whichever is first" {
    mock_start
    daemon_start
    run --separate-stderr llmspool-submit --wait 'slow[[mock:ok,latency=500ms]]' quick quick 'last'
    [ "$status" -eq 0 ]
    [ "$output" = $'slow\nquick\nquick\nlast' ]
    [ "$(mock_requests quick)" -eq 1 ]
}

@test "done work is answered without asking again" {
    mock_start
    daemon_start
    llmspool-submit --wait hello
    [ "$(llmspool-submit --wait hello)" = hello ]
    [ "$(mock_requests hello)" -eq 1 ]
}

@test "--fresh asks again, and waits for the new answer" {
    mock_start
    daemon_start
    llmspool-submit --wait hello
    id=$(llmspool-submit --print-id hello)
    run llmspool-submit --wait --fresh --json hello
    [ "$status" -eq 0 ]
    [ "$(jq -c '[.id, .version, .status]' <<<"$output")" = "[\"$id\",2,\"completed\"]" ]
    [ "$(mock_requests hello)" -eq 2 ]
    [ -e "$LLMSPOOL_DIR/done/$id.v1.json" ]
}

@test "a fresh answer that is still to come is not taken for the old one" {
    mock_start
    daemon_start
    llmspool-submit --wait hello
    daemon_stop
    run_start waiting llmspool-submit --wait --fresh --json hello
    sleep 0.3
    [ "$(cat "$BATS_TEST_TMPDIR/waiting.out")" = "" ]
    daemon_start
    run_end waiting
    [ "$status" -eq 0 ]
    [ "$(jq .version <<<"$output")" = 2 ]
}

@test "a fresh run that fails is told, though an older answer is there" {
    mock_start
    daemon_start
    llmspool-submit --wait hello
    curl -sS -d '{"fault": {"422": 1}}' "$MOCK_URL/mock/config"
    run --separate-stderr llmspool-submit --wait --fresh hello
    [ "$status" -eq 1 ]
    [ "$output" = "" ]
    [[ $stderr == *": failed: "* ]]
}

@test "with --wait it leaves with 1 when some failed, and says why on stderr" {
    mock_start
    daemon_start
    run --separate-stderr llmspool-submit --wait good '[[mock:400]] bad'
    [ "$status" -eq 1 ]
    [ "$output" = good ]
    [[ $stderr == llmspool-submit:\ *": failed: "* ]]
    [[ $(sed -n 2p <<<"$stderr") == "llmspool-submit: 1 of 2 not answered (1 failed)"* ]]
}

@test "with --wait --json each job has a line, also one that failed" {
    mock_start
    daemon_start
    run --separate-stderr llmspool-submit --wait --json good '[[mock:400]] bad'
    [ "$status" -eq 1 ]
    [ "$(jq -cs 'map(.status)' <<<"$output")" = '["completed","failed"]' ]
    [ "$(jq -rs '.[0].output' <<<"$output")" = good ]
}

@test "an answer in JSON is printed as JSON" {
    mock_start
    daemon_start
    run llmspool-submit --wait --param 'response_format={"type":"json_object"}' 'Give JSON: colours'
    [ "$status" -eq 0 ]
    jq -e .answer <<<"$output"
}

@test "an answer has to fit the schema that was asked for" {
    mock_start
    daemon_start
    echo '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}' >"$BATS_TEST_TMPDIR/schema"
    run llmspool-submit --wait --schema "$BATS_TEST_TMPDIR/schema" 'How many?'
    [ "$status" -eq 0 ]
    jq -e '.n | type == "number"' <<<"$output"
}

@test "a job that is tried again is waited for" {
    mock_start
    daemon_start
    run llmspool-submit --wait --max-attempts 3 'again[[mock:500,times=1]]'
    [ "$status" -eq 0 ]
    [ "$output" = again ]
    [ "$(mock_requests)" -eq 2 ]
}

@test "submitted again, a failed job is tried again" {
    mock_start
    daemon_start
    run llmspool-submit --wait 'second time[[mock:400,times=1]]'
    [ "$status" -eq 1 ]
    run --separate-stderr llmspool-submit --wait 'second time[[mock:400,times=1]]'
    [ "$status" -eq 0 ]
    [ "$output" = "second time" ]
}

@test "without a daemon it says so within 2 s, once, and goes on waiting" {
    mock_start
    run_start waiting llmspool-submit --wait hello
    wait_until grep -q 'no daemon runs' "$BATS_TEST_TMPDIR/waiting.err"
    sleep 1.5
    daemon_start
    run_end waiting
    [ "$status" -eq 0 ]
    [ "$output" = hello ]
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test "with --fail-fast it leaves with 69 when nothing can move" {
    run --separate-stderr timeout 20 llmspool-submit --wait --fail-fast hello
    [ "$status" -eq 69 ]
    [ "$output" = "" ]
    [[ $stderr == *"no daemon runs"* ]]
    [[ $stderr == *"llmspool-wait "* ]]
    [ "$(count_new)" -eq 1 ]
}

@test "with --fail-fast it leaves with 69 when the key is refused" {
    mock_start --key sk-the-right-one
    daemon_start
    run --separate-stderr timeout 20 llmspool-submit --wait --fail-fast hello
    [ "$status" -eq 69 ]
    [ "$output" = "" ]
    [[ $stderr == *"gate: key refused"*" until "* ]]
}

@test "after --wait-timeout it leaves with 75, and says how to come back" {
    run --separate-stderr llmspool-submit --wait-timeout 200ms hello
    [ "$status" -eq 75 ]
    [ "$output" = "" ]
    back=$(sed -n 's/.*: \(llmspool-wait .*\)/\1/p' <<<"$stderr")
    mock_start
    daemon_start
    $back
}

@test "interrupted, it leaves with 130, says how to come back, and the work goes on" {
    mock_start
    run_start waiting llmspool-submit --wait hello
    wait_until grep -q 'no daemon runs' "$BATS_TEST_TMPDIR/waiting.err"
    kill -INT "${run_pids[waiting]}"
    run_end waiting
    [ "$status" -eq 130 ]
    back=$(sed -n 's/.*interrupted.*: \(llmspool-wait .*\)/\1/p' <<<"$stderr")
    [ -n "$back" ]
    daemon_start
    $back
    wait_until is_in done "$(llmspool-submit --print-id hello)"
}

@test "a drop that the daemon refuses after all is told with its reason" {
    mock_start
    run_start waiting llmspool-submit --wait hello
    wait_until is_in new "$(llmspool-submit --print-id hello)"
    echo 'no job' >"$(echo "$LLMSPOOL_DIR"/new/*.json)"
    daemon_start
    run_end waiting
    [ "$status" -eq 1 ]
    [ "$output" = "" ]
    [[ $stderr == *": refused: "* ]]
}

@test "--help and --version go to standard output" {
    run --separate-stderr llmspool-submit --help
    [ "$status" -eq 0 ]
    [[ $output == usage:* ]]
    [ "$stderr" = "" ]
    run llmspool-submit --version
    [[ $output == "llmspool-submit "* ]]
}

@test "output that cannot be written is an error" {
    run --separate-stderr bash -c 'llmspool-submit hello >/dev/full'
    [ "$status" -eq 73 ]
}
