# SPDX-License-Identifier: GPL-2.0-or-later
"""contract: llmspool-httpd against its own openapi.json, by requests that are made from it.

Each request follows an operation of the document, or departs from it in one place. Each answer must be
one that the document describes: its status, its media type, its schema. None may be a 5xx, and none may
tell what is nobody's business. LLMSPOOL_SEED repeats a run.
"""
import collections
import http.client
import json
import os
import random
import string
import urllib.parse

import jsonschema

from rig import LONG, equal, expect, numbered, provider, run_scenario, scenario, until

REQUESTS = 10_000 if LONG else 3_000
CANARY = "sk-canary-7c1f05d2"
HOSTILE = ["", " ", "..", "../../etc/passwd", "%2e%2e%2f", "\u0000", "a\nb", "x" * 5000, "'\"<script>", "-1", "0",
           "99999999999999999999", "1e400", "NaN", "null", "[]", "{}", "\u202e", "🙂", "ffffff", "ALL", "*", "\\", ";ls"]
METHODS = ("get", "post", "put", "delete", "patch", "head")


class Document:
    """The description of the interface, with its references followed."""

    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver("", document)

    def at(self, value):
        """The value that a reference leads to."""
        while isinstance(value, dict) and "$ref" in value:
            value = self.resolver.resolve(value["$ref"])[1]
        return value

    def operations(self):
        """(path, method, operation, parameters) of all of them."""
        for path, item in sorted(self.document["paths"].items()):
            for method in METHODS:
                if method in item:
                    operation = item[method]
                    found = [self.at(p) for p in item.get("parameters", []) + operation.get("parameters", [])]
                    yield path, method, operation, found

    def fault(self, schema, value):
        """What is wrong with a value, or None."""
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        return None if error is None else f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"


class Maker:
    """Values for schemas, from one random source. known: what exists in the spool, by a parameter's name."""

    def __init__(self, document, source, known):
        self.document = document
        self.random = source
        self.known = known

    def text(self, schema):
        if schema.get("format") == "date-time":
            return f"2026-1{self.random.randrange(3)}-0{self.random.randrange(1, 10)}T00:00:00Z"
        length = self.random.randrange(schema.get("minLength", 1), min(schema.get("maxLength", 12), 40) + 1)
        return "".join(self.random.choice(string.ascii_lowercase) for _ in range(length))

    def value(self, schema, depth=0):
        """A value that fits a schema, as far as this goes: patterns are left to examples."""
        schema = self.document.at(schema)
        if schema is True or not schema:
            return self.random.choice([None, 1, "x", [], {}])
        for key in ("oneOf", "anyOf"):
            if key in schema:
                return self.value(self.random.choice(schema[key]), depth)
        if "allOf" in schema:
            return {k: v for part in schema["allOf"] for k, v in (self.value(part, depth) or {}).items()}
        for key in ("examples", "enum"):
            if schema.get(key):
                return self.random.choice(schema[key])
        if "const" in schema:
            return schema["const"]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = self.random.choice(kind) if isinstance(kind, list) else kind
        return self.of_kind(kind, schema, depth)

    def of_kind(self, kind, schema, depth):
        if kind == "object":
            return {name: self.value(inner, depth + 1) for name, inner in schema.get("properties", {}).items()
                    if name in schema.get("required", []) or (depth < 3 and self.random.random() < 0.3)}
        if kind == "array":
            return [self.value(schema.get("items", {}), depth + 1)
                    for _ in range(self.random.randrange(max(1, schema.get("minItems", 0)), 3))]
        low, high = schema.get("minimum", 0), schema.get("maximum", 100)
        return {"integer": lambda: self.random.randint(int(low), int(high)),
                "number": lambda: self.random.uniform(low, high),
                "boolean": lambda: self.random.random() < 0.5, "null": lambda: None,
                "string": lambda: self.text(schema)}[kind]()

    def spoilt(self, value):
        """A value that departs from another in one place."""
        if isinstance(value, dict) and value and self.random.random() < 0.8:
            name = self.random.choice(sorted(value))
            other = dict(value)
            if self.random.random() < 0.3:
                other.pop(name)
            elif self.random.random() < 0.3:
                other[self.random.choice(HOSTILE)] = 1
            else:
                other[name] = self.spoilt(value[name])
            return other
        return self.random.choice([None, True, -1, 2**60, 1e300, [], {}, [[[]]], *HOSTILE])

    def parameter(self, parameter, spoil):
        name = parameter["name"]
        if spoil:
            return self.random.choice(HOSTILE)
        if self.known.get(name) and self.random.random() < 0.7:
            return self.random.choice(self.known[name])
        value = self.value(parameter.get("schema", {}))
        return value if isinstance(value, str) else json.dumps(value)


def quote(text):
    return urllib.parse.quote(text.encode("utf-8", "surrogatepass"), safe="")


def make_request(maker, path, operation, parameters):
    """(target, headers, body) of one request."""
    spoil = maker.random.random() < 0.4
    places = [p for p in parameters if p["in"] != "query" or p.get("required") or maker.random.random() < 0.4]
    victim = maker.random.choice(places + [None]) if spoil else None
    query, headers, body = [], {}, None
    for parameter in places:
        text = maker.parameter(parameter, parameter is victim)
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quote(text))
        elif parameter["in"] == "query":
            query.append(f"{quote(parameter['name'])}={quote(text)}")
        else:
            headers[parameter["name"]] = "".join(c for c in text if " " <= c <= "~")[:200]
    content = maker.document.at(operation.get("requestBody", {})).get("content", {})
    if content:
        kind = maker.random.choice(sorted(content))
        headers["Content-Type"] = kind
        body = make_body(maker, kind, content[kind], spoil and victim is None)
    return path + ("?" + "&".join(query) if query else ""), headers, body


