# SPDX-License-Identifier: GPL-2.0-or-later
"""answers: what outputs make of the answers of models: cut ones, JSON, several choices, calls of
tools, vectors, and what servers leave out."""
import base64
import math
import os
import struct

from rig import equal, expect, provider, run_scenario, scenario, until
from scripted import Scripted, chat, reply

FAST = "backoff = 1ms\nbackoff_limit = 5ms\n"
LONG = "One two three four five six seven eight nine ten eleven twelve thirteen and more."
PROTOCOLS = ("openai", "openai-responses", "anthropic")
SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": {
    "type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"],
    "additionalProperties": False}}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {
    "type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}}}


def start(rig, general="", models=""):
    """A daemon whose provider has the name of its protocol, and so have its models."""
    mock = rig.mock()
    rig.configuration(FAST + general + "\n" + models + "".join(
        provider(mock, protocol, protocol) + f'model "{protocol}" {{ provider = "{protocol}" }}\n'
        for protocol in PROTOCOLS))
    return rig.daemon()


def ended(rig, *jobs):
    """The outputs or error files of jobs, once all are there."""
    def find(job):
        for folder, end in (("done", ".v1.json"), ("failed", ".error.json")):
            if os.path.exists(rig.spool.at(folder, job + ".json")):
                return rig.spool.json(folder, job + end)
        return None

    def all_found():
        found = [find(job) for job in jobs]
        return found if all(found) else None
    return until(all_found, "the jobs' ends", 15)


def of_each(rig, prompt, **more):
    """A job for each protocol; pairs of protocol and record."""
    jobs = [rig.spool.drop({"model": p, "prompt": f"{prompt}", **more}) for p in PROTOCOLS]
    return list(zip(PROTOCOLS, ended(rig, *jobs)))


def outcomes(record):
    return [a["outcome"] for a in record["attempts"] for _ in range(a.get("count", 1))]


# --- cut -----------------------------------------------------------------------------------------

@scenario
def cut(rig):
    start(rig)
    for protocol, found in of_each(rig, LONG, params={"max_tokens": 16}):
        equal((found["status"], found["truncated"], found["finish_reason"]),
              ("completed", True, "length"), protocol)
        expect(found["output"] and LONG.startswith(found["output"]), f"output: {found['output']}")
        equal(outcomes(found), ["ok"], f"requests of {protocol}")
    for protocol, found in of_each(rig, "short", params={"max_tokens": 16}):
        equal((found.get("truncated", False), found["finish_reason"]), (False, "stop"), protocol)


@scenario
def asked_for_longer(rig):
    start(rig, "truncated_retries = 1")
    for more in ({}, {"stream": True}):
        for protocol, found in of_each(rig, LONG + str(more), params={"max_tokens": 16}, **more):
            equal((found["output"], found.get("truncated", False)), (LONG + str(more), False),
                  protocol)
            equal(outcomes(found), ["unusable", "ok"], f"requests of {protocol}")
            first = found["attempts"][0]
            equal(first["code"], "truncated", "the code of the first")
            expect(LONG[:20] in first["raw"], "the answer that was paid for is lost")
    for protocol, found in of_each(rig, LONG * 3, params={"max_tokens": 16}):
        equal((found["truncated"], outcomes(found)), (True, ["unusable", "ok"]), protocol)


@scenario
def bound_is_raised(rig):
    """To twice as much each time, in whatever words the job said it."""
    server = Scripted({name: [reply(chat("ha", "length"))] * 2 + [reply(chat("half"))]
                       for name in ("max_tokens", "max_completion_tokens", "none")})
    rig.configuration(FAST + "truncated_retries = 2\n" + provider(server))
    rig.daemon()
    jobs = [rig.spool.drop({"model": name, "prompt": "x", "params": {name: 10}})
            for name in ("max_tokens", "max_completion_tokens")]
    unbounded = rig.spool.drop({"model": "none", "prompt": "x"})
    for found in ended(rig, *jobs):
        equal((found["output"], outcomes(found)), ("half", ["unusable", "unusable", "ok"]),
              "the end")
    for name in ("max_tokens", "max_completion_tokens"):
        equal([body.get(name) for body in server.requests[name]], [10, 20, 40], f"bounds in {name}")
    equal(ended(rig, unbounded)[0]["truncated"], True, "what no bound of ours cut")
    equal(server.count("none"), 1, "requests without a bound")
    server.close()


def message(text, reason):
    """An answer of Messages."""
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": text}], "stop_reason": reason,
            "usage": {"input_tokens": 5, "output_tokens": 9}}


