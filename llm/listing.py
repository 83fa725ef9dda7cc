"""The model list of a provider account: fetched with a key, at no cost of tokens, and stored with that key.

No database connection is held while a provider is asked: a slow one would otherwise empty the pool for everybody.
"""

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from llm import profiles, shape
from llm.models import ChatModel, ListedModel, ProviderKey
from llm.providers.base import Checked, Listing, check
from llm.providers.twins import twin_of
from llm.vault import Secret

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
        own_word=profiles.OwnWord(
            takes_temperature=chat_model.takes_temperature,
            efforts=tuple(chat_model.efforts.split()),
            output_limit=chat_model.output_limit,
            context_tokens=chat_model.context_tokens,
            shuts_down_on=chat_model.shuts_down_on,
            replaced_by=chat_model.replaced_by,
        ),
    )


def said(row: ListedModel) -> profiles.ListedProfile:
    """A stored row as the plain value that llm/profiles.py takes."""
    return profiles.ListedProfile(
        lifecycle=row.lifecycle,
        shuts_down_on=row.shuts_down_on,
        context_tokens=row.context_tokens,
        output_limit=row.output_limit,
        efforts=None if row.efforts is None else tuple(row.efforts.split()),
        thinking=None if row.thinking is None else tuple(row.thinking.split()),
    )
