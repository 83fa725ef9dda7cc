"""OpenAI's rules, as published; see rules.py."""

from typing import NamedTuple

from .rules import FIVE_EFFORTS, FOUR_EFFORTS, Listed

CHAT_MODELS = "openai-python 3.54, types/shared/chat_model.py, with the shutdown dates in its docstring"
ALL_MODELS = "openai-python 3.54, types/shared/all_models.py: ids of the Responses API"
MEDIA_MODELS = (
    "openai-python 3.54, types/{embedding,audio,image,moderation,video}_model.py, audio/speech_model.py"
)
REASONING = "OpenAI's reasoning guide and model pages, developers.openai.com/api/docs, 2026-11-25"


class Family(NamedTuple):
    """How a family of OpenAI models takes a request.

    `api`: chat, responses (only there), audio (chat with audio in or out), completions or none (no chat at all).
    `sampling`: when temperature and similar parameters are accepted: always, unless_thinking or never. `refusal`: whether
    the error names the value (then the default is accepted) or the parameter. Without `efforts`, reasoning_effort is not
    known. `thinks`: the effort that applies if none is named, or None if the model cannot think.
    """

    source: str
    api: str = "chat"
    sampling: str = "always"
    refusal: str = "parameter"
    efforts: tuple[str, ...] = ()
    thinks: str | None = None
    max_output: int = 16_384
    context: int = 128_000


# What models of this series have in common; the rows below say the rest.
O_SERIES = Family(
    REASONING, sampling="never", efforts=("low", "medium", "high"), thinks="medium", max_output=100_000,
    context=200_000,
)  # fmt: skip
GPT_5 = Family(REASONING, sampling="unless_thinking", thinks="none", max_output=128_000, context=400_000)
GPT_6 = Family(REASONING, sampling="unless_thinking", thinks="medium", max_output=128_000, context=1_050_000)

FAMILIES: dict[str, Family] = {
    "gpt-4o": Family(REASONING),
    "gpt-4.1": Family(REASONING, max_output=32_768, context=1_047_576),
    "gpt-4": Family(REASONING, max_output=4_096),
    "gpt-5-chat": Family(REASONING),
    "o1": O_SERIES,
    "o3": O_SERIES._replace(refusal="value"),
    "gpt-5": GPT_5._replace(
        sampling="never", refusal="value", thinks="medium", efforts=("minimal", "low", "medium", "high")
    ),
    "gpt-5.1": GPT_5._replace(efforts=("none", "low", "medium", "high")),
    "gpt-5.2": GPT_5._replace(efforts=("none", *FOUR_EFFORTS)),
    "gpt-5.5": GPT_6._replace(refusal="value", efforts=("none", *FOUR_EFFORTS)),
    "gpt-5.6": GPT_6._replace(refusal="value", efforts=("none", *FIVE_EFFORTS)),
    "gpt-6": GPT_6._replace(efforts=("none", *FIVE_EFFORTS)),
    "gpt-6-astra": GPT_6._replace(sampling="never", efforts=FIVE_EFFORTS),
    "chat-latest": Family(REASONING, sampling="never", refusal="value", thinks="medium", efforts=("medium",)),
    "audio": Family(REASONING, api="audio"),
    "completions": Family(REASONING, api="completions"),
    "responses": Family(ALL_MODELS, api="responses"),
    "no chat": Family(MEDIA_MODELS, api="none"),
}

