"""Routes as they would be now, for pages: nothing is opened, a stored key's health says whether it can be."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from llm import listing, routing, vault
from llm.models import ChatModel, LLMSettings, ProviderKey
from llm.routing import KeyState
from workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Outlook:
    """One workspace's switch and which keys there are, by provider."""

    byo_enabled: bool
    workspace_keys: dict[str, KeyState]
    platform_keys: dict[str, KeyState]

    def route(
        self, chat_model: ChatModel, *, byo_enabled: bool | None = None
    ) -> routing.Route | routing.Refusal:
        """The route a reply on `chat_model` would take; `byo_enabled` asks what if the switch stood so."""
        provider = chat_model.provider
        return routing.choose(
            routing.Facts(
                provider=provider,
                price=chat_model.price,
                is_local=provider == "local",
                is_custom=chat_model.is_custom,
                is_available=chat_model.is_available,
                is_shut_down=listing.profile_of(chat_model).is_gone(timezone.now().date()),
                byo_enabled=self.byo_enabled if byo_enabled is None else byo_enabled,
                workspace_key=self.workspace_keys.get(provider, KeyState.MISSING),
                platform_key=self.platform_keys.get(provider, KeyState.MISSING),
                metering=settings.METERING_ENABLED,
            )
        )


def key_state(health: str, kek_id: str) -> KeyState:
    """Of a stored key that is there: unreadable when it was found so, or when the ring lacks its KEK."""
    lost = health == ProviderKey.Health.UNREADABLE or kek_id not in vault.ring().ids
    return KeyState.UNREADABLE if lost else KeyState.READABLE


def of(workspace: Workspace) -> Outlook:
    """Two queries, however many agents are then asked for."""
    byo = LLMSettings.objects.filter(workspace=workspace, byo_enabled=True).exists()
    active = ProviderKey.objects.filter(state=ProviderKey.State.ACTIVE).filter(
        Q(workspace=workspace) | Q(workspace__isnull=True)
    )
    keys: dict[bool, dict[str, KeyState]] = {True: {}, False: {}}
    for workspace_id, provider, health, kek_id in active.values_list(
        "workspace_id", "provider", "health", "kek_id"
    ):
        keys[workspace_id is not None][provider] = key_state(health, kek_id)
    return Outlook(byo, workspace_keys=keys[True], platform_keys=keys[False])