@scenario
def bound_of_the_protocol(rig):
    """Messages demand a bound: what stands in for that of a job is raised like it."""
    script = [reply(message("ha", "max_tokens")), reply(message("half", "end_turn"))]
    server = Scripted({"own": script, "configured": script})
    rig.configuration(FAST + "truncated_retries = 1\n" + provider(server, "anthropic") +
                      'model "configured" { max_output_tokens = 300 }\n')
    rig.daemon()
    own, configured = ended(rig, *[rig.spool.drop({"model": name, "prompt": "x"})
                                   for name in ("own", "configured")])
    equal((own["output"], outcomes(own)), ("half", ["unusable", "ok"]), "by the protocol's own")
    equal([body["max_tokens"] for body in server.requests["own"]], [4096, 8192], "bounds")
    equal((configured["output"], outcomes(configured)), ("ha", ["ok"]), "at the model's greatest")
    equal([body["max_tokens"] for body in server.requests["configured"]], [300], "bounds")
    server.close()


@scenario
def bound_of_the_model(rig):
    """A bound is raised up to what is known of the model, which would refuse more."""
    server = Scripted({"m": [reply(chat("ha", "length"))]})
    rig.configuration(FAST + "truncated_retries = 9\n" + provider(server) +
                      'model "m" { max_output_tokens = 30 }\n')
    rig.daemon()
    job = rig.spool.drop({"model": "m", "prompt": "x", "params": {"max_tokens": 10}})
    found = ended(rig, job)[0]
    equal((found["status"], found["truncated"]), ("completed", True), "the end")
    equal([body["max_tokens"] for body in server.requests["m"]], [10, 20, 30], "bounds")
    server.close()


@scenario
def filtered_is_not_cut(rig):
    """No bound helps against a filter of contents."""
    start(rig, "truncated_retries = 1")
    for protocol, found in of_each(rig, "[[mock:content-filter]]" + LONG,
                                   params={"max_tokens": 500}):
        equal((found["status"], outcomes(found)), ("completed", ["ok"]), protocol)


@scenario
def cut_json(rig):
    """JSON that was cut is asked for with a higher bound as well."""
    start(rig, "truncated_retries = 1\njson_retries = 0")
    for protocol, found in of_each(rig, LONG, params={"max_tokens": 16, "response_format": SCHEMA}):
        equal((found["status"], found["output"]), ("completed", {"answer": LONG}), protocol)
        equal(outcomes(found), ["unusable", "ok"], f"requests of {protocol}")
        expect(found["attempts"][0]["raw"], "the answer that was paid for is lost")


@scenario
def cut_json_fails(rig):
    start(rig, "json_retries = 0")
    for protocol, found in of_each(rig, LONG, params={"max_tokens": 16, "response_format": SCHEMA}):
        equal((found["status"], found["reason"]), ("failed", "invalid_json"), protocol)
        expect("max_tokens" in found["message"], f"no advice: {found['message']}")
        expect(found["raw"], "the answer that was paid for is lost")


# --- JSON ----------------------------------------------------------------------------------------

@scenario
def json_value(rig):
    start(rig)
    for protocol, found in of_each(rig, "hello", params={"response_format": SCHEMA}):
        equal(found["output"], {"answer": "hello"}, protocol)
    job = rig.spool.drop({"model": "openai", "prompt": "in JSON: hello",
                          "params": {"response_format": {"type": "json_object"}}})
    expect(isinstance(ended(rig, job)[0]["output"], dict), "json_object is not parsed")


def json_tries(rig, retries):
    """The ends of prose and of a wrong schema, each in all protocols."""
    start(rig, f"json_retries = {retries}\nmax_attempts = 2")
    for kind, code in (("not-json", "invalid_json"), ("wrong-schema", "schema_mismatch")):
        for protocol, found in of_each(rig, f"[[mock:{kind}]] x",
                                       params={"response_format": SCHEMA}):
            yield protocol, found, code


@scenario
def json_never_again(rig):
    for protocol, found, code in json_tries(rig, 0):
        equal((found["status"], found["reason"]), ("failed", code), protocol)
        equal(outcomes(found), ["unusable"], f"requests of {protocol}")
        expect(found["raw"], "the raw answer is lost")


