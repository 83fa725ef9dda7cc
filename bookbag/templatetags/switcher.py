"""The menu of a person's workspaces in the top bar, with what needs attention in each.

One query, however many there are.
"""

from dataclasses import dataclass
from typing import Any

from django import template
from django.conf import settings
from django.db.models import Exists, OuterRef

from llm.models import ProviderKey
from workspaces.models import Membership, Workspace

register = template.Library()

# More workspaces are on the page of all of them.
MOST = 20


@dataclass(frozen=True)
class SwitcherEntry:
    """One workspace. `attention`: empty if nothing needs it."""

    workspace: Workspace
    attention: str
    is_here: bool


@register.inclusion_tag("_switcher.html", takes_context=True)
def switcher(context: template.Context) -> dict[str, Any]:
    here: Workspace = context["workspace"]
    rejected = ProviderKey.objects.filter(
        workspace=OuterRef("workspace"),
        state=ProviderKey.State.ACTIVE,
        health__in=[ProviderKey.Health.REJECTED, ProviderKey.Health.UNREADABLE],
        workspace__llm_settings__byo_enabled=True,
    )
    found = (
        Membership.objects.filter(user_id=context["user"].pk)
        .select_related("workspace__account", "workspace__llm_settings")
        .annotate(has_broken_key=Exists(rejected))
        .order_by("workspace__name", "pk")[: MOST + 1]
    )
    entries = [SwitcherEntry(one.workspace, _attention(one), one.workspace_id == here.pk) for one in found]
    return {"here": here, "entries": entries[:MOST], "there_are_more": len(entries) > MOST}


def _attention(membership: Any) -> str:
    """What needs attention in a workspace; only the most serious problem."""
    workspace = membership.workspace
    if workspace.is_suspended:
        return "suspended"
    if membership.has_broken_key:
        return "a provider key fails"
    account = getattr(workspace, "account", None)
    llm_settings = getattr(workspace, "llm_settings", None)
    pays_credits = settings.METERING_ENABLED and not (llm_settings and llm_settings.byo_enabled)
    return "no credits left" if account and pays_credits and account.available <= 0 else ""
