#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""load: many jobs at once, with faults, duplicates and lists; every request accounted for."""
import json
import multiprocessing
import os
import time

from rig import (Rig, equal, expect, identity, numbered, run_scenario, scenario, seed, until)

PATIENT = 'max_attempts = 10\nbackoff = "10ms"\nbackoff_limit = "50ms"\n'
QUICK_FAULTS = ("--retry-after", "5ms", "--drip-interval", "1ms")


@scenario
def distinct(rig: Rig):
    mock = rig.mock("--latency", "2ms")
    for job in numbered(0, 1000):
        rig.spool.drop(job)
    rig.until_empty(environment={"LC_ALL": "C"})
    rig.completed()
    equal(mock.requests(), 1000, "requests")
    rig.judge(exact=True)


@scenario
def faults(rig: Rig):
    mock = rig.mock("--fault", "transient=0.3", *QUICK_FAULTS)
    rig.configure(mock, PATIENT)
    # Several models: a 503 closes the gate of its model for a second.
    for job in numbered(0, 1000):
        rig.spool.drop({**job, "model": f"m{len(rig.spool.dropped) % 16}"})
    rig.until_empty()
    rig.completed()
    expect(mock.requests() > 1200, f"{mock.requests()} requests with 30 % of faults")
    rig.judge(exact=True)


@scenario
def hangs(rig: Rig):
    mock = rig.mock("--fault", "hang=0.05", "--fault", "cut-stream=0.05", "--fault", "big=0.01")
    rig.configure(mock, PATIENT + 'answer_limit = "1MiB"\n', '    first_byte_timeout = "400ms"\n')
    for job in numbered(0, 200):
        rig.spool.drop(job)
    rig.until_empty()
    rig.completed()
    expect(mock.requests() > 200, "no fault fell")
    rig.judge(exact=True)


# --- duplicates ----------------------------------------------------------------------------------

def variants(index):
    """One job dropped three times: each time with another priority, name and webhook."""
    base = {"model": "m", "prompt": f"Say duplicate {index}"}
    return [{**base, "priority": (5 + 2 * k) % 9, "name": f"name-{index}-{k}",
             "webhook": f"http://127.0.0.1:9/{index}/{k}"} for k in range(3)]


def drop_some(spool, part, jobs):
    spool.count = 1000000 * (part + 1)
    for job in jobs:
        spool.drop(job)


