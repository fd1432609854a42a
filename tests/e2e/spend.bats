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
    [ "${lines[5]}" = "in doubt: 2.00 USD for 1 requests that may have been billed" ]
    [ "${lines[6]}" = "no price was known for 3 requests; they cost nothing here" ]
    [ "${lines[7]}" = "under way: 1 requests, 0.5000 USD reserved" ]
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
