"""An account's statement: its transfers, newest first, a page at a time or as one CSV file."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async

from billing.models import Account, Transfer
from workspaces import csv_export, page_marks

LINES_PER_PAGE = 50
LOG = "ledger"
# Rows fetched at a time for an export: enough to be fast, few enough to use little memory.
EXPORT_ROWS = 1000
CSV_HEADER = ("time (UTC)", "kind", "credits", "reason", "reply", "transfer", "reverses")


@dataclass(frozen=True)
class StatementPage:
    """`older`: the id to continue from, None on the last page. Addresses carry `older_mark` instead of it (`?before=`)."""

    lines: list[Transfer]
    older: int | None

    @property
    def older_mark(self) -> str:
        return page_marks.mark(self.older, log=LOG) if self.older is not None else ""


def row_id(mark: str) -> int | None:
    """The id that `older_mark` stands for; None when it is not a mark of a statement."""
    return page_marks.row_id(mark, log=LOG)


def page(account: Account, *, before: int | None = None, size: int = LINES_PER_PAGE) -> StatementPage:
    """The lines before the transfer with the id `before`; found by index, however deep the page is."""
    found = account.transfers.order_by("-id")
    if before is not None:
        found = found.filter(id__lt=before)
    lines = list(found[: size + 1])
    return StatementPage(lines[:size], lines[size - 1].pk if len(lines) > size else None)


async def as_csv(account: Account) -> AsyncIterator[str]:
    """The whole statement, some rows at a time, so that an export of any size uses little memory."""
    yield csv_export.lines([CSV_HEADER])
    before: int | None = None
    while True:
        part = await sync_to_async(page)(account, before=before, size=EXPORT_ROWS)
        yield csv_export.lines(_cells(line) for line in part.lines)
        before = part.older
        if before is None:
            return


def _cells(line: Transfer) -> tuple[Any, ...]:
    return (
        line.created_at.strftime(csv_export.TIME_FORMAT),
        line.get_kind_display(),
        line.amount,
        line.reason,
        line.reply_id or "",
        line.pk,
        line.reverses_id or "",
    )
