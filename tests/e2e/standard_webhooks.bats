#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What webhooks say and how they are signed, verified by the npm package standardwebhooks in a
# receiver.

load rig
load node

setup() {
    node_packages
    RECEIVER=$node_folder/run/standard_webhooks.mjs
    install -D -m 644 "$LLMSPOOL_SOURCE/tests/e2e/standard_webhooks.mjs" "$RECEIVER"
    export RECEIVER
}

webhooks() {
    scenario standard_webhooks.py "$@"
}

@test "a webhook is good as it is, and not with another secret, changed, or replayed late" { webhooks verified; }
@test "a second try has the same id and body and a signature of its own" { webhooks tried_again; }
@test "while secrets are exchanged receivers with either are content" { webhooks rotation; }
@test "without a secret the daemon makes one and keeps it" { webhooks own_secret; }
@test "endpoints are called by their names and have secrets of their own" { webhooks endpoints; }
@test "the receiver of README verifies" { webhooks readme; }
@test "each end has a body of the schema, within its bound" { webhooks bodies; }
