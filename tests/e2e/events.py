#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""events: days of events that are compressed, killed at each call, read after each kill."""
import datetime
import itertools
import json
import os
import shutil
import signal
import subprocess

from rig import BUILD, PATIENCE, Rig, Spool, equal, expect, preload, run_scenario, scenario, sweep_of_kills

# All calls by which a day changes.
CALLS = ("renameat", "unlinkat", "fsync", "openat", "write")


def day(ago):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(ago)).date().isoformat()


def lines_of(ago, first, count):
    return "".join('{"time":"%sT00:00:00.000Z","event":"paused","number":%d}\n' % (day(ago), number)
                   for number in range(first, first + count))


def fill(spool):
    """A plain day; one that was packed and got late lines; one with both files after a kill."""
    def put(name, text, packed=False):
        path = spool.at("events", name + ".jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        if packed:
            subprocess.run(["zstd", "-q", "--rm", path], check=True)
    put(day(40), lines_of(40, 0, 50))
    put(day(30), lines_of(30, 50, 50), packed=True)
    put(day(30), lines_of(30, 100, 10))
    put(day(20), lines_of(20, 110, 40), packed=True)
    put(day(20), lines_of(20, 110, 50))
    return list(range(160))


def prune(spool, environment=None):
    return subprocess.run([os.path.join(BUILD, "llmspool-prune"), "-s", spool.path, "-c",
                           spool.path + ".conf"], env={**os.environ, **(environment or {})},
                          capture_output=True, text=True, timeout=PATIENCE, check=False)


def numbers(spool):
    """The numbers of all lines, as a reader sees them."""
    done = subprocess.run([os.path.join(BUILD, "llmspool-status"), "-s", spool.path, "--events",
                           "--json", "--event", "paused"], capture_output=True, text=True,
                          timeout=PATIENCE, check=True)
    return [json.loads(line)["number"] for line in done.stdout.splitlines()]


def sweep(rig, whats, judge):
    """Runs prune with a fault at the first, second, … call of each kind, then once more without."""
    template = rig.spool
    expected = fill(template)
    equal(numbers(template), expected, "before anything")
    points = 0
    for call, what in itertools.product(CALLS, whats):
        for when in itertools.count(1):
            fault = f"{call}:{what}:{when}"
            spool = Spool.copy(template, os.path.join(rig.folder, fault.replace(":", "-")))
            open(spool.path + ".conf", "ab").close()
            done = prune(spool, preload(fault))
            hit = judge(fault, done)
            equal(numbers(spool), expected, f"{fault}: what a reader sees")
            second = prune(spool)
            equal(second.returncode, 0, f"{fault}: a second run: {second.stderr}")
            equal(numbers(spool), expected, f"{fault}: what a reader sees after a second run")
            equal([n for n in spool.names("events") if n.endswith(".jsonl")], [], f"{fault}: plain days")
            equal([n for n in spool.names("tmp") if n.startswith("events.")], [], f"{fault}: tmp/")
            shutil.rmtree(spool.path)
            points += hit
            if not hit:
                break
    return points


@scenario
def killed_at_calls(rig: Rig):
    sweep_of_kills()

    def judge(fault, done):
        killed = done.returncode == -signal.SIGKILL
        expect(killed or done.returncode == 0, f"{fault}: {done.returncode} {done.stderr}")
        return killed
    points = sweep(rig, ("KILL", "AFTER"), judge)
    print(f"killed at {points} calls")
    expect(points >= 40, f"only {points} calls")


@scenario
def failing_at_calls(rig: Rig):
    def judge(fault, done):
        expect(done.returncode == 0 or "cannot" in done.stderr, f"{fault}: {done.stderr!r}")
        return done.returncode != 0
    points = sweep(rig, ("EIO", "ENOSPC"), judge)
    print(f"failed at {points} calls")
    expect(points >= 5, f"only {points} calls")


if __name__ == "__main__":
    run_scenario()
