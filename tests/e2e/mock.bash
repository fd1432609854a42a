# SPDX-License-Identifier: GPL-2.0-or-later
# mock.bash: for bats files that ask llmspool-mock as any client would: `load mock`, mock_setup in
# setup, mock_teardown in teardown.
#
#   start [OPTION...]               a mock; sets pid and url
#   get PATH [CURL OPTION...]       the head of the answer goes to $head
#   post PATH JSON [CURL OPTION...]
#   status_of COMMAND...            its answer's status
#   header NAME                     of the last answer
#   ledger FILTER, summary FILTER   what jq makes of the ledger's lines as one list, of the totals
#   until_summary FILTER            waits until that gives true
#   events                          the data of a stream on stdin, a JSON value a line

bats_require_minimum_version 1.5.0

mock_setup() {
    mock=$LLMSPOOL_BUILD/llmspool-mock
    head=$BATS_TEST_TMPDIR/head
}

mock_teardown() {
    if [ -n "${pid:-}" ] && kill "$pid" 2>/dev/null; then
        wait "$pid" || true
    fi
}

start() {
    mkfifo "$BATS_TEST_TMPDIR/out"
    "$mock" --listen 127.0.0.1:0 "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    pid=$!
    read -r line <"$BATS_TEST_TMPDIR/out"
    [[ $line =~ ^listening\ on\ (http://127\.0\.0\.1:[0-9]+)$ ]]
    url=${BASH_REMATCH[1]}
}

get() {
    curl -sS -m 20 -D "$head" "${@:2}" "$url$1"
}

post() {
    get "$1" -d "$2" "${@:3}"
}

status_of() {
    "$@" >/dev/null
    awk 'NR == 1 { print $2 }' "$head"
}

header() {
    tr -d '\r' <"$head" | sed -n "s/^$1: //Ip"
}

ledger() {
    get /mock/ledger | jq -cs "$1"
}

summary() {
    get '/mock/ledger?summary=1' | jq -c "$1"
}

until_summary() {
    for _ in {1..200}; do
        if [ "$(summary "$1")" = true ]; then
            return 0
        fi
        sleep 0.05
    done
    summary .
    return 1
}

events() {
    sed -n 's/^data: \([^[]\)/\1/p'
}
