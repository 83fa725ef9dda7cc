"""Preparing replies for pages: badges, sentences, safe HTML. For display only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from agents import actions, payers, rendering, wording
from agents.models import Agent, Reply
from agents.turns import Versions
from llm import price_words
from llm.outlook import Outlook
from llm.prospects import Prospect
from llm.providers.base import Fault
from workspaces.models import Role


@dataclass(frozen=True, slots=True)
class EndingMark:
    """How an answer ended, as a badge. `kind`: its colour. `label`: its text."""

    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """One source of a reply.

    `anchor`: its place on the page. `mark`: where the text first cites it, if it does. `page`: the page of the
    passage in its source, for members who may see that. `url`: the address of a website's page.
    """

    number: int
    title: str
    heading: str
    text: str
    anchor: str
    mark: str
    page: str
    url: str


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """One turn of a conversation, ready to be shown. `note`: why an answer is not whole."""

    reply: Reply
    html: SafeString
    badge: payers.Badge
    failure: str
    note: str
    mark: EndingMark | None
    ways_out: list[dict[str, str]]
    stop_price: str
    may_try_again: bool
    sources: list[Quoted]
    earlier_versions: int

    @property
    def tone(self) -> str:
        """The colour of the notice. A model's refusal or inability is not shown as an error."""
        return self.mark.kind if self.mark else "danger"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the next reply would fail, shown before it is asked for: a line in bold, the rest, and the ways out."""

    code: str
    title: str
    rest: str
    ways_out: list[dict[str, str]]


def trouble(prospect: Prospect, agent: Agent, routes: Outlook, *, role: Role) -> Trouble | None:
    """Why `agent` cannot reply now; None if it can. `role`: the reader's."""
    if agent.status == Agent.Status.ARCHIVED:
        return _trouble("agent_archived", {}, agent, role)
    if prospect.runs:
        return None
    chat_model = agent.chat_model
    replacement = routes.profile(chat_model).replaced_by
    facts = {"model": chat_model.name, "replacement": replacement}
    return _trouble(prospect.code, facts, agent, role)


def shortage(prospect: Prospect, agent: Agent, *, role: Role) -> Trouble | None:
    """What to say when the next reply costs more than the credits that are left; None if it costs none."""
    return _trouble("credits_short", {"price": prospect.price}, agent, role) if prospect.price else None


def _trouble(code: str, facts: dict[str, Any], agent: Agent, role: Role) -> Trouble:
    provider = agent.chat_model.provider
    told = wording.told(code, facts | {"provider": provider}, is_sent=False)
    ways = actions.ways_out(code, role=role, slug=agent.workspace.slug, agent_id=agent.pk, provider=provider)
    return Trouble(code, told.title, told.rest, ways)


# Failures that the same text would repeat: no retry is offered, which would only cost provider tokens.
FAILS_AGAIN = (Fault.DECLINED, Fault.THINKING_SPENT, Fault.TOO_LARGE)
# The notes on answers that are not whole.
NOTES = {
    Reply.Ending.CUT_OURS: "The answer is cut: it reached our limit of length or time.",
    Reply.Ending.CUT_MODEL: "The answer is cut: the model reached its output limit. "
    "A higher limit on the agent's page makes longer answers possible.",
    Reply.Ending.DECLINED: "The model stopped here: it declines to go on. "
    "This turn is not sent along with the next message.",
}
KINDS = {
    Reply.Ending.STOPPED: "neutral",
    Reply.Ending.CUT_OURS: "warn",
    Reply.Ending.CUT_MODEL: "warn",
    Reply.Ending.DECLINED: "warn",
    Reply.Ending.THINKING_SPENT: "warn",
    Reply.Ending.FAILED: "danger",
}


def mark(ending: str) -> EndingMark | None:
    """The badge of an ending; None for a whole answer and for a running reply."""
    kind = KINDS.get(Reply.Ending(ending)) if ending else None
    return EndingMark(kind, Reply.Ending(ending).label) if kind else None


def turns(replies: Sequence[Reply], *, role: Role, earlier: Versions | None = None) -> list[ShownTurn]:
    """Replies of one workspace as turns, each made by `turn`. `earlier`: their earlier versions."""
    back = payers.given_back(replies)
    return [
        turn(
            reply,
            role=role,
            given_back=back.get(reply.pk, 0),
            earlier_versions=len(earlier.of(reply.pk)) if earlier else 0,
        )
        for reply in replies
    ]


def turn(reply: Reply, *, role: Role, given_back: int, earlier_versions: int = 0) -> ShownTurn:
    """A reply as a turn for a reader of this role.

    The caller has fetched the reply's workspace and made its HTML (agents/rendering.py). `given_back`: credits of
    its charge that an operator reversed.
    """
    failed = reply.state == Reply.State.FAILED
    return ShownTurn(
        reply,
        mark_safe(reply.html),  # noqa: S308 (cleaned by agents/markdown.py)
        payers.badge(reply, given_back=given_back),
        failure=wording.failure(reply, for_admin=role.is_admin) if failed else "",
        may_try_again=failed and reply.error_code not in FAILS_AGAIN,
        note=NOTES.get(Reply.Ending(reply.ending), "") if reply.ending and not failed else "",
        mark=mark(reply.ending),
        ways_out=actions.of_reply(reply, role=role, slug=reply.workspace.slug),
        stop_price=price_words.stop_price(reply.billing, price=reply.price, provider=reply.provider),
        sources=_quoted(reply, role),
        earlier_versions=earlier_versions,
    )


def _quoted(reply: Reply, role: Role) -> list[Quoted]:
    name = rendering.anchor(reply.pk)
    may_open = role.at_least(Role.EDITOR)
    found = []
    for number, source in enumerate(reply.sources, start=1):
        mark = f"{name}-mark-{number}"
        found.append(
            Quoted(
                number,
                source["title"],
                source["heading"],
                source["text"],
                anchor=f"{name}-source-{number}",
                mark=mark if f'id="{mark}"' in reply.html else "",
                page=reverse("agents:passage", args=[reply.workspace.slug, reply.pk, number])
                if may_open
                else "",
                url=source.get("url", ""),
            )
        )
    return found
