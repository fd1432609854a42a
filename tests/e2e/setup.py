# SPDX-License-Identifier: GPL-2.0-or-later
"""setup: what a person set up wrongly costs no job, is told, and is mended without a restart; and
several addresses and keys for one provider."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request

from rig import BUILD, Mock, equal, expect, numbered, provider, run_scenario, scenario, until

MANY = 200
GENERAL = "probe_interval = 1s\nbackoff = 5ms\n"
TO_P = 'model "*" { provider = "p" }\n'
FEW = 12  # requests of a gate's window and of its probes within seconds


def secret(rig, key, name="key"):
    """A file with a key; the setting's value."""
    path = os.path.join(rig.folder, name)
    with open(path + ".new", "w", encoding="utf-8",
              opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(key)
    os.rename(path + ".new", path)
    return f'"{path}"'


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_lines(rig, count=8):
    """What llmspool-status says first, as one line."""
    found = subprocess.run([os.path.join(BUILD, "llmspool-status"), "-s", rig.spool.path],
                           stdout=subprocess.PIPE, check=True, timeout=20)
    return " ".join(" ".join(found.stdout.decode().splitlines()[:count]).split())


def order(rig, *words):
    subprocess.run([os.path.join(BUILD, "llmspool-ctl"), "-q", "-s", rig.spool.path, *words],
                   check=True, timeout=20)


def mend(rig, daemon, text):
    """The right configuration, by a signal."""
    rig.configuration(text)
    daemon.send(signal.SIGHUP)


def until_done(rig, count, seconds=40):
    until(lambda: len(rig.spool.jobs("done")) >= count,
          lambda: f"{count} jobs in done/, where {len(rig.spool.jobs('done'))} are", seconds)
    equal(len(rig.spool.jobs("done")), count, "jobs in done/")


def expect_patience(rig, words, requests=FEW):
    """Nothing failed, a person was told in the first lines, and the server was hardly asked."""
    until(lambda: words in status_lines(rig), lambda: f"{words!r} in: {status_lines(rig)}", 15)
    time.sleep(1.5)  # that is a probe or two
    lines = status_lines(rig)
    expect(words in lines, f"{words!r} is not in: {lines}")
    equal(rig.spool.names("failed"), [], "failed/")
    equal(len(rig.spool.jobs("cur")), MANY, "jobs that wait")
    expect(rig.mocks[-1].requests() <= requests, f"{rig.mocks[-1].requests()} requests")


def expect_mended(rig, daemon):
    """All jobs are done, by the same daemon."""
    until_done(rig, MANY)
    equal(rig.spool.names("failed"), [], "failed/ in the end")
    daemon.stop()
    rig.judge()


def wrong_key(protocol):
    def run(rig):
        mock = rig.mock("--key", "right")
        rig.configuration(GENERAL + TO_P + provider(mock, protocol, key_env=None,
                                                    key_file=secret(rig, "wrong")))
        rig.spool.drop_list(numbered(0, MANY))
        daemon = rig.daemon()
        expect_patience(rig, "key refused")
        secret(rig, "right")
        daemon.send(signal.SIGHUP)
        expect_mended(rig, daemon)
    return run


for word in ("openai", "openai-responses", "anthropic"):
    function = wrong_key(word)
    function.__name__ = "wrong_key_" + word.replace("-", "_")
    scenario(function)


@scenario
def wrong_path(rig):
    mock = rig.mock()
    rig.configuration(GENERAL + TO_P + provider(mock, url=f'"{mock.url}/v7"'))
    rig.spool.drop_list(numbered(0, MANY))
    daemon = rig.daemon()
    expect_patience(rig, "is closed")
    expect("404" in status_lines(rig), f"no 404 in: {status_lines(rig)}")
    mend(rig, daemon, GENERAL + TO_P + provider(mock))
    expect_mended(rig, daemon)


@scenario
def wrong_port(rig):
    mock = rig.mock()
    rig.configuration(GENERAL + TO_P + provider(mock, url=f'"http://127.0.0.1:{free_port()}/v1"'))
    rig.spool.drop_list(numbered(0, MANY))
    daemon = rig.daemon()
    expect_patience(rig, "cannot connect", 0)
    mend(rig, daemon, GENERAL + TO_P + provider(mock))
    expect_mended(rig, daemon)
    sends = {rig.spool.json("done", name)["sends"] for name in rig.spool.outputs()}
    equal(sends, {1}, "requests that count")


@scenario
def wrong_host(rig):
    mock = rig.mock()
    rig.configuration(GENERAL + TO_P + provider(mock, url='"http://nowhere.invalid/v1"'))
    rig.spool.drop_list(numbered(0, MANY))
    daemon = rig.daemon()
    expect_patience(rig, "cannot connect", 0)
    mend(rig, daemon, GENERAL + TO_P + provider(mock))
    expect_mended(rig, daemon)


@scenario
def wrong_model(rig):
    """Another server knows the model: it was only looked for at the wrong one."""
    mock = rig.mock("--models", "gpt-*")
    rig.configuration(GENERAL + TO_P + provider(mock))
    rig.spool.drop_list(numbered(0, MANY))
    daemon = rig.daemon()
    expect_patience(rig, "model not found")
    other = Mock(rig.folder)
    rig.mocks.append(other)
    mend(rig, daemon, GENERAL + TO_P + provider(mock).replace('"p"', '"q"', 1) + provider(other))
    expect_mended(rig, daemon)


@scenario
def not_pulled(rig):
    """Nobody has to tell the daemon that the server has the model now."""
    mock = rig.mock("--models", "other")
    rig.configuration(GENERAL + TO_P + provider(mock))
    rig.spool.drop_list(numbered(0, MANY))
    daemon = rig.daemon()
    expect_patience(rig, "model not found")
    mock.configure(models=["other", "m"])
    expect_mended(rig, daemon)


@scenario
def no_provider(rig):
    mock = rig.mock()
    rig.configuration(GENERAL + 'model "gpt-*" { provider = "p" }\n' + provider(mock) +
                      provider(mock, name="q"))
    rig.spool.drop_list(numbered(0, MANY))
    daemon = rig.daemon()
    expect_patience(rig, "no provider for m", 0)
    mend(rig, daemon, GENERAL + TO_P + provider(mock))
    expect_mended(rig, daemon)


@scenario
def refused_alone(rig):
    mock = rig.mock()
    rig.configuration(GENERAL + TO_P + provider(mock))
    jobs = numbered(0, MANY)
    jobs[50] = {"model": "m", "prompt": "[[mock:prompt-filter]] what nobody may say"}
    rig.spool.drop_list(jobs)
    daemon = rig.daemon()
    until_done(rig, MANY - 1)
    until(lambda: len(rig.spool.jobs("failed")) == 1, "the one that fails", 10)
    equal(mock.requests(), MANY, "requests")
    equal(rig.spool.events("gate_closed"), [], "closings")
    daemon.stop()
    rig.judge(exact=True)


@scenario
def bad_parameter(rig):
    """What makes every job fail is the set-up's fault, and waits for a person."""
    count = 2000
    mock = rig.mock("--fault", "422=1")
    rig.configuration(GENERAL + TO_P + provider(mock, max_in_flight=16))
    rig.spool.drop_list(numbered(0, count))
    daemon = rig.daemon()
    words = "halted: 20 jobs in a row failed"
    until(lambda: words in status_lines(rig), lambda: f"{words!r} in: {status_lines(rig)}", 30)
    until(lambda: len(rig.spool.jobs("cur")) + len(rig.spool.jobs("failed")) == count, "all", 30)
    expect("llmspool-ctl release p/m" in status_lines(rig), f"no advice: {status_lines(rig)}")
    requests = mock.requests()
    expect(len(rig.spool.jobs("failed")) <= 20, f"{len(rig.spool.jobs('failed'))} failed")
    expect(requests <= 20 + 16, f"{requests} requests")
    mock.configure(fault=None)
    time.sleep(1.2)
    equal(mock.requests(), requests, "requests before anybody said so")
    failed = len(rig.spool.jobs("failed"))  # by now all ends under way have come to it
    order(rig, "release", "p/m")
    until_done(rig, count - failed, 60)
    daemon.stop()
    rig.judge()


@scenario
def released_too_soon(rig):
    """A release that mended nothing costs no more than the same again."""
    mock = rig.mock()
    rig.configuration(GENERAL + TO_P + provider(mock))
    rig.spool.drop_list(numbered(0, 300, params={"temperature": 99}))
    rig.daemon()
    for round_number in (1, 2):
        until(lambda: mock.requests() >= 20 * round_number and "halted: 20" in status_lines(rig),
              "the gate to close", 20)
        expect(len(rig.spool.jobs("failed")) <= 20 * round_number,
               f"{len(rig.spool.jobs('failed'))} failed in round {round_number}")
        order(rig, "release", "p/m")
    equal(len(rig.spool.jobs("failed")) + len(rig.spool.jobs("cur")), 300, "jobs")


@scenario
def reloaded_in_flight(rig):
    """A reload that takes a provider away lets its requests end, and what waits goes elsewhere."""
    mock = rig.mock("--latency", "700ms")
    rig.configuration(GENERAL + TO_P + provider(mock, max_in_flight=10))
    rig.spool.drop_list(numbered(0, 30, stream=True))
    daemon = rig.daemon()
    until(lambda: mock.summary()["in_flight"] == 10, "requests in flight", 10)
    mend(rig, daemon, GENERAL + 'model "*" { provider = "q" }\n' + provider(mock, name="q"))
    until_done(rig, 30)
    names = [rig.spool.json("done", name)["provider"] for name in rig.spool.outputs()]
    equal((names.count("p"), names.count("q")), (10, 20), "who answered")
    equal(mock.requests(), 30, "requests")
    daemon.stop()
    rig.judge(exact=True)


@scenario
def file_of_urls(rig):
    """A server that comes back on another port is found by the file that says so."""
    first = rig.mock()
    path = os.path.join(rig.folder, "urls")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# where it is\n{first.url}/v1\n")
    rig.configuration(GENERAL + TO_P + provider(first, url=None, url_file=f'"{path}"'))
    daemon = rig.daemon()
    rig.spool.drop_list(numbered(0, 20))
    until_done(rig, 20)
    first.close()
    rig.spool.drop_list(numbered(20, 20))
    until(lambda: any("connect" in event["reason"] for event in rig.spool.events("gate_closed")),
          "the gate to close", 15)
    second = Mock(rig.folder)
    rig.mocks.append(second)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(f"{second.url}/v1")
    os.rename(path + ".new", path)
    until_done(rig, 40)
    equal(rig.spool.names("failed"), [], "failed/")
    equal(second.summary()["requests"], 20, "requests at the new place")
    daemon.stop()


@scenario
def two_urls(rig):
    """Load goes to both; when one dies the other takes all."""
    one, two = rig.mock("--latency", "50ms"), Mock(rig.folder, "--latency", "50ms")
    rig.mocks.append(two)
    rig.configuration(GENERAL + TO_P + provider(one, url=f'{{"{one.url}/v1", "{two.url}/v1"}}'))
    daemon = rig.daemon()
    rig.spool.drop_list(numbered(0, 100))
    until_done(rig, 100)
    shares = [mock.summary()["requests"] for mock in (one, two)]
    equal(sum(shares), 100, "requests")
    expect(min(shares) >= 20, f"the load is parted as {shares}")
    one.close()
    before = two.summary()["requests"]
    rig.spool.drop_list(numbered(100, 100))
    until_done(rig, 200)
    equal(two.summary()["requests"] - before, 100, "requests of the one that is left")
    equal(rig.spool.names("failed"), [], "failed/")
    until(lambda: {gate["gate"] for gate in rig.spool.status()["gates"]} == {"p/m", "p#2/m"},
          "both gates in status.json", 10)
    daemon.stop()


@scenario
def two_keys(rig):
    """Each key has a gate of its own: one that is refused leaves all to the other."""
    mock = rig.mock("--key", "key-that-is-right", "--latency", "10ms")
    files = [secret(rig, "key-that-is-wrong", "a"), secret(rig, "key-that-is-right", "b")]
    rig.configuration(GENERAL + TO_P +
                      provider(mock, key_env=None, key_file="{" + ", ".join(files) + "}"))
    daemon = rig.daemon()
    rig.spool.drop_list(numbered(0, MANY))
    until_done(rig, MANY)
    equal(rig.spool.names("failed"), [], "failed/")
    until(lambda: "key refused" in status_lines(rig), "a word of the wrong key", 10)
    gates = {}

    def gates_told():
        gates.update({gate["gate"]: gate for gate in rig.spool.status()["gates"]})
        return gates.get("p#2/m", {}).get("succeeded") == MANY
    until(gates_told, "the gates in status.json", 10)
    expect(gates["p/m"]["state"] != "open" and gates["p/m"]["loud"], f"the first: {gates['p/m']}")
    equal(gates["p/m"]["succeeded"], 0, "answers by the wrong key")
    equal((gates["p#2/m"]["state"], gates["p/m"]["key"], gates["p#2/m"]["key"]),
          ("open", "key***ng", "key***ht"), "the second, and both keys")
    daemon.stop()


def azure_paths(mock):
    """Endpoints by their number of requests, as the mock saw them."""
    with urllib.request.urlopen(mock.url + "/mock/ledger?summary=1", timeout=20) as answer:
        return json.load(answer)["endpoints"]


@scenario
def azure(rig):
    mock = rig.mock("--key", "azures-key", "--models", "my-chat", "--models", "my-vectors")
    text = GENERAL + TO_P + provider(
        mock, url=f'"{mock.url}/openai/deployments/{{model}}"', query='"api-version=2024-10-21"',
        key_header='"api-key"', key_env=None, key_file=secret(rig, "azures-key"))
    rig.configuration(text.replace("2024-10-21", "").replace("api-version=", "x=1"))
    daemon = rig.daemon()
    jobs = [rig.spool.drop(job) for job in (
        {"model": "my-chat", "prompt": "hello"},
        {"model": "my-chat", "prompt": "streamed", "stream": True},
        {"model": "my-vectors", "type": "embed", "input": "hello"})]
    until(lambda: rig.spool.events("gate_closed"), "a gate that closes without api-version", 10)
    mend(rig, daemon, text)
    until_done(rig, 3)
    equal(rig.spool.json("done", jobs[0] + ".v1.json")["output"], "hello", "the answer")
    equal({k: v > 0 for k, v in azure_paths(mock).items() if v}, {"chat": True, "embeddings": True},
          "endpoints")
    equal(rig.spool.names("failed"), [], "failed/")
    daemon.stop()


run_scenario()
