#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""archive: finished jobs are put away: bytes, order, crashes, faults, and what must not go."""
import fcntl
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import killing  # noqa: E402
from rig import BUILD, LONG, equal, expect, preload, run_scenario, scenario, sweep_of_kills  # noqa: E402

PROGRAM = os.path.join(BUILD, "llmspool-archive")
NOW = "2026-03-10T12:00:00Z"
ALL = ("--older-than", "0")


def make(rig, count, *options):
    """Fills the rig's spool with finished jobs; returns their files."""
    subprocess.run([os.path.join(BUILD, "tests", "bench", "make_spool"), rig.spool.path, str(count),
                    "--now", NOW, *options], check=True, timeout=120)
    return files(rig.spool.path)


def run(path, *words, code=0, **options):
    result = subprocess.run([PROGRAM, words[0], "-s", path, *words[1:]], capture_output=True,
                            text=True, timeout=300, check=False, **options)
    codes = code if isinstance(code, tuple) else (code,)
    expect(result.returncode in codes, f"{words}: exit code {result.returncode}\n"
           f"{result.stdout[-2000:]}\n{result.stderr[-3000:]}")
    return result.stdout, result.stderr


def create(path, *words, **options):
    """Runs create; returns its summary."""
    return json.loads(run(path, "create", "--json", *words, **options)[0].splitlines()[-1])


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def files(path):
    """What is in done/ and failed/: digests by name."""
    found = {}
    for folder in ("done", "failed"):
        for name in os.listdir(os.path.join(path, folder)):
            found[f"{folder}/{name}"] = digest(os.path.join(path, folder, name))
    return found


def jobs(found):
    return {re.search("[0-9a-f]{64}", name)[0] for name in found}


def volumes(path):
    found = []
    for folder, _, names in os.walk(os.path.join(path, "archive")):
        found += [os.path.join(folder, name) for name in names if name.endswith(".tar.zst")]
    return sorted(found)


def archived(path):
    """What the volumes hold, read by tar: digests by name."""
    found = {}
    for volume in volumes(path):
        names = subprocess.run(["tar", "--zstd", "-tf", volume], check=True, capture_output=True,
                               text=True, timeout=60).stdout.split()
        equal(names[0], "MANIFEST.jsonl", "first entry")
        folder = path + ".unpacked"
        os.mkdir(folder)
        subprocess.run(["tar", "--zstd", "-xf", volume, "-C", folder], check=True, timeout=60)
        found.update({name: digest(os.path.join(folder, name)) for name in names[1:]})
        shutil.rmtree(folder)
    return found


def known(path):
    """IDs that archive/ids has, read without our code."""
    with open(os.path.join(path, "archive", "ids"), "rb") as file:
        data = file.read()
    equal(hashlib.sha256(data[:-32]).digest(), data[-32:], "checksum of archive/ids")
    magic, rows, count, size, table, length = struct.unpack_from("<16sQIIQQ", data)
    equal((magic, size, table, len(data)),
          (b"llmspool-ids 1\n\0", 64, 64 + 64 * rows, table + length + 32), "head of archive/ids")
    equal(len(data[table:-32].splitlines()), count, "volumes in archive/ids")
    ids = [data[64 + 64 * i:96 + 64 * i].hex() for i in range(rows)]
    equal(ids, sorted(ids), "order of archive/ids")
    return ids


def spool_is(path, expected, what):
    equal(files(path), expected, what)


def nothing_lost(path, original, what):
    """Each job is whole in the spool, or in the archive."""
    there, away = files(path), archived(path)
    for job in jobs(original):
        due = {name: value for name, value in original.items() if job in name}
        expect(all(there.get(n) == v for n, v in due.items()) or
               all(away.get(n) == v for n, v in due.items()), f"{what}: {job} is in neither place")
    return there, away


def finished(path, original, what):
    """After a run that ended well: all are archived, none is in both places."""
    there, away = nothing_lost(path, original, what)
    equal(there, {}, f"{what}: left in the spool")
    equal(away, original, f"{what}: in the archive")
    equal(sorted(known(path)), sorted(jobs(original)), f"{what}: in archive/ids")
    equal(os.listdir(os.path.join(path, "tmp")), [], f"{what}: left in tmp/")
    equal(os.listdir(os.path.join(path, "by-name")), [], f"{what}: names")


def copy(rig, name):
    path = os.path.join(rig.folder, name)
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(rig.spool.path, path, symlinks=True)
    return path


def owed(path, job):
    with open(os.path.join(path, "outbox", "0" * 64 + ".json"), "w", encoding="ascii") as file:
        json.dump({"webhook_id": "0" * 64, "id": job, "event": "completed"}, file)


