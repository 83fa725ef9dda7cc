"""The menu of one's workspaces: which are in it, and what is said beside each name."""

from typing import Any

import pytest
from django.utils import timezone

from billing import ledger
from llm.models import LLMSettings, ProviderKey
from tests.factories import add_member, browser_of, make_workspace, queries_of
from tests.harness.cast import Cast
from workspaces import standing

pytestmark = pytest.mark.django_db


def menu(page: str) -> str:
    return " ".join(page.partition("dropdown--left")[2].partition("</details>")[0].split())


def attention(cast: Cast) -> list[tuple[str, str]]:
    response = browser_of(cast.gina).get("/w/globex/")
    return [(one.workspace.name, one.attention) for one in response.context["entries"]]


def test_menu_names_ones_own_workspaces_and_no_others(cast: Cast) -> None:
    add_member(make_workspace(name="Initech", slug="initech"), "viewer", cast.gina)
    found = menu(browser_of(cast.gina).get("/w/globex/").content.decode())

    assert [name in found for name in ("Globex", "Initech", "Acme")] == [True, True, False]
    assert 'href="/w/initech/"' in found
    assert found.count("aria-current") == 1


def test_menu_says_what_needs_attention(cast: Cast, settings: Any) -> None:
    assert attention(cast) == [("Globex", "")]
    LLMSettings.objects.update_or_create(workspace=cast.globex, defaults={"byo_enabled": True})
    ProviderKey.objects.filter(workspace=cast.globex).update(health="rejected", health_at=timezone.now())
    assert attention(cast) == [("Globex", "a provider key fails")]
    standing.suspend(cast.globex, "Spam.")
    assert attention(cast) == [("Globex", "suspended")]


def test_menu_says_that_credits_are_gone_where_they_pay(cast: Cast, settings: Any) -> None:
    for grant in cast.acme.account.transfers.all():
        ledger.reverse(grant, amount=grant.amount, actor=cast.oscar, reason="a test")
    adam = browser_of(cast.adam)

    assert [one.attention for one in adam.get("/w/acme/").context["entries"]] == ["no credits left"]
    settings.METERING_ENABLED = False
    assert [one.attention for one in adam.get("/w/acme/").context["entries"]] == [""]


def test_menu_costs_the_same_whatever_the_number_of_workspaces(cast: Cast) -> None:
    gina = browser_of(cast.gina)
    few = queries_of(gina, "/w/globex/members/")
    for number in range(50):
        add_member(make_workspace(name=f"W{number}", slug=f"w{number}"), "viewer", cast.gina)

    assert queries_of(gina, "/w/globex/members/") == few
    assert len(gina.get("/w/globex/members/").context["entries"]) == 20
    assert "All your workspaces" in menu(gina.get("/w/globex/members/").content.decode())


def test_menu_shows_a_name_as_text(cast: Cast) -> None:
    standing.rename(cast.globex, "<img src=x onerror=alert(1)>")

    assert "<img src=x" not in browser_of(cast.gina).get("/w/globex/").content.decode()
