"""The operators' pages about language models: masks and prices, never a secret."""

import datetime as dt
import re
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.serializers import serialize
from django.urls import reverse

from llm import keys, listing
from llm.models import ChatModel, KekRecord, LLMSettings, PlatformKey, ProviderKey
from llm.profiles import ListedProfile
from llm.providers.base import Listing
from llm.vault import Secret
from tests.llm.rows import the_key
from workspaces.models import AuditEvent

PASTED = "sk-proj-OpErAtOrXQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5"
ADD = "/admin/llm/platformkey/add/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def oscar(cast, client):
    client.force_login(cast.oscar)
    return client


def put(cast, plaintext=PASTED):
    return keys.replace(None, provider="openai", secret=Secret(plaintext), by=cast.oscar)


def holds_a_piece(text: str) -> bool:
    return any(PASTED[i : i + 9] in text for i in range(len(PASTED) - 8))


def test_an_operator_enters_a_platform_key_and_sees_its_mask(cast, oscar, provider_double):
    page = oscar.post(ADD, {"provider": "openai", "secret": f" {PASTED} "}, follow=True)
    body = page.content.decode()
    assert ("sk-…3hG5" in body, holds_a_piece(body)) == (True, False)
    row = the_key(None)
    assert (row.health, keys.open_row(row, purpose="test").reveal()) == ("valid", PASTED)


def test_the_entry_is_logged_and_audited_by_mask(cast, oscar, provider_double):
    oscar.post(ADD, {"provider": "openai", "secret": PASTED})
    entry = LogEntry.objects.get()
    assert "sk-…3hG5" in entry.get_change_message()
    assert AuditEvent.objects.get(action="provider_key.added", workspace=None).actor == cast.oscar
    everything = serialize(
        "json", [*LogEntry.objects.all(), *AuditEvent.objects.all(), *ProviderKey.objects.all()]
    )
    assert not holds_a_piece(everything)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "sk-…3hG5",
        f"{PASTED} {PASTED}",
        "sk-ant-OpErAtOrXQ7vJ2mNw8ZrT4pLc",
        "sk-bad-OpErAtOrXQ7vJ2mNw8ZrT4pLc",
    ],
)
def test_an_unfit_or_rejected_key_comes_back_without_its_text(oscar, provider_double, secret):
    body = oscar.post(ADD, {"provider": "openai", "secret": secret}).content.decode()
    assert (holds_a_piece(body), "OpErAtOr" in body, "errornote" in body) == (False, False, True)
    assert keys.active(None, "openai") is None


def test_a_secret_in_the_address_is_not_shown(oscar):
    assert "OpErAtOr" not in oscar.get(ADD, {"secret": PASTED}).content.decode()


def test_no_page_of_the_admin_shows_a_sealed_byte(cast, oscar):
    row = put(cast)
    row.refresh_from_db()
    pages = [
        oscar.get(reverse(f"admin:llm_{name}_changelist")).content.decode()
        for name in ("platformkey", "chatmodel", "llmsettings", "kekrecord")
    ]
    pages += [oscar.get(reverse("admin:llm_platformkey_change", args=[row.pk])).content.decode()]
    pages += [oscar.get(reverse("admin:llm_platformkey_history", args=[row.pk])).content.decode()]
    shown = "".join(pages)
    assert "sk-…3hG5" in shown
    for sealed in (row.ciphertext, row.wrapped_dek, row.nonce):
        assert not re.search(re.escape(str(bytes(sealed))[2:20]), shown)
    for word in ("wrapped", "nonce", "ciphertext", "proof"):
        assert word not in shown.lower()


def test_keys_of_workspaces_are_not_in_the_admin(cast, oscar):
    theirs = the_key(cast.globex)
    assert "sk-…WtCq" not in oscar.get(reverse("admin:llm_platformkey_changelist")).content.decode()
    assert oscar.get(reverse("admin:llm_platformkey_change", args=[theirs.pk])).status_code == 302
    for act in ("verify", "delete", "restore"):
        assert oscar.post(f"/admin/llm/platformkey/{theirs.pk}/acts/{act}/").status_code == 404