# --- bytes and order --------------------------------------------------------------------------------

@scenario
def same_bytes(rig):
    original = make(rig, 400, "--versions", "4", "--failed", "20", "--days", "60", "--names", "30")
    first, second = copy(rig, "first"), copy(rig, "second")
    counts = create(first, *ALL, "--failed", "--keep")
    equal(counts["archived"], 400, "archived")
    spool_is(first, original, "spool after --keep")
    create(second, *ALL, "--failed")
    for volume in volumes(first):
        for end in (".tar.zst", ".idx.jsonl.zst", ".sha256"):
            path = volume[:-8] + end
            equal(digest(path), digest(path.replace(first, second)), f"{path} made twice")
        subprocess.run(["sha256sum", "--quiet", "-c", os.path.basename(volume)[:-8] + ".sha256"],
                       cwd=os.path.dirname(volume), check=True, timeout=60)
    expect(len(volumes(first)) >= 2, "no volume a month")
    finished(second, original, "deleted")
    for path in (first, second):
        run(path, "verify")
    equal(sorted(known(first)), sorted(jobs(original)), "ids")
    before = [digest(v) for v in volumes(first)]
    counts = create(first, *ALL, "--failed")
    equal((counts["archived"], counts["deleted"]), (0, 400), "archived again, deleted")
    equal([digest(v) for v in volumes(first)], before, "volumes after the second run")
    finished(first, original, "kept, then deleted")
    ids = digest(os.path.join(first, "archive", "ids"))
    os.unlink(os.path.join(first, "archive", "ids"))
    run(first, "reindex")
    equal(digest(os.path.join(first, "archive", "ids")), ids, "archive/ids made from the indexes")


