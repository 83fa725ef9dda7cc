"""The double misbehaves as told, and knows afterwards who called, with what, and how it ended."""

import gzip
import json
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.request import Request, urlopen

import anthropic
import httpx2
import openai
import pytest

from .client import Double
from .sdk import QUESTION, SECRETS, Sdk

CUTS = (openai.APIConnectionError, anthropic.APIConnectionError, httpx2.TransportError)


def raw(double: Double, *, provider: str = "openai", stream: bool = False) -> tuple[Any, bytes]:
    """Headers and body as they came, without an SDK's help."""
    model = {"openai": "gpt-4o", "anthropic": "claude-sonnet-4-6"}[provider]
    body = {
        "model": model,
        "max_tokens": 9,
        "stream": stream,
        "messages": [{"role": "user", "content": "hi"}],
    }
    path = "/v1/chat/completions" if provider == "openai" else "/v1/messages"
    headers = {"authorization": f"Bearer {SECRETS[provider]}", "content-type": "application/json"}
    if provider == "anthropic":
        headers["anthropic-version"] = "2026-10-21"
    with urlopen(Request(double.url + path, json.dumps(body).encode(), headers), timeout=10) as response:  # noqa: S310
        return response.headers, response.read()


# Errors

ERRORS = [
    ("401", "AuthenticationError", 401),
    ("403", "PermissionDeniedError", 403),
    ("404_model", "NotFoundError", 404),
    ("400", "BadRequestError", 400),
    ("413", "APIStatusError", 413),
    ("429", "RateLimitError", 429),
    ("500", "InternalServerError", 500),
    ("502", "InternalServerError", 502),
    ("503", "InternalServerError", 503),
    ("529", "InternalServerError", 529),
]


@pytest.mark.parametrize(("mode", "name", "status"), ERRORS)
def test_error_has_the_providers_status_and_class(
    double: Double, sdk: Sdk, mode: str, name: str, status: int
) -> None:
    double.script(mode, times=3)
    for act in (sdk.ask, sdk.stream, sdk.models):
        with pytest.raises(getattr(sdk.errors, name)) as caught:
            act()
        assert caught.value.status_code == status


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("429", "2"), ("429_huge", "3600"), ("429_junk", "soon, éh?"), ("429_absent", None)],
)
def test_rate_limit_says_when_to_come_back(double: Double, sdk: Sdk, mode: str, expected: str | None) -> None:
    double.script(mode)
    with pytest.raises(sdk.errors.RateLimitError) as caught:
        sdk.ask()
    assert caught.value.response.headers.get("retry-after") == expected


def test_rate_limit_can_name_a_date(double: Double, sdk: Sdk) -> None:
    double.script("429_date", seconds=60)
    with pytest.raises(sdk.errors.RateLimitError) as caught:
        sdk.ask()
    ahead = parsedate_to_datetime(caught.value.response.headers["retry-after"]).timestamp() - time.time()
    assert 55 < ahead < 61


def test_bad_gateway_is_a_page(double: Double, sdk: Sdk) -> None:
    double.script("502")
    with pytest.raises(sdk.errors.InternalServerError) as caught:
        sdk.ask()
    assert caught.value.response.text.startswith("<html>")


def test_the_whole_secret_can_be_echoed(double: Double, sdk: Sdk) -> None:
    double.script("echo_secret_in_error")
    with pytest.raises(sdk.errors.AuthenticationError) as caught:
        sdk.ask()
    assert SECRETS[sdk.name] in caught.value.response.text


def test_a_followed_redirect_is_seen(double: Double) -> None:
    double.script("redirect")
    raw(double)
    (hit,) = double.redirect_hits()
    assert (hit["method"], hit["target"]) == ("GET", "/__double/redirect-target/hit")


def test_the_sdks_follow_redirects_unless_told_otherwise(double: Double, sdk: Sdk) -> None:
    """Why the product has to tell them: the prompt goes along to another host, and no error is raised."""
    double.script("redirect", status=307)
    assert sdk.stream().text == ""
    (hit,) = double.redirect_hits()
    assert (hit["method"], "authorization" in hit["headers"]) == ("POST", False)
    assert int(hit["headers"]["content-length"]) > 50


# Cuts and silence


@pytest.mark.parametrize("mode", ["reset_before_headers", "eof_before_headers"])
def test_connection_is_lost_before_an_answer(double: Double, sdk: Sdk, mode: str) -> None:
    double.script(mode, times=3)
    for act in (sdk.ask, sdk.stream, sdk.models):
        with pytest.raises(CUTS):
            act()
    assert [call["outcome"] for call in double.calls()] == ["cut", "cut", "cut"]


