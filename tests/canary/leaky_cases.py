"""Tests that leak on purpose, one into each sink; tests/canary/test_suite.py runs them and sees them caught.

The file's name keeps an ordinary run from collecting them.
"""

import logging
from pathlib import Path

import httpx
import pytest
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from bookbag import urls
from llm import vault
from llm.models import ChatModel
from tests.canary.planted import new_secret
from tests.harness.visitor import Visitor
from workspaces.access import public

SECRET = new_secret("sk-", odd=True)


@public("it leaks")
def leak(request: HttpRequest) -> HttpResponse:
    return HttpResponse(SECRET, headers={"X-Also": SECRET[:12]})


urlpatterns = [*urls.urlpatterns, path("leak", leak)]


@pytest.fixture(autouse=True)
def sealed() -> None:
    """Seal the secret, which makes it a planted one."""
    vault.seal(vault.Secret(SECRET), binding=vault.Binding("test", "1", "openai", "1"))


@pytest.mark.urls("tests.canary.leaky_cases")
def test_page(client: Client, db: None) -> None:
    client.get("/leak")


@pytest.mark.parametrize("streamed", [False, True])
def test_visitor(streamed: bool) -> None:
    visitor = Visitor("http://127.0.0.1:9")
    visitor._transport = httpx.MockTransport(lambda asked: httpx.Response(200, text=f"data: {SECRET}"))
    if streamed:
        with visitor.stream("GET", "/leak") as answer:
            list(answer.iter_text())
    else:
        visitor.get("/leak")


def test_row_rolled_back(db: None) -> None:
    ChatModel.objects.create(name="x", provider="openai", model_id="x", note=SECRET, price=1)


def test_row_committed(transactional_db: None) -> None:
    ChatModel.objects.create(name="y", provider="openai", model_id="x", note=SECRET, price=1)


def test_mail(db: None) -> None:
    mail.send_mail("Subject", SECRET, None, ["olive@bookbag.test"])


def test_output() -> None:
    print(SECRET[7:20])  # noqa: T201


def test_log() -> None:
    logging.getLogger("somebody").warning("refused %r", SECRET)


def test_file(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(SECRET)


def test_nothing(client: Client, db: None) -> None:
    client.get("/healthz")
