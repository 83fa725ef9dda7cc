"""The pages of one's own account: what is chosen there holds everywhere, and leaving harms nobody."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from agents.models import Conversation, Reply
from billing.models import FreeAllotment
from bookbag import onboarding
from tests.factories import PASSWORD, add_member, browser_of, is_in, make_user, make_workspace
from tests.harness.cast import Cast, make_agent
from tests.test_access_table import make_reply
from workspaces import open_sessions
from workspaces.models import AuditEvent, Membership, Session, User, Workspace

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"


def test_name_zone_and_colours_are_kept(client: Client) -> None:
    olivia = make_user()
    client.force_login(olivia)
    fields = {"name": "Olivia", "time_zone": "Europe/Zurich", "theme": "dark"}
    page = client.post("/account/", fields, follow=True).content.decode()
    olivia.refresh_from_db()

    assert (olivia.name, olivia.time_zone, olivia.theme) == ("Olivia", "Europe/Zurich", "dark")
    assert "Saved." in page


@pytest.mark.parametrize("fields", [{"time_zone": "Mars/Olympus"}, {"theme": "pink"}, {"name": "x" * 81}])
def test_what_cannot_be_chosen_changes_nothing(client: Client, fields: dict[str, str]) -> None:
    olivia = make_user(name="Olivia")
    client.force_login(olivia)
    answer = client.post("/account/", {"name": "Other", "time_zone": "UTC", "theme": "system", **fields})
    olivia.refresh_from_db()

    assert answer.status_code == 200
    assert (olivia.name, olivia.time_zone, olivia.theme) == ("Olivia", "", "")


def test_form_changes_nothing_else_of_the_person(client: Client) -> None:
    olivia = make_user("olivia@acme.test")
    client.force_login(olivia)
    client.post(
        "/account/",
        {"name": "O", "time_zone": "UTC", "theme": "system", "email": "x@y.test", "is_staff": "on"},
    )
    olivia.refresh_from_db()

    assert (olivia.name, olivia.email, olivia.is_staff) == ("O", "olivia@acme.test", False)


@pytest.mark.parametrize(
    ("theme", "is_dark_always", "is_light_always"),
    [("", False, False), ("dark", True, False), ("light", False, True)],
)
def test_colours_are_told_by_the_server(theme: str, is_dark_always: bool, is_light_always: bool) -> None:
    page = browser_of(make_user(theme=theme)).get("/").content.decode()

    assert ("css/dark" in page) == ('media="screen"' in page) == is_dark_always
    assert ('data-theme="light"' in page) == is_light_always


@pytest.mark.parametrize(("zone", "told"), [("", "12:00:00 UTC"), ("Asia/Tokyo", "21:00:00 JST")])
def test_times_are_in_the_persons_zone_and_say_so(zone: str, told: str) -> None:
    olivia = make_user(time_zone=zone)
    acme = make_workspace(olivia, slug="acme")
    reply = make_reply(make_agent(acme), olivia)
    Reply.objects.update(created_at=datetime(2026, 7, 1, 12, tzinfo=UTC))
    browser = browser_of(olivia)

    assert told in browser.get(f"/w/acme/replies/{reply.pk}/").content.decode()
    assert f"When ({zone or 'UTC'})" in browser.get("/w/acme/audit/").content.decode()
    # The next request in this thread is somebody else's.
    assert timezone.get_current_timezone_name() == "UTC"


def test_zone_that_is_gone_is_utc() -> None:
    assert browser_of(make_user(time_zone="Mars/Olympus")).get("/").status_code == 200


# --- Sessions --------------------------------------------------------------------------------------


def signed_in(email: str, agent: str) -> Client:
    browser = Client(headers={"User-Agent": agent})
    assert browser.post("/accounts/login/", {"login": email, "password": PASSWORD}).status_code == 302
    return browser


def test_sessions_are_listed_without_their_keys() -> None:
    make_user("olivia@acme.test")
    here, _ = signed_in("olivia@acme.test", FIREFOX), signed_in("olivia@acme.test", IPHONE)
    page = here.get("/account/sessions/").content.decode()

    assert page.index("Firefox on Linux") < page.index("Safari on iPhone")
    assert not any(row.session_key in page for row in Session.objects.all())


def test_one_session_is_ended_and_no_other() -> None:
    make_user("olivia@acme.test")
    here, there = signed_in("olivia@acme.test", FIREFOX), signed_in("olivia@acme.test", IPHONE)
    other = browser_of(make_user())
    name = next(one.name for one in here.get("/account/sessions/").context["sessions"] if not one.is_current)
    other.post(f"/account/sessions/{name}/end/")
    assert is_in(there)
    here.post(f"/account/sessions/{name}/end/")

    assert (is_in(here), is_in(there), is_in(other)) == (True, False, True)
    assert AuditEvent.objects.get(action="session.ended").data["browser"] == "Safari on iPhone"
    assert "had ended already" in here.post(f"/account/sessions/{name}/end/", follow=True).content.decode()


def test_signing_out_everywhere_else_leaves_this_one() -> None:
    olivia = make_user("olivia@acme.test")
    here = signed_in("olivia@acme.test", FIREFOX)
    others = [browser_of(olivia) for _ in range(3)]
    stranger = browser_of(make_user())
    page = here.post("/account/sessions/end-others/", follow=True).content.decode()

    assert "3 sessions ended" in page
    assert [is_in(one) for one in (here, *others, stranger)] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) CriOS/140.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPhone",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) FxiOS/140.0 Mobile/15E148 Safari/605.1",
            "Firefox on iPhone",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/140.0 Safari/537.36", "Chrome on Linux"),
        (
            "Mozilla/5.0 (Linux; Android 15) SamsungBrowser/28.0 Chrome/140.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        ("<script>alert(1)</script>", "A browser"),
        ("", "A browser"),
        ("Edg" * 100_000, "A browser"),
    ],
)
def test_browser_is_named_by_what_it_says(told: str, name: str) -> None:
    assert open_sessions.browser_name(told) == name


# --- Data ------------------------------------------------------------------------------------------


def export_of(user: User) -> Any:
    answer = browser_of(user).get("/account/export.json")
    assert "attachment" in answer["Content-Disposition"]
    return json.loads(b"".join(answer))


@pytest.mark.django_db(transaction=True)
def test_export_holds_what_is_the_persons_and_nobody_elses(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    for _ in range(45):
        make_reply(agent, cast.edith)
    make_reply(agent, cast.adam)
    deleted = make_reply(agent, cast.edith)
    Conversation.objects.filter(replies=deleted).update(deleted_at=timezone.now())
    told = export_of(cast.edith)

    assert (told["e-mail"], len(told["replies"])) == (cast.edith.email, 45)
    assert {one["answer"] for one in told["replies"]} == {"Hello."}
    assert told["memberships"] == [{"workspace": "acme", "name": "Acme", "role": "editor"}]
    kept = json.dumps(told)
    assert cast.adam.email not in kept
    assert "argon2" not in kept
    assert not any(row.session_key in kept for row in Session.objects.all())


@pytest.mark.django_db(transaction=True)
def test_export_of_a_former_member_has_the_questions_and_not_the_answers(cast: Cast) -> None:
    make_reply(make_agent(cast.acme), cast.edith)
    Membership.objects.filter(user=cast.edith).delete()

    assert [(one["question"], one["answer"]) for one in export_of(cast.edith)["replies"]] == [
        ("Hello?", None)
    ]


def test_export_asks_an_old_sign_in_again() -> None:
    browser = browser_of(make_user())
    User.objects.update(last_login="2026-01-01T00:00:00Z")

    assert browser.get("/account/export.json")["Location"].startswith("/accounts/reauthenticate/")


# --- Leaving ---------------------------------------------------------------------------------------


def delete(user: User, confirm: str | None = None) -> Any:
    return browser_of(user).post("/account/delete/", {"confirm": confirm or user.email}, follow=True)


def test_only_owner_is_kept_and_told_the_way_out() -> None:
    olivia = make_user("olivia@acme.test")
    make_workspace(olivia, slug="acme", name="Acme")
    add_member(make_workspace(olivia, slug="shared", name="Shared"), "owner")
    page = delete(olivia).content.decode()

    assert "You are the only owner of 1 workspace." in page
    assert "/w/acme/members/" in page
    assert "/w/shared/members/" not in page
    assert Membership.objects.filter(user=olivia).count() == 2


def test_deleted_person_is_gone_and_what_they_did_stays(client: Client) -> None:
    olivia, edith = make_user("olivia@acme.test"), make_user("edith@acme.test")
    acme = make_workspace(olivia, slug="acme")
    add_member(acme, "editor", edith)
    reply = make_reply(make_agent(acme), edith)
    thief = browser_of(edith)
    page = delete(edith, "Edith@Acme.test").content.decode()
    reply.refresh_from_db()

    assert "Your account is deleted." in page
    assert not User.objects.filter(email="edith@acme.test").exists()
    assert not EmailAddress.objects.filter(email="edith@acme.test").exists()
    assert (reply.member, reply.text) == (None, "Hello.")
    assert not is_in(thief)
    left = AuditEvent.objects.get(workspace=acme, action="member.left")
    assert (left.actor_email, left.data["member"]) == ("edith@acme.test", "edith@acme.test")
    assert (
        client.post("/accounts/login/", {"login": "edith@acme.test", "password": PASSWORD}).status_code == 200
    )


def test_another_address_than_ones_own_deletes_nothing() -> None:
    edith = make_user("edith@acme.test")
    page = delete(edith, "olivia@acme.test").content.decode()

    assert "That is not the address of this account." in page
    assert User.objects.filter(pk=edith.pk).exists()


def test_operator_is_not_deleted_here() -> None:
    oscar = make_user(is_staff=True)
    delete(oscar)

    assert User.objects.filter(pk=oscar.pk).exists()


def test_old_sign_in_is_asked_before_anything_is_typed() -> None:
    browser = browser_of(make_user())
    User.objects.update(last_login="2026-01-01T00:00:00Z")

    assert (
        browser.get("/account/delete/")["Location"] == "/accounts/reauthenticate/?next=%2Faccount%2Fdelete%2F"
    )


def test_free_credits_are_not_given_to_the_same_mailbox_again() -> None:
    gina = make_user("gina@globex.test")
    onboarding.create_workspace(name="Globex", slug="globex", owner=gina)
    add_member(Workspace.objects.get(slug="globex"), "owner")
    assert FreeAllotment.objects.count() == 1
    delete(gina)
    again = make_user("gina@globex.test")
    onboarding.create_workspace(name="Again", slug="again", owner=again)

    assert Workspace.objects.get(slug="again").account.posted == 0
