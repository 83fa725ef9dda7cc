"""Exports: what a spreadsheet would run is marked as text, and nothing else is changed."""

import csv
import io
from typing import Any

import pytest

from workspaces import csv_export


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1+1", "\t=1", "\r=1", "\nx"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    assert csv_export.formula_safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "Acme", "a=b", "'quoted'", -5, 0, None])
def test_anything_else_stays_as_it_is(cell: object) -> None:
    assert csv_export.formula_safe(cell) == cell


def test_lines_are_read_back_as_they_were() -> None:
    rows: list[list[Any]] = [["a,b", 'say "x"', "two\nlines"], [-5, None, "=1"]]

    assert list(csv.reader(io.StringIO(csv_export.lines(rows), newline=""))) == [
        ["a,b", 'say "x"', "two\nlines"],
        ["-5", "", "'=1"],
    ]
