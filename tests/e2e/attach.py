#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""attach: files that jobs attach: taken, sent by each protocol, kept while anything refers to them."""
import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time

from rig import (BUILD, PATIENCE, Rig, Skip, Spool, equal, expect, preload, provider, run_scenario, scenario,
                 sweep_of_kills, until)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
PDF = b"%PDF-1.7\n" + bytes(range(255, -1, -1)) * 30
TEXT = "Überall gilt: a\tb\r\nzweite Zeile \\ \u2603\n".encode()
DAY = 86400
# All calls by which attachments are taken and removed.
CALLS = ("renameat2", "renameat", "unlinkat", "fsync", "openat", "write", "fchmod")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def write(rig, name, data):
    path = os.path.join(rig.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path


def command(program, spool, *words, code=0, environment=None):
    """Runs a program of ours; returns what it prints and says."""
    verb = words[:1] if program in ("llmspool-archive", "llmspool-ctl") else ()
    done = subprocess.run([os.path.join(BUILD, program), *verb, "-s", spool.path, *words[len(verb):]],
                          env={**os.environ, **(environment or {})}, capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    expect(done.returncode in (code if isinstance(code, tuple) else (code,)),
           f"{program} {words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def submit(spool, *words, **options):
    return command("llmspool-submit", spool, *words, **options)[0]


def prune(spool, *words, **options):
    conf = spool.path + ".prune"
    open(conf, "ab").close()
    text, _ = command("llmspool-prune", spool, "-c", conf, "--json", *words, **options)
    return json.loads(text)["attachments"]["count"] if text else None


def part(data, media_type="image/png", **more):
    return {"type": "file", "blob": digest(data), "media_type": media_type, **more}


def asking(data, question="What is it?", **more):
    """A job about an image."""
    return {"model": "m", "messages": [{"role": "user", "content": [
        part(data), {"type": "text", "text": question}]}], **more}


def drop_blob(spool, data, name=None):
    return spool.put(data, name=f"{name or digest(data)}.blob", by=os.link)


def blobs(spool):
    return {name for name in spool.names("blobs") if len(name) == 64}


def marks(spool):
    return {tuple(name.split(".")) for name in spool.names("blobs") if len(name) == 129}


def age(spool, days=2):
    """Makes all attachments look as if they had been dropped days ago."""
    for name in blobs(spool):
        os.utime(spool.at("blobs", name), (time.time() - days * DAY,) * 2)


def sent(mock):
    """What the mock received last, by its ledger file."""
    with open(mock.ledger_file, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def errors(spool):
    """The refusals by the names that were dropped."""
    found = [spool.json("failed", name) for name in spool.names("failed", ".error.json")]
    return {record.get("name"): record for record in found}


@scenario
def each_protocol(rig: Rig):
    """The bytes arrive as they are, in each protocol's own form."""
    mock = rig.mock()
    spool = rig.spool
    paths = [write(rig, "a/photo", PNG), write(rig, "a/paper.txt", PDF), write(rig, "notes", TEXT)]
    flags = [word for path in paths for word in ("--attach", path)]
    for protocol in ("openai", "openai-responses", "anthropic"):
        rig.configuration(provider(mock, protocol) + 'model "*" {\n    provider = "p"\n}\n')
        daemon = rig.daemon()
        answer = submit(spool, *flags, "--wait", "--wait-timeout", "30s", f"Say {protocol}")
        expect(answer.rstrip().endswith(f"Say {protocol}"), f"{protocol}: the answer is {answer!r}")
        line = sent(mock)[-1]
        if protocol == "anthropic":
            equal(line["files"], [digest(PNG), digest(PDF), digest(TEXT)], f"files by {protocol}")
        else:
            equal(line["files"], [digest(PNG), digest(PDF)], f"files by {protocol}")
            equal(line["prompt"].encode(), b"notes:\n" + TEXT + f"Say {protocol}".encode(),
                  f"the question by {protocol}")
        daemon.stop()
    equal(blobs(spool), {digest(data) for data in (PNG, PDF, TEXT)}, "blobs/")
    equal(len(marks(spool)), 9, "marks of three jobs with three files")
    rig.check()


@scenario
def one_job(rig: Rig):
    """The same file is the same job wherever it lies, is stored once, and its name counts."""
    mock = rig.mock()
    spool = rig.spool
    first, second = write(rig, "one/x.png", PNG), write(rig, "two/x.png", PNG)
    other = write(rig, "two/y.png", PNG)
    write(rig, "two/job.json", json.dumps({"messages": [{"role": "user", "content": [
        {"type": "file", "path": "x.png"}, {"type": "text", "text": "Look"}]}]}).encode())
    ids = {submit(spool, "--print-id", "--attach", path, "Look").strip() for path in (first, second)}
    ids.add(submit(spool, "--print-id", "--job", os.path.join(rig.folder, "two/job.json")).strip())
    equal(len(ids), 1, "IDs of one question about one file")
    expect(submit(spool, "--print-id", "--attach", other, "Look").strip() not in ids,
           "the name of a file counts")
    expect(not spool.names("new") and not spool.names("blobs"), "--print-id drops something")
    rig.daemon()
    for path in (first, second, other):
        submit(spool, "--attach", path, "--wait", "Look")
    equal(blobs(spool), {digest(PNG)}, "blobs/")
    equal(len(marks(spool)), 2, "marks")
    equal(mock.requests(), 2, "requests")
    equal(len(spool.jobs("done")), 2, "jobs in done/")
    rig.check()


@scenario
def not_attached(rig: Rig):
    """What cannot be attached is told before anything is dropped."""
    spool = rig.spool
    for name, data, words in (("zero", b"", "it is empty"), ("x.png", b"\0\1\2", "by its content"),
                              ("bad.txt", b"a\xff", "by its content")):
        said = command("llmspool-submit", spool, "--attach", write(rig, name, data), "Q", code=65)[1]
        expect(words in said and name in said, f"{name}: {said!r}")
    expect("standard input" in command("llmspool-submit", spool, "--attach", "-", "Q", code=64)[1],
           "--attach -")
    said = command("llmspool-submit", spool, "--attach", write(rig, "x", PNG), "--type", "embed", "Q",
                   code=65)[1]
    expect("another type" in said, said)
    large = write(rig, "large", b"a" * (32 * 1024 * 1024 + 1))
    expect("33554432" in command("llmspool-submit", spool, "--attach", large, "Q", code=65)[1],
           "a file above the limit")
    expect(not spool.names("new") and not spool.names("tmp"), "something was dropped")


@scenario
def refused(rig: Rig):
    """A wrong digest and a file that is too large go to failed/ with a reason; so does a job that has too
    much attached."""
    mock = rig.mock()
    spool = rig.spool
    rig.configure(mock, "attachment_limit = 20KiB")
    drop_blob(spool, PNG, name=digest(PDF))
    drop_blob(spool, PNG * 3)
    drop_blob(spool, PNG)
    spool.put(json.dumps({"model": "m", "messages": [{"role": "user", "content": [
        part(PNG), part(PNG)]}]}), name="twice.json")
    rig.until_empty(code=1, patience="2s")
    found = errors(spool)
    equal(found[f"{digest(PDF)}.blob"]["reason"], "bad_attachment", "reason of another digest")
    equal(found[f"{digest(PNG * 3)}.blob"]["reason"], "bad_attachment", "reason of a large file")
    expect("the limit is 20480" in found[f"{digest(PNG * 3)}.blob"]["message"], "the limit is not named")
    equal(found["twice.json"]["reason"], "no_attachment", "reason of a job with too much")
    expect("attachment_limit" in found["twice.json"]["message"], found["twice.json"]["message"])
    equal(blobs(spool), {digest(PNG)}, "blobs/")
    rig.check()
    said = command("llmspool-submit", spool, "--attach", write(rig, "x", PNG * 3), "Q", code=65)[1]
    expect("20480" in said, f"submit does not know the daemon's limit: {said!r}")


@scenario
def estimated(rig: Rig):
    """What is attached counts in an estimate before anything is dropped."""
    path = write(rig, "long.txt", b"word " * 20000)
    bare, whole = (json.loads(submit(rig.spool, "--estimate", "--json", *words, "Q").splitlines()[-1])
                   for words in ((), ("--attach", path)))
    equal(whole["input_tokens"] - bare["input_tokens"] > 25000, True,
          f"tokens of 100,000 bytes of text: {bare} {whole}")
    expect(not rig.spool.names("new"), "an estimate drops something")


@scenario
def blob_after_job(rig: Rig):
    """A job, and a line of a list, wait for their attachments and say so; status shows it."""
    rig.mock()
    spool = rig.spool
    rig.daemon()
    spool.drop(asking(PNG))
    until(lambda: any("its attachment " + digest(PNG)[:12] in reason
                      for reason in [json.dumps(spool.status())]), "status tells what is waited for")
    equal(len(spool.names("new", ".json")), 1, "jobs that wait in new/")
    drop_blob(spool, PNG)
    until(lambda: len(spool.jobs("done")) == 1 and not spool.names("new"), "the job's end")
    spool.drop_list([asking(PDF, str(i)) for i in range(3)] + [asking(PNG, "4")])
    until(lambda: len(spool.jobs("done")) == 2, "the line that waits for nothing")
    until(lambda: digest(PDF)[:12] in json.dumps(spool.status()), "status tells what the list waits for")
    drop_blob(spool, PDF)
    until(lambda: not spool.names("new") and not spool.names("cur"), "the list's end")
    # It is no PNG: each of these jobs fails by itself, and costs nothing.
    equal(len(spool.jobs("failed")), 3, "jobs whose file is of another kind")
    equal({record["reason"] for record in errors(spool).values()}, {"cannot_express"}, "reasons")
    equal(rig.mocks[-1].requests(), 2, "requests")


@scenario
def typed(rig: Rig):
    """Files go to what a template makes of the words."""
    mock = rig.mock()
    text = write(rig, "letter.txt", TEXT)
    submit(rig.spool, "--type", "summarize", "--attach", text, "Who wrote it?")
    rig.until_empty()
    (job,) = rig.spool.jobs("done")
    document = rig.spool.json("done", f"{job}.json")
    expect(document["system"].startswith("Summarize"), f"the template's words: {document}")
    equal(sent(mock)[0]["prompt"].encode(), b"letter.txt:\n" + TEXT + b"Who wrote it?", "the question")
    equal(blobs(rig.spool), {digest(TEXT)}, "attachments")


@scenario
def steps(rig: Rig):
    """What a waiting step attaches is kept, and sent when it is the step's turn."""
    mock = rig.mock()
    spool = rig.spool
    rig.daemon()
    drop_blob(spool, PNG)
    until(lambda: blobs(spool) == {digest(PNG)}, "the attachment")
    until(lambda: not spool.names("new"), "the drop to leave")
    write(rig, "spool/ctl/hold.flows.seen", b"")
    first = {"model": "m", "name": "first", "prompt": "Say hello"}
    after = {**asking(PNG, "Like {{outputs.first}}?"), "name": "second", "after": ["first"]}
    spool.put(json.dumps({"flow": "seen", "steps": [first, after]}))
    until(lambda: spool.names("flows") == ["seen"] and not spool.names("new"), "the flow to wait")
    age(spool)
    equal(prune(spool), 0, "attachments removed")
    equal(blobs(spool), {digest(PNG)}, "attachments of waiting steps")
    os.unlink(spool.at("ctl", "hold.flows.seen"))
    until(lambda: len(spool.jobs("done")) == 2, "the end of both steps")
    equal(sent(mock)[1]["files"], [digest(PNG)], "files of the second step")
    rig.check()


@scenario
def blob_never(rig: Rig):
    """A job whose attachment does not come is refused in time, and kept."""
    rig.mock()
    spool = rig.spool
    faketime = next((path for path in
                     ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
                      "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1") if os.path.exists(path)), None)
    expect(faketime, "libfaketime is not installed")
    spool.put(json.dumps(asking(PNG)), name="waits.json")
    spool.drop_list([asking(PDF)], name="lines")
    spool.put(json.dumps({"flow": "lost", "steps": [{**asking(PDF, "Or so?"), "name": "never"}]}))
    rig.daemon(environment={"LD_PRELOAD": faketime, "FAKETIME": "+0d x60", "DONT_FAKE_MONOTONIC": "1",
                            "FAKETIME_DONT_RESET": "1",
                            "ASAN_OPTIONS": "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")})
    until(lambda: not spool.names("new") and len(errors(spool)) == 3, "the end of the patience")
    found = errors(spool)
    equal({record["reason"] for record in found.values()}, {"no_attachment"}, "reasons")
    equal(set(found), {"waits.json", "lines.jsonl:1", None}, "what was refused, and the step")
    expect(os.path.islink(spool.at("by-name", "never")), "the step by its name")


@scenario
def damaged_before_sending(rig: Rig):
    """An attachment that is gone or damaged is not sent: the job fails, and a new drop mends it."""
    mock = rig.mock()
    spool = rig.spool
    spool.switch("pause")
    daemon = rig.daemon()
    for data in (PNG, PDF):
        drop_blob(spool, data)
    first = spool.drop(asking(PNG))
    spool.drop({"model": "m", "messages": [{"role": "user", "content": [part(PDF, "application/pdf")]}]})
    until(lambda: len(spool.jobs("cur")) == 2, "acceptance")
    os.unlink(spool.at("blobs", digest(PNG)))
    with open(spool.at("blobs", digest(PDF)), "r+b") as file:
        file.write(b"%PDX")
    spool.switch("pause", on=False)
    until(lambda: len(spool.jobs("failed")) == 2, "the jobs' end")
    equal({spool.json("failed", f"{job}.error.json")["reason"] for job in spool.jobs("failed")},
          {"attachment_lost"}, "reasons")
    equal(mock.requests(), 0, "requests")
    equal({name for name in ("blob_missing", "blob_damaged")
           if name in command("llmspool-check", spool, code=1)[0]}, {"blob_missing", "blob_damaged"},
          "what llmspool-check tells")
    for data in (PNG, PDF):
        drop_blob(spool, data)
    until(lambda: not spool.names("new"), "the attachments")
    spool.order("retry", *spool.jobs("failed"))
    until(lambda: len(spool.jobs("done")) == 2, "the retries")
    equal(sent(mock)[-1].get("files") is not None, True, "the files that were sent")
    expect(first in spool.jobs("done"), "the job with the image")
    daemon.stop()
    rig.check()


def finish(rig, what):
    """A daemon without faults ends what is there; the job is done once, its file is there and marked."""
    spool = rig.spool
    rig.until_empty()
    equal(len(spool.jobs("done")), 1, f"{what}: jobs in done/")
    equal(spool.names("new"), [], f"{what}: new/")
    equal(blobs(spool), {digest(PNG)}, f"{what}: blobs/")
    equal(len(marks(spool)), 1, f"{what}: marks")
    with open(spool.at("blobs", digest(PNG)), "rb") as file:
        equal(digest(file.read()), digest(PNG), f"{what}: bytes")
    expect(not [name for name in spool.names("tmp") if name.startswith("llmspoold.")], f"{what}: tmp/")
    rig.check()


@scenario
def taking_killed(rig: Rig):
    """The daemon is killed before and after each call of taking an attachment and its job."""
    sweep_of_kills()
    mock = rig.mock()
    template = rig.spool
    drop_blob(template, PNG)
    template.drop(asking(PNG))
    points = 0
    for call, what in itertools.product(CALLS, ("KILL", "AFTER")):
        for when in itertools.count(1):
            fault = f"{call}:{what}:{when}"
            rig.spool = Spool.copy(template, os.path.join(rig.folder, fault.replace(":", "-")))
            daemon = rig.daemon("--until-empty", "--patience", "30s", wait=False,
                                environment=preload(fault))
            killed = daemon.wait(60) == -signal.SIGKILL
            finish(rig, fault)
            shutil.rmtree(rig.spool.path)
            points += killed
            if not killed:
                break
    print(f"killed at {points} calls, {mock.requests()} requests")
    expect(points >= 20, f"only {points} calls")


def archive_all(spool):
    command("llmspool-archive", spool, "create", "--older-than", "0")


@scenario
def kept_while_referred(rig: Rig):
    """An attachment stays while a job of new/, cur/, done/, failed/ or the archive refers to it, and goes
    when none does and it is no longer young."""
    mock = rig.mock()
    rig.configure(mock, "")
    spool = rig.spool
    files = [PNG + bytes([i]) for i in range(6)]
    for data in files:
        drop_blob(spool, data)
    spool.drop(asking(files[0]))          # done
    spool.drop(asking(files[1], expires="2001-01-01T00:00:00Z"))  # failed: expired
    spool.drop(asking(files[2]))          # archived
    spool.drop(asking(files[3], not_before="2100-01-01T00:00:00Z"))
    daemon = rig.daemon()
    until(lambda: not spool.names("new") and len(spool.jobs("cur")) == 1, "the jobs' ends")
    archive_all(spool)
    expect(not spool.jobs("done"), "what was archived stayed in done/")
    daemon.stop()
    spool.drop_list([asking(files[4])])   # new
    equal(prune(spool), 0, "young attachments that went")
    age(spool)
    equal(prune(spool, "-n"), 1, "attachments that would go")
    equal(len(blobs(spool)), 6, "attachments after --dry-run")
    equal(prune(spool), 1, "attachments that went")
    equal(blobs(spool), {digest(data) for data in files[:5]}, "blobs/")
    rig.daemon()
    until(lambda: not spool.names("new"), "the list")
    age(spool)
    equal(prune(spool), 0, "attachments that went")
    answer = submit(spool, "--job", write(rig, "again.json", json.dumps(asking(files[2])).encode()), "--wait")
    expect("What is it?" in answer, f"the answer from the archive: {answer!r}")
    requests = mock.requests()
    spool.order("rerun", next(job for job in spool.jobs("done")
                              if digest(files[2]) in json.dumps(spool.json("done", f"{job}.json"))))
    until(lambda: mock.requests() == requests + 1, "a rerun of what was restored")
    equal(sent(mock)[-1]["files"], [digest(files[2])], "what it sent")


@scenario
def gone_with_the_job(rig: Rig):
    """What prune and forget take away takes its attachments along, and leaves those of others."""
    mock = rig.mock()
    rig.configure(mock, "")
    spool = rig.spool
    for data in (PNG, PDF):
        drop_blob(spool, data)
    both = {"model": "m", "messages": [{"role": "user", "content": [part(PNG), part(PDF, "application/pdf")]}]}
    first = spool.drop(both)
    second = spool.drop(asking(PNG, name="stays"))
    rig.daemon()
    until(lambda: len(spool.jobs("done")) == 2, "the jobs' ends")
    archive_all(spool)
    command("llmspool-ctl", spool, "forget", "--yes", first)
    equal(blobs(spool), {digest(PNG)}, "blobs/ after forget")
    equal(marks(spool), {(digest(PNG), second)}, "marks after forget")
    command("llmspool-archive", spool, "restore", second)
    age(spool)
    equal(prune(spool), 0, "attachments that went before their job")
    rig.check()


@scenario
def beside_submissions(rig: Rig):
    """Attachments that are removed whenever nobody refers to them, while the same ones are attached again
    and again: no job misses one."""
    rig.mock()
    rig.configure(rig.mocks[-1], "")
    spool = rig.spool
    rig.daemon()
    path = write(rig, "x.png", PNG)
    conf = spool.path + ".prune"
    open(conf, "ab").close()
    for turn in range(25):
        pruning = subprocess.Popen(
            ["sh", "-c", 'for i in 1 2 3; do "$0" -s "$1" -c "$2" -q --archive-before-prune no --outputs 0 '
             "--attachments 0 || exit 1; done", os.path.join(BUILD, "llmspool-prune"), spool.path, conf])
        submit(spool, "--attach", path, "--wait", "--wait-timeout", "50s", f"Turn {turn}", code=(0, 1))
        equal(pruning.wait(PATIENCE), 0, "exit code of a prune")
    until(lambda: not spool.names("new") and not spool.names("cur"), "the end of work")
    equal(errors(spool), {}, "what failed")
    equal(rig.mocks[-1].requests(), 25, "requests")


@scenario
def removing_killed(rig: Rig):
    """prune is killed before and after each call; nothing that is referred to goes, and the next run
    finishes."""
    sweep_of_kills()
    rig.mock()
    template = rig.spool
    for data in (PNG, PDF, TEXT):
        drop_blob(template, data)
    template.drop(asking(PNG))
    rig.until_empty()
    template.drop(asking(TEXT, "new"))
    stale = template.at("blobs", f"{digest(PDF)}.{'a' * 64}")
    open(stale, "wb").close()
    os.chmod(stale, 0o600)
    age(template)
    points = 0
    for call, what in itertools.product(CALLS, ("KILL", "AFTER")):
        for when in itertools.count(1):
            fault = f"{call}:{what}:{when}"
            spool = Spool.copy(template, os.path.join(rig.folder, fault.replace(":", "-")))
            age(spool)
            conf = spool.path + ".prune"
            open(conf, "ab").close()
            done = subprocess.run([os.path.join(BUILD, "llmspool-prune"), "-s", spool.path, "-q", "-c", conf],
                                  env={**os.environ, **preload(fault)}, capture_output=True,
                                  timeout=PATIENCE, check=False)
            killed = done.returncode == -signal.SIGKILL
            expect(killed or done.returncode == 0, f"{fault}: {done.returncode} {done.stderr}")
            held = {name[:64] for name in spool.names("blobs")}
            expect({digest(PNG), digest(TEXT)} <= held, f"{fault}: an attachment went that is referred to")
            prune(spool)
            equal(blobs(spool), {digest(PNG), digest(TEXT)}, f"{fault}: blobs/ after the next run")
            equal(len(marks(spool)), 1, f"{fault}: marks after the next run")
            equal([name for name in spool.names("blobs") if name.endswith(".gone")], [], f"{fault}: left")
            shutil.rmtree(spool.path)
            points += killed
            if not killed:
                break
    print(f"killed at {points} calls")
    expect(points >= 8, f"only {points} calls")


@scenario
def back_from_a_kill(rig: Rig):
    """The daemon brings back what a killed prune had moved aside, when a job needs it."""
    rig.mock()
    spool = rig.spool
    drop_blob(spool, PNG)
    rig.until_empty()
    os.rename(spool.at("blobs", digest(PNG)), spool.at("blobs", f"{digest(PNG)}.gone"))
    spool.drop(asking(PNG))
    rig.until_empty()
    equal(len(spool.jobs("done")), 1, "jobs in done/")
    equal(blobs(spool), {digest(PNG)}, "blobs/")


@scenario
def of_others(rig: Rig):
    """In a shared spool an attachment of another user is copied, as its owner may hold it open; jobs of two
    users share it."""
    if os.geteuid() != 0:
        raise Skip("only root can drop files of two users")
    mock = rig.mock()
    path = os.path.join(rig.folder, "shared")
    subprocess.run([os.path.join(BUILD, "llmspool-init"), path, "--model", "m", "--group", "users"],
                   check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    rig.spool = spool = Spool(path, make=False)
    group = os.stat(spool.at("new")).st_gid
    held = []
    for number, user in enumerate((65534, 1)):
        for data, name in ((PNG, f"{digest(PNG)}.blob"), (json.dumps(asking(PNG)).encode(), "job.json")):
            temp = spool.at("tmp", f"{user}.{name}")
            with open(temp, "wb") as file:
                file.write(data)
                os.fchown(file.fileno(), user, group)
                os.fchmod(file.fileno(), 0o640)
            held.append(os.open(temp, os.O_RDWR))
            os.rename(temp, spool.at("new", name))
        if number == 0:
            daemon = rig.daemon()
        until(lambda: not spool.names("new") and len(spool.jobs("done")) == number + 1, "the job's end")
    for descriptor in held:
        os.pwrite(descriptor, b"changed", 0)
        os.close(descriptor)
    with open(spool.at("blobs", digest(PNG)), "rb") as file:
        equal(digest(file.read()), digest(PNG), "the bytes after their owner changed his own")
        status = os.fstat(file.fileno())
        equal((status.st_uid, status.st_mode & 0o7777), (0, 0o640), "owner and mode")
    equal(len(marks(spool)), 2, "marks")
    equal([line["files"] for line in sent(mock)], [[digest(PNG)]] * 2, "what was sent")
    daemon.stop()
    rig.check()


@scenario
def memory(rig: Rig):
    """Large attachments of many jobs at once: what is in flight stays bounded."""
    mock = rig.mock("--latency", "300ms")
    rig.configure(mock, "concurrency = 64", provider="max_in_flight = 64")
    spool = rig.spool
    data = [b"\x89PNG\r\n\x1a\n" + bytes([i]) * (16 << 20) for i in range(4)]
    for one in data:
        drop_blob(spool, one)
    for i in range(24):
        spool.drop(asking(data[i % 4], f"Number {i}"))
    daemon = rig.daemon()
    most, in_flight = 0, 0
    while len(spool.jobs("done")) < 24:
        with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS"):
                    most = max(most, int(line.split()[1]))
        in_flight = max(in_flight, mock.summary()["in_flight"])
        expect(daemon.process.poll() is None, "the daemon left")
        time.sleep(0.01)
    print(f"{most // 1024} MiB, {in_flight} in flight")
    expect(in_flight <= 8, f"{in_flight} requests of 16 MiB in flight")


if __name__ == "__main__":
    run_scenario()
