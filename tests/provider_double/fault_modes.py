"""Modes in which an answer goes wrong after it has begun, or before: silence, cuts, broken bytes and bombs."""

import struct
import zlib
from dataclasses import replace

from .answers import EVENTS, JSON, Act, Answer, error, error_event, events, head, parts
from .calls import Call
from .modes import Params, mode, pause
from .replies import Reply, body_of, halves, piecewise, reply_to, say
from .text_modes import MARK, MARK_IN_JSON

# Seconds to wait before a reset, because a reset may destroy bytes that the client has not read yet.
SETTLED = 0.02
MEGABYTE = 1024 * 1024
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"


def cut(call: Call, params: Params, act: Act, later: float = 0.0) -> Answer:
    """The reply's first tokens, as many as told, and then the act."""
    sent, unsent = halves(call, reply_to(call, params), int(params["after"]))
    return piecewise(call, [*sent, (sent[-1][0] + later, act)], unsent)


@mode("slow_first_byte", seconds=5)
def slow_first_byte(call: Call, params: Params) -> Answer:
    """Not a byte, not even a head, for the given seconds; then the usual answer."""
    answer = say(call, reply_to(call, params))
    return answer._replace(wait=answer.wait + float(params["seconds"]))


@mode("idle_mid_stream", after=3, seconds=60)
def idle_mid_stream(call: Call, params: Params) -> Answer:
    """Silence for the given seconds after the given number of tokens; then the rest."""
    sent, unsent = halves(call, reply_to(call, params), int(params["after"]))
    late = [(due + float(params["seconds"]), piece) for due, piece in unsent]
    steps = [*sent, *late]
    return piecewise(call, [*steps, (steps[-1][0], Act.END)])


@mode("hang_mid_stream", after=3)
def hang_mid_stream(call: Call, params: Params) -> Answer:
    """Silence for ever after the given number of tokens."""
    return cut(call, params, Act.HANG)


@mode("reset_mid_stream", after=3)
def reset_mid_stream(call: Call, params: Params) -> Answer:
    """A TCP reset after the given number of tokens (after half a body if not streamed)."""
    return cut(call, params, Act.RESET, SETTLED)


@mode("eof_mid_stream", after=3)
def eof_mid_stream(call: Call, params: Params) -> Answer:
    """The connection is closed after the given number of tokens, without finish marker or end of body."""
    return cut(call, params, Act.CLOSE)


@mode("missing_finish_marker", after=None)
def missing_finish_marker(call: Call, params: Params) -> Answer:
    """A normal end of body after all (or the given number of) tokens, but no finish reason, [DONE] or message_stop."""
    reply = replace(reply_to(call, params), finish=None)
    if not call.stream:
        return say(call, reply)
    after = len(reply.tokens) if params["after"] is None else int(params["after"])
    sent, _ = halves(call, reply, min(after, len(reply.tokens)))
    return events(call, [*sent, (sent[-1][0], Act.END)])


@mode("error_event_after_200", after=3, kind="overloaded")
def error_event_after_200(call: Call, params: Params) -> Answer:
    """An error event, of a kind in the error table, after so many tokens; if not streamed, a body with status 200."""
    kind = str(params["kind"])
    if not call.stream:
        return error(call, kind, status=200, wait=pause(params))
    sent, _ = halves(call, reply_to(call, params), int(params["after"]))
    due = sent[-1][0]
    return events(call, [*sent, (due, error_event(call, kind)), (due, Act.END)])


@mode("error_event_first", kind="overloaded")
def error_event_first(call: Call, params: Params) -> Answer:
    """An error event after the first event of a stream, before any text is begun."""
    if not call.stream:
        return error(call, str(params["kind"]), status=200, wait=pause(params))
    due = pause(params)
    return events(
        call,
        [(due, call.wire.start(call)), (due, error_event(call, str(params["kind"]))), (due, Act.END)],
    )


