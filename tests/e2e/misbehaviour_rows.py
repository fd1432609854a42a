# SPDX-License-Identifier: GPL-2.0-or-later
"""misbehaviour_rows: what servers do wrong, and what has to become of the job that meets it.

A row says what the server does (a marker of llmspool-mock, or answers for scripted.py), and what
is expected: the outcome of each request, the code of the last one that was not ok, the state of
the job, and a word of the reason for which its gate closed. The requests that the server counts
have to be those outcomes, no more and no fewer.
"""
import dataclasses
import json

from scripted import chat, reply

PLAIN = ("chat", "responses", "anthropic", "completion", "embed")
TEXT = ("chat", "responses", "anthropic", "completion")
TALK = ("chat", "responses", "anthropic")
STREAMS = ("chat, streamed", "responses, streamed", "anthropic, streamed")
OPENAI = ("chat", "responses", "completion", "embed")

CUT = {"attempts": "transient ok", "code": "stream_cut"}

SCHEMA = {"response_format": {"type": "json_schema", "json_schema": {
    "name": "count", "strict": True,
    "schema": {"type": "object", "properties": {"count": {"type": "integer"}},
               "required": ["count"], "additionalProperties": False}}}}
TOOLS = {"tools": [{"type": "function", "function": {
    "name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}}],
    "tool_choice": "required"}


@dataclasses.dataclass(frozen=True)
class Row:
    """One misbehaviour."""
    name: str
    does: str                # what the server does, or its marker
    attempts: str            # "transient transient ok"
    code: str = ""           # of the last attempt that is not ok; "" is not looked at
    state: str = "failed"
    gate: str = ""           # what the reason of its closing says; "": it stays open
    kinds: tuple = PLAIN
    script: tuple = ()       # replies, in place of the marker
    job: dict = dataclasses.field(default_factory=dict)
    raw: bool = False        # the error file keeps the answer
    before: bool = False     # another job of the same model was answered well just before
    otherwise: dict = dataclasses.field(default_factory=dict)  # kind: what differs

    def of(self, kind):
        """The row as it is for one kind of request."""
        plain = kind.split(",", maxsplit=1)[0]
        return dataclasses.replace(self, **{**self.otherwise.get(plain, {}),
                                            **self.otherwise.get(kind, {})})

    @property
    def model(self):
        """Each row has a model of its own, and so a gate."""
        return "m-" + self.name.replace(" ", "-")


def once(kind, more=""):
    """A marker for the first request alone."""
    return f"[[mock:{kind},times=1{more}]]"


def shape(name, document, attempts, code, **more):
    """A row of an answer that the mock cannot give; of Chat Completions."""
    return Row(name, more.pop("does"), attempts, code, kinds=("chat",),
               script=(reply(document, more.pop("status", 200), **more.pop("headers", {})),
                       reply(chat())), **more)


REFUSED = [
    Row("400", "[[mock:400]]", "job", "context_length_exceeded",
        otherwise={"anthropic": {"code": "invalid_request_error"}}),
    Row("401", once("401"), "upstream ok", "invalid_api_key", "completed", "key refused",
        otherwise={"anthropic": {"code": "authentication_error"}}),
    Row("402", once("402"), "upstream ok", "credit_balance_exhausted", "completed", "no quota",
        otherwise={"anthropic": {"code": "billing_error"}}),
    Row("403", once("403"), "upstream ok", "unsupported_country_region_territory", "completed",
        "country not served", otherwise={"anthropic": {"code": "permission_error",
                                                       "gate": "access refused"}}),
    Row("404", once("404"), "upstream ok", "model_not_found", "completed", "model not found",
        otherwise={"anthropic": {"code": "not_found_error"}}),
    Row("404 after success", "[[mock:404]]", "job", "model_not_found", before=True,
        otherwise={"anthropic": {"code": "not_found_error"}}),
    Row("413", "[[mock:413]]", "job", "request_too_large"),
    Row("422", "[[mock:422]]", "job", "invalid_request_error"),
    Row("prompt filter", "[[mock:prompt-filter]]", "job", "content_filter",
        otherwise={"anthropic": {"code": "invalid_request_error"}}),
    Row("should retry 400", once("400", ",should-retry=true"), "transient ok", "",
        "completed"),
    Row("should not retry 500", "[[mock:500,should-retry=false]]", "job"),
    Row("redirect", once("redirect"), "upstream ok", "http_307", "completed", "leads elsewhere"),
]

THROTTLED = [
    Row("429", once("429", ",retry-after=1"), "throttled ok", "rate_limit_exceeded", "completed",
        "429", otherwise={"anthropic": {"code": "rate_limit_error"}}),
    Row("429 date", once("429-date"), "throttled ok", "rate_limit_exceeded", "completed",
        "429", otherwise={"anthropic": {"code": "rate_limit_error"}}),
    Row("429 reset", once("429-reset"), "throttled ok", "rate_limit_exceeded", "completed",
        "429", otherwise={"anthropic": {"code": "rate_limit_error"}}),
    Row("429 bare", "[[mock:429-bare,times=2]]", "throttled throttled ok", "rate_limit_exceeded",
        "completed", otherwise={"anthropic": {"code": "rate_limit_error"}}),
    Row("503", once("503"), "throttled ok", "server_is_overloaded", "completed",
        otherwise={"anthropic": {"code": "api_error"}}),
    Row("529", once("529"), "throttled ok", "overloaded_error", "completed"),
    Row("overloaded", once("overloaded"), "throttled ok", "server_is_overloaded", "completed",
        otherwise={"anthropic": {"code": "overloaded_error"}}),
    Row("model loading", once("model-loading"), "throttled ok", "unavailable_error", "completed",
        "503"),
    Row("array error", once("array-error"), "throttled ok", "RESOURCE_EXHAUSTED", "completed",
        "429", kinds=OPENAI),
    Row("flat error", once("flat-error"), "throttled ok", "rate_limited", "completed",
        kinds=OPENAI),
    Row("quota", once("quota"), "upstream ok", "insufficient_quota", "completed", "no quota",
        otherwise={"anthropic": {"code": "invalid_request_error"}}),
    Row("spend limit", once("spend-limit"), "upstream ok", "insufficient_quota", "completed",
        "no quota", otherwise={"anthropic": {"code": "enforced_spend_limit_reached",
                                             "gate": "spend limit"}}),
    # Anthropic words this as any other 429: what is told apart is what never succeeds.
    Row("too large for limit", "[[mock:too-large-for-limit]]", "job", "rate_limit_exceeded",
        otherwise={"anthropic": {"does": once("too-large-for-limit"), "attempts": "throttled ok",
                                 "code": "rate_limit_error", "state": "completed"}}),
]

TROUBLE = [
    Row("408", once("408"), "transient ok", "", "completed"),
    Row("409", once("409"), "transient ok", "", "completed"),
    Row("500 twice", "[[mock:500,times=2]]", "transient transient ok", "", "completed"),
    Row("500 always", "[[mock:500]]", "transient transient transient", ""),
    Row("502", once("502"), "transient ok", "", "completed"),
    Row("502 page", once("html"), "transient ok", "http_502", "completed"),
    Row("hang", "[[mock:hang]]", "unknown unknown", "timeout_first_byte",
        job={"timeout": "400ms", "max_attempts": 2}),
    Row("slow start", "[[mock:slow-start,latency=300ms]]", "ok", "", "completed"),
    Row("reset", once("reset"), "unknown ok", "", "completed"),
    Row("close", once("close"), "unknown ok", "", "completed"),
    Row("half", once("half"), "unknown ok", "", "completed"),
    Row("length too large", once("length", ",by=9"), "unknown ok", "", "completed"),
    Row("length too small", once("length", ",by=-9"), "unusable ok", "not_json", "completed"),
    Row("drip", "[[mock:drip,every=1ms]]", "ok", "", "completed"),
    Row("drip too slow", "[[mock:drip,every=50ms]]", "unknown unknown", "timeout",
        job={"timeout": "300ms", "max_attempts": 2}),
    Row("endless", "[[mock:big]]", "unknown unknown", "answer_too_large",
        job={"max_attempts": 2}),
    Row("garbage", "[[mock:garbage]]", "unusable unusable unusable", "not_json", raw=True),
    Row("nothing in it", once("empty"), "unusable ok", "no_choices", "completed",
        otherwise={"responses": {"code": "no_content"}, "anthropic": {"code": "no_finish_reason"},
                   "embed": {"code": "no_vectors"}}),
    Row("error in 200", once("error200"), "transient ok", "server_error", "completed",
        otherwise={"anthropic": {"code": "api_error"}}),
]

ANSWERS = [
    Row("no usage", "[[mock:no-usage]]", "ok", "", "completed"),
    Row("no finish", once("no-finish"), "unusable ok", "no_finish_reason", "completed",
        kinds=TEXT, otherwise={
            "responses": {"attempts": "transient ok", "code": "finish_reason_error"},
            "chat, streamed": CUT, "responses, streamed": CUT}),
    Row("truncated", "[[mock:truncated]]", "ok", "", "completed", kinds=TEXT),
    Row("content filter", "[[mock:content-filter]]", "ok", "", "completed", kinds=TEXT),
    Row("refusal", "[[mock:refusal]]", "ok", "", "completed", kinds=TALK),
    Row("tool garbage", "[[mock:tool-garbage]]", "ok", "", "completed", kinds=TALK,
        job={"params": TOOLS}),
    Row("prose for JSON once", once("not-json"), "unusable ok", "invalid_json", "completed",
        kinds=TALK, job={"params": SCHEMA}),
    Row("prose for JSON", "[[mock:not-json]]", "unusable unusable", "invalid_json",
        kinds=TALK, job={"params": SCHEMA}, raw=True),
    Row("wrong schema once", once("wrong-schema"), "unusable ok", "schema_mismatch", "completed",
        kinds=TALK, job={"params": SCHEMA}),
    Row("wrong schema", "[[mock:wrong-schema]]", "unusable unusable", "schema_mismatch",
        kinds=TALK, job={"params": SCHEMA}, raw=True),
]

STREAMED = [
    Row("cut stream", once("cut-stream"), "transient ok", "stream_cut", "completed",
        kinds=STREAMS),
    Row("cut stream always", "[[mock:cut-stream]]", "transient transient transient", "stream_cut",
        kinds=STREAMS),
    Row("error event", once("error-event"), "transient ok", "server_error", "completed",
        kinds=STREAMS, otherwise={"anthropic": {"attempts": "throttled ok",
                                                "code": "overloaded_error"}}),
    Row("empty stream", once("empty-stream"), "transient ok", "stream_cut", "completed",
        kinds=STREAMS, otherwise={"anthropic": {"attempts": "unusable ok", "code": "bad_event"}}),
    Row("stalled stream", once("ok", ",every=3s"), "unknown ok", "timeout", "completed",
        kinds=STREAMS),
    Row("slow stream", "[[mock:ok,every=20ms]]", "ok", "", "completed", kinds=STREAMS),
] + [dataclasses.replace(row, kinds=STREAMS) for row in REFUSED + THROTTLED + TROUBLE + ANSWERS
     if row.kinds != OPENAI and not row.name.startswith("length")]  # a stream has none

SHAPES = [
    shape("error object in 200", {"error": {"message": "it broke", "code": 500}},
          "transient ok", "http_500", state="completed", does="200 {error: {code: 500}}"),
    shape("quota in 200", {"error": {"message": "no money", "code": "insufficient_quota"}},
          "upstream ok", "insufficient_quota", state="completed", gate="no quota",
          does="200 {error: insufficient_quota}"),
    shape("text error in 200", {"error": "the worker died"}, "transient ok", "", state="completed",
          does="200 {error: TEXT}"),
    shape("error array in 200", [{"error": {"code": 503, "message": "busy"}}],
          "throttled ok", "http_503", state="completed", does="200 [{error: {code: 503}}]"),
    shape("flat error in 200", {"object": "error", "message": "too long", "type": "BadRequestError",
                                "code": 400}, "job", "BadRequestError",
          does="200 {object: error, code: 400}"),
    shape("detail", {"detail": [{"loc": ["body"], "msg": "field required"}]}, "job", "http_422",
          status=422, does="422 {detail: [{msg}]}"),
    shape("no choices", chat(choices=[]), "unusable ok", "no_choices", state="completed",
          does="choices: []"),
    shape("no message", chat(choices=[{"index": 0, "finish_reason": "stop"}]), "unusable ok",
          "no_message", state="completed", does="a choice without message"),
    shape("no content", chat(content=None), "unusable ok", "no_content", state="completed",
          does="content: null"),
    shape("finish error", chat(finish="error"), "transient ok", "finish_reason_error",
          state="completed", does="finish_reason: error"),
    shape("odd finish", chat(finish="tired"), "ok", "", state="completed",
          does="finish_reason: tired"),
    shape("created", chat(), "unusable ok", "", status=201, state="completed",
          does="201 in place of 200"),
    shape("empty body", "", "unusable ok", "not_json", state="completed", does="200, no body"),
    shape("two documents", "{}{}", "unusable ok", "not_json", state="completed", does="200 {}{}"),
    shape("null", "null", "unusable ok", "no_choices", state="completed", does="200 null"),
    shape("405", {"detail": "Method Not Allowed"}, "upstream ok", "http_405", status=405,
          state="completed", gate="takes no requests", does="405"),
    shape("410", {"error": {"message": "gone"}}, "upstream ok", "http_410", status=410,
          state="completed", gate="withdrawn", does="410"),
    shape("425", "", "transient ok", "http_425", status=425, state="completed", does="425"),
    shape("cloudflare", "<html>", "upstream ok", "http_403", status=403, state="completed",
          gate="Cloudflare", headers={"cf_mitigated": "challenge"}, does="403 cf-mitigated"),
    shape("524", "<html>", "transient ok", "http_524", status=524, state="completed", does="524"),
    shape("moderation", {"error": {"message": "flagged", "code": 403,
                                   "metadata": {"reasons": ["violence"], "flagged_input": "x"}}},
          "job", "moderation", status=403, does="403 metadata.flagged_input"),
    shape("binary error", b'{"error": {"message": "a\x00b\xff\x1b[31m", "code": "x\x07y"}}', "job",
          "http_400", status=400, does="400, bytes that are not UTF-8"),
    shape("long error", {"error": {"message": "long " * 10000, "code": "c" * 5000}}, "job",
          "c" * 63, status=400, does="400, a message of 50 kB"),
    shape("deep", "[" * 30000, "unusable ok", "not_json", state="completed", does="200 [[[[…"),
    # Neither can stand in an output, which has to be JSON for everybody: asked for again.
    shape("half a surrogate", json.dumps(chat("a\ud83db")), "unusable ok", "not_json",
          state="completed",
          does="a text with \\ud83d alone"),
    shape("zero in text", chat("a\0b"), "unusable ok", "not_json", state="completed",
          does="a text with \\u0000"),
    shape("byte order mark", b"\xef\xbb\xbf" + json.dumps(chat()).encode(), "unusable ok",
          "not_json", state="completed", does="200, U+FEFF before the JSON"),
    shape("blank lines", "\r\n\r\n " + json.dumps(chat()) + "\n\n", "ok", "", state="completed",
          does="200, blank lines around the JSON"),
    shape("wrong type", chat(), "ok", "", state="completed", headers={"content_type": "text/html"},
          does="200, content-type: text/html"),
    shape("silly usage", chat(usage={"prompt_tokens": 1e300, "completion_tokens": -4}), "ok", "",
          state="completed", does="usage: 1e300 and -4 tokens"),
    shape("silly choices", chat(choices={"0": "x"}), "unusable ok", "no_choices", state="completed",
          does="choices: {}"),
    shape("numbers for texts", chat(12, 7), "unusable ok", "", state="completed",
          does="content: 12, finish_reason: 7"),
    *[Row(f"retry-after {value}", f"429 retry-after: {value}", "throttled ok", "http_429",
          "completed", kinds=("chat",), script=(reply({}, 429, retry_after=value), reply(chat())))
      for value in ("soon", "-5", "0", "1e1", "nan")],
    Row("unknown error", "418 again and again", "transient transient job", "teapot",
        kinds=("chat",),
        script=(reply({"error": {"message": "no coffee", "code": "teapot"}}, 418),),
        job={"max_attempts": 9}),
    Row("retry-after-ms", "429 retry-after-ms: 300", "throttled ok", "http_429", "completed", "429",
        kinds=("chat",), script=(reply({"error": {"message": "slower"}}, 429, retry_after_ms="300"),
                                 reply(chat()))),
]

ROWS = REFUSED + THROTTLED + TROUBLE + ANSWERS + STREAMED + SHAPES
