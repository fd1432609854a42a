#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""restore: archives read, verified, searched and brought back; the volumes are those of volumes.py."""
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import killing  # noqa: E402
from rig import BUILD, LONG, PATIENCE, equal, expect, preload, run_scenario, scenario, seed, until  # noqa: E402
from volumes import (Job, Volume, completed, entry, failed, header, line, milliseconds,  # noqa: E402
                     output, rfc3339, sha256, write_ids)

PROGRAM = os.path.join(BUILD, "llmspool-archive")
STEM = "2025/11/llmspool-h-20251130-20251130-1"
BEGIN = 1764500000000


def archive(rig, *words, code=0, **options):
    """Runs llmspool-archive; returns what it printed, and what it said."""
    result = subprocess.run([PROGRAM, words[0], "-s", rig.spool.path, *words[1:]],
                            capture_output=True, text=True, timeout=300, check=False, **options)
    codes = code if isinstance(code, tuple) else (code,)
    expect(result.returncode in codes,
           f"{words}: exit code {result.returncode}\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")
    return result.stdout, result.stderr


def fill(rig, jobs, stem=STEM, ids=True, **hooks):
    """Makes a volume in the rig's archive, known to archive/ids."""
    volume = Volume(jobs, **hooks)
    lines = volume.write(rig.spool.at("archive"), stem)
    rig.filled = getattr(rig, "filled", []) + [(stem, volume, lines)]
    if ids:
        write_ids(rig.spool.at("archive"), rig.filled)
    return volume


def expect_job(rig, job):
    """A job lies in the spool byte by byte, with the spool's mode."""
    for name, data in job.files:
        path = rig.spool.at(*name.split("/"))
        with open(path, "rb") as file:
            expect(file.read() == data, f"{name} is another")
        equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, f"mode of {name}")


def tree(spool):
    found = {}
    for folder in ("done", "failed", "by-name", "tmp", "cur", "new"):
        for name in os.listdir(spool.at(folder)):
            path = spool.at(folder, name)
            if os.path.islink(path):
                found[f"{folder}/{name}"] = os.readlink(path)
            else:
                with open(path, "rb") as file:
                    found[f"{folder}/{name}"] = (sha256(file.read()), os.stat(path).st_mode,
                                                 os.stat(path).st_mtime)
    return found


def empty(spool):
    for folder in ("done", "failed", "by-name"):
        for name in os.listdir(spool.at(folder)):
            os.unlink(spool.at(folder, name))


def clean(rig):
    problems = rig.checker.judge(rig.spool.dropped)
    expect(not problems, "\n  ".join(problems[:20]))


# --- what is good -----------------------------------------------------------------------------------

