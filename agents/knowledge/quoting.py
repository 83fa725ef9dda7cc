"""Splitting a passage into parts that can be quoted alone: sentences, items of a list, rows of a table, code."""

import re
from dataclasses import dataclass
from itertools import chain, repeat

from agents.knowledge import terms

# The most letters of a table's head that are repeated in each row.
MOST_OF_A_HEAD = 80
# The least letters of a line that was broken to fit a page.
LINE = 45
# Not an end of a sentence: the full stops in "20. September", "z. B." and "Dr. Erdem".
_SENTENCE = re.compile(
    r"(?<=[.!?؟।])(?<!\b\d\.)(?<!\b\d\d\.)(?<!\b[^\W\d_]\.)(?<!\b[DMNS][rt]\.)[^\S\n]+|(?<=[。！？])(?=\S)"
)
_BLANK_LINES = re.compile(r"\n[^\S\n]*\n")
_RULE = re.compile(r"[\s|:-]+")
_ITEM = re.compile(r"[^\S\n]*(?:[-*+•]|\d{1,3}[.)])[^\S\n]+")
# No part of the pattern may match a sign at which another attempt starts; otherwise a text of such signs takes time
# by the square of its length.
_LINK = re.compile(r"!?\[([^][]*)\]\([^)[]*\)")
# A line break inside a text of a script without blanks.
_BETWEEN_SIGNS = re.compile(f"(?<=[{terms.BLANKLESS}、。，]) (?=[{terms.BLANKLESS}])")
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])[-‐]\n(?=[^\W\d_])")


@dataclass(frozen=True, slots=True)
class Unit:
    """A part, with the number of its block in the passage.

    `flows`: it follows the previous part in the same line. `leads`: it announces the next parts.
    """

    text: str
    block: int
    flows: bool = False
    leads: bool = False
    # A row of a table, which can be understood alone.
    is_row: bool = False

    @property
    def is_title(self) -> bool:
        """Whether it looks like a title of what follows, in a text without headings."""
        return not self.is_row and len(self.text) <= LINE and self.text[-1:].isalpha()


def units(passage: str) -> list[Unit]:
    """The parts of a passage, in order."""
    found: list[Unit] = []
    for number, block in enumerate(_blocks(passage)):
        if block.startswith(("```", "~~~")):
            found.append(Unit(block, number))
        elif (rows := _table(block)) is not None:
            found += [Unit(row, number, is_row=True) for row in rows]
        else:
            found += _prose(block, number)
    return found


def _blocks(passage: str) -> list[str]:
    blocks: list[str] = []
    in_code = False
    for block in _BLANK_LINES.split(passage):
        if in_code:
            blocks[-1] += f"\n\n{block}"
        else:
            # Code directly below a line of text is a block of its own.
            lead, fence, code = ("", "", "") if block.startswith("```") else block.partition("\n```")
            blocks += [lead, f"```{code}"] if fence else [block]
        in_code = blocks[-1].startswith("```") and blocks[-1].rstrip().count("\n```") < 1
    return [block.strip() for block in blocks if block.strip()]


def _cells(row: str) -> list[str]:
    return [_plain(cell) for cell in row.strip().strip("|").split("|")]


def _table(block: str) -> list[str] | None:
    """The rows of a Markdown table, each as "head: cell"; None if the block is no table."""
    lines = block.split("\n")
    if len(lines) < 3 or "|" not in lines[0] or not _RULE.fullmatch(lines[1]) or "-" not in lines[1]:
        return None
    heads = [head[:MOST_OF_A_HEAD] for head in _cells(lines[0])]
    return [_row(heads, _cells(line)) for line in lines[2:] if line.strip()]


def _row(heads: list[str], cells: list[str]) -> str:
    told = [
        f"{head}: {cell}" if head else cell
        for head, cell in zip(chain(heads, repeat("")), cells, strict=False)
        if cell
    ]
    return " · ".join(told)


def _prose(block: str, number: int) -> list[Unit]:
    """The sentences of a block. An item of a list or a short line is one part, even with several sentences."""
    found: list[Unit] = []
    block = _BROKEN_WORD.sub("", block)
    lines = block.split("\n")
    is_list = any(_ITEM.match(line) for line in lines)
    # Lines that were only broken to fit a page are joined again.
    texts = lines if is_list or _are_short(lines) else [_one_line(lines)]
    for line in texts:
        if not line.strip():
            continue
        if _ITEM.match(line):
            found.append(Unit(_plain(line), number))
            continue
        for place, sentence in enumerate(_SENTENCE.split(line)):
            text = _plain(sentence)
            if text:
                found.append(Unit(text, number, flows=place > 0, leads=text.endswith((":", "："))))
    return found


def _are_short(lines: list[str]) -> bool:
    """Whether each line stands alone, as in a menu or in opening hours."""
    # A sign of a script without blanks counts as two letters: it is as wide, and says as much.
    width = sum(len(line) + sum(map(terms.is_blankless, line)) for line in lines)
    return len(lines) > 1 and width < LINE * len(lines)


def _one_line(lines: list[str]) -> str:
    text = " ".join(line.strip() for line in lines)
    return _BETWEEN_SIGNS.sub("", text)


def _plain(text: str) -> str:
    return _LINK.sub(lambda match: match[1], text.strip().lstrip("#>").strip()).replace("**", "")
