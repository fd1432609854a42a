#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-status --spend: what state/money tells. llmspool-submit --estimate: what it would cost.

load live

setup() {
    live_setup
    llmspool-init "$spool"
}

teardown() {
    live_teardown
}

# A made ledger: a snapshot, lines behind it, and a torn last one.
ledger() {
    cat >"$spool/state/money" <<'END'
{"money":{"version":1,"currency":"USD","time_zone":"Europe/Berlin","next":7,"lines":3}}
{"total":{"day":"2026-01-31","user":"alice","provider":"openai","model":"gpt-4o","requests":2,"input_tokens":100,"output_tokens":50,"cost_nano":750000}}
{"total":{"day":"2026-02-09","user":"alice","provider":"openai","model":"gpt-4o","run":"nightly","requests":10,"input_tokens":5000,"cached_tokens":1000,"output_tokens":900,"cost_nano":1234567890}}
{"total":{"day":"2026-02-10","user":"bob","provider":"local","model":"llama, \"big\"","requests":3,"unpriced":3,"input_tokens":10,"output_tokens":7}}
{"reserve":{"number":7,"day":"2026-02-10","user":"alice","provider":"openai","model":"gpt-4o","nano":2000000000}}
{"reserve":{"number":8,"day":"2026-02-10","user":"alice","provider":"openai","model":"gpt-4o","nano":500000000}}
{"settle":{"number":7,"how":"doubt"}}
{"settle":{"number":8,"how":"pa
END
    truncate -s -1 "$spool/state/money"
}

@test "a spool that spent nothing says so" {
    run llmspool-status --spend --month 2026-02
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "spent from 2026-02-01 to 2026-02-28, in USD" ]
    [ "${lines[1]}" = "nothing" ]
    [ "$(llmspool-status --spend --json)" = "" ]
    [ "$(llmspool-status --spend --csv | wc -l)" -eq 1 ]
}

@test "the month is told by model, with totals, doubts, and what has no price" {
    ledger
    run llmspool-status --spend --month 2026-02
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "spent from 2026-02-01 to 2026-02-28, in USD (days of Europe/Berlin)" ]
    [[ "${lines[1]}" =~ ^MODEL\ +REQUESTS\ +INPUT\ +CACHED\ +OUTPUT\ +COST\ +IN\ DOUBT$ ]]
    [[ "${lines[2]}" =~ ^gpt-4o\ +11\ +5000\ +1000\ +900\ +1.23\ +2.00$ ]]
    [[ "${lines[3]}" =~ ^llama,\ \"big\"\ +3\ +10\ +0\ +7\ +0.00\ +-$ ]]
    [[ "${lines[4]}" =~ ^total\ +14\ +5010\ +1000\ +907\ +1.23\ +2.00$ ]]
    [ "${lines[5]}" = "in doubt: 2.00 USD for 1 request that may have been billed" ]
    [ "${lines[6]}" = "no price was known for 3 requests; they cost nothing here" ]
    [ "${lines[7]}" = "under way: 1 request, 0.5000 USD reserved" ]
}

@test "days and columns are chosen" {
    ledger
    run llmspool-status --spend --by user,day --since 2026-02-01 --csv
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "user,day,requests,unpriced,input_tokens,cached_tokens,output_tokens,cost,in_doubt,currency" ]
    [ "${lines[1]}" = "alice,2026-02-09,10,0,5000,1000,900,1.23456789,0.00,USD" ]
    [ "${lines[2]}" = "alice,2026-02-10,1,0,0,0,0,0.00,2.00,USD" ]
    [ "${lines[3]}" = "bob,2026-02-10,3,3,10,0,7,0.00,0.00,USD" ]
    [ "${#lines[@]}" -eq 4 ]
    [ "$(llmspool-status --spend --day 2026-01-31 --json | jq -c '[.model, .requests, .cost]')" = \
        '["gpt-4o",2,0.00075]' ]
    [ "$(llmspool-status --spend --month 2026-02 --by run --json | jq -c '[.run, .requests]' | tr '\n' ' ')" = \
        '["",4] ["nightly",10] ' ]
}

@test "a spreadsheet gets quotes where it needs them" {
    ledger
    [ "$(llmspool-status --spend --month 2026-02 --csv | tail -1 | cut -d, -f1-2)" = '"llama, ""big"""' ]
}

@test "wrong options are refused" {
    local words
    for words in "--spend --by week" "--spend --month 2026-13" "--spend --day yesterday" \
        "--spend --month 2026-02 --day 2026-02-01" "--by user" "--csv" "--spend --gates" \
        "--spend --csv --json" "--spend 12345678"; do
        run llmspool-status $words
        [ "$status" -eq 64 ] || { echo "$words: $status"; return 1; }
    done
}

@test "a damaged ledger is not taken for nothing" {
    ledger
    sed -i 2d "$spool/state/money"
    sed -i '3,$d' "$spool/state/money"
    run llmspool-status --spend
    [ "$status" -eq 65 ]
    [[ "$output" == *"state/money is damaged: its snapshot is not whole"* ]]
}

# --- llmspool-submit --estimate

prices() {
    cat >"$BATS_TEST_TMPDIR/prices.json" <<'END'
{"date": "2026-02-10", "currency": "USD", "models": {
  "cheap": {"input": 1, "output": 10, "max_output_tokens": 1000},
  "embedder": {"input": 1, "output": 0}}}
END
    echo "$BATS_TEST_TMPDIR/prices.json"
}

estimate() {
    llmspool-submit --estimate --prices "$(prices)" --json "$@"
}

@test "an estimate says what jobs would come to and submits nothing" {
    run llmspool-submit --estimate --prices "$(prices)" -m cheap "Hello, world!" "Good morning."
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "requests   2" ]
    [[ "${lines[1]}" =~ ^input\ +2[0-9]\ tokens$ ]]
    [ "${lines[2]}" = "output     low 150, likely 600, high 2000 tokens" ]
    [ "${lines[3]}" = "cost       low 0.001521, likely 0.006021, high 0.0200 USD" ]
    [ "${lines[4]}" = "prices     the table of 2026-02-10" ]
    [ -z "$(ls "$spool/new")" ]
}

