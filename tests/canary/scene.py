"""A running Bookbag full of planted secrets, entered through the forms that people use.

Every answer that one of its visitors gets is searched at once, head and body, streams included; `found` lists what was
found in them.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings

from agents.models import Agent
from llm import byo
from llm.models import ProviderKey
from tests.canary import planted, sinks
from tests.canary.scanner import Scanner
from tests.factories import add_member
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import MODELS, PROVIDERS, csrf, talk
from tests.harness.live import Server, new_server
from tests.harness.visitor import Visitor, session_cookie
from tests.provider_double.client import Double
from tests.test_access_table import things_in
from workspaces.models import User


@dataclass
class Scene:
    cast: Cast
    server: Server
    double: Double
    directory: Path  # mails/ and cache/ of the server
    people: dict[str, User | None]
    things: dict[str, Any]
    agents: dict[str, Agent] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    answers: int = 0
    scanner: Scanner = field(default_factory=planted.nowhere)
    _visitors: dict[int | None, Visitor] = field(default_factory=dict)

    def visitor(self, user: User | None) -> Visitor:
        """`user` with a browser of their own, all of whose answers are searched."""
        pk = user.pk if user else None
        if pk not in self._visitors:
            visitor = Visitor(self.server.url)
            if user is not None:
                visitor.cookies.set(settings.SESSION_COOKIE_NAME, session_cookie(user), domain="127.0.0.1")
            visitor.event_hooks["response"].append(self.look)
            self._visitors[pk] = visitor
        return self._visitors[pk]

    def look(self, answer: httpx.Response) -> None:
        answer.read()
        self.answers += 1
        self.found += sinks.leaks(self.scanner, sinks.response(answer))

    def enter(self, user: User, slug: str, provider: str, secret: str) -> httpx.Response:
        """Paste `secret` into the form of the workspace's settings page."""
        path = f"/w/{slug}/settings/llm/"
        return self.visitor(user).submit(f"{path}keys/{provider}/", page=path, secret=secret)

    def enter_platform(self, provider: str, secret: str) -> httpx.Response:
        path = "/admin/llm/platformkey/add/"
        return self.visitor(self.cast.oscar).submit(path, provider=provider, secret=secret)

    def post(self, user: User | None, path: str, **fields: Any) -> httpx.Response:
        visitor = self.visitor(user)
        return visitor.post(path, data=fields, headers={"x-csrftoken": csrf(visitor)})

    def close(self) -> None:
        for visitor in self._visitors.values():
            visitor.close()


def talkative(directory: Path) -> dict[str, str]:
    """The environment of a server that writes all it can to places that the test can read."""
    return {
        "LOG_LEVEL": "DEBUG",
        # Short, so that a reply whose run has ended without settling is soon found.
        "LEASE_SECONDS": "3",
        "SWEEP_SECONDS": "1",
        # What the errors of a faulty application say.
        "CANARY_WORDS": f"{planted.ACME['openai']} {planted.PLATFORM['anthropic']} {planted.PROMPT}",
        "ADMINS": "Olive <olive@bookbag.test>, oscar@bookbag.test",
        "EMAIL_URL": f"filemail:///{directory}/mails",
        "CACHE_URL": f"filecache://{directory}/cache",
    }


@pytest.fixture(scope="module")
def canary_server(
    django_db_setup: None,
    double_process: Double,
    collected_static: None,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[tuple[Server, Path]]:
    """A talkative server for a module's scenes. The module may name in CANARY_APPLICATION what is served."""
    directory = tmp_path_factory.mktemp("canary")
    server = new_server(request.node.name, double_process, talkative(directory))
    server.application = getattr(request.module, "CANARY_APPLICATION", Server.application)
    server.options = ("--access-log",)
    yield server.start(), directory
    server.stop()


@pytest.fixture
def scene(
    transactional_db: None, cast: Cast, canary_server: tuple[Server, Path], provider_double: Double
) -> Iterator[Scene]:
    server, directory = canary_server
    server.forget_output()
    for name in ("mails", "cache"):
        shutil.rmtree(directory / name, ignore_errors=True)
        # A mail of the previous test may just have arrived.
        (directory / name).mkdir(exist_ok=True)
    add_member(cast.acme, "owner")
    removed = add_member(cast.acme, "admin")
    removed.delete()
    people = {
        "anonymous": None, "stranger": cast.gina, "operator": cast.oscar, "removed": removed.user,
        "viewer": cast.victor, "editor": cast.edith, "admin": cast.adam, "owner": cast.olivia,
    }  # fmt: skip
    scene = Scene(cast, server, provider_double, directory, people, things_in(cast.acme, cast.edith))
    enter_every_secret(scene)
    yield scene
    scene.close()


def enter_every_secret(scene: Scene) -> None:
    """Enter through the forms: Acme's keys twice, Globex's, and the platform's; then turn BYO on in Acme."""
    cast = scene.cast
    answers = []
    for provider in PROVIDERS:
        answers.append(scene.enter(cast.adam, "acme", provider, planted.ACME_BEFORE[provider]))
        answers.append(scene.enter(cast.adam, "acme", provider, planted.ACME[provider]))
        answers.append(scene.enter(cast.gina, "globex", provider, planted.GLOBEX[provider]))
        answers.append(scene.enter_platform(provider, planted.PLATFORM[provider]))
        scene.agents[provider] = make_agent(cast.acme, MODELS[provider][0], name=provider)
    assert [answer.status_code for answer in answers] == [302] * len(answers)
    active = ProviderKey.objects.filter(state=ProviderKey.State.ACTIVE)
    assert set(active.values_list("health", flat=True)) == {ProviderKey.Health.VALID}
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)


def hold_conversations(scene: Scene) -> None:
    """A reply of each provider on Acme's own key and on the platform's, and one of each kind of failure."""
    acme, edith = scene.cast.acme, scene.visitor(scene.cast.edith)
    for on_own_key in (True, False):
        byo.set_byo(acme, enabled=on_own_key, by=scene.cast.adam)
        for agent in scene.agents.values():
            scene.double.script("text", text=planted.ANSWER)
            assert talk(edith, agent, planted.PROMPT).end.kind == "done"
            for mode in ("echo_secret_in_error", "redirect", "reset_before_headers", "reset_mid_stream"):
                scene.double.script(mode, times=3)
                talk(edith, agent, planted.PROMPT)
                scene.double.clear_scripts()
    byo.set_byo(acme, enabled=True, by=scene.cast.adam)