@pytest.mark.parametrize("mode", ["reset_mid_stream", "eof_mid_stream"])
def test_stream_is_cut_after_some_tokens(double: Double, sdk: Sdk, mode: str) -> None:
    double.script(mode, times=2, chunks=["one ", "two ", "three ", "four"], after=2)
    with pytest.raises(CUTS):
        sdk.stream()
    assert (sdk.heard.texts, sdk.heard.finish) == (["one ", "two "], None)
    with pytest.raises(CUTS):
        sdk.ask()


def test_stream_can_end_in_good_order_without_a_finish(double: Double, sdk: Sdk) -> None:
    double.script("missing_finish_marker", text="All but the end.")
    heard = sdk.stream()
    assert (heard.text, heard.finish, heard.tokens) == ("All but the end.", None, None)


def test_stream_can_fall_silent_and_go_on(double: Double, sdk: Sdk) -> None:
    double.script("idle_mid_stream", chunks=["a", "b", "c"], after=2, seconds=0.3)
    start = time.monotonic()
    arrivals = {text: time.monotonic() - start for text in sdk.hear()}
    assert arrivals["b"] < 0.3 < arrivals["c"]


@pytest.mark.parametrize("mode", ["slow_first_byte", "hang_mid_stream"])
def test_silence_beyond_the_clients_patience_is_an_abort(double: Double, sdk: Sdk, mode: str) -> None:
    double.script(mode, times=2)
    for act in (sdk.ask, sdk.stream):
        with pytest.raises((sdk.errors.APITimeoutError, httpx2.TimeoutException)):
            act(timeout=0.3)
    assert wait_for_outcomes(double, 2) == ["aborted", "aborted"]


def test_error_event_ends_a_stream_that_began_well(double: Double, sdk: Sdk) -> None:
    double.script("error_event_after_200", chunks=["one ", "two ", "three"], after=2)
    with pytest.raises(sdk.errors.APIError, match=r"overloaded|Overloaded"):
        sdk.stream()
    assert sdk.heard.texts == ["one ", "two "]


@pytest.mark.parametrize(
    ("mode", "error"), [("malformed_json", ValueError), ("bad_utf8", UnicodeDecodeError)]
)
def test_broken_bytes_reach_the_client(double: Double, sdk: Sdk, mode: str, error: type[Exception]) -> None:
    double.script(mode, times=2, chunks=["one ", "two ", "three"], after=2)
    with pytest.raises(error):
        sdk.stream()
    assert sdk.heard.texts == ["one ", "two "]
    with pytest.raises(error):
        sdk.ask()


# Valid, but not usual

VALID = ["comments_and_unknown_events", "cr_only", "split_code_point", "ok"]


@pytest.mark.parametrize("mode", VALID)
def test_valid_oddities_change_nothing(double: Double, sdk: Sdk, mode: str) -> None:
    double.script(mode, times=2, text="Grüße, 日本語 und 👩‍🚀!")
    assert [sdk.stream().text, sdk.ask().text] == ["Grüße, 日本語 und 👩‍🚀!"] * 2


def test_code_points_are_split_on_the_wire(double: Double) -> None:
    double.script("split_code_point", chunks=["ü"], pause_ms=50)
    start = time.monotonic()
    raw(double, stream=True)
    assert time.monotonic() - start > 0.04


def test_cr_only_stream_holds_no_line_feed(double: Double) -> None:
    double.script("cr_only")
    _, body = raw(double, stream=True)
    assert (body.count(b"\n"), body.count(b"\r\r") > 5) == (0, True)


def test_control_characters_arrive_as_they_are(double: Double, sdk: Sdk) -> None:
    double.script("control_characters", times=2, chunks=["a", "b"], after=1)
    odd = "anul \x00 esc \x1b[31m half \ud83d rtl \u202e! b"
    assert [sdk.stream().text, sdk.ask().text] == [odd, odd]


@pytest.mark.parametrize(("mode", "text"), [("empty", ""), ("whitespace_only", " \n\n\t\u00a0\u2003 \n")])
def test_reply_without_visible_text_finishes(double: Double, sdk: Sdk, mode: str, text: str) -> None:
    double.script(mode, times=2)
    for heard in (sdk.ask(), sdk.stream()):
        assert (heard.text, heard.finish in ("stop", "end_turn")) == (text, True)


FINISHES = {"finish_length": ("length", "max_tokens"), "refusal": ("stop", "refusal"),
            "content_filter": ("content_filter", "refusal")}  # fmt: skip


@pytest.mark.parametrize("mode", FINISHES)
def test_reply_finishes_for_another_reason(double: Double, sdk: Sdk, mode: str) -> None:
    double.script(mode, times=2, text="So far.")
    for heard in (sdk.ask(), sdk.stream()):
        assert (heard.text, heard.finish) == ("So far.", FINISHES[mode][sdk.name == "anthropic"])


