"""The data of the LLM settings page, fetched in a few queries, however many agents there are."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from agents import building
from agents.models import Agent, Reply
from llm import byo, key_wording, keys, listing, payers, readiness
from llm.forms import ProviderKeyForm, RegionForm
from llm.models import KEYED_PROVIDERS, ChatModel, LLMSettings, Provider, ProviderKey
from llm.outlook import Outlook, of_keys
from llm.payers import Payers
from llm.providers import roster
from llm.providers.base import Fault
from llm.readiness import AgentReadiness, ModelReadiness, WayOut
from llm.routing import Billing, KeyState
from workspaces.models import Workspace

COST_DAYS = 30
Health = ProviderKey.Health
State = ProviderKey.State

HEALTH_WORDS = {
    Health.UNVERIFIED: "Not verified",
    Health.VALID: "Valid",
    Health.REJECTED: "Rejected",
    Health.LIMITED: "Limited",
    Health.UNREACHABLE: "Not reached",
    Health.UNREADABLE: "Unreadable",
}


@dataclass(frozen=True)
class ProviderCard:
    """One provider's card. `stops`: the agents that deleting the key would stop now."""

    provider: str
    name: str
    form: ProviderKeyForm
    row: ProviderKey | None
    previous: ProviderKey | None
    health: str
    stops: list[str]
    waiting: int  # agents that need this provider, in either position of the switch
    uses: int
    cost: int | None  # millionths of a US dollar

    @property
    def health_words(self) -> str:
        return HEALTH_WORDS[Health(self.health)] if self.row else ""

    @property
    def advice(self) -> str:
        """What is wrong or not known yet, and what to do; empty for a key that works and has all permissions."""
        if self.row is None or (self.health == Health.VALID and self.row.may_list and not self.has_trouble):
            return ""
        return key_wording.sentence(key_wording.wording_of(self.row, self.health))

    @property
    def has_trouble(self) -> bool:
        return self.row is not None and key_wording.stands(self.row)

    @property
    def tone(self) -> str:
        """The kind of notice for the advice."""
        if self.health in (Health.REJECTED, Health.UNREADABLE):
            return "danger"
        restricted = self.row is not None and self.row.last_error in ("", Fault.LACKS_PERMISSION)
        return "info" if self.health in (Health.UNVERIFIED, Health.VALID) and restricted else "warn"

    @property
    def last_problem(self) -> str:
        return key_wording.problem(self.row) if self.row else ""

    @property
    def headroom(self) -> str:
        """What is left of the account's rate limits, by the last reply; empty if it did not say."""
        left = (self.row.headroom if self.row else None) or {}
        told = [_left(left, noun) for noun in ("requests", "tokens") if f"{noun}_left" in left]
        return f"{' and '.join(told)} left" if told else ""

    @property
    def region(self) -> RegionForm | None:
        """The form to choose a region, if the provider has some."""
        offered = self.row is not None and listing.regions(self.provider)
        return RegionForm(provider=self.provider, initial={"region": self.row.region}) if offered else None  # type: ignore[union-attr]

    @property
    def region_is_wrong(self) -> bool:
        return self.row is not None and self.row.last_error == Fault.WRONG_REGION and self.has_trouble

    @property
    def other_address(self) -> str:
        """The host that an operator has set instead of the provider's own; empty if there is none."""
        address = settings.PROVIDER_BASE_URLS[self.provider]
        return "" if address == roster.named(self.provider).base_url else urlsplit(address).netloc

    @property
    def permissions(self) -> str:
        return roster.named(self.provider).permissions

    @property
    def key_page(self) -> str:
        return roster.named(self.provider).key_page

    @property
    def age_days(self) -> int:
        return (timezone.now() - self.row.added_at).days if self.row else 0

    @property
    def is_old(self) -> bool:
        return self.age_days >= settings.PROVIDER_KEY_MAX_AGE_DAYS > 0

    @property
    def restore_until(self) -> dt.datetime | None:
        return (
            self.previous.retired_at + keys.RESTORE_WITHIN
            if self.previous and self.previous.retired_at
            else None
        )


