"""The LLM settings page: custom models, and what the account behind a key offers."""

import pytest

from agents.models import Agent
from llm import byo
from llm.models import ChatModel
from tests.bookbag.llm_settings.page import PAGE, PASTED, put, said
from workspaces.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_a_custom_model_is_added_and_removed(cast, adam):
    page = adam.post(
        PAGE + "models/", {"provider": "openai", "model_id": "o-mini", "name": "Mini"}, follow=True
    )
    row = cast.acme.chat_models.get()
    assert (said(page), row.price) == ("Mini can be chosen for agents now.", 0)
    assert said(adam.post(f"{PAGE}models/{row.code}/remove/", follow=True)) == "Mini removed."
    events = AuditEvent.objects.filter(workspace=cast.acme, action__startswith="chat_model").order_by("id")
    assert [event.action for event in events] == ["chat_model.added", "chat_model.removed"]


@pytest.mark.parametrize(
    ("provider", "model_id", "words"),
    [
        ("openai", "gpt-6-luna", "in the catalogue already, as GPT-6 Luna"),
        ("local", "x", "custom_provider_error"),
        ("openai", "a b", "letters, digits"),
        ("openai", "x\r\ny", "letters, digits"),
        ("openai", "x" * 101, "at most 100"),
        ("openai", "", "required"),
    ],
)
def test_a_custom_model_that_cannot_be_is_refused(cast, adam, provider, model_id, words):
    page = adam.post(PAGE + "models/", {"provider": provider, "model_id": model_id})
    assert words in page.content.decode()
    assert cast.acme.chat_models.count() == 0


def test_a_custom_model_in_use_stays(cast, adam):
    custom = byo.add_model(cast.acme, provider="openai", model_id="o-custom", name="Ours", by=cast.adam)
    Agent.objects.create(workspace=cast.acme, name="Night shift", chat_model=custom)
    page = adam.post(f"{PAGE}models/{custom.code}/remove/", follow=True)
    assert "in use by Night shift" in said(page)
    assert cast.acme.chat_models.count() == 1


def test_another_workspaces_model_cannot_be_removed(cast, adam):
    theirs = byo.add_model(cast.globex, provider="openai", model_id="o-theirs", by=cast.gina)
    catalogue = ChatModel.objects.get(model_id="gpt-4o")
    for model in (theirs, catalogue):
        assert adam.post(f"{PAGE}models/{model.pk}/remove/").status_code == 404
    assert ChatModel.objects.filter(pk__in=[theirs.pk, catalogue.pk]).count() == 2


def test_the_accounts_models_are_fetched_with_the_key(cast, adam, provider_double):
    put(cast)
    provider_double.script("models", ids=["gpt-4o", "o-next"])
    page = adam.get(PAGE + "keys/openai/models/").content.decode()
    assert 'value="o-next"' in page
    assert 'value="gpt-4o"' not in page
    assert [call["secret"] for call in provider_double.calls()] == [PASTED]


def test_an_account_that_gives_no_list_is_said_plainly(cast, adam):
    put(cast)
    page = adam.get(PAGE + "keys/openai/models/").content.decode()
    assert "OpenAI could not be reached. There is no list; you can add a model by its id." in page
