# SPDX-License-Identifier: GPL-2.0-or-later
"""transitions: each way of a job through the spool, one scenario a sentence of the protocol."""
import hashlib
import json
import os
import socket
import stat
import time

from rig import equal, expect, identity, run_scenario, scenario, until

HOUR_MS = 3600 * 1000


def path_of(rig, folder, job, end=".json"):
    return rig.spool.at(folder, job + end)


def until_in(rig, folder, job, seconds=30):
    until(lambda: os.path.exists(path_of(rig, folder, job)), f"{job[:12]} in {folder}/", seconds)


def output(rig, job, version=1):
    return rig.spool.json("done", f"{job}.v{version}.json")


def error(rig, job):
    return rig.spool.json("failed", f"{job}.error.json")


def rfc3339_ms(text):
    seconds, fraction = text.rstrip("Z").split(".")
    return (int(time.mktime(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S"))) - time.timezone) * 1000 \
        + int(fraction)


def in_an_hour():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))


def requests_for(rig, job):
    """How often the mock was asked for a job's prompt."""
    key = hashlib.sha256(job["prompt"].encode()).hexdigest()
    return rig.mocks[-1].ledger().get(key, 0)


# --- dropped -> accepted ---------------------------------------------------------------------------

@scenario
def as_it_is(rig):
    rig.mock()
    rig.spool.switch("pause")
    rig.daemon()
    temp = rig.spool.at("tmp", "x")
    with open(temp, "w", encoding="utf-8") as file:
        file.write('{"model": "m", "prompt": "the very file"}')
    os.chmod(temp, 0o755)
    inode = os.stat(temp).st_ino
    dropped = time.time()
    os.rename(temp, rig.spool.at("new", "x.json"))
    job = rig.spool.remember({"model": "m", "prompt": "the very file"})
    until_in(rig, "cur", job)
    found = os.stat(path_of(rig, "cur", job))
    equal(found.st_ino, inode, "the job's inode")
    equal(stat.S_IMODE(found.st_mode), 0o600, "the job's mode")
    expect(abs(found.st_mtime - dropped) < 2, "its mtime is not the time of its drop")
    rig.spool.switch("pause", False)
    until_in(rig, "done", job)
    equal(os.stat(path_of(rig, "done", job)).st_ino, inode, "the finished job's inode")


@scenario
def completed(rig):
    rig.mock()
    job = rig.spool.drop({"prompt": "no model", "delay": "1ms", "type": "chat"})
    rig.until_empty()
    document = rig.spool.json("done", f"{job}.json")
    equal(document["model"], "m", "the model that was filled in")
    expect("delay" not in document and "type" not in document, f"not completed: {document}")
    expect("not_before" in document, "delay did not become not_before")
    rig.judge()


@scenario
def left_alone(rig):
    rig.mock()
    names = [".hidden.json", "notes.txt", "a" * 63 + ".blob", "x.json.part"]
    for name in names:
        rig.spool.put("{}", name=name)
    rig.spool.drop({"model": "m", "prompt": "beside"})
    rig.until_empty()
    equal(sorted(rig.spool.names("new")), sorted(names), "names that are none of the daemon's")


@scenario
def written_in_place(rig):
    rig.mock()
    rig.daemon()
    with open(rig.spool.at("new", "slow.json"), "w", encoding="utf-8") as file:
        file.write('{"model": "m", ')
        file.flush()
        time.sleep(0.3)
        equal(rig.spool.names("failed"), [], "failed/ while the file is being written")
        file.write('"prompt": "in place"}')
    until_in(rig, "done", rig.spool.remember({"model": "m", "prompt": "in place"}))


@scenario
def linked(rig):
    rig.mock()
    rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": "by link"}, by=os.link)
    until_in(rig, "done", job)
    equal(rig.mocks[-1].requests(), 1, "requests")


@scenario
def list_of_jobs(rig):
    rig.mock()
    jobs = [{"model": "m", "prompt": f"line {i}"} for i in range(5)]
    text = "\n".join(json.dumps(job) for job in jobs[:3]) + "\n\n{\"promt\": 1}\n" + \
        "\n".join(json.dumps(job) for job in jobs[3:])
    rig.spool.put('{"run": "night", "first": 10}\n' + text, name="all.jsonl")
    ids = [rig.spool.remember(job) for job in jobs]
    rig.until_empty(code=1)
    manifest = rig.spool.lines("runs", "night", "manifest.jsonl")
    equal([line["position"] for line in manifest], list(range(10, 16)), "positions")
    equal([line["id"] for line in manifest], ids[:3] + [None] + ids[3:], "IDs of the run")
    refused = [name for name in rig.spool.names("failed") if name.endswith("error.json")]
    equal(len(refused), 1, "refused lines")
    expect("line 6 of all.jsonl" in rig.spool.json("failed", refused[0])["message"],
           "the refusal does not name the line")
    equal(rig.spool.names("new"), [], "new/")


@scenario
def manifest_twice(rig):
    rig.mock()
    text = '{"run": "twice"}\n{"model": "m", "prompt": "a"}\n{"model": "m", "prompt": "b"}\n'
    for _ in range(2):
        rig.spool.put(text, name="again.jsonl")
        rig.until_empty()
    positions = [line["position"] for line in rig.spool.lines("runs", "twice", "manifest.jsonl")]
    equal(positions, [0, 1], "positions after the same list came twice")
    equal(rig.mocks[-1].requests(), 2, "requests")


def list_text(header, *jobs):
    return "".join(json.dumps(line) + "\n" for line in [header, *jobs])


def derived(old, **more):
    return {**old, **more, "metadata": {"derived_from": identity(old)}}


def places(rig, run):
    """The run as whoever reads it sees it: of each position the last line."""
    return {line["position"]: line["id"]
            for line in rig.spool.lines("runs", run, "manifest.jsonl")}


@scenario
def places_taken(rig):
    rig.mock()
    old = [{"model": "m", "prompt": f"old {i}"} for i in range(4)]
    new = [derived(job, sample=1) for job in old]
    for run, jobs in (("one", [old[0], old[1], old[0]]), ("two", [old[0], old[2]])):
        rig.spool.put(list_text({"run": run, "first": 5}, *jobs), name=f"{run}.jsonl")
    rig.until_empty()
    text = list_text({"run": "one", "replace": True}, new[0], derived(old[0], sample=3), new[3],
                     {**old[0], "sample": 2},
                     {**new[1], "metadata": {"derived_from": "1234"}})
    rig.spool.put(text, name="new.jsonl")
    daemon = rig.until_empty(code=1)
    equal(places(rig, "one"), {5: identity(new[0]), 6: identity(old[1]), 7: identity(new[0])},
          "places in run one")
    equal(places(rig, "two"), {5: identity(old[0]), 6: identity(old[2])}, "places in run two")
    expect(daemon.says("runs/one does not have 1 of the jobs whose places are to be taken"),
           "the log does not tell of a job that is not in the run")
    for job in (new[3], derived(old[0], sample=3)):
        expect(identity(job) in rig.spool.jobs("done"), "a job without a place was not taken")
    refused = [rig.spool.json("failed", name) for name in rig.spool.names("failed", ".error.json")]
    equal([record["reason"] for record in refused], ["bad_run", "bad_run"], "refused lines")
    expect("metadata.derived_from does not say with a full ID whose" in refused[0]["message"],
           "the refusal does not tell why")
    equal(rig.spool.json("done", f"{identity(new[0])}.v1.json")["in_run"], "one", "who pays")
    # In a run that is none, and in its own place.
    none = derived(old[3], sample=4)
    itself = {**old[1], "metadata": {"derived_from": identity(old[1])}}
    rig.spool.put(list_text({"run": "none", "replace": True}, none), name="none.jsonl")
    rig.spool.put(list_text({"run": "one", "replace": True}, itself), name="itself.jsonl")
    rig.until_empty()
    equal(sorted(rig.spool.names("runs")), ["one", "two"], "runs")
    expect(identity(none) in rig.spool.jobs("done"), "a job for a run that is none was not taken")
    equal(len(rig.spool.lines("runs", "one", "manifest.jsonl")), 5, "lines of run one")
    # Back again, and once more the same: a place may come and go between jobs.
    back = {**old[0], "metadata": {"derived_from": identity(new[0])}}
    for job in (back, new[0], back):
        rig.spool.put(list_text({"run": "one", "replace": True}, job), name="again.jsonl")
        rig.until_empty()
        equal(places(rig, "one")[7], identity(job), "who has the place now")
    rig.checker.check_runs()
    equal(rig.checker.problems, [], "problems of the manifests")


@scenario
def places_kept(rig):
    """Who may not come in takes nobody's place."""
    rig.configure(rig.mock(), 'user "eve" {\n    models = {"m"}\n}\n')
    old = {"model": "m", "prompt": "old", "user": "eve"}
    rig.spool.put(list_text({"run": "kept"}, old), name="kept.jsonl")
    rig.until_empty()
    rig.spool.put(list_text({"run": "kept", "replace": True}, derived(old, model="dear")),
                  name="new.jsonl")
    rig.until_empty(code=1)
    equal(places(rig, "kept"), {0: identity(old)}, "places")
    equal([rig.spool.json("failed", name)["reason"]
           for name in rig.spool.names("failed", ".error.json")], ["model_not_allowed"], "refusals")


@scenario
def bad_run_headers(rig):
    rig.mock()
    job = {"model": "m", "prompt": "of a bad list"}
    headers = ({"run": "R", "replace": True, "first": 0}, {"run": "R", "replace": 1},
               {"run": "R", "replace": False}, {"run": "R", "first": -1}, {"run": "R", "other": 1},
               {"run": "no name"})
    for i, header in enumerate(headers):
        rig.spool.put(list_text(header, job), name=f"bad-{i}.jsonl")
    rig.until_empty(code=1)
    equal(rig.spool.names("runs"), [], "runs")
    equal(rig.spool.jobs("done"), set(), "jobs that were taken")
    equal(len(rig.spool.names("failed", ".jsonl")), len(headers), "refused lists")


@scenario
def places_after_a_restart(rig):
    """A job that took a place while nothing was sent is still its run's after a start."""
    rig.mock()
    old = {"model": "m", "prompt": "old"}
    new = derived(old, sample=1)
    rig.spool.put(list_text({"run": "kept"}, old), name="kept.jsonl")
    rig.until_empty()
    rig.spool.switch("pause")
    daemon = rig.daemon()
    rig.spool.put(list_text({"run": "kept", "replace": True}, new), name="new.jsonl")
    until_in(rig, "cur", identity(new))
    until(lambda: rig.spool.names("new") == [], "the list's leaving")
    daemon.kill()
    rig.spool.switch("pause", False)
    rig.until_empty()
    equal(rig.spool.json("done", f"{identity(new)}.v1.json")["in_run"], "kept", "the job's run")


# --- duplicates ----------------------------------------------------------------------------------------

@scenario
def widened(rig):
    rig.mock()
    rig.spool.switch("pause")
    daemon = rig.daemon()
    job = {"model": "m", "prompt": "asked twice", "priority": 7, "not_before": in_an_hour(),
           "keep": "1d"}
    one = rig.spool.drop(job)
    until_in(rig, "cur", one)
    rig.spool.drop({"model": "m", "prompt": "asked twice", "priority": 2, "keep": "9d",
                    "name": "second", "webhook": "https://example.org/hook", "timeout": "1m"})
    until(lambda: rig.spool.events("duplicate"), "a duplicate's event")
    equal(rig.spool.names("new"), [], "new/ after the duplicate was answered")
    state = rig.spool.json("cur", f"{one}.state.json")
    equal(state["priority"], 2, "priority")
    equal(state["names"], ["second"], "further names")
    equal(state["webhooks"], ["https://example.org/hook"], "further webhooks")
    equal(state["keep_ms"], 9 * 24 * HOUR_MS, "keep")
    equal(rig.spool.events("duplicate")[0]["ignored"], ["timeout"], "what was ignored")
    equal(os.readlink(rig.spool.at("by-name", "second")), f"../cur/{one}.json", "the name's link")
    rig.spool.switch("pause", False)
    until_in(rig, "done", one)
    daemon.stop()
    equal(os.readlink(rig.spool.at("by-name", "second")), f"../done/{one}.v1.json", "its link then")
    equal([rig.spool.json("outbox", name)["webhook"] for name in rig.spool.names("outbox")],
          ["https://example.org/hook"], "debts")
    equal(output(rig, one)["names"], ["second"], "names in the output")
    equal(rig.mocks[-1].requests(), 1, "requests")


@scenario
def answered_from_done(rig):
    rig.mock()
    job = {"model": "m", "prompt": "once is enough"}
    one = rig.spool.drop(job)
    rig.until_empty()
    before = os.stat(path_of(rig, "done", one, ".v1.json"))
    rig.spool.drop({**job, "name": "later", "webhook": "https://example.org/late"})
    rig.until_empty()
    equal(rig.mocks[-1].requests(), 1, "requests")
    equal(os.readlink(rig.spool.at("by-name", "later")), f"../done/{one}.v1.json", "the name")
    equal(len(rig.spool.names("outbox")), 1, "debts")
    after = os.stat(path_of(rig, "done", one, ".v1.json"))
    equal((after.st_ino, after.st_mtime_ns), (before.st_ino, before.st_mtime_ns), "the output")
    equal(rig.spool.events("duplicate")[0]["state"], "completed", "the duplicate's event")


@scenario
def asked_afresh(rig):
    rig.mock()
    job = {"model": "m", "prompt": "what is new", "name": "news"}
    one = rig.spool.drop(job)
    rig.until_empty()
    first = rig.spool.json("done", f"{one}.v1.json")
    rig.spool.drop({**job, "max_age": "0"})
    rig.until_empty()
    equal(output(rig, one, 2)["version"], 2, "the second version")
    equal(output(rig, one), first, "the first version")
    equal(os.readlink(rig.spool.at("by-name", "news")), f"../done/{one}.v2.json", "the name")
    rig.spool.drop({**job, "max_age": "1h"})
    rig.until_empty()
    equal(rig.mocks[-1].requests(), 2, "requests")


@scenario
def failed_then_dropped(rig):
    rig.mock()
    job = {"model": "m", "prompt": "[[mock:400,times=1]] again", "name": "again"}
    one = rig.spool.drop(job)
    rig.until_empty(code=1)
    equal(error(rig, one)["status"], "failed", "status")
    equal(os.readlink(rig.spool.at("by-name", "again")), f"../failed/{one}.error.json", "the name")
    rig.spool.drop(job)
    rig.until_empty()
    equal(rig.spool.jobs("failed"), set(), "failed/")
    equal([a["outcome"] for a in output(rig, one)["attempts"]], ["job", "ok"], "history")
    rig.judge()


@scenario
def failure_answers_what_was_dropped_before(rig):
    rig.mock()
    daemon = rig.daemon()
    job = {"model": "m", "prompt": "[[mock:400,latency=700ms]] no"}
    one = rig.spool.drop(job)
    until_in(rig, "cur", one)
    rig.spool.switch("drain")
    until(lambda: daemon.says("draining"), "draining")
    rig.spool.drop(job)
    until_in(rig, "failed", one)
    rig.spool.switch("drain", False)
    until(lambda: rig.spool.events("duplicate"), "the duplicate's event")
    equal(rig.spool.names("new"), [], "new/")
    equal(rig.mocks[-1].requests(), 1, "requests")


# --- waiting -------------------------------------------------------------------------------------------

@scenario
def delayed(rig):
    rig.mock()
    job = rig.spool.drop({"model": "m", "prompt": "later", "delay": "700ms"})
    rig.until_empty()
    times = output(rig, job)["times"]
    waited = rfc3339_ms(times["started"]) - rfc3339_ms(times["submitted"])
    expect(waited >= 700, f"sent {waited} ms after it was dropped")


@scenario
def expired(rig):
    rig.mock()
    rig.spool.switch("pause")
    job = rig.spool.drop({"model": "m", "prompt": "too late", "expires": time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))})
    rig.daemon()
    until_in(rig, "failed", job)
    equal(error(rig, job)["status"], "expired", "status")
    equal(rig.mocks[-1].requests(), 0, "requests")


