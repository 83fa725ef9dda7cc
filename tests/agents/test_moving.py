"""Chat models that leave, on the pages of agents, and the one act that moves all agents of one to another."""

import datetime as dt

import pytest
from django.test import Client

from agents import moving
from agents.models import Agent
from llm import byo, keys, outlook
from llm.models import ChatModel, ListedModel
from llm.vault import Secret
from tests.factories import browser_of, queries_of
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import ACME_SECRETS, platform_key
from workspaces.models import AuditEvent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("last_days_as_published")]

PAGE = "/w/acme/agents/change-models/"
LEAVES = "shuts down 14 Jan 2027 · use GPT-6 Luna"
GONE = "was shut down on 14 Jan 2027 · use GPT-6 Luna"


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch):
    """`on("2026-12-01")`: pages take that day for today."""

    def stand(day: str) -> None:
        monkeypatch.setattr(outlook, "today", lambda: dt.date.fromisoformat(day))

    return stand


@pytest.fixture
def adam(cast: Cast) -> Client:
    platform_key("openai")
    platform_key("anthropic")
    return browser_of(cast.adam)


def code(model_id: str) -> str:
    return str(ChatModel.objects.get(workspace=None, model_id=model_id).code)


def number(model_id: str) -> int:
    return ChatModel.objects.get(workspace=None, model_id=model_id).pk


def told(page: moving.MovingPage) -> dict[str, tuple[str, str]]:
    return {str(one.chat_model): (one.now.words, one.now.payer) for one in page.options}


def shown(browser: Client, path: str) -> str:
    return " ".join(browser.get(path).content.decode().split())


# --- Where it is told ----------------------------------------------------------------------------


def test_a_model_that_leaves_is_told_wherever_it_runs(cast: Cast, adam: Client, on) -> None:
    on("2026-12-01")
    agent = make_agent(cast.acme, "gpt-4o", name="Front desk")
    act = f"{PAGE}?from={agent.chat_model.code}"

    for path in ("agents/", f"agents/{agent.pk}/", "settings/llm/"):
        page = shown(adam, f"/w/acme/{path}")
        assert LEAVES in page, path
        assert act in page, path
    assert LEAVES in shown(adam, f"/w/acme/agents/{agent.pk}/playground/")


def test_long_before_its_day_stands_beside_the_model_without_a_notice(cast: Cast, adam: Client, on) -> None:
    on("2026-10-01")
    agent = make_agent(cast.acme, "gpt-4o")

    for path in ("agents/", f"agents/{agent.pk}/", "settings/llm/"):
        page = shown(adam, f"/w/acme/{path}")
        assert LEAVES in page, path
        assert f"{PAGE}?from=" not in page, path


def test_who_may_not_move_agents_is_told_who_may(cast: Cast, adam: Client, on) -> None:
    on("2026-12-01")
    make_agent(cast.acme, "gpt-4o")
    page = shown(browser_of(cast.edith), "/w/acme/agents/")

    assert "An admin of the workspace can move all its agents at once." in page
    assert PAGE not in page


def test_a_model_that_is_gone_is_shown_as_gone_with_the_way_out(cast: Cast, adam: Client, on) -> None:
    on("2027-01-14")
    agent = make_agent(cast.acme, "gpt-4o")

    for path in ("agents/", f"agents/{agent.pk}/"):
        page = shown(adam, f"/w/acme/{path}")
        assert GONE in page, path
        assert "cannot run" in page, path
        assert f"{PAGE}?from={agent.chat_model.code}" in page, path
    assert "shut down by OpenAI" in shown(adam, "/w/acme/settings/llm/")


def test_archived_agents_give_no_notice(cast: Cast, adam: Client, on) -> None:
    on("2026-12-01")
    make_agent(cast.acme, "gpt-4o")
    Agent.objects.update(status="archived")

    assert adam.get("/w/acme/agents/").context["leaving"] == []


def test_the_account_that_would_run_it_says_when(cast: Cast, adam: Client, on) -> None:
    on("2026-12-01")
    agent = make_agent(cast.acme, "gpt-6-luna")
    own = keys.replace(cast.acme, provider="openai", secret=Secret(ACME_SECRETS["openai"]), by=cast.adam)
    ListedModel.objects.create(provider_key=own, model_id="gpt-6-luna", shuts_down_on=dt.date(2026, 12, 1))

    assert outlook.for_workspace(cast.acme).last_day(agent.chat_model) == ""
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    assert outlook.for_workspace(cast.acme).last_day(agent.chat_model) == "was shut down on 1 Dec 2026"
    assert "shut down by OpenAI" in shown(adam, "/w/acme/settings/llm/")


def test_all_accounts_lists_cost_one_query(cast: Cast, adam: Client, django_assert_num_queries) -> None:
    models = list(ChatModel.objects.all())
    with django_assert_num_queries(3):
        routes = outlook.for_workspace(cast.acme)
        for model in models:
            routes.route(model)
            routes.last_day(model)


# --- The page ------------------------------------------------------------------------------------


