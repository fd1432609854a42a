#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""batch: OpenAI Batch files through the spool, from the file as it is dropped to the files of results."""
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time

from rig import (BUILD, LONG, Checker, Rig, Spool, equal, expect, identity, preload, provider,
                 run_scenario, scenario, sweep_of_kills, until)

# As OpenAI documents it (Batch API, "Preparing your batch file"), byte for byte.
DOCUMENTED = '''\
{"custom_id": "request-1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-3.5-turbo-0125", "messages": [{"role": "system", "content": "You are a helpful assistant."},{"role": "user", "content": "Hello world!"}],"max_tokens": 1000}}
{"custom_id": "request-2", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-3.5-turbo-0125", "messages": [{"role": "system", "content": "You are an unhelpful assistant."},{"role": "user", "content": "Hello world!"}],"max_tokens": 1000}}
'''

URLS = {"chat": "/v1/chat/completions", "completion": "/v1/completions", "embed": "/v1/embeddings",
        "response": "/v1/responses"}
QUICK = 'backoff = "5ms"\nmax_attempts = 2\n'


def body(kind, text, **more):
    question = {"chat": {"messages": [{"role": "user", "content": text}]},
                "completion": {"prompt": text}, "embed": {"input": text},
                "response": {"input": text}}[kind]
    return {"model": "m", **question, **more}


def line(custom_id, kind="chat", text=None, **more):
    return {"custom_id": custom_id, "method": "POST", "url": URLS[kind],
            "body": body(kind, text or f"Say {custom_id}", **more)}


def text_of(*lines):
    return "".join(json.dumps(one) + "\n" for one in lines)


def job_of(one):
    """The job that a line of a chat asks for, dropped natively."""
    asked = dict(one["body"])
    job = {"model": asked.pop("model"), "messages": asked.pop("messages")}
    return {**job, "params": asked} if asked else job


def put(rig, name, *lines):
    text = text_of(*lines)
    rig.spool.put(text, name=f"{name}.jsonl")
    for one in lines:
        if one["url"] == URLS["chat"]:
            rig.spool.remember(job_of(one))
    return text


def results(rig, run, name):
    return rig.spool.lines("runs", run, f"{name}.jsonl")


def record(rig, run):
    return rig.spool.json("runs", run, "batch.json")


def status(rig, run):
    """Its status, or None while there is no record yet."""
    try:
        return record(rig, run)["status"]
    except FileNotFoundError:
        return None


def counts(rig, run):
    found = record(rig, run)["request_counts"]
    return found["total"], found["completed"], found["failed"]


def check_lines(lines):
    """The form of OpenAI's Batch request output object, and nothing beside it."""
    ids = [one["id"] for one in lines]
    equal(len(set(ids)), len(ids), "different ids")
    for one in lines:
        equal(list(one), ["id", "custom_id", "response", "error"], "members of a line")
        expect(re.fullmatch("batch_req_[0-9a-zA-Z]+", one["id"]), f"id {one['id']}")
        expect((one["response"] is None) != (one["error"] is None), f"both or none: {one}")
        if one["response"] is not None:
            equal(list(one["response"]), ["status_code", "request_id", "body"], "a response")
            expect(isinstance(one["response"]["request_id"], str), "request_id is no text")
        else:
            equal(list(one["error"]), ["code", "message"], "an error")


def bodies(rig, run):
    lines = results(rig, run, "output")
    check_lines(lines)
    equal({one["response"]["status_code"] for one in lines}, {200}, "statuses of answers")
    return {one["custom_id"]: one["response"]["body"] for one in lines}


def errors(rig, run):
    lines = results(rig, run, "errors")
    check_lines(lines)
    return {one["custom_id"]: one for one in lines}


# --- the user's way ----------------------------------------------------------------------------------------