@scenario
def priority(rig):
    rig.mock("--latency", "20ms")
    rig.spool.switch("pause")
    rig.daemon("-j", "1")
    ids = {p: rig.spool.drop({"model": "m", "prompt": f"p{p}", "priority": p})
           for p in (5, 9, 0, 3)}
    until(lambda: len(rig.spool.jobs("cur")) == 4, "four jobs in cur/")
    rig.spool.switch("pause", False)
    until(lambda: len(rig.spool.jobs("done")) == 4, "four jobs done")
    order = [event["id"] for event in rig.spool.events("started")]
    equal(order, [ids[p] for p in (0, 3, 5, 9)], "the order of sending")


# --- a request's end ---------------------------------------------------------------------------------------

@scenario
def output_says_all(rig):
    rig.mock()
    job = rig.spool.drop({"model": "m", "prompt": "Answer in JSON", "user": "alice",
                          "params": {"response_format": {"type": "json_object"}, "max_tokens": 50},
                          "metadata": {"row": 7}, "keep": "90d"})
    rig.until_empty()
    found = output(rig, job)
    expect(isinstance(found["output"], dict), f"not parsed: {found['output']!r}")
    equal(found["metadata"], {"row": 7}, "metadata")
    equal((found["user"], found["mock"], found["provider"]), ("alice", True, "openai"), "origin")
    expect(found["usage"]["input_tokens"] > 0, "no tokens counted")
    kept = rfc3339_ms(found["expires_at"]) - rfc3339_ms(found["times"]["finished"])
    equal(kept, 90 * 24 * HOUR_MS, "keep")
    expect(found["response"]["object"] == "chat.completion", "the provider's answer is not kept")
    expect(not os.path.exists(rig.spool.at("cur", f"{job}.state.json")), "a state file is left")


