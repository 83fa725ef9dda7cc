"""Behaviour by model name, which every proxy passes on: `fake-t200-d50-f300` and its flags.

| part    | meaning                                                                              |
|---------|--------------------------------------------------------------------------------------|
| -t200   | 200 tokens (20 unless told)                                                          |
| -d50    | 50 ms between two tokens (0 unless told: all in one write)                           |
| -f300   | the first token after 300 ms                                                         |
| -m      | each token of a stream is its send time, microseconds of CLOCK_MONOTONIC, and a blank |
| -e429   | that HTTP error                                                                      |
| -x5     | the connection is closed, without an end, after 5 tokens (half a body if not streamed) |
| -z5     | an error event after 5 tokens (an HTTP 500 if not streamed)                          |
| -h5     | nothing more after 5 tokens (nothing at all if not streamed)                         |
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from time import monotonic_ns

from .answers import Act, Answer, Step, error, error_event, events
from .calls import Call
from .replies import Reply, halves, piecewise, say, token_steps

NAME = re.compile(r"fake(?:-[tdfexzh]\d+|-m)*")
PART = re.compile(r"-([a-z])(\d*)")
TOKENS = 20
ERROR_KINDS = {
    400: "context", 401: "wrong_secret", 403: "forbidden", 404: "model", 413: "too_large", 429: "rate",
    500: "server", 503: "unavailable", 529: "overloaded",
}  # fmt: skip


@lru_cache(maxsize=1024)
def parts_of(name: str) -> dict[str, int] | None:
    """The numbers in a fake model's name, or None for any other model."""
    if not NAME.fullmatch(name):
        return None
    return {letter: int(number or 1) for letter, number in PART.findall(name)}


@lru_cache(maxsize=256)
def numbered(count: int) -> tuple[str, ...]:
    """Tokens that can be told apart, so that a lost one shows."""
    return tuple(f"t{number} " for number in range(count))


def answer(call: Call, spec: dict[str, int]) -> Answer:
    """The behaviour that the name asks for."""
    if "e" in spec:
        return error(
            call, ERROR_KINDS.get(spec["e"], "server"), status=spec["e"], wait=spec.get("f", 0) / 1000
        )
    reply = Reply(numbered(spec.get("t", TOKENS)), spec.get("f", 0) / 1000, spec.get("d", 0) / 1000)
    reply = reply.within(call.wire.max_tokens(call))
    fault = next((letter for letter in "xzh" if letter in spec), "")
    if fault:
        return faulty(call, reply, fault, spec[fault])
    if "m" in spec and call.stream:
        return events(call, stamped(call, reply))
    return say(call, reply)


def faulty(call: Call, reply: Reply, fault: str, after: int) -> Answer:
    """A reply that goes wrong after so many tokens."""
    if fault == "x":
        sent, unsent = halves(call, reply, after)
        return piecewise(call, [*sent, (sent[-1][0], Act.CLOSE)], unsent)
    if not call.stream:
        usual = error(call, "server", wait=reply.duration)
        return usual if fault == "z" else Answer(0, b"", iter([(0.0, Act.HANG)]))
    sent = list(islice(token_steps(call, reply), after + 1))
    if fault == "h":
        return events(call, [*sent, (sent[-1][0], Act.HANG)])
    return events(call, [*sent, (sent[-1][0], error_event(call, "server")), (sent[-1][0], Act.END)])


def stamped(call: Call, reply: Reply) -> Iterator[Step]:
    """A stream whose tokens tell when they were sent."""
    frame = call.wire.framer(call)

    def stamp() -> bytes:
        return frame(f"{monotonic_ns() // 1000} ")

    yield 0.0, call.wire.opening(call)
    for number in range(len(reply.tokens)):
        yield reply.first + number * reply.gap, stamp
    yield reply.duration, call.wire.closing(call, len(reply.tokens), reply.finish)
    yield reply.duration, Act.END


def listing() -> str:
    """The grammar, for people."""
    return (__doc__ or "").partition("\n\n")[2]
