"""Requests from an old tab, a second tab or a double click are refused or done once, and nothing is lost."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from agents.models import Agent
from billing.models import Account, Plan
from bookbag import onboarding
from bookbag.pages.own_account import AccountForm
from llm.models import ChatModel
from tests.factories import (
    PASSWORD,
    add_member,
    browser_of,
    make_invitation,
    make_user,
    make_workspace,
)
from tests.harness.cast import Cast, keep_models_alive, make_agent
from tests.harness.threads import at_once
from tests.test_access_table import make_reply
from workspaces import invitations, members, one_line, standing
from workspaces.models import Membership, Role, User, Workspace

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "another-horse-8-battery"
NEW = "/workspaces/new/"
PROFILE = {"name": "Olivia", "time_zone": "UTC", "theme": "system"}


def page_of(answer: Any) -> str:
    return str(answer.content.decode())


# --- Two tabs ----------------------------------------------------------------------------------------


def test_profile_that_is_saved_writes_over_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator disables the person between the look at their row and the save."""
    olivia = make_user("olivia@acme.test")
    browser = browser_of(olivia)

    def meanwhile(form: AccountForm) -> str:
        User.objects.filter(pk=olivia.pk).update(is_active=False, password="!")
        return ""

    monkeypatch.setattr(AccountForm, "clean_theme", meanwhile)
    browser.post("/account/", PROFILE)
    olivia.refresh_from_db()

    assert (olivia.name, olivia.is_active, olivia.password) == ("Olivia", False, "!")


def test_workspace_that_is_made_in_another_tab_keeps_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    olivia = make_user("olivia@acme.test")
    acme = make_workspace()
    add_member(acme, Role.EDITOR, olivia)
    browser = browser_of(olivia)
    leave = members.leave

    def meanwhile(member: Membership, **kwargs: Any) -> None:
        leave(member, **kwargs)
        make_workspace(olivia, name="Initech")

    monkeypatch.setattr(members, "leave", meanwhile)
    browser.post("/account/delete/", {"confirm": olivia.email})

    assert User.objects.filter(pk=olivia.pk).exists()
    # All or nothing.
    assert acme.memberships.filter(user=olivia).exists()


def test_account_that_another_tab_has_deleted_is_asked_to_sign_in(client: Client) -> None:
    olivia = make_user("olivia@acme.test")
    one, other = browser_of(olivia), browser_of(olivia)
    one.post("/account/delete/", {"confirm": olivia.email})
    answers = [
        other.get("/account/"),
        other.post("/account/", PROFILE),
        other.post("/account/delete/", {"confirm": olivia.email}),
        other.post(NEW, {"name": "Acme"}),
    ]

    assert {answer["Location"].partition("?")[0] for answer in answers} == {"/accounts/login/"}
    assert not User.objects.filter(email=olivia.email).exists()
    assert not Workspace.objects.exists()


def test_only_owner_in_one_tab_cannot_delete_the_account_in_the_other() -> None:
    olivia, adam = make_user("olivia@acme.test"), make_user("adam@acme.test")
    acme = make_workspace(olivia)
    second = add_member(acme, Role.OWNER, adam)
    tab = browser_of(olivia)
    assert "It is the only owner" not in page_of(tab.get("/account/delete/"))
    members.leave(second)
    answer = tab.post("/account/delete/", {"confirm": olivia.email}, follow=True)

    assert acme.name in page_of(answer)
    assert acme.memberships.get(role=Role.OWNER).user == olivia


def test_changed_password_ends_the_other_sessions() -> None:
    olivia = make_user("olivia@acme.test")
    here, there = Client(), Client()
    for browser in (here, there):
        browser.post("/accounts/login/", {"login": olivia.email, "password": PASSWORD})
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    here.post("/accounts/password/change/", fields)

    assert (here.get("/account/").status_code, there.get("/account/").status_code) == (200, 302)
    assert there.post("/account/", PROFILE)["Location"].startswith("/accounts/login/")
    olivia.refresh_from_db()
    assert olivia.name == ""


