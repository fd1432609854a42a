#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# package.bash FOLDER: installs, tries, upgrades, removes and purges the packages of FOLDER in a copy of
# this machine's root, of which only memory is written. Needs root; leaves with 77 where that cannot be.
set -euo pipefail

if [ "${2:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || { echo "skip: only root can install packages" && exit 77; }
    unshare -m true 2>/dev/null || { echo "skip: no mount namespace here" && exit 77; }
    exec unshare --mount --pid --ipc --fork --kill-child "$BASH" "$0" "$1" inside
fi

packages=$1
cd /
root=$(mktemp -d)
trap 'rmdir "$root"/* "$root" 2>/dev/null || true' EXIT
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/root"
# One number of device for files and folders, as a spool wants it: xino.
mount -t overlay overlay -o "xino=on,lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/root" ||
    { echo "skip: no overlay of file systems here" && exit 77; }
root=$root/root
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
chmod 1777 "$root/tmp"
cp "$packages"/*.deb "$root/tmp"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"

in_root() {
    env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        chroot "$root" "$@"
}

say() {
    echo "-- $*"
}

say "a clean start"
in_root sh -c '! command -v llmspoold && ! getent passwd llmspool && [ ! -e /var/spool/llmspool ]'

say "install"
in_root sh -c 'dpkg -i /tmp/llmspool_*.deb /tmp/llmspool-mock_*.deb /tmp/llmspool-httpd_*.deb'
in_root getent passwd llmspool
[ "$(in_root stat -c '%U %a' /var/spool/llmspool)" = "llmspool 700" ]
in_root id -nG llmspool-httpd | grep -qw llmspool
[ "$(in_root stat -c '%U %a' /var/lib/llmspool-httpd)" = "llmspool-httpd 700" ]
[ -z "$(in_root find /etc/systemd -lname '*llmspool*')" ] # nothing is enabled

say "units"
cat >"$root/tmp/units" <<'UNITS'
set -eu
for unit in /lib/systemd/system/llmspool*.service /lib/systemd/system/llmspool*.timer; do
    systemd-analyze verify "$unit" 2>&1 | grep -F llmspool && exit 1
done
for unit in /usr/lib/systemd/user/llmspool*; do
    systemd-analyze --user verify --man=no "$unit" 2>&1 | grep -F llmspool && exit 1
done
for unit in /lib/systemd/system/llmspool*.service; do
    systemd-analyze security --offline=yes --threshold=20 --no-pager "$unit" | tail -1
done
UNITS
in_root sh /tmp/units

say "the service user's job is answered"
cat >"$root/tmp/job" <<'JOB'
set -eu
cd /
llmspool-init --model m /var/spool/llmspool
llmspool-mock --listen 127.0.0.1:0 >/run/job/mock &
while ! grep -q listening /run/job/mock; do sleep 0.05; done
OPENAI_API_KEY=k OPENAI_BASE_URL=$(sed 's/listening on //' /run/job/mock)/v1 llmspoold 2>/run/job/log &
timeout 60 llmspool-submit --wait 'Say hello'
kill %1 %2
wait
JOB
in_root install -d -o llmspool /run/job
in_root runuser -u llmspool -- bash /tmp/job
jobs_there() {
    in_root find /var/spool/llmspool/done -name '*.v1.json'
}
before=$(jobs_there)
[ -n "$before" ]

say "a token's job is taken over HTTP by the user of llmspool-httpd, in a spool of the daemon's group"
cat >"$root/tmp/http" <<'HTTP'
set -eu
cd /
llmspool-httpd -s /run/job/spool --listen 127.0.0.1:0 >/run/job/httpd 2>/run/job/httpd.log &
while ! grep -q listening /run/job/httpd; do sleep 0.05; done
url=$(sed 's/listening on //' /run/job/httpd)
curl -fsS -H "Authorization: Bearer $1" --json '{"prompt": "Say hello"}' "$url/v1/jobs"
kill %1
wait
HTTP
in_root install -d -o llmspool -g llmspool /run/job/spool
in_root llmspool-init --group llmspool --model m /run/job/spool
token=$(in_root llmspool-httpd --new-token alice)
in_root chmod 777 /run/job
in_root runuser -u llmspool-httpd -- bash /tmp/http "$token" | grep -F '"user":"alice"'
[ "$(in_root sh -c 'stat -c "%U %G %a" /run/job/spool/new/*')" = "llmspool-httpd llmspool 640" ]

say "man pages, completion and clients are where they are looked for"
in_root sh -c 'ls /usr/share/man/man1/llmspool.1.gz /usr/share/man/man8/llmspoold.8.gz \
    /usr/share/zsh/vendor-completions/_llmspool /usr/share/fish/vendor_completions.d/llmspool-wait.fish \
    /usr/share/llmspool/spool-layout/clients/drop.py'
in_root bash -c 'source /usr/share/bash-completion/completions/llmspool-status
    COMP_WORDS=(llmspool-status --ga) COMP_CWORD=1; _llmspool llmspool-status; [ "$COMPREPLY" = --gates ]'

say "upgrade"
mkdir "$root/tmp/next"
for package in llmspool llmspool-mock llmspool-httpd; do
    dpkg-deb -R "$root"/tmp/"$package"_*.deb "$root/tmp/next/$package"
    sed -i 's/^Version: .*/&+1/; s/(= [^)]*/&+1/' "$root/tmp/next/$package/DEBIAN/control"
    dpkg-deb --root-owner-group -Znone -b "$root/tmp/next/$package" "$root/tmp/next/$package.deb" >/dev/null
done
in_root sh -c 'dpkg -i /tmp/next/llmspool.deb /tmp/next/llmspool-mock.deb /tmp/next/llmspool-httpd.deb'
in_root dpkg-query -W -f '${Version}\n' llmspool | grep -F +1
[ "$(jobs_there)" = "$before" ]

say "remove"
in_root dpkg -r llmspool llmspool-mock llmspool-httpd
[ "$(jobs_there)" = "$before" ]
in_root sh -c '! command -v llmspoold'

say "purge: answers stay, and nothing else"
in_root dpkg -P llmspool llmspool-mock llmspool-httpd 2>&1 | tee "$root/run/told"
grep -F '/var/spool/llmspool is not empty and stays' "$root/run/told"
[ "$(jobs_there)" = "$before" ]
[ -z "$(in_root find /etc /lib/systemd /usr/bin /usr/lib/systemd /usr/lib/sysusers.d /usr/lib/tmpfiles.d \
    /usr/share/llmspool /usr/share/doc /usr/share/man /usr/share/bash-completion /usr/share/fish \
    /usr/share/zsh /var/lib/systemd /var/lib/dpkg/info /var/lib/llmspool-httpd -name '*llmspool*' 2>/dev/null)" ]

say "purge of an empty spool"
in_root sh -c 'rm -r /var/spool/llmspool && dpkg -i /tmp/next/llmspool.deb && dpkg -P llmspool'
in_root sh -c '[ ! -e /var/spool/llmspool ] && [ ! -e /etc/llmspool ]'
say "all is well"
