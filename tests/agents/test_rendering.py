"""A reply's HTML is made once, when it is settled, and pages read it."""

import asyncio
from uuid import uuid4

import pytest

from agents import markdown, process_pool, rendering, replies, settlement
from agents.models import Conversation, Reply
from agents.outcomes import Cause, decide
from agents.rendering import Rendered
from agents.replies import Accepted, Send
from agents.settlement import Result
from tests.agents.test_pages import make_reply, signed_in
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import platform_key, talk
from tests.harness.live import Server
from tests.harness.visitor import Visit, session_cookie
from tests.provider_double.client import Double

pytestmark = pytest.mark.django_db(transaction=True)
NONE = {"html": "", "html_version": 0}
HOSTILE = ("[", "![", "> ", "|a", "*a **b ", "`", "<a ", "&", "- ", "\xa0")


def shown(cast: Cast, agent_id: object, conversation: Conversation) -> str:
    page = signed_in(cast.edith).get(f"/w/acme/agents/{agent_id}/playground/?conversation={conversation.pk}")
    assert page.status_code == 200
    return page.content.decode()


def may_not_render(text: str) -> str:
    raise AssertionError("rendered again")


def test_html_is_stored_with_the_text(cast: Cast) -> None:
    send = Send(session_cookie(cast.edith), "acme", make_agent(cast.acme).pk, "Hello?", uuid4().hex)
    accepted = replies.accept(send)
    assert isinstance(accepted, Accepted)
    rendered = asyncio.run(rendering.settled("It is **this**."))

    settlement.settle(accepted, Result(decide(Cause.FINISHED, has_text=True), "It is **this**.", rendered))

    assert Reply.objects.values_list("text", "html", "html_version").get() == (
        "It is **this**.", "<p>It is <strong>this</strong>.</p>\n", markdown.VERSION,
    )  # fmt: skip


def test_a_reply_of_the_real_server_comes_with_its_html(
    cast: Cast, visit: Visit, live: Server, provider_double: Double
) -> None:
    platform_key()
    agent = make_agent(cast.acme, "gpt-4o")
    long = "It is *this*. " * 5000
    for text in ("It is *this*.", long):
        provider_double.script("chunks", chunks=[text])
        assert talk(visit(cast.edith), agent).end.data["state"] == "completed"

    for reply in Reply.objects.all():
        assert reply.html.startswith("<p>It is <em>this</em>."), reply.html[:60]
        assert reply.html.count("<em>") == reply.text.count("this")


def test_pages_show_what_is_stored_and_render_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    reply = make_reply(agent, conversation)
    monkeypatch.setattr(markdown, "to_html", may_not_render)

    assert "It is <strong>this</strong>." in shown(cast, agent.pk, conversation)
    assert (
        "It is <strong>this</strong>."
        in signed_in(cast.edith).get(f"/w/acme/replies/{reply.pk}/turn/").content.decode()
    )


@pytest.mark.parametrize("stored", [NONE, {"html": "<p>Old.</p>", "html_version": 60_000}])
def test_what_another_renderer_made_is_made_again_once(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, stored: dict[str, object]
) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    make_reply(agent, conversation, **stored)

    assert "It is <strong>this</strong>." in shown(cast, agent.pk, conversation)
    monkeypatch.setattr(markdown, "to_html", may_not_render)
    assert "It is <strong>this</strong>." in shown(cast, agent.pk, conversation)


def test_a_running_reply_is_not_rendered(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    make_reply(agent, conversation, state=Reply.State.STREAMING, done_at=None, **NONE)
    monkeypatch.setattr(markdown, "to_html", may_not_render)

    assert "Still being answered" in shown(cast, agent.pk, conversation)


def test_what_cannot_be_rendered_in_time_is_settled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def give_up(*arguments: object) -> None:
        raise process_pool.NotDone("too much is waiting")

    monkeypatch.setattr(process_pool, "acall", give_up)

    assert asyncio.run(rendering.settled("long " * 10_000)) == Rendered("", 0)


def test_a_defect_of_the_renderer_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        """As the library's Rust half raises it."""

    class Broken:
        def html(self, text: str) -> str:
            raise PanicException

    monkeypatch.setattr(markdown, "_MARKDOWN", Broken())

    assert asyncio.run(rendering.settled("<b>")).html == markdown.as_written("<b>")


def test_a_page_of_hostile_answers_is_a_bounded_page(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    for unit in HOSTILE * 2:
        make_reply(agent, conversation, text=unit * (256 * 1024 // len(unit)), **NONE)

    signed_in(cast.edith).get(f"/w/acme/agents/{agent.pk}/playground/?conversation={conversation.pk}")
    page = shown(cast, agent.pk, conversation)

    assert len(page) < 5_000_000
    assert "chat__turn" in page
    assert all(len(reply.html) < 1_500_000 for reply in Reply.objects.all())
