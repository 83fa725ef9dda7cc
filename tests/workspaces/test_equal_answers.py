"""Nobody learns whether an address has an account, and only whoever reads its mail can have one with it."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import PASSWORD, add_member, is_in, make_user, make_workspace
from workspaces import people, signup
from workspaces.models import AuditEvent, Session, SignInCount, User

pytestmark = pytest.mark.django_db
SIGN_UP, SIGN_IN, RESET = "/accounts/signup/", "/accounts/login/", "/accounts/password/reset/"
OTHER_PASSWORD = "another-horse-8-battery"


def sign_up(email: str, password: str = PASSWORD, browser: Client | None = None, **fields: str) -> Any:
    browser = browser or Client()
    return browser.post(SIGN_UP, {"email": email, "password1": password, "password2": password, **fields})


def sign_in(email: str, password: str = PASSWORD, browser: Client | None = None) -> Any:
    return (browser or Client()).post(SIGN_IN, {"login": email, "password": password})


def ask_for_reset(email: str) -> Any:
    return Client().post(RESET, {"email": email})


def link(email: str) -> str:
    """The path of the confirmation link in the latest mail to `email`."""
    text = [str(message.body) for message in mail.outbox if message.to == [email]][-1]
    found = re.search(r"http://testserver(/accounts/confirm-email/\S+)", text)
    assert found is not None
    return found.group(1)


def told(answer: Any, browser: Client) -> tuple[Any, ...]:
    """What a visitor can see of an answer: status, where it leads, cookies, and the page there."""
    page = browser.get(answer["Location"]) if answer.has_header("Location") else answer
    words = re.sub(r'value="[^"]*"|[\w.]+@[\w.]+', "", page.content.decode())
    names = sorted(browser.cookies)
    return answer.status_code, answer.get("Location"), names, words


@pytest.mark.parametrize(
    "known", ["olivia@acme.test", "OLIVIA@acme.test", "added@acme.test", "second@acme.test"]
)
def test_sign_up_answers_the_same_for_a_known_address(known: str) -> None:
    olivia = make_user("olivia@acme.test")
    EmailAddress.objects.create(user=olivia, email="second@acme.test", verified=True)
    # By an operator, who vouches for the address.
    User.objects.create_user("added@acme.test", PASSWORD)
    one, other = Client(), Client()

    assert told(sign_up(known, browser=one), one) == told(sign_up("nobody@acme.test", browser=other), other)
    assert User.objects.filter(email__iexact=known).count() == (known != "second@acme.test")
    assert not is_in(one)
    assert not is_in(other)


def test_owner_of_a_known_address_is_told_by_mail() -> None:
    make_user("olivia@acme.test")
    sign_up("olivia@acme.test", OTHER_PASSWORD)

    assert [(message.to, message.subject) for message in mail.outbox] == [
        (["olivia@acme.test"], "You have a Bookbag account already")
    ]
    assert "/accounts/password/reset/" in str(mail.outbox[0].body)
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize("act", [sign_up, sign_in])
def test_known_and_unknown_addresses_cost_as_many_hashes(
    act: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing is what takes the time."""
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
    counts = []
    for email in ("olivia@acme.test", "nobody@acme.test"):
        hashes.clear()
        act(email, OTHER_PASSWORD)
        counts.append(len(hashes))

    assert counts == [1, 1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["sign-in", "reset", "sign-up"])
def test_known_and_unknown_addresses_cost_as_many_statements_and_mails(form: str) -> None:
    """What the hashes leave of the time."""
    make_user("olivia@acme.test")
    acts: dict[str, Callable[[str], Any]] = {
        "sign-in": lambda email: sign_in(email, OTHER_PASSWORD),
        "reset": ask_for_reset,
        "sign-up": sign_up,
    }
    counts = []
    # The first makes what the others find, a count of today for one.
    for email in ("warming@acme.test", "olivia@acme.test", "nobody@acme.test"):
        SignInCount.objects.all().delete()
        mails = len(mail.outbox)
        with CaptureQueriesContext(connection) as captured:
            acts[form](email)
        verbs = Counter(one["sql"].split()[0] for one in captured)
        counts.append((len(mail.outbox) - mails, verbs))
    (known_mails, known), (unknown_mails, unknown) = counts[1:]

    assert known_mails == unknown_mails == (form != "sign-in")
    for verb in ("INSERT", "DELETE", "COMMIT"):
        assert (verb, known[verb]) == (verb, unknown[verb])
    assert abs(known["SELECT"] - unknown["SELECT"]) <= (3 if form == "sign-up" else 1)
    # What is made in vain for a known address is taken back, and two writes without effect stand for its commits.
    assert known["UPDATE"] - unknown["UPDATE"] == (2 if form == "sign-up" else 0)
    assert abs(known.total() - unknown.total()) <= 2


@pytest.mark.django_db(transaction=True)
def test_operators_link_goes_on_confirming_after_a_known_address(settings: Any) -> None:
    """Its address has an account by now; what the link confirms is not used up by the account made in vain."""
    settings.SIGNUP = "invited"
    make_user("olivia@acme.test")
    browser = Client()
    browser.get(SIGN_UP, {"invitation": signup.invitation("olivia@acme.test")})
    answer = sign_up("olivia@acme.test", browser=browser)

    assert answer["Location"] == "/accounts/confirm-email/"
    assert browser.session["account_verified_email"] == "olivia@acme.test"
    assert User.objects.count() == 1


