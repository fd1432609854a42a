#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What outputs make of the answers of models.

load rig

way() {
    scenario answers.py "$@"
}

@test "an answer that was cut is kept and marked" { way cut; }
@test "with truncated_retries it is asked for again, once, and what was paid for is kept" { way asked_for_longer; }
@test "each such retry doubles the bound that the job gave" { way bound_is_raised; }
@test "so is the bound that a protocol demands where the job gave none" { way bound_of_the_protocol; }
@test "but not above what the model takes" { way bound_of_the_model; }
@test "an answer that a filter cut is not asked for again" { way filtered_is_not_cut; }
@test "JSON that was cut is asked for with a higher bound as well" { way cut_json; }
@test "without that it fails and says what to do" { way cut_json_fails; }
@test "JSON that was asked for is a value in the output" { way json_value; }
@test "json_retries = 0: what is not the JSON that was asked for fails at once" { way json_never_again; }
@test "json_retries = 1: it is asked for once more" { way json_once_again; }
@test "any JSON value is one, two are none" { way json_in_prose; }
@test "n choices are n outputs" { way several; }
@test "calls of tools are kept, in one form for all protocols" { way calls; }
@test "a refusal is told apart from an output" { way refusal; }
@test "embeddings: several inputs, dimensions, base64, tokens" { way vectors; }
@test "vectors come in the order of their inputs, or not at all" { way vectors_out_of_order; }
@test "servers that leave out or rename what others say" { way odd_servers; }
@test "store_response = no keeps no response" { way not_kept; }
