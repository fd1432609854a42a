# SPDX-License-Identifier: GPL-2.0-or-later
"""volumes: archives made by spool-layout/README, section 19, with none of llmspool's code: Python's
tarfile and the zstd command. Good ones, and ones in which anything may be wrong.
"""
import calendar
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checker import canonical, identity  # noqa: E402

MEBIBYTE = 1 << 20
LEFT_OUT = {"output", "response", "attempts", "raw", "tool_calls", "refusal", "message", "advice", "sha256",
            "id", "version", "status"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def compress(data, level=3):
    """One frame with its size and its checksum."""
    if not data:
        return b""
    result = subprocess.run(["zstd", "-q", "-c", f"-{level}", "--check",
                             f"--stream-size={len(data)}"], input=data, stdout=subprocess.PIPE,
                            check=True)
    return result.stdout


def rfc3339(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


def line(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Job:
    """A finished job: its files as bytes, in the order of an archive."""

    def __init__(self, document, records, folder="done"):
        self.document = document
        self.id = identity(document)
        self.folder = folder
        self.records = records
        self.files = [(f"{folder}/{self.id}.json", line(document))]
        for record in records:
            name = f".v{record['version']}" if folder == "done" else ".error"
            self.files.append((f"{folder}/{self.id}{name}.json", line(record)))

    @property
    def newest(self):
        return self.records[-1]

    @property
    def told(self):
        """What its line in the index tells of."""
        good = [r for r in self.records if r["status"] == "completed"]
        return good[-1] if good else self.newest


def output(job, version, text, finished, status="completed", **more):
    value = text if status == "completed" else None
    digest = sha256(value.encode() if isinstance(value, str) else canonical(value).encode())
    return {"id": identity(job), "version": version, "status": status, "output": value,
            "finish_reason": "stop", "truncated": False,
            "model": {"asked": job["model"], "answered": job["model"]}, "provider": "test",
            "mock": False, "user": job.get("user"),
            "usage": {"input_tokens": 7, "output_tokens": len(text), "cached_tokens": None,
                      "reasoning_tokens": None},
            "times": {"submitted": rfc3339(finished - 3000), "accepted": rfc3339(finished - 2500),
                      "started": rfc3339(finished - 2000), "first_token": None,
                      "finished": rfc3339(finished)},
            "latency_ms": 2000,
            "attempts": [{"n": 1, "started": rfc3339(finished - 2000), "ended": rfc3339(finished),
                          "outcome": "ok" if status == "completed" else "job", "counted": True}],
            "sends": 1, "throttled": 0, "doubts": 0, "metadata": job.get("metadata", {}),
            "sha256": digest, "response": {"choices": [{"text": text}]}, **more}


def completed(number, versions=1, finished=1764500000000, size=40, **job):
    """A job of done/ with so many versions, a second apart."""
    document = {"model": "m-small", "prompt": f"question {number}", "user": "ann", **job}
    records = [output(document, v, f"answer {number} version {v} " + "x" * size,
                      finished + 1000 * (number % 1000) + 1000 * v)
               for v in range(1, versions + 1)]
    return Job(document, records)


def failed(number, finished=1764500000000, status="failed", reason="http_400"):
    document = {"model": "m-large", "prompt": f"bad question {number}", "user": "bob"}
    when = finished + 1000 * (number % 1000)
    record = {"id": identity(document), "run": 1, "tries": 0, "status": status, "reason": reason,
              "message": "the provider refused it", "model": document["model"], "provider": "test",
              "user": "bob",
              "attempts": [{"n": 1, "started": rfc3339(when - 500), "ended": rfc3339(when),
                            "outcome": "job", "counted": True}],
              "sends": 1, "throttled": 0, "doubts": 0,
              "times": {"submitted": rfc3339(when - 2000), "accepted": rfc3339(when - 1500),
                        "started": rfc3339(when - 500), "first_token": None,
                        "finished": rfc3339(when)},
              "metadata": {}}
    return Job(document, [record], "failed")


def header(name, size, mtime, **fields):
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, mtime, 0o600
    for key, value in fields.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.USTAR_FORMAT)


def entry(name, data, mtime, **fields):
    return header(name, len(data), mtime, **fields) + data + b"\0" * (-len(data) % 512)


def milliseconds(text):
    seconds = calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    return seconds * 1000 + int(text[20:23])


class Volume:
    """A volume that is put together in steps, each of which a test may replace.

    on_entry(name, data, mtime) gives the bytes of an entry, on_manifest(lines) the lines of the
    manifest, on_index(lines) those of the index, on_tar(frames) the uncompressed frames."""

    def __init__(self, jobs, frame_size=MEBIBYTE, **hooks):
        self.jobs = sorted(jobs, key=lambda job: job.id)
        self.frame_size = frame_size
        self.hooks = hooks

    def hook(self, name, value, *arguments):
        return self.hooks[name](value, *arguments) if name in self.hooks else value

    def finished(self, job):
        return job.newest["times"]["finished"]

    def seconds(self, job):
        return milliseconds(self.finished(job)) // 1000

    def manifest(self):
        lines = []
        for job in self.jobs:
            for name, data in job.files:
                lines.append({"name": name, "size": len(data), "sha256": sha256(data),
                              "id": job.id, "model": job.document["model"],
                              "user": job.document.get("user"), "finished": self.finished(job)})
        return b"".join(map(line, self.hook("on_manifest", lines)))

    def index_line(self, job, frame, at, length):
        told = {k: v for k, v in job.told.items() if k not in LEFT_OUT}
        done = job.folder == "done"
        return {"id": job.id, "state": "completed" if done else job.newest["status"],
                **({"version": job.newest["version"]} if done else {}),
                "frame": frame, "at": at, "length": length,
                "files": [{"name": n, "size": len(d), "sha256": sha256(d)} for n, d in job.files],
                "type": job.document.get("type", "chat"), "finished": self.finished(job), **told}

    def entries(self, job):
        parts = [self.hook("on_entry", entry(name, data, self.seconds(job)), name, data,
                           self.seconds(job)) for name, data in job.files]
        return b"".join(parts)

    def frames(self):
        """The uncompressed frames, and where each job lies: (frame number, at, length)."""
        times = [self.seconds(job) for job in self.jobs]
        frames = [entry("MANIFEST.jsonl", self.manifest(), max(times, default=0))]
        places, current = [], b""
        for job in self.jobs:
            data = self.entries(job)
            places.append((len(frames), len(current), len(data)))
            current += data
            if len(current) >= self.frame_size:
                frames.append(current)
                current = b""
        frames.append(current + b"\0" * 1024)
        return self.hook("on_tar", frames), places

    def write(self, archive, stem):
        """Writes the three files below the folder archive; stem has no suffix."""
        frames, places = self.frames()
        offsets, pieces, offset = [], [], 0
        for content in frames:
            pieces.append(self.hook("on_frame", compress(content), content))
            offsets.append(offset)
            offset += len(pieces[-1])
        body = self.hook("on_volume", b"".join(pieces))
        name = os.path.basename(stem)
        lines = [self.index_line(job, offsets[frame], at, length)
                 for job, (frame, at, length) in zip(self.jobs, places)]
        times = sorted(milliseconds(self.finished(job)) for job in self.jobs)
        head = {"llmspool_archive": 1, "volume": f"{name}.tar.zst", "size": len(body),
                "sha256": sha256(body), "units": len(self.jobs),
                "files": sum(len(job.files) for job in self.jobs), "first": rfc3339(times[0]),
                "last": rfc3339(times[-1])}
        index = compress(self.hook("on_index_bytes",
                                   b"".join(map(line, self.hook("on_index", [head, *lines])))))
        path = os.path.join(archive, stem)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        for suffix, data in ((".idx.jsonl.zst", index),
                             (".sha256", f"{sha256(body)}  {name}.tar.zst\n"
                              f"{sha256(index)}  {name}.idx.jsonl.zst\n".encode()),
                             (".tar.zst", body)):
            with open(path + suffix, "wb") as file:
                file.write(data)
        return lines


def write_ids(archive, volumes):
    """archive/ids of volumes: a list of (stem, Volume, lines of its index), the oldest first."""
    records, table = [], b""
    for number, (stem, _, lines) in enumerate(volumes):
        for row in lines:
            version = row.get("version", 0)
            records.append(bytes.fromhex(row["id"]) + number.to_bytes(4, "little")
                           + version.to_bytes(4, "little") + row["frame"].to_bytes(8, "little")
                           + row["at"].to_bytes(4, "little") + row["length"].to_bytes(4, "little")
                           + bytes.fromhex(row["files"][-1]["sha256"])[:8])
        path = os.path.join(archive, stem)
        digests = {}
        for suffix in (".tar.zst", ".idx.jsonl.zst"):
            with open(path + suffix, "rb") as file:
                digests[suffix] = sha256(file.read())
        table += line({"volume": stem + ".tar.zst", "size": os.path.getsize(path + ".tar.zst"),
                       "sha256": digests[".tar.zst"], "index_sha256": digests[".idx.jsonl.zst"]})
    records.sort(key=lambda r: (r[:32], int.from_bytes(r[32:36], "little")))
    body = (b"llmspool-ids 1\n\0" + len(records).to_bytes(8, "little")
            + len(volumes).to_bytes(4, "little") + (64).to_bytes(4, "little")
            + (64 + 64 * len(records)).to_bytes(8, "little") + len(table).to_bytes(8, "little")
            + bytes(16) + b"".join(records) + table)
    body += hashlib.sha256(body).digest()
    temporary = os.path.join(archive, "ids.new")
    with open(temporary, "wb") as file:
        file.write(body)
    os.rename(temporary, os.path.join(archive, "ids"))
