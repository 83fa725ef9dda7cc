"""Telling a workspace's admins, once in each period, when its credits run low and when they are used up."""

from django.conf import settings
from django.db.models import F, OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone

from billing import plans
from billing.models import Account, Transfer
from workspaces import inbox
from workspaces.figures import credits

# Low means less than a tenth of the month's allotment.
SHARE = 10


def tell() -> int:
    """Check every account with an allotment; returns how many are low or used up."""
    if not settings.METERING_ENABLED:
        return 0
    # The allotment of the running period, which may come from the account's previous plan.
    allotments = Transfer.objects.filter(
        account=OuterRef("pk"), kind=Transfer.Kind.GRANT_PLAN, bucket__expires_at__gt=timezone.now()
    ).order_by("-created_at")
    low = (
        Account.objects.select_related("workspace")
        .annotate(allotment=Subquery(allotments.values("amount")[:1]))
        .filter(posted__lt=F("held") + F("allotment") / SHARE)
    )
    found = list(low)
    for account in found:
        available = account.posted - account.held
        workspace = account.workspace
        out = available <= 0
        inbox.tell(
            inbox.admins_of(workspace),
            inbox.Kind.CREDITS_OUT if out else inbox.Kind.CREDITS_LOW,
            workspace=workspace,
            # A notice is given once a period, and the next allotment begins a new one.
            once=f"{account.pk}:{plans.period(account.created_at, timezone.now()).start:%Y-%m-%d}",
            text=f"{workspace.name} has used up its credits: replies on credits are refused until there are more."
            if out
            else f"{workspace.name} has {credits(available)} left, less than a tenth of this month's allotment.",
            link=reverse("workspaces:workspace", args=[workspace.slug]) + "credits/",
        )
    return len(found)
