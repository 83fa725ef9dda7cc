"""The two official SDKs behind one interface, so that one test can check what holds for both."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Protocol

import anthropic
import openai

SECRETS = {
    "openai": "sk-proj-works-0000000000000000a1B2",
    "anthropic": "sk-ant-api03-works-0000000000000000a1B2",
}
SECRET = SECRETS["openai"]
QUESTION = "How do I bring my own key"


@dataclass
class Heard:
    """What a client got of a reply: its texts as they came, its finish reason, and its count of output tokens."""

    texts: list[str] = field(default_factory=list)
    finish: str | None = None
    tokens: int | None = None

    @property
    def text(self) -> str:
        return "".join(self.texts)


class Sdk(Protocol):
    """Ask as a whole or as a stream; `hear` hands out each text as it comes, into `heard`."""

    name: str
    errors: Any
    heard: Heard

    def ask(self, **options: Any) -> Heard: ...
    def hear(self, **options: Any) -> Generator[str, None, None]: ...
    def stream(self, **options: Any) -> Heard: ...
    def models(self) -> list[str]: ...
    def using(self, secret: str) -> "Sdk": ...


class OpenAI:
    name = "openai"
    errors: Any = openai

    def __init__(self, client: openai.OpenAI) -> None:
        self.client = client
        self.heard = Heard()

    def request(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": QUESTION}], **options}

    def ask(self, **options: Any) -> Heard:
        completion = self.client.chat.completions.create(**self.request(options))
        choice = completion.choices[0]
        text = choice.message.content or choice.message.refusal or ""
        return Heard([text], choice.finish_reason, completion.usage.completion_tokens)

    def hear(self, **options: Any) -> Generator[str, None, None]:
        self.heard = Heard()
        asked = {"stream_options": {"include_usage": True}, **self.request(options), "stream": True}
        with self.client.chat.completions.create(**asked) as stream:
            for chunk in stream:
                for choice in chunk.choices:
                    self.heard.finish = choice.finish_reason or self.heard.finish
                    if text := choice.delta.content or choice.delta.refusal:
                        self.heard.texts.append(text)
                        yield text
                if chunk.usage:
                    self.heard.tokens = chunk.usage.completion_tokens

    def stream(self, **options: Any) -> Heard:
        for _ in self.hear(**options):
            pass
        return self.heard

    def models(self) -> list[str]:
        return [model.id for model in self.client.models.list()]

    def using(self, secret: str) -> "OpenAI":
        return OpenAI(self.client.with_options(api_key=secret))


class Anthropic:
    name = "anthropic"
    errors: Any = anthropic

    def __init__(self, client: anthropic.Anthropic) -> None:
        self.client = client
        self.heard = Heard()

    def request(self, options: dict[str, Any]) -> dict[str, Any]:
        messages = [{"role": "user", "content": QUESTION}]
        return {"model": "claude-sonnet-4-6", "max_tokens": 1000, "messages": messages, **options}

    def ask(self, **options: Any) -> Heard:
        message = self.client.messages.create(**self.request(options))
        text = "".join(block.text for block in message.content if block.type == "text")
        return Heard([text], message.stop_reason, message.usage.output_tokens)

    def hear(self, **options: Any) -> Generator[str, None, None]:
        self.heard = Heard()
        with self.client.messages.create(**self.request(options), stream=True) as stream:
            for event in stream:
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    self.heard.texts.append(event.delta.text)
                    yield event.delta.text
                elif event.type == "message_delta":
                    self.heard.finish = event.delta.stop_reason
                    self.heard.tokens = event.usage.output_tokens

    def stream(self, **options: Any) -> Heard:
        for _ in self.hear(**options):
            pass
        return self.heard

    def models(self) -> list[str]:
        return [model.id for model in self.client.models.list(limit=8)]

    def using(self, secret: str) -> "Anthropic":
        return Anthropic(self.client.with_options(api_key=secret))
