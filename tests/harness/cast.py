"""The people and workspaces of most tests: those of the demo, and a stranger.

Gina has a provider key and credits of her own, so that a leak between workspaces would show. Everyone's
password is `cast.password`; a test that needs none of this makes its own with tests/factories.py.
"""

import datetime as dt
from dataclasses import dataclass

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

from agents.models import Agent
from billing import ledger
from bookbag import demo, onboarding
from llm import keys
from llm.models import ChatModel, Provider
from llm.vault import Secret
from tests.factories import PASSWORD, add_member, browser_of, make_user
from tests.harness.again import Scene
from tests.harness.chat import MODELS, platform_key
from tests.harness.written import WRITTEN_ON
from tests.provider_double.client import Double
from workspaces.models import Role, User, Workspace

# Not a real key, and long enough that no nine characters of it occur elsewhere by chance.
GINAS_SECRET = "sk-GINASOWNKEYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5aVu9eXoRiWtCq"
GINAS_CREDITS = 4321


@dataclass(frozen=True)
class Cast:
    acme: Workspace
    globex: Workspace
    olivia: User
    adam: User
    edith: User
    victor: User
    gina: User
    oscar: User
    stranger: User
    password: str = PASSWORD


def make_cast() -> Cast:
    """Acme and Globex on the Free plan with their people, and nothing else."""
    olivia, gina = make_user(demo.OLIVIA.email), make_user(demo.GINA.email)
    acme = onboarding.create_workspace(name="Acme", slug="acme", owner=olivia)
    globex = onboarding.create_workspace(name="Globex", slug="globex", owner=gina)
    cast = Cast(
        acme=acme,
        globex=globex,
        olivia=olivia,
        adam=add_member(acme, Role.ADMIN, make_user(demo.ADAM.email)).user,
        edith=add_member(acme, Role.EDITOR, make_user(demo.EDITH.email)).user,
        victor=add_member(acme, Role.VIEWER, make_user(demo.VICTOR.email)).user,
        gina=gina,
        oscar=make_user(demo.OSCAR.email, is_staff=True, is_superuser=True),
        stranger=make_user("stranger@elsewhere.test"),
    )
    keys.replace(globex, provider=Provider.OPENAI, secret=Secret(GINAS_SECRET), by=gina)
    ledger.grant(
        globex.account,
        amount=GINAS_CREDITS,
        kind="grant_operator",
        external_id="cast:gina",
        actor=cast.oscar,
        reason="Gina's own",
    )
    return cast


def make_agent(workspace: Workspace, model_id: str = "", *, name: str = "Guide") -> Agent:
    """An agent without sources on a model of the catalogue: `gpt-4o`, …; none is Bookbag Local."""
    return Agent.objects.create(workspace=workspace, name=name, chat_model=catalogue_model(model_id))


def catalogue_model(model_id: str) -> ChatModel:
    return ChatModel.objects.get(workspace=None, model_id=model_id)


@pytest.fixture
def adam(cast: Cast) -> Client:
    """An admin of Acme at his browser."""
    return browser_of(cast.adam)


@pytest.fixture
def olivia() -> User:
    """Olivia without the rest of the cast."""
    return make_user(demo.OLIVIA.email)


@pytest.fixture
def oscar() -> Client:
    """An operator at his browser, without the rest of the cast."""
    return browser_of(make_user(demo.OSCAR.email, is_staff=True, is_superuser=True))


@pytest.fixture
def openai_agent(cast: Cast, provider_double: Double) -> Agent:
    """On the platform's key, so that its replies cost credits."""
    platform_key()
    return make_agent(cast.acme, MODELS["openai"][0])


def keep_models_alive() -> None:
    """Move the catalogue's last days along with the calendar: these tests run models that really leave in 2027."""
    _move_last_days(dt.date.today() - WRITTEN_ON)


def _move_last_days(by: dt.timedelta) -> None:
    leaving = list(ChatModel.objects.filter(workspace=None, shuts_down_on__isnull=False))
    for row in leaving:
        assert row.shuts_down_on is not None
        row.shuts_down_on += by
    ChatModel.objects.bulk_update(leaving, ["shuts_down_on"])


@pytest.fixture
def last_days_as_published(cast: Cast) -> None:
    """Undo that, for tests that name a last day and set today's date themselves."""
    _move_last_days(WRITTEN_ON - dt.date.today())


@pytest.fixture(scope="session")
def cast_scene(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Scene[Cast]:
    scene = Scene(make_cast)
    with django_db_blocker.unblock():
        scene.record()
    return scene


@pytest.fixture
def cast(request: pytest.FixtureRequest) -> Cast:
    """Works with `db`, `transactional_db` and `live` alike; on its own it asks for `db`."""
    is_committed = "transactional_db" in request.fixturenames or _commits(request)
    if not is_committed:
        request.getfixturevalue("db")
    keep_models_alive()
    if is_committed:
        return make_cast()
    scene: Scene[Cast] = request.getfixturevalue("cast_scene")
    return scene.again()


def _commits(request: pytest.FixtureRequest) -> bool:
    mark = request.node.get_closest_marker("django_db")
    return mark is not None and bool(mark.kwargs.get("transaction"))