@dataclass(frozen=True)
class Spending:
    """BYO replies of the last 30 days: provider cost and credits are two figures of the same replies, never added up."""

    replies: int = 0
    cost: int = 0  # millionths of a US dollar, at list price
    credits: int = 0  # what the same replies would cost with BYO off
    unpriced: int = 0  # replies whose provider cost is unknown
    custom: int = 0  # replies on chat models that credits cannot buy
    by_key: dict[Any, tuple[int, int | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyTrial:
    """A link to try the key that was saved last, and its text."""

    label: str
    url: str
    said: str


@dataclass(frozen=True)
class Overview:
    settings: LLMSettings
    cards: list[ProviderCard]
    agents: list[AgentReadiness]
    ways_out: list[WayOut]
    custom_models: list[ModelReadiness]
    spending: Spending
    payers: Payers
    trial: KeyTrial | None
    metering: bool

    @property
    def broken(self) -> list[AgentReadiness]:
        return [row for row in self.agents if row.is_broken]

    @property
    def breaking(self) -> list[AgentReadiness]:
        return [row for row in self.agents if row.will_break]

    def card(self, provider: str) -> ProviderCard:
        return next(card for card in self.cards if card.provider == provider)

    @property
    def has_key(self) -> bool:
        return any(card.row for card in self.cards)


def overview(workspace: Workspace, bound: ProviderKeyForm | None = None) -> Overview:
    """The page of `workspace`. `bound`: a key form with errors."""
    row = byo.settings_of(workspace)
    held = list(_held(workspace))
    outlook = of_keys(workspace, row.byo_enabled, [one for one in held if one.state == State.ACTIVE])
    models = {one.pk: readiness.assess(one, outlook) for one in _chat_models(workspace)}
    agents = _agents(workspace, models)
    spending = _spending(workspace, models)
    return Overview(
        settings=row,
        cards=[_card(provider, outlook, held, agents, spending, bound) for provider in KEYED_PROVIDERS],
        agents=agents,
        ways_out=readiness.ways_out(agents, models.values()),
        custom_models=[one for one in models.values() if one.chat_model.is_custom],
        spending=spending,
        payers=payers.of(outlook),
        trial=_trial(workspace, held, agents, byo_enabled=row.byo_enabled),
        metering=settings.METERING_ENABLED,
    )


def _held(workspace: Workspace) -> QuerySet[ProviderKey]:
    """The workspace's active and restorable keys, and the platform's active ones, without their sealed parts."""
    mine = Q(workspace=workspace, state__in=[State.ACTIVE, State.SUPERSEDED])
    ours = Q(workspace=None, state=State.ACTIVE)
    rows = ProviderKey.objects.filter(mine | ours).sealed().select_related("added_by")
    return rows.defer("wrapped_dek", "nonce", "ciphertext").order_by("-retired_at", "-added_at")


def _chat_models(workspace: Workspace) -> QuerySet[Any]:
    """The catalogue and the workspace's custom models, including withdrawn ones, which agents may still use."""
    counted = Count("agents", filter=Q(agents__workspace=workspace))
    models = ChatModel.objects.filter(Q(workspace=None) | Q(workspace=workspace)).annotate(
        agent_count=counted
    )
    # Ordered explicitly, because a query with counts drops the model's default order.
    return models.order_by("position", "name")


def _agents(workspace: Workspace, models: dict[int, ModelReadiness]) -> list[AgentReadiness]:
    rows = workspace.agents.exclude(status=Agent.Status.ARCHIVED).values_list("pk", "name", "chat_model_id")
    return [
        AgentReadiness(
            name=name,
            url=reverse("agents:agent", args=[workspace.slug, agent_id]),
            playground=reverse("agents:playground", args=[workspace.slug, agent_id]),
            on=models[chat_model_id],
        )
        for agent_id, name, chat_model_id in rows
    ]


def _card(
    provider: str,
    outlook: Outlook,
    held: list[ProviderKey],
    agents: list[AgentReadiness],
    spending: Spending,
    bound: ProviderKeyForm | None,
) -> ProviderCard:
    own = [one for one in held if one.workspace_id and one.provider == provider]
    row = next((one for one in own if one.state == State.ACTIVE), None)
    since = timezone.now() - keys.RESTORE_WITHIN
    previous = next((one for one in own if one.retired_at is not None and one.retired_at > since), None)
    needing = [one.name for one in agents if one.on.chat_model.provider == provider]
    uses, cost = spending.by_key.get(row.pk, (0, 0)) if row else (0, 0)
    lost = outlook.workspace_keys.get(provider) == KeyState.UNREADABLE
    form = bound if bound is not None and bound.provider == provider else None
    return ProviderCard(
        provider=provider,
        name=Provider(provider).label,
        form=form or ProviderKeyForm(provider=provider, initial={"only_if_accepted": True}),
        row=row,
        previous=previous,
        health=Health.UNREADABLE.value if lost else row.health if row else "",
        stops=needing if outlook.byo_enabled else [],
        waiting=len(needing),
        uses=uses,
        cost=cost,
    )


def _left(headroom: dict[str, int], noun: str) -> str:
    """ "480 of 500 requests", or "480 requests" if the limit is unknown."""
    whole = f" of {headroom[noun]:,}" if noun in headroom else ""
    return f"{headroom[f'{noun}_left']:,}{whole} {noun}"


def _trial(
    workspace: Workspace, held: list[ProviderKey], agents: list[AgentReadiness], *, byo_enabled: bool
) -> KeyTrial | None:
    """Where to try the key that was saved last; None without a key."""
    mine = [one for one in held if one.workspace_id and one.state == State.ACTIVE]
    if not mine:
        return None
    latest = max(mine, key=lambda one: one.added_at)
    name = Provider(latest.provider).label
    if not byo_enabled:
        said = f"Your {name} key is saved, and used once “Bring your own keys” is on: then it can be verified in the playground."
        return KeyTrial("Turn it on", "#byo-title", said)
    on_it = [one for one in agents if one.on.chat_model.provider == latest.provider]
    # An agent that cannot reply only because of its key comes after one that can.
    on_it = [one for one in on_it if one.on.now.runs] or [one for one in on_it if one.on.now.may_try]
    if on_it:
        said = f"{on_it[0].name} is set to run on your {name} key."
        return KeyTrial("Verify in the playground", on_it[0].playground, said)
    if agents and building.agent_room(workspace).excess:
        said = f"No agent runs on your {name} key yet, and the plan has no room for another: in the playground, {agents[0].name} can try a chat model of {name}."
        return KeyTrial("Open the playground", agents[0].playground, said)
    page = reverse("agents:create", args=[workspace.slug])
    said = f"No agent runs on your {name} key yet: make one to verify it in the playground."
    return KeyTrial(f"Make an agent on {name}", f"{page}?provider={latest.provider}", said)


def _spending(workspace: Workspace, models: dict[int, ModelReadiness]) -> Spending:
    since = timezone.now() - dt.timedelta(days=COST_DAYS)
    # Includes replies stopped while the model was thinking: they have no text, but the provider billed them.
    replies = workspace.replies.filter(billing=Billing.BYO, created_at__gte=since, state__in=Reply.ANSWERED)
    groups = list(
        replies.order_by()
        .values("credential_id", "chat_model_id")
        .annotate(
            times=Count("pk"),
            spoken=Count("pk", filter=~Q(text="")),
            cost=Sum("estimated_cost"),
            priced=Count("estimated_cost"),
        )
    )
    by_key: dict[Any, tuple[int, int | None]] = {}
    bought = 0
    custom = 0
    for group in groups:
        times, cost = by_key.get(group["credential_id"], (0, None))
        total = group["cost"] if cost is None else cost + (group["cost"] or 0)
        by_key[group["credential_id"]] = (times + group["times"], total)
        known = models.get(group["chat_model_id"])
        if known is None or known.chat_model.is_custom:
            custom += group["times"]
        else:
            bought += group["spoken"] * known.chat_model.price
    return Spending(
        replies=sum(group["times"] for group in groups),
        cost=sum(group["cost"] or 0 for group in groups),
        credits=bought,
        unpriced=sum(group["times"] - group["priced"] for group in groups),
        custom=custom,
        by_key=by_key,
    )
