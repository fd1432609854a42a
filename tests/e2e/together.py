#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""together: droppers, the daemon, reruns, prune, archive, restore and check, all at once: no job is
lost, no output changes, nothing is paid for without being told."""
import json
import os
import random
import signal
import subprocess
import threading
import time

from rig import BUILD, LONG, PATIENCE, Rig, equal, expect, identity, numbered, run_scenario, scenario, seed

SECONDS = 120 if LONG else 12
SETTINGS = ('max_attempts = 20\nbackoff = "5ms"\nbackoff_limit = "20ms"\n'
            'retention {\n    outputs = "1s"\n    failed = "1s"\n}\n')


class Hands:
    """Programs that work on one spool side by side, each in a thread, until the end."""

    def __init__(self, rig, numbers):
        self.rig = rig
        self.numbers = numbers
        self.stop = threading.Event()
        self.lock = threading.Lock()  # of rig.spool's books
        self.problems = []
        self.runs = {}
        self.threads = []

    def command(self, name, *arguments, codes=(0, 75)):
        """Runs a command on the spool. Busy (75) is an answer, a failure is not."""
        done = subprocess.run([os.path.join(BUILD, name), *arguments[:1], "-s", self.rig.spool.path,
                               *arguments[1:]] if name == "llmspool-archive" else
                              [os.path.join(BUILD, name), "-s", self.rig.spool.path, *arguments],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.runs[name] = self.runs.get(name, 0) + 1
        if done.returncode not in codes:
            self.problems.append(f"{name} {' '.join(arguments)} left with {done.returncode}: "
                                 f"{done.stderr.strip()[-500:]}")

    def known(self, count):
        with self.lock:
            jobs = sorted(self.rig.spool.dropped)
        return self.numbers.sample(jobs, min(count, len(jobs)))

    def drop(self):
        spool = self.rig.spool
        with self.lock:
            fresh = numbered(len(spool.dropped), self.numbers.randrange(1, 20), "Say together")
            for job in fresh:
                kind = self.numbers.randrange(6)
                if kind == 0:
                    job["name"] = f"name-{self.numbers.randrange(50)}"
                elif kind == 1:
                    job["prompt"] += " [[mock:422,times=1]]"
                spool.drop(job, by=os.link)
        for job in self.known(5):
            spool.put(json.dumps(spool.dropped[job]))
        time.sleep(0.02)

    def rerun(self):
        jobs = self.known(3)
        if jobs:
            self.rig.spool.order("rerun", *jobs)
        self.rig.spool.order("retry", "ALL")
        time.sleep(0.2)

    def archive(self):
        self.command("llmspool-archive", "create", "--older-than", "1s",
                     *(["--failed"] if self.numbers.randrange(2) else []))
        time.sleep(0.1)

    def prune(self):
        self.command("llmspool-prune", "-c", self.rig.conf)
        time.sleep(0.1)

    def restore(self):
        jobs = self.known(5)
        if jobs:
            self.command("llmspool-archive", "restore", *jobs, codes=(0, 1, 69, 75))
        time.sleep(0.1)

    def check(self):
        """A daemon that was killed leaves marks and the like, which are warnings; damage is none of
        it."""
        done = subprocess.run([os.path.join(BUILD, "llmspool-check"), "-s", self.rig.spool.path,
                               "--json"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.runs["llmspool-check"] = self.runs.get("llmspool-check", 0) + 1
        found = [json.loads(line) for line in done.stdout.splitlines()]
        self.problems += [f"llmspool-check: {one}" for one in found if one["severity"] == "error"]
        if done.returncode not in (0, 1):
            self.problems.append(f"llmspool-check left with {done.returncode}: {done.stderr[-300:]}")
        time.sleep(0.3)

    def run(self, work):
        """Starts a thread that repeats work until the end."""
        def repeat():
            while not self.stop.is_set():
                try:
                    work()
                except Exception as error:  # pylint: disable=broad-except
                    self.problems.append(f"{work.__name__}: {error!r}")
                    return
        self.threads.append(threading.Thread(target=repeat, daemon=True))
        self.threads[-1].start()

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        expect(not self.problems, "\n  ".join(self.problems[:10]))


@scenario
def all_at_once(rig: Rig):
    """The daemon is killed now and then as well."""
    numbers = seed()
    rig.configure(rig.mock("--latency", "5ms"), SETTINGS)
    hands = Hands(rig, random.Random(numbers.randrange(1 << 30)))
    for work in (hands.drop, hands.rerun, hands.archive, hands.prune, hands.prune, hands.restore,
                 hands.check):
        hands.run(work)
    rig.checker.may_go = True
    end = time.monotonic() + SECONDS
    daemon = rig.daemon()
    while time.monotonic() < end:
        time.sleep(numbers.uniform(1, 4))
        expect(daemon.process.poll() is None, "the daemon left by itself")
        daemon.kill()
        rig.checker.look()
        daemon = rig.daemon()
    hands.end()
    daemon.stop()
    rig.spool.order("retry", "ALL")
    rig.until_empty(code=(0, 1))
    rig.judge()
    print(f"{len(rig.spool.dropped)} jobs, {rig.mocks[-1].requests()} requests, {hands.runs}")
    expect(all(hands.runs.get(name, 0) >= 3 for name in
               ("llmspool-archive", "llmspool-prune", "llmspool-check")), f"too few runs: {hands.runs}")


if __name__ == "__main__":
    run_scenario()
