"""Prompts for the prompt inspector: messages, parameters, and what is left out. For display only; decides nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.model_settings import EFFORT_WORDS
from agents.models import Reply
from agents.running import Draft
from agents.sent_prompts import Sent
from llm import gateway
from llm.profiles import Temperature
from llm.providers.base import Message, MessageRole

# The parts of a request's body that hold the messages; all others are shown as parameters.
MESSAGES = ("messages", "system")
BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Part:
    """One message: whose it is, what kind of part it is, its text."""

    role: MessageRole
    label: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A prompt. `parameters`: names, in the provider's words, and values.

    `left_out`: sentences. `body`: the request's JSON.

    `tokens`: an estimate of the messages' tokens.
    """

    parts: list[Part]
    parameters: list[tuple[str, str]]
    left_out: list[str]
    body: str = field(repr=False)
    tokens: int


def of_draft(draft: Draft) -> Shown:
    """What a message would send. `draft` must be one that asks a provider."""
    admitted = draft.admitted
    body = gateway.request_body(
        provider=admitted.provider,
        model_id=admitted.model_id,
        messages=draft.messages,
        parameters=draft.parameters,
        left_out=admitted.left_out,
    )
    return _shown(draft.messages, body, left_out=_passed_over(draft))


def of_reply(reply: Reply, sent: Sent) -> Shown:
    """What `reply` sent."""
    refused = [f"{name}: {reply.model_id} refused it." for name in sorted(sent.left_out)]
    return _shown(sent.messages, sent.body, left_out=refused)


def _shown(messages: Sequence[Message], body: dict[str, object], *, left_out: list[str]) -> Shown:
    return Shown(
        parts=[_part(message, is_last=message is messages[-1]) for message in messages],
        parameters=[
            (name, json.dumps(value, ensure_ascii=False))
            for name, value in body.items()
            if name not in MESSAGES
        ],
        left_out=left_out,
        body=json.dumps(body, indent=2, ensure_ascii=False),
        tokens=_tokens(messages),
    )


def _part(message: Message, *, is_last: bool) -> Part:
    labels = {MessageRole.SYSTEM: "Instructions", MessageRole.ASSISTANT: "Earlier answer"}
    label = "This message" if is_last else labels.get(message.role, "Earlier message")
    return Part(message.role, label, message.text)


def _tokens(messages: Sequence[Message]) -> int:
    size = sum(len(message.text.encode("utf-8", "replace")) for message in messages)
    return -(-size // BYTES_PER_TOKEN)


def _passed_over(draft: Draft) -> list[str]:
    """The settings of the agent, or those tried in the conversation, that are not sent."""
    admitted, sent, wish = draft.admitted, draft.parameters, draft.admitted.wish
    name, profile = admitted.model_name, admitted.profile
    told = [f"{refused}: {name} refused it before." for refused in sorted(admitted.left_out)]
    if wish.temperature is not None and sent.temperature is None and "temperature" not in admitted.left_out:
        only = " while it thinks" if profile.temperature is Temperature.WITHOUT_THINKING else ""
        told.append(f"The temperature of {wish.temperature:g}: {name} takes none{only}.")
    if wish.effort and wish.effort not in profile.efforts:
        told.append(f"The effort “{EFFORT_WORDS.get(wish.effort, wish.effort)}”: {name} does not offer it.")
    if wish.output_limit and sent.max_output_tokens < wish.output_limit:
        told.append(f"The output limit of {wish.output_limit:,} tokens: {name} writes fewer.")
    return told
