#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian packages: built from the sources as they are, clean for lintian, installed and taken away
# again; and whether the image's files name what is there.

bats_require_minimum_version 1.5.0

setup() {
    top=${LLMSPOOL_SOURCE:-$BATS_TEST_DIRNAME/../..}
    made=$BATS_FILE_TMPDIR/packages
}

# A copy of the sources, without what building leaves there.
build_packages() {
    for program in dpkg-buildpackage dh_installsysusers lintian; do
        command -v "$program" >/dev/null || skip "$program is missing (Debian packages: dpkg-dev debhelper lintian)"
    done
    [ -d "$top/debian" ] || skip "these sources have no folder debian"
    mkdir -p "$made/llmspool"
    tar -C "$top" --exclude=./build --exclude=./.git --exclude=./autom4te.cache --exclude='*.o' -cf - . |
        tar -C "$made/llmspool" -xf -
    cd "$made/llmspool"
    [ ! -d /usr/lib/ccache ] || PATH=/usr/lib/ccache:$PATH
    unset MAKEFLAGS MFLAGS MAKELEVEL
    DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=$(nproc)" dpkg-buildpackage -us -uc -b \
        >"$made/log" 2>&1 3>&- || { tail -30 "$made/log" && return 1; }
}

@test "the packages are built, and lintian has nothing to say of them" {
    build_packages
    run lintian --profile debian --fail-on error,warning --allow-root "$made"/*.changes
    echo "$output"
    [ "$status" -eq 0 ]
    ! grep -E '^[EW]:' <<<"$output"
}

@test "the packages are installed, serve a job, are upgraded, removed and purged" {
    ls "$made"/*.deb 2>/dev/null || skip "no packages were built"
    run timeout 150 bash "$top/tests/e2e/package.bash" "$made" 3>&-
    echo "$output"
    [ "$status" -ne 77 ] || skip "${output##*skip: }"
    [ "$status" -eq 0 ]
    [[ "$output" == *"all is well" ]]
}

@test "the files for Docker name what is there" {
    cd "$top"
    docker=spool-layout/docker
    grep -q "dockerfile: $docker/Dockerfile" "$docker/compose.yaml"
    [ "$(cd "$docker" && cd "$(sed -n 's/ *context: //p' compose.yaml)" && pwd)" = "$(pwd)" ]
    for word in $(grep -oE '\bllmspoold?(-[a-z]+)?\b' "$docker/Dockerfile" | sort -u); do
        grep -qE "^Package: $word\$|^u $word " debian/control debian/llmspool.sysusers ||
            grep -qE "bin_PROGRAMS .*\b$word\b" bin/Makemodule.am || { echo "no $word"; return 1; }
    done
    for package in ca-certificates tzdata; do
        grep -q "$package" "$docker/Dockerfile"
        grep "^Recommends:" debian/control | grep -q "$package"
    done
    if command -v docker >/dev/null && docker compose version >/dev/null 2>&1; then
        docker compose -f "$docker/compose.yaml" config --quiet
    fi
}
