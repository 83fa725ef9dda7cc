"""The prompt that a reply sent: what is stored of it with the reply, and how it is rebuilt.

Only parts that could change or are nowhere else are stored: the system prompt, the ids of the earlier replies, the
parameters. The question, the passages and the earlier turns are rows that never change. A digest of all messages,
made when they were sent, shows whether a rebuilt prompt equals the sent one in every character.
"""

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from uuid import UUID

from agents.knowledge import prompt
from agents.knowledge.found import Found
from agents.knowledge.prompt import EarlierTurn
from agents.models import Reply
from llm import gateway
from llm.profiles import Parameters
from llm.providers.base import Message

# The fastest compression: a system prompt of 2,000 characters takes 30 microseconds.
COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class Sent:
    """A prompt as it was sent, or as far as it can still be rebuilt.

    `is_exact`: by their digest, the messages are those that were sent. `left_out`: parameters that were not sent, in
    the provider's words. `body`: the JSON of the last attempt's request.
    """

    messages: list[Message] = field(repr=False)
    parameters: Parameters
    left_out: frozenset[str]
    body: dict[str, object] = field(repr=False)
    is_exact: bool


def kept(
    messages: Sequence[Message],
    turns: Sequence[EarlierTurn],
    *,
    has_knowledge: bool,
    parameters: Parameters,
    left_out: frozenset[str],
) -> bytes:
    """What to store of a prompt. `turns`: the earlier turns in `messages`. `has_knowledge`: the agent has sources."""
    found = {
        "system": messages[0].text,
        "turns": [turn.reply_id.hex for turn in turns if turn.reply_id],
        # The name that stored prompts have for it.
        "with_facts": has_knowledge,
        "stable": sum(message.stable for message in messages),
        "parameters": asdict(parameters),
        "left_out": sorted(left_out),
        "digest": _digest(messages),
    }
    return zlib.compress(json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass"), COMPRESSION)


def _digest(messages: Sequence[Message]) -> str:
    said = hashlib.sha256()
    for message in messages:
        # Each part with its length, so that no two lists of messages give the same bytes.
        text = message.text.encode("utf-8", "surrogatepass")
        said.update(f"{message.role} {len(text)}\0".encode())
        said.update(text)
    return said.hexdigest()


def of(reply: Reply) -> Sent | None:
    """The prompt that `reply` sent; None if none is stored. One query."""
    if reply.prompt is None:
        return None
    found = json.loads(zlib.decompress(bytes(reply.prompt)).decode("utf-8", "surrogatepass"))
    passages = [Found(one["heading"], one["text"], one["title"]) for one in reply.sources]
    messages = prompt.in_order(
        system=found["system"],
        turns=_turns(reply, [UUID(turn) for turn in found["turns"]]),
        asked=prompt.with_passages(reply.question, passages if found["with_facts"] else None),
        stable=found["stable"],
    )
    parameters = Parameters(**found["parameters"])
    left_out = frozenset(found["left_out"]) | frozenset(reply.left_out.split())
    return Sent(
        messages,
        parameters,
        left_out,
        body=gateway.request_body(
            provider=reply.provider,
            model_id=reply.model_id,
            messages=messages,
            parameters=parameters,
            left_out=left_out,
        ),
        is_exact=_digest(messages) == found["digest"],
    )


def _turns(reply: Reply, ids: list[UUID]) -> list[EarlierTurn]:
    rows = Reply.objects.filter(workspace_id=reply.workspace_id, pk__in=ids).only("question", "text")
    by_id = {row.pk: EarlierTurn(row.question, row.text, row.pk) for row in rows}
    return [by_id[one] for one in ids if one in by_id]
