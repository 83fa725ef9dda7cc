"""Modes that send what a script says, byte for byte: an answer written out, events, or bytes without any head."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator
from json import dumps
from typing import Any

from .answers import Act, Answer, Step, events, head, refuse
from .calls import Call
from .fault_modes import SETTLED
from .modes import Params, mode, pause
from .refusals import invalid
from .replies import reply_to, say

ACTS = {"reset": Act.RESET, "close": Act.CLOSE, "hang": Act.HANG}


@mode(
    "raw",
    speaks=False,
    status=200,
    headers=None,
    body=None,
    chunks=None,
    gap=0,
    wire=None,
    refuse_if_body_has=None,
)
def raw(call: Call, params: Params) -> Answer:
    """`body` (text, or an object sent as JSON), or `chunks`, `gap` seconds apart: text, {"b64": …}, {"sleep":
    seconds}, {"reset": 1}, {"close": 1}, {"hang": 1}. Headers are added to content-type: text/event-stream. `wire` is
    the same as chunks without a head or framing. `refuse_if_body_has` is {"field", "unless", "answer"}: another such
    answer, where the request has that field with another value."""
    other = params["refuse_if_body_has"]
    if other and has(call, other["field"], other.get("unless")):
        return written_out({"status": 200, "gap": 0, **other["answer"]}, pause(params))
    return written_out(params, pause(params))


def written_out(spec: Params, wait: float) -> Answer:
    if spec.get("wire") is not None:
        return Answer(0, b"", paced(spec["wire"], spec["gap"], Act.CLOSE), False, wait)
    given = {name.lower(): value for name, value in (spec.get("headers") or {}).items()}
    headers = {"content-type": "text/event-stream", **given}
    kind = headers.pop("content-type").encode()
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    status = int(spec["status"])
    if spec.get("chunks") is not None:
        first = head(status, kind, None, extra)
        return Answer(status, first, paced(spec["chunks"], spec["gap"], Act.END), True, wait)
    body = spec.get("body")
    sent = ("" if body is None else body) if isinstance(body, str | None) else dumps(body)
    whole = sent.encode("utf-8", "replace")
    return Answer(status, head(status, kind, len(whole), extra) + whole, None, False, wait)


def paced(pieces: Iterable[Any], gap: float, last: Act) -> Iterator[Step]:
    """The pieces with the times at which they fall due, and then how the connection is left."""
    due, apart = 0.0, 0.0
    for piece in pieces:
        act = next((act for name, act in ACTS.items() if isinstance(piece, dict) and name in piece), None)
        if act is not None:
            yield due + SETTLED, act
            return
        if isinstance(piece, dict) and "sleep" in piece:
            due += float(piece["sleep"])
            continue
        due += apart
        yield (
            due,
            b64decode(piece["b64"]) if isinstance(piece, dict) else str(piece).encode("utf-8", "replace"),
        )
        apart = float(gap)
    yield due, last


@mode("events", speaks=False, events=(), done=True)
def played(call: Call, params: Params) -> Answer:
    """These events, each in the provider's framing, {"wait_seconds": n} between them; then [DONE] (OpenAI)."""
    return events(call, event_steps(call, params["events"], bool(params["done"])), pause(params))


def event_steps(call: Call, given: Iterable[dict[str, Any]], done: bool) -> Iterator[Step]:
    due = 0.0
    for event in given:
        if "wait_seconds" in event:
            due += float(event["wait_seconds"])
        else:
            yield due, call.wire.event(event)
    yield due, call.wire.last_event() if done else b""
    yield due, Act.END


@mode("refuse_if", field="temperature", unless=None, message=None, error_code="unsupported_value")
def refuse_if(call: Call, params: Params) -> Answer:
    """400 for a request that has this field (`a.b` is b inside a) with another value than `unless`; else as usual."""
    field, unless = str(params["field"]), params["unless"]
    if not has(call, field, unless):
        return say(call, reply_to(call, params))
    said = params["message"] or (
        f"Unsupported value: '{field}' does not support {dumps(found(call, field))} with this model. Only the "
        f"default ({dumps(unless)}) value is supported."
    )
    return refuse(call, invalid(said, params["error_code"], field), wait=pause(params))


def has(call: Call, field: str, unless: Any) -> bool:
    value = found(call, field)
    return value is not None and value != unless


def found(call: Call, field: str) -> Any:
    """The value of a field of the request body, or None; `a.b` is the member b of the object a."""
    value: Any = call.body
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
