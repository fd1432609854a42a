#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What servers do wrong, and what becomes of the job: the rows of misbehaviour_rows.py. The table
# of each kind of request is printed in any case, for whoever wants to read it.

load rig

rows() {
    local status=0
    scenario misbehaviour.py "$@" >"$BATS_TEST_TMPDIR/out" || status=$?
    sed 's/^/# /' "$BATS_TEST_TMPDIR/out" >&3
    return "$status"
}

@test "there are at least 40 misbehaviours" { rows enough; }
@test "Chat Completions: each misbehaviour has its class, its cost and its end" { rows chat; }
@test "Chat Completions: answers of other shapes, too" { rows shapes; }
@test "Responses: each misbehaviour has its class, its cost and its end" { rows responses; }
@test "Messages: each misbehaviour has its class, its cost and its end" { rows anthropic; }
@test "Completions: each misbehaviour has its class, its cost and its end" { rows completion; }
@test "Embeddings: each misbehaviour has its class, its cost and its end" { rows embed; }
@test "streamed Chat Completions: the same" { rows chat_streamed; }
@test "streamed Responses: the same" { rows responses_streamed; }
@test "streamed Messages: the same" { rows anthropic_streamed; }
@test "what is throttled for ever while others get through fails alone" { rows throttled_for_good; }
@test "what is throttled while nothing gets through waits until it expires" { rows throttled_alone; }
@test "a redirect is not followed" { rows redirected; }
@test "attempts are counted over kills" { rows over_restarts; }
@test "a connection that is closed under a second request is paid once and asked again" { rows keepalive; }
