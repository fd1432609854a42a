# SPDX-License-Identifier: GPL-2.0-or-later
"""jobs_http: jobs by HTTP: posted, told, waited for, listed, ordered about, with a real daemon and mock."""
import http.client
import json
import os
import signal
import struct
import subprocess
import threading
import time
import urllib.parse

from disk import fill, small_disk, unmount
from rig import (BUILD, PATIENCE, Failure, Rig, Spool, equal, expect, numbered, preload, run_scenario, scenario,
                 sweep_of_kills, until)
from checker import identity

LINES = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


def lines_of(jobs):
    return "".join(json.dumps(job) + "\n" for job in jobs)


def job_at(server, word, **query):
    """How a job stands."""
    text = "?" + urllib.parse.urlencode(query) if query else ""
    answer = server.get(f"/v1/jobs/{urllib.parse.quote(word)}{text}")
    equal(answer.status, 200, f"{word}: {answer}")
    return answer.json


def refused(answer, status, kind, words=""):
    equal(answer.status, status, f"{answer}")
    equal(answer.headers["Content-Type"], "application/problem+json", "its type")
    equal(answer.json["type"], f"urn:llmspool:problem:{kind}", "the problem's type")
    expect(words in answer.json["detail"], f"{words!r} in {answer.json['detail']!r}")
    return answer.json


@scenario
def one(rig: Rig):
    """From the post to the answer."""
    rig.mock()
    rig.daemon()
    server = rig.httpd()
    job = {"prompt": "Say one", "metadata": {"a": [1, 2.5, "ü"]}, "user": "alice", "name": "first"}
    wanted = identity(job, "m")
    posted = server.post("/v1/jobs", job)
    equal(posted.status, 201, "the answer's status")
    equal(posted.headers["Location"], f"/v1/jobs/{wanted}", "Location")
    told = posted.json
    equal((told["id"], told["state"], told["name"], told["user"], told["model"]),
          (wanted, "dropped", "first", "alice", "m"), "what is told of it")
    rig.spool.remember(job)
    ended = job_at(server, wanted, wait="30s")
    equal((ended["state"], ended["versions"]), ("completed", [1]), "how it ended")
    equal(ended["job"], rig.spool.json("done", f"{wanted}.json"), "the job")
    equal(ended["result"], rig.spool.json("done", f"{wanted}.v1.json"), "the result")
    equal(ended["error"], None, "the error")
    equal(ended["submitted"], ended["result"]["times"]["submitted"], "when it was submitted")
    for word in ("first", wanted[:6], wanted[:40]):
        equal(job_at(server, word)["id"], wanted, word)
    again = server.post("/v1/jobs", job)
    equal((again.status, again.json["state"], again.json["result"]),
          (200, "completed", ended["result"]), "the same once more")
    until(lambda: not rig.spool.names("new"), "the drop to be taken")
    rig.completed()
    rig.judge(exact=True)


@scenario
def tags(rig: Rig):
    """What has not changed is not sent again."""
    rig.mock()
    rig.daemon()
    server = rig.httpd()
    wanted = server.post("/v1/jobs", {"prompt": "tag"}).json["id"]
    job_at(server, wanted, wait="30s")
    whole = server.get(f"/v1/jobs/{wanted}")
    tag = whole.headers["ETag"]
    for known, status in ((tag, 304), (f'W/{tag}', 304), (f'"x", {tag}', 304), ("*", 304),
                          ('"x"', 200)):
        answer = server.get(f"/v1/jobs/{wanted}", headers={"If-None-Match": known})
        equal((answer.status, answer.data == b""), (status, status == 304), f"knowing {known}")
    version = server.get(f"/v1/jobs/{wanted}/versions/1")
    with open(rig.spool.at("done", f"{wanted}.v1.json"), "rb") as file:
        equal(version.data, file.read(), "the version's file")
    answer = server.get(f"/v1/jobs/{wanted}/versions/1",
                        headers={"If-None-Match": version.headers["ETag"]})
    equal(answer.status, 304, "a version that is known")
    equal(server.post(f"/v1/jobs/{wanted}/rerun").status, 202, "rerun")
    until(lambda: job_at(server, wanted, wait="30s")["versions"] == [1, 2], "the second version")
    expect(server.get(f"/v1/jobs/{wanted}").headers["ETag"] != tag, "the tag is the old one")
    versions = server.get(f"/v1/jobs/{wanted}/versions").json["versions"]
    equal([(v["version"], v["status"]) for v in versions], [(1, "completed"), (2, "completed")],
          "its versions")
    # Several ask at once, and one of them goes.
    crowd = [server.connect() for _ in range(8)]
    for connection in crowd:
        connection.request("GET", f"/v1/jobs/{wanted[:12]}/versions")
    crowd.pop(0).close()
    for connection in crowd:
        equal(json.loads(connection.getresponse().read())["versions"], versions, "its versions, for many")
        connection.close()
    for wrong in ("0", "3", "01", "x", "99999999999"):
        refused(server.get(f"/v1/jobs/{wanted}/versions/{wrong}"), 404, "not-found")


