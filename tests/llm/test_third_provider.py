"""A third provider is one screen of code and an entry in the roster: an imaginary one, asked over HTTP."""

import ast
import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from bookbag.server import stand_in
from llm import eligibility, lifecycle, listing, profiles, shape
from llm.gateway import Completion
from llm.models import KEYED_PROVIDERS, Provider
from llm.profiles import Parameters
from llm.providers import roster
from llm.providers.base import Fault, Finish, Message, MessageRole, ProviderError
from llm.vault import Secret
from tests.llm import third_provider
from tests.llm.parrot import ACCEPTED, ErrorAnswer, Parrot, events, listening, refusal
from tests.test_imports import modules


@pytest.fixture
def parrot(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parrot]:
    """Registered as CONTRIBUTING.md says, and listening on a loopback address."""
    monkeypatch.setattr(roster, "KEYED", (*roster.KEYED, third_provider.PARROT))
    with listening() as double:
        settings.PROVIDER_BASE_URLS = settings.PROVIDER_BASE_URLS | {"parrot": double.url}
        yield double


def completion() -> Completion:
    return Completion(
        provider="parrot",
        model_id="parrot-grey",
        messages=[Message(MessageRole.SYSTEM, "Be kind."), Message(MessageRole.USER, "Hello")],
        parameters=Parameters(max_output_tokens=100),
        secret=Secret(ACCEPTED),
    )


def read(one: Completion) -> str:
    async def run() -> str:
        try:
            return "".join([piece async for piece in one.text()])
        finally:
            await one.twin.client(one.call.base_url).close()

    return asyncio.run(run())


def test_twin_and_roster_entry_fit_on_one_screen() -> None:
    assert len(Path(third_provider.__file__).read_text(encoding="utf-8").splitlines()) <= 75


def test_a_reply_is_streamed_and_counted(parrot: Parrot) -> None:
    parrot.answers = [events({"say": "Hello, "}, {"say": "hello."}, {"end": "done", "heard": 7, "said": 2})]
    one = completion()

    assert read(one) == "Hello, hello."
    assert (one.metadata.finish, one.metadata.input_tokens, one.metadata.output_tokens) == (Finish.STOP, 7, 2)
    assert parrot.asked == [
        {"bird": "parrot-grey", "heard": ["system: Be kind.", "user: Hello"], "squawk": "low", "most": 100}
    ]


def test_what_is_refused_for_now_is_asked_again(parrot: Parrot) -> None:
    parrot.answers = [
        refusal(429, "too_fast"),
        events({"say": "Yes."}, {"end": "done", "heard": 1, "said": 1}),
    ]
    one = completion()

    assert (read(one), one.attempts) == ("Yes.", 2)


def test_a_parameter_that_is_refused_is_left_out_and_learnt(parrot: Parrot) -> None:
    parrot.answers = [
        refusal(400, "bad_request", "unsupported parameter: 'squawk'"),
        events({"say": "Yes."}, {"end": "done", "heard": 1, "said": 1}),
    ]
    one = completion()

    assert (read(one), one.learnt) == ("Yes.", ["squawk"])
    assert "squawk" not in parrot.asked[1]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (refusal(400, "no_seeds"), Fault.NO_FUNDS),
        (refusal(400, "bad_request", "That is rude."), Fault.DECLINED),
        (refusal(403, "something_new"), Fault.NOT_ALLOWED),
        (refusal(404, "something_new"), Fault.MODEL_MISSING),
        ((401, "text/html", b"<html>Sign in</html>"), Fault.NOT_THE_PROVIDER),
        ((401, "application/json", b'{"message": "Sign in"}'), Fault.NOT_THE_PROVIDER),
        (events({"say": "Hel"}), Fault.BROKEN_STREAM),
        (events({"say": "Hel"}, {"bird": "parrot", "message": "rude"}), Fault.DECLINED),
    ],
)
def test_its_errors_are_faults_of_ours(parrot: Parrot, answer: ErrorAnswer, fault: Fault) -> None:
    parrot.answers = [answer]

    with pytest.raises(ProviderError) as raised:
        read(completion())

    assert raised.value.fault is fault


