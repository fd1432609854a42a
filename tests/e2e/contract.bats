#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What llmspool-httpd does is what its openapi.json says.

load rig

@test "requests made from openapi.json are answered as it says, whatever they are" { scenario contract.py fuzz; }