@scenario
def wrong(rig: Rig):
    """What is no job is told so in the daemon's words, and nothing of it is dropped."""
    server = rig.httpd()
    rows = [
        ({"prompt": "x", "priority": 10}, 422, "refused", "bad_value", "/priority"),
        ({"prompt": "x", "promt": "y"}, 422, "refused", "unknown_key", "/promt"),
        ({"prompt": "x", "type": "nonsense"}, 422, "refused", "unknown_type", "/type"),
        ({"model": "m"}, 422, "refused", None, None),
        ([1], 422, "refused", None, None),
        ({"prompt": "x", "params": {"seed": 12345678901234567890}}, 400, "bad-request", "bad_json", None),
        ({"flow": "f", "steps": []}, 422, "refused", "unsupported", None),
        ({"messages": [{"role": "user", "content": [
            {"type": "file", "path": "/etc/hostname"}]}]}, 422, "refused", None, None),
    ]
    for job, status, kind, reason, pointer in rows:
        problem = refused(server.post("/v1/jobs", job), status, kind)
        if reason is not None:
            equal(problem["reason"], reason, f"why {job} is refused")
        if pointer is not None:
            equal(problem["pointer"], pointer, f"where {job} is wrong")
    for text in ("", "{", '{"prompt": "a"} x', '{"prompt": "a", "prompt": "b"}', b"\xff", b'"\0"',
                 "[" * 100000):
        refused(server.post("/v1/jobs", text, headers=JSON), 400, "bad-request")
    for kind in (None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
        answer = server.post("/v1/jobs", b'{"prompt": "a"}', headers={"Content-Type": kind} if kind else {})
        refused(answer, 415, "unsupported")
        expect("application/jsonl" in answer.headers["Accept-Post"], "Accept-Post")
    for path in ("/v1/jobs/..%2f..%2fspool.json", "/v1/jobs/%00", "/v1/jobs/%ff", "/v1/jobs/.."):
        equal(server.get(path).status, 400, path)
    for path in ("/v1/jobs/x@v1", "/v1/jobs/%c3%bc", "/v1/jobs/" + "a" * 300,
                 "/v1/jobs/" + "0" * 64, "/v1/jobs/none", "/v1/jobs/abcdef", "/v1/jobs/.hidden"):
        refused(server.get(path), 404, "not-found")
    for query in ("limit=0", "limit=x", "cursor=x", "cursor=d12", "since=x", "until=-1", "state=good",
                  "state=failed,", "cursor=r1"):
        refused(server.get("/v1/jobs?" + query), 400, "bad-request")
    refused(server.get("/v1/jobs/none?wait=x"), 400, "bad-request")
    refused(server.get("/v1/runs/none"), 404, "not-found")
    equal(rig.spool.names("new") + rig.spool.names("tmp"), [], "dropped files")


@scenario
def templates(rig: Rig):
    """Types of the user's own and built-in ones: the ID that is answered is the daemon's."""
    rig.mock()
    server = rig.httpd()
    path = rig.spool.at("templates", "shout.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"prompt": "Shout {text}", "model": "loud"}, file)
    jobs = [{"type": "shout", "prompt": "hello"}, {"type": "summarize", "prompt": "A long text."},
            {"type": "chat", "prompt": "typed"}, {"prompt": "later", "delay": "1ms"},
            {"type": "embed", "input": "vector"}]
    posted = [server.post("/v1/jobs", job).json["id"] for job in jobs]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"prompt": "Whisper {text}"}, file)
    changed = server.post("/v1/jobs", jobs[0]).json["id"]
    expect(changed != posted[0], "an edited template makes another job")
    rig.until_empty()
    equal(rig.spool.jobs("done"), {*posted, changed}, "jobs in done/")


def places_of_a_run(rig, server, other):
    """While nobody takes r1, its positions are 50 jobs' all the same."""
    def post(run, text):
        return server.post(f"/v1/jobs?run={run}", text, headers=LINES)

    refused(post("r1", lines_of(numbered(1, 50))), 409, "conflict", "position 0")
    refused(post("r1", '{"run": "r1", "first": 49}\n' + lines_of(numbered(50, 2))), 409, "conflict", "position 49")
    equal(post("r1", lines_of(numbered(0, 50))).status, 201, "the same run once more")
    unclear = rig.spool.put('{"run": "r2", "first": 3}\n\n{"prompt": 1}\n', name="unclear.jsonl")
    answer = post("r2", lines_of(numbered(0, 4)))
    refused(answer, 409, "conflict", "not taken")
    expect(int(answer.headers["Retry-After"]) > 0, "Retry-After")
    equal(post("r2", lines_of(numbered(0, 3))).status, 201, "what has other positions")
    os.unlink(rig.spool.at("new", unclear))
    statuses = []

    def client(number):
        text = lines_of([{"prompt": f"{other} {number}"}])
        statuses.append(server.post(f"/v1/jobs?run={other}", text, headers=LINES, connection=server.connect()).status)

    all_at_once(client, 20)
    equal(sorted(statuses), [201] + 19 * [409], "many that begin a run")


