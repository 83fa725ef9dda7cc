"""Template tags for provider keys and chat models."""

import datetime as dt
from typing import Any

from django import template
from django.db.models import Q
from django.utils import timezone
from django.utils.timesince import timesince

from llm import vault
from llm.models import Provider, ProviderKey
from llm.providers import roster

register = template.Library()


@register.filter
def ago(moment: dt.datetime) -> str:
    """The age of a moment in one unit: "3 hours ago"."""
    if timezone.now() - moment < dt.timedelta(minutes=1):
        return "just now"
    return f"{timesince(moment, depth=1)} ago"


@register.filter
def commas(names: str) -> str:
    """Names that are stored separated by blanks, with commas: "temperature, thinking"."""
    return ", ".join(names.split())


@register.simple_tag
def provider_names(conjunction: str) -> str:
    """The providers that take keys, for a sentence: "OpenAI and Anthropic"."""
    return roster.labels(conjunction)


@register.inclusion_tag("llm/_banner.html", takes_context=True)
def llm_banner(context: template.Context) -> dict[str, Any]:
    """The notice on every page of a workspace, for its members, about keys that stop its agents. One query."""
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
