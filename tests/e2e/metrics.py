#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""metrics: what the daemon tells Prometheus, against what the spool holds."""
import json
import os
import re
import shutil
import stat
import subprocess
import threading
import time

from rig import LONG, Failure, Rig, Skip, equal, expect, numbered, run_scenario, scenario, until

SOURCE = os.environ.get("LLMSPOOL_SOURCE",
                        os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)\Z")
LABEL = re.compile(rf'({NAME})="((?:[^"\\\n]|\\[\\"n])*)"(?:,|\Z)')
PRICED = 'model "m" { input_price = 1.00 output_price = 2.00 cached_price = 0.50 }\n'


class Metrics:
    """A file of metrics, read as strictly as node_exporter reads it."""

    def __init__(self, text):
        expect(text.endswith("\n"), "the file does not end with a newline")
        self.kinds = {}
        self.samples = {}  # (name, labels as a sorted tuple): number
        self.family = None
        for line in text[:-1].split("\n"):
            self.comment(line) if line.startswith("#") else self.sample(line)

    def comment(self, line):
        word, name, rest = line[2:].split(" ", 2)
        if word == "TYPE":
            expect(name == self.family, f"the type of {name} is not behind its help")
            self.kinds[name] = rest
        else:
            expect(word == "HELP" and name not in self.kinds, f"two families: {line}")
            self.family = name

    def sample(self, line):
        found = SAMPLE.match(line)
        expect(found, f"no sample: {line!r}")
        name, labels, number = found.groups()
        suffix = name[len(self.family):]
        expect(name.startswith(self.family) and
               suffix in ("_bucket", "_sum", "_count") if self.kinds[self.family] == "histogram"
               else name == self.family, f"{name} among the samples of {self.family}")
        pairs = LABEL.findall(labels or "")
        expect("".join(f'{k}="{v}",' for k, v in pairs) == (labels + "," if labels else ""),
               f"labels: {line!r}")
        key = (name, tuple(sorted(pairs)))
        expect(key not in self.samples, f"told twice: {line!r}")
        self.samples[key] = float(number)

    def all(self, name, /, **labels):
        """The samples of a name that have these labels, by all their labels."""
        wanted = set(labels.items())
        return {key[1]: value for key, value in self.samples.items()
                if key[0] == name and wanted <= set(key[1])}

    def sum(self, name, /, **labels):
        return sum(self.all(name, **labels).values())

    def one(self, name, /, **labels):
        found = self.all(name, **labels)
        equal(len(found), 1, f"samples of {name} with {labels}")
        return next(iter(found.values()))

    def counters(self):
        return {key: value for key, value in self.samples.items()
                if self.kinds.get(key[0]) == "counter" or key[0] not in self.kinds}


def read(path):
    with open(path, encoding="utf-8") as file:
        return Metrics(file.read())


def of_state(rig):
    return read(rig.spool.at("state", "metrics.prom"))


def textfile(rig):
    return os.path.join(rig.folder, "llmspool.prom")


def settings(rig, every="100ms"):
    return f'metrics_every = {every}\nmetrics_file = "{textfile(rig)}"\nbackoff = "20ms"\n'


def promtool(*arguments, text=None):
    if shutil.which("promtool") is None:
        raise Skip("promtool is missing (Debian package: prometheus)")
    done = subprocess.run(["promtool", *arguments], input=text, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, timeout=60, check=False)
    expect(done.returncode == 0, f"promtool {' '.join(arguments)}:\n{done.stdout}")
    return done.stdout


def check_with_promtool(path):
    with open(path, encoding="utf-8") as file:
        equal(promtool("check", "metrics", text=file.read()), "", f"promtool's words on {path}")


def records(rig):
    """All output and error files."""
    names = [("done", name) for name in rig.spool.outputs()]
    names += [("failed", name) for name in rig.spool.names("failed", ".error.json")]
    return [rig.spool.json(*name) for name in names]


def attempts(rig, outcome):
    return sum(attempt.get("count", 1) for record in records(rig) for attempt in record.get("attempts", [])
               if attempt["outcome"] == outcome)


