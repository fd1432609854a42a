#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Answers that are read while they come: "stream": true and cur/ID.partial.

load rig

way() {
    scenario streaming.py "$@"
}

@test "an answer of Chat Completions grows in whole characters, and says when it began and what it took" { way grows_openai; }
@test "so does one of Responses" { way grows_openai_responses; }
@test "so does one of Messages" { way grows_anthropic; }
@test "an answer that comes byte by byte is shown in whole characters" { way byte_by_byte; }
@test "a stream that is cut is asked for again and never an output" { way cut_in_the_middle; }
@test "what was shown of a cut stream is dropped before the next begins" { way begins_anew; }
@test "a duplicate that asks for it makes a waiting job stream" { way duplicate_widens; }
@test "a job that does not ask for it shows nothing" { way only_when_asked; }
@test "half an answer that a killed daemon left is removed, and its job is in doubt" { way killed; }
@test "a stop waits for the end of a stream" { way stopped; }
@test "a job that is cancelled in the middle of its answer leaves none" { way cancelled; }
@test "a server that does not stream although it was asked to is understood" { way not_streamed; }
