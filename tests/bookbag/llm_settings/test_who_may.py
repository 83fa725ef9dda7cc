"""The LLM settings page: who may see and change it, and what showing it takes."""

import pytest

from llm import byo, keys, vault
from llm.models import LLMSettings
from tests.bookbag.llm_settings.page import PAGE, PASTED, put, put_platform_keys
from tests.harness.cast import make_agent

pytestmark = pytest.mark.django_db

ACTS = ["", "keys/openai/", "keys/openai/delete/", "keys/openai/verify/", "keys/openai/restore/",
        "keys/openai/region/", "keys/openai/models/", "keys/openai/models/refresh/", "byo/", "models/",
        "models/00000000-0000-0000-0000-000000000001/remove/"]  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("person", "status"), [("edith", 403), ("victor", 403), ("gina", 404), ("stranger", 404), ("oscar", 404)]
)
def test_nobody_below_admin_sees_or_does_anything(cast, client, act, person, status):
    client.force_login(getattr(cast, person))
    for answer in (client.get(PAGE + act), client.post(PAGE + act, {"secret": PASTED, "byo_enabled": "on"})):
        assert answer.status_code in (status, 405)
    assert client.post(PAGE + act, {"secret": PASTED}).status_code == status or act in (
        "",
        "keys/openai/models/",
    )
    assert (keys.active(cast.acme, "openai"), LLMSettings.objects.filter(workspace=cast.acme).exists()) == (
        None,
        False,
    )


@pytest.mark.parametrize("act", ACTS)
def test_who_is_not_signed_in_is_sent_to_do_so(cast, client, act):
    answer = client.post(PAGE + act)
    assert answer.status_code in (302, 405)


@pytest.mark.parametrize("person", ["adam", "olivia"])
def test_admins_and_owners_see_the_page(cast, client, person):
    client.force_login(getattr(cast, person))
    assert client.get(PAGE).status_code == 200


@pytest.mark.parametrize(
    "act",
    ["keys/openai/", "keys/openai/verify/", "keys/openai/restore/", "keys/openai/region/", "byo/", "models/"],
)
def test_acts_are_posted(adam, act):
    assert adam.get(PAGE + act).status_code == 405


@pytest.mark.parametrize("provider", ["local", "parrot", "OPENAI", "openai2"])
def test_another_provider_is_no_page(adam, provider):
    assert adam.post(f"{PAGE}keys/{provider}/", {"secret": PASTED}).status_code == 404


def test_acts_need_the_token(cast):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.adam)
    assert client.post(PAGE + "keys/openai/", {"secret": PASTED}).status_code == 403


@pytest.mark.parametrize("agents", [1, 50])
def test_the_page_takes_at_most_12_queries(cast, adam, django_assert_max_num_queries, agents):
    for number in range(agents):
        make_agent(
            cast.acme, ["gpt-4o-mini", "gpt-4o", "", "claude-sonnet-4-6"][number % 4], name=f"Agent {number}"
        )
    put(cast), put(cast, PASTED + "2")
    put_platform_keys(cast)
    byo.add_model(cast.acme, provider="openai", model_id="o-custom", by=cast.adam)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    with django_assert_max_num_queries(12):
        page = adam.get(PAGE).content.decode()
    assert page.count("<tr") == agents + 1


def test_the_page_opens_no_key(cast, adam, monkeypatch):
    put(cast)
    monkeypatch.setattr(vault, "_unwrap", lambda *args: pytest.fail("opened"))
    assert "sk-…3hG5" in adam.get(PAGE).content.decode()
