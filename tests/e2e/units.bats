# SPDX-License-Identifier: GPL-2.0-or-later
# The units of systemd and the crontab fragment: installed, whole, enabled by nothing, and hardened.

setup() {
    load spool
    BUILD=${LLMSPOOL_BUILD:-$PWD}
    UNITS=$BUILD/spool-layout/systemd
    TIMERS=${LLMSPOOL_SOURCE:-$BUILD/../..}/spool-layout/systemd
}

# Every unit is read by systemd itself, with programs that are there.
@test "systemd finds nothing wrong with the units" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not here"
    for manager in system user; do
        place=$BATS_TEST_TMPDIR/$manager
        mkdir "$place"
        cp "$TIMERS"/*.timer "$place"
        for unit in "$UNITS/$manager"/*.service; do
            sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' "$unit" >"$place/${unit##*/}"
        done
        option=--man=no
        [ "$manager" = system ] || option="--user --man=no"
        # The words of other units of this machine are not ours.
        SYSTEMD_UNIT_PATH=$place: systemd-analyze verify $option "$place"/* >"$place.told" 2>&1 || true
        run grep -F llmspool "$place.told"
        echo "$output"
        [ -z "$output" ]
    done
}

@test "the units of the system are hardened" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not here"
    for unit in "$UNITS/system"/*.service; do
        run systemd-analyze security --offline=yes --threshold=15 --no-pager "$unit"
        echo "$output" | tail -1
        [ "$status" -eq 0 ]
    done
}

# Read without systemd: sections, assignments, and no place that was not filled in.
@test "the units and the crontab lines are whole" {
    for unit in "$UNITS"/*/*.service "$TIMERS"/*.timer; do
        run grep -vE '^(#.*|\[(Unit|Service|Timer|Install)\]|[A-Z][A-Za-z]*=.*|)$' "$unit"
        echo "$unit: $output"
        [ -z "$output" ]
    done
    run grep -lE '@[a-z]+@' "$UNITS"/*/*.service "$BUILD/spool-layout/cron/llmspool.crontab"
    [ -z "$output" ]
    for name in archive prune check; do
        [ -f "$UNITS/system/llmspool-$name.service" ]
        grep -q '^OnCalendar=' "$TIMERS/llmspool-$name.timer"
        command=$(sed -n 's|^ExecStart=.*/||p' "$UNITS/system/llmspool-$name.service")
        # Cron mails what is printed; what is printed for the journal is left out there.
        grep -qE "^([0-9*]+ ){5}$command( -q)?\$" \
            "$BUILD/spool-layout/cron/llmspool.crontab"
    done
}

# Nothing of a sandbox that only the system's manager can make is in a user's unit.
@test "units of users have no settings that need the system's manager" {
    run grep -hE '^(User|ProtectSystem|CapabilityBoundingSet|PrivateDevices|After=network)' \
        "$UNITS/user"/*.service
    echo "$output"
    [ -z "$output" ]
}

@test "the daemon's unit is notified and watched, and reads no home" {
    unit=$UNITS/system/llmspoold.service
    for line in Type=notify WatchdogSec=60 NoNewPrivileges=yes ProtectSystem=strict \
        ProtectHome=yes PrivateTmp=yes; do
        grep -qxF "$line" "$unit"
    done
}
