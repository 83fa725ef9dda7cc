"""CSV exports, made in parts, with cells that no spreadsheet runs as a formula."""

import csv
from collections.abc import AsyncIterator, Iterable
from typing import Any

from django.http import StreamingHttpResponse

FORMULA_SIGNS = ("=", "+", "-", "@")
FEEDS = ("\t", "\r", "\n")
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def attachment(parts: AsyncIterator[str], name: str) -> StreamingHttpResponse:
    """A response that the browser saves as the file `name`. `parts`: the text of the CSV file."""
    return StreamingHttpResponse(
        parts,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def lines(rows: Iterable[Iterable[Any]]) -> str:
    """`rows` as lines of CSV. Numbers stay numbers; a text that a spreadsheet would run gets an apostrophe."""
    file = _Text()
    csv.writer(file).writerows([formula_safe(cell) for cell in row] for row in rows)
    return "".join(file.parts)


def formula_safe(cell: Any) -> Any:
    """`cell`, with an apostrophe before a text that a spreadsheet would run.

    Needed because anybody can choose a name or an address.
    """
    if not isinstance(cell, str):
        return cell
    return f"'{cell}" if cell.lstrip().startswith(FORMULA_SIGNS) or cell.startswith(FEEDS) else cell


class _Text:
    """A file object for csv.writer that collects what is written."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, part: str) -> None:
        self.parts.append(part)