def all_at_once(client, count):
    threads = [threading.Thread(target=client, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


@scenario
def alone(rig: Rig):
    """Without a daemon jobs wait, and are told; then they are done, over restarts of the server."""
    rig.mock()
    server = rig.httpd()
    names = ["a", "A.b-c_d", "x" * 100]
    wanted = [server.post("/v1/jobs", {"prompt": f"odd {n}", "name": n}).json["id"] for n in names]
    many = server.request("POST", "/v1/jobs?run=r1", lines_of(numbered(0, 50)), headers=LINES)
    equal((many.status, many.json["run"], many.json["count"]), (201, "r1", 50), "the list")
    for job in wanted + [many.json["jobs"][7]["id"]]:
        equal(job_at(server, job)["state"], "dropped", "a job that nobody has taken")
    equal(job_at(server, wanted[0])["job"]["name"], "a", "its name")
    places_of_a_run(rig, server, "r3")
    before = time.monotonic()
    equal(job_at(server, wanted[0], wait="200ms")["state"], "dropped", "after waiting")
    expect(time.monotonic() - before >= 0.2, "it did not wait")
    server.stop()
    server = rig.httpd()
    places_of_a_run(rig, server, "r4")
    for job, name in zip(wanted, names):
        equal(job_at(server, job)["state"], "dropped", "after a restart")
        equal(job_at(server, name)["id"], job, "by its name")
    rig.daemon()
    for job in wanted:
        equal(job_at(server, job, wait="30s")["state"], "completed", "with a daemon")
    until(lambda: server.get("/v1/runs/r1").json.get("completed") == 50, "the run")


@scenario
def lines(rig: Rig):
    """Many jobs at once: all or none."""
    rig.mock()
    server = rig.httpd()
    jobs = numbered(0, 1100)
    bad = lines_of(jobs[:40]) + '{"prompt": "x", "priority": 11}\n' + lines_of(jobs[40:])
    problem = refused(server.post("/v1/jobs", bad, headers=LINES), 422, "refused", "line 41: ")
    equal((problem["line"], problem["pointer"]), (41, "/priority"), "where it is wrong")
    equal(rig.spool.names("new"), [], "what was dropped of it")
    for text, status in (("", 422), ("\n\n", 422), ("{\n", 400), ('{"run": "../x"}\n{"prompt": "a"}\n', 422),
                         ('{"run": "a", "x": 1}\n{"prompt": "a"}\n', 422),
                         *((f'{{"run": "a", {key}}}\n{{"prompt": "a"}}\n', 422) for key in
                           ('"max_cost": "5 EUR"', '"max_cost": "-1"', '"max_cost": -1', '"max_cost": true',
                            '"max_cost": 1e300', f'"first": {2**53 - 1}', f'"first": {2**53 - 100000}', '"first": -1'))):
        equal(server.post("/v1/jobs", text, headers=LINES).status, status, f"{text!r}")
    refused(server.post("/v1/jobs?run=a%2fb", "{}", headers=LINES), 400, "bad-request")
    answer = server.post("/v1/jobs", '{"run": "big", "first": 0}\n\r\n' + lines_of(jobs),
                         headers=LINES)
    equal((answer.status, answer.json["run"], answer.json["count"]), (201, "big", 1100), "a run")
    expect([job["id"] for job in answer.json["jobs"]] == [identity(job, "m") for job in jobs], "its IDs")
    equal(len(rig.spool.names("new", ".jsonl")), 2, "its lists")
    for job in jobs:
        rig.spool.remember(job)
    free = server.post("/v1/jobs", lines_of(numbered(5000, 3)).rstrip(), headers={"Content-Type": "application/jsonl"})
    equal((free.json["run"], free.json["count"]), (None, 3), "no run")
    for job in numbered(5000, 3):
        rig.spool.remember(job)
    rig.until_empty()
    rig.completed()
    places = rig.spool.lines("runs", "big", "manifest.jsonl")
    expect(sorted((place["position"], place["id"]) for place in places) ==
           list(enumerate(identity(job, "m") for job in jobs)), "the manifest has other places")
    same = server.post("/v1/jobs?run=big", lines_of(jobs), headers=LINES)
    equal((same.status, same.json["jobs"][0]["state"]), (201, "completed"), "the same run once more")
    refused(server.post("/v1/jobs?run=big", lines_of(jobs[1:]), headers=LINES), 409, "conflict",
            "another job at position")
    rig.until_empty()
    rig.judge(exact=True)


@scenario
def together(rig: Rig):
    """Many clients at once: each job is there, and one that all post is one."""
    rig.mock()
    rig.daemon()
    server = rig.httpd()
    answers = []

    def client(number):
        connection = server.connect()
        for i in range(5):
            mine = {"prompt": f"client {number} job {i}"}
            for job in (mine, {"prompt": f"all {i}"}):
                answers.append((job, server.post("/v1/jobs", job, connection=connection)))
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    equal(len(answers), 64 * 10, "answers")
    for job, answer in answers:
        expect(answer.status in (200, 201), f"{answer}")
        equal(answer.json["id"], rig.spool.remember(job), "the ID")
    for i in range(5):
        same = [a for job, a in answers if job == {"prompt": f"all {i}"} and a.status == 201]
        expect(same, "nobody was the first")
    until(lambda: len(rig.spool.jobs("done")) == 64 * 5 + 5 and not rig.spool.names("new"), "all jobs")
    rig.completed()
    rig.judge(exact=True)


@scenario
def keys(rig: Rig):
    """Idempotency keys, over a restart, too."""
    server = rig.httpd()
    job, other = {"prompt": "keyed"}, {"prompt": "other"}
    key = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
    first = server.post("/v1/jobs", job, headers=key)
    equal(first.status, 201, "the first")
    for again in range(2):
        same = server.post("/v1/jobs", job, headers=key)
        equal((same.status, same.headers["Location"], same.headers["Idempotency-Replayed"]),
              (201, first.headers["Location"], "true"), "the same answer")
        equal(same.json["id"], first.json["id"], "the same job")
        equal(len(rig.spool.names("new")), 1, "drops")
        refused(server.post("/v1/jobs", other, headers=key), 422, "idempotency")
        plain = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
        refused(server.post("/v1/jobs", other, headers=plain), 422, "idempotency")
        text = lines_of(numbered(0, 2))
        listed = server.post("/v1/jobs?run=k", text, headers={**LINES, "Idempotency-Key": "l"})
        equal((listed.status, listed.headers["Idempotency-Replayed"] is not None), (201, again > 0),
              "a list with a key")
        refused(server.post("/v1/jobs?run=k2", text, headers={**LINES, "Idempotency-Key": "l"}), 422,
                "idempotency")
        rig.spool.names("new")
        for name in rig.spool.names("new", ".jsonl"):
            os.unlink(rig.spool.at("new", name))
        server.kill()
        with open(rig.spool.at("state", "httpd-keys"), "ab") as file:
            file.write(b"torn 12")
        server = rig.httpd()
    for bad in ("", '""', "a b", "x" * 256, "ü".encode("latin-1").decode("latin-1")):
        refused(server.post("/v1/jobs", job, headers={"Idempotency-Key": bad}), 400, "bad-request")
    refused(server.post("/v1/jobs", {"prompt": 1}, headers={"Idempotency-Key": "bad"}), 422, "refused")
    equal(server.post("/v1/jobs", other, headers={"Idempotency-Key": "bad"}).status, 201,
          "a key whose request was refused is free")


@scenario
def replays(rig: Rig):
    """A replay tells of what was dropped, whatever the same body would be by now."""
    server = rig.httpd()
    path = rig.spool.at("templates", "shout.json")

    def template(words):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"prompt": words + " {text}", "model": "loud"}, file)

    job = {"type": "shout", "prompt": "hello"}
    text = lines_of([job, {"prompt": "plain"}])
    posts = [("/v1/jobs", job, {"Idempotency-Key": "t"}),
             ("/v1/jobs", text, {**LINES, "Idempotency-Key": "tl"}),
             ("/v1/jobs?run=t", text, {**LINES, "Idempotency-Key": "tr"}),
             ("/v1/jobs", lines_of(numbered(0, 10001)), {**LINES, "Idempotency-Key": "tm"})]
    template("Shout")
    first = [server.post(path, body, headers=headers) for path, body, headers in posts]
    expect(first[3].json["run"] is not None and first[3].json["jobs"] is None, "a name for many")
    for change in (lambda: None, lambda: template("Whisper"), lambda: os.unlink(path)):
        change()
        for (where, body, headers), before in zip(posts, first):
            same = server.post(where, body, headers=headers)
            equal((same.status, same.headers["Location"], same.headers["Idempotency-Replayed"]),
                  (201, before.headers["Location"], "true"), where)
            for member in ("id", "run", "count", "links"):
                equal(same.json.get(member), before.json.get(member), f"{member} of {where}")
            expect(same.json.get("jobs") in (None, before.json.get("jobs")), "its jobs are others")
        server.stop()
        server = rig.httpd()
    refused(server.post("/v1/jobs", job), 422, "refused")


