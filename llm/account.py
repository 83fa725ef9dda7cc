"""The models of a workspace's own provider account, as last listed: which agents can be given, and why not the rest."""

import datetime as dt
from dataclasses import dataclass, field

from django.utils import timezone

from llm import byo, eligibility, lifecycle, listing, profiles
from llm.models import ListedModel, ProviderKey
from llm.profiles import Profile
from workspaces.models import Workspace

# A stored list this young is shown as it is; reading the page asks the provider only for an older one.
FRESH_FOR = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AccountModel:
    """One model of the account. `last_day` in words, `refusal` why agents cannot be given it: either may be empty."""

    row: ListedModel
    profile: Profile
    last_day: str
    is_choosable: bool  # agents can be given it already
    refusal: str


@dataclass(frozen=True, slots=True)
class AccountModels:
    chat: list[AccountModel] = field(default_factory=list)
    rest: list[AccountModel] = field(default_factory=list)


def is_stale(row: ProviderKey) -> bool:
    return row.listed_at is None or timezone.now() - row.listed_at >= FRESH_FOR


def models_of(workspace: Workspace, row: ProviderKey) -> AccountModels:
    """What the stored list of the key's account holds: two queries, however long it is."""
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