@scenario
def json_once_again(rig):
    for protocol, found, code in json_tries(rig, 1):
        equal((found["status"], found["reason"]), ("failed", code), protocol)
        equal(outcomes(found), ["unusable"] * 2, f"requests of {protocol}")
        expect(all(attempt["raw"] for attempt in found["attempts"]), "a raw answer is lost")


@scenario
def json_in_prose(rig):
    """What models wrap JSON into is no JSON; numbers and texts are."""
    server = Scripted({"fence": [reply(chat("```json\n{\"answer\": \"x\"}\n```"))],
                       "number": [reply(chat(" 42\n"))], "two": [reply(chat("{} {}"))]})
    rig.configuration(FAST + "json_retries = 0\n" + provider(server))
    rig.daemon()
    jobs = [rig.spool.drop({"model": name, "prompt": "x",
                            "params": {"response_format": {"type": "json_object"}}})
            for name in ("number", "two")]
    number, two = ended(rig, *jobs)
    equal(number["output"], 42, "a number")
    equal((two["status"], two["reason"]), ("failed", "invalid_json"), "two documents")
    server.close()


# --- choices, calls, refusals --------------------------------------------------------------------

@scenario
def several(rig):
    start(rig)
    plain = rig.spool.drop({"model": "openai", "prompt": "thrice", "params": {"n": 3}})
    stream = rig.spool.drop({"model": "openai", "prompt": "streamed", "params": {"n": 2},
                             "stream": True})
    schema = rig.spool.drop({"model": "openai", "prompt": "parsed",
                             "params": {"n": 2, "response_format": SCHEMA}})
    legacy = rig.spool.drop({"model": "openai", "type": "completion", "prompt": "twice",
                             "params": {"n": 2}})
    found = ended(rig, plain, stream, schema, legacy)
    equal([record["output"] for record in found],
          [["thrice"] * 3, ["streamed"] * 2, [{"answer": "parsed"}] * 2, ["twice"] * 2], "outputs")
    equal(rig.mocks[-1].requests(), 4, "requests")
    other = rig.spool.drop({"model": "anthropic", "prompt": "thrice", "params": {"n": 3}})
    found = ended(rig, other)[0]
    equal(found["status"], "failed", "several choices of one that has none")
    equal(rig.mocks[-1].requests(), 4, "requests after that")


@scenario
def calls(rig):
    start(rig)
    for more in ({}, {"stream": True}):
        for protocol, found in of_each(rig, f"look {more}", params={
                "tools": [TOOL], "tool_choice": "required", "max_tokens": 100}, **more):
            equal((found["status"], found["output"], found["finish_reason"]),
                  ("completed", None, "tool_calls"), protocol)
            call = found["tool_calls"][0]
            equal((call["type"], call["function"]["name"]), ("function", "look"), protocol)
            expect(isinstance(call["function"]["arguments"], str), "arguments are no text")


@scenario
def refusal(rig):
    start(rig)
    for more in ({}, {"stream": True}):
        for protocol, found in of_each(rig, "[[mock:refusal]] x",
                                       params={"response_format": SCHEMA}, **more):
            equal((found["status"], found["output"]), ("completed", None), protocol)
            expect(found["refusal"], f"no refusal of {protocol}")
            equal(outcomes(found), ["ok"], f"requests of {protocol}")


# --- vectors -------------------------------------------------------------------------------------

def unit(vector):
    return abs(math.sqrt(sum(x * x for x in vector)) - 1) < 1e-3


@scenario
def vectors(rig):
    start(rig)
    texts = ["cats and dogs", "dogs and cats", "something else"]
    many = rig.spool.drop({"model": "openai", "type": "embed", "input": texts})
    one = rig.spool.drop({"model": "openai", "type": "embed", "input": texts[0]})
    small = rig.spool.drop({"model": "openai", "type": "embed", "input": texts[0],
                            "params": {"dimensions": 8}})
    floats = rig.spool.drop({"model": "openai", "type": "embed", "input": texts[0],
                             "params": {"encoding_format": "float", "dimensions": 16}})
    packed = rig.spool.drop({"model": "openai", "type": "embed", "input": texts[0],
                             "params": {"encoding_format": "base64", "dimensions": 16}})
    tokens = rig.spool.drop({"model": "openai", "type": "embed", "input": [[1, 2, 3], [4, 5]]})
    found = [record["output"] for record in ended(rig, many, one, small, floats, packed, tokens)]
    equal([len(found[0]), len(found[5])], [3, 2], "vectors")
    expect(all(unit(vector) for vector in found[0]), "no unit vectors")
    expect(found[0][:1] == found[1], "the same text alone and among others")
    equal([len(found[2][0]), len(found[3][0])], [8, 16], "dimensions")
    equal([struct.pack("f", x) for x in found[3][0]], [struct.pack("f", x) for x in found[4][0]],
          "floats and base64")
    found = ended(rig, many)[0]
    expect(found["usage"]["input_tokens"] > 0, "no tokens counted")