def test_signing_in_after_signing_up_does_not_tell_whether_the_address_was_free() -> None:
    make_user("olivia@acme.test")
    for email in ("olivia@acme.test", "nobody@acme.test"):
        sign_up(email, OTHER_PASSWORD)
    one, other = Client(), Client()
    known = told(sign_in("olivia@acme.test", OTHER_PASSWORD, one), one)
    mails = len(mail.outbox)

    assert known == told(sign_in("nobody@acme.test", OTHER_PASSWORD, other), other)
    assert "follow the link in your mail first" in known[-1]
    assert len(mail.outbox) == mails


@pytest.mark.parametrize("known", ["olivia@acme.test", "waiting@acme.test"])
def test_reset_answers_the_same_for_a_known_address(known: str) -> None:
    make_user("olivia@acme.test")
    sign_up("waiting@acme.test")

    def answer(email: str) -> tuple[Any, ...]:
        browser = Client()
        return told(browser.post(RESET, {"email": email}), browser)

    assert answer(known) == answer("nobody@acme.test")


# --- Whose an address is ---------------------------------------------------------------------------


def test_link_signs_in_the_browser_that_signed_up_and_leads_on() -> None:
    browser = Client()
    sign_up("new@acme.test", browser=browser, next="/workspaces/new/")
    assert not is_in(browser)
    answer = browser.post(link("new@acme.test"))

    assert answer["Location"] == "/workspaces/new/"
    assert is_in(browser)
    assert people.is_confirmed(User.objects.get())


def test_link_in_another_browser_has_a_password_chosen() -> None:
    """Whoever signed up may be a stranger, who knows the password and waits for the owner to confirm the address."""
    stranger, owner = Client(), Client()
    sign_up("olivia@acme.test", OTHER_PASSWORD, stranger)
    form = owner.post(link("olivia@acme.test"), follow=True)
    form = owner.get(form.request["PATH_INFO"], follow=True)
    assert "Set a new password" in form.content.decode()
    assert sign_in("olivia@acme.test", OTHER_PASSWORD, stranger).status_code == 200
    owner.post(form.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD})

    assert sign_in("olivia@acme.test", PASSWORD, owner).status_code == 302
    assert is_in(owner)
    assert not is_in(stranger)


def test_stranger_who_signed_up_first_is_out_when_the_owner_signs_up() -> None:
    stranger, owner = Client(), Client()
    sign_up("olivia@acme.test", OTHER_PASSWORD, stranger)
    theirs = link("olivia@acme.test")
    sign_up("olivia@acme.test", PASSWORD, owner)
    owner.post(link("olivia@acme.test"))

    assert is_in(owner)
    assert User.objects.get().check_password(PASSWORD)
    assert "This link no longer works" in stranger.get(theirs).content.decode()
    assert not is_in(stranger)


def test_link_goes_on_working_however_often_somebody_else_signs_up() -> None:
    for _ in range(8):
        sign_up("olivia@acme.test", OTHER_PASSWORD)
    assert len(mail.outbox) == 5
    owner = Client()

    assert (
        "Set a new password"
        in owner.get(owner.post(link("olivia@acme.test"))["Location"], follow=True).content.decode()
    )


def test_owner_takes_the_address_back_by_a_new_password() -> None:
    sign_up("olivia@acme.test", OTHER_PASSWORD)
    owner = Client()
    owner.post(RESET, {"email": "olivia@acme.test"})
    found = re.search(r"http://testserver(\S+)", str(mail.outbox[-1].body))
    assert found is not None
    form = owner.get(found.group(1), follow=True)
    owner.post(form.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD})

    assert people.is_confirmed(User.objects.get())
    assert sign_in("olivia@acme.test", PASSWORD, owner).status_code == 302


def test_nobody_who_counts_gives_way_to_a_sign_up() -> None:
    signed_in_once = make_user("once@acme.test", confirmed=False)
    Client().force_login(signed_in_once)
    member = make_user("member@acme.test", confirmed=False)
    add_member(make_workspace(), "viewer", member)
    operator = make_user("oscar@acme.test", confirmed=False, is_staff=True)
    for person in (signed_in_once, member, operator):
        sign_up(person.email, OTHER_PASSWORD)

        assert User.objects.get(email=person.email).pk == person.pk


def test_person_whom_an_operator_has_added_signs_in_at_once() -> None:
    User.objects.create_user("added@acme.test", PASSWORD)

    assert sign_in("added@acme.test").status_code == 302


def test_operators_link_confirms_the_address_it_was_mailed_to(settings: Any) -> None:
    settings.SIGNUP = "invited"
    browser = Client()
    browser.get(SIGN_UP, {"invitation": signup.invitation("new@acme.test")})
    answer = sign_up("new@acme.test", browser=browser)

    assert answer["Location"] == "/"
    assert is_in(browser)
    assert people.is_confirmed(User.objects.get())


def test_session_that_waits_for_the_link_is_nobodys() -> None:
    sign_up("new@acme.test")

    assert list(Session.objects.values_list("user", flat=True)) == [None]


def test_sign_up_with_a_known_address_keeps_nothing_of_what_it_does_for_time() -> None:
    make_user("olivia@acme.test")
    before = (User.objects.count(), EmailAddress.objects.count(), AuditEvent.objects.count())
    sign_up("olivia@acme.test")

    assert (User.objects.count(), EmailAddress.objects.count(), AuditEvent.objects.count()) == before
    assert [one.to for one in mail.outbox] == [["olivia@acme.test"]]
