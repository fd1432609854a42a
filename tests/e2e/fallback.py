# SPDX-License-Identifier: GPL-2.0-or-later
"""fallback: other models that are asked when a job's own does not answer."""
import os
import subprocess

from rig import BUILD, equal, expect, provider, run_scenario, scenario, until

FAST = "backoff = 1ms\nbackoff_limit = 5ms\nprobe_interval = 1s\n"
ALL_TO_P = 'model "*" { provider = "p" }\n'


def start(rig, general="", models=ALL_TO_P, options=()):
    """A mock, and a daemon on it."""
    mock = rig.mock(*options)
    rig.configuration(FAST + general + "\n" + provider(mock) + models)
    return rig.daemon()


def drop(rig, prompt, *chain, **more):
    """A job for model m with a chain of fallbacks."""
    job = {"model": "m", "prompt": prompt, **more}
    if chain:
        job["fallback"] = list(chain)
    return rig.spool.drop(job)


def ended(rig, job, seconds=15):
    """The output or error file of a job, once it is there."""
    def find():
        for folder, end in (("done", ".v1.json"), ("failed", ".error.json")):
            if os.path.exists(rig.spool.at(folder, job + ".json")):
                return rig.spool.json(folder, job + end)
        return None
    return until(find, "the job's end", seconds)


def way(record):
    """Each request as "UPSTREAM outcome"."""
    return [f"{a.get('upstream', '')} {a['outcome']}".strip()
            for a in record["attempts"] for _ in range(a.get("count", 1))]


def order(rig, *words):
    subprocess.run([os.path.join(BUILD, "llmspool-ctl"), "-q", "-s", rig.spool.path, *words],
                   check=True, timeout=20)


def expect_answer(record, model, reason, attempts):
    """Who answered, why, and after which requests."""
    equal(record["status"], "completed", "status")
    equal((record["model"]["asked"], record["model"]["answered"]), ("m", model), "models")
    equal(record["fallback"], {"model": model, "reason": reason}, "the fallback")
    equal(way(record), attempts, "the requests")


@scenario
def of_the_job(rig):
    start(rig)
    job = drop(rig, "[[mock:500,times=3]] x", "n", "o")
    expect_answer(ended(rig, job), "n", "transient", ["p/m transient"] * 3 + ["p/n ok"])
    event = rig.spool.events("fallback")[0]
    equal((event["from"], event["to"], event["reason"]), ("m", "n", "transient"), "the event")
    rig.judge(exact=True)


@scenario
def of_the_configuration(rig):
    start(rig, models='model "m" { fallback = {"n", "o"} }\n' + ALL_TO_P)
    job = drop(rig, "[[mock:500,times=6]] x")
    expect_answer(ended(rig, job), "o", "transient",
                  ["p/m transient"] * 3 + ["p/n transient"] * 3 + ["p/o ok"])


@scenario
def own_wins(rig):
    start(rig, models='model "m" { fallback = "n" }\n' + ALL_TO_P)
    job = drop(rig, "[[mock:500,times=1]] x", "o", max_attempts=1)
    expect_answer(ended(rig, job), "o", "transient", ["p/m transient", "p/o ok"])


@scenario
def not_needed(rig):
    start(rig)
    job = drop(rig, "[[mock:500,times=2]] x", "n")
    record = ended(rig, job)
    expect("fallback" not in record, "a fallback is told that was not asked")
    equal(way(record), ["p/m transient"] * 2 + ["p/m ok"], "the requests")


@scenario
def used_up(rig):
    daemon = start(rig)
    job = drop(rig, "[[mock:500]] x", "n", "o", max_attempts=2)
    record = ended(rig, job)
    equal(record["status"], "failed", "status")
    equal(way(record), [f"p/{model} transient" for model in "mmnnoo"], "the requests")
    equal(record["fallback"], {"model": "o", "reason": "transient"}, "the last fallback")
    equal(rig.mocks[-1].requests(), 6, "requests")
    daemon.stop()
    rig.judge(exact=True)


@scenario
def without(rig):
    start(rig)
    record = ended(rig, drop(rig, "[[mock:500]] x"))
    equal((record["status"], way(record)), ("failed", ["p/m transient"] * 3), "the end")
    expect("fallback" not in record, "a fallback is told that was not there")


@scenario
def jobs_own_fault(rig):
    """What is the job's own fault is so with any model."""
    start(rig)
    record = ended(rig, drop(rig, "[[mock:400]] x", "n"))
    equal((record["status"], way(record)), ("failed", ["p/m job"]), "the end")


@scenario
def in_a_ring(rig):
    start(rig, models='model "m" { fallback = "n" }\nmodel "n" { fallback = "m" }\n' + ALL_TO_P)
    record = ended(rig, drop(rig, "[[mock:500]] x", max_attempts=1))
    equal((record["status"], way(record)), ("failed", ["p/m transient", "p/n transient"]),
          "the end")