@scenario
def unwritten(rig: Rig):
    """A key whose write failed spoils no other key, and is durable with the next."""
    def post(server, name):
        return server.post("/v1/jobs", {"prompt": name}, headers={"Idempotency-Key": name})

    for number, fault in enumerate(("fdatasync:EIO:1", "fdatasync:EIO:1,renameat:EIO:1")):
        server = rig.httpd(environment=preload(fault))
        names = [f"failed-{number}", f"next-{number}", f"last-{number}"]
        for name in names:
            equal(post(server, name).status, 201, name)
            if name == names[0]:
                with open(rig.spool.at("state", "httpd-keys"), "ab") as file:
                    file.write(b"torn 12")
        server.kill()
        server = rig.httpd()
        for name in names:
            equal(post(server, name).headers["Idempotency-Replayed"], "true", f"{name} after {fault}")
        server.stop()


@scenario
def again(rig: Rig):
    """What failed is tried again by a post; an answer that is too old is asked for again."""
    mock = rig.mock()
    rig.daemon()
    server = rig.httpd()
    job = {"prompt": "to be tried", "max_attempts": 1}
    mock.configure(fault={"500": 1})
    wanted = server.post("/v1/jobs", job).json["id"]
    until(lambda: job_at(server, wanted, wait="30s")["state"] == "failed", "the failure")
    failed = job_at(server, wanted)
    equal(failed["error"], rig.spool.json("failed", f"{wanted}.error.json"), "the error")
    equal(failed["reason"], failed["error"]["message"], "the reason")
    mock.configure(fault={"500": 0})
    posted = server.post("/v1/jobs", job)
    equal((posted.status, posted.json["state"]), (200, "dropped"), "posted again")
    expect("failed" in posted.json["reason"], posted.json["reason"])
    equal(job_at(server, wanted, wait="30s")["state"], "completed", "tried again")
    posted = server.post("/v1/jobs", {**job, "max_age": "1h"})
    equal((posted.status, posted.json["state"]), (200, "completed"), "its answer is young enough")
    posted = server.post("/v1/jobs", {**job, "max_age": "0"})
    equal((posted.status, posted.json["state"]), (200, "dropped"), "a fresh one is wanted")
    equal(job_at(server, wanted, wait="30s")["versions"], [1, 2], "its versions")


