"""Which agents can reply now, and which could after the BYO switch is flipped; from facts already fetched.

The routes are those of llm/routing.py; here they get their words for the settings page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from llm.models import ChatModel, Provider, ProviderKey
from llm.routing import Billing, Facts, KeyState, Refusal, RefusalCode, Route, choose

Health = ProviderKey.Health


@dataclass(frozen=True, slots=True)
class Standing:
    """What a workspace's routes rest on: its active keys, the platform's, the switch. Keyed by provider."""

    byo_enabled: bool
    metering: bool
    workspace_keys: Mapping[str, ProviderKey]
    platform_keys: Mapping[str, ProviderKey]
    kek_ids: tuple[str, ...]

    def flipped(self) -> "Standing":
        return replace(self, byo_enabled=not self.byo_enabled)

    def health_of(self, row: ProviderKey) -> ProviderKey.Health:
        """The stored health, or unreadable when the ring lacks the row's KEK: known without opening anything."""
        return Health.UNREADABLE if row.kek_id not in self.kek_ids else Health(row.health)

    def state_of(self, row: ProviderKey | None) -> KeyState:
        if row is None:
            return KeyState.MISSING
        return KeyState.UNREADABLE if self.health_of(row) == Health.UNREADABLE else KeyState.READABLE


@dataclass(frozen=True, slots=True)
class Prospect:
    """What becomes of a message to an agent: `words` for the badge of `kind`, and the way out if it fails."""

    runs: bool
    kind: str
    words: str
    way_out: str = ""


@dataclass(frozen=True, slots=True)
class AgentReadiness:
    name: str
    url: str
    playground: str
    chat_model: ChatModel
    now: Prospect
    after: Prospect

    @property
    def will_break(self) -> bool:
        return self.now.runs and not self.after.runs


def prospect(chat_model: ChatModel, standing: Standing) -> Prospect:
    """Where a reply of `chat_model` would run, and who would pay."""
    provider = chat_model.provider
    own = standing.workspace_keys.get(provider)
    route = choose(
        Facts(
            provider=provider,
            price=chat_model.price,
            is_local=provider == Provider.LOCAL,
            is_custom=chat_model.is_custom,
            is_available=chat_model.is_available,
            byo_enabled=standing.byo_enabled,
            workspace_key=standing.state_of(own),
            platform_key=standing.state_of(standing.platform_keys.get(provider)),
            metering=standing.metering,
        )
    )
    name = Provider(provider).label
    if isinstance(route, Refusal):
        return _refused(route, name)
    if route.billing == Billing.BYO and own is not None and standing.health_of(own) == Health.REJECTED:
        return Prospect(False, "danger", f"{name} rejects your key", f"Replace the {name} key.")
    return _routed(route, name)


def _routed(route: Route, name: str) -> Prospect:
    if route.billing == Billing.BYO:
        return Prospect(True, "byo", f"your {name} key")
    if route.billing == Billing.CREDITS:
        return Prospect(True, "credits", "1 credit" if route.price == 1 else f"{route.price} credits")
    if route.billing == Billing.UNMETERED:
        return Prospect(True, "unmetered", "unmetered")
    return Prospect(True, "local", "local, free")


REFUSED = {
    RefusalCode.BYO_KEY_MISSING: ("no {name} key", "Add an {name} key, or change the model."),
    RefusalCode.BYO_KEY_UNREADABLE: ("{name} key unreadable", "Enter the {name} key again."),
    RefusalCode.PLATFORM_KEY_MISSING: (
        "no {name} on credits",
        "Bookbag has no {name} key at the moment: use your own, or change the model.",
    ),
    RefusalCode.MODEL_REQUIRES_BYO: (
        "needs your own key",
        "Custom models run under BYO only: change the model.",
    ),
    RefusalCode.MODEL_UNAVAILABLE: ("model withdrawn", "Change the model."),
}


def _refused(refusal: Refusal, name: str) -> Prospect:
    words, way_out = (text.format(name=name) for text in REFUSED[refusal.code])
    return Prospect(False, "danger", words, way_out)


@dataclass(frozen=True, slots=True)
class WayOut:
    """Agents that share a chat model which does not run, or will not, and what they could run on instead."""

    chat_model: ChatModel
    agents: int
    broken_now: bool
    choices: list[tuple[ChatModel, Prospect]]


def ways_out(rows: list[AgentReadiness], offered: list[ChatModel], standing: Standing) -> list[WayOut]:
    """One bulk change for each chat model that fails now or after the flip."""
    found = []
    for chat_model in {row.chat_model.pk: row.chat_model for row in rows}.values():
        group = [row for row in rows if row.chat_model.pk == chat_model.pk]
        now, after = group[0].now, group[0].after
        if now.runs and after.runs:
            continue
        needed = [
            state
            for state, fails in ((standing, not now.runs), (standing.flipped(), not after.runs))
            if fails
        ]
        choices = [
            (one, prospect(one, needed[0]))
            for one in offered
            if one.pk != chat_model.pk and all(prospect(one, state).runs for state in needed)
        ]
        found.append(WayOut(chat_model, len(group), not now.runs, choices))
    return found