@test "an estimate keeps to the bound that a job names, and counts choices" {
    [ "$(estimate -m cheap --param max_tokens=40 hi | jq -c .output_tokens)" = \
        '{"low":10,"likely":40,"high":40}' ]
    [ "$(estimate -m cheap --param max_tokens=5000 --param n=2 hi | jq -c .output_tokens)" = \
        '{"low":150,"likely":600,"high":10000}' ]
}

@test "what this spool's answers came to is what is likely" {
    cat >"$spool/state/money" <<'END'
{"money":{"version":1,"currency":"USD","next":7,"lines":1}}
{"total":{"day":"2026-02-09","model":"cheap","requests":10,"output_tokens":390}}
END
    [ "$(estimate -m cheap hi | jq -c .output_tokens)" = '{"low":10,"likely":40,"high":1000}' ]
}

@test "a model without a price is named, and its tokens count" {
    run llmspool-submit --estimate --prices "$(prices)" -m unheard "hi"
    [ "$status" -eq 0 ]
    [[ "$output" == *"no price   unheard (1 request)"* ]]
    [[ "$output" != *"cost"* ]]
    [ "$(estimate -m unheard hi | jq -c '[.requests, .unpriced, .models_without_price, .cost.high]')" = \
        '[1,1,["unheard"],0]' ]
}

@test "the same job twice, and what is in the spool already, costs nothing" {
    llmspool-submit -m cheap "known" >/dev/null
    [ "$(estimate -m cheap known hi hi | jq -c '[.requests, .queued, .again]')" = '[1,1,1]' ]
}

@test "what is done costs nothing unless it is asked for anew" {
    local id
    id=$(llmspool-submit --print-id -m cheap done)
    echo '{"model": "cheap", "prompt": "done"}' >"$spool/done/$id.json"
    echo '{"status": "completed", "times": {"finished": "2026-02-10T00:00:00.000Z"}}' \
        >"$spool/done/$id.v1.json"
    [ "$(estimate -m cheap done | jq -c '[.requests, .done]')" = '[0,1]' ]
    [ "$(estimate -m cheap --fresh done | jq -c '[.requests, .done]')" = '[1,0]' ]
    [ "$(estimate -m cheap --max-age 1h done | jq -c '[.requests, .done]')" = '[1,0]' ]
    [ "$(estimate -m cheap --max-age 36500d done | jq -c '[.requests, .done]')" = '[0,1]' ]
    run llmspool-submit --estimate --prices "$(prices)" -m cheap done
    [ "${lines[0]}" = "requests   0; beside 1 done already, which cost nothing" ]
}

@test "the daemon's prices come first" {
    echo '{"prices": {"unheard": {"input": 1, "output": 2, "max_output_tokens": 7}},
           "money": {"currency": "EUR"}}' >"$spool/state/status.json"
    run llmspool-submit --estimate --json -m unheard hi
    [ "$(jq -c '[.unpriced, .output_tokens.high, .currency]' <<<"$output")" = '[0,7,"EUR"]' ]
}

@test "prices that cannot be read are an error" {
    run llmspool-submit --estimate --prices /nowhere -m cheap hi
    [ "$status" -eq 71 ]
    echo '{}' >"$BATS_TEST_TMPDIR/bad.json"
    run llmspool-submit --estimate --prices "$BATS_TEST_TMPDIR/bad.json" -m cheap hi
    [ "$status" -eq 65 ]
    run llmspool-submit --prices /nowhere -m cheap hi
    [ "$status" -eq 71 ]
    [ -z "$(ls "$LLMSPOOL_DIR/new")" ]
}
