# SPDX-License-Identifier: GPL-2.0-or-later
# For bats files: scenarios of Python scripts that use rig.py.

# scenario SCRIPT NAME [ARGUMENT...]: runs it; what it prints is shown when it fails, and a scenario
# that cannot run here skips the test with its reason. One that hangs ends after ten minutes, a long one
# after two hours.
scenario() {
    local status=0 output limit=600
    [ "${LLMSPOOL_LONG:-0}" = 0 ] || limit=7200
    output=$(timeout --foreground "$limit" /usr/bin/python3 -B "$LLMSPOOL_SOURCE/tests/e2e/$1" "${@:2}" 3>&- 2>&1) || status=$?
    if [ "$status" -eq 77 ]; then
        skip "${output##*skip: }"
    fi
    echo "$output"
    return "$status"
}
