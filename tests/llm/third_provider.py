"""Parrot, a provider that does not exist: what CONTRIBUTING.md asks for when a provider is added, and no more."""

from typing import Any

import openai

from llm.profiles import ListedProfile
from llm.providers import events
from llm.providers.base import Call, Fault, Finish, Listing, ResponseMetadata
from llm.providers.clients import Sdk
from llm.providers.refusals import Refusals, row
from llm.providers.roster import KeyedProvider
from llm.providers.twin import Twin

# This would stand in llm/providers/roster.py.
PARROT = KeyedProvider(
    name="parrot",
    label="Parrot",
    module="tests.llm.third_provider",
    base_url="https://api.parrot.example",
    key_prefix="prt-",
    new_key_prefix="prt-live-",
    key_page="https://parrot.example/keys",
    permissions="Any key will do.",
    model_ids="parrot",
    families={"parrot": "Parrot "},
    effort_parameter="squawk",
)


def body(call: Call) -> dict[str, object]:
    return {
        "bird": call.model_id,
        "heard": [f"{one.role}: {one.text}" for one in call.messages],
        "squawk": call.parameters.effort or "low",
        "most": call.parameters.max_output_tokens,
    }


def text_of(data: bytes, metadata: ResponseMetadata) -> str | None:
    event = events.parse(data)
    if "message" in event:
        raise events.error_event(REFUSALS, event, metadata)
    if "end" in event:
        metadata.finish = Finish.LENGTH if event["end"] == "breathless" else Finish.STOP
        metadata.input_tokens = events.count(event["heard"])
        metadata.output_tokens = events.count(event["said"])
        return None
    return str(event.get("say", ""))


def row_of(row: dict[str, Any]) -> Listing:
    return Listing(
        row["id"], row["id"].title(), ListedProfile(context_tokens=events.count(row.get("memory")))
    )


# An error is the whole body, as some services that are compatible with OpenAI write it.
REFUSALS = Refusals(
    is_own=lambda body, error: body.get("bird") == "parrot",
    table=(row(Fault.NO_FUNDS, code="no_seeds"), row(Fault.DECLINED, phrases=("rude",))),
    member="",
)

TWIN = Twin(
    # Any service whose requests are JSON can be asked through this client.
    sdk=Sdk(openai.AsyncOpenAI, stream=openai.AsyncStream, status_error=openai.APIStatusError),
    path="/talk",
    body=body,
    optional=frozenset({"squawk"}),
    text_of=text_of,
    refusals=REFUSALS,
    list_path=lambda after: "/birds",
    row_of=row_of,
)
