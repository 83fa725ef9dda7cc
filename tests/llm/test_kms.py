"""A KEK in AWS KMS: the real client against a small server that speaks KMS's API."""

import base64
import dataclasses
import secrets
import sys
import time
import traceback
import uuid

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.webauthn.internal import auth as webauthn
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from bookbag.settings import vault_ring
from llm import factor_secrets, keys, ring, rotation, vault
from llm.keksource import KmsKek
from llm.models import ProviderKey
from llm.vault import Binding, Secret
from tests.factories import browser_of, make_user
from tests.llm.kms_double import Kms, KmsError
from tests.llm.test_vault import flipped

pytest.importorskip("boto3", reason="the aws extra is not installed")

LOCAL = ("k1", secrets.token_bytes(32))
PLAINTEXT = "sk-proj-" + "KmSsEcReT" * 5
BINDING = Binding("provider_key", "7", "openai", "a-row")


@pytest.fixture
def kms(monkeypatch):
    with Kms() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


@pytest.fixture
def remote(kms, settings):
    """The ring with one KMS KEK, its ARN new for each test, since a ring is kept by its entries."""
    entry = ("aws1", f"arn:aws:kms:eu-west-1:123456789012:key/{uuid.uuid4()}")
    settings.VAULT_KEYS = [entry]
    return entry


def seal(binding=BINDING):
    return vault.seal(Secret(PLAINTEXT), binding=binding)


@pytest.mark.parametrize(
    ("text", "ring"),
    [
        (
            "aws1:arn:aws:kms:eu-west-1:123456789012:key/ab-12",
            [("aws1", "arn:aws:kms:eu-west-1:123456789012:key/ab-12")],
        ),
        (
            f"aws1:arn:aws-cn:kms:cn-north-1:123456789012:alias/books, k1:{base64.b64encode(LOCAL[1]).decode()}",
            [("aws1", "arn:aws-cn:kms:cn-north-1:123456789012:alias/books"), LOCAL],
        ),
    ],
)
def test_a_kms_kek_is_named_by_its_arn(text, ring):
    assert vault_ring(text) == ring


@pytest.mark.parametrize(
    "arn", ["arn:aws:s3:::bucket", "arn:aws:kms:eu-west-1:1:key/a", "arn:aws:kms:eu-west-1:123456789012:key/"]
)
def test_another_arn_stops_the_start(arn):
    with pytest.raises(ImproperlyConfigured, match="VAULT_KEYS: entry 1 is malformed"):
        vault_ring(f"aws1:{arn}")


def test_what_kms_wraps_opens_again(remote):
    sealed = seal()
    assert (sealed.kek_id, vault.unseal(sealed, binding=BINDING).reveal()) == ("aws1", PLAINTEXT)


def test_kms_is_given_the_binding_and_never_the_secret(kms, remote):
    vault.unseal(seal(), binding=BINDING)
    assert kms.operations() == ["Encrypt", "Decrypt"]
    for _, request in kms.calls:
        assert request["KeyId"] == remote[1]
        assert request["EncryptionContext"] == {
            "app": "bookbag", "purpose": "provider_key", "workspace": "7", "provider": "openai", "row": "a-row", "schema": "1",
        }  # fmt: skip
        assert "KmSsEcReT" not in str(request)
    assert len(base64.b64decode(kms.calls[0][1]["Plaintext"])) == 32


@pytest.mark.parametrize("part", ["purpose", "workspace", "provider", "row"])
def test_a_row_moved_elsewhere_is_refused_by_kms_itself(kms, remote, part):
    elsewhere = dataclasses.replace(BINDING, **{part: "other"})
    with pytest.raises(vault.SecretUnreadable):
        vault.unseal(seal(), binding=elsewhere)
    with pytest.raises(vault.SecretUnreadable):
        vault.rewrap(seal(), binding=elsewhere)


def test_bit_flips_of_the_wrapped_dek_are_refused(remote):
    # One in eleven, which reaches every byte's every place in turn: each costs a request.
    sealed = seal()
    opened = []
    for changed in list(flipped(sealed.wrapped_dek))[::11]:
        try:
            vault.unseal(dataclasses.replace(sealed, wrapped_dek=changed), binding=BINDING)
        except vault.SecretUnreadable:
            continue
        opened.append(changed)
    assert opened == []


@pytest.mark.parametrize("part", ["ciphertext", "nonce"])
def test_every_bit_flip_of_the_payload_is_refused(remote, part):
    sealed = seal()
    for changed in flipped(getattr(sealed, part)):
        with pytest.raises(vault.SecretUnreadable):
            vault.unseal(dataclasses.replace(sealed, **{part: changed}), binding=BINDING)


def test_an_opened_dek_is_remembered_for_a_while(kms, remote, monkeypatch):
    sealed = seal()
    for _ in range(5):
        vault.unseal(sealed, binding=BINDING)
    assert kms.operations() == ["Encrypt", "Decrypt"]
    monkeypatch.setattr(KmsKek, "DEK_SECONDS", -1.0)
    another = seal()
    for _ in range(2):
        vault.unseal(another, binding=BINDING)
    assert kms.operations()[2:] == ["Encrypt", "Decrypt", "Decrypt"]


