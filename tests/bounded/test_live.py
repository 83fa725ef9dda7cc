"""While a hostile text is taken in by the real server, everybody else is served: a probe, and each piece of a stream.

Counted in the server's own work, so that a machine with much else to do changes nothing: between the asking and the
answer of a probe it may spend so much CPU time on other things, and no more.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import uuid4

import httpx
import psutil
import pytest
from django.conf import settings

from agents.knowledge import training
from agents.models import Agent, Conversation, Reply
from tests.agents.test_pages import make_reply
from tests.bounded.texts import ACCENTS, TEXTS
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import accepted, csrf, live_events, messages_path, platform_key, send, stop, talk
from tests.harness.figures import Figure
from tests.harness.live import Server
from tests.harness.visitor import Visit, Visitor, session_cookie
from tests.provider_double.client import Double
from workspaces import audit
from workspaces.models import AuditEvent, User

pytestmark = [pytest.mark.any_database, pytest.mark.django_db(transaction=True)]

TOKENS_PER_SECOND = 20
CALM_SECONDS = 1.5
# Seconds of the server's CPU time. A probe that waits while more is spent meets a server that seems dead, a stream one
# that hangs.
MOST = 1.0
# Seconds on the clock, whatever else the machine does: a server that sleeps or waits for a lock spends nothing.
PATIENCE = 30.0
ANSWER = 256 * 1024


class Lap(NamedTuple):
    """What the server spent between two moments, and how long that was, both in seconds."""

    spent: float
    took: float


class Stopwatch:
    """The laps of a process; one begins where the one before ended."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.now = self._read()

    def lap(self) -> Lap:
        before, self.now = self.now, self._read()
        return Lap(self.now.spent - before.spent, self.now.took - before.took)

    def _read(self) -> Lap:
        times = self.process.cpu_times()
        return Lap(times.user + times.system, time.monotonic())


@dataclass
class Pulse:
    """Each probe, and each wait for a piece of a running stream, while this was open."""

    server: Server
    probes: list[Lap] = field(default_factory=list)
    gaps: list[Lap] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def probe(self) -> None:
        watch = Stopwatch(self.server.pid)
        with httpx.Client(base_url=self.server.url, trust_env=False, timeout=2 * PATIENCE) as client:
            while not self.over.wait(0.05):
                watch.lap()
                assert client.get("/healthz").status_code == 200
                self.probes.append(watch.lap())

    def follow(self, visitor: Visitor, stream: str) -> None:
        watch = Stopwatch(self.server.pid)
        for event in live_events(visitor, stream):
            if event.kind == "text":
                self.gaps.append(watch.lap())
            if self.over.is_set():
                return

    def worst(self) -> list[Lap]:
        """The slowest probe and the longest gap, by what was spent in them, of those since the last look."""
        seen = [self.probes, self.gaps]
        self.probes, self.gaps = [], []
        assert all(seen), "nothing was answered"
        return [max(laps) for laps in seen]


@contextmanager
def pulse(server: Server, visitor: Visitor, agent: Agent) -> Iterator[Pulse]:
    """A reply runs, somebody watches it, somebody asks whether the server is alive."""
    where = accepted(visitor, agent, "Speak on")
    seen = Pulse(server)
    threads = [
        threading.Thread(target=seen.probe),
        threading.Thread(target=seen.follow, args=(visitor, where["stream"])),
    ]
    for thread in threads:
        thread.start()
    time.sleep(CALM_SECONDS)
    try:
        yield seen
    finally:
        seen.over.set()
        with httpx.Client(base_url=server.url, cookies=visitor.cookies, trust_env=False) as other:
            stop(other, "acme", where["reply"])  # type: ignore[arg-type]
        for thread in threads:
            thread.join(30)


Deed = Callable[[Visitor, Agent, Double], None]


def adds_a_text(what: str) -> Deed:
    def do(visitor: Visitor, agent: Agent, double: Double) -> None:
        page = f"/w/acme/agents/{agent.pk}/sources/new/"
        files = {
            "title": (None, "Book"),
            "text": (None, TEXTS[what](990_000)),
            "csrfmiddlewaretoken": (None, visitor.csrf_token(page)),
        }
        assert visitor.post(page, files=files).status_code in (302, 400)

    return do


