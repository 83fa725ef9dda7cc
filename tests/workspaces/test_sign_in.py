"""Signing in and out: by e-mail, into a fresh session, and out of it at once when something changes."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.factories import PASSWORD, browser_of, is_in, make_user, make_workspace
from workspaces.models import Session, User

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
NEW_PASSWORD = "another-horse-8-battery"


def sign_in(browser: Client, email: str, password: str = PASSWORD, **fields: str) -> Any:
    return browser.post(LOGIN, {"login": email, "password": password, **fields})


def test_sign_in_with_email_and_password_leads_home(client: Client) -> None:
    make_user("olivia@acme.test")
    response = sign_in(client, "olivia@acme.test")

    assert (response.status_code, response["Location"]) == (302, "/")
    assert is_in(client)


def test_sign_in_does_not_mind_the_case_of_the_email(client: Client) -> None:
    make_user("Olivia@Acme.test")
    sign_in(client, "OLIVIA@acme.TEST")

    assert is_in(client)


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), PASSWORD + " "])
def test_sign_in_with_another_password_is_refused(client: Client, password: str) -> None:
    make_user("olivia@acme.test")
    response = sign_in(client, "olivia@acme.test", password)

    assert response.status_code == 200
    assert not is_in(client)


def test_sign_in_page_says_the_same_of_an_unknown_person(client: Client) -> None:
    make_user("olivia@acme.test")

    def said(email: str) -> str:
        page = sign_in(client, email, "wrong").content.decode()
        return re.sub(r'value="[^"]*"', "", page)

    assert said("olivia@acme.test") == said("nobody@acme.test")


def test_sign_in_takes_as_long_for_an_unknown_person(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password hash is what takes the time: a wrong password costs one, whoever it is for."""
    make_user("olivia@acme.test")
    hashes: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        function = getattr(Argon2PasswordHasher, name)

        def count(*args: Any) -> Any:
            hashes.append(name)
            return function(*args)

        return count

    for name in ("encode", "verify"):
        monkeypatch.setattr(Argon2PasswordHasher, name, counted(name))

    sign_in(client, "olivia@acme.test", "wrong")
    sign_in(client, "nobody@acme.test", "wrong")

    assert hashes == ["verify", "encode"]


def test_anonymous_visitor_is_led_to_sign_in_and_back(client: Client) -> None:
    workspace = make_workspace(make_user("olivia@acme.test"), slug="acme")
    wanted = reverse("workspaces:members", args=[workspace.slug])
    response = client.get(wanted)

    assert response["Location"] == f"{LOGIN}?next={wanted}"
    assert sign_in(client, "olivia@acme.test", next=wanted)["Location"] == wanted


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "javascript:alert(1)",
        "http:///evil.test",
        "\thttps://evil.test",
    ],
)
def test_sign_in_never_leads_off_the_site(client: Client, target: str) -> None:
    make_user("olivia@acme.test")

    assert sign_in(client, "olivia@acme.test", next=target)["Location"] == "/"


def test_sign_up_makes_a_person_with_a_small_letter_email(client: Client) -> None:
    fields = {"email": "NeW@Acme.Test", "password1": PASSWORD, "password2": PASSWORD}
    response = client.post(reverse("account_signup"), fields)

    assert response["Location"] == "/accounts/confirm-email/"
    user = User.objects.get()
    assert (user.email, user.is_staff, user.is_superuser, user.memberships.count()) == (
        "new@acme.test",
        False,
        False,
        0,
    )
    assert not is_in(client)
    assert [message.to for message in mail.outbox] == [["new@acme.test"]]
    assert "Bookbag" in mail.outbox[0].body


@pytest.mark.parametrize("email", ["olivia@acme.test", "OLIVIA@ACME.TEST"])
def test_sign_up_with_an_email_that_is_taken_makes_nobody(client: Client, email: str) -> None:
    make_user("olivia@acme.test")
    client.post(
        reverse("account_signup"), {"email": email, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    )

    assert User.objects.get().check_password(PASSWORD)
    assert not is_in(client)


def test_sign_up_cannot_make_an_operator(client: Client) -> None:
    fields = {"email": "new@acme.test", "password1": PASSWORD, "password2": PASSWORD}
    client.post(
        reverse("account_signup"), {**fields, "is_staff": "on", "is_superuser": "on", "is_active": "on"}
    )

    assert User.objects.filter(is_staff=False, is_superuser=False).count() == 1


# --- The session -----------------------------------------------------------------------------------


def session_key(browser: Client) -> str:
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


def test_sign_in_begins_a_new_session(client: Client) -> None:
    make_user("olivia@acme.test")
    session = client.session
    session["planted"] = "yes"
    session.save()
    planted = session_key(client)
    sign_in(client, "olivia@acme.test")

    assert session_key(client) != planted
    assert not Session.objects.filter(pk=planted).exists()


def test_session_row_knows_its_user(client: Client) -> None:
    olivia = make_user("olivia@acme.test")
    sign_in(client, "olivia@acme.test")

    assert Session.objects.get().user == olivia


def test_cookie_is_dead_after_sign_out(client: Client) -> None:
    make_user("olivia@acme.test")
    sign_in(client, "olivia@acme.test")
    kept = session_key(client)
    client.post(reverse("account_logout"))

    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = kept
    assert not is_in(thief)
    assert not Session.objects.exists()


def test_sign_out_needs_a_post(client: Client) -> None:
    client.force_login(make_user())
    client.get(reverse("account_logout"))

    assert is_in(client)


def test_password_change_ends_every_other_session(client: Client) -> None:
    olivia = make_user("olivia@acme.test")
    other = browser_of(olivia)
    client.force_login(olivia)
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    response = client.post(reverse("account_change_password"), fields)

    assert response.status_code == 302
    assert (is_in(client), is_in(other)) == (True, False)


def test_password_reset_ends_every_session(client: Client) -> None:
    thief = browser_of(make_user("olivia@acme.test"))
    client.post(reverse("account_reset_password"), {"email": "olivia@acme.test"})
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[0].body))
    assert link is not None
    form = client.get(link.group(1), follow=True)
    client.post(form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert not is_in(thief)
    sign_in(client, "olivia@acme.test", NEW_PASSWORD)
    assert is_in(client)


def test_disabled_person_is_out_with_the_next_click(client: Client) -> None:
    olivia = make_user("olivia@acme.test")
    client.force_login(olivia)
    User.objects.filter(pk=olivia.pk).update(is_active=False)

    assert client.get("/")["Location"] == f"{LOGIN}?next=/"


def test_disabled_person_cannot_sign_in(client: Client) -> None:
    make_user("olivia@acme.test", is_active=False)
    response = sign_in(client, "olivia@acme.test")

    assert response["Location"] == reverse("account_inactive")
    assert not is_in(client)


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client: Client) -> None:
    make_user("olivia@acme.test")
    sign_in(client, "olivia@acme.test")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]

    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 12 * 60 * 60)


