"""The model list of a provider account: fetched with a key, at no cost of tokens, and stored with that key.

No database connection is held while a provider is asked: a slow one would otherwise empty the pool for everybody.
"""

from dataclasses import fields
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from llm import profiles, shape
from llm.models import ChatModel, ListedModel, ProviderKey
from llm.providers.base import Checked, Listing, check
from llm.providers.twins import twin_of
from llm.vault import Secret

# A row of a raw SQL statement that has the model's columns under their own names.
Columns = Any
# The time limit for fetching a whole list, from connecting to the last page.
CHECK_SECONDS = 5.0


def base_url(provider: str, region: str = "") -> str:
    """The only address that a key of `provider` is sent to. `region`: one of the provider's regions, or empty."""
    regional: str = settings.PROVIDER_REGION_URLS.get(provider, {}).get(region, "")
    return regional or str(settings.PROVIDER_BASE_URLS[provider])


def regions(provider: str) -> list[str]:
    """The data-residency regions that a key of `provider` can have; none when the operator has set another address."""
    return list(settings.PROVIDER_REGION_URLS.get(provider, {}))


def ask(provider: str, secret: Secret, *, region: str = "") -> Checked:
    """Check `secret` with `provider` within CHECK_SECONDS.

    Returns the key's health, and its account's models if it may list them.
    """
    if not connection.in_atomic_block:
        connection.close()
    return ask_at(base_url(provider, region), provider, secret)


def ask_at(url: str, provider: str, secret: Secret) -> Checked:
    """The same, asking the server at `url`."""
    twin = twin_of(provider)

    async def once() -> Checked:
        return await check(twin.list_models(secret, base_url=url, seconds=CHECK_SECONDS))

    return async_to_sync(once)()


@transaction.atomic
def store(row: ProviderKey, models: list[Listing]) -> None:
    """Replace the stored list of the key's account. Two calls at the same time run one after the other."""
    ProviderKey.objects.select_for_update().filter(pk=row.pk).first()
    row.listed_models.all().delete()
    # Model ids come from the provider and are shown on pages, so one that looks like a key is dropped.
    rows = {one.model_id: _row(row, one) for one in models if not shape.may_be_secret(one.model_id)}
    ListedModel.objects.bulk_create(rows.values(), batch_size=500)
    ProviderKey.objects.filter(pk=row.pk).update(listed_at=timezone.now())


def _row(provider_key: ProviderKey, one: Listing) -> ListedModel:
    said = one.listed
    return ListedModel(
        provider_key=provider_key,
        model_id=one.model_id,
        name=one.name,
        lifecycle=said.lifecycle,
        shuts_down_on=said.shuts_down_on,
        context_tokens=said.context_tokens,
        output_limit=said.output_limit,
        efforts=None if said.efforts is None else " ".join(said.efforts),
        thinking=None if said.thinking is None else " ".join(said.thinking),
    )


def profile_of(chat_model: ChatModel, listed: ListedModel | None = None) -> profiles.Profile:
    """The profile of a stored chat model. `listed`: its row in the list of the account that would run it."""
    return profiles.resolve(
        chat_model.provider,
        chat_model.model_id,
        listed=said(listed) if listed else None,
        left_out=chat_model.left_out,
        own_word=own_word(chat_model),
    )


_OWN_WORD = [one.name for one in fields(profiles.OwnWord)]
_LISTED = [one.name for one in fields(profiles.ListedProfile)]


def own_word(row: ChatModel | Columns) -> profiles.OwnWord:
    """What an operator or admin entered about a chat model, as the plain value that llm/profiles.py takes."""
    stored = {name: getattr(row, name) for name in _OWN_WORD}
    takes = stored["takes_temperature"]
    return profiles.OwnWord(
        **stored
        | {
            "takes_temperature": None if takes is None else bool(takes),
            "efforts": tuple(stored["efforts"].split()),
        }
    )


def said(row: ListedModel | Columns) -> profiles.ListedProfile:
    """A stored row as the plain value that llm/profiles.py takes."""
    stored = {name: getattr(row, name) for name in _LISTED}
    return profiles.ListedProfile(**stored | {name: _words(stored[name]) for name in ("efforts", "thinking")})


def _words(stored: str | None) -> tuple[str, ...] | None:
    return None if stored is None else tuple(stored.split())
