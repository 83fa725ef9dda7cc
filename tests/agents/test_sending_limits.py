"""How much may be sent and run at once: refused before anything is held, with a wait that is true."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as project
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent, Reply
from agents.running import database
from billing.models import Hold
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent
from tests.test_access_table import make_reply
from workspaces.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def shipped(settings: Any) -> Iterator[None]:
    """The limits as they are unless an operator sets others."""
    source = (project.BASE_DIR / "bookbag/settings.py").read_text()
    limits = dict(re.findall(r'(\w+) = env\.int\("\1", default=(\d+)\)', source))
    for name in ("REPLIES_PER_MINUTE", "RUNNING_PER_MEMBER", "RUNNING_PER_WORKSPACE"):
        setattr(settings, name, int(limits[name]))
    yield
    async_to_sync(database.close)()


def send(user: User, agent: Agent, key: str = "") -> Any:
    path = reverse("agents:send_message", args=[agent.workspace.slug, agent.pk])
    fields = {"text": "Hello", "idempotency_key": key or uuid4().hex}
    return browser_of(user).post(path, fields, headers={"Accept": "application/json"})


def running(agent: Agent, member: User, *, silent_for: float = 0) -> Reply:
    reply = make_reply(agent, member)
    renewed = timezone.now() - timedelta(seconds=silent_for)
    Reply.objects.filter(pk=reply.pk).update(state="streaming", renewed_at=renewed, done_at=None)
    return reply


def test_shipped_limits_are_the_promised_ones(settings: Any) -> None:
    limits = (settings.REPLIES_PER_MINUTE, settings.RUNNING_PER_MEMBER, settings.RUNNING_PER_WORKSPACE)

    assert limits == (30, 4, 16)


def test_fifth_running_reply_of_a_member_is_refused_before_a_hold(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    for _ in range(3):
        running(agent, cast.edith)
    assert send(cast.edith, agent).status_code == 202
    running(agent, cast.edith)
    before = Reply.objects.count()
    refused = send(cast.edith, agent)

    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_running")
    assert refused["Retry-After"] == "5"
    assert "4 of your messages" in refused.json()["error"]["message"]
    assert (Reply.objects.count(), Hold.objects.count()) == (before, 0)
    assert send(cast.adam, agent).status_code == 202


def test_seventeenth_running_reply_of_a_workspace_is_refused(cast: Cast) -> None:
    agent, theirs = make_agent(cast.acme), make_agent(cast.globex)
    for _ in range(16):
        running(agent, cast.adam)
        running(theirs, cast.stranger)
    refused = send(cast.edith, agent)

    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_running_here")
    Reply.objects.filter(pk=Reply.objects.filter(member=cast.adam).first().pk).update(state="stopped")  # type: ignore[union-attr]
    assert send(cast.edith, agent).status_code == 202


def test_reply_whose_server_has_died_gives_its_place_back(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    for _ in range(4):
        running(agent, cast.edith, silent_for=61)

    assert send(cast.edith, agent).status_code == 202


def test_thirty_first_message_of_a_minute_is_told_how_long_to_wait(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    now = timezone.now()
    for number in range(30):
        reply = make_reply(agent, cast.edith)
        Reply.objects.filter(pk=reply.pk).update(created_at=now - timedelta(seconds=40 - number))
    refused = send(cast.edith, agent)

    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_fast")
    # The first of the thirty was sent 40 seconds ago, and some time has passed since.
    assert 1 <= int(refused["Retry-After"]) <= 20
    assert send(cast.adam, agent).status_code == 202
