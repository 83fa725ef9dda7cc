"""The first steps on the overview: each ticks itself by what the workspace has, and the list goes when it is done with."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import expect

from agents.knowledge import training
from agents.models import Agent
from bookbag import onboarding
from bookbag.pages.first_steps import FirstSteps
from llm import keys
from llm.models import Provider
from llm.vault import Secret
from tests.factories import add_member, browser_of, make_user, queries_of
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import ACME_SECRETS, platform_key
from tests.test_access_table import make_reply
from workspaces.models import User, Workspace

pytestmark = pytest.mark.django_db

PAGE, HIDE = "/w/acme/", "/w/acme/first-steps/hide/"
AGENT, SOURCES, ASK, PAY, INVITE = range(5)


def shown_to(owner: Client) -> FirstSteps | None:
    found: FirstSteps | None = owner.get(PAGE).context["first_steps"]
    return found


def ticks(owner: Client) -> list[bool]:
    found = shown_to(owner)
    assert found is not None
    return [step.is_done for step in found.steps]


def test_new_workspace_has_all_of_them_before_it(owner: Client, acme: Workspace) -> None:
    page = owner.get(PAGE).content.decode()

    assert ticks(owner) == [False] * 5
    assert "0 of 5 done" in page


def test_each_ticks_itself_and_the_list_goes_with_the_last(
    owner: Client, olivia: User, acme: Workspace
) -> None:
    agent = make_agent(acme)
    assert ticks(owner) == [True, False, False, False, False]
    training.add_text(agent, title="Hours", text="We open at nine.")
    assert ticks(owner) == [True, True, False, False, False]
    make_reply(agent, olivia)
    assert ticks(owner) == [True, True, True, False, False]
    keys.replace(acme, provider=Provider.OPENAI, secret=Secret(ACME_SECRETS["openai"]), by=olivia)
    assert ticks(owner) == [True, True, True, True, False]
    add_member(acme, "viewer")
    assert shown_to(owner) is None
    assert "First steps" not in owner.get(PAGE).content.decode()


def test_question_with_a_set_answer_is_a_source(owner: Client, acme: Workspace) -> None:
    training.add_qa(make_agent(acme), question="When do you open?", answer="At nine.")
    assert ticks(owner)[SOURCES]


@pytest.mark.parametrize(("billing", "done"), [("local", False), ("credits", True), ("byo", True)])
def test_reply_of_a_providers_model_is_paid_for_and_one_of_bookbag_local_is_not(
    owner: Client, olivia: User, acme: Workspace, billing: str, done: bool
) -> None:
    reply = make_reply(make_agent(acme), olivia)
    kind = {"local": "none", "credits": "platform", "byo": "workspace"}[billing]
    type(reply).objects.filter(pk=reply.pk).update(
        billing=billing, credential_kind=kind, price=5 if billing == "credits" else 0
    )
    assert ticks(owner)[PAY] is done


def test_what_is_elsewhere_ticks_nothing(owner: Client, acme: Workspace) -> None:
    other = onboarding.create_workspace(name="Globex", slug="globex", owner=make_user())
    agent = make_agent(other)
    training.add_text(agent, title="Hours", text="We open at nine.")
    make_reply(agent, make_user())
    keys.replace(other, provider=Provider.OPENAI, secret=Secret(ACME_SECRETS["openai"]), by=None)
    add_member(other, "editor")
    assert ticks(owner) == [False] * 5


# --- To whom, and with which ways ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "ways"),
    [("editor", ["See credits"]), ("admin", ["Bring your own keys", "See credits"])],
)
def test_links_are_those_that_the_role_may_follow(acme: Workspace, role: str, ways: list[str]) -> None:
    make_agent(acme)
    owner = browser_of(add_member(acme, role).user)
    found = shown_to(owner)
    assert found is not None

    assert [words for words, _ in found.steps[PAY].links] == ways
    for _, address in (link for step in found.steps for link in step.links):
        assert owner.get(address).status_code == 200


def test_viewer_who_can_do_none_of_it_is_not_shown_it(acme: Workspace) -> None:
    assert shown_to(browser_of(add_member(acme, "viewer").user)) is None


def test_without_an_agent_there_is_nothing_to_teach_or_ask(owner: Client, acme: Workspace) -> None:
    found = shown_to(owner)
    assert found is not None
    assert (found.steps[SOURCES].links, found.steps[ASK].links) == ((), ())


def test_archived_agent_is_not_the_one_to_ask(owner: Client, acme: Workspace) -> None:
    Agent.objects.filter(pk=make_agent(acme, name="Aged").pk).update(status=Agent.Status.ARCHIVED)
    current = make_agent(acme, name="Current")
    found = shown_to(owner)
    assert found is not None
    assert str(current.pk) in found.steps[ASK].links[0][1]


def test_hint_is_true_of_the_keys_there_are(owner: Client, acme: Workspace, settings: Any) -> None:
    def hint() -> str:
        found = shown_to(owner)
        assert found is not None
        return found.steps[PAY].hint

    assert "Bookbag has no provider key here now" in hint()
    platform_key()
    assert "cost credits, or run on your own provider keys" in hint()
    settings.METERING_ENABLED = False
    assert "charges no credits" in hint()
    assert "See credits" not in owner.get(PAGE).content.decode()


# --- Hiding it ----------------------------------------------------------------------------------------


def test_hidden_is_hidden_for_that_member_in_that_workspace(
    owner: Client, olivia: User, acme: Workspace
) -> None:
    elsewhere = onboarding.create_workspace(name="Other", slug="other", owner=olivia)
    adam = browser_of(add_member(acme, "admin").user)
    # Twice, as from two tabs.
    for _ in range(2):
        answer = owner.post(HIDE, follow=True)
        assert answer.redirect_chain == [(PAGE, 302)]
    assert "First steps" not in answer.content.decode().replace("The first steps are hidden", "")

    assert shown_to(owner) is None
    assert shown_to(adam) is not None
    assert owner.get(f"/w/{elsewhere.slug}/").context["first_steps"] is not None


def test_hiding_is_a_post_with_a_token(olivia: User, owner: Client, acme: Workspace) -> None:
    assert owner.get(HIDE).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(olivia)
    assert strict.post(HIDE).status_code == 403
    assert shown_to(owner) is not None


def test_it_costs_one_query_whatever_there_is_and_none_once_hidden(
    owner: Client, olivia: User, acme: Workspace
) -> None:
    agent = make_agent(acme)
    one = queries_of(owner, PAGE)
    for number in range(49):
        another = make_agent(acme, name=f"Agent {number}")
        training.add_text(another, title="Hours", text=f"We open at {number}.")
        make_reply(agent, olivia)
    assert queries_of(owner, PAGE) == one

    owner.post(HIDE, follow=True)
    assert queries_of(owner, PAGE) == one - 1


@pytest.mark.any_database
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.django_db(transaction=True)
def test_it_is_sound_for_a_screen_reader(cast: Cast, open_page: OpenPage, scheme: str) -> None:
    make_agent(cast.acme)
    page = open_page(cast.olivia, color_scheme=scheme)
    page.goto(PAGE)
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_by_keyboard_in_a_narrow_window(cast: Cast, open_page: OpenPage) -> None:
    page = open_page(cast.olivia, viewport={"width": 360, "height": 780})
    page.goto(PAGE)
    steps = page.get_by_role("region", name="First steps")
    steps.get_by_role("link", name="Make an agent").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url("/w/acme/agents/new/")
    page.go_back()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    steps.get_by_role("button", name="Hide the first steps").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="First steps")).to_have_count(0)
