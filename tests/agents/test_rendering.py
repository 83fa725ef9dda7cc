"""A reply's HTML is made once, when it is settled, and pages read it."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import psutil
import pytest
from django.db.models.functions import Now
from django.utils import timezone

from agents import markdown, process_pool, rendering
from agents.models import Agent, Conversation, Reply
from agents.process_pool import NotBegun, NotDone
from agents.rendering import Rendered
from agents.running import accepting, settlement
from agents.running.outcomes import Cause, decide
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply, Submission
from agents.views import playground
from tests.agents.test_pages import make_reply
from tests.agents.test_process_pool import workers_of
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import accepted, platform_key, stop, talk
from tests.harness.live import Server, StartServer
from tests.harness.visitor import Visit, Visitor, session_cookie
from tests.harness.waiting import eventually
from tests.provider_double.client import Double
from workspaces.models import Role

pytestmark = pytest.mark.django_db(transaction=True)
NONE = {"html": "", "html_version": 0}
HOSTILE = ("[", "![", "> ", "|a", "*a **b ", "`", "<a ", "&", "- ", "\xa0")


def shown(cast: Cast, agent_id: object, conversation: Conversation) -> str:
    page = browser_of(cast.edith).get(f"/w/acme/agents/{agent_id}/playground/?conversation={conversation.pk}")
    assert page.status_code == 200
    return page.content.decode()


def may_not_render(text: str, *where: object) -> str:
    raise AssertionError("rendered again")


def test_html_is_stored_with_the_text(cast: Cast) -> None:
    send = Submission(session_cookie(cast.edith), "acme", make_agent(cast.acme).pk, "Hello?", uuid4().hex)
    accepted = accepting.accept(send)
    assert isinstance(accepted, AcceptedReply)
    rendered = asyncio.run(rendering.final("It is **this**.", uuid4(), sources=0))

    settlement.settle(accepted, Result(decide(Cause.FINISHED, has_text=True), "It is **this**.", rendered))

    assert Reply.objects.values_list("text", "html", "html_version").get() == (
        "It is **this**.", '<p dir="auto">It is <strong>this</strong>.</p>\n', markdown.VERSION,
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
        assert reply.html.startswith('<p dir="auto">It is <em>this</em>.'), reply.html[:60]
        assert reply.html.count("<em>") == reply.text.count("this")


def test_pages_show_what_is_stored_and_render_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    reply = make_reply(agent, conversation)
    monkeypatch.setattr(markdown, "to_html", may_not_render)

    assert "It is <strong>this</strong>." in shown(cast, agent.pk, conversation)
    assert "It is <strong>this</strong>." in playground.ended(reply.pk, Role.EDITOR)["turn"]


@pytest.mark.parametrize("stored", [NONE, {"html": "<p>Old.</p>", "html_version": 30_000}])
def test_what_another_renderer_made_is_made_again_once(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, stored: dict[str, object]
) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    make_reply(agent, conversation, **stored)

    assert "It is <strong>this</strong>." in shown(cast, agent.pk, conversation)
    monkeypatch.setattr(markdown, "to_html", may_not_render)
    assert "It is <strong>this</strong>." in shown(cast, agent.pk, conversation)


def test_what_a_sweep_ended_is_rendered_once(cast: Cast) -> None:
    """Its end is the database's own moment, which SQLite writes shorter than Django asks for it."""
    conversation = Conversation.objects.create(agent=make_agent(cast.acme), started_by=cast.edith)
    reply = make_reply(conversation.agent, conversation, text="**Half**", html="", html_version=0)
    Reply.objects.update(done_at=Now())
    reply.refresh_from_db()

    rendering.complete([reply])

    assert Reply.objects.values_list("html_version", flat=True).get() == markdown.VERSION


