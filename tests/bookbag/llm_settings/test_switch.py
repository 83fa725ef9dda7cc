"""The LLM settings page: the switch, and how each agent would run in its two positions."""

from datetime import date
from html import unescape

import pytest
from django.urls import reverse

from agents.models import Agent
from billing.models import Account, Plan
from llm import byo, outlook
from llm.models import ChatModel
from tests.bookbag.llm_settings.page import PAGE, PASTED, Health, put, put_platform_keys, said
from tests.harness.cast import make_agent

pytestmark = pytest.mark.django_db


def test_the_switch_goes_on_and_off(cast, adam):
    page = adam.post(PAGE + "byo/", {"byo_enabled": "on"}, follow=True)
    assert ("is on" in said(page), byo.settings_of(cast.acme).byo_enabled) == (True, True)
    adam.post(PAGE + "byo/")
    assert byo.settings_of(cast.acme).byo_enabled is False


@pytest.mark.parametrize("value", ["off", "true", "1", ""])
def test_only_on_is_on(cast, adam, value):
    adam.post(PAGE + "byo/", {"byo_enabled": value})
    assert byo.settings_of(cast.acme).byo_enabled is False


def rows(page) -> list[list[str]]:
    """The readiness table as text, a list of cells for each agent."""
    from html.parser import HTMLParser

    class Table(HTMLParser):
        found: list[list[str]] = []

        def handle_starttag(self, tag, attrs):
            if tag == "tr":
                self.found.append([])
            if tag in ("td", "th") and self.found:
                self.found[-1].append("")

        def handle_data(self, data):
            if self.found and self.found[-1]:
                self.found[-1][-1] = " ".join((self.found[-1][-1] + " " + data).split())

    body = page.content.decode()
    table = Table()
    table.found = []
    table.feed(body[body.index("<table") : body.index("</table>")])
    return table.found[1:]


@pytest.mark.usefixtures("last_days_as_published")
def test_the_table_tells_each_agents_route_now_and_after(cast, adam, monkeypatch):
    put(cast)
    put_platform_keys(cast)
    custom = byo.add_model(cast.acme, provider="openai", model_id="o-custom", name="Ours", by=cast.adam)
    for name, model in (("A", "gpt-4o"), ("B", "claude-haiku-4-5-20251001"), ("C", "")):
        make_agent(cast.acme, model, name=name)
    Agent.objects.create(workspace=cast.acme, name="D", chat_model=custom)
    monkeypatch.setattr(outlook, "today", lambda: date(2026, 12, 1))
    leaves = "GPT-4o shuts down 14 Jan 2027 · use GPT-6 Luna Move its agents off GPT-4o"
    assert rows(adam.get(PAGE)) == [
        ["A", leaves, "5 credits", "your OpenAI key"],
        [
            "B",
            "Claude Haiku 4.5",
            "2 credits",
            "no Anthropic key: cannot run Add an Anthropic key, or change the model.",
        ],
        ["C", "Bookbag Local", "local, free", "local, free"],
        [
            "D",
            "Ours",
            "needs your own OpenAI key: cannot run Custom models run on your own key only.",
            "your OpenAI key",
        ],
    ]


def test_the_table_follows_the_switch(cast, adam):
    put(cast, found=Health.REJECTED)
    make_agent(cast.acme, "gpt-6-luna", name="A")
    make_agent(cast.acme, "claude-sonnet-4-6", name="B")
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    out = "Bookbag has no {0} key: cannot run Use your own {0} key, or change the model."
    assert rows(adam.get(PAGE)) == [
        ["A", "GPT-6 Luna", "OpenAI key rejected: will fail Replace the OpenAI key.", out.format("OpenAI")],
        [
            "B",
            "Claude Sonnet 4.6",
            "no Anthropic key: cannot run Add an Anthropic key, or change the model.",
            out.format("Anthropic"),
        ],
    ]


