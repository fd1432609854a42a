# SPDX-License-Identifier: GPL-2.0-or-later
"""disk: no room, and syncs that fail: nothing is lost, nothing paid twice, work goes on by itself."""
import os
import subprocess

from rig import Rig, Skip, Spool, equal, expect, numbered, preload, run_scenario, scenario, until
from checker import Checker


def small_disk(rig, megabytes):
    """Puts the rig's spool on a file system of its own."""
    if os.geteuid() != 0:
        raise Skip("mounting needs root")
    image = os.path.join(rig.folder, "image")
    place = os.path.join(rig.folder, "disk")
    os.mkdir(place)
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    for command in (["mkfs.ext4", "-q", "-F", image], ["mount", "-o", "loop", image, place]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        if done.returncode != 0:
            raise Skip(f"{command[0]}: {done.stderr.strip()}")
    rig.spool = Spool(os.path.join(place, "spool"))
    rig.checker = Checker(rig.spool.path)
    return place


def unmount(rig, place):
    rig.close()
    subprocess.run(["umount", place], check=True, timeout=30)


def fill(place):
    """Leaves no room; returns the file that takes it."""
    path = os.path.join(place, "filler")
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return path


@scenario
def full(rig: Rig):
    place = small_disk(rig, 16)
    try:
        mock = rig.mock("--latency", "150ms")
        rig.configure(mock, 'floor_space = "1MiB"\nfloor_inodes = 10')
        for job in numbered(0, 150):
            rig.spool.drop(job)
        daemon = rig.daemon("-j", "8")
        until(lambda: len(rig.spool.jobs("done")) > 10, "the first outputs")
        filler = fill(place)
        daemon.until_says("nothing is sent: no room")
        os.unlink(filler)
        until(lambda: len(rig.spool.jobs("done")) == 150, "all jobs", 30)
        equal(mock.requests(), 150, "requests")
        daemon.stop()
        rig.judge(exact=True)
    finally:
        unmount(rig, place)


@scenario
def sync_fails(rig: Rig):
    mock = rig.mock()
    for job in numbered(0, 20):
        rig.spool.drop(job)
    for fault in ("fsync:EIO:1", "fsync:EIO:2", "fdatasync:EIO:1", "renameat2:EIO:12"):
        for job in numbered(len(rig.spool.dropped), 10):
            rig.spool.drop(job)
        rig.until_empty(environment=preload(fault))
        equal(mock.requests(), len(rig.spool.dropped), f"requests after {fault}")
    rig.completed()
    rig.judge(exact=True)


@scenario
def sync_fails_for_long(rig: Rig):
    mock = rig.mock()
    daemon = rig.daemon(environment=preload("fsync:EIO:1+"))
    jobs = [rig.spool.drop(job) for job in numbered(0, 5)]
    daemon.until_says("its record cannot be written, trying again")
    expect(not rig.spool.jobs("done"), "a job is done whose output could not be synced")
    until(lambda: mock.requests() == 5, lambda: f"5 requests: {mock.requests()}")
    daemon.kill()
    rig.until_empty()
    equal(rig.spool.jobs("done"), set(jobs), "done/")
    rig.judge()


if __name__ == "__main__":
    run_scenario()
