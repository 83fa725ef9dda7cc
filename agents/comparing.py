"""Comparing chat models on one message: the choices, the cost of all together, and the replies."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from agents import payers, presenting, receipts
from agents.forms import choosable
from agents.models import Agent, Reply
from agents.presenting import ShownTurn
from llm.models import ChatModel
from llm.outlook import Outlook
from llm.prospects import Prospect
from llm.routing import Billing
from workspaces.figures import credits, grouped
from workspaces.models import Role

LEAST, MOST = 2, 4


@dataclass(frozen=True, slots=True)
class Choice:
    """A chat model that the message can be sent to, with its route as it is now."""

    chat_model: ChatModel
    badge: Prospect
    last_day: str
    is_chosen: bool

    @property
    def runs(self) -> bool:
        return self.badge.runs


@dataclass(frozen=True, slots=True)
class Total:
    """What one message to the chosen models costs at most, in credits, with the credits `available`; `words` says both.

    `said`: the cost as the page showed it, sent back with the form. If it differs from the current one, the sender
    agreed to another cost.
    """

    credits: int
    available: int
    words: str
    said: str

    @property
    def is_short(self) -> bool:
        return self.credits > self.available


@dataclass(frozen=True, slots=True)
class Column:
    """One reply of a comparison with its figures, or `problem`, why there is none, with its ways out."""

    model_name: str
    badge: Prospect | None = None
    turn: ShownTurn | None = None
    payer: payers.Badge | None = None
    took: str = ""
    tokens: str = ""
    cost: str = ""
    problem: str = ""
    ways_out: Sequence[dict[str, str]] = ()


def choices(agent: Agent, routes: Outlook, chosen: Sequence[str]) -> list[Choice]:
    """All chat models that the agent could use, those `chosen` marked.

    By default its own and the next one that runs are.
    """
    models = [one for one in choosable(agent.workspace) if not routes.is_gone(one)]
    badges = {one.pk: routes.prospect(one) for one in models}
    wanted = {one.pk for one in models if str(one.pk) in chosen}
    if not chosen:
        runnable = [one.pk for one in models if badges[one.pk].runs]
        runnable.sort(key=lambda pk: pk != agent.chat_model_id)
        wanted = set(runnable[:LEAST])
    return [Choice(one, badges[one.pk], routes.last_day(one), one.pk in wanted) for one in models]


def total(chosen: Sequence[Choice], *, available: int) -> Total:
    """What one message to each chosen model costs at most. It can be less, because a stored answer is free."""
    price = sum(one.badge.price for one in chosen)
    parts = [f"Together {credits(price)}, of {grouped(available)} left." if price else "Together no credits."]
    own = Counter(one.badge.words for one in chosen if one.badge.kind == Billing.BYO)
    parts += [
        f"{'1 reply' if times == 1 else f'{times} replies'} on {whose}." for whose, times in own.items()
    ]
    said = ",".join(f"{one.chat_model.pk}:{one.badge.words}" for one in chosen)
    return Total(price, available, " ".join(parts), said)


def columns(replies: Iterable[Reply], *, role: Role) -> list[Column]:
    """Replies as columns, for a reader of this role.

    The caller has fetched their workspace and made their HTML.
    """
    replies = list(replies)
    back = payers.given_back(replies)
    return [_column(reply, role, back.get(reply.pk, 0)) for reply in replies]


def _column(reply: Reply, role: Role, given_back: int) -> Column:
    told = receipts.describe(reply, role=role, given_back=given_back)
    turn = presenting.turn(reply, role=role, given_back=given_back)
    return Column(
        model_name=reply.model_name,
        turn=replace(turn, ways_out=links(turn.ways_out)),
        payer=told.payer,
        took=told.took,
        tokens=told.tokens if reply.attempts else "",
        cost=told.cost if reply.attempts else "",
    )


def links(ways_out: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """The ways out that are links. Buttons are left out, because they would change the agent, and a comparison must not."""
    return [way for way in ways_out if way["method"] == "GET"]
