#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""crash: the daemon killed at random moments and at chosen system calls; nothing is lost, nothing is
paid for without being told."""
import itertools
import json
import os
import shutil
import signal
import subprocess
import time

from rig import (BUILD, LONG, Checker, Rig, Spool, equal, expect, identity, numbered, preload, run_scenario,
                 scenario, seed)

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
        self.versions = {}  # ID: how many outputs there must be at the end

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
            elif kind == 4 and self.numbers.randrange(4) == 0:
                job["prompt"] += " [[mock:422,times=1]]"  # fails, and is taken back by a retry
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
        for job in chosen:  # one version more than now
            self.versions[job] = self.rig.spool.versions(job) + 1

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
        if self.numbers.randrange(16) == 0:
            self.spool.order("retry", "ALL")


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
    rig.until_empty(code=(0, 1, 75))
    poison = {event["id"] for event in rig.spool.events("held")}
    expect(rig.spool.jobs("cur") <= poison, "jobs that were alone at so many kills are all that is left")
    if poison:
        rig.spool.order("release", *poison)
        rig.until_empty(code=(0, 1))
    for name in rig.spool.names("failed", ".error.json"):
        equal(rig.spool.json("failed", name)["attempts"][-1]["outcome"], "job",
              f"last outcome in failed/{name}")
    rig.spool.order("retry", "ALL")
    rig.until_empty()
    equal(rig.spool.jobs("done"), set(rig.spool.dropped), "jobs in done/")
    equal(rig.spool.names("ctl"), [], "orders left")
    for job, versions in load.versions.items():
        expect(rig.spool.versions(job) >= versions, f"{job}: a rerun was lost")
    print(f"{KILLS} kills, {mock.requests()} requests for {len(rig.spool.dropped)} jobs, "
          f"{len(load.versions)} reruns, {len(rig.spool.events('doubt'))} doubts, "
          f"{len(rig.spool.events('held'))} held")
    rig.judge()


# --- killed at system calls ----------------------------------------------------------------------

CALLS = ("openat", "write", "fsync", "fdatasync", "renameat2", "renameat", "linkat", "symlinkat",
         "unlinkat", "fchmod", "fchmodat", "futimens")
REFUSED = '{"prompt": "no such key", "promt": "x"}'


def make_template(rig):
    """A spool with a job that is done and one that failed."""
    rig.spool.drop({"model": "m", "prompt": "Say template", "name": "template"})
    rig.spool.drop({"model": "m", "prompt": "Fail first [[mock:422,times=1]]", "name": "fails"})
    rig.until_empty(code=1)
    return rig.mocks[-1].ledger()


def fill(spool, point):
    """Something of each kind, for one daemon to be killed at."""
    job = {"model": "m", "prompt": f"Say {point}", "name": f"as-is-{point}",
           "webhook": "http://127.0.0.1:9/told"}
    spool.drop(job)
    spool.drop({**job, "name": f"twice-{point}", "priority": 1})
    spool.drop({"prompt": f"Anew {point}", "name": f"anew-{point}"}, by=os.link)
    spool.drop({"model": "m", "prompt": f"Retry {point} [[mock:500,times=1]]"})
    spool.drop_list(numbered(0, 3, f"Line of {point}", name=f"line-{point}"))
    spool.put(REFUSED, name="bad.json")
    spool.order("rerun", identity({"prompt": "Say template"}, "m"))
    spool.order("retry", "ALL")


def kill_at(rig, template, base, point, fault):
    """One daemon with a fault on a copy of the template, then one without. Returns whether the
    fault came."""
    rig.spool = Spool.copy(template, os.path.join(rig.folder, f"spool-{point}"))
    rig.checker = Checker(rig.spool.path)
    before = rig.mocks[-1].ledger()
    fill(rig.spool, point)
    daemon = rig.daemon("--until-empty", wait=False, environment=preload(fault))
    killed = daemon.wait() == -signal.SIGKILL
    rig.checker.look()
    rig.until_empty(code=(0, 1))
    ledger = rig.mocks[-1].ledger() - before + base
    problems = rig.checker.judge(rig.spool.dropped, ledger)
    expect(not problems, f"{fault}: " + "\n  ".join(problems))
    equal(rig.spool.jobs("done"), set(rig.spool.dropped), f"{fault}: jobs in done/")
    equal(rig.spool.names("failed"), ["bad.json", "bad.json.error.json"], f"{fault}: failed/")
    equal(rig.spool.versions(identity({"prompt": "Say template"}, "m")), 2, f"{fault}: reruns")
    for job in rig.spool.dropped.values():
        if "name" in job:
            expect("../done/" in os.readlink(rig.spool.at("by-name", job["name"])),
                   f"{fault}: by-name/{job['name']} does not lead to the answer")
    shutil.rmtree(rig.spool.path)
    return killed


@scenario
def killed_at_calls(rig: Rig):
    """Before the first, second, … call of each kind, until one run comes to its end."""
    mock = rig.mock()
    rig.configure(mock, PATIENT)
    base = make_template(rig)
    template = rig.spool
    points = 0
    for call in CALLS:
        for when in itertools.count(1, 1 if LONG else 2):
            for what in ("KILL", "AFTER") if LONG else ("KILL",):
                killed = kill_at(rig, template, base, f"{call}-{when}-{what}".lower(),
                                 f"{call}:{what}:{when}")
                points += killed
            if not killed:
                break
    print(f"killed at {points} calls")
    expect(points >= 60, f"only {points} calls")


@scenario
def killed_coming_back(rig: Rig):
    """Killed while jobs come back into cur/: until the next start a state file may lie there before
    its job, which is where it was."""
    rig.configure(rig.mock(), PATIENT)
    make_template(rig)
    template, early = rig.spool, 0
    for call, when in itertools.product(("fsync", "renameat2"), range(1, 9)):
        point = f"back-{call}-{when}"
        rig.spool = Spool.copy(template, os.path.join(rig.folder, point))
        rig.checker = Checker(rig.spool.path)
        rig.spool.order("retry", "ALL")
        rig.spool.order("rerun", identity({"prompt": "Say template"}, "m"))
        rig.daemon("--until-empty", wait=False, environment=preload(f"{call}:KILL:{when}")).wait()
        rig.checker.judge(rig.spool.dropped, idle=False)
        names = rig.spool.names("cur")
        early += sum(name.endswith(".state.json") and name[:64] + ".json" not in names
                     for name in names)
        rig.until_empty()
        problems = rig.checker.judge(rig.spool.dropped)
        expect(not problems, f"{point}: " + "\n  ".join(problems))
        equal(rig.spool.jobs("done"), set(rig.spool.dropped), f"{point}: jobs in done/")
    expect(early > 0, "no kill came between a state file and its job")


# --- places in runs ------------------------------------------------------------------------------

OLD = [{"model": "m", "prompt": f"Old {i} [[mock:422,times=1]]", "name": f"old-{i}",
        "metadata": {"row": i}} for i in range(3)]
GOOD = {"model": "m", "prompt": "Say good"}
NEW = [{**job, "params": {"seed": 1},
        "metadata": {**job["metadata"], "derived_from": identity(job)}} for job in OLD]
RUNS = {"R": ([OLD[0], GOOD, OLD[1], OLD[0]], [NEW[0], GOOD, NEW[1], NEW[0]]),
        "S": ([OLD[1], OLD[2]], [NEW[1], NEW[2]])}
TORN = '{"position":0,"id":"0123'


def make_runs(rig):
    """Two runs of which three jobs failed; the manifest of one of them is torn at its end."""
    for run, (jobs, _) in RUNS.items():
        text = "".join(json.dumps(job) + "\n" for job in [{"run": run}, *jobs])
        rig.spool.put(text, name=f"{run}.jsonl")
    for job in [*OLD, GOOD]:
        rig.spool.remember(job)
    rig.until_empty(code=1)
    with open(rig.spool.at("runs", "S", "manifest.jsonl"), "a", encoding="utf-8") as file:
        file.write(TORN)
    return rig.mocks[-1].ledger()


def replace_failed(spool, fault=None):
    """Has new jobs take the places of those that failed, by the command. Returns its exit code."""
    done = subprocess.run([os.path.join(BUILD, "llmspool-ctl"), "-q", "-s", spool.path, "retry",
                           "--failed", "--set", "params.seed=1"], check=False, timeout=60,
                          env={**os.environ, **(preload(fault) if fault else {})})
    return done.returncode


def check_runs(rig, fault):
    """Each place has its new job, by one line and no more, and the old lines are still there."""
    for run, (before, after) in RUNS.items():
        lines = rig.spool.lines("runs", run, "manifest.jsonl")
        equal([line["id"] for line in lines[:len(before)]], [identity(job) for job in before],
              f"{fault}: first lines of run {run}")
        replaced = {line["position"]: line for line in lines[len(before):]}
        wanted = {i: identity(job) for i, job in enumerate(after) if job != before[i]}
        equal({i: line["id"] for i, line in replaced.items()}, wanted, f"{fault}: run {run}")
        equal(len(lines), len(before) + len(wanted), f"{fault}: lines of run {run}")
        for i, line in replaced.items():
            equal((line["replaces"], line["name"], line["metadata"]),
                  (identity(before[i]), before[i]["name"], after[i]["metadata"]),
                  f"{fault}: position {i} of run {run}")


def replace_at(rig, template, base, point, daemon_fault=None, client_fault=None):
    """One replacement with a fault on a copy of the template, and its end without one. Returns
    whether the fault came."""
    fault = daemon_fault or client_fault
    rig.spool = Spool.copy(template, os.path.join(rig.folder, f"spool-{point}"))
    rig.checker = Checker(rig.spool.path)
    before = rig.mocks[-1].ledger()
    killed = replace_failed(rig.spool, client_fault) == -signal.SIGKILL
    for name in rig.spool.names("tmp"):  # a dropper that was killed may leave its file
        os.unlink(rig.spool.at("tmp", name))
    if killed or client_fault is None:
        equal(replace_failed(rig.spool), 0, f"{fault}: exit code of llmspool-ctl")
    for job in NEW:
        rig.spool.remember(job)
    if daemon_fault is not None:
        daemon = rig.daemon("--until-empty", wait=False, environment=preload(daemon_fault))
        killed = daemon.wait() == -signal.SIGKILL
        rig.checker.look()
    rig.until_empty()
    check_runs(rig, fault)
    problems = rig.checker.judge(rig.spool.dropped, rig.mocks[-1].ledger() - before + base)
    expect(not problems, f"{fault}: " + "\n  ".join(problems))
    equal(rig.spool.jobs("done"), {identity(job) for job in [GOOD, *NEW]}, f"{fault}: done/")
    equal(rig.spool.jobs("failed"), {identity(job) for job in OLD}, f"{fault}: failed/")
    for job in NEW:
        expect(identity(job) in os.readlink(rig.spool.at("by-name", job["name"])),
               f"{fault}: by-name/{job['name']} does not lead to the new job")
    shutil.rmtree(rig.spool.path)
    return killed


@scenario
def replaced_at_calls(rig: Rig):
    """The daemon, and the command, killed while new jobs take the places of old ones."""
    rig.configure(rig.mock(), PATIENT)
    base = make_runs(rig)
    template, points = rig.spool, 0
    for who, calls in (("client_fault", ("openat", "write", "fsync", "renameat2")),
                       ("daemon_fault", ("write", "fsync", "renameat2", "unlinkat"))):
        for call in calls:
            for when in itertools.count(1, 1 if LONG else 3):
                killed = replace_at(rig, template, base, f"{who}-{call}-{when}",
                                    **{who: f"{call}:KILL:{when}"})
                points += killed
                if not killed:
                    break
    print(f"killed at {points} calls")
    expect(points >= 25, f"only {points} calls")


SOME = [{"model": "m", "prompt": f"Say {word}"} for word in "abc"]


def takes(new, old):
    """A job as it takes the place of another."""
    return {**new, "metadata": {"derived_from": identity(old)}}


def places(spool, run):
    """The number of the job in each place of a run."""
    last = {line["position"]: line["id"] for line in spool.lines("runs", run, "manifest.jsonl")}
    return [[identity(job) for job in SOME].index(last[i]) for i in range(len(last))]


def put_replacing(rig, run, *pairs):
    jobs = [takes(SOME[new], SOME[old]) for new, old in pairs]
    rig.spool.put("".join(json.dumps(line) + "\n" for line in [{"run": run, "replace": True}, *jobs]),
                  name=f"{run}-{rig.spool.unique()}.jsonl")


def take_again_at(rig, template, point, fault):
    """Places are exchanged, and passed on, by a daemon that is killed; then taken back while the
    first lists may still be in new/. Returns whether the fault came."""
    rig.spool = Spool.copy(template, os.path.join(rig.folder, f"spool-{point}"))
    rig.checker = Checker(rig.spool.path)
    put_replacing(rig, "R", (1, 0), (0, 1))
    put_replacing(rig, "S", (1, 0), (2, 1))
    daemon = rig.daemon("--until-empty", wait=False, environment=preload(fault))
    killed = daemon.wait() == -signal.SIGKILL
    rig.checker.look()
    back = places(rig.spool, "R") == [1, 0, 1]
    if back:  # taken before the list that it undoes, as may happen after a crash
        os.rename(rig.spool.at("new"), rig.spool.at("aside"))
        os.mkdir(rig.spool.at("new"), 0o700)
        put_replacing(rig, "R", (0, 1), (1, 0))
        rig.until_empty()
        equal(places(rig.spool, "R"), [0, 1, 0], f"{fault}: places of R taken back")
        os.rmdir(rig.spool.at("new"))
        os.rename(rig.spool.at("aside"), rig.spool.at("new"))
    rig.until_empty()
    equal(places(rig.spool, "R"), [0, 1, 0] if back else [1, 0, 1], f"{fault}: places of R")
    equal(places(rig.spool, "S"), [1, 2, 1], f"{fault}: places of S")
    problems = rig.checker.judge()
    expect(not problems, f"{fault}: " + "\n  ".join(problems))
    shutil.rmtree(rig.spool.path)
    return killed, back


@scenario
def taken_again_at_calls(rig: Rig):
    """A list that is taken again after a crash takes the places that it took, and no others."""
    rig.configure(rig.mock(), PATIENT)
    for run in "RS":
        jobs = [{"run": run}, SOME[0], SOME[1], SOME[0]]
        rig.spool.put("".join(json.dumps(line) + "\n" for line in jobs), name=f"{run}.jsonl")
    rig.until_empty()
    template, points, taken_back = rig.spool, 0, 0
    for call in ("write", "fsync", "renameat", "unlinkat"):
        for when in itertools.count(1, 1 if LONG else 2):
            killed, back = take_again_at(rig, template, f"{call}-{when}", f"{call}:KILL:{when}")
            points += killed
            taken_back += killed and back
            if not killed:
                break
    print(f"killed at {points} calls, {taken_back} times before the end of a list")
    expect(points >= 10 and taken_back >= 3, f"only {points} calls, {taken_back} lists")


if __name__ == "__main__":
    run_scenario()
