"""Cutting a source's text into passages: whole blocks under their heading, small enough to quote.

A block is a paragraph, a list, a table or a code fence. Nothing is lost: a heading with nothing below it is a passage
too, and a table that has to be cut has its head in each part.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Characters. Long enough for an answer with its context, short enough to quote and to fit several in a prompt.
TARGET = 900
# Code and a table read badly in parts, so they may be longer.
LONGEST_BLOCK = 3 * TARGET
# A line so short stands over what follows it, as in a text without headings.
SHORT_LINE = 60
LONGEST_HEADING = 200
BETWEEN = "\n\n"

_SENTENCE_END = re.compile(r"(?<=[.!?؟।])[^\S\n]+|(?<=[。！？])")
_TABLE_RULE = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*){0,100}\|?")
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


class Chunk(NamedTuple):
    """A passage. `above`: the headings that its own stands under, outermost first, separated by line ends."""

    heading: str
    text: str
    above: str = ""


class _Section:
    """A heading with the blocks below it, up to the next heading."""

    def __init__(self, heading: str, level: int, above: str) -> None:
        self.heading, self.level, self.above = heading, level, above
        self.blocks: list[str] = []


def chunks(text: str) -> list[Chunk]:
    """The passages of `text`, plain or Markdown, in order."""
    result: list[Chunk] = []
    sections = _sections(text)
    for section, following in zip(sections, [*sections[1:], None], strict=True):
        if section.blocks:
            result += [Chunk(section.heading, part, section.above) for part in _packed(section.blocks)]
        elif section.heading and (following is None or following.level <= section.level):
            # A heading over deeper ones is said with each of them.
            result.append(Chunk(section.heading, section.heading, section.above))
    return result


def _packed(blocks: list[str]) -> Iterator[str]:
    """The blocks put together to passages; a short line goes with what follows it."""
    current: list[str] = []
    size = 0
    for block in (part for whole in blocks for part in _fit(whole)):
        if current and size + len(block) > TARGET:
            held = [current.pop()] if len(current) > 1 and _is_short_line(current[-1]) else []
            yield BETWEEN.join(current)
            current, size = held, sum(len(one) + len(BETWEEN) for one in held)
            if held and size + len(block) > TARGET:
                yield BETWEEN.join(current)
                current, size = [], 0
        current.append(block)
        size += len(block) + len(BETWEEN)
    if current:
        yield BETWEEN.join(current)


def _is_short_line(block: str) -> bool:
    return len(block) <= SHORT_LINE and "\n" not in block


# --- Blocks ---------------------------------------------------------------------------------------


def _sections(text: str) -> list[_Section]:
    sections = [_Section("", 0, "")]
    open_headings: list[tuple[int, str]] = []
    for block in _blocks(text):
        level, title = (0, "") if _is_code(block) else _title(block)
        if not title:
            sections[-1].blocks.append(block)
            continue
        while open_headings and open_headings[-1][0] >= level:
            open_headings.pop()
        above = "\n".join(heading for _, heading in open_headings)
        open_headings.append((level, title))
        sections.append(_Section(title, level, above))
    return sections


def _blocks(text: str) -> Iterator[str]:
    """Headings as lines of their own, and what stands between blank lines; a code fence is one, whatever is in it."""
    lines: list[str] = []
    fence = ""
    begin = True  # after a blank line or a heading: only there a heading begins
    for line in _LINE_ENDS.sub("\n", text).split("\n"):
        bare = line.strip()
        if fence:
            lines.append(line)
            if bare.startswith(fence) and not bare.strip(fence[0]):
                yield from _whole(lines)
                lines, fence, begin = [], "", True
        elif _fence_of(bare):
            # With the short line over it, if there is one: "Install it with:".
            yield from _whole(lines)
            lines, fence = [line], _fence_of(bare)
        elif not bare:
            yield from _whole(lines)
            lines, begin = [], True
        elif begin and _title(bare)[1]:
            yield bare
        else:
            lines.append(line)
            begin = False
    # A fence that nobody closed is text.
    yield from _whole(lines)


def _whole(lines: list[str]) -> Iterator[str]:
    block = "\n".join(lines).strip()
    if block:
        yield block


def _fence_of(line: str) -> str:
    for sign in ("```", "~~~"):
        if line.startswith(sign):
            fence = line[: len(line) - len(line.lstrip(sign[0]))]
            # Signs on the same line close it: that is code within a line.
            return "" if sign[0] in line[len(fence) :] else fence
    return ""


def _is_code(block: str) -> bool:
    return block.startswith(("```", "~~~"))


def _is_table(block: str) -> bool:
    lines = block.split("\n", 2)
    return (
        len(lines) > 1
        and "|" in lines[0]
        and len(lines[1]) <= 1_000
        and bool(_TABLE_RULE.fullmatch(lines[1].strip()))
    )


def _title(line: str) -> tuple[int, str]:
    """Level and title of a Markdown heading; (0, "") for any other line. (A pattern for it can take minutes on blanks.)"""
    line = line.strip()
    if "\n" in line:
        return 0, ""
    after = line.lstrip("#")
    level = len(line) - len(after)
    if not 1 <= level <= 6 or not after[:1].isspace():
        return 0, ""
    # Signs at the end close the heading, unless they are all of it.
    return level, (after.rstrip("#").strip() or after.strip())[:LONGEST_HEADING]


# --- Blocks that are too long ---------------------------------------------------------------------


def _fit(block: str) -> list[str]:
    """A block as it is, or cut where it hurts least to fit a passage."""
    if len(block) <= TARGET:
        return [block]
    if _is_code(block):
        return [block] if len(block) <= LONGEST_BLOCK else _cut_code(block)
    if _is_table(block):
        return _cut_table(block)
    return _joined(_lines(block), "\n") if "\n" in block else _cut_line(block)


def _lines(block: str) -> Iterator[str]:
    for line in block.split("\n"):
        yield from [line] if len(line) <= TARGET else _cut_line(line)


def _cut_line(line: str) -> list[str]:
    """A long line cut at sentence ends, or, without any, at blanks, or anywhere."""
    pieces = (
        sentence[start : start + TARGET]
        for sentence in _SENTENCE_END.split(line)
        for start in range(0, len(sentence), TARGET)
    )
    return _joined(pieces, " ")


def _joined(pieces: Iterator[str], between: str) -> list[str]:
    """The pieces put together again, as many as fit a passage."""
    parts: list[list[str]] = [[]]
    size = 0
    for piece in pieces:
        if size and size + len(piece) >= TARGET:
            parts.append([])
            size = 0
        parts[-1].append(piece)
        size += len(piece) + len(between)
    joined = (between.join(part).strip() for part in parts)
    return [part for part in joined if part]


def _cut_code(block: str) -> list[str]:
    opening, *lines = block.split("\n")
    fence = opening[: len(opening) - len(opening.lstrip(opening[0]))]
    body = lines[:-1] if lines and lines[-1].strip().startswith(fence) else lines
    parts = _joined(
        iter([part for line in body for part in ([line] if len(line) <= TARGET else _cut_line(line))]), "\n"
    )
    return [f"{opening}\n{part}\n{fence}" for part in parts]


def _cut_table(block: str) -> list[str]:
    head, rule, *rows = block.split("\n")
    if len(head) + len(rule) > TARGET // 2:
        return _joined(_lines(block), "\n")
    parts: list[list[str]] = [[]]
    size = room = TARGET - len(head) - len(rule)
    for row in (part for one in rows for part in ([one] if len(one) <= room else _cut_line(one))):
        if size < len(row) and parts[-1]:
            parts.append([])
            size = room
        parts[-1].append(row)
        size -= len(row) + 1
    return ["\n".join([head, rule, *part]) for part in parts]
