"""Chat models that their providers shut down: which leave soon, and the mails that say so in time.

A workspace's admins are written to once at each of lifecycle.STAGES. The row of the notice is made before its mail is
sent, so that of two processes one sends it. Only the nearest stage is sent: an agent that is set to the model 20 days
before its end brings the mail of 30 days, not the one of 60. When the last day changes, the stages begin anew.

Who runs on them is told by the caller (agents/shutdowns.py).
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

# Whose account: a workspace's, or the platform's when there is none; with provider and model id.
Account = tuple[int | None, str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """How many agents are set to a chat model, and of how many workspaces."""

    agents: int = 0
    workspaces: int = 0


@dataclass(frozen=True, slots=True)
class LeavingModel:
    """One chat model that leaves, and how widely it is in use."""

    chat_model: ChatModel
    profile: Profile
    last_day: str
    agents: int
    workspaces: int


def catalogue(uses: Mapping[int, Use], today: dt.date) -> list[LeavingModel]:
    """The catalogue's models that leave soon, and the gone ones that are still in use; two queries.

    `uses` are by the chat model's id.
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


# What makes a notice one of its kind, in the order of Due.claim.
CLAIM = ("workspace_id", "provider", "model_id", "shuts_down_on", "days_before")


@dataclass(frozen=True, slots=True)
class Due:
    """One workspace that is to be told of one model, at one of lifecycle.STAGES."""

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
    """Every workspace and model with a stage that has come and was not told; four queries, whatever the number.

    `uses`: the ids of the workspaces that run a chat model, by its id.
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

    Whether this process wrote: another may have been first. When the mail could not be sent, the notice is taken
    back, so that a later round tries again, and OSError or what else went wrong is raised.
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
