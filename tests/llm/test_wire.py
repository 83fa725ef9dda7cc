"""Server-sent events in whatever pieces they come, Retry-After in whatever form, and what is no event of ours."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm.gateway import TWINS
from llm.providers import events, refusals, wire
from llm.providers.base import Fault, Finish, Limits, ProviderError, ResponseMetadata

LIMITS = Limits(connect_seconds=1, first_byte_seconds=1, idle_seconds=1, wire_bytes=1_000_000)


# --- The reader ----------------------------------------------------------------------------------


def by_the_book(stream: bytes) -> list[bytes]:
    """The data of each event, read in one go as the standard says; what follows the last blank line counts too."""
    events, data = [], []
    for line in [*re.split(rb"\r\n|\r|\n", stream), b""]:
        if line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            data.append(b"")
        elif not line and data:
            events.append(b"\n".join(data))
            data = []
    return events


def in_pieces(stream: bytes, sizes: list[int]) -> list[bytes]:
    reader, found, at = events.EventReader(), [], 0
    for size in sizes:
        found += reader.feed(stream[at : at + size])
        at += size
    return [*found, *reader.feed(stream[at:]), *reader.close()]


LINES = "data: one|data:two|data:  three|data:|data: 🚀|||||: comment|event: ping|id: 7|retry: 10|data|dataset: no"
lines = st.sampled_from([*(line.encode() for line in LINES.split("|")), b"\xff\xfe"])
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
streams = st.lists(st.tuples(lines, ends), max_size=25).map(
    lambda parts: b"".join(line + end for line, end in parts)
)
sizes = st.lists(st.integers(0, 9), max_size=60)


@given(streams, sizes)
def test_events_are_the_same_however_the_bytes_are_split(stream: bytes, sizes: list[int]) -> None:
    assert in_pieces(stream, sizes) == by_the_book(stream)


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"data: x", b"data:", b":", b"d"]), max_size=40).map(b"".join),
    sizes,
)
def test_events_are_the_same_among_stray_line_ends(stream: bytes, sizes: list[int]) -> None:
    assert in_pieces(stream, sizes) == by_the_book(stream)


def test_every_event_is_given_as_soon_as_its_blank_line_is_there() -> None:
    reader = events.EventReader()

    given = [reader.feed(bytes([byte])) for byte in b"data: a\n\ndata: b\n\n"]

    assert [events for events in given if events] == [[b"a"], [b"b"]]
    assert given[8] == [b"a"]


# --- The twins' reading --------------------------------------------------------------------------


async def chunked(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def read(
    provider: str, *chunks: bytes, limits: Limits = LIMITS
) -> tuple[list[str], ResponseMetadata, Fault | None]:
    """The pieces, the metadata and the fault of a body that comes in these chunks."""

    async def run() -> tuple[list[str], ResponseMetadata, Fault | None]:
        metadata, pieces = ResponseMetadata(), []
        response = httpx2.Response(200, content=chunked(list(chunks)))
        try:
            async for piece in events.read_events(response, limits, metadata, TWINS[provider].text_of):
                pieces.append(piece)
        except ProviderError as error:
            return pieces, metadata, error.fault
        return pieces, metadata, None

    return asyncio.run(run())


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def said(provider: str, text: object) -> bytes:
    if provider == "openai":
        return event({"choices": [{"index": 0, "delta": {"content": text}}]})
    return event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})


END = {
    "openai": event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + b"data: [DONE]\n\n",
    "anthropic": event(
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
    )
    + event({"type": "message_stop"}),
}
both = pytest.mark.parametrize("provider", list(END))


@both
def test_a_whole_stream_ends_without_a_fault(provider: str) -> None:
    pieces, metadata, fault = read(
        provider, said(provider, "Hello "), said(provider, "there") + END[provider]
    )

    assert (pieces, metadata.finish, fault) == (["Hello ", "there"], Finish.STOP, None)


@both
@given(
    st.lists(
        st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()), min_size=1, max_size=8
    ),
    sizes,
)
def test_text_survives_any_split_of_the_wire(provider: str, texts: list[str], sizes: list[int]) -> None:
    stream = b"".join(said(provider, text) for text in texts) + END[provider]
    chunks, at = [], 0
    for size in sizes:
        chunks.append(stream[at : at + size])
        at += size

    pieces, _, fault = read(provider, *[chunk for chunk in chunks if chunk], stream[at:])

    assert ("".join(pieces), fault) == ("".join(texts), None)


@both
@pytest.mark.parametrize(
    "junk",
    [
        b"data: not json\n\n",
        b"data: 7\n\n",
        b'data: "text"\n\n',
        b"data: []\n\n",
        b"data: null\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: " + b'{"a":' * 100_000 + b"\n\n",
        b"data: " + b"9" * 10_000 + b"\n\n",
        b"data: \xff\xfe\xff\n\n",
        b'data: {"choices": [null]}\n\ndata: {"type": "content_block_delta", "delta": "x"}\n\n',
        b'data: {"choices": {"a": 1}}\n\ndata: {"type": "message_start", "message": "x"}\n\n',
        b'data: {"choices": [{"delta": {"content": 7}}]}\n\n'
        b'data: {"type": "content_block_delta", "delta": {"text": 7}}\n\n',
        b'data: {"choices": [{"finish_reason": ["x"]}]}\n\n'
        b'data: {"type": "message_delta", "delta": {"stop_reason": ["x"]}}\n\n',
    ],
    ids=range(13),
)
def test_text_before_something_unreadable_is_kept(provider: str, junk: bytes) -> None:
    pieces, _, fault = read(
        provider, said(provider, "So far ") + said(provider, "so good") + junk + END[provider]
    )

    assert (pieces, fault) == (["So far so good"], Fault.MALFORMED)


@both
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "delta",
                        "content",
                        "usage",
                        "type",
                        "error",
                        "message",
                        "text",
                        "prompt_tokens",
                        "output_tokens",
                        "finish_reason",
                        "stop_reason",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_no_json_whatever_raises_anything_but_our_own_error(provider: str, value: object) -> None:
    _, metadata, _ = read(provider, event(value) + END[provider])

    for tokens in (metadata.input_tokens, metadata.output_tokens):
        assert tokens is None or 0 <= tokens < 2**31


@both
@pytest.mark.parametrize("tokens", [-1, 2**31, 10**30, 1.5, "7", True, None, [], {}])
def test_token_counts_that_cannot_be_stored_are_unknown(provider: str, tokens: object) -> None:
    usage = (
        event({"choices": [], "usage": {"prompt_tokens": tokens, "completion_tokens": tokens}})
        if provider == "openai"
        else event({"type": "message_start", "message": {"usage": {"input_tokens": tokens}}})
        + event({"type": "message_delta", "delta": {}, "usage": {"output_tokens": tokens}})
    )

    _, metadata, fault = read(
        provider, said(provider, "Hi"), END[provider].replace(b'"output_tokens": 3', b'"x": 3'), usage
    )
    _, before, _ = read(provider, usage, said(provider, "Hi"))

    assert fault is None
    for found in (metadata, before):
        assert (found.input_tokens, found.output_tokens) == (None, None)


@both
def test_stream_that_ends_without_a_finish_marker_is_broken(provider: str) -> None:
    assert read(provider, said(provider, "Half"))[2] is Fault.BROKEN_STREAM
    assert read(provider)[2] is Fault.BROKEN_STREAM
    assert read(provider, said(provider, "Half"), b'data: {"choi')[2] is Fault.MALFORMED


@both
def test_finish_marker_alone_is_the_end(provider: str) -> None:
    marker = END[provider].split(b"\n\n")[0] + b"\n\n"

    assert read(provider, said(provider, "Hi"), marker)[2] is None


@both
def test_wire_is_cut_at_its_cap(provider: str) -> None:
    limits = Limits(connect_seconds=1, first_byte_seconds=1, idle_seconds=1, wire_bytes=1000)

    pieces, metadata, fault = read(provider, *[said(provider, "x" * 50)] * 100, limits=limits)

    assert (metadata.finish, fault) == (Finish.CUT, None)
    assert len(pieces) < 12


@both
def test_comments_alone_are_no_text_and_count_on_the_wire(provider: str) -> None:
    limits = Limits(connect_seconds=1, first_byte_seconds=1, idle_seconds=1, wire_bytes=1000)

    assert read(provider, *[b": ping\n\n"] * 500, limits=limits)[:2] == (
        [],
        ResponseMetadata(finish=Finish.CUT),
    )


@both
@pytest.mark.parametrize("line", [b"data: " + b"x" * 50_000, b"data: " + b"x" * 50_000 + b"\n"])
def test_event_without_an_end_is_given_up(provider: str, line: bytes) -> None:
    limits = Limits(connect_seconds=1, first_byte_seconds=1, idle_seconds=1, wire_bytes=8 * 1024 * 1024)

    assert read(provider, said(provider, "So far"), *[line] * 100, limits=limits)[2] is Fault.MALFORMED


# --- Retry-After ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2.0), ("0", 0.0), (" 7 ", 7.0), ("3600", 3600.0), ("9" * 40, refusals.LONGEST_WAIT),
        ("", None), ("soon", None), ("-1", None), ("1.5", 1.5), ("1e3", None), ("²", None), ("NaN", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None), ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_nothing(value: str, seconds: float | None) -> None:
    headers = httpx2.Headers([(b"retry-after", value.encode("latin-1"))])

    assert wire.retry_after(headers) == seconds


def test_retry_after_as_a_date_counts_from_now() -> None:
    ahead = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)

    seconds = wire.retry_after(httpx2.Headers({"retry-after": ahead}))

    assert seconds is not None
    assert 95 < seconds <= 100


@given(st.binary(max_size=30))
def test_retry_after_never_fails(value: bytes) -> None:
    seconds = wire.retry_after(httpx2.Headers([(b"retry-after", value)]))

    assert seconds is None or seconds >= 0


# --- Usage -----------------------------------------------------------------------------------------


def test_output_is_unknown_until_the_provider_has_counted_it() -> None:
    start = event({"type": "message_start", "message": {"usage": {"input_tokens": 21, "output_tokens": 1}}})

    _, metadata, _ = read("anthropic", start, said("anthropic", "Half"))

    assert (metadata.input_tokens, metadata.output_tokens) == (21, None)


def test_a_prompt_that_no_column_holds_is_unknown() -> None:
    usage = {"input_tokens": 2**31 - 1, "cache_read_input_tokens": 5}
    start = event({"type": "message_start", "message": {"usage": usage}})

    assert read("anthropic", start, said("anthropic", "Hi") + END["anthropic"])[1].input_tokens is None


def test_the_cache_may_be_told_after_the_prompt() -> None:
    start = event({"type": "message_start", "message": {"usage": {"input_tokens": 10}}})
    late = event({"type": "message_delta", "delta": {}, "usage": {"cache_read_input_tokens": 5_000}})

    _, metadata, _ = read("anthropic", start, said("anthropic", "Hi"), late + END["anthropic"])

    assert (metadata.input_tokens, metadata.cached_tokens) == (5_010, 5_000)


@both
@pytest.mark.parametrize("usage", [5, [], "many", {"prompt_tokens_details": [1], "output_tokens_details": 7}])
def test_odd_usage_costs_no_text(provider: str, usage: object) -> None:
    body = (
        {"choices": [], "usage": usage} if provider == "openai" else {"type": "message_delta", "usage": usage}
    )

    pieces, _, fault = read(provider, said(provider, "Hi"), event(body) + END[provider])

    assert (pieces, fault) == (["Hi"], None)


# --- Rate limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "left"), [("12", {"left": 12}), ("0", {"left": 0}), ("", None), ("many", None), ("-1", None), ("9" * 5000, None)]
)  # fmt: skip
def test_what_is_left_of_a_limit_is_a_number_or_nothing(value: str, left: dict[str, int] | None) -> None:
    assert wire.headroom(httpx2.Headers({"x-left": value}), {b"x-left": "left"}) == left
