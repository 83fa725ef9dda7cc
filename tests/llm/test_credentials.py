"""What is pasted in place of a provider key: each sort is named, and none is sent anywhere."""

import pytest

from bookbag.management.commands.quickstart import Command
from llm import keys, shape
from llm.forms import CustomModelForm, PlatformKeyForm, ProviderKeyForm
from llm.models import Provider
from llm.vault import Secret
from tests.harness.cast import Cast
from tests.harness.chat import PROVIDERS, each_provider
from tests.provider_double.client import Double

BODY = "Zk3QpL8vXw2NrT6yBmH9cJ4dZk3QpL8vXw2NrT6yBmH9cJ4d"
# What runs replies, by provider.
REAL = [
    ("openai", f"sk-proj-{BODY}"),
    ("openai", f"sk-svcacct-{BODY}"),
    ("openai", f"sk-None-{BODY}"),
    ("openai", f"sk-{BODY}"),
    ("openai", f"sk-proj-A_b-{BODY}_-{BODY}"),
    ("anthropic", f"sk-ant-api03-{BODY}-{BODY}AA"),
]
# A credential's beginning, and a word of what it is called.
OTHERS = [
    ("sk-admin-", "admin key of an OpenAI organisation"),
    ("sk-ant-admin01-", "admin key of an Anthropic organisation"),
    ("sk-ant-admin02-", "admin key of an Anthropic organisation"),
    ("sk-ant-oat01-", "sign-in token of a Claude subscription"),
    ("sk-ant-ort01-", "sign-in token of a Claude subscription"),
    ("sk-ant-sid01-", "sign-in token of a Claude subscription"),
    ("sk-ant-sid02-", "sign-in token of a Claude subscription"),
    ("sess-", "OpenAI's website"),
    ("sk-or-v1-", "OpenRouter"),
    ("sk-lf-", "Langfuse"),
    ("sk-kimi-", "Moonshot"),
    ("sk-litellm-", "LiteLLM"),
    ("sk_live_", "Stripe"),
    ("sk_", "another maker"),
    ("gsk_", "Groq"),
    ("AIzaSy", "Google"),
    ("xai-", "xAI"),
    ("hf_", "Hugging Face"),
    ("pplx-", "Perplexity"),
    ("r8_", "Replicate"),
    ("csk-", "Cerebras"),
    ("nvapi-", "NVIDIA"),
    ("AKIA", "Amazon Web Services"),
    ("ABSK", "Amazon Web Services"),
    ("ghp_", "GitHub"),
    ("github_pat_", "GitHub"),
    ("glpat-", "GitLab"),
    ("eyJ", "JWT"),
]
# What a key is copied with, and what is said of it.
AROUND = [
    ("Bearer {}", "the word Bearer"),
    ("bearer  {}", "the word Bearer"),
    ("Authorization: Bearer {}", "the word Bearer"),
    ("OPENAI_API_KEY={}", "the name of its setting or header"),
    ('export ANTHROPIC_API_KEY="{}"', "the name of its setting or header"),
    ('$env:OPENAI_API_KEY = "{}"', "the name of its setting or header"),
    ("x-api-key: {}", "the name of its setting or header"),
    ('{{"api_key": "{}"}}', "a piece of JSON"),
    ('"{}"', "quotation marks"),
    ("'{}'", "quotation marks"),
    ("`{}`", "quotation marks"),
    ("<{}>", "angle brackets"),
]


@pytest.mark.parametrize(("provider", "text"), REAL, ids=[text[:14] for _, text in REAL])
def test_real_forms_are_taken(provider: str, text: str) -> None:
    assert shape.problem(text, provider) is None
    assert shape.runs_replies(text)


@each_provider
@pytest.mark.parametrize(("begins", "name"), OTHERS, ids=[begins for begins, _ in OTHERS])
def test_another_sort_is_named_without_a_character_of_it(provider: str, begins: str, name: str) -> None:
    form = ProviderKeyForm({"secret": begins + BODY}, provider=provider)
    [said] = form.errors["secret"]
    assert name in said
    assert f"Make an API key in your {Provider(provider).label} account" in said
    assert BODY[:6] not in str(form)


def test_an_admin_key_is_said_to_do_more_than_replies() -> None:
    assert "It can do far more than replies" in str(shape.problem(f"sk-admin-{BODY}", "openai"))


def test_a_subscriptions_token_is_said_to_be_forbidden_elsewhere() -> None:
    assert "Anthropic forbids those in other products" in str(
        shape.problem(f"sk-ant-oat01-{BODY}", "anthropic")
    )


@pytest.mark.parametrize(("around", "words"), AROUND, ids=[around for around, _ in AROUND])
@pytest.mark.parametrize(("provider", "text"), [REAL[0], REAL[-1]], ids=["openai", "anthropic"])
def test_what_stands_around_a_key_is_named(provider: str, text: str, around: str, words: str) -> None:
    problem = str(shape.problem(around.format(text), provider))
    assert words in problem
    assert problem.endswith("Paste the key alone.")


def test_another_sort_is_named_whatever_stands_around_it() -> None:
    assert "admin key" in str(shape.problem(f"OPENAI_API_KEY=sk-admin-{BODY}", "openai"))


@pytest.mark.parametrize("begins", [begins for begins, _ in OTHERS])
def test_operators_are_told_the_same(begins: str) -> None:
    form = PlatformKeyForm({"provider": "openai", "secret": begins + BODY})
    assert not form.is_valid()
    assert "Make an API key" in form.errors["secret"][0]


@pytest.mark.parametrize("begins", [begins for begins, _ in OTHERS])
def test_no_door_sends_or_stores_another_sort(cast: Cast, provider_double: Double, begins: str) -> None:
    for provider in PROVIDERS:
        with pytest.raises(keys.SecretUnfit):
            keys.enter(cast.acme, provider=provider, secret=Secret(begins + BODY), by=cast.adam)
        with pytest.raises(keys.SecretUnfit):
            keys.replace(cast.acme, provider=provider, secret=Secret(begins + BODY), by=cast.adam)
    assert provider_double.calls() == []
    assert not keys.held_by(cast.acme).exists()


@pytest.mark.django_db
def test_the_first_start_takes_none_from_the_environment(provider_double: Double) -> None:
    said = Command()._import(Provider.OPENAI, "OPENAI_API_KEY", f"sk-admin-{BODY}")
    assert said.startswith("OPENAI_API_KEY was not taken. This is an admin key of an OpenAI organisation.")
    assert BODY[:6] not in said
    assert provider_double.calls() == []


@pytest.mark.parametrize("begins", [begins for begins, _ in OTHERS])
@pytest.mark.parametrize("around", ["{}", "  {} ", "Bearer {}", "KEY={}"])
def test_another_sort_in_the_place_of_a_model_is_not_taken(begins: str, around: str) -> None:
    text = around.format(begins + BODY)
    form = CustomModelForm({"provider": "openai", "model_id": "gpt-4.1", "name": text})
    assert not form.is_valid()
    assert BODY[:6] not in str(form)


@pytest.mark.parametrize(
    "name",
    ["gpt-4.1-mini", "xai-grok-4-fast-reasoning", "ft:gpt-4o:acme::9Xk2", "pa-model", "org-chart helper"],
)
def test_names_of_models_are_no_secrets(name: str) -> None:
    assert not shape.may_be_secret(name)
