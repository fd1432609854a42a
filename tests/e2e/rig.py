# SPDX-License-Identifier: GPL-2.0-or-later
"""rig: a spool, a mock and a daemon for tests that drive them hard.

A script defines scenarios by @scenario and ends with run_scenario(); a bats file calls it with
a scenario's name. LLMSPOOL_BUILD says where the programs are. All files lie in a folder of the
scenario's own, all programs end with it, and each wait is bounded. What fails raises, and the
traceback and the tail of the daemon's log are what bats shows.
"""
import ctypes
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checker import Checker, identity, read_ledger  # noqa: E402

BUILD = os.environ["LLMSPOOL_BUILD"]
LONG = os.environ.get("LLMSPOOL_LONG", "0") not in ("", "0")
PATIENCE = 60  # seconds after which a wait has failed
PR_SET_PDEATHSIG = 1
# For scenarios that say nothing of webhooks themselves: so that some may be owed to nobody.
HOME = 'webhook { allow = {"127.0.0.0/8"} }\n'


class Failure(Exception):
    """What a scenario found wrong."""


class Skip(Exception):
    """Why a scenario cannot run here."""


def sweep_of_kills():
    """Kills at every call take minutes under sanitizers: ./runtests makes them in its other build."""
    if os.environ.get("LLMSPOOL_SANITIZED", "0") == "1" and not LONG:
        raise Skip("kills at every call are made in the build without sanitizers")


def expect(condition, what):
    if not condition:
        raise Failure(what)


