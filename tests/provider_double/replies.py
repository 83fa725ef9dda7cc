"""Replies: the text that the double is to say, cut into tokens, and the pace at which it sends them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .answers import Act, Answer, Step, events, parts, whole
from .calls import Call

WORDS = re.compile(r"\S+\s*|\s+")
SENTENCE_END = re.compile(r"(?<=[.!?]) ")
SENTENCES_SAID = 2
QUESTION_SHOWN = 200
TOGETHER = 1_000  # tokens; more are handed out one by one, as fast as the client reads


@dataclass(frozen=True, slots=True)
class Thinking:
    """The thinking before a reply: its tokens, its seconds, and the seconds between two pings meanwhile (0: no pings)."""

    tokens: int
    seconds: float = 0.0
    ping: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """The tokens to send: the first after `first` seconds, the others `gap` seconds apart, then the finish marker.

    If there is thinking, `first` counts from its end. If `begun` is false, no text is begun at all.
    """

    tokens: Sequence[str]
    first: float = 0.0
    gap: float = 0.0
    finish: str | None = "stop"
    field: str = "text"
    thinking: Thinking | None = None
    begun: bool = True

    @property
    def silence(self) -> float:
        """Seconds before the text can begin."""
        return self.thinking.seconds if self.thinking else 0.0

    @property
    def duration(self) -> float:
        return self.silence + self.first + self.gap * max(0, len(self.tokens) - 1)

    @property
    def plain(self) -> bool:
        """Whether the text begins at once."""
        return self.begun and self.thinking is None

    def within(self, limit: int | None) -> "Reply":
        """This reply cut at the client's max_tokens, if it is longer. Tokens of thinking count too, and come first."""
        if limit is None:
            return self
        if self.thinking and self.thinking.tokens >= limit:
            return replace(self, thinking=replace(self.thinking, tokens=limit), **SPENT)
        room = limit - self.thinking.tokens if self.thinking else limit
        if len(self.tokens) <= room:
            return self
        return replace(self, tokens=self.tokens[: max(0, room)], finish="length")


# Changes to a reply whose allowance was used up before any text.
SPENT: dict[str, Any] = {"tokens": (), "finish": "length", "begun": False}


def words(text: str) -> list[str]:
    """The words of the text, each with the blanks that follow it, so that joining them gives the text again."""
    return WORDS.findall(text)


def default_text(call: Call) -> str:
    """A short, sensible answer to the last user message: from the first of its numbered facts, if it has any."""
    facts, asked = facts_and_question(call.question())
    said = f"This is the provider double answering as {call.model}"
    if fact := opening_of_first(facts):
        return f"{fact} [1]\n\n{said}: it repeats the first fact that it was given."
    asked = " ".join(asked.split())
    if len(asked) > QUESTION_SHOWN:
        asked = asked[: QUESTION_SHOWN - 1] + "…"
    if asked and asked[-1] not in ".?!…":
        asked += "."
    return f"You asked: {asked} {said}." if asked else f"{said}."


def facts_and_question(message: str) -> tuple[str, str]:
    """The facts and the question that agents/knowledge/prompt.py puts into one message. Other messages have no facts."""
    facts, _, asked = message.rpartition("\n\nQuestion: ")
    return (facts, asked) if facts.startswith(("[1] ", "(no facts")) else ("", message)


def opening_of_first(facts: str) -> str:
    """The first sentences of fact 1, below its title; empty if it has no plain paragraph."""
    if not facts.startswith("[1] "):
        return ""
    text = facts.partition("\n\n[2] ")[0].partition("\n")[2]
    plain = (
        paragraph
        for paragraph in text.split("\n\n")
        if paragraph[:1] not in ("", "|", "#", "-", "*", ">", "`")
    )
    sentences = SENTENCE_END.split(" ".join(next(plain, "").split()))
    return " ".join(sentences[:SENTENCES_SAID])


