"""Which chat models run now, and which would after the BYO switch is flipped; from facts already fetched.

The routes are those of llm/routing.py; here they get their words for the settings page.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from llm import price_words
from llm.models import ChatModel, Provider
from llm.outlook import Outlook
from llm.providers.roster import with_article
from llm.routing import Billing, Refusal, RefusalCode, Route


@dataclass(frozen=True, slots=True)
class Prospect:
    """What becomes of a reply: `words` for the badge of `kind`, and the way out if it cannot run."""

    runs: bool
    kind: str
    words: str
    way_out: str = ""


@dataclass(frozen=True, slots=True)
class ModelReadiness:
    """A chat model, as things are and as they would be with the switch the other way."""

    chat_model: ChatModel
    now: Prospect
    after: Prospect
    last_day: str = ""  # in words; empty when no end is known
    is_leaving: bool = False  # gone, or near enough to its last day for a notice

    @property
    def is_safe(self) -> bool:
        return self.now.runs and self.after.runs


@dataclass(frozen=True, slots=True)
class AgentReadiness:
    name: str
    url: str
    playground: str
    on: ModelReadiness

    @property
    def is_broken(self) -> bool:
        return not self.on.now.runs

    @property
    def will_break(self) -> bool:
        return self.on.now.runs and not self.on.after.runs


@dataclass(frozen=True, slots=True)
class WayOut:
    """How many agents share a chat model that fails now or would, and what they could run on instead."""

    on: ModelReadiness
    agents: int
    choices: list[ModelReadiness]


def assess(chat_model: ChatModel, outlook: Outlook, rejected: Set[str]) -> ModelReadiness:
    """How replies on `chat_model` fare, now and with the switch flipped.

    `rejected`: the providers that do not accept the workspace's key; their routes are still chosen, and their replies fail.
    """
    now, after = (
        _prospect(chat_model, outlook.route(chat_model, byo_enabled=byo_enabled), rejected)
        for byo_enabled in (outlook.byo_enabled, not outlook.byo_enabled)
    )
    return ModelReadiness(
        chat_model, now, after, outlook.last_day(chat_model), is_leaving=outlook.is_leaving(chat_model)
    )


def ways_out(agents: Iterable[AgentReadiness], models: Iterable[ModelReadiness]) -> list[WayOut]:
    """For each chat model in use that fails, now or with the switch flipped: the ones its agents could move to.

    Models that never fail come first, and among these the ones that stay before the ones that leave soon.
    """
    models = sorted(models, key=lambda one: (not one.is_safe, one.is_leaving))
    in_use = [agent.on.chat_model.pk for agent in agents]
    return [
        WayOut(one, in_use.count(one.chat_model.pk), [other for other in models if _helps(other, one)])
        for one in models
        if one.chat_model.pk in in_use and not one.is_safe
    ]


def _helps(other: ModelReadiness, failing: ModelReadiness) -> bool:
    """Whether `other` runs wherever `failing` does not, and can still be chosen."""
    runs = (other.now.runs or failing.now.runs) and (other.after.runs or failing.after.runs)
    return runs and other.chat_model.is_available and other is not failing


def _prospect(chat_model: ChatModel, route: Route | Refusal, rejected: Set[str]) -> Prospect:
    name = Provider(chat_model.provider).label
    if isinstance(route, Refusal):
        words, way_out = (text.format(name=name, a_name=with_article(name)) for text in REFUSED[route.code])
        return Prospect(False, "danger", words, way_out)
    if route.billing == Billing.BYO and chat_model.provider in rejected:
        return Prospect(False, "danger", f"{name} key rejected", f"Replace the {name} key.")
    words = price_words.of(route.billing, price=route.price, provider=chat_model.provider)
    return Prospect(True, route.billing.value, words)


REFUSED = {
    RefusalCode.BYO_KEY_MISSING: ("no {name} key", "Add {a_name} key, or change the model."),
    RefusalCode.BYO_KEY_UNREADABLE: ("{name} key unreadable", "Enter the {name} key again."),
    RefusalCode.PLATFORM_KEY_MISSING: (
        "no {name} on credits",
        "Bookbag has no {name} key at the moment: use your own, or change the model.",
    ),
    RefusalCode.PLATFORM_KEY_UNREADABLE: (
        "no {name} on credits",
        "Bookbag's own {name} key cannot be opened at the moment: use your own, or change the model.",
    ),
    RefusalCode.MODEL_SHUT_DOWN: ("shut down by {name}", "Change the model."),
    RefusalCode.MODEL_REQUIRES_BYO: ("needs your own key", "Custom models run on your own key only."),
    RefusalCode.MODEL_UNAVAILABLE: ("model withdrawn", "Change the model."),
}
