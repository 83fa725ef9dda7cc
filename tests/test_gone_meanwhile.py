"""Requests whose sender or subject is deleted at the same moment are answered in plain words, never with 500."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpRequest

from agents import closing
from agents.models import Agent, Reply
from billing.models import Plan
from bookbag.server.meanwhile import ACCOUNT_GONE, NAMED
from llm.models import ChatModel
from tests.factories import add_member, browser_of, make_user
from tests.harness.cast import keep_models_alive, make_cast
from tests.test_access_table import TABLE, Row, address, addresses, call, things_in
from workspaces import access, standing
from workspaces.models import Membership, Role, User, Workspace

pytestmark = pytest.mark.django_db(transaction=True)

# Fields of the form of an agent.
AGENT = {
    "name": "Guide",
    "chat_model": "{local}",
    "fallback_text": "No.",
    "status": "active",
    "temperature": "0.5",
}
# What is sent to addresses for which the table is content with a form that is refused.
FIELDS = {
    "agents:create": AGENT | {"name": "Another"},
    "agents:agent": AGENT,
    "agents:add_text": {"title": "Hours", "text": "Open from nine to five."},
    "agents:edit_text": {"title": "Hours", "text": "Open from ten to four."},
    "agents:add_website": {"url": "https://example.com/"},
    "agents:add_qa": {"question": "When?", "answer": "At nine."},
    "agents:change_qa": {"question": "Since when?", "answer": "Since 1999."},
    "agents:import_pairs": {"text": "Where?,Here."},
    "agents:confirm_import": {"text": "Where?,Here."},
    "agents:correct": {"question": "Who?", "answer": "We."},
    "agents:try": AGENT | {"instructions": "Be brief."},
}
SENT = [
    replace(row, fields=FIELDS.get(row.name, row.fields))
    for row in TABLE
    if row.method == "POST" and row.needs != "public"
]
Act = Callable[[HttpRequest], object]


class Instant:
    """Middleware: what happens between the look at who asks and the act."""

    act: Act | None = None

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if getattr(view, "access", "") == "signed_in" and Instant.act and request.user.is_authenticated:
            Instant.act(request)


def put_between(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, act: Callable[[Any], object]) -> None:
    """Have `act` done, with what `place.name` gives, each time that this has been called."""
    found = getattr(place, name)

    def then(*args: Any, **kwargs: Any) -> Any:
        result = found(*args, **kwargs)
        act(result)
        return result

    monkeypatch.setattr(place, name, then)


@pytest.fixture
def acme() -> Workspace:
    keep_models_alive()
    # Room for whatever is sent, beside the things that there are.
    Plan.objects.update(agent_limit=None, source_limit=None, seat_limit=None)
    return make_cast().acme


def answers(acme: Workspace, rows: list[Row]) -> Iterator[tuple[Row, User, Any]]:
    """What an owner is answered who sends each form; each is another, with things of their own."""
    for number, row in enumerate(rows):
        person = add_member(acme, Role.OWNER, make_user(f"sender{number}@acme.test")).user
        things = things_in(acme, person) if row.needs in Role.values else {"name": "0" * 32}
        browser = browser_of(person)
        browser.raise_request_exception = False
        sent = replace(row, fields={"confirm": person.email}) if row.name == "delete_own_account" else row
        yield row, person, call(browser, sent, address(row.name, things))
        Agent.objects.filter(workspace=acme).delete()
        acme.chat_models.all().delete()
        acme.invitations.all().delete()


def test_forms_are_whole(acme: Workspace) -> None:
    """Sent while nothing is deleted, each is taken; else the instant is tried for none of them."""
    rows = [row for row in SENT if row.name in FIELDS]
    refused = {
        str(row): answer.status_code for row, _, answer in answers(acme, rows) if answer.status_code != 302
    }

    # First shows what becomes of it.
    assert refused == {"POST agents:import_pairs": 200}


def test_no_form_fails_in_the_instant_in_which_its_sender_is_deleted(
    acme: Workspace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete(email: str) -> None:
        User.objects.filter(email=email).delete()

    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.Instant"]
    monkeypatch.setattr(Instant, "act", staticmethod(lambda request: delete(request.user.email)))
    put_between(monkeypatch, access, "membership_of", lambda membership: delete(membership.user.email))
    failed = []
    for row, person, answer in answers(acme, SENT):
        assert not User.objects.filter(pk=person.pk).exists(), row
        if answer.status_code >= 500:
            failed.append(str(row))

    assert failed == []


def test_no_form_fails_in_the_instant_in_which_its_agent_is_deleted(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete(agent: Agent) -> None:
        Reply.objects.filter(agent=agent).update(conversation=None, agent=None)
        Agent.objects.filter(pk=agent.pk).delete()

    modules = [module for name, module in sys.modules.items() if name.startswith("agents.views.")]
    for module in modules:
        if hasattr(module, "find_agent"):
            put_between(monkeypatch, module, "find_agent", delete)
    rows = [row for row in SENT if "<uuid:agent_id>" in addresses()[row.name].route]
    statuses = {}
    for row, _, answer in answers(acme, rows):
        statuses[str(row)] = answer.status_code
        assert not Agent.objects.exists(), row

    assert {row for row, status in statuses.items() if status >= 500} == set()
    assert (statuses["POST agents:add_text"], statuses["POST agents:agent"]) == (404, 404)


def test_no_form_fails_in_the_instant_in_which_what_it_names_is_deleted(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But an agent, which each view finds in its own way."""
    deleted = []

    def delete(thing: Any) -> None:
        if not isinstance(thing, Agent):
            deleted.append(type(thing))
            type(thing).objects.filter(pk=thing.pk).delete()

    for name, module in list(sys.modules.items()):
        is_view = name.startswith(("bookbag.pages.", "workspaces.views", "agents.views.pairs"))
        if is_view and hasattr(module, "get_object_or_404"):
            put_between(monkeypatch, module, "get_object_or_404", delete)
    kinds = ("chat_model_id", "invitation_id", "member_id", "removed_id", "qa_id")
    rows = [row for row in SENT if any(f":{kind}>" in addresses()[row.name].route for kind in kinds)]
    failed = [str(row) for row, _, answer in answers(acme, rows) if answer.status_code >= 500]

    assert failed == []
    assert set(deleted) >= {NAMED[kind][0] for kind in kinds}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        # A key is checked with its provider first, which may take longer than emptying the workspace.
        ("settings/llm/keys/openai/", {"secret": "sk-ACMESOWNKEYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5aVu9eX"}),
        ("agents/new/", AGENT),
    ],
)
def test_nothing_comes_into_a_workspace_that_is_deleted_meanwhile(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch, path: str, fields: dict[str, str]
) -> None:
    def delete(_: Membership) -> None:
        standing.begin_closing(acme.memberships.get(role=Role.OWNER))
        assert closing.empty(acme)

    browser = browser_of(acme.memberships.get(role=Role.ADMIN).user)
    local = str(ChatModel.objects.get(workspace=None, provider="local").pk)
    put_between(monkeypatch, access, "membership_of", delete)
    answer = browser.post(
        f"/w/acme/{path}", {name: value.format(local=local) for name, value in fields.items()}
    )

    assert answer.status_code == 404
    assert not acme.provider_keys.exists()
    assert not acme.agents.exists()


def test_account_that_is_deleted_while_it_makes_a_workspace_is_told(
    acme: Workspace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = make_user("ada@acme.test")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.Instant"]
    monkeypatch.setattr(Instant, "act", staticmethod(lambda _: User.objects.filter(pk=person.pk).delete()))
    answer = browser_of(person).post("/workspaces/new/", {"name": "Initech"}, follow=True)

    assert answer.redirect_chain[0][0] == "/accounts/login/?next=/"
    assert ACCOUNT_GONE in answer.content.decode()
    assert not Workspace.objects.filter(name="Initech").exists()
