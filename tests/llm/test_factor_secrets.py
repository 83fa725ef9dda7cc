"""The secrets of second factors: sealed for one person, moved with the KEK, and never a dead end when they do not open."""

import secrets
import time
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client

from llm import factor_secrets, ring, rotation, vault
from tests.factories import PASSWORD, browser_of, make_user
from workspaces import second_factors
from workspaces.errors import FactorUnreadable
from workspaces.models import User

pytestmark = pytest.mark.django_db
OLD, NEW = ("k1", secrets.token_bytes(32)), ("k2", secrets.token_bytes(32))
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODE = "/accounts/second-factor/authenticate/"
INDEX = "/accounts/second-factor/"


@pytest.fixture(autouse=True)
def one_kek(settings: Any) -> None:
    settings.VAULT_KEYS = [OLD]


def with_factors(user: User) -> User:
    with second_factors.belonging_to(user):
        TOTP.activate(user, SECRET)
        RecoveryCodes.activate(user)
    return user


def codes_of(user: User) -> list[str]:
    with second_factors.belonging_to(user):
        return list(Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes())


def app_code() -> str:
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))


def signed_in_with(user: User, code: str) -> bool:
    browser = Client()
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    browser.post(CODE, {"code": code})
    return bool(browser.get("/").status_code == 200)


