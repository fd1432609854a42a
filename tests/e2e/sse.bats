#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Events by Server-Sent Events from llmspool-httpd, compared with the log itself.

load rig
load node

way() {
    scenario sse.py "$@"
}

@test "all that is kept comes in its order, with the places of the lines as ids, and what is new" { way from_the_start; }
@test "behind each id exactly the rest follows, after a kill too" { way goes_on; }
@test "events since a time" { way since_a_time; }
@test "events of some kinds, a model, a user, a run" { way chosen; }
@test "a place that is none any more is told as a gap, and all that is kept follows" { way gaps; }
@test "places stay the same when a day is compressed" { way compressed; }
@test "a day is compressed while a stream reads it" { way compressed_by_prune; }
@test "half a line is never told, and what takes its place is told once" { way torn; }
@test "lines that a writer takes back are not told" { way taken_back; }
@test "a log that cannot be read for a moment is no gap" { way unreadable; }
@test "compressed days are read by so many at once" { way turns; }
@test "the day changes under a stream, and a late line is told" { way next_day; }
@test "a stream begins before there is any log" { way first_day; }
@test "a job's stream: its state, its events, its progress, its end, and nothing more" { way job; }
@test "a job that is asked again is told again" { way asked_again; }
@test "tokens put together are the output" { way tokens; }
@test "tokens begin anew when the request does" { way tokens_anew; }
@test "a half-closed client still hears, and one that is gone is forgotten" { way half_closed; }
@test "a silent stream has signs of life" { way heartbeats; }
@test "a slow reader is cut with a hint and goes on where he was" { way slow_reader; }
@test "a replay is read as its reader takes it" { way slow_replay; }
@test "500 idle streams are cheap" { way many; }
@test "as many streams as fit, and others are served" { way too_many; }
@test "one token has a quarter of them, and others are served" { way too_many_of_one; }
@test "a user of a shared spool hears of his own jobs alone" { way others; }
@test "a stream ends with what let it in" { way withdrawn; }

@test "npm's eventsource, cut again and again while both processes are killed, hears every event once" {
    node_packages
    install -D -m 644 "$LLMSPOOL_SOURCE/tests/e2e/sse.mjs" "$node_folder/run/sse.mjs"
    SSE_CLIENT=$node_folder/run/sse.mjs way cuts
}
