"""Chat models that their providers shut down: which leave soon, and the mails that warn of it.

A workspace's admins are mailed once at each of lifecycle.STAGES. The notice's row is stored before its mail is sent,
so that only one of two processes sends it. Only the latest stage that has come is sent: if an agent is set to the
model 20 days before its end, the mail of the 30-day stage is sent, not the one of 60 days. When the last day
changes, all stages are sent again.

The caller says which agents use the models (agents/shutdowns.py).
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from llm import lifecycle, listing, notices
from llm.models import ChatModel, ListedModel, LLMSettings, ProviderKey, ShutdownNotice
from llm.profiles import Profile
from workspaces.models import Workspace

# The account, as a workspace's id or None for the platform; with provider and model id.
Account = tuple[int | None, str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """How many agents, in how many workspaces, are set to a chat model."""

    agents: int = 0
    workspaces: int = 0


@dataclass(frozen=True, slots=True)
class LeavingModel:
    """One chat model that leaves, with its use."""

    chat_model: ChatModel
    profile: Profile
    last_day: str
    agents: int
    workspaces: int


def catalogue(uses: Mapping[int, Use], today: dt.date) -> list[LeavingModel]:
    """The catalogue's models that leave soon, and gone ones that are still in use, in two queries.

    `uses`: by the chat model's id.
    """
    models = list(ChatModel.objects.filter(workspace=None).order_by("position", "name"))
    listed = _listed(models, Q(provider_key__workspace=None))
    found = [_leaving(row, uses.get(row.pk, Use()), listed, today) for row in models]
    soon = [one for one in found if lifecycle.is_leaving(one.profile, today)]
    return [one for one in soon if one.agents or not one.profile.is_gone(today)]


def _leaving(row: ChatModel, use: Use, listed: dict[Account, ListedModel], today: dt.date) -> LeavingModel:
    profile = listing.profile_of(row, listed.get((None, row.provider, row.model_id)))
    return LeavingModel(row, profile, lifecycle.last_day_words(profile, today), use.agents, use.workspaces)


def _listed(models: Sequence[ChatModel], whose: Q) -> dict[Account, ListedModel]:
    rows = ListedModel.objects.filter(
        whose,
        provider_key__state=ProviderKey.State.ACTIVE,
        model_id__in={row.model_id for row in models},
    ).select_related("provider_key")
    rows = rows.defer("provider_key__wrapped_dek", "provider_key__nonce", "provider_key__ciphertext")
    return {(row.provider_key.workspace_id, row.provider_key.provider, row.model_id): row for row in rows}


# --- Mails ---------------------------------------------------------------------------------------


# The columns that identify a notice, in the order in which Due.claim uses them.
CLAIM = ("workspace_id", "provider", "model_id", "shuts_down_on", "days_before")


@dataclass(frozen=True, slots=True)
class Due:
    """One workspace to be told of one model, at one of lifecycle.STAGES."""

    workspace_id: int
    chat_model: ChatModel
    profile: Profile
    last_day: dt.date
    stage: int

    @property
    def claim(self) -> dict[str, Any]:
        row = self.chat_model
        values = (self.workspace_id, row.provider, row.model_id, self.last_day, self.stage)
        return dict(zip(CLAIM, values, strict=True))


def due(uses: Mapping[int, Set[int]], today: dt.date) -> list[Due]:
    """Every workspace and model with a stage that has come but was not told; always four queries.

    `uses`: by a chat model's id, the ids of the workspaces that use it.
    """
    reached = list(_reached(uses, today))
    days = {one.last_day for one in reached}
    told = set(ShutdownNotice.objects.filter(shuts_down_on__in=days).values_list(*CLAIM))
    return [one for one in reached if tuple(one.claim.values()) not in told]


def _reached(uses: Mapping[int, Set[int]], today: dt.date) -> Iterator[Due]:
    models = list(ChatModel.objects.filter(pk__in=uses))
    own = LLMSettings.objects.filter(byo_enabled=True).values_list("workspace_id", flat=True)
    listed = _listed(models, Q(provider_key__workspace=None) | Q(provider_key__workspace__in=own))
    byo = set(own)
    for row in models:
        for workspace_id in sorted(uses[row.pk]):
            account = workspace_id if workspace_id in byo else None
            profile = listing.profile_of(row, listed.get((account, row.provider, row.model_id)))
            day, stage = profile.shuts_down_on, lifecycle.stage(profile, today)
            if day is not None and stage is not None:
                yield Due(workspace_id, row, profile, day, stage)


def tell(due: Due, workspace: Workspace, users: list[str], link: str, today: dt.date) -> bool:
    """Mail the admins of `workspace` which agents (`users`) lose their chat model; `link` leads to the way out.

    Returns whether this process sent it; another may have been first. If the mail cannot be sent, the notice's row
    is deleted, so that a later round tries again, and the error is raised (OSError, for example).
    """
    notice, is_ours = ShutdownNotice.objects.get_or_create(**due.claim)
    if not is_ours:
        return False
    try:
        notices.tell_of_shutdown(workspace, due.chat_model, due.profile, users, link, today)
    except Exception:
        notice.delete()
        raise
    return True
