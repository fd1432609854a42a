# SPDX-License-Identifier: GPL-2.0-or-later
"""watching: without hints, and without anybody to ask: jobs wait, are told why, and go on."""
import os
import signal
import socket

from rig import LONG, Skip, equal, expect, numbered, run_scenario, scenario, until

THOUSAND = 1000


def until_done(rig, seconds=60):
    until(lambda: len(rig.spool.jobs("done")) == len(rig.spool.dropped), "all jobs", seconds)


def drop_thousand(rig):
    rig.spool.drop_list(numbered(0, THOUSAND))


def until_reason(rig, words):
    until(lambda: any(words in reason["reason"] for reason in rig.spool.status()["reasons"]),
          lambda: f"{words!r} among {rig.spool.status()['reasons']}")


def nothing_failed(rig):
    equal(rig.spool.jobs("failed"), set(), "failed/")
    equal(len(rig.spool.jobs("cur")), THOUSAND, "jobs in cur/")


@scenario
def without_inotify(rig):
    rig.mock()
    daemon = rig.daemon(environment={"LLMSPOOL_NO_INOTIFY": "1"})
    expect(daemon.says("no inotify"), "nobody is told")
    for job in numbered(0, 20):
        rig.spool.drop(job)
    until_done(rig)


@scenario
def overflowed(rig):
    path = "/proc/sys/fs/inotify/max_queued_events"
    if os.geteuid() != 0:
        raise Skip("lowering max_queued_events needs root")
    with open(path, encoding="ascii") as file:
        before = file.read()
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write("16")
    except OSError as problem:
        raise Skip(f"{path}: {problem}") from None
    try:
        rig.mock()
        daemon = rig.daemon()
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(before)
    daemon.send(signal.SIGSTOP)
    for job in numbered(0, 300):
        rig.spool.drop(job)
    daemon.send(signal.SIGCONT)
    until_done(rig, 30)  # well below the minute's scan


@scenario
def watch_removed(rig):
    if not LONG:
        raise Skip("waits for the minute's scan: --long")
    rig.mock()
    daemon = rig.daemon()
    os.rename(rig.spool.at("new"), rig.spool.at("new.away"))
    os.rename(rig.spool.at("new.away"), rig.spool.at("new"))
    for job in numbered(0, 20):
        rig.spool.drop(job)
    until_done(rig, 90)
    daemon.stop()


@scenario
def wrong_key(rig):
    rig.mock("--key", "the-right-key")
    os.environ["RIG_KEY"] = "unused"
    key_file = os.path.join(rig.folder, "key")
    with open(key_file, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write("the-wrong-key\n")
    rig.conf = os.path.join(rig.folder, "llmspoold.conf")
    with open(rig.conf, "w", encoding="utf-8") as file:
        file.write(f'provider "openai" {{\n    url = "{rig.mocks[-1].url}/v1"\n'
                   f'    key_file = "{key_file}"\n}}\n')
    daemon = rig.daemon()
    drop_thousand(rig)
    until_reason(rig, "key refused (401)")
    until(lambda: len(rig.spool.jobs("cur")) == THOUSAND, "the list to be taken")
    nothing_failed(rig)
    with open(key_file, "w", encoding="ascii") as file:
        file.write("the-right-key\n")
    daemon.send(signal.SIGHUP)
    until_done(rig)
    daemon.stop()
    rig.judge()


@scenario
def unknown_model(rig):
    mock = rig.mock("--models", "other-*")
    daemon = rig.daemon()
    drop_thousand(rig)
    until_reason(rig, "model not found (404)")
    until(lambda: len(rig.spool.jobs("cur")) == THOUSAND, "the list to be taken")
    nothing_failed(rig)
    mock.configure(models="*")
    daemon.send(signal.SIGHUP)
    until_done(rig)
    daemon.stop()
    rig.judge()


@scenario
def no_provider(rig):
    mock = rig.mock()
    rig.configure(None)
    daemon = rig.daemon()
    drop_thousand(rig)
    until_reason(rig, "no provider for m")
    until(lambda: len(rig.spool.jobs("cur")) == THOUSAND, "the list to be taken")
    nothing_failed(rig)
    rig.configure(mock)
    daemon.send(signal.SIGHUP)
    until_done(rig)
    equal(mock.requests(), THOUSAND, "requests")


@scenario
def nobody_listens(rig):
    mock = rig.mock()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    real, mock.url = mock.url, f"http://127.0.0.1:{port}"
    rig.configure(mock)
    daemon = rig.daemon()
    drop_thousand(rig)
    until_reason(rig, "cannot connect")
    until(lambda: len(rig.spool.jobs("cur")) == THOUSAND, "the list to be taken")
    nothing_failed(rig)
    mock.url = real
    rig.configure(mock)
    daemon.send(signal.SIGHUP)
    until_done(rig)
    equal(mock.requests(), THOUSAND, "requests")
    rig.judge(exact=True)


if __name__ == "__main__":
    run_scenario()
