"""Replies: the text the double means to say, cut into tokens, and the pace at which it says them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .answers import Act, Answer, Step, events, parts, whole
from .calls import Call

WORDS = re.compile(r"\S+\s*|\s+")
QUESTION_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """Tokens to say: the first after `first` seconds, the others `gap` seconds apart, then the finish marker."""

    tokens: Sequence[str]
    first: float = 0.0
    gap: float = 0.0
    finish: str | None = "stop"
    field: str = "text"

    @property
    def duration(self) -> float:
        return self.first + self.gap * max(0, len(self.tokens) - 1)

    def within(self, limit: int | None) -> "Reply":
        """The same reply cut at the client's max_tokens, where that is fewer."""
        if limit is None or len(self.tokens) <= limit:
            return self
        return replace(self, tokens=self.tokens[: max(0, limit)], finish="length")


def words(text: str) -> list[str]:
    """The text word by word, each with the blanks that follow it; joined they are the text again."""
    return WORDS.findall(text)


def default_text(call: Call) -> str:
    """A short, sensible answer to the last user message."""
    asked = " ".join(call.question().split())
    if len(asked) > QUESTION_SHOWN:
        asked = asked[: QUESTION_SHOWN - 1] + "…"
    if asked and asked[-1] not in ".?!…":
        asked += "."
    said = f"This is the provider double answering as {call.model}."
    return f"You asked: {asked} {said}" if asked else said


def reply_to(call: Call, params: dict[str, Any], text: str | None = None) -> Reply:
    """The reply these parameters describe: chunks, text (else the text given, else the default) and delays in ms."""
    if params.get("chunks") is not None:
        tokens = [str(chunk) for chunk in params["chunks"]]
    elif params.get("text") is not None:
        tokens = words(str(params["text"]))
    else:
        tokens = words(default_text(call) if text is None else text)
    first, gap = float(params.get("first_ms") or 0), float(params.get("gap_ms") or 0)
    return Reply(tokens, first / 1000, gap / 1000).within(call.wire.max_tokens(call))


def token_steps(call: Call, reply: Reply, tokens: Iterable[str] | None = None) -> Iterator[Step]:
    """The opening events and the tokens as they fall due, without an end."""
    yield 0.0, call.wire.opening(call)
    frame = call.wire.framer(call, reply.field)
    due = reply.first
    for token in reply.tokens if tokens is None else tokens:
        yield due, frame(token)
        due += reply.gap


def stream_steps(call: Call, reply: Reply) -> Iterator[Step]:
    """A whole stream, from the opening events to the finish marker."""
    yield from token_steps(call, reply)
    yield reply.duration, call.wire.closing(call, len(reply.tokens), reply.finish)
    yield reply.duration, Act.END


def body_of(call: Call, reply: Reply) -> bytes:
    """The whole reply as one JSON body; for a call of the model list, that list."""
    if call.listing is not None:
        return call.listing
    return call.wire.completion(call, "".join(reply.tokens), len(reply.tokens), reply.finish)


def say(call: Call, reply: Reply) -> Answer:
    """The reply, well behaved, as the stream or the body that the client asked for."""
    if call.stream:
        return events(call, stream_steps(call, reply))
    return whole(call, body_of(call, reply), wait=reply.duration)


def halves(call: Call, reply: Reply, after: int) -> tuple[list[Step], list[Step]]:
    """The steps up to and with the token numbered `after`, and those that follow up to the last byte.

    A body that is not streamed has no tokens on the wire; it is cut in the middle.
    """
    if call.stream:
        steps = list(stream_steps(call, reply))[:-1]
        return steps[: after + 1], steps[after + 1 :]
    body = body_of(call, reply)
    middle = len(body) // 2
    return [(reply.duration, body[:middle])], [(reply.duration, body[middle:])]


def piecewise(call: Call, steps: Sequence[Step], unsent: Sequence[Step] = ()) -> Answer:
    """An answer of these steps. A body that is not streamed claims the length it would have with the unsent ones."""
    if call.stream:
        return events(call, steps)
    length = sum(len(piece) for _, piece in (*steps, *unsent) if isinstance(piece, bytes))
    return parts(call, steps, length=length)
