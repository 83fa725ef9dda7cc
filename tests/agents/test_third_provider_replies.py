"""A third provider through whole replies at the real server: its keys, what a reply costs, its name where people read."""

from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from agents.models import Agent
from billing import ledger
from llm import keys
from llm.models import ChatModel, ProviderKey
from llm.providers import roster
from llm.vault import Secret
from tests.harness import database
from tests.harness.cast import Cast
from tests.harness.chat import accepted, lasting, receipt, watch
from tests.harness.servers import LendServer
from tests.harness.visitor import Visitor, session_cookie
from tests.harness.waiting import eventually
from tests.llm import third_provider
from tests.llm.parrot import ACCEPTED, Parrot, events, listening, refusal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

PLATFORM_SECRET = "prt-live-pL4tF0rM2sK8wQ6nX1"
PRICE = 3
SAID = events({"say": "Hello, "}, {"say": "hello."}, {"end": "done", "heard": 1_000, "said": 20})
LLM_SETTINGS = "/w/acme/settings/llm/"


@pytest.fixture
def any_provider(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database takes rows of any provider. In the product, a migration lets it take those of a new one."""
    removed = []
    for model in (ChatModel, ProviderKey):
        kept = [one for one in model._meta.constraints if not one.name.endswith("_provider_known")]
        removed += [(model, one) for one in model._meta.constraints if one not in kept]
        monkeypatch.setattr(model._meta, "constraints", kept)
    with connection.schema_editor() as editor:
        for model, constraint in removed:
            editor.remove_constraint(model, constraint)
    yield
    if connection.vendor == "postgresql":  # on SQLite the schema is restored with the rows
        database.restore()
        with connection.schema_editor() as editor:
            for model, constraint in removed:
                editor.add_constraint(model, constraint)


@pytest.fixture
def agent(any_provider: None, cast: Cast) -> Agent:
    """On a model of Parrot's that is in the catalogue."""
    chat_model = ChatModel.objects.create(
        name="Parrot Grey",
        provider="parrot",
        model_id="parrot-grey",
        price=PRICE,
        input_price=2_000_000,
        output_price=10_000_000,
    )
    return Agent.objects.create(workspace=cast.acme, name="Polly", chat_model=chat_model)


@pytest.fixture(scope="module")
def listening_parrot() -> Iterator[Parrot]:
    with listening() as one:
        yield one


@pytest.fixture
def parrot(listening_parrot: Parrot, monkeypatch: pytest.MonkeyPatch) -> Parrot:
    monkeypatch.setattr(roster, "KEYED", (*roster.KEYED, third_provider.PARROT))
    listening_parrot.forget()
    return listening_parrot


@pytest.fixture
def adam(cast: Cast, agent: Agent, parrot: Parrot, lend_server: LendServer) -> Iterator[Visitor]:
    """The admin of Acme, at a server that has Parrot among its providers."""
    server = lend_server(DJANGO_SETTINGS_MODULE="tests.llm.parrot_settings", PARROT_BASE_URL=parrot.url)
    with Visitor(server.url) as visitor:
        visitor.cookies.set(settings.SESSION_COOKIE_NAME, session_cookie(cast.adam), domain="127.0.0.1")
        yield visitor


def bring_own_key(adam: Visitor) -> None:
    """Through the forms of LLM settings."""
    saved = adam.submit(
        f"{LLM_SETTINGS}keys/parrot/", page=LLM_SETTINGS, secret=ACCEPTED, only_if_accepted="on"
    )
    switched = adam.submit(f"{LLM_SETTINGS}byo/", page=LLM_SETTINGS, byo_enabled="on")
    assert (saved.status_code, switched.status_code) == (302, 302)


def talked(parrot: Parrot, adam: Visitor, agent: Agent) -> tuple[dict[str, str], dict[str, Any]]:
    """One whole reply: where it is, and its terminal event, which a second watcher gets as well."""
    parrot.answers = [SAID]
    where = accepted(adam, agent)
    seen = watch(adam, where["stream"])
    assert seen.text == "Hello, hello."
    assert lasting(watch(adam, where["stream"]).end.data) == lasting(seen.end.data)
    return where, seen.end.data


def shown(visitor: Visitor, path: str) -> str:
    return unescape(visitor.get(path).raise_for_status().text)


def test_reply_on_the_platforms_key_costs_its_price(
    cast: Cast, agent: Agent, parrot: Parrot, adam: Visitor
) -> None:
    keys.replace(None, provider="parrot", secret=Secret(PLATFORM_SECRET))

    where, end = talked(parrot, adam, agent)

    assert (end["state"], end["billing"], end["charged"]) == ("completed", "credits", PRICE)
    assert (parrot.secrets, parrot.asked[0]["bird"]) == ([PLATFORM_SECRET], "parrot-grey")
    assert ledger.balance(cast.acme) == ledger.Balance(100 - PRICE, 0)
    told = receipt(adam, "acme", where["reply"])
    assert (told["provider"], told["credential"]) == ("parrot", {"kind": "platform", "mask": ""})
    assert (told["price"], told["charged"], told["why"]) == (PRICE, PRICE, "byo_off")
    assert "Bookbag's Parrot key" in shown(adam, f"/w/acme/replies/{where['reply']}/")


def test_reply_on_the_workspaces_own_key_costs_none(
    cast: Cast, agent: Agent, parrot: Parrot, adam: Visitor
) -> None:
    keys.replace(None, provider="parrot", secret=Secret(PLATFORM_SECRET))
    bring_own_key(adam)

    where, end = talked(parrot, adam, agent)

    assert (end["state"], end["billing"], end["charged"]) == ("completed", "byo", 0)
    assert parrot.secrets == [ACCEPTED]
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    told = receipt(adam, "acme", where["reply"])
    assert told["credential"] == {"kind": "workspace", "mask": f"prt-…{ACCEPTED[-4:]}"}
    assert (told["price"], told["charged"], told["why"]) == (0, 0, "byo_on")
    assert (told["tokens"]["input"], told["estimated_provider_cost_micro_usd"]) == (1_000, 2_200)
    for path in (
        LLM_SETTINGS,
        f"/w/acme/agents/{agent.pk}/playground/",
        f"/w/acme/replies/{where['reply']}/",
    ):
        page = shown(adam, path)
        assert "Parrot key" in page
        assert ACCEPTED not in page


def test_refusal_is_told_in_the_providers_name_and_costs_nothing(
    cast: Cast, agent: Agent, parrot: Parrot, adam: Visitor
) -> None:
    bring_own_key(adam)
    parrot.answers = [refusal(401, "unknown_voice", f"What is {ACCEPTED}?")]
    where = accepted(adam, agent)
    end = watch(adam, where["stream"]).end

    assert (end.kind, end.data["code"], end.data["charged"]) == ("error", "key_rejected", 0)
    assert end.data["message"].startswith(f"Parrot rejected the key prt-…{ACCEPTED[-4:]}.")
    assert ACCEPTED not in shown(adam, f"/w/acme/replies/{where['reply']}/")
    assert eventually(ProviderKey.objects.filter(provider="parrot", health="rejected").exists)
    assert "Parrot rejects this workspace's key." in shown(adam, "/w/acme/")
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