@scenario
def fails_at_once(rig):
    rig.mock()
    job = rig.spool.drop({"model": "m", "prompt": "[[mock:400]] bad", "metadata": {"a": 1}})
    rig.until_empty(code=1)
    found = error(rig, job)
    equal((found["status"], found["metadata"]), ("failed", {"a": 1}), "the error file")
    equal(len(found["attempts"]), 1, "attempts")
    equal(rig.mocks[-1].requests(), 1, "requests")


@scenario
def tried_again(rig):
    mock = rig.mock()
    rig.configure(mock, 'backoff = "20ms"')
    good = rig.spool.drop({"model": "m", "prompt": "[[mock:500,times=2]] third time"})
    bad = rig.spool.drop({"model": "m", "prompt": "[[mock:500]] never", "max_attempts": 4})
    rig.until_empty(code=1)
    equal([a["outcome"] for a in output(rig, good)["attempts"]], ["transient", "transient", "ok"],
          "attempts of the good one")
    equal(len(error(rig, bad)["attempts"]), 4, "attempts of the bad one")
    rig.judge(exact=True)


@scenario
def throttled(rig):
    mock = rig.mock()
    rig.configure(mock)
    job = rig.spool.drop({"model": "m", "prompt": "[[mock:429,retry-after=1,times=1]] slow down",
                          "max_attempts": 1})
    rig.until_empty()
    found = output(rig, job)
    equal([a["outcome"] for a in found["attempts"]], ["throttled", "ok"], "attempts")
    equal(found["throttled"], 1, "throttled")
    waited = rfc3339_ms(found["attempts"][1]["started"]) - rfc3339_ms(found["attempts"][0]["ended"])
    expect(waited >= 1000, f"asked again after {waited} ms, Retry-After said 1 s")