def usage(rig, key):
    return sum(record["usage"].get(key) or 0 for record in records(rig) if "usage" in record)


def run_mixed(rig):
    """Jobs that end in all ways, with everything that is counted."""
    mock = rig.mock()
    rig.configure(mock, settings(rig) + "budget { month = 5 }\n" + PRICED)
    jobs = numbered(0, 20)
    jobs += numbered(0, 3, "[[mock:500,times=1]] Once more")
    jobs += numbered(0, 2, "[[mock:400]] Too long")
    jobs += numbered(0, 2, "[[mock:429,times=1,retry-after=0.2]] Later")
    jobs += numbered(0, 3, "[[mock:ok,cached=5]] Say a word again and again and again")
    jobs += numbered(0, 4, "Tell me", stream=True)
    rig.spool.drop_list(jobs)
    rig.spool.put('{"model": "m"}')  # is refused
    rig.until_empty(code=1)
    return mock


@scenario
def known_run(rig: Rig):
    """What is told after a run is what the spool and the mock's ledger hold."""
    mock = run_mixed(rig)
    found = of_state(rig)
    for outcome in ("ok", "transient", "throttled", "job"):
        told = found.one("llmspool_requests_total", outcome=outcome, model="m", provider="openai")
        equal(told, attempts(rig, outcome), f"requests of outcome {outcome}")
    equal(found.sum("llmspool_requests_total"), mock.requests(), "requests")
    equal(found.one("llmspool_request_duration_seconds_count"), mock.requests(), "durations")
    equal(found.one("llmspool_first_token_seconds_count"), 4, "first tokens")
    equal(found.one("llmspool_queue_wait_seconds_count"), len(rig.spool.dropped), "waits")
    for name in ("input", "output", "cached", "reasoning"):
        equal(found.one(f"llmspool_{name}_tokens_total"), usage(rig, f"{name}_tokens"),
              f"{name} tokens")
    equal(usage(rig, "cached_tokens"), 15, "tokens that were cached")
    cost = sum(record["cost"]["amount"] for record in records(rig) if "cost" in record)
    expect(cost > 0, "it cost nothing")
    equal(round(found.one("llmspool_cost_total", currency="USD", model="m"), 9), round(cost, 9),
          "cost")
    equal(found.one("llmspool_unpriced_requests_total"), 0, "answers without a price")
    equal(found.one("llmspool_retries_total", **{"class": "transient"}), 3, "retries")
    equal(found.one("llmspool_retries_total", **{"class": "throttled"}),
          attempts(rig, "throttled"), "retries after a 429")
    equal(found.sum("llmspool_jobs"), 0, "jobs that are left")
    equal(found.all("llmspool_oldest_waiting_timestamp_seconds"), {}, "the oldest of none")


@scenario
def transitions(rig: Rig):
    """Every event that the daemon writes is counted under its kind, and no kind is unknown."""
    run_mixed(rig)
    found = of_state(rig)
    told = {dict(labels)["event"]: number
            for labels, number in found.all("llmspool_transitions_total").items()}
    written = {}
    for name in rig.spool.names("events"):
        for event in rig.spool.lines("events", name):
            written[event["event"]] = written.get(event["event"], 0) + 1
    equal({kind: number for kind, number in told.items() if number}, written, "events")
    with open(os.path.join(SOURCE, "spool-layout/schema/event.schema.json"),
              encoding="utf-8") as file:
        known = set(json.load(file)["properties"]["event"]["examples"])
    # Written by other programs.
    known -= {"archived", "pruned", "forgotten", "set_aside"}
    expect(not known - set(told), f"kinds without a counter: {known - set(told)}")