def test_passkey_that_was_the_only_factor_shuts_its_owner_out_with_the_way_back() -> None:
    olivia = make_user("olivia@acme.test")
    acme = make_workspace(olivia, slug="acme")
    Workspace.objects.update(second_factor_required=True)
    passkey = Authenticator.objects.create(user=olivia, type="webauthn", data={"name": "Laptop"})
    tab = browser_of(olivia)
    assert tab.get("/w/acme/members/").status_code == 200
    tab.post(f"/accounts/second-factor/webauthn/keys/{passkey.pk}/remove/")
    assert not Authenticator.objects.exists()
    answer = tab.get("/w/acme/members/")

    assert answer.status_code == 403
    assert 'href="/accounts/second-factor/"' in page_of(answer)
    assert tab.post("/w/acme/settings/", {"name": "Mine", "slug": "mine"}).status_code == 403
    acme.refresh_from_db()
    assert acme.name == "Acme"


# --- Two presses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["", "initech"])
def test_new_workspace_that_is_sent_twice_is_made_once(cast: Cast, slug: str) -> None:
    browser = browser_of(cast.olivia)
    answers = [browser.post(NEW, {"name": "Initech", "slug": slug}) for _ in range(2)]

    assert [answer["Location"] for answer in answers] == ["/w/initech/"] * 2
    assert Workspace.objects.filter(name="Initech").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("slug", ["", "initech"])
def test_new_workspace_that_three_presses_at_once_send_is_made_once(slug: str) -> None:
    keep_models_alive()
    person = make_user("olivia@acme.test")
    form = {"name": "Initech", "slug": slug}
    answers = at_once(*[partial(browser_of(person).post, NEW, form) for _ in range(3)])

    assert [answer["Location"] for answer in answers] == ["/w/initech/"] * 3
    assert Workspace.objects.count() == 1


def test_another_name_or_another_persons_workspace_is_made(cast: Cast) -> None:
    browser_of(cast.olivia).post(NEW, {"name": "Initech"})
    other = browser_of(cast.adam).post(NEW, {"name": "Initech"})
    another = browser_of(cast.olivia).post(NEW, {"name": "Initrode"})

    assert (other["Location"], another["Location"]) == ("/w/initech-2/", "/w/initrode/")


def make_whole(owner: User) -> Workspace:
    """On the Free plan, which has room for one agent."""
    return onboarding.create_workspace(name="Acme", slug="acme", owner=owner)


def agent_form() -> dict[str, Any]:
    local = ChatModel.objects.get(workspace=None, provider="local")
    return {
        "name": "Guide",
        "instructions": "Be kind.",
        "chat_model": local.pk,
        "fallback_text": "No idea.",
        "status": "active",
    }


def test_agent_that_is_sent_twice_is_made_once_though_the_plan_has_no_room_for_two() -> None:
    acme = make_whole(make_user("olivia@acme.test"))
    browser = browser_of(acme.memberships.get().user)
    answers = [browser.post("/w/acme/agents/new/", agent_form()) for _ in range(2)]
    agent = acme.agents.get()

    assert [answer["Location"] for answer in answers] == [agent.get_absolute_url()] * 2
    assert acme.audit_events.filter(action="agent.created").count() == 1


@pytest.mark.django_db(transaction=True)
def test_agent_that_two_presses_at_once_send_is_made_once() -> None:
    keep_models_alive()
    acme = make_whole(make_user("olivia@acme.test"))
    person = acme.memberships.get().user
    Account.objects.filter(workspace=acme).update(plan=Plan.objects.get(slug="pro"))
    form = agent_form()
    presses = [partial(browser_of(person).post, "/w/acme/agents/new/", form) for _ in range(4)]
    answers = at_once(*presses)

    assert {answer["Location"] for answer in answers} == {acme.agents.get().get_absolute_url()}


@pytest.mark.parametrize(("changed", "minutes"), [({"instructions": "Be brief."}, 0), ({}, 11)])
def test_agent_of_another_kind_or_much_later_is_another(changed: dict[str, str], minutes: int) -> None:
    acme = make_whole(make_user("olivia@acme.test"))
    Account.objects.filter(workspace=acme).update(plan=Plan.objects.get(slug="pro"))
    browser = browser_of(acme.memberships.get().user)
    browser.post("/w/acme/agents/new/", agent_form())
    Agent.objects.update(created_at=timezone.now() - timedelta(minutes=minutes))
    browser.post("/w/acme/agents/new/", agent_form() | changed)

    assert acme.agents.count() == 2


def test_the_same_form_of_somebody_else_or_beside_one_with_sources_is_another_agent() -> None:
    acme = make_whole(make_user("olivia@acme.test"))
    Account.objects.filter(workspace=acme).update(plan=Plan.objects.get(slug="pro"))
    olivia, adam = acme.memberships.get().user, add_member(acme, "admin").user
    for person in (olivia, adam):
        browser_of(person).post("/w/acme/agents/new/", agent_form())
    for agent in acme.agents.all():
        browser_of(olivia).post(
            f"{agent.get_absolute_url()}sources/new/", {"title": "Hours", "text": "At nine."}
        )
    browser_of(olivia).post("/w/acme/agents/new/", agent_form())

    assert acme.agents.count() == 3