@scenario
def orders(rig: Rig):
    """cancel, retry and rerun, and what they cannot do."""
    mock = rig.mock()
    rig.spool.switch("pause")
    rig.daemon()
    server = rig.httpd()
    ids = [server.post("/v1/jobs", job).json["id"] for job in numbered(0, 3)]
    until(lambda: len(rig.spool.jobs("cur")) == 3, "jobs in cur/")
    waiting = job_at(server, ids[0])
    equal((waiting["state"], waiting["attempts"], waiting["next_try"]), ("waiting", 0, None), "waiting")
    expect("paused" in waiting["reason"], waiting["reason"])
    equal(server.post(f"/v1/jobs/{ids[0]}/rerun").status, 200, "rerun of what waits")
    equal(server.post(f"/v1/jobs/{ids[0]}/retry").status, 200, "retry of what waits")
    equal(server.post(f"/v1/jobs/{ids[0]}/cancel").status, 202, "cancel")
    until(lambda: job_at(server, ids[0])["state"] == "cancelled", "the cancelled job")
    equal(server.post(f"/v1/jobs/{ids[0]}/cancel").status, 200, "cancel once more")
    refused(server.post(f"/v1/jobs/{ids[0]}/rerun"), 409, "conflict", "retry")
    retried = server.post(f"/v1/jobs/{ids[0]}/retry")
    equal((retried.status, retried.json["state"]), (202, "dropped"), "retry")
    rig.spool.switch("pause", False)
    for job in ids:
        equal(job_at(server, job, wait="30s")["state"], "completed", "in the end")
    for verb, words in (("cancel", "nothing to cancel"), ("retry", "rerun asks again")):
        refused(server.post(f"/v1/jobs/{ids[1]}/{verb}"), 409, "conflict", words)
    equal(server.post(f"/v1/jobs/{ids[1]}/rerun").status, 202, "rerun")
    equal(job_at(server, ids[1], wait="30s")["versions"], [1, 2], "its versions")
    refused(server.post(f"/v1/jobs/{ids[1]}/rerun", "{}"), 400, "bad-request")
    refused(server.post("/v1/jobs/none/cancel"), 404, "not-found")
    refused(server.post(f"/v1/jobs/{ids[1]}/burn"), 404, "not-found")
    refused(server.get(f"/v1/jobs/{ids[1]}/cancel"), 405, "method")
    expect(mock.requests() == 4, f"{mock.requests()} requests")


def all_pages(server, query):
    found, cursor = [], None
    for _ in range(1000):
        page = server.get(f"/v1/jobs?{query}" + (f"&cursor={cursor}" if cursor else "")).json
        found += page["jobs"]
        cursor = page["next"]
        if cursor is None:
            return found
    raise AssertionError("pages without end")


@scenario
def pages(rig: Rig):
    """Listings, selected and in pages."""
    rig.mock()
    jobs = numbered(0, 230, user="alice") + numbered(1000, 20, user="bob", name="bob-1")
    rig.spool.drop_list(jobs[:230])
    for job in jobs[230:]:
        rig.spool.drop(job)
    rig.until_empty()
    for job in numbered(2000, 7, model="other"):
        rig.spool.drop(job)
    rig.spool.switch("pause")
    rig.daemon()
    until(lambda: len(rig.spool.jobs("cur")) == 7, "jobs in cur/")
    server = rig.httpd()
    listed = all_pages(server, "limit=17")
    equal(sorted(job["id"] for job in listed), sorted(rig.spool.dropped), "all jobs, each once")
    expect(all(set(job) >= {"id", "state", "reason", "name", "user", "model", "submitted", "links"}
               for job in listed), "what is told of each")
    for query, count in (("state=completed&limit=1000", 250), ("state=waiting", 7), ("model=oth*", 7),
                         ("user=bob", 20), ("user=bob&state=waiting", 0), ("state=waiting,completed", 257),
                         ("since=1h", 257), ("until=1h", 0), ("since=2100-01-01T00:00:00Z", 0),
                         ("name=bob-1", 1), ("name=bob-1&user=alice", 0)):
        equal(len(all_pages(server, query)), count, query)
    order = all_pages(server, "state=completed&limit=9")
    equal([job["id"] for job in order], sorted(job["id"] for job in order), "their order")
    first = server.get("/v1/jobs?state=completed&limit=100").json
    gone = first["jobs"][-1]["id"]
    for name in (f"{gone}.json", f"{gone}.v1.json"):
        os.unlink(rig.spool.at("done", name))
    rest = server.get(f"/v1/jobs?state=completed&limit=1000&cursor={first['next']}").json
    equal(len(rest["jobs"]), 150, "what follows a job that is gone")


@scenario
def runs(rig: Rig):
    """The jobs of a run, in the order of its input."""
    rig.mock()
    server = rig.httpd()
    jobs = numbered(0, 30)
    server.post("/v1/jobs?run=r", lines_of(jobs), headers=LINES)
    rig.until_empty()
    equal([job["id"] for job in all_pages(server, "run=r&limit=7")],
          [identity(job, "m") for job in jobs], "its jobs")
    run = server.get("/v1/runs/r").json
    equal((run["run"], run["completed"]), ("r", 30), "how far it is")


