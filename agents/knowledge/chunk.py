"""Cutting a source's text into passages: whole paragraphs under their heading, small enough to quote."""

import re
from typing import NamedTuple

# Characters. Long enough for an answer with its context, short enough to quote and to fit several in a prompt.
TARGET = 900
BETWEEN = "\n\n"

_BLANK_LINES = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class Chunk(NamedTuple):
    heading: str
    text: str


def chunks(text: str) -> list[Chunk]:
    """The passages of `text`, plain or Markdown, in order."""
    result: list[Chunk] = []
    for heading, paragraphs in _sections(text):
        current: list[str] = []
        size = 0
        for paragraph in (part for whole in paragraphs for part in _fit(whole)):
            if current and size + len(paragraph) > TARGET:
                result.append(Chunk(heading, BETWEEN.join(current)))
                current, size = [], 0
            current.append(paragraph)
            size += len(paragraph) + len(BETWEEN)
        if current:
            result.append(Chunk(heading, BETWEEN.join(current)))
    return result


def _sections(text: str) -> list[tuple[str, list[str]]]:
    sections: list[tuple[str, list[str]]] = [("", [])]
    for block in _BLANK_LINES.split(text.replace("\r\n", "\n")):
        first, _, rest = block.strip("\n").partition("\n")
        title = _title(first)
        if title:
            sections.append((title[:200], []))
        body = (rest if title else block).strip()
        if body:
            sections[-1][1].append(body)
    return sections


def _title(line: str) -> str:
    """The title of a Markdown heading; empty for any other line. (A pattern for it can take minutes on blanks.)"""
    line = line.strip()
    after = line.lstrip("#")
    level = len(line) - len(after)
    if not 1 <= level <= 6 or not after[:1].isspace():
        return ""
    # Signs at the end close the heading, unless they are all of it.
    return after.rstrip("#").strip() or after.strip()


def _fit(paragraph: str) -> list[str]:
    """A paragraph as it is, or cut at sentence ends (or, without any, anywhere) to fit a passage."""
    if len(paragraph) <= TARGET:
        return [paragraph]
    parts: list[str] = [""]
    for sentence in _SENTENCE_END.split(paragraph):
        for start in range(0, len(sentence), TARGET):
            slice_ = sentence[start : start + TARGET]
            if parts[-1] and len(parts[-1]) + len(slice_) >= TARGET:
                parts.append("")
            parts[-1] = f"{parts[-1]} {slice_}".strip()
    return [part for part in parts if part]
