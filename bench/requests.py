"""The cost of making a request: a twin's raw `post` beside the SDK's typed call; the transport answers at once.

No network and no server: CPU alone, in this process (docs/decisions/0011-requests-held-to-the-sdks-types.md).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import httpx2
import openai

from bench.report import Table, ratios, spread, times
from bench.stage import Stage
from llm.profiles import Parameters
from llm.providers.base import Call, Limits, Message, MessageRole
from llm.providers.twin import Twin

TURNS = [
    Message(MessageRole.USER, "When does the shop open? " * 10),
    Message(MessageRole.ASSISTANT, "At nine. " * 30),
] * 6
MESSAGES = [
    Message(MessageRole.SYSTEM, "Answer briefly. " * 250),
    *TURNS,
    Message(MessageRole.USER, "And on Sunday?"),
]
BASE = "http://127.0.0.1:9"
LIMITS = Limits(connect_seconds=5, first_byte_seconds=60, idle_seconds=30, wire_bytes=1_000_000)
HEADERS = {"Authorization": "Bearer of-nothing"}
Ask = Callable[[], Awaitable[None]]


def measure(stage: Stage) -> list[Table]:
    calls = 100 if stage.quick else 500
    seen: dict[str, list[float]] = {}
    for _ in range(stage.rounds):
        for name, microseconds in asyncio.run(_round(calls)).items():
            seen.setdefault(name, []).append(microseconds)
    table = Table("CPU to ask a provider once (µs)", ["", "µs a call", "÷ ours"])
    for provider in ("OpenAI", "Anthropic"):
        ours = seen[f"{provider}, ours"]
        for way in ("ours", "typed call"):
            values = seen[f"{provider}, {way}"]
            table.rows.append([f"{provider}, {way}", spread(values), times(ratios(values, ours))])
    table.data = seen
    return [table]


async def _round(calls: int) -> dict[str, float]:
    return {name: await _cost(ask, calls) for name, ask in _ways().items()}


async def _cost(ask: Ask, calls: int) -> float:
    await ask()
    began = time.process_time()
    for _ in range(calls):
        await ask()
    return (time.process_time() - began) / calls * 1e6


def _ways() -> dict[str, Ask]:
    from llm.providers import anthropic as anthropic_twin
    from llm.providers import openai as openai_twin

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(_answer))
    ours_openai = openai.AsyncOpenAI(api_key="none", base_url=BASE, max_retries=0, http_client=http)
    ours_anthropic = anthropic.AsyncAnthropic(api_key="none", base_url=BASE, max_retries=0, http_client=http)

    async def typed_openai() -> None:
        body: Any = openai_twin.TWIN.sent(_call())
        async with ours_openai.chat.completions.with_streaming_response.create(**body, extra_headers=HEADERS):
            pass

    async def typed_anthropic() -> None:
        body: Any = anthropic_twin.TWIN.sent(_call())
        async with ours_anthropic.messages.with_streaming_response.create(**body, extra_headers=HEADERS):
            pass

    return {
        "OpenAI, ours": _raw(openai_twin.TWIN, ours_openai),
        "OpenAI, typed call": typed_openai,
        "Anthropic, ours": _raw(anthropic_twin.TWIN, ours_anthropic),
        "Anthropic, typed call": typed_anthropic,
    }


def _raw(twin: Twin, client: Any) -> Ask:
    async def ask() -> None:
        options = {"headers": HEADERS | dict(twin.fixed_headers)}
        response = await client.post(
            twin.path,
            cast_to=httpx2.Response,
            body=twin.sent(_call()),
            options=options,
            stream=True,
            stream_cls=twin.sdk.stream,
        )
        await response.aclose()

    return ask


class NoSecret:
    def reveal(self) -> str:
        return "of-nothing"


def _call() -> Call:
    return Call("some-model", MESSAGES, Parameters(), NoSecret(), BASE, LIMITS)


def _answer(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"data: [DONE]\n\n")
