#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# drop.sh SPOOL < JOB: drops the job on stdin durably and prints its name in new/.
set -eu
umask 027
name=$(uname -n).$$.$(date +%s%N)
(set -C && cat >"$1/tmp/$name")
sync "$1/tmp/$name"
ln "$1/tmp/$name" "$1/new/$name.json"
sync "$1/new"
rm "$1/tmp/$name"
echo "$name.json"