MODELS = (
    Listed("gpt-6-astra gpt-6.1-sol gpt-6.2-astra gpt-6.2-sol", "gpt-6-astra", CHAT_MODELS),
    Listed("gpt-6-luna gpt-6-sol gpt-6.1-terra", "gpt-6", CHAT_MODELS),
    Listed("gpt-5.6-luna gpt-5.6-sol gpt-5.6-terra", "gpt-5.6", CHAT_MODELS),
    Listed("gpt-5.5 gpt-5.5-2026-04-23", "gpt-5.5", CHAT_MODELS),
    Listed("gpt-5.4 gpt-5.4-mini gpt-5.4-mini-2026-03-17 gpt-5.2 gpt-5.2-2025-12-11", "gpt-5.2", CHAT_MODELS),
    Listed("gpt-5.4-nano gpt-5.4-nano-2026-03-17", "gpt-5.2", CHAT_MODELS, "2027-04-01"),
    Listed("gpt-5.1 gpt-5.1-2025-11-13", "gpt-5.1", CHAT_MODELS, "2027-04-01"),
    Listed(
        "gpt-5 gpt-5-mini gpt-5-nano gpt-5-2025-08-07 gpt-5-mini-2025-08-07 gpt-5-nano-2025-08-07",
        "gpt-5", CHAT_MODELS, "2026-12-11",
    ),
    Listed("o3 o3-2025-04-16", "o3", CHAT_MODELS, "2026-12-11"),
    Listed("o4-mini o4-mini-2025-04-16", "o3", CHAT_MODELS, "2026-10-23"),
    Listed("o1 o1-2024-12-17 o3-mini o3-mini-2025-01-31", "o1", CHAT_MODELS, "2026-10-23"),
    Listed("o1-mini o1-mini-2024-09-12", "o1", CHAT_MODELS, "2025-10-27"),
    Listed("o1-preview o1-preview-2024-09-12", "o1", CHAT_MODELS, "2025-07-28"),
    Listed("chat-latest", "chat-latest", REASONING),
    Listed("gpt-5.3-chat-latest gpt-5.2-chat-latest", "chat-latest", CHAT_MODELS, "2026-08-10"),
    Listed("gpt-5.1-chat-latest", "chat-latest", CHAT_MODELS, "2026-07-23"),
    Listed("gpt-5-chat-latest", "gpt-5-chat", CHAT_MODELS, "2026-07-23"),
    Listed(
        "gpt-4o gpt-4o-2024-11-20 gpt-4o-2024-08-06 gpt-4o-mini gpt-4o-mini-2024-07-18",
        "gpt-4o", CHAT_MODELS, "2027-01-14",
    ),
    Listed("gpt-4o-2024-05-13", "gpt-4", CHAT_MODELS, "2026-10-23"),
    Listed(
        "gpt-4o-search-preview gpt-4o-search-preview-2025-03-11 gpt-4o-mini-search-preview "
        "gpt-4o-mini-search-preview-2025-03-11",
        "gpt-4o", CHAT_MODELS, "2026-07-23",
    ),
    Listed("chatgpt-4o-latest", "gpt-4o", CHAT_MODELS, "2026-02-17"),
    Listed(
        "gpt-4.1 gpt-4.1-mini gpt-4.1-2025-04-14 gpt-4.1-mini-2025-04-14", "gpt-4.1", CHAT_MODELS, "2027-01-14",
    ),
    Listed("gpt-4.1-nano gpt-4.1-nano-2025-04-14", "gpt-4.1", CHAT_MODELS, "2026-10-23"),
    Listed(
        "gpt-4-turbo gpt-4-turbo-2024-04-09 gpt-4-1106-preview gpt-4 gpt-4-0613 gpt-3.5-turbo gpt-3.5-turbo-0125",
        "gpt-4", CHAT_MODELS, "2026-10-23",
    ),
    Listed("gpt-3.5-turbo-1106", "gpt-4", CHAT_MODELS, "2026-09-28"),
    Listed("gpt-4-0125-preview gpt-4-turbo-preview gpt-4-0314", "gpt-4", CHAT_MODELS, "2026-03-26"),
    Listed("gpt-4-32k gpt-4-32k-0314 gpt-4-32k-0613", "gpt-4", CHAT_MODELS, "2025-06-06"),
    Listed("gpt-4-vision-preview", "gpt-4", CHAT_MODELS, "2024-12-06"),
    Listed(
        "gpt-3.5-turbo-16k gpt-3.5-turbo-0301 gpt-3.5-turbo-0613 gpt-3.5-turbo-16k-0613",
        "gpt-4", CHAT_MODELS, "2024-09-13",
    ),
    Listed("gpt-audio-mini gpt-audio-mini-2025-12-15", "audio", CHAT_MODELS, "2027-01-20"),
    Listed(
        "gpt-4o-audio-preview gpt-4o-audio-preview-2024-12-17 gpt-4o-audio-preview-2025-06-03 "
        "gpt-4o-mini-audio-preview gpt-4o-mini-audio-preview-2024-12-17",
        "audio", CHAT_MODELS, "2026-05-07",
    ),
    Listed("gpt-4o-audio-preview-2024-10-01", "audio", CHAT_MODELS, "2025-10-10"),
    Listed("gpt-5.2-pro gpt-5.2-pro-2025-12-11", "responses", REASONING),
    Listed("gpt-5.1-codex", "responses", CHAT_MODELS, "2026-07-23"),
    Listed("codex-mini-latest", "responses", CHAT_MODELS, "2026-02-12"),
    Listed(
        "gpt-5.5-pro gpt-5.5-pro-2026-04-23 gpt-5-pro gpt-5-pro-2025-10-06 gpt-5-codex gpt-5.1-codex-max o1-pro "
        "o1-pro-2025-03-19 o3-pro o3-pro-2025-06-10 o3-deep-research o3-deep-research-2025-06-26 "
        "o4-mini-deep-research o4-mini-deep-research-2025-06-26 computer-use-preview "
        "computer-use-preview-2025-03-11 gpt-daybreak-blue-latest gpt-daybreak-red-latest gpt-5.6-cyber gpt-6-cyber "
        "gpt-rosalind-research gpt-6-rosalind gpt-6.2-astra-law",
        "responses", ALL_MODELS,
    ),
    Listed("text-embedding-3-small text-embedding-3-large text-embedding-ada-002", "no chat", MEDIA_MODELS),
    Listed(
        "omni-moderation-latest omni-moderation-2024-09-26 text-moderation-latest text-moderation-stable "
        "sora-2 sora-2-pro sora-2-2025-10-06 sora-2-pro-2025-10-06 sora-2-2025-12-08 gpt-transcribe "
        "chatgpt-image-latest gpt-image-1-mini gpt-image-1.5 gpt-image-2 gpt-image-2-2026-04-21 "
        "gpt-image-2.5-flare gpt-image-2.5-flare-2026-09-08 gpt-image-2.5-sunburst "
        "gpt-image-2.5-sunburst-2026-09-08 gpt-image-2.6-flare gpt-image-2.6-sunburst",
        "no chat", MEDIA_MODELS,
    ),
    Listed(
        "whisper-1 gpt-4o-transcribe gpt-4o-mini-transcribe gpt-4o-mini-transcribe-2025-12-15 "
        "gpt-4o-transcribe-diarize",
        "no chat", MEDIA_MODELS, "2027-02-26",
    ),
    Listed("tts-1 tts-1-hd gpt-4o-mini-tts gpt-4o-mini-tts-2025-12-15", "no chat", MEDIA_MODELS, "2027-01-06"),
    Listed("gpt-image-1", "no chat", MEDIA_MODELS, "2026-10-23"),
    Listed("dall-e-2 dall-e-3", "no chat", MEDIA_MODELS, "2026-05-12"),
    Listed("babbage-002 davinci-002", "completions", REASONING),
)  # fmt: skip
# The SDK's list has this id, although the docstring says that it is no model.
NEVER_A_MODEL = {"gpt-5.1-mini"}
RELEASED = {"gpt-6-luna": "2026-09-22", "gpt-6-sol": "2026-09-22"}


# openai-python 3.54, types/chat/completion_create_params.py and chat_completion_message_param.py.
PARAMS = frozenset(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages "
    "metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed "
    "service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
    "web_search_options".split()
)
ROLES = ("system", "assistant", "user", "function", "tool", "developer")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# What a model that thinks refuses besides temperature, each with the value that has no effect (reasoning guide).
SAMPLING = {
    "temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "logprobs": False,
    "top_logprobs": 0, "logit_bias": None,
}  # fmt: skip