def test_the_page_shows_price_and_payer_before_and_after(cast: Cast, adam: Client, on) -> None:
    on("2026-12-01")
    make_agent(cast.acme, "gpt-4o")
    page = adam.get(PAGE, {"from": code("gpt-4o")}).context["page"]

    assert (page.before.now.words, page.before.now.payer) == ("5 credits", "your credits")
    assert told(page)["GPT-6 Luna"] == ("1 credit", "your credits")
    assert told(page)["Claude Sonnet 5.5"] == ("4 credits", "your credits")
    assert told(page)["Bookbag Local"] == ("local, free", "nobody: it is free")
    assert str(page.chosen.chat_model) == "GPT-6 Luna"
    # What the provider names first, and what leaves too last.
    assert [str(page.options[0].chat_model), str(page.options[-1].chat_model)] == [
        "GPT-6 Luna",
        "GPT-4o mini",
    ]


def test_the_page_follows_the_switch(cast: Cast, adam: Client, on) -> None:
    on("2026-12-01")
    make_agent(cast.acme, "gpt-4o")
    keys.replace(cast.acme, provider="openai", secret=Secret(ACME_SECRETS["openai"]), by=cast.adam)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    page = adam.get(PAGE, {"from": code("gpt-4o")}).context["page"]

    assert page.before.now.payer == "your OpenAI account"
    assert told(page)["GPT-6 Luna"] == ("your OpenAI key", "your OpenAI account")
    luna = next(one for one in page.options if str(one.chat_model) == "GPT-6 Luna")
    assert luna.list_price == "$0.10 in, $0.50 out per million tokens"
    assert told(page)["Claude Sonnet 5.5"] == ("no Anthropic key: cannot run", "")
    assert not next(one for one in page.options if one.chat_model.provider == "anthropic").now.runs


def test_what_is_gone_is_not_offered_and_not_taken(cast: Cast, adam: Client, on) -> None:
    on("2027-01-14")
    agent = make_agent(cast.acme, "gpt-4o")

    page = adam.get(PAGE, {"from": str(agent.chat_model.code)}).context["page"]
    assert "GPT-4o mini" not in told(page)

    fields = {"from_model": agent.chat_model.code, "to_model": number("gpt-4o-mini")}
    answer = adam.post(PAGE, fields, follow=True)
    agent.refresh_from_db()
    assert agent.chat_model.name == "GPT-4o"
    assert "was shut down by its provider" in " ".join(map(str, answer.context["messages"]))


@pytest.mark.parametrize("number", ["²", "٣", "-1", "9" * 30, "", "x"])
def test_what_is_no_number_of_a_model_is_not_found(cast: Cast, adam: Client, number: str) -> None:
    make_agent(cast.acme, "gpt-4o")

    assert adam.post(PAGE, {"from_model": code("gpt-4o"), "to_model": number}).status_code == 404


def test_one_act_moves_all_and_keeps_what_they_were_told(cast: Cast, adam: Client) -> None:
    first, second = (make_agent(cast.acme, "gpt-4o", name=name) for name in ("Front desk", "Night shift"))
    other = make_agent(cast.acme, "claude-sonnet-4-6", name="Other")
    foreign = make_agent(cast.globex, "gpt-4o", name="Gina's own")
    Agent.objects.filter(pk=first.pk).update(temperature=0.7, effort="high", output_limit=900)

    adam.post(PAGE, {"from_model": code("gpt-4o"), "to_model": number("gpt-6-luna")})

    moved = Agent.objects.get(pk=first.pk)
    assert (moved.chat_model.name, moved.temperature, moved.effort, moved.output_limit) == (
        "GPT-6 Luna",
        0.7,
        "high",
        900,
    )
    assert str(Agent.objects.get(pk=second.pk).chat_model) == "GPT-6 Luna"
    assert str(Agent.objects.get(pk=other.pk).chat_model) == "Claude Sonnet 4.6"
    assert str(Agent.objects.get(pk=foreign.pk).chat_model) == "GPT-4o"
    event = AuditEvent.objects.get(action="agent.chat_models_changed")
    assert event.data == {"to": "GPT-6 Luna", "agents": 2}


@pytest.mark.parametrize("asked", ["", "0", "999999", "gpt-4o", "9" * 30])
def test_a_model_that_no_agent_runs_on_leads_back_to_the_list(cast: Cast, adam: Client, asked: str) -> None:
    make_agent(cast.globex, "gpt-4o")
    answer = adam.get(PAGE, {"from": asked} if asked else {})

    assert (answer.status_code, answer["Location"]) == (302, "/w/acme/agents/")


def test_the_page_costs_the_same_for_many_agents(cast: Cast, adam: Client) -> None:
    make_agent(cast.acme, "gpt-4o")
    path = f"{PAGE}?from={code('gpt-4o')}"
    shown(adam, path)
    one = queries_of(adam, path)
    for place in range(20):
        make_agent(cast.acme, "gpt-4o", name=f"Agent {place}")

    assert queries_of(adam, path) == one