@scenario
def nobody_for_it(rig):
    """A model that no provider serves, or not for this type of job, is passed over."""
    mock = rig.mock()
    rig.configuration(FAST + provider(mock) + provider(mock, "anthropic", "a") +
                      'model "m" { provider = "p" }\nmodel "o" { provider = "p" }\n'
                      'model "claude*" { provider = "a" }\n')
    rig.daemon()
    job = drop(rig, "[[mock:500,times=1]] x", "nowhere", "o", max_attempts=1)
    expect_answer(ended(rig, job), "o", "transient", ["p/m transient", "p/o ok"])
    vector = rig.spool.drop({"model": "m", "type": "embed", "input": "[[mock:500,times=1]] y",
                             "fallback": ["claude-x", "o"], "max_attempts": 1})
    expect_answer(ended(rig, vector), "o", "transient", ["p/m transient", "p/o ok"])


@scenario
def refused(rig):
    """Refusals of the model and of its provider, where the configuration says so."""
    start(rig, "fallback_on_refusal = yes")
    by_model = drop(rig, "[[mock:refusal,times=1]] x", "n")
    by_provider = drop(rig, "[[mock:prompt-filter,times=1]] y", "n")
    record = ended(rig, by_model)
    expect_answer(record, "n", "refused", ["p/m unusable", "p/n ok"])
    expect(record["attempts"][0]["raw"], "what the model said is lost")
    expect_answer(ended(rig, by_provider), "n", "refused", ["p/m job", "p/n ok"])
    last = drop(rig, "[[mock:refusal]] z", "n")
    record = ended(rig, last)
    equal((record["status"], way(record)), ("completed", ["p/m unusable", "p/n ok"]),
          "when all refuse")
    expect(record["refusal"], "the last refusal is not kept")


@scenario
def refused_as_before(rig):
    """Without that, a refusal is an answer."""
    start(rig)
    record = ended(rig, drop(rig, "[[mock:refusal]] x", "n"))
    equal((record["status"], way(record)), ("completed", ["p/m ok"]), "a refusal by the model")
    expect(record["refusal"] and "fallback" not in record, "the refusal is not kept")
    record = ended(rig, drop(rig, "[[mock:prompt-filter]] y", "n"))
    equal((record["status"], way(record)), ("failed", ["p/m job"]), "one by the provider")


@scenario
def other_protocol(rig):
    """From Chat Completions to Messages, plain and streamed."""
    mock = rig.mock()
    rig.configuration(FAST + provider(mock) + provider(mock, "anthropic", "a") +
                      'model "claude*" { provider = "a" }\n' + ALL_TO_P)
    rig.daemon()
    params = {"max_tokens": 50, "response_format": {"type": "json_schema", "json_schema": {
        "name": "n", "schema": {"type": "object", "properties": {"n": {"type": "integer"}},
                                "required": ["n"], "additionalProperties": False}}}}
    for i, more in enumerate(({}, {"stream": True}, {"params": params})):
        job = drop(rig, f"[[mock:500,times=2]] number {i}", "claude-x", max_attempts=2, **more)
        record = ended(rig, job)
        expect_answer(record, "claude-x", "transient", ["p/m transient"] * 2 + ["a/claude-x ok"])
        equal(record["provider"], "a", "the provider")
        equal(record["response"]["type"], "message", "the response")
    expect(isinstance(record["output"]["n"], int), f"no such schema: {record['output']}")


@scenario
def over_a_restart(rig):
    """A daemon that is killed while a fallback is asked goes on with that."""
    daemon = start(rig)
    job = drop(rig, "[[mock:500,times=2]][[mock:hang,times=1]] x", "n", "o", max_attempts=2)
    until(lambda: rig.mocks[-1].requests() == 3, "the third request", 15)
    daemon.kill()
    rig.daemon()
    expect_answer(ended(rig, job), "n", "transient",
                  ["p/m transient"] * 2 + ["in_doubt", "p/n ok"])


@scenario
def gate_closed(rig):
    """A model that its server does not know is waited for, and then not."""
    daemon = start(rig, "fallback_after = 700ms", options=("--models", "n"))
    others = drop(rig, "without a fallback")
    until(lambda: rig.spool.events("gate_closed"), "the gate to close", 10)
    jobs = [drop(rig, f"number {i}", "n") for i in range(5)]
    for job in jobs:
        record = ended(rig, job)
        equal(record["fallback"], {"model": "n", "reason": "gate_closed"}, "the fallback")
        equal(way(record)[-1], "p/n ok", "the last request")
        expect(set(way(record)[:-1]) <= {"p/m upstream"}, f"the requests: {way(record)}")
    expect(os.path.exists(rig.spool.at("cur", others + ".json")), "a job without fallback left")
    daemon.stop()