def run(command: str) -> str:
    out = StringIO()
    call_command(command, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_database_holds_neither_secret_in_clear() -> None:
    stored = str(
        list(Authenticator.objects.filter(user=with_factors(make_user())).values_list("data", flat=True))
    )

    assert SECRET not in stored
    assert stored.count("sealed1:k1:") == 2


def test_sealed_app_and_recovery_code_sign_in() -> None:
    olivia = with_factors(make_user())

    assert signed_in_with(olivia, app_code())
    assert signed_in_with(olivia, codes_of(olivia)[0])
    assert len(codes_of(olivia)) == 9


def test_app_set_up_on_its_page_is_sealed_and_signs_in() -> None:
    olivia = make_user()
    browser = Client()
    browser.post("/accounts/login/", {"login": olivia.email, "password": PASSWORD})
    page = browser.get(f"{INDEX}totp/activate/")
    secret = page.context["form"].secret
    assert secret not in str(dict(browser.session))
    wrong = browser.post(f"{INDEX}totp/activate/", {"code": "no"})
    assert wrong.context["form"].secret == secret
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    browser.post(f"{INDEX}totp/activate/", {"code": code})

    assert factor_secrets.unseal(Authenticator.objects.get(type="totp").data["secret"], olivia.pk) == secret
    assert browser.get(f"{INDEX}recovery-codes/").status_code == 200


def test_secret_moved_to_somebody_else_does_not_open() -> None:
    """Whoever writes to the database cannot give another person's account their own app."""
    olivia, gina = with_factors(make_user()), with_factors(make_user())
    of_gina = Authenticator.objects.get(user=gina, type="totp").data
    Authenticator.objects.filter(user=olivia, type="totp").update(data=of_gina)

    assert not signed_in_with(olivia, app_code())
    with second_factors.belonging_to(olivia), pytest.raises(FactorUnreadable):
        Authenticator.objects.get(user=olivia, type="totp").wrap().validate_code(app_code())


def test_secret_in_clear_does_not_open() -> None:
    olivia = with_factors(make_user())
    Authenticator.objects.filter(user=olivia, type="totp").update(data={"secret": SECRET})

    assert not signed_in_with(olivia, app_code())


@pytest.mark.parametrize(
    "text", ["", "sealed1:k1:a:b", "sealed1:k1:!:!:!", "sealed2:k1:a:b:c", "sealed1::::"]
)
def test_damaged_secret_is_unreadable(text: str) -> None:
    with pytest.raises(vault.VaultError):
        factor_secrets.unseal(text, 1)


def test_nobody_at_hand_is_no_somebody() -> None:
    with pytest.raises(LookupError):
        second_factors.at_hand()


# --- The KEK changes -------------------------------------------------------------------------------


def test_rewrap_moves_them_and_their_codes_go_on(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    olivia = with_factors(make_user())
    codes = codes_of(olivia)
    settings.VAULT_KEYS = [NEW, OLD]
    assert (rotation.left(), ring.rows_per_kek()) == (2, {"k2": 0, "k1": 2})
    with monkeypatch.context() as patch:
        patch.setattr(vault, "unseal", lambda *args, **kwargs: pytest.fail("opened"))
        assert "2 rows moved to k2." in run("vault_rewrap")
    settings.VAULT_KEYS = [NEW]

    assert (rotation.left(), ring.rows_per_kek()) == (0, {"k2": 2})
    assert codes_of(olivia) == codes
    assert signed_in_with(olivia, app_code())


def test_row_that_changes_meanwhile_is_left() -> None:
    with_factors(make_user())
    row = Authenticator.objects.get(type="totp")
    Authenticator.objects.filter(pk=row.pk).update(data={"secret": "another"})

    assert factor_secrets.move(row, "sealed") is False
    assert Authenticator.objects.get(pk=row.pk).data == {"secret": "another"}


def test_use_of_a_code_survives_the_move(settings: Any) -> None:
    olivia = with_factors(make_user())
    signed_in_with(olivia, codes_of(olivia)[3])
    settings.VAULT_KEYS = [NEW, OLD]
    run("vault_rewrap")

    assert len(codes_of(olivia)) == 9


def test_what_an_older_version_stored_in_clear_is_sealed_by_the_rewrap() -> None:
    """Its process may have run on beside the migration."""
    olivia = make_user()
    Authenticator.objects.create(user=olivia, type="totp", data={"secret": SECRET})
    run("vault_rewrap")

    assert signed_in_with(olivia, app_code())


def test_ring_that_lacks_the_kek_is_told(settings: Any) -> None:
    with_factors(make_user())
    settings.VAULT_KEYS = [NEW]

    assert ring.problems() == ["VAULT_KEYS lacks 'k1', under which 2 stored secrets are sealed."]
    with pytest.raises(CommandError, match=r"second factor  totp: does not open"):
        run("vault_check")


def test_migration_seals_what_was_there_and_opens_it_again_on_the_way_back() -> None:
    olivia = make_user()
    Authenticator.objects.create(user=olivia, type="totp", data={"secret": SECRET})
    Authenticator.objects.create(user=olivia, type="recovery_codes", data={"seed": "ab" * 40, "used_mask": 4})
    passkey = Authenticator.objects.create(user=olivia, type="webauthn", data={"name": "Passkey 1"})
    migration = import_module("llm.migrations.0010_seal_second_factors")
    migration.seal(apps, None)
    migration.seal(apps, None)

    assert len(codes_of(olivia)) == 9
    assert signed_in_with(olivia, app_code())
    migration.unseal(apps, None)
    passkey.refresh_from_db()
    assert Authenticator.objects.get(type="totp").data == {"secret": SECRET}
    assert Authenticator.objects.get(type="recovery_codes").data == {"seed": "ab" * 40, "used_mask": 4}
    assert passkey.data == {"name": "Passkey 1"}


# --- When they do not open -------------------------------------------------------------------------


def test_sign_in_says_that_codes_cannot_be_checked(settings: Any) -> None:
    olivia = with_factors(make_user())
    settings.VAULT_KEYS = [NEW]
    browser = Client()
    browser.post("/accounts/login/", {"login": olivia.email, "password": PASSWORD})
    answer = browser.post(CODE, {"code": app_code()})

    assert answer.status_code == 200
    assert "Codes cannot be checked at the moment, which is our fault." in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["", "recovery-codes/", "recovery-codes/download/", "recovery-codes/generate/"]
)
def test_pages_of_second_factors_say_so_too(settings: Any, path: str) -> None:
    browser = browser_of(with_factors(make_user()))
    settings.VAULT_KEYS = [NEW]
    answer = browser.get(INDEX + path, follow=True)

    assert answer.status_code == 200
    assert "which is our fault" in answer.content.decode()


def test_set_up_that_cannot_be_sealed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*args: Any, **kwargs: Any) -> None:
        raise vault.VaultUnavailable

    browser = browser_of(make_user())
    monkeypatch.setattr(vault, "Envelope", unavailable)
    answer = browser.get(f"{INDEX}totp/activate/", follow=True)

    assert answer.redirect_chain == [(INDEX, 302)]
    assert "which is our fault" in answer.content.decode()
