"""The settings page in a real browser: sound for a screen reader, whole at 360 px, usable by keyboard and without scripts."""

import pytest
from playwright.sync_api import expect

from llm import byo, keys
from llm.models import ProviderKey
from llm.providers.base import Fault
from llm.vault import Secret
from tests.harness.browser import OpenPage, problems_of
from tests.harness.cast import Cast, make_agent
from tests.provider_double.client import Double

PAGE = "/w/acme/settings/llm/"
PASTED = "sk-proj-BrOwSeRkEy7vJ2mNw8ZrT4pLc6sYd1fBk3hG5"
pytestmark = [pytest.mark.browser, pytest.mark.any_database, pytest.mark.django_db(transaction=True)]


def troubled(cast: Cast) -> None:
    """Every state of the page that has words of its own: rejected, restorable, missing, broken and custom."""
    keys.replace(cast.acme, provider="openai", secret=Secret(PASTED), by=cast.adam)
    row = keys.replace(cast.acme, provider="openai", secret=Secret(PASTED + "2"), by=cast.adam)
    keys.note_result(row.pk, fault=Fault.REJECTED)
    byo.add_model(cast.acme, provider="openai", model_id="gpt-4.1-mini", by=cast.adam)
    for name, model in (("Front desk", ""), ("Orders", "gpt-4o"), ("Night shift", "claude-sonnet-4-6")):
        make_agent(cast.acme, model, name=name)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.deep
def test_the_page_is_sound_and_fits(cast: Cast, open_page: OpenPage, scheme: str, width: int) -> None:
    page = open_page(cast.adam, color_scheme=scheme, viewport={"width": width, "height": 800})
    for prepare in (lambda: None, lambda: troubled(cast)):
        prepare()
        page.goto(PAGE)
        assert problems_of(page) == []
        assert page.locator("html").evaluate("it => it.scrollWidth <= it.clientWidth")


def test_deleting_by_keyboard_asks_first(cast: Cast, open_page: OpenPage) -> None:
    keys.replace(cast.acme, provider="openai", secret=Secret(PASTED), by=cast.adam)
    page = open_page(cast.adam)
    page.goto(PAGE)
    page.get_by_role("link", name="Delete the OpenAI key").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("It cannot be brought back.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert keys.active(cast.acme, "openai") is not None
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete key").press("Enter")
    expect(page.locator(".toast")).to_contain_text("deleted")
    assert keys.active(cast.acme, "openai") is None


def test_an_error_is_where_the_eye_and_the_cursor_are(cast: Cast, open_page: OpenPage) -> None:
    page = open_page(cast.adam)
    page.goto(PAGE)
    field = page.get_by_label("Anthropic key", exact=True)
    field.fill(PASTED)
    field.press("Enter")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(field).to_have_accessible_description(
        "This does not look like an Anthropic key: it begins like one of OpenAI. Paste it into the OpenAI card."
    )
    assert "BrOwSeR" not in page.content()
    assert problems_of(page) == []


def test_everything_works_without_scripts(cast: Cast, open_page: OpenPage, provider_double: Double) -> None:
    page = open_page(cast.adam, java_script_enabled=False)
    page.goto(PAGE)
    page.get_by_label("OpenAI key", exact=True).fill(PASTED)
    page.get_by_role("region", name="OpenAI").get_by_role("button", name="Save key").click()
    expect(page.locator(".health")).to_have_text("Valid")
    page.get_by_role("switch").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="Who pays now")).to_contain_text("your provider accounts")
    page.get_by_role("link", name="Delete the OpenAI key").click()
    page.get_by_role("button", name="Delete key").click()
    expect(page.get_by_role("region", name="OpenAI")).to_contain_text("No key")
    assert not ProviderKey.objects.filter(workspace=cast.acme).sealed().exists()
