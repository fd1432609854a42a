#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""templates: jobs whose type is a template's: expanded at the door, answered, and held to their form."""
import grp
import hashlib
import itertools
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from rig import (BUILD, LONG, PATIENCE, Rig, Skip, Spool, equal, expect, preload, run_scenario, scenario,
                 sweep_of_kills, until)

LAYOUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "spool-layout")
PRAISE = "I love it, it is excellent."
BLAME = "Terrible: it broke and I want a refund."
FAST = 'backoff = "5ms"\nbackoff_limit = "20ms"\n'
SHOUT = {"description": "Said loudly.", "system": "Say it {how}, {{so}}.", "prompt": "{text}!",
         "params": {"temperature": 0.5, "max_tokens": 50},
         "variables": {"how": {"default": "loud"}}}


def submit(rig, *words, code=0, stdin=None):
    """What llmspool-submit prints, on both outputs."""
    done = subprocess.run([os.path.join(BUILD, "llmspool-submit"), "-s", rig.spool.path, *words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          timeout=PATIENCE, input=stdin, encoding="utf-8")
    equal(done.returncode, code, f"exit code of llmspool-submit {words}, which says {done.stdout!r}")
    return done.stdout


def template(rig, name, document, mode=0o600):
    """Puts a template into place, as the documentation says it is done: by rename. Returns its hash."""
    text = document if isinstance(document, str) else json.dumps(document)
    temp = rig.spool.at("tmp", rig.spool.unique())
    with open(temp, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(temp, mode)
    os.rename(temp, rig.spool.at("templates", name + ".json"))
    return hashlib.sha256(text.encode()).hexdigest()


def print_id(rig, job):
    """The ID that llmspool-submit says a job has."""
    path = os.path.join(rig.folder, "job.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(job, file)
    return submit(rig, "--print-id", "--job", path).strip()


def drop(rig, *jobs):
    """Drops typed jobs as any program does, and returns the IDs that llmspool-submit says."""
    ids = [print_id(rig, job) for job in jobs]
    for job in jobs:
        rig.spool.put(json.dumps(job))
    return ids


def output(rig, job):
    return rig.spool.json("done", f"{job}.v1.json")


def refusals(rig):
    """The error files of what was refused at the door, by name."""
    return {name: rig.spool.json("failed", name) for name in rig.spool.names("failed", ".error.json")
            if len(name) != 64 + len(".error.json")}


@scenario
def every_type(rig: Rig):
    """Each type is answered, in its form, and has the ID that submit says."""
    rig.mock()
    text = "The harbour was quiet. A boat came in. Nobody saw the boat. The boat left the harbour."
    jobs = [
        {"type": "summarize", "prompt": text, "variables": {"length": "one sentence"}},
        {"type": "classify", "prompt": PRAISE, "variables": {"labels": ["negative", "positive"]}},
        {"type": "classify", "prompt": BLAME, "variables": {"labels": "negative, positive"}},
        {"type": "extract", "variables": {"text": text, "fields": "name,amount:number,tags:string[]"}},
        {"type": "translate", "prompt": text, "variables": {"to": "German"}},
        {"type": "embed", "input": text},
        {"type": "chat", "prompt": text},
    ]
    ids = drop(rig, *jobs)
    rig.until_empty()
    equal(rig.spool.jobs("done"), set(ids), "jobs in done/")
    answers = [output(rig, job)["output"] for job in ids]
    expect(answers[0] in text and answers[0].count(".") == 1, f"the summary: {answers[0]!r}")
    equal(answers[1:3], ["positive", "negative"], "the labels")
    equal(sorted(answers[3]), ["amount", "name", "tags"], "the members of what was extracted")
    equal(answers[4], text, "what the mock makes of a translation")
    expect(isinstance(answers[5][0][0], float), "an embedding is a vector")
    for job, wanted in zip(ids[:5], jobs):
        document = rig.spool.json("done", f"{job}.json")
        for key in ("type", "variables"):
            expect(key not in document, f"{key} is left in {document}")
        with open(os.path.join(LAYOUT, "templates", wanted["type"] + ".json"), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        metadata = {"type": wanted["type"], "template": {"name": wanted["type"], "sha256": digest}}
        equal(document["metadata"], metadata, "metadata of the job")
        equal(output(rig, job)["metadata"], metadata, "metadata of the output")
    rig.check()


@scenario
def same_by_flags(rig: Rig):
    """Flags of llmspool-submit, dropped jobs and lines of lists make the same jobs."""
    rig.mock()
    template(rig, "shout", SHOUT)
    ids = submit(rig, "--type", "classify", "--labels", "negative,positive", PRAISE).split()
    ids += submit(rig, "--type", "extract", "--fields", "name,amount:number", PRAISE).split()
    ids += submit(rig, "--type", "translate", "--to", "German", PRAISE).split()
    ids += submit(rig, "--type", "summarize", "--length", "50", PRAISE).split()
    ids += submit(rig, "--type", "shout", "--var", "how=softly", PRAISE).split()
    jobs = [
        {"type": "classify", "prompt": PRAISE, "variables": {"labels": "negative,positive"}},
        {"type": "extract", "prompt": PRAISE, "variables": {"fields": {"name": "string", "amount": "number"}}},
        {"type": "translate", "prompt": PRAISE, "variables": {"to": "German", "column": "not used"}},
        {"type": "summarize", "prompt": PRAISE, "variables": {"length": "50 words"}},
        {"type": "shout", "variables": {"text": PRAISE, "how": "softly"}},
    ]
    equal(drop(rig, *jobs), ids, "IDs of dropped jobs")
    rig.spool.put('{"run": "typed"}\n' + "".join(json.dumps(job) + "\n" for job in jobs),
                  name="typed.jsonl")
    rig.until_empty()
    equal(rig.spool.jobs("done"), set(ids), "jobs in done/")
    equal([line["id"] for line in rig.spool.lines("runs", "typed", "manifest.jsonl")], ids,
          "IDs of the manifest")
    equal(rig.mocks[-1].requests(), len(jobs), "requests")
    loud = rig.spool.json("done", f"{ids[4]}.json")
    equal((loud["system"], loud["prompt"]), ("Say it softly, {so}.", PRAISE + "!"), "what is asked")


@scenario
def own_template(rig: Rig):
    """A file in templates/ is a type, and wins over a built-in one; the job's own params win over its."""
    rig.mock()
    digest = template(rig, "shout", SHOUT)
    template(rig, "summarize", {"prompt": "TL;DR {text}", "model": "small"})
    ids = drop(rig, {"type": "shout", "prompt": "{how} {{text}}", "params": {"temperature": 0.1}},
               {"type": "summarize", "prompt": "One. Two."},
               {"type": "summarize", "prompt": "One. Two.", "model": "m"})
    rig.until_empty()
    shout = rig.spool.json("done", f"{ids[0]}.json")
    equal(shout["prompt"], "{how} {{text}}!", "text that was filled in")
    equal(shout["params"], {"temperature": 0.1, "max_tokens": 50}, "params")
    equal(shout["metadata"]["template"], {"name": "shout", "sha256": digest}, "metadata")
    equal(rig.spool.json("done", f"{ids[1]}.json")["model"], "small", "the template's model")
    equal(rig.spool.json("done", f"{ids[2]}.json")["model"], "m", "the job's model")
    rig.check()


@scenario
def edited(rig: Rig):
    """Editing or removing a template changes no waiting job; a new job asks anew."""
    rig.mock()
    rig.spool.switch("pause")
    template(rig, "shout", SHOUT)
    daemon = rig.daemon()
    job = {"type": "shout", "prompt": "hello"}
    before = drop(rig, job)[0]
    until(lambda: before in rig.spool.jobs("cur"), "the job in cur/")
    template(rig, "shout", {**SHOUT, "prompt": "{text}?"})
    after = drop(rig, job)[0]
    expect(after != before, "an edited template makes the same job")
    until(lambda: after in rig.spool.jobs("cur"), "the other job in cur/")
    os.unlink(rig.spool.at("templates", "shout.json"))
    rig.spool.put(json.dumps(job), name="late.json")
    until(lambda: refusals(rig), "the refusal of a job without a template")
    refused = refusals(rig)["late.json.error.json"]
    equal(refused["reason"], "unknown_type", "reason")
    expect('no type "shout"' in refused["message"] and "classify" in refused["message"],
           f"message: {refused['message']}")
    rig.spool.switch("pause", False)
    until(lambda: rig.spool.jobs("done") == {before, after}, "both jobs in done/")
    equal([output(rig, i)["output"] for i in (before, after)], ["hello!", "hello?"], "answers")
    daemon.stop()

    # What was refused is kept, and can be dropped again when the template is back.
    template(rig, "shout", SHOUT)
    os.rename(rig.spool.at("failed", "late.json"), rig.spool.at("new", "late.json"))
    os.unlink(rig.spool.at("failed", "late.json.error.json"))
    rig.until_empty()
    equal(rig.mocks[-1].requests(), 2, "requests: it is a duplicate")
    equal(refusals(rig), {}, "refusals")
    rig.check()


@scenario
def removed_while_waiting(rig: Rig):
    """A template that is removed or spoilt while jobs lie in new/: they are refused, each with its
    reason, and jobs beside them are not touched."""
    rig.mock()
    template(rig, "shout", SHOUT)
    template(rig, "spoilt", SHOUT)
    rig.spool.put(json.dumps({"type": "shout", "prompt": "a"}), name="a.json")
    rig.spool.put(json.dumps({"type": "spoilt", "prompt": "b"}), name="b.json")
    rig.spool.put("".join(json.dumps({"type": t, "prompt": "c", "variables": {"to": "de"}}) + "\n"
                          for t in ("shout", "translate", "spoilt")), name="c.jsonl")
    os.unlink(rig.spool.at("templates", "shout.json"))
    template(rig, "spoilt", '{"promt": "{text}"}')
    rig.until_empty(code=(0, 1))
    equal(len(rig.spool.jobs("done")), 1, "jobs in done/")
    found = refusals(rig)
    equal(found["a.json.error.json"]["reason"], "unknown_type", "reason without a template")
    equal(found["b.json.error.json"]["reason"], "bad_template", "reason with a bad one")
    expect('templates/spoilt.json: unknown key "promt" (did you mean "prompt"?)'
           in found["b.json.error.json"]["message"], found["b.json.error.json"]["message"])
    equal(sorted(e["reason"] for e in found.values()),
          ["bad_template", "bad_template", "unknown_type", "unknown_type"], "reasons")


BAD = [
    ("not json", "line 1"),
    ("[]", "must be a JSON object"),
    ('{"prompt": "{text"}', '"prompt": the {'),
    ('{"prompt": "a } b"}', '"prompt": the }'),
    ('{"prompt": 5}', '"prompt" must be text'),
    ('{"type": "image"}', '"type" must be chat'),
    ('{"type": "embed", "system": "x"}', '"system" has no place'),
    ('{"variables": {"x": {}}}', 'variable "x": it is declared, but there is no place'),
    ('{"prompt": "{x}", "variables": {"x": {"defualt": 1}}}', 'did you mean "default"'),
    ('{"prompt": "{schema}"}', '"output" has none'),
    ('{"output": {"labels": ["a", "b"]}}', "must name a variable"),
    ('{"output": {"schema": 1}}', "must be a JSON Schema"),
    ('{"output": {"schema": {}}, "params": {"response_format": {}}}', "exclude each other"),
    ('{"prompt": "' + "x" * 300000 + '"}', "larger than"),
]


@scenario
def bad_templates(rig: Rig):
    """What is no template is said of exactly, by daemon, llmspool-submit and llmspool-check."""
    rig.mock()
    for number, (text, words) in enumerate(BAD):
        template(rig, f"bad{number}", text)
        said = submit(rig, "--type", f"bad{number}", "x", code=65)
        expect(words in said and f"templates/bad{number}.json" in said, f"{text[:60]}: {said}")
        rig.spool.put(json.dumps({"type": f"bad{number}", "prompt": "x"}), name=f"{number}.json")
    rig.until_empty(code=(0, 1))
    for number, (text, words) in enumerate(BAD):
        refused = rig.spool.json("failed", f"{number}.json.error.json")
        equal(refused["reason"], "bad_template", f"reason of {text[:60]}")
        expect(words in refused["message"], f"{text[:60]}: {refused['message']}")
    equal(rig.mocks[-1].requests(), 0, "requests")


@scenario
def links_are_no_templates(rig: Rig):
    """A template is a regular file of the spool's owner's: no link, folder or pipe."""
    rig.mock()
    outside = os.path.join(rig.folder, "outside.json")
    with open(outside, "w", encoding="utf-8") as file:
        json.dump(SHOUT, file)
    os.symlink(outside, rig.spool.at("templates", "link.json"))
    os.mkdir(rig.spool.at("templates", "folder.json"))
    os.mkfifo(rig.spool.at("templates", "pipe.json"))
    for name in ("link", "folder", "pipe", "../outside"):
        rig.spool.put(json.dumps({"type": name, "prompt": "x"}), name=f"{name[-4:]}.json")
    rig.until_empty(code=(0, 1))
    reasons = {name: error["reason"] for name, error in refusals(rig).items()}
    equal(reasons, {"link.json.error.json": "bad_template", "lder.json.error.json": "bad_template",
                    "pipe.json.error.json": "bad_template", "side.json.error.json": "unknown_type"},
          "reasons")


@scenario
def jobs_are_refused(rig: Rig):
    """What a typed job lacks or has too much, each with its reason."""
    rig.mock()
    template(rig, "shout", SHOUT)
    template(rig, "vector", {"type": "embed", "input": "query: {}"})
    rows = [
        ({"type": "translate", "prompt": "x"}, 'variable "to" of template translate is missing'),
        ({"type": "translate", "variables": {"to": "de"}}, 'variable "text" of template translate'),
        ({"type": "translate", "prompt": "x", "variables": {"to": None}}, '"to" of template'),
        ({"type": "shout", "prompt": "x", "variables": {"text": "y"}}, "exclude each other"),
        ({"type": "shout", "prompt": "x", "variables": 5}, '"variables" must be an object'),
        ({"type": "shout", "prompt": "x", "system": "y"}, '"system" has no place'),
        ({"type": "shout", "messages": []}, '"messages" has no place'),
        ({"type": "shout", "prompt": 5}, '"prompt" must be text'),
        ({"type": "shout", "prompt": "x", "metadata": {"type": "y"}}, "must leave"),
        ({"type": "vector", "input": [1, 2]}, '"input" must be text'),
        ({"type": "classify", "prompt": "x", "variables": {"labels": "a"}}, "labels must be 2 to"),
        ({"type": "classify", "prompt": "x", "variables": {"labels": "a, A."}}, "comes twice"),
        ({"type": "classify", "prompt": "x", "variables": {"labels": "a,b"},
          "params": {"response_format": {"type": "text"}}}, "whose answer is a label"),
        ({"type": "extract", "prompt": "x", "variables": {"fields": "a:date"}}, '"a" is none'),
        ({"prompt": "x", "variables": {}}, '"variables" are for a template'),
        ({"prompt": "x", "params": {"response_format": {"type": "labels", "labels": "a,b"}}},
         "must be an array"),
    ]
    for number, (job, words) in enumerate(rows):
        path = os.path.join(rig.folder, "job.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(job, file)
        expect(words in submit(rig, "--job", path, code=65), f"llmspool-submit of {job}")
        rig.spool.put(json.dumps(job), name=f"{number}.json")
    rig.until_empty(code=(0, 1))
    for number, (job, words) in enumerate(rows):
        refused = rig.spool.json("failed", f"{number}.json.error.json")
        equal(refused["reason"], "bad_value", f"reason of {job}")
        expect(words in refused["message"], f"{job}: {refused['message']}")
    said = submit(rig, "--type", "clasify", "--labels", "a,b", "x", code=65)
    expect('did you mean "classify"' in said and "shout" in said, said)
    said = submit(rig, "--type", "shout", "--var", "hwo=x", "x", code=65)
    expect('did you mean "how"' in said, said)


@scenario
def labels(rig: Rig):
    """An answer is mapped to its label, whatever stands around it; another one is unusable."""
    mock = rig.mock("--answer", "echo")  # says what it is asked
    rig.configure(mock, FAST)
    answers = {'"POSITIVE".': "Positive", "negative.": "negative", " 'Negative' \n": "negative",
               "“positive”": "Positive", "**positive**": None, "positive, I think": None,
               "positive negative": None, "neg": None}
    variables = {"labels": ["Positive", "negative"]}
    ids = drop(rig, *({"type": "classify", "prompt": text, "variables": variables} for text in answers))
    rig.until_empty(code=1)
    for job, (text, label) in zip(ids, answers.items()):
        if label is not None:
            equal(output(rig, job)["output"], label, f"the label of {text!r}")
            continue
        error = rig.spool.json("failed", f"{job}.error.json")
        equal(error["status"], "failed", f"status with {text!r}")
        equal({a["outcome"] for a in error["attempts"]}, {"unusable"}, "outcomes")
        equal({a["code"] for a in error["attempts"]}, {"not_a_label"}, "codes")
        equal(error["reason"], "not_a_label", "reason")
        expect("none of the labels" in error["message"], error["message"])
        expect(text in error["raw"], "what was paid for is kept")
    rig.check()


@scenario
def wrong_then_right(rig: Rig):
    """One answer that is no label costs an attempt, the next one is taken."""
    mock = rig.mock()
    rig.configure(mock, FAST)
    variables = {"labels": "negative,positive"}
    job = drop(rig, {"type": "classify", "prompt": "[[mock:not-json,times=1]] " + PRAISE,
                     "variables": variables})[0]
    rig.until_empty()
    answer = output(rig, job)
    equal(answer["output"], "positive", "the label")
    equal([a["outcome"] for a in answer["attempts"]], ["unusable", "ok"], "outcomes")


@scenario
def extract_by_schema(rig: Rig):
    """extract takes a schema instead of fields, and holds the answer to it."""
    mock = rig.mock()
    rig.configure(mock, FAST)
    schema = os.path.join(rig.folder, "schema.json")
    with open(schema, "w", encoding="utf-8") as file:
        json.dump({"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}, file)
    good = submit(rig, "--type", "extract", "--schema", schema, "Anna is 30.").strip()
    bad = submit(rig, "--type", "extract", "--fields", "age:integer", "[[mock:wrong-schema]] Anna").strip()
    rig.until_empty(code=1)
    equal(list(output(rig, good)["output"]), ["age"], "what was extracted")
    expect('"age"' in rig.spool.json("done", f"{good}.json")["system"], "the schema is told")
    equal(rig.spool.json("failed", f"{bad}.error.json")["attempts"][-1]["code"], "schema_mismatch", "code")


@scenario
def many_lines(rig: Rig):
    """All lines of a list are made with one template, though it is edited meanwhile."""
    rig.mock()
    rig.spool.switch("pause")
    template(rig, "shout", SHOUT)
    count = 100000 if LONG else 3000
    rig.spool.put('{"run": "many"}\n' + "".join(json.dumps({"type": "shout", "prompt": f"{i}"}) + "\n"
                                                for i in range(count)), name="many.jsonl")
    daemon = rig.daemon()
    until(lambda: rig.spool.jobs("cur"), "the first job")
    template(rig, "shout", {**SHOUT, "prompt": "{text}?"})
    until(lambda: not rig.spool.names("new"), "the end of the list", 300)
    ids = [line["id"] for line in rig.spool.lines("runs", "many", "manifest.jsonl")]
    equal(rig.spool.jobs("cur"), set(ids), "jobs in cur/ and in the manifest")
    hashes = {line["metadata"]["template"]["sha256"]
              for line in rig.spool.lines("runs", "many", "manifest.jsonl")}
    equal(len(hashes), 1, "templates that the list was made with")
    daemon.stop()


@scenario
def listed(rig: Rig):
    """--types tells all types, what they take and where they come from; bad ones with their fault."""
    template(rig, "shout", SHOUT)
    template(rig, "translate", {"prompt": "In {to}: {text}"})
    template(rig, "bad", "{")
    types = {t["type"]: t for t in map(json.loads, submit(rig, "--types", "--json").splitlines())}
    equal(sorted(types), ["bad", "chat", "classify", "completion", "embed", "extract", "shout", "summarize",
                          "translate"], "types")
    equal([types[t]["from"] for t in ("chat", "classify", "shout", "translate")],
          ["llmspool", "built_in", "spool", "spool"], "where they come from")
    equal([(v["name"], v["required"], v.get("default")) for v in types["shout"]["variables"]],
          [("how", False, "loud"), ("text", True, None)], "variables")
    equal([v["name"] for v in types["classify"]["variables"]], ["text", "labels"], "variables of classify")
    expect("templates/bad.json" in types["bad"]["error"], f"error: {types['bad']}")
    text = submit(rig, "--types")
    for words in ("classify (built in)", "shout (templates/shout.json)\n    Said loudly.", "loud when not said"):
        expect(words in text, f"{words!r} is not in {text}")


@scenario
def changed_since_a_run(rig: Rig):
    """llmspool-submit says when a template is another than in the last run with it, and what is new."""
    rig.mock()
    template(rig, "shout", SHOUT)
    lines = [json.dumps({"type": "shout", "prompt": f"{i}"}) + "\n" for i in range(5)]
    rig.spool.put('{"run": "old"}\n' + json.dumps({"type": "summarize", "prompt": "x"}) + "\n",
                  name="old.jsonl")
    rig.until_empty()
    rig.spool.put('{"run": "night"}\n' + "".join(lines), name="night.jsonl")
    rig.until_empty()
    expect("changed" not in submit(rig, "--type", "shout", "0"), "nothing changed")
    template(rig, "shout", {**SHOUT, "description": "Said again."})
    said = submit(rig, "--type", "shout", "0", "1", "later")
    expect("llmspool-submit: template shout changed since run night: 1 of 3 jobs is new\n" in said, said)
    template(rig, "shout", {**SHOUT, "prompt": "{text}?"})
    said = submit(rig, "--type", "shout", "0", "1")
    expect("llmspool-submit: template shout changed since run night: 2 of 2 jobs are new\n" in said, said)
    rig.until_empty()  # the submissions before are runs, too: day has to be the last
    rig.spool.put('{"run": "day"}\n' + lines[0], name="day.jsonl")
    rig.until_empty()
    expect("changed" not in submit(rig, "--type", "shout", "2"), "run day has the template as it is")
    expect("changed" not in submit(rig, "--type", "summarize", "y"), "another template")


@scenario
def shared(rig: Rig):
    """In a shared spool everybody uses the owner's templates, and nobody else can change them."""
    if os.geteuid() != 0:
        raise Skip("only root can be two users")
    # The scenario's folder may lie in one of root's own.
    with tempfile.TemporaryDirectory(prefix="rig-shared.") as folder:
        os.chmod(folder, 0o755)
        in_shared_spool(rig, os.path.join(folder, "shared"))


def in_shared_spool(rig, path):
    nobody = pwd.getpwnam("nobody")
    rig.mock()
    rig.spool = Spool(path, make=False)
    subprocess.run([os.path.join(BUILD, "llmspool-init"), "--group", grp.getgrgid(nobody.pw_gid).gr_name,
                    "--model", "m", rig.spool.path], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    template(rig, "shout", SHOUT, mode=0o640)
    template(rig, "secret", SHOUT, mode=0o600)

    def as_nobody(*words):
        return subprocess.run(words, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, encoding="utf-8")

    program = os.path.join(BUILD, "llmspool-submit")
    if as_nobody(program, "--version").returncode != 0:
        raise Skip("nobody may not run what was built here")
    done = as_nobody(program, "-s", rig.spool.path, "--type", "shout", "hello")
    equal(done.returncode, 0, f"exit code, with {done.stdout!r}")
    refused = as_nobody(program, "-s", rig.spool.path, "--type", "secret", "hello")
    equal(refused.returncode, 65, "exit code with a template that cannot be read")
    expect("templates/secret.json cannot be read" in refused.stdout, refused.stdout)
    spoil = as_nobody("sh", "-c", 'echo "{}" >"$1/templates/mine.json"', "sh", rig.spool.path)
    expect(spoil.returncode != 0, "nobody puts a template into place")
    rig.until_empty()
    equal(rig.spool.jobs("done"), {done.stdout.strip()}, "jobs in done/")
    os.unlink(rig.spool.at("templates", "secret.json"))
    rig.check()


CALLS = ("openat", "write", "fsync", "fdatasync", "renameat2", "renameat", "linkat", "unlinkat", "fchmod")


@scenario
def killed(rig: Rig):
    """Killed at each call while typed jobs come in: none lost, none doubled, all with one ID."""
    sweep_of_kills()
    rig.mock()
    template(rig, "shout", SHOUT)
    original = rig.spool
    jobs = [{"type": "shout", "prompt": f"job {i}"} for i in range(3)]
    ids = {print_id(rig, job) for job in jobs}
    points = 0
    for call in CALLS:
        for when in itertools.count(1, 1 if LONG else 2):
            rig.spool = Spool.copy(original, os.path.join(rig.folder, f"spool-{call}-{when}"))
            before = rig.mocks[-1].requests()
            rig.spool.put(json.dumps(jobs[0]))
            rig.spool.put('{"run": "r"}\n' + "".join(json.dumps(job) + "\n" for job in jobs), name="r.jsonl")
            daemon = rig.daemon("--until-empty", wait=False, environment=preload(f"{call}:KILL:{when}"))
            dead = daemon.wait() == -signal.SIGKILL
            rig.until_empty()
            equal(rig.spool.jobs("done"), ids, f"{call}:{when}: jobs in done/")
            doubts = len(rig.spool.events("doubt"))
            asked = rig.mocks[-1].requests() - before
            expect(asked <= len(ids) + doubts, f"{call}:{when}: {asked} requests with {doubts} doubts")
            rig.check()
            shutil.rmtree(rig.spool.path)
            points += dead
            if not dead:
                break
    print(f"killed at {points} calls")
    expect(points >= 20, f"only {points} calls")


@scenario
def edited_after_a_kill(rig: Rig):
    """Killed while a list is taken, its template edited: the run consists of jobs that are there."""
    sweep_of_kills()
    rig.mock()
    template(rig, "shout", SHOUT)
    original = rig.spool
    jobs = [{"type": "shout", "prompt": f"job {i}"} for i in range(3)]
    further = 0
    for call in ("fsync", "renameat2", "unlinkat"):
        for when in itertools.count(1):
            rig.spool = Spool.copy(original, os.path.join(rig.folder, f"spool-{call}-{when}"))
            rig.spool.put('{"run": "r"}\n' + "".join(json.dumps(job) + "\n" for job in jobs), name="r.jsonl")
            daemon = rig.daemon("--until-empty", wait=False, environment=preload(f"{call}:KILL:{when}"))
            dead = daemon.wait() == -signal.SIGKILL
            left = os.path.exists(rig.spool.at("new", "r.jsonl"))
            template(rig, "shout", {**SHOUT, "prompt": "{text}?"})
            ids = [print_id(rig, job) for job in jobs]
            rig.until_empty()
            lines = rig.spool.lines("runs", "r", "manifest.jsonl")
            last = {line["position"]: line["id"] for line in lines}
            expect(set(last.values()) <= rig.spool.jobs("done"), f"{call}:{when}: the run waits for ever")
            equal(sorted(last), [0, 1, 2], f"{call}:{when}: positions")
            if left:
                equal([last[i] for i in range(3)], ids, f"{call}:{when}: jobs of the list")
            further += len(lines) > len(jobs)
            rig.check()
            shutil.rmtree(rig.spool.path)
            if not dead:
                break
    expect(further > 0, "no kill fell between the manifest and the end of its list")


if __name__ == "__main__":
    run_scenario()
