"""Chat models that their providers shut down: who runs agents on them, and the mails that say so in time.

A workspace's admins are written to once at each of lifecycle.STAGES. The row of the notice is made before its mail is
sent, so that of two processes one sends it. Only the nearest stage is sent: an agent that is set to the model 20 days
before its end brings the mail of 30 days, not the one of 60. When the last day changes, the stages begin anew.

Agents belong to another app, which depends on this one; they are read through reverse relations.
"""

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from llm import lifecycle, listing, notices, outlook
from llm.models import ChatModel, ListedModel, LLMSettings, ProviderKey, ShutdownNotice
from llm.profiles import Profile
from workspaces.models import Workspace

log = logging.getLogger(__name__)

# Whose account: a workspace's, or the platform's when there is none; with provider and model id.
Account = tuple[int | None, str, str]


@dataclass(frozen=True, slots=True)
class Leaving:
    """One chat model that leaves, and how widely it is in use."""

    chat_model: ChatModel
    profile: Profile
    last_day: str
    agents: int
    workspaces: int


def catalogue(today: dt.date) -> list[Leaving]:
    """The catalogue's models that leave soon, and the gone ones that agents are still set to; two queries."""
    in_use = ~Q(agents__status="archived")
    rows = ChatModel.objects.filter(workspace=None).annotate(
        agent_count=Count("agents", filter=in_use),
        workspace_count=Count("agents__workspace", filter=in_use, distinct=True),
    )
    models = list(rows.order_by("position", "name"))
    listed = _listed(models, Q(provider_key__workspace=None))
    found = [_leaving(row, listed, today) for row in models]
    soon = [one for one in found if lifecycle.is_leaving(one.profile, today)]
    return [one for one in soon if one.agents or not one.profile.is_gone(today)]


def _leaving(row: ChatModel, listed: dict[Account, ListedModel], today: dt.date) -> Leaving:
    profile = listing.profile_of(row, listed.get((None, row.provider, row.model_id)))
    words = lifecycle.last_day_words(profile, today)
    return Leaving(row, profile, words, row.agent_count, row.workspace_count)  # type: ignore[attr-defined]


def _listed(models: Sequence[ChatModel], whose: Q) -> dict[Account, ListedModel]:
    rows = ListedModel.objects.filter(
        whose,
        provider_key__state=ProviderKey.State.ACTIVE,
        model_id__in={row.model_id for row in models},
    ).select_related("provider_key")
    rows = rows.defer("provider_key__wrapped_dek", "provider_key__nonce", "provider_key__ciphertext")
    return {(row.provider_key.workspace_id, row.provider_key.provider, row.model_id): row for row in rows}


# --- Mails ---------------------------------------------------------------------------------------


# What makes a notice one of its kind, in the order of _Due.claim.
CLAIM = ("workspace_id", "provider", "model_id", "shuts_down_on", "days_before")


@dataclass(frozen=True, slots=True)
class _Due:
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


def tell(today: dt.date | None = None) -> int:
    """Write to the admins of every workspace whose active agents run on a model that leaves; returns how many notices.

    Safe to repeat and to run beside itself: each notice is sent once. `today` is the date in UTC.
    """
    day = today or outlook.today()
    due = list(_due(day))
    days = {one.last_day for one in due}
    told = set(ShutdownNotice.objects.filter(shuts_down_on__in=days).values_list(*CLAIM))
    sent = 0
    for one in due:
        if tuple(one.claim.values()) in told:
            continue
        try:
            sent += _tell(one, day)
        except OSError as problem:
            log.warning("mails about models that leave wait for the mail server: %s", type(problem).__name__)
            break
    return sent


def _due(today: dt.date) -> Iterator[_Due]:
    """Every workspace and model with a stage that has come. Four queries, whatever the number of workspaces."""
    workspaces: dict[int, set[int]] = defaultdict(set)
    in_use = ChatModel.objects.filter(agents__status="active").exclude(provider="local")
    for chat_model_id, workspace_id in in_use.values_list("pk", "agents__workspace").distinct().order_by():
        workspaces[chat_model_id].add(workspace_id)
    models = list(ChatModel.objects.filter(pk__in=in_use.values("pk")))
    own = LLMSettings.objects.filter(byo_enabled=True).values_list("workspace_id", flat=True)
    listed = _listed(models, Q(provider_key__workspace=None) | Q(provider_key__workspace__in=own))
    byo = set(own)
    for row in models:
        for workspace_id in sorted(workspaces[row.pk]):
            account = workspace_id if workspace_id in byo else None
            profile = listing.profile_of(row, listed.get((account, row.provider, row.model_id)))
            day, stage = profile.shuts_down_on, lifecycle.stage(profile, today)
            if day is not None and stage is not None:
                yield _Due(workspace_id, row, profile, day, stage)


def _tell(due: _Due, today: dt.date) -> bool:
    """True when this process sent the mail. When sending fails, the error ends this round, and a later one tries again."""
    workspace = Workspace.objects.get(pk=due.workspace_id)
    in_use = workspace.agents.filter(chat_model=due.chat_model, status="active")
    agents = list(in_use.order_by("name").values_list("name", flat=True))
    if not agents:  # moved meanwhile
        return False
    notice, is_ours = ShutdownNotice.objects.get_or_create(**due.claim)
    if not is_ours:
        return False
    try:
        notices.tell_of_shutdown(workspace, due.chat_model, due.profile, agents, today)
    except Exception:
        notice.delete()
        raise
    return True
