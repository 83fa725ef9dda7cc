"""A running reply's text as HTML: finished blocks are rendered once, the open one again and again.

Markdown is read line by line, and a top-level block never changes once another follows it. (Exceptions are footnotes
and links whose addresses come later; the finished reply has them right.) So each step renders only the text after
the finished blocks. The longer that text, the rarer the steps, so that they take at most a tenth of the time.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from agents import markdown
from agents.reading import shield
from agents.reading.inline import Place
from agents.reading.writer import Position, TooMuch, Writer

# Seconds between two steps, and as many again for each thousand open characters; seconds before the first step; and
# the share of time that steps may take.
SECONDS = 0.04
FIRST_SECONDS = 0.05
SHARE = 0.1
# Characters processed in one step. For a longer block the number is doubled, if that is fast enough.
WINDOW = 4_000
QUICK_SECONDS = 0.005
# The most characters of link definitions that are kept for later blocks.
MOST_DEFINITIONS = 2_000


class Update(NamedTuple):
    """`html` replaces all blocks from number `start` on; the last `rest` characters of the text are not included yet."""

    start: int
    html: str
    rest: int


@dataclass(frozen=True, slots=True)
class _Block:
    """`start`: the byte of the shielded text at which its first line begins. `before`: the state before it."""

    start: int
    before: Position
    html: str


class LiveText:
    """One watcher's text. Call `add` with new text, and `render` when `wait` says so."""

    # When the next step may begin; shared by all texts, so that together they take no more than their share of time.
    _all_may_at = 0.0

    def __init__(self, name: str, sources: int) -> None:
        self._position = Position(Place(name, sources))
        self._finished = 0
        self._open = ""
        self._unseen = 0  # characters at the end of `_open` that no step has processed
        self._definitions = b""
        self._window = WINDOW
        self._may_at = 0.0
        self._gave_up = False
        self._has_begun = False

    def add(self, text: str) -> None:
        if self._gave_up:
            return
        if not self._open and not self._finished:
            # The first pieces are shown as plain text until then; a short reply ends before.
            self._may_at = time.monotonic() + FIRST_SECONDS
        self._open += text
        self._unseen += len(text)

    def wait(self) -> float | None:
        """Seconds until the next step may begin; None if there is nothing to render."""
        if not self._unseen or self._gave_up:
            return None
        return max(0.0, max(self._may_at, LiveText._all_may_at) - time.monotonic())

    @property
    def lacks_its_end(self) -> bool:
        """Whether part of the text is not rendered yet."""
        return bool(self._unseen) and self._has_begun and not self._gave_up

    def render(self) -> Update:
        """The update to show now. A text that exceeds our limits is shown as plain text from there on."""
        began = time.monotonic()
        self._has_begun = True
        part = self._open[: self._window]
        rest = len(self._open) - len(part)
        shielded = shield.shielded(part, is_whole=False).encode()
        try:
            blocks = list(self._blocks(shielded, part))
        except BaseException as problem:
            if not (isinstance(problem, TooMuch) or markdown.is_panic(problem)):
                raise
            return self._give_up("", self._open)
        html = "".join(block.html for block in blocks)
        update = Update(self._finished, html, rest)
        self._unseen = rest
        took = time.monotonic() - began
        LiveText._all_may_at = began + took / SHARE
        if not self._finish(blocks, shielded) and rest:
            self._window *= 2
            if took > QUICK_SECONDS:
                return self._give_up(html, self._open[len(part) :])
        self._may_at = began + max(took / SHARE, SECONDS * (1 + len(self._open) / 1_000))
        return update

    def _give_up(self, html: str, left: str) -> Update:
        self._gave_up = True
        return Update(self._finished, html + markdown.as_written(left) + "\n", 0)

    def _finish(self, blocks: list[_Block], shielded: bytes) -> bool:
        """Mark as finished the blocks that cannot change any more, if there are any."""
        last_line = shielded.rfind(b"\n") + 1
        # A block that begins in an incomplete line may turn out to be none: "#" may become "#1", which belongs to
        # the block before.
        may_change = 2 if blocks and blocks[-1].start >= last_line else 1
        if len(blocks) <= may_change:
            return False
        first_open = blocks[-may_change]
        done = shielded[: first_open.start]
        self._keep_definitions(done)
        self._open = self._open[len(shield.as_written(done.decode())) :]
        self._position = first_open.before
        self._finished += len(blocks) - may_change
        self._window = WINDOW
        return True

    def _blocks(self, shielded: bytes, part: str) -> Iterator[_Block]:
        """The HTML of each block of `part`, `shielded`: one element and a line end."""
        written = self._definitions + shielded
        shift = len(self._definitions)
        events = markdown.OF_REPLIES.events_with_range(written.decode(), merge_text=True)
        position = self._position.copy()
        for begins, block in _in_blocks(events, most=markdown.most_events(part) + shift):
            before = position.copy()
            html = Writer(position).write(block, most=len(block))
            clean = markdown.sanitised(html)
            if clean is None:
                raise TooMuch
            start = max(0, written.rfind(b"\n", 0, begins) + 1 - shift)
            yield _Block(start, before, clean if clean.endswith("\n") else clean + "\n")

    def _keep_definitions(self, done: bytes) -> None:
        if b"]:" not in done:
            return
        found = markdown.OF_REPLIES.reference_definitions(done.decode())
        spans = [(link["span"]["start"], link["span"]["end"]) for link in found.values()]
        lines = b"\n".join(done[start:end].strip() for start, end in spans)
        if lines and len(self._definitions) + len(lines) <= MOST_DEFINITIONS:
            self._definitions += lines + b"\n\n"


def _in_blocks(events: Iterable[tuple[Any, Any]], *, most: int) -> Iterator[tuple[int, list[Any]]]:
    """The parser's events of each top-level block, with the byte at which it begins."""
    depth = 0
    block: list[Any] = []
    begins = 0
    for count, (event, place) in enumerate(events):
        if count > most:
            raise TooMuch
        if not depth:
            begins = place["start"]
        block.append(event)
        if isinstance(event, dict):
            depth += ("Start" in event) - ("End" in event)
        if not depth:
            yield begins, block
            block = []
