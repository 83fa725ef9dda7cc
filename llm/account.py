"""The models of a workspace's own provider account, as last listed: which agents can use, and why not the others."""

import datetime as dt
from dataclasses import dataclass, field

from django.utils import timezone

from llm import byo, eligibility, lifecycle, listing, outlook, profiles
from llm.models import ChatModel, ListedModel, ProviderKey
from llm.profiles import Profile
from llm.prospects import Prospect
from workspaces.models import Workspace

# The page shows a stored list of up to this age; for an older one it asks the provider again.
FRESH_FOR = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AccountModel:
    """One model of the account. `last_day`: in words. `refusal`: why agents cannot use it. Either may be empty."""

    row: ListedModel
    profile: Profile
    last_day: str
    is_choosable: bool  # already in the list that agents choose from
    refusal: str


@dataclass(frozen=True, slots=True)
class AccountModels:
    chat: list[AccountModel] = field(default_factory=list)
    rest: list[AccountModel] = field(default_factory=list)


def is_stale(row: ProviderKey) -> bool:
    return row.listed_at is None or timezone.now() - row.listed_at >= FRESH_FOR


def prospect(workspace: Workspace, provider: str) -> Prospect:
    """The prospect of a model that is added from the list: it runs like any custom model of the provider."""
    added = ChatModel(workspace=workspace, provider=provider, price=0)
    return outlook.for_workspace(workspace).prospect(added)


def models_of(workspace: Workspace, row: ProviderKey) -> AccountModels:
    """The stored list of the key's account, in two queries, however long it is."""
    choosable = byo.listed_ids(workspace, row.provider)
    today = timezone.now().date()
    found = AccountModels()
    for listed in row.listed_models.all():
        profile = profiles.resolve(row.provider, listed.model_id, listed=listing.said(listed))
        why = eligibility.refusal(row.provider, listed.model_id, profile, today=today)
        one = AccountModel(
            listed, profile, lifecycle.last_day_words(profile, today), listed.model_id in choosable, why
        )
        (found.rest if why else found.chat).append(one)
    return found
