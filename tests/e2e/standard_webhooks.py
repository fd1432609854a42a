#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""standard_webhooks: what is sent, as the npm package standardwebhooks sees it in a receiver."""
import base64
import json
import os
import subprocess
import sys
import threading

from rig import equal, expect, run_scenario, scenario, spawn, until

HERE = os.path.dirname(os.path.abspath(__file__))
GOOD, OTHER, WRONG = ("whsec_" + base64.b64encode(text.ljust(32, b".")).decode()
                      for text in (b"of these bytes one", b"and of these another",
                                   b"is nobody's"))
REFUSED = "No matching signature found"


class Receiver:
    """standard_webhooks.mjs with secrets by name."""

    def __init__(self, **secrets):
        words = [f"{name}={secret}" for name, secret in secrets.items()]
        self.process = spawn(["node", os.environ["RECEIVER"], *words], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
        self.url = self.process.stdout.readline().decode().strip()
        expect(self.url.startswith("http://127.0.0.1:"), f"the receiver says {self.url!r}")
        self.got = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.got.append(json.loads(line))

    def on(self, path):
        return [each for each in self.got if each["path"] == path]

    def until(self, path, count=1):
        until(lambda: len(self.on(path)) >= count, lambda: f"{count} at {path}: {self.got}")
        return self.on(path)


def put_secret(rig, name, text):
    path = os.path.join(rig.folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text + "\n")
    os.chmod(path, 0o600)
    return path


def section(*secrets, more=""):
    files = "secret_file = {" + ", ".join(f'"{path}"' for path in secrets) + "}" if secrets else ""
    return f'webhook {{ allow = {{"127.0.0.0/8"}} retries = {{"50ms", "50ms"}} {files} {more} }}\n'


def judge(cases):
    """Of a secret with which it is signed: the message is good, and no other one is."""
    for case, wanted in (("good", "ok"), ("replayed_in_time", "ok"), ("body_changed", REFUSED),
                         ("body_longer", REFUSED), ("id_changed", REFUSED),
                         ("timestamp_changed", "Message timestamp too old"),
                         ("replayed_late", "Message timestamp too old"),
                         ("clock_behind", "Message timestamp too new")):
        equal(cases[case], wanted, case)


def check_schema(rig, messages):
    """All bodies are what the schema says."""
    path = os.path.join(rig.folder, "bodies.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(each["body"] + "\n" for each in messages))
    checked = subprocess.run([sys.executable, "-B", os.path.join(HERE, "schemas.py"), "check",
                              "webhook", path], capture_output=True, text=True, timeout=60,
                             check=False)
    equal((checked.stdout, checked.returncode), ("", 0), "what the schema says")


@scenario
def verified(rig):
    """Good with its secret, refused with another, when changed, and when replayed late."""
    receiver = Receiver(good=GOOD, wrong=WRONG)
    rig.configure(rig.mock(), section(put_secret(rig, "secret", GOOD)))
    daemon = rig.daemon()
    rig.spool.drop({"model": "m", "prompt": "Größe: 5 €?", "webhook": receiver.url + "/a",
                    "metadata": {"k": "ä\u2028\n\""}, "name": "one"})
    message = receiver.until("/a")[0]
    judge(message["cases"]["good"])
    equal(message["cases"]["wrong"]["good"], REFUSED, "with a wrong secret")
    body = json.loads(message["body"])
    record = rig.spool.json(*body["data"]["record"].split("/"))
    for key in ("id", "status", "output", "usage", "times", "metadata", "names", "sha256", "mock"):
        equal(body["data"][key], record[key], key)
    equal(body["type"], "job.completed", "type")
    equal(message["headers"]["content-type"], "application/json", "content type")
    expect(message["headers"]["user-agent"].startswith("llmspool/"), "the user agent is another")
    daemon.stop()


@scenario
def tried_again(rig):
    """Of a second try id and body are the same, and the signature is good for its own time."""
    receiver = Receiver(good=GOOD)
    rig.configure(rig.mock(), section(put_secret(rig, "secret", GOOD)).replace("50ms", "3s", 1))
    daemon = rig.daemon()
    rig.spool.drop({"model": "m", "prompt": "a", "webhook": receiver.url + "/busy"})
    first, second = receiver.until("/busy", 2)[:2]
    for key in ("webhook-id", "content-length"):
        equal(second["headers"][key], first["headers"][key], key)
    equal(second["body"], first["body"], "body")
    expect(int(second["headers"]["webhook-timestamp"]) > int(first["headers"]["webhook-timestamp"]),
           "the time is the same")
    judge(first["cases"]["good"])
    judge(second["cases"]["good"])
    daemon.stop()


@scenario
def rotation(rig):
    """With two secrets, receivers with either are content; when the old one goes, it counts no more."""
    receiver = Receiver(old=GOOD, new=OTHER, wrong=WRONG)
    old, new = put_secret(rig, "old", GOOD), put_secret(rig, "new", OTHER)
    rig.configure(rig.mock(), section(old))
    daemon = rig.daemon()
    for number, (secrets, good) in enumerate((((old,), {"old"}), ((new, old), {"new", "old"}),
                                              ((new,), {"new"}))):
        rig.configure(rig.mocks[-1], section(*secrets))
        daemon.send(1)  # SIGHUP
        until(lambda: len(rig.spool.events("reloaded")) == number + 1, "the reload")
        path = f"/{number}"
        rig.spool.drop({"model": "m", "prompt": path, "webhook": receiver.url + path})
        cases = receiver.until(path)[0]["cases"]
        for name in ("old", "new", "wrong"):
            if name in good:
                judge(cases[name])
            else:
                equal(cases[name]["good"], REFUSED, f"{name} of {sorted(good)}")
    equal(len(receiver.on("/1")[0]["headers"]["webhook-signature"].split(" ")), 2, "signatures")
    expect("whsec_" not in daemon.text(), "a secret is in the log")
    daemon.stop()


@scenario
def own_secret(rig):
    """Without a secret in the configuration the daemon makes one, says where, and keeps it."""
    rig.configure(rig.mock(), section())
    daemon = rig.daemon()
    path = rig.spool.at("state", "webhook.secret")
    expect(daemon.says("a secret that was just made, " + path), "it does not say where")
    equal(os.stat(path).st_mode & 0o7777, 0o600, "mode")
    with open(path, encoding="ascii") as file:
        secret = file.read().strip()
    receiver = Receiver(own=secret)
    rig.spool.drop({"model": "m", "prompt": "a", "webhook": receiver.url + "/a"})
    judge(receiver.until("/a")[0]["cases"]["own"])
    daemon.stop()
    daemon = rig.daemon()
    rig.spool.drop({"model": "m", "prompt": "b", "webhook": receiver.url + "/b"})
    judge(receiver.until("/b")[0]["cases"]["own"])
    expect(secret not in daemon.text() and not daemon.says("just made"), "it was made again")
    until(lambda: not rig.spool.names("outbox", ".json"), "an empty outbox")
    daemon.stop()
    rig.check()


@scenario
def endpoints(rig):
    """A job calls a receiver by its name, which has a secret of its own."""
    receiver = Receiver(all=GOOD, shop=OTHER)
    rig.configure(rig.mock(), section(put_secret(rig, "all", GOOD)) +
                  f'endpoint "shop" {{ url = "{receiver.url}/shop" secret_file = '
                  f'"{put_secret(rig, "shop", OTHER)}" }}\n'
                  f'endpoint "crm" {{ url = "{receiver.url}/crm" }}\n')
    daemon = rig.daemon()
    rig.spool.drop({"model": "m", "prompt": "a", "webhook": "shop"})
    rig.spool.drop({"model": "m", "prompt": "b", "webhook": "crm"})
    rig.spool.put(json.dumps({"model": "m", "prompt": "c", "webhook": "shpo"}), name="wrong.json")
    cases = receiver.until("/shop")[0]["cases"]
    judge(cases["shop"])
    equal(cases["all"]["good"], REFUSED, "with the secret of the others")
    judge(receiver.until("/crm")[0]["cases"]["all"])
    until(lambda: os.path.exists(rig.spool.at("failed", "wrong.json.error.json")), "a refusal")
    error = rig.spool.json("failed", "wrong.json.error.json")
    equal(error["reason"], "unknown_endpoint", "reason")
    expect('did you mean "shop"?' in error["message"], error["message"])
    daemon.stop()


@scenario
def bodies(rig):
    """Every end has a body of the schema; what is too large is left out, and a link is left."""
    receiver = Receiver(good=GOOD)
    rig.configure(rig.mock(), "halt_after = never\n" +
                  section(put_secret(rig, "secret", GOOD),
                          more='body_limit = 2KiB public_url = "https://llm.example/"'))
    daemon = rig.daemon()
    jobs = {"/done": {"prompt": "short", "name": "one", "user": "u", "metadata": {"a": [1, 2.5]}},
            "/large": {"prompt": "Echo " + "long " * 1000, "params": {"max_tokens": 5000}},
            "/failed": {"prompt": "[[mock:400]] no"},
            "/expired": {"prompt": "late", "expires": "1999-12-31T00:00:00Z"},
            "/cancelled": {"prompt": "[[mock:503]] later", "model": "busy"}}
    ids = {path: rig.spool.drop({"model": "m", "webhook": receiver.url + path, **job})
           for path, job in jobs.items()}
    until(lambda: ids["/cancelled"] in rig.spool.jobs("cur"), "the last job")
    rig.spool.order("cancel", ids["/cancelled"])
    for path in jobs:
        message = receiver.until(path)[0]
        body = json.loads(message["body"])
        judge(message["cases"]["good"])
        equal(body["data"]["id"], ids[path], f"id at {path}")
        equal(body["data"]["url"], f"https://llm.example/v1/jobs/{ids[path]}", "url")
        expect(len(message["body"].encode()) <= 2048, f"{path}: {len(message['body'])} bytes")
        wanted = "completed" if path in ("/done", "/large") else path[1:]
        equal((body["type"], body["data"]["status"]), (f"job.{wanted}", wanted), f"at {path}")
        equal("output" in body["data"].get("omitted", []), path == "/large", "omitted")
    check_schema(rig, receiver.got)
    expect("output" not in json.loads(receiver.on("/large")[0]["body"])["data"], "it is there")
    daemon.stop()


@scenario
def readme(rig):
    """The receiver that README shows, with the spool's own secret."""
    with open(os.path.join(HERE, "..", "..", "README"), encoding="utf-8") as file:
        lines = file.read().split("    import http from", 1)[1].split("\n\n", 1)[0]
    script = os.path.join(os.path.dirname(os.environ["RECEIVER"]), "readme.mjs")
    with open(script, "w", encoding="utf-8") as file:
        file.write("import http from" + lines.replace(".listen(8000)",
                   ".listen(0, '127.0.0.1', function () { console.log(this.address().port); })"))
    rig.configure(rig.mock(), section())
    daemon = rig.daemon()
    with open(rig.spool.at("state", "webhook.secret"), encoding="ascii") as file:
        secret = file.read().strip()
    for key, answer in ((secret, True), (WRONG, False)):
        receiver = spawn(["node", script], env={**os.environ, "SECRET": key}, text=True,
                         stdout=subprocess.PIPE)
        url = f"http://127.0.0.1:{receiver.stdout.readline().strip()}/"
        rig.spool.drop({"model": "m", "prompt": f"Colours {answer}", "webhook": url})
        if answer:
            output = receiver.stdout.readline().strip()
            equal(output, rig.spool.json("done", rig.spool.outputs()[0])["output"], "what it prints")
            until(lambda: not rig.spool.names("outbox", ".json"), "the receiver's answer")
        else:
            until(lambda: os.path.isdir(rig.spool.at("outbox", "failed"))
                  and rig.spool.names("outbox/failed"), "a webhook that is given up")
            debt = rig.spool.json("outbox", "failed", rig.spool.names("outbox/failed")[0])
            equal(debt["last"], "answered 401", "what the receiver says")
        receiver.kill()
        receiver.wait()
    daemon.stop()


if __name__ == "__main__":
    run_scenario()