@scenario
def gate_closed_cannot(rig):
    """What a fallback's protocol cannot express waits for its own gate, and does not fail."""
    mock = rig.mock("--models", "claude")
    rig.configuration(FAST + "fallback_after = 700ms\n" + provider(mock)
                      + provider(mock, protocol="anthropic", name="a")
                      + 'model "claude*" { provider = "a" }\n' + ALL_TO_P)
    daemon = rig.daemon()
    two = drop(rig, "two answers", "claude", params={"n": 2, "max_tokens": 9})
    one = drop(rig, "one answer", "claude", params={"max_tokens": 9})
    equal(ended(rig, one)["fallback"], {"model": "claude", "reason": "gate_closed"}, "fallback")
    expect(os.path.exists(rig.spool.at("cur", two + ".json")), "two answers left their gate")
    mock.configure(models=["claude", "m"])
    record = ended(rig, two)
    equal((record["status"], record["model"]["answered"]), ("completed", "m"), "who answered")
    expect("fallback" not in record, "no fallback was asked")
    daemon.stop()


@scenario
def gate_closed_no_price(rig):
    """Under a budget a fallback without a price is no way round a closed gate."""
    mock = rig.mock("--models", "n")
    rig.configuration(FAST + 'fallback_after = 700ms\nbudget {\n day = "10.00"\n}\n'
                      + provider(mock) + 'model "m" { provider = "p"\n input_price = "0"\n'
                      + ' output_price = "1" }\n' + ALL_TO_P)
    daemon = rig.daemon()
    jobs = [drop(rig, f"number {i}", "n", params={"max_tokens": 9}) for i in range(3)]
    until(lambda: mock.requests() >= 2, "a probe after fallback_after", 10)
    for job in jobs:
        expect(os.path.exists(rig.spool.at("cur", job + ".json")), "a job left its gate")
    mock.configure(models=["n", "m"])
    for job in jobs:
        record = ended(rig, job)
        equal((record["status"], record["model"]["answered"]), ("completed", "m"), "who answered")
    daemon.stop()


@scenario
def gate_closed_not_long(rig):
    """Before its time a fallback is not asked."""
    start(rig, "fallback_after = 1h", options=("--models", "n"))
    job = drop(rig, "x", "n")
    until(lambda: len(rig.spool.events("gate_closed")) and rig.mocks[-1].requests() >= 2,
          "a probe", 15)
    expect(os.path.exists(rig.spool.at("cur", job + ".json")), "the job did not wait")


@scenario
def throttled_long(rig):
    """A wait of an hour that a server asks for is too long as well."""
    start(rig, "fallback_after = 500ms")
    job = drop(rig, "[[mock:429,times=1,retry-after=3600]] x", "n")
    expect_answer(ended(rig, job), "n", "gate_closed", ["p/m throttled", "p/n ok"])


@scenario
def tried_again(rig):
    """A person who has a failed job tried again means its own model, then the chain."""
    start(rig)
    job = drop(rig, "[[mock:500,times=4]] x", "n", max_attempts=2)
    equal(ended(rig, job)["status"], "failed", "the first end")
    order(rig, "retry", job)
    until(lambda: os.path.exists(rig.spool.at("done", job + ".json")), "the second end", 15)
    record = rig.spool.json("done", job + ".v1.json")
    equal(way(record), ["p/m transient"] * 2 + ["p/n transient"] * 2 + ["p/m ok"], "the requests")
    expect("fallback" not in record, "a fallback is told that did not answer")


@scenario
def asked_anew(rig):
    """A rerun begins with the job's own model."""
    start(rig)
    job = drop(rig, "[[mock:500,times=1]] x", "n", max_attempts=1)
    expect_answer(ended(rig, job), "n", "transient", ["p/m transient", "p/n ok"])
    order(rig, "rerun", job)
    until(lambda: rig.spool.versions(job) == 2, "the second version", 15)
    record = rig.spool.json("done", job + ".v2.json")
    equal((record["model"]["answered"], way(record)), ("m", ["p/m ok"]), "who answered")
    expect("fallback" not in record, "a fallback is told that did not answer")


@scenario
def cancelled(rig):
    """A job that waits for a fallback's second try can be cancelled."""
    mock = rig.mock()
    rig.configuration("backoff = 1h\nbackoff_limit = 1h\n" + provider(mock) + ALL_TO_P)
    rig.daemon()
    job = drop(rig, "[[mock:500]] x", "n", max_attempts=2)
    until(lambda: mock.requests() == 1, "the first request", 10)
    order(rig, "cancel", job)
    equal(ended(rig, job)["status"], "cancelled", "the end")


run_scenario()