@scenario
def money(rig: Rig):
    """Budgets and what was spent, also after a restart, when counters begin at 0 again."""
    run_mixed(rig)
    found = of_state(rig)
    spent = found.one("llmspool_budget_spent", scope="all", name="", period="month")
    expect(spent > 0, "nothing was spent")
    equal(found.one("llmspool_budget_limit", scope="all"), 5, "limit")
    equal(found.one("llmspool_budget_reserved", scope="all"), 0, "reserved")
    equal(found.one("llmspool_spent", period="month", currency="USD"), spent, "spent")
    daemon = rig.daemon()
    daemon.stop()
    after = of_state(rig)
    equal(after.all("llmspool_cost_total"), {}, "cost since the start")
    equal(after.one("llmspool_budget_spent", scope="all"), spent, "spent, after a restart")
    expect(after.one("llmspool_start_time_seconds") > found.one("llmspool_start_time_seconds"),
           "the start did not move")


@scenario
def both_files(rig: Rig):
    """Both files say the same, promtool finds nothing to say about them, all may read the second."""
    run_mixed(rig)
    with open(textfile(rig), encoding="utf-8") as one, \
            open(rig.spool.at("state", "metrics.prom"), encoding="utf-8") as other:
        expect(one.read() == other.read(), "the files differ")
    equal(stat.S_IMODE(os.stat(textfile(rig)).st_mode), 0o644, "mode of the textfile")
    equal(stat.S_IMODE(os.stat(rig.spool.at("state", "metrics.prom")).st_mode), 0o600, "mode")
    rig.judge()
    check_with_promtool(textfile(rig))


