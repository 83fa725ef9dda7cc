"""The credits page, with the catalogue's prices and links to receipts, and the ledger's export."""

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from billing import chart, free, ledger, statement, usage
from billing.models import Account
from bookbag.pages.prices import price_list
from llm import outlook
from workspaces import csv_export
from workspaces.access import WorkspaceRequest, admin_required, viewer_required
from workspaces.models import Workspace


def _account(workspace: Workspace) -> Account:
    accounts = Account.objects.select_related("plan", "workspace__created_by", "free_allotment")
    return get_object_or_404(accounts, workspace=workspace)


def _before(request: WorkspaceRequest) -> int | None:
    """The id that the mark in `?before=` stands for. Raises BadRequest for an invalid mark."""
    given = request.GET.get("before")
    if given is None:
        return None
    if (found := statement.row_id(given)) is None:
        raise BadRequest("There is no such page of the ledger.")
    return found


@viewer_required
@require_safe
def credits_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """The credits page.

    Context: `account`, `usage` (its figures), `free_note` (why it gets no free credits, or None), `chart`, `prices`
    and `page` (the ledger's lines).
    """
    account = ledger.refresh_with_free_allotment(_account(workspace))
    figures, routes = usage.figures(account), outlook.for_workspace(workspace)
    context = {
        "workspace": workspace,
        "account": account,
        "usage": figures,
        "free_note": free.note(account, reader=request.user),  # type: ignore[arg-type]
        "chart": chart.plot(figures.days),
        "prices": price_list(routes),
        "byo_enabled": routes.byo_enabled,
        "page": statement.page(account, before=_before(request)),
        "metering_enabled": settings.METERING_ENABLED,
    }
    return render(request, "bookbag/credits/page.html", context)


@admin_required
@require_safe
def ledger_csv(request: WorkspaceRequest, workspace: Workspace) -> HttpResponseBase:
    return csv_export.attachment(statement.as_csv(_account(workspace)), f"ledger-{workspace.slug}.csv")
