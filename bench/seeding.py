"""A thousand workspaces, each with its member, session, credits and agents, in a few bulk statements.

Real rows, with every trigger and constraint in force; only the loop over them is saved. Import after
`django.setup()`.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone

from agents.knowledge import training
from agents.models import Agent, Conversation
from bench.servers import ROOT
from billing.models import Account, Bucket, Plan, Transfer
from llm import byo, keys
from llm.models import ChatModel
from llm.vault import Secret
from workspaces.models import Membership, Role, Session, User, Workspace
from workspaces.sessions import SessionStore

WORKSPACES = 1000
# How many more workspaces bring their own provider key.
BYO_WORKSPACES = 100
# How many of the first workspaces also have an agent with sources, and its name.
TRAINED = 100
SOURCES = "with sources"
CREDITS = 1_000_000
PRICE = 1
PLATFORM_SECRET = "sk-benchPLATFORM4tQz8RmW2xKv7Lp9Nc"


@dataclass
class Seat:
    """One member at work: the workspace, the session, and the agent and conversation for each chat model."""

    slug: str
    session: str
    account: int
    agents: dict[str, tuple[str, str]] = field(default_factory=dict)


def seed(models: list[str]) -> tuple[list[Seat], list[Seat]]:
    """Fill an empty, migrated database; returns the seats on credits and those on keys of their own."""
    keys.replace(None, provider="openai", secret=Secret(PLATFORM_SECRET))
    catalogue = [
        ChatModel(
            name=name,
            provider="openai",
            model_id=name,
            price=PRICE,
            input_price=150_000,
            output_price=600_000,
        )
        for name in models
    ]
    ChatModel.objects.bulk_create(catalogue)
    users = _users(WORKSPACES + BYO_WORKSPACES)
    workspaces = _workspaces(users)
    seats = _seats(users, workspaces)
    _agents(seats, users, workspaces, catalogue)
    _train(seats[:TRAINED], workspaces, users, catalogue[0])
    for workspace in workspaces[WORKSPACES:]:
        keys.replace(
            workspace, provider="openai", secret=Secret(f"sk-bench{workspace.pk:06}Hd7Wq3Zx9Rt5Yv2Bn8")
        )
        byo.set_byo(workspace, enabled=True, by=None)
    return seats[:WORKSPACES], seats[WORKSPACES:]


def _users(count: int) -> list[User]:
    # Nobody signs in, because the sessions exist already; hashing a usable password for each member would take long.
    users = [User(email=f"member{number}@bench.test", password=f"!{number}") for number in range(count)]
    return User.objects.bulk_create(users)


def _workspaces(users: list[User]) -> list[Workspace]:
    workspaces = Workspace.objects.bulk_create(
        Workspace(slug=f"w{number}", name=f"Workspace {number}") for number in range(len(users))
    )
    Membership.objects.bulk_create(
        Membership(workspace=workspace, user=user, role=Role.OWNER)
        for workspace, user in zip(workspaces, users, strict=True)
    )
    plan = Plan.objects.get(slug="free")
    accounts = Account.objects.bulk_create(
        Account(workspace=workspace, plan=plan) for workspace in workspaces
    )
    grants = Transfer.objects.bulk_create(
        Transfer(account=account, kind="grant_operator", amount=CREDITS, external_id=f"bench:{account.pk}")
        for account in accounts
    )
    Bucket.objects.bulk_create(
        Bucket(account=grant.account, transfer=grant, remaining=CREDITS, expires_at=None) for grant in grants
    )
    Account.objects.update(next_event_at=timezone.now() + timedelta(days=30))
    return workspaces


def _seats(users: list[User], workspaces: list[Workspace]) -> list[Seat]:
    store = SessionStore()
    sessions = [
        Session(
            session_key=f"benchsession{number:020}",
            session_data=store.encode(_session_data(user)),
            expire_date=timezone.now() + timedelta(hours=12),
            user=user,
        )
        for number, user in enumerate(users)
    ]
    Session.objects.bulk_create(sessions)
    accounts = dict(Account.objects.values_list("workspace_id", "id"))
    return [
        Seat(workspace.slug, session.session_key, accounts[workspace.pk])
        for workspace, session in zip(workspaces, sessions, strict=True)
    ]


def _session_data(user: User) -> dict[str, Any]:
    return {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }


def _agents(
    seats: list[Seat], users: list[User], workspaces: list[Workspace], catalogue: list[ChatModel]
) -> None:
    agents = Agent.objects.bulk_create(
        Agent(workspace=workspace, name=model.name, chat_model=model, instructions="Answer briefly.")
        for workspace in workspaces
        for model in catalogue
    )
    conversations = _conversations(agents, [user for user in users for _ in catalogue])
    for number, (agent, conversation) in enumerate(zip(agents, conversations, strict=True)):
        seats[number // len(catalogue)].agents[agent.name] = str(agent.pk), str(conversation.pk)


def _conversations(agents: list[Agent], users: list[User]) -> list[Conversation]:
    return Conversation.objects.bulk_create(
        Conversation(agent=agent, started_by=user) for agent, user in zip(agents, users, strict=True)
    )


def _train(seats: list[Seat], workspaces: list[Workspace], users: list[User], model: ChatModel) -> None:
    """Give each seat an agent with sources: the help pages, as the demo's agent has them."""
    texts = {
        path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "help").glob("*.md"))
    }
    for seat, workspace, user in zip(seats, workspaces, users, strict=False):
        agent = Agent.objects.create(workspace=workspace, name=SOURCES, chat_model=model)
        for title, text in texts.items():
            training.add_text(agent, title=title, text=text)
        conversation = Conversation.objects.create(agent=agent, started_by=user)
        seat.agents[SOURCES] = str(agent.pk), str(conversation.pk)
