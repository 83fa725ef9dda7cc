"""The rules are the published ones: where they repeat a locked SDK, they and it agree, or the SDK was bumped."""

import inspect
import re
from datetime import datetime
from typing import Any, get_args, get_type_hints

import pytest
from anthropic._constants import ANTHROPIC_API_VERSION
from anthropic.resources.messages.messages import DEPRECATED_MODELS
from anthropic.types import message_create_params as claude_params
from anthropic.types import output_config_param, thinking_config_param
from anthropic.types.model import Model as ClaudeModel
from openai.types import (
    AudioModel,
    EmbeddingModel,
    ImageModel,
    ModerationModel,
    VideoModel,
    audio_model,
    image_model,
)
from openai.types.audio import SpeechModel, speech_model
from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat import completion_create_params as openai_params
from openai.types.shared import chat_model
from openai.types.shared.all_models import AllModels
from openai.types.shared.reasoning_effort import ReasoningEffort

from . import anthropic_rules, openai_rules
from .anthropic_checks import TYPES
from .anthropic_errors import ERRORS as ANTHROPIC_ERRORS
from .openai_errors import ERRORS as OPENAI_ERRORS
from .rules import FIVE_EFFORTS, THINKING_TOKENS, Listed

TABLES = [
    pytest.param(openai_rules.MODELS, openai_rules.FAMILIES, id="openai"),
    pytest.param(anthropic_rules.MODELS, anthropic_rules.FAMILIES, id="anthropic"),
]


def names(literal: Any) -> set[str]:
    """The strings that a type allows by name."""
    return {name for part in get_args(literal) for name in ({part} if isinstance(part, str) else names(part))}


def keys(*typed: Any) -> set[str]:
    """The members of TypedDicts, inherited ones too."""
    return {name for one in typed for name in one.__annotations__}


def ids(rows: tuple[Listed, ...]) -> list[str]:
    return [name for row in rows for name in row.ids.split()]


@pytest.mark.parametrize(("rows", "families"), TABLES)
def test_every_row_names_its_source_and_no_model_is_listed_twice(
    rows: tuple[Listed, ...], families: dict[str, Any]
) -> None:
    assert all(row.source and families[row.family].source for row in rows)
    assert {row.family for row in rows} == set(families)
    assert len(ids(rows)) == len(set(ids(rows)))


def test_openai_parameters_are_those_of_the_sdk() -> None:
    streaming, whole = (
        openai_params.CompletionCreateParamsStreaming,
        openai_params.CompletionCreateParamsNonStreaming,
    )
    assert keys(streaming, whole) == openai_rules.PARAMS
    roles = [get_type_hints(one)["role"] for one in get_args(ChatCompletionMessageParam)]
    assert set().union(*map(names, roles)) == set(openai_rules.ROLES)
    assert names(ReasoningEffort) == set(openai_rules.EFFORTS) == set(THINKING_TOKENS)


def test_anthropic_parameters_are_those_of_the_sdk() -> None:
    streaming, whole = (
        claude_params.MessageCreateParamsStreaming,
        claude_params.MessageCreateParamsNonStreaming,
    )
    assert keys(streaming, whole) == anthropic_rules.PARAMS | anthropic_rules.HEADER_PARAMS
    assert names(get_type_hints(output_config_param.OutputConfigParam)["effort"]) == set(FIVE_EFFORTS)
    kinds = [get_type_hints(one)["type"] for one in get_args(thinking_config_param.ThinkingConfigParam)]
    assert set().union(*map(names, kinds)) == set(TYPES)


def test_the_sdk_speaks_the_newest_protocol_version_known() -> None:
    assert max(anthropic_rules.VERSIONS) == ANTHROPIC_API_VERSION


def test_openai_models_are_those_of_the_sdk() -> None:
    media = (AudioModel, EmbeddingModel, ImageModel, ModerationModel, SpeechModel, VideoModel)
    known = set().union(*map(names, (AllModels, *media)))
    ours = set(ids(openai_rules.MODELS))
    assert known - ours == openai_rules.NEVER_A_MODEL
    assert ours - known == {"chat-latest", "babbage-002", "davinci-002"}
    family = {name: row.family for row in openai_rules.MODELS for name in row.ids.split()}
    assert {family[name] for name in names(AllModels) - names(chat_model.ChatModel)} == {"responses"}


def test_anthropic_models_are_those_of_the_sdk() -> None:
    assert set(ids(anthropic_rules.MODELS)) == names(ClaudeModel) | set(DEPRECATED_MODELS)


@pytest.mark.parametrize("module", [chat_model, audio_model, speech_model])
def test_openai_shutdown_dates_are_those_of_the_sdk(module: Any) -> None:
    """They are in the docstring below each list of ids."""
    notes = inspect.getsource(module).split("Deprecated values:")[1]
    announced = {
        name: when
        for note in notes.split("\n- ")
        if (dated := re.search(r"Announced\s+shutdown\s+date:\s+(\d{4}-\d\d-\d\d)", note))
        and (when := dated[1])
        for name in re.findall(r'"([\w.-]+)"', note)
    }
    ours = {name: row.gone_on for row in openai_rules.MODELS for name in row.ids.split()}
    assert announced
    assert {name: ours[name] for name in announced} == announced
    listed = names(next(value for name, value in vars(module).items() if name.endswith("Model")))
    assert {name for name in listed & set(ours) if ours[name]} == set(announced)


def test_openai_images_that_are_gone_are_those_of_the_sdk() -> None:
    notes = inspect.getsource(image_model)
    assert '"dall-e-2", "dall-e-3": This model was retired on May 12, 2026' in notes
    assert '"gpt-image-1": GPT Image 1 was shut down on October 23, 2026' in notes


def test_anthropic_retirements_are_those_of_the_sdk() -> None:
    ours = {name: row.gone_on for row in anthropic_rules.MODELS for name in row.ids.split() if row.gone_on}
    plain = {name: re.sub(r"(\d)(st|nd|rd|th)\b", r"\1", told) for name, told in DEPRECATED_MODELS.items()}
    assert ours == {
        name: datetime.strptime(told, "%B %d, %Y").date().isoformat() for name, told in plain.items()
    }


def test_both_providers_have_an_error_of_every_meaning() -> None:
    assert set(OPENAI_ERRORS) == set(ANTHROPIC_ERRORS)