def make_body(maker, kind, content, spoil):
    """The bytes of a body; a list for the media types that are lists."""
    lines = maker.random.randrange(1, 4) if "json" in kind and kind not in ("application/json",) else 1
    values = [maker.value(content.get("schema", {})) for _ in range(lines)]
    if spoil:
        values[-1] = maker.spoilt(values[-1])
    text = "\n".join(v if isinstance(v, str) else json.dumps(v) for v in values)
    if spoil and maker.random.random() < 0.2:
        text = text[:maker.random.randrange(len(text) + 1)]
    return text.encode("utf-8", "surrogatepass")


def judge(document, operation, reply, data, what):
    """An answer must be one that the document describes."""
    expect(reply.status < 500, f"{reply.status} for {what}: {data[:300]!r}")
    responses = operation["responses"]
    found = responses.get(str(reply.status), responses.get("default") if reply.status >= 400 else None)
    expect(found is not None, f"{reply.status} is not described for {what}: {data[:300]!r}")
    content = document.at(found).get("content")
    kind = (reply.getheader("Content-Type") or "").split(";")[0]
    if not content:
        expect(not data, f"{reply.status} has no body by the document, for {what}: {data[:200]!r}")
    else:
        expect(kind in content, f"{reply.status} comes as {kind} for {what}")
        if kind.endswith("json"):
            fault = document.fault(content[kind].get("schema", {}), json.loads(data))
            expect(fault is None, f"{reply.status} for {what} does not fit its schema: {fault}: {data[:500]!r}")
    return f"{reply.status}"


def ask(server, method, target, headers, body, streams):
    """One request on a connection that is kept; of a stream the head and what comes at once."""
    connection = server.connection or server.connect(timeout=20)
    server.connection = connection
    connection.request(method, target, body, headers)
    reply = connection.getresponse()
    kind = (reply.getheader("Content-Type") or "").split(";")[0]
    if kind in streams:
        connection.close()
        server.connection = None
        return reply, b""
    data = reply.read()
    if reply.will_close:
        connection.close()
        server.connection = None
    return reply, data


def spool_with_everything(rig):
    """A spool with jobs of each state, and what of them may be asked for."""
    mock = rig.mock()
    rig.configuration("backoff = 1ms\nmax_attempts = 1\n" + provider(mock))
    rig.daemon(environment={"RIG_KEY": CANARY})
    done = [rig.spool.drop(job) for job in numbered(0, 20)]
    failed = [rig.spool.drop({"model": "m", "prompt": f"[[mock:400]] {i}"}) for i in range(3)]
    named = rig.spool.drop({"model": "m", "prompt": "with a name", "name": "report-7"})
    later = [rig.spool.drop(job) for job in numbered(100, 10, delay="10d")]
    until(lambda: all(os.path.exists(rig.spool.at("done", j + ".json")) for j in done + [named]), "answers", 60)
    until(lambda: all(os.path.exists(rig.spool.at("failed", j + ".json")) for j in failed), "failures", 60)
    jobs = done + failed + later
    return {"id": jobs + ["report-7", done[0][:10]], "version": ["1", "2"], "n": ["1"], "model": ["m"],
            "wait": ["1ms", "0s", "50ms"], "state": ["completed", "failed", "delayed"], "name": ["report-7"],
            "run": ["r"], "limit": ["1", "5", "1000"]}


@scenario
def fuzz(rig):
    """Thousands of requests from the document: no 5xx, nothing undescribed, nothing told."""
    seed = int(os.environ.get("LLMSPOOL_SEED", random.SystemRandom().randrange(2**32)))
    print(f"LLMSPOOL_SEED={seed}")
    known = spool_with_everything(rig)
    server = rig.httpd()
    lines = "".join(json.dumps(job) + "\n" for job in numbered(200, 3))
    equal(server.post("/v1/jobs?run=r", lines, headers={"Content-Type": "application/jsonl"}).status, 201, "a run")
    document = Document(server.get("/openapi.json").json)
    expect(document.document["openapi"].startswith("3.1"), "it is no OpenAPI 3.1")
    maker = Maker(document, random.Random(seed), known)
    operations = list(document.operations())
    seen = collections.Counter()
    secrets = [CANARY.encode(), rig.folder.encode(), b"rig.conf", b"Traceback", b"AddressSanitizer"]
    for _ in range(REQUESTS):
        path, method, operation, parameters = maker.random.choice(operations)
        target, headers, body = make_request(maker, path, operation, parameters)
        what = f"{method.upper()} {target[:300]} {headers} {(body or b'')[:400]!r}"
        try:
            reply, data = ask(server, method.upper(), target, headers, body, ("text/event-stream",))
        except (OSError, http.client.HTTPException) as error:
            expect(server.process.poll() is None, f"the server ended at {what}")
            raise AssertionError(f"{error!r} for {what}") from error
        seen[path, method, judge(document, operation, reply, data, what)] += 1
        for secret in secrets[:1] if path == "/v1/status" else secrets:  # administrators see where it is
            expect(secret not in data, f"{secret} is told by {what}: {data[:500]!r}")
    for (path, method, status), count in sorted(seen.items()):
        print(f"{count:6} {method.upper():6} {status} {path}")
    for path, method, operation, _ in operations:
        good = sum(n for (p, m, status), n in seen.items() if (p, m) == (path, method) and status[0] in "23")
        expect(good > 0, f"{method} {path} never did what it is for")
    server.stop()


run_scenario()
