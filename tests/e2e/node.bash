# SPDX-License-Identifier: GPL-2.0-or-later
# node.bash: gives a bats file the npm packages of tests/node/package.json.

# Installs the locked packages into the build folder, once for all test files, and puts that folder
# into $node_folder. Skips the test when node, npm or the packages cannot be had.
node_packages() {
    command -v node >/dev/null || skip "node is missing (Debian package: nodejs)"
    command -v npm >/dev/null || skip "npm is missing (Debian package: npm)"
    node_folder=$LLMSPOOL_BUILD/tests/node
    mkdir -p "$node_folder"
    # Test files run in parallel. The lock must not stay with what npm may leave behind.
    (
        flock 9
        node_install 9>&-
    ) 9>"$node_folder/.lock" || skip "npm cannot install the packages (see tests/node/npm.log)"
}

# A file is written when all is there; it is the lock file that was installed.
node_install() {
    local source=$LLMSPOOL_SOURCE/tests/node installed=$node_folder/node_modules/.installed
    cmp -s "$source/package-lock.json" "$installed" && return
    if [ "$source" != "$node_folder" ]; then
        install -m 644 "$source/package.json" "$source/package-lock.json" "$node_folder"
    fi
    (
        cd "$node_folder"
        timeout 120 npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1
    ) >"$node_folder/npm.log" 2>&1 </dev/null || return
    install -m 644 "$source/package-lock.json" "$installed"
}

# Runs tests/e2e/SCRIPT with arguments. Node looks for packages from where a script lies, so it gets
# a copy beside them.
node_run() {
    local script=$1
    shift
    install -D -m 644 "$LLMSPOOL_SOURCE/tests/e2e/$script" "$node_folder/run/$script"
    node "$node_folder/run/$script" "$@"
}
