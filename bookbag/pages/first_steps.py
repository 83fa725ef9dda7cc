"""The first steps on a workspace's overview, for editors and above. A step is done when the workspace's data shows it.

Steps are not stored; only that a member has hidden the list is (`Membership.first_steps_hidden_at`).
"""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from agents.models import Agent, QAPair, Reply, Source
from llm.models import ProviderKey
from llm.providers import roster
from llm.routing import Billing
from workspaces.models import Membership, Workspace


@dataclass(frozen=True)
class FirstStep:
    """One step. `links`: text and address of each page where this member can do it; empty if they cannot."""

    title: str
    hint: str
    is_done: bool
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class FirstSteps:
    steps: tuple[FirstStep, ...]

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)


def of(workspace: Workspace, member: Membership, agents: list[Agent], members: int) -> FirstSteps | None:
    """The list for `member`; None if it is hidden, all is done, or the member is a viewer. One query.

    `agents`: some of the workspace's agents, in the order shown. `members`: their number.
    """
    if member.first_steps_hidden_at is not None or not member.is_editor:
        return None
    shown = _shown_by(workspace)
    agent = next((one for one in agents if one.status != Agent.Status.ARCHIVED), None)
    steps = (
        FirstStep(
            "Make an agent",
            "It answers questions in the words and within the limits that you set.",
            bool(agents),
            (("Make an agent", reverse("agents:create", args=[workspace.slug])),),
        ),
        FirstStep(
            "Give it sources",
            "Files, a website, a text, or questions with set answers. Adding and retraining is always free.",
            shown["has_sources"],
            _of_agent(workspace, agent, "agents:add_text", "Add a text"),
        ),
        FirstStep(
            "Ask it",
            "In the playground you see the answer, its sources, and what it cost.",
            shown["has_replies"],
            _of_agent(workspace, agent, "agents:playground", "Open the playground"),
        ),
        _pay(workspace, member, shown),
        FirstStep(
            "Invite people",
            "Your plan has one seat, and it is taken. The members page says who can give you more."
            if shown["has_one_seat"]
            else "The members page says how people join, and what each role may do.",
            members > 1,
            (("See how people join", reverse("workspaces:members", args=[workspace.slug])),),
        ),
    )
    found = FirstSteps(steps)
    return None if found.done == len(steps) else found


def _shown_by(workspace: Workspace) -> dict[str, bool]:
    """What the workspace has, by EXISTS queries instead of counts."""
    mine, of_my_agents = {"workspace": OuterRef("pk")}, {"agent__workspace": OuterRef("pk")}
    active = ProviderKey.objects.filter(state=ProviderKey.State.ACTIVE)
    paid = [Billing.CREDITS, Billing.BYO, Billing.UNMETERED]
    asked = {
        "has_texts": Exists(Source.objects.filter(**of_my_agents)),
        "has_pairs": Exists(QAPair.objects.filter(**of_my_agents)),
        "has_replies": Exists(Reply.objects.filter(**mine)),
        "has_paid_replies": Exists(Reply.objects.filter(**mine, billing__in=paid)),
        "has_own_key": Exists(active.filter(**mine)),
        "has_platform_key": Exists(active.filter(workspace=None)),
        "has_one_seat": Q(account__plan__seat_limit=1),
    }
    row = Workspace.objects.filter(pk=workspace.pk).values(**asked).get()
    shown = {name: bool(found) for name, found in row.items()}
    return shown | {"has_sources": shown["has_texts"] or shown["has_pairs"]}


def _of_agent(
    workspace: Workspace, agent: Agent | None, page: str, words: str
) -> tuple[tuple[str, str], ...]:
    return ((words, reverse(page, args=[workspace.slug, agent.pk])),) if agent else ()


def _pay(workspace: Workspace, member: Membership, shown: dict[str, bool]) -> FirstStep:
    """The step of using a provider's chat model, which is paid with credits or the workspace's own key."""
    names = roster.labels("and")
    links = []
    if member.is_admin:
        links.append(("Bring your own keys", reverse("llm:settings", args=[workspace.slug])))
    if settings.METERING_ENABLED:
        links.append(("See credits", reverse("billing:credits", args=[workspace.slug])))
    if not shown["has_platform_key"]:
        hint = f"Bookbag has no provider key here now: models of {names} need one of your own."
        if not member.is_admin:
            hint += " An admin can bring it."
    elif settings.METERING_ENABLED:
        hint = f"Models of {names} cost credits, or run on your own provider keys."
    else:
        hint = (
            f"Models of {names} run on Bookbag's keys or on your own; this installation charges no credits."
        )
    return FirstStep(
        "Bring a key, or see credits" if settings.METERING_ENABLED else "Use a provider's model",
        hint,
        shown["has_own_key"] or shown["has_paid_replies"],
        tuple(links),
    )