@scenario
def unreadable_answers(rig):
    mock = rig.mock()
    rig.configure(mock, 'backoff = "20ms"\nmax_attempts = 2')
    kinds = ["garbage", "html", "empty", "error200", "half", "close", "reset", "length"]
    jobs = {}
    for kind in kinds:  # apart, because all of them together are an outage
        jobs[kind] = rig.spool.drop({"model": "m", "prompt": f"[[mock:{kind}]] x"})
        rig.until_empty(code=1)
        equal(len(error(rig, jobs[kind])["attempts"]), 2, f"attempts after {kind}")
    mended = rig.spool.drop({"model": "m", "prompt": "[[mock:garbage,times=1]] mended"})
    rig.until_empty()
    expect(error(rig, jobs["garbage"])["raw"], "the garbage is not kept")
    expect(output(rig, mended)["attempts"][0]["raw"], "what was paid for is not kept")
    rig.judge(exact=True)


@scenario
def nobody_listens(rig):
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    os.environ["RIG_KEY"] = "k"
    mock = rig.mock()
    mock.url, real = f"http://127.0.0.1:{port}", mock.url
    rig.configure(mock)
    daemon = rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": "wait for it"})
    until(lambda: any("cannot connect" in reason["reason"] for reason in
                      rig.spool.status()["reasons"]), "the reason in status.json")
    expect(os.path.exists(path_of(rig, "cur", job)), "the job does not wait in cur/")
    mock.url = real
    rig.configure(mock)
    daemon.send(1)
    until_in(rig, "done", job)
    equal(output(rig, job)["sends"], 1, "requests recorded")


