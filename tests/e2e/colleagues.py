# SPDX-License-Identifier: GPL-2.0-or-later
"""colleagues: one spool for three people, each with a uid of their own, and a daemon with another.

Accounts that every Debian system has stand for them: backup runs the daemon, games and news share
the spool, list drops for others. Only root can become them all.
"""
import glob
import grp
import json
import os
import pwd
import shutil
import subprocess
import tempfile

from rig import (BUILD, PATIENCE, Skip, die_with_parent, equal, expect, run_scenario, scenario,
                 until)

DAEMON, ALICE, BOB, FRONT, GROUP = "backup", "games", "news", "list", "users"


class Shared:
    """A spool of the group, and programs where everybody can reach them."""

    def __init__(self, rig, settings=""):
        if os.geteuid() != 0:
            raise Skip("only root can become three users")
        try:
            self.group = grp.getgrnam(GROUP).gr_gid
            self.uids = {name: pwd.getpwnam(name).pw_uid for name in (DAEMON, ALICE, BOB, FRONT)}
        except KeyError as missing:
            raise Skip(f"there is no account {missing}") from None
        self.rig = rig
        self.folder = tempfile.mkdtemp(prefix="llmspool-shared.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.programs = os.path.join(self.folder, "bin")
        os.mkdir(self.programs)
        for program in ("init", "submit", "status", "ctl", "result", "wait", "check", "archive"):
            shutil.copy(os.path.join(BUILD, f"llmspool-{program}"), self.programs)
        shutil.copy(os.path.join(BUILD, "llmspoold"), self.programs)
        home = os.path.join(self.folder, "home")
        os.mkdir(home)
        os.chown(home, self.uids[DAEMON], self.group)
        self.spool = os.path.join(home, "spool")
        os.chmod(home, 0o755)
        self.run(DAEMON, "llmspool-init", "--group", GROUP, "--model", "m", self.spool)
        self.mock = rig.mock()
        self.daemon = None
        self.configure(settings)

    def at(self, *parts):
        return os.path.join(self.spool, *parts)

    def become(self, user):
        """For preexec_fn: this user, of the group."""
        def change():
            os.setgroups([])
            os.setgid(self.group)
            os.setuid(self.uids[user])
            os.umask(0o022)
            die_with_parent()
        return change

    def environment(self):
        return {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": "/nonexistent",
                "LLMSPOOL_DIR": self.spool, "RIG_KEY": "k"}

    def run(self, user, *command, code=0, data=""):
        """Runs a command as a user; its output."""
        done = subprocess.run(command, preexec_fn=self.become(user), env=self.environment(),
                              input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd="/", text=True, check=False, timeout=PATIENCE)
        expect(done.returncode == code if code is not None else True,
               f"{' '.join(command)} as {user} leaves with {done.returncode}: {done.stdout}")
        return done.stdout.strip()

    def configure(self, settings):
        conf = os.path.join(self.folder, "llmspoold.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(settings + f'\nprovider "openai" {{\n    protocol = "openai"\n'
                       f'    url = "{self.mock.url}/v1"\n    key_env = "RIG_KEY"\n}}\n')

    def start(self):
        log = open(os.path.join(self.folder, "log"), "ab")
        self.daemon = subprocess.Popen(
            ["llmspoold", "-s", self.spool, "-c", os.path.join(self.folder, "llmspoold.conf"),
             "--drain-timeout", "2s"],
            preexec_fn=self.become(DAEMON), env=self.environment(), stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, cwd="/")
        until(lambda: self.daemon.poll() is not None or
              json.loads(self.run(DAEMON, "llmspool-status", "--json"))["daemon_up"],
              "the daemon's start")
        expect(self.daemon.poll() is None, "the daemon left: " + self.log())
        return self

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as file:
            return file.read()

    def drop(self, user, name, job, mode=0o640):
        """Drops a file as any program of the user's would."""
        text = json.dumps(job) if isinstance(job, dict) else job
        self.run(user, "sh", "-c", f'umask 077; cat >"$1" && chmod {mode:o} "$1" && mv "$1" "$2"',
                 "sh", self.at("tmp", name), self.at("new", name), data=text)

    def status(self, *words, user=ALICE):
        return json.loads(self.run(user, "llmspool-status", "--json", *words))

    def may_read(self, user, path):
        done = subprocess.run(["cat", path], preexec_fn=self.become(user), check=False, cwd="/",
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return done.returncode == 0

    def close(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)


def shared(settings=""):
    """A scenario of a shared spool with a daemon of these settings."""
    def wrap(function):
        def run(rig):
            spool = Shared(rig, settings)
            try:
                function(spool.start())
            except Exception:
                print(spool.log())
                raise
            finally:
                spool.close()
        run.__name__ = function.__name__
        return scenario(run)
    return wrap


def submit(spool, user, prompt, *options):
    return spool.run(user, "llmspool-submit", *options, prompt)


@shared()
def nobody_is_another(spool):
    """A job's user is the owner of its file, whatever it says; a trusted dropper's says who."""
    job = submit(spool, ALICE, "my own")
    spool.run(ALICE, "llmspool-wait", job)
    equal(spool.status(job)["job"]["user"], ALICE, "user of a job")
    spool.drop(BOB, "spoof.json", {"prompt": "not mine", "user": ALICE})
    refused = spool.at("failed", "spoof.json.error.json")
    until(lambda: os.path.exists(refused), "the refusal of a spoofed user")
    with open(refused, encoding="utf-8") as file:
        expect(BOB in json.load(file)["message"], "the refusal says whose file it is")
    spool.drop(FRONT, "front.json", {"prompt": "for alice", "user": ALICE, "name": "front"})
    until(lambda: os.path.exists(spool.at("failed", "front.json.error.json")), "its refusal")
    spool.daemon.terminate()
    spool.daemon.wait(PATIENCE)
    spool.configure(f'trusted_droppers = {{"{FRONT}"}}')
    spool.start()
    spool.drop(FRONT, "again.json", {"prompt": "for alice", "user": ALICE, "name": "front"})
    until(lambda: os.path.lexists(spool.at("by-name", "front")), "the job of a trusted dropper")
    spool.run(ALICE, "llmspool-wait", "front")
    equal(spool.status("front")["job"]["user"], ALICE, "user that a trusted dropper named")


@shared()
def nobody_cancels_anothers(spool):
    """Orders are for one's own jobs."""
    spool.run(DAEMON, "llmspool-ctl", "-q", "pause")
    job = submit(spool, ALICE, "stays")
    until(lambda: spool.status(job)["state"] == "waiting", "acceptance")
    spool.run(BOB, "sh", "-c", 'echo "$1" >"$2" && mv "$2" "$3"', "sh", job,
              spool.at("tmp", "order"), spool.at("ctl", "cancel.bob"))
    until(lambda: not os.path.exists(spool.at("ctl", "cancel.bob")), "the end of the order")
    equal(spool.status(job)["state"], "waiting", "state after another's cancel")
    for switch in ("drain", f"hold.{job}"):
        spool.run(BOB, "sh", "-c", 'echo >"$1" && mv -n "$1" "$2"', "sh", spool.at("tmp", "switch"),
                  spool.at("ctl", switch))
        until(lambda: not os.path.exists(spool.at("ctl", switch)), f"the refusal of {switch}")
    equal(spool.status(job)["state"], "waiting", "state after another's hold")
    expect(not spool.status()["draining"], "another's drain is not obeyed")
    spool.run(ALICE, "llmspool-ctl", "-q", "hold", job)
    until(lambda: spool.status(job)["state"] == "held", "its owner's hold")
    spool.run(ALICE, "llmspool-ctl", "-q", "cancel", job)
    until(lambda: spool.status(job)["state"] == "cancelled", "its owner's cancel")


@shared()
def a_file_that_cannot_be_read_waits(spool):
    """0600: it waits with its reason, and is taken when it is mended."""
    spool.drop(ALICE, "closed.json", {"prompt": "closed", "name": "closed"}, mode=0o600)
    until(lambda: any("chmod g+r" in reason["reason"] for reason in spool.status()["reasons"]),
          "the reason of the wait")
    expect("chmod g+r" in spool.run(BOB, "llmspool-status"), "a person is told")
    expect(os.path.exists(spool.at("new", "closed.json")), "the file stays")
    spool.run(ALICE, "chmod", "g+r", spool.at("new", "closed.json"))
    until(lambda: os.path.lexists(spool.at("by-name", "closed")), "acceptance of the mended file")
    spool.run(ALICE, "llmspool-wait", "closed")


@shared()
def the_group_reads_results(spool):
    """visibility = group, the default."""
    job = submit(spool, ALICE, "for all")
    spool.run(ALICE, "llmspool-wait", job)
    expect("for all" in spool.run(BOB, "llmspool-result", job), "another's result")


@shared('visibility = "owner"')
def results_are_their_owners(spool):
    """visibility = owner: job, answer, error and what is asked, for nobody else of the group."""
    job = submit(spool, ALICE, "[[mock:500,times=1]] a secret of alice")
    other = submit(spool, BOB, "a secret of bob")
    failed = submit(spool, ALICE, "[[mock:400]] also secret")
    spool.run(ALICE, "llmspool-wait", job, other, failed, code=1)
    for id_, owner, stranger in ((job, ALICE, BOB), (other, BOB, ALICE)):
        for name in (f"{id_}.json", f"{id_}.v1.json"):
            path = spool.at("done", name)
            expect(spool.may_read(owner, path), f"{owner} reads {name}")
            expect(not spool.may_read(stranger, path), f"{stranger} does not read {name}")
    for name in (f"{failed}.json", f"{failed}.error.json"):
        expect(spool.may_read(ALICE, spool.at("failed", name)), f"{ALICE} reads {name}")
        expect(not spool.may_read(BOB, spool.at("failed", name)), f"{BOB} does not read {name}")
    expect("secret of alice" in spool.run(ALICE, "llmspool-result", job), "the owner's result")
    spool.run(BOB, "llmspool-result", job, code=None)
    expect("secret of alice" not in spool.run(BOB, "llmspool-result", job, code=None),
           "another's result")
    equal(spool.status(user=BOB)["folders"]["done"], 2, "jobs that bob counts")
    spool.run(DAEMON, "llmspool-check", "-s", spool.spool)


@shared('visibility = "owner"')
def what_waits_is_its_owners(spool):
    """Dropped, waiting, running and streaming, under reruns and in archives."""
    spool.run(DAEMON, "llmspool-ctl", "-q", "drain")
    job = submit(spool, ALICE, "whisper")
    dropped = glob.glob(spool.at("new", f"{job}.*"))
    equal(len(dropped), 1, "drops")
    expect(not spool.may_read(BOB, dropped[0]), "another's drop")
    spool.run(DAEMON, "llmspool-ctl", "-q", "pause")
    spool.run(DAEMON, "llmspool-ctl", "-q", "undrain")
    path = spool.at("cur", f"{job}.json")
    until(lambda: os.path.exists(path), "acceptance")
    expect(spool.may_read(ALICE, path) and not spool.may_read(BOB, path), "a job that waits")
    spool.run(DAEMON, "llmspool-ctl", "-q", "resume")
    spool.run(ALICE, "llmspool-wait", job)
    stream = submit(spool, ALICE, "[[mock:hang]] slow", "--stream")
    until(lambda: spool.status(stream)["state"] == "running", "a job that runs")
    path = spool.at("cur", f"{stream}.json")
    expect(spool.may_read(ALICE, path) and not spool.may_read(BOB, path), "a job that runs")
    spool.run(ALICE, "llmspool-ctl", "-q", "cancel", stream)
    spool.run(DAEMON, "llmspool-archive", "create", "--older-than", "0s")
    until(lambda: not os.path.exists(spool.at("done", f"{job}.v1.json")), "the archive")
    for volume in glob.glob(spool.at("archive", "**", "*.zst"), recursive=True):
        expect(not spool.may_read(BOB, volume), f"{volume} is read")
    spool.run(DAEMON, "llmspool-archive", "restore", job)
    output = spool.at("done", f"{job}.v1.json")
    expect(spool.may_read(ALICE, output) and not spool.may_read(BOB, output), "what was restored")


@shared('visibility = "owner"\nuser "games" {\n    budget {\n        day = 5\n    }\n}\n'
        'model "*" {\n    provider = "openai"\n    input_price = 1\n    output_price = 1\n}')
def each_user_has_figures(spool):
    """--users, and the overview of a shared spool."""
    first = submit(spool, ALICE, "one")
    second = submit(spool, BOB, "two")
    spool.run(ALICE, "llmspool-wait", first, second)
    spool.run(DAEMON, "llmspool-ctl", "-q", "pause")
    submit(spool, ALICE, "three")

    def figures():
        rows = [json.loads(line) for line in
                spool.run(BOB, "llmspool-status", "--users", "--json").splitlines()]
        return {row["user"]: row for row in rows}

    until(lambda: figures().get(ALICE, {}).get("waiting") == 1, figures)
    alice, bob = figures()[ALICE], figures()[BOB]
    equal((alice["completed"], alice["failed"], alice["running"]), (1, 0, 0), "alice's jobs")
    equal((bob["completed"], bob["waiting"], bob["budget_left"]), (1, 0, None), "bob's jobs")
    until(lambda: figures()[ALICE]["input_tokens"] > 0 and figures()[ALICE]["cost"] > 0, figures)
    expect(4.9 < alice["budget_left"] < 5, "what alice has left")
    expect("USER" in spool.run(BOB, "llmspool-status"), "users in the overview")
    spool.daemon.terminate()
    spool.daemon.wait(PATIENCE)
    spool.start()
    until(lambda: figures().get(ALICE, {}).get("completed") == 1, "what ended before the restart")


if __name__ == "__main__":
    run_scenario()
