#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Other models that are asked when a job's own does not answer.

load rig

way() {
    scenario fallback.py "$@"
}

@test "a job's fallback is asked after its last attempt, and the output says who answered and why" { way of_the_job; }
@test "the configuration names a chain for a model" { way of_the_configuration; }
@test "a job's own chain wins" { way own_wins; }
@test "a fallback that is not needed is not asked" { way not_needed; }
@test "a chain that is used up fails the job with all its attempts" { way used_up; }
@test "without a fallback a job fails as ever" { way without; }
@test "what is the job's own fault is asked of nobody else" { way jobs_own_fault; }
@test "a chain that leads back to itself ends there" { way in_a_ring; }
@test "a fallback that nobody serves is passed over" { way nobody_for_it; }
@test "a refusal is passed on with fallback_on_refusal" { way refused; }
@test "without it a refusal is the answer" { way refused_as_before; }
@test "a fallback may speak another protocol" { way other_protocol; }
@test "a killed daemon goes on with the fallback that it had come to" { way over_a_restart; }
@test "a failed job that is tried again begins with its own model" { way tried_again; }
@test "so does one that is asked anew" { way asked_anew; }
@test "a job that came to a fallback can be cancelled" { way cancelled; }
@test "a gate that is closed for fallback_after lets its jobs go elsewhere" { way gate_closed; }
@test "those that the fallback cannot express stay" { way gate_closed_cannot; }
@test "and those whose fallback has no price under a budget" { way gate_closed_no_price; }
@test "before that they wait" { way gate_closed_not_long; }
@test "a long wait that a server asks for counts as well" { way throttled_long; }