@scenario
def streamed_is_answered(rig):
    rig.mock()
    job = rig.spool.drop({"model": "m", "prompt": "stream me", "stream": True})
    rig.until_empty()
    expect(output(rig, job)["output"], "no output")


# --- what others do to files ---------------------------------------------------------------------------------

@scenario
def changed_in_cur(rig):
    rig.mock()
    rig.spool.switch("pause")
    rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": "before"})
    until_in(rig, "cur", job)
    with open(path_of(rig, "cur", job), "w", encoding="utf-8") as file:
        file.write('{"model": "m", "prompt": "after"}')
    other = rig.spool.remember({"model": "m", "prompt": "after"})
    rig.spool.switch("pause", False)
    until_in(rig, "done", other)
    until(lambda: rig.spool.names("failed"), "an error file")
    equal(error(rig, job)["reason"], "changed", "the reason")


@scenario
def vanished_from_cur(rig):
    rig.mock()
    rig.spool.switch("pause")
    rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": "gone"})
    until_in(rig, "cur", job)
    os.unlink(path_of(rig, "cur", job))
    rig.spool.switch("pause", False)
    until(lambda: rig.spool.names("failed"), "an error file")
    equal(error(rig, job)["reason"], "vanished", "the reason")
    rig.spool.drop({"model": "m", "prompt": "gone"})
    until_in(rig, "done", job)
    until(lambda: not rig.spool.names("failed"), "the error file to go")


