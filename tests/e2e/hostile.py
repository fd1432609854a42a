# SPDX-License-Identifier: GPL-2.0-or-later
"""hostile: bad files of every kind dropped while good jobs flow."""
import json
import os
import socket
import stat

from rig import Skip, equal, expect, numbered, run_scenario, scenario, until

DEEP = "[" * 80 + "]" * 80


def text(data):
    return lambda rig, name: rig.spool.put(data, name=name)


def job(body):
    return text(b'{"model": "m", ' + body + b"}")


def symlink(target):
    return lambda rig, name: os.symlink(target(rig), rig.spool.at("new", name))


def fifo(rig, name):
    os.mkfifo(rig.spool.at("new", name))


def directory(rig, name):
    os.mkdir(rig.spool.at("new", name))


def unix_socket(rig, name):
    here = os.getcwd()
    os.chdir(rig.spool.at("new"))  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
    os.chdir(here)


def device(rig, name):
    os.mknod(rig.spool.at("new", name), 0o600 | stat.S_IFCHR, os.makedev(1, 5))


def hard_link(rig, name):
    outside = os.path.join(rig.folder, "outside")
    with open(outside, "w", encoding="utf-8") as file:
        file.write('{"model": "m", "prompt": "of another"}')
    os.link(outside, rig.spool.at("new", name))
    os.utime(outside, (1, 1))


def sparse(rig, name):
    with open(rig.spool.at("tmp", name), "wb") as file:
        file.truncate(1 << 40)
    os.rename(rig.spool.at("tmp", name), rig.spool.at("new", name))


# name: how it is dropped, and a part of the reason that must be told
KINDS = {
    "empty": (text(b""), "line 1"),
    "not-json": (text(b"hello"), "line 1, column"),
    "truncated": (text(b'{"model": "m", "prompt": "x'), "line 1"),
    "array": (text(b"[1, 2]"), "object"),
    "deep": (job(b'"prompt": "x", "metadata": ' + DEEP.encode()), "64"),
    "duplicate-key": (job(b'"prompt": "a", "prompt": "b"'), "duplicate"),
    "nul": (job(b'"prompt": "a\\u0000b"'), "line 1"),
    "bad-utf8": (job(b'"prompt": "\xff\xfe"'), "decode byte 0xff"),
    "overlong": (job(b'"prompt": "\xc0\xaf"'), "decode byte 0xc0"),
    "lone-surrogate": (job(b'"prompt": "\\ud800"'), "line 1"),
    "huge-integer": (job(b'"prompt": "x", "sample": 9007199254740993'), "write it as a string"),
    "huge-number": (job(b'"prompt": "x", "params": {"temperature": 1e999}'), "line 1"),
    "unknown-key": (job(b'"promt": "x"'), 'did you mean "prompt"'),
    "no-prompt": (job(b'"system": "x"'), "prompt"),
    "two-questions": (job(b'"prompt": "x", "messages": [{"role": "user", "content": "y"}]'), "prompt"),
    "bad-priority": (job(b'"prompt": "x", "priority": 12'), "priority"),
    "bad-name": (job(b'"prompt": "x", "name": "../../etc/passwd"'), "name"),
    "bad-time": (job(b'"prompt": "x", "expires": "tomorrow"'), "expires"),
    "bad-type": (job(b'"prompt": "x", "type": "bogus"'), "type"),
    "bad-place": (job(b'"prompt": "{{outputs.m}}", "after": ["n"]'), "outputs.m"),
    "fifo": (fifo, "regular file"),
    "socket": (unix_socket, "regular file"),
    "directory": (directory, "regular file"),
    "link-out": (symlink(lambda rig: "/etc/passwd"), "link"),
    "link-in": (symlink(lambda rig: "../spool.json"), "link"),
    "link-loop": (symlink(lambda rig: "link-loop.json"), "link"),
    "hard-link": (hard_link, "name"),
    "sparse": (sparse, "the limit is"),
    "x" * 240: (text(b"{}"), "prompt"),
    "line\nbreak": (text(b"{}"), "prompt"),
    "0" * 64 + ".mine": (text(b"{}"), "prompt"),
}


def reasons(rig):
    """The message of each refusal by the name that was dropped."""
    found = {}
    for name in rig.spool.names("failed", ".error.json"):
        record = rig.spool.json("failed", name)
        kept = rig.spool.at("failed", name[:-len(".error.json")])
        expect(os.path.lexists(kept), f"{name}: what was refused is not kept")
        found[record["name"]] = record["message"]
    return found


def drop_all(rig, kinds):
    for i, (name, (drop, _)) in enumerate(kinds.items()):
        drop(rig, name + ".json")
        for good in numbered(3 * i, 3):
            rig.spool.drop(good)


def judge_kinds(rig, daemon, kinds):
    until(lambda: not [n for n in rig.spool.names("new")], lambda: rig.spool.names("new"), 30)
    until(lambda: len(rig.spool.jobs("done")) == len(rig.spool.dropped), "the good jobs")
    until(lambda: len(reasons(rig)) == len(kinds), lambda: set(kinds) - set(reasons(rig)))
    told = reasons(rig)
    for name, (_, words) in kinds.items():
        message = told.get(name + ".json", "")
        expect(words.lower() in message.lower(), f"{name}: {message!r} does not say {words!r}")
    equal(daemon.process.poll(), None, "the daemon's exit code")
    daemon.stop()


@scenario
def all_kinds(rig):
    rig.mock()
    daemon = rig.daemon()
    drop_all(rig, KINDS)
    judge_kinds(rig, daemon, KINDS)
    rig.judge()
    expect(len(KINDS) >= 20, "too few kinds")


@scenario
def as_root(rig):
    if os.geteuid() != 0:
        raise Skip("devices and files of others need root")
    kinds = {"device": (device, "regular file")}
    rig.mock()
    daemon = rig.daemon()
    try:
        device(rig, "probe")
        os.unlink(rig.spool.at("new", "probe"))
    except OSError as problem:
        raise Skip(f"a device cannot be made: {problem}") from None
    drop_all(rig, kinds)
    judge_kinds(rig, daemon, kinds)


@scenario
def changing_while_read(rig):
    rig.mock()
    daemon = rig.daemon()
    for i, good in enumerate(numbered(0, 100)):
        path = rig.spool.at("new", f"growing-{i}.json")
        data = json.dumps(good)
        with open(path, "w", encoding="utf-8") as file:
            file.write(data[:10])
            file.flush()
            file.write(data[10:])
        rig.spool.remember(good)
    until(lambda: len(rig.spool.jobs("done")) == 100, "all jobs")
    equal(rig.spool.names("failed"), [], "failed/")
    daemon.stop()
    rig.judge(exact=True)


if __name__ == "__main__":
    run_scenario()
