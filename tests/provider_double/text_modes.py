"""Modes with a correct wire format. They differ in what they say, how fast, and how they finish."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from .answers import Act, Answer, Step, events, parts, whole
from .calls import Call
from .modes import Params, mode
from .replies import Reply, body_of, reply_to, say, stream_steps, token_steps
from .roster import shown

REFUSAL = "I'm sorry, but I can't help with that."
MULTIBYTE = "Grüße aus Zürich: naïve café, 日本語, 👩‍🚀 und 🎉!"
MARK = "\x01"  # a text that occurs nowhere else
MARK_IN_JSON = rb"\u0001"
PIECE = "All work and no play makes a double a dull provider. ".ljust(64, ".") * 16

XSS = """\
<script>alert(1)</script> <img src=x onerror=alert(1)> <svg/onload=alert(1)> <svg><script>alert(1)</script></svg>
<a href="javascript:alert(1)">x</a> [x](javascript:alert(1)) [x](JaVaScRiPt&colon;alert(1)) [x](data:text/html;base64,PHNjcmlwdD4=)
![x](https://tracker.invalid/p.png) ![x"onerror="alert(1)](x) <iframe srcdoc="<script>alert(1)</script>"></iframe>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">
<style>@import 'https://tracker.invalid/a.css';</style> <link rel=stylesheet href=//tracker.invalid/a.css>
<form action="https://tracker.invalid"><input name=p><button>Go on</button></form> <base href="https://tracker.invalid/">
<details open ontoggle=alert(1)> <video><source onerror=alert(1)></video> <object data="javascript:alert(1)"></object>
</textarea></title></script><script>alert(1)</script> {{constructor.constructor('alert(1)')()}} ${alert(1)}
<meta http-equiv=refresh content="0;url=//tracker.invalid"> `<img src=x onerror=alert(1)>` \u202ereversed\u202c
"""


@mode("ok")
def ok(call: Call, params: Params) -> Answer:
    """The usual answer, with delays if told."""
    return say(call, reply_to(call, params))


@mode("text")
def text(call: Call, params: Params) -> Answer:
    """A given text, word by word."""
    return say(call, reply_to(call, params))


@mode("chunks")
def chunks(call: Call, params: Params) -> Answer:
    """A given list of token texts."""
    return say(call, reply_to(call, params))


@mode("xss", split=3)
def xss(call: Call, params: Params) -> Answer:
    """HTML, script and Markdown vectors (or the given text) in tokens of `split` characters, 0 for words."""
    said = str(params["text"] or XSS)
    size = int(params["split"])
    cut = [said[at : at + size] for at in range(0, len(said), size)] if size else None
    return say(call, reply_to(call, {"chunks": cut, **without(params, "chunks")}, said))


def without(params: Params, *names: str) -> Params:
    return {name: value for name, value in params.items() if name not in names}


@mode("empty")
def empty(call: Call, params: Params) -> Answer:
    """A finish without any text."""
    return say(call, replace(reply_to(call, params), tokens=()))


@mode("whitespace_only")
def whitespace_only(call: Call, params: Params) -> Answer:
    """Blanks, line ends, a no-break space and a zero-width one, then a finish."""
    return say(call, replace(reply_to(call, params), tokens=(" ", "\n\n", "\t", "\u00a0", "\u2003", " \n")))


@mode("finish_length")
def finish_length(call: Call, params: Params) -> Answer:
    """Text that ends because the allowance was used up (length, max_tokens)."""
    return say(call, replace(reply_to(call, params), finish="length"))


@mode("refusal")
def refusal(call: Call, params: Params) -> Answer:
    """The model refuses: OpenAI in its refusal field with no content, Anthropic as stop_reason refusal."""
    return say(call, replace(reply_to(call, params, REFUSAL), finish="refusal", field="refusal"))


@mode("content_filter")
def content_filter(call: Call, params: Params) -> Answer:
    """Text that a filter ends: OpenAI content_filter, Anthropic stop_reason refusal."""
    return say(call, replace(reply_to(call, params), finish="filter"))


@mode("comments_and_unknown_events")
def comments_and_unknown_events(call: Call, params: Params) -> Answer:
    """Valid, but to be ignored: comments, pings, unknown events and fields between the tokens."""
    reply = reply_to(call, params)
    if not call.stream:
        return say(call, reply)
    noise = call.wire.noise(call)
    return events(call, ((due, noise + piece if isinstance(piece, bytes) else piece)
                         for due, piece in stream_steps(call, reply)))  # fmt: skip


@mode("split_code_point", pause_ms=20)
def split_code_point(call: Call, params: Params) -> Answer:
    """Valid: each character of several bytes is split over two TCP writes, some milliseconds apart."""
    reply = reply_to(call, params, MULTIBYTE)
    if call.stream:
        return events(call, split(stream_steps(call, reply), float(params["pause_ms"]) / 1000))
    body = body_of(call, reply)
    whole_body: list[Step] = [(reply.duration, body), (reply.duration, Act.END)]
    return parts(call, split(iter(whole_body), float(params["pause_ms"]) / 1000), length=len(body))


def split(steps: Iterator[Step], pause: float) -> Iterator[Step]:
    """The same steps, cut after the first byte of each character of several bytes."""
    late = 0.0
    for due, piece in steps:
        if isinstance(piece, bytes):
            start = 0
            for at, byte in enumerate(piece):
                if byte >= 0xC0:
                    yield due + late, piece[start : at + 1]
                    start, late = at + 1, late + pause
            piece = piece[start:]
        yield due + late, piece


@mode("huge_line", bytes=10_000_000)
def huge_line(call: Call, params: Params) -> Answer:
    """Valid but absurd: one event, on one line, with the given number of bytes of text."""
    return say(call, replace(reply_to(call, params), tokens=("A" * int(params["bytes"]),)))


@mode("huge_output", megabytes=8)
def huge_output(call: Call, params: Params) -> Answer:
    """The given number of megabytes of text as fast as they are read, whatever max_tokens says."""
    pieces = int(float(params["megabytes"]) * 1024 * 1024 / len(PIECE))
    return say(call, Reply([PIECE] * pieces, gap=float(params["gap_ms"]) / 1000))


@mode("never_ending", tokens_per_s=20)
def never_ending(call: Call, params: Params) -> Answer:
    """Text without an end, with the given number of tokens a second (0: as fast as they are read)."""
    rate = float(params["tokens_per_s"])
    reply = Reply((), first=float(params["first_ms"]) / 1000, gap=1 / rate if rate else 0.0)
    endless = (f"word{number} " for number in count())
    if call.stream:
        return events(call, token_steps(call, reply, endless))
    start = body_of(call, Reply((MARK,), finish=None)).partition(MARK_IN_JSON)[0]
    spoken = ((reply.first + reply.gap * number, b"on and on ") for number in count())
    return parts(call, prefixed(start, spoken), length=None)


def prefixed(start: bytes, steps: Iterator[tuple[float, bytes]]) -> Iterator[Step]:
    yield 0.0, start
    yield from steps


@mode("trickle", bytes=1, seconds=1)
def trickle(call: Call, params: Params) -> Answer:
    """The usual answer in pieces of the given number of bytes, with the given seconds between them."""
    reply = reply_to(call, params)
    if call.stream:
        body = b"".join(piece for _, piece in stream_steps(call, reply) if isinstance(piece, bytes))
        return events(call, dripping(body, params))
    body = body_of(call, reply)
    return parts(call, dripping(body, params), length=len(body))


def dripping(body: bytes, params: Params) -> Iterator[Step]:
    size, gap = max(1, int(params["bytes"])), float(params["seconds"])
    drops = [body[at : at + size] for at in range(0, len(body), size)]
    for number, drop in enumerate(drops):
        yield number * gap, drop
    yield (len(drops) - 1) * gap, Act.END


@mode("models", speaks=False, ids=())
def models(call: Call, params: Params) -> Answer:
    """For the model list: these models and no others, each an id, or an object with further fields of its row."""
    if call.listing is None:
        return say(call, reply_to(call, params))
    rows = [listed(call, one if isinstance(one, dict) else {"id": str(one)}) for one in params["ids"]]
    listing = call.wire.models(rows, {"limit": "1000"})
    assert isinstance(listing, bytes)
    return whole(call, listing)


def listed(call: Call, said: dict[str, object]) -> dict[str, object]:
    return {**call.wire.row(shown(call.wire.PROVIDER, str(said.get("id"))), call.day), **said}
