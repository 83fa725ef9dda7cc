"""Your workspaces, a new one, and a workspace at a glance."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from billing.models import Account
from bookbag import onboarding
from tests.factories import add_member, browser_of, make_workspace, queries_of
from tests.harness.cast import make_agent
from tests.harness.chat import bring_key, platform_key
from workspaces import members
from workspaces.errors import SlugTaken
from workspaces.models import User, Workspace

pytestmark = pytest.mark.django_db


def create(browser: Client, name: str = "Acme", slug: str = "") -> Any:
    return browser.post("/workspaces/new/", {"name": name, "slug": slug})


# --- Your workspaces -------------------------------------------------------------------------------


def test_home_lists_ones_own_workspaces_by_name(owner: Client, olivia: User) -> None:
    zebra, acme = make_workspace(olivia, name="Zebra"), make_workspace(name="Acme")
    add_member(acme, "viewer", olivia)
    make_workspace(name="Not hers")
    make_agent(zebra)
    make_agent(zebra)
    found = owner.get("/").context["memberships"]

    assert [(m.workspace.name, m.role, m.agents) for m in found] == [
        ("Acme", "viewer", 0),
        ("Zebra", "owner", 2),
    ]


def test_home_shows_plan_and_credits(owner: Client, olivia: User) -> None:
    onboarding.create_workspace(name="Acme", owner=olivia)
    page = owner.get("/").content.decode()

    assert "<dd>Free</dd>" in page
    assert "<dd>100</dd>" in page


def test_home_without_a_workspace_offers_to_create_one(owner: Client) -> None:
    make_workspace(name="Not hers")
    page = owner.get("/").content.decode()

    assert "No workspace yet" in page
    assert "/workspaces/new/" in page
    assert "Not hers" not in page


def test_home_costs_the_same_whatever_the_number_of_workspaces(
    owner: Client, olivia: User, settings: Any
) -> None:
    settings.WORKSPACES_PER_OWNER = 0
    onboarding.create_workspace(name="Acme", owner=olivia)
    one = queries_of(owner, "/")
    for number in range(49):
        onboarding.create_workspace(name=f"Acme {number}", owner=olivia)

    assert queries_of(owner, "/") == one <= 4


# --- A new one -------------------------------------------------------------------------------------


def test_new_workspace_has_its_owner_its_plan_and_its_first_credits(owner: Client) -> None:
    response = create(owner, "Acme & Sons")
    workspace = Workspace.objects.get()

    assert (response.status_code, response["Location"]) == (302, "/w/acme-sons/")
    assert [str(message) for message in get_messages(response.wsgi_request)] == ["Acme & Sons is ready."]
    assert members.roles(workspace) == {"olivia@acme.test": "owner"}
    account = Account.objects.get(workspace=workspace)
    assert (account.plan.slug, account.posted, account.held) == ("free", 100, 0)
    assert workspace.audit_events.get().actor_email == "olivia@acme.test"


def test_new_workspace_takes_the_address_that_is_asked_for(owner: Client) -> None:
    assert create(owner, "Acme", "Head-Office")["Location"] == "/w/head-office/"


def test_new_workspace_of_the_same_name_gets_another_address(owner: Client) -> None:
    """Later: for ten minutes it would be the same form, sent again."""
    create(owner)
    Workspace.objects.update(created_at=timezone.now() - timedelta(minutes=11))

    assert create(owner)["Location"] == "/w/acme-2/"


@pytest.mark.parametrize(
    "slug", ["a b", "ä", "-acme", "acme-", "a--b", "a_b", "../admin", "a" * 41, "acme/x"]
)
def test_new_workspace_refuses_a_malformed_address_and_keeps_the_name(owner: Client, slug: str) -> None:
    response = create(owner, "Acme", slug)

    assert response.status_code == 200
    assert 'value="Acme"' in response.content.decode()
    assert not Workspace.objects.exists()


@pytest.mark.parametrize("slug", ["acme", "ACME"])
def test_new_workspace_refuses_an_address_that_is_taken(owner: Client, slug: str) -> None:
    make_workspace(slug="acme")

    assert create(owner, "Mine", slug).context["form"].errors == {"slug": [str(SlugTaken())]}


@pytest.mark.parametrize("name", ["", "   ", "A" * 81, "nul\x00"])
def test_new_workspace_refuses_a_bad_name(owner: Client, name: str) -> None:
    assert "name" in create(owner, name).context["form"].errors
    assert not Workspace.objects.exists()


def test_new_workspace_is_made_whole_or_not_at_all(olivia: User) -> None:
    from billing.models import Plan

    with pytest.raises(Plan.DoesNotExist):
        onboarding.create_workspace(name="Acme", owner=olivia, plan="no-such-plan")

    assert not Workspace.objects.exists()
    assert not olivia.memberships.exists()


# --- At a glance -----------------------------------------------------------------------------------


def test_workspace_page_says_who_pays(owner: Client, acme: Workspace) -> None:
    platform_key()
    assert "Your credits pay" in owner.get("/w/acme/").content.decode()
    bring_key(acme)
    assert "Your provider bills you" in owner.get("/w/acme/").content.decode()


def test_workspace_page_without_metering_speaks_of_no_credits(
    owner: Client, acme: Workspace, settings: Any
) -> None:
    settings.METERING_ENABLED = False
    platform_key()
    page = owner.get("/w/acme/").content.decode()

    assert "Nothing is metered here" in page
    assert "Your credits pay" not in page


@pytest.mark.parametrize(("role", "offered"), [("viewer", False), ("editor", True), ("admin", True)])
def test_workspace_page_offers_the_playground_to_those_who_may_chat(
    acme: Workspace, role: str, offered: bool
) -> None:
    agent = make_agent(acme)
    page = browser_of(add_member(acme, role).user).get("/w/acme/").content.decode()

    assert (f"/agents/{agent.pk}/playground/" in page) is offered
    assert f"/agents/{agent.pk}/" in page


def test_workspace_page_costs_the_same_whatever_the_number_of_agents(owner: Client, acme: Workspace) -> None:
    make_agent(acme)
    one = queries_of(owner, "/w/acme/")
    for number in range(49):
        make_agent(acme, "gpt-4o", name=f"Agent {number}")

    assert queries_of(owner, "/w/acme/") == one <= 14
