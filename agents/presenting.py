"""Routes and replies as pages show them: a badge, a sentence, safe HTML. Decides nothing."""

from dataclasses import dataclass

from django.utils.safestring import SafeString, mark_safe

from agents import actions, words
from agents.models import Reply
from llm import price_words
from llm.models import ChatModel
from llm.routing import Refusal, Route
from workspaces.models import Role


@dataclass(frozen=True, slots=True)
class RouteBadge:
    """How a route reads: `kind` is the badge's colour, `label` its words, `problem` (of that `code`) why there is none."""

    kind: str
    label: str
    problem: str = ""
    price: int = 0
    code: str = ""


def route_badge(route: Route | Refusal, chat_model: ChatModel) -> RouteBadge:
    if isinstance(route, Refusal):
        return RouteBadge(
            "danger",
            "cannot run",
            words.refusal(route.code.value, {"provider": route.provider, "model": chat_model.name}),
            code=route.code.value,
        )
    label = price_words.of(route.billing, price=route.price, provider=chat_model.provider)
    return RouteBadge(route.billing.value, label, price=route.price)


@dataclass(frozen=True, slots=True)
class Mark:
    """How an answer ended, as a badge: `kind` is its colour, `label` its words."""

    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation, ready to be shown. `note`: why an answer that came is not whole."""

    reply: Reply
    html: SafeString
    badge: str
    failure: str
    note: str
    mark: Mark | None
    ways_out: list[dict[str, str]]

    @property
    def tone(self) -> str:
        """The notice's colour: what a model would not or could not do is no defect."""
        return self.mark.kind if self.mark else "danger"


# What is said of an answer that is not simply whole.
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


def mark(ending: str) -> Mark | None:
    """The badge of an ending; None for a whole answer, and while there is none yet."""
    kind = KINDS.get(Reply.Ending(ending)) if ending else None
    return Mark(kind, Reply.Ending(ending).label) if kind else None


def turn(reply: Reply, *, role: Role) -> Turn:
    """`role` is the reader's, who is told what that role may know and do. The reply's workspace has been fetched,
    and its HTML made (agents/rendering.py).
    """
    failed = reply.state == Reply.State.FAILED
    return Turn(
        reply,
        mark_safe(reply.html),  # noqa: S308 (cleaned by agents/markdown.py)
        words.badge(reply),
        failure=words.failure(reply, for_admin=role.is_admin) if failed else "",
        note=NOTES.get(Reply.Ending(reply.ending), "") if reply.ending and not failed else "",
        mark=mark(reply.ending),
        ways_out=actions.of_reply(reply, role=role, slug=reply.workspace.slug),
    )
