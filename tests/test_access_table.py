"""Who may open what: every address of the site × everybody who could ask × what they are answered.

An address that is missing from the table fails the build, and so does a view that wears no mark of
`workspaces.access`. Django admin and django-allauth guard themselves and are left out by prefix.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from agents.models import Agent, Conversation, QAPair, RemovedPair, Reply, Source
from llm.models import ChatModel
from tests.factories import add_member, browser_of, make_invitation, make_user
from tests.harness.again import Scene
from tests.harness.cast import Cast, keep_models_alive, make_agent, make_cast
from workspaces import invitations, standing
from workspaces.models import Role, Session, User, Workspace

pytestmark = pytest.mark.django_db

NOT_OURS = {
    "admin/": "every view is wrapped by OperatorSite.admin_view; tests/workspaces/test_sign_in.py looks from outside",
    "accounts/": "django-allauth's own views; tests/workspaces/test_sign_in.py looks from outside",
}
MARKS = {*Role.values, "signed_in"}
JSON = {"Accept": "application/json"}
# Another one in each answer.
CSRF_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')


@dataclass(frozen=True)
class Row:
    """One way to call an address: `needs` is the smallest role let in, `ok` what it is answered.

    `anonymous` is what a visitor without a session is answered; the chat path is asked by scripts,
    which get a 401 where a person is led to the sign-in page. `suspended` is what the owner of a suspended
    workspace is answered, where that is neither a page nor, for what writes, a 403.
    """

    name: str
    needs: str
    ok: int = 200
    method: str = "GET"
    fields: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    anonymous: int = 302
    suspended: int = 0

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


def get(name: str, needs: str, ok: int = 200, **more: Any) -> Row:
    return Row(name, needs, ok, **more)


def post(name: str, needs: str, ok: int = 302, **more: Any) -> Row:
    return Row(name, needs, ok, "POST", **more)


SEND = {"text": "Hello", "idempotency_key": "5d9e3c3e-8f0c-4c59-9a1c-0d2f3a7b6c11"}
TABLE = [
    # --- Outside any workspace ---
    get("home", "signed_in"),
    get("own_account", "signed_in"),
    post("own_account", "signed_in", fields={"name": "Somebody", "time_zone": "UTC", "theme": "system"}),
    get("own_sessions", "signed_in"),
    post("end_other_sessions", "signed_in"),
    post("end_session", "signed_in"),
    get("own_notices", "signed_in"),
    post("own_notices", "signed_in"),
    get("export_own_data", "signed_in"),
    get("delete_own_account", "signed_in"),
    post("delete_own_account", "signed_in", 200),
    get("new_workspace", "signed_in"),
    post("new_workspace", "signed_in", fields={"name": "Another"}),
    get("help:index", "public"),
    get("help:page", "public"),
    get("help:page_markdown", "public"),
    get("healthz", "public"),
    get("readyz", "public"),
    # --- People ---
    get("workspaces:workspace", "viewer"),
    post("workspaces:hide_first_steps", "viewer"),
    get("workspaces:members", "viewer"),
    post("workspaces:change_role", "admin", fields={"role": "editor"}),
    post("workspaces:remove_member", "admin", suspended=302),
    post("workspaces:leave", "viewer", suspended=302),
    get("workspaces:second_factor_setting", "admin"),
    post("workspaces:second_factor_setting", "admin"),
    post("workspaces:invite", "admin", fields={"emails": "new@example.test", "role": "viewer"}),
    post("workspaces:resend_invitation", "admin"),
    post("workspaces:revoke_invitation", "admin"),
    get("workspaces:invitation", "public"),
    # None of them has confirmed the address that was invited.
    post("workspaces:invitation", "public", 403, anonymous=302),
    get("workspaces:transfer", "owner"),
    post("workspaces:transfer", "owner"),
    get("workspaces:settings", "admin"),
    post("workspaces:settings", "admin", fields={"name": "Acme of today", "slug": "acme"}),
    get("workspaces:delete", "owner"),
    # The address is not typed.
    post("workspaces:delete", "owner", 400, suspended=400),
    get("workspaces:audit", "admin"),
    get("workspaces:audit_csv", "admin"),
    # --- Credits ---
    get("billing:credits", "viewer"),
    get("billing:ledger_csv", "admin"),
    # --- Provider keys ---
    get("llm:settings", "admin"),
    post("llm:replace_key", "admin", fields={"secret": "sk-ACMESOWNKEYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5aVu9eX"}),
    get("llm:delete_key", "admin", 302),
    post("llm:delete_key", "admin", suspended=302),
    post("llm:verify_key", "admin"),
    post("llm:restore_key", "admin"),
    post("llm:set_region", "admin", fields={"region": "eu"}),
    get("llm:account_models", "admin"),
    post("llm:refresh_account_models", "admin"),
    post("llm:set_byo", "admin", fields={"byo_enabled": "on"}),
    post("llm:add_model", "admin", fields={"provider": "openai", "model_id": "o9-mini", "name": "o9 mini"}),
    post("llm:remove_model", "admin"),
    # --- Agents ---
    get("agents:list", "viewer"),
    get("agents:create", "editor"),
    post("agents:create", "editor", 200),
    # Without a chat model that is in use there is nothing to show.
    get("agents:change_models", "admin", 302),
    post("agents:change_models", "admin", fields={"from_model": "0", "to_model": "{local}"}),
    get("agents:agent", "viewer"),
    post("agents:agent", "editor", 400),
    post("agents:delete", "admin"),
    get("agents:add_text", "editor"),
    post("agents:add_text", "editor", 200),
    get("agents:edit_text", "editor"),
    post("agents:edit_text", "editor", 200),
    post("agents:delete_text", "editor"),
    post("agents:restore_source", "editor"),
    post("agents:train_again", "editor"),
    post("agents:cancel_training", "editor"),
    get("agents:source_progress", "editor"),
    get("agents:add_files", "editor"),
    post("agents:add_files", "editor", 200),
    get("agents:add_website", "editor"),
    post("agents:add_website", "editor", 200),
    get("agents:import_pairs", "editor"),
    post("agents:import_pairs", "editor", 200),
    post("agents:confirm_import", "editor", 400),
    get("agents:add_qa", "editor"),
    post("agents:add_qa", "editor", 200),
    get("agents:change_qa", "editor"),
    post("agents:change_qa", "editor", 200),
    post("agents:delete_qa", "editor"),
    post("agents:restore_qa", "editor"),
    get("agents:playground", "editor"),
    get("agents:try", "editor"),
    post("agents:try", "editor", fields={"chat_model": "{local}"}),
    # These name the conversation in their form.
    post("agents:keep_tried", "editor", 404),
    post("agents:end_trial", "editor", 404),
    get("agents:compare", "editor"),
    post("agents:compare", "editor", 200),
    # Nothing is chosen.
    post("agents:compare_send", "editor", 400),
    post("agents:use_local", "editor"),
    get("agents:inspect", "editor"),
    post("agents:inspect", "editor", 200, fields={"text": "Hello?"}),
    get("agents:prompt", "editor"),
    get("agents:receipt", "viewer"),
    post("agents:rate", "editor", fields={"value": "up"}),
    get("agents:correct", "editor"),
    post("agents:correct", "editor", 400),
    get("agents:corrected", "editor"),
    get("agents:activity", "viewer"),
    # --- Conversations ---
    get("agents:conversations", "viewer"),
    get("agents:conversation", "viewer"),
    post("agents:rename_conversation", "editor", fields={"title": "A name"}),
    post("agents:pin_conversation", "viewer"),
    post("agents:unpin_conversation", "viewer"),
    post("agents:delete_conversation", "editor"),
    post("agents:restore_conversation", "editor"),
    get("agents:export_conversation_markdown", "viewer"),
    get("agents:export_conversation_json", "viewer"),
    get("agents:passage", "editor"),
    get("agents:reply_text", "viewer"),
    get("agents:versions", "viewer"),
]
# These ask the database on connections of their own, which see only what is committed.
CHAT_TABLE = [
    # There is no platform key, which is found out after who may.
    post("agents:send_message", "editor", 503, fields=SEND, headers=JSON, anonymous=401),
    get("agents:stream", "viewer", headers=JSON, anonymous=401),
    post("agents:stop", "editor", 202, headers=JSON, anonymous=401, suspended=202),
]
READERS = [row for row in [*TABLE, *CHAT_TABLE] if row.method == "GET"]
WRITERS = [row for row in [*TABLE, *CHAT_TABLE] if row.method == "POST"]
INSIDE = [row for row in TABLE if row.needs in Role.values]
# The parts of an address that name something in the workspace.
IDS = {
    "member_id",
    "invitation_id",
    "chat_model_id",
    "agent_id",
    "source_id",
    "qa_id",
    "removed_id",
    "reply_id",
    "conversation_id",
}
# A stranger owns another workspace. The operator may do everything on their own site, one at the desk nothing, and support
# may look; "suspended" is the owner of a workspace that operators have suspended.
NOT_MEMBERS = ("stranger", "operator", "desk", "support", "removed")
EVERYBODY = ("anonymous", *NOT_MEMBERS, *Role.values, "suspended")


def expected(row: Row, who: str) -> int:
    if who == "anonymous" and (row.needs != "public" or row.method == "POST"):
        return row.anonymous
    if row.needs == "public":
        return row.ok
    if row.needs == "signed_in":
        return row.ok
    if who == "suspended":
        return row.suspended or (row.ok if row.method == "GET" else 403)
    if who not in Role.values:
        return 404
    return row.ok if Role(who).rank >= Role(row.needs).rank else 403


# --- The world the table is tried in ------------------------------------------------------------


@dataclass
class World:
    """Everybody, and one of everything in each of two workspaces."""

    people: dict[str, User | None]
    acme: dict[str, Any]
    globex: dict[str, Any]
    # Who is signed in, by the value of their cookie.
    sessions: dict[str, str]

    def browser(self, who: str, **options: Any) -> Client:
        """A test client that is signed in as `who`, or as nobody, by a session that is there."""
        client = Client(**options)
        if who in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[who]
        return client


def make_reply(agent: Agent, member: User) -> Reply:
    now = timezone.now()
    conversation = Conversation.objects.create(agent=agent, started_by=member)
    return Reply.objects.create(
        workspace=agent.workspace, agent=agent, conversation=conversation, member=member, chat_model=agent.chat_model,
        idempotency_key=str(uuid4()), fingerprint="-", question="Hello?", text="Hello.", state=Reply.State.COMPLETED,
        model_name="Bookbag Local", provider="local", credential_kind="none", billing="local", price=0, why="local",
        lease_token=uuid4(), created_at=now, renewed_at=now, done_at=now,
        sources=[{"title": "A", "heading": "", "text": "A text."}],
    )  # fmt: skip


def things_in(workspace: Workspace, asker: User) -> dict[str, Any]:
    """One of everything that an address can name, by the name of its part."""
    agent = make_agent(workspace)
    reply = make_reply(agent, asker)
    # Nothing else of a page, from which it is taken out to compare.
    number = 70_000_000 + workspace.pk
    invitation = make_invitation(workspace, email=f"invited@{workspace.slug}.test")
    return {
        "slug": workspace.slug,
        "member_id": add_member(workspace, "viewer").code,
        "invitation_id": invitation.pk,
        "token": invitations.token_of(invitation),
        "provider": "openai",
        "chat_model_id": ChatModel.objects.create(
            pk=number, code=uuid4(), workspace=workspace, name="Custom", provider="openai", model_id="o8"
        ).code,
        "chat_model_number": number,
        "agent_id": agent.pk,
        "source_id": Source.objects.create(agent=agent, title="A", text="A text.", content_hash="0").pk,
        "qa_id": QAPair.objects.create(agent=agent, question="Q?", answer="A.", folded="q", exact="q").pk,
        "removed_id": RemovedPair.objects.create(agent=agent, question="Was?", answer="A.").pk,
        "reply_id": reply.pk,
        "conversation_id": reply.conversation_id,
        "number": 1,
        "name": "0" * 32,
    }


def make_world(cast: Cast) -> World:
    # A second owner, so that the first may leave.
    add_member(cast.acme, "owner")
    removed = add_member(cast.acme, "admin")
    removed.delete()
    support = make_user(is_staff=True)
    support.groups.add(Group.objects.get_or_create(name="Support")[0])
    people = {
        "anonymous": None,
        "stranger": cast.gina,
        "operator": cast.oscar,
        "desk": make_user(is_staff=True),
        "support": support,
        "removed": removed.user,
        "viewer": cast.victor,
        "editor": cast.edith,
        "admin": cast.adam,
        "owner": cast.olivia,
        "suspended": cast.olivia,
    }
    sessions = {
        who: browser_of(user).cookies[settings.SESSION_COOKIE_NAME].value
        for who, user in people.items()
        if user
    }
    return World(people, things_in(cast.acme, cast.edith), things_in(cast.globex, cast.gina), sessions)


@pytest.fixture(scope="session")
def world_scene(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Scene[World]:
    scene = Scene(lambda: make_world(make_cast()))
    with django_db_blocker.unblock():
        scene.record()
    return scene


@pytest.fixture
def world(db: None, world_scene: Scene[World]) -> World:
    """Made once, since some five hundred tests begin with it, and put in again for each."""
    keep_models_alive()
    return world_scene.again()


@pytest.fixture
def committed_world(transactional_db: None) -> World:
    keep_models_alive()
    return make_world(make_cast())


def address(name: str, things: dict[str, Any]) -> str:
    values = {"slug": "models"} if name.startswith("help:") else things
    return reverse(name, kwargs={part: values[part] for part in addresses()[name].parts})


def call(browser: Client, row: Row, path: str) -> Any:
    local = str(ChatModel.objects.get(workspace=None, provider="local").pk)
    fields = {name: value.format(local=local) for name, value in row.fields.items()}
    form = "application/x-www-form-urlencoded"
    return browser.generic(row.method, path, urlencode(fields), content_type=form, headers=row.headers)


def writes(captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured if not query["sql"].startswith("SELECT")]


# --- The walk over the map ----------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    name: str
    route: str
    view: Any
    parts: frozenset[str]


def walk(resolver: URLResolver, route: str = "", namespace: str = "") -> Iterator[Address]:
    for entry in resolver.url_patterns:
        full = route + str(entry.pattern)
        if full.startswith(tuple(NOT_OURS)):
            continue
        if isinstance(entry, URLResolver):
            yield from walk(entry, full, f"{namespace}{entry.namespace}:" if entry.namespace else namespace)
        elif isinstance(entry, URLPattern):
            yield Address(
                f"{namespace}{entry.name}", full, entry.callback, frozenset(re.findall(r"<\w+:(\w+)>", full))
            )


def addresses() -> dict[str, Address]:
    return {found.name: found for found in walk(get_resolver())}


def test_every_view_wears_a_mark() -> None:
    unmarked = {
        found.route
        for found in walk(get_resolver())
        if (mark := getattr(found.view, "access", "")) not in MARKS and not mark.startswith("public: ")
    }

    assert unmarked == set()


def test_every_address_has_a_name_of_its_own() -> None:
    names = [found.name for found in walk(get_resolver())]

    assert sorted(names) == sorted(set(names))
    assert "None" not in {name.rpartition(":")[2] for name in names}


def test_every_address_is_in_the_table() -> None:
    assert {row.name for row in [*TABLE, *CHAT_TABLE]} == set(addresses())


def test_every_mark_is_the_smallest_role_of_its_rows() -> None:
    smallest: dict[str, str] = {}
    ranks = {"public": -2, "signed_in": -1} | {role.value: role.rank for role in Role}
    for row in [*TABLE, *CHAT_TABLE]:
        smallest[row.name] = min(smallest.get(row.name, row.needs), row.needs, key=lambda needs: ranks[needs])

    marks = {name: found.view.access.partition(":")[0] for name, found in addresses().items()}
    assert marks == smallest


def test_every_address_of_a_workspace_is_marked_with_a_role() -> None:
    of_a_workspace = {
        found.name: found.view.access for found in walk(get_resolver()) if found.route.startswith("w/")
    }

    assert {name for name, mark in of_a_workspace.items() if mark not in Role.values} == set()


# --- The table ----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_everybody_is_answered_as_the_table_says(world: World, row: Row) -> None:
    path = address(row.name, world.acme)
    answers = {}
    for who in EVERYBODY:
        browser = world.browser(who)
        with transaction.atomic():  # so that nobody finds what another did
            if who == "suspended":
                standing.suspend(Workspace.objects.get(slug="acme"), "A test.")
            answers[who] = call(browser, row, path).status_code
            transaction.set_rollback(True)

    assert answers == {who: expected(row, who) for who in EVERYBODY}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("chat_connections")
@pytest.mark.parametrize("row", CHAT_TABLE, ids=str)
def test_everybody_is_answered_on_the_chat_path_as_the_table_says(committed_world: World, row: Row) -> None:
    world = committed_world
    Agent.objects.filter(pk=world.acme["agent_id"]).update(
        chat_model=ChatModel.objects.get(model_id="gpt-4o")
    )
    path = address(row.name, world.acme)
    answers = {}
    for who in EVERYBODY:  # the suspended last
        if who == "suspended":
            standing.suspend(Workspace.objects.get(slug="acme"), "A test.")
        answers[who] = call(world.browser(who), row, path).status_code

    assert answers == {who: expected(row, who) for who in EVERYBODY}


@pytest.mark.parametrize("row", INSIDE, ids=str)
def test_stranger_cannot_tell_a_workspace_from_none(world: World, row: Row) -> None:
    nowhere = {**world.acme, "slug": "no-such-workspace"}
    for who in NOT_MEMBERS:
        browser = world.browser(who)
        here = call(browser, row, address(row.name, world.acme))
        there = call(browser, row, address(row.name, nowhere))

        assert (here.status_code, here.content) == (there.status_code, there.content)
        assert dict(here.headers) == dict(there.headers)


@pytest.mark.parametrize("name", sorted({row.name for row in INSIDE}))
def test_stranger_is_not_told_by_a_405_what_is_there(world: World, name: str) -> None:
    browser, path = world.browser("stranger"), address(name, world.acme)

    assert [browser.generic(method, path).status_code for method in ("GET", "POST", "PUT")] == [404] * 3


@pytest.mark.parametrize("row", INSIDE, ids=str)
def test_stranger_writes_nothing(world: World, row: Row) -> None:
    browser = world.browser("stranger")
    with CaptureQueriesContext(connection) as captured:
        call(browser, row, address(row.name, world.acme))

    assert writes(captured) == []


@pytest.mark.parametrize("row", [row for row in TABLE if addresses()[row.name].parts & IDS], ids=str)
def test_owner_reaches_nothing_of_another_workspace_by_its_id(world: World, row: Row) -> None:
    browser = world.browser("owner")
    here = {"slug": world.acme["slug"], "provider": "openai"}
    none = {part: uuid4() if isinstance(value, UUID) else 999_999 for part, value in world.acme.items()}
    before = everything()
    theirs = call(browser, row, address(row.name, {**world.globex, **here}))
    assert everything() == before
    missing = call(browser, row, address(row.name, {**none, **here}))

    assert theirs.status_code == 404
    assert CSRF_TOKEN.sub(b"", theirs.content) == CSRF_TOKEN.sub(b"", missing.content)


@pytest.mark.parametrize("part", ["source_id", "qa_id", "removed_id"])
def test_owner_reaches_no_part_of_one_agent_through_another(world: World, part: str) -> None:
    other = make_agent(Workspace.objects.get(slug="acme"), name="Other")
    browser = world.browser("owner")
    for row in TABLE:
        if part in addresses()[row.name].parts:
            assert (
                call(browser, row, address(row.name, {**world.acme, "agent_id": other.pk})).status_code == 404
            )


# Where an id comes in a form or in the query: the address, the name it comes under, and whose id it is. Theirs is answered
# as one that nobody has.
IN_A_FORM = [
    ("agents:playground", "GET", "conversation", "conversation_id"),
    ("agents:playground", "GET", "reply", "reply_id"),
    ("agents:playground", "GET", "again", "reply_id"),
    ("agents:playground", "GET", "edit", "reply_id"),
    ("agents:try", "GET", "conversation", "conversation_id"),
    ("agents:correct", "GET", "conversation", "conversation_id"),
    ("agents:versions", "GET", "reply", "reply_id"),
    ("agents:conversations", "GET", "agent", "agent_id"),
    ("agents:conversations", "GET", "before", "conversation_id"),
    ("agents:activity", "GET", "before", "reply_id"),
    ("agents:change_models", "GET", "from", "chat_model_id"),
    ("agents:change_models", "POST", "to_model", "chat_model_number"),
    ("agents:change_models", "POST", "from_model", "chat_model_id"),
    ("agents:keep_tried", "POST", "conversation", "conversation_id"),
    ("agents:end_trial", "POST", "conversation", "conversation_id"),
    ("agents:try", "POST", "chat_model", "chat_model_number"),
    ("agents:inspect", "POST", "conversation", "conversation_id"),
    ("agents:use_local", "POST", "conversation", "conversation_id"),
    ("agents:create", "POST", "chat_model", "chat_model_number"),
]


@pytest.mark.parametrize(
    ("name", "method", "part", "whose"), IN_A_FORM, ids=[f"{one[1]} {one[0]} {one[2]}" for one in IN_A_FORM]
)
def test_owner_reaches_nothing_of_another_workspace_by_an_id_in_a_form(
    world: World, name: str, method: str, part: str, whose: str
) -> None:
    browser = world.browser("owner")
    path = address(name, world.acme)
    nobodys = uuid4() if isinstance(world.globex[whose], UUID) else 999_999
    before = everything()
    theirs, missing = (
        Row(name, "owner", method=method, fields={part: str(value), "text": "Hello?"})
        for value in (world.globex[whose], nobodys)
    )
    answers = [ask_in_a_form(browser, row, path, part) for row in (theirs, missing)]

    assert everything() == before
    assert answers[0] == answers[1]


def ask_in_a_form(browser: Client, row: Row, path: str, part: str) -> tuple[int, str, str]:
    """Status, Location and page, without the id that was sent and what is new in each page."""
    if row.method == "GET":
        response = browser.get(path, {part: row.fields[part]})
    else:
        response = call(browser, row, path)
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())
    # A page's own send keys are made anew each time.
    page = re.sub(r'(name="idempotency_key"[^>]*value=|data-key=)"[\w-]+"', "", page)
    sent = row.fields[part]
    return response.status_code, response.get("Location", "").replace(sent, "-"), page.replace(sent, "-")


def everything() -> str:
    """All rows of every table, but for sessions, which a look at a page may touch."""
    rows = [
        (model._meta.label, sorted(map(repr, model._base_manager.values_list())))
        for model in apps.get_models()
        if model._meta.managed and model is not Session
    ]
    return sha256(repr(rows).encode()).hexdigest()


# --- Writers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", WRITERS, ids=str)
def test_writer_refuses_a_post_without_a_token(world: World, row: Row) -> None:
    browser = world.browser("owner", enforce_csrf_checks=True)
    with CaptureQueriesContext(connection) as captured:
        response = call(browser, row, address(row.name, world.acme))

    assert response.status_code == 403
    assert writes(captured) == []


@pytest.mark.parametrize("row", WRITERS, ids=str)
def test_writer_refuses_a_post_from_another_origin(world: World, row: Row) -> None:
    browser = world.browser("owner", enforce_csrf_checks=True)
    token = browser.get("/workspaces/new/").context["csrf_token"]
    response = browser.post(
        address(row.name, world.acme),
        {**row.fields, "csrfmiddlewaretoken": str(token)},
        headers={**row.headers, "Origin": "https://evil.test"},
    )

    assert response.status_code == 403


@pytest.mark.parametrize("name", sorted({row.name for row in WRITERS} - {row.name for row in READERS}))
def test_writer_without_a_page_answers_a_get_with_405(world: World, name: str) -> None:
    response = world.browser("owner").get(address(name, world.acme))

    assert (response.status_code, response["Allow"]) == (405, "POST")


@pytest.mark.parametrize("name", sorted({row.name for row in READERS} - {row.name for row in WRITERS}))
def test_page_answers_a_write_with_405(world: World, name: str) -> None:
    browser, path = world.browser("owner"), address(name, world.acme)
    methods = ("POST", "PUT", "PATCH", "DELETE")

    assert [browser.generic(method, path).status_code for method in methods] == [405] * 4