@scenario
def documented_example(rig):
    """OpenAI's own example, byte for byte."""
    mock = rig.mock()
    rig.spool.put(DOCUMENTED, name="batchinput.jsonl")
    rig.until_empty()
    found = bodies(rig, "batchinput")
    equal(list(found), ["request-1", "request-2"], "custom_ids")
    for answer in found.values():
        equal((answer["object"], answer["model"]), ("chat.completion", "gpt-3.5-turbo-0125"), "body")
        equal(answer["choices"][0]["message"]["content"], "Hello world!", "the answer")
    with open(rig.spool.at("runs", "batchinput", "input.jsonl"), encoding="utf-8") as file:
        equal(file.read(), DOCUMENTED, "input.jsonl")
    equal(rig.spool.lines("runs", "batchinput", "errors.jsonl"), [], "errors.jsonl")
    found = record(rig, "batchinput")
    equal((found["status"], found["object"], found["id"]), ("completed", "batch", "batchinput"),
          "batch.json")
    equal(found["output_file_id"], "runs/batchinput/output.jsonl", "output_file_id")
    equal(found["error_file_id"], None, "error_file_id")
    equal(counts(rig, "batchinput"), (2, 2, 0), "counts")
    equal(mock.requests(), 2, "requests")
    ended = rig.spool.events("run_finished")
    equal([(one["in_run"], one["completed"], one["failed"]) for one in ended],
          [("batchinput", 2, 0)], "events")
    rig.check()


@scenario
def endpoints(rig):
    """Each endpoint, and its answers as they came."""
    rig.mock()
    for kind in URLS:
        put(rig, kind, *(line(f"{kind}-{i}", kind) for i in range(3)))
    rig.until_empty()
    objects = {"chat": "chat.completion", "completion": "text_completion", "embed": "list",
               "response": "response"}
    for kind, word in objects.items():
        found = bodies(rig, kind)
        equal(list(found), [f"{kind}-{i}" for i in range(3)], f"custom_ids of {kind}")
        equal({one["object"] for one in found.values()}, {word}, f"objects of {kind}")
    found = bodies(rig, "response")["response-1"]
    equal(found["output"][0]["content"][0]["text"], "Say response-1", "text of a response")
    equal(bodies(rig, "completion")["completion-1"]["choices"][0]["text"], "Say completion-1", "text")
    expect(bodies(rig, "embed")["embed-1"]["data"][0]["embedding"], "no vector")
    rig.check()


@scenario
def same_job(rig):
    """A line and the same question dropped natively are one job; equal lines share it, too."""
    mock = rig.mock()
    one = line("a", temperature=0.2, max_completion_tokens=50, user="alice")
    native = {"model": "m", "messages": one["body"]["messages"],
              "params": {"temperature": 0.2, "max_completion_tokens": 50, "user": "alice"}}
    put(rig, "same", one, {**one, "custom_id": "b"})
    rig.until_empty()
    equal(rig.spool.jobs("done"), {identity(native)}, "the job")
    rig.spool.drop(native)
    rig.until_empty()
    equal(mock.requests(), 1, "requests")
    equal(list(bodies(rig, "same")), ["a", "b"], "lines")


@scenario
def any_provider(rig):
    """Whoever answers, the body is that of the line's endpoint."""
    mock = rig.mock()
    rig.configuration(QUICK + provider(mock, "anthropic", "a") +
                      provider(mock, "openai-responses", "r") + provider(mock, "openai", "o") +
                      'model "claude*" { provider = "a" }\nmodel "r-*" { provider = "r" }\n'
                      'model "*" { provider = "o" }\n')
    lines = {}
    for model in ("claude-x", "r-x", "o-x"):
        for kind in ("chat", "response"):
            lines[f"{model}-{kind}"] = line("one", kind, "Say it", **{"model": model})
            put(rig, f"{model}-{kind}", lines[f"{model}-{kind}"])
        brief = line("brief", "response", "word " * 40, model=model,
                     max_output_tokens=16)
        put(rig, f"{model}-brief", brief)
    rig.until_empty()
    for model in ("claude-x", "r-x", "o-x"):
        answer = bodies(rig, f"{model}-brief")["brief"]
        equal((answer["status"], answer["incomplete_details"]),
              ("incomplete", {"reason": "max_output_tokens"}), f"{model}: a bound by Responses' name")
    for run in lines:
        answer = bodies(rig, run)["one"]
        if run.endswith("chat"):
            choice = answer["choices"][0]
            equal((answer["object"], choice["message"]["role"], choice["message"]["content"],
                   choice["finish_reason"]), ("chat.completion", "assistant", "Say it", "stop"), run)
            expect(answer["usage"]["total_tokens"] > 0, f"{run}: usage")
        else:
            item = answer["output"][0]
            equal((answer["object"], answer["status"], item["type"], item["content"][0]["text"]),
                  ("response", "completed", "message", "Say it"), run)
            expect(answer["usage"]["total_tokens"] > 0, f"{run}: usage")