@pytest.mark.django_db(transaction=True)
def test_its_keys_are_checked(parrot: Parrot) -> None:
    accepted = listing.ask("parrot", Secret(ACCEPTED))
    rejected = listing.ask("parrot", Secret("prt-live-another0another0"))

    assert (accepted.health, rejected.health) == ("valid", "rejected")
    assert [(one.model_id, one.listed.context_tokens) for one in accepted.models] == [
        ("parrot-grey", 9_000),
        ("parrot-green", None),
    ]


def test_its_keys_and_models_are_known(parrot: Parrot) -> None:
    assert shape.problem(ACCEPTED, "parrot") is None
    assert "begins like one of Parrot" in str(shape.problem(ACCEPTED, "openai"))
    assert shape.mask_parts(ACCEPTED, "parrot") == ("prt-", "2mN4")
    assert shape.may_be_secret(ACCEPTED)
    assert roster.labels("or").endswith(" or Parrot")
    assert lifecycle.name_of("parrot-grey-2-5-20261103") == "Parrot Grey 2.5"
    assert profiles.resolve("parrot", "parrot-grey") == profiles.CAREFUL


@pytest.mark.parametrize(
    ("prefix", "refused_at_openai"), [("", "one begins with sk-."), ("sk-", None)], ids=["none", "openai's"]
)
def test_keys_may_have_no_prefix_or_another_providers(
    monkeypatch: pytest.MonkeyPatch, prefix: str, refused_at_openai: str | None
) -> None:
    mynah = replace(
        third_provider.PARROT, name="mynah", label="Mynah", key_prefix=prefix, new_key_prefix=prefix
    )
    monkeypatch.setattr(roster, "KEYED", (*roster.KEYED, mynah))
    text = f"{prefix}aB3dE5fG7hJ9kL2mN4pQ6rS8"

    assert shape.problem(text, "mynah") is None
    assert str(shape.problem(text, "openai")).endswith(str(refused_at_openai))
    assert not shape.may_be_secret("a plain sentence of some length")
    assert "one of Anthropic" in str(shape.problem("sk-ant-api03-aB3dE5fG7hJ9kL2mN4", "mynah"))
    assert str(shape.problem(f"Bearer {text}", "mynah")).startswith(
        "This does not look like a Mynah key: it was"
    )
    assert "begins with ." not in str(shape.problem("https://mynah.example", "mynah"))


def test_stand_in_is_told_which_of_two_providers_with_the_same_paths_is_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mynah = replace(third_provider.PARROT, name="mynah", base_url="https://api.mynah.example/v1")
    monkeypatch.setattr(roster, "KEYED", (roster.OPENAI, mynah))

    assert stand_in.addresses("http://127.0.0.1:8010") == {
        "openai": "http://127.0.0.1:8010/openai/v1",
        "mynah": "http://127.0.0.1:8010/mynah/v1",
    }


def test_labels_in_a_sentence_have_their_article() -> None:
    assert [roster.with_article(one) for one in ("OpenAI", "Anthropic", "Mynah")] == [
        "an OpenAI",
        "an Anthropic",
        "a Mynah",
    ]


def named_in(tree: ast.Module) -> list[int]:
    """Lines on which a text is just a provider's name."""
    names = {one.name for one in roster.KEYED} | {one.label for one in roster.KEYED}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [text.lineno for text in texts if text.value in names]


def test_only_the_roster_names_providers() -> None:
    product = modules("agents", "billing", "bookbag", "llm", "workspaces")

    assert {path for path, tree in product if named_in(tree)} == {"llm/providers/roster.py"}


def test_every_provider_of_the_roster_can_be_stored_and_no_other() -> None:
    assert [one.name for one in roster.KEYED] == list(KEYED_PROVIDERS)
    assert set(Provider.values) == {*KEYED_PROVIDERS, Provider.LOCAL}
    assert list(eligibility.MAKERS) == list(KEYED_PROVIDERS)
