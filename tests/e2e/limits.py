#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""limits: rates that are told, configured or found; queues that say nothing; outages; turns.

The figures are printed. Those that need minutes run in full with LLMSPOOL_LONG, and in a short form
with wider bounds otherwise.
"""
import json
import time
import urllib.request

from rig import LONG, Rig, equal, expect, numbered, run_scenario, scenario, until

HALT_NEVER = 'halt_after = never\nbackoff = "50ms"\nbackoff_limit = "200ms"\n'


def seconds(mock):
    """What the mock got in each second since it started: requests, answered, refused."""
    with urllib.request.urlopen(mock.url + "/mock/ledger?rate=1", timeout=20) as reply:
        return json.load(reply)["seconds"]


def total(rows, key):
    return sum(row[key] for row in rows)


def well(rows):
    """Requests that were not refused."""
    return total(rows, "requests") - total(rows, "refused")


def share_of(rows, rate):
    """What was let in, as a part of what the rate (a second) allows."""
    return well(rows) / (len(rows) * rate)


def refused_part(rows):
    return total(rows, "refused") / max(1, total(rows, "requests"))


def tell(name, rows, rate):
    print(f"# {name}: {len(rows)} s, {share_of(rows, rate):.3f} of the rate, "
          f"{100 * refused_part(rows):.1f} % answered 429")


def run_at_limit(rig, length, skip, *options):
    """Keeps a daemon busy against a limited mock for so many seconds; what each but the first saw."""
    mock = rig.mock("--latency", "1s", "--rpm", "600", "--burst", "10", "--max-concurrent", "16",
                    *options)
    rig.configure(mock, HALT_NEVER)
    rig.spool.drop_list(numbered(0, 12 * length + 100))
    daemon = rig.daemon()
    until(lambda: mock.requests() > 0, "the first request")
    time.sleep(length)
    rows = seconds(mock)
    daemon.kill()
    first = next(i for i, row in enumerate(rows) if row["requests"] > 0)
    return rows[first + skip:first + length]


@scenario
def told(rig: Rig):
    """A limit that headers tell is used in full and hardly ever met."""
    rows = run_at_limit(rig, 120 if LONG else 15, 0 if LONG else 2)
    tell("600 a minute, told by headers", rows, 10)
    expect(share_of(rows, 10) >= (0.95 if LONG else 0.85), "the rate is not used")
    expect(refused_part(rows) < (0.02 if LONG else 0.05), "too many 429")


@scenario
def found(rig: Rig):
    """A limit that nothing tells is found."""
    rows = run_at_limit(rig, 120 if LONG else 20, 0 if LONG else 5, "--no-rate-headers")
    tell("600 a minute, found", rows, 10)
    expect(share_of(rows, 10) >= (0.85 if LONG else 0.7), "the rate is not used")
    expect(refused_part(rows) < (0.05 if LONG else 0.15), "too many 429")


@scenario
def moving(rig: Rig):
    """A limit that is halved and doubled in mid-run is found again within 20 s."""
    mock = rig.mock("--latency", "200ms", "--rpm", "1200", "--burst", "10", "--no-rate-headers")
    rig.configure(mock, HALT_NEVER)
    rig.spool.drop_list(numbered(0, 3000))
    daemon = rig.daemon()
    until(lambda: mock.requests() > 0, "the first request")
    time.sleep(20)
    for name, rpm in (("halved", 600), ("doubled", 1200)):
        mock.configure(rpm=rpm)
        before = len(seconds(mock))
        time.sleep(20)
        found_at = len(seconds(mock))
        time.sleep(10)
        rows = seconds(mock)[found_at - 1:found_at + 9]
        tell(f"{name} to {rpm} a minute, {found_at - before} s later", rows, rpm / 60)
        expect(share_of(rows, rpm / 60) >= 0.8, f"{name}: not found again")
        expect(refused_part(rows) < 0.1, f"{name}: too many 429")
    daemon.kill()


@scenario
def silent(rig: Rig):
    """A local server with two slots and a silent queue is kept busy and never made to time out."""
    latency, jobs = (10, 200) if LONG else (0.4, 60)
    mock = rig.mock("--latency", f"{int(latency * 1000)}ms", "--slots", "2")
    rig.configure(mock, "", f'    first_byte_timeout = "{int(latency * 60000)}ms"')
    rig.spool.drop_list(numbered(0, jobs))
    start = time.monotonic()
    rig.until_empty() if not LONG else wait_long(rig, latency * jobs)
    took = time.monotonic() - start
    rig.completed()
    busy = latency * jobs / 2 / took
    print(f"# two silent slots of {latency} s: busy {100 * busy:.1f} % of the time")
    expect(busy > (0.95 if LONG else 0.8), "the slots were not kept busy")
    equal(mock.requests(), jobs, "requests: none timed out")


def wait_long(rig, bound):
    daemon = rig.daemon("--until-empty", "--patience", "60s", wait=False)
    equal(daemon.wait(bound), 0, "exit code")


@scenario
def outage(rig: Rig):
    """In an outage few requests leave and no job fails; afterwards the full rate is there at once."""
    length, jobs = (60, 10000) if LONG else (12, 3000)
    mock = rig.mock("--latency", "50ms")
    rig.configure(mock, "concurrency = 20\n", "    max_in_flight = 20")
    rig.spool.drop_list(numbered(0, jobs))
    daemon = rig.daemon()
    until(lambda: mock.requests() > 100, "requests before the outage")
    time.sleep(3)
    usual = max(row["requests"] for row in seconds(mock)[:-1])
    mock.configure(fault={"500": 1})
    begin = len(seconds(mock))
    time.sleep(length)
    mock.configure(fault={})
    end = len(seconds(mock))
    time.sleep(6)
    rows = seconds(mock)
    during = rows[begin + 1:end - 1]
    after = rows[end:end + 5]
    print(f"# usually {usual}/s; in the outage {total(during, 'requests') / len(during):.2f}/s; "
          f"after it {[row['requests'] for row in after]}")
    expect(total(during, "requests") <= max(1, 0.1 * usual) * len(during) + 2,
           "too many requests in the outage")
    expect(max(row["requests"] for row in after) >= 0.8 * usual, "not at full rate within 5 s")
    equal(rig.spool.jobs("failed"), set(), "failed jobs")
    daemon.kill()


@scenario
def configured(rig: Rig):
    """A configured rate is kept from the first request on, also over a restart."""
    mock = rig.mock("--latency", "20ms")
    rig.configure(mock, HALT_NEVER, "    rpm = 600")
    rig.spool.drop_list(numbered(0, 600))
    daemon = rig.daemon()
    until(lambda: mock.requests() > 0, "the first request")
    time.sleep(5)
    daemon.kill()
    daemon = rig.daemon()
    time.sleep(5)
    daemon.kill()
    count = mock.requests()
    print(f"# {count} requests in 10 s at 600 a minute")
    expect(80 <= count <= 130, f"{count} requests in 10 s at 600 a minute")


@scenario
def newcomer(rig: Rig):
    """Of a user with very many waiting jobs and one with one, the one is sent within 5 dispatches."""
    mock = rig.mock("--latency", "30ms")
    rig.configure(mock, "concurrency = 2\n", "    max_in_flight = 2")
    rig.spool.drop_list(numbered(0, 100000 if LONG else 3000, user="batch"))
    daemon = rig.daemon()
    until(lambda: mock.requests() > 50, "the batch under way", 120)
    one = rig.spool.drop({"model": "m", "prompt": "Just this", "user": "one"})
    until(lambda: any(e["id"] == one for e in rig.spool.events("started")), "the newcomer's turn")
    accepted = next(e for e in rig.spool.events("accepted") if e["id"] == one)
    started = rig.spool.events("started")
    since = [e["id"] for e in started if e["time"] >= accepted["time"]]
    print(f"# sent after {since.index(one)} others")
    expect(since.index(one) <= 5, f"{since.index(one)} others went before")
    daemon.kill()


@scenario
def bounded_user(rig: Rig):
    """A user's max_in_flight and max_waiting hold for him alone."""
    mock = rig.mock("--latency", "100ms")
    rig.configure(mock, 'user "slow" {\n    max_in_flight = 1\n    max_waiting = 20\n'
                  '    models = {"m"}\n}\n', "    max_in_flight = 8")
    daemon = rig.daemon()
    rig.spool.drop_list(numbered(0, 20, user="slow") + numbered(100, 20, user="quick"))
    until(lambda: len(rig.spool.jobs("done")) >= 20, "the quick ones")
    users = [rig.spool.json("done", n)["user"] for n in rig.spool.outputs()]
    expect(users.count("slow") <= 8, f"{users.count('slow')} of the bounded user in the meantime")
    for i in range(40):
        rig.spool.put(json.dumps({"model": "m", "prompt": f"more {i}", "user": "slow"}))
    rig.spool.put(json.dumps({"model": "other", "prompt": "not mine", "user": "slow"}))
    reasons = lambda: [rig.spool.json("failed", n)["reason"]
                       for n in rig.spool.names("failed", ".error.json")]
    until(lambda: "model_not_allowed" in reasons(), "a model that he may not ask is refused")
    until(lambda: "too_many_waiting" in reasons(), "more than he may have waiting is refused")
    daemon.kill()


if __name__ == "__main__":
    run_scenario()
