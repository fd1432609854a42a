#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""schemas: the spool's JSON Schemas judge themselves, their examples, and files of a real spool.

schemas.py self                 every schema is a valid one of draft 2020-12 and explains each of its
                                properties; definitions of one name are one and the same
schemas.py examples             each example passes its schema, each invalid one fails it for one
                                reason; IDs and checksums in the examples are right
schemas.py check SCHEMA FILE…   each FILE (JSON, or JSON Lines when named so; - for lines on stdin)
                                passes SCHEMA

A key that a schema does not describe passes for other programs, which ignore what they do not know;
here it is a fault.
"""
import copy
import hashlib
import json
import pathlib
import sys

from jsonschema import Draft202012Validator

LAYOUT = pathlib.Path(__file__).resolve().parent.parent.parent / "spool-layout"
IDENTITY = ("type", "model", "prompt", "messages", "input", "system", "params", "user", "provider", "sample")


def schemas():
    """All schemas by name."""
    return {
        path.name.removesuffix(".schema.json"): json.loads(path.read_text())
        for path in sorted((LAYOUT / "schema").glob("*.schema.json"))
    }


def subschemas(value):
    """Every object of a schema that describes an object's properties."""
    if isinstance(value, dict):
        if isinstance(value.get("properties"), dict):
            yield value
        for key, inner in value.items():
            if key != "if":
                yield from subschemas(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from subschemas(inner)


def strict(schema):
    """A validator for schema that also refuses keys which it does not describe."""
    closed = copy.deepcopy(schema)
    for part in subschemas(closed):
        part.setdefault("additionalProperties", False)
    return Draft202012Validator(closed)


def faults_of(validator, value, where):
    return [f"{where}: {e.json_path}: {e.message[:200]}" for e in validator.iter_errors(value)]


def documents(path):
    """The documents of a file with a place to name each."""
    text = sys.stdin.read() if path == "-" else pathlib.Path(path).read_text()
    if path == "-" or str(path).endswith(".jsonl"):
        return [(f"{path}:{n}", json.loads(line)) for n, line in enumerate(text.splitlines(), 1)]
    return [(str(path), json.loads(text))]


def undescribed(schema, name):
    return [
        f"{name}: property {key} has no description"
        for part in subschemas(schema)
        for key, inner in part["properties"].items()
        if "description" not in inner
    ]


def self_faults():
    faults, definitions = [], {}
    for name, schema in schemas().items():
        Draft202012Validator.check_schema(schema)
        if schema.get("$schema") != Draft202012Validator.META_SCHEMA["$id"]:
            faults.append(f"{name}: is no schema of draft 2020-12")
        if schema.get("$id") != f"urn:llmspool:1:{name}":
            faults.append(f"{name}: its $id does not name it")
        faults += undescribed(schema, name)
        for key, definition in schema.get("$defs", {}).items():
            if definitions.setdefault(key, definition) != definition:
                faults.append(f"{name}: its definition of {key} differs from another schema's")
    return faults


def kind_of(path, value):
    """Which schema judges an example: the first word of its name; in a list, its first line."""
    kind = path.name.split(".")[0]
    if kind == "list":
        return "list-run" if "run" in value else "job"
    return kind


def identity_of(job, default_model):
    group = {key: job[key] for key in IDENTITY if key in job}
    group = {"type": "chat", "model": default_model, **group}
    text = json.dumps(group, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def checksum_of(output):
    if not isinstance(output, str):
        output = json.dumps(output, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(output.encode()).hexdigest()


def content_faults(path, value, identity):
    """What a schema cannot say: all examples tell of one job, whose ID they bear."""
    faults = []
    own = not path.name.startswith("batch")
    if own and isinstance(value, dict) and value.get("id", identity) != identity:
        faults.append(f"{path.name}: is not of the job of job.named.json")
    if path.name.startswith("output.") and value["sha256"] != checksum_of(value["output"]):
        faults.append(f"{path.name}: its sha256 is not that of its output")
    if isinstance(value, dict) and "sends" in value:
        if value["sends"] != sum(a.get("count", 1) for a in value["attempts"]):
            faults.append(f"{path.name}: its sends are not those of its attempts")
    return faults


def example_faults():
    faults, seen = [], {"good": set(), "bad": set()}
    validators = {name: strict(schema) for name, schema in schemas().items()}
    examples = LAYOUT / "examples"
    model = json.loads((examples / "spool.with-default.json").read_text())["default_model"]
    identity = identity_of(json.loads((examples / "job.named.json").read_text()), model)
    for path in sorted(examples.glob("*.json*")):
        for where, value in documents(path):
            kind = kind_of(path, value)
            seen["good"].add(kind)
            faults += faults_of(validators[kind], value, where) + content_faults(path, value, identity)
    for path in sorted((examples / "invalid").glob("*.json")):
        kind = path.name.split(".")[0]
        seen["bad"].add(kind)
        found = list(Draft202012Validator(schemas()[kind]).iter_errors(json.loads(path.read_text())))
        if len(found) != 1:
            faults.append(f"{path.name}: has {len(found)} faults, not the one in its name")
    for sort, names in seen.items():
        faults += [f"{name}: has no {sort} example" for name in validators.keys() - names]
    if identity not in (LAYOUT / "README").read_text():
        faults.append("README: does not show the ID of job.named.json")
    return faults


def check_faults(name, paths):
    validator = strict(schemas()[name])
    found = [document for path in paths for document in documents(path)]
    if not found:
        return ["there is nothing to check"]
    return [fault for where, value in found for fault in faults_of(validator, value, where)]


def main():
    match sys.argv[1:]:
        case ["self"]:
            faults = self_faults()
        case ["examples"]:
            faults = example_faults()
        case ["check", name, *paths] if paths:
            faults = check_faults(name, paths)
        case _:
            sys.exit(__doc__)
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


main()
