#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Every command of README and of each manual page's EXAMPLES is executed from the text itself. What is put in
# place of placeholders, what cannot run here, and why, is in examples.py.

bats_require_minimum_version 1.5.0
load rig

@test "every manual page has examples, and each document's are found" { scenario examples.py found; }
@test "the examples of README" { scenario examples.py run README; }
@test "the examples of llmspool-archive(1)" { scenario examples.py run llmspool-archive.1; }
@test "the examples of llmspool-check(1)" { scenario examples.py run llmspool-check.1; }
@test "the examples of llmspool-ctl(1)" { scenario examples.py run llmspool-ctl.1; }
@test "the examples of llmspool-init(1)" { scenario examples.py run llmspool-init.1; }
@test "the examples of llmspool-mock(1)" { scenario examples.py run llmspool-mock.1; }
@test "the examples of llmspool-prune(1)" { scenario examples.py run llmspool-prune.1; }
@test "the examples of llmspool-result(1)" { scenario examples.py run llmspool-result.1; }
@test "the examples of llmspool-select(7)" { scenario examples.py run llmspool-select.7; }
@test "the examples of llmspool-shared(7)" { scenario examples.py run llmspool-shared.7; }
@test "the examples of llmspool-spool(5)" { scenario examples.py run llmspool-spool.5; }
@test "the examples of llmspool-status(1)" { scenario examples.py run llmspool-status.1; }
@test "the examples of llmspool-submit(1)" { scenario examples.py run llmspool-submit.1; }
@test "the examples of llmspool-wait(1)" { scenario examples.py run llmspool-wait.1; }
@test "the examples of llmspool(1)" { scenario examples.py run llmspool.1; }
@test "the examples of llmspool(7)" { scenario examples.py run llmspool.7; }
@test "the examples of llmspool-httpd(8)" { scenario examples.py run llmspool-httpd.8; }
@test "the examples of llmspoold(8)" { scenario examples.py run llmspoold.8; }
@test "the examples of llmspoold.conf(5)" { scenario examples.py run llmspoold.conf.5; }
@test "no --help is 80 columns wide" { scenario examples.py help; }
