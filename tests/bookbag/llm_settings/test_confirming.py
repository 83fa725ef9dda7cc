"""The LLM settings page: who has signed in a while ago says again who they are."""

import time
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from llm import byo
from llm.models import ProviderKey
from llm.providers import roster
from tests.bookbag.llm_settings.page import PAGE, PASTED, put
from workspaces.models import User

pytestmark = pytest.mark.django_db

GUARDED = [
    ("keys/openai/", {"secret": PASTED}),
    ("keys/openai/delete/", {}),
    ("keys/openai/restore/", {}),
    ("keys/openai/region/", {"region": "eu"}),
    ("byo/", {"byo_enabled": "on"}),
]


def grow_old(client, seconds):
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - seconds}]
    session.save()


@pytest.mark.parametrize(
    ("act", "fields"), [one for one in GUARDED if one[0] not in ("keys/openai/", "keys/openai/region/")]
)
def test_act_with_a_stale_sign_in_waits_until_its_sender_has_confirmed(
    cast, client, act, fields, provider_double
):
    put(cast), put(cast, "sk-" + "n" * 30)
    before = list(ProviderKey.objects.values_list("pk", "state", "region"))
    sign_in(client, cast)
    grow_old(client, 15 * 60 + 1)
    asked = client.post(PAGE + act, fields)
    assert asked.url == reverse("account_reauthenticate") + "?" + urlencode({"next": PAGE + act})
    assert list(ProviderKey.objects.values_list("pk", "state", "region")) == before
    assert byo.settings_of(cast.acme).byo_enabled is False
    assert client.post(asked.url, {"password": "guess"}).status_code == 200
    assert list(ProviderKey.objects.values_list("pk", "state", "region")) == before
    assert client.post(asked.url, {"password": cast.password}).url == PAGE
    now = list(ProviderKey.objects.values_list("pk", "state", "region"))
    assert (now != before) != byo.settings_of(cast.acme).byo_enabled


def test_act_that_waited_is_forgotten_when_its_sender_goes_elsewhere(cast, client):
    sign_in(client, cast)
    grow_old(client, 15 * 60 + 1)
    client.post(PAGE + "byo/", {"byo_enabled": "on"})
    client.post(reverse("account_reauthenticate") + "?next=/", {"password": cast.password})
    client.post(reverse("account_reauthenticate") + "?next=" + PAGE + "byo/", {"password": cast.password})
    assert byo.settings_of(cast.acme).byo_enabled is False


def sign_in(client, cast):
    answer = client.post(reverse("account_login"), {"login": cast.adam.email, "password": cast.password})
    assert answer.status_code == 302


def test_a_fresh_sign_in_is_asked_nothing(cast, client, provider_double):
    sign_in(client, cast)
    assert client.post(PAGE + "keys/openai/", {"secret": PASTED}).url == PAGE


def old_sign_in(cast, client):
    sign_in(client, cast)
    grow_old(client, 15 * 60 + 1)


def stored(cast):
    return ProviderKey.objects.filter(workspace=cast.acme).count()


def test_password_is_asked_for_before_a_key_is_pasted(cast, client):
    sign_in(client, cast)
    assert 'name="current_password"' not in client.get(PAGE).content.decode()
    grow_old(client, 15 * 60 + 1)
    page = client.get(PAGE).content.decode()
    assert page.count('name="current_password"') == len(roster.KEYED)
    assert page.index('name="current_password"') < page.index('name="secret"')


def test_key_is_saved_with_the_password_beside_it(cast, client, provider_double):
    old_sign_in(cast, client)
    fields = {"secret": PASTED, "current_password": cast.password}
    assert client.post(PAGE + "keys/openai/", fields).url == PAGE
    assert stored(cast) == 1
    # The sign-in counts as new now.
    assert 'name="current_password"' not in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("guess", "That is not your password. Nothing was saved"),
        (None, "You signed in a while ago: type your password here"),
    ],
)
def test_key_is_not_saved_without_the_right_password(cast, client, password, told):
    old_sign_in(cast, client)
    page = client.post(
        PAGE + "keys/openai/", {"secret": PASTED} | ({"current_password": password} if password else {})
    )
    shown = page.content.decode()
    assert told in shown
    assert PASTED not in shown
    assert "guess" not in shown
    assert stored(cast) == 0
    assert PASTED not in str(dict(client.session))


def test_form_is_checked_before_the_password(cast, client):
    old_sign_in(cast, client)
    page = client.post(
        PAGE + "keys/openai/", {"secret": "nonsense", "current_password": cast.password}
    ).content.decode()
    assert "does not look like" in page
    assert 'name="current_password"' in page


def test_passwords_beside_a_key_are_counted_as_those_of_sign_in(cast, client):
    old_sign_in(cast, client)
    guess = {"secret": PASTED, "current_password": "guess"}
    assert [client.post(PAGE + "keys/openai/", guess).status_code for _ in range(11)] == [200] * 10 + [429]


def test_somebody_without_a_password_confirms_on_another_page(cast, client):
    cast.adam.set_unusable_password()
    cast.adam.save()
    client.force_login(cast.adam)
    User.objects.update(last_login="2026-01-01T00:00:00Z")
    page = client.get(PAGE).content.decode()
    assert 'name="current_password"' not in page
    assert "Confirm that it is you" in page
