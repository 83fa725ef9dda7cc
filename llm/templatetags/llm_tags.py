"""What templates show of provider keys and of money owed to providers."""

import datetime as dt
from typing import Any

from django import template
from django.db.models import Q
from django.utils import timezone
from django.utils.timesince import timesince

from llm import outlook, shutdowns, vault
from llm.models import Provider, ProviderKey
from llm.providers import roster

register = template.Library()

MILLIONTHS = 1_000_000


@register.filter
def dollars(millionths: int | None) -> str:
    """Millionths of a US dollar, for reading: cents, or more places for less than a cent."""
    if millionths is None:
        return "unknown"
    if 0 < millionths < MILLIONTHS // 100:
        return f"${millionths / MILLIONTHS:.4f}" if millionths >= 100 else "under $0.0001"
    return f"${millionths / MILLIONTHS:,.2f}"


@register.filter
def ago(moment: dt.datetime) -> str:
    """How long ago, in one unit: "3 hours ago"."""
    if timezone.now() - moment < dt.timedelta(minutes=1):
        return "just now"
    return f"{timesince(moment, depth=1)} ago"


@register.inclusion_tag("llm/admin/_leaving.html")
def models_that_leave() -> dict[str, Any]:
    """For operators: the catalogue's models that leave soon, and who runs on them; two queries."""
    return {"leaving": shutdowns.catalogue(outlook.today())}


@register.filter
def commas(names: str) -> str:
    """Names as they are stored, separated by blanks, for reading: "temperature, thinking"."""
    return ", ".join(names.split())


@register.simple_tag
def provider_names(conjunction: str) -> str:
    """The providers that take keys, in a sentence: "OpenAI and Anthropic"."""
    return roster.labels(conjunction)


@register.inclusion_tag("llm/_banner.html", takes_context=True)
def llm_banner(context: template.Context) -> dict[str, Any]:
    """On every page of a workspace: which of its keys stop its agents. Shown to its members; one query."""
    request, workspace = context.get("request"), context.get("workspace")
    membership = getattr(request, "membership", None)
    if workspace is None or membership is None or membership.workspace_id != workspace.pk:
        return {"broken": []}
    failing = Q(health__in=[ProviderKey.Health.REJECTED, ProviderKey.Health.UNREADABLE])
    rows = ProviderKey.objects.filter(
        failing | ~Q(kek_id__in=vault.ring().ids),
        workspace=workspace,
        state=ProviderKey.State.ACTIVE,
        workspace__llm_settings__byo_enabled=True,
    ).values_list("provider", "health")
    broken = [
        {"name": Provider(provider).label, "rejected": health == ProviderKey.Health.REJECTED}
        for provider, health in rows
    ]
    return {"broken": broken, "workspace": workspace, "is_admin": membership.is_admin}
