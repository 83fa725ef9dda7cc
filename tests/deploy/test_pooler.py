"""Bookbag behind PgBouncer in transaction mode, where each transaction may get another connection to PostgreSQL."""

import os
import re
import subprocess
import sys

import pytest
from django.db import connection

from agents.models import Agent, Reply
from billing import ledger
from llm import byo
from tests.agents.scenes import give_plenty
from tests.harness.cast import GINAS_SECRET, Cast, make_agent
from tests.harness.chat import PLATFORM_SECRETS, platform_key, talk
from tests.harness.crowd import Answered, press_all, press_by
from tests.harness.live import ROOT, Server, StartServer
from tests.harness.pooler import Pooler
from tests.harness.visitor import Visit, Visitor, session_cookie
from tests.provider_double.client import Double

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PgBouncer stands before PostgreSQL alone"),
]

BEHIND = {"DATABASE_POOL": "true", "DATABASE_PREPARE": "false"}
EACH = 30


def manage(pooler: Pooler, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings", "DATABASE_URL": pooler.url} | env
    words = [sys.executable, "manage.py", *command]
    return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True)


def agents_of(cast: Cast) -> tuple[Agent, Agent]:
    """Two agents: one that runs on credits, one that runs on its workspace's own key."""
    platform_key()
    give_plenty(cast)
    byo.set_byo(cast.globex, enabled=True, by=None)
    return make_agent(cast.acme, "gpt-4o"), make_agent(cast.globex, "gpt-4o")


def sixty_at_once(server: Server, cast: Cast) -> list[bool]:
    """Whether each of 60 simultaneous replies, on credits and on an own key, answers its own question at its own price."""
    on_credits, on_own_key = agents_of(cast)
    edith, gina = session_cookie(cast.edith), session_cookie(cast.gina)
    presses = [press_by(edith, on_credits, f"Question number {n} of Edith's") for n in range(EACH)]
    presses += [press_by(gina, on_own_key, f"Question number {n} of Gina's") for n in range(EACH)]
    answers = press_all(server, presses)
    prices = [5] * EACH + [0] * EACH
    return [
        is_right(answer, press.text, price)
        for answer, press, price in zip(answers, presses, prices, strict=True)
    ]


def is_right(answer: Answered, question: str, price: int) -> bool:
    if answer.status != 200 or not answer.events:
        return False
    last = answer.events[-1]
    return last.kind == "done" and question in last.data["text"] and last.data["charged"] == price


@pytest.mark.money
def test_sixty_replies_in_parallel_are_each_right(
    cast: Cast, start_server: StartServer, pooler: Pooler, provider_double: Double
) -> None:
    server = start_server(DATABASE_URL=pooler.url, **BEHIND)
    before = ledger.balance(cast.acme).posted

    assert sixty_at_once(server, cast) == [True] * 60
    keys_used = [call["secret"] for call in provider_double.calls()]
    assert (keys_used.count(PLATFORM_SECRETS["openai"]), keys_used.count(GINAS_SECRET)) == (EACH, EACH)
    assert not Reply.objects.filter(state__in=Reply.RUNNING).exists()
    assert ledger.balance(cast.acme) == ledger.Balance(before + 100_000 - 5 * EACH, 0)
    for command in (["sweep_holds"], ["verify_ledger"], ["vault_check"], ["migrate"]):
        run = manage(pooler, *command, **BEHIND)
        assert run.returncode == 0, run.stdout + run.stderr
    assert "Traceback" not in server.output


def test_people_and_operators_find_their_pages(
    cast: Cast, visit: Visit, start_server: StartServer, pooler: Pooler, provider_double: Double
) -> None:
    agent, _ = agents_of(cast)
    server = start_server(DATABASE_URL=pooler.url, **BEHIND)
    edith = Visitor(server.url).sign_in(cast.edith.email, cast.password)
    assert talk(edith, agent).end.data["charged"] == 5
    for path in ("/w/acme/", "/w/acme/credits/", "/w/acme/agents/", f"/w/acme/agents/{agent.pk}/"):
        assert edith.get(path).status_code == 200, path
    oscar = visit(cast.oscar, server=server)
    index = oscar.get("/admin/")
    lists = [path for path in links(index.text) if path.startswith("/admin/") and path.count("/") == 4]

    assert index.status_code == 200
    assert len(lists) > 5
    assert {path: oscar.get(path).status_code for path in lists} == dict.fromkeys(lists, 200)
    assert "Traceback" not in server.output


def links(page: str) -> set[str]:
    return set(re.findall(r'href="(/[^"?#]*)"', page))


def test_prepared_statements_are_what_fails(
    cast: Cast, start_server: StartServer, pooler: Pooler, provider_double: Double
) -> None:
    server = start_server(DATABASE_URL=pooler.url, DATABASE_POOL="true", DATABASE_PREPARE="true")

    assert sixty_at_once(server, cast) != [True] * 60


def test_check_warns_of_prepared_statements_until_it_is_told(pooler: Pooler) -> None:
    check = ["check", "--database", "default", "--fail-level", "WARNING"]
    unsaid = manage(pooler, *check)
    said = [manage(pooler, *check, DATABASE_PREPARE=word) for word in ("true", "false")]

    assert (unsaid.returncode, "bookbag.W005" in unsaid.stderr) == (1, True)
    assert [run.returncode for run in said] == [0, 0], said