# --- Guessing --------------------------------------------------------------------------------------


def test_eleventh_wrong_password_is_answered_429(client: Client) -> None:
    make_user("olivia@acme.test")
    statuses = [sign_in(client, "olivia@acme.test", f"guess-{number}").status_code for number in range(11)]
    refused = sign_in(client, "olivia@acme.test")

    assert statuses == [200] * 10 + [429]
    assert (refused.status_code, refused["Retry-After"]) == (429, "900")
    assert not is_in(client)


def test_guessing_one_person_does_not_lock_out_another(client: Client) -> None:
    make_user("olivia@acme.test")
    make_user("adam@acme.test")
    for number in range(11):
        sign_in(client, "olivia@acme.test", f"guess-{number}")
    sign_in(client, "adam@acme.test")

    assert is_in(client)


def test_guessing_many_people_from_one_address_is_answered_429(client: Client) -> None:
    statuses = [sign_in(client, f"person{number}@acme.test", "guess").status_code for number in range(51)]

    assert statuses == [200] * 50 + [429]


def test_locked_out_person_can_still_reset_the_password(client: Client) -> None:
    make_user("olivia@acme.test")
    for number in range(11):
        sign_in(client, "olivia@acme.test", f"guess-{number}")
    response = client.post(reverse("account_reset_password"), {"email": "olivia@acme.test"})

    assert response.status_code == 302
    assert [message.to for message in mail.outbox] == [["olivia@acme.test"]]


def test_reset_answers_the_same_for_an_unknown_person(client: Client) -> None:
    make_user("olivia@acme.test")

    def answer(email: str) -> tuple[int, str]:
        response = client.post(reverse("account_reset_password"), {"email": email})
        return response.status_code, response["Location"]

    assert answer("olivia@acme.test") == answer("nobody@acme.test")


def test_right_passwords_are_never_counted_as_guesses(client: Client) -> None:
    make_user("olivia@acme.test")
    for _ in range(12):
        assert sign_in(Client(), "olivia@acme.test").status_code == 302


# --- The operators' door ---------------------------------------------------------------------------


def test_operator_reaches_the_admin_in_one_sign_in(client: Client) -> None:
    make_user("oscar@bookbag.test", is_staff=True, is_superuser=True)
    page = client.get("/admin/", follow=True)

    assert page.request["PATH_INFO"] == LOGIN
    assert page.wsgi_request.GET["next"] == "/admin/"
    assert sign_in(client, "oscar@bookbag.test", next="/admin/")["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_admin_has_no_login_form_of_its_own(client: Client) -> None:
    make_user("oscar@bookbag.test", is_staff=True)
    response = client.post("/admin/login/", {"username": "oscar@bookbag.test", "password": PASSWORD})

    assert response["Location"] == f"{LOGIN}?next=/admin/"
    assert not is_in(client)


def test_admin_login_never_leads_off_the_site(client: Client) -> None:
    assert client.get("/admin/login/?next=https://evil.test/")["Location"] == f"{LOGIN}?next=/admin/"


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/login/", "/admin/workspaces/user/", "/admin/no-such-page/"]
)
def test_admin_does_not_exist_for_the_owner_of_a_workspace(client: Client, path: str) -> None:
    owner = make_user()
    make_workspace(owner)
    client.force_login(owner)

    assert client.get(path).status_code == 404


def test_operator_who_is_disabled_is_out_of_the_admin(client: Client) -> None:
    oscar = make_user(is_staff=True, is_superuser=True)
    client.force_login(oscar)
    User.objects.filter(pk=oscar.pk).update(is_active=False)

    assert client.get("/admin/").status_code == 302


def test_admin_signs_out_of_the_whole_site(client: Client) -> None:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    client.post("/admin/logout/")

    assert not is_in(client)


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/email/"]
)
def test_forms_say_e_mail_address(path: str) -> None:
    person = make_user()
    page = browser_of(person if path == "/accounts/email/" else None).get(path).content.decode()

    assert ">E-mail address" in page
    assert ">Email" not in page
