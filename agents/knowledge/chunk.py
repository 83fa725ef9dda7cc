"""Cutting a source's text into passages: whole paragraphs under their heading, small enough to quote."""

import re
from dataclasses import dataclass

# Characters. Long enough for an answer with its context, short enough to quote and to fit several in a prompt.
TARGET = 900

_HEADING = re.compile(r"^#{1,6}\s+(?P<title>.+?)\s*#*$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    heading: str
    text: str


def pieces(text: str) -> list[Piece]:
    """The passages of `text`, plain or Markdown, in order."""
    result: list[Piece] = []
    for heading, paragraphs in _sections(text):
        current: list[str] = []
        for paragraph in (part for whole in paragraphs for part in _fit(whole)):
            if current and sum(map(len, current)) + len(paragraph) > TARGET:
                result.append(Piece(heading, "\n\n".join(current)))
                current = []
            current.append(paragraph)
        if current:
            result.append(Piece(heading, "\n\n".join(current)))
    return result


def _sections(text: str) -> list[tuple[str, list[str]]]:
    sections: list[tuple[str, list[str]]] = [("", [])]
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = block.strip("\n").split("\n")
        match = _HEADING.match(lines[0].strip())
        if match:
            sections.append((match["title"][:200], []))
            lines = lines[1:]
        body = "\n".join(lines).strip()
        if body:
            sections[-1][1].append(body)
    return sections


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