@scenario
def absent(rig: Rig):
    """Drops that were refused at the door are found; what is not there is told apart."""
    rig.mock()
    rig.configure(rig.mocks[0], 'user "*" { models = {"m"} }')
    rig.daemon()
    server = rig.httpd()
    single = server.post("/v1/jobs", {"prompt": "not for you", "model": "dear"}).json["id"]
    until(lambda: job_at(server, single)["state"] == "refused", "the refusal")
    told = job_at(server, single)
    equal((told["error"]["reason"], told["job"]["model"]), ("model_not_allowed", "dear"), "why")
    expect(told["reason"] == told["error"]["message"], told["reason"])
    refused(server.post(f"/v1/jobs/{single}/cancel"), 409, "conflict", "refused")
    listed = server.post("/v1/jobs", lines_of([{"prompt": "also", "model": "dear"}]), headers=LINES)
    other = listed.json["jobs"][0]["id"]
    until(lambda: job_at(server, other)["state"] == "refused", "the refusal of a line")
    equal(job_at(server, other, wait="30s")["state"], "refused", "waited for")


@scenario
def archived(rig: Rig):
    """Of a job that is archived the command is told that gets it; restored, it is there again."""
    rig.mock()
    rig.daemon()
    server = rig.httpd()
    job = server.post("/v1/jobs", {"prompt": "kept"}).json["id"]
    until(lambda: job_at(server, job)["state"] == "completed", "the answer")
    program = [os.path.join(BUILD, "llmspool-archive")]
    spool = ["-s", rig.spool.path]
    subprocess.run([*program, "create", *spool, "--older-than", "0s"], check=True, capture_output=True, timeout=PATIENCE)
    until(lambda: server.get(f"/v1/jobs/{job}").status == 410, "its leaving")
    for path in ("", "/versions", "/versions/1"):
        problem = refused(server.get(f"/v1/jobs/{job}{path}"), 410, "archived")
        expect("llmspool-archive" in problem["detail"], f"no command is told: {problem}")
    subprocess.run([*program, "restore", *spool, job], check=True, capture_output=True, timeout=PATIENCE)
    until(lambda: server.get(f"/v1/jobs/{job}").status == 200, "its coming back")


@scenario
def drained(rig: Rig):
    """The server is stopped while it looks for jobs that clients wait for and that are gone."""
    server = rig.httpd()
    ids = [server.post("/v1/jobs", job).json["id"] for job in numbered(0, 40)]
    # The first who looks for a job that is gone reads all that was refused, and the others wait for him.
    long = rig.spool.at("failed", "refused-long.json")
    with open(long, "w", encoding="utf-8") as file:
        json.dump({"prompt": "x" * 1000000}, file)
    for number in range(40):
        os.link(long, rig.spool.at("failed", f"refused-{number}.json"))
        with open(rig.spool.at("failed", f"refused-{number}.json.error.json"), "w", encoding="utf-8"):
            pass
    waiting = [server.connect() for _ in ids]
    for connection, job in zip(waiting, ids):
        connection.request("GET", f"/v1/jobs/{job}?wait=30s")
    equal(server.get("/healthz").status, 200, "they wait")
    for job in ids:
        for name in rig.spool.names("new"):
            if name.startswith(job):
                os.unlink(rig.spool.at("new", name))
    time.sleep(0.3)  # longer than from one look at all that are waited for to the next
    server.process.send_signal(signal.SIGTERM)
    for connection in waiting:
        equal(connection.getresponse().status, 404, "a job that is gone")
        connection.close()
    equal(server.process.wait(PATIENCE), 0, "exit code")
    server.close()


