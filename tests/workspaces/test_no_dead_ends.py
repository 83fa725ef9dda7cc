"""No address ends in the browser's own error page, and nothing that was not saved goes unsaid."""

from typing import Any

import pytest
from django.test import Client

from tests.factories import PASSWORD, browser_of, make_user
from tests.harness.cast import Cast
from tests.test_access_table import READERS, WRITERS, World, address, addresses, world, world_scene
from workspaces.no_dead_ends import page_above, takes_forms_only

__all__ = ["world", "world_scene"]
pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html,application/xhtml+xml"}
ACTS = sorted({row.name for row in WRITERS} - {row.name for row in READERS})


@pytest.mark.parametrize("name", ACTS)
def test_act_asked_for_by_a_person_leads_to_a_page(world: World, name: str) -> None:
    browser = world.browser("owner", headers=HTML)
    page = browser.get(address(name, world.acme), follow=True)

    assert (page.status_code, len(page.redirect_chain)) == (200, 1)
    assert page.content.decode().count("Nothing was done at that address") == 1


@pytest.mark.parametrize("name", ACTS)
def test_acts_are_told_from_pages(name: str) -> None:
    assert takes_forms_only(addresses()[name].view)


def test_pages_are_not_taken_for_acts() -> None:
    assert [row.name for row in READERS if takes_forms_only(addresses()[row.name].view)] == []


def test_script_is_told_that_the_method_is_wrong(cast: Cast) -> None:
    browser = browser_of(cast.adam, headers={"Accept": "application/json"})

    assert browser.get("/w/acme/settings/llm/byo/").status_code == 405


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/w/acme/settings/llm/byo/", "/w/acme/settings/llm/"),
        ("/w/acme/settings/llm/keys/openai/verify/", "/w/acme/settings/llm/"),
        ("/account/sessions/end-others/", "/account/sessions/"),
        ("/nothing/of/the/kind/", "/"),
        ("/", "/"),
    ],
)
def test_page_above_is_the_nearest_that_there_is(path: str, page: str) -> None:
    assert page_above(path) == page


def after_the_session(cast: Cast, path: str, **headers: str) -> Any:
    """The answer to a form that is sent after its session has ended, and the page after signing in again."""
    browser = Client(headers={**HTML, **headers})
    asked = browser.post(path, {"byo_enabled": "on"})
    page = browser.get(asked["Location"]).content.decode()
    assert "what you sent was not saved" in page
    back = asked["Location"].partition("?next=")[2]
    login = {"login": cast.adam.email, "password": PASSWORD, "next": back}
    return browser.post("/accounts/login/", login, follow=True)


@pytest.mark.parametrize(
    "referer",
    ["http://testserver/w/acme/settings/llm/", "", "https://evil.test/", "http://testserver.evil.test/x"],
)
def test_form_sent_after_the_session_leads_back_to_its_page(cast: Cast, referer: str) -> None:
    page = after_the_session(cast, "/w/acme/settings/llm/byo/", **({"Referer": referer} if referer else {}))

    assert (page.status_code, page.redirect_chain[-1][0]) == (200, "/w/acme/settings/llm/")


def test_form_of_a_page_leads_back_to_that_page(cast: Cast) -> None:
    page = after_the_session(cast, "/workspaces/new/")

    assert page.redirect_chain[-1][0] == "/workspaces/new/"


def test_page_keeps_its_address_through_the_sign_in(client: Client) -> None:
    make_user()
    answer = client.get("/workspaces/new/?name=x")

    assert answer["Location"] == "/accounts/login/?next=/workspaces/new/%3Fname%3Dx"
    assert not client.cookies.get("messages")
