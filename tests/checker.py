#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""checker: judges a spool by spool-layout/README alone, with no code of the daemon's.

usage: checker.py SPOOL [--jobs FILE] [--ledger FILE] [--exact] [--running]

FILE of --jobs has what was dropped, one job or ID a line; FILE of --ledger is that of the mock's
--ledger-file. Prints each violation as `FILE: REASON` and leaves with 1 when there is one. A program
that looks at a spool several times keeps a Checker: it remembers the hash of each output.
"""
import argparse
import collections
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import tarfile

IDENTITY = ("type", "model", "prompt", "messages", "input", "system", "params", "user", "provider",
            "sample")
ID = "[0-9a-f]{64}"
OUTCOMES = {"ok", "transient", "throttled", "unknown", "unusable", "in_doubt", "upstream", "job",
            "cancelled"}
STATUSES = {"completed", "failed", "cancelled", "expired"}


# --- RFC 8785 ------------------------------------------------------------------------------------

def canonical_number(value):
    """A number as ECMAScript prints the double that it denotes (ECMA-262, Number::toString)."""
    number = float(value)
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.lstrip("0").rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + digits[0] + ("." + digits[1:] if count > 1 else "") + power


def canonical_string(text):
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    out = [short.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 0x20 else c) for c in text]
    return '"' + "".join(out) + '"'


def canonical(value):
    """The text of a JSON value in the canonical form of RFC 8785."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return canonical_number(value)
    if isinstance(value, str):
        return canonical_string(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(canonical_string(k) + ":" + canonical(value[k]) for k in keys) + "}"


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def identity(job, default_model=None):
    """The ID of a job, completed by the default model of a private spool."""
    group = {key: job[key] for key in IDENTITY if key in job}
    group.setdefault("type", "chat")
    if "model" not in group and default_model is not None:
        group["model"] = default_model
    return sha256(canonical(group))


def ledger_key(job):
    """What the mock calls a prompt's key: the hash of the text of all messages, one after the other."""
    texts = [job["system"]] if "system" in job else []
    if "prompt" in job:
        texts.append(job["prompt"])
    for message in job.get("messages", []):
        content = message.get("content") or ""
        parts = [{"text": content}] if isinstance(content, str) else content
        texts.extend(part.get("text", "") for part in parts)
    return sha256("".join(texts))


# --- reading -------------------------------------------------------------------------------------

def once(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key is there twice")
    return dict(pairs)


def read_json(path):
    with open(path, "rb") as file:
        return json.loads(file.read().decode(), object_pairs_hook=once)


def spent(attempts, outcomes=None):
    """Requests that attempts stand for, of all outcomes but ok, or of those given."""
    return sum(a.get("count", 1) for a in attempts
               if (a["outcome"] != "ok" if outcomes is None else a["outcome"] in outcomes))


class Checker:
    """Looks at one spool, once or several times."""

    def __init__(self, spool):
        self.spool = spool
        self.seen = {}      # output name: hash when first seen
        self.may_go = False # outputs are archived and pruned meanwhile
        self.problems = []
        self.shared = stat.S_IMODE(os.stat(os.path.join(spool, "new")).st_mode) & 0o2000 != 0
        self.mode = 0o640 if self.shared else 0o600
        self.default_model = read_json(os.path.join(spool, "spool.json")).get("default_model")

    def problem(self, path, reason):
        self.problems.append(f"{path}: {reason}")

    def path(self, *parts):
        return os.path.join(self.spool, *parts)

    def names(self, folder):
        return sorted(os.listdir(self.path(folder)))

    def load(self, folder, name):
        """A JSON object of the spool, or None after telling that it is none."""
        try:
            value = read_json(self.path(folder, name))
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            self.problem(f"{folder}/{name}", f"cannot be read as JSON: {error}")
            return None
        if isinstance(value, dict):
            return value
        self.problem(f"{folder}/{name}", "is no object")
        return None

    # --- while the daemon runs, or between two of them

    def look(self):
        """Outputs are whole from the moment that their name is there, never change and, unless
        may_go, stay."""
        there = set()
        for name in self.names("done"):
            if not re.fullmatch(ID + r"\.v[1-9][0-9]*\.json", name):
                continue
            there.add(name)
            try:
                with open(self.path("done", name), "rb") as file:
                    digest = sha256(file.read())
            except FileNotFoundError:
                there.remove(name)
                continue
            if self.seen.setdefault(name, digest) != digest:
                self.problem(f"done/{name}", "was changed after it was published")
        for name in () if self.may_go else set(self.seen) - there:
            self.problem(f"done/{name}", "was there and is gone")

    # --- one kind of file each

    def check_mode(self, folder, name, idle):
        mode = stat.S_IMODE(os.stat(self.path(folder, name)).st_mode)
        marked = folder == "cur" and mode & 0o100 != 0
        if marked and idle:
            self.problem(f"{folder}/{name}", f"is marked as running (mode {mode:o}) and nothing runs")
        if mode & ~0o111 != self.mode or (not marked and mode != self.mode):
            self.problem(f"{folder}/{name}", f"has mode {mode:o} instead of {self.mode:o}")

    def check_job(self, folder, name):
        job = self.load(folder, name)
        if job is None:
            return None
        found = identity(job)
        if found != name[:64]:
            self.problem(f"{folder}/{name}", f"its content has the ID {found}")
        if "model" not in job or "delay" in job or job.get("type") == "chat":
            self.problem(f"{folder}/{name}", "was accepted without being completed")
        return job

    def check_attempts(self, path, record, ended):
        attempts = record.get("attempts")
        if not isinstance(attempts, list):
            self.problem(path, "has no attempts")
            return []
        number = 1
        for attempt in attempts:
            if attempt.get("outcome") not in OUTCOMES:
                self.problem(path, f"has an attempt of outcome {attempt.get('outcome')}")
            if attempt.get("n") != number:
                self.problem(path, f"has attempt {attempt.get('n')} where {number} was due")
            if attempt["started"] > attempt["ended"]:
                self.problem(path, f"has attempt {number} that ended before it started")
            number += attempt.get("count", 1)
        if record.get("sends", 0) != number - 1:
            self.problem(path, f"counts {record.get('sends')} sends in {number - 1} attempts")
        if ended == "completed" and spent(attempts, {"ok"}) != 1:
            self.problem(path, "is completed without exactly one good attempt")
        return attempts

    def check_output(self, name):
        record = self.load("done", name)
        if record is None:
            return None
        path = f"done/{name}"
        version = int(name[66:-5])
        if record.get("id") != name[:64] or record.get("version") != version:
            self.problem(path, "says another ID or version than its name")
        output = record.get("output")
        if record.get("sha256") != sha256(output if isinstance(output, str) else canonical(output)):
            self.problem(path, "its sha256 is not that of its output")
        if record.get("status") not in STATUSES:
            self.problem(path, f"has status {record.get('status')}")
        times = [t for t in record["times"].values() if t is not None]
        if min(times) != record["times"]["submitted"] or max(times) != record["times"]["finished"]:
            self.problem(path, f"its times are out of order: {record['times']}")
        self.check_attempts(path, record, record.get("status"))
        self.check_mode("done", name, True)
        return record

    # --- one folder each

    def check_cur(self, idle):
        jobs, states = {}, {}
        for name in self.names("cur"):
            match = re.fullmatch(f"({ID})(\\.json|\\.state\\.json|\\.out\\.v[0-9]+|\\.partial)", name)
            if match is None:
                self.problem(f"cur/{name}", "is none of the files of this folder")
            elif match[2] == ".json":
                jobs[match[1]] = self.check_job("cur", name)
                self.check_mode("cur", name, idle)
            elif match[2] == ".state.json":
                states[match[1]] = self.load("cur", name)
                self.check_attempts(f"cur/{name}", states[match[1]] or {"attempts": []}, None)
            elif idle:
                self.problem(f"cur/{name}", "was left over")
        return jobs, states

    def check_done(self):
        jobs, outputs = {}, collections.defaultdict(dict)
        for name in self.names("done"):
            if re.fullmatch(ID + r"\.json", name):
                jobs[name[:64]] = self.check_job("done", name)
                self.check_mode("done", name, True)
            elif re.fullmatch(ID + r"\.v[1-9][0-9]*\.json", name):
                outputs[name[:64]][int(name[66:-5])] = self.check_output(name)
            else:
                self.problem(f"done/{name}", "is none of the files of this folder")
        for job, versions in outputs.items():
            # Older ones may have been pruned, or be archived without having been brought back.
            if sorted(versions) != list(range(min(versions), max(versions) + 1)):
                self.problem(f"done/{job}", f"has versions {sorted(versions)}")
        for job in jobs:
            good = [v for v in outputs[job].values() if v is not None and v["status"] == "completed"]
            if not good:
                self.problem(f"done/{job}.json", "has no good output")
        return jobs, outputs

    def check_failed(self, ending):
        """ending: jobs of cur/ whose end a kill may have cut short behind its error file."""
        jobs, errors, names = {}, {}, self.names("failed")
        for name in names:
            if re.fullmatch(ID + r"\.json", name):
                jobs[name[:64]] = self.check_job("failed", name)
                self.check_mode("failed", name, True)
            elif re.fullmatch(ID + r"\.error\.json", name):
                errors[name[:64]] = self.load("failed", name)
            elif name.endswith(".error.json"):
                if name[:-len(".error.json")] not in names:
                    self.problem(f"failed/{name}", "tells of a file that is not there")
                elif not (self.load("failed", name) or {}).get("message"):
                    self.problem(f"failed/{name}", "does not say why")
            elif name + ".error.json" not in names:
                self.problem(f"failed/{name}", "was refused, and no error file says why")
        for job in set(jobs) - set(errors):
            self.problem(f"failed/{job}.json", "has no error file")
        for job, error in errors.items():
            if error is None:
                continue
            if error.get("status") not in STATUSES - {"completed"} or not error.get("message"):
                self.problem(f"failed/{job}.error.json", "does not say how it ended and why")
            self.check_attempts(f"failed/{job}.error.json", error, None)
            gone = error.get("reason") in ("vanished", "changed")
            if job not in jobs and job not in ending and not gone:
                self.problem(f"failed/{job}.error.json", "has no job")
        return jobs, errors

    def waiting_in_new(self):
        """IDs of the jobs that lie in new/, dropped and not taken yet."""
        ids = set()
        for name in self.names("new"):
            if not name.endswith((".json", ".jsonl")):
                continue
            with open(self.path("new", name), "rb") as file:
                texts = file.read().split(b"\n") if name.endswith("l") else [file.read()]
            for text in texts:
                try:
                    ids.add(identity(json.loads(text), self.default_model))
                except (ValueError, TypeError):
                    continue
        return ids

    def check_rest(self):
        for name in self.names("tmp"):
            self.problem(f"tmp/{name}", "was left over")
        for name in self.names("by-name"):
            path = self.path("by-name", name)
            if not os.path.islink(path):
                self.problem(f"by-name/{name}", "is no symbolic link")
            elif not os.path.exists(path):
                self.problem(f"by-name/{name}", f"leads nowhere: {os.readlink(path)}")
        for name in self.names("outbox"):
            if name != "failed":
                self.load("outbox", name)
        for name in self.names("events"):
            for number, line in enumerate(self.event_lines(name), 1):
                self.check_event(f"events/{name}:{number}", line)

    def event_lines(self, name):
        path = self.path("events", name)
        if name.endswith(".zst"):
            done = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=False)
            if done.returncode != 0:
                self.problem(f"events/{name}", "cannot be decompressed")
            return done.stdout.decode("utf-8").splitlines()
        with open(path, encoding="utf-8") as file:
            return file.readlines()

    def check_event(self, path, line):
        try:
            event = json.loads(line)
            if not event["time"] or not event["event"]:
                raise ValueError("no time or no kind")
        except (ValueError, KeyError) as error:
            self.problem(path, f"is no event: {error}")

    # --- archives

    def volumes(self):
        """The volumes of archive/, by their paths below it."""
        found = []
        for folder, _, names in os.walk(self.path("archive")):
            found.extend(os.path.relpath(os.path.join(folder, name), self.path("archive"))
                         for name in names if name.endswith(".tar.zst"))
        return sorted(found)

    def check_digests(self, volume):
        stem = self.path("archive", volume[:-len(".tar.zst")])
        due = ""
        for end in (".tar.zst", ".idx.jsonl.zst"):
            with open(stem + end, "rb") as file:
                due += f"{sha256(file.read())}  {os.path.basename(stem)}{end}\n"
        with open(stem + ".sha256", encoding="ascii") as file:
            if file.read() != due:
                self.problem(f"archive/{volume}", "its digests are others")

    def check_member(self, volume, archived, member, data):
        """One file of a volume; what is of a job goes into archived."""
        path = f"archive/{volume}:{member.name}"
        match = re.fullmatch(f"(done|failed)/({ID})(\\.v([1-9][0-9]*)|\\.error)?\\.json", member.name)
        if match is None or not member.isreg() or member.mode != 0o600:
            self.problem(path, "is none of the files of an archive")
            return
        value = json.loads(data.decode(), object_pairs_hook=once)
        job = archived.setdefault(match[2], {"job": None, "outputs": {}, "errors": []})
        if match[3] is None:
            job["job"] = value
            if identity(value) != match[2]:
                self.problem(path, "its content has another ID")
        elif match[4] is None:
            job["errors"].append(value)
        else:
            job["outputs"][int(match[4])] = value
            output = value.get("output")
            due = sha256(output if isinstance(output, str) else canonical(output))
            if value.get("sha256") != due or value.get("version") != int(match[4]):
                self.problem(path, "is not the output that its name says")

    def check_volume(self, volume, archived):
        self.check_digests(volume)
        tar = subprocess.run(["zstd", "-dcq", self.path("archive", volume)], check=True,
                             stdout=subprocess.PIPE).stdout
        manifest, files = [], []
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            for member in archive:
                data = archive.extractfile(member).read() if member.isreg() else b""
                if not manifest and not files and member.name == "MANIFEST.jsonl":
                    manifest = [json.loads(line) for line in data.splitlines()]
                    continue
                files.append((member.name, len(data), sha256(data)))
                self.check_member(volume, archived, member, data)
        if [(m["name"], m["size"], m["sha256"]) for m in manifest] != files:
            self.problem(f"archive/{volume}", "its manifest is not that of its files")

    def check_archive(self):
        """What is archived: a job, outputs by version, error files for each ID."""
        archived = {}
        for volume in self.volumes():
            try:
                self.check_volume(volume, archived)
            except (OSError, ValueError, tarfile.TarError, subprocess.CalledProcessError) as error:
                self.problem(f"archive/{volume}", f"cannot be read: {error}")
        return archived
    # --- runs

    def check_run(self, run):
        """The places of a run: each line is one, and one that takes another's place says whose."""
        path = os.path.join("runs", run, "manifest.jsonl")
        places = {}
        with open(self.path(path), "rb") as file:
            lines = file.read().split(b"\n")[:-1]  # what is behind the last newline is torn
        for number, line in enumerate(lines, 1):
            try:
                place = json.loads(line, object_pairs_hook=once)
                position, job = place["position"], place["id"]
            except (ValueError, KeyError, TypeError) as error:
                self.problem(f"{path}:{number}", f"is no place of a run: {error}")
                continue
            if place.get("replaces") != places.get(position):
                self.problem(f"{path}:{number}", f"replaces another than position {position} had")
            places[position] = job

    def check_runs(self):
        for run in self.names("runs"):
            if os.path.exists(self.path("runs", run, "manifest.jsonl")):
                self.check_run(run)

    # --- the whole

    def check_places(self, dropped, places, archived=()):
        """Each identity is in exactly one folder, and what was dropped is there or archived."""
        self.check_folders(places)
        for job in dropped:
            if not any(job in jobs for jobs in places.values()) and job not in archived:
                self.problem(job, "was dropped and is nowhere")

    def check_folders(self, places):
        where = collections.defaultdict(list)
        for folder, jobs in places.items():
            for job in jobs:
                where[job].append(folder)
        for job, folders in where.items():
            if len(folders) > 1:
                self.problem(job, f"is in {' and '.join(folders)}")

    def check_costs(self, ledger, exact, jobs, outputs, errors, states, archived):
        """Promise 8: requests per identity against recorded attempts. Jobs with one text share a
        line of the ledger."""
        bound, found = collections.Counter(), collections.defaultdict(list)
        for job, document in jobs.items():
            if document is None:
                continue
            records = [*outputs.get(job, {}).values(), errors.get(job), states.get(job)]
            attempts = [r["attempts"] for r in records if r is not None]
            attempts.append(new_attempts(archived.get(job, {}).get("errors", ()), attempts))
            key = ledger_key(document)
            found[key].append(job[:12])
            if exact:
                bound[key] += sum(spent(a, OUTCOMES) for a in attempts)
            else:
                bound[key] += sum(spent(a) for a in attempts) + max(len(outputs.get(job, {})), 1)
                bound[key] += 1 if job in states and outputs.get(job) else 0
        for key, received in ledger.items():
            if key not in found:
                self.problem(f"ledger {key}", f"{received} requests for no job")
            elif received > bound[key] or (exact and received != bound[key]):
                self.problem(f"ledger {' '.join(found[key])}",
                             f"{received} requests, {bound[key]} accounted for")
        for key in set(found) - set(ledger) if exact else ():
            if bound[key] > 0:
                self.problem(f"ledger {' '.join(found[key])}",
                             f"no request, {bound[key]} accounted for")

    def judge(self, dropped=(), ledger=None, exact=False, idle=True):
        """All of the above for a spool on which no daemon works (or, without idle, one that was
        just killed). Returns the problems found so far."""
        self.look()
        self.check_runs()
        cur, states = self.check_cur(idle)
        done, outputs = self.check_done()
        failed, errors = self.check_failed(set() if idle else set(cur))
        if idle:
            for job in set(outputs) - set(done) - set(cur):
                self.problem(f"done/{job}", "has outputs and no job")
            for name in self.names("new"):
                self.problem(f"new/{name}", "was not taken")
            self.check_rest()
        there = set() if idle else self.waiting_in_new()
        # A state file is durable before its job comes back into cur/, and goes after it has left: a
        # kill between leaves it behind, but never without its job elsewhere.
        elsewhere = set() if idle else set(done) | set(failed) | there
        for job in set(states) - set(cur) - elsewhere:
            self.problem(f"cur/{job}.state.json", "has no job")
        archived = self.check_archive()
        self.check_places(set(dropped) - there, {"cur": cur, "done": done, "failed": failed},
                          archived)
        if ledger is not None:
            for job, found in archived.items():
                outputs[job] = {**found["outputs"], **outputs.get(job, {})}
            jobs = {job: found["job"] for job, found in archived.items()}
            self.check_costs(ledger, exact, {**jobs, **cur, **failed, **done}, outputs, errors,
                             states, archived)
        return self.problems


def new_attempts(records, known):
    """The attempts of archived error files that no other record has: a job that came back from
    failed/ takes its attempts along, one that was archived and asked again does not."""
    seen = {(a["started"], a.get("request_id")) for attempts in known for a in attempts}
    found = []
    for record in records:
        for attempt in record["attempts"]:
            key = (attempt["started"], attempt.get("request_id"))
            if key not in seen:
                seen.add(key)
                found.append(attempt)
    return found


def read_ledger(path):
    """Requests per key from the mock's ledger file; the last line of a mock that was killed may be
    torn."""
    counts = collections.Counter()
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                counts[json.loads(line)["key"]] += 1
    return counts


def read_dropped(path, default_model):
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip()]
    return {line if re.fullmatch(ID, line) else identity(json.loads(line), default_model)
            for line in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("spool")
    parser.add_argument("--jobs", help="what was dropped: a job or an ID a line")
    parser.add_argument("--ledger", help="the mock's ledger file")
    parser.add_argument("--exact", action="store_true",
                        help="nothing was killed: requests equal the attempts")
    parser.add_argument("--running", action="store_true", help="a daemon may be at work")
    options = parser.parse_args()
    checker = Checker(options.spool)
    dropped = read_dropped(options.jobs, checker.default_model) if options.jobs else ()
    ledger = read_ledger(options.ledger) if options.ledger else None
    problems = checker.judge(dropped, ledger, options.exact, not options.running)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
