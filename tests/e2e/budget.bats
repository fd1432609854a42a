#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Budgets: reserved before a request, settled after it, never exceeded. The scenarios are in budget.py.

bats_require_minimum_version 1.5.0
load rig

@test "a budget of 1.00 pays 100 jobs of 0.01, and the rest is held, over restarts too" {
    scenario budget.py hundred
}

@test "killed at random, the daemon never sends more than the budget pays" {
    scenario budget.py killed
}

@test "without max_tokens the overshoot stays within what was in flight" {
    scenario budget.py without_bound
}

@test "each user has a budget of his own, and one without money keeps nobody else" {
    scenario budget.py users
}

@test "a run stops at its max_cost, also after a restart" {
    scenario budget.py run
}

@test "a run's max_cost survives a kill before its first job was paid for" {
    scenario budget.py run_limit_survives
}

@test "a higher max_cost lets go what the lower one held" {
    scenario budget.py run_limit_raised
}

@test "what failed and is tried again is still paid by its run" {
    scenario budget.py run_retried
}

@test "held jobs that were cancelled are not asked again" {
    scenario budget.py held_cancelled
}

@test "under a budget a model without a price waits for one" {
    scenario budget.py no_price
}

@test "what is free at one provider is not for a job that asks another" {
    scenario budget.py own_provider
}

@test "what was cut off stays charged, what was refused costs nothing" {
    scenario budget.py doubted
}

@test "what cannot be recorded is not sent" {
    scenario budget.py unwritable
}