def reply_to(call: Call, params: dict[str, Any], text: str | None = None) -> Reply:
    """The reply of these parameters: chunks, or text (else the text given, else the default), and delays in ms."""
    if params.get("chunks") is not None:
        tokens = [str(chunk) for chunk in params["chunks"]]
    elif params.get("text") is not None:
        tokens = words(str(params["text"]))
    else:
        tokens = words(default_text(call) if text is None else text)
    first, gap = float(params.get("first_ms") or 0), float(params.get("gap_ms") or 0)
    thinking = Thinking(call.thinks, float(params.get("think_ms") or 0) / 1000) if call.thinks else None
    reply = Reply(tokens, first / 1000, gap / 1000, thinking=thinking)
    return reply.within(call.wire.max_tokens(call))


def lead_steps(call: Call, reply: Reply) -> Iterator[Step]:
    """What comes before the first token: the opening events, in one step with those of the text if it begins at once."""
    wire, thinking = call.wire, reply.thinking
    if reply.plain:
        yield 0.0, wire.opening(call)
        return
    call.thought = thinking.tokens if thinking else 0
    if thinking is None:
        yield 0.0, wire.start(call)
        return
    yield 0.0, wire.start(call) + wire.thinking_open(call)
    pings = int(thinking.seconds / thinking.ping - 1e-9) if thinking.ping else 0
    for number in range(1, pings + 1):
        yield number * thinking.ping, wire.ping(call)
    yield thinking.seconds, wire.thinking_close(call) + (wire.text_open(call) if reply.begun else b"")


def token_steps(call: Call, reply: Reply, tokens: Iterable[str] | None = None) -> Iterator[Step]:
    """The opening events and the tokens, with the times at which they fall due, without the end."""
    yield from lead_steps(call, reply)
    frame = call.wire.framer(call, reply.field)
    due = reply.silence + reply.first
    for token in reply.tokens if tokens is None else tokens:
        yield due, frame(token)
        due += reply.gap


def stream_steps(call: Call, reply: Reply) -> Iterator[Step]:
    """A whole stream, from the opening events to the finish marker."""
    yield from token_steps(call, reply)
    close = call.wire.closing if reply.begun else call.wire.ending
    yield reply.duration, close(call, len(reply.tokens), reply.finish)
    yield reply.duration, Act.END


def at_once(call: Call, reply: Reply) -> Iterator[Step]:
    """The same stream if all tokens fall due together. They are then one step, which is much cheaper than many."""
    yield from lead_steps(call, reply)
    close = call.wire.closing if reply.begun else call.wire.ending
    text = b"".join(map(call.wire.framer(call, reply.field), reply.tokens))
    yield reply.duration, text + close(call, len(reply.tokens), reply.finish)
    yield reply.duration, Act.END


def body_of(call: Call, reply: Reply) -> bytes:
    """The whole reply as one JSON body, or the model list if the call asks for that."""
    if call.listing is not None:
        return call.listing
    call.thought = reply.thinking.tokens if reply.thinking else 0
    return call.wire.completion(call, "".join(reply.tokens), len(reply.tokens), reply.finish)


def say(call: Call, reply: Reply) -> Answer:
    """The reply without faults, as a stream or as a body, whichever the client asked for."""
    if call.stream:
        together = not reply.gap and len(reply.tokens) <= TOGETHER
        return events(call, at_once(call, reply) if together else stream_steps(call, reply))
    return whole(call, body_of(call, reply), wait=reply.duration)


def halves(call: Call, reply: Reply, after: int) -> tuple[list[Step], list[Step]]:
    """The steps up to and including token number `after`, and the steps after it.

    A body that is not streamed has no tokens on the wire, so it is cut in the middle.
    """
    if call.stream:
        steps = list(stream_steps(call, reply))[:-1]
        middle = len(list(lead_steps(call, reply))) + after
        return steps[:middle], steps[middle:]
    body = body_of(call, reply)
    middle = len(body) // 2
    return [(reply.duration, body[:middle])], [(reply.duration, body[middle:])]


def piecewise(call: Call, steps: Sequence[Step], unsent: Sequence[Step] = ()) -> Answer:
    """An answer of these steps. A body that is not streamed claims the length it would have with the `unsent` steps."""
    if call.stream:
        return events(call, steps)
    length = sum(len(piece) for _, piece in (*steps, *unsent) if isinstance(piece, bytes))
    return parts(call, steps, length=length)
