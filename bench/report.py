"""Figures as Markdown tables, in which every absolute figure has its ratio beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isnan
from statistics import median
from typing import Any


@dataclass
class Table:
    """One table of the report; `data` holds its figures for the JSON file."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def markdown(self) -> str:
        lines = [
            f"### {self.title}",
            "",
            _line(self.columns),
            _line(["---", *["---:"] * (len(self.columns) - 1)]),
        ]
        lines += [_line(row) for row in self.rows]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: float) -> str:
    """`value` with three significant digits; a shared machine is less exact than that."""
    if isnan(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """The median, with the smallest and the largest."""
    if not values:
        return "–"
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} [{number(min(values))}–{number(max(values))}]"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """The ratio within each round, because what slowed the machine in a round slowed both."""
    return [a / b if b else float("nan") for a, b in zip(ours, theirs, strict=True)]


def differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def times(values: Sequence[float]) -> str:
    return f"{spread(values)}×" if values else "–"
