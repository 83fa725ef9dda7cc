"""The pages of agents, by role and by size; no server and no provider needed."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from agents import markdown, process_pool
from agents.knowledge import training
from agents.models import Agent, Conversation, Reply
from agents.sources import working
from llm.models import ChatModel
from llm.routing import Billing
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent

pytestmark = pytest.mark.django_db

MOST_QUERIES = 13


def make_reply(agent: Agent, conversation: Conversation, **fields: object) -> Reply:
    now = timezone.now()
    defaults = {
        "workspace": agent.workspace,
        "member": conversation.started_by,
        "idempotency_key": uuid4().hex,
        "fingerprint": "f" * 64,
        "question": "What is it?",
        "text": "It is **this**.",
        "html": "<p>It is <strong>this</strong>.</p>\n",
        "html_version": markdown.VERSION,
        "state": Reply.State.COMPLETED,
        "model_name": "Bookbag Local",
        "provider": "local",
        "credential_kind": "none",
        "billing": Billing.LOCAL,
        "price": 0,
        "why": "local_model",
        "lease_token": uuid4(),
        "created_at": now - timedelta(seconds=2),
        "renewed_at": now,
        "done_at": now,
    }
    return Reply.objects.create(agent=agent, conversation=conversation, **{**defaults, **fields})


def test_the_list_names_each_agent_with_its_route(cast: Cast) -> None:
    make_agent(cast.acme, name="Front desk")
    make_agent(cast.acme, "gpt-4o", name="Night shift")

    page = browser_of(cast.victor).get("/w/acme/agents/").content.decode()

    assert "Front desk" in page
    assert "local, free" in page
    assert "cannot run" in page  # no platform key is there
    assert "New agent" not in page


def test_an_agent_of_another_workspace_is_not_there(cast: Cast) -> None:
    foreign = make_agent(cast.globex, name="Gina's own")

    for path in ("", "playground/", "inspect/", "sources/new/"):
        assert browser_of(cast.olivia).get(f"/w/acme/agents/{foreign.pk}/{path}").status_code == 404


def test_an_editor_makes_an_agent_within_the_plans_limit(cast: Cast) -> None:
    local = ChatModel.objects.get(provider="local")
    form = {
        "name": "One",
        "chat_model": local.pk,
        "temperature": "0.2",
        "status": "active",
        "fallback_text": "No idea.",
    }
    client = browser_of(cast.edith)

    assert client.post("/w/acme/agents/new/", form).status_code == 302
    second = client.post("/w/acme/agents/new/", {**form, "name": "Two"})

    assert "The plan allows 1 agents" not in second.content.decode()
    assert "The plan allows 1 agent" in second.content.decode()
    assert 'value="Two"' in second.content.decode()
    assert list(cast.acme.agents.values_list("name", flat=True)) == ["One"]
    # Said before the form, which is not there to be filled in for nothing.
    page = client.get("/w/acme/agents/new/").content.decode()
    assert "The plan allows 1 agent, and this workspace has\n  1." in page
    assert "data-agent-form" not in page


def test_more_agents_than_a_new_plan_allows_stay_and_their_page_says_so(cast: Cast) -> None:
    for name in ("One", "Two", "Three"):
        make_agent(cast.acme, name=name)

    page = browser_of(cast.victor).get("/w/acme/agents/").content.decode()

    assert "The plan allows 1 agent, and this workspace has\n  3. All of them stay" in page
    assert "All of them stay" not in browser_of(cast.gina).get("/w/globex/agents/").content.decode()


def test_another_workspaces_model_cannot_be_chosen(cast: Cast) -> None:
    foreign = ChatModel.objects.create(
        workspace=cast.globex, name="Gina's", provider="openai", model_id="ft:gina"
    )
    form = {
        "name": "One",
        "chat_model": foreign.pk,
        "temperature": "0.2",
        "status": "active",
        "fallback_text": "No.",
    }

    page = browser_of(cast.edith).post("/w/acme/agents/new/", form)

    assert page.status_code == 200
    assert "Gina&#x27;s" not in page.content.decode()
    assert not cast.acme.agents.exists()


def test_a_viewer_reads_an_agent_and_changes_nothing(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    client = browser_of(cast.victor)

    assert client.get(f"/w/acme/agents/{agent.pk}/").status_code == 200
    assert client.post(f"/w/acme/agents/{agent.pk}/", {"name": "Mine"}).status_code == 403
    assert client.get(f"/w/acme/agents/{agent.pk}/playground/").status_code == 403
    assert client.post(f"/w/acme/agents/{agent.pk}/delete/").status_code == 403
    agent.refresh_from_db()
    assert agent.name == "Guide"


def test_deleting_an_agent_keeps_its_receipts(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    reply = make_reply(agent, conversation)

    assert browser_of(cast.edith).post(f"/w/acme/agents/{agent.pk}/delete/").status_code == 403
    assert browser_of(cast.adam).post(f"/w/acme/agents/{agent.pk}/delete/").status_code == 302

    page = browser_of(cast.victor).get(f"/w/acme/replies/{reply.pk}/")
    assert page.status_code == 200
    assert cast.acme.audit_events.get(action="agent.deleted").data == {"agent": "Guide"}


def test_agent_made_and_changed_is_written_down_before_and_after(cast: Cast) -> None:
    edith = browser_of(cast.edith)
    local = str(ChatModel.objects.get(workspace=None, provider="local").pk)
    fields = {
        "name": "Guide",
        "instructions": "Be brief.",
        "chat_model": local,
        "status": "draft",
        "temperature": "0.2",
    }
    fields |= {"fallback_text": "I do not know.", "effort": "", "output_limit": "", "suggested_questions": ""}
    edith.post("/w/acme/agents/new/", fields)
    agent = Agent.objects.get(name="Guide")
    edith.post(f"/w/acme/agents/{agent.pk}/", fields)
    edith.post(f"/w/acme/agents/{agent.pk}/", fields | {"status": "active", "instructions": "Be kind."})
    found = cast.acme.audit_events.filter(action__startswith="agent.").order_by("id")

    assert [event.sentence for event in found] == [
        "Agent Guide made",
        "Agent changed (Guide): instructions changed; status: draft → active",
    ]
    assert {event.actor_email for event in found} == {cast.edith.email}


@pytest.mark.parametrize(
    ("page", "names"), [("sources", ("title", "text")), ("questions", ("question", "answer"))]
)
def test_forms_of_sources_have_their_fields(cast: Cast, page: str, names: tuple[str, str]) -> None:
    shown = (
        browser_of(cast.edith).get(f"/w/acme/agents/{make_agent(cast.acme).pk}/{page}/new/").content.decode()
    )

    assert all(f'name="{name}"' in shown for name in names)
    assert 'enctype="multipart/form-data"' in shown


@pytest.mark.parametrize("letter", ["a", "я", "語", "𝕬"])
def test_a_million_characters_of_any_script_are_taken(cast: Cast, letter: str) -> None:
    agent = make_agent(cast.acme)
    path = f"/w/acme/agents/{agent.pk}/sources/new/"
    client = browser_of(cast.edith)

    taken = client.post(path, {"title": "Book", "text": letter * 1_000_000})
    refused = client.post(path, {"title": "Book", "text": letter * 1_000_001})

    assert (taken.status_code, refused.status_code) in [(302, 400), (302, 413)]
    working.train(agent.sources.get().pk)
    assert sum(len(passage.text) for passage in agent.passages.all()) == 1_000_000


def test_a_text_of_too_many_sections_is_kept_and_not_trained_and_says_why(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    form = {"title": "Book", "text": "# a\nb\n\n" * (training.MOST_PASSAGES + 1)}
    client = browser_of(cast.edith)

    assert client.post(f"/w/acme/agents/{agent.pk}/sources/new/", form).status_code == 302
    working.train(agent.sources.get().pk)

    assert agent.sources.get().state == "failed"
    assert "more than 5,000 short sections" in client.get(f"/w/acme/agents/{agent.pk}/").content.decode()
    assert not agent.passages.exists()


def test_a_text_that_a_worker_gives_up_fails_and_the_old_passages_stand(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = make_agent(cast.acme)
    source = training.add_text(agent, title="Hours", text="We open at nine.")
    client = browser_of(cast.edith)

    def give_up(*arguments: object, **limits: object) -> None:
        raise process_pool.NotDone("it took too long")

    monkeypatch.setattr(process_pool, "call", give_up)
    path = f"/w/acme/agents/{agent.pk}/sources/{source.pk}/"
    assert client.post(path, {"title": "Hours", "text": "long " * 10_000}).status_code == 302
    working.train(source.pk)

    shown = client.get(f"/w/acme/agents/{agent.pk}/").content.decode()
    assert "could not be read in time" in shown
    assert "still answers from what it had" in shown
    assert [passage.text for passage in agent.passages.all()] == ["We open at nine."]
    # What was typed is not lost.
    assert "long long" in client.get(path).content.decode()


def test_a_text_is_trained_on_and_the_same_text_refused(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    client = browser_of(cast.edith)
    form = {"title": "Hours", "text": "# Opening\n\nWe open at nine and close at five on weekdays."}

    assert client.post(f"/w/acme/agents/{agent.pk}/sources/new/", form).status_code == 302
    again = client.post(f"/w/acme/agents/{agent.pk}/sources/new/", form)

    assert again.status_code == 400
    assert "already has exactly this" in again.content.decode()
    assert [p.heading for p in agent.passages.all()] == ["Opening"]


def test_an_archived_agent_says_so_in_the_composers_place(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    Agent.objects.update(status=Agent.Status.ARCHIVED)

    page = browser_of(cast.edith).get(f"/w/acme/agents/{agent.pk}/playground/").content.decode()

    assert "This agent is archived." in page
    assert re.search(r"<form[^>]*data-composer[^>]* hidden>", page)


def test_a_question_that_is_there_already_is_said_to_be_with_the_way_to_change_it(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    client = browser_of(cast.edith)
    page = f"/w/acme/agents/{agent.pk}/questions/new/"

    assert client.post(page, {"question": "When?", "answer": "At nine."}).status_code == 302
    again = client.post(page, {"question": "when", "answer": "At ten."})

    assert again.status_code == 400
    assert "already answers this question. To change the answer" in again.content.decode()


def test_changing_a_text_trains_again_and_an_unchanged_one_does_not(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    source = training.add_text(agent, title="Hours", text="We open at nine.")
    trained = source.trained_at
    client = browser_of(cast.edith)
    path = f"/w/acme/agents/{agent.pk}/sources/{source.pk}/"

    client.post(path, {"title": "Opening hours", "text": "We open at nine."})
    source.refresh_from_db()
    assert (source.title, source.trained_at) == ("Opening hours", trained)

    client.post(path, {"title": "Opening hours", "text": "We open at ten."})
    assert [p.text for p in agent.passages.all()] == ["We open at ten."]


def test_the_receipt_shows_a_mask_to_admins_only(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    reply = make_reply(
        agent,
        conversation,
        provider="openai",
        billing="byo",
        credential_kind="workspace",
        credential_mask="sk-…a1B2",
        why="byo_on",
    )
    path = f"/w/acme/replies/{reply.pk}/"

    assert "sk-…a1B2" in browser_of(cast.adam).get(path).content.decode()
    assert "a1B2" not in browser_of(cast.edith).get(path).content.decode()
    scripted = browser_of(cast.edith).get(path, headers={"accept": "application/json"}).json()
    assert scripted["credential"] == {"kind": "workspace", "mask": ""}
    assert (scripted["billing"], scripted["price"], scripted["charged"]) == ("byo", 0, 0)
    assert browser_of(cast.gina).get(path).status_code == 404


def test_the_inspector_shows_the_prompt_and_calls_nobody(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    training.add_text(agent, title="Hours", text="We open at nine on weekdays.")

    page = browser_of(cast.edith).get(f"/w/acme/agents/{agent.pk}/inspect/", {"text": "When do you open?"})

    assert "We open at nine on weekdays." in page.content.decode()
    assert "[1] Hours" in page.content.decode()


@pytest.mark.parametrize("size", [1, 50])
def test_pages_ask_a_constant_number_of_queries(
    cast: Cast, size: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    agents = [make_agent(cast.acme, "gpt-4o" if n % 2 else "", name=f"Agent {n}") for n in range(size)]
    training.add_text(agents[0], title="Hours", text="We open at nine.")
    conversations = [Conversation.objects.create(agent=agents[0], started_by=cast.edith) for _ in range(size)]
    for _ in range(size):
        make_reply(
            agents[0],
            conversations[0],
            sources=[{"title": "Hours", "heading": "", "text": "We open at nine."}],
        )
    client = browser_of(cast.edith)
    client.get("/w/acme/agents/")  # fills the caches of templates and content types

    for path in (
        "/w/acme/agents/",
        f"/w/acme/agents/{agents[0].pk}/",
        f"/w/acme/agents/{agents[0].pk}/playground/?conversation={conversations[0].pk}",
    ):
        with django_assert_max_num_queries(MOST_QUERIES):
            assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("name", "fields"), [("add_text", ["title", "text"]), ("add_qa", ["question", "answer"])]
)
def test_the_form_of_a_source_has_its_fields(cast: Cast, name: str, fields: list[str]) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    page = browser_of(cast.edith).get(reverse(f"agents:{name}", args=["acme", agent.pk])).content.decode()

    assert [field for field in fields if f'name="{field}"' not in page] == []
    assert "Save and train" in page