@scenario
def bounded(rig: Rig):
    """Too many that wait, a spool that went: nothing is acknowledged."""
    conf = os.path.join(rig.folder, "httpd.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("limits {\n    max_waiting = 10\n}\n")
    server = rig.httpd("-c", conf)
    for job in numbered(0, 10):
        equal(server.post("/v1/jobs", job).status, 201, "while there is room")
    answer = server.post("/v1/jobs", {"prompt": "one too many"})
    refused(answer, 503, "full", "the limit is 10")
    expect(int(answer.headers["Retry-After"]) > 0, "Retry-After")
    refused(server.post("/v1/jobs", lines_of(numbered(20, 3)), headers=LINES), 503, "full")
    equal(len(rig.spool.names("new")), 10, "drops")
    os.unlink(rig.spool.at("new", rig.spool.names("new")[0]))
    until(lambda: server.post("/v1/jobs", {"prompt": "one too many"}).status == 201, "room")
    os.rename(rig.spool.path, rig.spool.path + ".away")
    until(lambda: server.post("/v1/jobs", {"prompt": "nowhere"}).status == 503, "the spool is gone")
    os.rename(rig.spool.path + ".away", rig.spool.path)
    os.unlink(rig.spool.at("new", rig.spool.names("new")[0]))
    until(lambda: server.post("/v1/jobs", {"prompt": "nowhere"}).status == 201, "it is there again")


@scenario
def crowd(rig: Rig):
    """So many lists at once that some have to come again."""
    server = rig.httpd()
    text = lines_of(numbered(0, 300)) + "{"
    answers = []
    server.process.send_signal(signal.SIGSTOP)
    threads = [threading.Thread(target=lambda: answers.append(
        server.post("/v1/jobs", text, headers=LINES, connection=server.connect()))) for _ in range(120)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    server.process.send_signal(signal.SIGCONT)
    for thread in threads:
        thread.join(PATIENCE)
    equal(len(answers), 120, "answers")
    late = [answer for answer in answers if answer.status != 400]
    expect(late and len(late) <= 120 - 64, f"{len(late)} were put off")
    for answer in late:
        refused(answer, 503, "full", "64 lists")
        equal(answer.headers["Retry-After"], "1", "Retry-After")
    equal(server.post("/v1/jobs", lines_of(numbered(0, 2)), headers=LINES).status, 201, "later")


@scenario
def full(rig: Rig):
    """No room on the disk: nothing is acknowledged, and it goes on when there is room again."""
    place = small_disk(rig, 8)
    try:
        server = rig.httpd()
        equal(server.post("/v1/jobs", {"prompt": "before"}).status, 201, "before")
        filler = fill(place)
        acknowledged = []
        for job in numbered(0, 400, text="x" * 8000):
            answer = server.post("/v1/jobs", job)
            if answer.status == 503:
                refused(answer, 503, "spool", "nothing is acknowledged")
                expect(answer.headers["Retry-After"] is not None, "Retry-After")
                break
            acknowledged.append(answer.json["id"])
        else:
            raise AssertionError("the disk was never full")
        refused(server.post("/v1/jobs", lines_of(numbered(0, 400, text="y" * 8000)), headers=LINES), 503,
                "spool")
        os.unlink(filler)
        equal(server.post("/v1/jobs", {"prompt": "after"}).status, 201, "after")
        equal(rig.spool.names("tmp"), [], "what is left in tmp/")
        expect({name[:64] for name in rig.spool.names("new")} >= set(acknowledged), "what was acknowledged")
        server.stop()
    finally:
        unmount(rig, place)


@scenario
def users(rig: Rig):
    """A token's user is the user of what it posts; others' jobs are not his to order about."""
    tokens = os.path.join(rig.folder, "tokens")

    def token(user, scope):
        done = subprocess.run([os.path.join(BUILD, "llmspool-httpd"), "--tokens", tokens, "--new-token",
                               user, "--scope", scope], capture_output=True, text=True, check=True,
                              timeout=PATIENCE)
        return {"Authorization": f"Bearer {done.stdout.strip()}"}

    alice, bob, root = token("alice", "read,submit"), token("bob", "read,submit"), token("root", "admin,read,submit")
    server = rig.httpd("--tokens", tokens)
    job = {"prompt": "mine"}
    posted = server.post("/v1/jobs", job, headers=dict(alice))
    equal((posted.status, posted.json["user"]), (201, "alice"), "whose it is")
    equal(posted.json["id"], identity({**job, "user": "alice"}, "m"), "its ID")
    equal(server.post("/v1/jobs", {**job, "user": "alice"}, headers=dict(alice)).status, 200, "said")
    problem = refused(server.post("/v1/jobs", {**job, "user": "bob"}, headers=dict(alice)), 403, "forbidden")
    equal(problem["pointer"], "/user", "what is forbidden")
    refused(server.post("/v1/jobs", lines_of([job, {**job, "user": "bob"}]), headers={**alice, **LINES}),
            403, "forbidden", "line 2")
    refused(server.post("/v1/jobs", {**job, "mail": {"to": "bob@example.org", "on": ["end"]}}, headers=dict(alice)),
            403, "forbidden")
    equal(server.post("/v1/jobs", {"prompt": "told", "mail": {"to": "alice", "on": ["end"]}}, headers=dict(alice)).status,
          201, "mail to alice")
    expect(server.post("/v1/jobs", job, headers=dict(bob)).json["id"] != posted.json["id"], "bob's is another")
    key = {"Idempotency-Key": "k"}
    equal(server.post("/v1/jobs", {"prompt": "a"}, headers={**alice, **key}).status, 201, "alice's key")
    equal(server.post("/v1/jobs", {"prompt": "b"}, headers={**bob, **key}).status, 201, "bob's key")
    path = posted.headers["Location"]
    refused(server.post(path + "/cancel", headers=dict(bob)), 403, "forbidden")
    equal(rig.spool.names("ctl"), [], "orders")
    equal(server.post(path + "/cancel", headers=dict(alice)).status, 202, "his own")
    equal(server.post(path + "/cancel", headers=dict(root)).status, 202, "an administrator's")


def default_list(folder):
    """Gives a folder a default access control list, as the daemon does it for visibility = owner."""
    entries = ((0x01, 7), (0x04, 0), (0x20, 0))  # of the owner, the group and others
    text = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry, 0xffffffff) for entry in entries)
    os.setxattr(folder, "system.posix_acl_default", text)


@scenario
def visibility(rig: Rig):
    """What visibility says counts while the server runs, for what was answered a moment ago, too."""
    tokens = os.path.join(rig.folder, "tokens")

    def token(user):
        done = subprocess.run([os.path.join(BUILD, "llmspool-httpd"), "--tokens", tokens, "--new-token", user],
                              capture_output=True, text=True, check=True, timeout=PATIENCE)
        return {"Authorization": f"Bearer {done.stdout.strip()}"}

    alice, bob = token("alice"), token("bob")
    rig.mock()
    rig.daemon()
    server = rig.httpd("--tokens", tokens)
    path = server.post("/v1/jobs", {"prompt": "mine"}, headers=dict(alice)).headers["Location"]
    until(lambda: server.get(path, headers=dict(alice)).json["state"] == "completed", "the answer")
    stream = server.connect()
    stream.request("GET", "/v1/events", headers=dict(bob))
    events = stream.getresponse()
    equal((events.status, server.get(path, headers=dict(bob)).status), (200, 200), "the group's")
    default_list(rig.spool.at("done"))
    until(lambda: server.get(path, headers=dict(bob)).status == 404, "alice's alone", 5)
    equal(server.get(path, headers=dict(alice)).status, 200, "her own")
    expect(events.read().startswith(b"retry:"), "the stream that began before has not ended")
    stream.close()
    os.removexattr(rig.spool.at("done"), "system.posix_acl_default")
    until(lambda: server.get(path, headers=dict(bob)).status == 200, "the group's again", 5)


