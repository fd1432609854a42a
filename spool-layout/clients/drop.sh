#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# drop.sh: a client of a spool in one file, to run or to source (drop_submit, drop_wait, drop_result,
# drop_id); needs jq, and sha256sum and sync of GNU coreutils. The protocol is in ../README.

drop_usage='drop.sh submit SPOOL < JOB      drops a job durably; prints its ID and its name in new/
drop.sh wait SPOOL ID [NAME]    until it has ended: 0 completed, 1 failed or refused
drop.sh result SPOOL ID         prints its newest answer
drop.sh id SPOOL < JOB          prints the ID that a job gets'

# The canonical form of RFC 8785, by jq's means.
drop_canonical='
def digits($n): if $n > 0 then "0" * $n // "" else "" end;
def number: # as ECMAScript prints it
    if . == 0 then "0" elif . < 0 then "-" + (-. | number) else
        (. * 1 | tojson | ascii_downcase | capture("^(?<w>[0-9]*)[.]?(?<f>[0-9]*)(e(?<e>.*))?$")) as $p
        | ($p.w + $p.f | sub("^0+"; "")) as $all
        | ($all | sub("0+$"; "")) as $d
        | (($all | length) - ($p.f | length) + ($p.e // "0" | ltrimstr("+") | tonumber)) as $point
        | ($d | length) as $count
        | if $point > 0 and $point <= 21 then
            if $count > $point then $d[:$point] + "." + $d[$point:] else $d + digits($point - $count) end
          elif $point > -6 and $point <= 0 then "0." + digits(-$point) + $d
          else $d[:1] + (if $count > 1 then "." + $d[1:] else "" end) + "e"
            + (if $point > 1 then "+" else "" end) + ($point - 1 | tojson) end
    end;
def text: "\"" + (split("\u007f") | map(tojson[1:-1]) | join("\u007f")) + "\"";
def units: explode | map(if . > 65535 then 55296 + (. - 65536) / 1024 - (. % 1024) / 1024,
    56320 + . % 1024 else . end);
def canonical:
    if type == "object" then
        "{" + (to_entries | sort_by(.key | units) | map((.key | text) + ":" + (.value | canonical)) | join(",")) + "}"
    elif type == "array" then "[" + (map(canonical) | join(",")) + "]"
    elif type == "number" then number
    elif type == "string" then text
    else tojson end;'

# The ID of the job on stdin in the spool $1. In a shared spool jobs have a user.
drop_id() (
    set -eu
    user='' canonical=''
    case $(stat -c %A "$1/new") in ?????w*) user=$(id -un) ;; esac
    canonical=$(jq -j --arg user "$user" --slurpfile spool "$1/spool.json" "$drop_canonical"'
        {type: "chat"} + (if $spool[0].default_model then {model: $spool[0].default_model} else {} end)
        + (if $user == "" then {} else {user: $user} end)
        + with_entries(select(.key == ("type", "model", "prompt", "messages", "input", "system", "params",
            "user", "provider", "sample")))
        | canonical')
    printf %s "$canonical" | sha256sum | cut -d " " -f 1
)

# Drops the job on stdin into the spool $1; prints its ID and its name in new/.
drop_submit() (
    set -eu
    umask 027
    name=$(uname -n).$$.$(date +%s%N)
    (set -C && cat >"$1/tmp/$name")
    id=$(drop_id "$1" <"$1/tmp/$name") || { rm "$1/tmp/$name" && exit 1; }
    sync "$1/tmp/$name"
    ln "$1/tmp/$name" "$1/new/$name.json"
    sync "$1/new"
    rm "$1/tmp/$name"
    echo "$id $name.json"
)

drop_say() {
    echo "drop.sh: $1" >&2
    return 1
}

# Waits until the job $2 of the spool $1 has ended; $3 is the name of its drop.
drop_wait() {
    pause=0.1
    while :; do
        if [ -n "${3:-}" ] && [ -e "$1/failed/$3.error.json" ]; then
            drop_say "$(jq -r .message "$1/failed/$3.error.json")" || return
        elif { [ -z "${3:-}" ] || [ ! -e "$1/new/$3" ]; } && [ ! -e "$1/cur/$2.json" ]; then
            if [ -e "$1/failed/$2.json" ]; then
                drop_say "$(jq -r .message "$1/failed/$2.error.json")" || return
            elif [ -e "$1/done/$2.json" ]; then
                return 0
            fi
        fi
        sleep "$pause"
        case $pause in 0.1) pause=0.3 ;; *) pause=1 ;; esac
    done
}

# Prints the newest good answer of the job $2 of the spool $1.
drop_result() {
    version=1
    if [ -e "$1/done/$2.v1.json" ]; then # the folder may be large: it is listed last
        while [ -e "$1/done/$2.v$((version + 1)).json" ]; do
            version=$((version + 1))
        done
    else
        version=$(ls "$1/done" | sed -n "s/^$2\.v\([0-9]*\)\.json\$/\1/p" | sort -n | tail -n 1)
    fi
    while [ -e "$1/done/$2.v$version.json" ]; do
        if [ "$(jq -r .status "$1/done/$2.v$version.json")" = completed ]; then
            jq -r "$drop_canonical"'.output | if type == "string" then . else canonical end' "$1/done/$2.v$version.json"
            return
        fi
        version=$((version - 1))
    done
    drop_say "$(jq -r .message "$1/failed/$2.error.json" 2>/dev/null || echo "there is no answer yet")"
}

case ${0##*/} in
drop.sh)
    case ${1:-}:$# in
    submit:2 | id:2 | wait:[34] | result:[34]) verb=$1 && shift && "drop_$verb" "$@" ;;
    *) echo "$drop_usage" >&2 && exit 64 ;;
    esac
    ;;
esac
