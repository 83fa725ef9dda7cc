"""From a mark in a reply to its source, and to the very passage."""

import pytest

from agents.knowledge import training
from agents.models import Agent, Conversation, Reply
from tests.agents.test_pages import make_reply
from tests.factories import browser_of, queries_of
from tests.harness.cast import Cast, make_agent

pytestmark = pytest.mark.django_db

PARAGRAPH = "We open at nine. " * 60
TEXT = f"# Hours\n\n{PARAGRAPH}\n\n# Prices\n\nA <b>ticket</b> costs five.\nHalf for children.\n\n# Dogs\n\nNo dogs."
QUOTED = {"title": "Visit", "heading": "Prices", "text": "A <b>ticket</b> costs five.\nHalf for children."}


@pytest.fixture
def agent(cast: Cast) -> Agent:
    agent = make_agent(cast.acme)
    training.add_text(agent, title="Visit", text=TEXT)
    return agent


def quoting(agent: Agent, cast: Cast, **fields: object) -> Reply:
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    return make_reply(agent, conversation, **{"sources": [QUOTED], **fields})


def page(cast: Cast, reply: Reply, number: int = 1) -> str:
    response = browser_of(cast.edith).get(f"/w/acme/replies/{reply.pk}/sources/{number}/")
    assert response.status_code == 200
    return response.content.decode()


def test_the_passage_is_marked_among_its_neighbours(cast: Cast, agent: Agent) -> None:
    shown = page(cast, quoting(agent, cast))

    assert shown.count("<mark>") == 1
    assert "<mark>A &lt;b&gt;ticket&lt;/b&gt; costs five.<br>Half for children.</mark>" in shown
    assert shown.index("We open at nine") < shown.index("<mark>") < shown.index("No dogs.")
    assert f"/sources/{agent.sources.get().pk}/" in shown


def test_a_passage_that_was_trained_again_is_found(cast: Cast, agent: Agent) -> None:
    reply = quoting(agent, cast)
    training.replace_text(agent.sources.get(), title="Visit", text=TEXT + "\n\n# Cats\n\nNo cats.")

    assert "<mark>A &lt;b&gt;ticket" in page(cast, reply)


def test_of_two_alike_it_is_the_one_in_that_source(cast: Cast, agent: Agent) -> None:
    training.add_text(agent, title="Another", text=f"# Prices\n\n{QUOTED['text']}\n\n# More\n\nOf the other.")

    assert "Of the other." not in page(cast, quoting(agent, cast))


def test_what_is_no_longer_there_is_shown_as_it_was_quoted(cast: Cast, agent: Agent) -> None:
    reply = quoting(agent, cast)
    agent.sources.all().delete()

    shown = page(cast, reply)

    assert "no longer among the agent" in shown
    assert "<mark>A &lt;b&gt;ticket" in shown


def test_with_the_agent_its_passages_are_gone(cast: Cast, agent: Agent) -> None:
    reply = quoting(agent, cast)
    agent.delete()

    assert browser_of(cast.edith).get(f"/w/acme/replies/{reply.pk}/sources/1/").status_code == 404


@pytest.mark.parametrize("number", [0, 2, 10**9])
def test_there_is_no_page_of_a_source_that_a_reply_has_not(cast: Cast, agent: Agent, number: int) -> None:
    reply = quoting(agent, cast)

    assert browser_of(cast.edith).get(f"/w/acme/replies/{reply.pk}/sources/{number}/").status_code == 404


def test_a_large_source_is_not_shown_whole(cast: Cast, agent: Agent) -> None:
    text = "\n\n".join(f"# Part {n}\n\nPart {n}: a few words." for n in range(60))
    training.add_text(agent, title="Large", text=text)
    quoted = agent.passages.get(heading="Part 30")
    source = {"title": "Large", "heading": quoted.heading, "text": quoted.text}

    shown = page(cast, quoting(agent, cast, sources=[source]))

    assert shown.count('class="passages__one"') == 21
    assert "Part 20:" in shown
    assert "Part 41:" not in shown


def test_queries_do_not_grow_with_passages(cast: Cast, agent: Agent) -> None:
    reply, browser = quoting(agent, cast), browser_of(cast.edith)
    address = f"/w/acme/replies/{reply.pk}/sources/1/"
    few = queries_of(browser, address)
    training.replace_text(agent.sources.get(), title="Visit", text=TEXT + "\n\n# More\n\nMore." * 30)

    assert queries_of(browser, address) == few


def test_turn_leads_from_mark_to_source_and_back(cast: Cast, agent: Agent) -> None:
    reply = quoting(agent, cast, text="Five [1], not [2].", html="", html_version=0)

    shown = (
        browser_of(cast.edith)
        .get(f"/w/acme/agents/{agent.pk}/playground/?conversation={reply.conversation_id}")
        .content.decode()
    )

    name = f"reply-{reply.pk}"
    assert f'<a class="mark" href="#{name}-source-1" id="{name}-mark-1"' in shown
    assert f'<li id="{name}-source-1"' in shown
    assert f'href="#{name}-mark-1"' in shown
    assert "not [2]." in shown
    assert f'href="/w/acme/replies/{reply.pk}/sources/1/#passage"' in shown


def test_each_mark_on_a_receipt_leads_to_a_source_that_is_there(cast: Cast, agent: Agent) -> None:
    reply = quoting(agent, cast, text="Five [1].", html="", html_version=0)

    shown = browser_of(cast.edith).get(f"/w/acme/replies/{reply.pk}/").content.decode()

    assert f'href="#reply-{reply.pk}-source-1"' in shown
    assert f'id="reply-{reply.pk}-source-1"' in shown
