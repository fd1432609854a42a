# SPDX-License-Identifier: GPL-2.0-or-later
"""misbehaviour: every row of misbehaviour_rows.py against the daemon, all of a kind at once, and
the table of what was expected and found, which is documentation."""
import collections
import datetime
import os
import time

from misbehaviour_rows import ROWS
from rig import (Failure, Mock, equal, expect, numbered, provider, run_scenario, scenario, until)
from scripted import Scripted

GENERAL = """
backoff = 1ms
backoff_limit = 20ms
halt_after = never
probe_interval = 1s
answer_limit = 64KiB
"""
PROTOCOLS = {"chat": "openai", "completion": "openai", "embed": "openai",
             "responses": "openai-responses", "anthropic": "anthropic"}
FINISH = 25  # seconds in which all rows of a kind have ended


def configuration(server, protocol):
    """The server as two providers: one takes its time, the other none between two bytes."""
    sections = [provider(server, protocol, name, idle_timeout=idle)
                for name, idle in (("p", "20s"), ("hasty", "300ms"))]
    return "\n".join([GENERAL, *sections,
                      'model "m-stalled-stream" { provider = "hasty" }',
                      # With one request in flight a time-out is not for a queue that is too long.
                      'model "m-hang" { provider = "p" max_in_flight = 1 }',
                      'model "*" { provider = "p" max_output_tokens = 100 }'])


def job_of(row, kind, text):
    """The job that meets a row's misbehaviour."""
    plain, streamed = kind.split(",", maxsplit=1)[0], "stream" in kind
    job = {"model": row.model, **row.job}
    if plain == "embed":
        job.update(type="embed", input=text)
    elif plain == "completion":
        job.update(type="completion", prompt=text)
    else:
        job.update(prompt=text)
    if streamed:
        job["stream"] = True
    return job


def found_of(spool, job):
    """What became of a job: its state and record; None while nothing has."""
    for folder, state, end in (("done", "completed", ".v1.json"),
                               ("failed", "failed", ".error.json")):
        if os.path.exists(spool.at(folder, job + ".json")):
            return state, spool.json(folder, job + end)
    return None


def outcomes(record):
    """The outcome of each request, and the code of the last that was not ok."""
    words, code = [], ""
    for attempt in record["attempts"]:
        words += [attempt["outcome"]] * attempt.get("count", 1)
        if attempt["outcome"] != "ok":
            code = attempt.get("code", "")
    return " ".join(words), code


def short(words):
    """transient transient ok -> 2 transient, ok"""
    runs = []
    for word in words.split():
        if runs and runs[-1][0] == word:
            runs[-1][1] += 1
        else:
            runs.append([word, 1])
    return ", ".join(word if count == 1 else f"{count} {word}" for word, count in runs)


def closings(spool):
    """Model: the reasons for which its gate closed."""
    reasons = collections.defaultdict(list)
    for event in spool.events("gate_closed"):
        reasons[event["gate"].split("/", 1)[1]].append(event["reason"])
    return reasons


def judge(row, found, requests, reasons):
    """What is wrong with what was found, in words."""
    state, record = found
    words, code = outcomes(record)
    wrong = []
    if (words, state) != (row.attempts, row.state):
        wrong.append(f"{state} after {words}")
    if row.code and code != row.code:
        wrong.append(f"code {code}")
    if row.gate and not any(row.gate in reason for reason in reasons):
        wrong.append(f"gate {reasons}")
    if not row.gate and "throttled" not in row.attempts and reasons:
        wrong.append(f"gate closed: {reasons}")
    if requests != len(row.attempts.split()) + row.before:
        wrong.append(f"{requests} requests")
    if row.raw and not record.get("raw"):
        wrong.append("no raw answer kept")
    return wrong


def requests_by_model(rig):
    """How many requests the mock read for each model."""
    counts = collections.Counter()
    for line in open(rig.mocks[-1].ledger_file, encoding="utf-8"):
        counts[line.split('"model":"', 1)[1].split('"', 1)[0]] += 1
    return counts


