"""The LLM settings page: saving, checking, deleting and restoring keys, and the banner about a rejected one."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from llm import byo, keys, vault
from llm.models import ProviderKey
from llm.providers import roster
from llm.providers.base import Fault
from tests.bookbag.llm_settings.page import PAGE, PASTED, Health, put, said
from tests.harness.cast import make_agent
from tests.llm.rows import the_key
from workspaces.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_a_card_says_at_which_address_its_key_is_checked_when_it_is_not_the_providers(adam, settings):
    own = {one.name: one.base_url for one in roster.KEYED}
    settings.PROVIDER_BASE_URLS = own
    assert "another address" not in adam.get(PAGE).content.decode()
    settings.PROVIDER_BASE_URLS = own | {"openai": "http://gateway.internal:4000/v1"}
    page = " ".join(adam.get(PAGE).content.decode().split())
    assert page.count("another address") == 1
    assert "another address than OpenAI's own" in page
    assert '<span class="mono">gateway.internal:4000</span>' in page


def test_a_pasted_key_is_saved_and_shown_as_a_mask(cast, adam, provider_double):
    page = adam.post(PAGE + "keys/openai/", {"secret": f"  {PASTED}\n"}, follow=True)
    assert page.redirect_chain == [(PAGE, 302)]
    assert said(page) == "OpenAI key sk-…3hG5 saved. OpenAI accepts it."
    text = page.content.decode()
    assert "sk-…3hG5" in text
    assert not any(PASTED[i : i + 9] in text for i in range(len(PASTED) - 9))
    assert keys.open_row(the_key(cast.acme), purpose="test").reveal() == PASTED


def test_a_saved_key_is_audited_with_person_and_address(cast, adam, provider_double):
    adam.post(PAGE + "keys/openai/", {"secret": PASTED}, REMOTE_ADDR="192.0.2.7")
    event = AuditEvent.objects.get(workspace=cast.acme, action="provider_key.added")
    assert (event.actor, event.address, event.data["after"]) == (cast.adam, "192.0.2.7", "sk-…3hG5")


@pytest.mark.parametrize(
    "text", ["", "sk-…3hG5", "sk-ant-api03-PaStEdKeYxQ7vJ2mNw8", f"{PASTED} {PASTED}", "x" * 10_000]
)
def test_an_unlikely_key_comes_back_as_an_error_without_its_text(cast, adam, text):
    page = adam.post(PAGE + "keys/openai/", {"secret": text})
    body = page.content.decode()
    assert page.status_code == 200
    assert 'id="openai_secret_error"' in body
    assert keys.active(cast.acme, "openai") is None
    assert "PaStEdKeY" not in body
    assert "xxxxxxxx" not in body


def test_a_rejected_key_can_be_kept_out(cast, adam, provider_double):
    before = put(cast)
    page = adam.post(PAGE + "keys/openai/", {"secret": "sk-bad-" + "a" * 30, "only_if_accepted": "on"})
    assert "OpenAI rejects this key, so it was not saved." in page.content.decode()
    assert keys.active(cast.acme, "openai") == before


def test_a_rejected_key_can_be_saved_anyway_and_is_marked(cast, adam, provider_double):
    page = adam.post(PAGE + "keys/openai/", {"secret": "sk-bad-" + "a" * 30}, follow=True)
    assert "OpenAI rejects it" in said(page)
    assert the_key(cast.acme).health == Health.REJECTED


def test_a_key_that_could_not_be_checked_is_saved_and_marked(cast, adam):
    page = adam.post(PAGE + "keys/openai/", {"secret": PASTED, "only_if_accepted": "on"}, follow=True)
    assert "could not be reached" in said(page)
    assert the_key(cast.acme).health == Health.UNREACHABLE


def test_a_wrong_kek_stops_the_saving_and_nothing_else(cast, adam, settings):
    put(cast)
    settings.VAULT_KEYS = [(settings.VAULT_KEYS[0][0], vault.new_kek())]
    page = adam.post(PAGE + "keys/openai/", {"secret": PASTED}, follow=True)
    assert (page.status_code, "nothing was changed" in said(page)) == (200, True)


def test_a_key_under_an_absent_kek_is_shown_as_unreadable(cast, adam, settings):
    put(cast)
    settings.VAULT_KEYS = [("another", vault.new_kek())]
    page = adam.get(PAGE).content.decode()
    assert 'health--unreadable">Unreadable' in page
    assert "Enter it again." in page


def test_verify_says_what_the_provider_says(cast, adam, provider_double):
    put(cast)
    provider_double.revoke(PASTED)
    page = adam.post(PAGE + "keys/openai/verify/", follow=True)
    assert said(page) == (
        "OpenAI key sk-…3hG5 checked. OpenAI rejects it: replies on it will fail. "
        "Replace it, or repair it in your OpenAI account and choose Verify."
    )
    assert 'health--rejected">Rejected' in page.content.decode()


def test_delete_says_what_will_stop_and_then_deletes(cast, adam):
    put(cast)
    make_agent(cast.acme, "gpt-4o", name="Night shift")
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    asked = adam.get(PAGE + "keys/openai/delete/").content.decode()
    assert "<li>Night shift</li>" in asked
    page = adam.post(PAGE + "keys/openai/delete/", follow=True)
    assert "sk-…3hG5 deleted" in said(page)
    assert keys.active(cast.acme, "openai") is None


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("delete", "no OpenAI key to delete"),
        ("verify", "no OpenAI key to verify"),
        ("restore", "no earlier OpenAI key"),
    ],
)
def test_an_act_without_a_key_says_so(adam, act, words):
    assert words in said(adam.post(f"{PAGE}keys/openai/{act}/", follow=True))


def test_the_key_before_is_restored_with_one_act(cast, adam):
    put(cast), put(cast, "sk-" + "n" * 30)
    assert "Restore sk-…3hG5" in adam.get(PAGE).content.decode()
    page = adam.post(PAGE + "keys/openai/restore/", follow=True)
    assert said(page) == "OpenAI key sk-…3hG5 is in use again."


def test_an_old_key_is_pointed_out(cast, adam, settings):
    settings.PROVIDER_KEY_MAX_AGE_DAYS = 90
    row = put(cast)
    ProviderKey.objects.filter(pk=row.pk).update(added_at=timezone.now() - timedelta(days=91))
    assert "This key is 91 days old." in adam.get(PAGE).content.decode()


def test_a_rejected_key_is_told_on_every_page_while_byo_is_on(cast, client, django_assert_max_num_queries):
    row = put(cast)
    keys.note_result(row.pk, fault=Fault.REJECTED)
    client.force_login(cast.victor)
    home = reverse("agents:list", args=["acme"])
    assert "rejects this workspace's key" not in client.get(home).content.decode()
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    page = client.get(home).content.decode()
    assert "OpenAI rejects this workspace's key." in page.replace("&#x27;", "'")
    assert PAGE not in page
    assert "sk-…" not in page


def test_the_banner_leads_admins_to_the_page(cast, adam):
    keys.note_result(put(cast).pk, fault=Fault.REJECTED)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    assert (
        f'<a href="{PAGE}">Replace the key</a>'
        in adam.get(reverse("agents:list", args=["acme"])).content.decode()
    )


def test_another_workspaces_broken_key_is_nobodys_business(cast, adam):
    byo.set_byo(cast.globex, enabled=True, by=cast.gina)
    keys.note_result(the_key(cast.globex).pk, fault=Fault.REJECTED)
    assert 'class="banner' not in adam.get(PAGE).content.decode()