def test_a_running_reply_is_not_rendered(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    make_reply(agent, conversation, state=Reply.State.STREAMING, done_at=None, **NONE)
    monkeypatch.setattr(markdown, "to_html", may_not_render)

    assert "Still being answered" in shown(cast, agent.pk, conversation)


def test_what_cannot_be_rendered_in_time_is_settled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def give_up(*arguments: object, seconds: float) -> None:
        raise NotBegun("too much is waiting")

    monkeypatch.setattr(process_pool, "acall", give_up)

    assert asyncio.run(rendering.final("long " * 10_000, uuid4(), sources=0)) == Rendered("", 0)


def test_a_defect_of_the_renderer_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        """As the library's Rust half raises it."""

    class Broken:
        def events(self, text: str) -> str:
            raise PanicException

    monkeypatch.setattr(markdown, "OF_REPLIES", Broken())

    assert asyncio.run(rendering.final("<b>", uuid4(), sources=0)).html == markdown.as_written("<b>")


LONG = "It is *this*. " * 5000


def test_a_worker_that_hangs_holds_up_no_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SECONDS", 0.5)
    process_pool.call(sorted, [])
    with stopped_workers(os.getpid()):
        assert asyncio.run(rendering.final(LONG, uuid4(), sources=0)) == rendering.NOT_YET


@contextmanager
def stopped_workers(server_pid: int) -> Iterator[None]:
    """Those that `server_pid` has do nothing meanwhile, and are ended then."""
    workers = workers_of(server_pid)
    assert workers
    for worker in workers:
        worker.suspend()
    yield
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.kill()


@pytest.fixture
def busy_server(
    cast: Cast, visit: Visit, live: Server, provider_double: Double
) -> Iterator[tuple[Visitor, Agent]]:
    """A server whose workers hang, an agent, and a long answer that its model will give."""
    platform_key()
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith)
    for _ in range(2):
        provider_double.script("chunks", chunks=[LONG])
    assert talk(visitor, agent).end.data["state"] == "completed"
    with stopped_workers(live.pid):
        yield visitor, agent


def is_whole_and_charged(reply_id: Any) -> bool:
    return Reply.objects.filter(pk=reply_id, state="completed", text=LONG, charged__gt=0).exists()


@pytest.mark.money
def test_a_reply_is_settled_without_its_html_when_workers_hang(busy_server: tuple[Visitor, Agent]) -> None:
    visitor, agent = busy_server

    answer = talk(visitor, agent)

    assert (answer.end.data["state"], answer.end.data["text"]) == ("completed", LONG)
    reply = Reply.objects.latest("created_at")
    assert is_whole_and_charged(reply.pk)
    assert reply.html_version == 0


@pytest.mark.money
def test_a_stop_while_the_html_is_waited_for_changes_nothing(busy_server: tuple[Visitor, Agent]) -> None:
    visitor, agent = busy_server
    where = accepted(visitor, agent)
    assert eventually(lambda: Reply.objects.filter(pk=where["reply"], text=LONG).exists())

    stop(visitor, "acme", where["reply"])

    assert eventually(lambda: is_whole_and_charged(where["reply"]))


@pytest.mark.money
def test_a_server_that_ends_settles_what_waits_for_its_html(
    cast: Cast, start_server: StartServer, visit: Visit, provider_double: Double
) -> None:
    platform_key()
    server = start_server(DRAIN_SECONDS="0")
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=server)
    for _ in range(2):
        provider_double.script("chunks", chunks=[LONG])
    assert talk(visitor, agent).end.data["state"] == "completed"
    with stopped_workers(server.pid):
        where = accepted(visitor, agent)
        assert eventually(lambda: Reply.objects.filter(pk=where["reply"], text=LONG).exists())
        assert server.stop() == 0

    assert is_whole_and_charged(where["reply"])


def unrendered(cast: Cast, text: str) -> Reply:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    return make_reply(agent, conversation, text=text, **NONE)


@pytest.mark.parametrize(
    ("problem", "version"),
    [(NotBegun("too much is waiting"), 0), (NotDone("it took too long"), markdown.VERSION)],
)
def test_a_text_is_shown_as_written_for_good_only_if_it_is_to_blame(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, problem: Exception, version: int
) -> None:
    reply = unrendered(cast, LONG)

    def give_up(*arguments: object, seconds: float) -> None:
        raise problem

    monkeypatch.setattr(process_pool, "call", give_up)
    rendering.complete([reply])

    assert reply.html == markdown.as_written(LONG)
    reply.refresh_from_db()
    assert reply.html_version == version


def test_a_late_settle_keeps_its_own_html(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page begins to render what a sweep left; meanwhile the run comes back and stores the whole answer."""
    reply = unrendered(cast, "It is")

    def render(text: str, *where: object) -> str:
        Reply.objects.filter(pk=reply.pk).update(
            text="It is **this**.",
            html="<p>Whole.</p>",
            html_version=markdown.VERSION,
            done_at=timezone.now(),
        )
        return "<p>Half.</p>"

    monkeypatch.setattr(markdown, "to_html", render)
    rendering.complete([reply])

    reply.refresh_from_db()
    assert reply.html == "<p>Whole.</p>"


def test_a_page_of_hostile_answers_is_a_bounded_page(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    for unit in HOSTILE * 2:
        make_reply(agent, conversation, text=unit * (256 * 1024 // len(unit)), **NONE)

    # Rendered for the first, read by the second.
    for page in [shown(cast, agent.pk, conversation) for _ in range(2)]:
        assert len(page) < 5_000_000
        assert "chat__turn" in page
    assert all(len(reply.html) < 1_500_000 for reply in Reply.objects.all())