def asks(text: str) -> Deed:
    def do(visitor: Visitor, agent: Agent, double: Double) -> None:
        local = make_agent(agent.workspace, name="Local")
        training.add_text(local, title="Hours", text="We open at nine. We close at five.\n\n" * 50)
        assert send(visitor, local, text).status_code == 202

    return do


def stores_an_answer_and_looks(visitor: Visitor, agent: Agent, double: Double) -> None:
    page = f"/w/acme/agents/{agent.pk}/questions/new/"
    for number in range(3):
        answer = f"{number}{ACCENTS * 9_000}"
        question = f"{number} {uuid4().hex}?"
        assert visitor.submit(page, question=question, answer=answer).status_code == 302
    assert visitor.get(f"/w/acme/agents/{agent.pk}/").status_code == 200


def reads_fifty_answers(visitor: Visitor, agent: Agent, double: Double) -> None:
    """That nobody has rendered yet, as after an upgrade of the renderer: the first look renders, the second reads."""
    conversation = Conversation.objects.create(agent=agent, started_by=None)
    hostile = [*HOSTILE, "a\n\n"]
    for number in range(50):
        unit = hostile[number % len(hostile)]
        make_reply(agent, conversation, text=unit * (ANSWER // len(unit)), html="", html_version=0)
    for _ in range(2):
        shown = visitor.get(f"/w/acme/agents/{agent.pk}/playground/?conversation={conversation.pk}")
        assert shown.status_code == 200
        assert len(shown.content) < 6_000_000


def is_refused(visitor: Visitor, agent: Agent, double: Double) -> None:
    """By a provider that says so at great length."""
    for body in (ACCENTS * 9_000, '{"a":' * 12_000, "1" * 60_000, '{"error": {"message": "' + "sk-" * 20_000):
        double.script("status", status=400, body=body)
        assert talk(visitor, agent, "Say no").end.kind == "error"


def exports(visitor: Visitor, agent: Agent, double: Double) -> None:
    event = audit.record(agent.workspace, "agent.edited", name="=" * 80, note="\r\n@" * 1_000)
    AuditEvent.objects.bulk_create(
        AuditEvent(workspace=event.workspace, action=event.action, data=event.data) for _ in range(3_000)
    )
    admin = Visitor(str(visitor.base_url))
    admin.cookies.set(
        settings.SESSION_COOKIE_NAME,
        session_cookie(User.objects.get(email="adam@acme.test")),
        domain="127.0.0.1",
    )
    assert len(admin.get("/w/acme/audit/export.csv").content) > 9_000_000
    admin.close()


def sends(body: str) -> Deed:
    """A message as its page's script sends it, which is read without Django's middleware."""

    def do(visitor: Visitor, agent: Agent, double: Double) -> None:
        headers = {
            "accept": "application/json", "content-type": "application/x-www-form-urlencoded", "x-csrftoken": csrf(visitor),
        }  # fmt: skip
        assert visitor.post(messages_path(agent), content=body, headers=headers).status_code in (400, 413)

    return do


def is_answered(unit: str) -> Deed:
    """A model that was talked into it answers with this; then its page is read."""

    def do(visitor: Visitor, agent: Agent, double: Double) -> None:
        text = unit * ((ANSWER - 1) // len(unit.encode()))
        assert text
        double.script("chunks", chunks=[text])
        talk(visitor, agent, "Repeat it")
        reply = Reply.objects.filter(question="Repeat it").latest("created_at")
        assert reply.html_version
        page = f"/w/acme/agents/{agent.pk}/playground/?conversation={reply.conversation_id}"
        assert visitor.get(page).status_code == 200

    return do


def posts(path: str, **fields: str) -> Deed:
    def do(visitor: Visitor, agent: Agent, double: Double) -> None:
        assert visitor.submit(path, **fields).status_code in (200, 302, 400, 403, 413)

    return do


def posts_a_source(text: str) -> Deed:
    def do(visitor: Visitor, agent: Agent, double: Double) -> None:
        page = f"/w/acme/agents/{agent.pk}/sources/new/"
        assert visitor.submit(page, title="Book", text=text).status_code in (302, 400)

    return do


def goes_to(path: str, **headers: str) -> Deed:
    def do(visitor: Visitor, agent: Agent, double: Double) -> None:
        assert httpx.get(
            f"{visitor.base_url}{path}", headers=headers, trust_env=False, timeout=60
        ).status_code in (200, 302, 400, 404, 414, 431)

    return do


HOSTILE = ("[", "![", "> ", "|a", "*a ", "&", "\xa0", "- ")
DEEDS: dict[str, Deed] = {
    "a source: a heading of blanks": adds_a_text("a heading of blanks"),
    "a source: short paragraphs": adds_a_text("'a\\n\\n'"),
    "a source: nothing but headings": adds_a_text("'# a\\nb\\n\\n'"),
    "a source: letters that expand": adds_a_text("'ﷺ'"),
    "a message: accents": asks("a" + ACCENTS * 9_999),
    "a message: different words": asks(TEXTS["different words"](19_999)),
    "a message: one word": asks("ay" * 9_999),
    "a message: half a megabyte of signs that escape": sends("text=" + "%" * 500_000),
    "a page of fifty answers": reads_fifty_answers,
    "a provider's refusal": is_refused,
    "an export": exports,
    "questions and answers: accents": stores_an_answer_and_looks,
    **{f"a reply: {unit!r}": is_answered(unit) for unit in (HOSTILE)},
    "a reply: a wide table": is_answered("|a" * 9_000 + "|\n" + "|-" * 9_000 + "|\n" + "|\n" * 90_000),
    "a sign-in: an address of accents to go to": posts("/accounts/login/", login="a@b.test", password="x", next="//a" + ACCENTS * 40_000),
    "a sign-in: a long address": posts("/accounts/login/", login="a" * 250_000 + "@b.test", password="x" * 250_000),
    "a source: sent as a form's, all of it escaped": posts_a_source("\n" * 990_000),
    "a sign-in: a book to go on to": posts("/accounts/login/", login="a@b.test", password="x", next=ACCENTS * 300_000),
    "a cookie of backslashes": goes_to("/accounts/login/", cookie='csrftoken="' + "\\" * 50_000 + '"'),
    "a type of semicolons": goes_to("/accounts/login/", **{"content-type": "a" + ";" * 50_000}),
    "a path of the operators' pages": goes_to("/admin/r/" + "a/" * 8_000),
}  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_others_are_served_meanwhile(
    cast: Cast, visit: Visit, live: Server, provider_double: Double, figure: Figure, deed: Deed
) -> None:
    platform_key()
    agent = make_agent(cast.acme, "gpt-4o")
    provider_double.script("never_ending", tokens_per_s=TOKENS_PER_SECOND)

    with pulse(live, visit(cast.edith), agent) as seen:
        deed(visit(cast.edith), agent, provider_double)
        time.sleep(0.3)
        worst = seen.worst()

    figure(
        "slowest probe and longest gap beside a hostile text, CPU s",
        ", ".join(f"{lap.spent:.2f}" for lap in worst),
    )
    for lap in worst:
        assert lap.spent < MOST
        assert lap.took < PATIENCE


def test_a_body_of_any_size_is_refused_before_it_is_kept(cast: Cast, visit: Visit, live: Server) -> None:
    """Django by itself would write it to the disk, whoever sends it, before it looks at anything."""
    taken = 0

    def flood() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(500):
            taken += 100_000
            yield b"a" * 100_000

    headers = {"content-type": "multipart/form-data; boundary=b"}
    response = visit().post("/accounts/login/", content=flood(), headers=headers)

    assert response.status_code == 413
    assert response.headers["content-security-policy"]
    announced = visit().post("/accounts/login/", content=b"", headers={**headers, "content-length": "0"})
    assert announced.status_code in (200, 403)
