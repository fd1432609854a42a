# SPDX-License-Identifier: GPL-2.0-or-later
"""stop: how a daemon leaves, is told to go on, and is kept from a spool that another owns."""
import json
import os
import signal
import time

from rig import Daemon, equal, expect, numbered, run_scenario, scenario, until


def marked(rig):
    return [name for name in rig.spool.names("cur", ".json")
            if len(name) == 69 and os.stat(rig.spool.at("cur", name)).st_mode & 0o100]


def hanging(rig, count=3, **more):
    """A daemon with so many requests in flight that will never be answered."""
    mock = rig.mock()
    for i in range(count):
        rig.spool.drop({"model": "m", "prompt": f"[[mock:hang,times=1]] {i}", **more})
    daemon = rig.daemon("--drain-timeout", "300ms")
    until(lambda: mock.requests() == count, "the requests")
    return daemon


@scenario
def finishes_in_flight(rig):
    rig.mock("--latency", "300ms")
    for job in numbered(0, 200):
        rig.spool.drop(job)
    daemon = rig.daemon("-j", "20")
    until(lambda: rig.spool.names("done"), "the first outputs")
    daemon.stop()
    equal(marked(rig), [], "marks after a stop")
    expect(not daemon.says("in doubt"), "a doubt after a stop that had time")
    rig.until_empty()
    equal(rig.mocks[-1].requests(), 200, "requests")
    rig.judge(exact=True)


@scenario
def bound_reached(rig):
    daemon = hanging(rig)
    daemon.send(signal.SIGTERM)
    equal(daemon.wait(), 0, "exit code")
    expect(daemon.says("stopped with 3 requests not finished"), "nobody was told how many")
    equal(len(marked(rig)), 3, "marks")
    rig.until_empty()
    equal(len(rig.spool.events("doubt")), 3, "doubts")
    expect(not os.path.exists(rig.spool.at("state", "crashes.json")), "a stop was taken for a crash")
    rig.judge(exact=True)


@scenario
def interrupted_twice(rig):
    mock = rig.mock()
    rig.spool.drop({"model": "m", "prompt": "[[mock:hang,times=1]] x"})
    daemon = rig.daemon()
    until(lambda: mock.requests() == 1, "the request")
    daemon.send(signal.SIGINT)
    daemon.until_says("stopping")
    daemon.send(signal.SIGINT)
    equal(daemon.wait(20), 0, "exit code")
    equal(len(marked(rig)), 1, "marks")


@scenario
def empty_codes(rig):
    mock = rig.mock()
    rig.configure(mock)
    rig.until_empty(code=0)
    rig.spool.drop({"model": "m", "prompt": "[[mock:400]] bad"})
    rig.until_empty(code=1)
    rig.spool.drop({"model": "m", "prompt": "good"})
    rig.until_empty(code=0)
    rig.spool.drop({"model": "m", "prompt": "much later", "delay": "1d"})
    rig.until_empty(code=75)
    rig.spool.drop({"model": "m", "provider": "nobody", "prompt": "for nobody"})
    rig.until_empty(code=75, patience="300ms")
    equal(len(rig.spool.jobs("cur")), 2, "jobs that are left")


@scenario
def bad_configuration(rig):
    mock = rig.mock()
    rig.configure(mock)
    daemon = rig.daemon()
    with open(rig.conf, "a", encoding="utf-8") as file:
        file.write("concurency = 3\n")
    daemon.send(signal.SIGHUP)
    daemon.until_says("the new configuration is refused, the old one stays")
    expect(daemon.says("concurrency"), "the nearest setting is not named")
    job = rig.spool.drop({"model": "m", "prompt": "still served"})
    until(lambda: job in rig.spool.jobs("done"), "the job")
    daemon.stop()


@scenario
def poison(rig):
    mock = rig.mock()
    job = rig.spool.drop({"model": "m", "prompt": "[[mock:hang]] kills"})
    for round_number in range(4):
        daemon = rig.daemon()
        until(lambda n=round_number: mock.requests() == n + 1, "the request")
        daemon.kill()
    daemon = rig.daemon()
    until(lambda: rig.spool.status()["counts"].get("held") == 1, "the hold")
    equal(rig.spool.json("cur", f"{job}.state.json")["hold"], "poison", "hold")
    other = rig.spool.drop({"model": "m", "prompt": "harmless"})
    until(lambda: other in rig.spool.jobs("done"), "another job")
    mock.configure(answer="echo")
    rig.spool.order("cancel", job)
    until(lambda: job in rig.spool.jobs("failed"), "the cancelled job")
    daemon.stop()
    rig.judge()


@scenario
def held_on_doubt(rig):
    mock = rig.mock()
    job = rig.spool.drop({"model": "m", "prompt": "[[mock:hang,times=1]] dear", "on_doubt": "hold"})
    daemon = rig.daemon()
    until(lambda: mock.requests() == 1, "the request")
    daemon.kill()
    daemon = rig.daemon()
    until(lambda: rig.spool.status()["counts"].get("held") == 1, "the hold")
    equal(mock.requests(), 1, "requests while it is held")
    rig.spool.order("release", job)
    until(lambda: job in rig.spool.jobs("done"), "the released job")
    daemon.stop()
    rig.judge(exact=True)


@scenario
def one_owner(rig):
    mock = rig.mock()
    starters = [Daemon(rig.spool, mock=mock, wait=False) for _ in range(8)]
    rig.daemons += starters
    for job in numbered(0, 50):
        rig.spool.drop(job)
    until(lambda: len(rig.spool.jobs("done")) == 50, "all jobs")
    until(lambda: sum(d.process.poll() is not None for d in starters) >= 7, "the others' leaving")
    codes = [d.process.poll() for d in starters]
    equal(sorted(str(code) for code in codes), ["75"] * 7 + ["None"], "exit codes of 8 starters")
    equal(mock.requests(), 50, "requests")


@scenario
def spool_replaced(rig):
    rig.mock()
    daemon = rig.daemon(environment={"LLMSPOOL_NO_INOTIFY": "1"})
    os.rename(rig.spool.path, rig.spool.path + ".old")
    daemon.until_says("nothing is taken or sent")
    os.rename(rig.spool.path + ".old", rig.spool.path)
    daemon.until_says("the spool is back")
    job = rig.spool.drop({"model": "m", "prompt": "after it came back"})
    until(lambda: job in rig.spool.jobs("done"), "the job")
    os.rename(rig.spool.at("new"), rig.spool.at("new.old"))
    os.mkdir(rig.spool.at("new"))
    equal(daemon.wait(20), 65, "exit code when a folder was replaced")


if __name__ == "__main__":
    run_scenario()
