# SPDX-License-Identifier: GPL-2.0-or-later
"""streaming: answers that other programs read while they come, in cur/ID.partial."""
import datetime
import os
import time

from rig import equal, expect, provider, run_scenario, scenario, until

TEXT = "Ein größeres Stück: das 漢字 für Wörter und ein 🙂 dazwischen. " * 6
PROTOCOLS = ("openai", "openai-responses", "anthropic")
OLD_S = 1.0     # what others read is at most so old
LOADED_S = 0.5  # that this machine may be late by


def configure(rig, protocol="openai", general="", options=("--pace", "40ms"), **settings):
    """A mock that takes its time between events, and its configuration."""
    mock = rig.mock(*options)
    rig.configuration(f'backoff = 1ms\n{general}\n' + provider(mock, protocol, **settings))
    return mock


def drop(rig, prompt):
    """A job whose answer is to be streamed."""
    return rig.spool.drop({"model": "m", "prompt": prompt, "stream": True})


def partial(rig, job):
    """The bytes of the answer so far; None without its file."""
    try:
        with open(rig.spool.at("cur", job + ".partial"), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def is_done(rig, job, folder="done"):
    return os.path.exists(rig.spool.at(folder, job + ".json"))


def until_shown(rig, job, length=1):
    """Waits until so many bytes of the answer can be read."""
    return until(lambda: len(partial(rig, job) or b"") >= length and partial(rig, job),
                 "an answer to begin", 15)


def watch(rig, job):
    """Reads an answer until its job is done: [(when, bytes)], one for each change."""
    seen = []
    end = time.monotonic() + 30
    while not is_done(rig, job):
        expect(time.monotonic() < end, "the answer does not end")
        found = partial(rig, job)
        if found is not None and (not seen or found != seen[-1][1]):
            seen.append((time.monotonic(), found))
        time.sleep(0.005)
    return seen


def until_gone(rig, job):
    until(lambda: partial(rig, job) is None, "the partial answer to go", 10)


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def expect_growth(seen, whole):
    """Each sight of an answer is a beginning of the next and of the whole one, in whole characters,
    and none is old."""
    expect(len(seen) >= 5, f"it was seen to grow {len(seen)} times")
    for (before, earlier), (after, later) in zip(seen, seen[1:]):
        expect(later.startswith(earlier), "it does not only grow")
        expect(after - before <= OLD_S + LOADED_S, f"nothing new for {after - before:.1f} s")
    for _, found in seen:
        expect(whole.startswith(found.decode()), "it is no beginning of the output")


def grows(protocol):
    """A scenario for one protocol."""
    def run(rig):
        configure(rig, protocol)
        daemon = rig.daemon()
        job = rig.spool.drop({"model": "m", "prompt": TEXT, "stream": True})
        seen = watch(rig, job)
        until_gone(rig, job)
        daemon.stop()
        output = rig.spool.json("done", job + ".v1.json")
        equal(output["output"], TEXT, "the output")
        expect_growth(seen, output["output"])
        times = {name: moment(text) for name, text in output["times"].items() if text}
        expect(times["started"] <= times["first_token"] < times["finished"],
               f"the times are in no order: {times}")
        expect(times["first_token"] - times["started"] < times["finished"] - times["first_token"],
               "the first token has not the time of the first token")
        expect(output["usage"]["input_tokens"] > 0 and output["usage"]["output_tokens"] > 0,
               f"usage: {output['usage']}")
        equal(output["response"]["object" if protocol != "anthropic" else "type"],
              {"openai": "chat.completion", "openai-responses": "response",
               "anthropic": "message"}[protocol], "the response that is kept")
    return run


for word in PROTOCOLS:
    function = grows(word)
    function.__name__ = "grows_" + word.replace("-", "_")
    scenario(function)


@scenario
def byte_by_byte(rig):
    """However the bytes come, others see whole characters alone."""
    configure(rig, options=("--drip-interval", "1ms"))
    rig.daemon()
    text = "äöü漢字🙂 und mehr"
    job = rig.spool.drop({"model": "m", "prompt": "[[mock:drip]] " + text, "stream": True})
    seen = watch(rig, job)
    expect(len(seen) >= 2, f"it was seen to grow {len(seen)} times")
    for _, found in seen:
        found.decode()
    equal(rig.spool.json("done", job + ".v1.json")["output"].strip(), text, "the output")


@scenario
def cut_in_the_middle(rig):
    """A stream that was cut is asked for again; half an answer is never an output."""
    configure(rig, general="max_attempts = 2")
    rig.daemon()
    once = drop(rig, "[[mock:cut-stream,times=1]]" + TEXT)
    ever = drop(rig, "[[mock:cut-stream]]" + TEXT)
    until_shown(rig, ever, 20)
    until(lambda: is_done(rig, once) and is_done(rig, ever, "failed"), "both ends", 30)
    until_gone(rig, once)
    until_gone(rig, ever)
    output = rig.spool.json("done", once + ".v1.json")
    equal(output["output"], TEXT, "the output")
    equal([(a["outcome"], a.get("code")) for a in output["attempts"]],
          [("transient", "stream_cut"), ("ok", None)], "the attempts")
    equal(rig.spool.json("failed", ever + ".error.json")["reason"], "stream_cut", "the reason")
    equal(rig.spool.names("done", ever + ".v1.json"), [], "outputs of the other")


@scenario
def begins_anew(rig):
    """Those who follow the file see the second answer from its beginning."""
    configure(rig, general="backoff = 2s\nbackoff_limit = 2s")
    rig.daemon()
    job = drop(rig, "[[mock:cut-stream,times=1]]" + TEXT)
    until_shown(rig, job, 100)
    until(lambda: len(partial(rig, job) or b"") < 100, "the first answer to be dropped", 15)
    seen = watch(rig, job)
    equal(rig.spool.json("done", job + ".v1.json")["output"], TEXT, "the output")
    expect(seen and TEXT.encode().startswith(seen[-1][1]), "it is no beginning of the output")


@scenario
def duplicate_widens(rig):
    """A job that waits is streamed when a duplicate of it asks for that."""
    configure(rig)
    rig.spool.switch("pause")
    rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": TEXT})
    until(lambda: is_done(rig, job, "cur"), "the job", 10)
    rig.spool.drop({"model": "m", "prompt": TEXT, "stream": True})
    until(lambda: rig.spool.events("duplicate"), "the duplicate", 10)
    rig.spool.switch("pause", False)
    expect(len(watch(rig, job)) >= 3, "it was not seen to grow")
    equal(rig.mocks[-1].requests(), 1, "requests")


@scenario
def only_when_asked(rig):
    """A job that does not ask for it leaves no partial answer."""
    configure(rig, options=("--latency", "300ms"))
    rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": TEXT})
    equal(watch(rig, job), [], "what was seen")
    output = rig.spool.json("done", job + ".v1.json")
    expect(not output["times"].get("first_token"), "a first token of no stream")


@scenario
def killed(rig):
    """A killed daemon leaves half an answer: the next removes it, and the job is in doubt."""
    configure(rig)
    daemon = rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": TEXT, "stream": True})
    until_shown(rig, job, 50)
    daemon.kill()
    expect(partial(rig, job), "the killed daemon removed it")
    rig.spool.switch("pause")
    rig.daemon()
    until_gone(rig, job)
    until(lambda: rig.spool.events("doubt"), "the doubt", 10)
    expect(is_done(rig, job, "cur"), "the job does not wait")
    rig.spool.switch("pause", False)
    expect(len(watch(rig, job)) >= 3, "the second answer was not seen to grow")
    until_gone(rig, job)
    output = rig.spool.json("done", job + ".v1.json")
    equal([a["outcome"] for a in output["attempts"]], ["in_doubt", "ok"], "the attempts")
    equal(output["output"], TEXT, "the output")
    rig.judge(exact=True)


@scenario
def stopped(rig):
    """A stop waits for a stream; one that takes too long stays marked."""
    configure(rig)
    daemon = rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": TEXT, "stream": True})
    until_shown(rig, job, 50)
    daemon.stop()
    equal(rig.spool.json("done", job + ".v1.json")["output"], TEXT, "the output")
    expect(partial(rig, job) is None, "half an answer is left")


@scenario
def cancelled(rig):
    """A job that is cancelled in the middle of its answer leaves none."""
    configure(rig)
    rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": TEXT, "stream": True})
    until_shown(rig, job, 20)
    rig.spool.order("cancel", job)
    until(lambda: is_done(rig, job, "failed"), "the end", 10)
    until_gone(rig, job)
    equal(rig.spool.json("failed", job + ".error.json")["status"], "cancelled", "status")


@scenario
def not_streamed(rig):
    """A server that answers whole though it was asked for a stream is understood."""
    from scripted import Scripted, chat, reply  # pylint: disable=import-outside-toplevel
    server = Scripted({"m": [reply(chat("whole"))]})
    rig.configuration(provider(server))
    rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": "x", "stream": True})
    until(lambda: is_done(rig, job), "the answer", 10)
    equal(rig.spool.json("done", job + ".v1.json")["output"], "whole", "the output")
    asked = server.requests["m"][0]
    equal((asked["stream"], asked["stream_options"]), (True, {"include_usage": True}),
          "the request")
    server.close()


run_scenario()
