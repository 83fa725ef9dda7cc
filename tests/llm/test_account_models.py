"""The list of an account's models: stored, refreshed by hand or after a day, chat models first."""

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from llm import byo, keys, listing
from llm.models import ProviderKey
from llm.profiles import ListedProfile
from llm.providers.base import Listing
from llm.vault import Secret
from tests.bookbag.llm_settings.test_llm_settings_browser import problems_of
from tests.factories import queries_of
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.provider_double.client import Double

PAGE = "/w/acme/settings/llm/keys/openai/models/"
PASTED = "sk-proj-AcCoUnTkEy7vJ2mNw8ZrT4pLc6sYd1fBk3hG5"
pytestmark = pytest.mark.django_db

# By the calendar of the day the test is run on: an account's list tells of models that have not left yet.
LEAVES = timezone.now().date() + dt.timedelta(days=48)
LEFT = timezone.now().date() - dt.timedelta(days=35)

SOME = [
    Listing("gpt-6-luna", "", ListedProfile()),
    Listing("gpt-5.4", "GPT-5.4", ListedProfile(context_tokens=400_000, output_limit=100_000)),
    Listing("gpt-4.1", "", ListedProfile(shuts_down_on=LEAVES)),
    Listing("opal-1", "", ListedProfile(lifecycle="deprecated")),
    Listing("text-embedding-3-small", "", ListedProfile()),
    Listing("gpt-5-pro", "", ListedProfile()),
    Listing("claude-opus-5-5", "", ListedProfile()),
    Listing("o1", "", ListedProfile(shuts_down_on=LEFT)),
]


def shown(day: dt.date) -> str:
    return f"{day:%-d %b %Y}"


def put(cast: Cast, models: list[Listing] | None = None) -> ProviderKey:
    row = keys.replace(cast.acme, provider="openai", secret=Secret(PASTED), by=cast.adam)
    if models:
        listing.store(row, models)
    return row


def age(row: ProviderKey, hours: int) -> None:
    ProviderKey.objects.filter(pk=row.pk).update(listed_at=timezone.now() - dt.timedelta(hours=hours))


def offered(page: str) -> list[str]:
    return [one.model_id for one in SOME if f'value="{one.model_id}"' in page]


def test_chat_models_come_first_and_the_rest_is_folded_away_with_its_reason(cast: Cast, adam: Client) -> None:
    put(cast, SOME)
    page = adam.get(PAGE).content.decode().replace("&#x27;", "'")
    assert offered(page) == ["gpt-5.4", "gpt-4.1", "opal-1"]
    table, rest = page.split("4 more", 1)[0], page.split("4 more that agents cannot be given", 1)[1]
    assert "listed already" in table  # gpt-6-luna, by the catalogue
    for words in (
        "text-embedding-3-small does not chat.",
        "gpt-5-pro answers only through OpenAI's Responses API",
        "claude-opus-5-5 is a model of Anthropic, not of OpenAI.",
        f"OpenAI shut o1 down on {shown(LEFT)}.",
    ):
        assert words in rest
        assert words not in table


def test_each_row_says_what_the_account_says(cast: Cast, adam: Client) -> None:
    put(cast, SOME)
    page = adam.get(PAGE).content.decode()
    for words in ("400,000", "100,000", "GPT-5.4", f"shuts down {shown(LEAVES)}", "deprecated"):
        assert words in page


def test_the_badge_says_what_a_model_of_the_list_would_run_on(cast: Cast, adam: Client) -> None:
    row = put(cast, SOME)
    badges = []
    for byo_enabled, health in ((False, "valid"), (True, "valid"), (True, "rejected")):
        byo.set_byo(cast.acme, enabled=byo_enabled, by=cast.adam)
        ProviderKey.objects.filter(pk=row.pk).update(health=health)
        page = adam.get(PAGE).content.decode()
        badges.append(page.partition("data-prospect>")[2].partition("<")[0])

    assert badges == [
        "needs your own OpenAI key: cannot run",
        "your OpenAI key",
        "OpenAI key rejected: will fail",
    ]


def test_a_list_of_today_is_shown_without_asking(cast: Cast, adam: Client, provider_double: Double) -> None:
    age(put(cast, SOME), hours=23)
    page = adam.get(PAGE).content.decode()
    assert "As OpenAI listed them 23\u00a0hours ago" in page
    assert provider_double.calls() == []


@pytest.mark.parametrize("listed", [False, True])
def test_without_a_list_or_after_a_day_reading_the_page_asks(
    cast: Cast, adam: Client, provider_double: Double, listed: bool
) -> None:
    row = put(cast, SOME if listed else None)
    if listed:
        age(row, hours=24)
    provider_double.script("models", ids=["opal-2"])
    page = adam.get(PAGE).content.decode()
    assert 'value="opal-2"' in page
    assert "As OpenAI listed them just now" in page
    adam.get(PAGE)
    assert len(provider_double.calls()) == 1


def test_the_button_asks_at_once(cast: Cast, adam: Client, provider_double: Double) -> None:
    put(cast, SOME)
    provider_double.script("models", ids=["opal-2"])
    page = adam.post(PAGE + "refresh/", follow=True)
    assert [str(one) for one in page.context["messages"]] == ["OpenAI was asked just now."]
    assert 'value="opal-2"' in page.content.decode()
    assert 'value="opal-1"' not in page.content.decode()


def test_a_provider_that_is_out_of_reach_leaves_the_list_as_it_was(cast: Cast, adam: Client) -> None:
    age(put(cast, SOME), hours=48)
    page = adam.get(PAGE).content.decode()
    assert "OpenAI could not be reached. This is the list from before." in page
    assert 'value="opal-1"' in page


def test_the_button_without_a_key_says_so(cast: Cast, adam: Client) -> None:
    page = adam.post(PAGE + "refresh/", follow=True)
    assert "There is no OpenAI key to ask with." in str(next(iter(page.context["messages"])))


def test_three_hundred_models_cost_no_more_queries_than_one(cast: Cast, adam: Client) -> None:
    row = put(cast, SOME[:1])
    adam.get(PAGE)
    few = queries_of(adam, PAGE)
    listing.store(row, many())
    assert queries_of(adam, PAGE) == few
    page = adam.get(PAGE).content.decode()
    assert (page.count('type="submit">Add<'), page.count("does not chat.")) == (200, 100)


def many() -> list[Listing]:
    chat = [
        Listing(f"opal-{number}", "", ListedProfile(context_tokens=number * 1000)) for number in range(1, 201)
    ]
    return chat + [Listing(f"text-embedding-{number}", "", ListedProfile()) for number in range(100)]


@pytest.mark.any_database
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.deep
def test_the_list_is_sound_and_fits(cast: Cast, open_page: OpenPage, scheme: str, width: int) -> None:
    put(cast, SOME)
    page = open_page(cast.adam, color_scheme=scheme, viewport={"width": width, "height": 800})
    page.goto(PAGE)
    page.get_by_text("more that agents cannot be given").click()
    assert problems_of(page) == []
    assert page.locator("html").evaluate("it => it.scrollWidth <= it.clientWidth")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_model_is_added_from_the_list(cast: Cast, open_page: OpenPage) -> None:
    put(cast, many())
    page = open_page(cast.adam)
    page.goto(PAGE)
    page.get_by_role("button", name="Add opal-42", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("opal-42 can be chosen for agents now.")
    assert byo.listed_ids(cast.acme, "openai") > {"opal-42"}