@scenario
def not_stored(rig):
    """With store_response = no the bodies are made of the outputs."""
    mock = rig.mock()
    rig.configure(mock, "store_response = no\n" + QUICK)
    for kind in URLS:
        put(rig, kind, line("one", kind, "Say it"))
    put(rig, "two", line("n", text="Say twice", n=2))
    put(rig, "json", line("j", text="Answer in JSON", response_format={"type": "json_object"}))
    rig.until_empty()
    equal(bodies(rig, "chat")["one"]["choices"][0]["message"]["content"], "Say it", "chat")
    equal(bodies(rig, "completion")["one"]["choices"][0]["text"], "Say it", "completion")
    equal(bodies(rig, "response")["one"]["output"][0]["content"][0]["text"], "Say it", "response")
    expect(len(bodies(rig, "embed")["one"]["data"][0]["embedding"]) > 1, "embed")
    equal([c["index"] for c in bodies(rig, "two")["n"]["choices"]], [0, 1], "two choices")
    expect(isinstance(json.loads(bodies(rig, "json")["j"]["choices"][0]["message"]["content"]), dict),
           "JSON is a text in a body")


# --- what is no good ---------------------------------------------------------------------------------------

@scenario
def refused_files(rig):
    """As OpenAI's validation: the whole file, before any of its lines, by line and reason."""
    mock = rig.mock()
    good = line("good")
    bad = {
        "invalid_json_line": text_of(good) + "{nonsense\n",
        "duplicate_custom_id": text_of(good, line("x"), {**line("y"), "custom_id": "good"}),
        "missing_required_parameter": text_of(good, {k: v for k, v in good.items()
                                                     if k != "custom_id"}),
        "url_unsupported": text_of(good, {**line("x"), "url": "/v1/moderations"}),
        "url_mismatch": text_of(good, line("x", "embed")),
        "invalid_method": text_of(good, {**line("x"), "method": "GET"}),
        "model_mismatch": text_of(good, line("x", **{"model": "other"})),
        "invalid_value": text_of(good, {**line("x"), "body": "text"}),
        "bad_run": text_of({"run": "r", "replace": True}, good),
    }
    for reason, text in bad.items():
        name = reason.replace("_", "-")
        rig.spool.put(text, name=f"{name}.jsonl")
    rig.spool.put(text_of(good), name="no name.jsonl")
    rig.until_empty(code=1)
    equal(mock.requests(), 0, "requests")
    equal(rig.spool.names("runs"), [], "runs")
    for reason, text in bad.items():
        kept = f"{reason.replace('_', '-')}.jsonl"
        with open(rig.spool.at("failed", kept), encoding="utf-8") as file:
            equal(file.read(), text, f"{kept} in failed/")
        found = rig.spool.json("failed", f"{kept}.error.json")
        equal(found["reason"], reason, kept)
        if reason != "bad_run":
            expect(re.match("line [23]: ", found["message"]), f"{kept}: {found['message']}")
    expect("/v1/moderations" in rig.spool.json("failed", "url-unsupported.jsonl.error.json")["message"],
           "the endpoint is not named")
    equal(rig.spool.json("failed", "no name.jsonl.error.json")["reason"], "bad_run", "a bad name")
    rig.check()


@scenario
def refused_lines(rig):
    """A body that is no job costs its own line alone; so does one that the rules refuse."""
    mock = rig.mock()
    rig.configure(mock, QUICK + 'user "eve" {\n    models = {"cheap"}\n}\n')
    lines = [line("good"), line("empty"), line("many"), line("streamed", stream=True)]
    del lines[1]["body"]["messages"]
    lines[2]["body"]["max_tokens"] = "many"
    put(rig, "mixed", *lines[:1])
    rig.spool.put(text_of(*lines), name="lines.jsonl")
    rig.spool.put(text_of({"run": "rules", "job": {"user": "eve"}}, line("dear")), name="x.jsonl")
    rig.until_empty(code=1)
    equal(list(bodies(rig, "lines")), ["good"], "answers")
    found = errors(rig, "lines")
    equal(list(found), ["empty", "many", "streamed"], "errors")
    for one in found.values():
        equal(one["response"]["status_code"], 400, "status")
        equal(one["response"]["body"]["error"]["type"], "invalid_request_error", "type")
    found = errors(rig, "rules")["dear"]["response"]
    equal((found["status_code"], found["body"]["error"]["code"]), (400, "model_not_allowed"), "rules")
    equal(counts(rig, "lines"), (4, 1, 3), "counts")
    rig.check()