def test_a_remembered_dek_is_not_given_to_another_row(kms, remote):
    sealed = seal()
    vault.unseal(sealed, binding=BINDING)
    with pytest.raises(vault.SecretUnreadable):
        vault.unseal(sealed, binding=dataclasses.replace(BINDING, workspace="8"))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 400),
        ("DisabledException", 400),
        ("NotFoundException", 400),
        ("KMSInternalException", 500),
    ],
)
def test_a_kms_that_does_not_serve_is_no_fault_of_the_row(kms, remote, code, status):
    sealed = seal()
    kms.fail_with = KmsError(code, status)
    with pytest.raises(vault.VaultUnavailable, match=code):
        vault.unseal(sealed, binding=BINDING)
    with pytest.raises(vault.VaultUnavailable, match=code):
        seal()


def test_a_kms_that_is_away_is_no_fault_of_the_row(settings, monkeypatch, kms, remote):
    sealed = seal()
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    settings.VAULT_KEYS = [remote, LOCAL]  # another ring, so another client
    with pytest.raises(vault.VaultUnavailable, match="was not reached"):
        vault.unseal(sealed, binding=BINDING)


def test_an_error_of_kms_carries_no_dek(kms, remote):
    kms.fail_with = KmsError("AccessDeniedException")
    try:
        seal()
    except vault.VaultUnavailable as error:
        told = "".join(traceback.format_exception(error)) + repr(error.__context__)
    assert kms.calls[0][1]["Plaintext"] not in told
    assert "KmSsEcReT" not in told


def test_without_the_extra_it_says_what_to_install(remote, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(vault.VaultUnavailable, match="uv sync --extra aws"):
        seal()


@pytest.mark.django_db
def test_keys_move_from_a_local_kek_to_kms_and_back(cast, settings, remote):
    settings.VAULT_KEYS = [LOCAL]
    ProviderKey.objects.all().delete()
    ring.KekRecord.objects.all().delete()
    row = keys.replace(cast.acme, provider="openai", secret=Secret(PLAINTEXT))
    for entries in ([remote, LOCAL], [LOCAL, remote]):
        settings.VAULT_KEYS = entries
        assert sum(batch.moved for batch in rotation.rewrap_all(10)) == 1
        settings.VAULT_KEYS = entries[:1]
        row.refresh_from_db()
        assert (row.kek_id, keys.open_row(row, purpose="test").reveal()) == (entries[0][0], PLAINTEXT)


@pytest.mark.django_db
def test_a_silent_kms_marks_no_key_unreadable(cast, kms, remote):
    ProviderKey.objects.all().delete()
    row = keys.replace(cast.acme, provider="openai", secret=Secret(PLAINTEXT))
    kms.fail_with = KmsError("AccessDeniedException")
    with pytest.raises(vault.VaultUnavailable):
        keys.verify(row)
    row.refresh_from_db()
    assert row.health == "unverified"


# --- Second factors --------------------------------------------------------------------------------

FACTORS = "/accounts/second-factor/"


@pytest.fixture
def asked_outside(remote, monkeypatch):
    """How often KMS was asked; never while a transaction is open, which would keep its locks until Amazon answers."""
    ask, asked = KmsKek._ask, []

    def watched(self, verb, **arguments):
        assert not connection.in_atomic_block, f"KMS is asked to {verb} inside a transaction"
        asked.append(verb)
        return ask(self, verb, **arguments)

    monkeypatch.setattr(KmsKek, "_ask", watched)
    return asked


def set_up_app(browser):
    secret = browser.get(f"{FACTORS}totp/activate/").context["form"].secret
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    return browser.post(f"{FACTORS}totp/activate/", {"code": code})


def add_passkey(browser, monkeypatch):
    """As a browser with an authenticator does, whose answer is taken unseen."""
    monkeypatch.setattr(webauthn, "parse_registration_response", lambda credential: None)
    monkeypatch.setattr(webauthn, "complete_registration", lambda credential: None)
    return browser.post(f"{FACTORS}webauthn/add/", {"name": "Laptop", "credential": '{"id": "1"}'})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["totp", "webauthn"])
def test_kms_is_asked_for_new_factors_before_any_transaction_begins(asked_outside, monkeypatch, kind):
    browser = browser_of(make_user())
    answer = set_up_app(browser) if kind == "totp" else add_passkey(browser, monkeypatch)
    assert answer["Location"] == f"{FACTORS}recovery-codes/"
    codes = browser.get(answer["Location"]).context["unused_codes"]
    assert browser.post(f"{FACTORS}recovery-codes/generate/")["Location"] == answer["Location"]
    renewed = browser.get(answer["Location"]).context["unused_codes"]

    assert (len(codes), len(renewed), set(codes) & set(renewed)) == (10, 10, set())
    assert "encrypt" in asked_outside
    assert sum(ring.rows_per_kek().values()) == (2 if kind == "totp" else 1)
    assert len({row.data.get("seed") or row.data.get("secret") for row in Authenticator.objects.all()}) == 2


@pytest.mark.django_db(transaction=True)
def test_no_factor_is_half_made_while_kms_does_not_serve(kms, remote, monkeypatch):
    browser = browser_of(make_user())
    kms.fail_with = KmsError("KMSInternalException", 500)
    answer = add_passkey(browser, monkeypatch)

    assert answer["Location"] == FACTORS
    assert "which is our fault" in browser.get(FACTORS).content.decode()
    assert not Authenticator.objects.exists()


@pytest.mark.django_db
def test_envelope_takes_one_secret_of_its_own_person(remote):
    """One that was made for somebody else is not used."""
    text = factor_secrets.seal(PLAINTEXT, 7, ahead=factor_secrets.envelope(8))

    assert factor_secrets.unseal(text, 7) == PLAINTEXT
    with pytest.raises(vault.SecretUnreadable):
        factor_secrets.unseal(text, 8)