@scenario
def number_taken(rig):
    rig.mock()
    job = rig.spool.remember({"model": "m", "prompt": "taken"})
    with open(path_of(rig, "done", job, ".v1.json"), "w", encoding="utf-8") as file:
        file.write("somebody's")
    rig.spool.drop({"model": "m", "prompt": "taken"})
    rig.until_empty()
    equal(output(rig, job, 2)["version"], 2, "our output's number")
    with open(path_of(rig, "done", job, ".v1.json"), encoding="utf-8") as file:
        equal(file.read(), "somebody's", "the output that was there")


@scenario
def put_into_cur(rig):
    rig.mock()
    rig.daemon()
    job = rig.spool.remember({"model": "m", "prompt": "by hand"})
    with open(path_of(rig, "cur", job), "w", encoding="utf-8") as file:
        file.write('{"model": "m", "prompt": "by hand"}')
    rig.spool.drop({"model": "m", "prompt": "by hand"})
    until_in(rig, "done", job)
    until(lambda: not rig.spool.names("new"), "the drop to leave")
    equal(rig.mocks[-1].requests(), 1, "requests")


# --- secrets --------------------------------------------------------------------------------------------------

@scenario
def key_stays_secret(rig):
    canary = "sk-canary-0123456789abcdef"
    rig.mock("--key", canary)
    os.environ["RIG_KEY"] = canary
    rig.configure(rig.mocks[-1])
    daemon = rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": "[[mock:401,times=1]] secret"})
    until_in(rig, "done", job, 60)
    with open(f"/proc/{daemon.process.pid}/cmdline", "rb") as file:
        expect(canary.encode() not in file.read(), "the key is in argv")
    daemon.stop()
    for folder, _, names in os.walk(rig.folder):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and "mock" not in name:
                with open(path, "rb") as file:
                    expect(canary.encode() not in file.read(), f"the key is in {path}")


run_scenario()