@scenario
def other_file_of_that_name(rig):
    """A run keeps its file; the same file again is answered, and another one refused."""
    mock = rig.mock()
    text = put(rig, "night", line("a"), line("b"))
    rig.until_empty()
    first = results(rig, "night", "output")
    rig.spool.put(text, name="night.jsonl")
    rig.until_empty()
    equal(results(rig, "night", "output"), first, "results after the same file came again")
    equal(mock.requests(), 2, "requests")
    rig.spool.put(text_of(line("c")), name="night.jsonl")
    rig.spool.put(text_of({"run": "jobs"}, {"model": "m", "prompt": "x"}), name="jobs.jsonl")
    rig.until_empty(code=1)
    equal(rig.spool.json("failed", "night.jsonl.error.json")["reason"], "run_exists", "the reason")
    rig.spool.put(text_of(line("c")), name="jobs.jsonl")
    rig.until_empty(code=1)
    equal(rig.spool.json("failed", "jobs.jsonl.error.json")["reason"], "run_exists", "the reason")
    equal(results(rig, "night", "output"), first, "results after another file came")


@scenario
def written_in_place(rig):
    """A batch that is not written to its end is not judged."""
    rig.mock()
    rig.daemon()
    text = text_of(line("a"), line("b"))
    with open(rig.spool.at("new", "slow.jsonl"), "w", encoding="utf-8") as file:
        time.sleep(0.3)
        equal(rig.spool.names("new"), ["slow.jsonl"], "new/ while its writer has written nothing")
        file.write(text[:-20])
        file.flush()
        time.sleep(0.3)
        equal(rig.spool.names("failed"), [], "failed/ while it is being written")
        file.write(text[-20:])
    until(lambda: status(rig, "slow") == "completed", "the batch's end")
    equal(list(bodies(rig, "slow")), ["a", "b"], "answers")


# --- how it ends otherwise ---------------------------------------------------------------------------------

def ctl(rig, *arguments):
    return subprocess.run([os.path.join(BUILD, "llmspool-ctl"), "-q", "-s", rig.spool.path,
                           *arguments], check=False, timeout=60).returncode


@scenario
def cancelled(rig):
    rig.mock()
    rig.spool.switch("pause")
    daemon = rig.daemon()
    put(rig, "night", line("a"), line("b"))
    until(lambda: len(rig.spool.jobs("cur")) == 2, "two jobs")
    equal(ctl(rig, "cancel", "--run", "night"), 0, "exit code of llmspool-ctl")
    until(lambda: record(rig, "night")["status"] == "cancelled", "the batch's end")
    daemon.stop()
    found = errors(rig, "night")
    equal([one["error"]["code"] for one in found.values()], ["batch_cancelled"] * 2, "codes")
    equal(counts(rig, "night"), (2, 0, 2), "counts")
    rig.check()


@scenario
def expired(rig):
    rig.mock()
    rig.spool.switch("pause")
    rig.daemon()
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    rig.spool.put(text_of({"run": "late", "job": {"expires": soon}}, line("a"), line("b")),
                  name="x.jsonl")
    until(lambda: status(rig, "late") == "expired", "the end")
    equal([one["error"]["code"] for one in errors(rig, "late").values()], ["batch_expired"] * 2,
          "codes")
    with open(rig.spool.at("runs", "late", "input.jsonl"), encoding="utf-8") as file:
        equal(file.read(), text_of(line("a"), line("b")), "input.jsonl, which has no header")


@scenario
def retried(rig):
    """A retry of failed lines has the results written again, and of a run that shares the job."""
    mock = rig.mock()
    rig.configure(mock, QUICK)
    bad = line("bad", text="[[mock:422,times=1]] again")
    put(rig, "one", line("good"), bad)
    put(rig, "two", bad, line("other"))
    rig.until_empty(code=1)
    for run in ("one", "two"):
        equal(list(errors(rig, run)), ["bad"], f"errors of {run}")
        equal(errors(rig, run)["bad"]["response"]["status_code"], 422, "status")
    daemon = rig.daemon()
    equal(ctl(rig, "retry", "--run", "two"), 0, "exit code of llmspool-ctl")
    until(lambda: all(counts(rig, run) == (2, 2, 0) for run in ("one", "two")), "the new results")
    daemon.stop()
    equal(list(bodies(rig, "one")), ["good", "bad"], "answers of one, in input order")
    equal(list(bodies(rig, "two")), ["bad", "other"], "answers of two")
    equal(rig.spool.names("state", "batches"), [], "the mark of what is taken back")
    rig.check()


