#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""crash: the daemon killed at random moments and at chosen system calls; nothing is lost, nothing is
paid for without being told."""
import itertools
import json
import os
import shutil
import time

from rig import (LONG, Rig, Spool, equal, expect, identity, numbered, run_scenario, scenario, seed,
                 until)

KILLS = 2000 if LONG else 200
JOBS = 12000 if LONG else 1500
# Doubts cost no attempt, so the jobs need no more than the faults of the mock.
PATIENT = 'max_attempts = 20\nbackoff = "5ms"\nbackoff_limit = "20ms"\n'


class Load:
    """What goes on while the daemon is killed: drops of all kinds and orders."""

    def __init__(self, rig, numbers):
        self.rig = rig
        self.spool = rig.spool
        self.numbers = numbers
        self.next = 0
        self.rerun = {}  # ID: least number of versions at the end

    def fresh(self, count):
        jobs = numbered(self.next, count, "Say crash")
        self.next += count
        for job in jobs:
            kind = self.numbers.randrange(8)
            if kind == 0:
                del job["model"]  # is written anew
            elif kind == 1:
                job["name"] = f"name-{self.next}-{self.numbers.randrange(count)}"
            elif kind == 2:
                job["webhook"] = "http://127.0.0.1:9/told"
            elif kind == 3:
                job["priority"] = self.numbers.randrange(10)
        return jobs

    def drop_jobs(self, count):
        for job in self.fresh(count):
            self.spool.drop(job, by=self.numbers.choice([os.rename, os.link]))

    def drop_list(self, count):
        self.spool.drop_list(self.fresh(count))

    def drop_duplicates(self, count):
        known = list(self.spool.dropped.values())
        for job in self.numbers.choices(known, k=min(count, len(known))):
            self.spool.put(json.dumps({**job, "priority": self.numbers.randrange(10),
                                       "name": f"again-{self.numbers.randrange(10 ** 9)}"}))

    def order_reruns(self, count):
        done = sorted(self.spool.jobs("done"))
        chosen = self.numbers.sample(done, min(count, len(done)))
        if chosen:
            self.spool.order("rerun", *chosen)
        # An order is obeyed for what is done, or answered by the run under way: one version more
        # than now, or the one that is being made.
        for job in chosen:
            self.rerun[job] = max(self.rerun.get(job, 1), 1)
        return chosen

    def some(self, kills):
        share = JOBS // kills + 1
        left = JOBS - self.next
        if left > 0:
            self.drop_jobs(min(left, share))
        if left > share and self.numbers.randrange(10) == 0:
            self.drop_list(min(left - share, 4 * share))
        if self.numbers.randrange(4) == 0:
            self.drop_duplicates(5)
        if self.numbers.randrange(8) == 0:
            self.order_reruns(3)


def kill_once(rig, numbers):
    """Starts a daemon and kills it: mostly when it works, sometimes while it starts."""
    starting = numbers.randrange(5) == 0
    daemon = rig.daemon(wait=not starting)
    time.sleep(numbers.uniform(0.0, 0.02) if starting else numbers.uniform(0.005, 0.08))
    daemon.kill()


@scenario
def random_kills(rig: Rig):
    numbers = seed()
    mock = rig.mock("--latency", "lognormal:4ms,0.5", "--fault", "500=0.02", "--fault", "reset=0.02")
    rig.configure(mock, PATIENT)
    load = Load(rig, numbers)
    for number in range(KILLS):
        load.some(KILLS)
        kill_once(rig, numbers)
        if number % 20 == 19:
            rig.judge(idle=False)
        else:
            rig.checker.look()
    if load.next < JOBS:
        load.drop_jobs(JOBS - load.next)
    poisoned = len(rig.spool.events("held"))
    rig.until_empty()
    equal(rig.spool.jobs("done"), set(rig.spool.dropped), "jobs in done/")
    equal(rig.spool.names("ctl"), [], "orders left")
    requests = mock.requests()
    print(f"{KILLS} kills, {requests} requests for {len(rig.spool.dropped)} jobs, "
          f"{len(rig.spool.events('doubt'))} doubts, {poisoned} held")
    rig.judge()


if __name__ == "__main__":
    run_scenario()
