# SPDX-License-Identifier: GPL-2.0-or-later
"""droppers: each client of spool-layout/clients against llmspool-submit, a daemon and a mock."""
import json
import os
import re
import shutil
import subprocess
import sys

from rig import BUILD, PATIENCE, Skip, equal, expect, run_scenario, scenario

CLIENTS = os.path.join(os.environ["LLMSPOOL_SOURCE"], "spool-layout", "clients")
LANGUAGE = sys.argv[2]
SCRIPTS = {"sh": ("jq",), "py": (), "js": ("node",), "pl": ("perl",)}
COMPILERS = {"go": ("go", "build", "-o"), "rs": ("rustc", "--edition", "2021", "-o")}

# Each is a job whose canonical form some library gets wrong.
TRICKY = [
    '{"prompt": "Name three primary colours."}',
    '{"prompt": "Grüße, 世界 😀 \\ud83d\\ude00 \\u00e9 e\\u0301", "system": "\\u20ac"}',
    r'{"prompt": "\b\f\n\r\t\"\\\/ \u0001\u001f\u007f \u2028\u2029 <&> \u0080 \\u0041 \\\\n"}',
    '{"model": "other", "prompt": " leading and trailing ", "name": "n", "priority": 1, "metadata": {"a": 1.50}}',
    '{"prompt": "numbers", "params": {"a": 1e21, "b": 1e20, "c": -0, "d": -0.0, "e": 0.20, "f": 1.0, "g": 1E30}}',
    '{"prompt": "numbers", "params": {"a": 1e-6, "b": 1e-7, "c": 123456789012345680000.0, "d": 4.50, "e": 2e-3}}',
    '{"prompt": "numbers", "params": {"a": 5e-324, "b": 1.7976931348623157e308, "c": 333333333.33333329}}',
    '{"prompt": "numbers", "params": {"a": 9007199254740991, "b": -9007199254740991, "c": 100, "d": -1.5e-9}}',
    '{"prompt": "numbers", "params": {"a": 999999999999999868928.0, "b": 0.000001234, "c": 1e+2, "d": 12e-1}}',
    '{"prompt": "numbers", "params": {"a": 0.1, "b": 0.30000000000000004, "c": 1e23, "d": 2.2250738585072014e-308}}',
    '{"prompt": "keys", "params": {"\\ufb33": 1, "\\ud83d\\ude00": 2, "\\u20ac": 3, "a": 4, "": 5, "10": 6, "9": 7}}',
    '{"prompt": "nested", "params": {"z": {"y": [1, {"x": null, "b": true}, [], {}], "A": false}, "a\\"\\n": "1"}}',
    '{"prompt": "strings", "params": {"a": "1", "b": "1.0", "c": "true", "d": "", "e": "0"}}',
    '{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "t"}]}]}',
    '{"type": "completion", "prompt": "Once", "sample": 3, "provider": "p", "user": "ann"}',
    '{"type": "chat", "prompt": "typed", "fallback": ["b"], "webhook": "https://hooks.example/", "keep": "1d"}',
    '{"type": "embed", "input": ["one", "two"], "params": {"dimensions": 256}}',
    '{"type": "embed", "input": [1, 2, 100000]}',
]


def client():
    """The command of the language; what is compiled is compiled once."""
    source = os.path.join(CLIENTS, "drop." + LANGUAGE)
    for program in SCRIPTS.get(LANGUAGE, ()):
        if shutil.which(program) is None:
            raise Skip(f"{program} is missing")
    if LANGUAGE not in COMPILERS:
        return [source]
    compiler = COMPILERS[LANGUAGE]
    folder = os.environ.get("BATS_FILE_TMPDIR", "/tmp")
    program = os.path.join(folder, "drop-" + LANGUAGE)
    if shutil.which(compiler[0]) is None:
        raise Skip(f"{compiler[0]} is missing (Debian packages: golang-go, rustc)")
    if not os.path.exists(program):
        environment = {**os.environ, "GOCACHE": os.path.join(folder, "go-cache"), "GOFLAGS": "-mod=mod"}
        subprocess.run([*compiler, program, source], check=True, timeout=300, env=environment)
    return [program]


def call(rig, verb, *words, job=None, code=0, before=()):
    """What the client prints; its exit code must be this one."""
    done = subprocess.run([*before, *client(), verb, rig.spool.path, *words], capture_output=True,
                          input=job.encode() if job is not None else b"", timeout=PATIENCE, check=False)
    equal(done.returncode, code, f"{verb}: exit code (it says {done.stderr.decode()!r})")
    return (done.stdout if code == 0 else done.stderr).decode()


def wanted_ids(rig, jobs):
    names = []
    for i, job in enumerate(jobs):
        names += ["--job", os.path.join(rig.folder, f"job-{i}")]
        with open(names[-1], "w", encoding="utf-8") as file:
            file.write(job)
    done = subprocess.run([os.path.join(BUILD, "llmspool-submit"), "-s", rig.spool.path, "--print-id",
                           *names], check=True, capture_output=True, timeout=PATIENCE)
    return done.stdout.decode().split()