@scenario
def runs_of_others(rig: Rig):
    """A run is its first job's user's: another adds nothing to it and sets no budget."""
    tokens = os.path.join(rig.folder, "tokens")

    def token(user, scope):
        done = subprocess.run([os.path.join(BUILD, "llmspool-httpd"), "--tokens", tokens, "--new-token",
                               user, "--scope", scope], capture_output=True, text=True, check=True,
                              timeout=PATIENCE)
        return {**LINES, "Authorization": f"Bearer {done.stdout.strip()}"}

    alice, bob, root = token("alice", "read,submit"), token("bob", "read,submit"), token("root", "admin,read,submit")
    rig.mock()
    server = rig.httpd("--tokens", tokens)

    def post(who, first, run="r", **more):
        header = {"run": run, "first": first, **more}
        return server.post("/v1/jobs", lines_of([header, {"prompt": f"number {first}"}]), headers=dict(who))

    def foreign(who, first, run="r"):
        before = rig.spool.names("new")
        problem = refused(post(who, first, run, max_cost=1000), 409, "conflict", "name another run")
        equal((problem["reason"], rig.spool.names("new")), ("run_exists", before), "what is dropped")

    equal(post(alice, 0).status, 201, "alice's run")
    rig.until_empty()
    for first in (0, 1, 999999999):
        foreign(bob, first)
    equal(post(bob, 0, "s").status, 201, "a run of his own")
    equal([post(alice, 0).status, post(alice, 1).status, post(root, 2).status], [201] * 3, "who may")
    rig.until_empty()
    equal(server.get("/v1/runs/r", headers=dict(bob)).json["completed"], 3, "the run")
    # Its jobs are in the manifest, and not in cur/ yet.
    one = post(alice, 0, "t").json["jobs"][0]["id"]
    os.mkdir(rig.spool.at("runs", "t"))
    with open(rig.spool.at("runs", "t/manifest.jsonl"), "w", encoding="ascii") as file:
        file.write('{"position":0,"id":"%s"}\n' % one)
    foreign(bob, 1, "t")
    equal(post(alice, 1, "t").status, 201, "the next of hers")


def post_until_killed(rig, fault, number):
    """Posts from several connections until the server is killed. Returns what was acknowledged."""
    rig.spool = Spool(os.path.join(rig.folder, f"spool-{number}"))
    acknowledged = []
    try:
        server = rig.httpd(environment=preload(fault))
    except Failure:
        return acknowledged, True  # before it listened

    def client(mine):
        connection = server.connect(20)
        try:
            for i in range(4):
                job = {"prompt": f"kill {mine} {i}"}
                headers = {"Idempotency-Key": f"k{mine}-{i}"} if i % 2 else {}
                answer = server.post("/v1/jobs", job, headers=headers, connection=connection)
                equal(answer.status, 201, f"{answer}")
                acknowledged.append(answer.json["id"])
            text = lines_of([{"prompt": f"line {mine} {i}"} for i in range(3)])
            answer = server.post("/v1/jobs?run=r", text, headers=LINES, connection=connection)
            if answer.status == 201:
                acknowledged.extend(job["id"] for job in answer.json["jobs"])
        except (OSError, http.client.HTTPException):
            pass

    threads = [threading.Thread(target=client, args=(mine,)) for mine in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    killed = server.process.poll() is not None
    server.kill()
    return acknowledged, killed


@scenario
def killed(rig: Rig):
    """Killed at many calls of a submission: what was acknowledged is there."""
    sweep_of_kills()
    rig.mock()
    number, killed_once = 0, False
    for what, points in (("KILL", (*range(2, 30, 2), *range(30, 200, 34))),
                         ("AFTER", range(8, 120, 16))):
        for point in points:
            number += 1
            acknowledged, was_killed = post_until_killed(rig, f"any:{what}:{point}", number)
            killed_once = killed_once or was_killed
            server = rig.httpd()
            for job in acknowledged:
                word = "dropped"
                if job_at_or_in_list(rig, server, job) != word:
                    raise AssertionError(f"{what} at {point}: {job} was acknowledged and is lost")
            server.stop()
            if point % 16 == 8:
                rig.until_empty()
                expect(set(acknowledged) <= rig.spool.jobs("done"), "what was acknowledged is not done")
            if not was_killed:
                break
    expect(killed_once, "it was never killed")


def job_at_or_in_list(rig, server, job):
    """A job in a list is not known to a server that did not drop it, until the daemon takes it."""
    answer = server.get(f"/v1/jobs/{job}")
    if answer.status == 200:
        return answer.json["state"]
    for name in rig.spool.names("new", ".jsonl"):
        for line in rig.spool.lines("new", name):
            if "run" not in line and identity(line, "m") == job:
                return "dropped"
    return None


if __name__ == "__main__":
    run_scenario()