def drop_from_processes(spool, jobs, processes=4):
    workers = [multiprocessing.Process(target=drop_some, args=(spool, i, jobs[i::processes]))
               for i in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        equal(worker.exitcode, 0, "exit code of a dropper")
    for job in jobs:
        spool.remember(job)


def three_times(count, numbers):
    jobs = [job for i in range(count) for job in variants(i)]
    numbers.shuffle(jobs)
    return jobs


def check_told(rig, count):
    """All names lead to the output, and every webhook is owed once."""
    debts = [rig.spool.json("outbox", n) for n in rig.spool.names("outbox", ".json")]
    owed = sorted((d["id"], d["webhook"]) for d in debts)
    wanted = []
    for index in range(count):
        for job in variants(index):
            job_id = identity(job)
            wanted.append((job_id, job["webhook"]))
            equal(os.readlink(rig.spool.at("by-name", job["name"])), f"../done/{job_id}.v1.json",
                  f"by-name/{job['name']}")
    equal(len(owed), len(wanted), "debts in outbox/")
    equal(owed, sorted(wanted), "debts in outbox/")


def check_widened(rig, count):
    """What lies in cur/ has the best of the three drops."""
    for index in range(count):
        jobs = variants(index)
        job_id = identity(jobs[0])
        first = rig.spool.json("cur", job_id + ".json")
        state = rig.spool.json("cur", job_id + ".state.json")
        priority = min(first["priority"], state.get("priority", 9))
        equal(priority, min(job["priority"] for job in jobs), f"priority of {index}")
        for key, more in (("name", "names"), ("webhook", "webhooks")):
            found = {first[key], *state.get(more, [])}
            equal(found, {job[key] for job in jobs}, f"{more} of {index}")


@scenario
def duplicates(rig: Rig):
    mock = rig.mock("--latency", "5ms")
    daemon = rig.daemon()
    drop_from_processes(rig.spool, three_times(500, seed()))
    until(lambda: not rig.spool.names("new") and not rig.spool.names("cur"),
          lambda: rig.spool.status()["counts"])
    daemon.stop()
    rig.completed()
    equal(mock.requests(), 500, "requests")
    check_told(rig, 500)
    rig.judge(exact=True)


@scenario
def widening_killed(rig: Rig):
    """The same while nothing is sent, with a daemon that is killed again and again."""
    numbers = seed()
    mock = rig.mock()
    rig.spool.switch("pause")
    drop_from_processes(rig.spool, three_times(500, numbers))
    kills = 0
    while rig.spool.names("new"):
        daemon = rig.daemon()
        if kills < 25:
            time.sleep(numbers.uniform(0.003, 0.04))
            daemon.kill()
            kills += 1
            rig.judge(idle=False)
        else:
            until(lambda: not rig.spool.names("new"), lambda: rig.spool.status()["counts"])
            daemon.stop()
    expect(kills >= 3, f"only {kills} kills before all was taken")
    check_widened(rig, 500)
    equal(mock.requests(), 0, "requests while paused")
    rig.spool.switch("pause", False)
    rig.until_empty()
    rig.completed()
    equal(mock.requests(), 500, "requests")
    check_told(rig, 500)
    rig.judge(exact=True)


# --- lists ---------------------------------------------------------------------------------------

def list_of(count):
    """Jobs of all kinds that a list has: with and without a model, named, each third line twice."""
    jobs = []
    for i in range(count):
        job = {"prompt": f"Say line {i}", "metadata": {"line": i}}
        if i % 2 == 0:
            job["model"] = "m"
        if i % 10 == 0:
            job["name"] = f"line-{i}"
        jobs.append(job)
    return jobs


@scenario
def list_killed(rig: Rig):
    numbers = seed()
    mock = rig.mock()
    rig.spool.switch("pause")
    jobs = list_of(1000)
    rig.spool.drop_list(jobs, "thousand")
    kills = partly = 0
    while rig.spool.names("new"):
        daemon = rig.daemon()
        if kills < 20:
            time.sleep(numbers.uniform(0.0, 0.025))
            daemon.kill()
            kills += 1
            partly += 0 < len(rig.spool.jobs("cur")) < 1000
            rig.judge(idle=False)
        else:
            until(lambda: not rig.spool.names("new"), lambda: rig.spool.status()["counts"])
            daemon.stop()
    equal(rig.spool.jobs("cur"), set(rig.spool.dropped), "jobs in cur/")
    expect(kills >= 2, f"only {kills} kills before all was taken")
    print(f"{kills} kills, {partly} of them with a part of the list in cur/")
    rig.spool.switch("pause", False)
    rig.until_empty()
    rig.completed()
    equal(mock.requests(), 1000, "requests")
    for i in range(0, 1000, 10):
        equal(rig.spool.json("by-name", f"line-{i}")["metadata"], {"line": i}, f"by-name/line-{i}")
    rig.judge(exact=True)


@scenario
def list_with_bad_lines(rig: Rig):
    """Refused lines are kept once each, however often the list was begun."""
    numbers = seed()
    mock = rig.mock("--latency", "1ms")
    lines = []
    for i, job in enumerate(numbered(0, 400, "Say good")):
        lines.append(json.dumps(job))
        rig.spool.remember(job)
        if i % 20 == 0:
            lines.append(json.dumps({"prompt": f"bad {i}", "modle": "m"}))
        if i % 50 == 0:
            lines.append("")
    rig.spool.put("\n".join(lines), name="mixed.jsonl")
    for _ in range(8):
        daemon = rig.daemon()
        time.sleep(numbers.uniform(0.0, 0.02))
        daemon.kill()
    # A job that was the only one in flight at four kills is held as poison, innocent or not.
    rig.spool.order("release", "ALL")
    rig.until_empty(code=(0, 1))  # 1 when this daemon met the refused lines, too
    rig.completed()
    refused = [n for n in rig.spool.names("failed") if not n.endswith(".error.json")]
    equal(len(refused), 20, "refused lines")
    for name in refused:
        message = rig.spool.json("failed", name + ".error.json")["message"]
        expect("model" in message and "mixed.jsonl" in message, f"{name}: {message}")
    rig.judge()


if __name__ == "__main__":
    run_scenario()
