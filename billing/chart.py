"""A bar chart as numbers for SVG attributes, since the page's content security policy forbids inline styles."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.usage import Day
from workspaces.figures import grouped

WIDTH, HEIGHT = 640, 160
LEFT, RIGHT, TOP, BASE = 56, 624, 16, 132
GAP = 4
# As many dates under the axis as fit without touching.
LABELS = 5


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    day: Day


@dataclass(frozen=True)
class AxisLabel:
    """A number beside a grid line, or a date under the axis, at a position in the drawing."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    grid: list[AxisLabel]
    dates: list[AxisLabel]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT


def plot(days: Sequence[Day]) -> Chart:
    """The days as bars, their height in proportion to a round figure at or above the largest."""
    top = _round_up(max((day.credits for day in days), default=0))
    step = (RIGHT - LEFT) / max(len(days), 1)
    per_unit = (BASE - TOP) / top
    bars = [
        Bar(
            x=round(LEFT + number * step + GAP / 2, 2),
            y=round(BASE - day.credits * per_unit, 2),
            width=round(step - GAP, 2),
            height=round(day.credits * per_unit, 2),
            day=day,
        )
        for number, day in enumerate(days)
    ]
    return Chart(bars, _grid(top), _dates(bars))


def _grid(top: int) -> list[AxisLabel]:
    values = [top, top // 2, 0] if top > 1 else [top, 0]
    return [
        AxisLabel(at=round(BASE - value * (BASE - TOP) / top, 2), text=grouped(value)) for value in values
    ]


def _dates(bars: Sequence[Bar]) -> list[AxisLabel]:
    every = max((len(bars) - 1) // (LABELS - 1), 1)
    # Every n-th day from the right, so that today is always labelled.
    return [
        AxisLabel(at=round(bar.x + bar.width / 2, 2), text=f"{bar.day.date:%-d %b}")
        for bar in bars[::-1][::every]
    ]


def _round_up(most: int) -> int:
    """The smallest of 1, 2, 4, 6, 10, 20, 40, 60, 100… that is not below the value.

    Half of each but the first is a whole number, for the middle grid line.
    """
    scale = 1
    while True:
        for factor in (1, 2, 4, 6):
            if factor * scale >= most:
                return factor * scale
        scale *= 10
