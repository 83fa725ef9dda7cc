"""Which chat models run now, and which would with the BYO switch flipped; from facts already fetched.

llm/prospects.py says what would become of each route; this module compares both positions of the switch.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from llm.models import ChatModel
from llm.outlook import Outlook
from llm.prospects import Prospect


@dataclass(frozen=True, slots=True)
class ModelReadiness:
    """A chat model's prospects, with the switch as it is and with it flipped."""

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
    """A chat model that fails now or with the switch flipped: how many agents use it, and what they could use instead."""

    on: ModelReadiness
    agents: int
    choices: list[ModelReadiness]


def assess(chat_model: ChatModel, outlook: Outlook) -> ModelReadiness:
    """The prospects of replies on `chat_model`, now and with the switch flipped."""
    now, after = (
        outlook.prospect(chat_model, byo_enabled=byo_enabled)
        for byo_enabled in (outlook.byo_enabled, not outlook.byo_enabled)
    )
    return ModelReadiness(
        chat_model, now, after, outlook.last_day(chat_model), is_leaving=outlook.is_leaving(chat_model)
    )


def ways_out(agents: Iterable[AgentReadiness], models: Iterable[ModelReadiness]) -> list[WayOut]:
    """For each chat model in use that fails, now or with the switch flipped: the models that its agents could move to.

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
    """Whether `other` can be chosen, and runs in each position of the switch in which `failing` does not."""
    runs = (other.now.runs or failing.now.runs) and (other.after.runs or failing.after.runs)
    return runs and other.chat_model.is_available and other is not failing