@scenario
def in_order(rig):
    """Names, times, owners, frames."""
    make(rig, 300, "--versions", "2", "--failed", "10", "--days", "20", "--size", "4000")
    create(rig.spool.path, *ALL, "--failed")
    for volume in volumes(rig.spool.path):
        listing = subprocess.run(["tar", "--zstd", "--numeric-owner", "--full-time", "-tvf", volume],
                                 check=True, capture_output=True, text=True, timeout=60,
                                 env={**os.environ, "TZ": "UTC"}).stdout.splitlines()
        names = [line.split()[-1] for line in listing]
        expect(all(line.startswith("-rw------- 0/0") for line in listing), "modes and owners")
        ids = [re.search("[0-9a-f]{64}", name)[0] for name in names[1:]]
        equal(ids, sorted(ids), "order of the IDs")
        lines = [json.loads(line) for line in subprocess.run(
            ["zstd", "-dcq", volume[:-8] + ".idx.jsonl.zst"], check=True, capture_output=True,
            timeout=60).stdout.splitlines()]
        equal(lines[0]["units"], len(lines) - 1, "units")
        expect(len({line["frame"] for line in lines[1:]}) > 1, "one frame only")
        with open(volume, "rb") as file:
            data = file.read()
        for line in lines[1:]:
            expect(data[line["frame"]:line["frame"] + 4] == b"\x28\xb5\x2f\xfd", "no frame there")
        line = lines[len(lines) // 2]
        part = subprocess.run(["zstd", "-dcq"], input=data[line["frame"]:], check=True,
                              capture_output=True, timeout=60).stdout
        member = part[line["at"]:line["at"] + line["length"]]
        expect(member.startswith(line["files"][0]["name"].encode()), "no header there")
        content = member[512:512 + line["files"][0]["size"]]
        equal(hashlib.sha256(content).hexdigest(), line["files"][0]["sha256"], "the job")


@scenario
def sizes(rig):
    original = make(rig, 1500, "--days", "9", "--size", "2000")
    path = rig.spool.path
    create(path, *ALL, "--volume-size", "300K")
    found = volumes(path)
    expect(len(found) > 2, f"{len(found)} volumes")
    equal(sorted(int(re.search(r"-(\d+)\.tar", v)[1]) for v in found),
          list(range(1, len(found) + 1)), "numbers")
    finished(path, original, "in several volumes")
    run(path, "verify")


# --- which jobs -------------------------------------------------------------------------------------

@scenario
def selections(rig):
    original = make(rig, 200, "--failed", "30", "--days", "300")
    path = rig.spool.path
    failed = {name for name in original if name.startswith("failed/")}
    counts = create(path, *ALL, "--failed", "--dry-run")
    equal((counts["archived"], counts["dry_run"]), (200, True), "dry run")
    equal(os.listdir(rig.spool.at("archive")), [], "a dry run changes nothing")
    spool_is(path, original, "after a dry run")
    counts = create(path, *ALL, "--model", "model-1", "--user", "user-[!0]")
    equal(counts["archived"], 0, "users are no patterns")
    counts = create(path, *ALL, "--model", "model-1", "--user", "user-2")
    expect(0 < counts["archived"] < 100, f"archived {counts['archived']}")
    gone = set(original) - set(files(path))
    expect(not gone & failed, "failed ones without --failed")
    counts = create(path, *ALL, "--state", "failed")
    equal({n for n in files(path) if n.startswith("failed/")}, set(), "failed ones that are left")
    create(path, *ALL)
    equal(files(path), {}, "the rest")
    run(path, "create", "--older-than", "yesterdayish", code=64)
    run(path, "create", "--volume-size", "big", code=64)
    run(path, "create", "--level", "99", code=64)
    run(path, "create", "x", code=64)
    nothing_lost(path, original, "selected")
    run(path, "verify")


@scenario
def default_age(rig):
    """Without --older-than those of the last 30 days stay."""
    path = rig.spool.path
    program = os.path.join(BUILD, "tests", "bench", "make_spool")
    subprocess.run([program, path, "100", "--days", "20"], check=True, timeout=60)
    subprocess.run([program, path, "50", "--days", "20", "--first", "1000", "--now",
                    "2020-01-30T00:00:00Z"], check=True, timeout=60)
    counts = create(path)
    equal((counts["archived"], counts["deleted"]), (50, 50), "archived, deleted")
    equal(len(jobs(files(path))), 100, "those that stay")


@scenario
def owed_and_held(rig):
    original = make(rig, 20, "--days", "5")
    path = rig.spool.path
    first, second = sorted(jobs(original))[:2]
    owed(path, first)
    with open(rig.spool.at("ctl", f"hold.{second}"), "w", encoding="ascii"):
        pass
    counts = create(path, *ALL)
    equal((counts["archived"], counts["owed"], counts["deleted"]), (18, 2, 18), "owed ones stay")
    equal(jobs(files(path)), {first, second}, "in the spool")
    # Archived already, a debt comes, a hold ends.
    create(path, *ALL, "--keep")
    shutil.rmtree(rig.spool.at("outbox"))
    os.mkdir(rig.spool.at("outbox"))
    os.unlink(rig.spool.at("ctl", f"hold.{second}"))
    counts = create(path, *ALL, "--keep")
    equal(counts["archived"], 2, "archived when nothing is owed any more")
    owed(path, first)
    counts = create(path, *ALL)
    equal((counts["deleted"], counts["owed"]), (1, 1), "not deleted while owed")
    equal(jobs(files(path)), {first}, "in the spool")
    # It comes while the archive is written.
    shutil.rmtree(rig.spool.at("outbox"))
    os.mkdir(rig.spool.at("outbox"))
    make(rig, 5, "--days", "5", "--first", "100")
    job = sorted(jobs(files(path)) - {first})[0]
    debt = json.dumps({"id": job})
    create(path, *ALL, "--filter", f"cat >/dev/null; echo '{debt}' >{path}/outbox/{'1' * 64}.json")
    equal(jobs(files(path)), {job}, "owed since a moment ago")


# --- others at work ----------------------------------------------------------------------------------

@scenario
def rerun_between(rig):
    """A job that got another version between archiving and deleting stays, and is archived then."""
    original = make(rig, 12, "--days", "5", "--failed", "30")
    path = rig.spool.path
    done = sorted(jobs(n for n in original if n.startswith("done/")))
    failed = sorted(jobs(n for n in original if n.startswith("failed/")))
    again, away, changed = done[0], done[1], failed[0]
    script = os.path.join(rig.folder, "meanwhile.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(f"""
import json, os
done, failed = "{path}/done/", "{path}/failed/"
with open(done + "{again}.v1.json") as file: record = json.load(file)
record["version"] = 2
with open(done + "{again}.v2.json", "x") as file: json.dump(record, file, separators=(",", ":"))
os.rename(done + "{away}.json", "{path}/cur/{away}.json")
with open(failed + "{changed}.error.json") as file: record = json.load(file)
record["tries"] = 1
os.unlink(failed + "{changed}.error.json")
with open(failed + "{changed}.error.json", "x") as file: json.dump(record, file)
""")
    counts = create(path, *ALL, "--failed", "--filter", f"cat >/dev/null; python3 {script}")
    equal((counts["archived"], counts["deleted"], counts["changed"]), (12, 9, 2), "counts")
    left = files(path)
    equal(jobs(left), {again, away, changed}, "what stays")
    os.rename(rig.spool.at("cur", f"{away}.json"), rig.spool.at("done", f"{away}.json"))
    counts = create(path, *ALL, "--failed")
    equal((counts["archived"], counts["before"], counts["deleted"]), (2, 1, 3), "next run")
    equal(files(path), {}, "left")
    equal(known(path).count(again), 2, "times that the first is in archive/ids")
    run(path, "verify")
    expect('"version":2' in run(path, "list", "--json", "--where", f"id={again}")[0], "newest version")


@scenario
def locked(rig):
    make(rig, 5, "--days", "5")
    path = rig.spool.path
    original = files(path)
    with open(rig.spool.at("archive", "lock"), "w+", encoding="ascii") as file:
        file.write("somebody, process 7\n")
        file.flush()
        fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
        _, said = run(path, "create", *ALL, code=75)
        expect("somebody, process 7" in said, said)
        run(path, "reindex", code=75)
        spool_is(path, original, "while another archives")
        create(path, *ALL, "--dry-run")
    create(path, *ALL)
    finished(path, original, "afterwards")


@scenario
def filtered(rig):
    original = make(rig, 50, "--days", "40")
    path = rig.spool.path
    store = os.path.join(rig.folder, "store")
    os.mkdir(store)
    _, said = run(path, "create", *ALL, "--filter", "cat >/dev/null; exit 3", code=1)
    expect("ended with 3" in said, said)
    run(path, "create", *ALL, "--filter", "kill -9 $$", code=1)
    spool_is(path, original, "after a filter that failed")
    equal((volumes(path), os.listdir(rig.spool.at("tmp"))), ([], []), "what it leaves")
    command = (f'cat >{store}/$LLMSPOOL_ARCHIVE_NAME && cmp {store}/$LLMSPOOL_ARCHIVE_NAME '
               f'"$LLMSPOOL_ARCHIVE_PATH" && cp "$LLMSPOOL_ARCHIVE_INDEX_PATH" '
               f'{store}/$LLMSPOOL_ARCHIVE_INDEX_NAME && echo "$LLMSPOOL_ARCHIVE_SHA256  '
               f'$LLMSPOOL_ARCHIVE_NAME" >>{store}/sums && echo $LLMSPOOL_ARCHIVE_UNITS')
    out, said = run(path, "create", *ALL, "--json", "--filter", command)
    equal(len(out.splitlines()), 1, "lines on stdout")
    equal(sum(int(line) for line in said.split()), 50, "units told to the filter")
    subprocess.run(["sha256sum", "--quiet", "-c", "sums"], cwd=store, check=True, timeout=60)
    for volume in volumes(path):
        equal(digest(os.path.join(store, os.path.basename(volume))), digest(volume), "what it got")
    finished(path, original, "with a filter")


# --- what is wrong ------------------------------------------------------------------------------------

@scenario
def damaged_jobs(rig):
    original = make(rig, 30, "--days", "5", "--versions", "2", "--failed", "10")
    path = rig.spool.path
    done = sorted(jobs(n for n in original if n.startswith("done/")))
    failed = sorted(jobs(n for n in original if n.startswith("failed/")))
    at = rig.spool.at

    def change(name, old, new):
        with open(at(*name.split("/")), "r+", encoding="utf-8") as file:
            text = file.read()
            expect(old in text, f"{old} is not in {name}")
            file.seek(0)
            file.truncate()
            file.write(text.replace(old, new, 1))

    change(f"done/{done[0]}.v1.json", '"output":"', '"output":"x')
    os.truncate(at("done", f"{done[1]}.v1.json"), 300)
    change(f"done/{done[2]}.json", '"prompt":"', '"prompt":"x')
    os.unlink(at("done", f"{done[3]}.v1.json"))
    os.symlink(at("spool.json"), at("done", f"{done[3]}.v1.json"))
    os.unlink(at("failed", f"{failed[0]}.error.json"))
    os.mkfifo(at("failed", f"{failed[0]}.error.json"))
    change(f"done/{done[4]}.v1.json", '"usage":{', '"usage":{"a":tru,')
    change(f"done/{done[5]}.v1.json", '"status":"completed"', '"status":"\\ud800"')
    with open(at("done", "0" * 64 + ".json"), "w", encoding="ascii") as file:
        file.write("{}")
    bad = {*done[:6], failed[0], "0" * 64}
    _, said = run(path, "create", *ALL, "--failed", code=1)
    for job in bad:
        expect(job in said, f"{job} is not told of: {said}")
    equal(jobs(files_there(path)), bad, "what stays")
    run(path, "verify")
    equal(sorted(known(path)), sorted(jobs(original) - bad), "the rest")


def files_there(path):
    return [name for folder in ("done", "failed") for name in os.listdir(os.path.join(path, folder))
            if re.match("[0-9a-f]{64}", name)]


@scenario
def damaged_archives(rig):
    """What is archived in a volume that is not whole is not deleted."""
    original = make(rig, 40, "--days", "5")
    path = rig.spool.path
    create(path, *ALL, "--keep")
    volume = volumes(path)[0]
    with open(volume, "r+b") as file:
        file.seek(os.path.getsize(volume) // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    _, said = run(path, "create", *ALL, code=1)
    expect(os.path.basename(volume) in said, said)
    spool_is(path, original, "what is in a damaged volume")
    _, said = run(path, "reindex", code=1)
    equal(known(path), [], "ids without the damaged volume")
    # It is archived anew, and the damaged one is told of each time.
    _, said = run(path, "create", *ALL, code=1)
    expect(os.path.basename(volume) in said, said)
    equal(files(path), {}, "archived anew")
    equal(sorted(known(path)), sorted(jobs(original)), "ids")
    os.rename(volume, volume + ".away")
    run(path, "create", *ALL)
    with open(rig.spool.at("archive", "ids"), "r+b") as file:
        file.seek(100)
        file.write(b"\0\0\0")
    make(rig, 3, "--days", "5", "--first", "1000")
    _, said = run(path, "create", *ALL, code=1)
    expect("reindex" in said, said)
    equal(len(jobs(files(path))), 3, "nothing is deleted with a damaged archive/ids")
    run(path, "reindex")
    create(path, *ALL)
    equal(files(path), {}, "afterwards")


# --- crashes and faults --------------------------------------------------------------------------------

def small(rig):
    return make(rig, 7, "--versions", "2", "--failed", "30", "--days", "40", "--names", "60")


@scenario
def killed(rig):
    """Before and after each system call that changes anything."""
    sweep_of_kills()
    original = small(rig)
    words = [PROGRAM, "create", "-s", None, *ALL, "--failed"]
    path = copy(rig, "all")
    words[3] = path
    code, stops = killing.run_threads(words)
    equal(code, 0, "exit code when traced")
    finished(path, original, "without a kill")
    expect(stops > 200, f"{stops} stops")
    step = 1 if LONG else 3
    points = [*range(1, stops + 8, step)]
    again = 0
    for k in points:
        path = copy(rig, "killed")
        words[3] = path
        code, _ = killing.run_threads(words, kill_at=k)
        nothing_lost(path, original, f"killed at {k}")
        if code is None:
            again += 1
        create(path, *ALL, "--failed")
        finished(path, original, f"killed at {k} and run again")
        equal(create(path, *ALL, "--failed")["archived"], 0, "a third run")
    print(f"{again} kills at {stops} stops")
    expect(again >= len(points) - 12, f"{again} kills of {len(points)}")


CALLS = ("write", "fsync", "renameat", "renameat2", "unlinkat", "openat", "mkdirat", "fchmod",
         "ftruncate", "pwrite")


@scenario
def faults(rig):
    """Each call that can fail does, once and for good."""
    original = small(rig)
    seen = 0
    for call in CALLS:
        for what in ("EIO", "ENOSPC"):
            for ever in ("", "+"):
                for when in range(1, 200) if LONG else (1, 2, 3, 5, 8, 13, 21, 34, 55, 89):
                    path = copy(rig, "fault")
                    before = {name: value for name, value in files(path).items()}
                    code = subprocess.run(
                        [PROGRAM, "create", "-s", path, *ALL, "--failed"], check=False, timeout=60,
                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                        env={**os.environ, **preload(f"{call}:{what}:{when}{ever}")})
                    nothing_lost(path, before, f"{call}:{what}:{when}{ever}")
                    expect(code.returncode in (0, 1, 71, 73),
                           f"{call}:{what}:{when}{ever}: {code.returncode} {code.stderr[-2000:]}")
                    if code.returncode == 0:
                        there = files(path)
                        expect(not there or call in ("write", "openat", "pwrite", "ftruncate"),
                               f"{call}:{what}:{when}{ever}: silent")
                    create(path, *ALL, "--failed")
                    finished(path, original, f"{call}:{what}:{when}{ever} and run again")
                    seen += 1
                    if code.returncode == 0 and when > 3:
                        break
    print(f"{seen} faults")


run_scenario()