@scenario
def vectors_out_of_order(rig):
    """A server that orders vectors otherwise, and one that leaves one out."""
    def data(*indexes):
        return {"object": "list", "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3},
                "data": [{"object": "embedding", "index": i, "embedding": [float(i), 0.5]}
                         for i in indexes]}
    wide = base64.b64encode(struct.pack("<2f", 1.0, 0.5)).decode()
    server = Scripted({"turned": [reply(data(1, 0))], "short": [reply(data(0))],
                       "twice": [reply(data(0, 0))],
                       "packed": [reply({**data(), "data": [
                           {"index": 0, "embedding": wide}, {"index": 1, "embedding": wide}]})]})
    rig.configuration(FAST + "max_attempts = 1\n" + provider(server))
    rig.daemon()
    turned, short, twice, packed = ended(rig, *[
        rig.spool.drop({"model": name, "type": "embed", "input": ["a", "b"]})
        for name in ("turned", "short", "twice", "packed")])
    equal(turned["output"], [[0, 0.5], [1, 0.5]], "in the order of their indexes")
    equal((short["status"], short["reason"]), ("failed", "no_vectors"), "one too few")
    equal((twice["status"], twice["reason"]), ("failed", "no_vectors"), "one index twice")
    equal(packed["output"], [[1, 0.5], [1, 0.5]], "base64")
    server.close()


# --- what servers leave out or say otherwise -----------------------------------------------------

@scenario
def odd_servers(rig):
    server = Scripted({
        "alias": [reply(chat(model="alias-2026-01-01"))],
        "no-usage": [reply(chat(usage=None))],
        "null-usage": [reply(chat(usage={"prompt_tokens": None, "completion_tokens": "7"}))],
        "tired": [reply(chat(finish="tired"))],
        "thinking": [reply(chat(None, "length", message={"reasoning_content": "hmm"}))],
        "parts": [reply(chat([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]))],
        "null-error": [reply(chat(error=None))],
        "no-model": [reply(chat(model=None))],
        "cached": [reply(chat(usage={"prompt_tokens": 9, "completion_tokens": 4,
                                     "prompt_tokens_details": {"cached_tokens": 6},
                                     "completion_tokens_details": {"reasoning_tokens": 3}}))],
    })
    rig.configuration(FAST + provider(server))
    rig.daemon()
    names = list(server.script)
    jobs = [rig.spool.drop({"model": name, "prompt": "x"}) for name in names]
    found = dict(zip(names, ended(rig, *jobs)))
    for name, record in found.items():
        equal((record["status"], outcomes(record)), ("completed", ["ok"]), name)
        equal(record["mock"], False, "whether that was the mock")
    equal(found["alias"]["model"], {"asked": "alias", "answered": "alias-2026-01-01"}, "the models")
    none = {"input_tokens": None, "output_tokens": None, "cached_tokens": None,
            "reasoning_tokens": None}
    equal([found["no-usage"]["usage"], found["null-usage"]["usage"]], [none, none], "usage")
    equal(found["tired"]["finish_reason"], "tired", "an unknown reason")
    equal((found["thinking"]["output"], found["thinking"]["truncated"]), ("", True), "all thought")
    equal(found["parts"]["output"], "ab", "content in parts")
    equal(found["no-model"]["model"]["answered"], None, "a model that is not told")
    equal(found["cached"]["usage"], {"input_tokens": 9, "output_tokens": 4, "cached_tokens": 6,
                                     "reasoning_tokens": 3}, "all of usage")
    server.close()


@scenario
def not_kept(rig):
    start(rig, "store_response = no")
    for protocol, found in of_each(rig, "x"):
        expect("response" not in found, f"the response of {protocol} is kept")


run_scenario()