@scenario
def round_trip(rig):
    count = 10000 if LONG else 600
    jobs = [completed(i, 1 + i % 5, size=i % 700, name=f"n-{i}") for i in range(count)]
    jobs += [failed(i) for i in range(count // 20)]
    fill(rig, jobs)
    equal(archive(rig, "verify")[0], "", "findings")
    began = time.monotonic()
    _, words = archive(rig, "restore", "ALL")
    print(f"{len(jobs)} jobs restored in {time.monotonic() - began:.1f} s")
    expect(f"{len(jobs)} jobs" in words and "0 passed over, 0 damaged" in words, words)
    for job in jobs:
        expect_job(rig, job)
    first = jobs[3]
    path = rig.spool.at("done", f"{first.id}.v4.json")
    equal(rfc3339(round(os.stat(path).st_mtime * 1000)), first.newest["times"]["finished"], "mtime")
    equal(os.readlink(rig.spool.at("by-name", "n-3")), f"../done/{first.id}.v4.json", "by-name")
    equal(len(rig.spool.events("restored")), len(jobs), "events")
    clean(rig)
    before = tree(rig.spool)
    _, words = archive(rig, "restore", "ALL")
    expect(f"0 jobs with 0 outputs restored, {len(jobs)} passed over" in words, words)
    equal(tree(rig.spool), before, "a second restore changes nothing")
    empty(rig.spool)
    archive(rig, "restore", "--volume", STEM + ".tar.zst")
    equal(tree(rig.spool), before, "the same tree again")


def put(spool, jobs):
    """Finished jobs as the daemon leaves them, without names."""
    for job in jobs:
        documents = [(job.records[0], "submitted"), *((r, "finished") for r in job.records)]
        for (name, data), (record, moment) in zip(job.files, documents):
            path = spool.at(*name.split("/"))
            with open(path, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(data)
            when = milliseconds(record["times"][moment])
            os.utime(path, ns=(when * 1000000, when * 1000000))


@scenario
def away_and_back(rig):
    """What llmspool-archive puts away and brings back is the same tree."""
    count = 10000 if LONG else 600
    jobs = [completed(i, 1 + i % 5, size=i % 900) for i in range(count)]
    jobs += [failed(i) for i in range(count // 20)]
    put(rig.spool, jobs)
    before = tree(rig.spool)
    archive(rig, "create", "--failed")
    archive(rig, "create", "--state", "completed", code=(0, 1))
    equal(rig.spool.names("done") + rig.spool.names("failed"), [], "what is left")
    equal(archive(rig, "verify")[0], "", "findings")
    rig.spool.dropped = {job.id: job.document for job in jobs}
    clean(rig)
    job = jobs[7]
    equal(archive(rig, "get", job.id[:10])[0], job.newest["output"] + "\n", "get")
    equal(len(archive(rig, "search", "--user", "ann")[0].split()), count, "search")
    archive(rig, "restore", "ALL")
    equal(tree(rig.spool), before, "the tree")
    clean(rig)
    damaged(rig, seed())


def damaged(rig, chance):
    """Some damage to a volume that llmspool-archive wrote."""
    path = next(os.path.join(folder, name)
                for folder, _, names in os.walk(rig.spool.at("archive"))
                for name in sorted(names) if name.endswith(".tar.zst"))
    stem = path[:-len(".tar.zst")]
    for number in range(9 if LONG else 30):  # each is read whole
        suffix = SUFFIXES[number % 3]
        with open(stem + suffix, "rb") as file:
            good = file.read()
        write(stem + suffix, damage(good, chance, number % 5 == 4))
        expect(archive(rig, "verify", path, code=1)[0], f"{suffix}: damage that is not found")
        write(stem + suffix, good)
    equal(archive(rig, "verify")[0], "", "findings at the end")


def again(name, last):
    """Two jobs that were known by a name, of which the one that finished later is the last, or the first,
    in the order of the IDs."""
    jobs = sorted((completed(n, name=name, finished=BEGIN + 10**9) for n in (1200, 1300)),
                  key=lambda job: job.id, reverse=not last)
    for job, later in zip(jobs, (0, 10**7)):
        record = job.records[0]
        record["names"] = [name]
        record["times"]["finished"] = rfc3339(BEGIN + 10**9 + later)
    return [Job(job.document, job.records) for job in jobs]


@scenario
def finding(rig):
    """get, list, search and cat agree with what was archived."""
    jobs = [completed(i, 1 + i % 3, name=f"n-{i}", metadata={"lot": i % 4}) for i in range(60)]
    jobs += [failed(i) for i in range(7)]
    for job in jobs[:60]:
        for record in job.records:
            record["names"] = [job.document["name"]]
    jobs = [Job(job.document, job.records, job.folder) for job in jobs]
    fill(rig, jobs)
    job = jobs[5]
    name = job.document["name"]
    for word in (job.id, job.id[:9], name):
        equal(archive(rig, "get", word)[0], job.newest["output"] + "\n", f"get {word}")
    equal(archive(rig, "get", f"{job.id}@v1")[0], job.records[0]["output"] + "\n", "version 1")
    equal(json.loads(archive(rig, "get", "--json", job.id)[0]), job.newest, "--json")
    equal(json.loads(archive(rig, "get", "--job", job.id)[0]), job.document, "--job")
    equal(archive(rig, "get", "--raw", job.id)[0].encode(), job.files[-1][1], "--raw")
    archive(rig, "get", job.id + "@v9", code=69)
    archive(rig, "get", "0" * 64, code=69)
    archive(rig, "get", jobs[60].id, code=1)
    equal(len(archive(rig, "search", "--user", "bob")[0].split()), 7, "search by user")
    found = archive(rig, "search", "--where", "metadata.lot=3")[0].split()
    equal(sorted(found), sorted(j.id for j in jobs[:60] if j.document["metadata"]["lot"] == 3),
          "search by a field of the index")
    equal(archive(rig, "search", "--where", "prompt=question 17")[0].split(), [jobs[17].id],
          "search by a field of the job")
    equal(archive(rig, "search", "--user", "nobody")[0], "", "search that finds nothing")
    lines = [json.loads(text) for text in archive(rig, "cat")[0].splitlines()]
    equal({unit["id"]: unit.get("outputs") or [unit["error"]] for unit in lines},
          {j.id: j.records for j in jobs}, "cat")
    equal(len(archive(rig, "cat", "--outputs", "--state", "completed")[0].splitlines()),
          sum(len(j.records) for j in jobs[:60]), "cat --outputs")
    row = json.loads(archive(rig, "list", "--json")[0])
    equal((row["jobs"], row["volume"]), (67, STEM), "list")
    equal(len(archive(rig, "list", "--json", STEM)[0].splitlines()), 67, "list of a volume")
    for name, last in (("n-5", True), ("n-6", False)):
        older, newer = again(name, last)
        fill(rig, [older, newer], stem=f"2025/12/llmspool-h-20251201-20251201-{2 + last}")
        equal(archive(rig, "get", name)[0], newer.newest["output"] + "\n", f"the newest {name}")
    os.unlink(rig.spool.at("archive", "ids"))
    text, words = archive(rig, "get", job.id)
    equal(text, job.newest["output"] + "\n", "get without archive/ids")
    expect("looking into their indexes" in words, words)


@scenario
def never_over(rig):
    """What lies in the spool stays: the same job, a newer one, one that waits, outputs alone."""
    jobs = [completed(i, 2) for i in range(8)]
    fill(rig, jobs)
    spool = rig.spool
    newer = output(jobs[0].document, 3, "newer", BEGIN + 99000)
    for text, name in ((line(jobs[0].document), f"done/{jobs[0].id}.json"),
                       (line(newer), f"done/{jobs[0].id}.v3.json"),
                       (line(jobs[1].document), f"cur/{jobs[1].id}.json"),
                       (b"{}\n", f"done/{jobs[2].id}.v1.json"),
                       (jobs[3].files[1][1], f"done/{jobs[3].id}.v1.json"),
                       (line(jobs[4].document), f"failed/{jobs[4].id}.json"),
                       (line(jobs[5].document), f"done/{jobs[5].id}.gone")):
        with open(spool.at(*name.split("/")), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
    before = tree(spool)
    os.symlink("../done/other", spool.at("by-name", "taken"))
    _, words = archive(rig, "restore", "--dry-run", "ALL")
    expect("would be restored" in words, words)
    after = tree(spool)
    after.pop("by-name/taken")
    equal(after, before, "--dry-run changes nothing")
    _, words = archive(rig, "restore", "ALL")
    expect("4 jobs with 8 outputs restored, 4 passed over, 0 damaged" in words, words)
    after = tree(spool)
    for name in before:
        if name != f"done/{jobs[5].id}.gone":
            equal(after[name], before[name], name)
    expect(f"done/{jobs[2].id}.json" not in after, "restored to other outputs")
    for number in (3, 5, 6, 7):
        expect_job(rig, jobs[number])
    equal(os.listdir(spool.at("tmp")), [], "tmp/")


@scenario
def forgotten(rig):
    """What a person had removed for good comes back from no copy; what was asked again after it does."""
    mock = rig.mock()
    rig.configure(mock)
    jobs = [completed(i, 2, model="m") for i in range(3)]
    fill(rig, jobs)
    rows = [{"id": jobs[0].id, "time": rfc3339(BEGIN + 90000000)},
            {"id": jobs[1].id, "time": rfc3339(BEGIN - 90000000)}]
    with open(rig.spool.at("archive", "forgotten.jsonl"), "wb") as file:
        file.write(b"".join(map(line, rows)))
    _, words = archive(rig, "restore", "ALL")
    expect("2 jobs with 4 outputs restored, 1 passed over" in words, words)
    expect("was forgotten" in words, words)
    daemon = rig.daemon()
    rig.spool.drop(jobs[0].document)
    until(lambda: rig.spool.names("done", f"{jobs[0].id}.json") or
          os.path.exists(rig.spool.at("done", f"{jobs[0].id}.json")), "the job")
    equal(sorted(n[64:] for n in rig.spool.names("done") if n.startswith(jobs[0].id)),
          [".json", ".v3.json"], "asked again")
    daemon.stop()


# --- what is damaged --------------------------------------------------------------------------------

def damage(data, chance, cut):
    """A copy with a flipped bit, or cut off."""
    at = chance.randrange(len(data))
    if cut:
        return data[:at]
    changed = bytearray(data)
    changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


SUFFIXES = (".tar.zst", ".idx.jsonl.zst", ".sha256")


def read_volume(rig, stem):
    found = {}
    for suffix in SUFFIXES:
        with open(rig.spool.at("archive", stem + suffix), "rb") as file:
            found[suffix] = file.read()
    return found


@scenario
def flipped(rig):
    """200 flipped bits and 50 cuts, each found by verify."""
    chance = seed()
    fill(rig, [completed(i, 1 + i % 3, size=200) for i in range(40)] + [failed(1)],
         frame_size=8192)
    good = read_volume(rig, STEM)
    name = os.path.basename(STEM)
    paths = []
    for number in range(250):
        suffix = chance.choice(SUFFIXES + (".tar.zst",))
        folder = os.path.join(rig.folder, "bad", str(number))
        paths.append(os.path.join(folder, name))
        for each in SUFFIXES:
            write(paths[-1] + each, damage(good[each], chance, number >= 200)
                  if each == suffix else good[each])
    text, _ = archive(rig, "verify", *[path + ".tar.zst" for path in paths], code=1)
    # A line begins with the stem, which is the same for all: each volume is looked at alone then.
    expect(len(text.splitlines()) >= 250, "fewer findings than volumes")
    for path in paths[::5]:
        text, _ = archive(rig, "verify", path + ".tar.zst", code=1)
        expect(text, f"{path}: no finding")


@scenario
def rest_is_delivered(rig):
    """get and restore refuse what is damaged and deliver what is not."""
    chance = seed()
    jobs = [completed(i, 1 + i % 3, size=300) for i in range(60)]
    fill(rig, jobs, frame_size=8192)
    good = read_volume(rig, STEM)
    for number in range(60 if LONG else 14):
        suffix = SUFFIXES[number % 3]
        for each in SUFFIXES:
            write(rig.spool.at("archive", STEM + each),
                  damage(good[each], chance, number % 4 == 3) if each == suffix else good[each])
        empty(rig.spool)
        code = 0 if suffix == ".sha256" else (0, 1)
        _, words = archive(rig, "restore", "ALL", code=code)
        there = [job for job in jobs if os.path.exists(rig.spool.at("done", f"{job.id}.json"))]
        for job in there:
            expect_job(rig, job)
        names = sum(len(job.files) for job in there)
        equal(len(rig.spool.names("done")), names, "files in done/")
        if suffix == ".idx.jsonl.zst":
            equal(len(there), len(jobs), f"jobs behind a damaged index ({words})")
        for job in chance.sample(jobs, 2):
            text, _ = archive(rig, "get", job.id, code=(0, 65, 69, 71))
            expect(text in ("", job.newest["output"] + "\n"), f"get printed {text!r}")
            expect(text or suffix == ".tar.zst", "a job in a whole volume was not printed")


@scenario
def manifest(rig):
    """A bit that is flipped anywhere in a manifest keeps no job back: the index has it all, too."""
    chance = seed()
    jobs = [completed(i) for i in range(1000)]
    fill(rig, jobs)
    path = rig.spool.at("archive", STEM + ".tar.zst")
    good = read_volume(rig, STEM)[".tar.zst"]
    end = good.index(bytes.fromhex("28b52ffd"), 1)
    for at in (end - 1, *(chance.randrange(end) for _ in range(9 if LONG else 3))):
        changed = bytearray(good)
        changed[at] ^= 1 << chance.randrange(8)
        write(path, bytes(changed))
        _, words = archive(rig, "restore", "--user", "ann", code=1)
        expect("1000 jobs with 1000 outputs restored" in words and "manifest" in words, words[-2000:])
        empty(rig.spool)


@scenario
def told(rig):
    """Why a job cannot be read is told, by get as by restore, and which volume it is."""
    jobs = [completed(i) for i in range(5)]
    fill(rig, jobs)
    path = rig.spool.at("archive", STEM + ".tar.zst")
    good = read_volume(rig, STEM)
    away = os.path.join(rig.folder, "away")
    os.rename(path, away)
    os.symlink(away, path)
    for verb in ("get", "restore"):
        words = archive(rig, verb, jobs[1].id, code=71)[1]
        expect(f"cannot read {STEM}.tar.zst" in words, words)
    os.unlink(path)
    for verb in ("get", "restore"):
        words = archive(rig, verb, jobs[1].id, code=69)[1]
        expect(STEM in words and "llmspool-archive reindex" in words, words)
    os.unlink(rig.spool.at("archive", "ids"))
    os.symlink(away, path)
    words = archive(rig, "get", jobs[1].id, code=69)[1]
    expect(f"cannot read {STEM}.tar.zst" in words and "there is no job" in words, words)
    os.unlink(path)
    write(path, good[".tar.zst"])
    write(rig.spool.at("archive", STEM + ".idx.jsonl.zst"), good[".idx.jsonl.zst"][:40])
    equal(archive(rig, "get", jobs[1].id)[0], jobs[1].newest["output"] + "\n", "without the index")
    write(path, good[".tar.zst"][:40])
    words = archive(rig, "get", jobs[1].id, code=69)[1]
    expect(f"{os.path.basename(STEM)}.tar.zst: " in words and "there is no job" in words, words)


def hostile_entry(job, name=None, size=None, **fields):
    """Replaces the entry of a job's first output by one with other fields; one that is no file has no
    content."""
    def on_entry(data, its_name, content, mtime):
        if its_name != job.files[1][0]:
            return data
        made = header(name or its_name, len(content) if size is None else size, mtime, **fields)
        return made + (content + b"\0" * (-len(content) % 512) if "type" not in fields else b"")
    return on_entry


def hostile_volumes(jobs, folder):
    """Name: hooks of a volume that is not to be believed; all have right digests."""
    victim = jobs[2]
    outside = os.path.join(folder, "outside")
    yield "link", {"on_entry": hostile_entry(victim, type=tarfile.SYMTYPE, linkname=outside, size=0)}
    yield "hard-link", {"on_entry": hostile_entry(victim, type=tarfile.LNKTYPE,
                                                  linkname="/etc/passwd", size=0)}
    yield "device", {"on_entry": hostile_entry(victim, type=tarfile.CHRTYPE, size=0, devmajor=1,
                                               devminor=3)}
    yield "fifo", {"on_entry": hostile_entry(victim, type=tarfile.FIFOTYPE, size=0)}
    yield "folder", {"on_entry": hostile_entry(victim, type=tarfile.DIRTYPE, size=0)}
    yield "climbs", {"on_entry": hostile_entry(victim, name=f"done/../../outside/{victim.id}.v1.json"),
                     "on_index": rename(victim, f"done/../../outside/{victim.id}.v1.json")}
    yield "absolute", {"on_entry": hostile_entry(victim, name=outside[:99]),
                       "on_index": rename(victim, outside)}
    yield "other-folder", {"on_entry": hostile_entry(victim, name=f"cur/{victim.id}.v1.json"),
                           "on_index": rename(victim, f"cur/{victim.id}.v1.json")}
    yield "mode", {"on_entry": hostile_entry(victim, mode=0o4755)}
    yield "owner", {"on_entry": hostile_entry(victim, uid=1000, uname="ann")}
    yield "twice", {"on_entry": lambda data, name, content, mtime:
                    data + data if name == victim.files[1][0] else data}
    yield "huge", {"on_entry": hostile_entry(victim, size=(1 << 33) - 1)}
    yield "pax", {"on_entry": lambda data, name, content, mtime:
                  pax(name, outside, content, mtime) if name == victim.files[1][0] else data}
    yield "changed", {"on_entry": lambda data, name, content, mtime:
                      data.replace(b"answer 2 ", b"Answer 2 ") if name == victim.files[1][0] else data}
    yield "changed-field", {"on_entry": lambda data, name, content, mtime:
                            data.replace(b'"latency_ms":2000', b'"latency_ms":9999')
                            if name == victim.files[1][0] else data}
    yield "long-end", {"on_tar": lambda frames: [*frames, bytes(1 << 20)]}
    yield "manifest", {"on_manifest": lambda lines: [
        {**row, "sha256": "0" * 64} if row["name"] == victim.files[1][0] else row for row in lines]}
    yield "manifest-short", {"on_manifest": lambda lines: [
        row for row in lines if row["name"] != victim.files[1][0]]}
    yield "no-checksum", {"on_frame": lambda data, content: subprocess.run(
        ["zstd", "-qc", "--no-check", f"--stream-size={len(content)}"], input=content, check=True,
        stdout=subprocess.PIPE).stdout}
    yield "no-size", {"on_frame": lambda data, content: subprocess.run(
        ["zstd", "-qc", "--check", "--no-content-size"], input=content, check=True,
        stdout=subprocess.PIPE).stdout}
    yield "garbage", {"on_volume": lambda body: body + b"garbage behind it"}
    yield "skippable", {"on_volume": lambda body: body + b"\x50\x2a\x4d\x18\x04\0\0\0evil"}
    yield "more-tar", {"on_tar": lambda frames: [*frames, entry("evil", b"x", 1)]}
    yield "bomb", {"on_volume": lambda body: body + bomb()}
    yield "index-bomb", {"on_index_bytes": lambda data: data + b" " * (64 << 20) + b"\n"}
    yield "index-offset", {"on_index": lambda rows: [
        {**row, "at": row["at"] + 512} if row.get("id") == victim.id else row for row in rows]}
    yield "index-length", {"on_index": lambda rows: [
        {**row, "length": 1 << 40} if row.get("id") == victim.id else row for row in rows]}
    yield "index-order", {"on_index": lambda rows: [rows[0], *reversed(rows[1:])]}


def rename(job, name):
    """The index names the first output of a job so."""
    def on_index(rows):
        for row in rows:
            for file in row.get("files", []) if isinstance(row.get("files"), list) else []:
                if file["name"] == job.files[1][0]:
                    file["name"] = name
        return rows
    return on_index


def pax(name, outside, content, mtime):
    """An entry whose pax header gives it another name."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(content), mtime, 0o600
    info.pax_headers = {"path": outside}
    return info.tobuf(tarfile.PAX_FORMAT) + content + b"\0" * (-len(content) % 512)


def bomb():
    """A frame of two gibibytes of zeros."""
    size = 2 << 30
    with subprocess.Popen(["zstd", "-qc", "--check", f"--stream-size={size}"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        def feed():
            for _ in range(size >> 24):
                process.stdin.write(bytes(1 << 24))
            process.stdin.close()
        thread = threading.Thread(target=feed)
        thread.start()
        data = process.stdout.read()
        thread.join()
    return data


@scenario
def hostile(rig):
    """What a stranger may have made: found by verify, refused by restore, nothing written outside."""
    ordered = [completed(i, 2) for i in range(5)]
    victim = ordered[2]
    elsewhere = os.path.join(rig.folder, "elsewhere")
    outside = os.path.join(rig.folder, "outside")
    os.mkdir(outside)
    for name, hooks in hostile_volumes(ordered, rig.folder):
        stem = f"{name}/llmspool-h-20251130-20251130-1"
        Volume(ordered, **hooks).write(elsewhere, stem)
        path = os.path.join(elsewhere, stem + ".tar.zst")
        text, _ = archive(rig, "verify", path, code=1)
        expect(text, f"{name}: no finding")
        archive(rig, "restore", "--volume", path, code=(0, 1))
        if name not in ("manifest-short", "long-end", "garbage", "skippable", "more-tar", "bomb", "index-bomb",
                        "index-order", "index-offset", "index-length"):
            expect(not os.path.exists(rig.spool.at("done", f"{victim.id}.json")),
                   f"{name}: the job was restored")
        for job in ordered:
            if os.path.exists(rig.spool.at("done", f"{job.id}.json")):
                expect_job(rig, job)
        equal(os.listdir(outside), [], f"{name}: outside")
        equal(os.listdir(rig.spool.at("tmp")) + os.listdir(rig.spool.at("cur")), [], f"{name}: tmp/")
        empty(rig.spool)
    wrong = completed(77, 1)
    wrong.files = [(n.replace(wrong.id, "ab" * 32), d) for n, d in wrong.files]
    wrong.id = "ab" * 32
    Volume([wrong]).write(elsewhere, "wrong-id/llmspool-h-20251130-20251130-1")
    path = os.path.join(elsewhere, "wrong-id/llmspool-h-20251130-20251130-1.tar.zst")
    archive(rig, "verify", path, code=1)
    archive(rig, "restore", "--volume", path, code=1)
    equal(rig.spool.names("done"), [], "a job under another's ID")
    other = completed(78, 1)
    other.files[0] = (other.files[0][0], line({**other.document, "prompt": "another question"}))
    Volume([other]).write(elsewhere, "other-job/llmspool-h-20251130-20251130-1")
    path = os.path.join(elsewhere, "other-job/llmspool-h-20251130-20251130-1.tar.zst")
    archive(rig, "verify", path, code=1)
    archive(rig, "restore", "--volume", path, code=1)
    equal(rig.spool.names("done"), [], "another job under this ID")


# --- kills and faults -------------------------------------------------------------------------------

def whole_or_absent(rig, jobs):
    """No job counts that is not whole."""
    for job in jobs:
        if os.path.exists(rig.spool.at(job.folder, f"{job.id}.json")):
            expect_job(rig, job)


@scenario
def killed(rig):
    """Killed at every system call; a second run finishes."""
    jobs = [completed(i, 1 + i % 2, name=f"n-{i}") for i in range(4)] + [failed(1)]
    fill(rig, jobs)
    words = [PROGRAM, "restore", "-s", rig.spool.path, "ALL"]
    code, stops = killing.run(words, 0)
    equal(code, 0, "exit code under ptrace")
    wanted = {k: v for k, v in tree(rig.spool).items()}
    # Until it opens the lock nothing is touched: that part of each run is passed over.
    step = 1 if LONG or os.environ.get("ALL_KILLS") else 31
    began = random.SystemRandom().randrange(step)
    points = range(1 + began, stops + 1, step)
    print(f"{stops} stops, killed at {len(points)} of them, from {1 + began}")
    for point in points:
        empty(rig.spool)
        shutil.rmtree(rig.spool.at("events"))
        os.mkdir(rig.spool.at("events"), 0o700)
        code, _ = killing.run(words, point)
        whole_or_absent(rig, jobs)
        archive(rig, "restore", "ALL", code=0)
        found = tree(rig.spool)
        lost = [k for k in wanted if found.get(k) != wanted[k]]
        expect(found == wanted, f"killed at {point}: {lost} {sorted(set(found) - set(wanted))}")
    clean(rig)


@scenario
def faults(rig):
    """Each call that fails is told; nothing is half, and the next run finishes."""
    jobs = [completed(i, 2, name=f"n-{i}") for i in range(3)] + [failed(1)]
    fill(rig, jobs)
    for call, count in (("fsync", 14), ("openat", 14), ("renameat2", 16), ("write", 14),
                        ("fchmod", 11), ("futimens", 11)):
        for when in range(1, count + 1):
            empty(rig.spool)
            _, words = archive(rig, "restore", "ALL", code=(0, 1, 71, 73, 75),
                               env={**os.environ, **preload(f"{call}:EIO:{when}")})
            whole_or_absent(rig, jobs)
            archive(rig, "restore", "ALL")
            for job in jobs:
                expect_job(rig, job)
            equal(os.listdir(rig.spool.at("tmp")), [], f"{call} {when}: tmp/")
    clean(rig)


@scenario
def synced(rig):
    """Each step is durable before the next counts on it."""
    fill(rig, [completed(1, 2, name="n-1")])
    calls = []
    code, _ = killing.run([PROGRAM, "restore", "-s", rig.spool.path, "ALL"], calls=calls)
    equal(code, 0, "exit code")
    files, folder = ["fsync"] * 3, ["fsync"]
    equal(calls, files + ["rename"] * 3 + folder + ["symlink"] + folder + ["rename"] + folder,
          "calls of one job")
    fill(rig, [completed(i, 2) for i in range(100, 140)],
         stem="2025/12/llmspool-h-20251201-20251201-2")
    calls.clear()
    code, _ = killing.run([PROGRAM, "restore", "-s", rig.spool.path, "ALL"], calls=calls)
    equal(calls, ["syncfs"] + ["rename"] * 120 + folder + ["rename"] * 40 + folder,
          "calls of many jobs")


@scenario
def many_fail(rig):
    """The sync of many files together fails or is the last thing done: none of them counts."""
    jobs = [completed(i, 2) for i in range(60)]
    fill(rig, jobs)
    _, words = archive(rig, "restore", "ALL", code=1,
                       env={**os.environ, **preload("syncfs:EIO:1")})
    expect("0 jobs with 0 outputs restored" in words and "60 damaged or failed" in words, words)
    equal(rig.spool.names("done") + rig.spool.names("tmp"), [], "what is left")
    archive(rig, "restore", "ALL", code=-9, env={**os.environ, **preload("syncfs:AFTER:1")})
    equal(rig.spool.names("done"), [], "what a kill leaves")
    archive(rig, "restore", "ALL")
    for job in jobs:
        expect_job(rig, job)
    clean(rig)


# --- beside the daemon -----------------------------------------------------------------------------

def asked(mock):
    return mock.requests()


@scenario
def answered(rig):
    """A job that is dropped again is answered from the archive, without a request."""
    mock = rig.mock()
    rig.configure(mock)
    jobs = [completed(i, 2, model="m", name=f"n-{i}") for i in range(30)]
    lost = failed(5)
    fill(rig, jobs + [lost])
    daemon = rig.daemon()
    for job in jobs[:25]:
        rig.spool.drop({k: v for k, v in job.document.items() if k != "name"})
    until(lambda: len(rig.spool.jobs("done")) == 25 and not rig.spool.names("new"), "all answered")
    equal(asked(mock), 0, "requests")
    for job in jobs[:25]:
        expect_job(rig, job)
    until(lambda: len(rig.spool.events("restored")) == 25, "events")
    equal({e["state"] for e in rig.spool.events("duplicate")}, {"completed"}, "duplicates")
    # A fresh answer is wanted: the versions go on.
    rig.spool.drop({**jobs[25].document, "max_age": "0"})
    until(lambda: os.path.exists(rig.spool.at("done", f"{jobs[25].id}.v3.json")), "version 3")
    # What failed and is archived is asked as if it were new.
    rig.spool.drop(lost.document)
    until(lambda: os.path.exists(rig.spool.at("done", f"{lost.id}.v1.json")), "the failed one")
    # A volume that appears while the daemon runs is known at once.
    late = completed(100, 1)
    fill(rig, [late], stem="2025/12/llmspool-h-20251201-20251201-2")
    before = asked(mock)
    rig.spool.drop(late.document)
    until(lambda: os.path.exists(rig.spool.at("done", f"{late.id}.json")), "the late one")
    equal(asked(mock), before, "requests for it")
    daemon.stop()
    rig.judge()


@scenario
def asked_again(rig):
    """answer_from_archive = no, and a damaged volume: asked again, never for a second version 1."""
    mock = rig.mock()
    rig.configure(mock, general="answer_from_archive = no")
    job, damaged = completed(1, 3), completed(2, 2)
    fill(rig, [job])
    daemon = rig.daemon()
    rig.spool.drop(job.document)
    until(lambda: os.path.exists(rig.spool.at("done", f"{job.id}.json")), "the job")
    equal(rig.spool.outputs(), [f"{job.id}.v4.json"], "its version")
    equal(asked(mock), 1, "requests")
    daemon.stop()
    rig.configure(mock)
    stem = "2025/12/llmspool-h-20251201-20251201-2"
    fill(rig, [damaged], stem=stem)
    good = read_volume(rig, stem)[".tar.zst"]
    write(rig.spool.at("archive", stem + ".tar.zst"), good[:-60] + b"x" * 60)
    daemon = rig.daemon()
    rig.spool.drop(damaged.document)
    until(lambda: os.path.exists(rig.spool.at("done", f"{damaged.id}.json")), "the damaged one")
    expect(os.path.exists(rig.spool.at("done", f"{damaged.id}.v3.json")), "version 3 of it")
    equal(len(rig.spool.events("archive_damaged")), 1, "events of damage")
    expect(daemon.says("llmspool-archive verify"), "the log names the way out")
    daemon.stop()
    write(rig.spool.at("archive", stem + ".tar.zst"), good)
    rig.judge()


@scenario
def unknown(rig):
    """Where archive/ids is damaged or gone new jobs wait, whatever is asked of the archive, and go on when
    it was made again: nothing is asked twice."""
    mock = rig.mock()
    rig.configure(mock)
    job, other, fresh = completed(1, 2), completed(2), {"model": "m", "prompt": "never seen"}
    fill(rig, [job, other])
    ids = rig.spool.at("archive", "ids")
    with open(ids, "rb") as file:
        good = file.read()
    for number, what in enumerate(("gone", "damaged")):
        if what == "gone":
            os.unlink(ids)
        else:
            write(ids, b"x" * len(good))
        daemon = rig.daemon()
        rig.spool.drop({**fresh, "prompt": f"never seen {number}"})
        rig.spool.drop(job.document if number == 0 else other.document)
        rig.spool.drop_list([{**fresh, "prompt": f"never seen in a list {number}"}])
        daemon.until_says("llmspool-archive reindex")
        until(lambda: any("reindex" in reason["reason"] for reason in rig.spool.status()["reasons"]),
              lambda: f"the reason in {rig.spool.status()}")
        time.sleep(1.5)
        equal(daemon.text().count("nobody knows"), 1, f"{what}: words in the log")
        equal(asked(mock), 2 * number, f"{what}: requests")
        equal(len(rig.spool.names("new")), 3, f"{what}: drops that wait")
        archive(rig, "reindex")
        until(lambda: not rig.spool.names("new") and not rig.spool.names("cur"), f"{what}: the rest")
        equal(asked(mock), 2 * number + 2, f"{what}: requests then")
        daemon.stop()
    rig.judge()


def is_stopped(daemon):
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


@scenario
def met_on_its_way(rig):
    """A job comes back from an archive between the look that did not find it and its move to cur/."""
    mock = rig.mock()
    rig.configure(mock)
    for number, job in enumerate((completed(1, 2), failed(2))):
        daemon = rig.daemon(environment=preload("renameat2:STOP:1"))
        rig.spool.drop(job.document)
        until(lambda: is_stopped(daemon), "the daemon to stop before the move")  # pylint: disable=W0640
        fill(rig, [job], stem=f"2025/12/llmspool-h-20251201-20251201-{number + 1}")
        archive(rig, "restore", job.id)
        daemon.send(signal.SIGCONT)
        until(lambda: not rig.spool.names("new") and not rig.spool.names("cur"), "its answer")
        equal(asked(mock), number, "requests")  # the failure is retried, as its drop is younger
        daemon.stop()
    rig.judge()


@scenario
def together(rig):
    """The daemon takes duplicates while all of them are being restored, and reruns."""
    mock = rig.mock()
    rig.configure(mock)
    count = 400 if LONG else 120
    jobs = [completed(i, 1 + i % 2, model="m") for i in range(count)]
    fill(rig, jobs)
    daemon = rig.daemon()
    chance = seed()
    order = chance.sample(jobs, len(jobs))
    with subprocess.Popen([PROGRAM, "restore", "-s", rig.spool.path, "ALL"],
                          stderr=subprocess.PIPE, text=True) as process:
        for job in order:
            rig.spool.drop(job.document)
        words = process.communicate(timeout=PATIENCE)[1]
    expect(process.returncode in (0, 1), words)
    until(lambda: not rig.spool.names("new"), "all answered")
    until(lambda: len(rig.spool.jobs("done")) == count, "all there")
    equal(asked(mock), 0, "requests")
    for job in jobs:
        expect_job(rig, job)
    daemon.stop()
    rig.judge()


@scenario
def met(rig):
    """A job is dropped in front of each step of its being restored, while the daemon does not look into
    the archive: it is in one place, and answered by what is there."""
    mock = rig.mock("--latency", "300ms")
    rig.configure(mock, general="answer_from_archive = no")
    jobs = [completed(i, 2, model="m") for i in range(5)]
    fill(rig, jobs)
    daemon = rig.daemon()
    for number, job in enumerate(jobs, 1):
        def before(step, number=number, job=job):
            if step == number:
                rig.spool.drop(job.document)
                if step == 1:  # nothing of it is there: the daemon takes it
                    until(lambda: rig.spool.jobs("cur"), "the job in cur/")
                else:
                    until(lambda: time.sleep(0.3) or True, "a moment")
                    equal(len(rig.spool.names("new")), 1, f"step {step}: the drop waits")
        code, _ = killing.run([PROGRAM, "restore", "-s", rig.spool.path, job.id], before=before)
        equal(code, 0, "exit code")
        if number == 5:  # there are four steps: it was restored before
            rig.spool.drop(job.document)
        until(lambda: not rig.spool.names("new") and not rig.spool.jobs("cur"), "the job's end")
        versions = [n for n in (1, 2, 3)
                    if os.path.exists(rig.spool.at("done", f"{job.id}.v{n}.json"))]
        equal(versions, [3] if number == 1 else [1, 2], f"step {number}: versions")
    equal(asked(mock), 1, "requests")
    daemon.stop()
    rig.judge()


run_scenario()
