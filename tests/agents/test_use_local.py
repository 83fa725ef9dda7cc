"""One press of "Use Bookbag Local, free": what it changes, what it keeps, and who may."""

import pytest
from playwright.sync_api import expect

from agents.models import Agent, Conversation
from llm.models import ChatModel
from tests.agents.test_pages import make_reply
from tests.factories import browser_of
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import bring_key

pytestmark = pytest.mark.django_db


def act(agent: Agent) -> str:
    return f"/w/acme/agents/{agent.pk}/use-local/"


def test_the_agent_runs_on_bookbag_local_and_keeps_its_settings(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    Agent.objects.update(temperature=0.7)

    answer = browser_of(cast.edith).post(act(agent))

    agent.refresh_from_db()
    assert answer["location"] == f"/w/acme/agents/{agent.pk}/playground/"
    assert (agent.chat_model.provider, agent.temperature) == ("local", 0.7)


def test_what_was_typed_comes_back_with_the_conversation(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)

    page = browser_of(cast.edith).post(
        act(agent), {"text": "A <long> thought", "conversation": conversation.pk}
    )

    assert (page.status_code, page.context["draft"]) == (200, "A <long> thought")
    assert page.context["conversation"] == conversation
    assert "A &lt;long&gt; thought</textarea>" in page.content.decode()


def test_a_conversation_that_tries_a_model_is_moved_and_the_agent_is_not(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    tried = ChatModel.objects.get(model_id="claude-sonnet-4-6")
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith, tried_model=tried)

    browser_of(cast.edith).post(act(agent), {"conversation": conversation.pk})

    agent.refresh_from_db()
    conversation.refresh_from_db()
    assert agent.chat_model.model_id == "gpt-4o"
    assert conversation.tried_model is not None
    assert conversation.tried_model.provider == "local"


def test_where_bookbag_local_is_not_offered_nothing_changes(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    ChatModel.objects.filter(provider="local").update(enabled=False)

    page = browser_of(cast.edith).post(act(agent), follow=True)

    agent.refresh_from_db()
    assert agent.chat_model.model_id == "gpt-4o"
    assert "Bookbag Local is not offered here." in page.content.decode()


def test_junk_for_a_conversation_and_an_agent_of_another_workspace(cast: Cast) -> None:
    agent, foreign = make_agent(cast.acme, "gpt-4o"), make_agent(cast.globex, "gpt-4o")
    client = browser_of(cast.edith)

    assert client.post(act(agent), {"conversation": "not-a-uuid"}).status_code == 302
    assert client.post(act(foreign)).status_code == 404
    assert browser_of(cast.victor).post(act(agent)).status_code == 403
    foreign.refresh_from_db()
    assert foreign.chat_model.model_id == "gpt-4o"


def test_inspector_sends_along_the_message_and_its_conversation(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    asked = {"text": "Why?", "conversation": str(conversation.pk)}

    page = browser_of(cast.edith).get(f"/w/acme/agents/{agent.pk}/inspect/", asked).content.decode()

    form = page.partition('<form id="act"')[2].partition("</form>")[0]
    assert 'name="text" value="Why?"' in form
    assert f'name="conversation" value="{conversation.pk}"' in form


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scripts", [True, False])
def test_page_that_answers_a_form_leads_on_as_any_playground(
    cast: Cast, open_page: OpenPage, scripts: bool
) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    earlier = Conversation.objects.create(agent=agent, started_by=cast.edith)
    make_reply(agent, earlier, question="Asked before")
    bring_key(cast.acme, "anthropic")
    page = open_page(cast.edith, java_script_enabled=scripts)
    page.goto(f"/w/acme/agents/{agent.pk}/playground/?ask=A+thought")

    page.get_by_role("button", name="Use Bookbag Local, free").click()

    box = page.get_by_label("Your message")
    expect(box).to_have_value("A thought")
    if scripts:
        page.reload()
        expect(box).to_have_value("A thought")
    page.get_by_role("link", name="Asked before").click()
    expect(page.locator(".chat__turn")).to_contain_text("Asked before")
    if scripts:
        page.go_back()
        expect(box).to_have_value("A thought")