def equal(found, wanted, what):
    expect(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


def until(condition, what, seconds=PATIENCE):
    """Waits for a condition; what may be a function that tells how things stand."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s in vain for: {what() if callable(what) else what}")
        time.sleep(0.005)


def die_with_parent():
    """And be interrupted as on a terminal: what a shell or nohup starts in the background ignores that."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def spawn(arguments, **options):
    return subprocess.Popen(arguments, preexec_fn=die_with_parent, **options)


def seed():
    """The scenario's random numbers; the seed is printed, and LLMSPOOL_SEED repeats it."""
    number = int(os.environ.get("LLMSPOOL_SEED") or random.SystemRandom().randrange(1, 1 << 31))
    print(f"repeat with LLMSPOOL_SEED={number}")
    return random.Random(number)


def preload(fault):
    """The environment of a program that meets a fault of tests/faults/fault.c."""
    options = os.environ.get("ASAN_OPTIONS", "")
    library = os.path.join(BUILD, "tests", "faults", "fault.so")
    expect(os.path.exists(library), f"{library} is not built")
    return {"LD_PRELOAD": library, "FAULT": fault,
            "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0".lstrip(":")}


class Mock:
    """A mock with a ledger file."""

    def __init__(self, folder, *options):
        self.ledger_file = os.path.join(folder, "ledger")
        open(self.ledger_file, "ab").close()
        self.process = spawn([os.path.join(BUILD, "llmspool-mock"), "--listen", "127.0.0.1:0",
                              "--ledger-file", self.ledger_file, *options],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                             stderr=open(os.path.join(folder, "mock.log"), "ab"))
        line = self.process.stdout.readline().decode()
        expect(line.startswith("listening on "), f"the mock says {line!r}")
        self.url = line.split()[-1]

    def ledger(self):
        return read_ledger(self.ledger_file)

    def requests(self):
        return sum(self.ledger().values())

    def summary(self):
        """Its own totals; the ledger file is that of all mocks of a rig."""
        with urllib.request.urlopen(self.url + "/mock/ledger?summary=1", timeout=20) as answer:
            return json.load(answer)

    def configure(self, **options):
        data = json.dumps({k.replace("_", "-"): v for k, v in options.items()}).encode()
        with urllib.request.urlopen(self.url + "/mock/config", data, timeout=20):
            pass

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


class Spool:
    """A spool as its droppers and readers see it."""

    def __init__(self, path, make=True):
        self.path = path
        self.count = 0
        self.dropped = {}  # ID: job
        if make:
            subprocess.run([os.path.join(BUILD, "llmspool-init"), path, "--model", "m"],
                           check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)

    @classmethod
    def copy(cls, original, path):
        """A spool like another one, with its jobs."""
        shutil.copytree(original.path, path, symlinks=True)
        spool = cls(path, make=False)
        spool.dropped = dict(original.dropped)
        return spool

    def at(self, *parts):
        return os.path.join(self.path, *parts)

    def names(self, folder, end=""):
        return [name for name in os.listdir(self.at(folder)) if name.endswith(end)]

    def jobs(self, folder):
        """IDs of the jobs of a folder."""
        return {name[:64] for name in self.names(folder, ".json") if len(name) == 69}

    def versions(self, job):
        """How many outputs a job has."""
        count = 0
        while os.path.exists(self.at("done", f"{job}.v{count + 1}.json")):
            count += 1
        return count

    def outputs(self):
        return [name for name in self.names("done", ".json") if ".v" in name]

    def json(self, *parts):
        with open(self.at(*parts), encoding="utf-8") as file:
            return json.load(file)

    def lines(self, *parts):
        with open(self.at(*parts), encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def events(self, kind):
        """The events of a kind. A line that a killed daemon left torn is ended by the next, and none."""
        found = []
        for name in sorted(self.names("events")):
            with open(self.at("events", name), encoding="utf-8", errors="replace") as file:
                for line in file:
                    try:
                        event = json.loads(line)
                    except ValueError:
                        continue
                    if event["event"] == kind:
                        found.append(event)
        return found

    def status(self):
        try:
            return self.json("state", "status.json")
        except (OSError, ValueError):
            return {"state": "none", "counts": {}, "reasons": [], "gates": []}

    def unique(self):
        self.count += 1
        return f"{os.getpid()}-{self.count}"

    def put(self, data, folder="new", name=None, by=os.rename):
        """Drops bytes as a file, by rename or link."""
        temp = self.at("tmp", self.unique())
        name = name or os.path.basename(temp) + ".json"
        with open(temp, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        by(temp, self.at(folder, name))
        if by is os.link:
            os.unlink(temp)
        return name

    def remember(self, job):
        return self.dropped.setdefault(identity(job, "m"), job) and identity(job, "m")

    def drop(self, job, **options):
        """Drops a job; returns its ID."""
        self.put(json.dumps(job), **options)
        return self.remember(job)

    def drop_list(self, jobs, name=None):
        text = "".join(json.dumps(job) + "\n" for job in jobs)
        name = self.put(text, name=(name or f"list-{self.unique()}") + ".jsonl")
        for job in jobs:
            self.remember(job)
        return name

    def order(self, verb, *ids):
        return self.put("".join(f"{i}\n" for i in ids), folder="ctl", by=os.link,
                        name=f"{verb}.{self.unique()}")

    def switch(self, name, on=True):
        if on:
            self.put("", folder="ctl", name=name)
        else:
            os.unlink(self.at("ctl", name))


class Daemon:
    """A daemon on a spool. Its log is appended to one file."""

    def __init__(self, spool, *options, mock=None, conf=None, environment=None, wait=True, key="k"):
        self.spool = spool
        self.log_path = spool.path + ".log"
        arguments = [os.path.join(BUILD, "llmspoold"), "-s", spool.path, *options]
        variables = {**os.environ, **(environment or {})}
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "NOTIFY_SOCKET"):
            variables.pop(name, None)
        if mock is not None:
            variables.update(OPENAI_API_KEY=key, OPENAI_BASE_URL=mock.url + "/v1")
        if conf is None:
            conf = spool.path + ".conf"
            with open(conf, "w", encoding="ascii") as file:
                file.write(HOME)
        arguments += ["-c", conf]
        self.log = open(self.log_path, "ab")
        self.start = self.log.tell()
        self.process = spawn(arguments, env=variables, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=self.log)
        if wait:
            self.until_ready()

    def text(self):
        """What this daemon has logged."""
        with open(self.log_path, "rb") as file:
            file.seek(self.start)
            return file.read().decode(errors="replace")

    def says(self, words):
        return words in self.text()

    def ready(self):
        return self.says(" jobs in cur/") or self.process.poll() is not None

    def until_ready(self):
        until(self.ready, "the daemon's start")

    def until_says(self, words, seconds=PATIENCE):
        until(lambda: self.says(words) or self.process.poll() is not None, f"log: {words}", seconds)
        expect(self.says(words), f"the daemon left without saying: {words}")

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        """Its exit code; a signal's number negative."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the daemon did not leave within {seconds} s") from None
        self.log.close()
        return code

    def kill(self):
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self, seconds=PATIENCE):
        self.send(signal.SIGTERM)
        equal(self.wait(seconds), 0, "exit code of a daemon that was stopped")


class Answer:
    """What a server said: status, headers (as http.client has them) and bytes."""

    def __init__(self, status, headers, data):
        self.status = status
        self.headers = headers
        self.data = data

    @property
    def json(self):
        """The body, which must be JSON."""
        kind = self.headers.get_content_type()
        expect(kind == "application/json" or kind.endswith("+json"),
               f"{self.status} is answered as {kind}: {self.data[:200]!r}")
        return json.loads(self.data)

    def __repr__(self):
        return f"<{self.status} {self.data[:300]!r}>"


class Httpd:
    """A llmspool-httpd on a spool. Its log is appended to one file; request() keeps one connection open."""

    def __init__(self, spool, *options, environment=None, prefix=()):
        self.spool = spool
        self.log_path = spool.path + ".httpd.log"
        self.connection = None
        with open(self.log_path, "ab") as log:
            self.process = spawn([*prefix, os.path.join(BUILD, "llmspool-httpd"), "-s", spool.path,
                                  *(() if "--listen" in options else ("--listen", "127.0.0.1:0")),
                                  *options],
                                 env={**os.environ, **(environment or {})},
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline().decode()
        expect(line.startswith("listening on "), f"llmspool-httpd says {line!r}\n{self.text()}")
        self.url = line.split()[-1]
        self.address = urllib.parse.urlsplit(self.url)

    def text(self):
        """What it has logged."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def connect(self, timeout=PATIENCE):
        """A connection of one's own."""
        return http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, connection=None):
        """Asks, on the connection that is kept open or another one. A body that is neither text nor bytes is
        sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        own = connection is None
        if own and self.connection is None:
            self.connection = self.connect()
        connection = connection or self.connection
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            if own:
                self.connection = None
            raise

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.close()

    def stop(self, seconds=PATIENCE):
        self.process.terminate()
        equal(self.process.wait(seconds), 0, "exit code of a server that was stopped")
        self.close()


class Rig:
    """What a scenario works in."""

    def __init__(self, folder):
        self.folder = folder
        self.mocks = []
        self.daemons = []
        self.servers = []
        self.spool = Spool(os.path.join(folder, "spool"))
        self.checker = Checker(self.spool.path)
        self.conf = None

    def mock(self, *options):
        self.mocks.append(Mock(self.folder, *options))
        return self.mocks[-1]

    def configure(self, mock, general="", provider="", key_env="RIG_KEY"):
        """Writes a configuration with one provider, the mock."""
        text = general + "\n"
        if mock is not None:
            text += (f'provider "openai" {{\n    protocol = "openai"\n'
                     f'    url = "{mock.url}/v1"\n    key_env = "{key_env}"\n{provider}\n}}\n'
                     f'model "*" {{\n    provider = "openai"\n}}\n')
        self.configuration(text)

    def configuration(self, text):
        """Writes a configuration; RIG_KEY is in the environment of its daemons."""
        if "webhook" not in text:
            text += HOME
        self.conf = os.path.join(self.folder, "llmspoold.conf")
        os.environ.setdefault("RIG_KEY", "k")
        with open(self.conf + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.conf + ".new", self.conf)

    def daemon(self, *options, **more):
        if self.conf is not None:
            more.setdefault("conf", self.conf)
        elif self.mocks:
            more.setdefault("mock", self.mocks[-1])
        # A scenario may start hundreds: those that left are forgotten.
        self.daemons = [d for d in self.daemons if d.process.poll() is None]
        self.daemons.append(Daemon(self.spool, *options, **more))
        return self.daemons[-1]

    def httpd(self, *options, **more):
        """A llmspool-httpd on the rig's spool."""
        self.servers = [s for s in self.servers if s.process.poll() is None]
        self.servers.append(Httpd(self.spool, *options, **more))
        return self.servers[-1]

    def until_empty(self, code=0, patience="30s", **more):
        """Lets a daemon do all that is left; code is how it must leave."""
        daemon = self.daemon("--until-empty", "--patience", patience, wait=False, **more)
        found = daemon.wait(150)
        expect(found in (code if isinstance(code, tuple) else (code,)),
               f"exit code {found} with --until-empty")
        return daemon

    def judge(self, exact=False, idle=True):
        """The checker's word on everything that was dropped."""
        ledger = self.mocks[-1].ledger() if self.mocks else None
        problems = self.checker.judge(self.spool.dropped, ledger, exact, idle)
        expect(not problems, f"{len(problems)} violations:\n  " + "\n  ".join(problems[:40]))
        if idle:
            self.check()

    def check(self):
        """llmspool-check's word, too: nothing to say about a spool that is sound."""
        check = subprocess.run([os.path.join(BUILD, "llmspool-check"), "-s", self.spool.path],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                               timeout=PATIENCE)
        expect(check.returncode == 0 and not check.stdout,
               f"llmspool-check leaves with {check.returncode}:\n{check.stdout.decode()}")

    def completed(self):
        """All that was dropped is done, each once."""
        equal(len(self.spool.jobs("done")), len(self.spool.dropped), "jobs in done/")
        equal(len(self.spool.outputs()), len(self.spool.dropped), "outputs")

    def close(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.kill()
        for daemon in self.daemons:
            if daemon.process.poll() is None:
                daemon.kill()
        for mock in self.mocks:
            if mock.process.poll() is None:
                mock.close()

    def tell(self):
        """For the report of a failure."""
        log = self.spool.path + ".log"
        if os.path.exists(log):
            with open(log, encoding="utf-8", errors="replace") as file:
                lines = [line for line in file if " status=completed " not in line]
            print("--- end of the daemon's log\n" + "".join(lines[-25:]))
        for server in self.servers:
            print("--- end of a server's log\n" + server.text()[-3000:])


def numbered(first, count, text="Say number", **more):
    """Distinct jobs, complete in themselves, so that the dropped file is the job."""
    return [{"model": "m", "prompt": f"{text} {i}", **more} for i in range(first, first + count)]


def provider(server, protocol="openai", name="p", **settings):
    """A provider's section, for Rig.configuration; settings are words or numbers."""
    base = server.url + ("" if protocol == "anthropic" else "/v1")
    settings = {"url": f'"{base}"', "key_env": '"RIG_KEY"', **settings}
    lines = "".join(f"    {key} = {value}\n" for key, value in settings.items()
                    if value is not None)
    return f'provider "{name}" {{\n    protocol = "{protocol}"\n{lines}}}\n'


scenarios = {}


def scenario(function):
    scenarios[function.__name__] = function
    return function


def run_scenario():
    """Runs the scenario that is named by the first argument."""
    function = scenarios[sys.argv[1]]
    folder = tempfile.mkdtemp(prefix="rig.", dir=os.environ.get("BATS_TEST_TMPDIR"))
    os.chmod(folder, 0o755)
    rig = None
    code = 1
    try:
        rig = Rig(folder)
        function(rig)
        code = 0
    except Skip as reason:
        print(f"skip: {reason}")
        code = 77
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
        if rig is not None:
            rig.tell()
    finally:
        if rig is not None:
            rig.close()
        if code == 0 or not os.environ.get("LLMSPOOL_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"kept: {folder}")
    sys.exit(code)