@scenario
def kept_when_pruned(rig):
    """What was told of jobs that are pruned stays when the others are asked again; pruned runs go whole."""
    rig.configure(rig.mock(), QUICK)
    bad = line("bad", text="[[mock:422,times=1]] again")
    put(rig, "night", line("good"), bad)
    rig.until_empty(code=1)
    before = results(rig, "night", "output")
    subprocess.run([os.path.join(BUILD, "llmspool-prune"), "-s", rig.spool.path, "-c", rig.conf,
                    "--archive-before-prune", "no", "--outputs", "0s"], check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    equal(rig.spool.jobs("done"), set(), "done/ after pruning")
    rig.spool.order("retry", "ALL")
    rig.until_empty()
    equal(results(rig, "night", "output")[0], before[0], "the line of the pruned job")
    equal(list(bodies(rig, "night")), ["good", "bad"], "answers")


@scenario
def kept_while_open(rig):
    """An answer stays while a batch that has its job is open, however old it is."""
    rig.configure(rig.mock(), QUICK)
    rig.spool.drop(job_of(line("early")))
    rig.until_empty()
    rig.spool.switch("pause")
    daemon = rig.daemon()
    put(rig, "night", line("early"), line("late"))
    until(lambda: rig.spool.names("runs") == ["night"] and not rig.spool.names("new"), "the batch")
    prune = [os.path.join(BUILD, "llmspool-prune"), "-s", rig.spool.path, "-c", rig.conf,
             "--archive-before-prune", "no", "--outputs", "0s"]
    subprocess.run(prune, check=True, timeout=60, stdout=subprocess.DEVNULL)
    equal(len(rig.spool.jobs("done")), 1, "done/ while the batch is open")
    rig.spool.switch("pause", False)
    until(lambda: record(rig, "night")["status"] == "completed", "the batch's end")
    daemon.stop()
    equal(list(bodies(rig, "night")), ["early", "late"], "answers")
    subprocess.run(prune, check=True, timeout=60, stdout=subprocess.DEVNULL)
    equal(rig.spool.jobs("done"), set(), "done/ after its end")


@scenario
def archived(rig):
    """An answer that is archived before the batch is through is in its results."""
    rig.mock()
    first = line("first")
    put(rig, "one", first)
    rig.until_empty()
    subprocess.run([os.path.join(BUILD, "llmspool-archive"), "create", "-s", rig.spool.path,
                    "--older-than", "0s"], check=True, timeout=60, stdout=subprocess.DEVNULL)
    equal(rig.spool.jobs("done"), set(), "done/ after archiving")
    for name in ("output", "errors"):
        os.unlink(rig.spool.at("runs", "one", f"{name}.jsonl"))
    found = record(rig, "one")
    with open(rig.spool.at("runs", "one", "batch.json"), "w", encoding="utf-8") as file:
        json.dump({**found, "status": "in_progress"}, file)
    rig.until_empty()
    equal(list(bodies(rig, "one")), ["first"], "answers")


@scenario
def forgotten(rig):
    """Of a job that is forgotten nothing stays in the files of its runs."""
    rig.mock()
    put(rig, "night", line("a", text="Say secret words"), line("b", text="Say other things"))
    rig.until_empty()
    job = identity(job_of(line("a", text="Say secret words")))
    equal(ctl(rig, "forget", "--yes", job), 0, "exit code of llmspool-ctl")
    for name in os.listdir(rig.spool.at("runs", "night")):
        with open(rig.spool.at("runs", "night", name), encoding="utf-8") as file:
            text = file.read()
        expect("secret" not in text and '"a"' not in text, f"{name} still tells of it: {text}")
    equal(list(bodies(rig, "night")), ["b"], "answers")
    equal(len(rig.spool.lines("runs", "night", "input.jsonl")), 2, "lines of the input")
    found = record(rig, "night")
    with open(rig.spool.at("runs", "night", "batch.json"), "w", encoding="utf-8") as file:
        json.dump({**found, "status": "in_progress"}, file)
    rig.until_empty()
    equal(list(bodies(rig, "night")), ["b"], "answers, written again")
    rig.check()


@scenario
def official_client(rig):
    """OpenAI's own client reads the results, whoever gave them."""
    mock = rig.mock()
    rig.configuration("store_response = no\n" + provider(mock, "anthropic", "a") +
                      provider(mock, "openai", "o") +
                      'model "claude*" { provider = "a" }\nmodel "*" { provider = "o" }\n')
    runs = {kind: [line("a", kind, "Say it"), line("b", kind, "Say more")] for kind in URLS}
    for kind in ("chat", "response"):
        runs[f"claude-{kind}"] = [line("c", kind, "Say it", model="claude-x")]
    for run, lines in runs.items():
        put(rig, run, *lines)
    rig.until_empty()
    for run in runs:
        script = os.path.join(os.environ["NODE_FOLDER"], "run", "batch.mjs")
        done = subprocess.run(["node", script, rig.spool.path, run], capture_output=True, text=True,
                              check=False, timeout=60)
        equal(done.returncode, 0, f"{run}: {done.stderr}")


# --- by the commands ---------------------------------------------------------------------------------------

def command(rig, program, *arguments, data=None, code=0):
    """What it prints; it must leave with the code."""
    done = subprocess.run([os.path.join(BUILD, program), "-s", rig.spool.path, *arguments], input=data,
                          capture_output=True, text=True, check=False, timeout=60)
    equal(done.returncode, code, f"{program} {' '.join(arguments)}: {done.stderr}")
    return done.stdout if code == 0 else done.stderr


def write(rig, name, text):
    path = os.path.join(rig.folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


@scenario
def submitted(rig):
    """llmspool-submit --batch and llmspool-status, from the file to its end."""
    rig.mock()
    rig.spool.switch("pause")
    path = write(rig, "nightly.jsonl", DOCUMENTED)
    equal(command(rig, "llmspool-submit", "--batch", path), "nightly\n", "what is printed")
    equal(json.loads(command(rig, "llmspool-status", "--json", "nightly"))["status"], "validating",
          "status without a daemon")
    expect("is still waiting" in command(rig, "llmspool-submit", "--batch", path, code=75), "twice")
    equal(json.loads(command(rig, "llmspool-submit", "--json", "--run", "other", "--priority", "2",
                             "--keep", "9d", "--batch", "-", data=DOCUMENTED)),
          {"run": "other", "requests": 2}, "JSON")
    daemon = rig.daemon()
    until(lambda: not rig.spool.names("new"), "the lists' leaving")
    for run in ("nightly", "other"):
        found = json.loads(command(rig, "llmspool-status", "--json", run))
        equal((found["status"], found["request_counts"]),
              ("in_progress", {"total": 2, "completed": 0, "failed": 0}), f"status of {run}")
    states = [rig.spool.json("cur", name) for name in rig.spool.names("cur", ".state.json")]
    equal([state["priority"] for state in states], [2, 2], "what the flags widened")
    expect("requests 0 of 2 have ended" in command(rig, "llmspool-status", "nightly"), "in words")
    rig.spool.switch("pause", False)
    until(lambda: all(record(rig, run)["status"] == "completed" for run in ("nightly", "other")),
          "the ends")
    expect("2 completed, 0 failed" in command(rig, "llmspool-status", "nightly"), "in words")
    equal(command(rig, "llmspool-submit", "--batch", path), "nightly\n", "the same file again")
    until(lambda: not rig.spool.names("new") and record(rig, "nightly")["status"] == "completed",
          "its end")
    daemon.stop()
    equal(rig.mocks[-1].requests(), 2, "requests")
    other = write(rig, "other.jsonl", text_of(line("x")))
    expect("already, of other work" in command(rig, "llmspool-submit", "--batch", other, code=65),
           "another file of that name")
    bad = write(rig, "bad.jsonl", text_of(line("x"), line("x")))
    expect("line 2: its custom_id" in command(rig, "llmspool-submit", "--batch", bad, code=65), "bad")
    expect("--batch does not go with what sets \"model\"" in
           command(rig, "llmspool-submit", "-m", "x", "--run", "z", "--batch", path, code=64), "model")
    for words in (["--batch", path, "--attach", path], ["--batch", path, "text"],
                  ["--batch", path, "--wait"]):
        command(rig, "llmspool-submit", *words, code=64)
    command(rig, "llmspool-submit", "--run", "a b", "--batch", path, code=64)
    equal(rig.spool.names("new"), [], "what was refused")
    command(rig, "llmspool-status", "nobody", code=69)


# --- killed ------------------------------------------------------------------------------------------------

CALLS = ("openat", "write", "fsync", "renameat2", "renameat", "unlinkat", "fchmod")
BATCH = [line("a"), line("b", text="[[mock:422]] no"), {**line("a"), "custom_id": "c"}, line("d")]


def after_kill(rig, fault, ledger):
    """A batch that a daemon was killed at is as if it had not been."""
    equal(list(bodies(rig, "night")), ["a", "c", "d"], f"{fault}: answers")
    equal(list(errors(rig, "night")), ["b"], f"{fault}: errors")
    equal(len(rig.spool.lines("runs", "night", "manifest.jsonl")), 4, f"{fault}: the manifest")
    equal(record(rig, "night")["status"], "completed", f"{fault}: status")
    equal(rig.spool.names("new"), [], f"{fault}: new/")
    equal(rig.spool.names("tmp"), [], f"{fault}: tmp/")
    with open(rig.spool.at("runs", "night", "input.jsonl"), encoding="utf-8") as file:
        equal(file.read(), text_of(*BATCH), f"{fault}: input.jsonl")
    problems = rig.checker.judge(rig.spool.dropped, ledger)
    expect(not problems, f"{fault}: " + "\n  ".join(problems))


def kill_at(rig, point, fault):
    """One daemon with a fault, then one without. Returns whether the fault came."""
    rig.spool = Spool(os.path.join(rig.folder, f"spool-{point}"))
    rig.checker = Checker(rig.spool.path)
    before = rig.mocks[-1].ledger()
    put(rig, "night", *BATCH)
    daemon = rig.daemon("--until-empty", wait=False, environment=preload(fault))
    killed = daemon.wait() == -signal.SIGKILL
    rig.checker.look()
    failed_before = len(rig.spool.jobs("failed"))
    asked = rig.mocks[-1].requests()
    rig.until_empty(code=(0, 1))
    after_kill(rig, fault, rig.mocks[-1].ledger() - before)
    if failed_before and len(rig.spool.jobs("done")) == 2 and not rig.spool.jobs("cur"):
        expect(rig.mocks[-1].requests() - asked <= 2, f"{fault}: a failed line was paid again")
    shutil.rmtree(rig.spool.path)
    return killed


@scenario
def killed_at_calls(rig: Rig):
    """Before the first, second, … call of each kind: no line lost or doubled, none paid twice."""
    sweep_of_kills()
    rig.configure(rig.mock(), QUICK)
    points = 0
    for call in CALLS:
        for when in itertools.count(1, 1 if LONG else 2):
            killed = kill_at(rig, f"{call}-{when}", f"{call}:KILL:{when}")
            points += killed
            if not killed:
                break
    print(f"killed at {points} calls")
    expect(points >= 30, f"only {points} calls")


@scenario
def killed_while_retried(rig: Rig):
    """A daemon killed at any call of a retry leaves no results that are out of date."""
    sweep_of_kills()
    rig.configure(rig.mock(), QUICK)
    put(rig, "one", line("good"), line("bad", text="[[mock:422,times=1]] again"))
    put(rig, "two", line("bad", text="[[mock:422,times=1]] again"))
    rig.until_empty(code=1)
    template, points = rig.spool, 0
    for call in ("openat", "write", "fsync", "renameat2", "renameat", "unlinkat"):
        for when in itertools.count(1, 1 if LONG else 2):
            point = f"{call}-{when}"
            rig.spool = Spool.copy(template, os.path.join(rig.folder, f"spool-{point}"))
            rig.spool.order("retry", "ALL")
            daemon = rig.daemon("--until-empty", wait=False, environment=preload(f"{call}:KILL:{when}"))
            killed = daemon.wait() == -signal.SIGKILL
            rig.until_empty()
            for run, total in (("one", 2), ("two", 1)):
                equal(counts(rig, run), (total, total, 0), f"{point}: counts of {run}")
                equal(list(errors(rig, run)), [], f"{point}: errors of {run}")
            equal(rig.spool.names("state", "batches"), [], f"{point}: the mark")
            shutil.rmtree(rig.spool.path)
            points += killed
            if not killed:
                break
    print(f"killed at {points} calls")
    expect(points >= 15, f"only {points} calls")


if __name__ == "__main__":
    run_scenario()
