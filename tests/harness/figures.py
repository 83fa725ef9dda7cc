"""Figures that tests measure: printed at the end of the run, never judged by a clock."""

from collections.abc import Callable

import pytest

Figure = Callable[[str, object], None]
MARK = "figure: "


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    """`figure("lost replies", 0)`."""
    return lambda what, value: record_property(f"{MARK}{what}", value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [
        f"{what.removeprefix(MARK)}: {value}"
        for report in reports
        for what, value in (report.user_properties if report.when == "call" else [])
        if what.startswith(MARK)
    ]
    if lines:
        terminalreporter.section("figures")
        terminalreporter.write("\n".join(lines) + "\n")
