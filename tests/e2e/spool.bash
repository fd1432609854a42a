# SPDX-License-Identifier: GPL-2.0-or-later
# A spool, a daemon and a mock for one test: `load spool`, spool_start in setup, spool_stop in
# teardown. Programs of this build come first in PATH, and LLMSPOOL_DIR names the spool, so that a
# test calls the commands as a person would.
#
#   spool_start [INIT OPTION...]    a fresh spool, default model test-model
#   mock_start [OPTION...]          a mock; sets MOCK_URL. mock_stop ends it
#   daemon_start [OPTION...]        the daemon, ready; its provider is the mock, if one was started
#   daemon_stop [SIGNAL]            ends it (TERM) and waits; returns its exit code
#   spool_stop                      ends whatever a test started
#   run_start NAME COMMAND...       a command beside the test; run_end NAME sets status and output
#   drop NAME JSON                  a file in new/, as another program would put it there
#   wait_until COMMAND...           polls until the command succeeds, at most 20 s
#   state_of ID                     the folder in which a job is: new, cur, done, failed, none
#   mock_requests [PROMPT]          how many requests the mock read, of one prompt or all
#   answer_of ID [VERSION]          the output in done/ID.vN.json

bats_require_minimum_version 1.8.0

# What waits for something that does not come ends all the same.
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-120}

spool_start() {
    export PATH=${LLMSPOOL_BUILD:?run this by make check}:$PATH
    export LLMSPOOL_DIR=$BATS_TEST_TMPDIR/spool
    unset OPENAI_API_KEY OPENAI_BASE_URL ANTHROPIC_API_KEY ANTHROPIC_BASE_URL
    MOCK_URL='' mock_pid='' daemon_pid=''
    declare -gA run_pids=()
    llmspool-init --model test-model "$@" "$LLMSPOOL_DIR" >/dev/null
}

# Ends a process of ours and waits for it; returns its exit code.
end_process() {
    kill -"${2:-TERM}" "$1" 2>/dev/null || true
    wait "$1"
}

spool_stop() {
    for name in "${!run_pids[@]}"; do
        end_process "${run_pids[$name]}" KILL || true
    done
    daemon_stop KILL || true
    mock_stop || true
}

mock_start() {
    llmspool-mock --listen 127.0.0.1:0 "$@" >"$BATS_TEST_TMPDIR/mock.out" \
        2>"$BATS_TEST_TMPDIR/mock.err" 3>&- &
    mock_pid=$!
    wait_until grep -q '^listening on' "$BATS_TEST_TMPDIR/mock.out"
    MOCK_URL=$(sed -n 's/^listening on //p' "$BATS_TEST_TMPDIR/mock.out")
}

mock_stop() {
    local pid=$mock_pid
    mock_pid=''
    [ -z "$pid" ] || end_process "$pid"
}

daemon_start() {
    if [ -n "$MOCK_URL" ]; then
        export OPENAI_API_KEY=${OPENAI_API_KEY-test-key}
        export OPENAI_BASE_URL=${OPENAI_BASE_URL-$MOCK_URL/v1}
    fi
    llmspoold "$@" >>"$BATS_TEST_TMPDIR/daemon.log" 2>&1 3>&- &
    daemon_pid=$!
    wait_until daemon_ready
}

# Its status names it, so that the file of one before is not taken for it. One that left is ready, too: the
# test sees how from daemon_stop.
daemon_ready() {
    ! kill -0 "$daemon_pid" 2>/dev/null ||
        jq -e ".pid == $daemon_pid" "$LLMSPOOL_DIR/state/status.json" >/dev/null 2>&1
}

daemon_stop() {
    local pid=$daemon_pid
    daemon_pid=''
    [ -z "$pid" ] || end_process "$pid" "${1:-TERM}"
}

# Without job control the shell ignores SIGINT for what runs beside it, and takes its stdin away; both are
# given back.
run_start() {
    env --default-signal=INT "${@:2}" <&0 >"$BATS_TEST_TMPDIR/$1.out" 2>"$BATS_TEST_TMPDIR/$1.err" 3>&- &
    run_pids[$1]=$!
}

# Waits for the end of a command of run_start, and sets status, output and stderr as `run` does.
run_end() {
    status=0
    wait "${run_pids[$1]}" || status=$?
    unset "run_pids[$1]"
    output=$(<"$BATS_TEST_TMPDIR/$1.out")
    stderr=$(<"$BATS_TEST_TMPDIR/$1.err")
}

drop() {
    printf '%s\n' "$2" >"$LLMSPOOL_DIR/tmp/$1"
    mv "$LLMSPOOL_DIR/tmp/$1" "$LLMSPOOL_DIR/new/$1.json"
}

wait_until() {
    for _ in {1..400}; do
        if "$@"; then
            return 0
        fi
        sleep 0.05
    done
    echo "not within 20 s: $*" >&2
    return 1
}

state_of() {
    for folder in cur failed done; do
        if [ -e "$LLMSPOOL_DIR/$folder/$1.json" ]; then
            echo "$folder"
            return
        fi
    done
    if compgen -G "$LLMSPOOL_DIR/new/$1.*" >/dev/null; then
        echo new
    else
        echo none
    fi
}

# For wait_until: is_in FOLDER ID.
is_in() {
    [ "$(state_of "$2")" = "$1" ]
}

mock_requests() {
    if [ $# -eq 0 ]; then
        curl -sS -m 20 "$MOCK_URL/mock/ledger?summary=1" | jq .requests
    else
        curl -sS -m 20 -G --data-urlencode "prompt=$1" "$MOCK_URL/mock/ledger" | jq -s 'map(.received) | add // 0'
    fi
}

# For wait_until: mock_got NUMBER [PROMPT].
mock_got() {
    [ "$(mock_requests "${@:2}")" -ge "$1" ]
}

answer_of() {
    jq -r .output "$LLMSPOOL_DIR/done/$1.v${2:-1}.json"
}