@scenario
def ids(rig):
    """The same ID as llmspool-submit computes, in a private spool and in a shared one."""
    for job, wanted in zip(TRICKY, wanted_ids(rig, TRICKY), strict=True):
        equal(call(rig, "id", job=job).strip(), wanted, f"ID of {job}")
    group = subprocess.run(["id", "-gn"], check=True, capture_output=True).stdout.decode().strip()
    rig.spool.path += ".shared"
    subprocess.run([os.path.join(BUILD, "llmspool-init"), "--group", group, rig.spool.path],
                   check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    job = '{"prompt": "mine", "model": "m"}'
    equal(call(rig, "id", job=job).strip(), wanted_ids(rig, [job])[0], "ID in a shared spool")


@scenario
def durable(rig):
    """Synced, linked, synced, unlinked; the file is what was given."""
    trace = os.path.join(rig.folder, "calls")
    probe = ["strace", "-f", "-o", trace, "-e", "trace=fsync,link,linkat,unlink,unlinkat"]
    if shutil.which("strace") is None or subprocess.run([*probe, "true"], check=False).returncode:
        raise Skip("strace cannot trace here (Debian package: strace)")
    client()
    job = TRICKY[1]
    identity, name = call(rig, "submit", job=job, before=probe).split()
    equal(identity, wanted_ids(rig, [job])[0], "ID")
    with open(rig.spool.at("new", name), encoding="utf-8") as file:
        equal(file.read(), job, "the drop")
    found = os.stat(rig.spool.at("new", name))
    equal((found.st_mode & 0o777, found.st_nlink), (0o640, 1), "mode and links")
    equal(rig.spool.names("tmp"), [], "tmp/")
    with open(trace, encoding="utf-8") as file:
        lines = [line for line in file if "ENOENT" not in line]
    equal(re.findall(r"\b(fsync|link|unlink)(?:at)?\(", "".join(lines)),
          ["fsync", "link", "fsync", "unlink"], "calls")


def submit_and_wait(rig, job, code=0):
    identity, name = call(rig, "submit", job=json.dumps(job)).split()
    return identity, call(rig, "wait", identity, name, code=code)


@scenario
def ends(rig):
    """Answers, failures, refusals, duplicates and retries."""
    mock = rig.mock()
    daemon = rig.daemon()
    identity, _ = submit_and_wait(rig, {"prompt": "Repeat: Grüße 😀\nline two", "name": "greeting"})
    record = rig.spool.json("by-name", "greeting")
    expect(isinstance(record["output"], str), "a text was answered")
    equal(call(rig, "result", identity), record["output"] + "\n", "the answer")
    submit_and_wait(rig, {"prompt": "Repeat: Grüße 😀\nline two", "priority": 1})
    equal(mock.requests(), 1, "requests for a duplicate")
    identity, _ = submit_and_wait(rig, {"prompt": "One as JSON", "name": "json",
                                        "params": {"response_format": {"type": "json_object"}}})
    output = rig.spool.json("by-name", "json")["output"]
    expect(isinstance(output, dict), "JSON was answered")
    equal(json.loads(call(rig, "result", identity)), output, "the answer as JSON")
    identity, words = submit_and_wait(rig, {"prompt": "[[mock:400,times=1]] once"}, code=1)
    message = rig.spool.json("failed", identity + ".error.json")["message"]
    expect(message in words, f"{message!r} is told, not {words!r}")
    expect(message in call(rig, "result", identity, code=1), "result tells it, too")
    call(rig, "wait", identity, code=1)
    again, _ = submit_and_wait(rig, {"prompt": "[[mock:400,times=1]] once"})
    equal(again, identity, "ID of a retry")
    call(rig, "result", identity)
    name = call(rig, "submit", job='{"promt": "no key of a job"}').split()[1]
    words = call(rig, "wait", "0" * 64, name, code=1)
    expect("promt" in words, f"the refusal is told, not {words!r}")
    expect("no answer" in call(rig, "result", "0" * 64, code=1), "there is no such answer")
    daemon.stop()


@scenario
def versions(rig):
    """The newest good version is found when the first were pruned, and a later run failed."""
    for version, status in (3, "completed"), (4, "completed"), (5, "failed"):
        record = {"status": status, "output": {"of": version, "b": [1.50, None]}}
        with open(rig.spool.at("done", f"{'a' * 64}.v{version}.json"), "w", encoding="utf-8") as file:
            json.dump(record, file)
    equal(call(rig, "result", "a" * 64), '{"b":[1.5,null],"of":4}\n', "the newest good answer")


@scenario
def usage(rig):
    for words in ["submit", "no", "extra"], ["nothing"], ["wait"]:
        expect("result SPOOL ID" in call(rig, *words, code=64), f"usage for {words}")
    call(rig, "submit", job="no JSON", code=1)
    equal(rig.spool.names("new"), [], "new/ after what is no JSON")
    equal(rig.spool.names("tmp"), [], "tmp/ after what is no JSON")


run_scenario()
