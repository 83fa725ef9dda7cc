"""For pages: which route each chat model would take now, and what would become of a reply on it.

No key is opened; its stored health says whether it could be.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from llm import lifecycle, listing, prospects, routing, vault
from llm.models import ChatModel, ListedModel, LLMSettings, Provider, ProviderKey
from llm.profiles import Profile
from llm.prospects import Prospect
from llm.routing import KeyState
from workspaces.models import Workspace

# The rows of an account's model list, by provider and model id.
Lists = dict[tuple[str, str], ListedModel]


def today() -> dt.date:
    return timezone.now().date()


@dataclass(frozen=True, slots=True)
class Outlook:
    """One workspace's BYO switch, the state of its and the platform's key by provider, and their accounts' lists.

    `workspace_rejected`, `platform_rejected`: the providers that reject the key. A rejected key is still chosen for
    routes, and the replies on them fail.
    """

    byo_enabled: bool
    workspace_keys: dict[str, KeyState]
    platform_keys: dict[str, KeyState]
    workspace_rejected: frozenset[str] = frozenset()
    platform_rejected: frozenset[str] = frozenset()
    workspace_lists: Lists = field(default_factory=dict)
    platform_lists: Lists = field(default_factory=dict)
    today: dt.date = field(default_factory=lambda: today())

    def profile(self, chat_model: ChatModel, *, byo_enabled: bool | None = None) -> Profile:
        """The profile of `chat_model` on the account that would run it."""
        own = self.byo_enabled if byo_enabled is None else byo_enabled
        lists = self.workspace_lists if own else self.platform_lists
        return listing.profile_of(chat_model, lists.get((chat_model.provider, chat_model.model_id)))

    def last_day(self, chat_model: ChatModel) -> str:
        """The last day of `chat_model`, in the words of lifecycle.last_day_words."""
        return lifecycle.last_day_words(self.profile(chat_model), self.today)

    def is_leaving(self, chat_model: ChatModel) -> bool:
        """Whether `chat_model` is gone, or near enough to its last day for a notice on pages."""
        return lifecycle.is_leaving(self.profile(chat_model), self.today)

    def is_gone(self, chat_model: ChatModel) -> bool:
        return self.profile(chat_model).is_gone(self.today)

    def route(
        self, chat_model: ChatModel, *, byo_enabled: bool | None = None
    ) -> routing.Route | routing.Refusal:
        """The route that a reply on `chat_model` would take. `byo_enabled`: with the switch in this position."""
        provider = chat_model.provider
        return routing.choose(
            facts(
                provider=provider,
                price=chat_model.price,
                is_custom=chat_model.is_custom,
                is_available=chat_model.is_available,
                is_shut_down=self.profile(chat_model, byo_enabled=byo_enabled).is_gone(self.today),
                byo_enabled=self.byo_enabled if byo_enabled is None else byo_enabled,
                workspace_key=self.workspace_keys.get(provider, KeyState.MISSING),
                platform_key=self.platform_keys.get(provider, KeyState.MISSING),
            )
        )

    def prospect(self, chat_model: ChatModel, *, byo_enabled: bool | None = None) -> Prospect:
        """What would become of a reply on `chat_model`, as the badges of all pages show it."""
        route = self.route(chat_model, byo_enabled=byo_enabled)
        own = isinstance(route, routing.Route) and route.credential is routing.Credential.WORKSPACE
        rejected = self.workspace_rejected if own else self.platform_rejected
        return prospects.of(route, chat_model, is_rejected=chat_model.provider in rejected)

    def label(self, chat_model: ChatModel) -> str:
        """`chat_model` in a list of choices: its name, price, payer, whether it would run, and its last day."""
        return prospects.label(chat_model, self.prospect(chat_model), self.last_day(chat_model))


def facts(
    *,
    provider: str,
    price: int,
    is_custom: bool,
    is_available: bool,
    is_shut_down: bool,
    byo_enabled: bool,
    workspace_key: KeyState,
    platform_key: KeyState,
) -> routing.Facts:
    """The facts that a route is chosen from, for sending and for pages.

    Both keys' states are always given; the routing decides which one counts.
    """
    return routing.Facts(
        provider=provider,
        price=price,
        is_local=provider == Provider.LOCAL,
        is_custom=is_custom,
        is_available=is_available,
        is_shut_down=is_shut_down,
        byo_enabled=byo_enabled,
        workspace_key=workspace_key,
        platform_key=platform_key,
        metering=settings.METERING_ENABLED,
    )


def key_state(health: str, kek_id: str) -> KeyState:
    """The state of a stored key: unreadable when its health says so, or when the ring lacks its KEK."""
    lost = health == ProviderKey.Health.UNREADABLE or kek_id not in vault.ring().ids
    return KeyState.UNREADABLE if lost else KeyState.READABLE


def for_workspace(workspace: Workspace) -> Outlook:
    """The outlook of one workspace, in three queries, however many agents it is used for."""
    byo = LLMSettings.objects.filter(workspace=workspace, byo_enabled=True).exists()
    theirs_or_ours = Q(workspace=workspace) | Q(workspace__isnull=True)
    active = ProviderKey.objects.filter(theirs_or_ours, state=ProviderKey.State.ACTIVE)
    return of_keys(workspace, byo, active.only("workspace_id", "provider", "health", "kek_id"))


def of_keys(workspace: Workspace, byo_enabled: bool, active: Iterable[ProviderKey]) -> Outlook:
    """The same, in one query, from the active keys of the workspace and the platform, already fetched."""
    by_id = {row.pk: row for row in active}
    states: dict[bool, dict[str, KeyState]] = {True: {}, False: {}}
    for row in by_id.values():
        states[row.workspace_id is not None][row.provider] = key_state(row.health, row.kek_id)
    # An account lists hundreds of models; only those that agents of this workspace can be set to are fetched.
    known = ChatModel.objects.filter(Q(workspace=workspace) | Q(workspace=None)).values("model_id")
    lists: dict[bool, Lists] = {True: {}, False: {}}
    for listed in ListedModel.objects.filter(provider_key__in=by_id, model_id__in=known) if by_id else ():
        row = by_id[listed.provider_key_id]
        lists[row.workspace_id is not None][row.provider, listed.model_id] = listed
    rejected = {
        own: frozenset(row.provider for row in by_id.values() if _is_rejected(row, own=own))
        for own in (True, False)
    }
    return Outlook(
        byo_enabled,
        workspace_keys=states[True],
        platform_keys=states[False],
        workspace_rejected=rejected[True],
        platform_rejected=rejected[False],
        workspace_lists=lists[True],
        platform_lists=lists[False],
    )


# Raw SQL, for the path of a reply, since Django takes longer to build the query than to run it.
_STILL_SIGNS = """
SELECT EXISTS (SELECT 1 FROM llm_providerkey WHERE id = %(key)s AND state = %(active)s
  AND health NOT IN (%(rejected)s, %(unreadable)s)),
  EXISTS (SELECT 1 FROM llm_llmsettings WHERE workspace_id = %(workspace)s AND byo_enabled)"""


def still_signs(provider_key_id: UUID, *, workspace_id: int, is_own: bool) -> bool:
    """Whether the key that signed a reply would sign the next one too.

    `is_own`: it is the workspace's, not the platform's.
    """
    parameters = {
        "key": ProviderKey._meta.pk.get_db_prep_value(provider_key_id, connection),
        "active": ProviderKey.State.ACTIVE.value,
        "rejected": ProviderKey.Health.REJECTED.value,
        "unreadable": ProviderKey.Health.UNREADABLE.value,
        "workspace": workspace_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STILL_SIGNS, parameters)
        is_good, byo_enabled = cursor.fetchone()
    return bool(is_good) and bool(byo_enabled) == is_own


def _is_rejected(row: ProviderKey, *, own: bool) -> bool:
    return row.health == ProviderKey.Health.REJECTED and own == (row.workspace_id is not None)
