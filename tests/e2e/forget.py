#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""forget: jobs removed for good: from done/ and failed/, from archives, from runs. The volumes are those of
volumes.py."""
import json
import os
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import (BUILD, LONG, Spool, equal, expect, preload, run_scenario, scenario,  # noqa: E402
                 seed, until, sweep_of_kills)
from volumes import Job, Volume, completed, failed, line, write_ids  # noqa: E402

PROGRAM = os.path.join(BUILD, "llmspool-ctl")
ARCHIVE = os.path.join(BUILD, "llmspool-archive")
FIRST = "2025/11/llmspool-h-20251130-20251130-1"
SECOND = "2025/11/llmspool-h-20251130-20251130-2"
THIRD = "2025/11/llmspool-h-20251130-20251130-3"
MARK = "SECRET"  # in all that is said of a job that is to be forgotten


def forget(spool, *words, code=0, **options):
    """Runs llmspool-ctl forget; returns what it printed, and what it said."""
    result = subprocess.run([PROGRAM, "-s", spool.path, "forget", *words], capture_output=True,
                            text=True, timeout=120, check=False, stdin=subprocess.DEVNULL, **options)
    codes = code if isinstance(code, tuple) else (code,)
    expect(result.returncode in codes,
           f"{words}: exit code {result.returncode}\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")
    return result.stdout, result.stderr


def secret(number, versions=1, user="ann"):
    """A job that says MARK wherever a job can say something."""
    name = f"n-{MARK}-{number}"
    job = completed(number, versions, prompt=f"{MARK} question {number}", name=name, user=user,
                    metadata={"who": f"{MARK} {number}"})
    for record in job.records:
        record["names"] = [name]
    return Job(job.document, job.records)


def put(spool, job):
    """Lays a finished job into the spool."""
    for name, data in job.files:
        with open(spool.at(*name.split("/")), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
    if job.folder == "done" and "name" in job.document:
        os.symlink(f"../done/{job.id}.v{job.newest['version']}.json",
                   spool.at("by-name", job.document["name"]))


def manifest(spool, run, jobs):
    os.makedirs(spool.at("runs", run), mode=0o700, exist_ok=True)
    with open(spool.at("runs", run, "manifest.jsonl"), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        for number, job in enumerate(jobs):
            more = {key: job.document[key] for key in ("metadata", "name") if key in job.document}
            file.write(line({"position": number, "id": job.id, **more}))


def everything(spool):
    """All bytes of a spool by their paths, what is compressed also as it is without."""
    found = {}
    for folder, _, names in os.walk(spool.path):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, spool.path)] = name.encode()
            if os.path.islink(path):
                continue
            with open(path, "rb") as file:
                data = file.read()
            found[os.path.relpath(path, spool.path)] += data
            if name.endswith(".zst"):
                found[os.path.relpath(path, spool.path)] += subprocess.run(
                    ["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
    return found


def expect_forgotten(spool, jobs):
    """Nothing of it is left but tombstones, IDs and what events say."""
    for path, data in everything(spool).items():
        expect(MARK.encode() not in data, f"{path} still tells of what was forgotten")
        for job in jobs:
            expect(job.id.encode() not in data or path.startswith("events/") or
                   path in ("archive/forgotten.jsonl", "runs/r/manifest.jsonl"),
                   f"{path} still has {job.id}")
    stones = {text["id"] for text in spool.lines("archive", "forgotten.jsonl")}
    expect({job.id for job in jobs} <= stones, "tombstones")
    expect(all(set(text) == {"id", "time"} for text in spool.lines("archive", "forgotten.jsonl")),
           "a tombstone has content")


def expect_kept(spool, archived, lying):
    """The others are where they were, byte by byte, and the archive is whole."""
    result = subprocess.run([ARCHIVE, "verify", "-s", spool.path], capture_output=True, text=True,
                            check=False, timeout=60)
    equal((result.returncode, result.stdout), (0, ""), "verify")
    result = subprocess.run([ARCHIVE, "cat", "-s", spool.path], capture_output=True, text=True,
                            check=True, timeout=60)
    lines = [json.loads(text) for text in result.stdout.splitlines()]
    equal(len(lines), len(archived), "archived jobs")
    equal({unit["id"]: unit.get("outputs") or [unit["error"]] for unit in lines},
          {job.id: job.records for job in archived}, "what is archived")
    for job in archived:  # by archive/ids
        kind = "--job" if job.folder == "failed" else "--json"
        found = subprocess.run([ARCHIVE, "get", "-s", spool.path, kind, job.id],
                               capture_output=True, text=True, check=False, timeout=60)
        expect(found.returncode == 0 and "indexes" not in found.stderr,
               f"get {job.id}: {found.stderr}")
    for job in lying:
        for name, data in job.files:
            with open(spool.at(*name.split("/")), "rb") as file:
                expect(file.read() == data, f"{name} is another")
    expect(sorted(spool.names("done") + spool.names("failed")) ==
           sorted(os.path.basename(name) for job in lying for name, _ in job.files),
           "other files in done/ and failed/")
    # A name that is being removed is moved aside first: a kill may leave that link, which leads nowhere.
    equal([name for name in spool.names("tmp") if not os.path.islink(spool.at("tmp", name))], [],
          "tmp/")


class World:
    """Three volumes, units, a run; of the jobs the marked ones are to go."""

    def __init__(self, spool, count=6):
        others = [completed(i, 1 + i % 3, user="eve") for i in range(3 * count)]
        self.marked = [secret(100 + i, 1 + i % 2) for i in range(6)]
        volumes = [(FIRST, others[:count] + self.marked[:3] + [failed(1)]),
                   (SECOND, self.marked[1:4]),
                   (THIRD, others[count:2 * count])]
        filled = []
        for stem, jobs in volumes:
            volume = Volume(jobs, frame_size=4096)
            filled.append((stem, volume, volume.write(spool.at("archive"), stem)))
        write_ids(spool.at("archive"), filled)
        self.lying = others[2 * count:]
        self.archived = others[:2 * count] + [failed(1)]
        for job in self.marked[3:] + self.lying:  # [3] lies there and is archived
            put(spool, job)
        self.run = [others[-1], *self.marked, others[0]]
        manifest(spool, "r", self.run)
        self.words = ["--yes", *[job.id for job in self.marked]]

    def expect_done(self, spool):
        expect_forgotten(spool, self.marked)
        expect_kept(spool, self.archived, self.lying)
        equal(spool.names("by-name"), [], "by-name/")
        lines = spool.lines("runs", "r", "manifest.jsonl")
        equal([(text["position"], text["id"]) for text in lines],
              [(i, job.id) for i, job in enumerate(self.run)], "places of the run")


@scenario
def whole(rig):
    """Everything of the jobs goes, everything of the others stays."""
    world = World(rig.spool)
    before = everything(rig.spool)
    text, _ = forget(rig.spool, "--dry-run", *world.words)
    equal(len(text.splitlines()), 6, "lines of --dry-run")
    equal(everything(rig.spool), before, "--dry-run changes nothing")
    text, words = forget(rig.spool, *world.words)
    expect("6 jobs forgotten: 3 from the spool, archived copies: 6 (volumes rewritten: 1, removed: 1), "
           "lines of runs: 6" in words, words)
    world.expect_done(rig.spool)
    equal({event["id"] for event in rig.spool.events("forgotten")},
          {job.id for job in world.marked}, "events")
    names = sorted(name for _, _, files in os.walk(rig.spool.at("archive", "2025"))
                   for name in files if name.endswith(".tar.zst"))
    equal(names, ["llmspool-h-20251130-20251130-3.tar.zst",
                  "llmspool-h.r1-20251130-20251130-1.tar.zst"], "volumes")
    # Once more: they are known, and nothing is left to do.
    before = everything(rig.spool)
    _, words = forget(rig.spool, *world.words)
    expect("0 from the spool, archived copies: 0" in words, words)
    _, words = forget(rig.spool, "--yes", world.archived[0].id)
    expect("volumes rewritten: 1" in words, words)
    expect(os.path.exists(rig.spool.at("archive", FIRST.replace("h-", "h.r2-") + ".tar.zst")),
           "the second rewriting")


@scenario
def selected(rig):
    """Each finished job of a user, wherever it is; by name and by first digits, too."""
    marked = [secret(i, user="bob") for i in range(5)]
    others = [completed(i, user="eve") for i in range(10, 16)]
    volume = Volume([*marked[:2], *others[:3], failed(3)])
    write_ids(rig.spool.at("archive"), [(FIRST, volume, volume.write(rig.spool.at("archive"), FIRST))])
    for job in [*marked[2:], *others[3:], failed(4)]:
        put(rig.spool, job)
    text, _ = forget(rig.spool, "--json", "--dry-run", "--user", "bob")
    equal({json.loads(row)["id"] for row in text.splitlines()},
          {job.id for job in [*marked, failed(3), failed(4)]}, "jobs of bob")
    forget(rig.spool, "--yes", marked[0].document["name"])  # archived only
    forget(rig.spool, "--yes", marked[2].document["name"])
    forget(rig.spool, "--yes", marked[3].id[:12])
    equal(len(rig.spool.lines("archive", "forgotten.jsonl")), 3, "tombstones")
    forget(rig.spool, "--yes", "--user", "bob")
    expect_forgotten(rig.spool, [*marked, failed(3), failed(4)])
    expect_kept(rig.spool, others[:3], others[3:])
    _, words = forget(rig.spool, "--yes", "--user", "bob")
    equal(words, "", "nothing is left of bob")


@scenario
def refused(rig):
    """What waits, what is unclear, what nobody said yes to."""
    job = completed(1)
    put(rig.spool, job)
    waiting = rig.spool.put(line({"model": "m", "prompt": "later"}), folder="new")
    expect(waiting is not None, "dropped")
    other = completed(2)
    with open(rig.spool.at("cur", f"{other.id}.json"), "wb") as file:
        file.write(other.files[0][1])
    before = everything(rig.spool)
    _, words = forget(rig.spool, "--yes", other.id, code=1)
    expect("cancel it first" in words, words)
    _, words = forget(rig.spool, job.id, code=64)
    expect("--yes" in words, words)
    forget(rig.spool, "--yes", "ALL", code=64)
    forget(rig.spool, "--yes", code=64)
    forget(rig.spool, "--yes", job.id, "--user", "ann", code=64)
    forget(rig.spool, "--yes", f"{job.id}@v1", code=64)
    forget(rig.spool, "--yes", "0" * 64, code=69)
    forget(rig.spool, "--yes", "nobody", code=69)
    after = {path: data for path, data in everything(rig.spool).items() if path != "archive/lock"}
    equal(after, before, "nothing changed")
    _, words = forget(rig.spool, "--yes", "--user", "ann", code=1)
    expect("cancel it first" in words and "1 job forgotten" in words, words)


@scenario
def another_at_work(rig):
    """Who writes in archive/ is waited for by the person, a volume that is damaged is told."""
    world = World(rig.spool)
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, struct, sys, time\n"
         f"f = open({rig.spool.at('archive', 'lock')!r}, 'w')\n"
         "fcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))\n"
         "print('locked', flush=True); time.sleep(60)"], stdout=subprocess.PIPE, text=True)
    equal(holder.stdout.readline(), "locked\n", "the lock")
    forget(rig.spool, *world.words, code=75)
    holder.kill()
    holder.wait()
    expect(not os.path.exists(rig.spool.at("archive", "forgotten.jsonl")), "tombstones")
    path = rig.spool.at("archive", FIRST + ".tar.zst")
    with open(path, "rb") as file:
        good = file.read()
    with open(path, "wb") as file:
        file.write(good[:-400])
    _, words = forget(rig.spool, *world.words, code=1)
    expect("still has 3 of the jobs" in words, words)
    with open(path, "wb") as file:
        file.write(good)
    _, words = forget(rig.spool, "--yes", world.marked[0].id)
    expect("2 of them by an earlier call" in words, words)
    world.expect_done(rig.spool)


def struck(rig, words, fault):
    """A forgetting in a fresh copy of the spool that meets a fault; its end, and the copy."""
    path = os.path.join(rig.folder, "copy")
    shutil.rmtree(path, ignore_errors=True)
    spool = Spool.copy(rig.spool, path)
    result = subprocess.run([PROGRAM, "-s", path, "forget", *words], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False, timeout=120,
                            env={**os.environ, **preload(fault)})
    return result, spool


def calls(rig, words, call):
    """How many calls of a kind a forgetting has."""
    low, high = 0, 1
    while struck(rig, words, f"{call}:KILL:{high}")[0].returncode != 0:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if struck(rig, words, f"{call}:KILL:{middle}")[0].returncode != 0:
            low = middle
        else:
            high = middle
    return low


def strike(rig, world, call, what, k):
    """Forgets, struck at the k-th call, and once more."""
    result, spool = struck(rig, world.words, f"{call}:{what}:{k}")
    if what in ("KILL", "AFTER"):
        equal(result.returncode, -9, f"{call} {k}: {result.stderr}")
    else:
        expect(result.returncode in (0, 1, 71) and "Sanitizer" not in result.stderr,
               f"{what} at {call} {k}: {result.returncode} {result.stderr}")
    # Whoever comes next to archive/ meets what is left, and keeps nothing of it.
    if k % 3 != 0:
        words = ["create", "--older-than", "36500d"] if k % 3 == 1 else ["reindex"]
        subprocess.run([ARCHIVE, words[0], "-s", spool.path, *words[1:]], capture_output=True,
                       check=False, timeout=120)
    # What can be found of the jobs without their names is: another forgetting finishes the first. A volume
    # half removed is told on the way.
    forget(spool, *(world.words if k % 2 else ["--yes", "--user", "nobody"]), code=(0, 1))
    if not os.path.exists(spool.at("archive", "forgotten.jsonl")) or \
            not spool.lines("archive", "forgotten.jsonl")[5:]:
        forget(spool, *world.words)  # it had not begun
    try:
        world.expect_done(spool)
    except Exception:
        print(f"struck by {what} at {call} {k}")
        raise


def strike_all(rig, kinds, whats, step):
    world = World(rig.spool, 2)
    chance = seed()
    count = 0
    step = 1 if LONG or os.environ.get("ALL_KILLS") else step
    for call in kinds:
        last = calls(rig, world.words, call)
        for what in whats:
            for k in range(1 + chance.randrange(step), last + 1, step):
                strike(rig, world, call, what, k)
                count += 1
    print(f"struck {count} times")
    expect(count > 0, "nothing was struck")


CALLS = ("write", "fsync", "openat", "renameat", "renameat2", "unlinkat", "fchmod")


@scenario
def killed(rig):
    """Killed at a call, then called again: as if it had never been killed."""
    sweep_of_kills()
    strike_all(rig, CALLS, ("KILL", "AFTER"), 4)


@scenario
def faults(rig):
    """A call that fails is told, and the next forgetting finishes."""
    strike_all(rig, CALLS, ("EIO", "ENOSPC"), 5)


@scenario
def beside_the_daemon(rig):
    """llmspoold appends to the manifest of a run while what it says is taken out of it."""
    mock = rig.mock()
    rig.configure(mock)
    daemon = rig.daemon()
    known = [secret(i) for i in range(40)]
    spool = rig.spool
    manifest(spool, "r", known)
    stop = threading.Event()

    def forget_some():
        for job in known:
            if not stop.is_set():
                forget(spool, "--yes", job.id)

    thread = threading.Thread(target=forget_some)
    thread.start()
    total = len(known)
    for part in range(30):
        jobs = [{"model": "m", "prompt": f"part {part} number {i}"} for i in range(5)]
        header = {"run": "r", "first": total}
        spool.put(b"".join(line(value) for value in [header, *jobs]), name=f"part-{part}.jsonl")
        total += len(jobs)
        until(lambda: f"part-{part}.jsonl" not in spool.names("new"), "the list is taken")
    thread.join()
    daemon.stop()
    lines = spool.lines("runs", "r", "manifest.jsonl")
    equal([text["position"] for text in lines], list(range(total)), "positions")
    equal([text["id"] for text in lines[:len(known)]], [job.id for job in known], "IDs")
    expect(not any("name" in text or "metadata" in text for text in lines[:len(known)]),
           "what was forgotten")


if __name__ == "__main__":
    run_scenario()
