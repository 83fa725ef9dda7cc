"""Answers written out in a script: the bytes, their pace and how the connection is left are the script's own."""

import json
import socket
import time
from base64 import b64encode
from http.client import HTTPException
from typing import Any

import pytest

from .asking import HELLO, ask, headers_for, models
from .client import Double

CHUNK = 'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
DONE = "data: [DONE]\n\n"


def wire(double: Double) -> bytes:
    """All the bytes of an answer, until the other side closes or is silent for a while."""
    body = json.dumps({"model": "gpt-4o", "messages": HELLO, "stream": True}).encode()
    named = "".join(f"{name}: {value}\r\n" for name, value in headers_for("openai").items())
    asked = (
        f"POST /v1/chat/completions HTTP/1.1\r\n{named}content-length: {len(body)}\r\n\r\n".encode() + body
    )
    got = b""
    with socket.create_connection(
        ("127.0.0.1", int(double.url.rpartition(":")[2])), timeout=0.5
    ) as connection:
        connection.sendall(asked)
        try:
            while piece := connection.recv(65536):
                got += piece
        except TimeoutError:
            pass
    return got


def test_a_body_is_sent_as_it_is(double: Double) -> None:
    double.script(
        "raw", status=403, headers={"Content-Type": "text/html", "x-odd": "1"}, body="<html>Just a moment"
    )
    said = ask(double, "openai", "gpt-4o")
    assert (said.status, said.headers["content-type"], said.headers["x-odd"]) == (403, "text/html", "1")
    assert (said.body, "x-request-id" in said.headers) == (b"<html>Just a moment", False)


def test_an_object_is_sent_as_json(double: Double) -> None:
    error = {"error": {"message": "slow down", "type": "rate_limit_error", "code": 429}}
    double.script("raw", status=429, headers={"content-type": "application/json"}, body=error)
    assert ask(double, "openai", "gpt-4o").json == error


def test_a_model_list_can_be_written_out_too(double: Double) -> None:
    double.script("raw", match={"path": "/v1/models"}, status=403, headers={"content-type": "application/json"},
                  body={"error": {"message": "no", "type": "t", "code": None}})  # fmt: skip
    assert models(double, "openai").error == {"message": "no", "type": "t", "code": None}


def test_chunks_are_sent_apart_as_text_or_bytes(double: Double) -> None:
    odd = {"b64": b64encode(b"\xef\xbb\xbf\xff" + DONE.encode()).decode()}
    double.script("raw", chunks=[CHUNK % "a", CHUNK % "b", odd], gap=0.1)
    start = time.monotonic()
    said = ask(double, "openai", "gpt-4o", stream=True)
    assert time.monotonic() - start > 0.19
    assert said.headers["content-type"] == "text/event-stream"
    assert said.body == (CHUNK % "a" + CHUNK % "b").encode() + b"\xef\xbb\xbf\xff" + DONE.encode()


def test_a_script_can_sleep_between_chunks(double: Double) -> None:
    double.script("raw", chunks=[CHUNK % "a", {"sleep": 0.2}, DONE])
    start = time.monotonic()
    assert ask(double, "openai", "gpt-4o", stream=True).body.endswith(DONE.encode())
    assert time.monotonic() - start > 0.19


@pytest.mark.parametrize("act", ["reset", "close"])
def test_chunks_can_end_in_a_broken_connection(double: Double, act: str) -> None:
    double.script("raw", chunks=[CHUNK % "a", {act: 1}, "never"])
    with pytest.raises((OSError, HTTPException)):
        ask(double, "openai", "gpt-4o", stream=True)
    assert double.calls()[0]["outcome"] == "cut"


def test_chunks_can_end_in_silence(double: Double) -> None:
    double.script("raw", chunks=[CHUNK % "a", {"hang": 1}])
    assert (CHUNK % "a").encode() in wire(double)
    assert double.calls()[0]["status"] == 200


@pytest.mark.parametrize(
    "sent",
    [
        ["HTTP/1.1 200"],
        ["ICY 200 OK\r\n\r\n"],
        ["HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\nhello"],
        ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "zz\r\nnot a size\r\n"],
        [{"b64": "AAECAw=="}, "\r\n\r\n"],
    ],
)
def test_bytes_can_come_without_any_head_of_ours(double: Double, sent: list[Any]) -> None:
    double.script("raw", wire=sent)
    expected = b"".join(b"\x00\x01\x02\x03" if isinstance(piece, dict) else piece.encode() for piece in sent)
    assert wire(double) == expected


def test_one_answer_can_depend_on_what_was_asked(double: Double) -> None:
    refusal = {
        "status": 400,
        "headers": {"content-type": "application/json"},
        "body": {"error": {"message": "no"}},
    }
    condition = {"field": "temperature", "unless": 1, "answer": refusal}
    double.script("raw", times=None, chunks=[CHUNK % "Hi", DONE], refuse_if_body_has=condition)
    statuses = [ask(double, "openai", "gpt-4o", temperature=heat).status for heat in (0.2, 1, None)]
    assert statuses == [400, 200, 200]


def test_a_usual_answer_can_depend_on_what_was_asked(double: Double) -> None:
    double.script("refuse_if", times=None, unless=1)
    said = ask(double, "openai", "gpt-4o", temperature=0.2)
    assert (said.status, said.error["code"], said.error["param"]) == (400, "unsupported_value", "temperature")
    assert said.error["message"].startswith(
        "Unsupported value: 'temperature' does not support 0.2 with this model."
    )
    assert [ask(double, "openai", "gpt-4o", temperature=heat).status for heat in (1, None)] == [200, 200]


def test_the_field_can_lie_inside_another(double: Double) -> None:
    double.script("refuse_if", times=None, field="output_config.effort", message="no effort here")
    model = "claude-sonnet-5-5"
    said = ask(double, "anthropic", model, output_config={"effort": "low"})
    assert (said.status, said.error["message"]) == (400, "no effort here")
    assert ask(double, "anthropic", model).status == 200


def test_events_are_framed_as_the_provider_does(double: Double) -> None:
    events = [{"type": "message_start", "n": 1}, {"wait_seconds": 0.2}, {"type": "a_new_event"}]
    double.script("events", times=2, events=events)
    start = time.monotonic()
    said = ask(double, "anthropic", "claude-sonnet-4-6", stream=True)
    assert time.monotonic() - start > 0.19
    assert said.body == (
        b'event: message_start\ndata: {"type": "message_start", "n": 1}\n\n'
        b'event: a_new_event\ndata: {"type": "a_new_event"}\n\n'
    )
    said = ask(double, "openai", "gpt-4o", stream=True)
    assert said.body.endswith(b'data: {"type": "a_new_event"}\n\ndata: [DONE]\n\n')
