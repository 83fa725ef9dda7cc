"""Cutting a source's text into passages: whole blocks under their heading, small enough to quote.

A block is a paragraph, a list, a table or a code fence. Nothing is lost: a heading without text below it is a
passage, too, and a table that has to be cut repeats its head in each part.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Characters of a passage: long enough for an answer with its context, short enough to quote and to fit several into
# a prompt.
TARGET = 900
# Code and tables are hard to read in parts, so they may be longer.
LONGEST_BLOCK = 3 * TARGET
# A line this short counts as a title of what follows, in a text without headings.
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
            # A heading above deeper ones belongs to each of them.
            result.append(Chunk(section.heading, section.heading, section.above))
    return result


def _packed(blocks: list[str]) -> Iterator[str]:
    """The blocks combined into passages; a short line stays with what follows it."""
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
    """The blocks: headings, and text between blank lines. A code fence is one block, whatever it contains."""
    lines: list[str] = []
    fence = ""
    begin = True  # after a blank line or a heading; only there can a heading begin
    for line in _LINE_ENDS.sub("\n", text).split("\n"):
        bare = line.strip()
        if fence:
            lines.append(line)
            if bare.startswith(fence) and not bare.strip(fence[0]):
                yield from _whole(lines)
                lines, fence, begin = [], "", True
        elif _fence_of(bare):
            # Together with a short line above it: "Install it with:".
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
    # A fence that is never closed is text.
    yield from _whole(lines)


def _whole(lines: list[str]) -> Iterator[str]:
    block = "\n".join(lines).strip()
    if block:
        yield block


def _fence_of(line: str) -> str:
    for sign in ("```", "~~~"):
        if line.startswith(sign):
            fence = line[: len(line) - len(line.lstrip(sign[0]))]
            # Closed on the same line: that is code within a line, no fence.
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
    """Level and title of a Markdown heading; (0, "") for any other line.

    Not a regular expression, which can take minutes on a line of blanks.
    """
    line = line.strip()
    if "\n" in line:
        return 0, ""
    after = line.lstrip("#")
    level = len(line) - len(after)
    if not 1 <= level <= 6 or not after[:1].isspace():
        return 0, ""
    # "#" at the end closes the heading, unless the title consists of nothing else.
    return level, (after.rstrip("#").strip() or after.strip())[:LONGEST_HEADING]


# --- Blocks that are too long ---------------------------------------------------------------------


def _fit(block: str) -> list[str]:
    """A block unchanged if it fits a passage, else cut at the best places."""
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
    """A long line cut at ends of sentences; without any, at blanks; else anywhere."""
    pieces = (
        sentence[start : start + TARGET]
        for sentence in _SENTENCE_END.split(line)
        for start in range(0, len(sentence), TARGET)
    )
    return _joined(pieces, " ")


def _joined(pieces: Iterator[str], between: str) -> list[str]:
    """The pieces combined again, as many as fit into a passage."""
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