def test_a_platform_key_is_verified_restored_and_deleted(cast, oscar, provider_double):
    first, second = put(cast), put(cast, "sk-" + "n" * 30)
    for row, act, state in (
        (second, "verify", "active"),
        (first, "restore", "active"),
        (first, "delete", "deleted"),
    ):
        assert oscar.get(f"/admin/llm/platformkey/{row.pk}/acts/{act}/").status_code == 200
        assert oscar.post(f"/admin/llm/platformkey/{row.pk}/acts/{act}/").status_code == 302
        row.refresh_from_db()
        assert row.state == state
    assert not first.kek_id
    assert [event.action for event in AuditEvent.objects.filter(workspace=None, action__startswith="prov").order_by("id")][2:] == [
        "provider_key.verified", "provider_key.restored", "provider_key.deleted",
    ]  # fmt: skip


@pytest.mark.parametrize("act", ["delete", "verify", "nonsense"])
def test_an_act_that_does_not_suit_the_key_is_refused(cast, oscar, act):
    first, _ = put(cast), put(cast, "sk-" + "n" * 30)
    assert oscar.post(f"/admin/llm/platformkey/{first.pk}/acts/{act}/").status_code in (403, 404)


def test_a_row_cannot_be_edited_or_removed_by_the_admins_own_means(cast, oscar):
    row = put(cast)
    change = reverse("admin:llm_platformkey_change", args=[row.pk])
    assert oscar.post(change, {"state": "deleted", "prefix": "x"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    oscar.post(reverse("admin:llm_platformkey_changelist"), bulk)
    assert PlatformKey.objects.get().state == "active"


def test_staff_without_the_permission_may_look_at_most(cast, client):
    row = put(cast)
    cast.edith.is_staff = True
    cast.edith.save()
    cast.edith.user_permissions.set(Permission.objects.filter(codename="view_platformkey"))
    client.force_login(cast.edith)
    assert client.get(reverse("admin:llm_platformkey_change", args=[row.pk])).status_code == 200
    assert client.post(ADD, {"provider": "openai", "secret": PASTED}).status_code == 403
    assert client.post(f"/admin/llm/platformkey/{row.pk}/acts/delete/").status_code == 403


@pytest.mark.parametrize("person", ["adam", "olivia", "stranger"])
def test_to_anyone_else_there_is_no_such_page(cast, client, person):
    client.force_login(getattr(cast, person))
    assert client.get(ADD).status_code == 404


def test_a_stale_sign_in_is_asked_for_the_password(cast, client):
    client.post(reverse("account_login"), {"login": cast.oscar.email, "password": cast.password})
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - 1000}]
    session.save()
    answer = client.post(ADD, {"provider": "openai", "secret": PASTED})
    assert answer.url.startswith(reverse("account_reauthenticate"))
    assert "OpErAtOr" not in str(dict(client.session))


# --- The catalogue -----------------------------------------------------------------------------


def fields_of(model: ChatModel, **changes: object) -> dict[str, object]:
    names = [
        "name",
        "provider",
        "model_id",
        "price",
        "input_price",
        "cached_input_price",
        "output_price",
        "long_prompt_tokens",
        "long_prompt_factor",
        "context_tokens",
        "output_limit",
        "shuts_down_on",
        "replaced_by",
        "note",
        "position",
    ]
    values = {name: getattr(model, name) for name in names}
    return {
        name: "" if value is None else value for name, value in (values | {"enabled": "on"} | changes).items()
    }


def test_the_catalogue_begins_with_the_products_models():
    assert list(ChatModel.objects.filter(workspace=None).values_list("name", "model_id", "price")) == [
        ("Bookbag Local", "", 1),
        ("GPT-6 Luna", "gpt-6-luna", 1),
        ("Claude Haiku 5.5", "claude-haiku-5-5", 1),
        ("GPT-4o mini", "gpt-4o-mini", 1),
        ("GPT-6.1 Terra", "gpt-6.1-terra", 2),
        ("Claude Haiku 4.5", "claude-haiku-4-5-20251001", 2),
        ("Claude Sonnet 5.5", "claude-sonnet-5-5", 4),
        ("Claude Sonnet 4.6", "claude-sonnet-4-6", 4),
        ("GPT-4o", "gpt-4o", 5),
    ]