def test_vectors_come_in_small_pieces_and_whole(double: Double, sdk: Sdk) -> None:
    double.script("xss", text="<script>alert(1)</script>", split=4)
    heard = sdk.stream()
    assert (heard.text, heard.texts[0]) == ("<script>alert(1)</script>", "<scr")


def test_trickle_comes_drop_by_drop(double: Double, sdk: Sdk) -> None:
    double.script("trickle", times=2, text="hi", bytes=100, seconds=0.02)
    for act in (sdk.ask, sdk.stream):
        start = time.monotonic()
        assert act().text == "hi"
        assert time.monotonic() - start > 0.06


# Large


def test_huge_line_is_one_event(double: Double, sdk: Sdk) -> None:
    double.script("huge_line", bytes=3_000_000)
    assert [len(text) for text in sdk.stream().texts] == [3_000_000]


def test_huge_output_is_not_held_back(double: Double, sdk: Sdk) -> None:
    double.script("huge_output", megabytes=2)
    assert len(sdk.stream().text) == 2 * 1024 * 1024


def test_never_ending_stream_ends_with_the_client(double: Double, sdk: Sdk) -> None:
    double.script("never_ending", tokens_per_s=0)
    stream = sdk.hear()
    assert [next(stream) for _ in range(5000)][-1] == "word4999 "
    stream.close()
    assert wait_for_outcomes(double, 1) == ["aborted"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_bomb_is_small_until_unpacked(double: Double, provider: str, stream: bool) -> None:
    double.script("gzip_bomb", megabytes=30)
    headers, body = raw(double, provider=provider, stream=stream)
    assert (headers["content-encoding"], len(body) < 60_000) == ("gzip", True)
    unpacked = gzip.decompress(body)
    assert unpacked.count(b"A") >= 30 * 1024 * 1024
    assert stream or json.loads(unpacked)


# The record


def wait_for_outcomes(double: Double, count: int) -> list[str]:
    """How the calls ended, once none is open any more (the double learns of an abort a moment later)."""
    for _ in range(100):
        calls = double.calls(bodies=False)
        if len(calls) == count and all(call["outcome"] != "open" for call in calls):
            break
        time.sleep(0.02)
    return [call["outcome"] for call in calls]


def test_call_is_recorded_as_received(double: Double, sdk: Sdk) -> None:
    sdk.using("sk-another-secret-0000").stream(model="fake-t3")
    (call,) = double.calls()
    assert {name: call[name] for name in ("provider", "secret", "model", "stream", "status", "outcome")} == {
        "provider": sdk.name, "secret": "sk-another-secret-0000", "model": "fake-t3", "stream": True,
        "status": 200, "outcome": "finished",
    }  # fmt: skip
    assert call["host"] == double.url.removeprefix("http://")
    assert call["path"] in ("/v1/chat/completions", "/v1/messages")
    assert call["messages"] == [{"role": "user", "content": QUESTION}]
    assert call["at"] <= call["ended_at"] <= time.time()
    assert call["headers"]["content-type"] == "application/json"


def test_refused_calls_are_recorded_with_their_mode_and_status(double: Double, sdk: Sdk) -> None:
    double.script("503")
    with pytest.raises(sdk.errors.InternalServerError):
        sdk.ask()
    with pytest.raises(sdk.errors.AuthenticationError):
        sdk.using("sk-bad-1").models()
    assert [(call["mode"], call["status"]) for call in double.calls()] == [("503", 503), ("", 401)]


def test_calls_are_listed_from_a_number_and_up_to_a_limit(double: Double, sdk: Sdk) -> None:
    for model in ("fake-t1", "fake-t2", "fake-t3"):
        sdk.ask(model=model)
    first = double.calls()[0]["number"]
    assert [call["model"] for call in double.calls(after=first)] == ["fake-t2", "fake-t3"]
    assert [call["model"] for call in double.calls(limit=1)] == ["fake-t3"]


def test_stats_count_what_is_open_and_how_the_rest_ended(double: Double, sdk: Sdk) -> None:
    sdk.ask()
    stream = sdk.hear(model="fake-t50-d50")
    next(stream)
    assert double.stats()["open_streams"] == 1
    stream.close()
    assert wait_for_outcomes(double, 2) == ["finished", "aborted"]
    stats = double.stats()
    assert {name: stats[name] for name in ("calls", "open_calls", "open_streams", "finished", "aborted", "cut")} == {
        "calls": 2, "open_calls": 0, "open_streams": 0, "finished": 1, "aborted": 1, "cut": 0,
    }  # fmt: skip
    assert (stats["streams"]["aborted"], stats["calls_per_secret"]) == (1, {SECRETS[sdk.name]: 2})
