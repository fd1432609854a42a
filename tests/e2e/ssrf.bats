#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Webhooks go to no address where they may not.

load rig

ssrf() {
    scenario ssrf.py "$@"
}

@test "over 90 forms of forbidden addresses are refused at the door" { ssrf forms; }
@test "llmspool-submit refuses them before it drops, with the line that allows it" { ssrf submitting; }
@test "what is allowed is reached, its neighbours are not" { ssrf allowed; }
@test "names that lead to forbidden addresses fail when they are connected to" { ssrf names; }
@test "a name that leads home the second time, or to both, is no way in" { ssrf rebinding; }
@test "redirects to forbidden addresses are not followed" { ssrf redirects; }
@test "rules that were narrowed count for what is owed already" { ssrf narrowed; }
@test "no proxy of the environment is used, no key is sent" { ssrf environment; }