def test_archived_agents_are_not_counted(cast, adam):
    agent = make_agent(cast.acme, "gpt-4o")
    Agent.objects.filter(pk=agent.pk).update(status="archived")
    assert "No agents yet" in adam.get(PAGE).content.decode()


@pytest.mark.usefixtures("last_days_as_published")
def test_the_way_out_offers_models_that_run_in_both_positions_first(cast, adam, monkeypatch):
    monkeypatch.setattr(outlook, "today", lambda: date(2026, 12, 1))
    put(cast)
    put_platform_keys(cast)
    make_agent(cast.acme, "claude-haiku-4-5-20251001")
    page = adam.get(PAGE)
    [way] = page.context["page"].ways_out
    offered = [choice.chat_model for choice in way.choices]
    assert {one.provider for one in offered} == {"local", "openai"}
    assert [str(one) for one in offered][:2] == ["Bookbag Local", "GPT-6 Luna"]
    # They leave soon, and so come after what stays.
    assert [str(one) for one in offered][-2:] == ["GPT-4o mini", "GPT-4o"]
    assert reverse("agents:change_models", args=["acme"]) in page.content.decode()


def test_a_withdrawn_model_is_told_and_not_offered(cast, adam):
    put_platform_keys(cast)
    make_agent(cast.acme, "gpt-4o")
    ChatModel.objects.filter(model_id="gpt-4o").update(enabled=False)
    page = adam.get(PAGE)
    assert rows(page)[0][2] == "withdrawn: cannot run Change the model."
    assert "GPT-4o" not in [str(choice.chat_model) for choice in page.context["page"].ways_out[0].choices]


def test_who_pays_is_said_before_anything_else(cast, adam):
    put_platform_keys(cast)
    off = adam.get(PAGE).content.decode()
    put(cast)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    on = adam.get(PAGE).content.decode()
    assert "Who pays now: your credits" in off
    assert "Who pays now: your provider accounts" in on


def test_the_playground_of_an_agent_on_a_provider_is_linked(cast, adam):
    make_agent(cast.acme, "", name="A local one")
    agent = make_agent(cast.acme, "gpt-4o", name="Z")
    link = reverse("agents:playground", args=["acme", agent.pk])
    assert adam.get(PAGE).context["page"].trial is None
    put(cast, PASTED)
    assert adam.get(PAGE).context["page"].trial.url == "#byo-title"
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    page = unescape(adam.get(PAGE).content.decode())
    assert f'href="{link}">Verify in the playground</a>' in page
    assert f"{agent.name} is set to run on your OpenAI key." in page


def test_a_key_that_no_agent_runs_on_leads_to_the_playground_where_the_plan_has_no_room(cast, adam):
    agent = make_agent(cast.acme, "gpt-4o", name="Front desk")
    put(cast, "sk-ant-PaStEdKeYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5", provider="anthropic")
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    trial = adam.get(PAGE).context["page"].trial

    assert trial.url == f"/w/acme/agents/{agent.pk}/playground/"
    assert (
        "no room for another: in the playground, Front desk can try a chat model of Anthropic" in trial.said
    )


def test_a_key_that_no_agent_runs_on_leads_to_making_one(cast, adam):
    Account.objects.filter(workspace=cast.acme).update(plan=Plan.objects.get(slug="pro"))
    make_agent(cast.acme, "gpt-4o")
    put(cast, PASTED)
    put(cast, "sk-ant-PaStEdKeYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5", provider="anthropic")
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    trial = adam.get(PAGE).context["page"].trial

    assert (trial.label, trial.url) == (
        "Make an agent on Anthropic",
        "/w/acme/agents/new/?provider=anthropic",
    )
    form = unescape(adam.get(trial.url).content.decode())
    assert "On Anthropic, for its key to be verified." in form
    chosen = form.partition("selected>")[2].partition("<")[0]
    assert chosen.endswith(" · your Anthropic key")