def print_table(kind, rows, found, problems):
    """One line a row, for those who read the test's output."""
    print(f"{kind}:")
    print(f"  {'row':22} {'what the server does':40} {'outcomes':28} {'code':37} {'state':10} "
          "requests")
    for row in rows:
        state, record = found[row.name]
        words, code = outcomes(record)
        print(f"  {row.name:22} {row.does:40} {short(words):28} {code:37} {state:10} "
              f"{len(words.split()):8}")
        for problem in problems[row.name]:
            print(f"    WRONG: {problem}")


def try_rows(rig, kind, rows, server, count):
    """Drops a job for each row, waits for all of them, and judges them."""
    rig.configuration(configuration(server, PROTOCOLS[kind.split(",", maxsplit=1)[0]]))
    daemon = rig.daemon()
    warm = [rig.spool.drop(job_of(row, kind, "fine so far")) for row in rows if row.before]
    until(lambda: all(found_of(rig.spool, job) for job in warm), "the jobs before", FINISH)
    texts = {row.name: f"{'' if row.script else row.does} Is all well?" for row in rows}
    jobs = {row.name: rig.spool.drop(job_of(row, kind, texts[row.name])) for row in rows}
    until(lambda: daemon.process.poll() is not None or
          all(found_of(rig.spool, job) for job in jobs.values()),
          lambda: "the end of " + ", ".join(name for name, job in jobs.items()
                                            if not found_of(rig.spool, job)), FINISH)
    equal(daemon.process.poll(), None, "the daemon's exit code while it works")
    daemon.stop()
    found = {name: found_of(rig.spool, job) for name, job in jobs.items()}
    counts, reasons = count(), closings(rig.spool)
    problems = {row.name: judge(row, found[row.name], counts[row.model], reasons[row.model])
                for row in rows}
    print_table(kind, rows, found, problems)
    expect(not any(problems.values()), "rows that are not as they should be: " +
           ", ".join(name for name, words in problems.items() if words))


def rows_for(kind, scripted):
    """The rows that a kind of request can show."""
    rows = [row.of(kind) for row in ROWS if kind in row.kinds and bool(row.script) == scripted]
    expect(len({row.name for row in rows}) == len(rows), "two rows have one name")
    return rows


def mocked(kind):
    """A scenario for all rows of a kind that the mock can show."""
    def run(rig):
        mock = rig.mock()
        try_rows(rig, kind, rows_for(kind, False), mock, lambda: requests_by_model(rig))
        expect(not rig.checker.judge(rig.spool.dropped, None, False, True),
               "the spool is not sound")
    return run


for name in ("chat", "responses", "anthropic", "completion", "embed", "chat, streamed",
             "responses, streamed", "anthropic, streamed"):
    function = mocked(name)
    function.__name__ = name.replace(", ", "_")
    scenario(function)


@scenario
def shapes(rig):
    """Answers that the mock does not have."""
    rows = rows_for("chat", True)
    server = Scripted({row.model: list(row.script) for row in rows})
    try:
        try_rows(rig, "chat", rows, server,
                 lambda: {row.model: server.count(row.model) for row in rows})
    finally:
        server.close()


@scenario
def enough(_):
    """What the issue asks for: at least 40 misbehaviours, of every kind of request some."""
    names = {row.name for row in ROWS}
    expect(len(names) >= 40, f"{len(names)} misbehaviours")
    for kind in PROTOCOLS:
        if not rows_for(kind, False):
            raise Failure(f"nothing for {kind}")


