"""Every request that a twin builds is one that the locked SDK knows: no parameter more, none of another type.

A parameter that an SDK drops fails here on the day of the bump, before a provider refuses it.
"""

import sys
import warnings
from collections.abc import Iterable
from itertools import product
from typing import Any

import anthropic
import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from llm.gateway import TWINS
from llm.profiles import EFFORTS, Parameters
from llm.providers import anthropic as anthropic_twin
from llm.providers.base import Call, Limits, Message, MessageRole
from llm.vault import Secret

PARAMS = {"openai": CompletionCreateParamsStreaming, "anthropic": MessageCreateParamsStreaming}
LONG = "Answer from the facts. " * 400
both = pytest.mark.parametrize("provider", list(PARAMS))


def strict(sdk: str, type_: Any) -> TypeAdapter[Any]:
    """An adapter of an SDK's type that forbids keys which the type, or a part of it, does not have."""
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{sdk}.types"):
            for part in vars(module).values():
                if is_typeddict(part):
                    part.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TypeAdapter(type_)


def validate(provider: str, body: dict[str, object]) -> None:
    """ValidationError unless the SDK's type takes the whole body."""
    read(STRICT[provider].validate_python(body, strict=True))


def read(validated: Any) -> None:
    # What the types call an Iterable is validated as it is read.
    if isinstance(validated, dict):
        for value in validated.values():
            read(value)
    elif isinstance(validated, Iterable) and not isinstance(validated, str):
        for value in validated:
            read(value)


STRICT = {provider: strict(provider, type_) for provider, type_ in PARAMS.items()}


def call_of(parameters: Parameters, *, left_out: frozenset[str] = frozenset(), stable: bool = False) -> Call:
    messages = [
        Message(MessageRole.SYSTEM, LONG, stable=stable),
        Message(MessageRole.USER, "Hello", stable=stable),
        Message(MessageRole.ASSISTANT, "Hi", stable=stable),
        Message(MessageRole.USER, "When?"),
    ]
    limits = Limits(connect_seconds=1, first_byte_seconds=1, idle_seconds=1, wire_bytes=1)
    return Call(
        "some-model", messages, parameters, Secret("sk-" + "x" * 40), "http://127.0.0.1:9", limits, left_out
    )


@both
@pytest.mark.parametrize("stable", [False, True])
def test_every_request_is_one_that_the_sdk_knows(provider: str, stable: bool) -> None:
    offs = ["", "disabled", "between_tools"] if provider == "anthropic" else [""]
    efforts = ["", *EFFORTS] if provider == "openai" else ["", "low", "medium", "high", "xhigh", "max"]
    temperatures = [None, 0.2] if provider == "openai" else [None]
    for temperature, effort, off in product(temperatures, efforts, offs):
        call = call_of(Parameters(temperature, effort, off, 4_096), stable=stable)

        validate(provider, TWINS[provider].sent(call))


@both
def test_what_holds_the_requests_detects(provider: str) -> None:
    body = TWINS[provider].sent(call_of(Parameters()))

    turns = [{"role": "user", "content": "Hi", "prefill": True}]
    for wrong in ({"temperatur": 0.2}, {"stream": "yes"}, {"model": 7}, {"messages": turns}):
        with pytest.raises(ValidationError):
            validate(provider, body | wrong)


def test_anthropics_requests_never_set_a_temperature() -> None:
    with pytest.raises(ValidationError):
        STRICT["anthropic"].validate_python(
            {**TWINS["anthropic"].sent(call_of(Parameters())), "temperature": 1.0}
        )

    assert "temperature" not in TWINS["anthropic"].sent(call_of(Parameters(temperature=0.2)))


def test_the_protocol_version_is_pinned_and_the_sdks_own() -> None:
    client = anthropic.Anthropic(api_key="none")

    assert anthropic_twin.API_VERSION == "2026-10-21"
    assert TWINS["anthropic"].fixed_headers == {"anthropic-version": anthropic_twin.API_VERSION}
    assert client.default_headers["anthropic-version"] == anthropic_twin.API_VERSION


@both
def test_what_is_left_out_is_not_sent(provider: str) -> None:
    twin = TWINS[provider]
    full = twin.sent(call_of(Parameters(0.2, "low", "disabled" if provider == "anthropic" else "")))
    for name in twin.optional:
        left = twin.sent(call_of(Parameters(0.2, "low", "disabled"), left_out=frozenset({name})))
        assert set(full) - set(left) == {name}, name
        validate(provider, left)


def test_a_stable_prefix_is_marked_for_anthropics_cache_when_it_is_long_enough() -> None:
    marked = TWINS["anthropic"].sent(call_of(Parameters(), stable=True))
    plain = TWINS["anthropic"].sent(call_of(Parameters()))

    assert marked["messages"][1]["content"] == [  # type: ignore[index]
        {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
    ]
    assert str(marked).count("cache_control") == 1
    assert "cache_control" not in str(plain)