def test_a_price_is_changed_and_audited(oscar):
    model = ChatModel.objects.get(model_id="gpt-4o")
    oscar.post(reverse("admin:llm_chatmodel_change", args=[model.pk]), fields_of(model, price=7))
    model.refresh_from_db()
    event = AuditEvent.objects.get(action="chat_model.edited")
    assert (model.price, event.data) == (7, {"chat_model": "GPT-4o", "changes": {"price": [5, 7]}})


def test_an_operators_own_word_is_kept_and_audited(oscar):
    model = ChatModel.objects.get(model_id="gpt-6-luna")
    own = {
        "takes_temperature": "false", "efforts": ["high", "none"], "output_limit": 50_000, "cached_input_price": 9_000,
        "long_prompt_tokens": 200_000, "long_prompt_factor": 2, "shuts_down_on": "2028-05-01", "replaced_by": "gpt-7",
    }  # fmt: skip
    oscar.post(reverse("admin:llm_chatmodel_change", args=[model.pk]), fields_of(model, **own))
    model.refresh_from_db()
    assert (model.takes_temperature, model.efforts, model.output_limit) == (False, "none high", 50_000)
    assert (model.cached_input_price, model.long_prompt_tokens, model.long_prompt_factor) == (
        9_000,
        200_000,
        2,
    )
    assert (str(model.shuts_down_on), model.replaced_by) == ("2028-05-01", "gpt-7")
    assert AuditEvent.objects.get(action="chat_model.edited").data["changes"]["efforts"] == ["", "none high"]

    page = oscar.get(reverse("admin:llm_chatmodel_change", args=[model.pk])).content.decode()
    assert page.count(" checked") == 3  # both levels, and enabled


@pytest.mark.usefixtures("last_days_as_published")
def test_the_catalogues_list_shows_each_last_day_as_the_account_tells_it(cast, oscar):
    days = {"gpt-4o": "14 Jan 2027", "gpt-6-luna": "-"}
    assert last_days(oscar).items() >= days.items()
    listed = Listing("gpt-6-luna", "", ListedProfile(shuts_down_on=dt.date(2028, 3, 9)))
    listing.store(put(cast), [listed])
    theirs = keys.replace(cast.globex, provider="openai", secret=Secret(PASTED), by=cast.gina)
    listing.store(theirs, [Listing("gpt-4o", "", ListedProfile(shuts_down_on=dt.date(2027, 9, 9)))])
    assert last_days(oscar).items() >= (days | {"gpt-6-luna": "9 Mar 2028"}).items()


def last_days(oscar) -> dict[str, str]:
    """The catalogue's list: the last day by model id."""
    page = oscar.get(reverse("admin:llm_chatmodel_changelist")).content.decode()
    return dict(re.findall(r'field-model_id">([^<]*)<.*?field-last_day[^>]*>([^<]*)<', page))


@pytest.mark.parametrize(
    "changes",
    [
        {"price": 0},
        {"price": -1},
        {"price": 10_001},
        {"model_id": "gpt-4o-mini"},
        {"model_id": "a b"},
        {"model_id": ""},
        {"replaced_by": "a b"},
        {"long_prompt_factor": 0},
        {"efforts": ["enormous"]},
    ],
)
def test_a_catalogue_row_that_cannot_be_is_refused_in_words(oscar, changes):
    model = ChatModel.objects.get(model_id="gpt-4o")
    page = oscar.post(reverse("admin:llm_chatmodel_change", args=[model.pk]), fields_of(model, **changes))
    assert (page.status_code, "errorlist" in page.content.decode()) == (200, True)
    assert ChatModel.objects.get(pk=model.pk).price == 5


def test_settings_and_keks_are_for_reading(cast, oscar):
    put(cast)
    row = LLMSettings.objects.create(workspace=cast.acme)
    kek = KekRecord.objects.get()
    for name, pk in (("llmsettings", row.pk), ("kekrecord", kek.pk)):
        url = reverse(f"admin:llm_{name}_change", args=[pk])
        assert (oscar.get(url).status_code, oscar.post(url, {"byo_enabled": "on"}).status_code) == (200, 403)