@pytest.mark.parametrize("name", ["\u200b", "\u2060 \u00ad", "\u3164", "\u2800"])
def test_a_name_of_which_nothing_shows_is_none(name: str) -> None:
    acme = make_whole(make_user("olivia@acme.test"))
    answer = browser_of(acme.memberships.get().user).post(
        "/w/acme/agents/new/", agent_form() | {"name": name}
    )

    assert answer.status_code == 400 or "This field is required" in page_of(answer)
    assert not acme.agents.exists()


SOURCES: dict[str, dict[str, str]] = {
    "sources/new/": {"title": "Hours", "text": "Open from nine to five."},
    "sources/website/": {"url": "https://example.com/"},
    "questions/new/": {"question": "When?", "answer": "At nine."},
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", SOURCES)
def test_source_that_two_presses_at_once_send_is_added_once(path: str) -> None:
    keep_models_alive()
    acme = make_whole(make_user("olivia@acme.test"))
    agent, person = make_agent(acme), acme.memberships.get().user
    presses = [
        partial(browser_of(person).post, f"{agent.get_absolute_url()}{path}", SOURCES[path]) for _ in range(4)
    ]
    answers = at_once(*presses)

    assert sorted(answer.status_code for answer in answers) == [302, 400, 400, 400]
    assert all("already" in page_of(answer) for answer in answers if answer.status_code == 400)
    assert agent.sources.count() + agent.qa_pairs.count() == 1


@pytest.mark.django_db(transaction=True)
def test_file_that_two_presses_at_once_send_is_added_once() -> None:
    keep_models_alive()
    acme = make_whole(make_user("olivia@acme.test"))
    agent, person = make_agent(acme), acme.memberships.get().user

    def send(words: str) -> Any:
        file = SimpleUploadedFile("hours.txt", words.encode())
        return browser_of(person).post(f"{agent.get_absolute_url()}sources/files/", {"files": file})

    answers = at_once(*[partial(send, "Open from nine to five.") for _ in range(4)])
    send("Open from ten to four..")  # as many bytes

    assert {answer.status_code for answer in answers} == {302}
    assert agent.sources.count() == 2


def test_questions_that_are_imported_twice_are_there_once_and_that_is_said() -> None:
    acme = make_whole(make_user("olivia@acme.test"))
    browser, agent = browser_of(acme.memberships.get().user), make_agent(acme)
    path = f"{agent.get_absolute_url()}sources/questions/import/"
    answers = [browser.post(path, {"text": "When?,At nine."}, follow=True) for _ in range(2)]

    assert "1 question imported" in page_of(answers[0])
    assert "Nothing was left to import" in page_of(answers[1])
    assert agent.qa_pairs.count() == 1


@pytest.mark.django_db(transaction=True)
def test_questions_that_two_presses_at_once_import_are_there_once_and_that_is_said() -> None:
    keep_models_alive()
    acme = make_whole(make_user("olivia@acme.test"))
    agent, person = make_agent(acme), acme.memberships.get().user
    path, rows = f"{agent.get_absolute_url()}sources/questions/import/", "When?,At nine.\nWhere?,Here."
    presses = [partial(browser_of(person).post, path, {"text": rows}, follow=True) for _ in range(3)]
    pages = [page_of(answer) for answer in at_once(*presses)]

    assert sum("2 questions imported" in page for page in pages) == 1
    assert sum("Nothing was left to import" in page for page in pages) == 2
    assert agent.qa_pairs.count() == 2


@pytest.mark.django_db(transaction=True)
def test_chat_model_that_three_presses_at_once_remove_is_removed_once() -> None:
    keep_models_alive()
    acme = make_whole(make_user("olivia@acme.test"))
    model = ChatModel.objects.create(workspace=acme, name="Custom", provider="openai", model_id="o8")
    person, path = acme.memberships.get().user, f"/w/acme/settings/llm/models/{model.code}/remove/"
    answers = at_once(*[partial(browser_of(person).post, path) for _ in range(3)])

    assert sorted(answer.status_code for answer in answers) == [302, 404, 404]
    assert acme.audit_events.filter(action="chat_model.removed").count() == 1


def test_correction_that_is_sent_twice_leads_to_the_pair_twice() -> None:
    acme = make_whole(make_user("olivia@acme.test"))
    person, agent = acme.memberships.get().user, make_agent(acme)
    path = f"/w/acme/replies/{make_reply(agent, person).pk}/correct/"
    browser = browser_of(person)
    answers = [browser.post(path, {"question": "When?", "answer": "At nine."}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0]["Location"] == answers[1]["Location"]


def test_trial_that_is_begun_twice_is_one_conversation() -> None:
    acme = make_whole(make_user("olivia@acme.test"))
    browser, agent = browser_of(acme.memberships.get().user), make_agent(acme)
    path = f"{agent.get_absolute_url()}playground/try/"
    answers = [browser.post(path, agent_form() | {"instructions": words}) for words in ("A", "A", "B")]
    first, again, other = [answer["Location"] for answer in answers]

    assert first == again != other
    assert agent.conversations.count() == 2


def test_acts_on_people_that_are_sent_twice_are_done_once() -> None:
    olivia, ada = make_user("olivia@acme.test"), make_user("ada@x.test")
    acme = make_workspace(olivia, slug="acme")
    invitation = make_invitation(acme, email="new@x.test")
    gone = add_member(acme, Role.VIEWER)
    changed = add_member(acme, Role.VIEWER, ada)
    browser = browser_of(olivia)
    acts: list[tuple[str, dict[str, str]]] = [
        (f"members/invitations/{invitation.pk}/revoke/", {}),
        (f"members/{gone.code}/remove/", {}),
        (f"members/{changed.code}/role/", {"role": "admin"}),
        (f"members/{changed.code}/transfer/", {}),
    ]
    statuses = [
        [browser.post(f"/w/acme/{path}", fields).status_code for _ in range(2)] for path, fields in acts
    ]

    assert statuses == [[302, 302], [302, 404], [302, 302], [302, 403]]
    actions = list(acme.audit_events.order_by("pk").values_list("action", flat=True))[-4:]
    assert actions == ["invitation.revoked", "member.removed", "member.role_changed", "ownership.passed"]
    assert acme.memberships.get(role=Role.OWNER).user == ada


def test_invitation_that_is_accepted_twice_leads_in_twice() -> None:
    acme = make_workspace(slug="acme")

    path = f"/invitations/{invitations.token_of(make_invitation(acme, email='ada@x.test'))}/"
    browser = browser_of(make_user("ada@x.test"))

    assert [browser.post(path)["Location"] for _ in range(2)] == ["/w/acme/"] * 2
    assert acme.memberships.count() == 2


@pytest.mark.django_db(transaction=True)
def test_ownership_that_two_tabs_pass_on_at_once_goes_to_one() -> None:
    olivia = make_user("olivia@acme.test")
    acme = make_workspace(olivia, slug="acme")
    others = [add_member(acme, Role.EDITOR), add_member(acme, Role.VIEWER)]
    at_once(*[partial(browser_of(olivia).post, f"/w/acme/members/{one.code}/transfer/") for one in others])
    roles = members.roles(acme)

    assert sorted(roles.values()) in (["admin", "editor", "owner"], ["admin", "owner", "viewer"])
    assert roles["olivia@acme.test"] == "admin"


def test_who_can_is_said_truly_where_a_role_is_too_small_and_nothing_else_where_it_is_no_role(
    cast: Cast,
) -> None:
    pages = {
        "admin": page_of(browser_of(cast.adam).get("/w/acme/settings/delete/")),
        "editor": page_of(browser_of(cast.edith).get("/w/acme/settings/")),
        "desk": page_of(browser_of(make_user(is_staff=True)).get("/admin/workspaces/user/")),
    }

    assert "An owner of the workspace can do it for you" in pages["admin"]
    assert "An admin of the workspace can do it for you" in pages["editor"]
    assert not any("An admin of the workspace" in pages[who] for who in ("admin", "desk"))


# --- Odd names ---------------------------------------------------------------------------------------

ODD = "\u202eAcme\r\n\nYour key is lost:\x1b evil.test\u2069"


def test_names_are_one_line_and_read_in_their_own_order() -> None:
    """In a mail a line break would begin a paragraph that seems to be ours."""
    olivia = make_user("olivia@acme.test")
    browser = browser_of(olivia)
    acme = onboarding.create_workspace(name="Acme", slug="acme", owner=olivia)
    browser.post("/account/", PROFILE | {"name": ODD})
    browser.post("/w/acme/settings/", {"name": ODD, "slug": "acme"})
    browser.post("/w/acme/agents/new/", agent_form() | {"name": ODD})
    for one in (olivia, acme):
        one.refresh_from_db()

    assert {olivia.name, acme.name, acme.agents.get().name} == {"Acme Your key is lost: evil.test"}


def test_names_of_other_scripts_stay_as_they_are() -> None:
    olivia = make_user("olivia@acme.test")
    persian = "می\u200cخواهم 👩\u200d💻 שלום"
    browser_of(olivia).post("/account/", PROFILE | {"name": persian})
    olivia.refresh_from_db()

    assert olivia.name == persian


@pytest.mark.parametrize("name", ["\u202e", "\u2069\n"])
def test_name_of_nothing_that_is_seen_is_none(name: str) -> None:
    page = page_of(browser_of(make_user()).post(NEW, {"name": name}))

    assert "This field is required" in page
    assert not Workspace.objects.exists()


def test_sign_that_is_newer_than_this_python_is_seen() -> None:
    assert one_line.is_seen("\U0001fae9")
    assert one_line.is_seen("\ue000")


# --- Plus signs and capitals -------------------------------------------------------------------------


def test_invitation_is_for_its_mailbox_with_its_label_in_whatever_case() -> None:
    acme = make_workspace(slug="acme")
    path = f"/invitations/{invitations.token_of(make_invitation(acme, email='Ada+Work@X.Test'))}/"

    assert browser_of(make_user("ada@x.test")).post(path).status_code == 403
    assert browser_of(make_user("ada+work@x.test")).post(path)["Location"] == "/w/acme/"


# --- The wrong place ---------------------------------------------------------------------------------


def test_nobody_joins_a_suspended_workspace_and_the_invitation_waits() -> None:
    acme = make_workspace(slug="acme")

    invitation = make_invitation(acme, email="ada@x.test")
    path = f"/invitations/{invitations.token_of(invitation)}/"
    browser = browser_of(make_user("ada@x.test"))
    standing.suspend(acme, "Spam.")
    answer = browser.post(path)

    assert answer.status_code == 409
    assert "nobody can join until it works again" in page_of(answer)
    assert "Spam." not in page_of(answer)
    standing.resume(acme)
    assert browser.post(path)["Location"] == "/w/acme/"


def test_invitation_is_for_whoever_has_the_address_by_now() -> None:
    """Ada gives the address up, and Bob confirms it for his account."""
    acme = make_workspace(slug="acme")

    path = f"/invitations/{invitations.token_of(make_invitation(acme, email='team@x.test'))}/"
    ada, bob = make_user("ada@x.test"), make_user("bob@x.test")
    address = EmailAddress.objects.create(user=ada, email="team@x.test", verified=True)
    tab = browser_of(ada)
    assert "Join Acme</button>" in page_of(tab.get(path))
    address.delete()
    EmailAddress.objects.create(user=bob, email="team@x.test", verified=True)

    assert tab.post(path).status_code == 403
    assert browser_of(bob).post(path)["Location"] == "/w/acme/"
    assert set(acme.memberships.exclude(role=Role.OWNER).values_list("user", flat=True)) == {bob.pk}


def test_removed_member_with_an_open_tab_changes_nothing(cast: Cast) -> None:
    tab = browser_of(cast.adam)
    assert tab.get("/w/acme/members/").status_code == 200
    victor = cast.acme.memberships.get(user=cast.victor)
    own = cast.acme.memberships.get(user=cast.adam)
    members.remove(own, by=cast.acme.memberships.get(user=cast.olivia))
    events = cast.acme.audit_events.count()
    acts: list[tuple[str, dict[str, str]]] = [
        ("members/invite/", {"emails": "x@y.test", "role": "viewer"}),
        (f"members/{victor.code}/role/", {"role": "admin"}),
        (f"members/{victor.code}/remove/", {}),
        ("leave/", {}),
        ("settings/", {"name": "Mine", "slug": "mine"}),
        ("settings/second-factor/", {"required": "on"}),
        ("settings/llm/byo/", {"byo_enabled": "on"}),
    ]

    # Each is there for somebody.
    assert all(resolve(f"/w/acme/{path}") for path, _ in acts)
    assert {path: tab.post(f"/w/acme/{path}", fields).status_code for path, fields in acts} == {
        path: 404 for path, _ in acts
    }
    assert cast.acme.audit_events.count() == events
