#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What was set up wrongly costs no job, is told, and is mended without a restart; several addresses
# and keys.

load rig

way() {
    scenario setup.py "$@"
}

@test "a wrong key fails no job, is told, and a SIGHUP with the right one goes on" { way wrong_key_openai; }
@test "so with Responses" { way wrong_key_openai_responses; }
@test "so with Messages" { way wrong_key_anthropic; }
@test "a wrong path does the same" { way wrong_path; }
@test "a wrong port does the same, and no request counts" { way wrong_port; }
@test "a wrong host does the same" { way wrong_host; }
@test "a model that the server does not know does the same" { way wrong_model; }
@test "a model that was not pulled is found when it is" { way not_pulled; }
@test "a model that no provider is for does the same" { way no_provider; }
@test "a prompt that is always refused fails alone" { way refused_alone; }
@test "what makes all jobs fail stops after 20 of them until a person releases the gate" { way bad_parameter; }
@test "a gate that is released too soon closes again" { way released_too_soon; }
@test "a reload lets requests in flight end" { way reloaded_in_flight; }
@test "a file of URLs is followed" { way file_of_urls; }
@test "two URLs share the load, and one takes all when the other dies" { way two_urls; }
@test "of two keys a wrong one leaves all to the other" { way two_keys; }
@test "Azure's addresses, keys and versions" { way azure; }