def tampered(call: Call, params: Params, good: bytes, bad: bytes) -> Answer:
    """The usual answer with one token more, the character MARK, whose bytes `good` are replaced by `bad`."""
    reply = reply_to(call, params)
    after = min(int(params["after"]), len(reply.tokens))
    reply = replace(reply, tokens=[*reply.tokens[:after], MARK, *reply.tokens[after:]])
    sent, unsent = halves(call, reply, 10**9)
    steps = [(due, tamper(piece, good, bad)) for due, piece in (*sent, *unsent)]
    return piecewise(call, [*steps, (steps[-1][0], Act.END)])


def tamper(piece: object, good: bytes, bad: bytes) -> bytes:
    return piece.replace(good, bad) if isinstance(piece, bytes) else b""


@mode("malformed_json", after=3)
def malformed_json(call: Call, params: Params) -> Answer:
    """One event whose JSON breaks off, with good ones around it; if not streamed, half a body of the right length."""
    if call.stream:
        return tampered(call, params, MARK_IN_JSON + b'"', b"broken")
    body = body_of(call, reply_to(call, params))
    half = body[: len(body) // 2]
    return parts(call, [(pause(params), half), (pause(params), Act.END)], length=len(half))


@mode("bad_utf8", after=3)
def bad_utf8(call: Call, params: Params) -> Answer:
    """Bytes that are not UTF-8, inside a token's text."""
    return tampered(call, params, MARK_IN_JSON, b"\xc3\x28 \xff\xfe \xe2\x82")


@mode("control_characters", after=3)
def control_characters(call: Call, params: Params) -> Answer:
    """Valid JSON, awkward text: NUL, an escape sequence, a lone surrogate, text that runs right to left."""
    return tampered(call, params, MARK_IN_JSON, rb"nul \u0000 esc \u001b[31m half \ud83d rtl \u202e! ")


@mode("cr_only")
def cr_only(call: Call, params: Params) -> Answer:
    """Valid but rare: lines that end in CR alone."""
    reply = reply_to(call, params)
    if not call.stream:
        return say(call, reply)
    sent, unsent = halves(call, reply, 10**9)
    steps = [(due, tamper(piece, b"\n", b"\r")) for due, piece in (*sent, *unsent)]
    return events(call, [*steps, (steps[-1][0], Act.END)])


@mode("gzip_bomb", megabytes=200)
def gzip_bomb(call: Call, params: Params) -> Answer:
    """Content-Encoding: gzip, and a small body that unpacks to a reply of the given number of megabytes."""
    size = int(params["megabytes"])
    kind = (call.wire.PROVIDER, call.stream, call.listing is not None, size)
    if kind not in BOMBS:
        BOMBS[kind] = bomb(*bomb_parts(call, size), size)
    extra = call.wire.headers(call) + b"content-encoding: gzip\r\n"
    form = EVENTS if call.stream else JSON
    return Answer(200, head(200, form, len(BOMBS[kind]), extra) + BOMBS[kind], None, False, pause(params))


# Packing takes a moment, so each bomb is made once and kept. Its ids then repeat, which does no harm.
BOMBS: dict[tuple[str, bool, bool, int], bytes] = {}


def bomb_parts(call: Call, size: int) -> tuple[bytes, bytes, bytes]:
    """The bytes before the text, a megabyte of text, and the bytes after it."""
    if call.stream:
        frame = call.wire.framer(call)
        return call.wire.opening(call), frame("A" * MEGABYTE), call.wire.closing(call, size, "stop")
    before, _, after = body_of(call, Reply((MARK,))).partition(MARK_IN_JSON)
    return before, b"A" * MEGABYTE, after


def bomb(before: bytes, block: bytes, after: bytes, times: int) -> bytes:
    """These bytes in gzip format, with the block repeated. It is packed once, since after a full flush the result repeats."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    packed += (packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)) * times
    packed += packer.compress(after) + packer.flush()
    check, size = zlib.crc32(before), len(before) + times * len(block) + len(after)
    for _ in range(times):
        check = zlib.crc32(block, check)
    check = zlib.crc32(after, check)
    return GZIP_HEAD + packed + struct.pack("<II", check, size % 2**32)
