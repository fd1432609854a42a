#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Webhooks: delivered, tried again, given up, brought back; receivers kept apart; nothing lost by kills.
# The scenarios are in webhooks.py.

bats_require_minimum_version 1.5.0
load rig

webhooks() {
    scenario webhooks.py "$@"
}

@test "a webhook is delivered with its body and headers, signed, and told" { webhooks delivered; }
@test "errors and redirects are tried again by the schedule, with one id and fresh signatures" { webhooks tried_again; }
@test "Retry-After is a floor for all that is owed to a receiver" { webhooks retry_after; }
@test "410 stops at once" { webhooks gone; }
@test "what is given up comes back by an order, with fresh counters" { webhooks gives_up; }
@test "what is old when it comes back is not given up untried" { webhooks brought_back_old; }
@test "a stop does not wait for an order that is under way" { webhooks stopped_amid_order; }
@test "an order waits until outbox/failed/ can be read" { webhooks orders_wait; }
@test "an order hurries what waits for its next try" { webhooks flushed; }
@test "llmspool-ctl redeliver, and what llmspool-status tells" { webhooks commands; }
@test "a receiver that hangs and one that is dead harm no other" { webhooks apart; }
@test "a receiver that was away gets all of it when it is back" { webhooks recovers; }
@test "a kept-alive connection that is closed is no failure" { webhooks kept_alive; }
@test "the spool's own webhook and endpoints hear of the ends that they ask for" { webhooks listeners; }
@test "what an endpoint means is asked at each try" { webhooks endpoint_moves; }
@test "what is in flight at a stop stays owed; --until-empty waits for first tries" { webhooks over_restarts; }
@test "webhooks are delivered while the spool is paused" { webhooks while_paused; }
@test "debts that cannot be read are kept and told" { webhooks odd_files; }
@test "outbox/ is listed again when it could not be" { webhooks not_listed; }
@test "a secret that cannot be read makes webhooks wait" { webhooks secret_away; }
@test "on a full disk counters are kept in memory" { webhooks full_disk; }
@test "what is delivered and cannot be removed is told, and comes again" { webhooks stuck; }
@test "killed before a receiver's answer, the daemon sends again with the same id" { webhooks killed_by_receiver; }
# bats test_tags=sweep
@test "killed at any call between done and delivered: never undelivered, one id" { webhooks killed_at_calls; }
