"""An account's statement: its transfers, newest first, a page at a time or as one CSV file."""

import csv
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async

from billing.models import Account, Transfer

LINES_PER_PAGE = 50
# Rows fetched at a time for an export: enough to be quick, few enough to be light.
EXPORT_ROWS = 1000
CSV_HEADER = ("time (UTC)", "kind", "credits", "reason", "reply", "transfer", "reverses")


@dataclass(frozen=True)
class Page:
    """`older` is the id to go on from (`?before=`), None on the last page."""

    lines: list[Transfer]
    older: int | None


def page(account: Account, *, before: int | None = None, size: int = LINES_PER_PAGE) -> Page:
    """The lines before the transfer with the id `before`; found by index, however deep the page is."""
    found = account.transfers.order_by("-id")
    if before is not None:
        found = found.filter(id__lt=before)
    lines = list(found[: size + 1])
    return Page(lines[:size], lines[size - 1].pk if len(lines) > size else None)


async def as_csv(account: Account) -> AsyncIterator[str]:
    """The whole statement, some rows at a time, so that an export of any size stays light."""
    yield _csv([CSV_HEADER])
    before: int | None = None
    while True:
        part = await sync_to_async(page)(account, before=before, size=EXPORT_ROWS)
        yield _csv(_cells(line) for line in part.lines)
        before = part.older
        if before is None:
            return


def _cells(line: Transfer) -> tuple[Any, ...]:
    return (
        line.created_at.strftime("%Y-%m-%d %H:%M:%S"),
        line.get_kind_display(),
        line.amount,
        _formula_safe(line.reason),
        line.reply_id or "",
        line.pk,
        line.reverses_id or "",
    )


def _formula_safe(text: str) -> str:
    # A spreadsheet runs a cell that begins so, and an agent's name in a reason is anybody's to choose.
    risky = text.lstrip().startswith(("=", "+", "-", "@")) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if risky else text


class _Text:
    """A file for csv.writer that keeps what is written."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, part: str) -> None:
        self.parts.append(part)


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = _Text()
    csv.writer(text).writerows(rows)
    return "".join(text.parts)
