"""The credits page and the export of the ledger."""

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from billing import chart, ledger, prices, statement, usage
from billing.models import Account
from workspaces.access import WorkspaceRequest, admin_required, viewer_required
from workspaces.models import Workspace


def _account(workspace: Workspace) -> Account:
    return get_object_or_404(Account.objects.select_related("plan"), workspace=workspace)


def _before(request: WorkspaceRequest) -> int | None:
    """The id in `?before=`; BadRequest unless it could be one."""
    given = request.GET.get("before")
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 19):
        raise BadRequest("There is no such page of the ledger.")
    return int(given)


@viewer_required
@require_safe
def credits_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Context: `account`, `usage` (its figures), `chart`, `prices` and `page` (the ledger's lines)."""
    account = ledger.refresh_if_due(_account(workspace))
    figures = usage.of(account)
    context = {
        "workspace": workspace,
        "account": account,
        "usage": figures,
        "chart": chart.of(figures.days),
        "prices": prices.price_list(),
        "page": statement.page(account, before=_before(request)),
        "metering_enabled": settings.METERING_ENABLED,
    }
    return render(request, "billing/credits.html", context)


@admin_required
@require_safe
def ledger_csv(request: WorkspaceRequest, workspace: Workspace) -> HttpResponseBase:
    return StreamingHttpResponse(
        statement.as_csv(_account(workspace)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="ledger-{workspace.slug}.csv"'},
    )