@scenario
def atomic(rig: Rig):
    """Who reads while they are written sees whole files, counters that grow, and no other .prom."""
    mock = rig.mock()
    rig.configure(mock, settings(rig))
    daemon = rig.daemon()
    problems, seen, stop = [], set(), threading.Event()

    def look(path):
        last = {}
        while not stop.is_set():
            try:
                found = read(path)
                for key, number in found.counters().items():
                    expect(number >= last.get(key, 0), f"{key} went down")
                expect("llmspool_unwritten_answers" in found.kinds, "the end is missing")
                last = found.counters()
                seen.add((path, found.one("llmspool_last_write_timestamp_seconds")))
                names = [n for n in os.listdir(os.path.dirname(path)) if n.endswith(".prom")]
                equal(names, [os.path.basename(path)], "files that end in .prom")
            except (Failure, ValueError, OSError) as problem:
                problems.append(f"{path}: {problem!r}")
                return

    paths = (textfile(rig), rig.spool.at("state", "metrics.prom"))
    threads = [threading.Thread(target=look, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for i in range(12):
        rig.spool.drop_list(numbered(100 * i, 25))
        time.sleep(0.15)
    until(lambda: len(rig.spool.jobs("done")) == 300 or problems, "the end of 300 jobs")
    until(lambda: of_state(rig).one("llmspool_transitions_total", event="completed") == 300,
          "all of them counted")
    stop.set()
    for thread in threads:
        thread.join()
    daemon.stop()
    expect(not problems, "\n".join(problems))
    for path in paths:
        expect(sum(p == path for p, _ in seen) > 5, f"{path} was seldom written")


@scenario
def unwritable(rig: Rig):
    """A textfile that cannot be written is told once, and so is that it can again; jobs do not care."""
    mock = rig.mock()
    path = os.path.join(rig.folder, "collector", "llmspool.prom")
    rig.configure(mock, f'metrics_every = 100ms\nmetrics_file = "{path}"\n')
    daemon = rig.daemon()
    for i in range(5):
        written = of_state(rig).one("llmspool_last_write_timestamp_seconds")
        rig.spool.drop(numbered(i, 1)[0])
        until(lambda: of_state(rig).one("llmspool_last_write_timestamp_seconds") > written,
              "the next metrics")
    until(lambda: len(rig.spool.jobs("done")) == 5, "the jobs' end")
    equal(daemon.text().count("cannot be written"), 1, "complaints")
    expect(daemon.says(f"{path} cannot be written"), "the complaint does not name the file")
    os.mkdir(os.path.dirname(path))
    rig.spool.drop(numbered(9, 1)[0])
    daemon.until_says(f"{path} is written again")
    until(lambda: os.path.exists(path), "the file")
    equal(os.listdir(os.path.dirname(path)), ["llmspool.prom"], "files of the collector")
    daemon.stop()


@scenario
def reloaded(rig: Rig):
    """A reload moves the textfile, and gives all samples a label."""
    mock = rig.mock()
    rig.configure(mock, "metrics_every = 100ms\n")
    daemon = rig.daemon()
    expect(not os.path.exists(textfile(rig)), "a textfile that nobody asked for")
    rig.configure(mock, settings(rig) + 'metrics_label = "one \\"spool\\""\n')
    daemon.send(1)
    until(lambda: os.path.exists(textfile(rig)), "the textfile")
    label = ("spool", 'one \\"spool\\"')
    expect(all(label in labels for _, labels in read(textfile(rig)).samples), "some have no label")
    check_with_promtool(textfile(rig))
    daemon.stop()


@scenario
def bounded(rig: Rig):
    """Five hundred models are fifty by name and one that is called other."""
    mock = rig.mock()
    rig.configure(mock, settings(rig))
    models = [f'model "{i}" \\ é' for i in range(500)]
    rig.spool.drop_list([{"model": model, "prompt": "Say it"} for model in models])
    rig.until_empty()
    found = read(textfile(rig))
    for name in ("llmspool_requests_total", "llmspool_request_duration_seconds_count",
                 "llmspool_input_tokens_total", "llmspool_waiting_jobs"):
        names = {dict(labels)["model"] for labels in found.all(name)}
        equal(len(names), 51, f"models of {name}")
        expect("other" in names, f"{name} has no others")
    equal(found.sum("llmspool_requests_total", outcome="ok"), 500, "requests")
    equal(found.sum("llmspool_requests_total", outcome="ok", model="other", provider="other"), 450,
          "requests of other models")
    equal(found.sum("llmspool_gate_state"), 500, "gates")
    equal(found.one("llmspool_gate_state", gate="other", state="open"), 450, "other gates")
    expect(len(found.samples) < 4000, f"{len(found.samples)} samples")
    check_with_promtool(textfile(rig))


def shut(found, reason, jobs):
    """Whether a gate is closed, and so many jobs are back from it."""
    return (found.sum("llmspool_gate_closed", reason=reason) == 1 and
            found.sum("llmspool_jobs", state="waiting") == jobs)


@scenario
def gates(rig: Rig):
    """A gate that is closed says since when and for what."""
    mock = rig.mock()
    rig.configure(mock, settings(rig), "    rpm = 600\n")
    rig.spool.drop_list(numbered(0, 3, "[[mock:429,retry-after=60]] Wait"))
    daemon = rig.daemon()

    def closed():
        found = of_state(rig)
        return shut(found, "throttled", 3) and found

    before = time.time()
    found = until(closed, "a gate that is closed")
    equal(found.one("llmspool_gate_state", gate="openai/m", state="closed"), 1, "closed")
    equal(found.one("llmspool_gate_state", gate="openai/m", state="open"), 0, "open")
    equal(found.sum("llmspool_gate_closed"), 1, "reasons")
    since = found.one("llmspool_gate_closed_timestamp_seconds", gate="openai/m")
    expect(before - 30 < since < time.time() + 1, f"closed since {since}, it is {time.time()}")
    equal(found.one("llmspool_gate_requests_per_minute_limit", gate="openai/m"), 600, "limit")
    expect(found.one("llmspool_gate_window", gate="openai/m") >= 1, "window")
    submitted = found.one("llmspool_oldest_waiting_timestamp_seconds")
    expect(before - 30 < submitted <= before + 1, f"the oldest job is of {submitted}")
    equal(found.one("llmspool_jobs", state="waiting"), 3, "jobs that wait")
    equal(found.one("llmspool_waiting_jobs", model="m"), 3, "jobs that wait for the model")
    mock.configure(key="another")
    rig.spool.order("release", "openai/m")
    until(lambda: of_state(rig).sum("llmspool_gate_closed", reason="refused") == 1,
          "a gate whose key is refused")
    rig.spool.switch("pause")
    until(lambda: of_state(rig).one("llmspool_paused") == 1, "paused")
    daemon.stop()


def switches(pid):
    """How often the threads of a process went to sleep or were woken."""
    count = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as file:
            count += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return count


@scenario
def idle(rig: Rig):
    """A daemon that has nothing to do is not woken for its metrics; each minute it writes them."""
    mock = rig.mock()
    rig.configure(mock, settings(rig))
    daemon = rig.daemon()
    rig.spool.drop_list(numbered(0, 5))
    until(lambda: of_state(rig).one("llmspool_transitions_total", event="completed") == 5,
          "the jobs counted")
    time.sleep(3)  # status is written a second after the last change, metrics 0.1 s
    woken, stamp = switches(daemon.process.pid), os.stat(textfile(rig)).st_mtime_ns
    time.sleep(130 if LONG else 3)
    now = switches(daemon.process.pid)
    writes = os.stat(textfile(rig)).st_mtime_ns != stamp
    print(f"# idle for {130 if LONG else 3} s: {now - woken} switches")
    if LONG:
        expect(writes, "no write in two minutes")
        # Two minutes' turns or three: the poll that ends, and a pool thread or the loop preempted.
        expect(now - woken <= 12, f"{now - woken} switches in 130 s")
    else:
        expect(now - woken <= 2, f"{now - woken} switches in 3 s")  # one minute may end in them
    daemon.stop()


def served(httpd, **headers):
    reply = httpd.request("GET", "/metrics", headers=headers)
    equal(reply.status, 200, "status of /metrics")
    equal(reply.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "type")
    return Metrics(reply.data.decode()), reply.data.decode()


@scenario
def over_http(rig: Rig):
    """llmspool-httpd passes the daemon's metrics on, with its own, and says whether the daemon lives."""
    mock = rig.mock()
    rig.configure(mock, settings(rig))
    httpd = rig.httpd()
    found, _ = served(httpd)
    equal(found.one("llmspool_up"), 0, "a daemon that never ran")
    equal(found.one("llmspool_metrics_readable"), 0, "its metrics")
    equal(found.all("llmspool_metrics_age_seconds"), {}, "their age")
    rig.spool.drop_list(numbered(0, 3, "[[mock:429,retry-after=60]] Wait"))
    daemon = rig.daemon()
    until(lambda: shut(of_state(rig), "throttled", 3), "a gate that is closed")
    found, text = served(httpd, Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    equal(promtool("check", "metrics", text=text), "", "promtool's words")
    equal(found.one("llmspool_up"), 1, "a daemon that runs")
    equal(found.one("llmspool_jobs", state="waiting"), 3, "jobs that wait")
    submitted = found.one("llmspool_oldest_waiting_timestamp_seconds")
    for name, since in (("oldest_waiting", submitted),
                        ("metrics", found.one("llmspool_last_write_timestamp_seconds"))):
        age = found.one(f"llmspool_{name}_age_seconds")
        expect(0 <= age <= time.time() - since + 1, f"{name} is {age} old, since {since}")
    daemon.kill()
    found, _ = served(httpd)
    equal(found.one("llmspool_up"), 0, "a daemon that was killed")
    equal(found.one("llmspool_jobs", state="waiting"), 3, "what it said last")
    for junk in ("", "llmspool_jobs 3", "other_metric 1\n", "llmspool_jobs 3\n\nllmspool_x 1\n",
                 "llmspool_jobs 3\n\0\n"):
        with open(rig.spool.at("state", "metrics.prom"), "w", encoding="utf-8") as file:
            file.write(junk)
        found, text = served(httpd)
        equal(found.one("llmspool_metrics_readable"), 0, f"readable: {junk!r}")
        equal(found.all("llmspool_jobs"), {}, f"passed on: {junk!r}")
        equal(promtool("check", "metrics", text=text), "", "promtool's words")


@scenario
def traffic(rig: Rig):
    """Requests are counted by route and class, never by path; connections and streams, too."""
    httpd = rig.httpd()
    for i in range(7):
        httpd.request("GET", "/healthz")
    for i in range(5):
        equal(httpd.request("GET", f"/nothing/{i}").status, 404, "status")
    equal(httpd.request("POST", "/healthz").status, 405, "status")
    others = [httpd.connect() for _ in range(3)]
    for other in others:
        equal(httpd.request("GET", "/healthz", connection=other).status, 200, "status")
    found, text = served(httpd)
    name = "llmspool_http_requests_total"
    equal(found.one(name, route="/healthz", method="GET", code="2xx"), 10, "requests of a route")
    equal(found.sum(name, route="other", code="4xx"), 6, "requests of no route")
    equal(found.one("llmspool_http_request_duration_seconds_count", route="/healthz"), 10, "times")
    expect("/nothing" not in text, "a path is told")
    equal(found.one("llmspool_http_connections"), 4, "connections")
    equal(found.one("llmspool_http_streams"), 0, "streams")
    for other in others:
        other.close()
    until(lambda: served(httpd)[0].one("llmspool_http_connections") == 1, "the others closed")
    equal(served(httpd)[0].sum("llmspool_http_cut_connections_total"), 0, "connections cut")


def shipped(*parts):
    with open(os.path.join(SOURCE, *parts), encoding="utf-8") as file:
        return file.read()


def expressions(value):
    """All expressions of a dashboard, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("expr", "definition") and isinstance(inner, str):
                yield inner
            else:
                yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


def families(names, kinds):
    """The families that these samples belong to."""
    return {name if name in kinds else re.sub("_(bucket|sum|count)$", "", name) for name in names}


@scenario
def names(rig: Rig):
    """The manual page, the alerts and the dashboard name what there is, and the page all of it."""
    run_mixed(rig)
    httpd = rig.httpd()
    kinds = served(httpd)[0].kinds
    page = dict(re.findall(r"^\.It Cm (llmspool_\w+) Pq (\w+)", shipped("man", "llmspool-metrics.7"),
                           re.MULTILINE))
    equal(sorted(set(kinds.items()) ^ set(page.items())), [], "metrics and the manual page differ")
    board = json.loads(shipped("spool-layout", "grafana", "llmspool.json"))
    rules = shipped("spool-layout", "prometheus", "llmspool.rules.yml")
    used = {"the rules": set(re.findall(r"llmspool_\w+", rules)),
            "the dashboard": set(re.findall(r"llmspool_\w+", " ".join(expressions(board))))}
    for what, found in used.items():
        expect(len(found) > 15, f"{what} use only {found}")
        equal(sorted(families(found, kinds) - set(kinds)), [], f"metrics that only {what} know")
    equal(len({panel["id"] for panel in board["panels"]}), len(board["panels"]), "ids of panels")
    parsed = "groups:\n  - name: dashboard\n    rules:\n"
    for i, expression in enumerate(expressions(board)):
        if not expression.startswith("label_values("):
            expression = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
            parsed += f"      - record: p{i}\n        expr: {json.dumps(expression)}\n"
    with open(os.path.join(rig.folder, "dashboard.yml"), "w", encoding="utf-8") as file:
        file.write(parsed)
    promtool("check", "rules", os.path.join(rig.folder, "dashboard.yml"))


@scenario
def rules(rig: Rig):
    """The alerts are sound, and say what their tests want of them."""
    folder = os.path.join(SOURCE, "spool-layout", "prometheus")
    promtool("check", "rules", os.path.join(folder, "llmspool.rules.yml"))
    promtool("test", "rules", os.path.join(folder, "llmspool.rules.test.yml"))
    promtool("check", "config", os.path.join(folder, "scrape.example.yml"))
    text = shipped("spool-layout", "prometheus", "llmspool.rules.yml")
    alerts = re.findall(r"- alert: (\w+)", text)
    tests = shipped("spool-layout", "prometheus", "llmspool.rules.test.yml")
    for alert in alerts:
        expect(tests.count(alert) >= 2, f"{alert} has no test that it is told, and that it is not")
    for word in ("summary", "description", "command"):
        equal(text.count(f"          {word}: "), len(alerts), f"alerts with a {word}")


run_scenario()
