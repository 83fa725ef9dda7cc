"""Queries for provider keys: all, the active one, the one that can be restored. None is opened."""

import datetime as dt

from django.utils import timezone

from llm.models import ProviderKey, ProviderKeyQuerySet
from workspaces.models import Workspace

RESTORE_WITHIN = dt.timedelta(hours=24)

State = ProviderKey.State


def held_by(workspace: Workspace | None) -> ProviderKeyQuerySet:
    """The workspace's keys in every state; the platform's when `workspace` is None."""
    return ProviderKey.objects.filter(workspace=workspace)


def active(workspace: Workspace | None, provider: str) -> ProviderKey | None:
    """The one key of `provider` that replies run on."""
    return held_by(workspace).filter(provider=provider, state=State.ACTIVE).first()


def restorable(workspace: Workspace | None, provider: str) -> ProviderKey | None:
    """The key that was superseded last, while it can still be restored."""
    since = timezone.now() - RESTORE_WITHIN
    rows = held_by(workspace).filter(provider=provider, state=State.SUPERSEDED, retired_at__gt=since)
    return rows.sealed().order_by("-retired_at").first()
