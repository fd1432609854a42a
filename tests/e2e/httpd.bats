#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-httpd against those whom it should not serve, and for those whom it should: tokens, names,
# origins, TLS, limits, its start, reload and end. The scenarios are in httpd.py and httpd_hostile.py.

load rig

httpd() {
    scenario httpd.py "$@"
}

hostile() {
    scenario httpd_hostile.py "$@"
}

@test "tokens: made once, kept as digests, asked for, scoped, expired, revoked, never logged" { httpd tokens; }
@test "a tokens file that is damaged or open to others is refused, and at a reload the former stays" { httpd tokens_damaged; }
@test "a tokens file that is made while the server runs closes it" { httpd tokens_later; }
@test "tokens that are made at the same time are all there" { httpd tokens_together; }
@test "a browser's session stands for its token until that is revoked" { httpd sessions; }
@test "only our own names are answered" { httpd hosts; }
@test "pages of other origins may not ask, unless they are listed" { httpd origins; }
@test "without tokens what a proxy passes on is refused" { httpd passed_on; }
@test "the fields that every answer has" { httpd fields; }
@test "TLS: from 1.2 on, and a new certificate while connections go on" { httpd tls; }
@test "other machines are served with tokens and TLS alone" { httpd remote; }
@test "the configuration is obeyed, and what is wrong in it is told with its line" { httpd configuration; }
@test "requests a second and connections are limited for each caller" { httpd rates; }
@test "it tells systemd how it stands, and takes a socket from it" { httpd systemd; }
@test "SIGTERM ends what is in flight, and waits no longer than that" { httpd drain; }

@test "heads that could be read in two ways, and other raw requests" { hostile heads; }
@test "no form of a path leads to a file" { hostile paths; }
@test "what is too long: heads, fields, bodies" { hostile sizes; }
@test "the bodies of all clients together are bounded" { hostile crowded; }
@test "thousands of mutated requests: one answer each, none of 5xx, nothing logged as broken" { hostile mutations; }
@test "clients that send or read slowly are cut, the others do not notice" { hostile slow; }
@test "when all connections are taken, whoever sends nothing makes room" { hostile room; }
