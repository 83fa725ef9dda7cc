"""The effects of moving all agents of one chat model to another: price and payer, before and after."""

from dataclasses import dataclass

from agents.forms import choosable
from agents.models import Agent
from llm import outlook, readiness
from llm.models import ChatModel
from llm.prospects import Prospect
from llm.readiness import ModelReadiness
from llm.routing import Billing
from workspaces.figures import dollars
from workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Option:
    """A chat model and the current prospect of a reply on it.

    `list_price`: the provider's, if the workspace's own key would run.
    """

    chat_model: ChatModel
    now: Prospect
    list_price: str
    last_day: str
    is_leaving: bool
    is_named: bool  # the provider names it as the replacement


@dataclass(frozen=True, slots=True)
class MovingPage:
    agents: list[Agent]
    before: Option
    options: list[Option]
    chosen: Option | None  # the suggestion of the form


def page(workspace: Workspace, leaves: ChatModel) -> MovingPage:
    """The page for moving the workspace's agents off one chat model."""
    agents = list(workspace.agents.filter(chat_model=leaves).select_related("chat_model"))
    routes = outlook.for_workspace(workspace)
    instead = routes.profile(leaves).replaced_by
    options = [
        _option(readiness.assess(row, routes), instead)
        for row in choosable(workspace).exclude(pk=leaves.pk)
        if not routes.is_gone(row)
    ]
    options.sort(key=lambda one: (not one.now.runs, one.is_leaving, not one.is_named))
    return MovingPage(
        agents=agents,
        before=_option(readiness.assess(leaves, routes)),
        options=options,
        chosen=_suggested(options),
    )


def _suggested(options: list[Option]) -> Option | None:
    """The replacement that the provider names; else none, so that nobody changes the payer just by pressing a button."""
    return next((one for one in options if one.is_named and one.now.runs), None)


def _option(readied: ModelReadiness, instead: str = "") -> Option:
    row, now = readied.chat_model, readied.now
    return Option(
        chat_model=row,
        now=now,
        list_price=_list_price(row) if now.kind == Billing.BYO else "",
        last_day=readied.last_day,
        is_leaving=readied.is_leaving,
        is_named=bool(instead) and row.model_id == instead,
    )


def _list_price(row: ChatModel) -> str:
    if row.input_price is None or row.output_price is None:
        return "at its list price"
    per_million = [dollars(price) for price in (row.input_price, row.output_price)]
    return f"{per_million[0]} in, {per_million[1]} out per million tokens"