@scenario
def keepalive(rig):
    """A kept connection that the server closes under the next request, once that was read."""
    rig.mock()
    rig.configure(rig.mocks[-1], GENERAL, "max_in_flight = 1")
    daemon = rig.daemon()
    one = rig.spool.drop({"model": "m", "prompt": "[[mock:keepalive-close,times=1]] first"})
    until(lambda: found_of(rig.spool, one), "the first job", 10)
    two = rig.spool.drop({"model": "m", "prompt": "second"})
    until(lambda: found_of(rig.spool, two), "the second job", 10)
    daemon.stop()
    equal(outcomes(found_of(rig.spool, one)[1])[0], "ok", "the first job's outcomes")
    equal(outcomes(found_of(rig.spool, two)[1])[0], "unknown ok", "the second job's outcomes")
    equal(rig.mocks[-1].requests(), 3, "requests")


@scenario
def throttled_for_good(rig):
    """A job that alone is throttled again and again, while others get through, is too large."""
    mock = rig.mock("--latency", "5ms")
    rig.configuration("backoff = 100ms\n" + provider(mock, max_in_flight=4))
    rig.daemon()
    large = rig.spool.drop({"model": "m", "prompt": "[[mock:429,retry-after=0.02]] large"})
    others = [rig.spool.drop(job) for job in numbered(0, 100)]

    def ended():
        """Others come all the time."""
        others.extend(rig.spool.drop(job) for job in numbered(len(others), 4))
        time.sleep(0.02)
        return found_of(rig.spool, large)

    found = until(ended, "the end of the large one", 40)
    words, code = outcomes(found[1])
    equal((found[0], set(words.split()), code), ("failed", {"throttled"}, "rate_limit_exceeded"),
          "the large one")
    until(lambda: all(found_of(rig.spool, job) for job in others), "the others", 30)
    equal(len(rig.spool.jobs("failed")), 1, "failed jobs")


@scenario
def throttled_alone(rig):
    """One that is throttled while nothing else gets through is no such job; its end is its own."""
    mock = rig.mock()
    rig.configuration(GENERAL + provider(mock))
    rig.daemon()
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3))
    job = rig.spool.drop({"model": "m", "prompt": "[[mock:429,retry-after=0.05]] x",
                          "expires": soon.strftime("%Y-%m-%dT%H:%M:%SZ")})
    until(lambda: os.path.exists(rig.spool.at("failed", job + ".json")), "its end", 15)
    found = rig.spool.json("failed", job + ".error.json")
    words, _ = outcomes(found)
    equal((found["status"], set(words.split())), ("expired", {"throttled"}), "its end")
    expect(len(words.split()) > 5, f"only {words}")
    equal(rig.mocks[-1].requests(), len(words.split()), "requests")


@scenario
def redirected(rig):
    """No other server than the configured one gets to see a key or a prompt."""
    other = rig.mock()
    mock = Mock(rig.folder, "--redirect", other.url)
    rig.mocks.append(mock)
    rig.configuration(GENERAL + provider(mock))
    rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": "[[mock:redirect,times=2]] x"})
    until(lambda: found_of(rig.spool, job), "the answer", 20)
    equal((mock.summary()["requests"], other.summary()["requests"]), (3, 0), "requests")


@scenario
def over_restarts(rig):
    """Attempts are counted over kills: three are three, whoever made them."""
    rig.mock()
    rig.configuration("backoff = 1s\nbackoff_limit = 1s\n" + provider(rig.mocks[-1]))
    job = rig.spool.drop({"model": "m", "prompt": "[[mock:500]] x"})
    for requests in (1, 2):
        daemon = rig.daemon()
        state = rig.spool.at("cur", job + ".state.json")
        until(lambda: os.path.exists(state) and rig.spool.json("cur", job + ".state.json")
              .get("failures") == requests, f"failure {requests}", 15)
        daemon.kill()
    rig.daemon()
    until(lambda: found_of(rig.spool, job), "the end", 15)
    equal(outcomes(found_of(rig.spool, job)[1])[0].split().count("transient"), 3, "failures")
    expect(rig.mocks[-1].requests() <= 3 + len(rig.spool.events("doubt")), "too many requests")


run_scenario()
