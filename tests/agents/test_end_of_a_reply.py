"""A reply ends in one request: the stream's last event brings the page the finished turn and the credits left."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from agents.models import Agent, Conversation, Reply
from agents.running import watching
from agents.views import playground
from llm import byo, keys
from llm.providers.base import Fault
from tests.agents.test_pages import make_reply
from tests.agents.test_receipts import charged_reply
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.harness.chat import (
    FOR_THE_PAGE,
    Event,
    accepted,
    bring_key,
    live_events,
    send,
    stop,
    talk,
)
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit, Visitor
from tests.llm.rows import the_key
from tests.provider_double.client import Double
from workspaces.models import Role, Workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def end_for_the_page(visitor: Visitor, url: str, **options: Any) -> Event:
    return list(live_events(visitor, url, accept=FOR_THE_PAGE, **options))[-1]


def test_page_is_brought_the_turn_and_what_is_left(cast: Cast, visit: Visit, openai_agent: Agent) -> None:
    visitor = visit(cast.edith)

    end = end_for_the_page(visitor, accepted(visitor, openai_agent)["stream"]).data

    assert f'id="reply-{Reply.objects.get().pk}"' in end["turn"]
    assert "5 credits" in end["turn"]
    assert (end["available"], end["held"]) == (95, 0)


def test_everybody_else_is_brought_the_facts_and_what_is_left(
    cast: Cast, visit: Visit, openai_agent: Agent
) -> None:
    end = talk(visit(cast.edith), openai_agent).end.data

    assert (end["available"], end["held"]) == (95, 0)
    assert "turn" not in end


def test_the_same_is_brought_live_again_and_by_another_process(
    cast: Cast, visit: Visit, openai_agent: Agent, lend_server: LendServer
) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    live = end_for_the_page(visitor, where["stream"]).data

    again = end_for_the_page(visitor, where["stream"], last_event_id=watching.END).data
    elsewhere = visit(cast.edith, server=lend_server(name="second"))

    assert live == again == end_for_the_page(elsewhere, where["stream"]).data


def test_answer_to_the_message_itself_ends_so_too(cast: Cast, visit: Visit, openai_agent: Agent) -> None:
    answer = send(visit(cast.edith), openai_agent, accept=f"{FOR_THE_PAGE}, application/json").text

    # While it runs its price is held; then it is spent.
    assert '"available":95,"held":5' in answer.partition("event: done")[0]
    assert '"available":95,"held":0' in answer.partition("event: done")[2]
    assert answer.count("event: done") == 1


def test_failed_reply_brings_its_turn_and_all_credits(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("500", times=3)
    visitor = visit(cast.edith)

    end = end_for_the_page(visitor, accepted(visitor, openai_agent)["stream"])

    assert (end.kind, end.data["available"]) == ("error", 100)
    assert "not charged" in end.data["turn"]


@pytest.mark.parametrize(
    ("change", "has_changed"),
    [
        (lambda acme: None, False),
        (lambda acme: byo.set_byo(acme, enabled=False, by=None), True),
        (lambda acme: keys.delete(acme, provider="openai", by=None), True),
        (lambda acme: keys.delete(acme, provider="anthropic", by=None), False),
        (lambda acme: keys.note_result(the_key(acme).pk, fault=Fault.REJECTED), True),
        (lambda acme: keys.note_unreadable(the_key(acme).pk), True),
    ],
)
def test_page_is_told_that_the_key_of_the_reply_signs_the_next_one_no_more(
    cast: Cast, openai_agent: Agent, change: Callable[[Workspace], object], has_changed: bool
) -> None:
    for provider in ("openai", "anthropic"):
        bring_key(cast.acme, provider)
    conversation = Conversation.objects.create(agent=openai_agent, started_by=cast.edith)
    on_own = make_reply(
        openai_agent, conversation, credential_kind="workspace", credential_id=the_key(cast.acme).pk, billing="byo",
        provider="openai",
    )  # fmt: skip
    on_ours = charged_reply(conversation, credential_kind="platform", credential_id=the_key(None).pk)
    local = make_reply(openai_agent, conversation)

    change(cast.acme)

    ends = [playground.ended(one.pk, Role.EDITOR) for one in (on_own, on_ours, local)]
    # What ran on the platform's key runs on it again once the switch is off.
    is_on = byo.settings_of(cast.acme).byo_enabled
    assert [one["route_changed"] for one in ends] == [has_changed, is_on, False]


def test_running_reply_has_no_turn_to_bring(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream")
    visitor = visit(cast.edith)
    reply_id = accepted(visitor, openai_agent)["reply"]

    assert playground.ended(Reply.objects.get().pk, Role.EDITOR) == {}
    stop(visitor, "acme", reply_id)


@pytest.mark.browser
@pytest.mark.both_databases
def test_credits_on_the_page_follow_each_reply(cast: Cast, open_page: OpenPage, openai_agent: Agent) -> None:
    page = open_page(cast.edith)
    asked: list[str] = []
    page.goto(f"/w/acme/agents/{openai_agent.pk}/playground/")
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.partition('/w/')[2]}"))
    for left in ("95", "90"):
        page.get_by_label("Your message").fill("Why is the sky blue?")
        page.get_by_role("button", name="Send").click()

        expect(page.locator("[data-credits-left] [data-held]")).to_be_hidden()
        expect(page.locator("[data-credits-left] [data-available]")).to_have_text(left)
        expect(page.locator("[data-composer] [data-available]")).to_have_text(left)
        expect(page.locator(".chat__turn").last.get_by_role("link", name="5 credits")).to_be_visible()

    # What is of no workspace is the icons.
    assert [one for one in asked if not one.endswith(" ")] == [
        f"POST acme/agents/{openai_agent.pk}/messages/"
    ] * 2
